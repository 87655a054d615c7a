//! The life of a request: needs met or called for, throttled and tried again, done.

use crate::model::Cause;
use crate::model::source::LookUp;
use crate::simulation::caches::{fetched, is_for, latency_of_call, look_up};
use crate::simulation::flights::{awaits, fetches};
use crate::simulation::guarded::{
    guards_succeeded, guards_throttled, hold_back, hold_until, may_call,
};
use crate::simulation::jobs::{worker_fails, worker_goes_on};
use crate::simulation::state::guards::MayCall;
use crate::simulation::state::request::{Purpose, RequestState, RequestStep};
use crate::simulation::uploads::{upload_fails, upload_goes_on};
use crate::simulation::world::World;

/// One try of a request: each need in turn, until one is refused or all are met.
pub fn offer_needs(world: &mut World<'_>, at: u64, mut request: RequestState) {
    let plan = world.plan;
    let class_index = request.class as usize;
    let (kms_steps, w) = {
        let class = world.classes.of(class_index as u32);
        (class.kms_steps(), class.workload())
    };
    let state = world.workloads.of(w);
    if state.fails_uploads() && request.throttled > 0 && state.uploads.has_failed(request.arrival) {
        // Another part of its upload has failed: its client does not try again.
        return given_up(world, at, &request, w, false);
    }
    let is_app = !world.plan.classes[class_index].by_service;
    // Calls whose latencies are drawn one by one follow one another, and S3's own part follows them.
    let mut answered = world
        .classes
        .of(class_index as u32)
        .has_memory()
        .then_some(at);
    if request.throttled == 0 && !request.has_waited() && request.called == 0 {
        world.counters.of(request.arrived).classes[class_index].requests += 1;
    }
    let from = request.kms_step();
    if request.step == RequestStep::Resumed {
        request.step = RequestStep::Attempt;
    } else if !within_request_rate(world, at, &request) {
        return refuse_try(world, at, request, w, None);
    }
    for (step, l) in kms_steps.enumerate().skip(from) {
        let has_memory = world.classes.kms_step(l).has_memory();
        if has_memory && !is_for(world, at, l, &mut request) {
            continue;
        }
        let k = world.classes.kms_step(l).need();
        let first = k >= usize::from(request.looked_up);
        if first {
            request.looked_up = k as u8 + 1;
            world.counters.of(request.arrived).kms_steps[l].needs += 1;
        }
        let bit = 1 << k;
        if has_memory {
            let mut found = look_up(world, at, l, &mut request);
            // A throttled message goes on with its own fetch.
            let fetches = is_app && request.called > 0;
            if found == LookUp::Miss
                && !fetches
                && let Some(until) = awaits(world, at, l, &request)
            {
                found = LookUp::Wait(until);
            }
            if first && matches!(found, LookUp::Met | LookUp::Wait(_)) {
                world.counters.of(request.arrived).kms_steps[l].met += 1;
            }
            match found {
                LookUp::Met => continue,
                LookUp::Miss => {}
                LookUp::Wait(until) => return wait_for_fetch(world, until, request, w, step),
                LookUp::TooLate => {
                    // Neither met nor called for.
                    let count = &mut world.counters.of(request.arrived).kms_steps[l];
                    count.needs -= 1;
                    count.met -= u64::from(!first);
                    return given_up(world, at, &request, w, false);
                }
            }
        }
        if world.workloads.of(w).guards.is_some() {
            match may_call(world, at, &mut request, w) {
                MayCall::Now => {}
                MayCall::Later(wait) => {
                    count_call(world, l, bit, first, &mut request);
                    return hold_back(world, at, wait, request, w);
                }
                MayCall::At(until) => {
                    count_call(world, l, bit, first, &mut request);
                    return hold_until(world, until, request, w);
                }
                MayCall::Never => {
                    if request.called & bit == 0 {
                        // Neither met nor called for.
                        let count = &mut world.counters.of(request.arrived).kms_steps[l];
                        count.needs -= 1;
                        count.met -= u64::from(!first);
                    }
                    return given_up(world, at, &request, w, false);
                }
            }
        }
        count_call(world, l, bit, first, &mut request);
        world.counters.expand(1);
        let kms_step = world.classes.kms_step(l);
        let count = &mut world.counters.of(request.arrived).kms_steps[l];
        count.attempts += 1;
        // The quotas in turn; the first without room refuses, and nothing is taken from any.
        let mut refused = None;
        for (i, &q) in kms_step.quotas().iter().enumerate() {
            let quota = world.quotas.of(q as usize);
            quota.count(1);
            if !quota.has_room(at) {
                refused = Some(i);
                break;
            }
        }
        if let Some(i) = refused {
            count.throttled_by[i] += 1;
            // Refused by one quota, it counts at that one only.
            for &q in &plan.kms_steps[l].quotas[..i] {
                world.quotas.of(q).withdraw();
            }
            return refuse_try(world, at, request, w, Some(l));
        }
        for &q in kms_step.quotas() {
            world.quotas.of(q as usize).take(at);
        }
        if has_memory && let Some(cause) = plan.kms_steps[l].refused_at(at) {
            let denied = cause == Cause::NoPermission;
            let count = &mut world.counters.of(request.arrived).kms_steps[l];
            if denied {
                count.denied += 1;
            } else {
                count.failed += 1;
            }
            return given_up(world, at, &request, w, denied);
        }
        if let Some(answered) = &mut answered {
            let latency = latency_of_call(world, &request, k);
            *answered += latency;
            if has_memory {
                fetched(world, at, l, &request, at + latency);
                fetches(world, at, l, &request, at + latency);
            }
        }
    }
    let calls = request.called.count_ones() as usize;
    succeeded(world, at, &request, calls, answered);
}

/// Whether S3 takes a try, or it is one too many for its request rate: then KMS is not called.
#[inline]
fn within_request_rate(world: &mut World<'_>, at: u64, request: &RequestState) -> bool {
    let class = world.classes.of(request.class);
    let Some(quota) = class.request_rate() else {
        return true;
    };
    world.counters.expand(1);
    let quota = world.quotas.of(quota);
    quota.count(1);
    let count = &mut world.counters.of(request.arrived).classes[request.class as usize];
    count.tries += 1;
    let taken = quota.admit(at);
    if !taken {
        count.tries_throttled += 1;
    }
    taken
}

/// A try was refused, at the need of a KMS step or by S3's request rate: its client may try again.
fn refuse_try(
    world: &mut World<'_>,
    at: u64,
    mut request: RequestState,
    w: usize,
    kms_step: Option<usize>,
) {
    let fetching = kms_step.filter(|&l| world.classes.kms_step(l).has_memory());
    let answered = fetching.map_or(at, |_| {
        let n = request.throttled + 1;
        let latency = &world.plan.throttled_latency;
        at + latency.draw_with(|| request.own(Purpose::Throttled, n))
    });
    let mut until = answered;
    if !guards_throttled(world, at, request, w)
        && let Some(next) = throttled(world, at, &request, w)
    {
        if !world.plan.classes[request.class as usize].by_service {
            until = next;
        }
        schedule_retry(world, next, &request);
        request.throttled += 1;
    }
    if let Some(kms_step) = fetching {
        fetches(world, at, kms_step, &request, until);
    }
}

/// A need that no cache meets becomes a call, once.
#[inline(always)]
fn count_call(
    world: &mut World<'_>,
    kms_step: usize,
    bit: u8,
    first: bool,
    request: &mut RequestState,
) {
    if request.called & bit == 0 {
        request.called |= bit;
        let count = &mut world.counters.of(request.arrived).kms_steps[kms_step];
        count.calls += 1;
        if !first {
            // A cache met it at first and no longer does: now it is a call.
            count.met -= 1;
        }
    }
}

/// A refused request: when it will try again, unless it has failed.
#[inline(always)]
pub fn throttled(world: &mut World<'_>, at: u64, request: &RequestState, w: usize) -> Option<u64> {
    let (state, latency) = (world.workloads.of_mut(w), &world.plan.throttled_latency);
    let answer = world.classes.of(request.class).answer();
    let next = state.tries_again(latency, at, request, answer, |state| state.payer(request));
    if next.is_some() {
        return next;
    }
    let n = request.throttled + 1;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
    given_up(world, answered, request, w, false);
    None
}

/// A request waits for what another one fetches.
fn wait_for_fetch(
    world: &mut World<'_>,
    until: u64,
    mut request: RequestState,
    w: usize,
    step: usize,
) {
    world.workloads.of_mut(w).puts_off(&request);
    request.wait(step);
    world.calendar.push(until, request);
}

/// A request ends in an error at `at`: it lacks permission, or anything else.
pub fn given_up(world: &mut World<'_>, at: u64, request: &RequestState, w: usize, denied: bool) {
    fail(world, request, w, denied);
    if world.workloads.of(w).is_job() {
        worker_fails(world, w, request, at);
    } else if world.workloads.of(w).fails_uploads() {
        upload_fails(world, w, request);
    }
}

/// Counts a request that was denied, or is out of attempts or of retry quota.
#[inline]
pub fn fail(world: &mut World<'_>, request: &RequestState, w: usize, denied: bool) {
    world.workloads.of_mut(w).fails(request);
    let count = &mut world.counters.of(request.arrived).classes[request.class as usize];
    if denied {
        count.denied += 1;
    } else {
        count.failed += 1;
    }
}

/// Schedules the retry of a request that was throttled.
#[inline(always)]
pub fn schedule_retry(world: &mut World<'_>, at: u64, request: &RequestState) {
    let throttled = request.throttled + 1;
    world
        .calendar
        .push_changed(at, request, |retry| retry.throttled = throttled);
}

/// A request ended well. KMS's last answer came at `answered`, if that was drawn call by call; else the latency of all that it
/// needs is drawn at once.
fn succeeded(
    world: &mut World<'_>,
    at: u64,
    request: &RequestState,
    calls: usize,
    answered: Option<u64>,
) {
    let class_index = request.class as usize;
    let class = world.classes.of_mut(class_index as u32);
    let (w, earns, form) = (class.workload(), class.earns(calls), class.answer());
    let count = &mut world.counters.of(request.arrived).classes[class_index];
    count.succeeded += 1;
    let waited = request.is_waiting();
    if waited {
        let tally = class.tally(world.counters.in_warm_up(request.arrived));
        tally.delay(at - request.arrived);
    } else {
        count.undelayed[calls] += 1;
    }
    world.workloads.of_mut(w).ends(request);
    let answer = |world: &World<'_>| match answered {
        Some(answered) => answered + world.service(request, 0),
        None => at + world.service(request, calls),
    };
    let heard_later = world.workloads.of(w).guards.is_some()
        && guards_succeeded(world, at, answer, calls, request, w);
    let state = world.workloads.of_mut(w);
    if !heard_later && earns && (waited || state.retries.has_debts()) {
        state.refund(request, form);
    }
    if state.is_job() {
        let at = answer(world);
        let class = world.classes.of(request.class);
        let action = &world.actions[world.classes.action_of(request.class)];
        // Whoever is denied tries as often as the scenario says, and then has failed.
        if class.is_denied() && usize::from(request.part) + 1 == action.requests() {
            worker_fails(world, w, request, at);
        } else {
            worker_goes_on(world, w, request, at);
        }
    } else if state.fails_uploads() {
        upload_goes_on(world, w, request, at);
    }
}
