//! The arrivals of one second: their counts, and where they lie when somebody has to know.

use crate::model::Kind;
use crate::model::arrivals::{ArrivalProcess, Density};
use crate::simulation::state::drawn::{Arrival, ArrivalPiece, DrawnSecond, DrawnWorkload};
use crate::simulation::state::request::{Purpose, RequestState};
use crate::simulation::state::spread::{POSITION, POSITION_BITS, Split, Spread, slot_of};
use crate::simulation::world::World;

/// How many arrivals of each action the second has.
pub fn draw(world: &mut World<'_>, second: u64) {
    world.arrivals.drawn.second = second;
    world.arrivals.undrawn = second + 1;
    if second >= world.plan.horizon_s {
        world.arrivals.selection.clear();
        return world.arrivals.drawn.clear();
    }
    if second >= world.arrivals.selection.until {
        world.arrivals.selection.number += 1;
        let ranges = world
            .workloads
            .open
            .iter()
            .map(|&w| &world.workloads.all[w].active);
        let changes = ranges.flat_map(|active| [active.start, active.end]);
        world.arrivals.selection.until =
            changes.filter(|&at| at > second).min().unwrap_or(u64::MAX);
        world.arrivals.selection.clear();
    }
    if world.arrivals.drawn.selection != world.arrivals.selection.number {
        select(world, second);
    }
    let drawn = &mut world.arrivals.drawn;
    for d in &mut drawn.workloads {
        let state = &mut world.workloads.all[d.workload];
        d.has_memory = state.has_memory;
        d.one_by_one = state.has_memory || state.retries.has_debts();
        let counts = &mut drawn.counts[d.first..d.first + d.actions];
        let Some(arrivals) = &mut state.arrivals else {
            counts.fill(0);
            if let Kind::Trace {
                trace,
                actions,
                start,
                ..
            } = &world.plan.workloads[d.workload].kind
            {
                let mix = state.trace_key.with(Purpose::Action as u64).with(second);
                trace.of_second(second - start, state.trace_key, |ordinal, _, row| {
                    let row = &trace.recording.rows[row];
                    counts[actions.action_of(row, mix.with(ordinal).unit(), &state.sums)] += 1;
                });
            }
            continue;
        };
        let (mean, density) = arrivals.of_second(second);
        let is_random = density.is_random();
        d.density = Some(density);
        if is_random {
            let actions = &world.actions[d.first_action..d.first_action + d.actions];
            let shares = actions.iter().zip(&state.shares);
            for (n, (action, share)) in counts.iter_mut().zip(shares) {
                *n = action.key.with(second).stream().poisson(mean * share);
            }
        } else {
            let mut stream = state.arrivals_key.with(second).stream();
            stream.multinomial(mean as u64, &state.shares, &mut drawn.multinomial);
            counts.copy_from_slice(&drawn.multinomial);
        }
    }
}

/// Lists the workloads that are active in a second.
fn select(world: &mut World<'_>, second: u64) {
    let (drawn, selection) = (&mut world.arrivals.drawn, &mut world.arrivals.selection);
    drawn.clear();
    drawn.selection = selection.number;
    let is_known = !selection.actions.is_empty();
    for &w in &world.workloads.open {
        let state = &world.workloads.all[w];
        if !state.active.contains(&second) {
            continue;
        }
        let (first, first_action) = (drawn.counts.len(), state.first_action);
        let actions = world.plan.workloads[w].actions.len();
        for a in first_action..first_action + actions {
            let count = drawn.counts.len() as u32;
            drawn.counts.push(0);
            if !is_known {
                selection.actions.push(a as u32);
                let demand = world.actions[a].demand.iter();
                let asked = demand.map(|&(q, each)| (count, q as u32, each));
                selection.demand.extend(asked);
            }
        }
        drawn.workloads.push(DrawnWorkload {
            workload: w,
            first,
            first_action,
            actions,
            has_memory: false,
            one_by_one: false,
            density: None,
        });
    }
}

/// The arrivals of one of a second's workloads: the few, and those that have instants of their
/// own, one by one.
pub fn pieces<'d>(
    world: &World<'_>,
    drawn: &'d DrawnSecond,
    d: &'d DrawnWorkload,
    mut on: impl FnMut(ArrivalPiece<'d>),
) {
    let (w, second) = (d.workload, drawn.second);
    let state = &world.workloads.all[w];
    if let Kind::Trace {
        trace,
        actions,
        start,
        ..
    } = &world.plan.workloads[w].kind
    {
        let mix = state.trace_key.with(Purpose::Action as u64).with(second);
        trace.of_second(second - start, state.trace_key, |ordinal, at, row| {
            let draw = mix.with(ordinal).unit();
            let action = actions.action_of(&trace.recording.rows[row], draw, &state.sums);
            let action = d.first_action + action;
            let arrival = Arrival {
                action: action as u32,
                index: row as u32,
                copy: ordinal as u32,
                key: world.actions[action].key.with(second).with(ordinal),
            };
            on(ArrivalPiece::One(at, arrival));
        });
    }
    let Some(density) = &d.density else {
        return;
    };
    if let Density::Even { .. } = density {
        // Which action each of the evenly spaced arrivals is: drawn without putting back.
        let mut left = drawn.counts[d.first..d.first + d.actions].to_vec();
        let mut total: u64 = left.iter().sum();
        let key = state.arrivals_key.with(second);
        let mut stream = key.with(Purpose::Action as u64).stream();
        density.list(total, second, key, |at, index, key| {
            let mut pick = if left.len() > 1 {
                stream.below(total)
            } else {
                0
            };
            let action = left.iter().position(|&n| {
                let here = pick < n;
                pick = pick.saturating_sub(n);
                here
            });
            let action = action.unwrap_or(0);
            left[action] -= 1;
            total -= 1;
            let arrival = Arrival {
                action: (d.first_action + action) as u32,
                index,
                copy: 0,
                key,
            };
            on(ArrivalPiece::One(at, arrival));
        });
        return;
    }
    for (action, n) in drawn.of(d) {
        let key = world.actions[action].key.with(second);
        if density.is_listed(n) {
            density.list(n, second, key, |at, index, key| {
                let arrival = Arrival {
                    action: action as u32,
                    index,
                    copy: 0,
                    key,
                };
                on(ArrivalPiece::One(at, arrival));
            });
        } else {
            on(ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            });
        }
    }
}

/// Lays the second's arrivals out over its slots. `only_one_by_one`: of those workloads only.
pub fn spread(world: &mut World<'_>, only_one_by_one: bool) {
    let mut spread = std::mem::take(&mut world.arrivals.spread);
    spread.clear();
    for d in &world.arrivals.drawn.workloads {
        if only_one_by_one && !d.one_by_one {
            continue;
        }
        pieces(world, &world.arrivals.drawn, d, |piece| match piece {
            ArrivalPiece::One(at, arrival) => spread.list(at, arrival),
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                let counts = spread.slot_counts.len();
                density.split(n, key, &mut spread.slot_counts);
                spread.splits.push(Split {
                    action: action as u32,
                    workload: d.workload as u32,
                    key,
                    counts,
                });
            }
        });
    }
    spread.listed.sort_unstable();
    for i in 0..spread.splits.len() {
        spread.mark(i);
    }
    if world.quotas.are_weighed() {
        weigh(world, &spread);
    }
    world.arrivals.spread = spread;
}

/// Adds what the arrivals may ask for to the demand of each slot.
fn weigh(world: &mut World<'_>, spread: &Spread) {
    for &listed in &spread.listed {
        let slot = slot_of(listed >> POSITION_BITS);
        let arrival = spread.listed_arrivals[(listed & POSITION) as usize];
        for &(q, each) in &world.actions[arrival.action as usize].demand {
            world.quotas.of(q).expect_in_slot(slot, each as u32);
        }
    }
    for split in &spread.splits {
        for &(q, each) in &world.actions[split.action as usize].demand {
            let counts = spread.counts_of(split);
            world.quotas.of(q).expect_in_slots(counts, each as u32);
        }
    }
}

/// The requests of an arrival, one after another.
#[inline(always)]
pub fn requests_of(
    world: &mut World<'_>,
    at: u64,
    arrival: &Arrival,
    mut on: impl FnMut(&mut World<'_>, RequestState),
) {
    for part in 0..world.actions[arrival.action as usize].requests() {
        let request = world.actions[arrival.action as usize].request_of(at, arrival, part);
        on(world, request);
    }
}
