//! Loads as workloads of one stretch of time: their demand second by second, and the retries behind it.

use super::super::demand::{self, Attempted, ClientNumber};
use super::super::evidence::series::{LoadOrigin, Via};
use super::super::fit::likeness::Likeness;
use super::super::fit::trend::{self, Trend};
use super::super::fit::within;
use super::super::load::{Load, LoadKey, LoadTarget, Loads};
use super::super::policy;
use super::samples;
use crate::catalog::{self, KeySpec, KmsOperation};
use crate::model::source::MOST_CLIENTS;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Workloads that are kept apart; smaller ones are put together.
const APART: usize = 1_000;
/// A stretch without any load that ends what belongs together \[s\].
const SILENCE: i64 = 7 * 86_400;
/// The longest stretch, which a scenario's horizon can be \[s\].
const LONGEST: i64 = 10 * 366 * 86_400;

/// A workload.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What it is of.
    pub at: LoadKey,
    /// On whose behalf.
    pub via: Option<Via>,
    /// New requests by operation and second (or period), whole numbers.
    pub demand: BTreeMap<String, Vec<(i64, u64)>>,
    /// Attempts that were counted.
    pub attempts: u64,
    /// Of them throttled.
    pub throttled: u64,
    /// Demand over the range of policies; equal where the policy is known.
    pub range: (f64, f64),
    /// Retry profile.
    pub retry: String,
    /// Whether the user agent or the user says so.
    pub retry_is_known: bool,
    /// Software.
    pub client: String,
    /// SDK clients, at least.
    pub clients: usize,
    /// Whether their number follows from how long retry quotas last.
    pub clients_by_retries: bool,
    /// How many loads were put together.
    pub of: usize,
    /// Periods without a sample, and whether they were filled from their neighbours.
    pub missing: (u64, bool),
    /// The trend that describes it, where one does.
    pub trend: Option<Trend>,
    /// How the counts are, and how those that the scenario makes.
    pub fit: Option<ArrivalFit>,
}

/// How counts are, and how those that the scenario makes, with 95 % intervals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArrivalFit {
    /// What the scenario makes them with.
    pub model: &'static str,
    /// Points between which its rate is linear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knots: Option<usize>,
    /// What was counted.
    pub data: Likeness,
    /// What the scenario makes; of sums of longer periods, the low end of what their seconds may be.
    pub fit: Likeness,
    /// Of sums of longer periods, the high end: with `assumed_dispersion` within them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit_high: Option<Likeness>,
    /// Variance ÷ mean of a second within its period that is assumed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_dispersion: Option<f64>,
}

impl Imported {
    /// New requests in all.
    pub fn total(&self) -> u64 {
        self.demand.values().flatten().map(|s| s.1).sum()
    }

    /// Whether it is an application that takes and decrypts data keys itself, and nothing else.
    pub fn takes_data_keys(&self) -> bool {
        matches!(self.at.target, LoadTarget::Key(_))
            && self.via == Some(Via::Direct)
            && self.of == 1
            && self
                .demand
                .keys()
                .all(|o| o == "GenerateDataKey" || o == "Decrypt")
    }

    /// How the counts are, and how those of the scenario will be.
    fn fitted(&self) -> Option<ArrivalFit> {
        let counts = self.seconds();
        let period = i64::from(self.at.period);
        let data = Likeness::of(&counts, period)?;
        Some(match &self.trend {
            Some(trend) => ArrivalFit {
                model: match trend.curve.every() {
                    Some(86_400) => "Poisson counts around a rate that each day repeats",
                    Some(_) => "Poisson counts around a rate that each week repeats",
                    None => "Poisson counts around a piecewise-linear rate",
                },
                knots: Some(trend.curve.knots()),
                data,
                fit: trend.likeness.clone(),
                fit_high: None,
                assumed_dispersion: None,
            },
            None if period > 1 => ArrivalFit {
                model: "sums of periods; their seconds between evenly spread and bursty",
                knots: None,
                data,
                fit: within::seconds_of(&counts, period, 1.0)?,
                fit_high: within::seconds_of(&counts, period, within::BURSTY),
                assumed_dispersion: Some(within::BURSTY),
            },
            None => ArrivalFit {
                model: "replay of the counted seconds",
                knots: None,
                fit: data.replayed(),
                data,
                fit_high: None,
                assumed_dispersion: None,
            },
        })
    }

    /// New requests by second, of all operations.
    pub fn seconds(&self) -> Vec<(i64, u64)> {
        let mut all: BTreeMap<i64, u64> = BTreeMap::new();
        for &(second, n) in self.demand.values().flatten() {
            *all.entry(second).or_default() += n;
        }
        all.into_iter().collect()
    }
}

/// All workloads of the stretch that is simulated.
#[derive(Clone, Debug, Default)]
pub struct LoadStretch {
    /// Workloads, the largest first.
    pub workloads: Vec<Imported>,
    /// First second.
    pub from: i64,
    /// Behind the last second.
    pub to: i64,
    /// Loads of Regions, operations and times that a scenario cannot hold: requests by reason.
    pub left_out: BTreeMap<String, u64>,
}

/// The spec that a KMS operation's key has, as far as it is known; `None`: KMS has no such call, or it is none of the catalog.
pub fn spec_for(operation: &str, spec: &str) -> Option<KeySpec> {
    let operation: KmsOperation = operation.parse().ok()?;
    let told = spec.parse::<KeySpec>().ok();
    let guesses = [
        told,
        Some(KeySpec::SymmetricDefault),
        "RSA_2048".parse().ok(),
        "HMAC_256".parse().ok(),
        "ECC_NIST_P256".parse().ok(),
    ];
    let fits = |s: &KeySpec| catalog::quota_for(operation, *s).is_some();
    guesses.into_iter().flatten().find(fits)
}

/// The workloads of what was found, fitted in the current rayon pool; `retry` is the profile of clients that are not told, `clients` how many share each
/// workload's load, where that is known.
pub fn workloads(loads: &Loads, retry: Option<&str>, clients: Option<usize>) -> LoadStretch {
    let mut stretch = LoadStretch {
        left_out: loads.left_out.clone(),
        ..LoadStretch::default()
    };
    let mut apart: Vec<(Imported, &Load, Vec<&str>)> = Vec::new();
    for (at, load) in &loads.loads {
        if catalog::partition(&at.region).is_none() {
            let why = match at.region.as_str() {
                "" => "requests of no known Region (name it with --region)".to_owned(),
                region => format!("requests of a Region that the catalog does not know ({region})"),
            };
            *stretch.left_out.entry(why).or_default() += load.total();
            continue;
        }
        let mut by_spec: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for operation in load.attempts.keys() {
            let spec = match &at.target {
                LoadTarget::Bucket(_) => String::new(),
                LoadTarget::Key(_) => match spec_for(operation, &at.spec) {
                    Some(spec) => spec.name().to_owned(),
                    None => {
                        let why =
                            format!("KMS operations that a scenario does not have ({operation})");
                        *stretch.left_out.entry(why).or_default() +=
                            load.attempts[operation].total();
                        continue;
                    }
                },
            };
            by_spec.entry(spec).or_default().push(operation);
        }
        for (spec, operations) in by_spec {
            let at = LoadKey { spec, ..at.clone() };
            let mut imported = empty(at, load, retry);
            imported.clients = clients.unwrap_or(imported.clients);
            apart.push((imported, load, operations));
        }
    }
    apart
        .par_iter_mut()
        .for_each(|(imported, load, operations)| add(imported, load, operations, clients));
    let all = apart.into_iter().map(|(imported, _, _)| imported);
    stretch.workloads = all.filter(|w| w.total() > 0).collect();
    cut(&mut stretch);
    let (from, to) = (stretch.from, stretch.to);
    stretch.workloads.par_iter_mut().for_each(|workload| {
        if workload.at.period == 1 {
            workload.trend = trend::fitted(&workload.seconds(), from, to);
        }
    });
    stretch
        .workloads
        .sort_by(|a, b| (b.total(), &a.at).cmp(&(a.total(), &b.at)));
    put_together(&mut stretch);
    for workload in stretch.workloads.iter_mut().filter(|w| w.at.period > 1) {
        samples::together(&mut workload.demand, workload.at.period.into());
    }
    stretch
        .workloads
        .par_iter_mut()
        .for_each(|workload| workload.fit = workload.fitted());
    stretch
}

fn empty(at: LoadKey, load: &Load, retry: Option<&str>) -> Imported {
    let told = policy::of_client(load.client());
    let by_s3 = matches!(
        load.via,
        Some(Via::S3Object | Via::S3BucketKey | Via::Service(_))
    );
    let named = told.filter(|_| !by_s3).or(retry);
    Imported {
        at,
        via: load.via.clone(),
        demand: BTreeMap::new(),
        attempts: 0,
        throttled: 0,
        range: (0.0, 0.0),
        retry: named.unwrap_or("standard").to_owned(),
        retry_is_known: named.is_some(),
        client: load.client().to_owned(),
        clients: clients(load),
        clients_by_retries: false,
        of: 1,
        missing: (0, false),
        trend: None,
        fit: None,
    }
}

/// Requests per second of a client, where nothing tells how many there are (assumption M104).
const PER_CLIENT: f64 = 50.0;

/// SDK clients: the sessions that were seen, unless a session is for a few calls only, so that it is no client.
fn clients(load: &Load) -> usize {
    let calls = load.total() / load.sessions.max(1) as u64;
    if load.sessions > 0 && calls >= 10 {
        return load.sessions;
    }
    // Nothing tells: as many as share the mean rate at so much each.
    let ends = load.attempts.values().filter_map(|counts| {
        let seconds = counts.seconds();
        Some((seconds.first()?.0, seconds.last()?.0 + 1))
    });
    let span = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let span = span.map_or(1, |(from, to)| (to - from).max(1)) as f64;
    let clients = (load.total() as f64 / span / PER_CLIENT).ceil();
    clients.clamp(1.0, f64::from(MOST_CLIENTS)) as usize
}

/// Adds the demand behind the attempts of the operations.
fn add(imported: &mut Imported, load: &Load, operations: &[&str], clients: Option<usize>) {
    let attempted: Vec<Vec<Attempted>> = operations.iter().map(|o| attempted(load, o)).collect();
    let all = || attempted.iter().flatten();
    imported.attempts = all().map(|a| a.attempts).sum();
    imported.throttled = all().map(|a| a.throttled).sum();
    if imported.throttled == 0 || imported.at.period > 1 {
        let total = imported.attempts as f64;
        imported.range = (total, total);
        for operation in operations {
            let period = i64::from(imported.at.period);
            let counts = load.attempts[*operation].seconds();
            let (filled, missing, is_filled) = samples::filled(counts, period);
            imported.missing.0 += missing;
            imported.missing.1 |= is_filled;
            imported.demand.insert((*operation).to_owned(), filled);
        }
        return;
    }
    let by = |name: &str| {
        let policy = policy::named(name)?;
        let clients = match clients {
            Some(clients) => ClientNumber::Known(clients),
            None => ClientNumber::AtLeast(imported.clients),
        };
        Some(demand::shared(&attempted, &policy, clients))
    };
    let found = by(&imported.retry).unwrap_or_default();
    let mut range = found.range;
    if !imported.retry_is_known {
        // Whoever retries how: at least what was answered.
        let answered = (imported.attempts - imported.throttled) as f64;
        for other in policy::RANGE.iter().filter_map(|name| by(name)) {
            range.0 = range.0.min(other.range.0).max(answered);
            range.1 = range.1.max(other.range.1);
        }
    }
    imported.range = range;
    imported.clients_by_retries = found.clients != imported.clients;
    imported.clients = found.clients.min(MOST_CLIENTS as usize);
    for (operation, demand) in operations.iter().zip(&found.of) {
        let seconds = demand::whole(&demand.seconds);
        imported.demand.insert((*operation).to_owned(), seconds);
    }
}

/// Attempts of an operation, throttled ones told apart.
fn attempted(load: &Load, operation: &str) -> Vec<Attempted> {
    let throttled = load.throttled.get(operation);
    let throttled = throttled.map_or(&[][..], |t| t.seconds());
    let of_second = |second: i64| {
        throttled
            .binary_search_by_key(&second, |s| s.0)
            .map_or(0, |i| throttled[i].1)
    };
    let all = load.attempts[operation].seconds().iter();
    all.map(|&(second, n)| Attempted {
        second,
        attempts: n,
        throttled: of_second(second).min(n),
    })
    .collect()
}

/// Keeps the stretch with the most requests: what a week of silence parts does not belong together.
fn cut(stretch: &mut LoadStretch) {
    let mut all: BTreeMap<i64, u64> = BTreeMap::new();
    let mut period = 1;
    for workload in &stretch.workloads {
        period = period.max(i64::from(workload.at.period));
        for &(second, n) in workload.demand.values().flatten() {
            *all.entry(second).or_default() += n;
        }
    }
    let mut best = (0, 0, 0);
    let mut now: Option<(i64, i64, u64)> = None;
    for (&second, &n) in &all {
        now = match now {
            Some((from, last, sum))
                if second - last <= SILENCE && second + period - from <= LONGEST =>
            {
                Some((from, second, sum + n))
            }
            Some(_) | None => Some((second, second, n)),
        };
        if let Some((from, last, sum)) = now
            && sum > best.2
        {
            best = (from, last, sum);
        }
    }
    stretch.from = best.0;
    stretch.to = best.1 + period;
    let mut dropped = 0;
    for workload in &mut stretch.workloads {
        for seconds in workload.demand.values_mut() {
            let kept = |s: &(i64, u64)| (best.0..=best.1).contains(&s.0);
            dropped += seconds
                .iter()
                .filter(|s| !kept(s))
                .map(|s| s.1)
                .sum::<u64>();
            seconds.retain(kept);
        }
        workload.demand.retain(|_, seconds| !seconds.is_empty());
    }
    stretch.workloads.retain(|w| !w.demand.is_empty());
    if dropped > 0 {
        let why = "requests more than a week apart from the busiest stretch".to_owned();
        stretch.left_out.insert(why, dropped);
    }
}

/// Puts the smallest workloads of one kind together.
fn put_together(stretch: &mut LoadStretch) {
    if stretch.workloads.len() <= APART {
        return;
    }
    let small = stretch.workloads.split_off(APART - 1);
    let mut rest: BTreeMap<LoadKey, Imported> = BTreeMap::new();
    for mut workload in small {
        let mut at = LoadKey {
            requester: String::new(),
            ..workload.at.clone()
        };
        at.origin = LoadOrigin::KmsEvent;
        match rest.get_mut(&at) {
            None => {
                workload.at = at.clone();
                workload.client = String::new();
                rest.insert(at, workload);
            }
            Some(kept) => {
                for (operation, seconds) in workload.demand {
                    let mut all: BTreeMap<i64, u64> = BTreeMap::new();
                    let own = kept.demand.remove(&operation).unwrap_or_default();
                    for (second, n) in own.into_iter().chain(seconds) {
                        *all.entry(second).or_default() += n;
                    }
                    kept.demand.insert(operation, all.into_iter().collect());
                }
                kept.attempts += workload.attempts;
                kept.throttled += workload.throttled;
                kept.range.0 += workload.range.0;
                kept.range.1 += workload.range.1;
                kept.clients += workload.clients;
                kept.retry_is_known &= workload.retry_is_known;
                kept.of += 1;
                kept.trend = None;
            }
        }
    }
    stretch.workloads.extend(rest.into_values());
}
