//! What a client does when an attempt failed: retry policies, the SDKs' retry quota and client rate limiter.
//!
//! Sources: the retry code of botocore and of the AWS SDK for Rust, and the AWS Architecture Blog's
//! "Exponential Backoff And Jitter"; the profiles' figures are data in the catalog. `n` is the number of
//! the attempt that just failed, 1 for the first.
//!
//! Left out: DynamoDB's own figures, and long-poll operations, which sleep when the retry quota is spent.

pub mod backoff;
mod breaker;
mod classify;
mod lifetime;
mod policy;
mod quota;
mod rate_limiter;
mod retry_after;
mod settings;

pub use backoff::{Backoff, BackoffKind, Capped, ExponentialBackoff, FixedBackoff, Jitter};
pub use breaker::{Blocks, BrakeSettings, BreakerSettings, CircuitBreaker, CircuitBreakers};
pub use classify::{AnswerForm, ErrorKind, FailedAnswer, Service};
pub use lifetime::{ClientLifetime, ClientLives};
pub use policy::{ClientState, Failure, RetryDelays, RetryLayerRules, RetryPolicy, RetryVerdict};
pub use quota::{Refund, RetryQuota, RetryQuotaSettings, RetryTokens, TokenBucketSettings};
pub use rate_limiter::{ClientRateLimiter, RateLimiterRules, RetryCost, SendQueue};
pub use retry_after::RetryAfter;
pub use settings::RetrySettings;

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod profile_tests;
