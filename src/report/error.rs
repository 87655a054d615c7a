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
    /// The answer is not a table of rows, which this format needs.
    #[error("this answer is not a table, so it cannot be written as `{0}`")]
    NoRows(&'static str),
    /// A figure could not be drawn.
    #[error("cannot draw figure {figure}: {reason}")]
    Draw {
        /// File stem of the figure.
        figure: String,
        /// What failed.
        reason: String,
    },
    /// The report could not be put together.
    #[error("cannot build report.html: {0}")]
    Template(#[from] minijinja::Error),
    /// A CSV file could not be put together.
    #[error("cannot build the CSV file: {0}")]
    Csv(#[from] ::csv::Error),
    /// A Parquet file could not be put together.
    #[error("cannot build a Parquet file: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A JSON file could not be put together.
    #[error("cannot build the JSON file: {0}")]
    Serialize(#[from] serde_json::Error),
}

impl ReportError {
    /// Whether the command or the files that were given are at fault, not the machine.
    pub fn is_input_fault(&self) -> bool {
        match self {
            Self::Store(error) => error.is_input_fault(),
            Self::NoRows(_) => true,
            Self::File(_)
            | Self::Draw { .. }
            | Self::Template(_)
            | Self::Csv(_)
            | Self::Parquet(_)
            | Self::Serialize(_) => false,
        }
    }
}
