//! A figure, a kind of figure, and the texts that figures share.

use super::canvas::Drawn;
use super::live::LiveFigure;
use super::plotly::{InteractiveFigure, interactive};
use super::png;
use crate::metrics::{number, registry};
use crate::report::error::ReportError;
use crate::report::page::Grid;
use crate::results::{Metrics, RunResults};
use std::str::FromStr;

/// A figure as text.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without ending.
    pub stem: String,
    /// Plain title.
    pub title: String,
    /// The drawing, a complete SVG document with width and height in CSS pixels.
    pub svg: String,
    /// What a page draws in its place where scripts run; `None` where there is nothing to draw.
    pub interactive: Option<InteractiveFigure>,
    /// Its numbers, for whoever cannot see it; without rows where it shows none.
    pub table: Grid,
}

impl Figure {
    /// The same with what it shows as numbers.
    pub(super) fn with(mut self, live: LiveFigure) -> Figure {
        let drawn = live.panels.iter().any(|p| !p.layers.is_empty());
        self.interactive = drawn.then(|| interactive(&live));
        self
    }

    /// The same drawing as PNG, one and a half device pixels for one CSS pixel.
    ///
    /// # Errors
    /// The SVG cannot be rasterised.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        png::render(&self.svg).map_err(|reason| ReportError::Draw {
            figure: self.stem.clone(),
            reason,
        })
    }
}

/// The files in which figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChartFiles {
    /// As drawn.
    pub svg: bool,
    /// As pixels.
    pub png: bool,
}

impl ChartFiles {
    /// Both.
    pub const ALL: ChartFiles = ChartFiles {
        svg: true,
        png: true,
    };

    /// Each ending, and whether files with it are written.
    pub(in crate::report) fn endings(self) -> [(&'static str, bool); 2] {
        [("svg", self.svg), ("png", self.png)]
    }

    /// Whether there are none.
    pub fn is_none(self) -> bool {
        !self.svg && !self.png
    }
}

impl FromStr for ChartFiles {
    type Err = String;

    /// `svg`, `png`, both with a comma between, or `none`.
    fn from_str(text: &str) -> Result<ChartFiles, String> {
        let mut files = ChartFiles {
            svg: false,
            png: false,
        };
        if text.trim() == "none" {
            return Ok(files);
        }
        for name in text.split(',') {
            match name.trim() {
                "svg" => files.svg = true,
                "png" => files.png = true,
                "none" => return Err("`none` stands alone".to_owned()),
                other => return Err(format!("`{other}` is not one of svg, png and none")),
            }
        }
        Ok(files)
    }
}

/// A kind of figure that a run may have.
pub(super) struct Chart {
    /// File name without ending; where there may be several, what their names begin with.
    pub stem: &'static str,
    /// Whether there may be several, `STEM_…` each.
    pub several: bool,
    /// Draws them: none, one or several.
    pub draw: fn(&RunResults) -> Result<Vec<Figure>, ReportError>,
}

impl Chart {
    /// Whether a file of this stem is a figure of this kind.
    pub fn is_stem(&self, stem: &str) -> bool {
        match stem.strip_prefix(self.stem) {
            Some("") => true,
            Some(rest) => self.several && rest.starts_with('_'),
            None => false,
        }
    }
}

/// A drawing as a figure, with what it shows as a table.
pub(super) fn figure(
    stem: &str,
    title: &str,
    svg: Drawn<String>,
    table: Grid,
) -> Result<Figure, ReportError> {
    let svg = svg.map_err(|reason| ReportError::Draw {
        figure: stem.to_owned(),
        reason,
    })?;
    Ok(Figure {
        stem: stem.to_owned(),
        title: title.to_owned(),
        svg,
        interactive: None,
        table,
    })
}

/// Mean of a metric, `None` where it has no data.
pub(super) fn mean(metrics: &Metrics, id: &str) -> Option<f64> {
    metrics.get(id)?.mean.filter(|v| v.is_finite())
}

/// A quota at the start and at the end, in words.
pub(super) fn from_to(first: f64, last: f64) -> String {
    let per_s = |quota| number::value("", "1/s", quota);
    if first == last {
        per_s(first)
    } else {
        format!("{} → {}", per_s(first), per_s(last))
    }
}

/// Label of a metric as the registry has it.
pub(super) fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_figures_are_a_list() {
        let files = |svg, png| Ok(ChartFiles { svg, png });
        for (text, expected) in [
            ("svg,png", files(true, true)),
            ("png, svg", files(true, true)),
            ("svg", files(true, false)),
            ("png,png", files(false, true)),
            ("none", files(false, false)),
        ] {
            assert_eq!(text.parse::<ChartFiles>(), expected, "{text}");
        }
        for wrong in ["", "pdf", "svg,", "svg,none", "none,none", "SVG"] {
            assert!(wrong.parse::<ChartFiles>().is_err(), "{wrong}");
        }
    }
}
