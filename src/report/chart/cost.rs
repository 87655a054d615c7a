//! The bill of the measured time by variant, stacked by item.
//!
//! Items of several accounts and Regions are added up; `bill.csv` keeps them apart.

use super::bars::{self, Bar, Stack};
use super::canvas::svg;
use super::figure::{Chart, Figure, figure, label};
use super::page;
use crate::catalog::item_label;
use crate::metrics::number;
use crate::report::error::ReportError;
use crate::report::page::Grid;
use crate::report::text::caption;
use crate::results::{RunResults, VariantResults};

const TITLE: &str = "Cost by variant and bill item";

const STEM: &str = "cost";

pub(super) const CHART: Chart = Chart {
    stem: STEM,
    several: false,
    draw: |results| Ok(vec![draw(results)?]),
};

fn amount(v: &VariantResults, item: &str) -> f64 {
    v.bill
        .iter()
        .filter(|l| l.item == item)
        .map(|l| l.amount_usd)
        .sum()
}

/// Draws the figure.
fn draw(results: &RunResults) -> Result<Figure, ReportError> {
    let mut head = vec![caption(results)];
    let mut items: Vec<String> = vec![];
    for line in results.variants.iter().flat_map(|v| &v.bill) {
        let counts = results
            .variants
            .iter()
            .any(|v| amount(v, &line.item) != 0.0);
        if counts && !items.contains(&line.item) {
            items.push(line.item.clone());
        }
    }
    if items.is_empty() {
        let words = page::words(TITLE, &head, "Nothing is charged in any variant.");
        return figure(STEM, TITLE, words, Grid::none());
    }
    let bar = |v: &VariantResults| {
        let e = v.metrics.get("cost_total_usd");
        let month = v
            .metrics
            .get("cost_total_usd_per_month")
            .filter(|m| m.mean.is_some());
        Bar {
            name: v.name.clone(),
            parts: items.iter().map(|i| amount(v, i)).collect(),
            total: e.and_then(|e| Some((e.mean?, e.ci_low.zip(e.ci_high)))),
            label: e.map_or(number::NO_DATA.to_owned(), |e| {
                number::estimate("cost_total_usd", e)
            }),
            note: month.map_or(String::new(), |m| {
                number::estimate("cost_total_usd_per_month", m)
            }),
        }
    };
    let bars: Vec<_> = results.variants.iter().map(bar).collect();
    let parts: Vec<String> = items.iter().map(|i| item_label(i).to_owned()).collect();
    if bars.iter().any(|b| b.parts.iter().any(|p| *p < 0.0)) {
        head.push("Amounts below zero reduce the bill; the diamond marks the total.".to_owned());
    }
    let x_title = format!("{} of the measured time [USD]", label("cost_total_usd"));
    let stack = Stack {
        parts: &parts,
        x_title: &x_title,
        amount: number::usd,
    };
    let drawn = svg(TITLE, |c| {
        let top = page::head(c, TITLE, &head)?;
        bars::draw(c, top, &bars, &stack)
    });
    let table = bars::table(&bars, stack.parts, stack.amount);
    Ok(figure(STEM, TITLE, drawn, table)?.with(bars::live(&head, &bars, &stack)))
}
