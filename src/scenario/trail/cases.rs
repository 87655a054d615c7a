//! `[trail.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases, S3};

pub(crate) fn add(cases: &mut Cases) {
    let of_main = "trail.t.account=main";
    for (key, before, set, differs) in [
        (
            "account",
            &[of_main][..],
            "trail.t.account=other",
            "by_trail",
        ),
        (
            "regions",
            &[of_main],
            "trail.t.regions=[\"eu-west-1\"]",
            "cloudtrail_kms_copies",
        ),
        (
            "copies",
            &[of_main],
            "trail.t.copies=3",
            "cost_cloudtrail_usd",
        ),
        (
            "events",
            &["trail.t.copies=3"],
            "trail.t.events=write",
            "cost_cloudtrail_usd",
        ),
        (
            "kms_events",
            &[of_main],
            "trail.t.kms_events=false",
            "cloudtrail_kms_copies",
        ),
    ] {
        cases.key(format!("trail.NAME.{key}"), APP, before, &[set], differs);
    }
    cases.key(
        "trail.NAME.data_events",
        S3,
        &[of_main],
        &["trail.t.data_events=read"],
        "cost_cloudtrail_usd",
    );
    cases.key(
        "trail.NAME.data_buckets",
        S3,
        &["trail.t.data_events=all"],
        &["trail.t.data_buckets=[\"b2\"]"],
        "cloudtrail_data_events",
    );
    let trail = |lines: &str| format!("[trail.audit]\n{lines}\n\n[variant.today]");
    let other = |lines: &str| trail(&format!("account = \"other\"\n{lines}"));
    for (code, text, at, words) in [
        (
            Code::Contradiction,
            trail(""),
            "[trail.audit]",
            &[
                "`account.main.trail_copies`",
                "the short form",
                "drop `trail_copies`",
            ][..],
        ),
        (
            Code::UnknownName,
            trail("account = \"mian\""),
            "\"mian\"",
            &["did you mean `main`"],
        ),
        (
            Code::WrongType,
            other("regions = \"us-east-1\""),
            "\"us-east-1\"\n\n[variant",
            &["must be \"all\" or a list of Regions", "us-east-1"],
        ),
        (
            Code::WrongType,
            other("regions = []"),
            "[]\n\n[variant",
            &["must be \"all\" or a list of Regions"],
        ),
        (
            Code::UnknownName,
            other("regions = [\"us-east-11\"]"),
            "\"us-east-11\"",
            &["did you mean `us-east-1`?"],
        ),
        (
            Code::UnknownName,
            other("events = \"reads\""),
            "\"reads\"",
            &["did you mean `read`?"],
        ),
        (
            Code::OutOfRange,
            other("copies = 6"),
            "6\n\n[variant",
            &["copies"],
        ),
        (
            Code::Contradiction,
            other("events = \"none\""),
            "[trail.audit]",
            &["neither management events nor data events"],
        ),
        (
            Code::Contradiction,
            other("events = \"none\"\ndata_events = \"all\"\nkms_events = true"),
            "true\n\n[variant",
            &["`trail.audit.kms_events` has no effect"],
        ),
        (
            Code::Contradiction,
            other("data_buckets = []"),
            "[]\n\n[variant",
            &["`trail.audit.data_buckets` has no effect"],
        ),
        (
            Code::Contradiction,
            other("data_events = \"write\"\ndata_buckets = [\"logs\"]"),
            "[\"logs\"]",
            &["bucket `logs` of account `main`"],
        ),
        (
            Code::UnknownKey,
            other("kms = true"),
            "kms = true",
            &["unknown key `kms`"],
        ),
    ] {
        cases.broken(code, "[variant.today]", text, at, words);
    }
}
