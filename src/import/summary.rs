//! FILE.import.json: every total, by the names that `docs/IMPORT.md` explains.

use super::evidence::collected::AccountEvidence;
use super::evidence::series::{CountedAs, LoadOrigin, S3Event};
use super::evidence::skip::SkipReason;
use super::fit::dispersion;
use super::privacy::Names;
use super::scenario::written::WrittenScenario;
use super::time;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What was made of it: the workloads, and what is behind them.
pub fn outcome(written: Option<&WrittenScenario>, all: &mut Map<String, Value>) {
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
    lines(evidence, &mut all);
    skips(evidence, names, &mut all);
    all
}

fn files(evidence: &AccountEvidence, names: &Names, all: &mut Map<String, Value>) {
    let read = evidence.files.iter().filter(|f| f.read);
    all.insert("files".to_owned(), json!(read.clone().count()));
    let of_trail = read.filter(|f| f.format == "cloudtrail" && f.records > 0);
    all.insert("cloudtrail_files".to_owned(), json!(of_trail.count()));
    let of_trails = |(why, _): &(&&str, &u64)| ["digest", "insight"].contains(*why);
    let to_skip: BTreeMap<_, _> = evidence.files_left_out.iter().filter(of_trails).collect();
    all.insert("files_to_skip".to_owned(), json!(to_skip));
    all.insert("files_left_out".to_owned(), json!(evidence.files_left_out));
    let told = evidence.files.iter().map(|f| {
        let mut one = json!({
            "path": names.path(&f.path),
            "format": f.format,
            "records": f.records,
        });
        if let Some(fault) = &f.fault {
            one["fault"] = json!(names.path(fault));
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
            | CountedAs::Sample => used += n,
        }
    }
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
    if !evidence.records.contains_key("cloudtrail") {
        return;
    }
    let records = evidence.records["cloudtrail"];
    let skipped = |reason| {
        let skips = evidence.skips.get("cloudtrail");
        skips.and_then(|s| s.get(&reason)).map_or(0, |s| s.count)
    };
    let duplicates = evidence.duplicates.get("cloudtrail").copied().unwrap_or(0);
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
    let most: Map<String, Value> = sources
        .iter()
        .take(MOST_FREQUENT)
        .map(|(source, n)| (names.in_counter(source), json!(n)))
        .collect();
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
        let map: ByName = map
            .into_iter()
            .map(|(key, n)| (names.in_counter(&key), n))
            .collect();
        put(name, json!(map));
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
fn lines(evidence: &AccountEvidence, all: &mut Map<String, Value>) {
    let (mut by_operation, mut by_status) = (ByName::new(), ByName::new());
    let mut used = 0;
    for (kind, n) in &evidence.kinds {
        if let CountedAs::Line { operation, status } = &kind.tally {
            used += n;
            *by_operation.entry(operation.clone()).or_default() += n;
            *by_status.entry(status.clone()).or_default() += n;
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
    all.insert("by_operation".to_owned(), json!(by_operation));
    all.insert("by_status".to_owned(), json!(by_status));
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
