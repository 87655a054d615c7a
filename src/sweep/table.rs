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
pub fn csv(columns: &[(String, Column)]) -> String {
    let mut text = header(columns);
    rows(&mut text, columns);
    text
}

/// The names of the columns as a line of CSV.
pub fn header(columns: &[(String, Column)]) -> String {
    let mut text = String::new();
    for (i, (name, _)) in columns.iter().enumerate() {
        separate(&mut text, i);
        quoted(&mut text, &visible::cell(name), columns.len());
    }
    text.push('\n');
    text
}

/// Adds the rows as lines of CSV.
pub fn rows(text: &mut String, columns: &[(String, Column)]) {
    let rows = columns.first().map_or(0, |(_, c)| c.len());
    for row in 0..rows {
        for (i, (_, column)) in columns.iter().enumerate() {
            separate(text, i);
            match column {
                Column::Integer(v) => _ = write!(text, "{}", v[row]),
                Column::Number(v) => match v[row] {
                    Some(v) => number(text, v),
                    None => quoted(text, "", columns.len()),
                },
                Column::Text(v) => quoted(text, &visible::cell(&v[row]), columns.len()),
            }
        }
        text.push('\n');
    }
}

fn separate(text: &mut String, column: usize) {
    if column > 0 {
        text.push(',');
    }
}

/// A field of a line of so many, in quotes where it would not come back otherwise.
fn quoted(text: &mut String, field: &str, fields: usize) {
    // A line without anything is none.
    let is_needed = (field.is_empty() && fields == 1)
        || field
            .bytes()
            .any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'));
    if is_needed {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

/// A number as text; the whole ones, which most are, by a shorter way to the same digits.
fn number(text: &mut String, v: f64) {
    let whole = v as i64;
    if whole as f64 != v || whole.unsigned_abs() >= 1 << 53 || (whole == 0 && v.is_sign_negative())
    {
        _ = write!(text, "{v}");
        return;
    }
    if whole < 0 {
        text.push('-');
    }
    let (mut digits, mut first) = ([b'0'; 20], 20);
    let mut left = whole.unsigned_abs();
    while left > 0 || first == digits.len() {
        first -= 1;
        digits[first] += (left % 10) as u8;
        left /= 10;
    }
    text.extend(digits[first..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_of_its_shortest_form() {
        let tiny = [0.0, -0.0, 0.1, -2.5, 1e-9, f64::NAN, f64::INFINITY];
        let large = [-3.0, 7.0, 123_456_789.0, 9.007e15, 9.1e15, 1e21, -1e300];
        for v in tiny.into_iter().chain(large) {
            let mut text = String::new();
            number(&mut text, v);
            assert_eq!(text, v.to_string());
        }
    }

    #[test]
    fn what_is_written_comes_back() {
        let texts = [
            "a",
            "",
            "b, c",
            "say \"no\"",
            "two\nlines",
            "cr\rlf",
            " é ",
            "#",
            "\"",
        ];
        let texts: Vec<String> = texts.map(str::to_owned).to_vec();
        let numbers: Vec<Option<f64>> = (0..texts.len())
            .map(|i| (i % 3 > 0).then_some(i as f64 / 4.0))
            .collect();
        let all = [
            ("x,y".to_owned(), Column::Text(texts.clone())),
            ("n".to_owned(), Column::Number(numbers.clone())),
        ];
        for columns in [&all[..], &all[..1], &all[1..]] {
            let text = csv(columns);
            let mut reader = ::csv::Reader::from_reader(text.as_bytes());
            let header: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
            assert!(reader.headers().expect("a header").iter().eq(&header));
            let records: Vec<_> = reader.records().map(|r| r.expect("a row")).collect();
            assert_eq!(records.len(), texts.len());
            for (i, record) in records.iter().enumerate() {
                let number = numbers[i].map_or(String::new(), |n| n.to_string());
                let row = [visible::cell(&texts[i]).into_owned(), number];
                let row = match columns {
                    [_, _] => &row[..],
                    [(name, _)] if name == "n" => &row[1..],
                    _ => &row[..1],
                };
                assert!(record.iter().eq(row), "{record:?}");
            }
        }
    }
}
