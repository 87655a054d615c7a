//! A table of requests with named columns, as CSV: a time, an operation, and what else is known.

use super::evidence::finding::{FileEnd, Findings, Item};
use super::evidence::series::{CountedAs, LoadOrigin, RecordKind, RequestOutcome, SeriesKey, Via};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::time;
use super::window::Window;

/// Names of the column with times.
const TIME: &[&str] = &["time", "timestamp", "eventtime", "date", "t"];

/// Whether a file that begins so is such a table.
pub fn recognises(head: &Head) -> bool {
    let line = String::from_utf8_lossy(head.first_line()).to_ascii_lowercase();
    let names: Vec<&str> = line
        .split(',')
        .map(|n| n.trim().trim_matches('"'))
        .collect();
    let has = |name: &str| names.contains(&name);
    TIME.iter().any(|t| has(t)) && (has("operation") || has("eventname"))
}

/// Reads a table.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(lines::Through(window));
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(_) => return FileEnd::Broken("has no header".to_owned(), 0),
    };
    let at = |names: &[&str]| {
        names.iter().find_map(|name| {
            let same = |h: &str| h.trim().eq_ignore_ascii_case(name);
            header.iter().position(same)
        })
    };
    let time_at = at(TIME);
    let columns = [
        at(&["account", "accountid", "recipientaccountid"]),
        at(&["region", "awsregion"]),
        at(&["requester", "role", "principal"]),
        at(&["operation", "eventname"]),
        at(&["key", "keyid", "key_id"]),
        at(&["bucket", "bucketname"]),
        at(&["error", "errorcode"]),
    ];
    let count_at = at(&["count", "requests", "calls", "sum"]);
    let mut row = csv::StringRecord::new();
    loop {
        let byte = reader.position().byte();
        match reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return FileEnd::Whole,
            Err(e) if e.is_io_error() => {
                return FileEnd::Broken("cannot be decompressed or read further".to_owned(), byte);
            }
            Err(_) => {
                findings.seen += 1;
                findings.skip(SkipReason::Malformed, || format!("byte {byte}"));
                continue;
            }
        }
        findings.seen += 1;
        let cell = |i: Option<usize>| i.and_then(|i| row.get(i)).unwrap_or_default().trim();
        let Some(second) = time::of_table(cell(time_at)) else {
            findings.skip(SkipReason::NoTime, || format!("byte {byte}"));
            continue;
        };
        let n = match count_at {
            None => Some(1.0),
            Some(i) => cell(Some(i)).parse::<f64>().ok(),
        };
        let Some(n) = n.filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 1e15) else {
            findings.skip(SkipReason::NotACount, || format!("byte {byte}"));
            continue;
        };
        let values = columns.map(cell);
        let kind = findings.kind(values.join("\n").as_bytes(), || {
            let [account, region, requester, operation, key, bucket, error] = values;
            let outcome = match error {
                "" => RequestOutcome::Ok,
                e if e.contains("Throttl") || e == "SlowDown" => RequestOutcome::Throttled,
                _ => RequestOutcome::Failed,
            };
            RecordKind {
                tally: CountedAs::Sample,
                series: Some(SeriesKey {
                    account: account.to_owned(),
                    region: region.to_owned(),
                    requester: requester.to_owned(),
                    operation: operation.to_owned(),
                    key: key.to_owned(),
                    bucket: bucket.to_owned(),
                    via: Via::Direct,
                    outcome,
                    ..SeriesKey::of(LoadOrigin::Table)
                }),
            }
        });
        findings.item(Item {
            at: second,
            n: n as u64,
            id: 0,
            shared: 0,
            session: 0,
            kind,
        });
    }
}
