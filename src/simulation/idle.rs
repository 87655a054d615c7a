//! Seconds in which nothing can happen are passed over: no arrival, no event, no job that starts. They leave no trace in
//! what is counted, so ten years with a request a day take as long as their requests and a look at each second's number.

use crate::engine::SECOND;
use crate::model::Kind;
use crate::simulation::world::World;

/// Most seconds that are passed over at once, so that whoever wants to stop the simulation need not wait.
const MOST_AT_ONCE: u64 = 1 << 20;

/// The first second from `second` on in which something may happen; those before it count as counted.
pub fn pass_over(world: &mut World<'_>, second: u64) -> u64 {
    if world.options.simulate_all || !world.idle.may_begin(second) {
        return second;
    }
    let end = world.plan.horizon_s.min(second + MOST_AT_ONCE);
    let next = next_eventful(world, second, end);
    world.idle.found(second, next);
    world.counters.record().seconds_counted += next - second;
    next
}

/// The first of the seconds `second..end` in which something may happen; `end` if none is known.
fn next_eventful(world: &mut World<'_>, second: u64, end: u64) -> u64 {
    // What holds requests back remembers every second. Bounds of a quota's state are held by the second.
    if !world.workloads.guarded().is_empty() || !world.quotas.are_exact() {
        return second;
    }
    let mut next = world.calendar.next_second().map_or(end, |s| s.min(end));
    for &w in world.workloads.jobs() {
        next = next_start(world, w, second).map_or(next, |s| s.min(next));
    }
    for &w in world.workloads.followed() {
        let state = world.workloads.of(w);
        if !state.is_done() {
            next = next.min(state.arriving.active().end);
        }
    }
    for i in 0..world.workloads.open().len() {
        if next <= second {
            return second;
        }
        let w = world.workloads.open()[i];
        let kind = &world.plan.workloads[w].kind;
        let state = world.workloads.of_mut(w);
        let first = state.first_action();
        next = state
            .arriving
            .next_arrivals(second..next, kind, &world.actions[first..]);
    }
    next.max(second)
}

/// The first second from `second` on in which a job starts by itself.
fn next_start(world: &World<'_>, w: usize, second: u64) -> Option<u64> {
    let workload = &world.plan.workloads[w];
    let Kind::Job { start, every, .. } = workload.kind else {
        return None;
    };
    if workload.after.is_some() {
        return None;
    }
    let first = start / SECOND;
    match second.checked_sub(first) {
        None | Some(0) => Some(first),
        Some(since) => every.map(|every| first + since.div_ceil(every) * every),
    }
}
