//! What changes to single buckets and workloads would save, each looked at alone.
//!
//! An inventory of many is ranked by this before the first of the ranking are run with everybody else. All changes are read
//! at once, as different buckets know nothing of one another; what cannot be read is looked for by halves. Left out: what
//! one's calls do to others at a quota.

use super::mitigation::Change;
use super::{Study, StudyError};
use crate::model::Class;
use crate::results::VariantResults;
use crate::run::calls_apart;
use crate::scenario::Variant;
use rayon::prelude::*;

/// Most scenarios that are read to find changes that make no valid one.
const MOST_READ: usize = 64;

/// What a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part<'n> {
    /// A bucket.
    Bucket(&'n str),
    /// A workload.
    Workload(&'n str),
}

/// A change to one part of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartChange<'c> {
    /// What is changed.
    pub part: Part<'c>,
    /// How.
    pub change: &'c Change,
}

/// KMS calls of the first replication that each change would save, no two of the same part; `None` of those that make no
/// valid scenario, or of which it was not found out.
///
/// # Errors
/// The run was cancelled.
pub(super) fn calls_saved(
    study: &Study,
    whole: &VariantResults,
    changes: &[PartChange<'_>],
) -> Result<Vec<Option<f64>>, StudyError> {
    let mut saved = vec![None; changes.len()];
    let mut open = Vec::new();
    open.push(0..changes.len());
    let mut read = 0;
    while let Some(range) = open.pop() {
        if range.is_empty() || read == MOST_READ {
            continue;
        }
        read += 1;
        let (mut over, mut sets) = (Vec::new(), Vec::new());
        for c in &changes[range.clone()] {
            match c.change {
                Change::Over(tables) => over.extend_from_slice(tables),
                Change::Set(keys) => sets.extend_from_slice(keys),
            }
        }
        match study.with(&over, &sets) {
            Ok(changed) => {
                let found = of_each(study, &changed, whole, &changes[range.clone()])?;
                saved[range].clone_from_slice(&found);
            }
            Err(StudyError::Scenario(_)) if range.len() > 1 => {
                let middle = range.start.midpoint(range.end);
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
            Err(StudyError::Scenario(_)) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(saved)
}

fn of_each(
    study: &Study,
    changed: &Variant,
    whole: &VariantResults,
    changes: &[PartChange<'_>],
) -> Result<Vec<Option<f64>>, StudyError> {
    let one = |c: &PartChange<'_>| -> Result<Option<f64>, StudyError> {
        let plan = &changed.plan;
        let (of, index) = match c.part {
            Part::Bucket(name) => (
                whole.by_bucket.get(name),
                plan.buckets.iter().position(|b| b.name == name),
            ),
            Part::Workload(name) => (
                whole.by_workload.get(name),
                plan.workloads.iter().position(|w| w.name == name),
            ),
        };
        let Some(index) = index else {
            return Ok(None);
        };
        let counts = |class: &Class| match c.part {
            Part::Bucket(_) => class.bucket == Some(index),
            Part::Workload(_) => class.workload == index,
        };
        let before = of.and_then(|m| m.get("kms_calls"));
        let before = before.and_then(|e| e.values.first().copied().flatten());
        let after = calls_apart(changed, counts, study.seed, study.options())?;
        Ok(before.map(|before| before - after as f64))
    };
    changes.par_iter().map(one).collect()
}
