//! Who used the quota and who suffered, and where bucket keys help most.
//!
//! Shares of what is counted come from the run itself. What somebody *causes* comes from running the scenario without
//! their traffic on the same random numbers: the throttles, the peak and the dollars that are gone then. Shares of
//! what is caused need not sum to 1: two workloads that only together exceed a quota cause its throttles both.
//!
//! Left out: what a single operation causes, as operations cannot be taken out of a mix without changing its rate.

use super::{Study, StudyError};
use crate::model::Plan;
use crate::results::{Estimate, Metrics, VariantResults};
use crate::scenario::Variant;
use crate::scenario::document::key_text;
use crate::scenario::settings::Encryption;
use indexmap::IndexMap;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;

/// Growth that leaves nothing worth speaking of, and every reference between workloads intact.
const NEXT_TO_NOTHING: &str = "growth=0.000001";

/// What one workload, bucket, key, requester or operation comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its share of all KMS attempts.
    pub attempts: Estimate,
    /// Its share of all throttled attempts: what it bore.
    pub borne: Estimate,
    /// Share of the throttled attempts that would be gone without it; `None` for operations.
    pub caused: Option<Estimate>,
    /// Share of the busiest second that would be gone without it.
    pub peak: Option<Estimate>,
    /// Share of the bill that would be gone without it.
    pub bill: Option<Estimate>,
}

/// What switching bucket keys on in one bucket saves.
#[derive(Clone, Debug, Serialize)]
pub struct SwitchOn {
    /// The bucket.
    pub bucket: String,
    /// KMS calls saved once all its objects have been rewritten.
    pub calls: Estimate,
    /// The same with new objects only: reads go to objects without.
    pub calls_new_objects: Estimate,
    /// Throttled attempts saved.
    pub throttled: Estimate,
    /// Dollars saved in the measured time.
    pub usd: Estimate,
    /// Bucket keys behind its objects that this takes for granted.
    pub archived_bucket_keys: u64,
}

/// The whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Attribution {
    /// The variant.
    pub variant: String,
    /// By `workload`, `bucket`, `key`, `requester` and `operation`.
    pub by: IndexMap<String, Vec<Entry>>,
    /// Buckets without bucket keys, what saves most calls first.
    pub switch_on: Vec<SwitchOn>,
}

/// Finds out.
///
/// # Errors
/// What is changed makes no scenario, or cannot be priced.
pub fn attribution(study: &Study) -> Result<Attribution, StudyError> {
    let variant = study.with(&[], &[])?;
    let whole = study.run(&[], &[], study.seed)?;
    let groups = groups(&variant.plan);
    let sets: BTreeSet<BTreeSet<usize>> = groups.values().flatten().map(|g| g.1.clone()).collect();
    let without: Vec<(BTreeSet<usize>, VariantResults)> = sets
        .into_par_iter()
        .map(|set| {
            let quiet: Vec<String> = set
                .iter()
                .map(|&w| {
                    let name = key_text(&variant.plan.workloads[w].name);
                    format!("workload.{name}.{NEXT_TO_NOTHING}")
                })
                .collect();
            Ok((set, study.run(&[], &quiet, study.seed)?))
        })
        .collect::<Result<_, StudyError>>()?;
    let mut by = IndexMap::new();
    for (kind, members) in &groups {
        let breakdown = breakdown(&whole, kind);
        let entries = members.iter().filter_map(|(name, set)| {
            let own = breakdown.get(name)?;
            let rest = without.iter().find(|(s, _)| s == set).map(|(_, r)| r);
            Some(entry(name, own, &whole, rest))
        });
        by.insert((*kind).to_owned(), ranked(entries.collect()));
    }
    let operations = whole.by_operation.iter();
    let operations = operations.map(|(name, own)| entry(name, own, &whole, None));
    by.insert("operation".to_owned(), ranked(operations.collect()));
    Ok(Attribution {
        variant: study.variant.clone(),
        by,
        switch_on: switch_on(study, &variant, &whole)?,
    })
}

fn breakdown<'a>(results: &'a VariantResults, kind: &str) -> &'a IndexMap<String, Metrics> {
    match kind {
        "workload" => &results.by_workload,
        "bucket" => &results.by_bucket,
        "key" => &results.by_key,
        _ => &results.by_requester,
    }
}

/// Names with the workloads that have traffic of theirs.
type Members = Vec<(String, BTreeSet<usize>)>;

fn groups(plan: &Plan) -> IndexMap<&'static str, Members> {
    let of = |names: Vec<&String>, has: &dyn Fn(usize, usize) -> bool| -> Members {
        let members = names.into_iter().enumerate().map(|(i, name)| {
            let classes = plan.classes.iter().enumerate();
            let set = classes.filter(|(c, _)| has(*c, i)).map(|(_, c)| c.workload);
            (name.clone(), set.collect::<BTreeSet<usize>>())
        });
        members.filter(|(_, set)| !set.is_empty()).collect()
    };
    let class = |c: usize| &plan.classes[c];
    let uses_key = |c: usize, key: usize| {
        let lanes = class(c).first_lane..class(c).first_lane + class(c).lanes;
        plan.lanes[lanes].iter().any(|l| l.key == key)
    };
    IndexMap::from([
        (
            "workload",
            of(plan.workloads.iter().map(|w| &w.name).collect(), &|c, i| {
                class(c).workload == i
            }),
        ),
        (
            "bucket",
            of(plan.buckets.iter().map(|b| &b.name).collect(), &|c, i| {
                class(c).bucket == Some(i)
            }),
        ),
        (
            "key",
            of(plan.keys.iter().map(|k| &k.name).collect(), &uses_key),
        ),
        (
            "requester",
            of(plan.requesters.iter().collect(), &|c, i| {
                class(c).requester == i
            }),
        ),
    ])
}

fn values(metrics: &Metrics, id: &str) -> Vec<Option<f64>> {
    metrics
        .get(id)
        .map(|e| e.values.clone())
        .unwrap_or_default()
}

/// `part` ÷ `all`, replication by replication; 0 of nothing is nothing.
fn share(part: Vec<Option<f64>>, all: &[Option<f64>]) -> Estimate {
    let shares = part.into_iter().zip(all).map(|(p, a)| {
        let (p, a) = (p?, (*a)?);
        Some(if a == 0.0 { 0.0 } else { p / a })
    });
    Estimate::over(shares.collect(), "1")
}

/// `before` − `after`, replication by replication.
fn gone(before: &Metrics, after: &Metrics, id: &str) -> Vec<Option<f64>> {
    let pairs = values(before, id).into_iter().zip(values(after, id));
    pairs.map(|(b, a)| Some(b? - a?)).collect()
}

fn entry(
    name: &str,
    own: &Metrics,
    whole: &VariantResults,
    rest: Option<&VariantResults>,
) -> Entry {
    let all = |id: &str| values(&whole.metrics, id);
    let of = |id: &str| share(values(own, id), &all(id));
    let without = |id: &str| {
        let rest = rest?;
        Some(share(gone(&whole.metrics, &rest.metrics, id), &all(id)))
    };
    Entry {
        name: name.to_owned(),
        attempts: of("kms_attempts"),
        borne: of("kms_throttled"),
        caused: without("kms_throttled"),
        peak: without("kms_attempts_per_s_max"),
        bill: without("cost_total_usd"),
    }
}

/// By what they cause, then by what they attempt.
fn ranked(mut entries: Vec<Entry>) -> Vec<Entry> {
    let rank = |e: &Entry| {
        let mean = |e: &Estimate| e.mean.unwrap_or(0.0);
        (e.caused.as_ref().map_or(0.0, mean), mean(&e.attempts))
    };
    entries.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    entries
}

fn switch_on(
    study: &Study,
    variant: &Variant,
    whole: &VariantResults,
) -> Result<Vec<SwitchOn>, StudyError> {
    let a = &variant.scenario.assumption;
    // A day of steady writing by one role.
    let day = 86_400.0 / a.bucket_key_lifetime.as_secs_f64() * f64::from(a.bucket_key_fanout);
    let off = variant.scenario.bucket.iter().filter(|(name, b)| {
        let calls = whole.by_bucket.get(*name).and_then(|m| m["kms_calls"].mean);
        b.encryption == Encryption::SseKms && !b.bucket_key && calls.is_some_and(|c| c > 0.0)
    });
    let off: Vec<_> = off.collect();
    let mut found: Vec<SwitchOn> = off
        .into_par_iter()
        .map(|(name, bucket)| {
            let keys = bucket
                .archived_bucket_keys
                .map_or_else(|| day.ceil().clamp(1.0, 1e7) as u64, u64::from);
            let run = |older: &str| {
                let name = key_text(name);
                let sets = [
                    format!("bucket.{name}.bucket_key=true"),
                    format!("bucket.{name}.archived_bucket_keys={keys}"),
                    format!("bucket.{name}.older_objects={older}"),
                ];
                study.run(&[], &sets, study.seed)
            };
            let (all, new) = (run("0")?, run("1")?);
            let saved = |r: &VariantResults, id: &str, unit: &str| {
                Estimate::over(gone(&whole.metrics, &r.metrics, id), unit)
            };
            Ok(SwitchOn {
                bucket: name.clone(),
                calls: saved(&all, "kms_calls", "1"),
                calls_new_objects: saved(&new, "kms_calls", "1"),
                throttled: saved(&all, "kms_throttled", "1"),
                usd: saved(&all, "cost_total_usd", "USD"),
                archived_bucket_keys: keys,
            })
        })
        .collect::<Result<_, StudyError>>()?;
    let calls = |s: &SwitchOn| s.calls.mean.unwrap_or(0.0);
    found.sort_by(|a, b| calls(b).total_cmp(&calls(a)));
    Ok(found)
}
