//! Files that an input names: which of them may be read, and how much of one.
//!
//! A scenario may come from somebody who is not trusted (a pull request that a pipeline checks). So what it names has to
//! be a regular file, of no more than a few gigabytes, in its own folder, in the current one or where the command line
//! allows it, after links are resolved. What the command line itself names is the user's own, and may be a pipe.

use crate::units::Bytes;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Who names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The text of a scenario, or a file that it names.
    Scenario,
    /// An argument of the command line, `--set` included.
    CommandLine,
}

/// What a file holds, by which it may be large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// A text that is read as a whole: a scenario, a policy, an inventory.
    Document,
    /// Rows that are read one after another.
    Rows,
}

impl FileContent {
    /// Largest file, unless the command line says otherwise \[bytes\].
    pub const fn largest(self) -> u64 {
        match self {
            FileContent::Document => 64 << 20,
            FileContent::Rows => 8 << 30,
        }
    }
}

/// What the command line allows.
#[derive(Clone, Debug, Default)]
pub struct FileRules {
    /// Whether a scenario may name files in any folder.
    pub anywhere: bool,
    /// Folders that a scenario may name files in, besides its own and the current one.
    pub allowed: Vec<PathBuf>,
    /// Largest file, whatever it holds \[bytes\].
    pub largest: Option<u64>,
}

/// Why a file that is there is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileRefusal {
    /// It cannot be found or looked at.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// A directory, a pipe, a device.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// A file that the operating system makes up: processes, devices.
    #[error("it is information about the machine or its processes, not a file")]
    System,
    /// In none of the folders that a scenario may name files in.
    #[error("it is outside the scenario's folder and the working directory: `{}`", .0.display())]
    Outside(PathBuf),
    /// Larger than is read.
    #[error("it is larger than {}", Bytes::new(*.0))]
    TooLarge(u64),
    /// Not text.
    #[error("it is not text: line {0} is not valid UTF-8")]
    NotText(usize),
}

impl FileRefusal {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            FileRefusal::Unreadable(_) => {
                "paths are relative to the scenario file (with --set, also to the current directory)"
            }
            FileRefusal::NotRegular(_) | FileRefusal::System => {
                "name a regular file; a pipe can be named on the command line only"
            }
            FileRefusal::Outside(_) => {
                "move it beside the scenario, or allow its folder with `--allow-path DIR`"
            }
            FileRefusal::TooLarge(_) => "name a smaller file, or allow more with `--max-file-size`",
            FileRefusal::NotText(_) => "save it as UTF-8",
        }
    }

    /// Whether a rule refuses it, not the operating system.
    pub fn is_rule(&self) -> bool {
        match self {
            FileRefusal::Unreadable(_) | FileRefusal::NotText(_) => false,
            FileRefusal::NotRegular(_)
            | FileRefusal::System
            | FileRefusal::Outside(_)
            | FileRefusal::TooLarge(_) => true,
        }
    }
}

/// A file that may be read.
#[derive(Clone, Debug)]
pub struct NamedFile {
    path: PathBuf,
    largest: u64,
    is_regular: bool,
}

impl NamedFile {
    /// The file at `path`, if a scenario in `folder` or a command line may name it.
    ///
    /// # Errors
    /// It is not there, or the rules refuse it.
    pub fn at(
        path: &Path,
        folder: &Path,
        named_by: NamedBy,
        content: FileContent,
        rules: &FileRules,
    ) -> Result<NamedFile, FileRefusal> {
        let about = fs::metadata(path)?;
        let largest = rules.largest.unwrap_or(content.largest());
        let is_regular = about.is_file();
        match named_by {
            NamedBy::CommandLine if about.is_dir() => {
                return Err(FileRefusal::NotRegular("a directory"));
            }
            NamedBy::CommandLine => {}
            NamedBy::Scenario => {
                if !is_regular {
                    return Err(FileRefusal::NotRegular(kind(&about)));
                }
                let real = fs::canonicalize(path)?;
                if SYSTEM.iter().any(|system| real.starts_with(system))
                    && !real.starts_with(IN_MEMORY)
                {
                    return Err(FileRefusal::System);
                }
                let current = [folder, Path::new(".")];
                let allowed = rules.allowed.iter().map(PathBuf::as_path);
                let mut folders = current.into_iter().chain(allowed).map(|folder| {
                    // The folder of a file without one is the current one.
                    let folder = if folder.as_os_str().is_empty() {
                        Path::new(".")
                    } else {
                        folder
                    };
                    fs::canonicalize(folder)
                });
                if !rules.anywhere
                    && !folders.any(|folder| folder.is_ok_and(|folder| real.starts_with(folder)))
                {
                    return Err(FileRefusal::Outside(real));
                }
            }
        }
        if is_regular && about.len() > largest {
            return Err(FileRefusal::TooLarge(largest));
        }
        Ok(NamedFile {
            path: path.to_owned(),
            largest,
            is_regular,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be read more than once.
    pub fn is_regular(&self) -> bool {
        self.is_regular
    }

    /// Its bytes; reading fails after as many as may be read.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn open(&self) -> io::Result<CappedReader<File>> {
        Ok(CappedReader::new(File::open(&self.path)?, self.largest))
    }

    /// All of its text.
    ///
    /// # Errors
    /// The operating system refuses, it is too large, or not UTF-8.
    pub fn text(&self) -> Result<String, FileRefusal> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|e| {
            let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            FileRefusal::NotText(good.iter().filter(|b| **b == b'\n').count() + 1)
        })
    }
}

/// Where the operating system shows itself as files.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Among them, a folder of ordinary files: Linux holds them in memory, and containers work there.
const IN_MEMORY: &str = "/dev/shm";

fn kind(about: &fs::Metadata) -> &'static str {
    if about.is_dir() {
        "a directory"
    } else {
        "a pipe or a device"
    }
}

/// Bytes of which no more than so many are read.
#[derive(Debug)]
pub struct CappedReader<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R> CappedReader<R> {
    /// Of `inner` at most `most` bytes: then an error.
    pub fn new(inner: R, most: u64) -> CappedReader<R> {
        CappedReader {
            inner,
            left: most,
            most,
        }
    }
}

impl<R: Read> Read for CappedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(into.len());
        if wanted == 0 && !into.is_empty() {
            // Whether there is more decides between the end and too much.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(FileRefusal::TooLarge(self.most))),
            };
        }
        let read = self.inner.read(&mut into[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(
        path: &Path,
        folder: &Path,
        named_by: NamedBy,
        rules: &FileRules,
    ) -> Result<String, String> {
        NamedFile::at(path, folder, named_by, FileContent::Document, rules)
            .and_then(|file| file.text())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_scenario_names_files_of_its_folder_and_the_command_line_any() {
        let home = tempfile::tempdir().expect("folder");
        let inside = home.path().join("scenarios");
        fs::create_dir(&inside).expect("folder");
        let (own, other) = (inside.join("own.json"), home.path().join("other.json"));
        fs::write(&own, "own").expect("write");
        fs::write(&other, "other").expect("write");
        let rules = FileRules::default();
        let by = |path: &Path, named_by| refused(path, &inside, named_by, &rules);
        assert_eq!(by(&own, NamedBy::Scenario).as_deref(), Ok("own"));
        let above = inside.join("../other.json");
        let said = by(&above, NamedBy::Scenario).expect_err("outside");
        assert!(said.contains("outside the scenario's folder"), "{said}");
        assert_eq!(by(&above, NamedBy::CommandLine).as_deref(), Ok("other"));
        let allowed = FileRules {
            allowed: vec![home.path().to_owned()],
            ..FileRules::default()
        };
        let found = refused(&above, &inside, NamedBy::Scenario, &allowed);
        assert_eq!(found.as_deref(), Ok("other"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_before_it_is_asked_where_a_file_is() {
        let home = tempfile::tempdir().expect("folder");
        let inside = home.path().join("scenarios");
        fs::create_dir(&inside).expect("folder");
        let link = |to: &str| {
            let path = inside.join("link");
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(to, &path).expect("link");
            path
        };
        let rules = FileRules::default();
        fs::write(home.path().join("secret"), "secret").expect("write");
        for (to, reason) in [
            ("../secret", "outside"),
            ("/dev/zero", "a pipe or a device"),
            ("/proc/self/environ", "information about the machine"),
            (".", "a directory"),
        ] {
            let said = refused(&link(to), &inside, NamedBy::Scenario, &rules);
            assert!(
                said.as_ref().is_err_and(|e| e.contains(reason)),
                "{to}: {said:?}"
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn files_that_are_held_in_memory_are_files() {
        let Ok(home) = tempfile::tempdir_in(IN_MEMORY) else {
            return;
        };
        let own = home.path().join("own.json");
        fs::write(&own, "own").expect("write");
        let rules = FileRules::default();
        let found = refused(&own, home.path(), NamedBy::Scenario, &rules);
        assert_eq!(found.as_deref(), Ok("own"));
    }

    #[test]
    fn no_more_is_read_than_allowed() {
        let home = tempfile::tempdir().expect("folder");
        let path = home.path().join("x");
        fs::write(&path, "12345").expect("write");
        let with = |largest| {
            let rules = FileRules {
                largest: Some(largest),
                ..FileRules::default()
            };
            refused(&path, home.path(), NamedBy::Scenario, &rules)
        };
        assert_eq!(with(5).as_deref(), Ok("12345"));
        assert_eq!(with(4), Err("it is larger than 4 B".to_owned()));
        // What does not say how long it is.
        let read = |most| {
            let mut bytes = Vec::new();
            let read = CappedReader::new(io::repeat(7).take(5), most).read_to_end(&mut bytes);
            read.map(|_| bytes.len()).map_err(|e| e.to_string())
        };
        assert_eq!((read(5), read(6)), (Ok(5), Ok(5)));
        assert_eq!(read(4), Err("it is larger than 4 B".to_owned()));
    }
}
