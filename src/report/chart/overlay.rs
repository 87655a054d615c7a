//! KMS attempts per second of the variants over one another, each on its tightest quota: a panel for up to six of them,
//! and for those alike in size, as one far smaller would lie on the zero line.
//!
//! For the shape of the difference, with each variant's quota and busiest second; its interval has a figure of its own.

use super::axis::{self, Axis, Panel};
use super::canvas::{Canvas, Drawn, Side, grey, svg};
use super::figure::{Chart, figure, from_to, mean};
use super::live::{
    LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape, LiveSwitch, LiveX,
};
use super::page::{self, Sign};
use super::theme::{self, Line};
use crate::metrics::number;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::{RunResults, VariantResults};
use plotters::style::RGBColor;

const TITLE: &str = "KMS attempts per second, variants overlaid";

pub(super) const CHART: Chart = Chart {
    stem: "overlay",
    several: false,
    draw: |results| {
        // One variant alone would only repeat its own figure.
        if results.variants.len() < 2 {
            return Ok(Vec::new());
        }
        let drawn = tried(results);
        let svg = draw(results, &drawn);
        let drawn = figure("overlay", TITLE, svg, table(&drawn))?;
        Ok(vec![drawn.with(live(results))])
    },
};

/// Most lines that one panel holds legibly.
const LINES: usize = 6;

/// A line whose highest point is less than the panel's highest over this gets a panel of its own size.
const FLAT: f64 = 12.0;

/// Most steps of a line.
const STEPS: usize = 220;

/// One variant's line: start and end of each step \[s\], attempts per second.
struct AttemptsLine {
    variant: usize,
    steps: Vec<(f64, f64, f64)>,
    quotas: Vec<f64>,
    /// Start and end of the bin that each quota is in force in \[s\].
    times: Vec<(f64, f64)>,
    /// Where the busiest second is \[s\], and its attempts.
    busiest: Option<(f64, f64)>,
    name: String,
    quota: String,
}

impl AttemptsLine {
    /// Its highest point.
    fn top(&self) -> f64 {
        let steps = self.steps.iter().map(|s| s.2);
        steps.chain(self.busiest.map(|b| b.1)).fold(0.0, f64::max)
    }
}

/// The lines of each panel, the highest panel first; in a panel in the order of the variants.
fn panels(drawn: &[AttemptsLine]) -> Vec<Vec<&AttemptsLine>> {
    let mut by_height: Vec<&AttemptsLine> = drawn.iter().collect();
    by_height.sort_by(|a, b| b.top().total_cmp(&a.top()));
    let mut panels: Vec<Vec<&AttemptsLine>> = Vec::new();
    for line in by_height {
        let fits = |p: &&mut Vec<&AttemptsLine>| p.len() < LINES && p[0].top() < line.top() * FLAT;
        match panels.last_mut().filter(fits) {
            Some(panel) => panel.push(line),
            None => panels.push(vec![line]),
        }
    }
    for panel in &mut panels {
        panel.sort_by_key(|line| line.variant);
    }
    panels
}

/// Rows of the table.
const ROWS: usize = 24;

/// The lines as a table: quota and busiest second, then means of a few long steps, a column for each variant.
fn table(drawn: &[AttemptsLine]) -> Grid {
    let ends = drawn.iter().flat_map(|c| &c.times).map(|t| t.1);
    let end = ends.fold(0.0, f64::max);
    let step = (end / ROWS as f64).ceil().max(1.0);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: String, cell: &dyn Fn(&AttemptsLine) -> String| {
        let cells = drawn.iter().map(cell);
        rows.push(std::iter::once(name).chain(cells).collect());
    };
    row("quota".to_owned(), &|c| c.quota.clone());
    row("busiest second".to_owned(), &|c| {
        c.busiest.map_or_else(String::new, |(at, n)| {
            let n = number::grouped(n, 0);
            format!("{n}/s at {}", number::clock(at as u64))
        })
    });
    for i in 0..(end / step).ceil() as usize {
        let (from, to) = (i as f64 * step, (i + 1) as f64 * step);
        row(format!("mean from {}", number::clock(from as u64)), &|c| {
            // As much of each step as lies in the row.
            let within = |s: &&(f64, f64, f64)| s.0 < to && s.1 > from;
            let (mut sum, mut seconds) = (0.0, 0.0);
            for (a, b, mean) in c.steps.iter().filter(within) {
                let width = b.min(to) - a.max(from);
                sum += mean * width;
                seconds += width;
            }
            match seconds > 0.0 {
                true => format!("{}/s", number::plain(sum / seconds)),
                false => String::new(),
            }
        });
    }
    let names = drawn.iter().map(|c| c.name.clone());
    Grid::named(
        1,
        std::iter::once(String::new()).chain(names).collect(),
        rows,
    )
}

fn course(results: &RunResults, variant: usize) -> Option<AttemptsLine> {
    let v: &VariantResults = &results.variants[variant];
    let (quota, seen) = v.tightest_quota()?;
    let series = v.series.quotas.get(quota)?;
    let (t, mean) = (&v.series.t_s, &series.kms_attempts_per_s.mean);
    let quotas = &series.quota_per_s;
    let (first, last) = (*quotas.first()?, *quotas.last()?);
    let bins: Vec<usize> = (0..t.len().min(mean.len())).collect();
    let group = bins.len().div_ceil(STEPS).max(1);
    let steps = bins.chunks(group).map(|at| {
        let sum: f64 = at.iter().map(|i| mean[*i]).sum();
        (
            t[at[0]] as f64,
            (t[at[at.len() - 1]] + v.series.bin_s) as f64,
            sum / at.len() as f64,
        )
    });
    Some(AttemptsLine {
        variant,
        steps: steps.collect(),
        quotas: quotas.clone(),
        times: t
            .iter()
            .map(|t| (*t as f64, (t + v.series.bin_s) as f64))
            .collect(),
        busiest: seen.busiest_second_at_s.map(|at| {
            let of_series = series.kms_attempts_per_s.max.iter().copied();
            let attempts = seen.busiest_second_attempts.map(|n| n as f64);
            (
                at as f64,
                attempts.unwrap_or_else(|| of_series.fold(0.0, f64::max)),
            )
        }),
        name: v.name.clone(),
        quota: from_to(first, last),
    })
}

/// The variants that tried, each with its line.
fn tried(results: &RunResults) -> Vec<AttemptsLine> {
    let tried = |v: &VariantResults| mean(&v.metrics, "kms_attempts").is_some_and(|a| a > 0.0);
    (0..results.variants.len())
        .filter(|i| tried(&results.variants[*i]))
        .filter_map(|i| course(results, i))
        .collect()
}

/// Every bin as `results.json` has it.
fn live(results: &RunResults) -> LiveFigure {
    let drawn = tried(results);
    let shared = share_a_quota(drawn.iter());
    let mut layers = Vec::new();
    for (k, c) in drawn.iter().enumerate() {
        let v = &results.variants[c.variant];
        let Some(series) = v.tightest_quota().and_then(|q| v.series.quotas.get(q.0)) else {
            continue;
        };
        let x = LiveX::of(&v.series.t_s);
        let all = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let line = theme::variant_line(c.variant);
        let steps = |name: &str, values: &[f64], line: Line| {
            let shape = LiveShape::Steps(x.clone(), all(values));
            LiveLayer::new(name, shape, LiveInk::Line(line))
        };
        layers.push(steps(&v.name, &series.kms_attempts_per_s.mean, line));
        if !shared {
            let name = format!("quota of {}", v.name);
            let quota = steps(&name, &c.quotas, quota_line(line.color));
            layers.push(quota.of(&name).switched(LiveSwitch::Fixed));
        } else if k == 0 {
            layers.push(steps("quota", &c.quotas, theme::QUOTA).switched(LiveSwitch::Fixed));
        }
        if let Some((x, y)) = c.busiest {
            let dot = LiveDot::at(x, y);
            let name = format!("busiest second of {}", v.name);
            let shape = LiveShape::Points(vec![dot]);
            layers.push(LiveLayer::new(&name, shape, LiveInk::Points(line)).of(&v.name));
        }
    }
    let peaks = drawn.iter().filter_map(|c| c.busiest);
    let first = peaks.max_by(|a, b| a.1.total_cmp(&b.1));
    let quotas = drawn.iter().flat_map(|c| &c.quotas).copied();
    let quota = quotas.filter(|q| q.is_finite()).fold(0.0, f64::max);
    let panel = LivePanel {
        moment: first.map(|p| p.0),
        ..LivePanel::new(
            LiveAxis::time(),
            LiveAxis::with_limit(
                "KMS attempts per second, mean [1/s]",
                first.map_or(0.0, |p| p.1),
                quota,
            ),
            layers,
        )
    };
    LiveFigure::of_one(vec![caption(results)], panel)
}

/// Whether one quota is in force for all.
fn share_a_quota<'c>(mut drawn: impl Iterator<Item = &'c AttemptsLine>) -> bool {
    let Some(first) = drawn.next() else {
        return true;
    };
    drawn.all(|c| {
        let n = c.quotas.len().min(first.quotas.len());
        c.quotas[..n] == first.quotas[..n]
    })
}

/// Draws the figure.
fn draw(results: &RunResults, drawn: &[AttemptsLine]) -> Drawn<String> {
    let mut head = vec![caption(results)];
    if drawn.is_empty() {
        return page::words(TITLE, &head, "No variant made any KMS attempts.");
    }
    let left_out = results.variants.len() - drawn.len();
    if left_out > 0 {
        let s = if left_out == 1 { "" } else { "s" };
        head.push(format!("{left_out} variant{s} without KMS attempts"));
    }
    let steps = || drawn.iter().flat_map(|c| &c.steps);
    let end = steps()
        .map(|s| s.1)
        .fold(results.horizon_s as f64, f64::max);
    let (x, unit) = axis::time(end, 14.0);
    svg(TITLE, |c| {
        let mut top = page::head(c, TITLE, &head)?;
        for some in panels(drawn) {
            top = panel(c, top, &some, &x)? + 30.0;
        }
        let title = format!("time since the run's start [{unit}]");
        c.text(
            theme::WIDTH / 2.0,
            top - 1.0,
            &title,
            grey(theme::TEXT),
            Side::Center,
        )?;
        Ok(top + 20.0)
    })
}

/// Some variants in one panel; returns the y below it \[px\].
fn panel(c: &mut Canvas<'_>, top: f64, drawn: &[&AttemptsLine], x: &Axis) -> Drawn<f64> {
    // One quota for all is one line; where they differ, each is drawn in its variant's colour.
    let shared = share_a_quota(drawn.iter().copied());
    let quotas = drawn.iter().flat_map(|c| &c.quotas).copied();
    let most = drawn.iter().map(|c| c.top()).fold(0.0, f64::max);
    let quota = quotas.filter(|q| q.is_finite()).fold(0.0, f64::max);
    // A quota far beyond all that happened would press it onto the zero line; the legend says it.
    let high = if quota > most * 10.0 {
        most
    } else {
        most.max(quota)
    };
    let y = axis::linear(0.0, high, 6.0, number::tick);
    let mut entries: Vec<_> = drawn
        .iter()
        .map(|course| {
            let (_, most) = course.busiest.unwrap_or_default();
            let most = number::grouped(most, 0);
            let text = format!("{}: {most}/s of {}", course.name, course.quota);
            (Sign::Lettered(course.variant), text)
        })
        .collect();
    entries.push((Sign::Marker, "busiest second".to_owned()));
    entries.push(match shared {
        true => (
            Sign::Line(theme::QUOTA),
            "quota, the same for all".to_owned(),
        ),
        false => (
            Sign::Line(quota_line(theme::BLACK)),
            "quota, in its variant's colour".to_owned(),
        ),
    });
    let top = page::legend(c, top, &entries)? + 4.0;
    let p = Panel::alone(top, 14.0, 360.0, x, &y);
    p.grid(c)?;
    for course in drawn.iter().take(if shared { 1 } else { drawn.len() }) {
        let line = match shared {
            true => theme::QUOTA,
            false => quota_line(theme::variant_line(course.variant).color),
        };
        let ends = course.quotas.iter().zip(&course.times).flat_map(|(q, t)| {
            let y = p.py(*q);
            [(p.px(t.0), y), (p.px(t.1), y)]
        });
        let visible: Vec<_> = ends.collect();
        if course.quotas.iter().any(|q| *q <= y.high) {
            c.line(&visible, line)?;
        }
    }
    for course in drawn {
        let points: Vec<_> = course
            .steps
            .iter()
            .flat_map(|s| [(p.px(s.0), p.py(s.2)), (p.px(s.1), p.py(s.2))])
            .collect();
        c.line(&points, theme::variant_line(course.variant))?;
    }
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for course in drawn {
        if let Some((at, attempts)) = course.busiest {
            let (x, y) = (p.px(at), p.py(attempts));
            page::marker(c, x, y)?;
            // Beside its mark, further away where another letter stands.
            let free = |at: &f64| {
                let inside = *at > p.left + 8.0 && *at < p.right - 8.0;
                let near = |t: &(f64, f64)| (t.0 - at).abs() < 17.0 && (t.1 - y).abs() < 17.0;
                inside && !taken.iter().any(near)
            };
            let places = (0..12).map(|i| 14.0 + 18.0 * f64::from(i / 2));
            let signed = places.enumerate().map(|(i, d)| match i % 2 {
                0 => x + d,
                _ => x - d,
            });
            let beside = signed.into_iter().find(free).unwrap_or(x + 14.0);
            taken.push((beside, y));
            page::lettered(c, beside, y, course.variant)?;
        }
    }
    p.frame(c)?;
    p.y_title(
        c,
        "KMS attempts per second, mean [1/s]",
        y.text_width() + 18.0,
    )?;
    Ok(p.bottom)
}

fn quota_line(color: RGBColor) -> Line {
    Line {
        color,
        width: 1.2,
        dash: &[1.5, 2.5],
    }
}
