//! The parts that every page of an answer has: who causes it and who suffers, the bill, the assumptions that move it,
//! what it rests on, the glossary, the scenario. `sections.html.jinja` writes them.

use minijinja::{Value, context};

use super::{limits, metric_rows, outlook, peak, summary};
use crate::catalog::{item_label, region_name};
use crate::metrics::number;
use crate::metrics::registry::{self, METRICS};
use crate::metrics::top::TOP;
use crate::results::{RunResults, ScenarioRecord, VariantResults};

/// Every line of every variant's bill, why figures are missing, and what is in no bill.
pub(super) fn bills(results: &RunResults) -> Value {
    context! {
        variants => results.variants.iter().map(bill).collect::<Vec<_>>(),
        reasons => summary::reasons(results).collect::<Vec<_>>(),
        left_out => summary::left_out(results),
    }
}

fn bill(v: &VariantResults) -> Value {
    let lines: Vec<Value> = v
        .bill
        .iter()
        .map(|l| {
            context! {
                item => item_label(&l.item), account => l.account.as_str(), region => region_name(&l.region).unwrap_or(&l.region), unit => l.unit.as_str(),
                quantity => number::plain(l.quantity),
                price => number::unit_price(l.unit_price_usd),
                amount => number::usd(l.amount_usd),
            }
        })
        .collect();
    let total = metric_rows::cell(&v.metrics, "cost_total_usd");
    let month = metric_rows::cell(&v.metrics, "cost_total_usd_per_month");
    context! { name => v.name.as_str(), lines, total, month }
}

/// What an answer rests on: facts of AWS, where figures are at hand, and the assumptions in force.
pub(super) fn rests(scenario: &ScenarioRecord, results: Option<&RunResults>) -> Value {
    let facts = results.map_or_else(Vec::new, outlook::facts);
    context! {
        facts => facts.iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
        assumptions => outlook::assumptions(scenario).iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
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
        resolved => serde_json::to_string_pretty(&resolved(scenario)?)?,
    })
}

/// The resolved scenario as it is written, of many things of a kind the first.
fn resolved(scenario: &ScenarioRecord) -> Result<serde_json::Value, serde_json::Error> {
    let mut written = serde_json::to_value(scenario)?["resolved"].take();
    let variants = written.get_mut("variant").and_then(|v| v.as_object_mut());
    let settings = variants.into_iter().flatten().map(|(_, settings)| settings);
    for (_, table) in settings.filter_map(|s| s.as_object_mut()).flatten() {
        let Some(things) = table.as_object_mut().filter(|things| things.len() > TOP) else {
            continue;
        };
        let left: Vec<String> = things.keys().skip(TOP).cloned().collect();
        for name in &left {
            things.shift_remove(name);
        }
        let more = format!("{} more, in results.json", left.len());
        things.insert("…".to_owned(), more.into());
    }
    Ok(written)
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
    let rows = results.variants.iter().flat_map(|v| {
        let peak = peak::peak(v);
        let all = peak.as_ref().map_or(0, |p| p.attempts);
        let of_peak = peak.map_or_else(Vec::new, |p| p.by_workload);
        of_peak
            .into_iter()
            .map(move |(workload, attempts, throttled)| {
                let metrics = v.by_workload.get(workload);
                let cells: Vec<String> = SUFFERED
                    .iter()
                    .map(|id| metrics.map_or(String::new(), |m| metric_rows::cell(m, id)))
                    .collect();
                let share = attempts as f64 / all.max(1) as f64;
                context! {
                    variant => v.name.as_str(), workload, cells,
                    attempts => number::grouped(attempts as f64, 0),
                    share => number::whole_percent(share),
                    throttled => number::grouped(throttled as f64, 0),
                }
            })
    });
    let rows: Vec<Value> = rows.collect();
    context! { head, rows, limits => results.variants.iter().filter_map(binding).collect::<Vec<_>>() }
}

/// A header cell; the cells below carry the unit.
pub(super) fn header(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}
