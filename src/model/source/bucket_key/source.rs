//! How requests look bucket keys up, what a call brings, and who waits for it.

use super::archive::{Archive, ObjectWeights};
use super::cache::{BucketKeyFetch, BucketKeyId, BucketKeyRules};
use crate::engine::narrow::index;
use crate::model::source::caches::Caches;
use crate::model::source::need::{Fetch, LookUp, NO_TICKET, Need};
use crate::units::Span;
use std::sync::{Arc, OnceLock};

/// How a class uses bucket keys.
#[derive(Clone, Debug)]
pub struct BucketKeyUse {
    /// First of the caches, index of [`Caches::bucket_keys`]; one for each session.
    pub cache: usize,
    /// Sessions with a cache of their own, at least 1.
    pub sessions: u32,
    /// Requests wait for a key that is on its way, instead of fetching it too.
    pub single_flight: bool,
    /// Bucket keys behind the objects that were there before the run.
    pub archive: Archive,
    /// How often each object is asked for, once somebody needs to know.
    pub object_weights: Arc<OnceLock<ObjectWeights>>,
}

impl BucketKeyUse {
    /// How long its keys serve, for people; `settings` are those of all caches.
    pub fn words(&self, settings: &[BucketKeyRules]) -> String {
        let settings = &settings[self.cache];
        let lifetime = Span::from_ns(settings.lifetime);
        let after = if settings.sliding { "use" } else { "call" };
        format!(
            "for {lifetime} after a {after}, in each of {} partitions",
            settings.fanout
        )
    }

    /// All of its caches, indices of [`Caches::bucket_keys`].
    pub fn caches(&self) -> std::ops::Range<usize> {
        self.cache..self.cache + self.sessions as usize
    }

    /// Looks for a key to write a new object under.
    pub fn look_up_to_write(&self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        let cache = self.cache_of(caches, need);
        let id = caches.bucket_keys[cache].write(*need.ticket(), at);
        if let Some(id) = id {
            caches.workloads[need.workload()].wrote(need.index() as usize, id);
        }
        LookUp::met(id.is_some())
    }

    /// KMS generates such a key and answers at `ready`.
    pub fn generated(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        let cache = self.cache_of(caches, need);
        let id = caches.bucket_keys[cache].generated(*need.ticket(), at, ready);
        caches.workloads[need.workload()].wrote(need.index() as usize, id);
    }

    /// Looks for the key that the object was written under.
    pub fn look_up_to_read(&self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        let id = self.key_of_object(caches, need);
        if id == BucketKeyId::None {
            return LookUp::Miss;
        }
        let cache = self.cache_of(caches, need);
        LookUp::met(caches.bucket_keys[cache].read(*need.ticket(), id, at))
    }

    /// KMS decrypts that key and answers at `ready`.
    pub fn decrypted(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        let id = self.key_of_object(caches, need);
        if id != BucketKeyId::None {
            let cache = self.cache_of(caches, need);
            caches.bucket_keys[cache].decrypted(*need.ticket(), id, at, ready);
        }
    }

    /// Looks for a key to write under that has been verified.
    pub fn look_up_verified(&self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        let cache = self.cache_of(caches, need);
        let is_verified = caches.bucket_keys[cache].is_verified(*need.ticket(), at);
        LookUp::met(is_verified)
    }

    /// KMS verifies such a key and answers at `ready`.
    pub fn verified(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        let cache = self.cache_of(caches, need);
        caches.bucket_keys[cache].verified(*need.ticket(), at, ready);
    }

    /// What a call to read fetches.
    pub fn fetch_to_read(&self, caches: &mut Caches, need: &mut impl Need) -> Option<Fetch> {
        let id = self.key_of_object(caches, need);
        // From before they were switched on: each has a data key of its own.
        if id == BucketKeyId::None {
            return None;
        }
        self.fetch(caches, need, BucketKeyFetch::ToRead(id))
    }

    /// What a call fetches; `None` where others do not wait for it.
    pub fn fetch(
        &self,
        caches: &mut Caches,
        need: &mut impl Need,
        key: BucketKeyFetch,
    ) -> Option<Fetch> {
        if !self.single_flight {
            return None;
        }
        let cache = self.cache_of(caches, need);
        Some(Fetch::BucketKey {
            cache,
            partition: *need.ticket(),
            key,
        })
    }

    /// Whether every request finds a key to write under, verified or not, through the whole of `from..to` \[ns\].
    pub fn writes_through(&self, caches: &Caches, from: u64, to: u64, verified: bool) -> bool {
        caches.bucket_keys[self.cache].writes_through(from, to, verified)
    }

    /// The cache that serves a request; gives it its partition at the first look-up.
    fn cache_of(&self, caches: &mut Caches, need: &mut impl Need) -> usize {
        let session = if self.sessions > 1 {
            need.client() % self.sessions
        } else {
            0
        };
        let cache = self.cache + session as usize;
        let keys = &mut caches.bucket_keys[cache];
        let ticket = need.ticket();
        if *ticket == NO_TICKET {
            *ticket = keys.next_partition();
        }
        *ticket %= keys.settings().fanout;
        cache
    }

    /// The bucket key that the object of a read was written under.
    fn key_of_object(&self, caches: &Caches, need: &impl Need) -> BucketKeyId {
        if let Some(writer) = caches.workloads[need.workload()].reads {
            let written = &caches.workloads[writer].written;
            let object = index(need.object());
            return written.get(object).copied().unwrap_or(BucketKeyId::None);
        }
        BucketKeyId::Archived(self.archive.key_of(need.object(), caches.archive))
    }
}
