//! A run: every variant and replication of a scenario, in parallel, gathered by index.
//!
//! The only module that knows the order of work. The thread count changes no digit: each
//! (variant, replication, island) is simulated from keys of its own, and records are merged in
//! order.

use crate::billing::{BillError, PriceBook};
use crate::compare::compare_all;
use crate::outcome;
use crate::results::{RunResults, SCHEMA_VERSION, ScenarioRecord, VariantManifest};
use crate::scenario::Loaded;
use crate::simulation::record::Record;
use crate::simulation::{Options, simulate};
use rayon::prelude::*;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// Version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fewer replications than this give wide intervals.
const FEW_REPLICATIONS: u32 = 5;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions<'a> {
    /// Simulate every second, certified quiet or not.
    pub simulate_all: bool,
    /// Where simulated seconds are added up; [`work`] tells how many there will be.
    pub progress: Option<&'a AtomicU64>,
}

/// Why a run has no results.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A price is missing.
    #[error("variant `{variant}`: {source}; write `[price.ITEM]` with `usd = \"…\"` and `per = …`")]
    Bill {
        /// The variant.
        variant: String,
        /// Which price.
        source: BillError,
    },
}

/// Simulated seconds of a whole run, for progress.
pub fn work(loaded: &Loaded) -> u64 {
    loaded
        .variants
        .iter()
        .map(|v| v.plan.horizon_s * v.plan.islands.len() as u64 * u64::from(loaded.replications))
        .sum()
}

/// Runs a scenario in the current rayon pool.
///
/// # Errors
/// [`RunError`] where a price is not known.
pub fn run(
    loaded: &Loaded,
    options: RunOptions<'_>,
) -> Result<(RunResults, Vec<VariantManifest>), RunError> {
    let mut tasks = Vec::new();
    for (v, variant) in loaded.variants.iter().enumerate() {
        for replication in 0..u64::from(loaded.replications) {
            tasks.extend((0..variant.plan.islands.len()).map(|island| (v, replication, island)));
        }
    }
    let done: Vec<(Record, f64)> = tasks
        .par_iter()
        .map(|&(v, replication, island)| {
            let plan = &loaded.variants[v].plan;
            let started = Instant::now();
            let options = Options {
                seed: loaded.seed,
                replication,
                simulate_all: options.simulate_all,
                progress: options.progress,
            };
            let record = simulate(plan, &plan.islands[island], options);
            (record, started.elapsed().as_secs_f64())
        })
        .collect();
    let mut records: Vec<Vec<Record>> = loaded.variants.iter().map(|_| Vec::new()).collect();
    let mut engine_s = vec![0.0; loaded.variants.len()];
    for (&(v, _, island), (record, seconds)) in tasks.iter().zip(done) {
        engine_s[v] += seconds;
        match records[v].last_mut() {
            Some(whole) if island > 0 => whole.merge(record),
            _ => records[v].push(record),
        }
    }
    let (mut variants, mut manifests, mut warnings) =
        (Vec::new(), Vec::new(), loaded.warnings.clone());
    for (v, variant) in loaded.variants.iter().enumerate() {
        let plan = &variant.plan;
        let prices = price_book(variant);
        let records = std::mem::take(&mut records[v]);
        let results =
            outcome::variant_results(plan, loaded.seed, &prices, &records).map_err(|source| {
                RunError::Bill {
                    variant: plan.name.clone(),
                    source,
                }
            })?;
        warnings.extend(outcome::warnings(plan, &prices, &results));
        variants.push(results);
        manifests.push(VariantManifest {
            name: plan.name.clone(),
            engine_s: engine_s[v],
            seconds_counted: records.iter().map(|r| r.seconds_counted).sum(),
            attempts_expanded: records.iter().map(|r| r.attempts_expanded).sum(),
        });
    }
    if loaded.replications < FEW_REPLICATIONS {
        warnings.push(format!(
            "{} replication(s): intervals need at least two and are wide below {FEW_REPLICATIONS}",
            loaded.replications
        ));
    }
    if variants
        .iter()
        .all(|v| v.metrics["kms_throttled"].mean == Some(0.0))
    {
        warnings
            .push("no variant reached its quota: this run says nothing about retries".to_owned());
    }
    let mut once = Vec::new();
    for warning in warnings {
        if !once.contains(&warning) {
            once.push(warning);
        }
    }
    let comparisons = compare_all(&variants);
    let results = RunResults {
        schema_version: SCHEMA_VERSION,
        kmsim_version: VERSION.to_owned(),
        scenario: ScenarioRecord {
            name: loaded.name.clone(),
            text_sha256: loaded.text_sha256.clone(),
            resolved: resolved(loaded),
        },
        seed: loaded.seed,
        replications: loaded.replications,
        horizon_s: loaded.horizon.whole_seconds().unwrap_or(0),
        measured_s: loaded.horizon.whole_seconds().unwrap_or(0)
            - loaded.warm_up.whole_seconds().unwrap_or(0),
        warnings: once,
        variants,
        comparisons,
    };
    Ok((results, manifests))
}

fn price_book(variant: &crate::scenario::Variant) -> PriceBook {
    let mut book = PriceBook::default();
    for (item, price) in &variant.scenario.price {
        let key = price
            .region
            .as_ref()
            .map_or_else(|| item.clone(), |r| format!("{item}/{r}"));
        if let Ok(usd) = crate::catalog::decimal::exact(&price.usd) {
            let per = num_rational::BigRational::from_integer(price.per.into());
            // The reader has refused unknown items, Regions and negative prices.
            let _ = book.set(&key, usd / per);
        }
    }
    book
}

fn resolved(loaded: &Loaded) -> serde_json::Value {
    let variants: serde_json::Map<String, serde_json::Value> = loaded
        .variants
        .iter()
        .map(|v| {
            let scenario = serde_json::to_value(&v.scenario);
            (
                v.plan.name.clone(),
                scenario.unwrap_or(serde_json::Value::Null),
            )
        })
        .collect();
    serde_json::json!({
        "seed": loaded.seed,
        "replications": loaded.replications,
        "horizon": loaded.horizon,
        "warm_up": loaded.warm_up,
        "variant": variants,
    })
}
