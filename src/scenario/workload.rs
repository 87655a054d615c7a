//! A workload as written: what it asks for, when, and what its clients do when throttled.

use super::account::Account;
use super::alias::{self, LookedUp};
use super::bucket::{BucketKind, BucketSettings, EncryptionHeader, PREFIXES};
use super::delivery::{delivery, object};
use super::key::{KmsKeySettings, ManagedBy};
use super::operations::operations;
use super::request_context::context_keys;
use super::requester::Requester;
use super::run_settings::ReadFor;
use super::service::{self, ServiceSettings};
use super::without_effect::{self, Kept, WorkloadFacts};
use crate::access::{Context, ContextValue};
use crate::catalog::{self, KeySpec, KmsOperation};
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Place};
use crate::input::files::Files;
use crate::input::keyword::{Keyword, keywords};
use crate::input::reader::Reader;
use crate::model::arrivals::constant::Constant;
use crate::model::arrivals::{self, Arrivals, OnFailure, OpenArrivals};
use crate::model::objects::{PopularitySettings, SizeSettings};
use crate::model::retry::{AnswerForm, ClientLifetime, RetrySettings, Service};
use crate::model::source::{ClientCacheSettings, MOST_CLIENTS};
use crate::units::{Rate, Span};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// A workload.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadSettings {
    /// The bucket it works on, or
    pub bucket: Option<String>,
    /// the KMS key it calls itself.
    pub key: Option<String>,
    /// The alias by which it names that key; `None`: by its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_alias: Option<String>,
    /// The service that calls it for the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceSettings>,
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
    /// How long each of them lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_lifetime: Option<ClientLifetime>,
    /// What they do when throttled.
    pub retry: RetrySettings,
    /// Whether an answer that throttles its requests may show its status alone.
    #[serde(skip)]
    pub is_answered_by_status: bool,
    /// Objects (applications: encryption contexts).
    pub popularity: PopularitySettings,
    /// Whether it says which objects it asks for: how many, a named one, or those of a trace.
    #[serde(skip)]
    pub says_which_objects: bool,
    /// Reads what that workload wrote in the run.
    pub reads: Option<String>,
    /// Parts of a multipart upload.
    pub parts: u32,
    /// What fails with a request of an upload, where it is no job's.
    #[serde(skip_serializing_if = "OnFailure::is_nothing")]
    pub on_failure: OnFailure,
    /// Source of copies.
    pub copy_source: Option<String>,
    /// Storage class of its objects, `None`: S3 Standard, or the directory bucket's.
    pub storage_class: Option<String>,
    /// Storage class into which lifecycle transitions move them.
    pub transition_to: Option<String>,
    /// Prefixes of its own that its requests spread over evenly.
    pub prefixes: Option<u32>,
    /// `x-amz-server-side-encryption-bucket-key-enabled` of its writes, over the bucket's setting.
    pub bucket_key_header: Option<bool>,
    /// The caches of its clients.
    #[serde(flatten)]
    pub client_caches: ClientCacheSettings,
    /// Size of a message.
    pub message_size: SizeSettings,
    /// How the messages that it decrypts were encrypted.
    pub encrypted_by: Option<EncryptedBy>,
    /// Kind of the data key pairs that it asks for.
    pub key_pair_spec: Option<KeySpec>,
    /// Version of TLS, `None`: plain HTTP.
    pub tls: Option<TlsVersion>,
    /// What its writes send as `x-amz-server-side-encryption`.
    pub encryption_header: Option<EncryptionHeader>,
    /// The KMS key whose ARN they send as `x-amz-server-side-encryption-aws-kms-key-id`.
    pub encryption_header_key: Option<String>,
    /// Key of its objects as policies see it.
    pub object: String,
    /// Further context keys that policies see.
    pub context: Context,
    /// Pairs of the encryption context among them, as spelled there.
    #[serde(skip)]
    pub encryption_context: BTreeMap<String, ContextValue>,
    /// Requests sent in all where the first is denied.
    pub requests_when_denied: u32,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

keywords! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// 1.3.
        V1_3 = "1.3",
        /// 1.2.
        V1_2 = "1.2",
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind of data key pairs, one that KMS makes.
fn key_pair_spec(r: &mut Reader<'_>) -> Option<KeySpec> {
    let makes =
        |spec: &&KeySpec| catalog::quota_for(KmsOperation::GenerateDataKeyPair, **spec).is_some();
    let specs = KeySpec::ALL.iter().filter(makes).map(|s| s.name());
    r.reference("key_pair_spec", specs)?.parse().ok()
}

/// How the messages that a workload decrypts were encrypted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EncryptedBy {
    /// Processes that encrypted them, each with data keys of its own.
    pub producers: u32,
    /// Messages each data key was used for.
    pub messages_per_data_key: u32,
    /// Which clients read the messages of one data key.
    pub read_by: ReadBy,
}

keywords! {
    /// Which clients read the messages of one data key.
    pub enum ReadBy {
        /// Any: messages come through a load balancer or a queue, and each client meets every data key.
        Fleet = "fleet",
        /// One: every client has a stream of its own, with data keys that no other client meets.
        Client = "client",
    }
}

/// What a workload may refer to.
pub(super) struct WorkloadContext<'a> {
    pub buckets: &'a Declared<BucketSettings>,
    pub keys: &'a Declared<KmsKeySettings>,
    pub requesters: &'a Declared<Requester>,
    pub accounts: &'a Declared<Account>,
    pub workloads: &'a [String],
    /// `None` where it is at fault.
    pub retry: Option<&'a RetrySettings>,
    pub horizon: Span,
    pub files: &'a Files,
    pub purpose: ReadFor,
    /// Sessions have bucket keys of their own, so that it matters which client asks.
    pub by_session: bool,
}

impl WorkloadContext<'_> {
    /// The key of a workload's objects where it does not say: what services deliver, they call by names of their own.
    fn object(&self, name: &str, sender: Option<&str>, bucket: Option<&BucketSettings>) -> String {
        let own = format!("{name}/object");
        let sender = sender.and_then(|s| self.requesters.get(s));
        let (Some(sender), Some(bucket)) = (sender, bucket) else {
            return own;
        };
        let account = self.accounts.get(&sender.account);
        match (delivery(sender), account) {
            (Some(row), Some(account)) => object(row, &account.id, &bucket.region, &own),
            (None, _) | (_, None) => own,
        }
    }
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
        let requester = r.name_among("requester", context.requesters);
        let of_bucket = bucket.as_ref().and_then(|b| context.buckets.get(b));
        let account = requester_account(requester.as_deref(), context, of_bucket);
        let looked_up = LookedUp {
            by: "the requester's account",
            account,
            region: of_bucket.map(|b| b.region.as_str()),
        };
        let named = alias::named_key(r, "key", context.keys, looked_up);
        let key = named.key;
        let others = || {
            context
                .workloads
                .iter()
                .map(String::as_str)
                .filter(|w| *w != name)
        };
        let service = service::service(name, r);
        let operations = operations(r, service.as_ref());
        let arrivals = Arrivals::read(r, context.files, context.purpose.arrivals_unwritten());
        let growth = arrivals::growth(r);
        let start = r.whole_seconds("start").unwrap_or(Span::ZERO);
        let stop = r.whole_seconds("stop");
        let after = r.reference("after", others());
        let retry = match RetrySettings::read(r) {
            None if !r.has("retry") => context.retry.cloned(),
            own => own,
        };
        let clients = r.optional_in("clients", 1..=MOST_CLIENTS);
        let client_lifetime = ClientLifetime::read(r);
        let popularity = PopularitySettings::read(r);
        let reads = r.reference("reads", others());
        let on_failure = r.keyword("on_failure").unwrap_or(OnFailure::Continue);
        let parts = r.optional_in("parts", 1..=10_000);
        let copy_source = r.name_among("copy_source", context.buckets);
        let classes = catalog::storage_classes().iter();
        let names = classes.clone().map(|c| c.id.as_str());
        let storage_class = r.reference("storage_class", names.filter(|c| *c != catalog::EXPRESS));
        let targets = classes.filter(|c| c.takes_transitions());
        let transition_to = r.reference("transition_to", targets.map(|c| c.id.as_str()));
        let prefixes = r.optional_in("prefixes", PREFIXES);
        let bucket_key_header = r.optional("bucket_key_header");
        let client_caches = ClientCacheSettings::read(r, others());
        let message_size = SizeSettings::read(r);
        let encrypted_by = r
            .table("encrypted_by", |r| {
                let producers = r.required_in("producers", 1..=10_000_000);
                let messages_per_data_key = r.required_in("messages_per_data_key", 1..=u32::MAX);
                let read_by = r.keyword("read_by").unwrap_or(ReadBy::Fleet);
                Some(EncryptedBy {
                    read_by,
                    producers: producers?,
                    messages_per_data_key: messages_per_data_key?,
                })
            })
            .flatten();
        let key_pair_spec = key_pair_spec(r);
        let tls = r.keyword_or_none("tls").unwrap_or(Some(TlsVersion::V1_3));
        let encryption_header = r.keyword("encryption_header");
        let header_key = alias::named_key(r, "encryption_header_key", context.keys, looked_up);
        let encryption_header_key = header_key.key;
        let object = r.optional("object");
        let (policy_context, encryption_context) = context_keys(r);
        let requests_when_denied = r.or_in("requests_when_denied", 1, 1..=1_000);
        if !enabled {
            return None;
        }

        bucket_or_key(r);
        if let Some(service) = &service {
            service::fits_workload(r, service, key.as_ref().and_then(|k| context.keys.get(k)));
        }
        if requester.is_none() && context.requesters.names().nth(1).is_some() && !r.has("requester")
        {
            let names: Vec<&str> = context.requesters.names().collect();
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` does not say who sends its requests", r.path()),
                format!("write `requester = \"…\"`, one of {}", names.join(", ")),
            );
        }
        ClientCacheSettings::only_one(r);
        let is_job = matches!(arrivals, Some(Arrivals::Job(_)));
        let facts = WorkloadFacts {
            calls_kms: r.has("key"),
            service: r.has("service"),
            calls_s3: r.has("bucket"),
            bucket: of_bucket,
            operations: operations.as_ref(),
            has_data_key_cache: r.has("data_key_cache"),
            encryption_header,
            is_job,
        };
        without_effect::reject(r, &facts);
        if facts.makes_key_pairs() && !r.has("key_pair_spec") {
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` makes data key pairs, but does not say of which kind", r.path()),
                "write `key_pair_spec = \"ECC_NIST_P256\"`, or another that KMS knows: quota and price are those of the pair",
            );
        }
        if encryption_header.is_none() && !facts.writes_nothing() {
            default_key_of_requester(r, of_bucket, account);
        }
        let encryption_header_key = match (encryption_header, &encryption_header_key, of_bucket) {
            (Some(header), None, Some(bucket))
                if header.encryption().uses_kms()
                    && !facts.writes_nothing()
                    && !r.has("encryption_header_key") =>
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
        let arrivals = arrivals?.grown(r, growth)?;
        failure::has_effect(r, on_failure, &facts, &arrivals);
        let says_which_objects = r.has("popularity") || r.has("object") || arrivals.names_objects();
        if after.is_some() && matches!(arrivals, Arrivals::Trace(_)) {
            r.fault(
                Code::Contradiction,
                r.place_of("after"),
                "a trace brings its own times and cannot wait for another workload",
                "use `start` to shift it",
            );
        }
        let retry = retry?;
        let limited = prefixes.is_some() || of_bucket.is_some_and(|b| b.prefixes.is_some());
        let forms = facts.answers(limited, &arrivals);
        if let Some((key, place)) = retry.only_for_status.clone().filter(|_| r.has("retry"))
            && !forms.contains(&AnswerForm::StatusOnly)
        {
            without_effect::reject_for_status(r, &key, place);
        }
        let answers = if facts.calls_s3 {
            Service::S3
        } else {
            Service::Kms
        };
        let remembers = retry.of_each_client(answers, &forms);
        let has_sessions =
            of_bucket.is_some_and(|b| b.kind == BucketKind::Directory && b.key.is_some());
        let kept = Kept {
            by_retry: remembers,
            cache: client_caches.of_each_client(),
            by_service: service.as_ref().and_then(ServiceSettings::of_each_client),
            has_sessions,
        };
        without_effect::reject_lifetime(r, &retry.name, &kept);
        let of_each_client = if let Some(own) = remembers {
            let profile = &retry.name;
            Some(format!(
                "each client has {own} of its own under the retry profile `{profile}`"
            ))
        } else if let Some(own) = service.as_ref().and_then(ServiceSettings::of_each_client) {
            Some(own)
        } else if let Some(own) = client_caches.of_each_client() {
            Some(format!("each client has a {own} of its own"))
        } else if has_sessions {
            Some("each client has a session of its own with a directory bucket".to_owned())
        } else if context.by_session {
            Some("sessions are identified by client".to_owned())
        } else {
            None
        };
        let clients = clients.or_else(|| match (&arrivals, of_each_client) {
            (Arrivals::Job(job), _) => Some(job.workers),
            _ if r.has("clients") => None,
            (_, None) => Some(1),
            _ if context.purpose == ReadFor::Explain => Some(1),
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
        if let (Some(service), Some(clients)) = (&service, clients) {
            service::fits_clients(r, service, clients);
        }
        let first = || context.requesters.names().next().map(str::to_owned);
        let sender = requester.or_else(first);
        Some(WorkloadSettings {
            bucket,
            key,
            key_alias: named.alias,
            service,
            requester: sender.clone(),
            operations: operations?,
            arrivals,
            growth,
            start,
            stop,
            after,
            clients: clients?,
            client_lifetime,
            retry,
            is_answered_by_status: forms.contains(&AnswerForm::StatusOnly),
            popularity,
            says_which_objects,
            reads,
            parts: parts.unwrap_or(1),
            on_failure,
            copy_source,
            storage_class,
            transition_to,
            prefixes,
            bucket_key_header,
            client_caches,
            message_size,
            encrypted_by,
            key_pair_spec,
            tls,
            encryption_header,
            encryption_header_key,
            object: object.unwrap_or_else(|| context.object(name, sender.as_deref(), of_bucket)),
            context: policy_context,
            encryption_context,
            requests_when_denied,
            place: r.place(),
        })
    }
}

impl ReadFor {
    /// When requests come where the workload does not say so.
    fn arrivals_unwritten(self) -> Option<Arrivals> {
        let none = OpenArrivals::Constant(Constant { rate: Rate::ZERO });
        (self == ReadFor::Explain).then_some(Arrivals::Open(none))
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

/// The account of who sends the requests; `None` where the file does not say so of an application.
fn requester_account<'a>(
    requester: Option<&str>,
    context: &WorkloadContext<'a>,
    bucket: Option<&'a BucketSettings>,
) -> Option<&'a str> {
    let name = requester.or_else(|| context.requesters.names().next());
    let declared = name.and_then(|name| context.requesters.get(name));
    declared
        .map(|r| r.account.as_str())
        .or_else(|| bucket.map(|b| b.account.as_str()))
}

/// A bucket whose default encryption names its key by an alias: S3 takes the key that the requester's account has
/// under it.
fn default_key_of_requester(
    r: &Reader<'_>,
    bucket: Option<&BucketSettings>,
    account: Option<&str>,
) {
    let (Some(bucket), Some(account)) = (bucket, account) else {
        return;
    };
    let Some(alias) = bucket
        .key_alias
        .as_ref()
        .filter(|_| account != bucket.account)
    else {
        return;
    };
    r.fault(
        Code::Contradiction,
        r.place_of("bucket"),
        format!(
            "the default encryption of the bucket names the alias `{alias}`, which S3 looks up in the requester's account {account}, not in the bucket's account {}: its writes would use another key, or fail with KMS.NotFoundException",
            bucket.account
        ),
        "write the name of a [key.NAME] as the bucket's `key`, which stands for its ARN, or what these requests send as `encryption_header` and `encryption_header_key`",
    );
}

/// The key `aws/s3` of a bucket's account and Region, which S3 takes where a request names none.
fn aws_managed_key(
    r: &Reader<'_>,
    context: &WorkloadContext<'_>,
    bucket: &BucketSettings,
) -> Option<String> {
    let key = context.keys.iter().find(|(_, key)| {
        key.managed_by == ManagedBy::Aws
            && key.other_service().is_none()
            && (&key.account, &key.region) == (&bucket.account, &bucket.region)
    });
    // A key at fault may be the one.
    if key.is_none() && context.keys.is_complete() {
        r.fault(
            Code::NoDefault,
            r.place_of("encryption_header"),
            format!("`{}` asks for SSE-KMS without a key: S3 would use the AWS-managed key `aws/s3` of account {}, which is not in this file", r.path_of("encryption_header"), bucket.account),
            format!("write `[key.aws-s3]` with `managed_by = \"aws\"` and `account = \"{}\"`, or name a key with `encryption_header_key`", bucket.account),
        );
    }
    key.map(|(name, _)| name.to_owned())
}

/// Whether S3 takes the key that the requests name for an object of the bucket.
fn fits_bucket(r: &Reader<'_>, key: &KmsKeySettings, bucket: &BucketSettings) {
    let (what, help) = if key.region != bucket.region {
        (
            format!("is in {}, the bucket in {}", key.region, bucket.region),
            "name a key in the bucket's Region",
        )
    } else if key.spec != catalog::KeySpec::SymmetricDefault {
        (
            format!("is {}", key.spec.name()),
            "S3 encrypts with symmetric keys only",
        )
    } else if let Some(service) = key.other_service() {
        (
            format!("is the AWS managed key aws/{service}"),
            "name a customer managed key, or aws/s3",
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

#[cfg(test)]
pub(crate) mod cases;
mod failure;
