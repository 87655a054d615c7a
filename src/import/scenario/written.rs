//! The text of the scenario, and of the files that it reads.

use super::super::evidence::collected::AccountEvidence;
use super::super::evidence::fact::{Fact, Sse};
use super::super::evidence::series::{LoadOrigin, Via};
use super::super::fit::likeness::{Interval, Likeness};
use super::super::fit::within;
use super::super::load::Loads;
use super::super::policy;
use super::super::privacy::Names;
use super::super::time;
use super::groups::{self, ChangedTogether};
use super::places::{self, Places, WorkloadPlace};
use super::thing::{self, Thing, ThingTexts, comment};
use super::variants;
use super::workload::{self, Imported, LoadStretch};
use std::fmt::Write;

/// What is read, where no file names objects (assumption M105).
const OBJECTS: &str = "1_000_000";

/// First line of a file that may be written over.
pub const MARK: &str = "# Written by kmsim import";

/// What is needed beside what was found.
#[derive(Clone, Debug)]
pub struct WritingOptions {
    /// Name of the scenario file without its ending, which the files beside it begin with.
    pub stem: String,
    /// Retry profile of clients that are not told.
    pub retry: Option<String>,
    /// SDK clients that share each workload's load, where that is known.
    pub clients: Option<usize>,
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct WrittenScenario {
    /// The TOML text.
    pub toml: String,
    /// Files beside it: name and text.
    pub files: Vec<(String, String)>,
    /// The stretch of time and its workloads.
    pub stretch: LoadStretch,
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
    let stretch = workload::workloads(loads, options.retry.as_deref(), options.clients);
    if stretch.workloads.is_empty() {
        return None;
    }
    let places = places::places(&stretch, loads, evidence, names);
    let mut texts = texts(&stretch, &places, options);
    let together = ChangedTogether::of(&stretch, &places);
    let mut toml = head(evidence, &stretch, options);
    toml.push_str(&texts.top);
    let at_best = at_best(evidence, &stretch, &places, options, &mut texts);
    toml.push_str(&texts.tables);
    toml.push_str(&groups::text(&stretch, &places, &together));
    toml.push_str(&variants::text(&stretch, &places, &together));
    toml.push_str(&at_best);
    Some(WrittenScenario {
        toml,
        files: texts.files,
        stretch,
        places,
    })
}

/// Only what a stretch is, as it stands: no variants, one replication.
pub fn bare(
    stretch: &LoadStretch,
    places: &Places,
    options: &WritingOptions,
) -> (String, Vec<(String, String)>) {
    let texts = texts(stretch, places, options);
    let toml = format!(
        "horizon = \"{}s\"\nstart = \"{}\"\nreplications = 1\n{}{}",
        stretch.to - stretch.from,
        time::shown(stretch.from),
        texts.top,
        texts.tables
    );
    (toml, texts.files)
}

/// All things and all load.
fn texts(stretch: &LoadStretch, places: &Places, options: &WritingOptions) -> ThingTexts {
    let mut texts = ThingTexts::default();
    texts
        .tables
        .push_str("\n# ----- accounts, keys, buckets, callers, quotas\n");
    things(places, &options.stem, &mut texts);
    texts.tables.push_str("\n# ----- load\n");
    let many = stretch.workloads.len() > thing::TABLES;
    if many {
        texts.tables.push_str(
            "\n# A row for each workload; where it comes from and how it fits is in the JSON file beside this one, under workloads.\n",
        );
    }
    let mut files = Vec::new();
    let all = stretch.workloads.iter().zip(&places.workloads);
    let workloads: Vec<Thing> = all
        .map(|(workload, place)| {
            let file = if many {
                format!("{}.load/{}.csv", options.stem, place.name)
            } else {
                format!("{}.{}.csv", options.stem, place.name)
            };
            one(workload, place, stretch, places, file, &mut files)
        })
        .collect();
    texts.write("workload", "workloads", &workloads, &options.stem);
    texts.files.extend(files);
    texts
}

fn head(evidence: &AccountEvidence, stretch: &LoadStretch, options: &WritingOptions) -> String {
    let mut text = format!(
        "{MARK}. Change it as you like, but then under another name: import writes over its own files.\n#\n"
    );
    let formats: Vec<String> = evidence
        .records
        .iter()
        .map(|(format, n)| format!("{n} record{} of {format}", if *n == 1 { "" } else { "s" }))
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
/// same calls as reads of it, switched off; the variants' text.
fn at_best(
    evidence: &AccountEvidence,
    stretch: &LoadStretch,
    places: &Places,
    options: &WritingOptions,
    texts: &mut ThingTexts,
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
    let mut bucket = Thing::new("settings-given");
    bucket.remarks.push(
        "The bucket whose settings were given, and the same calls as reads of it: for the variant bucket-keys-at-best."
            .to_owned(),
    );
    bucket.text("account", &placed.account);
    bucket.text("region", &placed.region);
    bucket.text("key", key);
    texts.write("bucket", "buckets", &[bucket], &options.stem);
    let mut reads = Thing::new(&format!("{name}-as-reads"));
    reads.value("enabled", "false");
    reads.text("bucket", "settings-given");
    reads.text("requester", &place.requester);
    reads.value("operations", "{ GetObject = 1 }");
    reads.value("clients", workload.clients.to_string());
    reads.text("retry", &workload.retry);
    reads.value("popularity.uniform.objects", OBJECTS);
    reads.value(
        "trace",
        format!(
            "{{ file = \"{file}\", count = \"requests\", period = \"{}s\" }}",
            workload.at.period
        ),
    );
    texts.write("workload", "workloads", &[reads], &options.stem);
    let begin = workload.seconds().first().map_or(stretch.from, |s| s.0);
    let mut rows = String::from("time,requests\n");
    for (second, n) in workload.seconds() {
        let _ = writeln!(rows, "{},{n}", second - begin);
    }
    texts.files.push((file, rows));
    format!(
        "\n# At best: all calls are S3's, for reads of that bucket, and all its objects were rewritten within a day (576 bucket\n\
         # keys, a million objects read alike). What others call, and older objects, save nothing.\n\
         [variant.bucket-keys-at-best.workload.{name}]\nenabled = false\n\
         [variant.bucket-keys-at-best.workload.{name}-as-reads]\nenabled = true\n\
         [variant.bucket-keys-at-best.bucket.settings-given]\nbucket_key = true\narchived_bucket_keys = 576\n\n\
         [variant.bucket-keys-at-best-bursty]\nextends = [\"bucket-keys-at-best\"]\n\
         [variant.bucket-keys-at-best-bursty.workload.{name}-as-reads.trace]\ndispersion = {}\n",
        within::BURSTY
    )
}

fn things(places: &Places, stem: &str, texts: &mut ThingTexts) {
    let accounts: Vec<Thing> = places
        .accounts
        .values()
        .map(|name| Thing::new(name))
        .collect();
    for account in &accounts {
        let _ = writeln!(texts.tables, "\n[account.{}]", account.name);
    }
    let keys = places.keys.iter().map(|(name, key)| {
        let mut thing = Thing::new(name);
        thing.text("account", &key.account);
        thing.text("region", &key.region);
        if key.managed {
            thing.text("managed_by", "aws");
        }
        if key.spec != "SYMMETRIC_DEFAULT" && !key.spec.is_empty() {
            thing.text("spec", &key.spec);
        }
        thing
    });
    texts.write("key", "keys", &keys.collect::<Vec<_>>(), stem);
    let buckets = places.buckets.iter().map(|(name, bucket)| {
        let mut thing = Thing::new(name);
        thing.remarks.clone_from(&bucket.why);
        thing.text("account", &bucket.account);
        thing.text("region", &bucket.region);
        if let Some(key) = &bucket.key {
            thing.text("key", key);
            if bucket.dsse {
                thing.text("encryption", "DSSE-KMS");
            }
            if bucket.bucket_key {
                thing.value("bucket_key", "true");
                if bucket.older > 0.0 {
                    thing.value("older_objects", format!("{:.4}", bucket.older));
                }
                match bucket.age {
                    Some((median, sigma)) => {
                        thing.text("archive_age.lognormal.median", &format!("{median:.0}s"));
                        thing.value("archive_age.lognormal.sigma", format!("{sigma:.3}"));
                    }
                    None if bucket.archived > 0 => {
                        thing.value("archived_bucket_keys", bucket.archived.to_string());
                    }
                    None => {}
                }
            }
        }
        thing
    });
    texts.write("bucket", "buckets", &buckets.collect::<Vec<_>>(), stem);
    let requesters = places.requesters.iter().map(|(name, account)| {
        let mut thing = Thing::new(name);
        thing.text("account", account);
        thing
    });
    texts.write(
        "requester",
        "requesters",
        &requesters.collect::<Vec<_>>(),
        stem,
    );
    if places.quotas.is_empty() {
        texts.tables.push_str(
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
            texts.tables,
            "\n# {why}\n[quota.{name}]\naccount = \"{account}\"\nregion = \"{region}\"\ncode = \"{id}\"\nlimit = \"{limit}/s\"\n"
        );
    }
}

/// One workload; what is replayed is in that file.
fn one(
    workload: &Imported,
    place: &WorkloadPlace,
    stretch: &LoadStretch,
    places: &Places,
    file: String,
    files: &mut Vec<(String, String)>,
) -> Thing {
    let mut thing = Thing::new(&place.name);
    thing.remarks = remarks(workload);
    thing.text(place.kind, &place.target);
    thing.text("requester", &place.requester);
    let operations: Vec<String> = workload
        .demand
        .iter()
        .map(|(operation, seconds)| {
            let n: u64 = seconds.iter().map(|s| s.1).sum();
            format!("{operation} = {n}")
        })
        .collect();
    thing.value("operations", format!("{{ {} }}", operations.join(", ")));
    if workload
        .demand
        .keys()
        .any(|o| o.starts_with("GenerateDataKeyPair"))
    {
        thing.text("key_pair_spec", "ECC_NIST_P256");
    }
    thing.value("clients", workload.clients.to_string());
    thing.text("retry", &workload.retry);
    let bucket = places
        .buckets
        .get(&place.target)
        .filter(|_| place.kind == "bucket");
    let reads = workload.demand.keys().any(|o| {
        crate::catalog::s3_operation(o).is_some_and(crate::catalog::S3OperationRow::is_read)
    });
    if bucket.is_some_and(|b| b.key.is_some() && !b.dsse) && reads {
        let objects = bucket.and_then(|b| b.objects);
        let objects = objects.map_or(OBJECTS.to_owned(), |n| n.to_string());
        thing.value("popularity.uniform.objects", objects);
    }
    if let Some(trend) = &workload.trend {
        match &trend.curve.points_from(stretch.from - trend.from)[..] {
            [(_, rate)] => thing.text("arrivals.poisson.rate", &format!("{rate:.6}/s")),
            points => {
                let points: Vec<String> = points
                    .iter()
                    .map(|(at, rate)| {
                        format!("\n    {{ at = \"{at}s\", rate = \"{rate:.6}/s\" }},")
                    })
                    .collect();
                thing.value(
                    "arrivals.piecewise-linear.points",
                    format!("[{}\n]", points.concat()),
                );
                if let Some(every) = trend.curve.every() {
                    thing.text("arrivals.piecewise-linear.every", &format!("{every}s"));
                }
            }
        }
        return thing;
    }
    let begin = workload.seconds().first().map_or(stretch.from, |s| s.0);
    if begin > stretch.from {
        thing.text("start", &format!("{}s", begin - stretch.from));
    }
    thing.value(
        "trace",
        format!(
            "{{ file = \"{file}\", count = \"requests\", period = \"{}s\" }}",
            workload.at.period
        ),
    );
    files.push((file, rows(workload, begin)));
    thing
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
        Some(Via::Direct | Via::Billed(_) | Via::Unknown) | None => {}
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
    if workload.clients_by_retries {
        said.push(format!(
            "{} clients, so that retry quotas last as long as the attempts tell",
            workload.clients
        ));
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
    if let Some(fit) = &workload.fit {
        said.push(format!("data: {}", figures(&fit.data)));
        match &fit.fit_high {
            Some(high) => {
                said.push(format!(
                    "low end, evenly spread within {period} s: {}",
                    figures(&fit.fit)
                ));
                said.push(format!(
                    "high end, variance ÷ mean of a second {} within {period} s (assumption M101), the variants `…bursty`: {}",
                    within::BURSTY,
                    figures(high)
                ));
            }
            None if workload.trend.is_some() => {
                said.push(format!("{}: {}", fit.model, figures(&fit.fit)))
            }
            None => said.push(
                "no rate with Poisson counts is like it: the counted seconds are replayed"
                    .to_owned(),
            ),
        }
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

/// A figure with so many digits as people read.
fn short(x: f64) -> String {
    if x >= 100.0 {
        format!("{x:.0}")
    } else if x >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

/// What counts are like, in words, with 95 % intervals.
fn figures(of: &Likeness) -> String {
    let with = |i: Interval| {
        if i.low == i.high {
            short(i.value)
        } else {
            format!("{} [{}, {}]", short(i.value), short(i.low), short(i.high))
        }
    };
    let mut said = vec![format!("mean {}/s", with(of.mean))];
    let indices = [
        (1, of.dispersion_1s),
        (10, of.dispersion_10s),
        (60, of.dispersion_60s),
    ];
    let indices = indices
        .into_iter()
        .filter_map(|(width, index)| Some(format!("{} at {width} s", with(index?))));
    let indices: Vec<String> = indices.collect();
    if !indices.is_empty() {
        said.push(format!("variance ÷ mean {}", indices.join(", ")));
    }
    let (what, all) = match of.period_s {
        1 => ("second".to_owned(), "seconds".to_owned()),
        60 => ("minute".to_owned(), "minutes".to_owned()),
        n => (format!("{n} s"), format!("spans of {n} s")),
    };
    said.push(format!("99.9 % of {all} at most {}", with(of.p999)));
    said.push(format!("busiest {what} {}", with(of.busiest)));
    said.join("; ")
}
