//! Scenarios without a workload of their own: log groups alone, and files that are only there to be explained.

use crate::common::run_with;
use kmsim::explain::explain;
use kmsim::input::Input;
use kmsim::planning::growth::largest_growth;
use kmsim::planning::study::Study;
use kmsim::results::RunResults;
use kmsim::run::RunOptions;
use kmsim::scenario::{Loaded, load, load_to_explain};
use std::fs;

/// A key of a core account, shared with a member account (ministryofjustice/modernisation-platform, issue 7870).
const SHARED: &str = r#"{"Version": "2012-10-17", "Statement": [
 {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
 {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
  "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"], "Resource": "*"}
 EXTRA]}"#;

/// What was missing (terraform-provider-aws, issue 29282).
const FOR_LOGS: &str = r#", {"Effect": "Allow", "Principal": {"Service": "logs.eu-west-2.amazonaws.com"}, "Action": ["kms:*"], "Resource": "*"}"#;

const ACCOUNTS: &str = r#"
region = "eu-west-2"
[account.core]
id = "111122223333"
[account.member]
id = "444455556666"
[key.general]
account = "core"
policy = "shared.json"
"#;

const LOG_GROUP: &str = r#"
[log_group.ticketing]
account = "member"
key = "general"
log_streams = 4
incoming_bytes_per_second = "100 KB"
[variant.as-reported]
[variant.logs-may.key.general]
policy = "with-logs.json"
"#;

fn scenario(text: &str) -> (tempfile::TempDir, Input) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, extra: &str| {
        fs::write(folder.path().join(name), SHARED.replace("EXTRA", extra)).expect("written");
    };
    write("shared.json", "");
    write("with-logs.json", FOR_LOGS);
    let input = Input::from_text("s", text.to_owned()).in_folder(folder.path());
    (folder, input)
}

fn read(text: &str) -> Loaded {
    load(&scenario(text).1, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn only_log_groups() -> String {
    format!("horizon = \"1h\"\nreplications = 1\n{ACCOUNTS}{LOG_GROUP}")
}

#[test]
fn a_scenario_of_log_groups_alone_runs() {
    let loaded = read(&only_log_groups());
    let (results, _) = kmsim::run::run(&loaded, RunOptions::default()).expect("results");
    let mean = |results: &RunResults, v: usize, id: &str| results.variants[v].metrics[id].mean;
    // Four log streams, a data key each for five minutes.
    assert_eq!(mean(&results, 1, "kms_calls"), Some(4.0 * 12.0));
    // Refused, it makes no call: what is measured of calls has no data, and the key costs what a key costs.
    assert_eq!(mean(&results, 0, "kms_calls"), Some(0.0));
    for id in ["throttle_rate", "quota_headroom", "added_delay_s_max"] {
        assert_eq!(mean(&results, 0, id), None, "{id}");
    }
    let hour = mean(&results, 0, "cost_total_usd").expect("a cost");
    assert!((hour - 1.0 / 720.0).abs() < 1e-9, "{hour}");
    assert_eq!(
        results.variants[0].series.t_s.len(),
        results.variants[1].series.t_s.len()
    );
}

#[test]
fn nothing_that_grows_is_no_answer() {
    let (_folder, input) = scenario(&only_log_groups());
    let (study, _) = Study::new(&input, &[], Some("logs-may")).expect("a study");
    let target = "throttle_rate < 1%".parse().expect("a target");
    let message = largest_growth(&study, &[], &[target])
        .expect_err("nothing grows")
        .to_string();
    assert!(message.contains("no workload that could grow"), "{message}");
}

#[test]
fn counting_and_simulating_agree_where_there_is_no_workload() {
    let text = "horizon = \"2h\"\nregion = \"us-east-1\"\nreplications = 2\n[key.k]\n[log_group.g]\nkey = \"k\"\n\
                log_streams = 3\nincoming_bytes_per_second = \"1 KB\"\nqueries = \"6/min\"\n";
    let [counted, simulated] =
        [false, true].map(|all| serde_json::to_string(&run_with(text, all).0).expect("JSON"));
    assert_eq!(counted, simulated);
}

/// What `explain` asks needs neither a horizon nor to know how many requests come, or from how many clients.
#[test]
fn a_scenario_that_is_only_explained_says_nothing_of_traffic() {
    let question = format!(
        "{ACCOUNTS}[bucket.b]\naccount = \"member\"\nkey = \"general\"\n[requester.r]\naccount = \"member\"\n\
         [workload.q]\nbucket = \"b\"\noperations = {{ GetObject = 1, PutObject = 1 }}\n"
    );
    let (_folder, input) = scenario(&question);
    let loaded = load_to_explain(&input, &[]).unwrap_or_else(|error| panic!("{error}"));
    let explained = explain(&loaded.variants[0], None, None);
    let operations: Vec<&str> = explained.iter().map(|e| e.operation.as_str()).collect();
    assert_eq!(operations, ["GetObject", "PutObject"]);
    assert!(
        explained
            .iter()
            .all(|e| e.decision == "allow" && e.kms_calls.len() == 1)
    );
    // A run has nothing to simulate: nothing has data, not even a cost.
    let loaded = load(&input, &[]).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        loaded
            .warnings
            .iter()
            .any(|w| w.contains("can only be explained")),
        "{:?}",
        loaded.warnings
    );
    let (results, _) = kmsim::run::run(&loaded, RunOptions::default()).expect("results");
    let metrics = &results.variants[0].metrics;
    assert!(metrics.values().all(|m| m.mean.is_none()));
    // Where one of them says it, or log groups call KMS, the others must say it too.
    let busy = format!(
        "{question}[workload.busy]\nkey = \"general\"\nrequester = \"r\"\noperations.Decrypt = 1\narrivals.poisson.rate = 1\n"
    );
    for text in [busy, format!("{question}{LOG_GROUP}")] {
        let told = load(&scenario(&text).1, &[])
            .expect_err("no traffic")
            .to_string();
        for missing in [
            "`horizon` is missing",
            "does not say when its requests arrive",
        ] {
            assert!(told.contains(missing), "{told}");
        }
    }
    // Log groups are explained without any workload.
    let (_folder, input) = scenario(&format!("{ACCOUNTS}{LOG_GROUP}"));
    let loaded = load_to_explain(&input, &[]).unwrap_or_else(|error| panic!("{error}"));
    let refused = &explain(&loaded.variants[0], None, None)[0];
    assert_eq!(
        (refused.operation.as_str(), refused.decision.as_str()),
        ("CreateLogGroup", "implicit deny")
    );
}
