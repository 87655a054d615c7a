//! Small multiples: one panel a variant, aligned, on one x axis; on one y axis too, unless it would flatten some of them.

use super::axis::{Axis, Panel};
use super::canvas::{Canvas, Drawn, bold, grey, wrap};
use super::page::paragraph;
use super::theme::{HEADING, MARGIN, SMALL, WIDTH};
use crate::results::RunResults;

/// What stands above a panel.
pub(super) struct Heading {
    /// The variant's name.
    pub name: String,
    /// Its figures in words.
    pub note: String,
}

/// The axes of the panels, with their titles.
pub(super) struct Axes<'a> {
    pub x: &'a Axis,
    pub x_title: &'a str,
    /// One for all panels, or one for each.
    pub ys: &'a [Axis],
    pub y_title: &'a str,
}

/// A panel whose own axis would end below the highest one over this has it.
const FLAT: f64 = 2.5;

/// Axes for panels of these heights: one for all, or one for each where one would flatten some.
pub(super) fn y_axes(highs: &[f64], axis: impl Fn(f64) -> Axis) -> Vec<Axis> {
    let most = highs.iter().copied().fold(0.0, f64::max);
    match highs.iter().any(|high| *high < most / FLAT) {
        true => highs.iter().map(|high| axis(*high)).collect(),
        false => vec![axis(most)],
    }
}

/// What a caption says of axes that differ.
pub(super) const OWN_AXES: &str = "Each panel has a y axis of its own";

const GAP: f64 = 26.0;
const Y_TITLE: f64 = 18.0;

/// More bins than this make a busy line, which gets the whole width for longer.
const BUSY: usize = 1_000;

/// How panels are laid out.
pub(super) struct PanelGrid {
    columns: usize,
    height: f64,
}

impl PanelGrid {
    /// A layout for so many panels of time series.
    pub fn new(results: &RunResults, panels: usize) -> Self {
        let bins = results
            .variants
            .iter()
            .map(|v| v.series.t_s.len())
            .max()
            .unwrap_or(0);
        let lone = if bins > BUSY { 6 } else { 3 };
        let height = match panels {
            1 => 320.0,
            n if n <= lone => 210.0,
            _ => 175.0,
        };
        Self {
            columns: if panels <= lone { 1 } else { 2 },
            height,
        }
    }

    fn cell_width(&self) -> f64 {
        let n = self.columns as f64;
        (WIDTH - 2.0 * MARGIN - Y_TITLE - (n - 1.0) * GAP) / n
    }

    /// Bins that a panel can show side by side: one for every 1.5 px.
    pub fn bins(&self) -> usize {
        ((self.cell_width() - 60.0) / 1.5) as usize
    }

    /// X ticks that have room in a panel.
    pub fn ticks(&self) -> f64 {
        self.cell_width() / 55.0
    }

    /// Draws the panels from `y` on; `paint` fills one. Returns the y below them [px].
    pub fn draw(
        &self,
        c: &mut Canvas<'_>,
        mut y: f64,
        headings: &[Heading],
        axes: &Axes<'_>,
        mut paint: impl FnMut(&mut Canvas<'_>, &Panel<'_>, usize) -> Drawn<()>,
    ) -> Drawn<f64> {
        let (n, width, height) = (self.columns, self.cell_width(), self.height);
        let texts = axes.ys.iter().map(Axis::text_width);
        let gutter = texts.fold(0.0, f64::max) + 8.0;
        for (row, cells) in headings.chunks(n).enumerate() {
            // The tallest heading of a row decides, so that its frames stand in line.
            let lines = |h: &Heading| {
                let name = if h.name.is_empty() {
                    0
                } else {
                    wrap(&h.name, width, bold(HEADING)).len()
                };
                let note = if h.note.is_empty() {
                    0
                } else {
                    wrap(&h.note, width, grey(SMALL)).len()
                };
                name as f64 * HEADING * 1.4 + note as f64 * SMALL * 1.4
            };
            let top = y + cells.iter().map(lines).fold(0.0, f64::max) + 9.0;
            for (column, heading) in cells.iter().enumerate() {
                let x = MARGIN + Y_TITLE + column as f64 * (width + GAP);
                let mut text_y = y;
                if !heading.name.is_empty() {
                    text_y = paragraph(c, x, text_y, width, &heading.name, bold(HEADING))?;
                }
                if !heading.note.is_empty() {
                    paragraph(c, x, text_y, width, &heading.note, grey(SMALL))?;
                }
                let place = row * n + column;
                // Never without any.
                let Some(y_axis) = axes.ys.get(place).or(axes.ys.first()) else {
                    continue;
                };
                let panel = Panel {
                    left: x + gutter,
                    top,
                    right: x + width,
                    bottom: top + height,
                    x: axes.x,
                    y: y_axis,
                };
                panel.grid(c)?;
                paint(c, &panel, place)?;
                panel.frame(c)?;
                if column == 0 {
                    panel.y_title(c, axes.y_title, gutter + 8.0)?;
                }
                // Below the last panel of each column.
                if place + n >= headings.len() {
                    panel.x_title(c, axes.x_title)?;
                }
            }
            let last = (row + 1) * n >= headings.len();
            // An incomplete last row leaves an x title under the row before it.
            let above_gap = (row + 2) * n > headings.len() && !headings.len().is_multiple_of(n);
            y = top + height + if last || above_gap { 44.0 } else { 30.0 };
        }
        Ok(y)
    }
}
