//! Jobs: workers that take objects one after another; and what starts when something else is done.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::Beginning;
use crate::simulation::guarded::follow;
use crate::simulation::state::request::{Purpose, RequestState};
use crate::simulation::world::World;

/// Whether a job has requests under way.
pub fn jobs_run(world: &World<'_>) -> bool {
    world
        .workloads
        .jobs
        .iter()
        .any(|&w| world.workloads.all[w].job.active_workers > 0)
}

/// Start of a job that begins in `second` by itself.
fn job_start(world: &World<'_>, w: usize, second: u64) -> Option<u64> {
    let workload = &world.plan.workloads[w];
    match workload.kind {
        Kind::Job { start, .. } if workload.after.is_none() && start / SECOND == second => {
            Some(start)
        }
        _ => None,
    }
}

pub fn has_job_start(world: &World<'_>, second: u64) -> bool {
    world
        .workloads
        .jobs
        .iter()
        .any(|&w| job_start(world, w, second).is_some())
}

pub fn start_jobs(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.jobs.len() {
        let w = world.workloads.jobs[i];
        if let Some(start) = job_start(world, w, second) {
            start_job(world, w, start);
        }
    }
}

fn start_job(world: &mut World<'_>, w: usize, at: u64) {
    let Kind::Job {
        workers, objects, ..
    } = world.plan.workloads[w].kind
    else {
        return;
    };
    if at >= world.plan.horizon_s * SECOND {
        return;
    }
    let job = &mut world.workloads.all[w].job;
    job.started = Some(at);
    job.last_done = at;
    job.active_workers = workers.min(objects);
    follow(world, w, at);
    for worker in 0..workers.min(objects) {
        take_object(world, w, worker, at);
    }
}

/// A worker takes the job's next object and sends its first request at `at`.
fn take_object(world: &mut World<'_>, w: usize, worker: u32, at: u64) {
    let state = &mut world.workloads.all[w];
    let object = state.job.next_object;
    state.job.next_object += 1;
    let key = state.job_key.with(u64::from(object));
    let draw = key.with(Purpose::Action as u64).unit();
    let action = state
        .sums
        .partition_point(|&c| c <= draw)
        .min(state.sums.len() - 1);
    let class = world.actions[state.first_action + action].class;
    world
        .calendar
        .push(at, RequestState::new(at, class, object, worker, 0, key));
}

/// A worker's request has ended at `at`: the next of the same object, or the next object.
pub fn worker_goes_on(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    let Kind::Job { objects, think, .. } = &world.plan.workloads[w].kind else {
        return;
    };
    let part = request.part + 1;
    let next = at + think.draw_with(|| request.own(Purpose::Think, 0));
    let horizon = world.plan.horizon_s * SECOND;
    let in_time = next < horizon;
    let action = world.classes.action_of(request.class);
    if usize::from(part) < world.actions[action].parts.len() {
        if in_time {
            let class = world.actions[action].parts[usize::from(part)];
            let key = Key::from_bits(request.arrival);
            world.calendar.push(
                next,
                RequestState::new(next, class, request.index, request.worker, part, key),
            );
        } else {
            world.workloads.all[w].job.active_workers -= 1;
        }
        return;
    }
    let job = &mut world.workloads.all[w].job;
    job.finished += 1;
    job.last_done = job.last_done.max(at);
    if job.next_object < *objects && in_time {
        take_object(world, w, request.worker, next);
        return;
    }
    job.active_workers -= 1;
    if job.finished == *objects
        && let Some(started) = job.started
    {
        let done = job.last_done;
        // Unfinished at the horizon is not a completion, even if the drain brings it.
        if done <= horizon {
            world.counters.record().jobs[w] = Some(Some(done - started));
        }
        world.workloads.all[w].done = true;
        start_followers(world, w, done);
    }
}

/// Starts the followers of open workloads whose arrivals are over and whose requests have ended.
pub fn finish_open(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.followed.len() {
        let w = world.workloads.followed[i];
        let state = &mut world.workloads.all[w];
        let over = second >= state.active.end && state.none_waits();
        if over && !state.done {
            state.done = true;
            start_followers(world, w, second * SECOND);
        }
    }
}

fn start_followers(world: &mut World<'_>, w: usize, at: u64) {
    for i in 0..world.workloads.all[w].followers.len() {
        let follower = world.workloads.all[w].followers[i];
        match &world.plan.workloads[follower].kind {
            Kind::Job { start, .. } => start_job(world, follower, at.max(*start)),
            Kind::Open {
                arrivals,
                start,
                stop,
            } => {
                // A job done at the very start of a second: that second's arrivals are drawn.
                let first = at.div_ceil(SECOND).max(*start).max(world.arrivals.undrawn);
                let state = &mut world.workloads.all[follower];
                state.active = first..first.saturating_add(stop - start);
                world.arrivals.selection.expire();
                state.arrivals = Some(arrivals.begin(&Beginning {
                    start: first,
                    key: state.arrivals_key,
                    clock: &world.plan.clock,
                }));
            }
            Kind::Trace { .. } => {}
        }
    }
}
