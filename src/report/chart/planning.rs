//! The figures of planning: a target over the setting that was searched, and the front of cost against throttling.

use super::theme::letter;
use super::xy::{self, Dot, Figure, Kind, Series};
use super::{Figure as Drawing, figure};
use crate::metrics::registry;
use crate::planning::mitigation::Cheapest;
use crate::planning::{Answer, Outcome, Trial};
use crate::report::{ReportError, number};

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// Each target of an answer over the setting, with its limit, the answer and its interval.
pub fn search(answer: &Answer, scenario: &str, place: usize) -> Result<Vec<Drawing>, ReportError> {
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
        let found = answer.outcome == Outcome::Found;
        let setting = number::setting(&answer.unit, answer.value);
        let f = Figure {
            title: format!("{} over the {}", name, x_unit.trim_end_matches(" [1/s]")),
            caption: vec![format!(
                "Scenario {scenario}, variant {}: {}; {} replications a run",
                answer.variant,
                answer.question,
                answer.trials.first().map_or(0, |t| t.replications)
            )],
            x_title: x_unit.to_owned(),
            y_title: format!("{name} [{y_unit}]"),
            x_text: number::tick,
            y_text,
            series: vec![
                Series {
                    name: "runs of the search, with 95 % interval".to_owned(),
                    kind: Kind::Line,
                    dots: dots(&answer.trials),
                },
                Series {
                    name: "run again with fresh seeds".to_owned(),
                    kind: Kind::Points,
                    dots: dots(&answer.checks),
                },
            ],
            levels: vec![(target.limit, format!("target: {target}"))],
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
        drawn.push(figure(&stem, &f.title, xy::draw(&f))?);
    }
    Ok(drawn)
}

/// The settings that are shown: far from the answer a metric is larger by orders of magnitude and would flatten what
/// matters. At least two runs on each side are shown, and all where there is no answer.
fn window(answer: &Answer) -> (f64, f64) {
    if answer.outcome != Outcome::Found {
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

/// Cost against throttle rate of every set of mitigations; dominated ones are grey.
pub fn front(found: &Cheapest, scenario: &str) -> Result<Drawing, ReportError> {
    let dot = |c: &crate::planning::mitigation::Combination| {
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
    let mut told = Vec::new();
    for (i, c) in front.iter().enumerate() {
        let Some(d) = dot(c) else { continue };
        labels.push((d.x, d.y, letter(i)));
        let name = crate::planning::mitigation::name(&c.mitigations);
        told.push(format!("{} {name}", letter(i)));
    }
    let unit = registry::metric(found.cost_metric).map_or("USD", |m| m.unit);
    let cheapest = found.cheapest.and_then(|i| {
        let c = found.combinations.get(i)?;
        let name = crate::planning::mitigation::name(&c.mitigations);
        Some((
            c.cost.mean?,
            format!("cheapest that keeps the targets: {name}"),
        ))
    });
    let f = Figure {
        title: "Cost against throttle rate of every set of mitigations".to_owned(),
        caption: vec![format!(
            "Scenario {scenario}, variant {}: {} sets; neither cheaper nor less throttled than another: grey",
            found.variant,
            found.combinations.len()
        )],
        x_title: format!("{} [{unit}]", label(found.cost_metric)),
        y_title: "throttle rate [% of attempts]".to_owned(),
        x_text: number::tick,
        y_text: xy::percent,
        series: vec![
            Series {
                name: "dominated".to_owned(),
                kind: Kind::Pale,
                dots: of(true),
            },
            Series {
                name: "the front, with 95 % interval".to_owned(),
                kind: Kind::Points,
                dots: of(false),
            },
        ],
        levels: found
            .targets
            .iter()
            .filter(|t| t.metric == "throttle_rate" && t.workload.is_none())
            .map(|t| (t.limit, format!("target: {t}")))
            .collect(),
        marks: cheapest.into_iter().collect(),
        band: None,
        labels,
        from_zero: false,
        foot: told.join(" · "),
    };
    figure("front", &f.title, xy::draw(&f))
}
