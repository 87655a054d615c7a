//! Made-up results for the tests of everything that draws: plausible shapes, not a simulation.

use indexmap::IndexMap;

use crate::metrics::registry::METRICS;
use crate::results::*;

const US_QUOTA: &str = "111122223333/us-east-1/L-6E3AF000";
const EU_QUOTA: &str = "111122223333/eu-central-1/L-6E3AF000";
const STORE_QUOTA: &str = "444455556666/us-east-1/L-C3F7C6B1/key-store-hsm";

struct Shape {
    replications: u32,
    horizon_s: u64,
    warm_up_s: u64,
    drain_s: u64,
    bin_s: u64,
    /// Quota, attempts per second off peak and at the peak.
    quotas: Vec<(&'static str, f64, f64, f64)>,
    /// Name and factor on the attempts.
    variants: Vec<(String, f64)>,
}

fn evening(variants: Vec<(String, f64)>) -> Shape {
    Shape {
        replications: 10,
        horizon_s: 900,
        warm_up_s: 60,
        drain_s: 20,
        bin_s: 1,
        quotas: vec![
            (US_QUOTA, 10_000.0, 3_000.0, 13_000.0),
            (EU_QUOTA, 5_500.0, 300.0, 4_700.0),
            (STORE_QUOTA, 1_800.0, 40.0, 90.0),
        ],
        variants,
    }
}

/// A number in −1..1, the same for the same place.
fn noise(place: u64) -> f64 {
    let x = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn estimate(unit: &str, mean: Option<f64>, spread: f64, replications: u32) -> Estimate {
    let value = |i: u32| mean.map(|m| m + spread * noise(u64::from(i) + m.to_bits()));
    let values: Vec<_> = (0..replications).map(value).collect();
    let mean = mean.map(|_| values.iter().flatten().sum::<f64>() / f64::from(replications));
    let half = (replications > 1).then_some(spread * 0.7);
    Estimate {
        mean,
        ci_low: mean.zip(half).map(|(m, h)| m - h),
        ci_high: mean.zip(half).map(|(m, h)| m + h),
        unit: unit.to_owned(),
        values,
    }
}

fn metrics(shape: &Shape, values: &[(&str, f64)]) -> Metrics {
    let mut out = Metrics::new();
    for m in METRICS {
        if let Some((_, v)) = values.iter().find(|(id, _)| *id == m.id) {
            let exact = m.id == "cloudwatch_alarm_80_percent" || m.id.starts_with("cost_kms_keys");
            let spread = if exact { 0.0 } else { v.abs() * 0.01 };
            out.insert(
                m.id.to_owned(),
                estimate(m.unit, Some(*v), spread, shape.replications),
            );
        }
    }
    out
}

fn series(shape: &Shape, quota: &(&str, f64, f64, f64), factor: f64) -> QuotaSeries {
    let (name, limit, base, peak) = *quota;
    let end = shape.horizon_s + shape.drain_s;
    let n = end.div_ceil(shape.bin_s);
    let rate = |t: f64| {
        let days = (t / 86_400.0).floor() * 86_400.0;
        let (middle, width) = if end > 86_400 {
            (days + 72_000.0, 7_200.0)
        } else {
            (600.0, 70.0)
        };
        let up = (-((t - middle) / width).powi(2)).exp();
        if t >= shape.horizon_s as f64 {
            0.02 * peak
        } else {
            base + (peak - base) * up
        }
    };
    let mut out = QuotaSeries {
        kms_attempts_per_s: BinSeries::default(),
        kms_throttled_per_s: BinSeries::default(),
        quota_per_s: vec![],
        cloudwatch_per_s: vec![],
    };
    for i in 0..n {
        let t = (i * shape.bin_s) as f64;
        let place = i + name.len() as u64 * 1_000_003 + (factor * 1e6) as u64;
        let level = factor * rate(t);
        let mean = (level + level.sqrt() * noise(place)).max(0.0);
        let max = (mean + level.sqrt() * (3.0 + noise(place + 7)))
            .round()
            .max(0.0);
        let throttled = (mean - limit).max(0.0);
        let a = &mut out.kms_attempts_per_s;
        a.mean.push(mean);
        a.max.push(max);
        let half = (shape.replications > 1).then_some(mean * 0.03);
        a.ci_low.push(half.map(|h| mean - h));
        a.ci_high.push(half.map(|h| mean + h));
        let s = &mut out.kms_throttled_per_s;
        s.mean.push(throttled);
        s.max.push((max - limit).max(0.0));
        s.ci_low.push(half.map(|_| throttled * 0.97));
        s.ci_high.push(half.map(|_| throttled * 1.03));
        out.quota_per_s.push(limit);
        let minute = (t / 60.0).floor() * 60.0;
        let sum: f64 = (0..60).map(|k| factor * rate(minute + f64::from(k))).sum();
        out.cloudwatch_per_s.push(sum / 60.0);
    }
    out
}

fn delays(rate: f64, calls: f64) -> DelayHistogram {
    if calls == 0.0 {
        return DelayHistogram::default();
    }
    let mut h = DelayHistogram {
        lower_s: vec![0.0],
        upper_s: vec![0.0],
        count: vec![calls * (1.0 - rate)],
    };
    let mut x = 0.004;
    while rate > 0.0 && x < 20.0 * rate.sqrt() {
        h.lower_s.push(x);
        h.upper_s.push(x * 1.01);
        h.count
            .push(calls * rate * 0.004 * (-x / (2.0 * rate)).exp());
        x *= 1.01;
    }
    h
}

fn variant(shape: &Shape, place: usize) -> VariantResults {
    let (name, factor) = &shape.variants[place];
    let seconds = shape.horizon_s as f64;
    let mut quotas = IndexMap::new();
    let mut by_quota = IndexMap::new();
    let (mut attempts, mut throttled, mut headroom) = (0.0, 0.0, 1.0f64);
    for quota in &shape.quotas {
        let s = series(shape, quota, *factor);
        let bin = shape.bin_s as f64;
        let a: f64 = s.kms_attempts_per_s.mean.iter().sum::<f64>() * bin;
        let t: f64 = s.kms_throttled_per_s.mean.iter().sum::<f64>() * bin;
        let max = s.kms_attempts_per_s.max.iter().copied().fold(0.0, f64::max);
        let at = s
            .kms_attempts_per_s
            .max
            .iter()
            .position(|m| *m == max && max > 0.0);
        let minute = s.cloudwatch_per_s.iter().copied().fold(0.0, f64::max);
        let rate = if a > 0.0 { t / a } else { 0.0 };
        let free = 1.0 - max / quota.1;
        let mut m = metrics(
            shape,
            &[
                ("kms_attempts", a),
                ("kms_admitted", a - t),
                ("kms_throttled", t),
                ("throttle_rate", rate),
                ("kms_attempts_per_s_max", max),
                ("quota_headroom", free),
                (
                    "seconds_throttled_count",
                    s.kms_throttled_per_s
                        .mean
                        .iter()
                        .filter(|t| **t > 0.0)
                        .count() as f64,
                ),
                ("cloudwatch_attempts_per_s_max", minute),
                (
                    "cloudwatch_alarm_80_percent",
                    f64::from(u8::from(minute > 0.8 * quota.1)),
                ),
            ],
        );
        if a == 0.0 {
            m["throttle_rate"] = estimate("1", None, 0.0, shape.replications);
        }
        by_quota.insert(
            quota.0.to_owned(),
            QuotaResults {
                quota: quota.1,
                seconds_throttled: if t > 0.0 { 112.4 } else { 0.0 },
                busiest_second_at_s: at.map(|i| i as u64 * shape.bin_s),
                metrics: m,
            },
        );
        quotas.insert(quota.0.to_owned(), s);
        attempts += a;
        throttled += t;
        headroom = headroom.min(free);
    }
    let rate = if attempts > 0.0 {
        throttled / attempts
    } else {
        0.0
    };
    let max = by_quota
        .values()
        .map(|q| q.metrics["kms_attempts_per_s_max"].mean.unwrap_or(0.0));
    let admitted = attempts - throttled;
    let calls = attempts - throttled * 0.9;
    let bill = bill(admitted, seconds, throttled, place);
    let total: f64 = bill.iter().map(|l| l.amount_usd).sum();
    let of = |item: &str| {
        bill.iter()
            .filter(|l| l.item.starts_with(item))
            .map(|l| l.amount_usd)
            .sum::<f64>()
    };
    let mut m = metrics(
        shape,
        &[
            ("s3_requests", calls),
            ("s3_requests_succeeded", calls - throttled * 0.01),
            ("s3_requests_denied", 0.0),
            ("s3_requests_failed", throttled * 0.01),
            ("app_requests", 0.0),
            ("app_requests_failed", 0.0),
            ("kms_needs", calls),
            ("kms_needs_met_by_bucket_key", 0.0),
            ("kms_needs_met_by_data_key_cache", 0.0),
            ("kms_calls", calls),
            ("kms_attempts", attempts),
            ("kms_admitted", admitted),
            ("kms_throttled", throttled),
            ("kms_retries", attempts - calls),
            ("throttle_rate", rate),
            ("kms_attempts_per_s_max", max.fold(0.0, f64::max)),
            ("quota_headroom", headroom),
            (
                "seconds_throttled_count",
                if throttled > 0.0 { 112.0 } else { 0.0 },
            ),
            ("cloudwatch_attempts_per_s_max", 9_000.0 * factor),
            (
                "cloudwatch_alarm_80_percent",
                f64::from(u8::from(*factor > 0.7)),
            ),
            ("added_delay_s_p50", 0.0),
            ("added_delay_s_p99", rate * 8.0),
            ("added_delay_s_max", 20.0 * rate.sqrt()),
            ("latency_s_p50", 0.02),
            ("latency_s_p90", 0.04),
            ("latency_s_p99", 0.04 + rate * 8.0),
            ("cloudtrail_kms_events", admitted),
            ("cost_kms_requests_usd", of("kms-requests")),
            ("cost_kms_keys_usd", of("kms-keys")),
            ("cost_s3_requests_usd", of("s3")),
            ("cost_cloudtrail_usd", of("cloudtrail")),
            ("cost_logs_usd", 0.0),
            ("cost_total_usd", total),
            ("cost_total_usd_per_month", total * 2_592_000.0 / seconds),
        ],
    );
    let job = estimate("s", None, 0.0, shape.replications);
    m.shift_insert(
        m.get_index_of("cloudtrail_kms_events").unwrap(),
        "job_completion_s".into(),
        job,
    );
    if attempts == 0.0 {
        for id in [
            "throttle_rate",
            "quota_headroom",
            "added_delay_s_p50",
            "added_delay_s_p99",
            "added_delay_s_max",
            "latency_s_p50",
            "latency_s_p90",
            "latency_s_p99",
        ] {
            m[id] = estimate(&m[id].unit.clone(), None, 0.0, shape.replications);
        }
    }
    let part = |share: f64, s3: f64| {
        metrics(
            shape,
            &[
                ("s3_requests", calls * s3),
                ("s3_requests_failed", throttled * 0.01 * s3),
                ("kms_needs", calls * share),
                ("kms_calls", calls * share),
                ("kms_attempts", attempts * share),
                ("kms_throttled", throttled * share),
                ("throttle_rate", rate),
                ("added_delay_s_p99", rate * 8.0),
            ],
        )
    };
    let parts = |list: &[(&str, f64, f64)]| {
        list.iter()
            .map(|(n, k, s)| ((*n).to_owned(), part(*k, *s)))
            .collect::<IndexMap<_, _>>()
    };
    VariantResults {
        name: name.clone(),
        arrivals_id: "a1".to_owned(),
        metrics: m,
        by_quota,
        by_workload: parts(&[("uploads", 0.4, 0.4), ("reads <evening>", 0.6, 0.6)]),
        by_bucket: parts(&[
            ("media-originals", 0.4, 0.4),
            ("media-thumbnails", 0.6, 0.6),
        ]),
        by_key: parts(&[("key/media", 1.0, 1.0)]),
        by_requester: parts(&[("role/web", 0.7, 0.7), ("role/batch", 0.3, 0.3)]),
        by_operation: parts(&[
            ("GenerateDataKey", 0.4, 0.0),
            ("Decrypt", 0.57, 0.0),
            ("Encrypt", 0.03, 0.0),
            ("PutObject", 0.4, 0.4),
            ("GetObject", 0.6, 0.6),
        ]),
        bill,
        series: Series {
            bin_s: shape.bin_s,
            t_s: (0..(shape.horizon_s + shape.drain_s).div_ceil(shape.bin_s))
                .map(|i| i * shape.bin_s)
                .collect(),
            added_delay: delays(rate * 0.9, calls),
            quotas,
        },
    }
}

fn bill(admitted: f64, seconds: f64, throttled: f64, place: usize) -> Vec<BillLine> {
    let line = |item: &str, quantity: f64, unit: &str, price: f64| BillLine {
        item: item.to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        quantity,
        unit: unit.to_owned(),
        unit_price_usd: price,
        amount_usd: quantity * price,
    };
    vec![
        line("kms-requests", admitted, "request", 0.000_003),
        line(
            "kms-requests-free-tier",
            admitted.min(600_000.0),
            "request",
            -0.000_003,
        ),
        line("kms-keys", seconds / 2_592_000.0, "key-month", 1.0),
        line("s3-tier1", admitted * 0.4, "request", 0.000_005),
        line("s3-tier2", admitted * 0.6, "request", 0.000_000_4),
        line(
            "cloudtrail-copies",
            if place == 2 { throttled } else { 0.0 },
            "event",
            0.000_02,
        ),
    ]
}

fn build(shape: &Shape, name: &str) -> RunResults {
    let variants: Vec<_> = (0..shape.variants.len())
        .map(|i| variant(shape, i))
        .collect();
    let comparisons = variants
        .iter()
        .skip(1)
        .map(|v| comparison(&variants[0], v))
        .collect();
    RunResults {
        schema_version: SCHEMA_VERSION,
        kmsim_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: ScenarioRecord {
            name: name.to_owned(),
            text_sha256: "0".repeat(64),
            resolved: serde_json::json!({"base": {"horizon": "15m", "note": "</pre><script>alert(1)</script>"}}),
        },
        seed: 42,
        replications: shape.replications,
        horizon_s: shape.horizon_s,
        measured_s: shape.horizon_s - shape.warm_up_s,
        warnings: vec![
            "the measured time of 14 min is no whole number of days: monthly costs assume it is typical".to_owned(),
        ],
        variants,
        comparisons,
    }
}

fn comparison(a: &VariantResults, b: &VariantResults) -> Comparison {
    let mut out = IndexMap::new();
    for m in METRICS {
        let (Some(x), Some(y)) = (a.metrics.get(m.id), b.metrics.get(m.id)) else {
            continue;
        };
        let mean = x.mean.zip(y.mean).map(|(x, y)| y - x);
        let half = mean.map(f64::abs).map(|d| {
            if m.id == "kms_attempts" {
                d * 2.0
            } else {
                d * 0.02
            }
        });
        let verdict = match (mean, m.smaller_is_better) {
            (None, _) => Verdict::NoData,
            (Some(_), _) if x.ci_low.is_none() => Verdict::NoData,
            (Some(d), _) if d == 0.0 => Verdict::Same,
            (Some(_), _) if m.id == "kms_attempts" => Verdict::NoDifferenceShown,
            (Some(_), None) => Verdict::Different,
            (Some(d), Some(smaller)) if (d < 0.0) == smaller => Verdict::Better,
            _ => Verdict::Worse,
        };
        let half = half.filter(|_| x.ci_low.is_some());
        out.insert(
            m.id.to_owned(),
            Difference {
                baseline: x.mean,
                variant: y.mean,
                mean,
                ci_low: mean.zip(half).map(|(m, h)| m - h),
                ci_high: mean.zip(half).map(|(m, h)| m + h),
                unit: m.unit.to_owned(),
                verdict,
            },
        );
    }
    Comparison {
        baseline: a.name.clone(),
        variant: b.name.clone(),
        paired: true,
        metrics: out,
    }
}

fn named(list: &[(&str, f64)]) -> Vec<(String, f64)> {
    list.iter().map(|(n, f)| ((*n).to_owned(), *f)).collect()
}

/// Six variants against three quotas, ten replications, a peak of some minutes.
pub(crate) fn evening_peak() -> RunResults {
    let variants = named(&[
        ("base", 1.0),
        ("bucket keys", 0.02),
        ("data-key cache in the upload service", 0.55),
        ("quota increase", 0.85),
        ("no retries", 0.9),
        ("growth", 1.6),
    ]);
    let mut results = build(&evening(variants), "evening-peak");
    // A quota that is raised during the run.
    let raised = &mut results.variants[3].series.quotas[US_QUOTA].quota_per_s;
    raised.iter_mut().skip(540).for_each(|q| *q = 15_000.0);
    results
}

/// So many variants.
pub(crate) fn variants(n: usize) -> RunResults {
    let list = (0..n)
        .map(|i| (format!("growth-{:02}", i + 1), 0.6 + 0.08 * i as f64))
        .collect();
    build(&evening(list), "growth")
}

/// No intervals.
pub(crate) fn one_replication() -> RunResults {
    let mut shape = evening(named(&[("base", 1.0), ("bucket-key", 0.3)]));
    shape.replications = 1;
    shape.quotas.truncate(1);
    build(&shape, "one-replication")
}

/// Attempts, but none throttled, and quotas far away.
pub(crate) fn nothing_throttled() -> RunResults {
    let mut shape = evening(named(&[
        ("base", 0.05),
        ("bucket-key", 0.01),
        ("cache", 0.02),
    ]));
    shape.quotas.truncate(2);
    build(&shape, "nothing-throttled")
}

/// No request at all.
pub(crate) fn nothing_happened() -> RunResults {
    let mut shape = evening(named(&[("base", 0.0)]));
    shape.drain_s = 0;
    let mut results = build(&shape, "nothing-happened");
    results.variants[0].bill.clear();
    results
}

/// A month in 2,000 bins.
pub(crate) fn thirty_days() -> RunResults {
    let mut shape = evening(named(&[
        ("base", 1.0),
        ("bucket-key", 0.1),
        ("cache", 0.8),
        ("growth", 1.2),
    ]));
    (shape.horizon_s, shape.warm_up_s, shape.drain_s, shape.bin_s) = (2_592_000, 86_400, 0, 1_296);
    build(&shape, "thirty-days")
}

/// Names that break what doesn't expect them.
pub(crate) fn hostile_names() -> RunResults {
    let mut shape = evening(named(&[
        ("<script>alert(\"x\")</script> & 'friends' |", 1.0),
        ("a-name-of-forty-characters-without-blank", 0.9),
        ("plain", 0.5),
        ("Größe \n in two lines ‹é›", 1.1),
        ("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", 1.2),
    ]));
    shape.quotas[0].0 =
        "111122223333/us-east-1/L-<&\">/custom-key-store-with-a-rather-long-name-0123456789";
    build(&shape, "hostile <&\"> scenario")
}
