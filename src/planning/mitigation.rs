//! The cheapest set of mitigations that keeps the targets, and the front of cost against throttle rate.
//!
//! What can be done is what the file's other variants do: each bucket, workload, quota or retry policy that one of them
//! sets is a mitigation of its own; what the question lists, a key with its values; and what could be done to any
//! scenario, if it is asked for (module `suggestion`). Every set of them is run. Two ways to set the same thing are
//! alternatives. Left out: sets too many to run.

use super::study::Level;
use super::suggestion::suggestions;
use super::{Study, StudyError, Trial};
use crate::input::document::{Node, Table, key_text};
use crate::metrics::target::Target;
use crate::results::{Estimate, VariantResults};
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
    /// `bucket.videos as in bucket-keys`, `retry=none`, `bucket.videos: bucket keys for new objects`.
    pub name: String,
    change: Change,
    /// Whether the question names it, so that it must make sense.
    is_tried: bool,
}

#[derive(Clone, Debug)]
enum Change {
    /// A part of a variant, laid over.
    Over(Table),
    /// Keys, set as `--set` does.
    Set(Vec<String>),
}

impl Mitigation {
    /// Sets keys.
    pub(super) fn set(path: String, words: &str, sets: Vec<String>) -> Mitigation {
        Mitigation {
            name: format!("{path}: {words}"),
            path,
            change: Change::Set(sets),
            is_tried: false,
        }
    }
}

/// Which mitigations are looked at.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Paths; all, if none is named.
    pub only: Vec<String>,
    /// Keys with the values to try.
    pub tried: Vec<(String, Vec<String>)>,
    /// Whether what could be done to any scenario is looked at too.
    pub suggested: bool,
}

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

/// What can be done, by what it is done to.
///
/// # Errors
/// There is nothing.
fn mitigations(
    study: &Study,
    wanted: &Wanted,
) -> Result<IndexMap<String, Vec<Mitigation>>, StudyError> {
    let mut found: IndexMap<String, Vec<Mitigation>> = IndexMap::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for (variant, table) in study.overrides()? {
        if variant == study.variant {
            continue;
        }
        for (path, over) in parts(&table) {
            let text = (path.clone(), plain(&over));
            if !seen.contains(&text) {
                seen.push(text);
                let mitigation = Mitigation {
                    name: format!("{path} as in {variant}"),
                    path: path.clone(),
                    change: Change::Over(over),
                    is_tried: false,
                };
                found.entry(path).or_default().push(mitigation);
            }
        }
    }
    // Thresholds tell what is wanted, they do nothing.
    found.shift_remove("threshold");
    for (key, values) in &wanted.tried {
        let of_key = found.entry(key.clone()).or_default();
        of_key.extend(values.iter().map(|value| Mitigation {
            path: key.clone(),
            name: format!("{key}={value}"),
            change: Change::Set(vec![format!("{key}={value}")]),
            is_tried: true,
        }));
    }
    if wanted.suggested {
        for mitigation in suggestions(study)? {
            let of_path = found.entry(mitigation.path.clone()).or_default();
            of_path.push(mitigation);
        }
    }
    if found.is_empty() {
        return Err(StudyError::question(
            "no variant but the one that is planned for says what could be done",
            "write each mitigation as a `[variant.NAME]` of the file, try `--try KEY=VALUE,…`, or `--suggest`",
        ));
    }
    Ok(found)
}

/// A variant's table, cut into mitigations.
fn parts(table: &Table) -> Vec<(String, Table)> {
    let mut out = Vec::new();
    let mut push = |path: String, keys: &[&str], value: &crate::input::document::Entry| {
        let mut entry = value.clone();
        for key in keys.iter().skip(1).rev() {
            let mut inner = Table::empty(entry.key.clone());
            let place = entry.key.clone();
            inner.entries.insert((*key).to_owned(), entry);
            entry = crate::input::document::Entry {
                key: place.clone(),
                value: crate::input::document::Value {
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

/// The mitigations to choose from.
#[derive(Clone, Debug)]
pub struct Choice(IndexMap<String, Vec<Mitigation>>);

impl Choice {
    /// Sets that [`cheapest`] will run.
    ///
    /// # Errors
    /// There are too many.
    pub fn sets(&self) -> Result<usize, StudyError> {
        Ok(sets(&self.0)?.len())
    }
}

/// Finds what can be done, of what is wanted.
///
/// # Errors
/// It is nothing, or not what is wanted; the variant cannot be run.
pub fn choice(study: &Study, wanted: &Wanted) -> Result<Choice, StudyError> {
    let mut all = mitigations(study, wanted)?;
    let only = &wanted.only;
    for path in only {
        if !all.contains_key(path) {
            let paths: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(StudyError::question(
                format!("nothing is done to `{path}`"),
                format!("mitigations: {}", paths.join(", ")),
            ));
        }
    }
    all.retain(|path, _| only.is_empty() || only.contains(path));
    Ok(Choice(all))
}

/// The cheapest set of mitigations that keeps the targets. `done` counts the sets that were run.
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
    // What is no scenario with anything else either was not meant.
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
        let first = why.lines().next().unwrap_or_default().to_owned();
        notes.push(format!("{} is no scenario: {first}", names.join(" + ")));
    }
    if refused.len() > 1 {
        notes.push(format!("{} more sets are none either", refused.len() - 1));
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
        .filter(|&i| combinations[i].trial.meets(targets, Level::Sure))
        .collect();
    // Stable: among equal costs the smaller set comes first.
    order.sort_by(|&a, &b| cost(&combinations[a]).total_cmp(&cost(&combinations[b])));
    let (mut answer, mut check) = (None, None);
    for i in order {
        let seed = study.fresh_seed(0);
        let results = run(kept[i].0, seed)?;
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
