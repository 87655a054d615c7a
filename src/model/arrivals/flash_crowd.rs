//! Poisson arrivals with a sudden crowd: a base rate, a linear rise to a peak, an exponential decay back to the base.

use super::curve::{Curve, RateOverTime};
use super::rate::required_rate;
use super::shape::{ArrivalShape, Beginning};
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
    type Process = Curve<Crowd>;

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

    fn begin(&self, _: &Beginning<'_>) -> Curve<Crowd> {
        Curve::new(Crowd {
            base: self.base.per_second(),
            peak: self.peak.per_second(),
            at: self.at.whole_seconds().unwrap_or(0),
            rise: self.rise.whole_seconds().unwrap_or(0),
            decay: self.decay.as_secs_f64(),
        })
    }
}

/// The curve, in seconds.
#[derive(Clone, Debug)]
pub struct Crowd {
    base: f64,
    peak: f64,
    at: u64,
    rise: u64,
    decay: f64,
}

impl RateOverTime for Crowd {
    fn rate_at(&self, t: u64) -> f64 {
        let (base, above) = (self.base, self.peak - self.base);
        if t < self.at {
            base
        } else if t < self.at + self.rise {
            base + above * ((t - self.at) as f64 / self.rise as f64)
        } else {
            base + above * libm::exp(-((t - self.at - self.rise) as f64) / self.decay)
        }
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

    #[test]
    fn the_rate_rises_and_decays() {
        let crowd = Crowd {
            base: 10.0,
            peak: 110.0,
            at: 100,
            rise: 10,
            decay: 60.0,
        };
        let rates = [99, 105, 110].map(|t| crowd.rate_at(t));
        assert_eq!(rates, [10.0, 60.0, 110.0]);
        let after_a_minute = 10.0 + 100.0 / std::f64::consts::E;
        assert!((crowd.rate_at(170) - after_a_minute).abs() < 1e-9);
    }

    #[test]
    fn a_curve_is_the_same_whatever_was_asked_before() {
        let crowd = Crowd {
            base: 1.0,
            peak: 9.0,
            at: 4,
            rise: 3,
            decay: 5.0,
        };
        let mut asked = Curve::new(crowd.clone());
        for t in (0..40).chain([3, 4, 60, 7, 8]) {
            let fresh = Curve::new(crowd.clone()).ends(t);
            assert_eq!(asked.ends(t), fresh, "at {t}");
        }
    }
}
