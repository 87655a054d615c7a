//! How clients try again: how often and when, by formulas of what docs/SCENARIO.md writes down.

use crate::common::{Sample, T, run, values};
use kmsim::catalog::retry_profiles;
use kmsim::results::RunResults;

fn one(results: &RunResults, workload: &str, id: &str) -> f64 {
    values(&results.variants[0].by_workload[workload], id)[0]
}

/// A workload `w` beside one that takes the only call of every whole second, so that nobody else is ever admitted.
fn never_admitted(horizon: &str, retry: &str, workload: &str) -> RunResults {
    run(&format!(
        r#"
        horizon = "{horizon}"
        replications = 1
        region = "us-east-1"
        [key.k]
        [bucket.b]
        key = "k"
        [quota.q]
        limit = "1/s"
        [workload.a]
        key = "k"
        operations.Encrypt = 1
        arrivals.constant.rate = "1/s"
        retry = "none"
        [workload.w]
        bucket = "b"
        operations.GetObject = 1
        retry.{retry}
        {workload}
        "#
    ))
}

/// Names of all profiles.
fn profiles() -> Vec<&'static str> {
    let all = retry_profiles().iter();
    all.flat_map(|p| p.aliases.iter().chain([&p.id]))
        .map(String::as_str)
        .collect()
}

#[test]
fn each_profile_makes_as_many_attempts_as_it_may() {
    let names = profiles();
    assert!(names.len() >= 60, "{}", names.len());
    for name in names.iter().chain(&["exponential", "fixed"]) {
        for attempts in [1, 4] {
            let more = match *name {
                "exponential" => "initial_backoff = \"1s\", ",
                "fixed" => "delay = \"1s\", ",
                _ => "",
            };
            let results = never_admitted(
                "10m",
                &format!("\"{name}\" = {{ {more}max_attempts = {attempts} }}"),
                "clients = 1\nstop = \"1s\"\narrivals.constant.rate = \"1/s\"",
            );
            assert_eq!(
                one(&results, "w", "kms_attempts"),
                f64::from(attempts),
                "{name}"
            );
            assert_eq!(one(&results, "w", "s3_requests_failed"), 1.0, "{name}");
        }
    }
    // A policy that never tries again.
    let results = never_admitted(
        "1m",
        "none = {}",
        "stop = \"1s\"\narrivals.constant.rate = \"9/s\"",
    );
    assert_eq!(one(&results, "w", "kms_attempts"), 9.0);
}

/// A retry takes its cost from 500 tokens, of each client or of both together, and nothing ever comes back.
#[test]
fn clients_share_a_retry_quota_where_they_are_told_to() {
    let retries = |retry: &str| {
        let results = never_admitted(
            // A rate limiter lets half an attempt a second through.
            "15m",
            retry,
            "clients = 2\nstop = \"1s\"\narrivals.constant.rate = \"280/s\"",
        );
        one(&results, "w", "kms_retries")
    };
    for profile in retry_profiles() {
        let Some(quota) = profile.retry_quota.filter(|q| q.cost_throttling > 0) else {
            continue;
        };
        // Where what is left of a cost pays for a retry too, it pays for each token.
        let of_one = quota.capacity.div_ceil(quota.cost_throttling);
        for name in profile.aliases.iter().chain([&profile.id]) {
            let each = retries(&format!("\"{name}\" = {{ max_attempts = 2 }}"));
            let shared = retries(&format!(
                "\"{name}\" = {{ max_attempts = 2, retry_quota.shared = true }}"
            ));
            assert_eq!(
                [each, shared],
                [2.0 * f64::from(of_one), f64::from(of_one)],
                "{name}"
            );
        }
    }
    for kind in [
        "fixed = { delay = \"10ms\"",
        "exponential = { initial_backoff = \"10ms\"",
    ] {
        for (quota, of_one) in [
            ("capacity = 60, throttling_cost = 7", 8.0),
            ("throttling_cost = 7", 71.0),
            ("capacity = 60", 12.0),
            (
                "capacity = 60, throttling_cost = 7, success_refund = 50",
                8.0,
            ),
        ] {
            let each = retries(&format!(
                "{kind}, max_attempts = 2, retry_quota = {{ {quota} }} }}"
            ));
            let shared = retries(&format!(
                "{kind}, max_attempts = 2, retry_quota = {{ {quota}, shared = true }} }}"
            ));
            assert_eq!([each, shared], [2.0 * of_one, of_one], "{kind} {quota}");
        }
        // A token for each retry, and no tenth of one comes back.
        for (bucket, of_one) in [("", 10.0), ("capacity = 23, success_deposit = 0.9", 23.0)] {
            let each = retries(&format!(
                "{kind}, max_attempts = 2, retry_token_bucket = {{ {bucket} }} }}"
            ));
            let comma = if bucket.is_empty() { "" } else { ", " };
            let shared = retries(&format!(
                "{kind}, max_attempts = 2, retry_token_bucket = {{ {bucket}{comma}shared = true }} }}"
            ));
            assert_eq!([each, shared], [2.0 * of_one, of_one], "{kind} {bucket}");
        }
    }
}

/// What successes give back: one is admitted in each second, before 99 others that want a retry each.
#[test]
fn successes_give_back_what_is_written() {
    let retries = |retry: &str| {
        let results = run(&format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1/s\"\n[workload.w]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\narrivals.constant.rate = \"100/s\"\nretry.{retry}\n"
        ));
        one(&results, "w", "kms_retries")
    };
    for kind in [
        "fixed = { delay = \"1ms\"",
        "exponential = { initial_backoff = \"1ms\", jitter = \"none\"",
    ] {
        for (quota, expected) in [
            // 50 ÷ 5 at first, then a retry for the nine successes of five tokens.
            (
                "retry_quota = { capacity = 50, throttling_cost = 5, success_refund = 5 }",
                19.0,
            ),
            // 10 successes of which the first fills nothing: 18 tokens are three retries and more.
            (
                "retry_quota = { capacity = 50, throttling_cost = 5, success_refund = 2 }",
                13.0,
            ),
            ("retry_quota = { capacity = 50, throttling_cost = 5 }", 11.0),
            // Tokens of a bucket: nine halves are four.
            (
                "retry_token_bucket = { capacity = 3, success_deposit = 0.5 }",
                7.0,
            ),
            ("retry_token_bucket = { capacity = 3 }", 3.0),
        ] {
            assert_eq!(
                retries(&format!("{kind}, max_attempts = 2, {quota} }}")),
                expected,
                "{quota}"
            );
        }
    }
}

/// Nine hundred and ninety-nine requests are refused at 0 s, answered after 4 ms, and fail unless their wait takes them into
/// the next second.
#[test]
fn waits_are_drawn_as_their_jitter_says() {
    // (initial backoff in s, jitter, share of waits below 0.996 s)
    for (initial, jitter, share) in [
        (1.5, "none", 0.0),
        (0.9, "none", 1.0),
        (1.5, "full", 0.996 / 1.5),
        (1.5, "equal", (0.996 - 0.75) / 0.75),
        (1.5, "around", (0.996 - 0.75) / 1.5),
        (0.6, "decorrelated", (0.996 - 0.6) / 1.2),
        (3.0, "full", 0.996 / 3.0),
    ] {
        let results = run(&format!(
            "horizon = \"20s\"\nreplications = 40\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1/s\"\nchanges = [{{ at = \"1s\", limit = \"100000/s\" }}]\n[workload.w]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\njob = {{ workers = 1000, objects = 1000 }}\nretry.exponential = {{ initial_backoff = \"{}ms\", jitter = \"{jitter}\", max_attempts = 2 }}\n",
            initial * 1_000.0
        ));
        let metrics = &results.variants[0].metrics;
        let failed = Sample::of(&values(metrics, "app_requests_failed"));
        println!(
            "{initial} {jitter}: {} ± {} of {}",
            failed.mean,
            T * failed.se(),
            999.0 * share
        );
        assert!(
            failed.holds(999.0 * share, 0.0),
            "{initial} {jitter}: {failed:?} of {}",
            999.0 * share
        );
        // Nobody waits longer than the jitter lets them.
        let most = match jitter {
            "around" => 1.5 * initial,
            "decorrelated" => 3.0 * initial,
            _ => initial,
        };
        let longest = values(metrics, "added_delay_s_max");
        let waited = longest
            .iter()
            .all(|w| *w <= most + 0.004 + 1e-9 && (*w == 0.0 || *w >= 0.9 * most));
        assert!(waited, "{initial} {jitter}: {longest:?}");
    }
}

/// Attempts at 0 s, and after each answer of 4 ms the next wait: doubled each time, up to its cap.
#[test]
fn waits_double_up_to_their_cap() {
    for (retry, free_from, delay) in [
        (
            "exponential = { initial_backoff = \"700ms\", jitter = \"none\", max_attempts = 9 }",
            4,
            0.7 + 1.4 + 2.8 + 0.012,
        ),
        (
            "exponential = { initial_backoff = \"700ms\", max_backoff = \"1s\", jitter = \"none\", max_attempts = 9 }",
            4,
            0.7 + 4.0 + 0.020,
        ),
        // 20 s unless it is written.
        (
            "exponential = { initial_backoff = \"15s\", jitter = \"none\", max_attempts = 9 }",
            50,
            15.0 + 20.0 + 20.0 + 0.012,
        ),
        (
            "fixed = { delay = \"700ms\", max_attempts = 9 }",
            4,
            6.0 * 0.7 + 0.024,
        ),
    ] {
        let results = run(&format!(
            "horizon = \"2m\"\nreplications = 1\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1/s\"\n[workload.a]\nkey = \"k\"\noperations.Encrypt = 1\narrivals.constant.rate = \"1/s\"\nretry = \"none\"\nstop = \"{free_from}s\"\n[workload.w]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\nstop = \"1s\"\narrivals.constant.rate = \"1/s\"\nretry.{retry}\n"
        ));
        assert_eq!(
            one(&results, "w", "added_delay_s_max"),
            (delay * 1_000.0_f64).round() / 1_000.0,
            "{retry}"
        );
    }
}

/// HEADs over S3's rate of a prefix, which answers them without a body, from one client, for a second.
#[test]
fn what_shows_its_status_alone_has_its_own_wait_and_cost() {
    for kind in [
        "fixed = { delay = \"1s\", transient_delay",
        "exponential = { initial_backoff = \"1s\", jitter = \"none\", transient_initial_backoff",
    ] {
        for (operation, cost, retries, longest) in [
            ("HeadObject", "", 100.0, 1.504),
            ("HeadObject", ", transient_cost = 25", 20.0, 1.504),
            ("GetObject", ", transient_cost = 25", 100.0, 1.004),
        ] {
            let results = run(&format!(
                "horizon = \"1s\"\nreplications = 1\nregion = \"us-east-1\"\n[bucket.b]\nprefixes = 1\n[workload.w]\nbucket = \"b\"\nclients = 1\noperations = {{ {operation} = 1 }}\narrivals.constant.rate = \"11000/s\"\n[workload.heads]\nbucket = \"b\"\nprefixes = 1\nclients = 1\noperations.HeadObject = 1\narrivals.constant.rate = \"1/s\"\n[retry]\n{kind} = \"1500ms\", max_attempts = 2, retry_quota = {{ capacity = 500{cost} }} }}\n"
            ));
            let tries = one(&results, "w", "s3_attempts") - one(&results, "w", "s3_requests");
            assert_eq!(tries, retries, "{kind} {operation} {cost}");
            assert_eq!(
                one(&results, "w", "added_delay_s_max"),
                longest,
                "{kind} {operation} {cost}"
            );
        }
    }
}
