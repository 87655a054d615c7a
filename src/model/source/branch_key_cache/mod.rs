//! Branch keys that an application's client caches (hierarchical keyring): as written, what a cache holds, and how
//! messages look it up.

mod cache;
mod settings;

pub use cache::{BranchKeyCache, BranchKeyCacheRules, BranchKeyFound, Keyring, StormTracking};
pub use settings::{
    AskedForBranchKey, BranchKeyCacheSettings, BranchKeyCacheUse, CacheKind, Decryption,
    StormTrackingSettings,
};

#[cfg(test)]
pub(crate) mod cases;
