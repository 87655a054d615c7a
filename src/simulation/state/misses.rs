//! What of a component's caches is drawn directly, and which keys they hold.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::engine::weights::PartialSums;
use crate::model::source::bucket_key::archive::KeyPopularity;
use crate::model::source::bucket_key::{BucketKeyCache, Fetched};
use crate::model::source::{Drawing, EncryptedMessages};
use crate::model::{
    BucketKeyUse, CacheScope, CacheUse, Class, Kind, KmsStep, Plan, Popularity, Size, Workload,
};
use crate::simulation::state::workload::WorkloadState;
use std::collections::BTreeMap;

/// What is drawn directly, and for whom.
#[derive(Default)]
pub struct Misses<'a> {
    /// Workloads that share caches, where all of them may be drawn.
    pub groups: Vec<Vec<usize>>,
    /// Workloads that are drawn in this second.
    pub drawn: Vec<bool>,
    pub readers: Vec<ArchiveReader<'a>>,
    /// The reader of each KMS step that reads.
    pub reader_of: Vec<usize>,
    /// Readers of each bucket-key cache.
    pub of_cache: Vec<Vec<usize>>,
    pub looks: Vec<PossibleMiss>,
    /// Requests by partition, messages by process.
    pub shares: Vec<u64>,
}

/// A workload that reads archived objects through a bucket-key cache.
pub struct ArchiveReader<'a> {
    pub uses: &'a BucketKeyUse,
    pub popularity: &'a Popularity,
    /// Known once it was needed.
    pub state: Option<NotHeld<'a>>,
}

/// Copies that a whole second cannot count on.
pub struct NotHeld<'a> {
    pub keys: &'a KeyPopularity,
    pub partitions: Vec<PartitionCopies>,
    /// Partition and position of copies by the second in which they expire.
    pub expiring: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Fetched, but KMS has yet to answer.
    pub awaited: Vec<Fetched>,
}

pub struct PartitionCopies {
    pub weights: PartialSums,
    /// The second in which each copy expires, 0 if it is not held.
    pub expires: Vec<u64>,
}

/// A need that may miss.
#[derive(Clone, Copy)]
pub struct PossibleMiss {
    pub at: u64,
    pub kms_step: usize,
    pub partition: u32,
    pub archived: u64,
    /// Its class's needs that are always calls.
    pub always: usize,
    pub key: Key,
}

impl<'a> Misses<'a> {
    /// What of a component may be drawn. Counted quotas only: `timed` need instants.
    pub fn new(
        plan: &'a Plan,
        component: &[usize],
        workloads: &[WorkloadState],
        timed: &[usize],
        caches: &mut [BucketKeyCache],
    ) -> Misses<'a> {
        let mut misses = Misses {
            drawn: vec![false; plan.workloads.len()],
            reader_of: vec![usize::MAX; plan.kms_steps.len()],
            of_cache: vec![Vec::new(); plan.bucket_key_caches.len()],
            ..Misses::default()
        };
        let mut users = vec![0; plan.workloads.len()];
        for cache in plan.workloads.iter().filter_map(|w| w.client_cache) {
            users[cache.owner] += 1;
        }
        for group in sharing(plan, component, workloads) {
            let drawable = |&w: &usize| {
                workloads[w].guards.is_none()
                    && workloads[w].arrivals.is_some()
                    && is_drawable(plan, w, timed, users[w])
            };
            if group.iter().all(drawable) {
                for &w in &group {
                    misses.read_by(plan, w, caches);
                }
                misses.groups.push(group);
            }
        }
        misses
    }

    pub fn read_by(&mut self, plan: &'a Plan, w: usize, caches: &mut [BucketKeyCache]) {
        // The workload's readers are the last ones.
        let first = self.readers.len();
        for l in kms_steps_of(plan, w) {
            let Some(Drawing::Reads(uses)) = plan.kms_steps[l].source.drawing() else {
                continue;
            };
            let mut own = self.readers[first..].iter();
            let known = own.position(|r| r.uses.cache == uses.cache);
            self.reader_of[l] = known.map(|i| first + i).unwrap_or_else(|| {
                self.of_cache[uses.cache].push(self.readers.len());
                caches[uses.cache].keep_fetches();
                self.readers.push(ArchiveReader {
                    uses,
                    popularity: &plan.workloads[w].popularity,
                    state: None,
                });
                self.readers.len() - 1
            });
        }
    }
}

/// Workloads of a component with caches, in groups that share one.
pub fn sharing(plan: &Plan, component: &[usize], workloads: &[WorkloadState]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    // The group of each cache: of S3's, and of a workload's.
    let mut group_of: BTreeMap<(bool, usize), usize> = BTreeMap::new();
    for &w in component.iter().filter(|&&w| workloads[w].has_memory) {
        let mut caches: Vec<(bool, usize)> = Vec::new();
        caches.extend(plan.workloads[w].client_cache.map(|c| (true, c.owner)));
        for l in kms_steps_of(plan, w) {
            if let Some(uses) = plan.kms_steps[l].source.bucket_keys() {
                caches.extend(uses.caches().map(|cache| (false, cache)));
            }
        }
        let mut met: Vec<usize> = caches
            .iter()
            .filter_map(|c| group_of.get(c).copied())
            .collect();
        met.sort_unstable();
        met.dedup();
        let group = met.first().copied().unwrap_or(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(w);
        // Few workloads bring groups together.
        for &other in met.iter().skip(1) {
            let members = std::mem::take(&mut groups[other]);
            groups[group].extend(members);
            let moved = group_of.values_mut().filter(|g| **g == other);
            moved.for_each(|g| *g = group);
        }
        group_of.extend(caches.into_iter().map(|c| (c, group)));
    }
    groups.retain(|g| !g.is_empty());
    groups.iter_mut().for_each(|g| g.sort_unstable());
    groups
}

/// The classes of a workload.
pub fn classes_of(plan: &Plan, w: usize) -> impl Iterator<Item = &Class> {
    let requests = plan.workloads[w].actions.iter().flat_map(|a| &a.requests);
    requests.map(|&(class, _)| &plan.classes[class])
}

/// The KMS steps of a workload.
pub fn kms_steps_of(plan: &Plan, w: usize) -> impl Iterator<Item = usize> {
    classes_of(plan, w).flat_map(Class::kms_step_range)
}

/// Whether a workload's needs can be drawn at all; `users`: workloads that look up its client-side caches.
pub fn is_drawable(plan: &Plan, w: usize, timed: &[usize], users: u32) -> bool {
    let workload = &plan.workloads[w];
    let by_kms_step = kms_steps_of(plan, w).all(|l| {
        let kms_step = &plan.kms_steps[l];
        let can = match kms_step.source.drawing() {
            None => false,
            Some(Drawing::Calls) => true,
            Some(Drawing::Turns { uses, verified }) => {
                is_fixed(plan, uses) && (verified || !workload.is_read)
            }
            Some(Drawing::Reads(uses)) => {
                is_fixed(plan, uses)
                    && workload.reads.is_none()
                    && KeyPopularity::pays(&workload.popularity, plan.horizon_s)
            }
            Some(Drawing::Messages(encrypted)) => {
                users == 1 && has_one_key(plan, workload, encrypted, w)
            }
        };
        let untimed = kms_step.quotas.iter().all(|q| !timed.contains(q));
        can && untimed && !kms_step.has_single_flight()
    });
    let reads_once = classes_of(plan, w).all(|c| {
        let kms_steps = plan.kms_steps_of(c);
        let reads =
            |kms_step: &&KmsStep| matches!(kms_step.source.drawing(), Some(Drawing::Reads(_)));
        kms_steps.iter().filter(reads).count() <= 1
    });
    let is_random = match &workload.kind {
        Kind::Open { arrivals, .. } => arrivals.even_rate().is_none(),
        Kind::Trace { .. } | Kind::Job { .. } => false,
    };
    is_random && by_kms_step && reads_once
}

pub fn is_fixed(plan: &Plan, uses: &BucketKeyUse) -> bool {
    uses.sessions == 1 && !plan.bucket_key_caches[uses.cache].sliding
}

/// Whether each process looks up one data key at a time, or one of each producer, that nothing else displaces.
pub fn has_one_key(
    plan: &Plan,
    workload: &Workload,
    encrypted: Option<EncryptedMessages>,
    w: usize,
) -> bool {
    let Some(cache) = &workload.client_cache else {
        return false;
    };
    let CacheUse::DataKeys(uses) = cache.uses else {
        return false;
    };
    let even = match cache.scope {
        CacheScope::Client => true,
        CacheScope::Process { clients } => workload.clients.is_multiple_of(clients),
        CacheScope::Invocation { .. } => false,
    };
    let fits = match encrypted {
        Some(encrypted) => uses.capacity as u64 / 2 >= encrypted.producers,
        None => {
            workload.popularity.objects() == 1
                && matches!(workload.size, Size::Constant(_))
                && uses.capacity > 0
        }
    };
    let one_class = classes_of(plan, w).count() == 1;
    even && fits && one_class && cache.owner == w && !uses.single_flight
}

impl<'a> ArchiveReader<'a> {
    pub fn not_held(&mut self, fanout: u32) -> &mut NotHeld<'a> {
        let (uses, popularity) = (self.uses, self.popularity);
        self.state.get_or_insert_with(|| {
            let new = || KeyPopularity::new(popularity, uses.archive);
            let keys = uses.key_popularity.get_or_init(new);
            let partition = |_| PartitionCopies {
                weights: PartialSums::new(&keys.weights),
                expires: vec![0; keys.weights.len()],
            };
            NotHeld {
                keys,
                partitions: (0..fanout).map(partition).collect(),
                expiring: BTreeMap::new(),
                awaited: Vec::new(),
            }
        })
    }
}

impl NotHeld<'_> {
    /// Brings it up to the start of a second.
    pub fn begin(&mut self, second: u64) {
        while let Some(first) = self.expiring.first_entry()
            && *first.key() <= second
        {
            let (expired, copies) = first.remove_entry();
            for (p, k) in copies {
                let (partition, k) = (&mut self.partitions[p as usize], k as usize);
                if partition.expires[k] == expired {
                    partition.expires[k] = 0;
                    partition.weights.add(k, self.keys.weights[k]);
                }
            }
        }
        let keys = self.keys;
        let (partitions, expiring) = (&mut self.partitions, &mut self.expiring);
        self.awaited.retain(|fetched| {
            if fetched.from > second * SECOND {
                return true;
            }
            let expires = fetched.until / SECOND;
            let held = keys.keys.binary_search(&fetched.key);
            if let (true, Ok(k)) = (expires > second, held) {
                let partition = &mut partitions[fetched.partition as usize];
                if partition.expires[k] == 0 {
                    partition.weights.remove(k, keys.weights[k]);
                }
                partition.expires[k] = expires;
                let copies = expiring.entry(expires).or_default();
                copies.push((fetched.partition, k as u32));
            }
            false
        });
    }
}
