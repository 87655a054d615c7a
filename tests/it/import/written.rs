//! The scenario that import writes: accepted without a warning, with groups and rows for many things, variants that change
//! something; what the files show of the account beside it.

use super::{event, import, kmsim, told};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What `check` says, which must be nothing but what there is.
fn checked(dir: &Path) -> String {
    let (status, text) = told(&kmsim(dir, &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
    assert!(!text.contains("warning"), "{text}");
    text
}

/// A KMS event of a role for an object of a bucket, or of an application.
fn of(role: &str, id: usize, second: usize, extra: &Value) -> Value {
    let time = format!("2026-03-02T03:{:02}:{:02}Z", second / 60, second % 60);
    let mut event = event(&id.to_string(), &time, extra);
    event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] =
        json!(format!("arn:aws:iam::111122223333:role/{role}"));
    event
}

fn of_object(bucket: usize) -> Value {
    json!({
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/etl/i", "accountId": "111122223333",
            "invokedBy": "AWS Internal",
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/etl" } }
        },
        "requestParameters": { "encryptionContext": { "aws:s3:arn": format!("arn:aws:s3:::bucket-{bucket}/k") } }
    })
}

#[test]
fn many_things_are_rows_of_csv_files_and_groups_of_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut records = Vec::new();
    for i in 0..30 {
        for k in 0..20 {
            records.push(of("etl", i * 100 + k, (k * 7 + i) % 300, &of_object(i)));
        }
        let role = format!("application-{i}");
        // Data keys of which a cache makes one, and one that it cannot know.
        for k in 0..6 {
            let extra = json!({ "eventName": if k < 5 { "GenerateDataKey" } else { "Decrypt" } });
            records.push(of(&role, 10_000 + i * 10 + k, (k * 40 + i) % 300, &extra));
        }
    }
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &["a.json", "--keep-names"]);
    assert_eq!(
        (status, &totals["demand_estimate"]),
        (0, &json!(780)),
        "{text}"
    );
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    for part in [
        "buckets.file = \"mine.buckets.csv\"",
        "workloads.file = \"mine.workloads.csv\"",
        "requesters.file = \"mine.requesters.csv\"",
        "[group.without-bucket-keys]",
        "[variant.bucket-keys.bucket.\"@without-bucket-keys\"]",
        "[group.own-data-keys]",
        "[variant.data-key-cache.workload.\"@own-data-keys\"]",
    ] {
        assert!(scenario.contains(part), "{part}: {scenario}");
    }
    assert!(scenario.lines().count() < 120, "{scenario}");
    assert!(
        scenario.lines().all(|line| line.chars().count() <= 130),
        "{scenario}"
    );
    let rows = fs::read_to_string(dir.path().join("mine.workloads.csv")).expect("rows");
    assert_eq!(rows.lines().count(), 61, "{rows}");
    let checked = checked(dir.path());
    assert!(
        checked
            .contains("as-is, bucket-keys, bucket-keys-rewritten, data-key-cache, quota-increase"),
        "{checked}"
    );
    let run = [
        "run",
        "mine.toml",
        "--replications",
        "1",
        "--format",
        "json",
    ];
    let output = kmsim(dir.path(), &run);
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let attempts = |i: usize| {
        results["variants"][i]["metrics"]["kms_attempts"]["mean"]
            .as_f64()
            .expect("a number")
    };
    assert_eq!(attempts(0), 780.0);
    // A data key of each application is enough for five minutes.
    assert!((600.0..=690.0).contains(&attempts(3)), "{}", attempts(3));
}

#[test]
fn accounts_and_regions_are_groups() {
    let dir = tempfile::tempdir().expect("a folder");
    let (here, elsewhere) = (json!({}), json!({ "awsRegion": "us-east-1" }));
    let records: Vec<Value> = (0..40)
        .map(|i| of("orders", i, i, if i % 2 == 0 { &here } else { &elsewhere }))
        .collect();
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, _, text) = import(dir.path(), &["a.json", "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    assert!(
        scenario.contains("[group.account-111122223333-us-east-1]"),
        "{scenario}"
    );
    checked(dir.path());
}

#[test]
fn what_the_files_show_of_the_account_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let read = json!({
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data", "managementEvent": false,
        "requestParameters": { "bucketName": "bucket-1", "key": "k" }
    });
    let for_bucket_key = {
        let mut one = of_object(1);
        one["requestParameters"]["encryptionContext"]["aws:s3:arn"] =
            json!("arn:aws:s3:::bucket-1");
        one
    };
    let mut records: Vec<Value> = (0..40).map(|i| of("etl", i, i, &read)).collect();
    records.extend((0..4).map(|i| of("etl", 100 + i, i * 10, &for_bucket_key)));
    records.extend((0..2).map(|i| of("etl", 200 + i, i * 15, &of_object(1))));
    records.extend((0..9).map(|i| of("orders", 300 + i, i, &json!({}))));
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &["a.json", "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    let account = &totals["account"];
    let bucket = &account["buckets"]["bucket-1"];
    assert_eq!(
        (
            &bucket["reads"],
            &bucket["kms_calls_for_bucket_key"],
            &bucket["kms_calls_for_objects"]
        ),
        (&json!(40), &json!(4), &json!(2))
    );
    assert_eq!(
        bucket["bucket_keys"],
        "on, with objects older than they are"
    );
    assert!(
        (bucket["requests_per_kms_call"].as_f64().expect("a number") - 40.0 / 6.0).abs() < 1e-9,
        "{bucket}"
    );
    assert!(
        (bucket["reads_of_older_objects"].as_f64().expect("a number") - 0.05).abs() < 1e-9,
        "{bucket}"
    );
    let callers = account["callers"].as_array().expect("callers");
    assert_eq!(callers[0]["requester"], "etl");
    assert_eq!(
        (&callers[1]["requester"], &callers[1]["kms_calls"]),
        (&json!("orders"), &json!(9))
    );
    let clients = account["clients"].as_array().expect("clients");
    assert!(
        clients.iter().any(|c| c["retry"] == "standard"),
        "{clients:?}"
    );
    assert_eq!(
        (
            &totals["calibration"],
            totals["why"]["calibration"].is_string()
        ),
        (&Value::Null, true)
    );
    checked(dir.path());
}

#[test]
fn a_trail_that_ships_with_kmsim_gives_what_it_was_made_from() {
    let dir = tempfile::tempdir().expect("a folder");
    let trail = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/trail");
    let (status, totals, text) = import(
        dir.path(),
        &[
            &trail.join("cloudtrail.json.gz").to_string_lossy(),
            "--retry",
            "standard",
            "--keep-names",
        ],
    );
    assert_eq!(status, 0, "{text}");
    let made = trail.join("made-from.toml");
    let run = [
        "run",
        &made.to_string_lossy(),
        "--format",
        "json",
        "--quiet",
        "--out",
        "made",
    ];
    let results: Value = serde_json::from_slice(&kmsim(dir.path(), &run).stdout).expect("JSON");
    let metrics = &results["variants"][0]["metrics"];
    let of = |name: &str| metrics[name]["mean"].as_f64().expect("a number");
    assert_eq!(totals["attempts"].as_f64(), Some(of("kms_attempts")));
    assert_eq!(totals["kms_throttled"].as_f64(), Some(of("kms_throttled")));
    let demand = of("app_requests") + of("s3_requests");
    let found = totals["demand_estimate"].as_f64().expect("a number");
    assert!((found / demand - 1.0).abs() < 0.02, "{found} for {demand}");
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    assert!(scenario.contains("limit = \"10/s\""), "{scenario}");
    let checked = checked(dir.path());
    assert!(checked.contains("bucket-keys"), "{checked}");
}

#[test]
fn a_week_of_minutes_with_settings_and_quotas_is_ready_to_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = 1_772_409_600_i64;
    let minutes: Vec<i64> = (0..10_080).collect();
    let rate = |minute: i64| {
        let hour = (minute / 60 % 24) as f64;
        60.0 * (2_000.0 + 1_500.0 * (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos())
    };
    // Newest first, as AWS prints them.
    let times: Vec<i64> = minutes.iter().rev().map(|m| first + m * 60).collect();
    let values: Vec<f64> = minutes.iter().rev().map(|m| rate(*m).round()).collect();
    let data = json!({ "MetricDataResults": [{
        "Id": "m1", "Label": "CallCount", "Timestamps": times, "Values": values, "StatusCode": "Complete"
    }] });
    fs::write(dir.path().join("call-count.json"), data.to_string()).expect("written");
    let account = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/account");
    for file in ["bucket-encryption.json", "service-quotas.json"] {
        fs::copy(account.join(file), dir.path().join(file)).expect("copied");
    }
    let files = [
        "call-count.json",
        "bucket-encryption.json",
        "service-quotas.json",
    ];
    let (status, totals, text) = import(dir.path(), &files);
    assert_eq!((status, &totals["slots"]), (0, &json!(10_080)), "{text}");
    let checked = checked(dir.path());
    for variant in [
        "as-is",
        "bursty",
        "quota-increase",
        "quota-increase-bursty",
        "bucket-keys-at-best-bursty",
    ] {
        assert!(checked.contains(variant), "{variant}: {checked}");
    }
    let run = [
        "run",
        "mine.toml",
        "--replications",
        "1",
        "--set",
        "horizon=60s",
        "--format",
        "json",
    ];
    let output = kmsim(dir.path(), &run);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output).1);
}

#[test]
fn regions_of_other_partitions_are_their_own_and_missing_prices_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    for (partition, region, host) in [
        (
            "aws-us-gov",
            "us-gov-west-1",
            "lake.s3.us-gov-west-1.amazonaws.com",
        ),
        (
            "aws-cn",
            "cn-north-1",
            "lake.s3.cn-north-1.amazonaws.com.cn",
        ),
    ] {
        let line = |i: u32| {
            format!(
                "o lake [02/Mar/2026:03:{:02}:{:02} +0000] 10.0.0.1 arn:{partition}:sts::222233334444:assumed-role/etl/s ID{i} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"x\" - h SigV4 C AuthHeader {host} TLSv1.3 - - {region}\n",
                i / 60,
                i % 60
            )
        };
        let text: String = (0..600).map(line).collect();
        fs::write(dir.path().join("log"), text).expect("written");
        let (status, totals, text) = import(dir.path(), &["log", "--keep-names"]);
        assert_eq!(status, 0, "{text}");
        let workload = &totals["workloads"][0];
        assert_eq!(
            (&workload["region"], &workload["requester"]),
            (&json!(region), &json!("etl"))
        );
        let (status, checked) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
        let has_prices = partition != "aws-cn";
        assert_eq!(status == 0, has_prices, "{checked}");
        assert_eq!(
            text.contains("no prices of cn-north-1"),
            !has_prices,
            "{text}"
        );
        assert_eq!(
            checked.contains("[price.kms-requests]"),
            !has_prices,
            "{checked}"
        );
    }
}
