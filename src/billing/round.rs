//! Rounding of exact amounts: once, half to even, to 10 decimals.

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::Signed;

/// Decimals that are kept.
const DECIMALS: usize = 10;

/// An amount as decimal text with at most 10 decimals, half to even, without trailing zeros.
///
/// ```
/// use num_rational::BigRational;
/// let key_hour = BigRational::new(1.into(), 720.into());
/// assert_eq!(kmsim::billing::round_usd(&key_hour), "0.0013888889");
/// ```
pub fn round_usd(amount: &BigRational) -> String {
    let scale = BigInt::from(10).pow(DECIMALS as u32);
    let scaled = amount.numer().abs() * scale;
    let mut units = &scaled / amount.denom();
    let twice = (scaled % amount.denom()) * 2;
    if twice > *amount.denom() || (twice == *amount.denom() && units.bit(0)) {
        units += 1;
    }
    let digits = format!("{units:0>width$}", width = DECIMALS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS);
    let fraction = fraction.trim_end_matches('0');
    let minus = if amount.is_negative() && units.sign() != Sign::NoSign {
        "-"
    } else {
        ""
    };
    if fraction.is_empty() {
        format!("{minus}{whole}")
    } else {
        format!("{minus}{whole}.{fraction}")
    }
}

/// The float next to [`round_usd`]: what `results.json` holds.
pub fn usd_f64(amount: &BigRational) -> f64 {
    // Digits with a point and a sign always parse.
    round_usd(amount).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::decimal::exact;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (amount, rounded) in [
            ("0.00000000005", "0"),
            ("0.00000000015", "0.0000000002"),
            ("0.00000000025", "0.0000000002"),
            ("0.00000000035", "0.0000000004"),
            ("-0.00000000005", "0"),
            ("-0.00000000015", "-0.0000000002"),
            ("0.000000000050001", "0.0000000001"),
            ("9.99999999995", "10"),
            ("1.24", "1.24"),
            ("-0.06", "-0.06"),
            ("777600", "777600"),
            ("0", "0"),
        ] {
            assert_eq!(round_usd(&exact(amount).unwrap()), rounded, "{amount}");
        }
    }

    #[test]
    fn floats_are_the_nearest() {
        assert_eq!(
            usd_f64(&BigRational::new(1.into(), 720.into())),
            0.0013888889
        );
        assert_eq!(
            usd_f64(&BigRational::new((-2).into(), 3.into())),
            -0.6666666667
        );
    }
}
