//! Attempts per second against one quota, a panel a variant.
//!
//! The busiest second of every bin is a line of its own: averaging would hide the one second that
//! throttles. Bins are merged where they outnumber the pixels, keeping the largest busiest second
//! and the smallest quota. Not shown: quotas without attempts, and all but the six tightest.

use super::axis::{self, Panel};
use super::canvas::{Canvas, Drawn, Look, Side, bold, svg, text_width};
use super::figure::{Chart, figure, from_to, label, mean};
use super::grid::{Axes, Heading, OWN_AXES, PanelGrid, y_axes};
use super::live::{
    LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveShape, LiveSwitch, LiveX,
};
use super::page::{self, Sign};
use super::theme::{self, Fill, Hatch, Line, SMALL};
use crate::catalog::limit_name;
use crate::metrics::number;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::directory::file_stems;
use crate::results::{QuotaSeries, RunResults, VariantResults};

/// Most quotas that get a figure.
const QUOTAS: usize = 6;

/// Below this share of the quota in every variant, the quota is given in words, as on a common
/// axis all that happened would lie on the zero line.
const FAR_BELOW: f64 = 0.1;

/// File name where no quota saw an attempt, and what all others begin with.
const STEM: &str = "attempts";

pub(super) const CHART: Chart = Chart {
    stem: STEM,
    several: true,
    draw: |results| {
        let subjects = subjects(results).into_iter();
        subjects
            .map(|s| {
                let drawn = figure(&s.stem, &s.title, draw(results, &s), table(results, &s))?;
                Ok(drawn.with(live(results, &s)))
            })
            .collect()
    },
};

/// What one figure is about.
struct Subject {
    stem: String,
    title: String,
    /// `None` where no quota saw an attempt.
    quota: Option<String>,
    /// Quotas with attempts that get no figure.
    left_out: usize,
}

/// The figures of a run.
fn subjects(results: &RunResults) -> Vec<Subject> {
    let mut quotas: Vec<(&String, f64)> = vec![];
    for v in &results.variants {
        for (name, q) in &v.by_quota {
            let series = v.series.quotas.get(name);
            let tried = mean(&q.metrics, "kms_attempts").is_some_and(|a| a > 0.0)
                || series.is_some_and(|s| s.kms_attempts_per_s.max.iter().any(|a| *a > 0.0));
            if !tried {
                continue;
            }
            let headroom = mean(&q.metrics, "quota_headroom").unwrap_or(1.0);
            match quotas.iter_mut().find(|(n, _)| *n == name) {
                Some((_, least)) => *least = least.min(headroom),
                None => quotas.push((name, headroom)),
            }
        }
    }
    quotas.sort_by(|a, b| a.1.total_cmp(&b.1));
    let left_out = quotas.len().saturating_sub(QUOTAS);
    let shown: Vec<&String> = quotas
        .into_iter()
        .take(QUOTAS)
        .map(|(name, _)| name)
        .collect();
    let stems = file_stems(shown.iter().map(|name| name.as_str()));
    let mut subjects: Vec<Subject> = vec![];
    for (name, stem) in shown.into_iter().zip(stems) {
        let stem = format!("{STEM}_{stem}");
        let title = format!("KMS attempts per second: {}", limit_name(name));
        subjects.push(Subject {
            stem,
            title,
            quota: Some(name.clone()),
            left_out,
        });
    }
    if subjects.is_empty() {
        let title = "KMS attempts per second against the quota".to_owned();
        subjects.push(Subject {
            stem: STEM.to_owned(),
            title,
            quota: None,
            left_out,
        });
    }
    subjects
}

/// One bin or several beside each other.
struct Bin {
    from_s: f64,
    to_s: f64,
    mean: f64,
    max: f64,
    interval: Option<(f64, f64)>,
    quota: f64,
    cloudwatch: f64,
}

fn merged(v: &VariantResults, s: &QuotaSeries, most: usize) -> Vec<Bin> {
    let t = &v.series.t_s;
    let group = t.len().div_ceil(most.max(1)).max(1);
    let a = &s.kms_attempts_per_s;
    let whole: Vec<usize> = (0..t.len()).collect();
    let bins = whole.chunks(group).map(|at| {
        let over = |values: &[f64]| {
            at.iter()
                .filter_map(|i| values.get(*i).copied())
                .collect::<Vec<_>>()
        };
        let average = |v: Vec<f64>| {
            if v.is_empty() {
                0.0
            } else {
                v.iter().sum::<f64>() / v.len() as f64
            }
        };
        let largest = |v: Vec<f64>| v.into_iter().fold(0.0, f64::max);
        let ends = |e: &[Option<f64>]| {
            at.iter()
                .map(|i| e.get(*i).copied().flatten())
                .collect::<Option<Vec<f64>>>()
        };
        let interval = ends(&a.ci_low).zip(ends(&a.ci_high));
        Bin {
            from_s: t[at[0]] as f64,
            to_s: (t[at[at.len() - 1]] + v.series.bin_s) as f64,
            mean: average(over(&a.mean)),
            max: largest(over(&a.max)),
            interval: interval.map(|(l, h)| (average(l), average(h))),
            quota: over(&s.quota_per_s)
                .into_iter()
                .fold(f64::INFINITY, f64::min),
            cloudwatch: largest(over(&s.cloudwatch_per_s)),
        }
    });
    bins.collect()
}

/// Rows of the table for each variant.
const ROWS: usize = 24;

/// The panels as a table: what they show, in fewer and longer steps.
fn table(results: &RunResults, subject: &Subject) -> Grid {
    let Some(name) = &subject.quota else {
        return Grid::none();
    };
    let header = [
        "variant",
        "from",
        "mean [1/s]",
        "95 % interval [1/s]",
        "busiest second [1/s]",
        "quota [1/s]",
        "CloudWatch, highest minute ÷ 60 [1/s]",
    ];
    let shown = results
        .variants
        .iter()
        .filter(|v| busiest(v, name).is_some());
    let rows = shown.flat_map(|v| {
        let series = v.series.quotas.get(name);
        let bins = series.map_or_else(Vec::new, |s| merged(v, s, ROWS));
        bins.into_iter().map(move |b| {
            let per_s = |v: f64| number::plain(v.round());
            let ends = b.interval.map(|(low, high)| {
                let half = (high - low) / 2.0;
                number::spread("", "1", b.mean, half)
            });
            vec![
                v.name.clone(),
                number::clock(b.from_s as u64),
                number::plain(b.mean),
                ends.unwrap_or_default(),
                per_s(b.max),
                number::plain(b.quota),
                number::plain(b.cloudwatch),
            ]
        })
    });
    Grid::named(2, header.map(str::to_owned).to_vec(), rows.collect())
}

/// The busiest second after the warm-up over all replications: where \[s\], how many, and the quota then in force.
struct Busiest {
    at_s: u64,
    attempts: f64,
    quota: f64,
}

fn busiest(v: &VariantResults, name: &str) -> Option<Busiest> {
    let quota = v.by_quota.get(name)?;
    let at = quota.busiest_second_at_s?;
    let s = v.series.quotas.get(name)?;
    let bin = v.series.t_s.partition_point(|t| *t <= at).checked_sub(1)?;
    // Its bin may reach into the warm-up.
    let attempts = match quota.busiest_second_attempts {
        Some(attempts) => attempts as f64,
        None => *s.kms_attempts_per_s.max.get(bin)?,
    };
    Some(Busiest {
        at_s: at,
        attempts,
        quota: *s.quota_per_s.get(bin)?,
    })
}

fn heading(v: &VariantResults, name: &str) -> Heading {
    let note = match busiest(v, name) {
        None => "no attempts against this quota".to_owned(),
        Some(b) => {
            let alarm = v.by_quota[name].metrics.get("cloudwatch_alarm_80_percent");
            format!(
                "busiest second of all replications {}/s at {}: {} of the quota · 80 % alarm {}",
                number::grouped(b.attempts, 0),
                number::instant(b.at_s),
                if b.quota > 0.0 {
                    number::percent(b.attempts / b.quota)
                } else {
                    number::NO_DATA.to_owned()
                },
                alarm.map_or(format!(": {}", number::NO_DATA), number::alarm),
            )
        }
    };
    Heading {
        name: v.name.clone(),
        note,
    }
}

/// The fill of the band around the mean.
const BAND: Fill = Fill {
    color: theme::BAND,
    hatch: Hatch::None,
    dark: false,
};

/// Variants that tried this quota, and what is said of the others.
fn shown<'r>(results: &'r RunResults, name: &str) -> (Vec<&'r VariantResults>, Option<String>) {
    let (shown, calm): (Vec<&VariantResults>, Vec<_>) = results
        .variants
        .iter()
        .partition(|v| busiest(v, name).is_some());
    let names: Vec<_> = calm.iter().map(|v| v.name.as_str()).collect();
    let said = format!("No attempts against this quota: {}", names.join(" · "));
    (shown, (!names.is_empty()).then_some(said))
}

/// Every bin as `results.json` has it.
fn live(results: &RunResults, subject: &Subject) -> LiveFigure {
    let Some(name) = &subject.quota else {
        return LiveFigure::default();
    };
    let (shown, others) = shown(results, name);
    let panels = shown.into_iter().filter_map(|v| {
        let s = v.series.quotas.get(name)?;
        let x = LiveX::of(&v.series.t_s);
        let all = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let line = |name: &str, line: Line, values: Vec<Option<f64>>| {
            LiveLayer::new(
                name,
                LiveShape::Steps(x.clone(), values),
                LiveInk::Line(line),
            )
        };
        let a = &s.kms_attempts_per_s;
        let mut layers = Vec::new();
        if a.ci_low.iter().any(Option::is_some) {
            let band = LiveShape::Band(x.clone(), a.ci_low.clone(), a.ci_high.clone());
            layers.push(LiveLayer::new(
                "95 % interval of the mean",
                band,
                LiveInk::Fill(BAND),
            ));
        }
        layers.push(line(
            "busiest second in each bin",
            theme::BUSIEST,
            all(&a.max),
        ));
        layers.push(line(
            "CloudWatch, one-minute sum ÷ 60",
            theme::CLOUDWATCH,
            all(&s.cloudwatch_per_s),
        ));
        layers.push(line("mean over replications", theme::MEAN, all(&a.mean)));
        let alarm = s.quota_per_s.iter().map(|q| Some(q * 0.8)).collect();
        layers.push(line("80 % of the quota", theme::ALARM, alarm).switched(LiveSwitch::Off));
        layers.push(line("quota", theme::QUOTA, all(&s.quota_per_s)).switched(LiveSwitch::Fixed));
        let peak = busiest(v, name);
        if let Some(b) = &peak {
            let dot = LiveDot::at(b.at_s as f64, b.attempts);
            let shape = LiveShape::Points(vec![dot]);
            layers.push(LiveLayer::new(
                "busiest second of the run",
                shape,
                LiveInk::Points(theme::BUSIEST),
            ));
        }
        let Heading { name, note } = heading(v, name);
        Some(LivePanel {
            name,
            note,
            x: LiveAxis::time(),
            y: LiveAxis::with_limit(
                &format!("{} per second [1/s]", label("kms_attempts")),
                peak.as_ref().map_or(0.0, |b| b.attempts),
                peak.as_ref().map_or(0.0, |b| b.quota),
            ),
            layers,
            moment: peak.map(|b| b.at_s as f64),
            window: None,
        })
    });
    LiveFigure {
        caption: [caption(results)].into_iter().chain(others).collect(),
        each: "variant",
        panels: panels.collect(),
    }
}

/// Draws one figure.
fn draw(results: &RunResults, subject: &Subject) -> Drawn<String> {
    let mut head = vec![caption(results)];
    let Some(name) = &subject.quota else {
        return page::words(&subject.title, &head, "No variant made any KMS attempts.");
    };
    // Variants that leave this quota alone are named in words: their panels would be empty.
    let (shown, others) = shown(results, name);
    head.extend(others);
    let layout = PanelGrid::new(results, shown.len());
    let series = |v: &VariantResults| {
        v.series
            .quotas
            .get(name)
            .map_or_else(Vec::new, |s| merged(v, s, layout.bins()))
    };
    let panels: Vec<Vec<Bin>> = shown.iter().map(|v| series(v)).collect();
    let bins = || panels.iter().flatten();
    let most_of = |bins: &[Bin]| {
        let each = bins.iter().map(|b| b.max.max(b.cloudwatch));
        each.fold(0.0, f64::max)
    };
    let quota_of = |bins: &[Bin]| {
        let each = bins.iter().map(|b| b.quota).filter(|q| q.is_finite());
        each.fold(0.0, f64::max)
    };
    let most = panels.iter().map(|p| most_of(p)).fold(0.0, f64::max);
    let quota = panels.iter().map(|p| quota_of(p)).fold(0.0, f64::max);
    let beyond = most < FAR_BELOW * quota;
    let highs: Vec<f64> = panels
        .iter()
        .map(|p| match beyond {
            true => most_of(p),
            false => most_of(p).max(quota_of(p)),
        })
        .collect();
    // Room above the highest line for the text on it.
    let ys = y_axes(&highs, |high| {
        axis::linear(0.0, high * 1.12, 5.0, number::tick)
    });
    if ys.len() > 1 {
        head.push(OWN_AXES.to_owned());
    }
    let end = bins()
        .map(|b| b.to_s)
        .fold(results.horizon_s as f64, f64::max);
    let (x, unit) = axis::time(end, layout.ticks());
    if beyond {
        head.push(format!(
            "The quota of {} lies beyond the axis: the busiest second is {} of it.",
            number::value("", "1/s", quota),
            number::percent(most / quota),
        ));
    }
    svg(&subject.title, |c| {
        let top = page::head(c, &subject.title, &head)?;
        let top = page::legend(c, top, &legend(results, end, !beyond))?;
        let headings: Vec<_> = shown.iter().map(|v| heading(v, name)).collect();
        let axes = Axes {
            x: &x,
            x_title: &format!("time since the run's start [{unit}]"),
            ys: &ys,
            y_title: &format!("{} per second [1/s]", label("kms_attempts")),
        };
        let mut bottom = layout.draw(c, top, &headings, &axes, |c, p, i| {
            shade(c, p, results, end)?;
            lines(c, p, &panels[i], !beyond)?;
            match busiest(shown[i], name) {
                Some(b) => marks(c, p, &panels[i], &b, !beyond),
                None => Ok(()),
            }
        })?;
        if subject.left_out > 0 {
            let text = format!(
                "{} more quotas received attempts; they have more headroom and are not drawn.",
                subject.left_out
            );
            bottom = page::foot(c, bottom, &text)?;
        }
        Ok(bottom + theme::MARGIN / 2.0)
    })
}

fn legend(results: &RunResults, end: f64, with_quota: bool) -> Vec<(Sign, String)> {
    let mut entries = vec![(Sign::Line(theme::MEAN), "mean over replications".to_owned())];
    if results.replications > 1 {
        entries.push((Sign::Band, "95 % interval of the mean".to_owned()));
    }
    entries.push((
        Sign::Line(theme::BUSIEST),
        "busiest second in each bin".to_owned(),
    ));
    entries.push((Sign::Marker, "busiest second of the run".to_owned()));
    if with_quota {
        entries.push((Sign::Line(theme::QUOTA), "quota".to_owned()));
        entries.push((Sign::Line(theme::ALARM), "80 % of the quota".to_owned()));
    }
    let minute = "CloudWatch, one-minute sum ÷ 60".to_owned();
    entries.push((Sign::Line(theme::CLOUDWATCH), minute));
    let (warm_up, drain) = (
        results.measured_s < results.horizon_s,
        end > results.horizon_s as f64,
    );
    let shade = match (warm_up, drain) {
        (true, true) => Some("not measured: warm-up and drain"),
        (true, false) => Some("warm-up, not measured"),
        (false, true) => Some("drain after the horizon"),
        (false, false) => None,
    };
    entries.extend(shade.map(|text| (Sign::Shade, text.to_owned())));
    entries
}

fn shade(c: &mut Canvas<'_>, p: &Panel<'_>, results: &RunResults, end: f64) -> Drawn<()> {
    let horizon = results.horizon_s as f64;
    let warm_up = horizon - results.measured_s as f64;
    for (from, to) in [(0.0, warm_up), (horizon, end)] {
        if p.px(to) > p.px(from) {
            c.area(p.px(from), p.top, p.px(to), p.bottom, theme::SHADE, 0.9)?;
        }
    }
    Ok(())
}

/// A value of each bin as a line of steps.
fn steps(p: &Panel<'_>, bins: &[Bin], value: impl Fn(&Bin) -> f64) -> Vec<(f64, f64)> {
    let ends = bins.iter().flat_map(|b| {
        let y = p.py(value(b));
        [(p.px(b.from_s), y), (p.px(b.to_s), y)]
    });
    let mut points: Vec<(f64, f64)> = vec![];
    for point in ends {
        // The middle of a level stretch says nothing.
        if let [.., a, b] = points[..]
            && a.1 == b.1
            && b.1 == point.1
        {
            points.pop();
        }
        points.push(point);
    }
    points
}

fn lines(c: &mut Canvas<'_>, p: &Panel<'_>, bins: &[Bin], with_quota: bool) -> Drawn<()> {
    if bins.is_empty() {
        return Ok(());
    }
    if bins.iter().all(|b| b.interval.is_some()) {
        let end =
            |b: &Bin, high: bool| b.interval.map_or(b.mean, |(l, h)| if high { h } else { l });
        let mut band = steps(p, bins, |b| end(b, true));
        band.extend(steps(p, bins, |b| end(b, false)).into_iter().rev());
        c.polygon(&band, theme::BAND, 0.6)?;
    }
    c.line(&steps(p, bins, |b| b.max), theme::BUSIEST)?;
    c.line(&steps(p, bins, |b| b.cloudwatch), theme::CLOUDWATCH)?;
    c.line(&steps(p, bins, |b| b.mean), theme::MEAN)?;
    if with_quota && bins.iter().all(|b| b.quota.is_finite()) {
        c.line(&steps(p, bins, |b| b.quota * 0.8), theme::ALARM)?;
        c.line(&steps(p, bins, |b| b.quota), theme::QUOTA)?;
    }
    Ok(())
}

/// Marks the busiest second and labels the quota at the side where the mark isn't.
fn marks(
    c: &mut Canvas<'_>,
    p: &Panel<'_>,
    bins: &[Bin],
    b: &Busiest,
    with_quota: bool,
) -> Drawn<()> {
    let (x, y) = (p.px(b.at_s as f64), p.py(b.attempts));
    let on_left = x < (p.left + p.right) / 2.0;
    if let Some((first, last)) = bins.first().zip(bins.last()).filter(|_| with_quota) {
        let (side, at, end) = if on_left {
            (Side::Right, p.right - 6.0, last)
        } else {
            (Side::Left, p.left + 6.0, first)
        };
        let red = |bold| Look {
            size: SMALL,
            bold,
            color: theme::QUOTA.color,
        };
        let text = format!("quota {}", from_to(first.quota, last.quota));
        c.label(at, p.py(end.quota) - 9.0, &text, red(true), side)?;
    }
    page::marker(c, x, y)?;
    let text = format!("{}/s", number::grouped(b.attempts, 0));
    let half = text_width(&text, bold(SMALL)) / 2.0 + 4.0;
    let within = x.clamp(p.left + half, p.right - half);
    let hides = |at: f64| {
        let near = |b: &&Bin| p.px(b.from_s) < within + half && p.px(b.to_s) > within - half;
        let mut quotas = bins.iter().filter(near).map(|b| b.quota);
        with_quota && quotas.any(|q| (p.py(q) - at).abs() < 10.0)
    };
    // Above the mark, a little higher where the text would hide the quota, or else beside it.
    let above = [14.0, 22.0, 30.0].into_iter().map(|d| y - d);
    let free = above
        .into_iter()
        .find(|at| *at > p.top + 8.0 && !hides(*at));
    let beside = if x + 2.0 * half + 6.0 < p.right {
        x + half + 6.0
    } else {
        x - half - 6.0
    };
    let (text_x, text_y) = free.map_or((beside, y), |at| (within, at));
    c.label(text_x, text_y, &text, bold(SMALL), Side::Center)
}
