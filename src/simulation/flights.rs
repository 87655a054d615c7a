//! Single flight, where a scenario chooses it: while a key is being fetched for one request, others that need the
//! same wait for it instead of fetching it too.
//!
//! A fetch is under way from its first attempt until KMS answers. Where KMS throttles it, an application's SDK client
//! tries again, and the fetch stays under way; S3's ends, for S3 does not try again by itself. Whoever waited looks
//! the key up once more when the fetch ends: it is there, or, where the fetch has failed, the first of them fetches
//! and the others wait for that. A fetch that its client's rate limiter holds back is not under way.

use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::{Message, Sdk};
use crate::model::{BucketKeyUse, CacheScope, CacheUse, Source};
use crate::simulation::caches::{
    bucket_key_cache, bucket_key_of_object, message_to_encrypt, number_message, numbered,
};
use crate::simulation::state::flights::{FEW, Wanted, WantedBucketKey};
use crate::simulation::state::request::Request;
use crate::simulation::world::World;

/// When the fetch ends that would meet a need, if one is under way.
pub fn awaits(world: &mut World<'_>, at: u64, lane: usize, request: &Request) -> Option<u64> {
    world.flights.as_ref()?;
    let wanted = wanted(world, at, lane, request)?;
    let until = world.flights.as_ref()?.until.get(&wanted).copied();
    until.filter(|&until| until > at)
}

/// A request's fetch for a need goes on until then.
pub fn fetches(world: &mut World<'_>, at: u64, lane: usize, request: &Request, until: u64) {
    if world.flights.is_none() {
        return;
    }
    let wanted = wanted(world, at, lane, request);
    let (Some(flights), Some(wanted)) = (&mut world.flights, wanted) else {
        return;
    };
    if flights.until.len() >= flights.sweep_at.max(FEW) {
        flights.until.retain(|_, until| *until > at);
        flights.sweep_at = 2 * flights.until.len();
    }
    flights.until.insert(wanted, until);
}

/// What a need's call would fetch; `None` where others would not wait for it.
fn wanted(world: &mut World<'_>, at: u64, lane: usize, request: &Request) -> Option<Wanted> {
    let plan = world.plan;
    let w = plan.classes[request.class as usize].workload;
    let mut request = *request;
    match &plan.lanes[lane].source {
        Source::Call | Source::BranchKey => None,
        Source::BucketKeyWrite(uses) => {
            bucket_key_wanted(world, at, uses, w, &mut request, WantedBucketKey::ToWrite)
        }
        Source::BucketKeyVerified(uses) => {
            bucket_key_wanted(world, at, uses, w, &mut request, WantedBucketKey::Verified)
        }
        Source::BucketKeyRead(uses) => {
            let id = bucket_key_of_object(world, w, uses, &request);
            let key = WantedBucketKey::ToRead(id);
            // From before they were switched on: each has a data key of its own.
            if id == BucketKeyId::None {
                return None;
            }
            bucket_key_wanted(world, at, uses, w, &mut request, key)
        }
        Source::CacheEncrypt => {
            let message = message_to_encrypt(world, w, &request);
            data_key_wanted(world, w, &mut request, message, None)
        }
        &Source::CacheDecrypt {
            producers,
            messages_per_data_key,
        } => {
            let by = (producers, messages_per_data_key);
            let (message, data_key) = numbered(world, w, &request, by);
            data_key_wanted(world, w, &mut request, message, Some(data_key))
        }
    }
}

fn bucket_key_wanted(
    world: &mut World<'_>,
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
    let cache = bucket_key_cache(world, uses, w, request);
    Some(Wanted::BucketKey {
        cache,
        partition: request.ticket,
        key,
    })
}

fn data_key_wanted(
    world: &mut World<'_>,
    w: usize,
    request: &mut Request,
    message: Message,
    data_key: Option<u64>,
) -> Option<Wanted> {
    let cache = world.plan.workloads[w].client_cache.as_ref()?;
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
            number_message(world, w, request);
            request.ticket / messages
        }
        _ => 0,
    };
    Some(Wanted::DataKey {
        owner: cache.owner,
        process: cache.scope.cache_of(world.workloads[w].client(request)),
        invocation,
        partition: uses.cmm.partition,
        suite: message.suite.map(|s| s.id),
        context: message.context,
        data_key,
    })
}
