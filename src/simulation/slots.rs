//! A contended second, slot by slot: counted until the room runs out, in order where it does, and after it
//! only the losers; and the instants of its arrivals.

use super::request::{self, Purpose};
use super::{Arrival, Split, World, trace_action};
use crate::engine::SECOND;
use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::model::Kind;
use crate::model::arrivals::{Density, in_slot};

/// Bits of an arrival's position; the instant stands above them.
const POSITION_BITS: u32 = 34;
const POSITION: u64 = (1 << POSITION_BITS) - 1;

/// The slot of an instant \[ns in the second\].
#[inline(always)]
pub(super) fn slot_of(at: u64) -> usize {
    (at / SLOT_NS) as usize
}

/// Slots of the present second that hold anything, one bit each.
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

/// What is known of a slot before looking into it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Every quota asked for has room for all.
    Quiet,
    /// Every quota asked for has room for none.
    Exhausted,
    /// It depends on the order.
    Open,
}

impl World<'_> {
    /// A second in which somebody may be throttled: slot by slot.
    pub(super) fn contended(&mut self, second: u64) {
        for &q in &self.quotas_here {
            self.quotas[q].demand.fill(0);
        }
        self.spread(second, false);
        for entry in self.calendar.events_of(second) {
            let slot = slot_of(entry.at % SECOND);
            self.occupied.mark(slot);
            let class = &self.plan.classes[entry.event.class as usize];
            for lane in &self.lanes[class.first_lane..class.first_lane + class.lanes] {
                for &q in lane.quotas() {
                    self.quotas[q as usize].demand[slot] += 1;
                }
            }
        }
        self.calendar.open(second);
        self.start_jobs(second);
        // How many requests a running job sends depends on the answers: every slot is open then.
        let ordered = self.options.simulate_all || self.jobs_run();
        for slot in 0..SLOTS {
            if !self.occupied.holds(slot) {
                continue;
            }
            self.calendar.begin_slot(slot);
            let verdict = if ordered {
                Verdict::Open
            } else {
                self.verdict(second, slot)
            };
            match verdict {
                Verdict::Quiet => self.count_slot(slot, second),
                Verdict::Exhausted if !self.has_memory => {
                    if !self.has_tokens {
                        self.in_any_order(slot, second);
                    } else if !self.lose_slot(slot, second) {
                        self.in_order(slot, second, false);
                    }
                }
                Verdict::Exhausted | Verdict::Open => self.in_order(slot, second, false),
            }
        }
        self.add_counted(second, false);
    }

    /// What the quotas say of a slot.
    fn verdict(&mut self, second: u64, slot: usize) -> Verdict {
        let (mut quiet, mut exhausted) = (true, true);
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            let demand = u64::from(quota.demand[slot]);
            if demand == 0 {
                continue;
            }
            let room = quota.limiter.room_in(second);
            quiet &= room.is_some_and(|room| demand <= room);
            exhausted &= room == Some(0);
        }
        match (quiet, exhausted) {
            (true, _) => Verdict::Quiet,
            (false, true) => Verdict::Exhausted,
            (false, false) => Verdict::Open,
        }
    }

    /// A slot in which all are admitted.
    pub(super) fn count_slot(&mut self, slot: usize, second: u64) {
        for s in 0..self.splits.len() {
            let split = &self.splits[s];
            let n = u64::from(self.slot_counts[split.counts + slot]);
            if n == 0 {
                continue;
            }
            if self.workloads[split.workload].has_memory {
                continue;
            }
            // Asked for each slot: a client may have paid for a retry in this very second.
            if self.workloads[split.workload]
                .tokens
                .as_ref()
                .is_some_and(|t| !t.all_full())
            {
                self.refund_slot(s, slot, n);
            }
            let action = self.splits[s].action as usize;
            self.counted[action] += n;
            for &(q, each) in &self.actions[action].demand {
                self.quotas[q].limiter.take_counted(n * each);
            }
        }
        if self.has_memory {
            self.in_order(slot, second, true);
        } else {
            // Listed arrivals and retries: all are admitted, so their order does not matter.
            while let Some((at, arrival)) = self.take_listed(slot) {
                self.arrive(second * SECOND + at, arrival);
            }
            while let Some(entry) = self.calendar.take_any() {
                self.offer(entry.at, entry.event);
            }
        }
    }

    // ----- instants ----------------------------------------------------------------------------

    /// Splits the counts of the second over its slots, or lists the arrivals where they are few or
    /// have instants of their own. `only_one_by_one`: of those workloads only.
    pub(super) fn spread(&mut self, second: u64, only_one_by_one: bool) {
        self.occupied = Occupied::default();
        self.splits.clear();
        self.slot_counts.clear();
        self.listed.clear();
        self.listed_arrivals.clear();
        self.next_listed = 0;
        for d in 0..self.drawn.len() {
            let w = self.drawn[d];
            let actions = self.actions_of(w);
            let state = &self.workloads[w];
            if only_one_by_one && !state.one_by_one {
                continue;
            }
            let (listed, arrivals) = (&mut self.listed, &mut self.listed_arrivals);
            let quotas = &mut self.quotas;
            let of_actions = &self.actions;
            let occupied = &mut self.occupied;
            let mut list = |at: u64, arrival: Arrival| {
                let slot = slot_of(at);
                occupied.mark(slot);
                listed.push(at << POSITION_BITS | arrivals.len() as u64);
                arrivals.push(arrival);
                for &(q, each) in &of_actions[arrival.action as usize].demand {
                    quotas[q].demand[slot] += each as u32;
                }
            };
            if let Kind::Trace { trace, start, .. } = &self.plan.workloads[w].kind {
                let mix = state.trace_key.with(Purpose::Action as u64).with(second);
                trace.of_second(second - start, state.trace_key, |ordinal, at, row| {
                    let action = actions.start
                        + trace_action(trace, &trace.rows[row], mix.with(ordinal), &state.sums);
                    let key = of_actions[action].key.with(second).with(ordinal);
                    list(
                        at,
                        Arrival {
                            action: action as u32,
                            index: row as u32,
                            copy: ordinal as u32,
                            key,
                        },
                    );
                });
                continue;
            }
            let Some(density) = &state.density else {
                continue;
            };
            if let Density::Even { .. } = density {
                // Which action each of the evenly spaced arrivals is: drawn without putting back.
                let mut left = self.counts[actions.clone()].to_vec();
                let mut total: u64 = left.iter().sum();
                let mut stream = state
                    .arrivals_key
                    .with(second)
                    .with(Purpose::Action as u64)
                    .stream();
                density.list(
                    total,
                    second,
                    state.arrivals_key.with(second),
                    |at, index, key| {
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
                        list(
                            at,
                            Arrival {
                                action: (actions.start + action) as u32,
                                index,
                                copy: 0,
                                key,
                            },
                        );
                    },
                );
                continue;
            }
            for a in actions {
                let n = self.counts[a];
                let key = of_actions[a].key.with(second);
                if density.is_listed(n) {
                    density.list(n, second, key, |at, index, key| {
                        list(
                            at,
                            Arrival {
                                action: a as u32,
                                index,
                                copy: 0,
                                key,
                            },
                        );
                    });
                    continue;
                }
                let counts = self.slot_counts.len();
                density.split(n, key, &mut self.slot_counts);
                self.splits.push(Split {
                    action: a as u32,
                    key,
                    counts,
                    workload: w,
                });
            }
        }
        self.listed.sort_unstable();
        for split in &self.splits {
            let counts = &self.slot_counts[split.counts..split.counts + SLOTS];
            for (bits, counts) in self.occupied.0.iter_mut().zip(counts.chunks(64)) {
                let of_slot = |(i, &n): (usize, &u32)| u64::from(n > 0) << i;
                *bits |= counts.iter().enumerate().map(of_slot).sum::<u64>();
            }
            for &(q, each) in &self.actions[split.action as usize].demand {
                let counts = &self.slot_counts[split.counts..split.counts + SLOTS];
                for (demand, &n) in self.quotas[q].demand.iter_mut().zip(counts) {
                    *demand += n * each as u32;
                }
            }
        }
    }

    /// The next listed arrival of a slot, with its instant \[ns in the second\].
    fn take_listed(&mut self, slot: usize) -> Option<(u64, Arrival)> {
        let &listed = self.listed.get(self.next_listed)?;
        let at = listed >> POSITION_BITS;
        (slot_of(at) <= slot).then(|| {
            self.next_listed += 1;
            (at, self.listed_arrivals[(listed & POSITION) as usize])
        })
    }

    /// A slot call by call in order of time. `memory_only`: of those workloads, the
    /// rest of it having been counted.
    fn in_order(&mut self, slot: usize, second: u64, memory_only: bool) {
        let base = second * SECOND;
        self.order.clear();
        self.order_arrivals.clear();
        for split in &self.splits {
            let n = self.slot_counts[split.counts + slot];
            if n == 0 || (memory_only && !self.workloads[split.workload].has_memory) {
                continue;
            }
            let (order, arrivals) = (&mut self.order, &mut self.order_arrivals);
            in_slot(split.key, slot, n, |at, index, key| {
                order.push(at << POSITION_BITS | arrivals.len() as u64);
                arrivals.push(Arrival {
                    action: split.action,
                    index,
                    copy: 0,
                    key,
                });
            });
        }
        while let Some((at, arrival)) = self.take_listed(slot) {
            self.order
                .push(at << POSITION_BITS | self.order_arrivals.len() as u64);
            self.order_arrivals.push(arrival);
        }
        self.order.sort_unstable();
        let mut next = 0;
        loop {
            let arrival = self
                .order
                .get(next)
                .map_or(u64::MAX, |o| base + (o >> POSITION_BITS));
            if self.calendar.next_at() <= arrival {
                match self.calendar.pop() {
                    Some(entry) => self.offer(entry.at, entry.event),
                    // Neither holds anything: both times are the largest number there is.
                    None => break,
                }
            } else {
                let position = (self.order[next] & POSITION) as usize;
                next += 1;
                self.arrive(arrival, self.order_arrivals[position]);
            }
        }
    }

    /// Gives the clients of a slot's admitted arrivals back what their successes earn.
    fn refund_slot(&mut self, split: usize, slot: usize, n: u64) {
        let Split { action, key, .. } = self.splits[split];
        let state = &self.actions[action as usize];
        let classes = if state.parts.is_empty() {
            std::slice::from_ref(&state.class)
        } else {
            &state.parts
        };
        let earns = |&&class: &&u32| self.plan.classes[class as usize].denial.is_none();
        let parts = classes.iter().filter(earns).count();
        let w = self.plan.classes[state.class as usize].workload;
        let clients = u64::from(self.plan.workloads[w].clients);
        if let Some(tokens) = &mut self.workloads[w].tokens {
            in_slot(key, slot, n as u32, |_, _, key| {
                let client = if clients == 1 {
                    0
                } else {
                    request::client(key, clients)
                };
                for _ in 0..parts {
                    tokens.refund(client, false);
                }
            });
        }
    }

    /// A slot in which all lose, where retry quotas may run dry: order matters only between losers
    /// of one client that cannot pay for all their retries. False, and nothing is done, where a
    /// retry would fall into this very slot: then all is ordered.
    fn lose_slot(&mut self, slot: usize, second: u64) -> bool {
        let base = second * SECOND;
        let end = (slot as u64 + 1) * SLOT_NS;
        let mut losers = std::mem::take(&mut self.losers);
        losers.clear();
        for split in &self.splits {
            let state = &self.actions[split.action as usize];
            let n = self.slot_counts[split.counts + slot];
            in_slot(split.key, slot, n, |at, index, key| {
                self.add_losers(
                    &mut losers,
                    base + at,
                    state,
                    Arrival {
                        action: split.action,
                        index,
                        copy: 0,
                        key,
                    },
                );
            });
        }
        let mut next = self.next_listed;
        while let Some(&listed) = self.listed.get(next)
            && listed >> POSITION_BITS < end
        {
            next += 1;
            let arrival = self.listed_arrivals[(listed & POSITION) as usize];
            let state = &self.actions[arrival.action as usize];
            self.add_losers(
                &mut losers,
                base + (listed >> POSITION_BITS),
                state,
                arrival,
            );
        }
        for entry in self.calendar.slot_events() {
            losers.push(self.loser(entry.at, entry.event));
        }
        let in_time = losers.iter().all(|l| l.next >= base + end);
        if in_time {
            self.next_listed = next;
            while self.calendar.take_any().is_some() {}
            self.lose(&losers);
        }
        self.losers = losers;
        in_time
    }

    /// A slot in which all lose, and nothing else depends on their order.
    fn in_any_order(&mut self, slot: usize, second: u64) {
        let base = second * SECOND;
        for s in 0..self.splits.len() {
            let split = &self.splits[s];
            let (action, key) = (split.action, split.key);
            let n = self.slot_counts[split.counts + slot];
            in_slot(key, slot, n, |at, index, key| {
                self.arrive(
                    base + at,
                    Arrival {
                        action,
                        index,
                        copy: 0,
                        key,
                    },
                );
            });
        }
        while let Some((at, arrival)) = self.take_listed(slot) {
            self.arrive(base + at, arrival);
        }
        while let Some(entry) = self.calendar.take_any() {
            self.offer(entry.at, entry.event);
        }
    }
}
