//! Other services than S3: how often they call KMS for what is sent to them, against formulas and AWS's own figures;
//! that counting and simulating agree on what they keep; and what policies and CloudTrail see of their calls.

use crate::common::{Sample, load, run, run_with, values};
use kmsim::catalog;
use kmsim::cloudtrail::log_file;
use kmsim::explain::explain;
use kmsim::results::RunResults;
use kmsim::run::{RunOptions, sampled};
use std::fmt::Write as _;

/// A key and a workload `w` of a service, over a time.
fn scenario(time: &str, workload: &str) -> String {
    format!(
        r#"
        {time}
        region = "us-east-1"
        retry = "none"
        assumption.kms_latency.constant.value = "0s"
        [key.k]
        [workload.w]
        key = "k"
        {workload}
        "#
    )
}

/// Calls of a KMS operation per second over 48 replications.
fn per_s(results: &RunResults, operation: &str) -> Sample {
    let by_operation = &results.variants[0].by_kms_operation[operation];
    let calls = values(by_operation, "kms_calls");
    let measured = results.measured_s as f64;
    Sample::of(&calls.iter().map(|c| c / measured).collect::<Vec<_>>())
}

#[track_caller]
fn holds(results: &RunResults, operation: &str, theory: f64) {
    let found = per_s(results, operation);
    assert!(
        found.holds(theory, 0.0),
        "{operation}: {found:?}, theory {theory}"
    );
}

/// A data key serves for T after its answer, and the next is fetched by the first request after that: k callers that share
/// a Poisson process of rate λ fetch one every T + k ÷ λ each.
#[test]
fn a_data_key_that_is_reused_for_a_period_is_fetched_at_k_over_t_plus_k_over_lambda() {
    for (service, operation, needs, period, clients) in [
        (
            "name = \"sqs\", data_key_reuse_period = \"60s\"",
            "SendMessage",
            &["GenerateDataKey", "Decrypt"][..],
            60.0,
            5,
        ),
        (
            "name = \"sqs\", data_key_reuse_period = \"100s\", callers = 5",
            "ReceiveMessage",
            &["Decrypt"],
            100.0,
            15,
        ),
        (
            "name = \"kinesis\"",
            "PutRecords",
            &["GenerateDataKey"],
            300.0,
            5,
        ),
        (
            "name = \"dynamodb\", renewal = \"fixed\"",
            "Query",
            &["Decrypt"],
            300.0,
            5,
        ),
        (
            "name = \"states\", data_key_reuse_period = \"2m\"",
            "StartExecution",
            &["GenerateDataKey"],
            120.0,
            5,
        ),
    ] {
        // The phase is forgotten after (λT ÷ k)² cycles: as many requests of a caller in each period.
        let (callers, rate) = (5.0, 5.0 * 4.0 / period);
        let results = run(&scenario(
            &format!(
                "horizon = \"{}s\"\nwarm_up = \"{}s\"\nreplications = 48",
                70.0 * period,
                20.0 * period
            ),
            &format!(
                "service = {{ {service} }}\nclients = {clients}\noperations.{operation} = 1\narrivals.poisson.rate = \"{rate}/s\""
            ),
        ));
        for need in needs {
            holds(&results, need, callers / (period + callers / rate));
        }
    }
}

/// A table key that its last use renews is fetched after a pause of more than τ: of k callers' requests, those before which
/// their caller was idle for so long, λ · exp(−λτ ÷ k).
#[test]
fn a_table_key_is_fetched_after_five_idle_minutes() {
    for (rate, callers) in [(0.02, 4.0), (0.1, 40.0), (0.5, 100.0)] {
        let results = run(&scenario(
            "horizon = \"5h\"\nwarm_up = \"1h\"\nreplications = 48",
            &format!(
                "service.name = \"dynamodb\"\nclients = {callers}\noperations = {{ GetItem = 3, PutItem = 1 }}\narrivals.poisson.rate = \"{rate}/s\""
            ),
        ));
        let theory = rate * libm::exp(-rate * 300.0 / callers);
        holds(&results, "Decrypt", theory);
    }
}

/// The estimate of the SQS guide, R = (B ÷ D) · (2P + C): a month of 31 days, one that sends and one that receives, and a
/// period of five minutes make 26,784 calls. A day of it, with a message after 20 ms on average.
#[test]
fn a_queue_makes_the_calls_that_its_guide_estimates() {
    let results = run(&format!(
        "{}{}",
        scenario(
            "horizon = \"1d\"\nreplications = 1",
            "service.name = \"sqs\"\nclients = 1\noperations.SendMessage = 1\narrivals.poisson.rate = \"50/s\"",
        ),
        "[workload.consumer]\nkey = \"k\"\nservice.name = \"sqs\"\nclients = 1\noperations.ReceiveMessage = 1\narrivals.poisson.rate = \"50/s\""
    ));
    let calls = values(&results.variants[0].metrics, "kms_calls")[0] * 31.0;
    assert!((26_700.0..=26_784.0).contains(&calls), "{calls}");
}

/// fhir-works-on-aws-deployment, issue 639: 386 requests/s, each over a connection of its own, cost about $3,000 a month;
/// twenty connections that stay open, next to nothing.
#[test]
fn a_connection_for_each_request_calls_kms_each_time() {
    let results = run(&format!(
        "{}{}",
        scenario(
            "horizon = \"1h\"\nreplications = 2",
            "service.name = \"dynamodb\"\nclients = 20\noperations.GetItem = 1\narrivals.poisson.rate = \"386/s\"",
        ),
        "[variant.new-connections.workload.w.service]\nrequests_per_connection = 1\n[variant.keep-alive]\n"
    ));
    let metric = |variant: usize, id: &str| values(&results.variants[variant].metrics, id)[0];
    assert_eq!(metric(0, "kms_calls"), metric(0, "app_requests"));
    let cost = metric(0, "cost_total_usd_per_month");
    assert!((2_980.0..3_030.0).contains(&cost), "{cost}");
    assert_eq!(metric(1, "kms_calls"), 20.0);
    // Four requests a connection, one after another: a quarter of them.
    let text = scenario(
        "horizon = \"100s\"\nreplications = 1",
        "service = { name = \"dynamodb\", requests_per_connection = 4 }\nclients = 2\noperations.GetItem = 1\narrivals.constant.rate = \"4/s\"",
    );
    let calls = |results: &RunResults| values(&results.variants[0].metrics, "kms_calls")[0];
    assert_eq!(calls(&run(&text)), 100.0);
    assert_eq!(calls(&run_with(&text, true).0), 100.0);
}

/// Services of every kind, callers with and without a rest, beside what fills the quota now and then.
fn mixed(seed: u64, burst: &str) -> String {
    let mut t = format!(
        r#"
        seed = {seed}
        horizon = "700s"
        warm_up = "10s"
        replications = 120
        region = "us-east-1"
        retry.standard = {{}}
        assumption.kms_latency.lognormal = {{ median = "2s", sigma = 0.7 }}
        [key.k]
        [quota.q]
        limit = "120/s"
        {burst}
        "#
    );
    for (name, service, clients, operations, arrivals) in [
        (
            "queue",
            "name = \"sqs\", data_key_reuse_period = \"60s\"",
            6,
            "{ SendMessage = 2, ReceiveMessage = 1 }",
            "poisson = { rate = \"1/s\" }",
        ),
        (
            "busy",
            "name = \"sqs\", data_key_reuse_period = \"70s\", callers = 3",
            9,
            "{ SendMessage = 1 }",
            "poisson = { rate = \"30/s\" }",
        ),
        (
            "uneven",
            "name = \"sqs\", data_key_reuse_period = \"60s\", callers = 2",
            3,
            "{ SendMessage = 1 }",
            "poisson = { rate = \"0.3/s\" }",
        ),
        (
            "table",
            "name = \"dynamodb\"",
            60,
            "{ GetItem = 5, PutItem = 1, CreateTable = 0.1 }",
            "piecewise-linear = { points = [{ at = \"0s\", rate = \"0.1/s\" }, { at = \"600s\", rate = \"1.5/s\" }] }",
        ),
        (
            "secrets",
            "name = \"secretsmanager\"",
            2,
            "{ GetSecretValue = 1, UpdateSecretKeyChange = 1 }",
            "poisson = { rate = \"0.5/s\" }",
        ),
    ] {
        let _ = write!(
            t,
            "[workload.{name}]\nkey = \"k\"\nservice = {{ {service} }}\nclients = {clients}\noperations = {operations}\narrivals = {{ {arrivals} }}\n"
        );
    }
    t
}

/// The share of seconds that were counted.
fn agrees(burst: &str) -> f64 {
    let (counted, manifest) = run_with(&mixed(1, burst), false);
    let (simulated, _) = run_with(&mixed(2, burst), true);
    for (workload, m) in &counted.variants[0].by_workload {
        for id in [
            "kms_calls",
            "kms_attempts",
            "kms_needs_met_by_data_key_cache",
        ] {
            let other = values(&simulated.variants[0].by_workload[workload], id);
            let (a, b) = (Sample::of(&values(m, id)), Sample::of(&other));
            let error = (a.se() * a.se() + b.se() * b.se()).sqrt();
            let apart = (a.mean - b.mean).abs();
            assert!(apart <= 4.5 * error, "{workload} {id}: {a:?} and {b:?}");
            if a.sd > 0.0 || b.sd > 0.0 {
                let ratio = (a.sd * a.sd / (b.sd * b.sd)).ln();
                assert!(ratio.abs() < 1.0, "{workload} {id}: {a:?} and {b:?}");
            }
        }
    }
    manifest[0].seconds_counted as f64 / (120.0 * 700.0)
}

#[test]
fn what_services_keep_is_counted_as_it_is_simulated() {
    let counted = agrees("");
    assert!(counted > 0.95, "{counted}");
    let counted = agrees(
        "[workload.burst]\nkey = \"k\"\nclients = 3\noperations.Encrypt = 1\narrivals.on-off = { on = \"110/s\", off = \"5/s\", mean_on = \"20s\", mean_off = \"60s\" }\n",
    );
    assert!((0.2..0.95).contains(&counted), "{counted}");
}

/// A call of a service is made for whoever asks it: policies see it come through the service, under the encryption
/// context of the queue or table, and CloudTrail names the service.
#[test]
fn a_service_calls_for_whoever_asks_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = |name: &str, statement: &str| {
        let path = folder.path().join(name);
        let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statement}]}}");
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let through = |name: &str, via: &str, context: &str| {
        document(
            name,
            &format!(
                r#"{{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::111122223333:role/app"}}, "Action": "kms:*", "Resource": "*",
                "Condition": {{"StringEquals": {{"kms:ViaService": "{via}"{context}}}, "Bool": {{"aws:ViaAWSService": "true"}}, "Null": {{"aws:SourceVpce": "true"}}}}}}"#
            ),
        )
    };
    let own = document(
        "own.json",
        r#"{"Effect": "Allow", "Action": ["sqs:SendMessage", "dynamodb:GetItem"], "Resource": "*"}"#,
    );
    let of = |service: &str, operation: &str, key_policy: &str| {
        load(&format!(
            r#"
            horizon = "20s"
            replications = 1
            region = "us-east-1"
            retry = "none"
            [requester.app]
            identity_policies = ["{own}"]
            [key.k]
            policy = "{key_policy}"
            [workload.w]
            key = "k"
            requester = "app"
            clients = 1
            service = {{ name = "{service}", resource = "orders" }}
            operations.{operation} = 1
            arrivals.constant.rate = "2/s"
            context = {{ "aws:SourceVpce" = "vpce-1" }}
            "#
        ))
    };
    let arn = "arn:aws:sqs:us-east-1:111122223333:orders";
    let context = format!(", \"kms:EncryptionContext:aws:sqs:arn\": \"{arn}\"");
    let queue = through("queue.json", "sqs.us-east-1.amazonaws.com", &context);
    let table = through(
        "table.json",
        "dynamodb.us-east-1.amazonaws.com",
        ", \"kms:EncryptionContext:aws:dynamodb:tableName\": \"orders\", \"aws:CalledViaFirst\": \"dynamodb.amazonaws.com\"",
    );
    for (service, operation, policy, calls) in [
        (
            "sqs",
            "SendMessage",
            &queue,
            ["GenerateDataKey", "Decrypt"].as_slice(),
        ),
        ("dynamodb", "GetItem", &table, ["Decrypt"].as_slice()),
    ] {
        let loaded = of(service, operation, policy);
        let samples = sampled(&loaded, 100, RunOptions::default()).expect("samples");
        let file = log_file(&loaded.variants[0], &samples[0], loaded.seed);
        let names: Vec<&str> = file
            .records
            .iter()
            .filter_map(|r| r["eventName"].as_str())
            .collect();
        assert_eq!(names, calls);
        for record in &file.records {
            let by = format!("{service}.amazonaws.com");
            assert_eq!(record["userIdentity"]["invokedBy"], by.as_str());
            assert_eq!(record["sourceIPAddress"], by.as_str());
            assert!(record.get("vpcEndpointId").is_none() && record.get("errorCode").is_none());
        }
    }
    // The wrong service, and one whose own permission is missing: that one does not call KMS at all.
    let denied = of("dynamodb", "GetItem", &queue);
    let explained = explain(&denied.variants[0], None, None);
    assert_eq!(explained[0].decision, "implicit deny");
    assert_eq!(
        explained[0].permissions.last().expect("one").action,
        "kms:Decrypt"
    );
    assert_eq!(explained[0].kms_calls.len(), 1);
    let denied = of("sqs", "ReceiveMessage", &queue);
    let explained = explain(&denied.variants[0], None, None);
    assert_eq!(
        explained[0].permissions.last().expect("one").action,
        "sqs:ReceiveMessage"
    );
    assert!(explained[0].kms_calls.is_empty());
    assert_eq!(explained[0].permissions[0].resource, arn);
}

/// A throttled call of KMS fails the request to the service, which its client sends again as a whole: what the service has
/// got in the meantime is not asked for twice.
#[test]
fn a_request_is_tried_again_as_a_whole() {
    let text = |limit: u32| {
        scenario(
            &format!("horizon = \"3s\"\nreplications = 1\nquota.q.limit = \"{limit}/s\""),
            "service.name = \"sqs\"\nclients = 1\noperations.SendMessage = 1\njob = { workers = 1, objects = 1 }\nretry.fixed = { delay = \"1s\", max_attempts = 3 }",
        )
    };
    let metrics = |limit: u32| {
        let results = run(&text(limit));
        let metrics = &results.variants[0].metrics;
        [
            "kms_calls",
            "kms_attempts",
            "kms_throttled",
            "app_requests_failed",
        ]
        .map(|id| values(metrics, id)[0])
    };
    assert_eq!(metrics(2), [2.0, 2.0, 0.0, 0.0]);
    // GenerateDataKey in the first second, Decrypt refused there and made in the next.
    assert_eq!(metrics(1), [2.0, 3.0, 1.0, 0.0]);
}

#[test]
fn every_service_runs_and_is_counted_under_its_operations() {
    for row in catalog::services() {
        let operations: Vec<String> = row.operations().map(|o| format!("{} = 1", o.id)).collect();
        let results = run(&scenario(
            "horizon = \"60s\"\nreplications = 1",
            &format!(
                "service.name = \"{}\"\nclients = 2\noperations = {{ {} }}\narrivals.poisson.rate = \"50/s\"",
                row.id,
                operations.join(", ")
            ),
        ));
        let variant = &results.variants[0];
        for operation in row.operations() {
            assert!(values(&variant.by_operation[&operation.id], "app_requests")[0] > 0.0);
            for need in &operation.needs {
                let calls = values(&variant.by_kms_operation[need.name()], "kms_calls")[0];
                assert!(calls > 0.0, "{} {need}", row.id);
            }
        }
        let mut left_out = results.costs_left_out.iter();
        assert!(left_out.any(|cost| cost.id == "other-services"));
    }
}
