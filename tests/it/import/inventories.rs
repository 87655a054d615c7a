//! S3 Inventory: lists with and without their manifest, as CSV and Parquet.

use super::{gzip, import};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const LIST: &str = "\
\"lake\",\"a%20b\",\"12\",\"2026-03-02T03:05:55.000Z\",\"STANDARD\",\"SSE-KMS\",\"ENABLED\"\n\
\"lake\",\"c\",\"1024\",\"2026-03-02T04:05:55.000Z\",\"STANDARD\",\"SSE-KMS\",\"DISABLED\"\n\
\"lake\",\"d,e\",\"0\",\"2026-03-02T04:05:56.000Z\",\"GLACIER_IR\",\"SSE-KMS\",\"ENABLED\"\n\
\"lake\",\"f\",\"7\",\"2026-03-02T05:05:55.000Z\",\"STANDARD\",\"SSE-S3\",\"\"\n";

fn manifest(dir: &Path, folder: &str, taken: u64, list: &str) {
    let text = json!({
        "sourceBucket": "lake",
        "destinationBucket": "arn:aws:s3:::lists",
        "version": "2016-11-30",
        "creationTimestamp": taken.to_string(),
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, LastModifiedDate, StorageClass, EncryptionStatus, BucketKeyStatus",
        "files": [{ "key": format!("lists/lake/daily/data/{list}"), "size": 1, "MD5checksum": "x" }]
    });
    fs::create_dir_all(dir.join(folder)).expect("a folder");
    fs::write(dir.join(folder).join("manifest.json"), text.to_string()).expect("written");
    fs::write(
        dir.join(folder).join("manifest.checksum"),
        "d41d8cd98f00b204e9800998ecf8427e",
    )
    .expect("written");
}

fn lake(totals: &Value) -> &Value {
    &totals["objects"]["lake"]
}

#[test]
fn a_list_says_how_objects_are_encrypted() {
    for with_manifest in [true, false] {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("in/data")).expect("a folder");
        fs::write(dir.path().join("in/data/one.csv.gz"), gzip(LIST.as_bytes())).expect("written");
        if with_manifest {
            manifest(
                dir.path(),
                "in/2026-03-03T01-00Z",
                1_772_499_600_000,
                "one.csv.gz",
            );
        }
        let (status, totals, text) = import(dir.path(), &["in", "--keep-names"]);
        assert_eq!(status, 0, "{text}");
        let lake = lake(&totals);
        assert_eq!(
            (&lake["objects"], &lake["bytes"], &lake["older_objects"]),
            (&json!(4), &json!(1_043), &json!(1.0 / 3.0)),
            "{totals}"
        );
        assert_eq!(lake["encryption"], json!({ "SSE-KMS": 3, "SSE-S3": 1 }));
        assert_eq!(
            lake["storage_classes"],
            json!({ "STANDARD": 3, "GLACIER_IR": 1 })
        );
        assert_eq!(lake["hours_with_writes_under_bucket_keys"], 2);
        let taken = if with_manifest {
            json!("2026-03-03T01:00:00Z")
        } else {
            Value::Null
        };
        assert_eq!(lake["taken"], taken);
    }
}

#[test]
fn of_several_lists_the_latest_counts_and_no_object_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("data")).expect("a folder");
    fs::write(dir.path().join("data/old.csv"), LIST.repeat(2)).expect("written");
    fs::write(
        dir.path().join("data/new.csv"),
        LIST.to_owned() + "\"lake\",\"no size\",\"x\",\"\",\"\",\"\",\"\"\n" + LIST,
    )
    .expect("written");
    manifest(
        dir.path(),
        "2026-03-02T01-00Z",
        1_772_413_200_000,
        "old.csv",
    );
    manifest(
        dir.path(),
        "2026-03-03T01-00Z",
        1_772_499_600_000,
        "new.csv",
    );
    let (status, totals, text) = import(
        dir.path(),
        &[
            "data",
            "2026-03-02T01-00Z",
            "2026-03-03T01-00Z",
            "--keep-names",
        ],
    );
    assert_eq!(
        (status, &lake(&totals)["objects"]),
        (0, &json!(4)),
        "{text}"
    );
    assert_eq!(
        totals["files_left_out"]["an older inventory of the same bucket"],
        1
    );
    assert_eq!(totals["totals"]["duplicates"], 4);
    assert_eq!(totals["skipped"][0]["reason"], "not a count");
    // Without the manifest of the first, all of both are read, and what is in both counts once.
    fs::remove_dir_all(dir.path().join("2026-03-02T01-00Z")).expect("removed");
    let (_, totals, text) = import(dir.path(), &["data", "2026-03-03T01-00Z", "--keep-names"]);
    assert_eq!(lake(&totals)["objects"], 4, "{text}");
    assert_eq!(totals["totals"]["duplicates"], 12);
}

#[test]
fn versions_and_delete_markers_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let list = "\
bucket,key,version_id,is_latest,is_delete_marker,size,last_modified_date,encryption_status,bucket_key_status\n\
lake,a,1,true,false,5,2026-03-02T03:05:55.000Z,DSSE-KMS,DISABLED\n\
lake,a,0,false,false,5,2026-03-01T03:05:55.000Z,SSE-KMS,DISABLED\n\
lake,b,1,true,true,,2026-03-02T03:05:55.000Z,,\n";
    fs::write(dir.path().join("list.csv"), list).expect("written");
    let (status, totals, text) = import(dir.path(), &["list.csv"]);
    assert_eq!(status, 0, "{text}");
    let objects = totals["objects"].as_object().expect("buckets");
    let (name, list) = objects.iter().next().expect("a bucket");
    assert!(
        name.starts_with("bucket-") && !text.contains("lake"),
        "{name}"
    );
    assert_eq!(
        (&list["objects"], &list["noncurrent_objects"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(totals["skipped"][0]["reason"], "a delete marker");
}

#[test]
fn what_a_list_says_of_age_and_bucket_keys_is_in_the_scenario() {
    let dir = tempfile::tempdir().expect("a folder");
    // Reads from 12:00 on. Under bucket keys: one object of the hour from 02:00 on, 9.5 h old in its middle, and one of the hour from
    // 11:00 on, 0.5 h old. ln 34,200 s and ln 1,800 s: median √(34,200 × 1,800) s = 7,846 s, σ = ½ ln 19 = 1.472. One of three objects
    // under KMS has no bucket key. The fourth is under no KMS key, the fifth is no current version.
    let list = "\
bucket,key,version_id,is_latest,is_delete_marker,size,last_modified_date,encryption_status,bucket_key_status\n\
lake,a,1,true,false,5,2026-03-02T02:59:59.000Z,SSE-KMS,ENABLED\n\
lake,b,1,true,false,5,2026-03-02T11:00:00.000Z,SSE-KMS,ENABLED\n\
lake,c,1,true,false,5,2020-01-01T00:00:00.000Z,SSE-KMS,DISABLED\n\
lake,d,1,true,false,5,2026-03-02T02:00:00.000Z,SSE-S3,\n\
lake,a,0,false,false,5,2026-03-01T03:05:55.000Z,SSE-KMS,ENABLED\n";
    fs::write(dir.path().join("list.csv"), list).expect("written");
    let line = |i: u32| {
        let (minute, second) = (i / 60 % 60, i % 60);
        format!(
            "o lake [02/Mar/2026:12:{minute:02}:{second:02} +0000] 10.0.0.1 arn:aws:iam::111122223333:user/etl ID{i} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"x\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - -\n"
        )
    };
    fs::write(
        dir.path().join("log"),
        (0..900).map(line).collect::<String>(),
    )
    .expect("written");
    let (status, totals, text) = import(dir.path(), &["list.csv", "log", "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(lake(&totals)["older_objects"], json!(1.0 / 3.0));
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    let of = |key: &str| {
        let line = scenario.lines().find(|l| l.contains(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("{key} is not in {scenario}"))
            .split_once(" = ")
            .expect("a value")
            .1
            .to_owned()
    };
    assert_eq!(of("older_objects"), "0.3333");
    assert_eq!(of("archive_age.lognormal.median"), "\"7846s\"");
    assert_eq!(of("archive_age.lognormal.sigma"), "1.472");
    assert_eq!(of("bucket_key"), "true");
    assert!(scenario.contains("objects = 4"), "{scenario}");
    let (status, text) = super::told(&super::kmsim(dir.path(), &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
}
