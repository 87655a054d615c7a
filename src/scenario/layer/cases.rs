//! Patterns, groups, templates and CSV files, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{Cases, FLEET};

pub(crate) fn add(cases: &mut Cases) {
    for (kind, many, like, differs) in [
        ("bucket", "buckets", "bucket.b2.like=b", "kms_calls"),
        ("key", "keys", "key.k2.like=k", "s3_requests_failed_or_app"),
        ("workload", "workloads", "workload.w2.like=w", "kms_calls"),
        (
            "requester",
            "requesters",
            "requester.r2.like=r",
            "app_requests_denied",
        ),
        (
            "log_group",
            "log_groups",
            "log_group.l2.like=l",
            "kms_calls",
        ),
    ] {
        cases.key(format!("{kind}.NAME.like"), FLEET, &[], &[like], differs);
        let file = |name: &str| format!("{many}.file={many}{name}.csv");
        let (before, after) = (file(""), file("2"));
        cases.key(
            format!("{many}.file"),
            FLEET,
            &[&before],
            &[&after],
            differs,
        );
    }
    cases.broken(
        Code::UnknownName,
        "[variant.today]",
        "[variant.today.bucket.\"log-*\"]\nprefixes = 3",
        "\"log-*\"",
        &["`log-*` matches no bucket", "`logs`"],
    );
    cases.broken(
        Code::UnknownName,
        "[price.kms-keys]",
        "[workload.\"x*\"]\nclients = 3\n[price.kms-keys]",
        "\"x*\"",
        &["`x*` matches no workload"],
    );
    cases.broken(
        Code::UnknownName,
        "[variant.today]",
        "[variant.today.bucket.\"@all\"]\nprefixes = 3",
        "\"@all\"",
        &["unknown group `all` in `bucket.\"@all\"`", "`[group.all]`"],
    );
    cases.broken(
        Code::UnknownName,
        "[variant.today]",
        "[group.all]\nkeys = [\"*\"]\n[variant.today.bucket.\"@all\"]\nprefixes = 3",
        "\"@all\"",
        &["`group.all` gathers no bucket"],
    );
    // What many have from one place is one fault.
    cases.broken(
        Code::UnknownKey,
        "[variant.today]",
        "[variant.today.workload.\"*\"]\nclint = 3",
        "clint",
        &["unknown key `clint` in `workload.reads`; likewise of 8 more"],
    );
    cases.broken(
        Code::BadUnit,
        "[variant.today]",
        "[variant.today.key.\"*a*\"]\ndisabled_at = \"100y\"",
        "\"100y\"",
        &["`key.main.disabled_at`", "; likewise of 2 more"],
    );
    cases.broken(
        Code::WrongType,
        "[variant.today]",
        "[variant.today.bucket]\n\"*\" = 3",
        "3\n\n[variant.more",
        &["`bucket.\"*\"` must be a table"],
    );
    cases.broken(
        Code::Contradiction,
        "[variant.today]",
        "[variant.today.workload.\"r*\"]\nclients = 3\n[variant.today.workload.\"*s\"]\nclients = 4",
        "4\n\n[variant.more",
        &["two patterns set `workload.reads.clients` differently", "the other one"],
    );
    cases.broken(
        Code::UnknownName,
        "[key.far]",
        "[key.far]\nlike = \"mian\"",
        "\"mian\"",
        &["`key.far` is like `key.mian`, which is not there", "`main`"],
    );
    cases.broken(
        Code::Contradiction,
        "[key.far]",
        "[key.far]\nlike = \"far\"",
        "\"far\"",
        &["`key.far` is like `key.far`"],
    );
    cases.broken(
        Code::Contradiction,
        "[key.far]",
        "[key.a]\nlike = \"b\"\n[key.b]\nlike = \"c\"\n[key.c]\nlike = \"a\"\n[bucket.more]\nkey = \"c\"\n[key.far]",
        "\"b\"\n[key.b]",
        &["`key.a` is like `key.b` is like `key.c` is like `key.a`"],
    );
    cases.broken(
        Code::WrongType,
        "[key.far]",
        "[key.far]\nlike = 3",
        "3\nregion",
        &["`key.far.like` must be a string"],
    );
    cases.broken(
        Code::MissingFile,
        "[key.far]",
        "[buckets]\nfile = \"no.csv\"\n[key.far]",
        "\"no.csv\"",
        &["cannot read the table", "no.csv"],
    );
    cases.broken(
        Code::UnknownKey,
        "[key.far]",
        "[buckets]\nfiel = \"buckets.csv\"\n[key.far]",
        "fiel",
        &["unknown key `fiel` in `buckets`"],
    );
}
