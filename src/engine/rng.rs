//! Keyed streams for the distributions of others: every distribution of `rand_distr` can be drawn from a [`Stream`].
//!
//! What the simulation draws comes from the samplers in [`random`](super::random), whose logarithms and exponentials are
//! the `libm` crate's; `rand_distr` takes those of the C library, which differ in a last digit now and then. So it
//! serves what is drawn before a simulation and rounded, see [`Stream::input`], and as the measure that the tests below
//! hold our samplers to.

use super::random::Stream;
use rand::RngCore;
use rand_distr::Distribution;

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        (self.bits() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.bits()
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        rand::rand_core::impls::fill_bytes_via_next(self, into);
    }
}

impl Stream {
    /// Draws an uncertain input of a scenario, such as next year's request rate, rounded to nine significant digits so
    /// that machines with different C libraries agree on it.
    ///
    /// ```
    /// use kmsim::engine::random::Key;
    /// use rand_distr::LogNormal;
    ///
    /// let growth = LogNormal::new(0.0, 0.25)?;
    /// let mut stream = Key::root(7, 0).named("growth").stream();
    /// let rate = 8_000.0 * stream.input(&growth);
    /// let set = format!("workload.readers.arrivals.poisson.rate={rate}/s");
    /// # assert!(rate > 2_000.0 && rate < 32_000.0, "{set}");
    /// # Ok::<(), rand_distr::NormalError>(())
    /// ```
    pub fn input(&mut self, distribution: &impl Distribution<f64>) -> f64 {
        let drawn = distribution.sample(self);
        let rounded = format!("{drawn:.8e}").parse();
        rounded.expect("a number as Rust writes it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, Zipf};
    use rand_distr::{Binomial, Exp1, LogNormal, Poisson, StandardNormal};
    use statrs::distribution::{ChiSquared, ContinuousCDF};
    use std::collections::BTreeMap;

    const DRAWS: usize = 100_000;

    /// Two samplers of one distribution differ more than this by chance once in ten thousand times.
    const SIGNIFICANCE: f64 = 1e-4;

    fn sample(name: &str, mut draw: impl FnMut(&mut Stream) -> f64) -> Vec<f64> {
        let mut stream = Key::root(1, 0).named(name).stream();
        (0..DRAWS).map(|_| draw(&mut stream)).collect()
    }

    /// The probability that two samples of one distribution of whole numbers differ by as much, by χ² over parts of
    /// about equal weight.
    fn chi_squared(ours: &[f64], theirs: &[f64]) -> f64 {
        let mut counts: BTreeMap<i64, [f64; 2]> = BTreeMap::new();
        for (side, sample) in [ours, theirs].into_iter().enumerate() {
            for &value in sample {
                counts.entry(value as i64).or_default()[side] += 1.0;
            }
        }
        // Neighbours together until a part holds a hundredth of all.
        let mut parts: Vec<[f64; 2]> = vec![[0.0; 2]];
        for [a, b] in counts.into_values() {
            let part = parts.last_mut().expect("a part");
            *part = [part[0] + a, part[1] + b];
            if part[0] + part[1] >= 2.0 * DRAWS as f64 / 100.0 {
                parts.push([0.0; 2]);
            }
        }
        // What is left over goes to the part before it.
        let rest = parts.pop().expect("a part");
        let last = parts.last_mut().expect("a full part");
        *last = [last[0] + rest[0], last[1] + rest[1]];
        let differences = parts.iter().map(|[a, b]| (a - b) * (a - b) / (a + b));
        let degrees = (parts.len() - 1) as f64;
        ChiSquared::new(degrees)
            .expect("two parts or more")
            .sf(differences.sum())
    }

    /// The same for real numbers, by Kolmogorov and Smirnov: at most 2·e^(−D²·n) for two samples of n each.
    fn kolmogorov_smirnov(mut ours: Vec<f64>, mut theirs: Vec<f64>) -> f64 {
        ours.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        let (mut i, mut j, mut widest) = (0, 0, 0_usize);
        while i < DRAWS && j < DRAWS {
            if ours[i] <= theirs[j] {
                i += 1;
            } else {
                j += 1;
            }
            widest = widest.max(i.abs_diff(j));
        }
        let d = widest as f64 / DRAWS as f64;
        2.0 * libm::exp(-d * d * DRAWS as f64)
    }

    #[test]
    fn poisson_draws_as_rand_distr_does() {
        for mean in [0.1, 5.0, 9.9, 10.1, 50.0, 1_000.0, 1e6] {
            let ours = sample("ours", |s| s.poisson(mean) as f64);
            let poisson = Poisson::new(mean).unwrap();
            let theirs = sample("theirs", |s| poisson.sample(s));
            let p = chi_squared(&ours, &theirs);
            assert!(p > SIGNIFICANCE, "mean {mean}: {p}");
        }
    }

    #[test]
    fn binomial_draws_as_rand_distr_does() {
        for (n, p) in [
            (5, 0.3),
            (40, 0.9),
            (1_000, 0.004),
            (1_000, 0.4),
            (1_000_000, 0.77),
        ] {
            let ours = sample("ours", |s| s.binomial(n, p) as f64);
            let thinned = sample("thinned", |s| s.thinned(n.min(1_000), p) as f64);
            let theirs = |n| {
                let binomial = Binomial::new(n, p).unwrap();
                sample("theirs", |s| binomial.sample(s) as f64)
            };
            let by_rejection = chi_squared(&ours, &theirs(n));
            assert!(by_rejection > SIGNIFICANCE, "{n} {p}: {by_rejection}");
            let by_coins = chi_squared(&thinned, &theirs(n.min(1_000)));
            assert!(by_coins > SIGNIFICANCE, "{n} {p}, thinned: {by_coins}");
        }
    }

    #[test]
    fn zipf_draws_as_rand_distr_does() {
        for (n, exponent) in [(50, 0.7), (50, 1.0), (1_000, 1.4), (1_000_000, 0.99)] {
            let zipf = Zipf::new(n, exponent);
            let ours = sample("ours", |s| zipf.draw(s) as f64 + 1.0);
            let zipf = rand_distr::Zipf::new(n as f64, exponent).unwrap();
            let theirs = sample("theirs", |s| zipf.sample(s));
            let p = chi_squared(&ours, &theirs);
            assert!(p > SIGNIFICANCE, "{n} ranks, {exponent}: {p}");
        }
    }

    #[test]
    fn exponential_and_normal_draw_as_rand_distr_does() {
        let ours = sample("ours", Stream::exponential);
        let p = kolmogorov_smirnov(ours, sample("theirs", |s| Exp1.sample(s)));
        assert!(p > SIGNIFICANCE, "exponential: {p}");
        let ours = sample("ours", Stream::normal);
        let p = kolmogorov_smirnov(ours, sample("theirs", |s| StandardNormal.sample(s)));
        assert!(p > SIGNIFICANCE, "normal: {p}");
    }

    /// The tests above can fail: they see a mean that is off by a few hundredths.
    #[test]
    fn another_distribution_is_told_apart() {
        let of = |name, mean| sample(name, |s: &mut Stream| s.poisson(mean) as f64);
        assert!(chi_squared(&of("ours", 50.0), &of("theirs", 50.5)) < SIGNIFICANCE);
        let theirs = sample("theirs", |s| 1.04 * s.exponential());
        let p = kolmogorov_smirnov(sample("ours", Stream::exponential), theirs);
        assert!(p < SIGNIFICANCE);
    }

    #[test]
    fn a_generator_of_rand_gives_the_numbers_of_the_stream() {
        let key = Key::root(3, 0);
        let (mut rng, mut stream) = (key.stream(), key.stream());
        assert_eq!(rng.next_u64(), stream.bits());
        assert_eq!(u64::from(rng.next_u32()), stream.bits() >> 32);
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let words = [stream.bits().to_le_bytes(), stream.bits().to_le_bytes()].concat();
        assert_eq!(bytes, words[..]);
    }

    #[test]
    fn an_input_has_nine_significant_digits() {
        let distribution = LogNormal::new(9.0, 0.5).unwrap();
        let drawn = Key::root(4, 0).stream().input(&distribution);
        let exact = distribution.sample(&mut Key::root(4, 0).stream());
        assert!(drawn != exact && (drawn / exact - 1.0).abs() <= 5e-9);
        assert_eq!(format!("{drawn:.8e}").parse(), Ok(drawn));
    }
}
