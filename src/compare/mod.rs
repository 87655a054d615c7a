//! A variant against a baseline: differences of every metric, of each workload's and of the bill, with their
//! 95 % intervals.
//!
//! Where both saw the same arrivals, differences are taken replication by replication (paired), which takes
//! the noise of the arrivals out; otherwise the two means are compared by Welch's interval. Metrics come in
//! the order of the baseline. Where either side loses work that the other does (`loss`), less is not better. `verdict`
//! says which variant of a run is the one to take. Left out: corrections for looking at many metrics at once.

mod difference;
mod loss;
mod merged;
mod regression;
mod settings;
mod shortened;
mod variants;
mod verdict;

pub use loss::lost_share;
pub use merged::merged;
pub use regression::{Gated, Regression, RegressionGate, RegressionKind, Regressions, regressions};
pub use settings::settings;
pub use shortened::shortened;
pub use variants::{across, compare, compare_all};
pub use verdict::verdict;

#[cfg(test)]
mod tests;
