//! A sweep: each setting's metrics, and which key moves them most.

use super::content::Content;
use super::page::{AnswerPart, Block, Grid, Page};
use super::records::{self, Records};
use super::text::capital;
use super::threshold;
use crate::metrics::{number, registry};
use crate::results::Estimate;
use crate::sweep::run::{Progress, Run, Sweep};
use crate::sweep::sensitivity::effects;
use crate::sweep::table::Column;
use serde_json::Value;

/// Metrics of each setting that people see.
const SHOWN: usize = 3;

/// Most settings that are listed.
const ROWS: usize = 40;

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// How much was run, in a sentence.
pub fn progress(p: &Progress) -> String {
    let mut out = format!("{} runs: {} reused, {} new", p.runs, p.found, p.done);
    if p.missing > 0 {
        out += &format!(", {} missing", p.missing);
    }
    out
}

/// A sweep, as what `kmsim sweep` prints: up to three metrics of every setting, then what moves each of them.
#[derive(Clone, Copy, Debug)]
pub struct Swept<'a> {
    /// What was swept.
    pub sweep: &'a Sweep,
    /// Every run.
    pub runs: &'a [Run],
    /// The metrics to show.
    pub metrics: &'a [&'a str],
    /// The whole table.
    pub columns: &'a [(String, Column)],
}

impl Content for Swept<'_> {
    fn page(&self) -> Page {
        let shown: Vec<&str> = self.metrics.iter().copied().take(SHOWN).collect();
        let labels: Vec<&str> = shown.iter().map(|id| label(id)).collect();
        Page {
            question: format!(
                "What do {} do to {}?",
                self.sweep.keys.join(" and "),
                labels.join(", ")
            ),
            answer: found(self.sweep, self.runs, &shown),
            ..Page::of("sweep", blocks(self.sweep, self.runs, &shown))
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.runs)
    }

    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        let rows = self.columns.first().map_or(0, |(_, c)| c.len());
        let cell = |column: &Column, row: usize| match column {
            Column::Integer(v) => Value::from(v[row]),
            Column::Number(v) => v[row].map_or(Value::Null, records::number),
            Column::Text(v) => Value::from(v[row].as_str()),
        };
        Ok(Some(Records {
            columns: self.columns.iter().map(|(name, _)| name.clone()).collect(),
            rows: (0..rows)
                .map(|row| self.columns.iter().map(|(_, c)| cell(c, row)).collect())
                .collect(),
        }))
    }
}

/// A setting as its keys and values, with the variant where there are several.
fn name(sweep: &Sweep, run: &Run) -> String {
    let pairs = sweep.keys.iter().zip(&sweep.settings[run.setting]);
    let mut all: Vec<String> = pairs.map(|(k, v)| format!("{k}={v}")).collect();
    if sweep.variants.len() > 1 {
        all.push(run.variant.clone());
    }
    all.join(" ")
}

/// The thresholds that a run fails, each with how.
fn failed(run: &Run) -> Vec<String> {
    let failed = run.thresholds.iter().filter(|(_, verdict)| verdict.fails());
    let told = failed.map(|(name, verdict)| format!("{name} {}", threshold::word(*verdict)));
    told.collect()
}

/// Settings that a sentence names before it counts the others.
const NAMED: usize = 3;

/// Which settings fail their thresholds; `None` where none does.
pub fn failure(sweep: &Sweep, runs: &[Run]) -> Option<String> {
    let failing: Vec<String> = runs
        .iter()
        .filter(|run| !failed(run).is_empty())
        .map(|run| format!("{} ({})", name(sweep, run), failed(run).join(", ")))
        .collect();
    let named = failing.iter().take(NAMED).map(String::as_str);
    let more = match failing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (n, of) = (failing.len(), runs.len());
    let which = named.collect::<Vec<_>>().join("; ");
    (n > 0).then(|| format!("error: {n} of {of} runs fail their thresholds: {which}{more}"))
}

/// A metric of a run over its replications.
fn estimate(run: &Run, id: &str) -> Estimate {
    let values = run.metrics.get(id).cloned().unwrap_or_default();
    let unit = registry::metric(id).map_or("1", |m| m.unit);
    Estimate::over(values, unit)
}

/// Between which values each metric lies, and which settings keep the thresholds, in sentences.
fn found(sweep: &Sweep, runs: &[Run], shown: &[&str]) -> String {
    let mut out = Vec::new();
    if runs.iter().any(|run| !run.thresholds.is_empty()) {
        let kept = runs.iter().filter(|run| failed(run).is_empty()).count();
        out.push(format!(
            "{kept} of {} runs keep their thresholds.",
            runs.len()
        ));
    }
    for id in shown {
        let known = runs.iter().map(|run| (run, estimate(run, id)));
        let known: Vec<(&Run, Estimate)> = known.filter(|(_, e)| e.mean.is_some()).collect();
        let by_mean = |a: &&(&Run, Estimate), b: &&(&Run, Estimate)| {
            a.1.mean.unwrap_or(0.0).total_cmp(&b.1.mean.unwrap_or(0.0))
        };
        let (Some(low), Some(high)) = (known.iter().min_by(by_mean), known.iter().max_by(by_mean))
        else {
            out.push(format!("No run has data on {}.", label(id)));
            continue;
        };
        let text = |(_, e): &(&Run, Estimate)| number::estimate(id, e);
        out.push(match low.1.mean == high.1.mean {
            true => format!("{}: {} with every setting.", capital(label(id)), text(low)),
            false => format!(
                "{}: from {} with {} to {} with {}.",
                capital(label(id)),
                text(low),
                name(sweep, low.0),
                text(high),
                name(sweep, high.0)
            ),
        });
    }
    out.join(" ")
}

fn blocks(sweep: &Sweep, runs: &[Run], shown: &[&str]) -> Vec<Block> {
    let cell = |run: &Run, id: &str| number::estimate(id, &estimate(run, id));
    let name = |run: &Run| name(sweep, run);
    let at = |i: usize, run: &Run| shown.get(i).map_or_else(String::new, |id| cell(run, id));
    let head = |i: usize| shown.get(i).map_or("", |id| label(id));
    let rows: Vec<[String; 4]> = runs
        .iter()
        .take(ROWS)
        .map(|r| [name(r), at(0, r), at(1, r), at(2, r)])
        .collect();
    let header = ["setting", head(0), head(1), head(2)];
    let table = if runs.iter().any(|run| !run.thresholds.is_empty()) {
        let judged = rows.into_iter().zip(runs).map(|([name, a, b, c], run)| {
            let verdict = match failed(run).as_slice() {
                [] => "met".to_owned(),
                names => names.join(", "),
            };
            [name, a, b, c, verdict]
        });
        let [name, a, b, c] = header;
        Grid::new([name, a, b, c, "thresholds"], judged.collect())
    } else {
        Grid::new(header, rows)
    };
    let answer = found(sweep, runs, shown);
    let mut blocks = vec![Block::Paragraph(answer), Block::Table(table)];
    if runs.len() > ROWS {
        let left = runs.len() - ROWS;
        blocks.push(Block::Line(format!(
            "… and {left} more runs; see sweep.csv for all."
        )));
    }
    if sweep.keys.len() > 1 {
        blocks.push(Block::Part(AnswerPart::Changes));
        for variant in &sweep.variants {
            for id in shown {
                blocks.push(ranking(sweep, runs, variant, id));
            }
        }
    }
    blocks
}

fn ranking(sweep: &Sweep, runs: &[Run], variant: &str, id: &str) -> Block {
    let unit = registry::metric(id).map_or("1", |m| m.unit);
    let value = |v: f64| number::value(id, unit, v);
    let rows: Vec<[String; 4]> = effects(sweep, runs, variant, id)
        .iter()
        .map(|e| {
            [
                e.key.clone(),
                format!("{} at {}", value(e.low.1), e.low.0),
                format!("{} at {}", value(e.high.1), e.high.0),
                value(e.reach()),
            ]
        })
        .collect();
    let what = format!("what moves {} most ({variant})", label(id));
    let header = [&what, "lowest mean", "highest mean", "reach"];
    Block::Table(Grid::new(header, rows))
}
