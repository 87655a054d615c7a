//! The figures: one file a figure, drawn once as SVG and rasterised from that very SVG.
//!
//! Every figure is deterministic, names its units, variants, scenario, replications and seed, and
//! says in words why it is empty where it is. Not here: what a figure's numbers mean, which the
//! metric registry says, and any reading of fonts from the machine.

mod added_delay;
mod attempts;
mod axis;
mod bars;
mod canvas;
mod cost;
mod grid;
mod heat;
mod kms_calls;
mod overlay;
mod page;
pub mod planning;
mod png;
mod stroke;
pub mod sweep;
mod theme;
mod throttle_rate;
mod xy;

pub(super) use attempts::slug;

use super::{ReportError, table};
use crate::metrics::number;
use crate::metrics::registry;
use crate::results::{Metrics, RunResults};

/// A figure as text.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without ending.
    pub stem: String,
    /// Plain title.
    pub title: String,
    /// The drawing, a complete SVG document with width and height in CSS pixels.
    pub svg: String,
}

impl Figure {
    /// The same drawing as PNG, two device pixels for one CSS pixel.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        png::render(&self.svg).map_err(|reason| ReportError::Draw {
            figure: self.stem.clone(),
            reason,
        })
    }
}

/// Stem of the attempts figure where no quota saw an attempt, and prefix of all others.
const ATTEMPTS: &str = "attempts";
const FIXED: [&str; 5] = [
    "throttle_rate",
    "kms_calls",
    "cost",
    "added_delay",
    "overlay",
];

/// Whether a file of this stem is a figure of this program.
pub(super) fn is_figure(stem: &str) -> bool {
    FIXED.contains(&stem) || stem == ATTEMPTS || stem.starts_with("attempts_")
}

/// Every figure of a run, in the order of presentation.
pub fn all(results: &RunResults) -> Result<Vec<Figure>, ReportError> {
    let mut figures = vec![];
    for plan in attempts::plan(results) {
        figures.push(figure(
            &plan.stem,
            &plan.title,
            attempts::draw(results, &plan),
        )?);
    }
    let drawings = [
        (FIXED[0], throttle_rate::TITLE, throttle_rate::draw(results)),
        (FIXED[1], kms_calls::TITLE, kms_calls::draw(results)),
        (FIXED[2], cost::TITLE, cost::draw(results)),
        (FIXED[3], added_delay::TITLE, added_delay::draw(results)),
    ];
    // One variant alone would only repeat its own figure.
    let overlay =
        (results.variants.len() > 1).then(|| (FIXED[4], overlay::TITLE, overlay::draw(results)));
    for (stem, title, svg) in drawings.into_iter().chain(overlay) {
        figures.push(figure(stem, title, svg)?);
    }
    Ok(figures)
}

fn figure(stem: &str, title: &str, svg: canvas::Drawn<String>) -> Result<Figure, ReportError> {
    let svg = svg.map_err(|reason| ReportError::Draw {
        figure: stem.to_owned(),
        reason,
    })?;
    Ok(Figure {
        stem: stem.to_owned(),
        title: title.to_owned(),
        svg,
    })
}

/// The letter of the i-th of several things.
pub(super) fn letter(i: usize) -> String {
    theme::letter(i)
}

/// The caption that every figure carries.
fn caption(results: &RunResults) -> String {
    table::caption(results)
}

/// Mean of a metric, `None` where it has no data.
fn mean(metrics: &Metrics, id: &str) -> Option<f64> {
    metrics.get(id)?.mean.filter(|v| v.is_finite())
}

/// A quota at the start and at the end, in words.
fn from_to(first: f64, last: f64) -> String {
    let per_s = |quota| number::value("", "1/s", quota);
    if first == last {
        per_s(first)
    } else {
        format!("{} → {}", per_s(first), per_s(last))
    }
}

/// Label of a metric as the registry has it.
fn label(id: &'static str) -> &'static str {
    registry::metric(id).map_or(id, |m| m.label)
}
