//! One row a replication of a run: the keys' values, then every metric. As CSV.
//!
//! A key whose values are quantities of one kind is a column of numbers (per second, seconds, bytes), any other a column
//! of text.

use super::axis::Quantity;
use super::run::{Run, Sweep};
use crate::metrics::registry::METRICS;
use crate::units::visible;
use indexmap::IndexSet;

/// A column with its values.
#[derive(Clone, Debug)]
pub enum Column {
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Numbers; `None` where there is no data.
    Number(Vec<Option<f64>>),
    /// Texts.
    Text(Vec<String>),
}

impl Column {
    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Column::Integer(v) => v.len(),
            Column::Number(v) => v.len(),
            Column::Text(v) => v.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All columns by name, in order.
pub fn columns(sweep: &Sweep, runs: &[Run]) -> Vec<(String, Column)> {
    let rows: Vec<(&Run, usize)> = runs
        .iter()
        .flat_map(|run| {
            let n = run.metrics.values().map(Vec::len).max().unwrap_or(0);
            (0..n).map(move |r| (run, r))
        })
        .collect();
    let mut out = vec![(
        "setting".to_owned(),
        Column::Integer(rows.iter().map(|(run, _)| run.setting as i64).collect()),
    )];
    for (k, key) in sweep.keys.iter().enumerate() {
        let texts = sweep.settings.iter().map(|s| s[k].as_str());
        let of = |run: &Run| run.setting;
        let column = match Quantity::all(texts) {
            Some((values, _)) => {
                Column::Number(rows.iter().map(|(run, _)| Some(values[of(run)])).collect())
            }
            None => Column::Text(
                rows.iter()
                    .map(|(run, _)| sweep.settings[of(run)][k].clone())
                    .collect(),
            ),
        };
        out.push((key.clone(), column));
    }
    out.push((
        "variant".to_owned(),
        Column::Text(rows.iter().map(|(run, _)| run.variant.clone()).collect()),
    ));
    out.push((
        "replication".to_owned(),
        Column::Integer(rows.iter().map(|(_, r)| *r as i64).collect()),
    ));
    let thresholds: IndexSet<&String> = runs.iter().flat_map(|r| r.thresholds.keys()).collect();
    for name in thresholds {
        let verdict = |(run, _): &(&Run, usize)| match run.thresholds.get(name) {
            Some(verdict) => verdict.name().to_owned(),
            None => String::new(),
        };
        let column = Column::Text(rows.iter().map(verdict).collect());
        out.push((format!("threshold.{name}"), column));
    }
    for m in METRICS {
        let of = |(run, r): &(&Run, usize)| run.metrics.get(m.id).and_then(|v| *v.get(*r)?);
        out.push((
            m.id.to_owned(),
            Column::Number(rows.iter().map(of).collect()),
        ));
    }
    out
}

/// The table as CSV.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(columns: &[(String, Column)]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(
        columns
            .iter()
            .map(|(name, _)| visible::cell(name).into_owned()),
    )?;
    let rows = columns.first().map_or(0, |(_, c)| c.len());
    for row in 0..rows {
        writer.write_record(columns.iter().map(|(_, c)| match c {
            Column::Integer(v) => v[row].to_string(),
            Column::Number(v) => v[row].map_or_else(String::new, |v| v.to_string()),
            Column::Text(v) => visible::cell(&v[row]).into_owned(),
        }))?;
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
