//! Every reader on input that is cut, odd or huge: nothing is lost without a word.

use super::mutated::{counted, parquet_of, samples};
use super::{event, gzip, import};
use kmsim::import::evidence::collected::AccountEvidence;
use kmsim::import::gather::{GatherOptions, gather};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn read(path: &Path, threads: usize) -> AccountEvidence {
    let options = GatherOptions {
        threads,
        ..GatherOptions::default()
    };
    gather(&[path.to_path_buf()], &options)
}

/// Reads bytes as a file.
fn of(bytes: &[u8]) -> AccountEvidence {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("file"), bytes).expect("written");
    read(&dir.path().join("file"), 1)
}

fn records(evidence: &AccountEvidence) -> u64 {
    evidence.records.values().sum()
}

/// Formats that are compressed by themselves, or left out.
fn is_special(name: &str) -> bool {
    matches!(name, "parquet" | "orc" | "cloudtrail-digest")
}

#[test]
fn a_wrong_checksum_ends_every_reader_with_what_it_had() {
    for (name, bytes) in samples() {
        if is_special(name) || bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5])
        {
            continue;
        }
        let whole = records(&of(&bytes));
        let mut zipped = gzip(&bytes);
        assert_eq!(records(&of(&zipped)), whole, "{name}");
        let crc = zipped.len() - 8;
        zipped[crc] ^= 1;
        let evidence = of(&zipped);
        let fault = evidence.faults().next().map(|f| f.1.to_owned());
        assert!(
            fault.as_ref().is_some_and(|f| f.contains("(byte ")),
            "{name}: {fault:?}"
        );
        // The last line may be one that goes on.
        assert!(
            records(&evidence) + 1 >= whole,
            "{name}: {} of {whole}",
            records(&evidence)
        );
        assert_eq!(records(&evidence), counted(&evidence), "{name}");
    }
}

#[test]
fn json_that_breaks_off_is_a_fault_and_its_beginning_counts() {
    for (name, bytes) in samples() {
        if is_special(name) || bytes.first() != Some(&b'{') {
            continue;
        }
        let whole = of(&bytes);
        let evidence = of(&bytes[..bytes.len() - 2]);
        let is_line = matches!(name, "metric-stream");
        let has_fault = evidence.faults().next().is_some();
        assert!(
            has_fault || is_line && !evidence.skips.is_empty(),
            "{name}: {evidence:?}"
        );
        assert_eq!(records(&evidence), counted(&evidence), "{name}");
        if !matches!(
            name,
            "inventory-manifest" | "bucket-encryption" | "event-selectors"
        ) {
            assert!(records(&evidence) + 1 >= records(&whole), "{name}");
        }
    }
}

#[test]
fn marks_line_ends_and_encodings_change_nothing() {
    for (name, bytes) in samples() {
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        if is_special(name) {
            continue;
        }
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let whole = of(text.as_bytes());
        let crlf = text.replace('\n', "\r\n");
        let wide = |f: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(f)
                .collect()
        };
        for (how, bytes) in [
            ("a mark", format!("\u{feff}{text}").into_bytes()),
            ("CRLF", crlf.into_bytes()),
            ("no last line end", text.trim_end().as_bytes().to_vec()),
            ("UTF-16, little", wide(u16::to_le_bytes)),
            ("UTF-16, big", wide(u16::to_be_bytes)),
        ] {
            let evidence = of(&bytes);
            assert_eq!(evidence.kinds, whole.kinds, "{name}, {how}");
            assert_eq!(evidence.settings, whole.settings, "{name}, {how}");
            assert_eq!(evidence.faults().count(), 0, "{name}, {how}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_replaced_or_skipped() {
    for (name, bytes) in samples() {
        if is_special(name) || String::from_utf8(bytes.clone()).is_err() {
            continue;
        }
        // In a text of the file: behind a letter that stands between two others.
        let at = (bytes.len() / 2..bytes.len() - 2)
            .find(|&i| bytes[i - 1..=i + 1].iter().all(u8::is_ascii_lowercase))
            .unwrap_or(bytes.len() - 1);
        for odd in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\0"] {
            let mut spoilt = bytes.clone();
            spoilt.splice(at..at, odd.iter().copied());
            let evidence = of(&spoilt);
            assert_eq!(records(&evidence), counted(&evidence), "{name}: {odd:?}");
            let told = records(&evidence) > 0
                || evidence.faults().count() > 0
                || !evidence.files_left_out.is_empty();
            assert!(told, "{name}: {odd:?}");
        }
    }
}

#[test]
fn odd_lines_of_access_logs_are_counted() {
    let line = |id: &str, uri: &str| {
        format!(
            "o lake [02/Mar/2026:03:00:01 +0000] 10.0.0.1 r {id} REST.GET.OBJECT k \"{uri}\" 200 - 1 1 1 1 \"-\" \"x\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - -"
        )
    };
    let huge = format!("{} {}", line("D", "GET /k HTTP/1.1"), "f ".repeat(9 << 20));
    let fields = format!("{} {}", line("E", "GET /k HTTP/1.1"), "f ".repeat(1 << 20));
    let lines = [
        line("A", "GET /k HTTP/1.1"),
        "# Version 1".to_owned(),
        String::new(),
        line("B", "GET /k?\0\0 HTTP/1.1"),
        "\0\0\0".to_owned(),
        huge,
        fields,
        line("F", "GET /k HTTP/1.1").replace("02/Mar", "30/Feb"),
        line("G", "GET /k HTTP/1.1\" 403 HTTP/1.1"),
        line("H", "GET /k HTTP/1.1") + "\r",
        "two words".to_owned(),
    ];
    let evidence = of(lines.join("\n").as_bytes());
    let counts: Vec<(&str, u64)> = evidence.skips["s3-access-log"]
        .iter()
        .map(|(r, s)| (r.words(), s.count))
        .collect();
    assert_eq!(
        counts,
        [
            ("malformed", 3),
            ("larger than 16 MiB", 1),
            ("a comment", 1)
        ]
    );
    assert_eq!((records(&evidence), counted(&evidence)), (10, 10));
    assert_eq!((evidence.ambiguous, evidence.faults().count()), (1, 0));
}

#[test]
fn ten_gigabytes_of_nothing_take_no_memory() {
    // Ten megabytes here; members after each other are read on.
    let blanks = gzip(" ".repeat(10 << 20).as_bytes());
    for (first, least) in [
        (
            event("1", "2026-03-02T03:00:00Z", &json!({})).to_string(),
            1,
        ),
        ("timestamp,value\n2026-03-02 03:00:00,5\n".to_owned(), 1),
    ] {
        let mut file = gzip(first.as_bytes());
        for _ in 0..12 {
            file.extend_from_slice(&blanks);
        }
        let evidence = of(&file);
        let told = evidence.faults().count() > 0
            || !evidence.skips.is_empty()
            || records(&evidence) >= least;
        assert!(told && records(&evidence) >= least, "{evidence:?}");
        assert_eq!(records(&evidence), counted(&evidence));
    }
}

#[test]
fn parquet_that_breaks_off_is_a_fault() {
    let whole = parquet_of(
        &[
            ("bucket", vec!["lake"; 3]),
            ("key", vec!["a", "b", "c"]),
            ("encryption_status", vec!["SSE-KMS"; 3]),
            ("bucket_key_status", vec!["ENABLED", "DISABLED", "ENABLED"]),
        ],
        &[
            ("size", vec![1, 2, 3]),
            ("last_modified_date", vec![1_772_420_755_000; 3]),
        ],
        true,
    );
    let evidence = of(&whole);
    let list = &evidence.objects["lake"];
    assert_eq!(
        (list.objects(), list.bytes(), list.older_share()),
        (3, 6, Some(1.0 / 3.0))
    );
    assert_eq!(
        list.taken_or_last(),
        Some(1_772_420_755 / 3_600 * 3_600 + 3_600)
    );
    for n in [4, 100, whole.len() - 1] {
        let evidence = of(&whole[..n]);
        assert_eq!(evidence.faults().count(), 1, "{n}: {evidence:?}");
    }
    // A compressed Parquet file is none, and says so.
    let evidence = of(&gzip(&whole));
    assert!(
        evidence
            .faults()
            .next()
            .is_some_and(|f| f.1.contains("compressed once more")),
        "{evidence:?}"
    );
    let other = parquet_of(&[("a", vec!["b"])], &[], false);
    assert_eq!(
        of(&other).files_left_out["Parquet without columns that import knows"],
        1
    );
}

#[test]
fn bills_in_parquet_are_those_in_csv() {
    let text = "line_item_product_code,line_item_usage_type,line_item_operation,line_item_line_item_type,line_item_usage_start_date,line_item_usage_amount\n\
                awskms,eu-west-3-KMS-Requests,Decrypt,Usage,2026-03-02T00:00:00Z,768.0\nAmazonS3,EUW3-Requests-Tier1,PutObject,Usage,2026-03-02T01:00:00Z,5.0\n";
    let csv = of(text.as_bytes());
    let parquet = samples()
        .into_iter()
        .find(|s| s.0 == "parquet")
        .expect("a sample")
        .1;
    let parquet = of(&parquet);
    assert_eq!(parquet.kinds, csv.kinds);
    let totals = |e: &AccountEvidence| -> Vec<(String, u64)> {
        e.series
            .iter()
            .map(|(k, c)| (format!("{k:?}"), c.total()))
            .collect()
    };
    assert_eq!(totals(&parquet), totals(&csv));
    assert_eq!(totals(&csv).iter().map(|t| t.1).sum::<u64>(), 773);
    // Both together count once.
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("a.csv"), text).expect("written");
    fs::write(
        dir.path().join("b"),
        samples()
            .into_iter()
            .find(|s| s.0 == "parquet")
            .expect("a sample")
            .1,
    )
    .expect("written");
    let both = read(dir.path(), 2);
    assert_eq!(totals(&both), totals(&csv));
    assert_eq!(both.duplicates.values().sum::<u64>(), 2);
}

#[test]
fn who_names_something_new_in_each_record_takes_no_more_memory_for_it() {
    // More callers, keys, buckets, context keys and services than are kept apart: each record still counts.
    let n = 60_000;
    let mut text = String::new();
    for i in 0..n {
        let extra = json!({
            "userIdentity": { "type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/r{i}/s"), "accountId": "111122223333" },
            "requestParameters": { "keyId": format!("k{i}"), "encryptionContext": { format!("c{i}"): "x" } },
            "resources": null
        });
        text += &event(&i.to_string(), "2026-03-02T03:00:00Z", &extra).to_string();
        text.push('\n');
    }
    let evidence = of(text.as_bytes());
    assert_eq!((records(&evidence), counted(&evidence)), (n, n));
    assert!(evidence.crowded);
    assert!(
        evidence.series.len() < 21_000 && evidence.kinds.len() < 10_100,
        "{} {}",
        evidence.series.len(),
        evidence.kinds.len()
    );
    let calls: u64 = evidence.series.values().map(|c| c.total()).sum();
    assert_eq!(calls, n);
}

#[test]
fn samples_of_two_accounts_are_two_and_those_of_two_files_one() {
    let stream = |account: &str, resource: &str| {
        json!({ "metric_stream_name": "s", "account_id": account, "region": "eu-west-3", "namespace": "AWS/Usage", "metric_name": "CallCount",
            "dimensions": { "Service": "KMS", "Resource": resource }, "timestamp": 1_772_409_600_000_i64, "value": { "sum": 3.0 } })
        .to_string()
    };
    let symmetric = "CryptographicOperationsSymmetric";
    let all = [
        stream("111122223333", symmetric),
        stream("444455556666", symmetric),
        stream("111122223333", symmetric),
        stream("111122223333", "DescribeKey"),
    ]
    .join("\n");
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("a"), &all).expect("written");
    let page = json!({ "MetricDataResults": [{ "Id": "m", "Label": "CallCount", "Timestamps": ["2026-03-02T00:00:00Z", "2026-03-02T00:01:00Z", "x"], "Values": [3.0, 4.0] }] });
    fs::write(dir.path().join("b"), page.to_string()).expect("written");
    let (status, totals, text) = import(dir.path(), &["a", "b"]);
    assert_eq!(status, 0, "{text}");
    // Twice three of two accounts, three of another operation, and four that only the second file has.
    assert_eq!(
        (&totals["total"], &totals["totals"]["duplicates"]),
        (&json!(13.0), &json!(2)),
        "{totals}"
    );
    assert_eq!(totals["skipped"][0]["reason"], "without a valid time");
    assert_eq!(totals["totals"]["records"], 7);
    let sum: Vec<u64> = ["used", "not_ours", "duplicates", "skipped"]
        .iter()
        .map(|k| totals["totals"][*k].as_u64().expect("a number"))
        .collect();
    assert_eq!(sum.iter().sum::<u64>(), 7, "{totals}");
}

#[test]
fn trails_that_leave_kms_out_are_told_by_account() {
    let put = |account: &str, id: &str| {
        event(
            id,
            "2026-03-02T03:00:00Z",
            &json!({
                "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "eventCategory": "Data", "managementEvent": false,
                "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{account}:user/u"), "accountId": account }, "recipientAccountId": account,
                "requestParameters": { "bucketName": "lake", "key": "a" }, "additionalEventData": { "SSEApplied": "SSE_KMS" }
            }),
        )
    };
    let of = |records: &[Value], more: Option<Value>| {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(
            dir.path().join("a.json"),
            json!({ "Records": records }).to_string(),
        )
        .expect("written");
        if let Some(more) = more {
            fs::write(dir.path().join("b.json"), more.to_string()).expect("written");
        }
        let paths = fs::read_dir(dir.path()).expect("a folder").map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        });
        let paths: Vec<String> = paths.collect();
        let args: Vec<&str> = paths
            .iter()
            .map(String::as_str)
            .chain(["--keep-names"])
            .collect();
        import(dir.path(), &args).2
    };
    let unknown = "KMS load unknown from this source; add CallCount or data events";
    let call = event("9", "2026-03-02T03:00:00Z", &json!({}));
    // One account's trail has KMS, the other's has not.
    let text = of(&[call.clone(), put("444455556666", "1")], None);
    assert!(
        text.contains(&format!(
            "account 444455556666 has S3 requests under aws:kms and no KMS event: {unknown}"
        )),
        "{text}"
    );
    let text = of(&[call.clone(), put("111122223333", "1")], None);
    assert!(!text.contains("unknown from this source"), "{text}");
    // A trail of write events has CreateKey, but none of the calls that draw on the quota.
    let create = event(
        "8",
        "2026-03-02T03:00:00Z",
        &json!({ "eventName": "CreateKey" }),
    );
    let text = of(&[create], None);
    assert!(
        text.contains("hold no Encrypt, Decrypt or GenerateDataKey") && text.contains(unknown),
        "{text}"
    );
    // Selectors say so without any event.
    let selectors = json!({ "TrailARN": "x", "AdvancedEventSelectors": [{ "FieldSelectors": [
        { "Field": "eventCategory", "Equals": ["Management"] }, { "Field": "eventSource", "NotEquals": ["kms.amazonaws.com"] }] }] });
    let text = of(&[put("111122223333", "1")], Some(selectors));
    assert!(
        text.contains("a trail excludes KMS events") && text.contains(unknown),
        "{text}"
    );
    // Calls of S3 without its requests: what bucket keys served is unknown.
    let context = json!({ "requestParameters": { "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::lake" } } });
    let text = of(&[event("7", "2026-03-02T03:00:00Z", &context)], None);
    assert!(text.contains("no file holds S3's requests"), "{text}");
}

#[test]
fn threads_change_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    for (i, (name, bytes)) in samples().into_iter().enumerate() {
        fs::write(dir.path().join(format!("{i}-{name}")), bytes).expect("written");
    }
    let one = read(dir.path(), 1);
    for threads in [2, 5] {
        let more = read(dir.path(), threads);
        assert_eq!(format!("{one:?}"), format!("{more:?}"));
    }
    assert_eq!(records(&one), counted(&one));
}
