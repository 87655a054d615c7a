//! Thresholds, precision, regressions and comparisons as scripts meet them: exit status and what is printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("small.toml"), text).expect("write");
    dir
}

fn kmsim(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("kmsim starts")
}

/// Exit status, standard output and standard error.
fn told(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = kmsim(dir, args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    (
        output.status.code().expect("a status"),
        text(&output.stdout),
        said,
    )
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
    let met = told(dir.path(), &["run", "small.toml", "--variant", "a"]);
    assert_eq!(met.0, 0, "{met:?}");
    assert!(
        met.1.contains("throttle_rate < 50 %") && met.1.contains(" met "),
        "{}",
        met.1
    );
    let crossed = told(dir.path(), &["run", "small.toml"]);
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
    let without = told(dir.path(), &args);
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
    // Where standard output is not for people, the verdicts are told on standard error.
    let csv = told(dir.path(), &["run", "small.toml", "--format", "csv"]);
    assert!(!csv.1.contains("CROSSED") && csv.2.contains("CROSSED"));
}

#[test]
fn replications_are_added_until_the_interval_is_narrow() {
    let dir = folder(SMALL);
    let run = |share: &str, most: &str| {
        let told = told(
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
        (told, json(dir.path().join("output/small/results.json")))
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
    let bad = told(
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
        told(dir.path(), &args)
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
    let (status, out, said) = told(
        dir.path(),
        &[
            "compare",
            "small.toml",
            "raised.toml",
            "seeded.toml",
            "--out",
            "both",
        ],
    );
    assert_eq!(status, 0, "{said}");
    for part in [
        "raised:base against small:base (same arrivals, differences paired by replication)",
        "quota.own.limit",
        "× 1.5",
        "Better: ",
        "workload readers",
        "kms-requests",
        "seeded:base against small:base (unpaired (Welch), as the seeds differ)",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(dir.path().join("both/charts/overlay.svg").exists());
    let merged = json(dir.path().join("both/results.json"));
    assert_eq!(merged["variants"][1]["name"], "raised:base");
    assert_eq!(merged["comparisons"][0]["settings"][0]["factor"], 1.5);
    let (status, _, _) = told(dir.path(), &["report", "both"]);
    assert_eq!(status, 0);
    let (_, csv, _) = told(
        dir.path(),
        &["compare", "small.toml", "raised.toml", "--format", "csv"],
    );
    assert!(
        csv.contains(",workload readers,throttle_rate,") && csv.contains(",bill,kms-requests ")
    );
}
