//! Multipart uploads of open workloads that fail as a whole: against a second simulator, counted and simulated, and so that no
//! request of an upload gets lost.

use crate::common::{Rng, run_with, values};
use kmsim::results::RunResults;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;

const SECOND: u64 = 1_000_000_000;

/// Evenly spaced uploads under a quota of a fixed window, each attempt of which that is refused is tried again after a fixed
/// delay.
#[derive(Clone, Copy, Debug)]
struct Case {
    rate: u64,
    horizon: u64,
    parts: u64,
    limit: u64,
    delay_ms: u64,
    max_attempts: u64,
}

/// What is counted of them.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    requests: u64,
    failed: u64,
    attempts: u64,
    throttled: u64,
    not_sent: u64,
    uploads_failed: u64,
}

impl Counts {
    fn of(results: &RunResults) -> Counts {
        let metrics = &results.variants[0].metrics;
        let of = |id: &str| values(metrics, id)[0] as u64;
        Counts {
            requests: of("s3_requests"),
            failed: of("s3_requests_failed"),
            attempts: of("kms_attempts"),
            throttled: of("kms_throttled"),
            not_sent: of("requests_not_sent"),
            uploads_failed: of("objects_failed"),
        }
    }
}

impl Case {
    fn text(self) -> String {
        let Case {
            rate,
            horizon,
            parts,
            limit,
            delay_ms,
            max_attempts,
        } = self;
        format!(
            r#"
            horizon = "{horizon}s"
            replications = 1
            region = "us-east-1"
            retry.fixed = {{ delay = "{delay_ms}ms", max_attempts = {max_attempts} }}
            [assumption]
            s3_latency.constant.value = "30ms"
            kms_latency.constant.value = "5ms"
            throttled_latency.constant.value = "0s"
            [key.k]
            [quota.q]
            limit = "{limit}/s"
            [bucket.b]
            key = "k"
            [workload.w]
            bucket = "b"
            operations.MultipartUpload = 1
            parts = {parts}
            on_failure = "fail-upload"
            arrivals.constant.rate = "{rate}/s"
            "#
        )
    }

    /// The same, event by event: (time, upload, request, attempt), where request 0 creates and the last one completes.
    fn simulated(self) -> Counts {
        let last = self.parts + 1;
        let mut events = BinaryHeap::new();
        let mut uploads = Vec::new();
        for upload in 0..self.rate * self.horizon {
            events.push(Reverse((upload * SECOND / self.rate, upload, 0, 1)));
            // Parts that have not ended, and whether one has failed.
            uploads.push((self.parts, false));
        }
        let (mut counts, mut window) = (Counts::default(), (0, 0));
        while let Some(Reverse((at, upload, request, attempt))) = events.pop() {
            let is_part = 0 < request && request < last;
            let (left, has_failed) = &mut uploads[upload as usize];
            counts.requests += u64::from(attempt == 1);
            let mut is_admitted = false;
            let is_given_up = is_part && attempt > 1 && *has_failed;
            if !is_given_up {
                if window.0 != at / SECOND {
                    window = (at / SECOND, 0);
                }
                is_admitted = window.1 < self.limit;
                window.1 += u64::from(is_admitted);
                counts.attempts += 1;
                counts.throttled += u64::from(!is_admitted);
                if !is_admitted && attempt < self.max_attempts {
                    let next = at + self.delay_ms * 1_000_000;
                    events.push(Reverse((next, upload, request, attempt + 1)));
                    continue;
                }
            }
            let had_failed = *has_failed;
            if is_part {
                *left -= 1;
                *has_failed |= !is_admitted;
            }
            if !is_admitted {
                counts.failed += 1;
                if !had_failed {
                    counts.uploads_failed += 1;
                    counts.not_sent += match request {
                        0 => last,
                        _ => u64::from(is_part),
                    };
                }
            } else if request == 0 {
                for part in 1..last {
                    events.push(Reverse((at, upload, part, 1)));
                }
            } else if is_part && *left == 0 && !*has_failed {
                events.push(Reverse((at, upload, last, 1)));
            }
        }
        counts
    }
}

#[test]
fn uploads_that_fail_as_a_whole_agree_with_a_second_simulator() {
    let mut r = Rng::new(11);
    let (mut failed, mut whole) = (0, 0);
    for _ in 0..40 {
        let parts = 1 + r.below(6);
        let rate = 3 + r.below(30);
        let case = Case {
            rate,
            horizon: 20 + r.below(20),
            parts,
            // From a fifth to one and a half times what is asked for.
            limit: (rate * (parts + 2) * (2 + r.below(14)) / 10).max(1),
            delay_ms: *r.pick(&[37, 103, 271, 1_009]),
            max_attempts: 1 + r.below(4),
        };
        let expected = case.simulated();
        for simulate_all in [false, true] {
            let (results, _) = run_with(&case.text(), simulate_all);
            assert_eq!(Counts::of(&results), expected, "{case:?}");
            let all = rate * case.horizon * (parts + 2);
            assert_eq!(expected.requests + expected.not_sent, all, "{case:?}");
        }
        failed += u32::from(expected.uploads_failed > 0);
        whole += u32::from(expected.uploads_failed == 0);
    }
    assert!(
        failed > 10 && whole > 5,
        "{failed} with failures, {whole} without"
    );
}

/// Uploads beside other traffic, with all that may hold them back.
fn scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    let quota = r.log_between(30.0, 300.0).round();
    let limiter = r.pick(&[
        "fixed-window = {}",
        "fixed-window = {}",
        "token-bucket = { burst = 0.5 }",
        "sliding-window = {}",
    ]);
    let retry = r.pick(&[
        "none = {}",
        "standard = {}",
        "adaptive = {}",
        "java = {}",
        "fixed = { delay = \"300ms\", max_attempts = 3, circuit_breaker = { open_time = \"700ms\" } }",
        "exponential = { initial_backoff = \"100ms\", max_attempts = 4, retry_quota = { capacity = 20 } }",
        "exponential = { initial_backoff = \"1s\", max_attempts = 3, send_brake = { hold_time = \"2s\" } }",
    ]);
    let bucket_key = ["", "bucket_key = true\n", "prefixes = 1\n"][r.below(3) as usize];
    let (parts, rate) = (1 + r.below(9), r.log_between(0.02, 0.3));
    let shape = match r.below(3) {
        0 => format!("poisson.rate = \"{:.3}/s\"", quota * rate),
        1 => format!("constant.rate = \"{}/s\"", (quota * rate).ceil()),
        _ => format!(
            "on-off = {{ on = \"{:.3}/s\", off = \"0.5/s\", mean_on = \"4s\", mean_off = \"9s\" }}",
            quota * rate * 2.0
        ),
    };
    let mut t = format!(
        "seed = {seed}\nhorizon = \"60s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = {{ {retry} }}\n\
         assumption.kms_latency.constant.value = \"5ms\"\nassumption.s3_latency.constant.value = \"30ms\"\n[key.k]\n\
         [quota.q]\nlimit = \"{quota}/s\"\nlimiter = {{ {limiter} }}\n[bucket.b]\nkey = \"k\"\n{bucket_key}\
         [workload.uploads]\nbucket = \"b\"\nclients = 3\noperations = {{ MultipartUpload = 3, PutObject = 1 }}\n\
         parts = {parts}\non_failure = \"fail-upload\"\narrivals = {{ {shape} }}\n",
        10 * r.below(2),
    );
    let _ = write!(
        t,
        "[workload.others]\nkey = \"k\"\nclients = 2\noperations.Decrypt = 1\narrivals.poisson.rate = \"{:.3}/s\"\n",
        quota * r.log_between(0.05, 0.6),
    );
    if r.chance(0.3) {
        t += "[workload.after]\nkey = \"k\"\nafter = \"uploads\"\noperations.Decrypt = 1\njob = { workers = 2, objects = 30 }\n";
        t = t.replace(
            "[workload.uploads]\n",
            "[workload.uploads]\nstop = \"30s\"\n",
        );
    }
    t
}

#[test]
fn counting_is_simulating_where_uploads_fail_as_a_whole() {
    let (mut failing, mut counting) = (0, 0);
    for seed in 0..48 {
        let text = scenario(seed);
        let json = |r: &RunResults| serde_json::to_string(r).expect("JSON");
        let (counted, manifest) = run_with(&text, false);
        let (simulated, _) = run_with(&text, true);
        assert!(
            json(&counted) == json(&simulated),
            "simulate_all changes digits\n{text}"
        );
        counting += u32::from(manifest[0].seconds_counted > 0);
        let v = &counted.variants[0];
        failing += u32::from(
            values(&v.metrics, "objects_failed")
                .iter()
                .any(|n| *n > 0.0),
        );
        for i in 0..2 {
            let of = |operation: &str, id: &str| v.by_operation[operation][id].values[i];
            let all = |operation: &str| {
                let ids = ["s3_requests", "requests_not_sent"];
                ids.map(|id| of(operation, id).unwrap_or(0.0)).iter().sum()
            };
            let uploads: f64 = all("CreateMultipartUpload");
            let parts: f64 = all("UploadPart");
            assert_eq!(parts % uploads.max(1.0), 0.0, "{text}");
            assert_eq!(all("CompleteMultipartUpload"), uploads, "{text}");
            let done = of("CompleteMultipartUpload", "s3_requests_succeeded");
            let failed = values(&v.metrics, "objects_failed")[i];
            assert_eq!(done.unwrap_or(0.0) + failed, uploads, "{text}");
            let answered = ["s3_requests_succeeded", "s3_requests_failed"];
            let answered: f64 = answered.map(|id| values(&v.metrics, id)[i]).iter().sum();
            assert_eq!(answered, values(&v.metrics, "s3_requests")[i], "{text}");
        }
    }
    assert!(
        failing > 10 && counting > 10,
        "{failing} fail, {counting} count"
    );
}
