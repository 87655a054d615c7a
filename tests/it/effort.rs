//! What users are told before they wait against what comes: attempts that are looked at, and memory. Times depend on the
//! machine: `cargo bench --bench whole -- effort` has them.

use crate::common::load;
use kmsim::effort::Effort;
use kmsim::run::{RunOptions, run};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn scenario(horizon: &str, retry: &str, quota: &str, workload: &str) -> String {
    format!(
        "horizon = \"{horizon}\"\nregion = \"us-east-1\"\nreplications = 1\nretry = \"{retry}\"\n[key.k]\n\
         [quota.q]\nlimit = \"1000/s\"\n{quota}\n[workload.w]\nkey = \"k\"\nclients = 100\n\
         operations.Decrypt = 1\n{workload}\n"
    )
}

#[test]
fn attempts_that_are_looked_at_are_told_within_a_factor_of_three() {
    let poisson = |rate: u32| format!("arrivals.poisson.rate = \"{rate}/s\"");
    let bucket = "limiter.token-bucket = {}";
    let curve = "arrivals.piecewise-linear.points = [{ at = \"0s\", rate = \"500/s\" }, { at = \"300s\", rate = \"1500/s\" }, { at = \"600s\", rate = \"500/s\" }]";
    let switched = "arrivals.on-off = { on = \"1600/s\", off = \"10/s\", mean_on = \"5s\", mean_off = \"15s\" }";
    let job = "job = { workers = 50, objects = 100000 }";
    let mut off = String::new();
    for (name, text) in [
        ("over", scenario("2m", "legacy", "", &poisson(1_100))),
        ("far over", scenario("2m", "legacy", "", &poisson(2_000))),
        ("lost at once", scenario("2m", "none", "", &poisson(1_500))),
        (
            "token bucket",
            scenario("2m", "legacy", bucket, &poisson(1_200)),
        ),
        ("adaptive", scenario("2m", "adaptive", "", &poisson(1_200))),
        ("peak", scenario("10m", "legacy", "", curve)),
        ("on-off", scenario("20m", "none", "", switched)),
        ("job", scenario("10m", "legacy", "", job)),
    ] {
        let loaded = load(&text);
        let told = Effort::of(&loaded.variants[0].plan, 1).events;
        let (_, manifest) = run(&loaded, RunOptions::default()).expect("a run");
        let came = manifest[0].attempts_expanded as f64;
        if !(1.0 / 3.0..=3.0).contains(&(told / came)) {
            _ = writeln!(off, "{name}: {told:.0} told, {came} came");
        }
    }
    assert!(off.is_empty(), "{off}");
}

#[cfg(target_os = "linux")]
/// Largest memory of a process that runs a scenario \[bytes\].
fn memory(dir: &Path, scenario: &str) -> f64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(["run", scenario, "--quiet", "--out", "results"])
        .args(["--threads", "1", "--charts", "none"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut most_kb = 0.0_f64;
    while child.try_wait().expect("it runs").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kb = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        most_kb = most_kb.max(kb.unwrap_or(0.0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    most_kb * 1_024.0
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_told_within_a_factor_of_three() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut many =
        "horizon = \"10s\"\nregion = \"us-east-1\"\nreplications = 1\nretry = \"none\"\n[key.k]\n"
            .to_owned();
    for i in 0..600 {
        _ = writeln!(
            many,
            "[bucket.b{i}]\nkey = \"k\"\n[workload.w{i}]\nbucket = \"b{i}\"\noperations.GetObject = 1\narrivals.poisson.rate = \"1/s\""
        );
    }
    let mut rows = "time,operation,requester\n".to_owned();
    for i in 0..60_000 {
        _ = writeln!(
            rows,
            "{}.{:03},Decrypt,r{}",
            i / 1_000,
            i % 1_000,
            i * 7 % 20_000
        );
    }
    std::fs::write(dir.path().join("rows.csv"), rows).expect("written");
    let trace = scenario("1m", "none", "", "trace.file = \"rows.csv\"")
        .replace("limit = \"1000/s\"", "limit = \"100000/s\"");
    for (name, text) in [("things", many), ("trace", trace)] {
        let file = format!("{name}.toml");
        std::fs::write(dir.path().join(&file), &text).expect("written");
        let input = kmsim::input::Input::from_path(dir.path().join(&file)).expect("a file");
        let loaded = kmsim::scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}"));
        let told = Effort::of(&loaded.variants[0].plan, 1).bytes;
        let came = memory(dir.path(), &file);
        let off = told / came;
        assert!(
            (1.0 / 3.0..=3.0).contains(&off),
            "{name}: {told} told, {came} came"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_adaptive_clients_hold_back_is_told_within_a_factor_of_three() {
    let dir = tempfile::tempdir().expect("a directory");
    let [over, calm] = [20_000, 100].map(|rate| {
        let text = scenario(
            "20s",
            "adaptive",
            "",
            &format!("arrivals.poisson.rate = \"{rate}/s\""),
        );
        let file = format!("{rate}.toml");
        std::fs::write(dir.path().join(&file), &text).expect("written");
        let told = Effort::of(&load(&text).variants[0].plan, 1).bytes;
        (told, memory(dir.path(), &file))
    });
    // The queues alone, without the program: 380,000 requests.
    let (told, came) = (over.0 - calm.0, over.1 - calm.1);
    assert!(
        came > 5e6 && (1.0 / 3.0..=3.0).contains(&(told / came)),
        "{told} told, {came} came"
    );
}
