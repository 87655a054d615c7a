//! `report.html`: one file that opens offline, with and without scripts, and prints well.
//!
//! In the order in which a review asks: the question and the answer, the variants, the decisive seconds, who causes
//! and who suffers it, the bill, what would change the answer, what it rests on; then, in an appendix, all figures. Every text that comes from outside is escaped; only the figures' own SVG goes in as it is.

use indexmap::IndexMap;
use minijinja::{Environment, Value, context};

use super::chart::Figure;
use super::error::ReportError;
use super::sections::{self, header};
use super::text::{caption, note};
use super::{compare, ladder, metric_rows, outlook, peak, scripts, side_by_side};
use crate::catalog::limit_name;
use crate::metrics::number;
use crate::metrics::registry::{self, METRICS};
use crate::results::{
    BY_S3_REQUEST_RATE, Metrics, OthersResults, QuotaResults, RunResults, VariantResults,
};

/// Figures that stand with the answer; all others are in the appendix.
const DECISIVE: [&str; 2] = ["decisive_seconds", "overlay"];

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
    scripts::add_templates(&mut environment)?;
    let rows: Vec<Value> = metric_rows::rows(results)
        .into_iter()
        .map(|(label, cells)| context! { label, cells })
        .collect();
    let drawn = |(place, f): (usize, &Figure)| scripts::figure(place, f);
    let (decisive_charts, charts): (Vec<_>, Vec<_>) = figures
        .iter()
        .enumerate()
        .partition(|(_, f)| DECISIVE.contains(&f.stem.as_str()));
    let decisive_charts: Vec<Value> = decisive_charts.into_iter().map(drawn).collect();
    let charts: Vec<Value> = charts.into_iter().map(drawn).collect();
    let names: Vec<String> = results.variants.iter().map(|v| v.name.clone()).collect();
    let shown: Vec<&str> = results.variants.iter().map(|v| v.name.as_str()).collect();
    let page = context! {
        scripts => scripts::scripts(figures)?,
        name => results.scenario.name.as_str(),
        caption => caption(results),
        note => note(results),
        version => results.kmsim_version.as_str(),
        warnings => results.warnings.clone(),
        question => results.verdict.question.as_str(),
        answer => outlook::within_words(&results.verdict.answer, outlook::ANSWER),
        rungs => rungs(results),
        sentences => results.variants.iter().filter_map(peak::sentence).collect::<Vec<_>>(),
        who => sections::who(results),
        changes => outlook::changes(results),
        sensitivity => sections::sensitivity(results),
        commands => outlook::commands(results),
        rests => sections::rests(&results.scenario, &shown, Some(results)),
        names,
        summary => rows,
        decisive_charts,
        charts,
        overview => overview(results),
        comparisons => results.comparisons.iter().map(comparison).collect::<Vec<_>>(),
        side_by_side => side_by_side::quotas(results).map(|table| {
            context! { header => table.grid.header, rows => table.grid.rows }
        }),
        quotas => limited(results, |v| &v.by_quota, "by_quota", registry::Scope::of_quotas),
        request_rates => limited(results, |v| &v.by_s3_request_rate, BY_S3_REQUEST_RATE, registry::Scope::of_request_rates),
        bills => sections::bills(results),
        breakdowns => breakdowns(results),
        thresholds => thresholds(results),
        glossary => sections::glossary(),
        scenario => sections::scenario(&results.scenario, results.seed, &results.kmsim_version)?,
    };
    Ok(environment.get_template("report.html")?.render(page)?)
}

/// Each variant: how it stands, what it changes, what it saves, and why.
fn rungs(results: &RunResults) -> Vec<Value> {
    let grid = ladder::grid(results);
    let rows = grid.rows.into_iter().zip(&results.variants);
    rows.map(|(cells, v)| {
        let verdict = results.verdict.variants.iter().find(|j| j.name == v.name);
        let class = match verdict.and_then(|j| j.keeps) {
            Some(true) => "better",
            Some(false) => "worse",
            None => "",
        };
        let (saved, word) = outlook::saves(results, v);
        context! {
            cells, class,
            best => results.verdict.best.as_ref() == Some(&v.name),
            adds => outlook::adds(results, v),
            saves => vec![saved, word],
            why => verdict.map_or("", |j| j.why.as_str()),
        }
    })
    .collect()
}

/// Differences of the summary's metrics, a column a variant.
fn overview(results: &RunResults) -> Vec<Value> {
    let rows = metric_rows::metrics().map(|id: &'static str| {
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

/// A table of metrics by name: columns are the metrics of the list that any row has.
fn metric_table<'a>(
    ids: &[&str],
    rows: impl Iterator<Item = (String, String, &'a Metrics)> + Clone,
) -> (Vec<String>, Vec<Value>) {
    let present: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| rows.clone().any(|(_, _, m)| m.contains_key(id)))
        .collect();
    let head = present.iter().map(|id| header(id).to_owned()).collect();
    let body = rows.map(|(variant, name, m)| {
        let cells: Vec<String> = present
            .iter()
            .map(|id| {
                if m.contains_key(id) {
                    metric_rows::cell(m, id)
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
            (
                v.name.clone(),
                format!("{}: {limit}{at}", limit_name(name)),
                &q.metrics,
            )
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
