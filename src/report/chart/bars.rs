//! Lying bars, one a variant, stacked by part, with the total's interval as a whisker.
//!
//! Bars lie so that long names have room. Amounts below zero grow to the left. Not here: what the
//! parts are.

use super::axis::{self, Axis, Panel};
use super::canvas::{Canvas, Drawn, Look, Side, bold, grey, look, text_width, wrap};
use super::live::{LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape};
use super::page::{self, Sign};
use super::theme::{self, Fill, Line, MARGIN, SMALL, TEXT, WHITE, WIDTH};
use crate::metrics::number;
use crate::report::page::Grid;

/// One variant's bar.
pub(super) struct Bar {
    pub name: String,
    /// One amount a part, in the order of the parts.
    pub parts: Vec<f64>,
    /// The total and, where there is one, its 95 % interval.
    pub total: Option<(f64, Option<(f64, f64)>)>,
    /// The total in words.
    pub label: String,
    /// A second line in words, may be empty.
    pub note: String,
}

/// What the bars of a figure share.
pub(super) struct Stack<'a> {
    /// Names of the parts.
    pub parts: &'a [String],
    /// Title of the x axis, with unit.
    pub x_title: &'a str,
    /// An amount inside a bar as text.
    pub amount: fn(f64) -> String,
}

const NAMES: f64 = 260.0;
const BAR: f64 = 26.0;

impl Bar {
    fn ends(&self) -> (f64, f64) {
        let below = self.parts.iter().filter(|p| **p < 0.0).sum::<f64>();
        let above = self.parts.iter().filter(|p| **p > 0.0).sum::<f64>();
        let (low, high) = match self.total {
            Some((t, interval)) => interval.unwrap_or((t, t)),
            None => (0.0, 0.0),
        };
        (below.min(low), above.max(high))
    }
}

/// A part's fill: the same hatch for all that lies below zero in every bar.
fn fill(bars: &[Bar], part: usize) -> Fill {
    let at = |b: &Bar| b.parts.get(part).copied().unwrap_or(0.0);
    let below = bars.iter().any(|b| at(b) < 0.0) && bars.iter().all(|b| at(b) <= 0.0);
    if below {
        theme::NEGATIVE
    } else {
        theme::part_fill(part)
    }
}

/// The same bars, the first at the top.
pub(super) fn live(caption: &[String], bars: &[Bar], stack: &Stack<'_>) -> LiveFigure {
    let order = || bars.iter().rev();
    let mut layers: Vec<LiveLayer> = Vec::new();
    for (i, name) in stack.parts.iter().enumerate() {
        let amounts = order().map(|b| b.parts.get(i).copied().filter(|a| *a != 0.0));
        let shape = LiveShape::Bars(amounts.collect());
        layers.push(LiveLayer::new(name, shape, LiveInk::Fill(fill(bars, i))));
    }
    let totals = order().enumerate().filter_map(|(i, b)| {
        let (x, interval) = b.total?;
        let text = [b.label.as_str(), b.note.as_str()];
        let text = text.into_iter().filter(|t| !t.is_empty());
        Some(LiveDot {
            x,
            y: i as f64,
            interval,
            text: text.collect::<Vec<_>>().join(" · "),
        })
    });
    let ink = Line {
        color: theme::BLACK,
        width: 1.75,
        dash: &[],
    };
    let totals = LiveShape::Points(totals.collect());
    layers.push(LiveLayer::new(
        "total, with 95 % interval",
        totals,
        LiveInk::Points(ink),
    ));
    let panel = LivePanel::new(
        LiveAxis {
            // Of parts one after another a logarithm shows the first larger than they are.
            log: (stack.parts.len() == 1).then_some(false),
            ..LiveAxis::number(stack.x_title)
        },
        LiveAxis::names("", order().map(|b| b.name.clone())),
        if bars.is_empty() { vec![] } else { layers },
    );
    LiveFigure::of_one(caption.to_vec(), panel)
}

/// The bars as a table: a row each, its parts, its total in words.
pub(super) fn table(bars: &[Bar], parts: &[String], amount: fn(f64) -> String) -> Grid {
    let noted = bars.iter().any(|b| !b.note.is_empty());
    let mut header = vec!["variant".to_owned()];
    header.extend(parts.iter().cloned());
    header.push("total".to_owned());
    header.extend(noted.then(String::new));
    let rows = bars.iter().map(|b| {
        let mut row = vec![b.name.clone()];
        row.extend(b.parts.iter().map(|p| amount(*p)));
        row.push(b.label.clone());
        row.extend(noted.then(|| b.note.clone()));
        row
    });
    Grid::named(1, header, rows.collect())
}

/// Draws legend and bars from `y` on; returns the y below them [px].
pub(super) fn draw(c: &mut Canvas<'_>, y: f64, bars: &[Bar], stack: &Stack<'_>) -> Drawn<f64> {
    let mut entries: Vec<_> = stack
        .parts
        .iter()
        .enumerate()
        .map(|(i, name)| (Sign::Fill(fill(bars, i)), name.clone()))
        .collect();
    if bars.iter().any(|b| b.total.is_some_and(|t| t.1.is_some())) {
        let line = Line {
            color: theme::BLACK,
            width: 1.75,
            dash: &[],
        };
        entries.push((Sign::Line(line), "95 % interval of the total".to_owned()));
    }
    let top = page::legend(c, y, &entries)? + 4.0;
    let name_look = look(TEXT);
    let names: Vec<_> = bars
        .iter()
        .map(|b| wrap(&b.name, NAMES, name_look))
        .collect();
    let widest = |lines: &[String]| {
        lines
            .iter()
            .map(|l| text_width(l, name_look))
            .fold(0.0, f64::max)
    };
    let left = MARGIN + names.iter().map(|n| widest(n)).fold(40.0, f64::max) + 10.0;
    let label = |b: &Bar| text_width(&b.label, bold(TEXT)).max(text_width(&b.note, grey(SMALL)));
    let right = WIDTH - MARGIN - bars.iter().map(label).fold(0.0, f64::max) - 12.0;
    let heights: Vec<_> = names
        .iter()
        .map(|n| (n.len() as f64 * 17.0 + 10.0).max(BAR + 18.0))
        .collect();
    let low = bars.iter().map(|b| b.ends().0).fold(0.0, f64::min);
    let high = bars.iter().map(|b| b.ends().1).fold(0.0, f64::max);
    // Few ticks: a large number is some 70 px wide. Bars use the width to the last pixel, so the
    // axis ends where they do and not at a round number.
    let mut x = axis::linear(low, high, ((right - left) / 110.0).max(2.0), number::tick);
    if low < high {
        let pad = 0.01 * (high - low);
        (x.low, x.high) = (if low < 0.0 { low - pad } else { 0.0 }, high + pad);
        x.ticks.retain(|(v, _)| *v >= x.low && *v <= x.high);
    }
    let rows = Axis {
        low: 0.0,
        high: 1.0,
        log: false,
        ticks: vec![],
    };
    let bottom = top + heights.iter().sum::<f64>() + 8.0;
    let p = Panel {
        left,
        top,
        right,
        bottom,
        x: &x,
        y: &rows,
    };
    p.grid(c)?;
    c.line(
        &[(left, bottom), (right, bottom)],
        Line {
            color: theme::FRAME,
            width: 1.0,
            dash: &[],
        },
    )?;
    let mut row = top + 4.0;
    for ((bar, name), height) in bars.iter().zip(&names).zip(&heights) {
        let middle = row + height / 2.0;
        for (i, line) in name.iter().enumerate() {
            let line_y = middle + (i as f64 - (name.len() as f64 - 1.0) / 2.0) * 17.0;
            c.text(left - 8.0, line_y, line, name_look, Side::Right)?;
        }
        parts(c, &p, middle, bars, bar, stack.amount)?;
        total(c, &p, middle, bar)?;
        row += height;
    }
    c.line(
        &[(p.px(0.0), top), (p.px(0.0), bottom)],
        Line {
            color: theme::BLACK,
            width: 1.25,
            dash: &[],
        },
    )?;
    p.x_title(c, stack.x_title)?;
    Ok(bottom + 44.0)
}

fn parts(
    c: &mut Canvas<'_>,
    p: &Panel<'_>,
    middle: f64,
    bars: &[Bar],
    bar: &Bar,
    amount: fn(f64) -> String,
) -> Drawn<()> {
    let (mut above, mut below) = (0.0, 0.0);
    for (i, part) in bar.parts.iter().enumerate().filter(|(_, p)| **p != 0.0) {
        let from = if *part > 0.0 { &mut above } else { &mut below };
        let (x0, x1) = (p.px(*from), p.px(*from + part));
        *from += part;
        let fill = fill(bars, i);
        c.filled(x0, middle - BAR / 2.0, x1, middle + BAR / 2.0, fill)?;
        let text = amount(*part);
        if text_width(&text, look(SMALL)) + 10.0 > (x1 - x0).abs() {
            continue;
        }
        let at = (x0 + x1) / 2.0;
        if fill.dark {
            let white = Look {
                color: WHITE,
                ..look(SMALL)
            };
            c.text(at, middle, &text, white, Side::Center)?;
        } else {
            c.label(at, middle, &text, look(SMALL), Side::Center)?;
        }
    }
    Ok(())
}

/// Marks the total's interval at the bar's end. Where a part lies below zero the bar doesn't end
/// at the total, so a diamond below the bar marks it.
fn total(c: &mut Canvas<'_>, p: &Panel<'_>, middle: f64, bar: &Bar) -> Drawn<()> {
    let ink = Line {
        color: theme::BLACK,
        width: 1.75,
        dash: &[],
    };
    if let Some((total, interval)) = bar.total {
        let below = bar.parts.iter().any(|p| *p < 0.0);
        let y = if below {
            middle + BAR / 2.0 + 6.0
        } else {
            middle
        };
        let reach = if below { 3.5 } else { 6.0 };
        let ends = interval.map(|(low, high)| (p.px(low), p.px(high)));
        // Under a diamond a whisker shows only where it is wider.
        let narrow = ends.is_none_or(|(x0, x1)| x1 - x0 < 12.0);
        if let Some((x0, x1)) = ends.filter(|_| !below || !narrow) {
            let white = Line {
                color: WHITE,
                width: 4.0,
                dash: &[],
            };
            for line in [white, ink] {
                c.line(&[(x0, y), (x1, y)], line)?;
                c.line(&[(x0, y - reach), (x0, y + reach)], line)?;
                c.line(&[(x1, y - reach), (x1, y + reach)], line)?;
            }
        }
        if below {
            let (x, r) = (p.px(total), if narrow { 4.5 } else { 3.0 });
            let diamond = [(x - r, y), (x, y - r), (x + r, y), (x, y + r)];
            c.polygon(&diamond, theme::BLACK, 1.0)?;
        }
    }
    let x = p.px(bar.ends().1) + 10.0;
    if bar.note.is_empty() {
        return c.label(x, middle, &bar.label, bold(TEXT), Side::Left);
    }
    c.label(x, middle - 8.0, &bar.label, bold(TEXT), Side::Left)?;
    c.label(x, middle + 8.0, &bar.note, grey(SMALL), Side::Left)
}
