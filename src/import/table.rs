//! A table of requests with named columns, as CSV: a time, an operation, and what else is known.

use super::evidence::finding::{FileEnd, Findings, Item};
use super::evidence::series::{
    CountedAs, LoadOrigin, RecordKind, RequestOutcome, SeriesKey, Via, word,
};
use super::evidence::skip::{SkipReason, is_count};
use super::head::Head;
use super::rows::{CellRow, CellRows};
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
    let mut rows = CellRows::of(window);
    let mut row = CellRow::default();
    let reader = match rows.next(&mut row, findings) {
        Ok(_) => TableReader::of(&row),
        Err(FileEnd::Whole | FileEnd::LeftOut(_)) => None,
        Err(broken @ FileEnd::Broken(..)) => return broken,
    };
    let Some(mut reader) = reader else {
        return FileEnd::Broken("has no columns `time` and `operation`".to_owned(), 0);
    };
    loop {
        match rows.next(&mut row, findings) {
            Ok(at) => reader.one(&row, at, findings),
            Err(end) => return end,
        }
    }
}

/// Reads the rows of one table.
pub struct TableReader {
    time: usize,
    columns: [Option<usize>; 7],
    count: Option<usize>,
    scratch: Vec<u8>,
}

impl TableReader {
    /// Of a table with that header; `None`: it is not one.
    pub fn of(header: &CellRow) -> Option<TableReader> {
        let at = |names: &[&str]| header.column(names);
        let operation = at(&["operation", "eventname"])?;
        Some(TableReader {
            time: at(TIME)?,
            columns: [
                at(&["account", "accountid", "recipientaccountid"]),
                at(&["region", "awsregion"]),
                at(&["requester", "role", "principal"]),
                Some(operation),
                at(&["key", "keyid"]),
                at(&["bucket", "bucketname"]),
                at(&["error", "errorcode"]),
            ],
            count: at(&["count", "requests", "calls", "sum"]),
            scratch: Vec::new(),
        })
    }

    /// Reads a row.
    pub fn one(&mut self, row: &CellRow, byte: u64, findings: &mut Findings<'_>) {
        findings.seen += 1;
        let Some(second) = time::of_table(row.cell(Some(self.time))) else {
            return findings.skip(SkipReason::NoTime, || format!("byte {byte}"));
        };
        let n = match self.count {
            None => Some(1.0),
            Some(i) => row.cell(Some(i)).parse::<f64>().ok(),
        };
        let Some(n) = n.filter(|n| is_count(*n, 1)) else {
            return findings.skip(SkipReason::NotACount, || format!("byte {byte}"));
        };
        let values = self.columns.map(|i| row.cell(i));
        if values[3].is_empty() {
            return findings.skip(SkipReason::NoValue, || format!("byte {byte}"));
        }
        self.scratch.clear();
        for value in values {
            self.scratch.extend_from_slice(value.as_bytes());
            self.scratch.push(0);
        }
        let kind = findings.kind(&self.scratch, || {
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
                    region: word(region).to_owned(),
                    requester: requester.to_owned(),
                    operation: word(operation).to_owned(),
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
