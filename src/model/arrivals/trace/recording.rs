//! What a CSV file of recorded requests holds: every fault of it at once.

use super::column::Columns;
use super::time::{TimeUnit, Times};
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::input::diagnostic::{Code, Diagnostic};
use crate::input::files::sha256_hex;
use crate::model::arrivals::rate::MAX_RATE;
use crate::units::Span;
use csv::StringRecord;
use std::collections::BTreeSet;
use std::path::Path;

/// How a file is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordingOptions<'a> {
    /// The unit of times that are numbers.
    pub time_unit: Option<TimeUnit>,
    /// The column that says how many requests a row is.
    pub count: Option<&'a str>,
    /// Whether it is refused where a row looks like several requests.
    pub checked: bool,
    /// Over what time a row's requests are spread, where it is given.
    pub period: Option<Span>,
}

impl RecordingOptions<'_> {
    /// A name for what they make of a file.
    pub fn name(&self) -> String {
        format!("trace {self:?}")
    }
}

/// What a file holds: a recorded series of requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Rows in order of time; at least one.
    pub rows: Vec<TraceRow>,
    /// Where rows count: how many requests each is.
    pub counts: Vec<u64>,
    /// Where rows count: over what time a row's requests are spread \[ns\].
    pub period: Option<u64>,
    /// The unit that times were taken to be in, where they are dates as computers count them and nobody said.
    pub recognised: Option<TimeUnit>,
    /// What the rows say of their requests, each once, in order.
    pub kinds: Vec<RowKind>,
    /// Names of the operations in the file, in order of appearance.
    pub operations: Vec<String>,
    /// Names of the requesters in the file, in order of appearance.
    pub requesters: Vec<String>,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// Time since the first arrival \[ns\], as recorded.
    pub at: u128,
    /// What it says of its request, index of [`Recording::kinds`].
    pub kind: u32,
    /// Identity of the object.
    pub object: Option<u64>,
    /// Size \[bytes\].
    pub size: Option<u64>,
}

/// What a row says of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKind {
    /// Index of the recording's operations, `None` where not recorded.
    pub operation: Option<u32>,
    /// Index of the recording's requesters.
    pub requester: Option<u32>,
}

/// What is wrong with a trace file.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read the trace `{path}`: {reason}")]
    Unreadable {
        /// The path as resolved.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// A row may be more than one request.
    #[error("{path}: the file {reason}")]
    Aggregated {
        /// The path as resolved.
        path: String,
        /// What looks so.
        reason: String,
    },
    /// A row or the header is at fault.
    #[error("{path}:{line}: {reason}")]
    Row {
        /// The path as resolved.
        path: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong, with the value.
        reason: String,
    },
}

/// At most this many faults of one file are reported.
const MOST_FAULTS: usize = 20;

impl TraceError {
    /// What is wrong, and what to do about it.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            TraceError::Unreadable { .. } => (
                Code::MissingFile,
                "paths are relative to the scenario file (with --set, also to the current directory)",
            ),
            TraceError::Aggregated { .. } => (
                Code::BadTraceRow,
                "name the column that counts, `count = \"Sum\"`; where each row is one request, write `count = \"none\"`",
            ),
            TraceError::Row { .. } => (Code::BadTraceRow, "correct the row, or leave it out"),
        };
        Diagnostic::error(code, self.to_string()).help(help)
    }
}

impl Recording {
    /// Reads a CSV file. All faults at once (at most 20).
    ///
    /// # Errors
    /// When the file cannot be read, has no time column, no row, rows with a broken time, size or count, or rows that
    /// look like several requests although nobody said so.
    pub(super) fn read(
        path: &Path,
        options: &RecordingOptions<'_>,
    ) -> Result<Recording, Vec<TraceError>> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| {
            vec![TraceError::Unreadable {
                path: shown.clone(),
                reason: e.to_string(),
            }]
        })?;
        let fault = |line: u64, reason: String| TraceError::Row {
            path: shown.clone(),
            line,
            reason,
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(bytes.as_slice());
        let headers = reader
            .headers()
            .map_err(|e| vec![fault(1, e.to_string())])?
            .clone();
        let columns = Columns::of(&headers, options.count).map_err(|why| vec![fault(1, why)])?;
        let aggregated = |reason: String| TraceError::Aggregated {
            path: shown.clone(),
            reason,
        };
        if let Some(name) = columns.statistic(&headers).filter(|_| options.checked) {
            return Err(vec![aggregated(format!(
                "has a column `{name}`, so a row may be more than one request"
            ))]);
        }
        let mut numbers = columns.numbers(&headers);
        let mut file = RowReader::new(columns);
        let mut faults = Vec::new();
        for record in reader.records() {
            if faults.len() >= MOST_FAULTS {
                break;
            }
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    numbers.iter_mut().for_each(|c| c.look_at(&record));
                    file.row(&record, line, &mut |reason| {
                        faults.push(fault(line, reason))
                    });
                }
                Err(e) => {
                    let line = e.position().map_or(0, csv::Position::line);
                    faults.push(fault(line, unreadable_row(&e)));
                }
            }
        }
        if faults.is_empty() && file.rows.is_empty() {
            faults.push(fault(
                1,
                "no rows: a trace needs at least one arrival".to_owned(),
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let recording = file.finish(options, sha256_hex(&bytes));
        let recording = recording.map_err(|(line, why)| vec![fault(line, why)])?;
        if let Some(column) = numbers.into_iter().find(|c| c.is_number)
            && options.checked
            && let Some(minutes) = recording.minutes_apart()
        {
            return Err(vec![aggregated(format!(
                "has a number `{}` in every row, and its rows are {minutes} min apart, so a row may be more than one request",
                column.name
            ))]);
        }
        Ok(recording)
    }

    /// Minutes between its rows where these are a whole number throughout, of at least three instants.
    fn minutes_apart(&self) -> Option<u128> {
        let mut apart: Vec<u128> = self.rows.windows(2).map(|p| p[1].at - p[0].at).collect();
        apart.retain(|ns| *ns > 0);
        let minute = 60 * u128::from(SECOND);
        let least = apart.iter().min().filter(|_| apart.len() > 1)?;
        let even = apart.iter().all(|ns| ns.is_multiple_of(minute));
        even.then_some(least / minute)
    }
}

fn unreadable_row(e: &csv::Error) -> String {
    match e.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields where the header has {expected_len}"),
        _ => e.to_string(),
    }
}

/// Reads rows one after another.
struct RowReader {
    columns: Columns,
    times: Times,
    rows: Vec<(RowKind, Option<u64>, Option<u64>)>,
    counts: Vec<u64>,
    operations: Vec<String>,
    requesters: Vec<String>,
}

impl RowReader {
    fn new(columns: Columns) -> RowReader {
        RowReader {
            columns,
            times: Times::default(),
            rows: Vec::new(),
            counts: Vec::new(),
            operations: Vec::new(),
            requesters: Vec::new(),
        }
    }

    fn row(&mut self, record: &StringRecord, line: u64, fault: &mut dyn FnMut(String)) {
        let cell = |i: Option<usize>| i.and_then(|i| record.get(i)).filter(|c| !c.is_empty());
        let columns = self.columns;
        let size = cell(columns.size.filter(|_| columns.count.is_none()));
        let size = size.and_then(|size| {
            let bytes = size.parse::<u64>().ok();
            if bytes.is_none() {
                fault(format!("size `{size}` is not a whole number of bytes"));
            }
            bytes
        });
        if let Some(at) = columns.count {
            let text = record.get(at).unwrap_or("");
            match count(text) {
                Some(n) => self.counts.push(n),
                None => fault(format!(
                    "count `{text}` is not a whole number of requests; leave out rows without data"
                )),
            }
        }
        let kind = RowKind {
            operation: cell(columns.operation).map(|name| index_of(&mut self.operations, name)),
            requester: cell(columns.requester).map(|name| index_of(&mut self.requesters, name)),
        };
        let object = cell(columns.key.filter(|_| columns.count.is_none()));
        let object = object.map(|name| Key::root(0, 0).named(name).bits());
        let text = record.get(columns.time).unwrap_or("");
        match self.times.push(text, line) {
            Ok(()) => self.rows.push((kind, object, size)),
            Err(why) => fault(why),
        }
    }

    fn finish(
        self,
        options: &RecordingOptions<'_>,
        sha256: String,
    ) -> Result<Recording, (u64, String)> {
        let times = self.times.finish(options.time_unit)?;
        let kinds: BTreeSet<RowKind> = self.rows.iter().map(|row| row.0).collect();
        let kinds: Vec<RowKind> = kinds.into_iter().collect();
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|&i| times.ns[i]);
        let first = order.first().map_or(0, |&i| times.ns[i]);
        let rows = order.iter().map(|&i| {
            let (kind, object, size) = self.rows[i];
            TraceRow {
                at: times.ns[i].abs_diff(first),
                kind: kinds.partition_point(|k| *k < kind) as u32,
                object,
                size,
            }
        });
        let rows: Vec<TraceRow> = rows.collect();
        let mut counts = Vec::new();
        let period = match self.columns.count {
            None => None,
            Some(_) => {
                counts.extend(order.iter().map(|&i| self.counts[i]));
                let most = counts.iter().copied().max().unwrap_or(0);
                Some(period(&rows, most, options.period)?)
            }
        };
        Ok(Recording {
            rows,
            counts,
            period,
            recognised: times.recognised,
            kinds,
            operations: self.operations,
            requesters: self.requesters,
            sha256,
        })
    }
}

/// How many requests a row is: a whole number, also where it is written `12.0`.
fn count(text: &str) -> Option<u64> {
    let n = text.parse::<f64>().ok()?;
    let whole = n >= 0.0 && n.fract() == 0.0 && n <= 9_007_199_254_740_992.0;
    whole.then_some(n as u64)
}

/// Over what time the requests of rows that count are spread \[ns\]: what is given, else the least time between two.
fn period(rows: &[TraceRow], most: u64, given: Option<Span>) -> Result<u64, (u64, String)> {
    let apart = rows.windows(2).map(|p| p[1].at - p[0].at);
    let apart: Vec<u128> = apart.filter(|ns| *ns > 0).collect();
    let least = apart.iter().copied().min();
    let period = match (given, least) {
        (Some(given), Some(least)) if u128::from(given.as_ns()) > least => {
            return Err((
                1,
                format!(
                    "`period` ({given}) is longer than the {} s between two of the rows, which would overlap",
                    least as f64 / SECOND as f64
                ),
            ));
        }
        (Some(given), _) => u128::from(given.as_ns()),
        (None, Some(least)) if apart.iter().all(|ns| ns.is_multiple_of(least)) => least,
        (None, Some(_)) => {
            return Err((
                1,
                "the rows are not evenly apart, so the time that each counts over is unknown: write `period`".to_owned(),
            ));
        }
        (None, None) => {
            return Err((
                1,
                "the rows have one time only, so the time that each counts over is unknown: write `period`".to_owned(),
            ));
        }
    };
    let seconds = period as f64 / SECOND as f64;
    if most as f64 / seconds > MAX_RATE.per_second() {
        return Err((
            1,
            format!("a row counts {most} requests in {seconds} s, more than {MAX_RATE}"),
        ));
    }
    u64::try_from(period).map_err(|_| (1, format!("a period of {seconds} s is too long")))
}

fn index_of(names: &mut Vec<String>, name: &str) -> u32 {
    let i = names.iter().position(|n| n == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    i as u32
}
