//! How a limiter is described, and what it can say of attempts of which only counts are known.

/// The shape of a limiter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// As many per window as the rate gives, the rest refused until the next window starts.
    FixedWindow,
    /// As many in any span of one window.
    SlidingWindow,
    /// Continuous refill; capacity = `burst` × one second's refill. Full at t = 0.
    TokenBucket {
        /// Capacity as a multiple of the per-second rate.
        burst: f64,
    },
}

/// A rate in force from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From when on \[s\].
    pub from_s: u64,
    /// `num / den` per second, reduced.
    pub num: u64,
    /// Denominator, at least 1.
    pub den: u64,
}

impl Step {
    /// Events per second.
    pub fn per_second(&self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

/// What can be said of attempts of which only counts are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// All are admitted, wherever they lie in their parts of the second.
    Sure,
    /// At least one is refused.
    Never,
    /// It depends on the instants, or finer parts would tell.
    Unknown,
}
