//! What is set differently in two variants, the largest change first.
//!
//! Works on the resolved scenarios in the results, so a key that one file spells out and the other leaves to its
//! default does not differ. Left out: which of the changes moves the results how much; `kmsim sweep` tells that.

use crate::input::document::key_text;
use crate::results::{RunResults, SettingDifference};
use indexmap::IndexSet;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The differences between variants of two runs, or of one.
///
/// What only one of them has comes first, then what cannot be measured, then quantities by the factor between them.
pub fn settings(a: (&RunResults, &str), b: (&RunResults, &str)) -> Vec<SettingDifference> {
    let both = [a, b].map(|(results, variant)| (&results.scenario.resolved, variant));
    let mut leaves = [Vec::new(), Vec::new()];
    // A comparison's own results hold those of several files, each variant under the file's name.
    let kinds = both.iter().flat_map(|(resolved, v)| resolved.kinds(v));
    let kinds: IndexSet<&str> = kinds.collect();
    for kind in kinds {
        // One after another: whole tables of many things take much room.
        let tables = both.map(|(resolved, variant)| resolved.table(variant, kind));
        if tables[0] != tables[1] {
            for (table, leaves) in tables.iter().zip(&mut leaves) {
                flatten(table, key_text(kind), leaves);
            }
        }
    }
    for key in ["horizon", "warm_up"] {
        for ((resolved, _), leaves) in both.iter().zip(&mut leaves) {
            flatten(resolved.setting(key), key.to_owned(), leaves);
        }
    }
    let [a, b] = leaves;
    let by_path = |leaves: &[(String, String)]| -> HashMap<String, String> {
        // Of equal paths the first counts.
        leaves.iter().rev().cloned().collect()
    };
    let (in_a, in_b) = (by_path(&a), by_path(&b));
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for (path, _) in a.iter().chain(&b) {
        if !seen.insert(path) {
            continue;
        }
        let (baseline, variant) = (in_a.get(path).cloned(), in_b.get(path).cloned());
        if baseline != variant {
            let factor = baseline
                .as_deref()
                .zip(variant.as_deref())
                .and_then(|(x, y)| factor(x, y));
            out.push(SettingDifference {
                path: path.clone(),
                baseline,
                variant,
                factor,
            });
        }
    }
    // Stable: what ranks alike stays in the order of the file.
    out.sort_by(|x, y| rank(y).total_cmp(&rank(x)));
    out
}

/// Larger for what ranks first.
fn rank(d: &SettingDifference) -> f64 {
    match (&d.baseline, &d.variant, d.factor) {
        (Some(_), Some(_), Some(factor)) => factor.ln().abs(),
        (Some(_), Some(_), None) => 1e6,
        (None, _, _) | (_, None, _) => 1e9,
    }
}

/// Every value of a tree with its path; empty tables and lists are values too.
fn flatten(value: &Value, path: String, out: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(value, format!("{path}.{}", key_text(key)), out);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for (i, value) in list.iter().enumerate() {
                flatten(value, format!("{path}[{i}]"), out);
            }
        }
        Value::String(text) => out.push((path, text.clone())),
        other => out.push((path, other.to_string())),
    }
}

/// The second over the first, of two quantities of one kind above zero.
fn factor(a: &str, b: &str) -> Option<f64> {
    use crate::units::{Bytes, Rate, Span};
    let quantity = |text: &str| -> Option<(u8, f64)> {
        let number = text.parse::<f64>().ok().map(|v| (0, v));
        let rate = || text.parse::<Rate>().ok().map(|r| (1, r.per_second()));
        let span = || text.parse::<Span>().ok().map(|s| (2, s.as_secs_f64()));
        let bytes = || {
            let read = text.parse::<Bytes>().ok();
            read.map(|b| (3, b.get() as f64))
        };
        number.or_else(rate).or_else(span).or_else(bytes)
    };
    let ((kind_a, a), (kind_b, b)) = (quantity(a)?, quantity(b)?);
    (kind_a == kind_b && a > 0.0 && b > 0.0).then(|| b / a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::run;

    #[test]
    fn the_largest_change_stands_first() {
        let with = |resolved: Value| {
            let mut results = run(1, vec![]);
            results.scenario.resolved = resolved.into();
            results
        };
        let a = with(serde_json::json!({"horizon": "1m", "variant": {"x": {
            "quota": {"q": {"limit": "100/s"}}, "workload": {"w": {"clients": 4, "rate": "10/s"}},
            "retry": {"name": "none"}, "bucket": {"b": {"bucket_key": false}}}}}));
        let b = with(serde_json::json!({"horizon": "1m", "variant": {"y": {
            "quota": {"q": {"limit": "150/s"}}, "workload": {"w": {"clients": 4, "rate": "2/s"}},
            "retry": {"name": "standard"}, "key": {"k": {"spec": "RSA_2048"}}}}}));
        let found = settings((&a, "x"), (&b, "y"));
        let paths: Vec<&str> = found.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "bucket.b.bucket_key",
                "key.k.spec",
                "retry.name",
                "workload.w.rate",
                "quota.q.limit"
            ]
        );
        assert_eq!(found[4].factor, Some(1.5));
        assert_eq!(found[1].baseline, None);
        assert!(settings((&a, "x"), (&a, "x")).is_empty());
    }
}
