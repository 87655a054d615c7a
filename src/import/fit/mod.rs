//! Arrivals fitted to what was counted.
//!
//! [`dispersion`] says what counts are like, [`likeness`] with intervals; [`curve`] fits a rate to them, [`trend`] says whether a
//! Poisson process with that rate is like them, [`tail`] what the largest counts of such processes are; [`within`] what
//! sums of minutes leave open of their seconds; [`forecast`] what may come after.

pub mod curve;
pub mod dispersion;
pub mod forecast;
pub mod likeness;
pub mod tail;
pub mod trend;
pub mod within;
