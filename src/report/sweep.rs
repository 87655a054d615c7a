//! A sweep in a table for people: each setting's metrics, and which key moves them most.
//!
//! Not here: the full table, which is a file of its own.

use super::planning::{For, grid};
use crate::metrics::{number, registry};
use crate::results::Estimate;
use crate::sweep::run::{Progress, Run, Sweep};
use crate::sweep::sensitivity::effects;

/// Most settings that are listed.
const ROWS: usize = 40;

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// How much was run, in a sentence.
pub fn progress(p: &Progress) -> String {
    let mut out = format!(
        "{} runs: {} were there, {} done now",
        p.runs, p.found, p.done
    );
    if p.missing > 0 {
        out += &format!(", {} missing", p.missing);
    }
    out
}

/// Up to three metrics of every setting, then what moves each of them.
pub fn summary(sweep: &Sweep, runs: &[Run], metrics: &[&str], to: For) -> String {
    let shown: Vec<&str> = metrics.iter().copied().take(3).collect();
    let cell = |run: &Run, id: &str| {
        let values = run.metrics.get(id).cloned().unwrap_or_default();
        let unit = registry::metric(id).map_or("1", |m| m.unit);
        number::estimate(id, &Estimate::over(values, unit))
    };
    let name = |run: &Run| {
        let pairs = sweep.keys.iter().zip(&sweep.settings[run.setting]);
        let mut all: Vec<String> = pairs.map(|(k, v)| format!("{k}={v}")).collect();
        if sweep.variants.len() > 1 {
            all.push(run.variant.clone());
        }
        all.join(" ")
    };
    let at = |i: usize, run: &Run| shown.get(i).map_or_else(String::new, |id| cell(run, id));
    let head = |i: usize| {
        shown
            .get(i)
            .map_or_else(String::new, |id| label(id).to_owned())
    };
    let rows: Vec<[String; 4]> = runs
        .iter()
        .take(ROWS)
        .map(|r| [name(r), at(0, r), at(1, r), at(2, r)])
        .collect();
    let header = ["setting".to_owned(), head(0), head(1), head(2)];
    let mut out = grid(&header, &rows, to);
    if runs.len() > ROWS {
        out += &format!(
            "… and {} more runs; sweep.csv has all.\n\n",
            runs.len() - ROWS
        );
    }
    if sweep.keys.len() > 1 {
        for variant in &sweep.variants {
            for id in &shown {
                out += &ranking(sweep, runs, variant, id, to);
            }
        }
    }
    out
}

fn ranking(sweep: &Sweep, runs: &[Run], variant: &str, id: &str, to: For) -> String {
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
    let header = [
        format!("what moves {} most ({variant})", label(id)),
        "lowest mean".to_owned(),
        "highest mean".to_owned(),
        "reach".to_owned(),
    ];
    grid(&header, &rows, to)
}
