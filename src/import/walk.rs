//! The files below the given paths, in the order in which they are read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A path that is no file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The path.
    pub path: PathBuf,
    /// Why it is not read.
    pub reason: String,
    /// Whether the import is incomplete by it.
    pub is_fault: bool,
}

/// Whether a path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What a path is called where people read it.
pub fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// What there is to know of a file, behind links; of standard input, where the system has a name for it.
fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    fs::metadata(if is_stdin(path) {
        Path::new("/dev/stdin")
    } else {
        path
    })
}

/// All files below the paths, by the time in their names and then by path, so that the deliveries of several trails of one
/// time come after each other; and what could not be read. Links inside folders are not followed: nothing outside the
/// given paths is read, and no folder twice. A pipe that is itself among the paths is a file like others.
pub fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Obstacle>) {
    let (mut found, mut obstacles) = (Vec::new(), Vec::new());
    for path in paths {
        match metadata(path) {
            Ok(meta) if meta.is_dir() => enter(path, &meta, &mut found, &mut obstacles),
            // A pipe inside a folder may lie about; named, it was meant to be read.
            Ok(_) => found.push(path.clone()),
            Err(_) if is_stdin(path) => found.push(path.clone()),
            Err(e) => obstacles.push(unreadable(path, &e)),
        }
    }
    let by_time = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (delivered(&name), path)
    };
    let mut timed: Vec<(u64, PathBuf)> = found.into_iter().map(by_time).collect();
    timed.sort_unstable();
    timed.dedup();
    let mut found: Vec<PathBuf> = timed.into_iter().map(|(_, path)| path).collect();
    each_once(&mut found, paths.len() > 1);
    obstacles.sort_by(|a, b| a.path.cmp(&b.path));
    (found, obstacles)
}

/// A file that two of the given paths lead to is read once, and so is one that has several names.
#[cfg(unix)]
fn each_once(files: &mut Vec<PathBuf>, several_paths: bool) {
    use std::os::unix::fs::MetadataExt;
    let mut known = std::collections::HashSet::new();
    files.retain(|path| match metadata(path) {
        Ok(meta) if several_paths || meta.nlink() > 1 => known.insert((meta.dev(), meta.ino())),
        Ok(_) => true,
        // What became of it is told when it is read.
        Err(_) => true,
    });
}

/// A file that two of the given paths lead to is read once.
#[cfg(not(unix))]
fn each_once(files: &mut Vec<PathBuf>, _several_paths: bool) {
    let mut known = std::collections::HashSet::new();
    files.retain(|path| match fs::canonicalize(path) {
        Ok(path) => known.insert(path),
        Err(_) => true,
    });
}

fn unreadable(path: &Path, e: &std::io::Error) -> Obstacle {
    Obstacle {
        path: path.to_path_buf(),
        reason: format!("cannot be read: {e}"),
        is_fault: true,
    }
}

fn enter(
    path: &Path,
    meta: &fs::Metadata,
    found: &mut Vec<PathBuf>,
    obstacles: &mut Vec<Obstacle>,
) {
    if meta.is_file() {
        found.push(path.to_path_buf());
    } else if meta.is_dir() {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(e) => return obstacles.push(unreadable(path, &e)),
        };
        for entry in entries {
            match entry {
                Ok(entry) => below(&entry.path(), found, obstacles),
                Err(e) => obstacles.push(unreadable(path, &e)),
            }
        }
    } else {
        obstacles.push(Obstacle {
            path: path.to_path_buf(),
            reason: "is not a regular file".to_owned(),
            is_fault: false,
        });
    }
}

fn below(path: &Path, found: &mut Vec<PathBuf>, obstacles: &mut Vec<Obstacle>) {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_symlink() => obstacles.push(match fs::metadata(path) {
            Ok(_) => Obstacle {
                path: path.to_path_buf(),
                reason: "is a link; name its target to read it".to_owned(),
                is_fault: false,
            },
            Err(e) => Obstacle {
                path: path.to_path_buf(),
                reason: format!("is a broken link: {e}"),
                is_fault: true,
            },
        }),
        Ok(meta) => enter(path, &meta, found, obstacles),
        Err(e) => obstacles.push(unreadable(path, &e)),
    }
}

/// The time in the name of a delivered file as a number of 14 digits: `…_20260302T0305Z_…` of CloudTrail, `2026-03-02-03-05-09-…` of
/// access logs. 0: none.
fn delivered(name: &str) -> u64 {
    let number = |digits: &str| digits.parse().unwrap_or(0);
    let part = |text: &str| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let plain = text.len() == 14 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
        (plain && digits.len() == 12).then(|| number(&digits) * 100)
    };
    if let Some(time) = name.split('_').find_map(part) {
        return time;
    }
    let mut parts = name.splitn(7, '-');
    let mut time = String::new();
    for length in [4, 2, 2, 2, 2, 2] {
        match parts.next() {
            Some(p) if p.len() == length && p.bytes().all(|b| b.is_ascii_digit()) => {
                time.push_str(p);
            }
            Some(_) | None => return 0,
        }
    }
    number(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_by_the_time_in_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "b/1_CloudTrail_us-east-1_20260302T0305Z_x.json.gz",
            "a/1_CloudTrail_us-east-1_20260302T0310Z_x.json.gz",
            "a/2026-03-02-03-07-00-ABC",
            "a/README",
        ];
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, "x").expect("written");
        }
        let (found, obstacles) = files(&[folder.path().to_path_buf()]);
        let order: Vec<usize> = found
            .iter()
            .map(|f| {
                let at = |n: &&str| folder.path().join(n) == *f;
                names.iter().position(at).expect("a file")
            })
            .collect();
        assert_eq!((order, obstacles), (vec![3, 0, 2, 1], vec![]));
        // Whatever it is called, a file is read once.
        let again = folder.path().join("a/../a/README");
        let (found, _) = files(&[folder.path().to_path_buf(), again]);
        assert_eq!(found.len(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_what_is_not_there_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(folder.path(), path("loop")).expect("a link");
        std::os::unix::fs::symlink("/nowhere/at/all", path("broken")).expect("a link");
        fs::write(path("file"), "x").expect("written");
        let (found, obstacles) = files(&[folder.path().to_path_buf(), path("absent")]);
        assert_eq!(found, [path("file")]);
        let told: Vec<(PathBuf, bool)> = obstacles
            .into_iter()
            .map(|o| (o.path, o.is_fault))
            .collect();
        assert_eq!(
            told,
            [
                (path("absent"), true),
                (path("broken"), true),
                (path("loop"), false)
            ]
        );
    }
}
