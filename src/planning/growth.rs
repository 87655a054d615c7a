//! The largest growth of all or some workloads that still meets the targets, and when it is reached.

use super::search::{Range, SearchResult, search};
use super::study::Confidence;
use super::{SearchOutcome, Solution, Study, StudyError, Trial};
use crate::catalog::limit_name;
use crate::input::document::key_text;
use crate::metrics::number;
use crate::metrics::target::Target;
use crate::scenario::group::workloads_named;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Settings are thousandths of a factor.
const SCALE: f64 = 1_000.0;

/// Largest factor that is tried, in thousandths: a hundred times the traffic is another system.
const LARGEST: u64 = 100_000;

/// Width at which the search stops, as a share of the factor.
const TOLERANCE: f64 = 0.005;

/// Days of a mean month.
const MONTH_DAYS: f64 = 30.436_875;

/// The largest factor on the traffic of `workloads` (names, patterns, groups; all, if none is named) that meets the targets.
///
/// # Errors
/// What the settings make of the scenario is at fault.
pub fn largest_growth(
    study: &Study,
    workloads: &[String],
    targets: &[Target],
) -> Result<Solution, StudyError> {
    let variant = study.with(&[], &[])?;
    let scenario = &variant.scenario;
    let all: Vec<String> = scenario.workload.keys().cloned().collect();
    let known = scenario.workload.keys().map(String::as_str);
    let named = workloads_named(workloads, known, &scenario.group, "--workload");
    let named = named.map_err(|fault| {
        let variant = format!(" (variant `{}`)", study.variant);
        StudyError::question(fault.message + &variant, fault.help.unwrap_or_default())
    })?;
    if all.is_empty() {
        return Err(StudyError::question(
            format!(
                "variant `{}` has no workload that could grow",
                study.variant
            ),
            "the load of a log group is `incoming_bytes_per_second`: raise it with `--set`",
        ));
    }
    let grown = if workloads.is_empty() { &all } else { &named };
    let keys: Vec<String> = grown
        .iter()
        .map(|w| format!("workload.{}.growth", key_text(w)))
        .collect();
    let run = |at: u64, seed: u64| -> Result<Trial, StudyError> {
        let factor = at as f64 / SCALE;
        let sets: Vec<String> = keys.iter().map(|k| format!("{k}={factor}")).collect();
        let results = study.run(&[], &sets, seed)?;
        Ok(Trial::of(study, factor, seed, targets, &results))
    };
    let today = SCALE as u64;
    let (mut trials, mut best) = (BTreeMap::new(), today);
    // Where today's traffic does not meet them, less may.
    let worst = loop {
        let trial = run(best, study.seed)?;
        let meets = trial.meets(targets, Confidence::Sure);
        trials.insert(best, trial);
        if meets || best == 1 {
            break if best == today { LARGEST } else { today };
        }
        best = (best * 4 / 5).max(1);
    };
    let range = Range {
        best,
        worst,
        step: 1.25,
        beyond: 1,
        tolerance: TOLERANCE,
    };
    let found = search(range, targets, trials, &mut |at, _| run(at, study.seed))?;
    let (mut value, mut checks) = (found.sure.unwrap_or(best), Vec::new());
    if found.outcome == SearchOutcome::Found {
        let seed = study.fresh_seed(0);
        loop {
            let trial = run(value, seed)?;
            let holds = trial.meets(targets, Confidence::Mean);
            checks.push(trial);
            let lower = (value as f64 * (1.0 - TOLERANCE)).floor() as u64;
            if holds || lower == 0 || checks.len() > 40 {
                break;
            }
            value = lower.min(value - 1);
        }
    } else if found.outcome == SearchOutcome::AllMeet {
        value = worst;
    }
    // Of several quotas, which of them it is.
    let mut nearest = None;
    if found.outcome == SearchOutcome::Found && variant.plan.quotas.len() > 1 {
        let factor = value as f64 / SCALE;
        let sets: Vec<String> = keys.iter().map(|k| format!("{k}={factor}")).collect();
        let results = study.run(&[], &sets, study.seed)?;
        nearest = results.tightest_quota().map(|(name, quota)| {
            let headroom = number::estimate("quota_headroom", &quota.metrics["quota_headroom"]);
            format!(
                "the quota that is reached first is {}: headroom {headroom} at this growth",
                limit_name(name)
            )
        });
    }
    let question = if workloads.is_empty() {
        "largest growth factor of all workloads".to_owned()
    } else {
        format!("largest growth factor of {}", workloads.join(", "))
    };
    let mut answer = answer(study, question, &keys, targets, &found, value, checks);
    answer.notes.extend(nearest);
    Ok(answer)
}

fn answer(
    study: &Study,
    question: String,
    keys: &[String],
    targets: &[Target],
    found: &SearchResult,
    value: u64,
    checks: Vec<Trial>,
) -> Solution {
    let mut notes = Vec::new();
    if found.sure.is_some_and(|sure| value < sure) {
        notes.push("lowered until the targets were met with fresh seeds too".to_owned());
    }
    let outcome = found.checked(&checks, targets, &mut notes);
    if found.outcome == SearchOutcome::Found && (value as f64) < SCALE {
        notes.push("below 1: today's traffic does not meet the targets".to_owned());
    }
    let factor = |at: u64| at as f64 / SCALE;
    Solution {
        question,
        quota: None,
        variant: study.variant.clone(),
        settings: keys
            .iter()
            .map(|k| study.path(&format!("{k}={}", value as f64 / SCALE)))
            .collect(),
        unit: "1".to_owned(),
        present: Some(1.0),
        targets: targets.to_vec(),
        outcome,
        value: factor(value),
        at_the_mean: found.mean.map(factor),
        interval: found
            .ruled_out
            .filter(|_| found.sure.is_some())
            .map(|at| (factor(value), factor(at))),
        checks,
        trials: found.trials.values().cloned().collect(),
        notes,
    }
}

/// The day on which growth of `per_month` (0.04 for 4 %) since `from` reaches a factor; `None` where it never does,
/// or after the year 9999. A factor below 1 has been exceeded before `from`.
pub fn reached_on(factor: f64, per_month: f64, from: Date) -> Option<Date> {
    if per_month <= 0.0 || factor <= 0.0 {
        return None;
    }
    let months = libm::log(factor) / libm::log1p(per_month);
    let days = (months * MONTH_DAYS).floor();
    let span = jiff::Span::new().try_days(days as i64).ok()?;
    from.checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_reaches_a_factor_on_a_day() {
        let from: Date = "2026-11-24".parse().unwrap();
        // 1.04¹² = 1.601: a year.
        assert_eq!(
            reached_on(1.601_04, 0.04, from),
            Some("2027-11-24".parse().unwrap())
        );
        assert_eq!(reached_on(1.0, 0.04, from), Some(from));
        assert!(reached_on(0.5, 0.04, from).unwrap() < from);
        assert_eq!(reached_on(2.0, 0.0, from), None);
        assert_eq!(reached_on(1e9, 1e-9, from), None);
    }
}
