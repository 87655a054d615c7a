//! A contended second, slot by slot: counted until the room runs out, in order where it does, and after it
//! only the losers.

use super::drawn::Split;
use super::losers::NOBODY;
use super::{World, asked, request};
use crate::engine::SECOND;
use crate::engine::calendar::{Next, SLOT_NS, SLOTS};
use crate::model::arrivals::in_slot;

/// The slot of an instant \[ns in the second\].
#[inline(always)]
pub(super) fn slot_of(at: u64) -> usize {
    (at / SLOT_NS) as usize
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
        self.recover(second);
        self.order_guarded(true);
        // How many requests a running job sends depends on the answers: every slot is open then. So it
        // is where no quota can tell what it has left without instants.
        self.weighed = !(self.options.simulate_all
            || self.jobs_run()
            || self.has_job_start(second)
            || self.is_paced()
            || self.timed.len() == self.quotas_here.len());
        if self.weighed {
            for &q in &self.quotas_here {
                self.quotas[q].demand.fill(0);
            }
        }
        self.spread(false);
        let (occupied, weighed) = (&mut self.spread.occupied, self.weighed);
        let (classes, lanes, quotas) = (&self.classes, &self.lanes, &mut self.quotas);
        self.calendar.open_with(second, |slot, request| {
            occupied.mark(slot);
            if weighed {
                for q in asked(classes, lanes, request.class) {
                    quotas[q].demand[slot] += 1;
                }
            }
        });
        self.start_jobs(second);
        for slot in 0..SLOTS {
            if !self.spread.occupied.holds(slot) {
                continue;
            }
            self.calendar.begin_slot(slot);
            let verdict = if self.weighed {
                self.verdict(second, slot)
            } else {
                Verdict::Open
            };
            match verdict {
                Verdict::Quiet => self.count_slot(slot, second),
                Verdict::Exhausted if !self.has_memory => {
                    if self.has_tokens {
                        self.lose_slot(slot, second);
                    } else {
                        self.in_any_order(slot, second);
                    }
                }
                Verdict::Exhausted | Verdict::Open => self.in_order(slot, false),
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
        for s in 0..self.spread.splits.len() {
            let split = self.spread.splits[s];
            let n = u64::from(self.spread.slot_counts[split.counts + slot]);
            let state = &self.workloads[split.workload as usize];
            if n == 0 || state.has_memory {
                continue;
            }
            // Asked for each slot: a client may have paid for a retry in this very second.
            if state.tokens.as_ref().is_some_and(|t| !t.all_full()) {
                self.refund_slot(split, slot, n);
            }
            let action = split.action as usize;
            self.counted[action] += n;
            for &(q, each) in &self.actions[action].demand {
                self.quotas[q].limiter.take_counted(n * each);
            }
        }
        if self.has_memory {
            self.in_order(slot, true);
        } else {
            // Listed arrivals and retries: all are admitted, so their order does not matter.
            self.any_listed(slot, second);
        }
    }

    /// A slot call by call in order of time. `memory_only`: of those workloads, the
    /// rest of it having been counted.
    fn in_order(&mut self, slot: usize, memory_only: bool) {
        let from = slot as u64 * SLOT_NS;
        let mut new = std::mem::take(&mut self.new);
        new.instants.clear();
        new.arrivals.clear();
        for split in &self.spread.splits {
            let n = self.spread.slot_counts[split.counts + slot];
            if n == 0 || (memory_only && !self.workloads[split.workload as usize].has_memory) {
                continue;
            }
            in_slot(split.key, slot, n, |at, index, key| {
                new.instants.push(at - from);
                new.arrivals.push(split.arrival(index, key));
            });
        }
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            new.instants.push(at - from);
            new.arrivals.push(arrival);
        }
        self.calendar.order_with(new.instants.iter().copied());
        while let Some((at, next)) = self.calendar.take_next() {
            match next {
                Next::New(number) => self.arrive(at, &new.arrivals[number]),
                Next::Scheduled(place) => self.offer_scheduled(at, place),
            }
        }
        self.new = new;
    }

    /// Gives the clients of a slot's admitted arrivals back what their successes earn.
    fn refund_slot(&mut self, split: Split, slot: usize, n: u64) {
        let earning = self.actions[split.action as usize].earning;
        let w = split.workload as usize;
        let clients = self.workloads[w].payers;
        if let Some(tokens) = &mut self.workloads[w].tokens {
            in_slot(split.key, slot, n as u32, |_, _, key| {
                let client = request::client(key, clients);
                for _ in 0..earning {
                    tokens.refund(client, false);
                }
            });
        }
    }

    /// A slot in which all lose, where retry quotas may run dry.
    ///
    /// Order matters only between losers of one client that cannot pay for all their retries. So
    /// they are looked at twice: to count the losers of each client, and to decide.
    fn lose_slot(&mut self, slot: usize, second: u64) {
        let base = second * SECOND;
        let end = base + (slot as u64 + 1) * SLOT_NS;
        let mut lost = std::mem::take(&mut self.lost);
        lost.clear();
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            self.requests_of(base + at, &arrival, |_, request| {
                lost.others.push((base + at, request));
            });
        }
        while let Some(entry) = self.calendar.take_any() {
            lost.others.push((entry.at, entry.event));
        }
        for s in 0..self.spread.splits.len() {
            self.count_losers(self.spread.splits[s], slot, end, &mut lost);
        }
        for (at, request) in &lost.others {
            lost.clients.push(self.count_loser(*at, request, end));
        }
        let clients = std::mem::take(&mut lost.clients);
        let mut next = clients.iter().copied();
        for s in 0..self.spread.splits.len() {
            self.lose_all(self.spread.splits[s], slot, end, &mut next, &mut lost);
        }
        let others = std::mem::take(&mut lost.others);
        for &(at, request) in &others {
            self.lose(at, request, next.next().unwrap_or(NOBODY), end, &mut lost);
        }
        (lost.clients, lost.others) = (clients, others);
        self.lose_in_order(&mut lost.contested, end);
        self.lost = lost;
    }

    /// A slot in which all lose, and nothing else depends on their order.
    fn in_any_order(&mut self, slot: usize, second: u64) {
        let base = second * SECOND;
        for s in 0..self.spread.splits.len() {
            let split = self.spread.splits[s];
            let n = self.spread.slot_counts[split.counts + slot];
            in_slot(split.key, slot, n, |at, index, key| {
                self.arrive(base + at, &split.arrival(index, key));
            });
        }
        self.any_listed(slot, second);
    }

    /// What of a slot was listed or scheduled, in no order.
    fn any_listed(&mut self, slot: usize, second: u64) {
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            self.arrive(second * SECOND + at, &arrival);
        }
        while let Some(entry) = self.calendar.take_any() {
            self.offer(entry.at, &entry.event);
        }
    }
}
