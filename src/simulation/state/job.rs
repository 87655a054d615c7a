//! A job: which objects its workers have taken, and which are done.

use crate::engine::random::Key;

/// The progress of a job, run by run.
pub struct JobState {
    /// Names the random numbers of its objects.
    key: Key,
    /// Runs that are due so far, that have begun, and that are done.
    due: u64,
    begun: u64,
    done: u64,
    /// The longest of those that are done \[ns\].
    longest: u64,
    /// Of the run that began last.
    started: u64,
    next_object: u32,
    finished: u32,
    last_done: u64,
    active_workers: u32,
    /// Whether one of its requests has failed it, and how many runs have failed.
    has_failed: bool,
    failed_runs: u64,
}

impl JobState {
    pub fn new(key: Key) -> JobState {
        JobState {
            key,
            due: 0,
            begun: 0,
            done: 0,
            longest: 0,
            started: 0,
            next_object: 0,
            finished: 0,
            last_done: 0,
            active_workers: 0,
            has_failed: false,
            failed_runs: 0,
        }
    }

    /// A run is due at `at` \[ns\]; when it begins, where those before it are done.
    pub fn is_due(&mut self, at: u64) -> Option<u64> {
        self.due += 1;
        (self.begun == self.done).then_some(at.max(self.last_done))
    }

    /// So many workers begin a run at `at` \[ns\].
    pub fn begin(&mut self, at: u64, workers: u32) {
        self.begun += 1;
        self.started = at;
        self.last_done = at;
        self.next_object = 0;
        self.finished = 0;
        self.active_workers = workers;
        self.has_failed = false;
    }

    /// Number of the run that began last, by which its workers know theirs.
    pub fn run(&self) -> u16 {
        self.begun as u16
    }

    /// Whether it has requests under way.
    pub fn runs(&self) -> bool {
        self.active_workers > 0
    }

    /// The run's next object of so many that has its turn before `end`, with the key of its numbers and the time of
    /// its turn \[ns\], if there is one; the turns of all are spread evenly over `within`.
    pub fn take_object(&mut self, objects: u32, within: u64, end: u64) -> Option<(u32, Key, u64)> {
        let object = self.next_object;
        let after = u128::from(within) * u128::from(object) / u128::from(objects.max(1));
        let turn = self.started + after as u64;
        (object < objects && turn < end).then(|| {
            self.next_object += 1;
            let number = (self.begun - 1) * u64::from(objects) + u64::from(object);
            (object, self.key.with(number), turn)
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

    /// A worker has nothing more to do. Whether a run that has failed is over, because it was the last one.
    pub fn stop_worker(&mut self) -> bool {
        self.active_workers -= 1;
        let is_over = self.has_failed && self.active_workers == 0;
        self.done += u64::from(is_over);
        is_over
    }

    /// Whether the run that began last has failed.
    #[inline(always)]
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The run has failed: the objects that nobody has taken, by which the keys of their numbers are made, are left out.
    pub fn fail(&mut self, objects: u32) -> impl Iterator<Item = Key> + use<> {
        self.has_failed = true;
        self.failed_runs += 1;
        let (first, key) = (self.next_object, self.key);
        self.next_object = objects;
        let before = (self.begun - 1) * u64::from(objects);
        (first..objects).map(move |object| key.with(before + u64::from(object)))
    }

    /// When the run ended \[ns\], if all of so many objects are done.
    pub fn end_of_run(&mut self, objects: u32) -> Option<u64> {
        if self.has_failed || self.finished < objects || self.begun == self.done {
            return None;
        }
        self.done += 1;
        self.longest = self.longest.max(self.last_done - self.started);
        Some(self.last_done)
    }

    /// Whether a run is due that has not begun.
    pub fn has_due(&self) -> bool {
        self.begun < self.due
    }

    /// The longest run \[ns\], where every one that is due is done and none has failed.
    pub fn completion(&self) -> Option<u64> {
        (self.done == self.due && self.failed_runs == 0).then_some(self.longest)
    }
}
