//! How a command fails, and its exit status.

use crate::planning::StudyError;
use crate::report::ReportError;
use crate::results::StoreError;
use crate::results::directory::FileError;
use crate::results::folder::FolderError;
use crate::sweep::run::SweepError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The command or an input is at fault (exit status 2); the text is ready to print.
    Input(String),
    /// The results miss what was required (exit status 1), which has been said.
    Judged,
    /// Input, output or the program itself failed (exit status 3).
    Internal(String),
    /// The reader of standard output is gone: not a failure.
    ClosedPipe,
}

impl From<std::io::Error> for CommandError {
    fn from(e: std::io::Error) -> CommandError {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            CommandError::ClosedPipe
        } else {
            CommandError::Internal(format!("error: cannot write to standard output: {e}"))
        }
    }
}

impl From<FileError> for CommandError {
    fn from(e: FileError) -> CommandError {
        CommandError::Internal(format!(
            "error: {e}\n  = help: choose a writable folder with free space: `--out DIR`"
        ))
    }
}

impl From<FolderError> for CommandError {
    fn from(e: FolderError) -> CommandError {
        match e {
            FolderError::InUse { .. } => CommandError::Input(e.to_string()),
            FolderError::File(e) => e.into(),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(e: StoreError) -> CommandError {
        match e {
            StoreError::File(e) => e.into(),
            e if e.is_input_fault() => CommandError::Input(format!("error: {e}")),
            e => CommandError::Internal(format!("error: {e}")),
        }
    }
}

impl From<ReportError> for CommandError {
    fn from(e: ReportError) -> CommandError {
        match e {
            ReportError::Store(e) => e.into(),
            ReportError::File(e) => e.into(),
            ReportError::NoRows(_) => {
                CommandError::Input(format!("error: {e}\n  = help: use `--format json`"))
            }
            e => CommandError::Internal(format!("error: {e}")),
        }
    }
}

impl From<StudyError> for CommandError {
    fn from(e: StudyError) -> CommandError {
        CommandError::Input(e.to_string())
    }
}

impl From<SweepError> for CommandError {
    fn from(e: SweepError) -> CommandError {
        match e {
            SweepError::File(e) => e.into(),
            SweepError::Machine { .. } => CommandError::Internal(format!("error: {e}")),
            other => CommandError::Input(other.to_string()),
        }
    }
}
