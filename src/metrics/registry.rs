//! The registry: every metric's identifier, unit and meaning, in the order in which it is shown.

/// Where a metric is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For the whole variant only.
    Variant,
    /// For the whole variant and for each quota (`by_quota`).
    Quota,
    /// For the whole variant, each quota and each workload, bucket, key, requester and operation.
    Everywhere,
    /// For the whole variant and each workload, bucket, key, requester and operation.
    Breakdown,
    /// For the whole variant and each of S3's request rates (`by_s3_request_rate`).
    RequestRate,
    /// As [`Scope::Breakdown`]; no data where no request of a job fails more than itself.
    Failure,
    /// As [`Scope::RequestRate`], and for each workload, bucket, key, requester and operation.
    S3Everywhere,
}

impl Scope {
    /// Whether it is given for each workload, bucket, key, requester and operation.
    pub fn has_breakdown(self) -> bool {
        matches!(
            self,
            Scope::Everywhere | Scope::Breakdown | Scope::Failure | Scope::S3Everywhere
        )
    }

    /// Whether it is given for each KMS request quota.
    pub fn of_quotas(self) -> bool {
        matches!(self, Scope::Quota | Scope::Everywhere)
    }

    /// Whether it is given for each of S3's request rates.
    pub fn of_request_rates(self) -> bool {
        matches!(self, Scope::RequestRate | Scope::S3Everywhere)
    }
}

/// How a value is written for people, where its unit does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the unit says.
    Number,
    /// A share of one, in percent.
    Share,
    /// A count of seconds, which stays in seconds however long.
    SecondsCounted,
    /// 1 where an alarm fired, else 0.
    Alarm,
}

/// One metric: a total over the measured time unless `help` says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Identifier in `results.json`, CSV and thresholds.
    pub id: &'static str,
    /// Unit as written in the results: `1`, `s`, `1/s`, `USD` or `USD/month`.
    pub unit: &'static str,
    /// Short name for tables and axis labels.
    pub label: &'static str,
    /// What is counted, in one sentence.
    pub help: &'static str,
    /// Where it is given.
    pub scope: Scope,
    /// How it is written for people.
    pub form: Form,
    /// Whether a smaller value is the better one; `None` where neither is.
    pub smaller_is_better: Option<bool>,
}

impl Metric {
    const fn written(self, form: Form) -> Metric {
        Metric { form, ..self }
    }

    /// Whether it counts events in every breakdown, so that it is 0 where there were none.
    pub fn is_count(&self) -> bool {
        let everywhere = matches!(self.scope, Scope::Everywhere | Scope::Breakdown);
        everywhere && self.unit == "1" && self.form == Form::Number
    }

    /// Whether the values of several things of a breakdown add up to that of all of them.
    pub fn adds_up(&self) -> bool {
        self.scope.has_breakdown() && self.unit == "1" && self.form == Form::Number
    }
}

const fn row(
    id: &'static str,
    unit: &'static str,
    label: &'static str,
    scope: Scope,
    smaller_is_better: Option<bool>,
    help: &'static str,
) -> Metric {
    Metric {
        id,
        unit,
        label,
        help,
        scope,
        form: Form::Number,
        smaller_is_better,
    }
}

use Form::{Alarm, SecondsCounted, Share};
use Scope::{Breakdown, Everywhere, Failure, Quota, RequestRate, S3Everywhere, Variant};

/// Every metric, in the order of presentation.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    row("s3_requests", "1", "S3 requests", Breakdown, None, "S3 API requests that arrived; retries by the SDK are not counted again"),
    row("s3_requests_succeeded", "1", "S3 requests succeeded", Breakdown, Some(false), "S3 requests that ended with a 2xx answer"),
    row("s3_requests_denied", "1", "S3 requests denied", Breakdown, Some(true), "S3 requests refused for lack of permission (403)"),
    row("s3_requests_failed", "1", "S3 requests failed", Breakdown, Some(true), "S3 requests that ran out of attempts or of retry quota (503 SlowDown)"),
    row("s3_attempts", "1", "S3 attempts", S3Everywhere, Some(true), "tries of S3 requests that reached a request rate of S3: admitted + throttled; no data where none is limited (`prefixes`)"),
    row("s3_throttled", "1", "S3 attempts throttled", S3Everywhere, Some(true), "tries refused by S3's own request rate (503 SlowDown), which make no KMS call"),
    row("s3_throttle_rate", "1", "S3 throttle rate", S3Everywhere, Some(true), "S3 attempts throttled ÷ S3 attempts").written(Share),
    row("s3_attempts_per_s_max", "1/s", "busiest second of S3", RequestRate, Some(true), "S3 attempts in the busiest second of the busiest request rate, drain included"),
    row("s3_headroom", "1", "S3 headroom", RequestRate, Some(false), "smallest over S3's request rates and seconds of 1 − S3 attempts ÷ the request rate; negative when over").written(Share),
    row("s3_seconds_throttled_count", "s", "seconds throttled by S3", RequestRate, Some(true), "seconds in which S3's request rate refused at least one attempt").written(SecondsCounted),
    row("app_requests", "1", "application messages", Breakdown, None, "messages of applications and services that call KMS themselves"),
    row("app_requests_denied", "1", "application messages denied", Breakdown, Some(true), "messages refused by KMS for lack of permission (400 AccessDeniedException)"),
    row("app_requests_failed", "1", "application messages failed", Breakdown, Some(true), "messages that ran out of attempts or of retry quota (400 ThrottlingException)"),
    row("kms_needs", "1", "KMS operations needed", Breakdown, None, "KMS operations that requests required, counted when first looked up"),
    row("kms_needs_met_by_bucket_key", "1", "met by a bucket key", Breakdown, Some(false), "KMS operations that an S3 Bucket Key made unnecessary"),
    row("kms_needs_met_by_data_key_cache", "1", "met by a data-key cache", Breakdown, Some(false), "KMS operations that a data-key or branch-key cache of the Encryption SDK made unnecessary"),
    row("kms_calls", "1", "KMS calls", Breakdown, Some(true), "KMS operations for which at least one attempt was made"),
    row("kms_attempts", "1", "KMS attempts", Everywhere, Some(true), "tries of KMS operations that reached the quota: admitted + throttled"),
    row("kms_admitted", "1", "KMS attempts admitted", Everywhere, None, "attempts let through by every quota that applies"),
    row("kms_throttled", "1", "KMS attempts throttled", Everywhere, Some(true), "attempts refused by a request quota (ThrottlingException)"),
    row("kms_retries", "1", "KMS retries", Breakdown, Some(true), "attempts − calls"),
    row("throttle_rate", "1", "throttle rate", Everywhere, Some(true), "throttled ÷ attempts").written(Share),
    row("kms_attempts_per_s_max", "1/s", "busiest second", Quota, Some(true), "attempts in the busiest second of the busiest quota, drain included"),
    row("quota_headroom", "1", "quota headroom", Quota, Some(false), "smallest over quotas and seconds of 1 − attempts ÷ the quota then in force; negative when over").written(Share),
    row("seconds_throttled_count", "s", "seconds throttled", Quota, Some(true), "seconds in which at least one attempt was throttled").written(SecondsCounted),
    row("cloudwatch_attempts_per_s_max", "1/s", "busiest minute ÷ 60", Quota, Some(true), "what a one-minute CloudWatch CallCount shows of the busiest minute, per second; no data without a whole minute after the warm-up"),
    row("cloudwatch_alarm_80_percent", "1", "80 % alarm fired", Quota, Some(true), "1 where an alarm on one-minute usage above 80 % of the quota would have fired, else 0; no data where none fired and no whole minute was measured").written(Alarm),
    row("added_delay_s_p50", "s", "added delay p50", Breakdown, Some(true), "median of the time from arrival to the last attempt, including waits for a client-side token or another request's fetch, over successful requests that could have been throttled"),
    row("added_delay_s_p99", "s", "added delay p99", Breakdown, Some(true), "99th percentile of the added delay"),
    row("added_delay_s_max", "s", "added delay max", Breakdown, Some(true), "largest added delay, exact"),
    row("latency_s_p50", "s", "request latency p50", Variant, Some(true), "median of added delay + service latency, over successful requests"),
    row("latency_s_p90", "s", "request latency p90", Variant, Some(true), "90th percentile of the request latency"),
    row("latency_s_p99", "s", "request latency p99", Variant, Some(true), "99th percentile of the request latency"),
    row("job_completion_s", "s", "job completion", Breakdown, Some(true), "time from a job's start to its last object, of the longest run of any job; no data where a run is unfinished at the horizon, or has failed"),
    row("requests_not_sent", "1", "requests not sent", Failure, Some(true), "requests that were not sent because their upload, or their job's run, had failed; no data unless a workload has `on_failure`"),
    row("objects_failed", "1", "objects failed", Failure, Some(true), "objects that were begun and not finished, because one of their requests, or their job's run, failed; no data unless a workload has `on_failure`"),
    row("job_runs_failed", "1", "job runs failed", Failure, Some(true), "runs of jobs that a failed request failed; no data unless a job has `on_failure`"),
    row("cloudtrail_kms_events", "1", "CloudTrail KMS events", Breakdown, Some(true), "KMS events that CloudTrail records"),
    row("cloudtrail_kms_copies", "1", "KMS events delivered", Breakdown, Some(true), "copies of KMS events that trails deliver, the first included, event history not included"),
    row("cloudtrail_data_events", "1", "S3 data events delivered", Breakdown, Some(true), "copies of S3 data events that trails deliver"),
    row("log_bytes_ingested", "bytes", "log bytes ingested", Variant, None, "bytes that log groups ingested (IncomingBytes of CloudWatch Logs)"),
    row("log_bytes_lost", "bytes", "log bytes lost", Variant, Some(true), "bytes sent to log groups while KMS refused them a data key"),
    row("cost_kms_requests_usd", "USD", "cost of KMS requests", Variant, Some(true), "KMS requests less the free tier"),
    row("cost_kms_keys_usd", "USD", "cost of KMS keys", Variant, Some(true), "key-months of customer-managed keys"),
    row("cost_s3_requests_usd", "USD", "cost of S3 requests", Variant, Some(true), "S3 request fees; 5xx answers are not billed, nor 403s from outside the owner's organization"),
    row("cost_s3_batch_operations_usd", "USD", "cost of S3 Batch Operations", Variant, Some(true), "fees of S3 Batch Operations for each job and object, beside the requests that it makes"),
    row("cost_cloudtrail_usd", "USD", "cost of CloudTrail", Variant, Some(true), "copies of management events beyond the first, and data events"),
    row("cost_logs_usd", "USD", "cost of log ingestion", Variant, Some(true), "CloudWatch Logs ingestion"),
    row("cost_total_usd", "USD", "total cost", Variant, Some(true), "the bill of the measured time"),
    row("cost_total_usd_per_month", "USD/month", "total cost per month", Variant, Some(true), "the bill of a 30-day month of the same traffic; no data for jobs and traces that do not recur"),
];

/// The row of a metric.
pub fn metric(id: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.id == id)
}

/// The place of a metric in [`METRICS`], also known where the program is compiled.
///
/// # Panics
/// Where there is no such metric.
pub const fn place(id: &str) -> usize {
    let mut i = 0;
    while i < METRICS.len() {
        if is_same(METRICS[i].id.as_bytes(), id.as_bytes()) {
            return i;
        }
        i += 1;
    }
    panic!("a metric that is not in the registry")
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    #[test]
    fn identifiers_are_unique() {
        let mut ids: Vec<_> = super::METRICS.iter().map(|m| m.id).collect();
        ids.sort_unstable();
        let n = ids.len();
        ids.dedup();
        assert_eq!(n, ids.len());
    }
}
