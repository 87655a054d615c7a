//! S3 Bucket Keys: which needs S3 meets from a bucket-level key that it still holds.
//!
//! One cache stands for one (bucket, KMS key, requester); it has `fanout` partitions, and the n-th
//! request goes to partition n mod `fanout`. A PUT needs any live bucket key of its partition, a
//! GET the very key its object was written under. A fetched key serves once KMS has answered and
//! for `lifetime` from then on; requests that look it up while it is on its way fetch it too.
//! Not modelled here: sliding renewal, a separate lifetime for writing, multipart's extra Decrypt.

use super::mixer::Mixer;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Which bucket key an object was written under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BucketKeyId {
    /// None: the object has a data key of its own from KMS.
    None,
    /// One of the keys behind the objects that were there before the run.
    Archived(u32),
    /// Generated in this run.
    Generated(u32),
}

/// A plaintext copy in one partition.
#[derive(Clone, Copy, Debug)]
struct Copy {
    from: u64,
    until: u64,
}

impl Copy {
    const NEVER: Copy = Copy {
        from: u64::MAX,
        until: 0,
    };

    #[inline]
    fn serves(&self, at: u64) -> bool {
        self.from <= at && at < self.until
    }

    /// A fetch begun at a miss at `at` answers at `ready`. The first answer counts; those of
    /// requests that looked before it came are dropped.
    fn fetched(&mut self, at: u64, ready: u64, lifetime: u64) {
        if self.until <= at || ready < self.from {
            *self = Copy {
                from: ready,
                until: ready.saturating_add(lifetime),
            };
        }
    }
}

/// The bucket keys that S3 holds for one bucket, KMS key and requester.
#[derive(Clone, Debug)]
pub struct BucketKeyCache {
    fanout: u32,
    lifetime: u64,
    requests: u64,
    generated: u32,
    /// The key each partition writes under; as long as the partitions that were asked so far, for
    /// with many sessions most caches stay small.
    writing: Vec<(u32, Copy)>,
    /// Copies for reading, by partition and key.
    reading: HashMap<(u32, BucketKeyId), Copy, BuildHasherDefault<Mixer>>,
}

impl BucketKeyCache {
    /// An empty cache of `fanout` ≥ 1 partitions whose keys live for `lifetime` \[ns\].
    pub fn new(fanout: u32, lifetime: u64) -> BucketKeyCache {
        BucketKeyCache {
            fanout,
            lifetime,
            requests: 0,
            generated: 0,
            writing: Vec::new(),
            reading: HashMap::default(),
        }
    }

    /// The partition of the next request.
    pub fn next_partition(&mut self) -> u32 {
        let n = self.requests;
        self.requests += 1;
        (n % u64::from(self.fanout)) as u32
    }

    /// The bucket key that an object written at `at` goes under, if the partition holds one.
    pub fn write(&self, partition: u32, at: u64) -> Option<BucketKeyId> {
        let (id, copy) = self.writing.get(partition as usize)?;
        copy.serves(at).then_some(BucketKeyId::Generated(*id))
    }

    /// KMS generated a key for a miss at `at` and answers at `ready`; the key of that object.
    pub fn generated(&mut self, partition: u32, at: u64, ready: u64) -> BucketKeyId {
        self.generated += 1;
        let id = self.generated;
        if self.writing.len() <= partition as usize {
            self.writing
                .resize(partition as usize + 1, (0, Copy::NEVER));
        }
        let (current, copy) = &mut self.writing[partition as usize];
        let before = copy.from;
        copy.fetched(at, ready, self.lifetime);
        if copy.from != before {
            *current = id;
        }
        let id = BucketKeyId::Generated(id);
        self.decrypted(partition, id, at, ready);
        id
    }

    /// Whether the partition can read under `id` without KMS.
    pub fn read(&self, partition: u32, id: BucketKeyId, at: u64) -> bool {
        self.reading
            .get(&(partition, id))
            .is_some_and(|copy| copy.serves(at))
    }

    /// KMS decrypted `id` for a miss at `at` and answers at `ready`.
    pub fn decrypted(&mut self, partition: u32, id: BucketKeyId, at: u64, ready: u64) {
        if id != BucketKeyId::None {
            let lifetime = self.lifetime;
            self.reading
                .entry((partition, id))
                .or_insert(Copy::NEVER)
                .fetched(at, ready, lifetime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GenerateDataKey and Decrypt calls of 50 PUTs and then 100 GETs of the first nine objects.
    fn poc(fanout: u32) -> (u32, u32) {
        let mut cache = BucketKeyCache::new(fanout, 300);
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
        let mut c = BucketKeyCache::new(1, 300);
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
}
