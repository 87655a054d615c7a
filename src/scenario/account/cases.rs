//! `region` and `[account.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, APP, Cases, S3};

pub(crate) fn add(cases: &mut Cases) {
    cases.key("region", APP, &[], &["region=eu-west-1"], "by_quota");
    cases.key(
        "account.NAME.region",
        APP,
        &[],
        &["account.main.region=eu-west-1"],
        "by_quota",
    );
    cases.key(
        "account.NAME.trail_copies",
        APP,
        &[],
        &["account.main.trail_copies=3"],
        "cost_cloudtrail_usd",
    );
    cases.key(
        "account.NAME.trail_kms_events",
        APP,
        &[],
        &["account.main.trail_kms_events=false"],
        "cloudtrail_kms_copies",
    );
    cases.key(
        "account.NAME.trail_events",
        APP,
        &["account.main.trail_copies=3"],
        &["account.main.trail_events=write"],
        "cost_cloudtrail_usd",
    );
    cases.key(
        "account.NAME.trail_data_copies",
        S3,
        &[],
        &["account.main.trail_data_copies=1"],
        "cost_cloudtrail_usd",
    );
    cases.key(
        "account.NAME.id",
        ACCESS,
        &["bucket.b.policy=for-111122223333.json"],
        &["account.main.id=999999999999"],
        "s3_requests_denied",
    );
    cases.key(
        "account.NAME.organization",
        ACCESS,
        &[
            "bucket.b.policy=nobody.json",
            "account.main.organization=o-1",
        ],
        &["account.other.organization=o-1"],
        "cost_s3_requests_usd",
    );
    cases.key(
        "account.NAME.service_control_policies",
        ACCESS,
        &[],
        &["account.other.service_control_policies=[\"nothing.json\"]"],
        "s3_requests_denied",
    );
    cases.key(
        "account.NAME.full_aws_access",
        ACCESS,
        &["account.other.service_control_policies=[\"no-deletes.json\"]"],
        &["account.other.full_aws_access=false"],
        "s3_requests_denied",
    );
    cases.key(
        "account.NAME.organizational_unit",
        ACCESS,
        &["organizational_unit.u.service_control_policies=[\"nothing.json\"]"],
        &["account.other.organizational_unit=u"],
        "s3_requests_denied",
    );
    cases.key(
        "account.NAME.management_account",
        ACCESS,
        &[
            "organizational_unit.u.service_control_policies=[\"nothing.json\"]",
            "account.other.organizational_unit=u",
        ],
        &["account.other.management_account=true"],
        "s3_requests_denied",
    );
    cases.broken(
        Code::Contradiction,
        "trail_copies = 1",
        "trail_copies = 1\nmanagement_account = true\nfull_aws_access = true",
        "true\n\n[account.other]",
        &["do not reach the management account"],
    );
    cases.broken(
        Code::Contradiction,
        "trail_copies = 1",
        "trail_copies = 1\nfull_aws_access = false",
        "false",
        &[
            "FullAWSAccess is detached from `account.main`",
            "keeps at least one",
        ],
    );
    cases.broken(
        Code::UnknownName,
        "trail_copies = 1",
        "trail_copies = 1\norganizational_unit = \"sandbox\"",
        "\"sandbox\"",
        &["sandbox"],
    );
    cases.key(
        "account.NAME.resource_control_policies",
        ACCESS,
        &[],
        &["account.main.resource_control_policies=[\"nobody.json\"]"],
        "s3_requests_denied",
    );
    cases.broken(
        Code::OutOfRange,
        "trail_copies = 1",
        "trail_copies = 1\nid = \"1234\"",
        "\"1234\"",
        &["twelve-digit"],
    );
    cases.broken(
        Code::DuplicateName,
        "trail_copies = 1\n\n[account.other]",
        "id = \"111122223333\"\n\n[account.other]\nid = \"111122223333\"",
        "\"111122223333\"\nregion",
        &["`main`", "`other`"],
    );
    cases.broken(
        Code::UnknownKey,
        "trail_copies",
        "trail_copys",
        "trail_copys",
        &[
            "unknown key `trail_copys` in `account.main`",
            "did you mean `trail_copies`?",
        ],
    );
    cases.broken(
        Code::MissingKey,
        "region = \"us-east-1\"\n\n[account.main]",
        "[account.main]",
        "[key_store.hsm]",
        &["missing Region of `key_store.hsm`"],
    );
    cases.broken(
        Code::WrongType,
        "[account.main]\ntrail_copies = 1",
        "[account]\nmain = 1",
        "1\n\n[account.other]",
        &["`account.main`", "a table"],
    );
    cases.broken(
        Code::UnknownName,
        "region = \"us-east-1\"\n\n[account.main]",
        "region = \"us-east-11\"\n\n[account.main]",
        "\"us-east-11\"",
        &["us-east-11", "did you mean `us-east-1`?"],
    );
}
