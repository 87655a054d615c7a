//! Axes: where ticks stand, what they say, and the frame they stand on.

use super::canvas::{Canvas, Drawn, Side, grey, look, text_width};
use super::theme::{self, Line, MARGIN, SMALL, TEXT, WIDTH};
use crate::metrics::number;

/// A value axis: the span shown and its ticks, each with its text.
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub log: bool,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Where a value stands, 0 at the low end and 1 at the high end.
    pub fn place(&self, v: f64) -> f64 {
        if self.log {
            let at = |v: f64| v.max(f64::MIN_POSITIVE).log10();
            return (at(v) - at(self.low)) / (at(self.high) - at(self.low));
        }
        (v - self.low) / (self.high - self.low)
    }

    /// With so much more room, a share of the span, at an end that `low` or `high` comes close to: what is drawn there
    /// neither lies on the frame nor on the tick texts.
    pub fn with_room(mut self, low: f64, high: f64, share: f64) -> Axis {
        let room = (self.high - self.low) * share;
        if low - self.low < room {
            self.low -= room;
        }
        if self.high - high < room {
            self.high += room;
        }
        self
    }

    /// Width of the widest tick text [px].
    pub fn text_width(&self) -> f64 {
        self.ticks
            .iter()
            .map(|(_, t)| text_width(t, look(SMALL)))
            .fold(0.0, f64::max)
    }
}

/// A round step that makes about `count` of them in `span`.
fn step(span: f64, count: f64) -> f64 {
    let raw = span / count;
    let power = 10f64.powf(raw.log10().floor());
    let lead = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|l| l * power >= raw * 0.999);
    lead.unwrap_or(10.0) * power
}

/// An axis from `low` to `high` in about `count` round steps, with zero on it.
pub(super) fn linear(low: f64, high: f64, count: f64, text: impl Fn(f64) -> String) -> Axis {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let high = if high - low <= 0.0 || !(high - low).is_finite() {
        low + 1.0
    } else {
        high
    };
    stepped(low, high, count, text)
}

/// An axis from `low` to `high` (below it) in about `count` round steps, without zero where that is far.
pub(super) fn between(low: f64, high: f64, count: f64, text: impl Fn(f64) -> String) -> Axis {
    if low <= 0.0 || low < (high - low) * 0.2 {
        return linear(low, high, count, text);
    }
    stepped(low, high, count, text)
}

/// An axis in round steps that holds `low` and `high`.
fn stepped(low: f64, high: f64, count: f64, text: impl Fn(f64) -> String) -> Axis {
    let step = step(high - low, count);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    let ticks = (first..=last)
        .map(|i| i as f64 * step)
        .map(|v| (v, text(v)))
        .collect();
    Axis {
        low: first as f64 * step,
        high: last as f64 * step,
        log: false,
        ticks,
    }
}

/// An axis of decades that hold `low` and `high`, both above 0.
pub(super) fn decades(low: f64, high: f64, text: impl Fn(f64) -> String) -> Axis {
    // A hair inside, so that an exact power of ten doesn't open a decade of its own.
    let first = (low.log10() + 1e-9).floor() as i32;
    let last = ((high.log10() - 1e-9).ceil() as i32).max(first + 1);
    let ticks = (first..=last)
        .map(|i| 10f64.powi(i))
        .map(|v| (v, text(v)))
        .collect();
    Axis {
        low: 10f64.powi(first),
        high: 10f64.powi(last),
        log: true,
        ticks,
    }
}

/// A time axis from 0 to `end_s` \[s\] in about `count` steps; the unit that fits comes with it.
pub(super) fn time(end_s: f64, count: f64) -> (Axis, &'static str) {
    let (unit, seconds, steps): (_, f64, &[f64]) = match end_s {
        e if e <= 180.0 => ("s", 1.0, &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0]),
        e if e <= 10_800.0 => ("min", 60.0, &[0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0]),
        e if e <= 259_200.0 => ("h", 3_600.0, &[0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0]),
        _ => ("days", 86_400.0, &[0.5, 1.0, 2.0, 5.0, 7.0, 14.0, 28.0]),
    };
    let end = (end_s / seconds).max(f64::MIN_POSITIVE);
    let fits = steps.iter().copied().find(|s| end / s <= count);
    let step = fits.unwrap_or_else(|| step(end, count));
    let ticks = (0..=(end / step) as i64).map(|i| i as f64 * step);
    let ticks = ticks.map(|v| (v * seconds, number::tick(v))).collect();
    (
        Axis {
            low: 0.0,
            high: end_s.max(1.0),
            log: false,
            ticks,
        },
        unit,
    )
}

/// The frame of one panel [px] with its two axes.
pub(super) struct Panel<'a> {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub x: &'a Axis,
    pub y: &'a Axis,
}

impl<'a> Panel<'a> {
    /// The only panel of a figure, under its legend: as wide as the page but for a gap at the right
    /// \[px\], and so high \[px\].
    pub fn alone(top: f64, gap: f64, height: f64, x: &'a Axis, y: &'a Axis) -> Panel<'a> {
        Panel {
            left: MARGIN + 26.0 + y.text_width(),
            top,
            right: WIDTH - MARGIN - gap,
            bottom: top + height,
            x,
            y,
        }
    }

    /// Where an x value stands [px].
    pub fn px(&self, v: f64) -> f64 {
        self.left + self.x.place(v).clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Where a y value stands [px].
    pub fn py(&self, v: f64) -> f64 {
        self.bottom - self.y.place(v).clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    /// Draws grid lines and tick texts; the frame comes last, over the data.
    pub fn grid(&self, c: &mut Canvas<'_>) -> Drawn<()> {
        let thin = Line {
            color: theme::GRID,
            width: 0.75,
            dash: &[],
        };
        let text = look(SMALL);
        for (v, t) in &self.y.ticks {
            let y = self.py(*v);
            c.line(&[(self.left, y), (self.right, y)], thin)?;
            c.text(self.left - 6.0, y, t, text, Side::Right)?;
        }
        for (v, t) in &self.x.ticks {
            let x = self.px(*v);
            c.line(&[(x, self.top), (x, self.bottom)], thin)?;
            c.line(
                &[(x, self.bottom), (x, self.bottom + 4.0)],
                Line {
                    color: theme::FRAME,
                    ..thin
                },
            )?;
            // At the sheet's edge a text stands a little aside.
            let most = WIDTH - 2.0 - text_width(t, text) / 2.0;
            c.text(x.min(most), self.bottom + 12.0, t, text, Side::Center)?;
        }
        Ok(())
    }

    /// Draws the frame.
    pub fn frame(&self, c: &mut Canvas<'_>) -> Drawn<()> {
        let line = Line {
            color: theme::FRAME,
            width: 1.0,
            dash: &[],
        };
        let (l, t, r, b) = (self.left, self.top, self.right, self.bottom);
        c.line(&[(l, t), (r, t), (r, b), (l, b), (l, t)], line)
    }

    /// Draws the title of the x axis below its tick texts.
    pub fn x_title(&self, c: &mut Canvas<'_>, text: &str) -> Drawn<()> {
        let x = (self.left + self.right) / 2.0;
        c.text(x, self.bottom + 29.0, text, grey(TEXT), Side::Center)
    }

    /// Draws the title of the y axis, `away` px left of the frame.
    pub fn y_title(&self, c: &mut Canvas<'_>, text: &str, away: f64) -> Drawn<()> {
        c.upright(
            self.left - away,
            (self.top + self.bottom) / 2.0,
            text,
            grey(TEXT),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let axis = linear(0.0, 12_345.0, 5.0, number::plain);
        let texts: Vec<_> = axis.ticks.iter().map(|t| t.1.as_str()).collect();
        assert_eq!(texts, ["0", "2,500", "5,000", "7,500", "10,000", "12,500"]);
        assert_eq!(linear(0.0, 0.0, 5.0, number::plain).high, 1.0);
        let axis = linear(-2.0, 9.0, 5.0, number::plain);
        assert!(axis.low <= -2.0 && axis.ticks.iter().any(|t| t.0 == 0.0));
        for (end, unit) in [
            (60.0, "s"),
            (600.0, "min"),
            (86_400.0, "h"),
            (2_592_000.0, "days"),
        ] {
            let (axis, u) = time(end, 8.0);
            assert_eq!(u, unit);
            assert!(
                (2..=9).contains(&axis.ticks.len()),
                "{end}: {}",
                axis.ticks.len()
            );
        }
        assert_eq!(decades(0.001, 1.0, number::plain).ticks.len(), 4);
    }
}
