//! The adaptive mode's client rate limiter: a token bucket whose rate follows CUBIC, as botocore and the
//! AWS SDK for Rust keep it.
//!
//! Every answer counts towards the measured rate, every throttled one cuts the fill rate and turns the limiter
//! on, for good; every other one lets the rate grow with the cube of time. Time is in seconds as the SDKs have
//! it, for the state depends on where half seconds of the clock begin.
//!
//! Left out: the operating system's scheduling. Threads that wake at the same nanosecond go on in the order in
//! which they fell asleep.

use crate::catalog::RateLimiterProfile;
use crate::engine::narrow::{capped, whole};
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
    /// An answer, which may change the rate, wakes one attempt that waits for a token.
    pub answer_wakes: bool,
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
            answer_wakes: row.answer_wakes,
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

    /// The same, where nothing is known of the answers before `from` \[s\].
    pub fn since(rules: &RateLimiterRules, made: f64, from: f64) -> ClientRateLimiter {
        ClientRateLimiter {
            refilled_at: from,
            bucket: from.floor(),
            ..ClientRateLimiter::new(rules, made)
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
        // Rounded down, for time is not below zero.
        let bucket = whole(now * rules.buckets_per_s) as f64 / rules.buckets_per_s;
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

/// Attempts of one client that wait for a token, as the threads of an SDK do: each sleeps until there would
/// be one at the present rate, then looks again, in the order in which they fell asleep.
///
/// Attempts that wake at the same nanosecond are a list of their own among those that wait, so that many fall
/// asleep again, or join others, for no more than one does, and nothing is allocated but where a queue grows.
#[derive(Clone, Debug)]
pub struct SendQueue<T> {
    /// In the order in which they fell asleep; none is empty.
    sleepers: VecDeque<Sleepers>,
    waiting: Vec<Waiting<T>>,
    /// The first place of `waiting` that nobody takes, and by `next` all others.
    free: u32,
    len: usize,
    /// The earliest look that was asked for and has not come yet \[s\].
    look_at: f64,
}

/// Attempts that wake together.
#[derive(Clone, Copy, Debug)]
struct Sleepers {
    /// When \[s\].
    wake_at: f64,
    first: u32,
    last: u32,
}

/// An attempt that waits, and the place of the one behind it.
#[derive(Clone, Copy, Debug)]
struct Waiting<T> {
    attempt: T,
    next: u32,
}

/// No place.
const NOWHERE: u32 = u32::MAX;

/// Times about `now` that differ by less are one \[s\]: a nanosecond, or what is left of it far from zero.
fn grain(now: f64) -> f64 {
    1e-9 + 2.0 * f64::EPSILON * now
}

impl<T: Copy> SendQueue<T> {
    /// Nobody waits.
    pub fn new() -> SendQueue<T> {
        SendQueue {
            sleepers: VecDeque::new(),
            waiting: Vec::new(),
            free: NOWHERE,
            len: 0,
            look_at: f64::INFINITY,
        }
    }

    /// Attempts that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An attempt that found no token ([`ClientRateLimiter::take`]) sleeps until `wake_at` \[s\].
    pub fn push(&mut self, wake_at: f64, attempt: T) {
        self.len += 1;
        let waiting = Waiting {
            attempt,
            next: NOWHERE,
        };
        let place = match self.waiting.get_mut(self.free as usize) {
            Some(free) => {
                let place = std::mem::replace(&mut self.free, free.next);
                *free = waiting;
                place
            }
            None => {
                self.waiting.push(waiting);
                capped::<u32>(self.waiting.len()) - 1
            }
        };
        self.sleep(Sleepers {
            wake_at,
            first: place,
            last: place,
        });
    }

    /// The next of the attempts that have woken by `now` \[s\] and find a token, `None` after the last.
    pub fn woken(&mut self, limiter: &mut ClientRateLimiter, now: f64) -> Option<T> {
        let grain = grain(now);
        if now > self.look_at - grain {
            self.look_at = f64::INFINITY;
        }
        loop {
            let mut sleepers = self.sleepers.iter();
            let due = sleepers.position(|s| now > s.wake_at - grain)?;
            match limiter.take(now, 1.0) {
                Ok(()) => {
                    self.len -= 1;
                    let place = self.first_of(due)?;
                    return Some(self.leave(place));
                }
                Err(wait) => {
                    if let Some(group) = self.remove(due) {
                        let wake_at = now + wait.max(2.0 * grain);
                        self.sleep(Sleepers { wake_at, ..group });
                    }
                }
            }
        }
    }

    /// The rate has changed at `now` \[s\], which wakes who has slept longest: the attempt, if it finds a
    /// token.
    pub fn rate_changed(&mut self, limiter: &mut ClientRateLimiter, now: f64) -> Option<T> {
        let place = self.first_of(0)?;
        match limiter.take(now, 1.0) {
            Ok(()) => {
                self.len -= 1;
                Some(self.leave(place))
            }
            Err(wait) => {
                self.sleep(Sleepers {
                    wake_at: now + wait,
                    first: place,
                    last: place,
                });
                None
            }
        }
    }

    /// When to call [`SendQueue::woken`] \[s\], if no call is asked for already.
    pub fn next_look(&mut self) -> Option<f64> {
        let wakes = self.sleepers.iter().map(|s| s.wake_at);
        let earliest = wakes.fold(f64::INFINITY, f64::min);
        (earliest < self.look_at - grain(earliest)).then(|| {
            self.look_at = earliest;
            earliest
        })
    }

    /// Takes the first of a group out of it, and the group away with the last.
    fn first_of(&mut self, group: usize) -> Option<u32> {
        let sleepers = self.sleepers.get_mut(group)?;
        let place = sleepers.first;
        if place == sleepers.last {
            self.remove(group);
        } else {
            sleepers.first = std::mem::replace(&mut self.waiting[place as usize].next, NOWHERE);
        }
        Some(place)
    }

    /// Takes a group away; mostly it is the first.
    fn remove(&mut self, group: usize) -> Option<Sleepers> {
        if group == 0 {
            self.sleepers.pop_front()
        } else {
            self.sleepers.remove(group)
        }
    }

    /// The attempt at a place, which becomes free.
    fn leave(&mut self, place: u32) -> T {
        let waiting = &mut self.waiting[place as usize];
        waiting.next = std::mem::replace(&mut self.free, place);
        waiting.attempt
    }

    /// A group falls asleep, after all that sleep already.
    fn sleep(&mut self, group: Sleepers) {
        match self.sleepers.back_mut() {
            Some(last) if (last.wake_at - group.wake_at).abs() < grain(group.wake_at) => {
                self.waiting[last.last as usize].next = group.first;
                last.last = group.last;
            }
            _ => self.sleepers.push_back(group),
        }
    }
}

impl<T: Copy> Default for SendQueue<T> {
    fn default() -> Self {
        SendQueue::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::retry_profile;

    /// A limiter turned on at t = 0 with half a token a second and none left.
    fn limited() -> (RateLimiterRules, ClientRateLimiter) {
        let row = retry_profile("adaptive").and_then(|p| p.rate_limiter());
        let rules = RateLimiterRules::figures(row.unwrap());
        let mut limiter = ClientRateLimiter::new(&rules, 0.0);
        assert!(limiter.take(0.0, 1.0).is_ok(), "off at first");
        limiter.answered(&rules, 0.0, true);
        (rules, limiter)
    }

    #[test]
    fn a_throttled_client_sends_every_two_seconds_at_least() {
        let (_, mut limiter) = limited();
        assert_eq!(limiter.take(0.0, 1.0), Err(2.0));
        assert_eq!(limiter.take(1.5, 1.0), Err(0.5));
        assert!(limiter.take(2.0, 1.0).is_ok());
        assert!(limiter.take(2.0, 1.0).is_err());
    }

    #[test]
    fn the_rate_comes_back_to_where_it_was_after_k() {
        let (rules, mut limiter) = limited();
        // 20 answers a second, then one throttled, then 20 a second again.
        let at_twenty = |limiter: &mut ClientRateLimiter, from: f64, until: f64| {
            let mut now = from;
            while now < until {
                limiter.answered(&rules, now, false);
                now += 0.05;
            }
        };
        at_twenty(&mut limiter, 0.0, 10.0);
        limiter.answered(&rules, 10.01, true);
        let (w_max, k) = (limiter.w_max, limiter.k);
        assert!((limiter.fill_rate - 0.7 * w_max).abs() < 1e-12);
        assert!((k - libm::cbrt(w_max * 0.75)).abs() < 1e-12);
        at_twenty(&mut limiter, 10.05, 10.01 + k);
        limiter.answered(&rules, 10.01 + k, false);
        assert!((limiter.fill_rate - w_max).abs() < 1e-9);
    }

    #[test]
    fn a_queue_is_served_in_order_and_asks_for_one_look_at_a_time() {
        let (_, mut limiter) = limited();
        let mut queue = SendQueue::new();
        for i in 0..1_000 {
            queue.push(limiter.take(0.0, 1.0).unwrap_err(), i);
        }
        assert_eq!(queue.len(), 1_000);
        for i in 0..1_000 {
            let at = queue.next_look().unwrap();
            assert!((at - 2.0 * f64::from(i + 1)).abs() < 1e-6);
            assert_eq!(queue.next_look(), None);
            assert_eq!(queue.woken(&mut limiter, at), Some(i));
            assert_eq!(queue.woken(&mut limiter, at), None);
        }
        assert!(queue.is_empty() && queue.next_look().is_none());
    }

    #[test]
    fn an_answer_wakes_who_has_slept_longest() {
        let (rules, mut limiter) = limited();
        let mut queue = SendQueue::new();
        for i in 0..3 {
            queue.push(limiter.take(0.0, 1.0).unwrap_err(), i);
        }
        // 0.8 tokens are there, and the rate rises: the first one wakes sooner, the others sleep on.
        limiter.measured_rate = 100.0;
        limiter.answered(&rules, 1.6, false);
        assert_eq!(queue.rate_changed(&mut limiter, 1.6), None);
        let at = queue.next_look().unwrap();
        assert!((at - (1.6 + 0.2 / (0.4 * 1.6 * 1.6 * 1.6))).abs() < 1e-9);
        assert_eq!(queue.woken(&mut limiter, at), Some(0));
        assert_eq!(queue.woken(&mut limiter, at), None);
        assert!((queue.next_look().unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(queue.len(), 2);
    }
}
