//! A shipped scenario on recorded data that is not part of this project: `../shared/data`, beside the
//! repository. Where that folder is absent, these tests pass and say on stderr what they skipped.

use super::{root, run};
use std::io::Write;
use std::path::PathBuf;

/// A file of the shared data; `None`, with a note past the capturing test runner, where it is absent.
fn shared_file(path: &str) -> Option<PathBuf> {
    let file = root().join("../shared/data").join(path);
    if file.exists() {
        return Some(file);
    }
    let _ = writeln!(
        std::io::stderr(),
        "scenarios::shared_data: skipped, {} is absent",
        file.display()
    );
    None
}

#[test]
fn a_recorded_trace_is_offered_as_it_was_recorded() {
    let Some(file) = shared_file("arrivals-azure-llm/AzureLLMInferenceTrace_code.csv") else {
        return;
    };
    let file = format!("workload.replay.trace.file={}", file.display());
    let r = run("trace-replay", &["--set", &file]);
    r.exactly("none", "kms_attempts", 8819.0);
    r.exactly("none", "kms_attempts_per_s_max", 67.0);
    // Below the bursts: retries, their delay, and more attempts for the same requests.
    let tight = ["--set", &file, "--set", "quota.shared.limit=20"];
    let r = run("trace-replay", &tight);
    r.exactly("none", "kms_attempts", 8819.0);
    r.exactly("none", "kms_retries", 0.0);
    r.exactly("standard", "kms_calls", 8819.0);
    for (retries, delay) in r
        .values("standard", "kms_retries")
        .into_iter()
        .zip(r.values("standard", "added_delay_s_max"))
    {
        // Two retries, after at most 1 s and 2 s and two answers of 4 ms.
        assert!(retries > 0.0 && delay > 0.0 && delay <= 3.008);
    }
    let costs = |variant| r.mean(variant, "cost_total_usd");
    assert!(
        costs("standard") > costs("none"),
        "admitted retries are billed"
    );
}
