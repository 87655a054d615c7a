//! Who used the quota and who was throttled, and where bucket keys help most.
//!
//! Shares of what is counted come from the run itself. What somebody *causes* comes from running the scenario without
//! their traffic on the same random numbers: the throttles, the peak and the dollars that are gone then. Shares of
//! what is caused need not sum to 1: if two workloads exceed a quota only together, each causes all of
//! the throttling.
//!
//! What is taken out is simulated without: only what it can change, and nothing of the scenario is read again. An
//! operation is taken out of a mix by lowering the workload's traffic by its share; the other operations keep their
//! arrivals. The requests of a multipart upload go together. Left out: what an operation causes that a trace recorded.

use super::apart::{Part, PartChange, calls_saved};
pub use super::enough::Enough;
use super::enough::enough;
use super::mitigation::Change;
use super::suggestion::{archived_bucket_keys, bucket_keys, without_bucket_key};
use super::{Study, StudyError};
use crate::input::document::key_text;
use crate::metrics::target::Target;
use crate::metrics::top;
use crate::model::{Action, Kind};
use crate::results::{Estimate, Metrics, VariantResults};
use crate::run::CountedRun;
use crate::scenario::{ScenarioError, Variant};
use indexmap::IndexMap;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A factor that leaves nothing worth speaking of, and every reference between workloads intact.
const NEXT_TO_NOTHING: f64 = 1e-6;

/// What one workload, bucket, key, requester or operation comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Contribution {
    /// Its name.
    pub name: String,
    /// Its share of all KMS attempts.
    pub attempts: Estimate,
    /// Its share of all throttled attempts: what it bore.
    pub borne: Estimate,
    /// Share of the throttled attempts that would be gone without it; `None` where it cannot be taken out.
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
    pub by: IndexMap<String, Vec<Contribution>>,
    /// Buckets without bucket keys, what saves most calls first; of very many those that save most, looked at alone.
    pub switch_on: Vec<SwitchOn>,
    /// Further buckets without bucket keys, by the KMS calls that these would save, were each bucket alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// In how many of them bucket keys are enough for the targets, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enough: Option<Enough>,
    /// Buckets without bucket keys of which the scenario says too little to tell what they would save, and what is missing.
    pub unknown: BTreeMap<String, String>,
}

/// Most buckets of which it is run what bucket keys would save.
const RANKED: usize = top::TOP;

/// Buckets without bucket keys, by what these would save.
struct Ranking<'b> {
    /// Those that are run with everybody else.
    first: Vec<&'b String>,
    /// The others, what would save most first.
    further: Vec<&'b String>,
    /// Those of which it cannot be told.
    unknown: BTreeMap<String, String>,
}

impl<'b> Ranking<'b> {
    fn of(
        study: &Study,
        variant: &Variant,
        whole: &VariantResults,
        off: Vec<&'b String>,
    ) -> Result<Ranking<'b>, StudyError> {
        if off.len() <= RANKED {
            return Ok(Ranking {
                first: off,
                further: Vec::new(),
                unknown: BTreeMap::new(),
            });
        }
        let on = off
            .iter()
            .map(|bucket| Change::Set(bucket_keys(variant, bucket, "0")));
        let on: Vec<Change> = on.collect();
        let changes = off.iter().zip(&on);
        let changes = changes.map(|(bucket, change)| PartChange {
            part: Part::Bucket(bucket),
            change,
        });
        let saved = calls_saved(study, whole, &changes.collect::<Vec<_>>())?;
        let mut known = Vec::new();
        let mut unknown = BTreeMap::new();
        for ((bucket, change), saved) in off.into_iter().zip(&on).zip(saved) {
            match saved {
                Some(saved) => known.push((bucket, saved)),
                None => {
                    let why = match unknown.len() < RANKED {
                        true => why_not(study, change)?,
                        false => None,
                    };
                    let why = why.unwrap_or_else(|| "not looked at, as of others".to_owned());
                    unknown.insert(bucket.clone(), why);
                }
            }
        }
        known.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut first: Vec<&String> = known.into_iter().map(|(bucket, _)| bucket).collect();
        let further = first.split_off(RANKED.min(first.len()));
        Ok(Ranking {
            first,
            further,
            unknown,
        })
    }
}

/// Finds out; `targets` may be none.
///
/// # Errors
/// What is changed makes no scenario, or cannot be priced.
pub fn attribution(study: &Study, targets: &[Target]) -> Result<Attribution, StudyError> {
    let variant = study.with(&[], &[])?;
    let counted = CountedRun::run(&variant, study.seed, study.replications, study.options())?;
    let whole = counted.results()?;
    let groups = groups(&variant);
    let removals: BTreeSet<&Removal> = groups
        .values()
        .flat_map(|(_, members)| members)
        .filter_map(|m| m.removal.as_ref())
        .collect();
    let without: BTreeMap<&Removal, Metrics> = removals
        .into_par_iter()
        .map(|removal| Ok((removal, removal.rest(study, &variant, &counted)?)))
        .collect::<Result<_, StudyError>>()?;
    let mut by = IndexMap::new();
    for (kind, (breakdown, members)) in &groups {
        let breakdown = breakdown(&whole);
        let entries = members.iter().filter_map(|member| {
            let own = breakdown.get(&member.name)?;
            let rest = member.removal.as_ref().and_then(|r| without.get(r));
            Some(contribution(&member.name, own, &whole, rest))
        });
        by.insert((*kind).to_owned(), ranked(entries.collect()));
    }
    let off: Vec<&String> = without_bucket_key(&variant, &whole).collect();
    let ranking = Ranking::of(study, &variant, &whole, off)?;
    let (switch_on, mut unknown) = switch_on(study, &variant, &counted, &whole, &ranking.first)?;
    unknown.extend(ranking.unknown);
    let further = ranking.further;
    let order = switch_on
        .iter()
        .map(|s| &s.bucket)
        .chain(further.iter().copied());
    let enough = enough(study, &variant, &whole, targets, &order.collect::<Vec<_>>())?;
    Ok(Attribution {
        variant: study.variant.clone(),
        by,
        switch_on,
        further: further.into_iter().cloned().collect(),
        enough,
        unknown,
    })
}

/// What the scenario lacks for a change; `None` where it is valid with it.
fn why_not(study: &Study, change: &Change) -> Result<Option<String>, StudyError> {
    let sets = match change {
        Change::Set(sets) => sets.as_slice(),
        Change::Over(_) => &[],
    };
    match study.with(&[], sets) {
        Ok(_) => Ok(None),
        Err(StudyError::Scenario(why)) => Ok(Some(first_line(&why))),
        Err(e) => Err(e),
    }
}

fn first_line(why: &ScenarioError) -> String {
    let why = why.to_string();
    why.lines().next().unwrap_or_default().to_owned()
}

/// Something that has traffic.
struct Contributor {
    name: String,
    /// How it is taken out, if it can be.
    removal: Option<Removal>,
}

/// How something is taken out of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Removal {
    /// Without the traffic of workloads: indices of the plan's.
    Workloads(BTreeSet<usize>),
    /// With other settings.
    Settings(Vec<String>),
}

impl Removal {
    /// What is left without it.
    fn rest(
        &self,
        study: &Study,
        variant: &Variant,
        counted: &CountedRun<'_>,
    ) -> Result<Metrics, StudyError> {
        let sets = match self {
            Removal::Workloads(workloads) => {
                if let Some(rest) = counted.without(workloads, study.options())? {
                    return Ok(rest);
                }
                // Others need them: they stay, with next to no traffic.
                workloads
                    .iter()
                    .map(|&w| growth(variant, w, NEXT_TO_NOTHING))
                    .collect()
            }
            Removal::Settings(sets) => sets.clone(),
        };
        Ok(study.run(&[], &sets, study.seed)?.metrics)
    }
}

/// A breakdown of a variant's results.
type Breakdown = fn(&VariantResults) -> &IndexMap<String, Metrics>;

/// By kind: where the results are, and what has traffic.
fn groups(variant: &Variant) -> IndexMap<&'static str, (Breakdown, Vec<Contributor>)> {
    let plan = &variant.plan;
    let of = |names: Vec<&String>, has: &dyn Fn(usize, usize) -> bool| -> Vec<Contributor> {
        let members = names.into_iter().enumerate().map(|(i, name)| {
            let classes = plan.classes.iter().enumerate();
            let classes = classes.filter(|(c, _)| has(*c, i));
            let workloads: BTreeSet<usize> = classes.map(|(_, c)| c.workload).collect();
            let removal = workloads;
            (name, removal)
        });
        let with_traffic = members.filter(|(_, removal)| !removal.is_empty());
        with_traffic
            .map(|(name, removal)| Contributor {
                name: name.clone(),
                removal: Some(Removal::Workloads(removal)),
            })
            .collect()
    };
    let class = |c: usize| &plan.classes[c];
    let uses_key = |c: usize, key: usize| plan.kms_steps_of(class(c)).iter().any(|l| l.key == key);
    let operations: BTreeSet<&String> = plan.classes.iter().map(|c| &c.operation).collect();
    let operations = operations.into_iter().map(|name| Contributor {
        name: name.clone(),
        removal: without_operation(variant, name),
    });
    let workloads = plan.workloads.iter().map(|w| &w.name).collect();
    let workloads = of(workloads, &|c, i| class(c).workload == i);
    let buckets = plan.buckets.iter().map(|b| &b.name).collect();
    let buckets = of(buckets, &|c, i| class(c).bucket == Some(i));
    let keys = of(plan.keys.iter().map(|k| &k.name).collect(), &uses_key);
    let requesters = plan.requesters.iter().collect();
    let requesters = of(requesters, &|c, i| class(c).requester == i);
    let groups: [(&str, Breakdown, Vec<Contributor>); 5] = [
        ("workload", |r| &r.by_workload, workloads),
        ("bucket", |r| &r.by_bucket, buckets),
        ("key", |r| &r.by_key, keys),
        ("requester", |r| &r.by_requester, requesters),
        ("operation", |r| &r.by_operation, operations.collect()),
    ];
    groups
        .into_iter()
        .map(|(kind, breakdown, members)| (kind, (breakdown, members)))
        .collect()
}

/// The setting that multiplies a workload's traffic.
fn growth(variant: &Variant, w: usize, factor: f64) -> String {
    let name = &variant.plan.workloads[w].name;
    let present = variant
        .scenario
        .workload
        .get(name)
        .map_or(1.0, |s| s.growth);
    format!("workload.{}.growth={}", key_text(name), present * factor)
}

/// How an operation is taken out of every mix; workloads that ask for nothing else go as a whole.
fn without_operation(variant: &Variant, operation: &str) -> Option<Removal> {
    let plan = &variant.plan;
    let (mut sets, mut whole) = (Vec::new(), BTreeSet::new());
    for (w, workload) in plan.workloads.iter().enumerate() {
        let name = key_text(&workload.name);
        let makes = |action: &&Action| {
            let mut requests = action.requests.iter();
            requests.any(|&(class, _)| plan.classes[class].operation == operation)
        };
        let gone: Vec<&Action> = workload.actions.iter().filter(makes).collect();
        if gone.is_empty() {
            continue;
        }
        if matches!(workload.kind, Kind::Trace { .. }) {
            return None;
        }
        let share: f64 = gone.iter().map(|a| a.weight).sum();
        if gone.len() == workload.actions.len() {
            whole.insert(w);
            continue;
        }
        sets.push(growth(variant, w, 1.0 - share));
        for action in gone {
            let path = format!("workload.{name}.operations.{}", key_text(&action.name));
            sets.push(format!("{path}={NEXT_TO_NOTHING}"));
        }
    }
    if sets.is_empty() {
        return Some(Removal::Workloads(whole));
    }
    let whole = whole.into_iter();
    sets.extend(whole.map(|w| growth(variant, w, NEXT_TO_NOTHING)));
    Some(Removal::Settings(sets))
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

fn contribution(
    name: &str,
    own: &Metrics,
    whole: &VariantResults,
    rest: Option<&Metrics>,
) -> Contribution {
    let all = |id: &str| values(&whole.metrics, id);
    let of = |id: &str| share(values(own, id), &all(id));
    let without = |id: &str| {
        let rest = rest?;
        Some(share(gone(&whole.metrics, rest, id), &all(id)))
    };
    Contribution {
        name: name.to_owned(),
        attempts: of("kms_attempts"),
        borne: of("kms_throttled"),
        caused: without("kms_throttled"),
        peak: without("kms_attempts_per_s_max"),
        bill: without("cost_total_usd"),
    }
}

/// By what they cause, then by what they attempt.
fn ranked(mut entries: Vec<Contribution>) -> Vec<Contribution> {
    let rank = |e: &Contribution| {
        let mean = |e: &Estimate| e.mean.unwrap_or(0.0);
        (e.caused.as_ref().map_or(0.0, mean), mean(&e.attempts))
    };
    entries.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    entries
}

/// What each of these buckets would save; and those of which that cannot be told, with what is missing.
fn switch_on(
    study: &Study,
    variant: &Variant,
    counted: &CountedRun<'_>,
    whole: &VariantResults,
    off: &[&String],
) -> Result<(Vec<SwitchOn>, BTreeMap<String, String>), StudyError> {
    let tried: Vec<(&String, Result<SwitchOn, StudyError>)> = off
        .par_iter()
        .map(|name| (*name, saves(study, variant, counted, whole, name)))
        .collect();
    let (mut found, mut unknown) = (Vec::new(), BTreeMap::new());
    for (name, saves) in tried {
        match saves {
            Ok(saves) => found.push(saves),
            Err(StudyError::Scenario(why)) => {
                unknown.insert(name.clone(), first_line(&why));
            }
            Err(e) => return Err(e),
        }
    }
    let calls = |s: &SwitchOn| s.calls.mean.unwrap_or(0.0);
    found.sort_by(|a, b| calls(b).total_cmp(&calls(a)));
    Ok((found, unknown))
}

fn saves(
    study: &Study,
    variant: &Variant,
    counted: &CountedRun<'_>,
    whole: &VariantResults,
    name: &str,
) -> Result<SwitchOn, StudyError> {
    let plan = &variant.plan;
    let bucket = plan.buckets.iter().position(|b| b.name == name);
    let classes = plan.classes.iter().filter(|class| class.bucket == bucket);
    let workloads: BTreeSet<usize> = classes.map(|class| class.workload).collect();
    let run = |older: &str| -> Result<Metrics, StudyError> {
        let sets = bucket_keys(variant, name, older);
        let changed = study.with(&[], &sets)?;
        match counted.changed(&changed, &workloads, study.options())? {
            Some(metrics) => Ok(metrics),
            None => Ok(study.run(&[], &sets, study.seed)?.metrics),
        }
    };
    let (all, new) = (run("0")?, run("1")?);
    let saved =
        |r: &Metrics, id: &str, unit: &str| Estimate::over(gone(&whole.metrics, r, id), unit);
    Ok(SwitchOn {
        bucket: name.to_owned(),
        calls: saved(&all, "kms_calls", "1"),
        calls_new_objects: saved(&new, "kms_calls", "1"),
        throttled: saved(&all, "kms_throttled", "1"),
        usd: saved(&all, "cost_total_usd", "USD"),
        archived_bucket_keys: archived_bucket_keys(variant, name),
    })
}
