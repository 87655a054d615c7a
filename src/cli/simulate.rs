//! A scenario simulated on the requested number of threads, with a progress bar.

use super::args::{self, How};
use super::failure::CommandError;
use super::progress;
use super::terminal::say;
use crate::effort::Effort;
use crate::planning::Study;
use crate::results::{RunResults, VariantManifest};
use crate::run::{Precision, RunOptions, work};
use crate::scenario::{Loaded, Variant};

/// Most events and memory where nobody waits: in a pipeline, which says so by `CI=true`.
const MOST_EVENTS_IN_CI: u64 = 10_000_000_000;
const MOST_MEMORY_IN_CI: u64 = 4 << 30;

/// Refuses what would take more than it may, and says what is about to take long or much memory, before it begins.
pub(super) fn admit(name: &str, effort: &Effort, how: &How) -> Result<(), CommandError> {
    let in_ci = std::env::var("CI").is_ok_and(|v| v == "true");
    let most_events = how.max_events.or(in_ci.then_some(MOST_EVENTS_IN_CI));
    let most_memory = how.max_memory.or(in_ci.then_some(MOST_MEMORY_IN_CI));
    let why = if in_ci {
        ", the default under CI=true"
    } else {
        ""
    };
    let given = |flag: Option<u64>| if flag.is_some() { "" } else { why };
    let mut faults = Vec::new();
    if let Some(more) = most_events.and_then(|most| effort.more_events(most)) {
        let default = given(how.max_events);
        faults.push(format!(
            "error: {name} takes some {more} (`--max-events`{default})\n  = help: shorten `horizon`, run fewer variants (`--variant`) or replications, lower the rates, or allow more"
        ));
    }
    if let Some(more) = most_memory.and_then(|most| effort.more_memory(most)) {
        let default = given(how.max_memory);
        faults.push(format!(
            "error: {name} takes some {more} (`--max-memory`{default})\n  = help: shorten traces, use fewer clients, workers or named things, or allow more"
        ));
    }
    if !faults.is_empty() {
        return Err(CommandError::Input(faults.join("\n")));
    }
    if !how.quiet
        && let Some(warning) = effort.warning(threads(how))
    {
        say(&format!("{name}: {warning}"));
    }
    Ok(())
}

/// What all variants of a scenario take.
pub(super) fn effort(loaded: &Loaded, how: &How) -> Effort {
    let variants = loaded.variants.iter();
    let each = variants.map(|v| of_variant(v, loaded.replications, how));
    each.fold(Effort::default(), Effort::then)
}

/// What one run of a study takes.
pub(super) fn effort_of(study: &Study, loaded: &Loaded, how: &How) -> Effort {
    let mut variants = loaded.variants.iter();
    let variant = variants.find(|v| v.plan.name == study.variant);
    variant.map_or_else(Effort::default, |v| of_variant(v, study.replications, how))
}

fn of_variant(variant: &Variant, replications: u32, how: &How) -> Effort {
    match how.simulate_all {
        true => Effort::of_all_seconds(&variant.plan, replications),
        false => Effort::of(&variant.plan, replications),
    }
}

/// Simulates one scenario in a pool of the requested number of threads.
pub(super) fn simulate(
    loaded: &Loaded,
    how: &How,
    precision: &args::PrecisionArgs,
) -> Result<(RunResults, Vec<VariantManifest>), CommandError> {
    let pool = pool(how)?;
    let label = format!(
        "{} × {} variants × {} replications",
        loaded.name,
        loaded.variants.len(),
        loaded.replications
    );
    progress::watch(
        &label,
        "simulated seconds",
        work(loaded),
        how.quiet,
        |done| {
            let options = RunOptions {
                simulate_all: how.simulate_all,
                progress: Some(done),
                precision: precision.share.map(|share| Precision {
                    metric: precision.metric,
                    share,
                    most: precision.most,
                }),
                ..RunOptions::default()
            };
            pool.install(|| crate::run::run(loaded, options))
        },
    )
    .map_err(|e| CommandError::Input(format!("error: {e}")))
}

/// As much as the main thread has.
const STACK: usize = 8 << 20;

/// A pool of the requested number of threads.
pub(super) fn pool(how: &How) -> Result<rayon::ThreadPool, CommandError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads(how))
        .stack_size(STACK)
        .build()
        .map_err(|e| CommandError::Internal(format!("error: cannot start worker threads: {e}")))
}

pub(super) fn threads(how: &How) -> usize {
    how.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}
