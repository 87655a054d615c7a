//! The life of a request: needs met or called for, throttled and tried again, done.

use super::drawn::Arrival;
use super::guarded::MayCall;
use super::process::LookUp;
use super::request::{Purpose, Request, Step, client};
use super::{ActionState, ClassState, QuotaState, SEVERAL, Tally, UNLIMITED, WorkloadState, World};
use crate::engine::SECOND;
use crate::engine::calendar::{Entry, Place};
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::retry::RetryDelays;
use crate::model::{Cause, Kind};

/// When a request that is refused at `at` would try again.
#[inline(always)]
pub(super) fn next_attempt(
    latency: &Distribution,
    retry: &RetryDelays,
    at: u64,
    request: &Request,
) -> u64 {
    let n = request.throttled + 1;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
    answered + retry.after(n, |n| request.backoff(n))
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
        for part in 0..self.actions[arrival.action as usize].requests() {
            let request = self.actions[arrival.action as usize].request_of(at, arrival, part);
            on(self, request);
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
            self.admitted(at, request);
        } else if let Some(next) = self.throttled(at, request, w) {
            self.schedule_retry(next, request);
        }
    }

    /// The next try of a slot that is gone through in order.
    #[inline(always)]
    pub(super) fn offer_next(&mut self, place: Place) {
        let Entry { at, event } = self.calendar.entry(place);
        let class = &self.classes[event.class as usize];
        let w = class.workload as usize;
        if class.only_quota == SEVERAL {
            self.offer_several(at, event, w);
        } else if self.attempt(at, &event) {
            self.admitted(at, &event);
        } else {
            self.try_again(place, at, &event, w);
        }
    }

    /// A try that one quota has decided, and whose request and attempt at that are counted elsewhere: it
    /// is admitted.
    #[inline(always)]
    pub(super) fn win_at(&mut self, place: Place) {
        let Entry { at, event } = self.calendar.entry(place);
        self.admitted(at, &event);
    }

    /// It is refused.
    #[inline(always)]
    pub(super) fn lose_at(&mut self, place: Place) {
        let Entry { at, event } = self.calendar.entry(place);
        let class = &mut self.classes[event.class as usize];
        class.tally[usize::from(event.arrived < self.warm_up)].throttled += 1;
        let w = class.workload as usize;
        self.try_again(place, at, &event, w);
    }

    /// A refused try of a slot is scheduled again, unless it has failed.
    #[inline(always)]
    fn try_again(&mut self, place: Place, at: u64, event: &Request, w: usize) {
        if let Some(next) = self.throttled(at, event, w) {
            let throttled = event.throttled + 1;
            self.calendar
                .push_again(next, place, |retry| retry.throttled = throttled);
        }
    }

    /// An attempt of a request with one need, which one quota decides: whether it is admitted.
    #[inline(always)]
    fn attempt(&mut self, at: u64, request: &Request) -> bool {
        let (tally, quota) = self.count_attempt(request);
        let admitted = quota.limiter.admit(at);
        if !admitted {
            quota.throttled += 1;
            tally.throttled += 1;
        }
        admitted
    }

    /// Counts such an attempt, but not what becomes of it; returns the counters of its class and its quota.
    #[inline(always)]
    fn count_attempt(&mut self, request: &Request) -> (&mut Tally, &mut QuotaState) {
        let class = &mut self.classes[request.class as usize];
        let tally = &mut class.tally[usize::from(request.arrived < self.warm_up)];
        // Added, not branched on: nobody could foresee which it is.
        tally.requests += u64::from(request.throttled == 0);
        let quota = &mut self.quotas[class.only_quota as usize];
        quota.attempts += 1;
        (tally, quota)
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
        let is_app = self.plan.classes[class_index].tier.is_none();
        let mut answered = at;
        if request.throttled == 0 && !request.has_waited() && request.called == 0 {
            record_of!(self, request).classes[class_index].requests += 1;
        }
        let from = request.lane();
        if request.step == Step::Resumed {
            request.step = Step::Attempt;
        } else if !self.within_request_rate(at, &request) {
            return self.refused(at, request, w, None);
        }
        for (k, l) in lanes.enumerate().skip(from) {
            let first = k >= usize::from(request.looked_up);
            if first {
                request.looked_up = k as u8 + 1;
                record_of!(self, request).lanes[l].needs += 1;
            }
            let bit = 1 << k;
            let has_memory = self.lanes[l].has_memory;
            if has_memory {
                let mut found = self.look_up(at, l, &mut request);
                // A throttled message goes on with its own fetch.
                let fetches = is_app && request.called > 0;
                if found == LookUp::Miss
                    && !fetches
                    && let Some(until) = self.awaits(at, l, &request)
                {
                    found = LookUp::Wait(until);
                }
                if first && matches!(found, LookUp::Met | LookUp::Wait(_)) {
                    record_of!(self, request).lanes[l].met += 1;
                }
                match found {
                    LookUp::Met => continue,
                    LookUp::Miss => {}
                    LookUp::Wait(until) => return self.wait(until, request, w, k),
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
                return self.refused(at, request, w, Some(l));
            }
            for &q in lane.quotas() {
                self.quotas[q as usize].limiter.take(at);
            }
            if has_memory {
                if let Some(cause) = plan.lanes[l].refused_at(at) {
                    let denied = cause == Cause::NoPermission;
                    let count = &mut record_of!(self, request).lanes[l];
                    if denied {
                        count.denied += 1;
                    } else {
                        count.failed += 1;
                    }
                    return self.given_up(at, &request, w, denied);
                }
                let ready = self.fetched(at, l, &request, k);
                self.fetches(at, l, &request, ready);
                answered = answered.max(ready);
            }
        }
        let calls = request.called.count_ones() as usize;
        self.succeeded(at, &request, calls, answered);
    }

    /// Whether S3 takes a try, or it is one too many for its request rate: then KMS is not called.
    #[inline]
    fn within_request_rate(&mut self, at: u64, request: &Request) -> bool {
        let class = &self.classes[request.class as usize];
        if class.request_rate == UNLIMITED {
            return true;
        }
        self.record.attempts_expanded += 1;
        let quota = &mut self.quotas[class.request_rate as usize];
        quota.attempts += 1;
        let count = &mut record_of!(self, request).classes[request.class as usize];
        count.tries += 1;
        let taken = quota.limiter.admit(at);
        if !taken {
            quota.throttled += 1;
            count.tries_throttled += 1;
        }
        taken
    }

    /// A try was refused, at the need of a lane or by S3's request rate: its client may try again.
    fn refused(&mut self, at: u64, mut request: Request, w: usize, lane: Option<usize>) {
        let fetching = lane.filter(|&l| self.lanes[l].has_memory);
        let answered = fetching.map_or(at, |_| {
            let n = request.throttled + 1;
            let latency = &self.plan.throttled_latency;
            at + latency.draw_with(|| request.own(Purpose::Throttled, n))
        });
        let mut until = answered;
        if !self.guards_throttled(at, request, w)
            && let Some(next) = self.throttled(at, &request, w)
        {
            if self.plan.classes[request.class as usize].tier.is_none() {
                until = next;
            }
            self.schedule_retry(next, &request);
            request.throttled += 1;
        }
        if let Some(lane) = fetching {
            self.fetches(at, lane, &request, until);
        }
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
        let (state, latency) = (&mut self.workloads[w], &self.plan.throttled_latency);
        let next = state.tries_again(latency, at, request, |state| state.payer(request));
        if next.is_some() {
            return next;
        }
        let n = request.throttled + 1;
        let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
        self.given_up(answered, request, w, false);
        None
    }

    /// A request waits for what another one fetches.
    fn wait(&mut self, until: u64, mut request: Request, w: usize, lane: usize) {
        self.workloads[w].waiting += u64::from(!request.is_waiting());
        request.wait(lane);
        self.calendar.push(until, request);
    }

    /// A request ends in an error at `at`: it lacks permission, or anything else.
    pub(super) fn given_up(&mut self, at: u64, request: &Request, w: usize, denied: bool) {
        self.fail(request, w, denied);
        if self.workloads[w].is_job {
            self.worker_goes_on(w, request, at);
        }
    }

    /// Counts a request that was denied, or is out of attempts or of retry quota.
    #[inline]
    pub(super) fn fail(&mut self, request: &Request, w: usize, denied: bool) {
        self.workloads[w].waiting -= u64::from(request.is_waiting());
        let count = &mut record_of!(self, request).classes[request.class as usize];
        if denied {
            count.denied += 1;
        } else {
            count.failed += 1;
        }
    }

    /// Schedules the retry of a request that was throttled.
    #[inline(always)]
    pub(super) fn schedule_retry(&mut self, at: u64, request: &Request) {
        let throttled = request.throttled + 1;
        self.calendar
            .push_changed(at, request, |retry| retry.throttled = throttled);
    }

    /// A scheduled or listed request in a slot in which all are admitted.
    #[inline(always)]
    pub(super) fn win(&mut self, at: u64, request: &Request) {
        if self.classes[request.class as usize].only_quota == SEVERAL {
            return self.offer(at, request);
        }
        let (_, quota) = self.count_attempt(request);
        quota.limiter.take(at);
        self.admitted(at, request);
    }

    /// A request with one need, which one quota has admitted.
    #[inline(always)]
    fn admitted(&mut self, at: u64, request: &Request) {
        let class = &mut self.classes[request.class as usize];
        let state = &mut self.workloads[class.workload as usize];
        class.ends_well(state, self.warm_up, at, request);
        if state.is_job {
            self.job_goes_on(at, request);
        }
    }

    /// A request ended well. KMS's last answer that a cache waits for came at `answered`: its own comes no
    /// earlier.
    fn succeeded(&mut self, at: u64, request: &Request, calls: usize, answered: u64) {
        let class_index = request.class as usize;
        let class = &mut self.classes[class_index];
        let (w, earns) = (class.workload as usize, class.earns(calls));
        let count = &mut record_of!(self, request).classes[class_index];
        count.succeeded += 1;
        let waited = request.is_waiting();
        if waited {
            let unmeasured = usize::from(request.arrived < self.warm_up);
            class.tally[unmeasured].delays.add(at - request.arrived);
        } else {
            count.undelayed[calls] += 1;
        }
        self.workloads[w].waiting -= u64::from(waited);
        let answer = |world: &World<'_>| answered.max(at + world.service(request, calls));
        let heard_later = self.workloads[w].guards.is_some()
            && self.guards_succeeded(at, answer, calls, request, w);
        let state = &mut self.workloads[w];
        if !heard_later && earns && (waited || state.has_debts()) {
            state.refund(request);
        }
        if state.is_job {
            self.worker_goes_on(w, request, answer(self));
        }
    }

    /// Its worker goes on when it hears of it.
    fn job_goes_on(&mut self, at: u64, request: &Request) {
        let w = self.classes[request.class as usize].workload as usize;
        let answered = at + self.service(request, 1);
        self.worker_goes_on(w, request, answered);
    }
}

impl ClassState {
    /// Counts the success of a request with one need at an attempt at `at`.
    #[inline(always)]
    pub fn ends_well(
        &mut self,
        state: &mut WorkloadState,
        warm_up: u64,
        at: u64,
        request: &Request,
    ) {
        let tally = &mut self.tally[usize::from(request.arrived < warm_up)];
        let waited = request.is_waiting();
        if waited {
            tally.delayed += 1;
            tally.delays.add(at - request.arrived);
            state.waiting -= 1;
        } else {
            tally.undelayed += 1;
        }
        if self.earns(1) && (waited || state.has_debts()) {
            state.refund(request);
        }
    }
}

impl ActionState {
    /// How many requests an arrival makes.
    #[inline(always)]
    pub fn requests(&self) -> usize {
        self.parts.len().max(1)
    }

    /// Their classes.
    #[inline(always)]
    pub fn classes(&self) -> impl Iterator<Item = u32> {
        (0..self.requests()).map(|part| self.class_of(part))
    }

    #[inline(always)]
    fn class_of(&self, part: usize) -> u32 {
        self.parts.get(part).copied().unwrap_or(self.class)
    }

    /// One of the requests of an arrival.
    #[inline(always)]
    fn request_of(&self, at: u64, arrival: &Arrival, part: usize) -> Request {
        let class = self.class_of(part);
        Request::new(
            at,
            class,
            arrival.index,
            arrival.copy,
            part as u16,
            arrival.key,
        )
    }

    /// The requests of an arrival, one after another.
    #[inline(always)]
    pub fn requests_of(&self, at: u64, arrival: &Arrival, mut on: impl FnMut(Request)) {
        (0..self.requests()).for_each(|part| on(self.request_of(at, arrival, part)));
    }
}

impl WorkloadState {
    /// Whose retry quota pays for a request: its client's, or that of all.
    #[inline(always)]
    pub fn payer(&self, request: &Request) -> u32 {
        match (self.turn, self.payers) {
            (Turn::Random, payers) => client(Key::from_bits(request.arrival), payers),
            (_, 1) => 0,
            _ => self.client(request),
        }
    }

    /// Which of the workload's clients sent a request.
    #[inline(always)]
    pub fn client(&self, request: &Request) -> u32 {
        match self.turn {
            Turn::Random => client(Key::from_bits(request.arrival), self.clients),
            Turn::Worker => request.worker % self.clients,
            Turn::Even { num, den } => {
                let second = request.arrived / SECOND - self.active.start;
                let before = (u128::from(second) * u128::from(num)).div_ceil(u128::from(den));
                ((before + u128::from(request.index)) % u128::from(self.clients)) as u32
            }
        }
    }

    /// When a request that is refused at `at` tries again, if it may and its payer's retry quota pays.
    #[inline(always)]
    pub fn tries_again(
        &mut self,
        latency: &Distribution,
        at: u64,
        request: &Request,
        payer: impl FnOnce(&Self) -> u32,
    ) -> Option<u64> {
        let mut granted = request.throttled + 1 < self.retry.policy.max_attempts;
        if granted && self.tokens.is_some() {
            let payer = payer(self);
            granted = self.tokens.as_mut().is_none_or(|t| t.take(payer));
        }
        if !granted {
            return None;
        }
        self.waiting += u64::from(!request.is_waiting());
        Some(next_attempt(latency, &self.retry, at, request))
    }

    /// Whether a client has a retry quota that is not full.
    #[inline(always)]
    pub fn has_debts(&self) -> bool {
        self.tokens.as_ref().is_some_and(|t| !t.all_full())
    }

    /// Gives its client back what a request that ended well earns.
    #[inline(always)]
    pub fn refund(&mut self, request: &Request) {
        let payer = self.payer(request);
        if let Some(tokens) = &mut self.tokens {
            tokens.refund(payer, request.throttled > 0);
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
        let even_rate = match kind {
            Kind::Job { .. } => return Turn::Worker,
            Kind::Open { arrivals, .. } => arrivals.even_rate(),
            Kind::Trace { .. } => None,
        };
        even_rate.map_or(Turn::Random, |rate| Turn::Even {
            num: rate.num(),
            den: rate.den(),
        })
    }
}
