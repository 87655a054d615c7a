//! One replication's values by metric, and all replications' as estimates.

use crate::metrics::registry::{METRICS, Metric};
use crate::results::{Estimate, Metrics};
use std::collections::BTreeMap;

/// Values by identifier of the registry; a metric without data is left out.
pub(super) type Values = BTreeMap<&'static str, f64>;

/// Estimates of the registry's metrics that `keep` lets through.
pub(super) fn estimates(values: &[Values], keep: impl Fn(&Metric) -> bool) -> Metrics {
    let kept: Vec<&Metric> = METRICS.iter().filter(|m| keep(m)).collect();
    // No more room than they take: there may be tens of thousands of breakdowns.
    let mut metrics = Metrics::with_capacity(kept.len());
    metrics.extend(kept.into_iter().map(|m| {
        let over = values.iter().map(|v| v.get(m.id).copied()).collect();
        (m.id.to_owned(), Estimate::over(over, m.unit))
    }));
    metrics
}
