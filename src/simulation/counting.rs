//! Certified seconds: counted, but for what is looked at one by one.

use crate::engine::calendar::SLOTS;
use crate::simulation::arrivals::spread;
use crate::simulation::held::{begin_held, end_held};
use crate::simulation::misses::draw_misses;
use crate::simulation::rehearsal::keep;
use crate::simulation::slots::{begin_slot, count_slot};
use crate::simulation::totals::add_counted;
use crate::simulation::world::World;

/// A certified second: counted, but for what is looked at one by one. Whether anything was.
pub fn quiet(world: &mut World<'_>, second: u64) -> bool {
    world.counters.record().seconds_counted += 1;
    if world.quotas.has_timed() {
        begin_held(world, second);
    }
    world.quotas.stop_weighing();
    draw_misses(world, second);
    let mut one_by_one = world.calendar.len_of(second) > 0;
    let memory = world
        .arrivals
        .drawn
        .workloads()
        .iter()
        .any(|d| d.has_memory || d.one_by_one);
    if !one_by_one && !memory && !world.quotas.has_timed() {
        count_second(world, second);
        return false;
    }
    for d in world.arrivals.drawn.workloads() {
        if d.one_by_one {
            one_by_one = true;
        } else {
            let counts = world.arrivals.drawn.counts_of(d);
            world.counters.count_all(d.first_action, counts);
        }
    }
    add_counted(world, second, true);
    if one_by_one {
        spread(world, true);
        world.calendar.open(second);
        for slot in 0..SLOTS {
            if world.options.is_cancelled() {
                return true;
            }
            if begin_slot(world, slot) {
                count_slot(world, slot, second);
            }
        }
        add_counted(world, second, false);
    }
    if world.quotas.has_timed() {
        end_held(world, second);
    }
    true
}

/// Counts a second in which nothing is looked at: its new arrivals, and nothing else.
fn count_second(world: &mut World<'_>, second: u64) {
    let (selection, drawn) = (&world.arrivals.selection, &world.arrivals.drawn);
    world.counters.count_second(second, selection, drawn);
    world.quotas.take_arriving();
    keep(world, second);
}
