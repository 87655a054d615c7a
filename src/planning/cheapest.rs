//! The cheapest combination of mitigations that meets the targets, and the front of cost against throttle rate.
//!
//! Every set of what there is to choose from is run.

use super::choice::{Choice, sets};
use super::mitigation::{Change, Mitigation};
use super::study::Confidence;
use super::{Study, StudyError, Trial};
use crate::metrics::target::Target;
use crate::results::{Estimate, VariantResults};
use rayon::prelude::*;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of mitigations and what it comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Combination {
    /// Names of the mitigations; empty for the variant as it is.
    pub mitigations: Vec<String>,
    /// Throttled ÷ attempts.
    pub throttle_rate: Estimate,
    /// Cost of a month, or of the measured time where there is none.
    pub cost: Estimate,
    /// The targets.
    pub trial: Trial,
    /// Whether another set is no worse in cost and throttle rate, and better in one or smaller.
    pub dominated: bool,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Cheapest {
    /// The variant that mitigations are laid over.
    pub variant: String,
    /// What must hold.
    pub targets: Vec<Target>,
    /// Identifier of the cost that is compared.
    pub cost_metric: &'static str,
    /// Every set, in order of size and file.
    pub combinations: Vec<Combination>,
    /// The cheapest that meets the targets for sure, and by fresh seeds; index of the above.
    pub cheapest: Option<usize>,
    /// The answer run again with a fresh seed.
    pub check: Option<Trial>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// The cheapest combination of mitigations that meets the targets. `done` counts the sets that were run.
///
/// # Errors
/// Too many sets; what one makes of the scenario cannot be priced.
pub fn cheapest(
    study: &Study,
    choice: &Choice,
    targets: &[Target],
    done: &AtomicU64,
) -> Result<Cheapest, StudyError> {
    let all = &choice.0;
    let sets = sets(all)?;
    let run = |set: &[&Mitigation], seed| {
        let (mut over, mut keys) = (Vec::new(), Vec::new());
        for mitigation in set {
            match &mitigation.change {
                Change::Over(table) => over.push(table.clone()),
                Change::Set(sets) => keys.extend_from_slice(sets),
            }
        }
        study.run(&over, &keys, seed)
    };
    let runs: Vec<Result<VariantResults, StudyError>> = sets
        .par_iter()
        .map(|set| {
            let results = run(set, study.seed);
            done.fetch_add(1, Ordering::Relaxed);
            results
        })
        .collect();
    let (mut kept, mut notes, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (set, run) in sets.iter().zip(runs) {
        match run {
            Ok(results) => kept.push((set, results)),
            // The set contradicts itself or the variant: nobody could do it either.
            Err(StudyError::Scenario(why)) if !set.is_empty() => refused.push((set, why)),
            Err(e) => return Err(e),
        }
    }
    // What the question names must be valid in some combination.
    for mitigation in all.values().flatten().filter(|m| m.is_tried) {
        let is_in = |set: &[&Mitigation]| set.iter().any(|m| m.name == mitigation.name);
        if !kept.iter().any(|(set, _)| is_in(set))
            && let Some((_, why)) = refused.iter().find(|(set, _)| is_in(set))
        {
            return Err(StudyError::Scenario(why.clone()));
        }
    }
    if let Some((set, why)) = refused.first() {
        let names: Vec<&str> = set.iter().map(|m| m.name.as_str()).collect();
        let first = why.to_string();
        let first = first.lines().next().unwrap_or_default();
        notes.push(format!(
            "{} is not a valid scenario: {first}",
            names.join(" + ")
        ));
    }
    if refused.len() > 1 {
        notes.push(format!(
            "{} more combinations are not valid either",
            refused.len() - 1
        ));
    }
    let month = |r: &VariantResults| r.metrics["cost_total_usd_per_month"].mean.is_some();
    let cost_metric = if kept.iter().all(|(_, r)| month(r)) {
        "cost_total_usd_per_month"
    } else {
        "cost_total_usd"
    };
    let mut combinations: Vec<Combination> = kept
        .iter()
        .enumerate()
        .map(|(i, (set, r))| Combination {
            mitigations: set.iter().map(|m| m.name.clone()).collect(),
            throttle_rate: r.metrics["throttle_rate"].clone(),
            cost: r.metrics[cost_metric].clone(),
            trial: Trial::of(study, i as f64, study.seed, targets, r),
            dominated: false,
        })
        .collect();
    mark_dominated(&mut combinations);
    let mut order: Vec<usize> = (0..combinations.len())
        .filter(|&i| combinations[i].trial.meets(targets, Confidence::Sure))
        .collect();
    // Stable: among equal costs the smaller set comes first.
    order.sort_by(|&a, &b| cost(&combinations[a]).total_cmp(&cost(&combinations[b])));
    let (mut answer, mut check) = (None, None);
    for i in order {
        let seed = study.fresh_seed(0);
        let results = run(kept[i].0, seed)?;
        let trial = Trial::of(study, i as f64, seed, targets, &results);
        if trial.meets(targets, Confidence::Mean) {
            (answer, check) = (Some(i), Some(trial));
            break;
        }
        notes.push(format!(
            "{} met the targets, but not with fresh seeds",
            name(&combinations[i].mitigations)
        ));
    }
    Ok(Cheapest {
        variant: study.variant.clone(),
        targets: targets.to_vec(),
        cost_metric,
        combinations,
        cheapest: answer,
        check,
        notes,
    })
}

/// A set in words.
pub fn name(mitigations: &[String]) -> String {
    if mitigations.is_empty() {
        "nothing".to_owned()
    } else {
        mitigations.join(" + ")
    }
}

fn cost(c: &Combination) -> f64 {
    c.cost.mean.unwrap_or(f64::INFINITY)
}

/// Throttle rate; a set without attempts has none to speak of.
fn rate(c: &Combination) -> f64 {
    c.throttle_rate.mean.unwrap_or(0.0)
}

fn mark_dominated(all: &mut [Combination]) {
    let points: Vec<(f64, f64, usize)> = all
        .iter()
        .map(|c| (cost(c), rate(c), c.mitigations.len()))
        .collect();
    for (i, c) in all.iter_mut().enumerate() {
        let (cost, rate, size) = points[i];
        c.dominated = points.iter().enumerate().any(|(j, p)| {
            let no_worse = p.0 <= cost && p.1 <= rate;
            let better = p.0 < cost || p.1 < rate;
            // Of sets that come to the same, the smallest, and of these the first, stands for all.
            let stands = (p.2, j) < (size, i);
            no_worse && (better || stands)
        });
    }
}
