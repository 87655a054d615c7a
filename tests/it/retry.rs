//! What clients do when throttled, through scenarios and their results: against counts made by hand and
//! against what botocore did.

use crate::common::{run, run_with};
use kmsim::engine::random::Key;
use kmsim::results::RunResults;

/// One application under a quota.
fn application(quota: &str, arrivals: &str, more: &str) -> RunResults {
    run(&format!(
        r#"
        horizon = "10s"
        replications = 1
        region = "us-east-1"
        [key.k]
        [quota.q]
        limit = "{quota}"
        [workload.w]
        key = "k"
        clients = 2
        operations.Decrypt = 1
        {arrivals}
        {more}
        "#
    ))
}

fn metric(results: &RunResults, variant: usize, id: &str) -> f64 {
    let metrics = &results.variants[variant].metrics;
    metrics[id].mean.unwrap_or_else(|| panic!("{id} is null"))
}

/// An answer to HEAD has no body: its client sees a 503, and no SlowDown. Twice as much as S3 takes, for a second, from
/// one client: what is refused is tried again as long as the retry quota of 500 tokens pays, and nothing is paid back
/// before the next second.
#[test]
fn answers_without_a_body_are_classified_by_their_status() {
    let retries = |retry: &str, operation: &str| {
        let results = run(&format!(
            r#"
            horizon = "1s"
            replications = 1
            region = "us-east-1"
            retry.{retry}
            [bucket.b]
            prefixes = 1
            [workload.w]
            bucket = "b"
            clients = 1
            operations.{operation} = 1
            arrivals.constant.rate = "11000/s"
            "#
        ));
        let tries = metric(&results, 0, "s3_attempts");
        // In the second after it all that still wait are served.
        tries - metric(&results, 0, "s3_requests")
    };
    for (retry, get, head) in [
        // 5 and 14 tokens.
        ("standard = {}", 100.0, 35.0),
        ("javascript = {}", 100.0, 35.0),
        ("\"javascript-3.1165-standard\" = {}", 100.0, 50.0),
        ("\"standard-2.0\" = {}", 100.0, 100.0),
        ("\"rust-standard-2.0\" = {}", 100.0, 50.0),
        ("\"rust-standard-2.1\" = {}", 100.0, 35.0),
        ("go = {}", 100.0, 35.0),
        // The status alone decides.
        ("crt = {}", 100.0, 100.0),
        (
            "exponential = { initial_backoff = \"1s\", max_attempts = 3, retry_quota = { transient_cost = 50 } }",
            100.0,
            10.0,
        ),
        (
            "exponential = { initial_backoff = \"1s\", max_attempts = 3, retry_quota = {} }",
            100.0,
            100.0,
        ),
    ] {
        // Keys of HEADs alone are refused where there are none.
        if !retry.contains("transient_cost") {
            assert_eq!(retries(retry, "GetObject"), get, "{retry}");
        }
        assert_eq!(retries(retry, "HeadObject"), head, "{retry}");
    }
    // Java: a retry after throttling is free, one after a 503 is not.
    assert!(retries("java = {}", "GetObject") >= 5_500.0);
    assert_eq!(retries("java = {}", "HeadObject"), 100.0);
    assert!(retries("s3a = {}", "GetObject") >= 5_500.0);
    assert_eq!(retries("s3a = {}", "HeadObject"), 100.0);
    // Without a retry quota each of the 5,500 tries again at least once.
    assert!(retries("legacy = {}", "HeadObject") >= 5_500.0);
}

#[test]
fn answers_without_a_body_have_a_base_of_their_own() {
    // Refused from 0.5 s on: HEAD waits 250 ms and GET 1 s after each answer, which takes 4 ms.
    let results = run(r#"
        horizon = "1s"
        replications = 1
        region = "us-east-1"
        [retry.fixed]
        delay = "1s"
        transient_delay = "250ms"
        max_attempts = 3
        [bucket.get]
        prefixes = 1
        [bucket.head]
        prefixes = 1
        [workload.get]
        bucket = "get"
        operations.GetObject = 1
        arrivals.constant.rate = "11000/s"
        [workload.head]
        bucket = "head"
        operations.HeadObject = 1
        arrivals.constant.rate = "11000/s"
        "#);
    let of = |workload: &str, id: &str| {
        let m = &results.variants[0].by_workload[workload];
        m[id].mean.unwrap_or_else(|| panic!("{id} is null"))
    };
    assert_eq!(of("get", "added_delay_s_max"), 1.004);
    assert_eq!(of("head", "added_delay_s_max"), 0.508);
    assert_eq!(of("get", "s3_attempts"), 16_500.0);
    // Whoever comes before 746 ms has to wait twice.
    let twice = 11_000.0 * 0.746 - 5_500.0;
    assert_eq!(of("head", "s3_attempts"), 16_500.0 + twice);
}

#[test]
fn a_503_without_a_code_does_not_slow_the_adaptive_mode_down() {
    let (results, _) = run_with(
        r#"
        horizon = "20s"
        replications = 1
        region = "us-east-1"
        retry = "adaptive"
        [bucket.b]
        prefixes = 1
        [workload.w]
        bucket = "b"
        clients = 30
        operations.HeadObject = 1
        arrivals.constant.rate = "6000/s"
        [variant.head]
        [variant.get.workload.w]
        operations = { HeadObject = 0, GetObject = 1 }
        "#,
        false,
    );
    let throttled = [0, 1].map(|v| metric(&results, v, "s3_throttled"));
    // 500 a second are refused at least; a limiter holds GETs back below S3's limit.
    assert!(throttled[0] >= 10_000.0, "{throttled:?}");
    assert!(throttled[1] < 0.5 * throttled[0], "{throttled:?}");
}

/// One client under a quota of a fixed window that sends evenly, waits `delay` before its only retry, and holds all back for `hold`
/// after more than `most` refusals among its last `window` attempts: attempts, failures and the longest delay \[ms\].
fn held_by_a_brake(
    (rate, limit, seconds): (u64, u64, u64),
    delay: u64,
    (most, window, hold): (usize, usize, u64),
) -> (u64, u64, u64) {
    // Due, whether it is new, when it arrived, how often it was refused.
    let arrivals = (0..rate * seconds).map(|i| (i * 1_000 / rate, true, i * 1_000 / rate, 0));
    let mut due: std::collections::BTreeSet<(u64, bool, u64, u64)> = arrivals.collect();
    let (mut attempts, mut failed, mut longest) = (0, 0, 0);
    let (mut last, mut until, mut second, mut used) = (Vec::new(), 0, 0, 0);
    while let Some((at, _, arrived, refusals)) = due.pop_first() {
        if at < until {
            due.insert((until, false, arrived, refusals));
            continue;
        }
        if at / 1_000 > second {
            (second, used) = (at / 1_000, 0);
        }
        attempts += 1;
        let is_refused = used >= limit;
        used += u64::from(!is_refused);
        last.push(is_refused);
        let seen = &last[last.len().saturating_sub(window)..];
        if is_refused && seen.iter().filter(|r| **r).count() > most {
            until = at + 4 + hold;
            last.clear();
        }
        if !is_refused {
            longest = longest.max(at - arrived);
        } else if refusals == 1 {
            failed += 1;
        } else {
            due.insert((at + 4 + delay, false, arrived, 1));
        }
    }
    (attempts, failed, longest)
}

#[test]
fn a_send_brake_lets_requests_wait() {
    for (load, delay, brake) in [
        ((10, 1, 2), 50, (2, 4, 1_000)),
        ((50, 20, 20), 130, (2, 10, 700)),
        ((50, 20, 20), 330, (5, 50, 4_000)),
        ((20, 18, 30), 90, (0, 1, 253)),
    ] {
        let ((rate, limit, seconds), (most, window, hold)) = (load, brake);
        let text = format!(
            r#"
            horizon = "{seconds}s"
            replications = 1
            region = "us-east-1"
            [key.k]
            [quota.q]
            limit = "{limit}/s"
            [workload.w]
            key = "k"
            clients = 1
            operations.Decrypt = 1
            arrivals.constant.rate = "{rate}/s"
            [workload.w.retry.fixed]
            delay = "{delay}ms"
            max_attempts = 2
            send_brake = {{ refused_threshold = {}, window = {window}, hold_time = "{hold}ms" }}
            "#,
            most as f64 / window as f64
        );
        let expected = held_by_a_brake(load, delay, brake);
        for simulate_all in [false, true] {
            let (results, _) = run_with(&text, simulate_all);
            let of = |id| metric(&results, 0, id);
            let longest = (of("added_delay_s_max") * 1_000.0).round() as u64;
            let found = (of("kms_attempts"), of("app_requests_failed"), longest);
            assert_eq!(
                found,
                (expected.0 as f64, expected.1 as f64, expected.2),
                "{text}"
            );
            assert_eq!(of("app_requests"), (rate * seconds) as f64);
        }
    }
}

/// A backup to one hot prefix, as ScyllaDB's S3 client made it before it had a brake, and since: over 20 % of 50 outcomes
/// refused, and nothing is sent for 4 s.
#[test]
fn a_backup_with_a_brake_completes() {
    let results = run(r#"
        horizon = "10m"
        replications = 1
        region = "us-east-1"
        [key.backup]
        [bucket.backup]
        key = "backup"
        prefixes = 1
        [workload.parts]
        bucket = "backup"
        operations.PutObject = 1
        clients = 24
        job = { workers = 2400, objects = 40_000 }
        [variant.before.retry.exponential]
        initial_backoff = "25ms"
        max_backoff = "60s"
        max_attempts = 10
        jitter = "none"
        [variant.without-brake.retry.exponential]
        initial_backoff = "1s"
        max_backoff = "60s"
        max_attempts = 10
        [variant.after.retry.exponential]
        initial_backoff = "1s"
        max_backoff = "60s"
        max_attempts = 10
        send_brake = { refused_threshold = "20%", window = 50, hold_time = "4s" }
        "#);
    let [failed, throttled, done] = ["s3_requests_failed", "s3_throttled", "job_completion_s"]
        .map(|id| [0, 1, 2].map(|v| metric(&results, v, id)));
    println!("failed {failed:?}, throttled {throttled:?}, done after {done:?}");
    // 3,500 a second at most; with a brake about as many each time that it lets go, every four seconds.
    assert_eq!(failed[2], 0.0);
    assert!(done[2] > 4.0 * (40_000.0 / 3_500.0 - 2.0) && done[2] < 5.5 * 40_000.0 / 3_500.0);
    assert!(throttled[2] < 0.2 * throttled[1] && throttled[1] < throttled[0]);
    for variant in &results.variants {
        let of = |id: &str| variant.metrics[id].mean.expect("a value");
        assert_eq!(of("s3_requests"), 40_000.0);
    }
}

/// Clients that are replaced, under a quota of a fixed window, which send evenly in turn: each has a retry quota of 40 tokens, of
/// which a retry takes 5. Attempts and failures, by a simulation of its own.
fn with_lives(
    (rate, limit, seconds, clients): (u64, u64, u64, u64),
    requests: Option<u64>,
    time_ms: Option<u64>,
) -> (u64, u64) {
    let root = Key::root(1, 0).named("w").named("clients");
    let mut left: Vec<u64> = (0..clients)
        .map(|c| requests.map_or(0, |n| root.with(c).below(n) + 1))
        .collect();
    let mut tokens = vec![40_i64; clients as usize];
    let mut number = vec![0; clients as usize];
    let arrivals = (0..rate * seconds).map(|i| (i * 1_000 / rate, true, i, 0));
    let mut due: std::collections::BTreeSet<(u64, bool, u64, u64)> = arrivals.collect();
    let (mut attempts, mut failed, mut second, mut used) = (0, 0, 0, 0);
    let mut is_counted = false;
    while let Some((at, is_new, i, refusals)) = due.pop_first() {
        let c = (i % clients) as usize;
        if let Some(time) = time_ms {
            // Evenly one after another.
            let now = (at + time * c as u64 / clients) / time;
            if now > number[c] {
                (number[c], tokens[c]) = (now, 40);
                left[c] = requests.unwrap_or(0);
            }
        }
        if is_counted && is_new && requests.is_some() {
            if left[c] == 0 {
                (left[c], tokens[c]) = (requests.unwrap_or(0), 40);
            }
            left[c] -= 1;
        }
        if at / 1_000 > second {
            (second, used) = (at / 1_000, 0);
        }
        attempts += 1;
        if used < limit {
            used += 1;
            tokens[c] = (tokens[c] + if refusals > 0 { 5 } else { 1 }).min(40);
            continue;
        }
        is_counted = true;
        if refusals == 2 || tokens[c] < 5 {
            failed += 1;
        } else {
            tokens[c] -= 5;
            due.insert((at + 4 + 330, false, i, refusals + 1));
        }
    }
    (attempts, failed)
}

#[test]
fn clients_that_are_replaced_begin_with_full_retry_quotas() {
    let mut found = Vec::new();
    for (load, requests, time) in [
        ((50, 20, 40, 5), None, None),
        ((50, 20, 40, 5), Some(1), None),
        ((50, 20, 40, 5), Some(17), None),
        ((50, 20, 40, 5), None, Some(2_500)),
        ((50, 20, 40, 5), Some(30), Some(7_000)),
        ((20, 18, 60, 2), Some(55), None),
    ] {
        let (rate, limit, seconds, clients) = load;
        let requests_key = requests.map(|n| format!("client_lifetime.requests = {n}\n"));
        let time_key = time.map(|ms| format!("client_lifetime.time = \"{ms}ms\"\n"));
        let text = format!(
            r#"
            seed = 1
            horizon = "{seconds}s"
            replications = 1
            region = "us-east-1"
            [key.k]
            [quota.q]
            limit = "{limit}/s"
            [workload.w]
            key = "k"
            clients = {clients}
            operations.Decrypt = 1
            arrivals.constant.rate = "{rate}/s"
            {}{}
            [workload.w.retry.fixed]
            delay = "330ms"
            max_attempts = 3
            retry_quota.capacity = 40
            "#,
            requests_key.unwrap_or_default(),
            time_key.unwrap_or_default()
        );
        let expected = with_lives(load, requests, time);
        for simulate_all in [false, true] {
            let (results, _) = run_with(&text, simulate_all);
            let of = |id| metric(&results, 0, id) as u64;
            assert_eq!(
                (of("kms_attempts"), of("app_requests_failed")),
                expected,
                "{text}"
            );
        }
        found.push(expected.0);
    }
    // Without lives the quotas run dry; with a client for each request they never do, and the sooner clients are
    // replaced the more is tried again.
    assert!(found[0] < found[3] && found[2] < found[1], "{found:?}");
}

/// One worker that uploads objects of `parts` parts under a quota of a fixed window, without retries: each request of 35 ms that is admitted, or
/// 4 ms that is refused. Requests, failed ones, those not sent, objects with a failed request and the end \[ms\].
fn uploads(
    (objects, parts, limit): (u64, u64, u64),
    on_failure: &str,
) -> (u64, u64, u64, u64, u64) {
    let (mut at, mut second, mut used) = (0, 0, 0);
    let (mut requests, mut failed, mut objects_failed) = (0, 0, 0);
    'run: for _ in 0..objects {
        let mut is_whole = true;
        for _ in 0..parts + 2 {
            if at / 1_000 > second {
                (second, used) = (at / 1_000, 0);
            }
            requests += 1;
            if used < limit {
                (used, at) = (used + 1, at + 35);
                continue;
            }
            at += 4;
            failed += 1;
            is_whole = false;
            if on_failure != "continue" {
                break;
            }
        }
        objects_failed += u64::from(!is_whole);
        if !is_whole && on_failure == "fail-job" {
            break 'run;
        }
    }
    let not_sent = objects * (parts + 2) - requests;
    (requests, failed, not_sent, objects_failed, at)
}

#[test]
fn what_fails_with_a_part_is_as_the_scenario_says() {
    for of in [(40, 3, 20), (60, 8, 27), (3, 1, 2), (12, 2, 400)] {
        for on_failure in ["continue", "fail-upload", "fail-job"] {
            let (objects, parts, limit) = of;
            let text = format!(
                r#"
                horizon = "10m"
                replications = 1
                region = "us-east-1"
                retry = "none"
                [assumption]
                s3_latency.constant.value = "30ms"
                kms_latency.constant.value = "5ms"
                [key.k]
                [quota.q]
                limit = "{limit}/s"
                [bucket.b]
                key = "k"
                [workload.w]
                bucket = "b"
                operations.MultipartUpload = 1
                parts = {parts}
                job = {{ workers = 1, objects = {objects}, on_failure = "{on_failure}" }}
                [workload.next]
                bucket = "b"
                after = "w"
                operations.HeadObject = 1
                job = {{ workers = 1, objects = 1 }}
                "#
            );
            let (requests, failed, not_sent, objects_failed, end) = uploads(of, on_failure);
            let results = run(&text);
            let of = |workload: &str, id: &str| results.variants[0].by_workload[workload][id].mean;
            assert_eq!(of("w", "s3_requests"), Some(requests as f64), "{text}");
            assert_eq!(of("w", "s3_requests_failed"), Some(failed as f64), "{text}");
            let propagated = |n: u64| (on_failure != "continue").then_some(n as f64);
            assert_eq!(of("w", "requests_not_sent"), propagated(not_sent), "{text}");
            assert_eq!(
                of("w", "objects_failed"),
                propagated(objects_failed),
                "{text}"
            );
            let fails = on_failure == "fail-job" && failed > 0;
            assert_eq!(of("w", "job_runs_failed"), propagated(u64::from(fails)));
            let done = (!fails).then_some(end as f64 / 1_000.0);
            assert_eq!(of("w", "job_completion_s"), done, "{text}");
            // What comes after it does not start where it has failed.
            let next = if fails { 0.0 } else { 1.0 };
            assert_eq!(of("next", "s3_requests"), Some(next), "{text}");
        }
    }
}

/// However many workers there are, and whatever runs again, each request of a run that begins is sent or counted as not sent.
#[test]
fn no_request_of_a_failed_job_is_lost() {
    let mut runs_failed = 0.0;
    for (seed, on_failure) in (0..12).zip(["fail-upload", "fail-job"].into_iter().cycle()) {
        let guards = ["", "client_lifetime.requests = 5\n"][seed % 2];
        let more = [
            "",
            ", every = \"20s\"",
            ", every = \"20s\", within = \"9s\"",
        ][seed % 3];
        let retry = ["adaptive", "standard", "java", "legacy"][seed / 2 % 4];
        let guards = if retry == "java" || retry == "legacy" {
            ""
        } else {
            guards
        };
        let text = format!(
            r#"
            seed = {seed}
            horizon = "60s"
            replications = 3
            region = "us-east-1"
            retry = "{retry}"
            [key.k]
            [quota.q]
            limit = "{}/s"
            [bucket.b]
            key = "k"
            [workload.w]
            bucket = "b"
            clients = 3
            operations = {{ MultipartUpload = 2, CopyObject = 1 }}
            parts = 4
            {guards}job = {{ workers = {}, objects = 60, on_failure = "{on_failure}"{more} }}
            "#,
            20 + 10 * (seed % 5),
            3 + 5 * (seed % 4),
        );
        let results = run(&text);
        let m = &results.variants[0].metrics;
        let value = |id: &str, i: usize| m[id].values[i].unwrap_or(0.0);
        let by = &results.variants[0].by_operation;
        for i in 0..3 {
            let of = |operation: &str| {
                let v = |id: &str| by[operation][id].values[i].unwrap_or(0.0);
                v("s3_requests") + v("requests_not_sent")
            };
            let uploads = of("CreateMultipartUpload");
            let runs = if more.is_empty() { 1.0 } else { 3.0 };
            assert_eq!(uploads + of("CopyObject"), 60.0 * runs, "{text}");
            assert_eq!(of("UploadPart"), 4.0 * uploads, "{text}");
            assert_eq!(of("CompleteMultipartUpload"), uploads, "{text}");
            let answered = ["s3_requests_succeeded", "s3_requests_failed"].map(|id| value(id, i));
            assert_eq!(
                answered.iter().sum::<f64>(),
                value("s3_requests", i),
                "{text}"
            );
            runs_failed += value("job_runs_failed", i);
        }
    }
    assert!(runs_failed >= 6.0, "{runs_failed}");
}

#[test]
fn a_circuit_breaker_opens_and_tries_again() {
    let results = application(
        "1/s",
        "arrivals.constant.rate = \"10/s\"\nstop = \"2s\"",
        r#"
        [variant.requests.workload.w]
        clients = 1
        [variant.requests.workload.w.retry.fixed]
        delay = "0s"
        max_attempts = 1
        circuit_breaker = { open_time = "500ms", window = 2, failure_threshold = 1.0 }
        [variant.retries.workload.w]
        clients = 1
        [variant.retries.workload.w.retry.fixed]
        delay = "10ms"
        max_attempts = 2
        circuit_breaker = { open_time = "500ms", window = 2, failure_threshold = 1.0, blocks = "retries" }
        "#,
    );
    // Attempts at 0 (admitted), 0.1 and 0.2 (open until 0.704), 0.8 (a trial; open until 1.304), 1.4 (the trial
    // that closes it), 1.5 and 1.6 (open until 2.104).
    let counts = |variant| {
        [
            "app_requests",
            "kms_attempts",
            "kms_throttled",
            "kms_retries",
            "app_requests_failed",
        ]
        .map(|id| metric(&results, variant, id))
    };
    assert_eq!(counts(0), [20.0, 7.0, 5.0, 0.0, 18.0]);
    // All first attempts are made. The request of 0.1 is retried, which opens it until 0.618; the first attempt
    // of 0.7 opens it until 1.204, the retry at 1.214 until 1.718, the first attempt of 1.8 for good.
    assert_eq!(counts(1), [20.0, 22.0, 20.0, 2.0, 18.0]);
}

#[test]
fn a_shared_retry_quota_pays_for_all_clients_together() {
    // One request a second is admitted; 99 want a retry, and success_refund = 0 gives nothing back.
    let results = application(
        "1/s",
        "arrivals.constant.rate = \"100/s\"",
        r#"
        [variant.each]
        retry.fixed = { delay = "1ms", max_attempts = 2, retry_quota = { capacity = 50, success_refund = 0 } }
        [variant.shared]
        retry.fixed = { delay = "1ms", max_attempts = 2, retry_quota = { capacity = 50, success_refund = 0, shared = true } }
        "#,
    );
    assert_eq!(metric(&results, 0, "kms_retries"), 20.0);
    assert_eq!(metric(&results, 1, "kms_retries"), 10.0);
}

#[test]
fn a_retry_token_bucket_is_filled_by_every_success() {
    let results = application(
        "1/s",
        "arrivals.constant.rate = \"100/s\"",
        r#"
        [retry.fixed]
        delay = "1ms"
        max_attempts = 2
        retry_token_bucket = { capacity = 3, success_deposit = 0.5, shared = true }
        "#,
    );
    // Three tokens at the start; the nine successes after the first put in four whole ones.
    assert_eq!(metric(&results, 0, "kms_retries"), 7.0);
}

#[test]
fn a_server_may_ask_clients_to_wait() {
    // The eleventh request of the first second is throttled at 10/11 s, answered 4 ms later.
    let results = application(
        "10/s",
        "arrivals.constant.rate = \"11/s\"\nstop = \"1s\"",
        r#"
        [assumption]
        retry_after = "3s"
        [variant.newer]
        retry = "standard"
        [variant.rust]
        retry = "rust-standard-2.0"
        [variant.long]
        retry = "standard"
        assumption.retry_after = "1h"
        [variant.deaf]
        retry = "legacy"
        "#,
    );
    let waits = [0, 1, 2, 3].map(|v| metric(&results, v, "added_delay_s_max"));
    assert_eq!(waits[..2], [3.004, 3.004]);
    assert!(waits[2] > 5.004 && waits[2] < 6.004, "{waits:?}");
    assert!(waits[3] < 1.004, "{waits:?}");
}

#[test]
fn an_adaptive_client_sends_as_botocore_did() {
    // `fleet-p-6` of the vectors, but that the eight threads begin together: 480 calls took 493 attempts and
    // 32.5 s from the mean start on.
    let results = run(r#"
        horizon = "2m"
        replications = 2
        region = "us-east-1"
        [assumption]
        kms_latency.constant.value = "20ms"
        throttled_latency.constant.value = "20ms"
        [key.k]
        [quota.q]
        limit = "15/s"
        limiter.token-bucket.burst = 1
        [workload.w]
        key = "k"
        clients = 1
        retry = "adaptive"
        operations.Decrypt = 1
        job = { workers = 8, objects = 480, think_time.constant.value = "10ms" }
        "#);
    assert_eq!(metric(&results, 0, "app_requests_failed"), 0.0);
    let attempts = metric(&results, 0, "kms_attempts");
    assert!((attempts / 493.0 - 1.0).abs() < 0.01, "{attempts}");
    let took = metric(&results, 0, "job_completion_s");
    assert!((took / 32.5 - 1.0).abs() < 0.03, "{took}");
}

#[test]
fn an_adaptive_client_remembers_the_time_before_it_was_throttled() {
    // 40 a second by one client into 60 a second, until an increase of load at 60 s: the limiter starts from 0.7
    // times what the client sent, whether the quiet minute was counted or the run began with it.
    let throttled = |quiet: u32| {
        let results = run(&format!(
            r#"
            horizon = "{}s"
            replications = 60
            region = "us-east-1"
            [key.k]
            [quota.q]
            limit = "60/s"
            [workload.w]
            key = "k"
            clients = 1
            retry = "adaptive"
            operations.Decrypt = 1
            [workload.w.arrivals.piecewise-linear]
            points = [
                {{ at = "0s", rate = "40/s" }}, {{ at = "{quiet}s", rate = "40/s" }},
                {{ at = "{quiet}s", rate = "90/s" }}, {{ at = "{}s", rate = "90/s" }}, {{ at = "{}s", rate = "20/s" }},
            ]
            "#,
            quiet + 60,
            quiet + 5,
            quiet + 5,
        ));
        let values = crate::common::values(&results.variants[0].metrics, "added_delay_s_max");
        crate::common::Sample::of(&values)
    };
    let (long, short) = (throttled(600), throttled(20));
    let margin = 4.0 * (long.se().powi(2) + short.se().powi(2)).sqrt();
    assert!(
        (long.mean - short.mean).abs() < margin,
        "{long:?} {short:?}"
    );
}

/// Clients that read objects whose data keys KMS must decrypt, under a quota.
fn reads(clients: u32, quota: &str, rate: &str, more: &str) -> String {
    format!(
        r#"
        horizon = "30s"
        replications = 1
        region = "us-east-1"
        [key.k]
        [bucket.b]
        key = "k"
        [quota.q]
        limit = "{quota}"
        [workload.w]
        bucket = "b"
        clients = {clients}
        operations.GetObject = 1
        arrivals.constant.rate = "{rate}"
        {more}
        "#
    )
}

#[test]
fn a_run_says_whose_retries_it_assumes() {
    let told = |more: &str| {
        let warnings = run(&reads(2, "50/s", "10/s", more)).warnings;
        warnings.into_iter().find(|w| w.contains("which SDK"))
    };
    let warning = told("").expect("a warning");
    for word in ["botocore", "1.44.0", "`botocore-1.44-standard`", "retry = "] {
        assert!(warning.contains(word), "{warning}");
    }
    assert_eq!(told("retry.java = {}"), None);
    assert_eq!(told("retry = \"standard\""), None);
    // One workload with an SDK says nothing of another.
    let other = r#"
        retry.java = {}
        [workload.other]
        key = "k"
        clients = 1
        operations.Decrypt = 1
        arrivals.constant.rate = "1/s"
        "#;
    assert!(told(other).is_some());
}

#[test]
fn free_retries_are_limited_by_attempts_and_others_by_the_retry_quota() {
    let text = reads(
        1,
        "1/s",
        "100/s",
        r#"
        [variant.java]
        retry.java = {}
        [variant.java-10-retries]
        retry.java = { max_attempts = 11 }
        [variant.standard]
        retry."java-standard-2.0" = {}
        [variant.standard-10-retries]
        retry."java-standard-2.0" = { max_attempts = 11 }
        "#,
    );
    let results = run(&text);
    for (variant, attempts) in [(0, 4.0), (1, 11.0)] {
        let [requests, failed, retries] = ["s3_requests", "s3_requests_failed", "kms_retries"]
            .map(|id| metric(&results, variant, id));
        // Who fails has made all its attempts, who succeeds no more than that.
        let least = failed * (attempts - 1.0);
        let most = requests * (attempts - 1.0);
        assert!(
            least > 0.0 && (least..=most).contains(&retries),
            "{retries} of {least}"
        );
    }
    for variant in [2, 3] {
        let [requests, failed, retries] = ["s3_requests", "s3_requests_failed", "kms_retries"]
            .map(|id| metric(&results, variant, id));
        // 500 tokens pay for 100 retries, and a success gives back one retry's cost at most, however many attempts
        // are allowed.
        assert!(
            (100.0..=100.0 + requests - failed).contains(&retries),
            "{retries}"
        );
    }
}

#[test]
fn profiles_count_and_simulate_the_same() {
    let profiles = [
        "java",
        "javascript-util-retry-4.2-standard",
        "go-standard-2.0",
        "crt",
        "trino",
        "s3a",
        "cpp-legacy",
        "dotnet-standard-2.0",
    ];
    for profile in profiles {
        // A burst that one half of the time overloads the quota.
        let more = format!(
            "retry.\"{profile}\" = {{}}\n[workload.burst]\nbucket = \"b\"\nclients = 2\nstart = \"5s\"\nstop = \"20s\"\nretry.\"{profile}\" = {{}}\noperations.GetObject = 1\narrivals.poisson.rate = \"60/s\""
        );
        let text = reads(2, "40/s", "20/s", &more);
        let [counted, simulated] = [false, true].map(|all| run_with(&text, all).0);
        assert!(metric(&counted, 0, "kms_throttled") > 0.0, "{profile}");
        let json = |results: &RunResults| serde_json::to_string(&results.variants).expect("JSON");
        assert_eq!(json(&counted), json(&simulated), "{profile}");
    }
}

#[test]
fn a_quota_that_pays_in_part_lets_every_token_retry() {
    // The first second's success gives one token back at most, in each of 30 s.
    let text = reads(
        1,
        "1/s",
        "100/s",
        r#"
        [variant.crt]
        retry.crt = { max_attempts = 2 }
        [variant.whole]
        retry."dotnet-standard-2.0" = { max_attempts = 2 }
        "#,
    );
    let results = run(&text);
    let [crt, whole] = [0, 1].map(|variant| metric(&results, variant, "kms_retries"));
    let succeeded = 30.0;
    // 100 retries are paid in full; after that a token pays the CRT's, five another's.
    assert!(
        (100.0 + succeeded - 6.0..=100.0 + succeeded).contains(&crt),
        "{crt}"
    );
    assert!(
        (100.0..=100.0 + succeeded / 5.0).contains(&whole),
        "{whole}"
    );
}

#[test]
fn a_retry_quota_drains_whatever_attempts_are_configured() {
    // Task managers with a client each ask for more objects at once than KMS has room for.
    let results = run(r#"
        horizon = "2m"
        replications = 1
        region = "us-east-1"
        [key.state]
        [bucket.checkpoints]
        key = "state"
        [quota.q]
        limit = "100/s"
        [workload.heads]
        bucket = "checkpoints"
        operations.GetObject = 1
        clients = 4
        job = { workers = 400, objects = 5_000 }
        [variant.token-bucket]
        retry."java-standard-2.0" = { max_attempts = 11 }
        [variant.disabled]
        retry.exponential = { initial_backoff = "1s", max_backoff = "20s", max_attempts = 11 }
        "#);
    let failed = |variant: usize| {
        let workload = &results.variants[variant].by_workload["heads"];
        workload["s3_requests_failed"].mean.expect("data")
    };
    assert!(failed(0) > 2_500.0, "{}", failed(0));
    assert!(failed(1) < 50.0, "{}", failed(1));
}
