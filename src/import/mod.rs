//! From an AWS account's own files to a scenario: CloudTrail, access logs, metrics, bills, plans, quotas.
//!
//! ```text
//! paths ──walk──► files ──window──► bytes ──format, reader──► Findings ──gather──► AccountEvidence ──► summary, scenario
//! ```
//!
//! Nothing is read outside the given paths and nothing leaves the machine. What was read is counted as used, not ours,
//! twice there, or skipped with a reason.

pub mod access_log;
pub mod bill;
pub mod cloudformation;
pub mod cloudtrail;
pub mod demand;
pub mod evidence;
pub mod fit;
pub mod format;
pub mod gather;
pub mod head;
pub mod holdout;
pub mod inventory;
pub mod json;
pub mod lines;
pub mod load;
pub mod merger;
pub mod metric;
pub mod parquet;
pub mod policy;
pub mod privacy;
pub mod remembered;
pub mod rows;
pub mod scenario;
pub mod settings;
pub mod shown;
pub mod summary;
pub mod table;
pub mod terraform;
pub mod time;
pub mod told;
pub mod walk;
pub mod window;
pub mod yaml;
