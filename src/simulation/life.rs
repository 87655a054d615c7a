//! The life of a request: needs met or called for, throttled and tried again, done; workers and caches.

use super::request::{Purpose, Request, client};
use super::{ActionState, Arrival, World};
use crate::engine::SECOND;
use crate::engine::calendar::SLOT_NS;
use crate::engine::random::Key;
use crate::model::arrivals::{Arrivals, Process};
use crate::model::bucket_key::BucketKeyId;
use crate::model::data_key_cache::DataKeyCache;
use crate::model::retry::RetryTokens;
use crate::model::{BucketKeyUse, Kind, Popularity, Size, Source, Workload};

/// A request that loses, before it is decided whether it may try again.
#[derive(Clone, Copy)]
pub(super) struct Loser {
    pub at: u64,
    /// When it would try again; `u64::MAX` where it has no attempts left.
    pub next: u64,
    pub request: Request,
    workload: u32,
    /// Whose retry quota pays; `NOBODY` where none does.
    client: u32,
    /// Asks no quota.
    wins: bool,
}

const NOBODY: u32 = u32::MAX;
/// Marks a client that cannot pay for the retries of all its losers in a slot.
const CONTESTED: u32 = u32::MAX;

impl<'a> World<'a> {
    /// A new arrival offers its requests.
    #[inline]
    pub(super) fn arrive(&mut self, at: u64, arrival: Arrival) {
        let Arrival {
            action,
            index,
            copy,
            key,
        } = arrival;
        let state = &self.actions[action as usize];
        if state.parts.is_empty() {
            self.offer(at, Request::new(at, state.class, index, copy, 0, key));
        } else {
            for part in 0..state.parts.len() {
                let class = self.actions[action as usize].parts[part];
                self.offer(at, Request::new(at, class, index, copy, part as u16, key));
            }
        }
    }

    /// One try of a request: each need in turn, until one is refused or all are met.
    pub(super) fn offer(&mut self, at: u64, mut request: Request) {
        let plan = self.plan;
        let class_index = request.class as usize;
        let class = &plan.classes[class_index];
        let measured = request.arrived >= self.warm_up;
        macro_rules! record {
            () => {
                if measured {
                    &mut self.record
                } else {
                    &mut self.unmeasured
                }
            };
        }
        let mut answered = at;
        if request.throttled == 0 {
            record!().classes[class_index].requests += 1;
        }
        for k in 0..class.lanes {
            let l = class.first_lane + k;
            let first = k >= usize::from(request.looked_up);
            if first {
                request.looked_up = k as u8 + 1;
                record!().lanes[l].needs += 1;
            }
            let bit = 1 << k;
            let has_memory = self.lanes[l].has_memory;
            if has_memory && self.is_met(at, l, &mut request) {
                if first {
                    record!().lanes[l].met += 1;
                }
                continue;
            }
            self.record.attempts_expanded += 1;
            let lane = &self.lanes[l];
            let count = &mut record!().lanes[l];
            if request.called & bit == 0 {
                request.called |= bit;
                count.calls += 1;
                if !first {
                    // A cache met it at first and no longer does: now it is a call.
                    count.met -= 1;
                }
            }
            count.attempts += 1;
            // The quotas in turn; the first without room refuses, and nothing is taken from any.
            let mut refused = None;
            for (i, &q) in lane.quotas[..usize::from(lane.quota_count)]
                .iter()
                .enumerate()
            {
                let quota = &mut self.quotas[q as usize];
                quota.attempts += 1;
                if !quota.limiter.has_room(at) {
                    quota.throttled += 1;
                    refused = Some(i);
                    break;
                }
            }
            if let Some(i) = refused {
                count.throttled_by[i] += 1;
                // Refused by one quota, it counts at that one only.
                for &q in &lane.quotas[..i] {
                    self.quotas[q as usize].attempts -= 1;
                }
                self.throttled(at, request);
                return;
            }
            for &q in &lane.quotas[..usize::from(lane.quota_count)] {
                self.quotas[q as usize].limiter.take(at);
            }
            if has_memory {
                answered = answered.max(self.fetched(at, l, &request, k));
            }
        }
        self.succeeded(at, request, answered);
    }

    fn throttled(&mut self, at: u64, mut request: Request) {
        let w = self.plan.classes[request.class as usize].workload;
        let policy = &self.plan.workloads[w].retry;
        let n = request.throttled + 1;
        let latency = &self.plan.throttled_latency;
        let answered =
            at + latency.draw_with(|| request.own(Purpose::Throttled).with(u64::from(n)));
        let mut granted = n < policy.max_attempts;
        if granted && self.workloads[w].tokens.is_some() {
            let client = self.client(w, &request);
            granted = self.workloads[w]
                .tokens
                .as_mut()
                .is_none_or(|t| t.take(client));
        }
        if granted {
            let delay = policy.backoff.delay(n, request.backoff());
            request.throttled = n;
            if n == 1 {
                self.workloads[w].waiting += 1;
            }
            self.schedule(answered.saturating_add(delay), request);
        } else {
            if request.throttled > 0 {
                self.workloads[w].waiting -= 1;
            }
            let measured = request.arrived >= self.warm_up;
            let record = if measured {
                &mut self.record
            } else {
                &mut self.unmeasured
            };
            record.classes[request.class as usize].failed += 1;
            if self.workloads[w].is_job {
                self.worker_goes_on(w, &request, answered);
            }
        }
    }

    /// A request that will lose at `at`, and when it would try again; one that asks no quota wins.
    #[inline(always)]
    pub(super) fn loser(&self, at: u64, request: Request) -> Loser {
        let class = &self.plan.classes[request.class as usize];
        let w = class.workload;
        let policy = &self.plan.workloads[w].retry;
        let wins = class.lanes == 0;
        let n = request.throttled + 1;
        let again = !wins && n < policy.max_attempts;
        let mut l = Loser {
            at,
            next: u64::MAX,
            request,
            workload: w as u32,
            client: NOBODY,
            wins,
        };
        if again {
            let latency = &self.plan.throttled_latency;
            let answered =
                at + latency.draw_with(|| request.own(Purpose::Throttled).with(u64::from(n)));
            l.next = answered.saturating_add(policy.backoff.delay(n, request.backoff()));
        }
        if (again || wins) && self.workloads[w].tokens.is_some() {
            l.client = self.client(w, &request);
        }
        l
    }

    /// The losers that an arrival makes.
    #[inline(always)]
    pub(super) fn add_losers(
        &self,
        losers: &mut Vec<Loser>,
        at: u64,
        action: &ActionState,
        arrival: Arrival,
    ) {
        let Arrival {
            index, copy, key, ..
        } = arrival;
        if action.parts.is_empty() {
            losers.push(self.loser(at, Request::new(at, action.class, index, copy, 0, key)));
        }
        for (part, &class) in action.parts.iter().enumerate() {
            losers.push(self.loser(at, Request::new(at, class, index, copy, part as u16, key)));
        }
    }

    /// Refuses each of the losers of a slot.
    ///
    /// Order matters only within one client: if its retry quota cannot pay for all its losers, or if
    /// it also has a winner there, whose success gives something back.
    pub(super) fn lose(&mut self, losers: &[Loser]) {
        let with_client = || losers.iter().filter(|l| l.client != NOBODY);
        for l in with_client().filter(|l| !l.wins) {
            self.losers_of[l.workload as usize][l.client as usize] += 1;
        }
        for l in with_client() {
            let w = l.workload as usize;
            let n = &mut self.losers_of[w][l.client as usize];
            let contests = |t: &RetryTokens| *n != CONTESTED && t.contests(l.client, *n);
            let both = l.wins && *n > 0;
            if both || self.workloads[w].tokens.as_ref().is_some_and(contests) {
                *n = CONTESTED;
            }
        }
        let mut contested = std::mem::take(&mut self.contested);
        contested.clear();
        for l in losers {
            let l = if l.wins { *l } else { self.refuse(*l) };
            let in_order = l.client != NOBODY
                && self.losers_of[l.workload as usize][l.client as usize] == CONTESTED;
            if in_order {
                contested.push(l);
            } else {
                self.decide(&l);
            }
        }
        contested.sort_unstable_by_key(|l| (l.at, l.request));
        for l in &contested {
            self.decide(l);
        }
        self.contested = contested;
        for l in with_client() {
            self.losers_of[l.workload as usize][l.client as usize] = 0;
        }
    }

    /// Counts the refusal of a loser's first need.
    #[inline]
    fn refuse(&mut self, mut l: Loser) -> Loser {
        let class = &self.plan.classes[l.request.class as usize];
        let measured = l.request.arrived >= self.warm_up;
        let record = if measured {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        record.classes[l.request.class as usize].requests += u64::from(l.request.throttled == 0);
        let count = &mut record.lanes[class.first_lane];
        let first = u64::from(l.request.looked_up == 0);
        count.needs += first;
        count.calls += first;
        count.attempts += 1;
        count.throttled_by[0] += 1;
        l.request.looked_up = l.request.looked_up.max(1);
        l.request.called |= 1;
        let quota = &mut self.quotas[self.lanes[class.first_lane].quotas[0] as usize];
        quota.attempts += 1;
        quota.throttled += 1;
        self.record.attempts_expanded += 1;
        l
    }

    /// Lets a refused request try again, or fail.
    #[inline]
    fn decide(&mut self, l: &Loser) {
        if l.wins {
            self.offer(l.at, l.request);
            return;
        }
        let w = l.workload as usize;
        let tokens = self.workloads[w].tokens.as_mut();
        let granted = l.next != u64::MAX && tokens.is_none_or(|t| t.take(l.client));
        let mut request = l.request;
        if granted {
            request.throttled += 1;
            self.workloads[w].waiting += u64::from(request.throttled == 1);
            self.schedule(l.next, request);
        } else {
            self.workloads[w].waiting -= u64::from(request.throttled > 0);
            let measured = request.arrived >= self.warm_up;
            let record = if measured {
                &mut self.record
            } else {
                &mut self.unmeasured
            };
            record.classes[request.class as usize].failed += 1;
        }
    }

    /// Schedules an attempt; what falls into the present second adds to what its slot may offer.
    #[inline]
    fn schedule(&mut self, at: u64, request: Request) {
        self.calendar.push(at, request);
        if at / SECOND == self.calendar.open_second() {
            let slot = (at % SECOND / SLOT_NS) as usize;
            self.occupied[slot / 64] |= 1 << (slot % 64);
            let class = &self.plan.classes[request.class as usize];
            for lane in &self.lanes[class.first_lane..class.first_lane + class.lanes] {
                for &q in &lane.quotas[..usize::from(lane.quota_count)] {
                    self.quotas[q as usize].demand[slot] += 1;
                }
            }
        }
    }

    /// KMS's last answer that a cache waits for came at `answered`: the request's own comes no earlier.
    fn succeeded(&mut self, at: u64, request: Request, answered: u64) {
        let plan = self.plan;
        let class_index = request.class as usize;
        let class = &plan.classes[class_index];
        let w = class.workload;
        let measured = request.arrived >= self.warm_up;
        let record = if measured {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        let calls = request.called.count_ones() as usize;
        let retried = request.throttled > 0;
        record.classes[class_index].succeeded += 1;
        let latency = if class.tier.is_some() {
            &plan.s3_latency
        } else {
            &plan.app_latency
        };
        let service = || latency[calls].draw(request.own(Purpose::Service));
        if retried {
            record.delayed(class_index, at - request.arrived);
            self.workloads[w].waiting -= 1;
        } else {
            record.classes[class_index].undelayed[calls] += 1;
        }
        let tokens = self.workloads[w].tokens.as_ref();
        if tokens.is_some_and(|t| retried || !t.all_full()) {
            let client = self.client(w, &request);
            if let Some(tokens) = &mut self.workloads[w].tokens {
                tokens.refund(client, retried);
            }
        }
        if self.workloads[w].is_job {
            self.worker_goes_on(w, &request, answered.max(at + service()));
        }
    }

    /// Which of the workload's clients sent a request.
    #[inline]
    fn client(&self, w: usize, request: &Request) -> u32 {
        let workload = &self.plan.workloads[w];
        if workload.clients == 1 {
            return 0;
        }
        match &workload.kind {
            Kind::Job { .. } => request.worker % workload.clients,
            Kind::Open {
                process: Process::Constant { num, den },
                ..
            } => {
                let second = request.arrived / SECOND - self.workloads[w].active.start;
                let before = (u128::from(second) * u128::from(*num)).div_ceil(u128::from(*den));
                ((before + u128::from(request.index)) % u128::from(workload.clients)) as u32
            }
            _ => client(Key::from_bits(request.arrival), u64::from(workload.clients)),
        }
    }

    // ----- caches ------------------------------------------------------------------------------

    /// Whether a need is met without a call.
    fn is_met(&mut self, at: u64, lane: usize, request: &mut Request) -> bool {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        match &plan.lanes[lane].source {
            Source::Call => false,
            Source::BucketKeyWrite(uses) => {
                if at < uses.since {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request);
                let id = self.bucket_keys[cache].write(request.ticket, at);
                match id {
                    Some(id) => self.wrote(w, request, id),
                    None => return false,
                }
                true
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request);
                if id == BucketKeyId::None {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request);
                self.bucket_keys[cache].read(request.ticket, id, at)
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request);
                let (context, bytes) = self.message(w, request);
                self.data_key_cache(w, client)
                    .is_some_and(|c| c.encrypt(context, bytes, at))
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request);
                let Some(cache) = self.data_key_cache(w, client) else {
                    return false;
                };
                if request.ticket == u32::MAX {
                    request.ticket = (cache.messages_seen % u64::from(u32::MAX)) as u32;
                    cache.messages_seen += 1;
                }
                cache.decrypt(
                    data_key_of(request.ticket, producers, messages_per_data_key),
                    at,
                )
            }
        }
    }

    /// KMS admitted the call for a need that a cache could have met: the cache gets the key when KMS
    /// answers. Returns that instant.
    fn fetched(&mut self, at: u64, lane: usize, request: &Request, k: usize) -> u64 {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        let try_number =
            (u64::from(request.part) << 32) | (u64::from(request.throttled) << 8) | k as u64;
        let ready = at
            + plan
                .kms_latency
                .draw(request.of_arrival(Purpose::Kms).with(try_number));
        match &plan.lanes[lane].source {
            Source::Call => {}
            Source::BucketKeyWrite(uses) => {
                let mut id = BucketKeyId::None;
                if at >= uses.since {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request);
                    id = self.bucket_keys[cache].generated(request.ticket, at, ready);
                }
                self.wrote(w, request, id);
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request);
                if id != BucketKeyId::None {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request);
                    self.bucket_keys[cache].decrypted(request.ticket, id, at, ready);
                }
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request);
                let (context, bytes) = self.message(w, request);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.generated(context, bytes, ready);
                }
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request);
                let id = data_key_of(request.ticket, producers, messages_per_data_key);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.decrypted(id, ready);
                }
            }
        }
        ready
    }

    /// The cache that serves a request; gives it its partition at the first look-up.
    fn bucket_key_cache(&mut self, uses: &BucketKeyUse, w: usize, request: &mut Request) -> usize {
        let session = if uses.sessions > 1 {
            self.client(w, request) % uses.sessions
        } else {
            0
        };
        let cache = uses.cache + session as usize;
        if request.ticket == u32::MAX {
            request.ticket = self.bucket_keys[cache].next_partition();
        }
        request.ticket %= self.plan.bucket_key_caches[cache].fanout;
        cache
    }

    /// The bucket key that the object of a read was written under.
    fn bucket_key_of_object(
        &self,
        w: usize,
        uses: &BucketKeyUse,
        request: &Request,
    ) -> BucketKeyId {
        let workload = &self.plan.workloads[w];
        if let Some(writer) = workload.reads {
            let written = &self.workloads[writer].written;
            let object = self.object(workload, request) as usize;
            return written.get(object).copied().unwrap_or(BucketKeyId::None);
        }
        if request.of_arrival(Purpose::Older).unit() < uses.older_objects {
            return BucketKeyId::None;
        }
        let object = self.object(workload, request);
        BucketKeyId::Archived(Key::root(object, 0).below(u64::from(uses.archived_keys)) as u32)
    }

    fn wrote(&mut self, w: usize, request: &Request, id: BucketKeyId) {
        if self.plan.workloads[w].is_read {
            let written = &mut self.workloads[w].written;
            let object = request.index as usize;
            if written.len() <= object {
                written.resize(object + 1, BucketKeyId::None);
            }
            written[object] = id;
        }
    }

    /// Encryption context and size of a message.
    fn message(&self, w: usize, request: &Request) -> (u64, u64) {
        let workload = &self.plan.workloads[w];
        let context = self.object(workload, request);
        let recorded = self.row(workload, request).and_then(|r| r.size);
        let bytes = recorded.unwrap_or_else(|| match workload.size {
            Size::Constant(bytes) => bytes,
            Size::Lognormal { median, sigma } => {
                let z = request.of_arrival(Purpose::Size).stream().normal();
                (median as f64 * libm::exp(sigma * z)).round() as u64
            }
        });
        (context, bytes)
    }

    /// Which object or encryption context a request is for.
    fn object(&self, workload: &Workload, request: &Request) -> u64 {
        if let Some(object) = self.row(workload, request).and_then(|r| r.object) {
            return object;
        }
        let key = request.of_arrival(Purpose::Object);
        match workload.popularity {
            Popularity::Uniform { objects } => key.below(objects),
            Popularity::Zipf(zipf) => zipf.draw(&mut key.stream()),
        }
    }

    fn row(
        &self,
        workload: &'a Workload,
        request: &Request,
    ) -> Option<&'a crate::model::trace::Row> {
        match &workload.kind {
            Kind::Trace { trace, .. } => trace.rows.get(request.index as usize),
            _ => None,
        }
    }

    fn data_key_cache(&mut self, w: usize, client: u32) -> Option<&mut DataKeyCache> {
        let thresholds = self.plan.workloads[w].data_key_cache?;
        let slot = self.workloads[w].caches.get_mut(client as usize)?;
        Some(slot.get_or_insert_with(|| DataKeyCache::new(thresholds)))
    }

    // ----- jobs --------------------------------------------------------------------------------

    /// Whether a job has requests under way.
    pub(super) fn jobs_run(&self) -> bool {
        self.jobs
            .iter()
            .any(|&w| self.workloads[w].job.active_workers > 0)
    }

    /// Start of a job that begins in `second` by itself.
    fn job_start(&self, w: usize, second: u64) -> Option<u64> {
        let workload = &self.plan.workloads[w];
        match workload.kind {
            Kind::Job { start, .. } if workload.after.is_none() && start / SECOND == second => {
                Some(start)
            }
            _ => None,
        }
    }

    pub(super) fn has_job_start(&self, second: u64) -> bool {
        self.jobs
            .iter()
            .any(|&w| self.job_start(w, second).is_some())
    }

    pub(super) fn start_jobs(&mut self, second: u64) {
        for i in 0..self.jobs.len() {
            let w = self.jobs[i];
            if let Some(start) = self.job_start(w, second) {
                self.start_job(w, start);
            }
        }
    }

    fn start_job(&mut self, w: usize, at: u64) {
        let Kind::Job {
            workers, objects, ..
        } = self.plan.workloads[w].kind
        else {
            return;
        };
        if at >= self.plan.horizon_s * SECOND {
            return;
        }
        let job = &mut self.workloads[w].job;
        job.started = Some(at);
        job.last_done = at;
        job.active_workers = workers.min(objects);
        for worker in 0..workers.min(objects) {
            self.take_object(w, worker, at);
        }
    }

    /// A worker takes the job's next object and sends its first request at `at`.
    fn take_object(&mut self, w: usize, worker: u32, at: u64) {
        let state = &mut self.workloads[w];
        let object = state.job.next_object;
        state.job.next_object += 1;
        let key = state.job_key.with(u64::from(object));
        let draw = key.with(Purpose::Action as u64).unit();
        let action = state
            .sums
            .partition_point(|&c| c <= draw)
            .min(state.sums.len() - 1);
        let class = self.actions[state.first_action + action].class;
        self.schedule(at, Request::new(at, class, object, worker, 0, key));
    }

    /// A worker's request has ended at `at`: the next of the same object, or the next object.
    fn worker_goes_on(&mut self, w: usize, request: &Request, at: u64) {
        let Kind::Job { objects, think, .. } = &self.plan.workloads[w].kind else {
            return;
        };
        let part = request.part + 1;
        let next = at + think.draw_with(|| request.own(Purpose::Think));
        let horizon = self.plan.horizon_s * SECOND;
        let in_time = next < horizon;
        let action = self.class_action[request.class as usize] as usize;
        if usize::from(part) < self.actions[action].parts.len() {
            if in_time {
                let class = self.actions[action].parts[usize::from(part)];
                let key = Key::from_bits(request.arrival);
                self.schedule(
                    next,
                    Request::new(next, class, request.index, request.worker, part, key),
                );
            } else {
                self.workloads[w].job.active_workers -= 1;
            }
            return;
        }
        let job = &mut self.workloads[w].job;
        job.finished += 1;
        job.last_done = job.last_done.max(at);
        if job.next_object < *objects && in_time {
            self.take_object(w, request.worker, next);
            return;
        }
        job.active_workers -= 1;
        if job.finished == *objects
            && let Some(started) = job.started
        {
            let done = job.last_done;
            // Unfinished at the horizon is no completion, even if the drain brings it.
            if done <= horizon {
                self.record.jobs[w] = Some(Some(done - started));
            }
            self.workloads[w].done = true;
            self.start_followers(w, done);
        }
    }

    /// Starts the followers of open workloads whose arrivals are over and whose requests have ended.
    pub(super) fn finish_open(&mut self, second: u64) {
        for i in 0..self.open.len() {
            let w = self.open[i];
            let state = &mut self.workloads[w];
            let over = second >= state.active.end && state.waiting == 0;
            if over && !state.done && !state.followers.is_empty() {
                state.done = true;
                self.start_followers(w, second * SECOND);
            }
        }
    }

    fn start_followers(&mut self, w: usize, at: u64) {
        for i in 0..self.workloads[w].followers.len() {
            let follower = self.workloads[w].followers[i];
            match &self.plan.workloads[follower].kind {
                Kind::Job { start, .. } => self.start_job(follower, at.max(*start)),
                Kind::Open {
                    process,
                    start,
                    stop,
                } => {
                    // A job done at the very start of a second: that second's arrivals are drawn.
                    let first = at.div_ceil(SECOND).max(*start).max(self.undrawn);
                    let state = &mut self.workloads[follower];
                    state.active = first..first.saturating_add(stop - start);
                    state.arrivals =
                        Some(Arrivals::new(process.clone(), first, state.arrivals_key));
                }
                Kind::Trace { .. } => {}
            }
        }
    }
}

/// The data key of the n-th message that a process decrypts: producers take turns, and each uses a
/// data key for so many messages.
fn data_key_of(n: u32, producers: u64, messages_per_data_key: u64) -> u64 {
    let producer = u64::from(n) % producers;
    let serial = u64::from(n) / producers / messages_per_data_key;
    producer << 40 | serial
}
