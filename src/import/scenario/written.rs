//! The text of the scenario, and of the files that it reads.

use super::super::evidence::collected::AccountEvidence;
use super::super::evidence::fact::{Fact, Sse};
use super::super::evidence::series::{LoadOrigin, Via};
use super::super::load::Loads;
use super::super::policy;
use super::super::privacy::Names;
use super::super::time;
use super::places::{self, Places, WorkloadPlace};
use super::variants;
use super::workload::{self, Imported, Stretch};
use std::fmt::Write;

/// What is read, where no file names objects (assumption M105).
const POPULARITY: &str =
    "# No file names objects (assumption M105).\npopularity.uniform.objects = 1_000_000\n";

/// First line of a file that may be written over.
pub const MARK: &str = "# Written by kmsim import";

/// What is needed beside what was found.
#[derive(Clone, Debug)]
pub struct WritingOptions {
    /// Name of the scenario file without its ending, which the files beside it begin with.
    pub stem: String,
    /// Retry profile of clients that are not told.
    pub retry: Option<String>,
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct WrittenScenario {
    /// The TOML text.
    pub toml: String,
    /// Files beside it: name and text.
    pub files: Vec<(String, String)>,
    /// The stretch of time and its workloads.
    pub stretch: Stretch,
    /// Where they belong.
    pub places: Places,
}

/// The scenario of what was found; `None`: there is no load in it.
pub fn scenario(
    evidence: &AccountEvidence,
    loads: &Loads,
    names: &Names,
    options: &WritingOptions,
) -> Option<WrittenScenario> {
    let stretch = workload::workloads(loads, options.retry.as_deref());
    if stretch.workloads.is_empty() {
        return None;
    }
    let places = places::places(&stretch, loads, evidence, names);
    let mut files = Vec::new();
    let mut toml = head(evidence, &stretch, options);
    things(&places, &mut toml);
    toml.push_str("\n# ----- load\n");
    for (workload, place) in stretch.workloads.iter().zip(&places.workloads) {
        one(
            workload, place, &stretch, &places, options, &mut toml, &mut files,
        );
    }
    let at_best = at_best(evidence, &stretch, &places, options, &mut toml, &mut files);
    toml.push_str(&variants::text(&stretch, &places));
    toml.push_str(&at_best);
    Some(WrittenScenario {
        toml,
        files,
        stretch,
        places,
    })
}

fn head(evidence: &AccountEvidence, stretch: &Stretch, options: &WritingOptions) -> String {
    let mut text = format!(
        "{MARK}. Change it as you like, but then under another name: import writes over its own files.\n#\n"
    );
    let formats: Vec<String> = evidence
        .records
        .iter()
        .map(|(format, n)| format!("{n} records of {format}"))
        .collect();
    let _ = writeln!(
        text,
        "# From {}; totals in {}.import.json.",
        formats.join(", "),
        options.stem
    );
    let _ = writeln!(
        text,
        "# t = 0 is {}; the end is {}.",
        time::shown(stretch.from),
        time::shown(stretch.to)
    );
    if !stretch.left_out.is_empty() {
        text.push_str("# Left out:\n");
        for (what, n) in &stretch.left_out {
            let _ = writeln!(text, "#   {n} {}", comment(what));
        }
    }
    let _ = write!(
        text,
        "\nhorizon = \"{}s\"\nstart = \"{}\"\nreplications = 5\n",
        stretch.to - stretch.from,
        time::shown(stretch.from)
    );
    text
}

/// Where only CallCount is known, and a bucket without bucket keys: what they could bring at best. Adds the bucket and the
/// same calls as reads of it, switched off; the variant's text.
fn at_best(
    evidence: &AccountEvidence,
    stretch: &Stretch,
    places: &Places,
    options: &WritingOptions,
    text: &mut String,
    files: &mut Vec<(String, String)>,
) -> String {
    let is_candidate = |fact: &Fact| {
        fact.bucket().is_some_and(|bucket| {
            bucket.encryption == Some(Sse::Kms) && bucket.bucket_key == Some(false)
        })
    };
    let ([workload], [place]) = (&stretch.workloads[..], &places.workloads[..]) else {
        return String::new();
    };
    if workload.at.origin != LoadOrigin::CallCount
        || place.kind != "key"
        || !evidence.facts.iter().any(|(_, fact)| is_candidate(fact))
    {
        return String::new();
    }
    let (name, key) = (&place.name, &place.target);
    let placed = &places.keys[key];
    let file = format!("{}.{name}-as-reads.csv", options.stem);
    let _ = write!(
        text,
        "\n# The bucket whose settings were given, and the same calls as reads of it: for the variant bucket-keys-at-best.\n\
         [bucket.settings-given]\naccount = \"{}\"\nregion = \"{}\"\nkey = \"{key}\"\n\n\
         [workload.{name}-as-reads]\nenabled = false\nbucket = \"settings-given\"\nrequester = \"{}\"\noperations = {{ GetObject = 1 }}\n\
         clients = {}\nretry = \"{}\"\n{POPULARITY}\
         trace = {{ file = \"{file}\", count = \"requests\", period = \"{}s\" }}\n",
        placed.account,
        placed.region,
        place.requester,
        workload.clients,
        workload.retry,
        workload.at.period
    );
    let begin = workload.seconds().first().map_or(stretch.from, |s| s.0);
    let mut rows = String::from("time,requests\n");
    for (second, n) in workload.seconds() {
        let _ = writeln!(rows, "{},{n}", second - begin);
    }
    files.push((file, rows));
    format!(
        "\n# At best: all calls are S3's, for reads of that bucket, and all its objects were rewritten over 30 days (17,280 bucket\n\
         # keys, a million objects read alike). What others call, and older objects, save nothing.\n\
         [variant.bucket-keys-at-best.workload.{name}]\nenabled = false\n\
         [variant.bucket-keys-at-best.workload.{name}-as-reads]\nenabled = true\n\
         [variant.bucket-keys-at-best.bucket.settings-given]\nbucket_key = true\narchived_bucket_keys = 17_280\n"
    )
}

/// A text that stays within its comment.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn things(places: &Places, text: &mut String) {
    text.push_str("\n# ----- accounts, keys, buckets, callers, quotas\n");
    for name in places.accounts.values() {
        let _ = writeln!(text, "\n[account.{name}]");
    }
    for (name, key) in &places.keys {
        let _ = write!(
            text,
            "\n[key.{name}]\naccount = \"{}\"\nregion = \"{}\"\n",
            key.account, key.region
        );
        if key.managed {
            text.push_str("managed_by = \"aws\"\n");
        }
        if key.spec != "SYMMETRIC_DEFAULT" && !key.spec.is_empty() {
            let _ = writeln!(text, "spec = \"{}\"", key.spec);
        }
    }
    for (name, bucket) in &places.buckets {
        text.push('\n');
        for why in &bucket.why {
            let _ = writeln!(text, "# {}", comment(why));
        }
        let _ = write!(
            text,
            "[bucket.{name}]\naccount = \"{}\"\nregion = \"{}\"\n",
            bucket.account, bucket.region
        );
        if let Some(key) = &bucket.key {
            let _ = writeln!(text, "key = \"{key}\"");
            if bucket.dsse {
                text.push_str("encryption = \"DSSE-KMS\"\n");
            }
        }
        if bucket.bucket_key && bucket.key.is_some() {
            text.push_str("bucket_key = true\n");
            if bucket.older > 0.0 {
                let _ = writeln!(text, "older_objects = {:.4}", bucket.older);
            }
            if bucket.archived > 0 {
                let _ = writeln!(text, "archived_bucket_keys = {}", bucket.archived);
            }
        }
    }
    for (name, account) in &places.requesters {
        let _ = write!(text, "\n[requester.{name}]\naccount = \"{account}\"\n");
    }
    if places.quotas.is_empty() {
        text.push_str(
            "\n# Quotas: the defaults of the Regions (kmsim catalog quota). `aws service-quotas list-service-quotas\n\
             # --service-code kms` tells what is in force.\n",
        );
    }
    for (at, limit) in &places.quotas {
        let (account, region, code) = at;
        let why = if places.suspected.contains(at) {
            "Assumed: the median of what was let through in throttled seconds, for no file states the quota."
        } else {
            "As Service Quotas says."
        };
        let name = variants::quota_name(places, account, region, code);
        let id = crate::catalog::quota_by_name(code).map_or(code.as_str(), |q| q.id.as_str());
        let _ = write!(
            text,
            "\n# {why}\n[quota.{name}]\naccount = \"{account}\"\nregion = \"{region}\"\ncode = \"{id}\"\nlimit = \"{limit}/s\"\n"
        );
    }
}

/// One workload and its file.
fn one(
    workload: &Imported,
    place: &WorkloadPlace,
    stretch: &Stretch,
    places: &Places,
    options: &WritingOptions,
    text: &mut String,
    files: &mut Vec<(String, String)>,
) {
    text.push('\n');
    for line in remarks(workload) {
        let _ = writeln!(text, "# {}", comment(&line));
    }
    let _ = write!(
        text,
        "[workload.{}]\n{} = \"{}\"\nrequester = \"{}\"\n",
        place.name, place.kind, place.target, place.requester
    );
    let operations: Vec<String> = workload
        .demand
        .iter()
        .map(|(operation, seconds)| {
            let n: u64 = seconds.iter().map(|s| s.1).sum();
            format!("{operation} = {n}")
        })
        .collect();
    let _ = writeln!(text, "operations = {{ {} }}", operations.join(", "));
    if workload
        .demand
        .keys()
        .any(|o| o.starts_with("GenerateDataKeyPair"))
    {
        text.push_str("key_pair_spec = \"ECC_NIST_P256\"\n");
    }
    if let Some(trend) = &workload.trend {
        common(workload, place, places, text);
        let points: Vec<String> = trend
            .points
            .iter()
            .map(|(at, rate)| format!("    {{ at = \"{at}s\", rate = \"{rate:.6}/s\" }},\n"))
            .collect();
        let _ = writeln!(
            text,
            "arrivals.piecewise-linear.points = [\n{}]",
            points.concat()
        );
        return;
    }
    let begin = workload.seconds().first().map_or(stretch.from, |s| s.0);
    if begin > stretch.from {
        let _ = writeln!(text, "start = \"{}s\"", begin - stretch.from);
    }
    common(workload, place, places, text);
    let file = format!("{}.{}.csv", options.stem, place.name);
    let _ = writeln!(
        text,
        "trace = {{ file = \"{file}\", count = \"requests\", period = \"{}s\" }}",
        workload.at.period
    );
    files.push((file, rows(workload, begin)));
}

/// What a workload has whenever its requests come.
fn common(workload: &Imported, place: &WorkloadPlace, places: &Places, text: &mut String) {
    let _ = writeln!(text, "clients = {}", workload.clients);
    let _ = writeln!(text, "retry = \"{}\"", workload.retry);
    let bucket = places
        .buckets
        .get(&place.target)
        .filter(|_| place.kind == "bucket");
    let reads = workload.demand.keys().any(|o| {
        crate::catalog::s3_operation(o).is_some_and(crate::catalog::S3OperationRow::is_read)
    });
    if bucket.is_some_and(|b| b.key.is_some() && !b.dsse) && reads {
        text.push_str(POPULARITY);
    }
}

/// What is to be said of a workload.
fn remarks(workload: &Imported) -> Vec<String> {
    let mut said = Vec::new();
    let what = match workload.at.origin {
        LoadOrigin::KmsEvent => "KMS events of CloudTrail",
        LoadOrigin::DataEvent => "data events of CloudTrail",
        LoadOrigin::AccessLog => "lines of access logs",
        LoadOrigin::CallCount => "calls in CloudWatch's CallCount",
        LoadOrigin::RequestCount => "requests in CloudWatch's metrics",
        LoadOrigin::Bill => "requests on the bill",
        LoadOrigin::Table => "requests in a table",
    };
    said.push(format!(
        "{} {what}, {} of them throttled",
        workload.attempts, workload.throttled
    ));
    match &workload.via {
        Some(Via::S3BucketKey) => said.push(
            "S3's own calls under bucket keys; the requests behind them are in no file given".to_owned(),
        ),
        Some(Via::S3Object) => said.push(
            "each call of S3 for an object stands for one request; what a cache served is in no file given".to_owned(),
        ),
        Some(Via::Service(name)) => said.push(format!("made by the service {name}")),
        Some(Via::Direct | Via::Unknown) | None => {}
    }
    if workload.of > 1 {
        said.push(format!("{} small callers together", workload.of));
    }
    if workload.throttled > 0 {
        said.push(if workload.retry_is_known {
            format!("{} new requests are behind them, by the retries of `{}`", workload.total(), workload.retry)
        } else {
            format!(
                "new requests behind them: {:.0} to {:.0}, by who retries how; written for `{}` (--retry chooses)",
                workload.range.0, workload.range.1, workload.retry
            )
        });
    }
    let period = workload.at.period;
    if workload.missing.0 > 0 {
        said.push(format!(
            "{} periods have no sample; assumed: {}",
            workload.missing.0,
            if workload.missing.1 {
                "as their neighbours"
            } else {
                "nothing came"
            }
        ));
    }
    match (&workload.trend, period) {
        (Some(_), _) => said.push("a Poisson process with this rate describes the counted seconds".to_owned()),
        (None, 1) => said.push("no trend with Poisson counts describes the seconds: they are replayed as counted".to_owned()),
        (None, _) => said.push(format!(
            "only counts of {period} s are known: evenly spread within as the low end, the variant `bursty` as the high end"
        )),
    }
    said.push(format!(
        "client: {}{}",
        policy::shown(&workload.client),
        if workload.retry_is_known {
            ""
        } else {
            "; its retries are assumed"
        }
    ));
    said
}

/// The rows of a workload's file.
fn rows(workload: &Imported, begin: i64) -> String {
    let mut all: Vec<(i64, &str, u64)> = workload
        .demand
        .iter()
        .flat_map(|(operation, seconds)| {
            seconds
                .iter()
                .map(move |&(second, n)| (second - begin, operation.as_str(), n))
        })
        .collect();
    all.sort_unstable();
    let mut text = String::from("time,operation,requests\n");
    for (second, operation, n) in all {
        let _ = writeln!(text, "{second},{operation},{n}");
    }
    text
}
