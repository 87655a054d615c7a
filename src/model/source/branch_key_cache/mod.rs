//! Branch keys that an application's client caches (hierarchical keyring): as written, what a cache holds, and how
//! messages look it up.

mod cache;
mod settings;
pub mod source;

pub use cache::{BranchKeyCache, Found, Keyring, Settings, StormTracking};
pub use settings::{
    BranchKeyCacheSettings, BranchKeyCacheUse, CacheKind, Decryption, StormTrackingSettings,
};
