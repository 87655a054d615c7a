//! A rate over time: level, linear between knots, or a curve that each day or week repeats.
//!
//! Knots are whole minutes and are added one by one where they lower the deviance most, as long as BIC falls; of the three
//! shapes the one with the least BIC is taken. A curve of a day is tried from two days on, one of a week from two weeks on.

use crate::engine::random::Stream;

/// Knots at most.
const KNOTS: usize = 16;
/// Places where a knot may be: of the whole stretch, of a day (half hours), of a week (three hours).
const CANDIDATES: i64 = 48;
const OF_WEEK: i64 = 56;
/// Bins that are fitted to at least, if there are so many periods; of half an hour at most.
const BINS: i64 = 720;
const LONGEST_BIN: i64 = 1_800;
/// Knots that may be added in vain before no more are tried.
const IN_VAIN: usize = 3;
const DAY: i64 = 86_400;

/// Events of a stretch of time.
#[derive(Clone, Copy, Debug)]
struct RateBin {
    /// Its middle \[s\].
    at: f64,
    /// Events.
    n: f64,
    /// Its length \[s\].
    length: f64,
}

/// A rate over time, from 0 \[s\].
#[derive(Clone, Debug, PartialEq)]
pub struct RateCurve {
    /// Where it bends \[s\]; one alone: it is level.
    knots: Vec<f64>,
    /// Events per second there.
    rates: Vec<f64>,
    /// Starts over after so long \[s\].
    every: Option<i64>,
    /// Cholesky factor of the inverse covariance of the rates, of Poisson counts.
    factor: Vec<Vec<f64>>,
}

impl RateCurve {
    /// The same rate for ever.
    fn level(rate: f64, every: Option<i64>) -> RateCurve {
        RateCurve {
            knots: vec![0.0],
            rates: vec![rate],
            every,
            factor: vec![vec![1.0]],
        }
    }

    /// The knots on both sides of a time, and how much each counts.
    fn hats(&self, t: f64) -> [(usize, f64); 2] {
        hats(&self.knots, self.every, t)
    }

    /// Events per second at a time; level before the first knot and after the last.
    pub fn rate(&self, t: f64) -> f64 {
        let at = self.hats(t);
        at.iter()
            .map(|(i, x)| self.rates[*i] * x)
            .sum::<f64>()
            .max(0.0)
    }

    /// Knots.
    pub fn knots(&self) -> usize {
        self.knots.len()
    }

    /// After what time it starts over \[s\].
    pub fn every(&self) -> Option<i64> {
        self.every.filter(|_| self.knots.len() > 1)
    }

    /// Points between which it is linear: second, and events per second.
    pub fn points(&self) -> Vec<(i64, f64)> {
        let at = self.knots.iter().map(|k| *k as i64);
        let mut points: Vec<(i64, f64)> = at.zip(self.rates.iter().copied()).collect();
        if let Some(every) = self.every() {
            points.push((every, self.rates[0]));
        }
        points
    }

    /// It as what begins `by` seconds later sees it.
    pub fn points_from(&self, by: i64) -> Vec<(i64, f64)> {
        match self.every() {
            None => {
                let later = self.knots.iter().filter(|k| **k > by as f64);
                let mut points = vec![(0, self.rate(by as f64))];
                points.extend(later.map(|k| (*k as i64 - by, self.rate(*k))));
                points
            }
            Some(every) => {
                let mut at: Vec<i64> = self
                    .knots
                    .iter()
                    .map(|k| (*k as i64 - by).rem_euclid(every))
                    .collect();
                at.push(0);
                at.push(every);
                at.sort_unstable();
                at.dedup();
                at.into_iter()
                    .map(|at| (at, self.rate((at + by) as f64)))
                    .collect()
            }
        }
    }

    /// Another curve as likely as this one, where counts vary `scale` times as much as Poisson counts.
    pub fn drawn(&self, scale: f64, stream: &mut Stream) -> RateCurve {
        let n = self.rates.len();
        let mut shift: Vec<f64> = (0..n).map(|_| stream.normal() * scale.sqrt()).collect();
        // The factor's transpose undoes to the covariance.
        for i in (0..n).rev() {
            for j in i + 1..n {
                shift[i] -= self.factor[j][i] * shift[j];
            }
            shift[i] /= self.factor[i][i];
        }
        let rates = self.rates.iter().zip(shift).map(|(r, s)| (r + s).max(0.0));
        RateCurve {
            rates: rates.collect(),
            ..self.clone()
        }
    }

    /// This curve, whose last slope goes on for so long behind its end, between nothing and twice its highest rate.
    pub fn going_on(&self, seconds: i64) -> RateCurve {
        let n = self.knots.len();
        if n < 2 || self.every.is_some() {
            return self.clone();
        }
        let length = self.knots[n - 1] - self.knots[n - 2];
        let slope = (self.rates[n - 1] - self.rates[n - 2]) / length;
        let highest = self.rates.iter().copied().fold(0.0, f64::max);
        let end = (self.rates[n - 1] + slope * seconds as f64).clamp(0.0, 2.0 * highest);
        let mut more = self.clone();
        more.knots.push(self.knots[n - 1] + seconds as f64);
        more.rates.push(end);
        more
    }

    /// Twice the log-likelihood that is missing to a perfect fit of Poisson counts.
    fn deviance(&self, bins: &[RateBin]) -> f64 {
        let of = |bin: &RateBin| {
            let mean = (self.rate(bin.at) * bin.length).max(0.01);
            let log = if bin.n > 0.0 {
                bin.n * (bin.n / mean).ln()
            } else {
                0.0
            };
            2.0 * (log - (bin.n - mean))
        };
        bins.iter().map(of).sum()
    }

    /// Numbers that were chosen for it: rates, and where they hold.
    fn parameters(&self) -> usize {
        let n = self.knots.len();
        match self.every {
            Some(_) => 2 * n - 1,
            None if n == 1 => 1,
            None => 2 * n - 2,
        }
    }
}

fn hats(knots: &[f64], every: Option<i64>, t: f64) -> [(usize, f64); 2] {
    let n = knots.len();
    if n == 1 {
        return [(0, 1.0), (0, 0.0)];
    }
    if let Some(every) = every {
        let every = every as f64;
        let t = t.rem_euclid(every);
        let i = knots.partition_point(|k| *k <= t);
        let (before, after) = ((i + n - 1) % n, i % n);
        let length = (knots[after] - knots[before]).rem_euclid(every);
        let share = ((t - knots[before]).rem_euclid(every) / length).clamp(0.0, 1.0);
        return [(before, 1.0 - share), (after, share)];
    }
    let i = knots.partition_point(|k| *k <= t).clamp(1, n - 1);
    let share = ((t - knots[i - 1]) / (knots[i] - knots[i - 1])).clamp(0.0, 1.0);
    [(i - 1, 1.0 - share), (i, share)]
}

/// The curve with these knots that fits best, weighted as `before` says how much counts vary.
fn solved(knots: Vec<f64>, every: Option<i64>, bins: &[RateBin], before: &RateCurve) -> RateCurve {
    let n = knots.len();
    let mut a = vec![vec![0.0; n]; n];
    let mut b = vec![0.0; n];
    for bin in bins {
        let weight = 1.0 / (before.rate(bin.at) * bin.length).max(0.5);
        let at = hats(&knots, every, bin.at);
        for (i, x) in at {
            let x = x * bin.length;
            for (j, y) in at {
                a[i][j] += weight * x * y * bin.length;
            }
            b[i] += weight * x * bin.n;
        }
    }
    let most = (0..n).map(|i| a[i][i]).fold(0.0, f64::max);
    for (i, row) in a.iter_mut().enumerate() {
        row[i] += 1e-9 * most + f64::MIN_POSITIVE;
    }
    // A = L·Lᵀ.
    let mut l = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            l[i][j] = if i == j {
                (a[i][i] - known).max(1e-12 * most).sqrt()
            } else {
                (a[i][j] - known) / l[j][j]
            };
        }
    }
    let mut rates = b;
    for i in 0..n {
        let known: f64 = (0..i).map(|k| l[i][k] * rates[k]).sum();
        rates[i] = (rates[i] - known) / l[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| l[k][i] * rates[k]).sum();
        rates[i] = (rates[i] - known) / l[i][i];
    }
    rates.iter_mut().for_each(|r| *r = r.max(0.0));
    RateCurve {
        knots,
        rates,
        every,
        factor: l,
    }
}

/// The rate of counts from `from` to `to`, counted by `period`, where counts vary `scale` times as much as Poisson counts
/// (`None`: as much as neighbouring bins differ).
pub fn fitted(
    counts: &[(i64, u64)],
    from: i64,
    to: i64,
    period: i64,
    scale: Option<f64>,
) -> RateCurve {
    let span = (to - from).max(1);
    let bins = bins(counts, from, span, period);
    let scale = scale.unwrap_or_else(|| unevenness(&bins));
    let parts = bins.len() as f64;
    let bic =
        |curve: &RateCurve| curve.deviance(&bins) / scale + curve.parameters() as f64 * parts.ln();
    let total: f64 = bins.iter().map(|b| b.n).sum();
    let level = RateCurve::level(total / span as f64, None);
    let level = solved(vec![0.0], None, &bins, &level);
    let mut best = level.clone();
    let minute = (span / CANDIDATES / 60).max(1) * 60;
    let minute = (minute + period - 1) / period * period;
    let mut take = |curve: RateCurve| {
        if bic(&curve) < bic(&best) {
            best = curve;
        }
    };
    if span >= 2 * minute {
        let places = (1..span / minute).map(|i| (i * minute) as f64);
        let line = solved(vec![0.0, span as f64], None, &bins, &level);
        let line = solved(vec![0.0, span as f64], None, &bins, &line);
        take(searched(line, places.collect(), &bins, &bic));
    }
    for (every, places) in [(DAY, CANDIDATES), (7 * DAY, OF_WEEK)] {
        if span >= 2 * every {
            let step = every / places;
            let places = (1..places).map(|i| (i * step) as f64).collect();
            let level = RateCurve::level(level.rates[0], Some(every));
            take(searched(level, places, &bins, &bic));
        }
    }
    best
}

/// Knots added one by one.
fn searched(
    mut curve: RateCurve,
    mut places: Vec<f64>,
    bins: &[RateBin],
    bic: &impl Fn(&RateCurve) -> f64,
) -> RateCurve {
    let mut best = (bic(&curve), curve.clone());
    let mut in_vain = 0;
    // Where a curve repeats, what falls on one place of it is looked at together.
    let searched = match curve.every {
        Some(every) => folded(bins, every, places.len() as i64 + 1),
        None => bins.to_vec(),
    };
    while curve.knots.len() < KNOTS && in_vain < IN_VAIN {
        let with = |place: &f64| {
            let mut knots = curve.knots.clone();
            knots.insert(knots.partition_point(|k| k < place), *place);
            let more = solved(knots, curve.every, &searched, &curve);
            (more.deviance(&searched), more)
        };
        let next = places.iter().map(with).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, next)) = next else {
            break;
        };
        // Once more, with the weights of its own; and of all bins, by which its covariance is known.
        curve = solved(next.knots.clone(), next.every, bins, &next);
        places.retain(|p| !curve.knots.contains(p));
        let now = bic(&curve);
        if now < best.0 {
            best = (now, curve.clone());
            in_vain = 0;
        } else {
            in_vain += 1;
        }
    }
    best.1
}

fn bins(counts: &[(i64, u64)], from: i64, span: i64, period: i64) -> Vec<RateBin> {
    let width = ((span + BINS - 1) / BINS).clamp(1, LONGEST_BIN);
    let width = (width + period - 1) / period * period;
    let count = (span + width - 1) / width;
    let mut bins: Vec<RateBin> = (0..count)
        .map(|i| {
            let length = width.min(span - i * width) as f64;
            RateBin {
                at: (i * width) as f64 + length / 2.0,
                n: 0.0,
                length,
            }
        })
        .collect();
    for &(at, n) in counts {
        if let Some(bin) = bins.get_mut(((at - from) / width) as usize) {
            bin.n += n as f64;
        }
    }
    bins
}

fn folded(bins: &[RateBin], every: i64, places: i64) -> Vec<RateBin> {
    let width = every as f64 / places as f64;
    let mut all: Vec<RateBin> = (0..places)
        .map(|i| RateBin {
            at: (i as f64 + 0.5) * width,
            n: 0.0,
            length: 0.0,
        })
        .collect();
    for bin in bins {
        let place = (bin.at.rem_euclid(every as f64) / width) as usize;
        let of = &mut all[place.min(places as usize - 1)];
        of.n += bin.n;
        of.length += bin.length;
    }
    all.retain(|bin| bin.length > 0.0);
    all
}

/// How much more neighbouring bins differ than Poisson counts would.
fn unevenness(bins: &[RateBin]) -> f64 {
    let pairs = bins.windows(2).filter(|w| w[0].length == w[1].length);
    let (mut n, mut sum) = (0.0, 0.0);
    for pair in pairs {
        let both = pair[0].n + pair[1].n;
        if both > 0.0 {
            n += 1.0;
            sum += (pair[1].n - pair[0].n).powi(2) / both;
        }
    }
    if n > 0.0 { (sum / n).max(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Key;

    fn drawn(means: impl Iterator<Item = f64>, period: i64, seed: u64) -> Vec<(i64, u64)> {
        let mut stream = Key::root(seed, 0).stream();
        let all = means.enumerate();
        all.map(|(i, m)| (i as i64 * period, stream.poisson(m)))
            .collect()
    }

    #[test]
    fn a_level_rate_has_one_knot_and_a_day_that_repeats_is_known() {
        let mut level = 0;
        for seed in 0..10 {
            let counts = drawn((0..3_600).map(|_| 5.0), 1, seed);
            level += usize::from(fitted(&counts, 0, 3_600, 1, Some(1.0)).knots() == 1);
            // Five days of minutes, with a peak at 18 h.
            let rate = |t: f64| 10.0 + 8.0 * (std::f64::consts::TAU * (t / 86_400.0 - 0.75)).cos();
            let minutes = (0..5 * 1_440).map(|i| 60.0 * rate(f64::from(i) * 60.0 + 30.0));
            let counts = drawn(minutes, 60, seed);
            let curve = fitted(&counts, 0, 5 * 86_400, 60, Some(1.0));
            assert_eq!(curve.every(), Some(86_400), "{curve:?}");
            for hour in 0..24 {
                let t = f64::from(hour) * 3_600.0;
                // Behind the end of what was counted, too.
                let found = curve.rate(t + 6.0 * 86_400.0);
                assert!((found / rate(t) - 1.0).abs() < 0.12, "{hour} h: {found}");
            }
        }
        assert!(level >= 9, "{level}");
    }

    #[test]
    fn curves_that_are_drawn_vary_as_the_fit_does() {
        let truth = |t: f64| 5.0 + t / 600.0;
        let (mut of_fits, mut of_draws) = (Vec::new(), Vec::new());
        for seed in 0..60 {
            let counts = drawn((0..3_600).map(|s| truth(f64::from(s) + 0.5)), 1, seed);
            let curve = fitted(&counts, 0, 3_600, 1, Some(1.0));
            of_fits.push(curve.rate(3_600.0));
            let mut stream = Key::root(seed, 1).stream();
            of_draws.push(curve.drawn(1.0, &mut stream).rate(3_600.0) - curve.rate(3_600.0));
        }
        let spread = |all: &[f64]| {
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt()
        };
        let ratio = spread(&of_draws) / spread(&of_fits);
        assert!((0.6..1.6).contains(&ratio), "{ratio}");
        let mean = of_fits.iter().sum::<f64>() / 60.0;
        assert!((mean - 11.0).abs() < 0.2, "{mean}");
    }

    #[test]
    fn a_curve_seen_later_is_the_same_curve() {
        let mut curve = RateCurve::level(1.0, Some(86_400));
        curve.knots = vec![0.0, 3_600.0, 43_200.0];
        curve.rates = vec![1.0, 5.0, 2.0];
        let shifted = curve.points_from(50_000);
        assert_eq!(
            (shifted[0].0, shifted.last().map(|p| p.0)),
            (0, Some(86_400))
        );
        for (at, rate) in shifted {
            assert!((rate - curve.rate((at + 50_000) as f64)).abs() < 1e-12);
        }
        curve.every = None;
        assert_eq!(curve.points_from(4_000).len(), 2);
        assert_eq!(curve.points_from(50_000), vec![(0, 2.0)]);
        assert_eq!(curve.going_on(36_000).points().len(), 4);
    }
}
