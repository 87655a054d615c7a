//! Clients that hold back what they send: the adaptive mode's rate limiter, circuit breakers, send brakes.
//!
//! **Rate limiter.** Until one of a workload's clients is throttled for the first time its limiters hold
//! nothing back, and its requests are counted as all others are. Then they are followed: every answer, at
//! its time, goes to the limiter of its client, and what the client sends waits for a token. What the
//! limiters remember of the time before is found by drawing the last seconds' arrivals again from their keys:
//! all of them were admitted at once. The moment is that of the throttled attempt itself, so that no digit
//! depends on what was counted. A job's clients are followed from its start, and so are those of an
//! application with a client-side cache: its limiter sees only what the cache does not meet.
//!
//! **Circuit breaker.** It changes only when an attempt is throttled, or by a success while it
//! remembers a failure; else its workload is counted. An attempt's outcome reaches it when the attempt is sent.
//!
//! **Send brake.** It hears of outcomes as a circuit breaker does. What it holds is scheduled again for the instant at which it
//! lets go, and is looked at then as any other attempt.
//!
//! **Lives.** Where clients are replaced after so many requests, these are counted from the workload's first throttled attempt
//! on; a replacement by time is noticed at the client's next attempt. Nothing depends on either while nobody remembers anything.
//!
//! While they are followed, or in use, such workloads are looked at in order of time.

use crate::engine::SECOND;
use crate::simulation::arrivals::pieces;
use crate::simulation::state::drawn::DrawnSecond;
use crate::simulation::state::guards::MayCall;
use crate::simulation::state::piece::ArrivalPiece;
use crate::simulation::state::request::{Purpose, RequestState, RequestStep};
use crate::simulation::world::World;

/// Keeps what the second has drawn of workloads that are not followed yet.
pub fn remember(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.guarded().len() {
        let w = world.workloads.guarded()[i];
        let clients = u64::from(world.plan.workloads[w].clients);
        let state = world.workloads.of_mut(w);
        let Some(guards) = &mut state.guards else {
            continue;
        };
        if !guards.may_be_followed() {
            continue;
        }
        if !guards.pass_only_calls() {
            if let Some(drawn) = world.arrivals.drawn.only(w) {
                guards.remember(drawn, clients);
            }
        } else if state.arriving.active().contains(&second) {
            follow(world, w, second * SECOND);
        }
    }
}

/// The clients of a workload are followed from `at` on, where one of them is throttled or a job starts.
pub fn follow(world: &mut World<'_>, w: usize, at: u64) {
    let state = world.workloads.of_mut(w);
    let made = state.clients_made(at);
    let Some(guards) = &mut state.guards else {
        return;
    };
    if !guards.may_be_followed() {
        return;
    }
    let past = guards.follow(world.plan.workloads[w].clients, made, at);
    let mut answers = Vec::new();
    for drawn in &past {
        if world.options.is_cancelled() {
            return;
        }
        answers_of(world, w, at, drawn, &mut answers);
        answers.sort_unstable();
        let end = ((drawn.second() + 1) * SECOND).min(at + 1);
        let heard = answers.partition_point(|&(answered, _)| answered < end);
        for (answered, request) in answers.drain(..heard) {
            let client = world.workloads.of(w).client(&request);
            hears(world, answered, w, client, false);
        }
    }
    for (answered, request) in answers {
        world.calendar.push(answered, request);
    }
}

/// The answers to all that a second's arrivals sent before `at`, admitted each.
fn answers_of(
    world: &World<'_>,
    w: usize,
    at: u64,
    drawn: &DrawnSecond,
    answers: &mut Vec<(u64, RequestState)>,
) {
    let base = drawn.second() * SECOND;
    let mut add = |when: u64, action: u32, index: u32, copy: u32, key| {
        let sent = base + when;
        if sent >= at {
            return;
        }
        let classes = world.actions[action as usize].classes();
        for (part, class) in classes.enumerate() {
            let mut request = RequestState::new(sent, class, index, copy, part as u16, key);
            request.step = RequestStep::Succeeded;
            let calls = world.classes.of(class).needs();
            answers.push((sent + world.service(&request, calls), request));
        }
    };
    for d in drawn.workloads().iter().filter(|d| d.workload == w) {
        pieces(world, drawn, d, |piece| match piece {
            ArrivalPiece::One(when, a) => add(when, a.action, a.index, a.copy, a.key),
            ArrivalPiece::Evenly(arrivals) => {
                arrivals.for_each(|(when, a)| add(when, a.action, a.index, a.copy, a.key));
            }
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                density.arrivals(n, drawn.second(), key, |when, index, key| {
                    add(when, action as u32, index, 0, key);
                });
            }
        });
    }
}

/// Whether a need of a request may be called for now, where calls alone pass the client.
pub fn may_call(world: &mut World<'_>, at: u64, request: &mut RequestState, w: usize) -> MayCall {
    let granted = std::mem::take(&mut request.step) == RequestStep::Granted;
    let guards = world.workloads.of(w).guards.as_ref();
    if granted || guards.is_none_or(|g| !g.pass_only_calls()) {
        MayCall::Now
    } else {
        asks_client(world, at, request, w)
    }
}

/// What a request's client says to an attempt; a token is taken if there is one.
pub fn asks_client(world: &mut World<'_>, at: u64, request: &RequestState, w: usize) -> MayCall {
    let state = world.workloads.of_mut(w);
    let client = state.client(request);
    let is_paced = state.retries.are_paced(request.throttled);
    match &mut state.guards {
        Some(guards) => {
            if guards.sends(client, at, !request.is_waiting()) {
                state.retries.renew(client);
            }
            guards.may_send(client, at, request.throttled > 0, is_paced)
        }
        None => MayCall::Now,
    }
}

/// An attempt waits for a token.
pub fn hold_back(world: &mut World<'_>, at: u64, wait: f64, mut request: RequestState, w: usize) {
    let state = world.workloads.of_mut(w);
    let client = state.client(&request);
    state.puts_off(&request);
    request.hold_back();
    if let Some(guards) = &mut state.guards {
        guards.hold_back(client, at, wait, request);
    }
    plan_look(world, at, w, client);
}

/// An attempt waits until its client's brake lets go.
pub fn hold_until(world: &mut World<'_>, until: u64, mut request: RequestState, w: usize) {
    world.workloads.of_mut(w).puts_off(&request);
    request.hold_back();
    request.step = RequestStep::Attempt;
    world.calendar.push(until, request);
    // From now on attempts are sent in other slots than those in which they are weighed.
    world.quotas.stop_weighing();
}

/// An attempt was throttled at `at`. Whether its client decides only when it hears of it.
pub fn guards_throttled(
    world: &mut World<'_>,
    at: u64,
    mut request: RequestState,
    w: usize,
) -> bool {
    if world.workloads.of(w).guards.is_none() {
        return false;
    }
    follow(world, w, at);
    let before = request;
    request.throttled += 1;
    let latency = &world.plan.throttled_latency;
    let n = request.throttled;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
    let answer = world.classes.of(request.class).answer();
    let state = world.workloads.of_mut(w);
    let client = state.client(&request);
    let is_throttling = state.retries.is_throttling(answer);
    let guards = state.guards.as_mut();
    if !guards.is_some_and(|g| g.throttled(client, at, answered, is_throttling)) {
        return false;
    }
    state.puts_off(&before);
    request.step = RequestStep::Throttled;
    world.calendar.push(answered, request);
    // From now on attempts are sent in other slots than those in which they are weighed.
    world.quotas.stop_weighing();
    true
}

/// An attempt of a guarded client succeeds that was sent at `at`; the answer comes at `answered`. Whether
/// its client hears of it only then.
pub fn guards_succeeded(
    world: &mut World<'_>,
    at: u64,
    answered: impl FnOnce(&World<'_>) -> u64,
    calls: usize,
    request: &RequestState,
    w: usize,
) -> bool {
    let state = world.workloads.of_mut(w);
    let client = state.client(request);
    let guards = state.guards.as_mut();
    if !guards.is_some_and(|g| g.succeeded(client, at, calls)) {
        return false;
    }
    let mut answer = *request;
    answer.step = RequestStep::Succeeded;
    world.calendar.push(answered(world), answer);
    true
}

/// A client's limiter counts an answer.
pub fn hears(world: &mut World<'_>, at: u64, w: usize, client: u32, throttled: bool) {
    if let Some(guards) = &mut world.workloads.of_mut(w).guards {
        guards.hears(client, at, throttled);
    }
}

/// Schedules the client's next look, if none is scheduled that comes before.
pub fn plan_look(world: &mut World<'_>, at: u64, w: usize, client: u32) {
    let guards = world.workloads.of_mut(w).guards.as_mut();
    if let Some(look_at) = guards.and_then(|g| g.next_look(client, at)) {
        let class = world.actions[world.workloads.of(w).first_action()].first_class();
        world
            .calendar
            .push(look_at, RequestState::look(class, client));
    }
}
