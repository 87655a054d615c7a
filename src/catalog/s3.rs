//! What each S3 operation needs of KMS, and how S3 bills it.
//!
//! Data: `s3_operations.toml`. Batch Operations are the operations they call.

use super::built_in::built_in;
use super::operation::KmsOperation;
use super::row::CatalogRow;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// How S3 bills a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum S3Tier {
    /// PUT, COPY, POST, LIST.
    Tier1,
    /// GET, SELECT and all others.
    Tier2,
    /// A lifecycle transition, by the class it moves an object into.
    Transition,
    /// Not billed.
    Free,
}

impl S3Tier {
    /// Item of the bill for S3 Standard, `None` for free requests and for transitions, which lead to other classes.
    pub const fn item(self) -> Option<&'static str> {
        match self {
            S3Tier::Tier1 => Some("s3-tier1"),
            S3Tier::Tier2 => Some("s3-tier2"),
            S3Tier::Transition | S3Tier::Free => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            S3Tier::Tier1 => "s3-tier1",
            S3Tier::Tier2 => "s3-tier2",
            S3Tier::Transition => "by storage class",
            S3Tier::Free => "free of charge",
        }
    }
}

/// Which of its storage class's prices a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassPrice {
    /// That of the tier, for requests on an object.
    Object,
    /// That of an upload's creation and parts.
    Parts,
}

/// Which of S3's request rates counts a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestRate {
    /// GET and HEAD of objects.
    Reads,
    /// PUT, COPY, POST and DELETE.
    Writes,
}

impl RequestRate {
    /// `reads` or `writes`.
    pub const fn name(self) -> &'static str {
        match self {
            RequestRate::Reads => "reads",
            RequestRate::Writes => "writes",
        }
    }
}

/// What S3 serves from one partitioned prefix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRates {
    reads_per_s: u64,
    writes_per_s: u64,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

impl RequestRates {
    /// Requests a second from one partitioned prefix.
    pub const fn per_s(&self, rate: RequestRate) -> u64 {
        match rate {
            RequestRate::Reads => self.reads_per_s,
            RequestRate::Writes => self.writes_per_s,
        }
    }
}

/// Whose KMS key a need is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedSide {
    /// The object of the request.
    Object,
    /// The source of a copy, if it is under SSE-KMS.
    Source,
    /// The destination of a copy, if it is under SSE-KMS.
    Destination,
    /// The multipart upload.
    Upload,
    /// The replica, which keeps the bucket-key setting of its source.
    Replica,
}

/// One KMS operation that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Need {
    /// The KMS operation.
    pub operation: KmsOperation,
    /// Whose key it is on.
    pub on: NeedSide,
}

/// What a permission is asked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionSide {
    /// The object of the request.
    Object,
    /// The bucket of the request.
    Bucket,
    /// The source of a copy.
    Source,
}

/// An action that policies must allow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Permission {
    /// `s3:GetObject`.
    pub action: String,
    /// On what.
    pub on: PermissionSide,
}

/// How well a count is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// AWS states it.
    Documented,
    /// Our assumption, for the reason given.
    Undocumented,
}

/// An S3 operation, as KMS sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3OperationRow {
    /// Our identifier: the API name, with what sets it apart (`GetObjectRange`).
    pub id: String,
    api: Option<String>,
    /// How S3 bills it.
    pub billing: S3Tier,
    /// Which of its storage class's prices it has; `None`: that of S3 Standard, whatever the class.
    pub class_price: Option<ClassPrice>,
    /// Item of its KMS calls, where it is not that of operation and kind of key.
    pub kms_charged_as: Option<String>,
    /// Whether S3 Batch Operations can run it on a list of objects.
    #[serde(default)]
    pub batch_operations: bool,
    /// Which of S3's limits for a prefix counts it; `None`: none of them.
    pub request_rate: Option<RequestRate>,
    /// Whether its answers have no body, so that one that throttles it shows its status alone.
    #[serde(default)]
    pub answers_without_body: bool,
    /// The KMS operations it needs under SSE-KMS without a Bucket Key, in order.
    pub needs: Vec<S3Need>,
    /// What policies must allow, in order.
    pub permissions: Vec<S3Permission>,
    /// Whether headers, its own or those of its upload, can say how its object is encrypted.
    #[serde(default)]
    pub encryption_headers: bool,
    /// Whether S3 sends it by itself, in a role that it has been given.
    #[serde(default)]
    pub in_service_role: bool,
    /// How well the count is founded.
    pub evidence: Evidence,
    /// The reason in words.
    pub because: String,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

impl S3OperationRow {
    /// Name of the S3 API that is called.
    pub fn api(&self) -> &str {
        self.api.as_deref().unwrap_or(&self.id)
    }

    /// Whether CloudTrail calls it a read: all that it needs are permissions to read.
    pub fn is_read(&self) -> bool {
        let reads = |action: &str| {
            ["s3:Get", "s3:List"]
                .iter()
                .any(|verb| action.starts_with(verb))
        };
        self.permissions.iter().all(|p| reads(&p.action))
    }
}

/// What S3 Express One Zone does differently.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryBucket {
    /// Life of a session's credentials \[s\].
    session_lifetime_s: u64,
    /// The permission that a session needs.
    session_action: String,
    /// Operations that are sent without one.
    without_session: Vec<String>,
    source: String,
    as_of: String,
}

/// Context keys that calls of S3 to other services do not take over from the request to S3.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardedContextKeys {
    /// Those that only a request through a VPC endpoint has.
    pub of_vpc_endpoints: Vec<String>,
    /// Those that say where a request comes from.
    pub of_senders: Vec<String>,
    /// Those that the service fixes.
    pub of_services: Vec<String>,
    /// Those that requests of services to S3 lack.
    pub redacted_of_services: Vec<String>,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct S3File {
    directory_bucket: DirectoryBucket,
    request_rate: RequestRates,
    context_keys: ForwardedContextKeys,
    operation: Vec<S3OperationRow>,
}

static S3: LazyLock<S3File> =
    LazyLock::new(|| built_in("s3_operations.toml", include_str!("s3_operations.toml")));

/// Every S3 operation.
pub fn s3_operations() -> &'static [S3OperationRow] {
    &S3.operation
}

/// The S3 operation with this identifier (`PutObject`, `GetObjectRange`).
pub fn s3_operation(id: &str) -> Option<&'static S3OperationRow> {
    s3_operations().iter().find(|o| o.id == id)
}

/// Life of a session of a directory bucket \[s\].
pub fn session_lifetime_s() -> u64 {
    S3.directory_bucket.session_lifetime_s
}

/// The permission that a session of a directory bucket needs.
pub fn session_action() -> &'static str {
    &S3.directory_bucket.session_action
}

/// Whether an operation on a directory bucket is sent in a session.
pub fn sends_in_session(row: &S3OperationRow) -> bool {
    !S3.directory_bucket.without_session.contains(&row.id)
}

/// Context keys that calls of S3 to other services do not take over.
pub fn forwarded_context_keys() -> &'static ForwardedContextKeys {
    &S3.context_keys
}

/// What S3 serves from one partitioned prefix.
pub fn request_rates() -> &'static RequestRates {
    &S3.request_rate
}

/// Each operation with its calls of KMS.
pub(super) fn rows() -> Vec<CatalogRow> {
    let need = |n: &S3Need| match n.on {
        NeedSide::Object => n.operation.to_string(),
        NeedSide::Source => format!("{} (source)", n.operation),
        NeedSide::Destination => format!("{} (destination)", n.operation),
        NeedSide::Upload => format!("{} (upload)", n.operation),
        NeedSide::Replica => format!("{} (replica)", n.operation),
    };
    s3_operations()
        .iter()
        .map(|o| CatalogRow {
            kind: "s3-operation",
            id: o.id.clone(),
            region: String::new(),
            value: match o.needs.as_slice() {
                [] => "none".to_owned(),
                needs => needs.iter().map(need).collect::<Vec<_>>().join(", "),
            },
            unit: format!("KMS calls/request ({})", o.billing.name()),
            assumed: o.evidence == Evidence::Undocumented,
            note: o.because.clone(),
            source: o.source.clone(),
            as_of: o.as_of.clone(),
        })
        .collect()
}

/// The life of a session.
pub(super) fn directory_bucket_row() -> CatalogRow {
    let d = &S3.directory_bucket;
    CatalogRow {
        kind: "directory-bucket",
        id: "session_lifetime".to_owned(),
        region: String::new(),
        value: d.session_lifetime_s.to_string(),
        unit: "s".to_owned(),
        assumed: false,
        note: "CreateSession needs GenerateDataKey and Decrypt".to_owned(),
        source: d.source.clone(),
        as_of: d.as_of.clone(),
    }
}

/// What is not taken over.
pub(super) fn context_key_rows() -> impl Iterator<Item = CatalogRow> {
    let keys = forwarded_context_keys();
    [
        (
            "of VPC endpoints",
            &keys.of_vpc_endpoints,
            "absent from KMS calls that S3 makes",
        ),
        (
            "of senders",
            &keys.of_senders,
            "kept in a forward access session of a request through a public endpoint, absent otherwise",
        ),
        (
            "of services",
            &keys.of_services,
            "fixed by S3 in the KMS calls that it makes",
        ),
        (
            "redacted of services",
            &keys.redacted_of_services,
            "absent from requests of services to S3",
        ),
    ]
    .map(|(id, names, note)| CatalogRow {
        kind: "context-keys",
        id: id.to_owned(),
        region: String::new(),
        value: names.join(", "),
        unit: "context keys".to_owned(),
        assumed: false,
        note: note.to_owned(),
        source: keys.source.clone(),
        as_of: keys.as_of.clone(),
    })
    .into_iter()
}

/// What one prefix serves.
pub(super) fn request_rate_rows() -> impl Iterator<Item = CatalogRow> {
    let rates = request_rates();
    [RequestRate::Reads, RequestRate::Writes]
        .map(|rate| CatalogRow {
            kind: "s3-request-rate",
            id: rate.name().to_owned(),
            region: String::new(),
            value: rates.per_s(rate).to_string(),
            unit: "1/s from a prefix".to_owned(),
            assumed: false,
            note: match rate {
                RequestRate::Reads => "GET and HEAD of objects, at least so many",
                RequestRate::Writes => "PUT, COPY, POST and DELETE, at least so many",
            }
            .to_owned(),
            source: rates.source.clone(),
            as_of: rates.as_of.clone(),
        })
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use KmsOperation::{Decrypt, Encrypt, GenerateDataKey};

    fn needs(id: &str) -> Vec<KmsOperation> {
        s3_operation(id)
            .unwrap()
            .needs
            .iter()
            .map(|n| n.operation)
            .collect()
    }

    #[test]
    fn needs_of_the_common_operations() {
        assert_eq!(needs("PutObject"), [GenerateDataKey]);
        assert_eq!(needs("GetObject"), [Decrypt]);
        assert_eq!(needs("GetObjectRange"), [Decrypt]);
        assert_eq!(needs("HeadObject"), []);
        assert_eq!(needs("HeadObjectChecksum"), [Decrypt]);
        assert_eq!(needs("CopyObject"), [Decrypt, GenerateDataKey]);
        assert_eq!(needs("UploadPartCopy"), [Decrypt, Decrypt]);
        assert_eq!(needs("ReplicateObject"), [Decrypt, Encrypt]);
        for id in [
            "ListObjects",
            "GetObjectTagging",
            "DeleteObject",
            "AbortMultipartUpload",
        ] {
            assert_eq!(needs(id), []);
        }
        assert!(s3_operation("GetObjct").is_none());
    }

    #[test]
    fn a_multipart_upload_of_n_parts_makes_n_plus_2_calls() {
        let n = 7;
        let calls = needs("CreateMultipartUpload").len()
            + n * needs("UploadPart").len()
            + needs("CompleteMultipartUpload").len();
        assert_eq!(calls, n + 2);
    }

    #[test]
    fn copy_reads_the_source_before_it_writes_the_destination() {
        let sides: Vec<_> = s3_operation("CopyObject")
            .unwrap()
            .needs
            .iter()
            .map(|n| n.on)
            .collect();
        assert_eq!(sides, [NeedSide::Source, NeedSide::Destination]);
    }

    #[test]
    fn tiers() {
        assert_eq!(
            s3_operation("UpdateObjectEncryption").unwrap().billing,
            S3Tier::Tier1
        );
        assert_eq!(
            s3_operation("GetObjectRange").unwrap().billing,
            S3Tier::Tier2
        );
        assert_eq!(s3_operation("DeleteObject").unwrap().billing.item(), None);
        assert_eq!(s3_operation("GetObjectRange").unwrap().api(), "GetObject");
    }

    #[test]
    fn requests_on_objects_have_a_rate_and_lists_have_none() {
        let rate = |id: &str| s3_operation(id).unwrap().request_rate;
        for id in ["GetObject", "GetObjectRange", "HeadObject", "GetObjectAcl"] {
            assert_eq!(rate(id), Some(RequestRate::Reads), "{id}");
        }
        for id in ["PutObject", "CopyObject", "UploadPart", "DeleteObject"] {
            assert_eq!(rate(id), Some(RequestRate::Writes), "{id}");
        }
        for id in ["ListObjects", "HeadBucket", "LifecycleTransition"] {
            assert_eq!(rate(id), None, "{id}");
        }
        let rates = super::super::request_rates();
        let per_s = [RequestRate::Reads, RequestRate::Writes].map(|r| rates.per_s(r));
        assert_eq!(per_s, [5_500, 3_500]);
    }

    #[test]
    fn identifiers_are_unique() {
        let ids: std::collections::BTreeSet<_> = s3_operations().iter().map(|o| &o.id).collect();
        assert_eq!(ids.len(), s3_operations().len());
    }
}
