//! Retry behaviour of AWS SDKs as data; the algorithms live with the model.
//!
//! Data: `retry_profiles.toml`. Left out: DynamoDB's own limits, and long-poll operations.

use super::built_in::built_in;
use super::decimal;
use super::row::{CatalogRow, plain};
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
    /// The last one of the same request.
    OwnLastRetry,
    /// The last one of the client, once.
    ClientsLastRetry,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryJitter {
    /// Uniform between zero and the (capped) backoff.
    Full,
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
struct RetryFile {
    profile: Vec<RetryProfile>,
    classification: Vec<Classification>,
    rate_limiter: Vec<RateLimiterProfile>,
    throttled_answer: Vec<ThrottledAnswer>,
    sdk_default: Vec<SdkDefault>,
}

fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<BigRational>, D::Error> {
    decimal::deserialize(from).map(Some)
}

static RETRY: LazyLock<RetryFile> =
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

/// What the SDKs do by default, by version.
pub fn sdk_defaults() -> &'static [SdkDefault] {
    &RETRY.sdk_default
}

/// All of it, for people to read.
pub(super) fn rows() -> Vec<CatalogRow> {
    let file = &*RETRY;
    let mut rows = Vec::new();
    for p in &file.profile {
        let cap = p.max_backoff_s.as_ref();
        let mut figures = vec![
            ("max_attempts", p.max_attempts.to_string(), "1"),
            ("throttling_base", plain(&p.throttling_base_s), "s"),
            ("other_base", plain(&p.other_base_s), "s"),
            ("max_backoff", cap.map_or("none".to_owned(), plain), "s"),
            ("retry_after", words(&p.retry_after), "rule"),
            (
                "classification",
                p.classification.clone(),
                "retry-classification",
            ),
        ];
        if let Some(most) = &p.raises_by_s {
            figures.push(("raises_by", plain(most), "s"));
        }
        if let Some(limiter) = &p.rate_limiter {
            figures.push(("rate_limiter", limiter.clone(), "retry-limiter"));
        }
        if let Some(quota) = p.retry_quota {
            figures.extend([
                ("retry_quota.capacity", quota.capacity.to_string(), "token"),
                (
                    "retry_quota.cost_throttling",
                    quota.cost_throttling.to_string(),
                    "token",
                ),
                (
                    "retry_quota.cost_other",
                    quota.cost_other.to_string(),
                    "token",
                ),
                (
                    "retry_quota.cost_timeout",
                    quota.cost_timeout.to_string(),
                    "token",
                ),
                (
                    "retry_quota.success_refund",
                    quota.success_refund.to_string(),
                    "token",
                ),
                ("retry_quota.refund", words(&quota.refund), "rule"),
            ]);
        }
        let note = format!("also named {}", p.aliases.join(", "));
        let from = (&p.source, &p.as_of);
        rows.extend(
            figures
                .into_iter()
                .map(|f| row("retry-profile", &p.id, f, &note, from)),
        );
    }
    for l in &file.rate_limiter {
        let mut figures = vec![
            ("beta", l.beta.to_string(), "1"),
            ("scale_constant", l.scale_constant.to_string(), "1/s^4"),
            ("smoothing", l.smoothing.to_string(), "1"),
            ("time_bucket", l.time_bucket_s.to_string(), "s"),
            ("max_rate_scale", l.max_rate_scale.to_string(), "1"),
            ("min_fill_rate", l.min_fill_rate.to_string(), "1/s"),
            ("min_capacity", l.min_capacity.to_string(), "token"),
            ("initial_fill_rate", l.initial_fill_rate.to_string(), "1/s"),
            (
                "initial_measured_rate",
                l.initial_measured_rate.to_string(),
                "1/s",
            ),
            ("answer_wakes", l.answer_wakes.to_string(), "rule"),
        ];
        let costs = [
            ("retry_cost_throttling", l.retry_cost_throttling),
            ("retry_cost_other", l.retry_cost_other),
        ];
        for (figure, cost) in costs {
            figures.extend(cost.map(|c| (figure, c.to_string(), "token")));
        }
        let from = (&l.source, &l.as_of);
        rows.extend(
            figures
                .into_iter()
                .map(|f| row("retry-limiter", &l.id, f, "", from)),
        );
    }
    for c in &file.classification {
        let statuses = |list: &[u16]| list.iter().map(u16::to_string).collect::<Vec<_>>();
        let mut lists = vec![
            (
                "throttling_codes",
                c.throttling_codes.clone(),
                "error codes",
            ),
            (
                "throttling_statuses",
                statuses(&c.throttling_statuses),
                "status codes",
            ),
            ("transient_codes", c.transient_codes.clone(), "error codes"),
            (
                "transient_statuses",
                statuses(&c.transient_statuses),
                "status codes",
            ),
            (
                "timeout_exceptions",
                c.timeout_exceptions.clone(),
                "exceptions",
            ),
            (
                "transient_exceptions",
                c.transient_exceptions.clone(),
                "exceptions",
            ),
        ];
        for rule in &c.status_with_code {
            let with = rule.codes.iter().map(|code| match &rule.service {
                Some(service) => format!("{} {code} of {service}", rule.status),
                None => format!("{} {code}", rule.status),
            });
            lists.push(("status_with_code", with.collect(), "status and error codes"));
        }
        let from = (&c.source, &c.as_of);
        lists.retain(|(_, list, _)| !list.is_empty());
        rows.extend(lists.into_iter().map(|(figure, list, unit)| {
            row(
                "retry-classification",
                &c.id,
                (figure, list.join(", "), unit),
                "",
                from,
            )
        }));
    }
    rows.extend(file.throttled_answer.iter().map(|a| {
        let answer = (
            "answer",
            format!("{} {}", a.status, a.code),
            "status and code",
        );
        row(
            "throttled-answer",
            &a.service,
            answer,
            "",
            (&a.source, &a.as_of),
        )
    }));
    rows.extend(file.sdk_default.iter().map(|d| CatalogRow {
        kind: "sdk-default",
        id: format!("{} {}", d.sdk, d.versions),
        region: String::new(),
        value: d.profile.clone().unwrap_or_else(|| "its own".to_owned()),
        unit: "profile".to_owned(),
        assumed: false,
        note: d.note.clone(),
        source: d.source.clone(),
        as_of: d.as_of.clone(),
    }));
    rows
}

fn row(
    kind: &'static str,
    id: &str,
    (figure, value, unit): (&str, String, &str),
    note: &str,
    (source, as_of): (&String, &String),
) -> CatalogRow {
    CatalogRow {
        kind,
        id: format!("{id}.{figure}"),
        region: String::new(),
        value,
        unit: unit.to_owned(),
        assumed: false,
        note: note.to_owned(),
        source: source.clone(),
        as_of: as_of.clone(),
    }
}

/// A rule's name as the data has it.
fn words(rule: &impl Serialize) -> String {
    let name = serde_json::to_value(rule);
    name.ok()
        .and_then(|n| n.as_str().map(str::to_owned))
        .unwrap_or_default()
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
