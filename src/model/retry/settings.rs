//! What clients do when throttled, as written: a profile of the catalog, or a policy of one's own.

use super::backoff::{Backoff, FixedBackoff, LONGEST_WAIT};
use super::breaker::{BrakeSettings, BreakerSettings};
use super::classify::{AnswerForm, FailedAnswer, Service};
use super::policy::RetryPolicy;
use super::quota::{RetryQuotaSettings, TokenBucketSettings};
use crate::catalog::{self, RetryProfile, RetryQuotaProfile};
use crate::input::diagnostic::{Code, Place};
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
    /// First delay, or bound of it, after errors of which only the status is known, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transient_base: Option<Span>,
    /// Retry quota of each client.
    pub retry_quota: Option<RetryQuotaSettings>,
    /// Retry token bucket of each client.
    pub retry_token_bucket: Option<TokenBucketSettings>,
    /// Circuit breaker of each client.
    pub circuit_breaker: Option<BreakerSettings>,
    /// Send brake of each client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_brake: Option<BrakeSettings>,
    /// Whether each client has the adaptive mode's rate limiter.
    pub client_rate_limiter: bool,
    /// Whether the scenario does not say so, so that it is the unnamed SDK's.
    #[serde(skip)]
    pub is_assumed: bool,
    /// A key that matters only to requests whose answers show their status alone, and where it is written.
    #[serde(skip)]
    pub only_for_status: Option<(String, Place)>,
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
            policy.throttled_as = AnswerForm::ALL.map(|form| {
                let (answer, rules) = throttled?;
                FailedAnswer::throttled(answer, form).kind(service, rules)
            });
            return policy;
        }
        let quota = self.retry_quota.as_ref().map(RetryQuotaSettings::quota);
        let bucket = self.retry_token_bucket.as_ref();
        let breaker = self.circuit_breaker.as_ref().map(BreakerSettings::rules);
        let brake = self.send_brake.as_ref().map(BrakeSettings::rules);
        let transient = self.transient_base.map(|base| self.backoff.with_base(base));
        RetryPolicy {
            max_attempts,
            asked,
            other_backoff: transient.unwrap_or_else(|| self.backoff.clone()),
            retry_quota: quota.or(bucket.map(TokenBucketSettings::quota)),
            circuit_breaker: breaker.or(brake),
            ..RetryPolicy::custom(self.backoff.clone())
        }
    }

    /// What each client has of its own, so that their number matters to requests of a service whose answers have
    /// these forms.
    pub fn of_each_client(&self, service: Service, forms: &[AnswerForm]) -> Option<&'static str> {
        let policy = self.policy(service, None);
        let pays = |form: &AnswerForm| {
            let quota = policy.after(*form).retry_quota;
            quota.is_some_and(|q| q.throttling_cost > 0)
        };
        let has_quota = self.retry_quota.is_some_and(|q| !q.shared);
        if self.client_rate_limiter {
            Some("a rate limiter")
        } else if has_quota && forms.iter().any(pays) {
            Some("a retry quota")
        } else if self.retry_token_bucket.is_some_and(|b| !b.shared) {
            Some("a retry token bucket")
        } else if self.circuit_breaker.is_some() {
            Some("a circuit breaker")
        } else if self.send_brake.is_some() {
            Some("a send brake")
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
                transient_cost: None,
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
            transient_base: None,
            only_for_status: None,
            retry_quota: None,
            retry_token_bucket: None,
            circuit_breaker: None,
            send_brake: None,
            client_rate_limiter: false,
            is_assumed: false,
        }
    }

    /// Under the key `retry`, `None` where there is none.
    pub fn read(r: &mut Reader<'_>) -> Option<RetrySettings> {
        let never = Alternative::new(NEVER, |_| Some(RetrySettings::never()));
        let kinds = Backoff::NAMES
            .iter()
            .zip(Backoff::TRANSIENT_BASES)
            .zip(Backoff::READ)
            .map(|((name, base), read)| {
                Alternative::new(*name, move |r| RetrySettings::of_kind(r, name, base, read))
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
        base: &str,
        backoff: impl Fn(&mut Reader<'_>) -> Option<Backoff>,
    ) -> Option<RetrySettings> {
        let backoff = backoff(r);
        let transient_base = r.optional_in(base, ..=LONGEST_WAIT);
        let max_attempts = r.required_in("max_attempts", ATTEMPTS);
        let mut only_for_status = written(r, base);
        let retry_quota = r.table("retry_quota", |r| {
            only_for_status = only_for_status
                .take()
                .or_else(|| written(r, "transient_cost"));
            RetryQuotaSettings::read(r)
        });
        let retry_token_bucket = r.table("retry_token_bucket", TokenBucketSettings::read);
        let circuit_breaker = r.table("circuit_breaker", BreakerSettings::read).flatten();
        let send_brake = r.table("send_brake", BrakeSettings::read).flatten();
        if r.has("circuit_breaker") && r.has("send_brake") {
            r.fault(
                Code::Contradiction,
                r.place_of("send_brake"),
                format!(
                    "`{0}.circuit_breaker` and `{0}.send_brake` both stop a client after refusals",
                    r.path()
                ),
                "keep one: a circuit breaker lets what it stops fail, a send brake lets it wait",
            );
        }
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
            transient_base,
            only_for_status,
            retry_quota,
            retry_token_bucket,
            circuit_breaker,
            send_brake,
            ..RetrySettings::unguarded(name, max_attempts?, backoff?)
        })
    }

    /// A profile of the catalog, with what may be changed of it.
    fn of_profile(r: &mut Reader<'_>, profile: &RetryProfile) -> Option<RetrySettings> {
        let mut retry = RetrySettings::profile(profile);
        retry.max_attempts = r.or_in("max_attempts", retry.max_attempts, ATTEMPTS);
        let costs = |q: &RetryQuotaProfile| q.cost_throttling > 0 || q.cost_other > 0;
        let quota = profile.retry_quota.filter(costs);
        if let Some((own, quota)) = retry.retry_quota.as_mut().zip(quota) {
            r.table("retry_quota", |r| {
                own.shared = r.or("shared", false);
                // What nobody draws on after an answer with its error code may be anybody's.
                if quota.cost_throttling == 0 {
                    retry.only_for_status = written(r, "shared");
                }
            });
        }
        Some(retry)
    }
}

/// A key and where it is written, if it is.
fn written(r: &mut Reader<'_>, key: &str) -> Option<(String, Place)> {
    r.has(key).then(|| (r.path_of(key), r.place_of(key)))
}
