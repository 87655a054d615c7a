//! What is counted apart.

use super::objects::ObjectKind;
use serde::Serialize;

/// What stands for a name of AWS's that is not one.
pub const NOT_A_NAME: &str = "(not a name)";

/// A name that AWS gives (an operation, an error, a Region, a type) as it may be told: what cannot be one, and may hold anything, is not.
pub fn word(text: &str) -> &str {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/() ".contains(&b);
    let is_long = text
        .split([' ', '.', ':', '/', '-', '_'])
        .any(|w| w.len() > 60);
    if text.len() <= 120 && !is_long && text.bytes().all(is_word) {
        text
    } else {
        NOT_A_NAME
    }
}

/// Which kind of file says so; the same request may be in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadOrigin {
    /// A KMS call in CloudTrail.
    KmsEvent,
    /// A request for an object in CloudTrail's data events.
    DataEvent,
    /// A line of an S3 server access log.
    AccessLog,
    /// CloudWatch's count of KMS calls.
    CallCount,
    /// CloudWatch's count of S3 requests.
    RequestCount,
    /// A bill.
    Bill,
    /// A table with columns that the user named.
    Table,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestOutcome {
    /// Answered.
    Ok,
    /// Throttled.
    Throttled,
    /// Refused or failed for another reason.
    Failed,
    /// The file does not say.
    Unknown,
}

/// On whose behalf KMS is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The requester itself.
    Direct,
    /// S3, for one object: its bucket uses no bucket key, or the object is older than it.
    S3Object,
    /// S3, for the bucket key of a bucket.
    S3BucketKey,
    /// Another AWS service, by its name.
    Service(String),
    /// A bill does not say; what it was charged as.
    Billed(BilledAs),
    /// Nothing says.
    Unknown,
}

/// What is counted together. Empty texts: the file does not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SeriesKey {
    /// RecordKind of file.
    pub origin: LoadOrigin,
    /// Account that is charged for the call, twelve digits.
    pub account: String,
    /// Region.
    pub region: String,
    /// The role, user or service that asks.
    pub requester: String,
    /// KMS operation, or S3 operation as the scenario names it.
    pub operation: String,
    /// KMS key.
    pub key: String,
    /// Bucket.
    pub bucket: String,
    /// On whose behalf.
    pub via: Via,
    /// Software of the client, with its retry mode where it says so.
    pub client: String,
    /// RecordKind of KMS key, where a parameter tells it.
    pub spec: String,
    /// What became of it.
    pub outcome: RequestOutcome,
    /// Length of what is counted \[s\]: 1, 60, 300, 3,600 …
    pub period: u32,
}

impl SeriesKey {
    /// A series of which only the origin is known.
    pub fn of(origin: LoadOrigin) -> SeriesKey {
        SeriesKey {
            origin,
            account: String::new(),
            region: String::new(),
            requester: String::new(),
            operation: String::new(),
            key: String::new(),
            bucket: String::new(),
            via: Via::Unknown,
            client: String::new(),
            spec: String::new(),
            outcome: RequestOutcome::Unknown,
            period: 1,
        }
    }
}

/// What the counters of FILE.import.json tell apart of a record, beside its series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountedAs {
    /// A CloudTrail record.
    Event(EventTally),
    /// A line of an access log.
    Line {
        /// Operation as the log writes it.
        operation: String,
        /// HTTP status as the log writes it.
        status: String,
    },
    /// A row of a bill.
    Row(BilledAs),
    /// An object of an inventory.
    Object(ObjectKind),
    /// A sample of a metric, or a row of a table.
    Sample,
}

impl CountedAs {
    /// The same, with `others` for all that the files name.
    pub fn without_names(&self, others: &str) -> CountedAs {
        let name = || others.to_owned();
        match self {
            CountedAs::Event(event) => CountedAs::Event(EventTally {
                source: name(),
                region: name(),
                identity: name(),
                event_type: name(),
                shared: event.shared,
                throttled: event.throttled,
                s3: event.s3,
                kms: event.kms.as_ref().map(|kms| KmsTally {
                    operation: name(),
                    error: if kms.error == "ok" {
                        "ok".to_owned()
                    } else {
                        name()
                    },
                    invoker: name(),
                    context: name(),
                    through_s3: kms.through_s3,
                }),
            }),
            CountedAs::Line { .. } => CountedAs::Line {
                operation: name(),
                status: name(),
            },
            CountedAs::Row(row) => CountedAs::Row(*row),
            CountedAs::Object(object) => CountedAs::Object(ObjectKind {
                bucket: name(),
                class: name(),
                ..object.clone()
            }),
            CountedAs::Sample => CountedAs::Sample,
        }
    }

    /// Bytes of its names.
    pub fn length(&self) -> usize {
        match self {
            CountedAs::Event(event) => {
                let kms = event.kms.as_ref().map_or(0, |kms| {
                    kms.operation.len() + kms.error.len() + kms.invoker.len() + kms.context.len()
                });
                event.source.len()
                    + event.region.len()
                    + event.identity.len()
                    + event.event_type.len()
                    + kms
            }
            CountedAs::Line { operation, status } => operation.len() + status.len(),
            CountedAs::Object(object) => object.bucket.len() + object.class.len(),
            CountedAs::Row(_) | CountedAs::Sample => 0,
        }
    }
}

/// What a row of a bill is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BilledAs {
    /// KMS requests.
    KmsRequests,
    /// Anything else of KMS, such as keys.
    KmsOther,
    /// S3 requests of tier 1.
    S3Tier1,
    /// S3 requests of tier 2.
    S3Tier2,
    /// Anything else of S3.
    S3Other,
    /// Another service's, or no usage.
    Other,
}

/// What is counted of a CloudTrail record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTally {
    /// `eventSource`.
    pub source: String,
    /// `awsRegion`.
    pub region: String,
    /// `userIdentity.type`.
    pub identity: String,
    /// `eventType`.
    pub event_type: String,
    /// Whether it has a `sharedEventID`.
    pub shared: bool,
    /// Whether its service throttled it, and whether it then has no parameters.
    pub throttled: Option<bool>,
    /// Whether it is an S3 management event or an S3 data event.
    pub s3: Option<S3Event>,
    /// What is counted of KMS records.
    pub kms: Option<KmsTally>,
}

/// RecordKind of an S3 event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum S3Event {
    /// Of buckets and their settings.
    Management,
    /// Of objects.
    Data,
}

/// What is counted of a KMS record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KmsTally {
    /// `eventName`.
    pub operation: String,
    /// `errorCode`, or `ok`.
    pub error: String,
    /// `userIdentity.invokedBy`, or `direct`.
    pub invoker: String,
    /// Keys of the encryption context, or `none`.
    pub context: String,
    /// Whether S3 called for a request of its own.
    pub through_s3: bool,
}

/// What all records of one kind have in common: what they count as, and the series that they are load of, if any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind {
    /// What they count as.
    pub tally: CountedAs,
    /// The load that they are.
    pub series: Option<SeriesKey>,
}
