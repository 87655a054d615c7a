//! The share of attempts that was throttled, over time.
//!
//! Each variant shows the quota that throttled most of its attempts. Up to four variants share one
//! panel; more get a panel each. Variants that never throttled are named in words.

use super::axis::{self, Panel};
use super::canvas::{Canvas, Drawn, svg};
use super::figure::{Chart, figure, label, mean};
use super::grid::{Axes, Heading, PanelGrid};
use super::live::{LiveAxis, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape, LiveX};
use super::page::{self, Sign};
use super::theme::{self, Line};
use crate::metrics::number;
use crate::report::text::caption;
use crate::results::{RunResults, VariantResults};

const TITLE: &str = "Share of KMS attempts throttled over time";

pub(super) const CHART: Chart = Chart {
    stem: "throttle_rate",
    several: false,
    draw: |results| {
        let drawn = figure("throttle_rate", TITLE, draw(results))?;
        Ok(vec![drawn.with(live(results))])
    },
};

/// Most lines that one panel holds legibly.
const TOGETHER: usize = 4;

/// Most steps of a line. Finer ones hide each other where throttling comes and goes with every
/// second, and are too short to be seen where a few seconds of a long run are throttled.
const STEPS: usize = 100;

/// Bins of the series that become one step.
fn group(bins: usize) -> usize {
    bins.div_ceil(STEPS).max(1)
}

/// One variant's line: ends of each bin \[s\] and the share throttled in it.
struct ThrottleLine {
    variant: usize,
    quota: String,
    bins: Vec<(f64, f64, Option<f64>)>,
}

/// The quota that throttled most, if any did.
fn worst(v: &VariantResults) -> Option<&String> {
    let rate =
        |q: &crate::results::QuotaResults| mean(&q.metrics, "throttle_rate").filter(|r| *r > 0.0);
    let rates = v
        .by_quota
        .iter()
        .filter_map(|(name, q)| Some((name, rate(q)?)));
    rates
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}

fn course(results: &RunResults, variant: usize) -> Option<ThrottleLine> {
    let v = &results.variants[variant];
    let quota = worst(v)?;
    let s = v.series.quotas.get(quota)?;
    let t = &v.series.t_s;
    let whole: Vec<usize> = (0..t.len()).collect();
    let bins = whole.chunks(group(t.len())).map(|at| {
        let sum = |values: &[f64]| at.iter().filter_map(|i| values.get(*i)).sum::<f64>();
        let attempts = sum(&s.kms_attempts_per_s.mean);
        let share = (attempts > 0.0).then(|| sum(&s.kms_throttled_per_s.mean) / attempts);
        (
            t[at[0]] as f64,
            (t[at[at.len() - 1]] + v.series.bin_s) as f64,
            share,
        )
    });
    Some(ThrottleLine {
        variant,
        quota: quota.clone(),
        bins: bins.collect(),
    })
}

fn overall(v: &VariantResults) -> String {
    match v.metrics.get("throttle_rate") {
        Some(e) if e.mean.is_some() => format!("{} overall", number::estimate("throttle_rate", e)),
        _ => number::NO_DATA.to_owned(),
    }
}

/// Every bin: throttled ÷ attempts, each as `results.json` has it.
fn live(results: &RunResults) -> LiveFigure {
    let layers = results.variants.iter().enumerate().filter_map(|(i, v)| {
        let s = v.series.quotas.get(worst(v)?)?;
        let both = s
            .kms_throttled_per_s
            .mean
            .iter()
            .zip(&s.kms_attempts_per_s.mean);
        let shares =
            both.map(|(throttled, attempts)| (*attempts > 0.0).then(|| throttled / attempts));
        let shape = LiveShape::Steps(LiveX::of(&v.series.t_s), shares.collect());
        Some(LiveLayer::new(
            &v.name,
            shape,
            LiveInk::Line(theme::variant_line(i)),
        ))
    });
    let layers: Vec<LiveLayer> = layers.collect();
    let first = results.variants.iter().filter(|v| worst(v).is_some());
    let moment = first
        .filter_map(|v| v.tightest_quota()?.1.busiest_second_at_s)
        .next();
    let bin = results.variants.iter().map(|v| v.series.bin_s).max();
    let step = bin.map(|s| format!("Each step: throttled ÷ attempts in {}", number::instant(s)));
    LiveFigure {
        caption: [caption(results)].into_iter().chain(step).collect(),
        each: "",
        panels: vec![LivePanel {
            name: String::new(),
            note: String::new(),
            x: LiveAxis::time(),
            y: LiveAxis::share(&format!("{} [% of attempts]", label("throttle_rate"))),
            layers,
            moment: moment.map(|at| at as f64),
            window: None,
        }],
    }
}

/// Draws the figure.
fn draw(results: &RunResults) -> Drawn<String> {
    let mut head = vec![caption(results)];
    let n = results.variants.len();
    let throttled = (0..n)
        .filter(|i| worst(&results.variants[*i]).is_some())
        .count();
    let panels = if throttled <= TOGETHER { 1 } else { throttled };
    let layout = PanelGrid::new(results, panels);
    let courses: Vec<_> = (0..n).filter_map(|i| course(results, i)).collect();
    if courses.is_empty() {
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
        .filter(|(i, _)| courses.iter().all(|c| c.variant != *i))
        .map(|(_, v)| v.name.as_str())
        .collect();
    if !calm.is_empty() {
        head.push(format!(
            "No line because nothing was throttled: {}",
            calm.join(" · ")
        ));
    }
    let step = |v: &VariantResults| v.series.bin_s * group(v.series.t_s.len()) as u64;
    let longest = results.variants.iter().map(step).max().unwrap_or(1);
    if longest > 1 {
        let span = number::instant(longest);
        head.push(format!("Each step: throttled ÷ attempts in {span}"));
    }
    let bins = || courses.iter().flat_map(|c| &c.bins);
    let high = bins().filter_map(|b| b.2).fold(0.0, f64::max);
    let y = axis::linear(0.0, high, 5.0, |v| number::tick(v * 100.0) + " %");
    let end = bins().map(|b| b.1).fold(results.horizon_s as f64, f64::max);
    let (x, unit) = axis::time(end, layout.ticks());
    let axes = Axes {
        x: &x,
        x_title: &format!("time since the run's start [{unit}]"),
        y: &y,
        y_title: &format!("{} [% of attempts]", label("throttle_rate")),
    };
    svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        let text = |course: &ThrottleLine| {
            let v = &results.variants[course.variant];
            (
                v.name.clone(),
                format!("{} · quota {}", overall(v), course.quota),
            )
        };
        let bottom = if panels == 1 {
            let entries = courses.iter().map(|course| {
                let (name, note) = text(course);
                (Sign::Lettered(course.variant), format!("{name}: {note}"))
            });
            let top = page::legend(c, top, &entries.collect::<Vec<_>>())?;
            let heading = [Heading {
                name: String::new(),
                note: String::new(),
            }];
            layout.draw(c, top, &heading, &axes, |c, p, _| {
                for course in &courses {
                    line(c, p, course, theme::variant_line(course.variant).dash)?;
                }
                for (k, course) in courses.iter().enumerate() {
                    letter(c, p, course, (k + 1) as f64 / (courses.len() + 1) as f64)?;
                }
                Ok(())
            })?
        } else {
            let headings: Vec<_> = courses
                .iter()
                .map(text)
                .map(|(name, note)| Heading { name, note })
                .collect();
            layout.draw(c, top, &headings, &axes, |c, p, i| {
                // Alone in its panel, a line needs no dash to stand apart.
                line(c, p, &courses[i], &[])
            })?
        };
        Ok(bottom + theme::MARGIN / 2.0)
    })
}

/// Draws a course; bins without attempts have no share and break the line.
fn line(
    c: &mut Canvas<'_>,
    p: &Panel<'_>,
    course: &ThrottleLine,
    dash: &'static [f64],
) -> Drawn<()> {
    let look = Line {
        dash,
        ..theme::variant_line(course.variant)
    };
    let mut points = vec![];
    for (from, to, share) in &course.bins {
        match share {
            Some(share) => {
                points.push((p.px(*from), p.py(*share)));
                points.push((p.px(*to), p.py(*share)));
            }
            None => c.line(&std::mem::take(&mut points), look)?,
        }
    }
    c.line(&points, look)
}

/// Puts the variant's letter on its line, `share` of the way through its throttled bins.
fn letter(c: &mut Canvas<'_>, p: &Panel<'_>, course: &ThrottleLine, share: f64) -> Drawn<()> {
    let above: Vec<_> = course
        .bins
        .iter()
        .filter_map(|(from, to, s)| s.filter(|s| *s > 0.0).map(|s| ((from + to) / 2.0, s)))
        .collect();
    let at = ((above.len() as f64 * share) as usize).min(above.len().saturating_sub(1));
    match above.get(at) {
        Some((t, s)) => page::lettered(c, p.px(*t), p.py(*s), course.variant),
        None => Ok(()),
    }
}
