//! Poisson arrivals at a rate that stays.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{Ahead, ArrivalProcess, ArrivalShape, Beginning};
use crate::input::reader::Reader;
use crate::units::Rate;
use serde::Serialize;

/// Poisson arrivals at one rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Poisson {
    /// The rate.
    pub rate: Rate,
}

impl ArrivalShape for Poisson {
    type Process = Homogeneous;

    fn read(r: &mut Reader<'_>) -> Option<Poisson> {
        Some(Poisson {
            rate: required_rate(r, "rate")?,
        })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        vec![&mut self.rate]
    }

    fn peak(&self) -> f64 {
        self.rate.per_second()
    }

    fn begin(&self, _: &Beginning<'_>) -> Homogeneous {
        Homogeneous {
            rate: self.rate.per_second(),
        }
    }
}

/// A homogeneous Poisson process.
#[derive(Clone, Debug)]
pub struct Homogeneous {
    /// \[1/s\]
    rate: f64,
}

impl ArrivalProcess for Homogeneous {
    #[inline]
    fn of_second(&mut self, _: u64) -> (f64, Density) {
        (self.rate, Density::Linear(self.rate, self.rate))
    }

    fn ahead(&self, _: u64) -> Ahead {
        Ahead::Poisson { mean: self.rate }
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals("poisson", "rate=5", "rate", "6");
        cases.broken(
            Code::UnknownKey,
            "rate = \"50/s\"",
            "raet = \"50/s\"",
            "raet",
            &["did you mean `rate`?"],
        );
        cases.broken(
            Code::BadUnit,
            "rate = \"50/s\"",
            "rate = \"many\"",
            "\"many\"",
            &["many"],
        );
        cases.broken(
            Code::OutOfRange,
            "rate = \"50/s\"",
            "rate = \"-50/s\"",
            "\"-50/s\"",
            &["-50/s", "negative"],
        );
        cases.broken(
            Code::OutOfRange,
            "rate = \"50/s\"",
            "rate = nan",
            "nan",
            &["NaN"],
        );
        cases.broken(
            Code::OutOfRange,
            "rate = \"50/s\"",
            "rate = inf",
            "inf",
            &["inf"],
        );
        cases.broken(
            Code::OutOfRange,
            "rate = \"50/s\"",
            "rate = \"2000000000/s\"",
            "\"2000000000/s\"",
            &["1000000000/s", "2000000000/s"],
        );
    }
}
