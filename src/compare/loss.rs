//! Work that was asked for and not done: requests denied or failed, log bytes lost, jobs unfinished.
//!
//! A variant that loses work makes fewer calls and costs less, so a lower figure of it is no saving. Everything
//! that calls a variant the better one asks here first.

use super::difference::difference;
use crate::results::{Estimate, Metrics, VariantResults, replications};

/// Metrics that count requests which did not get what they asked for.
const LOST_REQUESTS: [&str; 5] = [
    "s3_requests_denied",
    "s3_requests_failed",
    "app_requests_denied",
    "app_requests_failed",
    "requests_not_sent",
];

/// All requests, of S3 and of applications: those that arrived, and those that were not sent as others had failed.
pub(super) const REQUESTS: [&str; 3] = ["s3_requests", "app_requests", "requests_not_sent"];

/// One kind of work and how much of it is lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loss {
    /// What is lost, after a number: "of its requests are denied, fail or are not sent".
    pub what: &'static str,
    /// The share lost, by replication.
    pub share: Estimate,
}

/// The shares of work lost of a whole variant; `judged` are metrics that a threshold judges, which are left out here.
pub(super) fn losses_of(v: &VariantResults, judged: &[&str]) -> Vec<Loss> {
    let mut losses = losses(&v.metrics, judged);
    losses.push(Loss {
        what: "of its replications leave a job unfinished",
        share: Estimate::over(unfinished(v, judged), "1"),
    });
    losses
}

/// The share of a variant's requests that are denied, fail or are not sent, by replication.
pub fn lost_share(v: &VariantResults) -> Estimate {
    share(&v.metrics, &LOST_REQUESTS, &REQUESTS)
}

/// The same of any breakdown.
fn losses(metrics: &Metrics, judged: &[&str]) -> Vec<Loss> {
    let left = |ids: &[&'static str]| -> Vec<&'static str> {
        let ids = ids.iter().copied();
        ids.filter(|id| !judged.contains(id)).collect()
    };
    let log_bytes = ["log_bytes_ingested", "log_bytes_lost"];
    vec![
        Loss {
            what: "of its requests are denied, fail or are not sent",
            share: share(metrics, &left(&LOST_REQUESTS), &REQUESTS),
        },
        Loss {
            what: "of its log bytes are lost",
            share: share(metrics, &left(&log_bytes[1..]), &log_bytes),
        },
    ]
}

/// The sum of some metrics over that of others, by replication; 0 where there was nothing to lose.
fn share(metrics: &Metrics, some: &[&str], all: &[&str]) -> Estimate {
    let sum = |ids: &[&str], i: usize| -> f64 {
        let values = ids
            .iter()
            .filter_map(|id| metrics.get(id)?.values.get(i).copied());
        values.flatten().sum()
    };
    let shares = (0..replications(metrics)).map(|i| {
        let all = sum(all, i);
        Some(if all > 0.0 { sum(some, i) / all } else { 0.0 })
    });
    Estimate::over(shares.collect(), "1")
}

/// 1 for each replication whose job did not end, 0 for the others.
fn unfinished(v: &VariantResults, judged: &[&str]) -> Vec<Option<f64>> {
    let id = "job_completion_s";
    let counts = v.without_data.contains_key(id) && !judged.contains(&id);
    let values = v.metrics.get(id).map_or(&[][..], |e| e.values.as_slice());
    let unfinished = values.iter().map(|end| counts && end.is_none());
    unfinished
        .map(|u| Some(if u { 1.0 } else { 0.0 }))
        .collect()
}

/// Whether `a` loses a larger share than `b`, beyond the interval of their difference where there is one.
pub(super) fn exceeds(a: &Estimate, b: &Estimate, paired: bool) -> bool {
    exceeds_by(a, b, paired, 0.0)
}

/// The same by more than a share of what `b` loses.
fn exceeds_by(a: &Estimate, b: &Estimate, paired: bool, noise: f64) -> bool {
    let d = difference(Some(true), Some(b), Some(a), paired);
    let least = d.ci_low.or(d.mean);
    least.is_some_and(|least| least > noise * d.baseline.unwrap_or(0.0))
}

fn any_exceeds(a: Vec<Loss>, b: Vec<Loss>, paired: bool) -> bool {
    let mut pairs = a.into_iter().zip(b);
    pairs.any(|(a, b)| exceeds(&a.share, &b.share, paired))
}

/// What a variant, or one workload of it, loses more of than the other by more than a share of that: what it is and both
/// shares lost, the other's first. Metrics that are `judged` by themselves are left out.
pub(super) fn more_lost(
    variant: &VariantResults,
    other: &VariantResults,
    workload: Option<&str>,
    paired: bool,
    (noise, judged): (f64, &[&str]),
) -> Option<(&'static str, f64, f64)> {
    let of = |v: &VariantResults| match workload {
        Some(name) => v
            .by_workload
            .get(name)
            .map(|metrics| losses(metrics, judged))
            .unwrap_or_default(),
        None => losses_of(v, judged),
    };
    let mut pairs = of(variant).into_iter().zip(of(other));
    let found = pairs.find(|(a, b)| exceeds_by(&a.share, &b.share, paired, noise));
    found.and_then(|(a, b)| Some((a.what, b.share.mean?, a.share.mean?)))
}

/// Whether a variant loses more of any kind of work than the other.
pub(super) fn loses_more(a: &VariantResults, b: &VariantResults, paired: bool) -> bool {
    any_exceeds(losses_of(a, &[]), losses_of(b, &[]), paired)
}

/// The same of one breakdown of both.
pub(super) fn part_loses_more(a: &Metrics, b: &Metrics, paired: bool) -> bool {
    any_exceeds(losses(a, &[]), losses(b, &[]), paired)
}
