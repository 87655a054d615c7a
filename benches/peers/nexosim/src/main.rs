//! The model `quota-retry` (kmsim's scenarios/quota-retry.toml) in nexosim, as one model that schedules
//! itself: an event for every arrival, retry and completion. Arguments: requests/s, seconds, seed.
//! Prints one line of JSON.

use nexosim::model::{Context, Model, schedulable};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::{Distribution, Exp, LogNormal};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const QUOTA: f64 = 10_000.0;
const SHARES: [f64; 3] = [0.5, 0.3, 0.2];
const DECRYPTS: [f64; 3] = [0.8, 0.5, 0.1];
const MAX_ATTEMPTS: u8 = 5;

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Request {
    arrived: f64,
    class: u8,
    throttled: u8,
}

#[derive(Default, Clone, Copy, Debug)]
struct Counts {
    requests: u64,
    attempts: u64,
    throttled: u64,
    failed: u64,
    events: u64,
    delay: f64,
}

#[derive(Serialize, Deserialize)]
struct Account {
    load: f64,
    horizon: f64,
    tokens: f64,
    refilled: f64,
    #[serde(skip, default = "rng")]
    rng: SmallRng,
    #[serde(skip)]
    counts: Arc<Mutex<Counts>>,
}

fn rng() -> SmallRng {
    SmallRng::seed_from_u64(1)
}

#[Model]
impl Account {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        for w in 0..SHARES.len() {
            self.next_arrival(w, cx);
        }
    }

    #[nexosim(schedulable)]
    fn arrive(&mut self, w: usize, cx: &Context<Self>) {
        self.next_arrival(w, cx);
        let put = self.rng.random::<f64>() >= DECRYPTS[w];
        let request = Request {
            arrived: now(cx),
            class: 2 * w as u8 + u8::from(put),
            throttled: 0,
        };
        self.offer(request, cx);
    }

    #[nexosim(schedulable)]
    fn attempt(&mut self, request: Request, cx: &Context<Self>) {
        self.offer(request, cx);
    }

    #[nexosim(schedulable)]
    fn complete(&mut self, request: Request, cx: &Context<Self>) {
        let mut counts = self.counts.lock().expect("one thread");
        counts.requests += 1;
        counts.events += 1;
        counts.delay += now(cx) - request.arrived;
    }

    fn next_arrival(&mut self, w: usize, cx: &Context<Self>) {
        let gap = Exp::new(self.load * SHARES[w]).expect("a rate above zero").sample(&mut self.rng);
        if now(cx) + gap < self.horizon {
            cx.schedule_event(delay(gap), schedulable!(Self::arrive), w).expect("a time to come");
        }
    }

    fn offer(&mut self, mut request: Request, cx: &Context<Self>) {
        let now = now(cx);
        self.tokens = (self.tokens + (now - self.refilled) * QUOTA).min(QUOTA);
        self.refilled = now;
        let admitted = self.tokens >= 1.0;
        {
            let mut counts = self.counts.lock().expect("one thread");
            counts.attempts += 1;
            counts.events += 1;
            counts.throttled += u64::from(!admitted);
        }
        if admitted {
            self.tokens -= 1.0;
            let service = LogNormal::new(0.004_f64.ln(), 0.5).expect("a median").sample(&mut self.rng);
            cx.schedule_event(delay(service), schedulable!(Self::complete), request).expect("a time to come");
            return;
        }
        request.throttled += 1;
        if request.throttled == MAX_ATTEMPTS {
            let mut counts = self.counts.lock().expect("one thread");
            counts.requests += 1;
            counts.failed += 1;
            return;
        }
        let bound = (0.05 * f64::from(1_u32 << (request.throttled - 1))).min(20.0);
        let wait = self.rng.random::<f64>() * bound;
        cx.schedule_event(delay(wait), schedulable!(Self::attempt), request).expect("a time to come");
    }
}

fn now(cx: &Context<Account>) -> f64 {
    cx.time().duration_since(MonotonicTime::EPOCH).as_secs_f64()
}

/// At least a nanosecond: an event cannot be scheduled for the present.
fn delay(seconds: f64) -> Duration {
    Duration::from_nanos(((seconds * 1e9) as u64).max(1))
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<f64>().expect("a number"));
    let mut next = || arguments.next().expect("requests/s, seconds, seed");
    let (load, horizon, seed) = (next(), next(), next() as u64);
    let counts = Arc::new(Mutex::new(Counts::default()));
    let account = Account {
        load,
        horizon,
        tokens: QUOTA,
        refilled: 0.0,
        rng: SmallRng::seed_from_u64(seed),
        counts: counts.clone(),
    };
    let bench = SimInit::with_num_threads(1).add_model(account, Mailbox::new(), "account");
    let started = Instant::now();
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("a simulation");
    simulation
        .step_until(MonotonicTime::EPOCH + Duration::from_secs_f64(horizon + 120.0))
        .expect("a run");
    let seconds = started.elapsed().as_secs_f64();
    let c = *counts.lock().expect("one thread");
    println!(
        "{{\"engine\":\"nexosim 1.0\",\"events\":{},\"seconds\":{seconds:.3},\"requests\":{},\"attempts\":{},\"throttle_rate\":{:.4},\"failure_rate\":{:.4}}}",
        c.events,
        c.requests,
        c.attempts,
        c.throttled as f64 / c.attempts as f64,
        c.failed as f64 / c.requests as f64
    );
}
