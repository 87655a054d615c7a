//! Single flight, where a scenario chooses it: while a key is being fetched for one request, others that need the
//! same wait for it instead of fetching it too.
//!
//! A fetch is under way from its first attempt until KMS answers. Where KMS throttles it, an application's SDK client
//! tries again, and the fetch stays under way; S3's ends, for S3 does not try again by itself. Whoever waited looks
//! the key up once more when the fetch ends: it is there, or, where the fetch has failed, the first of them fetches
//! and the others wait for that. A fetch that its client's rate limiter holds back is not under way.

use super::World;
use super::request::Request;
use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::{Message, Sdk};
use crate::model::{BucketKeyUse, CacheScope, CacheUse, Source};
use std::collections::HashMap;

/// What is fetched, and for whose cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    BucketKey {
        cache: usize,
        partition: u32,
        key: WantedBucketKey,
    },
    DataKey {
        owner: usize,
        process: u32,
        invocation: u32,
        partition: u32,
        suite: Option<u16>,
        context: u64,
        /// To decrypt it; `None`: to encrypt under a new one.
        data_key: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WantedBucketKey {
    ToWrite,
    Verified,
    ToRead(BucketKeyId),
}

/// Fetches that are over are dropped when there are more than twice as many as were left the last time.
const FEW: usize = 1_024;

/// Fetches under way, with their ends \[ns\].
#[derive(Default)]
pub(super) struct Flights {
    until: HashMap<Wanted, u64>,
    sweep_at: usize,
}

impl World<'_> {
    /// When the fetch ends that would meet a need, if one is under way.
    pub(super) fn awaits(&mut self, at: u64, lane: usize, request: &Request) -> Option<u64> {
        self.flights.as_ref()?;
        let wanted = self.wanted(at, lane, request)?;
        let until = self.flights.as_ref()?.until.get(&wanted).copied();
        until.filter(|&until| until > at)
    }

    /// A request's fetch for a need goes on until then.
    pub(super) fn fetches(&mut self, at: u64, lane: usize, request: &Request, until: u64) {
        if self.flights.is_none() {
            return;
        }
        let wanted = self.wanted(at, lane, request);
        let (Some(flights), Some(wanted)) = (&mut self.flights, wanted) else {
            return;
        };
        if flights.until.len() >= flights.sweep_at.max(FEW) {
            flights.until.retain(|_, until| *until > at);
            flights.sweep_at = 2 * flights.until.len();
        }
        flights.until.insert(wanted, until);
    }

    /// What a need's call would fetch; `None` where others would not wait for it.
    fn wanted(&mut self, at: u64, lane: usize, request: &Request) -> Option<Wanted> {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        let mut request = *request;
        match &plan.lanes[lane].source {
            Source::Call | Source::BranchKey => None,
            Source::BucketKeyWrite(uses) => {
                self.bucket_key_wanted(at, uses, w, &mut request, WantedBucketKey::ToWrite)
            }
            Source::BucketKeyVerified(uses) => {
                self.bucket_key_wanted(at, uses, w, &mut request, WantedBucketKey::Verified)
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, &request);
                let key = WantedBucketKey::ToRead(id);
                // From before they were switched on: each has a data key of its own.
                if id == BucketKeyId::None {
                    return None;
                }
                self.bucket_key_wanted(at, uses, w, &mut request, key)
            }
            Source::CacheEncrypt => {
                let message = self.message_to_encrypt(w, &request);
                self.data_key_wanted(w, &mut request, message, None)
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let by = (producers, messages_per_data_key);
                let (message, data_key) = self.numbered(w, &request, by);
                self.data_key_wanted(w, &mut request, message, Some(data_key))
            }
        }
    }

    fn bucket_key_wanted(
        &mut self,
        at: u64,
        uses: &BucketKeyUse,
        w: usize,
        request: &mut Request,
        key: WantedBucketKey,
    ) -> Option<Wanted> {
        let since = match key {
            WantedBucketKey::ToRead(_) => 0,
            _ => uses.since,
        };
        if at < since || !uses.single_flight {
            return None;
        }
        let cache = self.bucket_key_cache(uses, w, request);
        Some(Wanted::BucketKey {
            cache,
            partition: request.ticket,
            key,
        })
    }

    fn data_key_wanted(
        &mut self,
        w: usize,
        request: &mut Request,
        message: Message,
        data_key: Option<u64>,
    ) -> Option<Wanted> {
        let cache = self.plan.workloads[w].client_cache.as_ref()?;
        let CacheUse::DataKeys(uses) = &cache.uses else {
            return None;
        };
        let is_kept = match data_key {
            None => uses.sdk.stores(&uses.cmm, &message),
            Some(_) => uses.sdk != Sdk::JavaScript || message.may_be_cached(),
        };
        if !uses.single_flight || !is_kept {
            return None;
        }
        let invocation = match cache.scope {
            CacheScope::Invocation { messages } => {
                self.number(w, request);
                request.ticket / messages
            }
            _ => 0,
        };
        Some(Wanted::DataKey {
            owner: cache.owner,
            process: cache.scope.cache_of(self.workloads[w].client(request)),
            invocation,
            partition: uses.cmm.partition,
            suite: message.suite.map(|s| s.id),
            context: message.context,
            data_key,
        })
    }
}
