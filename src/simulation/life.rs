//! The life of a request: needs met or called for, throttled and tried again, done.

use super::caches::LookUp;
use super::request::{Purpose, Request, client};
use super::slots::slot_of;
use super::{ActionState, Arrival, World};
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Kind;
use crate::model::arrivals::Process;
use crate::model::retry::RetryTokens;

/// A request that loses, before it is decided whether it may try again.
#[derive(Clone, Copy)]
pub(super) struct Loser {
    pub at: u64,
    /// When it would try again; `u64::MAX` where it has no attempts left.
    pub next: u64,
    pub request: Request,
    workload: u32,
    /// Whose retry quota pays; `NOBODY` where none does.
    client: u32,
    /// Asks no quota.
    wins: bool,
}

const NOBODY: u32 = u32::MAX;
/// Marks a client that cannot pay for the retries of all its losers in a slot.
const CONTESTED: u32 = u32::MAX;

impl<'a> World<'a> {
    /// A new arrival offers its requests.
    #[inline]
    pub(super) fn arrive(&mut self, at: u64, arrival: Arrival) {
        let Arrival {
            action,
            index,
            copy,
            key,
        } = arrival;
        let state = &self.actions[action as usize];
        if state.parts.is_empty() {
            self.offer(at, Request::new(at, state.class, index, copy, 0, key));
        } else {
            for part in 0..state.parts.len() {
                let class = self.actions[action as usize].parts[part];
                self.offer(at, Request::new(at, class, index, copy, part as u16, key));
            }
        }
    }

    /// One try of a request: each need in turn, until one is refused or all are met.
    pub(super) fn offer(&mut self, at: u64, mut request: Request) {
        let plan = self.plan;
        let class_index = request.class as usize;
        let class = &plan.classes[class_index];
        let measured = request.arrived >= self.warm_up;
        macro_rules! record {
            () => {
                if measured {
                    &mut self.record
                } else {
                    &mut self.unmeasured
                }
            };
        }
        let mut answered = at;
        if request.throttled == 0 && !request.waited {
            record!().classes[class_index].requests += 1;
        }
        for k in 0..class.lanes {
            let l = class.first_lane + k;
            let first = k >= usize::from(request.looked_up);
            if first {
                request.looked_up = k as u8 + 1;
                record!().lanes[l].needs += 1;
            }
            let bit = 1 << k;
            let has_memory = self.lanes[l].has_memory;
            if has_memory {
                let found = self.look_up(at, l, &mut request);
                if first && matches!(found, LookUp::Met | LookUp::Wait(_)) {
                    record!().lanes[l].met += 1;
                }
                match found {
                    LookUp::Met => continue,
                    LookUp::Miss => {}
                    LookUp::Wait(until) => return self.wait(until, request),
                    LookUp::TooLate => {
                        // Neither met nor called for.
                        let count = &mut record!().lanes[l];
                        count.needs -= 1;
                        count.met -= u64::from(!first);
                        return self.given_up(at, &request, false);
                    }
                }
            }
            self.record.attempts_expanded += 1;
            let lane = &self.lanes[l];
            let count = &mut record!().lanes[l];
            if request.called & bit == 0 {
                request.called |= bit;
                count.calls += 1;
                if !first {
                    // A cache met it at first and no longer does: now it is a call.
                    count.met -= 1;
                }
            }
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
                for &q in &lane.quotas[..i] {
                    self.quotas[q as usize].attempts -= 1;
                }
                self.throttled(at, request);
                return;
            }
            for &q in lane.quotas() {
                self.quotas[q as usize].limiter.take(at);
            }
            if has_memory {
                if let Some(refusal) = plan.lanes[l].refusal
                    && at >= refusal.from
                {
                    return self.given_up(at, &request, refusal.denied);
                }
                answered = answered.max(self.fetched(at, l, &request, k));
            }
        }
        self.succeeded(at, request, answered);
    }

    fn throttled(&mut self, at: u64, mut request: Request) {
        let w = self.plan.classes[request.class as usize].workload;
        let policy = &self.plan.workloads[w].retry;
        let n = request.throttled + 1;
        let latency = &self.plan.throttled_latency;
        let answered =
            at + latency.draw_with(|| request.own(Purpose::Throttled).with(u64::from(n)));
        let mut granted = n < policy.max_attempts;
        if granted && self.workloads[w].tokens.is_some() {
            let client = self.client(w, &request);
            granted = self.workloads[w]
                .tokens
                .as_mut()
                .is_none_or(|t| t.take(client));
        }
        if granted {
            let delay = policy.backoff.delay(n, request.backoff());
            self.workloads[w].waiting += u64::from(!request.is_waiting());
            request.throttled = n;
            self.schedule(answered.saturating_add(delay), request);
        } else {
            self.given_up(answered, &request, false);
        }
    }

    /// A request waits for what another one fetches.
    fn wait(&mut self, until: u64, mut request: Request) {
        let w = self.plan.classes[request.class as usize].workload;
        self.workloads[w].waiting += u64::from(!request.is_waiting());
        request.waited = true;
        self.schedule(until, request);
    }

    /// A request is given up at `at`, or denied for lack of permission.
    fn given_up(&mut self, at: u64, request: &Request, denied: bool) {
        let w = self.plan.classes[request.class as usize].workload;
        self.workloads[w].waiting -= u64::from(request.is_waiting());
        let measured = request.arrived >= self.warm_up;
        let record = if measured {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        let count = &mut record.classes[request.class as usize];
        count.denied += u64::from(denied);
        count.failed += u64::from(!denied);
        if self.workloads[w].is_job {
            self.worker_goes_on(w, request, at);
        }
    }

    /// A request that will lose at `at`, and when it would try again; one that asks no quota wins.
    #[inline(always)]
    pub(super) fn loser(&self, at: u64, request: Request) -> Loser {
        let class = &self.plan.classes[request.class as usize];
        let w = class.workload;
        let policy = &self.plan.workloads[w].retry;
        let wins = class.lanes == 0;
        let n = request.throttled + 1;
        let again = !wins && n < policy.max_attempts;
        let mut l = Loser {
            at,
            next: u64::MAX,
            request,
            workload: w as u32,
            client: NOBODY,
            wins,
        };
        if again {
            let latency = &self.plan.throttled_latency;
            let answered =
                at + latency.draw_with(|| request.own(Purpose::Throttled).with(u64::from(n)));
            l.next = answered.saturating_add(policy.backoff.delay(n, request.backoff()));
        }
        if (again || wins) && self.workloads[w].tokens.is_some() {
            l.client = self.client(w, &request);
        }
        l
    }

    /// The losers that an arrival makes.
    #[inline(always)]
    pub(super) fn add_losers(
        &self,
        losers: &mut Vec<Loser>,
        at: u64,
        action: &ActionState,
        arrival: Arrival,
    ) {
        let Arrival {
            index, copy, key, ..
        } = arrival;
        if action.parts.is_empty() {
            losers.push(self.loser(at, Request::new(at, action.class, index, copy, 0, key)));
        }
        for (part, &class) in action.parts.iter().enumerate() {
            losers.push(self.loser(at, Request::new(at, class, index, copy, part as u16, key)));
        }
    }

    /// Refuses each of the losers of a slot.
    ///
    /// Order matters only within one client: if its retry quota cannot pay for all its losers, or if
    /// it also has a winner there, whose success gives something back.
    pub(super) fn lose(&mut self, losers: &[Loser]) {
        let with_client = || losers.iter().filter(|l| l.client != NOBODY);
        for l in with_client().filter(|l| !l.wins) {
            self.losers_of[l.workload as usize][l.client as usize] += 1;
        }
        for l in with_client() {
            let w = l.workload as usize;
            let n = &mut self.losers_of[w][l.client as usize];
            let contests = |t: &RetryTokens| *n != CONTESTED && t.contests(l.client, *n);
            let both = l.wins && *n > 0;
            if both || self.workloads[w].tokens.as_ref().is_some_and(contests) {
                *n = CONTESTED;
            }
        }
        let mut contested = std::mem::take(&mut self.contested);
        contested.clear();
        for l in losers {
            let l = if l.wins { *l } else { self.refuse(*l) };
            let in_order = l.client != NOBODY
                && self.losers_of[l.workload as usize][l.client as usize] == CONTESTED;
            if in_order {
                contested.push(l);
            } else {
                self.decide(&l);
            }
        }
        contested.sort_unstable_by_key(|l| (l.at, l.request));
        for l in &contested {
            self.decide(l);
        }
        self.contested = contested;
        for l in with_client() {
            self.losers_of[l.workload as usize][l.client as usize] = 0;
        }
    }

    /// Counts the refusal of a loser's first need.
    #[inline]
    fn refuse(&mut self, mut l: Loser) -> Loser {
        let class = &self.plan.classes[l.request.class as usize];
        let measured = l.request.arrived >= self.warm_up;
        let record = if measured {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        record.classes[l.request.class as usize].requests += u64::from(l.request.throttled == 0);
        let count = &mut record.lanes[class.first_lane];
        let first = u64::from(l.request.looked_up == 0);
        count.needs += first;
        count.calls += first;
        count.attempts += 1;
        count.throttled_by[0] += 1;
        l.request.looked_up = l.request.looked_up.max(1);
        l.request.called |= 1;
        let quota = &mut self.quotas[self.lanes[class.first_lane].quotas[0] as usize];
        quota.attempts += 1;
        quota.throttled += 1;
        self.record.attempts_expanded += 1;
        l
    }

    /// Lets a refused request try again, or fail.
    #[inline]
    fn decide(&mut self, l: &Loser) {
        if l.wins {
            self.offer(l.at, l.request);
            return;
        }
        let w = l.workload as usize;
        let tokens = self.workloads[w].tokens.as_mut();
        let granted = l.next != u64::MAX && tokens.is_none_or(|t| t.take(l.client));
        let mut request = l.request;
        if granted {
            request.throttled += 1;
            self.workloads[w].waiting += u64::from(request.throttled == 1);
            self.schedule(l.next, request);
        } else {
            self.workloads[w].waiting -= u64::from(request.throttled > 0);
            let measured = request.arrived >= self.warm_up;
            let record = if measured {
                &mut self.record
            } else {
                &mut self.unmeasured
            };
            record.classes[request.class as usize].failed += 1;
        }
    }

    /// Schedules an attempt; what falls into the present second adds to what its slot may offer.
    #[inline]
    pub(super) fn schedule(&mut self, at: u64, request: Request) {
        self.calendar.push(at, request);
        if at / SECOND == self.calendar.open_second() {
            let slot = slot_of(at % SECOND);
            self.occupied.mark(slot);
            let class = &self.plan.classes[request.class as usize];
            for lane in &self.lanes[class.first_lane..class.first_lane + class.lanes] {
                for &q in lane.quotas() {
                    self.quotas[q as usize].demand[slot] += 1;
                }
            }
        }
    }

    /// KMS's last answer that a cache waits for came at `answered`: the request's own comes no earlier.
    fn succeeded(&mut self, at: u64, request: Request, answered: u64) {
        let plan = self.plan;
        let class_index = request.class as usize;
        let class = &plan.classes[class_index];
        let w = class.workload;
        let measured = request.arrived >= self.warm_up;
        let record = if measured {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        let calls = request.called.count_ones() as usize;
        let retried = request.throttled > 0;
        record.classes[class_index].succeeded += 1;
        let latency = if class.tier.is_some() {
            &plan.s3_latency
        } else {
            &plan.app_latency
        };
        let service = || latency[calls].draw(request.own(Purpose::Service));
        if retried {
            record.delayed(class_index, at - request.arrived);
        } else {
            record.classes[class_index].undelayed[calls] += 1;
        }
        self.workloads[w].waiting -= u64::from(request.is_waiting());
        let tokens = self.workloads[w].tokens.as_ref();
        if tokens.is_some_and(|t| retried || !t.all_full()) {
            let client = self.client(w, &request);
            if let Some(tokens) = &mut self.workloads[w].tokens {
                tokens.refund(client, retried);
            }
        }
        if self.workloads[w].is_job {
            self.worker_goes_on(w, &request, answered.max(at + service()));
        }
    }

    /// Which of the workload's clients sent a request.
    #[inline]
    pub(super) fn client(&self, w: usize, request: &Request) -> u32 {
        let workload = &self.plan.workloads[w];
        if workload.clients == 1 {
            return 0;
        }
        match &workload.kind {
            Kind::Job { .. } => request.worker % workload.clients,
            Kind::Open {
                process: Process::Constant { num, den },
                ..
            } => {
                let second = request.arrived / SECOND - self.workloads[w].active.start;
                let before = (u128::from(second) * u128::from(*num)).div_ceil(u128::from(*den));
                ((before + u128::from(request.index)) % u128::from(workload.clients)) as u32
            }
            _ => client(Key::from_bits(request.arrival), u64::from(workload.clients)),
        }
    }
}
