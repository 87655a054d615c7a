//! Needs that a bucket key or a data-key cache may meet, and what a call brings to them.

use super::World;
use super::request::{Purpose, Request};
use crate::engine::random::Key;
use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::{Cmm, DataKeyCache, Message};
use crate::model::{BucketKeyUse, CacheScope, Kind, Popularity, Size, Source, Workload};

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
                let message = self.message_to_encrypt(w, request);
                self.data_key_cache(w, request)
                    .is_some_and(|(cache, cmm)| cache.encrypt(cmm, &message, at).is_some())
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                self.number(w, request);
                let (message, data_key) =
                    self.message_to_decrypt(w, request, producers, messages_per_data_key);
                self.data_key_cache(w, request)
                    .is_some_and(|(cache, cmm)| cache.decrypt(cmm, &message, data_key, at))
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
                let mut request = *request;
                let message = self.message_to_encrypt(w, &request);
                if let Some((cache, cmm)) = self.data_key_cache(w, &mut request) {
                    // Which data key it is decides nothing here.
                    cache.generated(cmm, &message, 0, ready);
                }
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let mut request = *request;
                let (message, data_key) =
                    self.message_to_decrypt(w, &request, producers, messages_per_data_key);
                if let Some((cache, cmm)) = self.data_key_cache(w, &mut request) {
                    cache.decrypted(cmm, &message, data_key, ready);
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

    fn message_to_encrypt(&self, w: usize, request: &Request) -> Message {
        let workload = &self.plan.workloads[w];
        let drawn = || match workload.size {
            Size::Unknown => None,
            Size::Constant(bytes) => Some(bytes),
            Size::Lognormal { median, sigma } => {
                let z = request.of_arrival(Purpose::Size).stream().normal();
                Some((median as f64 * libm::exp(sigma * z)).round() as u64)
            }
        };
        let recorded = self.row(workload, request).and_then(|r| r.size);
        Message {
            context: self.object(workload, request),
            length: match workload.size {
                Size::Unknown => None,
                _ => recorded.or_else(drawn),
            },
            suite: workload.data_key_cache.and_then(|c| c.suite),
        }
    }

    /// The n-th message that a process decrypts, and its data key: producers take turns, and each
    /// uses a data key for so many messages, all of one encryption context.
    fn message_to_decrypt(
        &self,
        w: usize,
        request: &Request,
        producers: u64,
        messages_per_data_key: u64,
    ) -> (Message, u64) {
        let n = u64::from(request.ticket);
        let producer = n % producers;
        let serial = n / producers / messages_per_data_key;
        let message = Message {
            context: producer,
            length: None,
            suite: self.plan.workloads[w].data_key_cache.and_then(|c| c.suite),
        };
        (message, producer << 40 | serial)
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

    /// Gives a message its number in its process and workload.
    fn number(&mut self, w: usize, request: &mut Request) {
        if request.ticket == u32::MAX
            && let Some(process) = self.process(w, w, request)
        {
            request.ticket = process.messages;
            process.messages = (process.messages + 1) % u32::MAX;
        }
    }

    /// The cache that a message looks up, and its CMM; `None` where there is none any more: a retry
    /// of an earlier invocation.
    fn data_key_cache(
        &mut self,
        w: usize,
        request: &mut Request,
    ) -> Option<(&mut DataKeyCache, &'a Cmm)> {
        let uses = self.plan.workloads[w].data_key_cache.as_ref()?;
        let mut invocation = 0;
        if let CacheScope::Invocation { messages } = uses.scope {
            self.number(w, request);
            invocation = request.ticket / messages;
        }
        let process = self.process(uses.owner, w, request)?;
        if invocation > process.invocation {
            process.invocation = invocation;
            process.cache = DataKeyCache::new(uses.sdk, uses.capacity);
        }
        (invocation == process.invocation).then_some((&mut process.cache, &uses.cmm))
    }

    /// The process of a request of `w`, as far as it belongs to the workload `of`.
    fn process(&mut self, of: usize, w: usize, request: &Request) -> Option<&mut Process> {
        let uses = self.plan.workloads[of].data_key_cache.as_ref()?;
        let client = self.client(w, request);
        let processes = &mut self.workloads[of].processes;
        let process = processes.get_mut(uses.scope.cache_of(client) as usize)?;
        Some(process.get_or_insert_with(|| Process {
            cache: DataKeyCache::new(uses.sdk, uses.capacity),
            messages: 0,
            invocation: 0,
        }))
    }
}

/// What a process holds for one workload.
#[derive(Clone)]
pub(super) struct Process {
    /// Empty where the workload looks up another one's.
    cache: DataKeyCache,
    /// Messages numbered so far.
    messages: u32,
    /// The invocation whose cache it is.
    invocation: u32,
}
