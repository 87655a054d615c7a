//! Keys of a workload that would change nothing beside its other keys: each is a fault, because whoever writes one
//! expects an effect.

use super::bucket::{BucketKind, BucketSettings, Encryption, EncryptionHeader};
use super::operations::MULTIPART_UPLOAD;
use crate::catalog::{self, KmsOperation, S3OperationRow, S3Tier};
use crate::input::diagnostic::{Code, Place};
use crate::input::reader::Reader;
use crate::model::arrivals::Arrivals;
use crate::model::retry::AnswerForm;
use crate::model::source::ClientCacheSettings;
use indexmap::IndexMap;

/// What decides whether a key has an effect.
pub(super) struct WorkloadFacts<'a> {
    /// It calls KMS itself: `key` is written.
    pub calls_kms: bool,
    /// A service calls KMS for it: `service` is written.
    pub service: bool,
    /// It sends S3 requests: `bucket` is written and stands for one.
    pub calls_s3: bool,
    /// The bucket, where that is read in full.
    pub bucket: Option<&'a BucketSettings>,
    /// The mix of operations, `None` where it is at fault.
    pub operations: Option<&'a IndexMap<String, f64>>,
    /// `data_key_cache` is written.
    pub has_data_key_cache: bool,
    /// `encryption_header`; `None` where there is none or it is at fault.
    pub encryption_header: Option<EncryptionHeader>,
    /// Its arrivals are a job.
    pub is_job: bool,
}

impl WorkloadFacts<'_> {
    /// Whether none of the operations is such, an upload counting as its parts where `or_upload` says so.
    fn has_none(&self, or_upload: bool, such: impl Fn(&S3OperationRow) -> bool) -> bool {
        let is_such = |name: &String| {
            or_upload && name == MULTIPART_UPLOAD || catalog::s3_operation(name).is_some_and(&such)
        };
        self.operations.is_some_and(|o| !o.keys().any(is_such))
    }

    /// Whether none of its operations writes an object, as far as they are known.
    pub(super) fn writes_nothing(&self) -> bool {
        self.has_none(true, |row| row.encryption_headers)
    }

    /// Whether none of its operations is a multipart upload.
    pub(super) fn has_no_upload(&self) -> bool {
        self.operations
            .is_some_and(|o| !o.contains_key(MULTIPART_UPLOAD))
    }

    /// Whether one of its operations makes data key pairs.
    pub(super) fn makes_key_pairs(&self) -> bool {
        let makes = |name: &String| {
            let operation = name.parse::<KmsOperation>();
            operation.is_ok_and(KmsOperation::makes_key_pair)
        };
        self.calls_kms && self.operations.is_some_and(|o| o.keys().any(makes))
    }

    /// The forms of the answers that may throttle its requests, where S3 limits their rate (`limited`) or KMS does.
    pub(super) fn answers(&self, limited: bool, arrivals: &Arrivals) -> Vec<AnswerForm> {
        let recorded = match arrivals {
            Arrivals::Trace(trace) => &trace.recording.operations[..],
            Arrivals::Open(_) | Arrivals::Job(_) => &[],
        };
        let written = self.operations.iter().flat_map(|o| o.keys());
        let operations: Vec<&String> = written.chain(recorded).collect();
        let throttled =
            |row: &S3OperationRow| limited && row.request_rate.is_some() || !row.needs.is_empty();
        let sends_throttled_head = operations.iter().any(|name| {
            let row = catalog::s3_operation(name).filter(|_| self.calls_s3);
            row.is_some_and(|row| row.answers_without_body && throttled(row))
        });
        let sends_others = operations.iter().any(|name| {
            let row = catalog::s3_operation(name).filter(|_| self.calls_s3);
            row.is_none_or(|row| !row.answers_without_body)
        });
        let forms = [
            (AnswerForm::WithCode, sends_others || !sends_throttled_head),
            (AnswerForm::StatusOnly, sends_throttled_head),
        ];
        let sent = forms.into_iter().filter(|(_, is_sent)| *is_sent);
        sent.map(|(form, _)| form).collect()
    }

    /// Whether what it writes is under SSE-KMS, as far as that is known.
    fn writes_under_sse_kms(&self) -> bool {
        let by_header = self.encryption_header.map(EncryptionHeader::encryption);
        by_header
            .or(self.bucket.map(|b| b.encryption))
            .is_none_or(|encryption| encryption == Encryption::SseKms)
    }
}

/// Records that a key of a retry policy matters only to answers that show their status alone, and there are none.
pub(super) fn reject_for_status(r: &mut Reader<'_>, key: &str, place: Place) {
    r.fault(
        Code::Contradiction,
        place,
        format!("`{key}` has no effect: no answer that throttles these requests lacks its error code, as those to HEAD requests do"),
        "drop it; HeadObject is limited where the bucket or the workload says over how many `prefixes` its requests spread",
    );
}

/// Records every key of the workload that has no effect.
pub(super) fn reject(r: &mut Reader<'_>, facts: &WorkloadFacts<'_>) {
    let only_s3 = facts.calls_s3 && !facts.calls_kms;
    let only_kms = facts.calls_kms && !facts.calls_s3;
    let of_directory_bucket = facts
        .bucket
        .is_some_and(|b| b.kind == BucketKind::Directory);
    let header_is_unreadable = r.has("encryption_header") && facts.encryption_header.is_none();
    let header_names_kms = facts
        .encryption_header
        .is_some_and(|header| header.encryption().uses_kms());
    let has_none_of_rate = facts.has_none(true, |row| row.request_rate.is_some());
    let has_no_class_price = facts.has_none(true, |row| row.class_price.is_some());
    let moves_nothing = facts.has_none(false, |row| row.billing == S3Tier::Transition);
    let has_no_source = facts.has_none(false, |row| {
        let mut needs = row.needs.iter();
        needs.any(|need| need.on == catalog::NeedSide::Source)
    });
    let writes_nothing = !facts.calls_kms && facts.writes_nothing();
    let makes_no_pairs = facts.operations.is_some() && !facts.makes_key_pairs();
    let rows: [(&[&str], bool, &str, &str); 15] = [
        (
            &["key_pair_spec"],
            makes_no_pairs,
            "none of its operations makes data key pairs",
            "add GenerateDataKeyPair, or drop it",
        ),
        (
            &["message_size"],
            !facts.has_data_key_cache,
            "only a data-key cache uses message sizes",
            "add `data_key_cache`, or drop it",
        ),
        (
            &["encrypted_by"],
            !facts.has_data_key_cache,
            "only a data-key cache uses it",
            "add `data_key_cache`, or drop it",
        ),
        (
            &["parts"],
            facts.has_no_upload(),
            "its operations do not include MultipartUpload",
            "add it, or drop `parts`",
        ),
        (
            &["prefixes"],
            facts.calls_kms || has_none_of_rate,
            "S3 does not limit any of its operations by prefix",
            "drop it, or add a request on objects",
        ),
        (
            &["prefixes"],
            of_directory_bucket,
            "S3 does not limit requests to directory buckets by prefix",
            "drop it",
        ),
        (
            &["storage_class"],
            facts.calls_kms || has_no_class_price,
            "none of its operations is one whose price depends on the storage class",
            "drop it, or add a request on objects",
        ),
        (
            &["storage_class", "transition_to"],
            of_directory_bucket,
            "objects of a directory bucket are of S3 Express One Zone",
            "drop it",
        ),
        (
            &["transition_to"],
            facts.calls_kms || moves_nothing,
            "there is no LifecycleTransition among its operations",
            "add it, or drop `transition_to`",
        ),
        (
            &["copy_source"],
            has_no_source,
            "none of its operations reads another bucket (CopyObject, UploadPartCopy, ReplicateObject)",
            "add it, or drop `copy_source`",
        ),
        (
            &[
                "tls",
                "encryption_header",
                "encryption_header_key",
                "object",
            ],
            only_kms,
            "it applies to S3 requests, and this workload calls KMS itself",
            "drop it",
        ),
        (
            &["encryption_header", "bucket_key_header"],
            writes_nothing,
            "none of its operations writes an object",
            "drop it, or add PutObject",
        ),
        (
            &["bucket_key_header"],
            !header_is_unreadable
                && (facts.calls_kms || !facts.writes_under_sse_kms() || of_directory_bucket),
            "it applies only to SSE-KMS in general purpose buckets",
            "drop it",
        ),
        (
            &["encryption_header_key"],
            !header_is_unreadable && !header_names_kms,
            "a request can name a KMS key only with `aws:kms` or `aws:kms:dsse`",
            "add `encryption_header = \"aws:kms\"`, or drop it",
        ),
        (
            &["stop"],
            facts.is_job,
            "a job ends when its objects are done",
            "drop `stop`",
        ),
    ];
    for (key, _) in ClientCacheSettings::tables() {
        let why = "the service encrypts, not the workload's clients";
        let help = "write it in a workload with `key` and without `service`";
        r.reject_without_effect(facts.service && !only_s3, key, why, help);
    }
    for (key, why) in ClientCacheSettings::tables() {
        r.reject_without_effect(only_s3, key, why, "write it in a workload with `key`");
    }
    for (keys, when, why, help) in rows {
        for key in keys {
            r.reject_without_effect(when, key, why, help);
        }
    }
}

/// What each client of a workload keeps for itself.
pub(super) struct Kept {
    /// Under its retry policy.
    pub by_retry: Option<&'static str>,
    /// In a cache.
    pub cache: Option<&'static str>,
    /// With a service that calls KMS, in words.
    pub by_service: Option<String>,
    /// In a session with a directory bucket.
    pub has_sessions: bool,
}

/// Records a lifetime of clients that would change nothing, or would have to end what it does not end.
pub(super) fn reject_lifetime(r: &mut Reader<'_>, retry: &str, kept: &Kept) {
    let key = "client_lifetime";
    if !r.has(key) {
        return;
    }
    r.reject_without_effect(
        kept.by_retry.is_none(),
        key,
        &format!("under the retry policy `{retry}` these clients have nothing of their own to lose"),
        "drop it, or choose a retry policy with a retry quota, rate limiter, circuit breaker or send brake for each client",
    );
    if kept.by_retry.is_none() {
        return;
    }
    let path = r.path().to_owned();
    let left = [
        kept.cache.map(|cache| {
            (
                format!("each client of `{path}` has a {cache} of its own, which `{key}` would not empty"),
                "say how long that lives: with `scope.invocation.messages = …` in its table a cache serves so many messages",
            )
        }),
        kept.by_service.as_ref().map(|why| {
            (
                format!("`{path}.{key}` would not end what a service keeps for each client: {why}"),
                "drop it",
            )
        }),
        kept.has_sessions.then(|| {
            (
                format!("each client of `{path}` has a session of its own with a directory bucket, which `{key}` would not end"),
                "drop it, or name a general purpose bucket",
            )
        }),
    ];
    for (what, help) in left.into_iter().flatten() {
        r.fault(Code::Contradiction, r.place_of(key), what, help);
    }
}
