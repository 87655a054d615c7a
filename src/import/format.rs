//! The formats, and which one a file is of: told by its content.
//!
//! A new format is one file with a reader, and one line in [`FORMATS`].

use super::cloudtrail;
use super::evidence::finding::{FileEnd, Findings};
use super::head::Head;
use super::window::Window;

/// A format of files.
#[derive(Clone, Copy, Debug)]
pub struct SourceFormat {
    /// Its name, for `--format`.
    pub name: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// Whether a file that begins so is of this format.
    pub recognises: fn(&Head) -> bool,
    /// Reads a file.
    pub read: fn(&mut Window, &mut Findings<'_>) -> FileEnd,
}

/// All formats; the first that recognises a file reads it.
pub const FORMATS: &[SourceFormat] = &[
    SourceFormat {
        name: "cloudtrail-digest",
        help: "CloudTrail digest file: recognised, and left out",
        recognises: |head| head.has_all(&["digestEndTime"]) || head.has_all(&["digestStartTime"]),
        read: |_, _| FileEnd::LeftOut("digest"),
    },
    SourceFormat {
        name: "cloudtrail",
        help: "CloudTrail records: delivered files, arrays, JSON lines, subscriptions, EventBridge, lookup-events",
        recognises: cloudtrail::recognises,
        read: cloudtrail::container::read,
    },
];

/// The format of that name.
pub fn named(name: &str) -> Option<&'static SourceFormat> {
    FORMATS.iter().find(|f| f.name == name)
}

/// The format of a file that begins so.
pub fn recognised(head: &Head) -> Option<&'static SourceFormat> {
    FORMATS.iter().find(|f| (f.recognises)(head))
}
