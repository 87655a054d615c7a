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
use crate::simulation::state::held::{HeldSecond, MOST_COUNTS, MOST_HELD};
use crate::simulation::world::World;

/// Begins a second that [`World::certify_timed`] has certified.
pub fn begin_held(world: &mut World<'_>, second: u64) {
    let mut held = world.held.spare.pop().unwrap_or_default();
    held.quotas.clear();
    for i in 0..world.quotas.timed().len() {
        let q = world.quotas.timed()[i];
        // What a cache or a client may keep back is counted too.
        let at_most = world.workloads.has_memory;
        let known = world.quotas.of(q).begin_counted(second, at_most);
        held.quotas.push((known, Vec::new()));
    }
    world.held.seconds.push_back(held);
}

/// Ends it.
pub fn end_held(world: &mut World<'_>, second: u64) {
    let mut exact = true;
    if let Some(held) = world.held.seconds.back_mut() {
        for (i, (_, taken)) in held.quotas.iter_mut().enumerate() {
            let q = world.quotas.timed()[i];
            let quota = world.quotas.of(q);
            *taken = quota.end_counted();
            exact &= quota.is_exact();
        }
        std::mem::swap(&mut held.drawn, &mut world.arrivals.drawn);
    }
    let seconds = world.held.seconds.len();
    if exact {
        release_held(world);
    } else if seconds >= MOST_HELD || seconds * world.actions.len() >= MOST_COUNTS {
        recover(world, second + 1);
    }
}

fn release_held(world: &mut World<'_>) {
    world.held.spare.extend(world.held.seconds.drain(..));
}

/// Finds the exact state of these quotas at the start of `second`.
pub fn recover(world: &mut World<'_>, second: u64) {
    let len = world.held.seconds.len();
    let mut back = 1;
    while !world.quotas.are_exact() {
        let from = len.saturating_sub(back);
        for i in 0..world.quotas.timed().len() {
            let q = world.quotas.timed()[i];
            let known = world.held.seconds[from].quotas[i].0;
            world.quotas.of(q).restore(&known);
        }
        for s in from..len {
            // Up to a thousand seconds may have to be drawn again.
            if world.options.is_cancelled() {
                return;
            }
            let next = world.held.seconds.get(s + 1);
            let until = next.map_or(second, |h| h.drawn.second) * SECOND;
            for i in 0..world.quotas.timed().len() {
                let q = world.quotas.timed()[i];
                let instants = instants(world, &world.held.seconds[s], i, q);
                world.quotas.of(q).replay(&instants, until);
            }
        }
        if from == 0 {
            break;
        }
        back *= 2;
    }
    release_held(world);
}

/// The instants at which a counted second took from a quota, in order.
fn instants(world: &World<'_>, held: &HeldSecond, i: usize, q: usize) -> Vec<u64> {
    let mut instants = held.quotas[i].1.clone();
    let start = held.drawn.second * SECOND;
    for d in &held.drawn.workloads {
        // Whatever was looked at one by one has been written down, but for what was split and
        // has no memory: that was counted slot by slot.
        if d.has_memory {
            continue;
        }
        pieces(world, &held.drawn, d, |piece| match piece {
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
                    density.arrivals(n, held.drawn.second, key, |at, _, _| {
                        instants.extend(std::iter::repeat_n(start + at, each as usize));
                    });
                }
            }
        });
    }
    instants.sort_unstable();
    instants
}
