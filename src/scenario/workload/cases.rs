//! `[workload.NAME]`, but for the keys that the model reads: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, APP, CACHE, Cases, FLOW, JOBS, S3};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "workload.NAME.tls",
        ACCESS,
        &[],
        &["workload.w.tls=none"],
        "s3_requests_denied",
    );
    cases.key(
        "workload.NAME.encryption_header",
        ACCESS,
        &[],
        &["workload.w.encryption_header=AES256"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.encryption_header_key",
        ACCESS,
        &[
            "workload.w.encryption_header=aws:kms",
            "workload.w.encryption_header_key=k",
        ],
        &["workload.w.encryption_header_key=k2"],
        "by_key",
    );
    cases.key(
        "workload.NAME.object",
        ACCESS,
        &["requester.r.identity_policies=[\"key-k.json\"]"],
        &["workload.w.object=elsewhere"],
        "s3_requests_denied",
    );
    cases.key(
        "workload.NAME.context",
        ACCESS,
        &["bucket.b.policy=for-team.json"],
        &["workload.w.context={\"aws:PrincipalTag/team\"=\"x\"}"],
        "s3_requests_denied",
    );
    cases.key(
        "workload.NAME.requests_when_denied",
        ACCESS,
        &["workload.w.tls=none"],
        &["workload.w.requests_when_denied=3"],
        "s3_requests_denied",
    );
    cases.key(
        "workload.NAME.on_failure",
        S3,
        &[
            "workload.w.operations={MultipartUpload=1}",
            "retry={none={}}",
            "quota.q={limit=\"100/s\"}",
        ],
        &["workload.w.on_failure=fail-upload"],
        "objects_failed",
    );
    cases.broken(
        Code::Contradiction,
        "parts = 3",
        "parts = 3\non_failure = \"fail-upload\"",
        "\"fail-upload\"",
        &["beside `job`", "`job.on_failure`"],
    );
    cases.key(
        "workload.NAME.prefixes",
        S3,
        &[
            "bucket.b.prefixes=1",
            "workload.w.arrivals.poisson.rate=9000/s",
        ],
        &["workload.w.prefixes=2"],
        "by_s3_request_rate",
    );
    cases.key(
        "workload.NAME.bucket_key_header",
        S3,
        &[],
        &["workload.w.bucket_key_header=false"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.enabled",
        APP,
        &[],
        &["workload.calm.enabled=false"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.bucket",
        S3,
        &[],
        &["workload.w.bucket=b2"],
        "by_bucket",
    );
    cases.key(
        "workload.NAME.key",
        APP,
        &[],
        &["workload.w.key=k2"],
        "by_key",
    );
    cases.key(
        "workload.NAME.requester",
        APP,
        &[],
        &["workload.w.requester=r2"],
        "by_requester",
    );
    cases.key(
        "workload.NAME.clients",
        APP,
        &["retry.exponential.retry_quota={capacity=20}"],
        &["workload.w.clients=20"],
        "s3_requests_failed_or_app",
    );
    cases.key(
        "workload.NAME.start",
        APP,
        &[],
        &["workload.w.start=4s"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.stop",
        APP,
        &[],
        &["workload.w.stop=4s"],
        "kms_calls",
    );
    cases.key("workload.NAME.after",
            JOBS,
            &["bucket.b.older_objects=1.0"],
            &[
                "workload.reader.after=reader2",
                "workload.reader2={bucket=\"b\",operations={HeadObject=1},job={workers=1,objects=1},start=\"20s\"}",
            ],
            "series");
    cases.key(
        "workload.NAME.parts",
        JOBS,
        &[],
        &["workload.w.parts=5"],
        "s3_requests",
    );
    cases.key(
        "workload.NAME.copy_source",
        JOBS,
        &[],
        &["workload.w.copy_source=plain"],
        "kms_needs",
    );
    cases.key(
        "workload.NAME.storage_class",
        S3,
        &[],
        &["workload.w.storage_class=STANDARD_IA"],
        "bill",
    );
    cases.key(
        "workload.NAME.transition_to",
        S3,
        &[
            "workload.w.operations={LifecycleTransition=1}",
            "workload.w.transition_to=GLACIER",
        ],
        &["workload.w.transition_to=DEEP_ARCHIVE"],
        "bill",
    );
    cases.key(
        "workload.NAME.reads",
        JOBS,
        &["bucket.b.older_objects=1.0"],
        &["workload.reader.reads=w"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.key_pair_spec",
        FLOW,
        &[
            "workload.w.arrivals={constant={rate=5}}",
            "workload.w.operations={GenerateDataKeyPair=1}",
            "workload.w.key_pair_spec=RSA_2048",
        ],
        &["workload.w.key_pair_spec=ECC_NIST_P256"],
        "by_quota",
    );
    cases.broken(
        Code::ImpossibleOperation,
        "[workload.",
        "[workload.pairs]\nkey = \"rsa\"\nrequester = \"app\"\nclients = 1\noperations = { GenerateDataKeyPair = 1 }\nkey_pair_spec = \"RSA_2048\"\narrivals = { constant = { rate = 1 } }\n[workload.",
        "[workload.pairs]",
        &["RSA_2048", "symmetric keys only"],
    );
    cases.broken(
        Code::MissingKey,
        "[workload.",
        "[workload.pairs]\nkey = \"main\"\nrequester = \"app\"\nclients = 1\noperations = { GenerateDataKeyPair = 1 }\narrivals = { constant = { rate = 1 } }\n[workload.",
        "[workload.pairs]",
        &["data key pairs", "key_pair_spec"],
    );
    cases.key(
        "workload.NAME.encrypted_by.producers",
        CACHE,
        &[],
        &["workload.d.encrypted_by.producers=9"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.encrypted_by.messages_per_data_key",
        CACHE,
        &[],
        &["workload.d.encrypted_by.messages_per_data_key=2"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.encrypted_by.read_by",
        CACHE,
        &[],
        &["workload.d.encrypted_by.read_by=client"],
        "kms_calls",
    );
    cases.broken(
        Code::Contradiction,
        "popularity = { zipf",
        "encryption_header = \"aws:kms\"\npopularity = { zipf",
        "\"aws:kms\"",
        &["writes an object"],
    );
    cases.broken(
        Code::NoDefault,
        "parts = 3",
        "parts = 3\nencryption_header = \"aws:kms\"",
        "\"aws:kms\"",
        &["aws/s3", "account main"],
    );
    cases.broken(
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nencryption_header_key = \"main\"",
        "\"main\"\njob",
        &["only with"],
    );
    cases.broken(
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nencryption_header = \"aws:kms\"\nencryption_header_key = \"far\"",
        "\"far\"",
        &["eu-west-1", "us-east-1"],
    );
    cases.broken(
        Code::Contradiction,
        "start = \"1s\"\n",
        "start = \"1s\"\ntls = \"none\"\n",
        "\"none\"",
        &["calls KMS itself"],
    );
    cases.broken(
        Code::UnknownKey,
        "parts = 3",
        "parts = 3\ncontext = { SourceIp = \"192.0.2.7\" }",
        "SourceIp",
        &["aws:SourceIp"],
    );
    cases.broken_in_several_places(
        Code::MissingKey,
        "[requester.app]",
        "[requester.second]\n[requester.app]",
        "[workload.reads]",
        &["does not say who sends", "second, app"],
    );
    cases.broken(
        Code::OutOfRange,
        "clients = 3",
        "clients = 0",
        "0\n\n[workload.day]",
        &["at least 1", "but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "parts = 3",
        "parts = 0",
        "0\njob",
        &["but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "start = \"1s\"",
        "start = \"1500ms\"",
        "\"1500ms\"",
        &["not a whole number of seconds"],
    );
    cases.broken(
        Code::Contradiction,
        "bucket = \"logs\"\noperations = { GetObject",
        "bucket = \"logs\"\nkey = \"main\"\noperations = { Decrypt",
        "[workload.reads]",
        &["both a bucket and a key"],
    );
    cases.broken(
        Code::Contradiction,
        "stop = \"15s\"",
        "stop = \"1s\"",
        "\"1s\"\n\n",
        &["`stop` (1s)", "`start` (1s)"],
    );
    cases.broken(
        Code::Contradiction,
        "start = \"1s\"\nstop = \"15s\"",
        "start = \"30s\"",
        "\"30s\"",
        &["30s", "20s"],
    );
    cases.broken(
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nparts = 3",
        "3\n\n[workload.day]",
        &["no effect", "MultipartUpload"],
    );
    cases.broken(
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nmessage_size = \"unknown\"",
        "\"unknown\"",
        &["no effect"],
    );
    cases.broken(
        Code::Contradiction,
        "job = { workers = 2",
        "stop = \"4s\"\njob = { workers = 2",
        "\"4s\"",
        &["no effect"],
    );
    cases.broken(
        Code::Contradiction,
        "trace = {",
        "after = \"batch\"\ntrace = {",
        "\"batch\"\ntrace",
        &["a trace"],
    );
    cases.broken(
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nafter = \"then\"",
        "[workload.batch]",
        &["waits for itself", "batch → then → batch"],
    );
    cases.broken(
        Code::Contradiction,
        "after = \"batch\"",
        "after = \"reads\"",
        "[workload.then]",
        &["never ends"],
    );
    cases.broken(
        Code::Contradiction,
        "popularity = {",
        "reads = \"app\"\npopularity = {",
        "[workload.reads]",
        &["not a job"],
    );
    cases.broken(
        Code::UnknownName,
        "bucket = \"logs\"\noperations = { GetObject",
        "bucket = \"lgos\"\noperations = { GetObject",
        "\"lgos\"",
        &["did you mean `logs`?"],
    );
    cases.broken(
        Code::UnknownName,
        "after = \"batch\"",
        "after = \"bacth\"",
        "\"bacth\"",
        &["did you mean `batch`?"],
    );
    cases.broken(
        Code::UnknownName,
        "parts = 3",
        "parts = 3\nenabled = false",
        "[workload.then]",
        &["`workload.then.after` names `batch`", "switched off"],
    );
    cases.broken(
        Code::Contradiction,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = 1 }\nbucket_key_header = true",
        "true\narrivals",
        &["none of its operations writes"],
    );
    cases.broken(
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nbucket_key_header = true",
        "true\n\n[workload.day]",
        &["SSE-KMS", "general purpose"],
    );
    cases.broken_in_several_places(
        Code::NoDefault,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "key = \"main\"\nkind = \"directory\"\n",
        "[workload.reads]",
        &["how many clients", "session of its own"],
    );
    cases.broken(
        Code::NoDefault,
        "popularity = { zipf = { objects = 100, exponent = 0.9 } }",
        "reads = \"batch\"",
        "[workload.reads]",
        &[
            "how many objects",
            "`workload.batch` writes 4",
            "popularity",
        ],
    );
    cases.broken(
        Code::NoDefault,
        "operations = { GenerateDataKey = 1 }",
        "operations = { Decrypt = 1 }",
        "[workload.then]",
        &["encrypted_by"],
    );
    cases.broken(
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nstorage_class = \"STANDARD_IA\"",
        "\"STANDARD_IA\"",
        &["no effect", "depends on the storage class"],
    );
    cases.broken(
        Code::Contradiction,
        "parts = 3",
        "parts = 3\ntransition_to = \"GLACIER\"",
        "\"GLACIER\"",
        &["no effect", "LifecycleTransition"],
    );
    cases.broken(
        Code::UnknownName,
        "parts = 3",
        "parts = 3\nstorage_class = \"STANDARD-IA\"",
        "\"STANDARD-IA\"",
        &["did you mean `STANDARD_IA`?"],
    );
}
