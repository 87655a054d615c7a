//! For every key of the scenario language a scenario and an override after which a named part of the
//! results must differ. `tests/it/keys.rs` runs them; `tests/it/docs.rs` wants each key documented.

use kmsim::catalog::{KeySpec, KmsOperation, quota_for, retry_profiles, s3_operations};

/// An application over its quota, beside a calm one.
const APP: &str = r#"
horizon = "12s"
replications = 2
region = "us-east-1"
[account.main]
[account.other]
[key_store.h]
kind = "cloudhsm"
[key.k]
[key.k2]
[requester.r]
[requester.r2]
[quota.q]
limit = "40/s"
limiter = { token-bucket = { burst = 1 } }
changes = [{ at = "6s", limit = "60/s" }]
[retry.exponential]
initial_backoff = "50ms"
max_backoff = "80ms"
max_attempts = 3
[workload.w]
key = "k"
requester = "r"
clients = 2
operations = { Decrypt = 2, GenerateDataKey = 1 }
arrivals = { poisson = { rate = "50/s" } }
[workload.calm]
key = "k"
requester = "r"
clients = 1
operations = { Encrypt = 1 }
arrivals = { constant = { rate = "3/s" } }
"#;

/// A bucket with a bucket key.
const S3: &str = r#"
horizon = "12s"
replications = 2
region = "us-east-1"
[account.main]
[account.other]
[key.k]
[key.k2]
[bucket.b]
key = "k"
bucket_key = true
archived_bucket_keys = 4
[bucket.b2]
key = "k2"
bucket_key = true
archived_bucket_keys = 9
[requester.r]
role = "one"
[requester.r2]
role = "one"
[assumption]
bucket_key_lifetime = "4s"
[workload.w]
bucket = "b"
requester = "r"
clients = 3
operations = { GetObject = 3, PutObject = 1 }
arrivals = { poisson = { rate = "30/s" } }
popularity = { zipf = { objects = 9, exponent = 1.0 } }
[workload.w2]
bucket = "b"
requester = "r2"
clients = 3
operations = { GetObject = 1 }
arrivals = { poisson = { rate = "3/s" } }
"#;

/// [`S3`]'s bucket with an archive by age.
const BY_AGE: &str = r#"bucket.b={key="k",bucket_key=true,archive_age={uniform={longest="20s"}}}"#;

const BY_LOGNORMAL_AGE: &str =
    r#"bucket.b={key="k",bucket_key=true,archive_age={lognormal={median="9s",sigma=0.5}}}"#;

/// Jobs one after another: an upload, then a reader of what it wrote.
const JOBS: &str = r#"
horizon = "60s"
replications = 2
region = "us-east-1"
[key.k]
[quota.q]
limit = "30/s"
[retry.fixed]
delay = "100ms"
max_attempts = 4
[bucket.b]
key = "k"
bucket_key = true
archived_bucket_keys = 4
[bucket.plain]
[workload.w]
bucket = "b"
operations = { MultipartUpload = 1, CopyObject = 1 }
parts = 2
job = { workers = 5, objects = 40, think_time = { constant = { value = "10ms" } } }
[workload.reader]
bucket = "b"
after = "w"
operations = { GetObject = 1 }
job = { workers = 3, objects = 30 }
"#;

/// A data-key cache.
const CACHE: &str = r#"
horizon = "30s"
replications = 2
region = "us-east-1"
[key.k]
[workload.w]
key = "k"
clients = 2
operations = { GenerateDataKey = 1 }
arrivals = { poisson = { rate = "40/s" } }
popularity = { uniform = { objects = 6 } }
data_key_cache = { max_age = "10s", capacity = 5, max_messages = 50, max_bytes = "40 KiB" }
message_size = { lognormal = { median = "1 KiB", sigma = 0.5 } }
[workload.d]
key = "k"
clients = 2
operations = { Decrypt = 1 }
arrivals = { poisson = { rate = "20/s" } }
data_key_cache = { max_age = "10s", capacity = 5 }
encrypted_by = { producers = 3, messages_per_data_key = 10 }
"#;

/// Another workload of the same processes as [`CACHE`]'s `w`.
const BESIDE: &str = r#"workload.beside={key="k",clients=2,operations={GenerateDataKey=1},arrivals={poisson={rate="20/s"}},popularity={uniform={objects=6}},data_key_cache={max_age="10s",capacity=5}}"#;

/// A branch-key cache.
const BRANCH: &str = r#"
horizon = "40s"
replications = 2
region = "us-east-1"
[key.k]
[workload.w]
key = "k"
clients = 2
operations = { Decrypt = 1 }
arrivals = { poisson = { rate = "40/s" } }
popularity = { uniform = { objects = 6 } }
branch_key_cache = { ttl = "12s", cache = { default = { capacity = 4 } } }
"#;

/// Another workload of the same processes as [`BRANCH`]'s `w`.
const BESIDE_BRANCH: &str = r#"workload.beside={key="k",clients=2,operations={Decrypt=1},arrivals={poisson={rate="20/s"}},popularity={uniform={objects=6}},branch_key_cache={ttl="12s",cache={default={capacity=4}}}}"#;

const SLOW_KMS: &str = r#"assumption.kms_latency={constant={value="3s"}}"#;
/// A bucket and a key under policies, asked from within and from another account.
const ACCESS: &str = r#"
horizon = "10s"
replications = 2
region = "us-east-1"
[account.main]
[account.other]
[key.k]
[key.k2]
[bucket.b]
key = "k"
[requester.r]
[requester.far]
account = "other"
[workload.w]
bucket = "b"
requester = "r"
clients = 1
operations = { GetObject = 1, PutObject = 1 }
arrivals = { constant = { rate = "10/s" } }
[workload.far]
bucket = "b"
requester = "far"
clients = 1
operations = { ListObjects = 1 }
arrivals = { constant = { rate = "10/s" } }
"#;

/// A log group under a KMS key.
const LOGS: &str = r#"
horizon = "30s"
replications = 2
region = "us-east-1"
[account.main]
[account.other]
[key.k]
policy = "everybody.json"
[key.far]
policy = "everybody.json"
[log_group.g]
key = "k"
log_streams = 600
incoming_bytes_per_second = "1 MB"
queries = "1/s"
data_keys_per_query = 2
[workload.w]
key = "k"
clients = 1
operations = { Decrypt = 1 }
arrivals = { constant = { rate = "10/s" } }
"#;

/// Policy documents beside the scenarios: name and statement.
pub const POLICIES: [(&str, &str); 8] = [
    (
        "everybody.json",
        r#"{"Sid":"Everybody","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#,
    ),
    (
        "nobody.json",
        r#"{"Sid":"Nobody","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#,
    ),
    (
        "nothing.json",
        r#"{"Sid":"Nothing","Effect":"Deny","Action":"*","Resource":"*"}"#,
    ),
    (
        "for-111122223333.json",
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:sts::111122223333:assumed-role/r/r"},"Action":"*","Resource":"*"}"#,
    ),
    (
        "for-alice.json",
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"*","Resource":"*"}"#,
    ),
    (
        "for-team.json",
        r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"x"}}}"#,
    ),
    (
        "key-k.json",
        r#"{"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::b/w/*","arn:aws:kms:us-east-1:111122223333:key/k"]}"#,
    ),
    (
        "encryption-sent.json",
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}"#,
    ),
];

/// Every shape of arrivals takes the place of `workload.w`'s.
const FLOW: &str = r#"
horizon = "40s"
replications = 2
region = "us-east-1"
[key.k]
[workload.w]
key = "k"
clients = 1
operations = { Decrypt = 1 }
"#;

/// One key and what it changes.
pub struct Row {
    pub key: String,
    pub text: &'static str,
    /// Laid over the text for both runs.
    pub before: Vec<String>,
    /// The change.
    pub set: Vec<String>,
    /// Part of the results that must differ: a metric, or `bill`, `series`, `by_…`.
    pub differs: &'static str,
}

fn row(
    key: impl Into<String>,
    text: &'static str,
    before: &[&str],
    set: &[&str],
    differs: &'static str,
) -> Row {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    Row {
        key: key.into(),
        text,
        before: owned(before),
        set: owned(set),
        differs,
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        // The whole file.
        row("seed", APP, &[], &["seed=2"], "kms_attempts"),
        row(
            "replications",
            APP,
            &[],
            &["replications=3"],
            "kms_attempts",
        ),
        row("horizon", APP, &[], &["horizon=13s"], "kms_attempts"),
        row("warm_up", APP, &[], &["warm_up=3s"], "kms_attempts"),
        row(
            "start",
            FLOW,
            &[
                "horizon=1h",
                "workload.w.arrivals={diurnal={mean=1,peak=2}}",
            ],
            &["start=2026-01-05T12:00:00Z"],
            "kms_attempts",
        ),
        row("region", APP, &[], &["region=eu-west-1"], "by_quota"),
        // Accounts, stores, keys.
        row(
            "account.NAME.region",
            APP,
            &[],
            &["account.main.region=eu-west-1"],
            "by_quota",
        ),
        row(
            "account.NAME.trail_copies",
            APP,
            &[],
            &["account.main.trail_copies=3"],
            "cost_cloudtrail_usd",
        ),
        row(
            "account.NAME.trail_kms_events",
            APP,
            &[],
            &["account.main.trail_kms_events=false"],
            "cloudtrail_kms_copies",
        ),
        row(
            "account.NAME.trail_events",
            APP,
            &["account.main.trail_copies=3"],
            &["account.main.trail_events=write"],
            "cost_cloudtrail_usd",
        ),
        row(
            "account.NAME.trail_data_copies",
            S3,
            &[],
            &["account.main.trail_data_copies=1"],
            "cost_cloudtrail_usd",
        ),
        row(
            "key_store.NAME.account",
            APP,
            &["key.k.key_store=h"],
            &["key_store.h.account=other", "key.k.account=other"],
            "by_quota",
        ),
        row(
            "key_store.NAME.region",
            APP,
            &["key.k.key_store=h"],
            &["key_store.h.region=eu-west-1", "key.k.region=eu-west-1"],
            "by_quota",
        ),
        row(
            "key.NAME.account",
            APP,
            &[],
            &["key.k.account=other"],
            "bill",
        ),
        row(
            "key.NAME.region",
            APP,
            &[],
            &["key.k.region=eu-west-1"],
            "by_quota",
        ),
        row(
            "key.NAME.managed_by",
            APP,
            &[],
            &["key.k.managed_by=aws-owned"],
            "kms_calls",
        ),
        row(
            "key.NAME.spec",
            APP,
            &["workload.w.operations={Decrypt=1}"],
            &["key.k.spec=RSA_2048"],
            "by_quota",
        ),
        row(
            "key.NAME.key_store",
            APP,
            &[],
            &["key.k.key_store=h"],
            "by_quota",
        ),
        // Policies.
        row(
            "account.NAME.id",
            ACCESS,
            &["bucket.b.policy=for-111122223333.json"],
            &["account.main.id=999999999999"],
            "s3_requests_denied",
        ),
        row(
            "account.NAME.organization",
            ACCESS,
            &[
                "bucket.b.policy=nobody.json",
                "account.main.organization=o-1",
            ],
            &["account.other.organization=o-1"],
            "cost_s3_requests_usd",
        ),
        row(
            "account.NAME.service_control_policies",
            ACCESS,
            &[],
            &["account.other.service_control_policies=[\"nothing.json\"]"],
            "s3_requests_denied",
        ),
        row(
            "account.NAME.resource_control_policies",
            ACCESS,
            &[],
            &["account.main.resource_control_policies=[\"nobody.json\"]"],
            "s3_requests_denied",
        ),
        row(
            "key.NAME.id",
            ACCESS,
            &["requester.r.identity_policies=[\"key-k.json\"]"],
            &["key.k.id=other"],
            "s3_requests_denied",
        ),
        row(
            "key.NAME.policy",
            ACCESS,
            &[],
            &["key.k.policy=nobody.json"],
            "by_statement",
        ),
        row(
            "bucket.NAME.policy",
            ACCESS,
            &[],
            &["bucket.b.policy=nobody.json"],
            "by_statement",
        ),
        row(
            "requester.NAME.principal",
            ACCESS,
            &["bucket.b.policy=for-alice.json"],
            &["requester.r.principal=arn:aws:iam::111122223333:user/alice"],
            "s3_requests_denied",
        ),
        row(
            "requester.NAME.identity_policies",
            ACCESS,
            &[],
            &["requester.r.identity_policies=[]"],
            "s3_requests_denied",
        ),
        row(
            "requester.NAME.permissions_boundary",
            ACCESS,
            &[],
            &["requester.r.permissions_boundary=nothing.json"],
            "s3_requests_denied",
        ),
        row(
            "requester.NAME.session_policy_document",
            ACCESS,
            &[],
            &["requester.r.session_policy_document=nothing.json"],
            "s3_requests_denied",
        ),
        row(
            "workload.NAME.tls",
            ACCESS,
            &[],
            &["workload.w.tls=none"],
            "s3_requests_denied",
        ),
        row(
            "workload.NAME.encryption_header",
            ACCESS,
            &[],
            &["workload.w.encryption_header=AES256"],
            "kms_calls",
        ),
        row(
            "workload.NAME.encryption_header_key",
            ACCESS,
            &[
                "workload.w.encryption_header=aws:kms",
                "workload.w.encryption_header_key=k",
            ],
            &["workload.w.encryption_header_key=k2"],
            "by_key",
        ),
        row(
            "workload.NAME.object",
            ACCESS,
            &["requester.r.identity_policies=[\"key-k.json\"]"],
            &["workload.w.object=elsewhere"],
            "s3_requests_denied",
        ),
        row(
            "workload.NAME.context",
            ACCESS,
            &["bucket.b.policy=for-team.json"],
            &["workload.w.context={\"aws:PrincipalTag/team\"=\"x\"}"],
            "s3_requests_denied",
        ),
        row(
            "workload.NAME.requests_when_denied",
            ACCESS,
            &["workload.w.tls=none"],
            &["workload.w.requests_when_denied=3"],
            "s3_requests_denied",
        ),
        row(
            "assumption.denied_calls_consume_quota",
            ACCESS,
            &["key.k.policy=nobody.json"],
            &["assumption.denied_calls_consume_quota=false"],
            "kms_attempts",
        ),
        row(
            "assumption.encryption_condition",
            ACCESS,
            &["bucket.b.policy=encryption-sent.json"],
            &["assumption.encryption_condition=effective"],
            "s3_requests_denied",
        ),
        row(
            "threshold.NAME",
            APP,
            &["threshold.calls=kms_calls < 1"],
            &["threshold.calls=kms_calls < 2"],
            "thresholds",
        ),
        row(
            "workload.NAME.growth",
            APP,
            &[],
            &["workload.w.growth=1.5"],
            "kms_calls",
        ),
        // Buckets and requesters.
        row(
            "bucket.NAME.account",
            S3,
            &[],
            &["bucket.b.account=other"],
            "bill",
        ),
        row(
            "bucket.NAME.region",
            S3,
            &[],
            &["bucket.b.region=eu-west-1", "key.k.region=eu-west-1"],
            "bill",
        ),
        row(
            "bucket.NAME.encryption",
            S3,
            &["bucket.b={key=\"k\"}", "assumption.dsse_kms_calls=2"],
            &["bucket.b.encryption=DSSE-KMS"],
            "kms_calls",
        ),
        row("bucket.NAME.key", S3, &[], &["bucket.b.key=k2"], "by_key"),
        row(
            "bucket.NAME.bucket_key",
            S3,
            &[],
            &["bucket.b.bucket_key=false"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.bucket_key_since",
            S3,
            &[],
            &["bucket.b.bucket_key_since=8s"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.older_objects",
            S3,
            &[],
            &["bucket.b.older_objects=0.7"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.prefixes",
            S3,
            &[
                "bucket.b.prefixes=1",
                "workload.w.arrivals.poisson.rate=9000/s",
            ],
            &["bucket.b.prefixes=2"],
            "s3_throttled",
        ),
        row(
            "workload.NAME.prefixes",
            S3,
            &[
                "bucket.b.prefixes=1",
                "workload.w.arrivals.poisson.rate=9000/s",
            ],
            &["workload.w.prefixes=2"],
            "by_s3_request_rate",
        ),
        row(
            "bucket.NAME.archived_bucket_keys",
            S3,
            &["workload.w.popularity={uniform={objects=1000}}"],
            &["bucket.b.archived_bucket_keys=100"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.kind",
            S3,
            &["bucket.b={key=\"k\"}"],
            &["bucket.b.kind=directory"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.archive_age.uniform.longest",
            S3,
            &[BY_AGE],
            &["bucket.b.archive_age.uniform.longest=10m"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.archive_age.lognormal.median",
            S3,
            &[BY_LOGNORMAL_AGE],
            &["bucket.b.archive_age.lognormal.median=1h"],
            "kms_calls",
        ),
        row(
            "bucket.NAME.archive_age.lognormal.sigma",
            S3,
            &[BY_LOGNORMAL_AGE],
            &["bucket.b.archive_age.lognormal.sigma=3"],
            "kms_calls",
        ),
        row(
            "key.NAME.disabled_at",
            APP,
            &[],
            &["key.k.disabled_at=6s"],
            "s3_requests_failed_or_app",
        ),
        row(
            "key.NAME.pending_deletion_at",
            APP,
            &[],
            &["key.k.pending_deletion_at=6s"],
            "s3_requests_failed_or_app",
        ),
        row(
            "key.NAME.policy_changes[].at",
            ACCESS,
            &["key.k.policy_changes=[{at=\"6s\",policy=\"nobody.json\"}]"],
            &["key.k.policy_changes=[{at=\"3s\",policy=\"nobody.json\"}]"],
            "s3_requests_denied",
        ),
        row(
            "key.NAME.policy_changes[].policy",
            ACCESS,
            &["key.k.policy_changes=[{at=\"6s\",policy=\"nobody.json\"}]"],
            &["key.k.policy_changes=[{at=\"6s\",policy=\"everybody.json\"}]"],
            "s3_requests_denied",
        ),
        // Log groups.
        row(
            "log_group.NAME.account",
            LOGS,
            &[],
            &["log_group.g.account=other"],
            "bill",
        ),
        row(
            "log_group.NAME.region",
            LOGS,
            &["log_group.g.key=far"],
            &["log_group.g.region=eu-west-1", "key.far.region=eu-west-1"],
            "bill",
        ),
        row(
            "log_group.NAME.key",
            LOGS,
            &[],
            &["log_group.g.key=far"],
            "by_key",
        ),
        row(
            "log_group.NAME.associated_at",
            LOGS,
            &[],
            &["log_group.g.associated_at=9s"],
            "kms_calls",
        ),
        row(
            "log_group.NAME.log_streams",
            LOGS,
            &[],
            &["log_group.g.log_streams=90"],
            "kms_calls",
        ),
        row(
            "log_group.NAME.incoming_bytes_per_second",
            LOGS,
            &[],
            &["log_group.g.incoming_bytes_per_second=2 MB"],
            "cost_logs_usd",
        ),
        row(
            "log_group.NAME.queries",
            LOGS,
            &[],
            &["log_group.g.queries=9/s"],
            "kms_calls",
        ),
        row(
            "log_group.NAME.data_keys_per_query",
            LOGS,
            &[],
            &["log_group.g.data_keys_per_query=3"],
            "kms_calls",
        ),
        row(
            "assumption.log_group_association_delay",
            LOGS,
            &["log_group.g.associated_at=9s"],
            &["assumption.log_group_association_delay=4s"],
            "kms_calls",
        ),
        row(
            "assumption.log_stream_data_key_lifetime",
            LOGS,
            &[],
            &["assumption.log_stream_data_key_lifetime=4s"],
            "kms_calls",
        ),
        row(
            "requester.NAME.access_revoked_at",
            S3,
            &[],
            &["requester.r.access_revoked_at=6s"],
            "s3_requests_denied",
        ),
        row(
            "workload.NAME.bucket_key_header",
            S3,
            &[],
            &["workload.w.bucket_key_header=false"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_write_lifetime",
            S3,
            &[],
            &["assumption.bucket_key_write_lifetime=1s"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_renewal",
            S3,
            &[],
            &["assumption.bucket_key_renewal=sliding"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_verification",
            S3,
            &["workload.w.operations={MultipartUpload=1}"],
            &["assumption.bucket_key_verification=false"],
            "kms_calls",
        ),
        row(
            "requester.NAME.account",
            APP,
            &[],
            &["requester.r.account=other"],
            "by_quota",
        ),
        row(
            "requester.NAME.role",
            S3,
            &[],
            &["requester.r2.role=two"],
            "kms_calls",
        ),
        row(
            "requester.NAME.session_policy",
            S3,
            &[],
            &["requester.r2.session_policy=p"],
            "kms_calls",
        ),
        row(
            "requester.NAME.sessions",
            S3,
            &["assumption.bucket_key_requester=session"],
            &["requester.r.sessions=3"],
            "kms_calls",
        ),
        // Quotas.
        row(
            "quota.NAME.account",
            APP,
            &[],
            &["quota.q.account=other"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.region",
            APP,
            &[],
            &["quota.q.region=eu-west-1"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.code",
            APP,
            &[],
            &["quota.q.code=rsa"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.store",
            APP,
            &["key.k.key_store=h"],
            &["quota.q.store=h"],
            "by_quota",
        ),
        row(
            "quota.NAME.limit",
            APP,
            &[],
            &["quota.q.limit=45/s"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.changes[].at",
            APP,
            &[],
            &["quota.q.changes=[{at=\"9s\",limit=\"60/s\"}]"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.changes[].limit",
            APP,
            &[],
            &["quota.q.changes=[{at=\"6s\",limit=\"50/s\"}]"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.limiter.fixed-window",
            APP,
            &[],
            &["quota.q.limiter=fixed-window"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.limiter.sliding-window",
            APP,
            &["quota.q.limiter=fixed-window"],
            &["quota.q.limiter=sliding-window"],
            "kms_throttled",
        ),
        row(
            "quota.NAME.limiter.token-bucket.burst",
            APP,
            &[],
            &["quota.q.limiter.token-bucket.burst=3"],
            "kms_throttled",
        ),
        // What AWS does not document.
        row(
            "assumption.bucket_key_lifetime",
            S3,
            &[],
            &["assumption.bucket_key_lifetime=1s"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_fanout",
            S3,
            &[],
            &["assumption.bucket_key_fanout=5"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_single_flight",
            S3,
            &["assumption.kms_latency.constant.value=200ms"],
            &["assumption.bucket_key_single_flight=true"],
            "kms_calls",
        ),
        row(
            "assumption.bucket_key_requester",
            S3,
            &["requester.r.sessions=3"],
            &["assumption.bucket_key_requester=session"],
            "kms_calls",
        ),
        row(
            "assumption.retry_after",
            APP,
            &["retry={standard={}}"],
            &["assumption.retry_after=3s"],
            "kms_attempts_per_s_max",
        ),
        row(
            "assumption.throttled_attempts_billed",
            APP,
            &[],
            &["assumption.throttled_attempts_billed=true"],
            "bill",
        ),
        row(
            "assumption.throttled_attempts_logged",
            APP,
            &[],
            &["assumption.throttled_attempts_logged=false"],
            "cloudtrail_kms_events",
        ),
        row(
            "assumption.throttled_attempts_in_call_count",
            APP,
            &[],
            &["assumption.throttled_attempts_in_call_count=false"],
            "series",
        ),
        row(
            "assumption.dsse_kms_calls",
            S3,
            &["bucket.b={key=\"k\",encryption=\"DSSE-KMS\"}"],
            &["assumption.dsse_kms_calls=2"],
            "kms_calls",
        ),
        // Prices.
        row(
            "price.NAME.usd",
            APP,
            &["price.kms-keys.usd=\"1\""],
            &["price.kms-keys.usd=\"2\""],
            "cost_kms_keys_usd",
        ),
        row(
            "price.NAME.per",
            APP,
            &["price.kms-keys.usd=\"1\""],
            &["price.kms-keys.per=7"],
            "cost_kms_keys_usd",
        ),
        row(
            "price.NAME.region",
            APP,
            &["price.kms-keys.usd=\"2\""],
            &["price.kms-keys.region=eu-west-1"],
            "cost_kms_keys_usd",
        ),
        // Workloads.
        row(
            "workload.NAME.enabled",
            APP,
            &[],
            &["workload.calm.enabled=false"],
            "kms_calls",
        ),
        row(
            "workload.NAME.bucket",
            S3,
            &[],
            &["workload.w.bucket=b2"],
            "by_bucket",
        ),
        row(
            "workload.NAME.key",
            APP,
            &[],
            &["workload.w.key=k2"],
            "by_key",
        ),
        row(
            "workload.NAME.requester",
            APP,
            &[],
            &["workload.w.requester=r2"],
            "by_requester",
        ),
        row(
            "workload.NAME.clients",
            APP,
            &["retry.exponential.retry_quota={capacity=20}"],
            &["workload.w.clients=20"],
            "s3_requests_failed_or_app",
        ),
        row(
            "workload.NAME.start",
            APP,
            &[],
            &["workload.w.start=4s"],
            "kms_calls",
        ),
        row(
            "workload.NAME.stop",
            APP,
            &[],
            &["workload.w.stop=4s"],
            "kms_calls",
        ),
        row(
            "workload.NAME.after",
            JOBS,
            &["bucket.b.older_objects=1.0"],
            &[
                "workload.reader.after=reader2",
                "workload.reader2={bucket=\"b\",operations={HeadObject=1},job={workers=1,objects=1},start=\"20s\"}",
            ],
            "series",
        ),
        row(
            "workload.NAME.parts",
            JOBS,
            &[],
            &["workload.w.parts=5"],
            "s3_requests",
        ),
        row(
            "workload.NAME.copy_source",
            JOBS,
            &[],
            &["workload.w.copy_source=plain"],
            "kms_needs",
        ),
        row(
            "workload.NAME.reads",
            JOBS,
            &["bucket.b.older_objects=1.0"],
            &["workload.reader.reads=w"],
            "kms_calls",
        ),
        row(
            "workload.NAME.job.workers",
            JOBS,
            &[],
            &["workload.w.job.workers=2"],
            "job_completion_s",
        ),
        row(
            "workload.NAME.job.objects",
            JOBS,
            &[],
            &["workload.w.job.objects=50"],
            "s3_requests",
        ),
        // Data-key caches.
        row(
            "workload.NAME.data_key_cache.max_age",
            CACHE,
            &[],
            &["workload.w.data_key_cache.max_age=1s"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.capacity",
            CACHE,
            &[],
            &["workload.w.data_key_cache.capacity=2"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.max_messages",
            CACHE,
            &[],
            &["workload.w.data_key_cache.max_messages=3"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.max_bytes",
            CACHE,
            &[],
            &["workload.w.data_key_cache.max_bytes=4 KiB"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.single_flight",
            CACHE,
            &["assumption.kms_latency.constant.value=300ms"],
            &["workload.w.data_key_cache.single_flight=true"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.sdk",
            CACHE,
            &[],
            &["workload.w.data_key_cache.sdk=java"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.algorithm_suite",
            CACHE,
            &[],
            &["workload.w.data_key_cache.algorithm_suite=AES_128_GCM_IV12_TAG16"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.scope.client",
            CACHE,
            &["workload.w.data_key_cache.scope=invocation"],
            &["workload.w.data_key_cache.scope=client"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.scope.process.clients",
            CACHE,
            &["workload.w.data_key_cache.scope={process={clients=1}}"],
            &["workload.w.data_key_cache.scope.process.clients=2"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.scope.invocation.messages",
            CACHE,
            &["workload.w.data_key_cache.scope=invocation"],
            &["workload.w.data_key_cache.scope={invocation={messages=20}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.shared_with",
            CACHE,
            &[BESIDE],
            &["workload.beside.data_key_cache={shared_with=\"w\",max_age=\"10s\"}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.data_key_cache.partition",
            CACHE,
            &[
                BESIDE,
                "workload.beside.data_key_cache={shared_with=\"w\",max_age=\"10s\",partition=\"p\"}",
            ],
            &["workload.w.data_key_cache.partition=p"],
            "kms_calls",
        ),
        row(
            "workload.NAME.message_size.unknown",
            CACHE,
            &[],
            &["workload.w.message_size=unknown"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.ttl",
            BRANCH,
            &[],
            &["workload.w.branch_key_cache.ttl=5s"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.decryption.versions",
            BRANCH,
            &[],
            &["workload.w.branch_key_cache.decryption.versions=4"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.default.capacity",
            BRANCH,
            &[],
            &["workload.w.branch_key_cache.cache={default={capacity=2}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.multi-threaded.capacity",
            BRANCH,
            &[],
            &["workload.w.branch_key_cache.cache={multi-threaded={capacity=2}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.capacity",
            BRANCH,
            &[],
            &["workload.w.branch_key_cache.cache={storm-tracking={capacity=2}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.grace_period",
            BRANCH,
            &[
                "workload.w.branch_key_cache.cache={storm-tracking={grace_period=\"4s\",in_flight_ttl=\"2s\"}}",
            ],
            &["workload.w.branch_key_cache.cache.storm-tracking.grace_period=8s"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.grace_interval",
            BRANCH,
            &[SLOW_KMS],
            &["workload.w.branch_key_cache.cache={storm-tracking={grace_interval=\"2s\"}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.fan_out",
            BRANCH,
            &[SLOW_KMS],
            &["workload.w.branch_key_cache.cache={storm-tracking={fan_out=1}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.in_flight_ttl",
            BRANCH,
            &[SLOW_KMS],
            &["workload.w.branch_key_cache.cache={storm-tracking={in_flight_ttl=\"2s\"}}"],
            "app_requests_failed",
        ),
        row(
            "workload.NAME.branch_key_cache.cache.storm-tracking.sleep",
            BRANCH,
            &[
                SLOW_KMS,
                "workload.w.branch_key_cache.cache={storm-tracking={fan_out=1}}",
            ],
            &["workload.w.branch_key_cache.cache.storm-tracking.sleep=700ms"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.scope.client",
            BRANCH,
            &["workload.w.branch_key_cache.scope=invocation"],
            &["workload.w.branch_key_cache.scope=client"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.scope.process.clients",
            BRANCH,
            &["workload.w.branch_key_cache.scope={process={clients=1}}"],
            &["workload.w.branch_key_cache.scope.process.clients=2"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.scope.invocation.messages",
            BRANCH,
            &["workload.w.branch_key_cache.scope=invocation"],
            &["workload.w.branch_key_cache.scope={invocation={messages=20}}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.shared_with",
            BRANCH,
            &[BESIDE_BRANCH],
            &["workload.beside.branch_key_cache={shared_with=\"w\",ttl=\"12s\"}"],
            "kms_calls",
        ),
        row(
            "workload.NAME.branch_key_cache.partition",
            BRANCH,
            &[
                BESIDE_BRANCH,
                "workload.beside.branch_key_cache={shared_with=\"w\",ttl=\"12s\",partition=\"p\"}",
            ],
            &["workload.w.branch_key_cache.partition=p"],
            "kms_calls",
        ),
        row(
            "workload.NAME.message_size.lognormal.median",
            CACHE,
            &[],
            &["workload.w.message_size.lognormal.median=9 KiB"],
            "kms_calls",
        ),
        row(
            "workload.NAME.message_size.lognormal.sigma",
            CACHE,
            &[],
            &["workload.w.message_size.lognormal.sigma=2"],
            "kms_calls",
        ),
        row(
            "workload.NAME.message_size.constant.value",
            CACHE,
            &["workload.w.message_size={constant={value=\"1 KiB\"}}"],
            &["workload.w.message_size.constant.value=9 KiB"],
            "kms_calls",
        ),
        row(
            "workload.NAME.encrypted_by.producers",
            CACHE,
            &[],
            &["workload.d.encrypted_by.producers=9"],
            "kms_calls",
        ),
        row(
            "workload.NAME.encrypted_by.messages_per_data_key",
            CACHE,
            &[],
            &["workload.d.encrypted_by.messages_per_data_key=2"],
            "kms_calls",
        ),
        row(
            "workload.NAME.popularity.uniform.objects",
            CACHE,
            &[],
            &["workload.w.popularity.uniform.objects=50"],
            "kms_calls",
        ),
        row(
            "workload.NAME.popularity.zipf.objects",
            S3,
            &["bucket.b.archived_bucket_keys=1000"],
            &["workload.w.popularity.zipf.objects=900"],
            "kms_calls",
        ),
        row(
            "workload.NAME.popularity.zipf.exponent",
            S3,
            &[
                "bucket.b.archived_bucket_keys=1000",
                "workload.w.popularity.zipf.objects=900",
            ],
            &["workload.w.popularity.zipf.exponent=3"],
            "kms_calls",
        ),
    ];
    // Arrivals: (alternative, the whole of it, key inside, its other value).
    for (kind, whole, key, value) in [
        ("constant", "rate=5", "rate", "6"),
        ("poisson", "rate=5", "rate", "6"),
        ("diurnal", "mean=5,peak=9", "mean", "6"),
        ("diurnal", "mean=5,peak=6", "peak", "9"),
        ("diurnal", "mean=5,peak=9", "peak_at", "08:00"),
        ("diurnal", "mean=5,peak=9", "weekly", "[3,1,1,1,1,1,1]"),
        (
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "on",
            "20",
        ),
        (
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "off",
            "4",
        ),
        (
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "mean_on",
            "9s",
        ),
        (
            "on-off",
            "on=9,off=1,mean_on=\"3s\",mean_off=\"3s\"",
            "mean_off",
            "9s",
        ),
        (
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "base",
            "2",
        ),
        (
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "peak",
            "20",
        ),
        (
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "at",
            "35s",
        ),
        (
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "rise",
            "20s",
        ),
        (
            "flash-crowd",
            "base=1,peak=9,at=\"9s\",rise=\"3s\",decay=\"5s\"",
            "decay",
            "30s",
        ),
        (
            "piecewise-linear",
            "points=[{at=\"0s\",rate=1},{at=\"20s\",rate=9}]",
            "every",
            "20s",
        ),
    ] {
        let before = format!("workload.w.arrivals={{{kind}={{{whole}}}}}");
        let set = format!("workload.w.arrivals.{kind}.{key}={value}");
        rows.push(row(
            format!("workload.NAME.arrivals.{kind}.{key}"),
            FLOW,
            &[&before],
            &[&set],
            "kms_calls",
        ));
    }
    let points = |a: &str, b: &str| {
        format!(
            "workload.w.arrivals={{piecewise-linear={{points=[{{at=\"0s\",rate=1}},{{at=\"{a}\",rate={b}}}]}}}}"
        )
    };
    for (key, a, b) in [("at", "30s", "9"), ("rate", "20s", "5")] {
        rows.push(row(
            format!("workload.NAME.arrivals.piecewise-linear.points[].{key}"),
            FLOW,
            &[&points("20s", "9")],
            &[&points(a, b)],
            "kms_calls",
        ));
    }
    for (key, value) in [
        ("file", "other.csv"),
        ("time_scale", "0.1"),
        ("rate_scale", "3"),
        ("repeat", "true"),
    ] {
        rows.push(row(
            format!("workload.NAME.trace.{key}"),
            FLOW,
            &["workload.w.trace={file=\"trace.csv\"}"],
            &[&format!("workload.w.trace.{key}={value}")],
            if key == "time_scale" {
                "series"
            } else {
                "kms_calls"
            },
        ));
    }
    // Latencies: of KMS and S3 they show in how long a job takes, of throttling in its retries.
    for (path, key) in [
        ("assumption.kms_latency", "assumption.kms_latency"),
        ("assumption.s3_latency", "assumption.s3_latency"),
        (
            "assumption.throttled_latency",
            "assumption.throttled_latency",
        ),
        ("workload.w.job.think_time", "workload.NAME.job.think_time"),
    ] {
        for (inside, whole, value) in [
            ("constant.value", "{constant={value=\"10ms\"}}", "70ms"),
            (
                "lognormal.median",
                "{lognormal={median=\"10ms\",sigma=0.5}}",
                "70ms",
            ),
            (
                "lognormal.sigma",
                "{lognormal={median=\"10ms\",sigma=0.5}}",
                "1.5",
            ),
        ] {
            rows.push(row(
                format!("{key}.{inside}"),
                JOBS,
                &["bucket.b.bucket_key=false", &format!("{path}={whole}")],
                &[&format!("{path}.{inside}={value}")],
                "job_completion_s",
            ));
        }
    }
    // Retries, for the whole file and for one workload.
    for (path, key) in [
        ("retry", "retry"),
        ("workload.w.retry", "workload.NAME.retry"),
    ] {
        let mut add = |inside: &str, before: &str, set: &str| {
            rows.push(row(
                format!("{key}.{inside}"),
                APP,
                &[&format!("{path}={before}")],
                &[&format!("{path}{set}")],
                "kms_attempts",
            ));
        };
        add("none", "{fixed={delay=\"50ms\",max_attempts=3}}", "=none");
        add(
            "fixed.delay",
            "{fixed={delay=\"50ms\",max_attempts=3}}",
            ".fixed.delay=900ms",
        );
        add(
            "fixed.max_attempts",
            "{fixed={delay=\"50ms\",max_attempts=3}}",
            ".fixed.max_attempts=5",
        );
        let exponential = "{exponential={initial_backoff=\"50ms\",max_attempts=5}}";
        add(
            "exponential.initial_backoff",
            exponential,
            ".exponential.initial_backoff=900ms",
        );
        add(
            "exponential.max_backoff",
            exponential,
            ".exponential.max_backoff=60ms",
        );
        add(
            "exponential.max_attempts",
            exponential,
            ".exponential.max_attempts=2",
        );
        add(
            "exponential.jitter",
            exponential,
            ".exponential.jitter=none",
        );
        for kind in ["fixed", "exponential"] {
            let delay = if kind == "fixed" {
                "delay"
            } else {
                "initial_backoff"
            };
            let with = format!(
                "{{{kind}={{{delay}=\"50ms\",max_attempts=5,retry_quota={{capacity=20,throttling_cost=3,success_refund=1}}}}}}"
            );
            for (inside, value) in [
                ("capacity", "90"),
                ("throttling_cost", "9"),
                ("success_refund", "5"),
                ("shared", "true"),
            ] {
                let inside = format!("{kind}.retry_quota.{inside}");
                add(&inside, &with, &format!(".{inside}={value}"));
            }
            let guarded =
                |guard: &str| format!("{{{kind}={{{delay}=\"50ms\",max_attempts=5,{guard}}}}}");
            let bucket = guarded("retry_token_bucket={capacity=4}");
            for (inside, value) in [
                ("capacity", "9"),
                ("success_deposit", "0.3"),
                ("shared", "true"),
            ] {
                let inside = format!("{kind}.retry_token_bucket.{inside}");
                add(&inside, &bucket, &format!(".{inside}={value}"));
            }
            let breaker = guarded("circuit_breaker={open_time=\"300ms\"}");
            for (inside, value) in [
                ("open_time", "900ms"),
                ("failure_threshold", "0.3"),
                ("window", "4"),
                ("blocks", "retries"),
            ] {
                let inside = format!("{kind}.circuit_breaker.{inside}");
                add(&inside, &breaker, &format!(".{inside}={value}"));
            }
        }
        for profile in retry_profiles() {
            for name in profile.aliases.iter().chain([&profile.id]) {
                let quoted = format!("\"{name}\"");
                // As a key it needs quotes where it has a point.
                let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                let as_key = if bare { name } else { &quoted };
                // More is asked for than the retry quota of one client pays for, by clients enough that a
                // rate limiter does not prevent it.
                let before = [
                    format!("{path}={{{as_key}={{}}}}"),
                    "quota.q={limit=\"5/s\"}".to_owned(),
                    "workload.w.clients=60".to_owned(),
                    "workload.w.arrivals={poisson={rate=\"90/s\"}}".to_owned(),
                ];
                let before = before.each_ref().map(String::as_str);
                let mut add = |inside: &str, value: &str| {
                    rows.push(row(
                        format!("{key}.{name}.{inside}"),
                        APP,
                        &before,
                        &[&format!("{path}.{as_key}.{inside}={value}")],
                        "kms_attempts",
                    ));
                };
                add("max_attempts", "2");
                if profile.retry_quota.is_some() {
                    add("retry_quota.shared", "true");
                }
            }
        }
    }
    // Operations, each in the place of another.
    for &operation in KmsOperation::ALL {
        let spec = KeySpec::ALL
            .iter()
            .find(|s| quota_for(operation, **s).is_some());
        let spec = spec.unwrap_or_else(|| panic!("no key for {}", operation.name()));
        let other = KmsOperation::ALL
            .iter()
            .find(|o| **o != operation && quota_for(**o, *spec).is_some())
            .expect("another operation");
        let name = operation.name();
        rows.push(row(
            format!("workload.NAME.operations.{name}"),
            FLOW,
            &[
                &format!("key.k.spec={}", spec.name()),
                "workload.w.arrivals={constant={rate=5}}",
                &format!("workload.w.operations={{{}=1}}", other.name()),
            ],
            &[&format!("workload.w.operations.{name}=1")],
            "by_operation",
        ));
    }
    for operation in s3_operations()
        .iter()
        .map(|o| o.id.as_str())
        .chain(["MultipartUpload"])
    {
        let other = if operation == "HeadBucket" || operation == "HeadObject" {
            "GetObject"
        } else {
            "HeadObject"
        };
        rows.push(row(
            format!("workload.NAME.operations.{operation}"),
            S3,
            &[
                &format!("workload.w.operations={{{other}=1}}"),
                "workload.w2.enabled=false",
            ],
            &[&format!("workload.w.operations.{operation}=1")],
            "by_operation",
        ));
    }
    rows
}
