//! What clients do when throttled, as written: a profile of the catalog, or a policy of one's own.

use super::backoff::{Backoff, FixedBackoff};
use super::breaker::BreakerSettings;
use super::classify::{FailedAnswer, Service};
use super::policy::RetryPolicy;
use super::quota::{RetryQuotaSettings, TokenBucketSettings};
use crate::catalog::{self, RetryProfile};
use crate::input::diagnostic::Code;
use crate::input::reader::{Alternative, Reader};
use crate::units::Span;
use serde::Serialize;

/// What clients do when throttled.
#[derive(Clone, Debug, Serialize)]
pub struct RetrySettings {
    /// Profile or kind.
    pub name: String,
    /// Attempts in all.
    pub max_attempts: u32,
    /// Wait before a retry.
    #[serde(flatten)]
    pub backoff: Backoff,
    /// Retry quota of each client.
    pub retry_quota: Option<RetryQuotaSettings>,
    /// Retry token bucket of each client.
    pub retry_token_bucket: Option<TokenBucketSettings>,
    /// Circuit breaker of each client.
    pub circuit_breaker: Option<BreakerSettings>,
    /// Whether each client has the adaptive mode's rate limiter.
    pub client_rate_limiter: bool,
    /// Whether the scenario does not say so, so that it is the unnamed SDK's.
    #[serde(skip)]
    pub is_assumed: bool,
}

/// The policy that never tries again.
const NEVER: &str = "none";

/// Attempts in all that may be written.
const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=u16::MAX as u32;

impl RetrySettings {
    /// The policy of the simulation, for the service that answers.
    pub fn policy(&self, service: Service, asked: Option<Span>) -> RetryPolicy {
        let max_attempts = u16::try_from(self.max_attempts).unwrap_or(u16::MAX);
        let asked = asked.map(Span::as_ns);
        if let Some(profile) = catalog::retry_profile(&self.name) {
            let mut policy = RetryPolicy {
                max_attempts,
                asked,
                ..RetryPolicy::profile(profile)
            };
            if let (Some(quota), Some(own)) = (&mut policy.retry_quota, self.retry_quota) {
                quota.shared = own.shared;
            }
            let rules = profile.classification();
            let throttled = catalog::throttled_answer(service.name()).zip(rules);
            return policy.throttled_as(
                throttled
                    .and_then(|(answer, rules)| FailedAnswer::from(answer).kind(service, rules)),
            );
        }
        let quota = self.retry_quota.as_ref().map(RetryQuotaSettings::quota);
        let bucket = self.retry_token_bucket.as_ref();
        let breaker = self.circuit_breaker.as_ref();
        RetryPolicy {
            max_attempts,
            asked,
            retry_quota: quota.or(bucket.map(TokenBucketSettings::quota)),
            circuit_breaker: breaker.map(BreakerSettings::rules),
            ..RetryPolicy::custom(self.backoff.clone())
        }
    }

    /// What each client has of its own, so that their number matters.
    pub fn of_each_client(&self) -> Option<&'static str> {
        if self.client_rate_limiter {
            Some("a rate limiter")
        } else if self
            .retry_quota
            .is_some_and(|q| q.throttling_cost > 0 && !q.shared)
        {
            Some("a retry quota")
        } else if self.retry_token_bucket.is_some_and(|b| !b.shared) {
            Some("a retry token bucket")
        } else if self.circuit_breaker.is_some() {
            Some("a circuit breaker")
        } else {
            None
        }
    }

    /// A profile of the catalog.
    fn profile(p: &RetryProfile) -> RetrySettings {
        RetrySettings {
            retry_quota: p.retry_quota.map(|q| RetryQuotaSettings {
                capacity: q.capacity,
                throttling_cost: q.cost_throttling,
                success_refund: q.success_refund,
                shared: false,
            }),
            client_rate_limiter: p.rate_limiter.is_some(),
            ..RetrySettings::unguarded(&p.id, p.max_attempts, RetryPolicy::profile(p).backoff)
        }
    }

    /// What the newest version of an SDK does, where a scenario does not say which SDK its clients use.
    pub fn of_unnamed_sdk() -> RetrySettings {
        let retry = catalog::unnamed_sdk()
            .map_or_else(RetrySettings::never, |(_, p)| RetrySettings::profile(p));
        RetrySettings {
            is_assumed: true,
            ..retry
        }
    }

    /// Never tries again.
    fn never() -> RetrySettings {
        let backoff = FixedBackoff { delay: Span::ZERO };
        RetrySettings::unguarded(NEVER, 1, backoff.into())
    }

    fn unguarded(name: &str, max_attempts: u32, backoff: Backoff) -> RetrySettings {
        RetrySettings {
            name: name.to_owned(),
            max_attempts,
            backoff,
            retry_quota: None,
            retry_token_bucket: None,
            circuit_breaker: None,
            client_rate_limiter: false,
            is_assumed: false,
        }
    }

    /// Under the key `retry`, `None` where there is none.
    pub fn read(r: &mut Reader<'_>) -> Option<RetrySettings> {
        let never = Alternative::new(NEVER, |_| Some(RetrySettings::never()));
        let kinds = Backoff::NAMES
            .iter()
            .zip(Backoff::READ)
            .map(|(name, read)| {
                Alternative::new(*name, move |r| RetrySettings::of_kind(r, name, read))
            });
        let profiles = catalog::retry_profiles().iter().flat_map(|profile| {
            let names = profile.aliases.iter().chain([&profile.id]);
            names.map(move |name| {
                Alternative::new(name, move |r| RetrySettings::of_profile(r, profile))
            })
        });
        let alternatives = [never].into_iter().chain(kinds).chain(profiles);
        r.choose("retry", alternatives).flatten()
    }

    /// A policy of one's own.
    fn of_kind(
        r: &mut Reader<'_>,
        name: &str,
        backoff: impl Fn(&mut Reader<'_>) -> Option<Backoff>,
    ) -> Option<RetrySettings> {
        let backoff = backoff(r);
        let max_attempts = r.required_in("max_attempts", ATTEMPTS);
        let retry_quota = r.table("retry_quota", RetryQuotaSettings::read);
        let retry_token_bucket = r.table("retry_token_bucket", TokenBucketSettings::read);
        let circuit_breaker = r.table("circuit_breaker", BreakerSettings::read).flatten();
        if r.has("retry_quota") && r.has("retry_token_bucket") {
            r.fault(
                Code::Contradiction,
                r.place_of("retry_token_bucket"),
                format!(
                    "`{0}.retry_quota` and `{0}.retry_token_bucket` both limit retries",
                    r.path()
                ),
                "keep one: a quota refunds a success the cost of its last retry, a token bucket deposits the same for each success",
            );
        }
        Some(RetrySettings {
            retry_quota,
            retry_token_bucket,
            circuit_breaker,
            ..RetrySettings::unguarded(name, max_attempts?, backoff?)
        })
    }

    /// A profile of the catalog, with what may be changed of it.
    fn of_profile(r: &mut Reader<'_>, profile: &RetryProfile) -> Option<RetrySettings> {
        let mut retry = RetrySettings::profile(profile);
        retry.max_attempts = r.or_in("max_attempts", retry.max_attempts, ATTEMPTS);
        // One that throttled retries do not draw on may be anybody's.
        if let Some(quota) = retry.retry_quota.as_mut().filter(|q| q.throttling_cost > 0) {
            let shared = r.table("retry_quota", |r| r.or("shared", false));
            quota.shared = shared.unwrap_or(false);
        }
        Some(retry)
    }
}
