//! Needs that a bucket key or a data-key cache may meet, and what a call brings to them.

use super::World;
use super::request::{Purpose, Request};
use crate::engine::random::Key;
use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::DataKeyCache;
use crate::model::{BucketKeyUse, Kind, Popularity, Size, Source, Workload};

impl<'a> World<'a> {
    /// Whether a need is met without a call.
    pub(super) fn is_met(&mut self, at: u64, lane: usize, request: &mut Request) -> bool {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        match &plan.lanes[lane].source {
            Source::Call => false,
            Source::BucketKeyWrite(uses) => {
                if at < uses.since {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request);
                let id = self.bucket_keys[cache].write(request.ticket, at);
                match id {
                    Some(id) => self.wrote(w, request, id),
                    None => return false,
                }
                true
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request);
                if id == BucketKeyId::None {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request);
                self.bucket_keys[cache].read(request.ticket, id, at)
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request);
                let (context, bytes) = self.message(w, request);
                self.data_key_cache(w, client)
                    .is_some_and(|c| c.encrypt(context, bytes, at))
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request);
                let Some(cache) = self.data_key_cache(w, client) else {
                    return false;
                };
                if request.ticket == u32::MAX {
                    request.ticket = (cache.messages_seen % u64::from(u32::MAX)) as u32;
                    cache.messages_seen += 1;
                }
                cache.decrypt(
                    data_key_of(request.ticket, producers, messages_per_data_key),
                    at,
                )
            }
        }
    }

    /// KMS admitted the call for a need that a cache could have met: the cache gets the key when KMS
    /// answers. Returns that instant.
    pub(super) fn fetched(&mut self, at: u64, lane: usize, request: &Request, k: usize) -> u64 {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        let try_number =
            (u64::from(request.part) << 32) | (u64::from(request.throttled) << 8) | k as u64;
        let ready = at
            + plan
                .kms_latency
                .draw(request.of_arrival(Purpose::Kms).with(try_number));
        match &plan.lanes[lane].source {
            Source::Call => {}
            Source::BucketKeyWrite(uses) => {
                let mut id = BucketKeyId::None;
                if at >= uses.since {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request);
                    id = self.bucket_keys[cache].generated(request.ticket, at, ready);
                }
                self.wrote(w, request, id);
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request);
                if id != BucketKeyId::None {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request);
                    self.bucket_keys[cache].decrypted(request.ticket, id, at, ready);
                }
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request);
                let (context, bytes) = self.message(w, request);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.generated(context, bytes, ready);
                }
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request);
                let id = data_key_of(request.ticket, producers, messages_per_data_key);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.decrypted(id, ready);
                }
            }
        }
        ready
    }

    /// The cache that serves a request; gives it its partition at the first look-up.
    fn bucket_key_cache(&mut self, uses: &BucketKeyUse, w: usize, request: &mut Request) -> usize {
        let session = if uses.sessions > 1 {
            self.client(w, request) % uses.sessions
        } else {
            0
        };
        let cache = uses.cache + session as usize;
        if request.ticket == u32::MAX {
            request.ticket = self.bucket_keys[cache].next_partition();
        }
        request.ticket %= self.plan.bucket_key_caches[cache].fanout;
        cache
    }

    /// The bucket key that the object of a read was written under.
    fn bucket_key_of_object(
        &self,
        w: usize,
        uses: &BucketKeyUse,
        request: &Request,
    ) -> BucketKeyId {
        let workload = &self.plan.workloads[w];
        if let Some(writer) = workload.reads {
            let written = &self.workloads[writer].written;
            let object = self.object(workload, request) as usize;
            return written.get(object).copied().unwrap_or(BucketKeyId::None);
        }
        if request.of_arrival(Purpose::Older).unit() < uses.older_objects {
            return BucketKeyId::None;
        }
        let object = self.object(workload, request);
        BucketKeyId::Archived(Key::root(object, 0).below(u64::from(uses.archived_keys)) as u32)
    }

    fn wrote(&mut self, w: usize, request: &Request, id: BucketKeyId) {
        if self.plan.workloads[w].is_read {
            let written = &mut self.workloads[w].written;
            let object = request.index as usize;
            if written.len() <= object {
                written.resize(object + 1, BucketKeyId::None);
            }
            written[object] = id;
        }
    }

    /// Encryption context and size of a message.
    fn message(&self, w: usize, request: &Request) -> (u64, u64) {
        let workload = &self.plan.workloads[w];
        let context = self.object(workload, request);
        let recorded = self.row(workload, request).and_then(|r| r.size);
        let bytes = recorded.unwrap_or_else(|| match workload.size {
            Size::Constant(bytes) => bytes,
            Size::Lognormal { median, sigma } => {
                let z = request.of_arrival(Purpose::Size).stream().normal();
                (median as f64 * libm::exp(sigma * z)).round() as u64
            }
        });
        (context, bytes)
    }

    /// Which object or encryption context a request is for.
    fn object(&self, workload: &Workload, request: &Request) -> u64 {
        if let Some(object) = self.row(workload, request).and_then(|r| r.object) {
            return object;
        }
        let key = request.of_arrival(Purpose::Object);
        match workload.popularity {
            Popularity::Uniform { objects } => key.below(objects),
            Popularity::Zipf(zipf) => zipf.draw(&mut key.stream()),
        }
    }

    fn row(
        &self,
        workload: &'a Workload,
        request: &Request,
    ) -> Option<&'a crate::model::trace::Row> {
        match &workload.kind {
            Kind::Trace { trace, .. } => trace.rows.get(request.index as usize),
            _ => None,
        }
    }

    fn data_key_cache(&mut self, w: usize, client: u32) -> Option<&mut DataKeyCache> {
        let thresholds = self.plan.workloads[w].data_key_cache?;
        let slot = self.workloads[w].caches.get_mut(client as usize)?;
        Some(slot.get_or_insert_with(|| DataKeyCache::new(thresholds)))
    }
}

/// The data key of the n-th message that a process decrypts: producers take turns, and each uses a
/// data key for so many messages.
fn data_key_of(n: u32, producers: u64, messages_per_data_key: u64) -> u64 {
    let producer = u64::from(n) % producers;
    let serial = u64::from(n) / producers / messages_per_data_key;
    producer << 40 | serial
}
