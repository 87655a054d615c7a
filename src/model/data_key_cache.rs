//! The AWS Encryption SDK's data-key cache of one process.
//!
//! Thresholds as in the SDK for Python 4.0.7: an entry serves while age ≤ `max_age`; the lookup
//! counts the message first and rejects the entry when messages > `max_messages` or bytes >
//! `max_bytes`; a key whose first message alone reaches `max_bytes` is not stored. Over
//! `capacity`, the entry that was put in first goes (FIFO). Misses while a key is on its way from
//! KMS each fetch their own, and the last one put in stays (no single flight).
//! Not modelled here: the Java and JavaScript caches' rules.

use std::collections::{HashMap, VecDeque};

/// Thresholds of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Longest age of an entry \[ns\].
    pub max_age: u64,
    /// Messages encrypted under one data key.
    pub max_messages: u64,
    /// Bytes encrypted under one data key.
    pub max_bytes: u64,
    /// Entries.
    pub capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When KMS answered: the age counts from here.
    created: u64,
    /// From when on messages find a key: earlier than `created` where this key replaced one.
    from: u64,
    messages: u64,
    bytes: u64,
    serial: u64,
}

/// The cache of one process.
#[derive(Clone, Debug)]
pub struct DataKeyCache {
    thresholds: Thresholds,
    entries: HashMap<u64, Entry>,
    /// Keys in the order in which they were put in, with the entry's serial: a removed or replaced
    /// entry leaves a stale row behind.
    order: VecDeque<(u64, u64)>,
    serial: u64,
    /// Messages looked up so far.
    pub messages_seen: u64,
}

impl DataKeyCache {
    /// An empty cache.
    pub fn new(thresholds: Thresholds) -> DataKeyCache {
        DataKeyCache {
            thresholds,
            entries: HashMap::new(),
            order: VecDeque::new(),
            serial: 0,
            messages_seen: 0,
        }
    }

    /// Whether a message of `bytes` under `context` can be encrypted at `at` without KMS. A used-up
    /// entry is removed.
    pub fn encrypt(&mut self, context: u64, bytes: u64, at: u64) -> bool {
        let t = self.thresholds;
        let Some(entry) = self.entries.get_mut(&context) else {
            return false;
        };
        if entry.from > at {
            return false;
        }
        entry.messages += 1;
        entry.bytes = entry.bytes.saturating_add(bytes);
        let serves = at.saturating_sub(entry.created) <= t.max_age
            && entry.messages <= t.max_messages
            && entry.bytes <= t.max_bytes;
        if !serves {
            self.entries.remove(&context);
        }
        serves
    }

    /// KMS generated a data key for a message of `bytes`; it can serve others from `ready` on.
    pub fn generated(&mut self, context: u64, bytes: u64, ready: u64) {
        if bytes < self.thresholds.max_bytes {
            self.put(context, ready, 1, bytes);
        }
    }

    /// Whether the data key `id` of a message can be used at `at` without KMS.
    pub fn decrypt(&mut self, id: u64, at: u64) -> bool {
        let Some(entry) = self.entries.get(&id) else {
            return false;
        };
        if entry.from > at {
            return false;
        }
        let serves = at.saturating_sub(entry.created) <= self.thresholds.max_age;
        if !serves {
            self.entries.remove(&id);
        }
        serves
    }

    /// KMS decrypted the data key `id`; it can serve others from `ready` on.
    pub fn decrypted(&mut self, id: u64, ready: u64) {
        self.put(id, ready, 0, 0);
    }

    fn put(&mut self, key: u64, ready: u64, messages: u64, bytes: u64) {
        self.serial += 1;
        // An entry that is still there when a miss is answered was itself on its way at the miss:
        // from its coming on there is a key to use.
        let from = self
            .entries
            .get(&key)
            .map_or(ready, |old| old.from.min(ready));
        let entry = Entry {
            created: ready,
            from,
            messages,
            bytes,
            serial: self.serial,
        };
        self.entries.insert(key, entry);
        self.order.push_back((key, self.serial));
        while self.entries.len() > self.thresholds.capacity {
            let Some((key, serial)) = self.order.pop_front() else {
                break;
            };
            if self.entries.get(&key).is_some_and(|e| e.serial == serial) {
                self.entries.remove(&key);
            }
        }
        // Stale rows are swept when they outnumber the live ones.
        if self.order.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.order
                .retain(|(k, s)| entries.get(k).is_some_and(|e| e.serial == *s));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLIMITED: Thresholds = Thresholds {
        max_age: u64::MAX,
        max_messages: u64::MAX,
        max_bytes: u64::MAX,
        capacity: 100,
    };

    fn calls(t: Thresholds, messages: impl IntoIterator<Item = (u64, u64, u64)>) -> usize {
        let mut cache = DataKeyCache::new(t);
        messages
            .into_iter()
            .filter(|&(at, context, bytes)| {
                let miss = !cache.encrypt(context, bytes, at);
                if miss {
                    cache.generated(context, bytes, at);
                }
                miss
            })
            .count()
    }

    /// Figures that aws-encryption-sdk 4.0.7 gave when it was run.
    #[test]
    fn thresholds_are_those_of_the_sdk() {
        let hundred = |bytes| (0..100).map(move |_| (0, 1, bytes));
        assert_eq!(
            calls(
                Thresholds {
                    max_messages: 10,
                    ..UNLIMITED
                },
                hundred(1)
            ),
            10
        );
        assert_eq!(
            calls(
                Thresholds {
                    max_messages: 1,
                    ..UNLIMITED
                },
                hundred(1)
            ),
            100
        );
        let t = Thresholds {
            max_bytes: 100,
            ..UNLIMITED
        };
        assert_eq!(calls(t, hundred(10)), 10);
        for (bytes, expected) in [(100, 10), (99, 10), (50, 5)] {
            assert_eq!(
                calls(t, (0..10).map(|_| (0, 1, bytes))),
                expected,
                "{bytes} bytes"
            );
        }
        // Age equal to max_age still serves.
        let t = Thresholds {
            max_age: 10,
            ..UNLIMITED
        };
        assert_eq!(calls(t, [0, 9, 10, 11, 21, 22].map(|at| (at, 1, 1))), 3);
    }

    #[test]
    fn over_capacity_the_first_in_goes_first() {
        let t = Thresholds {
            capacity: 2,
            ..UNLIMITED
        };
        // a, b, a again, c pushes a out although it was just used: a misses.
        assert_eq!(calls(t, [1, 2, 1, 3, 2, 1].map(|c| (0, c, 1))), 4);
    }

    #[test]
    fn messages_that_come_while_a_key_is_fetched_fetch_their_own() {
        let mut cache = DataKeyCache::new(UNLIMITED);
        assert!(!cache.encrypt(1, 1, 5));
        cache.generated(1, 1, 8);
        assert!(!cache.encrypt(1, 1, 7));
        cache.generated(1, 1, 12);
        // From the first answer on there is a key to use.
        assert!(cache.encrypt(1, 1, 8) && cache.encrypt(1, 1, 13));
    }
}
