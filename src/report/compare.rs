//! Comparisons against the baseline: metric by metric, workload by workload, and the bill.
//!
//! Not here: the calculation of differences, intervals and verdicts, which arrive done.

use indexmap::IndexMap;

use super::content::Content;
use super::metric_rows;
use super::page::{Block, Fit, Grid, Page};
use super::records::Records;
use crate::catalog::{item_label, payer_name};
use crate::metrics::{number, registry};
use crate::results::{Comparison, Difference, Verdict};
use serde_json::Value;

/// A verdict as it is written for people.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Different => "different",
        Verdict::WorkLost => "work lost",
        Verdict::Same => "same",
        Verdict::NoDifferenceShown => "no difference shown",
        Verdict::WithinNoise => "within the noise",
        Verdict::NoData => "no data",
    }
}

/// One metric's difference, written out.
pub struct Row {
    /// Label of the registry, or the identifier.
    pub label: String,
    /// Mean of the baseline.
    pub baseline: String,
    /// Mean of the variant.
    pub variant: String,
    /// Mean difference ± half-width.
    pub difference: String,
    /// The verdict in words.
    pub verdict: &'static str,
}

/// The rows of a comparison, in its order.
pub fn rows(c: &Comparison) -> Vec<Row> {
    c.metrics.iter().map(|(id, d)| row(id, d)).collect()
}

/// One difference written out.
pub fn row(id: &str, d: &Difference) -> Row {
    let mean = |v: Option<f64>| match v {
        Some(v) => number::value(id, &d.unit, v),
        None => number::NO_DATA.to_owned(),
    };
    let half = d
        .ci_low
        .zip(d.ci_high)
        .map(|(low, high)| (high - low) / 2.0);
    let difference = match (d.mean, half) {
        (Some(m), Some(h)) => number::spread(id, &d.unit, m, h),
        (m, _) => mean(m),
    };
    let plus = if d.mean.is_some_and(|m| m > 0.0) {
        "+"
    } else {
        ""
    };
    Row {
        label: registry::metric(id).map_or_else(|| bill_line(id), |m| m.label.to_owned()),
        baseline: mean(d.baseline),
        variant: mean(d.variant),
        difference: format!("{plus}{difference}"),
        verdict: word(d.verdict),
    }
}

/// A line of the bill for people, `KMS requests, US East (N. Virginia)`; of what is not one, its name.
fn bill_line(name: &str) -> String {
    match name.split_once(' ') {
        Some((item, payer)) => format!("{}, {}", item_label(item), payer_name(payer)),
        None => name.to_owned(),
    }
}

/// How the two sides were compared.
pub fn method(c: &Comparison) -> String {
    match &c.unpaired_because {
        _ if c.paired => "same arrivals, differences paired by replication".to_owned(),
        Some(why) => format!("unpaired (Welch), as {why}"),
        None => "unpaired (Welch)".to_owned(),
    }
}

/// The whole comparison in a sentence: which metrics are better, which worse.
pub fn sentence(c: &Comparison) -> String {
    let labels = |wanted: Verdict| -> Vec<&str> {
        let found = c.metrics.iter().filter(|(_, d)| d.verdict == wanted);
        found
            .filter_map(|(id, _)| registry::metric(id).map(|m| m.label))
            .collect()
    };
    let (better, worse) = (labels(Verdict::Better), labels(Verdict::Worse));
    let unclear = labels(Verdict::NoDifferenceShown).len();
    let noise = labels(Verdict::WithinNoise).len();
    let mut parts = Vec::new();
    for (word, labels) in [("Better", &better), ("Worse", &worse)] {
        if !labels.is_empty() {
            parts.push(format!("{word}: {}.", labels.join(", ")));
        }
    }
    if parts.is_empty() {
        parts.push("No metric is shown to be better or worse.".to_owned());
    }
    let work_lost = labels(Verdict::WorkLost);
    if !work_lost.is_empty() {
        parts.push(format!(
            "Not better, as more work is lost: {}.",
            work_lost.join(", ")
        ));
    }
    if unclear > 0 {
        let s = if unclear == 1 { "" } else { "s" };
        parts.push(format!("No difference shown in {unclear} other metric{s}."));
    }
    if noise > 0 {
        let s = if noise == 1 { "" } else { "s" };
        parts.push(format!("Within the noise: {noise} metric{s}."));
    }
    parts.join(" ")
}

/// A part of a comparison that is about less than the whole variant.
pub struct ComparisonPart {
    /// What it is about, `workload playback` or `bill`.
    pub name: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// The workloads that have no rows of their own.
const OTHERS: &str = "all other workloads";

/// Differences by workload and of the bill, but for what is the same or has no data on either side.
pub fn parts(c: &Comparison) -> Vec<ComparisonPart> {
    let changed = |differences: &IndexMap<String, Difference>| -> Vec<Row> {
        let rows = differences.iter().filter(|(_, d)| {
            d.verdict != Verdict::Same && (d.baseline.is_some() || d.variant.is_some())
        });
        rows.map(|(id, d)| row(id, d)).collect()
    };
    let workloads = c.by_workload.iter().map(|(name, metrics)| ComparisonPart {
        name: format!("workload {name}"),
        rows: changed(metrics),
    });
    let others = ComparisonPart {
        name: OTHERS.to_owned(),
        rows: changed(&c.other_workloads),
    };
    let bill = ComparisonPart {
        name: "bill".to_owned(),
        rows: changed(&c.bill),
    };
    let all = workloads.chain([others, bill]);
    all.filter(|p| !p.rows.is_empty()).collect()
}

/// What is set differently, a line each: path, both values, the factor between them.
pub fn settings(c: &Comparison) -> Vec<[String; 4]> {
    let none = || "not set".to_owned();
    let rows = c.settings.iter().map(|d| {
        [
            d.path.clone(),
            d.baseline.clone().unwrap_or_else(none),
            d.variant.clone().unwrap_or_else(none),
            d.factor
                .map_or_else(String::new, |f| format!("× {}", number::plain(f))),
        ]
    });
    rows.collect()
}

/// Most settings that a table for people lists; JSON has all.
const SETTINGS: usize = 20;

fn more(c: &Comparison) -> Option<String> {
    let left = c.settings.len().saturating_sub(SETTINGS);
    (left > 0).then(|| format!("… and {left} more settings; see `--format json` for all."))
}

/// Comparisons, as what `kmsim compare` prints.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a>(pub &'a [Comparison]);

impl Content for Compared<'_> {
    fn page(&self) -> Page {
        Page {
            subject: "compare".to_owned(),
            blocks: blocks(self.0),
            details: details(self.0),
            ..Page::default()
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.0)
    }

    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        Records::of(COLUMNS, self.0.iter().flat_map(csv_rows)).map(Some)
    }
}

/// What decides about every comparison, for people.
pub(super) fn blocks(comparisons: &[Comparison]) -> Vec<Block> {
    if comparisons.is_empty() {
        let text = "Nothing to compare: the scenario has only one variant.";
        return vec![Block::Line(text.to_owned())];
    }
    let mut blocks = Vec::new();
    for c in comparisons {
        let title = format!("{} against {} ({})", c.variant, c.baseline, method(c));
        blocks.push(Block::Heading(3, title));
        let settings = settings(c);
        if !settings.is_empty() {
            let header = ["set differently", "baseline", "variant", ""];
            let rows = settings.into_iter().take(SETTINGS).collect();
            blocks.push(Block::Table(Grid::new(header, rows)));
            blocks.extend(more(c).map(Block::Line));
        }
        blocks.push(Block::Line(sentence(c)));
    }
    blocks.push(Block::Table(overview(comparisons)));
    blocks
}

/// Differences of the summary's metrics that any comparison shows, a column each.
fn overview(comparisons: &[Comparison]) -> Grid {
    let names = comparisons.iter().map(|c| c.variant.clone());
    let shown = metric_rows::metrics().filter(|id| {
        let mut all = comparisons.iter().filter_map(|c| c.metrics.get(*id));
        all.any(|d| d.mean.is_some() && d.verdict != Verdict::Same)
    });
    let rows = shown.map(|id| {
        let label = registry::metric(id).map_or(id, |m| m.label);
        let cells = comparisons.iter().map(|c| match c.metrics.get(id) {
            Some(d) => {
                let row = row(id, d);
                format!("{}, {}", row.difference, row.verdict)
            }
            None => number::NO_DATA.to_owned(),
        });
        std::iter::once(label.to_owned()).chain(cells).collect()
    });
    Grid {
        header: std::iter::once("difference".to_owned())
            .chain(names)
            .collect(),
        rows: rows.collect(),
        numbers: (0..=comparisons.len()).map(|i| i > 0).collect(),
        fit: Fit::InBlocks,
    }
}

/// All metrics of every comparison.
pub(super) fn details(comparisons: &[Comparison]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for c in comparisons {
        if comparisons.len() > 1 {
            let title = format!("{} against {}", c.variant, c.baseline);
            blocks.push(Block::Heading(4, title));
        }
        blocks.push(differences("", &rows(c)));
        for part in parts(c) {
            blocks.push(differences(&part.name, &part.rows));
        }
    }
    blocks
}

fn differences(name: &str, rows: &[Row]) -> Block {
    let header = [name, "baseline", "variant", "difference", "verdict"];
    let cells = rows.iter().map(|r| {
        [
            r.label.clone(),
            r.baseline.clone(),
            r.variant.clone(),
            r.difference.clone(),
            r.verdict.to_owned(),
        ]
    });
    Block::Table(Grid::new(header, cells.collect()))
}

/// One row of the comparison as CSV.
#[derive(serde::Serialize)]
struct CsvRow<'a> {
    baseline: &'a str,
    variant: &'a str,
    paired: bool,
    /// `variant`, `workload NAME`, `all other workloads` or `bill`.
    part: String,
    metric: &'a str,
    baseline_mean: Option<f64>,
    variant_mean: Option<f64>,
    difference: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    unit: &'a str,
    verdict: Verdict,
}

const COLUMNS: &[&str] = &[
    "baseline",
    "variant",
    "paired",
    "part",
    "metric",
    "baseline_mean",
    "variant_mean",
    "difference",
    "ci_low",
    "ci_high",
    "unit",
    "verdict",
];

/// One row for each metric of the variant and of each workload, and one for each line of the bill.
fn csv_rows(c: &Comparison) -> Vec<CsvRow<'_>> {
    let workloads = c.by_workload.iter();
    let parts = [("variant".to_owned(), &c.metrics)]
        .into_iter()
        .chain(workloads.map(|(name, metrics)| (format!("workload {name}"), metrics)))
        .chain([(OTHERS.to_owned(), &c.other_workloads)])
        .chain([("bill".to_owned(), &c.bill)]);
    let rows = parts.flat_map(|(part, differences)| {
        differences.iter().map(move |(metric, d)| CsvRow {
            baseline: &c.baseline,
            variant: &c.variant,
            paired: c.paired,
            part: part.clone(),
            metric,
            baseline_mean: d.baseline,
            variant_mean: d.variant,
            difference: d.mean,
            ci_low: d.ci_low,
            ci_high: d.ci_high,
            unit: &d.unit,
            verdict: d.verdict,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::content::Format;
    use crate::report::fixture;
    use crate::report::format::{Markdown, TextTable};
    use crate::report::text::WIDTH;

    #[test]
    fn every_verdict_is_a_word() {
        let results = fixture::evening_peak();
        let compared = Compared(&results.comparisons);
        let text = TextTable.write(&compared).unwrap();
        for w in ["better", "worse", "no difference shown", "no data"] {
            assert!(text.contains(w), "{w}\n{text}");
        }
        let drawn = |l: &&str| l.starts_with(['│', '┌']);
        let widest = text.lines().filter(drawn).map(|l| l.chars().count()).max();
        assert!(widest <= Some(WIDTH), "{text}");
        assert!(Markdown.write(&compared).unwrap().contains("| verdict |"));
        let back: Vec<Comparison> = serde_json::from_value(compared.value().unwrap()).unwrap();
        assert_eq!(back, results.comparisons);
    }
}
