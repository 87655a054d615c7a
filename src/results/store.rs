//! `results.json` and `manifest.json`, written and read back.

use super::directory::{self, FileError};
use super::json;
use super::schema::{Manifest, RunResults, SCHEMA_VERSION};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Name of the file that everything else can be redrawn from.
pub const RESULTS_FILE: &str = "results.json";

/// Why results could not be written or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The results file is missing or unreadable.
    #[error("cannot read {}: {source}; `kmsim run SCENARIO --out {}` writes it", path.display(), dir.display())]
    Read {
        /// The results file.
        path: PathBuf,
        /// The results directory.
        dir: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The results file holds no results.
    #[error("{}:{line}:{column}: not the results of a run: {reason}", path.display())]
    Json {
        /// The results file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault.
        column: usize,
        /// What the JSON parser says.
        reason: String,
    },
    /// The results file holds results that do not hang together.
    #[error("{}: not the results of a run: {reason}; run the scenario again", path.display())]
    Unsound {
        /// The results file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The results file has a layout that this version doesn't know.
    #[error("{}: layout version {found}, but this kmsim reads version {expected}; run the scenario again", path.display())]
    SchemaVersion {
        /// The results file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The version that can be read.
        expected: u32,
    },
    /// A file or directory could not be created, written, renamed or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The results could not be formatted as JSON.
    #[error("cannot format a JSON file: {0}")]
    Serialize(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether the file that was given is at fault, not the machine.
    pub fn is_input_fault(&self) -> bool {
        match self {
            Self::Read { .. }
            | Self::Json { .. }
            | Self::Unsound { .. }
            | Self::SchemaVersion { .. } => true,
            Self::File(_) | Self::Serialize(_) => false,
        }
    }
}

/// Writes `results.json` and, where given, `manifest.json`.
///
/// # Errors
/// What cannot be formatted or written.
pub fn write(
    results: &RunResults,
    manifest: Option<&Manifest>,
    dir: &Path,
) -> Result<(), StoreError> {
    directory::write_by(&dir.join(RESULTS_FILE), |file| {
        Ok(json::write(results, file)?)
    })?;
    if let Some(manifest) = manifest {
        directory::write(&dir.join("manifest.json"), json::text(manifest)?.as_bytes())?;
    }
    Ok(())
}

/// Reads `results.json` of a results directory.
///
/// # Errors
/// It is missing, is not JSON, holds no results, or has another layout version.
pub fn read(dir: &Path) -> Result<RunResults, StoreError> {
    let path = dir.join(RESULTS_FILE);
    let text = std::fs::read_to_string(&path).map_err(|source| StoreError::Read {
        path: path.clone(),
        dir: dir.to_owned(),
        source,
    })?;
    parse(&text, &path)
}

/// Reads results from the text of a `results.json`; `path` is for messages.
///
/// # Errors
/// It is not JSON, holds no results, or has another layout version.
pub fn parse(text: &str, path: &Path) -> Result<RunResults, StoreError> {
    #[derive(Deserialize)]
    struct Layout {
        schema_version: u64,
    }
    let fault = |e: serde_json::Error| {
        let reason = e.to_string();
        let place = format!(" at line {} column {}", e.line(), e.column());
        StoreError::Json {
            path: path.to_owned(),
            line: e.line(),
            column: e.column(),
            reason: reason.strip_suffix(&place).unwrap_or(&reason).to_owned(),
        }
    };
    // The version alone first: another layout is reported as such, not as a missing field.
    let layout: Layout = serde_json::from_str(text).map_err(fault)?;
    if layout.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(StoreError::SchemaVersion {
            path: path.to_owned(),
            found: layout.schema_version,
            expected: SCHEMA_VERSION,
        });
    }
    let results: RunResults = serde_json::from_str(text).map_err(fault)?;
    match results.fault() {
        Some(reason) => Err(StoreError::Unsound {
            path: path.to_owned(),
            reason,
        }),
        None => Ok(results),
    }
}
