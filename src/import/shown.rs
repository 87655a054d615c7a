//! What the files show of the account: how well bucket keys and caches work, who calls, with what software, against which quotas.

use super::evidence::collected::AccountEvidence;
use super::evidence::fact::{BucketFact, Fact, Sse, UnresolvedValue};
use super::evidence::series::{BilledAs, LoadOrigin, RequestOutcome, SeriesKey, Via};
use super::load::{BucketUse, Loads};
use super::policy;
use super::privacy::{NameOf, Names};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Callers, clients and buckets that are listed; the others are put together.
const LISTED: usize = 200;

/// Calls and requests of a caller or of a client's software.
#[derive(Clone, Copy, Debug, Default)]
struct CallerTally {
    kms_calls: u64,
    throttled: u64,
    s3_requests: u64,
}

impl CallerTally {
    fn add(&mut self, key: &SeriesKey, n: u64) {
        match key.origin {
            LoadOrigin::KmsEvent => {
                self.kms_calls += n;
                if key.outcome == RequestOutcome::Throttled {
                    self.throttled += n;
                }
            }
            LoadOrigin::DataEvent | LoadOrigin::AccessLog => self.s3_requests += n,
            LoadOrigin::CallCount
            | LoadOrigin::RequestCount
            | LoadOrigin::Bill
            | LoadOrigin::Table => {}
        }
    }

    fn all(&self) -> u64 {
        self.kms_calls + self.s3_requests
    }

    fn told(&self) -> Map<String, Value> {
        let mut told = Map::new();
        told.insert("kms_calls".to_owned(), json!(self.kms_calls));
        told.insert("kms_throttled".to_owned(), json!(self.throttled));
        told.insert("s3_requests".to_owned(), json!(self.s3_requests));
        told
    }
}

/// All of it, as FILE.import.json has it.
pub fn account(evidence: &AccountEvidence, loads: &Loads, names: &Names) -> Value {
    let mut callers: BTreeMap<&str, CallerTally> = BTreeMap::new();
    let mut clients: BTreeMap<&str, CallerTally> = BTreeMap::new();
    for (key, counts) in &evidence.series {
        let n = counts.total();
        callers.entry(&key.requester).or_default().add(key, n);
        clients.entry(&key.client).or_default().add(key, n);
    }
    let caller = |name: &str| match name {
        "" => "unknown".to_owned(),
        name => names.of(NameOf::Requester, name),
    };
    let callers = listed(callers, |name, told| {
        told.insert("requester".to_owned(), json!(caller(name)));
    });
    let clients = listed(clients, |name, told| {
        told.insert("client".to_owned(), json!(policy::shown(name)));
        // Null: the user agent does not say.
        told.insert("retry".to_owned(), json!(policy::of_client(name)));
    });
    let mut used: Vec<(&String, &BucketUse)> = loads.buckets.iter().collect();
    used.sort_by_key(|(_, b)| std::cmp::Reverse(b.calls() + b.reads + b.writes));
    let buckets: Map<String, Value> = used
        .into_iter()
        .take(LISTED)
        .map(|(name, bucket)| (names.of(NameOf::Bucket, name), of_bucket(bucket)))
        .collect();
    let quotas: Vec<Value> = evidence
        .facts
        .iter()
        .filter_map(|(_, fact)| fact.quota())
        .map(|quota| json!({ "code": quota.code, "name": quota.name, "region": quota.region, "per_s": quota.per_s }))
        .collect();
    json!({
        "callers": callers,
        "clients": clients,
        "buckets": buckets,
        "quotas_in_force": quotas,
        "trails_exclude_kms": evidence.facts.iter().any(|(_, fact)| *fact == Fact::TrailExcludesKms),
        "billed": billed(evidence),
    })
}

/// The largest ones, and the others together.
fn listed(
    all: BTreeMap<&str, CallerTally>,
    name: impl Fn(&str, &mut Map<String, Value>),
) -> Vec<Value> {
    let mut all: Vec<(&str, CallerTally)> = all.into_iter().filter(|(_, t)| t.all() > 0).collect();
    all.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.all()));
    let mut told: Vec<Value> = Vec::new();
    for (of, tally) in all.iter().take(LISTED) {
        let mut one = tally.told();
        name(of, &mut one);
        told.push(Value::Object(one));
    }
    if all.len() > LISTED {
        let mut others = CallerTally::default();
        for (_, tally) in &all[LISTED..] {
            others.kms_calls += tally.kms_calls;
            others.throttled += tally.throttled;
            others.s3_requests += tally.s3_requests;
        }
        let mut one = others.told();
        one.insert("others".to_owned(), json!(all.len() - LISTED));
        told.push(Value::Object(one));
    }
    told
}

/// How well bucket keys work: S3 requests that need a data key, for each KMS call that S3 made.
fn of_bucket(bucket: &BucketUse) -> Value {
    let sum = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>();
    let (for_objects, for_bucket_key) = (sum(&bucket.for_objects), sum(&bucket.for_bucket_key));
    let requests = bucket.reads + bucket.writes;
    let calls = bucket.calls();
    let of =
        |calls: &BTreeMap<String, u64>, operation: &str| calls.get(operation).copied().unwrap_or(0);
    // None of both: one of the files is missing.
    let per_call = (requests > 0 && calls > 0).then(|| requests as f64 / calls as f64);
    let saved = per_call.map(|per| 1.0 - (1.0 / per).min(1.0));
    let object_reads = of(&bucket.for_objects, "Decrypt");
    json!({
        "reads": bucket.reads,
        "writes": bucket.writes,
        "kms_calls_for_objects": for_objects,
        "kms_calls_for_bucket_key": for_bucket_key,
        "bucket_keys": (calls > 0).then_some(match (for_objects, for_bucket_key) {
            (_, 0) => "off",
            (0, _) => "on",
            (_, _) => "on, with objects older than they are",
        }),
        "requests_per_kms_call": per_call,
        "kms_calls_saved": saved,
        "reads_of_older_objects": (for_bucket_key > 0 && bucket.reads > 0)
            .then(|| (object_reads as f64 / bucket.reads as f64).min(1.0)),
    })
}

/// S3 requests that can need a key for each KMS request on the bill; null without a bill that has both.
fn billed(evidence: &AccountEvidence) -> Value {
    let mut sums: BTreeMap<BilledAs, u64> = BTreeMap::new();
    for (key, counts) in &evidence.series {
        if let Via::Billed(via) = &key.via {
            *sums.entry(*via).or_default() += counts.total();
        }
    }
    let of = |via| sums.get(&via).copied().unwrap_or(0);
    let (kms, s3) = (
        of(BilledAs::KmsRequests),
        of(BilledAs::S3Tier1) + of(BilledAs::S3Tier2),
    );
    if kms == 0 || s3 == 0 {
        return Value::Null;
    }
    json!({
        "kms_requests": kms,
        "s3_requests": s3,
        "s3_requests_per_kms_request": s3 as f64 / kms as f64,
    })
}

/// A value that a template does not say, and where it is needed.
pub fn unresolved(value: &UnresolvedValue, names: &Names) -> String {
    let of = |name: &str| names.whole(NameOf::Declared, name);
    let what = match (value.what.as_str(), value.of.as_str()) {
        (what, "") => what.to_owned(),
        (what, name) => format!("{what} {}", of(name)),
    };
    match value.place.as_str() {
        "" => what,
        place => format!("{what} in {}", of(place)),
    }
}

/// What one plan, state or template declares.
#[derive(Clone, Debug, Default)]
pub struct DeclaredThings {
    /// Resources.
    pub resources: usize,
    /// KMS keys.
    pub keys: usize,
    /// Algorithms of buckets by address.
    pub buckets: BTreeMap<String, &'static str>,
}

/// What each plan, state and template declares, by its path.
pub fn declared<'e>(
    evidence: &'e AccountEvidence,
    names: &Names,
) -> BTreeMap<&'e str, DeclaredThings> {
    let mut all: BTreeMap<&str, DeclaredThings> = BTreeMap::new();
    for (path, fact) in &evidence.facts {
        if let Fact::Resources { resources, .. } = fact {
            all.entry(path).or_default().resources = resources.len();
        }
    }
    for (path, fact) in &evidence.facts {
        let Some(of) = all.get_mut(path.as_str()) else {
            continue;
        };
        of.keys += usize::from(matches!(fact, Fact::Key(_)));
        if let Some(BucketFact {
            address: Some(address),
            encryption,
            ..
        }) = fact.bucket()
        {
            let algorithm = encryption.map_or("none stated", Sse::algorithm);
            // An address says what its author calls the bucket.
            let shown = names.whole(NameOf::Bucket, address);
            of.buckets.insert(shown, algorithm);
        }
    }
    all
}
