//! The arrivals of one second: their counts, and where they lie when somebody has to know.

use super::request::Purpose;
use super::slots::slot_of;
use super::{ActionState, World};
use crate::engine::calendar::SLOTS;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::{ArrivalProcess, Density};

/// Bits of an arrival's position; the instant stands above them.
const POSITION_BITS: u32 = 34;
const POSITION: u64 = (1 << POSITION_BITS) - 1;

/// What one second drew.
#[derive(Default)]
pub(super) struct Drawn {
    pub second: u64,
    /// Open workloads that may have arrivals.
    pub workloads: Vec<DrawnWorkload>,
    /// Arrivals by action, workload after workload.
    pub counts: Vec<u64>,
    /// Which selection of workloads this is; only a part of one where 0.
    selection: u64,
    multinomial: Vec<u64>,
}

/// Which open workloads are active, and what they ask for.
#[derive(Default)]
pub(super) struct Selection {
    /// The action, numbered among all, that each count is of.
    pub actions: Vec<u32>,
    /// Most calls that one arrival of a count can offer to a quota, as (count, quota, calls).
    pub demand: Vec<(u32, u32, u64)>,
    /// Counts its changes.
    number: u64,
    /// The first second for which it has to be looked at again.
    until: u64,
}

impl Selection {
    fn clear(&mut self) {
        self.actions.clear();
        self.demand.clear();
    }

    /// Has it made anew for the next second: a workload will be active when it was not going to be.
    pub fn expire(&mut self) {
        self.until = 0;
    }
}

/// One of them.
#[derive(Clone)]
pub(super) struct DrawnWorkload {
    pub workload: usize,
    /// First of its counts.
    pub first: usize,
    /// Of all actions.
    pub first_action: usize,
    pub actions: usize,
    /// Requests are looked at one by one even where nobody is throttled.
    pub one_by_one: bool,
    /// And in order.
    pub has_memory: bool,
    /// `None` for traces.
    pub density: Option<Density>,
}

impl Drawn {
    fn clear(&mut self) {
        self.workloads.clear();
        self.counts.clear();
        self.selection = 0;
    }

    /// What one workload drew, `None` if nothing.
    pub fn only(&self, workload: usize) -> Option<Drawn> {
        let mut d = self
            .workloads
            .iter()
            .find(|d| d.workload == workload)?
            .clone();
        let counts = self.counts_of(&d).to_vec();
        d.first = 0;
        Some(Drawn {
            second: self.second,
            workloads: vec![d],
            counts,
            ..Drawn::default()
        })
    }

    /// Arrivals of one of the workloads, by action.
    #[inline(always)]
    pub fn counts_of(&self, d: &DrawnWorkload) -> &[u64] {
        &self.counts[d.first..d.first + d.actions]
    }

    /// The same with the numbers of the actions.
    pub fn of(&self, d: &DrawnWorkload) -> impl Iterator<Item = (usize, u64)> {
        (d.first_action..).zip(self.counts_of(d).iter().copied())
    }
}

/// A new arrival.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub action: u32,
    pub index: u32,
    /// Trace: the copy of the row.
    pub copy: u32,
    pub key: Key,
}

/// Arrivals of a second: one at its instant \[ns in the second\], or many with a density.
pub(super) enum Piece<'d> {
    One(u64, Arrival),
    Many {
        action: usize,
        n: u64,
        key: Key,
        density: &'d Density,
    },
}

/// Arrivals of one action that were split over the slots of a second.
#[derive(Clone, Copy)]
pub(super) struct Split {
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
pub(super) struct Occupied([u64; SLOTS / 64]);

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
pub(super) struct Spread {
    pub occupied: Occupied,
    pub splits: Vec<Split>,
    pub slot_counts: Vec<u32>,
    /// Instant and position of arrivals that were listed one by one, in order of time.
    pub listed: Vec<u64>,
    pub listed_arrivals: Vec<Arrival>,
    pub next_listed: usize,
}

impl Spread {
    fn clear(&mut self) {
        self.occupied = Occupied::default();
        self.splits.clear();
        self.slot_counts.clear();
        self.listed.clear();
        self.listed_arrivals.clear();
        self.next_listed = 0;
    }

    fn list(&mut self, at: u64, arrival: Arrival) {
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
    fn counts_of(&self, split: &Split) -> &[u32] {
        &self.slot_counts[split.counts..split.counts + SLOTS]
    }
}

impl World<'_> {
    /// How many arrivals of each action the second has.
    pub(super) fn draw(&mut self, second: u64) {
        self.drawn.second = second;
        self.undrawn = second + 1;
        if second >= self.plan.horizon_s {
            self.selection.clear();
            return self.drawn.clear();
        }
        if second >= self.selection.until {
            self.selection.number += 1;
            let ranges = self.open.iter().map(|&w| &self.workloads[w].active);
            let changes = ranges.flat_map(|active| [active.start, active.end]);
            self.selection.until = changes.filter(|&at| at > second).min().unwrap_or(u64::MAX);
            self.selection.clear();
        }
        if self.drawn.selection != self.selection.number {
            self.select(second);
        }
        let drawn = &mut self.drawn;
        for d in &mut drawn.workloads {
            let state = &mut self.workloads[d.workload];
            d.has_memory = state.has_memory;
            d.one_by_one = state.has_memory || state.has_debts();
            let counts = &mut drawn.counts[d.first..d.first + d.actions];
            let Some(arrivals) = &mut state.arrivals else {
                counts.fill(0);
                if let Kind::Trace {
                    trace,
                    actions,
                    start,
                    ..
                } = &self.plan.workloads[d.workload].kind
                {
                    let mix = state.trace_key.with(Purpose::Action as u64).with(second);
                    trace.of_second(second - start, state.trace_key, |ordinal, _, row| {
                        let row = &trace.recording.rows[row];
                        counts[actions.action_of(row, mix.with(ordinal).unit(), &state.sums)] += 1;
                    });
                }
                continue;
            };
            let (mean, density) = arrivals.of_second(second);
            let is_random = density.is_random();
            d.density = Some(density);
            if is_random {
                let actions = &self.actions[d.first_action..d.first_action + d.actions];
                let shares = actions.iter().zip(&state.shares);
                for (n, (action, share)) in counts.iter_mut().zip(shares) {
                    *n = action.key.with(second).stream().poisson(mean * share);
                }
            } else {
                let mut stream = state.arrivals_key.with(second).stream();
                stream.multinomial(mean as u64, &state.shares, &mut drawn.multinomial);
                counts.copy_from_slice(&drawn.multinomial);
            }
        }
    }

    /// Lists the workloads that are active in a second.
    fn select(&mut self, second: u64) {
        let (drawn, selection) = (&mut self.drawn, &mut self.selection);
        drawn.clear();
        drawn.selection = selection.number;
        let is_known = !selection.actions.is_empty();
        for &w in &self.open {
            let state = &self.workloads[w];
            if !state.active.contains(&second) {
                continue;
            }
            let (first, first_action) = (drawn.counts.len(), state.first_action);
            let actions = self.plan.workloads[w].actions.len();
            for a in first_action..first_action + actions {
                let count = drawn.counts.len() as u32;
                drawn.counts.push(0);
                if !is_known {
                    selection.actions.push(a as u32);
                    let demand = self.actions[a].demand.iter();
                    let asked = demand.map(|&(q, each)| (count, q as u32, each));
                    selection.demand.extend(asked);
                }
            }
            drawn.workloads.push(DrawnWorkload {
                workload: w,
                first,
                first_action,
                actions,
                has_memory: false,
                one_by_one: false,
                density: None,
            });
        }
    }

    /// The arrivals of one of a second's workloads: the few, and those that have instants of their
    /// own, one by one.
    pub(super) fn pieces<'d>(
        &self,
        drawn: &'d Drawn,
        d: &'d DrawnWorkload,
        mut on: impl FnMut(Piece<'d>),
    ) {
        let (w, second) = (d.workload, drawn.second);
        let state = &self.workloads[w];
        if let Kind::Trace {
            trace,
            actions,
            start,
            ..
        } = &self.plan.workloads[w].kind
        {
            let mix = state.trace_key.with(Purpose::Action as u64).with(second);
            trace.of_second(second - start, state.trace_key, |ordinal, at, row| {
                let draw = mix.with(ordinal).unit();
                let action = actions.action_of(&trace.recording.rows[row], draw, &state.sums);
                let action = d.first_action + action;
                let arrival = Arrival {
                    action: action as u32,
                    index: row as u32,
                    copy: ordinal as u32,
                    key: self.actions[action].key.with(second).with(ordinal),
                };
                on(Piece::One(at, arrival));
            });
        }
        let Some(density) = &d.density else {
            return;
        };
        if let Density::Even { .. } = density {
            // Which action each of the evenly spaced arrivals is: drawn without putting back.
            let mut left = drawn.counts[d.first..d.first + d.actions].to_vec();
            let mut total: u64 = left.iter().sum();
            let key = state.arrivals_key.with(second);
            let mut stream = key.with(Purpose::Action as u64).stream();
            density.list(total, second, key, |at, index, key| {
                let mut pick = if left.len() > 1 {
                    stream.below(total)
                } else {
                    0
                };
                let action = left.iter().position(|&n| {
                    let here = pick < n;
                    pick = pick.saturating_sub(n);
                    here
                });
                let action = action.unwrap_or(0);
                left[action] -= 1;
                total -= 1;
                let arrival = Arrival {
                    action: (d.first_action + action) as u32,
                    index,
                    copy: 0,
                    key,
                };
                on(Piece::One(at, arrival));
            });
            return;
        }
        for (action, n) in drawn.of(d) {
            let key = self.actions[action].key.with(second);
            if density.is_listed(n) {
                density.list(n, second, key, |at, index, key| {
                    let arrival = Arrival {
                        action: action as u32,
                        index,
                        copy: 0,
                        key,
                    };
                    on(Piece::One(at, arrival));
                });
            } else {
                on(Piece::Many {
                    action,
                    n,
                    key,
                    density,
                });
            }
        }
    }

    /// Lays the second's arrivals out over its slots. `only_one_by_one`: of those workloads only.
    pub(super) fn spread(&mut self, only_one_by_one: bool) {
        let mut spread = std::mem::take(&mut self.spread);
        spread.clear();
        for d in &self.drawn.workloads {
            if only_one_by_one && !d.one_by_one {
                continue;
            }
            self.pieces(&self.drawn, d, |piece| match piece {
                Piece::One(at, arrival) => spread.list(at, arrival),
                Piece::Many {
                    action,
                    n,
                    key,
                    density,
                } => {
                    let counts = spread.slot_counts.len();
                    density.split(n, key, &mut spread.slot_counts);
                    spread.splits.push(Split {
                        action: action as u32,
                        workload: d.workload as u32,
                        key,
                        counts,
                    });
                }
            });
        }
        spread.listed.sort_unstable();
        for i in 0..spread.splits.len() {
            let mut occupied = spread.occupied;
            let counts = spread.counts_of(&spread.splits[i]);
            for (bits, counts) in occupied.0.iter_mut().zip(counts.chunks(64)) {
                let of_slot = |(i, &n): (usize, &u32)| u64::from(n > 0) << i;
                *bits |= counts.iter().enumerate().map(of_slot).sum::<u64>();
            }
            spread.occupied = occupied;
        }
        if self.weighed {
            self.weigh(&spread);
        }
        self.spread = spread;
    }

    /// Adds what the arrivals may ask for to the demand of each slot.
    fn weigh(&mut self, spread: &Spread) {
        for &listed in &spread.listed {
            let slot = slot_of(listed >> POSITION_BITS);
            let arrival = spread.listed_arrivals[(listed & POSITION) as usize];
            for &(q, each) in &self.actions[arrival.action as usize].demand {
                self.quotas[q].demand[slot] += each as u32;
            }
        }
        for split in &spread.splits {
            for &(q, each) in &self.actions[split.action as usize].demand {
                let counts = spread.counts_of(split);
                for (demand, &n) in self.quotas[q].demand.iter_mut().zip(counts) {
                    *demand += n * each as u32;
                }
            }
        }
    }
}

impl ActionState {
    /// Most calls of one arrival to a quota.
    #[inline]
    pub(super) fn demand_of(&self, quota: usize) -> u64 {
        let demand = self.demand.iter().find(|d| d.0 == quota);
        demand.map_or(0, |d| d.1)
    }
}
