//! A request under way, and the numbers that are drawn for it.

use crate::engine::SECOND;
use crate::engine::random::Key;

/// A request that waits for its next attempt, or a worker's next request.
///
/// The order of the fields is the order in which events of one instant are handled: who arrived
/// first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    /// When it arrived \[ns\].
    pub arrived: u64,
    pub class: u32,
    /// Number of its arrival: in its second, in its trace, or in its job.
    pub index: u32,
    /// Job: the worker. Trace: the copy of the row.
    pub worker: u32,
    /// Cache partition, or number of the message to decrypt: given at the first look-up.
    pub ticket: u32,
    /// Which of the requests of its arrival.
    pub part: u16,
    /// Attempts that were throttled.
    pub throttled: u16,
    /// Lanes whose need was looked up.
    pub looked_up: u8,
    /// Lanes with an attempt, one bit each.
    pub called: u8,
}

/// What a number drawn for a request is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Client,
    Backoff,
    Throttled,
    Kms,
    Service,
    Object,
    Older,
    Size,
    Think,
    Action,
}

/// The key of one purpose of an arrival.
#[inline(always)]
pub(super) fn purpose(arrival: Key, purpose: Purpose) -> Key {
    arrival.with(purpose as u64)
}

impl Request {
    pub fn new(arrived: u64, class: usize, index: u32, worker: u32, part: u16) -> Request {
        Request {
            arrived,
            class: class as u32,
            index,
            worker,
            ticket: u32::MAX,
            part,
            throttled: 0,
            looked_up: 0,
            called: 0,
        }
    }

    /// The key of its arrival under its action's key: by second for open workloads.
    #[inline(always)]
    pub fn arrival_key(&self, action: Key, is_job: bool) -> Key {
        let second = if is_job {
            u64::MAX
        } else {
            self.arrived / SECOND
        };
        let key = action.with(second).with(u64::from(self.index));
        // Copies of a trace's row differ in `worker`; a job's object is the same whoever takes it.
        if is_job || self.worker == 0 {
            key
        } else {
            key.with(1 << 32 | u64::from(self.worker))
        }
    }
}
