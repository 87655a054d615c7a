//! What of a component's caches is drawn directly, and which keys they hold.

use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::engine::weights::PartialSums;
use crate::model::arrivals::Density;
use crate::model::source::bucket_key::archive::{KeyPopularity, ObjectWeights};
use crate::model::source::bucket_key::{BucketKeyCache, Fetched};
use crate::model::source::{Caches, Drawing, EncryptedMessages};
use crate::model::{
    BucketKeyUse, CacheScope, CacheUse, Class, Kind, KmsStep, PlanPart, Popularity, Size, Workload,
};
use crate::simulation::state::workload::WorkloadState;
use std::collections::BTreeMap;

/// What is drawn directly, and for whom.
#[derive(Default)]
pub struct Misses<'a> {
    /// Workloads that share caches, where all of them may be drawn.
    groups: Vec<Vec<usize>>,
    /// Workloads that are drawn in this second.
    drawn: Vec<bool>,
    readers: Vec<ArchiveReader<'a>>,
    /// The reader of each KMS step that reads.
    reader_of: Vec<usize>,
    /// Readers of each bucket-key cache.
    of_cache: Vec<Vec<usize>>,
    looks: Vec<PossibleMiss>,
    /// Requests by partition, messages by process.
    shares: Vec<u64>,
}

/// A workload that reads archived objects through a bucket-key cache.
struct ArchiveReader<'a> {
    uses: &'a BucketKeyUse,
    popularity: &'a Popularity,
    /// Known once it was needed.
    state: Option<NotHeld>,
}

/// Copies that a whole second cannot count on.
struct NotHeld {
    keys: KeyPopularity,
    partitions: Vec<PartitionCopies>,
    /// Partition and position of copies by the second in which they expire.
    expiring: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Fetched, but KMS has yet to answer.
    awaited: Vec<Fetched>,
}

struct PartitionCopies {
    weights: PartialSums,
    /// The second in which each copy expires, 0 if it is not held.
    expires: Vec<u64>,
}

/// A need that may miss: a record, passed to who looks at it.
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
        plan: &'a PlanPart<'a>,
        workloads: &[WorkloadState],
        timed: &[usize],
        caches: &mut Caches,
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
        for group in sharing(plan, workloads) {
            let drawable = |&w: &usize| {
                workloads[w].guards.is_none()
                    && workloads[w].arriving.has_counts()
                    && is_drawable(plan, w, timed, users[w])
            };
            if group.iter().all(drawable) {
                for &w in &group {
                    misses.read_by(plan, w, &mut caches.bucket_keys);
                    for l in kms_steps_of(plan, w) {
                        if let Some(Drawing::Messages(Some(encrypted))) =
                            plan.kms_steps[l].source.drawing()
                        {
                            encrypted.in_order(caches, w);
                        }
                    }
                }
                misses.groups.push(group);
            }
        }
        misses
    }

    fn read_by(&mut self, plan: &'a PlanPart<'a>, w: usize, caches: &mut [BucketKeyCache]) {
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

    /// Whether nothing is ever drawn.
    pub fn are_none(&self) -> bool {
        self.groups.is_empty()
    }

    /// Begins a second, in which what is counted of the calm workloads is surely met.
    pub fn begin(&mut self, is_calm: impl Fn(usize) -> bool) {
        for group in &self.groups {
            let calm = group.iter().all(|&w| is_calm(w));
            group.iter().for_each(|&w| self.drawn[w] = calm);
        }
        self.looks.clear();
    }

    /// Whether the misses of a workload are drawn in this second.
    pub fn are_drawn(&self, workload: usize) -> bool {
        self.drawn[workload]
    }

    /// What has to be looked at, in order of time, but for what surely is met.
    pub fn looks(&mut self, is_met: impl Fn(&PossibleMiss) -> bool) -> &[PossibleMiss] {
        self.looks.retain(|look| !is_met(look));
        self.looks.sort_by_key(|look| look.at);
        &self.looks
    }

    /// `n` requests take their turns at the partitions of a cache.
    pub fn take_turns(&mut self, n: u64, cache: &mut BucketKeyCache) {
        cache.next_partitions(n, &mut self.shares);
    }

    /// How many of `n` messages each process has.
    pub fn share_out(&mut self, n: u64, processes: usize, key: Key) -> &[u64] {
        let mut stream = key.stream();
        if n < 32 * processes as u64 {
            self.shares.clear();
            self.shares.resize(processes, 0);
            for _ in 0..n {
                self.shares[stream.below(processes as u64) as usize] += 1;
            }
        } else {
            stream.multinomial(n, &vec![1.0; processes], &mut self.shares);
        }
        &self.shares
    }

    /// Shows how many of `n` requests each caller has that has any.
    pub fn callers_of(&mut self, n: u64, callers: u32, key: Key, mut f: impl FnMut(u32, u64)) {
        if n < u64::from(callers) / 8 {
            let mut stream = key.stream();
            self.shares.clear();
            self.shares
                .extend((0..n).map(|_| stream.below(u64::from(callers))));
            self.shares.sort_unstable();
            for of_caller in self.shares.chunk_by(|a, b| a == b) {
                f(of_caller[0] as u32, of_caller.len() as u64);
            }
            return;
        }
        let shares = self.share_out(n, callers as usize, key).iter();
        for (caller, &n) in (0..).zip(shares).filter(|(_, n)| **n > 0) {
            f(caller, n);
        }
    }

    /// Draws which of `n` reads are to be looked at. `always`: their class's needs that are always calls.
    pub fn draw_reads(
        &mut self,
        (kms_step, always): (usize, usize),
        n: u64,
        density: &Density,
        second: u64,
        key: Key,
        caches: &mut Caches,
    ) {
        let reader = self.reader_of[kms_step];
        let index = self.readers[reader].uses.cache;
        let archive = caches.archive;
        let cache = &mut caches.bucket_keys[index];
        let fetches = cache.take_fetches();
        for &r in &self.of_cache[index] {
            let not_held = self.readers[r].not_held(cache.settings().fanout, archive);
            not_held.awaited.extend(&fetches);
        }
        cache.next_partitions(n, &mut self.shares);
        let Some(not_held) = &mut self.readers[reader].state else {
            return;
        };
        not_held.begin(second);
        for (p, &n) in self.shares.iter().enumerate() {
            let partition = &not_held.partitions[p];
            let total = partition.weights.total();
            if total == 0 || n == 0 {
                continue;
            }
            let key = key.with(p as u64);
            let mut stream = key.stream();
            let share = total as f64 / not_held.keys.total as f64;
            let looks = stream.binomial(n, share.min(1.0));
            density.list(looks, second, key, |at, _, key| {
                let k = partition.weights.find(stream.below(total));
                self.looks.push(PossibleMiss {
                    at: second * SECOND + at,
                    kms_step,
                    partition: p as u32,
                    archived: not_held.keys.keys[k],
                    always,
                    key,
                });
            });
        }
    }
}

/// Workloads with caches, in groups that share one.
fn sharing(plan: &PlanPart<'_>, workloads: &[WorkloadState]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    // The group of each cache: of S3's, and of a workload's.
    let mut group_of: BTreeMap<(bool, usize), usize> = BTreeMap::new();
    for w in (0..workloads.len()).filter(|&w| workloads[w].has_memory()) {
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
fn classes_of<'a>(plan: &PlanPart<'a>, w: usize) -> impl Iterator<Item = &'a Class> {
    let requests = plan.workloads[w].actions.iter().flat_map(|a| &a.requests);
    requests.map(|&(class, _)| &plan.classes[class])
}

/// The KMS steps of a workload.
pub fn kms_steps_of(plan: &PlanPart<'_>, w: usize) -> impl Iterator<Item = usize> {
    classes_of(plan, w).flat_map(Class::kms_step_range)
}

/// Whether a workload's needs can be drawn at all; `users`: workloads that look up its client-side caches.
fn is_drawable(plan: &PlanPart<'_>, w: usize, timed: &[usize], users: u32) -> bool {
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
                    && KeyPopularity::pays(&workload.popularity, uses.archive, plan.horizon_s)
            }
            Some(Drawing::ServiceKeys(uses)) => workload.clients.is_multiple_of(uses.rules.callers),
            Some(Drawing::Messages(encrypted)) => {
                users == 1 && has_one_key(plan, workload, encrypted, w)
            }
        };
        let untimed = kms_step.quotas.iter().all(|q| !timed.contains(q));
        let read = kms_step.only_for.is_some_and(|only| only.kinds.are_read());
        let known = !read || workload.reads.is_none();
        can && known && untimed && !kms_step.has_single_flight()
    });
    let reads_once = classes_of(plan, w).all(|c| {
        let kms_steps = plan.kms_steps_of(c);
        let reads =
            |kms_step: &&KmsStep| matches!(kms_step.source.drawing(), Some(Drawing::Reads(_)));
        kms_steps.iter().filter(reads).count() <= 1
    });
    let is_random = match &workload.kind {
        Kind::Open { arrivals, .. } => arrivals.even_rate().is_none(),
        Kind::Trace { trace, .. } => trace.is_counted(),
        Kind::Job { .. } => false,
    };
    is_random && by_kms_step && reads_once
}

fn is_fixed(plan: &PlanPart<'_>, uses: &BucketKeyUse) -> bool {
    uses.sessions == 1 && !plan.bucket_key_caches[uses.cache].sliding
}

/// Whether each process looks up one data key at a time, or one of each producer, that nothing else displaces.
fn has_one_key(
    plan: &PlanPart<'_>,
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

impl ArchiveReader<'_> {
    fn not_held(&mut self, fanout: u32, archive: Key) -> &mut NotHeld {
        let (uses, popularity) = (self.uses, self.popularity);
        self.state.get_or_insert_with(|| {
            let weights = || ObjectWeights::new(popularity);
            let weights = uses.object_weights.get_or_init(weights);
            let keys = KeyPopularity::new(popularity, weights, uses.archive, archive);
            let partition = |_| PartitionCopies {
                weights: PartialSums::new(&keys.weights),
                expires: vec![0; keys.weights.len()],
            };
            NotHeld {
                partitions: (0..fanout).map(partition).collect(),
                keys,
                expiring: BTreeMap::new(),
                awaited: Vec::new(),
            }
        })
    }
}

impl NotHeld {
    /// Brings it up to the start of a second.
    fn begin(&mut self, second: u64) {
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
        let keys = &self.keys;
        let (partitions, expiring) = (&mut self.partitions, &mut self.expiring);
        self.awaited.retain(|fetched| {
            if fetched.from > second * SECOND {
                return true;
            }
            let expires = fetched.until / SECOND;
            if expires > second
                && let Some(k) = keys.place_of(fetched.key)
            {
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
