//! Recorded arrivals: a CSV file with a time column and, where present, what was asked for.
//!
//! t = 0 is the first arrival. Times are numbers (seconds) or dates; rows may stand in any order.
//! Column names are matched without regard to case: time (`time`, `timestamp`, `t`, `eventTime`,
//! `date`), `operation`, `key`, `size`, `requester`; other columns are passed over.
//! Not modelled: sub-second times that a log does not have are not made up.

use crate::engine::SECOND;
use crate::engine::random::Key;
use std::collections::HashMap;
use std::path::Path;

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Time since the first arrival \[ns\].
    pub at: u64,
    /// Index of the trace's operations, `None` where not recorded.
    pub operation: Option<u32>,
    /// Index of the trace's requesters.
    pub requester: Option<u32>,
    /// Identity of the object.
    pub object: Option<u64>,
    /// Size \[bytes\].
    pub size: Option<u64>,
}

/// A recorded series of requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Rows in order of time.
    pub rows: Vec<Row>,
    /// Names of the operations in the file, in order of appearance.
    pub operations: Vec<String>,
    /// Names of the requesters in the file, in order of appearance.
    pub requesters: Vec<String>,
    /// Repeats with this period \[s\].
    pub period: Option<u64>,
    /// Mean number of requests for each row.
    pub rate_scale: f64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Actions of the workload for each (operation, requester) of the rows, filled by the plan: one
    /// where the row says which, else one for each operation of the workload's mix, to draw from.
    pub actions: HashMap<(Option<u32>, Option<u32>), Vec<u32>>,
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

/// At most this many faults of one file are told.
const MOST_FAULTS: usize = 20;

impl Trace {
    /// Reads a CSV file; times are multiplied by `time_scale`. All faults at once (at most 20).
    ///
    /// # Errors
    /// When the file cannot be read, has no time column, no row, or rows with a broken time or
    /// size.
    pub fn read(
        path: &Path,
        time_scale: f64,
        rate_scale: f64,
        repeat: bool,
    ) -> Result<Trace, Vec<TraceError>> {
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
        let mut trace = Trace {
            rate_scale,
            ..Trace::default()
        };
        let (mut times, mut faults) = (Vec::new(), Vec::new());
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
            let mut row = Row {
                at: 0,
                operation: None,
                requester: None,
                object: None,
                size: None,
            };
            if let Some(size) = cell(columns[2]) {
                match size.parse::<u64>() {
                    Ok(size) => row.size = Some(size),
                    Err(_) => faults.push(fault(
                        line,
                        format!("size `{size}` is not a whole number of bytes"),
                    )),
                }
            }
            row.operation = cell(columns[0]).map(|name| index_of(&mut trace.operations, name));
            row.requester = cell(columns[3]).map(|name| index_of(&mut trace.requesters, name));
            row.object = cell(columns[1]).map(|name| Key::root(0, 0).named(name).bits());
            let text = record.get(time).unwrap_or("");
            match instant(text) {
                Some(ns) => {
                    times.push(ns);
                    trace.rows.push(row);
                }
                None => faults.push(fault(line, format!(
                    "time `{text}` is neither seconds (12.5) nor a date (2026-11-24T18:00:00Z, 2026-11-24 18:00:00)"
                ))),
            }
        }
        if faults.is_empty() && times.is_empty() {
            faults.push(fault(
                1,
                "no row: a trace needs at least one arrival".to_owned(),
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let first = times.iter().copied().min().unwrap_or(0);
        for (row, time) in trace.rows.iter_mut().zip(&times) {
            let since = (time - first) as u64;
            row.at = if time_scale == 1.0 {
                since
            } else {
                (since as f64 * time_scale).round() as u64
            };
        }
        trace.rows.sort_by_key(|r| r.at);
        if repeat {
            // The next round starts with the first whole second after the last arrival.
            trace.period = trace.rows.last().map(|r| r.at / SECOND + 1);
        }
        trace.sha256 = crate::input::files::sha256_hex(&bytes);
        Ok(trace)
    }

    /// Time from the first to the last arrival of one round, in whole seconds, rounded up.
    pub fn seconds(&self) -> u64 {
        self.rows.last().map_or(0, |r| r.at / SECOND + 1)
    }

    /// The arrivals of `second` (since the start of the trace): `f(ordinal, instant [ns in the
    /// second], number of the row)`, in order of time. `key`: for the copies of a fractional rate scale.
    pub fn of_second(&self, second: u64, key: Key, mut f: impl FnMut(u64, u64, usize)) {
        let (round, second) = match self.period {
            Some(period) => (second / period, second % period),
            None => (0, second),
        };
        let from = self.rows.partition_point(|r| r.at < second * SECOND);
        let mut ordinal = 0;
        for (i, row) in self.rows.iter().enumerate().skip(from) {
            if row.at >= (second + 1) * SECOND {
                break;
            }
            let whole = self.rate_scale.floor();
            let extra = key.with(round).with(i as u64).unit() < self.rate_scale - whole;
            for _ in 0..whole as u64 + u64::from(extra) {
                f(ordinal, row.at - second * SECOND, i);
                ordinal += 1;
            }
        }
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
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Trace, Vec<TraceError>> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("write");
        Trace::read(file.path(), 1.0, 1.0, false)
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
            (t.rows[0].operation, t.rows[0].size, t.rows[1].size),
            (Some(1), None, Some(10))
        );
        let t = read("time\n0.1\n0.3\n2\n").expect("trace");
        assert_eq!(
            t.rows.iter().map(|r| r.at).collect::<Vec<_>>(),
            [0, 200_000_000, 1_900_000_000]
        );
    }

    #[test]
    fn every_broken_row_is_told_with_its_line() {
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
            Trace::read(Path::new("/nowhere/x.csv"), 1.0, 1.0, false).expect_err("missing")[0],
            TraceError::Unreadable { .. }
        ));
    }

    #[test]
    fn a_trace_repeats_and_scales() {
        let mut t = read("time\n0\n0.5\n2.5\n").expect("trace");
        t.period = Some(3);
        t.rate_scale = 1.5;
        let mut n = [0u64; 2000];
        for (s, n) in n.iter_mut().enumerate() {
            t.of_second(s as u64, Key::root(1, 1), |_, _, _| *n += 1);
        }
        assert!(n[1] == 0 && n[1998 - 3 + 1] == 0 && (2..=4).contains(&n[1998]));
        let mean = n.iter().sum::<u64>() as f64 / 2000.0;
        assert!((mean - 1.5).abs() < 0.05, "{mean}");
    }
}
