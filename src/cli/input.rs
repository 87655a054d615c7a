//! Scenario files from disk or standard input, with overrides from the command line.

use super::args::Overrides;
use super::failure::CommandError;
use super::terminal::colour;
use crate::input::files::Files;
use crate::input::named_file::{CappedReader, FileContent, FileRules};
use crate::input::{Input, InputError};
use crate::scenario::{Loaded, ScenarioError, Variant, load, load_each};
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
    let known: Vec<&str> = loaded
        .variants
        .iter()
        .map(|v| v.plan.name.as_str())
        .collect();
    let names = &overrides.variants;
    know(&known, names, &input.shown)?;
    if !names.is_empty() {
        loaded.variants.retain(|v| names.contains(&v.plan.name));
    }
    Ok(loaded)
}

/// Reads and validates a scenario, and shows its variants one after another; what is returned has none of them.
fn shown(
    path: &Path,
    overrides: &Overrides,
    files: &Files,
    mut show: impl FnMut(Variant),
) -> Result<Loaded, CommandError> {
    let (input, sets) = text(path, overrides)?;
    let input = input.sharing_files_with(files);
    let names = &overrides.variants;
    let mut known: Vec<String> = Vec::new();
    let loaded = load_each(&input, &sets, |variant| {
        let name = &variant.plan.name;
        if !names.is_empty() {
            known.push(name.clone());
        }
        if names.is_empty() || names.contains(name) {
            show(variant);
        }
    });
    let loaded = loaded.map_err(|error| CommandError::Input(error.rendered(colour())))?;
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    know(&known, names, &input.shown)?;
    Ok(loaded)
}

/// A scenario's text, with all that sets keys on the command line.
pub(super) fn text(
    path: &Path,
    overrides: &Overrides,
) -> Result<(Input, Vec<String>), CommandError> {
    let rules = FileRules {
        anywhere: false,
        allowed: overrides.allowed.clone(),
        largest: overrides.max_file_size,
    };
    let input = read(path, rules)?;
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
    let files = Files::default();
    all(paths, |path| scenario(path, overrides, &files))
}

/// As [`scenarios`], but of each file's variants only what `look` makes of them, in their order.
pub(super) fn looked_at<T>(
    paths: &[PathBuf],
    overrides: &Overrides,
    look: impl Fn(&Variant) -> T,
) -> Result<Vec<(Loaded, Vec<T>)>, CommandError> {
    let files = Files::default();
    all(paths, |path| {
        let mut seen = Vec::new();
        let loaded = shown(path, overrides, &files, |v| seen.push(look(&v)))?;
        Ok((loaded, seen))
    })
}

fn all<T>(
    paths: &[PathBuf],
    read: impl Fn(&Path) -> Result<T, CommandError>,
) -> Result<Vec<T>, CommandError> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    one_stdin(paths)?;
    for path in paths {
        match read(path) {
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

fn read(path: &Path, rules: FileRules) -> Result<Input, CommandError> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let most = rules.largest.unwrap_or(FileContent::Document.largest());
        let mut text = CappedReader::new(std::io::stdin(), most);
        text.read_to_end(&mut bytes).map_err(|e| {
            CommandError::Input(format!(
                "error: cannot read a scenario from standard input: {e}"
            ))
        })?;
        Input::from_bytes("stdin", "stdin", bytes).map(|input| input.under(rules))
    } else {
        Input::from_path_under(path, rules)
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
            "error[duplicate-name]: `-` is given {n} times, but standard input can be read only once\n  = help: keep one `-`, and name the others by their files"
        )));
    }
    Ok(())
}

/// Whether all the variants asked for are among those known.
fn know(known: &[&str], names: &[String], shown: &str) -> Result<(), CommandError> {
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
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Input(unknown.join("\n")))
    }
}
