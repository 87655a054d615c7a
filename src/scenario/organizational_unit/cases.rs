//! `[organizational_unit.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{ACCESS, Cases};

pub(crate) fn add(cases: &mut Cases) {
    let denies = "=[\"nothing.json\"]";
    cases.key(
        "organizational_unit.NAME.parent",
        ACCESS,
        &[
            &format!("organizational_unit.root.service_control_policies{denies}"),
            "account.other.organizational_unit=u",
            "organizational_unit.u.full_aws_access=true",
        ],
        &["organizational_unit.u.parent=root"],
        "s3_requests_denied",
    );
    cases.key(
        "organizational_unit.NAME.service_control_policies",
        ACCESS,
        &[
            "organizational_unit.u.full_aws_access=true",
            "account.other.organizational_unit=u",
        ],
        &[&format!(
            "organizational_unit.u.service_control_policies{denies}"
        )],
        "s3_requests_denied",
    );
    cases.key(
        "organizational_unit.NAME.resource_control_policies",
        ACCESS,
        &[
            "organizational_unit.u.full_aws_access=true",
            "account.main.organizational_unit=u",
        ],
        &["organizational_unit.u.resource_control_policies=[\"nobody.json\"]"],
        "s3_requests_denied",
    );
    cases.key(
        "organizational_unit.NAME.full_aws_access",
        ACCESS,
        &[
            "organizational_unit.u.service_control_policies=[\"no-deletes.json\"]",
            "account.other.organizational_unit=u",
        ],
        &["organizational_unit.u.full_aws_access=false"],
        "s3_requests_denied",
    );
    let unit = |lines: &str| format!("[organizational_unit.u]\n{lines}\n\n[variant.today]");
    for (code, text, at, words) in [
        (
            Code::Contradiction,
            unit("parent = \"v\"\n[organizational_unit.v]\nparent = \"u\""),
            "\"v\"",
            &["in a circle: u in v in u"][..],
        ),
        (Code::UnknownName, unit("parent = \"v\""), "\"v\"", &["`v`"]),
        (
            Code::Contradiction,
            unit("full_aws_access = false"),
            "false",
            &["`organizational_unit.u`", "keeps at least one attached"],
        ),
    ] {
        cases.broken(code, "[variant.today]", text, at, words);
    }
}
