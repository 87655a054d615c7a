//! JSON, indented, with each array of numbers on one line.

use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::viewport::Viewport;
use crate::results::json;

/// All of an answer, for programs.
#[derive(Debug)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn help(&self) -> &'static str {
        "results.json"
    }

    fn for_people(&self) -> bool {
        false
    }

    fn write_to(&self, content: &dyn Content, _: &Viewport) -> Result<String, ReportError> {
        Ok(json::text(&content.value()?)?)
    }
}
