//! The scenarios that the tables of keys change, and the files beside them.

/// An application over its quota, beside a calm one.
pub(crate) const APP: &str = r#"
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
pub(crate) const S3: &str = r#"
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
popularity = { uniform = { objects = 9 } }
"#;

/// Jobs one after another: an upload, then a reader of what it wrote.
pub(crate) const JOBS: &str = r#"
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
popularity = { uniform = { objects = 30 } }
parts = 2
job = { workers = 5, objects = 40, think_time = { constant = { value = "10ms" } } }
[workload.reader]
bucket = "b"
after = "w"
operations = { GetObject = 1 }
object = "one"
job = { workers = 3, objects = 30 }
"#;

/// A data-key cache.
pub(crate) const CACHE: &str = r#"
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

/// A bucket and a key under policies, asked from within and from another account.
pub(crate) const ACCESS: &str = r#"
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
pub(crate) const LOGS: &str = r#"
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

/// A fleet in groups, whose things are like others.
pub(crate) const FLEET: &str = r#"
horizon = "12s"
replications = 2
region = "us-east-1"
[account.main]
[account.other]
[key.k]
disabled_at = "6s"
[key.k2]
[key.logs]
policy = "everybody.json"
[requester.r]
access_revoked_at = "6s"
[requester.r2]
[bucket.b]
key = "k2"
[bucket.b2]
[log_group.l]
key = "logs"
incoming_bytes_per_second = "1 MB"
queries = "1/s"
[log_group.l2]
key = "logs"
incoming_bytes_per_second = "1 MB"
[workload.w]
key = "k2"
requester = "r2"
clients = 1
operations = { Decrypt = 1 }
arrivals = { constant = { rate = "10/s" } }
growth = 2
[workload.w2]
key = "k2"
requester = "r2"
clients = 1
operations = { Decrypt = 1 }
arrivals = { constant = { rate = "7/s" } }
[workload.writes]
bucket = "b2"
requester = "r2"
clients = 1
operations = { PutObject = 1 }
arrivals = { constant = { rate = "3/s" } }
[group.g]
buckets = ["b"]
keys = ["k"]
requesters = ["r"]
workloads = ["w"]
log_groups = ["l"]
[variant.a]
[variant.z.key.k2]
disabled_at = "3s"
"#;

/// Tables of things, and others of the same.
pub(crate) const INVENTORIES: [(&str, &str); 10] = [
    ("buckets.csv", "name,key\nb2,k2\n"),
    ("buckets2.csv", "name,encryption\nb2,SSE-S3\n"),
    ("keys.csv", "name,pending_deletion_at\nk2,5s\n"),
    ("keys2.csv", "name,pending_deletion_at\nk2,9s\n"),
    ("workloads.csv", "name,growth\nw2,2\n"),
    ("workloads2.csv", "name,growth\nw2,3\n"),
    ("requesters.csv", "name,access_revoked_at\nr2,4s\n"),
    ("requesters2.csv", "name,access_revoked_at\nr2,8s\n"),
    ("log_groups.csv", "name,queries\nl2,2/s\n"),
    ("log_groups2.csv", "name,queries\nl2,5/s\n"),
];

/// Every shape of arrivals takes the place of `workload.w`'s.
pub(crate) const FLOW: &str = r#"
horizon = "40s"
replications = 2
region = "us-east-1"
[key.k]
[workload.w]
key = "k"
clients = 1
operations = { Decrypt = 1 }
"#;

/// Where a retry policy may stand: its path in [`APP`], and as a key.
pub(crate) const RETRY: [(&str, &str); 2] = [
    ("retry", "retry"),
    ("workload.w.retry", "workload.NAME.retry"),
];

/// Policy documents beside the scenarios: name and statement.
pub(super) const POLICIES: [(&str, &str); 11] = [
    (
        "queue-q.json",
        r#"{"Effect":"Allow","Action":["sqs:*","kms:*"],"Resource":["arn:aws:sqs:*:*:q","arn:aws:kms:*:*:key/*"]}"#,
    ),
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
        "no-deletes.json",
        r#"{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}"#,
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
        "by-alias.json",
        r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/a*"}}}]"#,
    ),
    (
        "encryption-sent.json",
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}"#,
    ),
];
