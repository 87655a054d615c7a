//! Objects and messages: which of many a request is for, and how large.

use crate::engine::random::Zipf;

/// Which of many objects a request is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// All alike.
    Uniform {
        /// Objects.
        objects: u64,
    },
    /// The r-th most popular with probability proportional to r^−exponent.
    Zipf(Zipf),
}

impl Popularity {
    /// Number of objects.
    pub fn objects(&self) -> u64 {
        match self {
            Popularity::Uniform { objects } => *objects,
            Popularity::Zipf(zipf) => zipf.ranks(),
        }
    }

    /// Share of the requests that are for an object.
    pub fn share(&self, object: u64) -> f64 {
        match self {
            Popularity::Uniform { objects } => 1.0 / *objects as f64,
            Popularity::Zipf(zipf) => zipf.share(object),
        }
    }
}

/// Size of a message \[bytes\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Not known when the message is begun.
    Unknown,
    /// Always the same.
    Constant(u64),
    /// Lognormal.
    Lognormal {
        /// Median.
        median: u64,
        /// σ of the logarithm.
        sigma: f64,
    },
}
