//! Counted seconds since the state of quotas that depend on instants was known.

use crate::engine::SECOND;
use crate::engine::limiter::Known;
use crate::simulation::state::drawn::DrawnSecond;
use std::collections::VecDeque;

/// Most seconds held; then the state is recovered, so that memory stays bounded.
const MOST_HELD: usize = 1_024;

/// Most counts held of all those seconds.
const MOST_COUNTS: usize = 1 << 20;

/// Counted seconds since the state was known exactly.
#[derive(Default)]
pub struct Held {
    seconds: VecDeque<HeldSecond>,
    spare: Vec<HeldSecond>,
    /// Parts that proved the last one.
    parts: usize,
}

/// One of them.
#[derive(Default)]
pub struct HeldSecond {
    drawn: DrawnSecond,
    /// For each quota: what was known before it, and what was taken one by one in it.
    quotas: Vec<(Known, Vec<u64>)>,
}

impl Held {
    /// So many parts have proved a second.
    pub fn prove(&mut self, parts: usize) {
        self.parts = parts;
    }

    /// How many parts may prove a second that so many have not: most need as many as the one before.
    pub fn more_parts(&self, parts: usize) -> usize {
        (2 * parts).max(self.parts / 2)
    }

    /// Begins a second.
    pub fn begin(&mut self) -> &mut HeldSecond {
        let mut second = self.spare.pop().unwrap_or_default();
        second.quotas.clear();
        self.seconds.push_back(second);
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }

    /// The last one.
    pub fn last(&mut self) -> Option<&mut HeldSecond> {
        self.seconds.back_mut()
    }

    /// Whether no more should be held, of so many actions.
    pub fn is_full(&self, actions: usize) -> bool {
        let seconds = self.seconds.len();
        seconds >= MOST_HELD || seconds * actions >= MOST_COUNTS
    }

    /// The state is known.
    pub fn release(&mut self) {
        self.spare.extend(self.seconds.drain(..));
    }

    /// How many seconds are held.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// One of them.
    pub fn second(&self, i: usize) -> &HeldSecond {
        &self.seconds[i]
    }

    /// When it ends \[ns\], `now` being the second after the last.
    pub fn end_of(&self, i: usize, now: u64) -> u64 {
        let next = self.seconds.get(i + 1);
        next.map_or(now, |h| h.drawn.second()) * SECOND
    }
}

impl HeldSecond {
    /// This is known before it of the next quota.
    pub fn know(&mut self, known: Known) {
        self.quotas.push((known, Vec::new()));
    }

    /// This was taken one by one in it of a quota.
    pub fn take(&mut self, i: usize, taken: Vec<u64>) {
        self.quotas[i].1 = taken;
    }

    /// Keeps what was drawn, and leaves the room of what an older one drew.
    pub fn keep(&mut self, drawn: &mut DrawnSecond) {
        std::mem::swap(&mut self.drawn, drawn);
    }

    /// What it drew.
    pub fn drawn(&self) -> &DrawnSecond {
        &self.drawn
    }

    /// What was known before it of one of the quotas.
    pub fn known(&self, i: usize) -> &Known {
        &self.quotas[i].0
    }

    /// What was taken of it one by one.
    pub fn taken(&self, i: usize) -> &[u64] {
        &self.quotas[i].1
    }
}
