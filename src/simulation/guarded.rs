//! Clients that hold back what they send: the adaptive mode's rate limiter, circuit breakers.
//!
//! **Rate limiter.** Until one of a workload's clients is throttled for the first time its limiters hold
//! nothing back, and its requests are counted as all others are. Then they are followed: every answer, at
//! its time, goes to the limiter of its client, and what the client sends waits for a token. What the
//! limiters remember of the time before is found by drawing the last seconds' arrivals again from their keys:
//! all of them were admitted at once. The moment is that of the throttled attempt itself, so that no digit
//! depends on what was counted. A job's clients are followed from its start, and so are those of an
//! application with a client-side cache: its limiter sees only what the cache does not meet.
//!
//! **Circuit breaker.** It changes only when an attempt is throttled, or by a success while it
//! remembers a failure; else its workload is counted. An attempt's outcome reaches it when the attempt is sent.
//!
//! While they are followed, or in use, such workloads are looked at in order of time.

use super::drawn::{Drawn, Piece};
use super::request::{Purpose, Request, Step};
use super::{World, for_each_asked};
use crate::engine::SECOND;
use crate::model::retry::{
    CircuitBreakers, ClientRateLimiter, ClientState, ErrorKind, Failure, RateLimiterRules,
    SendQueue, Verdict,
};
use std::collections::VecDeque;

/// Fewer seconds before its first throttled answer a client does not remember; a second holds two of the
/// spans over which it measures its rate, and each newer one leaves a fifth of what was before.
const LEAST_SECONDS: usize = 12;
/// Arrivals of each client beyond which it remembers no further back.
const ARRIVALS_EACH: u64 = 32;
/// Most seconds that it remembers: slower clients are below the least rate of a limiter.
const MOST_SECONDS: usize = 64;

/// The guards of one workload's clients.
#[derive(Default)]
pub(super) struct Guards {
    limiter: Option<RateLimiterRules>,
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
    breakers: Option<CircuitBreakers>,
    /// Whether needs alone make the order matter.
    needs_order: bool,
    /// An application with a client-side cache: only its calls pass its SDK client.
    at_calls: bool,
}

/// Whether a client lets a call through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MayCall {
    Now,
    /// When it has a token, in so long at the present rate \[s\].
    Later(f64),
    /// Its circuit breaker is open.
    Never,
}

struct PacedClient {
    limiter: ClientRateLimiter,
    queue: SendQueue<Request>,
}

/// The last seconds of a workload whose clients are not followed yet.
#[derive(Default)]
struct Past {
    seconds: VecDeque<Drawn>,
    arrivals: u64,
}

impl Past {
    fn push(&mut self, drawn: Drawn, clients: u64) {
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

impl Guards {
    pub fn new(
        workload: &crate::model::Workload,
        needs_order: bool,
        is_s3: bool,
    ) -> Option<Box<Guards>> {
        let retry = &workload.retry;
        let breaker = retry.circuit_breaker;
        (retry.rate_limiter.is_some() || breaker.is_some()).then(|| {
            Box::new(Guards {
                limiter: retry.rate_limiter,
                breakers: breaker.map(|b| CircuitBreakers::new(b, workload.clients)),
                needs_order,
                at_calls: needs_order && !is_s3,
                ..Guards::default()
            })
        })
    }

    /// The limiter and the waiting attempts of a client that is followed.
    fn client(&mut self, rules: &RateLimiterRules, client: u32) -> &mut PacedClient {
        let (made, known_from) = (self.made, self.known_from);
        self.clients[client as usize].get_or_insert_with(|| {
            Box::new(PacedClient {
                limiter: ClientRateLimiter::since(rules, made, known_from),
                queue: SendQueue::new(),
            })
        })
    }

    fn is_followed(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Whether its requests have to be looked at in order even where all are admitted.
    fn in_order(&self) -> bool {
        let used = self.breakers.as_ref().is_some_and(|b| !b.all_closed());
        self.needs_order || self.is_followed() || used
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / SECOND as f64
}

impl World<'_> {
    // ----- which seconds have to be looked at ---------------------------------------------------

    /// Before the arrivals of `second` are drawn: which guarded workloads are looked at in order.
    pub(super) fn order_guarded(&mut self, contended: bool) {
        if self.guarded.is_empty() {
            return;
        }
        for i in 0..self.guarded.len() {
            let state = &mut self.workloads[self.guarded[i]];
            if let Some(guards) = &state.guards {
                state.has_memory = contended || guards.in_order();
            }
        }
        let mut here = self.open.iter().chain(&self.jobs);
        self.has_memory = here.any(|&w| self.workloads[w].has_memory);
    }

    /// Keeps what the second has drawn of workloads that are not followed yet.
    pub(super) fn remember(&mut self, second: u64) {
        for i in 0..self.guarded.len() {
            let w = self.guarded[i];
            let clients = u64::from(self.plan.workloads[w].clients);
            let state = &mut self.workloads[w];
            let Some(guards) = &mut state.guards else {
                continue;
            };
            if guards.limiter.is_none() || guards.is_followed() {
                continue;
            }
            if !guards.at_calls {
                if let Some(drawn) = self.drawn.only(w) {
                    guards.past.push(drawn, clients);
                }
            } else if state.active.contains(&second) {
                self.follow(w, second * SECOND);
            }
        }
    }

    /// Whether attempts may be sent in other parts of a second than those in which they are counted.
    pub(super) fn is_paced(&self) -> bool {
        self.guarded.iter().any(|&w| {
            let state = &self.workloads[w];
            let is_on = state.guards.as_ref().is_some_and(|g| g.is_on);
            is_on && (!state.is_job || state.job.active_workers > 0)
        })
    }

    /// Adds what waits for a token to what could be offered to each quota.
    pub(super) fn add_waiting(&mut self) {
        for &w in &self.guarded {
            let Some(guards) = &self.workloads[w].guards else {
                continue;
            };
            if guards.waiting == 0 {
                continue;
            }
            for action in &self.plan.workloads[w].actions {
                for &(class, _) in &action.requests {
                    let quotas = &mut self.quotas;
                    for_each_asked(&self.classes, &self.lanes, class as u32, |q| {
                        quotas[q].parts[0] += guards.waiting;
                    });
                }
            }
        }
    }

    // ----- the beginning ------------------------------------------------------------------------

    /// The clients of a workload are followed from `at` on, where one of them is throttled or a job starts.
    pub(super) fn follow(&mut self, w: usize, at: u64) {
        let state = &mut self.workloads[w];
        let Some(guards) = &mut state.guards else {
            return;
        };
        if guards.limiter.is_none() || guards.is_followed() {
            return;
        }
        let past = std::mem::take(&mut guards.past);
        let made = if state.is_job {
            at
        } else {
            state.active.start * SECOND
        };
        let oldest = past.seconds.front().map_or(at, |d| d.second * SECOND);
        guards.made = seconds(made);
        guards.known_from = seconds(made.max(oldest));
        guards.clients = (0..self.plan.workloads[w].clients).map(|_| None).collect();
        let mut answers = Vec::new();
        for drawn in &past.seconds {
            if self.options.is_cancelled() {
                return;
            }
            self.answers_of(w, at, drawn, &mut answers);
            answers.sort_unstable();
            let end = ((drawn.second + 1) * SECOND).min(at + 1);
            let heard = answers.partition_point(|&(answered, _)| answered < end);
            for (answered, request) in answers.drain(..heard) {
                let client = self.workloads[w].client(&request);
                self.hears(answered, w, client, false);
            }
        }
        for (answered, request) in answers {
            self.calendar.push(answered, request);
        }
    }

    /// The answers to all that a second's arrivals sent before `at`, admitted each.
    fn answers_of(&self, w: usize, at: u64, drawn: &Drawn, answers: &mut Vec<(u64, Request)>) {
        let base = drawn.second * SECOND;
        let mut add = |when: u64, action: u32, index: u32, copy: u32, key| {
            let sent = base + when;
            if sent >= at {
                return;
            }
            let state = &self.actions[action as usize];
            let one = [state.class];
            let parts = if state.parts.is_empty() {
                &one[..]
            } else {
                &state.parts
            };
            for (part, &class) in parts.iter().enumerate() {
                let mut request = Request::new(sent, class, index, copy, part as u16, key);
                request.step = Step::Succeeded;
                let calls = self.classes[class as usize].lanes as usize;
                answers.push((sent + self.service(&request, calls), request));
            }
        };
        for d in drawn.workloads.iter().filter(|d| d.workload == w) {
            self.pieces(drawn, d, |piece| match piece {
                Piece::One(when, a) => add(when, a.action, a.index, a.copy, a.key),
                Piece::Many {
                    action,
                    n,
                    key,
                    density,
                } => {
                    density.arrivals(n, drawn.second, key, |when, index, key| {
                        add(when, action as u32, index, 0, key);
                    });
                }
            });
        }
    }

    // ----- a request of a guarded client --------------------------------------------------------

    /// What is next for a request, or its client.
    pub(super) fn guarded(&mut self, at: u64, mut request: Request, w: usize) {
        let step = request.step;
        // What is resumed goes on where its step says.
        if step != Step::Resumed {
            request.step = Step::Attempt;
        }
        match step {
            Step::Resumed => self.offer_needs(at, request),
            Step::Attempt | Step::Granted => self.ready(at, request, w),
            Step::Throttled => self.hears_throttled(at, request, w),
            Step::Succeeded => self.hears_success(at, &request, w),
            Step::Look => self.look(at, w, request.index),
        }
    }

    /// An attempt that its client may have to hold back.
    fn ready(&mut self, at: u64, request: Request, w: usize) {
        let guards = self.workloads[w].guards.as_ref();
        if guards.is_some_and(|g| g.at_calls) {
            return self.offer_needs(at, request);
        }
        match self.asks_client(at, &request, w) {
            MayCall::Now => self.offer_needs(at, request),
            MayCall::Later(wait) => self.hold_back(at, wait, request, w),
            MayCall::Never => {
                if request.throttled == 0 {
                    record_of!(self, request).classes[request.class as usize].requests += 1;
                }
                self.given_up(at, &request, w, false);
            }
        }
    }

    /// Whether a need of a request may be called for now, where calls alone pass the client.
    pub(super) fn may_call(&mut self, at: u64, request: &mut Request, w: usize) -> MayCall {
        let granted = std::mem::take(&mut request.step) == Step::Granted;
        let guards = self.workloads[w].guards.as_ref();
        if granted || guards.is_none_or(|g| !g.at_calls) {
            MayCall::Now
        } else {
            self.asks_client(at, request, w)
        }
    }

    /// What a request's client says to an attempt; a token is taken if there is one.
    fn asks_client(&mut self, at: u64, request: &Request, w: usize) -> MayCall {
        let client = self.workloads[w].client(request);
        let state = &mut self.workloads[w];
        let Some(guards) = &mut state.guards else {
            return MayCall::Now;
        };
        if let Some(breakers) = &guards.breakers
            && !breakers.allows(client, at, request.throttled > 0)
        {
            return MayCall::Never;
        }
        if !guards.is_followed() || !state.retry.policy.is_paced(request.throttled) {
            return MayCall::Now;
        }
        let now = seconds(at);
        let wait = self.with_queue(w, client, |_, _, limiter| limiter.take(now, 1.0).err());
        wait.map_or(MayCall::Now, MayCall::Later)
    }

    /// An attempt waits for a token.
    pub(super) fn hold_back(&mut self, at: u64, wait: f64, mut request: Request, w: usize) {
        let client = self.workloads[w].client(&request);
        let state = &mut self.workloads[w];
        state.waiting += u64::from(!request.is_waiting());
        request.hold_back();
        if let Some(guards) = &mut state.guards {
            guards.waiting += 1;
        }
        let wake_at = seconds(at) + wait;
        self.with_queue(w, client, |_, queue, _| {
            queue.push(wake_at, request);
            Some(())
        });
        self.plan_look(at, w, client);
    }

    /// An attempt was throttled at `at`. Whether its client decides only when it hears of it.
    pub(super) fn guards_throttled(&mut self, at: u64, mut request: Request, w: usize) -> bool {
        if self.workloads[w].guards.is_none() {
            return false;
        }
        self.follow(w, at);
        let was_waiting = request.is_waiting();
        request.throttled += 1;
        let latency = &self.plan.throttled_latency;
        let n = request.throttled;
        let answered = at + latency.draw_with(|| request.own(Purpose::Throttled, n));
        let client = self.workloads[w].client(&request);
        let state = &mut self.workloads[w];
        let Some(guards) = &mut state.guards else {
            return false;
        };
        if let Some(breakers) = &mut guards.breakers {
            breakers.ended(client, at, Some(answered));
        }
        let followed = guards.is_followed();
        if followed {
            guards.is_on = true;
            state.waiting += u64::from(!was_waiting);
            request.step = Step::Throttled;
            self.calendar.push(answered, request);
            // From now on attempts are sent in other slots than those in which they are weighed.
            self.weighed = false;
        }
        followed
    }

    /// An attempt of a guarded client succeeds that was sent at `at`; the answer comes at `answered`. Whether
    /// its client hears of it only then.
    pub(super) fn guards_succeeded(
        &mut self,
        at: u64,
        answered: impl FnOnce(&Self) -> u64,
        calls: usize,
        request: &Request,
        w: usize,
    ) -> bool {
        let client = self.workloads[w].client(request);
        let Some(guards) = &mut self.workloads[w].guards else {
            return false;
        };
        if guards.at_calls && calls == 0 {
            return false;
        }
        if let Some(breakers) = &mut guards.breakers
            && !breakers.all_closed()
        {
            breakers.ended(client, at, None);
        }
        let followed = guards.is_followed();
        if followed {
            let mut answer = *request;
            answer.step = Step::Succeeded;
            self.calendar.push(answered(self), answer);
        }
        followed
    }

    fn hears_throttled(&mut self, at: u64, request: Request, w: usize) {
        let (client, payer) = (
            self.workloads[w].client(&request),
            self.workloads[w].payer(&request),
        );
        self.hears(at, w, client, true);
        let state = &mut self.workloads[w];
        let limiter = state.guards.as_mut().and_then(|guards| {
            let rules = guards.limiter?;
            Some(&mut guards.client(&rules, client).limiter)
        });
        let failure = Failure {
            n: request.throttled,
            // The policy was made for what a throttled answer means to it.
            kind: Some(ErrorKind::Throttling),
            retry_after: state.retry.policy.asked,
        };
        let verdict = state.retry.policy.judge(
            failure,
            ClientState {
                tokens: state.tokens.as_mut().map(|t| (t, payer)),
                limiter,
            },
            seconds(at),
            |n| request.backoff(n),
        );
        if let Verdict::Retry { delay, .. } = verdict {
            let next = at.saturating_add(delay);
            if self.workloads[w]
                .guards
                .as_ref()
                .is_some_and(|g| g.at_calls)
            {
                // An application's message has one need.
                let lane = self.classes[request.class as usize].first_lane as usize;
                self.fetches(at, lane, &request, next);
            }
            self.calendar.push(next, request);
        } else {
            self.given_up(at, &request, w, false);
        }
        self.wake(at, w, client);
    }

    fn hears_success(&mut self, at: u64, request: &Request, w: usize) {
        let client = self.workloads[w].client(request);
        self.hears(at, w, client, false);
        let calls = request.called.count_ones() as usize;
        if self.classes[request.class as usize].earns(calls) {
            self.workloads[w].refund(request);
        }
        self.wake(at, w, client);
    }

    // ----- the limiter --------------------------------------------------------------------------

    /// A client's limiter counts an answer.
    fn hears(&mut self, at: u64, w: usize, client: u32, throttled: bool) {
        if let Some(guards) = &mut self.workloads[w].guards
            && let Some(rules) = guards.limiter
        {
            let limiter = &mut guards.client(&rules, client).limiter;
            limiter.answered(&rules, seconds(at), throttled);
        }
    }

    /// An answer wakes one of the client's attempts that wait.
    fn wake(&mut self, at: u64, w: usize, client: u32) {
        let woken = self.with_queue(w, client, |rules, queue, limiter| {
            let wakes = rules.answer_wakes;
            wakes.then(|| queue.rate_changed(limiter, seconds(at)))?
        });
        if let Some(request) = woken {
            self.send(at, request, w);
        }
        self.plan_look(at, w, client);
    }

    /// Sends those of a client's attempts that have slept long enough and find a token.
    fn look(&mut self, at: u64, w: usize, client: u32) {
        while let Some(request) = self.with_queue(w, client, |_, queue, limiter| {
            queue.woken(limiter, seconds(at))
        }) {
            self.send(at, request, w);
        }
        self.plan_look(at, w, client);
    }

    /// Sends an attempt that has waited for its token.
    fn send(&mut self, at: u64, mut request: Request, w: usize) {
        if let Some(guards) = &mut self.workloads[w].guards {
            guards.waiting -= 1;
            if guards.at_calls {
                request.step = Step::Granted;
            }
        }
        self.offer_needs(at, request);
    }

    fn with_queue<T>(
        &mut self,
        w: usize,
        client: u32,
        f: impl FnOnce(&RateLimiterRules, &mut SendQueue<Request>, &mut ClientRateLimiter) -> Option<T>,
    ) -> Option<T> {
        let guards = self.workloads[w].guards.as_mut()?;
        let rules = guards.limiter?;
        let PacedClient { limiter, queue } = guards.client(&rules, client);
        f(&rules, queue, limiter)
    }

    /// Schedules the client's next look, if none is scheduled that comes before.
    fn plan_look(&mut self, at: u64, w: usize, client: u32) {
        if let Some(when) = self.with_queue(w, client, |_, queue, _| queue.next_look()) {
            let class = self.actions[self.workloads[w].first_action].class;
            let ns = (when * SECOND as f64).ceil() as u64;
            self.calendar
                .push(ns.max(at + 1), Request::look(class, client));
        }
    }

    /// Time from a request's attempt to its answer.
    pub(super) fn service(&self, request: &Request, calls: usize) -> u64 {
        let latency = match self.plan.classes[request.class as usize].tier {
            Some(_) => &self.plan.s3_latency,
            None => &self.plan.app_latency,
        };
        latency[calls].draw(request.own(Purpose::Service, 0))
    }
}
