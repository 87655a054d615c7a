//! Scenario files from disk or standard input, with overrides from the command line.

use super::args::Overrides;
use super::{Failure, colour};
use crate::scenario::diagnostic::{Sources, render};
use crate::scenario::{Input, Loaded, load};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads and validates a scenario.
pub(super) fn scenario(path: &Path, overrides: &Overrides) -> Result<Loaded, Failure> {
    let (input, sets) = text(path, overrides)?;
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

/// A scenario's text, with all that sets keys on the command line.
pub(super) fn text(path: &Path, overrides: &Overrides) -> Result<(Input, Vec<String>), Failure> {
    let input = read(path)?;
    let mut sets = overrides.sets.clone();
    sets.extend(overrides.seed.map(|n| format!("seed={n}")));
    sets.extend(overrides.replications.map(|n| format!("replications={n}")));
    Ok((input, sets))
}

/// Several scenarios: every fault of every file at once.
pub(super) fn scenarios(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Loaded>, Failure> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    one_stdin(paths)?;
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
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| {
            Failure::Input(format!(
                "error: cannot read a scenario from standard input: {e}"
            ))
        })?;
        return Ok(Input {
            name: "stdin".to_owned(),
            shown: "stdin".to_owned(),
            folder: PathBuf::from("."),
            text: utf8(bytes, "stdin")?,
        });
    }
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        let help = if path.is_dir() {
            "a directory holds results (`kmsim report`, `kmsim compare`); name the TOML file of a scenario"
        } else {
            "name the TOML file of a scenario, for example one of scenarios/*.toml"
        };
        Failure::Input(format!(
            "error[missing-file]: cannot read the scenario `{shown}`: {e}\n  = help: {help}"
        ))
    })?;
    let text = utf8(bytes, &shown)?;
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

/// Standard input can be read once.
pub(super) fn one_stdin(paths: &[PathBuf]) -> Result<(), Failure> {
    let n = paths.iter().filter(|p| *p == Path::new("-")).count();
    if n > 1 {
        return Err(Failure::Input(format!(
            "error[duplicate-name]: `-` is there {n} times, but standard input can be read only once\n  = help: keep one `-`, and name the other scenarios by their files"
        )));
    }
    Ok(())
}

/// The text of a file; where it is none, the place of the first byte that is at fault.
fn utf8(bytes: Vec<u8>, shown: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&e.as_bytes()[..good]).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let byte = e.as_bytes()[good];
        Failure::Input(format!(
            "error[syntax]: byte 0x{byte:02x} is no UTF-8 text\n  --> {shown}:{line}:{column}\n  = help: a scenario is a TOML file, saved as UTF-8\n\nerror: {shown} has 1 fault"
        ))
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
            let near = crate::spelling::did_you_mean(n, known.iter().copied());
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
