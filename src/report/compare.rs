//! Comparisons against the baseline as a terminal table, as Markdown and as JSON.
//!
//! Not here: the calculation of differences, intervals and verdicts, which arrive done.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::{number, table};
use crate::metrics::registry;
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
pub fn method(c: &Comparison) -> &'static str {
    if c.paired {
        "same arrivals, differences paired by replication"
    } else {
        "different arrivals, unpaired (Welch)"
    }
}

/// Every comparison as a table for a terminal.
pub fn table(comparisons: &[Comparison]) -> String {
    if comparisons.is_empty() {
        return "Nothing to compare: there is one variant only.\n".to_owned();
    }
    let mut out = String::new();
    for c in comparisons {
        out += &format!("{} against {} ({})\n", c.variant, c.baseline, method(c));
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(table::WIDTH as u16);
        table.set_header(["", "baseline", "variant", "difference", "verdict"]);
        for r in rows(c) {
            table.add_row([&r.label, &r.baseline, &r.variant, &r.difference, r.verdict]);
        }
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        // Only labels may be broken into lines.
        for column in table.column_iter_mut().skip(1) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        out += &table.trim_fmt();
        out.push('\n');
    }
    out
}

/// Every comparison as a Markdown table.
pub fn markdown(comparisons: &[Comparison]) -> String {
    let mut out = String::new();
    for c in comparisons {
        let text = table::markdown_text;
        out += &format!(
            "**{}** against **{}** ",
            text(&c.variant),
            text(&c.baseline)
        );
        out += &format!("({})\n\n", method(c));
        out += "|  | baseline | variant | difference | verdict |\n|---|---:|---:|---:|---|\n";
        for r in rows(c) {
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
    }
    out
}

/// Every comparison as a JSON array.
pub fn json(comparisons: &[Comparison]) -> Result<String, serde_json::Error> {
    super::json::text(&comparisons)
}

/// One row of the comparison as CSV.
#[derive(serde::Serialize)]
struct CsvRow<'a> {
    baseline: &'a str,
    variant: &'a str,
    paired: bool,
    metric: &'a str,
    baseline_mean: Option<f64>,
    variant_mean: Option<f64>,
    difference: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    unit: &'a str,
    verdict: Verdict,
}

/// The comparisons as CSV, one row a metric.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(comparisons: &[Comparison]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for c in comparisons {
        for (metric, d) in &c.metrics {
            writer.serialize(CsvRow {
                baseline: &c.baseline,
                variant: &c.variant,
                paired: c.paired,
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
        assert!(widest <= Some(table::WIDTH), "{text}");
        assert!(markdown(&results.comparisons).contains("| verdict |"));
        let back: Vec<Comparison> =
            serde_json::from_str(&json(&results.comparisons).unwrap()).unwrap();
        assert_eq!(back, results.comparisons);
    }
}
