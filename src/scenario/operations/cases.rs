//! `workload.NAME.operations`: what each key changes, and what is refused.

use crate::catalog::{KeySpec, KmsOperation, quota_for, s3_operations};
use crate::input::diagnostic::Code;
use crate::scenario::cases::{Cases, FLOW, S3};

pub(crate) fn add(cases: &mut Cases) {
    // Operations, each in the place of another.
    for &operation in KmsOperation::ALL {
        let spec = KeySpec::ALL
            .iter()
            .find(|s| quota_for(operation, **s).is_some());
        let spec = spec.unwrap_or_else(|| panic!("no key for {}", operation.name()));
        let other = KmsOperation::ALL
            .iter()
            .find(|o| **o != operation && !o.makes_key_pair() && quota_for(**o, *spec).is_some())
            .expect("another operation");
        let name = operation.name();
        if operation.makes_key_pair() {
            cases.key(
                format!("workload.NAME.operations.{name}"),
                FLOW,
                &[
                    "workload.w.arrivals={constant={rate=5}}",
                    "workload.w.operations={GenerateDataKeyPair=1,GenerateDataKeyPairWithoutPlaintext=1}",
                    "workload.w.key_pair_spec=RSA_2048",
                ],
                &[&format!("workload.w.operations.{name}=3")],
                "by_operation",
            );
            continue;
        }
        cases.key(
            format!("workload.NAME.operations.{name}"),
            FLOW,
            &[
                &format!("key.k.spec={}", spec.name()),
                "workload.w.arrivals={constant={rate=5}}",
                &format!("workload.w.operations={{{}=1}}", other.name()),
            ],
            &[&format!("workload.w.operations.{name}=1")],
            "by_operation",
        );
    }
    for operation in s3_operations()
        .iter()
        .map(|o| o.id.as_str())
        .chain(["MultipartUpload"])
    {
        let other = if operation == "HeadBucket" || operation == "HeadObject" {
            "GetObject"
        } else {
            "HeadObject"
        };
        let share = format!("workload.w.operations.{operation}=1");
        let set = match operation {
            "LifecycleTransition" => vec![share.as_str(), "workload.w.transition_to=GLACIER_IR"],
            _ => vec![share.as_str()],
        };
        cases.key(
            format!("workload.NAME.operations.{operation}"),
            S3,
            &[
                &format!("workload.w.operations={{{other}=1}}"),
                "workload.w2.enabled=false",
            ],
            &set,
            "by_operation",
        );
    }
    cases.broken(
        Code::UnknownKey,
        "operations = { GetObject = 1 }",
        "operations = { GetObjct = 1 }",
        "GetObjct",
        &["did you mean `GetObject`?"],
    );
    cases.broken(
        Code::UnknownKey,
        "operations = { GenerateDataKey = 1 }",
        "operations = { PutObject = 1 }",
        "PutObject",
        &["unknown key `PutObject` in `workload.then.operations`"],
    );
    cases.broken(
        Code::MissingKey,
        "operations = { GetObject = 1 }\n",
        "",
        "[workload.reads]",
        &["`workload.reads.operations` is missing"],
    );
    cases.broken(
        Code::MissingKey,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = 0 }",
        "{ GetObject = 0 }",
        &["no operation with a share above 0"],
    );
    cases.broken(
        Code::WrongType,
        "operations = { GetObject = 1 }",
        "operations = \"GetObject\"",
        "\"GetObject\"",
        &["a table"],
    );
    cases.broken(
        Code::OutOfRange,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = -1 }",
        "-1 }",
        &["-1"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "key = \"main\"\noperations = { Decrypt = 1 }\narrivals = { constant",
        "key = \"main\"\noperations = { Sign = 1 }\narrivals = { constant",
        "[workload.app]",
        &["Sign", "SYMMETRIC_DEFAULT"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "key = \"main\"\noperations = { Decrypt = 1 }\narrivals = { constant",
        "key = \"rsa\"\noperations = { GenerateDataKey = 1 }\narrivals = { constant",
        "[workload.app]",
        &["GenerateDataKey", "RSA_2048"],
    );
    cases.broken(
        Code::NoDefault,
        "operations = { GetObject = 1 }",
        "operations = { LifecycleTransition = 1 }",
        "[workload.reads]",
        &["into which storage class", "transition_to"],
    );
    cases.broken(
        Code::ImpossibleOperation,
        "operations = { GetObject = 1 }",
        "storage_class = \"DEEP_ARCHIVE\"\noperations = { GetObject = 1 }",
        "[workload.reads]",
        &["GetObject", "DEEP_ARCHIVE", "restored"],
    );
}
