//! The adaptive mode's client rate limiter: a token bucket whose rate follows CUBIC, as botocore and the
//! AWS SDK for Rust keep it.
//!
//! Every answer counts towards the measured rate, every throttled one cuts the fill rate and turns the limiter
//! on, for good; every other one lets the rate grow with the cube of time. Time is in seconds as the SDKs have
//! it, for the state depends on where half seconds of the clock begin.
//!
//! Left out: the order in which an SDK's threads wake up. Whoever has waited longest sends first.

use crate::catalog::RateLimiterProfile;
use std::collections::VecDeque;

/// Figures of a client rate limiter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimiterRules {
    /// The rate is cut to this share of what was measured when an answer is throttled.
    pub beta: f64,
    /// How fast the rate grows again \[1/s⁴\].
    pub scale_constant: f64,
    /// Weight of the newest measurement.
    pub smoothing: f64,
    /// Buckets of the clock in which the rate is measured, per second.
    pub buckets_per_s: f64,
    /// The fill rate is at most so many times the measured rate.
    pub max_rate_scale: f64,
    /// Least fill rate \[1/s\].
    pub min_fill_rate: f64,
    /// Least capacity \[tokens\].
    pub min_capacity: f64,
    /// Fill rate of a new client \[1/s\].
    pub initial_fill_rate: f64,
    /// Measured rate of a new client \[1/s\].
    pub initial_measured_rate: f64,
    /// Tokens that a retry takes in place of backing off; `None`: each attempt takes one token when it
    /// is sent, retries after their backoff.
    pub retry_cost: Option<RetryCost>,
}

/// Tokens that a retry takes before its backoff is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryCost {
    /// After throttling.
    pub throttling: f64,
    /// After any other error.
    pub other: f64,
}

impl RateLimiterRules {
    /// The figures of the catalog.
    pub fn figures(row: &RateLimiterProfile) -> RateLimiterRules {
        let cost = row.retry_cost_throttling.zip(row.retry_cost_other);
        RateLimiterRules {
            beta: row.beta,
            scale_constant: row.scale_constant,
            smoothing: row.smoothing,
            buckets_per_s: 1.0 / row.time_bucket_s,
            max_rate_scale: row.max_rate_scale,
            min_fill_rate: row.min_fill_rate,
            min_capacity: row.min_capacity,
            initial_fill_rate: row.initial_fill_rate,
            initial_measured_rate: row.initial_measured_rate,
            retry_cost: cost.map(|(throttling, other)| RetryCost { throttling, other }),
        }
    }
}

/// One client's limiter.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRateLimiter {
    /// Whether an answer was throttled yet.
    pub enabled: bool,
    /// Tokens a second.
    pub fill_rate: f64,
    /// Most tokens.
    pub max_capacity: f64,
    /// Tokens at [`ClientRateLimiter::refilled_at`].
    pub capacity: f64,
    /// When tokens were last added \[s\].
    pub refilled_at: f64,
    /// Measured rate \[1/s\].
    pub measured_rate: f64,
    /// Rate at the last throttling \[1/s\].
    pub w_max: f64,
    /// Time until the cubic is back at `w_max` \[s\].
    pub k: f64,
    /// When an answer was last throttled; at first, when the client was made \[s\].
    pub last_throttled: f64,
    /// Start of the last bucket of the clock that was measured \[s\].
    bucket: f64,
    /// Answers since.
    answers: f64,
}

impl ClientRateLimiter {
    /// The limiter of a client made at `now` \[s\].
    pub fn new(rules: &RateLimiterRules, now: f64) -> ClientRateLimiter {
        ClientRateLimiter {
            enabled: false,
            fill_rate: rules.initial_fill_rate,
            max_capacity: rules.min_capacity,
            capacity: 0.0,
            refilled_at: now,
            measured_rate: rules.initial_measured_rate,
            w_max: 0.0,
            k: 0.0,
            last_throttled: now,
            bucket: now.floor(),
            answers: 0.0,
        }
    }

    /// Takes `tokens` at `now` \[s\].
    ///
    /// # Errors
    /// With too few left nothing is taken, and the seconds come back until there would be enough.
    pub fn take(&mut self, now: f64, tokens: f64) -> Result<(), f64> {
        if !self.enabled {
            return Ok(());
        }
        self.refill(now);
        let wait = (tokens - self.capacity) / self.fill_rate;
        // Less than the half nanosecond is rounding, and waiting for it would change nothing.
        if wait >= 0.5e-9 {
            return Err(wait);
        }
        self.capacity = (self.capacity - tokens).max(0.0);
        Ok(())
    }

    /// An answer arrives at `now` \[s\].
    pub fn answered(&mut self, rules: &RateLimiterRules, now: f64, throttled: bool) {
        self.measure(rules, now);
        let rate = if throttled {
            self.w_max = if self.enabled {
                self.measured_rate.min(self.fill_rate)
            } else {
                self.measured_rate
            };
            self.k = libm::pow(
                self.w_max * (1.0 - rules.beta) / rules.scale_constant,
                1.0 / 3.0,
            );
            self.last_throttled = now;
            self.enabled = true;
            rules.beta * self.w_max
        } else {
            let t = now - self.last_throttled - self.k;
            rules.scale_constant * (t * t * t) + self.w_max
        };
        let rate = rate.min(rules.max_rate_scale * self.measured_rate);
        self.refill(now);
        self.fill_rate = rate.max(rules.min_fill_rate);
        self.max_capacity = rate.max(rules.min_capacity);
        self.capacity = self.capacity.min(self.max_capacity);
    }

    fn measure(&mut self, rules: &RateLimiterRules, now: f64) {
        let bucket = (now * rules.buckets_per_s).floor() / rules.buckets_per_s;
        self.answers += 1.0;
        if bucket > self.bucket {
            let newest = self.answers / (bucket - self.bucket);
            self.measured_rate =
                rules.smoothing * newest + (1.0 - rules.smoothing) * self.measured_rate;
            self.answers = 0.0;
            self.bucket = bucket;
        }
    }

    fn refill(&mut self, now: f64) {
        let filled = self.capacity + (now - self.refilled_at) * self.fill_rate;
        self.capacity = filled.min(self.max_capacity);
        self.refilled_at = now;
    }
}

/// Attempts of one client that wait for a token, first come, first served.
#[derive(Clone, Debug)]
pub struct SendQueue<T> {
    waiting: VecDeque<T>,
    /// When the first one is looked at again \[s\].
    look_at: f64,
}

/// What a look at the queue brings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look<T> {
    /// This attempt is sent now; look again for the next.
    Send(T),
    /// Look again after so long \[s\].
    After(f64),
    /// Nothing to do: nobody waits, or a look is already due.
    Nothing,
}

impl<T> SendQueue<T> {
    /// Nobody waits.
    pub fn new() -> SendQueue<T> {
        SendQueue {
            waiting: VecDeque::new(),
            look_at: f64::INFINITY,
        }
    }

    /// Attempts that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An attempt joins the queue.
    pub fn push(&mut self, attempt: T) {
        self.waiting.push_back(attempt);
    }

    /// Looks at `now` \[s\] whether the first one may be sent: after it joined, after an answer has changed
    /// the rate, and when the look it was told to take is due.
    pub fn look(&mut self, limiter: &mut ClientRateLimiter, now: f64) -> Look<T> {
        if now >= self.look_at {
            self.look_at = f64::INFINITY;
        }
        if self.waiting.is_empty() {
            return Look::Nothing;
        }
        match limiter.take(now, 1.0) {
            Ok(()) => self.waiting.pop_front().map_or(Look::Nothing, Look::Send),
            Err(wait) if now + wait < self.look_at => {
                self.look_at = now + wait;
                Look::After(wait)
            }
            Err(_) => Look::Nothing,
        }
    }
}

impl<T> Default for SendQueue<T> {
    fn default() -> Self {
        SendQueue::new()
    }
}
