//! Slots in which all lose: who pays for a retry, and in which order where that matters.

use super::drawn::{Arrival, Split};
use super::life::next_attempt;
use super::request::{Request, client};
use super::{SEVERAL, UNLIMITED, WorkloadState, World};
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

/// What decides about the losers of a workload in a slot that ends at `end`.
struct Refused<'p> {
    latency: &'p Distribution,
    retry: &'p RetryDelays,
    /// Most tokens that one of them may ask for.
    asks: u32,
    end: u64,
}

impl Refused<'_> {
    /// Makes order decide for a client where its retry quota may not pay for all that its losers ask for: unless
    /// this is the only one and asks for no more retries in the slot than are paid for.
    #[cold]
    fn contest(&self, tokens: &mut RetryTokens, l: &Loser) {
        if tokens.is_contested(l.client) {
            return;
        }
        let (mut at, mut request) = (l.at, l.request);
        let mut retries = 0;
        while at < self.end && request.throttled + 1 < self.retry.policy.max_attempts {
            retries += 1;
            at = next_attempt(self.latency, self.retry, at, &request);
            request.throttled += 1;
        }
        if tokens.asked(l.client) != self.asks || tokens.contests(l.client, retries) {
            tokens.contest(l.client);
        }
    }
}

/// New requests of one class that lose in a slot, and have retry quotas.
#[derive(Clone, Copy)]
struct Newcomers {
    class: u32,
    /// Number of the first one's arrival in its second.
    index: u32,
    /// New requests of the slot that come before them.
    before: u32,
    /// How many they are, and where the keys of their arrivals begin.
    n: u32,
    first_key: usize,
    /// End of the slot.
    end: u64,
}

impl Newcomers {
    /// The `i`-th of them.
    #[inline(always)]
    fn request(self, i: u32, key: Key) -> Request {
        let at = self.end - SLOT_NS + instant_in_slot(key);
        Request::new(at, self.class, self.index + i, 0, 0, key)
    }

    /// The same as a loser.
    fn loser(self, i: u32, key: Key, client: u32) -> Loser {
        let request = self.request(i, key);
        Loser {
            at: request.arrived,
            new: self.before + i + 1,
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
    keys: Vec<Key>,
    others: Vec<Other>,
    /// Places of those that need more than one quota's word.
    several: Vec<Place>,
    /// New requests of the slot so far, and the numbers of those that stand in the calendar.
    new: u32,
    numbers: Vec<u32>,
    contested: Vec<Loser>,
    /// Those that try again in the slot, at that time.
    again: Vec<(Loser, u64)>,
}

impl Lost {
    fn clear(&mut self) {
        self.newcomers.clear();
        self.keys.clear();
        self.others.clear();
        self.numbers.clear();
        self.new = 0;
    }
}

/// No retry quota pays.
const NOBODY: u32 = u32::MAX;

impl World<'_> {
    /// A slot in which all lose, where retry quotas may run dry.
    ///
    /// Order matters only between losers of one client that cannot pay for all their retries. So
    /// they are looked at twice: to add up what the losers of each client ask for, and to decide.
    // Not inlined, so that a profile can tell what losers cost.
    #[inline(never)]
    pub(super) fn lose_slot(&mut self, slot: usize, second: u64) {
        let end = second * SECOND + (slot as u64 + 1) * SLOT_NS;
        let mut lost = std::mem::take(&mut self.lost);
        lost.clear();
        for s in 0..self.spread.splits.len() {
            let split = self.spread.splits[s];
            if !self.gather_split(split, slot, end, &mut lost) {
                self.add_split(split, slot, second, &mut lost);
            }
        }
        while let Some((at, arrival)) = self.spread.take_listed(slot) {
            self.add_arrival(second * SECOND + at, &arrival, &mut lost);
        }
        self.gather_others(end, &mut lost);
        for n in 0..lost.newcomers.len() {
            self.lose_newcomers(n, &mut lost);
        }
        self.lose_others(end, &mut lost);
        for (loser, at) in lost.again.drain(..) {
            self.lose_again(loser, at, end);
        }
        self.lose_in_order(&mut lost.contested, end);
        self.lost = lost;
    }

    /// Refuses what the calendar holds for a slot that ends at `end`, and counts what it asks for.
    fn gather_others(&mut self, end: u64, lost: &mut Lost) {
        let (classes, workloads, quotas) =
            (&mut self.classes, &mut self.workloads, &mut self.quotas);
        let (latency, warm_up) = (&self.plan.throttled_latency, self.warm_up);
        let sole_quota = self.sole_quota;
        let mut refused = 0;
        self.calendar.take_all(|place, at, request| {
            let class = &mut classes[request.class as usize];
            if class.only_quota == SEVERAL {
                return lost.several.push(place);
            }
            match sole_quota {
                Some(_) => refused += 1,
                None => quotas[class.only_quota as usize].refuse(1),
            }
            let tally = &mut class.tally[usize::from(request.arrived < warm_up)];
            tally.requests += u64::from(request.throttled == 0);
            tally.throttled += 1;
            let state = &mut workloads[class.workload as usize];
            if state.is_last_attempt(request) {
                tally.failed += 1;
                state.waiting -= u64::from(request.is_waiting());
            } else {
                let client = state.asks_for_retry(latency, at, request, end);
                lost.others.push(Other { place, client });
            }
        });
        if let Some(q) = sole_quota {
            quotas[q].refuse(refused);
        }
        while let Some(place) = lost.several.pop() {
            self.gather_several(place, end, &mut lost.others);
        }
    }

    /// Does so with a request that needs more than one quota's word.
    fn gather_several(&mut self, place: Place, end: u64, others: &mut Vec<Other>) {
        let Entry { at, event } = self.calendar.entry(place);
        let class = &self.classes[event.class as usize];
        let w = class.workload as usize;
        let client = if !class.asks_nobody() {
            let mut request = event;
            self.refuse(&mut request);
            *self.calendar.event_mut(place) = request;
            let latency = &self.plan.throttled_latency;
            let state = &mut self.workloads[w];
            if state.is_last_attempt(&request) {
                return self.fail(&request, w, false);
            }
            state.asks_for_retry(latency, at, &request, end)
        } else {
            let state = &mut self.workloads[w];
            let client = state.payer(&event);
            let Some(tokens) = &mut state.tokens else {
                return self.offer(at, &event);
            };
            // Its success gives something back in the midst of the others.
            tokens.contest(client);
            client
        };
        others.push(Other { place, client });
    }

    /// Counts the new requests that a split has in a slot and what they ask for, where they are of one class and
    /// have retry quotas.
    fn gather_split(&mut self, split: Split, slot: usize, end: u64, lost: &mut Lost) -> bool {
        let n = self.spread.slot_counts[split.counts + slot];
        let action = &self.actions[split.action as usize];
        let class_index = action.class;
        let class = &mut self.classes[class_index as usize];
        let state = &mut self.workloads[split.workload as usize];
        let several = !action.parts.is_empty() || class.only_quota == SEVERAL;
        let Some(tokens) = &mut state.tokens else {
            return false;
        };
        if several || state.retry.policy.max_attempts == 1 {
            return false;
        }
        // All are alike: what they count is added at once.
        let tally = &mut class.tally[usize::from(end <= self.warm_up)];
        tally.requests += u64::from(n);
        tally.throttled += u64::from(n);
        self.quotas[class.only_quota as usize].refuse(u64::from(n));
        let (payers, asks) = (state.payers, state.asks);
        let refused = Refused {
            latency: &self.plan.throttled_latency,
            retry: &state.retry,
            asks,
            end,
        };
        let newcomers = Newcomers {
            class: class_index,
            index: number_in_slot(slot, 0),
            before: lost.new,
            n,
            first_key: lost.keys.len(),
            end,
        };
        let keys = (0..n).zip(keys_in_slot(split.key, slot, n));
        lost.keys.extend(keys.map(|(i, key)| {
            let client = client(key, payers);
            if tokens.ask(client, asks) {
                refused.contest(tokens, &newcomers.loser(i, key, client));
            }
            key
        }));
        lost.new += n;
        lost.newcomers.push(newcomers);
        true
    }

    /// Lets newcomers try again or fail unless order decides about their clients'.
    fn lose_newcomers(&mut self, n: usize, lost: &mut Lost) {
        let Lost {
            newcomers,
            keys,
            contested,
            again,
            ..
        } = lost;
        let newcomers = newcomers[n];
        let w = self.classes[newcomers.class as usize].workload as usize;
        let state = &mut self.workloads[w];
        let Some(tokens) = &mut state.tokens else {
            return;
        };
        let latency = &self.plan.throttled_latency;
        let payers = state.payers;
        let (mut failed, mut waiting) = (0, 0);
        for (i, &key) in (0..newcomers.n).zip(&keys[newcomers.first_key..]) {
            let client = client(key, payers);
            let Some(paid) = tokens.take_asked(client) else {
                contested.push(newcomers.loser(i, key, client));
                continue;
            };
            if !paid {
                failed += 1;
                continue;
            }
            waiting += 1;
            let mut request = newcomers.request(i, key);
            let at = next_attempt(latency, &state.retry, request.arrived, &request);
            if at < newcomers.end {
                again.push((newcomers.loser(i, key, client), at));
                continue;
            }
            request.throttled = 1;
            self.calendar.push(at, request);
        }
        state.waiting += waiting;
        let tally = &mut self.classes[newcomers.class as usize].tally;
        tally[usize::from(newcomers.end <= self.warm_up)].failed += failed;
    }

    /// Lets the others do so.
    fn lose_others(&mut self, end: u64, lost: &mut Lost) {
        let (classes, workloads, calendar) =
            (&mut self.classes, &mut self.workloads, &mut self.calendar);
        let latency = &self.plan.throttled_latency;
        for &Other { place, client } in &lost.others {
            let (at, request) = calendar.look(place);
            let class = &mut classes[request.class as usize];
            let state = &mut workloads[class.workload as usize];
            let loser = |new| Loser {
                at,
                new,
                request: *request,
                client,
            };
            if client != NOBODY
                && let Some(tokens) = &mut state.tokens
            {
                let Some(paid) = tokens.take_asked(client) else {
                    let number = calendar.number_of_new(place);
                    let new = number.map_or(0, |i| lost.numbers[i as usize]);
                    lost.contested.push(loser(new));
                    continue;
                };
                if !paid {
                    class.tally[usize::from(request.arrived < self.warm_up)].failed += 1;
                    state.waiting -= u64::from(request.is_waiting());
                    continue;
                }
            }
            state.waiting += u64::from(!request.is_waiting());
            let next = next_attempt(latency, &state.retry, at, request);
            if next < end {
                lost.again.push((loser(0), next));
                continue;
            }
            let throttled = request.throttled + 1;
            calendar.push_again(next, place, |retry| retry.throttled = throttled);
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

    /// Decides about the losers of contested clients in order of time.
    pub(super) fn lose_in_order(&mut self, contested: &mut Vec<Loser>, end: u64) {
        // The earliest stands last.
        contested.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(l) = contested.pop() {
            let class = &self.classes[l.request.class as usize];
            if let Some(tokens) = &mut self.workloads[class.workload as usize].tokens {
                tokens.settle(l.client);
            }
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
        self.quotas[quota as usize].refuse(1);
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

impl WorkloadState {
    /// Whether a request that was refused is out of attempts.
    #[inline(always)]
    fn is_last_attempt(&self, request: &Request) -> bool {
        request.throttled + 1 >= self.retry.policy.max_attempts
    }

    /// Counts what a loser asks for at the client whose retry quota has to pay for its retry, if one has; returns
    /// that client.
    #[inline(always)]
    fn asks_for_retry(
        &mut self,
        latency: &Distribution,
        at: u64,
        request: &Request,
        end: u64,
    ) -> u32 {
        let client = self.payer(request);
        let Some(tokens) = &mut self.tokens else {
            return NOBODY;
        };
        if tokens.ask(client, self.asks) {
            let refused = Refused {
                latency,
                retry: &self.retry,
                asks: self.asks,
                end,
            };
            let loser = Loser {
                at,
                new: 0,
                request: *request,
                client,
            };
            refused.contest(tokens, &loser);
        }
        client
    }
}
