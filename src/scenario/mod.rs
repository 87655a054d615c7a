//! Scenario files: from TOML text to [`Loaded`] plans, or every fault with its place and way out.
//!
//! ```text
//! text --document--> Table --overlay of a variant--> Table --reader--> Scenario --plan--> Plan
//! ```
//!
//! [`settings`], [`workload`] and [`retry`] hold what can be written; the module `plan` turns it into the model.

pub mod diagnostic;
pub mod document;
pub mod load;
mod plan;
pub mod reader;
pub mod retry;
pub mod settings;
pub mod workload;

pub use load::{Input, Loaded, Variant, load};
