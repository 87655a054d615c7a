//! `workload.NAME.service`: what each key changes, and what is refused.

use crate::catalog::{service, service_operations};
use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases, FLOW};

/// A workload of a service, in place of the scenario's.
fn of(name: &str) -> String {
    format!("workload.w.service={{name=\"{name}\"}}")
}

/// What a workload asks for.
fn operations(what: &str) -> String {
    format!("workload.w.operations={{{what}}}")
}

pub(crate) fn add(cases: &mut Cases) {
    let busy = "workload.w.arrivals={poisson={rate=20}}";
    let send = operations("SendMessage=1");
    let get = operations("GetItem=1");
    let (sqs, dynamodb) = (of("sqs"), of("dynamodb"));
    let key = |key: &str| format!("workload.NAME.service.{key}");
    cases.key(
        key("name"),
        FLOW,
        &[&sqs, &send, busy],
        &["workload.w.service.name=ssm", &operations("GetParameter=1")],
        "kms_calls",
    );
    cases.key(
        key("resource"),
        APP,
        &[
            &sqs,
            &send,
            "requester.r.identity_policies=[\"queue-q.json\"]",
        ],
        &["workload.w.service.resource=q"],
        "kms_calls",
    );
    cases.key(
        key("callers"),
        FLOW,
        &[&sqs, &send, busy, "workload.w.clients=8"],
        &["workload.w.service.callers=2"],
        "kms_calls",
    );
    cases.key(
        key("data_key_reuse_period"),
        FLOW,
        &[
            &sqs,
            &send,
            busy,
            "horizon=130s",
            "workload.w.service.data_key_reuse_period=60s",
        ],
        &["workload.w.service.data_key_reuse_period=2m"],
        "kms_calls",
    );
    cases.key(
        key("renewal"),
        FLOW,
        &[&dynamodb, &get, busy, "horizon=11m"],
        &["workload.w.service.renewal=fixed"],
        "kms_calls",
    );
    cases.key(
        key("requests_per_connection"),
        FLOW,
        &[&dynamodb, &get, busy],
        &["workload.w.service.requests_per_connection=3"],
        "kms_calls",
    );
    for operation in service_operations() {
        let row = service(&operation.service).expect("its service");
        let other = row.operations().find(|other| other.id != operation.id);
        let share = format!("workload.w.operations.{}=1", operation.id);
        // Of a service with one operation that is what is asked for in place of KMS's.
        let (before, set) = match other {
            Some(other) => (
                vec![of(&row.id), operations(&format!("{}=1", other.id))],
                vec![share],
            ),
            None => (
                vec![],
                vec![of(&row.id), operations(&format!("{}=1", operation.id))],
            ),
        };
        let texts = |all: &[String]| all.to_vec();
        let (mut before, set) = (texts(&before), texts(&set));
        before.push("workload.w.arrivals={constant={rate=5}}".to_owned());
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        cases.key(
            format!("workload.NAME.operations.{}", operation.id),
            FLOW,
            &before,
            &set,
            "by_operation",
        );
    }

    let app =
        "operations = { Decrypt = 1 }\narrivals = { constant = { rate = \"20/s\" } }\nclients = 3";
    let with = |service: &str, operations: &str| {
        format!(
            "service = {{ {service} }}\noperations = {{ {operations} }}\narrivals = {{ constant = {{ rate = \"20/s\" }} }}\nclients = 3"
        )
    };
    let mut broken = |code, service: &str, operations: &str, at, words: &[&'static str]| {
        cases.broken(code, app, with(service, operations), at, words);
    };
    broken(
        Code::MissingKey,
        "callers = 2",
        "SendMessage = 1",
        "{ callers",
        &["service.name"],
    );
    broken(
        Code::UnknownName,
        "name = \"sqz\"",
        "SendMessage = 1",
        "\"sqz\"",
        &["did you mean `sqs`?"],
    );
    broken(
        Code::UnknownKey,
        "name = \"sqs\"",
        "GetItem = 1",
        "GetItem",
        &["SendMessage", "ReceiveMessage"],
    );
    broken(
        Code::OutOfRange,
        "name = \"sqs\", data_key_reuse_period = \"30s\"",
        "SendMessage = 1",
        "\"30s\"",
        &["Amazon SQS takes 1m to 1d"],
    );
    broken(
        Code::OutOfRange,
        "name = \"sns\", data_key_reuse_period = \"90001s\"",
        "Publish = 1",
        "\"90001s\"",
        &["Amazon SNS takes 1s to 1d"],
    );
    broken(
        Code::Contradiction,
        "name = \"dynamodb\", data_key_reuse_period = \"2m\"",
        "GetItem = 1",
        "\"2m\"",
        &["keeps a data key for 5m, which cannot be set"],
    );
    broken(
        Code::Contradiction,
        "name = \"sqs\", renewal = \"sliding\"",
        "SendMessage = 1",
        "\"sliding\"",
        &["counts from KMS's answer"],
    );
    broken(
        Code::Contradiction,
        "name = \"sqs\", requests_per_connection = 1",
        "SendMessage = 1",
        "1 }\noperations = { SendMessage",
        &["keeps nothing for a connection"],
    );
    broken(
        Code::Contradiction,
        "name = \"secretsmanager\", callers = 2",
        "GetSecretValue = 1",
        "2 }\noperations = { GetSecretValue",
        &["each request calls KMS"],
    );
    broken(
        Code::Contradiction,
        "name = \"sqs\", callers = 4",
        "SendMessage = 1",
        "{ name = \"sqs\", callers = 4",
        &["3 clients for 4 callers"],
    );
}
