//! Work that is too much is refused before it begins, with what makes it so.

use crate::common::program::{kmsim, run_kmsim};
use std::fs;

/// A scenario with this workload.
fn scenario(workload: &str) -> String {
    format!(
        r#"horizon = "1h"
replications = 2
region = "eu-west-3"
key.main = {{}}
[workload.flood]
key = "main"
operations.Decrypt = 1
{workload}
"#
    )
}

#[test]
fn too_much_work_is_refused_by_its_estimate() {
    let dir = tempfile::tempdir().expect("folder");
    let flood = scenario("clients = 10\narrivals.constant.rate = \"1_000_000_000/s\"");
    fs::write(dir.path().join("flood.toml"), flood).expect("write");
    let small = scenario("clients = 10\narrivals.constant.rate = \"1/s\"");
    fs::write(dir.path().join("small.toml"), small).expect("write");
    for args in [
        &["run", "flood.toml", "--max-events", "1e9"][..],
        &[
            "plan",
            "flood.toml",
            "--target",
            "throttle_rate < 1%",
            "--max-events",
            "1e9",
        ],
        &[
            "sweep",
            "flood.toml",
            "--over",
            "seed=1,2",
            "--max-events",
            "1_000_000_000",
        ],
        &["compare", "flood.toml", "small.toml", "--max-events", "1e9"],
    ] {
        let (status, out, said) = run_kmsim(dir.path(), args);
        let told = [
            "flood",
            "1,000,000,000 are allowed",
            "`workload.flood`",
            "--max-events",
            "= help: ",
        ];
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {said}");
        assert!(told.iter().all(|t| said.contains(t)), "{args:?}: {said}");
        assert!(!dir.path().join("output").exists(), "{args:?}");
    }
    // The rates of all are raised on the command line.
    let set = ["--set", "workload.flood.growth=1e6", "--max-events", "1e9"];
    let (status, _, said) = run_kmsim(dir.path(), &[&["run", "small.toml"][..], &set].concat());
    assert!(status == 2 && said.contains("--max-events"), "{said}");
    // A pipeline says that nobody waits.
    let args = ["run", "flood.toml"];
    let child = kmsim(dir.path(), &args)
        .env("CI", "true")
        .spawn()
        .expect("kmsim starts");
    let (status, _, said) = crate::common::program::ended(child, &args);
    assert!(
        status == 2 && said.contains("the default under CI=true"),
        "{said}"
    );
    let args = ["run", "small.toml", "--out", "r", "--charts", "none"];
    let child = kmsim(dir.path(), &args)
        .env("CI", "true")
        .spawn()
        .expect("kmsim starts");
    let (status, _, said) = crate::common::program::ended(child, &args);
    assert_eq!(status, 0, "{said}");
}

#[test]
fn quiet_seconds_cost_events_where_they_are_simulated() {
    let dir = tempfile::tempdir().expect("folder");
    let calm = scenario("clients = 10\narrivals.poisson.rate = \"500/s\"");
    fs::write(dir.path().join("calm.toml"), calm).expect("write");
    let most = ["run", "calm.toml", "--max-events", "1e6", "--out", "r"];
    let (status, _, said) = run_kmsim(dir.path(), &[&most[..], &["--charts", "none"]].concat());
    assert_eq!(status, 0, "{said}");
    let (status, _, said) = run_kmsim(dir.path(), &[&most[..], &["--simulate-all"]].concat());
    let told = ["4,000,000 events", "`workload.flood`", "--max-events"];
    assert_eq!(status, 2, "{said}");
    assert!(told.iter().all(|t| said.contains(t)), "{said}");
}

#[test]
fn too_much_memory_is_refused_by_its_estimate() {
    let dir = tempfile::tempdir().expect("folder");
    let crowd =
        scenario("retry = \"adaptive\"\nclients = 10_000_000\narrivals.poisson.rate = \"100/s\"");
    fs::write(dir.path().join("crowd.toml"), crowd).expect("write");
    let args = ["run", "crowd.toml", "--max-memory", "500MiB"];
    let (status, _, said) = run_kmsim(dir.path(), &args);
    let told = [
        "GB of memory",
        "525 MB are allowed",
        "`workload.flood`",
        "--max-memory",
    ];
    assert_eq!(status, 2, "{said}");
    assert!(told.iter().all(|t| said.contains(t)), "{said}");
    for (flag, value) in [
        ("--max-events", "0"),
        ("--max-events", "many"),
        ("--max-memory", "12"),
    ] {
        let (status, _, said) = run_kmsim(dir.path(), &["run", "crowd.toml", flag, value]);
        assert!(status == 2 && said.contains(flag), "{said}");
    }
}
