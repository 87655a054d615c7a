//! Decimal text to exact rationals: `0.03` is 3/100, never the float next to it.
//!
//! Left out: exponents, digit separators and infinities; prices and quotas are written plainly.

use num_bigint::BigInt;
use num_rational::BigRational;
use serde::{Deserialize, Deserializer, de};

/// The text is not a plain decimal number such as `12`, `0.03` or `-1.5`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number (write for example 0.03)")]
pub struct NotADecimal(pub String);

/// The exact value of a plain decimal number.
///
/// # Errors
/// [`NotADecimal`] for anything but an optional minus sign, digits, and at most one point between digits.
pub fn exact(text: &str) -> Result<BigRational, NotADecimal> {
    let fault = || NotADecimal(text.to_owned());
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(fault());
    }
    let places = u32::try_from(fraction.len()).map_err(|_| fault())?;
    let number: BigInt = format!("{whole}{fraction}").parse().map_err(|_| fault())?;
    let value = BigRational::new(number, BigInt::from(10).pow(places));
    Ok(if negative { -value } else { value })
}

/// For `#[serde(deserialize_with)]`: a decimal string.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BigRational, D::Error> {
    exact(&String::deserialize(from)?).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(n: i64, d: i64) -> BigRational {
        BigRational::new(n.into(), d.into())
    }

    #[test]
    fn reads_plain_decimals_exactly() {
        assert_eq!(exact("0.03"), Ok(ratio(3, 100)));
        assert_eq!(exact("10000"), Ok(ratio(10_000, 1)));
        assert_eq!(exact("-1.50"), Ok(ratio(-3, 2)));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "", "-", ".5", "1.", "1e3", "+1", "1,000", "1.2.3", "NaN", " 1",
        ] {
            assert!(exact(text).is_err(), "{text}");
        }
    }
}
