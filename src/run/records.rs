//! How to run, why a run has no results, and what the variants of a run counted so far.

use super::precision::Precision;
use crate::billing::BillError;
use crate::model::{Component, Plan};
use crate::outcome;
use crate::results::{VariantManifest, VariantResults};
use crate::scenario::Variant;
use crate::simulation::record::Record;
use crate::simulation::{Cancelled, QuietTime, Rehearsal, SimulationOptions, simulate};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions<'a> {
    /// Simulate every second, certified quiet or not.
    pub simulate_all: bool,
    /// Where simulated seconds are added up; [`work`](super::work) tells how many there will be.
    pub progress: Option<&'a AtomicU64>,
    /// Add replications until this is reached.
    pub precision: Option<Precision>,
    /// Set to true by another thread, it ends the run with [`RunError::Cancelled`] within some 20 ms.
    pub cancel: Option<&'a AtomicBool>,
    /// What [`run_and_keep`](super::run_and_keep) kept of a variant with the same seed, which differs from the one to be
    /// run in the limits of its quotas only: the same results, sooner.
    pub quiet: Option<&'a QuietRun>,
    /// Nobody asks how long requests took: those metrics are left out (`latency_s_…`).
    pub no_latencies: bool,
}

/// What the replications of a variant counted in quiet time.
#[derive(Clone, Debug, Default)]
pub struct QuietRun(Vec<QuietTime>);

impl RunOptions<'_> {
    pub(super) fn check(&self) -> Result<(), RunError> {
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

/// Records of every variant so far, in the order of replications.
pub(super) struct VariantRecords {
    /// By variant and replication.
    pub(super) of: Vec<Vec<Record>>,
    engine_s: Vec<f64>,
    /// How many KMS calls to sample.
    pub(super) sample: usize,
    /// Whether each quota's attempts are kept second by second.
    pub(super) every_second: bool,
    /// By replication: throttled attempts of one quota at which it is given up; none where this is empty.
    pub(super) lost_at: Vec<u64>,
    /// Where what quiet time counts is kept, with so many splits of each part: what was.
    pub(super) keeps: Option<usize>,
    pub(super) quiet: QuietRun,
    /// By variant and quota: attempts of the busiest second of any replication so far; empty where the seconds that
    /// decide are not recorded.
    pub(super) busiest: Vec<Vec<AtomicU64>>,
}

/// Nothing yet, of each quota.
pub(super) fn most_seen(plan: &Plan) -> Vec<AtomicU64> {
    plan.quotas.iter().map(|_| AtomicU64::new(0)).collect()
}

impl VariantRecords {
    pub(super) fn new(variants: usize) -> VariantRecords {
        VariantRecords {
            of: (0..variants).map(|_| Vec::new()).collect(),
            engine_s: vec![0.0; variants],
            sample: 0,
            every_second: false,
            lost_at: Vec::new(),
            keeps: None,
            quiet: QuietRun::default(),
            busiest: Vec::new(),
        }
    }

    /// What a component, one of so many, of a replication is told of quiet time, or keeps.
    fn rehearsal<'q>(
        &self,
        options: RunOptions<'q>,
        replication: u64,
        (component, components): (usize, usize),
    ) -> Rehearsal<'q> {
        let number = replication as usize * components + component;
        match options.quiet.and_then(|quiet| quiet.0.get(number)) {
            Some(quiet) => Rehearsal::Repeat(quiet),
            None => self.keeps.map_or(Rehearsal::None, Rehearsal::Keep),
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
    pub(super) fn extend(
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
                    every_second: self.every_second,
                    rehearsal: self.rehearsal(
                        options,
                        replication,
                        (component, plan.components.len()),
                    ),
                    cancel: options.cancel,
                };
                let component = &plan.components[component];
                let mut record = simulate(plan, component, options)?;
                self.forget_seconds(v, replication, component, &mut record);
                Ok((record, started.elapsed().as_secs_f64()))
            })
            .collect();
        for (&(v, _, component), done) in tasks.iter().zip(done) {
            let (mut record, seconds) = done?;
            self.engine_s[v] += seconds;
            if self.keeps.is_some() {
                self.quiet.0.push(std::mem::take(&mut record.quiet));
            }
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

    pub(super) fn results(
        &self,
        variants: &[&Variant],
        seed: u64,
        options: RunOptions<'_>,
    ) -> Result<Vec<VariantResults>, RunError> {
        let pairs = variants.iter().zip(&self.of);
        pairs
            .map(|(variant, records)| {
                options.check()?;
                let latencies = !options.no_latencies;
                outcome::variant_results(&variant.plan, seed, records, latencies)
                    .map_err(|source| no_price(variant, source))
            })
            .collect()
    }

    pub(super) fn manifests(&self, variants: &[&Variant]) -> Vec<VariantManifest> {
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
pub(super) fn no_price(variant: &Variant, source: BillError) -> RunError {
    RunError::Bill {
        variant: variant.plan.name.clone(),
        source,
    }
}
