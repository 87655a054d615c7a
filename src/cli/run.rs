//! `kmsim run` and `kmsim check`.

use super::args::{self, How};
use super::failure::CommandError;
use super::gate;
use super::input;
use super::simulate::{admit, effort, effort_of, pool, simulate, threads};
use super::terminal::{print, say, viewport};
use crate::cloudtrail::{LogFile, log_file};
use crate::compare::{regressions, shortened};
use crate::effort::Effort;
use crate::planning::Study;
use crate::planning::assumed::AssumedQuestion;
use crate::report;
use crate::report::summary::Summary;
use crate::results::folder::{FolderSharing, OutputFolder};
use crate::results::{
    self, AssumptionEffect, Manifest, RunResults, VariantManifest, VariantResults, directory,
};
use crate::run::{RunOptions, VERSION};
use crate::scenario::{Loaded, Variant};
use crate::simulation::record::Record;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) fn run(args: &args::RunArgs) -> Result<(), CommandError> {
    let started = Instant::now();
    let baseline = match &args.baseline.dir {
        Some(dir) => Some(results::read(dir)?),
        None => None,
    };
    // Where it is simulated: memory that reading leaves is used again there.
    let reading = || input::scenarios(&args.scenarios, &args.overrides);
    let loaded = pool(&args.how)?.install(reading)?;
    for scenario in &loaded {
        admit(&scenario.name, &effort(scenario, &args.how), &args.how)?;
    }
    let dirs = directories(&loaded, args.out.as_deref())?;
    // Nothing is lost: whether results can be written is known before simulating.
    let _folders = claimed(&dirs, args.at_once.wait)?;
    let gate = gate::regression_gate(&args.baseline);
    let (mut all, mut held) = (Vec::new(), Vec::new());
    for ((scenario, dir), path) in loaded.iter().zip(&dirs).zip(&args.scenarios) {
        let (mut whole, variants) = simulate(scenario, &args.how, &args.precision)?;
        if args.sensitivity {
            whole.assumption_effects = assumption_effects(args, path, &whole)?;
        }
        // A metric of any workload may be gated, one of those too that are not kept.
        held.extend(baseline.iter().map(|b| regressions(b, &whole, &gate)));
        report::write_breakdowns(&whole, dir)?;
        let results = shortened(whole);
        let manifest = manifest(&args.how, started, variants);
        let charts = args.charts.files;
        pool(&args.how)?.install(|| report::write_all(&results, Some(&manifest), dir, charts))?;
        match args.emit_cloudtrail {
            Some(wanted) => emit_cloudtrail(scenario, wanted, &args.how, dir)?,
            None => directory::remove_stale_trails(dir, &[])?,
        }
        if !args.how.quiet {
            let what = if charts.is_none() {
                "results and report.html"
            } else {
                "results, charts and report.html"
            };
            say(&format!("{}: {what} in {}", scenario.name, dir.display()));
        }
        all.push(results);
    }
    let summary = Summary {
        results: &all,
        against: held.iter().map(|h| h.comparisons.as_slice()).collect(),
    };
    let text = args.how.shown(&summary)?;
    let mut failures = Vec::new();
    for results in &all {
        failures.extend(gate::thresholds(results, args.how.format.for_people())?);
        failures.extend(gate::precision(results));
    }
    for held in &held {
        failures.extend(gate::regression(held, &args.baseline));
    }
    gate::print_judged(&text, &failures)
}

/// What the assumptions in force are worth for the first variant and for the best.
fn assumption_effects(
    args: &args::RunArgs,
    path: &Path,
    whole: &RunResults,
) -> Result<Vec<AssumptionEffect>, CommandError> {
    if path == Path::new("-") {
        return Err(CommandError::Input(
            "error: `--sensitivity` reads the scenario again, and standard input is read\n  = help: give a file"
                .to_owned(),
        ));
    }
    let (source, sets) = input::text(path, &args.overrides)?;
    let best = whole.verdict.best.as_ref();
    let is_asked = |(i, v): &(usize, &VariantResults)| *i == 0 || best == Some(&v.name);
    let mut effects = Vec::new();
    for (_, v) in whole.variants.iter().enumerate().filter(is_asked) {
        let (mut study, loaded) = Study::new(&source, &sets, Some(&v.name))?;
        study.replications = whole.replications;
        let question = AssumedQuestion::new(study, v)?;
        let once = effort_of(question.study(), &loaded, &args.how);
        admit(
            &whole.scenario.name,
            &once.times(question.runs() as f64),
            &args.how,
        )?;
        effects.extend(pool(&args.how)?.install(|| question.answer(v))?);
    }
    effects.sort_by(|a, b| b.moves.total_cmp(&a.moves));
    Ok(effects)
}

/// Writes a sample of each variant's events, and tells of how many it is.
fn emit_cloudtrail(
    loaded: &Loaded,
    wanted: u32,
    how: &How,
    dir: &Path,
) -> Result<(), CommandError> {
    let options = RunOptions {
        simulate_all: how.simulate_all,
        ..RunOptions::default()
    };
    let records = pool(how)?
        .install(|| crate::run::sampled(loaded, wanted as usize, options))
        .map_err(|e| CommandError::Input(format!("error: {e}")))?;
    let mut files = Vec::new();
    for (variant, record) in loaded.variants.iter().zip(&records) {
        let file = log_file(variant, record, loaded.seed);
        let text = file
            .text()
            .map_err(|e| CommandError::Internal(format!("error: cannot format the events: {e}")))?;
        files.push((variant.plan.name.as_str(), text));
        if !how.quiet {
            say(&sampled(&variant.plan.name, record, &file));
        }
    }
    report::write_trail(&files, dir)?;
    Ok(())
}

/// What is in a log file, and why it may be empty.
fn sampled(variant: &str, record: &Record, file: &LogFile) -> String {
    let (calls, of) = (file.calls, file.of_calls);
    let made: u64 = record
        .kms_steps
        .iter()
        .map(|kms_step| kms_step.attempts)
        .sum();
    let mut message = match (of, made) {
        (0, 0) => format!("{variant}: no KMS call in the first replication, so no event"),
        (0, made) => format!(
            "{variant}: trails deliver none of the {made} KMS calls of the first replication (`[trail.NAME]`, or `trail_copies`, `trail_kms_events`, `trail_events`)"
        ),
        _ => format!(
            "{variant}: {calls} of the {of} KMS calls of the first replication that trails deliver"
        ),
    };
    if file.of_requests > 0 {
        let (requests, of) = (file.requests, file.of_requests);
        message.push_str(&format!(", and {requests} of {of} data events"));
    }
    message
}

fn manifest(how: &How, started: Instant, variants: Vec<VariantManifest>) -> Manifest {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Manifest {
        kmsim_version: VERSION.to_owned(),
        date: jiff::Timestamp::now().to_string(),
        host: host.trim().to_owned(),
        threads: threads(how),
        simulate_all: how.simulate_all,
        wall_s: started.elapsed().as_secs_f64(),
        variants,
    }
}

/// The folders, for this run alone. In the order of their names, so that two runs that wait for each other's folders
/// cannot both wait for ever.
fn claimed(dirs: &[PathBuf], wait: bool) -> Result<Vec<OutputFolder>, CommandError> {
    let mut dirs: Vec<&PathBuf> = dirs.iter().collect();
    dirs.sort();
    let claimed = dirs
        .into_iter()
        .map(|dir| OutputFolder::claim(dir, FolderSharing::Alone, wait));
    Ok(claimed.collect::<Result<_, _>>()?)
}

/// One results directory for each scenario.
fn directories(loaded: &[Loaded], out: Option<&Path>) -> Result<Vec<PathBuf>, CommandError> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for scenario in loaded {
        let dir = match out {
            Some(out) if loaded.len() == 1 => out.to_path_buf(),
            Some(out) => out.join(directory::folder_name(&scenario.name)),
            None => Path::new("output").join(directory::folder_name(&scenario.name)),
        };
        if dirs.contains(&dir) {
            return Err(CommandError::Input(format!(
                "error[duplicate-name]: two scenarios are named `{}` and would both write {}\n  = help: rename one, or run them separately with `--out`",
                scenario.name,
                dir.display()
            )));
        }
        dirs.push(dir);
    }
    Ok(dirs)
}

pub(super) fn check(args: &args::CheckArgs) -> Result<(), CommandError> {
    let look = |v: &Variant| (v.plan.name.clone(), Effort::of(&v.plan, 1));
    for (loaded, seen) in input::looked_at(&args.scenarios, &args.overrides, look)? {
        let (variants, efforts): (Vec<String>, Vec<Effort>) = seen.into_iter().unzip();
        let effort = efforts.into_iter().fold(Effort::default(), Effort::then);
        let effort = effort.times(loaded.replications.into());
        for warning in &loaded.warnings {
            say(&format!("warning: {warning}"));
        }
        if !args.quiet {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            if let Some(warning) = effort.warning(threads) {
                say(&format!("{}: {warning}", loaded.name));
            }
            let line = format!(
                "{}: {} × {} over {}: {}",
                loaded.name,
                count(variants.len() as u64, "variant"),
                count(loaded.replications.into(), "replication"),
                loaded.horizon,
                variants.join(", ")
            );
            print(&viewport(true).sentence(&line))?;
        }
    }
    Ok(())
}

/// A number of things in words: "1 variant", "2 variants".
fn count(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}
