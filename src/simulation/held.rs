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
use crate::simulation::arrivals::pieces;
use crate::simulation::state::drawn::ArrivalPiece;
use crate::simulation::state::held::HeldSecond;
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
                let q = world.quotas.timed()[i];
                let instants = instants(world, world.held.second(s), i, q);
                world.quotas.of(q).replay(&instants, until);
            }
        }
        if from == 0 {
            break;
        }
        back *= 2;
    }
    world.held.release();
}

/// The instants at which a counted second took from a quota, in order.
fn instants(world: &World<'_>, held: &HeldSecond, i: usize, q: usize) -> Vec<u64> {
    let mut instants = held.taken(i).to_vec();
    let drawn = held.drawn();
    let start = drawn.second() * SECOND;
    for d in drawn.workloads() {
        // Whatever was looked at one by one has been written down, but for what was split and
        // has no memory: that was counted slot by slot.
        if d.has_memory {
            continue;
        }
        pieces(world, drawn, d, |piece| match piece {
            ArrivalPiece::One(at, arrival) => {
                if !d.one_by_one {
                    let each = world.actions[arrival.action as usize].demand_of(q);
                    instants.extend(std::iter::repeat_n(start + at, each as usize));
                }
            }
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                let each = world.actions[action].demand_of(q);
                if each > 0 {
                    density.arrivals(n, drawn.second(), key, |at, _, _| {
                        instants.extend(std::iter::repeat_n(start + at, each as usize));
                    });
                }
            }
        });
    }
    instants.sort_unstable();
    instants
}
