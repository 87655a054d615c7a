//! Quantities as people write them: [`Span`] "1h 30m", [`Rate`] "4000/s", [`Bytes`] "256 KiB",
//! [`Share`] "25%".
//!
//! Times, rates and sizes are exact (integers and reduced fractions); only [`Share`] is a float.
//! Each type reads text with `FromStr`, prints text that reads back as the same value with
//! `Display`, and serialises as that text, so that a number never travels without its unit.
//!
//! Not here: calendar months and years, which have no fixed length, and money.

use std::fmt;
use std::str::FromStr;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;
use serde::{Serialize, Serializer};

/// Nanoseconds in a second.
const NS_PER_S: u64 = 1_000_000_000;

/// Why a text or number is not the quantity it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It cannot be read as this quantity at all.
    #[error("{message}")]
    Malformed {
        /// What is wrong, with the text.
        message: String,
        /// What to write instead.
        way_out: String,
    },
    /// It can be read, but no such quantity is allowed or can be held.
    #[error("{message}")]
    OutOfRange {
        /// What is wrong, with the value and the limit.
        message: String,
        /// What to write instead.
        way_out: String,
    },
}

impl UnitError {
    /// What to write instead.
    pub fn way_out(&self) -> &str {
        match self {
            UnitError::Malformed { way_out, .. } | UnitError::OutOfRange { way_out, .. } => way_out,
        }
    }

    fn malformed(message: impl Into<String>, way_out: impl Into<String>) -> UnitError {
        UnitError::Malformed {
            message: message.into(),
            way_out: way_out.into(),
        }
    }

    fn out_of_range(message: impl Into<String>, way_out: impl Into<String>) -> UnitError {
        UnitError::OutOfRange {
            message: message.into(),
            way_out: way_out.into(),
        }
    }
}

macro_rules! serialize_as_text {
    ($($quantity:ty),*) => {$(
        impl Serialize for $quantity {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(Span, Rate, Bytes, Share);

/// A length of time, at least 0, in whole nanoseconds; at most 2^64 − 1 ns (584 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    ns: u64,
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span { ns: 0 };

    /// `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Span {
        Span { ns }
    }

    /// `seconds` seconds; more than the longest span becomes the longest span.
    pub const fn from_secs(seconds: u64) -> Span {
        Span {
            ns: seconds.saturating_mul(NS_PER_S),
        }
    }

    /// Length \[ns\].
    pub const fn as_ns(self) -> u64 {
        self.ns
    }

    /// Length \[s\], rounded to the nearest float.
    pub fn as_secs_f64(self) -> f64 {
        self.ns as f64 / NS_PER_S as f64
    }

    /// Length \[s\] if it is a whole number of seconds.
    pub const fn whole_seconds(self) -> Option<u64> {
        if self.ns.is_multiple_of(NS_PER_S) {
            Some(self.ns / NS_PER_S)
        } else {
            None
        }
    }

    /// Whether it is 0.
    pub const fn is_zero(self) -> bool {
        self.ns == 0
    }
}

impl FromStr for Span {
    type Err = UnitError;

    /// Reads "15m", "1h 30m", "250ms", "90 s", "2d", "1 week"; a day is 24 h, a week 7 days.
    fn from_str(text: &str) -> Result<Span, UnitError> {
        const EXAMPLES: &str = "write for example \"15m\", \"1h 30m\", \"250ms\", \"2d\"";
        let trimmed = text.trim();
        if trimmed == "0" {
            return Ok(Span::ZERO);
        }
        if Decimal::split(trimmed).is_ok_and(|(_, rest)| rest.is_empty()) {
            return Err(UnitError::malformed(
                format!("\"{text}\" has no unit of time"),
                format!("write \"{trimmed}s\" for seconds"),
            ));
        }
        let parsed = SpanParser::new().parse_span(trimmed).map_err(|_| {
            UnitError::malformed(format!("\"{text}\" is not a length of time"), EXAMPLES)
        })?;
        if parsed.get_years() != 0 || parsed.get_months() != 0 {
            return Err(UnitError::malformed(
                format!("\"{text}\" counts calendar months or years, which have no fixed length"),
                "write days, for example \"30d\" or \"365d\"",
            ));
        }
        if parsed.is_negative() {
            return Err(UnitError::out_of_range(
                format!("\"{text}\" is negative; a length of time is at least 0"),
                EXAMPLES,
            ));
        }
        parsed
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .ok()
            .and_then(|duration| u64::try_from(duration.as_nanos()).ok())
            .map(Span::from_ns)
            .ok_or_else(|| {
                UnitError::out_of_range(
                    format!("\"{text}\" is longer than 584 years, the longest time allowed"),
                    EXAMPLES,
                )
            })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PARTS: [(u64, &str); 7] = [
            (86_400 * NS_PER_S, "d"),
            (3_600 * NS_PER_S, "h"),
            (60 * NS_PER_S, "m"),
            (NS_PER_S, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.ns == 0 {
            return f.pad("0s");
        }
        let mut rest = self.ns;
        let mut parts = Vec::new();
        for (ns, unit) in PARTS {
            if rest >= ns {
                parts.push(format!("{}{unit}", rest / ns));
                rest %= ns;
            }
        }
        f.pad(&parts.join(" "))
    }
}

/// Events per time, at least 0: an exact fraction of events per second in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    num: u64,
    den: u64,
}

impl Rate {
    /// No events at all.
    pub const ZERO: Rate = Rate { num: 0, den: 1 };

    const EXAMPLES: &str = "write for example \"4000/s\", \"120/min\", \"2.5 million/day\"";

    /// `num` events every `den` seconds; `None` if `den` is 0.
    pub fn new(num: u64, den: u64) -> Option<Rate> {
        Rate::reduced(u128::from(num), u128::from(den))
    }

    /// `events` per second.
    pub const fn per_second_exactly(events: u64) -> Rate {
        Rate {
            num: events,
            den: 1,
        }
    }

    /// A bare number: `events` per second, taken as the shortest decimal that prints it.
    ///
    /// # Errors
    /// Negative, infinite, not a number, or not to be held as a fraction of two 64-bit integers.
    pub fn from_per_second(events: f64) -> Result<Rate, UnitError> {
        if !events.is_finite() {
            return Err(UnitError::out_of_range(
                format!("{events} is not a rate; a rate is finite and at least 0"),
                Rate::EXAMPLES,
            ));
        }
        Rate::from_bare_number(&events.to_string())
    }

    /// A bare number in decimals: so many events per second.
    ///
    /// # Errors
    /// Negative, not a number, or not to be held as a fraction of two 64-bit integers.
    pub fn from_bare_number(events: &str) -> Result<Rate, UnitError> {
        if events.starts_with('-') && events.contains(|c: char| ('1'..='9').contains(&c)) {
            return Err(UnitError::out_of_range(
                format!("{events} is negative; a rate is at least 0"),
                Rate::EXAMPLES,
            ));
        }
        format!("{events}/s").parse()
    }

    /// Events per second, rounded to the nearest float.
    pub fn per_second(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// Numerator of events per second.
    pub const fn num(self) -> u64 {
        self.num
    }

    /// Denominator of events per second; at least 1.
    pub const fn den(self) -> u64 {
        self.den
    }

    /// Whether it is 0.
    pub const fn is_zero(self) -> bool {
        self.num == 0
    }

    fn reduced(num: u128, den: u128) -> Option<Rate> {
        if den == 0 {
            return None;
        }
        let divisor = greatest_common_divisor(num, den);
        Some(Rate {
            num: u64::try_from(num / divisor).ok()?,
            den: u64::try_from(den / divisor).ok()?,
        })
    }
}

impl Default for Rate {
    fn default() -> Rate {
        Rate::ZERO
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Rate) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rate {
    fn cmp(&self, other: &Rate) -> std::cmp::Ordering {
        let left = u128::from(self.num) * u128::from(other.den);
        let right = u128::from(other.num) * u128::from(self.den);
        left.cmp(&right)
    }
}

/// A unit of time below a stroke, as numerator and denominator of its length in seconds.
fn time_unit(name: &str) -> Option<(u64, u64)> {
    Some(match name {
        "ms" => (1, 1_000),
        "s" | "sec" | "second" | "seconds" => (1, 1),
        "m" | "min" | "minute" | "minutes" => (60, 1),
        "h" | "hr" | "hour" | "hours" => (3_600, 1),
        "d" | "day" | "days" => (86_400, 1),
        "w" | "week" | "weeks" => (604_800, 1),
        _ => return None,
    })
}

impl FromStr for Rate {
    type Err = UnitError;

    /// Reads "4000/s", "0.5/s", "120/min", "1_000/h", "3k/s", "2.5 million/day", "1/7s".
    fn from_str(text: &str) -> Result<Rate, UnitError> {
        let malformed =
            || UnitError::malformed(format!("\"{text}\" is not a rate"), Rate::EXAMPLES);
        let out_of_range = || {
            UnitError::out_of_range(
                format!(
                    "\"{text}\" is finer or larger than a fraction of two 64-bit integers holds"
                ),
                Rate::EXAMPLES,
            )
        };
        let refused = |refusal| match refusal {
            DecimalRefusal::Malformed => malformed(),
            DecimalRefusal::TooLong => out_of_range(),
        };

        let (events, rest) = Decimal::split(text.trim()).map_err(refused)?;
        if events.negative {
            return Err(UnitError::out_of_range(
                format!("\"{text}\" is negative; a rate is at least 0"),
                Rate::EXAMPLES,
            ));
        }
        let (multiple, time) = match rest.split_once('/') {
            Some((multiple, time)) => (multiple.trim(), time.trim()),
            None if rest.is_empty() => {
                return Err(UnitError::malformed(
                    format!("\"{text}\" does not say per what time"),
                    format!("write \"{}/s\" for events per second", text.trim()),
                ));
            }
            None => return Err(malformed()),
        };
        let multiple: u64 = match multiple {
            "" => 1,
            "k" | "thousand" => 1_000,
            "M" | "million" => 1_000_000,
            "G" | "billion" => 1_000_000_000,
            _ => return Err(malformed()),
        };
        let (count, unit) = if time.starts_with(|c: char| c.is_ascii_digit()) {
            Decimal::split(time).map_err(refused)?
        } else {
            (Decimal::ONE, time)
        };
        let (unit_num, unit_den) = time_unit(unit).ok_or_else(malformed)?;
        if count.digits == 0 {
            return Err(UnitError::out_of_range(
                format!("\"{text}\" is per no time at all"),
                Rate::EXAMPLES,
            ));
        }
        let num = events
            .product(&[multiple, unit_den], count.tens())
            .ok_or_else(out_of_range)?;
        let den = count
            .product(&[unit_num], events.tens())
            .ok_or_else(out_of_range)?;
        Rate::reduced(num, den).ok_or_else(out_of_range)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (seconds, unit) in [(1, "s"), (60, "min"), (3_600, "h"), (86_400, "day")] {
            let num = u128::from(self.num) * seconds;
            if let Some(text) = short_decimal(num, u128::from(self.den)) {
                return f.pad(&format!("{text}/{unit}"));
            }
        }
        f.pad(&format!("{}/{}s", self.num, self.den))
    }
}

/// num ÷ den in decimals, if three places are enough to be exact.
fn short_decimal(num: u128, den: u128) -> Option<String> {
    let thousandths = num.checked_mul(1_000)?;
    if !thousandths.is_multiple_of(den) {
        return None;
    }
    let thousandths = thousandths / den;
    let (whole, fraction) = (thousandths / 1_000, thousandths % 1_000);
    if fraction == 0 {
        return Some(whole.to_string());
    }
    Some(
        format!("{whole}.{fraction:03}")
            .trim_end_matches('0')
            .to_owned(),
    )
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// A size in whole bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes {
    bytes: u64,
}

/// Units of size, as printed. KB and MB are powers of 1,000; KiB and MiB powers of 1,024.
const SIZE_UNITS: [(u64, &str); 11] = [
    (1, "B"),
    (1_000, "KB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000_000_000, "PB"),
    (1 << 10, "KiB"),
    (1 << 20, "MiB"),
    (1 << 30, "GiB"),
    (1 << 40, "TiB"),
    (1 << 50, "PiB"),
];

impl Bytes {
    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Bytes {
        Bytes { bytes }
    }

    /// Size \[bytes\].
    pub const fn get(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads "256 KiB" (powers of 1,024), "1 MB" (powers of 1,000), "1.5 GiB", "4096" (bytes).
    fn from_str(text: &str) -> Result<Bytes, UnitError> {
        const EXAMPLES: &str = "write for example \"256 KiB\" (1,024 bytes each), \"1 MB\" \
             (1,000,000 bytes) or \"4096\" (bytes)";
        let malformed = || UnitError::malformed(format!("\"{text}\" is not a size"), EXAMPLES);
        let out_of_range = || {
            UnitError::out_of_range(
                format!("\"{text}\" is not a whole number of bytes up to 2^64 - 1"),
                EXAMPLES,
            )
        };
        let (count, unit) = Decimal::split(text.trim()).map_err(|refusal| match refusal {
            DecimalRefusal::Malformed => malformed(),
            DecimalRefusal::TooLong => out_of_range(),
        })?;
        if count.negative {
            return Err(UnitError::out_of_range(
                format!("\"{text}\" is negative; a size is at least 0"),
                EXAMPLES,
            ));
        }
        let unit_bytes = match unit {
            "" | "byte" | "bytes" => 1,
            "kB" => 1_000,
            "kiB" => 1_024,
            _ => SIZE_UNITS
                .iter()
                .find(|(_, name)| *name == unit)
                .map(|(bytes, _)| *bytes)
                .ok_or_else(malformed)?,
        };
        let num = count.product(&[unit_bytes], 1).ok_or_else(out_of_range)?;
        let den = count.tens();
        if !num.is_multiple_of(den) {
            return Err(out_of_range());
        }
        u64::try_from(num / den)
            .map(Bytes::new)
            .map_err(|_| out_of_range())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut bytes, mut unit) = SIZE_UNITS[0];
        for (candidate, name) in SIZE_UNITS {
            if self.bytes > 0 && self.bytes.is_multiple_of(candidate) && candidate > bytes {
                (bytes, unit) = (candidate, name);
            }
        }
        f.pad(&format!("{} {unit}", self.bytes / bytes))
    }
}

/// A part of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share {
    part: f64,
}

impl Share {
    /// Nothing.
    pub const ZERO: Share = Share { part: 0.0 };
    /// The whole.
    pub const ONE: Share = Share { part: 1.0 };

    const EXAMPLES: &str = "write for example 0.25 or \"25%\"";

    /// `part` of 1.
    ///
    /// # Errors
    /// Not a number, below 0 or above 1.
    pub fn new(part: f64) -> Result<Share, UnitError> {
        if (0.0..=1.0).contains(&part) {
            // Adding 0 turns -0 into 0, which is what is printed.
            Ok(Share { part: part + 0.0 })
        } else {
            Err(UnitError::out_of_range(
                format!("a share is between 0 and 1, but this is {part}"),
                Share::EXAMPLES,
            ))
        }
    }

    /// The part of 1, 0 to 1.
    pub const fn get(self) -> f64 {
        self.part
    }
}

impl FromStr for Share {
    type Err = UnitError;

    /// Reads "0.25" or "25%".
    fn from_str(text: &str) -> Result<Share, UnitError> {
        let malformed =
            || UnitError::malformed(format!("\"{text}\" is not a share"), Share::EXAMPLES);
        let trimmed = text.trim();
        let Some(percent) = trimmed.strip_suffix('%') else {
            return Share::new(trimmed.parse().map_err(|_| malformed())?);
        };
        let percent = percent.trim_end();
        // Moving the decimal point in the text, not in the float, keeps "7%" equal to 0.07.
        let (mantissa, exponent) = match percent.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().map_err(|_| malformed())?)
            }
            None => (percent, 0),
        };
        let part: f64 = format!("{mantissa}e{}", exponent.saturating_sub(2))
            .parse()
            .map_err(|_| malformed())?;
        Share::new(part).map_err(|_| {
            UnitError::out_of_range(
                format!("a share is between 0% and 100%, but this is {percent}%"),
                Share::EXAMPLES,
            )
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scientific = format!("{:e}", self.part);
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent = exponent.parse::<i32>().unwrap_or(0) + 2;
        let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
        let text = match usize::try_from(exponent) {
            _ if self.part == 0.0 => "0".to_owned(),
            Ok(whole) if digits.len() <= whole + 1 => {
                format!("{digits:0<width$}", width = whole + 1)
            }
            Ok(whole) => format!("{}.{}", &digits[..=whole], &digits[whole + 1..]),
            Err(_) if exponent >= -6 => {
                let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
                format!("0.{zeros}{digits}")
            }
            Err(_) => format!("{mantissa}e{exponent}"),
        };
        f.pad(&format!("{text}%"))
    }
}

/// A decimal number as written: digits ÷ 10^scale.
struct Decimal {
    digits: u128,
    scale: u32,
    negative: bool,
}

enum DecimalRefusal {
    Malformed,
    TooLong,
}

impl Decimal {
    const ONE: Decimal = Decimal {
        digits: 1,
        scale: 0,
        negative: false,
    };

    /// The number at the start of `text`, and what follows it without the space between.
    ///
    /// Underscores may stand between digits and an exponent may follow, as in TOML.
    fn split(text: &str) -> Result<(Decimal, &str), DecimalRefusal> {
        use DecimalRefusal::{Malformed, TooLong};

        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let length = unsigned
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
            .unwrap_or(unsigned.len());
        let (number, mut rest) = unsigned.split_at(length);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let well_formed = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_digit())
                && !part.contains("__")
                && !part.contains('.')
        };
        if !well_formed(whole) || !fraction.is_none_or(well_formed) {
            return Err(Malformed);
        }
        let fraction = fraction.unwrap_or("");
        let mut scale = i64::try_from(fraction.bytes().filter(u8::is_ascii_digit).count())
            .map_err(|_| TooLong)?;
        let mut digits: u128 = 0;
        for digit in whole.chars().chain(fraction.chars()) {
            if let Some(digit) = digit.to_digit(10) {
                digits = digits
                    .checked_mul(10)
                    .and_then(|d| d.checked_add(u128::from(digit)))
                    .ok_or(TooLong)?;
            }
        }
        if let Some(after) = rest.strip_prefix(['e', 'E']) {
            let unsigned = after.strip_prefix(['-', '+']).unwrap_or(after);
            let length = unsigned
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(unsigned.len());
            let length = length + (after.len() - unsigned.len());
            if let Ok(exponent) = after[..length].parse::<i16>() {
                scale -= i64::from(exponent);
                rest = &after[length..];
            }
        }
        while scale > 0 && digits.is_multiple_of(10) && digits > 0 {
            digits /= 10;
            scale -= 1;
        }
        if digits == 0 {
            scale = 0;
        }
        if scale < 0 {
            digits = u32::try_from(-scale)
                .ok()
                .and_then(|tens| 10u128.checked_pow(tens))
                .and_then(|tens| digits.checked_mul(tens))
                .ok_or(TooLong)?;
            scale = 0;
        }
        let scale = u32::try_from(scale).map_err(|_| TooLong)?;
        if 10u128.checked_pow(scale).is_none() {
            return Err(TooLong);
        }
        let decimal = Decimal {
            digits,
            scale,
            negative: negative && digits > 0,
        };
        Ok((decimal, rest.trim_start()))
    }

    /// 10^scale, which [`Decimal::split`] has checked to fit.
    fn tens(&self) -> u128 {
        10u128.pow(self.scale)
    }

    /// digits × factors × more, if it fits.
    fn product(&self, factors: &[u64], more: u128) -> Option<u128> {
        let digits = self.digits.checked_mul(more)?;
        factors.iter().try_fold(digits, |product, factor| {
            product.checked_mul(u128::from(*factor))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(text: &str) -> Result<Span, UnitError> {
        text.parse()
    }

    fn refusal<T: FromStr<Err = UnitError> + fmt::Debug>(text: &str) -> (String, String) {
        let error = text.parse::<T>().expect_err(text);
        (error.to_string(), error.way_out().to_owned())
    }

    #[test]
    fn spans_read() {
        for (text, ns) in [
            ("15m", 900 * NS_PER_S),
            ("1h 30m", 5_400 * NS_PER_S),
            ("1h30m", 5_400 * NS_PER_S),
            ("250ms", 250_000_000),
            ("90 s", 90 * NS_PER_S),
            ("2d", 172_800 * NS_PER_S),
            ("1 week", 604_800 * NS_PER_S),
            ("1w 1d", 691_200 * NS_PER_S),
            ("30 days", 2_592_000 * NS_PER_S),
            ("1.5h", 5_400 * NS_PER_S),
            ("0.25 s", 250_000_000),
            ("10 us", 10_000),
            ("7ns", 7),
            (" 0s ", 0),
            ("0", 0),
        ] {
            assert_eq!(span(text), Ok(Span::from_ns(ns)), "{text}");
        }
    }

    #[test]
    fn spans_refuse() {
        for (text, message) in [
            ("", "\"\" is not a length of time"),
            ("soon", "\"soon\" is not a length of time"),
            ("15 x", "\"15 x\" is not a length of time"),
            ("NaN", "\"NaN\" is not a length of time"),
            ("1.5 days", "\"1.5 days\" is not a length of time"),
            ("900", "\"900\" has no unit of time"),
            ("-5m", "\"-5m\" is negative; a length of time is at least 0"),
            (
                "5m ago",
                "\"5m ago\" is negative; a length of time is at least 0",
            ),
            (
                "2 months",
                "\"2 months\" counts calendar months or years, which have no fixed length",
            ),
            (
                "1y",
                "\"1y\" counts calendar months or years, which have no fixed length",
            ),
            (
                "300000 days",
                "\"300000 days\" is longer than 584 years, the longest time allowed",
            ),
            ("0.0000000001s", "\"0.0000000001s\" is not a length of time"),
        ] {
            assert_eq!(refusal::<Span>(text).0, message);
        }
        assert_eq!(refusal::<Span>("900").1, "write \"900s\" for seconds");
    }

    #[test]
    fn spans_print_short() {
        assert_eq!(Span::from_secs(900).to_string(), "15m");
        assert_eq!(Span::from_secs(90).to_string(), "1m 30s");
        assert_eq!(Span::from_secs(604_800).to_string(), "7d");
        assert_eq!(Span::from_ns(1_500_000).to_string(), "1ms 500us");
        assert_eq!(Span::ZERO.to_string(), "0s");
        assert_eq!(Span::from_ns(2 * NS_PER_S).whole_seconds(), Some(2));
        assert_eq!(Span::from_ns(NS_PER_S + 1).whole_seconds(), None);
        assert_eq!(Span::from_secs(u64::MAX).as_ns(), u64::MAX);
    }

    #[test]
    fn rates_read() {
        for (text, num, den) in [
            ("4000/s", 4_000, 1),
            ("0.5/s", 1, 2),
            ("120/min", 2, 1),
            ("1_000/h", 5, 18),
            ("2.5 million/day", 3_125, 108),
            ("3k/s", 3_000, 1),
            ("3 M/s", 3_000_000, 1),
            ("1G/week", 312_500, 189),
            ("7 thousand / second", 7_000, 1),
            ("1 billion/day", 312_500, 27),
            ("1e3/s", 1_000, 1),
            ("1/7s", 1, 7),
            ("5/10ms", 500, 1),
            ("0/s", 0, 1),
            ("0.000/h", 0, 1),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.num(), rate.den()), (num, den), "{text}");
        }
        assert_eq!(Rate::from_per_second(0.1), Ok(Rate { num: 1, den: 10 }));
        assert_eq!(Rate::new(1, 0), None);
        assert!(Rate::new(1, 60) < Rate::new(1, 1));
    }

    #[test]
    fn rates_refuse() {
        for (text, message) in [
            ("fast", "\"fast\" is not a rate"),
            ("4000", "\"4000\" does not say per what time"),
            ("4000/fortnight", "\"4000/fortnight\" is not a rate"),
            ("4000/month", "\"4000/month\" is not a rate"),
            ("4 dozen/s", "\"4 dozen/s\" is not a rate"),
            ("3m/s", "\"3m/s\" is not a rate"),
            ("NaN/s", "\"NaN/s\" is not a rate"),
            ("inf/s", "\"inf/s\" is not a rate"),
            ("1__0/s", "\"1__0/s\" is not a rate"),
            ("4,000/s", "\"4,000/s\" is not a rate"),
            ("1/s/s", "\"1/s/s\" is not a rate"),
            ("-1/s", "\"-1/s\" is negative; a rate is at least 0"),
            ("5/0s", "\"5/0s\" is per no time at all"),
            (
                "1e30/s",
                "\"1e30/s\" is finer or larger than a fraction of two 64-bit integers holds",
            ),
            (
                "1e-300/s",
                "\"1e-300/s\" is finer or larger than a fraction of two 64-bit integers holds",
            ),
        ] {
            assert_eq!(refusal::<Rate>(text).0, message);
        }
        for number in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(Rate::from_per_second(number).is_err(), "{number}");
        }
    }

    #[test]
    fn rates_print_short() {
        for text in ["4000/s", "0.5/s", "1000/h", "2500000/day", "1/7s", "0/s"] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn sizes_read_and_print() {
        for (text, bytes, printed) in [
            ("256 KiB", 262_144, "256 KiB"),
            ("1 MB", 1_000_000, "1 MB"),
            ("1MiB", 1_048_576, "1 MiB"),
            ("1.5 GiB", 1_610_612_736, "1536 MiB"),
            ("4096", 4_096, "4 KiB"),
            ("1 kB", 1_000, "1 KB"),
            ("1 TB", 1_000_000_000_000, "1 TB"),
            ("1001 bytes", 1_001, "1001 B"),
            ("0", 0, "0 B"),
        ] {
            let size: Bytes = text.parse().expect(text);
            assert_eq!(size, Bytes::new(bytes), "{text}");
            assert_eq!(size.to_string(), printed);
        }
    }

    #[test]
    fn sizes_refuse() {
        for text in ["big", "1 Mb", "1 K", "1 GBps", "NaN"] {
            assert_eq!(
                refusal::<Bytes>(text).0,
                format!("\"{text}\" is not a size")
            );
        }
        for text in ["0.5 B", "1.0001 KB", "99999 PiB"] {
            assert_eq!(
                refusal::<Bytes>(text).0,
                format!("\"{text}\" is not a whole number of bytes up to 2^64 - 1")
            );
        }
        assert_eq!(
            refusal::<Bytes>("-1 MB").0,
            "\"-1 MB\" is negative; a size is at least 0"
        );
    }

    #[test]
    fn shares_read_and_print() {
        for (text, part, printed) in [
            ("25%", 0.25, "25%"),
            ("0.25", 0.25, "25%"),
            ("7 %", 0.07, "7%"),
            ("12.5%", 0.125, "12.5%"),
            ("0.1%", 0.001, "0.1%"),
            ("0", 0.0, "0%"),
            ("-0", 0.0, "0%"),
            ("100%", 1.0, "100%"),
            ("0.00001", 0.00001, "0.001%"),
            ("1e-20%", 1e-22, "1e-20%"),
        ] {
            let share: Share = text.parse().expect(text);
            assert_eq!(share.get(), part, "{text}");
            assert_eq!(share.to_string(), printed);
        }
    }

    #[test]
    fn shares_refuse() {
        for (text, message) in [
            ("half", "\"half\" is not a share"),
            ("%", "\"%\" is not a share"),
            ("25", "a share is between 0 and 1, but this is 25"),
            ("-0.1", "a share is between 0 and 1, but this is -0.1"),
            ("NaN", "a share is between 0 and 1, but this is NaN"),
            ("120%", "a share is between 0% and 100%, but this is 120%"),
        ] {
            assert_eq!(refusal::<Share>(text).0, message);
        }
    }

    #[test]
    fn quantities_serialise_as_text() {
        let rate: Rate = "0.5/s".parse().expect("a rate");
        let json = serde_json::to_string(&(Span::from_secs(900), rate, Bytes::new(1_024)));
        assert_eq!(json.expect("JSON"), r#"["15m","0.5/s","1 KiB"]"#);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(ns: u64, bytes: u64, num: u64, den in 1u64.., part in 0.0..=1.0) {
            let span = Span::from_ns(ns);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            let bytes = Bytes::new(bytes);
            prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
            let rate = Rate::new(num, den).expect("a denominator above 0");
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            let share = Share::new(part).expect("between 0 and 1");
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn round_numbers_print_and_read_back(events in 0u64..1_000_000, seconds in 1u64..100_000) {
            let rate = Rate::new(events, seconds).expect("a denominator above 0");
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Span>();
            let _ = text.parse::<Rate>();
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Share>();
        }

        #[test]
        fn no_number_panics(text in "[-+]?[0-9_.]{1,45}([eE][-+]?[0-9]{1,6})? ?(k|M|%|KiB|s|m)?(/[0-9.]{0,9}(s|ms|week))?") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<Rate>();
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Share>();
        }
    }
}
