//! S3 server access logs: text with 18 to 27 fields and more to come, and the JSON form of CloudWatch Logs.
//!
//! The requester writes the URI, the referer and the user agent, quotes included. So the first eight fields are read from the
//! left; the URI ends at the first `HTTP/d.d" ` (else the first `" `) that a status follows; what is behind the user agent is
//! read from the last quote. A line with more than one place where its URI might end is read by the first, and counted as ambiguous.

use super::cloudtrail::client;
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::series::{CountedAs, LoadOrigin, RecordKind, RequestOutcome, SeriesKey, Via};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::json;
use super::lines;
use super::time;
use super::window::Window;
use memchr::{memchr, memmem, memrchr};

/// Whether a file that begins so is an access log.
pub fn recognises(head: &Head) -> bool {
    let mut lines = head.bytes.split(|b| *b == b'\n').take(20);
    lines.any(|line| AccessLine::of(line).is_some())
}

/// Whether a file that begins so is an access log in JSON.
pub fn recognises_json(head: &Head) -> bool {
    head.has_all(&["bucket_name", "request_time"])
        || head.has_all(&["schema_version_id", "bucket_name"])
        // Inside what CloudWatch Logs wraps them in.
        || (memmem::find(&head.bytes, br#"\"request_time\""#).is_some()
            && memmem::find(&head.bytes, br#"\"bucket_name\""#).is_some())
        || (memmem::find(head.first_line(), br#""request_time""#).is_some()
            && memmem::find(head.first_line(), br#""bucket_name""#).is_some())
}

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
    /// Whether its URI might end elsewhere.
    pub ambiguous: bool,
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
        let has_version = before.len() >= 8
            && matches!(&before[before.len() - 8..], [b'H', b'T', b'T', b'P', b'/', a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit());
        if has_version {
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
        let (mut requester, mut rest) = field(rest)?;
        let (mut request_id, mut behind) = field(rest)?;
        let (mut operation, mut last) = field(behind)?;
        // A field may be missing altogether: operations have dots, request IDs have none.
        if !is_operation(operation) && is_operation(request_id) {
            (operation, last) = (request_id, behind);
            (request_id, behind) = (requester, rest);
            (requester, rest) = (b"-", rest);
        }
        let _ = (behind, rest);
        if !is_operation(operation) {
            return None;
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
            host,
            ambiguous,
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

fn is_operation(text: &[u8]) -> bool {
    let known = [&b"REST."[..], b"SOAP.", b"WEBSITE.", b"BATCH.", b"S3."];
    text.len() <= 60
        && known.iter().any(|p| text.starts_with(p))
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'))
}

/// Reads a text log.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut scratch = Vec::new();
    lines::each(window, findings, |text, at, findings| {
        if text.trim_ascii().is_empty() {
            return;
        }
        findings.seen += 1;
        let place = || format!("byte {at}");
        if text[0] == b'#' {
            return findings.skip(SkipReason::Comment, place);
        }
        let Some(line) = AccessLine::of(text) else {
            return findings.skip(SkipReason::Malformed, place);
        };
        if line.ambiguous {
            findings.ambiguous += 1;
        }
        hand_in(&line, &mut scratch, findings);
    })
}

/// Reads a record of a log in JSON, whatever it was wrapped in; `at` is its first byte in the file.
pub fn record(text: &[u8], at: u64, findings: &mut Findings<'_>) {
    fn index(name: &[u8]) -> Option<usize> {
        Some(match name {
            b"bucket_name" => 0,
            b"request_time" => 1,
            b"requester" => 2,
            b"request_id" => 3,
            b"operation" => 4,
            b"key_name" | b"key" => 5,
            b"http_status" => 6,
            b"error_code" => 7,
            b"user_agent" => 8,
            b"host_header" => 9,
            _ => return None,
        })
    }
    findings.seen += 1;
    let place = || format!("byte {at}");
    let Some(found) = json::of_object::<10>(text, index) else {
        return findings.skip(SkipReason::Malformed, place);
    };
    let values = found.values.map(|v| {
        v.map_or(String::new(), |v| match json::text(v) {
            Some(text) => text.into_owned(),
            None if json::is_null(v) => "-".to_owned(),
            None => String::from_utf8_lossy(v).into_owned(),
        })
    });
    let Some(second) = time::of_table(&values[1]) else {
        return findings.skip(SkipReason::NoTime, place);
    };
    let is_status =
        |text: &str| text == "-" || text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    if !(values[4] == "-" || is_operation(values[4].as_bytes())) || !is_status(&values[6]) {
        return findings.skip(SkipReason::Malformed, place);
    }
    let b = |i: usize| values[i].as_bytes();
    let line = AccessLine {
        bucket: b(0),
        at: second,
        requester: b(2),
        request_id: b(3),
        operation: b(4),
        object: b(5),
        status: b(6),
        error: b(7),
        agent: b(8),
        host: b(9),
        ambiguous: false,
    };
    hand_in(&line, &mut Vec::new(), findings);
}

fn hand_in(line: &AccessLine<'_>, scratch: &mut Vec<u8>, findings: &mut Findings<'_>) {
    scratch.clear();
    let role = role(line.requester);
    for part in [
        line.operation,
        line.status,
        line.error,
        line.bucket,
        line.agent,
        line.host,
        role,
    ] {
        scratch.extend_from_slice(part);
        scratch.push(b' ');
    }
    let kind = findings.kind(scratch, || kind(line));
    scratch.clear();
    for part in [line.request_id, line.operation, line.object, line.status] {
        scratch.extend_from_slice(part);
        scratch.push(b' ');
    }
    let known = line.request_id != b"-" && !line.request_id.is_empty();
    findings.item(Item {
        at: line.at,
        n: 1,
        id: if known { fingerprint(scratch) } else { 0 },
        shared: 0,
        session: fingerprint(line.requester),
        kind,
    });
}

/// The part of a requester that its sessions have in common.
fn role(requester: &[u8]) -> &[u8] {
    match memchr(b'/', requester) {
        Some(first) if requester[..first].ends_with(b":assumed-role") => {
            memrchr(b'/', requester).map_or(requester, |n| &requester[..n])
        }
        Some(_) | None => requester,
    }
}

fn kind(line: &AccessLine<'_>) -> RecordKind {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let status = text(line.status);
    let operation = text(line.operation);
    let outcome = match (status.as_str(), line.error) {
        ("503", b"SlowDown") => RequestOutcome::Throttled,
        ("-", _) => RequestOutcome::Unknown,
        (s, _) if s.starts_with('2') => RequestOutcome::Ok,
        (_, _) => RequestOutcome::Failed,
    };
    let requester = text(role(line.requester));
    let account = requester.split(':').nth(4).unwrap_or_default().to_owned();
    // As CloudTrail names the role behind a session.
    let requester = match requester.split_once(":assumed-role/") {
        Some((_, role)) => format!("arn:aws:iam::{account}:role/{role}"),
        None => requester,
    };
    let series = request(&operation).map(|api| SeriesKey {
        account,
        region: region(&text(line.host)),
        requester,
        operation: api.to_owned(),
        bucket: text(line.bucket),
        via: Via::Direct,
        client: client::name(&text(line.agent)),
        outcome,
        ..SeriesKey::of(LoadOrigin::AccessLog)
    });
    RecordKind {
        tally: CountedAs::Line { operation, status },
        series,
    }
}

/// The Region in a host such as `lake.s3.eu-west-3.amazonaws.com`; the old host without one is us-east-1's.
fn region(host: &str) -> String {
    let known = host
        .split(['.', ' '])
        .find(|part| crate::catalog::partition(part).is_some());
    match known {
        Some(region) => region.to_owned(),
        None if host.ends_with("s3.amazonaws.com") => "us-east-1".to_owned(),
        None => String::new(),
    }
}

/// The request behind an operation of the log; `None`: no request of its own, or none for an object.
fn request(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "REST.GET.OBJECT" | "WEBSITE.GET.OBJECT" | "SOAP.GET.OBJECT" => "GetObject",
        "REST.HEAD.OBJECT" | "WEBSITE.HEAD.OBJECT" => "HeadObject",
        "REST.PUT.OBJECT" | "SOAP.PUT.OBJECT" => "PutObject",
        "REST.POST.OBJECT" => "PostObject",
        "REST.DELETE.OBJECT" => "DeleteObject",
        "REST.COPY.OBJECT" => "CopyObject",
        "REST.COPY.PART" => "UploadPartCopy",
        "REST.PUT.PART" => "UploadPart",
        "REST.POST.UPLOADS" => "CreateMultipartUpload",
        "REST.POST.UPLOAD" => "CompleteMultipartUpload",
        "REST.DELETE.UPLOAD" => "AbortMultipartUpload",
        "REST.GET.UPLOAD" => "ListParts",
        "REST.GET.UPLOADS" => "ListMultipartUploads",
        "REST.GET.BUCKET" => "ListObjects",
        "REST.HEAD.BUCKET" => "HeadBucket",
        "REST.GET.OBJECT_TAGGING" => "GetObjectTagging",
        "REST.PUT.OBJECT_TAGGING" => "PutObjectTagging",
        "REST.GET.ACL" => "GetObjectAcl",
        "REST.PUT.ACL" => "PutObjectAcl",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_a_line_counts_as() {
        let text = line(
            "arn:aws:sts::111122223333:assumed-role/etl/i-1 ID REST.PUT.OBJECT k \"PUT /k HTTP/1.1\" 503 SlowDown 1 1 1 1 \"-\" \"Boto3/1.44.5\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - - eu-west-1",
        );
        let line = AccessLine::of(text.as_bytes()).expect("a line");
        let series = kind(&line).series.expect("a request");
        assert_eq!(series.requester, "arn:aws:iam::111122223333:role/etl");
        assert_eq!(
            (series.region.as_str(), series.operation.as_str()),
            ("eu-west-3", "PutObject")
        );
        assert_eq!(
            (series.outcome, series.client.as_str()),
            (RequestOutcome::Throttled, "Boto3/1.44")
        );
        assert_eq!(request("S3.EXPIRE.OBJECT"), None);
    }
}
