//! Retry behaviour of AWS SDKs as data; the algorithms live with the model.
//!
//! Data: `retry_profiles.toml`. Left out: DynamoDB's own limits, and long-poll operations.

use super::built_in::built_in;
use super::decimal;
use num_rational::BigRational;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::LazyLock;

/// Which retry algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryMode {
    /// botocore's `legacy`.
    Legacy,
    /// The `standard` mode of all AWS SDKs.
    Standard,
    /// `standard` with a client rate limiter.
    Adaptive,
}

/// What the server's `x-amz-retry-after` does to a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfterRule {
    /// Nothing.
    Ignored,
    /// Raises a shorter one, within `raises_by_s`.
    Raises,
    /// Takes its place, up to the largest backoff.
    Replaces,
}

/// Which retry's cost a success gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryRefund {
    /// The last one of the same request; without one, `success_refund`.
    OwnLastRetry,
    /// The same, but never less than `success_refund`, also where the retry was free.
    OwnLastRetryAtLeast,
    /// The last one of the same request, and `success_refund` besides.
    OwnLastRetryBesides,
    /// The last one of the client, once.
    ClientsLastRetry,
    /// None: every success gives `success_refund`.
    Nothing,
}

/// A list of codes that count with one status code only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusWithCode {
    /// HTTP status code.
    pub status: u16,
    /// Error codes.
    pub codes: Vec<String>,
    /// The only service it holds for, by botocore's name; `None` for all.
    pub service: Option<String>,
}

/// Which answers an SDK tries again, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// Identifier.
    pub id: String,
    /// Error codes that mean throttling, whatever the status code.
    #[serde(default)]
    pub throttling_codes: Vec<String>,
    /// Status codes that mean throttling, whatever the error code.
    #[serde(default)]
    pub throttling_statuses: Vec<u16>,
    /// Error codes of other errors that are tried again.
    #[serde(default)]
    pub transient_codes: Vec<String>,
    /// Status codes of other errors that are tried again.
    pub transient_statuses: Vec<u16>,
    /// Status codes that are tried again with certain error codes.
    #[serde(default)]
    pub status_with_code: Vec<StatusWithCode>,
    /// Exceptions that are timeouts, by botocore's names.
    pub timeout_exceptions: Vec<String>,
    /// Other exceptions that are tried again.
    pub transient_exceptions: Vec<String>,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

/// The figures of an adaptive mode's client rate limiter.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimiterProfile {
    /// Identifier.
    pub id: String,
    /// Share of the measured rate that is left after throttling.
    pub beta: f64,
    /// Factor of the cube of time \[1/s⁴\].
    pub scale_constant: f64,
    /// Weight of the newest measurement.
    pub smoothing: f64,
    /// Span over which the rate is measured \[s\].
    pub time_bucket_s: f64,
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
    /// An answer wakes one of the requests that wait for a token.
    pub answer_wakes: bool,
    /// Tokens of a retry after throttling, taken in place of a backoff; `None`: one token at each send.
    pub retry_cost_throttling: Option<f64>,
    /// The same after other errors.
    pub retry_cost_other: Option<f64>,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

/// How a service answers a request that it throttles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThrottledAnswer {
    /// The service, by botocore's name.
    pub service: String,
    /// HTTP status code.
    pub status: u16,
    /// Error code.
    pub code: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

/// How a delay is drawn from the backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryJitter {
    /// The backoff itself.
    None,
    /// Uniform between zero and the backoff.
    Full,
    /// Uniform between half the backoff and all of it.
    Equal,
    /// Uniform between half the backoff and one and a half of it.
    Around,
}

/// What the largest backoff holds down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryCap {
    /// The backoff, before the delay is drawn from it.
    #[default]
    Backoff,
    /// The delay that was drawn.
    Delay,
    /// The backoff; one that was held down is the delay, without jitter.
    BackoffAndJitter,
}

/// What a program does that calls an SDK, when that gives up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryLayer {
    /// Attempts of the SDK before it gives up, and the program's backoff takes the place of the SDK's.
    pub sdk_attempts: u32,
    /// The program's backoff when the SDK has given up for the first time \[s\].
    #[serde(deserialize_with = "decimal::deserialize")]
    pub base_s: BigRational,
    /// Largest backoff \[s\], `None` without a cap.
    #[serde(default, deserialize_with = "some")]
    pub max_backoff_s: Option<BigRational>,
    /// How the delay is drawn.
    pub jitter: RetryJitter,
}

/// A client's token bucket for retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryQuotaProfile {
    /// Tokens at the start, and at most.
    pub capacity: u32,
    /// Tokens for a retry after throttling.
    pub cost_throttling: u32,
    /// Tokens for a retry after any other error.
    pub cost_other: u32,
    /// Tokens for a retry after a connect or read timeout.
    pub cost_timeout: u32,
    /// Tokens back for a success without a retry to pay back.
    pub success_refund: u32,
    /// Which retry a success pays back.
    pub refund: RetryRefund,
    /// Any token left pays for a retry: it takes what there is, if that is less than its cost.
    #[serde(default)]
    pub pays_in_part: bool,
}

/// A retry behaviour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryProfile {
    /// Identifier: SDK, version, mode.
    pub id: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// The algorithm.
    pub mode: RetryMode,
    /// Attempts in all; the first counts.
    pub max_attempts: u32,
    /// Backoff after the first attempt if that was throttled \[s\].
    #[serde(deserialize_with = "decimal::deserialize")]
    pub throttling_base_s: BigRational,
    /// Backoff after the first attempt if that failed otherwise \[s\].
    #[serde(deserialize_with = "decimal::deserialize")]
    pub other_base_s: BigRational,
    /// Largest backoff \[s\], `None` without a cap.
    #[serde(default, deserialize_with = "some")]
    pub max_backoff_s: Option<BigRational>,
    /// What the cap holds down.
    #[serde(default)]
    pub cap: RetryCap,
    /// How the delay is drawn.
    pub jitter: RetryJitter,
    /// The same after throttling, `None` where that makes no difference.
    pub throttling_jitter: Option<RetryJitter>,
    /// The program on top of the SDK; `max_attempts` are then those of both.
    pub layer: Option<RetryLayer>,
    /// What the server's `x-amz-retry-after` does.
    pub retry_after: RetryAfterRule,
    /// Most that it adds to the backoff \[s\], `None` unless it raises it.
    #[serde(default, deserialize_with = "some")]
    pub raises_by_s: Option<BigRational>,
    /// Identifier of the classification of answers.
    pub classification: String,
    /// Identifier of the client rate limiter, `None` without one.
    pub rate_limiter: Option<String>,
    /// The client's retry quota, `None` without one.
    pub retry_quota: Option<RetryQuotaProfile>,
    /// Why a figure of it is a guess; `None` where none is.
    pub assumed: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

impl RetryProfile {
    /// How it classifies answers.
    pub fn classification(&self) -> Option<&'static Classification> {
        let rows = &*RETRY.classification;
        rows.iter().find(|c| c.id == self.classification)
    }

    /// The figures of its client rate limiter, `None` without one.
    pub fn rate_limiter(&self) -> Option<&'static RateLimiterProfile> {
        let id = self.rate_limiter.as_ref()?;
        let rows = &*RETRY.rate_limiter;
        rows.iter().find(|l| l.id == *id)
    }
}

/// What an SDK does when nobody configures retries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdkDefault {
    /// The SDK.
    pub sdk: String,
    /// Its versions.
    pub versions: String,
    /// Identifier of the profile, `None` where the SDK keeps numbers of its own.
    pub profile: Option<String>,
    /// In words.
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryFile {
    pub(super) profile: Vec<RetryProfile>,
    pub(super) classification: Vec<Classification>,
    pub(super) rate_limiter: Vec<RateLimiterProfile>,
    pub(super) throttled_answer: Vec<ThrottledAnswer>,
    pub(super) sdk_default: Vec<SdkDefault>,
}

fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<BigRational>, D::Error> {
    decimal::deserialize(from).map(Some)
}

pub(super) static RETRY: LazyLock<RetryFile> =
    LazyLock::new(|| built_in("retry_profiles.toml", include_str!("retry_profiles.toml")));

/// Every retry profile.
pub fn retry_profiles() -> &'static [RetryProfile] {
    &RETRY.profile
}

/// The retry profile with this identifier or alias (`standard`, `legacy`).
pub fn retry_profile(name: &str) -> Option<&'static RetryProfile> {
    retry_profiles()
        .iter()
        .find(|p| p.id == name || p.aliases.iter().any(|a| a == name))
}

/// How a service, by botocore's name, answers a request that it throttles.
pub fn throttled_answer(service: &str) -> Option<&'static ThrottledAnswer> {
    let rows = &RETRY.throttled_answer;
    rows.iter().find(|a| a.service == service)
}

/// What the SDKs do by default, by version: of each SDK, the newest last.
pub fn sdk_defaults() -> &'static [SdkDefault] {
    &RETRY.sdk_default
}

/// The SDK whose newest version stands for one that a scenario does not name.
const UNNAMED_SDK: &str = "botocore";

/// What an SDK does that a scenario does not name: the newest botocore's default.
pub fn unnamed_sdk() -> Option<(&'static SdkDefault, &'static RetryProfile)> {
    let newest = sdk_defaults().iter().rfind(|d| d.sdk == UNNAMED_SDK)?;
    Some((newest, retry_profile(newest.profile.as_ref()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(text: &str) -> BigRational {
        decimal::exact(text).unwrap()
    }

    #[test]
    fn todays_standard() {
        let p = retry_profile("standard").unwrap();
        assert_eq!(
            (p.id.as_str(), p.max_attempts),
            ("botocore-1.44-standard", 3)
        );
        assert_eq!(
            (&p.throttling_base_s, &p.other_base_s),
            (&s("1"), &s("0.05"))
        );
        assert_eq!(p.max_backoff_s, Some(s("20")));
        let quota = p.retry_quota.unwrap();
        assert_eq!(
            (quota.capacity, quota.cost_throttling, quota.cost_other),
            (500, 5, 14)
        );
        assert_eq!(quota.success_refund, 1);
    }

    #[test]
    fn the_older_ones() {
        let p = retry_profile("botocore-1.43-standard").unwrap();
        assert_eq!((p.max_attempts, &p.other_base_s), (3, &s("1")));
        let quota = p.retry_quota.unwrap();
        assert_eq!(
            (quota.cost_throttling, quota.cost_other, quota.cost_timeout),
            (5, 5, 10)
        );
        let p = retry_profile("legacy").unwrap();
        assert_eq!(
            (p.max_attempts, p.max_backoff_s.clone(), p.retry_quota),
            (5, None, None)
        );
        assert!(retry_profile("standrad").is_none());
    }

    #[test]
    fn names_are_unique_and_defaults_refer_to_profiles() {
        let names: Vec<_> = retry_profiles()
            .iter()
            .flat_map(|p| std::iter::once(&p.id).chain(&p.aliases))
            .collect();
        assert_eq!(
            names.len(),
            names
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        );
        for p in retry_profiles() {
            assert!(p.classification().is_some(), "{}", p.id);
            assert_eq!(p.rate_limiter().is_some(), p.rate_limiter.is_some());
            assert_eq!(p.mode == RetryMode::Adaptive, p.rate_limiter.is_some());
            assert_eq!(
                p.retry_after == RetryAfterRule::Raises,
                p.raises_by_s.is_some()
            );
        }
        for d in sdk_defaults() {
            assert!(
                d.profile
                    .as_ref()
                    .is_none_or(|p| retry_profile(p).is_some())
            );
        }
    }
}
