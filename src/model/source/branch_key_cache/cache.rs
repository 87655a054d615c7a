//! The cache of branch keys behind a hierarchical keyring (AWS Cryptographic Material Providers
//! Library), with or without storm tracking.
//!
//! A message needs its branch key; where the cache has none that is fresh enough, the key store
//! has it decrypted by KMS, one Decrypt. To encrypt and to decrypt are separate entries, the latter
//! one for each version. Rules as in the library's sources (StormTracker, LocalCMC,
//! AwsKmsHierarchicalKeyring of 2025): the clock of the entries is cut to whole seconds, that of
//! the storm tracker to milliseconds.
//!
//! Storm tracking lets one fetch of a key begin in each grace interval, and at most `fan_out` keys
//! be in flight: within the grace period before its expiry others go on with the key that is there;
//! without one they sleep and look again, and give up after `in_flight_ttl`. A fetch that fails stays
//! in flight until its TTL.
//!
//! Left out: the read of the key store's table (it is not a KMS call), creation and rotation of branch
//! keys (GenerateDataKeyWithoutPlaintext and ReEncrypt of a workload), the pruning of expired entries
//! at the tail (nothing is found differently), and that the sleep of the library for Python takes
//! its milliseconds for seconds.

use crate::model::source::entries::{CacheEntry, Entries, EntryId, Eviction};
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// A hierarchical keyring: what of a cache it sees, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// Keyrings of one partition share entries.
    pub partition: u32,
    /// Longest age of an entry \[s\].
    pub ttl_s: u64,
}

/// How a cache behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchKeyCacheRules {
    /// Entries.
    pub capacity: usize,
    /// Protection against many fetches at once.
    pub storm_tracking: Option<StormTracking>,
}

/// Protection against many fetches at once; all times \[ns\], whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormTracking {
    /// How long before its expiry an entry is fetched anew.
    pub grace_period: u64,
    /// Shortest time between two fetches of one key.
    pub grace_interval: u64,
    /// Keys in flight at a time.
    pub fan_out: usize,
    /// How long a key counts as in flight, and a message waits for it.
    pub in_flight_ttl: u64,
    /// Pause of a message that waits.
    pub sleep: u64,
}

/// What a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchKeyFound {
    /// A branch key.
    Key,
    /// None, and this message is to fetch it.
    Nothing,
    /// None, but another message fetches it: look again after so long \[ns\].
    Wait(u64),
    /// None, and the wait was too long: an error.
    TooLate,
}

/// A cache of branch keys.
#[derive(Clone, Debug)]
pub struct BranchKeyCache {
    entries: Entries,
    storm: Option<Storm>,
    /// What KMS answers later, by when and in the order of the calls.
    in_flight: BTreeMap<(u64, u64), (EntryId, u64)>,
    calls: u64,
}

/// State of a storm tracker \[ms\].
#[derive(Clone, Debug)]
struct Storm {
    settings: StormTracking,
    /// Keys in flight, and since when.
    keys: Vec<(EntryId, u64)>,
    last_prune: u64,
}

impl BranchKeyCache {
    /// An empty cache.
    pub fn new(settings: BranchKeyCacheRules) -> BranchKeyCache {
        BranchKeyCache {
            entries: Entries::new(Eviction::LeastUsed, settings.capacity),
            storm: settings.storm_tracking.map(|settings| Storm {
                settings,
                keys: Vec::new(),
                last_prune: 0,
            }),
            in_flight: BTreeMap::new(),
            calls: 0,
        }
    }

    /// Looks for the branch key `key` at `at` \[ns\], for a message that has looked for it since
    /// `since`; `version` to decrypt. Where it finds nothing, tell [`BranchKeyCache::fetched`] what
    /// KMS does.
    pub fn look_up(
        &mut self,
        keyring: &Keyring,
        key: u64,
        version: Option<u64>,
        since: u64,
        at: u64,
    ) -> BranchKeyFound {
        self.answers(at);
        let id = id(keyring, key, version);
        let (now, now_s) = (at / MS, at / SECOND);
        let entry = self.entries.get(&id, now_s).copied();
        let found = match (&mut self.storm, entry) {
            (None, Some(_)) => BranchKeyFound::Key,
            (None, None) => BranchKeyFound::Nothing,
            (Some(storm), Some(entry)) => storm.before_expiry(&id, entry.expires, now),
            (Some(storm), None) => storm.without_entry(&id, now),
        };
        match (found, entry) {
            // Another keyring with a longer life may have put it in.
            (BranchKeyFound::Key, Some(e)) if now_s.saturating_sub(e.created) > keyring.ttl_s => {
                BranchKeyFound::Nothing
            }
            (BranchKeyFound::Wait(_), _) if self.waited_too_long(since, now) => {
                BranchKeyFound::TooLate
            }
            (found, _) => found,
        }
    }

    /// KMS decrypts the branch key and answers at `ready` \[ns\].
    pub fn fetched(&mut self, keyring: &Keyring, key: u64, version: Option<u64>, ready: u64) {
        self.calls += 1;
        let row = (id(keyring, key, version), keyring.ttl_s);
        self.in_flight.insert((ready, self.calls), row);
    }

    fn waited_too_long(&self, since: u64, now: u64) -> bool {
        let limit = self.storm.as_ref().map(|s| s.settings.in_flight_ttl / MS);
        limit.is_some_and(|limit| now > (since / MS).saturating_add(limit))
    }

    /// Puts in what KMS has answered by `at`.
    #[inline]
    fn answers(&mut self, at: u64) {
        while let Some(first) = self.in_flight.first_entry()
            && first.key().0 <= at
        {
            let ((ready, _), (id, ttl_s)) = first.remove_entry();
            let now_s = ready / SECOND;
            let entry = CacheEntry {
                created: now_s,
                expires: now_s.saturating_add(ttl_s),
                messages: 0,
                bytes: 0,
                data_key: 0,
            };
            if let Some(storm) = &mut self.storm {
                storm.keys.retain(|(key, _)| *key != id);
            }
            self.entries.put(id, entry, now_s);
        }
    }
}

impl Storm {
    /// An entry is there and expires after `expires` \[s\].
    fn before_expiry(&mut self, id: &EntryId, expires: u64, now: u64) -> BranchKeyFound {
        let grace = self.settings.grace_period / MS;
        if self.is_full(now) || now < expires.saturating_mul(1_000).saturating_sub(grace) {
            return BranchKeyFound::Key;
        }
        if self.fetch(id, now) {
            BranchKeyFound::Nothing
        } else {
            BranchKeyFound::Key
        }
    }

    fn without_entry(&mut self, id: &EntryId, now: u64) -> BranchKeyFound {
        if self.is_full(now) || !self.fetch(id, now) {
            BranchKeyFound::Wait(self.settings.sleep)
        } else {
            BranchKeyFound::Nothing
        }
    }

    /// Lets a fetch begin, if the last of this key is long enough ago.
    fn fetch(&mut self, id: &EntryId, now: u64) -> bool {
        let interval = self.settings.grace_interval / MS;
        match self.keys.iter_mut().find(|(key, _)| key == id) {
            Some((_, since)) if now < since.saturating_add(interval) => false,
            Some((_, since)) => {
                *since = now;
                true
            }
            None => {
                self.keys.push((*id, now));
                true
            }
        }
    }

    /// Whether as many keys are in flight as may be; drops those that have been too long, once a
    /// second.
    fn is_full(&mut self, now: u64) -> bool {
        let StormTracking {
            fan_out,
            in_flight_ttl,
            ..
        } = self.settings;
        if self.keys.len() >= fan_out && now >= self.last_prune.saturating_add(1_000) {
            self.last_prune = now;
            self.keys
                .retain(|(_, since)| now < since.saturating_add(in_flight_ttl / MS));
        }
        self.keys.len() >= fan_out
    }
}

fn id(keyring: &Keyring, key: u64, version: Option<u64>) -> EntryId {
    EntryId {
        partition: keyring.partition,
        suite: 0,
        context: key,
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYRING: Keyring = Keyring {
        partition: 0,
        ttl_s: 900,
    };
    const STORM: StormTracking = StormTracking {
        grace_period: 10 * SECOND,
        grace_interval: SECOND,
        fan_out: 2,
        in_flight_ttl: 10 * SECOND,
        sleep: 20 * MS,
    };

    fn cache(storm_tracking: Option<StormTracking>) -> BranchKeyCache {
        BranchKeyCache::new(BranchKeyCacheRules {
            capacity: 1000,
            storm_tracking,
        })
    }

    /// Looks up at `at` and fetches what is to be fetched, in 4 ms.
    fn look_up(c: &mut BranchKeyCache, key: u64, since: u64, at: u64) -> BranchKeyFound {
        let found = c.look_up(&KEYRING, key, None, since, at);
        if found == BranchKeyFound::Nothing {
            c.fetched(&KEYRING, key, None, at + 4 * MS);
        }
        found
    }

    /// The example of AWS's guide: 15 minutes, 10,000 messages, one call.
    #[test]
    fn a_branch_key_serves_for_its_time_to_live() {
        for storm in [None, Some(STORM)] {
            let mut c = cache(storm);
            let calls = (0..10_000)
                .filter(|i| look_up(&mut c, 1, 0, i * 88 * MS) == BranchKeyFound::Nothing)
                .count();
            assert_eq!(calls, 1, "{storm:?}");
            // To decrypt is another entry, one for each version.
            for version in [0, 1] {
                let found = c.look_up(&KEYRING, 1, Some(version), 0, 880 * SECOND);
                assert_eq!(found, BranchKeyFound::Nothing);
            }
        }
    }

    #[test]
    fn without_storm_tracking_all_fetch_at_once_and_whole_seconds_count() {
        let mut c = cache(None);
        assert!((0..25).all(|_| look_up(&mut c, 1, 0, SECOND / 2) == BranchKeyFound::Nothing));
        // Put in within second 0, so it serves to the end of second 900.
        assert_eq!(look_up(&mut c, 1, 0, 901 * SECOND - 1), BranchKeyFound::Key);
        assert_eq!(look_up(&mut c, 1, 0, 901 * SECOND), BranchKeyFound::Nothing);
    }

    #[test]
    fn a_storm_tracker_lets_one_fetch_and_the_others_wait() {
        let mut c = cache(Some(STORM));
        assert_eq!(look_up(&mut c, 1, 0, 0), BranchKeyFound::Nothing);
        assert_eq!(look_up(&mut c, 1, 0, 0), BranchKeyFound::Wait(20 * MS));
        assert_eq!(look_up(&mut c, 1, 0, 20 * MS), BranchKeyFound::Key);
        // In the grace period one fetches, the others go on with what is there.
        let at = 889 * SECOND + 999 * MS;
        assert_eq!(look_up(&mut c, 1, 0, at), BranchKeyFound::Key);
        assert_eq!(look_up(&mut c, 1, 0, at + MS), BranchKeyFound::Nothing);
        assert_eq!(look_up(&mut c, 1, 0, at + MS), BranchKeyFound::Key);
        assert_eq!(
            look_up(&mut c, 1, 0, at + 900 * SECOND),
            BranchKeyFound::Nothing
        );
    }

    #[test]
    fn a_failed_fetch_is_tried_again_after_the_grace_interval() {
        let mut c = cache(Some(STORM));
        let mut look = |key, since, at| c.look_up(&KEYRING, key, None, since, at);
        assert_eq!(look(1, 0, 0), BranchKeyFound::Nothing);
        assert_eq!(look(1, 0, SECOND - 1), BranchKeyFound::Wait(20 * MS));
        assert_eq!(look(1, 0, SECOND), BranchKeyFound::Nothing);
        // Two keys in flight are all there may be, until the older is given up.
        assert_eq!(look(2, 0, SECOND), BranchKeyFound::Nothing);
        assert_eq!(look(3, 0, 10 * SECOND), BranchKeyFound::Wait(20 * MS));
        assert_eq!(look(3, 0, 10 * SECOND + MS), BranchKeyFound::TooLate);
        assert_eq!(look(3, 9 * SECOND, 11 * SECOND), BranchKeyFound::Nothing);
    }

    #[test]
    fn over_capacity_the_least_recently_used_goes() {
        let mut c = BranchKeyCache::new(BranchKeyCacheRules {
            capacity: 2,
            storm_tracking: None,
        });
        let found = [1, 2, 1, 3, 1, 2].map(|key| {
            let found = c.look_up(&KEYRING, key, None, 0, 0);
            if found == BranchKeyFound::Nothing {
                c.fetched(&KEYRING, key, None, 0);
            }
            found == BranchKeyFound::Key
        });
        assert_eq!(found, [false, false, true, false, true, false]);
    }
}
