//! A file's bytes, decompressed, a window at a time: what a reader has not used yet, and more on demand.
//!
//! What a file is, is told by its first bytes, never by its name: gzip (any number of members), Zstandard (any number
//! of frames), UTF-16 with a byte order mark, or plain. However large the file or one record in it, no more than
//! [`LARGEST`] is held.

use super::walk::is_stdin;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// Bytes held for one record at most.
pub const LARGEST: usize = 16 << 20;
/// Bytes that the window begins with.
const FIRST: usize = 64 << 10;

/// A stream of bytes.
type ByteSource = Box<dyn Read + Send>;

/// The bytes of one file.
pub struct Window {
    source: ByteSource,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    passed: u64,
    ended: bool,
    /// What it broke off with: told again whenever more is asked for.
    broken: Option<(io::ErrorKind, String)>,
}

/// Why there are no more bytes.
#[derive(Debug)]
pub enum NoMore {
    /// The file ends here.
    End,
    /// The window is full: one record is larger than [`LARGEST`].
    Full,
    /// It cannot be read, or decompressed, any further.
    Broken(io::Error),
}

impl Window {
    /// The bytes of a file, or of standard input.
    pub fn open(path: &Path) -> io::Result<Window> {
        let source: ByteSource = if is_stdin(path) {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path)?)
        };
        Ok(Window::over(decoded(source)?))
    }

    /// The bytes of a text, for tests and what stands inside another file.
    pub fn of(bytes: impl Into<Vec<u8>>) -> Window {
        let bytes: Vec<u8> = bytes.into();
        let source: ByteSource = Box::new(Cursor::new(bytes));
        Window::over(decoded(source).unwrap_or_else(|_| Box::new(io::empty())))
    }

    fn over(source: ByteSource) -> Window {
        Window {
            source,
            buffer: Vec::new(),
            from: 0,
            to: 0,
            passed: 0,
            ended: false,
            broken: None,
        }
    }

    /// What has been read and not used.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Where the first unused byte is in the decompressed file.
    pub fn offset(&self) -> u64 {
        self.passed
    }

    /// Uses up so many bytes.
    pub fn advance(&mut self, n: usize) {
        self.from += n;
        self.passed += n as u64;
        debug_assert!(self.from <= self.to);
    }

    /// Reads more behind what there is.
    pub fn more(&mut self) -> Result<(), NoMore> {
        if let Some((kind, what)) = &self.broken {
            return Err(NoMore::Broken(io::Error::new(*kind, what.clone())));
        }
        if self.ended {
            return Err(NoMore::End);
        }
        if self.from > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        if self.to == self.buffer.len() {
            if self.to >= LARGEST {
                return Err(NoMore::Full);
            }
            let larger = (self.buffer.len() * 2).clamp(FIRST, LARGEST);
            self.buffer.resize(larger, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.to..]) {
                Ok(0) => {
                    self.ended = true;
                    return Err(NoMore::End);
                }
                Ok(n) => {
                    self.to += n;
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.broken = Some((e.kind(), e.to_string()));
                    return Err(NoMore::Broken(e));
                }
            }
        }
    }

    /// Reads until there are `n` bytes or the file ends; for looking at a file's beginning.
    pub fn fill(&mut self, n: usize) -> Result<(), NoMore> {
        while self.bytes().len() < n {
            match self.more() {
                Ok(()) => {}
                Err(NoMore::End) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// The rest of the file as one text, at most `limit` bytes, and what it broke off with.
    pub fn rest(&mut self, limit: usize) -> (Vec<u8>, Option<NoMore>) {
        let mut all = Vec::new();
        loop {
            all.extend_from_slice(self.bytes());
            let n = self.bytes().len();
            self.advance(n);
            if all.len() > limit {
                return (all, Some(NoMore::Full));
            }
            match self.more() {
                Ok(()) => {}
                Err(NoMore::End) => return (all, None),
                Err(other) => return (all, Some(other)),
            }
        }
    }
}

/// The first bytes of a stream, up to `N`, and the stream with them.
fn peeked<const N: usize>(mut source: ByteSource) -> io::Result<(Vec<u8>, ByteSource)> {
    let mut head = Vec::with_capacity(N);
    (&mut source).take(N as u64).read_to_end(&mut head)?;
    let whole: ByteSource = Box::new(Cursor::new(head.clone()).chain(source));
    Ok((head, whole))
}

fn decoded(source: ByteSource) -> io::Result<ByteSource> {
    let (head, source) = peeked::<4>(source)?;
    let plain: ByteSource = match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(
            64 << 10,
            source,
        ))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Frames::new(source)),
        _ => source,
    };
    // A broken beginning is told when it is read for its records, with its place.
    let mut plain = plain;
    let mut mark = [0; 3];
    let mut got = 0;
    let fault = loop {
        match plain.read(&mut mark[got..]) {
            Ok(0) => break None,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Some(e),
        }
        if got == mark.len() {
            break None;
        }
    };
    let mark = &mark[..got];
    let rest: ByteSource = match fault {
        Some(e) => Box::new(Failing(Some(e))),
        None => plain,
    };
    Ok(match mark {
        [0xef, 0xbb, 0xbf] => rest,
        [0xff, 0xfe, third @ ..] => Box::new(Utf16::new(third, rest, false)),
        [0xfe, 0xff, third @ ..] => Box::new(Utf16::new(third, rest, true)),
        _ => Box::new(Cursor::new(mark.to_vec()).chain(rest)),
    })
}

/// What fails once.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Bytes of a Zstandard frame's window at most: it is held as a whole.
const LARGEST_WINDOW: u64 = 32 << 20;

/// The window that a Zstandard frame's header asks for; `None`: it is not one, or one that says no window.
fn window_of(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    if head.get(..4) != Some(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return None;
    }
    let single = descriptor & 0x20 != 0;
    if !single {
        let window = *head.get(5)?;
        let base = 1_u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // One segment: its content is its window.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let content = head.get(5 + dictionary..5 + dictionary + length)?;
    let mut eight = [0; 8];
    eight[..length].copy_from_slice(content);
    let size = u64::from_le_bytes(eight);
    Some(if length == 2 { size + 256 } else { size })
}

/// Zstandard frames after each other.
struct Frames {
    decoder: Option<ruzstd::decoding::StreamingDecoder<ByteSource, ruzstd::decoding::FrameDecoder>>,
    source: Option<ByteSource>,
}

impl Frames {
    fn new(source: ByteSource) -> Frames {
        Frames {
            decoder: None,
            source: Some(source),
        }
    }
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let n = decoder.read(into)?;
                if n > 0 || into.is_empty() {
                    return Ok(n);
                }
                self.source = self.decoder.take().map(|d| d.into_inner());
            }
            let Some(source) = self.source.take() else {
                return Ok(0);
            };
            let (head, source) = peeked::<18>(source)?;
            if head.is_empty() {
                return Ok(0);
            }
            if window_of(&head).is_some_and(|bytes| bytes > LARGEST_WINDOW) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it needs a window of more than 32 MiB (zstd --long, --ultra): compress it without",
                ));
            }
            let decoder = ruzstd::decoding::StreamingDecoder::new(source)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
            self.decoder = Some(decoder);
        }
    }
}

/// UTF-16 as UTF-8; what is no character becomes U+FFFD.
struct Utf16 {
    source: ByteSource,
    big_endian: bool,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
}

impl Utf16 {
    fn new(begun: &[u8], source: ByteSource, big_endian: bool) -> Utf16 {
        Utf16 {
            source,
            big_endian,
            raw: begun.to_vec(),
            text: Vec::new(),
            given: 0,
        }
    }
}

impl Read for Utf16 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            let mut block = [0; 16 << 10];
            let n = self.source.read(&mut block)?;
            self.raw.extend_from_slice(&block[..n]);
            // A surrogate at the end waits for its other half.
            let mut whole = self.raw.len() / 2 * 2;
            let unit = |pair: &[u8]| {
                let pair = [pair[0], pair[1]];
                if self.big_endian {
                    u16::from_be_bytes(pair)
                } else {
                    u16::from_le_bytes(pair)
                }
            };
            if n > 0 && whole >= 2 && (0xd800..0xdc00).contains(&unit(&self.raw[whole - 2..whole]))
            {
                whole -= 2;
            }
            let units = self.raw[..whole].chunks_exact(2).map(unit);
            let text: String = char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect();
            self.raw.drain(..whole);
            (self.text, self.given) = (text.into_bytes(), 0);
            if n == 0 {
                if !self.raw.is_empty() {
                    self.raw.clear();
                    self.text.extend_from_slice("\u{fffd}".as_bytes());
                }
                break;
            }
        }
        let n = into.len().min(self.text.len() - self.given);
        into[..n].copy_from_slice(&self.text[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(bytes: &[u8]) -> Result<String, NoMore> {
        match Window::of(bytes).rest(LARGEST) {
            (rest, None) => Ok(String::from_utf8_lossy(&rest).into_owned()),
            (_, Some(no)) => Err(no),
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn what_a_file_is_is_told_by_its_content() {
        assert_eq!(all(b"{}").expect("plain"), "{}");
        assert_eq!(all(b"").expect("empty"), "");
        assert_eq!(all(b"\xef\xbb\xbf{}").expect("mark"), "{}");
        let two = [gzip("{\"a\":1}"), gzip("[2]")].concat();
        assert_eq!(all(&two).expect("two members"), "{\"a\":1}[2]");
        let text = "\u{feff}{\"é\": \"😀\"}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            assert_eq!(all(&bytes).expect("UTF-16"), "{\"é\": \"😀\"}");
        }
        let frame = ruzstd::encoding::compress_to_vec(
            &b"{\"z\":1}\n"[..],
            ruzstd::encoding::CompressionLevel::Uncompressed,
        );
        // A window of 1 GiB is refused before it is held.
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 0, 0, 0];
        assert!(matches!(all(&wide), Err(NoMore::Broken(_))));
        assert_eq!(window_of(&wide), Some(1 << 30));
        let frames = [frame.clone(), frame].concat();
        assert_eq!(all(&frames).expect("two frames"), "{\"z\":1}\n{\"z\":1}\n");
    }

    #[test]
    fn a_file_that_breaks_off_gives_what_it_had() {
        let text = "0123456789".repeat(100_000);
        let whole = gzip(&text);
        let mut window = Window::of(whole[..whole.len() / 2].to_vec());
        let mut had = 0;
        let end = loop {
            had += window.bytes().len();
            let n = window.bytes().len();
            window.advance(n);
            if let Err(end) = window.more() {
                break end;
            }
        };
        assert!(matches!(end, NoMore::Broken(_)), "{end:?}");
        assert!(had > 1_000 && had < text.len(), "{had}");
        let mut wrong = gzip("{}");
        let crc = wrong.len() - 8;
        wrong[crc] ^= 1;
        assert!(matches!(all(&wrong), Err(NoMore::Broken(_))));
    }

    #[test]
    fn the_window_does_not_grow_for_ever() {
        let mut window = Window::of(gzip(&" ".repeat(LARGEST + 100)));
        let end = loop {
            if let Err(end) = window.more() {
                break end;
            }
        };
        assert!(matches!(end, NoMore::Full));
        assert_eq!(window.bytes().len(), LARGEST);
    }
}
