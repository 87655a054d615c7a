//! What can meet a need without a KMS call: bucket keys of S3, client-side caches of data keys and branch keys, data keys
//! that other services keep for their callers.
//!
//! ```text
//! a need ──Source::look_up──► Met, Miss, Wait ──miss: KMS admits the call──► Source::fetched ──► Caches
//! ```
//!
//! Each mitigation has a file or folder of its own: how it is written, what a request looks up, what an answer brings, who
//! waits for it. A cache that a workload's clients have answers what [`kind`] asks, and has one line in the list of
//! [`client_cache`]. What stays in the simulation is counting, quotas and the order in time.

pub mod branch_key_cache;
pub mod bucket_key;
pub mod caches;
pub mod client_cache;
pub mod data_key_cache;
pub mod encrypted_messages;
mod entries;
mod held;
pub mod kind;
mod mixer;
pub mod need;
pub mod scope;
pub mod service_key;

pub use bucket_key::{BucketKeyUse, ObjectKinds, OnlyFor};
pub use caches::{Caches, WorkloadCaches};
pub use client_cache::{AskedOfCache, CacheTable, CacheUse, ClientCache, ClientCacheSettings};
pub use encrypted_messages::EncryptedMessages;
pub use entries::EntryId;
pub use kind::{CacheRefusal, ClientCacheKind, Question};
pub use need::{Draw, Fetch, LookUp, Need};
pub use scope::{CacheScope, MOST_CLIENTS, ScopeSettings, Sharing};
pub use service_key::{ServiceKeyRules, ServiceKeyUse};

use bucket_key::BucketKeyFetch;
use data_key_cache::AskedForDataKey;

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
    /// A client-side cache.
    Cache(AskedOfCache),
    /// A data key that another service holds for its caller.
    ServiceKey(ServiceKeyUse),
}

/// How the misses of a source are drawn in a counted second, where they can be.
#[derive(Clone, Copy, Debug)]
pub enum Drawing<'a> {
    /// Each need is a call.
    Calls,
    /// None misses while keys to write under are held.
    Turns {
        /// The bucket keys.
        uses: &'a BucketKeyUse,
        /// They must have been verified.
        verified: bool,
    },
    /// Reads under bucket keys that are not held miss.
    Reads(&'a BucketKeyUse),
    /// Messages miss whose process has no data key for them.
    Messages(Option<EncryptedMessages>),
    /// Requests miss whose caller has no data key at the service.
    ServiceKeys(&'a ServiceKeyUse),
}

impl Source {
    /// Looks for what would meet a need without a call, at `at` \[ns\].
    #[inline]
    pub fn look_up(&self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        match self {
            Source::Call => LookUp::Miss,
            Source::BucketKeyWrite(uses) => uses.look_up_to_write(caches, need, at),
            Source::BucketKeyRead(uses) => uses.look_up_to_read(caches, need, at),
            Source::BucketKeyVerified(uses) => uses.look_up_verified(caches, need, at),
            Source::Cache(asked) => caches.look_up(asked, need, at),
            Source::ServiceKey(uses) => uses.look_up(caches, need, at),
        }
    }

    /// KMS admitted a need's call at `at` and answers at `ready` \[ns\]: the caches have the key from then on.
    pub fn fetched(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        match self {
            Source::Call => {}
            Source::BucketKeyWrite(uses) => uses.generated(caches, need, at, ready),
            Source::BucketKeyRead(uses) => uses.decrypted(caches, need, at, ready),
            Source::BucketKeyVerified(uses) => uses.verified(caches, need, at, ready),
            Source::Cache(asked) => caches.fetched(asked, need, ready),
            Source::ServiceKey(uses) => uses.fetched(caches, need, at, ready),
        }
    }

    /// What a need's call would fetch for others that wait for it; `None` where nobody waits.
    pub fn waits_for(&self, caches: &mut Caches, need: &mut impl Need) -> Option<Fetch> {
        match self {
            Source::Call | Source::ServiceKey(_) => None,
            Source::BucketKeyWrite(uses) => uses.fetch(caches, need, BucketKeyFetch::ToWrite),
            Source::BucketKeyRead(uses) => uses.fetch_to_read(caches, need),
            Source::BucketKeyVerified(uses) => uses.fetch(caches, need, BucketKeyFetch::Verified),
            Source::Cache(asked) => caches.waits_for(asked, need),
        }
    }

    /// How its misses are drawn in a counted second; `None`: each need is looked at.
    pub fn drawing(&self) -> Option<Drawing<'_>> {
        match self {
            Source::Call => Some(Drawing::Calls),
            Source::BucketKeyWrite(uses) => Some(Drawing::Turns {
                uses,
                verified: false,
            }),
            Source::BucketKeyVerified(uses) => Some(Drawing::Turns {
                uses,
                verified: true,
            }),
            Source::BucketKeyRead(uses) => Some(Drawing::Reads(uses)),
            Source::ServiceKey(uses) => {
                let draws = uses.rules.requests_per_connection.is_none();
                draws.then_some(Drawing::ServiceKeys(uses))
            }
            Source::Cache(asked) => {
                let AskedOfCache::DataKeys(asked) = asked else {
                    return None;
                };
                Some(Drawing::Messages(match asked {
                    AskedForDataKey::ToEncrypt => None,
                    AskedForDataKey::ToDecrypt(encrypted) => Some(*encrypted),
                }))
            }
        }
    }

    /// The bucket keys that it looks up.
    pub fn bucket_keys(&self) -> Option<&BucketKeyUse> {
        match self {
            Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) => Some(uses),
            Source::Call | Source::Cache(_) | Source::ServiceKey(_) => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn bucket_keys_mut(&mut self) -> Option<&mut BucketKeyUse> {
        match self {
            Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) => Some(uses),
            Source::Call | Source::Cache(_) | Source::ServiceKey(_) => None,
        }
    }

    /// Whether every need is a call.
    pub fn is_call(&self) -> bool {
        matches!(self, Source::Call)
    }

    /// The metric that counts the needs that it meets.
    pub fn metric(&self) -> &'static str {
        match self {
            Source::BucketKeyWrite(_) | Source::BucketKeyRead(_) | Source::BucketKeyVerified(_) => {
                "kms_needs_met_by_bucket_key"
            }
            Source::Call | Source::ServiceKey(_) => "kms_needs_met_by_data_key_cache",
            Source::Cache(asked) => asked.metric(),
        }
    }

    /// What it is, for people; `None`: nothing can meet the need. `settings` are those of the plan's bucket-key caches,
    /// `caches` the workload's own.
    pub fn words(
        &self,
        settings: &[bucket_key::BucketKeyRules],
        caches: &ClientCacheSettings,
    ) -> Option<String> {
        match self {
            Source::Call => None,
            Source::BucketKeyWrite(uses) => Some(format!("a bucket key, {}", uses.words(settings))),
            Source::BucketKeyRead(uses) => Some(format!(
                "the bucket key that the object was written under, {}",
                uses.words(settings)
            )),
            Source::BucketKeyVerified(uses) => Some(format!(
                "a bucket key that a Decrypt has verified, {}",
                uses.words(settings)
            )),
            Source::Cache(_) => caches.words(),
            Source::ServiceKey(uses) => Some(uses.words()),
        }
    }
}

#[cfg(test)]
pub(crate) mod cases;
