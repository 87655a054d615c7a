//! The cheapest set of mitigations that keeps the targets, and the front of cost against throttle rate.
//!
//! What can be done is what the file's other variants do: each bucket, workload, quota or retry policy that one of them
//! sets is a mitigation of its own, and every set of them is run. Two variants that set the same thing differently are
//! alternatives. Left out: mitigations that no variant names, and sets too many to run.

use super::study::Level;
use super::{Study, StudyError, Trial};
use crate::metrics::target::Target;
use crate::results::{Estimate, VariantResults};
use crate::scenario::document::{Node, Table, key_text};
use indexmap::IndexMap;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most sets that are run.
const MOST: usize = 512;

/// Tables of named things, each of which is a mitigation of its own.
const NAMED: [&str; 7] = [
    "account",
    "key_store",
    "key",
    "bucket",
    "requester",
    "quota",
    "workload",
];

/// One thing that can be done.
#[derive(Clone, Debug)]
pub struct Mitigation {
    /// `bucket.videos`, or `retry`.
    pub path: String,
    /// The variant that does it.
    pub variant: String,
    over: Table,
}

impl Mitigation {
    /// Its name: `bucket.videos as in bucket-keys`.
    pub fn name(&self) -> String {
        format!("{} as in {}", self.path, self.variant)
    }
}

/// A set of mitigations and what it comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Combination {
    /// The mitigations, `path as in variant`; empty for the variant as it is.
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

/// What the file's other variants do, by what they do it to.
///
/// # Errors
/// There is nothing.
pub fn mitigations(study: &Study) -> Result<IndexMap<String, Vec<Mitigation>>, StudyError> {
    let mut found: IndexMap<String, Vec<Mitigation>> = IndexMap::new();
    for (variant, table) in study.overrides()? {
        if variant == study.variant {
            continue;
        }
        for (path, over) in parts(&table) {
            let same = found.entry(path.clone()).or_default();
            if same.iter().all(|m| plain(&m.over) != plain(&over)) {
                same.push(Mitigation {
                    path,
                    variant: variant.clone(),
                    over,
                });
            }
        }
    }
    // Thresholds tell what is wanted, they do nothing.
    found.shift_remove("threshold");
    if found.is_empty() {
        return Err(StudyError::question(
            "no variant but the one that is planned for says what could be done",
            "write each mitigation as a `[variant.NAME]` of the file",
        ));
    }
    Ok(found)
}

/// A variant's table, cut into mitigations.
fn parts(table: &Table) -> Vec<(String, Table)> {
    let mut out = Vec::new();
    let mut push = |path: String, keys: &[&str], value: &crate::scenario::document::Entry| {
        let mut entry = value.clone();
        for key in keys.iter().skip(1).rev() {
            let mut inner = Table::empty(entry.key.clone());
            let place = entry.key.clone();
            inner.entries.insert((*key).to_owned(), entry);
            entry = crate::scenario::document::Entry {
                key: place.clone(),
                value: crate::scenario::document::Value {
                    node: Node::Table(inner),
                    place,
                },
            };
        }
        let mut root = Table::empty(table.place.clone());
        root.entries.insert(keys[0].to_owned(), entry);
        out.push((path, root));
    };
    for (key, entry) in &table.entries {
        match &entry.value.node {
            Node::Table(inner) if NAMED.contains(&key.as_str()) => {
                for (name, entry) in &inner.entries {
                    push(format!("{key}.{}", key_text(name)), &[key, name], entry);
                }
            }
            _ => push(key.clone(), &[key], entry),
        }
    }
    out
}

/// A table's text without places, for telling equal ones.
fn plain(table: &Table) -> String {
    fn value(node: &Node) -> String {
        match node {
            Node::Table(table) => plain(table),
            Node::Array(values) => {
                let all: Vec<String> = values.iter().map(|v| value(&v.node)).collect();
                format!("[{}]", all.join(","))
            }
            other => other.describe(),
        }
    }
    let all: Vec<String> = table
        .entries
        .iter()
        .map(|(key, entry)| format!("{key}={}", value(&entry.value.node)))
        .collect();
    format!("{{{}}}", all.join(","))
}

/// Every choice of at most one mitigation a path, the smaller sets first.
fn sets(all: &IndexMap<String, Vec<Mitigation>>) -> Result<Vec<Vec<&Mitigation>>, StudyError> {
    let count = all
        .values()
        .try_fold(1_usize, |n, m| n.checked_mul(m.len() + 1));
    if count.is_none_or(|n| n > MOST) {
        let paths: Vec<&str> = all.keys().map(String::as_str).collect();
        return Err(StudyError::question(
            format!(
                "{} things can be done, which makes more than {MOST} sets",
                all.len()
            ),
            format!(
                "name those to look at with `--mitigation PATH`: {}",
                paths.join(", ")
            ),
        ));
    }
    let mut sets: Vec<Vec<&Mitigation>> = vec![Vec::new()];
    for options in all.values() {
        let before = sets.clone();
        for option in options {
            sets.extend(before.iter().map(|set| [&set[..], &[option]].concat()));
        }
    }
    sets.sort_by_key(Vec::len);
    Ok(sets)
}

/// Sets that [`cheapest`] will run.
///
/// # Errors
/// As [`cheapest`].
pub fn count(study: &Study, wanted: &[String]) -> Result<usize, StudyError> {
    Ok(sets(&chosen(study, wanted)?)?.len())
}

fn chosen(
    study: &Study,
    wanted: &[String],
) -> Result<IndexMap<String, Vec<Mitigation>>, StudyError> {
    let mut all = mitigations(study)?;
    for path in wanted {
        if !all.contains_key(path) {
            let paths: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(StudyError::question(
                format!("no variant does anything to `{path}`"),
                format!("mitigations: {}", paths.join(", ")),
            ));
        }
    }
    all.retain(|path, _| wanted.is_empty() || wanted.contains(path));
    Ok(all)
}

/// The cheapest set of mitigations, of those at the paths `wanted` (all, if none is named), that keeps the targets.
/// `done` counts the sets that were run.
///
/// # Errors
/// Nothing can be done; too many sets; what one makes of the scenario cannot be priced.
pub fn cheapest(
    study: &Study,
    wanted: &[String],
    targets: &[Target],
    done: &AtomicU64,
) -> Result<Cheapest, StudyError> {
    let all = chosen(study, wanted)?;
    let sets = sets(&all)?;
    let over = |set: &[&Mitigation]| -> Vec<Table> { set.iter().map(|m| m.over.clone()).collect() };
    let runs: Vec<Result<VariantResults, StudyError>> = sets
        .par_iter()
        .map(|set| {
            let results = study.run(&over(set), &[], study.seed);
            done.fetch_add(1, Ordering::Relaxed);
            results
        })
        .collect();
    let (mut kept, mut notes, mut refused) = (Vec::new(), Vec::new(), 0);
    for (set, run) in sets.iter().zip(runs) {
        match run {
            Ok(results) => kept.push((set, results)),
            // The set contradicts itself or the variant: nobody could do it either.
            Err(StudyError::Scenario(why)) if !set.is_empty() => {
                if refused == 0 {
                    let names: Vec<String> = set.iter().map(|m| m.name()).collect();
                    let first = why.lines().next().unwrap_or_default().to_owned();
                    notes.push(format!("{} is no scenario: {first}", names.join(" + ")));
                }
                refused += 1;
            }
            Err(e) => return Err(e),
        }
    }
    if refused > 1 {
        notes.push(format!("{} more sets are none either", refused - 1));
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
            mitigations: set.iter().map(|m| m.name()).collect(),
            throttle_rate: r.metrics["throttle_rate"].clone(),
            cost: r.metrics[cost_metric].clone(),
            trial: Trial::of(study, i as f64, study.seed, targets, r),
            dominated: false,
        })
        .collect();
    mark_dominated(&mut combinations);
    let mut order: Vec<usize> = (0..combinations.len())
        .filter(|&i| combinations[i].trial.meets(targets, Level::Sure))
        .collect();
    // Stable: among equal costs the smaller set comes first.
    order.sort_by(|&a, &b| cost(&combinations[a]).total_cmp(&cost(&combinations[b])));
    let (mut answer, mut check) = (None, None);
    for i in order {
        let seed = study.fresh_seed(0);
        let results = study.run(&over(kept[i].0), &[], seed)?;
        let trial = Trial::of(study, i as f64, seed, targets, &results);
        if trial.meets(targets, Level::Mean) {
            (answer, check) = (Some(i), Some(trial));
            break;
        }
        notes.push(format!(
            "{} kept the targets, but not with fresh seeds",
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
