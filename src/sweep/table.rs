//! One row a replication of a run: the keys' values, then every metric. As CSV.
//!
//! A key whose values are quantities of one kind is a column of numbers (per second, seconds, bytes), any other a column
//! of text.

use super::axis::Quantity;
use super::run::{Run, Sweep};
use crate::metrics::registry::METRICS;
use crate::units::visible;
use indexmap::IndexSet;
use std::fmt::Write as _;

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
    let mut text = String::new();
    for row in 0..rows {
        for (_, column) in columns {
            text.clear();
            match column {
                Column::Integer(v) => _ = write!(text, "{}", v[row]),
                Column::Number(v) => v[row].into_iter().for_each(|v| number(&mut text, v)),
                Column::Text(v) => text.push_str(&visible::cell(&v[row])),
            }
            writer.write_field(&text)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number as text; the whole ones, which most are, by a shorter way to the same digits.
fn number(text: &mut String, v: f64) {
    let whole = v as i64;
    if whole as f64 == v && whole != 0 && whole.unsigned_abs() < 1 << 53 {
        _ = write!(text, "{whole}");
    } else {
        _ = write!(text, "{v}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_number_has_the_digits_of_its_shortest_form() {
        let tiny = [0.0, -0.0, 0.1, -2.5, 1e-9, f64::NAN, f64::INFINITY];
        let large = [-3.0, 7.0, 123_456_789.0, 9.007e15, 9.1e15, 1e21, -1e300];
        for v in tiny.into_iter().chain(large) {
            let mut text = String::new();
            super::number(&mut text, v);
            assert_eq!(text, v.to_string());
        }
    }
}
