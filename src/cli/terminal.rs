//! Standard output and standard error.

use super::failure::CommandError;
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
    let _ = writeln!(std::io::stderr(), "{}", coloured(text.trim_end()));
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
