//! Files of a results directory: the directory is probed before a run, each file is written beside
//! its place and renamed, so that a reader sees the old file or the new one, never half.
//!
//! Left out: locking. Two runs into one directory leave whole files, of either run.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Folder of the figures inside a results directory.
pub const CHARTS: &str = "charts";

/// A file or directory could not be created, written, renamed or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    pub action: &'static str,
    /// What it was tried on.
    pub path: PathBuf,
    /// The operating system's reason.
    pub source: io::Error,
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError {
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

/// Makes sure that results can be written to `dir`, before a long simulation: creates it and
/// `charts/`, and writes and removes a file in each.
///
/// # Errors
/// What the operating system refuses.
pub fn probe(dir: &Path) -> Result<(), FileError> {
    let charts = dir.join(CHARTS);
    for folder in [dir, &charts] {
        make(folder)?;
        let trial = beside(&folder.join("probe"));
        fs::write(&trial, b"kmsim").map_err(fault("write to directory", folder))?;
        fs::remove_file(&trial).map_err(fault("remove", &trial))?;
    }
    Ok(())
}

/// Creates a folder, with those above it.
///
/// # Errors
/// What the operating system refuses.
pub fn make(folder: &Path) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(fault("create directory", folder))
}

/// Writes a file beside its place and renames it.
///
/// # Errors
/// What the operating system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = beside(path);
    let outcome = fs::File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            // A full disk may be reported only here; it must be known before the old file goes.
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    outcome.map_err(|source| {
        // The first error is the one to report; a file that was never made can't be removed.
        let _ = fs::remove_file(&temporary);
        fault("write", path)(source)
    })
}

/// Removes the drawings whose stem `is_stale`, and no other file.
///
/// # Errors
/// What the operating system refuses.
pub fn remove_stale(charts: &Path, is_stale: impl Fn(&str) -> bool) -> Result<(), FileError> {
    for entry in fs::read_dir(charts).map_err(fault("list directory", charts))? {
        let path = entry.map_err(fault("list directory", charts))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let drawn = path.extension().is_some_and(|e| e == "svg" || e == "png");
        if drawn && is_stale(&stem) {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}

/// A name as part of a file name.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(80) {
        let keep = c.is_ascii_alphanumeric() || c == '-';
        if keep || !out.ends_with('_') {
            out.push(if keep { c } else { '_' });
        }
    }
    out.trim_matches('_').to_owned()
}
