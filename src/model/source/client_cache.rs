//! Client-side caches: who looks them up, and what a process holds of them.
//!
//! Here are the lists of those with a state for each process: how they are used ([`CacheUse`]), and the state
//! ([`ClientSideCache`]).

use super::branch_key_cache::{BranchKeyCache, BranchKeyCacheUse};
use super::data_key_cache::{DataKeyCache, DataKeyCacheUse};
use super::scope::CacheScope;

/// The client-side caches that a workload's messages look up.
#[derive(Clone, Copy, Debug)]
pub struct ClientCache {
    /// The workload whose caches these are; an index.
    pub owner: usize,
    /// How long a cache lives, and who shares it.
    pub scope: CacheScope,
    /// What is cached, and how.
    pub uses: CacheUse,
    /// Whether the messages of one data key are spread over the clients, so that messages are numbered by workload, not by process.
    pub is_fleet: bool,
}

impl ClientCache {
    /// Whether messages wait for a key that another one fetches.
    pub fn has_single_flight(&self) -> bool {
        match self.uses {
            CacheUse::DataKeys(uses) => uses.single_flight,
            CacheUse::BranchKeys(_) => false,
        }
    }

    /// Whether a look-up may say that a message is to wait.
    pub fn has_waits(&self) -> bool {
        match self.uses {
            CacheUse::DataKeys(_) => false,
            CacheUse::BranchKeys(uses) => uses.settings.storm_tracking.is_some(),
        }
    }
}

/// What a client-side cache holds.
#[derive(Clone, Copy, Debug)]
pub enum CacheUse {
    /// Data keys.
    DataKeys(DataKeyCacheUse),
    /// Branch keys.
    BranchKeys(BranchKeyCacheUse),
}

/// What a process holds for one workload.
#[derive(Clone, Debug)]
pub struct AppProcess {
    /// Empty where the workload looks up another one's.
    pub cache: ClientSideCache,
    /// Messages numbered so far.
    messages: u64,
    /// The invocation whose cache it is.
    pub invocation: u32,
    /// The turn of data keys that it can decrypt, and until when \[ns\], if that is known.
    pub held_until: Option<(u64, u64)>,
}

impl AppProcess {
    /// Nothing yet.
    pub fn new(uses: &ClientCache) -> AppProcess {
        AppProcess {
            cache: ClientSideCache::new(&uses.uses),
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

    /// Its cache for messages of an invocation; `None` where that is over.
    pub(super) fn of_invocation(
        &mut self,
        invocation: u32,
        uses: &CacheUse,
    ) -> Option<&mut ClientSideCache> {
        if invocation > self.invocation {
            self.invocation = invocation;
            self.cache = ClientSideCache::new(uses);
        }
        (invocation == self.invocation).then_some(&mut self.cache)
    }
}

/// Numbers of messages start over before they are the mark of a request that has none.
pub(super) fn wrapped(number: u64) -> u64 {
    number % u64::from(u32::MAX)
}

/// A client-side cache and its state.
#[derive(Clone, Debug)]
pub enum ClientSideCache {
    /// Of data keys.
    DataKeys(DataKeyCache),
    /// Of branch keys.
    BranchKeys(BranchKeyCache),
}

impl ClientSideCache {
    /// An empty one.
    pub fn new(uses: &CacheUse) -> ClientSideCache {
        match uses {
            CacheUse::DataKeys(c) => {
                ClientSideCache::DataKeys(DataKeyCache::new(c.sdk, c.capacity))
            }
            CacheUse::BranchKeys(c) => ClientSideCache::BranchKeys(BranchKeyCache::new(c.settings)),
        }
    }
}
