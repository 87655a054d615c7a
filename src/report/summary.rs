//! Runs, as what `kmsim run` prints: metrics are rows and variants are columns.
//!
//! Left out: colours, breakdowns and the bill (`report.html`).

use super::content::{Content, Format};
use super::error::ReportError;
use super::metric_rows::rows;
use super::page::{Block, Fit, Grid, Page};
use super::records::Records;
use super::text::{caption, note};
use super::{compare, csv, ladder, limits, peak, side_by_side, threshold, verdict};
use crate::metrics::registry;
use crate::results::{Comparison, RunResults, VariantResults};
use indexmap::IndexMap;
use serde_json::Value;

/// Why a metric of a variant, or of several, has no data, as a sentence.
pub fn without_data(variants: &str, id: &str, why: &str) -> String {
    let label = registry::metric(id).map_or(id, |m| m.label);
    format!("{variants}: no {label}: {why}.")
}

/// Why metrics have no data, each reason once, with the variants that it holds for.
pub(super) fn reasons(results: &RunResults) -> impl Iterator<Item = String> {
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
        let names = self.results.iter().map(|r| r.scenario.name.as_str());
        Page {
            subject: format!("run {}", names.collect::<Vec<_>>().join(", ")),
            blocks,
            details: self
                .results
                .iter()
                .flat_map(details)
                .chain(self.against.iter().flat_map(|c| compare::details(c)))
                .collect(),
            ..Page::default()
        }
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

/// What decides about one run.
fn run(results: &RunResults) -> Vec<Block> {
    let mut blocks = vec![Block::Line(caption(results))];
    blocks.extend(verdict::answer(results).map(Block::Paragraph));
    blocks.push(Block::Table(ladder::grid(results)));
    let courses = ladder::courses(results);
    if !courses.is_empty() {
        blocks.push(Block::Line(QUOTA_OVER_TIME.to_owned()));
        blocks.push(Block::Courses(courses));
    }
    // The busiest second of the baseline, and of the variant to take.
    let best = |v: &&VariantResults| results.verdict.best.as_ref() == Some(&v.name);
    let first = results.variants.first();
    let best = results.variants.iter().skip(1).find(best);
    let sentences = first.into_iter().chain(best).filter_map(peak::sentence);
    blocks.extend(sentences.map(Block::Paragraph));
    for v in &results.variants {
        let sentence = limits::first(v);
        blocks.extend(sentence.map(|s| Block::Line(format!("{}: {s}", v.name))));
    }
    blocks.extend(threshold::table(results).map(Block::Table));
    blocks.extend(results.warnings.iter().cloned().map(Block::Warning));
    blocks
}

/// What the courses are.
const QUOTA_OVER_TIME: &str =
    "Busiest seconds over the run; █ is the whole quota in force, ▲ is beyond it:";

/// The figures behind it.
fn details(results: &RunResults) -> Vec<Block> {
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
    let mut blocks: Vec<Block> = verdict::table(results).into_iter().collect();
    blocks.extend([Block::Table(grid), Block::Line(note(results).to_owned())]);
    let tables = [side_by_side::quotas(results), side_by_side::groups(results)];
    for table in tables.into_iter().flatten() {
        let (grid, more) = table.shortened();
        blocks.push(Block::Table(grid));
        blocks.extend(more.map(Block::Line));
    }
    blocks.extend(reasons(results).map(Block::Paragraph));
    blocks.extend(left_out(results).map(Block::Paragraph));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::format::{Markdown, TextTable};
    use crate::report::text::WIDTH;
    use crate::report::viewport::Viewport;

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

    /// Results of many shapes: one to twelve variants, odd names, long runs, nothing at all.
    fn shapes() -> Vec<RunResults> {
        let mut all: Vec<RunResults> = (1..=12).map(fixture::variants).collect();
        all.extend([
            fixture::evening_peak(),
            fixture::hostile_names(),
            fixture::thirty_days(),
            fixture::nothing_happened(),
            fixture::one_replication(),
        ]);
        all
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for results in shapes() {
            let runs = std::slice::from_ref(&results);
            let summary = Summary {
                results: runs,
                against: vec![&results.comparisons],
            };
            for columns in [60, 80, 120] {
                for (unicode, full) in [(true, true), (true, false), (false, true), (false, false)]
                {
                    let viewport = Viewport {
                        columns: Some(columns),
                        unicode,
                        full,
                    };
                    let text = TextTable.write_to(&summary, &viewport).unwrap();
                    for line in text.lines() {
                        assert!(line.chars().count() <= columns, "{columns}: {line}\n{text}");
                    }
                    assert!(unicode || text.is_ascii(), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_terminal_shows_the_answer_first_and_all_that_decides() {
        let results = fixture::variants(6);
        let summary = Summary {
            results: std::slice::from_ref(&results),
            against: Vec::new(),
        };
        let viewport = Viewport {
            columns: Some(80),
            unicode: true,
            full: false,
        };
        let text = TextTable.write_to(&summary, &viewport).unwrap();
        assert!(text.lines().count() <= 40, "{text}");
        let answer = results.verdict.answer.split(' ').next().unwrap_or_default();
        let second = text.lines().nth(1).unwrap_or_default();
        assert!(second.starts_with(answer), "{text}");
        assert!(
            text.contains('│') && text.contains("Busiest second of"),
            "{text}"
        );
    }

    #[test]
    fn a_comment_is_short_and_can_be_found_again() {
        for results in shapes() {
            let summary = Summary {
                results: std::slice::from_ref(&results),
                against: vec![&results.comparisons],
            };
            let viewport = Viewport {
                full: false,
                ..Viewport::default()
            };
            let text = Markdown.write_to(&summary, &viewport).unwrap();
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("<!-- kmsim run ") && first.ends_with(" -->"),
                "{text}"
            );
            assert_eq!(
                text.matches("<details>").count(),
                text.matches("</details>").count()
            );
            if results.variants.len() <= 6 {
                let n = text.chars().count();
                assert!(n <= 8_000, "{n} characters\n{text}");
            }
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
