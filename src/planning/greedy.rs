//! The cheapest combination of many mitigations, of which not every set can be run.
//!
//! Mitigations are run one by one and ranked: by how far the targets are missed, then by KMS calls, then by cost. Of very many
//! those to single buckets and workloads are looked at alone first, and those that save most calls are run. The
//! first so many of the ranking are found that meet the targets together; then what pays for itself is added. At last sets
//! that differ from the best by one mitigation (dropped, added, exchanged) are run until none is better: all of them where
//! there are few mitigations, else some at random. That shows whether the answer is easily bettered.

use super::apart::{Part, PartChange, calls_saved};
use super::mitigation::Mitigation;
use super::set_run::SetRun;
use super::study::Confidence;
use super::{Study, StudyError};
use crate::engine::random::Key;
use crate::input::document::key_text;
use crate::metrics::target::Target;
use indexmap::IndexMap;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most mitigations of which each is run by itself; of more, those that are looked at alone first.
pub(super) const RUN_SINGLY: usize = 64;

/// Of those that were looked at alone, so many are run.
const FIRST: usize = 32;

/// With so many mitigations or fewer, every set that differs from the best by one is run.
const FEW: usize = 16;

/// Mitigations that are tried to be dropped, the least useful ones.
const DROPPED: usize = 16;

/// Random exchanges of one mitigation for another.
const EXCHANGES: u64 = 16;

/// Times that a better set is looked for beside the best one.
const ROUNDS: u64 = 4;

/// Runs one set; `None` where it is not a valid scenario.
type RunSet<'r, 'm> =
    dyn Fn(&[&'m Mitigation]) -> Result<Option<SetRun<'m>>, StudyError> + Sync + 'r;

/// What a search found.
pub(super) struct Explored<'m> {
    /// Every set that was run, without any first.
    pub ran: Vec<SetRun<'m>>,
    /// How it was searched, in words.
    pub method: String,
}

/// Runs the sets that a greedy search comes by.
pub(super) fn explore<'m>(
    study: &Study,
    all: &'m IndexMap<String, Vec<Mitigation>>,
    targets: &[Target],
    run: &RunSet<'_, 'm>,
) -> Result<Explored<'m>, StudyError> {
    let mut ran: Vec<SetRun<'m>> = run(&[])?.into_iter().collect();
    let alone = Alone::of(study, all)?;
    let singles = alone.to_run.iter().map(|m| vec![*m]).collect();
    let singles: Vec<SetRun<'m>> = in_parallel(singles, run)?;
    let mut ranking = ranking(&ran, &singles, targets);
    let meets = |r: &SetRun<'_>| r.trial.meets(targets, Confidence::Sure);
    let mut savers: Vec<&Mitigation> = ranking
        .iter()
        .filter(|m| {
            let single = singles.iter().find(|s| s.is(m));
            single.is_some_and(|s| ran.first().is_some_and(|base| s.is_cheaper(base)))
        })
        .copied()
        .collect();
    // Fewer calls cost less.
    savers.extend(&alone.further);
    ranking.extend(&alone.further);
    ran.extend(singles);
    // The least number of them that meets the targets together: doubled, then halved.
    let (mut low, mut high) = (0, 1);
    let mut enough = None;
    if ran.first().is_some_and(&meets) {
        enough = Some(0);
    }
    while enough.is_none() && low < ranking.len() {
        let n = high.min(ranking.len());
        let Some(found) = run(&ranking[..n])? else {
            break;
        };
        if meets(&found) {
            enough = Some(n);
        } else {
            (low, high) = (n, 2 * n);
        }
        ran.push(found);
    }
    if let Some(mut most) = enough {
        while most > low + 1 {
            let n = low.midpoint(most);
            let Some(found) = run(&ranking[..n])? else {
                break;
            };
            if meets(&found) {
                most = n;
            } else {
                low = n;
            }
            ran.push(found);
        }
        enough = Some(most);
    }
    let chosen = enough.unwrap_or(ranking.len());
    // What lowers the bill by itself pays for itself with others.
    let more = savers
        .iter()
        .filter(|m| !ranking[..chosen].iter().any(|r| r.name == m.name));
    let with_savers: Vec<&Mitigation> = ranking[..chosen].iter().chain(more).copied().collect();
    if with_savers.len() > chosen {
        ran.extend(run(&with_savers)?);
    }
    let n = singles_of(all);
    let greedy = format!("greedy search by targets, KMS calls and cost among {n} mitigations");
    let Some(first) = cheapest(&ran, targets) else {
        let method = format!("{greedy}: not even all of them together meet the targets");
        return Ok(Explored { ran, method });
    };
    let (before, mut best) = (first.cost_mean(), first.set.clone());
    let mut beside = 0;
    for round in 0..ROUNDS {
        let key = Key::root(study.seed, 0).named("exchanges").with(round);
        let known: HashSet<BTreeSet<&str>> = ran.iter().map(|r| names(&r.set)).collect();
        let mut near = neighbours(&best, all, key);
        let mut seen = known;
        near.retain(|set| seen.insert(names(set)));
        beside += near.len();
        ran.extend(in_parallel(near, run)?);
        match cheapest(&ran, targets) {
            Some(next) if names(&next.set) != names(&best) => best.clone_from(&next.set),
            Some(_) | None => break,
        }
    }
    let after = cheapest(&ran, targets).map_or(before, |r| r.cost_mean());
    let bettered = if after < before {
        format!(
            "of {beside} combinations that differ from the best by one mitigation, one was cheaper by {:.2} % and is taken; there may be better ones",
            (before - after) / before.abs() * 100.0
        )
    } else {
        format!("none of {beside} combinations that differ from it by one mitigation is cheaper")
    };
    let left = match alone.not_looked_at {
        0 => String::new(),
        n => format!("; {n} of them were not looked at"),
    };
    let method = format!("{greedy}, {} combinations run: {bettered}{left}", ran.len());
    Ok(Explored { ran, method })
}

/// The mitigations that are run one by one, and what is known of the others.
struct Alone<'m> {
    to_run: Vec<&'m Mitigation>,
    /// Those that save calls where they are looked at alone, most first.
    further: Vec<&'m Mitigation>,
    not_looked_at: usize,
}

impl<'m> Alone<'m> {
    fn of(
        study: &Study,
        all: &'m IndexMap<String, Vec<Mitigation>>,
    ) -> Result<Alone<'m>, StudyError> {
        let mut alone = Alone {
            to_run: all.values().flatten().collect(),
            further: Vec::new(),
            not_looked_at: 0,
        };
        if alone.to_run.len() <= RUN_SINGLY {
            return Ok(alone);
        }
        alone.to_run.clear();
        let variant = study.with(&[], &[])?;
        let whole = study.run(&[], &[], study.seed)?;
        let buckets = variant.scenario.bucket.keys();
        let buckets =
            buckets.map(|name| (format!("bucket.{}", key_text(name)), Part::Bucket(name)));
        let workloads = variant.scenario.workload.keys();
        let workloads =
            workloads.map(|name| (format!("workload.{}", key_text(name)), Part::Workload(name)));
        let parts: HashMap<String, Part<'_>> = buckets.chain(workloads).collect();
        let part_of = |path: &str| {
            // A key of a part is a change to it as well.
            let whole = parts.get(path).copied();
            let cuts = path.match_indices('.').map(|(at, _)| &path[..at]);
            whole.or_else(|| cuts.rev().find_map(|path| parts.get(path).copied()))
        };
        let mut left: Vec<(&String, &[Mitigation], Option<Part<'_>>)> = all
            .iter()
            .map(|(path, options)| (path, options.as_slice(), part_of(path)))
            .collect();
        let mut saved: IndexMap<&String, (f64, &Mitigation)> = IndexMap::new();
        for option in 0.. {
            left.retain(|(_, options, part)| part.is_some() && option < options.len());
            if left.is_empty() {
                break;
            }
            // Two changes to the same part are not read at once.
            let mut taken = HashSet::new();
            let round: Vec<(&String, &Mitigation, Part<'_>)> = left
                .iter()
                .filter_map(|(path, options, part)| Some((*path, &options[option], (*part)?)))
                .filter(|(_, _, part)| taken.insert(*part))
                .collect();
            let changes = round.iter().map(|(_, m, part)| PartChange {
                part: *part,
                change: &m.change,
            });
            let found = calls_saved(study, &whole, &changes.collect::<Vec<_>>())?;
            for ((path, mitigation, _), calls) in round.into_iter().zip(found) {
                let Some(calls) = calls else { continue };
                let best = saved.entry(path).or_insert((calls, mitigation));
                if calls > best.0 {
                    *best = (calls, mitigation);
                }
            }
        }
        let rest = all.iter().filter(|(path, _)| !saved.contains_key(path));
        alone.to_run = rest.flat_map(|(_, options)| options).collect();
        alone.not_looked_at = alone.to_run.len().saturating_sub(RUN_SINGLY);
        alone.to_run.truncate(RUN_SINGLY);
        saved.retain(|_, (calls, _)| *calls > 0.0);
        saved.sort_by(|_, a, _, b| b.0.total_cmp(&a.0));
        let mut by_calls = saved.into_values().map(|(_, mitigation)| mitigation);
        alone.to_run.extend(by_calls.by_ref().take(FIRST));
        alone.further = by_calls.collect();
        Ok(alone)
    }
}

fn names<'m>(set: &[&'m Mitigation]) -> BTreeSet<&'m str> {
    set.iter().map(|m| m.name.as_str()).collect()
}

/// Sets that differ from one by a mitigation that is dropped, added or exchanged: all of them where there are few
/// mitigations, else some.
fn neighbours<'m>(
    set: &[&'m Mitigation],
    all: &'m IndexMap<String, Vec<Mitigation>>,
    key: Key,
) -> Vec<Vec<&'m Mitigation>> {
    let without = |i: usize| [&set[..i], &set[i + 1..]].concat();
    if singles_of(all) > FEW {
        let last = set.len().saturating_sub(DROPPED);
        let exchanged = (0..EXCHANGES).filter_map(|i| exchange(set, all, key.with(i)));
        return (last..set.len()).map(without).chain(exchanged).collect();
    }
    let mut near: Vec<Vec<&Mitigation>> = (0..set.len()).map(without).collect();
    let others = all.values().flatten();
    for new in others.filter(|m| !set.iter().any(|s| s.name == m.name)) {
        // Of two ways to change the same thing one stays.
        let rest: Vec<&Mitigation> = set.iter().copied().filter(|m| m.path != new.path).collect();
        near.push(rest.iter().copied().chain([new]).collect());
        for i in 0..rest.len() {
            let rest = [&rest[..i], &rest[i + 1..]].concat();
            near.push(rest.into_iter().chain([new]).collect());
        }
    }
    near
}

fn singles_of(all: &IndexMap<String, Vec<Mitigation>>) -> usize {
    all.values().map(Vec::len).sum()
}

fn in_parallel<'m>(
    sets: Vec<Vec<&'m Mitigation>>,
    run: &RunSet<'_, 'm>,
) -> Result<Vec<SetRun<'m>>, StudyError> {
    let ran: Vec<Result<Option<SetRun<'m>>, StudyError>> =
        sets.par_iter().map(|set| run(set)).collect();
    ran.into_iter().filter_map(Result::transpose).collect()
}

/// The best way to change each thing, the most useful ones first; what is no use at all is left out.
fn ranking<'m>(
    base: &[SetRun<'m>],
    singles: &[SetRun<'m>],
    targets: &[Target],
) -> Vec<&'m Mitigation> {
    let worth = |r: &SetRun<'_>| [missed(r, targets), r.calls_mean(), r.cost_mean()];
    let compare = |a: &[f64; 3], b: &[f64; 3]| {
        let pairs = a.iter().zip(b);
        let orders = pairs.map(|(a, b)| a.total_cmp(b));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let mut ranked: Vec<(&Mitigation, [f64; 3])> = singles
        .iter()
        .filter_map(|r| Some((*r.set.first()?, worth(r))))
        .collect();
    if let Some(base) = base.first().map(worth) {
        ranked.retain(|(_, own)| own.iter().zip(&base).any(|(own, base)| own < base));
    }
    ranked.sort_by(|a, b| compare(&a.1, &b.1));
    let mut best: IndexMap<&str, &Mitigation> = IndexMap::new();
    for (mitigation, _) in ranked {
        best.entry(&mitigation.path).or_insert(mitigation);
    }
    best.into_values().collect()
}

/// By how much the targets are missed: the sum over them of what is beyond the limit, in limits.
fn missed(r: &SetRun<'_>, targets: &[Target]) -> f64 {
    let each = targets.iter().zip(&r.trial.found);
    each.map(
        |(target, found)| match found.as_ref().and_then(|e| e.mean) {
            Some(mean) if target.comparison.holds(mean, target.limit) => 0.0,
            Some(mean) => (mean - target.limit).abs() / target.limit.abs().max(1e-9),
            None => f64::INFINITY,
        },
    )
    .sum()
}

/// The cheapest that meets the targets for sure.
fn cheapest<'r, 'm>(ran: &'r [SetRun<'m>], targets: &[Target]) -> Option<&'r SetRun<'m>> {
    let meeting = ran
        .iter()
        .filter(|r| r.trial.meets(targets, Confidence::Sure));
    meeting.min_by(|a, b| a.cost_mean().total_cmp(&b.cost_mean()))
}

/// The set with one mitigation in the place of another; `None` where there is nothing to exchange.
fn exchange<'m>(
    set: &[&'m Mitigation],
    all: &'m IndexMap<String, Vec<Mitigation>>,
    key: Key,
) -> Option<Vec<&'m Mitigation>> {
    let pick = |n: usize, purpose: &str| (key.named(purpose).bits() % n as u64) as usize;
    let others: Vec<&Mitigation> = all
        .values()
        .flatten()
        .filter(|m| !set.iter().any(|s| s.name == m.name))
        .collect();
    if set.is_empty() || others.is_empty() {
        return None;
    }
    let new = others[pick(others.len(), "in")];
    let mut out: Vec<&Mitigation> = set.iter().copied().filter(|m| m.path != new.path).collect();
    // One that takes the place of another way to change the same thing is an exchange already.
    if out.len() == set.len() {
        out.remove(pick(set.len(), "out"));
    }
    out.push(new);
    Some(out)
}
