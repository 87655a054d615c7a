//! A second simulator of the whole chain, from docs/MODEL.md and docs/SCENARIO.md alone: one heap, one loop, randomness of its own.
//!
//! It does nothing fast and shares nothing with the engine. Scenarios in which many parts meet are run by both and compared by
//! interval: arrivals of several shapes, limiters, S3's request rates, bucket keys with their partitions and lives, data-key caches,
//! every guard of retries, jobs.

use crate::common::{Rng, Sample, T, run, values};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

const THROTTLED_LATENCY: f64 = 0.004;

/// A lognormal time: median and σ of its logarithm.
type Time = (f64, f64);

fn draw(r: &mut Rng, (median, sigma): Time) -> f64 {
    let (u, v) = (r.unit(), r.unit());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    median * (sigma * normal).exp()
}

enum Limiter {
    Fixed,
    Sliding,
    Bucket { burst: f64 },
}

/// A quota, and what it has admitted.
struct Quota {
    limiter: Limiter,
    /// From when on which limit holds.
    limits: Vec<(f64, f64)>,
    second: u64,
    used: f64,
    admitted: VecDeque<f64>,
    tokens: f64,
    looked: f64,
}

impl Quota {
    fn new(limiter: Limiter, limits: Vec<(f64, f64)>) -> Quota {
        let tokens = match limiter {
            Limiter::Bucket { burst } => burst * limits[0].1,
            Limiter::Fixed | Limiter::Sliding => 0.0,
        };
        Quota {
            limiter,
            limits,
            second: 0,
            used: 0.0,
            admitted: VecDeque::new(),
            tokens,
            looked: 0.0,
        }
    }

    fn admits(&mut self, at: f64) -> bool {
        let limit = self
            .limits
            .iter()
            .rfind(|(from, _)| *from <= at)
            .map_or(0.0, |l| l.1);
        match self.limiter {
            Limiter::Fixed => {
                if at as u64 != self.second {
                    (self.second, self.used) = (at as u64, 0.0);
                }
                let room = self.used < limit;
                self.used += f64::from(u8::from(room));
                room
            }
            Limiter::Sliding => {
                while self
                    .admitted
                    .front()
                    .is_some_and(|first| *first <= at - 1.0)
                {
                    self.admitted.pop_front();
                }
                let room = (self.admitted.len() as f64) < limit;
                if room {
                    self.admitted.push_back(at);
                }
                room
            }
            Limiter::Bucket { burst } => {
                self.tokens = (self.tokens + (at - self.looked) * limit).min(burst * limit);
                self.looked = at;
                let room = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(room));
                room
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Jitter {
    None,
    Full,
    Equal,
    Around,
    Decorrelated,
}

#[derive(Clone, Copy)]
struct Tokens {
    capacity: f64,
    cost: f64,
    /// Of an answer that shows its status alone.
    status_cost: f64,
    refund: f64,
    /// Whether a success after retries gives back what its last one took.
    gives_back: bool,
    shared: bool,
}

#[derive(Clone, Copy)]
enum Guard {
    Nothing,
    Tokens(Tokens),
    Breaker {
        open: f64,
        window: usize,
        threshold: f64,
        /// Retries alone.
        retries: bool,
    },
    Brake {
        hold: f64,
        window: usize,
        threshold: f64,
    },
}

#[derive(Clone, Copy)]
struct Retry {
    attempts: u32,
    initial: f64,
    status_initial: f64,
    cap: f64,
    jitter: Jitter,
    guard: Guard,
}

/// What a client has of its own.
#[derive(Clone, Default)]
struct Client {
    tokens: f64,
    outcomes: VecDeque<bool>,
    /// An open breaker, or a brake that holds: from when until when.
    shut: Option<(f64, f64)>,
    trial: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A read of an object that was there before, under a bucket key of the bucket's archive or one data key each.
    Get,
    Put,
    /// A read of an object with a data key of its own.
    Plain,
    Head,
    /// A data key for a message, through the client's cache if it has one.
    Message,
    /// An application's own call.
    Call,
}

enum When {
    /// Requests a second at a time, at most so many.
    Open(Box<dyn Fn(f64) -> f64>, f64),
    Job {
        workers: u64,
        objects: u64,
        think: Time,
    },
}

struct Flow {
    name: &'static str,
    when: When,
    clients: u64,
    mix: Vec<(f64, Kind)>,
    retry: Retry,
    /// S3's limits on reads and writes.
    prefixes: Option<f64>,
    /// Shares of the objects.
    objects: Vec<f64>,
    data_keys: Option<DataKeys>,
}

#[derive(Clone, Copy)]
struct DataKeys {
    age: f64,
    messages: u64,
    capacity: usize,
}

/// A bucket with bucket keys: keys of its archive, share of older objects, partitions, life, and whether a use renews it.
#[derive(Clone, Copy)]
struct Keys {
    archived: usize,
    older: f64,
    partitions: u64,
    life: f64,
    sliding: bool,
}

struct World {
    flows: Vec<Flow>,
    quota: fn() -> Quota,
    horizon: f64,
    keys: Option<Keys>,
    kms: Time,
    s3: Time,
}

#[derive(Clone, Default)]
struct Found {
    requests: f64,
    failed: f64,
    calls: f64,
    attempts: f64,
    throttled: f64,
    s3_throttled: f64,
    done: f64,
}

#[derive(Clone)]
struct Request {
    arrived: f64,
    flow: usize,
    kind: Kind,
    client: usize,
    object: usize,
    is_older: bool,
    failures: u32,
    wait: f64,
    cost: f64,
    called: bool,
    /// Its client-side cache has been asked.
    missed: bool,
    /// Which partition of bucket keys it goes to, again at each try.
    partition: Option<u64>,
    /// Which job's worker waits for it.
    is_job: bool,
}

enum Event {
    Arrival(usize),
    Worker(usize),
    Try(Request),
}

/// By time; at one instant what was to come again is first, by its arrival.
struct Due(f64, (f64, u64), Event);

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        let (tie, theirs) = (self.1, other.1);
        let by_arrival = theirs.0.total_cmp(&tie.0).then(theirs.1.cmp(&tie.1));
        other.0.total_cmp(&self.0).then(by_arrival)
    }
}

/// What a cache holds of one key: when KMS's answer is there, and until when it serves.
#[derive(Clone, Copy)]
struct Held {
    ready: f64,
    until: f64,
}

#[derive(Clone)]
struct DataKey {
    context: usize,
    ready: f64,
    messages: u64,
}

struct Simulation<'w> {
    world: &'w World,
    r: Rng,
    due: BinaryHeap<Due>,
    number: u64,
    quota: Quota,
    s3: BTreeMap<(usize, bool), (u64, f64)>,
    clients: Vec<Vec<Client>>,
    found: Vec<Found>,
    /// By partition and key; which key an object is under.
    held: HashMap<(u64, usize), Held>,
    key_of: Vec<usize>,
    asked: u64,
    data_keys: HashMap<(usize, usize), VecDeque<DataKey>>,
    left: Vec<u64>,
}

impl Simulation<'_> {
    fn at(&mut self, time: f64, event: Event) {
        self.number += 1;
        let arrived = match &event {
            Event::Try(request) => request.arrived,
            Event::Arrival(_) | Event::Worker(_) => time,
        };
        self.due.push(Due(time, (arrived, self.number), event));
    }

    /// The next arrival of a flow, by thinning.
    fn arrive_after(&mut self, flow: usize, mut now: f64) {
        let When::Open(rate, most) = &self.world.flows[flow].when else {
            return;
        };
        loop {
            now += self.r.exponential() / most;
            if now >= self.world.horizon {
                return;
            }
            if self.r.unit() * most < rate(now) {
                return self.at(now, Event::Arrival(flow));
            }
        }
    }

    fn request(&mut self, flow: usize, arrived: f64, is_job: bool) -> Request {
        let f = &self.world.flows[flow];
        let all: f64 = f.mix.iter().map(|m| m.0).sum();
        let mut pick = self.r.unit() * all;
        let kind = f.mix.iter().find(|(w, _)| {
            pick -= w;
            pick < 0.0
        });
        let mut pick = self.r.unit() * f.objects.iter().sum::<f64>();
        let object = f.objects.iter().position(|w| {
            pick -= w;
            pick < 0.0
        });
        let older = self.world.keys.map_or(0.0, |k| k.older);
        self.found[flow].requests += 1.0;
        Request {
            arrived,
            flow,
            kind: kind.unwrap_or(&f.mix[0]).1,
            client: self.r.below(f.clients) as usize,
            object: object.unwrap_or(0),
            is_older: self.r.unit() < older,
            failures: 0,
            wait: 0.0,
            cost: 0.0,
            called: false,
            missed: false,
            partition: None,
            is_job,
        }
    }

    /// Whether what is held meets a request's need of KMS at this time; `None`: it needs nothing.
    fn is_met(&mut self, q: &mut Request, now: f64) -> bool {
        match q.kind {
            Kind::Head => true,
            Kind::Call | Kind::Plain => false,
            Kind::Message => {
                let Some(rules) = self.world.flows[q.flow].data_keys else {
                    return false;
                };
                if q.missed {
                    return false;
                }
                q.missed = true;
                let cache = self.data_keys.entry((q.flow, q.client)).or_default();
                let Some(place) = cache
                    .iter()
                    .position(|e| e.context == q.object && e.ready <= now)
                else {
                    return false;
                };
                let entry = &mut cache[place];
                entry.messages += 1;
                if now - entry.ready <= rules.age && entry.messages <= rules.messages {
                    return true;
                }
                cache.remove(place);
                false
            }
            Kind::Get | Kind::Put => {
                let Some(keys) = self.world.keys else {
                    return false;
                };
                if q.kind == Kind::Get && q.is_older {
                    return false;
                }
                let key = if q.kind == Kind::Put {
                    usize::MAX
                } else {
                    self.key_of[q.object]
                };
                let partition = *q.partition.get_or_insert_with(|| {
                    self.asked += 1;
                    self.asked % keys.partitions
                });
                let held = self.held.get_mut(&(partition, key));
                let serves = held.filter(|h| h.ready <= now && now < h.until);
                serves.is_some_and(|h| {
                    if keys.sliding {
                        h.until = now + keys.life;
                    }
                    true
                })
            }
        }
    }

    /// KMS will answer a request's call at `ready`.
    fn fetched(&mut self, q: &Request, ready: f64) {
        match (q.kind, self.world.keys) {
            (Kind::Message, _) => {
                let Some(rules) = self.world.flows[q.flow].data_keys else {
                    return;
                };
                // Answers of milliseconds: put in at once, to be found from then on.
                let cache = self.data_keys.entry((q.flow, q.client)).or_default();
                cache.retain(|e| e.context != q.object);
                if cache.len() >= rules.capacity {
                    cache.pop_front();
                }
                cache.push_back(DataKey {
                    context: q.object,
                    ready,
                    messages: 1,
                });
            }
            (Kind::Get | Kind::Put, Some(keys)) if !(q.kind == Kind::Get && q.is_older) => {
                let key = if q.kind == Kind::Put {
                    usize::MAX
                } else {
                    self.key_of[q.object]
                };
                let place = (q.partition.unwrap_or(0), key);
                let held = self.held.get(&place).copied();
                // The first answer serves.
                let ready = held
                    .filter(|h| h.until > ready)
                    .map_or(ready, |h| h.ready.min(ready));
                self.held.insert(
                    place,
                    Held {
                        ready,
                        until: ready + keys.life,
                    },
                );
            }
            _ => {}
        }
    }

    fn attempt(&mut self, mut q: Request, now: f64) {
        let flow = &self.world.flows[q.flow];
        let retry = flow.retry;
        let client = &mut self.clients[q.flow][if is_shared(&retry) { 0 } else { q.client }];
        match retry.guard {
            Guard::Brake { .. } => {
                if let Some((from, until)) = client.shut
                    && (from..until).contains(&now)
                {
                    return self.at(until, Event::Try(q));
                }
            }
            Guard::Breaker { retries, .. } => {
                if let Some((_, until)) = client.shut {
                    if now < until && (q.failures > 0 || !retries) {
                        return self.give_up(&q, now);
                    }
                    client.trial = now >= until;
                }
            }
            Guard::Nothing | Guard::Tokens(_) => {}
        }
        let mut refused = false;
        if let Some(prefixes) = flow.prefixes {
            let writes = q.kind == Kind::Put;
            let limit = prefixes * if writes { 3_500.0 } else { 5_500.0 };
            let (second, used) = self.s3.entry((q.flow, writes)).or_default();
            if *second != now as u64 {
                (*second, *used) = (now as u64, 0.0);
            }
            refused = *used >= limit;
            *used += 1.0;
            self.found[q.flow].s3_throttled += f64::from(u8::from(refused));
        }
        let mut answer = 0.0;
        if !refused && !self.is_met(&mut q, now) {
            let found = &mut self.found[q.flow];
            found.calls += f64::from(u8::from(!q.called));
            q.called = true;
            found.attempts += 1.0;
            refused = !self.quota.admits(now);
            found.throttled += f64::from(u8::from(refused));
            if !refused {
                answer = draw(&mut self.r, self.world.kms);
                self.fetched(&q, now + answer);
            }
        }
        self.hear(&q, refused, now);
        if !refused {
            return self.answered(&q, now + answer);
        }
        q.failures += 1;
        let client = &mut self.clients[q.flow][if is_shared(&retry) { 0 } else { q.client }];
        let status = q.kind == Kind::Head;
        if let Guard::Tokens(t) = retry.guard {
            q.cost = if status { t.status_cost } else { t.cost };
            if client.tokens < q.cost || q.failures >= retry.attempts {
                return self.give_up(&q, now + THROTTLED_LATENCY);
            }
            client.tokens -= q.cost;
        } else if q.failures >= retry.attempts {
            return self.give_up(&q, now + THROTTLED_LATENCY);
        }
        let initial = if status {
            retry.status_initial
        } else {
            retry.initial
        };
        let bound = (initial * 2_f64.powi(q.failures as i32 - 1)).min(retry.cap);
        let wait = match retry.jitter {
            Jitter::None => bound,
            Jitter::Full => self.r.unit() * bound,
            Jitter::Equal => bound / 2.0 * (1.0 + self.r.unit()),
            Jitter::Around => bound * (0.5 + self.r.unit()),
            Jitter::Decorrelated => {
                let before = if q.failures == 1 { initial } else { q.wait };
                (initial + self.r.unit() * (3.0 * before - initial)).min(retry.cap)
            }
        };
        q.wait = wait;
        self.at(now + THROTTLED_LATENCY + wait, Event::Try(q));
    }

    /// What guards the client's retries hears how an attempt ended.
    fn hear(&mut self, q: &Request, refused: bool, now: f64) {
        let retry = self.world.flows[q.flow].retry;
        let client = &mut self.clients[q.flow][if is_shared(&retry) { 0 } else { q.client }];
        match retry.guard {
            Guard::Nothing => {}
            Guard::Tokens(t) => {
                if !refused {
                    let back = if q.failures > 0 && t.gives_back {
                        q.cost
                    } else {
                        t.refund
                    };
                    client.tokens = (client.tokens + back).min(t.capacity);
                }
            }
            Guard::Breaker {
                open,
                window,
                threshold,
                ..
            } => {
                if client.shut.is_some() && !client.trial {
                    // Open, it learns nothing of the first attempts that it lets through.
                    return;
                }
                client.outcomes.push_back(refused);
                if client.outcomes.len() > window {
                    client.outcomes.pop_front();
                }
                if std::mem::take(&mut client.trial) {
                    client.shut = None;
                    client.outcomes.clear();
                    if refused {
                        client.shut = Some((now, now + THROTTLED_LATENCY + open));
                    }
                    return;
                }
                let share = client.outcomes.iter().filter(|o| **o).count() as f64 / window as f64;
                if refused && share >= threshold {
                    client.shut = Some((now, now + THROTTLED_LATENCY + open));
                }
            }
            Guard::Brake {
                hold,
                window,
                threshold,
            } => {
                client.outcomes.push_back(refused);
                if client.outcomes.len() > window {
                    client.outcomes.pop_front();
                }
                let share = client.outcomes.iter().filter(|o| **o).count() as f64 / window as f64;
                if refused && share > threshold {
                    client.shut = Some((now, now + THROTTLED_LATENCY + hold));
                    client.outcomes.clear();
                }
            }
        }
    }

    fn answered(&mut self, q: &Request, at: f64) {
        if q.is_job {
            let latency = draw(&mut self.r, self.world.s3);
            self.worker_is_free(q.flow, at + latency);
        }
    }

    fn give_up(&mut self, q: &Request, at: f64) {
        self.found[q.flow].failed += 1.0;
        if q.is_job {
            self.worker_is_free(q.flow, at);
        }
    }

    fn worker_is_free(&mut self, flow: usize, at: f64) {
        let When::Job { think, .. } = self.world.flows[flow].when else {
            return;
        };
        let found = &mut self.found[flow];
        found.done = found.done.max(at);
        let pause = if think.0 > 0.0 {
            draw(&mut self.r, think)
        } else {
            0.0
        };
        self.at(at + pause, Event::Worker(flow));
    }
}

fn is_shared(retry: &Retry) -> bool {
    matches!(retry.guard, Guard::Tokens(t) if t.shared)
}

fn simulate(world: &World, seed: u64) -> Vec<Found> {
    let mut r = Rng::new(seed);
    let objects = world
        .flows
        .iter()
        .map(|f| f.objects.len())
        .max()
        .unwrap_or(0);
    // Which objects share a bucket key of the archive is drawn.
    let mut order: Vec<usize> = (0..objects).collect();
    for i in (1..objects).rev() {
        order.swap(i, r.below(i as u64 + 1) as usize);
    }
    let archived = world.keys.map_or(1, |k| k.archived);
    let client = |f: &Flow| Client {
        tokens: match f.retry.guard {
            Guard::Tokens(t) => t.capacity,
            Guard::Nothing | Guard::Breaker { .. } | Guard::Brake { .. } => 0.0,
        },
        ..Client::default()
    };
    let mut s = Simulation {
        world,
        r,
        due: BinaryHeap::new(),
        number: 0,
        quota: (world.quota)(),
        s3: BTreeMap::new(),
        clients: world
            .flows
            .iter()
            .map(|f| vec![client(f); f.clients as usize])
            .collect(),
        found: vec![Found::default(); world.flows.len()],
        held: HashMap::new(),
        key_of: order.into_iter().map(|o| o % archived).collect(),
        asked: 0,
        data_keys: HashMap::new(),
        left: Vec::new(),
    };
    for (i, flow) in world.flows.iter().enumerate() {
        s.left.push(0);
        match flow.when {
            When::Open(..) => s.arrive_after(i, 0.0),
            When::Job {
                workers, objects, ..
            } => {
                s.left[i] = objects;
                for _ in 0..workers {
                    s.at(0.0, Event::Worker(i));
                }
            }
        }
    }
    while let Some(Due(now, _, event)) = s.due.pop() {
        match event {
            Event::Arrival(flow) => {
                let request = s.request(flow, now, false);
                s.arrive_after(flow, now);
                s.attempt(request, now);
            }
            Event::Worker(flow) => {
                if s.left[flow] > 0 && now < world.horizon {
                    s.left[flow] -= 1;
                    let request = s.request(flow, now, true);
                    s.attempt(request, now);
                }
            }
            Event::Try(request) => s.attempt(request, now),
        }
    }
    s.found
}

/// One of the numbers found.
type Count = fn(&Found) -> f64;

const RUNS: u64 = 60;

/// Runs both and compares what they count, workload by workload.
fn agree(what: &str, text: &str, world: &World) {
    let text = format!(
        "replications = {RUNS}\nhorizon = \"{}s\"\nregion = \"us-east-1\"\n{text}",
        world.horizon
    );
    let results = run(&text);
    let ours: Vec<Vec<Found>> = (0..RUNS).map(|i| simulate(world, 40_000 + i)).collect();
    let mut failures = Vec::new();
    for (i, flow) in world.flows.iter().enumerate() {
        let is_app = matches!(flow.mix[0].1, Kind::Message | Kind::Call);
        let [requests, failed] = if is_app {
            ["app_requests", "app_requests_failed"]
        } else {
            ["s3_requests", "s3_requests_failed"]
        };
        let metrics = &results.variants[0].by_workload[flow.name];
        let mut rows: Vec<(&str, Count)> = vec![
            (requests, |f| f.requests),
            (failed, |f| f.failed),
            ("kms_calls", |f| f.calls),
            ("kms_attempts", |f| f.attempts),
            ("kms_throttled", |f| f.throttled),
        ];
        if flow.prefixes.is_some() {
            rows.push(("s3_throttled", |f| f.s3_throttled));
        }
        if matches!(flow.when, When::Job { .. }) {
            rows.push(("job_completion_s", |f| f.done));
        }
        for (id, of) in rows {
            let theirs = Sample::of(&values(metrics, id));
            let ours = Sample::of(&ours.iter().map(|found| of(&found[i])).collect::<Vec<_>>());
            let margin = T * (theirs.se().powi(2) + ours.se().powi(2)).sqrt() + 1e-9;
            let line = format!(
                "{what}, {}: {id} {:.3} and {:.3} ± {margin:.3}",
                flow.name, theirs.mean, ours.mean
            );
            println!("{line}");
            // Of events that are rare sixty runs tell no spread.
            let spreads = ours.mean < 5.0
                || theirs.sd <= 1.7 * ours.sd + 1e-6 && ours.sd <= 1.7 * theirs.sd + 1e-6;
            if (theirs.mean - ours.mean).abs() > margin || !spreads {
                failures.push(format!("{line}; sd {:.3} and {:.3}", theirs.sd, ours.sd));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn constant(rate: f64) -> When {
    When::Open(Box::new(move |_| rate), rate)
}

fn flow(name: &'static str, when: When, clients: u64, mix: &[(f64, Kind)], retry: Retry) -> Flow {
    Flow {
        name,
        when,
        clients,
        mix: mix.to_vec(),
        retry,
        prefixes: None,
        objects: vec![1.0],
        data_keys: None,
    }
}

fn retry(attempts: u32, initial: f64, cap: f64, jitter: Jitter, guard: Guard) -> Retry {
    Retry {
        attempts,
        initial,
        status_initial: initial,
        cap,
        jitter,
        guard,
    }
}

const NEVER: Retry = Retry {
    attempts: 1,
    initial: 0.0,
    status_initial: 0.0,
    cap: 0.0,
    jitter: Jitter::None,
    guard: Guard::Nothing,
};

const TOKENS: Tokens = Tokens {
    capacity: 60.0,
    cost: 5.0,
    status_cost: 5.0,
    refund: 1.0,
    gives_back: true,
    shared: false,
};

/// Every guard and every jitter under one quota, which a curve and a crowd overload, by each limiter.
#[test]
fn guards_meet_under_one_quota() {
    for (limiter, quota) in [
        (
            "\"fixed-window\"",
            (|| Quota::new(Limiter::Fixed, vec![(0.0, 100.0), (20.0, 70.0)])) as fn() -> Quota,
        ),
        ("\"sliding-window\"", || {
            Quota::new(Limiter::Sliding, vec![(0.0, 100.0), (20.0, 70.0)])
        }),
        ("{ token-bucket = { burst = 1.5 } }", || {
            Quota::new(
                Limiter::Bucket { burst: 1.5 },
                vec![(0.0, 100.0), (20.0, 70.0)],
            )
        }),
    ] {
        let text = format!(
            r#"
            [key.k]
            [quota.q]
            limit = "100/s"
            changes = [{{ at = "20s", limit = "70/s" }}]
            limiter = {limiter}
            [workload."*"]
            key = "k"
            operations.Decrypt = 1
            [workload.curve]
            clients = 4
            arrivals.piecewise-linear.points = [{{ at = "0s", rate = "10/s" }}, {{ at = "25s", rate = "60/s" }}, {{ at = "25s", rate = "20/s" }}]
            retry.exponential = {{ initial_backoff = "200ms", max_backoff = "2s", jitter = "equal", max_attempts = 4, retry_quota = {{ capacity = 60 }} }}
            [workload.crowd]
            clients = 3
            arrivals.flash-crowd = {{ base = "5/s", peak = "80/s", at = "8s", rise = "4s", decay = "9s" }}
            retry.exponential = {{ initial_backoff = "300ms", jitter = "around", max_attempts = 5, retry_token_bucket = {{ capacity = 8, success_deposit = 0.3, shared = true }} }}
            [workload.broken]
            clients = 3
            arrivals.poisson.rate = "15/s"
            retry.exponential = {{ initial_backoff = "150ms", max_backoff = "1s", jitter = "decorrelated", max_attempts = 4, circuit_breaker = {{ open_time = "1700ms", window = 6, failure_threshold = "50%" }} }}
            [workload.retries]
            clients = 3
            arrivals.poisson.rate = "15/s"
            retry.exponential = {{ initial_backoff = "150ms", max_backoff = "1s", jitter = "full", max_attempts = 4, circuit_breaker = {{ open_time = "1700ms", window = 6, failure_threshold = "50%", blocks = "retries" }} }}
            [workload.braked]
            clients = 3
            arrivals.poisson.rate = "15/s"
            retry.fixed = {{ delay = "400ms", max_attempts = 3, send_brake = {{ hold_time = "1300ms", window = 10, refused_threshold = "30%" }} }}
            "#
        );
        let call = [(1.0, Kind::Call)];
        let curve = |t: f64| if t < 25.0 { 10.0 + 2.0 * t } else { 20.0 };
        let crowd = |t: f64| match t {
            t if t < 8.0 => 5.0,
            t if t < 12.0 => 5.0 + 75.0 * (t - 8.0) / 4.0,
            t => {
                // Linear between the ends of a second.
                let end = |s: f64| 5.0 + 75.0 * (-(s - 12.0) / 9.0).exp();
                let from = t.floor();
                end(from) + (end(from + 1.0) - end(from)) * (t - from)
            }
        };
        let bucket = Tokens {
            capacity: 8.0,
            cost: 1.0,
            status_cost: 1.0,
            refund: 0.3,
            gives_back: false,
            shared: true,
        };
        let breaker = |retries| Guard::Breaker {
            open: 1.7,
            window: 6,
            threshold: 0.5,
            retries,
        };
        let world = World {
            flows: vec![
                flow(
                    "curve",
                    When::Open(Box::new(curve), 60.0),
                    4,
                    &call,
                    retry(4, 0.2, 2.0, Jitter::Equal, Guard::Tokens(TOKENS)),
                ),
                flow(
                    "crowd",
                    When::Open(Box::new(crowd), 80.0),
                    3,
                    &call,
                    retry(5, 0.3, 20.0, Jitter::Around, Guard::Tokens(bucket)),
                ),
                flow(
                    "broken",
                    constant(15.0),
                    3,
                    &call,
                    retry(4, 0.15, 1.0, Jitter::Decorrelated, breaker(false)),
                ),
                flow(
                    "retries",
                    constant(15.0),
                    3,
                    &call,
                    retry(4, 0.15, 1.0, Jitter::Full, breaker(true)),
                ),
                flow(
                    "braked",
                    constant(15.0),
                    3,
                    &call,
                    retry(
                        3,
                        0.4,
                        0.4,
                        Jitter::None,
                        Guard::Brake {
                            hold: 1.3,
                            window: 10,
                            threshold: 0.3,
                        },
                    ),
                ),
            ],
            quota,
            horizon: 40.0,
            keys: None,
            kms: (0.004, 0.5),
            s3: (0.03, 0.5),
        };
        agree(limiter, &text, &world);
    }
}

/// Reads and writes under bucket keys, a batch and an application with data keys share a quota that is short of their sum.
#[test]
fn caches_and_jobs_meet_under_one_quota() {
    let zipf: Vec<f64> = (1..=200).map(|k| f64::from(k).powf(-0.8)).collect();
    for (what, assumption, sliding, limit) in [
        ("fixed", "bucket_key_renewal = \"fixed\"", false, "45/s"),
        ("sliding", "bucket_key_renewal = \"sliding\"", true, "45/s"),
        ("quiet", "bucket_key_renewal = \"fixed\"", false, "4000/s"),
    ] {
        let text = format!(
            r#"
            [assumption]
            bucket_key_lifetime = "6s"
            bucket_key_fanout = 3
            {assumption}
            kms_latency.lognormal = {{ median = "4ms", sigma = 0.5 }}
            s3_latency.lognormal = {{ median = "50ms", sigma = 0.4 }}
            [key.k]
            [quota.q]
            limit = "{limit}"
            [bucket.b]
            key = "k"
            bucket_key = true
            archived_bucket_keys = 60
            older_objects = 0.15
            [bucket.plain]
            key = "k"
            [workload.site]
            bucket = "b"
            clients = 5
            operations = {{ GetObject = 4, PutObject = 1 }}
            popularity.zipf = {{ objects = 200, exponent = 0.8 }}
            arrivals.poisson.rate = "60/s"
            retry.exponential = {{ initial_backoff = "100ms", max_backoff = "1s", max_attempts = 3, retry_quota = {{ capacity = 60 }} }}
            [workload.batch]
            bucket = "plain"
            clients = 2
            operations = {{ GetObject = 1, HeadObject = 1 }}
            job = {{ workers = 3, objects = 500, think_time.lognormal = {{ median = "10ms", sigma = 0.3 }} }}
            retry.fixed = {{ delay = "250ms", max_attempts = 6 }}
            [workload.app]
            key = "k"
            clients = 3
            operations.GenerateDataKey = 1
            popularity.uniform.objects = 4
            data_key_cache = {{ max_age = "5s", max_messages = 9, capacity = 3 }}
            arrivals.poisson.rate = "30/s"
            retry = "none"
            "#
        );
        let mut site = flow(
            "site",
            constant(60.0),
            5,
            &[(4.0, Kind::Get), (1.0, Kind::Put)],
            retry(3, 0.1, 1.0, Jitter::Full, Guard::Tokens(TOKENS)),
        );
        site.objects.clone_from(&zipf);
        let job = When::Job {
            workers: 3,
            objects: 500,
            think: (0.01, 0.3),
        };
        let batch = flow(
            "batch",
            job,
            2,
            &[(1.0, Kind::Plain), (1.0, Kind::Head)],
            retry(6, 0.25, 0.25, Jitter::None, Guard::Nothing),
        );
        let mut app = flow("app", constant(30.0), 3, &[(1.0, Kind::Message)], NEVER);
        app.objects = vec![1.0; 4];
        app.data_keys = Some(DataKeys {
            age: 5.0,
            messages: 9,
            capacity: 3,
        });
        let world = World {
            flows: vec![site, batch, app],
            quota: if limit == "45/s" {
                || Quota::new(Limiter::Fixed, vec![(0.0, 45.0)])
            } else {
                || Quota::new(Limiter::Fixed, vec![(0.0, 4_000.0)])
            },
            horizon: 60.0,
            keys: Some(Keys {
                archived: 60,
                older: 0.15,
                partitions: 3,
                life: 6.0,
                sliding,
            }),
            kms: (0.004, 0.5),
            s3: (0.05, 0.4),
        };
        agree(what, &text, &world);
    }
}

/// S3 limits reads of a prefix, KMS what is left of them; HEADs show their status alone.
#[test]
fn the_limits_of_s3_and_kms_meet() {
    let text = r#"
        [key.k]
        [quota.q]
        limit = "4200/s"
        [bucket.b]
        key = "k"
        prefixes = 1
        [workload.reads]
        bucket = "b"
        clients = 6
        operations = { GetObject = 3, HeadObject = 1 }
        arrivals.poisson.rate = "5600/s"
        [workload.reads.retry.exponential]
        initial_backoff = "600ms"
        transient_initial_backoff = "100ms"
        max_attempts = 3
        retry_quota = { capacity = 300, throttling_cost = 3, transient_cost = 7 }
    "#;
    let tokens = Tokens {
        capacity: 300.0,
        cost: 3.0,
        status_cost: 7.0,
        refund: 1.0,
        gives_back: true,
        shared: false,
    };
    let mut reads = flow(
        "reads",
        constant(5_600.0),
        6,
        &[(3.0, Kind::Get), (1.0, Kind::Head)],
        Retry {
            status_initial: 0.1,
            ..retry(3, 0.6, 20.0, Jitter::Full, Guard::Tokens(tokens))
        },
    );
    reads.prefixes = Some(1.0);
    let world = World {
        flows: vec![reads],
        quota: || Quota::new(Limiter::Fixed, vec![(0.0, 4_200.0)]),
        horizon: 4.0,
        keys: None,
        kms: (0.004, 0.5),
        s3: (0.03, 0.5),
    };
    agree("S3 and KMS", text, &world);
}
