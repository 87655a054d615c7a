//! What every client-side cache answers: how it is written, what each process holds of it, and what a message looks up.

use super::encrypted_messages::EncryptedMessages;
use super::entries::EntryId;
use super::need::{LookUp, Need};
use super::scope::Sharing;
use crate::catalog::KmsOperation;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use std::fmt::Debug;

/// A client-side cache as written.
pub trait ClientCacheKind: Sized {
    /// What people call it, after "a".
    const NAME: &'static str;
    /// Why S3 has none.
    const NOT_OF_S3: &'static str;
    /// Why its messages look up no other cache as well.
    const ALONE: &'static str;
    /// The metric that counts the needs that it meets.
    const METRIC: &'static str = "kms_needs_met_by_data_key_cache";

    /// How a workload uses it.
    type Uses: Clone + Copy + Debug;
    /// What a process holds.
    type Held: Clone + Debug;
    /// What a KMS operation asks it for.
    type Asked: Clone + Copy + Debug;

    /// Its table; `others` are the workloads whose cache it may share. `None` after recording what is wrong.
    fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Option<Self>;

    /// Who shares it.
    fn sharing(&self) -> &Sharing;

    /// What it is, for people.
    fn words(&self) -> String;

    /// How it is used: of a partition by number, in the cache of `owner`.
    fn uses(&self, partition: u32, owner: &Self) -> Option<Self::Uses>;

    /// What `operation` of the workload of that name asks it for; `encrypted`: how the messages were encrypted that the
    /// workload decrypts.
    ///
    /// # Errors
    /// It does not serve the operation, or it is not written how the messages were encrypted.
    fn asked(
        &self,
        workload: &str,
        operation: KmsOperation,
        encrypted: Option<EncryptedMessages>,
    ) -> Result<Self::Asked, CacheRefusal>;

    /// What a process holds at first.
    fn empty(uses: &Self::Uses) -> Self::Held;

    /// Whether messages wait for a key that another one fetches.
    fn has_single_flight(_uses: &Self::Uses) -> bool {
        false
    }

    /// Whether a look-up may say that a message is to wait.
    fn has_waits(_uses: &Self::Uses) -> bool {
        false
    }

    /// Whether messages are numbered when they are first looked up, because their number says what they are.
    fn is_numbered(_asked: &Self::Asked) -> bool {
        false
    }

    /// Looks for what would meet a need without a call, at `at` \[ns\].
    fn look_up(
        held: &mut Self::Held,
        question: Question<'_, Self>,
        need: &mut impl Need,
        at: u64,
    ) -> LookUp;

    /// KMS admitted a need's call and answers at `ready` \[ns\]: the key is held from then on.
    fn fetched(
        held: &mut Self::Held,
        question: Question<'_, Self>,
        need: &mut impl Need,
        ready: u64,
    );

    /// The entry that a need's call would fetch for others that wait for it; `None` where nobody waits.
    fn waits_for(_question: Question<'_, Self>, _need: &mut impl Need) -> Option<EntryId> {
        None
    }
}

/// What a message asks a cache for, and how its workload uses the cache.
#[derive(Debug)]
pub struct Question<'a, K: ClientCacheKind> {
    /// What it asks for.
    pub asked: &'a K::Asked,
    /// How its workload uses the cache.
    pub uses: &'a K::Uses,
}

/// Why a client-side cache cannot meet a need.
#[derive(Debug)]
pub struct CacheRefusal {
    /// What kind of fault it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

impl CacheRefusal {
    /// The cache does not serve `operation`, but what `serves` says.
    pub fn not_served(serves: &str, operation: KmsOperation) -> CacheRefusal {
        CacheRefusal {
            code: Code::ImpossibleOperation,
            message: format!("{serves}, not {}", operation.name()),
            help: "put other operations in a workload of their own",
        }
    }
}
