//! The setting at which targets begin to be met, on a whole-number scale, by runs on the same random numbers.
//!
//! First a scan from the end that should meet them towards the other, in steps of a factor; it tells whether the
//! targets are monotone in the setting. Then, within the step in which they cease to be met, bisection: once for what
//! the intervals do not rule out, once for the means, once for what the intervals show. A run serves all three.
//!
//! Left out: interpolation, which saves runs only where the metric is smooth, and settings with gaps.

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
    run: &'a mut dyn FnMut(u64) -> Result<Trial, E>,
    trials: BTreeMap<u64, Trial>,
}

/// Searches; `run` gives the run at a setting. `trials` are runs that exist already.
///
/// # Errors
/// The first of `run`.
pub fn search<E>(
    range: Range,
    targets: &[Target],
    trials: BTreeMap<u64, Trial>,
    run: &mut dyn FnMut(u64) -> Result<Trial, E>,
) -> Result<SearchResult, E> {
    let mut s = Search {
        range,
        targets,
        run,
        trials,
    };
    s.scan()?;
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
            let trial = (self.run)(at)?;
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
        let order = self.in_order();
        let met = order.iter().take_while(|at| self.known(**at, level));
        let (mut good, mut bad) = (self.range.best, None);
        for at in met {
            good = *at;
        }
        if let Some(i) = order.iter().position(|at| *at == good) {
            bad = order.get(i + 1).copied();
        }
        let Some(mut bad) = bad else {
            return Ok((good, good));
        };
        loop {
            let gap = good.abs_diff(bad);
            if gap <= 1 || gap as f64 <= self.range.tolerance * good as f64 {
                return Ok((good, bad));
            }
            let middle = (good as f64 * bad as f64).sqrt() as u64;
            let (low, high) = (good.min(bad), good.max(bad));
            let middle = middle.clamp(low + 1, high - 1);
            if self.meets(middle, level)? {
                good = middle;
            } else {
                bad = middle;
            }
        }
    }
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
        let mut run = |at: u64| -> Result<Trial, ()> {
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
