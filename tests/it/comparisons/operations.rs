//! Which KMS calls an S3 operation makes, under each kind of encryption, and what S3 charges for it: by hand, from AWS's pages.

use crate::common::{run, values};
use kmsim::results::VariantResults;

/// Calls of GenerateDataKey, Decrypt, Encrypt and ReEncrypt.
fn calls(v: &VariantResults) -> [f64; 4] {
    ["GenerateDataKey", "Decrypt", "Encrypt", "ReEncrypt"].map(|operation| {
        let of = v.by_kms_operation.get(operation);
        of.map_or(0.0, |m| values(m, "kms_calls")[0])
    })
}

/// An operation, its calls (GenerateDataKey, Decrypt, Encrypt, ReEncrypt), and whether S3 charges it as a PUT (1), a GET (2) or not at all (0).
type Row = (&'static str, [u32; 4], u32);

/// S3's API pages for the permissions on the key, the user guide's table of requests for the price.
const OPERATIONS: [Row; 32] = [
    ("PutObject", [1, 0, 0, 0], 1),
    ("PostObject", [1, 0, 0, 0], 1),
    ("GetObject", [0, 1, 0, 0], 2),
    ("GetObjectRange", [0, 1, 0, 0], 2),
    ("HeadObject", [0, 0, 0, 0], 2),
    ("HeadObjectChecksum", [0, 1, 0, 0], 2),
    ("HeadBucket", [0, 0, 0, 0], 2),
    ("GetObjectAttributes", [0, 0, 0, 0], 2),
    ("GetObjectAttributesChecksum", [0, 1, 0, 0], 2),
    ("GetObjectTagging", [0, 0, 0, 0], 2),
    ("GetObjectAcl", [0, 0, 0, 0], 2),
    ("SelectObjectContent", [0, 1, 0, 0], 2),
    ("ListObjects", [0, 0, 0, 0], 1),
    ("ListParts", [0, 1, 0, 0], 1),
    ("ListMultipartUploads", [0, 0, 0, 0], 1),
    ("PutObjectTagging", [0, 0, 0, 0], 1),
    ("PutObjectAcl", [0, 0, 0, 0], 1),
    ("DeleteObject", [0, 0, 0, 0], 0),
    ("AbortMultipartUpload", [0, 0, 0, 0], 0),
    ("CopyObject", [1, 1, 0, 0], 1),
    ("CreateMultipartUpload", [1, 0, 0, 0], 1),
    ("UploadPart", [0, 1, 0, 0], 1),
    ("UploadPartCopy", [0, 2, 0, 0], 1),
    ("CompleteMultipartUpload", [0, 1, 0, 0], 1),
    ("UpdateObjectEncryption", [1, 0, 0, 0], 1),
    ("UpdateObjectEncryptionKeyChange", [0, 0, 0, 1], 1),
    ("ReplicateObject", [0, 1, 1, 0], 1),
    ("ReplicateUnencryptedObject", [1, 0, 0, 0], 1),
    ("ComputeChecksum", [0, 1, 0, 0], 2),
    ("DeliverInventoryReport", [1, 0, 0, 0], 1),
    ("DeliverLogFile", [1, 0, 0, 0], 1),
    ("MultipartUpload", [1, 4, 0, 0], 5),
];

fn scenario(operation: &str, bucket: &str, more: &str) -> VariantResults {
    let text = format!(
        "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n{more}\n[key.k]\n[bucket.b]\n{bucket}\n[workload.w]\nbucket = \"b\"\nclients = 1\noperations.{operation} = 1\narrivals.constant.rate = \"3/s\"\n{}",
        if operation == "MultipartUpload" {
            "parts = 3\n"
        } else {
            ""
        }
    );
    run(&text).variants.swap_remove(0)
}

#[test]
fn each_operation_calls_kms_as_aws_documents() {
    for (operation, needs, tier) in OPERATIONS {
        let each = needs.map(|n| f64::from(n) * 30.0);
        let v = scenario(operation, "key = \"k\"", "");
        assert_eq!(calls(&v), each, "{operation}");
        let requests = if operation == "MultipartUpload" {
            150.0
        } else {
            30.0
        };
        assert_eq!(values(&v.metrics, "s3_requests"), [requests], "{operation}");
        let billed = |item: &str| {
            v.bill
                .iter()
                .find(|l| l.item == item)
                .map_or(0.0, |l| l.quantity)
        };
        let expected = match tier {
            0 => [0.0, 0.0],
            2 => [0.0, 30.0],
            n => [30.0 * f64::from(n), 0.0],
        };
        assert_eq!(
            [billed("s3-tier1"), billed("s3-tier2")],
            expected,
            "{operation}"
        );
        // S3's own keys and the caller's need no KMS, unless it is there that the keys are changed.
        if operation.starts_with("Update") {
            continue;
        }
        for encryption in ["SSE-S3", "SSE-C"] {
            let by_service = ["Deliver", "Replicate"]
                .iter()
                .any(|s| operation.starts_with(s));
            if by_service && encryption == "SSE-C" {
                continue;
            }
            let v = scenario(operation, &format!("encryption = \"{encryption}\""), "");
            assert_eq!(calls(&v), [0.0; 4], "{operation} {encryption}");
        }
        // A second layer is S3's own; or twice as many calls, if one assumes so.
        for (assumption, times) in [("", 1.0), ("[assumption]\ndsse_kms_calls = 2", 2.0)] {
            let v = scenario(
                operation,
                "key = \"k\"\nencryption = \"DSSE-KMS\"",
                assumption,
            );
            assert_eq!(
                calls(&v),
                each.map(|n| n * times),
                "{operation} {assumption}"
            );
        }
    }
}

/// A header is for what a request writes, not for what it reads; a copy is decrypted as its source is and encrypted as its destination.
#[test]
fn headers_and_sources_decide_by_themselves() {
    let base = "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[key.k2]\n[bucket.kms]\nkey = \"k\"\n[bucket.s3]\n";
    for (bucket, source, header, operation, expected, of_k2) in [
        (
            "s3",
            "",
            "encryption_header = \"aws:kms\"\nencryption_header_key = \"k2\"",
            "PutObject",
            [30.0, 0.0],
            30.0,
        ),
        (
            "kms",
            "",
            "encryption_header = \"aws:kms\"\nencryption_header_key = \"k2\"",
            "PutObject",
            [30.0, 0.0],
            30.0,
        ),
        (
            "kms",
            "",
            "encryption_header = \"AES256\"",
            "PutObject",
            [0.0, 0.0],
            0.0,
        ),
        ("s3", "kms", "", "CopyObject", [0.0, 30.0], 0.0),
        ("kms", "s3", "", "CopyObject", [30.0, 0.0], 0.0),
        (
            "kms",
            "kms",
            "encryption_header = \"aws:kms\"\nencryption_header_key = \"k2\"",
            "CopyObject",
            [30.0, 30.0],
            30.0,
        ),
    ] {
        let source = if source.is_empty() {
            String::new()
        } else {
            format!("copy_source = \"{source}\"\n")
        };
        let text = format!(
            "{base}[workload.w]\nbucket = \"{bucket}\"\n{source}{header}\nclients = 1\noperations.{operation} = 1\narrivals.constant.rate = \"3/s\"\n"
        );
        let v = &run(&text).variants[0];
        let found = calls(v);
        assert_eq!(found[..2], expected, "{bucket} {source} {header}");
        let of_k2 = of_k2
            - v.by_key
                .get("k2")
                .map_or(0.0, |m| values(m, "kms_calls")[0]);
        assert_eq!(of_k2, 0.0, "{bucket} {source} {header}");
    }
}

/// A service, some of its operations, and the calls that each of them makes.
type ServiceRow = (&'static str, &'static [&'static str], KmsCalls);

/// KMS operations, and how often each is called.
type KmsCalls = &'static [(&'static str, f64)];

/// What other services ask of KMS for a request a second from one caller, in seven and a half minutes: their pages, or docs/MODEL.md
/// (M98). A data key of five minutes is fetched twice, one that is kept while it is used once.
const OF_SERVICES: [ServiceRow; 27] = [
    (
        "sqs",
        &["SendMessage"],
        &[("GenerateDataKey", 2.0), ("Decrypt", 2.0)],
    ),
    (
        "sqs",
        &["SendMessageBatch"],
        &[("GenerateDataKey", 2.0), ("Decrypt", 2.0)],
    ),
    ("sqs", &["ReceiveMessage"], &[("Decrypt", 2.0)]),
    (
        "dynamodb",
        &[
            "GetItem",
            "BatchGetItem",
            "Query",
            "Scan",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
        ],
        &[("Decrypt", 1.0)],
    ),
    ("dynamodb", &["CreateTable"], &[("GenerateDataKey", 450.0)]),
    (
        "kinesis",
        &["PutRecord", "PutRecords"],
        &[("GenerateDataKey", 2.0)],
    ),
    ("kinesis", &["GetRecords"], &[("Decrypt", 2.0)]),
    ("states", &["StartExecution"], &[("GenerateDataKey", 2.0)]),
    ("secretsmanager", &["GetSecretValue"], &[("Decrypt", 450.0)]),
    (
        "secretsmanager",
        &["CreateSecret"],
        &[("GenerateDataKey", 450.0)],
    ),
    (
        "secretsmanager",
        &["PutSecretValue"],
        &[("GenerateDataKey", 450.0)],
    ),
    (
        "secretsmanager",
        &["UpdateSecret"],
        &[("GenerateDataKey", 450.0)],
    ),
    (
        "secretsmanager",
        &["UpdateSecretKeyChange"],
        &[
            ("GenerateDataKey", 450.0),
            ("Decrypt", 450.0),
            ("Encrypt", 450.0),
        ],
    ),
    ("ssm", &["GetParameter"], &[("Decrypt", 450.0)]),
    ("ssm", &["PutParameter"], &[("Encrypt", 450.0)]),
    (
        "ssm",
        &["PutParameterAdvanced"],
        &[("GenerateDataKey", 450.0)],
    ),
    (
        "ebs",
        &["CreateVolume"],
        &[("GenerateDataKeyWithoutPlaintext", 450.0)],
    ),
    ("ebs", &["AttachVolume"], &[("Decrypt", 450.0)]),
    (
        "ecr",
        &["CompleteLayerUpload"],
        &[("GenerateDataKey", 450.0)],
    ),
    ("ecr", &["PutImage"], &[("GenerateDataKey", 450.0)]),
    ("ecr", &["GetDownloadUrlForLayer"], &[("Decrypt", 450.0)]),
    (
        "ecr",
        &["CreateRepository"],
        &[("DescribeKey", 450.0), ("CreateGrant", 900.0)],
    ),
    ("ecr", &["DeleteRepository"], &[("RetireGrant", 900.0)]),
    ("emr", &["LaunchNode"], &[("GenerateDataKey", 450.0)]),
    ("emr", &["RebootNode"], &[("Decrypt", 450.0)]),
    (
        "sns",
        &["Publish"],
        &[("GenerateDataKey", 2.0), ("Decrypt", 2.0)],
    ),
    ("lambda", &["ColdStart"], &[("Decrypt", 450.0)]),
];

#[test]
fn each_service_calls_kms_as_it_is_documented() {
    let calls = |service: &str, operation: &str| {
        let text = format!(
            "horizon = \"450s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\nkms_latency.constant.value = \"0s\"\n[key.k]\n[workload.w]\nkey = \"k\"\nservice.name = \"{service}\"\nclients = 1\noperations.{operation} = 1\narrivals.constant.rate = \"1/s\"\n"
        );
        let by = run(&text).variants.swap_remove(0).by_kms_operation;
        let mut found: Vec<(String, f64)> = by
            .into_iter()
            .map(|(operation, m)| (operation, values(&m, "kms_calls")[0]))
            .filter(|(_, calls)| *calls > 0.0)
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    };
    let firehose: [ServiceRow; 1] = [(
        "firehose",
        &["PutRecord", "PutRecordBatch"],
        &[("GenerateDataKey", 2.0)],
    )];
    for (service, operations, expected) in OF_SERVICES.iter().chain(&firehose) {
        let mut expected: Vec<(String, f64)> = expected
            .iter()
            .map(|(o, n)| ((*o).to_owned(), *n))
            .collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        for operation in *operations {
            assert_eq!(calls(service, operation), expected, "{service} {operation}");
        }
    }
}
