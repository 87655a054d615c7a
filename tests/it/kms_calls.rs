//! One list of KMS calls for each kind of request: what was asked of the policies, under which encryption context and
//! context keys, what is denied and counted, and what CloudTrail shows of it.

use crate::common::{Rng, input, load, run_with, values};
use kmsim::access::ContextValue;
use kmsim::catalog;
use kmsim::cloudtrail::{LogFile, log_file};
use kmsim::explain::{Explanation, explain, text};
use kmsim::results::{Metrics, RunResults};
use kmsim::run::{RunOptions, run, sampled};
use kmsim::scenario::access::Check;
use kmsim::scenario::{Loaded, Variant};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Policy documents of one test, in a folder that lives as long.
struct Documents(tempfile::TempDir);

impl Documents {
    fn new() -> Documents {
        Documents(tempfile::tempdir().expect("a folder"))
    }

    /// The path of a document with these statements.
    fn path(&self, name: &str, statements: &Value) -> String {
        let path = self.0.path().join(format!("{name}.json"));
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        std::fs::write(&path, document.to_string()).expect("written");
        path.display().to_string()
    }
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

/// The use of a key under one encryption context.
fn allow_under(actions: &[&str], arn: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": arn}}})
}

fn metric(metrics: &Metrics, id: &str) -> f64 {
    values(metrics, id)[0]
}

fn results(loaded: &Loaded) -> RunResults {
    let run = run(loaded, RunOptions::default());
    run.unwrap_or_else(|e| panic!("{e}")).0
}

/// Everything that trails deliver of the n-th variant.
fn emitted(loaded: &Loaded, variant: usize) -> LogFile {
    let samples = sampled(loaded, 1_000_000, RunOptions::default()).expect("samples");
    log_file(&loaded.variants[variant], &samples[variant], loaded.seed)
}

/// The object or bucket that KMS records name, with their error.
fn contexts(file: &LogFile) -> Vec<(&str, Option<&str>)> {
    let kms = |r: &&Value| r["eventSource"] == "kms.amazonaws.com";
    let of = |r| {
        let record: &Value = r;
        let arn = record["requestParameters"]["encryptionContext"]["aws:s3:arn"].as_str();
        (arn.unwrap_or_default(), record["errorCode"].as_str())
    };
    file.records.iter().filter(kms).map(of).collect()
}

/// The checks of the KMS calls of the only class of a workload.
fn kms_checks<'v>(variant: &'v Variant, operation: &str) -> Vec<&'v Check> {
    let class = variant.plan.classes.iter();
    let class = class.enumerate().find(|(_, c)| c.operation == operation);
    let (class, _) = class.expect("a class");
    let checks = variant.requests()[class].checks.iter();
    checks.filter(|check| check.call.is_some()).collect()
}

/// A bucket `b` under a key `k` and one workload on it, one request a second for a hundred.
fn of_bucket(key: &str, bucket: &str, requester: &str, workload: &str) -> String {
    format!(
        "horizon = \"100s\"\nreplications = 1\nregion = \"eu-west-3\"\n[account.main]\nid = \"111122223333\"\n[key.k]\n{key}\n[bucket.b]\nkey = \"k\"\n{bucket}\n[requester.r]\n{requester}\n[workload.w]\nbucket = \"b\"\nobject = \"o\"\nclients = 1\narrivals.constant.rate = \"1/s\"\n{workload}\n"
    )
}

// ----- objects of both kinds ----------------------------------------------------------------------------

/// A policy that names the bucket lets in what lies under bucket keys, one that names the object what is older.
#[test]
fn older_objects_are_asked_for_under_their_own_context() {
    let documents = Documents::new();
    let s3 = allow(&["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::state/x");
    let kms = ["kms:Decrypt", "kms:GenerateDataKey"];
    let of = |name: &str, arn: &str| documents.path(name, &json!([s3, allow_under(&kms, arn)]));
    let of_object = of("object", "arn:aws:s3:::state/x");
    let of_bucket = of("bucket", "arn:aws:s3:::state");
    let text = format!(
        r#"
horizon = "1h"
replications = 1
region = "us-east-1"
[account.main]
trail_data_copies = 1
[key.state]
[bucket.state]
key = "state"
bucket_key = true
archived_bucket_keys = 1
older_objects = "50%"
[requester.sync]
identity_policies = ['{of_object}']
[workload.read]
bucket = "state"
operations.GetObject = 1
arrivals.constant.rate = "4/min"
clients = 1
object = "x"
[workload.write]
bucket = "state"
operations.PutObject = 1
arrivals.constant.rate = "4/min"
clients = 1
object = "x"
[variant.of-object]
[variant.of-bucket.requester.sync]
identity_policies = ['{of_bucket}']
[variant.of-object-no-quota]
assumption.denied_calls_consume_quota = false
"#
    );
    let loaded = load(&text);
    let results = results(&loaded);
    let denied = |v: usize, workload: &str| {
        metric(
            &results.variants[v].by_workload[workload],
            "s3_requests_denied",
        )
    };
    // Whether an object is older is drawn for each request, the same in all variants.
    let older = 240.0 - denied(0, "read");
    assert!((90.0..150.0).contains(&older), "{older}");
    assert_eq!(denied(0, "write"), 240.0);
    assert_eq!((denied(1, "read"), denied(1, "write")), (older, 0.0));
    assert_eq!(denied(2, "read"), denied(0, "read"));
    // What is not counted as an attempt is logged all the same.
    let kms = |v: usize, id: &str| metric(&results.variants[v].metrics, id);
    assert_eq!(kms(0, "kms_attempts"), 480.0);
    assert_eq!(kms(2, "kms_attempts"), older);
    assert_eq!(kms(2, "cloudtrail_kms_events"), 480.0);
    for (v, variant) in loaded.variants.iter().enumerate() {
        let by_statement = results.variants[v].by_statement.values();
        let counted: f64 = by_statement.map(|m| metric(m, "s3_requests_denied")).sum();
        assert_eq!(
            counted,
            kms(v, "s3_requests_denied"),
            "{}",
            variant.plan.name
        );
        let reads = explain(variant, Some("read"), None);
        let told: Vec<(f64, &str)> = reads
            .iter()
            .map(|e| (e.share.expect("a share"), e.decision.as_str()))
            .collect();
        let other = ["allow", "implicit deny"];
        let other = if v == 1 { [other[1], other[0]] } else { other };
        assert_eq!(told, [(0.5, other[0]), (0.5, other[1])]);
        assert!(text_of(&reads).contains("objects under bucket keys: 50 % of these requests"));
        // Each is logged under the context under which it was asked for.
        let file = emitted(&loaded, v);
        let contexts = contexts(&file);
        let of = |arn, error: Option<&str>| {
            contexts.iter().filter(|c| **c == (arn, error)).count() as f64
        };
        let (object, bucket) = ("arn:aws:s3:::state/x", "arn:aws:s3:::state");
        let refused = Some("AccessDenied");
        if v == 1 {
            assert_eq!(of(object, refused), older);
            assert_eq!(of(object, None) + of(bucket, refused), 0.0);
        } else {
            assert_eq!(of(object, None), older);
            assert_eq!(of(bucket, refused), 480.0 - older);
            assert_eq!(of(object, refused) + of(bucket, None), 0.0);
        }
        // A 403 of S3 for each that was denied.
        let events = file.records.iter();
        let events = events.filter(|r| r["eventSource"] == "s3.amazonaws.com");
        let refused = events.filter(|r| r["errorCode"] == "AccessDenied").count();
        assert_eq!(refused as f64, kms(v, "s3_requests_denied"));
    }
}

fn text_of(explanations: &[Explanation]) -> String {
    text(explanations)
}

/// All objects are older: no bucket key is concerned.
#[test]
fn a_bucket_of_older_objects_only_is_asked_for_object_by_object() {
    let documents = Documents::new();
    for (arn, decision) in [
        ("arn:aws:s3:::b/o", "allow"),
        ("arn:aws:s3:::b", "implicit deny"),
    ] {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*",
            "Condition": {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": arn}}});
        let policy = documents.path("key", &json!([statement]));
        let loaded = load(&of_bucket(
            &format!("policy = '{policy}'"),
            "bucket_key = true\narchived_bucket_keys = 1\nolder_objects = 1.0",
            "",
            "operations.GetObject = 1",
        ));
        let explained = explain(&loaded.variants[0], None, None);
        assert_eq!(explained.len(), 1);
        assert_eq!(explained[0].decision, decision, "{arn}");
        let context = &explained[0].cloudtrail[0]["requestParameters"]["encryptionContext"];
        assert_eq!(context["aws:s3:arn"], "arn:aws:s3:::b/o");
        let denied = metric(&results(&loaded).variants[0].metrics, "s3_requests_denied");
        assert_eq!(denied > 0.0, decision != "allow");
    }
}

/// Writes before bucket keys are switched on are for the object, those after for the bucket; so are reads of what was
/// written.
#[test]
fn bucket_keys_that_are_switched_on_in_the_run_change_the_context_then() {
    let documents = Documents::new();
    let kms = ["kms:Decrypt", "kms:GenerateDataKey"];
    let mut refused_reads = 0.0;
    for (arn, put) in [("arn:aws:s3:::b/o", 60.0), ("arn:aws:s3:::b", 40.0)] {
        let statements = json!([allow(&["s3:*"], "*"), allow_under(&kms, arn)]);
        let policy = documents.path("identity", &statements);
        let requester = format!("identity_policies = ['{policy}']");
        let bucket = "bucket_key = true\nbucket_key_since = \"40s\"\narchived_bucket_keys = 1";
        let puts = of_bucket("", bucket, &requester, "operations.PutObject = 1");
        let gets = of_bucket("", bucket, &requester, "operations.GetObject = 1");
        let reads = of_bucket("", bucket, "", "operations.PutObject = 1")
            .replace("arrivals.constant.rate = \"1/s\"", "job = { workers = 1, objects = 100, think_time.constant.value = \"1s\" }\nrequester = \"r\"")
            + &format!("[requester.reader]\n{requester}\n[workload.read]\nbucket = \"b\"\nobject = \"o\"\nrequester = \"reader\"\nreads = \"w\"\nafter = \"w\"\njob = {{ workers = 1, objects = 100 }}\npopularity.uniform.objects = 100\noperations.GetObject = 1\n[assumption]\ns3_latency.constant.value = 0\nkms_latency.constant.value = 0\n");
        for (text, denied) in [(&puts, Some(put)), (&gets, Some(put)), (&reads, None)] {
            let loaded = load(text);
            let r = results(&loaded);
            let found = metric(&r.variants[0].metrics, "s3_requests_denied");
            // Which objects are read is drawn, the same for either policy.
            refused_reads += if denied.is_none() { found } else { 0.0 };
            assert_eq!(denied.unwrap_or(found), found, "{text}");
            let file = emitted(&loaded, 0);
            let refused = contexts(&file).iter().filter(|c| c.1.is_some()).count();
            assert_eq!(refused as f64, found);
            assert!((20.0..80.0).contains(&found), "{found}");
        }
        let told: Vec<String> = explain(&load(&puts).variants[0], None, None)
            .into_iter()
            .filter(|e| e.decision == "allow")
            .filter_map(|e| e.objects)
            .collect();
        let kind = if arn.ends_with("/o") {
            "before"
        } else {
            "from"
        };
        assert!(
            told.len() == 1 && told[0].contains(&format!("{kind} 40s")),
            "{told:?}"
        );
    }
    assert_eq!(refused_reads, 100.0);
}

/// A replica keeps the setting of its source, object by object.
#[test]
fn replicas_of_older_objects_have_data_keys_of_their_own() {
    let replication = "operations.ReplicateObject = 1\ncopy_source = \"source\"\nrequester = \"r\"\n[bucket.source]\nkey = \"k\"\nbucket_key = true\narchived_bucket_keys = 1\nolder_objects = 0.5";
    let loaded = load(&of_bucket("", "", "", replication));
    let explained = explain(&loaded.variants[0], None, None);
    let calls: Vec<Vec<(&str, String)>> = explained
        .iter()
        .map(|e| {
            let call = |c: &kmsim::explain::KmsCall| match &c.encryption_context["aws:s3:arn"] {
                ContextValue::Single(arn) => arn.replace("arn:aws:s3:::", ""),
                ContextValue::Several(_) => String::new(),
            };
            let calls = e.kms_calls.iter();
            calls.map(|c| (c.operation.as_str(), call(c))).collect()
        })
        .collect();
    let on = |list: &[(&'static str, &str)]| -> Vec<(&str, String)> {
        list.iter()
            .map(|(o, arn)| (*o, (*arn).to_owned()))
            .collect()
    };
    assert_eq!(
        calls,
        [
            on(&[("Decrypt", "source/o"), ("Encrypt", "b/o")]),
            on(&[("Decrypt", "source"), ("Encrypt", "b"), ("Decrypt", "b")]),
        ]
    );
    // Of a hundred, some two calls for each older object, and a few for the two bucket keys of each side.
    let r = results(&loaded);
    let file = emitted(&loaded, 0);
    let object = |arn: &&(&str, Option<&str>)| arn.0.ends_with("/o");
    let older = contexts(&file).iter().filter(object).count();
    assert!((60..140).contains(&older) && older % 2 == 0, "{older}");
    let calls = metric(&r.variants[0].metrics, "kms_calls");
    assert_eq!(calls, (contexts(&file).len()) as f64);
    assert!(calls - older as f64 <= 6.0, "{calls}");
}

// ----- which calls, and who may make them ----------------------------------------------------------------

#[test]
fn replication_needs_what_it_calls_and_no_more() {
    let documents = Documents::new();
    let s3 = allow(&["s3:*"], "*");
    let of = |name: &str, source: &[&str], destination: &[&str]| {
        let arn = |key: &str| format!("arn:aws:kms:eu-west-3:111122223333:key/{key}");
        let mut statements = vec![s3.clone()];
        for (actions, key) in [(source, "source"), (destination, "k")] {
            if !actions.is_empty() {
                statements.push(allow(actions, &arn(key)));
            }
        }
        documents.path(name, &json!(statements))
    };
    let plain = of("plain", &["kms:Decrypt"], &["kms:Encrypt"]);
    let verified = of(
        "verified",
        &["kms:Decrypt"],
        &["kms:Encrypt", "kms:Decrypt"],
    );
    let generates = of("generates", &[], &["kms:GenerateDataKey"]);
    let nothing = of("nothing", &["kms:Decrypt"], &[]);
    let on = "bucket_key = true\narchived_bucket_keys = 1";
    for (policy, source, destination, operation, decision) in [
        (&plain, "", "", "ReplicateObject", "allow"),
        (&nothing, "", "", "ReplicateObject", "implicit deny"),
        // The replica keeps the setting of its source.
        (&plain, "", on, "ReplicateObject", "allow"),
        (&plain, on, "", "ReplicateObject", "implicit deny"),
        (&plain, on, on, "ReplicateObject", "implicit deny"),
        (&verified, on, "", "ReplicateObject", "allow"),
        (&verified, on, on, "ReplicateObject", "allow"),
        (
            &verified,
            "",
            "",
            "ReplicateUnencryptedObject",
            "implicit deny",
        ),
        (&generates, "", "", "ReplicateUnencryptedObject", "allow"),
        (&generates, "", on, "ReplicateUnencryptedObject", "allow"),
        (&generates, "", "", "ReplicateObject", "implicit deny"),
    ] {
        let copies = match operation {
            "ReplicateObject" => "copy_source = \"source\"\n",
            _ => "",
        };
        let loaded = load(&of_bucket(
            "",
            destination,
            &format!("identity_policies = ['{policy}']"),
            &format!(
                "operations.{operation} = 1\n{copies}[key.source]\n[bucket.source]\nkey = \"source\"\n{source}"
            ),
        ));
        let explained = explain(&loaded.variants[0], None, None);
        assert_eq!(
            explained[0].decision, decision,
            "{policy}, {operation}, {source}, {destination}"
        );
        assert_eq!(explained.len(), 1);
    }
}

/// A session of a directory bucket takes CreateSession, GenerateDataKey and Decrypt, each of them.
#[test]
fn a_directory_bucket_is_asked_for_its_session() {
    let documents = Documents::new();
    let all = [
        "s3express:CreateSession",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    ];
    for missing in all.iter().map(Some).chain([None]) {
        let actions: Vec<&str> = all
            .iter()
            .filter(|a| Some(*a) != missing)
            .copied()
            .collect();
        let policy = documents.path("identity", &json!([allow(&actions, "*")]));
        for operation in ["GetObject", "PutObject", "HeadObject", "ListObjects"] {
            let loaded = load(&of_bucket(
                "",
                "kind = \"directory\"",
                &format!("identity_policies = ['{policy}']"),
                &format!("operations.{operation} = 1"),
            ));
            let explained = &explain(&loaded.variants[0], None, None)[0];
            assert_eq!(
                explained.decision == "allow",
                missing.is_none(),
                "{missing:?} {operation}"
            );
            let asked: Vec<&str> = explained
                .permissions
                .iter()
                .map(|p| p.action.as_str())
                .collect();
            let upto = missing
                .and_then(|m| all.iter().position(|a| a == m))
                .unwrap_or(2);
            assert_eq!(asked, all[..=upto]);
            for call in &explained.kms_calls {
                let arn = "arn:aws:s3express:eu-west-3:111122223333:bucket/b";
                let context = ContextValue::Single(arn.to_owned());
                assert_eq!(call.encryption_context["aws:s3:arn"], context);
            }
        }
    }
    // Copies are sent without a session's keys: S3 calls KMS each time.
    let copy = "operations.CopyObject = 1";
    let loaded = load(&of_bucket("", "kind = \"directory\"", "", copy));
    let explained = &explain(&loaded.variants[0], None, None)[0];
    let asked: Vec<&str> = explained
        .permissions
        .iter()
        .map(|p| p.action.as_str())
        .collect();
    assert_eq!(
        asked,
        [
            "s3express:CreateSession",
            "kms:Decrypt",
            "kms:GenerateDataKey"
        ]
    );
    assert_eq!(
        metric(&results(&loaded).variants[0].metrics, "kms_calls"),
        200.0
    );
}

// ----- what a call brings along ----------------------------------------------------------------------------

#[test]
fn a_call_of_s3_carries_the_context_of_its_forward_access_session() {
    let through = |context: &str| {
        let text = of_bucket(
            "",
            "",
            "",
            &format!("operations.GetObject = 1\ncontext = {context}"),
        );
        load(&text).variants.swap_remove(0)
    };
    let endpoint = through(
        r#"{ "aws:SourceVpce" = "vpce-1", "aws:SourceVpc" = "vpc-1", "aws:VpcSourceIp" = "10.0.0.1", "aws:PrincipalTag/team" = "a" }"#,
    );
    let public = through(r#"{ "aws:sourceip" = "192.0.2.7", "aws:SecureTransport" = "true" }"#);
    for (variant, address) in [(&endpoint, None), (&public, Some("192.0.2.7"))] {
        let context = &kms_checks(variant, "GetObject")[0].request.context;
        for key in [
            "aws:SourceVpce",
            "aws:SourceVpc",
            "aws:VpcSourceIp",
            "s3:TlsVersion",
        ] {
            assert_eq!(context.get(key), None, "{key}");
        }
        assert_eq!(context.single("aws:SourceIp"), address);
        for (key, value) in [
            ("aws:SecureTransport", "true"),
            ("aws:ViaAWSService", "true"),
            ("kms:ViaService", "s3.eu-west-3.amazonaws.com"),
            ("kms:CallerAccount", "111122223333"),
        ] {
            assert_eq!(context.single(key), Some(value), "{key}");
        }
    }
    let kept = &kms_checks(&endpoint, "GetObject")[0].request.context;
    assert_eq!(kept.single("aws:PrincipalTag/team"), Some("a"));
    // What S3 itself is asked for has all of it.
    let asked = &endpoint.requests()[0].checks[0];
    assert_eq!(asked.request.action, "s3:GetObject");
    assert_eq!(
        asked.request.context.single("aws:SourceVpce"),
        Some("vpce-1")
    );
    assert_eq!(
        asked.request.context.single("aws:ViaAWSService"),
        Some("false")
    );
}

/// Plain HTTP to the bucket is no plain HTTP to KMS, and AWS's own sample denies no request over TLS.
#[test]
fn kms_is_called_over_tls_whatever_reached_s3() {
    let documents = Documents::new();
    let statements = json!([{"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "kms:*"], "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}}]);
    let rcp = documents.path("rcp", &statements);
    let text = of_bucket("", "", "", "operations.GetObject = 1").replace(
        "id = \"111122223333\"",
        &format!("id = \"111122223333\"\nresource_control_policies = ['{rcp}']"),
    );
    let decision = |text: &str| {
        explain(&load(text).variants[0], None, None)[0]
            .decision
            .clone()
    };
    // With and without AWS's own policy beside it.
    let full = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let written = json!([full, statements[0]]);
    for statements in [statements, written] {
        documents.path("rcp", &statements);
        assert_eq!(decision(&text), "allow");
        let plain = format!("{text}tls = \"none\"\n");
        assert_eq!(decision(&plain), "explicit deny");
    }
}

#[test]
fn services_and_service_roles_bring_their_own() {
    let context = r#"context = { "aws:SourceIp" = "192.0.2.7", "aws:SourceVpce" = "vpce-1" }"#;
    let role = of_bucket(
        "",
        "",
        "",
        &format!("operations.ReplicateObject = 1\n{context}"),
    );
    let role = load(&role).variants.swap_remove(0);
    for check in kms_checks(&role, "ReplicateObject") {
        let context = &check.request.context;
        assert_eq!(context.single("aws:ViaAWSService"), Some("false"));
        assert_eq!(
            context.single("kms:ViaService"),
            Some("s3.eu-west-3.amazonaws.com")
        );
        assert_eq!(
            (context.get("aws:SourceIp"), context.get("aws:SourceVpce")),
            (None, None)
        );
    }
    let service = of_bucket(
        "",
        "",
        "principal = \"s3.amazonaws.com\"",
        &format!("operations.PutObject = 1\n{context}"),
    );
    let service = load(&service).variants.swap_remove(0);
    let asked = &service.requests()[0].checks[0].request.context;
    for key in [
        "aws:SecureTransport",
        "s3:TlsVersion",
        "aws:SourceIp",
        "aws:VpcSourceIp",
    ] {
        assert_eq!(asked.get(key), None, "{key}");
    }
    assert_eq!(asked.single("aws:PrincipalIsAWSService"), Some("true"));
}

/// One account calls for a request, be the key another's.
#[test]
fn the_caller_is_one_account_in_every_call() {
    let documents = Documents::new();
    let policy = documents.path(
        "key",
        &json!([{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]),
    );
    // No requester is declared: the bucket's account sends, and the policy of the other's key does not let it in.
    let text = of_bucket(
        &format!("account = \"main\"\npolicy = '{policy}'"),
        "account = \"other\"",
        "",
        "operations.GetObject = 1\n[account.other]\nid = \"444455556666\"",
    )
    .replace("[requester.r]\n", "");
    let loaded = load(&text);
    let explained = &explain(&loaded.variants[0], None, None)[0];
    assert_eq!(explained.decision, "implicit deny");
    assert_eq!(explained.kms_calls[0].account, "other");
    let context = &kms_checks(&loaded.variants[0], "GetObject")[0]
        .request
        .context;
    assert_eq!(context.single("kms:CallerAccount"), Some("444455556666"));
    assert_eq!(
        explained.cloudtrail[0]["recipientAccountId"],
        "444455556666"
    );
}

/// The application's encryption context is asked for, and logged, as it is spelled.
#[test]
fn an_encryption_context_reaches_policies_and_records() {
    let documents = Documents::new();
    let root = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"});
    let deny = |condition: Value| {
        json!([root, {"Effect": "Deny", "Principal": "*", "Resource": "*", "Condition": condition,
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"]}])
    };
    let other = deny(json!({"StringNotEquals": {"kms:EncryptionContext:AppName": "app"}}));
    let absent = deny(json!({"Null": {"kms:EncryptionContext:AppName": "true"}}));
    for (name, statements) in [("other", other), ("absent", absent)] {
        let policy = documents.path(name, &statements);
        for (context, decision) in [
            ("", "explicit deny"),
            (
                r#"context = { "kms:EncryptionContext:AppName" = "app" }"#,
                "allow",
            ),
        ] {
            let loaded = load(&format!(
                "horizon = \"10s\"\nreplications = 1\nregion = \"eu-west-2\"\n[account.main]\nid = \"111122223333\"\n[key.k]\npolicy = '{policy}'\n[workload.w]\nkey = \"k\"\noperations.Encrypt = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n{context}\n"
            ));
            let explained = &explain(&loaded.variants[0], None, None)[0];
            assert_eq!(explained.decision, decision, "{name}");
            let file = emitted(&loaded, 0);
            assert_eq!(file.records.len(), 10);
            for record in file.records.iter().chain(&explained.cloudtrail) {
                let pairs = &record["requestParameters"]["encryptionContext"];
                let expected = if context.is_empty() {
                    Value::Null
                } else {
                    json!({"AppName": "app"})
                };
                assert_eq!(*pairs, expected);
            }
        }
    }
}

/// A caller that names its key by an alias is logged so; the key itself stands among the resources.
#[test]
fn a_record_names_the_key_as_the_caller_does() {
    for (key, key_id) in [
        ("alias/app", "alias/app"),
        ("k", "arn:aws:kms:eu-west-2:111122223333:key/k"),
    ] {
        let loaded = load(&format!(
            "horizon = \"2s\"\nreplications = 1\nregion = \"eu-west-2\"\n[account.main]\nid = \"111122223333\"\n[key.k]\nid = \"k\"\naliases = [\"alias/app\"]\n[workload.w]\nkey = \"{key}\"\noperations.GenerateDataKey = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n"
        ));
        let explained = &explain(&loaded.variants[0], None, None)[0];
        let file = emitted(&loaded, 0);
        assert_eq!(file.records.len(), 2);
        for record in file.records.iter().chain(&explained.cloudtrail) {
            assert_eq!(record["requestParameters"]["keyId"], key_id);
            let arn = "arn:aws:kms:eu-west-2:111122223333:key/k";
            assert_eq!(record["resources"][0]["ARN"], arn);
        }
    }
}

/// A key that AWS owns is nobody's: no policy has a say on it, and no call of it is seen.
#[test]
fn nobody_is_asked_for_a_key_that_aws_owns() {
    for workload in [
        "key = \"k\"\noperations.Decrypt = 1",
        "bucket = \"b\"\noperations.GetObject = 1",
    ] {
        let loaded = load(&format!(
            "horizon = \"2s\"\nreplications = 1\nregion = \"eu-west-2\"\n[key.k]\nmanaged_by = \"aws-owned\"\n[bucket.b]\nkey = \"k\"\n[workload.w]\n{workload}\narrivals.constant.rate = \"1/s\"\nclients = 1\n"
        ));
        let explained = &explain(&loaded.variants[0], None, None)[0];
        assert!(explained.kms_calls.is_empty() && explained.cloudtrail.is_empty());
        let mut permissions = explained.permissions.iter();
        assert!(
            permissions.all(|p| !p.action.starts_with("kms:")),
            "{workload}"
        );
        assert_eq!(
            metric(&results(&loaded).variants[0].metrics, "kms_calls"),
            0.0
        );
    }
}

/// Of what one statement denies, only what KMS denies is an event of KMS.
#[test]
fn one_statement_denies_some_by_s3_and_some_by_kms() {
    let documents = Documents::new();
    let scp = documents.path(
        "scp",
        &json!([{"Sid": "Freeze", "Effect": "Deny", "Action": ["s3:PutObject", "kms:Decrypt"], "Resource": "*"}]),
    );
    for draws in [true, false] {
        let loaded = load(&format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"eu-west-2\"\nassumption.denied_calls_consume_quota = {draws}\n[account.main]\nid = \"111122223333\"\nservice_control_policies = ['{scp}']\n[key.k]\n[bucket.b]\nkey = \"k\"\n[workload.get]\nbucket = \"b\"\noperations.GetObject = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n[workload.put]\nbucket = \"b\"\noperations.PutObject = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n"
        ));
        let explained = explain(&loaded.variants[0], None, None);
        let r = results(&loaded);
        let r = &r.variants[0];
        assert_eq!(r.by_statement.len(), 1);
        for (workload, events) in [("get", 10.0), ("put", 0.0)] {
            let counted = metric(&r.by_workload[workload], "cloudtrail_kms_events");
            assert_eq!(counted, events, "{workload} {draws}");
            let e = explained.iter().find(|e| e.workload == workload);
            let e = e.expect("an explanation");
            let denied = e
                .cloudtrail
                .iter()
                .filter(|r| r["errorCode"] == "AccessDenied");
            assert_eq!(
                denied.count(),
                usize::from(events > 0.0),
                "{workload} {draws}"
            );
            assert_eq!(e.kms_calls.len(), usize::from(events > 0.0));
        }
    }
}

/// What `explain` says of the events of KMS is what a run counts, in every variant of the shipped scenarios on access.
#[test]
fn explain_and_run_agree_on_the_events_of_shipped_scenarios() {
    let mut compared = 0;
    for name in [
        "role-without-decrypt",
        "key-policy-without-caller",
        "deny-missing-encryption",
        "deny-plain-http",
        "deny-wrong-encryption",
    ] {
        let path = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let input = kmsim::input::Input::from_path(&path).expect("a file");
        let loaded = kmsim::scenario::load(&input, &["replications=2".to_owned()]);
        let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
        let results = results(&loaded);
        for (variant, r) in loaded.variants.iter().zip(&results.variants) {
            let explained = explain(variant, None, None);
            for (workload, m) in &r.by_workload {
                let mut of = explained.iter().filter(|e| e.workload == *workload);
                let told = of.any(|e| !e.cloudtrail.is_empty());
                let counted = metric(m, "cloudtrail_kms_events") > 0.0;
                assert_eq!(told, counted, "{name} {} {workload}", r.name);
                compared += 1;
            }
        }
    }
    assert!(compared >= 10, "{compared}");
}

// ----- in any scenario -------------------------------------------------------------------------------------

/// Buckets of all kinds and operations of all kinds, under policies that let some of the calls through.
fn any_scenario(seed: u64, documents: &Documents) -> String {
    let mut r = Rng::new(seed);
    let mut t = format!(
        "seed = {seed}\nhorizon = \"30s\"\nreplications = 1\nregion = \"us-east-1\"\n[account.a]\nid = \"111122223333\"\ntrail_data_copies = 1\n[account.b]\nid = \"444455556666\"\ntrail_data_copies = 1\n[assumption]\ndenied_calls_consume_quota = {}\nbucket_key_verification = {}\nbucket_key_fanout = 1\ndsse_kms_calls = {}\nkms_latency.constant.value = 0\ns3_latency.constant.value = 0\n[key.k]\naccount = \"a\"\n[key.l]\naccount = \"b\"\n",
        r.chance(0.7),
        r.chance(0.7),
        1 + r.below(2),
    );
    let buckets = ["one", "two", "three"];
    for name in buckets {
        let _ = writeln!(
            t,
            "[bucket.{name}]\naccount = \"{}\"\nkey = \"{}\"",
            r.pick(&["a", "b"]),
            r.pick(&["k", "l"])
        );
        let kind = match r.below(6) {
            0 => "kind = \"directory\"".to_owned(),
            1 => "encryption = \"DSSE-KMS\"".to_owned(),
            2 => String::new(),
            _ => format!(
                "bucket_key = true\narchived_bucket_keys = {}\nolder_objects = {}\nbucket_key_since = \"{}s\"",
                1 + r.below(3),
                r.pick(&[0.0, 0.4, 1.0]),
                r.pick(&[0, 0, 11]),
            ),
        };
        let _ = writeln!(t, "{kind}");
    }
    let calls = [
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:ReEncrypt*",
    ];
    for who in ["x", "y"] {
        let mut statements = vec![allow(&["s3:*", "s3express:*"], "*")];
        for call in calls {
            match r.below(5) {
                0 => {}
                1 => statements.push(json!({"Effect": "Allow", "Action": call, "Resource": "*",
                    "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:*/*"}}})),
                2 => statements.push(json!({"Effect": "Allow", "Action": call, "Resource": "*",
                    "Condition": {"StringNotLike": {"kms:EncryptionContext:aws:s3:arn": "arn:*/*"}}})),
                _ => statements.push(allow(&[call], "*")),
            }
        }
        let path = documents.path(&format!("{who}-{seed}"), &json!(statements));
        let _ = writeln!(
            t,
            "[requester.{who}]\naccount = \"{}\"\nidentity_policies = ['{path}']",
            r.pick(&["a", "b"])
        );
    }
    let operations: Vec<&str> = catalog::s3_operations()
        .iter()
        .map(|o| o.id.as_str())
        .filter(|id| *id != "LifecycleTransition")
        .chain(["MultipartUpload"])
        .collect();
    for w in 0..8 {
        let header = r
            .pick(&[
                "",
                "bucket_key_header = true\n",
                "bucket_key_header = false\n",
            ])
            .to_owned();
        let operation = *r.pick(&operations);
        let writes = ["PutObject", "PostObject", "CopyObject", "MultipartUpload"];
        let header = if writes.contains(&operation) {
            header
        } else {
            ""
        };
        let (bucket, source) = (r.pick(&buckets).to_owned(), r.pick(&buckets).to_owned());
        let from = catalog::s3_operation(operation).is_some_and(|row| {
            row.permissions
                .iter()
                .any(|p| p.on == catalog::PermissionSide::Source)
        });
        let source = if from {
            format!("copy_source = \"{source}\"\n")
        } else {
            String::new()
        };
        let parts = if operation == "MultipartUpload" {
            "parts = 2\n"
        } else {
            ""
        };
        let _ = write!(
            t,
            "[workload.w{w}]\nbucket = \"{bucket}\"\nobject = \"o{w}\"\nrequester = \"{}\"\nclients = 2\noperations.{operation} = 1\n{source}{header}{parts}arrivals.{}.rate = \"2/s\"\n",
            r.pick(&["x", "y"]),
            r.pick(&["constant", "poisson"]),
        );
    }
    t
}

/// Whether a directory bucket does not know an operation, so that the scenario is refused.
fn read(text: &str) -> Option<Loaded> {
    let input = input(text);
    kmsim::scenario::load(&input, &[]).ok()
}

#[test]
fn every_call_is_asked_for_and_every_permission_belongs_to_a_call() {
    let documents = Documents::new();
    let (mut mixed, mut compared) = (0, 0);
    for seed in 0..120 {
        let text = any_scenario(seed, &documents);
        let Some(loaded) = read(&text) else { continue };
        compared += 1;
        let variant = &loaded.variants[0];
        let plan = &variant.plan;
        for (c, kind) in variant.requests().iter().enumerate() {
            let class = &plan.classes[c];
            let taken: BTreeSet<usize> = plan.kms_steps_of(class).iter().map(|l| l.call).collect();
            for &call in &taken {
                let made = &kind.calls[call];
                let asked: Vec<&Check> = kind
                    .checks
                    .iter()
                    .filter(|k| k.call == Some(call))
                    .collect();
                assert!(
                    !asked.is_empty(),
                    "{} of {c} was not asked for\n{text}",
                    made.operation
                );
                for check in asked {
                    let operation = made.operation.name();
                    assert!(
                        check
                            .request
                            .action
                            .starts_with(&format!("kms:{operation}"))
                    );
                    let key = &variant.scenario.key[&made.key];
                    assert!(check.request.resource.resource.ends_with(&key.id));
                    for (name, value) in &made.encryption_context {
                        let name = format!("kms:EncryptionContext:{name}");
                        assert_eq!(check.request.context.get(&name), Some(value));
                    }
                    let caller = check.request.context.single("kms:CallerAccount");
                    let account = &variant.scenario.account[&kind.caller.account];
                    assert_eq!(caller, Some(account.id.as_str()));
                }
            }
            for check in &kind.checks {
                let Some(call) = check.call else {
                    assert!(check.request.action.starts_with("s3"));
                    continue;
                };
                // A call that is denied before it draws on a quota has no step where all of its class are denied.
                let unseen = class
                    .denial
                    .is_some_and(|d| plan.denials[d].call_without_quota.is_some());
                assert!(
                    taken.contains(&call) || unseen && check.refusal.is_some(),
                    "{text}"
                );
            }
        }
        let r = results(&loaded);
        let r = &r.variants[0];
        let denied = metric(&r.metrics, "s3_requests_denied");
        let by_statement: f64 = r
            .by_statement
            .values()
            .map(|m| metric(m, "s3_requests_denied"))
            .sum();
        assert_eq!(denied, by_statement, "{text}");
        let explained = explain(variant, None, None);
        for (workload, m) in &r.by_workload {
            let of: Vec<&Explanation> = explained
                .iter()
                .filter(|e| e.workload == *workload)
                .collect();
            let refused = of.iter().filter(|e| e.decision != "allow").count();
            let (requests, denied) = (metric(m, "s3_requests"), metric(m, "s3_requests_denied"));
            if refused == 0 {
                assert_eq!(denied, 0.0, "{workload}\n{text}");
            } else if refused == of.len() {
                assert_eq!(denied, requests, "{workload}\n{text}");
            } else {
                mixed += usize::from(denied > 0.0 && denied < requests);
            }
        }
        let told: BTreeSet<&str> = explained
            .iter()
            .filter_map(|e| e.denied_by.as_deref())
            .collect();
        let counted: BTreeSet<&str> = r
            .by_statement
            .iter()
            .filter(|(_, m)| metric(m, "s3_requests_denied") > 0.0)
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(told.is_superset(&counted), "{told:?} {counted:?}\n{text}");
        // CloudTrail shows the 403s of S3, and a denied call of KMS for each of them.
        let file = emitted(&loaded, 0);
        let refused = |source: &str| {
            let records = file.records.iter().filter(|r| r["eventSource"] == source);
            records.filter(|r| r["errorCode"] == "AccessDenied").count() as f64
        };
        assert_eq!(refused("s3.amazonaws.com"), denied, "{text}");
        assert_eq!(refused("kms.amazonaws.com"), denied, "{text}");
    }
    assert!(compared > 60 && mixed > 10, "{compared} {mixed}");
}

/// Counted or simulated, the same requests are denied.
#[test]
fn what_is_denied_of_either_kind_is_the_same_counted_and_simulated() {
    let documents = Documents::new();
    let mut compared = 0;
    for seed in 0..40 {
        let text = any_scenario(seed, &documents);
        if read(&text).is_none() {
            continue;
        }
        let (counted, simulated) = (run_with(&text, false).0, run_with(&text, true).0);
        for (workload, m) in &counted.variants[0].by_workload {
            for id in ["s3_requests", "s3_requests_denied", "s3_requests_succeeded"] {
                let other = &simulated.variants[0].by_workload[workload];
                assert_eq!(metric(m, id), metric(other, id), "{workload} {id}\n{text}");
            }
        }
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

/// An operation that names no key is asked of who calls it.
#[test]
fn operations_without_a_key_are_asked_of_the_callers_policies() {
    let documents = Documents::new();
    for (action, decision) in [
        ("kms:GenerateRandom", "allow"),
        ("kms:ListKeys", "implicit deny"),
    ] {
        let policy = documents.path("identity", &json!([allow(&[action], "*")]));
        let loaded = load(&format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"eu-west-2\"\n[key.k]\n[requester.r]\nidentity_policies = ['{policy}']\n[workload.w]\nkey = \"k\"\noperations.GenerateRandom = 1\narrivals.constant.rate = \"1/s\"\nclients = 1\n"
        ));
        let explained = &explain(&loaded.variants[0], None, None)[0];
        assert_eq!(explained.decision, decision);
        assert_eq!(explained.permissions[0].action, "kms:GenerateRandom");
        let denied = metric(&results(&loaded).variants[0].metrics, "app_requests_denied");
        assert_eq!(denied > 0.0, decision != "allow");
    }
}
