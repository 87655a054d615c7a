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
mod decisive;
mod figure;
mod grid;
mod heat;
mod kms_calls;
mod live;
mod overlay;
mod page;
pub mod planning;
pub mod plotly;
mod png;
mod stroke;
pub mod sweep;
mod theme;
mod throttle_rate;
mod xy;

pub use figure::{ChartFiles, Figure};

use super::error::ReportError;
use crate::results::RunResults;
use figure::Chart;
use rayon::prelude::*;

/// Every kind of figure of a run, in the order of presentation.
const CHARTS: [Chart; 7] = [
    decisive::CHART,
    attempts::CHART,
    throttle_rate::CHART,
    kms_calls::CHART,
    cost::CHART,
    added_delay::CHART,
    overlay::CHART,
];

/// Whether a file of this stem is a figure of a run.
pub(super) fn is_figure(stem: &str) -> bool {
    CHARTS.iter().any(|chart| chart.is_stem(stem))
}

/// Every figure of a run, in the order of presentation, drawn in parallel.
///
/// # Errors
/// A figure cannot be drawn.
pub fn all(results: &RunResults) -> Result<Vec<Figure>, ReportError> {
    let drawn = CHARTS.par_iter().map(|chart| (chart.draw)(results));
    let drawn: Vec<Result<Vec<Figure>, ReportError>> = drawn.collect();
    let figures: Result<Vec<Vec<Figure>>, ReportError> = drawn.into_iter().collect();
    Ok(figures?.into_iter().flatten().collect())
}
