//! Scenario files: from TOML text to [`Loaded`] plans, or every fault with its place and way out.
//!
//! ```text
//! text --document--> Table --overlay of a variant--> Table --reader--> Scenario --plan--> Plan
//! ```
//!
//! [`settings`], [`workload`], [`retry`] and [`client_cache`] hold what can be written, [`policy`] the policy documents they point
//! to; the module `plan` turns it into the model, for which [`access`] says once who may do what.

pub mod access;
pub mod client_cache;
mod growth;
pub mod load;
mod plan;
pub mod policy;
pub mod retry;
pub mod settings;
mod thresholds;
pub mod workload;

pub use load::{Changes, Loaded, Variant, load, load_variant};
