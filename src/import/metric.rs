//! CloudWatch: what `get-metric-data` and `get-metric-statistics` print, the console's CSV, metric streams, and plain
//! `timestamp,value`.
//!
//! A sample is a sum over its period. No file states the period: it is the least time between two samples. Equal samples of
//! one metric in several files are one. Only metrics that count are arrivals: CPU, bytes and errors are refused by name.

use super::evidence::fact::{Fact, MetricFact};
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::series::{CountedAs, LoadOrigin, RecordKind, SeriesKey, Via};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::time;
use super::window::Window;
use serde_json::Value;
use std::collections::BTreeMap;

/// Samples that are held of a file.
const MOST: usize = 4_000_000;

/// What a metric is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct MetricName {
    name: String,
    account: String,
    region: String,
    resource: String,
    bucket: String,
}

/// The samples of a file, by metric.
#[derive(Default)]
struct Samples {
    metrics: BTreeMap<MetricName, Vec<(i64, f64)>>,
    held: usize,
    partial: bool,
}

/// Whether it is `get-metric-data`'s output.
pub fn is_data(head: &Head) -> bool {
    head.has_any(&["MetricDataResults"])
}

/// Whether it is `get-metric-statistics`' output.
pub fn is_statistics(head: &Head) -> bool {
    head.has_any(&["Datapoints"])
}

/// Whether it is a metric stream in JSON.
pub fn is_stream(head: &Head) -> bool {
    head.has_all(&["metric_stream_name"]) || head.has_all(&["metric_name", "namespace"])
}

/// Whether it is a CSV file of the console.
pub fn is_console(head: &Head) -> bool {
    let line = head.first_line();
    line.starts_with(b"Label,") || line.starts_with(b"\"Label\",")
}

/// Whether it is a table of times and values.
pub fn is_values(head: &Head) -> bool {
    let line = String::from_utf8_lossy(head.first_line()).to_ascii_lowercase();
    let names: Vec<&str> = line
        .split(',')
        .map(|n| n.trim().trim_matches('"'))
        .collect();
    matches!(names[..], ["timestamp" | "time" | "date" | "t", _])
}

/// Reads `get-metric-data`'s output.
pub fn data(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut samples = Samples::default();
    let end = lines::documents(window, findings, |page, findings| {
        samples.partial |= page["NextToken"].as_str().is_some_and(|t| !t.is_empty());
        for result in page["MetricDataResults"].as_array().into_iter().flatten() {
            samples.partial |= result["StatusCode"] == "PartialData";
            let name = result["Label"].as_str().unwrap_or_default();
            let name = if name.is_empty() {
                result["Id"].as_str().unwrap_or_default()
            } else {
                name
            };
            let metric = MetricName {
                name: name.to_owned(),
                ..MetricName::default()
            };
            let times = result["Timestamps"].as_array().into_iter().flatten();
            let values = result["Values"].as_array().into_iter().flatten();
            for (time, value) in times.zip(values) {
                samples.add(&metric, of_json(time), value.as_f64(), findings);
            }
        }
    });
    samples.hand_in(findings);
    end
}

/// Reads `get-metric-statistics`' output.
pub fn statistics(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut samples = Samples::default();
    let end = lines::documents(window, findings, |page, findings| {
        let metric = MetricName {
            name: page["Label"].as_str().unwrap_or_default().to_owned(),
            ..MetricName::default()
        };
        for point in page["Datapoints"].as_array().into_iter().flatten() {
            samples.add(
                &metric,
                of_json(&point["Timestamp"]),
                point["Sum"].as_f64(),
                findings,
            );
        }
    });
    samples.hand_in(findings);
    end
}

/// Reads a metric stream.
pub fn stream(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut samples = Samples::default();
    let end = lines::each(window, findings, |line, at, findings| {
        if line.trim_ascii().is_empty() {
            return;
        }
        let Ok(point) = serde_json::from_slice::<Value>(line) else {
            findings.seen += 1;
            return findings.skip(SkipReason::Malformed, || format!("byte {at}"));
        };
        let text = |key: &str| point[key].as_str().unwrap_or_default().to_owned();
        let dimension = |key: &str| {
            point["dimensions"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let namespace = text("namespace");
        let of_kms = namespace == "AWS/Usage" && dimension("Service") == "KMS";
        if !of_kms && namespace != "AWS/S3" {
            findings.seen += 1;
            return findings.skip(SkipReason::NotARecord, || format!("byte {at}"));
        }
        let metric = MetricName {
            name: text("metric_name"),
            account: text("account_id"),
            region: text("region"),
            resource: dimension("Resource"),
            bucket: dimension("BucketName"),
        };
        let time = point["timestamp"].as_i64().map(|ms| ms.div_euclid(1000));
        samples.add(&metric, time, point["value"]["sum"].as_f64(), findings);
    });
    samples.hand_in(findings);
    end
}

/// Reads a CSV file of the console, or a table of times and values.
pub fn csv(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut samples = Samples::default();
    let mut names: Vec<String> = Vec::new();
    let file = findings.hints.file.clone();
    let end = lines::each(window, findings, |line, at, findings| {
        let text = String::from_utf8_lossy(line);
        let cells: Vec<&str> = text
            .split(',')
            .map(|c| c.trim().trim_matches('"'))
            .collect();
        if cells.iter().all(|c| c.is_empty()) {
            return;
        }
        let time = time::of_table(cells[0]);
        if time.is_none() && samples.held == 0 {
            // The first heading row with names; `id` is another.
            if names.is_empty() {
                names = cells.iter().map(|c| (*c).to_owned()).collect();
            }
            return;
        }
        for (i, cell) in cells.iter().enumerate().skip(1) {
            let name = match names.get(i).map(String::as_str) {
                Some("value" | "Value" | "sum" | "Sum" | "count" | "") | None => file.clone(),
                Some(name) => name.to_owned(),
            };
            let metric = MetricName {
                name,
                ..MetricName::default()
            };
            if cell.is_empty() {
                findings.seen += 1;
                findings.skip(SkipReason::NoValue, || format!("byte {at}"));
                continue;
            }
            samples.add(&metric, time, cell.parse().ok(), findings);
        }
    });
    samples.hand_in(findings);
    end
}

/// A time that is a text, or seconds since 1970 as older versions of the CLI print it.
fn of_json(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time::of_table(text),
        Value::Number(number) => number.as_f64().map(|s| s.floor() as i64),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Samples {
    fn add(
        &mut self,
        metric: &MetricName,
        time: Option<i64>,
        value: Option<f64>,
        findings: &mut Findings<'_>,
    ) {
        findings.seen += 1;
        let place = || format!("sample {}", self.held);
        let Some(time) = time else {
            return findings.skip(SkipReason::NoTime, place);
        };
        let Some(value) = value else {
            return findings.skip(SkipReason::NoValue, place);
        };
        if self.held >= MOST {
            return findings.skip(SkipReason::TooLarge, place);
        }
        self.held += 1;
        match self.metrics.get_mut(metric) {
            Some(samples) => samples.push((time, value)),
            None => {
                self.metrics.insert(metric.clone(), vec![(time, value)]);
            }
        }
    }

    /// Hands all samples in, now that their period is known.
    fn hand_in(self, findings: &mut Findings<'_>) {
        for (metric, mut samples) in self.metrics {
            samples.sort_by_key(|s| s.0);
            let gaps = samples.windows(2).map(|w| w[1].0 - w[0].0);
            let period = gaps.filter(|g| *g > 0).min().unwrap_or(60);
            let wanted = findings.hints.metric.as_deref();
            let Some(series) = series(&metric, period, wanted) else {
                let n = samples.len();
                for _ in 0..n {
                    findings.skip(SkipReason::NotACount, || "its first sample".to_owned());
                }
                findings.fact(Fact::Note(
                    "a metric does not count requests (name one that does with --metric)"
                        .to_owned(),
                ));
                continue;
            };
            findings.fact(Fact::Metric(MetricFact {
                name: metric.name.clone(),
                period_s: period as u64,
                partial: self.partial,
            }));
            let key = format!("{series:?}");
            let same = format!("{:?} {} {}", series.origin, series.spec, metric.bucket);
            let kind = findings.kind(key.as_bytes(), || RecordKind {
                tally: CountedAs::Sample,
                series: Some(series),
            });
            for (at, value) in samples {
                if value < 0.0 || value.fract() != 0.0 || value > 1e15 {
                    findings.skip(SkipReason::NotACount, || "a sample".to_owned());
                    continue;
                }
                findings.item(Item {
                    at,
                    n: value as u64,
                    id: fingerprint(format!("{same} {at} {value}").as_bytes()),
                    shared: 0,
                    session: 0,
                    kind,
                });
            }
        }
    }
}

/// What a metric counts; `None`: no requests. `wanted`: the user says that this one does.
fn series(metric: &MetricName, period: i64, wanted: Option<&str>) -> Option<SeriesKey> {
    let name = metric.name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| name.contains(w));
    let asked = wanted.is_some_and(|w| w.eq_ignore_ascii_case(&metric.name));
    if !metric.bucket.is_empty() {
        let operation = match metric.name.as_str() {
            "GetRequests" => "GetObject",
            "PutRequests" => "PutObject",
            "HeadRequests" => "HeadObject",
            "ListRequests" => "ListObjects",
            "DeleteRequests" => "DeleteObject",
            _ => return None,
        };
        return Some(SeriesKey {
            account: metric.account.clone(),
            region: metric.region.clone(),
            bucket: metric.bucket.clone(),
            operation: operation.to_owned(),
            period: u32::try_from(period).ok()?,
            ..SeriesKey::of(LoadOrigin::RequestCount)
        });
    }
    let counts = says(&["count", "request", "call", "cryptographicoperations"]);
    let no_arrival = says(&[
        "error", "5xx", "4xx", "throttle", "byte", "cpu", "util", "latency", "duration", "percent",
    ]);
    if !asked && (!counts || no_arrival) {
        return None;
    }
    let resource = if metric.resource.is_empty() {
        &metric.name
    } else {
        &metric.resource
    };
    let (operation, spec) = match resource.as_str() {
        r if r.contains("CryptographicOperationsRsa") => ("Sign", "RSA_2048"),
        r if r.contains("CryptographicOperationsEcc") => ("Sign", "ECC_NIST_P256"),
        r if r.parse::<crate::catalog::KmsOperation>().is_ok() => (r, ""),
        _ => ("Decrypt", "SYMMETRIC_DEFAULT"),
    };
    let is_usage = metric.name.contains("CallCount")
        || !metric.resource.is_empty()
        || name.contains("cryptographic");
    Some(SeriesKey {
        account: metric.account.clone(),
        region: metric.region.clone(),
        operation: operation.to_owned(),
        spec: spec.to_owned(),
        via: Via::Unknown,
        period: u32::try_from(period).ok()?,
        ..SeriesKey::of(if is_usage {
            LoadOrigin::CallCount
        } else {
            LoadOrigin::Table
        })
    })
}
