//! Poisson counts around a rate, where that describes what was counted.
//!
//! The fit is judged by what it would make: indices of dispersion around the rate at 1, 10 and 60 s, the busiest second and
//! the 99.9 % of seconds, each with its interval. One outside its interval, and the counted seconds are replayed instead.

use super::curve::{self, RateCurve};
use super::dispersion;
use super::likeness::{Interval, Likeness, WIDTHS};
use super::tail::CountMixture;

/// Requests below which nothing is told apart from chance.
const FEW: u64 = 200;
/// Longest stretch that is fitted second by second \[s\]: 32 days.
const LONGEST: i64 = 32 * 86_400;

/// A rate with Poisson counts around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// When the curve begins \[s since 1970\].
    pub from: i64,
    /// The rate, from then on.
    pub curve: RateCurve,
    /// What it would make.
    pub likeness: Likeness,
}

/// The trend of counts between two times; `None`: Poisson around a trend does not describe them, or they are too few.
pub fn fitted(seconds: &[(i64, u64)], from: i64, to: i64) -> Option<Trend> {
    let total: u64 = seconds.iter().map(|s| s.1).sum();
    let span = to - from;
    if total < FEW || !(120..=LONGEST).contains(&span) || is_uneven(seconds, span) {
        return None;
    }
    let curve = curve::fitted(seconds, from, to, 1, Some(1.0));
    let means: Vec<f64> = (0..span).map(|s| curve.rate(s as f64 + 0.5)).collect();
    let likeness = made(&means);
    let busiest = dispersion::busiest(seconds) as f64;
    let p999 = p999(seconds, span);
    let fits = WIDTHS.into_iter().all(|width| {
        let (index, bins) = around(&means, from, seconds, width);
        (index - 1.0).abs() <= 3.0 * (2.0 / bins).sqrt() + 0.02
    }) && likeness.busiest.holds(busiest)
        && likeness.p999.holds(p999);
    fits.then_some(Trend {
        from,
        curve,
        likeness,
    })
}

/// Whether neighbouring seconds differ more than Poisson counts of any trend do: no curve need be sought then.
fn is_uneven(seconds: &[(i64, u64)], span: i64) -> bool {
    let total: u64 = seconds.iter().map(|s| s.1).sum();
    let mut squares = 0.0;
    let mut before = (i64::MIN, 0.0);
    for &(second, n) in seconds {
        let n = n as f64;
        squares += if before.0.saturating_add(1) == second {
            (n - before.1).powi(2)
        } else {
            before.1 * before.1 + n * n
        };
        before = (second, n);
    }
    let index = (squares + before.1 * before.1) / (2.0 * total as f64);
    index > 1.2 + 6.0 / (span as f64).sqrt()
}

/// The count that 99.9 % of the seconds of a stretch do not exceed, seconds without any at its ends counted.
fn p999(seconds: &[(i64, u64)], span: i64) -> f64 {
    let mut counts: Vec<u64> = seconds.iter().map(|s| s.1).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let rank = (span as f64 * 0.001) as usize;
    counts.get(rank).copied().unwrap_or(0) as f64
}

/// The index of dispersion around the trend, and in how many bins.
fn around(means: &[f64], from: i64, seconds: &[(i64, u64)], width: i64) -> (f64, f64) {
    let bins = means.chunks(width as usize).map(|c| c.iter().sum::<f64>());
    let mut bins: Vec<(f64, f64)> = bins.map(|m| (m, 0.0)).collect();
    for &(second, n) in seconds {
        bins[((second - from) / width) as usize].1 += n as f64;
    }
    let squares: f64 = bins.iter().map(|(mean, n)| (n - mean).powi(2)).sum();
    let mean: f64 = bins.iter().map(|b| b.0).sum();
    (squares / mean, bins.len() as f64)
}

/// What Poisson counts with these means would be like.
fn made(means: &[f64]) -> Likeness {
    let total: f64 = means.iter().sum();
    let all = means.len() as f64;
    let mixture = CountMixture::new(means.iter().map(|m| (*m, 1.0)), 1.0);
    let index = |width: i64| {
        let sums: Vec<f64> = means
            .chunks(width as usize)
            .map(|c| c.iter().sum())
            .collect();
        let bins = sums.len() as f64;
        let mean = sums.iter().sum::<f64>() / bins;
        let spread = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / bins;
        let value = 1.0 + spread / mean;
        let half = 1.96 * value * (2.0 / bins).sqrt();
        Some(Interval {
            value,
            low: (value - half).max(0.0),
            high: value + half,
        })
    };
    Likeness {
        period_s: 1,
        mean: Interval {
            value: total / all,
            low: (total - 1.96 * total.sqrt()) / all,
            high: (total + 1.96 * total.sqrt()) / all,
        },
        dispersion_1s: index(1),
        dispersion_10s: index(10),
        dispersion_60s: index(60),
        p999: mixture.p999(),
        busiest: mixture.busiest(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Key;

    /// Poisson counts of these means.
    fn drawn(means: impl Iterator<Item = f64>, seed: u64) -> Vec<(i64, u64)> {
        let mut stream = Key::root(seed, 0).stream();
        let all = means
            .enumerate()
            .map(|(i, m)| (i as i64, stream.poisson(m)));
        all.filter(|s| s.1 > 0).collect()
    }

    #[test]
    fn a_drifting_poisson_process_is_known_and_a_bursty_one_is_not() {
        let (mut known, mut wrong) = (0, 0);
        for seed in 0..6 {
            let drift = |s: u64| 5.0 + 10.0 * (s as f64 / 3600.0);
            let seconds = drawn((0..3600).map(drift), seed);
            if let Some(trend) = fitted(&seconds, 0, 3600) {
                known += 1;
                let at_end = trend.curve.rate(3_600.0);
                assert!((13.0..17.0).contains(&at_end), "{at_end}");
            }
            // On for 10 s of 40, at random.
            let mut stream = Key::root(seed, 1).stream();
            let on: Vec<bool> = (0..360).map(|_| stream.unit() < 0.25).collect();
            let bursts = (0..3600).map(|s| if on[s / 10] { 20.0 } else { 1.0 });
            wrong += usize::from(fitted(&drawn(bursts, seed), 0, 3600).is_some());
        }
        assert!(known >= 4 && wrong == 0, "{known} known, {wrong} wrong");
    }

    #[test]
    fn few_requests_are_replayed() {
        assert_eq!(fitted(&[(0, 5), (100, 3)], 0, 3600), None);
    }
}
