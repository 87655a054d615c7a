//! A quota: its limiter, and what the present second saw of it.

use crate::engine::limiter::Limiter;

/// A quota with its state and what this second saw of it.
pub struct QuotaState {
    pub limiter: Limiter,
    pub attempts: u64,
    pub throttled: u64,
    /// Most that the new arrivals of this second could offer.
    pub arriving: u64,
    /// Most that could be offered in this second, in each of so many equal parts of it.
    pub parts: Vec<u64>,
    /// Most that could be offered in each slot of a contended second.
    pub demand: Vec<u32>,
}

impl QuotaState {
    /// Counts attempts that it refuses.
    #[inline(always)]
    pub fn refuse(&mut self, n: u64) {
        self.attempts += n;
        self.throttled += n;
    }
}
