//! What an application's process holds: its client-side cache, and the numbers of its messages.

use crate::model::branch_key_cache::BranchKeyCache;
use crate::model::data_key_cache::{Cmm, DataKeyCache, Message, Suite};
use crate::model::{CacheUse, ClientCache, Size, Workload};

/// The n-th message that a process decrypts, and its data key: producers take turns, and each uses a data key
/// for so many messages, all of one encryption context.
pub(super) fn message_to_decrypt(
    workload: &Workload,
    n: u64,
    (producers, messages_per_data_key): (u64, u64),
) -> (Message, u64) {
    let producer = n % producers;
    let serial = n / producers / messages_per_data_key;
    let message = Message {
        context: producer,
        length: None,
        suite: suite(workload),
    };
    (message, producer << 40 | serial)
}

/// A message of a workload whose messages are all alike.
pub(super) fn plain_message(workload: &Workload) -> Message {
    Message {
        context: 0,
        length: match workload.size {
            Size::Constant(bytes) => Some(bytes),
            Size::Unknown | Size::Lognormal { .. } => None,
        },
        suite: suite(workload),
    }
}

/// Numbers of messages start over before they are the mark of a request that has none.
pub(super) fn wrapped(number: u64) -> u64 {
    number % u64::from(u32::MAX)
}

pub(super) fn suite(workload: &Workload) -> Option<Suite> {
    match workload.client_cache?.uses {
        CacheUse::DataKeys(uses) => uses.suite,
        CacheUse::BranchKeys(_) => None,
    }
}

/// What a look-up says of a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookUp {
    /// It is met without a call.
    Met,
    /// It needs a call.
    Miss,
    /// Another request fetches what would meet it: to be looked up again then \[ns\].
    Wait(u64),
    /// It has waited too long.
    TooLate,
}

/// What a process holds for one workload.
#[derive(Clone)]
pub(super) struct Process {
    /// Empty where the workload looks up another one's.
    pub cache: Cache,
    /// Messages numbered so far.
    messages: u64,
    /// The invocation whose cache it is.
    pub invocation: u32,
    /// The turn of data keys that it can decrypt, and until when \[ns\], if that is known.
    pub held_until: Option<(u64, u64)>,
}

impl Process {
    pub fn new(uses: &ClientCache) -> Process {
        Process {
            cache: Cache::new(&uses.uses),
            messages: 0,
            invocation: 0,
            held_until: None,
        }
    }

    /// Numbers `n` messages; the first one's.
    pub fn count(&mut self, n: u64) -> u64 {
        let first = self.messages;
        self.messages = wrapped(first + n);
        first
    }

    /// Whether `n` messages from the `first` on can be decrypted without KMS, all of them between `from` and
    /// `to` \[ns\].
    pub fn decrypts_all(
        &mut self,
        workload: &Workload,
        cmm: &Cmm,
        by: (u64, u64),
        (first, n): (u64, u64),
        (from, to): (u64, u64),
    ) -> bool {
        let messages = by.0 * by.1;
        let turn = first / messages;
        let last = first + n - 1;
        if last / messages != turn || last != wrapped(last) {
            return false;
        }
        let known = self.held_until.filter(|known| known.0 == turn);
        let until = match (known, &mut self.cache) {
            (Some((_, until)), _) => until,
            (None, Cache::DataKeys(cache)) => {
                let of = |producer| {
                    let number = turn * messages + producer;
                    let (message, data_key) = message_to_decrypt(workload, number, by);
                    cache.decrypts_until(cmm, &message, data_key, from)
                };
                let until = (0..by.0).map(of).min().unwrap_or(0);
                self.held_until = (until > 0).then_some((turn, until));
                until
            }
            (None, Cache::BranchKeys(_)) => 0,
        };
        to < until
    }
}

#[derive(Clone)]
pub(super) enum Cache {
    DataKeys(DataKeyCache),
    BranchKeys(BranchKeyCache),
}

impl Cache {
    pub fn new(uses: &CacheUse) -> Cache {
        match uses {
            CacheUse::DataKeys(c) => Cache::DataKeys(DataKeyCache::new(c.sdk, c.capacity)),
            CacheUse::BranchKeys(c) => Cache::BranchKeys(BranchKeyCache::new(c.settings)),
        }
    }
}
