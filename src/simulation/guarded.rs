//! Clients that hold back what they send: the adaptive mode's rate limiter, circuit breakers.
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
//! While they are followed, or in use, such workloads are looked at in order of time.

use crate::engine::SECOND;
use crate::model::retry::{ClientRateLimiter, RateLimiterRules, SendQueue};
use crate::simulation::arrivals::pieces;
use crate::simulation::state::drawn::{ArrivalPiece, DrawnSecond};
use crate::simulation::state::guards::{MayCall, PacedClient, seconds};
use crate::simulation::state::request::{Purpose, RequestState, RequestStep};
use crate::simulation::world::World;

/// Before the arrivals of `second` are drawn: which guarded workloads are looked at in order.
pub fn order_guarded(world: &mut World<'_>, contended: bool) {
    if world.workloads.guarded.is_empty() {
        return;
    }
    for i in 0..world.workloads.guarded.len() {
        let state = &mut world.workloads.all[world.workloads.guarded[i]];
        if let Some(guards) = &state.guards {
            state.has_memory = contended || guards.in_order();
        }
    }
    let mut here = world.workloads.open.iter().chain(&world.workloads.jobs);
    world.workloads.has_memory = here.any(|&w| world.workloads.all[w].has_memory);
}

/// Keeps what the second has drawn of workloads that are not followed yet.
pub fn remember(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.guarded.len() {
        let w = world.workloads.guarded[i];
        let clients = u64::from(world.plan.workloads[w].clients);
        let state = &mut world.workloads.all[w];
        let Some(guards) = &mut state.guards else {
            continue;
        };
        if guards.limiter.is_none() || guards.is_followed() {
            continue;
        }
        if !guards.at_calls {
            if let Some(drawn) = world.arrivals.drawn.only(w) {
                guards.past.push(drawn, clients);
            }
        } else if state.active.contains(&second) {
            follow(world, w, second * SECOND);
        }
    }
}

/// Whether attempts may be sent in other parts of a second than those in which they are counted.
pub fn is_paced(world: &World<'_>) -> bool {
    world.workloads.guarded.iter().any(|&w| {
        let state = &world.workloads.all[w];
        let is_on = state.guards.as_ref().is_some_and(|g| g.is_on);
        is_on && (!state.is_job || state.job.active_workers > 0)
    })
}

/// The clients of a workload are followed from `at` on, where one of them is throttled or a job starts.
pub fn follow(world: &mut World<'_>, w: usize, at: u64) {
    let state = &mut world.workloads.all[w];
    let Some(guards) = &mut state.guards else {
        return;
    };
    if guards.limiter.is_none() || guards.is_followed() {
        return;
    }
    let past = std::mem::take(&mut guards.past);
    let made = if state.is_job {
        at
    } else {
        state.active.start * SECOND
    };
    let oldest = past.seconds.front().map_or(at, |d| d.second * SECOND);
    guards.made = seconds(made);
    guards.known_from = seconds(made.max(oldest));
    guards.clients = (0..world.plan.workloads[w].clients).map(|_| None).collect();
    let mut answers = Vec::new();
    for drawn in &past.seconds {
        if world.options.is_cancelled() {
            return;
        }
        answers_of(world, w, at, drawn, &mut answers);
        answers.sort_unstable();
        let end = ((drawn.second + 1) * SECOND).min(at + 1);
        let heard = answers.partition_point(|&(answered, _)| answered < end);
        for (answered, request) in answers.drain(..heard) {
            let client = world.workloads.all[w].client(&request);
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
    let base = drawn.second * SECOND;
    let mut add = |when: u64, action: u32, index: u32, copy: u32, key| {
        let sent = base + when;
        if sent >= at {
            return;
        }
        let state = &world.actions[action as usize];
        let one = [state.class];
        let parts = if state.parts.is_empty() {
            &one[..]
        } else {
            &state.parts
        };
        for (part, &class) in parts.iter().enumerate() {
            let mut request = RequestState::new(sent, class, index, copy, part as u16, key);
            request.step = RequestStep::Succeeded;
            let calls = world.classes.of(class).kms_steps().len();
            answers.push((sent + world.service(&request, calls), request));
        }
    };
    for d in drawn.workloads.iter().filter(|d| d.workload == w) {
        pieces(world, drawn, d, |piece| match piece {
            ArrivalPiece::One(when, a) => add(when, a.action, a.index, a.copy, a.key),
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                density.arrivals(n, drawn.second, key, |when, index, key| {
                    add(when, action as u32, index, 0, key);
                });
            }
        });
    }
}

/// Whether a need of a request may be called for now, where calls alone pass the client.
pub fn may_call(world: &mut World<'_>, at: u64, request: &mut RequestState, w: usize) -> MayCall {
    let granted = std::mem::take(&mut request.step) == RequestStep::Granted;
    let guards = world.workloads.all[w].guards.as_ref();
    if granted || guards.is_none_or(|g| !g.at_calls) {
        MayCall::Now
    } else {
        asks_client(world, at, request, w)
    }
}

/// What a request's client says to an attempt; a token is taken if there is one.
pub fn asks_client(world: &mut World<'_>, at: u64, request: &RequestState, w: usize) -> MayCall {
    let client = world.workloads.all[w].client(request);
    let state = &mut world.workloads.all[w];
    let Some(guards) = &mut state.guards else {
        return MayCall::Now;
    };
    if let Some(breakers) = &guards.breakers
        && !breakers.allows(client, at, request.throttled > 0)
    {
        return MayCall::Never;
    }
    if !guards.is_followed() || !state.retry.policy.is_paced(request.throttled) {
        return MayCall::Now;
    }
    let now = seconds(at);
    let wait = with_queue(world, w, client, |_, _, limiter| {
        limiter.take(now, 1.0).err()
    });
    wait.map_or(MayCall::Now, MayCall::Later)
}

/// An attempt waits for a token.
pub fn hold_back(world: &mut World<'_>, at: u64, wait: f64, mut request: RequestState, w: usize) {
    let client = world.workloads.all[w].client(&request);
    let state = &mut world.workloads.all[w];
    state.waiting += u64::from(!request.is_waiting());
    request.hold_back();
    if let Some(guards) = &mut state.guards {
        guards.waiting += 1;
    }
    let wake_at = seconds(at) + wait;
    with_queue(world, w, client, |_, queue, _| {
        queue.push(wake_at, request);
        Some(())
    });
    plan_look(world, at, w, client);
}

/// An attempt was throttled at `at`. Whether its client decides only when it hears of it.
pub fn guards_throttled(
    world: &mut World<'_>,
    at: u64,
    mut request: RequestState,
    w: usize,
) -> bool {
    if world.workloads.all[w].guards.is_none() {
        return false;
    }
    follow(world, w, at);
    let was_waiting = request.is_waiting();
    request.throttled += 1;
    let latency = &world.plan.throttled_latency;
    let n = request.throttled;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
    let client = world.workloads.all[w].client(&request);
    let state = &mut world.workloads.all[w];
    let Some(guards) = &mut state.guards else {
        return false;
    };
    if let Some(breakers) = &mut guards.breakers {
        breakers.ended(client, at, Some(answered));
    }
    let followed = guards.is_followed();
    if followed {
        guards.is_on = true;
        state.waiting += u64::from(!was_waiting);
        request.step = RequestStep::Throttled;
        world.calendar.push(answered, request);
        // From now on attempts are sent in other slots than those in which they are weighed.
        world.quotas.stop_weighing();
    }
    followed
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
    let client = world.workloads.all[w].client(request);
    let Some(guards) = &mut world.workloads.all[w].guards else {
        return false;
    };
    if guards.at_calls && calls == 0 {
        return false;
    }
    if let Some(breakers) = &mut guards.breakers
        && !breakers.all_closed()
    {
        breakers.ended(client, at, None);
    }
    let followed = guards.is_followed();
    if followed {
        let mut answer = *request;
        answer.step = RequestStep::Succeeded;
        world.calendar.push(answered(world), answer);
    }
    followed
}

/// A client's limiter counts an answer.
pub fn hears(world: &mut World<'_>, at: u64, w: usize, client: u32, throttled: bool) {
    if let Some(guards) = &mut world.workloads.all[w].guards
        && let Some(rules) = guards.limiter
    {
        let limiter = &mut guards.client(&rules, client).limiter;
        limiter.answered(&rules, seconds(at), throttled);
    }
}

pub fn with_queue<T>(
    world: &mut World<'_>,
    w: usize,
    client: u32,
    f: impl FnOnce(&RateLimiterRules, &mut SendQueue<RequestState>, &mut ClientRateLimiter) -> Option<T>,
) -> Option<T> {
    let guards = world.workloads.all[w].guards.as_mut()?;
    let rules = guards.limiter?;
    let PacedClient { limiter, queue } = guards.client(&rules, client);
    f(&rules, queue, limiter)
}

/// Schedules the client's next look, if none is scheduled that comes before.
pub fn plan_look(world: &mut World<'_>, at: u64, w: usize, client: u32) {
    if let Some(when) = with_queue(world, w, client, |_, queue, _| queue.next_look()) {
        let class = world.actions[world.workloads.all[w].first_action].class;
        let ns = (when * SECOND as f64).ceil() as u64;
        world
            .calendar
            .push(ns.max(at + 1), RequestState::look(class, client));
    }
}
