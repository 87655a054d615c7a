//! Times of rows: dates, or numbers in one unit, in one form throughout a file.
//!
//! Numbers are seconds, unless the file's first and last are dates as computers count them: seconds, milliseconds,
//! microseconds or nanoseconds since 1970. These ranges do not overlap.

use crate::engine::SECOND;
use crate::engine::narrow::{capped, wide_whole};
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
    /// Nanoseconds of dates, billionths of numbers.
    written: Written,
    /// The earliest, and the latest with its line.
    earliest: Option<i128>,
    latest: Option<(i128, u64)>,
    /// Whether some row is earlier than one before it.
    unsorted: bool,
    minute: Minute,
}

/// What a file's times come to.
#[derive(Debug)]
pub(super) struct ReadTimes {
    written: Written,
    per_second: i128,
    /// Whether no row is earlier than one before it.
    pub is_sorted: bool,
    /// The unit that numbers were taken to be in, where nobody said.
    pub recognised: Option<TimeUnit>,
}

impl ReadTimes {
    /// When a row comes \[ns\].
    pub fn ns(&self, row: usize) -> i128 {
        rounded(self.written.get(row), self.per_second)
    }

    /// All of them, row by row; leaves nothing behind, so that their memory is free as soon as they are read.
    pub fn into_ns(self) -> impl Iterator<Item = i128> {
        let per_second = self.per_second;
        self.written.into_all().map(move |n| rounded(n, per_second))
    }
}

impl Times {
    /// Takes in the next row's; what is wrong with it, if it is not a time.
    pub fn push(&mut self, text: &str, line: u64) -> Result<(), String> {
        let read = self.minute.read(text).or_else(|| read(text));
        let (form, value) = read.ok_or_else(|| {
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
        if self.earliest.is_none_or(|earliest| value < earliest) {
            self.earliest = Some(value);
        }
        if self.latest.is_none_or(|latest| value >= latest.0) {
            self.latest = Some((value, line));
        } else {
            self.unsorted = true;
        }
        self.written.push(value);
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
        Ok(ReadTimes {
            written: self.written,
            per_second,
            is_sorted: !self.unsorted,
            recognised,
        })
    }

    /// Of which unit the numbers are dates; `None` where they are not.
    fn recognise(&self) -> Result<Option<TimeUnit>, (u64, String)> {
        let (Some(low), Some((high, line))) = (self.earliest, self.latest) else {
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

/// Numbers in billionths, eight bytes each where they allow it: as multiples of what all of them are multiples of.
#[derive(Debug)]
struct Written {
    /// In chunks, whose memory is free as soon as they are read.
    narrow: Vec<Vec<i64>>,
    /// What they are multiples of.
    unit: i128,
    /// All of them, where they do not fit.
    wide: Vec<i128>,
}

/// Numbers of a chunk.
const CHUNK: usize = 1 << 20;

impl Default for Written {
    fn default() -> Written {
        Written {
            narrow: Vec::new(),
            unit: i128::from(SECOND),
            wide: Vec::new(),
        }
    }
}

impl Written {
    #[inline]
    fn push(&mut self, n: i128) {
        if !self.wide.is_empty() {
            return self.wide.push(n);
        }
        // Most numbers are small, and divided several times as fast.
        if let (Ok(small), Ok(unit)) = (i64::try_from(n), i64::try_from(self.unit))
            && small % unit == 0
        {
            return self.keep(small / unit);
        }
        match i64::try_from(n / self.unit) {
            Ok(multiple) if n % self.unit == 0 => self.keep(multiple),
            Ok(_) => {
                self.divide_unit();
                self.push(n);
            }
            Err(_) => {
                self.widen();
                self.wide.push(n);
            }
        }
    }

    #[inline]
    fn keep(&mut self, multiple: i64) {
        match self.narrow.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(multiple),
            Some(_) | None => self.narrow.push(vec![multiple]),
        }
    }

    /// Takes a thousandth of the unit.
    #[cold]
    fn divide_unit(&mut self) {
        let mut all = self.narrow.iter().flatten();
        if !all.all(|n| n.checked_mul(1_000).is_some()) {
            return self.widen();
        }
        let all = self.narrow.iter_mut().flatten();
        all.for_each(|n| *n *= 1_000);
        self.unit /= 1_000;
    }

    #[cold]
    fn widen(&mut self) {
        let all = self.narrow.iter().flatten();
        self.wide = all.map(|&n| i128::from(n) * self.unit).collect();
        self.narrow = Vec::new();
    }

    fn get(&self, row: usize) -> i128 {
        match self.wide.get(row) {
            Some(&n) => n,
            None => i128::from(self.narrow[row / CHUNK][row % CHUNK]) * self.unit,
        }
    }

    fn into_all(self) -> impl Iterator<Item = i128> {
        let unit = self.unit;
        let narrow = self.narrow.into_iter().flatten();
        let narrow = narrow.map(move |n| i128::from(n) * unit);
        self.wide.into_iter().chain(narrow)
    }
}

/// The minute of the last date, so that another in it is not read from the start.
#[derive(Debug, Default)]
struct Minute {
    /// What is written before its seconds, and what after them.
    before: Vec<u8>,
    after: String,
    /// Its start \[ns\], and the form of the date.
    start: i128,
    form: Option<TimeForm>,
}

/// Where the seconds of a date begin: `2026-11-24T18:00:`.
const SECONDS_AT: usize = 17;

impl Minute {
    /// A date in the minute; `None` where it is not one, or something is unusual about it.
    #[inline]
    fn read(&mut self, text: &str) -> Option<(TimeForm, i128)> {
        let bytes = text.as_bytes();
        let before = bytes.get(..SECONDS_AT)?;
        if before[4] != b'-' || before[SECONDS_AT - 1] != b':' {
            return None;
        }
        let &[tens, ones] = bytes.get(SECONDS_AT..SECONDS_AT + 2)? else {
            return None;
        };
        let is_second = (b'0'..b'6').contains(&tens) && ones.is_ascii_digit();
        let mut rest = bytes.get(SECONDS_AT + 2..)?;
        let mut fraction = 0;
        if let Some(digits) = rest.strip_prefix(b".") {
            let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&n) {
                return None;
            }
            let value = |all: i128, digit: &u8| all * 10 + i128::from(digit - b'0');
            fraction = digits[..n].iter().fold(0, value) * 10_i128.pow(9 - capped::<u32>(n));
            rest = &digits[n..];
        }
        if !is_second {
            return None;
        }
        if self.form.is_none() || before != self.before || rest != self.after.as_bytes() {
            self.begin(before, rest)?;
        }
        let second = i128::from(tens - b'0') * 10 + i128::from(ones - b'0');
        Some((
            self.form?,
            self.start + second * i128::from(SECOND) + fraction,
        ))
    }

    #[cold]
    fn begin(&mut self, before: &[u8], after: &[u8]) -> Option<()> {
        let (before, after) = (std::str::from_utf8(before), std::str::from_utf8(after));
        let (before, after) = (before.ok()?, after.ok()?);
        let (form, start) = read(&format!("{before}00{after}"))?;
        *self = Minute {
            before: before.as_bytes().to_vec(),
            after: after.to_owned(),
            start,
            form: Some(form),
        };
        Some(())
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
    if d == 1 {
        return n;
    }
    (n + (d / 2) * n.signum()) / d
}

/// A number in billionths, or nanoseconds of a date (without a zone: UTC).
fn read(text: &str) -> Option<(TimeForm, i128)> {
    if let Some(billionths) = plain_number(text) {
        return Some((TimeForm::Number, billionths));
    }
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

/// A number written as most are, in billionths: up to 18 digits, and more after a point. `None`: anything else.
#[inline]
fn plain_number(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, bytes),
    };
    let digit = |at: usize| {
        digits
            .get(at)
            .map(|b| b.wrapping_sub(b'0'))
            .filter(|d| *d < 10)
    };
    let (mut whole, mut at) = (0_u64, 0);
    while let Some(next) = digit(at) {
        if at == 18 {
            return None;
        }
        whole = whole * 10 + u64::from(next);
        at += 1;
    }
    let mut below = 0;
    if at == 0 {
        return None;
    }
    if at < digits.len() {
        if digits[at] != b'.' {
            return None;
        }
        at += 1;
        let mut place = SECOND / 10;
        while let Some(next) = digit(at) {
            below += place * u64::from(next);
            place /= 10;
            at += 1;
        }
        if at < digits.len() {
            return None;
        }
    }
    let billionths = i128::from(whole) * i128::from(SECOND) + i128::from(below);
    Some(if negative { -billionths } else { billionths })
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
        _ if number.fract() == 0.0 => wide_whole(number) * i128::from(SECOND),
        _ => wide_whole((number * SECOND as f64).round()),
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
            assert_eq!(read.ns(1) - read.ns(0), apart, "{texts:?}");
        }
    }

    #[test]
    fn what_is_read_in_short_is_what_is_read_at_length() {
        let mut minute = Minute::default();
        for text in [
            "2026-11-24T18:00:00Z",
            "2026-11-24T18:00:59.5Z",
            "2026-11-24T18:00:59.123456789Z",
            "2026-11-24 18:00:01",
            "2026-11-24 18:00:01.25",
            "2026-11-24T18:00:07+01:00",
            "2026-11-24T18:01:07+01:00",
            "1969-12-31T23:59:59.75Z",
            "2026-11-24T18:00:60Z",
            "2026-11-24T18:00:07.Z",
            "2026-11-24T18:00:07.1234567890Z",
            "2026-11-24T18:00:7Z",
            "2026-13-24T18:00:07Z",
            "2026-11-24T25:00:07Z",
            "2026-11-24T18:00:07 Z",
            "not at all, but long enough",
        ] {
            let short = minute.read(text);
            assert!(short.is_none() || short == read(text), "{text}: {short:?}");
        }
        assert!(minute.read("2026-11-24T18:00:07.5Z").is_some());
        for text in [
            "0",
            "-0",
            "7",
            "-1.5",
            "1700000000.000000001",
            "12.",
            "3.1234567899",
            "999999999999999999",
            "-0.25",
        ] {
            let number: f64 = text.parse().expect("a number");
            assert_eq!(plain_number(text), Some(billionths(text, number)), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "+1",
            "1e3",
            "1.5e3",
            "1 2",
            "1234567890123456789",
            "1.-5",
        ] {
            assert_eq!(plain_number(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_all_sizes_are_kept_exactly() {
        for texts in [
            &["0", "1.5", "2.000001", "-3.000000001"][..],
            &["1e18", "9000000000000000000", "0.5"],
            &["5", "1e18", "0.001"],
            &["1700000000000000000.5", "1"],
        ] {
            let mut written = Written::default();
            let all: Vec<i128> = texts.iter().map(|t| read(t).expect("a time").1).collect();
            all.iter().for_each(|&n| written.push(n));
            let found: Vec<i128> = (0..all.len()).map(|row| written.get(row)).collect();
            assert_eq!(found, all);
            assert_eq!(written.into_all().collect::<Vec<_>>(), all);
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
