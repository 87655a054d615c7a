//! `kmsim compare`: scenario files are run, results directories read.

use super::args;
use super::failure::CommandError;
use super::terminal::say;
use super::{gate, input, simulate};
use crate::compare::{across, merged, shortened};
use crate::input::files::Files;
use crate::report;
use crate::report::compare::Compared;
use crate::results::folder::{FolderSharing, OutputFolder};
use crate::results::{self, RunResults};

pub(super) fn compare(args: &args::CompareArgs) -> Result<(), CommandError> {
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    let mut scenarios = Vec::new();
    let files = Files::default();
    input::one_stdin(&args.inputs)?;
    let out = args.out.as_deref();
    let folder = out.map(|dir| OutputFolder::claim(dir, FolderSharing::Alone, args.at_once.wait));
    let folder = folder.transpose()?;
    for (i, path) in args.inputs.iter().enumerate() {
        if path.is_dir() {
            match results::read(path) {
                Ok(found) => all.push((i, name(path, &found), found)),
                Err(e) => faults.push(format!("error: {e}")),
            }
        } else {
            match input::scenario(path, &args.overrides, &files) {
                Ok(loaded) => scenarios.push((i, loaded)),
                Err(CommandError::Input(text)) => faults.push(text),
                Err(other) => return Err(other),
            }
        }
    }
    if !faults.is_empty() {
        return Err(CommandError::Input(faults.join("\n")));
    }
    let mut failures = Vec::new();
    for (i, loaded) in scenarios {
        simulate::admit(
            &loaded.name,
            &simulate::effort(&loaded, &args.how),
            &args.how,
        )?;
        let (found, _) = simulate::simulate(&loaded, &args.how, &args.precision)?;
        failures.extend(gate::precision(&found));
        all.push((i, loaded.name.clone(), found));
    }
    all.sort_by_key(|r| r.0);
    let named: Vec<(String, RunResults)> = all.into_iter().map(|(_, name, r)| (name, r)).collect();
    let comparisons = across(&named);
    if let (Some(folder), Some(all)) = (&folder, merged(&named).map(shortened)) {
        let dir = folder.dir();
        report::write_all(&all, None, dir, args.charts.files)?;
        if !args.how.quiet {
            say(&format!(
                "overlaid charts and report.html in {}",
                dir.display()
            ));
        }
    }
    let text = args.how.shown(&Compared(&comparisons))?;
    gate::print_judged(&text, &failures)
}

/// A results directory goes by its own name: several may hold the same scenario.
fn name(path: &std::path::Path, results: &RunResults) -> String {
    path.file_name().map_or_else(
        || results.scenario.name.clone(),
        |n| n.to_string_lossy().into_owned(),
    )
}
