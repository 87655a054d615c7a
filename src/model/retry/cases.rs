//! `retry`, but for the keys of each backoff: what each key changes, and what is refused.

use crate::catalog::retry_profiles;
use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases, RETRY, S3};

/// More is asked for than the retry quota of one client pays for, by clients enough that a rate limiter does not
/// prevent it.
const RUSH: [&str; 3] = [
    "quota.q={limit=\"5/s\"}",
    "workload.w.clients=60",
    "workload.w.arrivals={poisson={rate=\"90/s\"}}",
];

/// Twice as many requests without a body as S3 takes from one prefix.
const HEADS: [&str; 6] = [
    "bucket.b={}",
    "bucket.b.prefixes=1",
    "horizon=2s",
    "workload.w.operations={HeadObject=1}",
    "workload.w.arrivals={poisson={rate=\"11000/s\"}}",
    "workload.w2.enabled=false",
];

pub(crate) fn add(cases: &mut Cases) {
    for add in super::Backoff::CASES {
        add(cases);
    }

    for (path, key) in RETRY {
        let mut add = |inside: &str, before: &str, set: &str| {
            cases.key(
                format!("{key}.{inside}"),
                APP,
                &[&format!("{path}={before}")],
                &[&format!("{path}{set}")],
                "kms_attempts",
            );
        };
        add("none", "{fixed={delay=\"50ms\",max_attempts=3}}", "=none");
        for kind in ["fixed", "exponential"] {
            let delay = if kind == "fixed" {
                "delay"
            } else {
                "initial_backoff"
            };
            let with = format!(
                "{{{kind}={{{delay}=\"50ms\",max_attempts=5,retry_quota={{capacity=20,throttling_cost=3,success_refund=1}}}}}}"
            );
            for (inside, value) in [
                ("capacity", "90"),
                ("throttling_cost", "9"),
                ("success_refund", "5"),
                ("shared", "true"),
            ] {
                let inside = format!("{kind}.retry_quota.{inside}");
                add(&inside, &with, &format!(".{inside}={value}"));
            }
            let guarded =
                |guard: &str| format!("{{{kind}={{{delay}=\"50ms\",max_attempts=5,{guard}}}}}");
            let bucket = guarded("retry_token_bucket={capacity=4}");
            for (inside, value) in [
                ("capacity", "9"),
                ("success_deposit", "0.3"),
                ("shared", "true"),
            ] {
                let inside = format!("{kind}.retry_token_bucket.{inside}");
                add(&inside, &bucket, &format!(".{inside}={value}"));
            }
            let breaker = guarded("circuit_breaker={open_time=\"300ms\"}");
            for (inside, value) in [
                ("open_time", "900ms"),
                ("failure_threshold", "0.3"),
                ("window", "4"),
                ("blocks", "retries"),
            ] {
                let inside = format!("{kind}.circuit_breaker.{inside}");
                add(&inside, &breaker, &format!(".{inside}={value}"));
            }
            let brake = guarded("send_brake={hold_time=\"300ms\"}");
            for (inside, value) in [
                ("hold_time", "900ms"),
                ("refused_threshold", "0.5"),
                ("window", "9"),
            ] {
                let inside = format!("{kind}.send_brake.{inside}");
                add(&inside, &brake, &format!(".{inside}={value}"));
            }
        }
        for (kind, delay, transient) in [
            ("fixed", "delay", "transient_delay"),
            (
                "exponential",
                "initial_backoff",
                "transient_initial_backoff",
            ),
        ] {
            let with = format!(
                "{path}={{{kind}={{{delay}=\"50ms\",max_attempts=5,retry_quota={{capacity=20}}}}}}"
            );
            for (inside, value, differs) in [
                (transient, "900ms", "added_delay_s_max"),
                ("retry_quota.transient_cost", "9", "s3_attempts"),
            ] {
                cases.key(
                    format!("{key}.{kind}.{inside}"),
                    S3,
                    &[&[with.as_str()], &HEADS[..]].concat(),
                    &[&format!("{path}.{kind}.{inside}={value}")],
                    differs,
                );
            }
        }
        for profile in retry_profiles() {
            for name in profile.aliases.iter().chain([&profile.id]) {
                let quoted = format!("\"{name}\"");
                // As a key it needs quotes where it has a point.
                let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                let as_key = if bare { name } else { &quoted };
                let written = [&format!("{path}={{{as_key}={{}}}}")];
                // A client of S3 alone knows no answer of KMS.
                let (base, bucket) = match profile.classification.as_str() {
                    "crt-s3" => (S3, Some("bucket.b={key=\"k\"}")),
                    _ => (APP, None),
                };
                let before: Vec<&str> = written
                    .map(String::as_str)
                    .into_iter()
                    .chain(RUSH)
                    .chain(bucket)
                    .collect();
                let mut add = |inside: &str, value: &str| {
                    cases.key(
                        format!("{key}.{name}.{inside}"),
                        base,
                        &before,
                        &[&format!("{path}.{as_key}.{inside}={value}")],
                        "kms_attempts",
                    );
                };
                add("max_attempts", "2");
                let quota = profile.retry_quota;
                if quota.is_some_and(|q| q.cost_throttling > 0) {
                    add("retry_quota.shared", "true");
                } else if quota.is_some() {
                    // Only what is not taken for throttling costs anything.
                    cases.key(
                        format!("{key}.{name}.retry_quota.shared"),
                        S3,
                        &[&[written[0].as_str()], &HEADS[..]].concat(),
                        &[&format!("{path}.{as_key}.retry_quota.shared=true")],
                        "s3_attempts",
                    );
                }
            }
        }
    }
    for (inside, value) in [("requests", "3"), ("time", "\"500ms\"")] {
        cases.key(
            format!("workload.NAME.client_lifetime.{inside}"),
            APP,
            &[&[
                "workload.w.retry={fixed={delay=\"50ms\",max_attempts=5,retry_quota={capacity=20}}}",
            ], &RUSH[..]]
            .concat(),
            &[&format!("workload.w.client_lifetime.{inside}={value}")],
            "kms_attempts",
        );
    }
    for (code, life, at, words) in [
        (
            Code::MissingKey,
            "clients = 3\nretry = \"standard\"\nclient_lifetime = {}",
            "{}\n",
            "does not say when a client's life ends",
        ),
        (
            Code::OutOfRange,
            "clients = 3\nretry = \"standard\"\nclient_lifetime = { requests = 0 }",
            "0 }\n",
            "`workload.app.client_lifetime.requests`",
        ),
        (
            Code::Contradiction,
            "clients = 3\nretry = \"legacy\"\nclient_lifetime = { requests = 9 }",
            "{ requests = 9 }",
            "`workload.app.client_lifetime` has no effect",
        ),
    ] {
        cases.broken(code, "clients = 3", life, at, &[words]);
    }
    cases.broken(Code::Contradiction,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, retry_quota = {}, retry_token_bucket = {} }",
        "{} }",
        &["`workload.app.retry.fixed.retry_quota`", "keep one"]);
    cases.broken(Code::OutOfRange,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", failure_threshold = 0 } }",
        "0 } }",
        &["`workload.app.retry.fixed.circuit_breaker.failure_threshold` is 0"]);
    cases.broken(Code::MissingKey,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { window = 5 } }",
        "{ window = 5 }",
        &["`workload.app.retry.fixed.circuit_breaker.open_time` is missing"]);
    cases.broken(Code::OutOfRange,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", window = 65 } }",
        "65",
        &["`workload.app.retry.fixed.circuit_breaker.window`", "64"]);
    cases.broken(Code::UnknownName,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", blocks = \"all\" } }",
        "\"all\"",
        &[
            "`workload.app.retry.fixed.circuit_breaker.blocks`",
            "`requests`",
        ]);
    for key in [
        "transient_delay = \"2s\"",
        "retry_quota = { transient_cost = 9 }",
    ] {
        cases.broken(
            Code::Contradiction,
            "clients = 3",
            format!("clients = 3\nretry.fixed = {{ delay = \"1s\", max_attempts = 2, {key} }}"),
            if key.ends_with('}') {
                "9 }"
            } else {
                "\"2s\" }"
            },
            &["has no effect", "HEAD"],
        );
    }
    // The file's, where no workload has such requests.
    cases.broken(
        Code::Contradiction,
        "initial_backoff = \"50ms\"",
        "initial_backoff = \"50ms\"\ntransient_initial_backoff = \"20ms\"",
        "\"20ms\"",
        &[
            "`retry.exponential.transient_initial_backoff` has no effect",
            "HEAD",
        ],
    );
    cases.broken(
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nretry.java = { retry_quota = { shared = true } }",
        "true } }",
        &[
            "`workload.app.retry.java.retry_quota.shared` has no effect",
            "HEAD",
        ],
    );
    for (code, guard, at, words) in [
        (
            Code::OutOfRange,
            "send_brake = { hold_time = \"1s\", refused_threshold = 1 }",
            "1 } }",
            "`workload.app.retry.fixed.send_brake.refused_threshold` is 1",
        ),
        (
            Code::OutOfRange,
            "send_brake = { hold_time = \"1s\", window = 129 }",
            "129 } }",
            "`workload.app.retry.fixed.send_brake.window`",
        ),
        (
            Code::MissingKey,
            "send_brake = { window = 5 }",
            "{ window = 5 } }",
            "`workload.app.retry.fixed.send_brake.hold_time` is missing",
        ),
        (
            Code::Contradiction,
            "circuit_breaker.open_time = \"1s\", send_brake = { hold_time = \"1s\" }",
            "{ hold_time = \"1s\" } }",
            "`workload.app.retry.fixed.send_brake` both stop",
        ),
    ] {
        cases.broken(
            code,
            "clients = 3",
            format!("clients = 3\nretry.fixed = {{ delay = \"1s\", max_attempts = 2, {guard} }}"),
            at,
            &[words],
        );
    }
    cases.broken_in_several_places(
        Code::NoDefault,
        "jitter = \"full\"",
        "jitter = \"full\"\ncircuit_breaker = { open_time = \"1s\" }",
        "[workload.reads]",
        &["how many clients", "a circuit breaker"],
    );
    cases.broken_in_several_places(
        Code::NoDefault,
        "max_attempts = 3",
        "max_attempts = 3\nretry_quota = { capacity = 5 }",
        "[workload.reads]",
        &["how many clients", "clients = …"],
    );
}
