//! The certificate: whether nobody can be throttled in a second.

use crate::engine::SECOND;
use crate::engine::calendar::SLOTS;
use crate::engine::limiter::Certificate;
use crate::simulation::arrivals::pieces;
use crate::simulation::guarded::is_paced;
use crate::simulation::jobs::{has_job_start, jobs_run};
use crate::simulation::state::class::for_each_asked;
use crate::simulation::state::drawn::Piece;
use crate::simulation::world::World;

/// Whether nobody can be throttled in this second.
pub fn certify(world: &mut World<'_>, second: u64) -> bool {
    let paced = !world.timed.is_empty() && is_paced(world);
    if jobs_run(world) || has_job_start(world, second) || paced {
        return false;
    }
    for &q in &world.quotas_here {
        world.quotas[q].arriving = 0;
    }
    for &(count, q, each) in &world.selection.demand {
        world.quotas[q as usize].arriving += world.drawn.counts[count as usize] * each;
    }
    for &q in &world.quotas_here {
        let quota = &mut world.quotas[q];
        quota.parts.clear();
        quota.parts.push(quota.arriving);
    }
    add_waiting(world);
    // Most contended seconds are told by the new arrivals alone.
    if exceeds_a_window(world, second) {
        return false;
    }
    if world.calendar.len_of(second) > 0 {
        let events = world.calendar.events_of(second);
        for entry in events.filter(|e| e.event.step.may_ask()) {
            let quotas = &mut world.quotas;
            for_each_asked(&world.classes, &world.lanes, entry.event.class, |q| {
                quotas[q].parts[0] += 1;
            });
        }
        if exceeds_a_window(world, second) {
            return false;
        }
    }
    world.timed.is_empty() || (!world.has_waits && certify_timed(world, second))
}

/// Whether more could be offered to a fixed window than it has room for.
fn exceeds_a_window(world: &mut World<'_>, second: u64) -> bool {
    world.quotas_here.iter().any(|&q| {
        let quota = &mut world.quotas[q];
        let room = quota.limiter.room_in(second);
        room.is_some_and(|room| quota.parts[0] > room)
    })
}

/// Adds what waits for a token to what could be offered to each quota.
fn add_waiting(world: &mut World<'_>) {
    for &w in &world.guarded {
        let Some(guards) = &world.workloads[w].guards else {
            continue;
        };
        if guards.waiting == 0 {
            continue;
        }
        for action in &world.plan.workloads[w].actions {
            for &(class, _) in &action.requests {
                let quotas = &mut world.quotas;
                for_each_asked(&world.classes, &world.lanes, class as u32, |q| {
                    quotas[q].parts[0] += guards.waiting;
                });
            }
        }
    }
}

/// Whether everything that could be offered to these quotas is surely admitted. Their whole
/// second's demand stands in `parts` as one part.
fn certify_timed(world: &mut World<'_>, second: u64) -> bool {
    let mut parts = 1;
    loop {
        let mut sure = true;
        for &q in &world.timed {
            let quota = &mut world.quotas[q];
            match quota.limiter.certify(second, &quota.parts) {
                Certificate::Sure => {}
                Certificate::Never => return false,
                Certificate::Unknown => sure = false,
            }
        }
        if sure {
            world.held.parts = parts;
            return true;
        }
        if parts == SLOTS {
            return false;
        }
        // Most seconds need as many parts as the one before.
        parts = (2 * parts).max(world.held.parts / 2);
        fill_parts(world, second, parts);
    }
}

/// Counts what could be offered to these quotas in each of so many equal parts of the second.
fn fill_parts(world: &mut World<'_>, second: u64, parts: usize) {
    let length = SECOND / parts as u64;
    for &q in &world.timed {
        let of_quota = &mut world.quotas[q].parts;
        of_quota.clear();
        of_quota.resize(parts, 0);
    }
    for &q in &world.timed {
        let mut of_quota = std::mem::take(&mut world.quotas[q].parts);
        let mut nodes = vec![0; 2 * parts];
        for d in &world.drawn.workloads {
            pieces(world, &world.drawn, d, |piece| match piece {
                Piece::One(at, arrival) => {
                    let each = world.actions[arrival.action as usize].demand_of(q);
                    of_quota[(at / length) as usize] += each;
                }
                Piece::Many {
                    action,
                    n,
                    key,
                    density,
                } => {
                    let each = world.actions[action].demand_of(q);
                    if each > 0 {
                        density.split_to(parts, n, key, &mut nodes);
                        for (part, n) in of_quota.iter_mut().zip(&nodes[parts..]) {
                            *part += each * n;
                        }
                    }
                }
            });
        }
        world.quotas[q].parts = of_quota;
    }
    let events = world.calendar.events_of(second);
    for entry in events.filter(|e| e.event.step.may_ask()) {
        let part = ((entry.at - second * SECOND) / length) as usize;
        let (timed, quotas) = (&world.timed, &mut world.quotas);
        for_each_asked(&world.classes, &world.lanes, entry.event.class, |q| {
            if timed.contains(&q) {
                quotas[q].parts[part] += 1;
            }
        });
    }
}
