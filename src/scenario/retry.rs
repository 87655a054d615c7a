//! What clients do when throttled, as written: a profile of the catalog, or a policy of one's own.

use crate::catalog::{self, RetryProfile};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::model::retry::{
    Answer, Backoff, Blocks, CircuitBreaker, Jitter, Refund, RetryPolicy, RetryQuota, Service,
};
use crate::units::{Share, Span};
use num_rational::BigRational;
use num_traits::ToPrimitive;
use serde::Serialize;

/// What clients do when throttled.
#[derive(Clone, Debug, Serialize)]
pub struct Retry {
    /// Profile or kind.
    pub name: String,
    /// Attempts in all.
    pub max_attempts: u32,
    /// First backoff, bound or delay.
    pub initial_backoff: Span,
    /// Cap, `None` without one.
    pub max_backoff: Option<Span>,
    /// `none`, `full`, `equal`, `decorrelated`.
    pub jitter: String,
    /// Retry quota of each client.
    pub retry_quota: Option<RetryQuotaSettings>,
    /// Retry token bucket of each client.
    pub retry_token_bucket: Option<TokenBucketSettings>,
    /// Circuit breaker of each client.
    pub circuit_breaker: Option<BreakerSettings>,
    /// Whether each client has the adaptive mode's rate limiter.
    pub client_rate_limiter: bool,
}

/// A client's retry quota.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RetryQuotaSettings {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens for a retry after throttling.
    pub throttling_cost: u32,
    /// Tokens back for a success without retry.
    pub success_refund: u32,
    /// The clients of a workload have one together.
    pub shared: bool,
}

/// A client's retry token bucket: a retry takes one token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TokenBucketSettings {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens that a success puts in, to the thousandth.
    pub success_deposit: f64,
    /// The clients of a workload have one together.
    pub shared: bool,
}

/// A client's circuit breaker.
#[derive(Clone, Debug, Serialize)]
pub struct BreakerSettings {
    /// Share of failures among the last attempts at which it opens.
    pub failure_threshold: Share,
    /// Attempts that are looked back at.
    pub window: u32,
    /// How long it stays open.
    pub open_time: Span,
    /// `requests` or `retries`.
    pub blocks: String,
}

/// Kinds of policies that are no profiles.
const CUSTOM: [&str; 3] = ["none", "fixed", "exponential"];
/// Parts of a token that a deposit may have.
const TOKEN: u32 = 1_000;

impl Retry {
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
                throttled.and_then(|(answer, rules)| Answer::from(answer).kind(service, rules)),
            );
        }
        let initial_backoff = self.initial_backoff.as_ns();
        let backoff = match self.name.as_str() {
            "exponential" => Backoff::Exponential {
                initial_backoff,
                max_backoff: self.max_backoff.map_or(u64::MAX, Span::as_ns),
                jitter: match self.jitter.as_str() {
                    "full" => Jitter::Full,
                    "equal" => Jitter::Equal,
                    "decorrelated" => Jitter::Decorrelated,
                    _ => Jitter::None,
                },
            },
            _ => Backoff::Fixed(initial_backoff),
        };
        let bucket = self.retry_token_bucket.map(|b| RetryQuota {
            refund: Refund::Nothing,
            shared: b.shared,
            ..RetryQuota::after_throttling(
                b.capacity * TOKEN,
                TOKEN,
                (b.success_deposit * f64::from(TOKEN)).round() as u32,
            )
        });
        let quota = self.retry_quota.map(|q| RetryQuota {
            shared: q.shared,
            ..RetryQuota::after_throttling(q.capacity, q.throttling_cost, q.success_refund)
        });
        let breaker = self.circuit_breaker.as_ref();
        RetryPolicy {
            max_attempts,
            asked,
            retry_quota: quota.or(bucket),
            circuit_breaker: breaker.map(BreakerSettings::rules),
            ..RetryPolicy::custom(backoff)
        }
    }

    /// What each client has of its own, so that their number matters.
    pub(super) fn of_each_client(&self) -> Option<&'static str> {
        if self.client_rate_limiter {
            Some("a rate limiter")
        } else if self.retry_quota.is_some_and(|q| !q.shared) {
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
    fn profile(p: &RetryProfile) -> Retry {
        let span = |seconds: &BigRational| {
            let ns = seconds * BigRational::from_integer(1_000_000_000.into());
            Span::from_ns(ns.round().to_integer().to_u64().unwrap_or(u64::MAX))
        };
        Retry {
            name: p.id.clone(),
            max_attempts: p.max_attempts,
            initial_backoff: span(&p.throttling_base_s),
            max_backoff: p.max_backoff_s.as_ref().map(span),
            jitter: "full".to_owned(),
            retry_quota: p.retry_quota.map(|q| RetryQuotaSettings {
                capacity: q.capacity,
                throttling_cost: q.cost_throttling,
                success_refund: q.success_refund,
                shared: false,
            }),
            client_rate_limiter: p.rate_limiter.is_some(),
            ..Retry::fixed("", 1, Span::ZERO)
        }
    }

    /// Today's SDK default.
    pub fn sdk_default() -> Retry {
        catalog::retry_profile("standard")
            .map_or_else(|| Retry::fixed("none", 1, Span::ZERO), Retry::profile)
    }

    fn fixed(name: &str, max_attempts: u32, delay: Span) -> Retry {
        Retry {
            name: name.to_owned(),
            max_attempts,
            initial_backoff: delay,
            max_backoff: None,
            jitter: "none".to_owned(),
            retry_quota: None,
            retry_token_bucket: None,
            circuit_breaker: None,
            client_rate_limiter: false,
        }
    }

    /// Under the key `retry`, `None` where there is none.
    pub(super) fn read(r: &mut Reader<'_>) -> Option<Retry> {
        let profiles = catalog::retry_profiles().iter();
        let names = profiles.flat_map(|p| p.aliases.iter().chain([&p.id]));
        let alternatives: Vec<&str> = CUSTOM
            .into_iter()
            .chain(names.map(String::as_str))
            .collect();
        let attempts = 1..=u32::from(u16::MAX);
        // What is under way is followed to its end, second by second: a wait must be one that a
        // client would sit out.
        let wait = ..=Span::from_secs(86_400);
        r.choice("retry", &alternatives, |tag, r| match tag {
            "none" => Some(Retry::fixed("none", 1, Span::ZERO)),
            "fixed" => {
                let delay = r.required_in("delay", wait);
                let max = r.required_in("max_attempts", attempts);
                let guards = Guards::read(r);
                Some(guards.onto(Retry::fixed("fixed", max?, delay?)))
            }
            "exponential" => {
                let initial_backoff = r.required_in("initial_backoff", wait);
                let max_backoff = r.or_in("max_backoff", Span::from_secs(20), wait);
                let jitters = ["none", "full", "equal", "decorrelated"];
                let jitter = r
                    .reference("jitter", jitters)
                    .unwrap_or_else(|| "full".to_owned());
                let max_attempts = r.required_in("max_attempts", attempts);
                let guards = Guards::read(r);
                Some(guards.onto(Retry {
                    max_backoff: Some(max_backoff),
                    jitter,
                    ..Retry::fixed("exponential", max_attempts?, initial_backoff?)
                }))
            }
            profile => {
                let mut retry = Retry::profile(catalog::retry_profile(profile)?);
                retry.max_attempts = r.or_in("max_attempts", retry.max_attempts, attempts);
                if let Some(quota) = &mut retry.retry_quota {
                    let shared = r.table("retry_quota", |r| r.or("shared", false));
                    quota.shared = shared.unwrap_or(false);
                }
                Some(retry)
            }
        })
        .flatten()
    }
}

/// What keeps a policy of one's own from doing harm.
struct Guards {
    retry_quota: Option<RetryQuotaSettings>,
    retry_token_bucket: Option<TokenBucketSettings>,
    circuit_breaker: Option<BreakerSettings>,
}

impl Guards {
    fn read(r: &mut Reader<'_>) -> Guards {
        let guards = Guards {
            retry_quota: r.table("retry_quota", |r| RetryQuotaSettings {
                capacity: r.or_in("capacity", 500, 1..=1_000_000),
                throttling_cost: r.or_in("throttling_cost", 5, 0..=1_000_000),
                success_refund: r.or_in("success_refund", 1, 0..=1_000_000),
                shared: r.or("shared", false),
            }),
            retry_token_bucket: r.table("retry_token_bucket", |r| TokenBucketSettings {
                capacity: r.or_in("capacity", 10, 1..=1_000_000),
                success_deposit: r.or_in("success_deposit", 0.1, 0.0..=1_000.0),
                shared: r.or("shared", false),
            }),
            circuit_breaker: r.table("circuit_breaker", BreakerSettings::read).flatten(),
        };
        if r.has("retry_quota") && r.has("retry_token_bucket") {
            r.fault(
                Code::Contradiction,
                r.place_of("retry_token_bucket"),
                format!(
                    "`{0}.retry_quota` and `{0}.retry_token_bucket` both say which retries are paid for",
                    r.path()
                ),
                "keep one: a quota gives a success the cost of its last retry back, a token bucket the same for each",
            );
        }
        guards
    }

    fn onto(self, retry: Retry) -> Retry {
        Retry {
            retry_quota: self.retry_quota,
            retry_token_bucket: self.retry_token_bucket,
            circuit_breaker: self.circuit_breaker,
            ..retry
        }
    }
}

impl BreakerSettings {
    fn read(r: &mut Reader<'_>) -> Option<BreakerSettings> {
        let half = Share::new(0.5).unwrap_or(Share::ONE);
        let failure_threshold = r.or("failure_threshold", half);
        if failure_threshold == Share::ZERO {
            r.fault(
                Code::OutOfRange,
                r.place_of("failure_threshold"),
                format!(
                    "`{}.failure_threshold` is 0, which would open without a failure",
                    r.path()
                ),
                "write a share of the last attempts, for example `failure_threshold = 0.5`",
            );
        }
        let window = r.or_in("window", 10, 1..=64);
        let open_time = r.required_in("open_time", Span::from_ns(1)..=Span::from_secs(86_400));
        let blocks = r
            .reference("blocks", ["requests", "retries"])
            .unwrap_or_else(|| "requests".to_owned());
        Some(BreakerSettings {
            failure_threshold,
            window,
            open_time: open_time?,
            blocks,
        })
    }

    fn rules(&self) -> CircuitBreaker {
        let failures = self.failure_threshold.get() * f64::from(self.window);
        CircuitBreaker {
            window: self.window,
            failures: (failures.ceil() as u32).max(1),
            open_time: self.open_time.as_ns(),
            blocks: match self.blocks.as_str() {
                "retries" => Blocks::Retries,
                _ => Blocks::Requests,
            },
        }
    }
}
