//! A run: every variant and replication of a scenario, in parallel, gathered by index.
//!
//! The only module that knows the order of work. The thread count changes no digit: each
//! (variant, replication, component) is simulated from keys of its own, and records are merged in
//! order. Long because it holds every way in which variants are run: all of them, one, unless it is lost, changed in part.

mod counted;
mod precision;
mod records;

pub use counted::{CountedRun, calls_apart};
pub use precision::Precision;
pub use records::{QuietRun, RunError, RunOptions};

use crate::catalog;
use crate::compare::{compare_all, verdict};
use crate::metrics::bounds;
use crate::outcome;
use crate::results::{
    Estimate, PrecisionResult, ResolvedScenario, RunResults, RunVerdict, SCHEMA_VERSION,
    ScenarioRecord, ThresholdResult, VariantManifest, VariantResults,
};
use crate::scenario::{Loaded, Variant};
use crate::simulation::record::Record;
use precision::WatchedMetric;
use records::{VariantRecords, most_seen, no_price};

/// Version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fewer replications than this give wide intervals.
const FEW_REPLICATIONS: u32 = 5;

/// Simulated seconds of a whole run, for progress.
pub fn work(loaded: &Loaded) -> u64 {
    loaded
        .variants
        .iter()
        .map(|v| v.plan.horizon_s * v.plan.components.len() as u64 * u64::from(loaded.replications))
        .sum()
}

/// Fewest replications on which an interval is believed: with two or three, a narrow one is often luck.
const FEW_TO_STOP: u32 = FEW_REPLICATIONS;

/// Runs a scenario in the current rayon pool.
///
/// # Errors
/// [`RunError`] where a price is not known, or the run was cancelled.
pub fn run(
    loaded: &Loaded,
    options: RunOptions<'_>,
) -> Result<(RunResults, Vec<VariantManifest>), RunError> {
    let mut records = VariantRecords::new(loaded.variants.len());
    records.busiest = loaded.variants.iter().map(|v| most_seen(&v.plan)).collect();
    let variants: Vec<&Variant> = loaded.variants.iter().collect();
    let mut replications = match options.precision {
        Some(p) => loaded.replications.max(FEW_TO_STOP).min(p.most),
        None => loaded.replications,
    };
    records.extend(&variants, loaded.seed, 0..replications, options)?;
    let mut precision = None;
    if let Some(wanted) = options.precision {
        let mut watched = WatchedMetric::new(wanted.metric, variants.len());
        loop {
            let all = variants.iter().zip(&records.of).enumerate();
            let estimates = all.map(|(v, (variant, records))| {
                let estimate = watched.estimate(v, &variant.plan, loaded.seed, records);
                estimate.map_err(|source| no_price(variant, source))
            });
            let estimates: Vec<Estimate> = estimates.collect::<Result<_, _>>()?;
            let found = wanted.judge(&estimates);
            // A replication without data leaves the mean without any, however many more there are.
            let lacks_data = estimates.iter().any(|e| e.mean.is_none());
            let enough = found.reached || lacks_data || replications >= wanted.most;
            let next = wanted.next(&estimates, replications);
            precision = Some(found);
            if enough {
                break;
            }
            records.extend(&variants, loaded.seed, replications..next, options)?;
            replications = next;
        }
    }
    let results = records.results(&variants, loaded.seed, options)?;
    let manifests = records.manifests(&variants);
    let results = results_of(loaded, replications, results, precision);
    Ok((results, manifests))
}

/// What its variants' results, in their order, are together.
pub fn results_of(
    loaded: &Loaded,
    replications: u32,
    results: Vec<VariantResults>,
    precision: Option<PrecisionResult>,
) -> RunResults {
    let variants: Vec<&Variant> = loaded.variants.iter().collect();
    let mut warnings = loaded.warnings.clone();
    for (variant, results) in variants.iter().zip(&results) {
        warnings.extend(outcome::warnings(&variant.plan, results));
    }
    warnings.extend(unnamed_sdk(&variants));
    let mut results = RunResults {
        schema_version: SCHEMA_VERSION,
        kmsim_version: VERSION.to_owned(),
        scenario: scenario_record(loaded),
        seed: loaded.seed,
        replications,
        horizon_s: loaded.horizon.whole_seconds().unwrap_or(0),
        measured_s: loaded.horizon.whole_seconds().unwrap_or(0)
            - loaded.warm_up.whole_seconds().unwrap_or(0),
        warnings: all_warnings(warnings, replications, &results, precision.as_ref()),
        costs_left_out: outcome::costs_left_out(variants.iter().map(|v| &v.plan)),
        comparisons: compare_all(&results),
        thresholds: thresholds(loaded, &results),
        variants: results,
        precision,
        assumption_effects: Vec::new(),
        verdict: RunVerdict::default(),
    };
    results.verdict = verdict(&results);
    debug_assert_eq!(bounds::fault(&results), None, "what no run may find");
    results
}

/// Which scenario it is, with every default filled in.
pub fn scenario_record(loaded: &Loaded) -> ScenarioRecord {
    ScenarioRecord {
        name: loaded.name.clone(),
        text_sha256: loaded.text_sha256.clone(),
        resolved: resolved(loaded),
    }
}

/// One variant's results over so many replications, in the current rayon pool.
///
/// # Errors
/// [`RunError`] where a price is not known, or the run was cancelled.
pub fn run_variant(
    variant: &Variant,
    seed: u64,
    replications: u32,
    options: RunOptions<'_>,
) -> Result<VariantResults, RunError> {
    let mut records = VariantRecords::new(1);
    records.extend(&[variant], seed, 0..replications, options)?;
    let results = records.results(&[variant], seed, options)?;
    // One variant in, one out.
    results.into_iter().next().ok_or(RunError::Empty)
}

/// Most seconds of all replications and components of which it is kept what quiet time counts.
const MOST_KEPT: u64 = 1 << 24;

/// Most splits of arrivals over a second that all of them keep, 1 kB each.
const MOST_SPLITS: u64 = 1 << 16;

/// The same, with what it counted in quiet time: for [`RunOptions::quiet`].
///
/// # Errors
/// As [`run_variant`].
pub fn run_and_keep(
    variant: &Variant,
    seed: u64,
    replications: u32,
    options: RunOptions<'_>,
) -> Result<(VariantResults, QuietRun), RunError> {
    let plan = &variant.plan;
    let parts = plan.components.len() as u64 * u64::from(replications);
    let mut records = VariantRecords::new(1);
    let may_keep = plan.horizon_s.saturating_mul(parts) <= MOST_KEPT;
    records.busiest = vec![most_seen(plan)];
    records.keeps = may_keep.then_some((MOST_SPLITS / parts.max(1)) as usize);
    records.extend(&[variant], seed, 0..replications, options)?;
    let results = records.results(&[variant], seed, options)?;
    let results = results.into_iter().next().ok_or(RunError::Empty)?;
    Ok((results, records.quiet))
}

/// As [`run_variant`], unless every replication is lost: it is given up as soon as so many attempts of one quota have been
/// throttled in it. `None` where all are.
///
/// # Errors
/// As [`run_variant`].
pub fn run_unless_lost(
    variant: &Variant,
    seed: u64,
    lost_at: &[u64],
    options: RunOptions<'_>,
) -> Result<Option<VariantResults>, RunError> {
    let mut records = VariantRecords::new(1);
    records.lost_at = lost_at.to_vec();
    records.extend(&[variant], seed, 0..lost_at.len() as u32, options)?;
    records.lost_at.clear();
    if records.of[0].iter().all(|record| record.is_lost) {
        return Ok(None);
    }
    // Some are not: then the others are needed as well.
    for replication in 0..lost_at.len() {
        if records.of[0][replication].is_lost {
            let mut again = VariantRecords::new(1);
            let number = replication as u32;
            again.extend(&[variant], seed, number..number + 1, options)?;
            if let Some(record) = again.of[0].pop() {
                records.of[0][replication] = record;
            }
        }
    }
    let results = records.results(&[variant], seed, options)?;
    Ok(results.into_iter().next())
}

/// The first replication of each variant, simulated once more, with a sample of so many of its KMS calls.
///
/// # Errors
/// [`RunError::Cancelled`].
pub fn sampled(
    loaded: &Loaded,
    wanted: usize,
    options: RunOptions<'_>,
) -> Result<Vec<Record>, RunError> {
    let mut records = VariantRecords::new(loaded.variants.len());
    records.sample = wanted;
    let variants: Vec<&Variant> = loaded.variants.iter().collect();
    records.extend(&variants, loaded.seed, 0..1, options)?;
    Ok(records.of.into_iter().flatten().collect())
}

/// Every threshold of every variant, judged.
fn thresholds(loaded: &Loaded, results: &[VariantResults]) -> Vec<ThresholdResult> {
    let pairs = loaded.variants.iter().zip(results);
    pairs.flat_map(|(v, r)| thresholds_of(v, r)).collect()
}

/// Every threshold of one variant, judged.
pub fn thresholds_of(variant: &Variant, results: &VariantResults) -> Vec<ThresholdResult> {
    let judged = variant.scenario.threshold.iter().map(|(name, target)| {
        let estimate = target.of(results);
        ThresholdResult {
            name: name.clone(),
            variant: variant.plan.name.clone(),
            workload: target.workload.clone(),
            metric: target.metric.to_owned(),
            comparison: target.comparison.sign().to_owned(),
            limit: target.limit,
            mean: estimate.and_then(|e| e.mean),
            ci_low: estimate.and_then(|e| e.ci_low),
            ci_high: estimate.and_then(|e| e.ci_high),
            unit: target.row().map_or("", |m| m.unit).to_owned(),
            verdict: target.judge(estimate),
        }
    });
    judged.collect()
}

/// Says whose retries those of the workloads are whose scenario names no SDK.
fn unnamed_sdk(variants: &[&Variant]) -> Option<String> {
    let mut workloads = variants.iter().flat_map(|v| v.scenario.workload.values());
    if !workloads.any(|w| w.retry.is_assumed) {
        return None;
    }
    let (newest, profile) = catalog::unnamed_sdk()?;
    Some(format!(
        "no `retry` says which SDK the clients use: they retry like {} {}, profile `{}`; other SDKs and versions differ (`kmsim catalog sdk-default`), name one: `retry = \"PROFILE\"`",
        newest.sdk, newest.versions, profile.id
    ))
}

/// The run's own warnings added to those of its variants, each once.
fn all_warnings(
    mut warnings: Vec<String>,
    replications: u32,
    variants: &[VariantResults],
    precision: Option<&PrecisionResult>,
) -> Vec<String> {
    if replications < FEW_REPLICATIONS {
        warnings.push(match replications {
            1 => format!("Only 1 replication: no intervals. Use {FEW_REPLICATIONS} or more"),
            n => {
                format!("Only {n} replications: intervals are wide. Use {FEW_REPLICATIONS} or more")
            }
        });
    }
    if let Some(p) = precision.filter(|p| !p.reached) {
        let without_data = variants.iter().find(|v| {
            let estimate = v.metrics.get(&p.metric);
            estimate.is_none_or(|e| e.mean.is_none())
        });
        let found = match (p.found, without_data) {
            (Some(f), _) => format!("its half-width is {:.3} % of the mean", f * 100.0),
            (None, Some(v)) => format!(
                "variant `{}` has a replication without a value, and more replications change nothing about that",
                v.name
            ),
            (None, None) => "a variant has no interval".to_owned(),
        };
        warnings.push(format!(
            "precision not reached for `{}`: after {replications} replications {found}; the target is {:.3} %",
            p.metric,
            p.wanted * 100.0
        ));
    }
    let by_s3 = |v: &VariantResults| v.metrics["s3_throttled"].mean.is_some_and(|n| n > 0.0);
    if variants
        .iter()
        .all(|v| v.metrics["kms_throttled"].mean == Some(0.0) && !by_s3(v))
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
    once
}

/// As it is written, one variant after another.
fn resolved(loaded: &Loaded) -> ResolvedScenario {
    let settings = serde_json::json!({
        "seed": loaded.seed,
        "replications": loaded.replications,
        "horizon": loaded.horizon,
        "warm_up": loaded.warm_up,
    });
    let settings = settings.as_object().cloned().unwrap_or_default();
    let mut resolved = ResolvedScenario::new(settings);
    for v in &loaded.variants {
        resolved.add(&v.plan.name, &v.scenario);
    }
    resolved
}
