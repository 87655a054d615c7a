//! Files of results, as a script or an old version may have left them: refused by what is wrong, or shown and compared.

use indexmap::IndexMap;
use kmsim::report::chart;
use kmsim::report::content::Format;
use kmsim::report::format::{Markdown, TextTable};
use kmsim::report::sweep::Swept;
use kmsim::report::{csv, html, metrics_parquet, summary};
use kmsim::results::parse;
use kmsim::sweep::run::{PLAN_FILE, Run, Started, Sweep};
use kmsim::sweep::{parquet, table};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

thread_local! {
    /// Where this thread writes what is to be read.
    static FOLDER: TempDir = {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("runs")).expect("a folder");
        folder
    };
}

/// One of the files, by its first byte: `r` results.json, `p` sweep.json, anything else a shard's run.
pub fn results(bytes: &[u8]) {
    match bytes.split_first() {
        None => {}
        Some((b'r', text)) => of_a_run(&String::from_utf8_lossy(text)),
        Some((b'p', text)) => FOLDER.with(|folder| plan(folder.path(), text)),
        Some((_, text)) => FOLDER.with(|folder| shard(folder.path(), text)),
    }
}

fn of_a_run(text: &str) {
    let results = match parse(text, Path::new("results.json")) {
        Ok(results) => results,
        Err(fault) => {
            assert!(fault.is_input_fault() && fault.to_string().contains("results.json"));
            return;
        }
    };
    let shown = [
        summary::text(&TextTable, &results),
        summary::text(&Markdown, &results),
        csv::summary(&results),
    ];
    for text in shown {
        let text = text.expect("a text");
        assert!(!text.contains("NaN"), "{text}");
    }
    csv::time_series(&results, &mut Vec::new()).expect("CSV");
    csv::bill(&results, &mut Vec::new()).expect("CSV");
    metrics_parquet::metrics_parquet(&results).expect("Parquet");
    let named = ["a", "b"].map(|name| (name.to_owned(), results.clone()));
    kmsim::compare::merged(&named);
    kmsim::compare::across(&named);
    let figures = chart::all(&results).expect("figures");
    html::report(&results, &figures).expect("a page");
}

/// A small sweep.
fn sweep() -> Sweep {
    Sweep {
        kmsim_version: kmsim::run::VERSION.to_owned(),
        scenario: "s".to_owned(),
        text_sha256: "0".repeat(64),
        files: BTreeMap::new(),
        sets: Vec::new(),
        keys: vec!["quota.q.limit".to_owned()],
        settings: vec![vec!["10/s".to_owned()], vec!["20/s".to_owned()]],
        variants: vec!["base".to_owned()],
        seed: 1,
        replications: 2,
    }
}

fn plan(folder: &Path, text: &[u8]) {
    std::fs::write(folder.join(PLAN_FILE), text).expect("written");
    if let Err(fault) = sweep().open(folder) {
        let said = fault.to_string();
        assert!(said.contains("help: "), "no way out: {said}");
    }
}

fn shard(folder: &Path, text: &[u8]) {
    let sweep = sweep();
    std::fs::write(folder.join("runs/000000-0.json"), text).expect("written");
    let whole = Run {
        setting: 1,
        variant: "base".to_owned(),
        metrics: IndexMap::from([("throttle_rate".to_owned(), vec![Some(0.1), Some(0.2)])]),
        thresholds: IndexMap::new(),
    };
    let started = Started { found: 0, done: 1 };
    let (runs, progress) = sweep.gathered(folder, started, vec![None, Some(whole)]);
    assert_eq!(runs.len() + progress.missing, 2);
    let columns = table::columns(&sweep, &runs);
    table::csv(&columns);
    parquet::parquet(&columns).expect("Parquet");
    let swept = Swept {
        sweep: &sweep,
        runs: &runs,
        metrics: &["throttle_rate", "cost_total_usd"],
        columns: &columns,
    };
    for format in [&TextTable as &dyn Format, &Markdown] {
        format.write(&swept).expect("a text");
    }
}
