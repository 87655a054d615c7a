//! Files that an input points to: found, and read once however often they are asked for.

use super::named_file::{FileContent, FileRefusal, FileRules, NamedBy, NamedFile};
use sha2::{Digest, Sha256};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the paths of one input start from, and what has been read so far.
///
/// A clone shares what has been read; so do the inputs of one command that are made with
/// [`Files::sharing`].
#[derive(Clone, Debug, Default)]
pub struct Files {
    folder: PathBuf,
    rules: Arc<FileRules>,
    read: Arc<Mutex<HashMap<FileUse, Arc<AnyContent>>>>,
    /// SHA-256 of each file that was read, by its path.
    hashes: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

/// A file and what it is read as: a document of one kind is not one of another.
type FileUse = (PathBuf, String);

type AnyContent = dyn Any + Send + Sync;

impl Files {
    /// Nothing read yet; paths are relative to `folder`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Files {
        Files {
            folder: folder.into(),
            ..Files::default()
        }
    }

    /// The same under other rules.
    #[must_use]
    pub fn under(self, rules: FileRules) -> Files {
        Files {
            rules: Arc::new(rules),
            ..self
        }
    }

    /// Paths relative to another folder, what has been read in common.
    pub fn sharing(&self, folder: impl Into<PathBuf>) -> Files {
        Files {
            folder: folder.into(),
            ..self.clone()
        }
    }

    /// The same, sharing what `other` has read.
    #[must_use]
    pub fn with_what_has_read(self, other: &Files) -> Files {
        Files {
            folder: self.folder,
            rules: self.rules,
            ..other.clone()
        }
    }

    /// A file as it is named, if it may be read; looked at once.
    ///
    /// # Errors
    /// It is not there, or the rules refuse it.
    pub fn named(
        &self,
        file: &str,
        named_by: NamedBy,
        content: FileContent,
    ) -> Arc<Result<NamedFile, FileRefusal>> {
        let path = self.resolve(file);
        let question = format!(
            "may {named_by:?} name it as {content:?} in {:?}?",
            self.folder
        );
        self.once(&path, &question, |path| {
            NamedFile::at(path, &self.folder, named_by, content, &self.rules)
        })
    }

    /// Keeps the SHA-256 of a file that was read.
    pub fn note_sha256(&self, path: &Path, sha256: &str) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.insert(path.to_owned(), sha256.to_owned());
    }

    /// SHA-256 of each file that was read, by its path, in hexadecimal digits.
    pub fn sha256_of_each(&self) -> BTreeMap<PathBuf, String> {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.clone()
    }

    /// The folder that paths are relative to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path as written: relative to the folder; if there is no such file, to the current
    /// directory, where paths given with `--set` are completed by shells.
    pub fn resolve(&self, file: &str) -> PathBuf {
        let beside = self.folder.join(file);
        if !beside.exists() && Path::new(file).exists() {
            PathBuf::from(file)
        } else {
            beside
        }
    }

    /// What `read` makes of the file at `path` as a `kind` of content; `read` is called once, its
    /// faults are kept like its success.
    pub fn once<T: Any + Send + Sync>(
        &self,
        path: &Path,
        kind: &str,
        read: impl FnOnce(&Path) -> T,
    ) -> Arc<T> {
        let file_use = (path.to_owned(), kind.to_owned());
        // The lock is held while reading, so that a second asker waits instead of reading too.
        let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = all.get(&file_use)
            && let Ok(content) = Arc::clone(content).downcast::<T>()
        {
            return content;
        }
        let content = Arc::new(read(path));
        all.insert(file_use, Arc::clone(&content) as Arc<AnyContent>);
        content
    }
}

/// SHA-256 of the bytes, in hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file whose SHA-256 is taken of what is read of it.
pub struct Hashed<R> {
    file: R,
    hash: Sha256,
}

impl<R: Read> Hashed<R> {
    /// Nothing read yet.
    pub fn new(file: R) -> Hashed<R> {
        Hashed {
            file,
            hash: Sha256::new(),
        }
    }

    /// SHA-256 of all that was read, in hexadecimal digits.
    pub fn sha256(self) -> String {
        hexadecimal(&self.hash.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_for_each_kind_and_by_all_that_share() {
        let files = Files::in_folder("a");
        let mut calls = 0;
        for asker in [&files, &files.clone(), &files.sharing("b")] {
            let text = asker.once(Path::new("x"), "text", |path| {
                calls += 1;
                path.display().to_string()
            });
            assert_eq!(*text, "x");
        }
        let length = files.once(Path::new("x"), "length", |path| path.as_os_str().len());
        assert_eq!((calls, *length), (1, 1));
    }
}
