//! Series put together into workloads: who asks, for what, and which calls are each other's consequence.
//!
//! One request may be in several files: as S3 request, as the KMS call that S3 makes for it, as a part of CloudWatch's count.
//! Here it is taken once. Where a bucket's requests are known, S3's KMS calls for it are their consequence and no load of their
//! own; where only the calls are known, those for single objects stand for the requests, one for one.

use super::evidence::collected::AccountEvidence;
use super::evidence::counts::Counts;
use super::evidence::series::{LoadOrigin, RequestOutcome, SeriesKey, Via};
use std::collections::BTreeMap;

/// What a workload works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadTarget {
    /// A bucket, by S3 requests.
    Bucket(String),
    /// A KMS key, by calls; empty: unknown.
    Key(String),
}

/// What is one workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadKey {
    /// Account that is charged.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who asks.
    pub requester: String,
    /// What for.
    pub target: LoadTarget,
    /// RecordKind of KMS key; empty: symmetric.
    pub spec: String,
    /// The file's kind.
    pub origin: LoadOrigin,
    /// Length of what is counted \[s\].
    pub period: u32,
}

/// A workload's load.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Attempts by operation, throttled ones included.
    pub attempts: BTreeMap<String, Counts>,
    /// Throttled attempts by operation.
    pub throttled: BTreeMap<String, Counts>,
    /// Attempts by software of the client.
    pub clients: BTreeMap<String, u64>,
    /// On whose behalf.
    pub via: Option<Via>,
    /// Sessions seen, at least.
    pub sessions: usize,
}

impl Load {
    /// All attempts.
    pub fn total(&self) -> u64 {
        self.attempts.values().map(Counts::total).sum()
    }

    /// All throttled attempts.
    pub fn all_throttled(&self) -> u64 {
        self.throttled.values().map(Counts::total).sum()
    }

    /// The software of most attempts.
    pub fn client(&self) -> &str {
        let most = self.clients.iter().max_by_key(|(_, n)| **n);
        most.map_or("", |(name, _)| name)
    }
}

/// What is known of a bucket by the load.
#[derive(Clone, Debug, Default)]
pub struct BucketUse {
    /// Its account and Region, where a KMS call for it tells.
    pub place: Option<(String, String)>,
    /// Its key.
    pub key: String,
    /// KMS calls for single objects, by operation.
    pub for_objects: BTreeMap<String, u64>,
    /// KMS calls for its bucket key, by operation.
    pub for_bucket_key: BTreeMap<String, u64>,
    /// Requests that read objects, and that write them.
    pub reads: u64,
    /// Requests that write objects.
    pub writes: u64,
    /// What S3 says of the encryption of what was written.
    pub applied: BTreeMap<String, u64>,
}

impl BucketUse {
    /// S3's KMS calls for it.
    pub fn calls(&self) -> u64 {
        self.for_objects
            .values()
            .chain(self.for_bucket_key.values())
            .sum()
    }
}

/// All loads.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    /// By what they are.
    pub loads: BTreeMap<LoadKey, Load>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, BucketUse>,
    /// Account and Region of what names none.
    pub home: (String, String),
    /// What was left out, in sentences with their number.
    pub left_out: BTreeMap<String, u64>,
}

/// The operation of a request for an object, as scenarios write it; `None`: it is none of theirs.
fn s3_operation(name: &str) -> Option<&'static str> {
    let name = match name {
        "ListObjectsV2" | "ListObjectVersions" => "ListObjects",
        "DeleteObjects" | "DeleteObjectTagging" => "DeleteObject",
        "GetObjectTorrent" => "GetObject",
        other => other,
    };
    crate::catalog::s3_operation(name).map(|row| row.id.as_str())
}

/// The KMS operation of that name, as scenarios write it; `None`: it is none of theirs.
fn kms_operation(name: &str) -> Option<&str> {
    name.parse::<crate::catalog::KmsOperation>()
        .is_ok()
        .then_some(name)
}

/// Why what is asked for is left out where no scenario can say it.
const UNKNOWN: &str = "requests for operations that kmsim does not know";

/// The loads of what was found.
pub fn loads(evidence: &AccountEvidence, region: Option<&str>) -> Loads {
    let mut all = Loads {
        home: home_of(evidence, region),
        ..Loads::default()
    };
    uses(evidence, &mut all);
    let origin = preferred(evidence);
    let has_calls = calls_are_listed(evidence);
    let mut homeless = Vec::new();
    for (key, counts) in &evidence.series {
        match key.origin {
            LoadOrigin::KmsEvent if has_calls == Some(false) => {
                all.leave_out(
                    "KMS events of CloudTrail, for CallCount has more calls in their time",
                    counts.total(),
                );
            }
            LoadOrigin::KmsEvent
                if key.outcome == RequestOutcome::Throttled && key.key.is_empty() =>
            {
                homeless.push((key, counts));
            }
            LoadOrigin::KmsEvent => call(key, counts, &mut all, evidence),
            LoadOrigin::DataEvent | LoadOrigin::AccessLog => {
                if origin.get(&key.bucket) == Some(&key.origin) {
                    request(key, counts, &mut all, evidence);
                } else {
                    all.leave_out("requests that another file has too", counts.total());
                }
            }
            LoadOrigin::CallCount if has_calls == Some(true) => {
                all.leave_out(
                    "calls of CallCount, which CloudTrail has one by one",
                    counts.total(),
                );
            }
            LoadOrigin::CallCount | LoadOrigin::Table => counted(key, counts, &mut all),
            LoadOrigin::RequestCount
                if all
                    .buckets
                    .get(&key.bucket)
                    .is_none_or(|b| b.calls() + b.reads + b.writes == 0) =>
            {
                counted(key, counts, &mut all);
            }
            LoadOrigin::RequestCount => {
                all.leave_out(
                    "requests of metrics, which other files have one by one",
                    counts.total(),
                );
            }
            LoadOrigin::Bill => {
                all.leave_out(
                    "requests that only a bill counts, by the hour",
                    counts.total(),
                );
            }
        }
    }
    for (key, counts) in homeless {
        home(key, counts, &mut all);
    }
    all
}

/// Whether CloudTrail has nearly all calls that CallCount has in the same time; `None`: only one of them is there.
pub fn calls_are_listed(evidence: &AccountEvidence) -> Option<bool> {
    let of = |origin: LoadOrigin| {
        evidence
            .series
            .iter()
            .filter(move |(k, _)| k.origin == origin)
    };
    let ends = |counts: &Counts, period: u32| {
        let (first, last) = (counts.seconds().first()?.0, counts.seconds().last()?.0);
        Some((first, last + i64::from(period)))
    };
    let spans = of(LoadOrigin::CallCount).filter_map(|(key, counts)| ends(counts, key.period));
    let (from, to) = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let counted: u64 = of(LoadOrigin::CallCount)
        .map(|(_, counts)| counts.total())
        .sum();
    let events = of(LoadOrigin::KmsEvent).flat_map(|(_, counts)| counts.seconds());
    let mut events = events
        .filter(|s| (from..to).contains(&s.0))
        .map(|s| s.1)
        .peekable();
    of(LoadOrigin::KmsEvent).next()?;
    events.peek()?;
    Some(events.sum::<u64>() as f64 >= 0.9 * counted as f64)
}

impl Loads {
    fn leave_out(&mut self, what: &str, n: u64) {
        *self.left_out.entry(what.to_owned()).or_default() += n;
    }

    fn put(
        &mut self,
        mut at: LoadKey,
        operation: &str,
        key: &SeriesKey,
        counts: &Counts,
    ) -> &mut Load {
        if at.region.is_empty() {
            at.region.clone_from(&self.home.1);
            if at.account.is_empty() {
                at.account.clone_from(&self.home.0);
            }
        }
        let load = self.loads.entry(at).or_default();
        load.attempts
            .entry(operation.to_owned())
            .or_default()
            .merge(counts);
        if key.outcome == RequestOutcome::Throttled {
            load.throttled
                .entry(operation.to_owned())
                .or_default()
                .merge(counts);
        }
        *load.clients.entry(key.client.clone()).or_default() += counts.total();
        load.via.get_or_insert_with(|| key.via.clone());
        load
    }
}

/// What is known of each bucket by the requests and calls for it.
fn uses(evidence: &AccountEvidence, all: &mut Loads) {
    for (key, counts) in &evidence.series {
        if key.bucket.is_empty() {
            continue;
        }
        let bucket = all.buckets.entry(key.bucket.clone()).or_default();
        let n = counts.total();
        match (key.origin, &key.via) {
            (LoadOrigin::KmsEvent, Via::S3Object | Via::S3BucketKey) => {
                bucket.place = Some((key.account.clone(), key.region.clone()));
                if !key.key.is_empty() {
                    bucket.key.clone_from(&key.key);
                }
                let calls = if key.via == Via::S3Object {
                    &mut bucket.for_objects
                } else {
                    &mut bucket.for_bucket_key
                };
                *calls.entry(key.operation.clone()).or_default() += n;
            }
            (LoadOrigin::DataEvent | LoadOrigin::AccessLog, _) => {
                if key.outcome == RequestOutcome::Ok {
                    match s3_operation(&key.operation).and_then(crate::catalog::s3_operation) {
                        Some(row) if row.is_read() => bucket.reads += n,
                        Some(row) if !row.needs.is_empty() => bucket.writes += n,
                        Some(_) | None => {}
                    }
                }
                if key.origin == LoadOrigin::DataEvent {
                    if bucket.place.is_none() {
                        bucket.place = Some((key.account.clone(), key.region.clone()));
                    }
                    if !key.spec.is_empty() {
                        *bucket.applied.entry(key.spec.clone()).or_default() += n;
                    }
                }
            }
            (
                LoadOrigin::KmsEvent
                | LoadOrigin::CallCount
                | LoadOrigin::RequestCount
                | LoadOrigin::Bill
                | LoadOrigin::Table,
                _,
            ) => {}
        }
    }
}

/// Of the kinds of files that list a bucket's requests one by one, the one with more of them.
fn preferred(evidence: &AccountEvidence) -> BTreeMap<String, LoadOrigin> {
    let mut sums: BTreeMap<(&str, LoadOrigin), u64> = BTreeMap::new();
    for (key, counts) in &evidence.series {
        if matches!(key.origin, LoadOrigin::DataEvent | LoadOrigin::AccessLog) {
            *sums.entry((&key.bucket, key.origin)).or_default() += counts.total();
        }
    }
    let mut best: BTreeMap<String, (LoadOrigin, u64)> = BTreeMap::new();
    for ((bucket, origin), n) in sums {
        let now = best.entry(bucket.to_owned()).or_insert((origin, n));
        if n > now.1 {
            *now = (origin, n);
        }
    }
    best.into_iter()
        .map(|(bucket, (origin, _))| (bucket, origin))
        .collect()
}

fn at(key: &SeriesKey, target: LoadTarget) -> LoadKey {
    LoadKey {
        account: key.account.clone(),
        region: key.region.clone(),
        requester: key.requester.clone(),
        target,
        spec: key.spec.clone(),
        origin: key.origin,
        period: key.period,
    }
}

/// A KMS call.
fn call(key: &SeriesKey, counts: &Counts, all: &mut Loads, evidence: &AccountEvidence) {
    let known = |bucket: &BucketUse| bucket.reads + bucket.writes > 0;
    if matches!(key.via, Via::S3Object | Via::S3BucketKey)
        && all.buckets.get(&key.bucket).is_some_and(known)
    {
        return all.leave_out(
            "KMS calls that S3 makes for requests that are known",
            counts.total(),
        );
    }
    let request = match (&key.via, key.operation.as_str()) {
        (Via::S3Object, "GenerateDataKey") => Some("PutObject"),
        (Via::S3Object, "Decrypt") => Some("GetObject"),
        (_, _) => None,
    };
    let (target, operation) = match request {
        Some(request) => (LoadTarget::Bucket(key.bucket.clone()), request),
        None => (LoadTarget::Key(key.key.clone()), key.operation.as_str()),
    };
    let sessions = evidence.sessions.get(key).copied().unwrap_or(0);
    let mut at = at(key, target);
    if request.is_some() {
        at.spec = String::new();
    }
    let Some(operation) = request.or_else(|| kms_operation(operation)) else {
        return all.leave_out(UNKNOWN, counts.total());
    };
    let load = all.put(at, operation, key, counts);
    load.sessions = load.sessions.max(sessions);
}

/// An S3 request.
fn request(key: &SeriesKey, counts: &Counts, all: &mut Loads, evidence: &AccountEvidence) {
    if key.outcome == RequestOutcome::Failed {
        return all.leave_out(
            "S3 requests that failed before KMS was called",
            counts.total(),
        );
    }
    let Some(operation) = s3_operation(&key.operation) else {
        return all.leave_out("S3 requests that need no KMS key", counts.total());
    };
    let sessions = evidence.sessions.get(key).copied().unwrap_or(0);
    let mut at = at(key, LoadTarget::Bucket(key.bucket.clone()));
    at.spec = String::new();
    if let Some(place) = all.buckets.get(&key.bucket).and_then(|b| b.place.clone()) {
        if at.account.is_empty() {
            at.account = place.0;
        }
        at.region = place.1;
    }
    let load = all.put(at, operation, key, counts);
    load.sessions = load.sessions.max(sessions);
}

/// Account and Region of what names none: those of the quotas in force, or of all else that was found, if there is only one.
fn home_of(evidence: &AccountEvidence, region: Option<&str>) -> (String, String) {
    let quotas = evidence.facts.iter().filter_map(|(_, fact)| {
        let quota = fact.quota().filter(|quota| !quota.region.is_empty())?;
        Some((quota.account.clone(), quota.region.clone()))
    });
    let others = evidence.series.keys().filter(|k| !k.region.is_empty());
    let others = others.map(|k| (k.account.clone(), k.region.clone()));
    let all: Vec<(String, String)> = quotas.chain(others).collect();
    let only = |each: fn(&(String, String)) -> &str| {
        let first = all.iter().map(each).find(|t| !t.is_empty())?;
        all.iter()
            .map(each)
            .all(|t| t.is_empty() || t == first)
            .then(|| first.to_owned())
    };
    let account = only(|p| &p.0).unwrap_or_default();
    let named = region.map(str::to_owned);
    (
        account,
        named.or_else(|| only(|p| &p.1)).unwrap_or_default(),
    )
}

/// What is only counted.
fn counted(key: &SeriesKey, counts: &Counts, all: &mut Loads) {
    let target = if key.bucket.is_empty() {
        LoadTarget::Key(key.key.clone())
    } else {
        LoadTarget::Bucket(key.bucket.clone())
    };
    let operation = match &target {
        LoadTarget::Bucket(_) => s3_operation(&key.operation),
        LoadTarget::Key(_) => kms_operation(&key.operation),
    };
    match operation {
        Some(operation) => {
            all.put(at(key, target), operation, key, counts);
        }
        None => all.leave_out(UNKNOWN, counts.total()),
    }
}

/// A throttled call names no key: it goes where most calls of its requester and operation go.
fn home(key: &SeriesKey, counts: &Counts, all: &mut Loads) {
    let own = |at: &LoadKey| {
        at.origin == LoadOrigin::KmsEvent
            && at.account == key.account
            && at.region == key.region
            && at.requester == key.requester
    };
    let request = match key.operation.as_str() {
        "GenerateDataKey" => Some("PutObject"),
        "Decrypt" => Some("GetObject"),
        _ => None,
    };
    let through_service = key.via != Via::Direct;
    // S3's for requests that are known are their consequence, as they are where they name a bucket.
    let is_known = |at: &LoadKey| {
        matches!(at.origin, LoadOrigin::DataEvent | LoadOrigin::AccessLog)
            && at.region == key.region
            && at.requester == key.requester
    };
    let by_another = all.loads.iter().any(|(at, load)| {
        own(at) && load.attempts.contains_key(&key.operation) && load.via != Some(Via::Direct)
    });
    if through_service && !by_another && all.loads.keys().any(is_known) {
        return all.leave_out(
            "KMS calls that S3 makes for requests that are known",
            counts.total(),
        );
    }
    let candidates = all
        .loads
        .iter()
        .filter(|(at, _)| own(at))
        .filter_map(|(at, load)| {
            let operation = match &at.target {
                LoadTarget::Bucket(_) => request?,
                LoadTarget::Key(_) => key.operation.as_str(),
            };
            let n = load.attempts.get(operation)?.total();
            let is_service = load.via != Some(Via::Direct);
            Some((
                (is_service == through_service, n),
                at.clone(),
                operation.to_owned(),
            ))
        });
    let best = candidates.max_by(|a, b| a.0.cmp(&b.0));
    let (at, operation) = match best {
        Some((_, at, operation)) => (at, operation),
        None if kms_operation(&key.operation).is_none() => {
            return all.leave_out(UNKNOWN, counts.total());
        }
        None => (
            at(key, LoadTarget::Key(String::new())),
            key.operation.clone(),
        ),
    };
    all.put(at, &operation, key, counts);
}
