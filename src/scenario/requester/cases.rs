//! `[requester.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, APP, Cases, S3};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "requester.NAME.principal",
        ACCESS,
        &["bucket.b.policy=for-alice.json"],
        &["requester.r.principal=arn:aws:iam::111122223333:user/alice"],
        "s3_requests_denied",
    );
    cases.key(
        "requester.NAME.identity_policies",
        ACCESS,
        &[],
        &["requester.r.identity_policies=[]"],
        "s3_requests_denied",
    );
    cases.key(
        "requester.NAME.permissions_boundary",
        ACCESS,
        &[],
        &["requester.r.permissions_boundary=nothing.json"],
        "s3_requests_denied",
    );
    cases.key(
        "requester.NAME.session_policy_document",
        ACCESS,
        &[],
        &["requester.r.session_policy_document=nothing.json"],
        "s3_requests_denied",
    );
    cases.key(
        "requester.NAME.access_revoked_at",
        S3,
        &[],
        &["requester.r.access_revoked_at=6s"],
        "s3_requests_denied",
    );
    cases.key(
        "requester.NAME.account",
        APP,
        &[],
        &["requester.r.account=other"],
        "by_quota",
    );
    cases.key(
        "requester.NAME.role",
        S3,
        &[],
        &["requester.r2.role=two"],
        "kms_calls",
    );
    cases.key(
        "requester.NAME.session_policy",
        S3,
        &[],
        &["requester.r2.session_policy=p"],
        "kms_calls",
    );
    cases.key(
        "requester.NAME.sessions",
        S3,
        &["assumption.bucket_key_requester=session"],
        &["requester.r.sessions=3"],
        "kms_calls",
    );
    cases.broken(
        Code::OutOfRange,
        "role = \"app\"",
        "role = \"app\"\nprincipal = \"alice\"",
        "\"alice\"",
        &["is not a principal"],
    );
    cases.broken(
        Code::Contradiction,
        "role = \"app\"",
        "role = \"app\"\nprincipal = \"arn:aws:iam::444455556666:user/alice\"",
        "\"arn:aws",
        &["444455556666", "111122223333"],
    );
    cases.broken(
        Code::UnknownKey,
        "role = \"app\"",
        "rol = \"app\"",
        "rol ",
        &["did you mean `role`?"],
    );
    cases.broken(
        Code::WrongType,
        "role = \"app\"",
        "role = 5",
        "5\nsessions",
        &["a string", "the integer 5"],
    );
    cases.broken(
        Code::OutOfRange,
        "sessions = 2",
        "sessions = 0",
        "0\n\n[quota.own]",
        &["but is 0"],
    );
}
