//! Counted seconds of quotas whose state depends on instants: token buckets and sliding windows.
//!
//! Such a quota certifies a second by bounds of its state. To prove that everything is admitted it
//! needs no instants, only how the second's attempts spread over equal parts of it, and the parts
//! may be as coarse as the proof allows. Counting then leaves bounds of the state behind, not the
//! state. The seconds are held until a contended second asks for the state: it is found by going
//! back one second, two, four, … and showing the limiter the instants since then, drawn again from
//! their keys, until its bounds meet. At the first second held the state was exact, so they meet at
//! the latest there, and no digit depends on what was counted.

use crate::engine::SECOND;
use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::model::arrivals::in_slot;
use crate::simulation::arrivals::pieces;
use crate::simulation::state::held::HeldSecond;
use crate::simulation::state::piece::ArrivalPiece;
use crate::simulation::state::spread::Spread;
use crate::simulation::world::World;

/// Begins a second that is certified.
pub fn begin_held(world: &mut World<'_>, second: u64) {
    // What a cache or a client may keep back is counted too.
    let at_most = world.workloads.have_memory();
    let held = world.held.begin();
    world
        .quotas
        .for_each_timed(|_, quota| held.know(quota.begin_counted(second, at_most)));
}

/// Ends it.
pub fn end_held(world: &mut World<'_>, second: u64) {
    if let Some(held) = world.held.last() {
        world
            .quotas
            .for_each_timed(|i, quota| held.take(i, quota.end_counted()));
        held.keep(&mut world.arrivals.drawn);
    }
    if world.quotas.are_exact() {
        world.held.release();
    } else if world.held.is_full(world.actions.len()) {
        recover(world, second + 1);
    }
}

/// Finds the exact state of these quotas at the start of `second`.
pub fn recover(world: &mut World<'_>, second: u64) {
    let len = world.held.len();
    let mut back = 1;
    while !world.quotas.are_exact() {
        let from = len.saturating_sub(back);
        let oldest = world.held.second(from);
        world
            .quotas
            .for_each_timed(|i, quota| quota.restore(oldest.known(i)));
        for s in from..len {
            // Up to a thousand seconds may have to be drawn again.
            if world.options.is_cancelled() {
                return;
            }
            let until = world.held.end_of(s, second);
            for i in 0..world.quotas.timed().len() {
                replay(world, s, i, until);
            }
        }
        if from == 0 {
            break;
        }
        back *= 2;
    }
    world.held.release();
}

/// Most instants that are shown to a limiter at once.
const MOST_AT_ONCE: usize = 1 << 18;

/// Shows a limiter the instants at which a counted second took from it, in order: slot by slot, so that they are
/// never all in memory where they are many.
fn replay(world: &mut World<'_>, s: usize, i: usize, until: u64) {
    let q = world.quotas.timed()[i];
    let held = world.held.second(s);
    let mut spread = instants(world, held, q);
    let mut taken = held.taken(i).to_vec();
    taken.sort_unstable();
    let mut taken = taken.as_slice();
    let start = held.drawn().second() * SECOND;
    let mut instants = Vec::new();
    for slot in 0..SLOTS {
        let end = start + (slot as u64 + 1) * SLOT_NS;
        let first = instants.len();
        let (of_slot, later) = taken.split_at(taken.partition_point(|&at| at < end));
        instants.extend_from_slice(of_slot);
        taken = later;
        let mut add = |action: u32, at: u64| {
            let each = world.actions[action as usize].demand_of(q);
            instants.extend(std::iter::repeat_n(start + at, each as usize));
        };
        if spread.occupies(slot) {
            for (split, n) in spread.splits_in(slot) {
                in_slot(split.key, slot, n, |at, _, _| add(split.action, at));
            }
            while let Some((at, arrival)) = spread.take_next(slot) {
                add(arrival.action, at);
            }
        }
        instants[first..].sort_unstable();
        if instants.len() >= MOST_AT_ONCE {
            world.quotas.of(q).replay(&instants, end);
            instants.clear();
        }
    }
    instants.extend_from_slice(taken);
    world.quotas.of(q).replay(&instants, until);
}

/// The arrivals of a counted second that took from a quota unseen, laid out over its slots.
fn instants(world: &World<'_>, held: &HeldSecond, q: usize) -> Spread {
    let mut spread = world.arrivals.spread.emptied();
    let drawn = held.drawn();
    for d in drawn.workloads() {
        // Whatever was looked at one by one has been written down, but for what was split and
        // has no memory: that was counted slot by slot.
        if d.has_memory {
            continue;
        }
        pieces(world, drawn, d, |piece| match piece {
            ArrivalPiece::One(at, arrival) => {
                if !d.one_by_one {
                    spread.list(at, arrival);
                }
            }
            ArrivalPiece::Evenly(arrivals) => {
                if !d.one_by_one {
                    spread.spread_evenly(arrivals);
                }
            }
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                if world.actions[action].demand_of(q) > 0 {
                    let of = (drawn.second(), action, d.workload);
                    spread.split(of, n, (key, density), None);
                }
            }
        });
    }
    spread.close();
    spread
}
