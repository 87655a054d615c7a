//! One CloudTrail record: what it counts as, and the load that it is.
//!
//! Most records of a trail are not ours; of those only what the counters tell apart is looked at. Texts are compared as
//! they are written and decoded for the first record of each kind.

use super::super::access_log;
use super::super::evidence::fact::Fact;
use super::super::evidence::finding::{Findings, Item, fingerprint};
use super::super::evidence::series::{
    CountedAs, EventTally, KmsTally, LoadOrigin, RecordKind, RequestOutcome, S3Event, SeriesKey,
    Via,
};
use super::super::evidence::skip::SkipReason;
use super::super::json::{self, Fields};
use super::super::settings::excludes_kms;
use super::super::time;
use super::client;
use super::parts::{
    EncryptionContext, Identity, Parameters, account, identity_type, key_of_resources, own,
    own_word, spec_of,
};

/// How many keys are asked for.
pub const EVENT_KEYS: usize = 32;

/// The keys of a record and of what records come in.
pub mod key {
    /// `eventTime`
    pub const TIME: usize = 0;
    /// `eventSource`
    pub const SOURCE: usize = 1;
    /// `eventName`
    pub const NAME: usize = 2;
    /// `awsRegion`
    pub const REGION: usize = 3;
    /// `errorCode`
    pub const ERROR: usize = 4;
    /// `eventID`
    pub const ID: usize = 5;
    /// `sharedEventID`
    pub const SHARED: usize = 6;
    /// `recipientAccountId`
    pub const RECIPIENT: usize = 7;
    /// `eventType`
    pub const TYPE: usize = 8;
    /// `eventCategory`
    pub const CATEGORY: usize = 9;
    /// `managementEvent`
    pub const MANAGEMENT: usize = 10;
    /// `userAgent`
    pub const AGENT: usize = 11;
    /// `userIdentity`
    pub const IDENTITY: usize = 12;
    /// `requestParameters`
    pub const PARAMETERS: usize = 13;
    /// `resources`
    pub const RESOURCES: usize = 14;
    /// `additionalEventData`
    pub const ADDITIONAL: usize = 15;
    /// `@timestamp`
    pub const TIMESTAMP: usize = 16;
    /// `detail`
    pub const DETAIL: usize = 17;
    /// `Records`
    pub const RECORDS: usize = 18;
    /// `Events`
    pub const EVENTS: usize = 19;
    /// `logEvents`
    pub const LOG_EVENTS: usize = 20;
    /// `messageType`
    pub const MESSAGE_TYPE: usize = 21;
    /// `CloudTrailEvent`
    pub const CLOUDTRAIL_EVENT: usize = 22;
    /// `message`
    pub const MESSAGE: usize = 23;
    /// `errorMessage`
    pub const ERROR_MESSAGE: usize = 24;
    /// `Messages`
    pub const MESSAGES: usize = 25;
    /// `Body`
    pub const BODY: usize = 26;
    /// `bucket_name` of an access log
    pub const BUCKET_NAME: usize = 27;
    /// `request_time` of an access log
    pub const REQUEST_TIME: usize = 28;
    /// `awslogs`
    pub const AWSLOGS: usize = 29;
    /// `kinesis`
    pub const KINESIS: usize = 30;
    /// `sourceIPAddress`
    pub const ADDRESS: usize = 31;
}

/// What tells one client of a caller from another: its session, and the address it calls from. A service's name is no address.
fn client(session: Option<&[u8]>, address: Option<&[u8]>) -> u64 {
    let is_host =
        |text: &&[u8]| !text.ends_with(b".amazonaws.com\"") && *text != b"\"AWS Internal\"";
    let address = address.filter(is_host).map_or(0, fingerprint);
    match session.map_or(0, fingerprint) ^ address.rotate_left(1) {
        0 => u64::from(session.is_some()),
        client => client,
    }
}

/// Which key it is.
pub fn index_of(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"eventTime" => key::TIME,
        b"eventSource" => key::SOURCE,
        b"eventName" => key::NAME,
        b"awsRegion" => key::REGION,
        b"errorCode" => key::ERROR,
        b"eventID" => key::ID,
        b"sharedEventID" => key::SHARED,
        b"recipientAccountId" => key::RECIPIENT,
        b"eventType" => key::TYPE,
        b"eventCategory" => key::CATEGORY,
        b"managementEvent" => key::MANAGEMENT,
        b"userAgent" => key::AGENT,
        b"sourceIPAddress" => key::ADDRESS,
        b"userIdentity" => key::IDENTITY,
        b"requestParameters" => key::PARAMETERS,
        b"resources" => key::RESOURCES,
        b"additionalEventData" => key::ADDITIONAL,
        b"@timestamp" => key::TIMESTAMP,
        b"detail" => key::DETAIL,
        b"Records" => key::RECORDS,
        b"Events" | b"events" => key::EVENTS,
        b"logEvents" => key::LOG_EVENTS,
        b"messageType" => key::MESSAGE_TYPE,
        b"CloudTrailEvent" => key::CLOUDTRAIL_EVENT,
        b"message" | b"Message" => key::MESSAGE,
        b"errorMessage" => key::ERROR_MESSAGE,
        b"Messages" => key::MESSAGES,
        b"Body" => key::BODY,
        b"bucket_name" => key::BUCKET_NAME,
        b"request_time" => key::REQUEST_TIME,
        b"awslogs" => key::AWSLOGS,
        b"kinesis" => key::KINESIS,
        _ => return None,
    })
}

const KMS: &[u8] = b"\"kms.amazonaws.com\"";
const S3: &[u8] = b"\"s3.amazonaws.com\"";
const TRAIL: &[u8] = b"\"cloudtrail.amazonaws.com\"";

/// Parts of a kind's key are apart by this byte, which JSON does not have in a text.
const APART: u8 = 0x1f;

/// Error codes of throttling. EC2's `…LimitExceeded` of resources are none.
fn is_throttle(code: &[u8]) -> bool {
    let inner = code.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\""));
    let Some(code) = inner.and_then(|c| std::str::from_utf8(c).ok()) else {
        return false;
    };
    matches!(
        code.strip_prefix("Client.").unwrap_or(code),
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
            | "BandwidthLimitExceeded"
            | "PriorRequestNotComplete"
            | "ProvisionedThroughputExceededException"
            | "EC2ThrottledException"
    )
}

/// Reads records; keeps its working memory between them.
#[derive(Default)]
pub struct EventReader {
    scratch: Vec<u8>,
    /// Fingerprint of who asked for the present record.
    session: u64,
}

/// Texts inside one another that are looked into: a message in a queue's message in an event.
const DEEPEST: usize = 4;

impl EventReader {
    /// Reads an object with a record's keys, or one that wraps a record: `text` is all of it, `at` its first byte in the file.
    pub fn read(
        &mut self,
        record: &Fields<'_, EVENT_KEYS>,
        text: &[u8],
        findings: &mut Findings<'_>,
        at: u64,
    ) {
        self.object(record, text, findings, at, 0);
    }

    /// Reads a text that is a record, or wraps one.
    pub fn message(&mut self, text: &[u8], findings: &mut Findings<'_>, at: u64) {
        self.inner(text, findings, at, 0);
    }

    fn object(
        &mut self,
        record: &Fields<'_, EVENT_KEYS>,
        text: &[u8],
        findings: &mut Findings<'_>,
        at: u64,
        depth: usize,
    ) {
        let values = &record.values;
        if values[key::SOURCE].is_some() || values[key::TYPE].is_some() {
            return self.record(record, findings, at);
        }
        if values[key::BUCKET_NAME].is_some() && values[key::REQUEST_TIME].is_some() {
            return access_log::record(text, at, findings);
        }
        if depth < DEEPEST {
            if let Some(detail) = values[key::DETAIL] {
                return self.inner(detail, findings, at, depth + 1);
            }
            let wrapped = [key::CLOUDTRAIL_EVENT, key::BODY, key::MESSAGE]
                .into_iter()
                .find_map(|key| json::text(values[key]?));
            if let Some(text) = wrapped {
                return self.inner(text.trim().as_bytes(), findings, at, depth + 1);
            }
        }
        findings.seen += 1;
        findings.skip(SkipReason::NotARecord, || format!("byte {at}"));
    }

    /// A record inside another object.
    fn inner(&mut self, text: &[u8], findings: &mut Findings<'_>, at: u64, depth: usize) {
        match json::of_object::<EVENT_KEYS>(text, index_of) {
            Some(record) => self.object(&record, text, findings, at, depth),
            None => {
                findings.seen += 1;
                findings.skip(SkipReason::NotARecord, || format!("byte {at}"));
            }
        }
    }

    fn record(&mut self, record: &Fields<'_, EVENT_KEYS>, findings: &mut Findings<'_>, at: u64) {
        findings.seen += 1;
        let values = &record.values;
        let place = || format!("byte {at}");
        match values[key::TYPE] {
            Some(b"\"AwsCloudTrailInsight\"") => {
                return findings.skip(SkipReason::Insight, place);
            }
            Some(b"\"AwsAggregatedEvent\"") => {
                return findings.skip(SkipReason::Aggregated, place);
            }
            Some(_) | None => {}
        }
        let time = values[key::TIME].or(values[key::TIMESTAMP]);
        let time = time.and_then(|t| match t.strip_prefix(b"\"") {
            Some(rest) => time::iso(rest.strip_suffix(b"\"")?)
                .or_else(|| time::iso(json::text(t)?.as_bytes())),
            None => None,
        });
        let Some(second) = time else {
            return findings.skip(SkipReason::NoTime, place);
        };
        let source = values[key::SOURCE].unwrap_or_default();
        // Escaped letters in a name are rare, and the same name.
        let decoded;
        let source = if memchr::memchr(b'\\', source).is_some() {
            decoded = json::text(source).map(|t| format!("\"{t}\""));
            decoded.as_deref().unwrap_or_default().as_bytes()
        } else {
            source
        };
        self.session = 0;
        let kind = if source == KMS {
            self.kms(record, source, findings)
        } else if source == S3 {
            self.s3(record, source, findings)
        } else {
            if source == TRAIL {
                note_excluded(record, findings);
            }
            self.other(record, source, findings)
        };
        let id = values[key::ID].map_or(0, fingerprint);
        let shared = match values[key::SHARED] {
            Some(shared) if source == KMS => fingerprint(shared),
            Some(_) | None => 0,
        };
        findings.item(Item {
            at: second,
            n: 1,
            id,
            shared,
            session: self.session,
            kind,
        });
    }

    /// Begins a kind's key with what every record is told apart by.
    fn begin(&mut self, record: &Fields<'_, EVENT_KEYS>, source: &[u8], identity: &[u8]) -> bool {
        let values = &record.values;
        let throttled = values[key::ERROR].is_some_and(is_throttle);
        self.scratch.clear();
        for part in [
            source,
            values[key::REGION].unwrap_or_default(),
            identity,
            values[key::TYPE].unwrap_or_default(),
        ] {
            self.scratch.extend_from_slice(part);
            self.scratch.push(APART);
        }
        self.scratch.push(u8::from(values[key::SHARED].is_some()));
        let no_parameters = values[key::PARAMETERS].is_none_or(json::is_null);
        self.scratch
            .push(u8::from(throttled) + 2 * u8::from(throttled && no_parameters));
        throttled
    }

    fn also(&mut self, part: &[u8]) {
        self.scratch.push(APART);
        self.scratch.extend_from_slice(part);
    }

    fn other(
        &mut self,
        record: &Fields<'_, EVENT_KEYS>,
        source: &[u8],
        findings: &mut Findings<'_>,
    ) -> u32 {
        let identity = identity_type(record.values[key::IDENTITY]);
        self.begin(record, source, identity);
        findings.kind(&self.scratch, || RecordKind {
            tally: CountedAs::Event(tally(record, source, identity)),
            series: None,
        })
    }

    fn kms(
        &mut self,
        record: &Fields<'_, EVENT_KEYS>,
        source: &[u8],
        findings: &mut Findings<'_>,
    ) -> u32 {
        let values = &record.values;
        let who = Identity::of(values[key::IDENTITY]);
        let throttled = self.begin(record, source, who.kind);
        self.session = client(who.session, values[key::ADDRESS]);
        let asked = Parameters::of(values[key::PARAMETERS]);
        let resource = values[key::RESOURCES].and_then(key_of_resources);
        for part in [
            values[key::NAME],
            values[key::ERROR],
            values[key::AGENT],
            values[key::RECIPIENT],
            who.account,
            who.requester,
            who.invoked_by,
            resource.or(asked.key_id),
            asked.algorithm,
        ] {
            self.also(part.unwrap_or_default());
        }
        let context = asked.context.map(EncryptionContext::of);
        if let Some(context) = &context {
            for name in &context.names {
                self.also(name.as_bytes());
            }
            self.also(&[u8::from(context.of_object)]);
            self.also(context.bucket.as_bytes());
        }
        findings.kind(&self.scratch, || {
            let error = own_word(values[key::ERROR]);
            let invoker = own_word(who.invoked_by);
            let names = context
                .as_ref()
                .map_or(String::new(), |c| c.names.join(","));
            let through_s3 = context.as_ref().is_some_and(|c| c.is_s3);
            let event_type = own_word(values[key::TYPE]);
            let service = || {
                let told = context.as_ref().and_then(|c| c.service());
                told.map_or_else(|| invoker.clone(), str::to_owned)
            };
            let via = match &context {
                Some(c) if c.is_s3 && c.of_object => Via::S3Object,
                Some(c) if c.is_s3 => Via::S3BucketKey,
                Some(_) | None if invoker.is_empty() && who.kind != b"\"AWSService\"" => {
                    Via::Direct
                }
                Some(_) | None => Via::Service(service()),
            };
            let outcome = match (error.as_str(), throttled) {
                ("", _) => RequestOutcome::Ok,
                (_, true) => RequestOutcome::Throttled,
                (_, false) => RequestOutcome::Failed,
            };
            let operation = own_word(values[key::NAME]);
            let mut tally = tally(record, source, who.kind);
            tally.kms = Some(KmsTally {
                operation: operation.clone(),
                error: if error.is_empty() {
                    "ok".to_owned()
                } else {
                    error
                },
                invoker: if invoker.is_empty() {
                    "direct".to_owned()
                } else {
                    invoker.clone()
                },
                context: if names.is_empty() {
                    "none".to_owned()
                } else {
                    names
                },
                through_s3,
            });
            let is_call = event_type != "AwsServiceEvent";
            let series = is_call.then(|| SeriesKey {
                account: account(&who, values[key::RECIPIENT]),
                region: own_word(values[key::REGION]),
                requester: own(who.requester.or(who.invoked_by)),
                operation,
                key: own(resource.or(asked.key_id)),
                bucket: context.as_ref().map_or(String::new(), |c| c.bucket.clone()),
                via,
                client: client::name(&own(values[key::AGENT])),
                spec: asked
                    .algorithm
                    .and_then(json::text)
                    .map_or(String::new(), |a| spec_of(&a).to_owned()),
                outcome,
                ..SeriesKey::of(LoadOrigin::KmsEvent)
            });
            RecordKind {
                tally: CountedAs::Event(tally),
                series,
            }
        })
    }

    fn s3(
        &mut self,
        record: &Fields<'_, EVENT_KEYS>,
        source: &[u8],
        findings: &mut Findings<'_>,
    ) -> u32 {
        let values = &record.values;
        let is_data = match (values[key::CATEGORY], values[key::MANAGEMENT]) {
            (Some(category), _) => category == b"\"Data\"",
            (None, Some(management)) => management == b"false",
            (None, None) => false,
        };
        if !is_data {
            return self.other(record, source, findings);
        }
        let who = Identity::of(values[key::IDENTITY]);
        let throttled = self.begin(record, source, who.kind);
        self.session = client(who.session, values[key::ADDRESS]);
        let asked = Parameters::of(values[key::PARAMETERS]);
        let applied = values[key::ADDITIONAL]
            .and_then(|a| json::of_object::<1>(a, |k| (k == b"SSEApplied").then_some(0)))
            .and_then(|f| f.values[0]);
        for part in [
            values[key::NAME],
            values[key::ERROR],
            values[key::AGENT],
            values[key::RECIPIENT],
            who.account,
            who.requester,
            asked.bucket,
            applied,
        ] {
            self.also(part.unwrap_or_default());
        }
        findings.kind(&self.scratch, || {
            let outcome = match (values[key::ERROR], throttled) {
                (None, _) => RequestOutcome::Ok,
                (Some(_), true) => RequestOutcome::Throttled,
                (Some(_), false) => RequestOutcome::Failed,
            };
            RecordKind {
                tally: CountedAs::Event(tally(record, source, who.kind)),
                series: Some(SeriesKey {
                    account: account(&who, values[key::RECIPIENT]),
                    region: own_word(values[key::REGION]),
                    requester: own(who.requester.or(who.invoked_by)),
                    operation: own_word(values[key::NAME]),
                    bucket: own(asked.bucket),
                    via: Via::Direct,
                    client: client::name(&own(values[key::AGENT])),
                    spec: own_word(applied),
                    outcome,
                    ..SeriesKey::of(LoadOrigin::DataEvent)
                }),
            }
        })
    }
}

/// A trail that is told to leave KMS's events out.
fn note_excluded(record: &Fields<'_, EVENT_KEYS>, findings: &mut Findings<'_>) {
    let values = &record.values;
    let sets = values[key::NAME] == Some(b"\"PutEventSelectors\"");
    if let Some(parameters) = values[key::PARAMETERS].filter(|_| sets)
        && serde_json::from_slice(parameters).is_ok_and(|p| excludes_kms(&p))
    {
        findings.fact(Fact::TrailExcludesKms);
    }
}

fn tally(record: &Fields<'_, EVENT_KEYS>, source: &[u8], identity: &[u8]) -> EventTally {
    let values = &record.values;
    let throttled = values[key::ERROR].is_some_and(is_throttle);
    let or_none = |text: String| {
        if text.is_empty() {
            "None".to_owned()
        } else {
            text
        }
    };
    let is_data = values[key::CATEGORY] == Some(b"\"Data\"")
        || (values[key::CATEGORY].is_none() && values[key::MANAGEMENT] == Some(b"false"));
    EventTally {
        source: own_word(Some(source)),
        region: own_word(values[key::REGION]),
        identity: or_none(own_word(Some(identity))),
        event_type: or_none(own_word(values[key::TYPE])),
        shared: values[key::SHARED].is_some(),
        throttled: throttled.then(|| values[key::PARAMETERS].is_none_or(json::is_null)),
        s3: (source == S3).then_some(if is_data {
            S3Event::Data
        } else {
            S3Event::Management
        }),
        kms: None,
    }
}
