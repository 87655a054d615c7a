//! Scenario files from disk or standard input, with overrides from the command line.

use super::args::Overrides;
use super::failure::CommandError;
use super::terminal::colour;
use crate::input::files::Files;
use crate::input::{Input, InputError};
use crate::scenario::{Loaded, ScenarioError, load};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads and validates a scenario; a file that `files` has read already is not read again.
pub(super) fn scenario(
    path: &Path,
    overrides: &Overrides,
    files: &Files,
) -> Result<Loaded, CommandError> {
    read_by(load, path, overrides, files)
}

/// Reads a scenario in one of the ways to do so.
pub(super) fn read_by(
    load: impl Fn(&Input, &[String]) -> Result<Loaded, ScenarioError>,
    path: &Path,
    overrides: &Overrides,
    files: &Files,
) -> Result<Loaded, CommandError> {
    let (input, sets) = text(path, overrides)?;
    let input = input.sharing_files_with(files);
    let mut loaded =
        load(&input, &sets).map_err(|error| CommandError::Input(error.rendered(colour())))?;
    keep(&mut loaded, &overrides.variants, &input.shown)?;
    Ok(loaded)
}

/// A scenario's text, with all that sets keys on the command line.
pub(super) fn text(
    path: &Path,
    overrides: &Overrides,
) -> Result<(Input, Vec<String>), CommandError> {
    let input = read(path)?;
    let mut sets = overrides.sets.clone();
    sets.extend(overrides.seed.map(|n| format!("seed={n}")));
    sets.extend(overrides.replications.map(|n| format!("replications={n}")));
    Ok((input, sets))
}

/// Several scenarios: every fault of every file at once.
pub(super) fn scenarios(
    paths: &[PathBuf],
    overrides: &Overrides,
) -> Result<Vec<Loaded>, CommandError> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    one_stdin(paths)?;
    let files = Files::default();
    for path in paths {
        match scenario(path, overrides, &files) {
            Ok(one) => loaded.push(one),
            Err(CommandError::Input(text)) => faults.push(text),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() {
        Ok(loaded)
    } else {
        Err(CommandError::Input(faults.join("\n")))
    }
}

fn read(path: &Path) -> Result<Input, CommandError> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| {
            CommandError::Input(format!(
                "error: cannot read a scenario from standard input: {e}"
            ))
        })?;
        Input::from_bytes("stdin", "stdin", bytes)
    } else {
        Input::from_path(path)
    };
    read.map_err(|error| CommandError::Input(unreadable(&error)))
}

/// Why a scenario cannot be read, with a fix.
fn unreadable(error: &InputError) -> String {
    match error {
        InputError::Unreadable { path, source } => {
            let help = if path.is_dir() {
                "a directory holds results (`kmsim report`, `kmsim compare`); name the TOML file of a scenario"
            } else {
                "name the TOML file of a scenario, for example one of scenarios/*.toml"
            };
            let shown = path.display();
            format!(
                "error[missing-file]: cannot read the scenario `{shown}`: {source}\n  = help: {help}"
            )
        }
        InputError::NotUtf8 {
            shown,
            line,
            column,
            byte,
            ..
        } => format!(
            "error[syntax]: byte 0x{byte:02x} is not valid UTF-8\n  --> {shown}:{line}:{column}\n  = help: a scenario is a TOML file, saved as UTF-8\n\nerror: {shown} has 1 error"
        ),
    }
}

/// Standard input can be read once.
pub(super) fn one_stdin(paths: &[PathBuf]) -> Result<(), CommandError> {
    let n = paths.iter().filter(|p| *p == Path::new("-")).count();
    if n > 1 {
        return Err(CommandError::Input(format!(
            "error[duplicate-name]: `-` is given {n} times, but standard input can be read only once\n  = help: keep one `-`, and name the other scenarios by their files"
        )));
    }
    Ok(())
}

/// Keeps the variants asked for, in file order.
fn keep(loaded: &mut Loaded, names: &[String], shown: &str) -> Result<(), CommandError> {
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
            let near = crate::input::spelling::did_you_mean(n, known.iter().copied());
            let near = near.map_or_else(
                || format!("its variants: {}", known.join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            format!("error[unknown-name]: unknown variant `{n}` of {shown}\n  = help: {near}")
        })
        .collect();
    if !unknown.is_empty() {
        return Err(CommandError::Input(unknown.join("\n")));
    }
    loaded.variants.retain(|v| names.contains(&v.plan.name));
    Ok(())
}
