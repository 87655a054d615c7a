//! Fetches under way that others wait for.

use crate::model::bucket_key::BucketKeyId;
use std::collections::HashMap;

/// What is fetched, and for whose cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    BucketKey {
        cache: usize,
        partition: u32,
        key: WantedBucketKey,
    },
    DataKey {
        owner: usize,
        process: u32,
        invocation: u32,
        partition: u32,
        suite: Option<u16>,
        context: u64,
        /// To decrypt it; `None`: to encrypt under a new one.
        data_key: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WantedBucketKey {
    ToWrite,
    Verified,
    ToRead(BucketKeyId),
}

/// Fetches that are over are dropped when there are more than twice as many as were left the last time.
pub const FEW: usize = 1_024;

/// Fetches under way, with their ends \[ns\].
#[derive(Default)]
pub struct Flights {
    pub until: HashMap<Wanted, u64>,
    pub sweep_at: usize,
}
