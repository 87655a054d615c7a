//! Gates: what fails is said on standard error before results meet their reader, and decides the exit status.
//!
//! So nobody who closes standard output early, `kmsim run … | head`, turns a failure into a success.

use super::args;
use super::failure::CommandError;
use super::terminal::{print, say};
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
        TextTable.write(&Verdicts(results))?
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
    let told = held.failures.iter();
    let told = told.filter(|r| r.because != RegressionKind::NoInterval);
    failures.extend(told.map(sentence));
    failures
}

/// Why one metric fails.
fn sentence(r: &Regression) -> String {
    let subject = format!("error: regression: {} of variant `{}`", name(r), r.variant);
    let value = |v: Option<f64>| match v {
        Some(v) => number::value(&r.metric, &r.difference.unit, v),
        None => number::NO_DATA.to_owned(),
    };
    let (before, after) = (value(r.difference.baseline), value(r.difference.variant));
    match r.because {
        RegressionKind::Worse => format!(
            "{subject} is worse than in the baseline: {after} against {before}, by more than {} of it",
            number::percent(r.tolerance)
        ),
        RegressionKind::Lost => format!("{subject} has no value, and {before} in the baseline"),
        RegressionKind::Unknown => {
            format!("{subject} has no value in the baseline to be held against")
        }
        RegressionKind::AddedUp => format!(
            "{subject} has no value of its own in the baseline, which keeps its largest workloads and those that thresholds name\n  = help: write a `[threshold]` for it and run the baseline again"
        ),
        RegressionKind::NoInterval => {
            format!("{subject} differs from the baseline without an interval")
        }
    }
}

fn name(r: &Regression) -> String {
    match &r.workload {
        Some(workload) => format!("`workload.{workload}.{}`", r.metric),
        None => format!("`{}`", r.metric),
    }
}

/// Metrics that a sentence names before it counts the others.
const NAMED: usize = 3;

/// Differences without interval: one failure for each variant, whose replications are too few for all of them.
fn unshown(failures: &[Regression]) -> Vec<String> {
    let mut by_variant: Vec<(&str, Vec<String>)> = Vec::new();
    for r in failures {
        if r.because != RegressionKind::NoInterval {
            continue;
        }
        match by_variant.last_mut() {
            Some((variant, names)) if *variant == r.variant => names.push(name(r)),
            Some(_) | None => by_variant.push((&r.variant, vec![name(r)])),
        }
    }
    let said = by_variant.into_iter().map(|(variant, names)| {
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "error: variant `{variant}`: the differences of {}{more} have no interval, so regressions cannot be checked\n  = help: use at least two replications, in the baseline too",
            names[..names.len().min(NAMED)].join(", "),
        )
    });
    said.collect()
}
