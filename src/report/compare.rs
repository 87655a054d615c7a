//! Comparisons against the baseline as a terminal table, as Markdown and as JSON.
//!
//! Not here: the calculation of differences, intervals and verdicts, which arrive done.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use indexmap::IndexMap;

use super::text::{WIDTH, markdown_text};
use crate::metrics::{number, registry};
use crate::results::{Comparison, Difference, Verdict};

/// A verdict as it is written for people.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Different => "different",
        Verdict::Same => "same",
        Verdict::NoDifferenceShown => "no difference shown",
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
        label: registry::metric(id).map_or_else(|| id.to_owned(), |m| m.label.to_owned()),
        baseline: mean(d.baseline),
        variant: mean(d.variant),
        difference: format!("{plus}{difference}"),
        verdict: word(d.verdict),
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
    let mut parts = Vec::new();
    for (word, labels) in [("Better", &better), ("Worse", &worse)] {
        if !labels.is_empty() {
            parts.push(format!("{word}: {}.", labels.join(", ")));
        }
    }
    if parts.is_empty() {
        parts.push("Nothing is shown to be better or worse.".to_owned());
    }
    if unclear > 0 {
        let s = if unclear == 1 { "" } else { "s" };
        parts.push(format!("No difference shown in {unclear} other metric{s}."));
    }
    parts.join(" ")
}

/// A part of a comparison that is about less than the whole variant.
pub struct Part {
    /// What it is about, `workload playback` or `bill`.
    pub name: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// Differences by workload and of the bill, but for what is the same or has no data on either side.
pub fn parts(c: &Comparison) -> Vec<Part> {
    let told = |differences: &IndexMap<String, Difference>| -> Vec<Row> {
        let rows = differences.iter().filter(|(_, d)| {
            d.verdict != Verdict::Same && (d.baseline.is_some() || d.variant.is_some())
        });
        rows.map(|(id, d)| row(id, d)).collect()
    };
    let workloads = c.by_workload.iter().map(|(name, metrics)| Part {
        name: format!("workload {name}"),
        rows: told(metrics),
    });
    let bill = Part {
        name: "bill".to_owned(),
        rows: told(&c.bill),
    };
    let all = workloads.chain([bill]);
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
    (left > 0).then(|| format!("… and {left} more settings; `--format json` has them all."))
}

/// Every comparison as a table for a terminal.
pub fn table(comparisons: &[Comparison]) -> String {
    if comparisons.is_empty() {
        return "Nothing to compare: there is one variant only.\n".to_owned();
    }
    let mut out = String::new();
    for c in comparisons {
        out += &format!("{} against {} ({})\n", c.variant, c.baseline, method(c));
        let settings = settings(c);
        if !settings.is_empty() {
            let header = ["set differently", "baseline", "variant", ""].map(str::to_owned);
            let rows: Vec<[String; 4]> = settings.into_iter().take(SETTINGS).collect();
            out += &boxed(&header, &rows);
            out.extend(more(c).map(|m| m + "\n"));
        }
        out += &sentence(c);
        out.push('\n');
        out += &differences("", &rows(c));
        for part in parts(c) {
            out += &differences(&part.name, &part.rows);
        }
    }
    out
}

fn differences(name: &str, rows: &[Row]) -> String {
    let header = [name, "baseline", "variant", "difference", "verdict"].map(str::to_owned);
    let rows: Vec<[String; 5]> = rows
        .iter()
        .map(|r| {
            [
                r.label.clone(),
                r.baseline.clone(),
                r.variant.clone(),
                r.difference.clone(),
                r.verdict.to_owned(),
            ]
        })
        .collect();
    boxed(&header, &rows)
}

/// A table whose middle columns are numbers; only its first may be broken into lines, and long texts.
pub(super) fn boxed<const N: usize>(header: &[String; N], rows: &[[String; N]]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH as u16);
    table.set_header(header.clone());
    for row in rows {
        table.add_row(row.clone());
    }
    for column in table
        .column_iter_mut()
        .skip(1)
        .take(N.saturating_sub(2).max(1))
    {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let widest = |i: usize| {
        let texts = rows.iter().map(|r| r[i].chars().count());
        texts.max().unwrap_or(0)
    };
    let total: usize = (1..N).map(|i| widest(i) + 3).sum();
    if total + 20 <= WIDTH {
        for column in table.column_iter_mut().skip(1) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt() + "\n"
}

/// Every comparison as a Markdown table.
pub fn markdown(comparisons: &[Comparison]) -> String {
    let text = markdown_text;
    let mut out = String::new();
    for c in comparisons {
        out += &format!(
            "**{}** against **{}** ",
            text(&c.variant),
            text(&c.baseline)
        );
        out += &format!("({})\n\n", text(&method(c)));
        let settings = settings(c);
        if !settings.is_empty() {
            out += "| set differently | baseline | variant |  |\n|---|---:|---:|---:|\n";
            for row in settings.iter().take(SETTINGS) {
                out += &format!("| {} |\n", row.each_ref().map(|c| text(c)).join(" | "));
            }
            out.extend(more(c).map(|m| format!("\n{m}\n")));
            out.push('\n');
        }
        out += &format!("{}\n\n", text(&sentence(c)));
        out += &markdown_differences("", &rows(c));
        for part in parts(c) {
            out += &markdown_differences(&part.name, &part.rows);
        }
    }
    out
}

fn markdown_differences(name: &str, rows: &[Row]) -> String {
    let text = markdown_text;
    let mut out = format!(
        "| {} | baseline | variant | difference | verdict |\n",
        text(name)
    );
    out += "|---|---:|---:|---:|---|\n";
    for r in rows {
        out += &format!(
            "| {} | {} | {} | {} | {} |\n",
            text(&r.label),
            r.baseline,
            r.variant,
            r.difference,
            r.verdict
        );
    }
    out.push('\n');
    out
}

/// Every comparison as a JSON array.
pub fn json(comparisons: &[Comparison]) -> Result<String, serde_json::Error> {
    crate::results::json::text(&comparisons)
}

/// One row of the comparison as CSV.
#[derive(serde::Serialize)]
struct CsvRow<'a> {
    baseline: &'a str,
    variant: &'a str,
    paired: bool,
    /// `variant`, `workload NAME` or `bill`.
    part: &'a str,
    metric: &'a str,
    baseline_mean: Option<f64>,
    variant_mean: Option<f64>,
    difference: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    unit: &'a str,
    verdict: Verdict,
}

/// The comparisons as CSV: one row a metric of the variant and of each workload, one a line of the bill.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(comparisons: &[Comparison]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for c in comparisons {
        let workloads = c.by_workload.iter();
        let parts = [("variant".to_owned(), &c.metrics)]
            .into_iter()
            .chain(workloads.map(|(name, metrics)| (format!("workload {name}"), metrics)))
            .chain([("bill".to_owned(), &c.bill)]);
        for (part, differences) in parts {
            for (metric, d) in differences {
                writer.serialize(CsvRow {
                    baseline: &c.baseline,
                    variant: &c.variant,
                    paired: c.paired,
                    part: &part,
                    metric,
                    baseline_mean: d.baseline,
                    variant_mean: d.variant,
                    difference: d.mean,
                    ci_low: d.ci_low,
                    ci_high: d.ci_high,
                    unit: &d.unit,
                    verdict: d.verdict,
                })?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_verdict_is_a_word() {
        let results = fixture::evening_peak();
        let text = table(&results.comparisons);
        for w in ["better", "worse", "no difference shown", "no data"] {
            assert!(text.contains(w), "{w}\n{text}");
        }
        let drawn = |l: &&str| l.starts_with(['│', '┌']);
        let widest = text.lines().filter(drawn).map(|l| l.chars().count()).max();
        assert!(widest <= Some(WIDTH), "{text}");
        assert!(markdown(&results.comparisons).contains("| verdict |"));
        let back: Vec<Comparison> =
            serde_json::from_str(&json(&results.comparisons).unwrap()).unwrap();
        assert_eq!(back, results.comparisons);
    }
}
