//! What is said of an import: totals, and what people should know before they believe the scenario.

use super::evidence::collected::AccountEvidence;
use super::evidence::fact::Fact;
use super::evidence::series::{CountedAs, LoadOrigin, S3Event};
use super::load::Loads;
use super::privacy::Names;
use super::scenario::written::WrittenScenario;
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

/// All totals as text.
pub fn totals(evidence: &AccountEvidence, names: &Names) -> String {
    let mut text = String::new();
    let read = evidence.files.iter().filter(|f| f.read).count();
    let _ = writeln!(text, "files read: {}", grouped(read as u64));
    for (why, n) in &evidence.files_left_out {
        let _ = writeln!(text, "files left out: {} ({why})", grouped(*n));
    }
    let unknown = |f: &&super::evidence::collected::FileReport| f.format == "unknown format";
    for file in evidence.files.iter().filter(unknown).take(5) {
        let _ = writeln!(text, "  {}: unknown format", names.path(&file.path));
    }
    for (format, n) in &evidence.records {
        let _ = writeln!(text, "{format}: {} records", grouped(*n));
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
    if evidence.records.contains_key("cloudtrail") {
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
) -> Vec<String> {
    let mut said = Vec::new();
    let has_kms = evidence
        .series
        .keys()
        .any(|k| k.origin == LoadOrigin::KmsEvent);
    let has_other = evidence
        .series
        .keys()
        .any(|k| k.origin == LoadOrigin::CallCount);
    let excludes = evidence
        .facts
        .iter()
        .any(|(_, f)| *f == Fact::TrailExcludesKms);
    let has_events = evidence.records.contains_key("cloudtrail");
    if has_events && !has_kms && !has_other {
        let why = if excludes {
            "a trail excludes KMS events"
        } else {
            "the CloudTrail files hold no KMS event"
        };
        said.push(format!(
            "warning: {why}: KMS load unknown from this source; add CallCount or data events"
        ));
    } else if excludes {
        said.push("warning: a trail excludes KMS events: its account's KMS load is unknown where no other file tells".to_owned());
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
            | Fact::TrailExcludesKms
            | Fact::InventoryTaken { .. }
            | Fact::Resources { .. } => continue,
        };
        let note = format!("warning: {note}");
        if !said.contains(&note) {
            said.push(note);
        }
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
