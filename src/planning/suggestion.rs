//! What could be done to any scenario, whether or not its file names it.
//!
//! | mitigation | what is tried |
//! |---|---|
//! | bucket keys, for each bucket under SSE-KMS without | for new objects only, so that reads profit only as fast as older objects go; with all objects rewritten |
//! | rewriting, for each bucket with bucket keys and objects from before | all of them at once, before the run |
//! | data-key cache, for each application that only encrypts | the two ends that the Encryption SDK's guide speaks of: strict, and generous |
//! | retry policy of all workloads | the SDK modes that are in use today |
//! | request quota, each that is used | half as much again, twice as much |
//!
//! Left out: caches for what decrypts (which keys its messages have is not known), and what migrating objects costs
//! (`planning::migration`).

use super::mitigation::Mitigation;
use super::quota::pools;
use super::{Study, StudyError};
use crate::input::document::key_text;
use crate::results::VariantResults;
use crate::scenario::Variant;
use crate::scenario::bucket::{BucketSettings, Encryption};

/// Multiples of the present quota.
const MORE: [f64; 2] = [1.5, 2.0];

/// SDK retry modes.
const RETRY_MODES: [&str; 3] = ["legacy", "standard", "adaptive"];

/// A data-key cache in words and as TOML: a minute or five, a hundred messages or ten thousand.
const DATA_KEY_CACHES: [(&str, &str); 2] = [
    (
        "data-key cache, 1 min, 100 messages",
        "{ max_age = \"1m\", max_messages = 100, capacity = 100 }",
    ),
    (
        "data-key cache, 5 min, 10,000 messages",
        "{ max_age = \"5m\", max_messages = 10_000, capacity = 100 }",
    ),
];

/// Buckets whose calls bucket keys would save.
pub fn without_bucket_key<'a>(
    variant: &'a Variant,
    results: &'a VariantResults,
) -> impl Iterator<Item = &'a String> {
    let saves = |name: &String| {
        let calls = results
            .by_bucket
            .get(name)
            .and_then(|m| m["kms_calls"].mean);
        calls.is_some_and(|c| c > 0.0)
    };
    let off = variant
        .scenario
        .bucket
        .iter()
        .filter(|(_, b)| b.encryption == Encryption::SseKms && !b.bucket_key);
    off.map(|(name, _)| name).filter(move |name| saves(name))
}

/// Bucket keys behind the objects of a bucket: what the scenario says, else those of a day of steady writing by one
/// role.
pub fn archived_bucket_keys(variant: &Variant, bucket: &str) -> u64 {
    let a = &variant.scenario.assumption;
    let day = 86_400.0 / a.bucket_key_lifetime.as_secs_f64() * f64::from(a.bucket_key_fanout);
    let written = variant.scenario.bucket.get(bucket);
    written
        .and_then(|b| b.archived_bucket_keys)
        .map_or_else(|| day.ceil().clamp(1.0, 1e7) as u64, u64::from)
}

/// The settings that switch bucket keys on; `older`: the share of reads of objects without.
pub fn bucket_keys(variant: &Variant, bucket: &str, older: &str) -> Vec<String> {
    let keys = archived_bucket_keys(variant, bucket);
    let name = key_text(bucket);
    vec![
        format!("bucket.{name}.bucket_key=true"),
        format!("bucket.{name}.archived_bucket_keys={keys}"),
        format!("bucket.{name}.older_objects={older}"),
    ]
}

/// Bucket keys for new objects, in words: with how fast the older ones go, where the scenario says so.
fn for_new_objects(bucket: Option<&BucketSettings>) -> String {
    let words = "bucket keys for new objects";
    let ways = bucket.map(|b| (b.older_objects_half_life, b.older_objects_rewritten_in));
    match ways {
        Some((Some(half), _)) => format!("{words}, half of the older ones rewritten in {half}"),
        Some((None, Some(all))) => format!("{words}, the older ones rewritten in {all}"),
        Some((None, None)) | None => words.to_owned(),
    }
}

/// What could be done to a variant.
///
/// # Errors
/// The variant cannot be run.
pub fn suggestions(study: &Study) -> Result<Vec<Mitigation>, StudyError> {
    let variant = study.with(&[], &[])?;
    let results = study.run(&[], &[], study.seed)?;
    let mut found = Vec::new();
    for bucket in without_bucket_key(&variant, &results) {
        let for_new = for_new_objects(variant.scenario.bucket.get(bucket));
        for (older, words) in [
            ("1", for_new.as_str()),
            ("0", "bucket keys, all objects rewritten"),
        ] {
            let sets = bucket_keys(&variant, bucket, older);
            let path = format!("bucket.{}", key_text(bucket));
            found.push(Mitigation::set(path, words, sets));
        }
    }
    for (name, bucket) in &variant.scenario.bucket {
        let reads = || {
            let of_bucket = results.by_bucket.get(name);
            of_bucket
                .and_then(|m| m["kms_calls"].mean)
                .is_some_and(|calls| calls > 0.0)
        };
        if bucket.bucket_key && bucket.older().is_some() && reads() {
            let name = key_text(name);
            let sets = vec![format!("bucket.{name}.older_objects=0")];
            let path = format!("bucket.{name}");
            found.push(Mitigation::set(path, "older objects rewritten", sets));
        }
    }
    for (name, workload) in &variant.scenario.workload {
        let encrypts = workload.bucket.is_none()
            && workload.service.is_none()
            && workload.client_caches.is_empty()
            && workload.operations.keys().all(|o| o == "GenerateDataKey");
        if !encrypts {
            continue;
        }
        let path = format!("workload.{}.data_key_cache", key_text(name));
        for (words, cache) in DATA_KEY_CACHES {
            let sets = vec![format!("{path}={cache}")];
            found.push(Mitigation::set(path.clone(), words, sets));
        }
    }
    let names = variant
        .scenario
        .workload
        .values()
        .map(|w| w.retry.name.as_str());
    let present: Vec<&str> = names.collect();
    for mode in RETRY_MODES {
        let profile = crate::catalog::retry_profile(mode).map_or(mode, |p| &p.id);
        if present.iter().any(|name| *name != mode && *name != profile) {
            let sets = vec![format!("retry=\"{mode}\"")];
            found.push(Mitigation::set("retry".to_owned(), mode, sets));
        }
    }
    for pool in pools(&variant, &results, &[])? {
        for factor in MORE {
            let per_s = (pool.present * factor).ceil() as u64;
            let path = format!("quota.{}", pool.key());
            let words = format!("{per_s}/s");
            found.push(Mitigation::set(path, &words, pool.limited(per_s)));
        }
    }
    Ok(found)
}
