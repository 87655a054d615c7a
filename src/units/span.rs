//! Lengths of time.

use super::decimal::Decimal;
use super::error::UnitError;
use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Nanoseconds in a second.
const NS_PER_S: u64 = 1_000_000_000;

/// A length of time, at least 0, in whole nanoseconds; at most 2^64 − 1 ns (584 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    ns: u64,
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span { ns: 0 };

    /// The longest that a setting may say, and the latest that something can happen: ten years. An instant within it put
    /// off by as long, over and over, still is one that can be counted.
    pub const LONGEST: Span = Span::from_secs(10 * 366 * 86_400);

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

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
