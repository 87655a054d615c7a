//! CloudWatch: what `get-metric-data` and `get-metric-statistics` print, the console's CSV, metric streams, and plain
//! `timestamp,value`.
//!
//! A sample is a sum over its period. No file states the period: it is the least time between two samples. Equal samples of
//! one metric in several files are one. Only metrics that count are arrivals: CPU, bytes and errors are refused by name.

use super::evidence::fact::{Fact, MetricFact};
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::series::{CountedAs, LoadOrigin, RecordKind, SeriesKey, Via, word};
use super::evidence::skip::{SkipReason, is_count};
use super::head::Head;
use super::lines;
use super::rows::{CellRow, CellRows};
use super::time;
use super::window::Window;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

/// Samples that are held before they are handed in.
const HELD: usize = 1_000_000;
/// The longest period that a sum is of \[s\]; samples further apart do not say how long theirs is.
pub const LONGEST_PERIOD: i64 = 31 * 86_400;
/// What is said of times that are not read: whether `03/02/2026` is in March or in February nobody knows.
const ODD_TIMES: &str =
    "rows of a metric have times that are not read: write them as 2026-03-02 03:05:00, in UTC";
/// Rows above the first sample of a CSV file.
const HEADINGS: usize = 8;

/// What a metric is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct MetricName {
    name: String,
    account: String,
    region: String,
    resource: String,
    bucket: String,
    /// How many others of that name the file has before it.
    nth: usize,
}

/// The samples of a file, by metric.
#[derive(Default)]
struct Samples {
    metrics: BTreeMap<MetricName, Vec<(i64, f64)>>,
    /// Least time between two samples so far.
    periods: BTreeMap<MetricName, i64>,
    held: usize,
    /// Samples so far.
    total: usize,
    partial: bool,
    /// IDs of the metrics of each name.
    ids: BTreeMap<String, Vec<String>>,
}

/// A time that is a text, or seconds since 1970 as older versions of the CLI print it.
#[derive(Clone, Copy)]
struct SampleTime(Option<i64>);

/// A number; a text that is one counts too.
#[derive(Clone, Copy, Default)]
struct SampleValue(Option<f64>);

/// A scalar of either kind; others are none.
struct ScalarVisitor;

enum Scalar {
    Text(String),
    Number(f64),
    None,
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n as f64))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n as f64))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::None)
    }
}

impl<'de> Deserialize<'de> for SampleTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SampleTime, D::Error> {
        Ok(SampleTime(match from.deserialize_any(ScalarVisitor)? {
            Scalar::Text(text) => time::of_table(&text),
            Scalar::Number(n) => Some(n.floor() as i64),
            Scalar::None => None,
        }))
    }
}

impl<'de> Deserialize<'de> for SampleValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SampleValue, D::Error> {
        Ok(SampleValue(match from.deserialize_any(ScalarVisitor)? {
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Number(n) => Some(n),
            Scalar::None => None,
        }))
    }
}

/// A page of `get-metric-data`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataPage {
    #[serde(default)]
    metric_data_results: Option<Vec<DataResult>>,
    #[serde(default)]
    next_token: Option<String>,
}

/// One metric of a page.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataResult {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    status_code: Option<String>,
    #[serde(default)]
    timestamps: Option<Vec<SampleTime>>,
    #[serde(default)]
    values: Option<Vec<SampleValue>>,
}

/// A page of `get-metric-statistics`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticsPage {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    datapoints: Option<Vec<DataPoint>>,
}

/// One of its samples.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataPoint {
    #[serde(default)]
    timestamp: Option<SampleTime>,
    #[serde(default)]
    sum: Option<SampleValue>,
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
    let end = lines::documents(window, findings, |page: DataPage, findings| {
        samples.partial |= page.next_token.is_some_and(|t| !t.is_empty());
        for result in page.metric_data_results.into_iter().flatten() {
            samples.partial |= result.status_code.as_deref() == Some("PartialData");
            let id = result.id.unwrap_or_default();
            let name = result
                .label
                .filter(|l| !l.is_empty())
                .unwrap_or_else(|| id.clone());
            // Pages go on with a metric; two of one name are two.
            let ids = samples.ids.entry(name.clone()).or_default();
            let nth = ids
                .iter()
                .position(|known| *known == id)
                .unwrap_or_else(|| {
                    ids.push(id);
                    ids.len() - 1
                });
            let metric = MetricName {
                name,
                nth,
                ..MetricName::default()
            };
            let times = result.timestamps.unwrap_or_default();
            let values = result.values.unwrap_or_default();
            // Times without values and values without times are counted too.
            for i in 0..times.len().max(values.len()) {
                let time = times.get(i).and_then(|t| t.0);
                let value = values.get(i).and_then(|v| v.0);
                samples.add(&metric, time, value, findings);
            }
        }
    });
    samples.hand_in(findings);
    end
}

/// Reads `get-metric-statistics`' output.
pub fn statistics(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut samples = Samples::default();
    let end = lines::documents(window, findings, |page: StatisticsPage, findings| {
        let metric = MetricName {
            name: page.label.unwrap_or_default(),
            ..MetricName::default()
        };
        let points = page.datapoints.unwrap_or_default();
        if !points.is_empty() && points.iter().all(|p| p.sum.is_none()) {
            findings.fact(Fact::Note(
                "a metric's statistic is not Sum: its samples do not count requests".to_owned(),
            ));
        }
        for point in points {
            let time = point.timestamp.and_then(|t| t.0);
            samples.add(&metric, time, point.sum.and_then(|v| v.0), findings);
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
            nth: 0,
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
    let mut metrics: Vec<MetricName> = Vec::new();
    let file = findings.hints.file.clone();
    let mut rows = CellRows::of(window);
    let mut row = CellRow::default();
    let (mut headings, mut told) = (0, false);
    let end = loop {
        let at = match rows.next(&mut row, findings) {
            Ok(at) => at,
            Err(end) => break end,
        };
        let Some(time) = time::of_table(row.cell(Some(0))) else {
            findings.seen += 1;
            if samples.total == 0 && headings < HEADINGS && is_heading(&row) {
                // The first heading row has the names; `id` is another.
                if headings == 0 {
                    metrics = named(&row, &file);
                }
                headings += 1;
                findings.settings += 1;
            } else {
                findings.skip(SkipReason::NoTime, || format!("byte {at}"));
                if !told {
                    findings.fact(Fact::Note(ODD_TIMES.to_owned()));
                    told = true;
                }
            }
            continue;
        };
        if row.len() < 2 {
            findings.seen += 1;
            findings.skip(SkipReason::NoValue, || format!("byte {at}"));
        }
        while metrics.len() < row.len() {
            let nth = metrics.len().saturating_sub(1);
            metrics.push(MetricName {
                name: file.clone(),
                nth,
                ..MetricName::default()
            });
        }
        for (cell, metric) in row.iter().zip(&metrics).skip(1) {
            samples.add(metric, Some(time), cell.trim().parse().ok(), findings);
        }
    };
    samples.hand_in(findings);
    end
}

/// Whether a row stands above the samples: what is no time has no digits, while a time in a country's own order has.
fn is_heading(row: &CellRow) -> bool {
    let first = row.cell(Some(0));
    !first.bytes().any(|b| b.is_ascii_digit())
}

/// The metrics of a heading row's columns.
fn named(row: &CellRow, file: &str) -> Vec<MetricName> {
    let mut all: Vec<MetricName> = Vec::new();
    for cell in row.iter() {
        let name = match cell.trim().trim_matches('"') {
            "value" | "Value" | "sum" | "Sum" | "count" | "" => file,
            name => name,
        };
        let nth = all.iter().skip(1).filter(|m| m.name == name).count();
        all.push(MetricName {
            name: name.to_owned(),
            nth,
            ..MetricName::default()
        });
    }
    all
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
        self.total += 1;
        let place = || format!("sample {} of the file", self.total);
        let Some(time) = time else {
            return findings.skip(SkipReason::NoTime, place);
        };
        let Some(value) = value.filter(|v| v.is_finite()) else {
            return findings.skip(SkipReason::NoValue, place);
        };
        match self.metrics.get_mut(metric) {
            Some(samples) => samples.push((time, value)),
            None => {
                self.metrics.insert(metric.clone(), vec![(time, value)]);
            }
        }
        self.held += 1;
        if self.held >= HELD {
            self.hand_in(findings);
        }
    }

    /// Hands all samples in that are held, now that their period is known.
    fn hand_in(&mut self, findings: &mut Findings<'_>) {
        self.held = 0;
        for (metric, mut samples) in std::mem::take(&mut self.metrics) {
            samples.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let gaps = samples.windows(2).map(|w| w[1].0.saturating_sub(w[0].0));
            let least = gaps.filter(|g| (1..=LONGEST_PERIOD).contains(g)).min();
            let before = self.periods.get(&metric).copied();
            let period = match (least, before) {
                (Some(a), Some(b)) => a.min(b),
                (Some(a), None) => a,
                (None, before) => before.unwrap_or(60),
            };
            let is_new = before.is_none();
            self.periods.insert(metric.clone(), period);
            let wanted = findings.hints.metric.as_deref();
            let Some(series) = series(&metric, period, wanted) else {
                for (at, _) in &samples {
                    findings.skip(SkipReason::NotACount, || {
                        format!("its sample of {}", time::shown(*at))
                    });
                }
                findings.fact(Fact::Note(
                    "a metric does not count requests (name one that does with --metric)"
                        .to_owned(),
                ));
                continue;
            };
            if is_new {
                findings.fact(Fact::Metric(MetricFact {
                    name: metric.name.clone(),
                    period_s: u64::try_from(period).unwrap_or(0),
                    partial: self.partial,
                }));
            }
            if samples.len() >= 10 && samples.iter().all(|s| s.1 == 1.0) {
                findings.fact(Fact::Note(
                    "all samples of a metric are 1, as the Average of CallCount is: the statistic must be Sum".to_owned(),
                ));
            }
            // What tells it from others where a file does not say whose it is.
            let mut anonymous = format!(
                "{:?} {} {} {} {}",
                series.origin, series.operation, series.spec, metric.bucket, metric.nth
            );
            if series.origin == LoadOrigin::Table {
                anonymous.push_str(&metric.name);
            }
            let whose = format!("{anonymous} {} {}", metric.account, metric.region);
            let is_named = !metric.account.is_empty();
            let key = format!("{series:?}");
            let kind = findings.kind(key.as_bytes(), || RecordKind {
                tally: CountedAs::Sample,
                series: Some(series),
            });
            for (at, value) in samples {
                if !is_count(value, period) {
                    findings.skip(SkipReason::NotACount, || {
                        format!("its sample of {}", time::shown(at))
                    });
                    continue;
                }
                let of = |whose: &str| fingerprint(format!("{whose} {at} {value}").as_bytes());
                findings.item(Item {
                    at,
                    n: value as u64,
                    id: if is_named { of(&whose) } else { 0 },
                    shared: of(&anonymous),
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
            region: word(&metric.region).to_owned(),
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
        region: word(&metric.region).to_owned(),
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
