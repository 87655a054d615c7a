//! The largest counts of seconds whose means are known: Poisson counts, or less even ones.

use super::likeness::Interval;
use statrs::distribution::{DiscreteCDF, NegativeBinomial, Poisson};

/// Means that are told apart: the tail asks for few different ones.
const CLASSES: usize = 256;

/// Counts of seconds with these means.
#[derive(Clone, Debug)]
pub struct CountMixture {
    /// Means, and how many seconds have them.
    classes: Vec<(f64, f64)>,
    /// Variance ÷ mean of a second with a given mean; 1: Poisson.
    dispersion: f64,
}

impl CountMixture {
    /// Of means, each with the seconds that have it.
    pub fn new(means: impl Iterator<Item = (f64, f64)> + Clone, dispersion: f64) -> CountMixture {
        let highest = means.clone().map(|m| m.0).fold(0.0, f64::max).max(1e-12);
        let mut seconds = vec![0.0; CLASSES + 1];
        for (mean, n) in means {
            seconds[(mean / highest * CLASSES as f64).round() as usize] += n;
        }
        let classes = seconds.into_iter().enumerate().filter(|(_, n)| *n > 0.0);
        CountMixture {
            classes: classes
                .map(|(i, n)| (highest * i as f64 / CLASSES as f64, n))
                .collect(),
            dispersion,
        }
    }

    /// How many seconds are expected with more than `n`.
    fn exceeding(&self, n: u64) -> f64 {
        let tail = |mean: f64| {
            let mean = mean.max(1e-12);
            if self.dispersion > 1.0 {
                let r = mean / (self.dispersion - 1.0);
                NegativeBinomial::new(r, 1.0 / self.dispersion).map_or(0.0, |d| d.sf(n))
            } else {
                Poisson::new(mean).map_or(0.0, |d| d.sf(n))
            }
        };
        self.classes.iter().map(|&(mean, k)| k * tail(mean)).sum()
    }

    /// The least count that no more than so many seconds are expected to exceed, by halving.
    fn exceeded_by(&self, seconds: f64) -> f64 {
        let highest = self.classes.last().map_or(0.0, |c| c.0);
        let (mut low, mut high) = (
            0_u64,
            (highest + 40.0 * (highest * self.dispersion).sqrt() + 60.0 * self.dispersion) as u64,
        );
        while low < high {
            let middle = low + (high - low) / 2;
            if self.exceeding(middle) <= seconds {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low as f64
    }

    /// The count of the busiest second: P(busiest ≤ n) is exp(−exceeding(n)) to first order.
    pub fn busiest(&self) -> Interval {
        Interval {
            value: self.exceeded_by(0.693),
            low: self.exceeded_by(3.69),
            high: self.exceeded_by(0.0253),
        }
    }

    /// The count that 99.9 % of seconds do not exceed.
    pub fn p999(&self) -> Interval {
        let rare = 0.001 * self.classes.iter().map(|c| c.1).sum::<f64>();
        Interval {
            value: self.exceeded_by(rare),
            low: self.exceeded_by(rare + 1.96 * rare.sqrt() + 1.0),
            high: self.exceeded_by((rare - 1.96 * rare.sqrt()).max(0.0253)),
        }
    }
}
