//! `kmsim compare`: scenario files are run, results directories read.

use super::args::{self, Format};
use super::{Failure, input, print, run, say};
use crate::compare::{across, merged};
use crate::report;
use crate::results::RunResults;

pub(super) fn compare(args: &args::Compare) -> Result<(), Failure> {
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    let mut scenarios = Vec::new();
    input::one_stdin(&args.inputs)?;
    if let Some(dir) = &args.out {
        report::probe(dir)?;
    }
    for (i, path) in args.inputs.iter().enumerate() {
        if path.is_dir() {
            match report::read(path) {
                Ok(found) => results.push((i, name(path, &found), found)),
                Err(e) => faults.push(format!("error: {e}")),
            }
        } else {
            match input::scenario(path, &args.overrides) {
                Ok(loaded) => scenarios.push((i, loaded)),
                Err(Failure::Input(text)) => faults.push(text),
                Err(other) => return Err(other),
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Input(faults.join("\n")));
    }
    for (i, loaded) in scenarios {
        let (found, _) = run::simulate(&loaded, &args.how, &args.precision)?;
        results.push((i, loaded.name.clone(), found));
    }
    results.sort_by_key(|r| r.0);
    let named: Vec<(String, RunResults)> =
        results.into_iter().map(|(_, name, r)| (name, r)).collect();
    let comparisons = across(&named);
    if let (Some(dir), Some(all)) = (&args.out, merged(&named)) {
        report::write_all(&all, None, dir)?;
        if !args.how.quiet {
            say(&format!(
                "overlaid charts and report.html in {}",
                dir.display()
            ));
        }
    }
    let failed = |e: String| Failure::Machine(format!("error: cannot format the comparison: {e}"));
    print(&match args.how.format {
        Format::Table => report::compare::table(&comparisons),
        Format::Markdown => report::compare::markdown(&comparisons),
        Format::Json => report::compare::json(&comparisons).map_err(|e| failed(e.to_string()))?,
        Format::Csv => report::compare::csv(&comparisons).map_err(|e| failed(e.to_string()))?,
    })
}

/// A results directory goes by its own name: several may hold the same scenario.
fn name(path: &std::path::Path, results: &RunResults) -> String {
    path.file_name().map_or_else(
        || results.scenario.name.clone(),
        |n| n.to_string_lossy().into_owned(),
    )
}
