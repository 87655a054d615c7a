//! The results directory as a whole: written, read back, redrawn.

use std::path::{Path, PathBuf};

use super::*;
use crate::results::directory::probe;
use crate::results::{RESULTS_FILE, read};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn all_fixtures() -> Vec<(&'static str, RunResults)> {
    vec![
        ("peak", fixture::evening_peak()),
        ("twelve", fixture::variants(12)),
        ("one-replication", fixture::one_replication()),
        ("nothing-throttled", fixture::nothing_throttled()),
        ("nothing-happened", fixture::nothing_happened()),
        ("thirty-days", fixture::thirty_days()),
        ("hostile", fixture::hostile_names()),
    ]
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// With KMSIM_FIGURES set to a directory, leaves everything there to be looked at.
#[test]
fn every_fixture_is_drawn_whole() {
    let temporary = tempfile::tempdir().unwrap();
    let root = std::env::var_os("KMSIM_FIGURES").map_or(temporary.path().to_owned(), PathBuf::from);
    for (name, results) in all_fixtures() {
        let dir = root.join(name);
        write_all(&results, None, &dir, ChartFiles::ALL).unwrap();
        std::fs::write(
            root.join(format!("{name}.txt")),
            summary::text(&format::TextTable, &results).unwrap(),
        )
        .unwrap();
        assert_eq!(
            names(&dir),
            [
                "bill.csv",
                "charts",
                "metrics.parquet",
                "report.html",
                "results.json",
                "summary.csv",
                "timeseries.csv"
            ]
        );
        for file in names(&dir.join("charts")) {
            let bytes = std::fs::read(dir.join("charts").join(&file)).unwrap();
            if file.ends_with(".png") {
                check_png(&file, &bytes);
            } else {
                check_svg(&file, &String::from_utf8(bytes).unwrap(), &results);
            }
        }
        check_html(&std::fs::read_to_string(dir.join("report.html")).unwrap());
    }
}

fn check_png(file: &str, bytes: &[u8]) {
    let sheet = resvg::tiny_skia::Pixmap::decode_png(bytes).unwrap();
    let first = sheet.pixels()[0];
    let drawn = sheet.pixels().iter().filter(|p| **p != first).count();
    assert!(
        sheet.width() == 1_300 && drawn > 2_000,
        "{file}: {drawn} pixels drawn"
    );
}

fn check_svg(file: &str, svg: &str, results: &RunResults) {
    for fault in ["NaN", "inf", "<script"] {
        assert!(!svg.contains(fault), "{file} contains {fault}");
    }
    assert!(
        svg.contains("replication") && svg.contains("seed 42"),
        "{file}"
    );
    if file.starts_with("attempts_") {
        assert!(
            svg.contains("[1/s]") && svg.contains("time since"),
            "{file}"
        );
        let plain = results
            .variants
            .iter()
            .filter(|v| v.name.len() < 20 && v.name.chars().all(|c| c.is_alphanumeric()));
        for v in plain {
            assert!(
                svg.contains(&format!(">{}<", v.name)),
                "{file} lacks {}",
                v.name
            );
        }
    }
    if file.starts_with("cost") && svg.contains("textLength") && !svg.contains("Nothing is charged")
    {
        assert!(svg.contains("[USD]"), "{file}");
    }
}

fn check_html(html: &str) {
    // Only what the policy allows by its hash runs, and nothing is loaded.
    let policy = html.split_once("content=\"default-src 'none'; ").unwrap().1;
    let policy = policy.split_once('"').unwrap().0;
    let own = format!(
        "'sha256-{}'",
        STANDARD.encode(Sha256::digest(scripts::BOOT))
    );
    for script in html.split("<script").skip(1) {
        let (kind, text) = script.split_once('>').unwrap();
        let text = text.split_once("</script>").unwrap().0;
        assert!(
            kind.starts_with(" type=\"application/gzip\"")
                || (kind.is_empty() && text == scripts::BOOT && policy.contains(&own)),
            "{kind}"
        );
    }
    let style = html.split_once("<style>").unwrap().1;
    let style = style.split_once("</style>").unwrap().0;
    assert!(
        policy.contains(&STANDARD.encode(Sha256::digest(style))),
        "{policy}"
    );
    for load in ["src=", "url(", "@import", "style=\""] {
        assert!(!html.contains(load), "{load}");
    }
    assert!(
        html.split("href=")
            .skip(1)
            .all(|link| link.starts_with("\"#"))
    );
    for part in [
        "answer",
        "ladder",
        "decisive",
        "who",
        "bill",
        "changes",
        "assumptions",
        "metrics",
        "scenario",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn names_are_escaped() {
    let results = fixture::hostile_names();
    let html = html::report(&results, &chart::all(&results).unwrap()).unwrap();
    assert!(html.contains("&lt;script&gt;alert("));
    assert!(!html.contains("</pre><script"));
}

#[test]
fn the_same_results_give_the_same_drawing() {
    let svgs = || {
        chart::all(&fixture::evening_peak())
            .unwrap()
            .into_iter()
            .map(|f| f.svg)
    };
    assert!(svgs().eq(svgs()));
}

#[test]
fn results_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let results = fixture::one_replication();
    let manifest = Manifest {
        kmsim_version: results.kmsim_version.clone(),
        date: "2026-01-01T00:00:00Z".to_owned(),
        host: String::new(),
        threads: 2,
        simulate_all: false,
        wall_s: 1.5,
        variants: vec![],
    };
    write_all(&results, Some(&manifest), dir.path(), ChartFiles::ALL).unwrap();
    assert_eq!(read(dir.path()).unwrap(), results);
    let kept = std::fs::read(dir.path().join(RESULTS_FILE)).unwrap();
    let drawn = std::fs::read(dir.path().join("report.html")).unwrap();
    std::fs::remove_file(dir.path().join("report.html")).unwrap();
    std::fs::write(dir.path().join("charts/attempts_of_yesterday.svg"), "old").unwrap();
    std::fs::write(dir.path().join("charts/notes.svg"), "mine").unwrap();
    redraw(dir.path(), ChartFiles::ALL).unwrap();
    assert_eq!(std::fs::read(dir.path().join(RESULTS_FILE)).unwrap(), kept);
    assert_eq!(
        std::fs::read(dir.path().join("report.html")).unwrap(),
        drawn
    );
    let charts = names(&dir.path().join("charts"));
    assert!(charts.contains(&"notes.svg".to_owned()));
    assert!(
        !charts
            .iter()
            .any(|n| n.contains("yesterday") || n.ends_with(".tmp"))
    );
    assert!(names(dir.path()).contains(&"manifest.json".to_owned()));
}

#[test]
fn only_the_files_that_are_asked_for_are_written_and_none_of_another_run_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let results = fixture::one_replication();
    let endings = |charts: ChartFiles| {
        write_all(&results, None, dir.path(), charts).unwrap();
        let mut endings: Vec<String> = names(&dir.path().join("charts"))
            .iter()
            .map(|name| name.rsplit('.').next().unwrap().to_owned())
            .collect();
        endings.sort();
        endings.dedup();
        endings
    };
    let report = || std::fs::read(dir.path().join("report.html")).unwrap();
    assert_eq!(endings(ChartFiles::ALL), ["png", "svg"]);
    let whole = report();
    for (text, expected) in [
        ("svg", &["svg"][..]),
        ("png", &["png"]),
        ("none", &[]),
        ("svg,png", &["png", "svg"]),
    ] {
        assert_eq!(endings(text.parse().unwrap()), expected, "{text}");
        assert!(report() == whole, "{text}: the report has its figures");
    }
}

#[test]
fn unreadable_results_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(dir.path().join(RESULTS_FILE), text).unwrap();
        }
        let error = read(dir.path()).unwrap_err();
        assert!(error.is_input_fault());
        error.to_string()
    };
    assert!(fault(None).contains("results.json"));
    assert!(fault(Some("{\n  oops")).contains("results.json:2:3: "));
    assert!(fault(Some("{}")).contains("schema_version"));
    let text = fault(Some(r#"{"schema_version": 99}"#));
    assert!(
        text.contains("version 99") && text.contains("version 1"),
        "{text}"
    );
    assert!(fault(Some(r#"{"schema_version": 1}"#)).contains("missing field"));
}

#[test]
fn a_directory_that_cannot_be_written_is_told_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("results");
    for error in [
        probe(&below).unwrap_err().into(),
        write_all(&fixture::one_replication(), None, &below, ChartFiles::ALL).unwrap_err(),
    ] {
        assert!(!error.is_input_fault());
        assert!(
            error.to_string().contains("create directory")
                && error.to_string().contains("file/results"),
            "{error}"
        );
    }
    probe(&dir.path().join("deep/er")).unwrap();
    assert_eq!(names(&dir.path().join("deep/er")), ["charts"]);
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_nothing_beside() {
    let dir = tempfile::tempdir().unwrap();
    let results = fixture::one_replication();
    write_all(&results, None, dir.path(), ChartFiles::ALL).unwrap();
    std::fs::remove_file(dir.path().join("report.html")).unwrap();
    // A directory in the place of a file can't be renamed over.
    std::fs::create_dir(dir.path().join("report.html")).unwrap();
    assert!(write_all(&results, None, dir.path(), ChartFiles::ALL).is_err());
    assert!(names(dir.path()).iter().all(|n| !n.ends_with(".tmp")));
}

/// Every value of a JSON tree, by its pointer.
fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(inner, format!("{at}/{key}"), out);
            }
        }
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                pointers(inner, format!("{at}/{i}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    out.push(at);
}

/// What somebody may have done to one value.
fn doctor(value: &mut Value, how: u8) {
    let other = match how {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(1e300),
        3 => json!("x"),
        4 => json!([]),
        5 => json!({}),
        6 => json!(u64::MAX),
        7 => json!(0),
        _ => {
            match value {
                Value::Array(list) if how == 8 => drop(list.pop()),
                Value::Array(list) => list.extend(list.first().cloned()),
                Value::Object(map) => {
                    let last = map.keys().next_back().cloned();
                    last.and_then(|key| map.remove(&key));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
            return;
        }
    };
    *value = other;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn doctored_results_are_a_fault_or_drawn_but_never_a_panic(
        changes in proptest::collection::vec((any::<u32>(), 0u8..10), 1..4),
    ) {
        let mut tree = serde_json::to_value(fixture::variants(2)).unwrap();
        for (place, how) in changes {
            let mut all = Vec::new();
            pointers(&tree, String::new(), &mut all);
            let pointer = &all[place as usize % all.len()];
            if let Some(value) = tree.pointer_mut(pointer) {
                doctor(value, how);
            }
        }
        if let Ok(results) = crate::results::parse(&tree.to_string(), Path::new("results.json")) {
            let named = [("a".to_owned(), results.clone()), ("b".to_owned(), results.clone())];
            crate::compare::merged(&named);
            summary::text(&format::TextTable, &results).unwrap();
            let figures = chart::all(&results).unwrap();
            html::report(&results, &figures).unwrap();
            csv::time_series(&results, &mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn results_without_values_are_refused_by_name() {
    let mut results = fixture::variants(1);
    results.variants[0].metrics["kms_calls"].values.clear();
    let text = serde_json::to_string(&results).unwrap();
    let fault = crate::results::parse(&text, Path::new("r/results.json")).unwrap_err();
    assert!(
        fault.to_string().contains("`kms_calls` has 0 values"),
        "{fault}"
    );
}
