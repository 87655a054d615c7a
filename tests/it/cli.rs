//! The command line as scripts use it: exit status, streams, formats, the results directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SMALL: &str = r#"horizon = "8s"
warm_up = "2s"
replications = 2
region = "us-east-1"

[key.main]

[quota.own]
limit = "60/s"

[retry.exponential]
initial_backoff = "50ms"
max_attempts = 3

[workload.readers]
key = "main"
operations = { Decrypt = 1 }
arrivals = { poisson = { rate = "50/s" } }

[workload.idle]
key = "main"
operations = { Encrypt = 1 }
arrivals = { poisson = { rate = "1/min" } }

[variant.today]

[variant.more.workload.readers.arrivals.poisson]
rate = "90/s"
"#;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("small.toml"), SMALL).expect("write");
    let calm = SMALL.replace("90/s", "30/s");
    fs::write(dir.path().join("calm.toml"), calm).expect("write");
    dir
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmsim"));
    command.args(args).current_dir(dir);
    // Colours are asked for by tests alone, and a pipeline that runs them has limits of its own.
    command.env_remove("NO_COLOR").env_remove("CI");
    command
}

fn kmsim(dir: &Path, args: &[&str]) -> Output {
    command(dir, args)
        .stdin(Stdio::null())
        .output()
        .expect("kmsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Standard output of a command that must end well.
fn done(dir: &Path, args: &[&str]) -> String {
    let output = kmsim(dir, args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    text(&output.stdout)
}

/// Standard error of a command that must end with `status`, and without a word on standard output.
fn failed(dir: &Path, status: i32, args: &[&str]) -> String {
    let output = kmsim(dir, args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    assert!(
        output.stdout.is_empty(),
        "{args:?}: {}",
        text(&output.stdout)
    );
    said
}

/// Every file below a folder with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").display().to_string();
                all.insert(name, fs::read(&path).expect("file"));
            }
        }
    }
    all
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("file")
}

#[test]
fn a_run_writes_the_results_directory_and_nothing_else() {
    let dir = folder();
    let output = kmsim(dir.path(), &["run", "small.toml", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let out = dir.path().join("output/small");
    assert_eq!(
        text(&output.stdout).trim_end(),
        read(out.join("results.json")).trim_end()
    );
    assert!(
        text(&output.stderr).contains("output/small"),
        "the talk says where"
    );

    let first = files(&out);
    let plain: BTreeSet<&str> = first
        .keys()
        .filter(|n| !n.starts_with("charts/"))
        .map(String::as_str)
        .collect();
    let expected = [
        "results.json",
        "summary.csv",
        "timeseries.csv",
        "bill.csv",
        "metrics.parquet",
        "breakdowns.csv",
        "breakdowns.parquet",
        "report.html",
        "manifest.json",
    ];
    assert_eq!(plain, BTreeSet::from(expected));
    let charts: Vec<&String> = first.keys().filter(|n| n.starts_with("charts/")).collect();
    assert!(charts.len() >= 4);
    for chart in charts {
        let stem = chart.rsplit_once('.').expect("ending").0;
        assert!(
            first.contains_key(&format!("{stem}.svg"))
                && first.contains_key(&format!("{stem}.png")),
            "{chart}"
        );
    }
    assert!(
        text(&first["summary.csv"])
            .starts_with("variant,metric,mean,ci_low,ci_high,unit,workload\n")
    );
    assert!(!text(&first["report.html"]).contains("src=\"http"));

    let manifest = json(&text(&first["manifest.json"]));
    let variants = manifest["variants"].as_array().expect("variants");
    assert_eq!(variants.len(), 2);
    for variant in variants {
        assert!(variant["engine_s"].as_f64().is_some_and(|s| s >= 0.0));
        assert!(variant["seconds_counted"].is_u64() && variant["attempts_expanded"].is_u64());
    }
    assert!(
        manifest["threads"].is_u64()
            && manifest["host"].is_string()
            && manifest["date"].is_string()
    );

    let results = json(&text(&first["results.json"]));
    assert_eq!(results["scenario"]["name"], "small");
    assert_eq!(
        (&results["horizon_s"], &results["measured_s"]),
        (&8.into(), &6.into())
    );
    assert_eq!(results["comparisons"].as_array().map(Vec::len), Some(1));
    assert!(
        results["variants"][1]["metrics"]["kms_throttled"]["mean"]
            .as_f64()
            .is_some_and(|n| n > 0.0)
    );

    // Again into the same place, with another scenario: files are replaced, none is left over.
    done(
        dir.path(),
        &[
            "run",
            "calm.toml",
            "--out",
            "output/small",
            "--quiet",
            "--variant",
            "today",
        ],
    );
    let second = files(&out);
    assert!(
        second.keys().all(|n| first.contains_key(n)),
        "{:?}",
        second.keys()
    );
    assert_ne!(first["results.json"], second["results.json"]);
    assert_eq!(
        json(&text(&second["results.json"]))["variants"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn charts_are_written_in_the_formats_asked_for() {
    let dir = folder();
    let endings = |args: &[&str]| {
        done(dir.path(), args);
        let all = files(&dir.path().join("r"));
        let charts = all.keys().filter(|n| n.starts_with("charts/"));
        let ending = |n: &String| n.rsplit_once('.').expect("an ending").1.to_owned();
        charts.map(ending).collect::<BTreeSet<String>>()
    };
    let set = |all: &[&str]| all.iter().map(|e| (*e).to_owned()).collect();
    let run = ["run", "small.toml", "--out", "r", "--quiet", "--charts"];
    let with = |list| [&run[..], &[list]].concat();
    assert_eq!(endings(&with("svg,png")), set(&["png", "svg"]));
    assert_eq!(endings(&with("svg")), set(&["svg"]));
    assert_eq!(endings(&with("none")), set(&[]));
    assert_eq!(endings(&["report", "r", "--charts", "png"]), set(&["png"]));
    assert_eq!(endings(&["report", "r"]), set(&["png", "svg"]));
    let said = failed(dir.path(), 2, &with("pdf"));
    assert!(
        said.contains("`pdf` is not one of svg, png and none"),
        "{said}"
    );
}

#[test]
fn report_redraws_everything_but_the_results() {
    let dir = folder();
    done(dir.path(), &["run", "small.toml", "--out", "r", "--quiet"]);
    let out = dir.path().join("r");
    let before = files(&out);
    fs::remove_dir_all(out.join("charts")).expect("remove");
    fs::remove_file(out.join("report.html")).expect("remove");
    fs::remove_file(out.join("summary.csv")).expect("remove");
    done(dir.path(), &["report", "r"]);
    assert_eq!(
        files(&out).keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    assert!(files(&out) == before, "redrawn to the byte");

    // No results, broken ones, those of another layout: each refused, nothing written.
    assert!(failed(dir.path(), 2, &["report", "nowhere"]).contains("nowhere/results.json"));
    assert!(!dir.path().join("nowhere").exists());
    for (content, word) in [
        ("{\n  \"schema_version\": 1,\n  \"x\"\n", "results.json:4:"),
        ("", "results.json:1:0"),
        ("{}", "schema_version"),
        ("{\"schema_version\": 99}", "layout version 99"),
        ("[1, 2]", "results.json:1:"),
    ] {
        let broken = dir.path().join("broken");
        fs::create_dir_all(&broken).expect("folder");
        fs::write(broken.join("results.json"), content).expect("write");
        let said = failed(dir.path(), 2, &["report", "broken"]);
        assert!(said.contains(word), "{word}: {said}");
        let said = failed(dir.path(), 2, &["compare", "r", "broken"]);
        assert!(said.contains(word), "{word}: {said}");
        assert_eq!(files(&broken).len(), 1);
    }
    let said = failed(dir.path(), 2, &["compare", "r", "nowhere"]);
    assert!(said.contains("`nowhere`"), "{said}");
    let said = failed(dir.path(), 2, &["compare", "r", "broken", "nowhere"]);
    assert!(
        said.contains("broken") && said.contains("`nowhere`"),
        "all at once: {said}"
    );
    failed(dir.path(), 2, &["compare", "r"]);
}

#[test]
fn results_are_the_same_to_the_byte_however_they_are_made() {
    let dir = folder();
    let results = |out: &str, more: &[&str]| {
        let mut args = vec!["run", "small.toml", "--quiet", "--out", out];
        args.extend(more);
        done(dir.path(), &args);
        fs::read(dir.path().join(out).join("results.json")).expect("results")
    };
    let one = results("one", &["--threads", "1"]);
    assert!(one == results("two", &["--threads", "2"]), "threads");
    assert!(
        one == results("all", &["--threads", "2", "--simulate-all"]),
        "simulate-all"
    );
    let manifest = |out: &str| json(&read(dir.path().join(out).join("manifest.json")));
    assert_eq!(
        (&manifest("one")["threads"], &manifest("two")["threads"]),
        (&1.into(), &2.into())
    );
    assert_eq!(manifest("all")["variants"][0]["seconds_counted"], 0);
    // `--seed 1` is the default; another seed is another run.
    assert!(one == results("seed1", &["--seed", "1"]), "seed 1");
    assert!(one != results("seed2", &["--seed", "2"]), "seed 2");
    let three = json(&text(&results("three", &["--replications", "3"])));
    let values = &three["variants"][0]["metrics"]["kms_calls"]["values"];
    let two = json(&text(&one));
    let first = &two["variants"][0]["metrics"]["kms_calls"]["values"];
    assert_eq!(values.as_array().map(Vec::len), Some(3));
    assert_eq!(
        values.as_array().map(|v| &v[..2]),
        first.as_array().map(|v| &v[..]),
        "the same replications and one more"
    );
}

#[test]
fn formats_go_to_standard_output_and_talk_to_standard_error() {
    let dir = folder();
    let run = |more: &[&str]| {
        let mut args = vec!["run", "small.toml", "--out", "r"];
        args.extend(more);
        kmsim(dir.path(), &args)
    };
    let table = run(&[]);
    assert!(text(&table.stdout).contains("peak of quota") && text(&table.stdout).contains("more"));
    assert!(text(&table.stderr).contains("small"));
    assert!(
        !text(&table.stderr).contains('\u{1b}') && !text(&table.stdout).contains('\u{1b}'),
        "no colour into a pipe"
    );
    let csv = run(&["--format", "csv", "--quiet"]);
    assert_eq!(text(&csv.stdout), read(dir.path().join("r/summary.csv")));
    assert!(csv.stderr.is_empty(), "{}", text(&csv.stderr));
    let markdown = run(&["--format", "markdown", "--quiet"]);
    assert!(text(&markdown.stdout).contains("|---"));
    failed(dir.path(), 2, &["run", "small.toml", "--format", "xml"]);

    // From standard input it is called `stdin`.
    let mut child = command(
        dir.path(),
        &[
            "run",
            "-",
            "--quiet",
            "--format",
            "json",
            "--variant",
            "today",
        ],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .expect("kmsim starts");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(SMALL.as_bytes())
        .expect("write");
    let output = child.wait_with_output().expect("kmsim ends");
    assert_eq!(json(&text(&output.stdout))["scenario"]["name"], "stdin");
    assert!(dir.path().join("output/stdin/results.json").exists());
}

#[test]
fn several_scenarios_have_a_folder_each() {
    let dir = folder();
    let args = [
        "run",
        "small.toml",
        "calm.toml",
        "--out",
        "both",
        "--format",
        "json",
        "--replications",
        "1",
    ];
    let printed = json(&done(dir.path(), &args));
    let array = printed.as_array().expect("an array");
    assert_eq!(array.len(), 2);
    for (name, printed) in ["small", "calm"].iter().zip(array) {
        let results = json(&read(
            dir.path().join("both").join(name).join("results.json"),
        ));
        assert_eq!(&results, printed);
        assert_eq!(results["scenario"]["name"], *name);
    }
    assert_eq!(
        fs::read_dir(dir.path().join("both"))
            .expect("folder")
            .count(),
        2
    );
}

#[test]
fn an_output_that_cannot_be_written_is_told_before_simulating() {
    let dir = folder();
    fs::write(dir.path().join("file"), "mine").expect("write");
    // An hour of a million requests a second: simulated first, this test would not end.
    let slow = SMALL
        .replace("50/s", "1000000/s")
        .replace("\"8s\"", "\"1h\"");
    fs::write(dir.path().join("slow.toml"), slow).expect("write");
    for out in ["file", "file/below", "/proc/nowhere", "/dev/null/x"] {
        let said = failed(dir.path(), 3, &["run", "slow.toml", "--out", out]);
        assert!(said.contains(out) && said.contains("= help: "), "{said}");
    }
    // A file where the charts belong.
    fs::create_dir(dir.path().join("half")).expect("folder");
    fs::write(dir.path().join("half/charts"), "mine").expect("write");
    failed(dir.path(), 3, &["run", "slow.toml", "--out", "half"]);
    assert_eq!(
        files(&dir.path().join("half")).keys().collect::<Vec<_>>(),
        ["charts"]
    );
    assert_eq!(read(dir.path().join("file")), "mine");
    // Nobody can write to a full disk.
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let status = command(dir.path(), &["catalog"])
            .stdout(full)
            .stderr(Stdio::null())
            .status();
        assert_eq!(status.expect("kmsim ends").code(), Some(3));
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let dir = folder();
    for args in [
        &["catalog"][..],
        &["catalog", "--format", "json"],
        &["man"],
        &["completions", "zsh"],
        &["--help"],
    ] {
        let mut child = command(dir.path(), args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kmsim starts");
        // Reads one byte and goes.
        let mut byte = [0];
        let mut out = child.stdout.take().expect("stdout");
        out.read_exact(&mut byte).expect("a byte");
        drop(out);
        let output = child.wait_with_output().expect("kmsim ends");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty(),
            "{args:?}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn scenarios_and_results_are_compared_in_every_format() {
    let dir = folder();
    done(dir.path(), &["run", "small.toml", "--out", "s", "--quiet"]);
    done(dir.path(), &["run", "calm.toml", "--out", "c", "--quiet"]);
    let files = done(
        dir.path(),
        &["compare", "small.toml", "calm.toml", "--format", "json"],
    );
    let dirs = done(dir.path(), &["compare", "s", "c", "--format", "json"]);
    let mixed = done(
        dir.path(),
        &["compare", "s", "calm.toml", "--format", "json"],
    );
    let comparisons = |text: &str| {
        let value = json(text);
        let list = value
            .as_array()
            .or_else(|| value["comparisons"].as_array())
            .cloned()
            .expect("comparisons");
        list.into_iter()
            .map(|c| c["metrics"].clone())
            .collect::<Vec<_>>()
    };
    // The names differ, the numbers don't.
    assert_eq!(comparisons(&files), comparisons(&dirs));
    assert_eq!(comparisons(&files), comparisons(&mixed));
    assert_eq!(comparisons(&files).len(), 2);
    assert!(
        !dir.path().join("output").exists(),
        "a comparison writes nothing"
    );
    for (format, word) in [
        ("table", "better"),
        ("markdown", "|---"),
        ("csv", "kms_throttled"),
    ] {
        for pair in [["small.toml", "calm.toml"], ["s", "c"], ["s", "calm.toml"]] {
            let text = done(
                dir.path(),
                &["compare", pair[0], pair[1], "--format", format],
            );
            assert!(text.contains(word), "{format} {pair:?}: {text}");
        }
    }
}

#[test]
fn check_says_what_it_read_and_writes_nothing() {
    let dir = folder();
    let said = done(dir.path(), &["check", "small.toml", "calm.toml"]);
    assert!(
        said.contains("small: 2 variants") && said.contains("calm: "),
        "{said}"
    );
    assert_eq!(done(dir.path(), &["check", "small.toml", "--quiet"]), "");
    let said = done(
        dir.path(),
        &[
            "check",
            "small.toml",
            "--variant",
            "more",
            "--seed",
            "3",
            "--replications",
            "4",
        ],
    );
    assert!(
        said.contains("1 variant × 4 replications") && said.contains("more"),
        "{said}"
    );
    assert_eq!(files(dir.path()).len(), 2);
}

#[test]
fn explain_follows_a_request_through_the_chain() {
    let dir = folder();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/role-without-decrypt.toml"
    );
    let explained = done(dir.path(), &["explain", file, "--variant", "denied"]);
    for words in [
        "SSE-KMS under arn:aws:kms:us-east-1:111122223333:key/1234abcd",
        "identity policy policies/read-objects.json: Allow of ReadLedger",
        "role reports needs kms:Decrypt on key ledger: key policy leaves it to IAM policies, identity policy does not",
        "draws on KMS symmetric operations in US East (N. Virginia): 100,000/s",
        "403 AccessDenied, billed as S3 GET and other requests",
        "Decrypt in account 111122223333, invokedBy fas.s3.amazonaws.com",
    ] {
        assert!(explained.contains(words), "{words}: {explained}");
    }
    let repaired = ["explain", file, "--variant", "repaired", "--format", "json"];
    let all = json(&done(dir.path(), &repaired));
    let request = &all["requests"][0];
    assert_eq!(request["decision"], "allow");
    assert_eq!(
        request["permissions"][1]["statements"][1]["statement"],
        "DecryptLedger"
    );
    assert_eq!(request["kms_calls"][0]["operation"], "Decrypt");
    let record = &request["cloudtrail"][0];
    assert_eq!(record["eventName"], "Decrypt");
    assert_eq!(record["userIdentity"]["invokedBy"], "fas.s3.amazonaws.com");
    assert_eq!(
        record["requestParameters"]["encryptionContext"]["aws:s3:arn"],
        "arn:aws:s3:::ledger/reads/object"
    );
    // What S3 denies makes no KMS call and leaves no KMS event.
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/deny-plain-http.toml"
    );
    let lists = [
        "explain",
        file,
        "--variant",
        "enforced",
        "--workload",
        "lists",
        "--format",
        "json",
    ];
    let request = json(&done(dir.path(), &lists))["requests"][0].clone();
    assert_eq!(request["decision"], "explicit deny");
    assert_eq!(
        request["denied_by"],
        "policies/secure-transport.json/DenyInsecureTransport"
    );
    for none in ["kms_calls", "cloudtrail"] {
        assert_eq!(request[none], serde_json::json!([]));
    }
    let said = failed(dir.path(), 2, &["explain", file, "--workload", "list"]);
    assert!(said.contains("workloads: lists, writes"), "{said}");
    let said = failed(
        dir.path(),
        2,
        &["explain", file, "--operation", "GetObject"],
    );
    assert!(
        said.contains("operations in use: ListObjects, PutObject"),
        "{said}"
    );
}

#[test]
fn every_verb_has_help_that_names_its_flags() {
    let dir = folder();
    let top = done(dir.path(), &["--help"]);
    let common = ["--set", "--variant", "--seed", "--replications"];
    let how = ["--threads", "--format", "--quiet", "--simulate-all"];
    for (verb, flags) in [
        ("run", [&common[..], &how, &["--out"]].concat()),
        ("check", [&common[..], &["--quiet"]].concat()),
        ("compare", [&common[..], &how].concat()),
        ("report", vec!["<DIR>"]),
        ("catalog", vec!["--format"]),
        (
            "explain",
            vec![
                "--workload",
                "--operation",
                "--variant",
                "--set",
                "--format",
            ],
        ),
        ("completions", vec!["bash", "zsh", "fish"]),
        ("man", vec![]),
    ] {
        assert!(top.contains(verb), "{verb}");
        let help = done(dir.path(), &[verb, "--help"]);
        for flag in flags {
            assert!(help.contains(flag), "{verb}: {flag} is missing in\n{help}");
        }
    }
    assert!(done(dir.path(), &["--version"]).starts_with("kmsim "));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(
            done(dir.path(), &["completions", shell]).contains("simulate-all"),
            "{shell}"
        );
    }
    assert!(done(dir.path(), &["man"]).contains(".TH kmsim"));
}

#[test]
fn a_wrong_command_line_is_status_two() {
    let dir = folder();
    for args in [
        &[][..],
        &["fly"],
        &["run"],
        &["run", "small.toml", "--seed", "-1"],
        &["run", "small.toml", "--seed", "x"],
        &["run", "small.toml", "--seed", "18446744073709551616"],
        &["run", "small.toml", "--threads", "0"],
        &["run", "small.toml", "--threads", "5000"],
        &["run", "small.toml", "--colour"],
        &["report"],
        &["report", "a", "b"],
        &["compare", "small.toml"],
        &["completions", "tcl"],
        &["catalog", "no such row anywhere"],
    ] {
        let said = failed(dir.path(), 2, args);
        assert!(!said.is_empty(), "{args:?}");
    }
    assert_eq!(files(dir.path()).len(), 2);
}

#[test]
fn catalog_prints_its_rows_in_every_format() {
    let dir = folder();
    for format in ["table", "csv", "markdown", "json"] {
        let all = done(dir.path(), &["catalog", "--format", format]);
        let some = done(dir.path(), &["catalog", "kms-requests", "--format", format]);
        assert!(
            some.contains("kms-requests") && some.len() < all.len(),
            "{format}"
        );
    }
    let rows = json(&done(dir.path(), &["catalog", "--format", "json"]));
    for row in rows.as_array().expect("rows") {
        for key in ["source", "as_of", "value", "unit"] {
            assert!(
                row[key].as_str().is_some_and(|s| !s.is_empty()),
                "{key}: {row}"
            );
        }
    }
}
