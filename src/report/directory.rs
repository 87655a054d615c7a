//! The results directory: probed before a run, each file written beside its place and renamed.
//!
//! Not here: locking. Two runs into one directory leave whole files, of either run.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ReportError;
use super::chart::{self, Figure};

/// Folder of the figures inside a results directory.
pub(super) const CHARTS: &str = "charts";

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReportError {
    let path = path.to_owned();
    move |source| ReportError::Write {
        action,
        path,
        source,
    }
}

/// A name in the same directory, so that the rename stays within one file system. The process
/// number keeps two runs apart.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

pub(super) fn probe(dir: &Path) -> Result<(), ReportError> {
    let charts = dir.join(CHARTS);
    for folder in [dir, &charts] {
        fs::create_dir_all(folder).map_err(fault("create directory", folder))?;
        let trial = beside(&folder.join("probe"));
        fs::write(&trial, b"kmsim").map_err(fault("write to directory", folder))?;
        fs::remove_file(&trial).map_err(fault("remove", &trial))?;
    }
    Ok(())
}

pub(super) fn make(folder: &Path) -> Result<(), ReportError> {
    fs::create_dir_all(folder).map_err(fault("create directory", folder))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let temporary = beside(path);
    let outcome = fs::File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            // A full disk may be told only here; it must be told before the old file goes.
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    outcome.map_err(|source| {
        // The first error is the one to tell; a file that was never made can't be removed.
        let _ = fs::remove_file(&temporary);
        fault("write", path)(source)
    })
}

/// Removes the figures of an earlier run that this run doesn't have, and no other file.
pub(super) fn remove_stale(charts: &Path, figures: &[Figure]) -> Result<(), ReportError> {
    for entry in fs::read_dir(charts).map_err(fault("list directory", charts))? {
        let path = entry.map_err(fault("list directory", charts))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let drawn = path.extension().is_some_and(|e| e == "svg" || e == "png");
        let stale = drawn && chart::is_figure(&stem) && figures.iter().all(|f| f.stem != stem);
        if stale {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}
