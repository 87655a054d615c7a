//! Data keys that an application's client caches (caching CMM of the AWS Encryption SDKs): as written, what a cache
//! holds, and how messages look it up.

mod cache;
mod settings;
pub mod source;

pub use cache::{Cmm, DataKeyCache, Message, Sdk, Suite};
pub use settings::{DataKeyCacheSettings, DataKeyCacheUse};
pub use source::EncryptedMessages;

#[cfg(test)]
pub(crate) mod cases;
