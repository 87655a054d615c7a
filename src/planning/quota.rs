//! The smallest request quota that meets the targets, for each pool that is used.

use super::search::{Completeness, Range, SearchResult, search};
use super::study::Confidence;
use super::{SearchOutcome, Solution, Study, StudyError, Trial};
use crate::catalog::limit_name;
use crate::input::document::key_text;
use crate::metrics::target::{Relation, Target};
use crate::results::VariantResults;
use crate::run::RunError;
use crate::scenario::Variant;
use crate::scenario::quota::{LimiterSettings, QuotaSettings};
use std::collections::BTreeMap;

/// More than any workload can use \[1/s\].
const UNLIMITED: u64 = 1_000_000_000;

/// Width at which the search stops, as a share of the quota.
const TOLERANCE: f64 = 0.005;

/// Most times that an answer is raised because fresh seeds do not confirm it.
const RAISES: u64 = 40;

/// A request quota of the variant, in use.
#[derive(Clone, Debug)]
pub struct Pool {
    /// `account/region/quota-code[/store]`.
    pub name: String,
    /// Limit at the end of the warm-up \[1/s\].
    pub present: f64,
    /// Its name in the scenario, or one to give it.
    key: String,
    /// What must be set to make it a quota of the scenario.
    making: Vec<String>,
    /// Whether the scenario changes the limit in the course of the run.
    changes: bool,
    /// Whether an aligned second can hold no more than the limit.
    fixed_window: bool,
}

impl Pool {
    /// Its name in the scenario, or one to give it, as `--set` takes it.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The settings that give it no limit to speak of.
    pub(super) fn unlimited(&self) -> Vec<String> {
        self.limited(UNLIMITED)
    }

    /// The settings that give it a key of its table.
    pub(super) fn with(&self, setting: &str) -> Vec<String> {
        let mut sets = self.making.clone();
        sets.push(format!("quota.{}.{setting}", self.key));
        sets
    }

    /// The settings that give it a limit from t = 0 on.
    pub(super) fn limited(&self, per_s: u64) -> Vec<String> {
        let mut sets = self.making.clone();
        sets.push(format!("quota.{}.limit=\"{per_s}/s\"", self.key));
        sets.push(format!("quota.{}.changes=[]", self.key));
        sets
    }
}

fn pool_name(q: &QuotaSettings) -> String {
    let store = q.store.as_ref().map(|s| format!("/{s}"));
    format!(
        "{}/{}/{}{}",
        q.account,
        q.region,
        q.code,
        store.unwrap_or_default()
    )
}

/// The pools that saw attempts, the tightest first; only `wanted`, by name in the scenario or in the results, if any.
///
/// # Errors
/// A wanted one is not among them.
pub fn pools(
    variant: &Variant,
    results: &VariantResults,
    wanted: &[String],
) -> Result<Vec<Pool>, StudyError> {
    let mean = |q: &crate::results::QuotaResults, id: &str| q.metrics.get(id).and_then(|e| e.mean);
    let mut found = Vec::new();
    for (i, (name, q)) in results.by_quota.iter().enumerate() {
        if mean(q, "kms_attempts").is_none_or(|a| a == 0.0) {
            continue;
        }
        let settings = variant
            .scenario
            .quota
            .iter()
            .find(|(_, settings)| pool_name(settings) == *name);
        let headroom = mean(q, "quota_headroom").unwrap_or(1.0);
        let pool = match settings {
            Some((key, settings)) => Pool {
                name: name.clone(),
                present: q.quota,
                key: key_text(key),
                making: Vec::new(),
                changes: !settings.changes.is_empty(),
                fixed_window: settings.limiter == LimiterSettings::FixedWindow {},
            },
            None => unnamed(name, q.quota, i),
        };
        found.push((headroom, pool));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pools: Vec<Pool> = found.into_iter().map(|(_, pool)| pool).collect();
    for name in wanted {
        let known = pools
            .iter()
            .any(|p| p.name == *name || p.key == key_text(name));
        if !known {
            let names: Vec<&str> = pools.iter().map(|p| p.name.as_str()).collect();
            return Err(StudyError::question(
                format!("no quota `{name}` is used"),
                format!("quotas in use: {}", names.join(", ")),
            ));
        }
    }
    let is_wanted = |p: &Pool| {
        let named = |n: &String| p.name == *n || p.key == key_text(n);
        wanted.is_empty() || wanted.iter().any(named)
    };
    Ok(pools.into_iter().filter(is_wanted).collect())
}

/// A pool that the scenario leaves to the catalog.
fn unnamed(name: &str, present: f64, place: usize) -> Pool {
    let key = format!("planned-{place}");
    let parts = ["account", "region", "code", "store"];
    let making = parts
        .iter()
        .zip(name.split('/'))
        .map(|(part, value)| format!("quota.{key}.{part}={value:?}"));
    Pool {
        name: name.to_owned(),
        present,
        making: making.collect(),
        key,
        changes: false,
        fixed_window: true,
    }
}

/// When it is plain that a trial misses a target, whatever comes after.
///
/// A need is met by one admitted attempt at most, and what requests need does not depend on the quota. So of all attempts
/// at most as many are admitted as there are needs without a limit, and the throttle rate is at least throttled ÷
/// (throttled + needs), from the moment on that these have been throttled.
struct Hopeless {
    /// Which target.
    target: usize,
    /// By replication: attempts throttled by one quota.
    throttled: Vec<u64>,
}

/// How many times what the target allows has to be throttled before a trial is given up. The interval of what lies
/// nearer is asked for, and that takes whole runs.
const FAR: f64 = 3.0;

impl Hopeless {
    /// For the targets of which it can be said; `unlimited`: the variant's results where no quota throttles.
    fn of(variant: &Variant, unlimited: &VariantResults, targets: &[Target]) -> Option<Hopeless> {
        let plan = &variant.plan;
        let values = |id: &str| -> Option<Vec<f64>> {
            let values = &unlimited.metrics.get(id)?.values;
            values.iter().copied().collect()
        };
        let all_known = plan.warm_up_s == 0
            && plan.workloads.iter().all(|w| w.after.is_none())
            && plan.classes.iter().all(|c| c.request_rate.is_none())
            && values("kms_throttled")?.iter().all(|&n| n == 0.0);
        if !all_known {
            return None;
        }
        let needs = values("kms_needs")?;
        let each = targets.iter().enumerate().filter_map(|(i, target)| {
            let upper = matches!(target.comparison, Relation::Below | Relation::AtMost);
            if target.workload.is_some() || !upper {
                return None;
            }
            let far = target.limit * FAR;
            let most = |needs: f64| match target.metric {
                "kms_throttled" => Some(far),
                "throttle_rate" if far < 1.0 => Some(needs * far / (1.0 - far)),
                _ => None,
            };
            let most: Option<Vec<f64>> = needs.iter().map(|&n| most(n)).collect();
            let throttled = most?.into_iter().map(|n| n.max(0.0) as u64 + 2);
            Some(Hopeless {
                target: i,
                throttled: throttled.collect(),
            })
        });
        each.min_by_key(|h| h.throttled.iter().sum::<u64>())
    }
}

/// The smallest limit of `pool` that meets the targets, with `others` unlimited meanwhile.
///
/// # Errors
/// What the settings make of the scenario is at fault.
pub fn smallest_quota(
    study: &Study,
    pool: &Pool,
    others: &[Pool],
    targets: &[Target],
) -> Result<Solution, StudyError> {
    smallest(study, pool, others, targets, true)
}

/// The same; `in_short`: trials may be given up, and are told what quiet time counts.
fn smallest(
    study: &Study,
    pool: &Pool,
    others: &[Pool],
    targets: &[Target],
    in_short: bool,
) -> Result<Solution, StudyError> {
    let free: Vec<String> = others.iter().flat_map(|p| p.limited(UNLIMITED)).collect();
    let settings = |per_s: u64| [free.clone(), pool.limited(per_s)].concat();
    let run_at = |per_s: u64, lost_at: Option<&[u64]>| match in_short {
        true => study.run_limited(&settings(per_s), targets, lost_at),
        false => study.run(&[], &settings(per_s), study.seed).map(Some),
    };
    let nothing = || StudyError::Run(RunError::Empty);
    let unlimited = run_at(UNLIMITED, None)?.ok_or_else(nothing)?;
    let busiest = unlimited.by_quota.get(&pool.name).and_then(|q| {
        let values = &q.metrics.get("kms_attempts_per_s_max")?.values;
        Some(values.iter().flatten().copied().fold(0.0, f64::max))
    });
    // At its busiest second nothing is refused; other limiters look at seconds that begin anywhere.
    let reach = if pool.fixed_window { 1.0 } else { 2.0 };
    let best = ((busiest.unwrap_or(0.0) * reach).ceil() as u64).max(1);
    let range = Range {
        best,
        worst: 1,
        step: 1.25,
        beyond: 2,
        tolerance: TOLERANCE,
    };
    let run = |per_s: u64, seed: u64| -> Result<Trial, StudyError> {
        let results = study.run(&[], &settings(per_s), seed)?;
        Ok(Trial::of(study, per_s as f64, seed, targets, &results))
    };
    let hopeless = match in_short {
        true => Hopeless::of(&study.with(&[], &settings(UNLIMITED))?, &unlimited, targets),
        false => None,
    };
    // At its busiest second nothing is refused there either: then no run is needed to tell what is.
    let is_known = in_short
        && pool.fixed_window
        && hopeless.is_some()
        && (targets.iter()).all(|t| ["throttle_rate", "kms_throttled"].contains(&t.metric));
    let found = search(range, targets, BTreeMap::new(), &mut |at, completeness| {
        let (value, seed) = (at as f64, study.seed);
        if is_known && at == best {
            return Ok(Trial::of(study, value, seed, targets, &unlimited));
        }
        let missed = match completeness {
            Completeness::Partial => hopeless.as_ref(),
            Completeness::Whole => None,
        };
        let lost_at = missed.map(|hopeless| &hopeless.throttled[..]);
        match (run_at(at, lost_at)?, missed) {
            (Some(results), _) => Ok(Trial::of(study, value, seed, targets, &results)),
            (None, Some(missed)) => {
                let target = missed.target;
                Ok(Trial::cut_short(study, value, seed, targets, target))
            }
            (None, None) => Err(nothing()),
        }
    })?;
    let (value, checks) = match (found.outcome, found.sure) {
        (SearchOutcome::Found, Some(sure)) => confirmed(study, targets, sure, &run)?,
        (SearchOutcome::AllMeet, _) => (1, Vec::new()),
        (SearchOutcome::Found | SearchOutcome::NoneReaches | SearchOutcome::NotMonotone, _) => {
            (best, Vec::new())
        }
    };
    Ok(answer(study, pool, targets, &found, value, checks))
}

/// The setting, raised until fresh seeds meet the targets too, with those runs.
fn confirmed(
    study: &Study,
    targets: &[Target],
    sure: u64,
    run: &dyn Fn(u64, u64) -> Result<Trial, StudyError>,
) -> Result<(u64, Vec<Trial>), StudyError> {
    let (mut at, mut checks) = (sure, Vec::new());
    let seed = study.fresh_seed(0);
    for _ in 0..RAISES {
        let trial = run(at, seed)?;
        let holds = trial.meets(targets, Confidence::Mean);
        checks.push(trial);
        if holds {
            break;
        }
        at += ((at as f64 * TOLERANCE).ceil() as u64).max(1);
    }
    Ok((at, checks))
}

fn answer(
    study: &Study,
    pool: &Pool,
    targets: &[Target],
    found: &SearchResult,
    value: u64,
    checks: Vec<Trial>,
) -> Solution {
    let mut notes = Vec::new();
    let raised = found.sure.is_some_and(|sure| value > sure);
    if raised {
        notes.push("raised until the targets were met with fresh seeds too".to_owned());
    }
    let outcome = found.checked(&checks, targets, &mut notes);
    let edge = |at: Option<u64>| at.map(|at| at as f64);
    Solution {
        question: format!("smallest request quota for {}", limit_name(&pool.name)),
        quota: Some(pool.name.clone()),
        variant: study.variant.clone(),
        settings: pool
            .limited(value)
            .iter()
            .filter(|set| pool.changes || !set.ends_with(".changes=[]"))
            .map(|set| study.path(set))
            .collect(),
        unit: "1/s".to_owned(),
        present: Some(pool.present),
        targets: targets.to_vec(),
        outcome,
        value: value as f64,
        at_the_mean: edge(found.mean),
        interval: edge(found.ruled_out)
            .zip(Some(value as f64))
            .filter(|_| found.sure.is_some()),
        checks,
        trials: found.trials.values().cloned().collect(),
        notes,
    }
}

/// Whether the targets are kept with every pool at its answer, where there is more than one.
///
/// # Errors
/// What the settings make of the scenario is at fault.
pub fn together(
    study: &Study,
    answers: &[(Pool, f64)],
    targets: &[Target],
) -> Result<Trial, StudyError> {
    let sets: Vec<String> = answers
        .iter()
        .flat_map(|(pool, value)| pool.limited(*value as u64))
        .collect();
    let seed = study.fresh_seed(0);
    let results = study.run(&[], &sets, seed)?;
    Ok(Trial::of(
        study,
        answers.len() as f64,
        seed,
        targets,
        &results,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;

    #[test]
    fn what_trials_are_spared_changes_no_answer() {
        const WINDOW: &str = "fixed-window = {}";
        const BUCKET: &str = "token-bucket = { burst = 1 }";
        const CROWD: &str = "flash-crowd = { base = \"30/s\", peak = \"150/s\", at = \"8s\", rise = \"2s\", decay = \"4s\" }";
        for (retry, limiter, arrivals) in [
            ("none", WINDOW, "poisson.rate = \"100/s\""),
            ("standard", WINDOW, CROWD),
            ("legacy", WINDOW, "constant.rate = \"83/s\""),
            ("standard", BUCKET, "poisson.rate = \"100/s\""),
            ("none", BUCKET, CROWD),
        ] {
            let text = format!(
                r#"
                        horizon = "24s"
                        replications = 3
                        region = "us-east-1"
                        retry = "{retry}"
                        key.k = {{}}
                        bucket.b = {{ key = "k", bucket_key = true, older_objects = 0.5, archived_bucket_keys = 10 }}
                        quota.q = {{ limit = "120/s", limiter = {{ {limiter} }} }}
                        assumption.kms_latency.constant.value = "5ms"
                        assumption.s3_latency.constant.value = "30ms"
                        [workload.w]
                        key = "k"
                        operations.Decrypt = 1
                        clients = 5
                        arrivals.{arrivals}
                        [workload.cached]
                        bucket = "b"
                        operations = {{ GetObject = 0.8, PutObject = 0.2 }}
                        popularity.uniform.objects = 1000
                        clients = 5
                        arrivals.poisson.rate = "20/s"
                        [workload.job]
                        key = "k"
                        operations.Decrypt = 1
                        clients = 5
                        start = "5s"
                        job = {{ workers = 3, objects = 50 }}
                        "#
            );
            let input = Input::from_text("t", &text);
            let (study, _) =
                Study::new(&input, &[], None).unwrap_or_else(|e| panic!("{e}\n{text}"));
            let variant = study.with(&[], &[]).expect("a variant");
            let present = study.present().expect("results");
            let pools = pools(&variant, &present, &[]).expect("pools");
            for target in [
                "throttle_rate < 0.1%",
                "throttle_rate <= 5%",
                "kms_throttled < 40",
            ] {
                let targets = [target.parse::<Target>().expect("a target")];
                let answers = [true, false].map(|early| {
                    smallest(&study, &pools[0], &[], &targets, early).expect("an answer")
                });
                let [early, whole] = answers.each_ref().map(|a| {
                    (
                        a.outcome,
                        a.value.to_bits(),
                        a.at_the_mean,
                        a.interval,
                        a.notes.clone(),
                    )
                });
                assert_eq!(early, whole, "{target} {text}");
                // What was not given up is the same run.
                for trial in answers[0].trials.iter().filter(|t| !t.cut_short) {
                    let same = answers[1].trials.iter().find(|t| t.value == trial.value);
                    if let Some(same) = same {
                        assert_eq!(trial.found, same.found);
                    }
                }
                let cut = answers[0].trials.iter().filter(|t| t.cut_short);
                for trial in cut {
                    let same = answers[1].trials.iter().find(|t| t.value == trial.value);
                    let met = same.map(|t| t.meets(&targets, Confidence::Possible));
                    assert!(!met.unwrap_or(false), "{target} at {}", trial.value);
                }
            }
        }
    }
}
