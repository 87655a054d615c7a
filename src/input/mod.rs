//! Text that people wrote, read with the place of everything in it. Knows no AWS and no scenario.
//!
//! ```text
//! Input --document--> Table --reader--> values
//!                                `--> Diagnostics: every fault, with its place
//! ```

pub mod code;
pub mod declared;
pub mod diagnostic;
pub mod document;
pub mod files;
pub mod from_value;
pub mod inventory;
pub mod keyword;
pub mod name_pattern;
pub mod named_file;
pub mod outline;
pub mod reader;
pub mod render;
pub mod setting;
pub mod source;
pub mod spelling;

use files::Files;
use named_file::{CappedReader, FileContent, FileRules};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A text to read settings from, and where it comes from.
///
/// ```
/// use kmsim::input::Input;
///
/// let input = Input::from_text("peak", "horizon = \"15m\"").in_folder("scenarios");
/// assert_eq!(input.shown, "peak.toml");
/// assert!(Input::from_path("no/such/file.toml").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    /// File stem, or `stdin`: the name of its results.
    pub name: String,
    /// What messages call it: the path as given.
    pub shown: String,
    /// The text.
    pub text: String,
    /// The files that it points to.
    pub files: Files,
}

/// Why the text cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not UTF-8.
    #[error("{shown}:{line}:{column}: byte 0x{byte:02x} is not UTF-8 text")]
    NotUtf8 {
        /// What messages call the input.
        shown: String,
        /// Line of the first byte at fault, from 1.
        line: usize,
        /// Its column, from 1 \[characters\].
        column: usize,
        /// The byte.
        byte: u8,
        /// The standard library's reason.
        source: std::string::FromUtf8Error,
    },
}

/// Rules for a text that the program itself answers for.
fn trusted() -> FileRules {
    FileRules {
        anywhere: true,
        ..FileRules::default()
    }
}

impl Input {
    /// A text that is not in a file: messages call it `NAME.toml`, its paths are relative to the
    /// current directory. It may name files in any folder: see [`Input::under`] for texts of people who are not trusted.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Input {
        let name = name.into();
        Input {
            shown: format!("{name}.toml"),
            name,
            text: text.into(),
            files: Files::in_folder(".").under(trusted()),
        }
    }

    /// A file; its paths are relative to its folder.
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Input, InputError> {
        Input::from_path_under(path, trusted())
    }

    /// As [`Input::from_path`], under other rules for files.
    ///
    /// # Errors
    /// As [`Input::from_path`].
    pub fn from_path_under(path: impl AsRef<Path>, rules: FileRules) -> Result<Input, InputError> {
        let path = path.as_ref();
        let unreadable = |source| InputError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let largest = rules.largest.unwrap_or(FileContent::Document.largest());
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let read = CappedReader::new(file, largest).read_to_end(&mut bytes);
        read.map_err(unreadable)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let name = stem.map_or_else(|| "scenario".to_owned(), |stem| stem.into_owned());
        let input = Input::from_bytes(name, path.display().to_string(), bytes)?.under(rules);
        Ok(match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => input.in_folder(folder),
            _ => input,
        })
    }

    /// As [`Input::from_text`], from bytes that should be UTF-8.
    ///
    /// # Errors
    /// They are not: the first byte at fault.
    pub fn from_bytes(
        name: impl Into<String>,
        shown: impl Into<String>,
        bytes: Vec<u8>,
    ) -> Result<Input, InputError> {
        let shown = shown.into();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Input {
                shown,
                ..Input::from_text(name, text)
            }),
            Err(source) => {
                let (good, rest) = source
                    .as_bytes()
                    .split_at(source.utf8_error().valid_up_to());
                let before = String::from_utf8_lossy(good);
                Err(InputError::NotUtf8 {
                    shown,
                    line: before.matches('\n').count() + 1,
                    column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
                    byte: rest.first().copied().unwrap_or_default(),
                    source,
                })
            }
        }
    }

    /// The same with paths relative to `folder`.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Input {
        self.files = self.files.sharing(folder);
        self
    }

    /// The same under other rules for the files that it names.
    #[must_use]
    pub fn under(mut self, rules: FileRules) -> Input {
        self.files = self.files.under(rules);
        self
    }

    /// The same, sharing what `other` has read: each file once for both.
    #[must_use]
    pub fn sharing_files_with(mut self, other: &Files) -> Input {
        self.files = self.files.with_what_has_read(other);
        self
    }
}
