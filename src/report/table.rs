//! The summary of a run as a terminal table and as Markdown.
//!
//! Metrics are rows and variants are columns, in blocks that fit 100 columns, so that twelve
//! variants read as well as one. Not here: colours, breakdowns and the bill (`report.html`).

use comfy_table::{CellAlignment, Table, presets};

use super::limits;
use super::text::{WIDTH, caption, markdown_text, note, wrap};
use crate::metrics::number;
use crate::metrics::registry;
use crate::results::{Metrics, RunResults, VariantResults};

/// Widest a variant's name may make its column before it is wrapped.
const NAME_WIDTH: usize = 24;

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

/// The summary for a terminal, at most 100 columns wide, with warnings below.
pub fn summary(results: &RunResults) -> String {
    let rows = rows(results);
    let mut out = caption(results) + "\n";
    let label_width = rows
        .iter()
        .map(|(l, _)| l.chars().count())
        .max()
        .unwrap_or(0);
    // Each column carries two blanks of padding and one rule.
    let column_width = |i: usize| {
        let widest = rows
            .iter()
            .filter_map(|(_, c)| c.get(i))
            .map(|c| c.chars().count())
            .max();
        let name = results.variants[i].name.chars().count().min(NAME_WIDTH);
        widest.unwrap_or(0).max(name) + 3
    };
    let mut first = 0;
    while first < results.variants.len() {
        let mut used = label_width + 4 + column_width(first);
        let mut end = first + 1;
        while end < results.variants.len() && used + column_width(end) <= WIDTH {
            used += column_width(end);
            end += 1;
        }
        out.push_str(&block(results, &rows, first, end));
        out.push('\n');
        first = end;
    }
    out.push_str(note(results));
    out.push('\n');
    for v in &results.variants {
        if let Some(sentence) = limits::first(v) {
            out.push_str(&format!("{}: {sentence}\n", v.name));
        }
    }
    out.push_str(&super::threshold::summary(results));
    for w in &results.warnings {
        out.push_str(&format!("warning: {w}\n"));
    }
    out
}

fn block(results: &RunResults, rows: &[(String, Vec<String>)], first: usize, end: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let names = results.variants[first..end]
        .iter()
        .map(|v| wrap(&v.name, NAME_WIDTH));
    table.set_header(std::iter::once(String::new()).chain(names));
    for (label, cells) in rows {
        table.add_row(std::iter::once(label.clone()).chain(cells[first..end].iter().cloned()));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The summary as a Markdown table, with warnings as a list.
pub fn markdown(results: &RunResults) -> String {
    let mut out = format!("{}\n\n|  |", markdown_text(&caption(results)));
    for v in &results.variants {
        out += &format!(" {} |", markdown_text(&v.name));
    }
    out += "\n|---|";
    out += &"---:|".repeat(results.variants.len());
    out.push('\n');
    for (label, cells) in rows(results) {
        out += &format!("| {label} | {} |\n", cells.join(" | "));
    }
    out += &format!("\n{}\n", note(results));
    if !results.thresholds.is_empty() {
        out += &format!("\n{}", super::threshold::markdown(results));
    }
    for (i, w) in results.warnings.iter().enumerate() {
        let gap = if i == 0 { "\n" } else { "" };
        out += &format!("{gap}- **warning:** {}\n", markdown_text(w));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

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
        let text = markdown(&results);
        let bars = |l: &str| l.replace("\\|", "").matches('|').count();
        for line in text.lines().filter(|l| l.starts_with('|')) {
            assert_eq!(bars(line), results.variants.len() + 2, "{line}");
        }
        assert!(!text.contains("<&"));
    }
}
