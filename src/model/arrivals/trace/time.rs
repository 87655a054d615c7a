//! Times of rows: dates, or numbers in one unit, in one form throughout a file.
//!
//! Numbers are seconds, unless the file's first and last are dates as computers count them: seconds, milliseconds,
//! microseconds or nanoseconds since 1970. These ranges do not overlap.

use crate::engine::SECOND;
use crate::input::keyword::{Keyword, keywords};

keywords! {
    /// The unit of times that are numbers.
    pub enum TimeUnit {
        /// Seconds.
        Second = "s",
        /// Milliseconds.
        Millisecond = "ms",
        /// Microseconds.
        Microsecond = "us",
        /// Nanoseconds.
        Nanosecond = "ns",
    }
}

impl TimeUnit {
    /// How many make up a second.
    pub fn per_second(self) -> i128 {
        match self {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            TimeUnit::Second => "seconds",
            TimeUnit::Millisecond => "milliseconds",
            TimeUnit::Microsecond => "microseconds",
            TimeUnit::Nanosecond => "nanoseconds",
        }
    }
}

/// From 2000 to 2100 \[s since 1970\]: what counts as a date.
const DATES: std::ops::Range<i128> = 946_684_800..4_102_444_800;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeForm {
    Number,
    /// A date with a time zone.
    Zoned,
    /// A date without, which is UTC.
    Plain,
}

impl TimeForm {
    fn words(self) -> &'static str {
        match self {
            TimeForm::Number => "a number",
            TimeForm::Zoned => "a date with a time zone",
            TimeForm::Plain => "a date without a time zone",
        }
    }
}

/// The times of a file, row by row.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// The form of the first row and its line.
    form: Option<(TimeForm, u64)>,
    /// A row in another form.
    other: Option<(TimeForm, u64)>,
    /// Nanoseconds of dates, billionths of numbers; with their lines.
    written: Vec<(i128, u64)>,
}

/// What a file's times come to.
#[derive(Debug, PartialEq)]
pub(super) struct ReadTimes {
    /// Nanoseconds, row by row.
    pub ns: Vec<i128>,
    /// The unit that numbers were taken to be in, where nobody said.
    pub recognised: Option<TimeUnit>,
}

impl Times {
    /// Takes in the next row's; what is wrong with it, if it is not a time.
    pub fn push(&mut self, text: &str, line: u64) -> Result<(), String> {
        let (form, value) = read(text).ok_or_else(|| {
            format!(
                "time `{text}` is neither a number (12.5) nor a date (2026-11-24T18:00:00Z, 2026-11-24 18:00:00)"
            )
        })?;
        match self.form {
            None => self.form = Some((form, line)),
            Some((first, _)) if first != form && self.other.is_none() => {
                self.other = Some((form, line));
            }
            Some(_) => {}
        }
        self.written.push((value, line));
        Ok(())
    }

    /// All of them in nanoseconds, or the line of what does not fit the others and why.
    pub fn finish(self, unit: Option<TimeUnit>) -> Result<ReadTimes, (u64, String)> {
        if let (Some((first, at)), Some((other, line))) = (self.form, self.other) {
            return Err((
                line,
                format!(
                    "the time is {}, and that of line {at} is {}; write all times in one form",
                    other.words(),
                    first.words()
                ),
            ));
        }
        let is_number = self.form.is_some_and(|f| f.0 == TimeForm::Number);
        let (per_second, recognised) = match unit {
            _ if !is_number => (1, None),
            Some(unit) => (unit.per_second(), None),
            None => {
                let recognised = self.recognise()?;
                let unit = recognised.unwrap_or(TimeUnit::Second);
                (unit.per_second(), recognised)
            }
        };
        let ns = self.written.iter().map(|&(n, _)| rounded(n, per_second));
        Ok(ReadTimes {
            ns: ns.collect(),
            recognised,
        })
    }

    /// Of which unit the numbers are dates; `None` where they are not.
    fn recognise(&self) -> Result<Option<TimeUnit>, (u64, String)> {
        let earliest = self.written.iter().min_by_key(|w| w.0);
        let latest = self.written.iter().max_by_key(|w| w.0);
        let (Some(&(low, _)), Some(&(high, line))) = (earliest, latest) else {
            return Ok(None);
        };
        let unit = epoch(low);
        match (unit, epoch(high)) {
            (Some(unit), high) if high != Some(unit) => Err((
                line,
                format!(
                    "the earliest time is a date in {} since 1970, and this time is not; write all times in one unit, or name it with `time_unit`",
                    unit.words()
                ),
            )),
            (unit, _) => Ok(unit),
        }
    }
}

/// The unit in which a number (in billionths) is a date.
fn epoch(billionths: i128) -> Option<TimeUnit> {
    TimeUnit::ALL
        .iter()
        .copied()
        .find(|unit| DATES.contains(&(billionths / (i128::from(SECOND) * unit.per_second()))))
}

/// n ÷ d, to the nearest.
fn rounded(n: i128, d: i128) -> i128 {
    (n + (d / 2) * n.signum()) / d
}

/// A number in billionths, or nanoseconds of a date (without a zone: UTC).
fn read(text: &str) -> Option<(TimeForm, i128)> {
    if let Ok(number) = text.parse::<f64>() {
        let fits = number.is_finite() && number.abs() < 1e19;
        return fits.then(|| (TimeForm::Number, billionths(text, number)));
    }
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Some((TimeForm::Zoned, t.as_nanosecond()));
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let utc = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some((TimeForm::Plain, utc.as_nanosecond()))
}

/// A number written in decimal, without the rounding of a binary fraction.
fn billionths(text: &str, number: f64) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = fraction.bytes().all(|b| b.is_ascii_digit());
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    match whole.parse::<i128>() {
        Ok(w) if plain => {
            let digits = &fraction[..fraction.len().min(9)];
            let below: i128 = format!("{digits:0<9}").parse().unwrap_or(0);
            w * i128::from(SECOND) + sign * below
        }
        _ if number.fract() == 0.0 => number as i128 * i128::from(SECOND),
        _ => (number * SECOND as f64).round() as i128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(texts: &[&str], unit: Option<TimeUnit>) -> Result<ReadTimes, (u64, String)> {
        let mut times = Times::default();
        for (line, text) in (2..).zip(texts) {
            times.push(text, line).expect("a time");
        }
        times.finish(unit)
    }

    #[test]
    fn numbers_are_seconds_or_dates_as_computers_count_them() {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let s = i128::from(SECOND);
        for (texts, unit, recognised, apart) in [
            (["0", "18446744074"], None, None, 18_446_744_074 * s),
            (["0.25", "1.5"], None, None, s * 5 / 4),
            (
                ["1700000000", "1700000000.000000001"],
                None,
                Some(Second),
                1,
            ),
            (
                ["1700000000000", "1700018447000.5"],
                None,
                Some(Millisecond),
                18_447 * s + 500_000,
            ),
            (
                ["1700000000000000", "1700018447000000"],
                None,
                Some(Microsecond),
                18_447 * s,
            ),
            (
                ["1700000000000000000", "1700000000000000007"],
                None,
                Some(Nanosecond),
                7,
            ),
            (["1.7e12", "1.700000001e12"], None, Some(Millisecond), s),
            (["0", "1500"], Some(Millisecond), None, s * 3 / 2),
            // Said is said.
            (["1700000000000", "1700000000001"], Some(Second), None, s),
            (["-1.5", "1"], None, None, s * 5 / 2),
        ] {
            let read = times(&texts, unit).unwrap_or_else(|e| panic!("{texts:?}: {e:?}"));
            assert_eq!(read.recognised, recognised, "{texts:?}");
            assert_eq!(read.ns[1] - read.ns[0], apart, "{texts:?}");
        }
    }

    #[test]
    fn forms_and_units_are_not_mixed() {
        for (texts, line, part) in [
            (
                &["0", "2026-11-24T18:00:00Z"][..],
                3,
                "a date with a time zone",
            ),
            (
                &["2026-11-24 18:00:00", "2026-11-24T18:00:01Z"],
                3,
                "without a time zone",
            ),
            (
                &["2026-11-24T18:00:00Z", "2026-11-24T19:00:00+01:00", "7"],
                4,
                "is a number",
            ),
            (&["1700000000", "1700000001000"], 3, "in seconds since 1970"),
            (
                &["1700000001000000", "1700000001000"],
                2,
                "in milliseconds since 1970",
            ),
        ] {
            let (at, why) = times(texts, None).expect_err("mixed");
            assert_eq!(at, line, "{texts:?}");
            assert!(why.contains(part), "{texts:?}: {why}");
        }
        assert!(Times::default().push("noon", 2).is_err());
    }
}
