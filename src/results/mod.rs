//! What a run found: the only door out of the simulation.
//!
//! Tables, CSV files, charts, the report and comparisons are drawn from [`RunResults`], which is
//! written to and read back from `results.json`:
//!
//! ```text
//! RunResults ── json ──► text ── directory ──► results.json ── store ──► RunResults
//! ```
//!
//! Left out: everything that shows results (`report`).

pub mod directory;
pub mod folder;
pub mod json;
mod metrics;
mod resolved;
mod schema;
mod sound;
mod store;

pub use metrics::{Estimate, Metrics, MetricsTable};
pub use resolved::ResolvedScenario;
pub use schema::{
    AssumedChange, AssumptionEffect, AssumptionTrial, BY_S3_REQUEST_RATE, BillLine, BinSeries,
    Comparison, CostLeftOut, DecisiveReplication, DecisiveStretch, DelayHistogram, Difference,
    Manifest, OthersResults, PrecisionResult, QuotaResults, QuotaSeries, RunResults, RunVerdict,
    SCHEMA_VERSION, ScenarioRecord, Series, SettingDifference, ThresholdResult, ThresholdVerdict,
    TrailResults, VariantManifest, VariantResults, VariantVerdict, Verdict, WorkloadSecondCounts,
    replications,
};
pub use store::{RESULTS_FILE, StoreError, parse, read, write};
