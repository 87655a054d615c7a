//! The kinds of faults, each with the name that it is printed under.

use super::keyword::{Keyword, keywords};
use super::named_file::FileRefusal;
use std::fmt;

keywords! {
    /// What kind of fault it is. The name is part of what outsiders rely on.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Code {
        /// The text is not TOML.
        Syntax = "syntax",
        /// A key that means nothing where it stands.
        UnknownKey = "unknown-key",
        /// A key without which the table says too little.
        MissingKey = "missing-key",
        /// A value of another type than the key takes.
        WrongType = "wrong-type",
        /// A text that is not the quantity the key takes.
        BadUnit = "bad-unit",
        /// A value of the right type outside its limits.
        OutOfRange = "out-of-range",
        /// Two settings that exclude each other.
        Contradiction = "contradiction",
        /// A name that stands for nothing.
        UnknownName = "unknown-name",
        /// A name given twice.
        DuplicateName = "duplicate-name",
        /// A file that is not there or cannot be read.
        MissingFile = "missing-file",
        /// A file that a scenario may not name: no regular file, too large, or elsewhere.
        RefusedFile = "refused-file",
        /// A row of a trace that is not an arrival.
        BadTraceRow = "bad-trace-row",
        /// A policy document that AWS would refuse, or that cannot mean what it says.
        BadPolicy = "bad-policy",
        /// An operation that cannot occur with these settings.
        ImpossibleOperation = "impossible-operation",
        /// A `--set` that is not `path=value` or leads nowhere.
        BadSet = "bad-set",
        /// A value for which there is no sensible default and which must be given.
        NoDefault = "no-default",
    }
}

impl Code {
    /// Of a file that is not read.
    pub fn of(refusal: &FileRefusal) -> Code {
        if refusal.is_rule() {
            Code::RefusedFile
        } else {
            Code::MissingFile
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renaming_a_code_is_a_decision() {
        let names: Vec<&str> = Code::names().collect();
        insta::assert_snapshot!(names.join("\n"));
    }
}
