//! CloudTrail: what each trail delivers and costs, and the log file, read back by a strict reader.

use crate::common::{load, run, values};
use kmsim::cloudtrail::log_file;
use kmsim::results::{RunResults, TrailResults, VariantResults};
use kmsim::run::{RunOptions, sampled};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn variant<'r>(results: &'r RunResults, name: &str) -> &'r VariantResults {
    let found = results.variants.iter().find(|v| v.name == name);
    found.unwrap_or_else(|| panic!("no variant {name}"))
}

fn usd(v: &VariantResults) -> f64 {
    values(&v.metrics, "cost_cloudtrail_usd")[0]
}

/// Copies of KMS events, copies that are charged, dollars.
fn told(trail: &TrailResults) -> (f64, f64, f64) {
    let of = |id: &str| values(&trail.metrics, id)[0];
    (
        of("cloudtrail_kms_copies"),
        trail.events_billed,
        of("cost_cloudtrail_usd"),
    )
}

/// hashicorp/terraform-provider-aws, pull request 17203: a second trail pays for 100 million Decrypt events until it can
/// exclude them (a month of them, here within a day); aws-solutions/dynamic-image-transformation, issue 437: 7 million paid events, $140.
const SECOND_TRAIL: &str = r#"
horizon = "1d"
replications = 1
region = "eu-west-1"
[account.main]
[key.lake]
[trail.first]
[trail.second]
[workload.reader]
key = "lake"
operations.Decrypt = 1
arrivals.constant.rate = "100000000/d"
clients = 1
[variant.two-trails]
[variant.second-excludes-kms.trail.second]
kms_events = false
[variant.first-excludes-kms.trail.first]
kms_events = false
[variant.second-writes-only.trail.second]
events = "write"
[variant.second-of-another-region.trail.second]
regions = ["us-east-1", "us-west-2"]
[variant.second-of-this-region.trail.second]
regions = ["us-east-1", "eu-west-1"]
[variant.third]
trail.third = {}
[variant.second-thrice.trail.second]
copies = 3
[variant.none-of-kms.trail]
first.kms_events = false
second.kms_events = false
[variant.image-handler.workload.reader]
arrivals.constant.rate = "7000000/d"
"#;

#[test]
fn a_second_trail_that_excludes_kms_costs_nothing() {
    let r = run(SECOND_TRAIL);
    for (name, dollars) in [
        ("two-trails", 2_000.0),
        ("second-excludes-kms", 0.0),
        ("first-excludes-kms", 0.0),
        ("second-writes-only", 0.0),
        ("second-of-another-region", 0.0),
        ("second-of-this-region", 2_000.0),
        ("third", 4_000.0),
        ("second-thrice", 6_000.0),
        ("none-of-kms", 0.0),
        ("image-handler", 140.0),
    ] {
        let v = variant(&r, name);
        assert_eq!(usd(v), dollars, "{name}");
        let of_trails: f64 = v.by_trail.values().map(|t| told(t).2).sum();
        assert_eq!(of_trails, dollars, "{name}");
        // Whatever trails deliver, CloudTrail records each call.
        let events = values(&v.metrics, "cloudtrail_kms_events")[0];
        assert_eq!(events, values(&v.metrics, "kms_attempts")[0], "{name}");
        let copies: f64 = v.by_trail.values().map(|t| told(t).0).sum();
        assert_eq!(
            copies,
            values(&v.metrics, "cloudtrail_kms_copies")[0],
            "{name}"
        );
        let billed: f64 = v
            .bill
            .iter()
            .filter(|l| l.item == "cloudtrail-copies")
            .map(|l| l.quantity)
            .sum();
        let of_trails: f64 = v.by_trail.values().map(|t| t.events_billed).sum();
        assert_eq!(billed, of_trails, "{name}");
    }
    let hundred_million = 1e8;
    let of = |name: &str, trail: &str| told(&variant(&r, name).by_trail[trail]);
    assert_eq!(of("two-trails", "first"), (hundred_million, 0.0, 0.0));
    assert_eq!(
        of("two-trails", "second"),
        (hundred_million, hundred_million, 2_000.0)
    );
    assert_eq!(of("second-excludes-kms", "second"), (0.0, 0.0, 0.0));
    // Where the first leaves them out, the second delivers the first copy.
    assert_eq!(
        of("first-excludes-kms", "second"),
        (hundred_million, 0.0, 0.0)
    );
}

/// The short form and the trails that it stands for are the same, to the digit.
#[test]
fn the_short_form_is_short_for_trails() {
    let scenario = |account: &str, trails: &str| {
        format!(
            "horizon = \"60s\"\nreplications = 3\nregion = \"us-east-1\"\n[account.main]\n{account}\n[account.other]\n\
             [key.k]\n[bucket.b]\nkey = \"k\"\n{trails}\n[workload.w]\nbucket = \"b\"\n\
             operations = {{ GetObject = 3, PutObject = 1 }}\narrivals.poisson.rate = \"20/s\"\nclients = 1\n"
        )
    };
    for (account, trails) in [
        ("trail_copies = 1", "[trail.a]"),
        ("trail_copies = 3", "[trail.a]\n[trail.b]\n[trail.c]"),
        ("trail_copies = 3", "[trail.a]\n[trail.b]\ncopies = 2"),
        (
            "trail_copies = 2\ntrail_kms_events = false",
            "[trail.a]\nkms_events = false\n[trail.b]\nkms_events = false",
        ),
        (
            "trail_copies = 2\ntrail_events = \"write\"",
            "[trail.a]\nevents = \"write\"\ncopies = 2",
        ),
        ("trail_copies = 0", "[trail.a]\ncopies = 0"),
        (
            "trail_copies = 2\ntrail_data_copies = 1",
            "[trail.a]\ndata_events = \"all\"\n[trail.b]",
        ),
        (
            "trail_copies = 0\ntrail_data_copies = 2",
            "[trail.a]\nevents = \"none\"\ndata_events = \"all\"\ncopies = 2",
        ),
    ] {
        let of = |text: &str| {
            let v = run(text).variants.remove(0);
            (v.metrics, v.bill, v.by_workload, v.by_bucket)
        };
        assert_eq!(
            of(&scenario(account, "")),
            of(&scenario("", trails)),
            "{account} is {trails}"
        );
    }
}

#[test]
fn data_events_are_selected_by_kind_and_bucket() {
    let scenario = |trail: &str| {
        format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\n[account.main]\n[key.k]\n[bucket.a]\nkey = \"k\"\n\
             [bucket.b]\nkey = \"k\"\n[trail.t]\n{trail}\n[workload.reads]\nbucket = \"a\"\noperations.GetObject = 1\n\
             arrivals.constant.rate = \"5/s\"\nclients = 1\n[workload.writes]\nbucket = \"b\"\noperations.PutObject = 1\n\
             arrivals.constant.rate = \"3/s\"\nclients = 1\n"
        )
    };
    for (trail, events) in [
        ("", 0.0),
        ("data_events = \"all\"", 80.0),
        ("data_events = \"read\"", 50.0),
        ("data_events = \"write\"", 30.0),
        ("data_events = \"all\"\ndata_buckets = [\"b\"]", 30.0),
        ("data_events = \"read\"\ndata_buckets = [\"b\"]", 0.0),
        ("data_events = \"all\"\ncopies = 2", 160.0),
    ] {
        let text = scenario(trail);
        let r = run(&text);
        let v = &r.variants[0];
        assert_eq!(
            values(&v.metrics, "cloudtrail_data_events")[0],
            events,
            "{trail}"
        );
        let data: f64 = v
            .bill
            .iter()
            .filter(|l| l.item == "cloudtrail-data-events")
            .map(|l| l.quantity)
            .sum();
        assert_eq!(data, events, "{trail}");
        // A log file has each event once, however many trails deliver it.
        let loaded = load(&text);
        let records = sampled(&loaded, 1_000, RunOptions::default()).expect("records");
        let file = log_file(&loaded.variants[0], &records[0], loaded.seed);
        let in_file = file
            .records
            .iter()
            .filter(|r| r["eventCategory"] == "Data")
            .count();
        let each = if trail.contains("copies") {
            events / 2.0
        } else {
            events
        };
        assert_eq!(in_file as f64, each, "{trail}");
    }
}

// ----- the log file -----------------------------------------------------------------------------------------

/// Every kind of principal, operations on a key and on none, two accounts, each answer that KMS gives.
const EVERYONE: &str = r#"
horizon = "60s"
replications = 1
region = "eu-west-3"
start = "2026-11-24T18:30:00Z"
[account.main]
trail_data_copies = 1
[account.other]
trail_data_copies = 1
[key.k]
policy = "scenarios/policies/key-for-logs.json"
[key.hmac]
spec = "HMAC_384"
[key.rsa]
spec = "RSA_2048"
[key.off]
disabled_at = "30s"
[key.gone]
pending_deletion_at = "30s"
[key.theirs]
account = "other"
[bucket.b]
key = "k"
[bucket.keyed]
key = "k"
bucket_key = true
archived_bucket_keys = 3
[log_group.g]
key = "k"
incoming_bytes_per_second = "1 KB"
[requester.app]
[requester.root]
principal = "arn:aws:iam::111122223333:root"
[requester.alice]
principal = "arn:aws:iam::111122223333:user/team/alice"
[requester.bob]
principal = "arn:aws:sts::111122223333:federated-user/bob"
[requester.role]
principal = "arn:aws:iam::111122223333:role/team/etl"
[requester.lambda]
principal = "arn:aws:sts::111122223333:assumed-role/lambda/fn"
[requester.logs]
principal = "logging.s3.amazonaws.com"
[requester.nobody]
identity_policies = []
[quota.q]
limit = "30/s"
[workload.root]
key = "k"
requester = "root"
operations = { GenerateRandom = 1, ListKeys = 1, DescribeKey = 1 }
arrivals.constant.rate = "3/s"
clients = 1
[workload.alice]
key = "k"
requester = "alice"
operations = { ReEncrypt = 1, Encrypt = 1, GenerateDataKey = 1, GenerateDataKeyWithoutPlaintext = 1 }
arrivals.constant.rate = "8/s"
clients = 1
context = { "kms:EncryptionContext:AppName" = "app" }
[workload.mac]
key = "hmac"
requester = "bob"
operations = { GenerateMac = 1, VerifyMac = 1 }
arrivals.constant.rate = "4/s"
clients = 1
[workload.signer]
key = "rsa"
requester = "role"
operations = { Sign = 1, Verify = 1, Decrypt = 1 }
arrivals.constant.rate = "3/s"
clients = 1
[workload.theirs]
key = "theirs"
requester = "lambda"
operations = { Decrypt = 4, GenerateRandom = 1 }
arrivals.constant.rate = "5/s"
clients = 1
[workload.off]
key = "off"
requester = "app"
operations.Decrypt = 1
arrivals.constant.rate = "2/s"
clients = 1
[workload.gone]
key = "gone"
requester = "app"
operations.Decrypt = 1
arrivals.constant.rate = "2/s"
clients = 1
[workload.nobody]
key = "k"
requester = "nobody"
operations.Decrypt = 1
arrivals.constant.rate = "2/s"
clients = 1
[workload.objects]
bucket = "b"
requester = "lambda"
operations = { GetObject = 3, PutObject = 1, ListObjects = 1 }
arrivals.flash-crowd = { base = "5/s", peak = "60/s", at = "10s", rise = "5s", decay = "10s" }
popularity.uniform.objects = 50
clients = 3
[workload.by-user]
bucket = "keyed"
requester = "alice"
popularity.uniform.objects = 20
operations = { GetObject = 1, PutObject = 1 }
arrivals.constant.rate = "5/s"
clients = 1
[workload.by-endpoint]
bucket = "b"
requester = "app"
operations.PutObject = 1
arrivals.constant.rate = "1/s"
clients = 1
context = { "aws:SourceVpce" = "vpce-1", "aws:VpcSourceIp" = "10.0.3.7" }
[workload.by-root]
bucket = "b"
requester = "root"
operations.GetObject = 1
arrivals.constant.rate = "1/s"
clients = 1
"#;

/// The fields of an object must be these, those in brackets may be.
#[track_caller]
fn has_fields(object: &Value, fields: &[&str], of: &Value) {
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("no object in {of}"));
    let known = |name: &str| fields.iter().any(|f| f.trim_matches(['[', ']']) == name);
    for name in object.keys() {
        assert!(known(name), "`{name}` in {of}");
    }
    for field in fields.iter().filter(|f| !f.starts_with('[')) {
        assert!(object.contains_key(*field), "no `{field}` in {of}");
    }
}

fn text<'v>(value: &'v Value, of: &Value) -> &'v str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text in {of}"))
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_account(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// `userIdentity` as the CloudTrail User Guide describes the element.
fn check_identity(record: &Value) {
    let who = &record["userIdentity"];
    let kind = text(&who["type"], record);
    let key = |prefix: &str| {
        let key = text(&who["accessKeyId"], record);
        // Nobody's: it is marked as made up.
        assert!(
            key.len() == 20 && key.starts_with(prefix) && key.ends_with("EXAMPLE"),
            "{record}"
        );
    };
    let attributes = || {
        let attributes = &who["sessionContext"]["attributes"];
        has_fields(attributes, &["creationDate", "mfaAuthenticated"], record);
        assert!(is_time(&attributes["creationDate"]), "{record}");
        assert_eq!(attributes["mfaAuthenticated"], "false", "{record}");
        assert!(attributes["creationDate"].as_str() <= record["eventTime"].as_str());
    };
    let own = [
        "type",
        "principalId",
        "arn",
        "accountId",
        "accessKeyId",
        "[invokedBy]",
    ];
    let and = |more: &'static str| [&own[..], &[more]].concat();
    match kind {
        "Root" => {
            has_fields(who, &own, record);
            assert_eq!(who["principalId"], who["accountId"]);
            key("AKIA");
        }
        "IAMUser" => {
            has_fields(who, &and("userName"), record);
            assert!(text(&who["principalId"], record).starts_with("AIDA"));
            key("AKIA");
        }
        "AssumedRole" => {
            has_fields(who, &and("sessionContext"), record);
            let context = &who["sessionContext"];
            has_fields(context, &["sessionIssuer", "attributes"], record);
            let issuer = &context["sessionIssuer"];
            has_fields(
                issuer,
                &["type", "principalId", "arn", "accountId", "userName"],
                record,
            );
            let (id, session) = text(&who["principalId"], record)
                .split_once(':')
                .expect("a session");
            assert_eq!(id, issuer["principalId"], "{record}");
            let role = text(&issuer["userName"], record);
            let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}");
            assert_eq!(who["arn"], arn, "{record}");
            key("ASIA");
            attributes();
        }
        "FederatedUser" => {
            has_fields(who, &and("sessionContext"), record);
            has_fields(&who["sessionContext"], &["attributes"], record);
            key("ASIA");
            attributes();
        }
        "AWSAccount" => {
            has_fields(
                who,
                &["type", "principalId", "accountId", "[invokedBy]"],
                record,
            );
            assert_ne!(who["accountId"], record["recipientAccountId"]);
        }
        "AWSService" => has_fields(who, &["type", "invokedBy"], record),
        other => panic!("{other} in {record}"),
    }
    if kind != "AWSService" {
        assert!(is_account(&who["accountId"]), "{record}");
    }
    // Whoever calls for somebody is also where the call comes from.
    if let Some(by) = who.get("invokedBy") {
        assert_eq!(
            (&record["sourceIPAddress"], &record["userAgent"]),
            (by, by),
            "{record}"
        );
    } else {
        assert!(
            text(&record["sourceIPAddress"], record)
                .parse::<std::net::IpAddr>()
                .is_ok()
        );
    }
}

/// `requestParameters` of KMS's operations (KMS Developer Guide, examples of log entries).
fn parameters(operation: &str) -> &'static [&'static str] {
    match operation {
        "GenerateRandom" | "ListKeys" => &[],
        "Decrypt" => &["encryptionAlgorithm", "[keyId]", "[encryptionContext]"],
        "Encrypt" => &["encryptionAlgorithm", "keyId", "[encryptionContext]"],
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            &["keySpec", "keyId", "[encryptionContext]"]
        }
        "ReEncrypt" => &[
            "sourceEncryptionAlgorithm",
            "[sourceEncryptionContext]",
            "destinationKeyId",
            "destinationEncryptionAlgorithm",
            "[destinationEncryptionContext]",
        ],
        "GenerateMac" | "VerifyMac" => &["macAlgorithm", "keyId"],
        "Sign" | "Verify" => &["messageType", "keyId", "signingAlgorithm"],
        "DescribeKey" => &["keyId"],
        other => panic!("{other}"),
    }
}

#[test]
fn a_log_file_is_read_back_by_a_strict_reader() {
    let loaded = load(EVERYONE);
    let records = sampled(&loaded, 1_000_000, RunOptions::default()).expect("records");
    let written = log_file(&loaded.variants[0], &records[0], loaded.seed);
    let file: Value = serde_json::from_str(&written.text().expect("text")).expect("JSON");
    has_fields(&file, &["Records"], &Value::Null);
    let (mut kinds, mut operations, mut errors) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut ids, mut times) = (BTreeSet::new(), Vec::new());
    for record in file["Records"].as_array().expect("a list") {
        let of = |field: &str| text(&record[field], record);
        let is_kms = of("eventSource") == "kms.amazonaws.com";
        let error = record.get("errorCode").map(|_| of("errorCode"));
        let is_throttled = is_kms && error == Some("ThrottlingException");
        let mut fields = vec![
            "eventVersion",
            "userIdentity",
            "eventTime",
            "eventSource",
            "eventName",
            "awsRegion",
            "sourceIPAddress",
            "userAgent",
            "requestParameters",
            "responseElements",
            "requestID",
            "eventID",
            "readOnly",
            "eventType",
            "managementEvent",
            "recipientAccountId",
            "eventCategory",
        ];
        if !is_throttled {
            fields.push("resources");
        }
        if error.is_some() {
            fields.extend(["errorCode", "errorMessage"]);
        }
        fields.extend(if is_kms {
            ["[sharedEventID]", "[vpcEndpointId]"]
        } else {
            ["[tlsDetails]", "[vpcEndpointId]"]
        });
        // S3 calls KMS from elsewhere: only the request itself came through the endpoint.
        let through_endpoint = !is_kms
            && record["requestParameters"]["key"]
                .as_str()
                .is_some_and(|k| k.starts_with("by-endpoint/"));
        assert_eq!(
            record.get("vpcEndpointId").is_some(),
            through_endpoint,
            "{record}"
        );
        if through_endpoint {
            assert_eq!(of("sourceIPAddress"), "10.0.3.7", "{record}");
        }
        has_fields(record, &fields, record);
        check_identity(record);
        assert!(
            is_time(&record["eventTime"]) && is_account(&record["recipientAccountId"]),
            "{record}"
        );
        assert_eq!(
            (of("eventVersion"), of("awsRegion"), of("eventType")),
            ("1.11", "eu-west-3", "AwsApiCall")
        );
        assert_eq!(record["managementEvent"], is_kms);
        assert_eq!(
            of("eventCategory"),
            if is_kms { "Management" } else { "Data" }
        );
        assert!(record["responseElements"].is_null());
        for id in ["eventID", "requestID", "sharedEventID"] {
            let id = record.get(id).and_then(Value::as_str);
            assert!(id.is_none_or(|id| id.len() == 36), "{record}");
        }
        assert!(ids.insert(of("eventID").to_owned()), "{record}");
        times.push(of("eventTime").to_owned());
        kinds.insert(text(&record["userIdentity"]["type"], record).to_owned());
        operations.insert(of("eventName").to_owned());
        errors.extend(error.map(str::to_owned));
        if !is_kms {
            assert!(record["requestParameters"]["bucketName"].is_string());
            continue;
        }
        assert_eq!(record["readOnly"], true, "{record}");
        if is_throttled {
            assert!(record["requestParameters"].is_null(), "{record}");
            continue;
        }
        let (name, own) = (of("eventName"), &record["requestParameters"]);
        let expected = parameters(name);
        if expected.is_empty() {
            assert!(record.get("sharedEventID").is_none(), "{record}");
            assert!(
                own.is_null() && record["resources"] == json!([]),
                "{record}"
            );
            continue;
        }
        has_fields(own, expected, record);
        let resources = record["resources"].as_array().expect("a list");
        assert_eq!(resources.len(), if name == "ReEncrypt" { 2 } else { 1 });
        for resource in resources {
            has_fields(resource, &["accountId", "type", "ARN"], record);
            assert_eq!(resource["type"], "AWS::KMS::Key");
            let arn = format!(
                "arn:aws:kms:eu-west-3:{}:key/",
                text(&resource["accountId"], record)
            );
            assert!(text(&resource["ARN"], record).starts_with(&arn), "{record}");
        }
        // A service names what it calls for.
        let context = own.get("encryptionContext").and_then(Value::as_object);
        let pairs: Vec<&str> = context
            .into_iter()
            .flat_map(|c| c.keys().map(String::as_str))
            .collect();
        match record["userIdentity"]["invokedBy"].as_str() {
            Some("fas.s3.amazonaws.com") => assert_eq!(pairs, ["aws:s3:arn"], "{record}"),
            Some("logs.eu-west-3.amazonaws.com") => assert_eq!(pairs, ["aws:logs:arn"], "{record}"),
            Some(other) => panic!("{other}"),
            None => assert!(pairs.is_empty() || pairs == ["AppName"], "{record}"),
        }
        let is_shared = record["recipientAccountId"] == "444455556666"
            || record["resources"][0]["accountId"] == "444455556666";
        assert_eq!(record.get("sharedEventID").is_some(), is_shared, "{record}");
    }
    assert!(times.is_sorted());
    let expected = [
        "AWSAccount",
        "AWSService",
        "AssumedRole",
        "FederatedUser",
        "IAMUser",
        "Root",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    for name in [
        "GenerateRandom",
        "ListKeys",
        "ReEncrypt",
        "GenerateMac",
        "Sign",
        "DescribeKey",
        "ListObjectsV2",
    ] {
        assert!(operations.contains(name), "{operations:?}");
    }
    let expected = [
        "AccessDenied",
        "DisabledException",
        "KMSInvalidStateException",
        "SlowDown",
        "ThrottlingException",
    ];
    assert_eq!(errors, expected.map(str::to_owned).into());
}
