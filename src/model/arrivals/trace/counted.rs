//! Rows that count: n requests in a period, each at an instant of it that is uniform and independent of the others.
//!
//! That is what a Poisson process does, given its count. A period's requests are split over its seconds by halves, each
//! half with a number of its own, so that any second can be asked for alone and costs as little however many they are.
//!
//! Where the seconds are less even than that (`dispersion` D > 1), their rates are gamma-distributed with shape
//! m ÷ (D − 1), m the mean of a second: counts are then negative binomial with index D. Given a period's count that makes the
//! share of its earlier half beta-distributed, with the shapes of all its seconds, at every halving.

use super::Trace;
use crate::engine::SECOND;
use crate::engine::narrow;
use crate::engine::random::{Key, Stream};

impl Trace {
    /// How many requests come in `second` (since the start of the trace) where rows count: `f(number of the row, how
    /// many)`, for each row of which the second has some.
    pub fn counts_of_second(&self, second: u64, key: Key, mut f: impl FnMut(usize, u64)) {
        let (round, second) = self.in_round(second);
        let period = self.period_ns() / SECOND;
        let rows = &self.recording.rows;
        let start = |i: usize| self.scaled_time(rows.at(i)) / SECOND;
        let first = rows.partition_point(|at| self.scaled_time(at) / SECOND + period <= second);
        for i in (first..rows.len()).take_while(|&i| start(i) <= second) {
            let key = key.with(round).with(i as u64);
            let written = self.recording.counts.get(i).copied().unwrap_or(0);
            let all = self.scaled(written, key);
            let mean = all as f64 / period as f64;
            let shape = (self.dispersion > 1.0).then(|| mean / (self.dispersion - 1.0));
            let n = share(all, period, second - start(i), shape, key);
            if n > 0 {
                f(i, n);
            }
        }
    }

    /// A row's requests at the rate scale: of a fraction of one, each is drawn.
    fn scaled(&self, n: u64, key: Key) -> u64 {
        let whole = self.rate_scale.floor();
        let more = key.named("rate scale").stream();
        n * narrow::whole(whole) + { more }.binomial(n, self.rate_scale - whole)
    }
}

/// A gamma-distributed number of that shape, scale 1 (Marsaglia and Tsang).
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let more = gamma(shape + 1.0, stream);
        return more * libm::pow(stream.unit(), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = stream.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(stream.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// How many of a period's `n` requests come in the `second` of its seconds, whose rates have that shape, or are equal.
fn share(n: u64, period: u64, second: u64, shape: Option<f64>, key: Key) -> u64 {
    let (mut n, mut from, mut to) = (n, 0, period);
    while to - from > 1 && n > 0 {
        let middle = from + (to - from) / 2;
        let (before, after) = ((middle - from) as f64, (to - middle) as f64);
        let mut stream = key.with(from).with(to).stream();
        let half = match shape {
            None => before / (before + after),
            Some(shape) => {
                let (a, b) = (
                    gamma(shape * before, &mut stream),
                    gamma(shape * after, &mut stream),
                );
                // Two numbers too small to tell apart: all come in one of the halves.
                match a + b > 0.0 {
                    true => a / (a + b),
                    false => f64::from(u8::from(stream.unit() < before / (before + after))),
                }
            }
        };
        let earlier = stream.binomial(n, half);
        if second < middle {
            (n, to) = (earlier, middle);
        } else {
            (n, from) = (n - earlier, middle);
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_of_a_period_add_up_and_are_alike() {
        for (n, period) in [(1_000_003, 60), (5, 300), (0, 7), (977, 1), (90_000, 7)] {
            let mut squares = 0.0;
            for round in 0..40 {
                let key = Key::root(3, round);
                let all: Vec<u64> = (0..period)
                    .map(|s| share(n, period, s, None, key))
                    .collect();
                assert_eq!(all.iter().sum::<u64>(), n);
                let mean = n as f64 / period as f64;
                squares += all.iter().map(|&k| (k as f64 - mean).powi(2)).sum::<f64>();
            }
            // Multinomial: each second has variance n/p (1 − 1/p).
            let p = period as f64;
            let theory = 40.0 * n as f64 * (1.0 - 1.0 / p);
            // A sum of 40 (p − 1) squares of normal numbers, and twice as wide where n is small.
            let sd = theory * (2.0 / (40.0 * (p - 1.0).max(1.0))).sqrt();
            assert!(
                (squares - theory).abs() <= 4.5 * sd,
                "{n} {period}: {squares} {theory}"
            );
        }
    }

    #[test]
    fn dispersed_seconds_have_their_index() {
        // Dirichlet-multinomial: each second has the index n D ÷ (n + D − 1), times 1 − 1/p.
        for (n, period, d) in [(60_000, 60, 13.0), (600, 60, 5.0), (300, 60, 40.0)] {
            let shape = n as f64 / period as f64 / (d - 1.0);
            let (mut squares, rounds) = (0.0, 400);
            for round in 0..rounds {
                let key = Key::root(5, round);
                let all: Vec<u64> = (0..period)
                    .map(|s| share(n, period, s, Some(shape), key))
                    .collect();
                assert_eq!(all.iter().sum::<u64>(), n);
                let mean = n as f64 / period as f64;
                squares += all.iter().map(|&k| (k as f64 - mean).powi(2)).sum::<f64>();
            }
            let (n, p) = (n as f64, period as f64);
            let index = squares / (rounds as f64 * n);
            let theory = n * d / (n + d - 1.0) * (1.0 - 1.0 / p);
            assert!(
                (index / theory - 1.0).abs() < 0.1,
                "{n} {d}: {index} {theory}"
            );
        }
    }
}
