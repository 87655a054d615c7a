//! Real records in everything that CloudTrail, and access logs, come in: the same counters from each.

use super::shared_files::shared;
use super::{event, gzip, import, three};
use serde_json::{Value, json};
use std::fs;

/// Records of a real trail with some of KMS through S3, or made-up ones where there are none.
fn records() -> Vec<Value> {
    let mut all = three();
    let context = json!({ "requestParameters": {
        "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::lake/a, b=c" }, "keyId": "alias/k"
    }, "sharedEventID": "one" });
    all.push(event("4", "2026-03-02T03:00:07Z", &context));
    let Some(shared) = shared() else {
        return all;
    };
    for file in fs::read_dir(shared.join("cloudtrail-invictus")).expect("a folder") {
        let path = file.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "json") {
            let text = fs::read(path).expect("a file");
            let document: Value = serde_json::from_slice(&text).expect("JSON");
            all.extend(document["Records"].as_array().cloned().unwrap_or_default());
        }
    }
    all
}

/// As Athena and Lake write a row's cells: quoted.
fn csv(rows: &[Vec<String>]) -> String {
    let cell = |c: &String| format!("\"{}\"", c.replace('"', "\"\""));
    let row = |r: &Vec<String>| r.iter().map(cell).collect::<Vec<_>>().join(",");
    rows.iter().map(|r| row(r) + "\n").collect()
}

/// A value as Hive writes it.
fn hive(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}={}", k.to_lowercase(), hive(v)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(hive).collect::<Vec<_>>().join(", ")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const COLUMNS: &[&str] = &[
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "resources",
    "eventType",
    "recipientAccountId",
    "sharedEventID",
    "eventCategory",
    "managementEvent",
];

/// Rows of a table with those columns; `of_cell` writes what is no text.
fn table(
    records: &[Value],
    name: fn(&str) -> String,
    of_cell: fn(&str, &Value) -> String,
) -> Vec<Vec<String>> {
    let mut rows = vec![COLUMNS.iter().map(|c| name(c)).collect()];
    for record in records {
        let cell = |c: &&str| match &record[*c] {
            Value::Null => String::new(),
            Value::String(text) if *c == "eventTime" => of_cell(c, &json!(text)),
            Value::String(text) => text.clone(),
            other => of_cell(c, other),
        };
        rows.push(COLUMNS.iter().map(cell).collect());
    }
    rows
}

/// Letters for bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(padded);
        for i in 0..=three.len() {
            text.push(LETTERS[(bits >> (18 - 6 * i) & 63) as usize] as char);
        }
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// A container's name and its bytes.
type NamedBytes = (&'static str, Vec<u8>);

fn containers(records: &[Value]) -> Vec<NamedBytes> {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let delivered = json!({ "Records": records }).to_string();
    let logged: Vec<Value> = lines
        .iter()
        .map(|l| json!({ "id": "1", "timestamp": 1, "message": l }))
        .collect();
    let subscription = json!({ "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logEvents": logged });
    let packed =
        json!({ "awslogs": { "data": base64(&gzip(subscription.to_string().as_bytes())) } });
    let kinesis = json!({ "kinesis": { "data": base64(&gzip(subscription.to_string().as_bytes())), "partitionKey": "1" } });
    let notices: Vec<Value> = lines
        .iter()
        .map(|l| {
            let event = json!({ "detail-type": "AWS API Call via CloudTrail", "detail": serde_json::from_str::<Value>(l).expect("JSON") });
            json!({ "MessageId": "1", "Body": json!({ "Type": "Notification", "TopicArn": "t", "Message": event.to_string() }).to_string() })
        })
        .collect();
    let rows = |of_cell: fn(&Value) -> Vec<Value>| -> Vec<Vec<Value>> {
        records.iter().map(of_cell).collect()
    };
    let lake = |record: &Value| -> Vec<Value> {
        COLUMNS
            .iter()
            .filter(|c| !record[**c].is_null())
            .map(|c| {
                let value = &record[*c];
                json!({ *c: value.as_str().map_or_else(|| value.to_string(), str::to_owned) })
            })
            .collect()
    };
    let insights = |record: &Value| -> Vec<Value> {
        vec![
            json!({ "field": "@timestamp", "value": "2026-03-02 03:00:00.000" }),
            json!({ "field": "@message", "value": record.to_string() }),
        ]
    };
    let zstd = |text: &str, level| ruzstd::encoding::compress_to_vec(text.as_bytes(), level);
    let as_it_is = |c: &str, v: &Value| match v.as_str() {
        Some(text) if c == "eventTime" => text.to_owned(),
        Some(_) | None => v.to_string(),
    };
    // Athena: identities and resources are Hive's structures, parameters are JSON.
    let athena = |c: &str, v: &Value| match v.as_str() {
        Some(text) => text.to_owned(),
        None if matches!(c, "userIdentity" | "resources") => hive(v),
        None => v.to_string(),
    };
    let of_lake = |_: &str, v: &Value| match v.as_str() {
        Some(text) => text.replace('T', " ").replace('Z', ".000"),
        None => v.to_string(),
    };
    let messages: Vec<Vec<String>> = [vec!["@timestamp".to_owned(), "@message".to_owned()]]
        .into_iter()
        .chain(
            lines
                .iter()
                .map(|l| vec!["2026-03-02 03:00:00.000".to_owned(), l.clone()]),
        )
        .collect();
    vec![
        ("delivered", delivered.clone().into_bytes()),
        ("gzip", gzip(delivered.as_bytes())),
        ("zstd", zstd(&delivered, ruzstd::encoding::CompressionLevel::Fastest)),
        ("two frames", [zstd(&lines[0], ruzstd::encoding::CompressionLevel::Uncompressed), zstd(&lines[1..].join("\n"), ruzstd::encoding::CompressionLevel::Fastest)].concat()),
        ("mark", [b"\xef\xbb\xbf".as_slice(), delivered.as_bytes()].concat()),
        ("marks", lines.iter().map(|l| format!("\u{feff}{l}\r\n")).collect::<String>().into_bytes()),
        ("UTF-16", format!("\u{feff}{delivered}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("array", serde_json::to_vec_pretty(records).expect("JSON")),
        ("documents", lines.concat().into_bytes()),
        ("delivered after each other", records.chunks(7).map(|c| json!({ "Records": c }).to_string()).collect::<String>().into_bytes()),
        ("lookup", json!({ "Events": lines.iter().map(|l| json!({ "EventId": "x", "ReadOnly": "true", "EventTime": 1.0, "CloudTrailEvent": l })).collect::<Vec<_>>() }).to_string().into_bytes()),
        ("subscription", subscription.to_string().into_bytes()),
        ("packed", packed.to_string().into_bytes()),
        ("kinesis", json!({ "Records": [kinesis] }).to_string().into_bytes()),
        ("filter-log-events", json!({ "events": logged, "searchedLogStreams": [] }).to_string().into_bytes()),
        ("export", lines.iter().map(|l| format!("2026-03-02T03:00:00.000Z {l}\n")).collect::<String>().into_bytes()),
        ("queue", json!({ "Messages": notices }).to_string().into_bytes()),
        ("Athena", csv(&table(records, |c| c.to_lowercase(), athena)).into_bytes()),
        ("Athena, JSON", csv(&table(records, |c| c.to_lowercase(), as_it_is)).into_bytes()),
        ("Lake", gzip(csv(&table(records, str::to_owned, of_lake)).as_bytes())),
        ("Lake, results", json!({ "QueryStatus": "FINISHED", "QueryResultRows": rows(lake) }).to_string().into_bytes()),
        ("Insights", json!({ "results": rows(insights), "statistics": {}, "status": "Complete" }).to_string().into_bytes()),
        ("Insights, CSV", csv(&messages).into_bytes()),
    ]
}

#[test]
fn real_records_count_the_same_in_every_container() {
    let records = records();
    let mut first: Option<Value> = None;
    for (name, bytes) in containers(&records) {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("file"), bytes).expect("written");
        let (status, totals, text) = import(dir.path(), &["file", "--keep-names"]);
        assert_eq!(status, 0, "{name}: {text}");
        assert_eq!(totals["records"], records.len(), "{name}: {text}");
        assert_eq!(totals["skipped"], json!([]), "{name}");
        // What does not depend on what the records came in.
        let mut same = totals.clone();
        for own in ["sources", "totals"] {
            same.as_object_mut().expect("totals").remove(own);
        }
        match &first {
            None => first = Some(same),
            Some(first) => {
                for (key, value) in first.as_object().expect("totals") {
                    assert_eq!(&same[key], value, "{name}: {key}");
                }
            }
        }
    }
    let first = first.expect("totals");
    assert_eq!(first["kms_by_context_key"]["aws:s3:arn"], 1);
    assert_eq!(
        first["with_sharedEventID"].as_u64(),
        Some(1).max(first["with_sharedEventID"].as_u64())
    );
}

/// A record of the JSON form of access logs, as its page describes it.
fn access(id: &str, status: u32) -> Value {
    json!({
        "schema_version_id": "V_1_0", "bucket_arn": "arn:aws:s3:::lake", "bucket_name": "lake", "request_time": "2026-03-02T03:00:01.250Z",
        "bucket_owner_id": "79a59df9", "remote_ip": "192.0.2.3", "requester": "arn:aws:sts::111122223333:assumed-role/etl/i-1",
        "request_id": id, "operation": "REST.GET.OBJECT", "key_name": "a/b", "request_uri": "GET /a/b?X-Amz-Signature=c0ffee HTTP/1.1",
        "http_status": status, "error_code": null, "bytes_sent": 113, "object_size": 113, "total_time": 5, "turn_around_time": 4,
        "referer": null, "user_agent": "Boto3/1.44.5", "version_id": null, "host_header": "lake.s3.eu-west-3.amazonaws.com"
    })
}

#[test]
fn access_logs_in_json_are_read_in_whatever_cloudwatch_gives() {
    let anonymous = {
        let mut record = access("C", 206);
        record["requester"] = Value::Null;
        record
    };
    let records = [
        access("A", 200),
        access("B", 404),
        anonymous,
        access("A", 200),
    ];
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let logged: Vec<Value> = lines
        .iter()
        .map(|l| json!({ "id": "1", "timestamp": 1, "message": l }))
        .collect();
    let containers = [
        ("lines", lines.join("\n")),
        (
            "array",
            serde_json::to_string_pretty(&records).expect("JSON"),
        ),
        (
            "subscription",
            json!({ "messageType": "DATA_MESSAGE", "logEvents": logged }).to_string(),
        ),
        ("filter-log-events", json!({ "events": logged }).to_string()),
        (
            "export",
            lines
                .iter()
                .map(|l| format!("2026-03-02T03:00:00.000Z {l}\n"))
                .collect::<String>(),
        ),
    ];
    for (name, text) in containers {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("file"), text).expect("written");
        let (status, totals, text) = import(dir.path(), &["file"]);
        assert_eq!((status, &totals["lines"]), (0, &json!(4)), "{name}: {text}");
        assert_eq!(
            totals["by_status"],
            json!({ "200": 1, "206": 1, "404": 1 }),
            "{name}"
        );
        assert_eq!(totals["totals"]["duplicates"], 1, "{name}");
        assert!(!totals.to_string().contains("c0ffee"), "{name}");
    }
}
