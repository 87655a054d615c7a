//! Defaults of the caches behind a hierarchical keyring.
//!
//! Data: `branch_key_caches.toml`.

use serde::Deserialize;

/// A cache with storm tracking, which is also the default cache.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StormTrackingDefaults {
    /// Entries.
    pub capacity: u32,
    /// How long before its expiry an entry is fetched anew \[s\].
    pub grace_period_s: u64,
    /// Shortest time between two fetches of one key \[s\].
    pub grace_interval_s: u64,
    /// Keys in flight at a time.
    pub fan_out: u32,
    /// How long a key counts as in flight, and a message waits for it \[s\].
    pub in_flight_ttl_s: u64,
    /// Pause of a message that waits \[ms\].
    pub sleep_ms: u64,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

/// A cache without.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiThreadedDefaults {
    /// Entries.
    pub capacity: u32,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchKeyCaches {
    /// With storm tracking.
    pub storm_tracking: StormTrackingDefaults,
    /// Without.
    pub multi_threaded: MultiThreadedDefaults,
}
