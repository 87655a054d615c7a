//! The share of attempts that was throttled, over the time in which any was.
//!
//! Each variant shows the quota that throttled most of its attempts. The steps are as short as the record of the
//! decisive seconds allows, down to one second, and the axis holds only what was throttled: an average over more would
//! show less than the worst minute. Where the record does not hold all that was throttled, the series stand in, and where
//! steps outnumber the pixels, each shows the worst of its own. Up to four variants alike in size share one
//! panel; others get a panel each. Variants that never throttled are named in words.

use super::axis::{self, Axis, Panel};
use super::canvas::{Canvas, Drawn, svg};
use super::figure::{Chart, figure, label, mean};
use super::grid::{Axes, Heading, OWN_AXES, PanelGrid, y_axes};
use super::live::{
    LiveAxis, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape, LiveSwitch, LiveX,
};
use super::page::{self, Sign};
use super::theme::{self, Line};
use crate::catalog::limit_name;
use crate::metrics::number;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::{DecisiveReplication, RunResults, VariantResults};

const TITLE: &str = "Share of KMS attempts throttled over time";

pub(super) const CHART: Chart = Chart {
    stem: "throttle_rate",
    several: false,
    draw: |results| {
        let shown = shown(results);
        let svg = draw(results, &shown);
        let drawn = figure("throttle_rate", TITLE, svg, table(&shown))?;
        Ok(vec![drawn.with(live(results, &shown))])
    },
};

/// Most lines that one panel holds legibly.
const TOGETHER: usize = 4;

/// A line whose highest point is less than the highest over this would lie on the zero line.
const FLAT: f64 = 8.0;

/// Most steps of a line.
const STEPS: usize = 450;

/// Lengths of a step that are tried, shortest first \[s\].
const LENGTHS: [u64; 6] = [1, 5, 10, 30, 60, 300];

/// Attempts in some seconds, and how many of them were throttled.
#[derive(Clone, Copy)]
struct ThrottleStep {
    from: f64,
    to: f64,
    attempts: f64,
    throttled: f64,
}

impl ThrottleStep {
    /// The share; `None` without attempts.
    fn share(&self) -> Option<f64> {
        (self.attempts > 0.0).then(|| self.throttled / self.attempts)
    }
}

/// One variant's line.
struct ThrottleLine<'r> {
    variant: usize,
    results: &'r VariantResults,
    quota: &'r str,
    /// In order of time, without gaps.
    steps: Vec<ThrottleStep>,
}

impl ThrottleLine<'_> {
    /// The step with the largest share.
    fn worst(&self) -> Option<&ThrottleStep> {
        let shares = self.steps.iter().filter_map(|s| Some((s, s.share()?)));
        // Of several the first.
        let worst = shares.reduce(|a, b| if b.1 > a.1 { b } else { a });
        worst.map(|(s, _)| s)
    }

    fn high(&self) -> f64 {
        self.worst().and_then(ThrottleStep::share).unwrap_or(0.0)
    }
}

/// What is drawn.
struct ThrottleView<'r> {
    lines: Vec<ThrottleLine<'r>>,
    /// Start and end of the axis \[s\].
    window: (f64, f64),
    /// What a step is, in words.
    step: String,
}

/// The quota that throttled most, if any did.
fn worst(v: &VariantResults) -> Option<&str> {
    let rate =
        |q: &crate::results::QuotaResults| mean(&q.metrics, "throttle_rate").filter(|r| *r > 0.0);
    let rates = v
        .by_quota
        .iter()
        .filter_map(|(name, q)| Some((name, rate(q)?)));
    rates
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name.as_str())
}

/// The record of the replication with the busiest second, where it holds every throttled one.
fn record<'r>(v: &'r VariantResults, quota: &str) -> Option<&'r DecisiveReplication> {
    let mut replications = v.decisive_seconds.get(quota)?.iter();
    let whole =
        |r: &&DecisiveReplication| r.has_busiest_second && r.seconds_throttled_left_out == 0;
    replications.find(whole)
}

/// Second, attempts and throttled ones of a record.
fn seconds(of: &DecisiveReplication) -> Vec<(u64, u64, u64)> {
    let mut all = Vec::new();
    for stretch in &of.stretches {
        for i in 0..stretch.seconds {
            let at = |all: &[u64]| all.get(i).copied().unwrap_or(0);
            let counts = stretch.by_workload.values();
            let (attempts, throttled) = counts.fold((0, 0), |sum, c| {
                (sum.0 + at(&c.attempts), sum.1 + at(&c.throttled))
            });
            all.push((stretch.from_s + i as u64, attempts, throttled));
        }
    }
    all
}

/// First and last second with a throttled attempt, the last exclusive.
fn throttled_span(seconds: &[(u64, u64, u64)]) -> Option<(u64, u64)> {
    let mut throttled = seconds.iter().filter(|s| s.2 > 0).map(|s| s.0);
    let first = throttled.next()?;
    Some((first, throttled.next_back().unwrap_or(first) + 1))
}

/// The axis: what was throttled with a little room, or nearly all of the run as the whole.
fn window(from: f64, to: f64, end: f64) -> (f64, f64) {
    let room = ((to - from) * 0.06).max(5.0);
    match to - from > 0.8 * end {
        true => (0.0, end),
        false => ((from - room).max(0.0).floor(), (to + room).min(end).ceil()),
    }
}

fn shown(results: &RunResults) -> ThrottleView<'_> {
    let throttled: Vec<(usize, &VariantResults, &str)> = results
        .variants
        .iter()
        .enumerate()
        .filter_map(|(i, v)| Some((i, v, worst(v)?)))
        .collect();
    of_record(results, &throttled).unwrap_or_else(|| of_series(results, &throttled))
}

/// Lines from the record of the decisive seconds; `None` unless it holds every throttled one of each variant.
fn of_record<'r>(
    results: &RunResults,
    throttled: &[(usize, &'r VariantResults, &'r str)],
) -> Option<ThrottleView<'r>> {
    let all = throttled
        .iter()
        .map(|(_, v, quota)| Some(seconds(record(v, quota)?)));
    let all: Vec<Vec<(u64, u64, u64)>> = all.collect::<Option<_>>()?;
    let spans: Option<Vec<(u64, u64)>> = all.iter().map(|s| throttled_span(s)).collect();
    let spans = spans.filter(|spans| !spans.is_empty())?;
    let first = spans.iter().map(|s| s.0).min()?;
    let last = spans.iter().map(|s| s.1).max()?;
    let end = all.iter().flatten().map(|s| s.0 + 1).max()?;
    let window = window(first as f64, last as f64, end.max(results.horizon_s) as f64);
    let (from, to) = (window.0 as u64, window.1 as u64);
    let fits = |length: &&u64| (to - from).div_ceil(**length) <= STEPS as u64;
    let length = LENGTHS.iter().find(fits).copied().unwrap_or(60);
    let lines = throttled
        .iter()
        .zip(&all)
        .map(|(&(variant, v, quota), seconds)| {
            let count = (to - from).div_ceil(length) as usize;
            let mut steps: Vec<ThrottleStep> = (0..count as u64)
                .map(|i| ThrottleStep {
                    from: (from + i * length) as f64,
                    to: (from + (i + 1) * length).min(to) as f64,
                    attempts: 0.0,
                    throttled: 0.0,
                })
                .collect();
            for (second, attempts, throttled) in seconds.iter().filter(|s| s.0 >= from && s.0 < to)
            {
                let step = &mut steps[((second - from) / length) as usize];
                step.attempts += *attempts as f64;
                step.throttled += *throttled as f64;
            }
            // Between the stretches nothing is throttled, though there are attempts.
            for step in steps.iter_mut().filter(|s| s.attempts == 0.0) {
                step.attempts = 1.0;
            }
            ThrottleLine {
                variant,
                results: v,
                quota,
                steps: worst_of(&steps),
            }
        });
    let lines: Vec<ThrottleLine<'_>> = lines.collect();
    let each = match lines
        .first()
        .is_some_and(|l| l.steps.len() < (to - from).div_ceil(length) as usize)
    {
        true => format!("the worst {} of each step", number::instant(length)),
        false => format!(
            "throttled ÷ attempts in steps of {}",
            number::instant(length)
        ),
    };
    Some(ThrottleView {
        lines,
        window,
        step: format!("{each}, in the replication with the variant's busiest second"),
    })
}

/// Lines from the series, means over replications.
fn of_series<'r>(
    results: &RunResults,
    throttled: &[(usize, &'r VariantResults, &'r str)],
) -> ThrottleView<'r> {
    let all = throttled.iter().filter_map(|&(variant, v, quota)| {
        let s = v.series.quotas.get(quota)?;
        let (a, t) = (&s.kms_attempts_per_s.mean, &s.kms_throttled_per_s.mean);
        let bins = v.series.t_s.iter().zip(a.iter().zip(t));
        let steps = bins.map(|(from, (attempts, throttled))| ThrottleStep {
            from: *from as f64,
            to: (from + v.series.bin_s) as f64,
            attempts: *attempts,
            throttled: *throttled,
        });
        Some((variant, v, quota, steps.collect::<Vec<_>>()))
    });
    let all: Vec<_> = all.collect();
    let steps = || all.iter().flat_map(|l| &l.3);
    let some = || steps().filter(|s| s.throttled > 0.0);
    let first = some().map(|s| s.from).fold(f64::INFINITY, f64::min);
    let last = some().map(|s| s.to).fold(0.0, f64::max);
    let end = steps()
        .map(|s| s.to)
        .fold(results.horizon_s as f64, f64::max);
    let window = window(first.min(last), last, end);
    let within = |s: &&ThrottleStep| s.from >= window.0 - 1e-9 && s.to <= window.1 + 1e-9;
    let bin = all.iter().map(|l| l.1.series.bin_s).max().unwrap_or(1);
    let mut merged = false;
    let lines = all.into_iter().map(|(variant, results, quota, steps)| {
        let steps: Vec<ThrottleStep> = steps.iter().filter(within).copied().collect();
        let drawn = worst_of(&steps);
        merged |= drawn.len() < steps.len();
        ThrottleLine {
            variant,
            results,
            quota,
            steps: drawn,
        }
    });
    let lines = lines.collect();
    let each = match merged {
        true => format!("the worst {} of each step", number::instant(bin)),
        false => format!("throttled ÷ attempts in steps of {}", number::instant(bin)),
    };
    ThrottleView {
        lines,
        window,
        step: format!("{each}, over all replications"),
    }
}

/// As many steps as there is room for, of several the worst.
fn worst_of(steps: &[ThrottleStep]) -> Vec<ThrottleStep> {
    let group = steps.len().div_ceil(STEPS).max(1);
    let worst = steps.chunks(group).filter_map(|some| {
        let share = |s: &ThrottleStep| s.share().unwrap_or(-1.0);
        let worst = some.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
        Some(ThrottleStep {
            from: some.first()?.from,
            to: some.last()?.to,
            ..*worst
        })
    });
    worst.collect()
}

/// Most rows of the table.
const ROWS: usize = 30;

/// The lines as a table: the worst step of each of a few stretches, a column for each variant.
fn table(shown: &ThrottleView<'_>) -> Grid {
    let (from, to) = shown.window;
    let width = ((to - from) / ROWS as f64).ceil().max(1.0);
    let header = std::iter::once("worst step from".to_owned());
    let names = shown.lines.iter().map(|l| l.results.name.clone());
    let mut rows = Vec::new();
    for i in 0..((to - from) / width).ceil() as usize {
        let (a, b) = (from + i as f64 * width, from + (i + 1) as f64 * width);
        let within = |s: &&ThrottleStep| s.from >= a && s.from < b;
        let highest = shown.lines.iter().map(|l| {
            let shares = l
                .steps
                .iter()
                .filter(within)
                .filter_map(ThrottleStep::share);
            shares.reduce(f64::max)
        });
        let highest: Vec<Option<f64>> = highest.collect();
        if highest.iter().flatten().all(|share| *share == 0.0) {
            continue;
        }
        let cells = highest.iter().map(|share| match share {
            Some(share) => number::percent(*share),
            None => number::NO_DATA.to_owned(),
        });
        rows.push(
            std::iter::once(number::clock(a as u64))
                .chain(cells)
                .collect(),
        );
    }
    Grid::named(1, header.chain(names).collect(), rows)
}

fn overall(v: &VariantResults) -> String {
    match v.metrics.get("throttle_rate") {
        Some(e) if e.mean.is_some() => {
            format!("{} of the run", number::estimate("throttle_rate", e))
        }
        _ => number::NO_DATA.to_owned(),
    }
}

/// A line's figures in words: of the run, and at its worst.
fn note(line: &ThrottleLine<'_>) -> String {
    let all = overall(line.results);
    match line.worst().and_then(|s| Some((s, s.share()?))) {
        None => all,
        Some((step, share)) => {
            let (at, share) = (number::clock(step.from as u64), number::percent(share));
            format!("{all}, {share} at its worst ({at})")
        }
    }
}

/// A time axis of a part of the run, in times of day.
fn time_axis((from, to): (f64, f64)) -> Axis {
    const STEPS: [u64; 17] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
    ];
    let span = to - from;
    let step = STEPS.into_iter().find(|s| span / *s as f64 <= 9.0);
    let step = step.unwrap_or((span / 7.0 / 86_400.0).ceil().max(1.0) as u64 * 86_400);
    let ticks = ((from as u64).div_ceil(step)..=to as u64 / step).map(|i| i * step);
    Axis {
        low: from,
        high: to.max(from + 1.0),
        log: false,
        ticks: ticks.map(|t| (t as f64, number::clock(t))).collect(),
    }
}

/// Second by second where the record holds every throttled one, and bin by bin: throttled ÷ attempts, each as
/// `results.json` has them.
fn live(results: &RunResults, shown: &ThrottleView<'_>) -> LiveFigure {
    let (mut layers, mut moment) = (Vec::new(), None);
    let mut has_seconds = false;
    for (i, v) in results.variants.iter().enumerate() {
        let Some(quota) = worst(v) else { continue };
        let line = |name: &str, x: LiveX, y: Vec<Option<f64>>| {
            LiveLayer::new(
                name,
                LiveShape::Steps(x, y),
                LiveInk::Line(theme::variant_line(i)),
            )
        };
        let seconds = record(v, quota).map(|r| (r.replication, seconds(r)));
        let bins = bins(v, quota).map(|(x, y)| line(&format!("{}: bins", v.name), x, y));
        let off = |bins: LiveLayer| bins.switched(LiveSwitch::Off);
        match seconds {
            Some((replication, seconds)) => {
                has_seconds = true;
                if moment.is_none() {
                    moment = busiest(&seconds);
                }
                let name = format!("{} (replication {replication})", v.name);
                let (x, y) = one_by_one(&seconds);
                layers.push(line(&name, x, y));
                layers.extend(bins.map(off));
            }
            None => layers.extend(bins),
        }
    }
    let bin = results.variants.iter().map(|v| v.series.bin_s).max();
    let bin = bin.map_or_else(String::new, number::instant);
    let step = match has_seconds {
        true => format!(
            "Throttled ÷ attempts in each second around those that are throttled, in the replication with the variant's busiest second; bins: in {bin}, over all replications"
        ),
        false => format!("Each step: throttled ÷ attempts in {bin}, over all replications"),
    };
    let panel = LivePanel {
        moment: moment.map(|at| at as f64),
        window: has_seconds.then_some(shown.window),
        ..LivePanel::new(
            LiveAxis::time(),
            LiveAxis::share(&format!("{} [% of attempts]", label("throttle_rate"))),
            layers,
        )
    };
    LiveFigure::of_one(vec![caption(results), step], panel)
}

/// Each bin of the series.
fn bins(v: &VariantResults, quota: &str) -> Option<(LiveX, Vec<Option<f64>>)> {
    let s = v.series.quotas.get(quota)?;
    let both = s
        .kms_throttled_per_s
        .mean
        .iter()
        .zip(&s.kms_attempts_per_s.mean);
    let shares = both.map(|(throttled, attempts)| (*attempts > 0.0).then(|| throttled / attempts));
    Some((LiveX::of(&v.series.t_s), shares.collect()))
}

/// Each second of a record; where one does not follow another, a gap.
fn one_by_one(seconds: &[(u64, u64, u64)]) -> (LiveX, Vec<Option<f64>>) {
    let (mut at, mut shares) = (Vec::new(), Vec::new());
    for (i, (second, attempts, throttled)) in seconds.iter().enumerate() {
        at.push(*second);
        shares.push((*attempts > 0).then(|| *throttled as f64 / *attempts as f64));
        if seconds.get(i + 1).is_some_and(|next| next.0 > second + 1) {
            at.push(second + 1);
            shares.push(None);
        }
    }
    (LiveX::of(&at), shares)
}

/// The second with most attempts.
fn busiest(seconds: &[(u64, u64, u64)]) -> Option<u64> {
    let most = seconds.iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    most.map(|s| s.0)
}

/// Draws the figure.
fn draw(results: &RunResults, shown: &ThrottleView<'_>) -> Drawn<String> {
    let mut head = vec![caption(results)];
    let lines = &shown.lines;
    if lines.is_empty() {
        let tried = |v: &VariantResults| mean(&v.metrics, "kms_attempts").is_some_and(|a| a > 0.0);
        let reason = if results.variants.iter().any(tried) {
            "No attempt was throttled in any variant or replication."
        } else {
            "No variant made any KMS attempts."
        };
        return page::words(TITLE, &head, reason);
    }
    let calm: Vec<_> = results
        .variants
        .iter()
        .enumerate()
        .filter(|(i, _)| lines.iter().all(|l| l.variant != *i))
        .map(|(_, v)| v.name.as_str())
        .collect();
    if !calm.is_empty() {
        head.push(format!(
            "No line because nothing was throttled: {}",
            calm.join(" · ")
        ));
    }
    head.push(format!(
        "Shown: {}; nothing was throttled there before or after",
        shown.step
    ));
    let highs: Vec<f64> = lines.iter().map(ThrottleLine::high).collect();
    let most = highs.iter().copied().fold(0.0, f64::max);
    let together = lines.len() <= TOGETHER && highs.iter().all(|h| h * FLAT >= most);
    let one_quota = lines.iter().all(|l| l.quota == lines[0].quota);
    let name = |l: &ThrottleLine<'_>| match one_quota {
        true => l.results.name.clone(),
        false => format!("{} ({})", l.results.name, limit_name(l.quota)),
    };
    if one_quota {
        head.push(format!("Quota: {}", limit_name(lines[0].quota)));
    }
    let layout = PanelGrid::new(results, if together { 1 } else { lines.len() });
    let y = |high| axis::linear(0.0, high, 4.0, |v| number::tick(v * 100.0) + " %");
    let ys = match together {
        true => vec![y(most)],
        false => y_axes(&highs, y),
    };
    if ys.len() > 1 {
        head.push(OWN_AXES.to_owned());
    }
    let axes = Axes {
        x: &time_axis(shown.window),
        x_title: "time since the run's start",
        ys: &ys,
        y_title: &format!("{} [% of attempts]", label("throttle_rate")),
    };
    svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        let bottom = if together {
            let entries = lines.iter().map(|l| {
                let text = format!("{}: {}", name(l), note(l));
                (Sign::Lettered(l.variant), text)
            });
            let top = page::legend(c, top, &entries.collect::<Vec<_>>())?;
            let heading = [Heading {
                name: String::new(),
                note: String::new(),
            }];
            layout.draw(c, top, &heading, &axes, |c, p, _| {
                for l in lines {
                    line(c, p, l, theme::variant_line(l.variant).dash)?;
                }
                for l in lines {
                    letter(c, p, l)?;
                }
                Ok(())
            })?
        } else {
            let headings: Vec<_> = lines
                .iter()
                .map(|l| Heading {
                    name: name(l),
                    note: note(l),
                })
                .collect();
            layout.draw(c, top, &headings, &axes, |c, p, i| {
                // Alone in its panel, a line needs no dash to stand apart.
                line(c, p, &lines[i], &[])?;
                match lines[i].worst().and_then(|s| Some((s, s.share()?))) {
                    Some((s, share)) => page::marker(c, p.px((s.from + s.to) / 2.0), p.py(share)),
                    None => Ok(()),
                }
            })?
        };
        Ok(bottom + theme::MARGIN / 2.0)
    })
}

/// Draws a line; steps without attempts have no share and break it.
fn line(
    c: &mut Canvas<'_>,
    p: &Panel<'_>,
    of: &ThrottleLine<'_>,
    dash: &'static [f64],
) -> Drawn<()> {
    let look = Line {
        dash,
        ..theme::variant_line(of.variant)
    };
    let mut points = vec![];
    for step in &of.steps {
        match step.share() {
            Some(share) => {
                points.push((p.px(step.from), p.py(share)));
                points.push((p.px(step.to), p.py(share)));
            }
            None => c.line(&std::mem::take(&mut points), look)?,
        }
    }
    c.line(&points, look)
}

/// Puts the variant's letter on the highest point of its line.
fn letter(c: &mut Canvas<'_>, p: &Panel<'_>, of: &ThrottleLine<'_>) -> Drawn<()> {
    match of.worst().and_then(|s| Some((s, s.share()?))) {
        Some((s, share)) => {
            let at = (s.from + s.to) / 2.0;
            page::lettered(c, p.px(at), p.py(share), of.variant)
        }
        None => Ok(()),
    }
}
