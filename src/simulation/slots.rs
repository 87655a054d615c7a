//! A contended second, slot by slot: counted until the room runs out, in order where it does, and after it
//! only the losers.

use super::drawn::{Arrival, Split};
use super::request::Request;
use super::{ActionState, World, for_each_asked, request};
use crate::engine::SECOND;
use crate::engine::calendar::{Entry, SLOT_NS, SLOTS};
use crate::engine::limiter::Tokens;
use crate::model::arrivals::{in_slot, keys_in_slot};

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
        self.calendar.open(second);
        self.start_jobs(second);
        for slot in 0..SLOTS {
            if self.options.is_cancelled() {
                return;
            }
            if !self.begin_slot(slot) {
                continue;
            }
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
                Verdict::Exhausted | Verdict::Open => self.contest(slot, second),
            }
        }
        self.add_counted(second, false);
    }

    /// Begins a slot of the second, all in turn, unless it holds nothing.
    pub(super) fn begin_slot(&mut self, slot: usize) -> bool {
        self.calendar.begin_slot(slot) || self.spread.occupied.holds(slot)
    }

    /// What the quotas say of a slot, which has begun.
    fn verdict(&mut self, second: u64, slot: usize) -> Verdict {
        // The new arrivals were weighed when they were spread.
        let (classes, lanes, quotas) = (&self.classes, &self.lanes, &mut self.quotas);
        match self.sole_quota {
            Some(q) => quotas[q].demand[slot] += self.calendar.scheduled(),
            None => self.calendar.events_of_slot().for_each(|request| {
                for_each_asked(classes, lanes, request.class, |q| {
                    quotas[q].demand[slot] += 1
                });
            }),
        }
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
            if state.has_debts() {
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
            match self.sole_quota.filter(|_| self.timed.is_empty()) {
                Some(q) => self.win_slot(slot, second, q),
                None => self.any_listed(slot, second, Self::win),
            }
        }
    }

    /// What of a slot was listed or scheduled, where one fixed window decides and admits all.
    fn win_slot(&mut self, slot: usize, second: u64, quota: usize) {
        self.each_listed(slot, second, Self::win);
        let (classes, workloads, warm_up) = (&mut self.classes, &mut self.workloads, self.warm_up);
        let mut won = 0;
        // No jobs run where one quota decides about all attempts.
        self.calendar.take_all(|_, at, request| {
            let class = &mut classes[request.class as usize];
            let state = &mut workloads[class.workload as usize];
            class.ends_well(state, warm_up, at, request);
            won += 1;
        });
        let quota = &mut self.quotas[quota];
        quota.attempts += won;
        quota.limiter.take_counted(won);
    }

    /// A slot in which some may win and some lose.
    fn contest(&mut self, slot: usize, second: u64) {
        let start = second * SECOND + slot as u64 * SLOT_NS;
        // Retry quotas need the order of what is won and lost.
        let sole_quota = self.sole_quota.filter(|_| !self.has_tokens);
        let tokens = sole_quota.and_then(|q| {
            let limiter = &mut self.quotas[q].limiter;
            Some((q, limiter.tokens(start, start + SLOT_NS)?))
        });
        match tokens {
            Some((q, tokens)) => self.between_tokens(slot, q, tokens, start + SLOT_NS),
            None => self.in_order(slot, false),
        }
    }

    /// A slot call by call in order of time. `memory_only`: of those workloads, the
    /// rest of it having been counted.
    fn in_order(&mut self, slot: usize, memory_only: bool) {
        self.add_new(slot, memory_only, false);
        while let Some(place) = self.calendar.take_next() {
            self.offer_next(place);
        }
    }

    /// A slot that ends at `end`, in which the tokens of one quota alone decide: of the attempts that come
    /// between one token and the next the first ones win, as many as there are tokens, and the others lose,
    /// in whatever order; so do their retries before the next token.
    fn between_tokens(&mut self, slot: usize, quota: usize, tokens: Tokens, end: u64) {
        self.add_new(slot, false, true);
        let parts = tokens.most() as usize + 1;
        // With far more tokens than attempts, order is had for less.
        let (won, lost) = if parts <= 32 + 4 * self.calendar.slot_len() {
            self.decide_parts(parts, tokens)
        } else {
            self.decide_each(tokens)
        };
        let quota = &mut self.quotas[quota];
        quota.attempts += won;
        quota.refuse(lost);
        quota.limiter.take_tokens(end, won);
    }

    /// Does so attempt by attempt; returns how many won and lost.
    fn decide_each(&mut self, tokens: Tokens) -> (u64, u64) {
        let (mut won, mut lost) = (0, 0);
        while let Some(place) = self.calendar.take_next() {
            if won < tokens.first() + tokens.come(self.calendar.entry(place).at) {
                self.win_at(place);
                won += 1;
            } else {
                self.lose_at(place);
                lost += 1;
            }
        }
        (won, lost)
    }

    /// Does so token by token, each of which begins a part.
    #[inline(always)]
    fn decide_parts(&mut self, parts: usize, tokens: Tokens) -> (u64, u64) {
        let (mut won, mut lost) = (0, 0);
        let part_of = |at| tokens.come(at) as usize;
        self.calendar.cut(parts, part_of);
        for part in 0..parts {
            let come = tokens.first() + part as u64;
            // One after another, unless that would be many walks through the part.
            let sorted = won + 4 < come;
            if sorted {
                self.calendar.sort_part(part);
            }
            while won < come
                && let Some(place) = match sorted {
                    true => self.calendar.take_any_of(part),
                    false => self.calendar.take_first(part),
                }
            {
                self.win_at(place);
                won += 1;
            }
            while self.calendar.holds_part(part) {
                while let Some(place) = self.calendar.take_any_of(part) {
                    self.lose_at(place);
                    lost += 1;
                }
                self.calendar.cut_late(part_of);
            }
        }
        (won, lost)
    }

    /// Adds the new arrivals of a slot to what the calendar holds for it. `memory_only`: of those workloads.
    /// `count`: their requests are counted here, not with their first attempts, and those that ask nobody
    /// are not added at all.
    #[inline(always)]
    fn add_new(&mut self, slot: usize, memory_only: bool, count: bool) {
        let base = self.drawn.second * SECOND;
        let unmeasured = usize::from(base < self.warm_up);
        let calendar = &mut self.calendar;
        let mut add = |action: &ActionState, at: u64, arrival: &Arrival| {
            action.requests_of(base + at, arrival, |r| calendar.add_new(base + at, r));
        };
        let (classes, counted) = (&mut self.classes, &mut self.counted);
        let mut counts = |index: u32, n: u64| {
            let action = &self.actions[index as usize];
            if action.demand.is_empty() {
                counted[index as usize] += n;
                return true;
            }
            action
                .classes()
                .for_each(|c| classes[c as usize].tally[unmeasured].requests += n);
            false
        };
        for split in &self.spread.splits {
            let n = self.spread.slot_counts[split.counts + slot];
            if n == 0 || (memory_only && !self.workloads[split.workload as usize].has_memory) {
                continue;
            }
            if count && counts(split.action, u64::from(n)) {
                continue;
            }
            let action = &self.actions[split.action as usize];
            in_slot(split.key, slot, n, |at, index, key| {
                add(action, at, &split.arrival(index, key));
            });
        }
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            if count && counts(arrival.action, 1) {
                continue;
            }
            add(&self.actions[arrival.action as usize], at, &arrival);
        }
    }

    /// Gives the clients of a slot's admitted arrivals back what their successes earn.
    fn refund_slot(&mut self, split: Split, slot: usize, n: u64) {
        let earning = self.actions[split.action as usize].earning;
        let state = &mut self.workloads[split.workload as usize];
        let payers = state.payers;
        if let Some(tokens) = &mut state.tokens {
            let keys = keys_in_slot(split.key, slot, n as u32);
            tokens.refund_firsts(keys.map(|key| request::client(key, payers)), earning);
        }
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
        self.any_listed(slot, second, Self::offer);
    }

    /// Takes what of a slot was listed.
    #[inline(always)]
    fn each_listed(
        &mut self,
        slot: usize,
        second: u64,
        mut on: impl FnMut(&mut Self, u64, &Request),
    ) {
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            let at = second * SECOND + at;
            self.requests_of(at, &arrival, |world, request| on(world, at, &request));
        }
    }

    /// Takes what of a slot was listed or scheduled, in no order.
    #[inline(always)]
    pub(super) fn any_listed(
        &mut self,
        slot: usize,
        second: u64,
        mut on: impl FnMut(&mut Self, u64, &Request),
    ) {
        self.each_listed(slot, second, &mut on);
        while let Some(place) = self.calendar.take_any() {
            let Entry { at, event } = self.calendar.entry(place);
            on(self, at, &event);
        }
    }
}
