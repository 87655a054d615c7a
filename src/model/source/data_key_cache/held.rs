//! The data keys that one process holds.

use super::cache::{Cmm, DataKeyCache, Message};

/// A cache of data keys, and what is known of it without looking.
#[derive(Clone, Debug)]
pub struct HeldDataKeys {
    /// The cache.
    pub keys: DataKeyCache,
    /// The turn of data keys that can be decrypted, and until when \[ns\], if that is known.
    pub(super) until: Option<(u64, u64)>,
}

impl HeldDataKeys {
    /// Those of a cache of which nothing is known.
    pub(super) fn new(keys: DataKeyCache) -> HeldDataKeys {
        HeldDataKeys { keys, until: None }
    }

    /// KMS decrypts `data_key` for a message and answers at `ready` \[ns\].
    pub(super) fn decrypted(&mut self, cmm: &Cmm, message: &Message, data_key: u64, ready: u64) {
        self.until = None;
        self.keys.decrypted(cmm, message, data_key, ready);
    }
}
