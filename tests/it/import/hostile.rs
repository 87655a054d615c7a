//! Input that is broken, or made to break something.

use super::{event, gzip, import, three};
use serde_json::{Value, json};
use std::fs;

/// Imports one file; exit status, totals, messages.
fn of(bytes: &[u8]) -> (i32, Value, String) {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("file.json"), bytes).expect("written");
    import(dir.path(), &["file.json"])
}

fn skips(totals: &Value) -> Vec<(String, u64)> {
    let all = totals["skipped"].as_array().into_iter().flatten();
    all.map(|s| {
        let reason = s["reason"].as_str().unwrap_or_default().to_owned();
        assert!(
            s["first"].as_str().is_some_and(|f| f.contains("byte")),
            "{s}"
        );
        (reason, s["count"].as_u64().unwrap_or(0))
    })
    .collect()
}

#[test]
fn what_breaks_off_is_told_and_what_was_before_it_counts() {
    let whole = json!({ "Records": three() }).to_string();
    let cut = &whole.as_bytes()[..whole.len() - 40];
    let zipped = gzip(&whole.repeat(200).into_bytes());
    let mut wrong_sum = gzip(whole.as_bytes());
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0xff;
    for (bytes, least) in [
        (cut.to_vec(), 2),
        (zipped[..zipped.len() / 2].to_vec(), 1),
        (wrong_sum, 2),
    ] {
        let (status, totals, text) = of(&bytes);
        assert_eq!(status, 2, "{text}");
        assert!(
            totals["kms_records"].as_u64() >= Some(least.min(2)),
            "{text}"
        );
        assert!(
            text.contains("file.json: ") && text.contains("(byte "),
            "{text}"
        );
        assert!(totals["sources"][0]["fault"].is_string());
    }
}

#[test]
fn odd_records_are_read_or_skipped_by_name() {
    let records = [
        event(
            "1",
            "2026-03-02T03:00:00Z",
            &json!({ "userIdentity": null }),
        ),
        event(
            "2",
            "2026-03-02T03:00:01Z",
            &json!({ "requestParameters": "omitted" }),
        ),
        event("3", "2026-02-30T00:00:00Z", &json!({})),
        event("4", "1772409601", &json!({})),
        event("5", "2026-03-02T03:00:60Z", &json!({})),
        event("6", "2026-03-02T03:00:02.5+00:00", &json!({})),
        event(
            "7",
            "2026-03-02T03:00:03Z",
            &json!({
                "requestParameters": { "eventSource": "ec2.amazonaws.com", "errorCode": "ThrottlingException" }
            }),
        ),
        event(
            "8",
            "2026-03-02T03:00:03Z",
            &json!({ "eventType": "AwsCloudTrailInsight" }),
        ),
        event(
            "9",
            "2026-03-02T03:00:03Z",
            &json!({ "eventType": "AwsAggregatedEvent" }),
        ),
    ];
    let (status, totals, text) = of(json!({ "Records": records }).to_string().as_bytes());
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        (&totals["kms_records"], &totals["kms_throttled"]),
        (&json!(5), &json!(0)),
        "{text}"
    );
    assert_eq!(
        skips(&totals),
        [
            ("without a valid time".to_owned(), 2),
            ("an Insights event".to_owned(), 1),
            (
                "an aggregated event, which stands for many requests".to_owned(),
                1
            )
        ]
    );
}

#[test]
fn escapes_duplicate_keys_and_depth_change_nothing() {
    let plain = event("1", "2026-03-02T03:00:00Z", &json!({})).to_string();
    let escaped = plain
        .replace("eventSource", "event\\u0053ource")
        .replace("kms.amazonaws.com", "kms\\u002eamazonaws.com");
    let twice = plain.replacen(
        '{',
        "{\"eventName\":\"Encrypt\",\"eventSource\":\"ec2.amazonaws.com\",",
        1,
    );
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep = plain.replacen('{', &format!("{{\"x\":{deep},"), 1);
    for (name, record) in [("escaped", escaped), ("twice", twice), ("deep", deep)] {
        let (status, totals, text) = of(format!("{{\"Records\":[{record}]}}").as_bytes());
        assert_eq!(
            (status, &totals["kms_records"]),
            (0, &json!(1)),
            "{name}: {text}"
        );
        assert_eq!(
            totals["kms_by_operation"],
            json!({ "Decrypt": 1 }),
            "{name}"
        );
    }
}

#[test]
fn what_is_huge_takes_no_memory_and_no_neighbour() {
    let one = event("1", "2026-03-02T03:00:00Z", &json!({})).to_string();
    let two = event("2", "2026-03-02T03:00:01Z", &json!({})).to_string();
    let large = format!(
        "{{\"eventSource\":\"x\",\"y\":\"{}\"}}",
        "}\\\"".repeat(7 << 20)
    );
    let (status, totals, text) = of(&gzip(
        format!("{{\"Records\":[{one},{large},{two}]}}").as_bytes(),
    ));
    assert_eq!((status, &totals["kms_records"]), (0, &json!(2)), "{text}");
    assert_eq!(skips(&totals), [("larger than 16 MiB".to_owned(), 1)]);
    let blanks = " ".repeat(40 << 20);
    let (status, totals, text) = of(&gzip(format!("{one}{blanks}{two}").as_bytes()));
    assert_eq!((status, &totals["kms_records"]), (0, &json!(2)), "{text}");
    // Nested documents end before the stack does.
    let nested = "{\"Records\":[".repeat(100_000);
    let (status, _, _) = of(format!("{nested}{one}").as_bytes());
    assert_eq!(status, 2);
}

#[test]
fn garbage_is_skipped_line_by_line_and_unknown_files_are_named() {
    let line = |id: &str| event(id, "2026-03-02T03:00:00Z", &json!({})).to_string();
    let (status, totals, text) = of(format!("{}\nnot JSON\n{}\n", line("1"), line("2")).as_bytes());
    assert_eq!((status, &totals["kms_records"]), (0, &json!(2)), "{text}");
    assert_eq!(skips(&totals), [("malformed".to_owned(), 1)]);

    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("a.json"), line("1")).expect("written");
    fs::write(dir.path().join("LICENSE"), "MIT").expect("written");
    fs::write(dir.path().join("empty"), "").expect("written");
    let (status, totals, text) = import(dir.path(), &["a.json", "LICENSE", "empty"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        totals["files_left_out"],
        json!({ "empty": 1, "unknown format": 1 })
    );
    assert!(text.contains("LICENSE: unknown format"), "{text}");
    let (status, _, text) = import(dir.path(), &["LICENSE"]);
    assert_eq!(status, 2);
    assert!(text.contains("known format"), "{text}");
    let (status, _, text) = import(dir.path(), &["a.json", "nowhere"]);
    assert_eq!(status, 2);
    assert!(text.contains("nowhere: cannot be read"), "{text}");
}

#[test]
fn a_stray_event_of_another_century_costs_nothing() {
    let records = [
        event("1", "1999-03-02T03:00:00Z", &json!({})),
        event("2", "2026-03-02T03:00:00Z", &json!({})),
        event("3", "2026-03-02T03:00:01Z", &json!({})),
    ];
    let (status, totals, text) = of(json!({ "Records": records }).to_string().as_bytes());
    assert_eq!(
        (status, &totals["first"]),
        (0, &json!("1999-03-02T03:00:00Z")),
        "{text}"
    );
    assert_eq!(totals["from"], "2026-03-02T03:00:00Z");
    assert!(
        text.contains("left out: 1 requests more than a week apart"),
        "{text}"
    );
}
