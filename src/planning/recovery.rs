//! After a spike: does the account recover by itself, and how long does it take, by load and retry profile?
//!
//! The same traffic is run with and without a spike on the same random numbers. What the spike leaves behind is the
//! difference of attempts per second after it has ended; the account has recovered when that stays below a hundredth of
//! the quota. A load at which it does not within the time watched is where retries may keep it down by themselves.
//!
//! The spike's requests come from clients of their own, with retry quotas of their own. Left out: spikes of jobs and traces, whose pace is not a rate, and of anything but traffic.

use super::quota::Pool;
use super::{Study, StudyError};
use crate::catalog::limit_name;
use crate::input::document::{Table, key_text};
use crate::model::arrivals::Arrivals;
use crate::results::VariantResults;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// When the spike begins \[s\]: what a cold start leaves behind is over by then.
const SPIKE_AT_S: u64 = 60;

/// Width of the window over which the difference is averaged \[s\].
const WINDOW_S: usize = 5;

/// Share of the quota below which a difference is none.
const NOTHING: f64 = 0.01;

/// What is asked.
#[derive(Clone, Debug)]
pub struct RecoveryQuestion {
    /// Traffic in the spike, as a multiple of what it is without.
    pub size: f64,
    /// Length of the spike \[s\].
    pub length_s: u64,
    /// How long it is watched afterwards \[s\].
    pub watch_s: u64,
    /// Mean attempts a second without retries, as shares of the quota.
    pub loads: Vec<f64>,
    /// Retry profiles or policies, as `--set retry=…` takes them; `None` for the scenario's own.
    pub retries: Vec<Option<String>>,
}

/// One run of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The load, a share of the quota.
    pub load: f64,
    /// The retry profile.
    pub retry: String,
    /// Factor on all traffic that makes the load.
    pub growth: f64,
    /// Seconds from the end of the spike until it has recovered; `None` where it does not while watched.
    pub recovered_after_s: Option<u64>,
    /// Share of attempts throttled in the last ten seconds watched, without and with the spike.
    pub throttled_at_the_end: [f64; 2],
}

/// The map.
#[derive(Clone, Debug, Serialize)]
pub struct Map {
    /// The variant.
    pub variant: String,
    /// The quota.
    pub quota: String,
    /// Its limit \[1/s\].
    pub quota_per_s: f64,
    /// Traffic in the spike as a multiple of that without.
    pub size: f64,
    /// Length of the spike \[s\].
    pub length_s: u64,
    /// How long it is watched afterwards \[s\].
    pub watch_s: u64,
    /// By retry profile, then load.
    pub cells: Vec<Cell>,
    /// Workloads that have no spike.
    pub without_spike: Vec<String>,
}

/// Runs the map; `done` counts its cells.
///
/// # Errors
/// What is changed makes no scenario; no workload that a spike can be made of.
pub fn recovery(
    study: &Study,
    pool: &Pool,
    q: &RecoveryQuestion,
    done: &AtomicU64,
) -> Result<Map, StudyError> {
    let variant = study.with(&[], &[])?;
    let workloads = &variant.scenario.workload;
    let spikes = |a: &Arrivals| matches!(a, Arrivals::Open(_));
    let spiked: Vec<&String> = workloads
        .iter()
        .filter(|(_, w)| spikes(&w.arrivals))
        .map(|(name, _)| name)
        .collect();
    if spiked.is_empty() {
        return Err(StudyError::question(
            "no workload can spike: there are only jobs and traces",
            "write a workload with `arrivals`",
        ));
    }
    let horizon = SPIKE_AT_S + q.length_s + q.watch_s;
    let base = vec![
        format!("horizon=\"{horizon}s\""),
        "warm_up=\"0s\"".to_owned(),
    ];
    // What is asked for by itself: without a limit nothing is retried.
    let free = [base.clone(), pool.unlimited()].concat();
    let unlimited = study.run(&[], &free, study.seed)?;
    let attempts = unlimited
        .by_quota
        .get(&pool.name)
        .and_then(|m| m.metrics.get("kms_attempts")?.mean)
        .unwrap_or(0.0);
    if attempts == 0.0 {
        return Err(StudyError::question(
            format!(
                "no KMS call draws on the quota for {}",
                limit_name(&pool.name)
            ),
            "choose another with `--pool`",
        ));
    }
    let offered = attempts / horizon as f64;
    let spike = spike(study, &spiked, q)?;
    let points: Vec<(&Option<String>, f64)> = q
        .retries
        .iter()
        .flat_map(|r| q.loads.iter().map(move |l| (r, *l)))
        .collect();
    let cells: Vec<Cell> = points
        .into_par_iter()
        .map(|(retry, load)| {
            let growth = (load * pool.present / offered * 1e6).round() / 1e6;
            let all = workloads.keys();
            let mut sets: Vec<String> = base.clone();
            sets.extend(all.map(|w| format!("workload.{}.growth={growth}", key_text(w))));
            if let Some(retry) = retry {
                let all = workloads.keys();
                sets.extend(all.map(|w| format!("workload.{}.retry={retry}", key_text(w))));
            }
            let calm = study.run(&[], &sets, study.seed)?;
            for name in &spiked {
                let name = spike_name(name);
                let more = growth * (q.size - 1.0);
                sets.push(format!("workload.{name}.growth={more}"));
                if let Some(retry) = retry {
                    sets.push(format!("workload.{name}.retry={retry}"));
                }
            }
            let hit = study.run(std::slice::from_ref(&spike), &sets, study.seed)?;
            done.fetch_add(1, Ordering::Relaxed);
            Ok(cell(pool, q, (retry, load, growth), &calm, &hit))
        })
        .collect::<Result<_, StudyError>>()?;
    let without = workloads.iter().filter(|(_, w)| !spikes(&w.arrivals));
    Ok(Map {
        variant: study.variant.clone(),
        quota: pool.name.clone(),
        quota_per_s: pool.present,
        size: q.size,
        length_s: q.length_s,
        watch_s: q.watch_s,
        cells,
        without_spike: without.map(|(name, _)| name.clone()).collect(),
    })
}

/// Name of a workload's spike in a path.
fn spike_name(name: &str) -> String {
    key_text(&format!("spike of {name}"))
}

/// A table that adds a workload for each that spikes: the same, for the length of the spike.
fn spike(study: &Study, spiked: &[&String], q: &RecoveryQuestion) -> Result<Table, StudyError> {
    let table = study.table()?;
    let mut sets = Vec::new();
    let mut over = Table::empty(table.place.clone());
    if let Some(crate::input::document::Node::Table(all)) = table.get("workload").map(|v| &v.node) {
        let mut workloads = Table::empty(all.place.clone());
        for name in spiked {
            if let Some(entry) = all.entries.get(*name) {
                let mut entry = entry.clone();
                if let crate::input::document::Node::Table(w) = &mut entry.value.node {
                    for key in ["start", "stop", "after", "growth"] {
                        w.entries.shift_remove(key);
                    }
                }
                workloads.entries.insert(format!("spike of {name}"), entry);
                let path = spike_name(name);
                sets.push(format!("workload.{path}.start=\"{SPIKE_AT_S}s\""));
                sets.push(format!(
                    "workload.{path}.stop=\"{}s\"",
                    SPIKE_AT_S + q.length_s
                ));
            }
        }
        over.entries.insert(
            "workload".to_owned(),
            crate::input::document::Entry {
                key: all.place.clone(),
                value: crate::input::document::Value {
                    place: all.place.clone(),
                    node: crate::input::document::Node::Table(workloads),
                },
            },
        );
    }
    let mut sources = crate::input::diagnostic::Sources::new();
    for set in sets {
        crate::input::setting::set(&mut over, &mut sources, &set)
            .map_err(|fault| StudyError::question(fault.message.clone(), "rename the workload"))?;
    }
    Ok(over)
}

fn cell(
    pool: &Pool,
    q: &RecoveryQuestion,
    (retry, load, growth): (&Option<String>, f64, f64),
    calm: &VariantResults,
    hit: &VariantResults,
) -> Cell {
    let attempts = |r: &VariantResults| per_second(r, &pool.name).0;
    let end = (SPIKE_AT_S + q.length_s) as usize;
    let last = end + q.watch_s as usize;
    let throttled = |r: &VariantResults| {
        let (attempts, throttled) = per_second(r, &pool.name);
        let tail = |v: &[f64]| {
            v.iter()
                .take(last)
                .skip(last.saturating_sub(10))
                .sum::<f64>()
        };
        let all = tail(&attempts);
        if all > 0.0 {
            tail(&throttled) / all
        } else {
            0.0
        }
    };
    Cell {
        load,
        retry: retry
            .clone()
            .unwrap_or_else(|| "as in the scenario".to_owned()),
        growth,
        recovered_after_s: recovered(
            &attempts(calm),
            &attempts(hit),
            (end, last),
            NOTHING * pool.present,
        ),
        throttled_at_the_end: [throttled(calm), throttled(hit)],
    }
}

/// Mean attempts and throttled attempts of each second.
fn per_second(r: &VariantResults, quota: &str) -> (Vec<f64>, Vec<f64>) {
    let Some(series) = r.series.quotas.get(quota) else {
        return (Vec::new(), Vec::new());
    };
    let spread = |means: &[f64]| -> Vec<f64> {
        let width = r.series.bin_s as usize;
        means
            .iter()
            .flat_map(|m| std::iter::repeat_n(*m, width))
            .collect()
    };
    (
        spread(&series.kms_attempts_per_s.mean),
        spread(&series.kms_throttled_per_s.mean),
    )
}

/// Seconds from `end` until the mean difference over a window stays below `nothing` up to `last`.
fn recovered(calm: &[f64], hit: &[f64], (end, last): (usize, usize), nothing: f64) -> Option<u64> {
    let at = |v: &[f64], i: usize| v.get(i).copied().unwrap_or(0.0);
    let excess = |from: usize| {
        let window = from..(from + WINDOW_S).min(last);
        let n = window.len().max(1) as f64;
        window.map(|i| at(hit, i) - at(calm, i)).sum::<f64>() / n
    };
    let still = (end..last).rev().find(|&i| excess(i).abs() > nothing);
    match still {
        None => Some(0),
        // The last window still differs.
        Some(i) if i + WINDOW_S >= last => None,
        Some(i) => Some((i + 1 - end) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_is_the_last_second_that_differs() {
        let calm = vec![100.0; 100];
        let mut hit = calm.clone();
        for second in &mut hit[20..45] {
            *second = 150.0;
        }
        // The spike ends at 30; the windows that begin before 45 hold an excess.
        assert_eq!(recovered(&calm, &hit, (30, 100), 1.0), Some(15));
        assert_eq!(recovered(&calm, &calm, (30, 100), 1.0), Some(0));
        let mut down = hit.clone();
        down[20..].fill(150.0);
        assert_eq!(recovered(&calm, &down, (30, 100), 1.0), None);
        // Below what counts.
        assert_eq!(recovered(&calm, &down, (30, 100), 60.0), Some(0));
    }
}
