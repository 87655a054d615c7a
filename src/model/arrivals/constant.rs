//! Evenly spaced arrivals: the i-th request comes at i / rate exactly, the first at the start of the workload.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{Ahead, ArrivalProcess, ArrivalShape, Beginning};
use crate::engine::narrow::capped;
use crate::input::reader::Reader;
use crate::units::Rate;
use serde::Serialize;

/// Evenly spaced arrivals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Constant {
    /// Their rate.
    pub rate: Rate,
}

impl ArrivalShape for Constant {
    type Process = EvenlySpaced;

    fn read(r: &mut Reader<'_>) -> Option<Constant> {
        Some(Constant {
            rate: required_rate(r, "rate")?,
        })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        vec![&mut self.rate]
    }

    fn peak(&self) -> f64 {
        self.rate.per_second()
    }

    fn even_rate(&self) -> Option<Rate> {
        Some(self.rate)
    }

    fn begin(&self, beginning: &Beginning<'_>) -> EvenlySpaced {
        EvenlySpaced {
            rate: self.rate,
            start: beginning.start,
        }
    }
}

/// Evenly spaced arrivals from a start on.
#[derive(Clone, Debug)]
pub struct EvenlySpaced {
    rate: Rate,
    start: u64,
}

impl ArrivalProcess for EvenlySpaced {
    fn of_second(&mut self, second: u64) -> (f64, Density) {
        let (num, den, start) = (self.rate.num(), self.rate.den(), self.start);
        let before = |s: u64| {
            capped::<u64>((u128::from(s - start) * u128::from(num)).div_ceil(u128::from(den)))
        };
        let first = before(second);
        let n = before(second + 1) - first;
        let density = Density::Even {
            num,
            den,
            first,
            start,
        };
        (n as f64, density)
    }

    fn ahead(&self, second: u64) -> Ahead {
        let (num, den) = (u128::from(self.rate.num()), u128::from(self.rate.den()));
        if num == 0 {
            return Ahead::None { until: u64::MAX };
        }
        // The next of them comes as many seconds after the start.
        let next = (u128::from(second - self.start) * num).div_ceil(den);
        let at = u64::try_from(next * den / num).unwrap_or(u64::MAX);
        Ahead::None {
            until: self.start.saturating_add(at),
        }
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals("constant", "rate=5", "rate", "6");
    }
}

#[cfg(test)]
mod tests {
    use super::super::local_clock::LocalClock;
    use super::*;
    use crate::engine::SECOND;
    use crate::engine::random::Key;

    #[test]
    fn what_is_ahead_is_the_next_second_with_arrivals() {
        for (num, den, start) in [(1, 7, 0), (3, 100, 5), (5, 2, 3), (7, 3_600, 0)] {
            let mut process = EvenlySpaced {
                rate: Rate::new(num, den).expect("a rate"),
                start,
            };
            for second in start..start + 2_000 {
                let first = (second..).find(|&s| process.of_second(s).0 > 0.0);
                assert_eq!(
                    process.ahead(second),
                    Ahead::None {
                        until: first.unwrap_or(u64::MAX)
                    }
                );
            }
        }
    }

    #[test]
    fn constant_arrivals_are_evenly_spaced_over_seconds() {
        let rate = Rate::new(5, 2).expect("a rate");
        let mut process = Constant { rate }.begin(&Beginning {
            start: 3,
            key: Key::root(0, 0),
            clock: &LocalClock::default(),
        });
        let mut all = Vec::new();
        for s in 3..7 {
            let (n, density) = process.of_second(s);
            density.arrivals(n as u64, s, Key::root(0, 0), |at, _, _| {
                all.push((s - 3) * SECOND + at)
            });
        }
        let expected: Vec<u64> = (0..10).map(|i| i * 400_000_000).collect();
        assert_eq!(all, expected);
    }
}
