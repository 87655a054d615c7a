//! Powers that are nearly right, quickly, and how far they may be off.
//!
//! A number that is only compared need not be known to the last digit: where this one leaves the comparison open, `libm`
//! decides. So what is drawn stays the same to the digit on every machine, and most draws do without `pow`.

use super::narrow::{index, signed_whole};
use std::f64::consts::{LN_2, LOG2_E};
use std::sync::LazyLock;

/// Parts of an octave that the tables hold.
const PARTS: usize = 128;
const PART_BITS: u32 = PARTS.ilog2();
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// How far the logarithm may be off, absolutely, and the power of 2, relatively; tests find a tenth of it.
const LOG2_ERROR: f64 = 4e-14;
const EXP2_ERROR: f64 = 2e-14;

/// For each part of 1..2: one over its middle, and the logarithm of that middle; 2 to as many parts.
static PART: LazyLock<[(f64, f64, f64); PARTS]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let middle = 1.0 + (i as f64 + 0.5) / PARTS as f64;
        let inverse = 1.0 / middle;
        let power = libm::exp2(i as f64 / PARTS as f64);
        (inverse, -libm::log2(inverse), power)
    })
});

/// A number and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearly {
    /// The number.
    pub value: f64,
    /// The true one is no further from it.
    pub error: f64,
}

/// Octaves on either side of 1 that numbers may lie in.
const OCTAVES: f64 = 60.0;

/// `base` to the power of `exponent`; `None` where one of them is no number, or either number is very large or small.
#[inline]
pub fn power(base: f64, exponent: f64) -> Option<Nearly> {
    const LARGE: f64 = (1_u64 << 60) as f64;
    if !(1.0 / LARGE..LARGE).contains(&base) {
        return None;
    }
    let bits = base.to_bits();
    let octave = (bits >> MANTISSA_BITS).cast_signed() - 1_023;
    let part = (bits >> (MANTISSA_BITS - PART_BITS)) as usize % PARTS;
    let mantissa = f64::from_bits(bits & ((1 << MANTISSA_BITS) - 1) | 1.0_f64.to_bits());
    let (inverse, log2, _) = PART[part];
    // ln(1 + r), r at most 1/256.
    let r = mantissa * inverse - 1.0;
    let tail = r * (1.0 / 3.0 + r * (-1.0 / 4.0 + r * (1.0 / 5.0 + r * (-1.0 / 6.0))));
    let ln = r + r * r * (-0.5 + tail);
    let log2 = octave as f64 + (log2 + ln * LOG2_E);
    exp2(log2 * exponent, LOG2_ERROR * exponent.abs())
}

/// e to the power of `x`; `None` where that is a very large or small number.
#[inline]
pub fn exp(x: f64) -> Option<Nearly> {
    exp2(x * LOG2_E, 0.0)
}

/// 2 to the power of `x`, which may be off by `error`.
#[inline]
fn exp2(x: f64, error: f64) -> Option<Nearly> {
    if !(-OCTAVES..=OCTAVES).contains(&x) {
        return None;
    }
    let parts = (x * PARTS as f64).round();
    let whole = signed_whole(parts);
    let (octave, part) = (whole >> PART_BITS, index(whole.cast_unsigned()) % PARTS);
    // e to the power of f, f at most ln 2 / 256.
    let f = (x - parts / PARTS as f64) * LN_2;
    let tail = f * (1.0 / 2.0 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0))));
    let scale = f64::from_bits((1_023 + octave).cast_unsigned() << MANTISSA_BITS);
    let value = PART[part].2 * scale * (1.0 + f * (1.0 + tail));
    Some(Nearly {
        value,
        error: value * (EXP2_ERROR + error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Key;

    #[test]
    fn powers_are_no_further_off_than_they_say() {
        let mut stream = Key::root(4, 4).stream();
        let mut worst: f64 = 0.0;
        for _ in 0..300_000 {
            let base = libm::exp2(119.0 * stream.unit() - 59.5);
            let exponent = libm::exp2(10.0 * stream.unit() - 5.0) * (stream.unit() - 0.5).signum();
            let exact = libm::pow(base, exponent);
            let Some(nearly) = power(base, exponent) else {
                assert!(libm::log2(exact).abs() > 59.9, "{base} {exponent}");
                continue;
            };
            worst = worst.max((nearly.value - exact).abs() / nearly.error);
        }
        for _ in 0..300_000 {
            let x = 80.0 * stream.unit() - 40.0;
            let nearly = exp(x).expect("no large number");
            worst = worst.max((nearly.value - libm::exp(x)).abs() / nearly.error);
        }
        assert!(worst < 0.7, "{worst}");
    }

    #[test]
    fn the_ends_of_parts_are_met() {
        for i in 0..=4 * PARTS {
            let base = 1.0 + i as f64 / (4 * PARTS) as f64;
            for base in [base, base.next_down(), base.next_up()] {
                let nearly = power(base, 3.0).expect("no large number");
                assert!(
                    (nearly.value - base * base * base).abs() < nearly.error,
                    "{base}"
                );
            }
        }
    }

    #[test]
    fn what_is_hardly_a_number_is_left_to_others() {
        for (base, exponent) in [
            (0.0, 1.0),
            (-1.0, 2.0),
            (f64::NAN, 1.0),
            (f64::INFINITY, 1.0),
        ] {
            assert_eq!(power(base, exponent), None);
        }
        assert_eq!(power(2.0, 61.0), None);
        assert_eq!(exp(f64::NAN), None);
    }
}
