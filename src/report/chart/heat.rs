//! A heat map: a cell for each pair of values, the darker the larger, with its value as text.

use super::canvas::{Canvas, Drawn, Look, Side, grey, look, svg, text_width, wrap};
use super::live::{LiveAxis, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape};
use super::page;
use super::theme::{self, Fill, Hatch, Line, MARGIN, SMALL, TEXT, WHITE, WIDTH};
use crate::report::page::Grid;
use plotters::style::RGBColor;

/// What is drawn.
pub(super) struct Heat<'a> {
    pub title: String,
    pub head: Vec<String>,
    pub x_title: String,
    pub y_title: String,
    /// Names of the columns, from left to right.
    pub xs: Vec<String>,
    /// Names of the rows, from bottom to top.
    pub ys: Vec<String>,
    /// By row, then column; `None` is drawn in a colour of its own.
    pub cells: Vec<Vec<Option<f64>>>,
    /// A cell's text.
    pub text: &'a dyn Fn(Option<f64>) -> String,
}

/// Most that a row's name takes [px].
const NAMES: f64 = 240.0;

/// From white to dark blue.
fn shade(share: f64) -> RGBColor {
    let at = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    RGBColor(at(247.0, 8.0), at(251.0, 48.0), at(255.0, 107.0))
}

/// The same cells.
pub(super) fn live(h: &Heat<'_>) -> LiveFigure {
    let fill = Fill {
        color: shade(1.0),
        hatch: Hatch::None,
        dark: true,
    };
    let shape = LiveShape::Cells(h.cells.clone());
    let layer = LiveLayer::new("darker is larger", shape, LiveInk::Fill(fill));
    let empty = h.cells.iter().all(Vec::is_empty);
    let panel = LivePanel::new(
        LiveAxis::names(&h.x_title, h.xs.iter().cloned()),
        LiveAxis::names(&h.y_title, h.ys.iter().cloned()),
        if empty { vec![] } else { vec![layer] },
    );
    LiveFigure::of_one(h.head.clone(), panel)
}

/// The cells as a table.
pub(super) fn table(h: &Heat<'_>) -> Grid {
    let corner = format!("{} ↓ · {} →", h.y_title, h.x_title);
    let header = std::iter::once(corner).chain(h.xs.iter().cloned());
    let rows = h.ys.iter().zip(&h.cells).rev().map(|(y, row)| {
        let cells = row.iter().map(|v| (h.text)(*v));
        std::iter::once(y.clone()).chain(cells).collect()
    });
    Grid::named(1, header.collect(), rows.collect())
}

/// Draws the figure.
pub(super) fn draw(h: &Heat<'_>) -> Drawn<String> {
    if h.cells.iter().all(Vec::is_empty) {
        return page::words(&h.title, &h.head, "No data to show.");
    }
    let known = || h.cells.iter().flatten().flatten().copied();
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    svg(&h.title, |c| {
        let top = page::head(c, &h.title, &h.head)?;
        let names = look(SMALL);
        let widest = h.ys.iter().map(|y| text_width(y, names));
        let left = MARGIN + 24.0 + widest.fold(0.0, f64::max).min(NAMES) + 8.0;
        let width = (WIDTH - MARGIN - left) / h.xs.len() as f64;
        let height = (380.0 / h.ys.len() as f64).clamp(22.0, 60.0);
        for (j, (y, row)) in h.ys.iter().zip(&h.cells).rev().enumerate() {
            let y0 = top + j as f64 * height;
            let name = wrap(y, NAMES, names).into_iter().next().unwrap_or_default();
            c.text(left - 8.0, y0 + height / 2.0, &name, names, Side::Right)?;
            for (i, value) in row.iter().enumerate() {
                let share = value.map(|v| {
                    if high > low {
                        (v - low) / (high - low)
                    } else {
                        0.0
                    }
                });
                let place = (left + i as f64 * width, y0, width, height);
                cell(c, place, share, &(h.text)(*value))?;
            }
        }
        let bottom = top + h.ys.len() as f64 * height;
        for (i, x) in h.xs.iter().enumerate() {
            let middle = left + (i as f64 + 0.5) * width;
            let name = wrap(x, width - 4.0, names);
            let name = name.into_iter().next().unwrap_or_default();
            c.text(middle, bottom + 12.0, &name, names, Side::Center)?;
        }
        let middle = (left + WIDTH - MARGIN) / 2.0;
        c.text(middle, bottom + 31.0, &h.x_title, grey(TEXT), Side::Center)?;
        c.upright(MARGIN + 8.0, (top + bottom) / 2.0, &h.y_title, grey(TEXT))?;
        Ok(bottom + 50.0)
    })
}

fn cell(
    c: &mut Canvas<'_>,
    (x, y, width, height): (f64, f64, f64, f64),
    share: Option<f64>,
    text: &str,
) -> Drawn<()> {
    match share {
        Some(share) => c.area(x, y, x + width, y + height, shade(share), 1.0)?,
        None => c.filled(x, y, x + width, y + height, theme::part_fill(1))?,
    }
    let edge = Line {
        color: WHITE,
        width: 1.0,
        dash: &[],
    };
    c.line(&[(x, y), (x + width, y), (x + width, y + height)], edge)?;
    let ink = Look {
        color: if share.is_some_and(|s| s > 0.5) {
            WHITE
        } else {
            theme::BLACK
        },
        ..look(SMALL)
    };
    // A text that has no room says less than the colour alone.
    if text_width(text, ink) + 4.0 > width {
        return Ok(());
    }
    let (x, y) = (x + width / 2.0, y + height / 2.0);
    if share.is_some() {
        c.text(x, y, text, ink, Side::Center)
    } else {
        c.label(x, y, text, ink, Side::Center)
    }
}
