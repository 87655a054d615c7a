//! What CloudTrail records come in: `{"Records":[…]}` as delivered, arrays, one record a line, documents after each other,
//! CloudWatch Logs subscriptions, EventBridge events, and what `aws cloudtrail lookup-events` prints.

use super::super::evidence::finding::{FileEnd, Findings};
use super::super::evidence::skip::SkipReason;
use super::super::json::{self, Halt};
use super::super::time;
use super::super::window::{NoMore, Window};
use super::event::{EVENT_KEYS, EventReader, index_of, key};

/// Keys at whose arrays a document is read element by element.
const STOPS: &[usize] = &[key::RECORDS, key::EVENTS, key::LOG_EVENTS, key::MESSAGES];

/// What stops a file.
enum Stop {
    /// It ends where a record or document begins.
    End,
    /// It cannot be read on.
    Broken(String),
    /// It is no JSON there; the next line may be.
    Astray,
}

/// Reads a file of records.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    nested(window, findings, 0)
}

/// Reads records out of a file, or of what is packed inside of one; `packed`: how deep it is.
fn nested(window: &mut Window, findings: &mut Findings<'_>, packed: usize) -> FileEnd {
    let mut reader = Container {
        window,
        findings,
        events: EventReader::default(),
        insights: 0,
        used: 0,
        depth: 0,
        packed,
    };
    loop {
        match reader.document() {
            Ok(()) => {}
            Err(Stop::End) => break,
            Err(Stop::Broken(what)) => return FileEnd::Broken(what, reader.window.offset()),
            Err(Stop::Astray) => {
                let at = reader.window.offset();
                reader.depth = 0;
                reader.findings.seen += 1;
                let place = || format!("byte {at}");
                reader.findings.skip(SkipReason::Malformed, place);
                match reader.next_line() {
                    Ok(()) => {}
                    Err(Stop::Broken(what)) => return FileEnd::Broken(what, at),
                    Err(Stop::End | Stop::Astray) => {
                        return FileEnd::Broken("is not valid JSON from here on".to_owned(), at);
                    }
                }
            }
        }
    }
    if reader.insights > 0 && reader.used == 0 {
        return FileEnd::LeftOut("insight");
    }
    FileEnd::Whole
}

struct Container<'a, 'b> {
    window: &'a mut Window,
    findings: &'a mut Findings<'b>,
    events: EventReader,
    insights: u64,
    used: u64,
    /// Documents that the present object is inside of.
    depth: usize,
    /// Packed texts that it is inside of.
    packed: usize,
}

/// Bytes within which a document begins behind its time.
const TIME_AND_BRACE: usize = 40;

/// Bytes that base64 stands for; `None`: it is not base64.
fn letters(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut n) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, n) = (bits << 6 | u32::from(six), n + 6);
        if n >= 8 {
            n -= 8;
            bytes.push((bits >> n) as u8);
        }
    }
    Some(bytes)
}

/// Documents inside one another that are looked into: pages in an array, records in each.
const DEEPEST: usize = 3;

impl Container<'_, '_> {
    /// More bytes; the file must not end here.
    fn more(&mut self) -> Result<(), Stop> {
        self.window.more().map_err(|no| match no {
            NoMore::End => Stop::Broken("breaks off inside a record".to_owned()),
            NoMore::Full => Stop::Astray,
            NoMore::Broken(e) => {
                Stop::Broken(format!("cannot be decompressed or read further: {e}"))
            }
        })
    }

    /// Passes over white space and commas, and tells the next byte.
    fn next(&mut self) -> Result<u8, Stop> {
        loop {
            let bytes = self.window.bytes();
            let gap = |b: &u8| !matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | 0x1e);
            if let Some(n) = bytes.iter().position(gap) {
                let byte = bytes[n];
                self.window.advance(n);
                return Ok(byte);
            }
            let n = bytes.len();
            self.window.advance(n);
            self.window.more().map_err(|no| match no {
                NoMore::End | NoMore::Full => Stop::End,
                NoMore::Broken(e) => {
                    Stop::Broken(format!("cannot be decompressed or read further: {e}"))
                }
            })?;
        }
    }

    /// As [`Container::next`], where the file must not end.
    fn next_inside(&mut self) -> Result<u8, Stop> {
        self.next().map_err(|stop| match stop {
            Stop::End => Stop::Broken("breaks off between two records".to_owned()),
            Stop::Broken(_) | Stop::Astray => stop,
        })
    }

    fn next_line(&mut self) -> Result<(), Stop> {
        loop {
            let bytes = self.window.bytes();
            if let Some(n) = memchr::memchr(b'\n', bytes) {
                self.window.advance(n + 1);
                return Ok(());
            }
            let n = bytes.len();
            self.window.advance(n);
            match self.window.more() {
                Ok(()) => {}
                Err(NoMore::End | NoMore::Full) => return Err(Stop::End),
                Err(NoMore::Broken(e)) => {
                    return Err(Stop::Broken(format!(
                        "cannot be decompressed or read further: {e}"
                    )));
                }
            }
        }
    }

    /// One document.
    fn document(&mut self) -> Result<(), Stop> {
        match self.next()? {
            b'{' => self.object(),
            b'[' => {
                self.window.advance(1);
                self.elements()
            }
            // A byte order mark, where files were put behind each other.
            0xef if self.begins(b"\xef\xbb\xbf") => {
                self.window.advance(3);
                self.document()
            }
            b'0'..=b'9' => self.exported(),
            _ => Err(Stop::Astray),
        }
    }

    /// Whether these bytes come here.
    fn begins(&mut self, with: &[u8]) -> bool {
        // What cannot be read is told when it is read for its records.
        let _ = self.window.fill(with.len());
        self.window.bytes().starts_with(with)
    }

    /// A document behind the time of a log that CloudWatch Logs exported: `2026-03-02T03:00:00.000Z {…}`.
    fn exported(&mut self) -> Result<(), Stop> {
        let _ = self.window.fill(TIME_AND_BRACE);
        let bytes = self.window.bytes();
        let head = &bytes[..bytes.len().min(TIME_AND_BRACE)];
        let brace =
            memchr::memchr(b'{', head).filter(|&n| time::iso(head[..n].trim_ascii_end()).is_some());
        match brace {
            Some(n) => {
                self.window.advance(n);
                self.object()
            }
            None => Err(Stop::Astray),
        }
    }

    /// A subscription's message as a function gets it: packed with gzip, and written in letters.
    fn unpack(&mut self, text: &[u8]) -> bool {
        let data = json::of_object::<1>(text, |k| (k == b"data").then_some(0));
        let Some(bytes) = data.and_then(|d| letters(&json::text(d.values[0]?)?)) else {
            return false;
        };
        let mut inside = Window::of(bytes);
        let before = self.findings.seen;
        let end = nested(&mut inside, self.findings, self.packed + 1);
        if matches!(end, FileEnd::Broken(..)) {
            let at = self.window.offset();
            self.findings.seen += 1;
            let place = || format!("byte {at}");
            self.findings.skip(SkipReason::Malformed, place);
        }
        self.used += u64::from(self.findings.seen > before);
        true
    }

    /// The elements of an array that has been entered.
    fn elements(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        loop {
            match self.next_inside()? {
                b']' => {
                    self.window.advance(1);
                    self.depth -= 1;
                    return Ok(());
                }
                b'{' => self.object()?,
                b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                    self.not_a_record();
                    self.pass_over()?;
                }
                _ => return Err(Stop::Astray),
            }
        }
    }

    fn not_a_record_here(&mut self, end: usize) -> Result<(), Stop> {
        self.not_a_record();
        self.window.advance(end);
        Ok(())
    }

    fn not_a_record(&mut self) {
        self.findings.seen += 1;
        let at = self.window.offset();
        self.findings
            .skip(SkipReason::NotARecord, || format!("byte {at}"));
    }

    /// An object: a record, or a document that holds some.
    fn object(&mut self) -> Result<(), Stop> {
        let stops = if self.depth < DEEPEST { STOPS } else { &[] };
        loop {
            let scanned = json::fields::<EVENT_KEYS>(self.window.bytes(), 0, index_of, stops);
            match scanned {
                Ok(found) => {
                    let end = found.end;
                    if found.stopped.is_some() {
                        let control = found.values[key::MESSAGE_TYPE]
                            .is_some_and(|v| v == b"\"CONTROL_MESSAGE\"");
                        self.window.advance(end + 1);
                        if control {
                            self.findings.seen += 1;
                            let at = self.window.offset();
                            let place = || format!("byte {at}");
                            self.findings.skip(SkipReason::Control, place);
                            return self.rest_of_array().and_then(|()| self.rest_of_object());
                        }
                        self.elements()?;
                        return self.rest_of_object();
                    }
                    let at = self.window.offset();
                    let packed = found.values[key::AWSLOGS].or(found.values[key::KINESIS]);
                    if let Some(packed) = packed.filter(|_| self.packed < DEEPEST) {
                        let packed = packed.to_vec();
                        if self.unpack(&packed) {
                            self.window.advance(end);
                            return Ok(());
                        }
                        return self.not_a_record_here(end);
                    }
                    let skips = self.findings.skipped(SkipReason::Insight);
                    let text = &self.window.bytes()[..end];
                    self.events.read(&found, text, self.findings, at);
                    if self.findings.skipped(SkipReason::Insight) > skips {
                        self.insights += 1;
                    } else {
                        self.used += 1;
                    }
                    self.window.advance(end);
                    return Ok(());
                }
                Err(Halt::More) => match self.window.more() {
                    Ok(()) => {}
                    Err(NoMore::Full) => {
                        self.findings.seen += 1;
                        let at = self.window.offset();
                        self.findings
                            .skip(SkipReason::TooLarge, || format!("byte {at}"));
                        return self.pass_over();
                    }
                    Err(NoMore::End) => {
                        return Err(Stop::Broken("breaks off inside a record".to_owned()));
                    }
                    Err(NoMore::Broken(e)) => {
                        return Err(Stop::Broken(format!(
                            "cannot be decompressed or read further: {e}"
                        )));
                    }
                },
                Err(Halt::Bad(_)) => {
                    // One record that breaks the rules leaves its neighbours alone, if its brackets are in order.
                    self.findings.seen += 1;
                    let at = self.window.offset();
                    self.findings
                        .skip(SkipReason::Malformed, || format!("byte {at}"));
                    return self.pass_over();
                }
            }
        }
    }

    /// Passes over the value that begins here, however long it is, without holding it.
    fn pass_over(&mut self) -> Result<(), Stop> {
        let (mut depth, mut quoted, mut escaped) = (0_u64, false, false);
        let mut began = false;
        loop {
            let bytes = self.window.bytes();
            let mut used = 0;
            let mut done = false;
            for &b in bytes {
                if quoted {
                    used += 1;
                    if escaped {
                        escaped = false;
                    } else if b == b'\\' {
                        escaped = true;
                    } else if b == b'"' {
                        quoted = false;
                        done = depth == 0;
                    }
                } else {
                    let ends = matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
                    if depth == 0 && began && ends {
                        done = true;
                        break;
                    }
                    used += 1;
                    began = true;
                    match b {
                        b'"' => quoted = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth = depth.saturating_sub(1);
                            done = depth == 0;
                        }
                        _ => {}
                    }
                }
                if done {
                    break;
                }
            }
            self.window.advance(used);
            if done {
                return Ok(());
            }
            self.more()?;
        }
    }

    /// Passes over the elements that are left of an array.
    fn rest_of_array(&mut self) -> Result<(), Stop> {
        loop {
            match self.next_inside()? {
                b']' => {
                    self.window.advance(1);
                    return Ok(());
                }
                _ => self.pass_over()?,
            }
        }
    }

    /// Passes over the keys that are left of an object, but reads arrays of records among them.
    fn rest_of_object(&mut self) -> Result<(), Stop> {
        loop {
            match self.next_inside()? {
                b'}' => {
                    self.window.advance(1);
                    return Ok(());
                }
                b'"' => {
                    let stop = loop {
                        match json::text_end(self.window.bytes(), 0) {
                            Ok(end) => {
                                let name = json::text(&self.window.bytes()[..end]);
                                let of = name.and_then(|n| index_of(n.as_bytes()));
                                self.window.advance(end);
                                break of.is_some_and(|of| STOPS.contains(&of));
                            }
                            Err(_) => self.more()?,
                        }
                    };
                    if self.next_inside()? != b':' {
                        return Err(Stop::Astray);
                    }
                    self.window.advance(1);
                    match (self.next_inside()?, stop) {
                        (b'[', true) if self.depth < DEEPEST => {
                            self.window.advance(1);
                            self.elements()?;
                        }
                        (_, true | false) => self.pass_over()?,
                    }
                }
                _ => return Err(Stop::Astray),
            }
        }
    }
}
