//! What may hold the requests of a workload's clients back, and what waits.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Workload;
use crate::model::retry::{
    CircuitBreakers, ClientLives, ClientRateLimiter, RateLimiterRules, SendQueue,
};
use crate::simulation::state::drawn::DrawnSecond;
use crate::simulation::state::request::RequestState;
use std::collections::VecDeque;

/// Fewer seconds before its first throttled answer a client does not remember; a second holds two of the
/// spans over which it measures its rate, and each newer one leaves a fifth of what was before.
const LEAST_SECONDS: usize = 12;

/// Arrivals of each client beyond which it remembers no further back.
const ARRIVALS_EACH: u64 = 32;

/// Most seconds that it remembers: slower clients are below the least rate of a limiter.
const MOST_SECONDS: usize = 64;

/// The guards of one workload's clients.
pub struct ClientGuards {
    limiters: Option<Limiters>,
    breakers: Option<CircuitBreakers>,
    /// The lives of clients that are replaced.
    lives: Option<ClientLives>,
    /// Names the random numbers of these.
    key: Key,
    /// Whether needs alone make the order matter.
    needs_order: bool,
    /// An application with a client-side cache: only its calls pass its SDK client.
    at_calls: bool,
}

/// Whether a client lets a call through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MayCall {
    Now,
    /// When it has a token, in so long at the present rate \[s\].
    Later(f64),
    /// When its send brake holds no longer \[ns\].
    At(u64),
    /// Its circuit breaker is open.
    Never,
}

impl ClientGuards {
    /// Whether a workload's clients need any: they hold something back, or are replaced.
    pub fn are_needed(workload: &Workload) -> bool {
        let retry = &workload.retry;
        retry.rate_limiter.is_some()
            || retry.circuit_breaker.is_some()
            || workload.client_lifetime.is_some()
    }

    pub fn new(
        workload: &Workload,
        key: Key,
        needs_order: bool,
        by_service: bool,
    ) -> Option<Box<ClientGuards>> {
        let (retry, clients) = (&workload.retry, workload.clients);
        let breaker = retry.circuit_breaker;
        let lifetime = workload.client_lifetime;
        ClientGuards::are_needed(workload).then(|| {
            Box::new(ClientGuards {
                limiters: retry.rate_limiter.map(Limiters::new),
                breakers: breaker.map(|b| CircuitBreakers::new(b, clients)),
                lives: lifetime.map(|rules| ClientLives::new(rules, clients)),
                key,
                needs_order,
                at_calls: needs_order && !by_service,
            })
        })
    }

    /// Whether its requests have to be looked at in order even where all are admitted.
    pub fn in_order(&self) -> bool {
        let used = self.breakers.as_ref().is_some_and(|b| !b.all_closed());
        let counted = self.lives.as_ref().is_some_and(ClientLives::are_counted);
        self.needs_order || self.are_followed() || used || counted
    }

    /// Whether clients are replaced.
    pub fn replaces_clients(&self) -> bool {
        self.lives.is_some()
    }

    /// A client sends an attempt at `at`, of a new request or not. Whether it is a new client that does so, which
    /// remembers nothing.
    pub fn sends(&mut self, client: u32, at: u64, is_new: bool) -> bool {
        let lives = self.lives.as_mut();
        if !lives.is_some_and(|lives| lives.sends(client, at, is_new)) {
            return false;
        }
        if let Some(breakers) = &mut self.breakers {
            breakers.renew(client);
        }
        if let Some(limiters) = self.limiters.as_mut().filter(|l| l.are_followed()) {
            limiters.renew(client, at);
        }
        true
    }

    /// Whether calls alone pass the clients, not what a cache serves.
    #[inline]
    pub fn pass_only_calls(&self) -> bool {
        self.at_calls
    }

    /// Whether the clients are followed, answer by answer.
    pub fn are_followed(&self) -> bool {
        self.limiters.as_ref().is_some_and(Limiters::are_followed)
    }

    /// Whether they have rate limiters that nobody follows yet.
    pub fn may_be_followed(&self) -> bool {
        self.limiters.as_ref().is_some_and(|l| !l.are_followed())
    }

    /// Keeps what a second has drawn for the time when they are.
    pub fn remember(&mut self, drawn: DrawnSecond, clients: u64) {
        if let Some(limiters) = &mut self.limiters {
            limiters.past.push(drawn, clients);
        }
    }

    /// Clients that were made at `made` are followed from `at` on \[ns\]; returns the seconds before that they
    /// remember.
    pub fn follow(&mut self, clients: u32, made: u64, at: u64) -> VecDeque<DrawnSecond> {
        if let Some(lives) = &mut self.lives {
            lives.pass(at);
        }
        let limiters = self.limiters.as_mut();
        limiters.map_or_else(VecDeque::new, |l| l.follow(clients, made, at))
    }

    /// What a client says to an attempt at `at`; a token is taken if there is one. `is_paced`: its limiter holds such
    /// an attempt back.
    pub fn may_send(&mut self, client: u32, at: u64, is_retry: bool, is_paced: bool) -> MayCall {
        if let Some(breakers) = &self.breakers
            && !breakers.allows(client, at, is_retry)
        {
            return match breakers.holds_until(client) {
                Some(until) => MayCall::At(until),
                None => MayCall::Never,
            };
        }
        let limiters = self.limiters.as_mut();
        match limiters.filter(|l| is_paced && l.are_followed()) {
            Some(limiters) => limiters.take_token(client, at),
            None => MayCall::Now,
        }
    }

    /// An attempt of a client at `at` waits for a token, which it will have in so long \[s\].
    pub fn hold_back(&mut self, client: u32, at: u64, wait: f64, request: RequestState) {
        if let Some(limiters) = &mut self.limiters {
            limiters.waiting += 1;
            let queue = &mut limiters.client(client).queue;
            queue.push(seconds(at) + wait, request);
        }
    }

    /// An attempt waits no longer.
    pub fn let_go(&mut self) {
        if let Some(limiters) = &mut self.limiters {
            limiters.waiting -= 1;
        }
    }

    /// Attempts that wait for a token.
    pub fn held_back(&self) -> u64 {
        self.limiters.as_ref().map_or(0, |l| l.waiting)
    }

    /// Whether attempts may have to wait, for a token or a brake.
    pub fn hold_back_any(&self) -> bool {
        let brakes = self.breakers.as_ref();
        let limiters = self.limiters.as_ref();
        limiters.is_some_and(|l| l.is_on) || brakes.is_some_and(CircuitBreakers::may_hold)
    }

    /// An attempt at `at` was throttled, and is answered at `answered`, in words that its client takes for throttling
    /// or not. Whether that decides only when it hears of it.
    pub fn throttled(&mut self, client: u32, at: u64, answered: u64, is_throttling: bool) -> bool {
        if let Some(breakers) = &mut self.breakers {
            breakers.ended(client, at, Some(answered));
        }
        if let Some(lives) = &mut self.lives {
            lives.count(self.key);
        }
        let followed = self.limiters.as_mut().filter(|l| l.are_followed());
        followed.is_some_and(|limiters| {
            limiters.is_on |= is_throttling;
            true
        })
    }

    /// A request that was sent at `at` has succeeded, after so many calls. Whether its client hears of it later.
    pub fn succeeded(&mut self, client: u32, at: u64, calls: usize) -> bool {
        if self.at_calls && calls == 0 {
            return false;
        }
        if let Some(breakers) = &mut self.breakers
            && !breakers.all_closed()
        {
            breakers.ended(client, at, None);
        }
        self.are_followed()
    }

    /// The rate limiter of a client.
    pub fn limiter(&mut self, client: u32) -> Option<&mut ClientRateLimiter> {
        let limiters = self.limiters.as_mut()?;
        Some(&mut limiters.client(client).limiter)
    }

    /// A client's limiter counts an answer.
    pub fn hears(&mut self, client: u32, at: u64, throttled: bool) {
        if let Some(limiters) = &mut self.limiters {
            let rules = limiters.rules;
            let limiter = &mut limiters.client(client).limiter;
            limiter.answered(&rules, seconds(at), throttled);
        }
    }

    /// The one of a client's waiting attempts that an answer wakes.
    pub fn woken_by_answer(&mut self, client: u32, at: u64) -> Option<RequestState> {
        let limiters = self.limiters.as_mut().filter(|l| l.rules.answer_wakes)?;
        limiters.client(client).rate_changed(seconds(at))
    }

    /// A client's limiter counts a success: the one of its waiting attempts that this wakes.
    pub fn hears_success(&mut self, client: u32, at: u64) -> Option<RequestState> {
        let limiters = self.limiters.as_mut()?;
        let (rules, now) = (limiters.rules, seconds(at));
        let paced = limiters.client(client);
        paced.limiter.answered(&rules, now, false);
        rules
            .answer_wakes
            .then(|| paced.rate_changed(now))
            .flatten()
    }

    /// The next of a client's waiting attempts that has slept long enough and finds a token.
    pub fn woken(&mut self, client: u32, at: u64) -> Option<RequestState> {
        let PacedClient { limiter, queue, .. } = self.limiters.as_mut()?.client(client);
        queue.woken(limiter, seconds(at))
    }

    /// When after `at` a client has to be looked at next \[ns\], if no look is scheduled for then or before.
    pub fn next_look(&mut self, client: u32, at: u64) -> Option<u64> {
        self.limiters.as_mut()?.client(client).next_look(at)
    }
}

/// The rate limiters of a workload's clients.
struct Limiters {
    rules: RateLimiterRules,
    /// Once they are followed, each from its first answer or attempt on.
    clients: Vec<Option<Box<PacedClient>>>,
    /// When they were made, and from when on anything is known of them \[s\].
    made: f64,
    known_from: f64,
    /// Before: what its last seconds drew.
    past: Past,
    /// Attempts that wait for a token.
    waiting: u64,
    /// Whether an attempt was throttled, so that attempts may have to wait.
    is_on: bool,
}

struct PacedClient {
    limiter: ClientRateLimiter,
    queue: SendQueue<RequestState>,
    /// Looks that are scheduled \[ns\], the next one last.
    looks: Vec<u64>,
}

impl PacedClient {
    fn rate_changed(&mut self, now: f64) -> Option<RequestState> {
        self.queue.rate_changed(&mut self.limiter, now)
    }

    /// When a look has to be scheduled after `at` \[ns\]. A second one at an instant would find nothing to do.
    fn next_look(&mut self, at: u64) -> Option<u64> {
        let when = self.queue.next_look()?;
        let ns = up(when * SECOND as f64).max(at + 1);
        while self.looks.pop_if(|look| *look <= at).is_some() {}
        let later = self.looks.iter().rposition(|look| *look >= ns);
        if later.is_some_and(|i| self.looks[i] == ns) {
            return None;
        }
        self.looks.insert(later.map_or(0, |i| i + 1), ns);
        Some(ns)
    }
}

impl Limiters {
    fn new(rules: RateLimiterRules) -> Limiters {
        Limiters {
            rules,
            clients: Vec::new(),
            made: 0.0,
            known_from: 0.0,
            past: Past::default(),
            waiting: 0,
            is_on: false,
        }
    }

    fn are_followed(&self) -> bool {
        !self.clients.is_empty()
    }

    fn follow(&mut self, clients: u32, made: u64, at: u64) -> VecDeque<DrawnSecond> {
        let past = std::mem::take(&mut self.past).seconds;
        let oldest = past.front().map_or(at, |d| d.second() * SECOND);
        self.made = seconds(made);
        self.known_from = seconds(made.max(oldest));
        self.clients = (0..clients).map(|_| None).collect();
        past
    }

    /// The limiter and the waiting attempts of a client that is followed.
    fn client(&mut self, client: u32) -> &mut PacedClient {
        let (rules, made, known_from) = (&self.rules, self.made, self.known_from);
        self.clients[client as usize].get_or_insert_with(|| {
            Box::new(PacedClient {
                limiter: ClientRateLimiter::since(rules, made, known_from),
                queue: SendQueue::new(),
                looks: Vec::new(),
            })
        })
    }

    /// A new client takes the place of one; what waits goes on with it.
    fn renew(&mut self, client: u32, at: u64) {
        let made = ClientRateLimiter::new(&self.rules, seconds(at));
        self.client(client).limiter = made;
    }

    fn take_token(&mut self, client: u32, at: u64) -> MayCall {
        match self.client(client).limiter.take(seconds(at), 1.0) {
            Ok(_) => MayCall::Now,
            Err(wait) => MayCall::Later(wait),
        }
    }
}

/// The last seconds of a workload whose clients are not followed yet.
#[derive(Default)]
struct Past {
    seconds: VecDeque<DrawnSecond>,
    arrivals: u64,
}

impl Past {
    fn push(&mut self, drawn: DrawnSecond, clients: u64) {
        self.arrivals += drawn.total();
        self.seconds.push_back(drawn);
        while self.seconds.len() > LEAST_SECONDS {
            let oldest = self.seconds[0].total();
            let enough = self.arrivals - oldest >= ARRIVALS_EACH * clients;
            if !enough && self.seconds.len() <= MOST_SECONDS {
                break;
            }
            self.arrivals -= oldest;
            self.seconds.pop_front();
        }
    }
}

/// The next whole number of one above zero.
fn up(x: f64) -> u64 {
    let whole = x as u64;
    whole + u64::from((whole as f64) < x)
}

/// An instant as limiters and retry policies take it \[s\].
pub fn seconds(ns: u64) -> f64 {
    ns as f64 / SECOND as f64
}
