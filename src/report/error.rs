//! Why results could not be shown.

use crate::results::StoreError;
use crate::results::directory::FileError;
use thiserror::Error;

/// Why results could not be drawn or written out.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The results could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or directory could not be created, written, renamed or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A figure could not be drawn.
    #[error("cannot draw figure {figure}: {reason}")]
    Draw {
        /// File stem of the figure.
        figure: String,
        /// What failed.
        reason: String,
    },
    /// The report could not be put together.
    #[error("cannot put report.html together: {0}")]
    Template(#[from] minijinja::Error),
    /// A CSV file could not be put together.
    #[error("cannot put a CSV file together: {0}")]
    Csv(#[from] ::csv::Error),
    /// A JSON file could not be put together.
    #[error("cannot put a JSON file together: {0}")]
    Serialize(#[from] serde_json::Error),
}

impl ReportError {
    /// Whether the files that were given are at fault, not the machine.
    pub fn is_input_fault(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_input_fault())
    }
}
