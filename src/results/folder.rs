//! A folder that one run writes to, from before it simulates to its end.
//!
//! The lock is the operating system's, so that a killed run leaves none, whatever files it left; its file says who holds
//! it, for the message to whoever comes second. Shards of one sweep share their folder, and only the same shard twice
//! is refused. Left out: file systems without locks (some network shares), where two runs into one folder leave whole
//! files of either.

use super::directory::{self, CHARTS, FileError, TRAILS, fault};
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

/// Who else may write to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderSharing {
    /// Nobody.
    Alone,
    /// The other shards of the same sweep: this one's number, from 1, and how many there are.
    Shard(usize, usize),
}

/// Why a folder cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another run is writing to it.
    #[error("error[folder-in-use]: {} is being written by another run{}\n  = help: choose another folder with `--out`, or wait for it with `--wait`", dir.display(), by(holder))]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// What that run says of itself.
        holder: String,
    },
    /// The machine refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

fn by(holder: &str) -> String {
    if holder.is_empty() {
        String::new()
    } else {
        format!(" ({holder})")
    }
}

/// Name of the lock of a whole folder.
const LOCK: &str = ".kmsim.lock";

/// A folder that this run writes to. When it is dropped, the lock ends and folders that stayed empty are removed.
#[derive(Debug)]
pub struct OutputFolder {
    dir: PathBuf,
    // Dropped in this order: a shard's own lock first.
    locks: Vec<Lock>,
}

impl OutputFolder {
    /// Takes `dir` for this run, makes sure that it can be written to, and removes what dead runs have left in it.
    /// `wait`s for another run that writes to it, or refuses.
    ///
    /// # Errors
    /// Another run has it; the operating system refuses.
    pub fn claim(
        dir: &Path,
        sharing: FolderSharing,
        wait: bool,
    ) -> Result<OutputFolder, FolderError> {
        directory::make(dir)?;
        let mut folder = OutputFolder {
            dir: dir.to_owned(),
            locks: Vec::new(),
        };
        let whole = dir.join(LOCK);
        match sharing {
            FolderSharing::Alone => folder.lock(&whole, LockKind::Exclusive, wait)?,
            FolderSharing::Shard(i, n) => {
                folder.lock(&whole, LockKind::Shared, wait)?;
                let own = dir.join(format!(".kmsim.shard-{i}-of-{n}.lock"));
                folder.lock(&own, LockKind::Exclusive, wait)?;
            }
        }
        directory::probe(dir)?;
        for part in ["", CHARTS, TRAILS] {
            directory::remove_left(&dir.join(part))?;
        }
        Ok(folder)
    }

    /// Takes `dir`, in which files of others lie too, for this run, and removes what dead runs have left in it.
    /// `wait`s for another run that writes to it, or refuses.
    ///
    /// # Errors
    /// Another run has it; the operating system refuses.
    pub fn claim_among_others(dir: &Path, wait: bool) -> Result<OutputFolder, FolderError> {
        directory::make(dir)?;
        let mut folder = OutputFolder {
            dir: dir.to_owned(),
            locks: Vec::new(),
        };
        folder.lock(&dir.join(LOCK), LockKind::Exclusive, wait)?;
        directory::remove_left(dir)?;
        Ok(folder)
    }

    /// Keeps the other shards from writing what is written once for all of them, as long as the lock is held.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn last_word(&self) -> Result<OutputFolder, FolderError> {
        let mut alone = OutputFolder {
            dir: self.dir.clone(),
            locks: Vec::new(),
        };
        alone.lock(
            &self.dir.join(".kmsim.table.lock"),
            LockKind::Exclusive,
            true,
        )?;
        Ok(alone)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn lock(&mut self, path: &Path, kind: LockKind, wait: bool) -> Result<(), FolderError> {
        let taken = loop {
            match Lock::take(path, kind, wait) {
                // The other run made the folder, had nothing to keep in it, and has removed it meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => directory::make(&self.dir)?,
                taken => break taken,
            }
        };
        match taken {
            Ok(Some(lock)) => self.locks.push(lock),
            Ok(None) => {
                let holder = fs::read_to_string(path).unwrap_or_default();
                return Err(FolderError::InUse {
                    dir: self.dir.clone(),
                    holder: holder.chars().filter(|c| !c.is_control()).collect(),
                });
            }
            // Without locks we go on as if alone.
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(e) => return Err(fault("lock", path)(e).into()),
        }
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        while let Some(lock) = self.locks.pop() {
            lock.end();
        }
        directory::remove_empty(&self.dir);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockKind {
    Exclusive,
    Shared,
}

/// A lock on a file of its own.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// `None` where another has it.
    fn take(path: &Path, kind: LockKind, wait: bool) -> io::Result<Option<Lock>> {
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)?;
            let taken = match (kind, wait) {
                (LockKind::Exclusive, false) => file.try_lock(),
                (LockKind::Shared, false) => file.try_lock_shared(),
                (LockKind::Exclusive, true) => file.lock().map_err(TryLockError::Error),
                (LockKind::Shared, true) => file.lock_shared().map_err(TryLockError::Error),
            };
            match taken {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(e),
            }
            // Whoever had it before has removed the file meanwhile: the lock is on nothing that others will find.
            if !is_the_file(path, &file) {
                continue;
            }
            let mut lock = Lock {
                path: path.to_owned(),
                file,
            };
            // A shared lock's file is not ours alone to remove.
            if kind == LockKind::Exclusive {
                directory::keep_in_mind(path, true);
                // Who we are is for messages only.
                let _ = lock.say_who();
            }
            return Ok(Some(lock));
        }
    }

    fn say_who(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        write!(self.file, "process {}", std::process::id())
    }

    /// Removes the file, if nobody else holds a lock on it, and ends the lock.
    fn end(self) {
        directory::keep_in_mind(&self.path, false);
        // A shared lock becomes an exclusive one, unless others share it still.
        let alone = self.file.unlock().and_then(|()| {
            let taken = self.file.try_lock();
            taken.map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))
        });
        if alone.is_ok() && is_the_file(&self.path, &self.file) {
            // What cannot be removed is empty of meaning: the lock itself ends here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether `path` still leads to this open file.
#[cfg(unix)]
fn is_the_file(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |m: fs::Metadata| (m.dev(), m.ino());
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(open)) => place(there) == place(open),
        (_, _) => false,
    }
}

/// Elsewhere an open file cannot be removed by others.
#[cfg(not(unix))]
fn is_the_file(path: &Path, _file: &File) -> bool {
    path.exists()
}
