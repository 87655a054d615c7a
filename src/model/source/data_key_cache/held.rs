//! The data keys that one process holds.

use super::cache::{Cmm, DataKeyCache, Message, Sdk};
use super::newest::NewestKeys;

/// A cache of data keys, and what is known of it without looking.
#[derive(Clone, Debug)]
pub struct HeldDataKeys {
    /// The cache.
    pub keys: DataKeyCache,
    /// What can be decrypted, where that is known without the cache.
    newest: Option<NewestKeys>,
    /// The turn of data keys that can be decrypted, and until when \[ns\], if that is known.
    pub(super) until: Option<(u64, u64)>,
}

impl HeldDataKeys {
    /// Those of an empty cache; `newest`: only the newest data key of so many producers is ever decrypted.
    pub(super) fn new(sdk: Sdk, capacity: usize, newest: Option<u64>) -> HeldDataKeys {
        HeldDataKeys {
            keys: DataKeyCache::new(sdk, capacity),
            newest: newest.map(|producers| NewestKeys::new(sdk, producers)),
            until: None,
        }
    }

    /// Whether a message under `data_key` can be decrypted at `at` \[ns\] without KMS.
    #[inline]
    pub(super) fn decrypt(&mut self, cmm: &Cmm, message: &Message, data_key: u64, at: u64) -> bool {
        match &mut self.newest {
            Some(newest) => newest.decrypt(cmm, message.context, data_key, at),
            None => self.keys.decrypt(cmm, message, data_key, at),
        }
    }

    /// KMS decrypts `data_key` for a message and answers at `ready` \[ns\].
    pub(super) fn decrypted(&mut self, cmm: &Cmm, message: &Message, data_key: u64, ready: u64) {
        self.until = None;
        match &mut self.newest {
            Some(newest) => newest.decrypted(message.context, data_key, ready),
            None => self.keys.decrypted(cmm, message, data_key, ready),
        }
    }

    /// From when on messages under `data_key` can no longer be decrypted without KMS \[ns\], if they can at `at` and
    /// nothing is put in; 0 where they cannot.
    pub(super) fn decrypts_until(
        &mut self,
        cmm: &Cmm,
        message: &Message,
        data_key: u64,
        at: u64,
    ) -> u64 {
        match &mut self.newest {
            Some(newest) => newest.decrypts_until(cmm, message.context, data_key, at),
            None => self.keys.decrypts_until(cmm, message, data_key, at),
        }
    }
}
