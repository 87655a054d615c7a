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

/// JSON documents after each other, each handed to `f`.
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
    let mut stream = serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>();
    loop {
        let at = stream.byte_offset() as u64;
        match stream.next() {
            None => return FileEnd::Whole,
            Some(Ok(document)) => f(document, findings),
            // What the parser says may quote the file; only where it is is told.
            Some(Err(e)) => {
                let what = if e.is_eof() {
                    "breaks off"
                } else {
                    "is not valid JSON"
                };
                let place = format!("{what} in line {}, column {}", e.line(), e.column());
                return FileEnd::Broken(place, at);
            }
        }
    }
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
