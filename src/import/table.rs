//! A table of requests with named columns, as CSV: a time, an operation, and what else is known.
//!
//! A row is a request, or as many as its count says. Rows with counts that are all evenly apart are sums of that time, as a metric's
//! samples are; other counts are of a second.

use super::evidence::finding::{FileEnd, Findings, Item};
use super::evidence::series::{
    CountedAs, LoadOrigin, RecordKind, RequestOutcome, SeriesKey, Via, word,
};
use super::evidence::skip::{SkipReason, is_count};
use super::head::Head;
use super::metric::LONGEST_PERIOD;
use super::rows::{CellRow, CellRows};
use super::time;
use super::window::Window;
use std::collections::HashMap;

/// Kinds of rows that are held at most, and bytes of what they are called.
const KINDS: usize = 1 << 14;
const BYTES: usize = 2 << 20;
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
            Err(end) => {
                reader.hand_in(findings);
                return end;
            }
        }
    }
}

/// Rows with counts that are held until the time between them is known.
const HELD: usize = 200_000;

/// A row that is held.
#[derive(Clone, Copy)]
struct HeldRow {
    at: i64,
    n: f64,
    kind: usize,
    byte: u64,
}

/// Reads the rows of one table.
pub struct TableReader {
    time: usize,
    columns: [Option<usize>; 7],
    count: Option<usize>,
    scratch: Vec<u8>,
    /// What is held, with the kinds of rows among it.
    held: Vec<HeldRow>,
    kinds: HashMap<Vec<u8>, usize>,
    series: Vec<(Vec<u8>, SeriesKey)>,
    bytes: usize,
    /// What a row with a count is the sum of, as far as it is known \[s\].
    period: Option<i64>,
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
            held: Vec::new(),
            kinds: HashMap::new(),
            series: Vec::new(),
            bytes: 0,
            period: None,
        })
    }

    /// Reads a row.
    pub fn one(&mut self, row: &CellRow, byte: u64, findings: &mut Findings<'_>) {
        findings.seen += 1;
        let Some(at) = time::of_table(row.cell(Some(self.time))) else {
            return findings.skip(SkipReason::NoTime, || format!("byte {byte}"));
        };
        let n = match self.count {
            None => Some(1.0),
            Some(i) => row.cell(Some(i)).parse::<f64>().ok(),
        };
        let Some(n) = n else {
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
        let kind = match self.kinds.get(&self.scratch) {
            Some(kind) => *kind,
            None => {
                let kind = self.series.len();
                self.kinds.insert(self.scratch.clone(), kind);
                self.series.push((self.scratch.clone(), series(values)));
                self.bytes += self.scratch.len();
                kind
            }
        };
        self.held.push(HeldRow { at, n, kind, byte });
        if self.held.len() >= HELD || self.series.len() >= KINDS || self.bytes >= BYTES {
            self.hand_in(findings);
        }
    }

    /// Hands in what is held, now that the time between rows is known; to be called behind the last one.
    pub fn hand_in(&mut self, findings: &mut Findings<'_>) {
        let period = match self.count {
            Some(_) => self.period(),
            None => 1,
        };
        // The same kind of row of another period is another kind.
        for (key, _) in &mut self.series {
            key.extend_from_slice(&period.to_le_bytes());
        }
        for row in std::mem::take(&mut self.held) {
            if !is_count(row.n, period) {
                findings.skip(SkipReason::NotACount, || format!("byte {}", row.byte));
                continue;
            }
            let (key, series) = &self.series[row.kind];
            let kind = findings.kind(key, || RecordKind {
                tally: CountedAs::Sample,
                series: Some(SeriesKey {
                    period: u32::try_from(period).unwrap_or(1),
                    ..series.clone()
                }),
            });
            findings.item(Item {
                at: row.at,
                n: row.n as u64,
                id: 0,
                shared: 0,
                session: 0,
                kind,
            });
        }
        self.kinds.clear();
        self.series.clear();
        self.bytes = 0;
    }

    /// The time between the rows that are held and all before, where they are evenly apart; otherwise a second.
    fn period(&mut self) -> i64 {
        let mut times: Vec<i64> = self.held.iter().map(|row| row.at).collect();
        times.sort_unstable();
        times.dedup();
        let gaps = || times.windows(2).map(|w| w[1].saturating_sub(w[0]));
        let least = gaps().filter(|gap| *gap <= LONGEST_PERIOD).min();
        let period = match (least, self.period) {
            (Some(least), Some(before)) => least.min(before),
            (Some(period), None) | (None, Some(period)) => period,
            (None, None) => 1,
        };
        let period = if gaps().all(|gap| gap % period == 0) {
            period
        } else {
            1
        };
        self.period = Some(period);
        period
    }
}

/// What rows of a kind count, by their cells.
fn series(values: [&str; 7]) -> SeriesKey {
    let [account, region, requester, operation, key, bucket, error] = values;
    let outcome = match error {
        "" => RequestOutcome::Ok,
        e if e.contains("Throttl") || e == "SlowDown" => RequestOutcome::Throttled,
        _ => RequestOutcome::Failed,
    };
    SeriesKey {
        account: account.to_owned(),
        region: word(region).to_owned(),
        requester: requester.to_owned(),
        operation: word(operation).to_owned(),
        key: key.to_owned(),
        bucket: bucket.to_owned(),
        via: Via::Direct,
        outcome,
        ..SeriesKey::of(LoadOrigin::Table)
    }
}
