//! A file's lines, and a whole small file, out of the window.

use super::evidence::finding::{FileEnd, Findings};
use super::evidence::skip::SkipReason;
use super::window::{NoMore, Window};
use std::io;

/// Most of a file that is read as one document.
const WHOLE: usize = 64 << 20;

/// Calls `f` with each line (without its end) and the byte at which it begins. Lines that are too long are skipped, counted.
pub fn each(
    window: &mut Window,
    findings: &mut Findings<'_>,
    mut f: impl FnMut(&[u8], u64, &mut Findings<'_>),
) -> FileEnd {
    let mut looked_at = 0;
    loop {
        let at = window.offset();
        let bytes = window.bytes();
        if let Some(n) = memchr::memchr(b'\n', &bytes[looked_at..]) {
            let line = &bytes[..looked_at + n];
            f(line.strip_suffix(b"\r").unwrap_or(line), at, findings);
            window.advance(looked_at + n + 1);
            looked_at = 0;
            continue;
        }
        looked_at = bytes.len();
        match window.more() {
            Ok(()) => {}
            Err(NoMore::End) => {
                let line = window.bytes();
                if !line.is_empty() {
                    f(line.strip_suffix(b"\r").unwrap_or(line), at, findings);
                }
                return FileEnd::Whole;
            }
            Err(NoMore::Full) => {
                findings.seen += 1;
                findings.skip(SkipReason::TooLarge, || format!("byte {at}"));
                if let Err(end) = pass_line(window) {
                    return end;
                }
                looked_at = 0;
            }
            Err(NoMore::Broken(e)) => return broken(&e, at),
        }
    }
}

/// Passes over the rest of a line without holding it.
pub fn pass_line(window: &mut Window) -> Result<(), FileEnd> {
    loop {
        let bytes = window.bytes();
        if let Some(n) = memchr::memchr(b'\n', bytes) {
            window.advance(n + 1);
            return Ok(());
        }
        let n = bytes.len();
        window.advance(n);
        match window.more() {
            Ok(()) => {}
            Err(NoMore::End | NoMore::Full) => return Ok(()),
            Err(NoMore::Broken(e)) => return Err(broken(&e, window.offset())),
        }
    }
}

/// The end of a file that cannot be read on.
pub fn broken(e: &io::Error, at: u64) -> FileEnd {
    FileEnd::Broken(format!("cannot be decompressed or read further: {e}"), at)
}

/// JSON documents after each other, each handed to `f`. What is no character becomes U+FFFD.
pub fn documents(
    window: &mut Window,
    findings: &mut Findings<'_>,
    mut f: impl FnMut(serde_json::Value, &mut Findings<'_>),
) -> FileEnd {
    let text = match window.rest(WHOLE) {
        Ok(text) => text,
        Err(NoMore::Broken(e)) => return broken(&e, window.offset()),
        Err(NoMore::Full | NoMore::End) => {
            return FileEnd::Broken("is larger than 64 MiB".to_owned(), window.offset());
        }
    };
    let text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    };
    let text = without_halves(text);
    let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    each_of(stream, findings, &mut f)
}

/// JSON documents after each other of one shape, each handed to `f`; what is not in the shape takes no memory.
pub fn stream<T: serde::de::DeserializeOwned>(
    window: &mut Window,
    findings: &mut Findings<'_>,
    mut f: impl FnMut(T, &mut Findings<'_>),
) -> FileEnd {
    let reader = io::BufReader::with_capacity(64 << 10, Through(window));
    let stream = serde_json::Deserializer::from_reader(reader).into_iter::<T>();
    each_of(stream, findings, &mut f)
}

fn each_of<'a, R: serde_json::de::Read<'a>, T: serde::de::DeserializeOwned>(
    mut stream: serde_json::StreamDeserializer<'a, R, T>,
    findings: &mut Findings<'_>,
    f: &mut dyn FnMut(T, &mut Findings<'_>),
) -> FileEnd {
    loop {
        let at = stream.byte_offset() as u64;
        match stream.next() {
            None => return FileEnd::Whole,
            Some(Ok(document)) => f(document, findings),
            // What the parser says may quote the file; only where it is is told.
            Some(Err(e)) => {
                let what = if e.is_io() {
                    "cannot be decompressed or read further"
                } else if e.is_eof() {
                    "breaks off"
                } else if e.is_data() {
                    "has another shape than its format"
                } else {
                    "is not valid JSON"
                };
                let place = format!("{what} in line {}, column {}", e.line(), e.column());
                return FileEnd::Broken(place, at);
            }
        }
    }
}

/// The text with `\ufffd` for each escaped half of a surrogate pair that stands alone.
fn without_halves(text: String) -> String {
    let half = |at: usize| -> Option<u16> {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        let unit = u16::from_str_radix(hex, 16).ok()?;
        (0xd800..0xe000).contains(&unit).then_some(unit)
    };
    let bytes = text.as_bytes();
    let mut lone = Vec::new();
    let mut i = 0;
    while let Some(n) = memchr::memchr(b'\\', &bytes[i..]) {
        let at = i + n;
        i = match (half(at), half(at + 6)) {
            (None, _) => at + 2,
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at + 12,
            (Some(_), _) => {
                lone.push(at);
                at + 6
            }
        };
        if i > bytes.len() {
            break;
        }
    }
    if lone.is_empty() {
        return text;
    }
    let mut bytes = text.into_bytes();
    for at in lone {
        bytes[at..at + 6].copy_from_slice(b"\\ufffd");
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// A window for those who read streams.
pub struct Through<'a>(pub &'a mut Window);

impl io::Read for Through<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let window = &mut *self.0;
        if window.bytes().is_empty() {
            match window.more() {
                Ok(()) => {}
                Err(NoMore::End) => return Ok(0),
                Err(NoMore::Full) => return Err(io::ErrorKind::OutOfMemory.into()),
                Err(NoMore::Broken(e)) => return Err(e),
            }
        }
        let n = into.len().min(window.bytes().len());
        into[..n].copy_from_slice(&window.bytes()[..n]);
        window.advance(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_replaced() {
        for (text, whole) in [
            (r"a\ud83d\ude00", r"a\ud83d\ude00"),
            (r"\ud83d", r"\ufffd"),
            (r"\ude00\ud83d!", r"\ufffd\ufffd!"),
            (r"\\ud800", r"\\ud800"),
            (r"é\", r"é\"),
            (r"\ud83dé", r"\ufffdé"),
        ] {
            assert_eq!(without_halves(text.to_owned()), whole, "{text}");
        }
    }
}
