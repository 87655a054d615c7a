//! Rows of named values, for formats that programs read line by line.

use crate::units::visible;
use serde::Serialize;
use serde_json::Value;
use std::io;

/// A table of values; what is missing is `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// One value for each column in each.
    pub rows: Vec<Vec<Value>>,
}

impl Records {
    /// Rows of structs whose fields are the columns.
    ///
    /// # Errors
    /// A row cannot be written as JSON.
    pub fn of<R: Serialize>(
        columns: &[&str],
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Records, serde_json::Error> {
        let mut records = Records {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
        };
        for row in rows {
            records.rows.push(values(columns, row)?);
        }
        Ok(records)
    }

    /// As [`Records::delimited`] by commas, written row by row: a run of many quotas has a million.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn write<R: Serialize>(
        columns: &[&str],
        rows: impl IntoIterator<Item = R>,
        to: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(columns)?;
        for row in rows {
            writer.write_record(values(columns, row)?.iter().map(cell))?;
        }
        writer.flush()
    }

    /// A line of names, then a line for each row; what is missing is an empty cell, never 0.
    ///
    /// # Errors
    /// Never in practice: the lines are written to memory.
    pub fn delimited(&self, delimiter: u8) -> Result<String, csv::Error> {
        let mut builder = csv::WriterBuilder::new();
        let mut writer = builder.delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(cell))?;
        }
        let bytes = writer.into_inner().map_err(|e| e.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn values<R: Serialize>(columns: &[&str], row: R) -> Result<Vec<Value>, serde_json::Error> {
    let mut row = serde_json::to_value(row)?;
    let value = |c: &&str| row.get_mut(*c).map(Value::take).unwrap_or_default();
    Ok(columns.iter().map(value).collect())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => visible::cell(text).into_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A number as a cell without an exponent; whole ones have no decimals.
pub fn number(v: f64) -> Value {
    Value::from(v.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_plain_numbers_and_empty_where_there_is_no_data() {
        let records = Records {
            columns: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            rows: vec![vec![
                number(7.716e-6),
                number(5.0),
                Value::Null,
                Value::from("x,y"),
            ]],
        };
        let text = records.delimited(b',').unwrap();
        assert_eq!(text, "a,b,c,d\n0.000007716,5,,\"x,y\"\n");
    }
}
