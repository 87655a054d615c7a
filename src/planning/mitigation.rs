//! One mitigation: what it is done to, its name, and how it changes a scenario.

use crate::input::document::Table;

/// One thing that can be done.
#[derive(Clone, Debug)]
pub struct Mitigation {
    /// `bucket.videos`, or `retry`.
    pub path: String,
    /// `bucket.videos as in bucket-keys`, `retry=none`, `bucket.videos: bucket keys for new objects`.
    pub name: String,
    pub(super) change: Change,
    /// Whether the question names it, so that it must make sense.
    pub(super) is_tried: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Parts of a variant and of those on which it builds, laid over in order.
    Over(Vec<Table>),
    /// Keys, set as `--set` does.
    Set(Vec<String>),
}

impl Mitigation {
    /// Sets keys.
    pub(super) fn set(path: String, words: &str, sets: Vec<String>) -> Mitigation {
        Mitigation {
            name: format!("{path}: {words}"),
            path,
            change: Change::Set(sets),
            is_tried: false,
        }
    }
}
