//! Accounts, keys, buckets and requesters that workloads need, by names that a scenario takes.

use super::super::evidence::collected::AccountEvidence;
use super::super::evidence::fact::{BucketFact, Fact, QuotaFact, Sse};
use super::super::evidence::objects::ObjectList;
use super::super::evidence::series::{LoadOrigin, RequestOutcome};
use super::super::load::{BucketUse, LoadTarget, Loads};
use super::super::privacy::{NameOf, Names};
use super::workload::{self, Imported, LoadStretch};
use crate::catalog;
use std::collections::{BTreeMap, BTreeSet};

/// A key of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPlace {
    /// Account, by its name in the scenario.
    pub account: String,
    /// Region.
    pub region: String,
    /// Spec.
    pub spec: String,
    /// Whether it is the AWS managed key aws/s3.
    pub managed: bool,
}

/// A bucket of the scenario.
#[derive(Clone, Debug)]
pub struct BucketPlace {
    /// Account, by its name in the scenario.
    pub account: String,
    /// Region.
    pub region: String,
    /// Its key's name; `None`: no KMS.
    pub key: Option<String>,
    /// Twice under KMS.
    pub dsse: bool,
    /// Whether bucket keys are on.
    pub bucket_key: bool,
    /// Share of reads that go to objects without one, where they are on.
    pub older: f64,
    /// Bucket keys behind the others.
    pub archived: u64,
    /// Or how old these objects are: median \[s\], and σ of the logarithm.
    pub age: Option<(f64, f64)>,
    /// Objects that are there, where an inventory lists them.
    pub objects: Option<u64>,
    /// Where all of this comes from, sentences.
    pub why: Vec<String>,
}

/// All places, and where each workload belongs.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Account numbers (empty: unknown) and their names.
    pub accounts: BTreeMap<String, String>,
    /// Keys by name.
    pub keys: BTreeMap<String, KeyPlace>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, BucketPlace>,
    /// Requesters by name, with their accounts' names.
    pub requesters: BTreeMap<String, String>,
    /// For each workload its name, requester and target, in their order.
    pub workloads: Vec<WorkloadPlace>,
    /// Quotas in force by account's name, Region and code.
    pub quotas: BTreeMap<(String, String, String), f64>,
    /// Those of them that are only read off what was let through.
    pub suspected: BTreeSet<(String, String, String)>,
}

/// Where a workload belongs.
#[derive(Clone, Debug)]
pub struct WorkloadPlace {
    /// Its name.
    pub name: String,
    /// Its requester.
    pub requester: String,
    /// `bucket` or `key`.
    pub kind: &'static str,
    /// The name of that.
    pub target: String,
}

/// Names that are taken, each with what it stands for.
#[derive(Default)]
struct Taken(BTreeMap<String, String>);

impl Taken {
    /// `wanted`, or with a number behind it where that stands for something else.
    fn name(&mut self, wanted: &str, of: &str) -> String {
        for n in 1.. {
            let name = if n == 1 {
                wanted.to_owned()
            } else {
                format!("{wanted}-{n}")
            };
            match self.0.get(&name) {
                Some(taken) if taken == of => return name,
                Some(_) => {}
                None => {
                    self.0.insert(name.clone(), of.to_owned());
                    return name;
                }
            }
        }
        wanted.to_owned()
    }
}

/// The places of all workloads.
pub fn places(
    stretch: &LoadStretch,
    loads: &Loads,
    evidence: &AccountEvidence,
    names: &Names,
) -> Places {
    let mut places = Places::default();
    let [
        mut accounts,
        mut keys,
        mut buckets,
        mut requesters,
        mut workloads,
    ] = std::array::from_fn(|_| Taken::default());
    for workload in &stretch.workloads {
        let at = &workload.at;
        let account = if at.account.is_empty() {
            accounts.name("main", "")
        } else {
            accounts.name(&names.of(NameOf::Account, &at.account), &at.account)
        };
        let account = account_name(account);
        places.accounts.insert(at.account.clone(), account.clone());
        let wanted = match (at.requester.as_str(), workload.of) {
            ("", 1) => "callers".to_owned(),
            ("", _) => "other-callers".to_owned(),
            (requester, _) => names.of(NameOf::Requester, requester),
        };
        let requester = requesters.name(&wanted, &format!("{}\n{}", at.account, at.requester));
        places.requesters.insert(requester.clone(), account.clone());
        let mut key_named = |key: &str, spec: &str, managed: bool, places: &mut Places| {
            let wanted = match (key, managed) {
                (_, true) => "aws-s3".to_owned(),
                ("", false) => "unknown-key".to_owned(),
                (key, false) => names.of(NameOf::Key, key),
            };
            let of = format!("{}\n{}\n{key}\n{spec}", at.account, at.region);
            let name = keys.name(&wanted, &of);
            places.keys.insert(
                name.clone(),
                KeyPlace {
                    account: account.clone(),
                    region: at.region.clone(),
                    spec: spec.to_owned(),
                    managed,
                },
            );
            name
        };
        let (kind, target) = match &at.target {
            LoadTarget::Key(key) => ("key", key_named(key, &at.spec, false, &mut places)),
            LoadTarget::Bucket(bucket) => {
                let of = format!("{}\n{}\n{bucket}", at.account, at.region);
                let name = buckets.name(&names.of(NameOf::Bucket, bucket), &of);
                if !places.buckets.contains_key(&name) {
                    let used = loads.buckets.get(bucket).cloned().unwrap_or_default();
                    let mut place = settings(bucket, &used, evidence, stretch.from);
                    place.account.clone_from(&account);
                    place.region.clone_from(&at.region);
                    if let Some((key, managed)) = place.key.take().map(|k| {
                        let managed = k == MANAGED;
                        (k, managed)
                    }) {
                        let key = key_named(&key, "SYMMETRIC_DEFAULT", managed, &mut places);
                        place.key = Some(key);
                    }
                    places.buckets.insert(name.clone(), place);
                }
                ("bucket", name)
            }
        };
        let wanted = format!("{requester}-{target}");
        let of = format!("{at:?}");
        places.workloads.push(WorkloadPlace {
            name: workloads.name(&wanted, &of),
            requester,
            kind,
            target,
        });
    }
    quotas(&mut places, stretch, evidence);
    suspected(&mut places, evidence);
    places
}

/// Twelve digits are no good name for a table.
fn account_name(name: String) -> String {
    if name.bytes().all(|b| b.is_ascii_digit()) {
        format!("account-{name}")
    } else {
        name
    }
}

/// What stands for the key aws/s3.
const MANAGED: &str = "alias/aws/s3";

/// What is known of a bucket's encryption, by facts, by calls, by what S3 says of writes.
fn settings(bucket: &str, used: &BucketUse, evidence: &AccountEvidence, from: i64) -> BucketPlace {
    let facts = evidence.facts.iter();
    let facts: Vec<(&String, &BucketFact)> = facts
        .filter_map(|(file, fact)| Some((file, fact.bucket()?)))
        .collect();
    let named = facts
        .iter()
        .filter(|(_, f)| f.name.as_deref() == Some(bucket))
        .max_by_key(|(_, f)| f.encryption.is_some());
    let unnamed: Vec<_> = facts.iter().filter(|(_, f)| f.name.is_none()).collect();
    let fact = named.or(match unnamed[..] {
        [only] => Some(only),
        [] | [..] => None,
    });
    let mut why = Vec::new();
    let list = evidence.objects.get(bucket);
    let calls = used.calls();
    let for_bucket_key: u64 = used.for_bucket_key.values().sum();
    let of_s3 = used.applied.keys().any(|k| k.ends_with("SSE_S3"));
    let of_kms = used.applied.keys().any(|k| k.contains("KMS"));
    let mut place = BucketPlace {
        account: String::new(),
        region: String::new(),
        key: Some(used.key.clone()),
        dsse: used.applied.keys().any(|k| k.contains("DSSE")),
        bucket_key: for_bucket_key > 0,
        older: 0.0,
        archived: 0,
        age: None,
        objects: None,
        why: Vec::new(),
    };
    if let Some((_, fact)) = fact {
        match fact.encryption {
            Some(Sse::S3) => place.key = None,
            Some(Sse::Kms | Sse::DsseKms) => {
                place.dsse = fact.encryption == Some(Sse::DsseKms);
                if used.key.is_empty() {
                    place.key = Some(fact.key.clone().unwrap_or_else(|| MANAGED.to_owned()));
                }
            }
            None => {}
        }
        if let Some(on) = fact.bucket_key {
            place.bucket_key = on && !place.dsse;
        }
        why.push("its encryption is as its settings say".to_owned());
    } else if calls > 0 {
        why.push(if for_bucket_key > 0 {
            format!("bucket keys are on: {for_bucket_key} of S3's {calls} KMS calls have the bucket's ARN as context")
        } else {
            format!("bucket keys are off: all of S3's {calls} KMS calls have an object's ARN as context")
        });
    } else if let Some(list) = list.filter(|list| list.objects() > 0 && list.stated() > 0) {
        if list.under_kms_share() < 0.5 {
            place.key = None;
        }
        place.bucket_key = list.older_share().is_some_and(|share| share < 1.0);
        place.key = place.key.map(|key| {
            if key.is_empty() {
                MANAGED.to_owned()
            } else {
                key
            }
        });
        why.push(
            "its encryption is that of most objects in its inventory; which key, no file says"
                .to_owned(),
        );
    } else if of_s3 && !of_kms {
        place.key = None;
        why.push("S3 says that what was written is under SSE-S3".to_owned());
    } else {
        why.push(
            "assumed: SSE-KMS without bucket keys, for no file says how it is encrypted (give get-bucket-encryption, or CloudTrail)"
                .to_owned(),
        );
    }
    place.objects = list.map(ObjectList::objects).filter(|n| *n > 0);
    let reads_alone = used.for_objects.get("Decrypt").copied().unwrap_or(0);
    let told_by_calls = used.reads > 0 && calls > 0;
    if place.bucket_key && told_by_calls {
        place.older = (reads_alone as f64 / used.reads as f64).min(1.0);
        if place.older > 0.0 {
            why.push(format!(
                "older_objects: {reads_alone} of {} reads needed a data key of their own",
                used.reads
            ));
        }
    } else if place.bucket_key
        && let Some(share) = list.and_then(ObjectList::older_share)
    {
        place.older = share;
        why.push(
            "older_objects: the share of objects under KMS that its inventory lists without a bucket key, if all are read alike"
                .to_owned(),
        );
    }
    let decrypts = used.for_bucket_key.get("Decrypt").copied().unwrap_or(0);
    if place.bucket_key && told_by_calls && decrypts > 0 {
        place.archived = archived(used.reads - reads_alone.min(used.reads), decrypts, evidence);
        why.push(format!(
            "archived_bucket_keys: so many equally used ones make {decrypts} Decrypts of {} reads",
            used.reads
        ));
    } else if place.bucket_key
        && let Some(age) = list.and_then(|list| age(list, from))
    {
        place.age = Some(age);
        why.push(
            "archive_age: of the objects that its inventory lists under bucket keys".to_owned(),
        );
    } else if place.bucket_key && used.reads > 0 {
        place.archived = archived(used.reads, decrypts, evidence);
        why.push(
            "archived_bucket_keys: assumed, for no KMS call tells how many there are".to_owned(),
        );
    }
    place.why = why;
    place
}

/// Median age \[s\] of the objects under bucket keys at a time, and σ of its logarithm; `None`: there are none.
fn age(list: &ObjectList, at: i64) -> Option<(f64, f64)> {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (hour, objects) in list.ages() {
        // In the middle of its hour.
        let age = at - hour * 3_600 - 1_800;
        if age > 0 {
            let (log, objects) = ((age as f64).ln(), objects as f64);
            n += objects;
            sum += objects * log;
            squares += objects * log * log;
        }
    }
    let mean = sum / n;
    (n > 0.0).then(|| {
        (
            mean.exp(),
            (squares / n - mean * mean).max(0.0).sqrt().min(3.0),
        )
    })
}

/// How many bucket keys, each read as often, make so many Decrypts of so many reads: λ ÷ (1 + λL ÷ n) for n entries.
fn archived(reads: u64, decrypts: u64, evidence: &AccountEvidence) -> u64 {
    const ASSUMED: u64 = 10_000;
    /// Lifetime \[s\] and partitions, the defaults of `assumption`.
    const LIFETIME: f64 = 300.0;
    const PARTITIONS: f64 = 2.0;
    let seconds = evidence.kms_events.seconds();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else {
        return ASSUMED;
    };
    let span = (last.0 - first.0 + 1) as f64;
    if reads == 0 || decrypts == 0 {
        return ASSUMED;
    }
    let share = decrypts as f64 / reads as f64;
    if share >= 0.999 {
        return ASSUMED;
    }
    let rate = reads as f64 / span;
    let entries = rate * LIFETIME * share / (1.0 - share);
    ((entries / PARTITIONS).round() as u64).clamp(1, 10_000_000)
}

/// Quotas that the files state, for the accounts and Regions in use.
fn quotas(places: &mut Places, stretch: &LoadStretch, evidence: &AccountEvidence) {
    let used: BTreeSet<(&str, &str)> = stretch
        .workloads
        .iter()
        .map(|w: &Imported| (w.at.account.as_str(), w.at.region.as_str()))
        .collect();
    for (_, fact) in &evidence.facts {
        let Fact::Quota(QuotaFact {
            account,
            region,
            code,
            per_s: Some(limit),
            ..
        }) = fact
        else {
            continue;
        };
        if *limit <= 0.0 || catalog::quota_by_name(code).is_none() {
            continue;
        }
        for (of_account, of_region) in &used {
            let is_ours = (account.is_empty() || of_account.is_empty() || account == of_account)
                && (region.is_empty() || region == of_region);
            if is_ours {
                let name = places.accounts[*of_account].clone();
                let at = (name, (*of_region).to_owned(), code.clone());
                places.quotas.insert(at, *limit);
            }
        }
    }
}

/// Attempts and throttled ones by second.
type Attempts = BTreeMap<i64, (u64, u64)>;

/// Where calls were throttled and no file states the quota: the median of what was let through in throttled seconds between
/// throttled ones. The Region's default would say that nothing is throttled, which is not so.
fn suspected(places: &mut Places, evidence: &AccountEvidence) {
    let mut all: BTreeMap<(&str, &str), Attempts> = BTreeMap::new();
    for (key, counts) in &evidence.series {
        let spec = workload::spec_for(&key.operation, &key.spec);
        let operation = key.operation.parse().ok();
        let quota = operation
            .zip(spec)
            .and_then(|(o, s)| catalog::quota_for(o, s));
        if key.origin != LoadOrigin::KmsEvent || quota.is_none_or(|q| q.id != "symmetric") {
            continue;
        }
        let seconds = all.entry((&key.account, &key.region)).or_default();
        for &(second, n) in counts.seconds() {
            let of = seconds.entry(second).or_default();
            of.0 += n;
            if key.outcome == RequestOutcome::Throttled {
                of.1 += n;
            }
        }
    }
    for ((account, region), seconds) in all {
        let Some(name) = places.accounts.get(account) else {
            continue;
        };
        let at = (name.clone(), region.to_owned(), "L-6E3AF000".to_owned());
        if places.quotas.contains_key(&at) {
            continue;
        }
        let throttled = |s: i64| seconds.get(&s).is_some_and(|n| n.1 > 0);
        let inner = seconds
            .iter()
            .filter(|(s, n)| n.1 > 0 && throttled(**s - 1) && throttled(**s + 1));
        let mut passed: Vec<u64> = inner.map(|(_, n)| n.0 - n.1.min(n.0)).collect();
        if passed.is_empty() {
            let any = seconds.values().filter(|n| n.1 > 0);
            passed = any.map(|n| n.0 - n.1.min(n.0)).collect();
        }
        passed.sort_unstable();
        if let Some(&median) = passed.get(passed.len() / 2) {
            places.suspected.insert(at.clone());
            places.quotas.insert(at, median.max(1) as f64);
        }
    }
}
