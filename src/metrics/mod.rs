//! What a run is judged by: the registry of metrics, estimates of them over replications, targets, and the
//! largest rows of a breakdown.
//!
//! A metric exists once, as a row of [`registry::METRICS`]. Results, CSV, tables, axis labels,
//! comparisons and documentation all read that row.

pub mod bounds;
pub mod estimate;
pub mod number;
pub mod registry;
pub mod target;
pub mod top;
