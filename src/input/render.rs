//! Faults as a text for people.

use super::diagnostic::{Diagnostic, Severity, in_order};
use super::source::{Place, Sources};
use crate::units::visible::visible;
use codespan_reporting::diagnostic::{Diagnostic as Report, Label, Severity as ReportSeverity};
use codespan_reporting::files::Files;
use codespan_reporting::term::{
    Chars, Config, Styles, StylesWriter, emit_into_string, emit_to_write_style, termcolor,
};

/// All diagnostics as a text for people: in order, each once, with the lines underlined.
///
/// `color` adds ANSI escape sequences.
///
/// What a terminal would obey in names and values is written out.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let config = Config {
        chars: Chars::ascii(),
        ..Config::default()
    };
    let mut text = String::new();
    for diagnostic in in_order(diagnostics) {
        let diagnostic = shown(diagnostic);
        text.push_str(&render_one(&diagnostic, sources, &config, color));
    }
    text
}

/// A fault whose words can be shown.
fn shown(fault: Diagnostic) -> Diagnostic {
    let written = |text: String| visible(&text).into_owned();
    let more = fault
        .more
        .into_iter()
        .map(|(place, why)| (place, written(why)));
    Diagnostic {
        message: written(fault.message),
        help: fault.help.map(written),
        more: more.collect(),
        ..fault
    }
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
    use super::super::code::Code;
    use super::*;

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
        let early = Diagnostic::warning(Code::NoDefault, "seed 1 is not a seed").at(at(file, 7..8));
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

warning[no-default]: seed 1 is not a seed
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
            "peak.toml:1:8: warning[no-default]: seed 1 is not a seed"
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
