//! The passage of time, and the law that makes it cheap: quiet seconds are counted, contended ones
//! simulated.
//!
//! Time goes second by second. For each second the engine
//!
//! 1. **draws counts**: how many arrivals of each action, from numbers keyed by (seed,
//!    replication, workload, action, second);
//! 2. **certifies**: if all that could be offered, new arrivals and waiting retries, each need a
//!    call, fits into what every quota surely still admits, nobody can be throttled, in whatever
//!    order they come;
//! 3. **counts** a certified second: counters grow by the counts, at a cost that does not depend
//!    on how many there are;
//! 4. else **expands** the same counts into instants, merges them with what the calendar holds
//!    for this second and **simulates** call by call.
//!
//! Why both ways give the same counters: in a certified second every attempt is admitted, so what
//! each request adds to the counters depends on its class alone, and the limiter is left with the
//! same room (a fixed window forgets instants). Counts never depend on whether they are expanded,
//! instants and delays are keyed by what they are for. So skipping the certificate
//! (`simulate_all`) changes no digit. Where a need depends on what came before (bucket keys,
//! data-key caches), or a client's retry quota is not full, the requests of that workload are
//! expanded even in a certified second, which again changes nothing; the rest of it is counted.
//!
//! Workloads that share no quota, cache or order are separate islands, each with its own calendar.
//!
//! At one instant: first what was scheduled (by time of arrival, then class and number), then new
//! arrivals in order of workload, action and number.
//!
//! Not counted yet: token buckets and sliding windows (their state depends on instants) are
//! certified only when idle; seconds of running jobs are always simulated.

pub mod record;
mod request;

use crate::engine::SECOND;
use crate::engine::calendar::Calendar;
use crate::engine::limiter::Limiter;
use crate::engine::random::Key;
use crate::model::arrivals::{Arrivals, Density};
use crate::model::bucket_key::{BucketKeyCache, BucketKeyId};
use crate::model::data_key_cache::DataKeyCache;
use crate::model::retry::RetryTokens;
use crate::model::{BucketKeyUse, Kind, Plan, Popularity, Size, Source, Workload};
use record::{QuotaRecord, Record};
use request::{Purpose, Request, purpose};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a replication is run.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Master seed.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u64,
    /// Simulate every second, certified or not.
    pub simulate_all: bool,
    /// Where simulated seconds are added up for whoever watches.
    pub progress: Option<&'a AtomicU64>,
}

/// Runs one island of a plan through one replication.
pub fn simulate(plan: &Plan, island: &[usize], options: Options<'_>) -> Record {
    let mut world = World::new(plan, island, options);
    world.run();
    world.record
}

/// The random numbers of one replication.
pub fn replication_key(seed: u64, replication: u64) -> Key {
    Key::root(seed, replication)
}

/// A lane, compact.
struct LaneState {
    quotas: [u32; 2],
    quota_count: u8,
    has_memory: bool,
}

/// A quota with its state and what this second saw of it.
struct QuotaState {
    limiter: Limiter,
    attempts: u64,
    throttled: u64,
    /// Of this second's certificate.
    bound: u64,
}

/// An open workload's arrivals of the present second.
struct Drawn {
    workload: usize,
    /// Where its actions' counts start.
    counts: usize,
    density: Option<Density>,
    /// Requests are looked at one by one even in a certified second.
    one_by_one: bool,
}

/// State of one workload.
struct WorkloadState {
    arrivals_key: Key,
    instants_key: Key,
    trace_key: Key,
    job_key: Key,
    arrivals: Option<Arrivals>,
    /// Open: active seconds.
    active: std::ops::Range<u64>,
    tokens: Option<RetryTokens>,
    caches: Vec<Option<DataKeyCache>>,
    has_memory: bool,
    /// Requests that wait for a retry.
    waiting: u64,
    /// Workloads that start when this one is done.
    followers: Vec<usize>,
    done: bool,
    job: Option<JobState>,
    /// Bucket keys of the objects it wrote, by number.
    written: Vec<BucketKeyId>,
    /// Cumulated weights of its actions.
    weights: Vec<f64>,
}

struct JobState {
    started: Option<u64>,
    next_object: u32,
    finished: u32,
    last_done: u64,
    active_workers: u32,
}

/// An action, compact: (workload, action) flattened.
struct ActionState {
    workload: usize,
    key: Key,
    /// Most calls that one arrival can offer to each quota.
    demand: Vec<(usize, u64)>,
    /// Classes of its requests, one after another; empty where there is only `class`.
    parts: Vec<u32>,
    class: u32,
}

struct World<'a> {
    plan: &'a Plan,
    options: Options<'a>,
    calendar: Calendar<Request>,
    quotas: Vec<QuotaState>,
    quotas_here: Vec<usize>,
    lanes: Vec<LaneState>,
    workloads: Vec<WorkloadState>,
    /// Workloads of this island.
    open: Vec<usize>,
    jobs: Vec<usize>,
    actions: Vec<ActionState>,
    first_action: Vec<usize>,
    class_action: Vec<u32>,
    bucket_keys: Vec<BucketKeyCache>,
    warm_up: u64,
    /// The first second whose arrivals are still to be drawn.
    undrawn: u64,
    record: Record,
    /// Counters of requests that arrived in the warm-up, which nobody reads.
    unmeasured: Record,
    // Scratch of one second.
    drawn: Vec<Drawn>,
    counts: Vec<u64>,
    order: Vec<u64>,
    who: Vec<(u32, u32, u32)>,
    multinomial: Vec<u64>,
}

/// Bits of an expanded arrival's position in its second; the instant stands above them.
const POSITION_BITS: u32 = 34;

impl<'a> World<'a> {
    fn new(plan: &'a Plan, island: &[usize], options: Options<'a>) -> World<'a> {
        let root = replication_key(options.seed, options.replication);
        let mut used = vec![false; plan.quotas.len()];
        for class in plan.classes.iter().filter(|c| island.contains(&c.workload)) {
            for lane in &plan.lanes[class.first_lane..class.first_lane + class.lanes] {
                lane.quotas.iter().for_each(|&q| used[q] = true);
            }
        }
        let mut class_action = vec![0; plan.classes.len()];
        let (mut actions, mut first_action) = (Vec::new(), Vec::new());
        for (w, workload) in plan.workloads.iter().enumerate() {
            first_action.push(actions.len());
            let key = root.named(&workload.name).named("requests");
            for action in &workload.actions {
                let mut demand: Vec<(usize, u64)> = Vec::new();
                let mut parts = Vec::new();
                for &(class, n) in &action.requests {
                    class_action[class] = actions.len() as u32;
                    parts.extend(std::iter::repeat_n(class as u32, n as usize));
                    let c = &plan.classes[class];
                    for lane in &plan.lanes[c.first_lane..c.first_lane + c.lanes] {
                        for &q in &lane.quotas {
                            match demand.iter_mut().find(|d| d.0 == q) {
                                Some(d) => d.1 += u64::from(n),
                                None => demand.push((q, u64::from(n))),
                            }
                        }
                    }
                }
                let class = parts.first().copied().unwrap_or(0);
                if parts.len() == 1 {
                    parts.clear();
                }
                actions.push(ActionState {
                    workload: w,
                    key: key.named(&action.name),
                    demand,
                    parts,
                    class,
                });
            }
        }
        let workloads: Vec<WorkloadState> = plan
            .workloads
            .iter()
            .enumerate()
            .map(|(w, workload)| WorkloadState::new(plan, w, workload, root.named(&workload.name)))
            .collect();
        let is_open = |w: &usize| !matches!(plan.workloads[*w].kind, Kind::Job { .. });
        World {
            plan,
            options,
            calendar: Calendar::new(),
            quotas: plan
                .quotas
                .iter()
                .map(|q| QuotaState {
                    limiter: Limiter::new(q.shape, &q.steps),
                    attempts: 0,
                    throttled: 0,
                    bound: 0,
                })
                .collect(),
            quotas_here: (0..plan.quotas.len()).filter(|&q| used[q]).collect(),
            lanes: plan
                .lanes
                .iter()
                .map(|lane| LaneState {
                    quotas: [
                        lane.quotas.first().map_or(0, |&q| q as u32),
                        lane.quotas.get(1).map_or(0, |&q| q as u32),
                    ],
                    quota_count: lane.quotas.len() as u8,
                    has_memory: lane.source.has_memory(),
                })
                .collect(),
            workloads,
            open: island.iter().copied().filter(is_open).collect(),
            jobs: island.iter().copied().filter(|w| !is_open(w)).collect(),
            actions,
            first_action,
            class_action,
            bucket_keys: plan
                .bucket_key_caches
                .iter()
                .map(|c| BucketKeyCache::new(c.fanout, c.lifetime))
                .collect(),
            warm_up: plan.warm_up_s * SECOND,
            undrawn: 0,
            record: Record::new(
                plan.classes.len(),
                plan.lanes.len(),
                plan.quotas.len(),
                plan.workloads.len(),
            ),
            unmeasured: Record::new(plan.classes.len(), plan.lanes.len(), 0, 0),
            drawn: Vec::new(),
            counts: Vec::new(),
            order: Vec::new(),
            who: Vec::new(),
            multinomial: Vec::new(),
        }
    }

    fn run(&mut self) {
        for &q in &self.quotas_here {
            self.record.quotas[q] = Some(QuotaRecord::new(self.plan.horizon_s));
        }
        for &w in &self.jobs {
            self.record.jobs[w] = Some(None);
        }
        let horizon = self.plan.horizon_s;
        let (mut second, mut shown) = (0, 0);
        loop {
            if second >= horizon {
                match self.calendar.next_second() {
                    Some(next) => second = second.max(next),
                    None => break,
                }
            }
            self.second(second);
            second += 1;
            // Not every second: the counter is shared by all threads.
            if let Some(progress) = self.options.progress
                && (second.is_multiple_of(64) || second == horizon)
                && second <= horizon
            {
                progress.fetch_add(second - shown, Ordering::Relaxed);
                shown = second;
            }
        }
        self.record.close_periods(second.saturating_sub(1));
    }

    /// One second: draw, certify, count or expand.
    fn second(&mut self, second: u64) {
        self.record.close_periods(second);
        self.finish_open(second);
        self.draw(second);
        let quiet = self.certify(second) && !self.options.simulate_all;
        if quiet {
            self.count(second);
            self.record.seconds_counted += 1;
        }
        let expanded = self.expand(second, quiet);
        if expanded > 0 || self.calendar.len_of(second) > 0 || self.has_job_start(second) {
            self.simulate(second, expanded);
        }
        let measured = second >= self.plan.warm_up_s;
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            if quota.attempts > 0 {
                let in_call_count = if self.plan.counting.throttled_attempts_in_call_count {
                    quota.attempts
                } else {
                    quota.attempts - quota.throttled
                };
                if let Some(record) = &mut self.record.quotas[q] {
                    let per_second = quota.limiter.per_second(second);
                    record.second(
                        second,
                        quota.attempts,
                        quota.throttled,
                        in_call_count,
                        per_second,
                        measured,
                    );
                }
                quota.attempts = 0;
                quota.throttled = 0;
            }
        }
    }

    /// Starts the followers of open workloads whose arrivals are over and whose requests have ended.
    fn finish_open(&mut self, second: u64) {
        for i in 0..self.open.len() {
            let w = self.open[i];
            let state = &mut self.workloads[w];
            if !state.done
                && !state.followers.is_empty()
                && second >= state.active.end
                && state.waiting == 0
            {
                state.done = true;
                self.start_followers(w, second * SECOND);
            }
        }
    }

    // ----- counts ------------------------------------------------------------------------------

    /// How many arrivals of each action the second has.
    fn draw(&mut self, second: u64) {
        self.drawn.clear();
        self.counts.clear();
        self.undrawn = second + 1;
        if second >= self.plan.horizon_s {
            return;
        }
        for i in 0..self.open.len() {
            let w = self.open[i];
            let workload = &self.plan.workloads[w];
            let state = &mut self.workloads[w];
            if !state.active.contains(&second) {
                continue;
            }
            let counts = self.counts.len();
            self.counts.resize(counts + workload.actions.len(), 0);
            let one_by_one =
                state.has_memory || state.tokens.as_ref().is_some_and(|t| !t.all_full());
            let mut density = None;
            if let Kind::Trace { trace, start, .. } = &workload.kind {
                let mix = purpose(state.trace_key, Purpose::Action);
                trace.of_second(second - start, state.trace_key, |ordinal, _, row| {
                    let action = trace_action(
                        trace,
                        &trace.rows[row],
                        mix.with(second).with(ordinal),
                        &state.weights,
                    );
                    self.counts[counts + action] += 1;
                });
            } else if let Some(arrivals) = &mut state.arrivals {
                let (mean, shape) = arrivals.of_second(second);
                if arrivals.is_random() {
                    for (a, action) in workload.actions.iter().enumerate() {
                        let key = self.actions[self.first_action[w] + a].key.with(second);
                        self.counts[counts + a] = key.stream().poisson(mean * action.weight);
                    }
                } else {
                    let n = mean as u64;
                    let weights: Vec<f64> = workload.actions.iter().map(|a| a.weight).collect();
                    let mut stream = state.arrivals_key.with(second).stream();
                    stream.multinomial(n, &weights, &mut self.multinomial);
                    self.counts[counts..].copy_from_slice(&self.multinomial);
                }
                density = Some(shape);
            }
            self.drawn.push(Drawn {
                workload: w,
                counts,
                density,
                one_by_one,
            });
        }
    }

    /// Whether nobody can be throttled in this second.
    fn certify(&mut self, second: u64) -> bool {
        for &q in &self.quotas_here {
            self.quotas[q].bound = 0;
        }
        for drawn in &self.drawn {
            let first = self.first_action[drawn.workload];
            for (a, &n) in self.counts[drawn.counts..]
                .iter()
                .take(self.plan.workloads[drawn.workload].actions.len())
                .enumerate()
            {
                if n > 0 {
                    for &(q, each) in &self.actions[first + a].demand {
                        self.quotas[q].bound += n * each;
                    }
                }
            }
        }
        for request in self.calendar.events_of(second) {
            let class = &self.plan.classes[request.class as usize];
            for lane in &self.lanes[class.first_lane..class.first_lane + class.lanes] {
                for &q in &lane.quotas[..usize::from(lane.quota_count)] {
                    self.quotas[q as usize].bound += 1;
                }
            }
        }
        let jobs_rest = self.jobs.iter().all(|&w| {
            self.workloads[w]
                .job
                .as_ref()
                .is_none_or(|j| j.active_workers == 0)
        }) && !self.has_job_start(second);
        let mut certified = jobs_rest;
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            certified &= quota.limiter.certifies(second, quota.bound);
        }
        certified
    }

    /// Counts what need not be looked at one by one in a certified second.
    fn count(&mut self, second: u64) {
        let record = if second >= self.plan.warm_up_s {
            &mut self.record
        } else {
            &mut self.unmeasured
        };
        for drawn in &self.drawn {
            if drawn.one_by_one {
                continue;
            }
            let actions = &self.plan.workloads[drawn.workload].actions;
            for (action, &n) in actions.iter().zip(&self.counts[drawn.counts..]) {
                if n == 0 {
                    continue;
                }
                for &(class_index, each) in &action.requests {
                    let class = &self.plan.classes[class_index];
                    let n = n * u64::from(each);
                    let count = &mut record.classes[class_index];
                    count.requests += n;
                    count.succeeded += n;
                    count.undelayed[class.lanes] += n;
                    for l in class.first_lane..class.first_lane + class.lanes {
                        let lane = &mut record.lanes[l];
                        lane.needs += n;
                        lane.calls += n;
                        lane.attempts += n;
                        let state = &self.lanes[l];
                        for &q in &state.quotas[..usize::from(state.quota_count)] {
                            let quota = &mut self.quotas[q as usize];
                            quota.attempts += n;
                            quota.limiter.take_counted(n);
                        }
                    }
                }
            }
        }
    }

    // ----- instants ----------------------------------------------------------------------------

    /// Turns counts into arrivals in order of time; in a quiet second only those that are looked at
    /// one by one. Returns how many there are.
    fn expand(&mut self, second: u64, quiet: bool) -> usize {
        self.order.clear();
        self.who.clear();
        for d in 0..self.drawn.len() {
            let drawn = &self.drawn[d];
            if quiet && !drawn.one_by_one {
                continue;
            }
            let w = drawn.workload;
            let workload = &self.plan.workloads[w];
            let first = self.first_action[w];
            let counts = &self.counts[drawn.counts..drawn.counts + workload.actions.len()];
            let (order, who) = (&mut self.order, &mut self.who);
            let mut add = |at: u64, action: usize, index: u64, copy: u32| {
                order.push(at << POSITION_BITS | who.len() as u64);
                who.push(((first + action) as u32, index as u32, copy));
            };
            let state = &self.workloads[w];
            if let Kind::Trace { trace, start, .. } = &workload.kind {
                let mix = purpose(state.trace_key, Purpose::Action);
                trace.of_second(second - start, state.trace_key, |ordinal, at, row| {
                    let action = trace_action(
                        trace,
                        &trace.rows[row],
                        mix.with(second).with(ordinal),
                        &state.weights,
                    );
                    add(at, action, row as u64, ordinal as u32 + 1);
                });
            } else if let Some(Density::Even { .. }) = &drawn.density {
                // The actions of evenly spaced arrivals: drawn without putting back.
                let mut left = counts.to_vec();
                let mut total: u64 = left.iter().sum();
                let mut stream = state.instants_key.with(second).stream();
                let mut index = 0;
                if let Some(density) = &drawn.density {
                    density.instants(total, second, state.instants_key, |at| {
                        let mut pick = if left.len() > 1 {
                            stream.below(total)
                        } else {
                            0
                        };
                        let action = left
                            .iter()
                            .position(|&n| {
                                let here = pick < n;
                                pick = pick.saturating_sub(n);
                                here
                            })
                            .unwrap_or(0);
                        left[action] -= 1;
                        total -= 1;
                        add(at, action, index, 0);
                        index += 1;
                    });
                }
            } else if let Some(density) = &drawn.density {
                for (a, &n) in counts.iter().enumerate() {
                    let key = state
                        .instants_key
                        .with(self.actions[first + a].key.bits())
                        .with(second);
                    let mut index = 0;
                    density.instants(n, second, key, |at| {
                        add(at, a, index, 0);
                        index += 1;
                    });
                }
            }
        }
        self.order.sort_unstable();
        self.order.len()
    }

    /// Goes through the second in order of time.
    fn simulate(&mut self, second: u64, expanded: usize) {
        self.calendar.open(second, expanded);
        let base = second * SECOND;
        for i in 0..self.jobs.len() {
            let w = self.jobs[i];
            if let Kind::Job { start, .. } = self.plan.workloads[w].kind
                && self.plan.workloads[w].after.is_none()
                && start / SECOND == second
            {
                self.start_job(w, start);
            }
        }
        let mut next = 0;
        loop {
            let arrival = self
                .order
                .get(next)
                .map_or(u64::MAX, |o| base + (o >> POSITION_BITS));
            if self.calendar.next_at() <= arrival {
                match self.calendar.pop() {
                    Some((at, request)) => self.offer(at, request),
                    // Neither holds anything: both times are the largest number there is.
                    None => break,
                }
            } else {
                let position = self.order[next] & ((1 << POSITION_BITS) - 1);
                next += 1;
                self.arrive(arrival, position as usize);
            }
        }
    }

    /// A new arrival offers its requests.
    fn arrive(&mut self, at: u64, position: usize) {
        let (action, index, copy) = self.who[position];
        let parts = self.actions[action as usize].parts.len();
        if parts == 0 {
            let class = self.actions[action as usize].class as usize;
            self.offer(at, Request::new(at, class, index, copy, 0));
        } else {
            for part in 0..parts {
                let class = self.actions[action as usize].parts[part] as usize;
                self.offer(at, Request::new(at, class, index, copy, part as u16));
            }
        }
    }

    // ----- the life of a request ---------------------------------------------------------------

    /// One try of a request: each need in turn, until one is refused or all are met.
    fn offer(&mut self, at: u64, mut request: Request) {
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
        let class = request.class as usize;
        let w = self.plan.classes[class].workload;
        let policy = &self.plan.workloads[w].retry;
        let arrival = self.arrival_key(&request);
        let n = request.throttled + 1;
        let part = u64::from(request.part);
        let answered = at
            + self.plan.throttled_latency.draw(
                purpose(arrival, Purpose::Throttled)
                    .with(part)
                    .with(u64::from(n)),
            );
        let granted = n < policy.max_attempts && {
            let client = self.client(w, &request, arrival);
            self.workloads[w]
                .tokens
                .as_mut()
                .is_none_or(|t| t.take(client))
        };
        if granted {
            let delay = policy
                .backoff
                .delay(n, purpose(arrival, Purpose::Backoff).with(part));
            request.throttled = n;
            if n == 1 {
                self.workloads[w].waiting += 1;
            }
            self.calendar.push(answered.saturating_add(delay), request);
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
            record.classes[class].failed += 1;
            if self.workloads[w].job.is_some() {
                self.worker_goes_on(w, &request, answered);
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
        record.classes[class_index].succeeded += 1;
        let retried = request.throttled > 0;
        let is_job = self.workloads[w].job.is_some();
        let latency = if class.tier.is_some() {
            &plan.s3_latency
        } else {
            &plan.app_latency
        };
        if !retried {
            record.classes[class_index].undelayed[calls] += 1;
        }
        let tokens_matter = self.workloads[w]
            .tokens
            .as_ref()
            .is_some_and(|t| retried || !t.all_full());
        if retried || tokens_matter || is_job {
            let arrival = self.arrival_key(&request);
            let service = latency[calls]
                .draw(purpose(arrival, Purpose::Service).with(u64::from(request.part)));
            if retried {
                self.workloads[w].waiting -= 1;
                let record = if measured {
                    &mut self.record
                } else {
                    &mut self.unmeasured
                };
                let delay = at - request.arrived;
                record.delayed(class_index, delay);
                record::record_ns(&mut record.latency, delay + service, 1);
            }
            if tokens_matter {
                let client = self.client(w, &request, arrival);
                if let Some(tokens) = &mut self.workloads[w].tokens {
                    tokens.refund(client, retried);
                }
            }
            if is_job {
                self.worker_goes_on(w, &request, answered.max(at + service));
            }
        }
    }

    #[inline]
    fn arrival_key(&self, request: &Request) -> Key {
        let action = &self.actions[self.class_action[request.class as usize] as usize];
        request.arrival_key(action.key, self.workloads[action.workload].job.is_some())
    }

    /// Which of the workload's clients sent a request.
    fn client(&self, w: usize, request: &Request, arrival: Key) -> u32 {
        let workload = &self.plan.workloads[w];
        if workload.clients == 1 {
            return 0;
        }
        match &workload.kind {
            Kind::Job { .. } => request.worker % workload.clients,
            Kind::Open {
                process: crate::model::arrivals::Process::Constant { num, den },
                ..
            } if workload.round_robin => {
                let second = request.arrived / SECOND - self.workloads[w].active.start;
                let before = (u128::from(second) * u128::from(*num)).div_ceil(u128::from(*den));
                ((before + u128::from(request.index)) % u128::from(workload.clients)) as u32
            }
            _ => purpose(arrival, Purpose::Client).below(u64::from(workload.clients)) as u32,
        }
    }

    // ----- caches ------------------------------------------------------------------------------

    /// Whether a need is met without a call.
    fn is_met(&mut self, at: u64, lane: usize, request: &mut Request) -> bool {
        let plan = self.plan;
        let w = plan.classes[request.class as usize].workload;
        let arrival = self.arrival_key(request);
        match &plan.lanes[lane].source {
            Source::Call => false,
            Source::BucketKeyWrite(uses) => {
                if at < uses.since {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request, arrival);
                let id = self.bucket_keys[cache].write(request.ticket, at);
                match id {
                    Some(id) => self.wrote(w, request, id),
                    None => return false,
                }
                true
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request, arrival);
                if id == BucketKeyId::None {
                    return false;
                }
                let cache = self.bucket_key_cache(uses, w, request, arrival);
                self.bucket_keys[cache].read(request.ticket, id, at)
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request, arrival);
                let (context, bytes) = self.message(w, request, arrival);
                self.data_key_cache(w, client)
                    .is_some_and(|c| c.encrypt(context, bytes, at))
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request, arrival);
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
        let arrival = self.arrival_key(request);
        let try_number =
            (u64::from(request.part) << 32) | (u64::from(request.throttled) << 8) | k as u64;
        let ready = at
            + plan
                .kms_latency
                .draw(purpose(arrival, Purpose::Kms).with(try_number));
        match &plan.lanes[lane].source {
            Source::Call => {}
            Source::BucketKeyWrite(uses) => {
                let mut id = BucketKeyId::None;
                if at >= uses.since {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request, arrival);
                    id = self.bucket_keys[cache].generated(request.ticket, at, ready);
                }
                self.wrote(w, request, id);
            }
            Source::BucketKeyRead(uses) => {
                let id = self.bucket_key_of_object(w, uses, request, arrival);
                if id != BucketKeyId::None {
                    let mut request = *request;
                    let cache = self.bucket_key_cache(uses, w, &mut request, arrival);
                    self.bucket_keys[cache].decrypted(request.ticket, id, at, ready);
                }
            }
            Source::CacheEncrypt => {
                let client = self.client(w, request, arrival);
                let (context, bytes) = self.message(w, request, arrival);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.generated(context, bytes, ready);
                }
            }
            &Source::CacheDecrypt {
                producers,
                messages_per_data_key,
            } => {
                let client = self.client(w, request, arrival);
                let id = data_key_of(request.ticket, producers, messages_per_data_key);
                if let Some(cache) = self.data_key_cache(w, client) {
                    cache.decrypted(id, ready);
                }
            }
        }
        ready
    }

    /// The cache that serves a request; gives it its partition at the first look-up.
    fn bucket_key_cache(
        &mut self,
        uses: &BucketKeyUse,
        w: usize,
        request: &mut Request,
        arrival: Key,
    ) -> usize {
        let session = if uses.sessions > 1 {
            self.client(w, request, arrival) % uses.sessions
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
        arrival: Key,
    ) -> BucketKeyId {
        let workload = &self.plan.workloads[w];
        if let Some(writer) = workload.reads {
            let written = &self.workloads[writer].written;
            let object = self.object(workload, request, arrival) as usize;
            return written.get(object).copied().unwrap_or(BucketKeyId::None);
        }
        if purpose(arrival, Purpose::Older).unit() < uses.older_objects {
            return BucketKeyId::None;
        }
        let object = self.object(workload, request, arrival);
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
    fn message(&self, w: usize, request: &Request, arrival: Key) -> (u64, u64) {
        let workload = &self.plan.workloads[w];
        let context = self.object(workload, request, arrival);
        let recorded = self.row(workload, request).and_then(|r| r.size);
        let bytes = recorded.unwrap_or_else(|| match workload.size {
            Size::Constant(bytes) => bytes,
            Size::Lognormal { median, sigma } => {
                let z = purpose(arrival, Purpose::Size).stream().normal();
                (median as f64 * libm::exp(sigma * z)).round() as u64
            }
        });
        (context, bytes)
    }

    /// Which object or encryption context a request is for.
    fn object(&self, workload: &Workload, request: &Request, arrival: Key) -> u64 {
        if let Some(object) = self.row(workload, request).and_then(|r| r.object) {
            return object;
        }
        let key = purpose(arrival, Purpose::Object);
        match workload.popularity {
            Popularity::Uniform { objects } => key.below(objects),
            Popularity::Zipf { objects, exponent } => key.stream().zipf(objects, exponent),
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

    fn has_job_start(&self, second: u64) -> bool {
        self.jobs.iter().any(|&w| {
            let workload = &self.plan.workloads[w];
            matches!(workload.kind, Kind::Job { start, .. } if workload.after.is_none() && start / SECOND == second)
        })
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
        if let Some(job) = &mut self.workloads[w].job {
            job.started = Some(at);
            job.last_done = at;
            job.active_workers = workers.min(objects);
        }
        for worker in 0..workers.min(objects) {
            self.take_object(w, worker, at);
        }
    }

    /// A worker takes the job's next object and sends its first request at `at`.
    fn take_object(&mut self, w: usize, worker: u32, at: u64) {
        let state = &mut self.workloads[w];
        let Some(job) = &mut state.job else { return };
        let object = job.next_object;
        job.next_object += 1;
        let draw = purpose(state.job_key.with(u64::from(object)), Purpose::Action).unit();
        let action = state
            .weights
            .partition_point(|&c| c <= draw)
            .min(state.weights.len() - 1);
        let class = self.actions[self.first_action[w] + action].class as usize;
        self.calendar
            .push(at, Request::new(at, class, object, worker, 0));
    }

    /// A worker's request has ended at `at`: the next of the same object, or the next object.
    fn worker_goes_on(&mut self, w: usize, request: &Request, at: u64) {
        let Kind::Job { objects, think, .. } = &self.plan.workloads[w].kind else {
            return;
        };
        let action = self.class_action[request.class as usize] as usize;
        let part = request.part + 1;
        let key = self.workloads[w].job_key.with(u64::from(request.index));
        let next = at + think.draw(purpose(key, Purpose::Think).with(u64::from(part)));
        let horizon = self.plan.horizon_s * SECOND;
        let in_time = next < horizon;
        if usize::from(part) < self.actions[action].parts.len() {
            if in_time {
                let class = self.actions[action].parts[usize::from(part)] as usize;
                self.calendar.push(
                    next,
                    Request::new(next, class, request.index, request.worker, part),
                );
            } else if let Some(job) = &mut self.workloads[w].job {
                job.active_workers -= 1;
            }
            return;
        }
        let Some(job) = &mut self.workloads[w].job else {
            return;
        };
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

impl WorkloadState {
    fn new(plan: &Plan, w: usize, workload: &Workload, key: Key) -> WorkloadState {
        let followers = (0..plan.workloads.len())
            .filter(|&f| plan.workloads[f].after == Some(w))
            .collect();
        let arrivals_key = key.named("arrivals");
        let (mut arrivals, mut active) = (None, 0..0);
        match &workload.kind {
            Kind::Open {
                process,
                start,
                stop,
            } if workload.after.is_none() => {
                arrivals = Some(Arrivals::new(process.clone(), *start, arrivals_key));
                active = *start..*stop;
            }
            Kind::Trace { start, stop, .. } => active = *start..*stop,
            Kind::Open { .. } => active = u64::MAX..u64::MAX,
            Kind::Job { .. } => {}
        }
        let job = matches!(workload.kind, Kind::Job { .. }).then_some(JobState {
            started: None,
            next_object: 0,
            finished: 0,
            last_done: 0,
            active_workers: 0,
        });
        let has_memory = workload
            .actions
            .iter()
            .flat_map(|a| &a.requests)
            .any(|&(class, _)| {
                let c = &plan.classes[class];
                plan.lanes[c.first_lane..c.first_lane + c.lanes]
                    .iter()
                    .any(|l| l.source.has_memory())
            });
        let mut sum = 0.0;
        WorkloadState {
            arrivals_key,
            instants_key: key.named("instants"),
            trace_key: key.named("trace"),
            job_key: key.named("job"),
            arrivals,
            active,
            tokens: workload
                .retry
                .retry_quota
                .map(|q| RetryTokens::new(q, workload.clients)),
            caches: vec![
                None;
                if workload.data_key_cache.is_some() {
                    workload.clients as usize
                } else {
                    0
                }
            ],
            has_memory,
            waiting: 0,
            followers,
            done: false,
            job,
            written: Vec::new(),
            weights: workload
                .actions
                .iter()
                .map(|a| {
                    sum += a.weight;
                    sum
                })
                .collect(),
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

/// The action of a trace's row, or one drawn from the mix where the row does not say.
fn trace_action(
    trace: &crate::model::trace::Trace,
    row: &crate::model::trace::Row,
    key: Key,
    weights: &[f64],
) -> usize {
    match trace.actions.get(&(row.operation, row.requester)) {
        Some(&Some(action)) => action as usize,
        _ => weights
            .partition_point(|&c| c <= key.unit())
            .min(weights.len() - 1),
    }
}
