//! Jobs: workers that take objects one after another; and what starts when something else is done.

use super::World;
use super::request::{Purpose, Request};
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::Beginning;

impl World<'_> {
    /// Whether a job has requests under way.
    pub(super) fn jobs_run(&self) -> bool {
        self.jobs
            .iter()
            .any(|&w| self.workloads[w].job.active_workers > 0)
    }

    /// Start of a job that begins in `second` by itself.
    fn job_start(&self, w: usize, second: u64) -> Option<u64> {
        let workload = &self.plan.workloads[w];
        match workload.kind {
            Kind::Job { start, .. } if workload.after.is_none() && start / SECOND == second => {
                Some(start)
            }
            _ => None,
        }
    }

    pub(super) fn has_job_start(&self, second: u64) -> bool {
        self.jobs
            .iter()
            .any(|&w| self.job_start(w, second).is_some())
    }

    pub(super) fn start_jobs(&mut self, second: u64) {
        for i in 0..self.jobs.len() {
            let w = self.jobs[i];
            if let Some(start) = self.job_start(w, second) {
                self.start_job(w, start);
            }
        }
    }

    fn start_job(&mut self, w: usize, at: u64) {
        let Kind::Job {
            workers, objects, ..
        } = self.plan.workloads[w].kind
        else {
            return;
        };
        if at >= self.plan.horizon_s * SECOND {
            return;
        }
        let job = &mut self.workloads[w].job;
        job.started = Some(at);
        job.last_done = at;
        job.active_workers = workers.min(objects);
        self.follow(w, at);
        for worker in 0..workers.min(objects) {
            self.take_object(w, worker, at);
        }
    }

    /// A worker takes the job's next object and sends its first request at `at`.
    fn take_object(&mut self, w: usize, worker: u32, at: u64) {
        let state = &mut self.workloads[w];
        let object = state.job.next_object;
        state.job.next_object += 1;
        let key = state.job_key.with(u64::from(object));
        let draw = key.with(Purpose::Action as u64).unit();
        let action = state
            .sums
            .partition_point(|&c| c <= draw)
            .min(state.sums.len() - 1);
        let class = self.actions[state.first_action + action].class;
        self.calendar
            .push(at, Request::new(at, class, object, worker, 0, key));
    }

    /// A worker's request has ended at `at`: the next of the same object, or the next object.
    pub(super) fn worker_goes_on(&mut self, w: usize, request: &Request, at: u64) {
        let Kind::Job { objects, think, .. } = &self.plan.workloads[w].kind else {
            return;
        };
        let part = request.part + 1;
        let next = at + think.draw_with(|| request.own(Purpose::Think, 0));
        let horizon = self.plan.horizon_s * SECOND;
        let in_time = next < horizon;
        let action = self.class_action[request.class as usize] as usize;
        if usize::from(part) < self.actions[action].parts.len() {
            if in_time {
                let class = self.actions[action].parts[usize::from(part)];
                let key = Key::from_bits(request.arrival);
                self.calendar.push(
                    next,
                    Request::new(next, class, request.index, request.worker, part, key),
                );
            } else {
                self.workloads[w].job.active_workers -= 1;
            }
            return;
        }
        let job = &mut self.workloads[w].job;
        job.finished += 1;
        job.last_done = job.last_done.max(at);
        if job.next_object < *objects && in_time {
            self.take_object(w, request.worker, next);
            return;
        }
        job.active_workers -= 1;
        if job.finished == *objects
            && let Some(started) = job.started
        {
            let done = job.last_done;
            // Unfinished at the horizon is no completion, even if the drain brings it.
            if done <= horizon {
                self.record.jobs[w] = Some(Some(done - started));
            }
            self.workloads[w].done = true;
            self.start_followers(w, done);
        }
    }

    /// Starts the followers of open workloads whose arrivals are over and whose requests have ended.
    pub(super) fn finish_open(&mut self, second: u64) {
        for i in 0..self.followed.len() {
            let w = self.followed[i];
            let state = &mut self.workloads[w];
            let over = second >= state.active.end && state.waiting == 0;
            if over && !state.done {
                state.done = true;
                self.start_followers(w, second * SECOND);
            }
        }
    }

    fn start_followers(&mut self, w: usize, at: u64) {
        for i in 0..self.workloads[w].followers.len() {
            let follower = self.workloads[w].followers[i];
            match &self.plan.workloads[follower].kind {
                Kind::Job { start, .. } => self.start_job(follower, at.max(*start)),
                Kind::Open {
                    arrivals,
                    start,
                    stop,
                } => {
                    // A job done at the very start of a second: that second's arrivals are drawn.
                    let first = at.div_ceil(SECOND).max(*start).max(self.undrawn);
                    let state = &mut self.workloads[follower];
                    state.active = first..first.saturating_add(stop - start);
                    self.selection.expire();
                    state.arrivals = Some(arrivals.begin(&Beginning {
                        start: first,
                        key: state.arrivals_key,
                        clock: &self.plan.clock,
                    }));
                }
                Kind::Trace { .. } => {}
            }
        }
    }
}
