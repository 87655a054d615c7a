//! Poisson arrivals with a sudden crowd: a base rate, a linear rise to a peak, an exponential decay back to the base.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{ArrivalProcess, ArrivalShape, Beginning};
use crate::engine::SECOND;
use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::{Rate, Span};
use serde::Serialize;

/// Poisson arrivals with a sudden crowd.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlashCrowd {
    /// Rate outside the crowd.
    pub base: Rate,
    /// Rate at the top.
    pub peak: Rate,
    /// Start of the rise.
    pub at: Span,
    /// Length of the rise.
    pub rise: Span,
    /// Time constant of the decay.
    pub decay: Span,
}

impl ArrivalShape for FlashCrowd {
    type Process = Crowd;

    fn read(r: &mut Reader<'_>) -> Option<FlashCrowd> {
        let (base, peak) = (required_rate(r, "base"), required_rate(r, "peak"));
        let at = r.required_whole_seconds("at");
        let rise = r.required_whole_seconds("rise");
        let decay = r.required_in("decay", Span::from_ns(1_000_000)..);
        if let (Some(base), Some(peak)) = (base, peak)
            && peak < base
        {
            r.fault(
                Code::Contradiction,
                r.place_of("peak"),
                format!("`peak` ({peak}) is below `base` ({base})"),
                "a flash crowd rises from `base` to `peak`",
            );
        }
        Some(FlashCrowd {
            base: base?,
            peak: peak?,
            at: at?,
            rise: rise?,
            decay: decay?,
        })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        vec![&mut self.base, &mut self.peak]
    }

    fn peak(&self) -> f64 {
        self.base.per_second().max(self.peak.per_second())
    }

    fn begin(&self, _: &Beginning<'_>) -> Crowd {
        let at = self.at.whole_seconds().unwrap_or(0);
        let rise = self.rise.whole_seconds().unwrap_or(0);
        Crowd {
            base: self.base.per_second(),
            above: self.peak.per_second() - self.base.per_second(),
            at,
            top: at.saturating_add(rise),
            decay: self.decay.as_secs_f64(),
            end: None,
        }
    }
}

/// A decay of at least so many seconds is as good as linear within a second: the shape is off by less than 10⁻⁴ of a
/// slot's share, its mean exact.
const LINEAR_FROM: f64 = 10.0;

/// The curve, in seconds, and what the next second can use again.
#[derive(Clone, Debug)]
pub struct Crowd {
    base: f64,
    /// How far the peak lies above the base \[1/s\].
    above: f64,
    at: u64,
    /// When the peak is reached; with a rise of 0 the rate jumps there.
    top: u64,
    decay: f64,
    /// The end of the last second in the decay, and what is left of the crowd there, of 1.
    end: Option<(u64, f64)>,
}

impl Crowd {
    /// What is left of the crowd so many seconds after its peak, of 1.
    fn left(&self, after: f64) -> f64 {
        libm::exp(-after / self.decay)
    }

    /// The whole second of the decay that begins at `t`: the mean is the integral of the exponential, whatever its time constant.
    fn decaying(&mut self, t: u64) -> (f64, Density) {
        let after = (t - self.top) as f64;
        let known = self.end.filter(|end| end.0 == t);
        let from = known.map_or_else(|| self.left(after), |end| end.1);
        let to = self.left(after + 1.0);
        self.end = Some((t + 1, to));
        let of_crowd = self.above * self.decay;
        let mean = self.base + of_crowd * (from - to);
        let ends = (self.base + self.above * from, self.base + self.above * to);
        // Where nothing is left of the crowd it is the base again, whatever its time constant.
        if self.decay >= LINEAR_FROM || ends.0 == self.base {
            return (mean, Density::Linear(ends.0, ends.1));
        }
        let mass = |x: f64| self.base * x + of_crowd * (from - from * libm::exp(-x / self.decay));
        let slots = (1..=SLOTS as u64).map(|slot| {
            let end = slot * SLOT_NS;
            (end, mass(end as f64 / SECOND as f64))
        });
        (mean, Density::Steps(slots.collect()))
    }
}

impl ArrivalProcess for Crowd {
    fn of_second(&mut self, t: u64) -> (f64, Density) {
        if t >= self.top {
            return self.decaying(t);
        }
        let rate_at = |t: u64| {
            let risen = t.saturating_sub(self.at) as f64;
            let rise = (self.top - self.at) as f64;
            // A rise of 0 is a jump: the second before it knows nothing of it.
            if risen == 0.0 {
                self.base
            } else {
                self.base + self.above * (risen / rise)
            }
        };
        let (from, to) = (rate_at(t), rate_at(t + 1));
        (0.5 * (from + to), Density::Linear(from, to))
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals(
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "base",
            "2",
        );
        cases.arrivals(
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "peak",
            "20",
        );
        cases.arrivals(
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "at",
            "35s",
        );
        cases.arrivals(
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "rise",
            "20s",
        );
        cases.arrivals(
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "decay",
            "30s",
        );
        cases.broken(
            Code::Contradiction,
            "peak = \"6/s\"",
            "peak = \"0.5/s\"",
            "\"0.5/s\"",
            &["0.5/s", "1/s"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(base: f64, peak: f64, at: u64, rise: u64, decay: f64) -> Crowd {
        Crowd {
            base,
            above: peak - base,
            at,
            top: at + rise,
            decay,
            end: None,
        }
    }

    #[test]
    fn the_rate_rises_and_decays() {
        let mut crowd = crowd(10.0, 110.0, 100, 10, 60.0);
        assert_eq!(crowd.of_second(99), (10.0, Density::Linear(10.0, 10.0)));
        assert_eq!(crowd.of_second(104), (55.0, Density::Linear(50.0, 60.0)));
        assert_eq!(crowd.of_second(109), (105.0, Density::Linear(100.0, 110.0)));
        // ∫ 10 + 100 e^(−t/60) dt over the second a minute after the peak.
        let (mean, _) = crowd.of_second(170);
        let theory = 10.0 + 6_000.0 * (libm::exp(-1.0) - libm::exp(-61.0 / 60.0));
        assert!((mean - theory).abs() < 1e-9, "{mean} of {theory}");
    }

    /// A crowd brings (peak − base) × decay requests beyond the base once it is at its peak, however short the decay.
    #[test]
    fn the_mean_is_the_integral_of_the_curve() {
        for decay in [0.001, 0.03, 0.5, 1.0, 3.0, 9.0, 10.0, 45.0] {
            for rise in [0, 4] {
                let mut crowd = crowd(20.0, 2_020.0, 10, rise, decay);
                let all: f64 = (0..4_000).map(|t| crowd.of_second(t).0).sum();
                let theory = 20.0 * 4_000.0 + 2_000.0 * (decay + 0.5 * rise as f64);
                assert!(
                    (all / theory - 1.0).abs() < 1e-9,
                    "{decay} {rise}: {all} of {theory}"
                );
            }
        }
    }

    #[test]
    fn a_rise_of_nothing_is_a_jump() {
        let mut crowd = crowd(0.0, 2_000.0, 10, 0, 0.001);
        assert_eq!(crowd.of_second(9).0, 0.0);
        let (mean, density) = crowd.of_second(10);
        assert!((mean - 2.0).abs() < 1e-9, "{mean}");
        let Density::Steps(steps) = density else {
            panic!("a decay within a second is not linear")
        };
        // Within the first 1/512 s lie 1 − e^(−1.953125) of them.
        let first = steps[0].1 / mean;
        assert!(
            (first - (1.0 - libm::exp(-1.953125))).abs() < 1e-9,
            "{first}"
        );
        assert!((steps[SLOTS - 1].1 - mean).abs() < 1e-9);
        assert!(crowd.of_second(11).0 < 1e-100);
    }

    #[test]
    fn a_curve_is_the_same_whatever_was_asked_before() {
        let mut asked = crowd(1.0, 9.0, 4, 3, 5.0);
        for t in (0..40).chain([3, 4, 60, 7, 8]) {
            let fresh = crowd(1.0, 9.0, 4, 3, 5.0).of_second(t);
            assert_eq!(asked.of_second(t), fresh, "at {t}");
        }
    }
}
