//! What an explanation tells, link by link.

use crate::access::ContextValue;
use crate::scenario::bucket::Encryption;
use crate::units::Span;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Variant.
    pub variant: String,
    /// Workload that sends it.
    pub workload: String,
    /// S3 or KMS operation.
    pub operation: String,
    /// Which objects it is about, where a bucket holds some with data keys of their own and others under bucket keys.
    pub objects: Option<String>,
    /// Their share of the workload's requests for the operation, where it is known beforehand.
    pub share: Option<f64>,
    /// Who sends it.
    pub principal: String,
    /// What it is for: the ARN of the object, bucket or key.
    pub resource: String,
    /// `TLS 1.3`, `HTTP`.
    pub transport: String,
    /// Encryption in force, one for each side that needs KMS or is written.
    pub encryption: Vec<EncryptionInForce>,
    /// Permissions that were asked for, in order, up to the first refusal.
    pub permissions: Vec<Permission>,
    /// `allow`, `explicit deny`, `implicit deny`, or `refused by S3`.
    pub decision: String,
    /// What it is counted under in `by_statement` if it is refused.
    pub denied_by: Option<String>,
    /// What is missing or denies it, in a sentence.
    pub reason: Option<String>,
    /// S3's request rate that it draws on, where that is limited.
    pub s3_request_rate: Option<QuotaDrawnOn>,
    /// KMS calls, in order.
    pub kms_calls: Vec<KmsCall>,
    /// What the client gets.
    pub answer: String,
    /// How S3 bills it: `s3-tier1`, `s3-tier2`, `free`, `not billed`; `None` for applications.
    pub billed_as: Option<String>,
    /// A record of each event that CloudTrail logs of KMS.
    pub cloudtrail: Vec<Value>,
}

/// How an object is encrypted.
#[derive(Clone, Debug, Serialize)]
pub struct EncryptionInForce {
    /// Bucket of the object.
    pub bucket: String,
    /// `SSE-KMS`, …
    pub encryption: Encryption,
    /// ARN of the KMS key.
    pub kms_key: Option<String>,
    /// `header` or `bucket default`.
    pub because_of: &'static str,
}

/// A permission that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Permission {
    /// `kms:Decrypt`.
    pub action: String,
    /// ARN.
    pub resource: String,
    /// `allow`, `explicit deny`, `implicit deny`.
    pub outcome: String,
    /// Whether caller and owner are different accounts.
    pub crosses_account: bool,
    /// What the policies of each kind say: `allows`, `allows the account`, `silent`, `denies`; those that do not
    /// exist are left out.
    pub policies: IndexMap<&'static str, &'static str>,
    /// Statements that have to do with it.
    pub statements: Vec<StatementMatched>,
    /// The statements behind a refusal, be it one that begins in the run: those that deny it, else those on the same
    /// action that would have allowed it; those with the least in the way first. Empty where it is allowed.
    pub near_misses: Vec<NearStatement>,
    /// Condition keys that the request does not carry and that would turn the answer.
    pub rests_on: Vec<KeyMissing>,
    /// Levels of the organization on which no control policy allows it: `account main`.
    pub silent_levels: Vec<String>,
    /// Every context key of a request that is refused; `None` where it is allowed.
    pub context: Option<IndexMap<String, ContextValue>>,
}

/// A statement behind a refusal.
#[derive(Clone, Debug, Serialize)]
pub struct NearStatement {
    /// `Deny`: it denies; `Allow`: it would have allowed.
    pub effect: &'static str,
    /// `bucket policy`, …
    pub kind: &'static str,
    /// Its file.
    pub policy: String,
    /// `Sid`, or its number.
    pub statement: String,
    /// Whether it means the principal.
    pub principal_matches: bool,
    /// Whom it means; empty where its kind of policy names no principals.
    pub principals: Vec<String>,
    /// Whether it means the resource.
    pub resource_matches: bool,
    /// What it means.
    pub resources: Vec<String>,
    /// Its conditions, put to the request.
    pub conditions: Vec<ConditionPut>,
}

/// A condition, put to a request.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionPut {
    /// `StringEquals`, `ForAnyValue:ArnLike`, …
    pub operator: String,
    /// Context key.
    pub key: String,
    /// What the policy compares it with, any of them.
    pub wanted: Vec<String>,
    /// What the request has under it; `None`: it has no such key.
    pub actual: Option<ContextValue>,
    /// Whether it holds.
    pub holds: bool,
}

/// A condition key that an answer rests on and that the request does not carry.
#[derive(Clone, Debug, Serialize)]
pub struct KeyMissing {
    /// Context key.
    pub key: String,
    /// `Allow` or `Deny`, of the statement with the condition.
    pub effect: &'static str,
    /// `bucket policy`, …
    pub kind: &'static str,
    /// Its file.
    pub policy: String,
    /// `Sid`, or its number.
    pub statement: String,
}

/// A statement that has to do with a request.
#[derive(Clone, Debug, Serialize)]
pub struct StatementMatched {
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// `bucket policy`, …
    pub kind: &'static str,
    /// Its file, `default` where the scenario has none.
    pub policy: String,
    /// `Sid`, or its number.
    pub statement: String,
    /// How it means the principal: `by name`, `by its role`, `by its account`, `as anyone`.
    pub principal: &'static str,
}

/// A KMS call.
#[derive(Clone, Debug, Serialize)]
pub struct KmsCall {
    /// `Decrypt`.
    pub operation: String,
    /// ARN of the key.
    pub kms_key: String,
    /// Its encryption context.
    pub encryption_context: BTreeMap<String, ContextValue>,
    /// Account that is charged: in quota and bill.
    pub account: String,
    /// What could serve it without a call; `None`: nothing.
    pub cache: Option<String>,
    /// Quotas it draws on.
    pub quotas: Vec<QuotaDrawnOn>,
    /// `success`, `AccessDeniedException`.
    pub answer: &'static str,
    /// When it is answered otherwise.
    pub refusals: Vec<RefusedCall>,
}

/// A time in which KMS refuses a call; what a cache still holds goes on.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedCall {
    /// From when on in the run.
    pub from: Span,
    /// Until when, `None`: for good.
    pub until: Option<Span>,
    /// KMS's error.
    pub answer: &'static str,
    /// What the client gets.
    pub client_gets: String,
}

/// A quota that a call draws on, or a request rate of S3.
#[derive(Clone, Debug, Serialize)]
pub struct QuotaDrawnOn {
    /// `account/region/quota-code[/store]`, `account/region/s3-reads/bucket[/workload]`.
    pub name: String,
    /// Limit at t = 0 \[1/s\].
    pub per_second: f64,
    /// Other workloads that draw on it.
    pub shared_with: Vec<String>,
}
