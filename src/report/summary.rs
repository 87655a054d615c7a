//! Runs, as what `kmsim run` prints: metrics are rows and variants are columns.
//!
//! Left out: colours, breakdowns and the bill (`report.html`).

use super::content::{Content, Format};
use super::error::ReportError;
use super::page::{Block, Fit, Grid, Page};
use super::records::Records;
use super::text::{caption, note};
use super::{compare, csv, limits, side_by_side, threshold, verdict};
use crate::metrics::number;
use crate::metrics::registry;
use crate::results::{Comparison, Metrics, RunResults, VariantResults};
use indexmap::IndexMap;
use serde_json::Value;

/// Whether a row is shown although no variant has a value in it other than none or zero.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    Always,
    WithData,
    NonZero,
}

/// Rows of the summary, by metric. The quota row follows `kms_attempts_per_s_max`.
const ROWS: &[(&str, Show)] = &[
    ("kms_calls", Show::Always),
    ("kms_attempts", Show::Always),
    ("kms_throttled", Show::Always),
    ("throttle_rate", Show::Always),
    ("s3_throttled", Show::WithData),
    ("s3_throttle_rate", Show::WithData),
    ("kms_attempts_per_s_max", Show::Always),
    ("quota_headroom", Show::Always),
    ("s3_headroom", Show::WithData),
    ("cloudwatch_alarm_80_percent", Show::WithData),
    ("added_delay_s_p50", Show::Always),
    ("added_delay_s_p99", Show::Always),
    ("added_delay_s_max", Show::Always),
    ("s3_requests_failed", Show::Always),
    ("app_requests_failed", Show::NonZero),
    ("s3_requests_denied", Show::NonZero),
    ("job_completion_s", Show::WithData),
    ("cost_total_usd", Show::Always),
    ("cost_total_usd_per_month", Show::Always),
];

/// Metrics that a summary shows, in its order.
pub fn metrics() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(id, _)| *id)
}

/// A metric of a table row as text.
pub fn cell(metrics: &Metrics, id: &str) -> String {
    metrics
        .get(id)
        .map_or_else(|| number::NO_DATA.to_owned(), |e| number::estimate(id, e))
}

/// The rows of the summary: label, then one text a variant.
pub fn rows(results: &RunResults) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    for (id, show) in ROWS {
        let mean = |v: &VariantResults| v.metrics.get(*id).and_then(|e| e.mean);
        let wanted = match show {
            Show::Always => true,
            Show::WithData => results.variants.iter().any(|v| mean(v).is_some()),
            Show::NonZero => results
                .variants
                .iter()
                .any(|v| mean(v).is_some_and(|m| m != 0.0)),
        };
        if !wanted {
            continue;
        }
        let label = registry::metric(id).map_or(*id, |m| m.label);
        let busiest = *id == "kms_attempts_per_s_max";
        let cells = results.variants.iter().map(|v| {
            // The busiest second stands beside the quota it counts against, so both come from
            // the tightest quota, not from whichever quota is busiest in absolute numbers.
            let tightest = v.tightest_quota().filter(|_| busiest);
            cell(tightest.map_or(&v.metrics, |(_, q)| &q.metrics), id)
        });
        rows.push((label.to_owned(), cells.collect()));
        if busiest {
            let quota = |v: &VariantResults| match v.tightest_quota() {
                Some((_, q)) => number::value("", "1/s", q.quota),
                None => number::NO_DATA.to_owned(),
            };
            rows.push((
                "of a quota of".to_owned(),
                results.variants.iter().map(quota).collect(),
            ));
        }
    }
    rows
}

/// Why a metric of a variant, or of several, has no data, as a sentence.
pub fn without_data(variants: &str, id: &str, why: &str) -> String {
    let label = registry::metric(id).map_or(id, |m| m.label);
    format!("{variants}: no {label}: {why}.")
}

/// Why metrics have no data, each reason once, with the variants that it holds for.
fn reasons(results: &RunResults) -> impl Iterator<Item = String> {
    let mut variants: IndexMap<(&str, &str), Vec<&str>> = IndexMap::new();
    for v in &results.variants {
        for (id, why) in &v.without_data {
            variants.entry((id, why)).or_default().push(&v.name);
        }
    }
    let sentence =
        |((id, why), names): ((&str, &str), Vec<&str>)| without_data(&names.join(", "), id, why);
    variants.into_iter().map(sentence)
}

/// What is in none of the costs, as a sentence; `None` where nothing is known to be left out.
pub fn left_out(results: &RunResults) -> Option<String> {
    let what: Vec<&str> = results
        .costs_left_out
        .iter()
        .map(|c| c.what.as_str())
        .collect();
    (!what.is_empty()).then(|| format!("Not in the costs: {}.", what.join("; ")))
}

/// Runs of scenarios, with differences from an earlier run where there is one.
#[derive(Clone, Debug, Default)]
pub struct Summary<'a> {
    /// One for each scenario.
    pub results: &'a [RunResults],
    /// Differences of each from the earlier run; for people only.
    pub against: Vec<&'a [Comparison]>,
}

/// One run as text.
///
/// # Errors
/// The format cannot write it.
pub fn text(format: &dyn Format, results: &RunResults) -> Result<String, ReportError> {
    let results = std::slice::from_ref(results);
    let summary = Summary {
        results,
        against: Vec::new(),
    };
    format.write(&summary)
}

impl Content for Summary<'_> {
    fn page(&self) -> Page {
        let mut blocks = Vec::new();
        for results in self.results {
            if !blocks.is_empty() {
                blocks.push(Block::Break);
            }
            blocks.extend(run(results));
        }
        for comparisons in &self.against {
            blocks.push(Block::Break);
            blocks.extend(compare::blocks(comparisons));
        }
        Page::of(blocks)
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        match self.results {
            [one] => serde_json::to_value(one),
            several => serde_json::to_value(several),
        }
    }

    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        csv::summary_rows(self.results).map(Some)
    }
}

/// One run.
fn run(results: &RunResults) -> Vec<Block> {
    let names = results.variants.iter().map(|v| v.name.clone());
    let rows = rows(results).into_iter();
    let grid = Grid {
        header: std::iter::once(String::new()).chain(names).collect(),
        rows: rows
            .map(|(label, cells)| std::iter::once(label).chain(cells).collect())
            .collect(),
        numbers: (0..=results.variants.len()).map(|i| i > 0).collect(),
        fit: Fit::InBlocks,
    };
    let mut blocks = vec![Block::Line(caption(results))];
    blocks.extend(verdict::blocks(results));
    blocks.extend([Block::Table(grid), Block::Line(note(results).to_owned())]);
    let tables = [side_by_side::quotas(results), side_by_side::groups(results)];
    for table in tables.into_iter().flatten() {
        let (grid, more) = table.shortened();
        blocks.push(Block::Table(grid));
        blocks.extend(more.map(Block::Line));
    }
    for v in &results.variants {
        let sentence = limits::first(v);
        blocks.extend(sentence.map(|s| Block::Line(format!("{}: {s}", v.name))));
    }
    blocks.extend(reasons(results).map(Block::Paragraph));
    blocks.extend(left_out(results).map(Block::Paragraph));
    blocks.extend(threshold::table(results).map(Block::Table));
    blocks.extend(results.warnings.iter().cloned().map(Block::Warning));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::format::{Markdown, TextTable};
    use crate::report::text::WIDTH;

    fn summary(results: &RunResults) -> String {
        text(&TextTable, results).unwrap()
    }

    #[test]
    fn fits_the_terminal_for_one_to_twelve_variants() {
        for n in 1..=12 {
            let text = summary(&fixture::variants(n));
            for line in text.lines().filter(|l| l.starts_with(['│', '┌'])) {
                assert!(line.chars().count() <= WIDTH, "{n}: {line}");
            }
        }
        for results in [fixture::hostile_names(), fixture::thirty_days()] {
            let text = summary(&results);
            let table = text.lines().filter(|l| l.starts_with(['│', '┌']));
            assert!(
                table.into_iter().all(|l| l.chars().count() <= WIDTH),
                "{text}"
            );
        }
    }

    #[test]
    fn missing_is_no_data_and_one_replication_has_no_interval() {
        let text = summary(&fixture::nothing_happened());
        assert!(text.contains("no data"), "{text}");
        let text = summary(&fixture::one_replication());
        assert!(!text.contains(" ± "), "{text}");
    }

    #[test]
    fn markdown_cells_are_as_many_as_columns() {
        let results = fixture::hostile_names();
        let text = super::text(&Markdown, &results).unwrap();
        let bars = |l: &str| l.replace("\\|", "").matches('|').count();
        for line in text.lines().filter(|l| l.starts_with('|')) {
            assert_eq!(bars(line), results.variants.len() + 2, "{line}");
        }
        assert!(!text.contains("<&"));
    }
}
