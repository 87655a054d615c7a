//! What clients that are followed hear and send, answer by answer.

use crate::model::retry::RetryVerdict;
use crate::simulation::flights::fetches;
use crate::simulation::guarded::{asks_client, hears, hold_back, hold_until, plan_look};
use crate::simulation::jobs::next_of_worker;
use crate::simulation::life::{given_up, offer_needs};
use crate::simulation::state::guards::{MayCall, seconds};
use crate::simulation::state::request::{RequestState, RequestStep};
use crate::simulation::world::World;

/// What is next for a request, or its client.
pub fn guarded(world: &mut World<'_>, at: u64, mut request: RequestState, w: usize) {
    let step = request.step;
    // What is resumed goes on where its step says.
    if step != RequestStep::Resumed {
        request.step = RequestStep::Attempt;
    }
    match step {
        RequestStep::Resumed => offer_needs(world, at, request),
        RequestStep::Attempt | RequestStep::Granted => ready(world, at, request, w),
        RequestStep::Throttled => hears_throttled(world, at, request, w),
        RequestStep::Succeeded => hears_success(world, at, &request, w),
        RequestStep::Look => look_at_waiting(world, at, w, request.index),
        RequestStep::Free => {
            if let Some(first) = next_of_worker(world, at, &request, w) {
                ready(world, at, first, w);
            }
        }
    }
}

/// An attempt that its client may have to hold back.
pub fn ready(world: &mut World<'_>, at: u64, request: RequestState, w: usize) {
    let guards = world.workloads.of(w).guards.as_ref();
    if guards.is_some_and(|g| g.pass_only_calls()) {
        return offer_needs(world, at, request);
    }
    match asks_client(world, at, &request, w) {
        MayCall::Now => offer_needs(world, at, request),
        MayCall::Later(wait) => hold_back(world, at, wait, request, w),
        MayCall::At(until) => hold_until(world, until, request, w),
        MayCall::Never => {
            if request.throttled == 0 {
                world.counters.of(request.arrived).classes[request.class as usize].requests += 1;
            }
            given_up(world, at, &request, w, false);
        }
    }
}

fn hears_throttled(world: &mut World<'_>, at: u64, request: RequestState, w: usize) {
    let (client, payer) = (
        world.workloads.of(w).client(&request),
        world.workloads.of(w).payer(&request),
    );
    let answer = world.classes.of(request.class).answer();
    let is_throttling = world.workloads.of(w).retries.is_throttling(answer);
    hears(world, at, w, client, is_throttling);
    let state = world.workloads.of_mut(w);
    let guards = state.guards.as_mut();
    let limiter = guards.and_then(|g| g.limiter(client));
    let verdict = state
        .retries
        .judge(payer, limiter, seconds(at), &request, answer);
    if let RetryVerdict::Retry { delay, .. } = verdict {
        let next = at.saturating_add(delay);
        if world
            .workloads
            .of(w)
            .guards
            .as_ref()
            .is_some_and(|g| g.pass_only_calls())
        {
            // An application's message has one need.
            let kms_step = world.classes.of(request.class).kms_steps().start;
            fetches(world, at, kms_step, &request, next);
        }
        world.calendar.push(next, request);
    } else {
        given_up(world, at, &request, w, false);
    }
    wake(world, at, w, client);
}

fn hears_success(world: &mut World<'_>, at: u64, request: &RequestState, w: usize) {
    let calls = request.called.count_ones() as usize;
    let class = world.classes.of(request.class);
    let (earns, answer) = (class.earns(calls), class.answer());
    let state = world.workloads.of_mut(w);
    let client = state.client(request);
    let guards = state.guards.as_mut();
    let woken = guards.and_then(|g| g.hears_success(client, at));
    if earns {
        state.refund(request, answer);
    }
    if let Some(woken) = woken {
        send(world, at, woken, w);
    }
    plan_look(world, at, w, client);
}

/// An answer wakes one of the client's attempts that wait.
fn wake(world: &mut World<'_>, at: u64, w: usize, client: u32) {
    let guards = world.workloads.of_mut(w).guards.as_mut();
    if let Some(request) = guards.and_then(|g| g.woken_by_answer(client, at)) {
        send(world, at, request, w);
    }
    plan_look(world, at, w, client);
}

/// Sends those of a client's attempts that have slept long enough and find a token.
fn look_at_waiting(world: &mut World<'_>, at: u64, w: usize, client: u32) {
    while let Some(guards) = &mut world.workloads.of_mut(w).guards
        && let Some(request) = guards.woken(client, at)
    {
        send(world, at, request, w);
    }
    plan_look(world, at, w, client);
}

/// Sends an attempt that has waited for its token.
fn send(world: &mut World<'_>, at: u64, mut request: RequestState, w: usize) {
    if let Some(guards) = &mut world.workloads.of_mut(w).guards {
        guards.let_go();
        if guards.pass_only_calls() {
            request.step = RequestStep::Granted;
        }
    }
    offer_needs(world, at, request);
}
