//! The figures of planning: a target over the setting that was searched, and the front of cost against throttling.

use super::bars::{self, Bar, Stack};
use super::canvas::svg;
use super::figure::{Figure, figure};
use super::heat::{self, Heat};
use super::page;
use super::xy::{self, Dot, Plot, PlotSeries, SeriesKind};
use crate::catalog::limit_name;
use crate::metrics::top::TOP;
use crate::metrics::{number, registry};
use crate::planning::attribution::Attribution;
use crate::planning::cheapest::Cheapest;
use crate::planning::recovery::Map;
use crate::planning::{SearchOutcome, Solution, Trial};
use crate::report::error::ReportError;
use crate::report::page::Grid;
use crate::report::text::letter;

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// Each target of an answer over the setting, with its limit, the answer and its interval.
pub fn search(answer: &Solution, scenario: &str, place: usize) -> Result<Vec<Figure>, ReportError> {
    let mut drawn = Vec::new();
    for (i, target) in answer.targets.iter().enumerate() {
        let (y_text, y_unit) = xy::metric_axis(target.metric, target.row().map_or("1", |m| m.unit));
        let window = window(answer);
        let near = |t: &&Trial| (window.0..=window.1).contains(&t.value);
        let dots = |trials: &[Trial]| -> Vec<Dot> {
            let found = trials.iter().filter(near).filter_map(|t| {
                let e = t.found.get(i)?.as_ref()?;
                Some(Dot {
                    x: t.value,
                    y: e.mean?,
                    interval: e.ci_low.zip(e.ci_high),
                })
            });
            found.collect()
        };
        let name = match &target.workload {
            Some(workload) => format!("{} of {workload}", label(target.metric)),
            None => label(target.metric).to_owned(),
        };
        let x_unit = if answer.unit == "1/s" {
            "quota [1/s]"
        } else {
            "growth factor"
        };
        let found = answer.outcome == SearchOutcome::Found;
        let setting = number::setting(&answer.unit, answer.value);
        let f = Plot {
            title: format!("{} over the {}", name, x_unit.trim_end_matches(" [1/s]")),
            caption: vec![format!(
                "Scenario {scenario}, variant {}: {}; {} replications per run",
                answer.variant,
                answer.question,
                answer.trials.first().map_or(0, |t| t.replications)
            )],
            x_title: x_unit.to_owned(),
            y_title: format!("{name} [{y_unit}]"),
            metric: (
                target.metric.to_owned(),
                target.row().map_or("1", |m| m.unit).to_owned(),
            ),
            x_text: number::tick,
            y_text,
            series: vec![
                PlotSeries {
                    name: "runs of the search, with 95 % interval".to_owned(),
                    kind: SeriesKind::Line,
                    dots: dots(&answer.trials),
                },
                PlotSeries {
                    name: "run again with fresh seeds".to_owned(),
                    kind: SeriesKind::Points,
                    dots: dots(&answer.checks),
                },
            ],
            levels: vec![(target.limit, format!("target: {}", target.in_words()))],
            marks: if found {
                vec![(answer.value, format!("answer: {setting}"))]
            } else {
                vec![]
            },
            band: answer
                .interval
                .filter(|i| found && i.0 != i.1)
                .map(|i| (i, "95 % interval of the answer".to_owned())),
            labels: vec![],
            from_zero: false,
            foot: String::new(),
        };
        let stem = format!("target_{}_{}", place + 1, i + 1);
        let drawn_one = figure(&stem, &f.title, xy::draw(&f), xy::table(&f))?;
        drawn.push(drawn_one.with(xy::live(&f)));
    }
    Ok(drawn)
}

/// The settings that are shown: far from the answer a metric is larger by orders of magnitude and would flatten what
/// matters. At least two runs on each side are shown, and all where there is no answer.
fn window(answer: &Solution) -> (f64, f64) {
    if answer.outcome != SearchOutcome::Found {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let (low, high) = answer.interval.unwrap_or((answer.value, answer.value));
    let room = (high - low).max(answer.value * 0.01);
    let at = |n: usize, mut values: Vec<f64>, edge: f64| {
        values.sort_by(|a, b| (a - edge).abs().total_cmp(&(b - edge).abs()));
        values.get(n).copied().unwrap_or(edge)
    };
    let below = answer.trials.iter().map(|t| t.value).filter(|v| *v < low);
    let above = answer.trials.iter().map(|t| t.value).filter(|v| *v > high);
    (
        (low - room).min(at(1, below.collect(), low)),
        (high + room).max(at(1, above.collect(), high)),
    )
}

/// Cost and throttle rate of every combination of mitigations; dominated ones are grey.
pub fn front(found: &Cheapest, scenario: &str) -> Result<Figure, ReportError> {
    let dot = |c: &crate::planning::cheapest::Combination| {
        Some(Dot {
            x: c.cost.mean?,
            y: c.throttle_rate.mean.unwrap_or(0.0),
            interval: c.throttle_rate.ci_low.zip(c.throttle_rate.ci_high),
        })
    };
    let of = |dominated: bool| {
        let all = found.combinations.iter();
        all.filter(|c| c.dominated == dominated)
            .filter_map(dot)
            .collect::<Vec<_>>()
    };
    let mut front: Vec<_> = found.combinations.iter().filter(|c| !c.dominated).collect();
    front.sort_by(|a, b| {
        a.cost
            .mean
            .partial_cmp(&b.cost.mean)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut labels = Vec::new();
    let mut names = Vec::new();
    for (i, c) in front.iter().enumerate() {
        let Some(d) = dot(c) else { continue };
        labels.push((d.x, d.y, letter(i)));
        let name = crate::planning::cheapest::name(&c.mitigations);
        names.push(format!("{} {name}", letter(i)));
    }
    let unit = registry::metric(found.cost_metric).map_or("USD", |m| m.unit);
    let cheapest = found.cheapest.and_then(|i| {
        let c = found.combinations.get(i)?;
        let name = crate::planning::cheapest::name(&c.mitigations);
        Some((
            c.cost.mean?,
            format!("cheapest that meets the targets: {name}"),
        ))
    });
    let f = Plot {
        title: "Cost and throttle rate of every combination of mitigations".to_owned(),
        caption: vec![format!(
            "Scenario {scenario}, variant {}: {} combinations; grey: another is at least as cheap and at most as throttled",
            found.variant,
            found.combinations.len()
        )],
        x_title: format!("{} [{unit}]", label(found.cost_metric)),
        y_title: "throttle rate [% of attempts]".to_owned(),
        metric: ("throttle_rate".to_owned(), "1".to_owned()),
        x_text: number::tick,
        y_text: xy::percent,
        series: vec![
            PlotSeries {
                name: "dominated".to_owned(),
                kind: SeriesKind::Pale,
                dots: of(true),
            },
            PlotSeries {
                name: "the front, with 95 % interval".to_owned(),
                kind: SeriesKind::Points,
                dots: of(false),
            },
        ],
        levels: found
            .targets
            .iter()
            .filter(|t| t.metric == "throttle_rate" && t.workload.is_none())
            .map(|t| (t.limit, format!("target: {}", t.in_words())))
            .collect(),
        marks: cheapest.into_iter().collect(),
        band: None,
        labels,
        from_zero: false,
        foot: names.join(" · "),
    };
    Ok(figure("front", &f.title, xy::draw(&f), xy::table(&f))?.with(xy::live(&f)))
}

/// Throttled attempts that each workload caused, with what it bore and attempted beside it.
///
/// # Errors
/// A figure that cannot be drawn.
pub fn attribution(a: &Attribution, scenario: &str) -> Result<Figure, ReportError> {
    let title = "Throttled attempts that disappear without each workload";
    let mut head = vec![format!(
        "Scenario {scenario}, variant {}: rerun without each workload, on the same random numbers",
        a.variant
    )];
    let percent = |e: &crate::results::Estimate| {
        e.mean
            .map_or_else(|| number::NO_DATA.to_owned(), number::percent)
    };
    let entries = a.by.get("workload").map(Vec::as_slice).unwrap_or_default();
    let none = entries.iter().all(|e| e.borne.mean.unwrap_or(0.0) == 0.0);
    if none {
        let drawn = page::words(title, &head, "No attempt was throttled.");
        return figure("attribution", title, drawn, Grid::none());
    }
    if entries.len() > TOP {
        head.push(format!("The first {TOP} of {}", entries.len()));
    }
    let bars: Vec<Bar> = entries
        .iter()
        .take(TOP)
        .filter_map(|e| {
            let caused = e.caused.as_ref()?;
            let mean = caused.mean? * 100.0;
            let interval = caused.ci_low.zip(caused.ci_high);
            Some(Bar {
                name: e.name.clone(),
                parts: vec![mean],
                total: Some((mean, interval.map(|i| (i.0 * 100.0, i.1 * 100.0)))),
                label: format!("caused {}", percent(caused)),
                note: format!(
                    "bore {}, {} of attempts",
                    percent(&e.borne),
                    percent(&e.attempts)
                ),
            })
        })
        .collect();
    let parts = ["throttled attempts caused".to_owned()];
    let stack = Stack {
        parts: &parts,
        x_title: "share of all throttled attempts that disappear [%]",
        // The label beside the bar says it.
        amount: |_| String::new(),
    };
    let drawn = svg(title, |c| {
        let top = page::head(c, title, &head)?;
        bars::draw(c, top, &bars, &stack)
    });
    let table = bars::table(&bars, &parts, |v| number::tick(v) + " %");
    Ok(figure("attribution", title, drawn, table)?.with(bars::live(&head, &bars, &stack)))
}

/// How long recovery takes, by load and retry profile.
///
/// # Errors
/// A figure that cannot be drawn.
pub fn recovery(map: &Map, scenario: &str) -> Result<Figure, ReportError> {
    let mut loads: Vec<f64> = map.cells.iter().map(|c| c.load).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    let mut retries: Vec<String> = Vec::new();
    for cell in map.cells.iter().rev() {
        if !retries.contains(&cell.retry) {
            retries.push(cell.retry.clone());
        }
    }
    let value = |retry: &String, load: f64| {
        let found = map
            .cells
            .iter()
            .find(|c| c.retry == *retry && c.load == load);
        found.and_then(|c| c.recovered_after_s.map(|s| s as f64))
    };
    let watch = number::instant(map.watch_s);
    let title = format!(
        "Recovery after {} of {} times the traffic",
        number::instant(map.length_s),
        number::tick(map.size)
    );
    let h = Heat {
        title: title.clone(),
        head: vec![
            format!(
                "Scenario {scenario}, variant {}, quota {} of {}",
                map.variant,
                limit_name(&map.quota),
                number::value("", "1/s", map.quota_per_s)
            ),
            format!(
                "Seconds from the end of the spike until attempts are back to normal; hatched: not within {watch}"
            ),
        ],
        x_title: "load without retries [% of the quota]".to_owned(),
        y_title: "retry profile".to_owned(),
        xs: loads.iter().map(|l| xy::percent(*l)).collect(),
        cells: retries
            .iter()
            .map(|r| loads.iter().map(|l| value(r, *l)).collect())
            .collect(),
        ys: retries,
        text: &|v| v.map_or_else(|| "no".to_owned(), |v| format!("{v} s")),
    };
    let drawn = figure("recovery", &title, heat::draw(&h), heat::table(&h))?;
    Ok(drawn.with(heat::live(&h)))
}
