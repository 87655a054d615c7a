//! Points and lines over a value axis, with whiskers, levels and marks: what the figures of planning share.

use super::axis::{self, Axis, Panel};
use super::canvas::{Canvas, Drawn, Side, bold, svg};
use super::live::{LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape};
use super::page::{self, Sign};
use super::theme::{self, Fill, Hatch, Line, MARGIN, SMALL};
use crate::metrics::number;
use crate::report::page::Grid;

/// A point with the 95 % interval of its y.
#[derive(Clone, Copy)]
pub(super) struct Dot {
    pub x: f64,
    pub y: f64,
    pub interval: Option<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum SeriesKind {
    /// A line through its points.
    Line,
    /// Points alone, dark.
    Points,
    /// Points alone, pale: what stands behind the others.
    Pale,
}

/// A series by name.
pub(super) struct PlotSeries {
    pub name: String,
    pub kind: SeriesKind,
    pub dots: Vec<Dot>,
}

/// A figure of points.
pub(super) struct Plot {
    pub title: String,
    pub caption: Vec<String>,
    pub x_title: String,
    pub y_title: String,
    /// Identifier and unit of the metric that the y axis shows.
    pub metric: (String, String),
    /// How a tick of the x axis is written.
    pub x_text: fn(f64) -> String,
    /// How a tick of the y axis is written.
    pub y_text: fn(f64) -> String,
    pub series: Vec<PlotSeries>,
    /// Horizontal lines: a limit with its name.
    pub levels: Vec<(f64, String)>,
    /// Vertical lines: a setting with its name.
    pub marks: Vec<(f64, String)>,
    /// A span of settings that is shaded, with its name.
    pub band: Option<((f64, f64), String)>,
    /// Short texts beside points.
    pub labels: Vec<(f64, f64, String)>,
    /// Whether the x axis begins at zero.
    pub from_zero: bool,
    /// A note below.
    pub foot: String,
}

fn x_axis(f: &Plot) -> Axis {
    let xs = || {
        let dots = f.series.iter().flat_map(|s| &s.dots).map(|d| d.x);
        let band = f.band.iter().flat_map(|(b, _)| [b.0, b.1]);
        dots.chain(f.marks.iter().map(|m| m.0)).chain(band)
    };
    let low = xs().fold(f64::INFINITY, f64::min);
    let high = xs().fold(f64::NEG_INFINITY, f64::max);
    if f.from_zero || !low.is_finite() || low >= high {
        return axis::linear(low.min(0.0), high.max(0.0), 10.0, f.x_text);
    }
    axis::between(low, high, 9.0, f.x_text).with_room(low, high, 0.03)
}

fn y_axis(f: &Plot) -> Axis {
    // What is never negative has no interval below zero worth a place.
    let positive = f.series.iter().flat_map(|s| &s.dots).all(|d| d.y >= 0.0);
    let ys = || {
        let dots = f.series.iter().flat_map(|s| &s.dots);
        let ends = dots.flat_map(|d| {
            let (low, high) = d.interval.unwrap_or((d.y, d.y));
            [d.y, if positive { low.max(0.0) } else { low }, high]
        });
        ends.chain(f.levels.iter().map(|l| l.0))
    };
    let low = ys().fold(0.0, f64::min);
    let high = ys().fold(0.0, f64::max);
    // Below is nothing but the axis, unless values are negative.
    axis::linear(low, high, 6.0, f.y_text).with_room(f64::INFINITY, high, 0.04)
}

const WHISKER: Line = Line {
    color: theme::GREY,
    width: 1.0,
    dash: &[],
};

/// The same points, lines, levels and marks.
pub(super) fn live(f: &Plot) -> LiveFigure {
    let mut layers: Vec<LiveLayer> = Vec::new();
    if let Some(((from, to), name)) = &f.band {
        let fill = Fill {
            color: theme::BAND,
            hatch: Hatch::None,
            dark: false,
        };
        let shape = LiveShape::Shade(*from, *to);
        layers.push(LiveLayer::new(name, shape, LiveInk::Fill(fill)));
    }
    for (level, name) in &f.levels {
        let shape = LiveShape::Level(*level);
        layers.push(LiveLayer::new(name, shape, LiveInk::Line(theme::QUOTA)));
    }
    for (mark, name) in &f.marks {
        let shape = LiveShape::Mark(*mark);
        layers.push(LiveLayer::new(
            name,
            shape,
            LiveInk::Line(theme::CLOUDWATCH),
        ));
    }
    let mut order: Vec<usize> = (0..f.series.len()).collect();
    order.sort_by_key(|i| f.series[*i].kind != SeriesKind::Pale);
    for i in order {
        let s = &f.series[i];
        if s.dots.is_empty() {
            continue;
        }
        let dots = s.dots.iter().map(|d| {
            let mut beside = f.labels.iter().filter(|l| l.0 == d.x && l.1 == d.y);
            LiveDot {
                x: d.x,
                y: d.y,
                interval: d.interval,
                text: beside.next().map_or_else(String::new, |l| l.2.clone()),
            }
        });
        let dots = dots.collect();
        let (shape, ink) = match s.kind {
            SeriesKind::Line => (LiveShape::Line(dots), LiveInk::Line(theme::variant_line(i))),
            SeriesKind::Points => (
                LiveShape::Points(dots),
                LiveInk::Points(theme::variant_line(1)),
            ),
            SeriesKind::Pale => {
                let pale = Line {
                    color: theme::FRAME,
                    ..WHISKER
                };
                (LiveShape::Points(dots), LiveInk::Points(pale))
            }
        };
        layers.push(LiveLayer::new(&s.name, shape, ink));
    }
    let shown = f.series.iter().any(|s| !s.dots.is_empty());
    let axis = |title: &str, text: fn(f64) -> String| {
        // An axis that writes 1 as 100 % has shares.
        if text(1.0) == percent(1.0) {
            LiveAxis::share(title)
        } else {
            LiveAxis::number(title)
        }
    };
    let panel = LivePanel {
        note: f.foot.clone(),
        ..LivePanel::new(
            axis(&f.x_title, f.x_text),
            axis(&f.y_title, f.y_text),
            if shown { layers } else { vec![] },
        )
    };
    LiveFigure::of_one(f.caption.clone(), panel)
}

/// The points as a table, a row each.
pub(super) fn table(f: &Plot) -> Grid {
    let header = ["", &f.x_title, &f.y_title];
    let (id, unit) = (&f.metric.0, &f.metric.1);
    let rows = f.series.iter().flat_map(|s| {
        s.dots.iter().map(move |d| {
            let found = match d.interval {
                Some((low, high)) => number::spread(id, unit, d.y, (high - low) / 2.0),
                None => number::value(id, unit, d.y),
            };
            vec![s.name.clone(), (f.x_text)(d.x), found]
        })
    });
    Grid::named(1, header.map(str::to_owned).to_vec(), rows.collect())
}

/// Draws the figure.
pub(super) fn draw(f: &Plot) -> Drawn<String> {
    if f.series.iter().all(|s| s.dots.is_empty()) {
        return page::words(&f.title, &f.caption, "No data to show.");
    }
    let (x, y) = (x_axis(f), y_axis(f));
    let lines = f
        .series
        .iter()
        .filter(|s| s.kind == SeriesKind::Line)
        .count();
    svg(&f.title, |c| {
        let top = page::head(c, &f.title, &f.caption)?;
        let top = page::legend(c, top, &entries(f))? + 4.0;
        let p = Panel::alone(top, 20.0, 380.0, &x, &y);
        if let Some(((from, to), _)) = &f.band {
            c.area(p.px(*from), p.top, p.px(*to), p.bottom, theme::BAND, 0.5)?;
        }
        p.grid(c)?;
        for (level, _) in &f.levels {
            c.line(
                &[(p.left, p.py(*level)), (p.right, p.py(*level))],
                theme::QUOTA,
            )?;
        }
        for (mark, _) in &f.marks {
            c.line(
                &[(p.px(*mark), p.top), (p.px(*mark), p.bottom)],
                theme::CLOUDWATCH,
            )?;
        }
        // Pale points first, so that the others lie on them.
        for (i, s) in f
            .series
            .iter()
            .enumerate()
            .filter(|(_, s)| s.kind == SeriesKind::Pale)
        {
            series(c, &p, (i, lines), s)?;
        }
        for (i, s) in f
            .series
            .iter()
            .enumerate()
            .filter(|(_, s)| s.kind != SeriesKind::Pale)
        {
            series(c, &p, (i, lines), s)?;
        }
        for (at_x, at_y, text) in &f.labels {
            c.label(
                p.px(*at_x) + 9.0,
                p.py(*at_y) - 10.0,
                text,
                bold(SMALL),
                Side::Left,
            )?;
        }
        p.frame(c)?;
        p.x_title(c, &f.x_title)?;
        p.y_title(c, &f.y_title, y.text_width() + 18.0)?;
        let bottom = p.bottom + 44.0;
        if f.foot.is_empty() {
            Ok(bottom + 6.0)
        } else {
            Ok(page::foot(c, bottom, &f.foot)? + MARGIN / 2.0)
        }
    })
}

fn entries(f: &Plot) -> Vec<(Sign, String)> {
    let mut entries: Vec<_> = f
        .series
        .iter()
        .enumerate()
        .filter(|(_, s)| !s.dots.is_empty())
        .map(|(i, s)| {
            let sign = match s.kind {
                SeriesKind::Line => Sign::Lettered(i),
                SeriesKind::Points => Sign::Marker,
                SeriesKind::Pale => Sign::Pale,
            };
            (sign, s.name.clone())
        })
        .collect();
    let levels = f
        .levels
        .iter()
        .map(|l| (Sign::Line(theme::QUOTA), l.1.clone()));
    entries.extend(levels);
    let marks = f
        .marks
        .iter()
        .map(|m| (Sign::Line(theme::CLOUDWATCH), m.1.clone()));
    entries.extend(marks);
    entries.extend(f.band.iter().map(|b| (Sign::Band, b.1.clone())));
    entries
}

fn series(
    c: &mut Canvas<'_>,
    p: &Panel<'_>,
    (i, lines): (usize, usize),
    s: &PlotSeries,
) -> Drawn<()> {
    if s.kind == SeriesKind::Line {
        let points: Vec<_> = s.dots.iter().map(|d| (p.px(d.x), p.py(d.y))).collect();
        c.line(&points, theme::variant_line(i))?;
    }
    // Intervals of several lines at one setting stand side by side.
    let (aside, whisker) = match s.kind {
        SeriesKind::Line if lines > 1 => (
            (i as f64 - (lines as f64 - 1.0) / 2.0) * 4.0,
            Line {
                dash: &[],
                width: 1.0,
                ..theme::variant_line(i)
            },
        ),
        SeriesKind::Line | SeriesKind::Points | SeriesKind::Pale => (0.0, WHISKER),
    };
    for dot in &s.dots {
        let (x, y) = (p.px(dot.x) + aside, p.py(dot.y));
        if let Some((low, high)) = dot.interval.filter(|_| s.kind != SeriesKind::Pale) {
            let (low, high) = (p.py(low), p.py(high));
            c.line(&[(x, low), (x, high)], whisker)?;
            c.line(&[(x - 3.0, low), (x + 3.0, low)], whisker)?;
            c.line(&[(x - 3.0, high), (x + 3.0, high)], whisker)?;
        }
        match s.kind {
            SeriesKind::Pale => page::pale(c, x, y)?,
            SeriesKind::Points => page::marker(c, x, y)?,
            SeriesKind::Line => c.disc(x, y, 2.5, theme::variant_line(i).color, true)?,
        }
    }
    if s.kind == SeriesKind::Line
        && let Some(dot) = s.dots.get(s.dots.len() * (i + 1) / 8 % s.dots.len().max(1))
    {
        page::lettered(c, p.px(dot.x) + aside, p.py(dot.y), i)?;
    }
    Ok(())
}

/// A tick in percent.
pub(super) fn percent(v: f64) -> String {
    number::tick(v * 100.0) + " %"
}

/// How a metric's values are written on an axis, and the unit that its title names.
pub(super) fn metric_axis(id: &str, unit: &str) -> (fn(f64) -> String, String) {
    if number::is_share(id) {
        (percent, "%".to_owned())
    } else {
        let unit = if unit == "1" { "count" } else { unit };
        (number::tick, unit.to_owned())
    }
}
