//! Poisson arrivals at a rate that stays.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{ArrivalProcess, ArrivalShape, Beginning};
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
}
