//! S3 server access logs: text with 18 to 27 fields and more to come, and the JSON form of CloudWatch Logs.
//!
//! The requester writes the URI, the referer and the user agent, quotes included. So the first eight fields are read from the
//! left; the URI ends at the first `HTTP/d.d" ` (else the first `" `) that a status follows; what is behind the user agent is
//! read from the last quote. A line with more than one place where its URI might end is read by the first, and counted as ambiguous.

mod line;

use super::cloudtrail::client;
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint, fingerprint_beside};
use super::evidence::series::{CountedAs, LoadOrigin, RecordKind, RequestOutcome, SeriesKey, Via};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::json;
use super::lines;
use super::time;
use super::window::Window;
use line::{AccessLine, LineReader, is_operation};
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

/// Reads a text log.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut scratch = Vec::new();
    let mut reader = LineReader::default();
    lines::each(window, findings, |text, at, findings| {
        if text.trim_ascii().is_empty() {
            return;
        }
        findings.seen += 1;
        let place = || format!("byte {at}");
        if text[0] == b'#' {
            return findings.skip(SkipReason::Comment, place);
        }
        if let Some(line) = reader.usual(text) {
            return hand_in(&line, &mut scratch, findings);
        }
        match AccessLine::of(text) {
            Some(line) => odd(&line, &mut scratch, findings),
            None => findings.skip(SkipReason::Malformed, place),
        }
    })
}

/// Hands in a line that was read with care.
#[cold]
fn odd(line: &AccessLine<'_>, scratch: &mut Vec<u8>, findings: &mut Findings<'_>) {
    findings.ambiguous += u64::from(line.ambiguous);
    hand_in(line, scratch, findings);
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
        agent_number: 0,
        host: b(9),
        ambiguous: false,
        request: b"",
    };
    hand_in(&line, &mut Vec::new(), findings);
}

#[inline]
fn hand_in(line: &AccessLine<'_>, scratch: &mut Vec<u8>, findings: &mut Findings<'_>) {
    // The number instead of the user agent, where it has one: which of both it is, the end tells. It has no blanks.
    let [low, high] = line.agent_number.to_le_bytes();
    let number = [low & 0x3f, low >> 6 | high << 2, high >> 6].map(|six| six & 0x3f | 0x40);
    let (agent, number) = match line.agent_number {
        0 => (line.agent, &b""[..]),
        _ => (&b""[..], &number[..]),
    };
    let parts = [
        line.operation,
        line.status,
        line.error,
        line.bucket,
        agent,
        line.host,
        role(line.requester),
        number,
    ];
    let kind = findings.kind_of(parts, || kind(line));
    let request = if line.request.is_empty() {
        scratch.clear();
        for part in [line.request_id, b" ", line.operation, b" ", line.object] {
            scratch.extend_from_slice(part);
        }
        scratch
    } else {
        line.request
    };
    let known = line.request_id != b"-" && !line.request_id.is_empty();
    findings.item(Item {
        at: line.at,
        n: 1,
        id: if known {
            fingerprint_beside(request, line.status)
        } else {
            0
        },
        shared: 0,
        session: fingerprint(line.requester),
        kind,
    });
}

/// The part of a requester that its sessions have in common.
fn role(requester: &[u8]) -> &[u8] {
    match (memrchr(b'/', requester), memchr(b'/', requester)) {
        (Some(last), Some(first)) if requester[..first].ends_with(b":assumed-role") => {
            &requester[..last]
        }
        (_, _) => requester,
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

    #[test]
    fn what_a_line_counts_as() {
        let text = concat!(
            "o lake [06/Feb/2019:00:00:38 +0000] 192.0.2.3 ",
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
