//! No key is accepted and ignored: each one that the scenario language knows changes some result.
//!
//! [`crate::common::keys::rows`] holds, for every key, a scenario and an override after which a named part of the results
//! must differ. A key without a row fails, and so does a row without effect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::common::keys::rows;
use kmsim::catalog::custom_key_store_quota;
use kmsim::input::Input;
use kmsim::run::{RunOptions, run};
use kmsim::scenario::{Loaded, load};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("trace.csv"), "time\n0\n0.5\n2.5\n12\n").expect("write");
    fs::write(dir.path().join("other.csv"), "time\n0\n1\n").expect("write");
    for (name, statement) in crate::common::keys::POLICIES {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        fs::write(dir.path().join(name), document).expect("write");
    }
    dir
}

fn read(folder: &std::path::Path, text: &str, sets: &[String]) -> Result<Loaded, String> {
    let input = Input::from_text("keys", text).in_folder(folder);
    load(&input, sets).map_err(|error| error.to_string())
}

/// A part of the results of the only variant.
fn part(results: &Value, name: &str) -> Value {
    let variant = &results["variants"][0];
    match name {
        // Whichever the workload makes.
        "s3_requests_failed_or_app" => Value::Array(vec![
            variant["metrics"]["s3_requests_failed"].clone(),
            variant["metrics"]["app_requests_failed"].clone(),
        ]),
        "thresholds" => results["thresholds"].clone(),
        "bill" | "series" => variant[name].clone(),
        by if by.starts_with("by_") => variant[by].clone(),
        metric => variant["metrics"][metric].clone(),
    }
}

#[test]
fn every_key_changes_a_result() {
    let dir = folder();
    let mut cache: BTreeMap<(&str, Vec<String>), Value> = BTreeMap::new();
    let (mut known, mut with_row) = (BTreeSet::new(), BTreeSet::new());
    let mut failures = Vec::new();
    for row in rows() {
        with_row.insert(row.key.clone());
        let after: Vec<String> = row.before.iter().chain(&row.set).cloned().collect();
        let mut results = Vec::new();
        for sets in [row.before.clone(), after] {
            let key = (row.text, sets.clone());
            if !cache.contains_key(&key) {
                match read(dir.path(), row.text, &sets) {
                    Ok(loaded) => {
                        known.extend(loaded.keys_known.clone());
                        let (found, _) = run(&loaded, RunOptions::default()).expect("results");
                        let value = serde_json::to_value(found).expect("JSON");
                        cache.insert(key.clone(), value);
                    }
                    Err(told) => {
                        failures.push(format!("`{}` with {sets:?} is refused:\n{told}", row.key));
                        continue;
                    }
                }
            }
            results.push(part(&cache[&key], row.differs));
        }
        if let [before, after] = results.as_slice() {
            if before.is_null() {
                failures.push(format!("`{}`: results have no `{}`", row.key, row.differs));
            } else if before == after {
                failures.push(format!(
                    "`{}`: {:?} changes no `{}`",
                    row.key, row.set, row.differs
                ));
            }
        }
    }
    // Patterns write names that are no bare keys in quotes; rows don't.
    let known: BTreeSet<String> = known.into_iter().map(|k| k.replace('"', "")).collect();
    let is_table = |key: &String| {
        known.iter().any(|k| {
            k.strip_prefix(key.as_str())
                .is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]"))
        })
    };
    // AWS gives both kinds of key store the same quota today, so nothing can differ; the day the
    // catalog says otherwise, the kind needs a row.
    let quota = |kind| custom_key_store_quota(kind).and_then(|q| q.default_limit("us-east-1"));
    if quota("cloudhsm").map(|l| (l.num, l.den)) == quota("external").map(|l| (l.num, l.den)) {
        with_row.insert("key_store.NAME.kind".to_owned());
    }
    for key in known.iter().filter(|k| !is_table(k)) {
        if !with_row.contains(key) {
            failures.push(format!(
                "`{key}` is known, but no row shows what it changes"
            ));
        }
    }
    for key in with_row.iter().filter(|k| !known.contains(*k)) {
        failures.push(format!("`{key}` has a row, but is no key (any more)"));
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
