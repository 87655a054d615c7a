//! `[key.NAME]` and `[key_store.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, APP, Cases};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "key_store.NAME.account",
        APP,
        &["key.k.key_store=h"],
        &["key_store.h.account=other", "key.k.account=other"],
        "by_quota",
    );
    cases.key(
        "key_store.NAME.region",
        APP,
        &["key.k.key_store=h"],
        &["key_store.h.region=eu-west-1", "key.k.region=eu-west-1"],
        "by_quota",
    );
    cases.key(
        "key.NAME.account",
        APP,
        &[],
        &["key.k.account=other"],
        "bill",
    );
    cases.key(
        "key.NAME.region",
        APP,
        &[],
        &["key.k.region=eu-west-1"],
        "by_quota",
    );
    cases.key(
        "key.NAME.managed_by",
        APP,
        &[],
        &["key.k.managed_by=aws-owned"],
        "kms_calls",
    );
    cases.key(
        "key.NAME.spec",
        APP,
        &["workload.w.operations={Decrypt=1}"],
        &["key.k.spec=RSA_2048"],
        "by_quota",
    );
    cases.key(
        "key.NAME.key_store",
        APP,
        &[],
        &["key.k.key_store=h"],
        "by_quota",
    );
    cases.key(
        "key.NAME.service",
        APP,
        &[
            "key.k.managed_by=aws",
            "workload.w.context={\"kms:ViaService\"=\"dynamodb.us-east-1.amazonaws.com\"}",
        ],
        &["key.k.service=dynamodb"],
        "app_requests_denied",
    );
    cases.key(
        "key.NAME.id",
        ACCESS,
        &["requester.r.identity_policies=[\"key-k.json\"]"],
        &["key.k.id=other"],
        "s3_requests_denied",
    );
    cases.key(
        "key.NAME.aliases",
        ACCESS,
        &["requester.r.identity_policies=[\"by-alias.json\"]"],
        &["key.k.aliases=[\"alias/app\"]"],
        "s3_requests_denied",
    );
    cases.key(
        "key.NAME.policy",
        ACCESS,
        &[],
        &["key.k.policy=nobody.json"],
        "by_statement",
    );
    cases.key(
        "key.NAME.disabled_at",
        APP,
        &[],
        &["key.k.disabled_at=6s"],
        "s3_requests_failed_or_app",
    );
    cases.key(
        "key.NAME.pending_deletion_at",
        APP,
        &[],
        &["key.k.pending_deletion_at=6s"],
        "s3_requests_failed_or_app",
    );
    cases.key(
        "key.NAME.policy_changes[].at",
        ACCESS,
        &["key.k.policy_changes=[{at=\"6s\",policy=\"nobody.json\"}]"],
        &["key.k.policy_changes=[{at=\"3s\",policy=\"nobody.json\"}]"],
        "s3_requests_denied",
    );
    cases.key(
        "key.NAME.policy_changes[].policy",
        ACCESS,
        &["key.k.policy_changes=[{at=\"6s\",policy=\"nobody.json\"}]"],
        &["key.k.policy_changes=[{at=\"6s\",policy=\"everybody.json\"}]"],
        "s3_requests_denied",
    );
    cases.broken(
        Code::OutOfRange,
        "[key.main]",
        "[key.main]\naliases = [\"app\"]",
        "[\"app\"]",
        &["`app`", "is not an alias", "alias/"],
    );
    cases.broken(
        Code::OutOfRange,
        "[key.main]",
        "[key.main]\naliases = [\"alias/aws/s3\"]",
        "[\"alias/aws/s3\"]",
        &["`alias/aws/s3`", "AWS manages"],
    );
    cases.broken(
        Code::Contradiction,
        "[key.main]",
        "[key.main]\naliases = [\"alias/x\"]\n[key.second]\naliases = [\"alias/x\"]",
        "[key.second]",
        &["`key.main` and `key.second`", "`alias/x`"],
    );
    cases.broken(
        Code::UnknownName,
        "key = \"main\"\nbucket_key = true",
        "key = \"alias/x\"\nbucket_key = true",
        "\"alias/x\"",
        &[
            "`bucket.logs.key`",
            "`alias/x`",
            "the bucket's account main",
            "us-east-1",
        ],
    );
    cases.broken(
        Code::UnknownName,
        "[key.far]\nregion = \"eu-west-1\"\n\n[key.rsa]\nspec = \"RSA_2048\"\n\n[bucket.logs]\nkey = \"main\"",
        "[key.far]\nregion = \"eu-west-1\"\naliases = [\"alias/x\"]\n\n[key.rsa]\nspec = \"RSA_2048\"\n\n[bucket.logs]\nkey = \"alias/x\"",
        "\"alias/x\"\nbucket",
        &["`alias/x`", "`key.far`", "eu-west-1"],
    );
    cases.broken(
        Code::UnknownKey,
        "kind = \"cloudhsm\"",
        "kind = \"cloudhsm\"\nacount = \"main\"",
        "acount",
        &["did you mean `account`?"],
    );
    cases.broken(
        Code::Contradiction,
        "spec = \"RSA_2048\"",
        "spec = \"RSA_2048\"\nservice = \"s3\"",
        "\"s3\"",
        &["only AWS managed keys belong to a service"],
    );
    cases.broken(
        Code::UnknownKey,
        "spec = \"RSA_2048\"",
        "specs = \"RSA_2048\"",
        "specs",
        &["did you mean `spec`?"],
    );
    cases.broken(
        Code::MissingKey,
        "kind = \"cloudhsm\"",
        "",
        "[key_store.hsm]",
        &["`key_store.hsm.kind` is missing"],
    );
    cases.broken(
        Code::Contradiction,
        "[key.far]",
        "[key.far]\nkey_store = \"hsm\"",
        "\"hsm\"",
        &["us-east-1", "eu-west-1"],
    );
    cases.broken(
        Code::UnknownName,
        "spec = \"RSA_2048\"",
        "spec = \"RSA_2049\"",
        "\"RSA_2049\"",
        &["did you mean `RSA_2048`?"],
    );
    cases.broken(
        Code::UnknownName,
        "kind = \"cloudhsm\"",
        "kind = \"cloudhms\"",
        "\"cloudhms\"",
        &["did you mean `cloudhsm`?"],
    );
    cases.broken(
        Code::Contradiction,
        "[key.far]",
        "[key.hers]\naccount = \"other\"\nkey_store = \"hsm\"\n[key.far]",
        "\"hsm\"",
        &["account other", "to main"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "spec = \"RSA_2048\"",
        "spec = \"RSA_2048\"\nkey_store = \"hsm\"",
        "\"hsm\"",
        &["symmetric keys only", "RSA_2048"],
    );
}
