//! The metrics that a summary shows, a row each.

use crate::metrics::{number, registry};
use crate::results::{Metrics, RunResults, VariantResults};

/// Whether a row is shown although no variant has a value in it other than none or zero.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    Always,
    WithData,
    NonZero,
}

/// Rows of the summary, by metric. The quota row follows `kms_attempts_per_s_max`.
const ROWS: &[(&str, Show)] = &[
    ("kms_calls", Show::Always),
    ("kms_attempts", Show::Always),
    ("kms_throttled", Show::Always),
    ("throttle_rate", Show::Always),
    ("s3_throttled", Show::WithData),
    ("s3_throttle_rate", Show::WithData),
    ("kms_attempts_per_s_max", Show::Always),
    ("quota_headroom", Show::Always),
    ("s3_headroom", Show::WithData),
    ("cloudwatch_alarm_80_percent", Show::WithData),
    ("added_delay_s_p50", Show::Always),
    ("added_delay_s_p99", Show::Always),
    ("added_delay_s_max", Show::Always),
    ("s3_requests_failed", Show::Always),
    ("app_requests_failed", Show::NonZero),
    ("s3_requests_denied", Show::NonZero),
    ("job_completion_s", Show::WithData),
    ("cost_total_usd", Show::Always),
    ("cost_total_usd_per_month", Show::Always),
];

/// Metrics that a summary shows, in its order.
pub fn metrics() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(id, _)| *id)
}

/// A metric of a table row as text.
pub fn cell(metrics: &Metrics, id: &str) -> String {
    metrics
        .get(id)
        .map_or_else(|| number::NO_DATA.to_owned(), |e| number::estimate(id, e))
}

/// The rows of the summary: label, then one text a variant.
pub fn rows(results: &RunResults) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    for (id, show) in ROWS {
        let mean = |v: &VariantResults| v.metrics.get(id).and_then(|e| e.mean);
        let wanted = match show {
            Show::Always => true,
            Show::WithData => results.variants.iter().any(|v| mean(v).is_some()),
            Show::NonZero => results
                .variants
                .iter()
                .any(|v| mean(v).is_some_and(|m| m != 0.0)),
        };
        if !wanted {
            continue;
        }
        let label = registry::metric(id).map_or(*id, |m| m.label);
        let busiest = *id == "kms_attempts_per_s_max";
        let cells = results.variants.iter().map(|v| {
            // The busiest second stands beside the quota it counts against, so both come from
            // the tightest quota, not from whichever quota is busiest in absolute numbers.
            let tightest = v.tightest_quota().filter(|_| busiest);
            cell(tightest.map_or(&v.metrics, |(_, q)| &q.metrics), id)
        });
        rows.push((label.to_owned(), cells.collect()));
        if busiest {
            let quota = |v: &VariantResults| match v.tightest_quota() {
                Some((_, q)) => number::value("", "1/s", q.quota),
                None => number::NO_DATA.to_owned(),
            };
            rows.push((
                "of a quota of".to_owned(),
                results.variants.iter().map(quota).collect(),
            ));
        }
    }
    rows
}
