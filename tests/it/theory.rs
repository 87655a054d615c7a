//! Runs against formulas and published figures, never against what kmsim printed before.
//!
//! Every comparison is by a 99.9 % interval over forty or more replications.

use crate::common::{Sample, T, ratio_holds, run, values};
use kmsim::engine::calendar::Calendar;
use kmsim::engine::random::Key;

/// P(N = n) of a Poisson distribution.
fn poisson(n: u64, mean: f64) -> f64 {
    libm::exp(n as f64 * mean.ln() - mean - libm::lgamma(n as f64 + 1.0))
}

/// E[(N − q)⁺] for Poisson N.
fn excess(q: u64, mean: f64) -> f64 {
    let end = (mean + 40.0 * mean.sqrt() + 60.0) as u64 + q;
    (q + 1..end)
        .map(|n| (n - q) as f64 * poisson(n, mean))
        .sum()
}

#[test]
fn a_fixed_window_throttles_what_exceeds_it() {
    // (rate, quota, quota's window in seconds, horizon)
    for (rate, quota, window, horizon) in [
        (8.0, 10, 1, 400),
        (12.0, 10, 1, 400),
        (80.0, 100, 1, 400),
        (100.0, 100, 1, 200),
        (150.0, 100, 1, 100),
        (300.0, 100, 1, 60),
        (5_450.0, 5_500, 1, 30),
        (6_000.0, 5_500, 1, 20),
        (0.5, 1, 4, 4_000),
        (0.3, 1, 10, 4_000),
    ] {
        let results = run(&format!(
            r#"
            horizon = "{horizon}s"
            replications = 60
            region = "us-east-1"
            retry = {{ none = {{}} }}
            [key.k]
            [quota.q]
            limit = "{}/s"
            [workload.w]
            key = "k"
            operations = {{ Decrypt = 1 }}
            arrivals.poisson.rate = "{rate}/s"
            "#,
            quota as f64 / window as f64
        ));
        let metrics = &results.variants[0].metrics;
        let mean = rate * window as f64;
        ratio_holds(
            &values(metrics, "kms_throttled"),
            &values(metrics, "kms_attempts"),
            excess(quota, mean) / mean,
            0.0,
            &format!("fixed window, {rate}/s against {quota} in {window} s"),
        );
    }
}

/// Calls per second of a workload over 48 replications, measured after the warm-up.
fn calls_per_s(text: &str) -> Sample {
    let results = run(text);
    let calls = values(&results.variants[0].metrics, "kms_calls");
    let per_s: Vec<f64> = calls
        .iter()
        .map(|c| c / results.measured_s as f64)
        .collect();
    Sample::of(&per_s)
}

#[test]
fn a_cache_with_a_lifetime_misses_at_lambda_over_one_plus_lambda_t() {
    // (rate, lifetime [s], warm-up, horizon): the phase of a nearly periodic renewal is forgotten
    // after (λT)² cycles.
    for (rate, lifetime, warm_up, horizon) in [
        (0.1, 5, 2_000, 60_000),
        (1.0, 1, 500, 20_500),
        (2.0, 2, 1_000, 21_000),
        (2.0, 10, 6_000, 40_000),
    ] {
        let theory = rate / (1.0 + rate * lifetime as f64);
        let head = format!(
            r#"
            horizon = "{horizon}s"
            warm_up = "{warm_up}s"
            replications = 48
            region = "us-east-1"
            retry = {{ none = {{}} }}
            [key.k]
            [assumption]
            bucket_key_fanout = 1
            bucket_key_lifetime = "{lifetime}s"
            kms_latency.constant.value = "0s"
            [workload.w]
            arrivals.poisson.rate = "{rate}/s"
            "#
        );
        for (what, rest) in [
            (
                "bucket key",
                "bucket = \"b\"\noperations = { PutObject = 1 }\n[bucket.b]\nkey = \"k\"\nbucket_key = true\n".to_owned(),
            ),
            (
                "data-key cache",
                format!("key = \"k\"\nclients = 1\noperations = {{ GenerateDataKey = 1 }}\ndata_key_cache = {{ max_age = \"{lifetime}s\", capacity = 10 }}\n"),
            ),
        ] {
            let sample = calls_per_s(&format!("{head}{rest}"));
            println!(
                "{what}, {rate}/s for {lifetime} s: {:.6} ± {:.6}, theory {theory:.6}",
                sample.mean,
                T * sample.se()
            );
            assert!(sample.holds(theory, 0.0), "{what} {rate} {lifetime}");
        }
    }
}

/// A message of a fleet is the first of its data key to reach its client with (1 − 1/C)^j, if j came before it: that client
/// asks KMS. Where each client reads a stream of its own, it asks once for each data key of that.
#[test]
fn a_fleet_asks_for_each_data_key_with_nearly_every_client() {
    let (producers, mean) = (4, 3_000.0);
    for (clients, per_process, per_key) in [(1, 1, 50), (20, 1, 50), (20, 4, 5), (60, 1, 50)] {
        let scenario = |read_by: &str| {
            format!(
                r#"
                horizon = "30s"
                replications = 40
                region = "us-east-1"
                retry = "none"
                [assumption]
                kms_latency.constant.value = "0s"
                [key.k]
                [workload.w]
                key = "k"
                operations.Decrypt = 1
                clients = {clients}
                arrivals.poisson.rate = "100/s"
                data_key_cache = {{ max_age = "10m", capacity = 1000, scope.process.clients = {per_process} }}
                encrypted_by = {{ producers = {producers}, messages_per_data_key = {per_key}, read_by = "{read_by}" }}
                "#
            )
        };
        let caches = f64::from(clients / per_process);
        let first = |n: u64| (1.0 - 1.0 / caches).powi((n / producers % per_key) as i32);
        let mut theory = 0.0;
        let mut calls = 0.0;
        for n in 0..4_000 {
            theory += poisson(n, mean) * calls;
            calls += first(n);
        }
        let fleet = calls_per_s(&scenario("fleet"));
        println!(
            "{clients} ÷ {per_process}: {} ± {} of {}",
            fleet.mean,
            T * fleet.se(),
            theory / 30.0
        );
        assert!(fleet.holds(theory / 30.0, 0.0), "{clients} ÷ {per_process}");
        // Data keys that a client has begun and not ended: at most one of each producer.
        let client = calls_per_s(&scenario("client")).mean * 30.0;
        let keys = mean / per_key as f64;
        let most = 1.1 * keys + producers as f64 * caches;
        assert!(
            (0.9 * keys..=most).contains(&client),
            "{clients} ÷ {per_process}: {client}"
        );
    }
}

#[test]
fn a_data_key_serves_as_many_messages_as_it_may() {
    // Each data key for m messages: the calls are exactly the messages ÷ m, rounded up.
    for m in [1, 7, 100] {
        let results = run(&format!(
            r#"
            horizon = "500s"
            replications = 40
            region = "us-east-1"
            [key.k]
            [assumption]
            kms_latency.constant.value = "0s"
            [workload.w]
            key = "k"
            clients = 1
            operations = {{ GenerateDataKey = 1 }}
            arrivals.poisson.rate = "20/s"
            data_key_cache = {{ max_age = "1d", max_messages = {m}, capacity = 10 }}
            "#
        ));
        let metrics = &results.variants[0].metrics;
        let messages = values(metrics, "app_requests");
        for (calls, messages) in values(metrics, "kms_calls").iter().zip(messages) {
            assert_eq!(*calls, (messages / f64::from(m)).ceil());
        }
    }
    // With an age limit as well, a key serves its first message and min(m − 1, Poisson(λT)) more.
    for (rate, age, m) in [(5.0, 4, 50), (5.0, 4, 15), (1.0, 10, 3), (2.0, 3, 6)] {
        let mean = rate * f64::from(age);
        // E[min(m − 1, N)] = E[N] − E[(N − (m − 1))⁺].
        let capped = mean - excess(m - 1, mean);
        let results = run(&format!(
            r#"
            horizon = "20000s"
            warm_up = "1000s"
            replications = 48
            region = "us-east-1"
            [key.k]
            [assumption]
            kms_latency.constant.value = "0s"
            [workload.w]
            key = "k"
            clients = 1
            operations = {{ GenerateDataKey = 1 }}
            arrivals.poisson.rate = "{rate}/s"
            data_key_cache = {{ max_age = "{age}s", max_messages = {m}, capacity = 10 }}
            "#
        ));
        let metrics = &results.variants[0].metrics;
        ratio_holds(
            &values(metrics, "kms_calls"),
            &values(metrics, "app_requests"),
            1.0 / (1.0 + capped),
            0.0,
            &format!("data-key cache, {rate}/s, {age} s, {m} messages"),
        );
    }
}

#[test]
fn a_token_bucket_throttles_as_the_vectors_say() {
    let text = include_str!("../vectors/queueing.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(text).expect("JSON");
    let rows = rows
        .iter()
        .filter(|r| r["kind"] == "token_bucket_poisson_throttle_fraction");
    let mut seen = 0;
    for row in rows {
        seen += 1;
        let of = |name: &str| row["params"][name].as_f64().expect("a number");
        let (rate, quota, burst) = (of("lam"), of("rate"), of("burst"));
        let measured = (60_000.0 / rate) as u64;
        let results = run(&format!(
            r#"
            horizon = "{}s"
            warm_up = "200s"
            replications = 60
            region = "us-east-1"
            retry = {{ none = {{}} }}
            [key.k]
            [quota.q]
            limit = "{quota}/s"
            limiter.token-bucket.burst = {:?}
            [workload.w]
            key = "k"
            operations = {{ Decrypt = 1 }}
            arrivals.poisson.rate = "{rate}/s"
            "#,
            measured + 200,
            burst / quota
        ));
        let metrics = &results.variants[0].metrics;
        ratio_holds(
            &values(metrics, "kms_throttled"),
            &values(metrics, "kms_attempts"),
            row["value"].as_f64().expect("a number"),
            1e-6,
            &format!("token bucket {quota}/s, burst {burst}, {rate}/s"),
        );
    }
    assert!(seen >= 10, "{seen} rows");
}

#[test]
fn m_m_1_on_the_event_list() {
    const SECOND: f64 = kmsim::engine::SECOND as f64;
    // Service of mean 10 ms.
    for load in [0.5, 0.8] {
        let rate = load / 0.01;
        let (warm_up, horizon) = (20.0, 420.0);
        let (mut number, mut busy, mut sojourn) = (Vec::new(), Vec::new(), Vec::new());
        for replication in 0..60 {
            let key = Key::root(31, replication);
            let (mut gaps, mut services) = (key.named("gaps").stream(), key.named("work").stream());
            let mut gap = || (gaps.exponential() / rate * SECOND) as u64;
            let mut service = || (services.exponential() * 0.01 * SECOND) as u64;
            // false: an arrival; true: the end of a service.
            let mut calendar = Calendar::new();
            calendar.push(gap(), false);
            let mut line = std::collections::VecDeque::new();
            let (mut area, mut work, mut last) = (0.0, 0.0, 0.0);
            let (mut stays, mut left) = (0.0, 0_u64);
            while let Some((at, ends)) = calendar.pop_any() {
                let now = at as f64 / SECOND;
                if now >= horizon {
                    break;
                }
                let span = now - f64::max(last, warm_up).min(now);
                area += span * line.len() as f64;
                work += span * f64::from(u8::from(!line.is_empty()));
                last = now;
                if ends {
                    let came: f64 = line.pop_front().expect("someone is served");
                    if came >= warm_up {
                        stays += now - came;
                        left += 1;
                    }
                    if !line.is_empty() {
                        calendar.push(at + service(), true);
                    }
                } else {
                    if line.is_empty() {
                        calendar.push(at + service(), true);
                    }
                    line.push_back(now);
                    calendar.push(at + gap(), false);
                }
            }
            let span = last - warm_up;
            number.push(area / span);
            busy.push(work / span);
            sojourn.push(stays / left as f64);
        }
        for (what, xs, theory) in [
            ("number in system", number, load / (1.0 - load)),
            ("utilisation", busy, load),
            ("time in system", sojourn, 0.01 / (1.0 - load)),
        ] {
            let sample = Sample::of(&xs);
            println!(
                "M/M/1 at {load}: {what} {:.6} ± {:.6}, theory {theory:.6}",
                sample.mean,
                T * sample.se()
            );
            assert!(sample.holds(theory, 0.0), "M/M/1 at {load}: {what}");
        }
    }
}

/// Table E of the published cases: N, algorithm, calls (mean, sd), completion in ms (mean, sd); 200
/// runs of the official program.
const JITTER: [(u32, &str, [f64; 4]); 15] = [
    (10, "exponential", [50.5, 4.2, 3383.0, 1296.0]),
    (10, "decorrelated", [37.6, 2.2, 434.0, 84.0]),
    (10, "equal", [42.5, 2.4, 726.0, 155.0]),
    (10, "full", [39.0, 2.3, 463.0, 113.0]),
    (10, "none", [50.9, 3.9, 382.0, 34.0]),
    (50, "exponential", [623.3, 31.0, 36401.0, 3498.0]),
    (50, "decorrelated", [375.6, 12.3, 2261.0, 535.0]),
    (50, "equal", [347.1, 5.9, 4281.0, 509.0]),
    (50, "full", [332.4, 4.9, 2869.0, 556.0]),
    (50, "none", [689.9, 18.2, 1142.0, 44.0]),
    (100, "exponential", [1854.7, 53.6, 63615.0, 3681.0]),
    (100, "decorrelated", [1000.3, 29.2, 4531.0, 659.0]),
    (100, "equal", [812.1, 8.3, 6650.0, 671.0]),
    (100, "full", [797.1, 7.3, 4968.0, 570.0]),
    (100, "none", [2422.3, 31.8, 2029.0, 43.0]),
];

#[test]
fn jitter_does_what_aws_published() {
    const RUNS: u64 = 200;
    for (clients, name, [calls, calls_sd, time, time_sd]) in JITTER {
        let backoff = crate::common::occ::backoff(name);
        let runs: Vec<(f64, f64)> = (0..RUNS)
            .map(|r| {
                crate::common::occ::contend(clients, &backoff, Key::root(u64::from(clients), r))
            })
            .collect();
        let column =
            |f: fn(&(f64, f64)) -> f64| Sample::of(&runs.iter().map(f).collect::<Vec<_>>());
        for (what, ours, mean, sd) in [
            ("calls", column(|r| r.0), calls, calls_sd),
            ("completion [ms]", column(|r| r.1), time, time_sd),
        ] {
            let margin = 4.0 * (sd * sd / RUNS as f64 + sd * sd / 200.0).sqrt();
            println!(
                "{clients} clients, {name}: {what} {:.1} (sd {:.1}), published {mean} (sd {sd}), margin {margin:.1}",
                ours.mean, ours.sd
            );
            assert!(
                (ours.mean - mean).abs() <= margin,
                "{clients} {name} {what}: {} for {mean} ± {margin}",
                ours.mean
            );
        }
    }
}

#[test]
fn the_intervals_of_this_file_can_tell_a_wrong_answer() {
    // The comparisons above must fail on a theory that is off by a few per cent.
    let results = run(r#"
        horizon = "400s"
        replications = 60
        region = "us-east-1"
        retry = { none = {} }
        [key.k]
        [quota.q]
        limit = "10/s"
        [workload.w]
        key = "k"
        operations = { Decrypt = 1 }
        arrivals.poisson.rate = "12/s"
        "#);
    let metrics = &results.variants[0].metrics;
    let right = excess(10, 12.0) / 12.0;
    let rest: Vec<f64> = values(metrics, "kms_throttled")
        .iter()
        .zip(values(metrics, "kms_attempts"))
        .map(|(t, a)| t - 1.05 * right * a)
        .collect();
    assert!(!Sample::of(&rest).holds(0.0, 0.0));
}

/// A job's objects go to whoever is free first: its completion against a simulation of workers and a queue.
#[test]
fn a_jobs_objects_go_to_whoever_is_free_first() {
    let (workers, objects, draws) = (20, 50, 4_000_u64);
    let completion = |think: bool| {
        let results = run(&format!(
            r#"
            horizon = "60s"
            replications = 400
            region = "us-east-1"
            retry = "none"
            [key.k]
            [bucket.b]
            key = "k"
            [assumption]
            s3_latency.lognormal = {{ median = "30ms", sigma = 0.5 }}
            [workload.w]
            bucket = "b"
            operations.HeadObject = 1
            job = {{ workers = {workers}, objects = {objects}, think_time.lognormal = {{ median = "{}ms", sigma = 0.5 }} }}
            "#,
            if think { 30 } else { 0 }
        ));
        Sample::of(&values(&results.variants[0].metrics, "job_completion_s"))
    };
    let reference = |think: bool| {
        let mut stream = Key::root(11, u64::from(think)).stream();
        let mut pause = move || 0.03 * libm::exp(0.5 * stream.normal());
        let one = |_| {
            let mut free = vec![0.0_f64; workers];
            let mut last = 0.0_f64;
            for _ in 0..objects {
                let first = (0..workers).min_by(|&a, &b| free[a].total_cmp(&free[b]));
                let worker = first.expect("a worker");
                let done = free[worker] + pause();
                last = last.max(done);
                free[worker] = done + if think { pause() } else { 0.0 };
            }
            last
        };
        let done: Vec<f64> = (0..draws).map(one).collect();
        Sample::of(&done)
    };
    for think in [true, false] {
        let (run, reference) = (completion(think), reference(think));
        let error = T * (run.se().powi(2) + reference.se().powi(2)).sqrt();
        println!("{} and {} ± {error}", run.mean, reference.mean);
        assert!((run.mean - reference.mean).abs() <= error, "{think}");
    }
}

/// One worker's messages, each of which asks KMS: the job takes as long as all calls together, with a cache that never
/// serves as without one.
#[test]
fn a_job_takes_as_long_as_its_calls() {
    let objects = 400.0;
    for cache in [
        "",
        "data_key_cache = { max_age = \"10m\", capacity = 2 }\nencrypted_by = { producers = 1, messages_per_data_key = 1 }\n",
    ] {
        let results = run(&format!(
            r#"
            horizon = "20m"
            replications = 60
            region = "us-east-1"
            retry = "none"
            [key.k]
            [assumption]
            kms_latency.lognormal = {{ median = "200ms", sigma = 0.8 }}
            [workload.w]
            key = "k"
            operations.Decrypt = 1
            clients = 1
            job = {{ workers = 1, objects = {objects} }}
            {cache}
            "#
        ));
        let metrics = &results.variants[0].metrics;
        assert!(values(metrics, "kms_calls").iter().all(|&c| c == objects));
        let sample = Sample::of(&values(metrics, "job_completion_s"));
        let theory = objects * 0.2 * libm::exp(0.5 * 0.8 * 0.8);
        println!("{} ± {} of {theory}", sample.mean, T * sample.se());
        // Latencies are drawn to 1 %.
        assert!(sample.holds(theory, 0.01 * theory), "{cache}");
    }
}
