//! Data keys that an application's client caches (caching CMM of the AWS Encryption SDKs): as written, what a cache
//! holds, how messages look it up, and what a counted second misses.

mod cache;
mod held;
mod lacking;
mod newest;
pub mod second;
mod settings;

pub use cache::{Cmm, DataKeyCache, Message, Sdk, Suite};
pub use held::HeldDataKeys;
pub(super) use lacking::LackingKeys;
pub use settings::{AskedForDataKey, DataKeyCacheSettings, DataKeyCacheUse};

#[cfg(test)]
pub(crate) mod cases;
