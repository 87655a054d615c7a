//! `[bucket.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, Cases, S3};

/// [`S3`]'s bucket with an archive by age.
const BY_AGE: &str = r#"bucket.b={key="k",bucket_key=true,archive_age={uniform={longest="20s"}}}"#;

const BY_LOGNORMAL_AGE: &str =
    r#"bucket.b={key="k",bucket_key=true,archive_age={lognormal={median="9s",sigma=0.5}}}"#;

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "bucket.NAME.policy",
        ACCESS,
        &[],
        &["bucket.b.policy=nobody.json"],
        "by_statement",
    );
    cases.key(
        "bucket.NAME.account",
        S3,
        &[],
        &["bucket.b.account=other"],
        "bill",
    );
    cases.key(
        "bucket.NAME.region",
        S3,
        &[],
        &["bucket.b.region=eu-west-1", "key.k.region=eu-west-1"],
        "bill",
    );
    cases.key(
        "bucket.NAME.encryption",
        S3,
        &["bucket.b={key=\"k\"}", "assumption.dsse_kms_calls=2"],
        &["bucket.b.encryption=DSSE-KMS"],
        "kms_calls",
    );
    cases.key("bucket.NAME.key", S3, &[], &["bucket.b.key=k2"], "by_key");
    cases.key(
        "bucket.NAME.bucket_key",
        S3,
        &[],
        &["bucket.b.bucket_key=false"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.bucket_key_since",
        S3,
        &[],
        &["bucket.b.bucket_key_since=8s"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.older_objects",
        S3,
        &[],
        &["bucket.b.older_objects=0.7"],
        "kms_calls",
    );
    for (key, span) in [
        ("older_objects_half_life", "3s"),
        ("older_objects_rewritten_in", "6s"),
    ] {
        cases.key(
            format!("bucket.NAME.{key}"),
            S3,
            &["bucket.b.older_objects=0.9"],
            &[&format!("bucket.b.{key}={span}")],
            "kms_calls",
        );
    }
    cases.broken(
        Code::Contradiction,
        "older_objects = 0.5",
        "older_objects_half_life = \"9d\"",
        "\"9d\"",
        &["no effect", "`older_objects`"],
    );
    cases.broken(
        Code::Contradiction,
        "older_objects = 0.5",
        "older_objects = 0.5\nolder_objects_half_life = \"9d\"\nolder_objects_rewritten_in = \"8d\"",
        "\"8d\"",
        &["says twice"],
    );
    cases.broken(
        Code::OutOfRange,
        "older_objects = 0.5",
        "older_objects = 0.5\nolder_objects_half_life = \"5ms\"",
        "\"5ms\"",
        &["5ms"],
    );
    cases.key(
        "bucket.NAME.prefixes",
        S3,
        &[
            "bucket.b.prefixes=1",
            "workload.w.arrivals.poisson.rate=9000/s",
        ],
        &["bucket.b.prefixes=2"],
        "s3_throttled",
    );
    cases.key(
        "bucket.NAME.archived_bucket_keys",
        S3,
        &["workload.w.popularity={uniform={objects=1000}}"],
        &["bucket.b.archived_bucket_keys=100"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.kind",
        S3,
        &["bucket.b={key=\"k\"}"],
        &["bucket.b.kind=directory"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.archive_age.uniform.longest",
        S3,
        &[BY_AGE],
        &["bucket.b.archive_age.uniform.longest=10m"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.archive_age.lognormal.median",
        S3,
        &[BY_LOGNORMAL_AGE],
        &["bucket.b.archive_age.lognormal.median=1h"],
        "kms_calls",
    );
    cases.key(
        "bucket.NAME.archive_age.lognormal.sigma",
        S3,
        &[BY_LOGNORMAL_AGE],
        &["bucket.b.archive_age.lognormal.sigma=3"],
        "kms_calls",
    );
    cases.broken(
        Code::UnknownKey,
        "bucket_key = true",
        "bucketkey = true",
        "bucketkey",
        &["did you mean `bucket_key`?"],
    );
    cases.broken(
        Code::MissingKey,
        "key = \"main\"\nbucket_key = true",
        "encryption = \"SSE-KMS\"\nbucket_key = true",
        "\"SSE-KMS\"",
        &["its key is missing"],
    );
    cases.broken(
        Code::WrongType,
        "bucket_key = true",
        "bucket_key = \"yes\"",
        "\"yes\"",
        &["true or false", "\"yes\""],
    );
    cases.broken(
        Code::OutOfRange,
        "older_objects = 0.5",
        "older_objects = 1.5",
        "1.5",
        &["1.5", "between 0 and 1"],
    );
    cases.broken(
        Code::Contradiction,
        "bucket_key = true",
        "bucket_key = true\nencryption = \"DSSE-KMS\"",
        "true\nenc",
        &["SSE-KMS only"],
    );
    cases.broken(
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true",
        "key = \"far\"\nbucket_key = true",
        "\"far\"",
        &["us-east-1", "eu-west-1"],
    );
    cases.broken(
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true",
        "key = \"main\"\nencryption = \"SSE-S3\"",
        "\"main\"\nencryption",
        &["has a KMS key"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "key = \"main\"\nbucket_key = true",
        "key = \"rsa\"\nbucket_key = true",
        "\"rsa\"",
        &["symmetric keys only", "RSA_2048"],
    );
    cases.broken(
        Code::Contradiction,
        "archived_bucket_keys = 3",
        "archived_bucket_keys = 3\narchive_age = { uniform = { longest = \"9d\" } }",
        "{ uniform = { longest",
        &["both", "archive_age"],
    );
    cases.broken_in_several_places(
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "kind = \"directory\"\nkey = \"main\"\nprefixes = 4\n",
        "4\n",
        &["no effect", "directory bucket"],
    );
    cases.broken_in_several_places(
        Code::Contradiction,
        "bucket_key = true\n",
        "kind = \"directory\"\nbucket_key = true\n",
        "true\narch",
        &["no effect", "directory bucket"],
    );
    cases.broken_in_several_places(
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "kind = \"directory\"\nkey = \"main\"\nencryption = \"DSSE-KMS\"\n",
        "\"DSSE-KMS\"",
        &["directory bucket", "SSE-KMS only"],
    );
    cases.broken(
        Code::NoDefault,
        "archived_bucket_keys = 3\n",
        "",
        "[bucket.logs]",
        &["how many bucket keys", "archived_bucket_keys = …"],
    );
}
