//! kmsim as a library: a scenario from a path or from text, simulated, and its figures read.
//!
//! `cargo run --release --no-default-features --example library [SCENARIO.toml]`

use kmsim::input::Input;
use kmsim::run::{RunOptions, run};
use kmsim::scenario::load;

/// 125 requests a second against a quota of 100.
const SCENARIO: &str = r#"
    horizon = "20s"
    replications = 5
    region = "eu-west-3"
    key.main = {}
    quota.shared.limit = "100/s"
    [workload.readers]
    key = "main"
    operations.Decrypt = 1
    arrivals.poisson.rate = "125/s"
    retry.none = {}
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = match std::env::args().nth(1) {
        Some(path) => Input::from_path(path)?,
        None => Input::from_text("example", SCENARIO),
    };
    // Every fault is reported at once, with its line and a fix; `--set` arguments would go into the second argument.
    let scenario = load(&input, &[])?;
    let (results, _) = run(&scenario, RunOptions::default())?;
    for variant in &results.variants {
        for id in ["kms_attempts", "throttle_rate", "cost_total_usd"] {
            let metric = &variant.metrics[id];
            // `None` where there is no data: never 0.
            println!(
                "{}: {id} {:?} {}, 95 % interval {:?} to {:?}",
                variant.name, metric.mean, metric.unit, metric.ci_low, metric.ci_high
            );
        }
    }
    Ok(())
}
