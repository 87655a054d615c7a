//! Poisson arrivals, switched between two rates at exponentially distributed times (a Markov-modulated process):
//! piecewise constant in a second, switched at exact instants.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{ArrivalProcess, ArrivalShape, Beginning};
use crate::engine::SECOND;
use crate::engine::narrow::whole;
use crate::engine::random::Stream;
use crate::input::reader::Reader;
use crate::units::{Rate, Span};
use serde::Serialize;

/// Poisson arrivals, switched on and off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnOff {
    /// Rate while on.
    pub on: Rate,
    /// Rate while off.
    pub off: Rate,
    /// Mean length of an on-period.
    pub mean_on: Span,
    /// Mean length of an off-period.
    pub mean_off: Span,
}

impl ArrivalShape for OnOff {
    type Process = Switched;

    fn read(r: &mut Reader<'_>) -> Option<OnOff> {
        let (on, off) = (required_rate(r, "on"), required_rate(r, "off"));
        let lengths = Span::from_ns(1_000_000)..=Span::LONGEST;
        let mean_on = r.required_in("mean_on", lengths.clone());
        let mean_off = r.required_in("mean_off", lengths);
        Some(OnOff {
            on: on?,
            off: off?,
            mean_on: mean_on?,
            mean_off: mean_off?,
        })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        vec![&mut self.on, &mut self.off]
    }

    fn peak(&self) -> f64 {
        self.on.per_second().max(self.off.per_second())
    }

    /// Each second by itself: which way it is switched is drawn anew.
    fn sampled(&self, beginning: &Beginning<'_>, seconds: &[u64]) -> Vec<f64> {
        let of = |&start: &u64| {
            let key = beginning.key.with(start);
            let mut process = self.begin(&Beginning {
                start,
                key,
                ..*beginning
            });
            process.of_second(start).0
        };
        seconds.iter().map(of).collect()
    }

    /// Begins in its long-run state, so that it needs no warm-up.
    fn begin(&self, beginning: &Beginning<'_>) -> Switched {
        let (mean_on, mean_off) = (self.mean_on.as_secs_f64(), self.mean_off.as_secs_f64());
        let mut periods = beginning.key.named("on-off periods").stream();
        let is_on = periods.unit() < mean_on / (mean_on + mean_off);
        let mut process = Switched {
            on: self.on.per_second(),
            off: self.off.per_second(),
            mean_on,
            mean_off,
            is_on,
            until: beginning.start * SECOND,
            periods,
        };
        process.until += process.length();
        process
    }
}

/// The process and its state.
#[derive(Clone, Debug)]
pub struct Switched {
    on: f64,
    off: f64,
    mean_on: f64,
    mean_off: f64,
    is_on: bool,
    /// When the present period ends \[ns\].
    until: u64,
    /// Lengths of periods.
    periods: Stream,
}

impl Switched {
    /// The length of the period that begins \[ns\].
    fn length(&mut self) -> u64 {
        let mean_s = if self.is_on {
            self.mean_on
        } else {
            self.mean_off
        };
        whole(mean_s * SECOND as f64 * self.periods.exponential()).max(1)
    }
}

impl ArrivalProcess for Switched {
    fn of_second(&mut self, second: u64) -> (f64, Density) {
        let (from, to) = (second * SECOND, (second + 1) * SECOND);
        // Nobody asked for the seconds before.
        while self.until <= from {
            self.is_on = !self.is_on;
            self.until += self.length();
        }
        let mut steps = Vec::new();
        let (mut mass, mut t) = (0.0, from);
        while t < to {
            let end = self.until.min(to);
            let rate = if self.is_on { self.on } else { self.off };
            mass += rate * ((end - t) as f64 / SECOND as f64);
            steps.push((end - from, mass));
            t = end;
            if self.until <= to {
                self.is_on = !self.is_on;
                self.until += self.length();
            }
        }
        (mass, Density::Steps(steps))
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals(
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "on",
            "20",
        );
        cases.arrivals(
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "off",
            "4",
        );
        cases.arrivals(
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "mean_on",
            "9s",
        );
        cases.arrivals(
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "mean_off",
            "9s",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::local_clock::LocalClock;
    use super::*;
    use crate::engine::random::Key;

    #[test]
    fn on_off_spends_its_share_of_time_on() {
        let shape = OnOff {
            on: Rate::per_second_exactly(100),
            off: Rate::per_second_exactly(10),
            mean_on: Span::from_secs(2),
            mean_off: Span::from_secs(6),
        };
        let mut means = Vec::new();
        for r in 0..40 {
            let mut process = shape.begin(&Beginning {
                start: 0,
                key: Key::root(5, r),
                clock: &LocalClock::default(),
            });
            let n = 4000;
            means.push((0..n).map(|s| process.of_second(s).0).sum::<f64>() / n as f64);
        }
        // Long-run rate (100 · 2 + 10 · 6) / 8 = 32.5.
        let mean = means.iter().sum::<f64>() / 40.0;
        let sd = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 39.0 / 40.0).sqrt();
        assert!((mean - 32.5).abs() < 3.5 * sd, "{mean} ± {sd}");
    }
}
