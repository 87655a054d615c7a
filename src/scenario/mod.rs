//! Scenario files: from TOML text to [`Loaded`] plans, or every fault with its place and way out.
//!
//! ```text
//! text --document--> Table --overlay of a variant--> Table --reader--> Scenario --plan--> Plan
//! ```
//!
//! [`settings`] is the whole of it; each kind of table has a file of its own that says what can be written there, what is
//! refused and what holds by default. [`variant`] lays the variants over the base; the module `plan` turns what is read into
//! the model, for which [`access`] says once who may do what.

pub mod access;
pub mod account;
mod alias;
pub mod assumption;
pub mod bucket;
#[cfg(test)]
pub(crate) mod cases;
mod delivery;
pub mod error;
mod extends;
mod folding;
pub mod group;
pub mod key;
mod language;
mod layer;
pub mod load;
pub mod log_group;
mod named_kind;
mod operations;
pub mod organizational_unit;
mod plan;
pub mod policy;
pub mod price;
pub mod quota;
mod request_context;
pub mod requester;
mod run_settings;
pub mod service;
pub mod settings;
mod template;
pub mod thresholds;
pub mod trail;
pub mod variant;
mod without_effect;
pub mod workload;

pub use error::ScenarioError;
pub use language::keys;
pub use load::{Changeable, Loaded, load, load_each, load_to_explain};
pub use operations::MULTIPART_UPLOAD;
pub use variant::Variant;
