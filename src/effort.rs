//! What a run will cost whoever waits for it: events, time and memory, told from its plan before it begins.
//!
//! An order of magnitude, not a promise: some seconds stand for all others, retries meet the overload of the second
//! of their first attempt, and the constants are those of one machine (docs/PERFORMANCE.md has them, and how far off they are).

use crate::engine::SECOND;
use crate::engine::limiter::{Limiter, Shape};
use crate::engine::random::Key;
use crate::metrics::number;
use crate::model::arrivals::Beginning;
use crate::model::{Kind, Plan, Quota, Workload};
use std::collections::HashMap;

/// Nanoseconds that a counted second takes, and each stream of arrivals in it.
const COUNTED_SECOND: f64 = 150.0;
const COUNTED_STREAM: f64 = 40.0;

/// Nanoseconds that a look at one number of a rare stream takes, where idle seconds are passed over.
const IDLE_SECOND: f64 = 3.0;

/// Nanoseconds that a second takes that could have been passed over or counted, and is simulated all the same.
const SIMULATED_SECOND: f64 = 2_000.0;

/// Nanoseconds that a second takes in which attempts are looked at, beside them.
const CONTENDED_SECOND: f64 = 20_000.0;

/// Nanoseconds of an attempt that is looked at: in a fixed window; where every attempt is put in order; and where it looks
/// up a cache or waits for its client's limiter.
const ATTEMPT: f64 = 25.0;
const ORDERED_ATTEMPT: f64 = 35.0;
const GUARDED_ATTEMPT: f64 = 400.0;

/// Nanoseconds of a job's request, which its worker sends when it is free.
const JOB_REQUEST: f64 = 120.0;

/// Nanoseconds of a recorded row, from its reading to its answer.
const ROW: f64 = 100.0;

/// Nanoseconds that a counted second takes where a workload's caches are looked up.
const CACHED_SECOND: f64 = 10_000.0;

/// Nanoseconds of tallying, writing and showing one thing that results are told for, and its bytes.
const THING: f64 = 100_000.0;
const THING_BYTES: f64 = 15_000.0;

/// Nanoseconds and bytes of a kind of request: what it is, what it counted, and what is told of it.
const CLASS: f64 = 25_000.0;
const CLASS_BYTES: f64 = 2_500.0;

/// Bytes of a row, of a client's state, of a request that waits, of one that its client holds back, and of the program itself.
const ROW_BYTES: f64 = 28.0;
const CLIENT_BYTES: f64 = 100.0;
const WAITING_BYTES: f64 = 40.0;
const HELD_BACK_BYTES: f64 = 48.0;
const PROGRAM_BYTES: f64 = 30e6;

/// The share of a quota that clients with rate limiters use once throttled: each throttled answer cuts their rate, which
/// then grows again.
const PACED_SHARE: f64 = 0.9;

/// Seconds that are sampled, over all workloads, and of each.
const SAMPLES: u64 = 100_000;
const FEWEST_SAMPLES: u64 = 16;
const MOST_SAMPLES: u64 = 500;

/// From when on users are told: a minute, a gigabyte.
const LONG_S: f64 = 60.0;
const LARGE_BYTES: f64 = 1e9;

/// What a run takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effort {
    /// Attempts and requests that are looked at one by one.
    pub events: f64,
    /// CPU time \[s\].
    pub seconds: f64,
    /// Largest memory \[bytes\].
    pub bytes: f64,
    /// Parts that can run side by side: replications, variants, and what shares no quota.
    pub parts: f64,
    /// What takes most of the time: a workload, by its key, and its share.
    pub most: Option<(String, f64)>,
    /// What takes most of the memory, likewise.
    pub largest: Option<(String, f64)>,
}

impl Effort {
    /// Of so many replications of a plan.
    pub fn of(plan: &Plan, replications: u32) -> Effort {
        Effort::of_run(plan, replications, false)
    }

    /// The same where every second is simulated, certified quiet or not (`--simulate-all`).
    pub fn of_all_seconds(plan: &Plan, replications: u32) -> Effort {
        Effort::of_run(plan, replications, true)
    }

    fn of_run(plan: &Plan, replications: u32, all_seconds: bool) -> Effort {
        let sampled = SampledSeconds::of(plan);
        let mut all = Effort::default();
        let (mut longest, mut largest) = (("", 0.0), ("", 0.0));
        for (w, workload) in plan.workloads.iter().enumerate() {
            let (events, ns, bytes) = of_workload(plan, w, workload, &sampled, all_seconds);
            all.events += events;
            all.seconds += ns / 1e9;
            all.bytes += bytes;
            if ns / 1e9 > longest.1 {
                longest = (&workload.name, ns / 1e9);
            }
            if bytes > largest.1 {
                largest = (&workload.name, bytes);
            }
        }
        let path = |(name, part): (&str, f64), all: f64| {
            let key = crate::input::document::key_text(name);
            (part > 0.0).then(|| (format!("workload.{key}"), part / all))
        };
        (all.most, all.largest) = (path(longest, all.seconds), path(largest, all.bytes));
        let components = plan.components.len() as f64;
        let second = if all_seconds {
            SIMULATED_SECOND
        } else {
            IDLE_SECOND
        };
        all.seconds += components * plan.horizon_s as f64 * second / 1e9;
        let runs = f64::from(replications);
        all.events *= runs;
        all.seconds *= runs;
        // Requesters that only a trace names are told by their kinds of requests.
        let requesters = plan.requesters.len().min(plan.workloads.len());
        let names = plan.workloads.len() + plan.buckets.len() + plan.keys.len();
        let things = (names + requesters + plan.quotas.len()) as f64;
        all.seconds += plan.classes.len() as f64 * CLASS / 1e9;
        all.seconds += things * THING * (1.0 + runs / 10.0) / 1e9;
        // Means, intervals and values of each metric, and what each replication counted.
        all.parts = runs * components.max(1.0);
        all.bytes += things * THING_BYTES * (1.0 + runs / 10.0) + PROGRAM_BYTES;
        all
    }

    /// One after another: their times add up, their memory does not, but for what is kept of each.
    #[must_use]
    pub fn then(self, other: Effort) -> Effort {
        let share = |part: Option<(String, f64)>, of: f64| part.map(|(name, s)| (name, s * of));
        let more = |a: Option<(String, f64)>, b: Option<(String, f64)>| match (a, b) {
            (Some(a), Some(b)) if a.0 == b.0 => Some((a.0, a.1 + b.1)),
            (Some(a), Some(b)) => Some(if b.1 > a.1 { b } else { a }),
            (a, b) => a.or(b),
        };
        let seconds = self.seconds + other.seconds;
        let most = more(
            share(self.most, self.seconds),
            share(other.most, other.seconds),
        );
        let larger = if other.bytes > self.bytes {
            other.largest
        } else {
            self.largest
        };
        Effort {
            events: self.events + other.events,
            seconds,
            bytes: self.bytes.max(other.bytes),
            parts: self.parts + other.parts,
            most: most.map(|(name, part)| (name, part / seconds)),
            largest: larger,
        }
    }

    /// The same so many times over, one after another: what of it can run side by side stays.
    #[must_use]
    pub fn times(self, n: f64) -> Effort {
        Effort {
            events: self.events * n,
            seconds: self.seconds * n,
            ..self
        }
    }

    /// That it takes more events than so many, and what makes it so; `None` where it does not.
    pub fn more_events(&self, most: u64) -> Option<String> {
        let count = |n: f64| number::grouped(rounded(n), 0);
        let blame = blame(&self.most, "time");
        (self.events > most as f64).then(|| {
            let most = number::grouped(most as f64, 0);
            format!(
                "{} events{blame}, where {most} are allowed",
                count(self.events)
            )
        })
    }

    /// That it takes more bytes of memory than so many, and what makes it so; `None` where it does not.
    pub fn more_memory(&self, most: u64) -> Option<String> {
        let blame = blame(&self.largest, "memory");
        (self.bytes > most as f64).then(|| {
            let (all, most) = (size(self.bytes), size(most as f64));
            format!("{all} of memory{blame}, where {most} are allowed")
        })
    }

    /// What to tell users before they wait on so many threads; `None` where it is soon over and small.
    pub fn warning(&self, threads: usize) -> Option<String> {
        let at_once = self.parts.clamp(1.0, threads.max(1) as f64);
        let seconds = self.seconds / at_once;
        let (long, large) = (seconds > LONG_S, self.bytes > LARGE_BYTES);
        if !long && !large {
            return None;
        }
        Some(format!(
            "this may take some {} and {}: {} events one by one{}{} (an order of magnitude)",
            number::duration(rounded(seconds)),
            size(self.bytes),
            number::grouped(rounded(self.events), 0),
            if long {
                blame(&self.most, "time")
            } else {
                String::new()
            },
            if large {
                blame(&self.largest, "memory")
            } else {
                String::new()
            },
        ))
    }
}

/// What takes most of it.
fn blame(part: &Option<(String, f64)>, what: &str) -> String {
    match part {
        Some((name, share)) if *share >= 0.05 => {
            format!("; {} of the {what} is `{name}`", number::percent(*share))
        }
        Some(_) | None => String::new(),
    }
}

/// One digit that counts.
fn rounded(value: f64) -> f64 {
    if value < 1.0 {
        return value.ceil();
    }
    let unit = 10_f64.powf(value.log10().floor());
    (value / unit).round() * unit
}

fn size(bytes: f64) -> String {
    if bytes >= 1e9 {
        format!("{:.1} GB", bytes / 1e9)
    } else {
        format!("{:.0} MB", (bytes / 1e6).ceil())
    }
}

/// Seconds of the run that stand for all others, and what is offered in each.
struct SampledSeconds {
    /// Ascending.
    seconds: Vec<u64>,
    /// How many seconds each stands for.
    each: f64,
    /// By workload: arrivals of a second, in each of them; jobs have none.
    arrivals: Vec<Vec<f64>>,
    /// By quota: how much more than its limit is asked of it in each of them, and how likely that is more than it has.
    overload: Vec<Vec<Overload>>,
}

/// What becomes of the attempts that a quota is asked in a second.
#[derive(Clone, Copy)]
struct Overload {
    /// The share of them that is throttled.
    throttled: f64,
    /// How likely it is that the second has to be looked at.
    contended: f64,
    /// Of first attempts whose clients keep to what the quota admits, the share that is left over; below 0, by how much
    /// more could be sent.
    left_over: f64,
    /// First attempts.
    offered: f64,
}

impl Overload {
    /// Where no quota is asked.
    const NONE: Overload = Overload {
        throttled: 0.0,
        contended: 0.0,
        left_over: f64::NEG_INFINITY,
        offered: 1.0,
    };

    /// The worst of both.
    fn and(self, other: Overload) -> Overload {
        let worse = if other.left_over > self.left_over {
            other
        } else {
            self
        };
        Overload {
            throttled: self.throttled.max(other.throttled),
            contended: self.contended.max(other.contended),
            ..worse
        }
    }

    /// By how much a second lengthens the queue of a workload of which so many requests are among those offered, or
    /// shortens it, which all clients share.
    fn held_back(self, own: f64) -> f64 {
        if self.left_over > 0.0 {
            own * self.left_over
        } else {
            self.offered * self.left_over
        }
    }
}

impl Overload {
    /// Of so many first attempts in a second, each tried so often at most. Retries meet the same overload as all others.
    fn of(offered: f64, limit: f64, tries: f64) -> Overload {
        let mut throttled: f64 = 0.0;
        for _ in 0..40 {
            let all = offered * tries_of_each(throttled, tries);
            throttled = (1.0 - limit / all.max(1e-9)).max(0.0);
        }
        // Counts scatter by the square root of their mean.
        let deviations = (offered - limit) / offered.max(1.0).sqrt();
        let contended = match deviations {
            few if few < -6.0 => 0.0,
            deviations => 1.0 / (1.0 + (-1.7 * deviations).exp()),
        };
        let offered = offered.max(1e-9);
        Overload {
            throttled,
            contended,
            left_over: 1.0 - PACED_SHARE * limit / offered,
            offered,
        }
    }
}

/// Attempts of a request of which each is throttled with the same probability.
fn tries_of_each(throttled: f64, most: f64) -> f64 {
    if throttled < 1.0 {
        ((1.0 - throttled.powf(most)) / (1.0 - throttled)).min(most)
    } else {
        most
    }
}

impl SampledSeconds {
    fn of(plan: &Plan) -> SampledSeconds {
        let workloads = plan.workloads.len().max(1);
        let n = (SAMPLES / workloads as u64).clamp(FEWEST_SAMPLES, MOST_SAMPLES);
        let n = n.min(plan.horizon_s.max(1));
        let each = plan.horizon_s as f64 / n as f64;
        // Not at one distance: what recurs would be seen at a few of its hours only.
        let at = |i: u64| ((i as f64 + (i as f64 * 0.618_034).fract()) * each) as u64;
        let seconds: Vec<u64> = (0..n).map(at).collect();
        let arrivals = (plan.workloads.iter())
            .map(|workload| arrivals_in(plan, workload, &seconds))
            .collect();
        let mut sampled = SampledSeconds {
            seconds,
            each,
            arrivals,
            overload: Vec::new(),
        };
        sampled.overload = sampled.overloads(plan);
        sampled
    }

    fn overloads(&self, plan: &Plan) -> Vec<Vec<Overload>> {
        let mut offered = vec![vec![0.0; self.seconds.len()]; plan.quotas.len()];
        let mut tries = vec![(0.0, 0.0); plan.quotas.len()];
        for (workload, arrivals) in plan.workloads.iter().zip(&self.arrivals) {
            for (q, calls) in calls(plan, workload) {
                let own = offered[q].iter_mut().zip(arrivals);
                own.for_each(|(all, own)| *all += own * calls);
                let weight = arrivals.iter().sum::<f64>() * calls;
                let most = f64::from(workload.retry.max_attempts.max(1));
                tries[q] = (tries[q].0 + weight * most, tries[q].1 + weight);
            }
        }
        let quotas = offered.into_iter().zip(tries).zip(&plan.quotas);
        let overload = |((offered, (tries, weight)), quota): ((Vec<f64>, (f64, f64)), &Quota)| {
            let limiter = Limiter::new(quota.shape, &quota.steps);
            let tries = if weight > 0.0 { tries / weight } else { 1.0 };
            let seconds = self.seconds.iter().zip(offered);
            seconds
                .map(|(&second, offered)| Overload::of(offered, limiter.per_second(second), tries))
                .collect()
        };
        quotas.map(overload).collect()
    }
}

/// Mean arrivals of a workload in some seconds.
fn arrivals_in(plan: &Plan, workload: &Workload, seconds: &[u64]) -> Vec<f64> {
    let (mut rates, start, stop) = match &workload.kind {
        Kind::Open {
            arrivals,
            start,
            stop,
        } => {
            let key = Key::root(0, 0).named(&workload.name);
            let beginning = Beginning {
                start: *start,
                key,
                clock: &plan.clock,
            };
            // Before its start it has no process.
            let first = seconds.partition_point(|second| second < start);
            let mut rates = vec![0.0; first];
            rates.extend(arrivals.sampled(&beginning, &seconds[first..]));
            (rates, *start, *stop)
        }
        Kind::Trace {
            trace, start, stop, ..
        } => {
            let rows = trace.recording.rows.len() as f64 * trace.rate_scale;
            let mean = rows / trace.seconds().max(1) as f64;
            (vec![mean; seconds.len()], *start, *stop)
        }
        // Its workers wait for their answers: they ask for as much as they get.
        Kind::Job { .. } => (vec![0.0; seconds.len()], 0, u64::MAX),
    };
    for (rate, &second) in rates.iter_mut().zip(seconds) {
        if !(start..stop).contains(&second) {
            *rate = 0.0;
        }
    }
    rates
}

/// How many calls an arrival offers to each quota, where nothing else can meet them.
fn calls(plan: &Plan, workload: &Workload) -> HashMap<usize, f64> {
    let mut calls = HashMap::new();
    for action in &workload.actions {
        for &(class, n) in &action.requests {
            let class = &plan.classes[class];
            let each = action.weight * f64::from(n);
            let steps = plan.kms_steps_of(class).iter();
            let asked = steps.filter(|l| l.source.is_call()).flat_map(|l| &l.quotas);
            for &q in asked.chain(class.request_rate.iter()) {
                *calls.entry(q).or_default() += each;
            }
        }
    }
    calls
}

/// Whether something else than a call may meet one of a workload's needs.
fn is_cached(plan: &Plan, workload: &Workload) -> bool {
    let mut requests = workload.actions.iter().flat_map(|a| &a.requests);
    workload.client_cache.is_some()
        || requests.any(|r| {
            let mut steps = plan.kms_steps_of(&plan.classes[r.0]).iter();
            steps.any(|l| !l.source.is_call())
        })
}

/// Events, nanoseconds and bytes of one replication of a workload.
fn of_workload(
    plan: &Plan,
    w: usize,
    workload: &Workload,
    sampled: &SampledSeconds,
    all_seconds: bool,
) -> (f64, f64, f64) {
    let streams = workload.actions.len() as f64;
    let requests: f64 = (workload.actions.iter())
        .map(|a| a.weight * a.requests.iter().map(|r| f64::from(r.1)).sum::<f64>())
        .sum();
    let clients = f64::from(workload.clients) * CLIENT_BYTES;
    let classes = workload.actions.iter().map(|a| a.requests.len());
    let state = classes.sum::<usize>() as f64 * CLASS_BYTES;
    if let Kind::Job {
        objects,
        start,
        every,
        ..
    } = &workload.kind
    {
        let horizon = plan.horizon_s as f64;
        let left = horizon - (*start as f64 / SECOND as f64).min(horizon);
        let every = every.or_else(|| plan.recurs(w));
        let runs = every.map_or(1.0, |every| (left / every as f64).ceil());
        let events = f64::from(*objects) * runs * requests;
        let seconds = (events / 1e3).min(left);
        let ns = events * JOB_REQUEST + seconds * CONTENDED_SECOND;
        return (events, ns, clients + state);
    }
    let rows = match &workload.kind {
        Kind::Trace { trace, .. } => trace.recording.rows.len() as f64,
        Kind::Open { .. } | Kind::Job { .. } => 0.0,
    };
    // Rows that name no operation are one request each.
    let requests = if rows > 0.0 {
        requests.max(1.0)
    } else {
        requests
    };
    let asked: Vec<usize> = calls(plan, workload).into_keys().collect();
    let is_timed = asked
        .iter()
        .any(|&q| !matches!(plan.quotas[q].shape, Shape::FixedWindow));
    let (guarded, cached) = (
        workload.retry.rate_limiter.is_some(),
        is_cached(plan, workload),
    );
    let most = f64::from(workload.retry.max_attempts.max(1));
    let each = if guarded || cached {
        GUARDED_ATTEMPT
    } else if is_timed {
        ORDERED_ATTEMPT
    } else {
        ATTEMPT
    };
    let (mut events, mut ns, mut waiting) = (0.0, 0.0, 0.0_f64);
    let mut is_followed = false;
    let (mut held_back, mut most_held_back) = (0.0_f64, 0.0_f64);
    for (i, &arrivals) in sampled.arrivals[w].iter().enumerate() {
        let worst = asked.iter().map(|&q| sampled.overload[q][i]);
        let worst = worst.fold(Overload::NONE, Overload::and);
        // Once throttled, clients with a rate limiter are followed.
        is_followed |= guarded && arrivals > 0.0 && worst.contended > 0.5;
        if is_followed {
            let more = sampled.each * worst.held_back(arrivals * requests);
            held_back = (held_back + more).max(0.0);
            most_held_back = most_held_back.max(held_back);
        }
        if arrivals == 0.0 {
            continue;
        }
        let contended = if is_followed { 1.0 } else { worst.contended };
        let looked_at = if all_seconds { 1.0 } else { contended };
        let attempts = arrivals * requests * tries_of_each(worst.throttled, most);
        // In a fixed window only what loses is looked at, and the slot in which the room runs out.
        let one_by_one = if all_seconds || is_timed || guarded || cached {
            attempts
        } else {
            attempts * worst.throttled.max(0.01)
        };
        let seconds = sampled.each.min(sampled.each * arrivals * 2.0);
        events += sampled.each * looked_at * one_by_one;
        ns += sampled.each * (looked_at * one_by_one * each + contended * CONTENDED_SECOND);
        ns += seconds * (COUNTED_SECOND + COUNTED_STREAM * streams.min(1.0 + arrivals));
        if cached {
            ns += seconds * CACHED_SECOND;
        }
        waiting = waiting.max(attempts * worst.throttled * looked_at);
    }
    // Rows are drawn one by one.
    ns += rows * requests * ROW;
    let queues = waiting * WAITING_BYTES + most_held_back * HELD_BACK_BYTES;
    let bytes = rows * ROW_BYTES + clients + state + queues;
    (events, ns, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::scenario::load;

    fn effort(text: &str) -> Effort {
        let loaded = load(&Input::from_text("t", text), &[]).unwrap_or_else(|e| panic!("{e}"));
        Effort::of(&loaded.variants[0].plan, loaded.replications)
    }

    fn scenario(horizon: &str, rate: &str) -> String {
        format!(
            "horizon = \"{horizon}\"\nregion = \"us-east-1\"\nreplications = 1\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"10000/s\"\n\
             [workload.calm]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.poisson.rate = \"1/s\"\n\
             [workload.busy]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.poisson.rate = \"{rate}/s\"\n"
        )
    }

    #[test]
    fn what_takes_long_is_named_and_what_does_not_is_not_told() {
        let quiet = effort(&scenario("1d", "5000"));
        assert_eq!((quiet.warning(1), quiet.events), (None, 0.0));
        let over = effort(&scenario("30d", "12000"));
        let told = over.warning(1).expect("a warning");
        assert!(told.contains("`workload.busy`"), "{told}");
        assert!(over.events > 1e9 && over.seconds > 60.0, "{over:?}");
        // Twice the time, twice the work; and on two threads half of the wait.
        let twice = over.clone().then(over.clone());
        assert!((twice.seconds / over.seconds - 2.0).abs() < 1e-9);
        let share = |e: &Effort| e.most.as_ref().map_or(0.0, |most| most.1);
        assert!((share(&twice) - share(&over)).abs() < 1e-9);
        assert_eq!(over.clone().times(2.0).seconds, twice.seconds);
    }

    #[test]
    fn one_digit_is_enough() {
        assert_eq!((rounded(0.3), rounded(1_730.0)), (1.0, 2_000.0));
        assert_eq!(size(2.34e9), "2.3 GB");
    }
}
