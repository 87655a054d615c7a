//! Files that a scenario names, which may come from somebody who is not trusted: which are read, and what is told of
//! those that are not.

use crate::common::program::{folder, run_kmsim};
use std::fs;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "s3cr3t";

/// A scenario with a file in each place that takes one.
fn scenario(trace: &str, policy: &str, table: &str) -> String {
    format!(
        r#"horizon = "5s"
region = "eu-west-3"
key.main = {{}}
buckets = {{ file = "{table}" }}
[requester.app]
identity_policies = ["{policy}"]
[workload.w]
key = "main"
clients = 1
requester = "app"
operations.Decrypt = 1
trace.file = "{trace}"
"#
    )
}

const TRACE: &str = "time\n0\n1\n";
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}"#;
const TABLE: &str = "name,encryption\nlake,SSE-S3\n";

/// A folder with a scenario whose files are all as they should be, and one beside it with the same files.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("folder");
    for place in ["own", "other"] {
        fs::create_dir(dir.path().join(place)).expect("folder");
        for (name, text) in [("t.csv", TRACE), ("p.json", POLICY), ("b.csv", TABLE)] {
            fs::write(dir.path().join(place).join(name), text).expect("write");
        }
    }
    fs::write(
        dir.path().join("other/secret"),
        format!("root:{SECRET},x\n"),
    )
    .expect("write");
    dir
}

/// `kmsim check` in a folder of its own beside the scenario's.
fn check(dir: &Path, text: &str, more: &[&str]) -> (i32, String) {
    fs::write(dir.join("own/s.toml"), text).expect("write");
    let elsewhere = dir.join("elsewhere");
    let _ = fs::create_dir(&elsewhere);
    let args = [&["check", "../own/s.toml"], more].concat();
    let (status, _, said) = run_kmsim(&elsewhere, &args);
    (status, said)
}

#[test]
fn what_is_no_regular_file_or_lies_elsewhere_is_refused_wherever_it_is_named() {
    let dir = world();
    let good = ["t.csv", "p.json", "b.csv"];
    let with = |at: usize, file: &str| {
        let mut files = good;
        files[at] = file;
        scenario(files[0], files[1], files[2])
    };
    let (status, said) = check(dir.path(), &with(0, "t.csv"), &[]);
    assert_eq!(status, 0, "{said}");
    let fifo = dir.path().join("own/fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    std::os::unix::fs::symlink("../other/secret", dir.path().join("own/link")).expect("link");
    std::os::unix::fs::symlink("/proc/self/environ", dir.path().join("own/env")).expect("link");
    let absolute = dir.path().join("other/secret").display().to_string();
    for at in 0..3 {
        for (file, reason) in [
            ("fifo", "a pipe or a device"),
            ("/dev/zero", "a pipe or a device"),
            (".", "a directory"),
            ("env", "information about the machine"),
            ("/proc/self/environ", "information about the machine"),
            ("link", "outside the scenario's folder"),
            ("../other/secret", "outside the scenario's folder"),
            (&absolute, "outside the scenario's folder"),
        ] {
            let (status, said) = check(dir.path(), &with(at, file), &[]);
            let told = ["error[refused-file]", reason, "own/s.toml:", "= help: "];
            assert_eq!(status, 2, "{file}: {said}");
            assert!(told.iter().all(|t| said.contains(t)), "{file}: {said}");
            assert!(said.contains("has 1 error"), "{file}: {said}");
            assert!(
                !said.contains(SECRET) && !said.contains("PATH="),
                "{file}: {said}"
            );
        }
    }
}

#[test]
fn what_the_command_line_names_or_allows_is_read() {
    let dir = world();
    let others = scenario("../other/t.csv", "../other/p.json", "../other/b.csv");
    let (status, said) = check(dir.path(), &others, &[]);
    assert!(status == 2 && said.contains("has 3 errors"), "{said}");
    let (status, said) = check(dir.path(), &others, &["--allow-path", "../other"]);
    assert_eq!(status, 0, "{said}");
    let own = scenario("t.csv", "p.json", "b.csv");
    let set = "workload.w.trace.file=../other/t.csv";
    let (status, said) = check(dir.path(), &own, &["--set", set]);
    assert_eq!(status, 0, "{said}");
    let (status, said) = check(dir.path(), &own, &["--max-file-size", "20B"]);
    assert!(status == 2 && said.contains("larger than 20 B"), "{said}");
    // A scenario may come through a pipe, but not without end.
    let line = format!(
        "yes '# {SECRET}' | head -c 3000 | {} check - --max-file-size 1KB",
        env!("CARGO_BIN_EXE_kmsim")
    );
    let output = Command::new("sh").args(["-c", &line]).output().expect("sh");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("larger than 1 KB"), "{said}");
}

#[test]
fn nothing_of_a_file_of_another_kind_is_shown() {
    let dir = world();
    let kinds = [
        format!("root:{SECRET}:0:0\nbin,{SECRET}\n"),
        format!("TOKEN={SECRET}\0HOME=/{SECRET}\0"),
        format!("{{\"token\": \"{SECRET}\"}}\n"),
        format!("\"{SECRET}\n{SECRET}\n"),
        format!("[registry]\ntoken = \"{SECRET}\"\n"),
        format!("-----BEGIN {SECRET}-----\n{SECRET}\n"),
        format!("{SECRET}\n"),
    ];
    for text in &kinds {
        fs::write(dir.path().join("own/x"), text).expect("write");
        for files in [
            ("x", "p.json", "b.csv"),
            ("t.csv", "x", "b.csv"),
            ("t.csv", "p.json", "x"),
        ] {
            let (status, said) = check(dir.path(), &scenario(files.0, files.1, files.2), &[]);
            assert_eq!(status, 2, "{text:?}: {said}");
            assert!(!said.contains(SECRET), "{text:?} as {files:?}: {said}");
        }
        let (status, said) = check(dir.path(), text, &[]);
        assert_eq!(status, 2, "{text:?}: {said}");
        assert!(!said.contains(SECRET), "{text:?}: {said}");
        assert!(said.contains("own/s.toml"), "{said}");
    }
}

#[test]
fn a_sweep_over_other_files_or_with_thresholds_says_so() {
    let dir = folder("t.csv", TRACE);
    let text = r#"horizon = "5s"
replications = 2
region = "eu-west-3"
key.main = {}
quota.own.limit = "2/s"
[workload.w]
key = "main"
clients = 1
operations.Decrypt = 1
arrivals.poisson.rate = "3/s"
[workload.recorded]
key = "main"
clients = 1
operations.Encrypt = 1
trace.file = "t.csv"
[threshold]
few = "throttle_rate < 40%"
"#;
    fs::write(dir.path().join("s.toml"), text).expect("write");
    let args = [
        "sweep",
        "s.toml",
        "--over",
        "quota.own.limit=1/s,100/s",
        "--out",
        "o",
    ];
    let (status, out, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains(
            "error: 1 of 2 runs fail their thresholds: quota.own.limit=1/s (few CROSSED)"
        ),
        "{said}"
    );
    assert!(out.contains("few CROSSED") && out.contains("met"), "{out}");
    let csv = fs::read_to_string(dir.path().join("o/sweep.csv")).expect("csv");
    let mut rows = csv.lines();
    let header = rows.next().expect("header");
    let at = header
        .split(',')
        .position(|name| name == "threshold.few")
        .expect("a column");
    let verdicts: Vec<&str> = rows
        .map(|row| row.split(',').nth(at).expect("a cell"))
        .collect();
    assert_eq!(verdicts, ["crossed", "crossed", "met", "met"]);
    // The same again is the same sweep; with another trace it is not.
    assert_eq!(run_kmsim(dir.path(), &args).0, 1);
    fs::write(dir.path().join("t.csv"), "time\n0\n2\n").expect("write");
    let (status, _, said) = run_kmsim(dir.path(), &args);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("t.csv changed"), "{said}");
}

#[test]
fn shards_that_end_at_once_leave_the_table() {
    let dir = folder(
        "s.toml",
        r#"horizon = "5s"
replications = 2
region = "eu-west-3"
key.main = {}
quota.own.limit = "2/s"
[workload.w]
key = "main"
clients = 1
operations.Decrypt = 1
arrivals.poisson.rate = "3/s"
"#,
    );
    for round in 0..3 {
        let out = format!("o{round}");
        let of = |shard| {
            let args = [
                "sweep",
                "s.toml",
                "--over",
                "quota.own.limit=1/s..9/s:8",
                "--out",
                &out,
                "--shard",
                shard,
            ];
            crate::common::program::kmsim(dir.path(), &args)
                .spawn()
                .expect("kmsim starts")
        };
        let shards = ["1/4", "2/4", "3/4", "4/4"].map(of);
        let ended = shards.map(|child| crate::common::program::ended(child, &[]));
        assert!(ended.iter().all(|(status, _, _)| *status == 0), "{ended:?}");
        let csv = fs::read_to_string(dir.path().join(&out).join("sweep.csv")).expect("a table");
        assert_eq!(csv.lines().count(), 1 + 8 * 2);
        let manifest =
            fs::read_to_string(dir.path().join(&out).join("manifest.json")).expect("a manifest");
        assert!(manifest.contains("\"missing\": 0"), "{manifest}");
        let left = fs::read_dir(dir.path().join(&out)).expect("folder");
        let hidden: Vec<String> = left
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .filter(|n| n.starts_with('.'))
            .collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }
}

#[test]
fn a_doctored_sweep_is_refused_or_run_again() {
    let text = r#"horizon = "5s"
replications = 2
region = "eu-west-3"
key.main = {}
[workload.w]
key = "main"
clients = 1
operations.Decrypt = 1
arrivals.poisson.rate = "3/s"
"#;
    let dir = folder("s.toml", text);
    let args = [
        "sweep",
        "s.toml",
        "--over",
        "workload.w.growth=1,2",
        "--out",
        "o",
        "--charts",
        "none",
    ];
    assert_eq!(run_kmsim(dir.path(), &args).0, 0);
    let at = |name: &str| dir.path().join("o").join(name);
    let read = |name: &str| fs::read_to_string(at(name)).expect("a file");
    let (plan, run, table) = (
        read("sweep.json"),
        read("runs/000001-0.json"),
        read("sweep.csv"),
    );
    // What is swept is what it says: anything else is another sweep.
    for doctored in [
        "",
        "[]",
        "{}",
        "null",
        "{\"settings\": 3}",
        &plan[..plan.len() / 2],
        &plan.replace("\"settings\"", "\"sets\""),
        &plan.replace("\"seed\": ", "\"seed\": 9"),
    ] {
        fs::write(at("sweep.json"), doctored).expect("write");
        let (status, _, said) = run_kmsim(dir.path(), &args);
        assert_eq!(status, 2, "{doctored:?}: {said}");
        assert!(said.contains("holds another sweep"), "{doctored:?}: {said}");
    }
    fs::write(at("sweep.json"), &plan).expect("write");
    // A run that is not whole is done again.
    for doctored in [
        "",
        "[]",
        "{}",
        "{\"setting\": 1}",
        &run[..run.len() / 3],
        &run.replace("\"setting\": 1", "\"setting\": 7"),
        &run.replacen("[", "[[", 1),
        &run.replacen("[", "[1e999, ", 1),
        &run.replacen("[", "[0.5, ", 1),
    ] {
        fs::write(at("runs/000001-0.json"), doctored).expect("write");
        let (status, _, said) = run_kmsim(dir.path(), &args);
        assert_eq!(status, 0, "{doctored:?}: {said}");
        assert_eq!(read("sweep.csv"), table, "{doctored:?}");
    }
}
