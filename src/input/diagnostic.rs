//! What is wrong with an input, where, and what to do about it.
//!
//! A [`Diagnostic`] has a [`Code`], a sentence with the values in question, a [`Place`] in one of
//! the [`Sources`] and a way out. Faults are gathered, never printed here: [`render`] turns all of
//! them into one text with the lines concerned underlined, [`Diagnostic::one_line`] into one line
//! for machines.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use codespan_reporting::diagnostic::{Diagnostic as Report, Label, Severity as ReportSeverity};
use codespan_reporting::files::{Error as FilesError, Files, SimpleFile};
use codespan_reporting::term::{
    Chars, Config, Styles, StylesWriter, emit_into_string, emit_to_write_style, termcolor,
};

/// What kind of fault it is. The name is part of what outsiders rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The text is not TOML.
    Syntax,
    /// A key that means nothing where it stands.
    UnknownKey,
    /// A key without which the table says too little.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A text that is not the quantity the key takes.
    BadUnit,
    /// A value of the right type outside its limits.
    OutOfRange,
    /// Two settings that exclude each other.
    Contradiction,
    /// A name that stands for nothing.
    UnknownName,
    /// A name given twice.
    DuplicateName,
    /// A file that is not there or cannot be read.
    MissingFile,
    /// A row of a trace that is not an arrival.
    BadTraceRow,
    /// A policy document that AWS would refuse, or that cannot mean what it says.
    BadPolicy,
    /// An operation that cannot occur with these settings.
    ImpossibleOperation,
    /// A `--set` that is not `path=value` or leads nowhere.
    BadSet,
    /// A value for which there is no sensible default and which must be given.
    NoDefault,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 15] = [
        Code::Syntax,
        Code::UnknownKey,
        Code::MissingKey,
        Code::WrongType,
        Code::BadUnit,
        Code::OutOfRange,
        Code::Contradiction,
        Code::UnknownName,
        Code::DuplicateName,
        Code::MissingFile,
        Code::BadTraceRow,
        Code::BadPolicy,
        Code::ImpossibleOperation,
        Code::BadSet,
        Code::NoDefault,
    ];

    /// The code as printed, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::UnknownKey => "unknown-key",
            Code::MissingKey => "missing-key",
            Code::WrongType => "wrong-type",
            Code::BadUnit => "bad-unit",
            Code::OutOfRange => "out-of-range",
            Code::Contradiction => "contradiction",
            Code::UnknownName => "unknown-name",
            Code::DuplicateName => "duplicate-name",
            Code::MissingFile => "missing-file",
            Code::BadTraceRow => "bad-trace-row",
            Code::BadPolicy => "bad-policy",
            Code::ImpossibleOperation => "impossible-operation",
            Code::BadSet => "bad-set",
            Code::NoDefault => "no-default",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether the input can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can be used, but something deserves a look.
    Warning,
}

impl Severity {
    /// "error" or "warning".
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

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
    sources: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    file: SimpleFile<String, String>,
    first_line: usize,
    is_argument: bool,
}

impl Sources {
    /// No texts yet.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Adds a file by the name to show and its text, unless it is there already.
    pub fn add_file(&mut self, name: &str, text: &str) -> SourceId {
        let known = self.sources.iter().position(|source| {
            !source.is_argument && source.file.name() == name && source.file.source() == text
        });
        known.map_or_else(|| self.add_excerpt(name, 1, text), SourceId)
    }

    /// Adds some lines of a file too large to keep; `first_line` counts from 1.
    pub fn add_excerpt(&mut self, name: &str, first_line: usize, text: &str) -> SourceId {
        self.add(Source {
            file: SimpleFile::new(name.to_owned(), text.to_owned()),
            first_line,
            is_argument: false,
        })
    }

    /// Adds the argument of a `--set`; it is shown as `--set 'argument'`, without line and column.
    pub fn add_set(&mut self, argument: &str) -> SourceId {
        self.add(Source {
            file: SimpleFile::new(format!("--set '{argument}'"), argument.to_owned()),
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

    fn add(&mut self, source: Source) -> SourceId {
        self.sources.push(source);
        SourceId(self.sources.len() - 1)
    }

    /// Length of the longest line that a place touches \[bytes\].
    fn longest_line(&self, place: &Place) -> usize {
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

    fn is_argument(&self, source: SourceId) -> bool {
        self.sources
            .get(source.0)
            .is_some_and(|source| source.is_argument)
    }

    fn find(&self, source: SourceId) -> Result<&Source, FilesError> {
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

/// One fault or warning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// What kind of fault.
    pub code: Code,
    /// Whether the input can still be used.
    pub severity: Severity,
    /// One sentence with the values in question, without a full stop.
    pub message: String,
    /// Where it is; `None` if it is in no text.
    pub place: Option<Place>,
    /// Other places that have to do with it, and why.
    pub more: Vec<(Place, String)>,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error that says `message`.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            more: Vec::new(),
            help: None,
        }
    }

    /// A warning that says `message`.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// Puts it at `place`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    /// Points at another place that has to do with it.
    #[must_use]
    pub fn and_at(mut self, place: Place, why: impl Into<String>) -> Diagnostic {
        self.more.push((place, why.into()));
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column: error[code]: message`.
    pub fn one_line(&self, sources: &Sources) -> String {
        let fault = format!("{}[{}]: {}", self.severity.name(), self.code, self.message);
        match &self.place {
            Some(place) => format!("{}: {fault}", sources.locate(place)),
            None => fault,
        }
    }
}

/// The diagnostics by source and position, those without a place first, each only once.
pub fn in_order(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    let mut ordered: Vec<Diagnostic> = diagnostics
        .iter()
        .filter(|diagnostic| seen.insert(*diagnostic))
        .cloned()
        .collect();
    ordered.sort_by_key(|diagnostic| {
        let position = diagnostic
            .place
            .as_ref()
            .map(|place| (place.source, place.range.start));
        (position, diagnostic.severity, diagnostic.code)
    });
    ordered
}

/// All diagnostics as a text for people: in order, each once, with the lines underlined.
///
/// `color` adds ANSI escape sequences.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let config = Config {
        chars: Chars::ascii(),
        ..Config::default()
    };
    let mut text = String::new();
    for diagnostic in in_order(diagnostics) {
        text.push_str(&render_one(&diagnostic, sources, &config, color));
    }
    text
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, config: &Config, color: bool) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => ReportSeverity::Error,
        Severity::Warning => ReportSeverity::Warning,
    };
    let primary = diagnostic
        .place
        .iter()
        .map(|place| Label::primary(place.source, place.range.clone()));
    let secondary = diagnostic
        .more
        .iter()
        .map(|(place, why)| Label::secondary(place.source, place.range.clone()).with_message(why));
    let report = Report::new(severity)
        .with_code(diagnostic.code)
        .with_message(&diagnostic.message)
        .with_labels_iter(primary.chain(secondary))
        .with_notes_iter(diagnostic.help.iter().map(|help| format!("help: {help}")));

    // A line of a megabyte, underlined, helps nobody.
    let too_long = |place: &Place| sources.longest_line(place) > MOST_SHOWN;
    let places = || {
        let more = diagnostic.more.iter().map(|(place, _)| place);
        diagnostic.place.iter().chain(more)
    };
    if places().any(too_long) {
        return without_lines(diagnostic, sources);
    }
    let rendered = if color {
        let styles = Styles::default();
        let mut buffer = termcolor::Buffer::ansi();
        let mut writer = StylesWriter::new(&mut buffer, &styles);
        emit_to_write_style(&mut writer, config, sources, &report)
            .map(|()| String::from_utf8_lossy(buffer.as_slice()).into_owned())
    } else {
        emit_into_string(config, sources, &report)
    };
    // A place outside its text cannot be underlined; the fault itself must not get lost for that.
    let Ok(mut text) = rendered else {
        return without_lines(diagnostic, sources);
    };
    // The one line of an argument needs no number.
    for place in places() {
        if sources.is_argument(place.source)
            && let Ok(location) = sources.location(place.source, place.range.start)
        {
            let name = sources.name(place.source);
            let (line, column) = (location.line_number, location.column_number);
            text = text.replacen(
                &format!("{name}:{line}:{column}\n"),
                &format!("{name}\n"),
                1,
            );
        }
    }
    text
}

/// Longest line or word shown in full \[characters\].
const MOST_SHOWN: usize = 1_000;

/// As [`render_one`], without the lines concerned.
fn without_lines(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let title = format!("{}[{}]", diagnostic.severity.name(), diagnostic.code);
    let mut text = format!("{title}: {}\n", clipped(&diagnostic.message));
    if let Some(place) = &diagnostic.place {
        text.push_str(&format!("  --> {}\n", clipped(&sources.locate(place))));
    }
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("  = help: {}\n", clipped(help)));
    }
    text.push('\n');
    text
}

/// The text with what is too long in the middle left out.
fn clipped(text: &str) -> String {
    let length = text.chars().count();
    if length <= MOST_SHOWN {
        return text.to_owned();
    }
    let part = MOST_SHOWN / 3;
    let head: String = text.chars().take(part).collect();
    let tail: String = text.chars().skip(length - part).collect();
    format!("{head} … {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_are_unique_and_kebab_case() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
        }
    }

    #[test]
    fn renders_in_order_once_and_underlined() {
        let mut sources = Sources::new();
        let file = sources.add_file("peak.toml", "seed = 1\nhorizon = \"15m\"\n");
        let set = sources.add_set("warm_up=20m");
        let at = |source, range| Place { source, range };
        let late = Diagnostic::error(Code::OutOfRange, "`warm_up` (20m) must be shorter")
            .at(at(set, 8..11))
            .and_at(at(file, 19..24), "`horizon` is 15m")
            .help("raise `horizon`");
        let early = Diagnostic::warning(Code::NoDefault, "seed 1 is no seed").at(at(file, 7..8));
        let nowhere = Diagnostic::error(Code::MissingFile, "no such file");
        let text = render(
            &[late.clone(), early.clone(), nowhere, late.clone()],
            &sources,
            false,
        );
        assert_eq!(
            text,
            "\
error[missing-file]: no such file

warning[no-default]: seed 1 is no seed
  --> peak.toml:1:8
  |
1 | seed = 1
  |        ^

error[out-of-range]: `warm_up` (20m) must be shorter
  --> --set 'warm_up=20m'
  |
1 | warm_up=20m
  |         ^^^
  |
  --> peak.toml:2:11
  |
2 | horizon = \"15m\"
  |           ----- `horizon` is 15m
  |
  = help: raise `horizon`

"
        );
        assert_eq!(
            early.one_line(&sources),
            "peak.toml:1:8: warning[no-default]: seed 1 is no seed"
        );
        assert_eq!(
            late.one_line(&sources),
            "--set 'warm_up=20m': error[out-of-range]: `warm_up` (20m) must be shorter"
        );
        assert!(render(&[late], &sources, true).contains("\u{1b}["));
    }

    #[test]
    fn an_excerpt_keeps_its_line_number() {
        let mut sources = Sources::new();
        let source = sources.add_excerpt("trace.csv", 4_711, "1.5;PUT");
        let fault = Diagnostic::error(Code::BadTraceRow, "no comma").at(Place {
            source,
            range: 3..4,
        });
        assert_eq!(
            fault.one_line(&sources),
            "trace.csv:4711:4: error[bad-trace-row]: no comma"
        );
    }
}
