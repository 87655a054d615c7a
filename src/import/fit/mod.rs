//! Arrivals fitted to what was counted.
//!
//! [`dispersion`] says what the counts are like, [`trend`] whether a Poisson process with a piecewise-linear rate is like them.

pub mod dispersion;
pub mod trend;
