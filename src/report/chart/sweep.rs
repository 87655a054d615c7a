//! The figures of a sweep: lines over one key, a heat map over two, and a tornado of which key moves a metric most.

use super::canvas::{Drawn, Side, bold, look, svg, text_width, wrap};
use super::figure::{Figure, figure, label};
use super::heat::{self, Heat};
use super::live::{LiveAxis, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape};
use super::theme::{self, Line, MARGIN, SMALL, TEXT, WIDTH};
use super::xy::{self, Dot, PlotSeries, SeriesKind};
use super::{axis, page};
use crate::metrics::estimate::Moments;
use crate::metrics::{number, registry};
use crate::report::error::ReportError;
use crate::report::page::Grid;
use crate::report::text::capital;
use crate::sweep::Quantity;
use crate::sweep::run::{Run, Sweep};
use crate::sweep::sensitivity::{KeyEffect, effects, mean};

/// Most lines of one figure, and most columns or rows of a heat map.
const LINES: usize = 6;
const CELLS: usize = 24;

fn unit(id: &str) -> &'static str {
    registry::metric(id).map_or("1", |m| m.unit)
}

fn caption(sweep: &Sweep, variant: &str) -> String {
    format!(
        "Scenario {}, variant {variant}: {} settings × {} replications, seed {}",
        sweep.scenario,
        sweep.settings.len(),
        sweep.replications,
        sweep.seed
    )
}

/// Distinct values of a key in the order of the settings, smallest first where they are quantities.
fn distinct(sweep: &Sweep, k: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for s in &sweep.settings {
        if !all.contains(&s[k]) {
            all.push(s[k].clone());
        }
    }
    if let Some((numbers, _)) = Quantity::all(all.iter().map(String::as_str)) {
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        all = order.into_iter().map(|i| all[i].clone()).collect();
    }
    all
}

/// Every figure that a sweep has for these metrics, for each variant.
///
/// # Errors
/// A figure that cannot be drawn.
pub fn all(sweep: &Sweep, runs: &[Run], metrics: &[&str]) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for (v, variant) in sweep.variants.iter().enumerate() {
        for metric in metrics {
            let suffix = if sweep.variants.len() > 1 {
                format!("{metric}_{}", v + 1)
            } else {
                (*metric).to_owned()
            };
            let numeric = Quantity::all(sweep.settings.iter().map(|s| s[0].as_str())).is_some();
            let lines = sweep.keys.len() == 1 || distinct(sweep, 1).len() <= LINES;
            if sweep.keys.len() <= 2 && numeric && lines {
                let name = format!("lines_{suffix}");
                let plot = lines_over(sweep, runs, variant, metric);
                let drawn = plot.as_ref().map_err(Clone::clone).and_then(xy::draw);
                let table = plot.as_ref().map_or_else(|_| Grid::none(), xy::table);
                let drawn = figure(&name, &title_of(sweep, metric), drawn, table)?;
                figures.push(plot.map_or(drawn.clone(), |p| drawn.with(xy::live(&p))));
            }
            let small = |k: usize| distinct(sweep, k).len() <= CELLS;
            if sweep.keys.len() == 2 && small(0) && small(1) {
                let text = |v: Option<f64>| {
                    v.map_or_else(
                        || number::NO_DATA.to_owned(),
                        |v| number::value(metric, unit(metric), v),
                    )
                };
                let h = heat_of(sweep, runs, variant, metric, &text);
                let (stem, table) = (format!("heat_{suffix}"), heat::table(&h));
                let drawn = figure(&stem, &h.title, heat::draw(&h), table)?;
                figures.push(drawn.with(heat::live(&h)));
            }
            if sweep.keys.len() > 1 {
                let found = effects(sweep, runs, variant, metric);
                let drawn = draw_tornado(sweep, variant, metric, &found);
                let title = tornado_title(metric);
                let table = tornado_table(metric, &found);
                let drawn = figure(&format!("tornado_{suffix}"), &title, drawn, table)?;
                figures.push(drawn.with(live_tornado(sweep, variant, metric, &found)));
            }
        }
    }
    Ok(figures)
}

fn title_of(sweep: &Sweep, metric: &str) -> String {
    format!("{} over {}", capital(label(metric)), sweep.keys[0])
}

/// The metric over the first key, a line for each value of the second.
fn lines_over(sweep: &Sweep, runs: &[Run], variant: &str, metric: &str) -> Drawn<xy::Plot> {
    let second = if sweep.keys.len() > 1 {
        distinct(sweep, 1)
    } else {
        vec![String::new()]
    };
    let xs = Quantity::all(sweep.settings.iter().map(|s| s[0].as_str()));
    let (numbers, x_unit) = xs.ok_or("the first key has no numbers")?;
    let series = second.iter().map(|value| {
        let of = |r: &&Run| {
            r.variant == variant
                && (sweep.keys.len() == 1 || sweep.settings[r.setting][1] == *value)
        };
        let mut dots: Vec<Dot> = runs
            .iter()
            .filter(of)
            .filter_map(|r| {
                let values: Option<Vec<f64>> = r.metrics.get(metric)?.iter().copied().collect();
                let moments = Moments::of(&values?)?;
                Some(Dot {
                    x: numbers[r.setting],
                    y: moments.mean,
                    interval: moments.interval(),
                })
            })
            .collect();
        dots.sort_by(|a, b| a.x.total_cmp(&b.x));
        PlotSeries {
            name: match sweep.keys.get(1) {
                Some(key) => format!("{key} = {value}"),
                None => format!("{}, with 95 % interval", label(metric)),
            },
            kind: SeriesKind::Line,
            dots,
        }
    });
    let (y_text, y_unit) = xy::metric_axis(metric, unit(metric));
    let x_title = if x_unit == "1" {
        sweep.keys[0].clone()
    } else {
        format!("{} [{x_unit}]", sweep.keys[0])
    };
    Ok(xy::Plot {
        title: title_of(sweep, metric),
        caption: vec![caption(sweep, variant)],
        x_title,
        y_title: format!("{} [{y_unit}]", label(metric)),
        metric: (metric.to_owned(), unit(metric).to_owned()),
        x_text: number::tick,
        y_text,
        series: series.collect(),
        levels: vec![],
        marks: vec![],
        band: None,
        labels: vec![],
        from_zero: false,
        foot: String::new(),
    })
}

fn heat_of<'t>(
    sweep: &Sweep,
    runs: &[Run],
    variant: &str,
    metric: &str,
    text: &'t dyn Fn(Option<f64>) -> String,
) -> Heat<'t> {
    let (xs, ys) = (distinct(sweep, 0), distinct(sweep, 1));
    let value = |x: &str, y: &str| {
        let at = |r: &&Run| {
            let s = &sweep.settings[r.setting];
            r.variant == variant && s[0] == x && s[1] == y
        };
        runs.iter().find(at).and_then(|r| mean(r, metric))
    };
    let cells = ys
        .iter()
        .map(|y| xs.iter().map(|x| value(x, y)).collect())
        .collect();
    Heat {
        title: format!(
            "{} over {} and {}",
            capital(label(metric)),
            sweep.keys[0],
            sweep.keys[1]
        ),
        head: vec![
            caption(sweep, variant),
            "Darker is larger; means over replications".to_owned(),
        ],
        x_title: sweep.keys[0].clone(),
        y_title: sweep.keys[1].clone(),
        xs,
        ys,
        cells,
        text,
    }
}

/// Most keys of a tornado.
const BARS: usize = 20;
/// Most that a key takes of its width \[px\].
const NAMES: f64 = 300.0;
/// Room on each side of the bars, as a share of what they span.
const ROOM: f64 = 0.12;

fn tornado_title(metric: &str) -> String {
    format!("What moves {} most", label(metric))
}

fn tornado_head(sweep: &Sweep, variant: &str) -> [String; 2] {
    [
        caption(sweep, variant),
        "Each bar: from the lowest to the highest mean over a key's values, all other keys varied"
            .to_owned(),
    ]
}

/// The same bars, the first at the top.
fn live_tornado(sweep: &Sweep, variant: &str, metric: &str, found: &[KeyEffect]) -> LiveFigure {
    let order = || found.iter().take(BARS).rev();
    let spans = LiveShape::Spans(order().map(|e| (e.low.1, e.high.1)).collect());
    let mut layers = vec![LiveLayer::new(
        "lowest to highest mean",
        spans,
        LiveInk::Fill(theme::part_fill(3)),
    )];
    let overall = Line {
        color: theme::BLACK,
        width: 1.5,
        dash: &[6.0, 3.0],
    };
    if let Some(first) = found.first() {
        let shape = LiveShape::Mark(first.overall);
        layers.push(LiveLayer::new("mean of all", shape, LiveInk::Line(overall)));
    }
    let (_, y_unit) = xy::metric_axis(metric, unit(metric));
    let title = format!("{} [{y_unit}]", label(metric));
    let panel = LivePanel::new(
        if number::is_share(metric) {
            LiveAxis::share(&title)
        } else {
            LiveAxis::number(&title)
        },
        LiveAxis::names("", order().map(|e| e.key.clone())),
        if found.is_empty() { vec![] } else { layers },
    );
    LiveFigure::of_one(tornado_head(sweep, variant).to_vec(), panel)
}

/// The bars of a tornado as a table.
fn tornado_table(metric: &str, found: &[KeyEffect]) -> Grid {
    let value = |v: f64| number::value(metric, unit(metric), v);
    let header = ["key", "lowest mean", "at", "highest mean", "at"];
    let rows = found.iter().take(BARS).map(|e| {
        vec![
            e.key.clone(),
            value(e.low.1),
            e.low.0.clone(),
            value(e.high.1),
            e.high.0.clone(),
        ]
    });
    Grid::named(1, header.map(str::to_owned).to_vec(), rows.collect())
}

fn draw_tornado(sweep: &Sweep, variant: &str, metric: &str, found: &[KeyEffect]) -> Drawn<String> {
    let title = tornado_title(metric);
    let head = tornado_head(sweep, variant);
    let Some(first) = found.first() else {
        return page::words(&title, &head, "No data to show.");
    };
    let (text, y_unit) = xy::metric_axis(metric, unit(metric));
    let low = found.iter().map(|e| e.low.1).fold(f64::INFINITY, f64::min);
    let high = found
        .iter()
        .map(|e| e.high.1)
        .fold(f64::NEG_INFINITY, f64::max);
    let x = if high > low {
        axis::between(low, high, 8.0, text).with_room(low, high, ROOM)
    } else {
        axis::linear(low, high, 8.0, text)
    };
    svg(&title, |c| {
        let top = page::head(c, &title, &head)? + 18.0;
        let names = look(TEXT);
        let widest = found
            .iter()
            .map(|e| text_width(&e.key, names))
            .fold(0.0, f64::max);
        let left = MARGIN + widest.min(NAMES) + 10.0;
        // The values at both ends of a bar may need more room than the axis leaves them.
        let room = |value: fn(&KeyEffect) -> &String| {
            let values = found.iter().map(|e| text_width(value(e), look(SMALL)));
            values.fold(0.0, f64::max) - ROOM / 2.0 * (WIDTH - 2.0 * MARGIN - left)
        };
        let row = 44.0;
        let bottom = top + row * found.len().min(BARS) as f64 + 6.0;
        let y = axis::Axis {
            low: 0.0,
            high: 1.0,
            log: false,
            ticks: vec![],
        };
        let p = axis::Panel {
            left: left + room(|e| &e.low.0).clamp(4.0, 90.0),
            top,
            right: WIDTH - MARGIN - room(|e| &e.high.0).clamp(4.0, 110.0),
            bottom,
            x: &x,
            y: &y,
        };
        p.grid(c)?;
        p.frame(c)?;
        for (i, e) in found.iter().take(BARS).enumerate() {
            let middle = top + (i as f64 + 0.5) * row;
            let key = wrap(&e.key, NAMES, names);
            for (n, line) in key.iter().enumerate() {
                let line_y = middle + (n as f64 - (key.len() as f64 - 1.0) / 2.0) * 16.0;
                c.text(left - 4.0, line_y, line, names, Side::Right)?;
            }
            let (x0, x1) = (p.px(e.low.1), p.px(e.high.1));
            c.filled(x0, middle - 11.0, x1, middle + 11.0, theme::part_fill(3))?;
            c.label(x0 - 6.0, middle, &e.low.0, look(SMALL), Side::Right)?;
            c.label(x1 + 6.0, middle, &e.high.0, look(SMALL), Side::Left)?;
        }
        let overall = Line {
            color: theme::BLACK,
            width: 1.5,
            dash: &[6.0, 3.0],
        };
        c.line(
            &[(p.px(first.overall), top), (p.px(first.overall), bottom)],
            overall,
        )?;
        c.text(
            p.px(first.overall),
            top - 10.0,
            "mean of all",
            bold(SMALL),
            Side::Center,
        )?;
        p.x_title(c, &format!("{} [{y_unit}]", label(metric)))?;
        Ok(bottom + 46.0)
    })
}
