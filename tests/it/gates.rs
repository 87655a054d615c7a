//! Gates that cannot be fooled: a reader that goes away, a metric without data, a baseline that cannot tell.

use crate::common::program::{self, ended, kmsim};
use crate::common::run;
use std::fs;
use std::path::Path;

const SMALL: &str = r#"horizon = "10s"
replications = 4
region = "us-east-1"
[key.main]
[quota.own]
limit = "60/s"
[retry.none]
[workload.readers]
key = "main"
operations = { Decrypt = 1 }
arrivals = { poisson = { rate = "55/s" } }
"#;

fn folder(text: &str) -> tempfile::TempDir {
    program::folder("s.toml", text)
}

/// Exit status and standard error; the results are read, or standard output is closed before there is any.
fn ends(dir: &Path, args: &[&str], read: bool) -> (i32, String) {
    let mut child = kmsim(dir, args).spawn().expect("kmsim starts");
    if !read {
        drop(child.stdout.take());
    }
    let (status, _, said) = ended(child, args);
    (status, said)
}

/// Exit status and standard error, with results read.
fn told(dir: &Path, args: &[&str]) -> (i32, String) {
    ends(dir, args, true)
}

#[test]
fn a_closed_pipe_changes_no_verdict() {
    let crossed = format!("{SMALL}[threshold]\nrate = \"throttle_rate > 99%\"\n");
    let met = format!("{SMALL}[threshold]\nrate = \"throttle_rate < 99%\"\n");
    let dir = folder(&crossed);
    fs::write(dir.path().join("met.toml"), met).expect("write");
    let out = ["--out", "before"];
    assert_eq!(
        told(dir.path(), &[&["run", "met.toml"][..], &out].concat()).0,
        0
    );
    let fails: [(&[&str], &str); 6] = [
        (&["run", "s.toml"], "1 crossed (`rate` of variant `base`)"),
        (&["run", "s.toml", "--format", "json"], "1 crossed"),
        (&["run", "met.toml", "s.toml", "--quiet"], "1 crossed"),
        (
            &[
                "run",
                "met.toml",
                "--precision",
                "0.001%",
                "--max-replications",
                "5",
            ],
            "was not reached",
        ),
        (
            &[
                "run",
                "met.toml",
                "--baseline",
                "before",
                "--fail-on-regression",
                "--set",
                "quota.own.limit=50/s",
            ],
            "regression: `throttle_rate`",
        ),
        (
            &["plan", "met.toml", "--target", "throttle_rate < 2"],
            "no answer",
        ),
    ];
    for (args, part) in fails {
        for read in [true, false] {
            let (status, said) = ends(dir.path(), args, read);
            assert_eq!(status, 1, "{args:?}, read: {read}: {said}");
            assert!(said.contains(part), "{args:?}, read: {read}: {said}");
        }
    }
    let ends_well: [&[&str]; 3] = [
        &["run", "met.toml"],
        &["compare", "s.toml", "met.toml"],
        &["check", "s.toml"],
    ];
    for args in ends_well {
        assert_eq!(ends(dir.path(), args, false).0, 0, "{args:?}");
    }
    // A precision that was asked for is one in a comparison too.
    let precise = ["--precision", "0.001%", "--max-replications", "5"];
    let args = [&["compare", "s.toml", "met.toml"][..], &precise].concat();
    for read in [true, false] {
        let (status, said) = ends(dir.path(), &args, read);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("was not reached"), "{said}");
    }
}

#[test]
fn a_regression_gate_takes_metrics_with_their_own_tolerance() {
    // Money without chance: 400,000 requests at 0.03 USD for 10,000 of them, and then 4 % more of them.
    let text = |rate: u32| {
        format!(
            "horizon = \"1d\"\nreplications = 2\nregion = \"us-east-1\"\nkey.main = {{}}\n[workload.w]\nkey = \"main\"\n\
             operations.Decrypt = 1\nclients = 1\narrivals.constant.rate = \"{rate}/day\"\n[variant.today]\n"
        )
    };
    let dir = folder(&text(400_000));
    fs::write(dir.path().join("more.toml"), text(416_000)).expect("write");
    let run = |more: &[&str]| {
        let head = ["run", "more.toml", "--baseline", "before", "--quiet"];
        told(dir.path(), &[&head[..], more].concat())
    };
    assert_eq!(told(dir.path(), &["run", "s.toml", "--out", "before"]).0, 0);
    let passes: [&[&str]; 6] = [
        &[],
        &["--fail-on-regression=cost_total_usd_per_month=5%"],
        &["--fail-on-regression", "cost_total_usd_per_month=5%"],
        &["--fail-on-regression", "--noise", "10%"],
        &["--fail-on-regression", "throttle_rate"],
        &[
            "--fail-on-regression",
            "cost_total_usd=5%,cost_kms_requests_usd=6%",
            "--noise",
            "0%",
        ],
    ];
    for args in passes {
        let (status, said) = run(args);
        assert_eq!(status, 0, "{args:?}: {said}");
    }
    for (args, part) in [
        (
            &["--fail-on-regression=cost_total_usd_per_month=3%"][..],
            "`cost_total_usd_per_month` of variant `today` is worse",
        ),
        (
            &["--fail-on-regression", "cost_total_usd_per_month"],
            "by more than 1 %",
        ),
        (
            &["--fail-on-regression", "--noise", "2%"],
            "`cost_total_usd`",
        ),
        (
            &[
                "--fail-on-regression",
                "--fail-on-regression=cost_total_usd=50%",
            ],
            "`cost_total_usd_per_month`",
        ),
        (
            &[
                "--fail-on-regression",
                "workload.w.throttle_rate=1%,cost_total_usd",
            ],
            "`cost_total_usd`",
        ),
    ] {
        let (status, said) = run(args);
        assert_eq!(status, 1, "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
    for (gate, part) in [
        ("cost_total_usd_per_mont=5%", "cost_total_usd_per_month`?"),
        ("s3_requests", "cannot get worse"),
        ("cost_total_usd=dear", "dear"),
    ] {
        let (status, said) = run(&["--fail-on-regression", gate]);
        assert_eq!(status, 2, "{gate}: {said}");
        assert!(said.contains(part), "{gate}: {said}");
    }
    // The scenario may follow the flag.
    let args = ["--fail-on-regression", "more.toml"];
    let (status, said) = told(
        dir.path(),
        &[&["run", "--baseline", "before"][..], &args].concat(),
    );
    assert_eq!(status, 1, "{said}");
    // The table calls 4 % noise where that is what it is.
    let table = |noise: &str| {
        let args = [
            "run",
            "more.toml",
            "--full",
            "--baseline",
            "before",
            "--noise",
            noise,
        ];
        let output = kmsim(dir.path(), &args).output().expect("kmsim ends");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let (tight, wide) = (table("1%"), table("10%"));
    assert!(
        tight.contains("┆ worse") && !tight.contains("within the noise"),
        "{tight}"
    );
    assert!(
        !wide.contains("┆ worse") && wide.contains("within the noise"),
        "{wide}"
    );
}

#[test]
fn a_baseline_that_cannot_tell_fails_the_gate() {
    let dir = folder(&format!("{SMALL}[variant.a]\n[variant.b]\n"));
    let run = |more: &[&str]| {
        let head = ["run", "s.toml", "--quiet"];
        told(dir.path(), &[&head[..], more].concat())
    };
    assert_eq!(run(&["--variant", "a", "--out", "a"]).0, 0);
    assert_eq!(run(&["--replications", "1", "--out", "one"]).0, 0);
    let gate = ["--baseline", "a", "--fail-on-regression"];
    let (status, said) = run(&gate);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("variant `b` is not in the baseline"),
        "{said}"
    );
    let (status, said) = run(&[&gate[..], &["--allow-new-variants"]].concat());
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("note: variant `b`"), "{said}");
    // Nothing to compare is not allowed by it.
    let (status, said) = run(&[&gate[..], &["--allow-new-variants", "--variant", "b"]].concat());
    assert_eq!(status, 1, "{said}");
    // One replication shows no difference, however large.
    let one = ["--baseline", "one", "--replications", "1"];
    let worse = ["--fail-on-regression", "--set", "quota.own.limit=30/s"];
    let (status, said) = run(&[&one[..], &worse].concat());
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("have no interval"), "{said}");
    assert_eq!(run(&[&one[..], &worse[..1]].concat()).0, 0);
    // Shorter runs throttle less.
    let shorter = ["--variant", "a", "--set", "horizon=5s"];
    let (status, said) = run(&[&gate[..], &shorter].concat());
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("measured 10 s and this run 5 s"), "{said}");
}

#[test]
fn a_larger_quota_passes_a_gate_on_throttling_and_a_smaller_one_fails_it() {
    for retry in ["none", "standard"] {
        let dir = folder(&format!("{SMALL}clients = 3\n").replace("none", retry));
        let run = |quota: &str| {
            let set = format!("quota.own.limit={quota}");
            let head = ["run", "s.toml", "--quiet", "--baseline", "before", "--set"];
            let gate = ["--fail-on-regression=throttle_rate"];
            told(dir.path(), &[&head[..], &[&set], &gate].concat())
        };
        let before = ["run", "s.toml", "--quiet", "--out", "before"];
        assert_eq!(told(dir.path(), &before).0, 0);
        for (quota, status) in [("63/s", 0), ("60/s", 0), ("57/s", 1), ("30/s", 1)] {
            let (found, said) = run(quota);
            assert_eq!(found, status, "{retry}, {quota}: {said}");
            assert_eq!(said.contains("`throttle_rate`"), status == 1, "{said}");
        }
    }
}

#[test]
fn what_is_lower_because_more_work_is_lost_fails_the_gate() {
    let dir = folder(SMALL);
    let run = |more: &[&str]| {
        let head = ["run", "s.toml", "--quiet"];
        told(dir.path(), &[&head[..], more].concat())
    };
    assert_eq!(run(&["--out", "before"]).0, 0);
    let gated = |gate: &str, quota: &str, noise: &str| {
        let gate = format!("--fail-on-regression={gate}");
        let set = format!("quota.own.limit={quota}/s");
        let args = ["--baseline", "before", "--noise", noise, "--set", &set];
        run(&[&args[..], &[&gate]].concat())
    };
    // Half of the messages fail, so KMS charges for half as many.
    for gate in [
        "cost_total_usd_per_month",
        "cost_total_usd_per_month=5%",
        "latency_s_p50,cost_total_usd_per_month",
    ] {
        let (status, said) = gated(gate, "30", "1%");
        assert_eq!(status, 1, "{gate}: {said}");
        let parts = ["`base` loses more of its work", "are denied, fail or are"];
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    // Some more fail: not beyond a noise of 100 %, nor where the gate has a share of its own for failures.
    for (gate, noise, status) in [
        ("cost_total_usd_per_month", "0%", 1),
        ("cost_total_usd_per_month", "100%", 0),
        ("cost_total_usd_per_month,app_requests_failed=100%", "0%", 0),
        ("cost_total_usd_per_month,app_requests_failed=1%", "0%", 1),
    ] {
        let (found, said) = gated(gate, "58", noise);
        assert_eq!(found, status, "{gate}, {noise}: {said}");
    }
    // More is charged where fewer fail, and a share of its own allows it.
    assert_eq!(gated("cost_total_usd_per_month=5%", "63", "0%").0, 0);
    assert_eq!(gated("cost_total_usd_per_month=0%", "63", "0%").0, 1);
}

/// 500 requests each second against a quota of `quota`, with a threshold on CloudWatch's alarm.
fn steady(horizon: u64, warm_up: u64, quota: u64) -> String {
    format!(
        "horizon = \"{horizon}s\"\nwarm_up = \"{warm_up}s\"\nreplications = 3\nregion = \"eu-west-3\"\nkey.main = {{}}\n\
         quota.shared.limit = \"{quota}/s\"\nretry = \"none\"\n[workload.r]\nkey = \"main\"\noperations.Decrypt = 1\n\
         arrivals.constant.rate = \"500/s\"\n[threshold]\nalarm = \"cloudwatch_alarm_80_percent < 0.5\"\n"
    )
}

#[test]
fn the_alarm_of_a_run_without_a_whole_minute_has_no_data() {
    // (horizon, warm-up, quota, alarm, busiest minute)
    for (horizon, warm_up, quota, alarm, minute) in [
        (50, 5, 100, None, None),
        (50, 0, 1_000, None, None),
        (60, 0, 100, Some(1.0), Some(500.0)),
        (60, 0, 1_000, Some(0.0), Some(500.0)),
        (119, 1, 1_000, None, None),
        (120, 1, 1_000, Some(0.0), Some(500.0)),
        // 300 in a part of a minute are above 80 % of 100, whatever the rest of it brings.
        (36, 0, 100, Some(1.0), None),
        // A last part of a minute lowers nothing.
        (90, 0, 600, Some(1.0), Some(500.0)),
    ] {
        let results = run(&steady(horizon, warm_up, quota));
        let case = format!("{horizon} s, warm-up {warm_up} s, quota {quota}/s");
        let variant = &results.variants[0];
        let quotas = variant.by_quota.values().map(|q| &q.metrics);
        for metrics in quotas.chain([&variant.metrics]) {
            let of = |id: &str| metrics[id].mean;
            assert_eq!(of("cloudwatch_alarm_80_percent"), alarm, "{case}");
            assert_eq!(of("cloudwatch_attempts_per_s_max"), minute, "{case}");
        }
        let fails = results.thresholds[0].verdict.fails();
        assert_eq!(fails, alarm != Some(0.0), "{case}");
    }
}

#[test]
fn a_bin_that_the_horizon_cuts_is_as_wide_as_it_runs() {
    // 2,051 s and 3,601 s in bins of 2 s, 7,203 s in bins of 5 s, and all in minutes of CloudWatch.
    for horizon in [90, 2_051, 3_601, 7_203] {
        let results = run(&steady(horizon, 0, 1_000));
        let series = &results.variants[0].series;
        let quota = &series.quotas[0];
        assert!(horizon < 2_000 || !horizon.is_multiple_of(series.bin_s));
        for (i, &mean) in quota.kms_attempts_per_s.mean.iter().enumerate() {
            assert_eq!(mean, 500.0, "bin {i} of {horizon} s");
            assert_eq!(
                quota.cloudwatch_per_s[i], 500.0,
                "minute of {i}, {horizon} s"
            );
        }
    }
}
