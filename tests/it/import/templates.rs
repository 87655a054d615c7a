//! CloudFormation's templates: what they say by their parameters' defaults, and what they leave open.

use super::{import, told};
use serde_json::{Value, json};
use std::fs;

/// Imports one template, names kept.
fn of(text: &str, more: &[&str]) -> (i32, Value, String) {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("template"), text).expect("written");
    let args: Vec<&str> = ["template", "--keep-names"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    import(dir.path(), &args)
}

#[test]
fn templates_are_as_true_as_their_files() {
    let Some(shared) = super::shared_files::shared() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let data = shared.join("import/cloudformation-sse-kms");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy(), "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    let truth = fs::read_to_string(data.join("truth.json")).expect("truth");
    let truth: Value = serde_json::from_str(&truth).expect("JSON");
    let expect = &truth["expect"];
    let lake = &expect["defaults"]["Lake"];
    let found = &totals["buckets"][lake["name"].as_str().expect("a name")];
    for key in ["encryption", "bucket_key"] {
        assert_eq!(found[key], lake[key], "{totals}");
    }
    assert_eq!(
        (&found["key"], &found["key_known_only_by_reference"]),
        (&json!("Key"), &json!(true))
    );
    // Its name is generated: the logical ID stands for it.
    assert_eq!(
        totals["buckets"]["Plain"]["encryption"],
        expect["defaults"]["Plain"]["encryption"]
    );
    assert_eq!(
        totals["buckets"].as_object().expect("buckets").len(),
        2,
        "Raw is absent: {totals}"
    );
    assert_eq!(
        totals["absent_by_condition"],
        json!({ "Raw": "condition HasKey does not hold" })
    );
    assert_eq!(totals["log_groups_with_key"], expect["log_groups_with_key"]);
    let unresolved = totals["unresolved"].as_array().expect("a list");
    for must in expect["unresolved_must_be_named"]
        .as_array()
        .expect("a list")
    {
        let must = must.as_str().expect("a text");
        let named = |u: &Value| u.as_str().is_some_and(|u| u.starts_with(must));
        assert!(
            unresolved.iter().any(named),
            "{must} is not in {unresolved:?}"
        );
        assert!(text.contains(must), "{text}");
    }
    assert_eq!(
        totals["skipped"][0]["count"], 1,
        "the loop is counted: {totals}"
    );
    assert_eq!(
        (&totals["resources"], &totals["kms_keys"]),
        (&json!(4), &json!(1))
    );
    // Given the parameter and the Region, nothing but the loop stays open.
    let arn = "arn:aws:kms:eu-west-3:111122223333:key/0f0f0f0f-1111-2222-3333-444444444444";
    let given = format!("KeyArn={arn}");
    let more = [
        "--keep-names",
        "--region",
        "eu-west-3",
        "--parameter",
        &given,
    ];
    let path = data.to_string_lossy();
    let args: Vec<&str> = [&*path].into_iter().chain(more).collect();
    let (_, totals, _) = import(dir.path(), &args);
    assert_eq!(totals["unresolved"], json!(["Fn::ForEach in Loop"]));
    assert_eq!(
        totals["buckets"]["raw-eu-west-3"],
        json!({ "encryption": "DSSE-KMS", "key": arn, "bucket_key": false })
    );

    let data = shared.join("import/cloudformation-widdix");
    let (status, totals, text) = import(dir.path(), &[&data.to_string_lossy(), "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    // The key is another stack's: not the AWS managed one.
    assert_eq!(
        totals["buckets"],
        json!({ "StateBucket": { "encryption": "SSE-KMS", "key": "unknown", "bucket_key": true } })
    );
    assert_eq!(
        (&totals["resources"], &totals["bucket_policies"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        totals["unresolved"],
        json!([
            "Fn::ImportValue in StateBucket",
            "parameter TerraformStateIdentifier in StateBucket"
        ])
    );
}

#[test]
fn json_yaml_and_what_the_cli_prints_say_the_same() {
    let template = json!({
        "Parameters": { "Names": { "Type": "CommaDelimitedList", "Default": "a, b" }, "Env": { "Type": "String", "Default": "test" } },
        "Mappings": { "Encryption": { "test": { "on": "true" } } },
        "Conditions": {
            "Both": { "Fn::And": [{ "Fn::Equals": [{ "Ref": "Env" }, "test"] }, { "Condition": "NotProd" }] },
            "NotProd": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Env" }, "prod"] }] },
            "Loop": { "Condition": "Loop" }
        },
        "Resources": {
            "Key": { "Type": "AWS::KMS::Key", "Properties": {} },
            "Alias": { "Type": "AWS::KMS::Alias", "Properties": { "AliasName": { "Fn::Sub": "alias/${Env}" }, "TargetKeyId": { "Ref": "Key" } } },
            "A": { "Type": "AWS::S3::Bucket", "Condition": "Both", "Properties": {
                "BucketName": { "Fn::Join": ["-", [{ "Fn::Select": ["1", { "Ref": "Names" }] }, { "Fn::Sub": ["${x}-${!y}", { "x": "z" }] }]] },
                "BucketEncryption": { "ServerSideEncryptionConfiguration": [{
                    "BucketKeyEnabled": { "Fn::FindInMap": ["Encryption", { "Ref": "Env" }, "on"] },
                    "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": { "Fn::If": ["NotProd", "alias/test", { "Ref": "AWS::NoValue" }] } }
                }] } } },
            "B": { "Type": "AWS::S3::Bucket", "Properties": { "BucketEncryption": { "Fn::If": ["Both", { "Ref": "AWS::NoValue" }, { "ServerSideEncryptionConfiguration": [] }] } } },
            "C": { "Type": "AWS::S3::Bucket", "Condition": "Loop", "Properties": { "BucketEncryption": { "ServerSideEncryptionConfiguration": [{
                "ServerSideEncryptionByDefault": { "SSEAlgorithm": { "Fn::If": ["Loop", "aws:kms", "AES256"] } } }] } } },
            "Fn::ForEach::Many": ["N", { "Ref": "Names" }, { "Made${N}": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": { "Fn::Sub": "made-${N}" },
                "BucketEncryption": { "ServerSideEncryptionConfiguration": [{ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms" } }] } } } }],
            "Queue": { "Type": "AWS::SQS::Queue" },
            "Trail": { "Type": "AWS::CloudTrail::Trail", "Properties": { "EventSelectors": [{ "ExcludeManagementEventSources": ["kms.amazonaws.com"] }] } }
        }
    });
    let yaml = "
Parameters:
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
  Env: {Type: String, Default: test}
Mappings: {Encryption: {test: {'on': 'true'}}}
Conditions:
  Both: !And [!Equals [!Ref Env, test], !Condition NotProd]
  NotProd: !Not [!Equals [!Ref Env, prod]]
  Loop: !Condition Loop
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {}}
  Alias: {Type: 'AWS::KMS::Alias', Properties: {AliasName: !Sub 'alias/${Env}', TargetKeyId: !Ref Key}}
  A:
    Type: AWS::S3::Bucket
    Condition: Both
    Properties:
      BucketName: !Join ['-', [!Select [1, !Ref Names], !Sub ['${x}-${!y}', {x: z}]]]
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - BucketKeyEnabled: !FindInMap [Encryption, !Ref Env, 'on']
            ServerSideEncryptionByDefault:
              SSEAlgorithm: aws:kms
              KMSMasterKeyID: !If [NotProd, alias/test, !Ref AWS::NoValue]
  B: {Type: 'AWS::S3::Bucket', Properties: {BucketEncryption: !If [Both, !Ref 'AWS::NoValue', {ServerSideEncryptionConfiguration: []}]}}
  C:
    Type: AWS::S3::Bucket
    Condition: Loop
    Properties: {BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: !If [Loop, 'aws:kms', AES256]}}]}}
  Fn::ForEach::Many:
    - N
    - !Ref Names
    - Made${N}:
        Type: AWS::S3::Bucket
        Properties:
          BucketName: !Sub made-${N}
          BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: aws:kms}}]}
  Queue: {Type: 'AWS::SQS::Queue'}
  Trail: {Type: 'AWS::CloudTrail::Trail', Properties: {EventSelectors: [{ExcludeManagementEventSources: [kms.amazonaws.com]}]}}
";
    let printed = [
        template.to_string(),
        yaml.to_owned(),
        json!({ "TemplateBody": template, "StagesAvailable": ["Original"] }).to_string(),
        json!({ "StagesAvailable": ["Original"], "TemplateBody": yaml }).to_string(),
        format!("\u{feff}{}", yaml.replace('\n', "\r\n")),
    ];
    for text in printed {
        let (status, totals, told) = of(&text, &[]);
        assert_eq!(status, 0, "{told}\n{text}");
        assert_eq!(
            totals["buckets"],
            json!({
                "b-z---y": { "encryption": "SSE-KMS", "key": "Key", "bucket_key": true },
                "B": { "encryption": "SSE-S3" },
                "C": { "encryption": "unknown" },
                "made-a": { "encryption": "SSE-KMS", "key": "aws/s3 (AWS managed)", "bucket_key": false },
                "made-b": { "encryption": "SSE-KMS", "key": "aws/s3 (AWS managed)", "bucket_key": false }
            }),
            "{text}"
        );
        assert_eq!(totals["unresolved"], json!(["condition Loop in C"]));
        assert_eq!(
            (
                &totals["resources"],
                &totals["totals"]["not_ours"],
                &totals["totals"]["records"]
            ),
            (&json!(9), &json!(1), &json!(9))
        );
        assert!(told.contains("a trail excludes KMS events"), "{told}");
    }
    let (status, _, text) = of(yaml, &["--parameter", "Evn=prod"]);
    assert_eq!(status, 2);
    assert!(text.contains("did you mean `Env`?"), "{text}");
    let (_, totals, _) = of(yaml, &["--parameter", "Env=prod"]);
    assert_eq!(
        totals["absent_by_condition"],
        json!({ "A": "condition Both does not hold" })
    );
}

#[test]
fn templates_that_are_spoilt_tell_where_and_nothing_secret() {
    let begun = "AWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  Secret: {Type: String, NoEcho: true, Default: hunter2}\nResources:\n  A: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Secret}}\n";
    let (status, totals, text) = of(begun, &[]);
    assert_eq!(status, 0, "{text}");
    assert!(!(totals.to_string() + &text).contains("hunter2"));
    assert_eq!(totals["unresolved"], json!(["parameter Secret in A"]));
    let (status, totals, text) = of(
        &format!("{begun}  B: {{Type: AWS::S3::Bucket\n  hunter3 ]: x\n"),
        &[],
    );
    assert_eq!(status, 2);
    assert!(
        text.contains("is not valid YAML in line 7, column "),
        "{text}"
    );
    assert!(!text.contains("hunter3"));
    assert_eq!(
        totals["buckets"]
            .as_object()
            .expect("what was before it")
            .len(),
        1
    );
    // Names are pseudonyms.
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("t.yaml"), begun).expect("written");
    let (_, totals, text) = import(dir.path(), &["t.yaml"]);
    assert!(!(totals.to_string() + &text).contains("Secret"), "{totals}");
    // Each value ten times the one before, functions and conditions inside each other, aliases of nothing.
    let mut laughs =
        "Resources:\n  A: {Type: AWS::S3::Bucket}\nx0: &x0 [AWS::, b, c, d, e, f, g, h, i, j]\n"
            .to_owned();
    for i in 1..12 {
        laughs += &format!("x{i}: &x{i} [{}]\n", format!("*x{}, ", i - 1).repeat(10));
    }
    let nested = format!("{}'a'{}", "!Join ['', [".repeat(60), "]]".repeat(60));
    let nested = format!(
        "Resources:\n  A: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {nested}}}}}\n"
    );
    let mut chain = "Conditions:\n".to_owned();
    for i in 0..20_000 {
        chain += &format!("  C{i}: !Not [!Condition C{}]\n", i + 1);
    }
    chain += "Resources:\n  A: {Type: AWS::S3::Bucket, Condition: C0}\n";
    for (text, status) in [(laughs, 2), (nested, 2), (chain, 0)] {
        let (found, totals, told) = of(&text, &["--format", "cloudformation"]);
        assert_eq!(found, status, "{told}");
        assert!(totals["buckets"].is_object() || status == 2, "{told}");
    }
}

#[test]
fn a_template_says_how_a_bucket_of_the_logs_is_encrypted() {
    let dir = tempfile::tempdir().expect("a folder");
    let line = |i: u32| {
        format!(
            "o lake [02/Mar/2026:03:{:02}:{:02} +0000] 10.0.0.1 arn:aws:iam::111122223333:user/etl ID{i} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"x\" - h SigV4 C AuthHeader lake.s3.eu-west-3.amazonaws.com TLSv1.3 - -\n",
            i / 60 % 60,
            i % 60
        )
    };
    fs::write(
        dir.path().join("log"),
        (0..600).map(line).collect::<String>(),
    )
    .expect("written");
    let template = "Resources:\n  L:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: lake\n      BucketEncryption: {ServerSideEncryptionConfiguration: [{BucketKeyEnabled: true, ServerSideEncryptionByDefault: {SSEAlgorithm: 'aws:kms', KMSMasterKeyID: !ImportValue k}}]}\n";
    fs::write(dir.path().join("t.yaml"), template).expect("written");
    let (status, _, text) = import(dir.path(), &["log", "t.yaml", "--keep-names"]);
    assert_eq!(status, 0, "{text}");
    let written = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
    assert!(
        written.contains("bucket_key = true")
            && written.contains("its encryption is as its settings say"),
        "{written}"
    );
    assert!(
        written.contains("unknown-key") && !written.contains("aws-s3"),
        "{written}"
    );
    let (status, text) = told(&super::kmsim(dir.path(), &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
}

#[test]
fn two_templates_are_two_and_one_there_twice_is_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let template = |spec: &str| {
        json!({ "Resources": {
            "Key": { "Type": "AWS::KMS::Key", "Properties": { "KeySpec": spec } },
            "Alias": { "Type": "AWS::KMS::Alias", "Properties": { "AliasName": "alias/lake", "TargetKeyId": { "Ref": "Key" } } },
            "Lake": { "Type": "AWS::S3::Bucket", "Properties": { "BucketEncryption": { "ServerSideEncryptionConfiguration": [{
                "BucketKeyEnabled": spec == "SYMMETRIC_DEFAULT",
                "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/lake" } }] } } },
            "Named": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "shared-bucket" } }
        } })
    };
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, text: String| fs::write(path(name), text).expect("written");
    write("a.json", template("SYMMETRIC_DEFAULT").to_string());
    write("b.json", template("HMAC_256").to_string());
    // The first once more, as AWS prints it.
    let printed =
        json!({ "TemplateBody": template("SYMMETRIC_DEFAULT"), "StagesAvailable": ["Original"] });
    write("c.json", printed.to_string());
    let args = ["a.json", "b.json", "c.json", "--keep-names"];
    let (status, totals, text) = import(dir.path(), &args);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        (&totals["resources"], &totals["kms_keys"]),
        (&json!(8), &json!(2))
    );
    let on = |key: &str, on: bool| json!({ "encryption": "SSE-KMS", "key": key, "bucket_key": on });
    assert_eq!(
        totals["buckets"],
        json!({ "Lake": on("Key", true), "Lake-2": on("Key-2", false), "shared-bucket": { "encryption": "SSE-S3" } })
    );
}

/// What `terraform show -json` prints of a plan with one bucket, whose key is `expression`.
fn plan(expression: &Value, key: &Value, unknown: &Value) -> Value {
    let address = "aws_s3_bucket_server_side_encryption_configuration.lake";
    let resource = |address: &str, values: Value| json!({ "address": address, "mode": "managed", "type": address.split('.').next(), "values": values });
    let rule = json!([{ "apply_server_side_encryption_by_default": [{ "sse_algorithm": "aws:kms", "kms_master_key_id": key }] }]);
    json!({
        "format_version": "1.2", "terraform_version": "1.9.8",
        "planned_values": { "root_module": { "resources": [
            resource("aws_s3_bucket.lake", json!({ "bucket": "lake" })),
            resource("aws_kms_key.own", json!({})),
            resource("aws_kms_alias.own", json!({ "name": "alias/own" })),
            resource(address, json!({ "bucket": "lake", "rule": rule })),
        ] } },
        "resource_changes": [{ "address": address, "change": { "actions": ["create"], "after_unknown": {
            "id": true, "rule": [{ "apply_server_side_encryption_by_default": [{ "kms_master_key_id": unknown }] }] } } }],
        "configuration": { "root_module": { "resources": [
            { "address": "aws_kms_alias.own", "expressions": { "target_key_id": { "references": ["aws_kms_key.own.key_id", "aws_kms_key.own"] } } },
            { "address": address, "expressions": {
                "bucket": { "references": ["aws_s3_bucket.lake.id", "aws_s3_bucket.lake"] },
                "rule": [{ "apply_server_side_encryption_by_default": [{ "kms_master_key_id": expression }] }] } }
        ] } }
    })
}

#[test]
fn a_key_that_a_plan_does_not_know_is_not_the_aws_managed_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let refers = |to: &str| json!({ "references": [to] });
    let by_reference = json!({ "key": "aws_kms_key.own", "key_known_only_by_reference": true });
    let all: [(Value, Value, Value, Value); 5] = [
        (
            refers("aws_kms_key.own.arn"),
            Value::Null,
            json!(true),
            by_reference.clone(),
        ),
        (
            refers("aws_kms_alias.own.arn"),
            Value::Null,
            json!(true),
            by_reference,
        ),
        // Another module's or another provider's.
        (
            refers("module.keys.arn"),
            Value::Null,
            json!(true),
            json!({ "key": "unknown" }),
        ),
        // A variable that is null, or a choice that came to null.
        (
            refers("var.key"),
            Value::Null,
            Value::Null,
            json!({ "key": "aws/s3 (AWS managed)" }),
        ),
        (
            refers("aws_kms_key.own.arn"),
            Value::Null,
            json!(false),
            json!({ "key": "aws/s3 (AWS managed)" }),
        ),
    ];
    for (expression, key, unknown, expected) in all {
        let text = plan(&expression, &key, &unknown).to_string();
        fs::write(dir.path().join("plan.json"), text).expect("written");
        let (status, totals, text) = import(dir.path(), &["plan.json", "--keep-names"]);
        assert_eq!(status, 0, "{text}");
        let mut wanted = json!({ "encryption": "SSE-KMS", "bucket_key": false });
        wanted
            .as_object_mut()
            .expect("an object")
            .extend(expected.as_object().cloned().expect("an object"));
        assert_eq!(totals["buckets"]["lake"], wanted, "{expression}");
    }
    // Nor is a bucket under S3's default whose algorithm only the plan's application tells.
    let mut open = plan(&refers("var.key"), &Value::Null, &Value::Null);
    open["planned_values"]["root_module"]["resources"][3]["values"]["rule"] = json!([]);
    open["resource_changes"][0]["change"]["after_unknown"]["rule"] = json!(true);
    fs::write(dir.path().join("plan.json"), open.to_string()).expect("written");
    let (_, totals, _) = import(dir.path(), &["plan.json", "--keep-names"]);
    assert_eq!(
        totals["buckets"]["lake"],
        json!({ "encryption": "unknown" })
    );
}
