//! The shipped scenarios against the figures that others published about their cases.
//!
//! Runs the real binary and reads the `results.json` that it wrote. Expected values are the
//! published ones, named with their source at the top of each scenario file, or arithmetic on
//! them; never what kmsim happened to say. Every run is also held to the laws of any run: see
//! [`laws`].

mod shared_data;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MONTH_S: f64 = 30.0 * 86_400.0;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scenario(name: &str) -> PathBuf {
    root().join("scenarios").join(format!("{name}.toml"))
}

fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("scenarios"))
        .expect("the scenarios folder")
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

fn kmsim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(arguments)
        .output()
        .expect("kmsim starts")
}

/// Runs a shipped scenario and checks what holds for every run.
fn run(name: &str, more: &[&str]) -> Results {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("results");
    let (file, out) = (scenario(name), out.display().to_string());
    let file = file.display().to_string();
    let mut arguments = vec!["run", &file, "--out", &out, "--quiet", "--format", "csv"];
    arguments.extend(more);
    let done = kmsim(&arguments);
    // Some ask what a policy is to deny, which the variant without one crosses.
    assert!(
        matches!(done.status.code(), Some(0 | 1)),
        "kmsim {}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
    let text = std::fs::read_to_string(Path::new(&out).join("results.json")).expect("results.json");
    let results = Results(serde_json::from_str(&text).expect("results.json is JSON"));
    laws(&results);
    results
}

struct Results(Value);

impl Results {
    fn variants(&self) -> &[Value] {
        self.0["variants"].as_array().expect("variants")
    }

    fn names(&self) -> Vec<&str> {
        let name = |v: &'static str| move |x| field_text(x, v);
        self.variants().iter().map(name("name")).collect()
    }

    fn variant(&self, name: &str) -> &Value {
        self.variants()
            .iter()
            .find(|v| v["name"] == name)
            .unwrap_or_else(|| panic!("no variant {name}"))
    }

    /// One value a replication.
    fn values(&self, variant: &str, metric: &str) -> Vec<f64> {
        numbers(&self.variant(variant)["metrics"][metric]["values"])
            .unwrap_or_else(|| panic!("{variant}: no data for {metric}"))
    }

    fn mean(&self, variant: &str, metric: &str) -> f64 {
        self.variant(variant)["metrics"][metric]["mean"]
            .as_f64()
            .unwrap_or_else(|| panic!("{variant}: no data for {metric}"))
    }

    /// Asserts a figure that no replication may miss.
    fn exactly(&self, variant: &str, metric: &str, published: f64) {
        for value in self.values(variant, metric) {
            assert_eq!(value, published, "{variant}: {metric}");
        }
    }

    /// Sum of the bill's lines of one item, in dollars.
    fn billed(&self, variant: &str, item: &str) -> f64 {
        self.variant(variant)["bill"]
            .as_array()
            .expect("a bill")
            .iter()
            .filter(|line| line["item"] == item)
            .map(|line| number(&line["amount_usd"]))
            .sum()
    }

    /// A quota by the end of its name.
    fn quota(&self, variant: &str, name: &str) -> &Value {
        &self.variant(variant)["by_quota"][name]
    }
}

fn field_text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().expect("a text")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// `None` where a replication has no data.
fn numbers(values: &Value) -> Option<Vec<f64>> {
    values.as_array()?.iter().map(Value::as_f64).collect()
}

fn near(what: &str, value: f64, published: f64, tolerance: f64) {
    assert!(
        (value / published - 1.0).abs() <= tolerance,
        "{what}: {value} is not within {tolerance} of {published}"
    );
}

/// Dollars to the cent.
fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}

/// What holds at the end of every run, in every replication, of the whole and of each part of it.
fn laws(results: &Results) {
    for variant in results.variants() {
        let name = field_text(variant, "name");
        conserved(name, &variant["metrics"]);
        for kind in [
            "by_workload",
            "by_bucket",
            "by_key",
            "by_requester",
            "by_operation",
            "by_kms_operation",
            "by_statement",
        ] {
            for (part, metrics) in variant[kind].as_object().expect("a breakdown") {
                conserved(&format!("{name}, {kind} {part}"), metrics);
            }
        }
        for (quota, metrics) in variant["by_quota"].as_object().expect("quotas") {
            attempts(&format!("{name}, {quota}"), metrics);
        }
        for metric in [
            "kms_needs",
            "kms_attempts",
            "kms_throttled",
            "s3_requests",
            "app_requests",
        ] {
            let parts: f64 = variant["by_workload"]
                .as_object()
                .expect("workloads")
                .values()
                .map(|m| number(&m[metric]["mean"]))
                .sum();
            let whole = number(&variant["metrics"][metric]["mean"]);
            assert!(
                (parts - whole).abs() <= 1e-9 * whole.max(1.0),
                "{name}: {metric} of the workloads sum to {parts}, not {whole}"
            );
        }
        bill(name, variant);
    }
}

fn conserved(what: &str, metrics: &Value) {
    let of = |metric: &str| {
        numbers(&metrics[metric]["values"])
            .unwrap_or_else(|| panic!("{what}: no data for {metric}"))
    };
    attempts(what, metrics);
    let (needs, calls) = (of("kms_needs"), of("kms_calls"));
    let by_bucket_key = of("kms_needs_met_by_bucket_key");
    let by_data_key_cache = of("kms_needs_met_by_data_key_cache");
    let (attempts, retries) = (of("kms_attempts"), of("kms_retries"));
    let (requests, succeeded) = (of("s3_requests"), of("s3_requests_succeeded"));
    let (failed, denied) = (of("s3_requests_failed"), of("s3_requests_denied"));
    for i in 0..needs.len() {
        assert_eq!(
            needs[i],
            by_bucket_key[i] + by_data_key_cache[i] + calls[i],
            "{what}: needs"
        );
        assert_eq!(attempts[i], calls[i] + retries[i], "{what}: retries");
        assert_eq!(
            requests[i],
            succeeded[i] + failed[i] + denied[i],
            "{what}: requests"
        );
    }
}

fn attempts(what: &str, metrics: &Value) {
    let of = |metric: &str| {
        numbers(&metrics[metric]["values"])
            .unwrap_or_else(|| panic!("{what}: no data for {metric}"))
    };
    let (attempts, admitted, throttled) =
        (of("kms_attempts"), of("kms_admitted"), of("kms_throttled"));
    for i in 0..attempts.len() {
        assert_eq!(attempts[i], admitted[i] + throttled[i], "{what}: attempts");
    }
}

/// Quantity × price, line by line, and their sum; money is kept to 10 decimals.
fn bill(what: &str, variant: &Value) {
    let mut sum = 0.0;
    let lines = variant["bill"].as_array().expect("a bill");
    for line in lines {
        let (quantity, price) = (number(&line["quantity"]), number(&line["unit_price_usd"]));
        let amount = number(&line["amount_usd"]);
        let rounding = 1e-10 * price.max(1.0) + 1e-12 * amount.abs();
        assert!(
            (quantity * price - amount).abs() <= rounding,
            "{what}: {line} is not quantity × price"
        );
        sum += amount;
    }
    let total = number(&variant["metrics"]["cost_total_usd"]["mean"]);
    let rounding = 1e-10 * (lines.len() + 1) as f64 + 1e-12 * total;
    assert!(
        (sum - total).abs() <= rounding,
        "{what}: the lines sum to {sum}, the total is {total}"
    );
}

// ----- every shipped file ---------------------------------------------------------------------------

#[test]
fn every_shipped_scenario_runs() {
    for file in shipped() {
        let name = file.file_stem().expect("a name").to_string_lossy();
        let mut more = vec!["--replications", "1"];
        if name == "month" {
            // The first day up to the end of its hour over the quota: the month takes minutes.
            more.extend(["--set", "horizon=15h 10m"]);
        }
        let r = run(&name, &more);
        assert_eq!(r.0["scenario"]["name"], *name);
        assert!(!r.variants().is_empty());
    }
}

#[test]
fn every_shipped_scenario_says_what_question_it_answers_and_is_valid() {
    let files = shipped();
    assert!(files.len() >= 8, "{files:?}");
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let top: Vec<&str> = text.lines().take_while(|l| l.starts_with('#')).collect();
        let shown = file.display();
        assert!(top.len() >= 5, "{shown}: no comment on top");
        let first: String = top.iter().take_while(|l| **l != "#").copied().collect();
        assert!(first.ends_with('?'), "{shown}: no question first: {first}");
        let comment = top.join(" ");
        assert!(comment.contains("For "), "{shown}: for whom?");
        assert!(comment.contains("ublished"), "{shown}: what is published?");
        let done = kmsim(&["check", &shown.to_string()]);
        assert!(
            done.status.success(),
            "{shown}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        // Each variant is explained.
        let variants: toml::Table = text.parse().expect("TOML");
        let variants = variants["variant"].as_table().expect("variants");
        for name in variants.keys() {
            let family = name.split('-').next().unwrap_or(name);
            assert!(
                comment.contains(name.as_str()) || comment.contains(&format!("{family}-…")),
                "{shown}: what is {name}?"
            );
        }
    }
}

// ----- bucket keys -------------------------------------------------------------------------------

#[test]
fn the_bucket_key_proof_of_concept_makes_150_calls_without_and_4_with_bucket_keys() {
    let r = run("bucket-key-poc", &[]);
    assert_eq!(r.names(), ["A1", "A2"]);
    // One CloudTrail event a call, none for a request that a bucket key serves.
    r.exactly("A1", "cloudtrail_kms_events", 150.0);
    r.exactly("A2", "cloudtrail_kms_events", 4.0);
    r.exactly("A1", "kms_calls", 150.0);
    r.exactly("A2", "kms_calls", 4.0);
    for (variant, operation, calls) in [
        ("A1", "GenerateDataKey", 50.0),
        ("A1", "Decrypt", 100.0),
        ("A2", "GenerateDataKey", 2.0),
        ("A2", "Decrypt", 2.0),
    ] {
        let metrics = &r.variant(variant)["by_kms_operation"][operation];
        assert_eq!(number(&metrics["kms_calls"]["mean"]), calls, "{variant}");
    }
    let cut = 1.0 - r.mean("A2", "kms_calls") / r.mean("A1", "kms_calls");
    assert_eq!((cut * 1e4).round() / 1e2, 97.33);
    // 150 requests, of which 50 at the price of a PUT.
    r.exactly("A2", "s3_requests", 150.0);
}

#[test]
fn one_perfect_cache_needs_one_call_however_long_kms_takes() {
    let one = ["--variant", "A2", "--set", "assumption.bucket_key_fanout=1"];
    run("bucket-key-poc", &one).exactly("A2", "kms_calls", 1.0);
    // An answer includes KMS's: a worker's next request finds the key that its last one fetched.
    let mut slow = one.to_vec();
    slow.extend([
        "--set",
        "assumption.kms_latency={lognormal={median='40ms',sigma=1}}",
        "--set",
        "assumption.s3_latency.constant.value=1ms",
        "--replications",
        "50",
    ]);
    run("bucket-key-poc", &slow).exactly("A2", "kms_calls", 1.0);
}

// ----- data-key caches ---------------------------------------------------------------------------

#[test]
fn data_key_caching_cuts_500_to_5_and_1000_to_10_calls_a_second() {
    let r = run("encryption-sdk-producers", &[]);
    assert_eq!(r.names(), ["B1", "B2", "B3", "B4", "B5"]);
    let measured = number(&r.0["measured_s"]);
    for (variant, operation, rate) in [
        ("B1", "GenerateDataKey", 500.0),
        ("B2", "GenerateDataKey", 5.0),
        ("B3", "Decrypt", 1000.0),
        ("B4", "Decrypt", 10.0),
        ("B5", "GenerateDataKey", 500.0),
    ] {
        for attempts in r.values(variant, "kms_attempts") {
            assert_eq!(attempts / measured, rate, "{variant}");
        }
        let metrics = &r.variant(variant)["by_kms_operation"][operation]["kms_attempts"];
        assert_eq!(number(&metrics["mean"]), rate * measured, "{variant}");
    }
    r.exactly("B5", "kms_needs_met_by_data_key_cache", 0.0);
}

// ----- quotas ------------------------------------------------------------------------------------

const SYMMETRIC: &str = "main/eu-west-3/L-6E3AF000";
const RSA: &str = "main/eu-west-3/L-2AC98190";
const ECC: &str = "main/eu-west-3/L-DC14942D";

#[test]
fn quotas_are_shared_as_aws_documents() {
    let r = run("shared-quota", &[]);
    let seconds = number(&r.0["measured_s"]);
    for variant in ["C1", "C3", "C4", "C5", "C8"] {
        r.exactly(variant, "kms_throttled", 0.0);
    }
    // C1: 9,000 of 10,000.
    r.exactly("C1", "kms_attempts_per_s_max", 9000.0);
    // C2: at least 500 of 10,500 in every second.
    r.exactly("C2", "kms_attempts_per_s_max", 10_500.0);
    for (throttled, rate) in r
        .values("C2", "kms_throttled")
        .into_iter()
        .zip(r.values("C2", "throttle_rate"))
    {
        assert!(throttled >= 500.0 * seconds);
        assert_eq!((rate * 1e4).round() / 1e4, 0.0476);
    }
    let series = &r.variant("C2")["series"];
    let throttled = numbers(&series[SYMMETRIC]["kms_throttled_per_s"]["mean"]).expect("a series");
    assert_eq!(number(&series["bin_s"]), 1.0);
    assert!(throttled.iter().take(seconds as usize).all(|&n| n >= 500.0));
    // C3, C4: exactly at their quotas; C5: all at once, independent.
    for (variant, quota, attempts) in [
        ("C3", RSA, 500.0),
        ("C4", ECC, 300.0),
        ("C5", SYMMETRIC, 9000.0),
        ("C5", RSA, 500.0),
        ("C5", ECC, 300.0),
    ] {
        let q = r.quota(variant, quota);
        let busiest = number(&q["kms_attempts_per_s_max"]["mean"]);
        assert_eq!(busiest, attempts, "{variant}, {quota}");
        assert_eq!(number(&q["kms_attempts"]["mean"]), attempts * seconds);
    }
}

#[test]
fn the_quotas_of_a_custom_key_store_and_of_its_account_both_apply() {
    let r = run("shared-quota", &["--variant", "C7"]);
    let seconds = number(&r.0["measured_s"]);
    // The store refuses one call of 1,801 a second; the account sees the 1,800 others.
    r.exactly("C7", "kms_throttled", seconds);
    let store = r.quota("C7", &format!("{SYMMETRIC}/hsm"));
    let account = r.quota("C7", SYMMETRIC);
    assert_eq!(number(&store["quota"]), 1800.0);
    assert_eq!(number(&store["kms_throttled"]["mean"]), seconds);
    assert_eq!(number(&account["quota"]), 50_000.0);
    assert_eq!(number(&account["kms_throttled"]["mean"]), 0.0);
    let used = 1.0 - number(&account["quota_headroom"]["mean"]);
    assert_eq!((used * 1e3).round() / 1e3, 0.036);
}

#[test]
fn the_caller_is_charged_not_the_owner_of_the_key() {
    let r = run("shared-quota", &["--variant", "C8"]);
    let calls = r.mean("C8", "kms_admitted");
    assert_eq!(calls, 2000.0 * number(&r.0["measured_s"]));
    let variant = r.variant("C8");
    for (quota, metrics) in variant["by_quota"].as_object().expect("quotas") {
        let charged = if quota.starts_with("reader/") {
            calls
        } else {
            0.0
        };
        assert_eq!(number(&metrics["kms_attempts"]["mean"]), charged, "{quota}");
    }
    for line in variant["bill"].as_array().expect("a bill") {
        match field_text(line, "item") {
            "kms-keys" => assert_ne!(line["account"], "reader"),
            _ => assert_eq!(line["account"], "reader", "{line}"),
        }
    }
}

#[test]
fn a_fractional_quota_admits_one_call_every_few_seconds() {
    for (limit, every) in [("0.5/s", 2.0), ("0.1/s", 10.0), ("0.25/s", 4.0)] {
        let limit = format!("variant.C10.quota.symmetric.limit={limit}");
        let r = run("shared-quota", &["--variant", "C10", "--set", &limit]);
        r.exactly("C10", "kms_admitted", number(&r.0["measured_s"]) / every);
    }
}

#[test]
fn a_token_bucket_empties_refills_and_queues_as_ec2_documents() {
    let names = ["C11", "C11-burst", "C11-refill"];
    let mut variants: Vec<&str> = names.iter().flat_map(|n| ["--variant", n]).collect();
    let r = run("shared-quota", &variants);
    // 100 pass at once, the 50 others at 20/s.
    r.exactly("C11", "job_completion_s", 2.5);
    r.exactly("C11", "app_requests_failed", 0.0);
    r.exactly("C11-burst", "kms_attempts", 101.0);
    r.exactly("C11-burst", "kms_throttled", 1.0);
    // Full again after 5 s, so that one of each 101 fails …
    r.exactly("C11-refill", "kms_throttled", 2.0);
    // … and not a second earlier: 80 tokens after 4 s.
    variants.extend(["--set", "workload.second-burst.start=4s"]);
    run("shared-quota", &variants).exactly("C11-refill", "kms_throttled", 1.0 + 21.0);
}

// ----- money -------------------------------------------------------------------------------------

#[test]
fn monthly_bills_are_those_published() {
    let r = run("monthly-bill", &[]);
    assert_eq!(number(&r.0["measured_s"]), MONTH_S);
    r.exactly("D1", "kms_admitted", 15_000.0);
    r.exactly("D1", "cost_total_usd", 1.0);
    r.exactly("D1", "cost_total_usd_per_month", 1.0);
    r.exactly("D2", "kms_admitted", 100_000.0);
    r.exactly("D2", "cost_total_usd", 1.24);
    r.exactly("D2", "cost_total_usd_per_month", 1.24);
    for (operation, calls) in [("Decrypt", 99_000.0), ("Encrypt", 1000.0)] {
        let metrics = &r.variant("D2")["by_kms_operation"][operation];
        assert_eq!(number(&metrics["kms_calls"]["mean"]), calls);
    }
    r.exactly("D3", "cost_kms_requests_usd", 89.94);
    assert_eq!(r.billed("D3", "kms-requests") / 30.0, 3.0);
    for (variant, usd) in [
        ("D8-10000", 77_760.0),
        ("D8-20000", 155_520.0),
        ("D8-100000", 777_600.0),
    ] {
        r.exactly(variant, "kms_throttled", 0.0);
        r.exactly(variant, "quota_headroom", 0.0);
        assert_eq!(cents(r.billed(variant, "kms-requests")), usd, "{variant}");
    }
}

#[test]
fn a_key_hour_and_the_first_day_are_prorated() {
    let r = run("monthly-bill", &["--set", "horizon=1h", "--variant", "D5"]);
    r.exactly("D5", "cost_kms_keys_usd", 0.001_388_888_9);
    r.exactly("D5", "cost_total_usd", 0.001_388_888_9);
    let r = run("monthly-bill", &["--set", "horizon=1d", "--variant", "D3"]);
    r.exactly("D3", "cost_kms_requests_usd", 2.94);
    assert_eq!(cents(r.billed("D3", "kms-requests")), 3.0);
}

// ----- other simulators -----------------------------------------------------------------------------

/// The published figures hold to within 1 %.
const TOLERANCE: f64 = 0.01;

fn quota_retry_over(r: &Results, attempts: f64, throttle_rate: f64, failure_rate: f64) {
    let requests = r.mean("over", "app_requests");
    let per_request = r.mean("over", "kms_attempts") / requests;
    near("attempts a request", per_request, attempts, TOLERANCE);
    let rate = r.mean("over", "throttle_rate");
    near("throttle rate", rate, throttle_rate, TOLERANCE);
    let rate = r.mean("over", "app_requests_failed") / requests;
    near("failure rate", rate, failure_rate, TOLERANCE);
}

#[test]
fn quota_retry_agrees_with_other_simulators_over_a_minute() {
    let r = run("quota-retry", &["--set", "horizon=60s"]);
    assert_eq!(r.names(), ["over", "under"]);
    quota_retry_over(&r, 2.612, 0.6749, 0.1508);
    for (metric, seconds) in [
        ("latency_s_p50", 0.0201),
        ("latency_s_p90", 0.221),
        ("latency_s_p99", 0.540),
    ] {
        near(metric, r.mean("over", metric), seconds, TOLERANCE);
    }
    r.exactly("under", "kms_throttled", 0.0);
    for (metric, seconds) in [("latency_s_p50", 0.004_006), ("latency_s_p99", 0.0128)] {
        near(metric, r.mean("under", metric), seconds, TOLERANCE);
    }
}

#[test]
fn quota_retry_agrees_with_other_simulators_over_ten_minutes() {
    let r = run("quota-retry", &["--replications", "2"]);
    quota_retry_over(&r, 2.751, 0.6965, 0.1651);
    r.exactly("under", "kms_throttled", 0.0);
    near(
        "p50",
        r.mean("under", "latency_s_p50"),
        0.004_006,
        TOLERANCE,
    );
    near("p99", r.mean("under", "latency_s_p99"), 0.0128, TOLERANCE);
}

// ----- recorded arrivals ----------------------------------------------------------------------------

#[test]
fn the_shipped_trace_follows_its_rule() {
    let r = run("trace-replay", &[]);
    // 15 bursts of 16 + 8·(k mod 4): three whole cycles of 112 and 16 + 24 + 32.
    let requests = 3.0 * 112.0 + 72.0;
    for variant in ["none", "standard"] {
        r.exactly(variant, "s3_requests", requests);
        let by =
            |kind: &str, name: &str| number(&r.variant(variant)[kind][name]["s3_requests"]["mean"]);
        // Every fifth is written, by `ingest` alone.
        assert_eq!(by("by_operation", "PutObject"), (requests / 5.0).ceil());
        assert_eq!(by("by_requester", "ingest"), (requests / 5.0).ceil());
    }
    r.exactly("none", "kms_attempts", requests);
    // A burst of 40 takes one second: 40 on a quota of 30.
    r.exactly("none", "kms_attempts_per_s_max", 40.0);
    let bursts_of_32_and_40 = (4.0, 3.0);
    r.exactly(
        "none",
        "kms_throttled",
        2.0 * bursts_of_32_and_40.0 + 10.0 * bursts_of_32_and_40.1,
    );
}

// ----- stories --------------------------------------------------------------------------------------

#[test]
fn no_spark_job_reads_faster_than_its_quota() {
    let objects = 200_000.0;
    let small = [
        "--set",
        "workload.job.job.objects=200000",
        "--replications",
        "2",
    ];
    let r = run("spark-job", &small);
    let names = [
        "as-is",
        "fewer-workers",
        "patient-retry",
        "bucket-keys",
        "quota-increase",
    ];
    assert_eq!(r.names(), names);
    for (variant, quota) in [
        ("as-is", 10_000.0),
        ("fewer-workers", 10_000.0),
        ("patient-retry", 10_000.0),
        ("quota-increase", 20_000.0),
    ] {
        assert_eq!(number(&r.quota(variant, SYMMETRIC)["quota"]), quota);
        r.exactly(variant, "kms_calls", objects);
        // The first second's window is open at t = 0.
        for seconds in r.values(variant, "job_completion_s") {
            assert!(seconds >= objects / quota - 1.0, "{variant}: {seconds} s");
        }
    }
    // AWS: "up to 99 %".
    let kept = r.mean("bucket-keys", "kms_calls") / r.mean("as-is", "kms_calls");
    assert!(kept >= 0.01, "{kept}");
}

#[test]
fn the_media_library_tells_a_story_for_each_mitigation() {
    let r = run("media-library", &["--replications", "2"]);
    let names = [
        "as-is",
        "backoff",
        "data-key-cache",
        "bucket-keys",
        "quota-increase",
        "all",
    ];
    assert_eq!(r.names(), names);
    // Two are never throttled; with the cache it costs less.
    assert_eq!(r.0["verdict"]["best"], "all");
    for name in names {
        let variant = r.variant(name);
        // Everybody sees the same arrivals.
        for workload in [
            "playback",
            "thumbnails",
            "uploads",
            "event-producers",
            "event-consumers",
            "secrets",
            "log-groups",
        ] {
            let requests = |of: &Value| {
                let m = &of["by_workload"][workload];
                (m["s3_requests"].clone(), m["app_requests"].clone())
            };
            assert_eq!(
                requests(variant),
                requests(r.variant("as-is")),
                "{workload}"
            );
        }
        // In no second more is admitted than the quota.
        let series = &variant["series"];
        let of = |name: &str| numbers(&series[SYMMETRIC][name]["mean"]).expect("a series");
        let quota = numbers(&series[SYMMETRIC]["quota_per_s"]).expect("a series");
        let (attempts, throttled) = (of("kms_attempts_per_s"), of("kms_throttled_per_s"));
        for i in 0..quota.len() {
            assert!(
                attempts[i] - throttled[i] <= quota[i] + 1e-6,
                "{name}, bin {i}"
            );
        }
        assert_eq!(quota[0], 10_000.0);
    }
    // Over the quota at the premiere only.
    let series = &r.variant("as-is")["series"];
    let attempts = numbers(&series[SYMMETRIC]["kms_attempts_per_s"]["max"]).expect("a series");
    let bin = |hour: f64| (hour * 3_600.0 / number(&series["bin_s"])) as usize;
    let end = bin(24.0);
    assert!(attempts[..bin(20.3)].iter().all(|&a| a < 10_000.0));
    assert!(attempts[bin(21.0)..end].iter().all(|&a| a < 10_000.0));
    assert!(r.values("as-is", "kms_throttled").iter().all(|&n| n > 0.0));
    // Standard 2.1: three attempts, waits of at most 1 s and 2 s, two answers of 4 ms.
    for delay in r.values("as-is", "added_delay_s_max") {
        assert!(delay <= 3.008, "{delay}");
    }
    // Each mitigation does what it is for.
    let met = |variant, by| r.mean(variant, &format!("kms_needs_met_by_{by}"));
    assert!(met("data-key-cache", "data_key_cache") > 0.0 && met("as-is", "data_key_cache") == 0.0);
    assert!(met("bucket-keys", "bucket_key") > 0.0 && met("as-is", "bucket_key") == 0.0);
    let quota = numbers(&r.variant("quota-increase")["series"][SYMMETRIC]["quota_per_s"]);
    assert_eq!(quota.expect("a series")[end - 1], 15_000.0);
    let failed = |v| r.mean(v, "s3_requests_failed") + r.mean(v, "app_requests_failed");
    for name in &names[1..] {
        assert!(failed(name) < failed("as-is"), "{name}");
    }
}

// ----- access ---------------------------------------------------------------------------------------

impl Results {
    /// Quantity of the bill's lines of one item.
    fn quantity(&self, variant: &str, item: &str) -> f64 {
        let lines = self.variant(variant)["bill"].as_array().expect("a bill");
        let of_item = lines.iter().filter(|line| line["item"] == item);
        of_item.map(|line| number(&line["quantity"])).sum()
    }

    /// Requests denied by each statement, and nothing by any other: they sum to what was denied.
    fn denied_by(&self, variant: &str, statements: &[(&str, f64)]) {
        let found: Vec<(&str, f64)> = self.variant(variant)["by_statement"]
            .as_object()
            .expect("statements")
            .iter()
            .map(|(name, metrics)| {
                (
                    name.as_str(),
                    number(&metrics["s3_requests_denied"]["mean"]),
                )
            })
            .collect();
        assert_eq!(found, statements, "{variant}");
        let sum: f64 = statements.iter().map(|s| s.1).sum();
        self.exactly(variant, "s3_requests_denied", sum);
    }
}

const MINUTE: f64 = 60.0;

#[test]
fn plain_http_is_denied_by_the_bucket_policy_and_billed() {
    let r = run("deny-plain-http", &[]);
    r.denied_by("as-is", &[]);
    let denied = 20.0 * MINUTE;
    r.denied_by(
        "enforced",
        &[(
            "policies/secure-transport.json/DenyInsecureTransport",
            denied,
        )],
    );
    for variant in ["as-is", "enforced"] {
        // Lists need no KMS, so that denying them changes nothing there; 403 is billed as 200 is.
        r.exactly(variant, "kms_calls", 80.0 * MINUTE);
        assert_eq!(r.quantity(variant, "s3-tier1"), 100.0 * MINUTE);
    }
    // Objects under SSE-KMS are refused over plain HTTP even without a policy.
    let r = run("deny-plain-http", &["--set", "workload.writes.tls=none"]);
    r.denied_by(
        "as-is",
        &[("S3 requires TLS for objects under SSE-KMS", 80.0 * MINUTE)],
    );
    r.exactly("as-is", "kms_calls", 0.0);
}

#[test]
fn a_negated_operator_denies_the_absent_header_too() {
    let r = run("deny-wrong-encryption", &[]);
    r.denied_by("as-is", &[]);
    r.exactly("as-is", "kms_calls", (50.0 + 20.0) * MINUTE);
    let statement = |file: &str| format!("policies/{file}.json/DenyIncorrectEncryptionHeader");
    let (all, sent) = (
        statement("right-encryption"),
        statement("right-encryption-if-sent"),
    );
    r.denied_by("enforced", &[(&all, (30.0 + 20.0) * MINUTE)]);
    r.exactly("enforced", "kms_calls", 50.0 * MINUTE);
    r.denied_by("enforced-if-sent", &[(&sent, 30.0 * MINUTE)]);
    r.exactly("enforced-if-sent", "kms_calls", (50.0 + 20.0) * MINUTE);
    // The other reading of the condition key: the bucket's default counts.
    let effective = ["--set", "assumption.encryption_condition=effective"];
    let r = run("deny-wrong-encryption", &effective);
    r.denied_by("enforced", &[(&all, 30.0 * MINUTE)]);
}

#[test]
fn an_upload_without_a_header_is_denied_before_its_parts() {
    let r = run("deny-missing-encryption", &[]);
    r.denied_by("as-is", &[]);
    // n + 2 calls an upload, none where it is under S3's own keys.
    r.exactly("as-is", "kms_calls", 5.0 * 5.0 * MINUTE);
    r.exactly("as-is", "s3_requests", 15.0 * 5.0 * MINUTE);
    let statement = "policies/encryption-sent.json/DenyMissingEncryptionHeader";
    for (variant, tries) in [("enforced", 1.0), ("stubborn", 5.0)] {
        r.denied_by(variant, &[(statement, 5.0 * tries * MINUTE)]);
        r.exactly(variant, "kms_calls", 0.0);
        let requests = (10.0 * 5.0 + 5.0 * tries) * MINUTE;
        r.exactly(variant, "s3_requests", requests);
        assert_eq!(r.quantity(variant, "s3-tier1"), requests);
    }
}

#[test]
fn a_role_without_kms_decrypt_is_denied_by_kms() {
    let r = run("role-without-decrypt", &[]);
    let reads = 40.0 * MINUTE;
    let missing = "no identity policy allows requester.reports to call kms:Decrypt on key.ledger";
    for variant in ["denied", "unlimited"] {
        r.denied_by(variant, &[(missing, reads)]);
        r.exactly(variant, "cloudtrail_kms_events", reads);
        r.exactly(variant, "cloudtrail_kms_copies", reads);
        assert_eq!(r.quantity(variant, "s3-tier2"), reads);
    }
    // The call is made and refused: whether it draws on the quota is an assumption.
    r.exactly("denied", "kms_attempts", reads);
    r.exactly("denied", "kms_admitted", reads);
    r.exactly("unlimited", "kms_attempts", 0.0);
    r.denied_by("repaired", &[]);
    r.exactly("repaired", "s3_requests_succeeded", reads);
}

#[test]
fn a_key_policy_without_the_caller_lets_nobody_in() {
    let r = run("key-policy-without-caller", &[]);
    let reads = 40.0 * MINUTE;
    let missing = "key.ledger does not allow requester.reports to call kms:Decrypt";
    r.denied_by("denied", &[(missing, reads)]);
    for variant in ["caller-named", "left-to-iam"] {
        r.denied_by(variant, &[]);
        r.exactly(variant, "s3_requests_succeeded", reads);
    }
}

#[test]
fn a_lost_key_fails_applications_at_once_and_s3_when_its_bucket_keys_expire() {
    let r = run("key-life", &[]);
    let lost = 30.0 * 60.0 - 750.0;
    for variant in ["disabled", "pending-deletion", "without-bucket-key"] {
        r.exactly(variant, "app_requests_failed", 100.0 * lost);
        r.denied_by(variant, &[]);
    }
    r.exactly("without-bucket-key", "s3_requests_failed", 100.0 * lost);
    // Bucket keys are renewed every 300 s: those of 600 s serve until 900 s, but for what KMS takes to answer.
    for variant in ["disabled", "pending-deletion"] {
        let failed = r.mean(variant, "s3_requests_failed");
        near(variant, failed, 100.0 * 900.0, 0.001);
    }
    let mended = 1200.0;
    r.exactly(
        "policy-replaced",
        "app_requests_denied",
        100.0 * (mended - 750.0),
    );
    let denied = r.mean("policy-replaced", "s3_requests_denied");
    near("denied", denied, 100.0 * (mended - 900.0), 0.001);
}

#[test]
fn an_encrypted_log_group_calls_kms_from_when_its_key_is_in_effect() {
    let r = run("encrypted-log-group", &[]);
    let of = |variant: &str| &r.variant(variant)["by_workload"]["log_group./fleet/hosts.ingestion"];
    for variant in ["plain", "denied"] {
        r.exactly(variant, "log_bytes_ingested", 25e6 * 30.0 * 60.0);
    }
    assert!(of("denied").is_null());
    // 3,000 log streams in 300 s, from 10 min on.
    for variant in ["associated", "disabled"] {
        let calls = numbers(&of(variant)["kms_calls"]["values"]).expect("values");
        assert_eq!(calls, [10.0 * 1200.0; 3], "{variant}");
    }
    r.exactly("associated", "log_bytes_lost", 0.0);
    r.exactly("disabled", "log_bytes_lost", 25e6 * 600.0);
    assert!(r.mean("associated", "kms_calls") > r.mean("denied", "kms_calls") + 12_000.0);
    let told = r.0["warnings"].as_array().expect("warnings");
    let statement = "\"ArnEquals\":{\"kms:EncryptionContext:aws:logs:arn\"";
    assert!(
        told.iter()
            .any(|w| w.as_str().is_some_and(|w| w.contains(statement)))
    );
}

/// The variant to take of each shipped scenario, worked out by hand; `None` where all are throttled, or what they do
/// differs so that their costs say nothing about each other (published cases side by side).
const BEST: [(&str, Option<&str>, &[&str]); 16] = [
    // Both bills are within the free tier: nothing changed costs as much.
    ("bucket-key-poc", Some("A1"), &[]),
    // Of the two that deny what has no header, the client that gives up pays for fewer requests.
    ("deny-missing-encryption", Some("enforced"), &[]),
    ("deny-plain-http", Some("enforced"), &[]),
    // The other denies clients that rely on the bucket's default.
    ("deny-wrong-encryption", Some("enforced-if-sent"), &[]),
    // Association is throttled with all that it calls, or denied: both keep what plain keeps, which changes nothing.
    ("encrypted-log-group", Some("plain"), &[]),
    ("encryption-sdk-producers", None, &[]),
    // None of the others is throttled either, and each bucket key saves calls.
    ("fleet", Some("all-keys"), &[]),
    // The others lose more; even this one loses what came before the policy was replaced.
    ("key-life", Some("policy-replaced"), &[]),
    ("key-policy-without-caller", Some("left-to-iam"), &[]),
    ("month", None, &["--set", "horizon=15h 10m"]),
    ("monthly-bill", None, &[]),
    ("quota-retry", Some("under"), &["--set", "horizon=20s"]),
    ("role-without-decrypt", Some("repaired"), &[]),
    ("shared-quota", None, &[]),
    ("spark-job", Some("bucket-keys"), &[]),
    ("trace-replay", None, &[]),
];

#[test]
fn the_verdict_names_the_variant_that_a_reader_would_take() {
    for (name, best, more) in BEST {
        let mut arguments = vec!["--replications", "2"];
        arguments.extend(more);
        let results = run(name, &arguments).0;
        let verdict = &results["verdict"];
        assert_eq!(verdict["best"].as_str(), best, "{name}: {verdict:#}");
        assert!(
            verdict["answer"]
                .as_str()
                .is_some_and(|a| a.split(' ').count() <= 60),
            "{verdict}"
        );
    }
}
