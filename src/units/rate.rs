//! Events per time.

use super::decimal::{Decimal, DecimalRefusal};
use super::error::UnitError;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

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
                format!("\"{text}\" does not fit a fraction of two 64-bit integers"),
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
                    format!("\"{text}\" has no unit of time"),
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
                format!("\"{text}\" is per a time of 0"),
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

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
