//! A piecewise-linear rate with Poisson counts around it, where that describes the counts.
//!
//! Knots are whole minutes, added one by one where they lower the weighted squares most, as long as BIC falls. The fit is
//! judged by what it would make: indices of dispersion around the trend at 1, 10 and 60 s, the busiest second and the
//! 99.9 % of seconds, each with its interval. One outside its interval, and the counted seconds are replayed instead.

use super::dispersion;
use serde::Serialize;

/// Knots at most.
const KNOTS: usize = 16;
/// Places where a knot may be.
const CANDIDATES: i64 = 48;
/// Bins that the trend is fitted to.
const BINS: i64 = 720;
/// Requests below which nothing is told apart from chance.
const FEW: u64 = 200;
/// Longest stretch that is fitted second by second \[s\]: 32 days.
const LONGEST: i64 = 32 * 86_400;

/// A figure with its 95 % interval; equal ends: counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How counts are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likeness {
    /// Requests per second.
    pub mean: Interval,
    /// Index of dispersion in bins of a second.
    pub dispersion_1s: Interval,
    /// Of ten seconds.
    pub dispersion_10s: Interval,
    /// Of a minute.
    pub dispersion_60s: Interval,
    /// Count that 99.9 % of seconds do not exceed.
    pub p999: Interval,
    /// Count of the busiest second.
    pub busiest: Interval,
}

fn exactly(value: f64) -> Interval {
    Interval {
        value,
        low: value,
        high: value,
    }
}

impl Likeness {
    /// What was counted; an index of dispersion has the interval that independent bins give it.
    pub fn of(seconds: &[(i64, u64)]) -> Option<Likeness> {
        let (first, last) = (seconds.first()?.0, seconds.last()?.0);
        let span = (last - first + 1) as f64;
        let total: u64 = seconds.iter().map(|s| s.1).sum();
        let index = |width: i64| {
            let value = dispersion::index(seconds, width).unwrap_or(0.0);
            let half = 1.96 * value * (2.0 / (span / width as f64).max(1.0)).sqrt();
            Interval {
                value,
                low: (value - half).max(0.0),
                high: value + half,
            }
        };
        Some(Likeness {
            mean: exactly(total as f64 / span),
            dispersion_1s: index(1),
            dispersion_10s: index(10),
            dispersion_60s: index(60),
            p999: exactly(dispersion::percentile(seconds, 0.999)?),
            busiest: exactly(dispersion::busiest(seconds) as f64),
        })
    }
}

/// A rate that is linear between points.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// Seconds since the stretch's beginning, and requests per second there.
    pub points: Vec<(i64, f64)>,
    /// What it would make.
    pub likeness: Likeness,
}

/// Values of the hat functions of the knots at t: at most two are not 0.
fn hats(knots: &[f64], t: f64) -> [(usize, f64); 2] {
    let i = knots.partition_point(|k| *k <= t).clamp(1, knots.len() - 1);
    let share = ((t - knots[i - 1]) / (knots[i] - knots[i - 1])).clamp(0.0, 1.0);
    [(i - 1, 1.0 - share), (i, share)]
}

/// The rates at the knots that fit bins of (time, count, seconds) best, and the weighted squares that are left.
fn solved(knots: &[f64], bins: &[(f64, f64, f64)]) -> (Vec<f64>, f64) {
    let n = knots.len();
    let mut rates = vec![0.0; n];
    let mean = bins.iter().map(|b| b.1).sum::<f64>() / bins.iter().map(|b| b.2).sum::<f64>();
    let mut weights: Vec<f64> = bins.iter().map(|b| 1.0 / (mean * b.2).max(1e-9)).collect();
    for _ in 0..2 {
        let mut a = vec![vec![0.0; n + 1]; n];
        for (bin, weight) in bins.iter().zip(&weights) {
            let at = hats(knots, bin.0);
            for (i, x) in at {
                for (j, y) in at {
                    a[i][j] += weight * x * y * bin.2 * bin.2;
                }
                a[i][n] += weight * x * bin.2 * bin.1;
            }
        }
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += 1e-9;
        }
        for i in 0..n {
            for j in i + 1..n {
                let factor = a[j][i] / a[i][i];
                if factor != 0.0 {
                    let above = a[i].clone();
                    for (x, y) in a[j].iter_mut().zip(&above).skip(i) {
                        *x -= factor * y;
                    }
                }
            }
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| a[i][j] * rates[j]).sum();
            rates[i] = (a[i][n] - known) / a[i][i];
        }
        rates.iter_mut().for_each(|r| *r = r.max(0.0));
        for (bin, weight) in bins.iter().zip(&mut weights) {
            let fitted: f64 = hats(knots, bin.0)
                .iter()
                .map(|(i, x)| rates[*i] * x * bin.2)
                .sum();
            *weight = 1.0 / fitted.max(0.5);
        }
    }
    let squares = bins.iter().zip(&weights).map(|(bin, weight)| {
        let fitted: f64 = hats(knots, bin.0)
            .iter()
            .map(|(i, x)| rates[*i] * x * bin.2)
            .sum();
        (bin.1 - fitted).powi(2) * weight
    });
    let left = squares.sum();
    (rates, left)
}

/// The trend of counts between two times; `None`: Poisson around a trend does not describe them, or they are too few.
pub fn fitted(seconds: &[(i64, u64)], from: i64, to: i64) -> Option<Trend> {
    let total: u64 = seconds.iter().map(|s| s.1).sum();
    let span = to - from;
    if total < FEW || !(120..=LONGEST).contains(&span) {
        return None;
    }
    let width = (span + BINS - 1) / BINS;
    let count = (span + width - 1) / width;
    let mut bins: Vec<(f64, f64, f64)> = (0..count)
        .map(|i| {
            let length = width.min(span - i * width) as f64;
            ((i * width) as f64 + length / 2.0, 0.0, length)
        })
        .collect();
    for &(second, n) in seconds {
        bins[((second - from) / width) as usize].1 += n as f64;
    }
    let minute = (span / CANDIDATES / 60).max(1) * 60;
    let mut candidates: Vec<f64> = (1..span / minute).map(|i| (i * minute) as f64).collect();
    let mut knots = vec![0.0, span as f64];
    let n = bins.len() as f64;
    let bic = |squares: f64, knots: usize| squares + knots as f64 * n.ln();
    let (mut rates, mut squares) = solved(&knots, &bins);
    while knots.len() < KNOTS {
        let with = |knot: f64| {
            let mut more = knots.clone();
            more.insert(more.partition_point(|k| *k < knot), knot);
            let (rates, squares) = solved(&more, &bins);
            (more, rates, squares)
        };
        let best = candidates
            .iter()
            .map(|knot| with(*knot))
            .min_by(|a, b| a.2.total_cmp(&b.2));
        match best {
            // Two parameters: the knot's place and its rate.
            Some(best) if bic(best.2, knots.len() * 2) < bic(squares, knots.len() * 2 - 2) => {
                (knots, rates, squares) = best;
                candidates.retain(|c| !knots.contains(c));
            }
            Some(_) | None => break,
        }
    }
    let rate_at = |t: f64| -> f64 { hats(&knots, t).iter().map(|(i, x)| rates[*i] * x).sum() };
    let means: Vec<f64> = (0..span).map(|s| rate_at(s as f64 + 0.5)).collect();
    let data = Likeness::of(seconds)?;
    let likeness = made(&means, from, seconds)?;
    let within = |i: Interval, value: f64| (i.low..=i.high).contains(&value);
    let fits = [1, 10, 60].into_iter().all(|width| {
        let (index, bins) = around(&means, from, seconds, width);
        (index - 1.0).abs() <= 3.0 * (2.0 / bins).sqrt() + 0.02
    }) && within(likeness.busiest, data.busiest.value)
        && within(likeness.p999, data.p999.value);
    fits.then(|| Trend {
        points: knots
            .iter()
            .zip(&rates)
            .map(|(at, rate)| (*at as i64, *rate))
            .collect(),
        likeness,
    })
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

/// The tail P(N > n) of a Poisson number.
fn exceeds(mean: f64, n: u64) -> f64 {
    use statrs::distribution::{DiscreteCDF, Poisson};
    Poisson::new(mean.max(1e-12)).map_or(0.0, |p| p.sf(n))
}

/// What Poisson counts with these means would be like.
fn made(means: &[f64], from: i64, seconds: &[(i64, u64)]) -> Option<Likeness> {
    let total: f64 = means.iter().sum();
    let all = means.len() as f64;
    // Seconds of nearly one mean are taken together: the tail asks for few different ones.
    let highest = means.iter().copied().fold(0.0, f64::max);
    let mut classes = vec![0.0; 257];
    for mean in means {
        classes[(mean / highest.max(1e-12) * 256.0).round() as usize] += 1.0;
    }
    let expected = |n: u64| -> f64 {
        let of_class = classes.iter().enumerate().filter(|(_, k)| **k > 0.0);
        of_class
            .map(|(i, k)| k * exceeds(highest * i as f64 / 256.0, n))
            .sum()
    };
    // The least count that fewer than so many seconds exceed, by halving.
    let count_with = |seconds: f64| {
        let (mut low, mut high) = (0_u64, (highest + 40.0 * highest.sqrt() + 60.0) as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            if expected(middle) <= seconds {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low as f64
    };
    // P(busiest ≤ n) = exp(−expected(n)) to first order.
    let busiest = Interval {
        value: count_with(0.693),
        low: count_with(3.69),
        high: count_with(0.0253),
    };
    let rare = 0.001 * all;
    let p999 = Interval {
        value: count_with(rare),
        low: count_with(rare + 1.96 * rare.sqrt() + 1.0),
        high: count_with((rare - 1.96 * rare.sqrt()).max(0.0253)),
    };
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
        Interval {
            value,
            low: (value - half).max(0.0),
            high: value + half,
        }
    };
    let _ = (from, seconds);
    Some(Likeness {
        mean: Interval {
            value: total / all,
            low: (total - 1.96 * total.sqrt()) / all,
            high: (total + 1.96 * total.sqrt()) / all,
        },
        dispersion_1s: index(1),
        dispersion_10s: index(10),
        dispersion_60s: index(60),
        p999,
        busiest,
    })
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
                let at_end = trend.points.last().expect("points").1;
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
