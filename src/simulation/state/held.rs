//! Counted seconds since the state of quotas that depend on instants was known.

use crate::engine::limiter::Known;
use crate::simulation::state::drawn::DrawnSecond;
use std::collections::VecDeque;

/// Most seconds held; then the state is recovered, so that memory stays bounded.
pub const MOST_HELD: usize = 1_024;

/// Most counts held of all those seconds.
pub const MOST_COUNTS: usize = 1 << 20;

/// Counted seconds since the state was known exactly.
#[derive(Default)]
pub struct Held {
    pub seconds: VecDeque<HeldSecond>,
    pub spare: Vec<HeldSecond>,
    /// Parts that proved the last one.
    pub parts: usize,
}

#[derive(Default)]
pub struct HeldSecond {
    pub drawn: DrawnSecond,
    /// For each quota: what was known before it, and what was taken one by one in it.
    pub quotas: Vec<(Known, Vec<u64>)>,
}
