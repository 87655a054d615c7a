//! A caching CMM and its data-key cache, as written and as simulated.

use super::cache::{Cmm, Sdk, Suite};
use crate::catalog;
use crate::input::reader::Reader;
use crate::model::source::scope::Sharing;
use crate::units::{Bytes, Span};
use serde::Serialize;

/// A caching CMM and the cache behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DataKeyCacheSettings {
    /// Whose cache it is.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// Whose rules hold, where the cache is its own.
    pub sdk: Option<Sdk>,
    /// Entries, where the cache is its own.
    pub capacity: Option<u32>,
    /// Algorithm suite that messages ask for.
    pub algorithm_suite: Option<String>,
    /// Longest age.
    pub max_age: Span,
    /// Messages under one data key.
    pub max_messages: u64,
    /// Bytes under one data key.
    pub max_bytes: u64,
    /// Whether messages wait for a data key that another one fetches, where the cache is its own.
    pub single_flight: Option<bool>,
}

impl DataKeyCacheSettings {
    /// What it is, for people.
    pub fn words(&self) -> String {
        let age = self.max_age;
        format!("the client's data-key cache, entries up to {age} old")
    }

    /// The table `data_key_cache`; `others` are the workloads whose cache it may share.
    pub fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str>,
    ) -> Option<DataKeyCacheSettings> {
        let largest = i64::MAX as u64;
        let sharing = Sharing::read(r, others, &["sdk", "capacity", "single_flight"]);
        let sdk = r.keyword("sdk").unwrap_or(Sdk::Python);
        let capacity = if r.has("shared_with") {
            None
        } else {
            Some(r.required_in("capacity", 1..=u32::MAX))
        };
        let suites = catalog::algorithm_suites();
        let algorithm_suite =
            r.reference("algorithm_suite", suites.iter().map(|s| s.name.as_str()));
        let max_age = r.required_in("max_age", Span::from_ns(1)..);
        let max_messages = r.or_in("max_messages", 1 << 32, 1..=1 << 32);
        let max_bytes = r.or_in("max_bytes", Bytes::new(largest), ..=Bytes::new(largest));
        let single_flight = r.or("single_flight", false);
        Some(DataKeyCacheSettings {
            sdk: capacity.map(|_| sdk),
            single_flight: capacity.map(|_| single_flight),
            capacity: match capacity {
                None => None,
                Some(given) => Some(given?),
            },
            sharing,
            algorithm_suite,
            max_age: max_age?,
            max_messages,
            max_bytes: max_bytes.get(),
        })
    }

    /// As the model knows it: of a partition by number, in the cache of `owner`.
    pub fn uses(&self, partition: u32, owner: &DataKeyCacheSettings) -> Option<DataKeyCacheUse> {
        Some(DataKeyCacheUse {
            cmm: Cmm {
                partition,
                max_age: self.max_age.as_ns(),
                max_messages: self.max_messages,
                max_bytes: self.max_bytes,
            },
            suite: self.suite(),
            sdk: owner.sdk?,
            capacity: owner.capacity? as usize,
            single_flight: owner.single_flight?,
        })
    }

    fn suite(&self) -> Option<Suite> {
        let row = catalog::algorithm_suite(self.algorithm_suite.as_ref()?)?;
        Some(Suite {
            id: row.id,
            key_derivation: row.key_derivation,
        })
    }
}

/// How a workload uses data-key caches.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyCacheUse {
    /// What its messages look up.
    pub cmm: Cmm,
    /// Algorithm suite that its messages ask for.
    pub suite: Option<Suite>,
    /// Whose rules hold.
    pub sdk: Sdk,
    /// Entries of each cache.
    pub capacity: usize,
    /// Messages wait for a data key that is on its way, instead of fetching it too.
    pub single_flight: bool,
}
