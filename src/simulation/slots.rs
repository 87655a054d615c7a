//! The slots of a second: what lies in one of them, counted or in order.

use crate::engine::SECOND;
use crate::engine::calendar::Scheduled;
use crate::model::arrivals::{in_slot, keys_in_slot};
use crate::simulation::arrivals::requests_of;
use crate::simulation::offer::{offer, offer_next, win};
use crate::simulation::state::action::ActionState;
use crate::simulation::state::class::Classes;
use crate::simulation::state::counters::Counters;
use crate::simulation::state::request::RequestState;
use crate::simulation::state::spread::Split;
use crate::simulation::world::World;

/// Begins a slot of the second, all in turn, unless it holds nothing.
pub fn begin_slot(world: &mut World<'_>, slot: usize) -> bool {
    world.calendar.begin_slot(slot) || world.arrivals.spread.occupies(slot)
}

/// A slot in which all are admitted.
pub fn count_slot(world: &mut World<'_>, slot: usize, second: u64) {
    for s in 0..world.arrivals.spread.splits() {
        let (split, n) = world.arrivals.spread.split_in(s, slot);
        let n = u64::from(n);
        let state = world.workloads.of(split.workload as usize);
        if n == 0 || state.has_memory() {
            continue;
        }
        // Asked for each slot: a client may have paid for a retry in this very second.
        if state.retries.has_debts() {
            refund_slot(world, split, slot, n);
        }
        let action = split.action as usize;
        world.counters.count(action, n);
        for &(q, each) in world.actions[action].demand() {
            world.quotas.of(q).take_counted(n * each);
        }
    }
    // Objects go to the workers that are free first.
    if world.workloads.have_memory() || world.workloads.jobs_run() {
        in_order(world, slot, true);
    } else {
        // Listed arrivals and retries: all are admitted, so their order does not matter.
        match world.quotas.sole().filter(|_| !world.quotas.has_timed()) {
            Some(q) => win_slot(world, slot, second, q),
            None => any_listed(world, slot, second, win),
        }
    }
}

/// What of a slot was listed or scheduled, where one fixed window decides and admits all.
fn win_slot(world: &mut World<'_>, slot: usize, second: u64, quota: usize) {
    each_listed(world, slot, second, win);
    let (classes, workloads, warm_up) = (
        &mut world.classes,
        &mut world.workloads,
        world.counters.warm_up(),
    );
    let mut won = 0;
    // No jobs run where one quota decides about all attempts.
    world.calendar.take_all(|_, at, request| {
        let class = classes.of_mut(request.class);
        let state = workloads.of_mut(class.workload());
        class.ends_well(state, warm_up, at, request);
        won += 1;
    });
    let quota = world.quotas.of(quota);
    quota.count(won);
    quota.take_counted(won);
}

/// A slot call by call in order of time. `memory_only`: of those workloads, the
/// rest of it having been counted.
pub fn in_order(world: &mut World<'_>, slot: usize, memory_only: bool) {
    if world.arrivals.spread.is_streamed() {
        return as_they_come(world, slot, memory_only);
    }
    add_new(world, slot, memory_only, false);
    while let Some(place) = world.calendar.take_next() {
        offer_next(world, place);
    }
}

/// The same where too many arrivals come to be held at once: each is offered when it comes, after all that the
/// calendar holds up to its instant.
fn as_they_come(world: &mut World<'_>, slot: usize, memory_only: bool) {
    add_splits(world, slot, memory_only, false);
    while let Some((at, arrival)) = world.arrivals.spread.take_next(slot) {
        let at = world.arrivals.drawn.second() * SECOND + at;
        requests_of(world, at, &arrival, |world, request| {
            while let Some(place) = world.calendar.take_next_until(at) {
                offer_next(world, place);
            }
            offer(world, at, &request);
        });
    }
    while let Some(place) = world.calendar.take_next() {
        offer_next(world, place);
    }
}

/// Adds the new arrivals of a slot to what the calendar holds for it. `memory_only`: of those workloads.
/// `count`: their requests are counted here, not with their first attempts, and those that ask nobody
/// are not added at all.
#[inline(always)]
pub fn add_new(world: &mut World<'_>, slot: usize, memory_only: bool, count: bool) {
    add_splits(world, slot, memory_only, count);
    let base = world.arrivals.drawn.second() * SECOND;
    while let Some((at, arrival)) = world.arrivals.spread.take_next(slot) {
        let action = &world.actions[arrival.action as usize];
        if count
            && count_new(
                action,
                arrival.action,
                1,
                base,
                &mut world.classes,
                &mut world.counters,
            )
        {
            continue;
        }
        let calendar = &mut world.calendar;
        action.requests_of(base + at, &arrival, |r| calendar.add_new(base + at, r));
    }
}

/// Does so with those that are split.
#[inline(always)]
fn add_splits(world: &mut World<'_>, slot: usize, memory_only: bool, count: bool) {
    if memory_only && !world.workloads.have_memory() {
        return;
    }
    let base = world.arrivals.drawn.second() * SECOND;
    let (classes, counters) = (&mut world.classes, &mut world.counters);
    let calendar = &mut world.calendar;
    for (split, n) in world.arrivals.spread.splits_in(slot) {
        if n == 0 || (memory_only && !world.workloads.of(split.workload as usize).has_memory()) {
            continue;
        }
        let action = &world.actions[split.action as usize];
        if count && count_new(action, split.action, u64::from(n), base, classes, counters) {
            continue;
        }
        in_slot(split.key, slot, n, |at, index, key| {
            let arrival = split.arrival(index, key);
            action.requests_of(base + at, &arrival, |r| calendar.add_new(base + at, r));
        });
    }
}

/// Counts `n` new arrivals of an action in a second that starts at `base`; whether they ask nobody, and so are done.
#[inline(always)]
fn count_new(
    action: &ActionState,
    index: u32,
    n: u64,
    base: u64,
    classes: &mut Classes,
    counters: &mut Counters,
) -> bool {
    if action.demand().is_empty() {
        counters.count(index as usize, n);
        return true;
    }
    let in_warm_up = counters.in_warm_up(base);
    action
        .classes()
        .for_each(|c| classes.of_mut(c).tally(in_warm_up).request(n));
    false
}

/// Gives the clients of a slot's admitted arrivals back what their successes earn.
fn refund_slot(world: &mut World<'_>, split: Split, slot: usize, n: u64) {
    let earning = world.actions[split.action as usize].earning();
    let state = world.workloads.of_mut(split.workload as usize);
    let arrivals = keys_in_slot(split.key, slot, n as u32);
    state.retries.refund_firsts(arrivals, earning);
}

/// Takes what of a slot was listed.
#[inline(always)]
fn each_listed(
    world: &mut World<'_>,
    slot: usize,
    second: u64,
    mut on: impl FnMut(&mut World<'_>, u64, &RequestState),
) {
    while let Some((at, arrival)) = world.arrivals.spread.take_next(slot) {
        let at = second * SECOND + at;
        requests_of(world, at, &arrival, |world, request| {
            on(world, at, &request)
        });
    }
}

/// Takes what of a slot was listed or scheduled, in no order.
#[inline(always)]
pub fn any_listed(
    world: &mut World<'_>,
    slot: usize,
    second: u64,
    mut on: impl FnMut(&mut World<'_>, u64, &RequestState),
) {
    each_listed(world, slot, second, &mut on);
    while let Some(place) = world.calendar.take_any() {
        let Scheduled { at, event } = world.calendar.entry(place);
        on(world, at, &event);
    }
}
