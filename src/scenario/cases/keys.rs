//! No key is accepted and ignored: each one that the scenario language knows changes some result.

use super::texts::POLICIES;
use super::{all, folder};
use crate::catalog::custom_key_store_quota;
use crate::input::Input;
use crate::run::{RunOptions, run};
use crate::scenario::{keys, load};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

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
    fs::write(dir.path().join("trace.csv"), "time\n0\n0.5\n2.5\n12\n").expect("write");
    fs::write(dir.path().join("other.csv"), "time\n0\n1\n").expect("write");
    fs::write(dir.path().join("counts.csv"), "time,Sum\n0,9\n4,90\n").expect("write");
    for (name, statement) in POLICIES {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        fs::write(dir.path().join(name), document).expect("write");
    }
    let mut cache: BTreeMap<(&str, Vec<String>), Value> = BTreeMap::new();
    let mut with_row = BTreeSet::new();
    let mut failures = Vec::new();
    for row in all().keys {
        with_row.insert(row.key.clone());
        let after: Vec<String> = row.before.iter().chain(&row.set).cloned().collect();
        let mut results = Vec::new();
        for sets in [row.before.clone(), after] {
            let key = (row.text, sets.clone());
            if !cache.contains_key(&key) {
                let input = Input::from_text("keys", row.text).in_folder(dir.path());
                match load(&input, &sets) {
                    Ok(loaded) => {
                        let (found, _) = run(&loaded, RunOptions::default()).expect("results");
                        let value = serde_json::to_value(found).expect("JSON");
                        cache.insert(key.clone(), value);
                    }
                    Err(error) => {
                        failures.push(format!("`{}` with {sets:?} is refused:\n{error}", row.key));
                        continue;
                    }
                }
            }
            results.push(part(&cache[&key], row.differs));
        }
        if let [before, after] = results.as_slice() {
            if before.is_null() {
                failures.push(format!("`{}`: results lack `{}`", row.key, row.differs));
            } else if before == after {
                failures.push(format!(
                    "`{}`: {:?} changes no `{}`",
                    row.key, row.set, row.differs
                ));
            }
        }
    }
    // AWS gives both kinds of key store the same quota today, so nothing can differ; the day the
    // catalog says otherwise, the kind needs a row.
    let quota = |kind| custom_key_store_quota(kind).and_then(|q| q.default_limit("us-east-1"));
    if quota("cloudhsm").map(|l| (l.num, l.den)) == quota("external").map(|l| (l.num, l.den)) {
        with_row.insert("key_store.NAME.kind".to_owned());
    }
    let known = keys();
    for key in known.iter().filter(|k| !with_row.contains(*k)) {
        failures.push(format!(
            "`{key}` is known, but no row shows what it changes"
        ));
    }
    for key in with_row.iter().filter(|k| !known.contains(*k)) {
        failures.push(format!("`{key}` has a row, but is not a key (any more)"));
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
