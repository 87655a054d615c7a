//! What a CSV file of recorded requests holds: every fault of it at once.
//!
//! A file is read row by row and never held as a whole. Most are plain: no quotes, nothing at fault. Such a file is
//! split at its commas ([`super::plain`]), several times as fast as by a reader of all that CSV allows; as soon as
//! anything is unusual it is read by that from the start, which also knows the place of every fault.

use super::column::{Columns, NumberColumn};
use super::plain::plain_rows;
use super::rows::Rows;
use super::seen::{RowKind, SeenKinds, SeenNames};
use super::time::{TimeUnit, Times};
use crate::engine::SECOND;
use crate::engine::narrow::{self, capped, index};
use crate::engine::random::Key;
use crate::input::diagnostic::{Code, Diagnostic};
use crate::input::files::Hashed;
use crate::input::named_file::NamedFile;
use crate::model::arrivals::rate::MAX_RATE;
use crate::units::Span;
use csv::StringRecord;
use std::io::Read;
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
    pub rows: Rows,
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
        source: &NamedFile,
        options: &RecordingOptions<'_>,
    ) -> Result<Recording, Vec<TraceError>> {
        let path = source.path();
        let unreadable = |e: std::io::Error| {
            vec![TraceError::Unreadable {
                path: path.display().to_string(),
                reason: e.to_string(),
            }]
        };
        let open = || source.open().map_err(unreadable);
        let mut file = open()?;
        // What is no file on a disk can be read only once.
        if source.is_regular() {
            if let Some(recording) = Recording::read_plain(path, file, options) {
                return Ok(recording);
            }
            file = open()?;
        }
        Recording::read_csv(path, file, options)
    }

    /// What a plain file holds in which nothing is at fault; `None` for any other.
    fn read_plain(
        path: &Path,
        file: impl Read,
        options: &RecordingOptions<'_>,
    ) -> Option<Recording> {
        let mut file = Hashed::new(file);
        let mut reading: Option<(RowReader, StringRecord)> = None;
        let mut sound = true;
        plain_rows(&mut file, |cells| {
            let Some((rows, _)) = &mut reading else {
                let headers: StringRecord = cells.iter().collect();
                let rows = RowReader::of(path, &headers, options).ok();
                reading = rows.map(|rows| (rows, headers));
                return reading.is_some();
            };
            rows.row(&|i| cells.get(i), 0, &mut |_| sound = false);
            sound
        })?;
        let (rows, headers) = reading?;
        rows.finish(path, &headers, options, file.sha256()).ok()
    }

    /// What a file holds, or all that is at fault with it.
    fn read_csv(
        path: &Path,
        file: impl Read,
        options: &RecordingOptions<'_>,
    ) -> Result<Recording, Vec<TraceError>> {
        let fault = |line: u64, reason: String| TraceError::Row {
            path: path.display().to_string(),
            line,
            reason,
        };
        let mut file = Hashed::new(file);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .from_reader(&mut file);
        let headers = reader
            .headers()
            .map_err(|e| vec![unreadable_row(path, 1, &e)])?;
        let headers = headers.clone();
        let mut rows = RowReader::of(path, &headers, options)?;
        let mut faults = Vec::new();
        let mut record = StringRecord::new();
        while faults.len() < MOST_FAULTS {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    rows.row(&|i| record.get(i).map(str::trim), line, &mut |reason| {
                        faults.push(fault(line, reason));
                    });
                }
                Err(e) => {
                    let line = e.position().map_or(0, csv::Position::line);
                    let is_over = matches!(e.kind(), csv::ErrorKind::Io(_));
                    faults.push(unreadable_row(path, line, &e));
                    if is_over {
                        break;
                    }
                }
            }
        }
        drop(reader);
        if !faults.is_empty() {
            return Err(faults);
        }
        rows.finish(path, &headers, options, file.sha256())
    }

    /// Minutes between its rows where these are a whole number throughout, of at least three instants.
    fn minutes_apart(&self) -> Option<u128> {
        let minute = 60 * u128::from(SECOND);
        let mut least = None;
        let mut several = false;
        for ns in apart(&self.rows) {
            if !ns.is_multiple_of(minute) {
                return None;
            }
            several = least.is_some();
            least = Some(least.map_or(ns, |least: u128| least.min(ns)));
        }
        Some(least.filter(|_| several)? / minute)
    }
}

/// Times between rows that do not come at one instant \[ns\].
fn apart(rows: &Rows) -> impl Iterator<Item = u128> {
    let pairs = rows.instants_from(0).zip(rows.instants_from(1));
    pairs.map(|(at, next)| next - at).filter(|ns| *ns > 0)
}

/// A row, or the file, that is not CSV.
fn unreadable_row(path: &Path, line: u64, e: &csv::Error) -> TraceError {
    let path = path.display().to_string();
    match e.kind() {
        csv::ErrorKind::Io(e) => TraceError::Unreadable {
            path,
            reason: e.to_string(),
        },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => TraceError::Row {
            path,
            line,
            reason: format!("{len} fields where the header has {expected_len}"),
        },
        _ => TraceError::Row {
            path,
            line,
            reason: e.to_string(),
        },
    }
}

/// Reads rows one after another.
struct RowReader {
    columns: Columns,
    /// Columns that are passed over.
    numbers: Vec<NumberColumn>,
    times: Times,
    rows: Rows,
    counts: Vec<u64>,
    operations: SeenNames,
    kinds: SeenKinds,
}

impl RowReader {
    /// For the rows under a header.
    fn of(
        path: &Path,
        headers: &StringRecord,
        options: &RecordingOptions<'_>,
    ) -> Result<RowReader, Vec<TraceError>> {
        let columns = Columns::of(headers, options.count).map_err(|reason| {
            vec![TraceError::Row {
                path: path.display().to_string(),
                line: 1,
                reason,
            }]
        })?;
        if let Some(name) = columns.statistic(headers).filter(|_| options.checked) {
            return Err(vec![TraceError::Aggregated {
                path: path.display().to_string(),
                reason: format!("has a column `{name}`, so a row may be more than one request"),
            }]);
        }
        Ok(RowReader {
            numbers: columns.numbers(headers),
            columns,
            times: Times::default(),
            rows: Rows::default(),
            counts: Vec::new(),
            operations: SeenNames::default(),
            kinds: SeenKinds::default(),
        })
    }

    /// Takes in the next row; `cell` are its fields without the spaces around them.
    #[inline]
    fn row<'r>(
        &mut self,
        cell: &impl Fn(usize) -> Option<&'r str>,
        line: u64,
        fault: &mut dyn FnMut(String),
    ) {
        self.numbers.iter_mut().for_each(|c| c.look_at(cell));
        let filled = |i: Option<usize>| i.and_then(cell).filter(|c| !c.is_empty());
        let columns = self.columns;
        let size = filled(columns.size.filter(|_| columns.count.is_none()));
        let size = size.and_then(|size| {
            let bytes = size.parse::<u64>().ok();
            if bytes.is_none() {
                fault(format!("size `{size}` is not a whole number of bytes"));
            }
            bytes
        });
        if let Some(at) = columns.count {
            let text = cell(at).unwrap_or("");
            match count(text) {
                Some(n) => self.counts.push(n),
                None => fault(format!(
                    "count `{text}` is not a whole number of requests; leave out rows without data"
                )),
            }
        }
        let operation = filled(columns.operation).map(|name| self.operations.number(name));
        let requester = filled(columns.requester);
        let object = filled(columns.key.filter(|_| columns.count.is_none()));
        let object = object.map(|name| Key::root(0, 0).named(name).bits());
        match self.times.push(cell(columns.time).unwrap_or(""), line) {
            Ok(()) => {
                let kinds = &mut self.rows.kinds;
                self.kinds
                    .row(operation, requester, |kind| kinds.push(kind.into()));
                self.rows.objects.push(object);
                self.rows.sizes.push(size);
            }
            Err(why) => fault(why),
        }
    }

    /// All rows, in order of time.
    fn finish(
        self,
        path: &Path,
        headers: &StringRecord,
        options: &RecordingOptions<'_>,
        sha256: String,
    ) -> Result<Recording, Vec<TraceError>> {
        let at_fault = |(line, reason)| {
            vec![TraceError::Row {
                path: path.display().to_string(),
                line,
                reason,
            }]
        };
        let (mut rows, mut counts, mut kinds) = (self.rows, self.counts, self.kinds);
        kinds.look_up(|kind| rows.kinds.push(kind.into()));
        let n = rows.kinds.len();
        if n == 0 {
            let reason = "no rows: a trace needs at least one arrival".to_owned();
            return Err(at_fault((1, reason)));
        }
        if u32::try_from(n).is_err() {
            let reason = format!("{n} rows: a trace has at most {}", u32::MAX);
            return Err(at_fault((1, reason)));
        }
        let number = self.numbers.iter().find(|c| c.is_number).map(|c| c.at);
        let (requesters, kinds, places) = kinds.finish();
        if let Some(places) = places {
            rows.kinds.replace(|shown| places[index(shown)].into());
        }
        let times = self.times.finish(options.time_unit).map_err(at_fault)?;
        let recognised = times.recognised;
        if times.is_sorted {
            let first = times.ns(0);
            let instants = &mut rows.instants;
            times
                .into_ns()
                .for_each(|ns| instants.push(ns.abs_diff(first)));
        } else {
            let mut order: Vec<u32> = (0..capped::<u32>(n)).collect();
            order.sort_by_key(|&i| times.ns(i as usize));
            let first = times.ns(order[0] as usize);
            for &i in &order {
                rows.instants.push(times.ns(i as usize).abs_diff(first));
            }
            drop(times);
            rows.kinds = rows.kinds.in_order(&order);
            rows.objects = rows.objects.in_order(&order);
            rows.sizes = rows.sizes.in_order(&order);
            if !counts.is_empty() {
                counts = order.iter().map(|&i| counts[i as usize]).collect();
            }
        }
        let period = match self.columns.count {
            None => None,
            Some(_) => {
                let most = counts.iter().copied().max().unwrap_or(0);
                Some(period(&rows, most, options.period).map_err(at_fault)?)
            }
        };
        let recording = Recording {
            rows,
            counts,
            period,
            recognised,
            kinds,
            operations: self.operations.into_names(),
            requesters,
            sha256,
        };
        if let Some(column) = number.filter(|_| options.checked)
            && let Some(minutes) = recording.minutes_apart()
        {
            return Err(vec![TraceError::Aggregated {
                path: path.display().to_string(),
                reason: format!(
                    "has a number `{}` in every row, and its rows are {minutes} min apart, so a row may be more than one request",
                    headers.get(column).unwrap_or("")
                ),
            }]);
        }
        Ok(recording)
    }
}

/// How many requests a row is: a whole number, also where it is written `12.0`.
fn count(text: &str) -> Option<u64> {
    let n = text.parse::<f64>().ok()?;
    let whole = n >= 0.0 && n.fract() == 0.0 && n <= 9_007_199_254_740_992.0;
    whole.then_some(narrow::whole(n))
}

/// Over what time the requests of rows that count are spread \[ns\]: what is given, else the least time between two.
fn period(rows: &Rows, most: u64, given: Option<Span>) -> Result<u64, (u64, String)> {
    let least = apart(rows).min();
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
        (None, Some(least)) if apart(rows).all(|ns| ns.is_multiple_of(least)) => least,
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
