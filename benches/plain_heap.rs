//! The yardstick: the model `quota-retry` as one first writes it, one std `BinaryHeap` with an event for
//! every arrival, retry and completion, random numbers one by one, time and tokens as they come.
//!
//! It does the work of an ordinary discrete-event simulator of this model and keeps the same figures
//! (per class, per second, latency histogram), so that kmsim's speed can be told as a ratio.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::{Distribution, Exp, LogNormal};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const SHARES: [f64; 3] = [0.5, 0.3, 0.2];
const DECRYPTS: [f64; 3] = [0.8, 0.5, 0.1];
const MAX_ATTEMPTS: u8 = 5;
const BACKOFF_NS: u64 = 50_000_000;
const CAP_NS: u64 = 20_000_000_000;

/// What came out, to compare with kmsim.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests that ended, well or not.
    pub requests: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts throttled.
    pub throttled: u64,
    /// Requests that ran out of attempts.
    pub failed: u64,
    /// Events handled: attempts and completions.
    pub events: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(u8),
    Attempt {
        arrived: u64,
        class: u8,
        throttled: u8,
    },
    Completion {
        arrived: u64,
        class: u8,
    },
}

#[derive(Clone, Copy, Default)]
struct Cell {
    attempts: u64,
    throttled: u64,
    failed: u64,
    succeeded: u64,
}

/// Offers `load` requests/s to a token bucket of `quota`/s for `horizon_s` seconds and drains.
pub fn run(load: f64, quota: f64, horizon_s: u64, seed: u64) -> Outcome {
    let mut rng = SmallRng::seed_from_u64(seed);
    let gaps = SHARES.map(|s| Exp::new(load * s / 1e9).expect("a rate above zero"));
    let service = LogNormal::new(4.0e6_f64.ln(), 0.5).expect("a finite median");
    let end = horizon_s * 1_000_000_000;
    let (mut tokens, mut refilled) = (quota, 0_u64);
    let mut classes = [Cell::default(); 6];
    let mut seconds = vec![[0_u32; 3]; horizon_s as usize + 120];
    let mut latency = vec![0_u64; 58 * 128];
    let mut heap = BinaryHeap::new();
    let mut sequence = 0_u64;
    let mut push = |heap: &mut BinaryHeap<_>, at: u64, event: Event| {
        heap.push(Reverse((at, sequence, event)));
        sequence += 1;
    };
    for (w, gap) in gaps.iter().enumerate() {
        let at = gap.sample(&mut rng) as u64;
        if at < end {
            push(&mut heap, at, Event::Arrival(w as u8));
        }
    }
    while let Some(Reverse((now, _, event))) = heap.pop() {
        let second = ((now / 1_000_000_000) as usize).min(seconds.len() - 1);
        let (arrived, class, throttled) = match event {
            Event::Arrival(w) => {
                let next = now + gaps[usize::from(w)].sample(&mut rng) as u64;
                if next < end {
                    push(&mut heap, next, Event::Arrival(w));
                }
                let write = rng.random::<f64>() >= DECRYPTS[usize::from(w)];
                (now, 2 * w + u8::from(write), 0)
            }
            Event::Attempt {
                arrived,
                class,
                throttled,
            } => (arrived, class, throttled),
            Event::Completion { arrived, class } => {
                classes[usize::from(class)].succeeded += 1;
                latency[bucket(now - arrived)] += 1;
                continue;
            }
        };
        let cell = &mut classes[usize::from(class)];
        cell.attempts += 1;
        seconds[second][0] += 1;
        tokens = (tokens + (now - refilled) as f64 * quota / 1e9).min(quota);
        refilled = now;
        if tokens >= 1.0 {
            tokens -= 1.0;
            let done = now + service.sample(&mut rng) as u64;
            push(&mut heap, done, Event::Completion { arrived, class });
            continue;
        }
        cell.throttled += 1;
        seconds[second][1] += 1;
        if throttled + 1 == MAX_ATTEMPTS {
            cell.failed += 1;
            seconds[second][2] += 1;
            continue;
        }
        let bound = CAP_NS.min(BACKOFF_NS << throttled);
        let at = now + rng.random_range(0..bound) + 1;
        push(
            &mut heap,
            at,
            Event::Attempt {
                arrived,
                class,
                throttled: throttled + 1,
            },
        );
    }
    let mut out = Outcome::default();
    for c in classes {
        out.requests += c.succeeded + c.failed;
        out.attempts += c.attempts;
        out.throttled += c.throttled;
        out.failed += c.failed;
        out.events += c.attempts + c.succeeded;
    }
    assert_eq!(latency.iter().sum::<u64>(), out.requests - out.failed);
    out
}

/// Log-linear buckets of at most 1 %.
fn bucket(ns: u64) -> usize {
    let shift = 63 - (ns | 128).leading_zeros() - 7;
    ((shift as usize) << 7) + (ns >> shift) as usize
}
