//! Traces whose rows count: what comes of them in theory, and counted like simulated.

use crate::common::{Sample, ratio_holds, values};
use kmsim::input::Input;
use kmsim::results::RunResults;
use kmsim::run::RunOptions;
use std::fs;

fn run(csv: &str, text: &str, simulate_all: bool) -> RunResults {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("t.csv"), csv).expect("write");
    let input = Input::from_text("test", text).in_folder(dir.path());
    let loaded = kmsim::scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let options = RunOptions {
        simulate_all,
        ..RunOptions::default()
    };
    kmsim::run::run(&loaded, options).expect("a run").0
}

/// `C(n, k) p^k (1 − p)^(n − k)`.
fn binomial(n: u64, k: u64, p: f64) -> f64 {
    let log = |x: u64| libm::lgamma(x as f64 + 1.0);
    let choose = log(n) - log(k) - log(n - k);
    libm::exp(choose + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln())
}

#[test]
fn a_count_is_spread_evenly_over_its_period() {
    // 6,000 requests in a minute: each second has a binomial number of them, of mean 100.
    let csv = "Timestamp,Sum\n2026-11-24T18:00:00Z,6000\n2026-11-24T18:01:00Z,6000\n";
    let text = r#"
        horizon = "2m"
        replications = 60
        region = "us-east-1"
        retry = "none"
        key.k = {}
        quota.q.limit = "100/s"
        [workload.w]
        key = "k"
        operations = { Decrypt = 3, Encrypt = 1 }
        trace = { file = "t.csv", count = "Sum" }
    "#;
    let results = run(csv, text, false);
    let variant = &results.variants[0];
    let calls = values(&variant.metrics, "kms_calls");
    assert!(calls.iter().all(|n| *n == 12_000.0), "{calls:?}");
    let excess: f64 = (101..400)
        .map(|k| (k - 100) as f64 * binomial(6_000, k, 1.0 / 60.0))
        .sum();
    ratio_holds(
        &values(&variant.metrics, "kms_throttled"),
        &values(&variant.metrics, "kms_attempts"),
        excess / 100.0,
        0.0,
        "counts of a minute against a fixed window",
    );
    // A quarter of them encrypts, each by itself.
    let encrypted = Sample::of(&values(&variant.by_operation["Encrypt"], "kms_calls"));
    assert!(encrypted.holds(3_000.0, 0.0), "{encrypted:?}");
    let sd = (12_000.0_f64 * 0.25 * 0.75).sqrt();
    assert!((encrypted.sd / sd - 1.0).abs() < 0.4, "{encrypted:?}, {sd}");
    // A month of such traffic has no bill: it is over.
    assert_eq!(variant.metrics["cost_total_usd_per_month"].mean, None);
}

#[test]
fn counting_and_simulating_counts_agree() {
    let csv = "time,operation,n\n0,Decrypt,900\n0,Encrypt,300\n20,Decrypt,4000\n20,,200\n60,Decrypt,100\n";
    for (more, retry) in [
        ("", "retry = \"none\""),
        (", repeat = true, rate_scale = 1.5", "retry = \"standard\""),
        (
            ", time_scale = 0.5, period = \"10s\"",
            "retry = \"standard\"",
        ),
    ] {
        let text = format!(
            "horizon = \"90s\"\nreplications = 3\nregion = \"us-east-1\"\n{retry}\nkey.k = {{}}\nquota.q.limit = \"150/s\"\n\
             [workload.w]\nkey = \"k\"\nclients = 5\noperations = {{ GenerateDataKey = 1, Decrypt = 1 }}\n\
             trace = {{ file = \"t.csv\", count = \"n\"{more} }}\n"
        );
        let (counted, simulated) = (run(csv, &text, false), run(csv, &text, true));
        assert!(
            counted.variants[0].metrics["kms_throttled"].mean > Some(0.0),
            "{more}"
        );
        assert_eq!(counted, simulated, "{more}");
    }
}

#[test]
fn counting_and_simulating_counts_agree_with_a_cache() {
    let csv = "time,n\n0,6000\n60,12000\n120,3000\n";
    let text = r#"
        horizon = "3m"
        replications = 100
        region = "us-east-1"
        retry = "none"
        key.k = {}
        [workload.w]
        key = "k"
        clients = 4
        operations = { GenerateDataKey = 1 }
        trace = { file = "t.csv", count = "n" }
        data_key_cache = { max_age = "20s", max_messages = 50, capacity = 10 }
    "#;
    let calls = |simulate_all| {
        let results = run(csv, text, simulate_all);
        Sample::of(&values(&results.variants[0].metrics, "kms_calls"))
    };
    let (counted, simulated) = (calls(false), calls(true));
    // 21,000 messages on data keys of 50 messages, or fewer where 20 s end first; some come while a key is fetched.
    let apart = (counted.mean - simulated.mean).abs();
    let error = (counted.se().powi(2) + simulated.se().powi(2)).sqrt();
    assert!(apart <= 4.0 * error, "{counted:?} {simulated:?}");
    assert!(counted.mean >= 420.0 && counted.mean < 600.0, "{counted:?}");
}
