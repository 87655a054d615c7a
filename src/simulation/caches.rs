//! Needs that a bucket key or a client-side cache may meet, and what a call brings to them.

use crate::engine::random::Key;
use crate::model::source::{Caches, Fetch, LookUp, Need};
use crate::model::{PlanPart, Workload};
use crate::simulation::state::request::{Purpose, RequestState};
use crate::simulation::state::workload::WorkloadState;
use crate::simulation::world::World;

/// Whether a KMS step is for a request at all.
pub fn is_for(world: &mut World<'_>, at: u64, kms_step: usize, request: &mut RequestState) -> bool {
    let plan = world.plan;
    let Some(only_for) = &plan.kms_steps[kms_step].only_for else {
        return true;
    };
    let (caches, need) = need_of(world, request);
    only_for.takes(caches, &need, at)
}

/// Looks for what would meet a need without a call.
pub fn look_up(
    world: &mut World<'_>,
    at: u64,
    kms_step: usize,
    request: &mut RequestState,
) -> LookUp {
    let plan = world.plan;
    let (caches, mut need) = need_of(world, request);
    plan.kms_steps[kms_step]
        .source
        .look_up(caches, &mut need, at)
}

/// How long KMS takes for the call of a request's `k`-th KMS step \[ns\].
pub fn latency_of_call(world: &World<'_>, request: &RequestState, k: usize) -> u64 {
    let try_number =
        (u64::from(request.part) << 32) | (u64::from(request.throttled) << 8) | k as u64;
    let key = request.of_arrival(Purpose::Kms).with(try_number);
    world.plan.kms_latency.draw(key)
}

/// KMS admitted the call for a need that a cache could have met: the cache gets the key when KMS answers, at `ready`.
pub fn fetched(
    world: &mut World<'_>,
    at: u64,
    kms_step: usize,
    request: &RequestState,
    ready: u64,
) {
    let plan = world.plan;
    let mut request = *request;
    let (caches, mut need) = need_of(world, &mut request);
    plan.kms_steps[kms_step]
        .source
        .fetched(caches, &mut need, at, ready);
}

/// What a need's call would fetch; `None` where others would not wait for it.
pub fn waits_for(world: &mut World<'_>, kms_step: usize, request: &RequestState) -> Option<Fetch> {
    let mut request = *request;
    let plan = world.plan;
    let (caches, mut need) = need_of(world, &mut request);
    plan.kms_steps[kms_step].source.waits_for(caches, &mut need)
}

/// A request that needs a key, and the caches that may have it.
fn need_of<'w>(
    world: &'w mut World<'_>,
    request: &'w mut RequestState,
) -> (&'w mut Caches, NeedOf<'w>) {
    let plan: &PlanPart<'_> = world.plan;
    let w = plan.classes[request.class as usize].workload;
    let need = NeedOf {
        w,
        workload: &plan.workloads[w],
        state: world.workloads.of(w),
        request,
    };
    (&mut world.caches, need)
}

struct NeedOf<'w> {
    w: usize,
    workload: &'w Workload,
    state: &'w WorkloadState,
    request: &'w mut RequestState,
}

impl Need for NeedOf<'_> {
    fn workload(&self) -> usize {
        self.w
    }

    fn client(&self) -> u32 {
        self.state.client(self.request)
    }

    fn index(&self) -> u32 {
        self.request.index
    }

    fn arrived(&self) -> u64 {
        self.request.arrived
    }

    fn was_called(&self) -> bool {
        self.request.called > 0
    }

    fn object(&self) -> u64 {
        self.workload.object(self.request.index, self.key())
    }

    fn message_length(&self) -> Option<u64> {
        self.workload.message_length(self.request.index, self.key())
    }

    fn key(&self) -> Key {
        Key::from_bits(self.request.arrival)
    }

    fn ticket(&mut self) -> &mut u32 {
        &mut self.request.ticket
    }
}
