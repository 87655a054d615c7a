//! What is said of an import: totals, and what people should know before they believe the scenario.

use super::evidence::collected::AccountEvidence;
use super::evidence::fact::Fact;
use super::evidence::series::{CountedAs, LoadOrigin, S3Event, SeriesKey, Via};
use super::format::is_trail;
use super::load::Loads;
use super::privacy::{NameOf, Names};
use super::scenario::written::WrittenScenario;
use super::shown;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A number with its digits in threes.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: "1 record", "2 records".
fn count(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(n))
}

/// All totals as text.
pub fn totals(evidence: &AccountEvidence, names: &Names) -> String {
    let mut text = String::new();
    let read = evidence.files.iter().filter(|f| f.read).count();
    let read = read + evidence.files_beyond.read;
    let _ = writeln!(text, "files read: {}", grouped(read as u64));
    for (why, n) in &evidence.files_left_out {
        let _ = writeln!(text, "files left out: {} ({why})", grouped(*n));
    }
    let strange = |f: &&super::evidence::collected::FileReport| {
        f.format == "unknown format" || f.format.starts_with("ORC")
    };
    for file in evidence.files.iter().filter(strange).take(5) {
        let _ = writeln!(text, "  {}: {}", names.path(&file.path), file.format);
    }
    let hollow = |f: &&super::evidence::collected::FileReport| f.read && f.records == 0;
    let hollow: Vec<_> = evidence.files.iter().filter(hollow).collect();
    for file in hollow.iter().take(5) {
        let _ = writeln!(
            text,
            "  {}: {}, without a record",
            names.path(&file.path),
            file.format
        );
    }
    if hollow.len() > 5 {
        let _ = writeln!(
            text,
            "  and {} more without a record",
            grouped(hollow.len() as u64 - 5)
        );
    }
    for (format, n) in &evidence.records {
        let _ = writeln!(text, "{format}: {}", count(*n, "record"));
        if let Some(twice) = evidence.duplicates.get(format) {
            let sought = evidence.sought();
            let _ = writeln!(
                text,
                "  there twice, counted once: {} (sought {sought})",
                grouped(*twice)
            );
        }
        for (reason, skipped) in evidence.skips.get(format).into_iter().flatten() {
            let _ = writeln!(
                text,
                "  skipped, {}: {} (the first at {})",
                reason.words(),
                grouped(skipped.count),
                names.path(&skipped.first)
            );
        }
    }
    let (mut kms, mut throttled, mut data) = (0, 0, 0);
    for (kind, n) in &evidence.kinds {
        if let CountedAs::Event(event) = &kind.tally {
            if event.kms.is_some() {
                kms += n;
                throttled += if event.throttled.is_some() { *n } else { 0 };
            } else if event.s3 == Some(S3Event::Data) {
                data += n;
            }
        }
    }
    if evidence.records.keys().any(|format| is_trail(format)) {
        let _ = writeln!(
            text,
            "KMS events: {}, of them throttled: {}; S3 data events: {}",
            grouped(kms),
            grouped(throttled),
            grouped(data)
        );
    }
    if evidence.ambiguous > 0 {
        let _ = writeln!(
            text,
            "lines whose URI might end elsewhere: {}",
            grouped(evidence.ambiguous)
        );
    }
    text
}

/// What people should know before they believe the scenario, a sentence each.
pub fn remarks(
    evidence: &AccountEvidence,
    loads: &Loads,
    written: Option<&WrittenScenario>,
    names: &Names,
) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(unknown_load(evidence, names));
    let workloads = written.iter().flat_map(|w| &w.stretch.workloads);
    let unpriced: BTreeSet<&str> = workloads
        .map(|workload| workload.at.region.as_str())
        .filter(|region| crate::catalog::price("kms-requests", region).is_none())
        .collect();
    for region in unpriced {
        said.push(format!(
            "warning: the catalog has no prices of {region}: `kmsim check` names those that the scenario needs, as tables `[price.…]`"
        ));
    }
    if evidence.unsought > 0 {
        said.push(format!(
            "warning: {} records came after more than 1,570,000 others: whether they repeat one of the same 2 h is not known; give each trail's files by themselves, or in order of time",
            grouped(evidence.unsought)
        ));
    }
    if evidence.crowded {
        said.push("warning: more callers, keys, buckets or kinds of records than are kept apart: the later ones are counted together".to_owned());
    }
    for (_, fact) in &evidence.facts {
        let note = match fact {
            Fact::Note(note) => note.clone(),
            Fact::Metric(metric) if metric.partial => {
                "a metric has more pages that were not given".to_owned()
            }
            Fact::Metric(_)
            | Fact::Bucket(_)
            | Fact::Key(_)
            | Fact::Quota(_)
            | Fact::Template(_)
            | Fact::TrailExcludesKms
            | Fact::InventoryTaken { .. }
            | Fact::Resources { .. } => continue,
        };
        let note = format!("warning: {note}");
        if !said.contains(&note) {
            said.push(note);
        }
    }
    let mut open: BTreeSet<String> = BTreeSet::new();
    for template in evidence.facts.iter().filter_map(|(_, f)| f.template()) {
        open.extend(
            template
                .unresolved
                .iter()
                .map(|v| shown::unresolved(v, names)),
        );
    }
    if !open.is_empty() {
        let first: Vec<&str> = open.iter().take(5).map(String::as_str).collect();
        let more = match open.len().saturating_sub(5) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        said.push(format!(
            "note: templates do not say: {}{more} (--region and --parameter NAME=VALUE say some of it)",
            first.join(", ")
        ));
    }
    if let Some(written) = written {
        for (what, n) in &written.stretch.left_out {
            said.push(format!("left out: {} {what}", grouped(*n)));
        }
        for workload in written.stretch.workloads.iter().filter(|w| w.throttled > 0) {
            said.push(format!(
                "{} throttled of {} attempts: {} new requests behind them ({} to {}; retries of `{}`{})",
                grouped(workload.throttled),
                grouped(workload.attempts),
                grouped(workload.total()),
                grouped(workload.range.0.round() as u64),
                grouped(workload.range.1.round() as u64),
                workload.retry,
                if workload.retry_is_known { "" } else { ", assumed" }
            ));
        }
    } else {
        let homeless = loads.loads.iter().filter(|(at, _)| at.region.is_empty());
        let homeless: u64 = homeless.map(|(_, load)| load.total()).sum();
        if homeless > 0 {
            said.push(format!(
                "left out: {} requests of no known Region (name it with --region)",
                grouped(homeless)
            ));
        }
        for (what, n) in &loads.left_out {
            said.push(format!("left out: {} {what}", grouped(*n)));
        }
        said.push(
            "no scenario is written: no file holds load of a Region that the catalog knows"
                .to_owned(),
        );
    }
    said
}

/// What the names of cryptographic operations begin with.
const CRYPTOGRAPHIC: [&str; 7] = [
    "Decrypt",
    "Encrypt",
    "Generate",
    "ReEncrypt",
    "Sign",
    "Verify",
    "DeriveSharedSecret",
];

/// Where KMS's load is not zero but unknown: a trail that leaves KMS out or writes no read events, and S3 requests under KMS
/// keys beside which no call of KMS is there.
fn unknown_load(evidence: &AccountEvidence, names: &Names) -> Vec<String> {
    const WAY_OUT: &str = "KMS load unknown from this source; add CallCount or data events";
    let mut said = Vec::new();
    let all = || evidence.series.keys();
    // Calls that draw on the quota of cryptographic operations are read events.
    let draws = |key: &&SeriesKey| {
        let is = |name: &&str| key.operation.starts_with(*name);
        key.origin == LoadOrigin::KmsEvent && CRYPTOGRAPHIC.iter().any(is)
    };
    let has_other = all().any(|k| k.origin == LoadOrigin::CallCount);
    let excludes = evidence
        .facts
        .iter()
        .any(|(_, f)| *f == Fact::TrailExcludesKms);
    let has_events = evidence
        .kinds
        .iter()
        .any(|(kind, _)| matches!(kind.tally, CountedAs::Event(_)));
    let with_kms: BTreeSet<&str> = all().filter(draws).map(|k| k.account.as_str()).collect();
    if has_events && with_kms.is_empty() && !has_other {
        let why = if excludes {
            "a trail excludes KMS events"
        } else if all().any(|k| k.origin == LoadOrigin::KmsEvent) {
            "the CloudTrail files hold no Encrypt, Decrypt or GenerateDataKey, which are read events"
        } else {
            "the CloudTrail files hold no KMS event"
        };
        said.push(format!("warning: {why}: {WAY_OUT}"));
    } else if excludes {
        said.push("warning: a trail excludes KMS events: its account's KMS load is unknown where no other file tells".to_owned());
    }
    if with_kms.is_empty() || has_other {
        return said;
    }
    // Requests under KMS keys in an account that has no call.
    let under_kms = all().filter(|k| k.origin == LoadOrigin::DataEvent && k.spec.contains("KMS"));
    let without: BTreeSet<&str> = under_kms
        .map(|k| k.account.as_str())
        .filter(|account| !with_kms.contains(account))
        .collect();
    for account in without {
        said.push(format!(
            "warning: account {} has S3 requests under aws:kms and no KMS event: {WAY_OUT}",
            names.of(NameOf::Account, account)
        ));
    }
    let through_s3 = all().any(|k| matches!(k.via, Via::S3Object | Via::S3BucketKey));
    let has_requests = all().any(|k| {
        matches!(
            k.origin,
            LoadOrigin::DataEvent | LoadOrigin::AccessLog | LoadOrigin::RequestCount
        )
    });
    if through_s3 && !has_requests {
        said.push(
            "note: no file holds S3's requests (data events, access logs): how many a bucket key or a cache served is unknown"
                .to_owned(),
        );
    }
    said
}
