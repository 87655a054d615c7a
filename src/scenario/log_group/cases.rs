//! `[log_group.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{Cases, LOGS};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "log_group.NAME.account",
        LOGS,
        &[],
        &["log_group.g.account=other"],
        "bill",
    );
    cases.key(
        "log_group.NAME.region",
        LOGS,
        &["log_group.g.key=far"],
        &["log_group.g.region=eu-west-1", "key.far.region=eu-west-1"],
        "bill",
    );
    cases.key(
        "log_group.NAME.key",
        LOGS,
        &[],
        &["log_group.g.key=far"],
        "by_key",
    );
    cases.key(
        "log_group.NAME.associated_at",
        LOGS,
        &[],
        &["log_group.g.associated_at=9s"],
        "kms_calls",
    );
    cases.key(
        "log_group.NAME.log_streams",
        LOGS,
        &[],
        &["log_group.g.log_streams=90"],
        "kms_calls",
    );
    cases.key(
        "log_group.NAME.incoming_bytes_per_second",
        LOGS,
        &[],
        &["log_group.g.incoming_bytes_per_second=2 MB"],
        "cost_logs_usd",
    );
    cases.key(
        "log_group.NAME.queries",
        LOGS,
        &[],
        &["log_group.g.queries=9/s"],
        "kms_calls",
    );
    cases.key(
        "log_group.NAME.data_keys_per_query",
        LOGS,
        &[],
        &["log_group.g.data_keys_per_query=3"],
        "kms_calls",
    );
    let group = |lines: &str| {
        format!(
            "[log_group.\"/app\"]\nincoming_bytes_per_second = \"1 MB\"\n{lines}\n\n[variant.today]"
        )
    };
    for (code, lines, at, words) in [
        (
            Code::MissingKey,
            "",
            "[log_group",
            &["`log_group.\"/app\".key` is missing"][..],
        ),
        (
            Code::UnknownName,
            "key = \"mian\"",
            "\"mian\"",
            &["did you mean `main`"],
        ),
        (
            Code::Contradiction,
            "key = \"rsa\"",
            "\"rsa\"",
            &["symmetric"],
        ),
        (
            Code::Contradiction,
            "key = \"far\"",
            "\"far\"",
            &["eu-west-1"],
        ),
        (
            Code::Contradiction,
            "key = \"main\"\ndata_keys_per_query = 3",
            "3\n\n[variant",
            &["not queried"],
        ),
        (
            Code::OutOfRange,
            "key = \"main\"\nqueries = \"0/s\"",
            "\"0/s\"\n\n[variant",
            &["ever arrive"],
        ),
        (
            Code::NoDefault,
            "key = \"main\"\nqueries = \"1/s\"\nlog_streams = 20_000",
            "20_000",
            &["data_keys_per_query"],
        ),
        (
            Code::OutOfRange,
            "key = \"main\"\nqueries = \"1000000/s\"\ndata_keys_per_query = 10_000",
            "\"1000000/s\"",
            &["a second"],
        ),
        (
            Code::OutOfRange,
            "key = \"main\"\nlog_streams = 0",
            "0\n\n[variant",
            &["log_streams"],
        ),
        (
            Code::UnknownKey,
            "key = \"main\"\nretention = \"1d\"",
            "retention",
            &["retention"],
        ),
    ] {
        cases.broken(code, "[variant.today]", group(lines), at, words);
    }
}
