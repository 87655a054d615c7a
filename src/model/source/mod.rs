//! What can meet a need without a KMS call.

pub mod archive;
pub mod branch_key_cache;
pub mod bucket_key;
pub mod data_key_cache;
mod entries;
mod mixer;

use archive::{Archive, KeyPopularity};
use branch_key_cache::Keyring;
use data_key_cache::{Cmm, Sdk, Suite};
use std::sync::{Arc, OnceLock};

/// What can meet a need without a KMS call.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nothing: each need is a call.
    Call,
    /// A bucket key to write a new object under.
    BucketKeyWrite(BucketKeyUse),
    /// The bucket key that the object was written under.
    BucketKeyRead(BucketKeyUse),
    /// A bucket key to write under that has been verified: parts of uploads, replicas.
    BucketKeyVerified(BucketKeyUse),
    /// A data-key cache, for encrypting.
    CacheEncrypt,
    /// A data-key cache, for decrypting.
    CacheDecrypt {
        /// Processes that encrypted the messages.
        producers: u64,
        /// Messages each of their data keys was used for.
        messages_per_data_key: u64,
    },
    /// A branch-key cache.
    BranchKey,
}

/// How a class uses bucket keys.
#[derive(Clone, Debug)]
pub struct BucketKeyUse {
    /// First of the caches, index of [`Plan::bucket_key_caches`]; one for each session.
    pub cache: usize,
    /// Sessions with a cache of their own, at least 1.
    pub sessions: u32,
    /// Bucket keys are in use from here on \[ns\].
    pub since: u64,
    /// Requests wait for a key that is on its way, instead of fetching it too.
    pub single_flight: bool,
    /// Share of reads that go to objects written without one.
    pub older_objects: f64,
    /// Bucket keys behind the other objects that were there before the run.
    pub archive: Archive,
    /// How often each of those is asked for, once somebody needs to know.
    pub key_popularity: Arc<OnceLock<KeyPopularity>>,
}

/// The client-side caches that a workload's messages look up.
#[derive(Clone, Copy, Debug)]
pub struct ClientCache {
    /// The workload whose caches these are; index of [`Plan::workloads`].
    pub owner: usize,
    /// How long a cache lives, and who shares it.
    pub scope: CacheScope,
    /// What is cached, and how.
    pub uses: CacheUse,
}

/// What a client-side cache holds.
#[derive(Clone, Copy, Debug)]
pub enum CacheUse {
    /// Data keys.
    DataKeys(DataKeyCacheUse),
    /// Branch keys.
    BranchKeys(BranchKeyCacheUse),
}

/// How a workload uses data-key caches.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyCacheUse {
    /// What its messages look up.
    pub cmm: Cmm,
    /// Algorithm suite that its messages ask for.
    pub suite: Option<Suite>,
    /// Whose rules hold.
    pub sdk: Sdk,
    /// Entries of each cache.
    pub capacity: usize,
    /// Messages wait for a data key that is on its way, instead of fetching it too.
    pub single_flight: bool,
}

/// How a workload uses branch-key caches.
#[derive(Clone, Copy, Debug)]
pub struct BranchKeyCacheUse {
    /// What its messages look up.
    pub keyring: Keyring,
    /// Versions under which the messages were encrypted that it decrypts; `None`: it encrypts.
    pub versions: Option<u64>,
    /// How each cache behaves.
    pub settings: branch_key_cache::Settings,
}

/// Who shares a client-side cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// Nobody: each client has its own.
    Client,
    /// So many clients of one process.
    Process {
        /// Clients in a process, at least 1.
        clients: u32,
    },
    /// So many messages of a client, which come in one invocation; the next begins with an empty one.
    Invocation {
        /// Messages in an invocation, at least 1.
        messages: u32,
    },
}

impl CacheScope {
    /// The cache of a client.
    pub fn cache_of(self, client: u32) -> u32 {
        match self {
            CacheScope::Process { clients } => client / clients,
            CacheScope::Client | CacheScope::Invocation { .. } => client,
        }
    }
}
