//! `report.html`: one file that opens offline, without scripts, and prints well.
//!
//! Says first whether the quota is hit and which variant is worth it, then shows the figures behind
//! it. Every text that comes from outside is escaped; only the figures' own SVG goes in as it is.

use indexmap::IndexMap;
use minijinja::{Environment, Value, context};

use super::chart::Figure;
use super::error::ReportError;
use super::text::{caption, note};
use super::{compare, limits, side_by_side, summary, verdict};
use crate::catalog::item_label;
use crate::metrics::estimate::total_cost;
use crate::metrics::number;
use crate::metrics::registry::{self, METRICS};
use crate::metrics::top::TOP;
use crate::results::{
    BY_S3_REQUEST_RATE, Metrics, OthersResults, QuotaResults, RunResults, VariantResults,
};

/// Below this headroom a variant is near its quota: the usual alarm is at 80 % of it.
const NEAR: f64 = 0.2;

/// Columns of the breakdown tables, as far as the results have them.
const BREAKDOWN: [&str; 10] = [
    "s3_requests",
    "s3_requests_denied",
    "s3_requests_failed",
    "s3_throttled",
    "kms_needs",
    "kms_calls",
    "kms_attempts",
    "kms_throttled",
    "throttle_rate",
    "added_delay_s_p99",
];

/// The report as HTML text.
pub fn report(results: &RunResults, figures: &[Figure]) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    // The name's ending switches escaping on.
    environment.add_template("report.html", include_str!("report.html.jinja"))?;
    let rows: Vec<Value> = summary::rows(results)
        .into_iter()
        .map(|(label, cells)| context! { label, cells })
        .collect();
    let charts: Vec<Value> = figures
        .iter()
        .map(|f| context! { title => f.title.as_str(), svg => Value::from_safe_string(f.svg.clone()) })
        .collect();
    let resolved = serde_json::to_string_pretty(&resolved(results)?)?;
    let names: Vec<String> = results.variants.iter().map(|v| v.name.clone()).collect();
    let page = context! {
        scenario => results.scenario.name.as_str(),
        caption => caption(results),
        note => note(results),
        version => results.kmsim_version.as_str(),
        sha256 => results.scenario.text_sha256.as_str(),
        warnings => results.warnings.clone(),
        question => results.verdict.question.as_str(),
        verdict => results.verdict.answer.as_str(),
        ladder => ladder(results),
        headlines => results.variants.iter().map(headline).collect::<Vec<_>>(),
        names,
        summary => rows,
        charts,
        overview => overview(results),
        comparisons => results.comparisons.iter().map(comparison).collect::<Vec<_>>(),
        side_by_side => side_by_side::quotas(results).map(|table| {
            context! { header => table.grid.header, rows => table.grid.rows }
        }),
        quotas => limited(results, |v| &v.by_quota, "by_quota", registry::Scope::of_quotas),
        request_rates => limited(results, |v| &v.by_s3_request_rate, BY_S3_REQUEST_RATE, registry::Scope::of_request_rates),
        left_out => summary::left_out(results),
        bills => results.variants.iter().map(bill).collect::<Vec<_>>(),
        breakdowns => breakdowns(results),
        thresholds => thresholds(results),
        definitions => METRICS.iter().map(definition).collect::<Vec<_>>(),
        resolved,
    };
    Ok(environment.get_template("report.html")?.render(page)?)
}

/// The resolved scenario as it is written, of many things of a kind the first.
fn resolved(results: &RunResults) -> Result<serde_json::Value, serde_json::Error> {
    let mut written = serde_json::to_value(&results.scenario)?["resolved"].take();
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

fn mean(v: &VariantResults, id: &str) -> Option<f64> {
    v.metrics.get(id)?.mean
}

fn throttles(v: &VariantResults) -> bool {
    throttles_by(v, "kms_throttled") || throttles_by(v, "s3_throttled")
}

fn throttles_by(v: &VariantResults, id: &str) -> bool {
    mean(v, id).is_some_and(|t| t > 0.0)
}

fn price_text(v: &VariantResults) -> String {
    match total_cost(&v.metrics) {
        Some((id, e, m)) => number::value(id, &e.unit, m),
        None => format!("cost: {}", number::NO_DATA),
    }
}

/// Each variant, whether it keeps what it is held to, and why.
fn ladder(results: &RunResults) -> Vec<Value> {
    let rows = verdict::rows(results)
        .into_iter()
        .zip(&results.verdict.variants);
    rows.map(|(cells, v)| {
        let class = match v.keeps {
            Some(true) => "better",
            Some(false) => "worse",
            None => "",
        };
        context! { cells => cells.to_vec(), class }
    })
    .collect()
}

/// A figure inside a sentence, not to be broken from its unit.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// How many requests failed, of the kinds that the variant makes.
fn failed(v: &VariantResults) -> String {
    let kinds = [
        ("s3_requests", "s3_requests_failed", "S3 requests"),
        (
            "app_requests",
            "app_requests_failed",
            "application messages",
        ),
    ];
    let failed_kinds = kinds.iter().filter_map(|(all, failed, what)| {
        let any = mean(v, all).is_some_and(|n| n > 0.0);
        any.then(|| format!("{} {what}", unbroken(&summary::cell(&v.metrics, failed))))
    });
    let failed_kinds: Vec<_> = failed_kinds.collect();
    format!("{} failed", failed_kinds.join(" and "))
}

/// One variant in a sentence.
fn headline(v: &VariantResults) -> Value {
    let of = |metrics: &Metrics, id: &str| unbroken(&summary::cell(metrics, id));
    let tried = mean(v, "kms_attempts").is_some_and(|a| a > 0.0);
    let Some((name, q)) = v.tightest_quota().filter(|_| tried) else {
        let text = format!("No KMS attempt. Cost: {}.", price_text(v));
        return context! { name => v.name.as_str(), class => "none", word => "no KMS traffic", text };
    };
    let headroom = q.metrics.get("quota_headroom").and_then(|e| e.mean);
    let by_kms = throttles_by(v, "kms_throttled");
    let (class, word) = match headroom {
        _ if throttles(v) && !by_kms => ("hit", "hits S3's request rate"),
        _ if throttles(v) => ("hit", "hits the quota"),
        Some(h) if h < NEAR => ("near", "near the quota"),
        _ => ("clear", "clear of the quota"),
    };
    let mut text = format!(
        "Busiest second {} of a quota of {} ({name}), headroom {}. ",
        of(&q.metrics, "kms_attempts_per_s_max"),
        number::value("", "1/s", q.quota),
        of(&q.metrics, "quota_headroom"),
    );
    if let Some(sentence) = limits::first(v) {
        text += &format!("{sentence} ");
    }
    if throttles_by(v, "s3_throttled") {
        text += &format!(
            "S3 throttles {} of its attempts. ",
            of(&v.metrics, "s3_throttle_rate")
        );
    }
    if by_kms {
        let values = v
            .metrics
            .get("kms_throttled")
            .map_or(&[][..], |e| &e.values);
        let hit = values.iter().flatten().filter(|t| **t > 0.0).count();
        text += &format!(
            "{} of KMS attempts throttled, in {hit} of {} replications; added delay p99 {}, max {}; \
             {}. ",
            of(&v.metrics, "throttle_rate"),
            values.len(),
            of(&v.metrics, "added_delay_s_p99"),
            of(&v.metrics, "added_delay_s_max"),
            failed(v),
        );
    } else if !throttles(v) {
        text += "Nothing is throttled. ";
    }
    text += &format!("Cost: {}.", price_text(v));
    context! { name => v.name.as_str(), class, word, text }
}

/// Differences of the summary's metrics, a column a variant.
fn overview(results: &RunResults) -> Vec<Value> {
    let rows = summary::metrics().map(|id: &'static str| {
        let of = |c: &crate::results::Comparison| {
            c.metrics.get(id).map(|d| {
                let r = compare::row(id, d);
                let class = class(r.verdict);
                context! { difference => r.difference, verdict => r.verdict, class }
            })
        };
        let cells: Vec<Option<Value>> = results.comparisons.iter().map(of).collect();
        (header(id), cells)
    });
    rows.filter(|(_, cells)| cells.iter().any(Option::is_some))
        .map(|(label, cells)| {
            let cells: Vec<Value> = cells.into_iter().map(Option::unwrap_or_default).collect();
            context! { label, cells }
        })
        .collect()
}

/// A verdict's first word, by which the style sheet knows it.
fn class(verdict: &str) -> &str {
    verdict.split(' ').next().unwrap_or_default()
}

/// The thresholds' verdicts, row by row.
fn thresholds(results: &RunResults) -> Vec<Value> {
    let rows = super::threshold::rows(results).into_iter();
    rows.zip(&results.thresholds)
        .map(|(cells, t)| {
            let class = if t.verdict.fails() { "worse" } else { "better" };
            context! { cells => cells.to_vec(), class }
        })
        .collect()
}

fn comparison(c: &crate::results::Comparison) -> Value {
    let shown = |rows: Vec<compare::Row>| -> Vec<Value> {
        rows.into_iter()
            .map(|r| {
                context! {
                    label => r.label, baseline => r.baseline, variant => r.variant,
                    difference => r.difference, verdict => r.verdict,
                    class => class(r.verdict),
                }
            })
            .collect()
    };
    let parts: Vec<Value> = compare::parts(c)
        .into_iter()
        .map(|p| context! { name => p.name, rows => shown(p.rows) })
        .collect();
    context! {
        baseline => c.baseline.as_str(), variant => c.variant.as_str(), method => compare::method(c),
        settings => compare::settings(c).iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
        sentence => compare::sentence(c), rows => shown(compare::rows(c)), parts,
    }
}

/// A header cell; the cells below carry the unit.
fn header(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// A table of metrics by name: columns are the metrics of the list that any row has.
fn metric_table<'a>(
    ids: &[&str],
    rows: impl Iterator<Item = (String, String, &'a Metrics)> + Clone,
) -> (Vec<String>, Vec<Value>) {
    let present: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| rows.clone().any(|(_, _, m)| m.contains_key(*id)))
        .collect();
    let head = present.iter().map(|id| header(id).to_owned()).collect();
    let body = rows.map(|(variant, name, m)| {
        let cells: Vec<String> = present
            .iter()
            .map(|id| {
                if m.contains_key(*id) {
                    summary::cell(m, id)
                } else {
                    String::new()
                }
            })
            .collect();
        context! { variant, name, cells }
    });
    (head, body.collect())
}

/// Metrics of each request quota, or of each request rate.
fn limited(
    results: &RunResults,
    group: fn(&VariantResults) -> &IndexMap<String, QuotaResults>,
    name: &str,
    has: fn(registry::Scope) -> bool,
) -> Value {
    let of_scope = METRICS.iter().filter(|m| has(m.scope));
    let ids: Vec<&str> = of_scope.map(|m| m.id).collect();
    let rows = results.variants.iter().flat_map(|v| {
        let rows = group(v).iter().map(|(name, q)| {
            let at = q.busiest_second_at_s.map_or(String::new(), |t| {
                format!(", busiest at {}", number::instant(t))
            });
            let limit = number::value("", "1/s", q.quota);
            (v.name.clone(), format!("{name}: {limit}{at}"), &q.metrics)
        });
        let others = v.others.get(name);
        rows.chain(others.map(|others| (v.name.clone(), together(others), &others.metrics)))
    });
    let (head, rows) = metric_table(&ids, rows);
    context! { head, rows }
}

fn breakdowns(results: &RunResults) -> Vec<Value> {
    let titles = [
        ("by_group", "group"),
        ("by_workload", "workload"),
        ("by_bucket", "bucket"),
        ("by_key", "KMS key"),
        ("by_requester", "requester"),
        ("by_operation", "operation"),
        ("by_kms_operation", "KMS operation"),
        ("by_statement", "denied by"),
    ];
    let tables = titles.into_iter().map(|(breakdown, title)| {
        let rows = results.variants.iter().flat_map(|v| {
            let others = v.others.get(breakdown);
            let all = v.breakdowns().into_iter();
            let all = all.filter(|(name, _)| *name == breakdown);
            all.flat_map(|(_, rows)| rows).map(move |(name, m)| {
                let others = others.filter(|others| others.row.as_ref() == Some(name));
                (
                    v.name.clone(),
                    others.map_or_else(|| name.clone(), together),
                    m,
                )
            })
        });
        let (head, rows) = metric_table(&BREAKDOWN, rows);
        context! { title, head, rows }
    });
    tables.chain(by_trail(results)).collect()
}

/// What the row of all things is called that have none of their own.
fn together(others: &OthersResults) -> String {
    format!("all {} others together", others.things)
}

/// What each trail delivered and costs, where the scenario declares trails.
fn by_trail(results: &RunResults) -> Option<Value> {
    let rows = results.variants.iter().flat_map(|v| {
        let trails = v.by_trail.iter();
        trails.map(|(name, t)| (v.name.clone(), name.clone(), &t.metrics))
    });
    let ids = [
        "cloudtrail_kms_copies",
        "cloudtrail_data_events",
        "cost_cloudtrail_usd",
    ];
    rows.clone().next()?;
    let (head, rows) = metric_table(&ids, rows);
    Some(context! { title => "trail", head, rows })
}

fn bill(v: &VariantResults) -> Value {
    let lines: Vec<Value> = v
        .bill
        .iter()
        .map(|l| {
            context! {
                item => item_label(&l.item), account => l.account.as_str(), region => l.region.as_str(), unit => l.unit.as_str(),
                quantity => number::plain(l.quantity),
                price => number::unit_price(l.unit_price_usd),
                amount => number::usd(l.amount_usd),
            }
        })
        .collect();
    let total = summary::cell(&v.metrics, "cost_total_usd");
    let month = summary::cell(&v.metrics, "cost_total_usd_per_month");
    let id = "cost_total_usd_per_month";
    let why = v.without_data.get(id);
    let no_month = why.map(|why| summary::without_data(&v.name, id, why));
    context! { name => v.name.as_str(), lines, total, month, no_month }
}

fn definition(m: &registry::Metric) -> Value {
    context! { id => m.id, label => m.label, unit => m.unit, help => m.help }
}
