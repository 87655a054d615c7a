//! Thresholds and their verdicts as a table.
//!
//! Not here: the judgement, which arrives done.

use super::content::Content;
use super::page::{Block, Grid, Page};
use crate::metrics::number;
use crate::metrics::target::in_words;
use crate::results::{RunResults, ThresholdResult, ThresholdVerdict};
use serde_json::Value;

/// A verdict as it is written for people.
pub fn word(verdict: ThresholdVerdict) -> &'static str {
    match verdict {
        ThresholdVerdict::Met => "met",
        ThresholdVerdict::MetNotShown => "met by the mean, not by the whole interval",
        ThresholdVerdict::Crossed => "CROSSED",
        ThresholdVerdict::NoData => "NO DATA",
    }
}

/// The target for people: `throttle rate < 0.1 %`.
pub fn target(t: &ThresholdResult) -> String {
    let limit = number::value(&t.metric, &t.unit, t.limit);
    in_words(&t.metric, t.workload.as_deref(), &t.comparison, &limit)
}

/// The value that was found, with its interval.
pub fn found(t: &ThresholdResult) -> String {
    let half = t.ci_low.zip(t.ci_high).map(|(l, h)| (h - l) / 2.0);
    match (t.mean, half) {
        (Some(mean), Some(half)) => number::spread(&t.metric, &t.unit, mean, half),
        (Some(mean), None) => number::value(&t.metric, &t.unit, mean),
        (None, _) => number::NO_DATA.to_owned(),
    }
}

const HEADER: [&str; 5] = ["threshold", "variant", "target", "found", "verdict"];

/// One row a threshold and variant, in the columns of the header above.
pub fn rows(results: &RunResults) -> Vec<[String; 5]> {
    let rows = results.thresholds.iter().map(|t| {
        [
            t.name.clone(),
            t.variant.clone(),
            target(t),
            found(t),
            word(t.verdict).to_owned(),
        ]
    });
    rows.collect()
}

/// All verdicts as a table; `None` without thresholds.
pub fn table(results: &RunResults) -> Option<Grid> {
    let grid = Grid {
        numbers: HEADER.iter().map(|h| *h == "found").collect(),
        ..Grid::new(HEADER, rows(results))
    };
    (!results.thresholds.is_empty()).then_some(grid)
}

/// The verdicts of one run alone.
#[derive(Clone, Copy, Debug)]
pub struct Verdicts<'a>(pub &'a RunResults);

impl Content for Verdicts<'_> {
    fn page(&self) -> Page {
        Page::of(
            "thresholds",
            table(self.0).map(Block::Table).into_iter().collect(),
        )
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&self.0.thresholds)
    }
}

/// Thresholds that a sentence names before it counts the others.
const NAMED: usize = 5;

/// What fails, in a sentence; `None` where nothing does.
pub fn failure(results: &RunResults) -> Option<String> {
    let clause = |verdict, what: &str| {
        let all = results.thresholds.iter();
        let names: Vec<String> = all
            .filter(|t| t.verdict == verdict)
            .map(|t| format!("`{}` of variant `{}`", t.name, t.variant))
            .collect();
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = names[..names.len().min(NAMED)].join(", ");
        (!names.is_empty()).then(|| format!("{} {what} ({named}{more})", names.len()))
    };
    let crossed = clause(ThresholdVerdict::Crossed, "crossed");
    let without = clause(ThresholdVerdict::NoData, "without data");
    let clauses: Vec<String> = crossed.into_iter().chain(without).collect();
    (!clauses.is_empty()).then(|| {
        format!(
            "{}: of {} thresholds {}",
            results.scenario.name,
            results.thresholds.len(),
            clauses.join(", ")
        )
    })
}
