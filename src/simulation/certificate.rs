//! The certificate: whether nobody can be throttled in a second.

use crate::engine::SECOND;
use crate::engine::calendar::SLOTS;
use crate::engine::limiter::Certificate;
use crate::simulation::arrivals::pieces;
use crate::simulation::jobs::has_job_start;
use crate::simulation::state::piece::ArrivalPiece;
use crate::simulation::world::World;

/// Whether nobody can be throttled in this second.
pub fn certify(world: &mut World<'_>, second: u64) -> bool {
    let paced = world.quotas.has_timed() && world.workloads.are_paced();
    let waits = world.workloads.jobs_run() || world.workloads.uploads_wait();
    if waits || has_job_start(world, second) || paced {
        return false;
    }
    let (selection, drawn) = (&world.arrivals.selection, &world.arrivals.drawn);
    match drawn.few() {
        Some(few) => world.quotas.expect(selection.calls_of(few, drawn.counts())),
        None => world.quotas.expect(selection.calls(drawn.counts())),
    }
    add_waiting(world);
    // Most contended seconds show in the new arrivals alone.
    if world.quotas.exceed_a_window(second) {
        return false;
    }
    if world.calendar.len_of(second) > 0 {
        let events = world.calendar.events_of(second);
        for entry in events.filter(|e| e.event.step.may_ask()) {
            let quotas = &mut world.quotas;
            world.classes.for_each_asked(entry.event.class, |q| {
                quotas.of(q).expect_in(0, 1);
            });
        }
        if world.quotas.exceed_a_window(second) {
            return false;
        }
    }
    !world.quotas.has_timed() || (!world.workloads.have_waits() && certify_timed(world, second))
}

/// Adds what waits for a token to what could be offered to each quota.
fn add_waiting(world: &mut World<'_>) {
    for &w in world.workloads.guarded() {
        let guards = world.workloads.of(w).guards.as_ref();
        let held_back = guards.map_or(0, |g| g.held_back());
        if held_back == 0 {
            continue;
        }
        for action in &world.plan.workloads[w].actions {
            for &(class, _) in &action.requests {
                let quotas = &mut world.quotas;
                world.classes.for_each_asked(class as u32, |q| {
                    quotas.of(q).expect_in(0, held_back);
                });
            }
        }
    }
}

/// Whether everything that could be offered to these quotas is surely admitted. Their whole
/// second's demand is one part in `parts`.
fn certify_timed(world: &mut World<'_>, second: u64) -> bool {
    let mut parts = 1;
    loop {
        match world.quotas.certify_timed(second) {
            Certificate::Sure => {
                world.held.prove(parts);
                return true;
            }
            Certificate::Never => return false,
            Certificate::Unknown => {}
        }
        if parts == SLOTS {
            return false;
        }
        parts = world.held.more_parts(parts);
        fill_parts(world, second, parts);
    }
}

/// Counts what could be offered to these quotas in each of so many equal parts of the second.
fn fill_parts(world: &mut World<'_>, second: u64, parts: usize) {
    let length = SECOND / parts as u64;
    for i in 0..world.quotas.timed().len() {
        let q = world.quotas.timed()[i];
        let mut of_quota = world.quotas.of(q).recount_parts(parts);
        let mut nodes = vec![0; 2 * parts];
        for d in world.arrivals.drawn.workloads() {
            pieces(world, &world.arrivals.drawn, d, |piece| match piece {
                ArrivalPiece::One(at, arrival) => {
                    let each = world.actions[arrival.action as usize].demand_of(q);
                    of_quota[(at / length) as usize] += each;
                }
                ArrivalPiece::Evenly(arrivals) => arrivals.of_parts(parts, |action, part, n| {
                    of_quota[part] += n * world.actions[action].demand_of(q);
                }),
                ArrivalPiece::Many {
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
        world.quotas.of(q).set_parts(of_quota);
    }
    let events = world.calendar.events_of(second);
    for entry in events.filter(|e| e.event.step.may_ask()) {
        let part = ((entry.at - second * SECOND) / length) as usize;
        let quotas = &mut world.quotas;
        world.classes.for_each_asked(entry.event.class, |q| {
            if quotas.timed().contains(&q) {
                quotas.of(q).expect_in(part, 1);
            }
        });
    }
}
