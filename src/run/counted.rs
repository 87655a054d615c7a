//! What a run counted, to be asked what it would count if a part of it were different.
//!
//! Only what the part can change is simulated again. Workloads that share a quota without ever meeting its limit do not
//! know of one another: what is left without some of them is what all of them counted less what these count alone. Where
//! anybody is throttled, the whole component is simulated without them.

use super::records::{RunError, RunOptions, VariantRecords, no_price};
use crate::engine::limiter::Limiter;
use crate::model::{Class, Component, Plan, Workload};
use crate::outcome;
use crate::results::{Metrics, VariantResults};
use crate::scenario::Variant;
use crate::simulation::record::{QuotaRecord, Record};
use crate::simulation::{Rehearsal, SimulationOptions, simulate};
use std::collections::BTreeSet;

/// Most seconds of quotas and replications that are kept one by one.
const MOST_SECONDS: u64 = 8_000_000;

/// By quota: attempts of each second from t = 0.
type Seconds = Vec<Option<Vec<u64>>>;

/// What a variant counted, replication by replication: to be asked what it would count if a part of it were different,
/// of which only the components concerned are simulated again.
pub struct CountedRun<'v> {
    variant: &'v Variant,
    seed: u64,
    records: Vec<Record>,
    /// By replication; apart from the records, which are copied with each question.
    seconds: Vec<Seconds>,
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
        let plan = &variant.plan;
        let seconds = plan.horizon_s * plan.quotas.len() as u64 * u64::from(replications);
        let mut all = VariantRecords::new(1);
        all.every_second = seconds <= MOST_SECONDS;
        all.extend(&[variant], seed, 0..replications, options)?;
        let mut records: Vec<Record> = all.of.into_iter().flatten().collect();
        let taken = |record: &mut Record| -> Seconds {
            let quotas = record.quotas.iter_mut();
            quotas
                .map(|quota| quota.as_mut().and_then(|q| q.every_second.take()))
                .collect()
        };
        Ok(CountedRun {
            variant,
            seed,
            seconds: records.iter_mut().map(taken).collect(),
            records,
        })
    }

    /// What it counted, replication by replication.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Its results.
    ///
    /// # Errors
    /// [`RunError`] where a price is not known.
    pub fn results(&self) -> Result<VariantResults, RunError> {
        let results = outcome::variant_results(&self.variant.plan, self.seed, &self.records, true);
        results.map_err(|source| no_price(self.variant, source))
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
        let is_gone = |w: usize| workloads.contains(&w);
        let mut left = plan
            .workloads
            .iter()
            .enumerate()
            .filter(|(w, _)| !is_gone(*w));
        if left.any(|(_, workload)| needed_by(workload).any(is_gone)) {
            return Ok(None);
        }
        let mut records = self.records.clone();
        for component in &plan.components {
            let (gone, left): (Vec<usize>, Vec<usize>) =
                component.workloads.iter().partition(|w| is_gone(**w));
            if gone.is_empty() {
                continue;
            }
            let gone = part(plan, component, gone);
            if gone.workloads.len() <= left.len() && self.is_apart(component, &gone) {
                self.subtract(&mut records, &gone, options)?;
            } else {
                let rest = part(plan, component, left);
                self.replace(&mut records, plan, component, &rest, options)?;
            }
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

    /// Whether some workloads of a component and the others have never had to do with one another: no quota of theirs has
    /// ever refused an attempt, they share no bucket key, and the ones need nothing of the others.
    fn is_apart(&self, component: &Component, some: &Component) -> bool {
        let plan = &self.variant.plan;
        let is_unlimited = |record: &Record| {
            let mut quotas = component
                .quotas
                .iter()
                .filter_map(|&q| record.quotas[q].as_ref());
            quotas.all(|quota| quota.throttled == 0)
        };
        let seconds_known = |seconds: &Seconds| {
            let mut quotas = component.quotas.iter();
            quotas.all(|&q| seconds[q].is_some())
        };
        if !self.records.iter().all(is_unlimited) || !self.seconds.iter().all(seconds_known) {
            return false;
        }
        let mut needed = some
            .workloads
            .iter()
            .flat_map(|&w| needed_by(&plan.workloads[w]));
        if needed.any(|w| !some.workloads.contains(&w)) {
            return false;
        }
        let others = component
            .classes
            .iter()
            .filter(|c| !some.classes.contains(c));
        let mut caches = others.flat_map(|&c| bucket_key_caches(plan, c));
        !caches.any(|cache| some.bucket_key_caches.contains(&cache))
    }

    /// Takes out of the records what a part of a component that is apart from the rest counts alone.
    fn subtract(
        &self,
        records: &mut [Record],
        gone: &Component,
        options: RunOptions<'_>,
    ) -> Result<(), RunError> {
        let plan = &self.variant.plan;
        for (replication, whole) in records.iter_mut().enumerate() {
            options.check()?;
            let options = SimulationOptions {
                every_second: true,
                rehearsal: Rehearsal::None,
                ..self.options(replication, options)
            };
            let own = simulate(plan, gone, options)?;
            let mut nothing = empty(plan, gone);
            for (i, &q) in gone.quotas.iter().enumerate() {
                let seconds = self.seconds[replication][q].as_deref();
                nothing.quotas[i] = match (seconds, &whole.quotas[q], &own.quotas[i]) {
                    (Some(seconds), Some(whole), Some(own)) => {
                        Some(less(plan, q, seconds, whole, own))
                    }
                    (_, whole, _) => whole.clone(),
                };
            }
            whole.add(plan, gone, nothing);
        }
        Ok(())
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
            whole.add(plan, component, empty(plan, component));
            let record = simulate(plan, rest, self.options(replication, options))?;
            whole.add(plan, rest, record);
        }
        Ok(())
    }

    fn options<'o>(&self, replication: usize, options: RunOptions<'o>) -> SimulationOptions<'o> {
        of_replication(self.seed, replication, options)
    }

    fn metrics(&self, plan: &Plan, records: &[Record]) -> Result<Metrics, RunError> {
        outcome::metrics_but_delays(plan, records).map_err(|source| no_price(self.variant, source))
    }
}

/// The KMS calls of the first replication of some classes, were their workloads the only ones.
///
/// # Errors
/// [`RunError::Cancelled`].
pub fn calls_apart(
    variant: &Variant,
    counts: impl Fn(&Class) -> bool,
    seed: u64,
    options: RunOptions<'_>,
) -> Result<u64, RunError> {
    let plan = &variant.plan;
    let classes = plan.classes.iter().filter(|class| counts(class));
    let own: BTreeSet<usize> = classes.map(|class| class.workload).collect();
    let mut calls = 0;
    for component in &plan.components {
        let is_in = |w: &usize| component.workloads.binary_search(w).is_ok();
        let mut wanted: Vec<usize> = own.iter().copied().filter(is_in).collect();
        let mut some = BTreeSet::new();
        while let Some(w) = wanted.pop() {
            if some.insert(w) {
                wanted.extend(needed_by(&plan.workloads[w]));
            }
        }
        if some.is_empty() {
            continue;
        }
        let own = part(plan, component, some.into_iter().collect());
        let record = simulate(plan, &own, of_replication(seed, 0, options))?;
        let steps = own.classes.iter().flat_map(|&c| {
            let counts = counts(&plan.classes[c]);
            plan.classes[c].kms_step_range().map(move |_| counts)
        });
        let counted = record.kms_steps.iter().zip(steps);
        calls += counted
            .filter(|(_, of)| *of)
            .map(|(n, _)| n.calls)
            .sum::<u64>();
    }
    Ok(calls)
}

fn of_replication(seed: u64, replication: usize, options: RunOptions<'_>) -> SimulationOptions<'_> {
    SimulationOptions {
        seed,
        replication: replication as u64,
        simulate_all: options.simulate_all,
        progress: options.progress,
        sample: 0,
        decisive: false,
        lost_at: None,
        every_second: false,
        rehearsal: Rehearsal::None,
        cancel: options.cancel,
    }
}

/// The workloads that one cannot be without: those that it follows, reads from, or whose cache it shares.
fn needed_by(workload: &Workload) -> impl Iterator<Item = usize> {
    let owner = workload.client_cache.map(|cache| cache.owner);
    [workload.after, workload.reads, owner]
        .into_iter()
        .flatten()
}

/// The caches of bucket keys that a class looks into.
fn bucket_key_caches(plan: &Plan, class: usize) -> impl Iterator<Item = usize> {
    let steps = plan.kms_steps_of(&plan.classes[class]).iter();
    steps
        .filter_map(|step| step.source.bucket_keys())
        .flat_map(|uses| uses.caches())
}

/// Some workloads of a component and what they use; quotas as the component has them.
fn part(plan: &Plan, component: &Component, workloads: Vec<usize>) -> Component {
    let own = |c: &&usize| workloads.binary_search(&plan.classes[**c].workload).is_ok();
    let classes: Vec<usize> = component.classes.iter().filter(own).copied().collect();
    let caches = classes.iter().flat_map(|&c| bucket_key_caches(plan, c));
    let caches: BTreeSet<usize> = caches.collect();
    Component {
        workloads,
        classes,
        quotas: component.quotas.clone(),
        bucket_key_caches: caches.into_iter().collect(),
    }
}

/// A record of a component that counted nothing.
fn empty(plan: &Plan, component: &Component) -> Record {
    Record::new(
        component.classes.len(),
        component.kms_steps(plan).count(),
        component.quotas.len(),
        component.workloads.len(),
    )
}

/// What a quota that refuses nothing sees without some of its attempts; `seconds` are those of all of them.
fn less(
    plan: &Plan,
    quota: usize,
    seconds: &[u64],
    whole: &QuotaRecord,
    gone: &QuotaRecord,
) -> QuotaRecord {
    let limiter = Limiter::new(plan.quotas[quota].shape, &plan.quotas[quota].steps);
    let own = gone.every_second.iter().flatten().copied();
    let own = own.chain(std::iter::repeat(0));
    let mut rest = QuotaRecord::new(plan.horizon_s);
    for (second, (all, own)) in (0..).zip(seconds.iter().zip(own)) {
        let (attempts, measured) = (all - own, second >= plan.warm_up_s);
        rest.second(second, attempts, 0, 0, limiter.per_second(second), measured);
    }
    let own = gone.minutes.iter().copied().chain(std::iter::repeat(0));
    rest.minutes = whole
        .minutes
        .iter()
        .zip(own)
        .map(|(all, own)| all - own)
        .collect();
    rest
}
