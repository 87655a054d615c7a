//! A caching CMM and its data-key cache: as written, how a workload uses it, and what its messages look up.

use super::cache::{Cmm, Message, Sdk, Suite};
use super::held::HeldDataKeys;
use crate::catalog::{self, KmsOperation};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::model::source::encrypted_messages::EncryptedMessages;
use crate::model::source::entries::EntryId;
use crate::model::source::kind::{CacheRefusal, ClientCacheKind, Question};
use crate::model::source::need::{LookUp, Need};
use crate::model::source::scope::Sharing;
use crate::units::{Bytes, Span};
use serde::Serialize;

/// A caching CMM and the cache behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DataKeyCacheSettings {
    /// Whose cache it is.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// Whose rules hold, where the cache is its own.
    pub sdk: Option<Sdk>,
    /// Entries, where the cache is its own.
    pub capacity: Option<u32>,
    /// Algorithm suite that messages ask for.
    pub algorithm_suite: Option<String>,
    /// Longest age.
    pub max_age: Span,
    /// Messages under one data key.
    pub max_messages: u64,
    /// Bytes under one data key.
    pub max_bytes: u64,
    /// Whether messages wait for a data key that another one fetches, where the cache is its own.
    pub single_flight: Option<bool>,
}

impl ClientCacheKind for DataKeyCacheSettings {
    const NAME: &'static str = "data-key cache";
    const NOT_OF_S3: &'static str = "S3 does not use a data-key cache";
    const ALONE: &'static str = "a caching CMM makes the data keys itself";

    type Uses = DataKeyCacheUse;
    type Held = HeldDataKeys;
    type Asked = AskedForDataKey;

    fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Option<DataKeyCacheSettings> {
        let largest = i64::MAX as u64;
        let sharing = Sharing::read(r, others, &["sdk", "capacity", "single_flight"]);
        let sdk = r.keyword("sdk").unwrap_or(Sdk::Python);
        let capacity = if r.has("shared_with") {
            None
        } else {
            Some(r.required_in("capacity", 1..=u32::MAX))
        };
        let suites = catalog::algorithm_suites();
        let algorithm_suite =
            r.reference("algorithm_suite", suites.iter().map(|s| s.name.as_str()));
        let max_age = r.required_in("max_age", Span::from_ns(1)..);
        let max_messages = r.or_in("max_messages", 1 << 32, 1..=1 << 32);
        let max_bytes = r.or_in("max_bytes", Bytes::new(largest), ..=Bytes::new(largest));
        let single_flight = r.or("single_flight", false);
        Some(DataKeyCacheSettings {
            sdk: capacity.map(|_| sdk),
            single_flight: capacity.map(|_| single_flight),
            capacity: match capacity {
                None => None,
                Some(given) => Some(given?),
            },
            sharing,
            algorithm_suite,
            max_age: max_age?,
            max_messages,
            max_bytes: max_bytes.get(),
        })
    }

    fn sharing(&self) -> &Sharing {
        &self.sharing
    }

    fn words(&self) -> String {
        let age = self.max_age;
        format!("the client's data-key cache, entries up to {age} old")
    }

    fn uses(&self, partition: u32, owner: &DataKeyCacheSettings) -> Option<DataKeyCacheUse> {
        Some(DataKeyCacheUse {
            cmm: Cmm {
                partition,
                max_age: self.max_age.as_ns(),
                max_messages: self.max_messages,
                max_bytes: self.max_bytes,
            },
            suite: self.suite(),
            sdk: owner.sdk?,
            capacity: owner.capacity? as usize,
            single_flight: owner.single_flight?,
            newest: None,
        })
    }

    fn asked(
        &self,
        workload: &str,
        operation: KmsOperation,
        encrypted: Option<EncryptedMessages>,
    ) -> Result<AskedForDataKey, CacheRefusal> {
        match operation {
            KmsOperation::GenerateDataKey => Ok(AskedForDataKey::ToEncrypt),
            KmsOperation::Decrypt => encrypted.map(AskedForDataKey::ToDecrypt).ok_or_else(|| CacheRefusal {
                code: Code::NoDefault,
                message: format!("`workload.{workload}` decrypts with a data-key cache, but does not say which messages share a data key"),
                help: "write `encrypted_by = { producers = …, messages_per_data_key = … }`",
            }),
            _ => Err(CacheRefusal::not_served(
                "a data-key cache serves GenerateDataKey and Decrypt",
                operation,
            )),
        }
    }

    fn empty(uses: &DataKeyCacheUse) -> HeldDataKeys {
        HeldDataKeys::new(uses.sdk, uses.capacity, uses.newest)
    }

    fn has_single_flight(uses: &DataKeyCacheUse) -> bool {
        uses.single_flight
    }

    /// What is to be decrypted has a number, which says under which data key it is.
    fn is_numbered(asked: &AskedForDataKey) -> bool {
        matches!(asked, AskedForDataKey::ToDecrypt(_))
    }

    fn look_up(
        held: &mut HeldDataKeys,
        Question { asked, uses }: Question<'_, Self>,
        need: &mut impl Need,
        at: u64,
    ) -> LookUp {
        let (message, data_key) = asked.message(uses, need);
        LookUp::met(match data_key {
            None => held.keys.encrypt(&uses.cmm, &message, at).is_some(),
            Some(data_key) => held.decrypt(&uses.cmm, &message, data_key, at),
        })
    }

    fn fetched(
        held: &mut HeldDataKeys,
        Question { asked, uses }: Question<'_, Self>,
        need: &mut impl Need,
        ready: u64,
    ) {
        let (message, data_key) = asked.message(uses, need);
        match data_key {
            // Which data key it is decides nothing here.
            None => held.keys.generated(&uses.cmm, &message, 0, ready),
            Some(data_key) => held.decrypted(&uses.cmm, &message, data_key, ready),
        }
    }

    fn waits_for(
        Question { asked, uses }: Question<'_, Self>,
        need: &mut impl Need,
    ) -> Option<EntryId> {
        let (message, data_key) = asked.message(uses, need);
        let entry = uses.sdk.entry_of(&uses.cmm, &message, data_key)?;
        uses.single_flight.then_some(entry)
    }
}

impl DataKeyCacheSettings {
    fn suite(&self) -> Option<Suite> {
        let row = catalog::algorithm_suite(self.algorithm_suite.as_ref()?)?;
        Some(Suite {
            id: row.id,
            key_derivation: row.key_derivation,
        })
    }
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
    /// Producers of whose data keys only the newest is ever decrypted, where the simulation knows that.
    pub newest: Option<u64>,
}

/// What a KMS operation asks a data-key cache for.
#[derive(Clone, Copy, Debug)]
pub enum AskedForDataKey {
    /// GenerateDataKey: a data key to encrypt under.
    ToEncrypt,
    /// Decrypt: the data key that a message was encrypted under.
    ToDecrypt(EncryptedMessages),
}

impl AskedForDataKey {
    /// The message of a request, and the data key that it was encrypted under.
    fn message(&self, uses: &DataKeyCacheUse, need: &mut impl Need) -> (Message, Option<u64>) {
        match self {
            AskedForDataKey::ToEncrypt => {
                let message = Message {
                    context: need.object(),
                    length: need.message_length(),
                    suite: uses.suite,
                };
                (message, None)
            }
            AskedForDataKey::ToDecrypt(encrypted) => {
                let number = u64::from(*need.ticket());
                let (message, data_key) = Message::encrypted(*encrypted, number, uses.suite);
                (message, Some(data_key))
            }
        }
    }
}
