//! Arrivals fitted to what was counted.
//!
//! [`dispersion`] says what the counts are like.

pub mod dispersion;
