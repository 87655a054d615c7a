//! Files of a results directory: the directory is probed before a run, each file is written beside
//! its place and renamed, so that a reader sees the old file or the new one, never half.
//!
//! Left out: locking. Two runs into one directory leave whole files, of either run.

use std::collections::HashSet;
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
    write_by(path, |file| file.write_all(bytes))
}

/// As [`write()`], piece by piece.
///
/// # Errors
/// What the operating system refuses, and what `fill` does.
pub fn write_by(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    let temporary = beside(path);
    let outcome = fs::File::create(&temporary)
        .and_then(|file| {
            let mut file = io::BufWriter::with_capacity(1 << 16, file);
            fill(&mut file)?;
            // A full disk may be reported only here; it must be known before the old file goes.
            file.into_inner()?.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    outcome.map_err(|source| {
        // The first error is the one to report; a file that was never made can't be removed.
        let _ = fs::remove_file(&temporary);
        fault("write", path)(source)
    })
}

/// Removes the drawings whose stem and ending (`svg`, `png`) are those of one that `is_stale`, and no other file.
///
/// # Errors
/// What the operating system refuses.
pub fn remove_stale(charts: &Path, is_stale: impl Fn(&str, &str) -> bool) -> Result<(), FileError> {
    for entry in fs::read_dir(charts).map_err(fault("list directory", charts))? {
        let path = entry.map_err(fault("list directory", charts))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let drawn = matches!(ending.as_ref(), "svg" | "png");
        if drawn && is_stale(&stem, &ending) {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}

/// Longest stem of a file that is named after something.
const LONGEST: usize = 80;

/// Stems of files that are named after these things, in their order.
///
/// Each has letters, digits, `-` and `_` only, so that none is hidden, leaves its folder or is refused by a file
/// system. No two are equal, not even where case is folded: a thing whose name is a stem already keeps it, the others
/// get a number.
pub fn file_stems<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let mut taken = HashSet::new();
    let mut stems: Vec<Option<String>> = names
        .iter()
        .map(|name| {
            let stem = slug(name);
            let own = stem == **name && taken.insert(stem.to_lowercase());
            own.then_some(stem)
        })
        .collect();
    for (name, stem) in names.iter().zip(&mut stems) {
        if stem.is_some() {
            continue;
        }
        let base = slug(name);
        let numbered = (2u64..).map(|n| format!("{base}_{n}"));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        *stem = candidates.find(|candidate| taken.insert(candidate.to_lowercase()));
    }
    stems.into_iter().flatten().collect()
}

/// The folder for the results of a scenario of this name: the name itself, unless it would be hidden, lead out of
/// the folder that holds it, or hold what no terminal should be sent.
pub fn folder_name(name: &str) -> String {
    let leads_out = |c: char| c.is_control() || c == '/' || c == '\\';
    if name.is_empty() || name.starts_with('.') || name.contains(leads_out) {
        return slug(name);
    }
    name.to_owned()
}

/// A name as part of a file name; `_` for what has nothing that can stand in one.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(LONGEST) {
        let keep = c.is_ascii_alphanumeric() || c == '-';
        if keep || !out.ends_with('_') {
            out.push(if keep { c } else { '_' });
        }
    }
    match out.trim_matches('_') {
        "" => "_".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_variants_never_share_a_file() {
        let names = [
            "a b", "a_b", "a_b_2", "a/b", "名", "A_B", "..", ".hidden", "",
        ];
        let stems = file_stems(names);
        assert_eq!(
            stems,
            [
                "a_b_3", "a_b", "a_b_2", "a_b_4", "_", "A_B_5", "__2", "hidden", "__3"
            ]
        );
    }

    #[test]
    fn a_scenario_never_leads_out_of_the_folder_of_results() {
        for (name, folder) in [
            ("media-library", "media-library"),
            ("my scenario", "my scenario"),
            ("..", "_"),
            (".hidden", "hidden"),
            ("a\u{1b}[2J", "a_2J"),
        ] {
            assert_eq!(folder_name(name), folder, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_has_a_file_of_its_own(names in prop::collection::vec("[aAbB_./ \u{540d}]{0,4}", 0..12)) {
            let stems = file_stems(names.iter().map(String::as_str));
            prop_assert_eq!(stems.len(), names.len());
            let folded: HashSet<String> = stems.iter().map(|s| s.to_lowercase()).collect();
            prop_assert_eq!(folded.len(), stems.len());
            for stem in stems {
                prop_assert!(!stem.is_empty() && !stem.starts_with('.') && !stem.contains('/'));
            }
        }
    }
}
