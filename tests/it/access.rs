//! Who gets in over time, and who sees it: keys that are disabled, pending deletion or under another policy,
//! encrypted log groups, and samples of a run as CloudTrail log files.

use crate::common::{load, run, values};
use kmsim::cloudtrail::{LogFile, log_file};
use kmsim::explain::{explain, text};
use kmsim::results::RunResults;
use kmsim::run::{RunOptions, sampled};
use kmsim::scenario::Loaded;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn metric(results: &RunResults, variant: usize, id: &str) -> f64 {
    values(&results.variants[variant].metrics, id)[0]
}

/// A path of a policy document with these statements, in a folder that lives as long as the test.
fn policy(dir: &tempfile::TempDir, name: &str, statements: &str) -> String {
    let path = dir.path().join(name);
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
    std::fs::write(&path, text).expect("write");
    path.display().to_string()
}

// ----- the life of a key ------------------------------------------------------------------------------

/// Reads of a bucket and calls of an application, ten a second each; `key` and `bucket` in TOML.
fn of_a_key(key: &str, bucket: &str) -> String {
    format!(
        r#"
horizon = "1000s"
replications = 1
region = "us-east-1"
[assumption]
bucket_key_fanout = 1
kms_latency.constant.value = "5ms"
[key.k]
{key}
[bucket.b]
key = "k"
{bucket}
[workload.reads]
bucket = "b"
operations.GetObject = 1
arrivals.constant.rate = "10/s"
clients = 1
[workload.app]
key = "k"
operations.Decrypt = 1
arrivals.constant.rate = "10/s"
clients = 1
"#
    )
}

#[test]
fn a_key_that_is_disabled_or_pending_deletion_fails_what_calls_it() {
    for (key, error) in [
        ("disabled_at = \"400s\"", "DisabledException"),
        ("pending_deletion_at = \"400s\"", "KMSInvalidStateException"),
    ] {
        let toml = of_a_key(key, "");
        let r = run(&toml);
        // Without a cache everything fails from that instant on, and nothing before.
        assert_eq!(metric(&r, 0, "s3_requests_failed"), 6_000.0, "{key}");
        assert_eq!(metric(&r, 0, "app_requests_failed"), 6_000.0, "{key}");
        assert_eq!(metric(&r, 0, "s3_requests_denied"), 0.0);
        let loaded = load(&toml);
        let explained = explain(&loaded.variants[0], Some("reads"), None);
        let refused = &explained[0].kms_calls[0].refusals[0];
        assert_eq!(refused.answer, error);
        assert_eq!(refused.client_gets, format!("400 KMS.{error}"));
        let shown = text(&explained);
        assert!(
            shown.contains(&format!("from 6m 40s on: {error}")),
            "{shown}"
        );
        // CloudTrail has the error of every call from then on.
        let file = emit(&loaded, 1_000_000);
        let failed = file.records.iter().filter(|r| r["errorCode"] == error);
        assert_eq!(failed.count(), 12_000);
    }
}

#[test]
fn bucket_keys_that_s3_holds_go_on_until_they_expire() {
    let with = "bucket_key = true\narchived_bucket_keys = 1";
    let r = run(&of_a_key("disabled_at = \"400s\"", with));
    // One Decrypt at 0 s and one when that key has expired, 300 s and KMS's 5 ms later: at 300.1 s. The second
    // one serves to 600.105 s, and only then S3 hears of the key's state.
    assert_eq!(metric(&r, 0, "s3_requests_failed"), 10.0 * 400.0 - 2.0);
    assert_eq!(metric(&r, 0, "app_requests_failed"), 6_000.0);
}

#[test]
fn a_key_policy_that_is_replaced_denies_until_it_is_mended() {
    let dir = tempfile::tempdir().expect("a folder");
    let account = r#"{"AWS":"arn:aws:iam::111122223333:root"}"#;
    let left_to_iam =
        format!(r#"{{"Effect":"Allow","Principal":{account},"Action":"kms:*","Resource":"*"}}"#);
    let admins = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/admin"},"Action":"kms:*","Resource":"*"}"#;
    let (open, shut) = (
        policy(&dir, "open.json", &left_to_iam),
        policy(&dir, "shut.json", admins),
    );
    let changes = format!(
        "policy_changes = [{{ at = \"700s\", policy = '{open}' }}, {{ at = \"400s\", policy = '{shut}' }}]"
    );
    let toml = of_a_key(&changes, "");
    let r = run(&toml);
    assert_eq!(metric(&r, 0, "s3_requests_denied"), 3_000.0);
    assert_eq!(metric(&r, 0, "app_requests_denied"), 3_000.0);
    assert_eq!(metric(&r, 0, "s3_requests_failed"), 0.0);
    // 403s within the account are billed.
    let tier2 = r.variants[0].bill.iter().find(|l| l.item == "s3-tier2");
    assert_eq!(tier2.expect("a line").quantity, 10_000.0);
    let explained = explain(&load(&toml).variants[0], Some("reads"), None);
    assert_eq!(explained[0].decision, "allow");
    let shown = text(&explained);
    let line = "from 6m 40s until 11m 40s: AccessDeniedException; the client gets 403 AccessDenied";
    assert!(shown.contains(line), "{shown}");
    // The other way round: shut at first, opened in the run.
    let toml = of_a_key(
        &format!("policy = '{shut}'\npolicy_changes = [{{ at = \"400s\", policy = '{open}' }}]"),
        "",
    );
    let r = run(&toml);
    assert_eq!(metric(&r, 0, "s3_requests_denied"), 4_000.0);
    assert_eq!(metric(&r, 0, "s3_requests_succeeded"), 6_000.0);
    // A change that changes nothing leaves the denial what it is without.
    let toml = of_a_key(
        &format!("policy = '{shut}'\npolicy_changes = [{{ at = \"400s\", policy = '{shut}' }}]"),
        "",
    );
    let r = run(&toml);
    assert_eq!(metric(&r, 0, "s3_requests_denied"), 10_000.0);
    assert_eq!(r.variants[0].by_statement.len(), 1);
}

#[test]
fn the_owner_of_a_key_hears_of_no_call_that_was_denied() {
    let dir = tempfile::tempdir().expect("a folder");
    let shut = policy(
        &dir,
        "shut.json",
        r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#,
    );
    let toml = of_a_key(
        &format!(
            "account = \"owner\"\npolicy_changes = [{{ at = \"400s\", policy = '{shut}' }}]\n[account.caller]\n[account.owner]"
        ),
        "",
    );
    let r = run(&toml);
    // The application belongs to the key's account, the bucket to the caller's.
    let both = 10_000.0 + 4_000.0;
    let calls = metric(&r, 0, "kms_attempts");
    assert_eq!(calls, 20_000.0);
    assert_eq!(metric(&r, 0, "cloudtrail_kms_events"), both + 10_000.0);
    let file = emit(&load(&toml), 1_000_000);
    assert_eq!(file.records.len() as f64, both + 10_000.0);
}

// ----- log groups -------------------------------------------------------------------------------------

fn of_a_log_group(key: &str, group: &str) -> String {
    format!(
        r#"
horizon = "1000s"
replications = 1
region = "eu-west-3"
[key.k]
{key}
[log_group."/app"]
key = "k"
log_streams = 40
incoming_bytes_per_second = "1 MB"
{group}
[workload.app]
key = "k"
operations.Decrypt = 1
arrivals.constant.rate = "1/s"
clients = 1
"#
    )
}

const LETS_LOGS_IN: &str = "policy = \"scenarios/policies/key-for-logs.json\"";

#[test]
fn a_log_group_takes_a_data_key_for_each_stream_and_lifetime() {
    let r = run(&of_a_log_group(LETS_LOGS_IN, ""));
    let of = &r.variants[0].by_workload["log_group./app.ingestion"];
    // 40 in 300 s: one each 7.5 s, the first at once.
    assert_eq!(values(of, "kms_calls"), [134.0]);
    assert_eq!(metric(&r, 0, "log_bytes_ingested"), 1e9);
    let line = r.variants[0]
        .bill
        .iter()
        .find(|l| l.item == "logs-ingestion");
    assert_eq!(line.expect("a line").quantity, 1.0);
    // All of the account's calls are in one quota.
    let quota = &r.variants[0].by_quota["main/eu-west-3/L-6E3AF000"];
    assert_eq!(values(&quota.metrics, "kms_attempts"), [1_134.0]);
}

#[test]
fn an_association_in_the_run_takes_five_minutes() {
    let r = run(&of_a_log_group(
        LETS_LOGS_IN,
        "associated_at = \"100s\"\nqueries = \"1/s\"",
    ));
    let ingestion = &r.variants[0].by_workload["log_group./app.ingestion"];
    // From 400 s on: 600 s in steps of 7.5 s.
    assert_eq!(values(ingestion, "kms_calls"), [80.0]);
    let queries = &r.variants[0].by_workload["log_group./app.queries"];
    let decrypts = values(queries, "kms_calls")[0];
    // Poisson with mean 600, 40 Decrypts each.
    assert_eq!(decrypts % 40.0, 0.0);
    assert!(
        (decrypts / 40.0 - 600.0).abs() < 4.0 * 600_f64.sqrt(),
        "{decrypts}"
    );
    // It is charged for all that it takes in, encrypted or not.
    assert_eq!(metric(&r, 0, "log_bytes_ingested"), 1e9);
}

#[test]
fn without_the_key_policy_the_association_fails() {
    for (key, group, exists) in [
        ("", "", false),
        ("", "associated_at = \"100s\"", true),
        (
            "policy = \"scenarios/policies/key-for-admins.json\"",
            "associated_at = \"1s\"",
            true,
        ),
        (
            "disabled_at = \"50s\"\npolicy = \"scenarios/policies/key-for-logs.json\"",
            "associated_at = \"100s\"",
            true,
        ),
    ] {
        let toml = of_a_log_group(key, group);
        let loaded = load(&toml);
        let r = run(&toml);
        assert_eq!(
            metric(&r, 0, "log_bytes_ingested"),
            if exists { 1e9 } else { 0.0 }
        );
        let kms = &r.variants[0].by_workload;
        assert!(!kms.keys().any(|w| w.starts_with("log_group")), "{toml}");
        let explained = explain(&loaded.variants[0], Some("log_group./app"), None);
        assert_eq!(explained.len(), 1);
        let e = &explained[0];
        assert_eq!(
            e.operation,
            if exists {
                "AssociateKmsKey"
            } else {
                "CreateLogGroup"
            }
        );
        let warning = loaded
            .warnings
            .iter()
            .find(|w| w.contains("log group `/app` fails"));
        let warning = warning.unwrap_or_else(|| panic!("{:?}", loaded.warnings));
        assert!(warning.starts_with("test.toml:"), "{warning}");
        if key.starts_with("disabled") {
            assert!(warning.contains("InvalidParameterException"), "{warning}");
            assert_eq!(e.answer, "400 InvalidParameterException");
        } else {
            assert!(
                e.answer.starts_with("400 AccessDeniedException"),
                "{}",
                e.answer
            );
            // The statement that it asks for mends it.
            let from = warning.find("{\"Effect\"").expect("a statement");
            let dir = tempfile::tempdir().expect("a folder");
            let mended = policy(&dir, "mended.json", &warning[from..]);
            let mended = load(&of_a_log_group(&format!("policy = '{mended}'"), group));
            assert_eq!(mended.variants[0].plan.log_groups[0].workloads.len(), 1);
        }
    }
    // A statement for another log group lets this one not in.
    let dir = tempfile::tempdir().expect("a folder");
    let other = r#"{"Effect":"Allow","Principal":{"Service":"logs.eu-west-3.amazonaws.com"},"Action":"kms:*","Resource":"*","Condition":{"ArnEquals":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:eu-west-3:111122223333:log-group:/other"}}}"#;
    let other = policy(&dir, "other.json", other);
    let loaded = load(&of_a_log_group(&format!("policy = '{other}'"), ""));
    assert!(loaded.variants[0].plan.log_groups[0].workloads.is_empty());
}

#[test]
fn a_log_group_whose_key_is_disabled_loses_what_is_sent() {
    let key = format!("{LETS_LOGS_IN}\ndisabled_at = \"600s\"");
    let toml = of_a_log_group(&key, "queries = \"1/s\"\ndata_keys_per_query = 3");
    let r = run(&toml);
    assert_eq!(metric(&r, 0, "log_bytes_ingested"), 0.6e9);
    assert_eq!(metric(&r, 0, "log_bytes_lost"), 0.4e9);
    let ingestion = &r.variants[0].by_workload["log_group./app.ingestion"];
    // At 600 s, 607.5 s, …, 997.5 s.
    assert_eq!(values(ingestion, "app_requests_failed"), [54.0]);
    let loaded = load(&toml);
    let shown = text(&explain(
        &loaded.variants[0],
        Some("log_group./app"),
        Some("GenerateDataKey"),
    ));
    assert!(
        shown.contains(
            "from 10m on: DisabledException; the client gets nothing: log events are lost"
        ),
        "{shown}"
    );
    let file = emit(&loaded, 1_000_000);
    let of_logs = file
        .records
        .iter()
        .filter(|r| r["userIdentity"]["type"] == "AWSService");
    for record in of_logs {
        assert_eq!(
            record["userIdentity"]["invokedBy"],
            "logs.eu-west-3.amazonaws.com"
        );
        let context = &record["requestParameters"]["encryptionContext"]["aws:logs:arn"];
        assert_eq!(
            context,
            "arn:aws:logs:eu-west-3:111122223333:log-group:/app"
        );
    }
}

// ----- CloudTrail log files -----------------------------------------------------------------------------

fn emit(loaded: &Loaded, wanted: usize) -> LogFile {
    let records = sampled(loaded, wanted, RunOptions::default()).expect("records");
    log_file(&loaded.variants[0], &records[0], loaded.seed)
}

/// Two accounts, over quota, with denials, bucket keys, jobs and retries.
const MIXED: &str = r#"
horizon = "120s"
warm_up = "20s"
replications = 1
region = "us-east-1"
start = "2026-11-24T18:00:00[Europe/Berlin]"
[account.main]
trail_data_copies = 1
[account.other]
[key.k]
[key.theirs]
account = "other"
[bucket.ledger]
key = "k"
bucket_key = true
archived_bucket_keys = 50
[bucket.plain]
key = "theirs"
[requester.reader]
identity_policies = ["scenarios/policies/read-objects.json"]
[requester.app]
[quota.q]
limit = "60/s"
[workload.reads]
bucket = "plain"
requester = "app"
operations = { GetObject = 3, PutObject = 1 }
arrivals.poisson.rate = "50/s"
popularity.zipf = { objects = 1000, exponent = 1.0 }
clients = 5
[workload.cached]
bucket = "ledger"
requester = "app"
operations = { GetObject = 3, ListObjects = 1 }
arrivals.poisson.rate = "30/s"
popularity.uniform.objects = 40
clients = 5
[workload.denied]
bucket = "ledger"
requester = "reader"
operations.GetObject = 1
arrivals.constant.rate = "4/s"
clients = 1
[workload.job]
bucket = "ledger"
requester = "app"
operations.PutObject = 1
job = { workers = 3, objects = 500 }
[workload.crowd]
key = "k"
requester = "app"
operations.Decrypt = 1
arrivals.flash-crowd = { base = "5/s", peak = "60/s", at = "40s", rise = "10s", decay = "20s" }
clients = 3
"#;

/// Fields of every record (CloudTrail User Guide, record contents for management and data events).
const FIELDS: [&str; 15] = [
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
    "eventID",
    "eventType",
    "managementEvent",
    "recipientAccountId",
    "eventCategory",
];

#[test]
fn a_sample_of_everything_is_what_the_counters_say() {
    let r = run(MIXED);
    let file = emit(&load(MIXED), 1_000_000);
    let is_kms = |record: &&Value| record["eventSource"] == "kms.amazonaws.com";
    let of_kms = file.records.iter().filter(is_kms).count();
    assert_eq!(of_kms as f64, metric(&r, 0, "cloudtrail_kms_events"));
    assert_eq!(file.of_calls as f64, metric(&r, 0, "kms_attempts"));
    let data = file.records.len() - of_kms;
    assert_eq!(data as f64, metric(&r, 0, "cloudtrail_data_events"));
    let with = |source: &str, code: &str| {
        let records = file.records.iter();
        let of = records.filter(|r| r["eventSource"] == source && r["errorCode"] == code);
        // Once for each call, though two accounts log some.
        of.filter(|r| r["recipientAccountId"] == "111122223333")
            .count() as f64
    };
    let throttled = metric(&r, 0, "kms_throttled");
    assert!(throttled > 100.0);
    assert_eq!(with("kms.amazonaws.com", "ThrottlingException"), throttled);
    let denied = metric(&r, 0, "s3_requests_denied");
    assert_eq!(with("kms.amazonaws.com", "AccessDenied"), denied);
    assert_eq!(with("s3.amazonaws.com", "AccessDenied"), denied);
    let failed = metric(&r, 0, "s3_requests_failed");
    assert_eq!(with("s3.amazonaws.com", "SlowDown"), failed);
}

#[test]
fn records_have_the_fields_that_aws_documents() {
    let file = emit(&load(MIXED), 400);
    assert_eq!((file.calls, file.requests), (400, 400));
    let text = file.text().expect("text");
    let parsed: Value = serde_json::from_str(&text).expect("JSON");
    let records = parsed["Records"].as_array().expect("Records");
    let (mut times, mut ids) = (Vec::new(), BTreeSet::new());
    let mut shared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        for field in FIELDS {
            assert!(record.get(field).is_some(), "{field} in {record}");
        }
        let of = |field: &str| record[field].as_str().unwrap_or_default();
        // The first second after the warm-up is 18:00:20 in Berlin.
        let time: jiff::Timestamp = of("eventTime").parse().expect("a time");
        assert!(time >= "2026-11-24T17:00:20Z".parse().expect("a time"));
        times.push(time);
        assert!(ids.insert(of("eventID")), "{record}");
        assert_eq!(of("recipientAccountId").len(), 12);
        let identity = &record["userIdentity"];
        assert!(identity["accountId"].is_string() && identity["type"].is_string());
        if let Some(id) = record.get("sharedEventID") {
            let id = id.as_str().expect("an identifier");
            shared.entry(id).or_default().push(of("recipientAccountId"));
        }
        match of("eventSource") {
            "kms.amazonaws.com" => {
                assert_eq!(record["managementEvent"], true);
                // What is throttled is turned away before KMS looks at it.
                let is_throttled = of("errorCode") == "ThrottlingException";
                let resource = &record["resources"][0]["type"];
                assert_eq!(*resource == "AWS::KMS::Key", !is_throttled, "{record}");
                assert_eq!(record["readOnly"], true);
            }
            "s3.amazonaws.com" => {
                assert_eq!(of("eventCategory"), "Data");
                assert!(record["requestParameters"]["bucketName"].is_string());
                let has_object = record["requestParameters"].get("key").is_some();
                assert_eq!(has_object, of("eventName") != "ListObjectsV2", "{record}");
            }
            other => panic!("{other}"),
        }
        assert_eq!(
            record.get("errorCode").is_some(),
            record.get("errorMessage").is_some()
        );
    }
    assert!(times.is_sorted());
    assert!(
        shared
            .values()
            .all(|of| of == &["111122223333", "444455556666"])
    );
    assert!(shared.len() > 20);
    // A bucket key is for the bucket, not for an object.
    let contexts: BTreeSet<&str> = records
        .iter()
        .filter_map(|r| r["requestParameters"]["encryptionContext"]["aws:s3:arn"].as_str())
        .collect();
    assert!(contexts.contains("arn:aws:s3:::ledger"));
    let drawn = contexts
        .iter()
        .filter(|c| c.starts_with("arn:aws:s3:::plain/reads/object-"));
    assert!(drawn.count() > 20, "{contexts:?}");
}

#[test]
fn a_sample_depends_on_neither_threads_nor_counting() {
    let loaded = load(MIXED);
    let text = |threads: usize, simulate_all: bool| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        let options = RunOptions {
            simulate_all,
            ..RunOptions::default()
        };
        let records = pool
            .install(|| sampled(&loaded, 50, options))
            .expect("records");
        let file = log_file(&loaded.variants[0], &records[0], loaded.seed);
        file.text().expect("text")
    };
    let first = text(1, false);
    assert_eq!(first, text(3, false));
    assert_eq!(first, text(2, true));
    let other = load(&format!("seed = 2\n{}", MIXED));
    let records = sampled(&other, 50, RunOptions::default()).expect("records");
    let other = log_file(&other.variants[0], &records[0], other.seed);
    assert_ne!(first, other.text().expect("text"));
}

#[test]
fn trails_deliver_what_they_select() {
    let recipients = |change: (&str, &str)| {
        let toml = MIXED.replace(change.0, change.1);
        let file = emit(&load(&toml), 1_000_000);
        let of_kms = file.records.iter();
        let of_kms = of_kms.filter(|r| r["eventSource"] == "kms.amazonaws.com");
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for record in of_kms {
            let account = record["recipientAccountId"].as_str().expect("an account");
            *found.entry(account.to_owned()).or_default() += 1;
        }
        (found, file.of_calls)
    };
    let (all, calls) = recipients(("", ""));
    assert_eq!(all.len(), 2);
    let main = "[account.main]";
    // The owner of a key goes on to hear of what the caller's trail leaves out.
    for left_out in [
        "trail_kms_events = false",
        "trail_events = \"write\"",
        "trail_copies = 0",
    ] {
        let (found, _) = recipients((main, &format!("{main}\n{left_out}")));
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            ["444455556666"],
            "{left_out}"
        );
        assert_eq!(found["444455556666"], all["444455556666"]);
    }
    let (reads, of) = recipients((main, &format!("{main}\ntrail_events = \"read\"")));
    assert_eq!((reads, of), (all.clone(), calls));
    let unlogged = "[assumption]\nthrottled_attempts_logged = false\n";
    let (found, _) = recipients(("[workload.reads]", &format!("{unlogged}[workload.reads]")));
    assert!(found["111122223333"] < all["111122223333"]);
    // A denied call that draws on no quota is logged all the same.
    let free = "[assumption]\ndenied_calls_consume_quota = false\n[workload.reads]";
    let toml = MIXED.replace("[workload.reads]", free);
    let file = emit(&load(&toml), 1_000_000);
    let denied = file
        .records
        .iter()
        .filter(|r| r["eventSource"] == "kms.amazonaws.com" && r["errorCode"] == "AccessDenied");
    assert_eq!(
        denied.count() as f64,
        metric(&run(&toml), 0, "s3_requests_denied")
    );
}
