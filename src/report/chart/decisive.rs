//! The seconds around each variant's busiest one: what each workload asks for, what is throttled, and the quota.
//!
//! One replication, the one with the busiest second; each panel has axes of its own, as variants are busiest at
//! different times. More than six variants have several figures. Not shown: seconds further away, which `results.json` has.

use super::axis::{self, Axis, Panel};
use super::canvas::{Canvas, Drawn, bold, grey, svg, text_width};
use super::figure::{Chart, figure};
use super::live::{
    LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape, LiveSwitch, LiveX,
};
use super::page::{self, Sign, paragraph};
use super::theme::{self, BLACK, Fill, HEADING, Hatch, Line, MARGIN, SMALL, TEXT, WIDTH};
use crate::catalog::limit_name;
use crate::metrics::number;
use crate::report::page::Grid;
use crate::report::peak::{Moment, moment, quota_in_force};
use crate::report::text::caption;
use crate::results::{DecisiveReplication, DecisiveStretch, RunResults, VariantResults};

const TITLE: &str = "The decisive seconds: who asks for how much";

pub(super) const CHART: Chart = Chart {
    stem: STEM,
    several: true,
    draw: |results| {
        let shown = windows(results);
        let sheets = shown.chunks(PANELS).enumerate();
        let drawn = sheets.map(|(i, some)| {
            let (stem, title) = match i {
                0 => (STEM.to_owned(), TITLE.to_owned()),
                i => (
                    format!("{STEM}_{}", i + 1),
                    format!("{TITLE}, further variants"),
                ),
            };
            let names = workloads(some);
            let left_out = results.variants.len() - shown.len();
            let svg = draw(results, &title, some, &names, left_out);
            let drawn = figure(&stem, &title, svg, table(some, &names))?;
            Ok(drawn.with(live(results, some, left_out)))
        });
        drawn.collect()
    },
};

/// File name of the first figure, and what those of the others begin with.
const STEM: &str = "decisive_seconds";

/// Most variants that one figure holds.
const PANELS: usize = 6;

/// Most variants that are drawn.
const VARIANTS: usize = 24;

/// Most workloads that are told apart.
const WORKLOADS: usize = 6;

/// Most seconds before and after the busiest.
const AROUND: (u64, u64) = (120, 180);

const THROTTLED: Line = Line {
    color: BLACK,
    width: 1.4,
    dash: &[2.0, 2.0],
};

/// What a panel shows.
struct DecisiveWindow<'r> {
    variant: &'r VariantResults,
    limit: &'r str,
    replication: &'r DecisiveReplication,
    stretch: &'r DecisiveStretch,
    at_s: u64,
    /// Seconds of the stretch.
    seconds: std::ops::Range<usize>,
}

impl DecisiveWindow<'_> {
    /// Attempts and throttled ones of a workload in a second of the stretch.
    fn of(&self, workload: &str, i: usize) -> (u64, u64) {
        let counts = self.stretch.by_workload.get(workload);
        counts.map_or((0, 0), |c| {
            let at = |all: &[u64]| all.get(i).copied().unwrap_or(0);
            (at(&c.attempts), at(&c.throttled))
        })
    }

    fn total(&self, i: usize) -> (u64, u64) {
        let names = self.stretch.by_workload.keys();
        let both = names.map(|name| self.of(name, i));
        both.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn quota(&self, second: u64) -> f64 {
        quota_in_force(self.stretch, second)
    }

    fn second(&self, i: usize) -> u64 {
        self.stretch.from_s + i as u64
    }
}

/// What there is to draw: the stretch with the busiest second of each variant's tightest quota.
fn windows(results: &RunResults) -> Vec<DecisiveWindow<'_>> {
    let of = |variant| window(variant);
    results
        .variants
        .iter()
        .filter_map(of)
        .take(VARIANTS)
        .collect()
}

fn window(variant: &VariantResults) -> Option<DecisiveWindow<'_>> {
    let Moment {
        limit,
        replication,
        stretch,
        at_s,
    } = moment(variant)?;
    let at = (at_s - stretch.from_s) as usize;
    let from = at.saturating_sub(AROUND.0 as usize);
    Some(DecisiveWindow {
        variant,
        limit,
        replication,
        stretch,
        at_s,
        seconds: from..(at + AROUND.1 as usize).min(stretch.seconds),
    })
}

/// The workloads that ask for most in any window.
fn workloads<'r>(shown: &[DecisiveWindow<'r>]) -> Vec<&'r str> {
    let mut sums: Vec<(&str, u64)> = Vec::new();
    for w in shown {
        for (name, counts) in &w.stretch.by_workload {
            let n: u64 = counts.attempts[w.seconds.clone()].iter().sum();
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += n,
                None => sums.push((name, n)),
            }
        }
    }
    sums.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    sums.iter().take(WORKLOADS).map(|(name, _)| *name).collect()
}

/// Areas have no strokes: the order of the stack tells them apart where colours do not.
fn fill(i: usize) -> Fill {
    Fill {
        hatch: Hatch::None,
        ..theme::part_fill(i)
    }
}

/// Time of day marks of a window.
fn time_axis(w: &DecisiveWindow<'_>) -> Axis {
    let (from, to) = (w.second(w.seconds.start), w.second(w.seconds.end));
    let step = match to - from {
        s if s <= 60 => 10,
        s if s <= 180 => 20,
        _ => 30,
    };
    let ticks = (from.div_ceil(step)..=to / step).map(|i| i * step);
    Axis {
        low: from as f64,
        high: to.max(from + 1) as f64,
        log: false,
        ticks: ticks.map(|t| (t as f64, number::clock(t))).collect(),
    }
}

/// Rows of the table for each variant.
const ROWS: usize = 20;

/// The panels as a table: attempts in a few seconds each, by workload.
fn table(shown: &[DecisiveWindow<'_>], names: &[&str]) -> Grid {
    let mut header: Vec<String> = [
        "variant",
        "from",
        "seconds",
        "attempts",
        "busiest second",
        "throttled",
        "quota [1/s]",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(names.iter().map(|name| (*name).to_owned()));
    let count = |n: u64| number::grouped(n as f64, 0);
    let rows = shown.iter().flat_map(|w| {
        let all: Vec<usize> = w.seconds.clone().collect();
        let step = [1, 2, 5, 10, 15, 20, 30, 60];
        let step = step.into_iter().find(|s| all.len().div_ceil(*s) <= ROWS);
        let steps: Vec<Vec<usize>> = all.chunks(step.unwrap_or(60)).map(<[_]>::to_vec).collect();
        steps.into_iter().map(move |some| {
            let sum = |of: &dyn Fn(usize) -> u64| some.iter().map(|i| of(*i)).sum::<u64>();
            let busiest = some.iter().map(|i| w.total(*i).0).max().unwrap_or(0);
            let first = w.second(some[0]);
            let mut row = vec![
                w.variant.name.clone(),
                number::clock(first),
                some.len().to_string(),
                count(sum(&|i| w.total(i).0)),
                count(busiest),
                count(sum(&|i| w.total(i).1)),
                number::plain(w.quota(first)),
            ];
            row.extend(names.iter().map(|name| count(sum(&|i| w.of(name, i).0))));
            row
        })
    });
    Grid::named(2, header, rows.collect())
}

/// What stands below the title.
fn head(results: &RunResults, left_out: usize) -> Vec<String> {
    let mut head = vec![caption(results)];
    if left_out > 0 {
        let s = if left_out == 1 { "" } else { "s" };
        head.push(format!(
            "Not drawn: {left_out} variant{s} without attempts, or beyond the first {VARIANTS}"
        ));
    }
    head
}

/// What stands above a panel.
fn note(w: &DecisiveWindow<'_>) -> String {
    let busiest = w.total((w.at_s - w.stretch.from_s) as usize);
    format!(
        "replication {}: {}/s at {}, {} of them throttled; quota {} ({})",
        w.replication.replication,
        number::grouped(busiest.0 as f64, 0),
        number::clock(w.at_s),
        number::grouped(busiest.1 as f64, 0),
        number::value("", "1/s", w.quota(w.at_s)),
        limit_name(w.limit),
    )
}

/// Most seconds before and after the busiest that a page has.
const NEAR: u64 = 900;

/// The same seconds and those around them, each as `results.json` has it.
fn live(results: &RunResults, shown: &[DecisiveWindow<'_>], left_out: usize) -> LiveFigure {
    let names = workloads(shown);
    let panels = shown.iter().map(|w| {
        let at = (w.at_s - w.stretch.from_s) as usize;
        let seconds = at.saturating_sub(NEAR as usize)..(at + NEAR as usize).min(w.stretch.seconds);
        let x = || LiveX::Even(w.second(seconds.start) as f64, 1.0);
        let each = |value: &dyn Fn(usize) -> f64| -> Vec<Option<f64>> {
            seconds.clone().map(|i| Some(value(i))).collect()
        };
        let stack = |name: &str, k: usize, value: &dyn Fn(usize) -> f64| {
            LiveLayer::new(
                name,
                LiveShape::Stack(x(), each(value)),
                LiveInk::Fill(fill(k)),
            )
        };
        let mut layers: Vec<LiveLayer> = Vec::new();
        for (k, name) in names.iter().enumerate() {
            if w.stretch.by_workload.contains_key(*name) {
                layers.push(stack(name, k, &|i| w.of(name, i).0 as f64));
            }
        }
        let named = |i: usize| names.iter().map(|n| w.of(n, i).0).sum::<u64>();
        let others = |i: usize| (w.total(i).0 - named(i)) as f64;
        if seconds.clone().any(|i| others(i) > 0.0) {
            layers.push(stack("all others", names.len(), &others));
        }
        let line = |name: &str, line: Line, value: &dyn Fn(usize) -> f64| {
            LiveLayer::new(
                name,
                LiveShape::Steps(x(), each(value)),
                LiveInk::Line(line),
            )
        };
        layers.push(line("throttled", THROTTLED, &|i| w.total(i).1 as f64));
        let quota = line("quota", theme::QUOTA, &|i| w.quota(w.second(i)));
        layers.push(quota.switched(LiveSwitch::Fixed));
        let busiest = LiveDot::at(w.at_s as f64, w.total(at).0 as f64);
        let dot = LiveShape::Points(vec![busiest.clone()]);
        layers.push(LiveLayer::new(
            "busiest second",
            dot,
            LiveInk::Points(theme::MEAN),
        ));
        LivePanel {
            name: w.variant.name.clone(),
            note: note(w),
            x: LiveAxis::time(),
            y: LiveAxis::with_limit("attempts per second [1/s]", busiest.y, w.quota(w.at_s)),
            layers,
            moment: Some(w.at_s as f64),
            window: Some((
                w.second(w.seconds.start) as f64,
                w.second(w.seconds.end) as f64,
            )),
        }
    });
    LiveFigure {
        caption: head(results, left_out),
        each: "variant",
        panels: panels.collect(),
    }
}

fn draw(
    results: &RunResults,
    title: &str,
    shown: &[DecisiveWindow<'_>],
    names: &[&str],
    left_out: usize,
) -> Drawn<String> {
    let head = head(results, left_out);
    svg(title, |c| {
        let top = page::head(c, title, &head)?;
        let mut entries: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(i, name)| (Sign::Fill(fill(i)), (*name).to_owned()))
            .collect();
        let has_others = |w: &DecisiveWindow<'_>| {
            w.stretch
                .by_workload
                .keys()
                .any(|n| !names.contains(&n.as_str()))
        };
        if shown.iter().any(has_others) {
            entries.push((Sign::Fill(fill(names.len())), "all others".to_owned()));
        }
        entries.push((Sign::Line(THROTTLED), "throttled".to_owned()));
        entries.push((Sign::Line(theme::QUOTA), "quota".to_owned()));
        entries.push((Sign::Marker, "busiest second".to_owned()));
        let mut y = page::legend(c, top, &entries)?;
        let height = if shown.len() > 3 { 130.0 } else { 170.0 };
        for w in shown {
            y = panel(c, y, height, w, names)?;
        }
        Ok(y)
    })
}

fn panel(
    c: &mut Canvas<'_>,
    mut y: f64,
    height: f64,
    w: &DecisiveWindow<'_>,
    names: &[&str],
) -> Drawn<f64> {
    let width = WIDTH - 2.0 * MARGIN;
    y = paragraph(c, MARGIN, y + 6.0, width, &w.variant.name, bold(HEADING))?;
    let busiest = w.total((w.at_s - w.stretch.from_s) as usize);
    y = paragraph(c, MARGIN, y, width, &note(w), grey(SMALL))? + 8.0;
    let most = w.seconds.clone().map(|i| w.total(i).0).max().unwrap_or(0) as f64;
    let quotas = w.seconds.clone().map(|i| w.quota(w.second(i)));
    let high = quotas.fold(most, f64::max);
    let y_axis = axis::linear(0.0, high * 1.08, 4.0, number::tick);
    let x_axis = time_axis(w);
    let p = Panel::alone(y, 14.0, height, &x_axis, &y_axis);
    p.grid(c)?;
    stack(c, &p, w, names)?;
    let steps = |value: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        let seconds = w.seconds.clone();
        let ends = seconds.flat_map(|i| {
            let at = w.second(i) as f64;
            let y = p.py(value(i));
            [(p.px(at), y), (p.px(at + 1.0), y)]
        });
        ends.collect()
    };
    if w.seconds.clone().any(|i| w.total(i).1 > 0) {
        c.line(&steps(&|i| w.total(i).1 as f64), THROTTLED)?;
    }
    c.line(&steps(&|i| w.quota(w.second(i))), theme::QUOTA)?;
    p.frame(c)?;
    page::marker(c, p.px(w.at_s as f64 + 0.5), p.py(busiest.0 as f64))?;
    let [long, short] = ["attempts per second [1/s]", "attempts [1/s]"];
    let fits = text_width(long, grey(TEXT)) < height;
    let title = if fits { long } else { short };
    p.y_title(c, title, y_axis.text_width() + 18.0)?;
    Ok(p.bottom + 28.0)
}

/// What each workload asks for, on top of one another: the largest at the bottom.
fn stack(c: &mut Canvas<'_>, p: &Panel<'_>, w: &DecisiveWindow<'_>, names: &[&str]) -> Drawn<()> {
    let mut below: Vec<u64> = vec![0; w.seconds.len()];
    for k in 0..=names.len() {
        let top: Vec<u64> = w
            .seconds
            .clone()
            .zip(&below)
            .map(|(i, below)| match names.get(k) {
                Some(name) => below + w.of(name, i).0,
                None => w.total(i).0,
            })
            .collect();
        if top != below {
            let edge = |counts: &[u64]| -> Vec<(f64, f64)> {
                let ends = w.seconds.clone().zip(counts).flat_map(|(i, &n)| {
                    let (at, y) = (w.second(i) as f64, p.py(n as f64));
                    [(p.px(at), y), (p.px(at + 1.0), y)]
                });
                ends.collect()
            };
            let mut area = edge(&top);
            area.extend(edge(&below).into_iter().rev());
            c.polygon(&area, fill(k).color, 1.0)?;
            let thin = Line {
                color: BLACK,
                width: 0.4,
                dash: &[],
            };
            c.line(&edge(&top), thin)?;
        }
        below = top;
    }
    Ok(())
}
