//! How far the main results of `media-library` move when an assumption is halved, doubled or chosen differently:
//! the table of `docs/MODEL.md`, as Markdown. `cargo run --release --example sensitivity [REPLICATIONS [NUMBER…]]`.
//!
//! Each row is run with the scenario's own seed, so that both sides see the same random numbers, and its change is
//! taken replication by replication.

use kmsim::input::Input;
use kmsim::input::named_file::FileRules;
use kmsim::metrics::number::grouped;
use kmsim::results::{Estimate, VariantResults};
use kmsim::run::{RunOptions, run_variant};
use kmsim::scenario::Changeable;
use std::collections::BTreeMap;
use std::path::Path;

/// An assumption, and what is tried in its place.
struct Row {
    number: &'static str,
    /// The key, or keys, in words of the scenario language.
    key: &'static str,
    variant: &'static str,
    /// What makes it act, on both sides.
    given: &'static [&'static str],
    /// Name of a value, and the settings that make it.
    tries: &'static [(&'static str, &'static [&'static str])],
}

const METRICS: [(&str, Change); 4] = [
    ("kms_attempts", Change::Relative),
    ("kms_throttled", Change::Count),
    ("s3_requests_failed", Change::Count),
    ("cost_total_usd", Change::Relative),
];

#[derive(Clone, Copy)]
enum Change {
    Relative,
    Count,
}

/// The videos of `bucket-keys`, by age: as many keys as it says.
const BY_AGE: &[&str] = &[
    "bucket.videos={key=\"media\",bucket_key=true,older_objects=0.25,archive_age={uniform={longest=\"5d\"}}}",
];

const DENIED: &[&str] = &["requester.platform.identity_policies=[\"policies/read-objects.json\"]"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { number: "M1", key: "quota.NAME.limiter", variant: "as-is", given: &[], tries: &[
        ("sliding-window", &["quota.shared.limiter=sliding-window"]),
        ("token-bucket of 0.5 s", &["quota.shared.limiter={token-bucket={burst=0.5}}"]),
        ("of 1 s", &["quota.shared.limiter={token-bucket={burst=1}}"]),
        ("of 2 s", &["quota.shared.limiter={token-bucket={burst=2}}"]),
    ] },
    Row { number: "M3", key: "quota.NAME.changes", variant: "quota-increase", given: &[], tries: &[
        ("1 s later", &["quota.shared.changes=[{at=\"73861s\",limit=\"15000/s\"}]"]),
    ] },
    Row { number: "M4", key: "assumption.bucket_key_lifetime", variant: "bucket-keys", given: &[], tries: &[
        ("150 s", &["assumption.bucket_key_lifetime=150s"]),
        ("600 s", &["assumption.bucket_key_lifetime=600s"]),
    ] },
    Row { number: "M4", key: "assumption.bucket_key_renewal", variant: "bucket-keys", given: &[], tries: &[
        ("sliding", &["assumption.bucket_key_renewal=sliding"]),
    ] },
    Row { number: "M5", key: "assumption.bucket_key_fanout", variant: "bucket-keys", given: &[], tries: &[
        ("1", &["assumption.bucket_key_fanout=1"]),
        ("4", &["assumption.bucket_key_fanout=4"]),
    ] },
    Row { number: "M6", key: "assumption.bucket_key_requester", variant: "bucket-keys", given: &["requester.player.sessions=60"], tries: &[
        ("session, of 60 sessions", &["assumption.bucket_key_requester=session"]),
    ] },
    Row { number: "M8, M64", key: "assumption.bucket_key_single_flight", variant: "bucket-keys", given: &[], tries: &[
        ("true", &["assumption.bucket_key_single_flight=true"]),
    ] },
    Row { number: "M8, M64", key: "workload.NAME.data_key_cache.single_flight", variant: "data-key-cache", given: &[], tries: &[
        ("true", &["workload.event-producers.data_key_cache.single_flight=true", "workload.event-consumers.data_key_cache.single_flight=true"]),
    ] },
    Row { number: "M9", key: "bucket.NAME.archived_bucket_keys", variant: "bucket-keys", given: &[], tries: &[
        ("half", &["bucket.videos.archived_bucket_keys=1_440"]),
        ("double", &["bucket.videos.archived_bucket_keys=5_760"]),
    ] },
    Row { number: "M9", key: "bucket.NAME.older_objects", variant: "bucket-keys", given: &[], tries: &[
        ("0.125", &["bucket.videos.older_objects=0.125"]),
        ("0.5", &["bucket.videos.older_objects=0.5"]),
    ] },
    Row { number: "M10", key: "bucket.NAME.bucket_key", variant: "bucket-keys", given: &[], tries: &[
        ("false for `uploads`: parts call too", &["bucket.uploads={key=\"media\"}"]),
    ] },
    Row { number: "M11", key: "workload.NAME.parts", variant: "as-is", given: &[], tries: &[
        ("4", &["workload.uploads.parts=4"]),
        ("16", &["workload.uploads.parts=16"]),
    ] },
    Row { number: "M12", key: "assumption.kms_latency", variant: "bucket-keys", given: &[], tries: &[
        ("2 ms", &["assumption.kms_latency.lognormal={median=\"2ms\",sigma=0.5}"]),
        ("8 ms", &["assumption.kms_latency.lognormal={median=\"8ms\",sigma=0.5}"]),
    ] },
    Row { number: "M13", key: "assumption.s3_latency", variant: "as-is", given: &[], tries: &[
        ("15 ms", &["assumption.s3_latency.lognormal={median=\"15ms\",sigma=0.5}"]),
        ("60 ms", &["assumption.s3_latency.lognormal={median=\"60ms\",sigma=0.5}"]),
    ] },
    Row { number: "M14", key: "assumption.throttled_latency", variant: "as-is", given: &[], tries: &[
        ("2 ms", &["assumption.throttled_latency.constant.value=2ms"]),
        ("8 ms", &["assumption.throttled_latency.constant.value=8ms"]),
    ] },
    Row { number: "M15", key: "assumption.throttled_attempts_billed", variant: "as-is", given: &[], tries: &[
        ("true", &["assumption.throttled_attempts_billed=true"]),
    ] },
    Row { number: "M16", key: "assumption.throttled_attempts_logged", variant: "as-is", given: &["account.main.trail_copies=2"], tries: &[
        ("false, with two copies", &["assumption.throttled_attempts_logged=false"]),
    ] },
    Row { number: "M17", key: "assumption.throttled_attempts_in_call_count", variant: "as-is", given: &[], tries: &[
        ("false", &["assumption.throttled_attempts_in_call_count=false"]),
    ] },
    Row { number: "M18", key: "assumption.dsse_kms_calls", variant: "as-is", given: &["bucket.videos.encryption=DSSE-KMS"], tries: &[
        ("2, videos under DSSE-KMS", &["assumption.dsse_kms_calls=2"]),
    ] },
    Row { number: "M21", key: "workload.NAME.clients", variant: "as-is", given: &[], tries: &[
        ("half", &["workload.playback.clients=30", "workload.thumbnails.clients=30", "workload.uploads.clients=15", "workload.batch-copy.clients=2", "workload.event-producers.clients=20", "workload.event-consumers.clients=5", "workload.secrets.clients=10", "workload.log-groups.clients=10"]),
        ("double", &["workload.playback.clients=120", "workload.thumbnails.clients=120", "workload.uploads.clients=60", "workload.batch-copy.clients=8", "workload.event-producers.clients=80", "workload.event-consumers.clients=20", "workload.secrets.clients=40", "workload.log-groups.clients=40"]),
    ] },
    Row { number: "M24", key: "quota.NAME.limit", variant: "as-is", given: &[], tries: &[
        ("5,000/s", &["quota.shared.limit=5000/s"]),
        ("20,000/s", &["quota.shared.limit=20000/s"]),
    ] },
    Row { number: "M24", key: "price.kms-requests", variant: "as-is", given: &[], tries: &[
        ("half", &["price.kms-requests={usd=\"0.015\",per=10000}"]),
        ("double", &["price.kms-requests={usd=\"0.06\",per=10000}"]),
    ] },
    Row { number: "M25", key: "price.kms-keys", variant: "as-is", given: &[], tries: &[
        ("half", &["price.kms-keys={usd=\"0.5\"}"]),
        ("double", &["price.kms-keys={usd=\"2\"}"]),
    ] },
    Row { number: "M28", key: "assumption.denied_calls_consume_quota", variant: "as-is", given: DENIED, tries: &[
        ("false, `platform` denied by KMS", &["assumption.denied_calls_consume_quota=false"]),
    ] },
    Row { number: "M31", key: "requester.NAME.identity_policies", variant: "as-is", given: &[], tries: &[
        ("`platform` may call no KMS", DENIED),
    ] },
    Row { number: "M32", key: "workload.NAME.requests_when_denied", variant: "as-is", given: DENIED, tries: &[
        ("2, `platform` denied by KMS", &["workload.secrets.requests_when_denied=2", "workload.log-groups.requests_when_denied=2"]),
    ] },
    Row { number: "M35", key: "workload.NAME.tls", variant: "as-is", given: &[], tries: &[
        ("1.2 for `playback`", &["workload.playback.tls=\"1.2\""]),
    ] },
    Row { number: "M36", key: "account.NAME.trail_data_copies", variant: "as-is", given: &[], tries: &[
        ("1", &["account.main.trail_data_copies=1"]),
        ("2", &["account.main.trail_data_copies=2"]),
    ] },
    Row { number: "M37", key: "assumption.bucket_key_write_lifetime", variant: "bucket-keys", given: BY_AGE, tries: &[
        ("150 s, archive by age", &["assumption.bucket_key_write_lifetime=150s"]),
        ("600 s", &["assumption.bucket_key_write_lifetime=600s"]),
    ] },
    Row { number: "M38", key: "assumption.bucket_key_verification", variant: "bucket-keys", given: &[], tries: &[
        ("false", &["assumption.bucket_key_verification=false"]),
    ] },
    Row { number: "M39", key: "bucket.NAME.kind", variant: "as-is", given: &[], tries: &[
        ("directory for `thumbnails`", &["bucket.thumbnails.kind=directory"]),
    ] },
    Row { number: "M40", key: "key.NAME.disabled_at", variant: "as-is", given: &[], tries: &[
        ("20 h 31 min for `events`", &["key.events.disabled_at=\"20h 31m\""]),
    ] },
    Row { number: "M41", key: "assumption.retry_after", variant: "as-is", given: &[], tries: &[
        ("1 s", &["assumption.retry_after=1s"]),
        ("4 s", &["assumption.retry_after=4s"]),
    ] },
    Row { number: "M60", key: "bucket.NAME.prefixes", variant: "as-is", given: &[], tries: &[
        ("1 for `videos`", &["bucket.videos.prefixes=1"]),
        ("2", &["bucket.videos.prefixes=2"]),
    ] },
    Row { number: "M94", key: "workload.NAME.encrypted_by.read_by", variant: "data-key-cache", given: &[], tries: &[
        ("client", &["workload.event-consumers.encrypted_by.read_by=client"]),
    ] },
    Row { number: "M96", key: "retry.exponential.transient_initial_backoff", variant: "as-is", given: HEADS, tries: &[
        ("HEADs of `playback` throttled as what they are", &["retry.exponential={initial_backoff=\"1s\",max_attempts=3,retry_quota={}}"]),
    ] },
    Row { number: "M98", key: "workload.NAME.service.data_key_reuse_period", variant: "as-is", given: SNS, tries: &[
        ("150 s, producers by SNS", &["workload.event-producers.service.data_key_reuse_period=150s"]),
        ("600 s", &["workload.event-producers.service.data_key_reuse_period=600s"]),
    ] },
    Row { number: "M99", key: "workload.NAME.service.renewal", variant: "as-is", given: DYNAMODB, tries: &[
        ("fixed, consumers of DynamoDB", &["workload.event-consumers.service.renewal=fixed"]),
    ] },
    Row { number: "M100", key: "workload.NAME.retry", variant: "as-is", given: SECRETS, tries: &[
        ("none, secrets by Secrets Manager", &["workload.secrets.retry=none"]),
    ] },
    Row { number: "M101", key: "workload.NAME.trace.dispersion", variant: "as-is", given: MINUTES, tries: &[
        ("1.3, `playback` from sums of minutes", &["workload.playback.trace.dispersion=1.3"]),
        ("13.2", &["workload.playback.trace.dispersion=13.2"]),
    ] },
    Row { number: "M102", key: "workload.NAME.client_lifetime", variant: "as-is", given: &[], tries: &[
        ("1,000 requests for `playback`", &["workload.playback.client_lifetime.requests=1000"]),
        ("10,000", &["workload.playback.client_lifetime.requests=10000"]),
    ] },
    Row { number: "M103", key: "workload.NAME.job.on_failure", variant: "as-is", given: &[], tries: &[
        ("fail-job", &["workload.batch-copy.job.on_failure=fail-job"]),
    ] },
    Row { number: "M104", key: "workload.NAME.clients", variant: "as-is", given: &[], tries: &[
        ("one for 50 requests/s", &["workload.playback.clients=46", "workload.thumbnails.clients=13", "workload.uploads.clients=3", "workload.event-producers.clients=12", "workload.event-consumers.clients=12", "workload.secrets.clients=3", "workload.log-groups.clients=7"]),
    ] },
    Row { number: "M105", key: "workload.NAME.popularity", variant: "bucket-keys", given: &[], tries: &[
        ("a million videos, each as often", &["workload.playback.popularity={uniform={objects=1_000_000}}"]),
    ] },
];

/// HEADs among the reads of videos, and clients of today's standard mode, written out.
const HEADS: &[&str] = &[
    "workload.playback.operations={GetObject=0.2,GetObjectRange=0.5,HeadObjectChecksum=0.3}",
    "retry.exponential={initial_backoff=\"1s\",transient_initial_backoff=\"50ms\",max_attempts=3,retry_quota={transient_cost=14}}",
];

const SNS: &[&str] = &[
    "workload.event-producers={key=\"events\",requester=\"events\",clients=40,service={name=\"sns\"},operations={Publish=1},arrivals={poisson={rate=\"600/s\"}}}",
];

const DYNAMODB: &[&str] = &[
    "workload.event-consumers={key=\"events\",requester=\"events\",clients=10,service={name=\"dynamodb\"},operations={GetItem=1},arrivals={poisson={rate=\"600/s\"}}}",
];

const SECRETS: &[&str] = &[
    "workload.secrets={key=\"platform\",requester=\"platform\",clients=20,service={name=\"secretsmanager\"},operations={GetSecretValue=1},arrivals={poisson={rate=\"120/s\"}}}",
];

/// Players as sums of minutes have them.
const MINUTES: &[&str] = &[
    "workload.playback={bucket=\"videos\",requester=\"player\",clients=60,operations={GetObject=0.2,GetObjectRange=0.8},popularity={zipf={objects=400_000,exponent=0.9}},trace={file=\"FILE\",count=\"n\"}}",
];

/// Hours and requests a second of `playback` in the scenario.
const PLAYBACK: [(f64, f64); 11] = [
    (0.0, 1600.0),
    (4.0, 500.0),
    (8.0, 1200.0),
    (18.0, 2600.0),
    (20.0 + 25.0 / 60.0, 3300.0),
    (20.0 + 28.0 / 60.0, 4000.0),
    (20.5, 5700.0),
    (20.0 + 32.0 / 60.0, 5900.0),
    (20.0 + 34.0 / 60.0, 3700.0),
    (22.0, 3000.0),
    (24.0, 1600.0),
];

/// What CloudWatch would show of `playback`: a row for each minute. All corners of its curve are whole minutes.
fn minutes() -> String {
    let mut rows = "time,n\n".to_owned();
    for minute in 0..24 * 60 {
        let hour = (f64::from(minute) + 0.5) / 60.0;
        let after = PLAYBACK.partition_point(|(at, _)| *at < hour);
        let ((from, low), (to, high)) = (PLAYBACK[after - 1], PLAYBACK[after]);
        let rate = low + (high - low) * (hour - from) / (to - from);
        rows += &format!("{},{:.0}\n", minute * 60, rate * 60.0);
    }
    rows
}

/// Results of a variant with what is set in it.
fn results(variant: &str, sets: Vec<String>, replications: u32) -> Result<VariantResults, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/media-library.toml");
    let rules = FileRules {
        allowed: vec![std::env::temp_dir()],
        ..FileRules::default()
    };
    let input = Input::from_path_under(path, rules).map_err(|e| e.to_string())?;
    let changeable = Changeable::new(&input, &[], variant).map_err(|e| e.to_string())?;
    let loaded = changeable.with(&[], &sets).map_err(|e| e.to_string())?;
    let variant = loaded.variants.first().ok_or("no variant")?;
    run_variant(variant, loaded.seed, replications, RunOptions::default())
        .map_err(|e| e.to_string())
}

/// A metric's change, replication by replication, in its own words; in brackets where its 95 % interval holds zero.
fn change(metric: &str, kind: Change, before: &VariantResults, after: &VariantResults) -> String {
    let of = |v: &VariantResults| v.metrics.get(metric).map(|e| e.values.clone());
    let (Some(a), Some(b)) = (of(before), of(after)) else {
        return "no data".to_owned();
    };
    let change = |(a, b): (&Option<f64>, &Option<f64>)| {
        let (a, b) = a.zip(*b)?;
        Some(match kind {
            Change::Relative => 100.0 * (b - a) / a,
            Change::Count => b - a,
        })
    };
    let changes = Estimate::over(a.iter().zip(&b).map(change).collect(), "1");
    if changes.values.iter().all(|v| *v == Some(0.0)) {
        return "=".to_owned();
    }
    let Some(mean) = changes.mean else {
        return "no data".to_owned();
    };
    let shown = match kind {
        Change::Count => {
            let sign = if mean < 0.0 { "-" } else { "+" };
            format!("{sign}{}", grouped(mean.abs(), 0))
        }
        Change::Relative => format!("{mean:+.2}"),
    };
    let shown = match shown.trim_start_matches(['+', '-', '0', '.']) {
        "" => "≈ 0".to_owned(),
        _ => shown.replace('-', "−"),
    };
    match changes.ci_low.zip(changes.ci_high) {
        Some((low, high)) if low > 0.0 || high < 0.0 => shown,
        _ => format!("({shown})"),
    }
}

/// A row's cells, values apart by a middle dot. `file`: where the sums of minutes are.
fn cells(
    row: &Row,
    before: &VariantResults,
    replications: u32,
    file: &str,
) -> Result<String, String> {
    let mut tried = Vec::new();
    for (_, sets) in row.tries {
        let sets = row
            .given
            .iter()
            .chain(*sets)
            .map(|s| s.replace("FILE", file));
        tried.push(results(row.variant, sets.collect(), replications)?);
    }
    let names: Vec<&str> = row.tries.iter().map(|(name, _)| *name).collect();
    let mut line = format!(
        "| {} | `{}` | {} | {} |",
        row.number,
        row.key,
        names.join(" · "),
        row.variant
    );
    for (metric, kind) in METRICS {
        let changes = tried
            .iter()
            .map(|after| change(metric, kind, before, after));
        line += &format!(" {} |", changes.collect::<Vec<_>>().join(" · "));
    }
    Ok(line)
}

fn main() -> Result<(), String> {
    let replications = match std::env::args().nth(1) {
        None => 10,
        Some(n) => n.parse().map_err(|e| format!("{n}: {e}"))?,
    };
    let only: Vec<String> = std::env::args().skip(2).collect();
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = folder.path().join("minutes.csv");
    std::fs::write(&file, minutes()).map_err(|e| e.to_string())?;
    let file = file.display().to_string();
    let mut baselines: BTreeMap<String, VariantResults> = BTreeMap::new();
    let mut shown = Vec::new();
    for row in ROWS
        .iter()
        .filter(|row| only.is_empty() || only.contains(&row.number.to_owned()))
    {
        let key = format!("{} {}", row.variant, row.given.join(" "));
        if !baselines.contains_key(&key) {
            let given = row.given.iter().map(|s| s.replace("FILE", &file)).collect();
            let found = results(row.variant, given, replications)?;
            if row.given.is_empty() {
                let mean = |id: &str| found.metrics[id].mean.unwrap_or(f64::NAN);
                println!(
                    "| `{}` | {} | {} | {} | {:.2} USD |",
                    row.variant,
                    grouped(mean("kms_attempts"), 0),
                    grouped(mean("kms_throttled"), 0),
                    grouped(mean("s3_requests_failed"), 0),
                    mean("cost_total_usd"),
                );
            }
            baselines.insert(key.clone(), found);
        }
        shown.push(cells(row, &baselines[&key], replications, &file)?);
    }
    println!();
    println!(
        "| assumption | key | tried | variant | KMS attempts \\[%\\] | KMS attempts throttled | S3 requests failed | total cost \\[%\\] |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    shown.iter().for_each(|line| println!("{line}"));
    Ok(())
}
