//! `kmsim import`: from an account's own files to a scenario.

use super::args::ImportArgs;
use super::failure::CommandError;
use super::input::one_stdin;
use super::terminal::{print, say};
use crate::backtest::{BackTest, back_test};
use crate::import::evidence::collected::AccountEvidence;
use crate::import::gather::{GatherOptions, gather};
use crate::import::holdout::{HoldoutOptions, held_out};
use crate::import::load::loads;
use crate::import::privacy::Names;
use crate::import::scenario::written::{MARK, WritingOptions, WrittenScenario, scenario};
use crate::import::summary;
use crate::import::{time, told};
use crate::results::directory::{self, TemporaryFolder};
use crate::results::folder::OutputFolder;
use crate::run::RunOptions;
use crate::units::visible::visible;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

pub(super) fn import(args: &ImportArgs) -> Result<(), CommandError> {
    one_stdin(&args.paths)?;
    let out = Output::at(&args.out)?;
    // From before anything is read to the end.
    let _folder = OutputFolder::claim_among_others(&out.folder, args.at_once.wait)?;
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
            parameters: args.parameters.iter().cloned().collect(),
            region: args.region.clone(),
            threads,
        },
    );
    let loads = loads(&evidence, args.region.as_deref());
    let options = WritingOptions {
        stem: out.stem.clone(),
        retry: args.retry.clone(),
        clients: args.clients.map(|n| n as usize),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool
        .map_err(|e| CommandError::Internal(format!("error: cannot start worker threads: {e}")))?;
    let written = pool.install(|| scenario(&evidence, &loads, &names, &options));
    let mut all = summary::totals(&evidence, &names);
    summary::outcome(&evidence, &loads, &names, written.as_ref(), &mut all);
    let mut faults = Vec::new();
    faults.extend(without_parameter(&evidence, &args.parameters));
    let tested = args.holdout.map(|share| {
        let holdout = HoldoutOptions {
            share,
            region: args.region.as_deref(),
            names: &names,
            writing: &options,
        };
        pool.install(|| tested(&evidence, holdout, &out))
    });
    let tested = match tested {
        Some(Ok(tested)) => {
            let json = serde_json::to_value(&tested).unwrap_or_default();
            all.insert("backtest".to_owned(), json);
            Some(tested)
        }
        Some(Err(fault)) => {
            // Without a scenario there is nothing to test, which is told already.
            if written.is_some() {
                faults.push(fault);
            }
            None
        }
        None => None,
    };
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
        let before = out.named_before();
        out.write(&out.file, &written.toml)?;
        // Pseudonyms are others in each run, and so are the names of the files with load.
        for name in before {
            if !written.files.iter().any(|(kept, _)| *kept == name) {
                let _ = std::fs::remove_file(out.folder.join(name));
            }
        }
    }
    if !args.quiet {
        print(&told::totals(&evidence, &names))?;
        for line in told::remarks(&evidence, &loads, written.as_ref(), &names) {
            say(&line);
        }
        if let Some(tested) = &tested {
            print(&shown(tested))?;
        }
        if written.is_some() {
            say(&format!(
                "{}: check it with `kmsim check`, simulate it with `kmsim run`",
                args.out.display()
            ));
        }
    }
    verdict(&evidence, written.as_ref(), &args.out, &names, faults)
}

/// Parameters that no template has.
fn without_parameter(evidence: &AccountEvidence, given: &[(String, String)]) -> Vec<String> {
    let known: BTreeSet<&String> = evidence
        .facts
        .iter()
        .filter_map(|(_, fact)| fact.template())
        .flat_map(|template| &template.parameters)
        .collect();
    let unknown = given.iter().filter(|(name, _)| !known.contains(name));
    unknown
        .map(|(name, _)| {
            let like = crate::input::spelling::did_you_mean(name, known.iter().map(|k| k.as_str()));
            let help = match (like, known.is_empty()) {
                (Some(like), _) => format!("did you mean `{like}`?"),
                (None, true) => "none of the files is a template that has parameters".to_owned(),
                (None, false) => "leave it out, or give the template that has it".to_owned(),
            };
            format!("error: `--parameter {}`: no template has a parameter of that name\n  = help: {help}", visible(name))
        })
        .collect()
}

/// The back-test, or what is wrong with it.
fn tested(
    evidence: &AccountEvidence,
    options: HoldoutOptions<'_>,
    out: &Output,
) -> Result<BackTest, String> {
    let holdout = held_out(evidence, options).map_err(|why| {
        format!("error: `--holdout`: {why}\n  = help: give files of a longer time, or leave it out")
    })?;
    // For the files of scenarios that are simulated.
    let folder = TemporaryFolder::beside(&out.folder.join(format!("{}.holdout", out.stem)))
        .map_err(|e| format!("error: `--holdout`: {e}"))?;
    back_test(&holdout, folder.path(), RunOptions::default())
        .map_err(|e| format!("error: `--holdout`: {e}"))
}

/// The back-test as a table.
fn shown(tested: &BackTest) -> String {
    let number = |x: f64| {
        let digits = match x.abs() {
            x if x == 0.0 || x >= 100.0 || x.fract() == 0.0 => 0,
            x if x >= 0.1 => 2,
            _ => 5,
        };
        format!("{x:.digits$}")
    };
    let share = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{:+.1} %", x * 100.0));
    let mut rows = vec![
        [
            "figure",
            "came",
            "predicted",
            "95 % interval",
            "error",
            "last period repeated",
            "error",
        ]
        .map(str::to_owned),
    ];
    for row in &tested.figures {
        let came = row.observed.map_or("not told".to_owned(), number);
        let outside = if row.within == Some(false) {
            ", outside"
        } else {
            ""
        };
        rows.push([
            row.figure.clone(),
            came,
            number(row.predicted),
            format!("{} to {}{outside}", number(row.low), number(row.high)),
            share(row.error),
            row.naive.map_or("–".to_owned(), number),
            share(row.naive_error),
        ]);
    }
    let widths: Vec<usize> = (0..7)
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = format!(
        "\nback-test: learnt from {} to {}, compared until {}; {} simulations; the last {} s repeated\n",
        time::shown(tested.learnt_from_s),
        time::shown(tested.held_out_from_s),
        time::shown(tested.until_s),
        tested.members,
        tested.naive_period_s
    );
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (cell, width))| {
                let gap = " ".repeat(width - cell.chars().count());
                if i == 0 {
                    format!("{cell}{gap}")
                } else {
                    format!("{gap}{cell}")
                }
            });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What is wrong with the files, or with a scenario that would be mistaken for this one.
fn verdict(
    evidence: &AccountEvidence,
    written: Option<&WrittenScenario>,
    out: &Path,
    names: &Names,
    others: Vec<String>,
) -> Result<(), CommandError> {
    let mut faults: Vec<String> = evidence
        .faults()
        .map(|(path, what)| format!("error: {}: {what}", names.path(path)))
        .collect();
    faults.extend(others);
    if faults.is_empty() && !evidence.has_read() {
        let reasons = evidence.files_left_out.iter();
        let reasons: Vec<String> = reasons.map(|(why, n)| format!("{n} × {why}")).collect();
        let reasons = match reasons.is_empty() {
            true => "there is none".to_owned(),
            false => reasons.join("; "),
        };
        faults.push(format!(
            "error: none of the files is of a format that is read: {reasons}\n  = help: `--format` names one; `kmsim import --help` lists them"
        ));
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
            folder: match path.parent() {
                Some(folder) if folder != Path::new("") => folder.to_path_buf(),
                Some(_) | None => PathBuf::from("."),
            },
            file: format!("{stem}.toml"),
            stem: stem.to_owned(),
        })
    }

    /// The CSV files that the scenario names which import wrote here before; they are import's own.
    fn named_before(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join(&self.file)).unwrap_or_default();
        if !text.starts_with(MARK) {
            return Vec::new();
        }
        let own = |name: &&str| {
            let rest = name.strip_prefix(self.stem.as_str());
            rest.is_some_and(|r| r.starts_with('.') && r.ends_with(".csv") && !r.contains(".."))
        };
        let named = text.lines().filter_map(|line| {
            let behind = line.split_once("file = \"")?.1;
            Some(behind.split_once('"')?.0)
        });
        named.filter(own).map(str::to_owned).collect()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), CommandError> {
        let path = self.folder.join(name);
        if name.contains('/')
            && let Some(within) = path.parent()
        {
            directory::make(within)?;
        }
        Ok(directory::write(&path, text.as_bytes())?)
    }
}
