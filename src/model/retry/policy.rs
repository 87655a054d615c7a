//! What a client does when an attempt failed, put together: the decision on one failed attempt.

use super::backoff::{Backoff, Capped, ExponentialBackoff, FixedBackoff, Jitter};
use super::breaker::CircuitBreaker;
use super::classify::{AnswerForm, ErrorKind};
use super::quota::{Refund, RetryQuota, RetryTokens};
use super::rate_limiter::{ClientRateLimiter, RateLimiterRules};
use super::retry_after::RetryAfter;
use crate::catalog;
use crate::engine::SECOND;
use crate::engine::narrow::whole;
use crate::engine::random::Key;
use crate::units::Span;
use num_rational::BigRational;
use num_traits::ToPrimitive;

/// When and how often a failed request is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 1 never retries.
    pub max_attempts: u16,
    /// Wait between an answer and the next attempt after throttling.
    pub backoff: Backoff,
    /// The same after any other error.
    pub other_backoff: Backoff,
    /// What a program does on top when its SDK gives up, `None` without one.
    pub layer: Option<RetryLayerRules>,
    /// What the server's `x-amz-retry-after` changes.
    pub retry_after: RetryAfter,
    /// The client's retry quota, `None` without one.
    pub retry_quota: Option<RetryQuota>,
    /// The client's rate limiter, `None` without one.
    pub rate_limiter: Option<RateLimiterRules>,
    /// The client's circuit breaker or send brake, `None` without one.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// What it takes a throttled answer for that shows its error code, and one that shows its status alone; `None`: it
    /// does not try again.
    pub throttled_as: [Option<ErrorKind>; 2],
    /// What the `x-amz-retry-after` of a throttled answer asks for \[ns\], `None` without one.
    pub asked: Option<u64>,
}

/// A program that calls an SDK again which has given up.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryLayerRules {
    /// Attempts of the SDK before it gives up.
    pub sdk_attempts: u16,
    /// Wait in place of the SDK's when it has given up.
    pub backoff: Backoff,
}

/// So long that nobody tells longer delays from it \[ns\], and its sum with an instant does not overflow. What a
/// scenario may ask for is far shorter.
const LONGEST_DELAY: u64 = 1 << 62;

/// The delays of a policy after throttled answers of one form, with what does not depend on the request looked up
/// before.
#[derive(Clone, Debug)]
pub struct RetryDelays {
    /// The policy after such answers ([`RetryPolicy::after`]).
    pub policy: RetryPolicy,
    /// Where the delays \[ns\] after attempts 1, 2, … are uniform in 0..x, that x.
    uniform_below: Vec<u64>,
}

impl RetryDelays {
    /// The delays of a policy after throttled answers of a form.
    pub fn new(policy: &RetryPolicy, form: AnswerForm) -> RetryDelays {
        let policy = policy.after(form);
        let first_attempts = 1..policy.max_attempts.min(64);
        let uniform_below = match (policy.asked, &policy.layer) {
            (None, None) => first_attempts
                .map_while(|n| policy.backoff.uniform_below(n))
                .take_while(|&below| below <= LONGEST_DELAY)
                .collect(),
            (Some(_), _) | (_, Some(_)) => Vec::new(),
        };
        RetryDelays {
            policy,
            uniform_below,
        }
    }

    /// Tokens of the retry quota for a retry.
    pub fn cost(&self) -> u32 {
        self.policy.cost_after(ErrorKind::Throttling)
    }

    /// The delay \[ns\] that [`RetryPolicy::delay`] tells, at most 2⁶² (146 years).
    #[inline(always)]
    pub fn after(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64 {
        match self.uniform_below.get(usize::from(n) - 1) {
            Some(&below) => Key::from_bits(draw(n)).below(below),
            None => self.policy.delay(n, draw).min(LONGEST_DELAY),
        }
    }
}

/// What becomes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryVerdict {
    /// It is tried again.
    Retry {
        /// Wait after the answer \[ns\].
        delay: u64,
        /// Tokens taken from the retry quota.
        cost: u32,
    },
    /// Such an error is not tried again.
    NotRetried,
    /// There are no attempts left.
    AttemptsSpent,
    /// The retry quota holds too little.
    QuotaSpent,
}

/// A failed attempt, as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which attempt of the request it was, from 1.
    pub n: u16,
    /// The kind of error, `None` for one that is not tried again.
    pub kind: Option<ErrorKind>,
    /// What the answer's `x-amz-retry-after` asks for \[ns\].
    pub retry_after: Option<u64>,
}

/// What a client remembers from one request to the next.
#[derive(Debug)]
pub struct ClientState<'a> {
    /// Its retry quota: the quotas of all clients, and its number.
    pub tokens: Option<(&'a mut RetryTokens, u32)>,
    /// Its rate limiter.
    pub limiter: Option<&'a mut ClientRateLimiter>,
}

impl RetryPolicy {
    /// Never tries again.
    pub fn none() -> RetryPolicy {
        RetryPolicy::custom(FixedBackoff { delay: Span::ZERO }.into())
    }

    /// The same backoff after every error, one attempt so far, and nothing else.
    pub fn custom(backoff: Backoff) -> RetryPolicy {
        RetryPolicy {
            max_attempts: 1,
            other_backoff: backoff.clone(),
            backoff,
            layer: None,
            retry_after: RetryAfter::Ignored,
            retry_quota: None,
            rate_limiter: None,
            circuit_breaker: None,
            throttled_as: [Some(ErrorKind::Throttling), Some(ErrorKind::Transient)],
            asked: None,
        }
    }

    /// What it takes a throttled answer of a form for.
    pub fn kind_of(&self, form: AnswerForm) -> Option<ErrorKind> {
        self.throttled_as[form as usize]
    }

    /// What it does after throttled answers of a form, as a policy that takes all of them for throttling; the
    /// simulation knows no other failures.
    pub fn after(&self, form: AnswerForm) -> RetryPolicy {
        let mut policy = self.clone();
        match self.kind_of(form) {
            None => policy.max_attempts = 1,
            Some(ErrorKind::Throttling) => {}
            Some(kind) => {
                policy.backoff = self.other_backoff.clone();
                if let Some(quota) = &mut policy.retry_quota {
                    quota.throttling_cost = self.cost_after(kind);
                }
                let limiter = policy.rate_limiter.as_mut();
                if let Some(cost) = limiter.and_then(|rules| rules.retry_cost.as_mut()) {
                    cost.throttling = cost.other;
                }
            }
        }
        policy.throttled_as = [Some(ErrorKind::Throttling); 2];
        policy
    }

    /// A profile of the catalog.
    pub fn profile(profile: &catalog::RetryProfile) -> RetryPolicy {
        let capped = match profile.cap {
            catalog::RetryCap::Backoff => Capped::Bound,
            catalog::RetryCap::Delay => Capped::Delay,
            catalog::RetryCap::BackoffAndJitter => Capped::BoundAndJitter,
        };
        let backoff = |base, cap: &Option<BigRational>, jitter| {
            Backoff::from(ExponentialBackoff {
                initial_backoff: span(base),
                max_backoff: cap.as_ref().map(span),
                jitter: match jitter {
                    catalog::RetryJitter::None => Jitter::None,
                    catalog::RetryJitter::Full => Jitter::Full,
                    catalog::RetryJitter::Equal => Jitter::Equal,
                    catalog::RetryJitter::Around => Jitter::Around,
                },
                capped,
            })
        };
        let cap = &profile.max_backoff_s;
        let throttling_jitter = profile.throttling_jitter.unwrap_or(profile.jitter);
        RetryPolicy {
            max_attempts: u16::try_from(profile.max_attempts).unwrap_or(u16::MAX),
            backoff: backoff(&profile.throttling_base_s, cap, throttling_jitter),
            other_backoff: backoff(&profile.other_base_s, cap, profile.jitter),
            layer: profile.layer.as_ref().map(|layer| RetryLayerRules {
                sdk_attempts: u16::try_from(layer.sdk_attempts).unwrap_or(u16::MAX),
                backoff: backoff(&layer.base_s, &layer.max_backoff_s, layer.jitter),
            }),
            retry_after: match profile.retry_after {
                catalog::RetryAfterRule::Ignored => RetryAfter::Ignored,
                catalog::RetryAfterRule::Replaces => RetryAfter::Replaces,
                catalog::RetryAfterRule::Raises => {
                    RetryAfter::Raises(profile.raises_by_s.as_ref().map_or(0, |s| span(s).as_ns()))
                }
            },
            retry_quota: profile.retry_quota.map(|q| RetryQuota {
                capacity: q.capacity,
                throttling_cost: q.cost_throttling,
                other_cost: q.cost_other,
                timeout_cost: q.cost_timeout,
                success_refund: q.success_refund,
                shared: false,
                pays_in_part: q.pays_in_part,
                refund: match q.refund {
                    catalog::RetryRefund::OwnLastRetry => Refund::OwnLastRetry,
                    catalog::RetryRefund::OwnLastRetryAtLeast => Refund::OwnLastRetryAtLeast,
                    catalog::RetryRefund::OwnLastRetryBesides => Refund::OwnLastRetryBesides,
                    catalog::RetryRefund::ClientsLastRetry => Refund::ClientsLastRetry,
                    catalog::RetryRefund::Nothing => Refund::Nothing,
                },
            }),
            rate_limiter: profile.rate_limiter().map(RateLimiterRules::figures),
            circuit_breaker: None,
            throttled_as: [Some(ErrorKind::Throttling), Some(ErrorKind::Transient)],
            asked: None,
        }
    }

    /// The delay \[ns\] after the `n`-th attempt of a request was throttled, where `draw(k)` is its k-th
    /// uniform number, scaled to 2⁶⁴.
    #[inline(always)]
    pub fn delay(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64 {
        self.wait(&self.backoff, n, self.asked, draw)
    }

    /// The same where the SDK waits by `backoff`, and the answer asks for `asked`.
    #[inline(always)]
    fn wait(
        &self,
        backoff: &Backoff,
        n: u16,
        asked: Option<u64>,
        draw: impl Fn(u16) -> u64,
    ) -> u64 {
        let delay = match &self.layer {
            None => backoff.delay_drawn(n, draw),
            // Each call of the SDK starts over; the numbers drawn go on.
            Some(layer) => match n % layer.sdk_attempts {
                0 => {
                    let call = n / layer.sdk_attempts;
                    return layer.backoff.delay_drawn(call, |k| draw(n - call + k));
                }
                within => backoff.delay_drawn(within, |k| draw(n - within + k)),
            },
        };
        match asked {
            None => delay,
            Some(_) => self.retry_after.apply(delay, backoff.cap(), asked),
        }
    }

    /// Wait after an error of that kind.
    pub fn backoff_after(&self, kind: ErrorKind) -> &Backoff {
        match kind {
            ErrorKind::Throttling => &self.backoff,
            ErrorKind::Timeout | ErrorKind::Transient => &self.other_backoff,
        }
    }

    /// Tokens of the retry quota for a retry after an error of that kind.
    pub fn cost_after(&self, kind: ErrorKind) -> u32 {
        self.retry_quota.map_or(0, |q| match kind {
            ErrorKind::Throttling => q.throttling_cost,
            ErrorKind::Timeout => q.timeout_cost,
            ErrorKind::Transient => q.other_cost,
        })
    }

    /// Decides on a failed attempt at `now` \[s\], after the client's rate limiter has counted the answer.
    /// `draw(k)` is the k-th uniform number of the request, scaled to 2⁶⁴.
    #[inline]
    pub fn judge(
        &self,
        failure: Failure,
        client: ClientState<'_>,
        now: f64,
        draw: impl Fn(u16) -> u64,
    ) -> RetryVerdict {
        let Failure {
            n,
            kind,
            retry_after,
        } = failure;
        let Some(kind) = kind else {
            return RetryVerdict::NotRetried;
        };
        if n >= self.max_attempts {
            return RetryVerdict::AttemptsSpent;
        }
        let backoff = self.backoff_after(kind);
        // Where a retry pays the limiter, it does so before the retry quota is asked.
        let limited = self.limited_delay(kind, client.limiter, now);
        let mut cost = self.cost_after(kind);
        if let Some((tokens, number)) = client.tokens {
            cost = tokens.price(number, cost);
            if !tokens.take_cost(number, cost) {
                return RetryVerdict::QuotaSpent;
            }
        }
        let delay = limited.map_or_else(
            || self.wait(backoff, n, retry_after, draw),
            |wait| wait.min(backoff.cap()),
        );
        RetryVerdict::Retry { delay, cost }
    }

    /// The wait \[ns\] that takes the backoff's place while the limiter lacks the tokens of a retry.
    fn limited_delay(
        &self,
        kind: ErrorKind,
        limiter: Option<&mut ClientRateLimiter>,
        now: f64,
    ) -> Option<u64> {
        let cost = self.rate_limiter?.retry_cost?;
        let tokens = match kind {
            ErrorKind::Throttling => cost.throttling,
            ErrorKind::Timeout | ErrorKind::Transient => cost.other,
        };
        let wait = limiter?.take(now, tokens).err()?;
        Some(whole((wait * SECOND as f64).round()))
    }

    /// Whether the attempt after `failed` ones waits for a token of the client's rate limiter.
    pub fn is_paced(&self, failed: u16) -> bool {
        self.rate_limiter
            .is_some_and(|rules| failed == 0 || rules.retry_cost.is_none())
    }
}

fn span(seconds: &BigRational) -> Span {
    if let (Some(n), Some(d)) = (seconds.numer().to_u64(), seconds.denom().to_u64()) {
        let (n, d) = (u128::from(n) * u128::from(SECOND), u128::from(d));
        return Span::from_ns(u64::try_from((2 * n + d) / (2 * d)).unwrap_or(u64::MAX));
    }
    let ns = seconds * BigRational::from_integer(SECOND.into());
    Span::from_ns(ns.round().to_integer().to_u64().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_that_are_looked_up_are_those_of_the_policy() {
        let exponential = |jitter| {
            Backoff::from(ExponentialBackoff {
                initial_backoff: Span::from_ns(50_000_000),
                max_backoff: Some(Span::from_secs(20)),
                jitter,
                capped: Capped::Bound,
            })
        };
        let jitters = [
            Jitter::None,
            Jitter::Full,
            Jitter::Equal,
            Jitter::Decorrelated,
        ];
        let backoffs = jitters.map(exponential).into_iter();
        for backoff in backoffs.chain([FixedBackoff {
            delay: Span::from_ns(7),
        }
        .into()])
        {
            for asked in [None, Some(3_000_000)] {
                let mut policy = RetryPolicy::custom(backoff.clone());
                policy.max_attempts = 100;
                policy.asked = asked;
                policy.retry_after = RetryAfter::Replaces;
                let delays = RetryDelays::new(&policy, AnswerForm::WithCode);
                for n in 1..100 {
                    let key = Key::root(9, u64::from(n));
                    let draw = |k: u16| key.with(u64::from(k)).bits();
                    let expected = policy.delay(n, draw);
                    assert_eq!(delays.after(n, draw), expected, "{policy:?}");
                }
            }
        }
    }
}
