//! What is to be shown says what it holds, a format how it is written: any format writes any content.

use super::error::ReportError;
use super::page::Page;
use super::records::Records;
use super::viewport::Viewport;
use serde_json::Value;
use std::fmt::Debug;

/// What a command shows: a run, a comparison, an answer.
pub trait Content {
    /// For people.
    fn page(&self) -> Page;

    /// All of it, for programs.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    fn value(&self) -> Result<Value, serde_json::Error>;

    /// Its rows, for programs that read line by line; `None` where it is not a table.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        Ok(None)
    }
}

/// A way to write what is shown.
pub trait Format: Debug + Sync {
    /// What `--format` takes.
    fn name(&self) -> &'static str;

    /// One line of help.
    fn help(&self) -> &'static str;

    /// Whether people read it: then it shows verdicts and differences too.
    fn for_people(&self) -> bool;

    /// Content as text, as far as the place can show it.
    ///
    /// # Errors
    /// This format cannot write the content.
    fn write_to(&self, content: &dyn Content, viewport: &Viewport) -> Result<String, ReportError>;

    /// All of it, for a file.
    ///
    /// # Errors
    /// This format cannot write the content.
    fn write(&self, content: &dyn Content) -> Result<String, ReportError> {
        self.write_to(content, &Viewport::default())
    }
}
