//! A duration's distribution in buckets: drawn one by one or counted as one multinomial.
//!
//! Continuous distributions are cut into buckets of at most 0.5 % width once, so that a drawn
//! delay and a counted one come from the same numbers. Sums are convolved on the same grid.

use super::narrow::{index, signed_whole, whole};
use super::random::{Key, Stream};
use std::collections::BTreeMap;

/// First bits of a number by which its value is looked up.
const GUIDE_BITS: u32 = 10;

/// Buckets per e-fold: 0.5 % wide.
const RESOLUTION: f64 = 200.0;

/// A distribution of durations \[ns\].
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Value of each bucket, ascending.
    values: Vec<u64>,
    probabilities: Vec<f64>,
    /// Cumulated probabilities scaled to 2⁶⁴.
    cumulative: Vec<u64>,
    /// For each value of a number's first bits: the first place whose cumulated probability is not below all such numbers.
    guide: Vec<u32>,
    /// The only value, if there is one.
    constant: Option<u64>,
}

impl Distribution {
    /// Always `ns`.
    pub fn constant(ns: u64) -> Distribution {
        Distribution::from_buckets(BTreeMap::from([(ns, 1.0)]))
    }

    /// Lognormal with the given median \[ns\] and σ of the logarithm.
    pub fn lognormal(median_ns: u64, sigma: f64) -> Distribution {
        if sigma <= 0.0 || median_ns == 0 {
            return Distribution::constant(median_ns);
        }
        // Beyond ± 6 σ lie 2·10⁻⁹ of the probability; they go to the outermost buckets.
        let steps = signed_whole((6.0 * sigma * RESOLUTION).ceil());
        let normal = |z: f64| 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        let mut buckets = BTreeMap::new();
        for i in -steps..=steps {
            let edge = |j: i64| (j as f64 - 0.5) / RESOLUTION / sigma;
            let low = if i == -steps { 0.0 } else { normal(edge(i)) };
            let high = if i == steps { 1.0 } else { normal(edge(i + 1)) };
            let value = median_ns as f64 * libm::exp(i as f64 / RESOLUTION);
            *buckets.entry(whole(value.round())).or_insert(0.0) += high - low;
        }
        Distribution::from_buckets(buckets)
    }

    /// The sum of two independent durations.
    pub fn plus(&self, other: &Distribution) -> Distribution {
        // A constant added needs no grid: keep such sums exact.
        if self.values.len() == 1 || other.values.len() == 1 {
            let (one, many) = if self.values.len() == 1 {
                (self, other)
            } else {
                (other, self)
            };
            return Distribution::from_buckets(
                many.values
                    .iter()
                    .map(|v| v + one.values[0])
                    .zip(many.probabilities.iter().copied())
                    .collect(),
            );
        }
        // Millions of pairs fall on some thousand values: added up by number, not by search.
        let mut sums = vec![0.0; GRID_POINTS];
        for (a, p) in self.values.iter().zip(&self.probabilities) {
            for (b, q) in other.values.iter().zip(&other.probabilities) {
                sums[grid_point(a + b)] += p * q;
            }
        }
        let points = sums.into_iter().enumerate().filter(|&(_, p)| p > 0.0);
        Distribution::from_buckets(points.map(|(i, p)| (grid_value(i), p)).collect())
    }

    fn from_buckets(buckets: BTreeMap<u64, f64>) -> Distribution {
        let (values, probabilities): (Vec<u64>, Vec<f64>) =
            buckets.into_iter().filter(|&(_, p)| p > 0.0).unzip();
        let total: f64 = probabilities.iter().sum();
        let mut sum = 0.0;
        let mut cumulative: Vec<u64> = probabilities
            .iter()
            .map(|p| {
                sum += p / total;
                whole(sum * 18_446_744_073_709_551_616.0)
            })
            .collect();
        if let Some(last) = cumulative.last_mut() {
            *last = u64::MAX;
        }
        let constant = match values[..] {
            [only] => Some(only),
            _ => None,
        };
        let mut place = 0;
        let guide = (0..=1_u64 << GUIDE_BITS).map(|first| {
            let least = u128::from(first) << (64 - GUIDE_BITS);
            while u128::from(cumulative[place as usize]) < least
                && (place as usize) < cumulative.len() - 1
            {
                place += 1;
            }
            place
        });
        Distribution {
            constant,
            guide: match constant {
                Some(_) => Vec::new(),
                None => guide.collect(),
            },
            values,
            probabilities,
            cumulative,
        }
    }

    /// The shortest duration that is ever drawn \[ns\].
    pub fn least(&self) -> u64 {
        self.values.first().copied().unwrap_or(0)
    }

    /// One duration \[ns\].
    #[inline]
    pub fn draw(&self, key: Key) -> u64 {
        if let Some(only) = self.constant {
            return only;
        }
        let bits = key.bits();
        let first = index(bits >> (64 - GUIDE_BITS));
        let (from, to) = (self.guide[first] as usize, self.guide[first + 1] as usize);
        // Few values share their first bits, most have them for themselves.
        let places = self.cumulative[from..to].iter();
        self.values[from + places.take_while(|&&c| c < bits).count()]
    }

    /// One duration, of a key that is only made where it is needed.
    #[inline]
    pub fn draw_with(&self, key: impl FnOnce() -> Key) -> u64 {
        match self.constant {
            Some(only) => only,
            None => self.draw(key()),
        }
    }

    /// The medians of `parts` parts of equal probability, each as likely as the others.
    pub fn quantiles(&self, parts: usize) -> Distribution {
        let step = u64::MAX / parts as u64;
        let mut buckets = BTreeMap::new();
        for i in 0..parts as u64 {
            let place = self
                .cumulative
                .partition_point(|&c| c < i * step + step / 2);
            *buckets.entry(self.values[place]).or_insert(0.0) += 1.0;
        }
        Distribution::from_buckets(buckets)
    }

    /// How many of `n` durations fall on each value, as `f(value, count)` for counts above 0.
    pub fn count(&self, n: u64, stream: &mut Stream, mut f: impl FnMut(u64, u64)) {
        let mut counts = Vec::with_capacity(self.values.len());
        stream.multinomial(n, &self.probabilities, &mut counts);
        for (&value, &count) in self.values.iter().zip(&counts) {
            if count > 0 {
                f(value, count);
            }
        }
    }
}

/// Points of the common grid: every number below 512, then 256 for each doubling.
const GRID_POINTS: usize = 512 + 256 * 55 + 1;

/// Number of the nearest point of the common grid: 8 bits of mantissa, at most 0.4 % apart.
fn grid_point(ns: u64) -> usize {
    let bits = 64 - ns.leading_zeros();
    if bits <= 9 {
        return index(ns);
    }
    let shift = bits - 9;
    // Rounded half up, without the overflow that adding the half first could bring.
    let mantissa = (ns >> shift) + (ns >> (shift - 1) & 1);
    512 + 256 * (shift as usize - 1) + index(mantissa) - 256
}

/// The value of a point of the common grid.
fn grid_value(point: usize) -> u64 {
    match point.checked_sub(512) {
        None => point as u64,
        Some(above) => (256 + (above % 256) as u64) << (above / 256 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_ascending_and_near() {
        for point in 1..GRID_POINTS - 1 {
            assert!(grid_value(point) > grid_value(point - 1), "{point}");
            assert_eq!(grid_point(grid_value(point)), point);
        }
        for ns in [
            0,
            511,
            512,
            513,
            1_023,
            1_025,
            4_000_000,
            30_123_456,
            3_600_000_000_000,
        ] {
            let value = grid_value(grid_point(ns));
            assert!(
                value.abs_diff(ns) as f64 <= 0.002 * ns as f64,
                "{ns} {value}"
            );
        }
    }

    #[test]
    fn a_lognormal_has_its_median_and_percentiles() {
        let d = Distribution::lognormal(4_000_000, 0.5);
        let n = 400_000_u64;
        let mut drawn: Vec<u64> = (0..n).map(|i| d.draw(Key::root(1, 1).with(i))).collect();
        drawn.sort_unstable();
        // z of 0.5, 0.9 and 0.99.
        for (q, z) in [(0.5, 0.0), (0.9, 1.281_552), (0.99, 2.326_348)] {
            let expected = 4e6 * libm::exp(0.5 * z);
            let got = drawn[(q * n as f64) as usize] as f64;
            assert!(
                (got / expected - 1.0).abs() < 0.012,
                "{q}: {got} for {expected}"
            );
        }
    }

    #[test]
    fn the_guide_leads_to_the_first_value_that_is_not_below() {
        let narrow = Distribution::lognormal(4_000_000, 0.01);
        for d in [
            Distribution::lognormal(4_000_000, 0.5),
            narrow.plus(&Distribution::lognormal(30_000_000, 2.0)),
            narrow.quantiles(2),
            narrow,
        ] {
            let near = d
                .cumulative
                .iter()
                .flat_map(|&c| [c - 1, c, c.saturating_add(1)]);
            let some = (0..2_000).map(|i| Key::root(1, 2).with(i).bits());
            for bits in near.chain(some).chain([0, u64::MAX]) {
                let place = d.cumulative.partition_point(|&c| c < bits);
                assert_eq!(d.draw(Key::from_bits(bits)), d.values[place]);
            }
        }
    }

    #[test]
    fn counting_and_drawing_agree() {
        let d =
            Distribution::lognormal(30_000_000, 0.5).plus(&Distribution::lognormal(4_000_000, 0.5));
        let n = 1_000_000;
        let (mut total, mut sum) = (0, 0.0);
        d.count(n, &mut Key::root(2, 0).stream(), |v, c| {
            total += c;
            sum += v as f64 * c as f64;
        });
        assert_eq!(total, n);
        // Mean of a lognormal: median · exp(σ²/2).
        let mean = 34e6 * libm::exp(0.125);
        assert!((sum / n as f64 / mean - 1.0).abs() < 0.003);
        let drawn = (0..n)
            .map(|i| d.draw(Key::root(3, 0).with(i)) as f64)
            .sum::<f64>()
            / n as f64;
        assert!((drawn / mean - 1.0).abs() < 0.003);
    }

    #[test]
    fn sums_with_constants_are_exact() {
        let d = Distribution::constant(5).plus(&Distribution::constant(1_000_003));
        assert_eq!(d.draw(Key::root(0, 0)), 1_000_008);
    }
}
