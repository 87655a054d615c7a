//! The cheapest combination of many mitigations, of which not every set can be run.
//!
//! Every mitigation is run by itself and ranked: by how far the targets are missed, then by KMS calls, then by cost. The
//! first so many of the ranking are found that meet the targets together; then what pays for itself is added, what is not
//! needed is dropped, and random exchanges show whether the answer is easily bettered.

use super::StudyError;
use super::mitigation::Mitigation;
use super::set_run::SetRun;
use super::study::Confidence;
use crate::engine::random::Key;
use crate::metrics::target::Target;
use indexmap::IndexMap;
use rayon::prelude::*;
use std::cmp::Ordering;

/// Mitigations that are tried to be dropped, the least useful ones.
const DROPPED: usize = 16;

/// Random exchanges of one mitigation for another.
const EXCHANGES: u64 = 16;

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
    all: &'m IndexMap<String, Vec<Mitigation>>,
    targets: &[Target],
    seed: u64,
    run: &RunSet<'_, 'm>,
) -> Result<Explored<'m>, StudyError> {
    let mut ran: Vec<SetRun<'m>> = run(&[])?.into_iter().collect();
    let singles: Vec<&Mitigation> = all.values().flatten().collect();
    let singles: Vec<SetRun<'m>> = in_parallel(singles.iter().map(|m| vec![*m]).collect(), run)?;
    let ranking = ranking(&ran, &singles, targets);
    let meets = |r: &SetRun<'_>| r.trial.meets(targets, Confidence::Sure);
    let savers: Vec<&Mitigation> = ranking
        .iter()
        .filter(|m| {
            let single = singles.iter().find(|s| s.is(m));
            single.is_some_and(|s| ran.first().is_some_and(|base| s.is_cheaper(base)))
        })
        .copied()
        .collect();
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
    let Some(best) = cheapest(&ran, targets).map(|r| r.set.clone()) else {
        let method = format!(
            "{} mitigations, ranked one by one (greedy): not even all of them together meet the targets",
            singles_of(all)
        );
        return Ok(Explored { ran, method });
    };
    let last = best.len().saturating_sub(DROPPED);
    let without: Vec<Vec<&Mitigation>> = (last..best.len())
        .map(|i| [&best[..i], &best[i + 1..]].concat())
        .filter(|set| set.len() > 1)
        .collect();
    ran.extend(in_parallel(without, run)?);
    let best = cheapest(&ran, targets)
        .map(|r| r.set.clone())
        .unwrap_or(best);
    let exchanged: Vec<Vec<&Mitigation>> = (0..EXCHANGES)
        .filter_map(|i| exchange(&best, all, Key::root(seed, 0).named("exchanges").with(i)))
        .collect();
    let exchanges = exchanged.len();
    let before = cheapest(&ran, targets).map(|r| r.cost_mean());
    ran.extend(in_parallel(exchanged, run)?);
    let after = cheapest(&ran, targets).map(|r| r.cost_mean());
    let bettered = match (before, after) {
        (Some(before), Some(after)) if after < before => format!(
            "the best of {exchanges} random exchanges of one for another was cheaper by {:.2} % and is taken; there may be better ones",
            (before - after) / before.abs() * 100.0
        ),
        _ => format!("none of {exchanges} random exchanges of one for another is cheaper"),
    };
    let method = format!(
        "{} mitigations make too many combinations to run each: greedy search by targets, KMS calls and cost, {} combinations run; {bettered}",
        singles_of(all),
        ran.len()
    );
    Ok(Explored { ran, method })
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
