//! Gates: what fails is said on standard error before results meet their reader, and decides the exit status.
//!
//! So nobody who closes standard output early, `kmsim run … | head`, turns a failure into a success.

use super::args;
use super::failure::CommandError;
use super::terminal::{print, say, viewport};
use crate::compare::{Regression, RegressionGate, RegressionKind, Regressions};
use crate::metrics::number;
use crate::report;
use crate::report::content::Format;
use crate::report::format::TextTable;
use crate::report::threshold::Verdicts;
use crate::results::RunResults;

/// Says what fails, then prints results.
///
/// # Errors
/// [`CommandError::Judged`] where something fails, whoever reads the results; standard output cannot be written.
pub(super) fn print_judged(text: &str, failures: &[String]) -> Result<(), CommandError> {
    for failure in failures {
        say(failure);
    }
    match print(text) {
        Ok(()) | Err(CommandError::ClosedPipe) if !failures.is_empty() => Err(CommandError::Judged),
        printed => printed,
    }
}

/// Thresholds of a run that fail; `printed`: whether their table is on standard output.
pub(super) fn thresholds(
    results: &RunResults,
    printed: bool,
) -> Result<Option<String>, CommandError> {
    let Some(failure) = report::threshold::failure(results) else {
        return Ok(None);
    };
    let table = if printed {
        String::new()
    } else {
        TextTable.write_to(&Verdicts(results), &viewport(true))?
    };
    Ok(Some(format!("{table}error: {failure}")))
}

/// A precision that was asked for and not reached.
pub(super) fn precision(results: &RunResults) -> Option<String> {
    let missed = results.precision.as_ref().filter(|p| !p.reached)?;
    Some(format!(
        "error: {}: the precision of `{}` was not reached after {} replications",
        results.scenario.name, missed.metric, results.replications
    ))
}

/// What a baseline is for.
pub(super) fn regression_gate(baseline: &args::Baseline) -> RegressionGate {
    RegressionGate {
        noise: baseline.noise,
        gated: baseline.gated.clone(),
    }
}

/// What got worse than in the baseline, or cannot be told from it; a note where nothing is gated.
pub(super) fn regression(held: &Regressions, baseline: &args::Baseline) -> Vec<String> {
    let gated = !baseline.gated.is_empty();
    let mut failures = Vec::new();
    for name in &held.new {
        if gated && !baseline.allow_new_variants {
            failures.push(format!(
                "error: variant `{name}` is not in the baseline, so its regressions cannot be checked\n  = help: run the baseline again, or add `--allow-new-variants`"
            ));
        } else {
            say(&format!(
                "note: variant `{name}` is not in the baseline and is not compared"
            ));
        }
    }
    for name in &held.gone {
        say(&format!(
            "note: variant `{name}` of the baseline no longer exists"
        ));
    }
    if !gated {
        return failures;
    }
    if held.comparisons.is_empty() && baseline.allow_new_variants {
        failures.push(
            "error: no variant is also in the baseline, so regressions cannot be checked"
                .to_owned(),
        );
    }
    if let Some((earlier, now)) = held.measured_s {
        failures.push(format!(
            "error: the baseline measured {earlier} s and this run {now} s, so their totals cannot be compared\n  = help: give both the same `horizon` and `warm_up`"
        ));
    }
    failures.extend(unshown(&held.failures));
    failures.extend(held.failures.iter().filter_map(sentence));
    failures.extend(no_better(&held.failures));
    failures
}

/// Why one metric fails by itself.
fn sentence(r: &Regression) -> Option<String> {
    let subject = format!("error: regression: {} of variant `{}`", name(r), r.variant);
    let value = |v: Option<f64>| match v {
        Some(v) => number::value(&r.metric, &r.difference.unit, v),
        None => number::NO_DATA.to_owned(),
    };
    let (before, after) = (value(r.difference.baseline), value(r.difference.variant));
    Some(match r.because {
        RegressionKind::NoInterval | RegressionKind::WorkLost { .. } => return None,
        RegressionKind::Worse => format!(
            "{subject} is worse than in the baseline: {after} against {before}, by more than {} of it",
            number::percent(r.tolerance)
        ),
        RegressionKind::WorseThroughout { replications } => format!(
            "{subject} is worse than in the baseline: {after} against {before}, in {replications} replications, and better in none, though the 95 % interval of so few reaches zero"
        ),
        RegressionKind::Lost => format!("{subject} has no value, and {before} in the baseline"),
        RegressionKind::Unknown => {
            format!("{subject} has no value in the baseline to be held against")
        }
        RegressionKind::AddedUp => format!(
            "{subject} has no value of its own in the baseline, which keeps its largest workloads and those that thresholds name\n  = help: write a `[threshold]` for it and run the baseline again"
        ),
    })
}

fn name(r: &Regression) -> String {
    match &r.workload {
        Some(workload) => format!("`workload.{workload}.{}`", r.metric),
        None => format!("`{}`", r.metric),
    }
}

/// Metrics that a sentence names before it counts the others.
const NAMED: usize = 3;

/// The first of some metrics, and how many more they are.
fn listed(metrics: &[&Regression]) -> String {
    let names: Vec<String> = metrics.iter().take(NAMED).map(|r| name(r)).collect();
    let more = match metrics.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", names.join(", "))
}

/// Metrics that fail for the same reason, whose replications or work are each variant's as a whole: one failure for each.
fn by_variant(failures: &[Regression], why: fn(RegressionKind) -> bool) -> Vec<Vec<&Regression>> {
    let mut groups: Vec<Vec<&Regression>> = Vec::new();
    for r in failures.iter().filter(|r| why(r.because)) {
        let same = |group: &&mut Vec<&Regression>| {
            (&group[0].variant, group[0].because) == (&r.variant, r.because)
        };
        match groups.last_mut().filter(same) {
            Some(group) => group.push(r),
            None => groups.push(vec![r]),
        }
    }
    groups
}

/// Differences without interval.
fn unshown(failures: &[Regression]) -> Vec<String> {
    let groups = by_variant(failures, |why| why == RegressionKind::NoInterval);
    let said = groups.iter().map(|group| {
        format!(
            "error: variant `{}`: the differences of {} have no interval, so regressions cannot be checked\n  = help: use at least two replications, in the baseline too",
            group[0].variant,
            listed(group),
        )
    });
    said.collect()
}

/// What is lower because more of the work is lost.
fn no_better(failures: &[Regression]) -> Vec<String> {
    let groups = by_variant(failures, |why| {
        matches!(why, RegressionKind::WorkLost { .. })
    });
    let said = groups.iter().filter_map(|group| {
        let RegressionKind::WorkLost { what, before, now } = group[0].because else {
            return None;
        };
        Some(format!(
            "error: regression: variant `{}` loses more of its work than the baseline, so {} cannot be held against it: {} {what}, {} in the baseline\n  = help: to judge the loss apart, gate its metric too, with a share of its own",
            group[0].variant,
            listed(group),
            number::percent(now),
            number::percent(before),
        ))
    });
    said.collect()
}
