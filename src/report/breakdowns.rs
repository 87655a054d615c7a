//! Every row of every breakdown, of which `results.json` keeps the largest: for `breakdowns.csv` and `breakdowns.parquet`.
//!
//! One row for each variant, breakdown and thing; three columns for each metric: its mean and its 95 % interval. A missing
//! value is an empty cell, never 0.

use crate::metrics::registry::{METRICS, Metric, Scope};
use crate::results::{Estimate, Metrics, RunResults, VariantResults};
use crate::sweep::parquet::ParquetTable;
use crate::sweep::table::{self, Column};
use crate::units::visible::visible;
use std::io;

/// Mean or an end of an interval.
type EstimatePart = fn(&Estimate) -> Option<f64>;

/// A row: its breakdown, its name, its metrics.
type BreakdownRow<'v> = (&'static str, &'v String, &'v Metrics);

/// Rows that are put into columns at once: a trace may have a million requesters.
const MOST_ROWS: usize = 10_000;

/// The rows of one variant, so many at a time, column by column; one part without rows where there are none.
fn parts(v: &VariantResults) -> impl Iterator<Item = Vec<(String, Column)>> {
    let rows = rows(v);
    let starts = (0..rows.len().max(1)).step_by(MOST_ROWS);
    starts.map(move |from| {
        let until = rows.len().min(from + MOST_ROWS);
        columns(v, &rows[from..until])
    })
}

fn rows(v: &VariantResults) -> Vec<BreakdownRow<'_>> {
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
    things.chain(quotas).collect()
}

fn columns(v: &VariantResults, rows: &[BreakdownRow<'_>]) -> Vec<(String, Column)> {
    let text =
        |of: &dyn Fn(&BreakdownRow<'_>) -> String| Column::Text(rows.iter().map(of).collect());
    let mut columns = vec![
        ("variant".to_owned(), text(&|_| v.name.clone())),
        ("breakdown".to_owned(), text(&|row| row.0.to_owned())),
        ("name".to_owned(), text(&|row| row.1.clone())),
    ];
    // Metrics stand in one order.
    let mut places = vec![0; rows.len()];
    for m in metrics() {
        let parts: [(&str, EstimatePart); 3] = [
            ("", |e| e.mean),
            ("_ci_low", |e| e.ci_low),
            ("_ci_high", |e| e.ci_high),
        ];
        let estimates: Vec<Option<&Estimate>> = rows
            .iter()
            .zip(&mut places)
            .map(|(row, place)| row.2.get_near(m.id, place))
            .collect();
        for (suffix, of) in parts {
            let values = estimates.iter().map(|estimate| of((*estimate)?));
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

/// Writes `breakdowns.csv`, and adds the rows to `breakdowns.parquet`.
///
/// # Errors
/// What cannot be written.
pub fn write(
    results: &RunResults,
    csv: &mut dyn io::Write,
    parquet: &mut ParquetTable,
) -> io::Result<()> {
    let mut text = String::new();
    for part in results.variants.iter().flat_map(parts) {
        // The header stands once.
        if !parquet.has_begun() {
            text.push_str(&table::header(&part));
        }
        table::rows(&mut text, &part);
        csv.write_all(visible(&text).as_bytes())?;
        text.clear();
        parquet.add(&part).map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_row_of_every_variant_stands_once_under_one_header() {
        let results = fixture::evening_peak();
        let mut written = Vec::new();
        let mut parquet = ParquetTable::new("breakdowns");
        write(&results, &mut written, &mut parquet).unwrap();
        let text = String::from_utf8(written).unwrap();
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
