//! The AWS Encryption SDK's data-key caches.
//!
//! ```text
//! Cmm (partition, thresholds) ──look-up, use counted──► DataKeyCache ──► entries (FIFO or LRU, sweeps)
//!      └─ miss: KMS ── generated, decrypted ──► in flight until the answer ──► entries
//! ```
//!
//! Rules as in the SDKs' sources and runs (Python 4.0.7, Java 3.0.2, JavaScript's cache-material
//! 5.0.2). Common to all: an entry serves while age ≤ `max_age` of the CMM that asks; a look-up
//! counts the message first and rejects the entry when messages > `max_messages` or bytes >
//! `max_bytes`; what was decrypted knows only `max_age`; messages of unknown length are neither
//! looked up nor stored, nor is one under a suite without key derivation encrypted from a cache.
//! Misses while a key is on its way from KMS each fetch their own, and the last answer stays; with single flight,
//! which no SDK has, the simulation lets them wait instead.
//!
//! | | Python | Java | JavaScript |
//! |---|---|---|---|
//! | over `capacity` goes | the first put in | the least recently used | the least recently used |
//! | too old by its own CMM | 10 entries looked at with each put and removal | up to 10 removed with each look-up and put | when looked up |
//! | message ≥ `max_bytes` | looked up (which spends the entry), not stored | neither | = is stored, > as in Python |
//! | decrypting under a suite without key derivation | cached | cached | not cached |
//! | clock | exact | milliseconds | milliseconds |
//!
//! Left out: JavaScript's timer that drops an expired tail (nothing is found differently), several
//! encrypted data keys on a message, threads that interleave inside a look-up.

use crate::input::keyword::keywords;
use crate::model::source::encrypted_messages::EncryptedMessages;
use crate::model::source::entries::{CacheEntry, Entries, EntryId, Eviction};
use std::collections::BTreeMap;

keywords! {
    /// Whose cache it is.
    pub enum Sdk {
        /// AWS Encryption SDK for Python.
        Python = "python",
        /// AWS Encryption SDK for Java.
        Java = "java",
        /// AWS Encryption SDK for JavaScript.
        JavaScript = "javascript",
    }
}

impl Sdk {
    fn eviction(self) -> Eviction {
        match self {
            Sdk::Python => Eviction::FirstIn,
            Sdk::Java => Eviction::LeastUsedSwept,
            Sdk::JavaScript => Eviction::LeastUsed,
        }
    }

    /// Whether the data key that KMS generates for a message is cached.
    pub fn stores(self, cmm: &Cmm, message: &Message) -> bool {
        let length = message.length.filter(|_| message.may_be_cached());
        length.is_some_and(|length| match self {
            Sdk::Python | Sdk::Java => length < cmm.max_bytes,
            Sdk::JavaScript => length <= max_bytes(self, cmm),
        })
    }

    /// The entry that the answer to a message's call is kept in, `None` if it is not kept; `data_key`: the message is to be
    /// decrypted.
    pub(super) fn entry_of(
        self,
        cmm: &Cmm,
        message: &Message,
        data_key: Option<u64>,
    ) -> Option<EntryId> {
        match data_key {
            None => self
                .stores(cmm, message)
                .then(|| encryption_id(cmm, message)),
            Some(data_key) => {
                let is_kept = self != Sdk::JavaScript || message.may_be_cached();
                is_kept.then(|| decryption_id(cmm, message, data_key))
            }
        }
    }

    /// Time as the SDK reads it: nanoseconds, or milliseconds cut off.
    pub(super) fn clock(self, ns: u64) -> u64 {
        match self {
            Sdk::Python => ns,
            Sdk::Java | Sdk::JavaScript => ns / 1_000_000,
        }
    }

    /// The first instant \[ns\] that reads later than `clock`.
    pub(super) fn after(self, clock: u64) -> u64 {
        let next = clock.saturating_add(1);
        match self {
            Sdk::Python => next,
            Sdk::Java | Sdk::JavaScript => next.saturating_mul(1_000_000),
        }
    }
}

/// A caching cryptographic materials manager: which part of a cache it sees, and its thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cmm {
    /// CMMs of one partition share entries.
    pub partition: u32,
    /// Longest age of an entry \[ns\].
    pub max_age: u64,
    /// Messages encrypted under one data key.
    pub max_messages: u64,
    /// Bytes encrypted under one data key.
    pub max_bytes: u64,
}

/// An algorithm suite that a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its identifier.
    pub id: u16,
    /// Whether it derives keys; only then may a data key serve several messages.
    pub key_derivation: bool,
}

/// What a look-up goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Encryption context.
    pub context: u64,
    /// Bytes to encrypt, if they are known beforehand.
    pub length: Option<u64>,
    /// Algorithm suite; `None`: the SDK's default.
    pub suite: Option<Suite>,
}

impl Message {
    /// The n-th of the messages that were encrypted so, and its data key.
    pub(super) fn encrypted(
        encrypted: EncryptedMessages,
        n: u64,
        suite: Option<Suite>,
    ) -> (Message, u64) {
        let (producer, data_key) = encrypted.of_number(n);
        let message = Message {
            context: producer,
            length: None,
            suite,
        };
        (message, data_key)
    }

    /// Whether its algorithm suite lets a data key serve several messages.
    pub fn may_be_cached(&self) -> bool {
        self.suite.is_none_or(|s| s.key_derivation)
    }
}

/// A cache of one process, which several CMMs may share.
#[derive(Clone, Debug)]
pub struct DataKeyCache {
    sdk: Sdk,
    entries: Entries,
    /// What KMS answers later, by when and in the order of the calls.
    in_flight: BTreeMap<(u64, u64), (EntryId, CacheEntry)>,
    calls: u64,
}

impl DataKeyCache {
    /// An empty cache of at most `capacity` entries.
    pub fn new(sdk: Sdk, capacity: usize) -> DataKeyCache {
        DataKeyCache {
            sdk,
            entries: Entries::new(sdk.eviction(), capacity),
            in_flight: BTreeMap::new(),
            calls: 0,
        }
    }

    /// Entries at `at` \[ns\].
    pub fn entries(&mut self, at: u64) -> usize {
        self.answers(at);
        self.entries.len()
    }

    /// The data key under which a message can be encrypted at `at` \[ns\] without KMS. Where there
    /// is none, tell [`DataKeyCache::generated`] what KMS does.
    pub fn encrypt(&mut self, cmm: &Cmm, message: &Message, at: u64) -> Option<u64> {
        self.answers(at);
        let length = message.length?;
        let bypass = match self.sdk {
            Sdk::Python | Sdk::JavaScript => !message.may_be_cached(),
            Sdk::Java => length >= cmm.max_bytes,
        };
        if bypass {
            return None;
        }
        let (sdk, now) = (self.sdk, self.sdk.clock(at));
        let id = encryption_id(cmm, message);
        let entry = self.entries.get(&id, now)?;
        entry.messages += 1;
        entry.bytes = entry.bytes.saturating_add(length);
        let serves = now.saturating_sub(entry.created) <= sdk.clock(cmm.max_age)
            && entry.messages <= cmm.max_messages
            && entry.bytes <= max_bytes(sdk, cmm);
        let data_key = entry.data_key;
        if serves {
            return Some(data_key);
        }
        self.entries.remove(&id, now);
        None
    }

    /// KMS generates `data_key` for a message and answers at `ready` \[ns\]: from then on it can
    /// serve others.
    pub fn generated(&mut self, cmm: &Cmm, message: &Message, data_key: u64, ready: u64) {
        if let Some(length) = message.length
            && self.sdk.stores(cmm, message)
        {
            let (now, age) = (self.sdk.clock(ready), self.sdk.clock(cmm.max_age));
            let entry = CacheEntry {
                created: now,
                expires: now.saturating_add(age),
                messages: 1,
                bytes: length,
                data_key,
            };
            self.await_answer(encryption_id(cmm, message), entry, ready);
        }
    }

    /// Whether a message under `data_key` can be decrypted at `at` \[ns\] without KMS.
    pub fn decrypt(&mut self, cmm: &Cmm, message: &Message, data_key: u64, at: u64) -> bool {
        self.answers(at);
        if self.sdk == Sdk::JavaScript && !message.may_be_cached() {
            return false;
        }
        let (sdk, now) = (self.sdk, self.sdk.clock(at));
        let id = decryption_id(cmm, message, data_key);
        let Some(entry) = self.entries.get(&id, now) else {
            return false;
        };
        let serves = now.saturating_sub(entry.created) <= sdk.clock(cmm.max_age);
        // Java leaves it to the cache to remove it.
        if !serves && sdk != Sdk::Java {
            self.entries.remove(&id, now);
        }
        serves
    }

    /// KMS decrypts `data_key` for a message and answers at `ready` \[ns\].
    pub fn decrypted(&mut self, cmm: &Cmm, message: &Message, data_key: u64, ready: u64) {
        if self.sdk == Sdk::JavaScript && !message.may_be_cached() {
            return;
        }
        let (now, age) = (self.sdk.clock(ready), self.sdk.clock(cmm.max_age));
        let entry = CacheEntry {
            created: now,
            // Python gives what it decrypted no lifetime: it goes when looked up, or in its turn.
            expires: match self.sdk {
                Sdk::Python => u64::MAX,
                Sdk::Java | Sdk::JavaScript => now.saturating_add(age),
            },
            messages: 0,
            bytes: 0,
            data_key,
        };
        self.await_answer(decryption_id(cmm, message, data_key), entry, ready);
    }

    /// Encrypts as many of `n` equal messages between `from` and `to` \[ns\] as the cache surely holds one
    /// data key for, and says how many.
    pub fn encrypt_all(
        &mut self,
        cmm: &Cmm,
        message: &Message,
        n: u64,
        (from, to): (u64, u64),
    ) -> u64 {
        self.answers(from);
        let Some(length) = message.length.filter(|_| message.may_be_cached()) else {
            return 0;
        };
        if self.is_waiting(to) || (self.sdk == Sdk::Java && length >= cmm.max_bytes) {
            return 0;
        }
        let (sdk, end) = (self.sdk, self.sdk.clock(to));
        let Some(entry) = self.entries.peek(&encryption_id(cmm, message)) else {
            return 0;
        };
        if end > entry.expires || end.saturating_sub(entry.created) > sdk.clock(cmm.max_age) {
            return 0;
        }
        let bytes_left = max_bytes(sdk, cmm).saturating_sub(entry.bytes);
        let n = n
            .min(cmm.max_messages.saturating_sub(entry.messages))
            .min(bytes_left.checked_div(length).unwrap_or(u64::MAX));
        entry.messages += n;
        entry.bytes += n * length;
        n
    }

    /// From when on messages under `data_key` can no longer be decrypted without KMS \[ns\], if they can at
    /// `at` and nothing is put in; 0 where they cannot, or KMS has yet to answer.
    pub fn decrypts_until(&mut self, cmm: &Cmm, message: &Message, data_key: u64, at: u64) -> u64 {
        self.answers(at);
        let bypass = self.sdk == Sdk::JavaScript && !message.may_be_cached();
        if bypass || !self.in_flight.is_empty() {
            return 0;
        }
        let sdk = self.sdk;
        let entry = self.entries.peek(&decryption_id(cmm, message, data_key));
        entry.map_or(0, |entry| {
            let oldest = entry.created.saturating_add(sdk.clock(cmm.max_age));
            sdk.after(oldest.min(entry.expires))
        })
    }

    /// Whether KMS will answer a call before `to` \[ns\].
    fn is_waiting(&self, to: u64) -> bool {
        let first = self.in_flight.first_key_value();
        first.is_some_and(|((ready, _), _)| *ready < to)
    }

    fn await_answer(&mut self, id: EntryId, entry: CacheEntry, ready: u64) {
        self.calls += 1;
        self.in_flight.insert((ready, self.calls), (id, entry));
    }

    /// Puts in what KMS has answered by `at`.
    #[inline]
    fn answers(&mut self, at: u64) {
        while let Some(first) = self.in_flight.first_entry()
            && first.key().0 <= at
        {
            let ((ready, _), (id, entry)) = first.remove_entry();
            self.entries.put(id, entry, self.sdk.clock(ready));
        }
    }
}

/// JavaScript reads 0 as not given, and its numbers are whole up to 2⁵³ − 1.
fn max_bytes(sdk: Sdk, cmm: &Cmm) -> u64 {
    const LARGEST: u64 = (1 << 53) - 1;
    match (sdk, cmm.max_bytes) {
        (Sdk::JavaScript, 0) => LARGEST,
        (Sdk::JavaScript, bytes) => bytes.min(LARGEST),
        (_, bytes) => bytes,
    }
}

fn encryption_id(cmm: &Cmm, message: &Message) -> EntryId {
    EntryId {
        partition: cmm.partition,
        suite: message.suite.map_or(0, |s| u32::from(s.id) + 1),
        context: message.context,
        version: None,
    }
}

fn decryption_id(cmm: &Cmm, message: &Message, data_key: u64) -> EntryId {
    EntryId {
        version: Some(data_key),
        ..encryption_id(cmm, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const ANY: Cmm = Cmm {
        partition: 0,
        max_age: 1_000_000 * SECOND,
        max_messages: 1 << 32,
        max_bytes: i64::MAX as u64,
    };
    const ALL: [Sdk; 3] = [Sdk::Python, Sdk::Java, Sdk::JavaScript];

    fn message(context: u64, length: u64) -> Message {
        Message {
            context,
            length: Some(length),
            suite: None,
        }
    }

    /// Whether each of the messages (second, context, bytes) made a call; calls take no time.
    fn calls(sdk: Sdk, capacity: usize, cmm: Cmm, messages: &[(u64, u64, u64)]) -> Vec<bool> {
        let mut cache = DataKeyCache::new(sdk, capacity);
        messages
            .iter()
            .map(|&(s, context, bytes)| {
                let (at, m) = (s * SECOND, message(context, bytes));
                let miss = cache.encrypt(&cmm, &m, at).is_none();
                if miss {
                    cache.generated(&cmm, &m, 0, at);
                }
                miss
            })
            .collect()
    }

    fn count(sdk: Sdk, cmm: Cmm, n: usize, bytes: u64) -> usize {
        let same = vec![(0, 1, bytes); n];
        calls(sdk, 100, cmm, &same).iter().filter(|&&c| c).count()
    }

    /// Figures of the Python SDK when it was run; of the others by their sources.
    #[test]
    fn thresholds_are_those_of_the_sdks() {
        for sdk in ALL {
            for (max_messages, expected) in [(10, 10), (1, 100), (3, 34)] {
                let cmm = Cmm {
                    max_messages,
                    ..ANY
                };
                assert_eq!(count(sdk, cmm, 100, 1), expected, "{sdk:?} {max_messages}");
            }
            let cmm = Cmm {
                max_bytes: 100,
                ..ANY
            };
            for (bytes, expected) in [(10, 1), (100, 10), (99, 10), (50, 5), (101, 10)] {
                assert_eq!(
                    count(sdk, cmm, 10, bytes),
                    expected,
                    "{sdk:?} {bytes} bytes"
                );
            }
            let cmm = Cmm {
                max_age: 10 * SECOND,
                ..ANY
            };
            let at = |s| (s, 1, 1);
            assert_eq!(
                calls(sdk, 9, cmm, &[0, 9, 10, 11, 21, 22].map(at)),
                [true, false, false, true, false, true],
                "{sdk:?}"
            );
        }
    }

    #[test]
    fn a_message_too_large_spends_the_entry_but_in_java() {
        let cmm = Cmm {
            max_bytes: 100,
            ..ANY
        };
        let bytes = [(0, 1, 10), (0, 1, 500), (0, 1, 10)];
        assert_eq!(calls(Sdk::Python, 9, cmm, &bytes), [true, true, true]);
        assert_eq!(calls(Sdk::JavaScript, 9, cmm, &bytes), [true, true, true]);
        assert_eq!(calls(Sdk::Java, 9, cmm, &bytes), [true, true, false]);
        // As large as the limit: JavaScript stores it, and an empty message may still use it.
        let bytes = [(0, 1, 100), (0, 1, 0)];
        assert_eq!(calls(Sdk::Python, 9, cmm, &bytes), [true, true]);
        assert_eq!(calls(Sdk::Java, 9, cmm, &bytes), [true, true]);
        assert_eq!(calls(Sdk::JavaScript, 9, cmm, &bytes), [true, false]);
    }

    #[test]
    fn over_capacity_python_drops_the_first_in_and_the_others_the_least_used() {
        // a, b, a again, c: Python drops a although it was just used, the others b.
        let order = [1, 2, 1, 3, 1].map(|c| (0, c, 1));
        let call = [true, true, false, true];
        assert_eq!(calls(Sdk::Python, 2, ANY, &order)[..4], call);
        assert!(calls(Sdk::Python, 2, ANY, &order)[4]);
        for sdk in [Sdk::Java, Sdk::JavaScript] {
            assert_eq!(calls(sdk, 2, ANY, &order)[..4], call);
            assert!(!calls(sdk, 2, ANY, &order)[4], "{sdk:?}");
        }
    }

    #[test]
    fn java_and_javascript_read_milliseconds() {
        let cmm = Cmm {
            max_age: SECOND,
            ..ANY
        };
        for (sdk, serves) in [
            (Sdk::Python, false),
            (Sdk::Java, true),
            (Sdk::JavaScript, true),
        ] {
            let mut cache = DataKeyCache::new(sdk, 9);
            let m = message(1, 1);
            cache.generated(&cmm, &m, 7, 400_000);
            let found = cache.encrypt(&cmm, &m, SECOND + 900_000);
            assert_eq!(found, serves.then_some(7), "{sdk:?}");
            assert_eq!(cache.encrypt(&cmm, &m, SECOND + 1_000_000), None);
        }
    }

    #[test]
    fn java_sweeps_what_expired_before_it_drops_what_is_in_use() {
        let short = Cmm {
            max_age: SECOND,
            ..ANY
        };
        for (sdk, left) in [(Sdk::Java, 1), (Sdk::JavaScript, 2)] {
            let mut cache = DataKeyCache::new(sdk, 2);
            cache.generated(&short, &message(1, 1), 0, 0);
            cache.generated(&ANY, &message(2, 1), 0, 0);
            assert_eq!(cache.encrypt(&ANY, &message(2, 1), 2 * SECOND), Some(0));
            assert_eq!(cache.entries(2 * SECOND), left, "{sdk:?}");
        }
    }

    #[test]
    fn suites_without_key_derivation_and_unknown_lengths_go_past_the_cache() {
        let plain = Suite {
            id: 0x0078,
            key_derivation: false,
        };
        for sdk in ALL {
            let mut cache = DataKeyCache::new(sdk, 9);
            let unsafe_suite = Message {
                suite: Some(plain),
                ..message(1, 1)
            };
            let unknown = Message {
                length: None,
                ..message(1, 1)
            };
            for m in [unsafe_suite, unknown] {
                assert_eq!(cache.encrypt(&ANY, &m, 0), None);
                cache.generated(&ANY, &m, 0, 0);
                assert_eq!(cache.entries(0), 0, "{sdk:?}");
            }
            cache.decrypted(&ANY, &unsafe_suite, 3, 0);
            let found = cache.decrypt(&ANY, &unsafe_suite, 3, 0);
            assert_eq!(found, sdk != Sdk::JavaScript, "{sdk:?}");
        }
    }

    #[test]
    fn messages_that_come_while_a_key_is_fetched_fetch_their_own_and_the_last_answer_stays() {
        for sdk in ALL {
            let mut cache = DataKeyCache::new(sdk, 9);
            let (m, ms) = (message(1, 1), 1_000_000);
            assert_eq!(cache.encrypt(&ANY, &m, 5 * ms), None);
            cache.generated(&ANY, &m, 1, 12 * ms);
            assert_eq!(cache.encrypt(&ANY, &m, 7 * ms), None);
            cache.generated(&ANY, &m, 2, 8 * ms);
            assert_eq!(cache.encrypt(&ANY, &m, 8 * ms), Some(2), "{sdk:?}");
            assert_eq!(cache.encrypt(&ANY, &m, 13 * ms), Some(1), "{sdk:?}");
        }
    }
}
