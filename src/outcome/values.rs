//! One replication's values by metric, and all replications' as estimates.

use crate::metrics::registry::{METRICS, Metric, place};
use crate::results::{Estimate, Metrics, MetricsTable};

/// Values by metric of the registry; a metric without data has none.
#[derive(Clone, Debug)]
pub(super) struct Values([Option<f64>; METRICS.len()]);

impl Default for Values {
    fn default() -> Values {
        Values([None; METRICS.len()])
    }
}

impl Values {
    /// Sets a metric's value.
    pub fn insert(&mut self, id: &str, value: f64) {
        self.0[place(id)] = Some(value);
    }

    /// A metric's value, by its identifier.
    pub fn get(&self, id: &str) -> Option<f64> {
        let place = METRICS.iter().position(|m| m.id == id);
        self.0[place?]
    }

    /// The same by its place in the registry.
    pub fn at(&mut self, place: usize) -> &mut Option<f64> {
        &mut self.0[place]
    }
}

impl<const N: usize> From<[(&str, f64); N]> for Values {
    fn from(all: [(&str, f64); N]) -> Values {
        let mut values = Values::default();
        all.into_iter().for_each(|(id, v)| values.insert(id, v));
        values
    }
}

/// Estimates of some of the registry's metrics, of one thing after another.
pub(super) struct Estimates {
    /// Their places in the registry.
    kept: Vec<usize>,
    table: MetricsTable,
}

impl Estimates {
    /// Of the metrics that `keep` lets through.
    pub(super) fn new(keep: impl Fn(&Metric) -> bool) -> Estimates {
        let all = METRICS.iter().enumerate();
        let kept: Vec<usize> = all.filter(|(_, m)| keep(m)).map(|(i, _)| i).collect();
        let ids = kept.iter().map(|&i| METRICS[i].id.to_owned());
        Estimates {
            table: MetricsTable::new(ids),
            kept,
        }
    }

    /// From the values of each replication.
    pub(super) fn of(&mut self, values: &[Values]) -> Metrics {
        let all = self.kept.iter().map(|&i| {
            let of_metric = values.iter().map(move |v| v.0[i]);
            (METRICS[i].unit, of_metric)
        });
        self.table.metrics(all, Estimate::over)
    }
}

/// Estimates of the registry's metrics that `keep` lets through.
pub(super) fn estimates(values: &[Values], keep: impl Fn(&Metric) -> bool) -> Metrics {
    Estimates::new(keep).of(values)
}
