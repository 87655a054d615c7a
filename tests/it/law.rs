//! The engine's law: counting and simulating give the same digits, threads change none, the
//! counters add up, and two simulators of other makes agree.

// The texts of scenarios end where TOML lines end.
#![allow(clippy::write_with_newline)]

use crate::common::{Rng, Sample, T, load, run, run_with, values};
use indexmap::IndexMap;
use kmsim::engine::SECOND;
use kmsim::engine::random::Key;
use kmsim::model::Plan;
use kmsim::model::arrivals::Density;
use kmsim::model::retry::{
    Backoff, BackoffKind, Capped, ExponentialBackoff, Jitter, RetryPolicy, RetryQuota,
};
use kmsim::results::{Metrics, RunResults, VariantManifest, VariantResults};
use kmsim::simulation::{Cancelled, Rehearsal, SimulationOptions, simulate};
use kmsim::units::Span;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

// ----- random scenarios ------------------------------------------------------------------------

/// Constant latencies, which take no time to set up.
const CONSTANT: &str = "assumption.kms_latency.constant.value = \"5ms\"\nassumption.s3_latency.constant.value = \"30ms\"\n";

/// One open arrival process around `rate`, as TOML under `arrivals`.
fn arrivals(r: &mut Rng, rate: f64, horizon: u64) -> String {
    let low = rate * 0.3;
    let high = rate * (1.0 + r.unit());
    let at = 1 + r.below(horizon / 2);
    match r.below(6) {
        0 => format!("constant = {{ rate = \"{}/s\" }}", rate.ceil()),
        1 => format!("poisson = {{ rate = \"{rate:.3}/s\" }}"),
        2 => format!(
            "piecewise-linear = {{ points = [{{ at = \"0s\", rate = \"{low:.3}/s\" }}, {{ at = \"{at}s\", rate = \"{high:.3}/s\" }}, {{ at = \"{at}s\", rate = \"{low:.3}/s\" }}] }}"
        ),
        3 => format!(
            "diurnal = {{ mean = \"{rate:.3}/s\", peak = \"{:.3}/s\", peak_at = \"00:01\" }}",
            rate * 1.4
        ),
        4 => format!(
            "on-off = {{ on = \"{high:.3}/s\", off = \"{low:.3}/s\", mean_on = \"3s\", mean_off = \"9s\" }}"
        ),
        _ => format!(
            "flash-crowd = {{ base = \"{low:.3}/s\", peak = \"{high:.3}/s\", at = \"{at}s\", rise = \"5s\", decay = \"10s\" }}"
        ),
    }
}

/// A retry policy as TOML, and whether it needs clients.
fn retry(r: &mut Rng) -> String {
    match r.below(13) {
        0..=3 => "none = {}".to_owned(),
        8 => (*r.pick(&[
            "adaptive = {}",
            "\"rust-adaptive-2.0\" = {}",
            "\"rust-adaptive-2.1\" = {}",
        ]))
        .to_owned(),
        9 => format!(
            "fixed = {{ delay = \"300ms\", max_attempts = 3, circuit_breaker = {{ open_time = \"{}ms\", window = {}, blocks = \"{}\" }} }}",
            r.pick(&[200, 700, 2_500]),
            1 + r.below(20),
            r.pick(&["requests", "retries"])
        ),
        12 => format!(
            "exponential = {{ initial_backoff = \"100ms\", max_attempts = 4, send_brake = {{ hold_time = \"{}ms\", window = {}, refused_threshold = {} }} }}",
            r.pick(&[200, 1_700, 4_000]),
            1 + r.below(60),
            r.pick(&[0.0, 0.2, 0.5])
        ),
        10 => "exponential = { initial_backoff = \"100ms\", max_attempts = 4, retry_token_bucket = { capacity = 5, shared = true } }".to_owned(),
        11 => "\"rust-standard-2.0\" = {}".to_owned(),
        4 => "standard = {}".to_owned(),
        5 => "fixed = { delay = \"300ms\", max_attempts = 3, retry_quota = { capacity = 40 } }"
            .to_owned(),
        6 => (*r.pick(&[
            "legacy = {}",
            "java = {}",
            "\"go-standard-2.0\" = {}",
            "javascript = {}",
            "\"javascript-util-retry-4.2-standard\" = {}",
            "crt = {}",
            "s3a = { max_attempts = 20 }",
            "cpp-legacy = {}",
        ]))
        .to_owned(),
        _ => format!(
            "exponential = {{ initial_backoff = \"200ms\", max_backoff = \"5s\", jitter = \"{}\", max_attempts = 4, retry_quota = {{ capacity = 60, throttling_cost = 5, success_refund = 1 }} }}",
            r.pick(&["none", "full", "equal", "around", "decorrelated"])
        ),
    }
}

/// A limiter as TOML: the default in one half.
fn limiter(r: &mut Rng) -> &'static str {
    match r.below(6) {
        0..=2 => "fixed-window = {}",
        3 => "token-bucket = { burst = 1 }",
        4 => "token-bucket = { burst = 0.1 }",
        _ => "sliding-window = {}",
    }
}

/// An open scenario without caches: several accounts, quota pools and a custom key store.
fn open_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    // Latencies in buckets take a while to set up: one scenario in eight has them.
    let latency = if seed.is_multiple_of(8) { "" } else { CONSTANT };
    let horizon = 120 + r.below(60);
    let warm_up = if r.chance(0.3) { r.below(60) } else { 0 };
    let mut t = format!(
        "seed = {seed}\nhorizon = \"{horizon}s\"\nwarm_up = \"{warm_up}s\"\nreplications = 2\nregion = \"us-east-1\"\nstart = \"2026-01-05T23:59:00[UTC]\"\nprice.kms-requests = {{ usd = \"0.03\", per = 10000 }}\n{latency}[account.a]\n[account.b]\n[key_store.hsm]\nkind = \"cloudhsm\"\n[key.plain]\n[key.other]\naccount = \"b\"\n[key.stored]\nkey_store = \"hsm\"\n"
    );
    let quota = r.log_between(20.0, 10_000.0).round();
    let small = r.log_between(20.0, 400.0).round();
    for (name, account, limit) in [("a", "a", quota), ("b", "b", small)] {
        let _ = write!(
            t,
            "[quota.{name}]\naccount = \"{account}\"\nlimit = \"{limit}/s\"\nlimiter = {{ {} }}\n",
            limiter(&mut r)
        );
        if r.chance(0.2) {
            let _ = write!(
                t,
                "changes = [{{ at = \"{}s\", limit = \"{}/s\" }}]\n",
                5 + r.below(100),
                (limit * 1.5).round()
            );
        }
    }
    let _ = write!(
        t,
        "[quota.store]\nstore = \"hsm\"\nlimit = \"{}/s\"\nlimiter = {{ {} }}\n",
        (quota * 0.4).ceil(),
        limiter(&mut r)
    );
    for (bucket, key) in [("plain", "plain"), ("stored", "stored"), ("b", "other")] {
        let account = if bucket == "b" { "b" } else { "a" };
        let _ = write!(
            t,
            "[bucket.{bucket}]\naccount = \"{account}\"\nkey = \"{key}\"\n"
        );
    }
    let n = 1 + r.below(4);
    // Loads around the quota matter most, but large ones cost most time.
    let low = if r.chance(0.5) { 0.01 } else { 0.6 };
    let load = r.log_between(low, 3.0) * if quota > 3_000.0 { 0.5 } else { 1.0 };
    for w in 0..n {
        let in_b = r.chance(0.25);
        let rate = 1.2 * load * if in_b { small } else { quota } / n as f64;
        let retry = retry(&mut r);
        let _ = write!(
            t,
            "[workload.w{w}]\nclients = {}\nretry = {{ {retry} }}\n",
            1 + r.below(30),
        );
        // Where clients have something of their own, they may be replaced.
        let has_own = [
            "quota",
            "brea",
            "brake",
            "standard = {}",
            "adaptive",
            "rust-standard",
        ];
        if has_own.iter().any(|own| retry.contains(own)) && r.chance(0.4) {
            let _ = write!(
                t,
                "client_lifetime = {{ {} }}\n",
                r.pick(&[
                    "requests = 1",
                    "requests = 40",
                    "time = \"7s\"",
                    "requests = 300, time = \"25s\"",
                ])
            );
        }
        let _ = write!(
            t,
            "arrivals = {{ {} }}\n",
            arrivals(&mut r, rate.max(0.05), horizon)
        );
        if r.chance(0.3) {
            let start = r.below(40);
            let _ = write!(
                t,
                "start = \"{start}s\"\nstop = \"{}s\"\n",
                start + 20 + r.below(90)
            );
        }
        if r.chance(0.3) {
            let _ = write!(
                t,
                "key = \"{}\"\noperations = {{ Decrypt = 2, GenerateDataKey = 1 }}\n",
                if in_b { "other" } else { "plain" }
            );
        } else {
            let bucket = if in_b {
                "b"
            } else if r.chance(0.3) {
                "stored"
            } else {
                "plain"
            };
            let _ = write!(
                t,
                "bucket = \"{bucket}\"\noperations = {}\n",
                r.pick(&[
                    "{ GetObject = 3, PutObject = 1 }",
                    "{ PutObject = 1 }",
                    "{ CopyObject = 1, GetObject = 2 }",
                    "{ MultipartUpload = 1, HeadObject = 5 }\nparts = 3",
                ])
            );
        }
    }
    t
}

fn in_pool(threads: usize, text: &str, simulate_all: bool) -> (RunResults, Vec<VariantManifest>) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads");
    pool.install(|| run_with(text, simulate_all))
}

fn json(results: &RunResults) -> String {
    serde_json::to_string(results).expect("JSON")
}

/// Half of the scenarios in each of two tests, so that two cores share them.
fn counting_is_simulating(seeds: std::ops::Range<u64>) {
    let (mut quiet, mut contended, mut mixed) = (0, 0, 0);
    for seed in seeds {
        let text = open_scenario(seed);
        let (counted, manifest) = in_pool(1, &text, false);
        let (simulated, all) = in_pool(2, &text, true);
        assert!(
            json(&counted) == json(&simulated),
            "simulate_all changes digits\n{text}"
        );
        // Counting on two threads as well, where simulating was cheap.
        if all[0].attempts_expanded < 1_000_000 {
            let (again, _) = in_pool(2, &text, false);
            assert!(
                json(&counted) == json(&again),
                "threads change digits\n{text}"
            );
        }
        assert_eq!(all[0].seconds_counted, 0);
        let v = &counted.variants[0];
        if counted.measured_s == counted.horizon_s {
            let attempts: f64 = values(&v.metrics, "kms_attempts").iter().sum();
            assert_eq!(attempts as u64, all[0].attempts_expanded, "{text}");
        }
        let throttled = v.metrics["kms_throttled"].mean != Some(0.0);
        let counted = manifest[0].seconds_counted > 0;
        match (counted, throttled) {
            (true, true) => mixed += 1,
            (true, false) => quiet += 1,
            (false, _) => contended += 1,
        }
        adds_up(&simulated, &text);
    }
    println!("{quiet} quiet, {mixed} mixed, {contended} contended throughout");
    assert!(
        quiet >= 20 && mixed >= 20,
        "{quiet} quiet, {mixed} mixed, {contended} contended"
    );
}

#[test]
fn what_a_cache_meets_leaves_its_tokens() {
    // A job drains the bucket, which refills while bucket keys meet all that could be asked for; another job
    // then finds it full.
    let text = r#"
        horizon = "40s"
        replications = 1
        region = "us-east-1"
        retry = "none"
        [key.k]
        [quota.q]
        limit = "40/s"
        limiter.token-bucket.burst = 3
        [bucket.b]
        key = "k"
        bucket_key = true
        archived_bucket_keys = 20
        [workload.w]
        stop = "30s"
        clients = 1
        bucket = "b"
        operations.PutObject = 1
        arrivals.constant.rate = "39/s"
        [workload.first]
        key = "k"
        start = "5s"
        operations.Decrypt = 1
        job = { workers = 6, objects = 500, think_time.constant.value = "50ms" }
        [workload.second]
        key = "k"
        start = "30s"
        operations.Decrypt = 1
        job = { workers = 6, objects = 100 }
    "#;
    let counted = in_pool(1, text, false).0;
    assert_eq!(json(&counted), json(&in_pool(1, text, true).0));
    let second = &counted.variants[0].by_workload["second"];
    assert_eq!(second["kms_throttled"].mean, Some(0.0));
}

/// Jobs that recur and are paced, one after another, beside calm and busy traffic, around a quota.
fn recurring_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    let quota = r.log_between(20.0, 400.0).round();
    let mut t = format!(
        "seed = {seed}\nhorizon = \"60s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\n[key.k]\n[bucket.b]\nkey = \"k\"\n[quota.q]\nlimit = \"{quota}/s\"\nlimiter = {{ {} }}\n",
        20 * r.below(2),
        limiter(&mut r),
    );
    let rate = quota * r.log_between(0.2, 1.5);
    let _ = write!(
        t,
        "[workload.open]\nkey = \"k\"\nclients = 3\noperations.Decrypt = 1\nretry = {{ {} }}\narrivals = {{ {} }}\n",
        retry(&mut r),
        arrivals(&mut r, rate, 60)
    );
    let every = *r.pick(&[5, 10, 20]);
    let mut within = match r.below(3) {
        0 => String::new(),
        n => format!(", within = \"{}ms\"", every * 400 * n),
    };
    if r.chance(0.3) {
        within += ", on_failure = \"fail-job\"";
    }
    let _ = write!(
        t,
        "[workload.nightly]\nbucket = \"b\"\nclients = 4\noperations = {{ GetObject = 1, CopyObject = 1 }}\nstart = \"{}s\"\nretry = {{ {} }}\njob = {{ workers = {}, objects = {}, every = \"{every}s\"{within} }}\n",
        r.below(7),
        retry(&mut r),
        1 + r.below(8),
        1 + r.below(300),
    );
    let _ = write!(
        t,
        "[workload.after]\nkey = \"k\"\nclients = 2\nafter = \"nightly\"\noperations.Decrypt = 1\nretry = {{ {} }}\njob = {{ workers = 3, objects = {} }}\n",
        retry(&mut r),
        1 + r.below(60),
    );
    t
}

#[test]
fn counting_is_simulating_where_jobs_recur() {
    let (mut in_time, mut late, mut counted_some) = (0, 0, 0);
    for seed in 0..24 {
        let text = recurring_scenario(seed);
        let (counted, manifest) = in_pool(1, &text, false);
        let (simulated, _) = in_pool(2, &text, true);
        assert!(
            json(&counted) == json(&simulated),
            "simulate_all changes digits\n{text}"
        );
        adds_up(&counted, &text);
        counted_some += u32::from(manifest[0].seconds_counted > 0);
        match counted.variants[0].metrics["job_completion_s"].mean {
            Some(_) => in_time += 1,
            None => late += 1,
        }
    }
    println!("{in_time} in time, {late} late, {counted_some} with counted seconds");
    assert!(in_time >= 5 && late >= 5 && counted_some >= 5);
}

/// A job whose workers wait for seconds, beside arrivals near the quota: there are seconds with nothing to look at but them.
fn waiting_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed ^ 0x5EED);
    let limit = 5 + r.below(60);
    let horizon = 40 + r.below(40);
    let mut t = format!(
        "seed = {seed}\nhorizon = \"{horizon}s\"\nreplications = 2\nregion = \"us-east-1\"\n{CONSTANT}[key.k]\n[quota.q]\nlimit = \"{limit}/s\"\n[bucket.b]\nkey = \"k\"\n"
    );
    let rate = limit as f64 * (0.3 + 1.2 * r.unit());
    let shape = arrivals(&mut r, rate, horizon);
    let refused = r.pick(&[
        "none = {}",
        "fixed = { delay = \"3s\", max_attempts = 3 }",
        "exponential = { initial_backoff = \"2s\", max_backoff = \"20s\", max_attempts = 4 }",
    ]);
    write!(
        t,
        "[workload.open]\nbucket = \"b\"\noperations.GetObject = 1\nretry = {{ {refused} }}\narrivals = {{ {shape} }}\n"
    )
    .expect("a text");
    write!(
        t,
        "[workload.job]\nkey = \"k\"\noperations.Decrypt = 1\nstart = \"{}s\"\nretry = {{ {refused} }}\njob = {{ workers = {}, objects = {}, think_time.constant.value = \"{}ms\" }}\n",
        r.below(5),
        1 + r.below(3),
        3 + r.below(12),
        r.pick(&[700, 2_300, 9_000])
    )
    .expect("a text");
    t
}

#[test]
fn counting_is_simulating_beside_a_job_that_waits() {
    let mut throttled = 0;
    for seed in 0..24 {
        let text = waiting_scenario(seed);
        let (counted, _) = in_pool(1, &text, false);
        let (simulated, _) = in_pool(2, &text, true);
        assert!(
            json(&counted) == json(&simulated),
            "simulate_all changes digits\n{text}"
        );
        adds_up(&counted, &text);
        throttled += u32::from(counted.variants[0].metrics["kms_throttled"].mean != Some(0.0));
    }
    println!("{throttled} of 24 throttled");
    assert!(throttled >= 8);
}

#[test]
fn a_paced_job_keeps_its_turns() {
    // Ten objects over ten seconds every twenty: turns at 0, 1, … 9 s of each run, each served in 30 ms; what follows
    // takes two objects of 4 ms one after another, each time.
    let text = r#"
        horizon = "60s"
        replications = 1
        region = "us-east-1"
        retry = "none"
        [assumption]
        s3_latency.constant.value = "30ms"
        kms_latency.constant.value = "4ms"
        [key.k]
        [bucket.b]
        [workload.paced]
        bucket = "b"
        operations.GetObject = 1
        start = "3s"
        job = { workers = 2, objects = 10, every = "20s", within = "10s" }
        [workload.after]
        key = "k"
        after = "paced"
        operations.Decrypt = 1
        job = { workers = 1, objects = 2 }
    "#;
    let found = in_pool(1, text, false).0;
    assert_eq!(json(&found), json(&in_pool(2, text, true).0));
    let of = |workload: &str, id: &str| found.variants[0].by_workload[workload][id].mean;
    assert_eq!(of("paced", "s3_requests"), Some(30.0));
    assert_eq!(of("paced", "job_completion_s"), Some(9.03));
    assert_eq!(of("after", "app_requests"), Some(6.0));
    assert_eq!(of("after", "job_completion_s"), Some(0.008));
    let attempts = &found.variants[0]
        .series
        .quotas
        .values()
        .next()
        .expect("a quota")
        .kms_attempts_per_s
        .max;
    let busy: Vec<usize> = (0..attempts.len()).filter(|&s| attempts[s] > 0.0).collect();
    assert_eq!(busy, [12, 32, 52]);
}

#[test]
fn a_run_that_is_due_waits_for_the_one_before() {
    // A worker takes a second for each of seven objects, but is to begin anew every five: runs of 7 s begin at 0, 7, 14 s.
    let text = |horizon: u32| {
        format!(
            "horizon = \"{horizon}s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\ns3_latency.constant.value = \"1s\"\n[bucket.b]\n[workload.w]\nbucket = \"b\"\noperations.GetObject = 1\njob = {{ workers = 1, objects = 7, every = \"5s\" }}\n"
        )
    };
    let found = |horizon| {
        let found = in_pool(1, &text(horizon), false).0;
        let metrics = &found.variants[0].metrics;
        (
            metrics["s3_requests"].mean,
            metrics["job_completion_s"].mean,
        )
    };
    // At 5 s the run that is due then is not done at 10 s, nor is it at 13.
    assert_eq!(found(5), (Some(5.0), None));
    assert_eq!(found(10), (Some(10.0), None));
    assert_eq!(found(13), (Some(13.0), None));
}

/// Reads and writes around S3's request rates, with and without KMS calls, over shared and own prefixes. Lifetimes slide, so
/// that caches are not drawn.
fn limited_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    let mut t = format!(
        "seed = {seed}\nhorizon = \"14s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\nretry.exponential = {{ initial_backoff = \"800ms\", transient_initial_backoff = \"{}ms\", max_attempts = 4, retry_quota = {{ capacity = 60, throttling_cost = 3, transient_cost = {} }} }}\n[key.k]\n[quota.q]\nlimit = \"{}/s\"\nlimiter = {{ {} }}\n[assumption]\nbucket_key_single_flight = {}\nbucket_key_lifetime = \"3s\"\nbucket_key_renewal = \"sliding\"\nkms_latency.constant.value = \"5ms\"\ns3_latency.constant.value = \"30ms\"\n",
        r.below(3),
        r.pick(&[20, 3_000]),
        r.pick(&[0, 2, 7]),
        r.log_between(1_500.0, 12_000.0).round(),
        limiter(&mut r),
        r.chance(0.5),
    );
    for (bucket, body) in [
        ("plain", "key = \"k\""),
        (
            "keyed",
            "key = \"k\"\nbucket_key = true\narchived_bucket_keys = 40",
        ),
        ("unencrypted", ""),
    ] {
        let prefixes = match r.below(5) {
            0 => String::new(),
            n => format!("prefixes = {}\n", n.div_ceil(3)),
        };
        let _ = write!(t, "[bucket.{bucket}]\n{prefixes}{body}\n");
    }
    for w in 0..1 + r.below(3) {
        let rate = r.log_between(1_000.0, 7_000.0);
        let own = r.pick(&["", "", "prefixes = 1\n"]);
        let retry = match r.below(3) {
            0 => String::new(),
            _ => format!("retry = {{ {} }}\n", retry(&mut r)),
        };
        let _ = write!(
            t,
            "[workload.w{w}]\nbucket = \"{}\"\n{own}clients = {}\n{retry}arrivals = {{ {} }}\npopularity.uniform.objects = 500\noperations = {}\n",
            r.pick(&["plain", "plain", "keyed", "unencrypted"]),
            1 + r.below(30),
            arrivals(&mut r, rate, 14),
            r.pick(&[
                "{ GetObject = 3, PutObject = 1 }",
                "{ PutObject = 1 }",
                "{ GetObject = 5, HeadObject = 2, ListObjects = 1 }",
                "{ MultipartUpload = 1, HeadObject = 5, DeleteObject = 1 }\nparts = 3",
            ])
        );
    }
    if r.chance(0.3) {
        t += "[workload.job]\nbucket = \"plain\"\noperations.GetObject = 1\nclients = 3\nstart = \"6s\"\njob = { workers = 60, objects = 4000 }\n";
    }
    // Keys of HEADs alone are refused where none of these can be throttled.
    let input = kmsim::input::Input::from_text("limited", t.as_str());
    if kmsim::scenario::load(&input, &[]).is_err() {
        for key in ["transient_initial_backoff", "transient_cost"] {
            let at = t.find(key).expect("the key");
            let end = at + t[at..].find([',', '}']).expect("its end");
            let begin = t[..at].rfind([',', '{']).expect("its begin");
            t.replace_range(begin..end, "");
        }
    }
    t
}

#[test]
fn counting_is_simulating_where_s3_limits_requests() {
    let (mut by_s3, mut by_both) = (0, 0);
    for seed in 0..60 {
        let text = limited_scenario(seed);
        let (counted, _) = in_pool(1, &text, false);
        let (simulated, all) = in_pool(2, &text, true);
        assert!(
            json(&counted) == json(&simulated),
            "simulate_all changes digits\n{text}"
        );
        adds_up(&simulated, &text);
        let v = &counted.variants[0];
        let sum = |id: &str| -> f64 {
            let values = &v.metrics[id].values;
            values.iter().flatten().sum()
        };
        if counted.measured_s == counted.horizon_s {
            let tries = sum("kms_attempts") + sum("s3_attempts");
            assert_eq!(tries as u64, all[0].attempts_expanded, "{text}");
        }
        let throttled = (sum("s3_throttled") > 0.0, sum("kms_throttled") > 0.0);
        by_s3 += u32::from(throttled == (true, false));
        by_both += u32::from(throttled == (true, true));
        let plan = &load(&text).variants[0].plan;
        windows_hold(plan, seed, 0, &text);
    }
    println!("{by_s3} throttled by S3 alone, {by_both} by both");
    assert!(by_s3 >= 5 && by_both >= 5, "{by_s3} {by_both}");
}

#[test]
fn a_request_held_back_is_offered_once() {
    // A client whose rate limiter has slowed down holds requests back after its workload has stopped, through seconds in
    // which nothing is due.
    for seed in 0..60 {
        let text = format!(
            r#"
            seed = {seed}
            horizon = "60s"
            replications = 2
            region = "us-east-1"
            [key.k]
            [quota.q]
            limit = "1/s"
            changes = [{{ at = "12s", limit = "1000/s" }}]
            [workload.slowed]
            key = "k"
            clients = 1
            retry = "adaptive"
            stop = "12s"
            operations.Decrypt = 1
            arrivals.poisson.rate = "3/s"
            [workload.other]
            key = "k"
            clients = 1
            retry = "none"
            stop = "12s"
            operations.Encrypt = 1
            arrivals.poisson.rate = "6/s"
            "#
        );
        let counted = in_pool(1, &text, false).0;
        assert!(json(&counted) == json(&in_pool(1, &text, true).0), "{text}");
    }
}

#[test]
fn counting_is_simulating_one() {
    counting_is_simulating(0..104);
}

#[test]
fn counting_is_simulating_two() {
    counting_is_simulating(1_000..1_104);
}

// ----- invariants ------------------------------------------------------------------------------

/// What must hold at the end of every run.
fn adds_up(results: &RunResults, text: &str) {
    for v in &results.variants {
        let breakdowns = [
            &v.by_workload,
            &v.by_key,
            &v.by_requester,
            &v.by_operation,
            &v.by_kms_operation,
        ];
        let all = breakdowns
            .iter()
            .flat_map(|b| b.values())
            .chain([&v.metrics]);
        for m in all {
            let of = |id: &str| values(m, id);
            for i in 0..results.replications as usize {
                let n = |id: &str| of(id)[i];
                let met = n("kms_needs_met_by_bucket_key") + n("kms_needs_met_by_data_key_cache");
                assert_eq!(n("kms_needs"), met + n("kms_calls"), "{text}");
                assert_eq!(
                    n("kms_attempts"),
                    n("kms_admitted") + n("kms_throttled"),
                    "{text}"
                );
                assert_eq!(
                    n("kms_attempts"),
                    n("kms_calls") + n("kms_retries"),
                    "{text}"
                );
                let ended =
                    n("s3_requests_succeeded") + n("s3_requests_failed") + n("s3_requests_denied");
                assert_eq!(n("s3_requests"), ended, "{text}");
                if let (Some(tries), Some(refused)) =
                    (m["s3_attempts"].values[i], m["s3_throttled"].values[i])
                {
                    assert!(refused <= tries, "{text}");
                }
            }
        }
        let sum = |parts: &IndexMap<String, Metrics>, id: &str| -> f64 {
            parts.values().map(|m| m[id].mean.unwrap_or(0.0)).sum()
        };
        for id in [
            "kms_attempts",
            "kms_throttled",
            "kms_needs",
            "s3_requests",
            "app_requests",
        ] {
            let whole = v.metrics[id].mean.unwrap_or(0.0);
            let is_whole = |parts| (sum(parts, id) - whole).abs() <= 1e-9 * whole;
            assert!(is_whole(&v.by_workload), "{id}\n{text}");
            assert!(is_whole(&v.by_operation), "{id}\n{text}");
            // A request that needs two operations is one of both.
            if id.starts_with("kms_") {
                assert!(is_whole(&v.by_kms_operation), "{id}\n{text}");
            }
        }
        for line in &v.bill {
            // Amounts are rounded once, to ten decimals.
            let amount = line.quantity * line.unit_price_usd;
            assert!(
                (line.amount_usd - amount).abs() <= 1e-9 + 1e-9 * amount.abs(),
                "{line:?}\n{text}"
            );
        }
    }
}

/// Admitted ≤ quota in every second that is one window, replication by replication.
fn windows_hold(plan: &Plan, seed: u64, replication: u64, text: &str) {
    for component in &plan.components {
        let options = SimulationOptions {
            decisive: true,
            lost_at: None,
            every_second: false,
            rehearsal: Rehearsal::None,
            sample: 0,
            seed,
            replication,
            simulate_all: false,
            progress: None,
            cancel: None,
        };
        let record = simulate(plan, component, options).expect("nobody cancels it");
        let quotas = component.quotas.iter().map(|&q| &plan.quotas[q]);
        for (quota, seen) in quotas.zip(&record.quotas) {
            let Some(seen) = seen else { continue };
            assert_eq!(seen.bin_s, 1);
            let limiter = kmsim::engine::limiter::Limiter::new(quota.shape, &quota.steps);
            for (second, bin) in seen.bins.iter().enumerate() {
                let limit = limiter.per_second(second as u64);
                let most = match quota.shape {
                    kmsim::engine::limiter::Shape::TokenBucket { burst } => {
                        limit + (burst * limit).max(1.0)
                    }
                    _ => limit,
                };
                let admitted = (bin.attempts - bin.throttled) as f64;
                // A bucket whose rate has just fallen may hold what the old one left.
                let before = limiter.per_second((second as u64).saturating_sub(1));
                assert!(
                    admitted <= most * f64::max(1.0, before / limit) + 1e-9,
                    "{} at {second}: {admitted} of {most}\n{text}",
                    quota.name
                );
            }
        }
    }
}

/// Everything at once: bucket keys, data-key caches, jobs, copies, uploads, key stores, changes.
fn full_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    let latency = if seed.is_multiple_of(8) {
        ""
    } else {
        "kms_latency.constant.value = \"300ms\"\ns3_latency.constant.value = \"30ms\"\n"
    };
    let limiter = r
        .pick(&[
            "fixed-window = {}",
            "sliding-window = {}",
            "token-bucket = { burst = 1.5 }",
            "token-bucket = { burst = 0.05 }",
        ])
        .to_string();
    let quota = r.log_between(5.0, 200.0).round();
    let rate = |r: &mut Rng| r.log_between(0.05, 1.5) * quota / 3.0;
    let mut t = format!(
        "seed = {seed}\nhorizon = \"90s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\n[account.a]\n[account.b]\n[requester.x]\naccount = \"a\"\nsessions = 3\n[requester.y]\naccount = \"b\"\n{}[key_store.hsm]\nkind = \"cloudhsm\"\naccount = \"a\"\n[key.k]\naccount = \"a\"\n[key.stored]\naccount = \"a\"\nkey_store = \"hsm\"\n[assumption]\nbucket_key_requester = \"{}\"\nbucket_key_lifetime = \"{}s\"\nbucket_key_renewal = \"{}\"\nbucket_key_single_flight = {}\n{latency}[quota.a]\naccount = \"a\"\nlimit = \"{quota}/s\"\nlimiter = {{ {limiter} }}\nchanges = [{{ at = \"{}s\", limit = \"{}/s\" }}]\n[quota.b]\naccount = \"b\"\nlimit = \"{quota}/s\"\n[quota.s]\nstore = \"hsm\"\nlimit = \"{}/s\"\n",
        r.below(30),
        r.pick(&["", "access_revoked_at = \"50500ms\"\n"]),
        r.pick(&["role", "session"]),
        1 + r.below(60),
        r.pick(&["fixed", "sliding"]),
        r.chance(0.5),
        10 + r.below(60),
        (quota * (0.5 + r.unit())).ceil(),
        (quota * 0.3).ceil(),
    );
    let _ = write!(
        t,
        "[bucket.keyed]\naccount = \"a\"\nkey = \"k\"\nbucket_key = true\narchived_bucket_keys = 5\nolder_objects = 0.1\nprefixes = 1\n[bucket.aged]\naccount = \"a\"\nkey = \"k\"\nbucket_key = true\narchive_age.lognormal = {{ median = \"1h\", sigma = 1 }}\n[bucket.express]\naccount = \"a\"\nkey = \"k\"\nkind = \"directory\"\n[bucket.stored]\naccount = \"a\"\nkey = \"stored\"\n"
    );
    let sdk = *r.pick(&["python", "java", "javascript"]);
    let scope = *r.pick(&[
        "client = {}",
        "process = { clients = 3 }",
        "invocation = { messages = 5 }",
    ]);
    let data_keys = format!(
        "key = \"k\"\nrequester = \"y\"\noperations = {{ GenerateDataKey = 1 }}\npopularity.uniform.objects = 4\ndata_key_cache = {{ single_flight = {}, sdk = \"{sdk}\", scope = {{ {scope} }}, max_age = \"5s\", max_messages = 20, capacity = 3 }}\n",
        r.chance(0.5)
    );
    let storm = *r.pick(&[
        "default = {}",
        "multi-threaded = { capacity = 4 }",
        "storm-tracking = { fan_out = 2, grace_period = \"3s\", in_flight_ttl = \"2s\" }",
    ]);
    let branch_keys = format!(
        "key = \"k\"\nrequester = \"y\"\noperations = {{ Decrypt = 1 }}\npopularity.uniform.objects = 6\nbranch_key_cache = {{ ttl = \"9s\", cache = {{ {storm} }} }}\n"
    );
    for (name, body) in [
        ("cache", data_keys.as_str()),
        ("branch", branch_keys.as_str()),
        (
            "aged",
            "bucket = \"aged\"\nrequester = \"y\"\nprefixes = 2\noperations = { GetObject = 1, MultipartUpload = 1 }\nparts = 3\npopularity.uniform.objects = 1000\n",
        ),
        (
            "express",
            "bucket = \"express\"\nrequester = \"x\"\noperations = { GetObject = 1, CopyObject = 1 }\ncopy_source = \"aged\"\npopularity.uniform.objects = 300\n",
        ),
        (
            "replicate",
            "bucket = \"stored\"\nrequester = \"y\"\noperations = { ReplicateObject = 1 }\ncopy_source = \"keyed\"\npopularity.uniform.objects = 300\n",
        ),
        (
            "get",
            "bucket = \"keyed\"\nrequester = \"x\"\noperations = { GetObject = 1, PutObject = 1 }\npopularity.zipf = { objects = 50, exponent = 1.0 }\n",
        ),
        (
            "copy",
            "bucket = \"stored\"\nrequester = \"y\"\noperations = { CopyObject = 1 }\ncopy_source = \"keyed\"\npopularity.zipf = { objects = 40, exponent = 0.7 }\n",
        ),
        (
            "upload",
            "bucket = \"stored\"\nrequester = \"x\"\noperations = { MultipartUpload = 1, DeleteObject = 1 }\nparts = 4\n",
        ),
    ] {
        let own = rate(&mut r);
        let _ = write!(
            t,
            "[workload.{name}]\nclients = {}\nretry = {{ {} }}\narrivals = {{ {} }}\n{body}",
            3 + r.below(7),
            retry(&mut r),
            arrivals(&mut r, own, 90)
        );
    }
    let _ = write!(
        t,
        "[workload.write]\nbucket = \"keyed\"\nrequester = \"x\"\nretry = {{ {} }}\noperations = {{ PutObject = 1 }}\njob = {{ workers = 4, objects = 200{} }}\nclients = 4\n",
        retry(&mut r),
        if seed.is_multiple_of(3) {
            ", every = \"30s\", within = \"8s\""
        } else {
            ""
        }
    );
    let _ = write!(
        t,
        "[workload.read]\nbucket = \"keyed\"\nrequester = \"x\"\nretry = {{ {} }}\noperations = {{ GetObject = 1 }}\njob = {{ workers = 9, objects = 300 }}\nclients = 4\nafter = \"write\"\nreads = \"write\"\npopularity.uniform.objects = 200\n",
        retry(&mut r)
    );
    t
}

#[test]
fn counters_add_up_in_any_scenario() {
    for seed in 0..60 {
        let text = full_scenario(seed);
        let (counted, _) = in_pool(1, &text, false);
        let (again, _) = in_pool(2, &text, false);
        assert!(
            json(&counted) == json(&again),
            "threads change digits\n{text}"
        );
        adds_up(&counted, &text);
        // Caches are drawn directly in one mode and looked up one by one in the other: what arrives is the
        // same to the digit, what they miss in distribution only.
        let (simulated, _) = in_pool(2, &text, true);
        adds_up(&simulated, &text);
        for (c, s) in counted.variants.iter().zip(&simulated.variants) {
            for (workload, m) in &c.by_workload {
                for id in ["s3_requests", "app_requests"] {
                    let simulated = values(&s.by_workload[workload], id);
                    assert_eq!(values(m, id), simulated, "{workload}\n{text}");
                }
            }
        }
        windows_hold(&load(&text).variants[0].plan, seed, 0, &text);
    }
}

/// Bucket keys and data-key caches of every kind that is drawn directly, with short lives and slow answers, so
/// that expiries, fetches of the same key and last messages meet. `burst`: what else draws on the quota.
fn cached_scenario(seed: u64, burst: &str) -> String {
    let mut t = format!(
        r#"
        seed = {seed}
        horizon = "40s"
        warm_up = "5s"
        replications = 240
        region = "us-east-1"
        [assumption]
        bucket_key_lifetime = "7s"
        bucket_key_fanout = 3
        kms_latency.lognormal = {{ median = "200ms", sigma = 0.7 }}
        s3_latency.constant.value = "30ms"
        [key.k]
        [quota.q]
        limit = "1200/s"
        [requester.x]
        [requester.y]
        [bucket.b]
        key = "k"
        bucket_key = true
        archived_bucket_keys = 40
        older_objects = 0.2
        [bucket.aged]
        key = "k"
        bucket_key = true
        archive_age.uniform.longest = "5m"
        [workload.get]
        bucket = "b"
        requester = "x"
        clients = 5
        operations = {{ GetObject = 0.5, GetObjectRange = 0.5 }}
        popularity.zipf = {{ objects = 500, exponent = 1.1 }}
        arrivals.poisson.rate = "120/s"
        [workload.list]
        bucket = "b"
        requester = "x"
        clients = 5
        operations = {{ GetObject = 1 }}
        popularity.uniform.objects = 60
        arrivals.piecewise-linear.points = [{{ at = "0s", rate = "10/s" }}, {{ at = "40s", rate = "70/s" }}]
        [workload.put]
        bucket = "b"
        requester = "y"
        clients = 5
        operations = {{ PutObject = 0.8, MultipartUpload = 0.2 }}
        parts = 3
        arrivals.poisson.rate = "20/s"
        [workload.copy]
        bucket = "aged"
        copy_source = "b"
        requester = "y"
        clients = 5
        operations = {{ CopyObject = 0.5, GetObject = 0.5 }}
        popularity.zipf = {{ objects = 200, exponent = 0.6 }}
        arrivals.on-off = {{ on = "60/s", off = "20/s", mean_on = "3s", mean_off = "3s" }}
        {burst}
        "#
    );
    for sdk in ["python", "java", "javascript"] {
        let _ = write!(
            t,
            r#"
            [workload.{sdk}-producers]
            key = "k"
            requester = "x"
            clients = 6
            operations.GenerateDataKey = 1
            message_size.constant.value = "10 KB"
            data_key_cache = {{ sdk = "{sdk}", max_age = "6s", max_messages = 30, max_bytes = "250 KB", capacity = 3 }}
            arrivals.poisson.rate = "40/s"
            [workload.{sdk}-consumers]
            key = "k"
            requester = "x"
            clients = 6
            operations.Decrypt = 1
            data_key_cache = {{ sdk = "{sdk}", scope = {{ process = {{ clients = 2 }} }}, max_age = "6s", capacity = 40 }}
            encrypted_by = {{ producers = 4, messages_per_data_key = 20 }}
            arrivals.poisson.rate = "60/s"
            [workload.{sdk}-subscribers]
            key = "k"
            requester = "x"
            clients = 6
            operations.Decrypt = 1
            data_key_cache = {{ sdk = "{sdk}", scope = {{ process = {{ clients = 2 }} }}, max_age = "6s", capacity = 8 }}
            encrypted_by = {{ producers = 4, messages_per_data_key = 20, read_by = "client" }}
            arrivals.poisson.rate = "60/s"
            "#
        );
    }
    t
}

/// Means and spreads of what caches met and missed are those of looking at each request.
/// The share of seconds that were counted.
fn caches_agree_in_distribution(burst: &str) -> f64 {
    let (text, other) = (cached_scenario(1, burst), cached_scenario(2, burst));
    let (counted, manifest) = in_pool(2, &text, false);
    let (simulated, _) = in_pool(2, &other, true);
    let mut compared = 0;
    for (workload, m) in &counted.variants[0].by_workload {
        for id in [
            "kms_calls",
            "kms_needs_met_by_bucket_key",
            "kms_needs_met_by_data_key_cache",
        ] {
            let (a, b) = (
                values(m, id),
                values(&simulated.variants[0].by_workload[workload], id),
            );
            let (a, b) = (Sample::of(&a), Sample::of(&b));
            if a.mean == 0.0 && b.mean == 0.0 {
                continue;
            }
            compared += 1;
            let n = 240.0_f64;
            let error = ((a.sd * a.sd + b.sd * b.sd) / n).sqrt();
            assert!(
                (a.mean - b.mean).abs() <= 4.5 * error,
                "{workload} {id}: {} and {}, error {error}",
                a.mean,
                b.mean
            );
            // The logarithm of a ratio of variances has a standard deviation of 2 ÷ √n, somewhat more here.
            let ratio = (a.sd * a.sd / (b.sd * b.sd)).ln();
            assert!(
                ratio.abs() < 0.8,
                "{workload} {id}: sd {} and {}",
                a.sd,
                b.sd
            );
        }
    }
    assert!(compared >= 14, "{compared}");
    manifest[0].seconds_counted as f64 / (240.0 * 40.0)
}

#[test]
fn caches_that_are_drawn_agree_in_distribution() {
    let counted = caches_agree_in_distribution("");
    assert!(counted > 0.99, "{counted}");
}

#[test]
fn caches_agree_where_quiet_and_contended_seconds_mix() {
    let burst = r#"
        [workload.burst]
        key = "k"
        requester = "x"
        clients = 9
        operations.Decrypt = 1
        arrivals.on-off = { on = "900/s", off = "100/s", mean_on = "2s", mean_off = "6s" }
    "#;
    let counted = caches_agree_in_distribution(burst);
    assert!((0.2..0.9).contains(&counted), "{counted}");
}

/// Applications whose data keys run out, get too old and are fetched all the time, in the middle of seconds and of
/// messages under way; what is counted begins at `from`.
fn data_keys(seed: u32, sdk: &str, (from, to): (u32, u32)) -> String {
    let consumers = |name: &str, per_key: u32, age: &str, capacity: u32| {
        format!(
            "[workload.{name}]\nkey = \"k\"\nclients = 12\noperations.Decrypt = 1\n\
             data_key_cache = {{ sdk = \"{sdk}\", max_age = \"{age}\", capacity = {capacity} }}\n\
             encrypted_by = {{ producers = 5, messages_per_data_key = {per_key} }}\n\
             arrivals.poisson.rate = \"170/s\"\n"
        )
    };
    format!(
        "seed = {seed}\nhorizon = \"{to}s\"\nwarm_up = \"{from}s\"\nreplications = 120\nregion = \"us-east-1\"\nretry = \"none\"\n\
         [assumption]\nkms_latency.constant.value = \"90ms\"\n[key.k]\n\
         [workload.producers]\nkey = \"k\"\nclients = 12\noperations.GenerateDataKey = 1\n\
         message_size.constant.value = \"1 KB\"\n\
         data_key_cache = {{ sdk = \"{sdk}\", max_age = \"1500ms\", max_messages = 20, capacity = 3 }}\n\
         arrivals.piecewise-linear.points = [{{ at = \"0s\", rate = \"20/s\" }}, {{ at = \"6s\", rate = \"400/s\" }}]\n{}{}{}",
        consumers("turns", 13, "10m", 1_000),
        consumers("ages", 400, "1500ms", 1_000),
        consumers("displaces", 100, "10m", 10),
    )
}

/// What the messages of a counted second miss is drawn at once: interval by interval as many calls come of it, and
/// as different ones, as where each message is looked up.
#[test]
fn calls_for_data_keys_agree_in_distribution_in_each_interval() {
    for sdk in ["python", "java"] {
        for interval in [(0, 1), (1, 2), (2, 3), (3, 6)] {
            let (counted, manifest) = in_pool(2, &data_keys(1, sdk, interval), false);
            assert!(manifest[0].seconds_counted >= 120 * u64::from(interval.1));
            let (simulated, _) = in_pool(2, &data_keys(2, sdk, interval), true);
            for (workload, m) in &counted.variants[0].by_workload {
                let other = &simulated.variants[0].by_workload[workload];
                let [a, b] = [m, other].map(|m| Sample::of(&values(m, "kms_calls")));
                let error = ((a.sd * a.sd + b.sd * b.sd) / 120.0).sqrt();
                println!(
                    "{sdk} {interval:?} {workload}: {} and {} ± {error}",
                    a.mean, b.mean
                );
                assert!(
                    a.mean > 0.0 && (a.mean - b.mean).abs() <= 4.5 * error,
                    "{sdk} {interval:?} {workload}: {} and {} ± {error}",
                    a.mean,
                    b.mean
                );
                let ratio = (a.sd / b.sd).ln();
                assert!(
                    ratio.abs() < 0.5,
                    "{sdk} {interval:?} {workload}: {} and {}",
                    a.sd,
                    b.sd
                );
            }
        }
    }
}

/// Rows of a trace that come at one instant, where a client's retry quota pays for one of them only: which
/// one that is, shows in the order of the rows, and of their copies.
#[test]
fn rows_at_one_instant_keep_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut differ = 0;
    for seed in 0..40 {
        let mut r = Rng::new(seed);
        let mut rows = "time,operation\n0,GetObject\n".to_owned();
        for _ in 0..4 + r.below(20) {
            let _ = writeln!(
                rows,
                "{},{}",
                0.25 * (1 + r.below(8)) as f64,
                r.pick(&["GetObject", "PutObject", "CopyObject"])
            );
        }
        let file = folder.path().join(format!("{seed}.csv"));
        std::fs::write(&file, sorted_rows(&rows)).expect("a trace");
        let text = format!(
            "seed = {seed}\nhorizon = \"4s\"\nreplications = 3\nregion = \"us-east-1\"\n{CONSTANT}[key.k]\n[bucket.p]\nkey = \"k\"\n[quota.q]\nlimit = \"{}/s\"\n[workload.w]\nbucket = \"p\"\nclients = 1\nretry.fixed = {{ delay = \"{}\", max_attempts = 3, retry_quota = {{ capacity = 5, throttling_cost = 5 }} }}\ntrace.file = {:?}\ntrace.rate_scale = {}\noperations = {{ GetObject = 1, PutObject = 1, CopyObject = 1 }}\n",
            1 + r.below(3),
            r.pick(&["1s", "250ms", "1ms"]),
            file.display().to_string(),
            r.pick(&[1, 2, 3]),
        );
        let (counted, _) = in_pool(1, &text, false);
        let (simulated, _) = in_pool(2, &text, true);
        assert!(
            json(&counted) == json(&simulated),
            "ties change digits\n{text}\n{rows}"
        );
        differ += u32::from(counted.variants[0].metrics["kms_throttled"].mean != Some(0.0));
    }
    assert!(differ >= 30, "{differ}");
}

/// The rows of a trace by time, those of one instant as they were.
fn sorted_rows(rows: &str) -> String {
    let mut lines = rows.lines();
    let header = lines.next().unwrap_or_default();
    let mut lines: Vec<&str> = lines.collect();
    let time = |line: &str| line.split(',').next().and_then(|t| t.parse::<f64>().ok());
    lines.sort_by(|a, b| time(a).partial_cmp(&time(b)).expect("numbers"));
    format!("{header}\n{}\n", lines.join("\n"))
}

/// One token bucket alone: contended slots are decided token by token. Backoffs about as long as a slot
/// bring many retries back within it.
#[test]
fn tokens_decide_as_order_does() {
    let mut throttled = 0;
    for seed in 0..60 {
        let mut r = Rng::new(seed);
        let limit = r.log_between(3.0, 8_000.0).round();
        let burst = *r.pick(&[0.01, 0.05, 0.5, 2.0]);
        let mut text = format!(
            "{CONSTANT}seed = {seed}\nhorizon = \"8s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\n[key.k]\n[bucket.b]\nkey = \"k\"\n[quota.q]\nlimit = \"{limit}/s\"\nlimiter.token-bucket.burst = {burst}\nchanges = [{{ at = \"3s\", limit = \"{}/s\" }}, {{ at = \"5s\", limit = \"{limit}/s\" }}]\n",
            r.below(3),
            (limit * (0.4 + r.unit())).ceil(),
        );
        for w in 0..1 + r.below(3) {
            let retry = match r.below(4) {
                0 => "none = {}".to_owned(),
                1 => "fixed = { delay = \"1ms\", max_attempts = 6 }".to_owned(),
                // Retries at the very instant of the answer.
                2 => "fixed = { delay = \"0s\", max_attempts = 3 }".to_owned(),
                _ => format!(
                    "exponential = {{ initial_backoff = \"{}ms\", jitter = \"full\", max_attempts = 8 }}",
                    1 + r.below(60)
                ),
            };
            let rate = limit * r.log_between(0.3, 2.0);
            let _ = write!(
                text,
                "[workload.w{w}]\nbucket = \"b\"\nretry = {{ {retry} }}\narrivals = {{ {} }}\noperations = {}\n",
                arrivals(&mut r, rate, 8),
                r.pick(&[
                    "{ GetObject = 1 }",
                    "{ GetObject = 3, HeadObject = 1 }",
                    "{ MultipartUpload = 1, GetObject = 5 }\nparts = 2",
                ])
            );
        }
        let (told, _) = in_pool(1, &text, false);
        let (asked, _) = in_pool(2, &text, true);
        assert!(json(&told) == json(&asked), "tokens change digits\n{text}");
        throttled += u32::from(told.variants[0].metrics["kms_throttled"].mean != Some(0.0));
    }
    assert!(throttled >= 40, "{throttled}");
}

#[test]
fn a_larger_quota_never_throttles_more() {
    for seed in 0..40 {
        let mut r = Rng::new(seed);
        let rate = r.log_between(3.0, 300.0);
        let body = arrivals(&mut r, rate, 120);
        let limiter = r
            .pick(&[
                "fixed-window = {}",
                "sliding-window = {}",
                "token-bucket = { burst = 1 }",
            ])
            .to_string();
        let mut last: Option<Vec<f64>> = None;
        for factor in [0.3, 0.5, 0.8, 1.0, 1.3, 2.0] {
            let limit = (rate * factor).ceil();
            let text = format!(
                "{CONSTANT}seed = {seed}\nhorizon = \"120s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = {{ none = {{}} }}\n[key.k]\n[quota.q]\nlimit = \"{limit}/s\"\nlimiter = {{ {limiter} }}\n[workload.w]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\narrivals = {{ {body} }}\n"
            );
            let throttled = values(&run(&text).variants[0].metrics, "kms_throttled");
            if let Some(last) = last {
                assert!(
                    throttled
                        .iter()
                        .zip(&last)
                        .all(|(now, before)| now <= before),
                    "{text}"
                );
            }
            last = Some(throttled);
        }
    }
}

#[test]
fn without_traffic_only_the_keys_cost() {
    let results = run(
        "horizon = \"30d\"\nreplications = 2\nregion = \"us-east-1\"\n[key.k]\n[workload.w]\nkey = \"k\"\nretry = { none = {} }\noperations = { Decrypt = 1 }\narrivals.poisson.rate = \"0/s\"\n",
    );
    let m = &results.variants[0].metrics;
    assert_eq!(m["kms_attempts"].mean, Some(0.0));
    assert_eq!(m["throttle_rate"].mean, None);
    assert_eq!(
        (m["cost_total_usd"].mean, m["cost_kms_keys_usd"].mean),
        (Some(1.0), Some(1.0))
    );
}

#[test]
fn variants_see_the_same_arrivals() {
    let results = run(r#"
        horizon = "200s"
        replications = 3
        region = "us-east-1"
        [key.k]
        [quota.q]
        limit = "50/s"
        [bucket.b]
        key = "k"
        archived_bucket_keys = 3
        [workload.one]
        bucket = "b"
        clients = 5
        operations = { GetObject = 2, PutObject = 1 }
        popularity.uniform.objects = 50
        arrivals.on-off = { on = "60/s", off = "5/s", mean_on = "5s", mean_off = "5s" }
        [workload.two]
        key = "k"
        clients = 5
        operations = { Decrypt = 1, GenerateDataKey = 1 }
        arrivals.poisson.rate = "20/s"
        [variant.base]
        [variant.bucket-key.bucket.b]
        bucket_key = true
        [variant.limiter.quota.q]
        limit = "20/s"
        limiter.token-bucket.burst = 2
        [variant.retry]
        retry = { none = {} }
        [variant.more.workload.two]
        arrivals.poisson.rate = "45/s"
        "#);
    let requests = |v: &VariantResults, w: &str| {
        let m = &v.by_workload[w];
        (values(m, "s3_requests"), values(m, "app_requests"))
    };
    let base = &results.variants[0];
    for v in &results.variants[1..] {
        assert_eq!(requests(base, "one"), requests(v, "one"), "{}", v.name);
        let same = v.name != "more";
        assert_eq!(
            requests(base, "two") == requests(v, "two"),
            same,
            "{}",
            v.name
        );
        assert_eq!(base.arrivals_id == v.arrivals_id, same, "{}", v.name);
        for op in ["GetObject", "PutObject"] {
            let of = |v: &VariantResults| values(&v.by_operation[op], "s3_requests");
            assert_eq!(of(base), of(v), "{}", v.name);
        }
    }
}

#[test]
fn an_open_workload_follows_a_job_that_is_done_at_once() {
    // Without latency the job is over at the start of the second in which it began, whose arrivals
    // are drawn: the follower begins with the next one and loses nothing.
    let text = |arrivals: &str| {
        format!(
            "horizon = \"20s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = {{ none = {{}} }}\n[key.k]\n[assumption]\nkms_latency.constant.value = \"0s\"\n[workload.job]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\njob = {{ workers = 1, objects = 3 }}\nstart = \"4s\"\n[workload.next]\nkey = \"k\"\nafter = \"job\"\nstop = \"10s\"\noperations = {{ Decrypt = 1 }}\narrivals = {{ {arrivals} }}\n"
        )
    };
    let results = run(&text("constant = { rate = \"7/s\" }"));
    assert_eq!(
        values(&results.variants[0].by_workload["next"], "app_requests"),
        [70.0, 70.0]
    );
    run(&text(
        "on-off = { on = \"9/s\", off = \"1/s\", mean_on = \"1ms\", mean_off = \"1ms\" }",
    ));
}

// ----- a second simulator ----------------------------------------------------------------------

/// A workload as the second simulator reads it.
struct Flow {
    name: &'static str,
    /// Poisson, or evenly spaced at a whole rate.
    poisson: bool,
    rate: f64,
    /// (operation, weight, needs): actions in alphabetical order.
    actions: &'static [(&'static str, f64, usize)],
    clients: u64,
    /// As TOML, and as the simulator has it.
    retry: (&'static str, RetryPolicy),
    /// In the custom key store: its own quota applies before the account's.
    stored: bool,
}

struct Case {
    seed: u64,
    horizon: u64,
    account: u64,
    store: u64,
    flows: Vec<Flow>,
}

impl Case {
    fn text(&self, replications: u64) -> String {
        let mut t = format!(
            "seed = {}\nreplications = {replications}\nhorizon = \"{}s\"\nregion = \"us-east-1\"\n[key_store.hsm]\nkind = \"cloudhsm\"\n[key.plain]\n[key.stored]\nkey_store = \"hsm\"\n[bucket.plain]\nkey = \"plain\"\n[bucket.stored]\nkey = \"stored\"\n[quota.a]\nlimit = \"{}/s\"\n[quota.s]\nstore = \"hsm\"\nlimit = \"{}/s\"\n",
            self.seed, self.horizon, self.account, self.store
        );
        for f in &self.flows {
            let operations: Vec<String> = f
                .actions
                .iter()
                .map(|(o, w, _)| format!("{o} = {w:?}"))
                .collect();
            let kind = if f.poisson { "poisson" } else { "constant" };
            let bucket = if f.stored { "stored" } else { "plain" };
            let _ = write!(
                t,
                "[workload.{}]\nbucket = \"{bucket}\"\nclients = {}\nretry = {{ {} }}\noperations = {{ {} }}\narrivals.{kind}.rate = \"{}/s\"\n",
                f.name,
                f.clients,
                f.retry.0,
                operations.join(", "),
                f.rate
            );
        }
        t
    }
}

/// A request of the second simulator; the order of its fields settles ties: what was scheduled
/// comes before new arrivals, by time of arrival and kind; arrivals by workload, action, number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ask {
    at: u64,
    is_new: bool,
    arrived: u64,
    action: usize,
    number: u64,
    flow: usize,
    client: u64,
    key: u64,
    failures: u16,
    called: usize,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Counts {
    requests: u64,
    failed: u64,
    calls: u64,
    attempts: u64,
    throttled: u64,
    longest: u64,
}

/// Everything in one heap and one loop. `delay`: backoff after a request's n-th failure.
fn second_simulator(
    case: &Case,
    asks: Vec<Ask>,
    mut delay: impl FnMut(&Ask, &Backoff, u16) -> u64,
) -> Vec<Counts> {
    let mut heap: BinaryHeap<Reverse<Ask>> = asks.into_iter().map(Reverse).collect();
    let mut counts = vec![Counts::default(); case.flows.len()];
    let mut tokens: Vec<Vec<i64>> = case
        .flows
        .iter()
        .map(|f| {
            let full = f.retry.1.retry_quota.map_or(0, |q| i64::from(q.capacity));
            vec![full; f.clients as usize]
        })
        .collect();
    // Used in the present second: the account's quota, the store's.
    let (mut second, mut used) = (0, [0, 0]);
    while let Some(Reverse(mut ask)) = heap.pop() {
        let flow = &case.flows[ask.flow];
        let count = &mut counts[ask.flow];
        count.requests += u64::from(ask.is_new);
        if ask.at / SECOND != second {
            (second, used) = (ask.at / SECOND, [0, 0]);
        }
        let action = case
            .flows
            .iter()
            .take(ask.flow)
            .map(|f| f.actions.len())
            .sum::<usize>();
        let needs = flow.actions[ask.action - action].2;
        let mut refused = false;
        for need in 0..needs {
            count.attempts += 1;
            if need >= ask.called {
                ask.called = need + 1;
                count.calls += 1;
            }
            refused = used[0] >= case.account || (flow.stored && used[1] >= case.store);
            if refused {
                count.throttled += 1;
                break;
            }
            used[0] += 1;
            used[1] += u64::from(flow.stored);
        }
        let left = &mut tokens[ask.flow][ask.client as usize];
        let policy = &flow.retry.1;
        let quota = policy.retry_quota;
        // An answer to HEAD has no body, so no error code: its client takes a 503 for a passing fault of the server.
        let is_head = flow.actions[ask.action - action].0.starts_with("Head");
        let (cost, backoff) = match is_head {
            true => (quota.map_or(0, |q| q.other_cost), &policy.other_backoff),
            false => (quota.map_or(0, |q| q.throttling_cost), &policy.backoff),
        };
        if !refused {
            if let Some(q) = quota {
                let back = if ask.failures > 0 {
                    cost
                } else {
                    q.success_refund
                };
                *left = (*left + i64::from(back)).min(i64::from(q.capacity));
            }
            if ask.failures > 0 {
                count.longest = count.longest.max(ask.at - ask.arrived);
            }
            continue;
        }
        ask.failures += 1;
        let cost = i64::from(cost);
        if ask.failures >= flow.retry.1.max_attempts || *left < cost {
            count.failed += 1;
            continue;
        }
        *left -= cost;
        // A throttled attempt is answered after 4 ms.
        ask.at += 4_000_000 + delay(&ask, backoff, ask.failures);
        ask.is_new = false;
        heap.push(Reverse(ask));
    }
    counts
}

/// The arrivals that the engine draws for a replication: the same keys, in our own reading.
fn keyed_arrivals(case: &Case, replication: u64) -> Vec<Ask> {
    let root = Key::root(case.seed, replication);
    let (mut asks, mut first) = (Vec::new(), 0);
    for (flow, f) in case.flows.iter().enumerate() {
        let own = root.named(f.name);
        let total: f64 = f.actions.iter().map(|a| a.1).sum();
        for (a, (name, weight, _)) in f.actions.iter().enumerate() {
            let action = own.named("requests").named(name);
            for second in 0..case.horizon {
                let mut arrivals = Vec::new();
                if f.poisson {
                    let key = action.with(second);
                    let n = key.stream().poisson(f.rate * (weight / total));
                    Density::Linear(1.0, 1.0).arrivals(n, second, key, |at, number, arrival| {
                        arrivals.push((at, u64::from(number), arrival));
                    });
                } else {
                    assert!(f.actions.len() == 1 && f.rate.fract() == 0.0);
                    let (rate, key) = (f.rate as u64, own.named("arrivals").with(second));
                    arrivals.extend((0..rate).map(|i| (i * SECOND / rate, i, key.with(i))));
                }
                for (instant, number, arrival) in arrivals {
                    // Poisson requests come from a random client, evenly spaced ones from each in turn.
                    let client = if f.clients == 1 {
                        0
                    } else if f.poisson {
                        ((arrival.bits() & 0xFFFF_FFFF) * f.clients) >> 32
                    } else {
                        (second * f.rate as u64 + number) % f.clients
                    };
                    let at = second * SECOND + instant;
                    asks.push(Ask {
                        at,
                        is_new: true,
                        arrived: at,
                        action: first + a,
                        number,
                        flow,
                        client,
                        key: arrival.bits(),
                        failures: 0,
                        called: 0,
                    });
                }
            }
        }
        first += f.actions.len();
    }
    asks
}

fn exponential(
    initial_ms: u64,
    cap_s: u64,
    jitter: Jitter,
    max_attempts: u16,
    capacity: Option<u32>,
) -> RetryPolicy {
    let backoff = ExponentialBackoff {
        initial_backoff: Span::from_ns(initial_ms * 1_000_000),
        max_backoff: Some(Span::from_secs(cap_s)),
        jitter,
        capped: Capped::Bound,
    };
    RetryPolicy {
        max_attempts,
        retry_quota: capacity.map(|capacity| RetryQuota::after_throttling(capacity, 5, 1)),
        ..RetryPolicy::custom(backoff.into())
    }
}

fn cases() -> Vec<Case> {
    let none = || ("none = {}", RetryPolicy::none());
    let standard = || {
        let mut policy = exponential(1_000, 20, Jitter::Full, 3, Some(500));
        policy.other_backoff = exponential(50, 20, Jitter::Full, 3, None).backoff;
        if let Some(quota) = &mut policy.retry_quota {
            quota.other_cost = 14;
        }
        ("standard = {}", policy)
    };
    let two_bases = || {
        let mut policy = exponential(700, 20, Jitter::Equal, 5, Some(90));
        policy.other_backoff = exponential(2_000, 20, Jitter::Equal, 5, None).backoff;
        if let Some(quota) = &mut policy.retry_quota {
            quota.other_cost = 2;
        }
        (
            "exponential = { initial_backoff = \"700ms\", transient_initial_backoff = \"2s\", jitter = \"equal\", max_attempts = 5, retry_quota = { capacity = 90, transient_cost = 2 } }",
            policy,
        )
    };
    let hasty = || {
        (
            "exponential = { initial_backoff = \"100ms\", max_backoff = \"2s\", jitter = \"decorrelated\", max_attempts = 6, retry_quota = { capacity = 60 } }",
            exponential(100, 2, Jitter::Decorrelated, 6, Some(60)),
        )
    };
    let lockstep = || {
        (
            "exponential = { initial_backoff = \"250ms\", max_backoff = \"1s\", jitter = \"none\", max_attempts = 4 }",
            exponential(250, 1, Jitter::None, 4, None),
        )
    };
    let flow = |name, poisson, rate, actions, clients, retry, stored| Flow {
        name,
        poisson,
        rate,
        actions,
        clients,
        retry,
        stored,
    };
    const READ: &[(&str, f64, usize)] = &[("GetObject", 1.0, 1)];
    const MIX: &[(&str, f64, usize)] = &[
        ("CopyObject", 1.0, 2),
        ("DeleteObject", 1.0, 0),
        ("GetObject", 2.0, 1),
        ("PutObject", 1.0, 1),
    ];
    const HEADS: &[(&str, f64, usize)] = &[("GetObject", 1.0, 1), ("HeadObjectChecksum", 2.0, 1)];
    vec![
        Case {
            seed: 1,
            horizon: 120,
            account: 100,
            store: 50,
            flows: vec![flow("a", true, 95.0, READ, 3, standard(), false)],
        },
        Case {
            seed: 2,
            horizon: 120,
            account: 200,
            store: 40,
            flows: vec![
                flow("a", true, 120.0, MIX, 20, standard(), false),
                flow("b", true, 45.0, READ, 4, hasty(), true),
                flow("c", false, 60.0, READ, 7, lockstep(), false),
            ],
        },
        Case {
            seed: 3,
            horizon: 150,
            account: 60,
            store: 30,
            flows: vec![
                flow("x", false, 50.0, READ, 6, hasty(), true),
                flow("y", true, 40.0, MIX, 2, none(), false),
            ],
        },
        Case {
            seed: 4,
            horizon: 120,
            account: 1_000,
            store: 300,
            flows: vec![
                flow("big", true, 900.0, MIX, 50, standard(), false),
                flow("store", true, 320.0, MIX, 1, lockstep(), true),
            ],
        },
        Case {
            seed: 5,
            horizon: 120,
            account: 150,
            store: 40,
            flows: vec![
                flow("heads", true, 110.0, HEADS, 8, standard(), false),
                flow("own", true, 60.0, HEADS, 5, two_bases(), false),
            ],
        },
    ]
}

#[test]
fn a_second_simulator_agrees_to_the_digit() {
    for case in cases() {
        let replications = 3;
        for simulate_all in [false, true] {
            let (results, _) = run_with(&case.text(replications), simulate_all);
            let v = &results.variants[0];
            for replication in 0..replications {
                let asks = keyed_arrivals(&case, replication);
                let counts = second_simulator(&case, asks, |ask, backoff, n| {
                    // Purpose 9 of an arrival is the backoff.
                    backoff.delay_drawn(n, |n| {
                        Key::from_bits(ask.key).with(u64::from(n) << 16 | 9).bits()
                    })
                });
                for (f, c) in case.flows.iter().zip(&counts) {
                    let m = &v.by_workload[f.name];
                    let n = |id: &str| values(m, id)[replication as usize];
                    let theirs = [
                        n("s3_requests"),
                        n("s3_requests_failed"),
                        n("kms_calls"),
                        n("kms_attempts"),
                        n("kms_throttled"),
                        n("added_delay_s_max"),
                    ];
                    let ours = [
                        c.requests as f64,
                        c.failed as f64,
                        c.calls as f64,
                        c.attempts as f64,
                        c.throttled as f64,
                        c.longest as f64 / SECOND as f64,
                    ];
                    assert_eq!(
                        theirs, ours,
                        "seed {}, workload {}, replication {replication}",
                        case.seed, f.name
                    );
                }
                assert!(
                    counts.iter().any(|c| c.throttled > 0),
                    "no contention under seed {}",
                    case.seed
                );
            }
        }
    }
}

/// The same loop on randomness of its own: exponential gaps, uniform clients and delays.
#[test]
fn a_third_simulator_agrees_by_interval() {
    const RUNS: u64 = 60;
    for case in cases().into_iter().take(2) {
        let results = run(&case.text(RUNS));
        let mut ours: Vec<Vec<Counts>> = Vec::new();
        for replication in 0..RUNS {
            let mut r = Rng::new(9_000 + replication + 1_000 * case.seed);
            let (mut asks, mut first) = (Vec::new(), 0);
            for (flow, f) in case.flows.iter().enumerate() {
                let total: f64 = f.actions.iter().map(|a| a.1).sum();
                let (mut now, mut number) = (0.0, 0);
                loop {
                    if f.poisson {
                        now += r.exponential() / f.rate;
                    } else {
                        now = number as f64 / f.rate;
                    }
                    if now >= case.horizon as f64 {
                        break;
                    }
                    let mut pick = r.unit() * total;
                    let a = f
                        .actions
                        .iter()
                        .position(|(_, w, _)| {
                            pick -= w;
                            pick < 0.0
                        })
                        .unwrap_or(0);
                    let client = if f.poisson {
                        r.below(f.clients)
                    } else {
                        number % f.clients
                    };
                    let at = (now * SECOND as f64) as u64;
                    asks.push(Ask {
                        at,
                        is_new: true,
                        arrived: at,
                        action: first + a,
                        number,
                        flow,
                        client,
                        key: asks.len() as u64,
                        failures: 0,
                        called: 0,
                    });
                    number += 1;
                }
                first += f.actions.len();
            }
            // Delays from the formulas, by request: decorrelated ones go on from the last.
            let mut last = std::collections::HashMap::new();
            ours.push(second_simulator(&case, asks, |ask, backoff, n| {
                let Backoff::Exponential(exponential) = backoff else {
                    panic!("the cases back off exponentially")
                };
                let (base, cap) = (
                    exponential.initial_backoff.as_ns() as f64,
                    exponential.cap() as f64,
                );
                let bound = (base * 2_f64.powi(i32::from(n) - 1)).min(cap);
                let delay = match exponential.jitter {
                    Jitter::None => bound,
                    Jitter::Full => r.unit() * bound,
                    Jitter::Equal => bound / 2.0 * (1.0 + r.unit()),
                    Jitter::Around => bound * (0.5 + r.unit()),
                    Jitter::Decorrelated => {
                        let before = last.get(&ask.key).copied().unwrap_or(base);
                        (base + r.unit() * (3.0 * before - base)).min(cap)
                    }
                };
                last.insert(ask.key, delay);
                delay as u64
            }));
        }
        for (flow, f) in case.flows.iter().enumerate() {
            let m = &results.variants[0].by_workload[f.name];
            let pick = |g: &dyn Fn(&Counts) -> f64| -> Vec<f64> {
                ours.iter().map(|c| g(&c[flow])).collect()
            };
            for (id, ours) in [
                ("s3_requests", pick(&|c| c.requests as f64)),
                ("kms_attempts", pick(&|c| c.attempts as f64)),
                ("kms_throttled", pick(&|c| c.throttled as f64)),
                (
                    "throttle_rate",
                    pick(&|c| c.throttled as f64 / c.attempts as f64),
                ),
                ("s3_requests_failed", pick(&|c| c.failed as f64)),
            ] {
                let (a, b) = (Sample::of(&values(m, id)), Sample::of(&ours));
                let margin = T * (a.se().powi(2) + b.se().powi(2)).sqrt();
                println!(
                    "seed {}, {}: {id} {:.4} and {:.4} ± {margin:.4}",
                    case.seed, f.name, a.mean, b.mean
                );
                assert!(
                    (a.mean - b.mean).abs() <= margin,
                    "seed {}, {}: {id}",
                    case.seed,
                    f.name
                );
                // Nearly equal spreads as well: 60 runs tell a factor of two.
                assert!(
                    a.sd <= 2.0 * b.sd && b.sd <= 2.0 * a.sd,
                    "seed {}, {}: {id} sd {} and {}",
                    case.seed,
                    f.name,
                    a.sd,
                    b.sd
                );
            }
        }
    }
}

#[test]
fn a_workload_follows_a_trace_after_its_last_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.csv");
    std::fs::write(&file, "time\n0\n1.5\n3.2\n").expect("a file");
    let text = format!(
        "horizon = \"60s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = {{ none = {{}} }}\n[key.k]\n[workload.t]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\ntrace.file = \"{}\"\n[workload.next]\nkey = \"k\"\nafter = \"t\"\nstop = \"10s\"\noperations = {{ Decrypt = 1 }}\narrivals.constant.rate = \"5/s\"\n",
        file.display()
    );
    let by = &run(&text).variants[0].by_workload;
    assert_eq!(values(&by["t"], "app_requests"), [3.0]);
    assert_eq!(values(&by["next"], "app_requests"), [50.0]);
}

/// A second of twenty million attempts, nearly all of them throttled, takes seconds by itself.
#[test]
fn a_cancelled_simulation_stops_within_its_second() {
    let loaded = load(
        "horizon = \"1h\"\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1000/s\"\n[workload.w]\nkey = \"k\"\nclients = 1000\noperations = { Decrypt = 1 }\narrivals.poisson.rate = \"20000000/s\"\n",
    );
    let plan = &loaded.variants[0].plan;
    let cancel = AtomicBool::new(false);
    let options = SimulationOptions {
        decisive: true,
        lost_at: None,
        every_second: false,
        rehearsal: Rehearsal::None,
        sample: 0,
        seed: 1,
        replication: 0,
        simulate_all: false,
        progress: None,
        cancel: Some(&cancel),
    };
    let (found, waited) = std::thread::scope(|scope| {
        let run =
            scope.spawn(|| simulate(plan, &plan.components[0], options).map(|_| Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
        cancel.store(true, Ordering::Relaxed);
        let asked = Instant::now();
        let found = run.join().expect("no panic");
        (found, asked.elapsed())
    });
    assert_eq!(found, Err(Cancelled));
    assert!(waited < Duration::from_millis(500), "{waited:?}");
}
