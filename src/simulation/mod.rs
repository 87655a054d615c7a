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
//! S3's request rate, where it is limited, is one more fixed window: each try asks it once, before its needs.
//!
//! At one instant: first what was scheduled (by time of arrival, then class and number), then new
//! arrivals: those that were split, in order of workload, action and number, then those listed.
//!
//! The state of a token bucket or sliding window depends on instants. Their seconds are certified
//! by bounds of that state, on as many parts of the second as it takes; the exact state is
//! recovered when a contended second asks for it (module `held`), which is ordered call by call. But where
//! one token bucket alone decides, order is only needed between a token and the next: as many attempts are
//! admitted there as there are tokens, the first ones; all others lose until the next token, and so do
//! their retries, whatever order they are looked at in. (While it cannot be full: what it lost then would
//! depend on instants. Retry quotas need the order of what is won and lost.)
//!
//! Clients that hold back what they send are looked at in order while they do (module `guarded`).
//!
//! What caches miss in a counted second is drawn directly where it can be (module `misses`): there counting
//! and simulating agree in distribution, everywhere else to the digit.
//!
//! Not counted: seconds of running jobs.

/// Where what arrived at an instant is counted.
macro_rules! record_at {
    ($world:expr, $at:expr) => {
        if $at >= $world.warm_up {
            &mut $world.record
        } else {
            &mut $world.unmeasured
        }
    };
}

/// Where what a request counts is added.
macro_rules! record_of {
    ($world:expr, $request:expr) => {
        record_at!($world, $request.arrived)
    };
}

mod caches;
mod drawn;
mod flights;
mod guarded;
mod held;
mod jobs;
mod life;
mod losers;
mod misses;
mod process;
pub mod record;
mod request;
pub mod sample;
mod slots;

use crate::engine::SECOND;
use crate::engine::calendar::{Calendar, SLOTS};
use crate::engine::limiter::Limiter;
use crate::engine::random::Key;
use crate::model::arrivals::{Beginning, OpenProcess};
use crate::model::bucket_key::{BucketKeyCache, BucketKeyId};
use crate::model::retry::{RetryDelays, RetryTokens};
use crate::model::{CacheUse, Class, Kind, Lane, Plan, Workload};
use drawn::{Drawn, Selection, Spread};
use guarded::Guards;
use held::Held;
use misses::Misses;
use record::{Delays, QuotaRecord, Record};
use request::Request;
use sample::Sampler;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How a replication is run.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions<'a> {
    /// Master seed.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u64,
    /// Simulate everything call by call, certified or not.
    pub simulate_all: bool,
    /// Where simulated seconds are added up for whoever watches.
    pub progress: Option<&'a AtomicU64>,
    /// How many KMS calls, and how many requests, to sample of those that CloudTrail delivers.
    pub sample: usize,
    /// Set by whoever wants the simulation to stop. It is looked at in every simulated second and in every
    /// slot of one that is contended.
    pub cancel: Option<&'a AtomicBool>,
}

impl SimulationOptions<'_> {
    /// Whether the simulation has been asked to stop.
    #[inline]
    fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// The simulation was asked to stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulation was cancelled")]
pub struct Cancelled;

/// Runs one island of a plan through one replication.
///
/// # Errors
/// [`Cancelled`] where [`SimulationOptions::cancel`] was set before the end.
pub fn simulate(
    plan: &Plan,
    island: &[usize],
    options: SimulationOptions<'_>,
) -> Result<Record, Cancelled> {
    let mut world = World::new(plan, island, options);
    world.run()?;
    let mut record = world.record;
    if let Some(sampler) = world.sampler {
        (record.calls_sampled, record.requests_sampled) = sampler.into_samples();
    }
    Ok(record)
}

/// The random numbers of one replication.
pub fn replication_key(seed: u64, replication: u64) -> Key {
    Key::root(seed, replication)
}

/// The key of the arrivals of one action, under which those of each second stand by its number.
pub fn action_key(replication: Key, workload: &str, action: &str) -> Key {
    replication.named(workload).named("requests").named(action)
}

/// A class, compact.
struct ClassState {
    workload: u32,
    first_lane: u32,
    lanes: u32,
    /// The quota of its only need, which nothing else can meet; `SEVERAL` where there is more to it.
    only_quota: u32,
    /// S3's request rate that each try draws on first; `UNLIMITED` where it is not limited.
    request_rate: u32,
    /// Whether it is asked of S3.
    is_s3: bool,
    /// Whether it is denied.
    is_denied: bool,
    /// What its requests count: those of the measured time, and those of the warm-up.
    tally: [Tally; 2],
}

/// Counters of a class until they are added to the record: all but `failed` and `delays` are for requests that
/// only one quota can refuse.
#[derive(Default)]
struct Tally {
    requests: u64,
    /// Attempts that were throttled.
    throttled: u64,
    /// Requests that failed in slots in which all lose.
    failed: u64,
    /// Requests that ended well, at once or after they were put off.
    undelayed: u64,
    delayed: u64,
    /// Delays of those that were put off; they go to the record in the end.
    delays: Delays,
}

const SEVERAL: u32 = u32::MAX;
const UNLIMITED: u32 = u32::MAX;

impl ClassState {
    fn new(plan: &Plan, class: &Class) -> ClassState {
        let lanes = plan.lanes_of(class);
        let retry = &plan.workloads[class.workload].retry;
        let guarded = retry.rate_limiter.is_some() || retry.circuit_breaker.is_some();
        let only_quota = match lanes {
            _ if guarded || class.request_rate.is_some() => SEVERAL,
            [lane] if !lane.has_memory() && lane.quotas.len() == 1 => lane.quotas[0] as u32,
            _ => SEVERAL,
        };
        ClassState {
            workload: class.workload as u32,
            first_lane: class.first_lane as u32,
            lanes: class.lanes as u32,
            only_quota,
            request_rate: class.request_rate.map_or(UNLIMITED, |q| q as u32),
            is_s3: class.tier.is_some(),
            is_denied: class.denial.is_some(),
            tally: Default::default(),
        }
    }

    /// Adds `n` requests to the record all of whose needs were calls, and admitted.
    fn count(&self, record: &mut Record, class: usize, n: u64) {
        let count = &mut record.classes[class];
        count.requests += n;
        count.succeeded += n;
        count.undelayed[self.lanes as usize] += n;
        if self.request_rate != UNLIMITED {
            count.tries += n;
        }
        for lane in &mut record.lanes[self.lanes()] {
            lane.needs += n;
            lane.calls += n;
            lane.attempts += n;
        }
    }

    #[inline(always)]
    fn lanes(&self) -> std::ops::Range<usize> {
        self.first_lane as usize..(self.first_lane + self.lanes) as usize
    }

    /// Whether a request of it gives something back to its client's retry quota when it ends well. A 403
    /// is no success, but nothing to retry either; what a client-side cache meets asks nobody.
    #[inline(always)]
    fn earns(&self, calls: usize) -> bool {
        !self.is_denied && (self.is_s3 || calls > 0)
    }

    /// Whether no quota can refuse its requests.
    #[inline(always)]
    fn asks_nobody(&self) -> bool {
        self.lanes == 0 && self.request_rate == UNLIMITED
    }
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

/// Shows the quotas that one try of a request of a class may ask: S3's request rate, then one for each need.
#[inline(always)]
fn for_each_asked(
    classes: &[ClassState],
    lanes: &[LaneState],
    class: u32,
    mut show: impl FnMut(usize),
) {
    let class = &classes[class as usize];
    if class.only_quota != SEVERAL {
        return show(class.only_quota as usize);
    }
    if class.request_rate != UNLIMITED {
        show(class.request_rate as usize);
    }
    for lane in &lanes[class.lanes()] {
        lane.quotas().iter().for_each(|&q| show(q as usize));
    }
}

/// A quota with its state and what this second saw of it.
struct QuotaState {
    limiter: Limiter,
    attempts: u64,
    throttled: u64,
    /// Most that the new arrivals of this second could offer.
    arriving: u64,
    /// Most that could be offered in this second, in each of so many equal parts of it.
    parts: Vec<u64>,
    /// Most that could be offered in each slot of a contended second.
    demand: Vec<u32>,
}

impl QuotaState {
    /// Counts attempts that it refuses.
    #[inline(always)]
    fn refuse(&mut self, n: u64) {
        self.attempts += n;
        self.throttled += n;
    }
}

/// State of one workload.
struct WorkloadState {
    arrivals_key: Key,
    trace_key: Key,
    job_key: Key,
    arrivals: Option<OpenProcess>,
    /// Open: active seconds.
    active: std::ops::Range<u64>,
    clients: u32,
    /// Clients with a retry quota each, 1 where they have one together.
    payers: u32,
    turn: life::Turn,
    retry: RetryDelays,
    tokens: Option<RetryTokens>,
    /// What may hold its clients' requests back.
    guards: Option<Box<Guards>>,
    /// Most tokens of its client's retry quota that a loser may ask for within a slot.
    asks: u32,
    processes: Vec<Option<process::Process>>,
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
    /// How many of its requests earn.
    earning: u32,
}

struct World<'a> {
    plan: &'a Plan,
    options: SimulationOptions<'a>,
    calendar: Calendar<Request>,
    classes: Vec<ClassState>,
    lanes: Vec<LaneState>,
    quotas: Vec<QuotaState>,
    /// Quotas of this island, and those among them whose state depends on instants.
    quotas_here: Vec<usize>,
    timed: Vec<usize>,
    workloads: Vec<WorkloadState>,
    /// Workloads of this island.
    open: Vec<usize>,
    jobs: Vec<usize>,
    /// Open ones that others follow.
    followed: Vec<usize>,
    /// Workloads of this island whose clients may hold requests back.
    guarded: Vec<usize>,
    /// The quota that alone decides about all attempts; never asked for where all is simulated, call by call.
    sole_quota: Option<usize>,
    /// Whether order matters beyond the quotas: caches or retry quotas.
    has_memory: bool,
    has_tokens: bool,
    /// Whether a message may wait for another's fetch: its call then comes later than its arrival.
    has_waits: bool,
    actions: Vec<ActionState>,
    class_action: Vec<u32>,
    bucket_keys: Vec<BucketKeyCache>,
    /// Fetches that others wait for, where they do.
    flights: Option<flights::Flights>,
    warm_up: u64,
    /// The first second whose arrivals are still to be drawn.
    undrawn: u64,
    record: Record,
    sampler: Option<Sampler>,
    /// Counters of requests that arrived in the warm-up, which nobody reads.
    unmeasured: Record,
    selection: Selection,
    // The present second.
    drawn: Drawn,
    spread: Spread,
    /// Whether its slots are weighed against what the quotas have left.
    weighed: bool,
    /// Arrivals of each action that were counted.
    counted: Vec<u64>,
    /// Those of whole seconds, until they are added to the record: in the measured time, and in the warm-up.
    whole: [Vec<u64>; 2],
    lost: losers::Lost,
    /// Counted seconds since the state of `timed` was known.
    held: Held,
    /// What is drawn of caches.
    misses: Misses<'a>,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, island: &[usize], options: SimulationOptions<'a>) -> World<'a> {
        let root = replication_key(options.seed, options.replication);
        let mut here = vec![false; plan.workloads.len()];
        island.iter().for_each(|&w| here[w] = true);
        let mut used = vec![false; plan.quotas.len()];
        for class in plan.classes.iter().filter(|c| here[c.workload]) {
            class.request_rate.iter().for_each(|&q| used[q] = true);
            for lane in plan.lanes_of(class) {
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
        let quotas: Vec<QuotaState> = plan
            .quotas
            .iter()
            .zip(&used)
            .map(|(q, &used)| QuotaState {
                limiter: Limiter::new(q.shape, &q.steps),
                attempts: 0,
                throttled: 0,
                arriving: 0,
                parts: vec![0],
                demand: vec![0; if used { SLOTS } else { 0 }],
            })
            .collect();
        let quotas_here: Vec<usize> = (0..plan.quotas.len()).filter(|&q| used[q]).collect();
        let timed = quotas_here.iter().copied();
        let uses = |f: &dyn Fn(&CacheUse) -> bool| {
            let mut caches = island.iter().flat_map(|&w| &plan.workloads[w].client_cache);
            caches.any(|c| f(&c.uses))
        };
        let has_flights = plan.lanes.iter().any(Lane::has_single_flight)
            || uses(&|u| matches!(u, CacheUse::DataKeys(c) if c.single_flight));
        let mut world = World {
            plan,
            options,
            calendar: Calendar::new(),
            classes: plan
                .classes
                .iter()
                .map(|c| ClassState::new(plan, c))
                .collect(),
            lanes: lanes.collect(),
            timed: timed
                .filter(|&q| quotas[q].limiter.needs_instants())
                .collect(),
            quotas,
            quotas_here,
            open: island.iter().copied().filter(is_open).collect(),
            jobs: island.iter().copied().filter(|w| !is_open(w)).collect(),
            followed: island
                .iter()
                .copied()
                .filter(|&w| is_open(&w) && !workloads[w].followers.is_empty())
                .collect(),
            guarded: island
                .iter()
                .copied()
                .filter(|&w| workloads[w].guards.is_some())
                .collect(),
            sole_quota: None,
            has_memory: island.iter().any(|&w| workloads[w].has_memory),
            has_tokens: island.iter().any(|&w| workloads[w].tokens.is_some()),
            has_waits: has_flights
                || uses(
                    &|u| matches!(u, CacheUse::BranchKeys(c) if c.settings.storm_tracking.is_some()),
                ),
            workloads,
            counted: vec![0; actions.len()],
            whole: [vec![0; actions.len()], vec![0; actions.len()]],
            actions,
            class_action,
            bucket_keys: plan
                .bucket_key_caches
                .iter()
                .map(|&c| BucketKeyCache::new(c))
                .collect(),
            flights: has_flights.then(flights::Flights::default),
            warm_up: plan.warm_up_s * SECOND,
            undrawn: 0,
            sampler: (options.sample > 0).then(|| Sampler::new(plan, options.sample, root)),
            record: Record::new(
                plan.classes.len(),
                plan.lanes.len(),
                plan.quotas.len(),
                plan.workloads.len(),
            ),
            unmeasured: Record::new(plan.classes.len(), plan.lanes.len(), 0, 0),
            selection: Selection::default(),
            drawn: Drawn::default(),
            spread: Spread::default(),
            weighed: false,
            lost: losers::Lost::default(),
            held: Held::default(),
            misses: Misses::default(),
        };
        if !options.simulate_all {
            world.sole_quota = world.find_sole_quota();
            let (timed, caches) = (&world.timed, &mut world.bucket_keys);
            world.misses = Misses::new(plan, island, &world.workloads, timed, caches);
        }
        world
    }

    /// The quota that is the only need of every request that has any, where no job makes requests of its own.
    fn find_sole_quota(&self) -> Option<usize> {
        let &[quota] = &self.quotas_here[..] else {
            return None;
        };
        let actions = self.open.iter().flat_map(|&w| {
            let first = self.workloads[w].first_action;
            &self.actions[first..first + self.plan.workloads[w].actions.len()]
        });
        let mut asking = actions.filter(|a| !a.demand.is_empty());
        let is_sole = |c: u32| self.classes[c as usize].only_quota == quota as u32;
        (self.jobs.is_empty() && asking.all(|a| a.classes().all(is_sole))).then_some(quota)
    }

    fn run(&mut self) -> Result<(), Cancelled> {
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
            // What a second has left unfinished is looked at by nobody.
            if self.options.is_cancelled() {
                return Err(Cancelled);
            }
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
        self.add_tallies();
        for (c, class) in self.classes.iter_mut().enumerate() {
            let records = [&mut self.record, &mut self.unmeasured];
            for (tally, record) in class.tally.iter_mut().zip(records) {
                record.delays[c] = std::mem::take(&mut tally.delays);
            }
        }
        self.record.attempts_expanded += self.unmeasured.attempts_expanded;
        self.record.close_periods(second.saturating_sub(1));
        Ok(())
    }

    /// Adds what the classes tallied and whole seconds counted to the record.
    fn add_tallies(&mut self) {
        let records = [&mut self.record, &mut self.unmeasured];
        for (whole, record) in self.whole.iter_mut().zip(records) {
            let actions = self.plan.workloads.iter().flat_map(|w| &w.actions);
            for (n, action) in whole.iter_mut().zip(actions) {
                let n = std::mem::take(n);
                for &(class, each) in action.requests.iter().filter(|_| n > 0) {
                    self.classes[class].count(record, class, n * u64::from(each));
                }
            }
        }
        for (c, class) in self.classes.iter_mut().enumerate() {
            let records = [&mut self.record, &mut self.unmeasured];
            for (tally, record) in class.tally.iter_mut().zip(records) {
                let delays = std::mem::take(&mut tally.delays);
                let tally = std::mem::replace(
                    tally,
                    Tally {
                        delays,
                        ..Tally::default()
                    },
                );
                record.classes[c].failed += tally.failed;
                if class.only_quota == SEVERAL {
                    continue;
                }
                let admitted = tally.undelayed + tally.delayed;
                let attempts = admitted + tally.throttled;
                record.attempts_expanded += attempts;
                let count = &mut record.classes[c];
                count.requests += tally.requests;
                count.succeeded += admitted;
                count.undelayed[1] += tally.undelayed;
                let lane = &mut record.lanes[class.first_lane as usize];
                lane.needs += tally.requests;
                lane.calls += tally.requests;
                lane.attempts += attempts;
                lane.throttled_by[0] += tally.throttled;
            }
        }
    }

    /// One second: draw, certify, then count or go through its slots.
    fn second(&mut self, second: u64) {
        if self.record.closes_periods(second) {
            self.add_tallies();
            self.record.close_periods(second);
        }
        self.finish_open(second);
        self.order_guarded(false);
        self.draw(second);
        self.remember(second);
        if !self.options.simulate_all && self.certify(second) {
            self.quiet(second);
        } else {
            self.contended(second);
        }
        self.sample(second);
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

    /// Whether nobody can be throttled in this second.
    fn certify(&mut self, second: u64) -> bool {
        let paced = !self.timed.is_empty() && self.is_paced();
        if self.jobs_run() || self.has_job_start(second) || paced {
            return false;
        }
        for &q in &self.quotas_here {
            self.quotas[q].arriving = 0;
        }
        for &(count, q, each) in &self.selection.demand {
            self.quotas[q as usize].arriving += self.drawn.counts[count as usize] * each;
        }
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            quota.parts.clear();
            quota.parts.push(quota.arriving);
        }
        self.add_waiting();
        // Most contended seconds are told by the new arrivals alone.
        if self.exceeds_a_window(second) {
            return false;
        }
        if self.calendar.len_of(second) > 0 {
            let events = self.calendar.events_of(second);
            for entry in events.filter(|e| e.event.step.may_ask()) {
                let quotas = &mut self.quotas;
                for_each_asked(&self.classes, &self.lanes, entry.event.class, |q| {
                    quotas[q].parts[0] += 1;
                });
            }
            if self.exceeds_a_window(second) {
                return false;
            }
        }
        self.timed.is_empty() || (!self.has_waits && self.certify_timed(second))
    }

    /// Whether more could be offered to a fixed window than it has room for.
    fn exceeds_a_window(&mut self, second: u64) -> bool {
        self.quotas_here.iter().any(|&q| {
            let quota = &mut self.quotas[q];
            let room = quota.limiter.room_in(second);
            room.is_some_and(|room| quota.parts[0] > room)
        })
    }

    /// A certified second: counted, but for what is looked at one by one.
    fn quiet(&mut self, second: u64) {
        self.record.seconds_counted += 1;
        if !self.timed.is_empty() {
            self.begin_held(second);
        }
        self.weighed = false;
        self.draw_misses(second);
        let mut one_by_one = self.calendar.len_of(second) > 0;
        let memory = self
            .drawn
            .workloads
            .iter()
            .any(|d| d.has_memory || d.one_by_one);
        if !one_by_one && !memory && self.timed.is_empty() {
            return self.count_second(second);
        }
        for d in &self.drawn.workloads {
            if d.one_by_one {
                one_by_one = true;
            } else {
                let counted = &mut self.counted[d.first_action..d.first_action + d.actions];
                counted.copy_from_slice(self.drawn.counts_of(d));
            }
        }
        self.add_counted(second, true);
        if one_by_one {
            self.spread(true);
            self.calendar.open(second);
            for slot in 0..SLOTS {
                if self.options.is_cancelled() {
                    return;
                }
                if self.begin_slot(slot) {
                    self.count_slot(slot, second);
                }
            }
            self.add_counted(second, false);
        }
        if !self.timed.is_empty() {
            self.end_held(second);
        }
    }

    /// Counts a second in which nothing is looked at: its new arrivals, and nothing else.
    fn count_second(&mut self, second: u64) {
        let whole = &mut self.whole[usize::from(second < self.plan.warm_up_s)];
        for (&action, n) in self.selection.actions.iter().zip(&self.drawn.counts) {
            whole[action as usize] += n;
        }
        for &q in &self.quotas_here {
            let quota = &mut self.quotas[q];
            quota.attempts += quota.arriving;
            quota.limiter.take_counted(quota.arriving);
        }
    }

    /// Adds what was counted to the counters; with `take`, its room is taken from the quotas too.
    fn add_counted(&mut self, second: u64, take: bool) {
        let record = record_at!(self, second * SECOND);
        for d in &self.drawn.workloads {
            let actions = &self.plan.workloads[d.workload].actions;
            for (a, action) in actions.iter().enumerate() {
                let n = std::mem::take(&mut self.counted[d.first_action + a]);
                if n == 0 {
                    continue;
                }
                for &(class_index, each) in &action.requests {
                    let class = &self.classes[class_index];
                    let n = n * u64::from(each);
                    class.count(record, class_index, n);
                    if class.request_rate != UNLIMITED {
                        let quota = &mut self.quotas[class.request_rate as usize];
                        quota.attempts += n;
                        if take {
                            quota.limiter.take_counted(n);
                        }
                    }
                    for l in class.lanes() {
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
            let lanes = plan.lanes_of(c);
            let needs = lanes.iter().flat_map(|lane| &lane.quotas);
            for &q in c.request_rate.iter().chain(needs) {
                match demand.iter_mut().find(|d| d.0 == q) {
                    Some(d) => d.1 += u64::from(n),
                    None => demand.push((q, u64::from(n))),
                }
            }
        }
        let class = parts.first().copied().unwrap_or(0);
        let earns = |c: &&u32| plan.classes[**c as usize].denial.is_none();
        let earning = parts.iter().filter(earns).count() as u32;
        if parts.len() == 1 {
            parts.clear();
        }
        ActionState {
            key,
            demand,
            parts,
            class,
            earning,
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
                arrivals: shape,
                start,
                stop,
            } if workload.after.is_none() => {
                arrivals = Some(shape.begin(&Beginning {
                    start: *start,
                    key: arrivals_key,
                    clock: &plan.clock,
                }));
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
            let lanes = plan.lanes_of(c);
            lanes.iter().any(Lane::has_memory)
        });
        let shares: Vec<f64> = workload.actions.iter().map(|a| a.weight).collect();
        let sums = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        let requests = workload.actions.iter().flat_map(|a| &a.requests);
        let is_s3 = requests
            .clone()
            .any(|&(c, _)| plan.classes[c].tier.is_some());
        let quota = workload.retry.retry_quota;
        let tokens = quota.map(|q| RetryTokens::new(q, workload.clients));
        let shared = quota.is_some_and(|q| q.shared);
        let payers = if shared { 1 } else { workload.clients.max(1) };
        WorkloadState {
            arrivals_key,
            trace_key: key.named("trace"),
            job_key: key.named("job"),
            arrivals,
            active,
            clients: workload.clients.max(1),
            turn: life::Turn::new(&workload.kind),
            retry: RetryDelays::new(&workload.retry),
            payers,
            guards: Guards::new(workload, has_memory, is_s3),
            asks: tokens
                .as_ref()
                .map_or(0, |t| t.cost_of(workload.retry.max_attempts)),
            tokens,
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
