//! What must not be told: names unless asked for, and secrets never, wherever in a file they are.

use super::mutated::samples;
use super::{event, gzip, import};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Tokens, signatures, passwords.
const SECRETS: &[&str] = &["c0ffee5ecret", "hunter2pass", "FwoGZXIvYXdzEtoken"];
/// Names of an account.
const NAMES: &[&str] = &[
    "111122223333",
    "acme-payroll",
    "alice",
    "payroll-etl",
    "0f0f0f0f-1111",
    "192.0.2.77",
    "salaries-2026",
];

/// All that is printed and written.
fn told(dir: &Path, args: &[&str]) -> String {
    let (_, totals, text) = import(dir, args);
    let mut all = text + &totals.to_string();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            all += &path.file_name().expect("a name").to_string_lossy();
            all += &fs::read_to_string(&path).expect("text");
        }
    }
    all
}

/// Files with a secret and a name wherever one may be.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let arn = "arn:aws:sts::111122223333:assumed-role/payroll-etl/alice";
    let uri = "GET /salaries-2026/alice?X-Amz-Signature=c0ffee5ecret&X-Amz-Security-Token=FwoGZXIvYXdzEtoken HTTP/1.1";
    let line = |what: &str| {
        format!(
            "0f0f0f0f-1111 acme-payroll [02/Mar/2026:03:00:01 +0000] 192.0.2.77 {arn} {what} REST.GET.OBJECT salaries-2026/alice \"{uri}\" 200 - 1 1 1 1 \"https://x/?token=hunter2pass\" \"app/1 token=c0ffee5ecret\" - h SigV4 C QueryString acme-payroll.s3.eu-west-3.amazonaws.com TLSv1.3 - - eu-west-3\n"
        )
    };
    let record = event(
        "1",
        "2026-03-02T03:00:00Z",
        &json!({
            "userIdentity": { "type": "AssumedRole", "arn": arn, "accountId": "111122223333", "principalId": "AROA:alice", "accessKeyId": "c0ffee5ecret",
                "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/payroll-etl", "userName": "payroll-etl" } } },
            "sourceIPAddress": "192.0.2.77",
            "userAgent": "Boto3/1.44 token=hunter2pass",
            "errorMessage": "arn:aws:iam::111122223333:role/payroll-etl may not, token FwoGZXIvYXdzEtoken",
            "errorCode": "AccessDenied",
            "requestParameters": { "keyId": "alias/acme-payroll", "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::acme-payroll/salaries-2026/alice", "tenant": "alice" } },
            "responseElements": { "credentials": { "sessionToken": "FwoGZXIvYXdzEtoken", "secretAccessKey": "hunter2pass" } },
            "resources": [{ "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-west-3:111122223333:key/0f0f0f0f-1111-2222" }],
            "recipientAccountId": "111122223333"
        }),
    );
    let odd = [
        json!({ "eventTime": "noon hunter2pass" }),
        json!({ "eventType": "AwsAggregatedEvent", "x": "hunter2pass" }),
        json!({ "eventName": "Decrypt?X-Amz-Signature=c0ffee5ecret" }),
        json!({ "eventSource": "c0ffee5ecret=hunter2pass", "userIdentity": { "type": "token=FwoGZXIvYXdzEtoken" } }),
        json!({ "requestParameters": { "encryptionContext": { "password=hunter2pass": "x", "arn:aws:iam::111122223333:user/alice": "y" } } }),
    ];
    let odd: Vec<Value> = odd
        .iter()
        .enumerate()
        .map(|(i, extra)| event(&format!("o{i}"), "2026-03-02T03:00:09Z", extra))
        .collect();
    let state = json!({
        "version": 4, "terraform_version": "1", "serial": 1, "lineage": "c0ffee5ecret",
        "outputs": { "db": { "value": "hunter2pass", "sensitive": true } },
        "resources": [
            { "mode": "managed", "type": "aws_s3_bucket", "name": "alice", "instances": [{ "index_key": "acme-payroll", "attributes": { "bucket": "acme-payroll",
                "policy": "hunter2pass", "server_side_encryption_configuration": [{ "rule": [{ "bucket_key_enabled": true,
                "apply_server_side_encryption_by_default": [{ "sse_algorithm": "aws:kms", "kms_master_key_id": "arn:aws:kms:eu-west-3:111122223333:key/0f0f0f0f-1111-2222" }] }] }] } }] },
            { "mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [{ "attributes": { "password": "hunter2pass" } }] }
        ]
    });
    let list = "\"acme-payroll\",\"salaries-2026/alice?X-Amz-Signature=c0ffee5ecret\",\"12\",\"2026-03-02T03:05:55.000Z\",\"STANDARD\",\"SSE-KMS\",\"DISABLED\"\n\"acme-payroll\",\"salaries-2026/alice\",\"hunter2pass\",\"2026-03-02T03:05:55.000Z\",\"STANDARD\",\"SSE-KMS\",\"DISABLED\"\n";
    let bill = "lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,lineItem/UsageStartDate,lineItem/LineItemType,lineItem/UsageAccountId,lineItem/ResourceId,lineItem/Operation\n\
                awskms,eu-west-3-KMS-Requests,12,2026-03-01T00:00:00Z,Usage,111122223333,arn:aws:kms:eu-west-3:111122223333:key/0f0f0f0f-1111-2222,Decrypt\n\
                awskms,eu-west-3-KMS-Requests,hunter2pass,2026-03-01T00:00:00Z,Usage,111122223333,acme-payroll,c0ffee5ecret\n";
    let table = "time,operation,bucket,requester,account,key\n2026-03-02T03:00:00Z,GetObject,acme-payroll,alice,111122223333,0f0f0f0f-1111\nhunter2pass,GetObject,,,,\n";
    let quotas = json!({ "Quotas": [{ "QuotaCode": "L-6E3AF000", "QuotaArn": "arn:aws:servicequotas:eu-west-3:111122223333:kms/L-6E3AF000", "QuotaName": "q", "Value": 10_000.0, "Period": { "PeriodValue": 1, "PeriodUnit": "SECOND" } }], "NextToken": "FwoGZXIvYXdzEtoken" });
    let encryption = json!({ "ServerSideEncryptionConfiguration": { "Rules": [{ "ApplyServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:eu-west-3:111122223333:alias/acme-payroll" }, "BucketKeyEnabled": true }] } });
    let stream = json!({ "metric_stream_name": "acme-payroll", "account_id": "111122223333", "region": "eu-west-3", "namespace": "AWS/S3", "metric_name": "GetRequests",
        "dimensions": { "BucketName": "acme-payroll", "FilterId": "alice" }, "timestamp": 1_772_409_600_000_i64, "value": { "sum": 3.0 } });
    let text = |v: Value| v.to_string().into_bytes();
    vec![
        ("111122223333_CloudTrail_eu-west-3_20260302T0305Z_x.json", text(json!({ "Records": [record, odd] }))),
        ("odd.json", text(json!({ "Records": odd }))),
        ("cut.json", text(json!({ "Records": [record] }))[..400].to_vec()),
        ("not.json", b"{\"Records\":[{\"eventSource\":\"kms.amazonaws.com\",\"token\":hunter2pass c0ffee5ecret".to_vec()),
        ("log", (line("AAAA") + "hunter2pass c0ffee5ecret \x1b]0;alice\x07\n" + &line("hunter2pass")).into_bytes()),
        ("terraform.tfstate", text(state.clone())),
        ("cut.tfstate", text(state)[..300].to_vec()),
        ("list.csv", list.as_bytes().to_vec()),
        ("bill.csv", bill.as_bytes().to_vec()),
        ("table.csv", table.as_bytes().to_vec()),
        ("quotas.json", text(quotas)),
        ("encryption.json", text(encryption)),
        ("stream.jsonl", text(stream)),
        ("cut.json.gz", gzip(b"hunter2pass c0ffee5ecret")[..20].to_vec()),
        ("c0nfig", b"aws_secret_access_key = hunter2pass\n".to_vec()),
    ]
}

#[test]
fn no_secret_and_no_name_gets_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let given = dir.path().join("given/111122223333/acme-payroll");
    fs::create_dir_all(&given).expect("a folder");
    for (name, bytes) in files() {
        fs::write(given.join(name), bytes).expect("written");
    }
    let of = |path: &str, more: &[&str]| told(dir.path(), &[&[path], more].concat());
    let all = of("given", &[]);
    for hidden in SECRETS.iter().chain(NAMES) {
        let at = all.find(hidden).map_or(0, |at| at.saturating_sub(80));
        assert!(
            !all.contains(hidden),
            "{hidden}: {}",
            all[at..].chars().take(200).collect::<String>()
        );
    }
    assert!(all.contains("bucket-") && all.contains("account-") && all.contains("role-"));
    // One by one, for the messages of each.
    for (name, _) in files() {
        let path = format!("given/111122223333/acme-payroll/{name}");
        let all = of(&path, &[]);
        for hidden in SECRETS.iter().chain(NAMES) {
            assert!(!all.contains(hidden), "{name}: {hidden}: {all}");
        }
    }
    // Names are written on demand, secrets never, and no command of a terminal.
    let all = of("given", &["--keep-names"]);
    assert!(all.contains("acme-payroll") && all.contains("111122223333"));
    for hidden in SECRETS
        .iter()
        .chain(&["192.0.2.77", "salaries-2026", "\x1b"])
    {
        assert!(!all.contains(hidden), "{hidden}");
    }
}

#[test]
fn spoilt_beginnings_are_not_quoted() {
    // Whatever breaks, messages say where, not what.
    for (name, bytes) in samples() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut spoilt = bytes.clone();
        let at = spoilt.len() * 2 / 3;
        spoilt.splice(at..at, b"token=hunter2pass".iter().copied());
        fs::write(dir.path().join("file"), &spoilt).expect("written");
        let (_, totals, text) = import(dir.path(), &["file"]);
        assert!(
            !(text.clone() + &totals.to_string()).contains("hunter2pass"),
            "{name}: {text}"
        );
    }
}
