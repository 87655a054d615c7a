//! Tries: what one quota decides at once, and where all others go.

use crate::engine::calendar::{EventPlace, Scheduled};
use crate::simulation::answers::guarded;
use crate::simulation::arrivals::requests_of;
use crate::simulation::jobs::{next_of_worker, not_sent};
use crate::simulation::life::{offer_needs, schedule_retry, throttled};
use crate::simulation::state::class::Tally;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::quota::QuotaState;
use crate::simulation::state::request::{RequestState, RequestStep};
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
pub fn offer(world: &mut World<'_>, at: u64, request: &RequestState) {
    let class = world.classes.of(request.class);
    let w = class.workload();
    let Some(quota) = class.only_quota() else {
        return offer_several(world, at, *request, w);
    };
    if attempt(world, at, request, quota) {
        admitted(world, at, request);
    } else if let Some(next) = throttled(world, at, request, w) {
        schedule_retry(world, next, request);
    }
}

/// The next try of a slot that is gone through in order.
#[inline(always)]
pub fn offer_next(world: &mut World<'_>, place: EventPlace) {
    let Scheduled { at, event } = world.calendar.entry(place);
    let class = world.classes.of(event.class);
    let w = class.workload();
    let Some(quota) = class.only_quota() else {
        return offer_several(world, at, event, w);
    };
    if attempt(world, at, &event, quota) {
        admitted(world, at, &event);
    } else {
        try_again(world, place, at, &event, w);
    }
}

/// A try that one quota has decided, and whose request and attempt at that are counted elsewhere: it
/// is admitted.
#[inline(always)]
pub fn win_at(world: &mut World<'_>, place: EventPlace) {
    let Scheduled { at, event } = world.calendar.entry(place);
    admitted(world, at, &event);
}

/// It is refused.
#[inline(always)]
pub fn lose_at(world: &mut World<'_>, place: EventPlace) {
    let Scheduled { at, event } = world.calendar.entry(place);
    let class = world.classes.of_mut(event.class);
    class
        .tally(world.counters.in_warm_up(event.arrived))
        .throttle(1);
    let w = class.workload();
    try_again(world, place, at, &event, w);
}

/// A refused try of a slot is scheduled again, unless it has failed.
#[inline(always)]
fn try_again(world: &mut World<'_>, place: EventPlace, at: u64, event: &RequestState, w: usize) {
    if let Some(next) = throttled(world, at, event, w) {
        let throttled = event.throttled + 1;
        world
            .calendar
            .push_again(next, place, |retry| retry.throttled = throttled);
    }
}

/// An attempt of a request with one need, which one quota decides: whether it is admitted.
#[inline(always)]
fn attempt(world: &mut World<'_>, at: u64, request: &RequestState, quota: usize) -> bool {
    let (tally, quota) = count_attempt(world, request, quota);
    let admitted = quota.admit(at);
    if !admitted {
        tally.throttle(1);
    }
    admitted
}

/// Counts such an attempt, but not what becomes of it; returns the counters of its class and its quota.
#[inline(always)]
fn count_attempt<'w>(
    world: &'w mut World<'_>,
    request: &RequestState,
    quota: usize,
) -> (&'w mut Tally, &'w mut QuotaState) {
    let class = world.classes.of_mut(request.class);
    let tally = class.tally(world.counters.in_warm_up(request.arrived));
    // Added, not branched on: nobody could foresee which it is.
    tally.request(u64::from(request.throttled == 0));
    let quota = world.quotas.of(quota);
    quota.count(1);
    (tally, quota)
}

/// One try of a request that needs more than one quota's word.
fn offer_several(world: &mut World<'_>, at: u64, request: RequestState, w: usize) {
    if world.workloads.of(w).job.has_failed() && request.is_unsent() {
        return not_sent(world, w, &request, at);
    }
    if world.workloads.of(w).guards.is_some() {
        guarded(world, at, request, w);
    } else if request.step != RequestStep::Free {
        offer_needs(world, at, request);
    } else if let Some(first) = next_of_worker(world, at, &request, w) {
        offer_needs(world, at, first);
    }
}

/// A scheduled or listed request in a slot in which all are admitted.
#[inline(always)]
pub fn win(world: &mut World<'_>, at: u64, request: &RequestState) {
    let Some(quota) = world.classes.of(request.class).only_quota() else {
        return offer(world, at, request);
    };
    let (_, quota) = count_attempt(world, request, quota);
    quota.take(at);
    admitted(world, at, request);
}

/// A request with one need, which one quota has admitted.
#[inline(always)]
fn admitted(world: &mut World<'_>, at: u64, request: &RequestState) {
    let class = world.classes.of_mut(request.class);
    let state = world.workloads.of_mut(class.workload());
    class.ends_well(state, world.counters.warm_up(), at, request);
}
