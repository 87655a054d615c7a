//! Explained requests, as what `kmsim explain` prints.

use super::content::Content;
use super::page::{Block, Page};
use crate::explain::{Explanation, text};
use serde::Serialize;
use serde_json::Value;

/// Requests traced end to end.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// One for each request.
    pub requests: &'a [Explanation],
}

impl Content for Explained<'_> {
    fn page(&self) -> Page {
        Page::of("explain", vec![Block::Verbatim(text(self.requests))])
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}
