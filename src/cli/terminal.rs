//! Standard output and standard error.

use super::failure::CommandError;
use crate::report::text::filled;
use crate::report::viewport::Viewport;
use crate::units::visible::visible;
use std::io::{IsTerminal, Write};

/// Writes results to standard output.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    out.write_all(visible(text).as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Talks on standard error; nobody is left to tell when that fails.
pub(crate) fn say(text: &str) {
    let text = coloured(text.trim_end());
    let terminal = terminal_size::terminal_size_of(std::io::stderr());
    let text = match terminal.map(|(width, _)| usize::from(width.0)) {
        // Colours take no room, but would be counted.
        Some(width) if width > 0 && !text.contains('\u{1b}') => filled(&text, width, 2),
        Some(_) | None => format!("{text}\n"),
    };
    let text = Viewport {
        unicode: is_unicode(),
        ..Viewport::default()
    }
    .spelled(&text);
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The command that was given, as a shell takes it.
pub(crate) fn command_line() -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    let quoted = std::env::args_os().skip(1).map(|arg| {
        let arg = arg.to_string_lossy();
        match !arg.is_empty() && arg.chars().all(is_plain) {
            true => arg.into_owned(),
            false => format!("'{}'", arg.replace('\'', "'\\''")),
        }
    });
    let words = std::iter::once("kmsim".to_owned()).chain(quoted);
    words.collect::<Vec<_>>().join(" ")
}

/// What standard output can show: the width of the terminal that it is, else that of `COLUMNS`, where that is set;
/// ASCII where the locale is not UTF-8.
pub(crate) fn viewport(full: bool) -> Viewport {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    let terminal = terminal.map(|(width, _)| usize::from(width.0));
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let is_wide = |n: &usize| *n > 0;
    Viewport {
        columns: terminal
            .filter(is_wide)
            .or_else(|| columns().filter(is_wide)),
        unicode: is_unicode(),
        full,
    }
}

/// Whether the locale's characters are Unicode: the first of the three variables that is set says so.
fn is_unicode() -> bool {
    if cfg!(windows) {
        return true;
    }
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    })
}

/// The text with nothing that a terminal obeys but the colours of our own faults.
fn coloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = visible(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        match end.filter(|&end| part[end..].starts_with('m')) {
            Some(end) if colour() => {
                out.push_str("\u{1b}[");
                out.push_str(&part[..end]);
                out.push_str(&visible(&part[end..]));
            }
            Some(_) | None => {
                out.push_str(&visible("\u{1b}"));
                out.push('[');
                out.push_str(&visible(part));
            }
        }
    }
    out
}

/// Whether messages may be coloured.
pub(crate) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
