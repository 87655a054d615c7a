//! FILE.import.json: every total, by the names that `docs/IMPORT.md` explains.
//!
//! Long because each kind of file has its own counters, and all of them are here.

use super::evidence::collected::AccountEvidence;
use super::evidence::counts::Counts;
use super::evidence::fact::{Fact, Sse};
use super::evidence::series::{BilledAs, CountedAs, LoadOrigin, S3Event, Via};
use super::evidence::skip::SkipReason;
use super::fit::dispersion;
use super::format::is_trail;
use super::load::Loads;
use super::privacy::{NameOf, Names};
use super::scenario::written::WrittenScenario;
use super::shown;
use super::time;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What was made of it: the workloads, and what is behind them.
pub fn outcome(
    evidence: &AccountEvidence,
    loads: &Loads,
    names: &Names,
    written: Option<&WrittenScenario>,
    all: &mut Map<String, Value>,
) {
    all.insert("account".to_owned(), shown::account(evidence, loads, names));
    all.insert("calibration".to_owned(), json!(null));
    all.insert(
        "why".to_owned(),
        json!({ "calibration": "lifetimes and partitions of bucket keys, and the limiter's shape, are not fitted" }),
    );
    let Some(written) = written else {
        all.insert("workloads".to_owned(), json!([]));
        return;
    };
    let stretch = &written.stretch;
    let demand: u64 = stretch.workloads.iter().map(|w| w.total()).sum();
    all.insert("from".to_owned(), json!(time::shown(stretch.from)));
    all.insert("to".to_owned(), json!(time::shown(stretch.to)));
    all.insert("demand_estimate".to_owned(), json!(demand));
    all.insert("left_out".to_owned(), json!(stretch.left_out));
    let told = stretch.workloads.iter().zip(&written.places.workloads);
    let workloads = told.map(|(workload, place)| {
        json!({
            "name": place.name,
            "requester": place.requester,
            place.kind: place.target,
            "region": workload.at.region,
            "origin": workload.at.origin,
            "period_s": workload.at.period,
            "attempts": workload.attempts,
            "throttled": workload.throttled,
            "demand": workload.total(),
            "demand_low": workload.range.0,
            "demand_high": workload.range.1,
            "retry": workload.retry,
            "retry_is_known": workload.retry_is_known,
            "client": workload.client,
            "clients": workload.clients,
            "fit": workload.fit,
        })
    });
    all.insert("workloads".to_owned(), workloads.collect());
}

/// Event sources under `by_event_source`.
const MOST_FREQUENT: usize = 12;

/// Counts by name, as an object in order of the names.
type ByName = BTreeMap<String, u64>;

/// All totals of what was read.
pub fn totals(evidence: &AccountEvidence, names: &Names) -> Map<String, Value> {
    let mut all = Map::new();
    files(evidence, names, &mut all);
    records(evidence, &mut all);
    events(evidence, names, &mut all);
    lines(evidence, names, &mut all);
    samples(evidence, &mut all);
    rows(evidence, &mut all);
    known(evidence, names, &mut all);
    objects(evidence, names, &mut all);
    skips(evidence, names, &mut all);
    all
}

fn files(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    let read = evidence.files.iter().filter(|f| f.read);
    let beyond = evidence.files_beyond;
    all.insert(
        "files".to_owned(),
        json!(read.clone().count() + beyond.read),
    );
    let of_trail = read
        .filter(|f| is_trail(&f.format) && f.records > 0)
        .count();
    all.insert(
        "cloudtrail_files".to_owned(),
        json!(of_trail + beyond.of_trails),
    );
    if beyond.read > 0 {
        all.insert("sources_not_listed".to_owned(), json!(beyond.read));
    }
    let of_trails = |(why, _): &(&&str, &u64)| ["digest", "insight"].contains(*why);
    let to_skip: BTreeMap<_, _> = evidence.files_left_out.iter().filter(of_trails).collect();
    all.insert("files_to_skip".to_owned(), json!(to_skip));
    all.insert("files_left_out".to_owned(), json!(evidence.files_left_out));
    let declared = shown::declared(evidence, names);
    let told = evidence.files.iter().map(|f| {
        let mut one = json!({
            "path": names.path(&f.path),
            "format": f.format,
            "records": f.records,
        });
        if let Some(fault) = &f.fault {
            one["fault"] = json!(names.path(fault));
        }
        if let Some(declared) = declared.get(f.path.as_str()) {
            one["resources"] = json!(declared.resources);
            one["kms_keys"] = json!(declared.keys);
            one["buckets"] = json!(declared.buckets);
        }
        one
    });
    all.insert("sources".to_owned(), told.collect());
}

fn records(evidence: &AccountEvidence, all: &mut Map<String, Value>) {
    let (mut used, mut not_ours) = (0, 0);
    for (kind, n) in &evidence.kinds {
        match &kind.tally {
            CountedAs::Event(event) if event.kms.is_none() && event.s3 != Some(S3Event::Data) => {
                not_ours += n;
            }
            CountedAs::Event(_)
            | CountedAs::Line { .. }
            | CountedAs::Row(_)
            | CountedAs::Object(_)
            | CountedAs::Sample => used += n,
        }
    }
    used += evidence.settings.values().sum::<u64>();
    not_ours += evidence.not_ours.values().sum::<u64>();
    let skipped: u64 = evidence
        .skips
        .values()
        .flat_map(|s| s.values())
        .map(|s| s.count)
        .sum();
    let duplicates: u64 = evidence.duplicates.values().sum();
    all.insert(
        "totals".to_owned(),
        json!({
            "records": evidence.records.values().sum::<u64>(),
            "used": used,
            "not_ours": not_ours,
            "duplicates": duplicates,
            "skipped": skipped,
            "by_format": evidence.records,
            "duplicates_sought": evidence.sought(),
            "one_call_in_two_accounts": evidence.shared,
        }),
    );
}

/// What CloudTrail records are counted by.
fn events(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    if !evidence.records.keys().any(|f| is_trail(f)) {
        return;
    }
    let of_trails = |by: &BTreeMap<&'static str, u64>| -> u64 {
        let trails = by.iter().filter(|(format, _)| is_trail(format));
        trails.map(|(_, n)| n).sum()
    };
    let (records, duplicates) = (
        of_trails(&evidence.records),
        of_trails(&evidence.duplicates),
    );
    let skipped = |reason| -> u64 {
        let trails = evidence.skips.iter().filter(|(format, _)| is_trail(format));
        trails
            .filter_map(|(_, skips)| skips.get(&reason))
            .map(|s| s.count)
            .sum()
    };
    let mut maps: BTreeMap<&'static str, ByName> = BTreeMap::new();
    for name in [
        "event_sources",
        "kms_by_operation",
        "kms_by_error",
        "kms_by_invoker",
        "kms_by_context_key",
        "throttled_all_services",
        "regions",
        "identity_types",
        "event_types",
    ] {
        maps.insert(name, ByName::new());
    }
    let mut totals: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut unique = 0;
    let mut sources: Vec<(&str, u64)> = Vec::new();
    for (kind, n) in &evidence.kinds {
        let n = *n;
        let CountedAs::Event(event) = &kind.tally else {
            continue;
        };
        unique += n;
        let mut add = |map: &'static str, name: &str| {
            *maps
                .entry(map)
                .or_default()
                .entry(name.to_owned())
                .or_default() += n;
        };
        match sources
            .iter_mut()
            .find(|(source, _)| *source == event.source)
        {
            Some((_, of_source)) => *of_source += n,
            None => sources.push((&event.source, n)),
        }
        add("event_sources", &event.source);
        add("regions", &event.region);
        add("identity_types", &event.identity);
        add("event_types", &event.event_type);
        let mut count = |name: &'static str, counts: bool| {
            *totals.entry(name).or_default() += if counts { n } else { 0 };
        };
        count("with_sharedEventID", event.shared);
        count(
            "throttled_with_null_requestParameters",
            event.throttled == Some(true),
        );
        count(
            "s3_management_records",
            event.s3 == Some(S3Event::Management),
        );
        count("s3_data_records", event.s3 == Some(S3Event::Data));
        count("kms_records", event.kms.is_some());
        count(
            "kms_throttled",
            event.kms.is_some() && event.throttled.is_some(),
        );
        count(
            "kms_through_s3",
            event.kms.as_ref().is_some_and(|k| k.through_s3),
        );
        if event.throttled.is_some() {
            add("throttled_all_services", &event.source);
        }
        if let Some(kms) = &event.kms {
            add("kms_by_operation", &kms.operation);
            add("kms_by_error", &kms.error);
            add("kms_by_invoker", &kms.invoker);
            add("kms_by_context_key", &kms.context);
        }
    }
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    put("records", json!(records));
    put("records_unique_by_eventID", json!(unique));
    put("duplicates", json!(duplicates));
    put("events_duplicated", json!(duplicates));
    put(
        "without_parsable_eventTime",
        json!(skipped(SkipReason::NoTime)),
    );
    if let (Some(first), Some(last)) = (
        evidence.events.seconds().first(),
        evidence.events.seconds().last(),
    ) {
        put("first", json!(time::shown(first.0)));
        put("last", json!(time::shown(last.0)));
    }
    // The most frequent ones; all are under `event_sources`.
    sources.sort_by_key(|source| std::cmp::Reverse(source.1));
    let mut most = Map::new();
    for (source, n) in sources.iter().take(MOST_FREQUENT) {
        let told = most.entry(names.in_counter(source)).or_insert(json!(0));
        *told = json!(told.as_u64().unwrap_or(0) + n);
    }
    put("by_event_source", json!(most));
    for (name, n) in totals {
        put(name, json!(n));
    }
    let kms = evidence.kms_events.total();
    put("kms_events_unique", json!(kms));
    put("kms_events_duplicated", json!(evidence.kms_duplicates));
    let mut answered = ByName::new();
    for (key, counts) in &evidence.series {
        if key.origin == LoadOrigin::KmsEvent {
            let name = match key.outcome {
                super::evidence::series::RequestOutcome::Throttled => "throttled",
                super::evidence::series::RequestOutcome::Ok
                | super::evidence::series::RequestOutcome::Failed
                | super::evidence::series::RequestOutcome::Unknown => "ok",
            };
            *answered.entry(name.to_owned()).or_default() += counts.total();
        }
    }
    let (ok, throttled) = (
        answered.get("ok").copied().unwrap_or(0),
        answered.get("throttled").copied().unwrap_or(0),
    );
    put("attempts", json!(ok + throttled));
    put("ok", json!(ok));
    put("throttled", json!(throttled));
    for (name, map) in maps {
        // A role's own context keys are names that people chose.
        let mut told = ByName::new();
        for (key, n) in map {
            *told.entry(names.in_counter(&key)).or_default() += n;
        }
        put(name, json!(told));
    }
    for (name, counts) in [("all", &evidence.events), ("kms", &evidence.kms_events)] {
        let seconds = counts.seconds();
        let round = |w| dispersion::index(seconds, w).map(|i| (i * 1000.0).round() / 1000.0);
        put(
            &format!("index_of_dispersion_{name}"),
            json!({ "w1": round(1), "w10": round(10), "w60": round(60) }),
        );
        put(
            &format!("busiest_second_{name}"),
            json!(dispersion::busiest(seconds)),
        );
    }
}

/// What lines of access logs are counted by.
fn lines(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    let (mut by_operation, mut by_status) = (ByName::new(), ByName::new());
    let mut used = 0;
    for (kind, n) in &evidence.kinds {
        if let CountedAs::Line { operation, status } = &kind.tally {
            used += n;
            *by_operation.entry(names.in_counter(operation)).or_default() += n;
            *by_status.entry(names.in_counter(status)).or_default() += n;
        }
    }
    let read: u64 = ["s3-access-log", "s3-access-log-json"]
        .iter()
        .filter_map(|f| evidence.records.get(f))
        .sum();
    if read == 0 {
        return;
    }
    all.insert("lines".to_owned(), json!(read));
    all.insert("s3_lines_delivered".to_owned(), json!(read));
    all.insert("lines_used".to_owned(), json!(used));
    all.insert("lines_ambiguous".to_owned(), json!(evidence.ambiguous));
    all.insert("by_operation".to_owned(), json!(by_operation));
    all.insert("by_status".to_owned(), json!(by_status));
}

/// What samples of a metric are counted by.
fn samples(evidence: &AccountEvidence, all: &mut Map<String, Value>) {
    let counted = |origin: LoadOrigin| {
        matches!(
            origin,
            LoadOrigin::CallCount | LoadOrigin::RequestCount | LoadOrigin::Table
        )
    };
    // What has the same periods is one load.
    let mut by: BTreeMap<(i64, i64), Counts> = BTreeMap::new();
    let mut samples = 0;
    for (key, of_series) in &evidence.series {
        if let Some(first) = of_series.seconds().first()
            && counted(key.origin)
            && key.period > 1
        {
            let period = i64::from(key.period);
            let phase = first.0.rem_euclid(period);
            by.entry((period, phase)).or_default().merge(of_series);
            samples += of_series.seconds().len();
        }
    }
    let Some(period) = by.keys().map(|(period, _)| *period).min() else {
        return;
    };
    let (mut slots, mut present, mut total) = (0, 0, 0);
    let (mut mean, mut peak) = (0.0, 0.0_f64);
    let mut spans = Vec::new();
    for ((period, _), counts) in &by {
        let (seconds, sum) = (counts.seconds(), counts.total());
        let (first, last) = (seconds[0].0, seconds[seconds.len() - 1].0);
        slots += (last - first) / period + 1;
        present += seconds.len() as i64;
        total += sum;
        mean += sum as f64 / (seconds.len() as f64 * *period as f64);
        peak = peak.max(dispersion::busiest(seconds) as f64 / *period as f64);
        // From, to.
        let gaps = seconds.windows(2).filter(|w| w[1].0 - w[0].0 > *period);
        spans.extend(gaps.map(|w| [time::shown(w[0].0 + period), time::shown(w[1].0)]));
    }
    spans.truncate(1_000);
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    put("period_s", json!(period));
    put("samples", json!(samples));
    put("slots", json!(slots));
    put("missing", json!((slots - present).max(0)));
    put("total", json!(total as f64));
    put("mean_per_s", json!(mean));
    put("peak_period_per_s", json!(peak));
    put("missing_spans", json!(spans));
}

/// What rows of bills are counted by.
fn rows(evidence: &AccountEvidence, all: &mut Map<String, Value>) {
    let mut by: BTreeMap<BilledAs, u64> = BTreeMap::new();
    for (kind, n) in &evidence.kinds {
        if let CountedAs::Row(row) = kind.tally {
            *by.entry(row).or_default() += n;
        }
    }
    if by.is_empty() {
        return;
    }
    let of = |rows: &[BilledAs]| rows.iter().filter_map(|r| by.get(r)).sum::<u64>();
    let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
    let mut hours = BTreeSet::new();
    let mut regions: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, counts) in evidence
        .series
        .iter()
        .filter(|(k, _)| k.origin == LoadOrigin::Bill && k.period < 86_400)
    {
        let name = match key.via {
            Via::Billed(BilledAs::KmsRequests) => "kms_requests",
            Via::Billed(BilledAs::S3Tier1) => "s3_tier1",
            Via::Billed(BilledAs::S3Tier2) => "s3_tier2",
            Via::Billed(_)
            | Via::Direct
            | Via::S3Object
            | Via::S3BucketKey
            | Via::Service(_)
            | Via::Unknown => continue,
        };
        *requests.entry(name).or_default() += counts.total();
        hours.extend(counts.seconds().iter().map(|s| s.0));
        if !key.region.is_empty() {
            *regions.entry(&key.region).or_default() += counts.total();
        }
    }
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    for name in ["kms_requests", "s3_tier1", "s3_tier2"] {
        put(name, json!(requests.get(name).copied().unwrap_or(0)));
    }
    let kms = [BilledAs::KmsRequests, BilledAs::KmsOther];
    let s3 = [BilledAs::S3Tier1, BilledAs::S3Tier2, BilledAs::S3Other];
    put("rows_kms", json!(of(&kms)));
    put("rows_s3", json!(of(&s3)));
    put("rows", json!(by.values().sum::<u64>()));
    put("kms_other", json!(of(&[BilledAs::KmsOther])));
    put("hours", json!(hours.len()));
    if let Some((region, _)) = regions.iter().max_by_key(|(_, n)| **n) {
        put("region", json!(region));
    }
}

/// What is known of buckets, keys and quotas.
fn known(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    let mut buckets = Map::new();
    let (mut keys, mut quotas, mut notes) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    let mut unnamed = 0;
    // Of buckets whose settings are not stated, S3's default is told: SSE-S3.
    let mut stated: BTreeSet<String> = BTreeSet::new();
    let mut declared: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    let (mut unresolved, mut absent, mut templates) = (BTreeSet::new(), Map::new(), false);
    for (_, fact) in &evidence.facts {
        match fact {
            Fact::Bucket(bucket) => {
                let name = match &bucket.name {
                    Some(name) => names.of(NameOf::Bucket, name),
                    None => {
                        unnamed += 1;
                        format!("unnamed-{unnamed}")
                    }
                };
                let mut told = json!({ "encryption": match bucket.encryption {
                    Some(sse) => sse.name(),
                    None if bucket.unresolved => "unknown",
                    None => Sse::S3.name(),
                } });
                if matches!(bucket.encryption, Some(Sse::Kms | Sse::DsseKms)) {
                    told["key"] = match &bucket.key {
                        Some(key) if key.is_empty() => json!("unknown"),
                        Some(key) => json!(names.whole(NameOf::Key, key)),
                        None => json!("aws/s3 (AWS managed)"),
                    };
                    told["bucket_key"] = json!(bucket.bucket_key == Some(true));
                    if bucket.key_by_reference {
                        told["key_known_only_by_reference"] = json!(true);
                    }
                }
                // A plan and its state say the same of a bucket; who says more is believed.
                let known = |_: &Value| stated.contains(&name);
                if !buckets.get(&name).is_some_and(known) {
                    if bucket.encryption.is_some() {
                        stated.insert(name.clone());
                    }
                    buckets.insert(name, told);
                }
            }
            Fact::Key(key) => {
                keys.insert(&key.name);
            }
            Fact::Quota(quota) => {
                if quota.code == "L-6E3AF000"
                    && let Some(limit) = quota.per_s
                {
                    all.insert("quota_per_s".to_owned(), json!(limit));
                }
                quotas.push(json!({
                    "code": quota.code, "name": quota.name, "region": quota.region, "per_s": quota.per_s, "value": quota.value
                }));
            }
            Fact::Resources {
                resources,
                log_groups_with_key,
                bucket_policies,
            } => {
                for (name, addresses) in [
                    ("resources", resources),
                    ("log_groups_with_key", log_groups_with_key),
                    ("bucket_policies", bucket_policies),
                ] {
                    declared.entry(name).or_default().extend(addresses);
                }
                all.entry("kms_keys").or_insert(json!(0));
            }
            Fact::TrailExcludesKms => {
                notes.insert("a trail excludes KMS events".to_owned());
            }
            Fact::Metric(metric) if metric.partial => {
                notes.insert("a metric has more pages that were not given".to_owned());
            }
            Fact::Template(template) => {
                templates = true;
                for value in &template.unresolved {
                    unresolved.insert(shown::unresolved(value, names));
                }
                for (id, condition) in &template.absent {
                    let of = |name: &str| names.whole(NameOf::Declared, name);
                    absent.insert(
                        of(id),
                        json!(format!("condition {} does not hold", of(condition))),
                    );
                }
            }
            Fact::Metric(_) | Fact::InventoryTaken { .. } => {}
            Fact::Note(note) => {
                notes.insert(note.clone());
            }
        }
    }
    for (name, addresses) in declared {
        all.insert(name.to_owned(), json!(addresses.len()));
    }
    if !buckets.is_empty() {
        let unstated: Vec<&String> = buckets.keys().filter(|b| !stated.contains(*b)).collect();
        all.insert(
            "buckets_without_stated_encryption".to_owned(),
            json!(unstated),
        );
        all.insert("buckets".to_owned(), Value::Object(buckets));
    }
    if all.contains_key("kms_keys") {
        all.insert("kms_keys".to_owned(), json!(keys.len()));
    }
    if templates {
        all.insert("unresolved".to_owned(), json!(unresolved));
        all.insert("absent_by_condition".to_owned(), Value::Object(absent));
    }
    if !quotas.is_empty() {
        all.insert("quotas".to_owned(), json!(quotas));
    }
    all.insert("notes".to_owned(), json!(notes));
}

/// What inventories list.
fn objects(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    if evidence.objects.values().all(|list| list.kinds.is_empty()) {
        return;
    }
    let mut told = Map::new();
    for (bucket, list) in &evidence.objects {
        let (mut classes, mut encryption, mut bucket_keys) =
            (ByName::new(), ByName::new(), ByName::new());
        for (kind, counts) in list.kinds.iter().filter(|(kind, _)| kind.current) {
            for (map, name) in [
                (&mut classes, kind.class.as_str()),
                (&mut encryption, kind.encryption.as_str()),
                (&mut bucket_keys, kind.bucket_key.name()),
            ] {
                let name = if name.is_empty() { "not stated" } else { name };
                *map.entry(name.to_owned()).or_default() += counts.objects;
            }
        }
        let other: u64 = list
            .kinds
            .iter()
            .filter(|(kind, _)| !kind.current)
            .map(|(_, c)| c.objects)
            .sum();
        told.insert(
            names.of(NameOf::Bucket, bucket),
            json!({
                "taken": list.taken.map(time::shown),
                "objects": list.objects(),
                "bytes": list.bytes(),
                "noncurrent_objects": other,
                "storage_classes": classes,
                "encryption": encryption,
                "bucket_key_status": bucket_keys,
                "older_objects": list.older_share(),
                "hours_with_writes_under_bucket_keys": list.ages().len(),
            }),
        );
    }
    all.insert("objects".to_owned(), Value::Object(told));
}

fn skips(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    let mut told = Vec::new();
    for (format, skips) in &evidence.skips {
        for (reason, skipped) in skips {
            told.push(json!({
                "format": format,
                "reason": reason.words(),
                "count": skipped.count,
                "first": names.path(&skipped.first),
            }));
        }
    }
    all.insert("skipped".to_owned(), json!(told));
}
