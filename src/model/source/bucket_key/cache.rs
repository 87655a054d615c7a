//! S3 Bucket Keys: which needs S3 meets from a bucket-level key that it still holds.
//!
//! One cache stands for one (bucket, KMS key, requester); it has `fanout` partitions, and the n-th
//! request goes to partition n mod `fanout`. A PUT needs any live bucket key of its partition, a
//! GET the very key its object was written under. A fetched key serves once KMS has answered and
//! for `lifetime` from then on, or from its last use; requests that look it up while it is on its way
//! fetch it too (with single flight the simulation lets them wait). A part of an upload, or a
//! replica, needs a key to write under that one Decrypt has verified.

use crate::engine::narrow::capped;
use crate::model::source::held::HeldKey;
use crate::model::source::mixer::Mixer;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Which bucket key an object was written under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BucketKeyId {
    /// None: the object has a data key of its own from KMS.
    None,
    /// One of the keys behind the objects that were there before the run.
    Archived(u64),
    /// Generated in this run.
    Generated(u32),
}

/// Which bucket key a call fetches, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BucketKeyFetch {
    /// One to write under.
    ToWrite,
    /// One to write under that is verified.
    Verified,
    /// The one that an object was written under.
    ToRead(BucketKeyId),
}

/// How the bucket keys of one cache are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketKeyRules {
    /// Partitions, at least 1.
    pub fanout: u32,
    /// How long a copy serves reads \[ns\].
    pub lifetime: u64,
    /// How long a key serves new objects \[ns\].
    pub write_lifetime: u64,
    /// Lifetimes count from the last use instead of KMS's answer.
    pub sliding: bool,
}

/// The key that a partition writes under.
#[derive(Clone, Copy, Debug)]
struct Writing {
    id: u32,
    copy: HeldKey,
    /// From when on it has been verified for uploads and replicas.
    verified: u64,
}

/// A copy for reading that was fetched: it serves in `from..until` \[ns\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub partition: u32,
    /// Which archived key it is.
    pub key: u64,
    /// From when on it serves.
    pub from: u64,
    /// From when on it no longer does.
    pub until: u64,
}

/// Copies for reading are swept when there are more than twice as many as were left the last time.
const FEW_COPIES: usize = 1_024;

/// The bucket keys that S3 holds for one bucket, KMS key and requester.
#[derive(Clone, Debug)]
pub struct BucketKeyCache {
    settings: BucketKeyRules,
    requests: u64,
    generated: u32,
    /// As long as the partitions that were asked so far, for with many sessions most caches stay
    /// small.
    writing: Vec<Writing>,
    /// Copies for reading, by partition and key.
    reading: HashMap<(u32, BucketKeyId), HeldKey, BuildHasherDefault<Mixer>>,
    /// Number of copies at which the expired ones are dropped.
    sweep_at: usize,
    /// Copies of archived keys that were fetched, where somebody keeps track of them.
    fetches: Option<Vec<Fetched>>,
}

impl BucketKeyCache {
    /// An empty cache.
    pub fn new(settings: BucketKeyRules) -> BucketKeyCache {
        BucketKeyCache {
            settings,
            requests: 0,
            generated: 0,
            writing: Vec::new(),
            reading: HashMap::default(),
            sweep_at: FEW_COPIES,
            fetches: None,
        }
    }

    /// How keys are kept.
    pub fn settings(&self) -> BucketKeyRules {
        self.settings
    }

    /// From now on what is fetched is written down.
    pub fn keep_fetches(&mut self) {
        self.fetches = Some(Vec::new());
    }

    /// What was fetched since this was asked last.
    pub fn take_fetches(&mut self) -> Vec<Fetched> {
        self.fetches
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// `n` requests, one after another: how many of them go to each partition.
    pub fn next_partitions(&mut self, n: u64, of: &mut Vec<u64>) {
        let fanout = u64::from(self.settings.fanout);
        let first = self.requests % fanout;
        self.requests += n;
        of.clear();
        of.extend((0..fanout).map(|p| {
            let turn = (p + fanout - first) % fanout;
            n / fanout + u64::from(turn < n % fanout)
        }));
    }

    /// Whether every partition holds a key to write under through the whole of `from..to`, and one that has
    /// been verified.
    pub fn writes_through(&self, from: u64, to: u64, verified: bool) -> bool {
        self.writing.len() == self.settings.fanout as usize
            && self
                .writing
                .iter()
                .all(|w| w.copy.serves_through(from, to) && (!verified || w.verified <= from))
    }

    /// The partition of the next request.
    pub fn next_partition(&mut self) -> u32 {
        let n = self.requests;
        self.requests += 1;
        capped::<u32>(n % u64::from(self.settings.fanout))
    }

    /// The bucket key that an object written at `at` goes under, if the partition holds one.
    pub fn write(&mut self, partition: u32, at: u64) -> Option<BucketKeyId> {
        let renewed = self.renewed(self.settings.write_lifetime);
        let writing = self.writing.get_mut(partition as usize)?;
        writing
            .copy
            .uses(at, renewed)
            .then_some(BucketKeyId::Generated(writing.id))
    }

    /// KMS generated a key for a miss at `at` and answers at `ready`; the key of that object.
    pub fn generated(&mut self, partition: u32, at: u64, ready: u64) -> BucketKeyId {
        self.generated += 1;
        let id = self.generated;
        if self.writing.len() <= partition as usize {
            let none = Writing {
                id: 0,
                copy: HeldKey::NEVER,
                verified: u64::MAX,
            };
            self.writing.resize(partition as usize + 1, none);
        }
        let writing = &mut self.writing[partition as usize];
        let before = writing.copy.from;
        writing
            .copy
            .fetched(at, ready, self.settings.write_lifetime);
        if writing.copy.from != before {
            writing.id = id;
            writing.verified = u64::MAX;
        }
        let id = BucketKeyId::Generated(id);
        self.decrypted(partition, id, at, ready);
        id
    }

    /// Whether the partition holds a key to write under that has been verified.
    pub fn is_verified(&self, partition: u32, at: u64) -> bool {
        self.writing
            .get(partition as usize)
            .is_some_and(|w| w.copy.serves(at) && w.verified <= at)
    }

    /// KMS decrypted the key to write under for a miss at `at` and answers at `ready`. A partition
    /// that has none gets the upload's.
    pub fn verified(&mut self, partition: u32, at: u64, ready: u64) {
        let holds = self.writing.get(partition as usize);
        if holds.is_none_or(|w| w.copy.until <= at) {
            self.generated(partition, at, ready);
        }
        if let Some(writing) = self.writing.get_mut(partition as usize) {
            writing.verified = writing.verified.min(ready);
        }
    }

    /// Whether the partition can read under `id` without KMS.
    pub fn read(&mut self, partition: u32, id: BucketKeyId, at: u64) -> bool {
        let renewed = self.renewed(self.settings.lifetime);
        self.reading
            .get_mut(&(partition, id))
            .is_some_and(|copy| copy.uses(at, renewed))
    }

    /// Whether the partition holds `id` at `at`; its lifetime does not start over.
    #[inline]
    pub fn holds(&self, partition: u32, id: BucketKeyId, at: u64) -> bool {
        let copy = self.reading.get(&(partition, id));
        copy.is_some_and(|copy| copy.serves(at))
    }

    /// KMS decrypted `id` for a miss at `at` and answers at `ready`.
    pub fn decrypted(&mut self, partition: u32, id: BucketKeyId, at: u64, ready: u64) {
        if id == BucketKeyId::None {
            return;
        }
        if self.reading.len() >= self.sweep_at {
            self.reading.retain(|_, copy| copy.until > at);
            self.sweep_at = FEW_COPIES.max(2 * self.reading.len());
        }
        let copy = self
            .reading
            .entry((partition, id))
            .or_insert(HeldKey::NEVER);
        let first = copy.fetched(at, ready, self.settings.lifetime);
        if let (true, Some(fetches), BucketKeyId::Archived(key)) = (first, &mut self.fetches, id) {
            fetches.push(Fetched {
                partition,
                key,
                from: copy.from,
                until: copy.until,
            });
        }
    }

    fn renewed(&self, lifetime: u64) -> Option<u64> {
        self.settings.sliding.then_some(lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fanout: u32) -> BucketKeyRules {
        BucketKeyRules {
            fanout,
            lifetime: 300,
            write_lifetime: 300,
            sliding: false,
        }
    }

    /// GenerateDataKey and Decrypt calls of 50 PUTs and then 100 GETs of the first nine objects.
    fn poc(fanout: u32) -> (u32, u32) {
        let mut cache = BucketKeyCache::new(of(fanout));
        let (mut generate, mut decrypt) = (0, 0);
        let mut objects = Vec::new();
        for at in 0..50 {
            let p = cache.next_partition();
            objects.push(cache.write(p, at).unwrap_or_else(|| {
                generate += 1;
                cache.generated(p, at, at)
            }));
        }
        for at in 50..150 {
            let p = cache.next_partition();
            let id = objects[(at as usize * 7 + at as usize / 9) % 9];
            if !cache.read(p, id, at) {
                decrypt += 1;
                cache.decrypted(p, id, at, at);
            }
        }
        (generate, decrypt)
    }

    #[test]
    fn the_aws_proof_of_concept_makes_four_calls() {
        assert_eq!(poc(1), (1, 0));
        assert_eq!(poc(2), (2, 2));
        assert_eq!(poc(3), (3, 6));
    }

    #[test]
    fn a_key_serves_from_the_answer_until_its_lifetime_ends() {
        let mut c = BucketKeyCache::new(of(1));
        assert_eq!(c.write(0, 10), None);
        let id = c.generated(0, 10, 15);
        assert_eq!(
            (c.write(0, 14), c.write(0, 15), c.write(0, 314)),
            (None, Some(id), Some(id))
        );
        assert_eq!(c.write(0, 315), None);
        // Two requests miss before the first answer: the first answer serves.
        let a = c.generated(0, 320, 330);
        let b = c.generated(0, 325, 340);
        assert!(a != b);
        assert_eq!(
            (c.write(0, 335), c.write(0, 629), c.write(0, 630)),
            (Some(a), Some(a), None)
        );
    }

    #[test]
    fn lifetimes_for_writing_and_reading_are_apart_and_may_slide() {
        let mut c = BucketKeyCache::new(BucketKeyRules {
            write_lifetime: 100,
            ..of(1)
        });
        let id = c.generated(0, 0, 0);
        assert_eq!((c.write(0, 99), c.write(0, 100)), (Some(id), None));
        assert!(c.read(0, id, 299) && !c.read(0, id, 300));
        let mut c = BucketKeyCache::new(BucketKeyRules {
            sliding: true,
            ..of(1)
        });
        let id = c.generated(0, 0, 0);
        for at in [299, 598, 897] {
            assert_eq!(c.write(0, at), Some(id));
            assert!(c.read(0, id, at));
        }
        assert_eq!(c.write(0, 1_197), None);
    }

    #[test]
    fn uploads_verify_a_key_once() {
        let mut c = BucketKeyCache::new(of(2));
        c.generated(0, 0, 5);
        assert!(!c.is_verified(0, 10));
        c.verified(0, 10, 15);
        assert!(!c.is_verified(0, 14) && c.is_verified(0, 15) && !c.is_verified(0, 305));
        // The other partition gets the upload's key with it.
        c.verified(1, 20, 25);
        assert!(c.is_verified(1, 25) && c.write(1, 25).is_some());
        // A new key is to be verified anew.
        c.generated(0, 305, 305);
        assert!(!c.is_verified(0, 310));
    }

    #[test]
    fn expired_copies_do_not_pile_up() {
        let mut c = BucketKeyCache::new(of(1));
        for at in 0..100_000 {
            c.decrypted(0, BucketKeyId::Archived(at), at, at);
        }
        assert!(c.reading.len() <= FEW_COPIES);
        assert!(c.read(0, BucketKeyId::Archived(99_999), 99_999));
    }
}
