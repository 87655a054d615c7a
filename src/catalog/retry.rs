//! Retry behaviour of AWS SDKs as data; the algorithms live with the model.
//!
//! Data: `retry_profiles.toml`. Left out: DynamoDB's own limits, long-poll operations, and the constants of
//! the adaptive mode's client rate limiter.

use super::decimal;
use num_rational::BigRational;
use serde::{Deserialize, Deserializer};

/// Which retry algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryMode {
    /// botocore's `legacy`.
    Legacy,
    /// The `standard` mode of all AWS SDKs.
    Standard,
}

/// How a delay is drawn from the backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryJitter {
    /// Uniform between zero and the (capped) backoff.
    Full,
}

/// A client's token bucket for retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryQuota {
    /// Tokens at the start, and at most.
    pub capacity: u32,
    /// Tokens for a retry after throttling.
    pub cost_throttling: u32,
    /// Tokens for a retry after any other error.
    pub cost_other: u32,
    /// Tokens for a retry after a connect or read timeout.
    pub cost_timeout: u32,
    /// Tokens back for a success that never retried; one that did gets its last retry's cost back.
    pub success_refund: u32,
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
    /// How the delay is drawn.
    pub jitter: RetryJitter,
    /// The client's retry quota, `None` without one.
    pub retry_quota: Option<RetryQuota>,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
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
    pub(super) sdk_default: Vec<SdkDefault>,
}

fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<BigRational>, D::Error> {
    decimal::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::{retry_profile, retry_profiles, sdk_defaults};
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
        for d in sdk_defaults() {
            assert!(
                d.profile
                    .as_ref()
                    .is_none_or(|p| retry_profile(p).is_some())
            );
        }
    }
}
