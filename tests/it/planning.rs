//! Thresholds, precision, regressions and comparisons as scripts meet them: exit status and what is printed.

use crate::common::program::{self, run_kmsim};
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

[workload.idle]
key = "main"
operations = { Encrypt = 1 }
arrivals = { poisson = { rate = "1/min" } }
"#;

fn folder(text: &str) -> tempfile::TempDir {
    program::folder("small.toml", text)
}

fn json(path: impl AsRef<Path>) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).expect("file")).expect("JSON")
}

#[test]
fn thresholds_fail_a_run_when_crossed_or_without_data() {
    let text = format!(
        "{SMALL}\n[threshold]\nrate = \"throttle_rate < 50%\"\nfirst = \"workload.readers.kms_calls > 10\"\n\
         [variant.a]\n[variant.b.threshold]\nrate = \"throttle_rate < 0.1%\"\n"
    );
    let dir = folder(&text);
    let met = run_kmsim(dir.path(), &["run", "small.toml", "--variant", "a"]);
    assert_eq!(met.0, 0, "{met:?}");
    assert!(
        met.1.contains("throttle rate < 50 %") && met.1.contains(" met "),
        "{}",
        met.1
    );
    let crossed = run_kmsim(dir.path(), &["run", "small.toml"]);
    assert_eq!(crossed.0, 1);
    assert!(crossed.1.contains("CROSSED"), "{}", crossed.1);
    assert!(
        crossed.2.contains("of 4 thresholds 1 crossed"),
        "{}",
        crossed.2
    );
    // A job that does not finish has no completion time.
    let job = "workload.idle={key=\"main\",operations={Encrypt=1},job={workers=1,objects=100000}}";
    let args = [
        "run",
        "small.toml",
        "--variant",
        "a",
        "--set",
        job,
        "--set",
        "threshold.rate=none",
        "--set",
        "threshold.done=job_completion_s < 1h",
    ];
    let without = run_kmsim(dir.path(), &args);
    assert_eq!(without.0, 1, "{without:?}");
    assert!(without.1.contains("NO DATA") && without.2.contains("1 without data"));
    let results = json(dir.path().join("output/small/results.json"));
    let verdicts: Vec<&str> = results["thresholds"]
        .as_array()
        .expect("thresholds")
        .iter()
        .map(|t| t["verdict"].as_str().expect("word"))
        .collect();
    assert_eq!(verdicts, ["met", "no-data"]);
    // Where standard output is not for people, the verdicts are printed on standard error.
    let csv = run_kmsim(dir.path(), &["run", "small.toml", "--format", "csv"]);
    assert!(!csv.1.contains("CROSSED") && csv.2.contains("CROSSED"));
}

#[test]
fn replications_are_added_until_the_interval_is_narrow() {
    let dir = folder(SMALL);
    let run = |share: &str, most: &str| {
        let output = run_kmsim(
            dir.path(),
            &[
                "run",
                "small.toml",
                "--precision",
                share,
                "--precision-metric",
                "kms_calls",
                "--max-replications",
                most,
            ],
        );
        (output, json(dir.path().join("output/small/results.json")))
    };
    let ((status, _, said), wide) = run("10%", "500");
    assert_eq!(status, 0, "{said}");
    let ((status, _, said), narrow) = run("0.5%", "500");
    assert_eq!(status, 0, "{said}");
    let half = |r: &serde_json::Value| {
        let m = &r["variants"][0]["metrics"]["kms_calls"];
        let at = |key: &str| m[key].as_f64().expect("number");
        assert_eq!(
            r["replications"].as_u64(),
            m["values"].as_array().map(|v| v.len() as u64)
        );
        (at("ci_high") - at("ci_low")) / 2.0 / at("mean")
    };
    assert!(half(&wide) <= 0.1 && half(&narrow) <= 0.005);
    // 550 calls a replication, Poisson: one σ is 4.3 %, so 0.5 % takes about (1.96 × 4.3 ÷ 0.5)² = 284.
    let n = narrow["replications"].as_u64().expect("number");
    assert!((180..=450).contains(&n), "{n}");
    assert!(narrow["precision"]["reached"].as_bool().expect("boolean"));
    let ((status, _, said), gave_up) = run("0.01%", "40");
    assert_eq!(status, 1);
    assert!(said.contains("not reached after 40 replications"), "{said}");
    assert_eq!(gave_up["replications"], 40);
    // The replications that both have are the same ones.
    let values = |r: &serde_json::Value| r["variants"][0]["metrics"]["kms_calls"]["values"].clone();
    assert_eq!(values(&gave_up)[7], values(&narrow)[7]);
    let bad = run_kmsim(
        dir.path(),
        &[
            "run",
            "small.toml",
            "--precision",
            "2%",
            "--precision-metric",
            "throtle_rate",
        ],
    );
    assert_eq!(bad.0, 2);
    assert!(bad.2.contains("did you mean `throttle_rate`?"), "{}", bad.2);
}

#[test]
fn a_regression_beyond_the_noise_fails_and_the_same_run_does_not() {
    let dir = folder(SMALL);
    let run = |more: &[&str]| {
        let args: Vec<&str> = ["run", "small.toml"].iter().chain(more).copied().collect();
        run_kmsim(dir.path(), &args)
    };
    assert_eq!(run(&["--out", "before"]).0, 0);
    let gate = ["--baseline", "before", "--fail-on-regression"];
    assert_eq!(run(&gate).0, 0);
    let more = [&gate[..], &["--set", "quota.own.limit=50/s"]].concat();
    let (status, out, said) = run(&more);
    assert_eq!(status, 1);
    assert!(
        said.contains("regression: `throttle_rate` of variant `base`"),
        "{said}"
    );
    assert!(out.contains("earlier base"), "{out}");
    // 55 arrivals a second: 8 of 60 too many at most, so a noise of ten times the baseline's rate hides it.
    let quiet = [&more[..], &["--noise", "100%"]].concat();
    let (_, _, said) = run(&quiet);
    assert!(!said.contains("`s3_requests"), "{said}");
    let (status, _, said) = run(&["--baseline", "nowhere"]);
    assert_eq!(status, 2);
    assert!(said.contains("nowhere/results.json"), "{said}");
    assert_eq!(run(&["--fail-on-regression"]).0, 2);
}

#[test]
fn compare_tells_settings_pairing_workloads_and_bill() {
    let dir = folder(SMALL);
    let raised = SMALL.replace("60/s", "90/s");
    fs::write(dir.path().join("raised.toml"), raised).expect("write");
    let seeded = format!("seed = 5\n{SMALL}");
    fs::write(dir.path().join("seeded.toml"), seeded).expect("write");
    let (status, out, said) = run_kmsim(
        dir.path(),
        &[
            "compare",
            "small.toml",
            "raised.toml",
            "seeded.toml",
            "--out",
            "both",
            "--full",
        ],
    );
    assert_eq!(status, 0, "{said}");
    for part in [
        "raised:base against small:base (same arrivals, differences paired by replication)",
        "quota.own.limit",
        "× 1.5",
        "Better: ",
        "workload readers",
        "KMS requests,",
        "seeded:base against small:base (unpaired (Welch), as the seeds differ)",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(dir.path().join("both/charts/overlay.svg").exists());
    let merged = json(dir.path().join("both/results.json"));
    assert_eq!(merged["variants"][1]["name"], "raised:base");
    assert_eq!(merged["comparisons"][0]["settings"][0]["factor"], 1.5);
    let (status, _, _) = run_kmsim(dir.path(), &["report", "both"]);
    assert_eq!(status, 0);
    let (_, csv, _) = run_kmsim(
        dir.path(),
        &["compare", "small.toml", "raised.toml", "--format", "csv"],
    );
    assert!(
        csv.contains(",workload readers,throttle_rate,") && csv.contains(",bill,kms-requests ")
    );
}

/// Poisson arrivals, a fixed window, no retries: the number N of attempts in a second is Poisson, and of these N − Q are
/// refused where N > Q. The share refused is E[(N − Q)+] ÷ E[N].
fn share_refused(mean: f64, quota: u64) -> f64 {
    // P(N = n) upwards from the mode in logarithms.
    let probability = |n: u64| {
        let ln: f64 = (1..=n).map(|k| (k as f64).ln()).sum();
        (n as f64 * mean.ln() - mean - ln).exp()
    };
    let last = (mean + 12.0 * mean.sqrt()) as u64;
    let excess: f64 = (quota + 1..=last)
        .map(|n| (n - quota) as f64 * probability(n))
        .sum();
    excess / mean
}

/// The smallest quota that refuses less than a share.
fn smallest(mean: f64, share: f64) -> u64 {
    let from = (mean - 6.0 * mean.sqrt()) as u64;
    (from..)
        .find(|q| share_refused(mean, *q) < share)
        .expect("a quota")
}

fn study(text: &str) -> kmsim::planning::Study {
    let input = kmsim::input::Input::from_text("plan", text);
    let (study, _) = kmsim::planning::Study::new(&input, &[], None).expect("a scenario");
    study
}

/// One application whose calls are Poisson, without retries.
fn poisson(rate: u64, horizon: u64, quota: u64) -> String {
    format!(
        "horizon = \"{horizon}s\"\nreplications = 10\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"{quota}/s\"\n\
         [retry.none]\n[workload.w]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\narrivals.poisson.rate = {rate}\n"
    )
}

#[test]
fn the_smallest_quota_is_that_of_the_poisson_distribution() {
    use kmsim::planning::SearchOutcome;
    use kmsim::planning::quota::{pools, smallest_quota};
    for (rate, share) in [(1_000, 0.001), (1_000, 0.05), (200, 0.01)] {
        let theory = smallest(rate as f64, share);
        let study = study(&poisson(rate, 1_000, rate));
        let targets = [format!("throttle_rate < {share}").parse().expect("target")];
        let present = study.run(&[], &[], study.seed).expect("results");
        let variant = study.with(&[], &[]).expect("variant");
        let pools = pools(&variant, &present, &[]).expect("pools");
        let answer = smallest_quota(&study, &pools[0], &[], &targets).expect("answer");
        assert_eq!(answer.outcome, SearchOutcome::Found);
        println!(
            "{rate}/s, {share}: theory {theory}, found {} {:?}, {} runs",
            answer.value,
            answer.interval,
            answer.trials.len()
        );
        let (low, high) = answer.interval.expect("an interval");
        assert!(
            low <= theory as f64 && theory as f64 <= high,
            "{theory} {low} {high}"
        );
        // 95 % sure, so not below the theory but by chance; within 1 % of it.
        let off = (answer.value - theory as f64) / theory as f64;
        assert!((-0.005..=0.011).contains(&off), "{theory} {answer:?}");
        let mean = answer.at_the_mean.expect("a mean");
        assert!(
            (mean - theory as f64).abs() / (theory as f64) < 0.01,
            "{theory} {mean}"
        );
        assert_eq!(answer.checks.last().map(|t| t.seed), Some(study.seed + 1));
    }
}

#[test]
fn the_largest_growth_is_that_of_the_poisson_distribution() {
    use kmsim::planning::growth::largest_growth;
    let study = study(&poisson(500, 1_000, 1_000));
    let targets = ["throttle_rate < 1%".parse().expect("target")];
    // The largest rate of which a quota of 1,000 refuses less than 1 %.
    let theory = (500..2_000)
        .take_while(|rate| share_refused(f64::from(*rate), 1_000) < 0.01)
        .last()
        .expect("a rate");
    let answer = largest_growth(&study, &[], &targets).expect("answer");
    let found = answer.value * 500.0;
    let off = (found - f64::from(theory)) / f64::from(theory);
    println!("theory {theory}/s, found {found}/s {:?}", answer.interval);
    assert!((-0.011..=0.005).contains(&off), "{theory} {found}");
    // A quota that today's traffic does not fit into: less of it would.
    let over = kmsim::planning::Study::clone(&study);
    let tight = self::study(&poisson(2_000, 300, 1_000));
    let answer = largest_growth(&tight, &["w".to_owned()], &targets).expect("answer");
    assert!(
        (answer.value - f64::from(theory) / 2_000.0).abs() < 0.012,
        "{answer:?}"
    );
    assert!(largest_growth(&over, &["nobody".to_owned()], &targets).is_err());
}

#[test]
fn what_cannot_be_planned_is_told_in_words_with_status_1() {
    let dir = folder(&poisson(100, 30, 100));
    let plan = |more: &[&str]| {
        let args: Vec<&str> = ["plan", "small.toml", "--replications", "3"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let (status, out, said) = run_kmsim(dir.path(), &args);
        (status, out.replace('\n', " "), said)
    };
    // Latency does not depend on the quota where nobody retries.
    let (status, out, said) = plan(&["--target", "latency_s_p50 < 1us"]);
    assert_eq!(status, 1, "{said}");
    assert!(
        out.contains("none. No setting tried meets request latency p50 < 1us with 95 % confidence"),
        "{out}"
    );
    let (status, out, _) = plan(&["--target", "throttle_rate <= 100%"]);
    assert_eq!(status, 1);
    assert!(
        out.contains("every setting meets throttle rate <= 100 %, even 1/s"),
        "{out}"
    );
    // Cost falls with the quota, as refused calls are free.
    let (status, out, _) = plan(&["--target", "kms_admitted < 2000"]);
    assert_eq!(status, 1);
    assert!(out.contains("no single answer"), "{out}");
    for (args, part) in [
        (
            &["--target", "throttle_rate < 1%", "--pool", "other"][..],
            "quotas in use: main/us-east-1/",
        ),
        (&[][..], "no target given"),
        (&["--target", "throttle_rate"][..], "not a target"),
        (
            &["--target", "workload.x.throttle_rate < 1"][..],
            "does not have",
        ),
        (
            &["--mitigations", "--target", "throttle_rate < 1%"][..],
            "[variant.NAME]",
        ),
        (
            &["--migration", "b", "--objects", "5"][..],
            "the scenario has no buckets",
        ),
    ] {
        let (status, _, said) = plan(args);
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn a_plan_writes_the_request_and_its_chart() {
    let dir = folder(&poisson(300, 60, 300));
    let args = [
        "plan",
        "small.toml",
        "--target",
        "throttle_rate < 1%",
        "--replications",
        "4",
    ];
    let (status, out, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 0, "{said}");
    assert!(
        out.contains(
            "Smallest request quota for KMS symmetric operations in US East (N. Virginia): "
        ),
        "{out}"
    );
    assert!(out.contains("--set 'quota.q.limit=\"3"), "{out}");
    let folder = dir.path().join("output/small-plan");
    let page = fs::read_to_string(folder.join("plan.md")).expect("plan.md");
    for part in [
        "# Quota increase request",
        "Region: US East (N. Virginia), us-east-1",
        "code L-6E3AF000",
        "Current value: 300/s",
        "is too low (95 % confidence)",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(folder.join("charts/target_1_1.png").exists());
    let answer = json(folder.join("plan.json"));
    assert_eq!(answer[0]["outcome"], "found");
    // The same question, the same answer, on any number of threads.
    let again = run_kmsim(
        dir.path(),
        &[&args[..], &["--threads", "1", "--out", "again"]].concat(),
    );
    assert_eq!(again.0, 0);
    assert_eq!(answer, json(dir.path().join("again/plan.json")));
}

#[test]
fn the_cheapest_mitigations_are_a_set_of_what_the_variants_do() {
    let text = "horizon = \"20s\"\nreplications = 3\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"100/s\"\n\
        [bucket.a]\nkey = \"k\"\n[bucket.b]\nkey = \"k\"\n[retry.none]\n\
        [workload.a]\nbucket = \"a\"\nclients = 1\noperations.PutObject = 1\narrivals.constant.rate = 60\n\
        [workload.b]\nbucket = \"b\"\nclients = 1\noperations.PutObject = 1\narrivals.constant.rate = 90\n\
        [variant.now]\n[variant.keys.bucket]\na.bucket_key = true\nb.bucket_key = true\n\
        [variant.more.quota.q]\nlimit = \"200/s\"\n[variant.all]\nquota.q.limit = \"200/s\"\nbucket.a.bucket_key = true\n";
    let dir = folder(text);
    // 60 + 90 calls a second against 100: a bucket key on either bucket, or the quota, is enough; on both is cheapest.
    let (status, out, said) = run_kmsim(
        dir.path(),
        &[
            "plan",
            "small.toml",
            "--mitigations",
            "--target",
            "throttle_rate <= 0",
        ],
    );
    assert_eq!(status, 0, "{said}");
    let flat = out.replace('\n', " ");
    assert!(
        flat.contains(
            "Cheapest combination that meets throttle rate <= 0: bucket.a as in keys + bucket.b as in keys"
        ),
        "{out}"
    );
    let found = json(dir.path().join("output/small-plan/plan.json"));
    // bucket.a, bucket.b and quota.q; what `all` does is what others do too.
    assert_eq!(found["combinations"].as_array().map(Vec::len), Some(8));
    let front = found["combinations"].as_array().expect("array").iter();
    assert!(front.clone().any(|c| c["dominated"] == false));
    assert!(front.filter(|c| c["dominated"] == true).count() >= 6);
    let only = [
        "plan",
        "small.toml",
        "--mitigations",
        "--mitigation",
        "quota.q",
        "--target",
        "throttle_rate <= 0",
    ];
    let (status, out, _) = run_kmsim(dir.path(), &only);
    assert_eq!(status, 0);
    assert!(out.contains("quota.q as in more"), "{out}");
}

#[test]
fn a_migration_is_objects_times_calls_at_a_share_of_the_quota() {
    let text = "horizon = \"1d\"\nreplications = 2\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1000/s\"\n\
        [bucket.b]\nkey = \"k\"\n[retry.none]\n[workload.w]\nbucket = \"b\"\nclients = 1\noperations.GetObject = 1\n\
        popularity.uniform.objects = 1000000\narrivals.constant.rate = 10\n";
    let dir = folder(text);
    let (status, out, said) = run_kmsim(
        dir.path(),
        &[
            "plan",
            "small.toml",
            "--migration",
            "b",
            "--objects",
            "1000000",
            "--quota-share",
            "50%",
        ],
    );
    assert_eq!(status, 0, "{said}");
    let m = json(dir.path().join("output/small-plan/plan.json"));
    // A million Decrypts at 500/s; $3 of KMS and $5 of COPY requests.
    assert_eq!(m["duration_s"], 2_000.0);
    assert_eq!(
        (m["cost_kms_usd"].as_f64(), m["cost_s3_usd"].as_f64()),
        (Some(3.0), Some(5.0))
    );
    // One job and a million objects of S3 Batch Operations.
    assert_eq!(m["cost_batch_usd"], 1.25);
    // 7 lifetimes of 300 s in two partitions.
    assert_eq!(m["archived_bucket_keys"], 14);
    // 10 calls a second are 25.92 million a month, $77.70 after the free tier; nearly all of them go.
    let saved = m["saving_per_month"]["mean"].as_f64().expect("dollars");
    assert!((70.0..=77.7).contains(&saved), "{saved}");
    let days = m["paid_back_after_days"].as_f64().expect("days");
    assert!((days - 9.25 / saved * 30.0).abs() < 1e-9);
    // A sentence may go over two lines.
    let words: Vec<&str> = out.split_whitespace().collect();
    assert!(words.join(" ").contains("pays for itself"), "{out}");
}

#[test]
fn a_sweep_goes_on_where_it_was_killed() {
    let dir = folder(&poisson(100, 20, 100));
    let args = [
        "sweep",
        "small.toml",
        "--over",
        "quota.q.limit=80/s..120/s:5",
        "--over",
        "workload.w.growth=1,1.5",
        "--replications",
        "2",
        "--out",
        "whole",
    ];
    let (status, out, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 0, "{said}");
    assert!(out.contains("what moves throttle rate most"), "{out}");
    let whole = dir.path().join("whole");
    let csv = fs::read_to_string(whole.join("sweep.csv")).expect("csv");
    assert_eq!(csv.lines().count(), 1 + 5 * 2 * 2);
    assert!(
        csv.starts_with("setting,quota.q.limit,workload.w.growth,variant,replication,"),
        "{csv}"
    );
    assert!(
        csv.lines()
            .nth(1)
            .is_some_and(|l| l.starts_with("0,80,1,base,0,")),
        "{csv}"
    );
    for chart in [
        "heat_throttle_rate",
        "lines_throttle_rate",
        "tornado_throttle_rate",
    ] {
        assert!(
            whole.join(format!("charts/{chart}.png")).exists(),
            "{chart}"
        );
    }
    assert_eq!(
        &fs::read(whole.join("sweep.parquet")).expect("parquet")[..4],
        b"PAR1"
    );
    // What a SIGKILL leaves: some runs, half a file beside its place, no table.
    for run in ["000001-0", "000004-0", "000007-0"] {
        fs::remove_file(whole.join(format!("runs/{run}.json"))).expect("a run");
    }
    fs::write(
        whole.join("runs/.000001-0.json.0123456789abcdef.tmp"),
        "{\"sett",
    )
    .expect("write");
    fs::write(whole.join("runs/000002-0.json"), "{\"sett").expect("write");
    fs::remove_file(whole.join("sweep.csv")).expect("csv");
    assert_eq!(run_kmsim(dir.path(), &args).0, 0);
    let manifest = json(whole.join("manifest.json"));
    assert_eq!(
        (&manifest["found"], &manifest["done"]),
        (&6.into(), &4.into())
    );
    assert_eq!(
        fs::read_to_string(whole.join("sweep.csv")).expect("csv"),
        csv
    );
    // Another question in the same folder is refused.
    let other = [&args[..], &["--seed", "9"]].concat();
    let (status, _, said) = run_kmsim(dir.path(), &other);
    assert_eq!(status, 2);
    assert!(
        said.contains("holds another sweep") && said.contains("seed"),
        "{said}"
    );
    // Shards that share a folder come to the same table.
    let shard = |n: &'static str| {
        let mut args = args.to_vec();
        args.truncate(args.len() - 2);
        run_kmsim(
            dir.path(),
            &[&args[..], &["--out", "shards", "--shard", n]].concat(),
        )
    };
    let (status, out, said) = shard("1/2");
    assert_eq!((status, out.as_str()), (0, ""), "{said}");
    assert!(said.contains("5 missing"), "{said}");
    assert_eq!(shard("2/2").0, 0);
    assert_eq!(
        fs::read_to_string(dir.path().join("shards/sweep.csv")).expect("csv"),
        csv
    );
}

#[test]
fn every_fault_of_a_sweep_is_told_before_anything_is_run() {
    let dir = folder(&poisson(100, 20, 100));
    for (args, part) in [
        (
            &[
                "--over",
                "quota.q.limit=80/s,0/s",
                "--over",
                "workload.x.growth=1,2",
            ][..],
            "this quota would admit no requests",
        ),
        (&["--over", "workload.w.nothing=1,2"][..], "unknown key `"),
        (&["--over", "quota.q.limit=80..90"][..], "without a count"),
        (&["--over", "a=1", "--over", "a=2"][..], "swept twice"),
        (&["--over", "a=1..2:3:lin"][..], "`log`"),
        (
            &["--over", "quota.q.limit=1,2", "--shard", "3/2"][..],
            "not a shard",
        ),
    ] {
        let all = [&["sweep", "small.toml"][..], args].concat();
        let (status, _, said) = run_kmsim(dir.path(), &all);
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        assert!(!dir.path().join("output").exists());
    }
    let latin = [
        "sweep",
        "small.toml",
        "--over",
        "quota.q.limit=80..120",
        "--over",
        "retry=none,standard",
        "--latin",
        "6",
        "--replications",
        "2",
        "--format",
        "csv",
    ];
    let (status, out, said) = run_kmsim(dir.path(), &latin);
    assert_eq!(status, 0, "{said}");
    assert_eq!(out.lines().count(), 13);
    assert_eq!(out.lines().filter(|l| l.contains(",none,base,")).count(), 6);
}

#[test]
fn blame_is_what_would_be_gone_without_somebody() {
    let text = "horizon = \"30s\"\nreplications = 3\nregion = \"us-east-1\"\n[key.k]\n[key.l]\nkey_store = \"h\"\n\
        [key_store.h]\nkind = \"cloudhsm\"\n[quota.q]\nlimit = \"100/s\"\n[bucket.a]\nkey = \"k\"\n[retry.none]\n\
        [workload.a]\nbucket = \"a\"\nclients = 1\noperations.PutObject = 1\narrivals.constant.rate = 60\n\
        [workload.b]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\narrivals.constant.rate = 60\n\
        [workload.c]\nkey = \"k\"\nclients = 1\noperations.Encrypt = 1\narrivals.constant.rate = \"1/10s\"\n";
    let text = text.replace(
        "[key.l]\nkey_store = \"h\"\n[key_store.h]\nkind = \"cloudhsm\"\n",
        "",
    );
    let dir = folder(&text);
    let (status, out, said) = run_kmsim(dir.path(), &["plan", "small.toml", "--attribution"]);
    assert_eq!(status, 0, "{said}");
    assert!(out.contains("enable bucket keys"), "{out}");
    let found = json(dir.path().join("output/small-plan/plan.json"));
    let by = |kind: &str, name: &str| {
        let entries = found["by"][kind].as_array().expect("entries").clone();
        entries
            .into_iter()
            .find(|e| e["name"] == name)
            .expect("an entry")
    };
    let mean = |e: &serde_json::Value, part: &str| e[part]["mean"].as_f64().expect("a mean");
    // 60 + 60 against 100: either alone fits, so each causes (next to) all that is refused.
    for name in ["a", "b"] {
        let e = by("workload", name);
        assert!(mean(&e, "caused") > 0.99, "{e}");
        assert!((mean(&e, "attempts") - 0.5).abs() < 0.01);
        assert!((mean(&e, "peak") - 0.5).abs() < 0.02, "{e}");
    }
    let c = by("workload", "c");
    assert!(
        mean(&c, "caused") < 0.02 && mean(&c, "attempts") < 0.002,
        "{c}"
    );
    let borne: f64 = ["a", "b", "c"]
        .iter()
        .map(|n| mean(&by("workload", n), "borne"))
        .sum();
    assert!((borne - 1.0).abs() < 1e-9);
    // Everything is on one key, and everybody is one requester.
    assert!(mean(&by("key", "k"), "caused") > 0.99);
    for part in ["caused", "peak", "bill"] {
        assert_eq!(by("operation", "Decrypt")[part], by("workload", "b")[part]);
    }
    // A bucket key on `a` saves its calls, all but a few.
    let on = &found["switch_on"][0];
    assert_eq!(on["bucket"], "a");
    assert!((mean(on, "calls") - 1_800.0).abs() < 20.0, "{on}");
    assert!(mean(on, "throttled") > 500.0, "{on}");
}

#[test]
fn an_operation_is_taken_out_of_its_mix() {
    let text = "horizon = \"60s\"\nreplications = 4\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"100/s\"\n\
        [bucket.a]\nkey = \"k\"\n[retry.none]\n[workload.a]\nbucket = \"a\"\nclients = 1\n\
        operations = { PutObject = 1, GetObject = 1, DeleteObject = 2 }\narrivals.poisson.rate = 260\n";
    let dir = folder(text);
    let (status, _, said) = run_kmsim(dir.path(), &["plan", "small.toml", "--attribution"]);
    assert_eq!(status, 0, "{said}");
    let found = json(dir.path().join("output/small-plan/plan.json"));
    let mean = |name: &str, part: &str| {
        let entries = found["by"]["operation"].as_array().expect("entries");
        let of = entries.iter().find(|e| e["name"] == name).expect(name);
        of[part]["mean"].as_f64().expect("a mean")
    };
    // 65 + 65 calls a second against 100: without either nothing is refused. Deleting calls nobody.
    for name in ["PutObject", "GetObject"] {
        assert!(mean(name, "caused") > 0.999, "{}", mean(name, "caused"));
        assert!((mean(name, "attempts") - 0.5).abs() < 0.02);
    }
    // The rest of the mix keeps its arrivals, so nothing else changes but by the rounding of its rate.
    assert!(mean("DeleteObject", "caused").abs() < 0.02);
    assert!(mean("DeleteObject", "peak").abs() < 0.02);
}

/// Several requesters, one of them with sessions that each are a client: whoever reads the bucket rewrites its objects.
#[test]
fn a_migration_is_sent_by_whoever_asks_for_the_bucket() {
    let text = "horizon = \"60s\"\nreplications = 3\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[bucket.b]\nkey = \"k\"\n\
        [requester.other]\n[requester.app]\nsessions = 3\n[assumption]\nbucket_key_requester = \"session\"\n\
        [workload.w]\nbucket = \"b\"\nrequester = \"app\"\nclients = 3\noperations.GetObject = 1\npopularity.uniform.objects = 50\narrivals.poisson.rate = 20\n";
    let dir = folder(text);
    let args = [
        "plan",
        "small.toml",
        "--migration",
        "b",
        "--objects",
        "1000000",
    ];
    let (status, _, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 0, "{said}");
    let found = json(dir.path().join("output/small-plan/plan.json"));
    assert_eq!(found["calls_per_object"], 1.0);
}

/// A bucket with bucket keys whose older objects go slowly: to rewrite them is a suggestion, and the simulation of the
/// present state knows that they grow fewer.
fn suggests_to_rewrite() {
    let text = "horizon = \"60s\"\nreplications = 3\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"30/s\"\n\
        [bucket.a]\nkey = \"k\"\nbucket_key = true\narchived_bucket_keys = 1\nolder_objects = 1\nolder_objects_half_life = \"30s\"\n[retry.none]\n\
        [workload.a]\nbucket = \"a\"\nclients = 1\noperations.GetObject = 1\narrivals.poisson.rate = 50\n";
    let plan = |text: &str| {
        let dir = folder(text);
        let args = [
            "plan",
            "small.toml",
            "--mitigations",
            "--suggest",
            "--mitigation",
            "bucket.a",
        ];
        let args = [&args[..], &["--target", "throttle_rate <= 0"]].concat();
        let (status, out, said) = run_kmsim(dir.path(), &args);
        assert_eq!(status, 0, "{said}");
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let out = plan(text);
    assert!(out.contains("bucket.a: older objects rewritten"), "{out}");
    // Without bucket keys both are suggested, with what the file says of the older objects.
    let out = plan(&text.replace("bucket_key = true", "bucket_key = false"));
    assert!(out.contains("bucket keys, all objects rewritten"), "{out}");
}

#[test]
fn mitigations_may_be_tried_and_suggested() {
    let text = "horizon = \"20s\"\nreplications = 3\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"100/s\"\n\
        [bucket.a]\nkey = \"k\"\n[retry.none]\n\
        [workload.a]\nbucket = \"a\"\nclients = 1\noperations.PutObject = 1\narrivals.constant.rate = 60\n\
        [workload.b]\nkey = \"k\"\nclients = 1\noperations.GenerateDataKey = 1\narrivals.constant.rate = 90\n";
    let plan = |more: &[&str]| {
        let dir = folder(text);
        let args = [
            "plan",
            "small.toml",
            "--mitigations",
            "--target",
            "throttle_rate <= 0",
        ];
        let (status, out, said) = run_kmsim(dir.path(), &[&args[..], more].concat());
        let found = (status == 0).then(|| json(dir.path().join("output/small-plan/plan.json")));
        (status, out.replace('\n', " "), said, found)
    };
    // 150 calls a second: of the tried quotas only one is enough, and the cache of one message helps nobody.
    let (status, out, said, found) = plan(&[
        "--try",
        "quota.q.limit=120/s,160/s",
        "--try",
        "workload.b.data_key_cache={ max_age = \"1m\", max_messages = 1, capacity = 1 }",
    ]);
    assert_eq!(status, 0, "{said}");
    assert!(
        out.contains("meets throttle rate <= 0: quota.q.limit=160/s,"),
        "{out}"
    );
    let found = found.expect("an answer");
    assert_eq!(found["combinations"].as_array().map(Vec::len), Some(6));
    // Every kind of suggestion: 3 for the bucket, 3 caches, 3 retry modes and none, 3 quotas.
    let (status, out, said, found) = plan(&["--suggest"]);
    assert_eq!(status, 0, "{said}");
    let found = found.expect("an answer");
    assert_eq!(
        found["combinations"].as_array().map(Vec::len),
        Some(3 * 3 * 4 * 3)
    );
    // Caches save dollars, so they are in the cheapest set; one of either kind is enough.
    assert!(out.contains("bucket.a: bucket keys"), "{out}");
    assert!(
        out.contains("workload.b.data_key_cache: data-key cache, 5 min"),
        "{out}"
    );
    suggests_to_rewrite();
    for (args, part) in [
        (&["--try", "quota.q.limit=100..200"][..], "without a count"),
        (&["--try", "quota.q.limit"][..], "no `=`"),
        (&["--try", "quota.q.limits=1,2"][..], "limits"),
        (
            &["--suggest", "--mitigation", "bucket.b"][..],
            "no mitigation changes `bucket.b`",
        ),
    ] {
        let (status, _, said, _) = plan(args);
        assert!(status != 0 && said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn recovery_takes_as_long_as_the_backlog_drains() {
    let dir = folder(&poisson(100, 60, 1_000));
    let patient = "{fixed={delay=\"100ms\",max_attempts=10000}}";
    let args = [
        "plan",
        "small.toml",
        "--recovery",
        "--retry",
        "none",
        "--retry",
        patient,
        "--load",
        "50%",
        "--load",
        "100%",
        "--spike",
        "3",
        "--spike-length",
        "10s",
        "--watch",
        "60s",
        "--replications",
        "3",
    ];
    let (status, out, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 0, "{said}");
    let map = json(dir.path().join("output/small-plan/plan.json"));
    let after = |i: usize| map["cells"][i]["recovered_after_s"].as_u64();
    // Nobody retries: nothing is left behind.
    assert_eq!((after(0), after(1)), (Some(0), Some(0)));
    // Everybody does: 10 s of (3 × 0.5 − 1) quotas drain at half a quota a second; at full load never.
    let found = after(2).expect("a time");
    assert!((8..=13).contains(&found), "{found}");
    assert_eq!(after(3), None);
    assert!(
        out.contains("recovers up to a load of 50 %, but not at 100 %"),
        "{out}"
    );
    assert!(
        dir.path()
            .join("output/small-plan/charts/recovery.png")
            .exists()
    );
}

#[test]
fn a_migration_obeys_s3s_request_rate_and_custom_key_stores() {
    // 100 million copies: 3,500/s from one prefix are 7.9 h; 20 % of 100,000/s would be 83 min.
    let text = "horizon = \"1d\"\nreplications = 1\nregion = \"us-east-1\"\n[key.lake]\n[bucket.lake]\nkey = \"lake\"\n\
        [workload.readers]\nbucket = \"lake\"\noperations.GetObject = 1\narrivals.constant.rate = \"10 million/day\"\n\
        clients = 10\npopularity.uniform.objects = 1000000\n";
    let dir = folder(text);
    let plan = |sets: &[&str]| {
        let head = [
            "plan",
            "small.toml",
            "--migration",
            "lake",
            "--objects",
            "100000000",
        ];
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let args: Vec<&str> = head.into_iter().chain(sets).collect();
        let (status, out, said) = run_kmsim(dir.path(), &args);
        assert_eq!(status, 0, "{said}");
        (json(dir.path().join("output/small-plan/plan.json")), out)
    };
    let duration = |m: &serde_json::Value| m["duration_s"].as_f64().expect("seconds");
    let (m, out) = plan(&["bucket.lake.prefixes=1"]);
    assert!((duration(&m) - 1e8 / 3_500.0).abs() < 1e-6, "{m}");
    assert!(out.contains("S3 writes, lake in "), "{out}");
    // 500 dollars of requests, 100.25 of Batch Operations, 300 of KMS.
    for (id, usd) in [
        ("cost_kms_usd", 300.0),
        ("cost_s3_usd", 500.0),
        ("cost_batch_usd", 100.25),
    ] {
        let cost = m[id].as_f64().expect("dollars");
        assert!((cost - usd).abs() < 1e-6, "{id}: {cost}");
    }
    // Without a copy, by UpdateObjectEncryption: as many writes.
    let other = &m["others"][0];
    assert_eq!(other["operation"], "UpdateObjectEncryptionKeyChange");
    assert!((duration(other) - 1e8 / 3_500.0).abs() < 1e-6, "{other}");
    let (m, _) = plan(&["bucket.lake.prefixes=10"]);
    assert_eq!(duration(&m), 5_000.0);
    // Nobody has said how many there are.
    let (m, out) = plan(&[]);
    assert_eq!(duration(&m), 5_000.0);
    assert!(
        out.contains("at least 6 prefixes, and with one 7.9 h"),
        "{out}"
    );
    // A store's own quota of 1,800/s, of which a fifth.
    let store = ["key_store.s.kind=cloudhsm", "key.lake.key_store=s"];
    let (m, _) = plan(&store);
    assert!((duration(&m) - 1e8 / 360.0).abs() < 1e-3, "{m}");
}

#[test]
fn growth_that_is_exceeded_already_has_no_date() {
    let dir = folder(SMALL);
    let args = [
        "plan",
        "small.toml",
        "--growth",
        "--target",
        "throttle_rate < 0.01%",
        "--growth-per-month",
        "4%",
        "--from",
        "2026-11-24",
    ];
    let (_, out, said) = run_kmsim(dir.path(), &args);
    assert!(
        out.contains("already exceeded on 2026-11-24"),
        "{out} {said}"
    );
}
