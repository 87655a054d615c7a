//! One replication's values by metric, and all replications' as estimates.

use crate::metrics::registry::{METRICS, Metric};
use crate::results::{Estimate, Metrics, MetricsTable};
use std::collections::BTreeMap;

/// Values by identifier of the registry; a metric without data is left out.
pub(super) type Values = BTreeMap<&'static str, f64>;

/// Estimates of some of the registry's metrics, of one thing after another.
pub(super) struct Estimates {
    kept: Vec<&'static Metric>,
    table: MetricsTable,
}

impl Estimates {
    /// Of the metrics that `keep` lets through.
    pub(super) fn new(keep: impl Fn(&Metric) -> bool) -> Estimates {
        let kept: Vec<&Metric> = METRICS.iter().filter(|m| keep(m)).collect();
        let ids = kept.iter().map(|m| m.id.to_owned());
        Estimates {
            table: MetricsTable::new(ids),
            kept,
        }
    }

    /// From the values of each replication.
    pub(super) fn of(&mut self, values: &[Values]) -> Metrics {
        let of = |m: &&'static Metric| {
            let over = values.iter().map(|v| v.get(m.id).copied());
            (m.unit, over.collect())
        };
        let all = self.kept.iter().map(of);
        self.table.metrics(all, Estimate::over)
    }
}

/// Estimates of the registry's metrics that `keep` lets through.
pub(super) fn estimates(values: &[Values], keep: impl Fn(&Metric) -> bool) -> Metrics {
    Estimates::new(keep).of(values)
}
