//! A keyed permutation of 0..n, for n up to 2⁶³, without a table.
//!
//! A Feistel network on the next power of two, walked until it lands inside (Black and Rogaway: "Ciphers with Arbitrary
//! Finite Domains", CT-RSA 2002). Its halves may differ by one bit, so that fewer than two walks are expected.

use super::random::Key;

/// A permutation of the numbers below `n`.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    n: u64,
    /// Bits of the lower half; the upper half has as many or one fewer.
    lower_bits: u32,
    upper: u64,
    lower: u64,
    key: Key,
}

const ROUNDS: u64 = 4;

impl Permutation {
    /// One of 0..n, drawn under a key.
    pub fn new(n: u64, key: Key) -> Permutation {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let lower_bits = bits.div_ceil(2);
        Permutation {
            n,
            lower_bits,
            upper: (1 << (bits - lower_bits)) - 1,
            lower: (1 << lower_bits) - 1,
            key,
        }
    }

    /// Where `i` (below n) is sent, below n; no other number is sent there.
    #[inline]
    pub fn of(&self, i: u64) -> u64 {
        if self.n <= 1 {
            return 0;
        }
        let mut i = i;
        loop {
            i = self.walk(i);
            if i < self.n {
                return i;
            }
        }
    }

    #[inline(always)]
    fn walk(&self, i: u64) -> u64 {
        let (mut upper, mut lower) = (i >> self.lower_bits, i & self.lower);
        for round in 0..ROUNDS {
            let key = self.key.with(round);
            lower ^= key.with(upper).bits() & self.lower;
            upper ^= key.with(lower | 1 << 63).bits() & self.upper;
        }
        upper << self.lower_bits | lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_met_once() {
        for n in [1, 2, 3, 4, 5, 7, 8, 9, 100, 127, 1_000, 4_097] {
            let permutation = Permutation::new(n, Key::root(1, n));
            let mut met: Vec<u64> = (0..n).map(|i| permutation.of(i)).collect();
            met.sort_unstable();
            assert!(met.into_iter().eq(0..n), "{n}");
        }
    }

    /// Of a random permutation each position is alike for each number: χ² over the places of one number in many permutations, and
    /// the mean number of fixed points, which is 1 with variance 1.
    #[test]
    fn places_are_alike() {
        let (n, draws) = (50_u64, 20_000_u64);
        let mut places = vec![0_u32; n as usize];
        let mut fixed = 0_u64;
        for draw in 0..draws {
            let permutation = Permutation::new(n, Key::root(7, draw));
            places[permutation.of(3) as usize] += 1;
            fixed += (0..n).filter(|&i| permutation.of(i) == i).count() as u64;
        }
        let expected = draws as f64 / n as f64;
        let chi2: f64 = places
            .iter()
            .map(|&c| (f64::from(c) - expected).powi(2) / expected)
            .sum();
        let freedom = (n - 1) as f64;
        assert!(
            (chi2 - freedom).abs() < 4.5 * (2.0 * freedom).sqrt(),
            "{chi2}"
        );
        let mean = fixed as f64 / draws as f64;
        assert!((mean - 1.0).abs() < 4.5 / (draws as f64).sqrt(), "{mean}");
    }
}
