//! A need as a source sees it, and what a source says of it.

use super::bucket_key::BucketKeyFetch;
use super::entries::EntryId;
use crate::engine::random::Key;

/// A request that needs a key.
pub trait Need {
    /// Its workload, an index.
    fn workload(&self) -> usize;

    /// Which of the workload's clients sent it.
    fn client(&self) -> u32;

    /// Number of its arrival: in its second, in its trace, or in its job.
    fn index(&self) -> u32;

    /// When it arrived \[ns\].
    fn arrived(&self) -> u64;

    /// Whether its client has called KMS for it before. A throttled call is tried again by the KMS
    /// client, which knows of no cache of the application's.
    fn was_called(&self) -> bool;

    /// Which object or encryption context it is for.
    fn object(&self) -> u64;

    /// Bytes of its message, if they are known beforehand.
    fn message_length(&self) -> Option<u64>;

    /// The key of its arrival: what a source draws for it is drawn under that.
    fn key(&self) -> Key;

    /// Its cache partition, or the number of the message to decrypt: given at the first look-up,
    /// [`NO_TICKET`] before.
    fn ticket(&mut self) -> &mut u32;
}

/// No ticket yet.
pub const NO_TICKET: u32 = u32::MAX;

/// What is drawn of a request under the key of its arrival; the simulation draws other numbers under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// The object.
    Object = 2,
    /// Whether the object is older than bucket keys.
    Older = 3,
    /// The size of the message.
    Size = 4,
    /// The version of the branch key.
    Version = 10,
}

impl Draw {
    /// The key under which it is drawn.
    #[inline(always)]
    pub fn of(self, arrival: Key) -> Key {
        arrival.with(self as u64)
    }
}

/// What a look-up says of a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// It is met without a call.
    Met,
    /// It needs a call.
    Miss,
    /// Another request fetches what would meet it: to be looked up again then \[ns\].
    Wait(u64),
    /// It has waited too long.
    TooLate,
}

impl LookUp {
    /// Met or missed.
    #[inline]
    pub fn met(is_met: bool) -> LookUp {
        if is_met { LookUp::Met } else { LookUp::Miss }
    }
}

/// What a call fetches, and for whose cache: where a scenario chooses single flight, others that need
/// the same wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// A bucket key.
    BucketKey {
        /// Whose: index of the caches.
        cache: usize,
        /// Its partition.
        partition: u32,
        /// Which one, and what for.
        key: BucketKeyFetch,
    },
    /// An entry of a client-side cache.
    Entry {
        /// The workload whose cache it is.
        owner: usize,
        /// The process.
        process: u32,
        /// The invocation.
        invocation: u32,
        /// Which entry.
        entry: EntryId,
    },
}
