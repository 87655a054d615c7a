//! Files of a results directory: the directory is probed before a run, each file is written beside
//! its place and renamed, so that a reader sees the old file or the new one, never half.
//!
//! A file under way has a name of its own and the operating system's lock on it, which ends with its process: a file
//! whose lock can be had belongs to nobody any more. What this process has under way is kept in one list, so that
//! whoever ends it (Ctrl-C) can leave nothing lying: see [`abandon`]. Who may write to a directory is
//! [`folder`](super::folder)'s.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Folder of the figures inside a results directory.
pub const CHARTS: &str = "charts";

/// Folder of CloudTrail log files inside a results directory.
pub const TRAILS: &str = "cloudtrail";

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

pub(super) fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError {
        action,
        path,
        source,
    }
}

/// What this process is writing, and has written.
#[derive(Debug, Default)]
struct UnderWay {
    /// Files under way, and lock files.
    temporary: BTreeSet<PathBuf>,
    /// Folders under way.
    folders: BTreeSet<PathBuf>,
    /// Folders that this process made, the outer ones before the inner ones.
    made: BTreeSet<PathBuf>,
    /// Whole files, by folder.
    finished: BTreeMap<PathBuf, usize>,
}

static WRITING: Mutex<UnderWay> = Mutex::new(UnderWay {
    temporary: BTreeSet::new(),
    folders: BTreeSet::new(),
    made: BTreeSet::new(),
    finished: BTreeMap::new(),
});

fn writing() -> MutexGuard<'static, UnderWay> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what this process has under way, and the folders that it made and that are empty; then how many whole files
/// it has written, by folder. From here on nothing can be written: whoever tries waits for the process to end.
pub fn abandon() -> BTreeMap<PathBuf, usize> {
    let mut writing = writing();
    // What cannot be removed is left for the next run: nobody is there to mend it.
    for path in std::mem::take(&mut writing.temporary) {
        let _ = fs::remove_file(path);
    }
    for folder in std::mem::take(&mut writing.folders) {
        let _ = fs::remove_dir_all(folder);
    }
    for folder in std::mem::take(&mut writing.made).iter().rev() {
        let _ = fs::remove_dir(folder);
    }
    let finished = std::mem::take(&mut writing.finished);
    std::mem::forget(writing);
    finished
}

/// Adds a lock file to what is removed if this process is ended, or takes it off that list.
pub(super) fn keep_in_mind(lock: &Path, held: bool) {
    let mut writing = writing();
    if held {
        writing.temporary.insert(lock.to_owned());
    } else {
        writing.temporary.remove(lock);
    }
}

/// Removes the folders in and above `dir` that this process made and that are empty.
pub(super) fn remove_empty(dir: &Path) {
    let mut writing = writing();
    let made: Vec<PathBuf> = writing.made.iter().rev().cloned().collect();
    for folder in made {
        let related = folder.starts_with(dir) || dir.starts_with(&folder);
        if related && fs::remove_dir(&folder).is_ok() {
            writing.made.remove(&folder);
        }
    }
}

const BEFORE: char = '.';
const AFTER: &str = ".tmp";

/// A file under way: beside its place, so that the rename stays within one file system; locked as long as its process
/// lives.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<Temporary> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        loop {
            // Bits of the operating system, new in each call: process numbers are not unique where containers share a
            // folder.
            let bits = RandomState::new().hash_one(std::process::id());
            let temporary = path.with_file_name(format!("{BEFORE}{name}.{bits:016x}{AFTER}"));
            let mut writing = writing();
            let file = match File::create_new(&temporary) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(e),
            };
            writing.temporary.insert(temporary.clone());
            drop(writing);
            match file.try_lock() {
                // Another run that cleans up can have had the lock for a moment, and has removed the file then.
                Ok(()) if temporary.exists() => {}
                Ok(()) | Err(TryLockError::WouldBlock) => {
                    let _ = fs::remove_file(&temporary);
                    self::writing().temporary.remove(&temporary);
                    continue;
                }
                // A file system without locks: the name alone has to do.
                Err(TryLockError::Error(_)) => {}
            }
            return Ok(Temporary {
                path: temporary,
                file,
            });
        }
    }

    fn becomes(&self, path: &Path) -> io::Result<()> {
        let mut writing = writing();
        fs::rename(&self.path, path)?;
        writing.temporary.remove(&self.path);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        *writing.finished.entry(folder).or_default() += 1;
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        let mut writing = writing();
        writing.temporary.remove(&self.path);
        fs::remove_file(&self.path)
    }
}

/// Name of the file in a folder under way whose lock says that its process lives.
const HELD: &str = "in-use";

/// A folder under way, for files that are needed only meanwhile. It is removed when it is dropped, and by whoever ends this process;
/// of a killed process, the next run that takes the folder around it removes it.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    /// Locked as long as its process lives.
    held: File,
}

impl TemporaryFolder {
    /// A new folder beside a path, with a name of its own.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn beside(path: &Path) -> Result<TemporaryFolder, FileError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        loop {
            let bits = RandomState::new().hash_one(std::process::id());
            let folder = path.with_file_name(format!("{BEFORE}{name}.{bits:016x}{AFTER}"));
            let mut writing = writing();
            match fs::create_dir(&folder) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(fault("create directory", &folder)(e)),
            }
            writing.folders.insert(folder.clone());
            let held = File::create_new(folder.join(HELD)).map_err(fault("write", &folder))?;
            // A file system without locks: the folder around it is not locked there either.
            let _ = held.try_lock();
            return Ok(TemporaryFolder { path: folder, held });
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = self.held.unlock();
        // What cannot be removed is left for the next run.
        if fs::remove_dir_all(&self.path).is_ok() {
            writing().folders.remove(&self.path);
        }
    }
}

/// Whether a file has the name of one under way.
fn is_temporary(name: &str) -> bool {
    let bits = name
        .strip_prefix(BEFORE)
        .and_then(|name| name.strip_suffix(AFTER))
        .and_then(|name| name.rsplit_once('.'));
    bits.is_some_and(|(_, bits)| bits.len() == 16 && bits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Removes what dead runs have left under way in a folder, if it is there; those of living ones are locked.
///
/// # Errors
/// What the operating system refuses.
pub fn remove_left(folder: &Path) -> Result<(), FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(fault("list directory", folder)(e)),
    };
    for entry in entries {
        let entry = entry.map_err(fault("list directory", folder))?;
        if !is_temporary(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            remove_left_folder(&entry.path())?;
        }
        if !kind.is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // One that is gone, or that may not be opened, is another's.
        let Ok(file) = File::options().write(true).open(entry.path()) else {
            continue;
        };
        if file.try_lock().is_ok() {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder under way whose process is dead.
fn remove_left_folder(folder: &Path) -> Result<(), FileError> {
    let is_dead = match File::options().write(true).open(folder.join(HELD)) {
        Ok(held) => held.try_lock().is_ok(),
        // Its process died before, or while it was removed.
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    match is_dead.then(|| fs::remove_dir_all(folder)) {
        Some(Err(e)) if e.kind() != io::ErrorKind::NotFound => Err(fault("remove", folder)(e)),
        Some(Ok(()) | Err(_)) | None => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fault("remove", path)(e)),
        Ok(()) | Err(_) => Ok(()),
    }
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
        let trial = Temporary::beside(&folder.join("probe"))
            .map_err(fault("write to directory", folder))?;
        let written = (&trial.file).write_all(b"kmsim");
        let removed = trial.remove();
        written.map_err(fault("write to directory", folder))?;
        removed.map_err(fault("remove", &trial.path))?;
    }
    Ok(())
}

/// Creates a folder, with those above it.
///
/// # Errors
/// What the operating system refuses.
pub fn make(folder: &Path) -> Result<(), FileError> {
    let mut missing = Vec::new();
    let mut at = Some(folder);
    while let Some(path) = at.filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        missing.push(path);
        at = path.parent();
    }
    let mut writing = writing();
    for path in missing.into_iter().rev() {
        match fs::create_dir(path) {
            Ok(()) => {
                writing.made.insert(path.to_owned());
            }
            // Another run was quicker.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(e) => return Err(fault("create directory", path)(e)),
        }
    }
    if folder.is_dir() {
        Ok(())
    } else {
        let reason = io::Error::from(io::ErrorKind::NotADirectory);
        Err(fault("create directory", folder)(reason))
    }
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
    let temporary = Temporary::beside(path).map_err(fault("write", path))?;
    let mut file = io::BufWriter::with_capacity(1 << 16, &temporary.file);
    let filled = fill(&mut file).and_then(|()| file.flush());
    drop(file);
    // A full disk may be reported only here; it must be known before the old file goes.
    let whole = filled.and_then(|()| temporary.file.sync_all());
    whole
        .and_then(|()| temporary.becomes(path))
        .map_err(|source| {
            // The first error is the one to report.
            let _ = temporary.remove();
            fault("write", path)(source)
        })
}

/// Removes the log files of CloudTrail that are not of one of these stems, and their folder if it is empty then.
///
/// # Errors
/// What the operating system refuses.
pub fn remove_stale_trails(dir: &Path, stems: &[String]) -> Result<(), FileError> {
    let folder = dir.join(TRAILS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(fault("list directory", &folder)(e)),
    };
    for entry in entries {
        let path = entry.map_err(fault("list directory", &folder))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_log = path.extension().is_some_and(|ending| ending == "json");
        if is_log && !stems.iter().any(|s| *s == *stem) {
            remove_if_there(&path)?;
        }
    }
    // A folder that holds something else stays.
    let _ = fs::remove_dir(&folder);
    Ok(())
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
            remove_if_there(&path)?;
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
