//! Recorded arrivals: a CSV file with a time column and, where present, what was asked for.
//!
//! ```text
//! file ──time, column──► Recording (rows as recorded) ──time_scale, rate_scale, repeat──► Trace, second by second
//! ```
//!
//! t = 0 is the first arrival; rows may stand in any order. A row is one request, or, where `count` names a column, as
//! many as it says, spread over its period (module `counted`). Not modelled: sub-second times that a log does not have
//! are not made up.

mod column;
mod counted;
mod recording;
mod row_actions;
mod time;

pub use recording::{Recording, RowKind, TraceError, TraceRow};
pub use row_actions::RowActions;
pub use time::TimeUnit;

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::input::diagnostic::Code;
use crate::input::files::Files;
use crate::input::keyword::Keyword;
use crate::input::reader::Reader;
use crate::units::Span;
use recording::RecordingOptions;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Recorded arrivals as written, which are also what is simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The file as written.
    pub file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// The unit of times that are numbers, where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// The column that says how many requests a row is, `none` where each is one whatever its columns are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Over what time a row's requests are spread, as recorded; `None` where each row is one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// Index of dispersion of the seconds of a row's period; 1: each request comes by itself.
    #[serde(skip_serializing_if = "is_one")]
    pub dispersion: f64,
    /// Factor on times.
    pub time_scale: f64,
    /// Mean number of requests for each one of the file.
    pub rate_scale: f64,
    /// Whether it starts over at its end.
    pub repeat: bool,
    /// What the file holds, read once however many traces use it.
    #[serde(skip)]
    pub recording: Arc<Recording>,
}

/// Whether the seconds of a period are those of requests that come by themselves.
fn is_one(dispersion: &f64) -> bool {
    *dispersion == 1.0
}

/// What `count` says of a file whose rows are one request each.
const NO_COUNT: &str = "none";

/// The longest time after its first arrival that a trace may reach \[ns\]: ten years, as the longest horizon.
const LONGEST: f64 = 10.0 * 366.0 * 86_400.0 * SECOND as f64;

impl Trace {
    /// The table `trace`.
    pub(super) fn read(r: &mut Reader<'_>, files: &Files) -> Option<Trace> {
        let file: Option<String> = r.required("file");
        let time_scale = r.or_in("time_scale", 1.0, 1e-6..=1e6);
        let rate_scale = r.or_in("rate_scale", 1.0, 0.0..=1e6);
        let repeat = r.or("repeat", false);
        let has_unit = r.has("time_unit");
        let time_unit = r.keyword::<TimeUnit>("time_unit");
        let count: Option<String> = r.optional("count");
        let counts = count.as_deref().is_some_and(|c| c != NO_COUNT);
        let has_period = r.has("period");
        let period = r.optional_in("period", Span::from_secs(1)..);
        r.reject_without_effect(
            has_period && !counts,
            "period",
            "each row of the trace is one request",
            "name the column that counts with `count`, or drop `period`",
        );
        let has_dispersion = r.has("dispersion");
        let dispersion = r.or_in("dispersion", 1.0, 1.0..=10_000.0);
        r.reject_without_effect(
            has_dispersion && !counts,
            "dispersion",
            "each row of the trace is one request",
            "name the column that counts with `count`, or drop `dispersion`",
        );
        if (has_unit && time_unit.is_none()) || (has_period && period.is_none()) {
            return None;
        }
        let file = file?;
        let options = RecordingOptions {
            time_unit,
            count: count.as_deref().filter(|c| *c != NO_COUNT),
            checked: count.is_none(),
            period,
        };
        let read = |path: &Path| Recording::read(path, &options).map(Arc::new);
        let recording = match &*files.once(&files.resolve(&file), &options.name(), read) {
            Ok(recording) => Arc::clone(recording),
            Err(faults) => {
                let faults = faults.iter().map(TraceError::diagnostic);
                let place = r.place_of("file");
                r.faults().extend(faults.map(|f| f.at(place.clone())));
                return None;
            }
        };
        let trace = Trace {
            sha256: recording.sha256.clone(),
            file,
            time_unit,
            count,
            period: recording.period.map(Span::from_ns),
            dispersion,
            time_scale,
            rate_scale,
            repeat,
            recording,
        };
        r.reject_without_effect(
            has_dispersion && trace.period_ns() == SECOND,
            "dispersion",
            "each row's period is a second, whose requests are counted",
            "drop `dispersion`",
        );
        trace.is_sound(r).then_some(trace)
    }

    /// Whether its times, scaled, can be simulated; records what is wrong.
    fn is_sound(&self, r: &mut Reader<'_>) -> bool {
        let key = if r.has("time_scale") {
            "time_scale"
        } else {
            "file"
        };
        let place = r.place_of(key);
        let scale = self.time_scale;
        let unit = self.recording.recognised.filter(|u| *u != TimeUnit::Second);
        if let Some(unit) = unit
            && [1e-3, 1e-6].contains(&scale)
        {
            r.fault(
                Code::Contradiction,
                place,
                format!(
                    "the times of `{}` are {} since 1970 and are read as such; `time_scale` ({scale}) would shrink them once more",
                    self.file,
                    unit.words()
                ),
                format!(
                    "drop `time_scale`; to play the trace {} times as fast, also write `time_unit = \"{}\"`",
                    1.0 / scale,
                    unit.name()
                ),
            );
            return false;
        }
        let last = self.recording.rows.last().map_or(0, |row| row.at);
        let reached = last as f64 * scale;
        if reached > LONGEST {
            r.fault(
                Code::OutOfRange,
                place,
                format!(
                    "the times of `{}` reach {:.0} days after its first; a run is at most 3,660 days",
                    self.file,
                    reached / (86_400.0 * SECOND as f64)
                ),
                "name the unit of the times, `time_unit = \"ms\"` (`s`, `us`, `ns`), or correct the row",
            );
            return false;
        }
        let whole = |ns: u128| {
            let scaled = (ns as f64 * scale).round();
            scaled % SECOND as f64 == 0.0
        };
        if let Some(period) = self.recording.period {
            let part = self.recording.rows.iter().find(|row| !whole(row.at));
            let part = part.map(|row| ("row", row.at));
            let broken = if whole(period.into()) && period as f64 * scale >= SECOND as f64 {
                part
            } else {
                Some(("period", u128::from(period)))
            };
            if let Some((what, ns)) = broken {
                r.fault(
                    Code::OutOfRange,
                    place,
                    format!(
                        "a {what} of `{}` is at {} s after `time_scale`; counts are spread over whole seconds",
                        self.file,
                        ns as f64 * scale / SECOND as f64
                    ),
                    "choose a `time_scale` that makes whole seconds of the file's times",
                );
                return false;
            }
        }
        true
    }

    /// With so many requests for each of the file.
    pub(super) fn grow(&mut self, factor: f64) {
        self.rate_scale *= factor;
    }

    /// Whether a row may be several requests.
    pub fn is_counted(&self) -> bool {
        self.recording.period.is_some()
    }

    /// When a row's requests begin to come \[ns since the start\].
    #[inline]
    fn at(&self, row: &TraceRow) -> u64 {
        if self.time_scale == 1.0 {
            u64::try_from(row.at).unwrap_or(u64::MAX)
        } else {
            (row.at as f64 * self.time_scale).round() as u64
        }
    }

    /// Over what time a row's requests come \[ns\]; 0 where each is one request.
    fn period_ns(&self) -> u64 {
        let period = self.recording.period.unwrap_or(0);
        (period as f64 * self.time_scale).round() as u64
    }

    /// Time from the first to the last arrival of one round, in whole seconds, rounded up.
    pub fn seconds(&self) -> u64 {
        let Some(last) = self.recording.rows.last() else {
            return 0;
        };
        match self.period_ns() {
            0 => self.at(last) / SECOND + 1,
            period => (self.at(last) + period) / SECOND,
        }
    }

    /// Rows whose requests come, wholly or in part, at or after `second` (since the start of the trace).
    pub fn rows_beyond(&self, second: u64) -> usize {
        let rows = &self.recording.rows;
        let period = self.period_ns();
        let end = second.saturating_mul(SECOND);
        let within = rows.partition_point(|row| match period {
            0 => self.at(row) < end,
            period => self.at(row).saturating_add(period) <= end,
        });
        rows.len() - within
    }

    /// The round of a second of the trace, and the second in it. The next round starts with the first whole second
    /// after the last arrival.
    fn in_round(&self, second: u64) -> (u64, u64) {
        if self.repeat {
            let length = self.seconds();
            (second / length, second % length)
        } else {
            (0, second)
        }
    }

    /// The first second from `second` on, since the start of the trace, in which requests of a row may come; `None` if
    /// there is none.
    pub fn next_rows(&self, second: u64) -> Option<u64> {
        let (round, second) = self.in_round(second);
        let (rows, period) = (&self.recording.rows, self.period_ns());
        let now = second.saturating_mul(SECOND);
        let over = rows.partition_point(|row| match period {
            0 => self.at(row) < now,
            period => self.at(row).saturating_add(period) <= now,
        });
        let begin = |row: &TraceRow| self.at(row) / SECOND;
        let (round, within) = match (rows.get(over), rows.first()) {
            (Some(row), _) => (round, second.max(begin(row))),
            (None, Some(first)) if self.repeat => (round + 1, begin(first)),
            (None, _) => return None,
        };
        let length = if round > 0 { self.seconds() } else { 0 };
        Some(round.saturating_mul(length).saturating_add(within))
    }

    /// The arrivals of `second` (since the start of the trace) where each row is one request: `f(ordinal, instant [ns in
    /// the second], number of the row)`, in order of time. `key`: for the copies of a fractional rate scale.
    pub fn of_second(&self, second: u64, key: Key, mut f: impl FnMut(u64, u64, usize)) {
        if self.is_counted() {
            return;
        }
        let (round, second) = self.in_round(second);
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

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests {
    use super::*;

    const AS_IT_IS: RecordingOptions<'_> = RecordingOptions {
        time_unit: None,
        count: None,
        checked: true,
        period: None,
    };

    fn read_with(text: &str, options: &RecordingOptions<'_>) -> Result<Recording, Vec<TraceError>> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("write");
        Recording::read(file.path(), options)
    }

    fn read(text: &str) -> Result<Recording, Vec<TraceError>> {
        read_with(text, &AS_IT_IS)
    }

    fn of(recording: Recording) -> Trace {
        Trace {
            file: "x.csv".to_owned(),
            sha256: String::new(),
            time_unit: None,
            count: None,
            period: recording.period.map(Span::from_ns),
            dispersion: 1.0,
            time_scale: 1.0,
            rate_scale: 1.0,
            repeat: false,
            recording: Arc::new(recording),
        }
    }

    fn trace(text: &str) -> Trace {
        of(read(text).expect("trace"))
    }

    fn counting(text: &str) -> Trace {
        let options = RecordingOptions {
            count: Some("Sum"),
            ..AS_IT_IS
        };
        of(read_with(text, &options).expect("trace"))
    }

    /// Requests in each second.
    fn seconds(t: &Trace, seconds: u64) -> Vec<u64> {
        let all = (0..seconds).map(|s| {
            let mut n = 0;
            t.counts_of_second(s, Key::root(1, 1), |_, k| n += k);
            n
        });
        all.collect()
    }

    #[test]
    fn the_next_rows_are_those_that_come_next() {
        let plain = of(read_with("time\n3\n3.5\n9\n700.25\n", &AS_IT_IS).expect("trace"));
        let counted = counting("time,Sum\n60,90\n120,30\n600,5\n");
        let again = |trace: &Trace| Trace {
            repeat: true,
            ..trace.clone()
        };
        for trace in [again(&plain), again(&counted), plain, counted] {
            let busy: Vec<bool> = (0..3_000)
                .map(|s| {
                    let mut any = false;
                    trace.of_second(s, Key::root(1, 1), |_, _, _| any = true);
                    trace.counts_of_second(s, Key::root(1, 1), |_, n| any |= n > 0);
                    any
                })
                .collect();
            for second in 0..2_000 {
                let next = trace.next_rows(second as u64).map(|s| s as usize);
                let first = (second..3_000).find(|&s| busy[s]);
                // Seconds of a row that counts may have none.
                match (next, first) {
                    (Some(next), Some(first)) => assert!(next >= second && next <= first),
                    (next, first) => assert!(first.is_none(), "{next:?} {first:?}"),
                }
                if trace.period.is_none() {
                    assert_eq!(next, first);
                }
            }
        }
    }

    #[test]
    fn rows_that_look_like_sums_are_refused_unless_told() {
        for text in [
            "Timestamp,Sum\n2026-11-24T18:00:00Z,120\n",
            "time,operation,CallCount\n0,Decrypt,7\n",
            "time,Average,Unit\n0,7,Count\n",
            // Nothing but numbers at whole minutes.
            "time,KMS\n0,7\n60,8\n180,9\n",
        ] {
            let faults = read(text).expect_err(text);
            assert!(
                matches!(faults[..], [TraceError::Aggregated { .. }]),
                "{faults:?}"
            );
            let told = RecordingOptions {
                checked: false,
                ..AS_IT_IS
            };
            assert!(read_with(text, &told).is_ok(), "{text}");
        }
        // Numbers of single requests.
        for text in [
            "time,status\n0,200\n1,200\n3,503\n",
            "time,status\n0,200\n60,200\n",
            "time,operation,accountId\n0,Decrypt,111122223333\n60,Decrypt,1\n120.5,Decrypt,1\n",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn rows_that_count_are_spread_over_their_period() {
        let t = counting("time,Sum\n60,90\n0,600.0\n180,30\n");
        assert_eq!(t.period, Some(Span::from_secs(60)));
        let all = seconds(&t, 300);
        let sums: Vec<u64> = all.chunks(60).map(|c| c.iter().sum()).collect();
        assert_eq!(sums, [600, 90, 0, 30, 0]);
        assert_eq!(
            (t.seconds(), t.rows_beyond(180), t.rows_beyond(240)),
            (240, 1, 0)
        );
        assert_eq!(t.rows_beyond(200), 1);
        let mut again = t.clone();
        again.repeat = true;
        again.rate_scale = 2.5;
        let all = seconds(&again, 480);
        let (first, second): (u64, u64) = (all[..240].iter().sum(), all[240..].iter().sum());
        // 1,440 and a binomial of 720 and a half: mean 1,800, σ 13.4.
        for n in [first, second] {
            assert!(n.abs_diff(1_800) < 60, "{n}");
        }
        assert_ne!(all[..240], all[240..]);
        // One at a time there is none.
        t.of_second(0, Key::root(1, 1), |_, _, _| panic!("a row by itself"));
        let mut slow = t;
        slow.time_scale = 2.0;
        let all = seconds(&slow, 480);
        let sums: Vec<u64> = all.chunks(120).map(|c| c.iter().sum()).collect();
        assert_eq!(sums, [600, 90, 0, 30]);
    }

    #[test]
    fn counts_and_their_period_are_checked() {
        let fault = |text: &str, period: Option<u64>| {
            let options = RecordingOptions {
                count: Some("Sum"),
                period: period.map(Span::from_secs),
                ..AS_IT_IS
            };
            match read_with(text, &options) {
                Ok(_) => String::new(),
                Err(faults) => faults[0].to_string(),
            }
        };
        for (text, period, part) in [
            ("time,Sum\n0,5\n60,\n", None, ":3: count `` is not"),
            ("time,Sum\n0,5\n60,1.5\n", None, ":3: count `1.5`"),
            ("time,Sum\n0,-5\n60,1\n", None, ":2: count `-5`"),
            ("time,n\n0,5\n", None, "no column `Sum`"),
            ("time,Sum\n0,5\n", None, "write `period`"),
            ("time,Sum\n0,5\n60,5\n150,5\n", None, "not evenly apart"),
            ("time,Sum\n0,5\n60,5\n", Some(90), "longer than the 60 s"),
            ("time,Sum\n0,60000000001\n60,5\n", None, "more than"),
            ("time,Sum,size\n0,5,1\n60,5,1\n", None, "`size`"),
        ] {
            let said = fault(text, period);
            assert!(said.contains(part), "{text}: {said}");
        }
        assert_eq!(fault("time,Sum\n0,5\n60,5\n150,5\n", Some(30)), "");
        assert_eq!(fault("time,Sum\n0,5\n", Some(30)), "");
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
            Recording::read(Path::new("/nowhere/x.csv"), &AS_IT_IS).expect_err("missing")[0],
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
