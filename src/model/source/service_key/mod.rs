//! Data keys that another service keeps for each of its callers: a queue's reuse period, a table key per connection.

mod cache;
mod source;

pub use cache::{ServiceKeyCache, ServiceKeyRules};
pub use source::ServiceKeyUse;
