//! Everything that shows results: tables, CSV, charts and the report.
//!
//! The only input is [`RunResults`], fresh from a run or read back from `results.json`; nothing is
//! calculated here that a reader would miss there. Files are written beside their place and
//! renamed, so a reader sees the old file or the new one. Not here: printing, and the statistics
//! behind intervals and verdicts.
//!
//! ```text
//! RunResults ─┬─ table, compare        text for a terminal, Markdown
//!             ├─ csv                   summary.csv, timeseries.csv, bill.csv
//!             ├─ chart ─ SVG ─ PNG     charts/*
//!             ├─ html                  report.html, with the same SVG inside
//!             └─ json                  results.json ── read ── RunResults
//! ```

pub mod chart;
pub mod compare;
pub mod csv;
mod directory;
#[cfg(test)]
pub(crate) mod fixture;
pub mod html;
pub mod json;
mod limits;
pub mod planning;
pub mod sweep;
pub mod table;
pub mod threshold;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::results::{Manifest, RunResults, SCHEMA_VERSION};

/// Name of the file that everything else can be redrawn from.
pub const RESULTS_FILE: &str = "results.json";

/// Why results could not be written, read or drawn.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The machine refused to create, write, rename or remove something.
    #[error("cannot {action} {}: {source}", path.display())]
    Write {
        /// What was tried.
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
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
        matches!(
            self,
            Self::Read { .. } | Self::Json { .. } | Self::SchemaVersion { .. }
        )
    }
}

/// Makes sure that results can be written to `dir`, before a long simulation: creates it and
/// `charts/`, and writes and removes a file in each.
pub fn probe(dir: &Path) -> Result<(), ReportError> {
    directory::probe(dir)
}

/// Writes the whole results directory.
pub fn write_all(
    results: &RunResults,
    manifest: Option<&Manifest>,
    dir: &Path,
) -> Result<(), ReportError> {
    directory::probe(dir)?;
    // First what cannot be made again: if drawing fails, the simulated hours are kept.
    directory::write(&dir.join(RESULTS_FILE), json::text(results)?.as_bytes())?;
    if let Some(manifest) = manifest {
        directory::write(&dir.join("manifest.json"), json::text(manifest)?.as_bytes())?;
    }
    draw(results, dir)
}

/// Writes log files of CloudTrail, one for each name, into the folder `cloudtrail` of a results directory.
///
/// # Errors
/// What cannot be written.
pub fn write_trail(files: &[(&str, String)], dir: &Path) -> Result<(), ReportError> {
    let folder = dir.join("cloudtrail");
    directory::make(&folder)?;
    let mut stems: Vec<String> = Vec::new();
    for (name, text) in files {
        let stem = chart::slug(name);
        let taken = stems.iter().filter(|s| **s == stem).count();
        let file = match taken {
            0 => format!("{stem}.json"),
            _ => format!("{stem}_{}.json", taken + 1),
        };
        directory::write(&folder.join(file), text.as_bytes())?;
        stems.push(stem);
    }
    Ok(())
}

/// Draws everything again from `results.json`, without touching it or `manifest.json`.
pub fn redraw(dir: &Path) -> Result<(), ReportError> {
    let results = read(dir)?;
    directory::probe(dir)?;
    draw(&results, dir)
}

/// Reads `results.json` of a results directory.
pub fn read(dir: &Path) -> Result<RunResults, ReportError> {
    let path = dir.join(RESULTS_FILE);
    let text = std::fs::read_to_string(&path).map_err(|source| ReportError::Read {
        path: path.clone(),
        dir: dir.to_owned(),
        source,
    })?;
    parse(&text, &path)
}

/// Reads results from the text of a `results.json`; `path` is for messages.
pub fn parse(text: &str, path: &Path) -> Result<RunResults, ReportError> {
    #[derive(Deserialize)]
    struct Layout {
        schema_version: u64,
    }
    let fault = |e: serde_json::Error| {
        let reason = e.to_string();
        let place = format!(" at line {} column {}", e.line(), e.column());
        ReportError::Json {
            path: path.to_owned(),
            line: e.line(),
            column: e.column(),
            reason: reason.strip_suffix(&place).unwrap_or(&reason).to_owned(),
        }
    };
    // The version alone first: another layout is told as such, not as a missing field.
    let layout: Layout = serde_json::from_str(text).map_err(fault)?;
    if layout.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(ReportError::SchemaVersion {
            path: path.to_owned(),
            found: layout.schema_version,
            expected: SCHEMA_VERSION,
        });
    }
    serde_json::from_str(text).map_err(fault)
}

/// Writes texts and figures of an answer into a directory of its own; texts come with their file names.
///
/// # Errors
/// What cannot be written or drawn.
pub fn write_answer(
    texts: &[(&str, &str)],
    figures: &[chart::Figure],
    dir: &Path,
) -> Result<(), ReportError> {
    directory::probe(dir)?;
    for (name, text) in texts {
        directory::write(&dir.join(name), text.as_bytes())?;
    }
    write_figures(figures, dir)
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// What the operating system refuses.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    directory::write(path, bytes)
}

fn write_figures(figures: &[chart::Figure], dir: &Path) -> Result<(), ReportError> {
    let charts = dir.join(directory::CHARTS);
    for figure in figures {
        let place = |ending| charts.join(format!("{}.{ending}", figure.stem));
        directory::write(&place("svg"), figure.svg.as_bytes())?;
        directory::write(&place("png"), &figure.png()?)?;
    }
    Ok(())
}

fn draw(results: &RunResults, dir: &Path) -> Result<(), ReportError> {
    directory::write(&dir.join("summary.csv"), csv::summary(results)?.as_bytes())?;
    directory::write(
        &dir.join("timeseries.csv"),
        csv::time_series(results)?.as_bytes(),
    )?;
    directory::write(&dir.join("bill.csv"), csv::bill(results)?.as_bytes())?;
    let figures = chart::all(results)?;
    let charts = dir.join(directory::CHARTS);
    write_figures(&figures, dir)?;
    directory::remove_stale(&charts, &figures)?;
    let html = html::report(results, &figures)?;
    directory::write(&dir.join("report.html"), html.as_bytes())
}

#[cfg(test)]
mod tests;
