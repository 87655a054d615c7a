//! `[quota.NAME]`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases};

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "quota.NAME.account",
        APP,
        &[],
        &["quota.q.account=other"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.region",
        APP,
        &[],
        &["quota.q.region=eu-west-1"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.code",
        APP,
        &[],
        &["quota.q.code=rsa"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.store",
        APP,
        &["key.k.key_store=h"],
        &["quota.q.store=h"],
        "by_quota",
    );
    cases.key(
        "quota.NAME.limit",
        APP,
        &[],
        &["quota.q.limit=45/s"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.changes[].at",
        APP,
        &[],
        &["quota.q.changes=[{at=\"9s\",limit=\"60/s\"}]"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.changes[].limit",
        APP,
        &[],
        &["quota.q.changes=[{at=\"6s\",limit=\"50/s\"}]"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.limiter.fixed-window",
        APP,
        &[],
        &["quota.q.limiter=fixed-window"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.limiter.sliding-window",
        APP,
        &["quota.q.limiter=fixed-window"],
        &["quota.q.limiter=sliding-window"],
        "kms_throttled",
    );
    cases.key(
        "quota.NAME.limiter.token-bucket.burst",
        APP,
        &[],
        &["quota.q.limiter.token-bucket.burst=3"],
        "kms_throttled",
    );
    cases.broken(
        Code::DuplicateName,
        "[retry.exponential]",
        "[quota.again]\nlimit = 5\n[retry.exponential]",
        "[quota.again]",
        &["`quota.again`", "`quota.own`"],
    );
    cases.broken(
        Code::UnknownKey,
        "limit = \"100/s\"",
        "limits = \"100/s\"",
        "limits",
        &["did you mean `limit`?"],
    );
    cases.broken(
        Code::UnknownKey,
        "burst = 2",
        "brust = 2",
        "brust",
        &[
            "unknown key `brust` in `quota.own.limiter.token-bucket`",
            "did you mean `burst`?",
        ],
    );
    cases.broken(
        Code::UnknownKey,
        "{ at = \"10s\", limit",
        "{ att = \"10s\", at = \"10s\", limit",
        "att = ",
        &["unknown key `att` in `quota.own.changes[0]`"],
    );
    cases.broken(
        Code::OutOfRange,
        "limit = \"100/s\"",
        "limit = \"0/s\"",
        "\"0/s\"\nlimiter",
        &["admit no requests"],
    );
    cases.broken(
        Code::OutOfRange,
        "limit = \"200/s\"",
        "limit = 0",
        "0 }]",
        &["admit no requests"],
    );
    cases.broken(
        Code::OutOfRange,
        "burst = 2",
        "burst = 0",
        "0 } }\nchanges",
        &["but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "limit = \"100/s\"\nlimiter = { token-bucket = { burst = 2 } }",
        "limit = \"0.333333/s\"",
        "\"0.333333/s\"",
        &["333333 in windows of 1000000 s", "whole number of seconds"],
    );
    cases.broken(
        Code::OutOfRange,
        "limit = \"100/s\"",
        "limit = \"1/300000d\"",
        "\"1/300000d\"",
        &["1/300000d", "token bucket", "10⁹"],
    );
    cases.broken(
        Code::OutOfRange,
        "{ at = \"10s\", limit",
        "{ at = \"200000d\", limit",
        "\"200000d\"",
        &["3660d", "200000d"],
    );
    cases.broken(Code::OutOfRange,
        "changes = [{ at = \"10s\", limit = \"200/s\" }]",
        "changes = [{ at = \"1s\", limit = \"59/59s\" }, { at = \"1s\", limit = \"99/53s\" }, { at = \"2s\", limit = \"99/47s\" }, { at = \"3s\", limit = \"99/43s\" }, { at = \"4s\", limit = \"99/41s\" }, { at = \"5s\", limit = \"99/37s\" }, { at = \"6s\", limit = \"99/31s\" }]",
        "[{ at = \"1s\", limit = \"59/59s\"",
        &["100/s", "token bucket", "10⁹"]);
    cases.broken(
        Code::Contradiction,
        "[quota.own]",
        "[quota.store]\nstore = \"hsm\"\nregion = \"eu-west-1\"\n[quota.own]",
        "\"eu-west-1\"\n[quota.own]",
        &["us-east-1", "eu-west-1"],
    );
    cases.broken(
        Code::Contradiction,
        "[quota.own]",
        "[quota.store]\nstore = \"hsm\"\naccount = \"other\"\n[quota.own]",
        "\"other\"\n[quota.own]",
        &["other", "main"],
    );
    cases.broken(
        Code::UnknownName,
        "[quota.own]",
        "[quota.own]\ncode = \"symetric\"",
        "\"symetric\"",
        &["did you mean `symmetric`?"],
    );
}
