//! Rates of arrivals: the highest, and growth, which multiplies them.
//!
//! Rates are multiplied exactly, the factor taken to six decimals. Shapes in time, mixes, clients and workers stay.
//! Left out: growth in the course of a run, which a curve can write.

use crate::engine::narrow::whole;
use crate::input::reader::Reader;
use crate::units::Rate;

/// The highest rate of arrivals: what fits into one simulated second.
pub const MAX_RATE: Rate = Rate::per_second_exactly(1_000_000_000);

/// Decimals of the growth factor.
const DECIMALS: f64 = 1e6;

/// The rate under `key`, which must be there.
pub(super) fn required_rate(r: &mut Reader<'_>, key: &str) -> Option<Rate> {
    r.required_in(key, Rate::ZERO..=MAX_RATE)
}

/// The factor under `growth`.
pub fn growth(r: &mut Reader<'_>) -> f64 {
    r.or_in("growth", 1.0, 1.0 / DECIMALS..=1e6)
}

/// `factor` times a rate; `None` where that is above [`MAX_RATE`] or no fraction of two 64-bit integers holds it.
pub(super) fn times(rate: Rate, factor: f64) -> Option<Rate> {
    let millionths = whole((factor * DECIMALS).round());
    let exact = || {
        let num = rate.num().checked_mul(millionths)?;
        let den = rate.den().checked_mul(whole(DECIMALS))?;
        Rate::new(num, den)
    };
    exact()
        .or_else(|| Rate::from_per_second(rate.per_second() * factor).ok())
        .filter(|rate| *rate <= MAX_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_grow_exactly() {
        let third = Rate::new(1, 3).unwrap();
        assert_eq!(times(third, 1.5), Rate::new(1, 2));
        assert_eq!(times(Rate::per_second_exactly(100), 1.1), Rate::new(110, 1));
        assert_eq!(
            times(Rate::per_second_exactly(7), 0.333333),
            Rate::new(2_333_331, 1_000_000)
        );
        assert_eq!(times(MAX_RATE, 1.000001), None);
    }
}
