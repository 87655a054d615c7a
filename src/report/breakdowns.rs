//! Every row of every breakdown, of which `results.json` keeps the largest: for `breakdowns.csv` and `breakdowns.parquet`.
//!
//! One row for each variant, breakdown and thing; three columns for each metric: its mean and its 95 % interval. A missing
//! value is an empty cell, never 0.

use crate::metrics::registry::{METRICS, Metric, Scope};
use crate::results::{Estimate, Metrics, RunResults, VariantResults};
use crate::sweep::table::{self, Column};

/// The rows of one variant, column by column.
pub fn columns(v: &VariantResults) -> Vec<(String, Column)> {
    let breakdowns = v.breakdowns().into_iter();
    let things = breakdowns.flat_map(|(breakdown, rows)| {
        let breakdown = breakdown.trim_start_matches("by_");
        rows.iter().map(move |(name, m)| (breakdown, name, m))
    });
    let quotas = [
        ("quota", &v.by_quota),
        ("s3_request_rate", &v.by_s3_request_rate),
    ];
    let quotas = quotas.into_iter().flat_map(|(breakdown, rows)| {
        rows.iter()
            .map(move |(name, q)| (breakdown, name, &q.metrics))
    });
    let rows: Vec<(&str, &String, &Metrics)> = things.chain(quotas).collect();
    let text = |of: &dyn Fn(&(&str, &String, &Metrics)) -> String| {
        Column::Text(rows.iter().map(of).collect())
    };
    let mut columns = vec![
        ("variant".to_owned(), text(&|_| v.name.clone())),
        ("breakdown".to_owned(), text(&|row| row.0.to_owned())),
        ("name".to_owned(), text(&|row| row.1.clone())),
    ];
    for m in metrics() {
        let parts: [(&str, fn(&Estimate) -> Option<f64>); 3] = [
            ("", |e| e.mean),
            ("_ci_low", |e| e.ci_low),
            ("_ci_high", |e| e.ci_high),
        ];
        for (suffix, of) in parts {
            let values = rows.iter().map(|(_, _, metrics)| of(metrics.get(m.id)?));
            columns.push((
                format!("{}{suffix}", m.id),
                Column::Number(values.collect()),
            ));
        }
    }
    columns
}

/// Metrics that any row has.
fn metrics() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(|m| m.scope != Scope::Variant)
}

/// `breakdowns.csv`.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(results: &RunResults) -> Result<String, csv::Error> {
    let mut text = String::new();
    for v in &results.variants {
        let of_variant = table::csv(&columns(v))?;
        let rows = match text.is_empty() {
            true => &of_variant,
            // The header stands once.
            false => of_variant.split_once('\n').map_or("", |(_, rows)| rows),
        };
        text.push_str(rows);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_row_of_every_variant_stands_once_under_one_header() {
        let results = fixture::evening_peak();
        let text = csv(&results).unwrap();
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        assert!(header.starts_with("variant,breakdown,name,s3_requests,s3_requests_ci_low,"));
        let rows: Vec<&str> = lines.collect();
        let expected: usize = results
            .variants
            .iter()
            .map(|v| {
                let things: usize = v.breakdowns().iter().map(|(_, rows)| rows.len()).sum();
                things + v.by_quota.len() + v.by_s3_request_rate.len()
            })
            .sum();
        assert_eq!(rows.len(), expected);
        assert!(rows.iter().all(|row| *row != header));
        let quota = rows.iter().find(|row| row.contains(",quota,")).unwrap();
        assert_eq!(quota.split(',').count(), header.split(',').count());
    }
}
