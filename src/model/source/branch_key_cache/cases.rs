//! `workload.NAME.branch_key_cache`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::Cases;

/// A branch-key cache.
const BRANCH: &str = r#"
horizon = "40s"
replications = 2
region = "us-east-1"
[key.k]
[workload.w]
key = "k"
clients = 2
operations = { Decrypt = 1 }
arrivals = { poisson = { rate = "40/s" } }
popularity = { uniform = { objects = 6 } }
branch_key_cache = { ttl = "12s", cache = { default = { capacity = 4 } } }
"#;

/// Another workload of the same processes as [`BRANCH`]'s `w`.
const BESIDE_BRANCH: &str = r#"workload.beside={key="k",clients=2,operations={Decrypt=1},arrivals={poisson={rate="20/s"}},popularity={uniform={objects=6}},branch_key_cache={ttl="12s",cache={default={capacity=4}}}}"#;

const SLOW_KMS: &str = r#"assumption.kms_latency={constant={value="3s"}}"#;

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "workload.NAME.branch_key_cache.ttl",
        BRANCH,
        &[],
        &["workload.w.branch_key_cache.ttl=5s"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.decryption.versions",
        BRANCH,
        &[],
        &["workload.w.branch_key_cache.decryption.versions=4"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.default.capacity",
        BRANCH,
        &[],
        &["workload.w.branch_key_cache.cache={default={capacity=2}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.multi-threaded.capacity",
        BRANCH,
        &[],
        &["workload.w.branch_key_cache.cache={multi-threaded={capacity=2}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.storm-tracking.capacity",
        BRANCH,
        &[],
        &["workload.w.branch_key_cache.cache={storm-tracking={capacity=2}}"],
        "kms_calls",
    );
    cases.key("workload.NAME.branch_key_cache.cache.storm-tracking.grace_period",
            BRANCH,
            &[
                "workload.w.branch_key_cache.cache={storm-tracking={grace_period=\"4s\",in_flight_ttl=\"2s\"}}",
            ],
            &["workload.w.branch_key_cache.cache.storm-tracking.grace_period=8s"],
            "kms_calls");
    cases.key(
        "workload.NAME.branch_key_cache.cache.storm-tracking.grace_interval",
        BRANCH,
        &[SLOW_KMS],
        &["workload.w.branch_key_cache.cache={storm-tracking={grace_interval=\"2s\"}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.storm-tracking.fan_out",
        BRANCH,
        &[SLOW_KMS],
        &["workload.w.branch_key_cache.cache={storm-tracking={fan_out=1}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.storm-tracking.in_flight_ttl",
        BRANCH,
        &[SLOW_KMS],
        &["workload.w.branch_key_cache.cache={storm-tracking={in_flight_ttl=\"2s\"}}"],
        "app_requests_failed",
    );
    cases.key(
        "workload.NAME.branch_key_cache.cache.storm-tracking.sleep",
        BRANCH,
        &[
            SLOW_KMS,
            "workload.w.branch_key_cache.cache={storm-tracking={fan_out=1}}",
        ],
        &["workload.w.branch_key_cache.cache.storm-tracking.sleep=700ms"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.scope.client",
        BRANCH,
        &["workload.w.branch_key_cache.scope=invocation"],
        &["workload.w.branch_key_cache.scope=client"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.scope.process.clients",
        BRANCH,
        &["workload.w.branch_key_cache.scope={process={clients=1}}"],
        &["workload.w.branch_key_cache.scope.process.clients=2"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.scope.invocation.messages",
        BRANCH,
        &["workload.w.branch_key_cache.scope=invocation"],
        &["workload.w.branch_key_cache.scope={invocation={messages=20}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.shared_with",
        BRANCH,
        &[BESIDE_BRANCH],
        &["workload.beside.branch_key_cache={shared_with=\"w\",ttl=\"12s\"}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.branch_key_cache.partition",
        BRANCH,
        &[
            BESIDE_BRANCH,
            "workload.beside.branch_key_cache={shared_with=\"w\",ttl=\"12s\",partition=\"p\"}",
        ],
        &["workload.w.branch_key_cache.partition=p"],
        "kms_calls",
    );
    cases.broken(Code::Contradiction,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"15m\", cache = { storm-tracking = { grace_interval = \"11s\" } } }",
        "\"11s\"",
        &["`grace_interval` (11s)", "`in_flight_ttl` (10s)"]);
    cases.broken(
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"1500ms\" }",
        "\"1500ms\"",
        &["not a whole number of seconds"],
    );
    cases.broken(Code::OutOfRange,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"15m\", cache = { storm-tracking = { sleep = \"1500us\" } } }",
        "\"1500us\"",
        &["not a whole number of milliseconds"]);
    cases.broken(
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"15m\", cache = { storm-tracking = { sleep = \"18446744073s\" } } }",
        "\"18446744073s\"",
        &["at most 3660d"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "operations = { Decrypt = 1 }\narrivals = { constant",
        "operations = { Encrypt = 1 }\nbranch_key_cache = { ttl = \"15m\" }\narrivals = { constant",
        "[workload.app]",
        &["branch-key cache", "Encrypt"],
    );
}
