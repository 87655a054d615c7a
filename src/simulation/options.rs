//! How a replication is run.

use crate::simulation::state::rehearsal::Rehearsal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How a replication is run.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions<'a> {
    /// Master seed.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u64,
    /// Simulate everything call by call, certified or not.
    pub simulate_all: bool,
    /// Where simulated seconds are added up for whoever watches.
    pub progress: Option<&'a AtomicU64>,
    /// How many KMS calls, and how many requests, to sample of those that CloudTrail delivers.
    pub sample: usize,
    /// Whether the seconds that decide are recorded ([`super::decisive::DecisiveSeconds`]).
    pub decisive: bool,
    /// Throttled attempts of one quota after which nobody asks how it goes on: the simulation ends there, and its
    /// record says so ([`super::record::Record::is_lost`]).
    pub lost_at: Option<u64>,
    /// Keep how many attempts each quota sees in every single second ([`super::record::QuotaRecord::every_second`]).
    pub every_second: bool,
    /// What it keeps of quiet time for others, or is told by one of them.
    pub rehearsal: Rehearsal<'a>,
    /// Set by whoever wants the simulation to stop. It is looked at in every simulated second and in every
    /// slot of one that is contended.
    pub cancel: Option<&'a AtomicBool>,
}

impl SimulationOptions<'_> {
    /// Whether the simulation has been asked to stop.
    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// The simulation was asked to stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulation was cancelled")]
pub struct Cancelled;
