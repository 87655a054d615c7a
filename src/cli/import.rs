//! `kmsim import`: from an account's own files to a scenario.

use super::args::ImportArgs;
use super::failure::CommandError;
use super::terminal::{print, say};
use crate::import::evidence::collected::AccountEvidence;
use crate::import::gather::{GatherOptions, gather};
use crate::import::load::loads;
use crate::import::privacy::Names;
use crate::import::scenario::written::{MARK, WritingOptions, WrittenScenario, scenario};
use crate::import::summary;
use crate::import::told;
use crate::results::directory;
use crate::units::visible::visible;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

pub(super) fn import(args: &ImportArgs) -> Result<(), CommandError> {
    let out = Output::at(&args.out)?;
    let threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let names = if args.keep_names {
        Names::Kept
    } else {
        Names::Hidden(secret())
    };
    let evidence = gather(
        &args.paths,
        &GatherOptions {
            format: args.format,
            metric: args.metric.clone(),
            threads,
        },
    );
    let loads = loads(&evidence, args.region.as_deref());
    let options = WritingOptions {
        stem: out.stem.clone(),
        retry: args.retry.clone(),
    };
    let written = scenario(&evidence, &loads, &names, &options);
    let mut all = summary::totals(&evidence, &names);
    summary::outcome(written.as_ref(), &mut all);
    let json = serde_json::to_string_pretty(&all)
        .map_err(|e| CommandError::Internal(format!("error: cannot format the totals: {e}")))?;
    out.write(
        &format!("{}.import.json", out.stem),
        &(visible(&json).into_owned() + "\n"),
    )?;
    if let Some(written) = &written {
        for (name, text) in &written.files {
            out.write(name, text)?;
        }
        out.write(&out.file, &written.toml)?;
    }
    if !args.quiet {
        print(&told::totals(&evidence, &names))?;
        for line in told::remarks(&evidence, &loads, written.as_ref(), &names) {
            say(&line);
        }
        if written.is_some() {
            say(&format!(
                "{}: check it with `kmsim check`, simulate it with `kmsim run`",
                args.out.display()
            ));
        }
    }
    verdict(&evidence, written.as_ref(), &args.out, &names)
}

/// What is wrong with the files, or with a scenario that would be mistaken for this one.
fn verdict(
    evidence: &AccountEvidence,
    written: Option<&WrittenScenario>,
    out: &Path,
    names: &Names,
) -> Result<(), CommandError> {
    let mut faults: Vec<String> = evidence
        .faults()
        .map(|(path, what)| format!("error: {}: {what}", names.path(path)))
        .collect();
    if faults.is_empty() && !evidence.has_read() {
        faults.push(
            "error: none of the files is of a known format\n  = help: `--format` names one; `kmsim import --help` lists them"
                .to_owned(),
        );
    }
    if faults.is_empty() && evidence.is_useless() {
        faults.push(
            "error: nothing in the files is load, or a setting that import knows\n  = help: docs/IMPORT.md tells which files do"
                .to_owned(),
        );
    }
    if written.is_none() && out.exists() {
        faults.push(format!(
            "error: no scenario could be made, and {} is left from before\n  = help: remove it, or name another file with `--out`",
            out.display()
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Input(faults.join("\n")))
    }
}

/// Bits that nobody can guess, new in each run.
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    for (i, part) in secret.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    secret
}

/// Where results go.
struct Output {
    folder: PathBuf,
    file: String,
    stem: String,
}

impl Output {
    fn at(path: &Path) -> Result<Output, CommandError> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let stem = name.as_deref().and_then(|n| n.strip_suffix(".toml"));
        let Some(stem) = stem.filter(|s| !s.is_empty()) else {
            return Err(CommandError::Input(format!(
                "error: `--out` is {}, which does not name a scenario file\n  = help: write for example `--out mine.toml`",
                path.display()
            )));
        };
        if let Ok(there) = std::fs::read_to_string(path)
            && !there.starts_with(MARK)
        {
            return Err(CommandError::Input(format!(
                "error: {} is there already, and import did not write it\n  = help: name another file with `--out`",
                path.display()
            )));
        }
        Ok(Output {
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            file: format!("{stem}.toml"),
            stem: stem.to_owned(),
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), CommandError> {
        Ok(directory::write(&self.folder.join(name), text.as_bytes())?)
    }
}
