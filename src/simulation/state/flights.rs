//! Fetches under way that others wait for.

use crate::model::source::Fetch;
use std::collections::HashMap;

/// Fetches that are over are dropped when there are more than twice as many as were left the last time.
const FEW: usize = 1_024;

/// Fetches under way, with their ends \[ns\].
#[derive(Default)]
pub struct Flights {
    until: HashMap<Fetch, u64>,
    sweep_at: usize,
}

impl Flights {
    /// When a fetch ends, if it is under way at `at`.
    pub fn end_of(&self, wanted: &Fetch, at: u64) -> Option<u64> {
        self.until.get(wanted).copied().filter(|&until| until > at)
    }

    /// A fetch is under way at `at`, until then.
    pub fn add(&mut self, wanted: Fetch, at: u64, until: u64) {
        if self.until.len() >= self.sweep_at.max(FEW) {
            self.until.retain(|_, until| *until > at);
            self.sweep_at = 2 * self.until.len();
        }
        self.until.insert(wanted, until);
    }
}
