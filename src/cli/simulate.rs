//! A scenario simulated on the requested number of threads, with a progress bar.

use super::args::{self, How};
use super::failure::CommandError;
use super::progress;
use super::terminal::say;
use crate::effort::Effort;
use crate::planning::Study;
use crate::results::{RunResults, VariantManifest};
use crate::run::{Precision, RunOptions, work};
use crate::scenario::Loaded;

/// Says what is about to take long or much memory, before it begins.
pub(super) fn tell(name: &str, effort: &Effort, how: &How) {
    if !how.quiet
        && let Some(warning) = effort.warning(threads(how))
    {
        say(&format!("{name}: {warning}"));
    }
}

/// What all variants of a scenario take.
pub(super) fn effort(loaded: &Loaded) -> Effort {
    let variants = loaded.variants.iter();
    let each = variants.map(|v| Effort::of(&v.plan, loaded.replications));
    each.fold(Effort::default(), Effort::then)
}

/// What one run of a study takes.
pub(super) fn effort_of(study: &Study, loaded: &Loaded) -> Effort {
    let mut variants = loaded.variants.iter();
    let variant = variants.find(|v| v.plan.name == study.variant);
    variant.map_or_else(Effort::default, |v| Effort::of(&v.plan, study.replications))
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
                cancel: None,
            };
            pool.install(|| crate::run::run(loaded, options))
        },
    )
    .map_err(|e| CommandError::Input(format!("error: {e}")))
}

/// A pool of the requested number of threads.
pub(super) fn pool(how: &How) -> Result<rayon::ThreadPool, CommandError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads(how))
        .build()
        .map_err(|e| CommandError::Internal(format!("error: cannot start worker threads: {e}")))
}

pub(super) fn threads(how: &How) -> usize {
    how.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}
