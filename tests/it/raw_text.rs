//! Names and values with what a terminal obeys or a spreadsheet computes: shown, never sent.

use crate::common::program::run_kmsim;
use std::fs;
use std::path::Path;

/// A name that clears the screen, and one that a spreadsheet would compute.
const ESCAPE: &str = "\\u001B[2J\\u009B31m\\u202Ex";

fn scenario(name: &str) -> String {
    format!(
        r#"horizon = "5s"
replications = 2
region = "eu-west-3"
key.main = {{}}
[quota."{name}"]
limit = "2/s"
[workload."{name}"]
key = "main"
clients = 1
operations.Decrypt = 1
arrivals.poisson.rate = "3/s"
[threshold."{name}"]
max = "throttle_rate < 1%"
[variant."{name}"]
[variant.other.workload."{name}"]
clients = 2
"#
    )
}

/// Whether a byte or letter would act.
fn acts(text: &str) -> Option<char> {
    text.chars().find(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || ('\u{202a}'..='\u{202e}').contains(c)
    })
}

fn texts(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            texts(&path, out);
        } else if let Ok(text) = fs::read_to_string(&path) {
            out.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn nothing_that_acts_reaches_a_terminal_or_a_file() {
    let dir = tempfile::tempdir().expect("folder");
    // Thresholds are `NAME = "TARGET"`.
    let text = scenario(ESCAPE).replace(
        &format!("[threshold.\"{ESCAPE}\"]\nmax = "),
        &format!("[threshold]\n\"{ESCAPE}\" = "),
    );
    fs::write(dir.path().join("s.toml"), &text).expect("write");
    let broken = text.replace("clients = 1", "clients = 1\nclinets = \"\\u001B[1m\"");
    fs::write(dir.path().join("broken.toml"), broken).expect("write");
    let raw = text.replace("[key", "# \u{1b}[2J\n[key") + "x = \u{1b}[2J\n";
    fs::write(dir.path().join("raw.toml"), raw).expect("write");
    let set = "key.\"\u{1b}[2J\".regon=1";
    let target = ["--target", "throttle_rate < 1%", "--variant", "other"];
    for args in [
        &["check", "s.toml"][..],
        &["check", "broken.toml"],
        &["check", "raw.toml"],
        &["check", "s.toml", "--set", set],
        &["check", "no\u{1b}[2J.toml"],
        &["run", "s.toml", "--out", "r", "--emit-cloudtrail", "3"],
        &["run", "s.toml", "--out", "r", "--format", "markdown"],
        &["run", "s.toml", "--out", "r", "--format", "csv"],
        &["run", "s.toml", "--out", "r", "--format", "json"],
        &["run", "s.toml", "--out", "r", "--variant", "\u{1b}[2J"],
        &["compare", "r", "s.toml"],
        &["explain", "s.toml"],
        &[&["plan", "s.toml", "--out", "p"][..], &target].concat(),
        &["sweep", "s.toml", "--over", "horizon=4s,5s", "--out", "w"],
    ] {
        let (_, out, said) = run_kmsim(dir.path(), args);
        for (stream, text) in [("standard output", out), ("standard error", said)] {
            assert_eq!(acts(&text), None, "{args:?}, {stream}: {text}");
        }
    }
    let mut written = Vec::new();
    for folder in ["r", "p", "w"] {
        texts(&dir.path().join(folder), &mut written);
    }
    assert!(written.len() > 10, "{}", written.len());
    for (path, text) in written {
        assert_eq!(acts(&text), None, "{path}");
    }
}

#[test]
fn no_cell_is_a_formula() {
    let dir = tempfile::tempdir().expect("folder");
    let name = "=HYPERLINK(1)";
    let text = scenario(name).replace(
        &format!("[threshold.\"{name}\"]\nmax = "),
        &format!("[threshold]\n\"{name}\" = "),
    );
    fs::write(dir.path().join("s.toml"), text).expect("write");
    run_kmsim(dir.path(), &["run", "s.toml", "--out", "r"]);
    run_kmsim(
        dir.path(),
        &["sweep", "s.toml", "--over", "horizon=4s,5s", "--out", "w"],
    );
    let mut written = Vec::new();
    for folder in ["r", "w"] {
        texts(&dir.path().join(folder), &mut written);
    }
    written.retain(|(path, _)| path.ends_with(".csv"));
    assert!(written.len() >= 4, "{}", written.len());
    for (path, text) in written {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        for record in reader.records() {
            for cell in record.expect("a row").iter() {
                let formula =
                    cell.starts_with(['=', '+', '@', '-']) && cell.parse::<f64>().is_err();
                assert!(!formula, "{path}: {cell}");
            }
        }
    }
}
