//! How an application's messages look branch keys up, and what a call brings.

use super::cache::{BranchKeyCache, BranchKeyFound, Keyring};
use crate::model::source::caches::Caches;
use crate::model::source::client_cache::{CacheUse, ClientSideCache};
use crate::model::source::need::{Draw, LookUp, Need};

/// Looks for a message's branch key.
pub fn look_up(caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
    if need.was_called() {
        return LookUp::Miss;
    }
    let since = need.arrived();
    let (key, version) = branch_key(caches, need);
    let Some((cache, keyring)) = branch_keys(caches, need) else {
        return LookUp::Miss;
    };
    match cache.look_up(&keyring, key, version, since, at) {
        BranchKeyFound::Key => LookUp::Met,
        BranchKeyFound::Nothing => LookUp::Miss,
        BranchKeyFound::Wait(pause) => LookUp::Wait(at.saturating_add(pause)),
        BranchKeyFound::TooLate => LookUp::TooLate,
    }
}

/// KMS decrypts it and answers at `ready`.
pub fn fetched(caches: &mut Caches, need: &mut impl Need, ready: u64) {
    let (key, version) = branch_key(caches, need);
    if let Some((cache, keyring)) = branch_keys(caches, need) {
        cache.fetched(&keyring, key, version, ready);
    }
}

/// The branch key of a message, and its version to decrypt.
fn branch_key(caches: &Caches, need: &impl Need) -> (u64, Option<u64>) {
    let versions = match caches.workloads[need.workload()]
        .client_cache
        .map(|c| c.uses)
    {
        Some(CacheUse::BranchKeys(uses)) => uses.versions,
        Some(CacheUse::DataKeys(_)) | None => None,
    };
    let version = versions.map(|n| Draw::Version.of(need.key()).below(n));
    (need.object(), version)
}

/// The branch-key cache that a message looks up, and its keyring.
fn branch_keys<'c>(
    caches: &'c mut Caches,
    need: &mut impl Need,
) -> Option<(&'c mut BranchKeyCache, Keyring)> {
    let keyring = match &caches.workloads[need.workload()]
        .client_cache
        .as_ref()?
        .uses
    {
        CacheUse::BranchKeys(uses) => uses.keyring,
        CacheUse::DataKeys(_) => return None,
    };
    match caches.client_side(need)? {
        ClientSideCache::BranchKeys(cache) => Some((cache, keyring)),
        ClientSideCache::DataKeys(_) => None,
    }
}
