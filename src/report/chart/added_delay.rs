//! Which share of requests is delayed by more than a given time, by variant.
//!
//! Both axes are logarithmic: the tail, which is what throttling costs, would vanish otherwise.

use super::axis::{self, Axis, Panel};
use super::canvas::{Drawn, svg};
use super::figure::{Chart, figure, label};
use super::live::{LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape};
use super::page::{self, Sign};
use super::theme;
use crate::metrics::number;
use crate::metrics::registry;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::{DelayHistogram, RunResults, VariantResults};

const TITLE: &str = "Delay added by throttling, by variant";

pub(super) const CHART: Chart = Chart {
    stem: "added_delay",
    several: false,
    draw: |results| {
        let drawn = figure("added_delay", TITLE, draw(results), table(results))?;
        Ok(vec![drawn.with(live(results))])
    },
};

/// Smallest share shown.
const LEAST: f64 = 1e-6;

/// Points of a tail: delay \[s\] and the share of requests delayed by more.
fn tail(h: &DelayHistogram) -> Vec<(f64, f64)> {
    let total: f64 = h.count.iter().sum();
    let mut left = total;
    let mut points = vec![];
    for ((lower, upper), count) in h.lower_s.iter().zip(&h.upper_s).zip(&h.count) {
        if *lower > 0.0 {
            points.push((*lower, left / total));
            // What rounding leaves of the last bucket is none.
            let rest = left - count;
            points.push((
                *upper,
                if rest < total * 1e-12 {
                    0.0
                } else {
                    rest / total
                },
            ));
        }
        left -= count;
    }
    points
}

/// Most rows of the table.
const ROWS: usize = 24;

/// The share of requests that is delayed by more than some of the histograms' bounds, a column for each variant.
fn table(results: &RunResults) -> Grid {
    let of = |v: &VariantResults| v.series.added_delay.lower_s.clone();
    let mut bounds: Vec<f64> = results.variants.iter().flat_map(of).collect();
    bounds.retain(|b| *b > 0.0);
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let each = bounds.len().div_ceil(ROWS).max(1);
    let share = |v: &VariantResults, bound: f64| {
        let h = &v.series.added_delay;
        let total: f64 = h.count.iter().sum();
        let beyond = h.lower_s.iter().zip(&h.count).filter(|(l, _)| **l >= bound);
        let beyond: f64 = beyond.map(|(_, n)| n).sum();
        match total > 0.0 {
            true => number::percent(beyond / total),
            false => number::NO_DATA.to_owned(),
        }
    };
    let rows = bounds.iter().step_by(each).map(|bound| {
        let shares = results.variants.iter().map(|v| share(v, *bound));
        std::iter::once(number::duration(*bound))
            .chain(shares)
            .collect()
    });
    let names = results.variants.iter().map(|v| v.name.clone());
    let header = std::iter::once(format!("requests with {} of more than", short()));
    Grid::named(1, header.chain(names).collect(), rows.collect())
}

fn words(v: &VariantResults) -> String {
    let ids = [
        "added_delay_s_p50",
        "added_delay_s_p99",
        "added_delay_s_max",
    ];
    let text = |id: &str| {
        let name = id.rsplit('_').next().unwrap_or(id);
        let e = v.metrics.get(id);
        format!(
            "{name} {}",
            e.map_or(number::NO_DATA.to_owned(), |e| number::estimate(id, e))
        )
    };
    ids.map(text).join(", ")
}

/// The same tails, point by point.
fn live(results: &RunResults) -> LiveFigure {
    let layers = results.variants.iter().enumerate().filter_map(|(i, v)| {
        let dots: Vec<LiveDot> = tail(&v.series.added_delay)
            .into_iter()
            .filter(|(_, share)| *share > 0.0)
            .map(|(x, y)| LiveDot::at(x, y))
            .collect();
        let ink = LiveInk::Line(theme::variant_line(i));
        (!dots.is_empty()).then(|| LiveLayer::new(&v.name, LiveShape::Line(dots), ink))
    });
    let log = |axis: LiveAxis| LiveAxis {
        log: Some(true),
        ..axis
    };
    let panel = LivePanel::new(
        log(LiveAxis::number("added delay x [s], logarithmic")),
        log(LiveAxis::share(&format!(
            "share of requests with {} > x",
            short()
        ))),
        layers.collect(),
    );
    LiveFigure::of_one(vec![caption(results)], panel)
}

/// Draws the figure.
fn draw(results: &RunResults) -> Drawn<String> {
    let mut head = vec![caption(results)];
    let tails: Vec<_> = results
        .variants
        .iter()
        .map(|v| tail(&v.series.added_delay))
        .collect();
    let points = || tails.iter().flatten();
    let ended = |v: &VariantResults| v.series.added_delay.count.iter().sum::<f64>() > 0.0;
    if points().next().is_none() {
        let reason = if results.variants.iter().any(ended) {
            "No request was delayed in any variant or replication."
        } else {
            "No request that needs KMS succeeded, so there is no delay to show."
        };
        return page::words(TITLE, &head, reason);
    }
    head.push(
        registry::metric("added_delay_s_p50").map_or(String::new(), |m| {
            format!("Added delay: {}", m.help.trim_start_matches("median of "))
        }),
    );
    let x = decades(points().map(|p| p.0), number::tick);
    let shares = points().map(|p| p.1).filter(|s| *s >= LEAST).chain([1.0]);
    let y = decades(shares, |v| number::tick(v * 100.0) + " %");
    svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        let entries = results.variants.iter().enumerate().map(|(i, v)| {
            let sign = if tails[i].is_empty() {
                Sign::Letter(i)
            } else {
                Sign::Lettered(i)
            };
            let text = match (tails[i].is_empty(), ended(v)) {
                (false, _) => words(v),
                (true, true) => "no request was delayed".to_owned(),
                (true, false) => number::NO_DATA.to_owned(),
            };
            (sign, format!("{}: {text}", v.name))
        });
        let top = page::legend(c, top, &entries.collect::<Vec<_>>())? + 4.0;
        let p = Panel::alone(top, 14.0, 360.0, &x, &y);
        p.grid(c)?;
        let n = tails.iter().filter(|t| !t.is_empty()).count();
        let curves: Vec<_> = tails
            .iter()
            .enumerate()
            .filter(|(_, t)| !t.is_empty())
            .map(|(i, t)| (i, curve(&p, t)))
            .collect();
        for (i, points) in &curves {
            c.line(points, theme::variant_line(*i))?;
        }
        for (k, (i, points)) in curves.iter().enumerate() {
            // Spread along the lines, so that letters of neighbouring lines don't meet.
            let (x, y) = along(points, (k as f64 + 0.6) / (n as f64 + 0.2));
            page::lettered(c, x, y, *i)?;
        }
        p.frame(c)?;
        p.x_title(c, "added delay x [s], logarithmic")?;
        let share = format!("share of requests with {} > x, logarithmic", short());
        p.y_title(c, &share, y.text_width() + 18.0)?;
        Ok(p.bottom + 50.0)
    })
}

/// "added delay", as the registry names it.
fn short() -> &'static str {
    label("added_delay_s_max").trim_end_matches(" max")
}

fn decades(values: impl Iterator<Item = f64>, text: impl Fn(f64) -> String) -> Axis {
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    axis::decades(low, high, text)
}

/// A tail in pixels, from the left edge to where it reaches the bottom.
fn curve(p: &Panel<'_>, tail: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = vec![(p.left, tail.first().map_or(p.bottom, |t| p.py(t.1)))];
    for (delay, share) in tail {
        points.push((p.px(*delay), p.py(*share)));
        if *share <= p.y.low {
            break;
        }
    }
    points
}

/// The point `share` of the way along a line.
fn along(points: &[(f64, f64)], share: f64) -> (f64, f64) {
    let length = |s: &[(f64, f64)]| (s[1].0 - s[0].0).hypot(s[1].1 - s[0].1);
    let mut left = points.windows(2).map(length).sum::<f64>() * share;
    for pair in points.windows(2) {
        let l = length(pair);
        if l > 0.0 && left <= l {
            let (a, b) = (pair[0], pair[1]);
            return (a.0 + (b.0 - a.0) * left / l, a.1 + (b.1 - a.1) * left / l);
        }
        left -= l;
    }
    points.last().copied().unwrap_or((0.0, 0.0))
}
