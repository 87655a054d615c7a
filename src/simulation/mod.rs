//! The passage of time, and the law that makes it cheap: quiet time is counted, contention
//! simulated.
//!
//! Time goes second by second. For each second the engine
//!
//! 1. **draws counts**: how many arrivals of each action, from numbers keyed by (seed,
//!    replication, workload, action, second);
//! 2. **certifies**: if all that could be offered, new arrivals and waiting retries, each need a
//!    call, fits into what every quota surely still admits, nobody can be throttled, in whatever
//!    order they come. A certified second is **counted**: counters grow by the counts, at a cost
//!    that does not depend on how many there are;
//! 3. else **splits** the same counts over 512 slots by halves, and goes through the slots in
//!    order. Until the room of a fixed window runs out slots are certified and counted like quiet
//!    seconds; the slot in which it runs out is **expanded** into instants, merged with what the
//!    calendar holds for it and simulated call by call; after it everybody loses, so only the
//!    losers are looked at, one by one but in no order.
//!
//! Why all ways give the same counters: where every attempt is admitted, or every one refused, what
//! a request adds to the counters depends on its class and its own keyed numbers alone, and the
//! limiter is left with the same room (a fixed window forgets instants). Counts never depend on
//! whether they are expanded, and a split of a count, an instant in a slot, a delay are keyed by
//! what they are for. So skipping the certificates (`simulate_all`) changes no digit. Where
//! order matters after all, it is kept: needs that depend on what came before (bucket keys,
//! data-key caches) and clients whose retry quota runs dry are handled in order of time, while a
//! refill, which only adds up to a cap, needs none.
//!
//! Workloads that share no quota, cache or order are separate islands, each with its own calendar.
//!
//! At one instant: first what was scheduled (by time of arrival, then class and number), then new
//! arrivals: those that were split, in order of workload, action and number, then those listed.
//!
//! Not counted: token buckets and sliding windows (their state depends on instants) are
//! certified only when idle, and their contended seconds are ordered call by call; seconds of
//! running jobs are always simulated.

mod caches;
mod jobs;
mod life;
pub mod record;
mod request;
mod slots;

use crate::engine::SECOND;
use crate::engine::calendar::{Calendar, SLOTS};
use crate::engine::limiter::Limiter;
use crate::engine::random::Key;
use crate::model::arrivals::{Arrivals, Density};
use crate::model::bucket_key::{BucketKeyCache, BucketKeyId};
use crate::model::retry::RetryTokens;
use crate::model::{Kind, Lane, Plan, Workload};
use record::{QuotaRecord, Record};
use request::{Purpose, Request};
use slots::{Occupied, slot_of};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a replication is run.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Master seed.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u64,
    /// Simulate everything call by call, certified or not.
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

/// The key of the arrivals of one action, under which those of each second stand by its number.
pub fn action_key(replication: Key, workload: &str, action: &str) -> Key {
    replication.named(workload).named("requests").named(action)
}

/// A lane, compact.
struct LaneState {
    quotas: [u32; 2],
    quota_count: u8,
    has_memory: bool,
}

impl LaneState {
    /// The quotas that an attempt needs room in, in the order in which they are asked.
    #[inline(always)]
    fn quotas(&self) -> &[u32] {
        &self.quotas[..usize::from(self.quota_count)]
    }
}

/// A quota with its state and what this second saw of it.
struct QuotaState {
    limiter: Limiter,
    attempts: u64,
    throttled: u64,
    /// Most that could be offered in this second.
    bound: u64,
    /// Most that could be offered in each slot of a contended second.
    demand: Vec<u32>,
}

/// Arrivals of one action that were split over the slots of a contended second.
struct Split {
    action: u32,
    key: Key,
    /// First of its slots' counts.
    counts: usize,
    workload: usize,
}

/// A new arrival.
#[derive(Clone, Copy)]
struct Arrival {
    action: u32,
    index: u32,
    /// Trace: the copy of the row.
    copy: u32,
    key: Key,
}

/// State of one workload.
struct WorkloadState {
    arrivals_key: Key,
    trace_key: Key,
    job_key: Key,
    arrivals: Option<Arrivals>,
    /// Open: active seconds.
    active: std::ops::Range<u64>,
    /// How the arrivals of the present second lie in it.
    density: Option<Density>,
    /// Requests are looked at one by one even where nobody is throttled.
    one_by_one: bool,
    tokens: Option<RetryTokens>,
    processes: Vec<Option<caches::Process>>,
    has_memory: bool,
    is_job: bool,
    /// Requests that wait for a retry.
    waiting: u64,
    /// Workloads that start when this one is done.
    followers: Vec<usize>,
    done: bool,
    job: JobState,
    /// Bucket keys of the objects it wrote, by number.
    written: Vec<BucketKeyId>,
    /// Shares of its actions, and their sums.
    shares: Vec<f64>,
    sums: Vec<f64>,
    /// Of all actions.
    first_action: usize,
}

#[derive(Default)]
struct JobState {
    started: Option<u64>,
    next_object: u32,
    finished: u32,
    last_done: u64,
    active_workers: u32,
}

/// An action, compact.
struct ActionState {
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
    /// Whether order matters beyond the quotas: caches or retry quotas.
    has_memory: bool,
    has_tokens: bool,
    actions: Vec<ActionState>,
    class_action: Vec<u32>,
    bucket_keys: Vec<BucketKeyCache>,
    warm_up: u64,
    /// The first second whose arrivals are still to be drawn.
    undrawn: u64,
    record: Record,
    /// Counters of requests that arrived in the warm-up, which nobody reads.
    unmeasured: Record,
    // The present second.
    occupied: Occupied,
    /// Arrivals by action.
    counts: Vec<u64>,
    /// Open workloads with arrivals.
    drawn: Vec<usize>,
    splits: Vec<Split>,
    slot_counts: Vec<u32>,
    /// Instant and position of listed arrivals, in order of time.
    listed: Vec<u64>,
    listed_arrivals: Vec<Arrival>,
    next_listed: usize,
    /// Arrivals of each action that were counted slot by slot.
    counted: Vec<u64>,
    /// Instant and position of the new arrivals of a slot, in order of time.
    order: Vec<u64>,
    order_arrivals: Vec<Arrival>,
    multinomial: Vec<u64>,
    losers: Vec<life::Loser>,
    contested: Vec<life::Loser>,
    /// Losers of a slot by client, for those workloads that have retry quotas.
    losers_of: Vec<Vec<u32>>,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, island: &[usize], options: Options<'a>) -> World<'a> {
        let root = replication_key(options.seed, options.replication);
        let mut used = vec![false; plan.quotas.len()];
        for class in plan.classes.iter().filter(|c| island.contains(&c.workload)) {
            for lane in &plan.lanes[class.first_lane..class.first_lane + class.lanes] {
                lane.quotas.iter().for_each(|&q| used[q] = true);
            }
        }
        let mut actions = Vec::new();
        let mut workloads = Vec::new();
        let mut class_action = vec![0; plan.classes.len()];
        for (w, workload) in plan.workloads.iter().enumerate() {
            let state =
                WorkloadState::new(plan, w, workload, root.named(&workload.name), actions.len());
            workloads.push(state);
            for action in &workload.actions {
                let key = action_key(root, &workload.name, &action.name);
                action
                    .requests
                    .iter()
                    .for_each(|r| class_action[r.0] = actions.len() as u32);
                actions.push(ActionState::new(plan, action, key));
            }
        }
        let is_open = |w: &usize| !matches!(plan.workloads[*w].kind, Kind::Job { .. });
        let lanes = plan.lanes.iter().map(|lane| LaneState {
            quotas: [0, 1].map(|i| lane.quotas.get(i).map_or(0, |&q| q as u32)),
            quota_count: lane.quotas.len() as u8,
            has_memory: lane.has_memory(),
        });
        World {
            plan,
            options,
            calendar: Calendar::new(),
            quotas: plan
                .quotas
                .iter()
                .zip(&used)
                .map(|(q, &used)| QuotaState {
                    limiter: Limiter::new(q.shape, &q.steps),
                    attempts: 0,
                    throttled: 0,
                    bound: 0,
                    demand: vec![0; if used { SLOTS } else { 0 }],
                })
                .collect(),
            quotas_here: (0..plan.quotas.len()).filter(|&q| used[q]).collect(),
            lanes: lanes.collect(),
            open: island.iter().copied().filter(is_open).collect(),
            jobs: island.iter().copied().filter(|w| !is_open(w)).collect(),
            has_memory: island.iter().any(|&w| workloads[w].has_memory),
            has_tokens: island.iter().any(|&w| workloads[w].tokens.is_some()),
            workloads,
            counts: vec![0; actions.len()],
            counted: vec![0; actions.len()],
            actions,
            class_action,
            bucket_keys: plan
                .bucket_key_caches
                .iter()
                .map(|&c| BucketKeyCache::new(c))
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
            occupied: Occupied::default(),
            drawn: Vec::new(),
            splits: Vec::new(),
            slot_counts: Vec::new(),
            listed: Vec::new(),
            listed_arrivals: Vec::new(),
            next_listed: 0,
            order: Vec::new(),
            order_arrivals: Vec::new(),
            multinomial: Vec::new(),
            losers: Vec::new(),
            contested: Vec::new(),
            losers_of: plan
                .workloads
                .iter()
                .map(|w| {
                    vec![
                        0;
                        if w.retry.retry_quota.is_some() {
                            w.clients as usize
                        } else {
                            0
                        }
                    ]
                })
                .collect(),
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

    /// One second: draw, certify, then count or go through its slots.
    fn second(&mut self, second: u64) {
        self.record.close_periods(second);
        self.finish_open(second);
        self.draw(second);
        if self.certify(second) && !self.options.simulate_all {
            self.quiet(second);
        } else {
            self.contended(second);
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

    // ----- counts ------------------------------------------------------------------------------

    /// How many arrivals of each action the second has.
    fn draw(&mut self, second: u64) {
        self.drawn.clear();
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
            let actions = state.first_action..state.first_action + workload.actions.len();
            state.one_by_one =
                state.has_memory || state.tokens.as_ref().is_some_and(|t| !t.all_full());
            if let Kind::Trace { trace, start, .. } = &workload.kind {
                self.counts[actions.clone()].fill(0);
                let mix = state.trace_key.with(Purpose::Action as u64).with(second);
                trace.of_second(second - start, state.trace_key, |ordinal, _, row| {
                    let action =
                        trace_action(trace, &trace.rows[row], mix.with(ordinal), &state.sums);
                    self.counts[actions.start + action] += 1;
                });
            } else if let Some(arrivals) = &mut state.arrivals {
                let (mean, density) = arrivals.of_second(second);
                if arrivals.is_random() {
                    for (a, share) in actions.zip(&state.shares) {
                        let mut stream = self.actions[a].key.with(second).stream();
                        self.counts[a] = stream.poisson(mean * share);
                    }
                } else {
                    let mut stream = state.arrivals_key.with(second).stream();
                    stream.multinomial(mean as u64, &state.shares, &mut self.multinomial);
                    self.counts[actions].copy_from_slice(&self.multinomial);
                }
                state.density = Some(density);
            }
            self.drawn.push(w);
        }
    }

    /// The actions of a workload.
    fn actions_of(&self, w: usize) -> std::ops::Range<usize> {
        let first = self.workloads[w].first_action;
        first..first + self.plan.workloads[w].actions.len()
    }

    /// Whether nobody can be throttled in this second.
    fn certify(&mut self, second: u64) -> bool {
        for &q in &self.quotas_here {
            self.quotas[q].bound = 0;
        }
        for d in 0..self.drawn.len() {
            for a in self.actions_of(self.drawn[d]) {
                let n = self.counts[a];
                if n > 0 {
                    for &(q, each) in &self.actions[a].demand {
                        self.quotas[q].bound += n * each;
                    }
                }
            }
        }
        for entry in self.calendar.events_of(second) {
            let class = &self.plan.classes[entry.event.class as usize];
            for lane in &self.lanes[class.first_lane..class.first_lane + class.lanes] {
                for &q in lane.quotas() {
                    self.quotas[q as usize].bound += 1;
                }
            }
        }
        let mut certified = !self.jobs_run() && !self.has_job_start(second);
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            certified &= quota.limiter.certifies(second, quota.bound);
        }
        certified
    }

    /// A certified second: counted, but for what is looked at one by one.
    fn quiet(&mut self, second: u64) {
        self.record.seconds_counted += 1;
        let mut one_by_one = self.calendar.len_of(second) > 0;
        for d in 0..self.drawn.len() {
            let w = self.drawn[d];
            if self.workloads[w].one_by_one {
                one_by_one = true;
            } else {
                for a in self.actions_of(w) {
                    self.counted[a] = self.counts[a];
                }
            }
        }
        self.add_counted(second, true);
        if one_by_one {
            self.spread(second, true);
            for entry in self.calendar.events_of(second) {
                self.occupied.mark(slot_of(entry.at % SECOND));
            }
            self.calendar.open(second);
            for slot in 0..SLOTS {
                if self.occupied.holds(slot) {
                    self.calendar.begin_slot(slot);
                    self.count_slot(slot, second);
                }
            }
            self.add_counted(second, false);
        }
    }

    /// Adds what was counted to the counters; with `take`, its room is taken from the quotas too.
    fn add_counted(&mut self, second: u64, take: bool) {
        let measured = second >= self.plan.warm_up_s;
        for d in 0..self.drawn.len() {
            let w = self.drawn[d];
            let first = self.workloads[w].first_action;
            let record = if measured {
                &mut self.record
            } else {
                &mut self.unmeasured
            };
            for (a, action) in self.plan.workloads[w].actions.iter().enumerate() {
                let n = std::mem::take(&mut self.counted[first + a]);
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
                        for &q in state.quotas() {
                            let quota = &mut self.quotas[q as usize];
                            quota.attempts += n;
                            if take {
                                quota.limiter.take_counted(n);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl ActionState {
    fn new(plan: &Plan, action: &crate::model::Action, key: Key) -> ActionState {
        let mut demand: Vec<(usize, u64)> = Vec::new();
        let mut parts = Vec::new();
        for &(class, n) in &action.requests {
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
        ActionState {
            key,
            demand,
            parts,
            class,
        }
    }
}

impl WorkloadState {
    fn new(
        plan: &Plan,
        w: usize,
        workload: &Workload,
        key: Key,
        first_action: usize,
    ) -> WorkloadState {
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
        let mut classes = workload
            .actions
            .iter()
            .flat_map(|a| &a.requests)
            .map(|&(c, _)| &plan.classes[c]);
        let has_memory = classes.any(|c| {
            let lanes = &plan.lanes[c.first_lane..c.first_lane + c.lanes];
            lanes.iter().any(Lane::has_memory)
        });
        let shares: Vec<f64> = workload.actions.iter().map(|a| a.weight).collect();
        let sums = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        WorkloadState {
            arrivals_key,
            trace_key: key.named("trace"),
            job_key: key.named("job"),
            arrivals,
            active,
            density: None,
            one_by_one: false,
            tokens: workload
                .retry
                .retry_quota
                .map(|q| RetryTokens::new(q, workload.clients)),
            processes: vec![
                None;
                match workload.client_cache {
                    Some(c) => c.scope.cache_of(workload.clients - 1) as usize + 1,
                    None => 0,
                }
            ],
            has_memory,
            is_job: matches!(workload.kind, Kind::Job { .. }),
            waiting: 0,
            followers: (0..plan.workloads.len())
                .filter(|&f| plan.workloads[f].after == Some(w))
                .collect(),
            done: false,
            job: JobState::default(),
            written: Vec::new(),
            sums: sums.collect(),
            shares,
            first_action,
        }
    }
}

/// The action of a trace's row, or one drawn from the mix where the row does not say.
fn trace_action(
    trace: &crate::model::trace::Trace,
    row: &crate::model::trace::Row,
    key: Key,
    sums: &[f64],
) -> usize {
    match trace.actions.get(&(row.operation, row.requester)) {
        Some(actions) if actions.len() > 1 => {
            let drawn = sums.partition_point(|&c| c <= key.unit());
            actions[drawn.min(actions.len() - 1)] as usize
        }
        Some(actions) => actions.first().map_or(0, |&a| a as usize),
        None => 0,
    }
}
