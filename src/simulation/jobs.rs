//! Jobs: workers that take objects one after another; and what starts when something else is done.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::simulation::guarded::follow;
use crate::simulation::state::request::{Purpose, RequestState};
use crate::simulation::world::World;

/// Start of a job that begins in `second` by itself.
fn job_start(world: &World<'_>, w: usize, second: u64) -> Option<u64> {
    let workload = &world.plan.workloads[w];
    match workload.kind {
        Kind::Job { start, .. } => {
            (workload.after.is_none() && start / SECOND == second).then_some(start)
        }
        Kind::Open { .. } | Kind::Trace { .. } => None,
    }
}

pub fn has_job_start(world: &World<'_>, second: u64) -> bool {
    world
        .workloads
        .jobs()
        .iter()
        .any(|&w| job_start(world, w, second).is_some())
}

pub fn start_jobs(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.jobs().len() {
        let w = world.workloads.jobs()[i];
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
    let workers = workers.min(objects);
    world.workloads.of_mut(w).job.start(at, workers);
    follow(world, w, at);
    for worker in 0..workers {
        if let Some(request) = take_object(world, w, objects, worker, at) {
            world.calendar.push(at, request);
        }
    }
}

/// A worker takes the next of the job's objects at `at`: its first request; `None` if none is left.
fn take_object(
    world: &mut World<'_>,
    w: usize,
    objects: u32,
    worker: u32,
    at: u64,
) -> Option<RequestState> {
    let state = world.workloads.of_mut(w);
    let (object, key) = state.job.take_object(objects)?;
    let draw = key.with(Purpose::Action as u64).unit();
    let action = state.first_action() + state.arriving.action_at(draw);
    let class = world.actions[action].first_class();
    Some(RequestState::new(at, class, object, worker, 0, key))
}

/// The first request for the object that a worker takes who is free at `at`; if others have taken them all, it has nothing
/// more to do.
pub fn next_of_worker(
    world: &mut World<'_>,
    at: u64,
    worker: u32,
    w: usize,
) -> Option<RequestState> {
    let Kind::Job { objects, .. } = world.plan.workloads[w].kind else {
        return None;
    };
    let request = take_object(world, w, objects, worker, at);
    if request.is_none() {
        world.workloads.of_mut(w).job.stop_worker();
    }
    request
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
    if usize::from(part) < world.actions[action].requests() {
        if in_time {
            let class = world.actions[action].class_of(usize::from(part));
            let key = Key::from_bits(request.arrival);
            world.calendar.push(
                next,
                RequestState::new(next, class, request.index, request.worker, part, key),
            );
        } else {
            world.workloads.of_mut(w).job.stop_worker();
        }
        return;
    }
    let state = world.workloads.of_mut(w);
    state.job.finish_object(at);
    if in_time && state.job.has_objects(*objects) {
        // Which object that will be is told when the worker is free: the objects go to whoever is free first.
        let class = world.actions[state.first_action()].first_class();
        let free = RequestState::free_worker(next, class, request.worker);
        world.calendar.push(next, free);
        return;
    }
    state.job.stop_worker();
    if let Some((started, done)) = state.job.completion(*objects) {
        // Unfinished at the horizon is not a completion, even if the drain brings it.
        if done <= horizon {
            world.counters.record().jobs[w] = Some(Some(done - started));
        }
        start_followers(world, w, done);
    }
}

/// Starts the followers of open workloads whose arrivals are over and whose requests have ended.
pub fn finish_open(world: &mut World<'_>, second: u64) {
    for i in 0..world.workloads.followed().len() {
        let w = world.workloads.followed()[i];
        if world.workloads.of(w).is_over(second) {
            start_followers(world, w, second * SECOND);
        }
    }
}

/// A workload is done at `at`: starts those that follow it.
fn start_followers(world: &mut World<'_>, w: usize, at: u64) {
    for follower in world.workloads.of_mut(w).finish() {
        let kind = &world.plan.workloads[follower].kind;
        match kind {
            Kind::Job { start, .. } => start_job(world, follower, at.max(*start)),
            Kind::Open { start, .. } => {
                // A job done at the very start of a second: that second's arrivals are drawn.
                let first = at
                    .div_ceil(SECOND)
                    .max(*start)
                    .max(world.arrivals.undrawn());
                let state = world.workloads.of_mut(follower);
                state.arriving.begin(world.plan, kind, first);
                world.arrivals.selection.expire();
            }
            Kind::Trace { .. } => {}
        }
    }
}
