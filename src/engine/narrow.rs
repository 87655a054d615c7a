//! The conversions of numbers in which something could get lost, each by what becomes of what does not fit.
//!
//! Lints forbid others in the engine and in the model. Between numbers of one width that differ in their sign,
//! [`i64::cast_unsigned`] and [`u64::cast_signed`] keep the bits.

use num_traits::{Bounded, Unsigned};

const _: () = assert!(usize::BITS == 64, "kmsim runs on 64-bit machines");

/// A count as an index, which is as wide.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "as wide: see above")]
pub const fn index(n: u64) -> usize {
    n as usize
}

/// The low 32 bits: what is above stands elsewhere.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what it is for")]
pub const fn low_bits(n: u64) -> u32 {
    n as u32
}

/// As [`low_bits`], of a wider number.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what it is for")]
pub const fn low_bits_of_wide(n: u128) -> u32 {
    n as u32
}

/// A number that whoever asks keeps within 32 bits, where each instruction counts; debug builds make sure.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "its caller keeps it within"
)]
pub const fn within_u32(n: u64) -> u32 {
    debug_assert!(n <= 0xffff_ffff);
    n as u32
}

/// A count in fewer bits; more than they hold becomes the most that they hold.
#[inline(always)]
pub fn capped<U: Bounded>(n: impl Unsigned + TryInto<U>) -> U {
    n.try_into().unwrap_or_else(|_| U::max_value())
}

/// The whole part of a float: what is below 0 or no number becomes 0, what is too large the largest.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` keeps to the ends"
)]
pub const fn whole(x: f64) -> u64 {
    x as u64
}

/// As [`whole`], in 32 bits.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` keeps to the ends"
)]
pub const fn whole_u32(x: f64) -> u32 {
    x as u32
}

/// The part of a float before the point: what is no number becomes 0, what is beyond either end that end.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "`as` keeps to the ends")]
pub const fn signed_whole(x: f64) -> i64 {
    x as i64
}

/// As [`signed_whole`], in 128 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "`as` keeps to the ends")]
pub const fn wide_whole(x: f64) -> i128 {
    x as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_becomes_what_is_said() {
        assert_eq!((index(7), low_bits(u64::MAX - 1)), (7, u32::MAX - 1));
        assert_eq!(low_bits_of_wide(1 << 32 | 5), 5);
        assert_eq!(capped::<u32>(u64::MAX), u32::MAX);
        assert_eq!(capped::<u8>(255_u64), 255);
        assert_eq!(capped::<u64>(u128::from(u64::MAX) + 1), u64::MAX);
        for (x, n) in [(2.9, 2), (-1.0, 0), (f64::NAN, 0), (1e300, u64::MAX)] {
            assert_eq!(whole(x), n, "{x}");
            assert_eq!(u64::from(whole_u32(x)), n.min(u64::from(u32::MAX)), "{x}");
        }
        assert_eq!(signed_whole(-2.9), -2);
        assert_eq!(signed_whole(-1e300), i64::MIN);
        assert_eq!(wide_whole(f64::NAN), 0);
    }
}
