//! The life of a request: needs met or called for, throttled and tried again, done.

use super::caches::LookUp;
use super::drawn::{Arrival, Split};
use super::guarded::MayCall;
use super::request::{Purpose, Request, client};
use super::{SEVERAL, World};
use crate::engine::SECOND;
use crate::engine::calendar::{Place, SLOT_NS};
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::{Process, in_slot};
use crate::model::retry::{RetryPolicy, RetryTokens};

/// A request that loses, whose client's retry quota may pay for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loser {
    at: u64,
    request: Request,
    client: u32,
}

/// What decides about the losers of a slot that ends at `end`.
struct Refused<'p> {
    latency: &'p Distribution,
    retry: &'p RetryPolicy,
    tokens: &'p RetryTokens,
    end: u64,
}

impl Refused<'_> {
    /// Counts a loser that may try again among those of its client, and marks the client where it
    /// may depend on their order which of their retries its quota pays for.
    #[inline(always)]
    fn count(&self, losers: &mut u32, client: u32, at: u64, request: &Request) {
        *losers += 1;
        let n = *losers & !CONTESTED;
        // Retries within the slot lose too and ask the same client: at most so many.
        let most = n.saturating_mul(u32::from(self.retry.max_attempts));
        if self.tokens.contests(client, most) && (n > 1 || self.contests_alone(client, at, request))
        {
            *losers |= CONTESTED;
        }
    }

    /// Whether the only loser of its client asks for more retries in the slot than are paid for.
    #[inline]
    fn contests_alone(&self, client: u32, mut at: u64, request: &Request) -> bool {
        let mut request = *request;
        let mut retries = 0;
        while at < self.end && request.throttled + 1 < self.retry.max_attempts {
            retries += 1;
            at = next_attempt(self.latency, self.retry, at, &request);
            request.throttled += 1;
        }
        self.tokens.contests(client, retries)
    }
}

/// When a request that is refused at `at` would try again.
#[inline(always)]
fn next_attempt(latency: &Distribution, retry: &RetryPolicy, at: u64, request: &Request) -> u64 {
    let n = request.throttled + 1;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled).with(u64::from(n)));
    answered.saturating_add(retry.delay(n, request.backoff()))
}

/// The losers of a slot.
#[derive(Default)]
pub(super) struct Lost {
    /// Those that were listed or scheduled, with their instants.
    pub others: Vec<(u64, Request)>,
    /// Whose retry quota would pay, of each in turn.
    pub clients: Vec<u32>,
    pub contested: Vec<Loser>,
    again: Vec<Loser>,
}

impl Lost {
    pub fn clear(&mut self) {
        self.others.clear();
        self.clients.clear();
        self.contested.clear();
        self.again.clear();
    }
}

/// No retry quota pays.
pub(super) const NOBODY: u32 = u32::MAX;
/// Marks a client for whose losers of a slot order matters.
const CONTESTED: u32 = 1 << 31;

macro_rules! record_of {
    ($world:expr, $request:expr) => {
        if $request.arrived >= $world.warm_up {
            &mut $world.record
        } else {
            &mut $world.unmeasured
        }
    };
}

impl<'a> World<'a> {
    /// The requests of an arrival, one after another.
    #[inline(always)]
    pub(super) fn requests_of(
        &mut self,
        at: u64,
        arrival: &Arrival,
        mut on: impl FnMut(&mut Self, Request),
    ) {
        let Arrival {
            action,
            index,
            copy,
            key,
        } = *arrival;
        let state = &self.actions[action as usize];
        if state.parts.is_empty() {
            let request = Request::new(at, state.class, index, copy, 0, key);
            return on(self, request);
        }
        for part in 0..state.parts.len() {
            let class = self.actions[action as usize].parts[part];
            on(self, Request::new(at, class, index, copy, part as u16, key));
        }
    }

    /// A new arrival offers its requests.
    #[inline(always)]
    pub(super) fn arrive(&mut self, at: u64, arrival: &Arrival) {
        self.requests_of(at, arrival, |world, request| world.offer(at, &request));
    }

    /// One try of a request.
    #[inline(always)]
    pub(super) fn offer(&mut self, at: u64, request: &Request) {
        let class = &self.classes[request.class as usize];
        let w = class.workload as usize;
        if class.only_quota == SEVERAL {
            self.offer_several(at, *request, w);
        } else if self.attempt(at, request) {
            self.succeeded(at, request, 1, at);
        } else if let Some(next) = self.throttled(at, request, w) {
            let mut request = *request;
            request.throttled += 1;
            self.schedule(next, request);
        }
    }

    /// The next try of a scheduled request, which stays where it is if there will be another.
    #[inline(always)]
    pub(super) fn offer_scheduled(&mut self, at: u64, place: Place) {
        let request = *self.calendar.event_mut(place);
        let class = &self.classes[request.class as usize];
        let w = class.workload as usize;
        if class.only_quota == SEVERAL {
            self.calendar.release(place);
            self.offer_several(at, request, w);
        } else if self.attempt(at, &request) {
            self.calendar.release(place);
            self.succeeded(at, &request, 1, at);
        } else if let Some(next) = self.throttled(at, &request, w) {
            self.calendar.event_mut(place).throttled = request.throttled + 1;
            if let Some(slot) = self.calendar.again(place, next) {
                self.weigh_scheduled(slot, request.class);
            }
        } else {
            self.calendar.release(place);
        }
    }

    /// An attempt of a request with one need, which one quota decides: whether it is admitted.
    #[inline(always)]
    fn attempt(&mut self, at: u64, request: &Request) -> bool {
        let class = &mut self.classes[request.class as usize];
        let tally = &mut class.tally[usize::from(request.arrived < self.warm_up)];
        // Added, not branched on: nobody could foresee which it is.
        tally.requests += u64::from(request.throttled == 0);
        tally.attempts += 1;
        let quota = &mut self.quotas[class.only_quota as usize];
        quota.attempts += 1;
        let admitted = quota.limiter.has_room(at);
        if admitted {
            quota.limiter.take(at);
        } else {
            quota.throttled += 1;
            tally.throttled += 1;
        }
        admitted
    }

    /// One try of a request that needs more than one quota's word.
    fn offer_several(&mut self, at: u64, request: Request, w: usize) {
        if self.workloads[w].guards.is_some() {
            self.guarded(at, request, w);
        } else {
            self.offer_needs(at, request);
        }
    }

    /// One try of a request: each need in turn, until one is refused or all are met.
    pub(super) fn offer_needs(&mut self, at: u64, mut request: Request) {
        let plan = self.plan;
        let class_index = request.class as usize;
        let (lanes, w) = {
            let class = &self.classes[class_index];
            (class.lanes(), class.workload as usize)
        };
        let mut answered = at;
        if request.throttled == 0 && !request.has_waited() && request.called == 0 {
            record_of!(self, request).classes[class_index].requests += 1;
        }
        for (k, l) in lanes.enumerate() {
            let first = k >= usize::from(request.looked_up);
            if first {
                request.looked_up = k as u8 + 1;
                record_of!(self, request).lanes[l].needs += 1;
            }
            let bit = 1 << k;
            let has_memory = self.lanes[l].has_memory;
            if has_memory {
                let found = self.look_up(at, l, &mut request);
                if first && matches!(found, LookUp::Met | LookUp::Wait(_)) {
                    record_of!(self, request).lanes[l].met += 1;
                }
                match found {
                    LookUp::Met => continue,
                    LookUp::Miss => {}
                    LookUp::Wait(until) => return self.wait(until, request, w),
                    LookUp::TooLate => {
                        // Neither met nor called for.
                        let count = &mut record_of!(self, request).lanes[l];
                        count.needs -= 1;
                        count.met -= u64::from(!first);
                        return self.given_up(at, &request, w, false);
                    }
                }
            }
            if self.workloads[w].guards.is_some() {
                match self.may_call(at, &mut request, w) {
                    MayCall::Now => {}
                    MayCall::Later(wait) => {
                        self.count_call(l, bit, first, &mut request);
                        return self.hold_back(at, wait, request, w);
                    }
                    MayCall::Never => {
                        if request.called & bit == 0 {
                            // Neither met nor called for.
                            let count = &mut record_of!(self, request).lanes[l];
                            count.needs -= 1;
                            count.met -= u64::from(!first);
                        }
                        return self.given_up(at, &request, w, false);
                    }
                }
            }
            self.count_call(l, bit, first, &mut request);
            self.record.attempts_expanded += 1;
            let lane = &self.lanes[l];
            let count = &mut record_of!(self, request).lanes[l];
            count.attempts += 1;
            // The quotas in turn; the first without room refuses, and nothing is taken from any.
            let mut refused = None;
            for (i, &q) in lane.quotas().iter().enumerate() {
                let quota = &mut self.quotas[q as usize];
                quota.attempts += 1;
                if !quota.limiter.has_room(at) {
                    quota.throttled += 1;
                    refused = Some(i);
                    break;
                }
            }
            if let Some(i) = refused {
                count.throttled_by[i] += 1;
                // Refused by one quota, it counts at that one only.
                for &q in &plan.lanes[l].quotas[..i] {
                    self.quotas[q].attempts -= 1;
                }
                if self.guards_throttled(at, request, w) {
                    return;
                }
                if let Some(next) = self.throttled(at, &request, w) {
                    request.throttled += 1;
                    self.schedule(next, request);
                }
                return;
            }
            for &q in lane.quotas() {
                self.quotas[q as usize].limiter.take(at);
            }
            if has_memory {
                if let Some(refusal) = plan.lanes[l].refusal
                    && at >= refusal.from
                {
                    return self.given_up(at, &request, w, refusal.denied);
                }
                answered = answered.max(self.fetched(at, l, &request, k));
            }
        }
        let calls = request.called.count_ones() as usize;
        self.succeeded(at, &request, calls, answered);
    }

    /// A need that no cache meets becomes a call, once.
    #[inline(always)]
    fn count_call(&mut self, lane: usize, bit: u8, first: bool, request: &mut Request) {
        if request.called & bit == 0 {
            request.called |= bit;
            let count = &mut record_of!(self, request).lanes[lane];
            count.calls += 1;
            if !first {
                // A cache met it at first and no longer does: now it is a call.
                count.met -= 1;
            }
        }
    }

    /// A refused request: when it will try again, unless it has failed.
    #[inline(always)]
    fn throttled(&mut self, at: u64, request: &Request, w: usize) -> Option<u64> {
        let mut granted = request.throttled + 1 < self.workloads[w].retry.max_attempts;
        if granted && self.workloads[w].tokens.is_some() {
            let client = self.payer(w, request);
            let tokens = self.workloads[w].tokens.as_mut();
            granted = tokens.is_none_or(|t| t.take(client));
        }
        if granted {
            self.workloads[w].waiting += u64::from(!request.is_waiting());
            let (latency, retry) = (&self.plan.throttled_latency, &self.workloads[w].retry);
            return Some(next_attempt(latency, retry, at, request));
        }
        let n = u64::from(request.throttled) + 1;
        let latency = &self.plan.throttled_latency;
        let answered = at + latency.draw_with(|| request.own(Purpose::Throttled).with(n));
        self.given_up(answered, request, w, false);
        None
    }

    /// A request waits for what another one fetches.
    fn wait(&mut self, until: u64, mut request: Request, w: usize) {
        self.workloads[w].waiting += u64::from(!request.is_waiting());
        request.wait();
        self.schedule(until, request);
    }

    /// A request ends in an error at `at`: it lacks permission, or anything else.
    pub(super) fn given_up(&mut self, at: u64, request: &Request, w: usize, denied: bool) {
        self.fail(request, w);
        let count = &mut record_of!(self, request).classes[request.class as usize];
        count.failed -= u64::from(denied);
        count.denied += u64::from(denied);
        if self.workloads[w].is_job {
            self.worker_goes_on(w, request, at);
        }
    }

    /// A request out of attempts or of retry quota.
    #[inline]
    pub(super) fn fail(&mut self, request: &Request, w: usize) {
        self.workloads[w].waiting -= u64::from(request.is_waiting());
        record_of!(self, request).classes[request.class as usize].failed += 1;
    }

    /// Counts a request that will lose at `at`, in a slot that ends at `end`, for its client.
    /// Returns the client whose quota is asked for a retry.
    pub(super) fn count_loser(&mut self, at: u64, request: &Request, end: u64) -> u32 {
        let class = &self.classes[request.class as usize];
        let (w, wins) = (class.workload as usize, class.lanes == 0);
        let client = self.payer(w, request);
        let state = &mut self.workloads[w];
        let (Some(tokens), Some(losers)) =
            (&state.tokens, state.losers_of.get_mut(client as usize))
        else {
            return NOBODY;
        };
        if wins {
            // Its success gives something back in the midst of the others.
            *losers |= CONTESTED;
            return client;
        }
        if request.throttled + 1 >= state.retry.max_attempts {
            return NOBODY;
        }
        let refused = Refused {
            latency: &self.plan.throttled_latency,
            retry: &state.retry,
            tokens,
            end,
        };
        refused.count(losers, client, at, request);
        client
    }

    /// Counts the losers of a split's slot.
    pub(super) fn count_losers(&mut self, split: Split, slot: usize, end: u64, lost: &mut Lost) {
        let n = self.spread.slot_counts[split.counts + slot];
        let base = end - (slot as u64 + 1) * SLOT_NS;
        let action = &self.actions[split.action as usize];
        let state = &mut self.workloads[split.workload as usize];
        let class = &self.classes[action.class as usize];
        let plain = action.parts.is_empty() && class.lanes > 0 && state.retry.max_attempts > 1;
        let Some(tokens) = state.tokens.as_ref().filter(|_| plain) else {
            return in_slot(split.key, slot, n, |at, index, key| {
                self.requests_of(base + at, &split.arrival(index, key), |world, request| {
                    let client = world.count_loser(base + at, &request, end);
                    lost.clients.push(client);
                });
            });
        };
        let refused = Refused {
            latency: &self.plan.throttled_latency,
            retry: &state.retry,
            tokens,
            end,
        };
        let (clients, losers_of) = (state.payers, &mut state.losers_of[..]);
        lost.clients.reserve(n as usize);
        in_slot(split.key, slot, n, |at, index, key| {
            let client = client(key, clients);
            lost.clients.push(client);
            let losers = &mut losers_of[client as usize];
            let request = Request::new(base + at, action.class, index, 0, 0, key);
            refused.count(losers, client, base + at, &request);
        });
    }

    /// Refuses a loser; lets it try again or fail unless its client is contested.
    pub(super) fn lose(
        &mut self,
        at: u64,
        request: Request,
        client: u32,
        end: u64,
        lost: &mut Lost,
    ) {
        let class = &self.classes[request.class as usize];
        let (w, wins) = (class.workload as usize, class.lanes == 0);
        let loser = Loser {
            at,
            request: if wins { request } else { self.refuse(request) },
            client,
        };
        if client != NOBODY {
            let losers = &mut self.workloads[w].losers_of[client as usize];
            if *losers & CONTESTED != 0 {
                return lost.contested.push(loser);
            }
            *losers = 0;
        }
        if wins {
            self.offer(at, &request);
        } else {
            self.lose_on(&loser, end);
        }
    }

    /// Refuses the losers of a split's slot; their clients stand next in `lost`.
    pub(super) fn lose_all(
        &mut self,
        split: Split,
        slot: usize,
        end: u64,
        clients: &mut impl Iterator<Item = u32>,
        lost: &mut Lost,
    ) {
        let n = self.spread.slot_counts[split.counts + slot];
        let base = end - (slot as u64 + 1) * SLOT_NS;
        let action = &self.actions[split.action as usize];
        let class_index = action.class;
        let class = &mut self.classes[class_index as usize];
        if !action.parts.is_empty() || class.only_quota == SEVERAL {
            return in_slot(split.key, slot, n, |at, index, key| {
                self.requests_of(base + at, &split.arrival(index, key), |world, request| {
                    let client = clients.next().unwrap_or(NOBODY);
                    world.lose(base + at, request, client, end, lost);
                });
            });
        }
        // All are alike: what they count is added at once.
        let unmeasured = end <= self.warm_up;
        let tally = &mut class.tally[usize::from(unmeasured)];
        tally.requests += u64::from(n);
        tally.attempts += u64::from(n);
        tally.throttled += u64::from(n);
        let quota = &mut self.quotas[class.only_quota as usize];
        quota.attempts += u64::from(n);
        quota.throttled += u64::from(n);
        let state = &mut self.workloads[split.workload as usize];
        let may_retry = state.retry.max_attempts > 1;
        let latency = &self.plan.throttled_latency;
        let mut failed = 0;
        in_slot(split.key, slot, n, |at, index, key| {
            let client = clients.next().unwrap_or(NOBODY);
            let at = base + at;
            let mut request = Request::new(at, class_index, index, 0, 0, key);
            if client != NOBODY {
                let losers = &mut state.losers_of[client as usize];
                if *losers & CONTESTED != 0 {
                    return lost.contested.push(Loser {
                        at,
                        request,
                        client,
                    });
                }
                *losers = 0;
            }
            let pays = |t: &mut RetryTokens| client == NOBODY || t.take(client);
            if !may_retry || !state.tokens.as_mut().is_none_or(pays) {
                failed += 1;
                return;
            }
            state.waiting += 1;
            let at = next_attempt(latency, &state.retry, at, &request);
            request.throttled = 1;
            if at < end {
                lost.again.push(Loser {
                    at,
                    request,
                    client,
                });
            } else if let Some(slot) = self.calendar.schedule(at, request) {
                self.spread.occupied.mark(slot);
                quota.demand[slot] += 1;
            }
        });
        let record = if unmeasured {
            &mut self.unmeasured
        } else {
            &mut self.record
        };
        record.classes[class_index as usize].failed += failed;
        while let Some(again) = lost.again.pop() {
            let again = Loser {
                request: self.refuse(again.request),
                ..again
            };
            self.lose_on(&again, end);
        }
    }

    /// Decides about the losers of contested clients in order of time.
    pub(super) fn lose_in_order(&mut self, contested: &mut Vec<Loser>, end: u64) {
        // The earliest stands last.
        contested.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(l) = contested.pop() {
            let class = &self.classes[l.request.class as usize];
            self.workloads[class.workload as usize].losers_of[l.client as usize] = 0;
            if class.lanes == 0 {
                self.offer(l.at, &l.request);
            } else if let Some(again) = self.decide(&l, end) {
                let place = contested.partition_point(|l| *l > again);
                contested.insert(place, again);
            }
        }
    }

    /// Decides about a loser and about its retries within the slot.
    fn lose_on(&mut self, loser: &Loser, end: u64) {
        let mut retry = self.decide(loser, end);
        while let Some(l) = retry {
            retry = self.decide(&l, end);
        }
    }

    /// Counts the refusal of a loser's first need.
    #[inline]
    fn refuse(&mut self, mut request: Request) -> Request {
        let class = &mut self.classes[request.class as usize];
        let first = u64::from(request.throttled == 0);
        let quota = if class.only_quota == SEVERAL {
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
            tally.attempts += 1;
            tally.throttled += 1;
            class.only_quota
        };
        let quota = &mut self.quotas[quota as usize];
        quota.attempts += 1;
        quota.throttled += 1;
        request
    }

    /// Lets a refused loser try again or fail. A retry within the slot is refused too and given
    /// back.
    #[inline]
    fn decide(&mut self, l: &Loser, end: u64) -> Option<Loser> {
        let w = self.classes[l.request.class as usize].workload as usize;
        let state = &mut self.workloads[w];
        let pays = |t: &mut RetryTokens| l.client == NOBODY || t.take(l.client);
        let granted = l.request.throttled + 1 < state.retry.max_attempts
            && state.tokens.as_mut().is_none_or(pays);
        if !granted {
            self.fail(&l.request, w);
            return None;
        }
        state.waiting += u64::from(l.request.throttled == 0);
        let mut again = *l;
        again.at = next_attempt(&self.plan.throttled_latency, &state.retry, l.at, &l.request);
        again.request.throttled += 1;
        if again.at < end {
            again.request = self.refuse(again.request);
            return Some(again);
        }
        self.schedule(again.at, again.request);
        None
    }

    /// Schedules an attempt; what falls into the present second adds to what its slot may offer.
    #[inline(always)]
    pub(super) fn schedule(&mut self, at: u64, request: Request) {
        if let Some(slot) = self.calendar.schedule(at, request) {
            self.weigh_scheduled(slot, request.class);
        }
    }

    #[inline(always)]
    fn weigh_scheduled(&mut self, slot: usize, class: u32) {
        self.spread.occupied.mark(slot);
        if self.weighed {
            for lane in &self.lanes[self.classes[class as usize].lanes()] {
                for &q in lane.quotas() {
                    self.quotas[q as usize].demand[slot] += 1;
                }
            }
        }
    }

    /// KMS's last answer that a cache waits for came at `answered`: the request's own comes no earlier.
    #[inline]
    fn succeeded(&mut self, at: u64, request: &Request, calls: usize, answered: u64) {
        let class_index = request.class as usize;
        let w = self.classes[class_index].workload as usize;
        let record = record_of!(self, request);
        let retried = request.throttled > 0;
        record.classes[class_index].succeeded += 1;
        if retried || request.was_held_back() {
            record.delayed(class_index, at - request.arrived);
        } else {
            record.classes[class_index].undelayed[calls] += 1;
        }
        self.workloads[w].waiting -= u64::from(request.is_waiting());
        let answer = |world: &World<'_>| answered.max(at + world.service(request, calls));
        let heard_later = self.workloads[w].guards.is_some()
            && self.guards_succeeded(at, answer, calls, request, w);
        let tokens = self.workloads[w].tokens.as_ref();
        if !heard_later
            && tokens.is_some_and(|t| retried || !t.all_full())
            && self.earns(class_index, calls)
        {
            let client = self.payer(w, request);
            if let Some(tokens) = &mut self.workloads[w].tokens {
                tokens.refund(client, retried);
            }
        }
        if self.workloads[w].is_job {
            self.worker_goes_on(w, request, answer(self));
        }
    }

    /// Whether such a request gives something back to its client's retry quota when it ends well. A 403
    /// is no success, but nothing to retry either; what a client-side cache meets asks nobody.
    #[inline]
    pub(super) fn earns(&self, class: usize, calls: usize) -> bool {
        let is_s3 = self.plan.classes[class].tier.is_some();
        self.classes[class].earns && (is_s3 || calls > 0)
    }

    /// Whose retry quota pays for a request: its client's, or that of all.
    #[inline(always)]
    pub(super) fn payer(&self, w: usize, request: &Request) -> u32 {
        match self.workloads[w].payers {
            1 => 0,
            _ => self.client(w, request),
        }
    }

    /// Which of the workload's clients sent a request.
    #[inline(always)]
    pub(super) fn client(&self, w: usize, request: &Request) -> u32 {
        let state = &self.workloads[w];
        match state.turn {
            Turn::Random => client(Key::from_bits(request.arrival), state.clients),
            Turn::Worker => request.worker % state.clients,
            Turn::Even { num, den } => {
                let second = request.arrived / SECOND - state.active.start;
                let before = (u128::from(second) * u128::from(num)).div_ceil(u128::from(den));
                ((before + u128::from(request.index)) % u128::from(state.clients)) as u32
            }
        }
    }
}

/// How a workload's requests fall to its clients.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Random,
    /// A worker is always the same client's.
    Worker,
    /// Evenly spaced requests go round.
    Even {
        num: u64,
        den: u64,
    },
}

impl Turn {
    pub fn new(kind: &Kind) -> Turn {
        match *kind {
            Kind::Job { .. } => Turn::Worker,
            Kind::Open {
                process: Process::Constant { num, den },
                ..
            } => Turn::Even { num, den },
            _ => Turn::Random,
        }
    }
}
