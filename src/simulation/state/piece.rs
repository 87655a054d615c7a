//! What a second drew of a workload, piece by piece.

use crate::engine::random::Key;
use crate::model::arrivals::Density;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::evenly::EvenArrivals;

/// Arrivals of a second: one at its instant \[ns in the second\], those of a workload that are evenly spaced, or many
/// with a density.
pub enum ArrivalPiece<'d> {
    One(u64, Arrival),
    Evenly(EvenArrivals),
    Many {
        action: usize,
        n: u64,
        key: Key,
        density: &'d Density,
    },
}
