//! S3's own request rates through whole scenarios: what they refuse, what that spares KMS and the bill, and which
//! limit bites first.

use crate::common::{run, values};
use kmsim::catalog::{RequestRate, request_rates};
use kmsim::report::format::TextTable;
use kmsim::report::summary;
use kmsim::results::{RunResults, VariantResults};

const SECONDS: f64 = 10.0;

fn simulated(tables: &str) -> RunResults {
    run(&format!(
        "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\n[key.k]\n{tables}"
    ))
}

fn metric(v: &VariantResults, id: &str) -> f64 {
    values(&v.metrics, id)[0]
}

/// A workload at constant intervals that does not try again.
fn workload(name: &str, rate: &str, rest: &str) -> String {
    format!("[workload.{name}]\nretry = \"none\"\narrivals.constant.rate = \"{rate}\"\n{rest}\n")
}

fn served(rate: RequestRate) -> f64 {
    request_rates().per_s(rate) as f64
}

#[test]
fn reads_over_a_prefix_s_rate_are_refused_unbilled_and_call_no_kms() {
    let reads = served(RequestRate::Reads);
    let text = |prefixes: u32| {
        let get = workload("w", "6000/s", "bucket = \"b\"\noperations.GetObject = 1");
        format!("[bucket.b]\nkey = \"k\"\nprefixes = {prefixes}\n{get}")
    };
    let results = simulated(&text(1));
    let v = &results.variants[0];
    let refused = (6_000.0 - reads) * SECONDS;
    assert_eq!(metric(v, "s3_attempts"), 6_000.0 * SECONDS);
    assert_eq!(metric(v, "s3_throttled"), refused);
    assert_eq!(metric(v, "s3_requests_failed"), refused);
    assert_eq!(metric(v, "kms_attempts"), reads * SECONDS);
    assert_eq!(metric(v, "kms_throttled"), 0.0);
    assert_eq!(metric(v, "s3_seconds_throttled_count"), SECONDS);
    let line = v.bill.iter().find(|l| l.item == "s3-tier2");
    assert_eq!(line.map(|l| l.quantity), Some(reads * SECONDS));
    let rate = &v.by_s3_request_rate["main/us-east-1/s3-reads/b"];
    assert_eq!((rate.quota, rate.first_throttled_at_s), (reads, Some(0)));
    assert_eq!(values(&v.by_bucket["b"], "s3_throttled"), [refused]);
    assert!(!v.by_quota.keys().any(|name| name.contains("s3-")));
    let shown = summary::text(&TextTable, &results).expect("text");
    assert!(shown.contains("S3 attempts throttled"), "{shown}");
    assert!(
        shown.contains("Binding limit: S3 reads, b in US East (N. Virginia)"),
        "{shown}"
    );

    let two = simulated(&text(2));
    assert_eq!(metric(&two.variants[0], "s3_throttled"), 0.0);
}

#[test]
fn what_both_limits_refuse_is_counted_at_each() {
    // KMS sees the 5,500 that S3 takes each second, and refuses what is over its quota.
    let get = workload("w", "6000/s", "bucket = \"b\"\noperations.GetObject = 1");
    let results = simulated(&format!(
        "[quota.q]\nlimit = \"5000/s\"\n[bucket.b]\nkey = \"k\"\nprefixes = 1\n{get}"
    ));
    let v = &results.variants[0];
    let reads = served(RequestRate::Reads);
    assert_eq!(metric(v, "s3_throttled"), (6_000.0 - reads) * SECONDS);
    assert_eq!(metric(v, "kms_attempts"), reads * SECONDS);
    assert_eq!(metric(v, "kms_throttled"), (reads - 5_000.0) * SECONDS);
    // −9.1 % at S3, −10 % at KMS.
    let shown = summary::text(&TextTable, &results).expect("text");
    assert!(
        shown.contains("Binding limit: KMS symmetric operations in "),
        "{shown}"
    );
}

#[test]
fn reads_and_writes_have_rates_of_their_own() {
    let get = workload("get", "5400/s", "bucket = \"b\"\noperations.GetObject = 1");
    let put = workload("put", "4000/s", "bucket = \"b\"\noperations.PutObject = 1");
    let list = workload(
        "list",
        "9000/s",
        "bucket = \"b\"\noperations.ListObjects = 1",
    );
    // Without KMS: a bucket key meets every need but the first.
    for bucket in [
        "",
        "key = \"k\"\nbucket_key = true\narchived_bucket_keys = 1\n",
    ] {
        let results = simulated(&format!(
            "[bucket.b]\nprefixes = 1\n{bucket}{get}{put}{list}"
        ));
        let v = &results.variants[0];
        let refused = (4_000.0 - served(RequestRate::Writes)) * SECONDS;
        assert_eq!(metric(v, "s3_throttled"), refused);
        assert_eq!(values(&v.by_workload["put"], "s3_throttled"), [refused]);
        assert_eq!(values(&v.by_workload["get"], "s3_throttled"), [0.0]);
        // Lists are none of either.
        assert_eq!(metric(v, "s3_attempts"), 9_400.0 * SECONDS);
        assert_eq!(v.by_workload["list"]["s3_attempts"].mean, None);
    }
}

#[test]
fn a_workload_may_have_prefixes_of_its_own() {
    let body = "bucket = \"b\"\noperations.GetObject = 1";
    let own = workload("own", "6000/s", &format!("{body}\nprefixes = 2"));
    let shared: String = ["x", "y"]
        .map(|name| workload(name, "3000/s", body))
        .concat();
    let results = simulated(&format!("[bucket.b]\nprefixes = 1\n{own}{shared}"));
    let v = &results.variants[0];
    let names: Vec<&str> = v.by_s3_request_rate.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["main/us-east-1/s3-reads/b/own", "main/us-east-1/s3-reads/b"]
    );
    let refused = (6_000.0 - served(RequestRate::Reads)) * SECONDS;
    assert_eq!(metric(v, "s3_throttled"), refused);
    assert_eq!(values(&v.by_workload["own"], "s3_throttled"), [0.0]);
    let headroom = metric(v, "s3_headroom");
    assert!((headroom - (1.0 - 6_000.0 / served(RequestRate::Reads))).abs() < 1e-12);
}

#[test]
fn whoever_tries_again_asks_s3_again() {
    let get = "[workload.w]\nretry.fixed = { delay = \"1s\", max_attempts = 3 }\narrivals.constant.rate = \"5600/s\"\nstop = \"3s\"\nbucket = \"b\"\noperations.GetObject = 1\n";
    let results = simulated(&format!("[bucket.b]\nprefixes = 1\n{get}"));
    let v = &results.variants[0];
    let tries = metric(v, "s3_attempts");
    let (requests, refused) = (metric(v, "s3_requests"), metric(v, "s3_throttled"));
    let failed = metric(v, "s3_requests_failed");
    assert!(refused > 300.0);
    // Each refusal is followed by another try, but for the last one of a request that fails.
    assert_eq!(tries, requests + refused - failed);
    assert!(metric(v, "added_delay_s_max") >= 1.0);
}

#[test]
fn without_prefixes_nothing_is_limited_and_the_reader_is_told() {
    let get = workload("w", "6000/s", "bucket = \"b\"\noperations.GetObject = 1");
    let results = simulated(&format!("[bucket.b]\n{get}"));
    let v = &results.variants[0];
    assert!(v.by_s3_request_rate.is_empty());
    assert_eq!(v.metrics["s3_throttled"].mean, None);
    let is_warned = results
        .warnings
        .iter()
        .any(|w| w.contains("6000 reads/s") && w.contains("at least 2"));
    assert!(is_warned, "{:?}", results.warnings);
}
