//! `[assumption]`, but for latencies: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, APP, Cases, LOGS, S3};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "assumption.denied_calls_consume_quota",
        ACCESS,
        &["key.k.policy=nobody.json"],
        &["assumption.denied_calls_consume_quota=false"],
        "kms_attempts",
    );
    cases.key(
        "assumption.encryption_condition",
        ACCESS,
        &["bucket.b.policy=encryption-sent.json"],
        &["assumption.encryption_condition=effective"],
        "s3_requests_denied",
    );
    cases.key(
        "assumption.log_group_association_delay",
        LOGS,
        &["log_group.g.associated_at=9s"],
        &["assumption.log_group_association_delay=4s"],
        "kms_calls",
    );
    cases.key(
        "assumption.log_stream_data_key_lifetime",
        LOGS,
        &[],
        &["assumption.log_stream_data_key_lifetime=4s"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_write_lifetime",
        S3,
        &[],
        &["assumption.bucket_key_write_lifetime=1s"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_renewal",
        S3,
        &[],
        &["assumption.bucket_key_renewal=sliding"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_verification",
        S3,
        &["workload.w.operations={MultipartUpload=1}"],
        &["assumption.bucket_key_verification=false"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_lifetime",
        S3,
        &[],
        &["assumption.bucket_key_lifetime=1s"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_fanout",
        S3,
        &[],
        &["assumption.bucket_key_fanout=5"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_single_flight",
        S3,
        &["assumption.kms_latency.constant.value=200ms"],
        &["assumption.bucket_key_single_flight=true"],
        "kms_calls",
    );
    cases.key(
        "assumption.bucket_key_requester",
        S3,
        &["requester.r.sessions=3"],
        &["assumption.bucket_key_requester=session"],
        "kms_calls",
    );
    cases.key(
        "assumption.retry_after",
        APP,
        &["retry={standard={}}"],
        &["assumption.retry_after=3s"],
        "kms_attempts_per_s_max",
    );
    cases.key(
        "assumption.throttled_attempts_billed",
        APP,
        &[],
        &["assumption.throttled_attempts_billed=true"],
        "bill",
    );
    cases.key(
        "assumption.throttled_attempts_logged",
        APP,
        &[],
        &["assumption.throttled_attempts_logged=false"],
        "cloudtrail_kms_events",
    );
    cases.key(
        "assumption.throttled_attempts_in_call_count",
        APP,
        &[],
        &["assumption.throttled_attempts_in_call_count=false"],
        "series",
    );
    cases.key(
        "assumption.dsse_kms_calls",
        S3,
        &["bucket.b={key=\"k\",encryption=\"DSSE-KMS\"}"],
        &["assumption.dsse_kms_calls=2"],
        "kms_calls",
    );
    cases.broken(
        Code::UnknownKey,
        "bucket_key_fanout = 2",
        "bucket_key_fan_out = 2",
        "bucket_key_fan_out",
        &["did you mean `bucket_key_fanout`?"],
    );
    cases.broken(
        Code::OutOfRange,
        "bucket_key_fanout = 2",
        "bucket_key_fanout = 0",
        "0\nbucket_key_lifetime",
        &["but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "bucket_key_lifetime = \"5m\"",
        "bucket_key_lifetime = 0",
        "0\nkms_lat",
        &["0s"],
    );
}
