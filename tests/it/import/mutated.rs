//! Files of every format, spoilt at random: nothing panics, and every record that is seen is counted as one thing.

use super::shared_files::shared;
use super::{event, gzip, three};
use kmsim::import::evidence::collected::AccountEvidence;
use kmsim::import::format::{FORMATS, named};
use kmsim::import::gather::{GatherOptions, gather};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Spoilt copies of each file.
const COPIES: u64 = 40;
/// Bytes of a file that are looked at.
const LARGEST: usize = 24 << 10;

/// Records are used, read for a fact, not ours, there twice, or skipped: the sum of it.
pub(super) fn counted(evidence: &AccountEvidence) -> u64 {
    let used: u64 = evidence.kinds.iter().map(|kind| kind.1).sum();
    let of = |by: &BTreeMap<&'static str, u64>| by.values().sum::<u64>();
    let skipped: u64 = evidence
        .skips
        .values()
        .flat_map(|s| s.values())
        .map(|s| s.count)
        .sum();
    used + of(&evidence.settings) + of(&evidence.not_ours) + of(&evidence.duplicates) + skipped
}

fn read(path: &Path, format: Option<&str>) -> AccountEvidence {
    let options = GatherOptions {
        format: format.and_then(named),
        threads: 1,
        ..GatherOptions::default()
    };
    gather(&[path.to_path_buf()], &options)
}

/// Columns of texts and of whole numbers as a Parquet file.
pub(super) fn parquet_of(
    texts: &[(&str, Vec<&str>)],
    numbers: &[(&str, Vec<i64>)],
    compressed: bool,
) -> Vec<u8> {
    let mut schema = "message list {".to_owned();
    for (name, _) in texts {
        schema += &format!(" required binary {name} (UTF8);");
    }
    for (name, _) in numbers {
        let time = if name.contains("date") || name.contains("Start") {
            " (TIMESTAMP_MILLIS)"
        } else {
            ""
        };
        schema += &format!(" required int64 {name}{time};");
    }
    let schema = Arc::new(parse_message_type(&(schema + " }")).expect("a schema"));
    let mut properties = WriterProperties::builder();
    if compressed {
        properties = properties.set_compression(parquet::basic::Compression::SNAPPY);
    }
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties.build()))
        .expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for (_, cells) in texts {
        let cells: Vec<ByteArray> = cells.iter().map(|c| ByteArray::from(*c)).collect();
        let mut column = group.next_column().expect("a column").expect("one more");
        column
            .typed::<ByteArrayType>()
            .write_batch(&cells, None, None)
            .expect("written");
        column.close().expect("closed");
    }
    for (_, cells) in numbers {
        let mut column = group.next_column().expect("a column").expect("one more");
        column
            .typed::<Int64Type>()
            .write_batch(cells, None, None)
            .expect("written");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    bytes
}

/// A file of each format, by the format's name.
pub(super) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let access = "owner lake [02/Mar/2026:03:00:01 +0000] 10.0.0.1 arn:aws:sts::111122223333:assumed-role/etl/i-1 A REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"Boto3/1.44.5\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - -\n";
    let stream = json!({
        "metric_stream_name": "s", "account_id": "111122223333", "region": "eu-west-3", "namespace": "AWS/Usage", "metric_name": "CallCount",
        "dimensions": { "Service": "KMS", "Resource": "CryptographicOperationsSymmetric" }, "timestamp": 1_772_409_600_000_i64, "value": { "sum": 3.0, "count": 3.0 }
    });
    let minutes: Vec<String> = (0..9).map(|i| format!("2026-03-02T00:0{i}:00Z")).collect();
    let records = three();
    let lines: String = records.iter().map(|r| format!("{r}\n")).collect();
    let lake: Vec<Vec<serde_json::Value>> = records
        .iter()
        .map(|r| {
            [
                "eventTime",
                "eventSource",
                "eventName",
                "awsRegion",
                "eventID",
            ]
            .map(|c| json!({ c: r[c] }))
            .to_vec()
        })
        .collect();
    let bucket = json!({ "address": "aws_s3_bucket.b[\"x\"]", "mode": "managed", "type": "aws_s3_bucket", "values": { "bucket": "lake" } });
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.9.8",
        "planned_values": { "root_module": { "resources": [bucket, { "address": "aws_iam_role.r", "mode": "managed", "type": "aws_iam_role", "values": { "secret": "s3cr3t" } }],
            "child_modules": [{ "resources": [{ "address": "module.m.aws_kms_key.k", "mode": "managed", "type": "aws_kms_key", "values": {} }] }] } }
    });
    let state = json!({
        "version": 4, "terraform_version": "1.9.8", "serial": 3, "lineage": "x", "outputs": { "password": { "value": "s3cr3t" } },
        "resources": [{ "mode": "managed", "type": "aws_s3_bucket", "name": "b", "instances": [{ "index_key": "x", "attributes": { "bucket": "lake",
            "server_side_encryption_configuration": [{ "rule": [{ "bucket_key_enabled": true, "apply_server_side_encryption_by_default": [{ "sse_algorithm": "aws:kms", "kms_master_key_id": "" }] }] }] } }] }]
    });
    let text = |v: serde_json::Value| v.to_string().into_bytes();
    vec![
        ("cloudtrail-digest", text(json!({ "awsAccountId": "1", "digestStartTime": "2026-03-02T00:00:00Z", "digestEndTime": "2026-03-02T01:00:00Z", "logFiles": [] }))),
        ("parquet", parquet_of(
            &[("line_item_product_code", vec!["awskms", "AmazonS3"]), ("line_item_usage_type", vec!["eu-west-3-KMS-Requests", "EUW3-Requests-Tier1"]),
                ("line_item_operation", vec!["Decrypt", "PutObject"]), ("line_item_line_item_type", vec!["Usage", "Usage"])],
            &[("line_item_usage_start_date", vec![1_772_409_600_000, 1_772_413_200_000]), ("line_item_usage_amount", vec![768, 5])],
            true,
        )),
        ("orc", b"ORC\x01\x02\x03".to_vec()),
        ("inventory-manifest", text(json!({ "sourceBucket": "lake", "destinationBucket": "arn:aws:s3:::lists", "creationTimestamp": "1772499600000",
            "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "files": [{ "key": "a/data/x.csv.gz" }] }))),
        ("s3-access-log-json", format!("{}\n", json!({ "bucket_name": "lake", "request_time": "2026-03-02T03:00:01.250Z", "request_id": "A", "operation": "REST.GET.OBJECT", "key_name": "k", "http_status": 200 })).repeat(3).into_bytes()),
        ("cloudtrail", text(json!({ "Records": records }))),
        ("cloudtrail", lines.clone().into_bytes()),
        ("cloudtrail", gzip(lines.as_bytes())),
        ("cloudtrail", ruzstd::encoding::compress_to_vec(lines.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)),
        ("cloudtrail", text(json!({ "messageType": "DATA_MESSAGE", "logEvents": [{ "message": records[0].to_string() }] }))),
        ("cloudtrail-csv", b"eventtime,eventsource,eventname,awsregion,eventid,useridentity,requestparameters\n2026-03-02T03:00:00Z,kms.amazonaws.com,Decrypt,eu-west-3,1,\"{type=IAMUser, arn=a}\",\"{\"\"keyId\"\":\"\"k\"\"}\"\n".to_vec()),
        ("cloudtrail-results", text(json!({ "QueryStatus": "FINISHED", "QueryResultRows": lake }))),
        (
            "cloudformation",
            b"Resources:\n  Lake:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !Sub 'lake'}\n  Key: {Type: 'AWS::KMS::Key'}\n".to_vec(),
        ),
        ("s3-access-log", access.replace(" A ", " B ").into_bytes().into_iter().chain(access.bytes()).collect()),
        ("metric-data", text(json!({ "MetricDataResults": [{ "Id": "m1", "Label": "CallCount", "Timestamps": minutes, "Values": [1, 2, 3, 4, 5, 6, 7, 8, 9], "StatusCode": "Complete" }] }))),
        ("metric-statistics", text(json!({ "Label": "CallCount", "Datapoints": minutes.iter().map(|m| json!({ "Timestamp": m, "Sum": 3.0 })).collect::<Vec<_>>() }))),
        ("metric-stream", format!("{stream}\n{}\n", stream.to_string().replace("409600000", "409660000")).into_bytes()),
        ("service-quotas", text(json!({ "Quotas": [{ "QuotaCode": "L-6E3AF000", "QuotaArn": "arn:aws:servicequotas:eu-west-3:111122223333:kms/L-6E3AF000", "Value": 10_000.0, "Period": { "PeriodValue": 1, "PeriodUnit": "SECOND" } }] }))),
        ("bucket-encryption", text(json!({ "ServerSideEncryptionConfiguration": { "Rules": [{ "ApplyServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms" }, "BucketKeyEnabled": true }] } }))),
        ("event-selectors", text(json!({ "TrailARN": "a", "EventSelectors": [{ "ReadWriteType": "All", "ExcludeManagementEventSources": ["kms.amazonaws.com"] }] }))),
        ("terraform", text(plan)),
        ("terraform", text(state)),
        ("cost-explorer", text(json!({ "GroupDefinitions": [{ "Type": "DIMENSION", "Key": "USAGE_TYPE" }], "ResultsByTime": [{ "TimePeriod": { "Start": "2026-03-01" },
            "Groups": [{ "Keys": ["eu-west-3-KMS-Requests"], "Metrics": { "UsageQuantity": { "Amount": "12" } } }] }] }))),
        ("bill", b"lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,lineItem/UsageStartDate,lineItem/LineItemType\nawskms,eu-west-3-KMS-Requests,12,2026-03-01T00:00:00Z,Usage\nawskms,x,1,2026-03-01T00:00:00Z,Tax\n".to_vec()),
        ("table", b"time,operation,bucket,count\n2026-03-01T00:00:00Z,GetObject,lake,3\n2026-03-01T00:00:01Z,PutObject,lake,4\n".to_vec()),
        ("inventory", b"\"lake\",\"a\",\"12\",\"2026-03-02T03:05:55.000Z\",\"STANDARD\",\"SSE-KMS\",\"ENABLED\"\n\"lake\",\"b\",\"12\",\"2026-03-02T03:05:55.000Z\",\"STANDARD\",\"SSE-S3\",\"\"\n".to_vec()),
        ("metric-csv", b"\xef\xbb\xbfLabel,CallCount,5xxErrors\n,,\nid,m1,m2\n2026/03/02 00:00:00,244440.0,\n2026/03/02 00:01:00,209254.0,\n".to_vec()),
        ("time-value", b"timestamp,value\n2014-02-14 14:27:00,5\n2014-02-14 14:32:00,6\n".to_vec()),
    ]
}

/// Files of others, cut to what is looked at.
fn given() -> Vec<(&'static str, Vec<u8>)> {
    fn below(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, into);
            } else {
                into.push(path);
            }
        }
    }
    let Some(shared) = shared() else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    below(&shared, &mut paths);
    paths.sort();
    // Of the many delivered files some will do.
    let few = paths
        .into_iter()
        .enumerate()
        .filter(|(i, _)| i % 3 == 0)
        .map(|(_, path)| path);
    few.map(|path| {
        let mut bytes = fs::read(path).expect("a file");
        bytes.truncate(LARGEST);
        ("", bytes)
    })
    .collect()
}

/// Bytes that mean something.
const ODD: &[u8] = b"\"\\{}[],:\n\r\0 \xff-=";

/// What may happen to a file: cut, a bit, a byte, a piece gone, twice, or moved.
fn spoilt(bytes: &[u8], rng: &mut SmallRng) -> Vec<u8> {
    let mut all = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        if all.is_empty() {
            return all;
        }
        let at = rng.random_range(0..all.len());
        let to = (at + rng.random_range(1..200)).min(all.len());
        match rng.random_range(0..8) {
            0 => all.truncate(at),
            1 => all[at] ^= 1 << rng.random_range(0..8),
            2 => all[at] = ODD[rng.random_range(0..ODD.len())],
            3 => drop(all.drain(at..to)),
            4 => {
                let piece = all[at..to].to_vec();
                all.splice(at..at, piece);
            }
            5 => {
                let piece: Vec<u8> = all.drain(at..to).collect();
                let there = rng.random_range(0..=all.len());
                all.splice(there..there, piece);
            }
            6 => all
                .splice(at..at, std::iter::repeat_n(b'[', to - at))
                .for_each(drop),
            _ => all
                .splice(at..at, b"\\ud800".iter().copied())
                .for_each(drop),
        }
    }
    all
}

#[test]
fn every_format_has_a_sample_and_reads_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("file");
    let samples = samples();
    for format in FORMATS {
        assert!(
            samples.iter().any(|s| s.0 == format.name),
            "{}",
            format.name
        );
    }
    for (name, bytes) in samples {
        fs::write(&path, bytes).expect("written");
        let evidence = read(&path, None);
        let file = &evidence.files[0];
        let left_out = matches!(name, "cloudtrail-digest" | "orc");
        assert_eq!(
            (file.format == name, &file.fault),
            (!left_out, &None),
            "{name}: {file:?}"
        );
        let sum: u64 = evidence.records.values().sum();
        assert_eq!(
            (sum > 0, sum),
            (!left_out, counted(&evidence)),
            "{name}: {evidence:?}"
        );
    }
}

#[test]
fn spoilt_files_neither_panic_nor_lose_a_record() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("file");
    let all: Vec<_> = samples().into_iter().chain(given()).collect();
    for (i, (name, bytes)) in all.iter().enumerate() {
        let mut rng = SmallRng::seed_from_u64(i as u64);
        let copies = if name.is_empty() { COPIES / 8 } else { COPIES };
        for copy in 0..copies {
            fs::write(&path, spoilt(bytes, &mut rng)).expect("written");
            // By its content, and as what it was.
            for format in [None, Some(*name)] {
                let evidence = read(&path, format);
                let sum: u64 = evidence.records.values().sum();
                assert_eq!(sum, counted(&evidence), "{name} {i} {copy}: {evidence:?}");
                for (_, fault) in evidence.faults() {
                    assert!(
                        !fault.contains("fault of kmsim"),
                        "{name} {i} {copy}: {fault}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_reader_takes_what_is_of_another_format() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("file");
    let many = event("1", "2026-03-02T03:00:00Z", &json!({})).to_string();
    let others = samples().into_iter().map(|s| s.1).chain([
        many.into_bytes(),
        vec![0; 5_000],
        vec![b','; 5_000],
        vec![b'"'; 5_000],
    ]);
    for bytes in others {
        fs::write(&path, bytes).expect("written");
        for format in FORMATS {
            let evidence = read(&path, Some(format.name));
            let sum: u64 = evidence.records.values().sum();
            assert_eq!(sum, counted(&evidence), "{}: {evidence:?}", format.name);
            for (_, fault) in evidence.faults() {
                assert!(
                    !fault.contains("fault of kmsim"),
                    "{}: {fault}",
                    format.name
                );
            }
        }
    }
}
