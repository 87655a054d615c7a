//! `kmsim run` and `kmsim check`.

use super::args::{self, Format, How};
use super::{Failure, input, print, progress, say};
use crate::report::{self, table};
use crate::results::{Manifest, RunResults, VariantManifest};
use crate::run::{RunOptions, VERSION, work};
use crate::scenario::Loaded;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) fn run(args: &args::Run) -> Result<(), Failure> {
    let started = Instant::now();
    let loaded = input::scenarios(&args.scenarios, &args.overrides)?;
    let dirs = directories(&loaded, args.out.as_deref())?;
    // Nothing is lost: whether results can be written is known before simulating.
    for dir in &dirs {
        report::probe(dir)?;
    }
    let mut all = Vec::new();
    for (scenario, dir) in loaded.iter().zip(&dirs) {
        let (results, variants) = simulate(scenario, &args.how)?;
        let manifest = manifest(&args.how, started, variants);
        report::write_all(&results, Some(&manifest), dir)?;
        if !args.how.quiet {
            say(&format!(
                "{}: results, charts and report.html in {}",
                scenario.name,
                dir.display()
            ));
        }
        all.push(results);
    }
    print(&shown(&all, args.how.format)?)
}

/// Simulates one scenario in a pool of as many threads as asked for.
pub(super) fn simulate(
    loaded: &Loaded,
    how: &How,
) -> Result<(RunResults, Vec<VariantManifest>), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads(how))
        .build()
        .map_err(|e| Failure::Machine(format!("error: cannot start worker threads: {e}")))?;
    let label = format!(
        "{} × {} variants × {} replications",
        loaded.name,
        loaded.variants.len(),
        loaded.replications
    );
    progress::watch(&label, work(loaded), how.quiet, |done| {
        let options = RunOptions {
            simulate_all: how.simulate_all,
            progress: Some(done),
        };
        pool.install(|| crate::run::run(loaded, options))
    })
    .map_err(|e| Failure::Input(format!("error: {e}")))
}

fn threads(how: &How) -> usize {
    how.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
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

/// One results directory for each scenario.
fn directories(loaded: &[Loaded], out: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for scenario in loaded {
        let dir = match out {
            Some(out) if loaded.len() == 1 => out.to_path_buf(),
            Some(out) => out.join(&scenario.name),
            None => Path::new("output").join(&scenario.name),
        };
        if dirs.contains(&dir) {
            return Err(Failure::Input(format!(
                "error[duplicate-name]: two scenarios are called `{}`, so both would write {}\n  = help: rename one, or run them one by one with `--out`",
                scenario.name,
                dir.display()
            )));
        }
        dirs.push(dir);
    }
    Ok(dirs)
}

fn shown(all: &[RunResults], format: Format) -> Result<String, Failure> {
    let failed = |e: String| Failure::Machine(format!("error: cannot format the results: {e}"));
    Ok(match format {
        Format::Table => all
            .iter()
            .map(table::summary)
            .collect::<Vec<_>>()
            .join("\n"),
        Format::Markdown => all
            .iter()
            .map(table::markdown)
            .collect::<Vec<_>>()
            .join("\n"),
        Format::Csv => {
            let mut out = String::new();
            for (i, results) in all.iter().enumerate() {
                let text = report::csv::summary(results).map_err(|e| failed(e.to_string()))?;
                // One header for all.
                let skip = if i == 0 {
                    0
                } else {
                    text.find('\n').map_or(0, |n| n + 1)
                };
                out.push_str(&text[skip..]);
            }
            out
        }
        Format::Json => match all {
            [one] => report::json::text(one),
            several => report::json::text(&several),
        }
        .map_err(|e| failed(e.to_string()))?,
    })
}

pub(super) fn check(args: &args::Check) -> Result<(), Failure> {
    for loaded in input::scenarios(&args.scenarios, &args.overrides)? {
        for warning in &loaded.warnings {
            say(&format!("warning: {warning}"));
        }
        if !args.quiet {
            let variants: Vec<&str> = loaded
                .variants
                .iter()
                .map(|v| v.plan.name.as_str())
                .collect();
            print(&format!(
                "{}: {} variant(s) × {} replication(s) over {}: {}",
                loaded.name,
                variants.len(),
                loaded.replications,
                loaded.horizon,
                variants.join(", ")
            ))?;
        }
    }
    Ok(())
}
