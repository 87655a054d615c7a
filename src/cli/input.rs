//! Scenario files from disk or standard input, with overrides from the command line.

use super::args::Overrides;
use super::{Failure, colour};
use crate::scenario::diagnostic::{Sources, render};
use crate::scenario::{Input, Loaded, load};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads and validates a scenario.
pub(super) fn scenario(path: &Path, overrides: &Overrides) -> Result<Loaded, Failure> {
    let input = read(path)?;
    let mut sets = overrides.sets.clone();
    sets.extend(overrides.seed.map(|n| format!("seed={n}")));
    sets.extend(overrides.replications.map(|n| format!("replications={n}")));
    let mut sources = Sources::new();
    let mut loaded = load(&input, &sets, &mut sources).map_err(|faults| {
        let n = faults.len();
        let shown = render(&faults, &sources, colour());
        let s = if n == 1 { "" } else { "s" };
        Failure::Input(format!("{shown}\nerror: {} has {n} fault{s}", input.shown))
    })?;
    keep(&mut loaded, &overrides.variants, &input.shown)?;
    Ok(loaded)
}

/// Several scenarios: every fault of every file at once.
pub(super) fn scenarios(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Loaded>, Failure> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match scenario(path, overrides) {
            Ok(one) => loaded.push(one),
            Err(Failure::Input(text)) => faults.push(text),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() {
        Ok(loaded)
    } else {
        Err(Failure::Input(faults.join("\n")))
    }
}

fn read(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| {
            Failure::Input(format!(
                "error: cannot read a scenario from standard input: {e}"
            ))
        })?;
        return Ok(Input {
            name: "stdin".to_owned(),
            shown: "stdin".to_owned(),
            folder: PathBuf::from("."),
            text,
        });
    }
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::Input(format!("error[missing-file]: cannot read the scenario `{shown}`: {e}\n  = help: name a TOML file, for example one of scenarios/*.toml"))
    })?;
    let name = path.file_stem().map_or_else(
        || "scenario".to_owned(),
        |s| s.to_string_lossy().into_owned(),
    );
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    Ok(Input {
        name,
        shown,
        folder,
        text,
    })
}

/// Keeps the variants asked for, in file order.
fn keep(loaded: &mut Loaded, names: &[String], shown: &str) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = loaded
        .variants
        .iter()
        .map(|v| v.plan.name.as_str())
        .collect();
    let unknown: Vec<String> = names
        .iter()
        .filter(|n| !known.contains(&n.as_str()))
        .map(|n| {
            let near = crate::scenario::reader::did_you_mean(n, known.iter().copied());
            let near = near.map_or_else(
                || format!("its variants: {}", known.join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            format!("error[unknown-name]: {shown} has no variant `{n}`\n  = help: {near}")
        })
        .collect();
    if !unknown.is_empty() {
        return Err(Failure::Input(unknown.join("\n")));
    }
    loaded.variants.retain(|v| names.contains(&v.plan.name));
    Ok(())
}
