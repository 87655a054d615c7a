//! KMS calls by variant, stacked by KMS operation.

use super::bars::{self, Bar, Stack};
use super::canvas::svg;
use super::figure::{Chart, Figure, figure, label, mean};
use super::page;
use crate::metrics::number;
use crate::report::error::ReportError;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::{RunResults, VariantResults};

const TITLE: &str = "KMS calls by variant and KMS operation";

const STEM: &str = "kms_calls";

pub(super) const CHART: Chart = Chart {
    stem: STEM,
    several: false,
    draw: |results| Ok(vec![draw(results)?]),
};

fn operations(v: &VariantResults) -> impl Iterator<Item = (&String, f64)> {
    v.by_kms_operation.iter().filter_map(|(name, metrics)| {
        mean(metrics, "kms_calls")
            .filter(|calls| *calls > 0.0)
            .map(|calls| (name, calls))
    })
}

/// Draws the figure.
fn draw(results: &RunResults) -> Result<Figure, ReportError> {
    let head = [caption(results)];
    let called = |v: &VariantResults| mean(&v.metrics, "kms_calls").is_some_and(|c| c > 0.0);
    if !results.variants.iter().any(called) {
        let words = page::words(TITLE, &head, "No variant made any KMS calls.");
        return figure(STEM, TITLE, words, Grid::none());
    }
    let mut names: Vec<String> = vec![];
    for (name, _) in results.variants.iter().flat_map(operations) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let bar = |v: &VariantResults| {
        let calls = |name: &String| {
            operations(v)
                .find(|(n, _)| *n == name)
                .map_or(0.0, |(_, calls)| calls)
        };
        let e = v.metrics.get("kms_calls");
        Bar {
            name: v.name.clone(),
            parts: names.iter().map(calls).collect(),
            total: e.and_then(|e| Some((e.mean?, e.ci_low.zip(e.ci_high)))),
            label: e.map_or(number::NO_DATA.to_owned(), |e| {
                number::estimate("kms_calls", e)
            }),
            note: String::new(),
        }
    };
    let bars: Vec<_> = results.variants.iter().map(bar).collect();
    let x_title = format!("{} in the measured time [count]", label("kms_calls"));
    let stack = Stack {
        parts: &names,
        x_title: &x_title,
        amount: |v| number::plain(v.round()),
    };
    let drawn = svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        bars::draw(c, top, &bars, &stack)
    });
    let table = bars::table(&bars, stack.parts, stack.amount);
    Ok(figure(STEM, TITLE, drawn, table)?.with(bars::live(&head, &bars, &stack)))
}
