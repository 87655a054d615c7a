//! Slots in which all lose: who pays for a retry, and in which order where that matters.

use super::drawn::Split;
use super::life::next_attempt;
use super::request::{Request, client};
use super::{SEVERAL, UNLIMITED, World};
use crate::engine::calendar::SLOT_NS;
use crate::engine::distribution::Distribution;
use crate::model::arrivals::in_slot;
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

impl World<'_> {
    /// Counts a request that will lose at `at`, in a slot that ends at `end`, for its client.
    /// Returns the client whose quota is asked for a retry.
    pub(super) fn count_loser(&mut self, at: u64, request: &Request, end: u64) -> u32 {
        let class = &self.classes[request.class as usize];
        let (w, wins) = (class.workload as usize, class.asks_nobody());
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
        let plain = action.parts.is_empty() && !class.asks_nobody() && state.retry.max_attempts > 1;
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
        let (w, wins) = (class.workload as usize, class.asks_nobody());
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
            if class.asks_nobody() {
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

    /// Counts the refusal of a loser by S3's request rate, or of its first need.
    #[inline]
    fn refuse(&mut self, mut request: Request) -> Request {
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
            self.fail(&l.request, w, false);
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
}
