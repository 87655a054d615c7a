//! Comma-separated values: a line of names, then a line for each row. What is missing is an empty cell, never 0.

use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::viewport::Viewport;

/// The rows of an answer, for a spreadsheet.
#[derive(Debug)]
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn help(&self) -> &'static str {
        "summary.csv"
    }

    fn for_people(&self) -> bool {
        false
    }

    fn write_to(&self, content: &dyn Content, _: &Viewport) -> Result<String, ReportError> {
        let records = content.records()?;
        let records = records.ok_or(ReportError::NoRows(self.name()))?;
        Ok(records.delimited(b',')?)
    }
}
