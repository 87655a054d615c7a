//! The arrivals of a second laid out over its slots.

use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::engine::random::Key;
use crate::model::arrivals::Density;
use crate::simulation::state::action::ActionState;
use crate::simulation::state::drawn::{ActiveWorkloads, Arrival, DrawnSecond};
use crate::simulation::state::evenly::EvenArrivals;
use crate::simulation::state::kept_splits::KeptSplits;
use crate::simulation::state::quota::Quotas;
use crate::simulation::state::stream::ArrivalStream;

/// Bits of an arrival's position; the instant stands above them.
const POSITION_BITS: u32 = 34;

const POSITION: u64 = (1 << POSITION_BITS) - 1;

/// Arrivals of one action that were split over the slots of a second: a record, copied for whoever looks at a slot.
#[derive(Clone, Copy)]
pub struct Split {
    pub action: u32,
    pub workload: u32,
    pub key: Key,
    /// First of its slots' counts.
    counts: usize,
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
struct Occupied([u64; SLOTS / 64]);

impl Occupied {
    #[inline(always)]
    fn mark(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    #[inline(always)]
    fn holds(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }
}

/// Most evenly spaced arrivals of a second that are listed: more are found one after another when they come, so that
/// memory does not grow with their rate.
const MOST_LISTED: usize = 1 << 18;

/// The arrivals of a second laid out over its slots.
pub struct Spread {
    occupied: Occupied,
    splits: Vec<Split>,
    slot_counts: Vec<u32>,
    /// Instant and position of arrivals that were listed one by one, in order of time.
    listed: Vec<u64>,
    listed_arrivals: Vec<Arrival>,
    next_listed: usize,
    /// Evenly spaced arrivals that are too many to list.
    stream: ArrivalStream,
    most_listed: usize,
}

impl Default for Spread {
    fn default() -> Spread {
        Spread::listing_at_most(MOST_LISTED)
    }
}

impl Spread {
    /// An empty one that lists at most so many evenly spaced arrivals.
    pub fn listing_at_most(most_listed: usize) -> Spread {
        Spread {
            occupied: Occupied::default(),
            splits: Vec::new(),
            slot_counts: Vec::new(),
            listed: Vec::new(),
            listed_arrivals: Vec::new(),
            next_listed: 0,
            stream: ArrivalStream::default(),
            most_listed,
        }
    }

    /// An empty one like this.
    pub fn emptied(&self) -> Spread {
        Spread::listing_at_most(self.most_listed)
    }

    /// Begins a second.
    pub fn clear(&mut self) {
        self.occupied = Occupied::default();
        self.splits.clear();
        self.slot_counts.clear();
        self.listed.clear();
        self.listed_arrivals.clear();
        self.next_listed = 0;
        self.stream.clear();
    }

    /// Adds one arrival at its instant \[ns in the second\].
    pub fn list(&mut self, at: u64, arrival: Arrival) {
        self.occupied.mark(slot_of(at));
        self.listed
            .push(at << POSITION_BITS | self.listed_arrivals.len() as u64);
        self.listed_arrivals.push(arrival);
    }

    /// Adds evenly spaced arrivals.
    pub fn spread_evenly(&mut self, arrivals: EvenArrivals) {
        if self.listed.len() as u64 + arrivals.len() <= self.most_listed as u64 {
            arrivals.for_each(|(at, arrival)| self.list(at, arrival));
        } else {
            (0..SLOTS)
                .filter(|&slot| {
                    arrivals.before(start_of(slot + 1)) > arrivals.before(start_of(slot))
                })
                .for_each(|slot| self.occupied.mark(slot));
            self.stream.add(arrivals, self.listed.len());
        }
    }

    /// Adds `n` arrivals of an action of a workload in a second, split over the slots; `kept`: splits of other runs, where
    /// they are kept.
    pub fn split(
        &mut self,
        (second, action, workload): (u64, usize, usize),
        n: u64,
        (key, density): (Key, &Density),
        kept: Option<&mut KeptSplits>,
    ) {
        let counts = self.slot_counts.len();
        let split = |counts: &mut Vec<u32>| density.split(n, key, counts);
        match kept {
            Some(kept) => kept.split((second, action), n, &mut self.slot_counts, split),
            None => split(&mut self.slot_counts),
        }
        self.splits.push(Split {
            action: action as u32,
            workload: workload as u32,
            key,
            counts,
        });
    }

    /// All have been added.
    pub fn close(&mut self) {
        self.listed.sort_unstable();
        for split in &self.splits {
            let counts = &self.slot_counts[split.counts..split.counts + SLOTS];
            for (bits, counts) in self.occupied.0.iter_mut().zip(counts.chunks(64)) {
                let of_slot = |(i, &n): (usize, &u32)| u64::from(n > 0) << i;
                *bits |= counts.iter().enumerate().map(of_slot).sum::<u64>();
            }
        }
    }

    /// Adds what the arrivals may ask for to the demand of each slot.
    pub fn weigh(&self, actions: &[ActionState], quotas: &mut Quotas) {
        for &listed in &self.listed {
            let slot = slot_of(listed >> POSITION_BITS);
            let arrival = self.listed_arrivals[(listed & POSITION) as usize];
            for &(q, each) in actions[arrival.action as usize].demand() {
                quotas.of(q).expect_in_slot(slot, each as u32);
            }
        }
        self.stream.of_parts(SLOTS, |action, slot, n| {
            for &(q, each) in actions[action].demand() {
                quotas.of(q).expect_in_slot(slot, each as u32 * n as u32);
            }
        });
        for split in &self.splits {
            let counts = &self.slot_counts[split.counts..split.counts + SLOTS];
            for &(q, each) in actions[split.action as usize].demand() {
                quotas.of(q).expect_in_slots(counts, each as u32);
            }
        }
    }

    /// Whether anything arrives in a slot.
    #[inline(always)]
    pub fn occupies(&self, slot: usize) -> bool {
        self.occupied.holds(slot)
    }

    /// How many splits there are.
    #[inline(always)]
    pub fn splits(&self) -> usize {
        self.splits.len()
    }

    /// One of the splits, and how many of its arrivals a slot has.
    #[inline(always)]
    pub fn split_in(&self, split: usize, slot: usize) -> (Split, u32) {
        let split = self.splits[split];
        (split, self.slot_counts[split.counts + slot])
    }

    /// All of them.
    #[inline(always)]
    pub fn splits_in(&self, slot: usize) -> impl Iterator<Item = (&Split, u32)> {
        let count = move |split: &Split| self.slot_counts[split.counts + slot];
        self.splits.iter().map(move |split| (split, count(split)))
    }

    /// Whether the arrivals that are not split are found one after another, being too many to list.
    #[inline(always)]
    pub fn is_streamed(&self) -> bool {
        !self.stream.is_empty()
    }

    /// When the next arrival of a slot comes that is not split \[ns in the second\].
    #[inline(always)]
    pub fn next_at(&mut self, slot: usize) -> Option<u64> {
        if self.is_streamed() {
            self.stream_on();
            return self.stream.next_at().filter(|&at| slot_of(at) <= slot);
        }
        let at = self.listed.get(self.next_listed)? >> POSITION_BITS;
        (slot_of(at) <= slot).then_some(at)
    }

    /// The next arrival of a slot that is not split, with its instant \[ns in the second\].
    #[inline]
    pub fn take_next(&mut self, slot: usize) -> Option<(u64, Arrival)> {
        let at = self.next_at(slot)?;
        if self.is_streamed() {
            return self.stream.take();
        }
        let listed = self.listed[self.next_listed];
        self.next_listed += 1;
        Some((at, self.listed_arrivals[(listed & POSITION) as usize]))
    }

    /// Finds the arrivals of the next stretch of time, those listed among them, where none are left of the last one.
    #[inline(always)]
    fn stream_on(&mut self) {
        while let Some(end) = self.stream.needs() {
            let rest = &self.listed[self.next_listed..];
            let listed = rest.partition_point(|&l| l >> POSITION_BITS < end);
            for &l in &rest[..listed] {
                let position = (l & POSITION) as usize;
                let arrival = self.listed_arrivals[position];
                self.stream.mix_in(l >> POSITION_BITS, position, arrival);
            }
            self.next_listed += listed;
            self.stream.fill();
        }
    }
}

/// The start of a slot \[ns in the second\].
fn start_of(slot: usize) -> u64 {
    slot as u64 * SLOT_NS
}

/// The slot of an instant \[ns in the second\].
#[inline(always)]
fn slot_of(at: u64) -> usize {
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
    undrawn: u64,
}

impl SecondArrivals {
    /// Begins a second.
    pub fn begin(&mut self, second: u64) {
        self.drawn.begin(second);
        self.undrawn = second + 1;
    }

    /// No workload has arrivals any more.
    pub fn end(&mut self) {
        self.selection.clear();
        self.drawn.clear();
    }

    /// The first second whose arrivals are still to be drawn.
    pub fn undrawn(&self) -> u64 {
        self.undrawn
    }
}
