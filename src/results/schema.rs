//! The layout of `results.json` and `manifest.json`.
//!
//! A value without data is `None` (`null`), never 0. Host, date, thread count and engine time are
//! fields of [`Manifest`], so that `results.json` is the same to the byte for one scenario, seed
//! and version.

use super::metrics::Metrics;
use super::resolved::ResolvedScenario;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Version of the layout of `results.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// Results of every variant of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResults {
    /// Layout version, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of kmsim that wrote it.
    pub kmsim_version: String,
    /// The scenario that was run.
    pub scenario: ScenarioRecord,
    /// Master seed.
    pub seed: u64,
    /// Replications of each variant.
    pub replications: u32,
    /// Arrivals stop here \[s\].
    pub horizon_s: u64,
    /// horizon − warm-up \[s\].
    pub measured_s: u64,
    /// What a reader should know before trusting a figure.
    pub warnings: Vec<String>,
    /// What costs money and is in none of the costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs_left_out: Vec<CostLeftOut>,
    /// One entry a variant, in file order; the first is the baseline.
    pub variants: Vec<VariantResults>,
    /// Paired differences of the other variants against the first.
    pub comparisons: Vec<Comparison>,
    /// The scenario's thresholds, judged; in the order of variants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdResult>,
    /// What was asked of the intervals and whether it was reached; `None` where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<PrecisionResult>,
    /// What the assumptions in force are worth, where it was asked for: of the first variant and of the best, the one
    /// that moves it most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumption_effects: Vec<AssumptionEffect>,
    /// Which variant is the one to take; empty in results of versions that gave none.
    #[serde(default)]
    pub verdict: RunVerdict,
}

/// What a variant becomes where an assumption is not as it is by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssumptionEffect {
    /// Its number in docs/MODEL.md.
    pub number: String,
    /// Its key.
    pub key: String,
    /// The variant.
    pub variant: String,
    /// The value in force.
    pub in_force: serde_json::Value,
    /// Replications of the runs, the first ones of the variant's.
    pub replications: u32,
    /// How far the trial that moves it most does: the larger of the change of the busiest second as a share of the quota, of
    /// the shares of attempts throttled and of requests failed, and of the total cost as a share of itself.
    pub moves: f64,
    /// What was tried in its place.
    pub trials: Vec<AssumptionTrial>,
}

/// A value tried in place of an assumption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssumptionTrial {
    /// The value, as TOML writes it.
    pub value: String,
    /// As in [`AssumptionEffect`], of this value.
    pub moves: f64,
    /// Means before and after, by metric; `peak_of_quota` is the busiest second of the tightest quota over the quota,
    /// `s3_requests_failed_share` what fails for good of S3's requests.
    pub metrics: IndexMap<String, AssumedChange>,
}

/// A metric with an assumption in force, and with another value in its place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssumedChange {
    /// In force.
    pub before: Option<f64>,
    /// Tried.
    pub after: Option<f64>,
}

/// Which variant is the one to take, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// What was asked of the variants.
    pub question: String,
    /// The answer in a sentence or two.
    pub answer: String,
    /// The variant to take; `None` where none keeps what it is held to, or several do whose costs cannot be compared.
    pub best: Option<String>,
    /// Every variant, in the order of the run.
    pub variants: Vec<VariantVerdict>,
}

/// Whether a variant keeps what it is held to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantVerdict {
    /// The variant.
    pub name: String,
    /// Whether it keeps its thresholds (without any: is never throttled) and loses no larger share of its work than
    /// another; `None` where a value is missing.
    pub keeps: Option<bool>,
    /// What speaks for or against it.
    pub why: String,
}

/// Something that costs money and that no bill holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostLeftOut {
    /// Identifier in the catalog.
    pub id: String,
    /// What it is.
    pub what: String,
    /// Price items that it would have, where their prices are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// One threshold of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// The threshold's name in the scenario.
    pub name: String,
    /// The variant.
    pub variant: String,
    /// The workload whose metric it is; `None` for the whole variant's.
    pub workload: Option<String>,
    /// Identifier of the metric.
    pub metric: String,
    /// `<`, `<=`, `>` or `>=`: how the value must stand to the limit.
    pub comparison: String,
    /// The limit.
    pub limit: f64,
    /// Mean of the metric.
    pub mean: Option<f64>,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Unit of all four.
    pub unit: String,
    /// Whether it was crossed.
    pub verdict: ThresholdVerdict,
}

/// How a value stands to its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdVerdict {
    /// The whole 95 % interval is on the right side.
    Met,
    /// The mean is on the right side, but there is no interval, or it reaches across.
    MetNotShown,
    /// The mean is on the wrong side.
    Crossed,
    /// There is no value.
    NoData,
}

impl ThresholdVerdict {
    /// As written in results.
    pub fn name(self) -> &'static str {
        match self {
            ThresholdVerdict::Met => "met",
            ThresholdVerdict::MetNotShown => "met-not-shown",
            ThresholdVerdict::Crossed => "crossed",
            ThresholdVerdict::NoData => "no-data",
        }
    }

    /// Whether it fails a run: crossed, or without data.
    pub fn fails(self) -> bool {
        matches!(self, ThresholdVerdict::Crossed | ThresholdVerdict::NoData)
    }
}

/// What was asked of a metric's interval (`--precision`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionResult {
    /// Identifier of the metric.
    pub metric: String,
    /// Half-width of the 95 % interval asked for, as a share of the mean.
    pub wanted: f64,
    /// The widest of the variants' half-widths, as a share of the mean; `None` without data.
    pub found: Option<f64>,
    /// Whether every variant's is at most what was asked for.
    pub reached: bool,
}

/// Which scenario it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// File stem, or `stdin`.
    pub name: String,
    /// SHA-256 of the file's text, in hexadecimal.
    pub text_sha256: String,
    /// The scenario after `--set`, with every default filled in, by variant; shorter where it has many things of
    /// a kind.
    pub resolved: ResolvedScenario,
}

/// Replications that metrics have values of.
pub fn replications(of: &Metrics) -> usize {
    of.values().map(|e| e.values.len()).max().unwrap_or(0)
}

/// Results of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantResults {
    /// The variant's name.
    pub name: String,
    /// Equal for variants that saw the same arrivals.
    pub arrivals_id: String,
    /// Metrics of the whole variant.
    pub metrics: Metrics,
    /// Why some of them have no data, by identifier.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub without_data: IndexMap<String, String>,
    /// By `account/region/quota-code[/store]`.
    pub by_quota: IndexMap<String, QuotaResults>,
    /// S3's request rates, by `account/region/s3-reads/bucket[/workload]` and `…/s3-writes/…`; of those that
    /// are limited.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub by_s3_request_rate: IndexMap<String, QuotaResults>,
    /// By workload.
    pub by_workload: IndexMap<String, Metrics>,
    /// By bucket.
    pub by_bucket: IndexMap<String, Metrics>,
    /// By KMS key.
    pub by_key: IndexMap<String, Metrics>,
    /// By group of the scenario, where it has any: what any of its things has to do with, each request and call once.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub by_group: IndexMap<String, Metrics>,
    /// By requester.
    pub by_requester: IndexMap<String, Metrics>,
    /// By what the requester asked: S3 operations (`GetObject`), and KMS operations that applications call themselves.
    pub by_operation: IndexMap<String, Metrics>,
    /// KMS calls by KMS operation (`Decrypt`), whoever makes them, with the requests that need one.
    #[serde(default)]
    pub by_kms_operation: IndexMap<String, Metrics>,
    /// Of denied requests, by the statement that denies them (`policy.json/Sid`) or the permission that is missing.
    #[serde(default)]
    pub by_statement: IndexMap<String, Metrics>,
    /// The rows that stand for all other things of a breakdown, by the breakdown's name (`by_bucket`); of those of which
    /// the results keep the largest rows only.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub others: IndexMap<String, OthersResults>,
    /// By trail of CloudTrail, where the scenario declares trails; those of an account that does not are `account.NAME`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub by_trail: IndexMap<String, TrailResults>,
    /// The bill of the measured time, line by line; means over replications.
    pub bill: Vec<BillLine>,
    /// Time series and the distribution of the added delay.
    pub series: Series,
    /// The seconds that decide, one by one: by quota, and by S3's request rate where that is limited.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub decisive_seconds: IndexMap<String, Vec<DecisiveReplication>>,
}

/// All things of a breakdown that have no row of their own, as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OthersResults {
    /// How many they are.
    pub things: usize,
    /// The name of the breakdown's row that is all of them; no thing has this name. `None` where it has no such row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Their metrics where it has none: sums of what is counted, ratios of these, and extremes.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The name of S3's request rates among [`VariantResults::others`].
pub const BY_S3_REQUEST_RATE: &str = "by_s3_request_rate";

impl VariantResults {
    /// Its breakdowns into things of one kind, by the names of their fields.
    pub fn breakdowns(&self) -> [(&'static str, &IndexMap<String, Metrics>); 8] {
        [
            ("by_group", &self.by_group),
            ("by_workload", &self.by_workload),
            ("by_bucket", &self.by_bucket),
            ("by_key", &self.by_key),
            ("by_requester", &self.by_requester),
            ("by_operation", &self.by_operation),
            ("by_kms_operation", &self.by_kms_operation),
            ("by_statement", &self.by_statement),
        ]
    }

    /// The same, to be changed.
    pub fn breakdowns_mut(&mut self) -> [(&'static str, &mut IndexMap<String, Metrics>); 8] {
        [
            ("by_group", &mut self.by_group),
            ("by_workload", &mut self.by_workload),
            ("by_bucket", &mut self.by_bucket),
            ("by_key", &mut self.by_key),
            ("by_requester", &mut self.by_requester),
            ("by_operation", &mut self.by_operation),
            ("by_kms_operation", &mut self.by_kms_operation),
            ("by_statement", &mut self.by_statement),
        ]
    }

    /// The quota that is nearest to being hit, or furthest beyond it.
    pub fn tightest_quota(&self) -> Option<(&String, &QuotaResults)> {
        let headroom = |q: &QuotaResults| q.metrics.get("quota_headroom").and_then(|e| e.mean);
        self.by_quota
            .iter()
            .filter_map(|(name, q)| Some((name, q, headroom(q)?)))
            .min_by(|a, b| a.2.total_cmp(&b.2))
            .map(|(name, q, _)| (name, q))
    }
}

/// One replication's seconds around the ten busiest of a quota and around every throttled one, sixty on each side;
/// at most 7,200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisiveReplication {
    /// Which replication, counted from 1: the first, and the one with the busiest second.
    pub replication: u32,
    /// Whether the busiest second of all replications is in it.
    pub has_busiest_second: bool,
    /// Start of its busiest second after the warm-up \[s\]; `None` without attempts.
    pub busiest_second_at_s: Option<u64>,
    /// Throttled seconds that are not among these, because there were more than 7,200.
    pub seconds_throttled_left_out: u64,
    /// The seconds, in order of time.
    pub stretches: Vec<DecisiveStretch>,
}

/// Seconds one after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisiveStretch {
    /// Start of the first \[s\].
    pub from_s: u64,
    /// How many.
    pub seconds: usize,
    /// The quota in force \[1/s\]: from which second on, and how much.
    pub quota_per_s: Vec<(u64, f64)>,
    /// By workload, the largest first, at most 20; all others are `others`.
    pub by_workload: IndexMap<String, WorkloadSecondCounts>,
}

/// What a workload offered to a quota in each of some seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSecondCounts {
    /// Attempts.
    pub attempts: Vec<u64>,
    /// Of them throttled; empty where none is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled: Vec<u64>,
}

/// Metrics of one request quota, or of one request rate of S3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuotaResults {
    /// Quota per second in force at the end of the warm-up.
    pub quota: f64,
    /// Seconds with at least one throttled attempt, mean over replications.
    pub seconds_throttled: f64,
    /// Start of the first second with a throttled attempt over all replications \[s\], `None` without one.
    #[serde(default)]
    pub first_throttled_at_s: Option<u64>,
    /// Start of the busiest second after the warm-up over all replications \[s\], `None` without attempts.
    pub busiest_second_at_s: Option<u64>,
    /// Attempts in that second.
    #[serde(default)]
    pub busiest_second_attempts: Option<u64>,
    /// The metrics with scope quota, or request rate.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// What a trail delivered and costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrailResults {
    /// The account whose events it delivers.
    pub account: String,
    /// Copies that are charged: those of management events beyond an event's first, and all of data events; mean over
    /// replications.
    pub events_billed: f64,
    /// KMS events and data events delivered, and what they cost.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// One line of the bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BillLine {
    /// What is charged: `kms-requests`, `kms-requests-free-tier`, `kms-keys`, `s3-tier1`, …
    pub item: String,
    /// Account that pays.
    pub account: String,
    /// Region.
    pub region: String,
    /// Mean quantity.
    pub quantity: f64,
    /// Unit of the quantity.
    pub unit: String,
    /// Price of one unit.
    pub unit_price_usd: f64,
    /// Mean amount.
    pub amount_usd: f64,
    /// One amount a replication, in order; 0 where one lacks the line.
    #[serde(default)]
    pub values_usd: Vec<f64>,
}

/// Time series of every quota, on a common time axis of at most 2,000 bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Width of a bin \[s\].
    pub bin_s: u64,
    /// Start of each bin \[s\].
    pub t_s: Vec<u64>,
    /// Distribution of the added delay.
    pub added_delay: DelayHistogram,
    /// By `account/region/quota-code[/store]`.
    #[serde(flatten)]
    pub quotas: IndexMap<String, QuotaSeries>,
}

/// Series of one quota.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuotaSeries {
    /// Attempts per second.
    pub kms_attempts_per_s: BinSeries,
    /// Throttled attempts per second.
    pub kms_throttled_per_s: BinSeries,
    /// The quota in force in each bin (its smallest value there) \[1/s\].
    pub quota_per_s: Vec<f64>,
    /// What a one-minute CloudWatch sum ÷ 60 shows \[1/s\]: the minute that holds the bin, or the
    /// busiest minute inside a bin longer than that; mean over replications.
    pub cloudwatch_per_s: Vec<f64>,
}

/// One value a bin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BinSeries {
    /// Mean over the bin's seconds and over replications.
    pub mean: Vec<f64>,
    /// The busiest second inside the bin over all replications.
    pub max: Vec<f64>,
    /// Lower end of the 95 % interval of the mean; `None` with one replication.
    pub ci_low: Vec<Option<f64>>,
    /// Upper end.
    pub ci_high: Vec<Option<f64>>,
}

/// Distribution of the added delay over all requests with a need that ended well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DelayHistogram {
    /// Lower bound of each non-empty bucket \[s\], ascending; the first is 0 where any request was not delayed.
    pub lower_s: Vec<f64>,
    /// Upper bound of each bucket \[s\]; buckets are at most 1 % wide.
    pub upper_s: Vec<f64>,
    /// Mean count per replication.
    pub count: Vec<f64>,
}

/// A variant against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The baseline's name.
    pub baseline: String,
    /// The other's name.
    pub variant: String,
    /// Whether both saw the same arrivals, so that differences are paired by replication.
    pub paired: bool,
    /// Why they could not be paired; `None` where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpaired_because: Option<String>,
    /// What is set differently, the largest change first; only where two files are compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingDifference>,
    /// Differences (variant − baseline) by metric.
    pub metrics: IndexMap<String, Difference>,
    /// By workload that either has, then by metric.
    #[serde(default)]
    pub by_workload: IndexMap<String, IndexMap<String, Difference>>,
    /// Of all other workloads together, where the results of either have rows of the largest only.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub other_workloads: IndexMap<String, Difference>,
    /// Amounts of the bill, by `item account/region`.
    #[serde(default)]
    pub bill: IndexMap<String, Difference>,
}

/// A setting that two scenarios do not share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingDifference {
    /// Path of the key.
    pub path: String,
    /// The baseline's value, `None` where it has none.
    pub baseline: Option<String>,
    /// The variant's.
    pub variant: Option<String>,
    /// The variant's over the baseline's, where both are quantities of one kind above zero.
    pub factor: Option<f64>,
}

/// One metric's difference, variant − baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean of the baseline.
    pub baseline: Option<f64>,
    /// Mean of the variant.
    pub variant: Option<f64>,
    /// Mean difference.
    pub mean: Option<f64>,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Unit.
    pub unit: String,
    /// The difference in words.
    pub verdict: Verdict,
}

/// A difference in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval lies on the better side.
    Better,
    /// The interval lies on the worse side.
    Worse,
    /// The interval lies on one side, of a metric of which neither side is better.
    Different,
    /// Every replication gave the same value.
    Same,
    /// The interval lies on the better side, but the variant loses more of its work: fewer calls and dollars for less
    /// work are no gain.
    WorkLost,
    /// The interval holds zero.
    NoDifferenceShown,
    /// The interval does not exclude that the difference is at most what was set as noise.
    WithinNoise,
    /// A value is missing on either side, or there are too few replications.
    NoData,
}

/// What the machine did, apart from the results: `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of kmsim.
    pub kmsim_version: String,
    /// When the run ended, RFC 3339.
    pub date: String,
    /// Host name, empty where unknown.
    pub host: String,
    /// Worker threads.
    pub threads: usize,
    /// Whether `--simulate-all` was given.
    pub simulate_all: bool,
    /// Whole process until the results were ready \[s\].
    pub wall_s: f64,
    /// One entry a variant.
    pub variants: Vec<VariantManifest>,
}

/// Engine figures of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantManifest {
    /// The variant's name.
    pub name: String,
    /// Time in the engine, summed over replications, without parsing and output \[s\].
    pub engine_s: f64,
    /// Simulated seconds that were counted, not simulated, summed over replications and components.
    pub seconds_counted: u64,
    /// Attempts simulated one by one, summed over replications.
    pub attempts_expanded: u64,
}
