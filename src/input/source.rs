//! The texts that settings come from, and places in them.

use crate::units::visible::{visible, visible_in_place};
use codespan_reporting::files::{Error as FilesError, Files, SimpleFile};
use std::ops::Range;

/// One of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

impl SourceId {
    /// Of what is in none of the texts.
    pub(super) fn none() -> SourceId {
        SourceId(usize::MAX)
    }
}

/// A stretch of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which source.
    pub source: SourceId,
    /// Where in its text \[bytes\].
    pub range: Range<usize>,
}

/// The texts that settings came from: files and `--set` arguments.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: Vec<SourceText>,
}

#[derive(Clone, Debug)]
struct SourceText {
    file: SimpleFile<String, String>,
    first_line: usize,
    is_argument: bool,
}

/// A text as it may be shown: places in it stay where they are.
fn shown(name: &str, text: &str) -> SimpleFile<String, String> {
    SimpleFile::new(
        visible(name).into_owned(),
        visible_in_place(text).into_owned(),
    )
}

impl Sources {
    /// No texts yet.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds a file by the name to show and its text, unless it is there already.
    pub fn add_file(&mut self, name: &str, text: &str) -> SourceId {
        let known = self.sources.iter().position(|source| {
            !source.is_argument
                && *source.file.name() == visible(name)
                && *source.file.source() == visible_in_place(text)
        });
        known.map_or_else(|| self.add_excerpt(name, 1, text), SourceId)
    }

    /// Adds some lines of a file too large to keep; `first_line` counts from 1.
    pub fn add_excerpt(&mut self, name: &str, first_line: usize, text: &str) -> SourceId {
        self.add(SourceText {
            file: shown(name, text),
            first_line,
            is_argument: false,
        })
    }

    /// Adds the argument of a `--set`; it is shown as `--set 'argument'`, without line and column.
    pub fn add_set(&mut self, argument: &str) -> SourceId {
        self.add(SourceText {
            file: shown(&format!("--set '{argument}'"), argument),
            first_line: 1,
            is_argument: true,
        })
    }

    /// The name a source is shown by.
    pub fn name(&self, source: SourceId) -> &str {
        self.sources
            .get(source.0)
            .map_or("", |source| source.file.name())
    }

    /// The text of a source.
    pub fn text(&self, source: SourceId) -> &str {
        self.sources
            .get(source.0)
            .map_or("", |source| source.file.source())
    }

    /// `file:line:column`, or `--set 'path=value'`. Line and column count from 1, in characters.
    pub fn locate(&self, place: &Place) -> String {
        let name = self.name(place.source);
        if self.is_argument(place.source) {
            return name.to_owned();
        }
        match self.location(place.source, place.range.start) {
            Ok(location) => format!("{name}:{}:{}", location.line_number, location.column_number),
            Err(_) => name.to_owned(),
        }
    }

    fn add(&mut self, source: SourceText) -> SourceId {
        self.sources.push(source);
        SourceId(self.sources.len() - 1)
    }

    /// Length of the longest line that a place touches \[bytes\].
    pub(super) fn longest_line(&self, place: &Place) -> usize {
        let text = self.text(place.source);
        let start = place.range.start.min(text.len());
        let end = place.range.end.clamp(start, text.len());
        let bytes = text.as_bytes();
        let from = bytes[..start]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i + 1);
        let to = bytes[end..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(text.len(), |i| end + i);
        let lines = bytes[from..to].split(|b| *b == b'\n');
        lines.map(<[u8]>::len).max().unwrap_or(0)
    }

    pub(super) fn is_argument(&self, source: SourceId) -> bool {
        self.sources
            .get(source.0)
            .is_some_and(|source| source.is_argument)
    }

    fn find(&self, source: SourceId) -> Result<&SourceText, FilesError> {
        self.sources.get(source.0).ok_or(FilesError::FileMissing)
    }
}

impl<'a> Files<'a> for Sources {
    type FileId = SourceId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: SourceId) -> Result<&'a str, FilesError> {
        Ok(self.find(id)?.file.name())
    }

    fn source(&'a self, id: SourceId) -> Result<&'a str, FilesError> {
        Ok(self.find(id)?.file.source())
    }

    fn line_index(&'a self, id: SourceId, byte_index: usize) -> Result<usize, FilesError> {
        self.find(id)?.file.line_index((), byte_index)
    }

    fn line_number(&'a self, id: SourceId, line_index: usize) -> Result<usize, FilesError> {
        Ok(self.find(id)?.first_line + line_index)
    }

    fn line_range(&'a self, id: SourceId, line_index: usize) -> Result<Range<usize>, FilesError> {
        self.find(id)?.file.line_range((), line_index)
    }
}
