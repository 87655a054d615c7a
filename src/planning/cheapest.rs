//! The cheapest combination of mitigations that meets the targets, and the front of cost against throttle rate.
//!
//! Every set of what there is to choose from is run, or, where these are too many, those that a greedy search comes by.

use super::choice::{Choice, every_set};
use super::greedy::explore;
use super::mitigation::{Change, Mitigation};
use super::set_run::{SetRun, order};
use super::study::Confidence;
use super::{Study, StudyError, Trial};
use crate::metrics::target::Target;
use crate::results::{Estimate, VariantResults};
use rayon::prelude::*;
use serde::Serialize;
use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicU64};
use std::sync::{Mutex, PoisonError};

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
    /// Every set that was run, in order of size and file where all of them were.
    pub combinations: Vec<Combination>,
    /// The cheapest that meets the targets for sure, and by fresh seeds; index of the above.
    pub cheapest: Option<usize>,
    /// The answer run again with a fresh seed.
    pub check: Option<Trial>,
    /// Which sets were run, and how far the answer may be from the cheapest.
    pub method: String,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// The cheapest combination of mitigations that meets the targets. `done` counts the sets that were run.
///
/// # Errors
/// What a set makes of the scenario cannot be priced.
pub fn cheapest(
    study: &Study,
    choice: &Choice,
    targets: &[Target],
    done: &AtomicU64,
) -> Result<Cheapest, StudyError> {
    cheapest_by(study, choice, targets, done, SetSearch::Fitting)
}

/// Which sets are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetSearch {
    /// Every set, or, where these are too many, those that a greedy search comes by.
    Fitting,
    /// Those that a greedy search comes by, however few there are.
    Greedy,
}

/// As [`cheapest`], with a choice of which sets are run.
///
/// # Errors
/// As [`cheapest`].
pub fn cheapest_by<'c>(
    study: &Study,
    choice: &'c Choice,
    targets: &[Target],
    done: &AtomicU64,
    search: SetSearch,
) -> Result<Cheapest, StudyError> {
    let all = &choice.0;
    let refused = Mutex::new(Vec::new());
    let run = |set: &[&'c Mitigation], seed| run(study, set, seed);
    let one = |set: &[&'c Mitigation]| -> Result<Option<SetRun<'c>>, StudyError> {
        let results = run(set, study.seed);
        done.fetch_add(1, atomic::Ordering::Relaxed);
        match results {
            Ok(results) => Ok(Some(SetRun::of(study, set, targets, &results))),
            // The set contradicts itself or the variant: nobody could do it either.
            Err(StudyError::Scenario(why)) if !set.is_empty() => {
                let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.push((set.to_vec(), why));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    };
    let sets = match search {
        SetSearch::Fitting => every_set(all),
        SetSearch::Greedy => None,
    };
    let (kept, method) = match sets {
        Some(sets) => {
            let ran: Vec<_> = sets.par_iter().map(|set| one(set)).collect();
            let ran: Result<Vec<SetRun<'c>>, StudyError> =
                ran.into_iter().filter_map(Result::transpose).collect();
            let ran = ran?;
            let method = format!("every one of {} combinations was run", ran.len());
            (ran, method)
        }
        None => {
            let found = explore(study, all, targets, &one)?;
            (found.ran, found.method)
        }
    };
    let mut notes = Vec::new();
    let mut refused = refused.into_inner().unwrap_or_else(PoisonError::into_inner);
    // In the order of the file, whichever was run first.
    let place = |set: &[&Mitigation]| {
        let mut names = all.values().flatten();
        set.first().map(|m| names.position(|n| n.name == m.name))
    };
    refused.sort_by_key(|(set, _)| (set.len(), place(set)));
    // What the question names must be valid in some combination.
    for mitigation in all.values().flatten().filter(|m| m.is_tried) {
        let is_in = |set: &[&Mitigation]| set.iter().any(|m| m.name == mitigation.name);
        if !kept.iter().any(|r| is_in(&r.set))
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
    let cost_metric = if kept.iter().all(|r| r.month.mean.is_some()) {
        "cost_total_usd_per_month"
    } else {
        "cost_total_usd"
    };
    let is_by_month = kept.iter().all(|r| r.month.mean.is_some());
    let mut combinations: Vec<Combination> = kept
        .iter()
        .enumerate()
        .map(|(i, r)| Combination {
            mitigations: r.set.iter().map(|m| m.name.clone()).collect(),
            throttle_rate: r.throttle_rate.clone(),
            cost: if is_by_month { &r.month } else { &r.cost }.clone(),
            trial: Trial {
                value: i as f64,
                ..r.trial.clone()
            },
            dominated: false,
        })
        .collect();
    mark_dominated(&mut combinations);
    let mut order: Vec<usize> = (0..combinations.len())
        .filter(|&i| combinations[i].trial.meets(targets, Confidence::Sure))
        .collect();
    order.sort_by(|&a, &b| cost(&combinations[a]).total_cmp(&cost(&combinations[b])));
    let order = fewest_first(&combinations, &order);
    let (mut answer, mut check) = (None, None);
    for i in order {
        let seed = study.fresh_seed(0);
        let results = run(&kept[i].set, seed)?;
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
        method,
        notes,
    })
}

/// The results of the study's variant with a set of mitigations.
fn run(study: &Study, set: &[&Mitigation], seed: u64) -> Result<VariantResults, StudyError> {
    let (mut over, mut keys) = (Vec::new(), Vec::new());
    for mitigation in set {
        match &mitigation.change {
            Change::Over(tables) => over.extend_from_slice(tables),
            Change::Set(sets) => keys.extend_from_slice(sets),
        }
    }
    study.run(&over, &keys, seed)
}

/// Most mitigations of a set that are named in a line.
const NAMED: usize = 6;

/// A set in words; of a large one the first, and how many more.
pub fn name(mitigations: &[String]) -> String {
    match mitigations.len() {
        0 => "nothing".to_owned(),
        1..=NAMED => mitigations.join(" + "),
        n => {
            let first = mitigations[..NAMED - 1].join(" + ");
            format!("{first} + {} more", n - (NAMED - 1))
        }
    }
}

fn cost(c: &Combination) -> f64 {
    c.cost.mean.unwrap_or(f64::INFINITY)
}

/// Throttle rate; zero, as `None`, for a set without attempts.
fn throttled(c: &Combination) -> Option<&Estimate> {
    c.throttle_rate.mean.map(|_| &c.throttle_rate)
}

fn rates(a: Option<&Estimate>, b: Option<&Estimate>) -> Ordering {
    let some = |e: &Estimate| e.mean.is_some_and(|m| m > 0.0);
    match (a, b) {
        (Some(a), Some(b)) => order(a, b),
        (None, Some(b)) if some(b) => Ordering::Less,
        (Some(a), None) if some(a) => Ordering::Greater,
        (None, _) | (_, None) => Ordering::Equal,
    }
}

/// By cost, but of sets whose costs are not shown to differ from the cheapest of them those with fewer changes first.
fn fewest_first(all: &[Combination], by_cost: &[usize]) -> Vec<usize> {
    let mut out = Vec::new();
    let mut left = by_cost.to_vec();
    while let Some(&first) = left.first() {
        let (mut tied, rest): (Vec<usize>, Vec<usize>) = left
            .iter()
            .partition(|&&i| order(&all[first].cost, &all[i].cost) == Ordering::Equal);
        // Stable: of as many changes the cheaper set comes first.
        tied.sort_by_key(|&i| all[i].mitigations.len());
        out.extend(tied);
        left = rest;
    }
    out
}

fn mark_dominated(all: &mut [Combination]) {
    let dominated: Vec<bool> = all
        .iter()
        .enumerate()
        .map(|(i, c)| {
            all.iter().enumerate().any(|(j, other)| {
                let stand = [
                    order(&other.cost, &c.cost),
                    rates(throttled(other), throttled(c)),
                ];
                let no_worse = !stand.contains(&Ordering::Greater);
                let better = stand.contains(&Ordering::Less);
                // Of sets that are not shown to differ, the smallest, and of these the first, stands for all.
                let stands = (other.mitigations.len(), j) < (c.mitigations.len(), i);
                no_worse && (better || stands)
            })
        })
        .collect();
    // What is not shown to differ need not be so of a third: where all of them fall, none is taken out.
    let none_left = dominated.iter().all(|d| *d);
    for (c, dominated) in all.iter_mut().zip(dominated) {
        c.dominated = dominated && !none_left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(changes: &[&str], cost: &[f64], rate: &[f64]) -> Combination {
        let over = |values: &[f64]| Estimate::over(values.iter().copied().map(Some).collect(), "1");
        Combination {
            mitigations: changes.iter().map(|c| (*c).to_owned()).collect(),
            throttle_rate: over(rate),
            cost: over(cost),
            trial: Trial {
                value: 0.0,
                seed: 1,
                replications: 3,
                found: Vec::new(),
                verdicts: Vec::new(),
                cut_short: false,
            },
            dominated: false,
        }
    }

    #[test]
    fn costs_that_do_not_differ_go_to_fewer_changes() {
        let same = [0.1, 0.1, 0.1];
        // Two changes are cheaper by 0.1, 0.2 and −0.27 in three replications: by nothing that is shown.
        let mut all = vec![
            set(&[], &[90.0, 91.0, 92.0], &same),
            set(&["a", "b"], &[9.9, 11.8, 14.27], &same),
            set(&["a"], &[10.0, 12.0, 14.0], &same),
            set(&["c"], &[20.0, 22.0, 24.0], &[0.0, 0.0, 0.0]),
        ];
        let mut by_cost: Vec<usize> = (0..all.len()).collect();
        by_cost.sort_by(|&a, &b| cost(&all[a]).total_cmp(&cost(&all[b])));
        assert_eq!(by_cost, [1, 2, 3, 0]);
        assert_eq!(fewest_first(&all, &by_cost), [2, 1, 3, 0]);
        mark_dominated(&mut all);
        let dominated: Vec<bool> = all.iter().map(|c| c.dominated).collect();
        assert_eq!(dominated, [true, true, false, false]);
        // A difference that is shown counts, however small.
        all[1] = set(&["a", "b"], &[9.9, 11.8999, 13.9001], &same);
        let order = fewest_first(&all, &by_cost);
        assert_eq!(order[0], 1);
    }
}
