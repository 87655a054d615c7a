//! What may hold the requests of a workload's clients back, and what waits.

use crate::engine::SECOND;
use crate::model::retry::{CircuitBreakers, ClientRateLimiter, RateLimiterRules, SendQueue};
use crate::simulation::state::drawn::DrawnSecond;
use crate::simulation::state::request::RequestState;
use std::collections::VecDeque;

/// Fewer seconds before its first throttled answer a client does not remember; a second holds two of the
/// spans over which it measures its rate, and each newer one leaves a fifth of what was before.
pub const LEAST_SECONDS: usize = 12;

/// Arrivals of each client beyond which it remembers no further back.
pub const ARRIVALS_EACH: u64 = 32;

/// Most seconds that it remembers: slower clients are below the least rate of a limiter.
pub const MOST_SECONDS: usize = 64;

/// The guards of one workload's clients.
#[derive(Default)]
pub struct ClientGuards {
    pub limiter: Option<RateLimiterRules>,
    /// Once they are followed, each from its first answer or attempt on.
    pub clients: Vec<Option<Box<PacedClient>>>,
    /// When they were made, and from when on anything is known of them \[s\].
    pub made: f64,
    pub known_from: f64,
    /// Before: what its last seconds drew.
    pub past: Past,
    /// Attempts that wait for a token.
    pub waiting: u64,
    /// Whether an attempt was throttled, so that attempts may have to wait.
    pub is_on: bool,
    pub breakers: Option<CircuitBreakers>,
    /// Whether needs alone make the order matter.
    pub needs_order: bool,
    /// An application with a client-side cache: only its calls pass its SDK client.
    pub at_calls: bool,
}

/// Whether a client lets a call through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MayCall {
    Now,
    /// When it has a token, in so long at the present rate \[s\].
    Later(f64),
    /// Its circuit breaker is open.
    Never,
}

pub struct PacedClient {
    pub limiter: ClientRateLimiter,
    pub queue: SendQueue<RequestState>,
}

/// The last seconds of a workload whose clients are not followed yet.
#[derive(Default)]
pub struct Past {
    pub seconds: VecDeque<DrawnSecond>,
    pub arrivals: u64,
}

impl Past {
    pub fn push(&mut self, drawn: DrawnSecond, clients: u64) {
        self.arrivals += drawn.counts.iter().sum::<u64>();
        self.seconds.push_back(drawn);
        while self.seconds.len() > LEAST_SECONDS {
            let oldest: u64 = self.seconds[0].counts.iter().sum();
            let enough = self.arrivals - oldest >= ARRIVALS_EACH * clients;
            if !enough && self.seconds.len() <= MOST_SECONDS {
                break;
            }
            self.arrivals -= oldest;
            self.seconds.pop_front();
        }
    }
}

impl ClientGuards {
    pub fn new(
        workload: &crate::model::Workload,
        needs_order: bool,
        is_s3: bool,
    ) -> Option<Box<ClientGuards>> {
        let retry = &workload.retry;
        let breaker = retry.circuit_breaker;
        (retry.rate_limiter.is_some() || breaker.is_some()).then(|| {
            Box::new(ClientGuards {
                limiter: retry.rate_limiter,
                breakers: breaker.map(|b| CircuitBreakers::new(b, workload.clients)),
                needs_order,
                at_calls: needs_order && !is_s3,
                ..ClientGuards::default()
            })
        })
    }

    /// The limiter and the waiting attempts of a client that is followed.
    pub fn client(&mut self, rules: &RateLimiterRules, client: u32) -> &mut PacedClient {
        let (made, known_from) = (self.made, self.known_from);
        self.clients[client as usize].get_or_insert_with(|| {
            Box::new(PacedClient {
                limiter: ClientRateLimiter::since(rules, made, known_from),
                queue: SendQueue::new(),
            })
        })
    }

    pub fn is_followed(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Whether its requests have to be looked at in order even where all are admitted.
    pub fn in_order(&self) -> bool {
        let used = self.breakers.as_ref().is_some_and(|b| !b.all_closed());
        self.needs_order || self.is_followed() || used
    }
}

pub fn seconds(ns: u64) -> f64 {
    ns as f64 / SECOND as f64
}
