//! The newest data key of each producer, for whoever decrypts one of each at a time.
//!
//! Messages take their producers' data keys in order, never an earlier one again. Where a cache has room for many times
//! as many data keys as there are producers, what it displaces is no longer asked for: only KMS's answers and their age
//! decide what can be decrypted, and nothing need be looked for.

use super::cache::{Cmm, Sdk};
use crate::engine::narrow::index;
use std::collections::BTreeSet;

/// What a cache must have room for, in data keys of each producer: of those still under way when their turn is over,
/// retries among them, fewer turns come back at once.
const ROOM: u64 = 8;

/// Most data keys that are kept so, of one process and of all of a workload.
const MOST: u64 = 1 << 12;
const MOST_OF_ALL: u64 = 1 << 20;

/// Not yet.
const NEVER: u64 = u64::MAX;

/// The newest data key that a process asked for, of each producer.
#[derive(Clone, Debug)]
pub(super) struct NewestKeys {
    sdk: Sdk,
    of: Vec<NewestKey>,
    /// Further answers to come: producer, and when \[ns\].
    later: BTreeSet<(u64, u64)>,
}

/// A data key by what is known of it.
#[derive(Clone, Copy, Debug)]
struct NewestKey {
    data_key: u64,
    /// When KMS answered last \[ns\].
    answered: u64,
    /// When it answers next \[ns\].
    awaited: u64,
}

impl NewestKey {
    const fn unknown(data_key: u64) -> NewestKey {
        NewestKey {
            data_key,
            answered: NEVER,
            awaited: NEVER,
        }
    }
}

impl NewestKeys {
    /// Whether a cache of so many entries may be kept so, of one of so many processes.
    pub(super) fn suffice(producers: u64, capacity: usize, processes: usize) -> bool {
        producers <= MOST
            && producers.saturating_mul(processes as u64) <= MOST_OF_ALL
            && producers * ROOM <= capacity as u64
    }

    /// None yet.
    pub(super) fn new(sdk: Sdk, producers: u64) -> NewestKeys {
        NewestKeys {
            sdk,
            of: vec![NewestKey::unknown(NEVER); index(producers)],
            later: BTreeSet::new(),
        }
    }

    /// Whether a message of a producer can be decrypted at `at` \[ns\] without KMS.
    #[inline]
    pub(super) fn decrypt(&mut self, cmm: &Cmm, producer: u64, data_key: u64, at: u64) -> bool {
        let key = &mut self.of[index(producer)];
        if key.data_key != data_key {
            *key = NewestKey::unknown(data_key);
            while self.next_later(producer) != NEVER {}
            return false;
        }
        if key.awaited <= at {
            self.answers(producer, at);
        }
        let key = &self.of[index(producer)];
        key.answered != NEVER && {
            let age = (self.sdk.clock(at)).saturating_sub(self.sdk.clock(key.answered));
            age <= self.sdk.clock(cmm.max_age)
        }
    }

    /// KMS decrypts a data key of a producer and answers at `ready` \[ns\].
    pub(super) fn decrypted(&mut self, producer: u64, data_key: u64, ready: u64) {
        let key = &mut self.of[index(producer)];
        if key.data_key != data_key {
            // Nobody asks for it any more.
            return;
        }
        let later = key.awaited.max(ready);
        key.awaited = key.awaited.min(ready);
        if later != NEVER {
            self.later.insert((producer, later));
        }
    }

    /// From when on messages under a data key can no longer be decrypted without KMS \[ns\], if they can at `at`; 0
    /// where they cannot.
    pub(super) fn decrypts_until(
        &mut self,
        cmm: &Cmm,
        producer: u64,
        data_key: u64,
        at: u64,
    ) -> u64 {
        if self.of[index(producer)].data_key != data_key {
            return 0;
        }
        self.answers(producer, at);
        let answered = self.of[index(producer)].answered;
        if answered == NEVER {
            return 0;
        }
        let age = self.sdk.clock(cmm.max_age);
        let oldest = self.sdk.clock(answered).saturating_add(age);
        self.sdk.after(oldest)
    }

    /// Takes in what KMS has answered by `at`.
    fn answers(&mut self, producer: u64, at: u64) {
        while self.of[index(producer)].awaited <= at {
            let next = self.next_later(producer);
            let key = &mut self.of[index(producer)];
            key.answered = key.awaited;
            key.awaited = next;
        }
    }

    /// Takes out when KMS answers next but one.
    fn next_later(&mut self, producer: u64) -> u64 {
        if self.later.is_empty() {
            return NEVER;
        }
        let next = self.later.range((producer, 0)..(producer, NEVER)).next();
        let Some(&next) = next else { return NEVER };
        self.later.remove(&next);
        next.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Key;
    use crate::model::source::data_key_cache::cache::{DataKeyCache, Message};

    /// Whatever is asked for and answered in whichever order, it says what a cache with room for all says.
    #[test]
    fn it_says_what_the_cache_says() {
        let ms = 1_000_000;
        for (sdk, run) in [Sdk::Python, Sdk::Java, Sdk::JavaScript]
            .into_iter()
            .flat_map(|sdk| (0..40).map(move |run| (sdk, run)))
        {
            let producers = 3;
            let cmm = Cmm {
                partition: 0,
                max_age: 40 * ms + 300_000,
                max_messages: 1,
                max_bytes: 1,
            };
            let mut cache = DataKeyCache::new(sdk, 24);
            let mut newest = NewestKeys::new(sdk, producers);
            let mut random = Key::root(7, run).stream();
            let (mut at, mut met, mut missed) = (0, 0, 0);
            for n in 0..2_000 {
                at += random.below(2 * ms);
                let (producer, data_key) = (n % producers, n / producers / 20);
                let message = Message {
                    context: producer,
                    length: None,
                    suite: None,
                };
                let until = cache.decrypts_until(&cmm, &message, data_key, at);
                if until > 0 {
                    assert_eq!(newest.decrypts_until(&cmm, producer, data_key, at), until);
                }
                let found = cache.decrypt(&cmm, &message, data_key, at);
                let at_once = newest.decrypt(&cmm, producer, data_key, at);
                assert_eq!(at_once, found, "{sdk:?} {run}: message {n}");
                if found {
                    met += 1;
                } else {
                    missed += 1;
                    let ready = at + random.below(60 * ms * (run % 3));
                    cache.decrypted(&cmm, &message, data_key, ready);
                    newest.decrypted(producer, data_key, ready);
                }
            }
            assert!(met > 100 && missed > 100, "{met} {missed}");
        }
    }
}
