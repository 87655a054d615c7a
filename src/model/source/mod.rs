//! What can meet a need without a KMS call: bucket keys of S3, client-side caches of data keys and branch keys.
//!
//! ```text
//! a need ──Source::look_up──► Met, Miss, Wait ──miss: KMS admits the call──► Source::fetched ──► Caches
//! ```
//!
//! Each mitigation has a file or folder of its own: how it is written, what a request looks up, what an answer brings, who
//! waits for it. Here are the two lists of them: [`ClientCacheSettings`], those that a workload's clients have, as
//! written, and [`Source`], what meets one need. Where a mitigation has a state for each process, its cache has a line
//! in [`client_cache`] too. What stays in the simulation is counting, quotas and the order in time.

pub mod branch_key_cache;
pub mod bucket_key;
pub mod caches;
pub mod client_cache;
pub mod data_key_cache;
mod entries;
mod mixer;
pub mod need;
pub mod scope;

pub use bucket_key::{BucketKeyUse, ObjectKinds, OnlyFor};
pub use caches::{Caches, WorkloadCaches};
pub use client_cache::{CacheUse, ClientCache};
pub use data_key_cache::EncryptedMessages;
pub use need::{Draw, Fetch, LookUp, Need};
pub use scope::{CacheScope, ScopeSettings, Sharing};

use crate::catalog::KmsOperation;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use branch_key_cache::BranchKeyCacheSettings;
use bucket_key::BucketKeyFetch;
use data_key_cache::DataKeyCacheSettings;
use serde::Serialize;

/// The client-side caches of a workload as written.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClientCacheSettings {
    /// Its caching CMM and data-key cache.
    pub data_key_cache: Option<DataKeyCacheSettings>,
    /// Its hierarchical keyring and branch-key cache.
    pub branch_key_cache: Option<BranchKeyCacheSettings>,
}

/// Why no client-side cache can meet a need.
#[derive(Debug)]
pub struct CacheRefusal {
    /// What kind of fault it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

impl ClientCacheSettings {
    /// The tables that an application may have, each with why S3 has none.
    pub const TABLES: [(&str, &str); 2] = [
        ("data_key_cache", "S3 does not use a data-key cache"),
        ("branch_key_cache", "S3 does not use branch keys"),
    ];

    /// Their tables in a workload; `others` are the workloads whose caches it may share.
    pub fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str> + Clone,
    ) -> ClientCacheSettings {
        let data_key_cache = r.table("data_key_cache", |r| {
            DataKeyCacheSettings::read(r, others.clone())
        });
        let branch_key_cache = r.table("branch_key_cache", |r| {
            BranchKeyCacheSettings::read(r, others)
        });
        ClientCacheSettings {
            data_key_cache: data_key_cache.flatten(),
            branch_key_cache: branch_key_cache.flatten(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.data_key_cache.is_none() && self.branch_key_cache.is_none()
    }

    /// What each client has of its own, so that their number matters.
    pub fn of_each_client(&self) -> Option<&'static str> {
        if self.data_key_cache.is_some() {
            Some("a data-key cache")
        } else if self.branch_key_cache.is_some() {
            Some("a branch-key cache")
        } else {
            None
        }
    }

    /// The table of the one that processes hold, and who shares it.
    pub fn sharing(&self) -> Option<(&'static str, &Sharing)> {
        let of_data_keys = self.data_key_cache.as_ref();
        let of_branch_keys = self.branch_key_cache.as_ref();
        of_data_keys
            .map(|cache| ("data_key_cache", &cache.sharing))
            .or(of_branch_keys.map(|cache| ("branch_key_cache", &cache.sharing)))
    }

    /// How it is used: of a partition by number, in the cache of `owner`.
    pub fn uses(&self, partition: u32, owner: &ClientCacheSettings) -> Option<CacheUse> {
        if let Some(own) = &self.data_key_cache {
            let owner = owner.data_key_cache.as_ref()?;
            return own.uses(partition, owner).map(CacheUse::DataKeys);
        }
        let (own, owner) = (&self.branch_key_cache, &owner.branch_key_cache);
        let uses = own.as_ref()?.uses(partition, owner.as_ref()?);
        uses.map(CacheUse::BranchKeys)
    }

    /// What can meet a need of an application that calls `operation` itself; `encrypted`: how the messages were
    /// encrypted that it decrypts.
    ///
    /// # Errors
    /// The caches do not serve the operation, or it is not written how the messages were encrypted.
    pub fn source(
        &self,
        workload: &str,
        operation: KmsOperation,
        encrypted: Option<EncryptedMessages>,
    ) -> Result<Source, CacheRefusal> {
        let not_served = |serves: &str| CacheRefusal {
            code: Code::ImpossibleOperation,
            message: format!("{serves}, not {}", operation.name()),
            help: "put other operations in a workload of their own",
        };
        if self.data_key_cache.is_some() {
            return match operation {
                KmsOperation::GenerateDataKey => Ok(Source::CacheEncrypt),
                KmsOperation::Decrypt => encrypted.map(Source::CacheDecrypt).ok_or_else(|| CacheRefusal {
                    code: Code::NoDefault,
                    message: format!("`workload.{workload}` decrypts with a data-key cache, but does not say which messages share a data key"),
                    help: "write `encrypted_by = { producers = …, messages_per_data_key = … }`",
                }),
                _ => Err(not_served("a data-key cache serves GenerateDataKey and Decrypt")),
            };
        }
        if self.branch_key_cache.is_some() {
            return match operation {
                KmsOperation::Decrypt => Ok(Source::BranchKey),
                _ => Err(not_served(
                    "a branch-key cache serves Decrypt, of branch keys",
                )),
            };
        }
        Ok(Source::Call)
    }
}

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
    CacheDecrypt(EncryptedMessages),
    /// A branch-key cache.
    BranchKey,
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
            Source::CacheEncrypt => data_key_cache::source::look_up_to_encrypt(caches, need, at),
            Source::CacheDecrypt(encrypted) => encrypted.look_up(caches, need, at),
            Source::BranchKey => branch_key_cache::source::look_up(caches, need, at),
        }
    }

    /// KMS admitted a need's call at `at` and answers at `ready` \[ns\]: the caches have the key from then on.
    pub fn fetched(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        match self {
            Source::Call => {}
            Source::BucketKeyWrite(uses) => uses.generated(caches, need, at, ready),
            Source::BucketKeyRead(uses) => uses.decrypted(caches, need, at, ready),
            Source::BucketKeyVerified(uses) => uses.verified(caches, need, at, ready),
            Source::CacheEncrypt => data_key_cache::source::generated(caches, need, ready),
            Source::CacheDecrypt(encrypted) => encrypted.decrypted(caches, need, ready),
            Source::BranchKey => branch_key_cache::source::fetched(caches, need, ready),
        }
    }

    /// What a need's call would fetch for others that wait for it; `None` where nobody waits.
    pub fn waits_for(&self, caches: &mut Caches, need: &mut impl Need) -> Option<Fetch> {
        match self {
            Source::Call | Source::BranchKey => None,
            Source::BucketKeyWrite(uses) => uses.fetch(caches, need, BucketKeyFetch::ToWrite),
            Source::BucketKeyRead(uses) => uses.fetch_to_read(caches, need),
            Source::BucketKeyVerified(uses) => uses.fetch(caches, need, BucketKeyFetch::Verified),
            Source::CacheEncrypt => data_key_cache::source::fetch_to_encrypt(caches, need),
            Source::CacheDecrypt(encrypted) => encrypted.fetch(caches, need),
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
            Source::CacheEncrypt => Some(Drawing::Messages(None)),
            Source::CacheDecrypt(encrypted) => Some(Drawing::Messages(Some(*encrypted))),
            Source::BranchKey => None,
        }
    }

    /// The bucket keys that it looks up.
    pub fn bucket_keys(&self) -> Option<&BucketKeyUse> {
        match self {
            Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) => Some(uses),
            Source::Call | Source::CacheEncrypt | Source::CacheDecrypt(_) | Source::BranchKey => {
                None
            }
        }
    }

    /// The same, to be changed.
    pub(super) fn bucket_keys_mut(&mut self) -> Option<&mut BucketKeyUse> {
        match self {
            Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) => Some(uses),
            Source::Call | Source::CacheEncrypt | Source::CacheDecrypt(_) | Source::BranchKey => {
                None
            }
        }
    }

    /// Whether every need is a call.
    pub fn is_call(&self) -> bool {
        matches!(self, Source::Call)
    }

    /// The metric that counts the needs that it meets.
    pub fn metric(&self) -> &'static str {
        match self.bucket_keys() {
            Some(_) => "kms_needs_met_by_bucket_key",
            None => "kms_needs_met_by_data_key_cache",
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
            Source::CacheEncrypt | Source::CacheDecrypt(_) => {
                let cache = caches.data_key_cache.as_ref();
                cache.map(DataKeyCacheSettings::words)
            }
            Source::BranchKey => {
                let cache = caches.branch_key_cache.as_ref();
                cache.map(BranchKeyCacheSettings::words)
            }
        }
    }
}
