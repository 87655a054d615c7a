//! Seconds without arrivals and events are passed over: no digit shows it, whatever comes between them.

use crate::common::{Rng, run_with};
use std::fmt::Write as _;

/// Little traffic that comes in crowds: rare arrivals, each of many requests, and jobs.
fn sparse_scenario(seed: u64) -> String {
    let mut r = Rng::new(seed);
    let limiter = *r.pick(&[
        "fixed-window = {}",
        "token-bucket = { burst = 1 }",
        "token-bucket = { burst = 0.2 }",
        "sliding-window = {}",
    ]);
    let mut t = format!(
        "seed = {seed}\nhorizon = \"{}s\"\nwarm_up = \"{}s\"\nreplications = 2\nregion = \"us-east-1\"\n\
         assumption.kms_latency.constant.value = \"5ms\"\nassumption.s3_latency.constant.value = \"30ms\"\n\
         [key.k]\n[bucket.b]\nkey = \"k\"\nbucket_key = {}\n\
         [quota.q]\nlimit = \"3/s\"\nlimiter = {{ {limiter} }}\nchanges = [{{ at = \"900s\", limit = \"5/s\" }}]\n",
        1_800 + r.below(600),
        300 * r.below(2),
        r.chance(0.5),
    );
    let retry = |r: &mut Rng| {
        *r.pick(&[
            "none = {}",
            "standard = {}",
            "adaptive = {}",
            "fixed = { delay = \"90s\", max_attempts = 3 }",
        ])
    };
    for w in 0..1 + r.below(3) {
        let rate = r.log_between(2.0, 900.0);
        let arrivals = match r.below(4) {
            0 => format!("constant.rate = \"{:.2}/h\"", rate),
            1 => format!(
                "on-off = {{ on = \"{rate:.2}/h\", off = \"0/s\", mean_on = \"3m\", mean_off = \"9m\" }}"
            ),
            _ => format!("poisson.rate = \"{rate:.2}/h\""),
        };
        let _ = write!(
            t,
            "[workload.w{w}]\nbucket = \"b\"\nclients = 2\nparts = {}\noperations = {{ PutObject = 1, MultipartUpload = 2 }}\n\
             start = \"{}s\"\nretry = {{ {} }}\narrivals = {{ {arrivals} }}\n",
            1 + r.below(9),
            r.below(500),
            retry(&mut r),
        );
        if r.chance(0.3) {
            let _ = writeln!(t, "stop = \"{}s\"", 900 + r.below(600));
        }
    }
    if r.chance(0.5) {
        let _ = write!(
            t,
            "[workload.nightly]\nkey = \"k\"\nclients = 2\noperations.Decrypt = 1\nstart = \"{}s\"\nretry = {{ {} }}\n\
             job = {{ workers = 3, objects = 12, every = \"{}s\", within = \"200s\" }}\n",
            r.below(700),
            retry(&mut r),
            400 + r.below(400),
        );
        if r.chance(0.5) {
            let _ = write!(
                t,
                "[workload.after]\nkey = \"k\"\nclients = 2\nafter = \"nightly\"\noperations.Decrypt = 1\nretry = {{ {} }}\n\
                 job = {{ workers = 2, objects = 5 }}\n",
                retry(&mut r),
            );
        }
    }
    t
}

#[test]
fn passing_over_idle_seconds_changes_no_digit() {
    let (mut throttled, mut counted) = (0, 0);
    for seed in 0..24_u64 {
        let text = sparse_scenario(seed);
        let (passed, manifest) = run_with(&text, false);
        let (simulated, all) = run_with(&text, true);
        let json = |results| serde_json::to_string(results).expect("JSON");
        let cached = text.contains("bucket_key = true");
        // What caches miss in counted seconds is drawn: the same in distribution only.
        assert!(
            cached || json(&passed) == json(&simulated),
            "idle seconds leave a trace\n{text}"
        );
        let requests = |v: &kmsim::results::VariantResults| v.metrics["s3_requests"].values.clone();
        assert_eq!(
            requests(&passed.variants[0]),
            requests(&simulated.variants[0])
        );
        assert_eq!(all[0].seconds_counted, 0);
        counted += manifest[0].seconds_counted;
        throttled += u32::from(passed.variants[0].metrics["kms_throttled"].mean > Some(0.0));
    }
    // Adaptive clients remember every second.
    assert!(
        throttled >= 8 && counted > 24_000,
        "{throttled} with throttled attempts, {counted} seconds counted"
    );
}

#[test]
fn ten_years_with_a_request_a_day_are_no_work() {
    let text = |horizon: &str| {
        format!(
            "horizon = \"{horizon}\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n\
             [workload.a]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.constant.rate = \"1/d\"\n"
        )
    };
    let (results, manifest) = run_with(&text("3650d"), false);
    let v = &results.variants[0];
    assert_eq!(v.metrics["kms_attempts"].mean, Some(3_650.0));
    assert_eq!(manifest[0].seconds_counted, 3_650 * 86_400);
    assert!(manifest[0].engine_s < 5.0, "{}", manifest[0].engine_s);
}
