//! What a run will cost whoever waits for it: events, time and memory, told from its plan before it begins.
//!
//! An order of magnitude, not a promise: rates are taken as their means, retries as if each attempt found the same
//! overload, and the constants are those of one machine (docs/PERFORMANCE.md has them, and how they were found).

use crate::engine::SECOND;
use crate::engine::limiter::{Limiter, Shape};
use crate::metrics::number;
use crate::model::{Kind, Plan, Workload};
use std::collections::HashMap;

/// Nanoseconds that a counted second takes, and each stream of arrivals in it.
const COUNTED_SECOND: f64 = 150.0;
const COUNTED_STREAM: f64 = 40.0;

/// Nanoseconds that a look at one number of a rare stream takes, where idle seconds are passed over.
const IDLE_SECOND: f64 = 3.0;

/// Nanoseconds that a second takes in which attempts are looked at, beside them.
const CONTENDED_SECOND: f64 = 20_000.0;

/// Nanoseconds of an attempt that is looked at: in a fixed window; where every attempt is put in order; and where it looks
/// up a cache or waits for its client's limiter.
const ATTEMPT: f64 = 10.0;
const ORDERED_ATTEMPT: f64 = 40.0;
const GUARDED_ATTEMPT: f64 = 300.0;

/// Nanoseconds of a job's request, which its worker sends when it is free.
const JOB_REQUEST: f64 = 300.0;

/// Nanoseconds of a recorded row, from its reading to its answer.
const ROW: f64 = 100.0;

/// Nanoseconds that a counted second takes where a workload's caches are looked up.
const CACHED_SECOND: f64 = 10_000.0;

/// Nanoseconds of tallying, writing and showing one thing that results are told for, and its bytes.
const THING: f64 = 100_000.0;
const THING_BYTES: f64 = 30_000.0;

/// Bytes of a recorded row, of a client with state of its own, of a request that waits, and of the program itself.
const ROW_BYTES: f64 = 28.0;
const CLIENT_BYTES: f64 = 100.0;
const WAITING_BYTES: f64 = 40.0;
const PROGRAM_BYTES: f64 = 30e6;

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
    /// What takes most of the time: a workload, by its key, and its share.
    pub most: Option<(String, f64)>,
    /// What takes most of the memory, likewise.
    pub largest: Option<(String, f64)>,
}

impl Effort {
    /// Of so many replications of a plan.
    pub fn of(plan: &Plan, replications: u32) -> Effort {
        let overload = overloads(plan);
        let mut all = Effort::default();
        let (mut longest, mut largest) = (("", 0.0), ("", 0.0));
        for (w, workload) in plan.workloads.iter().enumerate() {
            let (events, ns, bytes) = of_workload(plan, w, workload, &overload);
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
        all.seconds += components * plan.horizon_s as f64 * IDLE_SECOND / 1e9;
        let runs = f64::from(replications);
        all.events *= runs;
        all.seconds *= runs;
        let names = plan.workloads.len() + plan.buckets.len() + plan.keys.len();
        let things = (names + plan.requesters.len() + plan.quotas.len()) as f64;
        all.seconds += things * THING * (1.0 + runs / 10.0) / 1e9;
        // Means, intervals and values of each metric, and what each replication counted.
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
            most: most.map(|(name, part)| (name, part / seconds)),
            largest: larger,
        }
    }

    /// The same so many times over, one after another.
    #[must_use]
    pub fn times(self, n: f64) -> Effort {
        Effort {
            events: self.events * n,
            seconds: self.seconds * n,
            ..self
        }
    }

    /// What to tell users before they wait on so many threads; `None` where it is soon over and small.
    pub fn warning(&self, threads: usize) -> Option<String> {
        let seconds = self.seconds / threads.max(1) as f64;
        let (long, large) = (seconds > LONG_S, self.bytes > LARGE_BYTES);
        if !long && !large {
            return None;
        }
        let blame = |part: &Option<(String, f64)>, what: &str| match part {
            Some((name, share)) if *share >= 0.05 => {
                format!("; {} of the {what} is `{name}`", number::percent(*share))
            }
            Some(_) | None => String::new(),
        };
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

/// By quota: what is asked of it on average and at most, divided by its limit.
fn overloads(plan: &Plan) -> Vec<(f64, f64)> {
    let mut asked = vec![(0.0, 0.0); plan.quotas.len()];
    for workload in &plan.workloads {
        let (mean, peak) = rates(plan, workload);
        for (q, calls) in calls(plan, workload) {
            asked[q].0 += mean * calls;
            asked[q].1 += peak * calls;
        }
    }
    let quotas = asked.into_iter().zip(&plan.quotas);
    quotas
        .map(|((mean, peak), quota)| {
            let limit = Limiter::new(quota.shape, &quota.steps).per_second(plan.warm_up_s);
            (mean / limit, peak / limit)
        })
        .collect()
}

/// Arrivals of a workload a second while it is active, on average and at most.
fn rates(plan: &Plan, workload: &Workload) -> (f64, f64) {
    match &workload.kind {
        Kind::Open { arrivals, .. } => {
            let (mean, peak) = (arrivals.mean(plan.horizon_s as f64), arrivals.peak());
            (mean, peak.max(mean))
        }
        Kind::Trace { trace, .. } => {
            let rows = trace.recording.rows.len() as f64 * trace.rate_scale;
            let mean = rows / trace.seconds().max(1) as f64;
            (mean, mean)
        }
        // Its workers wait for their answers: they ask for as much as they get.
        Kind::Job { .. } => (0.0, 0.0),
    }
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

/// Events, nanoseconds and bytes of one replication of a workload.
fn of_workload(
    plan: &Plan,
    w: usize,
    workload: &Workload,
    overload: &[(f64, f64)],
) -> (f64, f64, f64) {
    let streams = workload.actions.len() as f64;
    let requests: f64 = (workload.actions.iter())
        .map(|a| a.weight * a.requests.iter().map(|r| f64::from(r.1)).sum::<f64>())
        .sum();
    let clients = f64::from(workload.clients) * CLIENT_BYTES;
    let horizon = plan.horizon_s as f64;
    let (active, rows) = match &workload.kind {
        Kind::Job {
            objects,
            start,
            every,
            ..
        } => {
            let left = horizon - (*start as f64 / SECOND as f64).min(horizon);
            let every = every.or_else(|| plan.recurs(w));
            let runs = every.map_or(1.0, |every| (left / every as f64).ceil());
            let events = f64::from(*objects) * runs * requests;
            let seconds = (events / 1e3).min(left);
            let ns = events * JOB_REQUEST + seconds * CONTENDED_SECOND;
            return (events, ns, clients);
        }
        Kind::Open { start, stop, .. } => (stop.saturating_sub(*start) as f64, 0),
        Kind::Trace {
            trace, start, stop, ..
        } => (
            stop.saturating_sub(*start) as f64,
            trace.recording.rows.len(),
        ),
    };
    let active = active.min(horizon);
    let (mean, _) = rates(plan, workload);
    let asked: Vec<usize> = calls(plan, workload).into_keys().collect();
    // Of the quotas that it asks, the one that is most overloaded.
    let worst = asked.iter().map(|&q| overload[q]);
    let (by_mean, by_peak) =
        worst.fold((0.0, 0.0), |a: (f64, f64), b| (a.0.max(b.0), a.1.max(b.1)));
    let share = match (by_mean, by_peak) {
        (mean, _) if mean > 0.97 => 1.0,
        // Over it at the peaks only.
        (mean, peak) if peak > 1.0 => (mean / peak).clamp(0.02, 0.3),
        _ => 0.0,
    };
    let is_timed = asked
        .iter()
        .any(|&q| !matches!(plan.quotas[q].shape, Shape::FixedWindow));
    let guarded = workload.retry.rate_limiter.is_some();
    let lost = (1.0 - 1.0 / by_peak.max(1.0)).clamp(0.0, 1.0);
    let tries = f64::from(workload.retry.max_attempts.max(1));
    let attempts = if lost < 1.0 {
        ((1.0 - lost.powf(tries)) / (1.0 - lost)).min(tries)
    } else {
        tries
    };
    let cached = workload.client_cache.is_some()
        || workload.actions.iter().flat_map(|a| &a.requests).any(|r| {
            let steps = plan.kms_steps_of(&plan.classes[r.0]);
            steps.iter().any(|l| !l.source.is_call())
        });
    let looked_at = if guarded { share.max(0.5) } else { share };
    let contended = active * looked_at;
    let events = contended * mean * requests * attempts;
    let each = if guarded || cached {
        GUARDED_ATTEMPT
    } else if is_timed {
        ORDERED_ATTEMPT
    } else {
        ATTEMPT
    };
    let busy = active.min(active * mean * 2.0);
    let mut ns = events * each + contended * CONTENDED_SECOND;
    ns += busy * (COUNTED_SECOND + COUNTED_STREAM * streams);
    if cached {
        ns += busy * CACHED_SECOND;
    }
    // Rows are drawn one by one.
    ns += rows as f64 * requests.max(1.0) * ROW;
    let waiting = mean * requests * attempts * lost * looked_at;
    let bytes = rows as f64 * ROW_BYTES + clients + waiting * WAITING_BYTES;
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
        assert!(over.events > 1e10 && over.seconds > 60.0, "{over:?}");
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
