//! The arrivals of a second laid out over its slots.

use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::engine::random::Key;
use crate::simulation::state::drawn::{ActiveWorkloads, Arrival, DrawnSecond};

/// Bits of an arrival's position; the instant stands above them.
pub const POSITION_BITS: u32 = 34;

pub const POSITION: u64 = (1 << POSITION_BITS) - 1;

/// Arrivals of one action that were split over the slots of a second.
#[derive(Clone, Copy)]
pub struct Split {
    pub action: u32,
    pub workload: u32,
    pub key: Key,
    /// First of its slots' counts.
    pub counts: usize,
}

impl Split {
    /// One of its arrivals.
    #[inline(always)]
    pub fn arrival(&self, index: u32, key: Key) -> Arrival {
        Arrival {
            action: self.action,
            index,
            copy: 0,
            key,
        }
    }
}

/// Slots of the present second in which anything arrives, one bit each.
#[derive(Clone, Copy, Default)]
pub struct Occupied([u64; SLOTS / 64]);

impl Occupied {
    #[inline(always)]
    pub fn mark(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    #[inline(always)]
    pub fn holds(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }
}

/// The arrivals of a second laid out over its slots.
#[derive(Default)]
pub struct Spread {
    pub occupied: Occupied,
    pub splits: Vec<Split>,
    pub slot_counts: Vec<u32>,
    /// Instant and position of arrivals that were listed one by one, in order of time.
    pub listed: Vec<u64>,
    pub listed_arrivals: Vec<Arrival>,
    pub next_listed: usize,
}

impl Spread {
    pub fn clear(&mut self) {
        self.occupied = Occupied::default();
        self.splits.clear();
        self.slot_counts.clear();
        self.listed.clear();
        self.listed_arrivals.clear();
        self.next_listed = 0;
    }

    /// Marks the slots that a split occupies.
    pub fn mark(&mut self, split: usize) {
        let split = self.splits[split];
        let counts = &self.slot_counts[split.counts..split.counts + SLOTS];
        for (bits, counts) in self.occupied.0.iter_mut().zip(counts.chunks(64)) {
            let of_slot = |(i, &n): (usize, &u32)| u64::from(n > 0) << i;
            *bits |= counts.iter().enumerate().map(of_slot).sum::<u64>();
        }
    }

    pub fn list(&mut self, at: u64, arrival: Arrival) {
        self.occupied.mark(slot_of(at));
        self.listed
            .push(at << POSITION_BITS | self.listed_arrivals.len() as u64);
        self.listed_arrivals.push(arrival);
    }

    /// The next listed arrival of a slot, with its instant \[ns in the second\].
    #[inline]
    pub fn take_listed(&mut self, slot: usize) -> Option<(u64, Arrival)> {
        let &listed = self.listed.get(self.next_listed)?;
        let at = listed >> POSITION_BITS;
        (slot_of(at) <= slot).then(|| {
            self.next_listed += 1;
            (at, self.listed_arrivals[(listed & POSITION) as usize])
        })
    }

    /// The slots' counts of a split.
    pub fn counts_of(&self, split: &Split) -> &[u32] {
        &self.slot_counts[split.counts..split.counts + SLOTS]
    }
}

/// The slot of an instant \[ns in the second\].
#[inline(always)]
pub fn slot_of(at: u64) -> usize {
    (at / SLOT_NS) as usize
}

/// The arrivals of the present second.
#[derive(Default)]
pub struct SecondArrivals {
    /// Which open workloads are active.
    pub selection: ActiveWorkloads,
    /// How many arrivals they have.
    pub drawn: DrawnSecond,
    /// Where those lie, if somebody had to know.
    pub spread: Spread,
    /// The first second whose arrivals are still to be drawn.
    pub undrawn: u64,
}
