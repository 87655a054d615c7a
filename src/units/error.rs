//! Why a text or a number is refused as a quantity.

/// Why a text or number is not the quantity it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It cannot be read as this quantity at all.
    #[error("{message}")]
    Malformed {
        /// What is wrong, with the text.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// It can be read, but no such quantity is allowed or can be held.
    #[error("{message}")]
    OutOfRange {
        /// What is wrong, with the value and the limit.
        message: String,
        /// What to write instead.
        help: String,
    },
}

impl UnitError {
    /// What to write instead.
    pub fn help(&self) -> &str {
        match self {
            UnitError::Malformed { help, .. } | UnitError::OutOfRange { help, .. } => help,
        }
    }

    pub(super) fn malformed(message: impl Into<String>, help: impl Into<String>) -> UnitError {
        UnitError::Malformed {
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn out_of_range(message: impl Into<String>, help: impl Into<String>) -> UnitError {
        UnitError::OutOfRange {
            message: message.into(),
            help: help.into(),
        }
    }
}
