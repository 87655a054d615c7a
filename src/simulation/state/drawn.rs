//! What one second drew: how many arrivals, of which workloads.

use crate::engine::random::Key;
use crate::model::arrivals::Density;

/// What one second drew.
#[derive(Default)]
pub struct DrawnSecond {
    pub second: u64,
    /// Open workloads that may have arrivals.
    pub workloads: Vec<DrawnWorkload>,
    /// Arrivals by action, workload after workload.
    pub counts: Vec<u64>,
    /// Which selection of workloads this is; only a part of one where 0.
    pub selection: u64,
    pub multinomial: Vec<u64>,
}

impl DrawnSecond {
    pub fn clear(&mut self) {
        self.workloads.clear();
        self.counts.clear();
        self.selection = 0;
    }

    /// What one workload drew, `None` if nothing.
    pub fn only(&self, workload: usize) -> Option<DrawnSecond> {
        let mut d = self
            .workloads
            .iter()
            .find(|d| d.workload == workload)?
            .clone();
        let counts = self.counts_of(&d).to_vec();
        d.first = 0;
        Some(DrawnSecond {
            second: self.second,
            workloads: vec![d],
            counts,
            ..DrawnSecond::default()
        })
    }

    /// Arrivals of one of the workloads, by action.
    #[inline(always)]
    pub fn counts_of(&self, d: &DrawnWorkload) -> &[u64] {
        &self.counts[d.first..d.first + d.actions]
    }

    /// The same with the numbers of the actions.
    pub fn of(&self, d: &DrawnWorkload) -> impl Iterator<Item = (usize, u64)> {
        (d.first_action..).zip(self.counts_of(d).iter().copied())
    }
}

/// Which open workloads are active, and what they ask for.
#[derive(Default)]
pub struct ActiveWorkloads {
    /// The action, numbered among all, that each count is of.
    pub actions: Vec<u32>,
    /// Most calls that one arrival of a count can offer to a quota, as (count, quota, calls).
    pub demand: Vec<(u32, u32, u64)>,
    /// Counts its changes.
    pub number: u64,
    /// The first second for which it has to be looked at again.
    pub until: u64,
}

impl ActiveWorkloads {
    pub fn clear(&mut self) {
        self.actions.clear();
        self.demand.clear();
    }

    /// Has it made anew for the next second: a workload will be active when it was not going to be.
    pub fn expire(&mut self) {
        self.until = 0;
    }
}

/// One of them.
#[derive(Clone)]
pub struct DrawnWorkload {
    pub workload: usize,
    /// First of its counts.
    pub first: usize,
    /// Of all actions.
    pub first_action: usize,
    pub actions: usize,
    /// Requests are looked at one by one even where nobody is throttled.
    pub one_by_one: bool,
    /// And in order.
    pub has_memory: bool,
    /// `None` for traces.
    pub density: Option<Density>,
}

/// A new arrival.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub action: u32,
    pub index: u32,
    /// Trace: the copy of the row.
    pub copy: u32,
    pub key: Key,
}

/// Arrivals of a second: one at its instant \[ns in the second\], or many with a density.
pub enum ArrivalPiece<'d> {
    One(u64, Arrival),
    Many {
        action: usize,
        n: u64,
        key: Key,
        density: &'d Density,
    },
}
