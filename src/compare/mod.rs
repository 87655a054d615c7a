//! A variant against a baseline: differences of every metric, of each workload's and of the bill, with their
//! 95 % intervals.
//!
//! Where both saw the same arrivals, differences are taken replication by replication (paired), which takes
//! the noise of the arrivals out; otherwise the two means are compared by Welch's interval. Metrics come in
//! the order of the baseline. Left out: corrections for looking at many metrics at once.

mod difference;
mod merged;
mod regression;
mod settings;
mod variants;

pub use merged::merged;
pub use regression::{Gated, Regression, RegressionGate, RegressionKind, Regressions, regressions};
pub use settings::settings;
pub use variants::{across, compare, compare_all};

#[cfg(test)]
mod tests;
