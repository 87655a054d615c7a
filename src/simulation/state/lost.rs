//! The losers of a slot in which all lose.

use crate::engine::calendar::{EventPlace, SLOT_NS};
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::arrivals::instant_in_slot;
use crate::model::retry::{RetryDelays, RetryTokens};
use crate::simulation::state::request::RequestState;
use crate::simulation::state::workload::{WorkloadState, next_attempt};

/// A request that loses, whose client's retry quota may pay for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loser {
    pub at: u64,
    /// 0 where it was scheduled, else its number among the new requests of the slot, from 1 on: at one
    /// instant they come in that order.
    pub new: u32,
    pub request: RequestState,
    pub client: u32,
}

/// What decides about the losers of a workload in a slot that ends at `end`.
pub struct Refused<'p> {
    pub latency: &'p Distribution,
    pub retry: &'p RetryDelays,
    /// Most tokens that one of them may ask for.
    pub asks: u32,
    pub end: u64,
}

impl Refused<'_> {
    /// Makes order decide for a client where its retry quota may not pay for all that its losers ask for: unless
    /// this is the only one and asks for no more retries in the slot than are paid for.
    #[cold]
    pub fn contest(&self, tokens: &mut RetryTokens, l: &Loser) {
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
pub struct Newcomers {
    pub class: u32,
    /// Number of the first one's arrival in its second.
    pub index: u32,
    /// New requests of the slot that come before them.
    pub before: u32,
    /// How many they are, and where the keys of their arrivals begin.
    pub n: u32,
    pub first_key: usize,
    /// End of the slot.
    pub end: u64,
}

impl Newcomers {
    /// The `i`-th of them.
    #[inline(always)]
    pub fn request(self, i: u32, key: Key) -> RequestState {
        let at = self.end - SLOT_NS + instant_in_slot(key);
        RequestState::new(at, self.class, self.index + i, 0, 0, key)
    }

    /// The same as a loser.
    pub fn loser(self, i: u32, key: Key, client: u32) -> Loser {
        let request = self.request(i, key);
        Loser {
            at: request.arrived,
            new: self.before + i + 1,
            request,
            client,
        }
    }
}

/// A loser that is in the calendar.
pub struct Other {
    pub place: EventPlace,
    pub client: u32,
}

/// The losers of a slot.
#[derive(Default)]
pub struct Lost {
    pub newcomers: Vec<Newcomers>,
    pub keys: Vec<Key>,
    pub others: Vec<Other>,
    /// Places of those that need more than one quota's word.
    pub several: Vec<EventPlace>,
    /// New requests of the slot so far, and the numbers of those that stand in the calendar.
    pub new: u32,
    pub numbers: Vec<u32>,
    pub contested: Vec<Loser>,
    /// Those that try again in the slot, at that time.
    pub again: Vec<(Loser, u64)>,
}

impl Lost {
    pub fn clear(&mut self) {
        self.newcomers.clear();
        self.keys.clear();
        self.others.clear();
        self.numbers.clear();
        self.new = 0;
    }
}

/// No retry quota pays.
pub const NOBODY: u32 = u32::MAX;

impl WorkloadState {
    /// Whether a request that was refused is out of attempts.
    #[inline(always)]
    pub fn is_last_attempt(&self, request: &RequestState) -> bool {
        request.throttled + 1 >= self.retry.policy.max_attempts
    }

    /// Counts what a loser asks for at the client whose retry quota has to pay for its retry, if one has; returns
    /// that client.
    #[inline(always)]
    pub fn asks_for_retry(
        &mut self,
        latency: &Distribution,
        at: u64,
        request: &RequestState,
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
