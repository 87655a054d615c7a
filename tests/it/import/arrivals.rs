//! What import makes of counts: replayed seconds, both ends of what minutes may hold, demand behind retries, and how far off
//! all of that is for a part that was held out.

use super::shared_files::shared;
use super::{import, kmsim, told};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Uniform numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        let (mut n, mut product) = (0, self.unit());
        while product > (-mean).exp() {
            n += 1;
            product *= self.unit();
        }
        n
    }
}

/// The seconds of a trace of production, as counts from its first on; nothing where the files are absent.
fn azure() -> Option<Vec<u64>> {
    let path = shared()?.join("arrivals-azure-llm/AzureLLMInferenceTrace_code.csv");
    let text = fs::read_to_string(path).expect("the trace");
    let seconds = text.lines().skip(1).filter_map(|line| {
        // 2023-11-16 18:17:03.9799600
        let time = line.split(',').next()?.split(' ').nth(1)?;
        let part = |i: usize| time.split([':', '.']).nth(i)?.parse::<usize>().ok();
        Some(part(0)? * 3_600 + part(1)? * 60 + part(2)?)
    });
    let seconds: Vec<usize> = seconds.collect();
    let first = *seconds.iter().min().expect("seconds");
    let mut counts = vec![0; seconds.iter().max().expect("seconds") - first + 1];
    seconds.iter().for_each(|s| counts[s - first] += 1);
    Some(counts)
}

/// A table of counts of Decrypt, by second.
fn table(counts: &[u64], to: &Path) {
    let mut text = String::from("time,operation,count\n");
    for (s, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let (h, m, s) = (s / 3_600, s / 60 % 60, s % 60);
        writeln!(text, "2026-03-02T{h:02}:{m:02}:{s:02}Z,Decrypt,{n}").expect("memory");
    }
    fs::write(to, text).expect("written");
}

fn fit(totals: &Value) -> &Value {
    &totals["workloads"][0]["fit"]
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn seconds_that_no_rate_describes_are_replayed_as_they_were_counted() {
    let Some(counts) = azure() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    table(&counts, &dir.path().join("calls.csv"));
    let (status, totals, text) = import(dir.path(), &["calls.csv", "--region", "eu-west-3"]);
    assert_eq!(status, 0, "{text}");
    let fit = fit(&totals);
    assert_eq!(fit["model"], "replay of the counted seconds");
    for (figure, truth) in [
        ("dispersion_1s", 13.20),
        ("dispersion_10s", 73.3),
        ("dispersion_60s", 160.67),
        ("busiest", 67.0),
        ("p999", 47.9),
        ("mean", 2.566),
    ] {
        for side in ["data", "fit"] {
            let found = number(&fit[side][figure]["value"]);
            assert!(
                (found / truth - 1.0).abs() < 0.002,
                "{side}: {figure}: {found}"
            );
        }
        let data = &fit["data"][figure];
        let held = number(&data["low"])..=number(&data["high"]);
        assert!(held.contains(&number(&data["value"])), "{figure}: {data}");
    }
    // The standard error of so few minutes is 20 to 30.
    let width = number(&fit["data"]["dispersion_60s"]["high"])
        - number(&fit["data"]["dispersion_60s"]["low"]);
    assert!((50.0..170.0).contains(&width), "{width}");
    let run = [
        "run",
        "mine.toml",
        "--variant",
        "as-is",
        "--replications",
        "1",
        "--format",
        "json",
    ];
    let output = kmsim(dir.path(), &run);
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let metrics = &results["variants"][0]["metrics"];
    assert_eq!(metrics["kms_attempts_per_s_max"]["mean"], 67.0);
    assert_eq!(
        metrics["kms_attempts"]["mean"],
        counts.iter().sum::<u64>() as f64
    );
}

#[test]
fn sums_of_minutes_are_told_by_both_ends() {
    let Some(counts) = azure() else {
        return;
    };
    // Poisson within the sum, and variance ÷ mean of a second 13.2 within it; the truth is 67.
    for (period, low, high) in [(60, 19.0, 76.0), (300, 11.0, 71.0)] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut text = String::from("timestamp,value\n");
        for (i, sums) in counts.chunks(period).enumerate() {
            let (at, sum) = (i * period, sums.iter().sum::<u64>());
            let (h, m) = (at / 3_600, at / 60 % 60);
            writeln!(text, "2026-03-02 {h:02}:{m:02}:00,{sum}").expect("memory");
        }
        fs::write(dir.path().join("requests_count.csv"), text).expect("written");
        let (status, totals, text) =
            import(dir.path(), &["requests_count.csv", "--region", "eu-west-3"]);
        assert_eq!(status, 0, "{text}");
        let fit = fit(&totals);
        assert_eq!(number(&fit["data"]["period_s"]), period as f64);
        assert_eq!(fit["data"]["dispersion_1s"], Value::Null);
        assert_eq!(fit["assumed_dispersion"], 13.2);
        for (side, truth) in [("fit", low), ("fit_high", high)] {
            let busiest = &fit[side]["busiest"];
            let held = number(&busiest["low"])..=number(&busiest["high"]);
            assert!(held.contains(&truth), "{period} s, {side}: {busiest}");
            assert!(
                (number(&busiest["value"]) / truth - 1.0).abs() < 0.15,
                "{period} s, {side}: {busiest}"
            );
        }
        let scenario = fs::read_to_string(dir.path().join("mine.toml")).expect("a scenario");
        assert!(
            scenario.contains("[variant.quota-increase-bursty]"),
            "{scenario}"
        );
    }
}

/// A scenario whose load exceeds the quota for a while; its demand, and the log of all of its calls.
fn throttled(dir: &Path, retry: &str, clients: u32, quota: u32) -> f64 {
    let scenario = format!(
        r#"
        horizon = "200s"
        region = "eu-west-3"
        replications = 1
        key.main = {{}}
        quota.q.limit = "{quota}/s"
        [workload.orders]
        key = "main"
        operations = {{ Decrypt = 1 }}
        arrivals.piecewise-linear.points = [
            {{ at = "0s", rate = "20/s" }}, {{ at = "30s", rate = "20/s" }}, {{ at = "50s", rate = "45/s" }},
            {{ at = "140s", rate = "45/s" }}, {{ at = "160s", rate = "15/s" }}
        ]
        clients = {clients}
        retry = "{retry}"
        "#
    );
    fs::write(dir.join("orders.toml"), scenario).expect("written");
    let run = [
        "run",
        "orders.toml",
        "--emit-cloudtrail",
        "100000",
        "--out",
        "log",
        "--quiet",
        "--charts",
        "none",
    ];
    let (status, text) = told(&kmsim(dir, &run));
    assert_eq!(status, 0, "{text}");
    let results = fs::read_to_string(dir.join("log/results.json")).expect("results");
    let results: Value = serde_json::from_str(&results).expect("JSON");
    number(&results["variants"][0]["metrics"]["app_requests"]["mean"])
}

/// The trail as hosts write it: each client calls from an address of its own. Which record is whose makes no difference.
fn from_addresses(trail: &Path, clients: usize) {
    let text = fs::read_to_string(trail).expect("a trail");
    let mut trail_of: Value = serde_json::from_str(&text).expect("JSON");
    for (i, record) in trail_of["Records"]
        .as_array_mut()
        .expect("records")
        .iter_mut()
        .enumerate()
    {
        record["sourceIPAddress"] =
            format!("10.0.{}.{}", i % clients / 250, i % clients % 250).into();
    }
    fs::write(trail, trail_of.to_string()).expect("written");
}

#[test]
fn demand_is_found_behind_retries_and_retry_quotas_that_run_dry() {
    // How many clients there are, their addresses tell; where they hide behind one, often the attempts do.
    for (retry, clients, quota, hidden) in [
        ("none", 4, 30, true),
        ("standard", 4, 30, true),
        ("standard", 64, 30, true),
        ("standard", 4, 40, false),
        ("standard", 8, 36, false),
        ("standard-2.0", 2, 30, false),
        ("legacy", 8, 30, true),
        ("java", 8, 40, true),
        ("go", 4, 30, false),
        ("javascript", 64, 40, true),
        ("rust-standard-2.0", 4, 30, false),
        ("adaptive", 64, 30, true),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let demand = throttled(dir.path(), retry, clients, quota);
        let trail = "log/cloudtrail/base.json";
        let number_of_clients = clients.to_string();
        let found = |more: &[&str]| {
            let args: Vec<&str> = [trail, "--retry", retry]
                .iter()
                .chain(more)
                .copied()
                .collect();
            let (status, totals, text) = import(dir.path(), &args);
            assert_eq!(status, 0, "{text}");
            assert!(
                number(&totals["kms_throttled"]) > 300.0,
                "{retry}: too little to find"
            );
            number(&totals["demand_estimate"])
        };
        let mut all = vec![("--clients", found(&["--clients", &number_of_clients]))];
        if hidden {
            all.push(("one address", found(&[])));
        }
        from_addresses(&dir.path().join(trail), clients as usize);
        all.push(("addresses", found(&[])));
        for (known_by, found) in all {
            assert!(
                (found / demand - 1.0).abs() < 0.02,
                "{retry}, {clients} clients, {quota}/s, by {known_by}: {found} for {demand}"
            );
        }
    }
}

#[test]
fn whose_retries_is_not_known_gives_a_range_that_holds_the_truth() {
    let dir = tempfile::tempdir().expect("a folder");
    let demand = throttled(dir.path(), "java", 8, 30);
    let (status, totals, text) = import(dir.path(), &["log/cloudtrail/base.json"]);
    assert_eq!(status, 0, "{text}");
    let workload = &totals["workloads"][0];
    assert_eq!(workload["retry_is_known"], false);
    let (low, high) = (
        number(&workload["demand_low"]),
        number(&workload["demand_high"]),
    );
    // Within 2 % of the ends, as each policy is.
    assert!(
        low * 0.98 < demand && demand < high * 1.02 && low < 0.9 * high,
        "{low} to {high}: {demand}"
    );
}

#[test]
fn a_part_that_is_held_out_is_compared_with_what_was_learnt_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut numbers = Numbers(7);
    let counts: Vec<u64> = (0..2_400).map(|_| numbers.poisson(6.0)).collect();
    table(&counts, &dir.path().join("calls.csv"));
    let args = [
        "calls.csv",
        "--region",
        "eu-west-3",
        "--holdout",
        "25%",
        "--threads",
        "1",
    ];
    let (status, totals, text) = import(dir.path(), &args);
    assert_eq!(status, 0, "{text}");
    let tested = &totals["backtest"];
    assert_eq!(
        (&tested["members"], &tested["naive_period_s"]),
        (&39.into(), &600.into())
    );
    let rows = tested["figures"].as_array().expect("rows");
    let of = |name: &str| {
        let row = rows.iter().find(|r| r["figure"] == name);
        row.unwrap_or_else(|| panic!("no row `{name}`: {rows:?}"))
    };
    let came: u64 = counts[1_800..].iter().sum();
    let total = of("KMS attempts");
    assert_eq!(number(&total["observed"]), came as f64);
    // 3,600 ± 60, and the rate is known by 10,800 only.
    assert!(
        (number(&total["predicted"]) - 3_600.0).abs() < 150.0,
        "{total}"
    );
    let width = number(&total["high"]) - number(&total["low"]);
    assert!((160.0..500.0).contains(&width), "{total}");
    let busiest = of("KMS attempts of the busiest second");
    let most = counts[1_800..].iter().max().expect("counts");
    assert_eq!(number(&busiest["observed"]), *most as f64);
    assert_eq!(
        number(&busiest["naive"]),
        *counts[1_200..1_800].iter().max().expect("counts") as f64
    );
    // What is simulated are so few calls that the busiest second is told exactly.
    let rare = of("KMS attempts that 99.9 % of seconds do not exceed");
    assert!(
        number(&rare["high"]) <= number(&busiest["high"]),
        "{rare} {busiest}"
    );
    let bill = of("bill in USD (of what came: replayed)");
    assert!(number(&bill["error"]).abs() < 0.06, "{bill}");
    assert!(
        rows.iter().filter(|r| r["within"] == true).count() >= 4,
        "{rows:?}"
    );
    assert!(
        text.contains("back-test: learnt from 2026-03-02T00:00:00Z"),
        "{text}"
    );
    // Nothing of the simulations is left, and a second run on two threads says the same.
    assert!(!dir.path().join(".mine.holdout").exists());
    let again = [
        "calls.csv",
        "--region",
        "eu-west-3",
        "--holdout",
        "0.25",
        "--threads",
        "2",
    ];
    let (_, same, _) = import(dir.path(), &again);
    assert_eq!(same["backtest"], totals["backtest"]);
}

#[test]
fn a_part_that_cannot_be_held_out_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    table(&[3, 5, 2, 4], &dir.path().join("calls.csv"));
    let args = ["calls.csv", "--region", "eu-west-3", "--holdout", "20%"];
    let (status, _, text) = import(dir.path(), &args);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("too few to learn from one part"), "{text}");
    // The scenario is there nevertheless.
    assert!(dir.path().join("mine.toml").exists());
    let (status, _, text) = import(dir.path(), &["calls.csv", "--holdout", "80%"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("from 1% to 50%"), "{text}");
}

/// A line of a metric stream: a bucket's requests of a period that ends with the period's length behind its time.
fn streamed(metric: &str, at: i64, n: u64) -> String {
    let line = json!({
        "metric_stream_name": "s", "account_id": "111122223333", "region": "eu-west-3", "namespace": "AWS/S3", "metric_name": metric,
        "dimensions": { "BucketName": "lake", "FilterId": "all" }, "timestamp": at * 1_000,
        "value": { "count": n, "sum": n, "max": 1.0, "min": 1.0 }, "unit": "Count"
    });
    format!("{line}\n")
}

#[test]
fn operations_whose_periods_begin_at_different_seconds_make_a_scenario_that_is_accepted() {
    let begin = 1_772_420_400;
    for (period, phases) in [
        (60, [0, 30, 59]),
        (300, [0, 7, 150]),
        (3_600, [0, 1_800, 60]),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut total = 0;
        for (metric, phase) in ["GetRequests", "PutRequests", "HeadRequests"]
            .iter()
            .zip(phases)
        {
            let mut lines = String::new();
            for i in 0..30_i64 {
                let n = 40 + i.unsigned_abs() % 7;
                // One is lost: as its neighbours.
                if i == 11 && phase == 0 {
                    total += (40 + 10 % 7_u64).midpoint(40 + 12 % 7);
                    continue;
                }
                total += n;
                lines += &streamed(metric, begin + phase + i * period, n);
            }
            fs::write(dir.path().join(format!("{metric}.json")), lines).expect("written");
        }
        let (status, _, text) = import(
            dir.path(),
            &["GetRequests.json", "PutRequests.json", "HeadRequests.json"],
        );
        assert_eq!(status, 0, "{text}");
        let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
        assert_eq!(status, 0, "{period} {phases:?}: {text}");
        // All requests are in the files of the scenario, none of them twice.
        let mut written = 0;
        for entry in fs::read_dir(dir.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "csv") {
                let text = fs::read_to_string(path).expect("text");
                let rows = text.lines().skip(1);
                let counts = rows.filter_map(|row| row.rsplit(',').next()?.parse::<u64>().ok());
                written += counts.sum::<u64>();
            }
        }
        assert_eq!(written, total, "{period} {phases:?}");
    }
}

#[test]
fn one_metric_by_the_minute_and_by_the_hour_counts_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let begin = 1_772_420_400;
    let (mut minutes, mut hours) = (String::new(), String::new());
    for hour in 0..10_i64 {
        // Of the last five hours each minute is there, too.
        if hour >= 5 {
            for minute in 0..60 {
                minutes += &streamed("GetRequests", begin + hour * 3_600 + minute * 60, 10);
            }
        }
        hours += &streamed("GetRequests", begin + hour * 3_600, 600);
    }
    fs::write(dir.path().join("minutes.json"), minutes).expect("written");
    fs::write(dir.path().join("hours.json"), hours).expect("written");
    let (status, totals, text) = import(dir.path(), &["minutes.json", "hours.json"]);
    assert_eq!(status, 0, "{text}");
    let workloads = totals["workloads"].as_array().expect("workloads");
    let total: u64 = workloads
        .iter()
        .filter_map(|w| w["attempts"].as_u64())
        .sum();
    assert_eq!(total, 6_000, "{totals}");
    assert!(text.contains("the shorter ones count"), "{text}");
    let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
    assert_eq!(status, 0, "{text}");
}

#[test]
fn a_table_of_sums_is_spread_over_the_time_of_its_rows_and_one_of_requests_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let table = |times: &mut dyn Iterator<Item = i64>, count: bool| {
        let mut text = String::from(if count {
            "time,operation,region,count\n"
        } else {
            "time,operation,region\n"
        });
        for at in times {
            let number = if count { ",600" } else { "" };
            let _ = writeln!(text, "{},Decrypt,eu-west-3{number}", 1_772_420_400 + at);
        }
        fs::write(dir.path().join("table.csv"), text).expect("written");
        let (status, totals, text) = import(dir.path(), &["table.csv"]);
        assert_eq!(status, 0, "{text}");
        let (status, text) = told(&kmsim(dir.path(), &["check", "mine.toml"]));
        assert_eq!(status, 0, "{text}");
        let workload = &totals["workloads"][0];
        (workload["period_s"].clone(), workload["attempts"].clone())
    };
    let minutes = || (0..120).filter(|i| i % 50 != 7).map(|i| i * 60);
    assert_eq!(table(&mut minutes(), true), (json!(60), json!(600 * 117)));
    // Not evenly apart: each count is of its second.
    assert_eq!(
        table(&mut [0, 60, 130].into_iter(), true),
        (json!(1), json!(1_800))
    );
    // Without counts each row is a request.
    assert_eq!(table(&mut minutes(), false), (json!(1), json!(117)));
}

#[test]
fn times_in_a_countrys_own_order_are_told_and_not_guessed() {
    let dir = tempfile::tempdir().expect("a folder");
    for (first, second) in [
        ("02.03.2026 03:00", "02.03.2026 03:01"),
        ("3/2/2026 3:00 AM", "3/2/2026 3:01 AM"),
    ] {
        let text = format!(
            "\"Label\",\"CallCount\"\n\"id\",\"m1\"\n\"{first}\",\"5\"\n\"{second}\",\"6\"\n"
        );
        fs::write(dir.path().join("console.csv"), text).expect("written");
        let (status, totals, text) = import(dir.path(), &["console.csv"]);
        assert_eq!(status, 2, "{text}");
        assert!(
            text.contains("without a valid time: 2")
                && text.contains("write them as 2026-03-02 03:05:00, in UTC"),
            "{text}"
        );
        assert_eq!(totals["skipped"][0]["count"], 2);
    }
}
