//! Retries of one workload's requests: its retry policy, and the retry quotas of its clients that pay for them.
//!
//! In a slot in which all lose, order matters only between losers of one client that cannot pay for all their
//! retries. So they ask first, which adds up at their client what they may cost, and are decided about then: at
//! once, or, where the client is contested, in order of time.

use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::retry::{
    AnswerForm, ClientRateLimiter, ClientState, ErrorKind, Failure, RetryDelays, RetryPolicy,
    RetryTokens, RetryVerdict,
};
use crate::simulation::state::loser::{Loser, Newcomers};
use crate::simulation::state::request::{Purpose, RequestState, client};
use std::collections::BTreeMap;

/// What a workload's requests may do when they are throttled.
pub struct Retries {
    /// After answers of each form.
    reactions: [Reaction; 2],
    /// The retry quotas of its clients, where they have any.
    tokens: Option<RetryTokens>,
    /// Requests whose last retry took less than its cost, by their arrival and their place in it.
    paid_in_part: BTreeMap<(u64, u16), u32>,
    /// Clients with a retry quota each, 1 where they have one together.
    payers: u32,
    /// Whether they have one together.
    are_shared: bool,
}

/// What a client does about throttled answers of one form.
struct Reaction {
    delays: RetryDelays,
    /// Tokens of its retry quota that a retry takes.
    cost: u32,
    /// Most of them that a loser may ask for within a slot.
    asks: u32,
    /// Whether it takes such answers for throttling.
    is_throttling: bool,
}

impl Reaction {
    fn new(policy: &RetryPolicy, form: AnswerForm) -> Reaction {
        let delays = RetryDelays::new(policy, form);
        let cost = delays.cost();
        Reaction {
            asks: cost.saturating_mul(u32::from(delays.policy.max_attempts)),
            cost,
            is_throttling: policy.kind_of(form) == Some(ErrorKind::Throttling),
            delays,
        }
    }
}

/// What decides about losers in a slot that ends at `end`.
struct Refused<'r> {
    latency: &'r Distribution,
    reaction: &'r Reaction,
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
        let Reaction {
            delays, cost, asks, ..
        } = self.reaction;
        while at < self.end && request.throttled + 1 < delays.policy.max_attempts {
            retries += 1;
            at = next_attempt(self.latency, delays, at, &request);
            request.throttled += 1;
        }
        if tokens.asked(l.client) != *asks || tokens.contests(l.client, retries, *cost) {
            tokens.contest(l.client);
        }
    }
}

/// When a request that is refused at `at` would try again.
#[inline(always)]
fn next_attempt(
    latency: &Distribution,
    delays: &RetryDelays,
    at: u64,
    request: &RequestState,
) -> u64 {
    let n = request.throttled + 1;
    let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
    answered + delays.after(n, |n| request.backoff(n))
}

impl Retries {
    /// Those of so many clients, whose requests are answered in these forms.
    pub fn new(
        policy: &RetryPolicy,
        clients: u32,
        forms: impl Iterator<Item = AnswerForm>,
    ) -> Retries {
        let reactions = AnswerForm::ALL.map(|form| Reaction::new(policy, form));
        let costs = forms.map(|form| reactions[form as usize].cost);
        let quota = policy.retry_quota;
        let tokens = quota.map(|q| RetryTokens::for_costs(q, clients, costs));
        let shared = quota.is_some_and(|q| q.shared);
        Retries {
            reactions,
            tokens,
            paid_in_part: BTreeMap::new(),
            payers: if shared { 1 } else { clients.max(1) },
            are_shared: shared,
        }
    }

    /// What a client does about throttled answers of a form.
    #[inline(always)]
    fn on(&self, answer: AnswerForm) -> &Reaction {
        &self.reactions[answer as usize]
    }

    /// Clients with a retry quota each, 1 where they have one together.
    #[inline(always)]
    pub fn payers(&self) -> u32 {
        self.payers
    }

    /// Whether its clients have retry quotas.
    #[inline(always)]
    pub fn has_quotas(&self) -> bool {
        self.tokens.is_some()
    }

    /// Whether a client has a retry quota that is not full.
    #[inline(always)]
    pub fn has_debts(&self) -> bool {
        self.tokens.as_ref().is_some_and(|t| !t.all_full())
    }

    /// A new client takes the place of one.
    pub fn renew(&mut self, client: u32) {
        if let Some(tokens) = self.tokens.as_mut().filter(|_| !self.are_shared) {
            tokens.renew(client);
        }
    }

    /// Whether a request that was refused is out of attempts.
    #[inline(always)]
    pub fn is_last_attempt(&self, request: &RequestState, answer: AnswerForm) -> bool {
        request.throttled + 1 >= self.on(answer).delays.policy.max_attempts
    }

    /// Whether a request never tries again after such an answer.
    #[inline(always)]
    pub fn are_none(&self, answer: AnswerForm) -> bool {
        self.on(answer).delays.policy.max_attempts == 1
    }

    /// Whether its clients take such an answer for throttling.
    pub fn is_throttling(&self, answer: AnswerForm) -> bool {
        self.on(answer).is_throttling
    }

    /// Whether a client's rate limiter holds back the attempt after so many throttled ones.
    pub fn are_paced(&self, throttled: u16) -> bool {
        self.on(AnswerForm::WithCode)
            .delays
            .policy
            .is_paced(throttled)
    }

    /// When a request that is refused at `at` would try again.
    #[inline(always)]
    pub fn next_attempt(
        &self,
        latency: &Distribution,
        at: u64,
        request: &RequestState,
        answer: AnswerForm,
    ) -> u64 {
        next_attempt(latency, &self.on(answer).delays, at, request)
    }

    /// Takes the cost of a request's retry from its payer's quota, if there is one; refuses when that has too little left.
    #[inline(always)]
    pub fn pay(&mut self, payer: u32, request: &RequestState, answer: AnswerForm) -> bool {
        let cost = self.on(answer).cost;
        let Some(tokens) = &mut self.tokens else {
            return true;
        };
        let taken = tokens.take(payer, cost);
        if tokens.pays_in_part() {
            self.remember(request, taken, cost);
        }
        taken.is_some()
    }

    /// Keeps what a request's last retry took, where that is less than its cost.
    #[cold]
    fn remember(&mut self, request: &RequestState, taken: Option<u32>, cost: u32) {
        match taken {
            Some(part) if part < cost => {
                self.paid_in_part
                    .insert((request.arrival, request.part), part);
            }
            Some(_) | None => self.forget(request),
        }
    }

    /// Forgets what the last retry of a request took that has failed.
    #[inline(always)]
    pub fn forget(&mut self, request: &RequestState) {
        if !self.paid_in_part.is_empty() {
            self.paid_in_part.remove(&(request.arrival, request.part));
        }
    }

    /// Gives a payer back what a success earns, after retries or without.
    #[inline(always)]
    pub fn refund(&mut self, payer: u32, request: &RequestState, answer: AnswerForm) {
        let cost = self.on(answer).cost;
        let Some(tokens) = &mut self.tokens else {
            return;
        };
        let last = (request.throttled > 0).then_some(cost);
        if self.paid_in_part.is_empty() {
            return tokens.refund_cost(payer, last);
        }
        let part = self.paid_in_part.remove(&(request.arrival, request.part));
        tokens.refund_cost(payer, part.or(last));
    }

    /// Gives back what arrivals earn that succeed at the first attempt, `n` times each, in whose keys it stands
    /// which client sent them.
    #[inline(always)]
    pub fn refund_firsts(&mut self, arrivals: impl Iterator<Item = Key>, n: u32) {
        let payers = self.payers;
        if let Some(tokens) = &mut self.tokens {
            tokens.refund_firsts(arrivals.map(|key| client(key, payers)), n);
        }
    }

    /// What a client does that hears at `now` \[s\] that an attempt was throttled.
    pub fn judge(
        &mut self,
        payer: u32,
        limiter: Option<&mut ClientRateLimiter>,
        now: f64,
        request: &RequestState,
        answer: AnswerForm,
    ) -> RetryVerdict {
        // The policy was made for what such an answer means to it.
        let policy = &self.reactions[answer as usize].delays.policy;
        let failure = Failure {
            n: request.throttled,
            kind: Some(ErrorKind::Throttling),
            retry_after: policy.asked,
        };
        let client = ClientState {
            tokens: self.tokens.as_mut().map(|t| (t, payer)),
            limiter,
        };
        policy.judge(failure, client, now, |n| request.backoff(n))
    }
}

/// Losers of a slot that ends at `end`.
impl Retries {
    /// Counts what a loser asks its payer for, if that has a retry quota.
    #[inline(always)]
    pub fn ask(
        &mut self,
        latency: &Distribution,
        at: u64,
        request: &RequestState,
        (payer, answer): (u32, AnswerForm),
        end: u64,
    ) {
        let Some(tokens) = &mut self.tokens else {
            return;
        };
        let reaction = &self.reactions[answer as usize];
        if tokens.ask(payer, reaction.asks) {
            let refused = Refused {
                latency,
                reaction,
                end,
            };
            let loser = Loser {
                at,
                new: 0,
                request: *request,
                client: payer,
            };
            refused.contest(tokens, &loser);
        }
    }

    /// Counts what new requests ask their payers for, and keeps the keys of their arrivals.
    #[inline(always)]
    pub fn ask_for_newcomers(
        &mut self,
        latency: &Distribution,
        (newcomers, answer): (Newcomers, AnswerForm),
        arrivals: impl Iterator<Item = Key>,
        kept: &mut Vec<Key>,
    ) {
        let Some(tokens) = &mut self.tokens else {
            return;
        };
        let reaction = &self.reactions[answer as usize];
        let (payers, asks) = (self.payers, reaction.asks);
        let refused = Refused {
            latency,
            reaction,
            end: newcomers.end,
        };
        kept.extend((0..newcomers.n).zip(arrivals).map(|(i, key)| {
            let client = client(key, payers);
            if tokens.ask(client, asks) {
                refused.contest(tokens, &newcomers.loser(i, key, client));
            }
            key
        }));
    }

    /// Makes order decide about a payer's losers.
    pub fn contest(&mut self, payer: u32) {
        if let Some(tokens) = &mut self.tokens {
            tokens.contest(payer);
        }
    }

    /// A payer's losers are decided about.
    pub fn settle(&mut self, payer: u32) {
        if let Some(tokens) = &mut self.tokens {
            tokens.settle(payer);
        }
    }

    /// As [`Retries::pay`], for any of the losers that have asked; `None` if order decides.
    #[inline(always)]
    pub fn pay_asked(&mut self, payer: u32, answer: AnswerForm) -> Option<bool> {
        let cost = self.on(answer).cost;
        match &mut self.tokens {
            Some(tokens) => tokens.take_asked(payer, cost),
            None => Some(true),
        }
    }
}
