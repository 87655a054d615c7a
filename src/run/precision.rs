//! Replications until an interval is narrow enough.

use crate::billing::BillError;
use crate::metrics::registry;
use crate::model::Plan;
use crate::outcome;
use crate::results::{Estimate, PrecisionResult};
use crate::simulation::record::Record;

/// What `--precision` asks for: an interval narrow enough for one metric, of every variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Identifier of the metric, one of the registry's.
    pub metric: &'static str,
    /// Largest half-width of the 95 % interval, as a share of the mean.
    pub share: f64,
    /// Replications after which to give up.
    pub most: u32,
}

impl Precision {
    /// Half-width as a share of the mean; zero where all replications agree, `None` without data.
    fn found(estimate: &Estimate) -> Option<f64> {
        let half = (estimate.ci_high? - estimate.ci_low?) / 2.0;
        Some(if half == 0.0 {
            0.0
        } else {
            half / estimate.mean?.abs()
        })
    }

    pub(super) fn judge(&self, variants: &[Estimate]) -> PrecisionResult {
        let all: Option<Vec<f64>> = variants.iter().map(Precision::found).collect();
        let widest = all.map(|all| all.into_iter().fold(0.0, f64::max));
        PrecisionResult {
            metric: self.metric.to_owned(),
            wanted: self.share,
            found: widest.filter(|w| w.is_finite()),
            reached: widest.is_some_and(|w| w <= self.share),
        }
    }

    /// How many replications to have next: as many as the widest interval promises, at most twice as many as
    /// there are, since that promise is itself an estimate.
    pub(super) fn next(&self, variants: &[Estimate], replications: u32) -> u32 {
        let ratio = variants
            .iter()
            .filter_map(Precision::found)
            .fold(0.0, f64::max)
            / self.share;
        let promised = f64::from(replications) * (ratio * ratio).clamp(1.0, 2.0);
        (promised.ceil() as u32)
            .max(replications + 2)
            .min(self.most)
    }
}

/// The values of one metric, replication by replication: what `--precision` watches, without all other results.
pub(super) struct WatchedMetric {
    metric: &'static str,
    /// By variant.
    values: Vec<Vec<Option<f64>>>,
}

impl WatchedMetric {
    pub fn new(metric: &'static str, variants: usize) -> WatchedMetric {
        WatchedMetric {
            metric,
            values: vec![Vec::new(); variants],
        }
    }

    /// Its estimate for a variant, from the replications so far; only those that are new are looked at.
    pub fn estimate(
        &mut self,
        variant: usize,
        plan: &Plan,
        seed: u64,
        records: &[Record],
    ) -> Result<Estimate, BillError> {
        let values = &mut self.values[variant];
        let more = outcome::metric_values(plan, seed, records, values.len(), self.metric)?;
        values.extend(more);
        let unit = registry::metric(self.metric).map_or("", |m| m.unit);
        Ok(Estimate::over(values.clone(), unit))
    }
}
