//! Rows that count: n requests in a period, each at an instant of it that is uniform and independent of the others.
//!
//! That is what a Poisson process does, given its count. A period's requests are split over its seconds by halves, each
//! half with a number of its own, so that any second can be asked for alone and costs as little however many they are.

use super::Trace;
use crate::engine::SECOND;
use crate::engine::random::Key;

impl Trace {
    /// How many requests come in `second` (since the start of the trace) where rows count: `f(number of the row, how
    /// many)`, for each row of which the second has some.
    pub fn counts_of_second(&self, second: u64, key: Key, mut f: impl FnMut(usize, u64)) {
        let (round, second) = self.in_round(second);
        let period = self.period_ns() / SECOND;
        let rows = &self.recording.rows;
        let start = |i: usize| self.at(&rows[i]) / SECOND;
        let first = rows.partition_point(|row| self.at(row) / SECOND + period <= second);
        for i in (first..rows.len()).take_while(|&i| start(i) <= second) {
            let key = key.with(round).with(i as u64);
            let written = self.recording.counts.get(i).copied().unwrap_or(0);
            let n = share(self.scaled(written, key), period, second - start(i), key);
            if n > 0 {
                f(i, n);
            }
        }
    }

    /// A row's requests at the rate scale: of a fraction of one, each is drawn.
    fn scaled(&self, n: u64, key: Key) -> u64 {
        let whole = self.rate_scale.floor();
        let more = key.named("rate scale").stream();
        n * whole as u64 + { more }.binomial(n, self.rate_scale - whole)
    }
}

/// How many of a period's `n` requests come in the `second` of its seconds.
fn share(n: u64, period: u64, second: u64, key: Key) -> u64 {
    let (mut n, mut from, mut to) = (n, 0, period);
    while to - from > 1 && n > 0 {
        let middle = from + (to - from) / 2;
        let half = (middle - from) as f64 / (to - from) as f64;
        let earlier = key.with(from).with(to).stream().binomial(n, half);
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
                let all: Vec<u64> = (0..period).map(|s| share(n, period, s, key)).collect();
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
}
