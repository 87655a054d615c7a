//! Recorded arrivals: a CSV file with a time column and, where present, what was asked for.
//!
//! ```text
//! file ──time, column──► Recording (rows as recorded) ──time_scale, rate_scale, repeat──► Trace, second by second
//! ```
//!
//! t = 0 is the first arrival; rows may stand in any order. A row is one request, or, where `count` names a column, as
//! many as it says, spread over its period (module `counted`). Not modelled: sub-second times that a log does not have
//! are not made up.

mod cells;
mod column;
mod counted;
mod plain;
mod recording;
mod row_actions;
mod rows;
mod seen;
mod time;

pub use recording::{Recording, TraceError};
pub use row_actions::RowActions;
pub use rows::Rows;
pub use seen::RowKind;
pub use time::TimeUnit;

use crate::engine::SECOND;
use crate::engine::narrow;
use crate::engine::random::Key;
use crate::input::diagnostic::Code;
use crate::input::files::Files;
use crate::input::keyword::Keyword;
use crate::input::named_file::FileContent;
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
        let place = r.place_of("file");
        let may = files.named(&file, r.faults().named_by(&place), FileContent::Rows);
        let source = match may.as_ref() {
            Ok(source) => source,
            Err(refusal) => {
                let shown = files.resolve(&file).display().to_string();
                let message = format!("cannot read the trace `{shown}`: {refusal}");
                r.fault(Code::of(refusal), place, message, refusal.help());
                return None;
            }
        };
        let read = |_: &Path| Recording::read(source, &options).map(Arc::new);
        let recording = match &*files.once(source.path(), &options.name(), read) {
            Ok(recording) => Arc::clone(recording),
            Err(faults) => {
                let faults = faults.iter().map(TraceError::diagnostic);
                r.faults().extend(faults.map(|f| f.at(place.clone())));
                return None;
            }
        };
        files.note_sha256(source.path(), &recording.sha256);
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
        let last = self.recording.rows.last_at().unwrap_or(0);
        let reached = last as f64 * scale;
        if reached > Span::LONGEST.as_ns() as f64 {
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
            let mut instants = self.recording.rows.instants_from(0);
            let part = instants.find(|&at| !whole(at)).map(|at| ("row", at));
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

    /// When the requests of a row that is recorded at an instant begin to come \[ns since the start\].
    #[inline]
    fn scaled_time(&self, at: u128) -> u64 {
        if self.time_scale == 1.0 {
            u64::try_from(at).unwrap_or(u64::MAX)
        } else {
            narrow::whole((at as f64 * self.time_scale).round())
        }
    }

    /// Over what time a row's requests come \[ns\]; 0 where each is one request.
    fn period_ns(&self) -> u64 {
        let period = self.recording.period.unwrap_or(0);
        narrow::whole((period as f64 * self.time_scale).round())
    }

    /// Time from the first to the last arrival of one round, in whole seconds, rounded up.
    pub fn seconds(&self) -> u64 {
        let Some(last) = self.recording.rows.last_at() else {
            return 0;
        };
        match self.period_ns() {
            0 => self.scaled_time(last) / SECOND + 1,
            period => (self.scaled_time(last) + period) / SECOND,
        }
    }

    /// Rows whose requests come, wholly or in part, at or after `second` (since the start of the trace).
    pub fn rows_beyond(&self, second: u64) -> usize {
        let rows = &self.recording.rows;
        let period = self.period_ns();
        let end = second.saturating_mul(SECOND);
        let within = rows.partition_point(|at| match period {
            0 => self.scaled_time(at) < end,
            period => self.scaled_time(at).saturating_add(period) <= end,
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
        let over = rows.partition_point(|at| match period {
            0 => self.scaled_time(at) < now,
            period => self.scaled_time(at).saturating_add(period) <= now,
        });
        let begin = |row: usize| self.scaled_time(rows.at(row)) / SECOND;
        let (round, within) = if over < rows.len() {
            (round, second.max(begin(over)))
        } else if self.repeat && !rows.is_empty() {
            (round + 1, begin(0))
        } else {
            return None;
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
        let from = rows.partition_point(|at| self.scaled_time(at) < second * SECOND);
        let whole = self.rate_scale.floor();
        let fraction = self.rate_scale - whole;
        let mut ordinal = 0;
        for (i, at) in (from..).zip(rows.instants_from(from)) {
            let at = self.scaled_time(at);
            if at >= (second + 1) * SECOND {
                break;
            }
            let extra = fraction > 0.0 && key.with(round).with(i as u64).unit() < fraction;
            for _ in 0..narrow::whole(whole) + u64::from(extra) {
                f(ordinal, at - second * SECOND, i);
                ordinal += 1;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;
