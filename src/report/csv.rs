//! The three CSV files, one struct a row: its fields are the header.
//!
//! A missing value is an empty cell, never 0. Not here: breakdowns by bucket, key, requester and operation, which
//! `results.json`, `metrics.parquet` and `report.html` carry.

use super::error::ReportError;
use super::records::Records;
use serde::Serialize;

use crate::results::RunResults;
use std::io;

/// One metric of one variant, or of one of its workloads.
#[derive(Debug, Serialize)]
pub struct SummaryRow<'a> {
    /// The variant's name.
    pub variant: &'a str,
    /// Identifier of the metric.
    pub metric: &'a str,
    /// Mean over replications.
    pub mean: Option<f64>,
    /// Lower end of the 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Unit of the three.
    pub unit: &'a str,
    /// The workload; `None` for the whole variant.
    pub workload: Option<&'a str>,
}

/// One bin of one quota of one variant.
#[derive(Debug, Serialize)]
pub struct TimeSeriesRow<'a> {
    /// The variant's name.
    pub variant: &'a str,
    /// `account/region/quota-code[/store]`.
    pub quota: &'a str,
    /// Start of the bin \[s\].
    pub t_s: u64,
    /// Attempts per second, mean over the bin's seconds and replications.
    pub kms_attempts_per_s_mean: Option<f64>,
    /// Attempts in the busiest second of the bin.
    pub kms_attempts_per_s_max: Option<f64>,
    /// Lower end of the 95 % interval of the mean.
    pub kms_attempts_per_s_ci_low: Option<f64>,
    /// Upper end.
    pub kms_attempts_per_s_ci_high: Option<f64>,
    /// Throttled attempts per second, mean.
    pub kms_throttled_per_s_mean: Option<f64>,
    /// Throttled attempts in the worst second of the bin.
    pub kms_throttled_per_s_max: Option<f64>,
    /// Quota in force \[1/s\].
    pub quota_per_s: Option<f64>,
    /// What a one-minute CloudWatch sum ÷ 60 shows \[1/s\].
    pub cloudwatch_per_s: Option<f64>,
}

/// One line of one variant's bill.
#[derive(Debug, Serialize)]
pub struct BillRow<'a> {
    /// The variant's name.
    pub variant: &'a str,
    /// What is charged.
    pub item: &'a str,
    /// Account that pays.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// Mean quantity.
    pub quantity: f64,
    /// Unit of the quantity.
    pub unit: &'a str,
    /// Price of one unit \[USD\].
    pub unit_price_usd: f64,
    /// Mean amount \[USD\].
    pub amount_usd: f64,
}

// Headers are written from lists so that a file without rows has one too; a test holds the lists against the structs.
const SUMMARY: &[&str] = &[
    "variant", "metric", "mean", "ci_low", "ci_high", "unit", "workload",
];
const TIME_SERIES: &[&str] = &[
    "variant",
    "quota",
    "t_s",
    "kms_attempts_per_s_mean",
    "kms_attempts_per_s_max",
    "kms_attempts_per_s_ci_low",
    "kms_attempts_per_s_ci_high",
    "kms_throttled_per_s_mean",
    "kms_throttled_per_s_max",
    "quota_per_s",
    "cloudwatch_per_s",
];
const BILL: &[&str] = &[
    "variant",
    "item",
    "account",
    "region",
    "quantity",
    "unit",
    "unit_price_usd",
    "amount_usd",
];

/// Every metric of every variant, then every metric of every workload.
///
/// # Errors
/// Never in practice.
pub(super) fn summary_rows(all: &[RunResults]) -> Result<Records, serde_json::Error> {
    let variants = || all.iter().flat_map(|results| &results.variants);
    let whole = variants().map(|v| (&v.name, None, &v.metrics));
    let workloads = variants().flat_map(|v| {
        let workloads = v.by_workload.iter();
        workloads.map(|(name, metrics)| (&v.name, Some(name), metrics))
    });
    let rows = whole
        .chain(workloads)
        .flat_map(|(variant, workload, metrics)| {
            metrics.iter().map(move |(id, e)| SummaryRow {
                variant,
                metric: id,
                mean: e.mean,
                ci_low: e.ci_low,
                ci_high: e.ci_high,
                unit: &e.unit,
                workload: workload.map(String::as_str),
            })
        });
    Records::of(SUMMARY, rows)
}

/// `summary.csv`: every metric of every variant, then of every workload.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn summary(results: &RunResults) -> Result<String, ReportError> {
    let rows = summary_rows(std::slice::from_ref(results))?;
    Ok(rows.delimited(b',')?)
}

/// `timeseries.csv`: every bin of every quota of every variant.
///
/// # Errors
/// What cannot be written.
pub fn time_series(results: &RunResults, to: &mut dyn io::Write) -> io::Result<()> {
    let rows = results.variants.iter().flat_map(|v| {
        v.series.quotas.iter().flat_map(move |(quota, s)| {
            let (attempts, throttled) = (&s.kms_attempts_per_s, &s.kms_throttled_per_s);
            v.series
                .t_s
                .iter()
                .enumerate()
                .map(move |(i, t)| TimeSeriesRow {
                    variant: &v.name,
                    quota,
                    t_s: *t,
                    kms_attempts_per_s_mean: attempts.mean.get(i).copied(),
                    kms_attempts_per_s_max: attempts.max.get(i).copied(),
                    kms_attempts_per_s_ci_low: attempts.ci_low.get(i).copied().flatten(),
                    kms_attempts_per_s_ci_high: attempts.ci_high.get(i).copied().flatten(),
                    kms_throttled_per_s_mean: throttled.mean.get(i).copied(),
                    kms_throttled_per_s_max: throttled.max.get(i).copied(),
                    quota_per_s: s.quota_per_s.get(i).copied(),
                    cloudwatch_per_s: s.cloudwatch_per_s.get(i).copied(),
                })
        })
    });
    Records::write(TIME_SERIES, rows, to)
}

/// `bill.csv`: every line of every variant's bill.
///
/// # Errors
/// What cannot be written.
pub fn bill(results: &RunResults, to: &mut dyn io::Write) -> io::Result<()> {
    let rows = results.variants.iter().flat_map(|v| {
        v.bill.iter().map(|l| BillRow {
            variant: &v.name,
            item: &l.item,
            account: &l.account,
            region: &l.region,
            quantity: l.quantity,
            unit: &l.unit,
            unit_price_usd: l.unit_price_usd,
            amount_usd: l.amount_usd,
        })
    });
    Records::write(BILL, rows, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn fields<R: Serialize>(row: R) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    #[test]
    fn headers_are_the_fields() {
        let results = fixture::evening_peak();
        let v = &results.variants[0];
        let e = &v.metrics["kms_calls"];
        let row = SummaryRow {
            variant: &v.name,
            metric: "kms_calls",
            mean: e.mean,
            ci_low: None,
            ci_high: None,
            unit: "1",
            workload: None,
        };
        assert_eq!(fields(row), SUMMARY.join(","));
        let row = TimeSeriesRow {
            variant: "",
            quota: "",
            t_s: 0,
            kms_attempts_per_s_mean: None,
            kms_attempts_per_s_max: None,
            kms_attempts_per_s_ci_low: None,
            kms_attempts_per_s_ci_high: None,
            kms_throttled_per_s_mean: None,
            kms_throttled_per_s_max: None,
            quota_per_s: None,
            cloudwatch_per_s: None,
        };
        assert_eq!(fields(row), TIME_SERIES.join(","));
        let l = &v.bill[0];
        let row = BillRow {
            variant: "",
            item: &l.item,
            account: "",
            region: "",
            quantity: 0.0,
            unit: "",
            unit_price_usd: 0.0,
            amount_usd: 0.0,
        };
        assert_eq!(fields(row), BILL.join(","));
    }

    #[test]
    fn missing_is_empty_and_rows_are_complete() {
        let text = summary(&fixture::one_replication()).unwrap();
        let line = text.lines().find(|l| l.contains(",kms_calls,")).unwrap();
        let cells: Vec<_> = line.split(',').collect();
        assert!(cells[2].parse::<f64>().unwrap() > 0.0);
        assert_eq!((cells[3], cells[4], cells[5]), ("", "", "1"));

        let results = fixture::evening_peak();
        let bins: usize = results
            .variants
            .iter()
            .map(|v| v.series.t_s.len() * v.series.quotas.len())
            .sum();
        let mut text = Vec::new();
        time_series(&results, &mut text).unwrap();
        assert_eq!(text.split(|b| *b == b'\n').count(), bins + 2);
        text.clear();
        bill(&fixture::nothing_happened(), &mut text).unwrap();
        assert!(text.starts_with(b"variant,item,"));
    }
}
