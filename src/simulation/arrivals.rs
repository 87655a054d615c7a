//! The arrivals of one second: their counts, and where they lie when somebody has to know.

use crate::model::Kind;
use crate::simulation::state::drawn::{Arrival, DrawnSecond, DrawnWorkload};
use crate::simulation::state::piece::ArrivalPiece;
use crate::simulation::state::request::RequestState;
use crate::simulation::world::World;

/// How many arrivals of each action the second has.
pub fn draw(world: &mut World<'_>, second: u64) {
    world.arrivals.begin(second);
    if second >= world.plan.horizon_s {
        return world.arrivals.end();
    }
    let open = world.workloads.open().iter();
    let ranges = open.map(|&w| world.workloads.of(w).arriving.active());
    let changes = ranges.flat_map(|active| [active.start, active.end]);
    world.arrivals.selection.renew(second, changes);
    if !world.arrivals.drawn.is_of(&world.arrivals.selection) {
        select(world, second);
    }
    let (plan, workloads, actions) = (world.plan, &mut world.workloads, &world.actions);
    world.arrivals.drawn.draw(|d, counts, multinomial| {
        let state = workloads.of_mut(d.workload);
        d.has_memory = state.has_memory();
        d.one_by_one = state.has_memory() || state.retries.has_debts();
        let kind = &plan.workloads[d.workload].kind;
        let actions = &actions[d.first_action..][..plan.workloads[d.workload].actions.len()];
        d.density = state
            .arriving
            .draw(second, kind, actions, counts, multinomial);
    });
}

/// Lists the workloads that are active in a second.
fn select(world: &mut World<'_>, second: u64) {
    let (drawn, selection) = (&mut world.arrivals.drawn, &mut world.arrivals.selection);
    drawn.select(selection);
    let is_known = selection.is_known();
    let mut has_rows = false;
    for &w in world.workloads.open() {
        let state = world.workloads.of(w);
        if !state.arriving.active().contains(&second) {
            continue;
        }
        let (first_action, actions) = (state.first_action(), world.plan.workloads[w].actions.len());
        let first = drawn.add(w, first_action, actions);
        has_rows |= matches!(world.plan.workloads[w].kind, Kind::Trace { .. });
        if !is_known {
            for a in 0..actions {
                let action = first_action + a;
                selection.add(action, first + a, world.actions[action].demand());
            }
        }
    }
    drawn.added_all(has_rows);
}

/// The arrivals of one of a second's workloads: the few, and those that have instants of their
/// own, one by one.
pub fn pieces<'d>(
    world: &World<'_>,
    drawn: &'d DrawnSecond,
    d: &'d DrawnWorkload,
    on: impl FnMut(ArrivalPiece<'d>),
) {
    let kind = &world.plan.workloads[d.workload].kind;
    let arriving = &world.workloads.of(d.workload).arriving;
    arriving.pieces(kind, &world.actions, drawn, d, on);
}

/// Lays the second's arrivals out over its slots. `only_one_by_one`: of those workloads only.
pub fn spread(world: &mut World<'_>, only_one_by_one: bool) {
    let mut spread = std::mem::take(&mut world.arrivals.spread);
    let mut kept = world.kept_splits.take();
    let second = world.arrivals.drawn.second();
    spread.clear();
    for d in world.arrivals.drawn.workloads() {
        if only_one_by_one && !d.one_by_one {
            continue;
        }
        pieces(world, &world.arrivals.drawn, d, |piece| match piece {
            ArrivalPiece::One(at, arrival) => spread.list(at, arrival),
            ArrivalPiece::Evenly(arrivals) => spread.spread_evenly(arrivals),
            ArrivalPiece::Many {
                action,
                n,
                key,
                density,
            } => {
                let of = (second, action, d.workload);
                spread.split(of, n, (key, density), kept.as_mut());
            }
        });
    }
    spread.close();
    if world.quotas.are_weighed() {
        spread.weigh(&world.actions, &mut world.quotas);
    }
    (world.arrivals.spread, world.kept_splits) = (spread, kept);
}

/// The requests of an arrival that are sent before any of them is answered, one after another.
#[inline(always)]
pub fn requests_of(
    world: &mut World<'_>,
    at: u64,
    arrival: &Arrival,
    mut on: impl FnMut(&mut World<'_>, RequestState),
) {
    for part in 0..world.actions[arrival.action as usize].requests_at_once() {
        let request = world.actions[arrival.action as usize].request_of(at, arrival, part);
        on(world, request);
    }
}
