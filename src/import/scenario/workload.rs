//! Loads as workloads of one stretch of time: their demand second by second, and the retries behind it.

use super::super::demand::{self, Attempted};
use super::super::evidence::series::{LoadOrigin, Via};
use super::super::fit::trend::{self, Trend};
use super::super::load::{Load, LoadKey, LoadTarget, Loads};
use super::super::policy;
use super::samples;
use crate::catalog::{self, KeySpec, KmsOperation};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Workloads that are kept apart; smaller ones are put together.
const APART: usize = 60;
/// A stretch without any load that ends what belongs together \[s\].
const SILENCE: i64 = 7 * 86_400;

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
    /// How many loads were put together.
    pub of: usize,
    /// Periods without a sample, and whether they were filled from their neighbours.
    pub missing: (u64, bool),
    /// The trend that describes it, where one does.
    pub trend: Option<Trend>,
}

impl Imported {
    /// New requests in all.
    pub fn total(&self) -> u64 {
        self.demand.values().flatten().map(|s| s.1).sum()
    }

    /// How the counts are, and how those of the model are, with 95 % intervals.
    pub fn fit(&self) -> Value {
        let seconds = self.seconds();
        let data = trend::Likeness::of(&seconds);
        match &self.trend {
            Some(trend) => {
                json!({ "model": "piecewise-linear Poisson", "knots": trend.points.len(), "data": data, "fit": trend.likeness })
            }
            None if self.at.period > 1 => {
                json!({ "model": "counts of periods, Poisson within; or with the index of dispersion of a variant", "data": data })
            }
            None => json!({ "model": "replay of the counted seconds", "data": data, "fit": data }),
        }
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
pub struct Stretch {
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

/// The workloads of what was found; `retry` is the profile of clients that are not told.
pub fn workloads(loads: &Loads, retry: Option<&str>) -> Stretch {
    let mut stretch = Stretch {
        left_out: loads.left_out.clone(),
        ..Stretch::default()
    };
    for (at, load) in &loads.loads {
        if catalog::partition(&at.region).is_none() {
            let why = match at.region.as_str() {
                "" => "requests of no known Region (name it with --region)".to_owned(),
                region => format!("requests of a Region that the catalog does not know ({region})"),
            };
            *stretch.left_out.entry(why).or_default() += load.total();
            continue;
        }
        let mut by_spec: BTreeMap<String, Imported> = BTreeMap::new();
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
            let imported = by_spec.entry(spec.clone()).or_insert_with(|| {
                let at = LoadKey { spec, ..at.clone() };
                empty(at, load, retry)
            });
            add(imported, load, operation);
        }
        stretch
            .workloads
            .extend(by_spec.into_values().filter(|i| i.total() > 0));
    }
    cut(&mut stretch);
    let (from, to) = (stretch.from, stretch.to);
    for workload in &mut stretch.workloads {
        if workload.at.period == 1 {
            workload.trend = trend::fitted(&workload.seconds(), from, to);
        }
    }
    stretch
        .workloads
        .sort_by(|a, b| (b.total(), &a.at).cmp(&(a.total(), &b.at)));
    put_together(&mut stretch);
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
        of: 1,
        missing: (0, false),
        trend: None,
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
    (load.total() as f64 / span / PER_CLIENT).ceil().max(1.0) as usize
}

/// Adds the demand behind the attempts of one operation.
fn add(imported: &mut Imported, load: &Load, operation: &str) {
    let attempts = &load.attempts[operation];
    imported.attempts += attempts.total();
    let throttled = load.throttled.get(operation);
    let of_second = |second: i64| {
        let all = throttled.map_or(&[][..], |t| t.seconds());
        all.binary_search_by_key(&second, |s| s.0)
            .map_or(0, |i| all[i].1)
    };
    let attempted: Vec<Attempted> = attempts
        .seconds()
        .iter()
        .map(|&(second, n)| Attempted {
            second,
            attempts: n,
            throttled: of_second(second).min(n),
        })
        .collect();
    let refused: u64 = attempted.iter().map(|a| a.throttled).sum();
    imported.throttled += refused;
    let seconds = if refused == 0 || imported.at.period > 1 {
        let total = attempts.total() as f64;
        imported.range = (imported.range.0 + total, imported.range.1 + total);
        let period = i64::from(imported.at.period);
        let (filled, missing, is_filled) = samples::filled(attempts.seconds(), period);
        imported.missing.0 += missing;
        imported.missing.1 |= is_filled;
        filled
    } else {
        let by = |name: &str| policy::named(name).map(|p| demand::behind(&attempted, &p));
        let demand = by(&imported.retry).unwrap_or_default();
        let answered = (attempts.total() - refused) as f64;
        let range = if imported.retry_is_known {
            vec![demand.total]
        } else {
            let others = policy::RANGE.iter().filter_map(|n| by(n));
            others.map(|d| d.total.max(answered)).collect()
        };
        let (low, high) = range
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), &n| {
                (low.min(n), high.max(n))
            });
        imported.range = (imported.range.0 + low, imported.range.1 + high);
        demand::whole(&demand.seconds)
    };
    imported.demand.insert(operation.to_owned(), seconds);
}

/// Keeps the stretch with the most requests: what a week of silence parts does not belong together.
fn cut(stretch: &mut Stretch) {
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
            Some((from, last, sum)) if second - last <= SILENCE => Some((from, second, sum + n)),
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
fn put_together(stretch: &mut Stretch) {
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
