//! A run: every variant and replication of a scenario, in parallel, gathered by index.
//!
//! The only module that knows the order of work. The thread count changes no digit: each
//! (variant, replication, component) is simulated from keys of its own, and records are merged in
//! order.

mod precision;

pub use precision::Precision;

use crate::billing::BillError;
use crate::catalog;
use crate::compare::{compare_all, verdict};
use crate::model::{Component, Plan};
use crate::outcome;
use crate::results::{
    Estimate, Metrics, PrecisionResult, RunResults, RunVerdict, SCHEMA_VERSION, ScenarioRecord,
    ThresholdResult, VariantManifest, VariantResults,
};
use crate::scenario::{Loaded, Variant};
use crate::simulation::record::Record;
use crate::simulation::{Cancelled, SimulationOptions, simulate};
use precision::WatchedMetric;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Add replications until this is reached.
    pub precision: Option<Precision>,
    /// Set to true by another thread, it ends the run with [`RunError::Cancelled`] within some 20 ms.
    pub cancel: Option<&'a AtomicBool>,
}

impl RunOptions<'_> {
    fn check(&self) -> Result<(), RunError> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(RunError::Cancelled),
            Some(_) | None => Ok(()),
        }
    }
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
    /// There is no variant.
    #[error("no variant to run")]
    Empty,
    /// [`RunOptions::cancel`] was set before the end.
    #[error("the run was cancelled")]
    Cancelled,
}

impl From<Cancelled> for RunError {
    fn from(_: Cancelled) -> RunError {
        RunError::Cancelled
    }
}

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
    let mut warnings = loaded.warnings.clone();
    for (variant, results) in variants.iter().zip(&results) {
        warnings.extend(outcome::warnings(&variant.plan, results));
    }
    warnings.extend(unnamed_sdk(&variants));
    let mut results = RunResults {
        schema_version: SCHEMA_VERSION,
        kmsim_version: VERSION.to_owned(),
        scenario: ScenarioRecord {
            name: loaded.name.clone(),
            text_sha256: loaded.text_sha256.clone(),
            resolved: resolved(loaded),
        },
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
        verdict: RunVerdict::default(),
    };
    results.verdict = verdict(&results);
    Ok((results, manifests))
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

/// The same, unless every replication is lost: it is given up as soon as so many attempts of one quota have been
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

/// What a variant counted, replication by replication: to be asked what it would count if a part of it were different,
/// of which only the components concerned are simulated again.
pub struct CountedRun<'v> {
    variant: &'v Variant,
    seed: u64,
    records: Vec<Record>,
}

impl<'v> CountedRun<'v> {
    /// Runs a variant over so many replications, in the current rayon pool.
    ///
    /// # Errors
    /// [`RunError::Cancelled`].
    pub fn run(
        variant: &'v Variant,
        seed: u64,
        replications: u32,
        options: RunOptions<'_>,
    ) -> Result<CountedRun<'v>, RunError> {
        let mut all = VariantRecords::new(1);
        all.extend(&[variant], seed, 0..replications, options)?;
        Ok(CountedRun {
            variant,
            seed,
            records: all.of.into_iter().flatten().collect(),
        })
    }

    /// Its results.
    ///
    /// # Errors
    /// [`RunError`] where a price is not known.
    pub fn results(&self) -> Result<VariantResults, RunError> {
        let results = outcome::variant_results(&self.variant.plan, self.seed, &self.records);
        results.map_err(|source| self.unpriced(source))
    }

    /// Metrics, all but those of delays, without the traffic of some workloads, whose keys stay and are paid for; `None`
    /// where others start after these, read what they wrote or share their caches.
    ///
    /// # Errors
    /// [`RunError`] where a price is not known, or the run was cancelled.
    pub fn without(
        &self,
        workloads: &BTreeSet<usize>,
        options: RunOptions<'_>,
    ) -> Result<Option<Metrics>, RunError> {
        let plan = &self.variant.plan;
        let depends = plan.workloads.iter().enumerate().any(|(w, workload)| {
            let owner = workload.client_cache.map(|cache| cache.owner);
            let others = [workload.after, workload.reads, owner];
            let mut others = others.into_iter().flatten();
            !workloads.contains(&w) && others.any(|other| workloads.contains(&other))
        });
        if depends {
            return Ok(None);
        }
        let mut records = self.records.clone();
        for component in &plan.components {
            if !component.workloads.iter().any(|w| workloads.contains(w)) {
                continue;
            }
            let mut rest = component.clone();
            rest.workloads.retain(|w| !workloads.contains(w));
            rest.classes
                .retain(|&c| !workloads.contains(&plan.classes[c].workload));
            self.replace(&mut records, plan, component, &rest, options)?;
        }
        self.metrics(plan, &records).map(Some)
    }

    /// Metrics, all but those of delays, of the same variant changed, of which only the components of some of its
    /// workloads differ; `None` where it is not built alike.
    ///
    /// # Errors
    /// [`RunError`] where a price is not known, or the run was cancelled.
    pub fn changed(
        &self,
        changed: &Variant,
        workloads: &BTreeSet<usize>,
        options: RunOptions<'_>,
    ) -> Result<Option<Metrics>, RunError> {
        let (before, plan) = (&self.variant.plan, &changed.plan);
        let size = |p: &Plan| {
            (
                p.workloads.len(),
                p.classes.len(),
                p.kms_steps.len(),
                p.quotas.len(),
                p.components.len(),
            )
        };
        let pairs = || before.components.iter().zip(&plan.components);
        let is_alike = pairs().all(|(a, b)| {
            (&a.workloads, &a.classes, &a.quotas) == (&b.workloads, &b.classes, &b.quotas)
        });
        if size(before) != size(plan) || !is_alike {
            return Ok(None);
        }
        let mut records = self.records.clone();
        for component in &plan.components {
            if component.workloads.iter().any(|w| workloads.contains(w)) {
                self.replace(&mut records, plan, component, component, options)?;
            }
        }
        self.metrics(plan, &records).map(Some)
    }

    /// Simulates what is left of a component, in the place of all of it.
    fn replace(
        &self,
        records: &mut [Record],
        plan: &Plan,
        component: &Component,
        rest: &Component,
        options: RunOptions<'_>,
    ) -> Result<(), RunError> {
        for (replication, whole) in records.iter_mut().enumerate() {
            options.check()?;
            let nothing = Record::new(
                component.classes.len(),
                component.kms_steps(plan).count(),
                component.quotas.len(),
                component.workloads.len(),
            );
            whole.add(plan, component, nothing);
            let options = SimulationOptions {
                seed: self.seed,
                replication: replication as u64,
                simulate_all: options.simulate_all,
                progress: options.progress,
                sample: 0,
                decisive: false,
                lost_at: None,
                cancel: options.cancel,
            };
            let record = simulate(plan, rest, options)?;
            whole.add(plan, rest, record);
        }
        Ok(())
    }

    fn metrics(&self, plan: &Plan, records: &[Record]) -> Result<Metrics, RunError> {
        outcome::metrics_but_delays(plan, records).map_err(|source| self.unpriced(source))
    }

    fn unpriced(&self, source: BillError) -> RunError {
        RunError::Bill {
            variant: self.variant.plan.name.clone(),
            source,
        }
    }
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

/// Records of every variant so far, in the order of replications.
struct VariantRecords {
    of: Vec<Vec<Record>>,
    engine_s: Vec<f64>,
    /// How many KMS calls to sample.
    sample: usize,
    /// By replication: throttled attempts of one quota at which it is given up; none where this is empty.
    lost_at: Vec<u64>,
    /// By variant and quota: attempts of the busiest second of any replication so far; empty where the seconds that
    /// decide are not recorded.
    busiest: Vec<Vec<AtomicU64>>,
}

/// Nothing yet, of each quota.
fn most_seen(plan: &Plan) -> Vec<AtomicU64> {
    plan.quotas.iter().map(|_| AtomicU64::new(0)).collect()
}

impl VariantRecords {
    fn new(variants: usize) -> VariantRecords {
        VariantRecords {
            of: (0..variants).map(|_| Vec::new()).collect(),
            engine_s: vec![0.0; variants],
            sample: 0,
            lost_at: Vec::new(),
            busiest: Vec::new(),
        }
    }

    /// Forgets the decisive seconds of a replication that is neither the first nor, by what is known so far, the one
    /// with the busiest second: those of all replications together would fill the memory.
    fn forget_seconds(
        &self,
        v: usize,
        replication: u64,
        component: &Component,
        record: &mut Record,
    ) {
        let Some(busiest) = self.busiest.get(v) else {
            return;
        };
        for (&q, seen) in component.quotas.iter().zip(&mut record.quotas) {
            let Some(seen) = seen else { continue };
            let attempts = seen.busiest.map_or(0, |(_, attempts)| attempts);
            let most = busiest[q].fetch_max(attempts, Ordering::Relaxed);
            if replication > 0 && attempts < most {
                seen.decisive = None;
            }
        }
    }

    /// Simulates more replications of all variants.
    fn extend(
        &mut self,
        variants: &[&Variant],
        seed: u64,
        replications: Range<u32>,
        options: RunOptions<'_>,
    ) -> Result<(), RunError> {
        let mut tasks = Vec::new();
        for (v, variant) in variants.iter().enumerate() {
            for replication in replications.clone() {
                let components = 0..variant.plan.components.len();
                tasks.extend(components.map(|component| (v, u64::from(replication), component)));
            }
        }
        let done: Vec<Result<(Record, f64), Cancelled>> = tasks
            .par_iter()
            .map(|&(v, replication, component)| {
                let plan = &variants[v].plan;
                let started = Instant::now();
                let options = SimulationOptions {
                    seed,
                    replication,
                    simulate_all: options.simulate_all,
                    progress: options.progress,
                    sample: self.sample,
                    decisive: !self.busiest.is_empty(),
                    lost_at: self.lost_at.get(replication as usize).copied(),
                    cancel: options.cancel,
                };
                let component = &plan.components[component];
                let mut record = simulate(plan, component, options)?;
                self.forget_seconds(v, replication, component, &mut record);
                Ok((record, started.elapsed().as_secs_f64()))
            })
            .collect();
        for (&(v, _, component), done) in tasks.iter().zip(done) {
            let (record, seconds) = done?;
            self.engine_s[v] += seconds;
            let (plan, all) = (&variants[v].plan, &mut self.of[v]);
            if plan.components.len() == 1 {
                all.push(record);
                continue;
            }
            if component == 0 {
                all.push(Record::of(plan));
            }
            if let Some(whole) = all.last_mut() {
                whole.add(plan, &plan.components[component], record);
            }
        }
        Ok(())
    }

    fn results(
        &self,
        variants: &[&Variant],
        seed: u64,
        options: RunOptions<'_>,
    ) -> Result<Vec<VariantResults>, RunError> {
        let pairs = variants.iter().zip(&self.of);
        pairs
            .map(|(variant, records)| {
                options.check()?;
                outcome::variant_results(&variant.plan, seed, records)
                    .map_err(|source| no_price(variant, source))
            })
            .collect()
    }

    fn manifests(&self, variants: &[&Variant]) -> Vec<VariantManifest> {
        let pairs = variants.iter().zip(&self.of).zip(&self.engine_s);
        pairs
            .map(|((variant, records), &engine_s)| VariantManifest {
                name: variant.plan.name.clone(),
                engine_s,
                seconds_counted: records.iter().map(|r| r.seconds_counted).sum(),
                attempts_expanded: records.iter().map(|r| r.attempts_expanded).sum(),
            })
            .collect()
    }
}

/// A variant of which a price is missing.
fn no_price(variant: &Variant, source: BillError) -> RunError {
    RunError::Bill {
        variant: variant.plan.name.clone(),
        source,
    }
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
