//! KMS attempts per second of all variants in one panel, each on its tightest quota.
//!
//! For the shape of the difference; each variant's own interval and busiest seconds stand in its own figure.

use super::axis::{self, Panel};
use super::canvas::{Drawn, svg};
use super::figure::{Chart, figure, from_to, mean};
use super::page::{self, Sign};
use super::theme;
use crate::metrics::number;
use crate::report::text::caption;
use crate::results::{RunResults, VariantResults};

const TITLE: &str = "KMS attempts per second, variants overlaid";

pub(super) const CHART: Chart = Chart {
    stem: "overlay",
    several: false,
    draw: |results| {
        // One variant alone would only repeat its own figure.
        let several = results.variants.len() > 1;
        let drawn = several.then(|| figure("overlay", TITLE, draw(results)));
        drawn.into_iter().collect()
    },
};

/// Most lines that one panel holds legibly.
const LINES: usize = 6;

/// Most steps of a line.
const STEPS: usize = 220;

/// One variant's line: start and end of each step \[s\], attempts per second.
struct AttemptsLine {
    variant: usize,
    steps: Vec<(f64, f64, f64)>,
    quotas: Vec<f64>,
    name: String,
}

fn course(results: &RunResults, variant: usize) -> Option<AttemptsLine> {
    let v: &VariantResults = &results.variants[variant];
    let (quota, _) = v.tightest_quota()?;
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
        name: format!("{} (quota {})", v.name, from_to(first, last)),
    })
}

/// Draws the figure.
fn draw(results: &RunResults) -> Drawn<String> {
    let mut head = vec![caption(results)];
    let tried = |v: &VariantResults| mean(&v.metrics, "kms_attempts").is_some_and(|a| a > 0.0);
    let drawn: Vec<AttemptsLine> = (0..results.variants.len())
        .filter(|i| tried(&results.variants[*i]))
        .filter_map(|i| course(results, i))
        .take(LINES)
        .collect();
    if drawn.is_empty() {
        return page::words(TITLE, &head, "No variant made any KMS attempts.");
    }
    let left_out = results.variants.iter().filter(|v| tried(v)).count() - drawn.len();
    if left_out > 0 {
        head.push(format!(
            "Only the first {LINES} variants are drawn; the other {left_out} have figures of their own"
        ));
    }
    // One quota for all is a line; several appear only in the legend.
    let first = &drawn[0].quotas;
    let shared = drawn.iter().all(|c| {
        let n = c.quotas.len().min(first.len());
        c.quotas[..n] == first[..n]
    });
    let shared = (shared && first.iter().all(|q| *q == first[0])).then(|| first[0]);
    let steps = || drawn.iter().flat_map(|c| &c.steps);
    let high = steps().map(|s| s.2).chain(shared).fold(0.0, f64::max);
    let y = axis::linear(0.0, high, 6.0, number::tick);
    let end = steps()
        .map(|s| s.1)
        .fold(results.horizon_s as f64, f64::max);
    let (x, unit) = axis::time(end, 14.0);
    svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        let mut entries: Vec<_> = drawn
            .iter()
            .map(|course| (Sign::Lettered(course.variant), course.name.clone()))
            .collect();
        if shared.is_some() {
            entries.push((
                Sign::Line(theme::QUOTA),
                "quota, the same for all".to_owned(),
            ));
        }
        let top = page::legend(c, top, &entries)? + 4.0;
        let p = Panel::alone(top, 14.0, 360.0, &x, &y);
        p.grid(c)?;
        if let Some(quota) = shared {
            c.line(
                &[(p.left, p.py(quota)), (p.right, p.py(quota))],
                theme::QUOTA,
            )?;
        }
        for course in &drawn {
            let points: Vec<_> = course
                .steps
                .iter()
                .flat_map(|s| [(p.px(s.0), p.py(s.2)), (p.px(s.1), p.py(s.2))])
                .collect();
            c.line(&points, theme::variant_line(course.variant))?;
        }
        for (k, course) in drawn.iter().enumerate() {
            let share = (k as f64 + 0.5) / drawn.len() as f64;
            // Where nothing is attempted the lines of all lie on each other.
            let busy: Vec<_> = course.steps.iter().filter(|s| s.2 > 0.0).collect();
            if let Some(s) = busy.get((busy.len() as f64 * share) as usize) {
                page::lettered(c, p.px((s.0 + s.1) / 2.0), p.py(s.2), course.variant)?;
            }
        }
        p.frame(c)?;
        p.x_title(c, &format!("time since the run's start [{unit}]"))?;
        p.y_title(
            c,
            "KMS attempts per second, mean [1/s]",
            y.text_width() + 18.0,
        )?;
        Ok(p.bottom + 50.0)
    })
}
