//! The fields of a line.
//!
//! The requester writes the URI, the referer and the user agent, quotes included, so that a line may be anything. Nearly all are as
//! AWS describes them, and these are read in one pass; whatever is odd in a line, it is read again the careful way, which
//! comes to the same where both read it.

use super::super::time;
use memchr::{memchr, memrchr};
use std::collections::HashMap;

/// A line's fields as far as they matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessLine<'a> {
    /// Bucket.
    pub bucket: &'a [u8],
    /// When \[s since 1970\].
    pub at: i64,
    /// ARN, canonical ID, or `-`.
    pub requester: &'a [u8],
    /// Request ID.
    pub request_id: &'a [u8],
    /// Operation.
    pub operation: &'a [u8],
    /// Object, as the log encodes it.
    pub object: &'a [u8],
    /// HTTP status.
    pub status: &'a [u8],
    /// Error code.
    pub error: &'a [u8],
    /// User agent.
    pub agent: &'a [u8],
    /// Host of the request.
    pub host: &'a [u8],
    /// A number that stands for the user agent among the lines of a file; 0: none does.
    pub agent_number: u16,
    /// Whether its URI might end elsewhere.
    pub ambiguous: bool,
    /// Request ID, operation and object with a blank between each, as they stand in the line; empty: they do not stand so.
    pub request: &'a [u8],
}

/// The next field that ends with a blank, and what follows.
fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = text.iter().position(|b| *b != b' ')?;
    let text = &text[begin..];
    match memchr(b' ', text) {
        Some(n) => Some((&text[..n], &text[n + 1..])),
        None => Some((text, &[])),
    }
}

/// Whether a status and its blank come here, or `-` and a blank.
fn is_status(text: &[u8]) -> bool {
    match text {
        [b'-', b' ', ..] => true,
        [a, b, c, b' ', ..] => [a, b, c].iter().all(|d| d.is_ascii_digit()),
        [..] => false,
    }
}

/// Behind the URI, and whether it might end elsewhere.
fn after_uri(text: &[u8]) -> Option<(&[u8], bool)> {
    let begin = text.iter().position(|b| *b != b' ')?;
    let text = &text[begin..];
    if let Some(rest) = text.strip_prefix(b"- ") {
        return Some((rest, false));
    }
    let inner = text.strip_prefix(b"\"")?;
    let (mut by_version, mut by_quote) = (None, None);
    let mut ends = 0;
    let mut from = 0;
    while let Some(n) = memchr(b'"', &inner[from..]) {
        let at = from + n;
        from = at + 1;
        if inner.get(at + 1) != Some(&b' ') || !is_status(&inner[at + 2..]) {
            continue;
        }
        let before = &inner[..at];
        if has_version(before) {
            ends += 1;
            by_version.get_or_insert(at + 2);
        }
        by_quote.get_or_insert(at + 2);
        // The referer's quote is the next but nine fields; few lines have more than one end.
        if ends > 1 {
            break;
        }
    }
    let end = by_version.or(by_quote)?;
    Some((&inner[end..], ends > 1))
}

impl<'a> AccessLine<'a> {
    /// The fields of a line; `None`: it is not one.
    pub fn of(line: &'a [u8]) -> Option<AccessLine<'a>> {
        let (_, rest) = field(line)?;
        let (bucket, rest) = field(rest)?;
        let open = rest.iter().position(|b| *b != b' ')?;
        let inner = rest[open..].strip_prefix(b"[")?;
        let close = memchr(b']', &inner[..inner.len().min(40)])?;
        let at = time::of_access_log(&inner[..close])?;
        let (_, rest) = field(&inner[close + 1..])?;
        let (mut requester, rest) = field(rest)?;
        let (mut request_id, behind) = field(rest)?;
        let (mut operation, mut last) = field(behind)?;
        // A field may be missing altogether: operations have dots, request IDs have none.
        if !is_operation(operation) {
            if !is_operation(request_id) {
                return None;
            }
            (operation, last) = (request_id, behind);
            (request_id, requester) = (requester, b"-");
        }
        let (object, rest) = field(last)?;
        let (rest, ambiguous) = after_uri(rest)?;
        let (status, rest) = field(rest)?;
        let (error, rest) = field(rest)?;
        let tail_at = memrchr(b'"', rest);
        let (agent, tail) = match tail_at {
            Some(end) => (&rest[agent_begin(&rest[..end])..end], &rest[end + 1..]),
            None => (&b""[..], &b""[..]),
        };
        let mut host: &[u8] = b"";
        let mut left = tail;
        for _ in 0..6 {
            match field(left) {
                Some((value, rest)) => (host, left) = (value, rest),
                None => {
                    host = b"";
                    break;
                }
            }
        }
        Some(AccessLine {
            bucket,
            at,
            requester,
            request_id,
            operation,
            object,
            status,
            error,
            agent,
            agent_number: 0,
            host,
            ambiguous,
            request: b"",
        })
    }
}

/// Where the user agent begins: behind the quote that follows the referer's, and a blank.
fn agent_begin(text: &[u8]) -> usize {
    let mut end = text.len();
    while let Some(n) = memrchr(b'"', &text[..end]) {
        if text[..n].ends_with(b"\" ") {
            return n + 1;
        }
        end = n;
    }
    0
}

/// Whether a text ends with `HTTP/d.d`.
fn has_version(text: &[u8]) -> bool {
    let end = text.len().checked_sub(8).map(|begin| &text[begin..]);
    matches!(end, Some([b'H', b'T', b'T', b'P', b'/', a, b'.', b]) if a.is_ascii_digit() && b.is_ascii_digit())
}

/// Whether a text is an operation.
pub fn is_operation(text: &[u8]) -> bool {
    let known = [&b"REST."[..], b"SOAP.", b"WEBSITE.", b"BATCH.", b"S3."];
    text.len() <= 60
        && known.iter().any(|p| text.starts_with(p))
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'))
}

/// Where a byte is in a text that is short until there: eight bytes at a time, without a call.
#[inline(always)]
fn near(byte: u8, text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let wanted = ONES * u64::from(byte);
    // Of the hits in a word, the lowest is a true one.
    let hits = |word: u64| {
        let other = word ^ wanted;
        other.wrapping_sub(ONES) & !other & HIGH
    };
    let (pairs, rest) = text.as_chunks::<16>();
    for (i, pair) in pairs.iter().enumerate() {
        let pair = u128::from_le_bytes(*pair);
        let (low, high) = (hits(pair as u64), hits((pair >> 64) as u64));
        if low | high != 0 {
            let at = match low {
                0 => 64 + high.trailing_zeros(),
                low => low.trailing_zeros(),
            };
            return Some(i * 16 + at as usize / 8);
        }
    }
    let found = rest.iter().position(|b| *b == byte)?;
    Some(pairs.len() * 16 + found)
}

/// The next word up to one blank; `None`: there is none, or it is empty.
#[inline(always)]
fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = near(b' ', rest)?;
    let word = &rest[..end];
    *rest = &rest[end + 1..];
    (end > 0).then_some(word)
}

/// Operations that are known again without a look at their letters.
const OPERATIONS: usize = 4;

/// User agents that have a number, and bytes of one that has.
const AGENTS: usize = 1_000;
const LONGEST_AGENT: usize = 1_000;

/// Reads the lines of a file; lines after each other have much in common.
#[derive(Debug, Default)]
pub struct LineReader {
    /// The owner of the last line.
    owner: Vec<u8>,
    /// The time of the last line, as text and as second.
    time: [u8; 26],
    at: i64,
    /// Operations so far, the first few of them.
    operations: Vec<Vec<u8>>,
    /// The user agent and its closing quote, and signature, cipher and authentication of the last line read to its end.
    agent: Vec<u8>,
    security: Vec<u8>,
    /// The number of that user agent, and those of others before.
    agent_number: u16,
    agents: HashMap<Vec<u8>, u16>,
}

impl LineReader {
    /// Another user agent comes, with its closing quote.
    fn other_agent(&mut self, agent: &[u8]) {
        self.agent.clear();
        self.agent.extend_from_slice(agent);
        let new = u16::try_from(self.agents.len() + 1).unwrap_or(0);
        self.agent_number = match self.agents.get(agent) {
            Some(number) => *number,
            None if self.agents.len() < AGENTS && agent.len() <= LONGEST_AGENT => {
                self.agents.insert(agent.to_vec(), new);
                new
            }
            None => 0,
        };
    }

    /// The fields of a line in which nothing is odd: one blank between fields, a URI, a referer and a user agent in quotes, and no
    /// other quotes. `None`: it has to be read with care.
    #[inline(always)]
    pub fn usual<'a>(&mut self, line: &'a [u8]) -> Option<AccessLine<'a>> {
        let same = self.owner.len();
        let mut rest = line;
        if same > 0 && line.get(same) == Some(&b' ') && line[..same] == self.owner[..] {
            rest = &line[same + 1..];
        } else {
            let owner = word(&mut rest)?;
            self.owner.clear();
            self.owner.extend_from_slice(owner);
        }
        let bucket = word(&mut rest)?;
        let (time, behind) = rest.split_first_chunk::<29>()?;
        if time[0] != b'[' || time[27] != b']' || time[28] != b' ' {
            return None;
        }
        if time[1..27] != self.time[..] {
            self.at = time::of_access_log(&time[1..27])?;
            self.time.copy_from_slice(&time[1..27]);
        }
        rest = behind;
        word(&mut rest)?;
        let requester = word(&mut rest)?;
        let from = line.len() - rest.len();
        let request_id = word(&mut rest)?;
        let operation = word(&mut rest)?;
        let object = word(&mut rest)?;
        let request = &line[from..line.len() - rest.len() - 1];
        if !self.operations.iter().any(|known| known == operation) {
            if !is_operation(operation) {
                return None;
            }
            if self.operations.len() < OPERATIONS {
                self.operations.push(operation.to_vec());
            }
        }
        // The URI.
        let inner = rest.strip_prefix(b"\"")?;
        let quote = near(b'"', inner)?;
        rest = inner[quote + 1..].strip_prefix(b" ")?;
        if !has_version(&inner[..quote]) || !is_status(rest) {
            return None;
        }
        // Status, error and four numbers up to the referer.
        let quote = near(b'"', rest)?;
        let referer = &rest[quote + 1..];
        rest = &rest[..quote];
        if !rest.ends_with(b" ") {
            return None;
        }
        let status = word(&mut rest)?;
        let error = word(&mut rest)?;
        let quote = near(b'"', referer)?;
        let inner = referer[quote + 1..].strip_prefix(b" \"")?;
        let end = if !self.agent.is_empty() && inner.starts_with(&self.agent) {
            self.agent.len() - 1
        } else {
            let end = memchr(b'"', inner)?;
            self.other_agent(&inner[..=end]);
            end
        };
        let agent = &inner[..end];
        rest = inner[end + 1..].strip_prefix(b" ")?;
        if has_version(&referer[..quote]) || has_version(agent) || memchr(b'"', rest).is_some() {
            return None;
        }
        // Version, host ID, signature, cipher, authentication, host.
        word(&mut rest)?;
        let host_id = memchr(b' ', rest).filter(|n| *n > 0)?;
        rest = &rest[host_id + 1..];
        if !self.security.is_empty() && rest.starts_with(&self.security) {
            rest = &rest[self.security.len()..];
        } else {
            let begin = rest;
            for _ in 0..3 {
                word(&mut rest)?;
            }
            self.security.clear();
            self.security
                .extend_from_slice(&begin[..begin.len() - rest.len()]);
        }
        let host = word(&mut rest)?;
        Some(AccessLine {
            bucket,
            at: self.at,
            requester,
            request_id,
            operation,
            object,
            status,
            error,
            agent,
            agent_number: self.agent_number,
            host,
            ambiguous: false,
            request,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A line of each kind that AWS describes.
    const LINES: [&str; 4] = [
        "o lake [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:sts::111122223333:assumed-role/etl/i-1 3E57427F33A59F07 REST.PUT.OBJECT a/b%2520c \"PUT /a/b%20c HTTP/1.1\" 200 - 1 44 41 28 \"-\" \"Boto3/1.44.5 md/Botocore#1.44.5\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3= SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - - eu-west-3",
        "o lake [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - ID REST.GET.OBJECT k \"GET /k HTTP/1.0\" 304 - - 44 41 28 \"https://x/?a=1\" \"curl/8\" v1 h= - - - lake.s3.amazonaws.com - - -",
        "o lake [06/Feb/2019:00:00:39 +0000] 192.0.2.3 - ID BATCH.DELETE.OBJECT k - 204 - - - - - - - - h= SigV4 C AuthHeader s3.amazonaws.com TLSv1.2",
        "o lake [06/Feb/2019:00:00:39 +0000] 192.0.2.3 - ID REST.GET.OBJECT k \"GET /k?\"x\" HTTP/1.1\" 200 - 1 44 41 28 \"-\" \"-\" -",
    ];

    /// Without what only the usual way tells.
    fn fields<'a>(line: Option<AccessLine<'a>>) -> Option<AccessLine<'a>> {
        line.map(|line| AccessLine {
            request: b"",
            agent_number: 0,
            ..line
        })
    }

    #[test]
    fn usual_lines_are_read_in_one_pass() {
        let mut reader = LineReader::default();
        let usual = LINES.map(|line| reader.usual(line.as_bytes()).is_some());
        assert_eq!(usual, [true, true, false, false]);
        for line in LINES {
            let usual = reader.usual(line.as_bytes());
            let read = usual.or_else(|| AccessLine::of(line.as_bytes()));
            assert!(
                read.is_some() && fields(read) == AccessLine::of(line.as_bytes()),
                "{line}"
            );
            let request = read.expect("a line").request;
            assert!(
                request.is_empty()
                    || line.contains(&format!(" {} \"", String::from_utf8_lossy(request)))
            );
        }
        assert_eq!(near(b'x', b"0123456789abcx"), Some(13));
        assert_eq!(
            (
                near(b'x', b"\xf8\x79xx"),
                near(b'x', b"01234567"),
                near(b'x', b"")
            ),
            (Some(2), None, None)
        );
        assert_eq!(near(b'x', b"0123456789abcdef0123456789abcx"), Some(29));
        assert_eq!(near(b'x', b"\xf8\xf9\x79\x78\x79xx0123456789"), Some(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// However a line is mutated, one pass says what care says, or nothing.
        #[test]
        fn one_pass_says_what_care_says(
            lines in prop::collection::vec((0..LINES.len(), prop::collection::vec((0..400_usize, 0..13_usize), 0..4)), 1..4),
        ) {
            let pieces: [&[u8]; 13] = [
                b" ", b"\"", b"", b"-", b"HTTP/1.1\" 200 ", b"\" 403 - ", b"\0", b"[", b"]", b"REST.GET.OBJECT", b"\xff", b" HTTP/1.1\" ", b"\" \"",
            ];
            let mut reader = LineReader::default();
            for (line, changes) in lines {
                let mut text = LINES[line].as_bytes().to_vec();
                for (place, piece) in changes {
                    let place = place % text.len();
                    // Nothing put in: a byte is lost.
                    let lost = usize::from(pieces[piece].is_empty());
                    text.splice(place..place + lost, pieces[piece].iter().copied());
                }
                if let Some(usual) = reader.usual(&text) {
                    prop_assert_eq!(fields(Some(usual)), AccessLine::of(&text));
                }
            }
        }
    }

    const OWNER: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be lake";

    fn line(rest: &str) -> String {
        format!("{OWNER} [06/Feb/2019:00:00:38 +0000] 192.0.2.3 {rest}")
    }

    #[test]
    fn hostile_lines_are_read() {
        let tail = "\"-\" \"x y\" - hostid= SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSV1.2 - -";
        for (rest, status, ambiguous) in [
            (format!("- ID REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 {tail}"), "200", false),
            (format!("- ID REST.GET.OBJECT k \"GET /k?a=\"b\"&c=\"d\" HTTP/1.1\" 404 NoSuchKey 1 1 1 1 {tail}"), "404", false),
            (format!("- ID REST.COPY.OBJECT_GET k - 200 - 1 1 1 1 {tail}"), "200", false),
            (format!("- ID BATCH.DELETE.OBJECT k - 204 - - - - - - - - hostid= {tail}"), "204", false),
            (format!(" arn:aws:iam::1:user/u ID REST.GET.OBJECT k \"GET /k HTTP/1.1\" 206 - - 1 1 1 {tail}"), "206", false),
            // Who asks cannot forge a status unseen.
            (format!("- ID REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 HTTP/1.1\" 403 - 1 1 1 1 {tail}"), "200", true),
            ("- ID REST.PUT.OBJECT k \"PUT /k HTTP/1.1\" 200 - - 44 41 28 \"-\" \"S3Console/0.4\" -".to_owned(), "200", false),
        ] {
            let text = line(&rest);
            let found = AccessLine::of(text.as_bytes()).unwrap_or_else(|| panic!("{rest}"));
            assert_eq!((found.status, found.ambiguous), (status.as_bytes(), ambiguous), "{rest}");
            assert_eq!(found.object, b"k");
        }
        assert!(AccessLine::of(b"# a comment").is_none());
        assert!(AccessLine::of(b"").is_none());
    }
}
