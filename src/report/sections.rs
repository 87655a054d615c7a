//! The parts that every page of an answer has: who causes it and who suffers, the bill, the assumptions that move it,
//! what it rests on, the glossary, the scenario. `sections.html.jinja` writes them.

use indexmap::{IndexMap, IndexSet};
use minijinja::{Value, context};

use super::{limits, metric_rows, outlook, peak, summary};
use crate::catalog::{item_label, region_name};
use crate::metrics::number;
use crate::metrics::registry::{self, METRICS};
use crate::metrics::top::TOP;
use crate::results::{BillLine, RunResults, ScenarioRecord, VariantResults};

/// Rows of a table before the appendix that all variants share: more would fill pages.
const ROWS: usize = 40;

/// Every variant's bill, why figures are missing, and what is in no bill. Where the lines are many, those of an item are
/// one, and `whole` has each.
pub(super) fn bills(results: &RunResults) -> Value {
    let each = |of: &dyn Fn(&VariantResults) -> Vec<Value>| -> Vec<Value> {
        let variants = results.variants.iter();
        variants.map(|v| bill(v, of(v))).collect()
    };
    let lines: usize = results.variants.iter().map(|v| v.bill.len()).sum();
    let whole = each(&|v| v.bill.iter().map(line).collect());
    let (variants, whole) = match lines > ROWS {
        true => (each(&by_item), Some(whole)),
        false => (whole, None),
    };
    context! {
        variants, whole,
        reasons => summary::reasons(results).collect::<Vec<_>>(),
        left_out => summary::left_out(results),
    }
}

fn bill(v: &VariantResults, lines: Vec<Value>) -> Value {
    let total = metric_rows::cell(&v.metrics, "cost_total_usd");
    let month = metric_rows::cell(&v.metrics, "cost_total_usd_per_month");
    context! { name => v.name.as_str(), lines, total, month }
}

fn line(l: &BillLine) -> Value {
    context! {
        item => item_label(&l.item), account => l.account.as_str(),
        region => region_name(&l.region).unwrap_or(&l.region), unit => l.unit.as_str(),
        quantity => number::plain(l.quantity), price => number::unit_price(l.unit_price_usd),
        amount => number::usd(l.amount_usd),
    }
}

/// A line for each item, of all accounts and Regions.
fn by_item(v: &VariantResults) -> Vec<Value> {
    let mut items: IndexMap<&str, Vec<&BillLine>> = IndexMap::new();
    for line in &v.bill {
        items.entry(&line.item).or_default().push(line);
    }
    let all = |texts: Vec<&str>| {
        let distinct: IndexSet<&str> = texts.into_iter().collect();
        match distinct.len() {
            1 => distinct[0].to_owned(),
            n => format!("all {n}"),
        }
    };
    let lines = items.into_iter().map(|(item, lines)| {
        let sum = |of: fn(&BillLine) -> f64| lines.iter().map(|l| of(l)).sum::<f64>();
        let price = lines[0].unit_price_usd;
        let price = lines.iter().all(|l| l.unit_price_usd == price).then(|| number::unit_price(price));
        context! {
            item => item_label(item),
            account => all(lines.iter().map(|l| l.account.as_str()).collect()),
            region => all(lines.iter().map(|l| region_name(&l.region).unwrap_or(&l.region)).collect()),
            unit => lines[0].unit.as_str(), quantity => number::plain(sum(|l| l.quantity)),
            price => price.unwrap_or_else(|| "several".to_owned()),
            amount => number::usd(sum(|l| l.amount_usd)),
        }
    });
    lines.collect()
}

/// What an answer rests on: facts of AWS, where figures are at hand, and the assumptions in force.
pub(super) fn rests(
    scenario: &ScenarioRecord,
    variants: &[&str],
    results: Option<&RunResults>,
) -> Value {
    let facts = results.map_or_else(Vec::new, outlook::facts);
    context! {
        facts => facts.iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
        assumptions => outlook::assumptions(scenario, variants).iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
    }
}

/// What the metrics mean.
pub(super) fn glossary() -> Vec<Value> {
    METRICS.iter().map(definition).collect()
}

fn definition(m: &registry::Metric) -> Value {
    context! { id => m.id, label => m.label, unit => m.unit, help => m.help }
}

/// Which scenario it is, and how it is read.
///
/// # Errors
/// Never in practice: what is written was read from JSON.
pub(super) fn scenario(
    scenario: &ScenarioRecord,
    seed: u64,
    version: &str,
) -> Result<Value, serde_json::Error> {
    Ok(context! {
        name => scenario.name.as_str(), sha256 => scenario.text_sha256.as_str(), seed, version,
        resolved => serde_json::to_string_pretty(&resolved(scenario))?,
    })
}

/// The resolved scenario as it is written, of many things of a kind the first.
fn resolved(scenario: &ScenarioRecord) -> serde_json::Value {
    let beginning = |table: &serde_json::Value| match table.as_object() {
        Some(things) if things.len() > TOP => {
            let shown = things.iter().take(TOP);
            let more = format!("{} more, in results.json", things.len() - TOP);
            let shown = shown.map(|(name, thing)| (name.clone(), thing.clone()));
            shown.chain([("…".to_owned(), more.into())]).collect()
        }
        Some(_) | None => table.clone(),
    };
    let written = scenario.resolved.written();
    within(written, &|key, value| match key {
        "variant" => within(value, &|_, variant| {
            within(variant, &|_, table| beginning(table))
        }),
        _ => value.clone(),
    })
}

/// A table with each value changed; anything else as it is.
fn within(
    value: &serde_json::Value,
    change: &dyn Fn(&str, &serde_json::Value) -> serde_json::Value,
) -> serde_json::Value {
    match value.as_object() {
        Some(all) => all
            .iter()
            .map(|(key, value)| (key.clone(), change(key, value)))
            .collect(),
        None => value.clone(),
    }
}

/// The assumptions that move the answer most.
pub(super) fn sensitivity(results: &RunResults) -> Value {
    let found = outlook::sensitivity(results);
    let grid = &found.grid;
    context! { note => found.note, header => &grid.header, rows => &grid.rows, numbers => &grid.numbers }
}

/// The limit that binds a variant, where S3's are limited too.
fn binding(v: &VariantResults) -> Option<String> {
    Some(format!("{}: {}", v.name, limits::first(v)?))
}

/// Metrics of a workload over the whole run that say what it suffers.
const SUFFERED: [&str; 4] = [
    "kms_attempts",
    "throttle_rate",
    "s3_requests_failed",
    "added_delay_s_p99",
];

/// Workloads of each variant's busiest second, and what they suffer over the whole run.
pub(super) fn who(results: &RunResults) -> Value {
    let head: Vec<String> = SUFFERED.iter().map(|id| header(id).to_owned()).collect();
    // A row for each of the largest, and one for all others.
    let shown = (ROWS / results.variants.len().max(1)).clamp(4, TOP + 1);
    let mut rows: Vec<Value> = Vec::new();
    for v in &results.variants {
        let Some(peak) = peak::peak(v) else { continue };
        let share = |n: u64| number::whole_percent(n as f64 / peak.attempts.max(1) as f64);
        let count = |n: u64| number::grouped(n as f64, 0);
        let row = |workload: String, cells: Vec<String>, attempts: u64, throttled: u64| {
            context! {
                variant => v.name.as_str(), workload, cells, attempts => count(attempts),
                share => share(attempts), throttled => count(throttled),
            }
        };
        let fits = peak.by_workload.len() <= shown;
        let first = if fits { shown } else { shown - 1 };
        for &(workload, attempts, throttled) in peak.by_workload.iter().take(first) {
            let metrics = v.by_workload.get(workload);
            let cell = |id: &&str| metrics.map_or(String::new(), |m| metric_rows::cell(m, id));
            let cells = SUFFERED.iter().map(cell).collect();
            rows.push(row(workload.to_owned(), cells, attempts, throttled));
        }
        let rest = peak.by_workload.iter().skip(first);
        let (n, attempts, throttled) =
            rest.fold((0, 0, 0), |sum, w| (sum.0 + 1, sum.1 + w.1, sum.2 + w.2));
        if n > 0 {
            let name = format!("{n} more, in the appendix");
            rows.push(row(
                name,
                vec![String::new(); SUFFERED.len()],
                attempts,
                throttled,
            ));
        }
    }
    context! { head, rows, limits => results.variants.iter().filter_map(binding).collect::<Vec<_>>() }
}

/// A header cell; the cells below carry the unit.
pub(super) fn header(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}
