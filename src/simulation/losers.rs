//! Slots in which all lose: who pays for a retry, and in which order where that matters.

use super::drawn::{Arrival, Split};
use super::life::next_attempt;
use super::request::{Request, client};
use super::{SEVERAL, UNLIMITED, World};
use crate::engine::SECOND;
use crate::engine::calendar::{Entry, Place, SLOT_NS};
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::arrivals::{in_slot, instant_in_slot, keys_in_slot, number_in_slot};
use crate::model::retry::{RetryDelays, RetryTokens};

/// A request that loses, whose client's retry quota may pay for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loser {
    at: u64,
    /// 0 where it was scheduled, else its number among the new requests of the slot, from 1 on: at one
    /// instant they come in that order.
    new: u32,
    request: Request,
    client: u32,
}

/// What decides about the losers of a slot that ends at `end`.
struct Refused<'p> {
    latency: &'p Distribution,
    retry: &'p RetryDelays,
    tokens: &'p RetryTokens,
    end: u64,
}

impl Refused<'_> {
    /// Counts a loser that may try again among those of its client, and marks the client where it
    /// may depend on their order which of their retries its quota pays for.
    #[inline(always)]
    fn count(&self, losers: &mut u32, client: u32, loser: impl FnOnce() -> Loser) {
        *losers += 1;
        let n = *losers & !CONTESTED;
        // Retries within the slot lose too and ask the same client: at most so many.
        let most = n.saturating_mul(u32::from(self.retry.policy.max_attempts));
        if self.tokens.contests(client, most) {
            self.mark(losers, &loser());
        }
    }

    /// Marks the client unless this loser is its only one and asks for no more retries in the slot than
    /// are paid for.
    #[cold]
    fn mark(&self, losers: &mut u32, l: &Loser) {
        let (mut at, mut request) = (l.at, l.request);
        let mut retries = 0;
        while at < self.end && request.throttled + 1 < self.retry.policy.max_attempts {
            retries += 1;
            at = next_attempt(self.latency, self.retry, at, &request);
            request.throttled += 1;
        }
        if *losers != 1 || self.tokens.contests(l.client, retries) {
            *losers |= CONTESTED;
        }
    }
}

/// New requests of one class that lose in a slot, and have retry quotas.
struct Newcomers {
    class: u32,
    slot: usize,
    /// New requests of the slot that come before them.
    before: u32,
    /// Keys of their arrivals, by number, and their clients.
    all: std::ops::Range<usize>,
}

impl Newcomers {
    /// The `i`-th of them.
    #[inline(always)]
    fn loser(&self, i: usize, key: Key, client: u32, end: u64) -> Loser {
        let at = end - SLOT_NS + instant_in_slot(key);
        let index = number_in_slot(self.slot, i as u32);
        let request = Request::new(at, self.class, index, 0, 0, key);
        Loser {
            at,
            new: self.before + i as u32 + 1,
            request,
            client,
        }
    }
}

/// A loser that stands in the calendar.
struct Other {
    place: Place,
    client: u32,
}

/// The losers of a slot.
#[derive(Default)]
pub(super) struct Lost {
    newcomers: Vec<Newcomers>,
    keys: Vec<(Key, u32)>,
    others: Vec<Other>,
    /// New requests of the slot so far, and the numbers of those that stand in the calendar.
    new: u32,
    numbers: Vec<u32>,
    contested: Vec<Loser>,
    /// Those that try again in the slot, at that time.
    again: Vec<(Loser, u64)>,
}

/// No retry quota pays.
const NOBODY: u32 = u32::MAX;
/// Marks a client for whose losers of a slot order matters.
const CONTESTED: u32 = 1 << 31;

impl World<'_> {
    /// A slot in which all lose, where retry quotas may run dry.
    ///
    /// Order matters only between losers of one client that cannot pay for all their retries. So
    /// they are looked at twice: to count the losers of each client, and to decide.
    // Not inlined, so that a profile can tell what losers cost.
    #[inline(never)]
    pub(super) fn lose_slot(&mut self, slot: usize, second: u64) {
        let end = second * SECOND + (slot as u64 + 1) * SLOT_NS;
        let mut lost = std::mem::take(&mut self.lost);
        lost.newcomers.clear();
        lost.keys.clear();
        lost.others.clear();
        lost.numbers.clear();
        lost.new = 0;
        for s in 0..self.spread.splits.len() {
            let split = self.spread.splits[s];
            if !self.gather_split(split, slot, end, &mut lost) {
                self.add_split(split, slot, second, &mut lost);
            }
        }
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            self.add_arrival(second * SECOND + at, &arrival, &mut lost);
        }
        while let Some(place) = self.calendar.take_any() {
            self.gather(place, end, &mut lost.others);
        }
        for n in 0..lost.newcomers.len() {
            self.lose_newcomers(n, end, &mut lost);
        }
        for other in &lost.others {
            self.lose(other, end, &lost.numbers, &mut lost.contested);
        }
        self.lose_in_order(&mut lost.contested, end);
        self.lost = lost;
    }

    /// Refuses an event of a slot that ends at `end`, and counts it for its client.
    #[inline(always)]
    fn gather(&mut self, place: Place, end: u64, others: &mut Vec<Other>) {
        let Entry { at, event } = *self.calendar.entry(place);
        let class = &mut self.classes[event.class as usize];
        if class.only_quota == SEVERAL {
            return self.gather_several(place, end, others);
        }
        let tally = &mut class.tally[usize::from(event.arrived < self.warm_up)];
        tally.requests += u64::from(event.throttled == 0);
        tally.throttled += 1;
        let quota = &mut self.quotas[class.only_quota as usize];
        quota.attempts += 1;
        quota.throttled += 1;
        let w = class.workload as usize;
        let client = self.count_loser(w, at, &event, end);
        others.push(Other { place, client });
    }

    /// Does so with a request that needs more than one quota's word.
    #[inline(never)]
    fn gather_several(&mut self, place: Place, end: u64, others: &mut Vec<Other>) {
        let Entry { at, event } = *self.calendar.entry(place);
        let class = &self.classes[event.class as usize];
        let w = class.workload as usize;
        let client = if !class.asks_nobody() {
            let mut request = event;
            self.refuse(&mut request);
            *self.calendar.event_mut(place) = request;
            self.count_loser(w, at, &request, end)
        } else if self.workloads[w].tokens.is_some() {
            // Its success gives something back in the midst of the others.
            let state = &mut self.workloads[w];
            let client = state.payer(&event);
            state.losers_of[client as usize] |= CONTESTED;
            client
        } else {
            self.calendar.release(place);
            return self.offer(at, &event);
        };
        others.push(Other { place, client });
    }

    /// Counts a loser for the client whose retry quota has to pay for a retry, if one has.
    #[inline(always)]
    fn count_loser(&mut self, w: usize, at: u64, request: &Request, end: u64) -> u32 {
        let state = &mut self.workloads[w];
        let Some(tokens) = &state.tokens else {
            return NOBODY;
        };
        if request.throttled + 1 >= state.retry.policy.max_attempts {
            return NOBODY;
        }
        let client = state.payer(request);
        let refused = Refused {
            latency: &self.plan.throttled_latency,
            retry: &state.retry,
            tokens,
            end,
        };
        let loser = || Loser {
            at,
            new: 0,
            request: *request,
            client,
        };
        refused.count(&mut state.losers_of[client as usize], client, loser);
        client
    }

    /// Does so with the new requests that a split has in a slot, where they are of one class and have retry
    /// quotas.
    fn gather_split(&mut self, split: Split, slot: usize, end: u64, lost: &mut Lost) -> bool {
        let n = self.spread.slot_counts[split.counts + slot];
        let action = &self.actions[split.action as usize];
        let class_index = action.class;
        let class = &mut self.classes[class_index as usize];
        let state = &mut self.workloads[split.workload as usize];
        let several = !action.parts.is_empty() || class.only_quota == SEVERAL;
        let Some(tokens) = &state.tokens else {
            return false;
        };
        if several || state.retry.policy.max_attempts == 1 {
            return false;
        }
        // All are alike: what they count is added at once.
        let tally = &mut class.tally[usize::from(end <= self.warm_up)];
        tally.requests += u64::from(n);
        tally.throttled += u64::from(n);
        let quota = &mut self.quotas[class.only_quota as usize];
        quota.attempts += u64::from(n);
        quota.throttled += u64::from(n);
        let refused = Refused {
            latency: &self.plan.throttled_latency,
            retry: &state.retry,
            tokens,
            end,
        };
        let payers = state.payers;
        let losers_of = &mut state.losers_of[..];
        let first = lost.keys.len();
        let keys = keys_in_slot(split.key, slot, n);
        lost.keys.extend(keys.map(|key| (key, client(key, payers))));
        let newcomers = Newcomers {
            class: class_index,
            slot,
            before: lost.new,
            all: first..lost.keys.len(),
        };
        lost.new += n;
        for (i, &(key, client)) in lost.keys[first..].iter().enumerate() {
            let loser = || newcomers.loser(i, key, client, end);
            refused.count(&mut losers_of[client as usize], client, loser);
        }
        lost.newcomers.push(newcomers);
        true
    }

    /// Lets newcomers try again or fail unless their clients are contested.
    fn lose_newcomers(&mut self, n: usize, end: u64, lost: &mut Lost) {
        let Lost {
            newcomers,
            keys,
            contested,
            again,
            ..
        } = lost;
        let newcomers = &newcomers[n];
        let w = self.classes[newcomers.class as usize].workload as usize;
        let state = &mut self.workloads[w];
        let Some(tokens) = &mut state.tokens else {
            return;
        };
        let class = &self.classes[newcomers.class as usize];
        let demand = &mut self.quotas[class.only_quota as usize].demand[..];
        let weight = u32::from(self.weighed);
        let latency = &self.plan.throttled_latency;
        let (mut failed, mut waiting) = (0, 0);
        for (i, &(key, client)) in keys[newcomers.all.clone()].iter().enumerate() {
            let loser = newcomers.loser(i, key, client, end);
            let losers = &mut state.losers_of[client as usize];
            if *losers & CONTESTED != 0 {
                contested.push(loser);
                continue;
            }
            *losers = 0;
            if !tokens.take(client) {
                failed += 1;
                continue;
            }
            waiting += 1;
            let mut request = loser.request;
            let at = next_attempt(latency, &state.retry, loser.at, &request);
            if at < end {
                again.push((loser, at));
                continue;
            }
            request.throttled = 1;
            if let Some(slot) = self.calendar.schedule(at, request) {
                demand[slot] += weight;
            }
        }
        state.waiting += waiting;
        let start = end - SLOT_NS;
        record_at!(self, start).classes[newcomers.class as usize].failed += failed;
        for (loser, at) in lost.again.drain(..) {
            self.lose_again(loser, at, end);
        }
    }

    /// Adds them to what the calendar holds for the slot.
    fn add_split(&mut self, split: Split, slot: usize, second: u64, lost: &mut Lost) {
        let n = self.spread.slot_counts[split.counts + slot];
        in_slot(split.key, slot, n, |at, index, key| {
            self.add_arrival(second * SECOND + at, &split.arrival(index, key), lost);
        });
    }

    /// Adds the requests of a new arrival to what the calendar holds for the slot.
    fn add_arrival(&mut self, at: u64, arrival: &Arrival, lost: &mut Lost) {
        let action = &self.actions[arrival.action as usize];
        action.requests_of(at, arrival, |request| {
            lost.new += 1;
            lost.numbers.push(lost.new);
            self.calendar.add_new(at, request);
        });
    }

    /// Lets a loser try again or fail unless its client is contested.
    #[inline(always)]
    fn lose(&mut self, other: &Other, end: u64, numbers: &[u32], contested: &mut Vec<Loser>) {
        let &Other { place, client } = other;
        let Entry { at, event } = *self.calendar.entry(place);
        let loser = |new| Loser {
            at,
            new,
            request: event,
            client,
        };
        let w = self.classes[event.class as usize].workload as usize;
        let state = &mut self.workloads[w];
        if client != NOBODY {
            let losers = &mut state.losers_of[client as usize];
            if *losers & CONTESTED != 0 {
                let new = self.calendar.number_of_new(place);
                self.calendar.release(place);
                return contested.push(loser(new.map_or(0, |i| numbers[i as usize])));
            }
            *losers = 0;
        }
        let latency = &self.plan.throttled_latency;
        match state.tries_again(latency, at, &event, |_| client) {
            Some(next) if next >= end => self.schedule_again(place, next, &event),
            next => {
                self.calendar.release(place);
                match next {
                    None => self.fail(&event, w, false),
                    Some(next) => self.lose_again(loser(0), next, end),
                }
            }
        }
    }

    /// Decides about the losers of contested clients in order of time.
    pub(super) fn lose_in_order(&mut self, contested: &mut Vec<Loser>, end: u64) {
        // The earliest stands last.
        contested.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(l) = contested.pop() {
            let class = &self.classes[l.request.class as usize];
            self.workloads[class.workload as usize].losers_of[l.client as usize] = 0;
            if class.asks_nobody() {
                self.offer(l.at, &l.request);
            } else if let Some(again) = self.decide(&l, end) {
                let place = contested.partition_point(|l| *l > again);
                contested.insert(place, again);
            }
        }
    }

    /// Counts the refusal of a loser by S3's request rate, or of its first need.
    #[inline]
    fn refuse(&mut self, request: &mut Request) {
        let class = &mut self.classes[request.class as usize];
        let first = u64::from(request.throttled == 0);
        let quota = if class.request_rate != UNLIMITED {
            let count = &mut record_of!(self, request).classes[request.class as usize];
            count.requests += first;
            count.tries += 1;
            count.tries_throttled += 1;
            self.record.attempts_expanded += 1;
            class.request_rate
        } else if class.only_quota == SEVERAL {
            request.looked_up = request.looked_up.max(1);
            request.called |= 1;
            let record = record_of!(self, request);
            record.classes[request.class as usize].requests += first;
            let count = &mut record.lanes[class.first_lane as usize];
            count.needs += first;
            count.calls += first;
            count.attempts += 1;
            count.throttled_by[0] += 1;
            self.record.attempts_expanded += 1;
            self.lanes[class.first_lane as usize].quotas[0]
        } else {
            let tally = &mut class.tally[usize::from(request.arrived < self.warm_up)];
            tally.requests += first;
            tally.throttled += 1;
            class.only_quota
        };
        let quota = &mut self.quotas[quota as usize];
        quota.attempts += 1;
        quota.throttled += 1;
    }

    /// Lets a refused loser try again or fail. A retry within the slot is refused too and given
    /// back.
    fn decide(&mut self, l: &Loser, end: u64) -> Option<Loser> {
        let w = self.classes[l.request.class as usize].workload as usize;
        let state = &mut self.workloads[w];
        let latency = &self.plan.throttled_latency;
        match state.tries_again(latency, l.at, &l.request, |_| l.client) {
            None => self.fail(&l.request, w, false),
            Some(at) if at < end => return Some(self.refused_again(*l, at)),
            Some(at) => self.schedule_retry(at, &l.request),
        }
        None
    }

    /// The refused retry of a loser within its slot.
    fn refused_again(&mut self, mut l: Loser, at: u64) -> Loser {
        l.at = at;
        l.new = 0;
        l.request.throttled += 1;
        self.refuse(&mut l.request);
        l
    }

    /// Decides about the retries of a loser that fall into its slot, the first of them at `at`.
    #[cold]
    fn lose_again(&mut self, l: Loser, at: u64, end: u64) {
        let mut retry = self.refused_again(l, at);
        while let Some(again) = self.decide(&retry, end) {
            retry = again;
        }
    }
}
