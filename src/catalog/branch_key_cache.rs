//! Defaults of the caches behind a hierarchical keyring.
//!
//! Data: `branch_key_caches.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

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

static CACHES: LazyLock<BranchKeyCaches> = LazyLock::new(|| {
    built_in(
        "branch_key_caches.toml",
        include_str!("branch_key_caches.toml"),
    )
});

/// Defaults of the caches behind a hierarchical keyring.
pub fn branch_key_caches() -> &'static BranchKeyCaches {
    &CACHES
}

/// Each default.
pub(super) fn rows() -> Vec<CatalogRow> {
    let file = branch_key_caches();
    let (s, m) = (&file.storm_tracking, &file.multi_threaded);
    let of_storm = [
        ("capacity", u64::from(s.capacity), "entry"),
        ("grace_period", s.grace_period_s, "s"),
        ("grace_interval", s.grace_interval_s, "s"),
        ("fan_out", u64::from(s.fan_out), "key"),
        ("in_flight_ttl", s.in_flight_ttl_s, "s"),
        ("sleep", s.sleep_ms, "ms"),
    ];
    let of_multi = [("capacity", u64::from(m.capacity), "entry")];
    let row =
        |cache: &str, (figure, value, unit): &(&str, u64, &str), source: &str, as_of: &str| {
            CatalogRow {
                kind: "branch-key-cache",
                id: format!("{cache}.{figure}"),
                region: String::new(),
                value: value.to_string(),
                unit: (*unit).to_owned(),
                assumed: false,
                note: String::new(),
                source: source.to_owned(),
                as_of: as_of.to_owned(),
            }
        };
    of_storm
        .iter()
        .map(|f| row("storm-tracking", f, &s.source, &s.as_of))
        .chain(
            of_multi
                .iter()
                .map(|f| row("multi-threaded", f, &m.source, &m.as_of)),
        )
        .collect()
}
