//! A scenario simulated on the requested number of threads, with a progress bar.

use super::args::{self, How};
use super::failure::CommandError;
use super::progress;
use crate::results::{RunResults, VariantManifest};
use crate::run::{Precision, RunOptions, work};
use crate::scenario::Loaded;

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
