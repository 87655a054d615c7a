//! What caches miss in counted seconds, drawn directly.
//!
//! In a certified second in which nothing is scheduled every call is admitted, and most needs are met by
//! keys that are held all through it. Those are counted. Looked at one by one is only what may miss:
//!
//! - reads under an archived bucket key that is not held, or expires in this second: how many there are is
//!   binomial with the sum of those keys' shares of the look-ups, which of them by those shares. A key that one
//!   of them fetches serves the later ones of the same second.
//! - messages of a process whose data key runs out of messages, bytes or time in this second, or whose
//!   producers take new data keys in it.
//!
//! So a second costs what it misses, not what it asks for. It is the same in distribution as looking at each
//! request: which object a request is for is independent of everything else, and requests take their turns at
//! the partitions.
//!
//! Not drawn, but looked at one by one: requests of traces, jobs and evenly spaced arrivals; of clients that
//! hold back, or have retries to earn back; where a quota needs instants; sliding lifetimes, keys by
//! session, single flight, and objects that were written in the run; many encryption contexts; branch keys; the second in which a
//! bucket key to write under expires. Workloads that share a cache are drawn together or not at all.

use super::drawn::{Drawn, DrawnWorkload};
use super::process::{Cache, Process, message_to_decrypt, plain_message, wrapped};
use super::request::Purpose;
use super::{UNLIMITED, WorkloadState, World};
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::engine::weights::PartialSums;
use crate::model::archive::KeyPopularity;
use crate::model::arrivals::Density;
use crate::model::bucket_key::{BucketKeyCache, BucketKeyId, Fetched};
use crate::model::{
    BucketKeyUse, CacheScope, CacheUse, Class, Kind, Lane, Plan, Popularity, Size, Source, Workload,
};
use std::collections::BTreeMap;

/// Marks the keys of what is drawn here apart from those of arrivals.
const MISSES: u64 = 1 << 61;

/// What is drawn directly, and for whom.
#[derive(Default)]
pub(super) struct Misses<'a> {
    /// Workloads that share caches, where all of them may be drawn.
    groups: Vec<Vec<usize>>,
    /// Workloads that are drawn in this second.
    drawn: Vec<bool>,
    readers: Vec<Reader<'a>>,
    /// The reader of each lane that reads.
    reader_of: Vec<usize>,
    /// Readers of each bucket-key cache.
    of_cache: Vec<Vec<usize>>,
    looks: Vec<Look>,
    /// Requests by partition, messages by process.
    shares: Vec<u64>,
}

/// A workload that reads archived objects through a bucket-key cache.
struct Reader<'a> {
    uses: &'a BucketKeyUse,
    popularity: &'a Popularity,
    /// Known once it was needed.
    state: Option<NotHeld<'a>>,
}

/// Copies that a whole second cannot count on.
struct NotHeld<'a> {
    keys: &'a KeyPopularity,
    partitions: Vec<Partition>,
    /// Partition and position of copies by the second in which they expire.
    expiring: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Fetched, but KMS has yet to answer.
    awaited: Vec<Fetched>,
}

struct Partition {
    weights: PartialSums,
    /// The second in which each copy expires, 0 if it is not held.
    expires: Vec<u64>,
}

/// A need that may miss.
#[derive(Clone, Copy)]
struct Look {
    at: u64,
    lane: usize,
    partition: u32,
    archived: u64,
    /// Its class's needs that are always calls.
    always: usize,
    key: Key,
}

impl<'a> Misses<'a> {
    /// What of an island may be drawn. Counted quotas only: `timed` need instants.
    pub fn new(
        plan: &'a Plan,
        island: &[usize],
        workloads: &[WorkloadState],
        timed: &[usize],
        caches: &mut [BucketKeyCache],
    ) -> Misses<'a> {
        let mut misses = Misses {
            drawn: vec![false; plan.workloads.len()],
            reader_of: vec![usize::MAX; plan.lanes.len()],
            of_cache: vec![Vec::new(); plan.bucket_key_caches.len()],
            ..Misses::default()
        };
        let mut users = vec![0; plan.workloads.len()];
        for cache in plan.workloads.iter().filter_map(|w| w.client_cache) {
            users[cache.owner] += 1;
        }
        for group in sharing(plan, island, workloads) {
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

    fn read_by(&mut self, plan: &'a Plan, w: usize, caches: &mut [BucketKeyCache]) {
        // The workload's readers are the last ones.
        let first = self.readers.len();
        for l in lanes_of(plan, w) {
            let Source::BucketKeyRead(uses) = &plan.lanes[l].source else {
                continue;
            };
            let mut own = self.readers[first..].iter();
            let known = own.position(|r| r.uses.cache == uses.cache);
            self.reader_of[l] = known.map(|i| first + i).unwrap_or_else(|| {
                self.of_cache[uses.cache].push(self.readers.len());
                caches[uses.cache].keep_fetches();
                self.readers.push(Reader {
                    uses,
                    popularity: &plan.workloads[w].popularity,
                    state: None,
                });
                self.readers.len() - 1
            });
        }
    }
}

/// Workloads of an island with caches, in groups that share one.
fn sharing(plan: &Plan, island: &[usize], workloads: &[WorkloadState]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    // The group of each cache: of S3's, and of a workload's.
    let mut group_of: BTreeMap<(bool, usize), usize> = BTreeMap::new();
    for &w in island.iter().filter(|&&w| workloads[w].has_memory) {
        let mut caches: Vec<(bool, usize)> = Vec::new();
        caches.extend(plan.workloads[w].client_cache.map(|c| (true, c.owner)));
        for l in lanes_of(plan, w) {
            if let Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) = &plan.lanes[l].source
            {
                caches.extend((0..uses.sessions as usize).map(|s| (false, uses.cache + s)));
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
fn classes_of(plan: &Plan, w: usize) -> impl Iterator<Item = &Class> {
    let requests = plan.workloads[w].actions.iter().flat_map(|a| &a.requests);
    requests.map(|&(class, _)| &plan.classes[class])
}

/// The lanes of a workload.
fn lanes_of(plan: &Plan, w: usize) -> impl Iterator<Item = usize> {
    classes_of(plan, w).flat_map(Class::lane_range)
}

/// Whether a workload's needs can be drawn at all; `users`: workloads that look up its client-side caches.
fn is_drawable(plan: &Plan, w: usize, timed: &[usize], users: u32) -> bool {
    let workload = &plan.workloads[w];
    let by_lane = lanes_of(plan, w).all(|l| {
        let lane = &plan.lanes[l];
        let can = match &lane.source {
            Source::Call => true,
            Source::BucketKeyWrite(uses) => is_fixed(plan, uses) && !workload.is_read,
            Source::BucketKeyVerified(uses) => is_fixed(plan, uses),
            Source::BucketKeyRead(uses) => {
                is_fixed(plan, uses)
                    && workload.reads.is_none()
                    && KeyPopularity::pays(&workload.popularity, plan.horizon_s)
            }
            Source::CacheEncrypt | Source::CacheDecrypt { .. } => {
                users == 1 && has_one_key(plan, workload, lane, w)
            }
            Source::BranchKey => false,
        };
        let untimed = lane.quotas.iter().all(|q| !timed.contains(q));
        can && untimed && !lane.has_single_flight()
    });
    let reads_once = classes_of(plan, w).all(|c| {
        let lanes = plan.lanes_of(c);
        let reads = |lane: &&Lane| matches!(lane.source, Source::BucketKeyRead(_));
        lanes.iter().filter(reads).count() <= 1
    });
    let is_random = match &workload.kind {
        Kind::Open { arrivals, .. } => arrivals.even_rate().is_none(),
        Kind::Trace { .. } | Kind::Job { .. } => false,
    };
    is_random && by_lane && reads_once
}

fn is_fixed(plan: &Plan, uses: &BucketKeyUse) -> bool {
    uses.sessions == 1 && !plan.bucket_key_caches[uses.cache].sliding
}

/// Whether each process looks up one data key at a time, or one of each producer, that nothing else displaces.
fn has_one_key(plan: &Plan, workload: &Workload, lane: &Lane, w: usize) -> bool {
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
    let fits = match lane.source {
        Source::CacheDecrypt { producers, .. } => uses.capacity as u64 / 2 >= producers,
        _ => {
            workload.popularity.objects() == 1
                && matches!(workload.size, Size::Constant(_))
                && uses.capacity > 0
        }
    };
    let one_class = classes_of(plan, w).count() == 1;
    even && fits && one_class && cache.owner == w && !uses.single_flight
}

impl<'a> World<'a> {
    /// Draws and counts what can be in a certified second; the rest stays to be looked at one by one.
    pub(super) fn draw_misses(&mut self, second: u64) {
        if self.misses.groups.is_empty() || self.calendar.len_of(second) > 0 {
            return;
        }
        let mut misses = std::mem::take(&mut self.misses);
        for group in &misses.groups {
            let calm = group.iter().all(|&w| self.is_calm(w, second));
            group.iter().for_each(|&w| misses.drawn[w] = calm);
        }
        let mut drawn = std::mem::take(&mut self.drawn);
        misses.looks.clear();
        for i in 0..drawn.workloads.len() {
            if misses.drawn[drawn.workloads[i].workload] {
                self.draw_workload(&mut misses, &drawn, i);
                let d = &mut drawn.workloads[i];
                d.one_by_one = false;
                drawn.counts[d.first..d.first + d.actions].fill(0);
            }
        }
        self.drawn = drawn;
        misses.looks.sort_by_key(|look| look.at);
        for look in &misses.looks {
            self.look_at(look);
        }
        self.misses = misses;
    }

    /// Whether what is counted of a workload is surely met in the whole second.
    fn is_calm(&self, w: usize, second: u64) -> bool {
        let (from, to) = (second * SECOND, (second + 1) * SECOND);
        let full = self.workloads[w].tokens.as_ref();
        full.is_none_or(|t| t.all_full())
            && lanes_of(self.plan, w).all(|l| {
                let lane = &self.plan.lanes[l];
                let writes = |uses: &BucketKeyUse, verified| {
                    uses.since <= from
                        && self.bucket_keys[uses.cache].writes_through(from, to, verified)
                };
                lane.refusals
                    .iter()
                    .all(|r| r.until <= from || r.from >= to)
                    && match &lane.source {
                        Source::BucketKeyWrite(uses) => writes(uses, false),
                        Source::BucketKeyVerified(uses) => writes(uses, true),
                        _ => true,
                    }
            })
    }

    fn draw_workload(&mut self, misses: &mut Misses<'a>, drawn: &Drawn, i: usize) {
        let d = &drawn.workloads[i];
        let plan = self.plan;
        for ((action, n), of) in drawn.of(d).zip(&plan.workloads[d.workload].actions) {
            if n == 0 {
                continue;
            }
            let key = self.actions[action].key.with(drawn.second).with(MISSES);
            for (k, &(class, each)) in of.requests.iter().enumerate() {
                let key = key.with(k as u64);
                self.draw_class(misses, d, drawn.second, class, n * u64::from(each), key);
            }
        }
    }

    /// Counts `n` requests of a class, and draws which of their needs are to be looked at.
    fn draw_class(
        &mut self,
        misses: &mut Misses<'a>,
        d: &DrawnWorkload,
        second: u64,
        class: usize,
        n: u64,
        key: Key,
    ) {
        let Some(density) = &d.density else { return };
        let plan = self.plan;
        let lanes = self.classes[class].lanes();
        let call = |l: &usize| matches!(plan.lanes[*l].source, Source::Call);
        let always = lanes.clone().filter(call).count();
        // Requests with a call more than that.
        let mut called = 0;
        let mut has_turn = false;
        for l in lanes {
            let calls = match &plan.lanes[l].source {
                Source::Call => n,
                Source::BucketKeyWrite(uses) | Source::BucketKeyVerified(uses) => {
                    if !has_turn {
                        self.bucket_keys[uses.cache].next_partitions(n, &mut misses.shares);
                    }
                    has_turn = true;
                    0
                }
                Source::BucketKeyRead(uses) => {
                    has_turn = true;
                    let older = key.stream().binomial(n, uses.older_objects);
                    self.draw_reads(misses, (l, always), n - older, density, second, key);
                    called += older;
                    older
                }
                Source::CacheEncrypt | Source::CacheDecrypt { .. } | Source::BranchKey => {
                    let calls =
                        self.draw_messages(misses, (d.workload, l), n, density, second, key);
                    called += calls;
                    calls
                }
            };
            let record = &mut record_at!(self, second * SECOND).lanes[l];
            record.needs += n;
            record.met += n;
            self.count_calls(second, l, calls);
        }
        let request_rate = self.classes[class].request_rate;
        if request_rate != UNLIMITED {
            let quota = &mut self.quotas[request_rate as usize];
            quota.attempts += n;
            quota.limiter.take_counted(n);
            record_at!(self, second * SECOND).classes[class].tries += n;
        }
        let count = &mut record_at!(self, second * SECOND).classes[class];
        count.requests += n;
        count.succeeded += n;
        count.undelayed[always + 1] += called;
        count.undelayed[always] += n - called;
    }

    /// Turns needs that were taken for met into admitted calls.
    fn count_calls(&mut self, second: u64, l: usize, calls: u64) {
        let record = &mut record_at!(self, second * SECOND).lanes[l];
        record.met -= calls;
        record.calls += calls;
        record.attempts += calls;
        for &q in self.lanes[l].quotas() {
            let quota = &mut self.quotas[q as usize];
            quota.attempts += calls;
            quota.limiter.take_counted(calls);
        }
    }

    // ----- bucket keys ---------------------------------------------------------------------------

    /// Draws which of `n` reads are to be looked at.
    fn draw_reads(
        &mut self,
        misses: &mut Misses<'a>,
        (lane, always): (usize, usize),
        n: u64,
        density: &Density,
        second: u64,
        key: Key,
    ) {
        let reader = misses.reader_of[lane];
        let cache = misses.readers[reader].uses.cache;
        let fetches = self.bucket_keys[cache].take_fetches();
        for &r in &misses.of_cache[cache] {
            let not_held = misses.readers[r].not_held(self.bucket_keys[cache].settings().fanout);
            not_held.awaited.extend(&fetches);
        }
        self.bucket_keys[cache].next_partitions(n, &mut misses.shares);
        let Some(not_held) = &mut misses.readers[reader].state else {
            return;
        };
        not_held.begin(second);
        for (p, &n) in misses.shares.iter().enumerate() {
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
                misses.looks.push(Look {
                    at: second * SECOND + at,
                    lane,
                    partition: p as u32,
                    archived: not_held.keys.keys[k],
                    always,
                    key,
                });
            });
        }
    }

    /// Looks at a read that may miss.
    fn look_at(&mut self, look: &Look) {
        let plan = self.plan;
        let lane = &plan.lanes[look.lane];
        let Source::BucketKeyRead(uses) = &lane.source else {
            return;
        };
        let (cache, id) = (
            &mut self.bucket_keys[uses.cache],
            BucketKeyId::Archived(look.archived),
        );
        if cache.read(look.partition, id, look.at) {
            return;
        }
        let latency = plan.kms_latency.draw(look.key.with(Purpose::Kms as u64));
        cache.decrypted(look.partition, id, look.at, look.at + latency);
        let second = look.at / SECOND;
        self.record.attempts_expanded += 1;
        self.count_calls(second, look.lane, 1);
        let count = &mut record_at!(self, second * SECOND).classes[lane.class];
        count.undelayed[look.always + 1] += 1;
        count.undelayed[look.always] -= 1;
    }

    // ----- data keys -----------------------------------------------------------------------------

    /// Counts the calls of `n` messages of a workload.
    fn draw_messages(
        &mut self,
        misses: &mut Misses<'a>,
        (w, lane): (usize, usize),
        n: u64,
        density: &Density,
        second: u64,
        key: Key,
    ) -> u64 {
        let processes = self.workloads[w].processes.len();
        let mut stream = key.stream();
        if n < 32 * processes as u64 {
            misses.shares.clear();
            misses.shares.resize(processes, 0);
            for _ in 0..n {
                misses.shares[stream.below(processes as u64) as usize] += 1;
            }
        } else {
            stream.multinomial(n, &vec![1.0; processes], &mut misses.shares);
        }
        let mut calls = 0;
        for (p, &n) in misses.shares.iter().enumerate() {
            if n > 0 {
                calls += self.messages_of((w, lane, p), n, density, second, key.with(p as u64));
            }
        }
        calls
    }

    /// Counts the calls of `n` messages of one process.
    fn messages_of(
        &mut self,
        (w, lane, p): (usize, usize, usize),
        n: u64,
        density: &Density,
        second: u64,
        key: Key,
    ) -> u64 {
        let plan = self.plan;
        let workload = &plan.workloads[w];
        let Some(uses) = &workload.client_cache else {
            return 0;
        };
        let CacheUse::DataKeys(data_keys) = &uses.uses else {
            return 0;
        };
        let cmm = &data_keys.cmm;
        let process = self.workloads[w].processes[p].get_or_insert_with(|| Process::new(uses));
        let (from, to) = (second * SECOND, (second + 1) * SECOND - 1);
        let mut instants = Vec::new();
        let list = |instants: &mut Vec<(u64, u64)>| {
            density.list(n, second, key, |at, _, key| {
                instants.push((from + at, key.with(Purpose::Kms as u64).bits()));
            });
            instants.sort_unstable();
        };
        let ready = |at, bits| at + plan.kms_latency.draw(Key::from_bits(bits));
        let mut calls = 0;
        if let Source::CacheDecrypt {
            producers,
            messages_per_data_key,
        } = plan.lanes[lane].source
        {
            let by = (producers, messages_per_data_key);
            let first = process.count(n);
            if process.decrypts_all(workload, cmm, by, (first, n), (from, to)) {
                return 0;
            }
            process.held_until = None;
            list(&mut instants);
            let Cache::DataKeys(cache) = &mut process.cache else {
                return 0;
            };
            for (number, (at, bits)) in (first..).zip(instants) {
                let (message, data_key) = message_to_decrypt(workload, wrapped(number), by);
                if !cache.decrypt(cmm, &message, data_key, at) {
                    calls += 1;
                    cache.decrypted(cmm, &message, data_key, ready(at, bits));
                }
            }
        } else {
            let Cache::DataKeys(cache) = &mut process.cache else {
                return 0;
            };
            let message = plain_message(workload);
            let mut done = cache.encrypt_all(cmm, &message, n, (from, to));
            if done == n {
                return 0;
            }
            list(&mut instants);
            while let Some(&(at, bits)) = instants.get(done as usize) {
                let more = cache.encrypt_all(cmm, &message, n - done, (at, to));
                if more == 0 && cache.encrypt(cmm, &message, at).is_none() {
                    calls += 1;
                    cache.generated(cmm, &message, 0, ready(at, bits));
                }
                done += more.max(1);
            }
        }
        self.record.attempts_expanded += calls;
        calls
    }
}

impl<'a> Reader<'a> {
    fn not_held(&mut self, fanout: u32) -> &mut NotHeld<'a> {
        let (uses, popularity) = (self.uses, self.popularity);
        self.state.get_or_insert_with(|| {
            let new = || KeyPopularity::new(popularity, uses.archive);
            let keys = uses.key_popularity.get_or_init(new);
            let partition = |_| Partition {
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
