//! What a client does when an attempt was throttled: retry policies and the SDKs' retry quota.
//!
//! `n` is the number of the attempt that just failed, 1 for the first. Full jitter multiplies
//! after the cap. Sources: botocore's retry code and the AWS Architecture Blog's "Exponential
//! Backoff And Jitter"; the profiles' figures are data in the catalog.
//! Not modelled here yet: the adaptive mode's client rate limiter and `x-amz-retry-after`.

use crate::engine::random::Key;

/// When and how often a throttled request is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 1 never retries.
    pub max_attempts: u16,
    /// Wait between an answer and the next attempt.
    pub backoff: Backoff,
    /// The client's retry quota, `None` without one.
    pub retry_quota: Option<RetryQuota>,
}

/// Wait before a retry.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// The same delay \[ns\] each time.
    Fixed(u64),
    /// min(cap, initial · 2^(n−1)) with jitter.
    Exponential {
        /// Bound of the first delay \[ns\].
        initial_backoff: u64,
        /// Cap of the bound \[ns\].
        max_backoff: u64,
        /// How the delay is drawn below the bound.
        jitter: Jitter,
    },
}

/// How a delay is drawn below its bound v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// v itself.
    None,
    /// U(0, v).
    Full,
    /// v/2 + U(0, v/2).
    Equal,
    /// min(cap, U(initial, 3 · previous delay)), where the delay before the first is `initial`.
    Decorrelated,
}

/// Figures of a client's retry quota, a token bucket that only successes fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryQuota {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens that a retry after throttling takes.
    pub throttling_cost: u32,
    /// Tokens that a success without retry gives back; a success after retries gives back the
    /// cost of its last retry.
    pub success_refund: u32,
}

impl RetryPolicy {
    /// Never tries again.
    pub fn none() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 1,
            backoff: Backoff::Fixed(0),
            retry_quota: None,
        }
    }
}

impl Backoff {
    /// The delay \[ns\] after failed attempt `n` ≥ 1 of the request whose draws are under `key`.
    #[inline(always)]
    pub fn delay(&self, n: u16, key: Key) -> u64 {
        match *self {
            Backoff::Fixed(ns) => ns,
            Backoff::Exponential {
                initial_backoff,
                max_backoff,
                jitter,
            } => {
                let bound = |n: u16| {
                    let doubled = u32::from(n - 1);
                    if doubled >= initial_backoff.leading_zeros() {
                        max_backoff
                    } else {
                        (initial_backoff << doubled).min(max_backoff)
                    }
                };
                let draw =
                    |n: u16, below: u64| key.with(u64::from(n)).below(below.saturating_add(1));
                match jitter {
                    Jitter::None => bound(n),
                    Jitter::Full => draw(n, bound(n)),
                    Jitter::Equal => bound(n) / 2 + draw(n, bound(n) - bound(n) / 2),
                    Jitter::Decorrelated => {
                        // The chain of earlier delays is drawn again from the request's own key.
                        let mut previous = initial_backoff;
                        for k in 1..=n {
                            let high = previous.saturating_mul(3).max(initial_backoff);
                            previous = (initial_backoff + draw(k, high - initial_backoff))
                                .min(max_backoff);
                        }
                        previous
                    }
                }
            }
        }
    }
}

/// Retry quotas of the clients of one workload.
#[derive(Clone, Debug)]
pub struct RetryTokens {
    quota: RetryQuota,
    /// Tokens missing from each client's bucket.
    missing: Vec<u32>,
    /// Clients whose bucket is not full.
    not_full: u32,
}

impl RetryTokens {
    /// Full buckets for `clients` clients.
    pub fn new(quota: RetryQuota, clients: u32) -> RetryTokens {
        RetryTokens {
            quota,
            missing: vec![0; clients as usize],
            not_full: 0,
        }
    }

    /// Whether every bucket is full: then successes without retry change nothing.
    #[inline(always)]
    pub fn all_full(&self) -> bool {
        self.not_full == 0
    }

    /// Takes the cost of a retry after throttling; refuses when there is less than that left.
    pub fn take(&mut self, client: u32) -> bool {
        let missing = &mut self.missing[client as usize];
        let cost = self.quota.throttling_cost;
        if *missing + cost > self.quota.capacity {
            return false;
        }
        if *missing == 0 && cost > 0 {
            self.not_full += 1;
        }
        *missing += cost;
        true
    }

    /// Whether it depends on their order which of a client's `n` retries are paid for: all are if the
    /// quota pays for each, none if it does not pay for one.
    #[inline]
    pub fn contests(&self, client: u32, n: u32) -> bool {
        let missing = u64::from(self.missing[client as usize]);
        let (cost, capacity) = (
            u64::from(self.quota.throttling_cost),
            u64::from(self.quota.capacity),
        );
        missing + cost <= capacity && missing + cost * u64::from(n) > capacity
    }

    /// Gives back what a success earns.
    pub fn refund(&mut self, client: u32, retried: bool) {
        let missing = &mut self.missing[client as usize];
        if *missing == 0 {
            return;
        }
        let earned = if retried {
            self.quota.throttling_cost
        } else {
            self.quota.success_refund
        };
        *missing = missing.saturating_sub(earned);
        if *missing == 0 {
            self.not_full -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn mean(jitter: Jitter, n: u16) -> f64 {
        let b = Backoff::Exponential {
            initial_backoff: 50 * MS,
            max_backoff: 300 * MS,
            jitter,
        };
        let runs = 40_000;
        (0..runs)
            .map(|i| b.delay(n, Key::root(8, i)) as f64)
            .sum::<f64>()
            / runs as f64
            / MS as f64
    }

    #[test]
    fn delays_have_the_means_of_their_formulas() {
        // Bounds 50, 100, 200 and then the cap of 300 ms.
        for (n, v) in [(1, 50.0), (2, 100.0), (3, 200.0), (4, 300.0), (60, 300.0)] {
            assert_eq!(mean(Jitter::None, n), v);
            assert!((mean(Jitter::Full, n) / (v / 2.0) - 1.0).abs() < 0.015);
            assert!((mean(Jitter::Equal, n) / (v * 0.75) - 1.0).abs() < 0.01);
        }
        // First U(50, 150); then U(50, 3 × it), mean (50 + 3 · 100)/2 below the cap: capped a little.
        assert!((mean(Jitter::Decorrelated, 1) / 100.0 - 1.0).abs() < 0.01);
        assert!(mean(Jitter::Decorrelated, 2) < 175.0 && mean(Jitter::Decorrelated, 2) > 160.0);
    }

    #[test]
    fn a_retry_quota_runs_dry_and_is_refilled_by_successes_only() {
        let quota = RetryQuota {
            capacity: 500,
            throttling_cost: 5,
            success_refund: 1,
        };
        let mut t = RetryTokens::new(quota, 2);
        assert_eq!((0..200).filter(|_| t.take(1)).count(), 100);
        assert!(t.take(0) && !t.take(1) && !t.all_full());
        for _ in 0..4 {
            t.refund(1, false);
        }
        assert!(!t.take(1));
        t.refund(1, true);
        assert!(t.take(1));
        t.refund(0, true);
        for _ in 0..600 {
            t.refund(1, false);
        }
        assert!(t.all_full());
    }
}
