//! A workload as written: what it asks for, when, and what its clients do when throttled.

use super::bucket::{BucketKind, BucketSettings, PREFIXES};
use super::client_cache::{BranchKeyCacheSettings, DataKeyCacheSettings};
use super::growth;
use super::key::{KmsKeySettings, ManagedBy};
use super::operations::operations;
use super::requester::Requester;
use super::retry::Retry;
use super::without_effect::{self, Facts};
use crate::access::Context;
use crate::catalog;
use crate::engine::distribution::Distribution;
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::input::document::Node;
use crate::input::files::Files;
use crate::input::reader::{FromValue, Reader};
use crate::model::trace::{Trace, TraceError};
use crate::units::{Bytes, Rate, Span};
use indexmap::IndexMap;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A workload.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadSettings {
    /// The bucket it works on, or
    pub bucket: Option<String>,
    /// the KMS key it calls itself.
    pub key: Option<String>,
    /// Who sends its requests.
    pub requester: Option<String>,
    /// Operations and their shares.
    pub operations: IndexMap<String, f64>,
    /// When requests come, `growth` included.
    pub arrivals: Arrivals,
    /// Factor on its traffic.
    pub growth: f64,
    /// First second of an open workload; earliest start of a job.
    pub start: Span,
    /// End of an open workload, `None`: the horizon.
    pub stop: Option<Span>,
    /// Starts when that workload is done.
    pub after: Option<String>,
    /// Clients with a retry state each.
    pub clients: u32,
    /// What they do when throttled.
    pub retry: Retry,
    /// Objects (applications: encryption contexts).
    pub popularity: PopularitySettings,
    /// Reads what that workload wrote in the run.
    pub reads: Option<String>,
    /// Parts of a multipart upload.
    pub parts: u32,
    /// Source of copies.
    pub copy_source: Option<String>,
    /// Prefixes of its own that its requests spread over evenly.
    pub prefixes: Option<u32>,
    /// `x-amz-server-side-encryption-bucket-key-enabled` of its writes, over the bucket's setting.
    pub bucket_key_header: Option<bool>,
    /// Its caching CMM and data-key cache.
    pub data_key_cache: Option<DataKeyCacheSettings>,
    /// Its hierarchical keyring and branch-key cache.
    pub branch_key_cache: Option<BranchKeyCacheSettings>,
    /// Size of a message.
    pub message_size: SizeSettings,
    /// How the messages that it decrypts were encrypted.
    pub encrypted_by: Option<EncryptedBy>,
    /// Version of TLS, `None`: plain HTTP.
    pub tls: Option<String>,
    /// What its writes send as `x-amz-server-side-encryption`.
    pub encryption_header: Option<String>,
    /// The KMS key whose ARN they send as `x-amz-server-side-encryption-aws-kms-key-id`.
    pub encryption_header_key: Option<String>,
    /// Key of its objects as policies see it.
    pub object: String,
    /// Further context keys that policies see.
    pub context: Context,
    /// Requests sent in all where the first is denied.
    pub requests_when_denied: u32,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

/// When requests come.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Evenly spaced.
    Constant {
        /// Rate.
        rate: Rate,
    },
    /// Poisson.
    Poisson {
        /// Rate.
        rate: Rate,
    },
    /// Poisson with a rate that is linear between points.
    PiecewiseLinear {
        /// The points.
        points: Vec<Point>,
        /// Repeats with this period.
        every: Option<Span>,
    },
    /// Poisson with a daily and weekly curve.
    Diurnal {
        /// Mean over a day.
        mean: Rate,
        /// Rate at the daily peak.
        peak: Rate,
        /// Local time of the peak, `20:00`.
        peak_at: String,
        /// Factors from Monday to Sunday.
        weekly: Vec<f64>,
    },
    /// Poisson, switched on and off.
    OnOff {
        /// Rate while on.
        on: Rate,
        /// Rate while off.
        off: Rate,
        /// Mean length of an on-period.
        mean_on: Span,
        /// Mean length of an off-period.
        mean_off: Span,
    },
    /// Poisson with a sudden crowd.
    FlashCrowd {
        /// Rate outside the crowd.
        base: Rate,
        /// Rate at the top.
        peak: Rate,
        /// Start of the rise.
        at: Span,
        /// Length of the rise.
        rise: Span,
        /// Time constant of the decay.
        decay: Span,
    },
    /// Recorded.
    Trace {
        /// The file as written.
        file: String,
        /// SHA-256 of its bytes.
        sha256: String,
        /// Factor on times.
        time_scale: f64,
        /// Mean number of requests for each row.
        rate_scale: f64,
        /// Whether it starts over at its end.
        repeat: bool,
        /// The rows.
        #[serde(skip)]
        trace: Arc<Trace>,
    },
    /// A closed job.
    Job {
        /// Workers with one request under way each.
        workers: u32,
        /// Objects in all.
        objects: u32,
        /// Pause between an answer and the next request.
        think_time: LatencySettings,
    },
}

/// A point of a rate curve.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// When, in whole seconds.
    pub at: Span,
    /// The rate there.
    pub rate: Rate,
}

/// Objects or encryption contexts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PopularitySettings {
    /// All alike.
    Uniform {
        /// How many.
        objects: u64,
    },
    /// Zipf.
    Zipf {
        /// How many.
        objects: u64,
        /// Exponent.
        exponent: f64,
    },
}

/// Size of a message.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeSettings {
    /// Not known when the message is begun.
    Unknown {},
    /// Always the same.
    Constant {
        /// Bytes.
        value: Bytes,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Bytes,
        /// σ of the logarithm.
        sigma: f64,
    },
}

/// How the messages that a workload decrypts were encrypted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EncryptedBy {
    /// Processes that encrypted them, each with data keys of its own.
    pub producers: u32,
    /// Messages each data key was used for.
    pub messages_per_data_key: u32,
}

/// A distribution of durations.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatencySettings {
    /// Always the same.
    Constant {
        /// Duration.
        value: Span,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Span,
        /// σ of the logarithm.
        sigma: f64,
    },
}

impl LatencySettings {
    /// Under `key`; by default lognormal of median `ms` and `sigma`.
    pub(super) fn read(r: &mut Reader<'_>, key: &str, ms: u64, sigma: f64) -> LatencySettings {
        let default = if sigma > 0.0 {
            LatencySettings::Lognormal {
                median: Span::from_ns(ms * 1_000_000),
                sigma,
            }
        } else {
            LatencySettings::Constant {
                value: Span::from_ns(ms * 1_000_000),
            }
        };
        let longest = Span::from_secs(3_600);
        r.choice(key, &["constant", "lognormal"], |tag, r| {
            Some(if tag == "constant" {
                LatencySettings::Constant {
                    value: r.required_in("value", ..=longest)?,
                }
            } else {
                let median = r.required_in("median", ..=longest);
                let sigma = r.required_in("sigma", 0.0..=3.0);
                LatencySettings::Lognormal {
                    median: median?,
                    sigma: sigma?,
                }
            })
        })
        .flatten()
        .unwrap_or(default)
    }

    /// As the simulation draws it.
    pub fn distribution(&self) -> Distribution {
        match *self {
            LatencySettings::Constant { value } => Distribution::constant(value.as_ns()),
            LatencySettings::Lognormal { median, sigma } => {
                Distribution::lognormal(median.as_ns(), sigma)
            }
        }
    }
}

/// What a workload may refer to.
pub(super) struct WorkloadContext<'a> {
    pub buckets: &'a IndexMap<String, BucketSettings>,
    pub keys: &'a IndexMap<String, KmsKeySettings>,
    pub requesters: &'a IndexMap<String, Requester>,
    pub workloads: &'a [String],
    pub retry: &'a Retry,
    pub horizon: Span,
    pub files: &'a Files,
    /// Sessions have bucket keys of their own, so that it matters which client asks.
    pub by_session: bool,
}

impl WorkloadSettings {
    /// One `[workload.NAME]`; `None` where it is disabled or at fault.
    pub(super) fn read(
        name: &str,
        r: &mut Reader<'_>,
        context: &WorkloadContext<'_>,
    ) -> Option<WorkloadSettings> {
        let enabled = r.or("enabled", true);
        let bucket = r.name_among("bucket", context.buckets);
        let key = r.name_among("key", context.keys);
        let requester = r.name_among("requester", context.requesters);
        let others = || {
            context
                .workloads
                .iter()
                .map(String::as_str)
                .filter(|w| *w != name)
        };
        let calls_kms = r.has("key");
        let operations = operations(r, calls_kms);
        let arrivals = arrivals(r, context);
        let growth = growth::growth(r);
        let start = r.whole_seconds("start").unwrap_or(Span::ZERO);
        let stop = r.whole_seconds("stop");
        let after = r.reference("after", others());
        let retry = Retry::read(r).unwrap_or_else(|| context.retry.clone());
        let clients = r.optional_in("clients", 1..=10_000_000);
        let popularity = popularity(r);
        let reads = r.reference("reads", others());
        let parts = r.optional_in("parts", 1..=10_000);
        let copy_source = r.name_among("copy_source", context.buckets);
        let prefixes = r.optional_in("prefixes", PREFIXES);
        let bucket_key_header = r.optional("bucket_key_header");
        let data_key_cache = r
            .table("data_key_cache", |r| {
                DataKeyCacheSettings::read(r, others())
            })
            .flatten();
        let branch_key_cache = r
            .table("branch_key_cache", |r| {
                BranchKeyCacheSettings::read(r, others())
            })
            .flatten();
        let message_size = size(r);
        let encrypted_by = r
            .table("encrypted_by", |r| {
                let producers = r.required_in("producers", 1..=10_000_000);
                let messages_per_data_key = r.required_in("messages_per_data_key", 1..=u32::MAX);
                Some(EncryptedBy {
                    producers: producers?,
                    messages_per_data_key: messages_per_data_key?,
                })
            })
            .flatten();
        let tls = match r.reference("tls", ["1.3", "1.2", "none"]).as_deref() {
            Some("none") => None,
            Some("1.2") => Some("1.2".to_owned()),
            _ => Some("1.3".to_owned()),
        };
        let encryption_header =
            r.reference("encryption_header", ["AES256", "aws:kms", "aws:kms:dsse"]);
        let encryption_header_key = r.reference(
            "encryption_header_key",
            context.keys.keys().map(String::as_str),
        );
        let object = r.or("object", format!("{name}/object"));
        let policy_context = context_keys(r);
        let requests_when_denied = r.or_in("requests_when_denied", 1, 1..=1_000);
        if !enabled {
            return None;
        }

        bucket_or_key(r);
        if requester.is_none() && context.requesters.len() > 1 && !r.has("requester") {
            let names: Vec<&str> = context.requesters.keys().map(String::as_str).collect();
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` does not say who sends its requests", r.path()),
                format!("write `requester = \"…\"`, one of {}", names.join(", ")),
            );
        }
        if r.has("data_key_cache") && r.has("branch_key_cache") {
            r.fault(
                Code::Contradiction,
                r.place_of("branch_key_cache"),
                format!(
                    "`{}` has both a data-key cache and a branch-key cache",
                    r.path()
                ),
                "a hierarchical keyring makes a data key for each message: keep one of them",
            );
        }
        let of_bucket = bucket.as_ref().and_then(|b| context.buckets.get(b));
        let is_job = matches!(arrivals, Some(Arrivals::Job { .. }));
        let facts = Facts {
            calls_kms: r.has("key"),
            calls_s3: r.has("bucket"),
            bucket: of_bucket,
            operations: operations.as_ref(),
            has_data_key_cache: r.has("data_key_cache"),
            encryption_header: encryption_header.as_deref(),
            is_job,
        };
        without_effect::reject(r, &facts);
        let encryption_header_key = match (&encryption_header, &encryption_header_key, of_bucket) {
            (Some(header), None, Some(bucket))
                if header.starts_with("aws:kms") && !r.has("encryption_header_key") =>
            {
                aws_managed_key(r, context, bucket)
            }
            _ => encryption_header_key,
        };
        let header_key = encryption_header_key.as_ref();
        if let (Some(key), Some(bucket)) = (header_key.and_then(|k| context.keys.get(k)), of_bucket)
        {
            fits_bucket(r, key, bucket);
        }
        in_order_of_time(r, start, stop, context.horizon);
        let arrivals = growth::grown(r, arrivals?, growth)?;
        if after.is_some() && matches!(arrivals, Arrivals::Trace { .. }) {
            r.fault(
                Code::Contradiction,
                r.place_of("after"),
                "a trace brings its own times and cannot wait for another workload",
                "use `start` to shift it",
            );
        }
        let of_each_client = if let Some(own) = retry.of_each_client() {
            let profile = &retry.name;
            Some(format!(
                "each client has {own} of its own under the retry profile `{profile}`"
            ))
        } else if data_key_cache.is_some() {
            Some("each client has a data-key cache of its own".to_owned())
        } else if branch_key_cache.is_some() {
            Some("each client has a branch-key cache of its own".to_owned())
        } else if of_bucket.is_some_and(|b| b.kind == BucketKind::Directory && b.key.is_some()) {
            Some("each client has a session of its own with a directory bucket".to_owned())
        } else if context.by_session {
            Some("sessions are told apart by client".to_owned())
        } else {
            None
        };
        let clients = clients.or_else(|| match (&arrivals, of_each_client) {
            (Arrivals::Job { workers, .. }, _) => Some(*workers),
            _ if r.has("clients") => None,
            (_, None) => Some(1),
            (_, Some(why)) => {
                r.fault(
                    Code::NoDefault,
                    r.place(),
                    format!("`{}` does not say how many clients it has; {why}", r.path()),
                    "write `clients = …`: the SDK client objects (usually processes) that share the load",
                );
                None
            }
        });
        Some(WorkloadSettings {
            bucket,
            key,
            requester: requester.or_else(|| context.requesters.keys().next().cloned()),
            operations: operations?,
            arrivals,
            growth,
            start,
            stop,
            after,
            clients: clients?,
            retry,
            popularity,
            reads,
            parts: parts.unwrap_or(1),
            copy_source,
            prefixes,
            bucket_key_header,
            data_key_cache,
            branch_key_cache,
            message_size,
            encrypted_by,
            tls,
            encryption_header,
            encryption_header_key,
            object,
            context: policy_context,
            requests_when_denied,
            place: r.place(),
        })
    }
}

/// A workload names a bucket or a key, and only one of them.
fn bucket_or_key(r: &mut Reader<'_>) {
    let (what, help) = match (r.has("bucket"), r.has("key")) {
        (true, true) => (
            "names both a bucket and a key",
            "drop one: with `bucket` it is an S3 workload, with `key` an application that calls KMS itself",
        ),
        (false, false) => (
            "names neither a bucket nor a key",
            "write `bucket = \"NAME\"` (S3) or `key = \"NAME\"` (an application that calls KMS itself)",
        ),
        (true, false) | (false, true) => return,
    };
    r.fault(
        Code::Contradiction,
        r.place(),
        format!("`{}` {what}", r.path()),
        help,
    );
}

/// The key `aws/s3` of a bucket's account and Region, which S3 takes where a request names none.
fn aws_managed_key(
    r: &Reader<'_>,
    context: &WorkloadContext<'_>,
    bucket: &BucketSettings,
) -> Option<String> {
    let found = context.keys.iter().find(|(_, key)| {
        key.managed_by == ManagedBy::Aws
            && (&key.account, &key.region) == (&bucket.account, &bucket.region)
    });
    if found.is_none() {
        r.fault(
            Code::NoDefault,
            r.place_of("encryption_header"),
            format!("`{}` asks for SSE-KMS without a key: S3 takes the AWS-managed key `aws/s3` of account {}, which this file does not have", r.path_of("encryption_header"), bucket.account),
            format!("write `[key.aws-s3]` with `managed_by = \"aws\"` and `account = \"{}\"`, or name a key with `encryption_header_key`", bucket.account),
        );
    }
    found.map(|(name, _)| name.clone())
}

/// Whether S3 takes the key that the requests name for an object of the bucket.
fn fits_bucket(r: &Reader<'_>, key: &KmsKeySettings, bucket: &BucketSettings) {
    let (what, help) = if key.region != bucket.region {
        (
            format!("is in {}, the bucket in {}", key.region, bucket.region),
            "S3 takes keys of the bucket's own Region",
        )
    } else if key.spec != catalog::KeySpec::SymmetricDefault {
        (
            format!("is {}", key.spec.name()),
            "S3 encrypts with symmetric keys only",
        )
    } else {
        return;
    };
    r.fault(
        Code::Contradiction,
        r.place_of("encryption_header_key"),
        format!(
            "the key that `{}` names {what}",
            r.path_of("encryption_header_key")
        ),
        help,
    );
}

/// A workload begins before the horizon and before it ends.
fn in_order_of_time(r: &Reader<'_>, start: Span, stop: Option<Span>, horizon: Span) {
    if let Some(stop) = stop
        && stop <= start
    {
        r.fault(
            Code::Contradiction,
            r.place_of("stop"),
            format!("`stop` ({stop}) is not after `start` ({start})"),
            "a workload runs from `start` to `stop`, both counted from t = 0",
        );
    }
    if start >= horizon {
        r.fault(
            Code::Contradiction,
            r.place_of("start"),
            format!("`start` ({start}) is not before the `horizon` ({horizon})"),
            "raise `horizon`, or start earlier",
        );
    }
}

/// Context keys written out: text, or a list of texts for keys that can have several values.
fn context_keys(r: &mut Reader<'_>) -> Context {
    let mut context = Context::new();
    let Some(value) = r.value("context") else {
        return context;
    };
    let Node::Table(table) = &value.node else {
        let is = value.node.describe();
        r.fault(
            Code::WrongType,
            value.place.clone(),
            format!("`{}` must be a table, but is {is}", r.path_of("context")),
            "write for example `context = { \"aws:SourceIp\" = \"192.0.2.7\" }`",
        );
        return context;
    };
    for (key, entry) in &table.entries {
        let path = format!("{}.{key:?}", r.path_of("context"));
        if !key.contains(':') {
            r.fault(
                Code::UnknownKey,
                entry.key.clone(),
                format!("`{path}` is no context key: it names no service"),
                "write for example `\"aws:SourceIp\" = \"192.0.2.7\"`",
            );
        }
        if let Node::Array(_) = entry.value.node {
            if let Some(values) = Vec::<String>::from_value(&entry.value, &path, r.faults()) {
                context.set_several(key, values);
            }
        } else if let Some(value) = String::from_value(&entry.value, &path, r.faults()) {
            context.set(key, value);
        }
    }
    context
}

fn whole_seconds(r: &mut Reader<'_>, key: &str) -> Option<Span> {
    r.whole_seconds(key)
}

fn arrivals(r: &mut Reader<'_>, around: &WorkloadContext<'_>) -> Option<Arrivals> {
    let kinds = [
        "constant",
        "poisson",
        "piecewise-linear",
        "diurnal",
        "on-off",
        "flash-crowd",
    ];
    let open = r.choice("arrivals", &kinds, |tag, r| match tag {
        "constant" => Some(Arrivals::Constant {
            rate: rate_in(r, "rate")?,
        }),
        "poisson" => Some(Arrivals::Poisson {
            rate: rate_in(r, "rate")?,
        }),
        "piecewise-linear" => piecewise_linear(r),
        "diurnal" => diurnal(r),
        "on-off" => {
            let (on, off) = (rate_in(r, "on"), rate_in(r, "off"));
            let lengths = Span::from_ns(1_000_000)..=Span::from_secs(86_400 * 3_660);
            let mean_on = r.required_in("mean_on", lengths.clone());
            let mean_off = r.required_in("mean_off", lengths);
            Some(Arrivals::OnOff {
                on: on?,
                off: off?,
                mean_on: mean_on?,
                mean_off: mean_off?,
            })
        }
        _ => {
            let (base, peak) = (rate_in(r, "base"), rate_in(r, "peak"));
            let at = whole_seconds_required(r, "at");
            let rise = whole_seconds_required(r, "rise");
            let decay = r.required_in("decay", Span::from_ns(1_000_000)..);
            if let (Some(base), Some(peak)) = (base, peak)
                && peak < base
            {
                r.fault(
                    Code::Contradiction,
                    r.place_of("peak"),
                    format!("`peak` ({peak}) is below `base` ({base})"),
                    "a flash crowd rises from `base` to `peak`",
                );
            }
            Some(Arrivals::FlashCrowd {
                base: base?,
                peak: peak?,
                at: at?,
                rise: rise?,
                decay: decay?,
            })
        }
    });
    let trace = r.table("trace", |r| trace(r, around));
    let job = r.table("job", |r| {
        let workers = r.required_in("workers", 1..=10_000_000);
        let objects = r.required_in("objects", 1..=u32::MAX);
        let think_time = LatencySettings::read(r, "think_time", 0, 0.0);
        Some(Arrivals::Job {
            workers: workers?,
            objects: objects?,
            think_time,
        })
    });
    let given = [r.has("arrivals"), r.has("trace"), r.has("job")]
        .iter()
        .filter(|g| **g)
        .count();
    if given != 1 {
        let (message, help) = if given == 0 {
            (
                "does not say when its requests come",
                "write one of `arrivals = { poisson = { rate = \"100/s\" } }`, `trace = { file = \"…\" }`, `job = { workers = …, objects = … }`",
            )
        } else {
            (
                "has more than one of `arrivals`, `trace` and `job`",
                "keep one of them",
            )
        };
        r.fault(
            Code::Contradiction,
            r.place(),
            format!("`{}` {message}", r.path()),
            help,
        );
    }
    open.or(trace).or(job).flatten()
}

/// The highest rate of arrivals: what fits into one simulated second.
pub(super) const MAX_RATE: Rate = Rate::per_second_exactly(1_000_000_000);

/// Factors of a day of the week.
const WEEKLY_FACTORS: std::ops::RangeInclusive<f64> = 0.0..=1_000.0;

fn rate_in(r: &mut Reader<'_>, key: &str) -> Option<Rate> {
    r.required_in(key, Rate::ZERO..=MAX_RATE)
}

fn whole_seconds_required(r: &mut Reader<'_>, key: &str) -> Option<Span> {
    r.required_whole_seconds(key)
}

fn piecewise_linear(r: &mut Reader<'_>) -> Option<Arrivals> {
    let points = r.list("points", |_, r| {
        let at = whole_seconds_required(r, "at");
        let rate = rate_in(r, "rate");
        Some(Point {
            at: at?,
            rate: rate?,
        })
    });
    let every = whole_seconds(r, "every");
    let complete = points.iter().all(Option::is_some);
    let points: Vec<Point> = points.into_iter().flatten().collect();
    if points.is_empty() && complete {
        r.fault(
            Code::MissingKey,
            r.place_of("points"),
            format!("`{}` has no points", r.path()),
            "write `points = [{ at = \"0s\", rate = \"100/s\" }, { at = \"10m\", rate = \"900/s\" }]`",
        );
        return None;
    }
    if let Some(pair) = points.windows(2).find(|p| p[1].at < p[0].at) {
        r.fault(
            Code::Contradiction,
            r.place_of("points"),
            format!(
                "a point at {} comes after one at {}",
                pair[1].at, pair[0].at
            ),
            "write the points in order of time",
        );
        return None;
    }
    if let (Some(every), Some(last)) = (every, points.last())
        && (every.is_zero() || last.at > every)
    {
        r.fault(
            Code::Contradiction,
            r.place_of("every"),
            format!(
                "`every` ({every}) is shorter than the curve, whose last point is at {}",
                last.at
            ),
            "the curve starts over after `every`",
        );
        return None;
    }
    complete.then_some(Arrivals::PiecewiseLinear { points, every })
}

fn diurnal(r: &mut Reader<'_>) -> Option<Arrivals> {
    let (mean, peak) = (rate_in(r, "mean"), rate_in(r, "peak"));
    let peak_at = r.or("peak_at", "20:00".to_owned());
    if peak_at.parse::<jiff::civil::Time>().is_err() {
        r.fault(
            Code::BadUnit,
            r.place_of("peak_at"),
            format!("`peak_at` is `{peak_at}`, which is no time of day"),
            "write hours and minutes, `peak_at = \"20:00\"`",
        );
    }
    let weekly: Vec<f64> = r.or("weekly", vec![1.0; 7]);
    let wrong = weekly.iter().find(|w| !WEEKLY_FACTORS.contains(w));
    if weekly.len() != 7 || wrong.is_some() {
        let found = match wrong {
            Some(factor) => format!("holds {factor}"),
            None => format!("has {} values", weekly.len()),
        };
        r.fault(
            Code::OutOfRange,
            r.place_of("weekly"),
            format!(
                "`weekly` {found}; it takes seven factors from {} to {}",
                WEEKLY_FACTORS.start(),
                WEEKLY_FACTORS.end()
            ),
            "write one factor a day from Monday to Sunday, `weekly = [1, 1, 1, 1, 1, 0.7, 0.6]`",
        );
        return None;
    }
    let (mean, peak) = (mean?, peak?);
    let busiest = weekly.iter().copied().fold(0.0, f64::max) * peak.per_second();
    if busiest > MAX_RATE.per_second() {
        r.fault(
            Code::OutOfRange,
            r.place_of("weekly"),
            format!(
                "`peak` ({peak}) on the busiest day of `weekly` is {busiest}/s; a rate is at most {MAX_RATE}"
            ),
            "lower `peak` or the factors",
        );
        return None;
    }
    // The trough mirrors the peak: a peak above twice the mean would need a negative rate there.
    if peak < mean || peak.per_second() > 2.0 * mean.per_second() {
        r.fault(
            Code::OutOfRange,
            r.place_of("peak"),
            format!("`peak` is {peak} for a `mean` of {mean}; a daily cosine peaks between once and twice its mean"),
            "use `piecewise-linear` with `every = \"1d\"` for a sharper peak",
        );
        return None;
    }
    Some(Arrivals::Diurnal {
        mean,
        peak,
        peak_at,
        weekly,
    })
}

fn trace(r: &mut Reader<'_>, around: &WorkloadContext<'_>) -> Option<Arrivals> {
    let file: Option<String> = r.required("file");
    let time_scale = r.or_in("time_scale", 1.0, 1e-6..=1e6);
    let rate_scale = r.or_in("rate_scale", 1.0, 0.0..=1e6);
    let repeat = r.or("repeat", false);
    let file = file?;
    let path: PathBuf = around.files.resolve(&file);
    let kind = format!("trace {time_scale} {rate_scale} {repeat}");
    let read = |path: &Path| Trace::read(path, time_scale, rate_scale, repeat).map(Arc::new);
    match &*around.files.once(&path, &kind, read) {
        Ok(trace) => Some(Arrivals::Trace {
            sha256: trace.sha256.clone(),
            file,
            time_scale,
            rate_scale,
            repeat,
            trace: Arc::clone(trace),
        }),
        Err(faults) => {
            for fault in faults.iter() {
                let (code, help) = match fault {
                    TraceError::Unreadable { .. } => (
                        Code::MissingFile,
                        "paths are relative to the scenario file (with --set, also to the current directory)",
                    ),
                    TraceError::Row { .. } => (Code::BadTraceRow, "mend the row, or leave it out"),
                };
                r.faults().push(
                    Diagnostic::error(code, fault.to_string())
                        .at(r.place_of("file"))
                        .help(help),
                );
            }
            None
        }
    }
}

fn popularity(r: &mut Reader<'_>) -> PopularitySettings {
    r.choice("popularity", &["uniform", "zipf"], |tag, r| {
        let objects = r.required_in("objects", 1..=1_000_000_000_000);
        if tag == "zipf" {
            let exponent = r.required_in("exponent", 0.01..=10.0);
            Some(PopularitySettings::Zipf {
                objects: objects?,
                exponent: exponent?,
            })
        } else {
            Some(PopularitySettings::Uniform { objects: objects? })
        }
    })
    .flatten()
    .unwrap_or(PopularitySettings::Uniform { objects: 1 })
}

fn size(r: &mut Reader<'_>) -> SizeSettings {
    let kinds = ["unknown", "constant", "lognormal"];
    r.choice("message_size", &kinds, |tag, r| match tag {
        "unknown" => Some(SizeSettings::Unknown {}),
        "constant" => Some(SizeSettings::Constant {
            value: r.required("value")?,
        }),
        _ => {
            let median = r.required("median");
            let sigma = r.required_in("sigma", 0.0..=5.0);
            Some(SizeSettings::Lognormal {
                median: median?,
                sigma: sigma?,
            })
        }
    })
    .flatten()
    .unwrap_or(SizeSettings::Constant {
        value: Bytes::new(1024),
    })
}
