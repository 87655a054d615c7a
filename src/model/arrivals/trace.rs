//! Recorded arrivals: a CSV file with a time column and, where present, what was asked for.
//!
//! t = 0 is the first arrival. Times are numbers (seconds) or dates; rows may stand in any order.
//! Column names are matched without regard to case: time (`time`, `timestamp`, `t`, `eventTime`,
//! `date`), `operation`, `key`, `size`, `requester`; other columns are passed over.
//! Not modelled: sub-second times that a log does not have are not made up.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::input::diagnostic::{Code, Diagnostic};
use crate::input::files::{Files, sha256_hex};
use crate::input::reader::Reader;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Recorded arrivals as written, which are also what is simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The file as written.
    pub file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Factor on times.
    pub time_scale: f64,
    /// Mean number of requests for each row.
    pub rate_scale: f64,
    /// Whether it starts over at its end.
    pub repeat: bool,
    /// What the file holds, read once however many traces use it.
    #[serde(skip)]
    pub recording: Arc<Recording>,
}

/// What a file holds: a recorded series of requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Rows in order of time; at least one.
    pub rows: Vec<TraceRow>,
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
    pub at: u64,
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

impl Trace {
    /// The table `trace`.
    pub(super) fn read(r: &mut Reader<'_>, files: &Files) -> Option<Trace> {
        let file: Option<String> = r.required("file");
        let time_scale = r.or_in("time_scale", 1.0, 1e-6..=1e6);
        let rate_scale = r.or_in("rate_scale", 1.0, 0.0..=1e6);
        let repeat = r.or("repeat", false);
        let file = file?;
        let read = |path: &Path| Recording::read(path).map(Arc::new);
        match &*files.once(&files.resolve(&file), "trace", read) {
            Ok(recording) => Some(Trace {
                sha256: recording.sha256.clone(),
                file,
                time_scale,
                rate_scale,
                repeat,
                recording: Arc::clone(recording),
            }),
            Err(faults) => {
                let faults = faults.iter().map(TraceError::diagnostic);
                let place = r.place_of("file");
                r.faults().extend(faults.map(|f| f.at(place.clone())));
                None
            }
        }
    }

    /// With so many requests for each row.
    pub(super) fn grow(&mut self, factor: f64) {
        self.rate_scale *= factor;
    }

    /// When a row's requests come \[ns since the start\].
    #[inline]
    fn at(&self, row: &TraceRow) -> u64 {
        if self.time_scale == 1.0 {
            row.at
        } else {
            (row.at as f64 * self.time_scale).round() as u64
        }
    }

    /// Time from the first to the last arrival of one round, in whole seconds, rounded up.
    pub fn seconds(&self) -> u64 {
        let last = self.recording.rows.last();
        last.map_or(0, |row| self.at(row) / SECOND + 1)
    }

    /// The arrivals of `second` (since the start of the trace): `f(ordinal, instant [ns in the
    /// second], number of the row)`, in order of time. `key`: for the copies of a fractional rate scale.
    pub fn of_second(&self, second: u64, key: Key, mut f: impl FnMut(u64, u64, usize)) {
        // The next round starts with the first whole second after the last arrival.
        let period = self.seconds();
        let (round, second) = if self.repeat {
            (second / period, second % period)
        } else {
            (0, second)
        };
        let rows = &self.recording.rows;
        let from = rows.partition_point(|row| self.at(row) < second * SECOND);
        let mut ordinal = 0;
        for (i, row) in rows.iter().enumerate().skip(from) {
            let at = self.at(row);
            if at >= (second + 1) * SECOND {
                break;
            }
            let whole = self.rate_scale.floor();
            let extra = key.with(round).with(i as u64).unit() < self.rate_scale - whole;
            for _ in 0..whole as u64 + u64::from(extra) {
                f(ordinal, at - second * SECOND, i);
                ordinal += 1;
            }
        }
    }
}

/// The actions of a workload that the rows of each kind are, by [`TraceRow::kind`]: one where the row says which,
/// else one for each operation of the workload's mix, to draw from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowActions(Vec<Vec<u32>>);

impl RowActions {
    /// Adds those of the next kind.
    pub fn push(&mut self, actions: Vec<u32>) {
        self.0.push(actions);
    }

    /// The action that a row is; `draw` is its uniform number, `sums` those of the mix.
    #[inline]
    pub fn action_of(&self, row: &TraceRow, draw: f64, sums: &[f64]) -> usize {
        match self.0.get(row.kind as usize).map(Vec::as_slice) {
            Some(&[only]) => only as usize,
            Some(actions @ [_, ..]) => {
                let drawn = sums.partition_point(|&sum| sum <= draw);
                actions[drawn.min(actions.len() - 1)] as usize
            }
            Some([]) | None => 0,
        }
    }
}

impl TraceError {
    /// What is wrong, and what to do about it.
    fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            TraceError::Unreadable { .. } => (
                Code::MissingFile,
                "paths are relative to the scenario file (with --set, also to the current directory)",
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
    /// When the file cannot be read, has no time column, no row, or rows with a broken time or
    /// size.
    pub fn read(path: &Path) -> Result<Recording, Vec<TraceError>> {
        let shown = path.display().to_string();
        let unreadable = |reason: String| {
            vec![TraceError::Unreadable {
                path: shown.clone(),
                reason,
            }]
        };
        let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
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
        let column = |names: &[&str]| {
            headers
                .iter()
                .position(|h| names.iter().any(|n| h.eq_ignore_ascii_case(n)))
        };
        let Some(time) = column(&["time", "timestamp", "t", "eventTime", "date"]) else {
            let found: Vec<&str> = headers.iter().collect();
            return Err(vec![fault(
                1,
                format!(
                    "no time column among `{}`: name one `time` (seconds or a date)",
                    found.join("`, `")
                ),
            )]);
        };
        let columns = [
            column(&["operation"]),
            column(&["key"]),
            column(&["size"]),
            column(&["requester"]),
        ];
        let (mut operations, mut requesters) = (Vec::new(), Vec::new());
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        for record in reader.records() {
            if faults.len() >= MOST_FAULTS {
                break;
            }
            let record = match record {
                Ok(record) => record,
                Err(e) => {
                    let line = e.position().map_or(0, csv::Position::line);
                    let reason = match e.kind() {
                        csv::ErrorKind::UnequalLengths {
                            expected_len, len, ..
                        } => {
                            format!("{len} fields where the header has {expected_len}")
                        }
                        _ => e.to_string(),
                    };
                    faults.push(fault(line, reason));
                    continue;
                }
            };
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |i: Option<usize>| i.and_then(|i| record.get(i)).filter(|c| !c.is_empty());
            let size = cell(columns[2]).and_then(|size| {
                let bytes = size.parse::<u64>().ok();
                if bytes.is_none() {
                    faults.push(fault(
                        line,
                        format!("size `{size}` is not a whole number of bytes"),
                    ));
                }
                bytes
            });
            let kind = RowKind {
                operation: cell(columns[0]).map(|name| index_of(&mut operations, name)),
                requester: cell(columns[3]).map(|name| index_of(&mut requesters, name)),
            };
            let object = cell(columns[1]).map(|name| Key::root(0, 0).named(name).bits());
            let text = record.get(time).unwrap_or("");
            match instant(text) {
                Some(ns) => rows.push((ns, kind, object, size)),
                None => faults.push(fault(line, format!(
                    "time `{text}` is neither seconds (12.5) nor a date (2026-11-24T18:00:00Z, 2026-11-24 18:00:00)"
                ))),
            }
        }
        if faults.is_empty() && rows.is_empty() {
            faults.push(fault(
                1,
                "no rows: a trace needs at least one arrival".to_owned(),
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let kinds: BTreeSet<RowKind> = rows.iter().map(|row| row.1).collect();
        let kinds: Vec<RowKind> = kinds.into_iter().collect();
        rows.sort_by_key(|row| row.0);
        let first = rows.first().map_or(0, |row| row.0);
        let rows = rows.into_iter().map(|(ns, kind, object, size)| TraceRow {
            at: (ns - first) as u64,
            kind: kinds.partition_point(|k| *k < kind) as u32,
            object,
            size,
        });
        Ok(Recording {
            rows: rows.collect(),
            kinds,
            operations,
            requesters,
            sha256: sha256_hex(&bytes),
        })
    }
}

fn index_of(names: &mut Vec<String>, name: &str) -> u32 {
    let i = names.iter().position(|n| n == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    i as u32
}

/// Nanoseconds of a number of seconds or a date (without a zone: UTC).
fn instant(text: &str) -> Option<i128> {
    if let Ok(seconds) = text.parse::<f64>() {
        // Decimal seconds, exact to the nanosecond for times of up to 10⁹ s.
        return (seconds.is_finite() && seconds.abs() < 9e15).then(|| exact_ns(text, seconds));
    }
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Some(t.as_nanosecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(
        jiff::tz::TimeZone::UTC
            .to_timestamp(civil)
            .ok()?
            .as_nanosecond(),
    )
}

/// Seconds written in decimal as whole nanoseconds, without the rounding of a binary fraction.
fn exact_ns(text: &str, seconds: f64) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = fraction.bytes().all(|b| b.is_ascii_digit()) && fraction.len() <= 9;
    match whole.parse::<i128>() {
        Ok(w) if plain => {
            let ns: i128 = format!("{fraction:0<9}").parse().unwrap_or(0);
            let sign = if whole.starts_with('-') { -1 } else { 1 };
            w * i128::from(SECOND) + sign * ns
        }
        _ => (seconds * SECOND as f64).round() as i128,
    }
}

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Recording, Vec<TraceError>> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("write");
        Recording::read(file.path())
    }

    fn trace(text: &str) -> Trace {
        Trace {
            file: "x.csv".to_owned(),
            sha256: String::new(),
            time_scale: 1.0,
            rate_scale: 1.0,
            repeat: false,
            recording: Arc::new(read(text).expect("trace")),
        }
    }

    #[test]
    fn dates_numbers_and_unsorted_rows_are_read() {
        let t = read("TIMESTAMP,Operation,key,size\n2023-11-16 18:17:04.0319600,GetObject,a,10\n2023-11-16 18:17:03.9799600,PutObject,b,\n").expect("trace");
        assert_eq!(
            t.rows.iter().map(|r| r.at).collect::<Vec<_>>(),
            [0, 52_000_000]
        );
        assert_eq!(t.operations, ["GetObject", "PutObject"]);
        assert_eq!(
            (
                t.kinds[t.rows[0].kind as usize].operation,
                t.rows[0].size,
                t.rows[1].size
            ),
            (Some(1), None, Some(10))
        );
        let t = read("time\n0.1\n0.3\n2\n").expect("trace");
        assert_eq!(
            t.rows.iter().map(|r| r.at).collect::<Vec<_>>(),
            [0, 200_000_000, 1_900_000_000]
        );
    }

    #[test]
    fn every_broken_row_is_reported_with_its_line() {
        let faults = read("time,size\n1,2\nlater,3\n4,many\n5\n").expect_err("broken");
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 3);
        for (i, part) in [
            ":3: time `later`",
            ":4: size `many`",
            ":5: 1 fields where the header has 2",
        ]
        .iter()
        .enumerate()
        {
            assert!(text[i].contains(part), "{}", text[i]);
        }
        assert!(
            read("size\n1\n").expect_err("no time")[0]
                .to_string()
                .contains("no time column")
        );
        assert!(
            read("time\n").expect_err("no row")[0]
                .to_string()
                .contains("at least one")
        );
        assert!(matches!(
            Recording::read(Path::new("/nowhere/x.csv")).expect_err("missing")[0],
            TraceError::Unreadable { .. }
        ));
    }

    #[test]
    fn a_trace_repeats_and_scales() {
        let mut t = trace("time\n0\n0.5\n2.5\n");
        t.repeat = true;
        t.rate_scale = 1.5;
        let mut n = [0u64; 2000];
        for (s, n) in n.iter_mut().enumerate() {
            t.of_second(s as u64, Key::root(1, 1), |_, _, _| *n += 1);
        }
        assert!(n[1] == 0 && n[1998 - 3 + 1] == 0 && (2..=4).contains(&n[1998]));
        let mean = n.iter().sum::<u64>() as f64 / 2000.0;
        assert!((mean - 1.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn times_scale_and_rows_say_which_action_they_are() {
        let mut t = trace("time,operation\n0,\n1,b\n2,a\n2.5,b\n");
        t.time_scale = 2.0;
        assert_eq!(t.seconds(), 6);
        let mut actions = RowActions::default();
        // Nothing said, `b`, `a`: in the order of the names' first appearance.
        for of_kind in [vec![0, 1], vec![5], vec![6]] {
            actions.push(of_kind);
        }
        let mut all = Vec::new();
        for second in 0..6 {
            t.of_second(second, Key::root(1, 1), |_, at, i| {
                let action = actions.action_of(&t.recording.rows[i], 0.7, &[0.5, 1.0]);
                all.push((second * SECOND + at, action));
            });
        }
        assert_eq!(
            all,
            [(0, 1), (2 * SECOND, 5), (4 * SECOND, 6), (5 * SECOND, 5)]
        );
    }

    #[test]
    fn a_file_is_read_once_whatever_its_scales() {
        use crate::input::diagnostic::Diagnostics;
        use crate::input::diagnostic::Sources;
        use crate::input::document::parse;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.csv");
        std::fs::write(&path, "time\n0\n1\n").expect("write");
        let files = Files::in_folder(folder.path());
        let read = |text: &str, growth: f64| {
            let table = parse(&mut Sources::new(), "x.toml", text).expect("TOML");
            let mut trace = Diagnostics::new().read(&table, |r| Trace::read(r, &files))?;
            trace.grow(growth);
            Some(trace)
        };
        let first = read("file = 'x.csv'", 1.0).expect("a trace");
        std::fs::remove_file(&path).expect("removed");
        let scaled = "file = 'x.csv'\ntime_scale = 2\nrate_scale = 3\nrepeat = true";
        let other = read(scaled, 4.0).expect("a trace");
        assert!(Arc::ptr_eq(&first.recording, &other.recording));
        assert_eq!((other.rate_scale, other.seconds()), (12.0, 3));
    }
}
