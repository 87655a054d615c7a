//! Seconds in which jobs run: while all that may come surely fits, only what jobs and retries send is looked at, and the
//! new arrivals are not even laid out over the slots.
//!
//! How many requests a running job sends depends on the answers, so a whole second of it is never certified. A slot
//! is: a worker has one request under way at a time, and no answer comes sooner than the shortest latency. So in a slot
//! that refuses nobody a worker tries at most once more than that latency goes into it (module `state::job_demand`).

use crate::engine::calendar::SLOTS;
use crate::simulation::arrivals::spread;
use crate::simulation::slots::{begin_slot, count_slot};
use crate::simulation::state::drawn::DrawnWorkload;
use crate::simulation::totals::add_counted;
use crate::simulation::world::World;

/// Begins a second in which jobs run, if that can be told of it: what its new arrivals may ask for is set aside, and
/// only those of workloads that are looked at one by one are laid out over its slots.
pub fn begin_beside(world: &mut World<'_>) -> bool {
    let can = !world.options.simulate_all
        && world.workloads.most_of_jobs().is_some()
        && world.workloads.guarded().is_empty()
        && !world.workloads.have_waits()
        && !world.workloads.have_uploads()
        && !world.quotas.has_timed();
    if can {
        let counts = world.arrivals.drawn.counts();
        world.quotas.expect(world.arrivals.selection.calls(counts));
        world.quotas.weigh();
        spread(world, true);
    }
    can
}

/// Goes through the slots of such a second, which has been opened, as long as all that may come in the whole of it surely
/// fits; the new arrivals are counted in the end. Returns the first slot of which that is not sure, which has begun: then
/// all arrivals lie over the slots, and those before this one have been counted.
pub fn pass_beside(world: &mut World<'_>, second: u64) -> Option<usize> {
    for slot in 0..SLOTS {
        if world.options.is_cancelled() {
            return None;
        }
        // The first slot is asked whatever is in it: no other need hold anything, and the new arrivals come all the same.
        let has_begun = begin_slot(world, slot);
        if !has_begun && slot > 0 {
            continue;
        }
        if !fits(world, second, slot) {
            lay_out(world, slot);
            return Some(slot);
        }
        if has_begun {
            count_slot(world, slot, second);
        }
    }
    add_counted(world, second, false);
    for d in world.arrivals.drawn.workloads() {
        if !d.one_by_one {
            let counts = world.arrivals.drawn.counts_of(d);
            world.counters.count_all(d.first_action, counts);
        }
    }
    add_counted(world, second, true);
    None
}

/// Whether what may come in a slot, and all new arrivals that may come after it or were not looked at before, surely fit.
fn fits(world: &mut World<'_>, second: u64, slot: usize) -> bool {
    let quotas = &mut world.quotas;
    quotas.set_out(slot);
    let classes = &world.classes;
    for request in world.calendar.events_of_slot() {
        classes.for_each_asked(request.class, |q| quotas.of(q).expect_in_slot(slot, 1));
    }
    quotas.have_room_beside(second, slot, world.workloads.most_of_jobs())
}

/// Lays all of the second's arrivals out over its slots, and counts those before a slot that were not looked at.
fn lay_out(world: &mut World<'_>, until: usize) {
    world.quotas.weigh();
    spread(world, false);
    for slot in 0..until {
        for s in 0..world.arrivals.spread.splits() {
            let (split, n) = world.arrivals.spread.split_in(s, slot);
            count_passed(world, split.action as usize, u64::from(n));
        }
        while let Some((_, arrival)) = world.arrivals.spread.take_next(slot) {
            count_passed(world, arrival.action as usize, 1);
        }
    }
}

/// Counts new arrivals of a slot that is over, unless they were looked at.
fn count_passed(world: &mut World<'_>, action: usize, n: u64) {
    let drawn = &world.arrivals.drawn;
    let mut workloads = drawn.workloads().iter();
    let actions = |d: &DrawnWorkload| d.first_action..d.first_action + drawn.counts_of(d).len();
    let of = workloads.find(|d| actions(d).contains(&action));
    if n == 0 || of.is_none_or(|d| d.one_by_one) {
        return;
    }
    world.counters.count(action, n);
    for &(q, each) in world.actions[action].demand() {
        world.quotas.of(q).take_counted(n * each);
    }
}
