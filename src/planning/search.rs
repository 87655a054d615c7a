//! The setting at which targets begin to be met, on a whole-number scale, by runs on the same random numbers.
//!
//! First a scan from the end that should meet them towards the other, in steps of a factor; it tells whether the
//! targets are monotone in the setting. Then, within the step in which they cease to be met, bisection: once for what
//! the intervals do not rule out, once for the means, once for what the intervals show. A run serves all three.
//!
//! Most of bisection's middles are not run: the two settings that it would end at are foreseen from how far the runs
//! around them are from the targets, and run. Where both turn out as foreseen, the targets being monotone between the
//! runs, bisection would have ended there too; else what they show is used to foresee better.
//!
//! Left out: settings with gaps.

use super::SearchOutcome;
use super::study::{Confidence, Trial};
use crate::metrics::target::Target;
use std::collections::BTreeMap;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The end at which the targets are met, if anywhere.
    pub best: u64,
    /// The other end.
    pub worst: u64,
    /// Factor of the scan's steps, above 1.
    pub step: f64,
    /// Steps of the scan beyond the first at which the targets are surely not met.
    pub beyond: u32,
    /// Width at which bisection stops, as a share of the setting.
    pub tolerance: f64,
}

/// How much of a run is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It may be given up once it surely misses a target.
    Partial,
    /// All of it.
    Whole,
}

/// Times that the end of a bisection is foreseen before its middles are run in turn.
const FORESEEN: u32 = 6;

/// How far a value is from its limit, as a share of it, that is next to nothing.
const NEXT_TO_NOTHING: f64 = 0.95;

/// Steps of the scan where nothing meets the targets: it may be the other end that does.
const UNMET: u32 = 7;

/// What was found.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// How it ended.
    pub outcome: SearchOutcome,
    /// The last setting towards the worst end at which the intervals show that the targets are met.
    pub sure: Option<u64>,
    /// The last at which the means do.
    pub mean: Option<u64>,
    /// The first at which the intervals rule it out; the last that was tried where they nowhere do.
    pub ruled_out: Option<u64>,
    /// Every run, by setting.
    pub trials: BTreeMap<u64, Trial>,
}

impl SearchResult {
    /// How it ended once runs with fresh seeds have checked it; a note says so where they do not keep
    /// the targets.
    pub fn checked(
        &self,
        checks: &[Trial],
        targets: &[Target],
        notes: &mut Vec<String>,
    ) -> SearchOutcome {
        if checks
            .last()
            .is_none_or(|t| t.meets(targets, Confidence::Mean))
        {
            return self.outcome;
        }
        notes.push("the targets are not met with fresh seeds: use more replications".to_owned());
        SearchOutcome::NoneReaches
    }
}

struct Search<'a, E> {
    range: Range,
    targets: &'a [Target],
    run: &'a mut dyn FnMut(u64, Completeness) -> Result<Trial, E>,
    trials: BTreeMap<u64, Trial>,
    /// Settings of the scan and middles of the bisections so far, run or not.
    stations: Vec<u64>,
}

/// Searches; `run` gives the run at a setting. `trials` are runs that exist already.
///
/// # Errors
/// The first of `run`.
pub fn search<E>(
    range: Range,
    targets: &[Target],
    trials: BTreeMap<u64, Trial>,
    run: &mut dyn FnMut(u64, Completeness) -> Result<Trial, E>,
) -> Result<SearchResult, E> {
    let mut s = Search {
        range,
        targets,
        run,
        trials,
        stations: Vec::new(),
    };
    s.scan()?;
    s.stations.extend(s.trials.keys());
    let outcome = s.outcome();
    let (mut sure, mut mean, mut ruled_out) = (None, None, None);
    if outcome == SearchOutcome::Found {
        ruled_out = Some(s.boundary(Confidence::Possible)?.1);
        mean = Some(s.boundary(Confidence::Mean)?.0);
        sure = Some(s.boundary(Confidence::Sure)?.0);
    }
    // What bisection has run may show what the scan stepped over.
    let outcome = if s.is_monotone() {
        outcome
    } else {
        SearchOutcome::NotMonotone
    };
    Ok(SearchResult {
        outcome,
        sure,
        mean,
        ruled_out,
        trials: s.trials,
    })
}

impl<E> Search<'_, E> {
    fn meets(&mut self, at: u64, level: Confidence) -> Result<bool, E> {
        if !self.trials.contains_key(&at) {
            let trial = (self.run)(at, Completeness::Partial)?;
            self.trials.insert(at, trial);
        }
        Ok(self.known(at, level))
    }

    fn known(&self, at: u64, level: Confidence) -> bool {
        let trial = self.trials.get(&at);
        trial.is_some_and(|t| t.meets(self.targets, level))
    }

    /// The next setting of the scan towards the worst end.
    fn next(&self, at: u64) -> u64 {
        let Range {
            best, worst, step, ..
        } = self.range;
        if worst < best {
            ((at as f64 / step).floor() as u64)
                .min(at.saturating_sub(1))
                .max(worst)
        } else {
            ((at as f64 * step).ceil() as u64).max(at + 1).min(worst)
        }
    }

    /// Runs the steps from the best end until the targets are surely not met, and some beyond.
    fn scan(&mut self) -> Result<(), E> {
        let mut at = self.range.best;
        let (mut beyond, mut most) = (0, UNMET);
        loop {
            if self.meets(at, Confidence::Possible)? {
                most = self.range.beyond;
            } else {
                beyond += 1;
            }
            if at == self.range.worst || beyond > most {
                return Ok(());
            }
            at = self.next(at);
        }
    }

    /// The settings that were run, from the best end to the worst.
    fn in_order(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.trials.keys().copied().collect();
        if self.range.worst < self.range.best {
            all.reverse();
        }
        all
    }

    /// Nothing that surely meets the targets lies beyond something that surely does not.
    fn is_monotone(&self) -> bool {
        let mut failed = false;
        self.in_order().into_iter().all(|at| {
            failed |= !self.known(at, Confidence::Possible);
            !(failed && self.known(at, Confidence::Sure))
        })
    }

    fn outcome(&self) -> SearchOutcome {
        let order = self.in_order();
        let reached_worst = self.trials.contains_key(&self.range.worst);
        if !self.is_monotone() {
            SearchOutcome::NotMonotone
        } else if !self.known(self.range.best, Confidence::Sure) {
            SearchOutcome::NoneReaches
        } else if reached_worst && order.iter().all(|at| self.known(*at, Confidence::Sure)) {
            SearchOutcome::AllMeet
        } else {
            SearchOutcome::Found
        }
    }

    /// The last setting towards the worst end that meets the targets at a level, and the first that does not, to the
    /// tolerance; twice the same where all do.
    fn boundary(&mut self, level: Confidence) -> Result<(u64, u64), E> {
        for round in 0.. {
            let Some(path) = self.foresee(level) else {
                break;
            };
            let open = path.open.filter(|_| round >= FORESEEN || !path.is_foreseen);
            let mut asked = open.into_iter().chain([path.good, path.bad]);
            if let Some(at) = asked.find(|at| !self.trials.contains_key(at)) {
                self.meets(at, level)?;
            } else if self.trials.get(&path.bad).is_some_and(|t| t.cut_short) {
                let whole = (self.run)(path.bad, Completeness::Whole)?;
                self.trials.insert(path.bad, whole);
            } else {
                self.stations.extend(path.middles);
                return Ok((path.good, path.bad));
            }
        }
        let last = self.in_order().last().copied();
        let last = last.unwrap_or(self.range.best);
        Ok((last, last))
    }

    /// Whether a setting is nearer to the best end than another.
    fn is_better(&self, a: u64, b: u64) -> bool {
        if self.range.worst < self.range.best {
            a > b
        } else {
            a < b
        }
    }

    /// The way that bisection takes, as far as the runs tell, and as foreseen where they do not; `None` where all runs meet
    /// the targets.
    fn foresee(&self, level: Confidence) -> Option<Bisection> {
        let runs = self.in_order();
        let first_bad = runs.iter().position(|&at| !self.known(at, level))?;
        let known_bad = runs[first_bad];
        let known_good = runs[first_bad.saturating_sub(1)];
        let edge = self.edge(known_good, known_bad, level);
        let mut open = None;
        let mut is_good = |at: u64| {
            if self.trials.contains_key(&at) {
                return self.known(at, level);
            }
            if !self.is_better(known_good, at) {
                return true;
            }
            if !self.is_better(at, known_bad) {
                return false;
            }
            open.get_or_insert(at);
            match edge {
                Some(edge) if self.range.worst < self.range.best => at as f64 >= edge,
                Some(edge) => at as f64 <= edge,
                None => true,
            }
        };
        // Bisection begins between two settings at which an earlier one has been.
        let mut stations = self.stations.clone();
        stations.sort_unstable();
        if self.range.worst < self.range.best {
            stations.reverse();
        }
        let ahead = stations.iter().take_while(|at| is_good(**at)).count();
        let mut good = stations[ahead.saturating_sub(1)];
        let mut bad = *stations.get(ahead)?;
        let mut middles = Vec::new();
        loop {
            let gap = good.abs_diff(bad);
            if gap <= 1 || gap as f64 <= self.range.tolerance * good as f64 {
                break;
            }
            let middle = (good as f64 * bad as f64).sqrt() as u64;
            let (low, high) = (good.min(bad), good.max(bad));
            let middle = middle.clamp(low + 1, high - 1);
            middles.push(middle);
            if is_good(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(Bisection {
            good,
            bad,
            open,
            is_foreseen: edge.is_some(),
            middles,
        })
    }

    /// Where between two runs the targets cease to be met if how far they are from that is linear, or quadratic where one
    /// of them is met with hardly anything: what a limit begins to refuse grows faster and faster.
    fn edge(&self, good: u64, bad: u64, level: Confidence) -> Option<f64> {
        let margin = |at| self.trials.get(&at)?.margin(self.targets, level);
        let (above, below) = (margin(good)?, margin(bad)?);
        let share = if above < NEXT_TO_NOTHING {
            above / (above - below)
        } else {
            1.0 / (1.0 - below).sqrt()
        };
        let edge = good as f64 + (bad as f64 - good as f64) * share;
        edge.is_finite().then_some(edge)
    }
}

/// A bisection: where it ends, its first middle of which no run tells on which side it is, whether anything is foreseen
/// of that, and all of its middles.
struct Bisection {
    good: u64,
    bad: u64,
    open: Option<u64>,
    is_foreseen: bool,
    middles: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Estimate;

    /// A search of `throttle_rate < 0.5` over made-up values ± a half-width.
    fn over(best: u64, worst: u64, value: impl Fn(u64) -> (f64, f64)) -> (SearchResult, u64) {
        let targets = ["throttle_rate < 0.5".parse::<Target>().unwrap()];
        let range = Range {
            best,
            worst,
            step: 1.25,
            beyond: 2,
            tolerance: 0.001,
        };
        let mut runs = 0;
        let mut run = |at: u64, _: Completeness| -> Result<Trial, ()> {
            runs += 1;
            let (mean, half) = value(at);
            let estimate = Estimate {
                mean: Some(mean),
                ci_low: Some(mean - half),
                ci_high: Some(mean + half),
                unit: "1".to_owned(),
                values: vec![],
            };
            Ok(Trial {
                value: at as f64,
                seed: 1,
                replications: 2,
                verdicts: vec![targets[0].judge(Some(&estimate))],
                found: vec![Some(estimate)],
                cut_short: false,
            })
        };
        let found = search(range, &targets, BTreeMap::new(), &mut run).unwrap();
        (found, runs)
    }

    #[test]
    fn a_smallest_and_a_largest_setting_are_found_with_their_interval() {
        // 1 − at ÷ 10,000 ± 0.1: met from 5,001 on by the mean, from 6,001 for sure, from 4,001 possibly.
        let (found, runs) = over(20_000, 1, |at| (1.0 - at as f64 / 10_000.0, 0.1));
        assert_eq!(found.outcome, SearchOutcome::Found);
        for (at, wanted) in [(found.sure, 6_001.0), (found.mean, 5_001.0)] {
            let at = at.unwrap() as f64;
            assert!(at >= wanted && at <= wanted * 1.0015, "{at} {wanted}");
        }
        let out = found.ruled_out.unwrap();
        assert!((3_993..=4_000).contains(&out), "{out}");
        assert!(runs < 45, "{runs}");
        // at ÷ 10,000: met up to 4,999.
        let (found, _) = over(1_000, 1_000_000, |at| (at as f64 / 10_000.0, 0.0));
        let at = found.sure.unwrap();
        assert!((4_993..=4_999).contains(&at), "{at}");
        assert_eq!(found.mean, found.sure);
        let out = found.ruled_out.unwrap();
        assert!((5_000..=5_006).contains(&out), "{out}");
    }

    /// What bisection finds that runs every middle: the settings that are surely met, met by the mean, and ruled out.
    fn bisected(best: u64, value: impl Fn(u64) -> (f64, f64)) -> [u64; 3] {
        let met = |at: u64, sign: f64| value(at).0 + sign * value(at).1 < 0.5;
        let mut run = std::collections::BTreeSet::from([best]);
        let (mut at, mut beyond) = (best, 0);
        while beyond <= 2 && at > 1 {
            beyond += u32::from(!met(at, -1.0));
            if beyond <= 2 {
                at = (at as f64 / 1.25).floor() as u64;
                run.insert(at);
            }
        }
        let mut boundary = |sign: f64| {
            let mut good = best;
            let mut order = run.iter().rev().copied();
            let mut bad = order.find(|&at| {
                let is_good = met(at, sign);
                good = if is_good { at } else { good };
                !is_good
            });
            while let Some(at) = bad.filter(|bad| {
                let gap = good.abs_diff(*bad);
                gap > 1 && gap as f64 > 0.001 * good as f64
            }) {
                let middle = (good as f64 * at as f64).sqrt() as u64;
                let middle = middle.clamp(at + 1, good - 1);
                run.insert(middle);
                if met(middle, sign) {
                    good = middle;
                } else {
                    bad = Some(middle);
                }
            }
            (good, bad.unwrap_or(good))
        };
        let ruled_out = boundary(-1.0).1;
        let mean = boundary(0.0).0;
        [boundary(1.0).0, mean, ruled_out]
    }

    #[test]
    fn what_is_foreseen_ends_where_bisection_ends_after_fewer_runs() {
        // Values that fall with the setting: straight, curved, in steps, and with a cliff.
        let shapes: [fn(f64) -> f64; 5] = [
            |x| 1.0 - x,
            |x| (1.0 - x).max(0.0).powi(3) * 2.0,
            |x| (-6.0 * x).exp(),
            |x| 1.0 - (x * 40.0).floor() / 40.0,
            |x| if x < 0.7234 { 0.9 } else { 0.0 },
        ];
        for (i, shape) in shapes.into_iter().enumerate() {
            for half in [0.0, 0.03, 0.1] {
                let value = |at: u64| (shape(at as f64 / 20_000.0), half);
                let (found, runs) = over(20_000, 1, value);
                assert_eq!(found.outcome, SearchOutcome::Found, "{i}");
                let found = [found.sure, found.mean, found.ruled_out].map(Option::unwrap);
                assert_eq!(found, bisected(20_000, value), "{i} {half}");
                assert!(runs <= 50, "{i} {half}: {runs} runs");
                if i == 0 {
                    assert!(runs <= 18, "{runs} runs");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_found_is_told() {
        assert_eq!(
            over(100, 1, |_| (0.9, 0.0)).0.outcome,
            SearchOutcome::NoneReaches
        );
        assert_eq!(
            over(100, 1, |_| (0.1, 0.0)).0.outcome,
            SearchOutcome::AllMeet
        );
        // Met by the mean only, everywhere.
        assert_eq!(
            over(100, 1, |_| (0.4, 0.2)).0.outcome,
            SearchOutcome::NoneReaches
        );
        // Met above 800 and between 500 and 600.
        let gap = |at: u64| {
            let met = at > 800 || (500..600).contains(&at);
            (if met { 0.1 } else { 0.9 }, 0.0)
        };
        assert_eq!(over(1_000, 1, gap).0.outcome, SearchOutcome::NotMonotone);
        // Met below only: the wrong way round.
        let falls = |at: u64| (if at < 700 { 0.1 } else { 0.9 }, 0.0);
        assert_eq!(over(1_000, 1, falls).0.outcome, SearchOutcome::NotMonotone);
        // Noise that both intervals allow is no break in the order.
        let noise = |at: u64| (if at.is_multiple_of(2) { 0.49 } else { 0.51 }, 0.02);
        assert_eq!(over(100, 1, noise).0.outcome, SearchOutcome::NoneReaches);
    }
}
