//! Jobs: workers that take objects one after another; and what starts when something else is done.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::OnFailure;
use crate::simulation::guarded::follow;
use crate::simulation::state::request::{Purpose, RequestState, RequestStep};
use crate::simulation::world::World;

/// Start of a job's run that is due in `second` by itself.
fn job_start(world: &World<'_>, w: usize, second: u64) -> Option<u64> {
    let workload = &world.plan.workloads[w];
    match workload.kind {
        Kind::Job { start, every, .. } => {
            let since = second.checked_sub(start / SECOND)?;
            let is_due = match every {
                None => since == 0,
                Some(every) => since.is_multiple_of(every) && second < world.plan.horizon_s,
            };
            (workload.after.is_none() && is_due).then_some(start + since * SECOND)
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

/// A run of a job is due at `at`, and begins where none is under way.
fn start_job(world: &mut World<'_>, w: usize, at: u64) {
    if at >= world.plan.horizon_s * SECOND {
        return;
    }
    world.counters.record().jobs[w] = Some(None);
    if let Some(at) = world.workloads.of_mut(w).job.is_due(at) {
        begin_run(world, w, at);
    }
}

fn begin_run(world: &mut World<'_>, w: usize, at: u64) {
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
    world.workloads.of_mut(w).job.begin(at, workers);
    let is_measured = at >= world.plan.warm_up_s * SECOND;
    world.counters.record().runs[w] += u64::from(is_measured);
    follow(world, w, at);
    for worker in 0..workers {
        match take_object(world, w, worker, at) {
            Some(request) => world.calendar.push(request.arrived, request),
            None => stop_worker(world, w, at),
        }
    }
}

/// A worker takes the next of the run's objects at `at`: its first request, at the object's turn where that comes later;
/// `None` if none is left, or its turn comes after the horizon.
fn take_object(world: &mut World<'_>, w: usize, worker: u32, at: u64) -> Option<RequestState> {
    let Kind::Job {
        objects, within, ..
    } = world.plan.workloads[w].kind
    else {
        return None;
    };
    let horizon = world.plan.horizon_s * SECOND;
    let state = world.workloads.of_mut(w);
    let (object, key, turn) = state.job.take_object(objects, within, horizon)?;
    let at = at.max(turn);
    let draw = key.with(Purpose::Action as u64).unit();
    let action = state.first_action() + state.arriving.action_at(draw);
    let class = world.actions[action].first_class();
    Some(RequestState::new(at, class, object, worker, 0, key))
}

/// The first request for the object that a free worker takes at `at`; if others have taken them all, it has nothing
/// more to do. It waits for an object whose turn comes later.
pub fn next_of_worker(
    world: &mut World<'_>,
    at: u64,
    free: &RequestState,
    w: usize,
) -> Option<RequestState> {
    // The others have done the rest of its run, and another has begun.
    if free.part != world.workloads.of(w).job.run() {
        return None;
    }
    let Some(request) = take_object(world, w, free.worker, at) else {
        stop_worker(world, w, at);
        return None;
    };
    if request.arrived > at {
        world.calendar.push(request.arrived, request);
        return None;
    }
    Some(request)
}

/// A worker's request has ended at `at`: the next of the same object, or the next object.
pub fn worker_goes_on(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    let Kind::Job { think, .. } = &world.plan.workloads[w].kind else {
        return;
    };
    let part = request.part + 1;
    let next = at + think.draw_with(|| request.own(Purpose::Think, 0));
    let in_time = next < world.plan.horizon_s * SECOND;
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
            stop_worker(world, w, at);
        }
        return;
    }
    object_ends(world, w, request, at);
}

/// A worker's object is done at `at`, or has failed and is left behind: it takes the next one.
fn object_ends(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    let Kind::Job { objects, think, .. } = &world.plan.workloads[w].kind else {
        return;
    };
    let next = at + think.draw_with(|| request.own(Purpose::Think, 0));
    let horizon = world.plan.horizon_s * SECOND;
    let in_time = next < horizon;
    let state = world.workloads.of_mut(w);
    state.job.finish_object(at);
    if in_time && state.job.has_objects(*objects) {
        // Which object that will be is told when the worker is free: the objects go to whoever is free first.
        let class = world.actions[state.first_action()].first_class();
        let free = RequestState::free_worker(next, class, request.worker, state.job.run());
        world.calendar.push(next, free);
        return;
    }
    stop_worker(world, w, at);
    let state = world.workloads.of_mut(w);
    let Some(done) = state.job.end_of_run(*objects) else {
        return;
    };
    // Unfinished at the horizon is not a completion, even if the drain brings it.
    if done <= horizon {
        world.counters.record().jobs[w] = Some(state.job.completion());
    }
    start_followers(world, w, done);
    if world.workloads.of(w).job.has_due() {
        begin_run(world, w, done);
    }
}

/// A worker has nothing more to do at `at`. Where its run has failed, and it is the last one, the next run that is due begins;
/// what follows the job does not.
fn stop_worker(world: &mut World<'_>, w: usize, at: u64) {
    let job = &mut world.workloads.of_mut(w).job;
    if job.stop_worker() && job.has_due() {
        begin_run(world, w, at);
    }
}

/// A worker's request has failed at `at`, and whatever fails with it.
pub fn worker_fails(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    let Kind::Job {
        objects,
        on_failure,
        ..
    } = world.plan.workloads[w].kind
    else {
        return;
    };
    match on_failure {
        OnFailure::Continue => return worker_goes_on(world, w, request, at),
        OnFailure::FailUpload => {}
        OnFailure::FailJob => fail_run(world, w, request, at, objects),
    }
    world.counters.of(at).classes[request.class as usize].objects_failed += 1;
    leave_out(world, request.class, request.part + 1, at);
    object_ends(world, w, request, at);
}

/// A request fails its job's run, unless another has: the objects that nobody has taken are left out.
fn fail_run(world: &mut World<'_>, w: usize, request: &RequestState, at: u64, objects: u32) {
    let state = world.workloads.of_mut(w);
    if state.job.has_failed() {
        return;
    }
    let untaken = state.job.fail(objects);
    world.counters.of(at).classes[request.class as usize].runs_failed += 1;
    for key in untaken {
        let state = world.workloads.of(w);
        let draw = key.with(Purpose::Action as u64).unit();
        let action = state.first_action() + state.arriving.action_at(draw);
        let class = world.actions[action].first_class();
        leave_out(world, class, 0, at);
    }
}

/// The requests for an object from this one on are not sent: what fails with it has failed at `at`.
fn leave_out(world: &mut World<'_>, class: u32, from: u16, at: u64) {
    let action = &world.actions[world.classes.action_of(class)];
    let record = world.counters.of(at);
    for part in usize::from(from)..action.requests() {
        record.classes[action.class_of(part) as usize].not_sent += 1;
    }
}

/// What a worker would begin at `at` whose run has failed is not sent.
pub fn not_sent(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    if request.step != RequestStep::Free {
        leave_out(world, request.class, request.part, at);
        // Others of the same object were sent.
        let is_cut = u64::from(request.part > 0);
        world.counters.of(at).classes[request.class as usize].objects_failed += is_cut;
    }
    stop_worker(world, w, at);
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
