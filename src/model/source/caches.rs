//! What the caches of all workloads hold while time passes.

use super::bucket_key::{BucketKeyCache, BucketKeyId, BucketKeyRules};
use super::client_cache::{AppProcess, AskedOfCache, CacheUse, ClientCache, ClientSideCache};
use super::data_key_cache::LackingKeys;
use super::encrypted_messages::wrapped;
use super::need::{Fetch, LookUp, NO_TICKET, Need};
use super::scope::CacheScope;
use super::service_key::ServiceKeyCache;
use crate::engine::narrow::capped;
use crate::engine::random::Key;
use std::collections::BTreeMap;

/// The caches of one replication.
#[derive(Debug)]
pub struct Caches {
    /// Bucket-key caches of S3, as the plan lists them.
    pub bucket_keys: Vec<BucketKeyCache>,
    /// What belongs to each workload.
    pub workloads: Vec<WorkloadCaches>,
    /// Under which it is drawn which objects were written under the same bucket key before the run.
    pub archive: Key,
}

/// What of the caches belongs to one workload.
#[derive(Debug, Default)]
pub struct WorkloadCaches {
    /// The client-side caches that its messages look up.
    pub client_cache: Option<ClientCache>,
    /// Its processes, as far as they have done something.
    pub processes: Vec<Option<AppProcess>>,
    /// Reads the objects that this workload wrote in the run.
    pub reads: Option<usize>,
    /// Whether another workload reads what it wrote.
    pub is_read: bool,
    /// Bucket keys of the objects it wrote, by number.
    pub written: Vec<BucketKeyId>,
    /// What another service holds for its callers.
    pub service_keys: ServiceKeyCache,
    /// Messages numbered so far, where its clients are a fleet.
    messages: u64,
    /// Which data keys each process of a fleet lacks, where that is kept in mind.
    pub(super) lacking: Option<LackingKeys>,
    /// The number in its process of each message of a fleet whose caches live for an invocation, until it is decrypted.
    in_process: BTreeMap<u32, u32>,
}

impl Caches {
    /// Empty ones.
    pub fn new(
        bucket_keys: &[BucketKeyRules],
        workloads: impl IntoIterator<Item = WorkloadCaches>,
        archive: Key,
    ) -> Caches {
        Caches {
            bucket_keys: bucket_keys
                .iter()
                .copied()
                .map(BucketKeyCache::new)
                .collect(),
            workloads: workloads.into_iter().collect(),
            archive,
        }
    }

    /// Gives a message its number: of those of its process, or of its fleet.
    fn number(&mut self, need: &mut impl Need) {
        if *need.ticket() != NO_TICKET {
            return;
        }
        let w = need.workload();
        let Some(uses) = self.workloads[w].client_cache else {
            return;
        };
        if !uses.is_fleet {
            if let Some(process) = self.process(w, need) {
                *need.ticket() = capped::<u32>(process.count(1));
            }
            return;
        }
        let number = capped::<u32>(self.workloads[w].count(1));
        *need.ticket() = number;
        if matches!(uses.scope, CacheScope::Invocation { .. })
            && let Some(process) = self.process(w, need)
        {
            let in_process = capped::<u32>(process.count(1));
            self.workloads[w].in_process.insert(number, in_process);
        }
    }

    /// Which invocation of its client a message belongs to, where caches live for an invocation.
    fn invocation(&mut self, scope: CacheScope, need: &mut impl Need) -> u32 {
        match scope {
            CacheScope::Invocation { messages } => {
                self.number(need);
                let number = *need.ticket();
                let in_process = &self.workloads[need.workload()].in_process;
                in_process.get(&number).copied().unwrap_or(number) / messages
            }
            CacheScope::Client | CacheScope::Process { .. } => 0,
        }
    }

    /// A message is decrypted, and asks for nothing more.
    fn decrypted(&mut self, need: &mut impl Need) {
        let number = *need.ticket();
        self.workloads[need.workload()].in_process.remove(&number);
    }

    /// Looks in the client-side cache of a message for what would meet its need without a call, at `at` \[ns\].
    #[inline]
    pub(super) fn look_up(
        &mut self,
        asked: &AskedOfCache,
        need: &mut impl Need,
        at: u64,
    ) -> LookUp {
        // Its client has called KMS, and knows of no cache.
        if need.was_called() {
            return LookUp::Miss;
        }
        if asked.is_numbered() {
            self.number(need);
        }
        let Some((held, uses)) = self.client_side(need) else {
            return LookUp::Miss;
        };
        let found = asked.look_up((held, &uses), need, at);
        if found == LookUp::Met && asked.is_numbered() {
            self.decrypted(need);
        }
        found
    }

    /// KMS admitted the call of a message and answers at `ready` \[ns\]: its client-side cache has the key from then on.
    pub(super) fn fetched(&mut self, asked: &AskedOfCache, need: &mut impl Need, ready: u64) {
        if let Some((held, uses)) = self.client_side(need) {
            asked.fetched((held, &uses), need, ready);
        }
        if asked.is_numbered() {
            self.decrypted(need);
        }
    }

    /// What the call of a message would fetch for others that wait for it; `None` where nobody waits.
    pub(super) fn waits_for(
        &mut self,
        asked: &AskedOfCache,
        need: &mut impl Need,
    ) -> Option<Fetch> {
        let cache = self.workloads[need.workload()].client_cache?;
        let entry = asked.waits_for(&cache.uses, need)?;
        Some(Fetch::Entry {
            owner: cache.owner,
            process: cache.scope.cache_of(need.client()),
            invocation: self.invocation(cache.scope, need),
            entry,
        })
    }

    /// The client-side cache that a message looks up, and how; `None` where it is gone: for the answer to a message of
    /// an earlier invocation.
    fn client_side(&mut self, need: &mut impl Need) -> Option<(&mut ClientSideCache, CacheUse)> {
        let uses = self.workloads[need.workload()].client_cache?;
        let invocation = self.invocation(uses.scope, need);
        let process = self.process(uses.owner, need)?;
        let held = process.of_invocation(invocation, &uses.uses)?;
        Some((held, uses.uses))
    }

    /// The process of a message, as far as it belongs to the workload `of`.
    fn process(&mut self, of: usize, need: &impl Need) -> Option<&mut AppProcess> {
        let of = &mut self.workloads[of];
        let uses = of.client_cache.as_ref()?;
        let process = of
            .processes
            .get_mut(uses.scope.cache_of(need.client()) as usize)?;
        Some(process.get_or_insert_with(|| AppProcess::new(uses)))
    }
}

impl WorkloadCaches {
    /// Nothing yet, of a workload with so many clients.
    pub fn new(
        client_cache: Option<ClientCache>,
        clients: u32,
        reads: Option<usize>,
        is_read: bool,
    ) -> WorkloadCaches {
        let processes = client_cache.map_or(0, |c| c.scope.cache_of(clients - 1) as usize + 1);
        WorkloadCaches {
            client_cache,
            processes: vec![None; processes],
            reads,
            is_read,
            written: Vec::new(),
            service_keys: ServiceKeyCache::default(),
            messages: 0,
            lacking: None,
            in_process: BTreeMap::new(),
        }
    }

    /// Numbers `n` messages of a fleet; the first one's.
    pub(super) fn count(&mut self, n: u64) -> u64 {
        let first = self.messages;
        self.messages = wrapped(first + n);
        first
    }

    /// It wrote an object under a bucket key.
    pub(super) fn wrote(&mut self, object: usize, id: BucketKeyId) {
        if self.is_read {
            if self.written.len() <= object {
                self.written.resize(object + 1, BucketKeyId::None);
            }
            self.written[object] = id;
        }
    }
}
