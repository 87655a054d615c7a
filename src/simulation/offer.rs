//! Tries: what one quota decides at once, and where all others go.

use crate::engine::calendar::{Entry, Place};
use crate::simulation::answers::guarded;
use crate::simulation::arrivals::requests_of;
use crate::simulation::jobs::worker_goes_on;
use crate::simulation::life::{offer_needs, schedule_retry, throttled};
use crate::simulation::state::class::{SEVERAL, Tally};
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::quota::QuotaState;
use crate::simulation::state::request::Request;
use crate::simulation::world::World;

/// A new arrival offers its requests.
#[inline(always)]
pub fn arrive(world: &mut World<'_>, at: u64, arrival: &Arrival) {
    requests_of(world, at, arrival, |world, request| {
        offer(world, at, &request)
    });
}

/// One try of a request.
#[inline(always)]
pub fn offer(world: &mut World<'_>, at: u64, request: &Request) {
    let class = &world.classes[request.class as usize];
    let w = class.workload as usize;
    if class.only_quota == SEVERAL {
        offer_several(world, at, *request, w);
    } else if attempt(world, at, request) {
        admitted(world, at, request);
    } else if let Some(next) = throttled(world, at, request, w) {
        schedule_retry(world, next, request);
    }
}

/// The next try of a slot that is gone through in order.
#[inline(always)]
pub fn offer_next(world: &mut World<'_>, place: Place) {
    let Entry { at, event } = world.calendar.entry(place);
    let class = &world.classes[event.class as usize];
    let w = class.workload as usize;
    if class.only_quota == SEVERAL {
        offer_several(world, at, event, w);
    } else if attempt(world, at, &event) {
        admitted(world, at, &event);
    } else {
        try_again(world, place, at, &event, w);
    }
}

/// A try that one quota has decided, and whose request and attempt at that are counted elsewhere: it
/// is admitted.
#[inline(always)]
pub fn win_at(world: &mut World<'_>, place: Place) {
    let Entry { at, event } = world.calendar.entry(place);
    admitted(world, at, &event);
}

/// It is refused.
#[inline(always)]
pub fn lose_at(world: &mut World<'_>, place: Place) {
    let Entry { at, event } = world.calendar.entry(place);
    let class = &mut world.classes[event.class as usize];
    class.tally[usize::from(event.arrived < world.counters.warm_up)].throttled += 1;
    let w = class.workload as usize;
    try_again(world, place, at, &event, w);
}

/// A refused try of a slot is scheduled again, unless it has failed.
#[inline(always)]
fn try_again(world: &mut World<'_>, place: Place, at: u64, event: &Request, w: usize) {
    if let Some(next) = throttled(world, at, event, w) {
        let throttled = event.throttled + 1;
        world
            .calendar
            .push_again(next, place, |retry| retry.throttled = throttled);
    }
}

/// An attempt of a request with one need, which one quota decides: whether it is admitted.
#[inline(always)]
fn attempt(world: &mut World<'_>, at: u64, request: &Request) -> bool {
    let (tally, quota) = count_attempt(world, request);
    let admitted = quota.limiter.admit(at);
    if !admitted {
        quota.throttled += 1;
        tally.throttled += 1;
    }
    admitted
}

/// Counts such an attempt, but not what becomes of it; returns the counters of its class and its quota.
#[inline(always)]
fn count_attempt<'w>(
    world: &'w mut World<'_>,
    request: &Request,
) -> (&'w mut Tally, &'w mut QuotaState) {
    let class = &mut world.classes[request.class as usize];
    let tally = &mut class.tally[usize::from(request.arrived < world.counters.warm_up)];
    // Added, not branched on: nobody could foresee which it is.
    tally.requests += u64::from(request.throttled == 0);
    let quota = &mut world.quotas[class.only_quota as usize];
    quota.attempts += 1;
    (tally, quota)
}

/// One try of a request that needs more than one quota's word.
fn offer_several(world: &mut World<'_>, at: u64, request: Request, w: usize) {
    if world.workloads[w].guards.is_some() {
        guarded(world, at, request, w);
    } else {
        offer_needs(world, at, request);
    }
}

/// A scheduled or listed request in a slot in which all are admitted.
#[inline(always)]
pub fn win(world: &mut World<'_>, at: u64, request: &Request) {
    if world.classes[request.class as usize].only_quota == SEVERAL {
        return offer(world, at, request);
    }
    let (_, quota) = count_attempt(world, request);
    quota.limiter.take(at);
    admitted(world, at, request);
}

/// A request with one need, which one quota has admitted.
#[inline(always)]
fn admitted(world: &mut World<'_>, at: u64, request: &Request) {
    let class = &mut world.classes[request.class as usize];
    let state = &mut world.workloads[class.workload as usize];
    class.ends_well(state, world.counters.warm_up, at, request);
    if state.is_job {
        job_goes_on(world, at, request);
    }
}

/// Its worker goes on when it hears of it.
fn job_goes_on(world: &mut World<'_>, at: u64, request: &Request) {
    let w = world.classes[request.class as usize].workload as usize;
    let answered = at + world.service(request, 1);
    worker_goes_on(world, w, request, answered);
}
