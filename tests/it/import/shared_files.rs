//! Files of others in `../shared/data`, each folder with what is true of it.

use super::{import, kmsim, told};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder, or nothing where it is absent, which is said.
pub(super) fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = Some(folder).filter(|f| f.join("import").is_dir());
    if folder.is_none() {
        eprintln!("import::shared_files: skipped, ../shared/data/import is absent");
    }
    folder
}

/// What the totals and the truth both have, and differ in.
fn differences(truth: &Value, totals: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for truth in [truth, &truth["expect"]] {
        for (key, value) in truth.as_object().into_iter().flatten() {
            let Some(ours) = totals.get(key) else {
                continue;
            };
            // Tables of the truth that also hold remarks: what ours say must be so there.
            if key == "buckets" {
                for (name, bucket) in ours.as_object().into_iter().flatten() {
                    let true_one = &value[name.as_str()];
                    for (key, ours) in bucket.as_object().into_iter().flatten() {
                        if true_one[key.as_str()] != *ours {
                            found.push(format!(
                                "{name}: {key}: {true_one} is true, {ours} was found"
                            ));
                        }
                    }
                }
                continue;
            }
            let same = match (value.as_f64(), ours.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs(),
                (_, _) => value == ours,
            };
            if !same {
                found.push(format!("{key}: {value} is true, {ours} was found"));
            }
        }
    }
    found
}

#[test]
fn totals_are_as_true_as_the_files() {
    let Some(shared) = shared() else {
        return;
    };
    for name in [
        "cloudtrail-kms-guide",
        "cloudtrail-stratus-arrays",
        "calib-bucket-key",
        "calib-throttled",
        "billing",
        "cloudwatch-usage",
        "s3-access-guide",
        "terraform-sse-kms",
    ] {
        let data = shared.join("import").join(name);
        let truth = fs::read_to_string(data.join("truth.json")).expect("truth");
        let truth: Value = serde_json::from_str(&truth).expect("JSON");
        let dir = tempfile::tempdir().expect("a folder");
        let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy(), "--keep-names"]);
        assert_eq!(status, 0, "{name}: {text}");
        let wrong = differences(&truth, &totals);
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        if dir.path().join("mine.toml").exists() {
            let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
            assert_eq!(status, 0, "{name}: {text}");
        }
        if let Some(demand) = truth["demand"].as_f64() {
            let found = totals["demand_estimate"].as_f64().expect("a number");
            assert!(
                (found / demand - 1.0).abs() < 0.02,
                "{name}: {found} for {demand}"
            );
        }
    }
}

#[test]
fn no_line_is_lost_and_no_signature_is_told() {
    let Some(shared) = shared() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let data = shared.join("s3-access-log-dandi");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy()]);
    assert_eq!(
        (status, &totals["lines"]),
        (0, &serde_json::json!(10)),
        "{text}"
    );
    assert_eq!(totals["lines_used"], 10);
    assert_eq!(
        totals["by_status"],
        serde_json::json!({ "200": 5, "206": 2, "304": 2, "404": 1 })
    );
    let scenario = fs::read_to_string(dir.path().join("mine.toml")).unwrap_or_default();
    assert!(!(text + &totals.to_string() + &scenario).contains("X-Amz-"));
}

#[test]
fn plans_in_any_encoding_are_read_and_what_is_no_count_is_refused() {
    let Some(shared) = shared() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let data = shared.join("import/terraform-checkov");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy(), "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    // File by file as the truth has it; all together: 55, one more, and twice one that is among them.
    let truth = fs::read_to_string(data.join("truth.json")).expect("truth");
    let truth: Value = serde_json::from_str(&truth).expect("JSON");
    let sources = totals["sources"].as_array().expect("sources");
    for (name, truth) in truth["files"].as_object().expect("files") {
        let source = sources.iter().find(|s| {
            s["path"]
                .as_str()
                .is_some_and(|p| p.ends_with(name.as_str()))
        });
        let source = source.unwrap_or_else(|| panic!("{name} is not told"));
        for counter in ["resources", "buckets", "kms_keys"] {
            assert_eq!(source[counter], truth[counter], "{name}: {counter}");
        }
    }
    assert_eq!(
        (&totals["resources"], &totals["kms_keys"]),
        (&56.into(), &1.into()),
        "{text}"
    );
    let data = shared.join("import/cloudwatch-nab-more");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy()]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("does not count requests (name one that does with --metric)"),
        "{text}"
    );
    assert_eq!(totals["workloads"], serde_json::json!([]));
    let file = shared.join("cloudwatch-nab/elb_request_count_8c0756.csv");
    let (status, totals, text) = import(
        dir.path(),
        &[&file.to_string_lossy(), "--region", "eu-west-3"],
    );
    assert_eq!(
        (status, &totals["total"]),
        (0, &serde_json::json!(249_327.0)),
        "{text}"
    );
    assert_eq!(
        (&totals["samples"], &totals["period_s"]),
        (&4032.into(), &300.into())
    );
}

#[test]
fn the_throttles_of_a_real_trail_are_not_kms_s() {
    let Some(shared) = shared() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let data = shared.join("cloudtrail-invictus");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy()]);
    assert_eq!(status, 0, "{text}");
    let expected = serde_json::json!({
        "records": 952, "kms_records": 186, "kms_throttled": 0, "kms_through_s3": 0, "s3_management_records": 107,
        "throttled_all_services": { "ssm.amazonaws.com": 26 }, "throttled_with_null_requestParameters": 26,
        "kms_by_operation": { "Decrypt": 124, "Encrypt": 42, "GenerateDataKey": 20 }
    });
    assert_eq!(differences(&expected, &totals), Vec::<String>::new());
    let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
}
