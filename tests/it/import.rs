//! `kmsim import`: files in, totals, a scenario that is accepted, and an exit status.

mod arrivals;
mod broken;
mod containers;
mod hostile;
mod inventories;
mod mutated;
mod paths;
mod private;
mod shared_files;
mod templates;
mod written;

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs kmsim in a folder.
fn kmsim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("kmsim starts")
}

/// Exit status and messages.
fn told(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

/// Imports into `mine.toml`; the totals and what was told.
fn import(dir: &Path, args: &[&str]) -> (i32, Value, String) {
    let args = [&["import"], args, &["--out", "mine.toml"]].concat();
    let (status, text) = told(&kmsim(dir, &args));
    let totals = fs::read_to_string(dir.join("mine.import.json")).unwrap_or_default();
    let totals = serde_json::from_str(&totals).unwrap_or(Value::Null);
    (status, totals, text)
}

/// A KMS event.
fn event(id: &str, time: &str, extra: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/orders/pod-1",
            "accountId": "111122223333",
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/orders" } }
        },
        "eventTime": time,
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "eu-west-3",
        "userAgent": "Boto3/1.44.5 md/Botocore#1.44.5 cfg/retry-mode#standard",
        "requestParameters": { "encryptionContext": { "tenant": "t}1" } },
        "resources": [{ "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-west-3:111122223333:key/k" }],
        "eventID": id,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    });
    for (key, value) in extra.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    event
}

/// Three events, the last of them from another service.
fn three() -> Vec<Value> {
    vec![
        event("1", "2026-03-02T03:00:00Z", &json!({})),
        event(
            "2",
            "2026-03-02T03:00:02Z",
            &json!({ "eventName": "GenerateDataKey" }),
        ),
        event(
            "3",
            "2026-03-02T03:00:01Z",
            &json!({ "eventSource": "ec2.amazonaws.com" }),
        ),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn every_container_of_cloudtrail_gives_the_same() {
    let records = three();
    let text = |v: &Value| v.to_string();
    let lines: Vec<String> = records.iter().map(text).collect();
    let pages: Vec<Value> = records
        .iter()
        .map(|r| json!({ "EventId": "x", "EventTime": 1_772_409_601.0, "CloudTrailEvent": r.to_string() }))
        .collect();
    let messages: Vec<Value> = records
        .iter()
        .map(|r| json!({ "id": "x", "timestamp": 1, "message": r.to_string() }))
        .collect();
    let bridge: Vec<String> = records
        .iter()
        .map(|r| {
            json!({ "version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": r })
                .to_string()
        })
        .collect();
    let delivered = text(&json!({ "Records": records }));
    let containers: Vec<(&str, Vec<u8>)> = vec![
        ("delivered", delivered.clone().into_bytes()),
        ("gzip", gzip(delivered.as_bytes())),
        (
            "members",
            [
                gzip(lines[0].as_bytes()),
                gzip(lines[1..].concat().as_bytes()),
            ]
            .concat(),
        ),
        ("array", serde_json::to_vec_pretty(&records).expect("JSON")),
        ("lines", lines.join("\n").into_bytes()),
        ("documents", lines.concat().into_bytes()),
        (
            "lookup",
            text(&json!({ "NextToken": "x", "Events": pages })).into_bytes(),
        ),
        (
            "lookup pages",
            text(&json!([{ "Events": pages }])).into_bytes(),
        ),
        (
            "subscription",
            (text(
                &json!({ "messageType": "CONTROL_MESSAGE", "logEvents": [{ "message": "hello" }] }),
            ) + &text(
                &json!({ "messageType": "DATA_MESSAGE", "owner": "1", "logEvents": messages }),
            ))
                .into_bytes(),
        ),
        ("EventBridge", bridge.join("\n").into_bytes()),
    ];
    for (name, bytes) in containers {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("file"), bytes).expect("written");
        let (status, totals, text) = import(dir.path(), &["file"]);
        assert_eq!(status, 0, "{name}: {text}");
        assert_eq!(totals["kms_records"], 2, "{name}: {text}");
        assert_eq!(totals["records_unique_by_eventID"], 3, "{name}");
        assert_eq!(totals["by_event_source"]["ec2.amazonaws.com"], 1, "{name}");
        assert_eq!(
            totals["kms_by_context_key"],
            json!({ "tenant": 2 }),
            "{name}"
        );
        let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
        assert_eq!(status, 0, "{name}: {text}");
        assert!(!text.contains("warning"), "{name}: {text}");
    }
}

#[test]
fn one_call_counts_once_whoever_delivers_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let shared =
        json!({ "sharedEventID": "s", "eventID": "4", "recipientAccountId": "444455556666" });
    let mut records = three();
    records.push(event("1", "2026-03-02T03:00:00Z", &json!({})));
    records.push(event(
        "5",
        "2026-03-02T03:00:03Z",
        &json!({ "sharedEventID": "s" }),
    ));
    records.push(event("4", "2026-03-02T03:00:03Z", &shared));
    let file = json!({ "Records": records }).to_string();
    fs::write(dir.path().join("one.json"), &file).expect("written");
    fs::write(dir.path().join("two.json"), &file).expect("written");
    for threads in ["1", "2"] {
        let (status, totals, text) = import(
            dir.path(),
            &["one.json", "two.json", "--keep-names", "--threads", threads],
        );
        assert_eq!(status, 0, "{text}");
        assert_eq!(totals["records"], 12);
        assert_eq!(
            (&totals["duplicates"], &totals["kms_records"]),
            (&json!(7), &json!(4))
        );
        assert_eq!(totals["totals"]["one_call_in_two_accounts"], 1);
        assert_eq!(totals["demand_estimate"], 3);
        let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
        assert!(scenario.contains("account-111122223333"), "{scenario}");
    }
}

#[test]
fn names_are_pseudonyms_and_secrets_are_nowhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let secret = json!({
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE"
        },
        "sourceIPAddress": "192.0.2.77",
        "requestParameters": { "keyId": "arn:aws:kms:eu-west-3:111122223333:key/k-secret", "X-Amz-Signature": "c0ffee" }
    });
    let mut records = three();
    records.push(event("9", "2026-03-02T03:00:04Z", &secret));
    records.push(event("10", "at noon X-Amz-Signature=c0ffee", &json!({})));
    let path = "111122223333_CloudTrail_eu-west-3_20260302T0305Z_x.json";
    fs::write(
        dir.path().join(path),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &[path]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(totals["without_parsable_eventTime"], 1);
    let mut all = text + &totals.to_string();
    for entry in fs::read_dir(dir.path()).expect("a folder") {
        let file = entry.expect("an entry").path();
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name != path {
            all += &name;
            all += &fs::read_to_string(file).expect("text");
        }
    }
    for hidden in [
        "111122223333",
        "alice",
        "orders",
        "AKIA",
        "192.0.2.77",
        "k-secret",
        "c0ffee",
    ] {
        assert!(!all.contains(hidden), "{hidden}");
    }
    assert!(all.contains("role-") && all.contains("account-"));
}

#[test]
fn a_trail_without_kms_is_no_zero_load() {
    let dir = tempfile::tempdir().expect("a folder");
    let put = json!({
        "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "eventCategory": "Data", "managementEvent": false,
        "requestParameters": { "bucketName": "lake", "key": "a" }, "additionalEventData": { "SSEApplied": "SSE_KMS" }
    });
    let selectors = json!({
        "eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors",
        "requestParameters": { "eventSelectors": [{ "excludeManagementEventSources": ["kms.amazonaws.com"] }] }
    });
    let records = [
        event("1", "2026-03-02T03:00:00Z", &put),
        event("2", "2026-03-02T03:00:09Z", &put),
        event("3", "2026-03-02T03:00:09Z", &selectors),
    ];
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &["a.json"]);
    assert_eq!(
        (status, &totals["s3_data_records"]),
        (0, &json!(2)),
        "{text}"
    );
    assert!(
        text.contains(
            "excludes KMS events: KMS load unknown from this source; add CallCount or data events"
        ),
        "{text}"
    );
}

#[test]
fn demand_is_not_attempts_and_only_kms_throttles_draw_on_kms() {
    let dir = tempfile::tempdir().expect("a folder");
    let throttled =
        json!({ "errorCode": "ThrottlingException", "requestParameters": null, "resources": null });
    let ssm = json!({ "errorCode": "ThrottlingException", "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter" });
    let mut records = Vec::new();
    for i in 0..40 {
        let time = format!("2026-03-02T03:00:{:02}Z", i % 20);
        let extra = if i < 10 { &throttled } else { &json!({}) };
        records.push(event(&i.to_string(), &time, extra));
    }
    records.push(event("ssm", "2026-03-02T03:00:05Z", &ssm));
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (_, totals, text) = import(dir.path(), &["a.json"]);
    assert_eq!(
        (&totals["attempts"], &totals["throttled"]),
        (&json!(40), &json!(10)),
        "{text}"
    );
    assert_eq!(totals["kms_throttled"], 10);
    assert_eq!(
        totals["throttled_all_services"],
        json!({ "kms.amazonaws.com": 10, "ssm.amazonaws.com": 1 })
    );
    let demand = totals["demand_estimate"].as_u64().expect("a number");
    assert!((30..40).contains(&demand), "{demand}");
    // All attempts where nobody tries again by itself; here the user agent says who does.
    assert_eq!(totals["workloads"][0]["retry_is_known"], true);
}

#[test]
fn a_file_of_ones_own_is_not_written_over() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": three() }).to_string(),
    )
    .expect("written");
    fs::write(dir.path().join("mine.toml"), "horizon = \"1h\"\n").expect("written");
    let (status, _, text) = import(dir.path(), &["a.json"]);
    assert_eq!(status, 2);
    assert!(text.contains("import did not write it"), "{text}");
    let kept = fs::read_to_string(dir.path().join("mine.toml")).expect("the file");
    assert_eq!(kept, "horizon = \"1h\"\n");
}

#[test]
fn files_that_everybody_has_make_a_scenario_with_both_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let account = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/account");
    let (status, totals, text) = import(dir.path(), &[&account.to_string_lossy()]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        (&totals["slots"], &totals["missing"]),
        (&json!(360), &json!(2))
    );
    assert_eq!(totals["quota_per_s"], 10_000.0);
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    for part in [
        "[variant.bursty.",
        "dispersion = ",
        "limit = \"10000/s\"",
        "as their neighbours",
    ] {
        assert!(scenario.contains(part), "{part}: {scenario}");
    }
    let run = [
        "run",
        "mine.toml",
        "--replications",
        "2",
        "--set",
        "horizon=60s",
        "--format",
        "json",
    ];
    let output = kmsim(dir.path(), &run);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output).1);
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let busiest = |variant: &str| {
        let all = results["variants"].as_array().expect("variants");
        let one = all
            .iter()
            .find(|v| v["name"] == variant)
            .expect("the variant");
        one["metrics"]["kms_attempts_per_s_max"]["mean"]
            .as_f64()
            .expect("a number")
    };
    assert!(
        busiest("bursty") > 1.05 * busiest("as-is"),
        "{} {}",
        busiest("bursty"),
        busiest("as-is")
    );
}

#[test]
fn requests_of_an_access_log_stand_for_the_calls_that_s3_makes() {
    let dir = tempfile::tempdir().expect("a folder");
    let line = |second: u32, id: &str, operation: &str, status: u32| {
        format!(
            "owner lake [02/Mar/2026:03:00:{second:02} +0000] 10.0.0.1 arn:aws:sts::111122223333:assumed-role/etl/i-1 {id} {operation} k \"GET /k HTTP/1.1\" {status} - 1 1 1 1 \"-\" \"Boto3/1.44.5\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - -\n"
        )
    };
    let log = line(1, "A", "REST.GET.OBJECT", 200)
        + &line(2, "B", "REST.GET.OBJECT", 206)
        + &line(2, "B", "REST.GET.OBJECT", 206)
        + &line(3, "C", "REST.PUT.OBJECT", 200)
        + &line(3, "D", "REST.GET.OBJECT", 404)
        + "garbage\n";
    fs::write(dir.path().join("log"), log).expect("written");
    let context = json!({ "requestParameters": { "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::lake/k" } } });
    let records = [
        event("1", "2026-03-02T03:00:01Z", &context),
        event("2", "2026-03-02T03:00:02Z", &context),
    ];
    fs::write(
        dir.path().join("a.json"),
        json!({ "Records": records }).to_string(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &["log", "a.json", "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        (&totals["lines"], &totals["lines_used"]),
        (&json!(6), &json!(4))
    );
    assert_eq!(
        (&totals["demand_estimate"], &totals["kms_through_s3"]),
        (&json!(3), &json!(2))
    );
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    assert!(
        scenario.contains("[bucket.lake]") && scenario.contains("bucket keys are off"),
        "{scenario}"
    );
    let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
}
