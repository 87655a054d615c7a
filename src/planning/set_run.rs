//! A set of mitigations that was run, and what counts of its results.

use super::mitigation::Mitigation;
use super::{Study, Trial};
use crate::metrics::target::Target;
use crate::results::{Estimate, VariantResults};
use std::cmp::Ordering;

/// A set that was run, and what counts of its results.
pub(super) struct SetRun<'m> {
    /// The set.
    pub set: Vec<&'m Mitigation>,
    /// Throttled ÷ attempts.
    pub throttle_rate: Estimate,
    calls: Estimate,
    /// Cost of the measured time.
    pub cost: Estimate,
    /// Cost of a month.
    pub month: Estimate,
    /// The targets.
    pub trial: Trial,
}

impl<'m> SetRun<'m> {
    /// A set and the results of a run with it.
    pub fn of(
        study: &Study,
        set: &[&'m Mitigation],
        targets: &[Target],
        results: &VariantResults,
    ) -> SetRun<'m> {
        let metric = |id: &str| results.metrics[id].clone();
        SetRun {
            set: set.to_vec(),
            throttle_rate: metric("throttle_rate"),
            calls: metric("kms_calls"),
            cost: metric("cost_total_usd"),
            month: metric("cost_total_usd_per_month"),
            trial: Trial::of(study, 0.0, study.seed, targets, results),
        }
    }

    /// Whether it is this mitigation alone.
    pub fn is(&self, mitigation: &Mitigation) -> bool {
        matches!(self.set.as_slice(), [one] if one.name == mitigation.name)
    }

    fn costs(&self) -> &Estimate {
        match self.month.mean {
            Some(_) => &self.month,
            None => &self.cost,
        }
    }

    /// Whether it is shown to cost less than another.
    pub fn is_cheaper(&self, other: &SetRun<'_>) -> bool {
        order(self.costs(), other.costs()) == Ordering::Less
    }

    /// Its cost \[USD\], of a month where there is one.
    pub fn cost_mean(&self) -> f64 {
        self.costs().mean.unwrap_or(f64::INFINITY)
    }

    /// KMS calls.
    pub fn calls_mean(&self) -> f64 {
        self.calls.mean.unwrap_or(f64::INFINITY)
    }
}

/// How two means stand to each other: equal where the 95 % interval of their difference, replication by replication, holds
/// zero; all runs have the same random numbers. By the means alone where there is no interval.
pub(super) fn order(a: &Estimate, b: &Estimate) -> Ordering {
    let pairs = a.values.iter().zip(&b.values);
    let difference = Estimate::over(pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect(), &a.unit);
    match (difference.ci_low, difference.ci_high) {
        (Some(low), _) if low > 0.0 => Ordering::Greater,
        (_, Some(high)) if high < 0.0 => Ordering::Less,
        (Some(_), Some(_)) => Ordering::Equal,
        (None, _) | (_, None) => {
            let of = |e: &Estimate| e.mean.unwrap_or(f64::INFINITY);
            of(a).total_cmp(&of(b))
        }
    }
}
