//! A scenario as written, every default filled in: accounts, keys, buckets, requesters, quotas.
//!
//! Workloads stand in [`super::workload`]. Each struct is read from a
//! [`Reader`] and serialised into `results.json` as resolved.

use super::policy::PolicySettings;
use super::retry::Retry;
use super::workload::{LatencySettings, WorkloadSettings};
use crate::access::principal::is_account;
use crate::access::{Kind, Principal};
use crate::catalog::{self, KeySpec};
use crate::input::diagnostic::Code;
use crate::input::document::Node;
use crate::input::files::Files;
use crate::input::reader::Reader;
use crate::metrics::target::Target;
use crate::units::{Bytes, Rate, Share, Span};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::HashMap;

/// One variant of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// Local time at t = 0, `2026-11-24T18:00:00[Europe/Berlin]`.
    pub start: String,
    /// Region of things that name none.
    pub region: Option<String>,
    /// By name; `main` where none is declared.
    pub account: IndexMap<String, Account>,
    /// Custom key stores by name.
    pub key_store: IndexMap<String, KeyStore>,
    /// KMS keys by name.
    pub key: IndexMap<String, KmsKeySettings>,
    /// Buckets by name.
    pub bucket: IndexMap<String, BucketSettings>,
    /// Log groups by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub log_group: IndexMap<String, LogGroup>,
    /// Requesters by name.
    pub requester: IndexMap<String, Requester>,
    /// Quotas that differ from the catalog or change, by a name of the scenario's own.
    pub quota: IndexMap<String, QuotaSettings>,
    /// What clients do when throttled, unless their workload says otherwise.
    pub retry: Retry,
    /// Workloads by name, disabled ones left out.
    pub workload: IndexMap<String, WorkloadSettings>,
    /// What AWS does not document.
    pub assumption: Assumptions,
    /// Prices that differ from the catalog, by item.
    pub price: IndexMap<String, PriceSettings>,
    /// What the results are held to, by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub threshold: IndexMap<String, Target>,
}

/// An AWS account.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Region of its things that name none.
    pub region: Option<String>,
    /// Copies of management events that its trails deliver in a Region; the first is free.
    pub trail_copies: u32,
    /// Whether KMS events are among them.
    pub trail_kms_events: bool,
    /// Which management events are among them: `all`, `read`, `write`.
    pub trail_events: String,
    /// Copies of S3 data events that its trails deliver; each is charged.
    pub trail_data_copies: u32,
    /// Twelve digits, as ARNs name it.
    pub id: String,
    /// The organization that it is a member of.
    pub organization: Option<String>,
    /// Limit what its principals may do.
    pub service_control_policies: Vec<PolicySettings>,
    /// Limit what may be done to its resources.
    pub resource_control_policies: Vec<PolicySettings>,
}

/// A custom key store.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStore {
    /// `cloudhsm` or `external`.
    pub kind: String,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
}

/// A KMS key.
#[derive(Clone, Debug, Serialize)]
pub struct KmsKeySettings {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who manages it.
    pub managed_by: ManagedBy,
    /// Kind of key.
    pub spec: KeySpec,
    /// Custom key store, `None` for KMS's own.
    pub key_store: Option<String>,
    /// When it is disabled; `None`: never.
    pub disabled_at: Option<Span>,
    /// When its deletion is scheduled, so that it is pending deletion from then on; `None`: never.
    pub pending_deletion_at: Option<Span>,
    /// Key ID, as ARNs name it.
    pub id: String,
    /// Key policy, `None`: the default one.
    pub policy: Option<PolicySettings>,
    /// Key policies that replace it in the run, in order of time.
    pub policy_changes: Vec<PolicyChange>,
    /// Where it is written.
    #[serde(skip)]
    pub place: crate::input::diagnostic::Place,
}

/// A key policy from a time on.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyChange {
    /// When PutKeyPolicy is called.
    pub at: Span,
    /// The new policy.
    pub policy: PolicySettings,
}

/// Who manages a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagedBy {
    /// Customer-managed: charged by the month, calls count and are charged.
    Customer,
    /// AWS-managed (`aws/s3`): calls count and are charged.
    Aws,
    /// AWS-owned: counts and costs nothing.
    AwsOwned,
}

/// Default encryption of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Encryption {
    /// S3-managed keys: no KMS calls.
    #[serde(rename = "SSE-S3")]
    SseS3,
    /// KMS keys.
    #[serde(rename = "SSE-KMS")]
    SseKms,
    /// Two layers, one under a KMS key; no Bucket Keys.
    #[serde(rename = "DSSE-KMS")]
    DsseKms,
    /// Customer-provided keys: no KMS calls.
    #[serde(rename = "SSE-C")]
    SseC,
}

/// A bucket.
#[derive(Clone, Debug, Serialize)]
pub struct BucketSettings {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Default encryption.
    pub encryption: Encryption,
    /// KMS key of the default encryption.
    pub key: Option<String>,
    /// General purpose or directory (S3 Express One Zone).
    pub kind: BucketKind,
    /// Whether S3 Bucket Keys are on.
    pub bucket_key: bool,
    /// When they were switched on; 0s: before the run.
    pub bucket_key_since: Span,
    /// Share of reads that go to objects written before they were switched on.
    pub older_objects: Share,
    /// Distinct bucket keys behind the other objects that were there before the run.
    pub archived_bucket_keys: Option<u32>,
    /// Or how long before the run those objects were written.
    pub archive_age: Option<AgeSettings>,
    /// Prefixes that its requests spread over evenly; `None`: S3 does not limit their rate.
    pub prefixes: Option<u32>,
    /// Bucket policy.
    pub policy: Option<PolicySettings>,
    /// Where it is written.
    #[serde(skip)]
    pub place: crate::input::diagnostic::Place,
}

/// Kind of bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BucketKind {
    /// General purpose.
    GeneralPurpose,
    /// Directory bucket: bucket keys always on, one session of five minutes for each client.
    Directory,
}

/// Ages of objects at t = 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgeSettings {
    /// Alike from 0 on.
    Uniform {
        /// The longest.
        longest: Span,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Span,
        /// σ of the logarithm.
        sigma: f64,
    },
}

/// A log group of CloudWatch Logs under a KMS key.
#[derive(Clone, Debug, Serialize)]
pub struct LogGroup {
    /// Owner, charged for ingestion and for the KMS calls.
    pub account: String,
    /// Region.
    pub region: String,
    /// KMS key.
    pub key: String,
    /// When the key is associated; 0s: the log group was created with it, before the run.
    pub associated_at: Span,
    /// Log streams that take in events all the time.
    pub log_streams: u32,
    /// What all of them take in, in a second.
    pub incoming_bytes_per_second: Bytes,
    /// Queries of its log events, `None`: there are none.
    pub queries: Option<Rate>,
    /// Distinct data keys that the log events of a query are under.
    pub data_keys_per_query: u32,
    /// Where it is written.
    #[serde(skip)]
    pub place: crate::input::diagnostic::Place,
}

/// A principal that S3 tells apart.
#[derive(Clone, Debug, Serialize)]
pub struct Requester {
    /// Account, which is charged for KMS calls.
    pub account: String,
    /// Role.
    pub role: String,
    /// Scoping policy of its sessions; sessions of one role and policy share bucket keys.
    pub session_policy: Option<String>,
    /// Sessions at a time.
    pub sessions: u32,
    /// When it loses its permission on KMS keys; `None`: never.
    pub access_revoked_at: Option<Span>,
    /// ARN or name of a service, `None`: a session of the role.
    pub principal: Option<Principal>,
    /// Attached to it, `None`: it may do everything.
    pub identity_policies: Option<Vec<PolicySettings>>,
    /// The most it may do.
    pub permissions_boundary: Option<PolicySettings>,
    /// The most its sessions may do.
    pub session_policy_document: Option<PolicySettings>,
}

/// A request quota.
#[derive(Clone, Debug, Serialize)]
pub struct QuotaSettings {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Code or identifier in the catalog.
    pub code: String,
    /// Custom key store whose own quota it is.
    pub store: Option<String>,
    /// Limit at t = 0.
    pub limit: Rate,
    /// Later limits.
    pub changes: Vec<QuotaChange>,
    /// How it is enforced.
    pub limiter: LimiterSettings,
}

/// A limit from a time on.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuotaChange {
    /// When.
    pub at: Span,
    /// The new limit.
    pub limit: Rate,
}

/// How a quota is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterSettings {
    /// A second's quota, the rest of the second refused.
    FixedWindow {},
    /// The quota in any span of a second.
    SlidingWindow {},
    /// Continuous refill.
    TokenBucket {
        /// Capacity ÷ per-second rate.
        burst: f64,
    },
}

/// What AWS does not document; numbered in docs/MODEL.md.
#[derive(Clone, Debug, Serialize)]
pub struct Assumptions {
    /// How long a bucket key serves.
    pub bucket_key_lifetime: Span,
    /// How long a bucket key serves new objects.
    pub bucket_key_write_lifetime: Span,
    /// From when the lifetimes count.
    pub bucket_key_renewal: Renewal,
    /// Whether parts of uploads and replicas have their bucket key verified by a Decrypt.
    pub bucket_key_verification: bool,
    /// Independent caches of bucket keys in S3.
    pub bucket_key_fanout: u32,
    /// Who shares bucket keys: `role` or `session`.
    pub bucket_key_requester: RequesterRule,
    /// Whether requests wait for a bucket key that another one fetches.
    pub bucket_key_single_flight: bool,
    /// Time from a call to KMS's answer.
    pub kms_latency: LatencySettings,
    /// Time of an S3 request without KMS.
    pub s3_latency: LatencySettings,
    /// Time from an attempt to its answer when it is throttled.
    pub throttled_latency: LatencySettings,
    /// What `x-amz-retry-after` asks of throttled clients, `None` where there is none.
    pub retry_after: Option<Span>,
    /// Whether KMS bills throttled attempts.
    pub throttled_attempts_billed: bool,
    /// Whether CloudTrail logs throttled attempts.
    pub throttled_attempts_logged: bool,
    /// Whether CloudWatch's CallCount holds throttled attempts.
    pub throttled_attempts_in_call_count: bool,
    /// KMS calls of a DSSE-KMS request for each of SSE-KMS.
    pub dsse_kms_calls: u32,
    /// Whether a KMS call that policies deny draws on the request quota.
    pub denied_calls_consume_quota: bool,
    /// What `s3:x-amz-server-side-encryption` holds.
    pub encryption_condition: EncryptionCondition,
    /// How long the association of a key with a log group takes to be in effect.
    pub log_group_association_delay: Span,
    /// How long a log stream goes on with one data key, in whole seconds.
    pub log_stream_data_key_lifetime: Span,
}

/// Who shares bucket keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequesterRule {
    /// Sessions of one role with one scoping policy (today's rule).
    Role,
    /// Nobody: each session has its own (until 2023).
    Session,
}

/// From when the lifetime of a bucket key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renewal {
    /// From KMS's answer.
    Fixed,
    /// From the last use.
    Sliding,
}

/// What the context key `s3:x-amz-server-side-encryption` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionCondition {
    /// The header; the key is absent where the request has none.
    Header,
    /// The encryption in force, the bucket's default included.
    Effective,
}

/// A price in place of the catalog's.
#[derive(Clone, Debug, Serialize)]
pub struct PriceSettings {
    /// Region, `None`: every Region.
    pub region: Option<String>,
    /// Dollars, a decimal number.
    pub usd: String,
    /// For so many units.
    pub per: u64,
}

/// Names of accounts and the default Region, for the tables that refer to them.
pub(super) struct Home<'a> {
    pub accounts: &'a IndexMap<String, Account>,
    pub region: Option<&'a str>,
    pub files: &'a Files,
}

impl Home<'_> {
    /// The account under `key`, the first declared one by default.
    pub fn account(&self, r: &mut Reader<'_>, key: &str) -> Option<String> {
        let names = || self.accounts.keys().map(String::as_str);
        if r.has(key) {
            r.reference(key, names())
        } else {
            names().next().map(str::to_owned)
        }
    }

    /// The Region of a thing of `account`.
    pub fn region(&self, r: &mut Reader<'_>, account: Option<&str>) -> Option<String> {
        if r.has("region") {
            return region(r);
        }
        let of_account = account
            .and_then(|a| self.accounts.get(a))
            .and_then(|a| a.region.as_deref());
        let found = of_account.or(self.region).map(str::to_owned);
        if found.is_none() {
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` has no Region", r.path()),
                "write `region = \"us-east-1\"` here, in its account, or at the top of the file",
            );
        }
        found
    }
}

/// A Region that the catalog knows.
fn region(r: &mut Reader<'_>) -> Option<String> {
    r.reference("region", catalog::regions())
}

pub(super) fn accounts(r: &mut Reader<'_>, files: &Files) -> IndexMap<String, Account> {
    let mut accounts: IndexMap<String, Account> = IndexMap::new();
    let mut ids: HashMap<String, String> = HashMap::new();
    for (name, account) in r.tables("account", |name, r| {
        let region = region(r);
        let trail_copies = r.or_in("trail_copies", 1, 0..=5);
        let trail_kms_events = r.or("trail_kms_events", true);
        let trail_events = r
            .reference("trail_events", ["all", "read", "write"])
            .unwrap_or_else(|| "all".to_owned());
        let trail_data_copies = r.or_in("trail_data_copies", 0, 0..=5);
        // A number of twelve digits is easily written without quotes.
        let id = match r.value("id").map(|value| &value.node) {
            Some(Node::Integer(digits)) => Some(format!("{digits:012}")),
            _ => r.optional("id"),
        };
        if let Some(id) = &id {
            if !is_account(id) {
                r.fault(
                    Code::OutOfRange,
                    r.place_of("id"),
                    format!(
                        "`{}` is {id:?}, which is no account of twelve digits",
                        r.path_of("id")
                    ),
                    "write for example `id = \"111122223333\"`",
                );
            } else if let Some(other) = ids.insert(id.clone(), name.to_owned()) {
                r.fault(
                    Code::DuplicateName,
                    r.place_of("id"),
                    format!("accounts `{other}` and `{name}` have the same `id` {id}"),
                    "give each account its own",
                );
            }
        }
        let organization = r.optional("organization");
        let limits = |r: &mut Reader<'_>, key, kind| {
            PolicySettings::read_all(r, key, kind, files).unwrap_or_default()
        };
        let service_control_policies = limits(r, "service_control_policies", Kind::ServiceControl);
        let resource_control_policies =
            limits(r, "resource_control_policies", Kind::ResourceControl);
        Account {
            region,
            trail_copies,
            trail_kms_events,
            trail_events,
            trail_data_copies,
            id: id.unwrap_or_default(),
            organization,
            service_control_policies,
            resource_control_policies,
        }
    }) {
        accounts.insert(name, account);
    }
    if accounts.is_empty() {
        accounts.insert(
            "main".to_owned(),
            Account {
                region: None,
                trail_copies: 1,
                trail_kms_events: true,
                trail_events: "all".to_owned(),
                trail_data_copies: 0,
                id: String::new(),
                organization: None,
                service_control_policies: Vec::new(),
                resource_control_policies: Vec::new(),
            },
        );
    }
    let mut free = EXAMPLE_ACCOUNTS.iter().map(|&id| id.to_owned());
    let mut next = 0_u64;
    for account in accounts.values_mut().filter(|a| a.id.is_empty()) {
        while account.id.is_empty() || ids.contains_key(&account.id) {
            account.id = free.next().unwrap_or_else(|| {
                next += 1;
                format!("{next:012}")
            });
        }
    }
    accounts
}

/// Numbers of accounts that name none: those of AWS's own examples, then 000000000001 and so on.
const EXAMPLE_ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];

pub(super) fn top_region(r: &mut Reader<'_>) -> Option<String> {
    region(r)
}

pub(super) fn key_stores(r: &mut Reader<'_>, home: &Home<'_>) -> IndexMap<String, KeyStore> {
    complete(r.tables("key_store", |_, r| {
        let kind = r.required_reference("kind", ["cloudhsm", "external"]);
        let account = home.account(r, "account");
        let region = home.region(r, account.as_deref());
        Some(KeyStore {
            kind: kind?,
            account: account?,
            region: region?,
        })
    }))
}

pub(super) fn keys(
    r: &mut Reader<'_>,
    home: &Home<'_>,
    stores: &IndexMap<String, KeyStore>,
) -> IndexMap<String, KmsKeySettings> {
    complete(r.tables("key", |name, r| {
        let account = home.account(r, "account");
        let region = home.region(r, account.as_deref());
        let managed_by = match r
            .reference("managed_by", ["customer", "aws", "aws-owned"])
            .as_deref()
        {
            Some("aws") => ManagedBy::Aws,
            Some("aws-owned") => ManagedBy::AwsOwned,
            _ => ManagedBy::Customer,
        };
        let mut spec = KeySpec::SymmetricDefault;
        if let Some(name) = r.reference("spec", KeySpec::ALL.iter().map(|s| s.name()))
            && let Ok(known) = name.parse()
        {
            spec = known;
        }
        let key_store = r.reference("key_store", stores.keys().map(String::as_str));
        let disabled_at = r.optional_in("disabled_at", ..=LATEST);
        let pending_deletion_at = r.optional_in("pending_deletion_at", ..=LATEST);
        let id = r.or("id", name.to_owned());
        let policy = PolicySettings::read(r, "policy", Kind::Key, home.files);
        let policy_changes = policy_changes(r, home.files);
        for key in [
            "policy",
            "policy_changes",
            "disabled_at",
            "pending_deletion_at",
        ] {
            if managed_by != ManagedBy::Customer && r.has(key) {
                r.fault(
                    Code::Contradiction,
                    r.place_of(key),
                    "policy and state of a key that AWS manages are AWS's own",
                    format!("drop `{key}`, or `managed_by`"),
                );
            }
        }
        let (account, region) = (account?, region?);
        if let Some(store) = key_store.as_ref().and_then(|s| stores.get(s)) {
            if store.region != region {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key_store"),
                    format!("the key is in {region}, its key store in {}", store.region),
                    "a custom key store holds keys of its own Region",
                );
            }
            if store.account != account {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key_store"),
                    format!(
                        "the key belongs to account {account}, its key store to {}",
                        store.account
                    ),
                    "a custom key store holds keys of its own account",
                );
            }
            if spec != KeySpec::SymmetricDefault {
                r.fault(
                    Code::ImpossibleOperation,
                    r.place_of("key_store"),
                    format!(
                        "custom key stores hold symmetric keys only; this key is {}",
                        spec.name()
                    ),
                    "drop `key_store`, or `spec`",
                );
            }
        }
        Some(KmsKeySettings {
            account,
            region,
            managed_by,
            spec,
            key_store,
            disabled_at,
            pending_deletion_at,
            id,
            policy,
            policy_changes,
            place: r.place(),
        })
    }))
}

/// How many prefixes requests may spread over.
pub(super) const PREFIXES: std::ops::RangeInclusive<u32> = 1..=1_000_000;

/// Key policies that replace the first, in order of time.
fn policy_changes(r: &mut Reader<'_>, files: &Files) -> Vec<PolicyChange> {
    let changes = r.list("policy_changes", |_, r| {
        let at = r.required_in("at", Span::from_ns(1)..=LATEST);
        let policy = PolicySettings::read(r, "policy", Kind::Key, files);
        if !r.has("policy") {
            let _: Option<String> = r.required("policy");
        }
        Some(PolicyChange {
            at: at?,
            policy: policy?,
        })
    });
    let mut changes: Vec<PolicyChange> = changes.into_iter().flatten().collect();
    changes.sort_by_key(|c| c.at);
    changes
}

pub(super) fn log_groups(
    r: &mut Reader<'_>,
    home: &Home<'_>,
    keys: &IndexMap<String, KmsKeySettings>,
) -> IndexMap<String, LogGroup> {
    complete(r.tables("log_group", |_, r| {
        let account = home.account(r, "account");
        let region = home.region(r, account.as_deref());
        let key = r.required_reference("key", keys.keys().map(String::as_str));
        let associated_at = r.optional_in("associated_at", ..=LATEST);
        let log_streams = r.or_in("log_streams", 1, 1..=1_000_000);
        let incoming_bytes_per_second = r.required("incoming_bytes_per_second");
        let queries = positive(r, "queries", "queries that never come");
        let most = MOST_DATA_KEYS;
        let data_keys_per_query = r.optional_in("data_keys_per_query", 1..=most);
        if queries.is_some() && data_keys_per_query.is_none() && log_streams > most {
            r.fault(
                Code::NoDefault,
                r.place_of("log_streams"),
                format!("each query would read the present data keys of {log_streams} log streams, more than {most}"),
                "write `data_keys_per_query = …`: how many data keys a query's log events are under",
            );
        }
        if queries.is_none() && r.has("data_keys_per_query") && !r.has("queries") {
            r.fault(
                Code::Contradiction,
                r.place_of("data_keys_per_query"),
                format!("`{}` has no effect: nobody queries", r.path_of("data_keys_per_query")),
                "write `queries = \"…/min\"`, or drop it",
            );
        }
        let per_query = data_keys_per_query.unwrap_or(log_streams.min(most));
        if let Some(rate) = queries
            && rate.per_second() * f64::from(per_query) > MOST_PER_SECOND
        {
            r.fault(
                Code::OutOfRange,
                r.place_of("queries"),
                format!(
                    "`{}` is {rate}: with {per_query} data keys each, more than {MOST_PER_SECOND} KMS calls a second",
                    r.path_of("queries")
                ),
                "lower `queries`, or `data_keys_per_query`",
            );
        }
        let (key, account, region) = (key?, account?, region?);
        if let Some(k) = keys.get(&key) {
            let fault = if k.managed_by != ManagedBy::Customer {
                Some(("a log group takes customer-managed keys only".to_owned(), "drop the key's `managed_by`, or name another key"))
            } else if k.spec != KeySpec::SymmetricDefault {
                Some((format!("CloudWatch Logs encrypts with symmetric keys only; this key is {}", k.spec.name()), "name a key with `spec = \"SYMMETRIC_DEFAULT\"`"))
            } else if k.region != region {
                Some((format!("the log group is in {region}, its key in {}", k.region), "CloudWatch Logs takes keys of the log group's own Region"))
            } else {
                None
            };
            if let Some((message, help)) = fault {
                r.fault(Code::Contradiction, r.place_of("key"), message, help);
            }
        }
        Some(LogGroup {
            account,
            region,
            key,
            associated_at: associated_at.unwrap_or(Span::ZERO),
            log_streams,
            incoming_bytes_per_second: incoming_bytes_per_second?,
            queries,
            data_keys_per_query: per_query,
            place: r.place(),
        })
    }))
}

/// Most KMS calls in a second, as of any other workload's requests.
const MOST_PER_SECOND: f64 = 1e9;

/// Most KMS calls that one query can make here.
const MOST_DATA_KEYS: u32 = 10_000;

pub(super) fn buckets(
    r: &mut Reader<'_>,
    home: &Home<'_>,
    keys: &IndexMap<String, KmsKeySettings>,
) -> IndexMap<String, BucketSettings> {
    complete(r.tables("bucket", |_, r| {
        let account = home.account(r, "account");
        let region = home.region(r, account.as_deref());
        let key = r.name_among("key", keys);
        let encryption = r.reference("encryption", ["SSE-S3", "SSE-KMS", "DSSE-KMS", "SSE-C"]);
        let bucket_key = r.or("bucket_key", false);
        let bucket_key_since = r.or("bucket_key_since", Span::ZERO);
        let older_objects = r.or("older_objects", Share::ZERO);
        let archived_bucket_keys = r.optional_in("archived_bucket_keys", 1..=10_000_000);
        let archive_age = age(r, "archive_age");
        let prefixes = r.optional_in("prefixes", PREFIXES);
        let kind = match r
            .reference("kind", ["general-purpose", "directory"])
            .as_deref()
        {
            Some("directory") => BucketKind::Directory,
            _ => BucketKind::GeneralPurpose,
        };
        if r.has("archived_bucket_keys") && r.has("archive_age") {
            r.fault(
                Code::Contradiction,
                r.place_of("archive_age"),
                format!(
                    "`{}` gives both the number of bucket keys behind its objects and the objects' age",
                    r.path()
                ),
                "keep one of `archived_bucket_keys` and `archive_age`",
            );
        }
        if kind == BucketKind::Directory {
            for key in [
                "bucket_key",
                "bucket_key_since",
                "older_objects",
                "archived_bucket_keys",
                "archive_age",
            ] {
                if r.has(key) {
                    r.fault(
                        Code::Contradiction,
                        r.place_of(key),
                        format!("`{}` has no effect: in a directory bucket bucket keys are always on, and a session's key serves all objects", r.path_of(key)),
                        "drop it, or `kind`",
                    );
                }
            }
        }
        if kind == BucketKind::Directory && r.has("prefixes") {
            r.fault(
                Code::Contradiction,
                r.place_of("prefixes"),
                format!("`{}` has no effect: S3 limits the requests of a directory bucket by other rules than by prefix", r.path_of("prefixes")),
                "drop it, or `kind`",
            );
        }
        let policy = PolicySettings::read(r, "policy", Kind::Bucket, home.files);
        let encryption = match encryption.as_deref() {
            Some("SSE-S3") => Encryption::SseS3,
            Some("SSE-KMS") => Encryption::SseKms,
            Some("DSSE-KMS") => Encryption::DsseKms,
            Some("SSE-C") => Encryption::SseC,
            _ if key.is_some() => Encryption::SseKms,
            _ => Encryption::SseS3,
        };
        let (account, region) = (account?, region?);
        let uses_kms = matches!(encryption, Encryption::SseKms | Encryption::DsseKms);
        let key_settings = key.as_ref().and_then(|k| keys.get(k));
        if uses_kms && !r.has("key") {
            r.fault(
                Code::MissingKey,
                r.place_of("encryption"),
                format!("`{}` is encrypted with KMS but names no key", r.path()),
                "write `key = \"NAME\"` of a [key.NAME] of this file",
            );
        }
        if !uses_kms && key.is_some() {
            r.fault(
                Code::Contradiction,
                r.place_of("key"),
                "a bucket whose objects are not encrypted with KMS has no KMS key",
                "drop `key`, or write `encryption = \"SSE-KMS\"`",
            );
        }
        if kind == BucketKind::Directory
            && !matches!(encryption, Encryption::SseS3 | Encryption::SseKms)
        {
            r.fault(
                Code::Contradiction,
                r.place_of("encryption"),
                "a directory bucket encrypts with SSE-S3 or SSE-KMS only",
                "write one of these, or drop `kind`",
            );
        }
        if bucket_key && encryption != Encryption::SseKms {
            r.fault(
                Code::Contradiction,
                r.place_of("bucket_key"),
                "S3 Bucket Keys work with SSE-KMS only (not with DSSE-KMS, SSE-S3 or SSE-C)",
                "drop `bucket_key`, or write `encryption = \"SSE-KMS\"`",
            );
        }
        if let Some(k) = key_settings {
            if k.spec != KeySpec::SymmetricDefault {
                r.fault(
                    Code::ImpossibleOperation,
                    r.place_of("key"),
                    format!(
                        "S3 encrypts with symmetric keys only; this key is {}",
                        k.spec.name()
                    ),
                    "name a key with `spec = \"SYMMETRIC_DEFAULT\"`",
                );
            }
            if k.region != region {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key"),
                    format!("the bucket is in {region}, its key in {}", k.region),
                    "S3 takes keys of the bucket's own Region",
                );
            }
        }
        Some(BucketSettings {
            account,
            region,
            encryption,
            key,
            kind,
            bucket_key,
            bucket_key_since,
            older_objects,
            archived_bucket_keys,
            archive_age,
            prefixes,
            policy,
            place: r.place(),
        })
    }))
}

/// Ages of objects under `key`.
fn age(r: &mut Reader<'_>, key: &str) -> Option<AgeSettings> {
    let span = Span::from_ns(1)..=LATEST;
    r.choice(key, &["uniform", "lognormal"], |tag, r| {
        if tag == "uniform" {
            let longest = r.required_in("longest", span)?;
            return Some(AgeSettings::Uniform { longest });
        }
        let median = r.required_in("median", span);
        let sigma = r.required_in("sigma", 0.0..=3.0);
        Some(AgeSettings::Lognormal {
            median: median?,
            sigma: sigma?,
        })
    })
    .flatten()
}

pub(super) fn requesters(r: &mut Reader<'_>, home: &Home<'_>) -> IndexMap<String, Requester> {
    complete(r.tables("requester", |name, r| {
        let account = home.account(r, "account");
        let role = r.or("role", name.to_owned());
        let session_policy = r.optional("session_policy");
        let sessions = r.or_in("sessions", 1, 1..=100_000);
        let access_revoked_at = r.optional_in("access_revoked_at", ..=LATEST);
        let files = home.files;
        let identity_policies =
            PolicySettings::read_all(r, "identity_policies", Kind::Identity, files);
        let permissions_boundary =
            PolicySettings::read(r, "permissions_boundary", Kind::Boundary, files);
        let session_policy_document =
            PolicySettings::read(r, "session_policy_document", Kind::Session, files);
        let account = account?;
        Some(Requester {
            principal: principal(r, home, &account),
            // Sessions under one document share bucket keys, those under another do not.
            session_policy: session_policy
                .or_else(|| session_policy_document.as_ref().map(|p| p.file.clone())),
            account,
            role,
            sessions,
            access_revoked_at,
            identity_policies,
            permissions_boundary,
            session_policy_document,
        })
    }))
}

/// A principal written out.
fn principal(r: &mut Reader<'_>, home: &Home<'_>, account: &str) -> Option<Principal> {
    let text: String = r.optional("principal")?;
    let principal = match text.parse::<Principal>() {
        Ok(principal) => principal,
        Err(fault) => {
            r.fault(
                Code::OutOfRange,
                r.place_of("principal"),
                format!("`{}`: {fault}", r.path_of("principal")),
                "write for example \"arn:aws:iam::111122223333:user/alice\" or \"logging.s3.amazonaws.com\"",
            );
            return None;
        }
    };
    let its = home.accounts.get(account).map_or("", |a| a.id.as_str());
    if let Some(written) = principal.account()
        && written != its
    {
        r.fault(
            Code::Contradiction,
            r.place_of("principal"),
            format!("the principal is of account {written}, the requester's account `{account}` is {its}"),
            format!("write `id = \"{written}\"` in `[account.{account}]`, or correct one of them"),
        );
    }
    if matches!(principal, Principal::Service(_)) && r.has("identity_policies") {
        r.fault(
            Code::Contradiction,
            r.place_of("identity_policies"),
            "an AWS service has no identity policies: resource policies let it in",
            "drop `identity_policies`",
        );
    }
    Some(principal)
}

pub(super) fn quotas(
    r: &mut Reader<'_>,
    home: &Home<'_>,
    stores: &IndexMap<String, KeyStore>,
) -> IndexMap<String, QuotaSettings> {
    let mut names: IndexMap<(String, String, String, Option<String>), String> = IndexMap::new();
    complete(r.tables("quota", |name, r| {
        let store = r.reference("store", stores.keys().map(String::as_str));
        let of_store = store.as_ref().and_then(|s| stores.get(s));
        let mut account = home.account(r, "account");
        let mut region = match of_store {
            Some(s) if !r.has("region") => Some(s.region.clone()),
            _ => home.region(r, account.as_deref()),
        };
        let ids = catalog::quotas()
            .iter()
            .flat_map(|q| q.code.as_deref().into_iter().chain([q.id.as_str()]));
        let code = if r.has("code") {
            r.reference("code", ids)
        } else {
            Some("symmetric".to_owned())
        };
        let limit = positive(r, "limit", NOBODY);
        let changes = r.list("changes", |_, r| {
            let at = r.required_in("at", ..=LATEST);
            let limit = positive(r, "limit", NOBODY);
            if !r.has("limit") {
                let _: Option<Rate> = r.required("limit");
            }
            Some(QuotaChange {
                at: at?,
                limit: limit?,
            })
        });
        let limiter = limiter(r);
        let mut changes: Vec<QuotaChange> = changes.into_iter().flatten().collect();
        changes.sort_by_key(|c| c.at);
        if let Some(s) = of_store {
            for (key, given, its) in [
                ("account", &account, &s.account),
                ("region", &region, &s.region),
            ] {
                if r.has(key)
                    && let Some(given) = given
                    && given != its
                {
                    r.fault(
                        Code::Contradiction,
                        r.place_of(key),
                        format!(
                            "`{}` is {given}, but its key store's is {its}",
                            r.path_of(key)
                        ),
                        format!("drop `{key}`: a store's quota lies where the store is"),
                    );
                }
            }
            account = Some(s.account.clone());
            region = Some(s.region.clone());
        }
        let (account, region) = (account?, region?);
        let row = catalog::quota_by_name(&code?)?;
        let default = match of_store {
            Some(s) => catalog::custom_key_store_quota(&s.kind),
            None => Some(row),
        }
        .and_then(|q| q.default_limit(&region));
        let limit = match limit {
            Some(limit) => Some(limit),
            None if r.has("limit") => None,
            None => {
                let limit = default.and_then(|l| Rate::new(l.num, l.den));
                if limit.is_none() {
                    r.fault(
                        Code::NoDefault,
                        r.place(),
                        format!("the catalog has no `{}` quota in {region}", row.id),
                        "write `limit = \"…/s\"`",
                    );
                }
                limit
            }
        };
        let given = limit.map(|l| ("limit", l));
        let limits = || {
            given
                .into_iter()
                .chain(changes.iter().map(|c| ("changes", c.limit)))
        };
        if let LimiterSettings::TokenBucket { .. } = limiter {
            if common_denominator(limits().map(|l| l.1)).is_none() {
                let alone = common_denominator(given.iter().map(|l| l.1)).is_none();
                let place = if alone { "limit" } else { "changes" };
                let shown: Vec<String> = limits().map(|l| l.1.to_string()).collect();
                r.fault(
                    Code::OutOfRange,
                    r.place_of(place),
                    format!(
                        "`{}`: a token bucket cannot hold {}: no common denominator up to 10⁹",
                        r.path(),
                        shown.join(", ")
                    ),
                    "round, best to whole numbers per second",
                );
            }
        } else {
            for (key, limit) in limits() {
                window(r, key, limit);
            }
        }
        let pool = (
            account.clone(),
            region.clone(),
            row.id.clone(),
            store.clone(),
        );
        if let Some(other) = names.insert(pool, name.to_owned()) {
            r.fault(
                Code::DuplicateName,
                r.place(),
                format!("`quota.{name}` and `quota.{other}` are the same quota"),
                "keep one of them",
            );
        }
        let code = row.code_or_id().to_owned();
        Some(QuotaSettings {
            account,
            region,
            code,
            store,
            limit: limit?,
            changes,
            limiter,
        })
    }))
}

/// A rate above zero; what it would be without.
fn positive(r: &mut Reader<'_>, key: &str, without: &str) -> Option<Rate> {
    let rate: Rate = r.optional(key)?;
    if rate.is_zero() {
        r.fault(
            Code::OutOfRange,
            r.place_of(key),
            format!("`{}` is {rate}: {without}", r.path_of(key)),
            "write a rate above 0",
        );
        return None;
    }
    Some(rate)
}

/// A window admits `num` in any `den` seconds: 33.3333/s would be 333,333 at once every three hours,
/// which nobody means.
fn window(r: &mut Reader<'_>, key: &str, limit: Rate) {
    let most = if limit.num() >= limit.den() {
        60
    } else {
        86_400
    };
    if limit.den() > most {
        r.fault(
            Code::OutOfRange,
            r.place_of(key),
            format!(
                "`{}`: {limit} is {} in windows of {} s, longer than the {most} s that such a limit can have",
                r.path_of(key),
                limit.num(),
                limit.den()
            ),
            "round, best to a whole number per second, or write `limiter = \"token-bucket\"`",
        );
    }
}

const NOBODY: &str = "a quota that admits nobody";

/// Latest change of a quota: the longest horizon.
const LATEST: Span = Span::from_secs(10 * 366 * 86_400);

/// Smallest number that every denominator divides, up to 10⁹: finer tokens do not fit the bucket.
fn common_denominator(mut limits: impl Iterator<Item = Rate>) -> Option<u64> {
    limits.try_fold(1_u64, |all, limit| {
        let (mut a, mut b) = (all, limit.den());
        while b > 0 {
            (a, b) = (b, a % b);
        }
        (all / a)
            .checked_mul(limit.den())
            .filter(|d| *d <= 1_000_000_000)
    })
}

fn limiter(r: &mut Reader<'_>) -> LimiterSettings {
    r.choice(
        "limiter",
        &["fixed-window", "sliding-window", "token-bucket"],
        |tag, r| match tag {
            "sliding-window" => LimiterSettings::SlidingWindow {},
            "token-bucket" => LimiterSettings::TokenBucket {
                burst: r.or_in("burst", 1.0, 0.001..=10_000.0),
            },
            _ => LimiterSettings::FixedWindow {},
        },
    )
    .unwrap_or(LimiterSettings::FixedWindow {})
}

pub(super) fn assumptions(r: &mut Reader<'_>) -> Assumptions {
    let bucket_key_lifetime = |r: &mut Reader<'_>| {
        let default = Span::from_secs(300);
        r.or_in("bucket_key_lifetime", default, Span::from_ns(1)..)
    };
    let read = |r: &mut Reader<'_>| Assumptions {
        bucket_key_lifetime: bucket_key_lifetime(r),
        bucket_key_write_lifetime: {
            let same = bucket_key_lifetime(r);
            r.or_in("bucket_key_write_lifetime", same, Span::from_ns(1)..)
        },
        bucket_key_renewal: match r
            .reference("bucket_key_renewal", ["fixed", "sliding"])
            .as_deref()
        {
            Some("sliding") => Renewal::Sliding,
            _ => Renewal::Fixed,
        },
        bucket_key_verification: r.or("bucket_key_verification", true),
        bucket_key_fanout: r.or_in("bucket_key_fanout", 2, 1..=1024),
        bucket_key_requester: match r
            .reference("bucket_key_requester", ["role", "session"])
            .as_deref()
        {
            Some("session") => RequesterRule::Session,
            _ => RequesterRule::Role,
        },
        bucket_key_single_flight: r.or("bucket_key_single_flight", false),
        kms_latency: LatencySettings::read(r, "kms_latency", 4, 0.5),
        s3_latency: LatencySettings::read(r, "s3_latency", 30, 0.5),
        throttled_latency: LatencySettings::read(r, "throttled_latency", 4, 0.0),
        retry_after: r.optional_in("retry_after", ..=Span::from_secs(86_400)),
        throttled_attempts_billed: r.or("throttled_attempts_billed", false),
        throttled_attempts_logged: r.or("throttled_attempts_logged", true),
        throttled_attempts_in_call_count: r.or("throttled_attempts_in_call_count", true),
        dsse_kms_calls: r.or_in("dsse_kms_calls", 1, 1..=2),
        denied_calls_consume_quota: r.or("denied_calls_consume_quota", true),
        encryption_condition: match r
            .reference("encryption_condition", ["header", "effective"])
            .as_deref()
        {
            Some("effective") => EncryptionCondition::Effective,
            _ => EncryptionCondition::Header,
        },
        log_group_association_delay: {
            let default = Span::from_secs(300);
            r.or_in("log_group_association_delay", default, ..=LATEST)
        },
        log_stream_data_key_lifetime: {
            let (key, default) = ("log_stream_data_key_lifetime", Span::from_secs(300));
            let lifetime = r.or_in(key, default, Span::from_secs(1)..=LATEST);
            if lifetime.whole_seconds().is_none() {
                r.fault(
                    Code::OutOfRange,
                    r.place_of(key),
                    format!(
                        "`{}` is {lifetime}, which is no whole number of seconds",
                        r.path_of(key)
                    ),
                    "time is cut into whole seconds",
                );
            }
            lifetime
        },
    };
    if r.has("assumption")
        && let Some(assumptions) = r.table("assumption", read)
    {
        return assumptions;
    }
    let empty = crate::input::document::Table::empty(r.place());
    crate::input::reader::Diagnostics::new().read(&empty, read)
}

pub(super) fn prices(r: &mut Reader<'_>) -> IndexMap<String, PriceSettings> {
    complete(r.tables("price", |item, r| {
        if !catalog::prices().iter().any(|p| p.item == item) {
            let known: Vec<&str> = catalog::prices().iter().map(|p| p.item.as_str()).collect();
            let near = crate::input::spelling::did_you_mean(item, known.iter().copied());
            let help = near.map_or_else(
                || format!("items: {}", known.join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            r.fault(
                Code::UnknownName,
                r.place(),
                format!("no price item is called `{item}`"),
                help,
            );
        }
        let region = region(r);
        let usd: Option<String> = r.required("usd");
        let per = r.or_in("per", 1, 1..=u64::MAX);
        if let Some(usd) = &usd
            && !catalog::decimal::exact(usd).is_ok_and(|v| v >= num_traits::Zero::zero())
        {
            r.fault(
                Code::BadUnit,
                r.place_of("usd"),
                format!("`{usd}` is no amount of dollars"),
                "write a decimal number of dollars as text, `usd = \"0.03\"`",
            );
        }
        Some(PriceSettings {
            region,
            usd: usd?,
            per,
        })
    }))
}

/// The tables that could be read in full; what is wrong with the others has been recorded.
pub(super) fn complete<T>(tables: IndexMap<String, Option<T>>) -> IndexMap<String, T> {
    tables
        .into_iter()
        .filter_map(|(name, table)| Some((name, table?)))
        .collect()
}
