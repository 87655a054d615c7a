//! In how many buckets, and in which, bucket keys are enough for the targets.
//!
//! Buckets whose quota has nothing to do with the targets are left out of the order; of the others the least number of the
//! first is found by bisection.

use super::study::Confidence;
use super::suggestion::bucket_keys;
use super::{Study, StudyError, Trial};
use crate::metrics::target::Target;
use crate::results::VariantResults;
use crate::scenario::Variant;
use indexmap::IndexMap;
use serde::Serialize;

/// Most parts of the scenario of which it is tried to do without.
const PARTS: usize = 8;

/// The first buckets of the ranking that are enough.
#[derive(Clone, Debug, Serialize)]
pub struct Enough {
    /// What must hold.
    pub targets: Vec<Target>,
    /// The buckets, in order; empty where the targets are met as it is.
    pub buckets: Vec<String>,
    /// Buckets of the ranking that the targets do not need, whatever stands before them: they draw on other quotas.
    #[serde(skip_serializing_if = "is_none")]
    pub not_needed: usize,
    /// Whether the targets are met with bucket keys in these, 95 % sure; else not even in all of them.
    pub is_met: bool,
    /// What the targets are about, with bucket keys in these.
    pub trial: Trial,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

/// The least number of buckets of the ranking in which bucket keys, for all of their objects, are enough.
pub(super) fn enough(
    study: &Study,
    variant: &Variant,
    whole: &VariantResults,
    targets: &[Target],
    order: &[&String],
) -> Result<Option<Enough>, StudyError> {
    if targets.is_empty() || order.is_empty() {
        return Ok(None);
    }
    let trial = |n: usize, results: &VariantResults| {
        Trial::of(study, n as f64, study.seed, targets, results)
    };
    let run = |on: &[&String]| -> Result<Option<Trial>, StudyError> {
        let sets = on
            .iter()
            .flat_map(|bucket| bucket_keys(variant, bucket, "0"));
        match study.run(&[], &sets.collect::<Vec<_>>(), study.seed) {
            Ok(results) => Ok(Some(trial(on.len(), &results))),
            // One of them says too little for bucket keys.
            Err(StudyError::Scenario(_)) => Ok(None),
            Err(e) => Err(e),
        }
    };
    let meets = |t: &Trial| t.meets(targets, Confidence::Sure);
    let answer = |on: &[&String], not_needed: usize, trial: Trial| {
        Some(Enough {
            targets: targets.to_vec(),
            buckets: on.iter().map(|name| (*name).clone()).collect(),
            not_needed,
            is_met: meets(&trial),
            trial,
        })
    };
    let as_it_is = trial(0, whole);
    if meets(&as_it_is) {
        return Ok(answer(&[], 0, as_it_is));
    }
    let Some(all) = run(order)? else {
        return Ok(None);
    };
    if !meets(&all) {
        return Ok(answer(order, 0, all));
    }
    let (mut needed, mut best) = (order.to_vec(), all);
    for part in parts(variant, order) {
        let rest: Vec<&String> = needed
            .iter()
            .filter(|name| !part.contains(name))
            .copied()
            .collect();
        if rest.is_empty() {
            continue;
        }
        if let Some(trial) = run(&rest)?.filter(&meets) {
            (needed, best) = (rest, trial);
        }
    }
    let (mut low, mut high) = (0, needed.len());
    while high - low > 1 {
        let middle = low.midpoint(high);
        match run(&needed[..middle])? {
            Some(trial) if meets(&trial) => (high, best) = (middle, trial),
            Some(_) => low = middle,
            None => return Ok(None),
        }
    }
    Ok(answer(&needed[..high], order.len() - needed.len(), best))
}

/// The buckets by the component that their requests are in, the largest groups first; none where all are in one.
fn parts<'b>(variant: &Variant, order: &[&'b String]) -> Vec<Vec<&'b String>> {
    let plan = &variant.plan;
    let component = |bucket: &String| {
        let mut classes = plan.classes.iter();
        let of_bucket = |b: usize| plan.buckets[b].name == *bucket;
        let class = classes.find(|class| class.bucket.is_some_and(of_bucket))?;
        let mut components = plan.components.iter();
        components.position(|c| c.workloads.binary_search(&class.workload).is_ok())
    };
    let mut parts: IndexMap<Option<usize>, Vec<&String>> = IndexMap::new();
    for bucket in order {
        parts.entry(component(bucket)).or_default().push(bucket);
    }
    let mut parts: Vec<Vec<&String>> = parts.into_values().collect();
    if parts.len() == 1 {
        return Vec::new();
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts.truncate(PARTS);
    parts
}
