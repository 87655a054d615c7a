//! Deliveries of AWS services to buckets, held against the bucket and key policies that AWS documents for them.

use kmsim::explain::{Explanation, explain};
use kmsim::input::Input;
use kmsim::scenario::{Loaded, load};
use serde_json::json;
use std::fs;

/// A bucket policy and a key policy as AWS's pages have them.
struct Documented {
    principal: &'static str,
    operation: &'static str,
    /// Statements of the bucket policy.
    bucket: &'static str,
    /// Statement of the key policy.
    key: &'static str,
}

/// CloudTrail User Guide, create-s3-bucket-policy-for-cloudtrail, create-kms-key-policy-for-cloudtrail.
const CLOUDTRAIL: Documented = Documented {
    principal: "cloudtrail.amazonaws.com",
    operation: "DeliverLogFile",
    bucket: r#"[
{"Sid": "AWSCloudTrailAclCheck20150319", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
 "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs",
 "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-3:111122223333:trail/audit"}}},
{"Sid": "AWSCloudTrailWrite20150319", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
 "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/AWSLogs/111122223333/*",
 "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control",
  "aws:SourceArn": "arn:aws:cloudtrail:eu-west-3:111122223333:trail/audit"}}}]"#,
    key: r#"{"Sid": "Allow CloudTrail to encrypt logs", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
 "Action": "kms:GenerateDataKey*", "Resource": "*",
 "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-3:111122223333:trail/audit"},
  "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"}}}"#,
};

/// S3 User Guide, example-bucket-policies, configure-inventory.
const INVENTORY: Documented = Documented {
    principal: "s3.amazonaws.com",
    operation: "DeliverInventoryReport",
    bucket: r#"[
{"Sid": "InventoryAndAnalyticsExamplePolicy", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
 "Action": "s3:PutObject", "Resource": ["arn:aws:s3:::logs/*"],
 "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::data"},
  "StringEquals": {"aws:SourceAccount": "111122223333", "s3:x-amz-acl": "bucket-owner-full-control"}}}]"#,
    key: r#"{"Sid": "Allow Amazon S3 use of the customer managed key", "Effect": "Allow",
 "Principal": {"Service": "s3.amazonaws.com"}, "Action": ["kms:GenerateDataKey"], "Resource": "*",
 "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnLike": {"aws:SourceARN": "arn:aws:s3:::data"}}}"#,
};

/// CloudWatch Logs User Guide, AWS-logs-and-resource-policy; VPC User Guide, flow-logs-s3-permissions.
const VENDED: Documented = Documented {
    principal: "delivery.logs.amazonaws.com",
    operation: "DeliverLogFile",
    bucket: r#"[
{"Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
 "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs",
 "Condition": {"StringEquals": {"aws:SourceAccount": ["111122223333"]},
  "ArnLike": {"aws:SourceArn": ["arn:aws:logs:eu-west-3:111122223333:*"]}}},
{"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
 "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/AWSLogs/111122223333/*",
 "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": ["111122223333"]},
  "ArnLike": {"aws:SourceArn": ["arn:aws:logs:eu-west-3:111122223333:*"]}}}]"#,
    key: r#"{"Sid": "Allow Logs Delivery to use the key", "Effect": "Allow",
 "Principal": {"Service": ["delivery.logs.amazonaws.com"]},
 "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*",
 "Condition": {"StringEquals": {"aws:SourceAccount": ["111122223333"]},
  "ArnLike": {"aws:SourceArn": ["arn:aws:logs:eu-west-3:111122223333:*"]}}}"#,
};

/// Config Developer Guide, s3-bucket-policy, s3-kms-key-policy.
const CONFIG: Documented = Documented {
    principal: "config.amazonaws.com",
    operation: "DeliverLogFile",
    bucket: r#"[
{"Sid": "AWSConfigBucketPermissionsCheck", "Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
 "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs",
 "Condition": {"StringEquals": {"AWS:SourceAccount": "111122223333"}}},
{"Sid": "AWSConfigBucketDelivery", "Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
 "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/AWSLogs/111122223333/Config/*",
 "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "AWS:SourceAccount": "111122223333"}}}]"#,
    key: r#"{"Sid": "AWSConfigKMSPolicy", "Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
 "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
 "Condition": {"StringEquals": {"AWS:SourceAccount": "111122223333"}}}"#,
};

/// S3 User Guide, enable-server-access-logging.
const ACCESS_LOGS: Documented = Documented {
    principal: "logging.s3.amazonaws.com",
    operation: "DeliverLogFile",
    bucket: r#"[
{"Sid": "S3ServerAccessLogsPolicy", "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
 "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::logs/access*",
 "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::data"}, "StringEquals": {"aws:SourceAccount": "111122223333"}}}]"#,
    key: r#"{"Sid": "Logging", "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
 "Action": "kms:GenerateDataKey*", "Resource": "*"}"#,
};

/// The statement with which a key policy trusts IAM.
const ROOT: &str = r#"{"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}"#;

/// A delivery under these policies; `encryption` and `extra` in TOML, as keys of the bucket and of the workload.
fn delivered(by: &Documented, bucket: &str, key: &str, encryption: &str, extra: &str) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, statements: String| {
        let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": {statements}}}");
        fs::write(folder.path().join(name), text).expect("written");
    };
    write("bucket.json", bucket.to_owned());
    write("key.json", format!("[{ROOT}, {key}]"));
    let text = format!(
        "horizon = \"1m\"\nregion = \"eu-west-3\"\nreplications = 1\n[account.main]\nid = \"111122223333\"\n\
         [trail.audit]\n[key.k]\npolicy = \"key.json\"\n[bucket.logs]\n{encryption}\npolicy = \"bucket.json\"\n\
         [bucket.data]\nencryption = \"SSE-S3\"\n[requester.service]\nprincipal = \"{}\"\n[workload.access]\nbucket = \"logs\"\n\
         requester = \"service\"\noperations.{} = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n{extra}\n",
        by.principal, by.operation
    );
    let input = Input::from_text("s", text).in_folder(folder.path());
    load(&input, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn explained(loaded: &Loaded) -> Explanation {
    explain(&loaded.variants[0], None, None).remove(0)
}

const SSE_KMS: &str = "key = \"k\"";

#[test]
fn documented_policies_let_deliveries_in() {
    for by in [&CLOUDTRAIL, &INVENTORY, &VENDED, &CONFIG] {
        let e = explained(&delivered(by, by.bucket, by.key, SSE_KMS, ""));
        assert_eq!(e.answer, "200 OK", "{}: {:?}", by.principal, e.reason);
        let operations: Vec<&str> = e.kms_calls.iter().map(|c| c.operation.as_str()).collect();
        assert_eq!(operations, ["GenerateDataKey"]);
        let who = &e.cloudtrail[0]["userIdentity"];
        assert_eq!(
            *who,
            json!({"type": "AWSService", "invokedBy": by.principal})
        );
        // Without the key policy's statement KMS refuses, without the bucket policy's S3 does.
        let no_key = explained(&delivered(by, by.bucket, ROOT, SSE_KMS, ""));
        assert_eq!(
            (no_key.answer.as_str(), no_key.kms_calls.len()),
            ("403 AccessDenied", 1)
        );
        let anybody_else = by.bucket.replace(by.principal, "ec2.amazonaws.com");
        let no_bucket = explained(&delivered(by, &anybody_else, by.key, SSE_KMS, ""));
        assert_eq!(
            (no_bucket.answer.as_str(), no_bucket.kms_calls.len()),
            ("403 AccessDenied", 0)
        );
    }
}

#[test]
fn policies_for_another_source_let_nothing_in() {
    for (by, own, other) in [
        (&CLOUDTRAIL, "trail/audit", "trail/theirs"),
        (&CLOUDTRAIL, "bucket-owner-full-control", "private"),
        (&INVENTORY, "arn:aws:s3:::data", "arn:aws:s3:::other"),
        (&INVENTORY, "111122223333", "444455556666"),
        (
            &VENDED,
            "arn:aws:logs:eu-west-3:111122223333:*",
            "arn:aws:logs:us-east-1:111122223333:*",
        ),
        (
            &CONFIG,
            "AWSLogs/111122223333/Config",
            "AWSLogs/111122223333/Other",
        ),
    ] {
        let bucket = by.bucket.replace(own, other);
        assert_ne!(bucket, by.bucket);
        let e = explained(&delivered(by, &bucket, by.key, SSE_KMS, ""));
        assert_eq!(e.answer, "403 AccessDenied", "{other}");
    }
    // Unless the delivery is for that source.
    let theirs = CLOUDTRAIL.bucket.replace("trail/audit", "trail/theirs");
    let key = CLOUDTRAIL.key.replace("trail/audit", "trail/theirs");
    let of_it =
        "context.\"aws:SourceArn\" = \"arn:aws:cloudtrail:eu-west-3:111122223333:trail/theirs\"";
    let e = explained(&delivered(&CLOUDTRAIL, &theirs, &key, SSE_KMS, of_it));
    assert_eq!(e.answer, "200 OK", "{:?}", e.reason);
}

/// Older forms of the same policies: they name neither the trail nor the prefix.
#[test]
fn policies_that_ask_for_less_let_cloudtrail_in_too() {
    let bucket = r#"[{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]"#;
    let key = r#"{"Effect": "Allow", "Action": "kms:GenerateDataKey*", "Resource": "*",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Condition": {"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"}}}"#;
    for encryption in [
        SSE_KMS,
        "key = \"k\"\nbucket_key = true\narchived_bucket_keys = 1",
    ] {
        let e = explained(&delivered(&CLOUDTRAIL, bucket, key, encryption, ""));
        assert_eq!(e.answer, "200 OK", "{:?}", e.reason);
    }
}

/// A public event of CloudTrail's log delivery: both pairs are in the encryption context.
#[test]
fn the_encryption_context_names_trail_and_object() {
    let e = explained(&delivered(
        &CLOUDTRAIL,
        CLOUDTRAIL.bucket,
        CLOUDTRAIL.key,
        SSE_KMS,
        "",
    ));
    let context = &e.cloudtrail[0]["requestParameters"]["encryptionContext"];
    assert_eq!(
        context["aws:cloudtrail:arn"],
        "arn:aws:cloudtrail:eu-west-3:111122223333:trail/audit"
    );
    let object = context["aws:s3:arn"].as_str().expect("an ARN");
    assert!(
        object.starts_with("arn:aws:s3:::logs/AWSLogs/111122223333/CloudTrail/eu-west-3/"),
        "{object}"
    );
}

/// aws-quickstart/quickstart-compliance-common, issue 29, and S3 User Guide, troubleshooting-server-access-logging.
#[test]
fn access_logs_go_to_buckets_under_sse_s3_only() {
    let by = &ACCESS_LOGS;
    let sse_s3 = "encryption = \"SSE-S3\"";
    let e = explained(&delivered(by, by.bucket, by.key, sse_s3, ""));
    assert_eq!(
        (e.answer.as_str(), e.kms_calls.len()),
        ("200 OK", 0),
        "{:?}",
        e.reason
    );
    // A Deny on the header stops them although the bucket encrypts by default.
    let deny = r#", {"Sid": "DenyUnEncryptedObjectUploads", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/*", "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}]"#;
    let denying = by.bucket.trim_end_matches(']').to_owned() + deny;
    let e = explained(&delivered(by, &denying, by.key, sse_s3, ""));
    assert_eq!(e.decision, "explicit deny");
    // Under SSE-KMS none arrive, whatever the key policy says.
    for key in [by.key, ROOT] {
        let loaded = delivered(by, by.bucket, key, SSE_KMS, "");
        let e = explained(&loaded);
        assert_eq!(
            (e.decision.as_str(), e.kms_calls.len()),
            ("refused by S3", 0)
        );
        assert!(
            e.reason
                .as_deref()
                .is_some_and(|why| why.contains("SSE-S3")),
            "{:?}",
            e.reason
        );
        let (r, _) = kmsim::run::run(&loaded, kmsim::run::RunOptions::default()).expect("results");
        let metrics = &r.variants[0].metrics;
        assert_eq!(metrics["s3_requests_denied"].mean, Some(60.0));
        assert_eq!(metrics["kms_calls"].mean, Some(0.0));
    }
}

/// S3 User Guide, ServerSideEncryptionCustomerKeys: policies see the header of requests under SSE-C.
#[test]
fn requests_under_sse_c_carry_its_header() {
    let statement = |null: bool| {
        format!(
            r#"[{{"Sid": "SseC", "Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject", "s3:GetObject"],
            "Resource": "arn:aws:s3:::logs/*",
            "Condition": {{"Null": {{"s3:x-amz-server-side-encryption-customer-algorithm": "{null}"}}}}}}]"#
        )
    };
    let asked = |encryption: &str, operation: &'static str, null: bool| {
        let by = Documented {
            principal: "arn:aws:iam::111122223333:role/app",
            operation,
            bucket: "",
            key: "",
        };
        explained(&delivered(&by, &statement(null), ROOT, encryption, "")).decision
    };
    for operation in ["PutObject", "GetObject"] {
        // Required, and forbidden.
        assert_eq!(
            asked("encryption = \"SSE-C\"", operation, true),
            "allow",
            "{operation}"
        );
        assert_eq!(
            asked("encryption = \"SSE-C\"", operation, false),
            "explicit deny",
            "{operation}"
        );
        assert_eq!(
            asked("encryption = \"SSE-S3\"", operation, true),
            "explicit deny",
            "{operation}"
        );
        assert_eq!(
            asked("encryption = \"SSE-S3\"", operation, false),
            "allow",
            "{operation}"
        );
    }
}
