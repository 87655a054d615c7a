//! A kernel that has never heard of AWS: keyed random numbers, an event list, limiters, histograms.
//!
//! What the simulated world is made of stands in [`crate::model`]; how a run goes through its
//! seconds, and why most of them are only counted, in [`crate::simulation`].

// Numbers are narrowed in `engine::narrow` only; tests may.
#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )
)]

pub mod calendar;
pub mod distribution;
pub mod limiter;
pub mod narrow;
pub mod permutation;
pub mod power;
pub mod random;
mod rng;
pub mod weights;

/// Nanoseconds in a second: simulated time is a `u64` of nanoseconds since t = 0.
pub const SECOND: u64 = 1_000_000_000;
