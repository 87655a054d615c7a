//! What a run has counted in quiet stretches of time.

use crate::simulation::state::kept_splits::KeptSplits;
use std::sync::{Arc, Mutex, PoisonError};

/// Length of a stretch \[s\].
pub const STRETCH_S: u64 = 64;

/// What a simulation keeps for others whose plan differs in the limits of its quotas only, or is told by one of them.
#[derive(Clone, Copy, Debug, Default)]
pub enum Rehearsal<'a> {
    /// Nothing.
    #[default]
    None,
    /// What it counts in quiet stretches, in its record, and how it splits arrivals over the slots of a second: at most so
    /// many splits, those of the runs included that repeat what it keeps.
    Keep(usize),
    /// What another one has counted with the same seed and replication.
    Repeat(&'a QuietTime),
}

/// What one component counted in one replication, in those stretches in which nothing was looked at.
#[derive(Clone, Debug, Default)]
pub struct QuietTime {
    stretches: Vec<QuietStretch>,
    /// How arrivals were split; each run takes it for itself and adds to it.
    splits: Arc<Mutex<KeptSplits>>,
}

/// A stretch of seconds, as far as they were counted.
#[derive(Clone, Debug, Default)]
pub struct QuietStretch {
    /// How many of its seconds were counted.
    seconds: u64,
    /// Arrivals by action.
    counts: Vec<u64>,
    /// By quota that is used: attempts of each second.
    attempts: Vec<[u64; STRETCH_S as usize]>,
    /// By quota that is used: attempts of its busiest second.
    most: Vec<u64>,
}

impl QuietTime {
    /// Adds the arrivals of a second, by action, and the attempts that each used quota saw.
    pub fn count(
        &mut self,
        second: u64,
        actions: usize,
        arrivals: impl Iterator<Item = (usize, u64)>,
        attempts: impl Iterator<Item = u64>,
    ) {
        let number = (second / STRETCH_S) as usize;
        if self.stretches.len() <= number {
            self.stretches
                .resize_with(number + 1, QuietStretch::default);
        }
        let stretch = &mut self.stretches[number];
        stretch.seconds += 1;
        stretch.counts.resize(actions, 0);
        for (action, n) in arrivals {
            stretch.counts[action] += n;
        }
        for (used, attempts) in attempts.enumerate() {
            if stretch.most.len() <= used {
                stretch.most.push(0);
                stretch.attempts.push([0; STRETCH_S as usize]);
            }
            stretch.attempts[used][(second % STRETCH_S) as usize] = attempts;
            stretch.most[used] = stretch.most[used].max(attempts);
        }
    }

    /// Attempts that a used quota saw in a second, as far as that was kept.
    pub fn attempts_in(&self, used: usize, second: u64) -> u64 {
        let stretch = self.stretches.get((second / STRETCH_S) as usize);
        let attempts = stretch.and_then(|stretch| stretch.attempts.get(used));
        attempts.map_or(0, |attempts| attempts[(second % STRETCH_S) as usize])
    }

    /// The seconds of which anything was kept are before this one.
    pub fn end(&self) -> u64 {
        self.stretches.len() as u64 * STRETCH_S
    }

    /// Takes how arrivals were split.
    pub fn take_splits(&self) -> KeptSplits {
        std::mem::take(&mut *self.splits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps it for others, unless they have more.
    pub fn put_splits(&self, splits: KeptSplits) {
        let mut kept = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() <= splits.len() {
            *kept = splits;
        }
    }

    /// The stretch that begins with a second, if all of it was counted.
    pub fn stretch(&self, second: u64) -> Option<&QuietStretch> {
        let stretch = self.stretches.get((second / STRETCH_S) as usize)?;
        (second.is_multiple_of(STRETCH_S) && stretch.seconds == STRETCH_S).then_some(stretch)
    }
}

impl QuietStretch {
    /// Arrivals by action.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Attempts of the busiest second of each used quota.
    pub fn most(&self) -> &[u64] {
        &self.most
    }

    /// Attempts that a used quota saw, second by second.
    pub fn attempts(&self, used: usize) -> &[u64] {
        &self.attempts[used]
    }
}
