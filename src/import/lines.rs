//! A file's lines, and a whole small file, out of the window.

use super::evidence::finding::{FileEnd, Findings};
use super::evidence::skip::SkipReason;
use super::window::{NoMore, Window};
use serde::de::DeserializeOwned;
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

/// JSON documents after each other, each handed to `f`; what is not in their shape takes no memory. What is no character
/// becomes U+FFFD. Of a document that breaks off or is spoilt, the elements before that count.
pub fn documents<T: DeserializeOwned>(
    window: &mut Window,
    findings: &mut Findings<'_>,
    mut f: impl FnMut(T, &mut Findings<'_>),
) -> FileEnd {
    let (text, broken) = match window.rest(WHOLE) {
        (text, None) => (text, None),
        (text, Some(NoMore::Broken(e))) => (text, Some(broken(&e, window.offset()))),
        (_, Some(NoMore::Full | NoMore::End)) => {
            return FileEnd::Broken("is larger than 64 MiB".to_owned(), window.offset());
        }
    };
    let text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    };
    let text = without_halves(text);
    let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<T>();
    loop {
        let at = stream.byte_offset();
        match stream.next() {
            None => return broken.unwrap_or(FileEnd::Whole),
            Some(Ok(document)) => f(document, findings),
            Some(Err(e)) => {
                let until = text[at..].len().min(place_of(&text, &e).saturating_sub(at));
                let had = up_to(&text.as_bytes()[at..at + until]);
                if let Ok(document) = serde_json::from_slice(&had) {
                    f(document, findings);
                }
                // What the parser says may quote the file; only where it is is told.
                let what = if e.is_eof() {
                    "breaks off"
                } else if e.is_data() {
                    "has another shape than its format"
                } else {
                    "is not valid JSON"
                };
                let place = format!("{what} in line {}, column {}", e.line(), e.column());
                return broken.unwrap_or(FileEnd::Broken(place, at as u64));
            }
        }
    }
}

/// The byte of an error.
fn place_of(text: &str, e: &serde_json::Error) -> usize {
    if e.is_eof() {
        return text.len();
    }
    let lines = text.split_inclusive('\n').take(e.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + e.column().saturating_sub(1)
}

/// The document that a text begins, as far as it goes: without what is behind the last comma, and closed.
fn up_to(text: &[u8]) -> Vec<u8> {
    let mut open: Vec<u8> = Vec::new();
    // Where the last element ends, and how many brackets are open there.
    let (mut end, mut depth) = (0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for (i, &b) in text.iter().enumerate() {
        if quoted {
            match (escaped, b) {
                (true, _) => escaped = false,
                (false, b'\\') => escaped = true,
                (false, b'"') => quoted = false,
                (false, _) => {}
            }
            continue;
        }
        match b {
            b'"' => quoted = true,
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                open.pop();
                (end, depth) = (i + 1, open.len());
            }
            b',' => (end, depth) = (i, open.len()),
            _ => {}
        }
    }
    let mut had = text[..end].to_vec();
    open.truncate(depth);
    had.extend(open.into_iter().rev());
    had
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_cut_document_the_elements_before_the_cut_are_there() {
        let whole = r#"{"a":[1,{"b":"x],"},3],"c":{"d":4,"e":[5,6]}}"#;
        for n in 0..whole.len() {
            let had = up_to(&whole.as_bytes()[..n]);
            let value = serde_json::from_slice::<serde_json::Value>(&had);
            assert_eq!(
                value.is_ok(),
                n >= 8,
                "{n}: {}",
                String::from_utf8_lossy(&had)
            );
        }
        let had = |n: usize| String::from_utf8(up_to(&whole.as_bytes()[..n])).expect("text");
        assert_eq!(had(21), r#"{"a":[1,{"b":"x],"}]}"#);
        assert_eq!(had(41), r#"{"a":[1,{"b":"x],"},3],"c":{"d":4,"e":[5]}}"#);
    }

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
