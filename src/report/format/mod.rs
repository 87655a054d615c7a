//! The output formats: one file each, and its line in [`FORMATS`].

mod csv;
mod json;
mod markdown;
mod table;

pub use self::csv::Csv;
pub use json::Json;
pub use markdown::Markdown;
pub use table::TextTable;

use super::content::Format;

/// Every format, in the order of the help.
pub const FORMATS: [&dyn Format; 4] = [&TextTable, &Json, &Csv, &Markdown];
