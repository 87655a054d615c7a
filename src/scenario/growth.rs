//! `workload.NAME.growth`: the same traffic, so many times.
//!
//! Rates are multiplied exactly, the factor taken to six decimals; a job has so many times its objects. Shapes
//! in time, mixes, clients and workers stay. Left out: growth in the course of a run, which a curve can write.

use super::workload::{Arrivals, MAX_RATE, Point};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Rate;
use std::sync::Arc;

/// Decimals of the factor.
const DECIMALS: f64 = 1e6;

/// The factor under `growth`.
pub(super) fn growth(r: &mut Reader<'_>) -> f64 {
    r.or_in("growth", 1.0, 1.0 / DECIMALS..=1e6)
}

/// The arrivals multiplied; `None` after recording that they are too many.
pub(super) fn grown(r: &Reader<'_>, arrivals: Arrivals, factor: f64) -> Option<Arrivals> {
    if factor == 1.0 {
        return Some(arrivals);
    }
    let many = |rate: Rate| times(rate, factor).filter(|r| *r <= MAX_RATE);
    let result = match arrivals.clone() {
        Arrivals::Constant { rate } => many(rate).map(|rate| Arrivals::Constant { rate }),
        Arrivals::Poisson { rate } => many(rate).map(|rate| Arrivals::Poisson { rate }),
        Arrivals::PiecewiseLinear { points, every } => {
            let point = |p: &Point| {
                Some(Point {
                    at: p.at,
                    rate: many(p.rate)?,
                })
            };
            let points: Option<Vec<Point>> = points.iter().map(point).collect();
            points.map(|points| Arrivals::PiecewiseLinear { points, every })
        }
        Arrivals::Diurnal {
            mean,
            peak,
            peak_at,
            weekly,
        } => many(mean)
            .zip(many(peak))
            .map(|(mean, peak)| Arrivals::Diurnal {
                mean,
                peak,
                peak_at,
                weekly,
            }),
        Arrivals::OnOff {
            on,
            off,
            mean_on,
            mean_off,
        } => many(on).zip(many(off)).map(|(on, off)| Arrivals::OnOff {
            on,
            off,
            mean_on,
            mean_off,
        }),
        Arrivals::FlashCrowd {
            base,
            peak,
            at,
            rise,
            decay,
        } => many(base)
            .zip(many(peak))
            .map(|(base, peak)| Arrivals::FlashCrowd {
                base,
                peak,
                at,
                rise,
                decay,
            }),
        Arrivals::Trace {
            file,
            sha256,
            time_scale,
            rate_scale,
            repeat,
            mut trace,
        } => {
            Arc::make_mut(&mut trace).rate_scale *= factor;
            Some(Arrivals::Trace {
                file,
                sha256,
                time_scale,
                rate_scale: rate_scale * factor,
                repeat,
                trace,
            })
        }
        Arrivals::Job {
            workers,
            objects,
            think_time,
        } => {
            let objects = (f64::from(objects) * factor).round().max(1.0);
            (objects <= f64::from(u32::MAX)).then_some(Arrivals::Job {
                workers,
                objects: objects as u32,
                think_time,
            })
        }
    };
    if result.is_none() {
        r.fault(
            Code::OutOfRange,
            r.place_of("growth"),
            format!(
                "`{}` is {factor}, which makes more than {MAX_RATE} or {} objects of it",
                r.path_of("growth"),
                u32::MAX
            ),
            "lower it",
        );
    }
    result
}

/// `factor` times a rate; `None` where no fraction of two 64-bit integers holds it.
fn times(rate: Rate, factor: f64) -> Option<Rate> {
    let millionths = (factor * DECIMALS).round() as u64;
    let exact = || {
        let num = rate.num().checked_mul(millionths)?;
        let den = rate.den().checked_mul(DECIMALS as u64)?;
        Rate::new(num, den)
    };
    exact().or_else(|| Rate::from_per_second(rate.per_second() * factor).ok())
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
    }
}
