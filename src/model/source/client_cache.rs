//! Client-side caches: the list of them, who looks them up, and what a process holds of them.
//!
//! Each cache has a file or folder of its own ([`ClientCacheKind`]) and one line in the list below.

use super::encrypted_messages::{EncryptedMessages, wrapped};
use super::entries::EntryId;
use super::kind::{CacheRefusal, ClientCacheKind, Question};
use super::need::{LookUp, Need};
use super::scope::{CacheScope, Sharing};
use crate::catalog::KmsOperation;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
#[cfg(test)]
use crate::scenario::cases::Cases;
use serde::Serialize;

/// The list of client-side caches: the table of each in a workload, which is also its module, and its type.
macro_rules! client_caches {
    ($($(#[$doc:meta])* $table:ident => $kind:ident($settings:ty),)*) => {
        /// The client-side caches of a workload as written.
        #[derive(Clone, Debug, Default, Serialize)]
        pub struct ClientCacheSettings {
            $($(#[$doc])* pub $table: Option<$settings>,)*
        }

        /// How a client-side cache is used.
        #[derive(Clone, Copy, Debug)]
        pub enum CacheUse {
            $($(#[$doc])* $kind(<$settings as ClientCacheKind>::Uses),)*
        }

        /// What a process holds in a client-side cache.
        #[derive(Clone, Debug)]
        pub enum ClientSideCache {
            $($(#[$doc])* $kind(<$settings as ClientCacheKind>::Held),)*
        }

        /// What a need asks a client-side cache for.
        #[derive(Clone, Copy, Debug)]
        pub enum AskedOfCache {
            $($(#[$doc])* $kind(<$settings as ClientCacheKind>::Asked),)*
        }

        const TABLES: &[CacheTable] = &[$(CacheTable {
            key: stringify!($table),
            name: <$settings>::NAME,
            not_of_s3: <$settings>::NOT_OF_S3,
            alone: <$settings>::ALONE,
        }),*];

        /// What is known of each one's keys.
        #[cfg(test)]
        pub(super) const CASES: &[fn(&mut Cases)] = &[$(super::$table::cases::add),*];

        impl ClientCacheSettings {
            /// Their tables in a workload; `others` are the workloads whose caches it may share.
            pub fn read<'k>(
                r: &mut Reader<'_>,
                others: impl IntoIterator<Item = &'k str> + Clone,
            ) -> ClientCacheSettings {
                $(let $table = r.table(stringify!($table), |r| <$settings>::read(r, others.clone()));)*
                ClientCacheSettings { $($table: $table.flatten(),)* }
            }

            /// Who shares each, in the order of the tables.
            fn sharings(&self) -> [Option<&Sharing>; TABLES.len()] {
                [$(self.$table.as_ref().map(ClientCacheKind::sharing)),*]
            }

            /// What it is, for people; `None` where there is none.
            pub fn words(&self) -> Option<String> {
                $(if let Some(own) = &self.$table {
                    return Some(own.words());
                })*
                None
            }

            /// How it is used: of a partition by number, in the cache of `owner`.
            pub fn uses(&self, partition: u32, owner: &ClientCacheSettings) -> Option<CacheUse> {
                $(if let Some(own) = &self.$table {
                    return own.uses(partition, owner.$table.as_ref()?).map(CacheUse::$kind);
                })*
                None
            }

            /// What an application that calls `operation` itself asks it for, `None` where there is no cache;
            /// `encrypted`: how the messages were encrypted that it decrypts.
            ///
            /// # Errors
            /// The cache does not serve the operation, or it is not written how the messages were encrypted.
            pub fn asked(
                &self,
                workload: &str,
                operation: KmsOperation,
                encrypted: Option<EncryptedMessages>,
            ) -> Result<Option<AskedOfCache>, CacheRefusal> {
                $(if let Some(own) = &self.$table {
                    let asked = own.asked(workload, operation, encrypted)?;
                    return Ok(Some(AskedOfCache::$kind(asked)));
                })*
                Ok(None)
            }
        }

        impl CacheUse {
            /// Whether messages wait for a key that another one fetches.
            fn has_single_flight(&self) -> bool {
                match self { $(CacheUse::$kind(uses) => <$settings>::has_single_flight(uses),)* }
            }

            /// Whether a look-up may say that a message is to wait.
            fn has_waits(&self) -> bool {
                match self { $(CacheUse::$kind(uses) => <$settings>::has_waits(uses),)* }
            }

            /// An empty cache.
            fn empty(&self) -> ClientSideCache {
                match self {
                    $(CacheUse::$kind(uses) => ClientSideCache::$kind(<$settings>::empty(uses)),)*
                }
            }
        }

        impl AskedOfCache {
            /// The metric that counts the needs that the cache meets.
            pub(super) fn metric(&self) -> &'static str {
                match self { $(AskedOfCache::$kind(_) => <$settings>::METRIC,)* }
            }

            /// Whether messages are numbered when they are first looked up.
            pub(super) fn is_numbered(&self) -> bool {
                match self { $(AskedOfCache::$kind(asked) => <$settings>::is_numbered(asked),)* }
            }

            /// Looks for what would meet a need without a call, at `at` \[ns\].
            pub(super) fn look_up(
                &self,
                (held, uses): (&mut ClientSideCache, &CacheUse),
                need: &mut impl Need,
                at: u64,
            ) -> LookUp {
                $(if let (AskedOfCache::$kind(asked), ClientSideCache::$kind(held), CacheUse::$kind(uses)) =
                    (self, &mut *held, uses)
                {
                    return <$settings>::look_up(held, Question { asked, uses }, need, at);
                })*
                LookUp::Miss
            }

            /// KMS admitted a need's call and answers at `ready` \[ns\].
            pub(super) fn fetched(
                &self,
                (held, uses): (&mut ClientSideCache, &CacheUse),
                need: &mut impl Need,
                ready: u64,
            ) {
                $(if let (AskedOfCache::$kind(asked), ClientSideCache::$kind(held), CacheUse::$kind(uses)) =
                    (self, &mut *held, uses)
                {
                    <$settings>::fetched(held, Question { asked, uses }, need, ready);
                })*
            }

            /// The entry that a need's call would fetch for others that wait for it; `None` where nobody waits.
            pub(super) fn waits_for(&self, uses: &CacheUse, need: &mut impl Need) -> Option<EntryId> {
                $(if let (AskedOfCache::$kind(asked), CacheUse::$kind(uses)) = (self, uses) {
                    return <$settings>::waits_for(Question { asked, uses }, need);
                })*
                None
            }
        }
    };
}

client_caches! {
    /// The caching CMM and data-key cache.
    data_key_cache => DataKeys(super::data_key_cache::DataKeyCacheSettings),
    /// The hierarchical keyring and branch-key cache.
    branch_key_cache => BranchKeys(super::branch_key_cache::BranchKeyCacheSettings),
}

/// The table of a client-side cache in a workload.
#[derive(Debug)]
pub struct CacheTable {
    /// Its key.
    pub key: &'static str,
    /// What people call the cache, after "a".
    pub name: &'static str,
    not_of_s3: &'static str,
    alone: &'static str,
}

impl ClientCacheSettings {
    /// The tables that an application may have, each with why S3 has none.
    pub fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
        TABLES.iter().map(|table| (table.key, table.not_of_s3))
    }

    /// Records that a workload has several.
    pub fn only_one(r: &mut Reader<'_>) {
        let written: Vec<&CacheTable> = TABLES.iter().filter(|table| r.has(table.key)).collect();
        let Some((first, others)) = written.split_first() else {
            return;
        };
        for other in others {
            r.fault(
                Code::Contradiction,
                r.place_of(other.key),
                format!(
                    "`{}` has both a {} and a {}",
                    r.path(),
                    first.name,
                    other.name
                ),
                format!("{}: keep one of them", other.alone),
            );
        }
    }

    /// The table of the one that there is, and who shares it.
    pub fn sharing(&self) -> Option<(&'static CacheTable, &Sharing)> {
        let mut tables = TABLES.iter().zip(self.sharings());
        tables.find_map(|(table, sharing)| Some((table, sharing?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sharing().is_none()
    }

    /// What people call the one that each client has of its own, so that the clients' number matters.
    pub fn of_each_client(&self) -> Option<&'static str> {
        self.sharing().map(|(table, _)| table.name)
    }
}

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
        self.uses.has_single_flight()
    }

    /// Whether a look-up may say that a message is to wait.
    pub fn has_waits(&self) -> bool {
        self.uses.has_waits()
    }
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
}

impl AppProcess {
    /// Nothing yet.
    pub fn new(uses: &ClientCache) -> AppProcess {
        AppProcess {
            cache: uses.uses.empty(),
            messages: 0,
            invocation: 0,
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
            self.cache = uses.empty();
        }
        (invocation == self.invocation).then_some(&mut self.cache)
    }
}
