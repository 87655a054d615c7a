//! A job: which objects its workers have taken, and which are done.

use crate::engine::random::Key;

/// The progress of a job.
pub struct JobState {
    /// Names the random numbers of its objects.
    key: Key,
    started: Option<u64>,
    next_object: u32,
    finished: u32,
    last_done: u64,
    active_workers: u32,
}

impl JobState {
    pub fn new(key: Key) -> JobState {
        JobState {
            key,
            started: None,
            next_object: 0,
            finished: 0,
            last_done: 0,
            active_workers: 0,
        }
    }

    /// So many workers begin at `at` \[ns\].
    pub fn start(&mut self, at: u64, workers: u32) {
        self.started = Some(at);
        self.last_done = at;
        self.active_workers = workers;
    }

    /// Whether it has requests under way.
    pub fn runs(&self) -> bool {
        self.active_workers > 0
    }

    /// The next object of so many, with the key of its numbers, if there is one left.
    pub fn take_object(&mut self, objects: u32) -> Option<(u32, Key)> {
        let object = self.next_object;
        (object < objects).then(|| {
            self.next_object += 1;
            (object, self.key.with(u64::from(object)))
        })
    }

    /// Whether one of so many objects is left to be taken.
    pub fn has_objects(&self, objects: u32) -> bool {
        self.next_object < objects
    }

    /// An object is done at `at` \[ns\].
    pub fn finish_object(&mut self, at: u64) {
        self.finished += 1;
        self.last_done = self.last_done.max(at);
    }

    /// A worker has nothing more to do.
    pub fn stop_worker(&mut self) {
        self.active_workers -= 1;
    }

    /// When it began and ended \[ns\], if all of so many objects are done.
    pub fn completion(&self, objects: u32) -> Option<(u64, u64)> {
        let started = self.started.filter(|_| self.finished == objects)?;
        Some((started, self.last_done))
    }
}
