//! Fetches under way that others wait for.

use crate::model::source::Fetch;
use std::collections::HashMap;

/// Fetches that are over are dropped when there are more than twice as many as were left the last time.
pub const FEW: usize = 1_024;

/// Fetches under way, with their ends \[ns\].
#[derive(Default)]
pub struct Flights {
    pub until: HashMap<Fetch, u64>,
    pub sweep_at: usize,
}
