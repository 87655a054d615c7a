//! Parts of a whole.

use super::error::UnitError;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

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

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
