//! `workload.NAME.data_key_cache`: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{CACHE, Cases};

/// Another workload of the same processes as [`CACHE`]'s `w`.
const BESIDE: &str = r#"workload.beside={key="k",clients=2,operations={GenerateDataKey=1},arrivals={poisson={rate="20/s"}},popularity={uniform={objects=6}},data_key_cache={max_age="10s",capacity=5}}"#;

pub(crate) fn add(cases: &mut Cases) {
    cases.key(
        "workload.NAME.data_key_cache.max_age",
        CACHE,
        &[],
        &["workload.w.data_key_cache.max_age=1s"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.capacity",
        CACHE,
        &[],
        &["workload.w.data_key_cache.capacity=2"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.max_messages",
        CACHE,
        &[],
        &["workload.w.data_key_cache.max_messages=3"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.max_bytes",
        CACHE,
        &[],
        &["workload.w.data_key_cache.max_bytes=4 KiB"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.single_flight",
        CACHE,
        &["assumption.kms_latency.constant.value=300ms"],
        &["workload.w.data_key_cache.single_flight=true"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.sdk",
        CACHE,
        &[],
        &["workload.w.data_key_cache.sdk=java"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.algorithm_suite",
        CACHE,
        &[],
        &["workload.w.data_key_cache.algorithm_suite=AES_128_GCM_IV12_TAG16"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.scope.client",
        CACHE,
        &["workload.w.data_key_cache.scope=invocation"],
        &["workload.w.data_key_cache.scope=client"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.scope.process.clients",
        CACHE,
        &["workload.w.data_key_cache.scope={process={clients=1}}"],
        &["workload.w.data_key_cache.scope.process.clients=2"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.scope.invocation.messages",
        CACHE,
        &["workload.w.data_key_cache.scope=invocation"],
        &["workload.w.data_key_cache.scope={invocation={messages=20}}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.shared_with",
        CACHE,
        &[BESIDE],
        &["workload.beside.data_key_cache={shared_with=\"w\",max_age=\"10s\"}"],
        "kms_calls",
    );
    cases.key(
        "workload.NAME.data_key_cache.partition",
        CACHE,
        &[
            BESIDE,
            "workload.beside.data_key_cache={shared_with=\"w\",max_age=\"10s\",partition=\"p\"}",
        ],
        &["workload.w.data_key_cache.partition=p"],
        "kms_calls",
    );
    cases.broken(
        Code::BadUnit,
        "max_bytes = \"1 MiB\"",
        "max_bytes = \"1 MX\"",
        "\"1 MX\"",
        &["1 MX"],
    );
    cases.broken(
        Code::OutOfRange,
        "capacity = 10",
        "capacity = 0",
        "0, max_m",
        &["but is 0"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "operations = { GenerateDataKey = 1 }",
        "operations = { GenerateDataKey = 1, Encrypt = 1 }",
        "[workload.then]",
        &["data-key cache", "Encrypt"],
    );
    cases.broken(
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, partition = \"p\", max",
        "[workload.then]",
        &["partition", "no other workload shares"],
    );
    cases.broken(
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, shared_with = \"app\", max",
        "10, shared_with",
        &["no effect", "shared_with"],
    );
    cases.broken(
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", shared_with = \"app\", max",
        "[workload.then]",
        &["`app`, which has no data-key cache", "shares no other"],
    );
    cases.broken(Code::Contradiction,
        "clients = 3",
        "clients = 3\n\n[workload.also]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 3\ndata_key_cache = { shared_with = \"then\", max_age = \"1s\" }",
        "[workload.also]",
        &["has 3 clients", "has 2"]);
    cases.broken(Code::Contradiction,
        "clients = 3",
        "clients = 3\n\n[workload.also]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 4\ndata_key_cache = { shared_with = \"moment\", max_age = \"1s\" }\n\n[workload.moment]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 4\ndata_key_cache = { max_age = \"1s\", capacity = 1, scope = \"invocation\" }",
        "[workload.also]",
        &["`moment`", "for an invocation"]);
    cases.broken(
        Code::UnknownName,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, sdk = \"rust\", max",
        "\"rust\"",
        &["\"rust\"", "python"],
    );
    cases.broken(
        Code::UnknownName,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, algorithm_suite = \"AES_256_GCM_HKDF\", max",
        "\"AES_256_GCM_HKDF\"",
        &["AES_256_GCM_HKDF_SHA512_COMMIT_KEY"],
    );
    cases.broken(
        Code::OutOfRange,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, scope = { process = { clients = 0 } }, max",
        "0 } }",
        &["but is 0"],
    );
    cases.broken(
        Code::Contradiction,
        "max_bytes = \"1 MiB\" }",
        "max_bytes = \"1 MiB\" }\nbranch_key_cache = { ttl = \"15m\" }",
        "{ ttl",
        &["both", "hierarchical keyring"],
    );
}
