//! Needs that a bucket key or a client-side cache may meet, and what a call brings to them.

use crate::model::arrivals::trace::TraceRow;
use crate::model::branch_key_cache::{BranchKeyCache, Found, Keyring};
use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::{Cmm, DataKeyCache, Message};
use crate::model::{BucketKeyUse, CacheScope, CacheUse, Kind, Popularity, Size, Source, Workload};
use crate::simulation::process::{Cache, LookUp, Process, message_to_decrypt, suite};
use crate::simulation::state::request::{Purpose, Request};
use crate::simulation::world::World;

/// Looks for what would meet a need without a call.
pub fn look_up(world: &mut World<'_>, at: u64, lane: usize, request: &mut Request) -> LookUp {
    let plan = world.plan;
    let w = plan.classes[request.class as usize].workload;
    let met = match &plan.lanes[lane].source {
        Source::Call => false,
        Source::BucketKeyWrite(uses) => {
            if at < uses.since {
                return LookUp::Miss;
            }
            let cache = bucket_key_cache(world, uses, w, request);
            let id = world.bucket_keys[cache].write(request.ticket, at);
            if let Some(id) = id {
                wrote(world, w, request, id);
            }
            id.is_some()
        }
        Source::BucketKeyRead(uses) => {
            let id = bucket_key_of_object(world, w, uses, request);
            if id == BucketKeyId::None {
                return LookUp::Miss;
            }
            let cache = bucket_key_cache(world, uses, w, request);
            world.bucket_keys[cache].read(request.ticket, id, at)
        }
        Source::BucketKeyVerified(uses) => {
            let cache = bucket_key_cache(world, uses, w, request);
            at >= uses.since && world.bucket_keys[cache].is_verified(request.ticket, at)
        }
        // A throttled call is tried again by the KMS client, which knows of no cache.
        Source::CacheEncrypt | Source::CacheDecrypt { .. } | Source::BranchKey
            if request.called > 0 =>
        {
            false
        }
        Source::CacheEncrypt => {
            let message = message_to_encrypt(world, w, request);
            data_keys(world, w, request)
                .is_some_and(|(cache, cmm)| cache.encrypt(cmm, &message, at).is_some())
        }
        &Source::CacheDecrypt {
            producers,
            messages_per_data_key,
        } => {
            number_message(world, w, request);
            let by = (producers, messages_per_data_key);
            let (message, data_key) = numbered(world, w, request, by);
            data_keys(world, w, request)
                .is_some_and(|(cache, cmm)| cache.decrypt(cmm, &message, data_key, at))
        }
        Source::BranchKey => {
            let since = request.arrived;
            let (key, version) = branch_key(world, w, request);
            let Some((cache, keyring)) = branch_keys(world, w, request) else {
                return LookUp::Miss;
            };
            match cache.look_up(keyring, key, version, since, at) {
                Found::Key => true,
                Found::Nothing => false,
                Found::Wait(pause) => return LookUp::Wait(at.saturating_add(pause)),
                Found::TooLate => return LookUp::TooLate,
            }
        }
    };
    if met { LookUp::Met } else { LookUp::Miss }
}

/// KMS admitted the call for a need that a cache could have met: the cache gets the key when KMS
/// answers. Returns that instant.
pub fn fetched(world: &mut World<'_>, at: u64, lane: usize, request: &Request, k: usize) -> u64 {
    let plan = world.plan;
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
                let cache = bucket_key_cache(world, uses, w, &mut request);
                id = world.bucket_keys[cache].generated(request.ticket, at, ready);
            }
            wrote(world, w, request, id);
        }
        Source::BucketKeyRead(uses) => {
            let id = bucket_key_of_object(world, w, uses, request);
            if id != BucketKeyId::None {
                let mut request = *request;
                let cache = bucket_key_cache(world, uses, w, &mut request);
                world.bucket_keys[cache].decrypted(request.ticket, id, at, ready);
            }
        }
        Source::BucketKeyVerified(uses) => {
            if at >= uses.since {
                let mut request = *request;
                let cache = bucket_key_cache(world, uses, w, &mut request);
                world.bucket_keys[cache].verified(request.ticket, at, ready);
            }
        }
        Source::CacheEncrypt => {
            let mut request = *request;
            let message = message_to_encrypt(world, w, &request);
            if let Some((cache, cmm)) = data_keys(world, w, &mut request) {
                // Which data key it is decides nothing here.
                cache.generated(cmm, &message, 0, ready);
            }
        }
        &Source::CacheDecrypt {
            producers,
            messages_per_data_key,
        } => {
            let mut request = *request;
            let by = (producers, messages_per_data_key);
            let (message, data_key) = numbered(world, w, &request, by);
            if let Some(process) = process(world, w, w, &request) {
                process.held_until = None;
            }
            if let Some((cache, cmm)) = data_keys(world, w, &mut request) {
                cache.decrypted(cmm, &message, data_key, ready);
            }
        }
        Source::BranchKey => {
            let mut request = *request;
            let (key, version) = branch_key(world, w, &request);
            if let Some((cache, keyring)) = branch_keys(world, w, &mut request) {
                cache.fetched(keyring, key, version, ready);
            }
        }
    }
    ready
}

/// The cache that serves a request; gives it its partition at the first look-up.
pub fn bucket_key_cache(
    world: &mut World<'_>,
    uses: &BucketKeyUse,
    w: usize,
    request: &mut Request,
) -> usize {
    let session = if uses.sessions > 1 {
        world.workloads[w].client(request) % uses.sessions
    } else {
        0
    };
    let cache = uses.cache + session as usize;
    if request.ticket == u32::MAX {
        request.ticket = world.bucket_keys[cache].next_partition();
    }
    request.ticket %= world.plan.bucket_key_caches[cache].fanout;
    cache
}

/// The bucket key that the object of a read was written under.
pub fn bucket_key_of_object(
    world: &World<'_>,
    w: usize,
    uses: &BucketKeyUse,
    request: &Request,
) -> BucketKeyId {
    let workload = &world.plan.workloads[w];
    if let Some(writer) = workload.reads {
        let written = &world.workloads[writer].written;
        let object = object(workload, request) as usize;
        return written.get(object).copied().unwrap_or(BucketKeyId::None);
    }
    if request.of_arrival(Purpose::Older).unit() < uses.older_objects {
        return BucketKeyId::None;
    }
    BucketKeyId::Archived(uses.archive.key_of(object(workload, request)))
}

fn wrote(world: &mut World<'_>, w: usize, request: &Request, id: BucketKeyId) {
    if world.plan.workloads[w].is_read {
        let written = &mut world.workloads[w].written;
        let object = request.index as usize;
        if written.len() <= object {
            written.resize(object + 1, BucketKeyId::None);
        }
        written[object] = id;
    }
}

pub fn message_to_encrypt(world: &World<'_>, w: usize, request: &Request) -> Message {
    let workload = &world.plan.workloads[w];
    let drawn = || match workload.size {
        Size::Unknown => None,
        Size::Constant(bytes) => Some(bytes),
        Size::Lognormal { median, sigma } => {
            let z = request.of_arrival(Purpose::Size).stream().normal();
            Some((median as f64 * libm::exp(sigma * z)).round() as u64)
        }
    };
    let recorded = row(workload, request).and_then(|r| r.size);
    Message {
        context: object(workload, request),
        length: match workload.size {
            Size::Unknown => None,
            _ => recorded.or_else(drawn),
        },
        suite: suite(workload),
    }
}

/// The message that a numbered request is to decrypt, and its data key.
pub fn numbered(world: &World<'_>, w: usize, request: &Request, by: (u64, u64)) -> (Message, u64) {
    message_to_decrypt(&world.plan.workloads[w], u64::from(request.ticket), by)
}

/// Which object or encryption context a request is for.
fn object(workload: &Workload, request: &Request) -> u64 {
    if let Some(object) = row(workload, request).and_then(|r| r.object) {
        return object;
    }
    let key = request.of_arrival(Purpose::Object);
    match workload.popularity {
        Popularity::Uniform { objects } => key.below(objects),
        Popularity::Zipf(zipf) => zipf.draw(&mut key.stream()),
    }
}

fn row<'a>(workload: &'a Workload, request: &Request) -> Option<&'a TraceRow> {
    match &workload.kind {
        Kind::Trace { trace, .. } => trace.recording.rows.get(request.index as usize),
        _ => None,
    }
}

/// The branch key of a message, and its version to decrypt.
fn branch_key(world: &World<'_>, w: usize, request: &Request) -> (u64, Option<u64>) {
    let workload = &world.plan.workloads[w];
    let versions = match workload.client_cache.map(|c| c.uses) {
        Some(CacheUse::BranchKeys(uses)) => uses.versions,
        _ => None,
    };
    let version = versions.map(|n| request.of_arrival(Purpose::Version).below(n));
    (object(workload, request), version)
}

/// Gives a message its number in its process and workload.
pub fn number_message(world: &mut World<'_>, w: usize, request: &mut Request) {
    if request.ticket == u32::MAX
        && let Some(process) = process(world, w, w, request)
    {
        request.ticket = process.count(1) as u32;
    }
}

/// The data-key cache that a message looks up, and its CMM.
fn data_keys<'w, 'a>(
    world: &'w mut World<'a>,
    w: usize,
    request: &mut Request,
) -> Option<(&'w mut DataKeyCache, &'a Cmm)> {
    let CacheUse::DataKeys(uses) = &world.plan.workloads[w].client_cache.as_ref()?.uses else {
        return None;
    };
    match cache(world, w, request)? {
        Cache::DataKeys(cache) => Some((cache, &uses.cmm)),
        Cache::BranchKeys(_) => None,
    }
}

/// The branch-key cache that a message looks up, and its keyring.
fn branch_keys<'w, 'a>(
    world: &'w mut World<'a>,
    w: usize,
    request: &mut Request,
) -> Option<(&'w mut BranchKeyCache, &'a Keyring)> {
    let CacheUse::BranchKeys(uses) = &world.plan.workloads[w].client_cache.as_ref()?.uses else {
        return None;
    };
    match cache(world, w, request)? {
        Cache::BranchKeys(cache) => Some((cache, &uses.keyring)),
        Cache::DataKeys(_) => None,
    }
}

/// The cache that a message looks up; `None` where it is gone: for the answer to a message of an
/// earlier invocation.
fn cache<'w>(world: &'w mut World<'_>, w: usize, request: &mut Request) -> Option<&'w mut Cache> {
    let uses = world.plan.workloads[w].client_cache.as_ref()?;
    let mut invocation = 0;
    if let CacheScope::Invocation { messages } = uses.scope {
        number_message(world, w, request);
        invocation = request.ticket / messages;
    }
    let process = process(world, uses.owner, w, request)?;
    if invocation > process.invocation {
        process.invocation = invocation;
        process.cache = Cache::new(&uses.uses);
    }
    (invocation == process.invocation).then_some(&mut process.cache)
}

/// The process of a request of `w`, as far as it belongs to the workload `of`.
fn process<'w>(
    world: &'w mut World<'_>,
    of: usize,
    w: usize,
    request: &Request,
) -> Option<&'w mut Process> {
    let uses = world.plan.workloads[of].client_cache.as_ref()?;
    let client = world.workloads[w].client(request);
    let processes = &mut world.workloads[of].processes;
    let process = processes.get_mut(uses.scope.cache_of(client) as usize)?;
    Some(process.get_or_insert_with(|| Process::new(uses)))
}
