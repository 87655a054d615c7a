//! What may come after what was counted, drawn again and again: so often the truth lies between the least and the greatest.
//!
//! Each member of a forecast has a rate of its own, as likely as the one that was fitted: where counts vary more than Poisson
//! counts around it, by as much as they do in the bins in which they vary most. Whether a slope at the end goes on nobody
//! knows: in half of the members it does. Around the rate come Poisson counts where these describe what was counted; else
//! blocks of counted seconds, drawn with replacement from times with a rate of the same order and scaled to the member's
//! rate, the same blocks for all workloads, so that what is busy together stays so. Blocks alone would never be busier than
//! what was counted: counts beyond the 99.5 % of those above 0 are drawn anew, from a geometric distribution with their mean excess.

use super::curve::{self, RateCurve};
use crate::engine::random::{Key, Stream};
use std::collections::BTreeMap;

/// Members of a forecast: the next value lies beyond all of them once in twenty times.
pub const MEMBERS: u64 = 39;
/// A block is no longer than this part of what was counted, and no shorter \[s\].
const PARTS: i64 = 8;
const SHORTEST: i64 = 60;
/// Times that a block is sought whose rate is of the same order.
const SOUGHT: usize = 20;
/// The most by which counts are scaled.
const MOST: f64 = 10.0;

/// What was counted of a workload.
#[derive(Clone, Debug)]
pub struct CountedSeries {
    /// Counts by second or period, in order.
    pub counts: Vec<(i64, u64)>,
    /// Length of what is counted \[s\].
    pub period: i64,
    /// The rate around which they are Poisson counts, where they are.
    pub poisson: Option<RateCurve>,
}

/// One workload in one member.
#[derive(Clone, Debug)]
pub enum MemberSeries {
    /// Poisson counts with this rate, from the beginning of what was counted on.
    Rate(RateCurve),
    /// Counts drawn from those that were counted.
    Counts(Resampling),
}

/// A piece of what was counted, at another time.
#[derive(Clone, Copy, Debug)]
struct Piece {
    source: i64,
    target: i64,
    length: i64,
    factor: f64,
}

/// How counts are drawn from those that were counted.
#[derive(Clone, Debug)]
pub struct Resampling {
    pieces: Vec<Piece>,
    /// Factors of seconds whose count was drawn anew.
    extremes: BTreeMap<i64, f64>,
    key: Key,
}

impl Resampling {
    /// The counts, of the workload or of one of its operations.
    pub fn of(&self, counts: &[(i64, u64)]) -> Vec<(i64, u64)> {
        let mut stream = self.key.stream();
        let mut drawn = Vec::new();
        for piece in &self.pieces {
            for &(at, n) in within(counts, piece.source, piece.length) {
                let at = at - piece.source + piece.target;
                let extreme = self.extremes.get(&at).copied().unwrap_or(1.0);
                let n = scaled(n, piece.factor * extreme, &mut stream);
                if n > 0 {
                    drawn.push((at, n));
                }
            }
        }
        drawn
    }
}

/// A number scaled, the fraction by chance.
fn scaled(n: u64, factor: f64, stream: &mut Stream) -> u64 {
    let whole = factor.floor();
    n * whole as u64 + stream.binomial(n, factor - whole)
}

fn within(counts: &[(i64, u64)], from: i64, length: i64) -> &[(i64, u64)] {
    let counts = &counts[counts.partition_point(|c| c.0 < from)..];
    &counts[..counts.partition_point(|c| c.0 < from + length)]
}

/// A series and what is behind it.
#[derive(Debug)]
struct KnownSeries {
    series: CountedSeries,
    curve: RateCurve,
    /// How much more than Poisson counts it varies.
    scale: f64,
    /// From which count on it is drawn anew, and the mean excess.
    extreme: (u64, f64),
}

/// Forecasts of workloads, counted from `from` to `cut`, until `to`.
#[derive(Debug)]
pub struct Forecaster {
    from: i64,
    cut: i64,
    to: i64,
    known: Vec<KnownSeries>,
    all: RateCurve,
    block: i64,
    step: i64,
}

impl Forecaster {
    /// Learns from what was counted.
    pub fn new(series: Vec<CountedSeries>, from: i64, cut: i64, to: i64) -> Forecaster {
        let step = series.iter().map(|s| s.period).max().unwrap_or(1);
        let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
        for &(at, n) in series
            .iter()
            .filter(|s| s.poisson.is_none())
            .flat_map(|s| &s.counts)
        {
            *sums.entry(at).or_default() += n;
        }
        let sums: Vec<(i64, u64)> = sums.into_iter().collect();
        let all = curve::fitted(&sums, from, cut, step, None);
        let (block, _) = widest(&sums, &all, from, cut, step);
        let known = series.into_iter().map(|series| {
            let curve = match &series.poisson {
                Some(curve) => curve.clone(),
                None => curve::fitted(&series.counts, from, cut, series.period, None),
            };
            let scale = match &series.poisson {
                Some(_) => 1.0,
                None => widest(&series.counts, &curve, from, cut, series.period).1,
            };
            let extreme = extreme(&series.counts);
            KnownSeries {
                series,
                curve,
                scale,
                extreme,
            }
        });
        Forecaster {
            from,
            cut,
            to,
            known: known.collect(),
            all,
            block,
            step,
        }
    }

    /// The workloads of one member, in their order.
    pub fn member(&self, number: u64) -> Vec<MemberSeries> {
        let key = Key::root(0, number).named("forecast");
        let goes_on = number.is_multiple_of(2);
        let length = self.to - self.cut;
        let blocks = self.blocks(&mut key.named("blocks").stream());
        let known = self.known.iter().enumerate();
        let member = known.map(|(i, known)| {
            let key = key.named("workload").with(i as u64);
            let mut stream = key.stream();
            let mut curve = known.curve.drawn(known.scale, &mut stream);
            if goes_on {
                curve = curve.going_on(length);
            }
            if known.series.poisson.is_some() {
                return MemberSeries::Rate(curve);
            }
            let pieces: Vec<Piece> = blocks
                .iter()
                .map(|&(source, target, length)| {
                    let middle = |at: i64| (at - self.from) as f64 + length as f64 / 2.0;
                    let (was, is) = (known.curve.rate(middle(source)), curve.rate(middle(target)));
                    Piece {
                        source,
                        target,
                        length,
                        factor: if was > 0.0 { (is / was).min(MOST) } else { 1.0 },
                    }
                })
                .collect();
            let (least, excess) = known.extreme;
            let mut extremes = BTreeMap::new();
            for piece in &pieces {
                for &(at, n) in within(&known.series.counts, piece.source, piece.length) {
                    if n > least {
                        let drawn = 1.0 + (stream.exponential() * (excess - 0.5).max(0.1)).floor();
                        let factor = (least as f64 + drawn) / n as f64;
                        extremes.insert(at - piece.source + piece.target, factor);
                    }
                }
            }
            MemberSeries::Counts(Resampling {
                pieces,
                extremes,
                key: key.named("counts"),
            })
        });
        member.collect()
    }

    /// Which blocks stand where: source, target, length.
    fn blocks(&self, stream: &mut Stream) -> Vec<(i64, i64, i64)> {
        let mut blocks = Vec::new();
        let mut target = self.cut;
        while target < self.to {
            let length = self.block.min(self.to - target);
            let places = ((self.cut - self.from - length) / self.step).max(0) as u64 + 1;
            let middle = |at: i64| self.all.rate((at - self.from) as f64 + length as f64 / 2.0);
            let mut source = self.from;
            for _ in 0..SOUGHT {
                source = self.from + stream.below(places) as i64 * self.step;
                let (was, is) = (middle(source), middle(target));
                if was <= 2.0 * is && is <= 2.0 * was {
                    break;
                }
            }
            blocks.push((source, target, length));
            target += length;
        }
        blocks
    }
}

/// The width of bins in which counts vary nearly most around their rate, and how much there, at least 1.
fn widest(
    counts: &[(i64, u64)],
    curve: &RateCurve,
    from: i64,
    cut: i64,
    period: i64,
) -> (i64, f64) {
    let longest = ((cut - from) / PARTS).max(period);
    let mut found = Vec::new();
    let mut width = (SHORTEST + period - 1) / period * period;
    while width <= longest {
        let bins = (cut - from) / width;
        let mut sums = vec![0.0; bins as usize];
        for &(at, n) in counts {
            if let Some(sum) = sums.get_mut(((at - from) / width) as usize) {
                *sum += n as f64;
            }
        }
        let (mut squares, mut all) = (0.0, 0.0);
        for (i, n) in sums.iter().enumerate() {
            let mean = curve.rate((i as f64 + 0.5) * width as f64) * width as f64;
            squares += (n - mean).powi(2);
            all += mean;
        }
        // What the curve has taken of it is given back.
        let free = (bins - curve.knots() as i64).max(1) as f64;
        found.push((width, squares / f64::max(all, 1e-9) * bins as f64 / free));
        width *= 2;
    }
    let most = found.iter().map(|f| f.1).fold(1.0, f64::max);
    let first = found.iter().find(|f| f.1 >= 0.9 * most);
    let block = first.map_or(longest, |f| f.0);
    (block.max(period), most)
}

/// The count that 99.5 % of those above 0 do not exceed, and by how much the others do on average.
fn extreme(counts: &[(i64, u64)]) -> (u64, f64) {
    let mut all: Vec<u64> = counts.iter().map(|c| c.1).collect();
    all.sort_unstable();
    if all.is_empty() {
        return (u64::MAX, 1.0);
    }
    let beyond = (all.len() / 200).max(5).min(all.len());
    let least = all[all.len() - beyond].saturating_sub(1);
    let excess: Vec<f64> = all
        .iter()
        .filter(|n| **n > least)
        .map(|n| (n - least) as f64)
        .collect();
    (
        least,
        excess.iter().sum::<f64>() / excess.len().max(1) as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::fit::trend;

    /// Counts of seconds of a process, by its number.
    fn process(which: usize, seconds: i64, seed: u64) -> Vec<(i64, u64)> {
        let mut stream = Key::root(seed, 7).stream();
        let mut on = false;
        let mut left = 0.0;
        let mut counts = Vec::new();
        for s in 0..seconds {
            let mean = match which {
                0 => 4.0,
                // An hour that repeats is no day: a drift.
                1 => 4.0 + 4.0 * s as f64 / seconds as f64,
                _ => {
                    // On for 8 s, off for 40 s, on average.
                    if left <= 0.0 {
                        on = !on;
                        left = stream.exponential() * if on { 8.0 } else { 40.0 };
                    }
                    left -= 1.0;
                    if on { 20.0 } else { 1.0 }
                }
            };
            let n = stream.poisson(mean);
            if n > 0 {
                counts.push((s, n));
            }
        }
        counts
    }

    /// Total, busiest second and 99.9 % of seconds.
    fn figures(counts: &[(i64, u64)], span: i64) -> [f64; 3] {
        let mut all: Vec<u64> = counts.iter().map(|c| c.1).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        let rare = all.get(span as usize / 1_000).copied().unwrap_or(0);
        let most = all.first().copied().unwrap_or(0);
        [all.iter().sum::<u64>() as f64, most as f64, rare as f64]
    }

    #[test]
    fn the_truth_lies_between_the_members_about_as_often_as_they_say() {
        const SPAN: i64 = 4_500;
        const CUT: i64 = 3_600;
        const TRIALS: u64 = 24;
        for which in 0..3 {
            let mut held = [0; 3];
            for seed in 0..TRIALS {
                let all = process(which, SPAN, seed);
                let (known, rest) = all.split_at(all.partition_point(|c| c.0 < CUT));
                let poisson = trend::fitted(known, 0, CUT).map(|t| t.curve);
                let series = CountedSeries {
                    counts: known.to_vec(),
                    period: 1,
                    poisson,
                };
                let forecaster = Forecaster::new(vec![series], 0, CUT, SPAN);
                let members: Vec<[f64; 3]> = (0..MEMBERS)
                    .map(|m| {
                        let counts = match &forecaster.member(m)[0] {
                            MemberSeries::Rate(curve) => {
                                let mut stream = Key::root(seed, 1_000 + m).stream();
                                let rates = (CUT..SPAN).map(|s| (s, curve.rate(s as f64 + 0.5)));
                                rates.map(|(s, rate)| (s, stream.poisson(rate))).collect()
                            }
                            MemberSeries::Counts(resampling) => resampling.of(known),
                        };
                        figures(&counts, SPAN - CUT)
                    })
                    .collect();
                let truth = figures(rest, SPAN - CUT);
                for (k, held) in held.iter_mut().enumerate() {
                    let of = members.iter().map(|m| m[k]);
                    let (low, high) =
                        of.fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(x), h.max(x)));
                    *held += u32::from((low..=high).contains(&truth[k]));
                }
            }
            // 95 % of 24 are 23; fewer than 20 are less likely than one in a hundred.
            assert!(
                held.iter().all(|h| *h >= 20),
                "process {which}: {held:?} of {TRIALS}"
            );
        }
    }

    #[test]
    fn what_is_busy_together_stays_so() {
        let counts = process(2, 3_600, 3);
        let series = || CountedSeries {
            counts: counts.clone(),
            period: 1,
            poisson: None,
        };
        let forecaster = Forecaster::new(vec![series(), series()], 0, 3_600, 7_200);
        let member = forecaster.member(1);
        let of = |i: usize| match &member[i] {
            MemberSeries::Counts(resampling) => resampling.of(&counts),
            MemberSeries::Rate(curve) => panic!("{curve:?}"),
        };
        let busy = |counts: &[(i64, u64)]| -> Vec<i64> {
            counts.iter().filter(|c| c.1 > 10).map(|c| c.0).collect()
        };
        let (a, b) = (busy(&of(0)), busy(&of(1)));
        let both = a.iter().filter(|s| b.contains(s)).count();
        assert!(both * 10 >= a.len() * 7, "{both} of {}", a.len());
        assert!(a.iter().all(|s| (3_600..7_200).contains(s)));
    }
}
