//! Everything that shows results: tables, CSV, charts and the report.
//!
//! The only input is [`RunResults`], fresh from a run or read back from `results.json`; nothing is
//! calculated here that a reader would miss there. Left out: printing, the statistics behind
//! intervals and verdicts, and `results.json` itself, which [`crate::results`] writes and reads.
//!
//! ```text
//! RunResults ─┬─ table, compare        text for a terminal, Markdown
//!             ├─ csv                   summary.csv, timeseries.csv, bill.csv
//!             ├─ breakdowns            breakdowns.csv, breakdowns.parquet
//!             ├─ chart ─ SVG ─ PNG     charts/*
//!             └─ html                  report.html, with the same SVG inside
//! ```

pub mod answer_html;
pub mod breakdowns;
pub mod catalog;
pub mod chart;
pub mod compare;
pub mod content;
pub mod csv;
mod error;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
pub mod format;
pub mod html;
mod ladder;
mod limits;
mod metric_rows;
pub mod metrics_parquet;
mod outlook;
pub mod page;
mod peak;
pub mod planning;
pub mod records;
mod scripts;
mod sections;
mod side_by_side;
pub mod summary;
pub mod sweep;
pub mod text;
pub mod threshold;
mod verdict;
pub mod viewport;

pub use error::ReportError;

use std::path::Path;

use rayon::prelude::*;

use self::chart::ChartFiles;
use crate::results::directory::{self, CHARTS, FileError, TRAILS};
use crate::results::{self, Manifest, RunResults};
use crate::sweep::parquet::ParquetTable;
use crate::units::visible::visible;

/// Writes the whole results directory. Whether it can be written to knows beforehand whoever claims it, an
/// [`OutputFolder`](crate::results::folder::OutputFolder).
///
/// # Errors
/// What cannot be written or drawn.
pub fn write_all(
    results: &RunResults,
    manifest: Option<&Manifest>,
    dir: &Path,
    charts: ChartFiles,
) -> Result<(), ReportError> {
    directory::make(&dir.join(CHARTS))?;
    // First what cannot be made again: if drawing fails, the simulated hours are kept.
    results::write(results, manifest, dir)?;
    draw(results, dir, charts)
}

/// Writes every row of every breakdown, before those that `results.json` does not keep are gone.
///
/// # Errors
/// What cannot be written.
pub fn write_breakdowns(results: &RunResults, dir: &Path) -> Result<(), ReportError> {
    let mut parquet = ParquetTable::new("breakdowns");
    directory::write_by(&dir.join("breakdowns.csv"), |csv| {
        breakdowns::write(results, csv, &mut parquet)
    })?;
    directory::write(&dir.join("breakdowns.parquet"), &parquet.finish()?)?;
    Ok(())
}

/// Writes a text of which nothing acts on whoever shows it.
fn write_text(path: &Path, text: &str) -> Result<(), FileError> {
    directory::write(path, visible(text).as_bytes())
}

/// Writes log files of CloudTrail, one for each name, into the folder `cloudtrail` of a results directory.
///
/// # Errors
/// What cannot be written.
pub fn write_trail(files: &[(&str, String)], dir: &Path) -> Result<(), ReportError> {
    let folder = dir.join(TRAILS);
    directory::make(&folder)?;
    let stems = directory::file_stems(files.iter().map(|(name, _)| *name));
    for (stem, (_, text)) in stems.iter().zip(files) {
        write_text(&folder.join(format!("{stem}.json")), text)?;
    }
    directory::remove_stale_trails(dir, &stems)?;
    Ok(())
}

/// Draws everything again from `results.json`, without touching it or `manifest.json`.
///
/// # Errors
/// What cannot be read, written or drawn.
pub fn redraw(dir: &Path, charts: ChartFiles) -> Result<(), ReportError> {
    let results = results::read(dir)?;
    directory::make(&dir.join(CHARTS))?;
    draw(&results, dir, charts)
}

/// Writes texts and figures of an answer into a directory of its own; texts come with their file names.
///
/// # Errors
/// What cannot be written or drawn.
pub fn write_answer(
    texts: &[(&str, &str)],
    figures: &[chart::Figure],
    dir: &Path,
    charts: ChartFiles,
) -> Result<(), ReportError> {
    directory::make(&dir.join(CHARTS))?;
    for (name, text) in texts {
        write_text(&dir.join(name), text)?;
    }
    write_figures(figures, dir, charts)?;
    directory::remove_stale(&dir.join(CHARTS), |stem, ending| {
        let is_written = charts.endings().contains(&(ending, true));
        !is_written && figures.iter().any(|f| f.stem == stem)
    })?;
    Ok(())
}

/// Writes figures in parallel; of several failures that of the first figure is returned.
fn write_figures(
    figures: &[chart::Figure],
    dir: &Path,
    charts: ChartFiles,
) -> Result<(), ReportError> {
    let folder = dir.join(CHARTS);
    let write = |figure: &chart::Figure| {
        let place = |ending| folder.join(format!("{}.{ending}", figure.stem));
        if charts.svg {
            write_text(&place("svg"), &figure.svg)?;
        }
        if charts.png {
            directory::write(&place("png"), &figure.png()?)?;
        }
        Ok(())
    };
    let written: Vec<Result<(), ReportError>> = figures.par_iter().map(write).collect();
    written.into_iter().collect()
}

fn draw(results: &RunResults, dir: &Path, charts: ChartFiles) -> Result<(), ReportError> {
    directory::write(&dir.join("summary.csv"), csv::summary(results)?.as_bytes())?;
    directory::write_by(&dir.join("timeseries.csv"), |file| {
        csv::time_series(results, file)
    })?;
    directory::write_by(&dir.join("bill.csv"), |file| csv::bill(results, file))?;
    let metrics = metrics_parquet::metrics_parquet(results)?;
    directory::write(&dir.join("metrics.parquet"), &metrics)?;
    let figures = chart::all(results)?;
    write_figures(&figures, dir, charts)?;
    // Files of an earlier run that this run doesn't have.
    directory::remove_stale(&dir.join(CHARTS), |stem, ending| {
        let is_written = charts.endings().contains(&(ending, true));
        chart::is_figure(stem) && !(is_written && figures.iter().any(|f| f.stem == stem))
    })?;
    let html = html::report(results, &figures)?;
    write_text(&dir.join("report.html"), &html)?;
    Ok(())
}

#[cfg(test)]
mod tests;
