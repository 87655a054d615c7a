//! Clients that write one row under optimistic concurrency control, as in the AWS Architecture
//! Blog's "Exponential Backoff And Jitter" and its simulator (aws-samples/aws-arch-backoff-simulator):
//! read, then write; a write fails if another came in between, and after a backoff the client reads
//! again. Each way through the network takes |normal(10 ms, 2 ms)|.
//!
//! Run on the engine's event list, with delays from the code that the simulator retries with.

use kmsim::engine::calendar::Calendar;
use kmsim::engine::random::Key;
use kmsim::model::retry::{Backoff, Capped, ExponentialBackoff, FixedBackoff, Jitter};
use kmsim::units::Span;

const MS: u64 = 1_000_000;
const BASE: u64 = 5 * MS;
const CAP: u64 = 2_000 * MS;

/// The backoff of the study's algorithm of that name.
pub fn backoff(name: &str) -> Backoff {
    let exponential = |initial_backoff, jitter| {
        Backoff::from(ExponentialBackoff {
            initial_backoff: Span::from_ns(initial_backoff),
            max_backoff: Some(Span::from_ns(CAP)),
            jitter,
            capped: Capped::Bound,
        })
    };
    // The study's n-th delay is bound by base · 2^n, ours by initial · 2^(n−1).
    match name {
        "exponential" | "Exponential" => exponential(2 * BASE, Jitter::None),
        "equal" | "EqualJitter" => exponential(2 * BASE, Jitter::Equal),
        "full" | "FullJitter" => exponential(2 * BASE, Jitter::Full),
        "decorrelated" | "Decorr" => exponential(BASE, Jitter::Decorrelated),
        "none" | "None" => FixedBackoff { delay: Span::ZERO }.into(),
        other => panic!("no backoff is called {other}"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// At the server.
    Read,
    /// Back at the client, with the row's version.
    WasRead(u32),
    /// At the server, if the version is still this one.
    Write(u32),
    /// Back at the client: whether it went through.
    Wrote(bool),
}

/// Writes at the server, and the time of the last event \[ms\].
pub fn contend(clients: u32, backoff: &Backoff, key: Key) -> (f64, f64) {
    let mut network = key.named("network").stream();
    let mut hop = || ((10.0 + 2.0 * network.normal()).abs() * MS as f64) as u64;
    let mut calendar = Calendar::new();
    let mut attempts = vec![0_u16; clients as usize];
    (0..clients).for_each(|c| calendar.push(hop(), (c, Step::Read)));
    let (mut version, mut writes, mut last) = (0, 0_u64, 0);
    while let Some((at, (client, step))) = calendar.pop_any() {
        last = at;
        match step {
            Step::Read => calendar.push(at + hop(), (client, Step::WasRead(version))),
            Step::WasRead(seen) => calendar.push(at + hop(), (client, Step::Write(seen))),
            Step::Write(seen) => {
                writes += 1;
                let current = seen == version;
                version += u32::from(current);
                calendar.push(at + hop(), (client, Step::Wrote(current)));
            }
            Step::Wrote(true) => {}
            Step::Wrote(false) => {
                attempts[client as usize] += 1;
                let own = key.named("backoff").with(u64::from(client));
                let delay = backoff.delay(attempts[client as usize], own);
                calendar.push(at + hop() + delay, (client, Step::Read));
            }
        }
    }
    assert_eq!(version, clients, "every client writes once");
    (writes as f64, last as f64 / MS as f64)
}
