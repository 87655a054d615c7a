//! What holds of any scenario, read, refused or run.

use kmsim::effort::Effort;
use kmsim::metrics::bounds;
use kmsim::model::arrivals::Arrivals;
use kmsim::model::{Kind, Plan};
use kmsim::results::{RunResults, json};
use kmsim::run::{RunOptions, run};
use kmsim::scenario::{Loaded, ScenarioError};

/// Every fault says what to do, and shows only what may be shown.
pub fn refused(error: &ScenarioError) {
    assert!(!error.faults.is_empty(), "refused without a reason");
    for fault in &error.faults {
        let line = fault.one_line(&error.sources);
        let help = fault.help.as_deref().unwrap_or_default();
        assert!(!help.is_empty(), "no way out: {line}");
    }
    assert!(error.to_string().contains("error["), "{error}");
}

/// Requests, about, that a run of a plan makes one by one when every second is simulated; at most.
fn requests(plan: &Plan) -> f64 {
    let of = |w: &kmsim::model::Workload| {
        let horizon = plan.horizon_s as f64;
        let arrivals = match &w.kind {
            Kind::Open { arrivals, .. } => arrivals.peak() * horizon,
            Kind::Trace { trace, .. } => {
                let rows = trace.recording.rows.len() as f64 * trace.rate_scale;
                let counts = if trace.is_counted() { 1e3 } else { 1.0 };
                let repeats = if trace.repeat {
                    horizon / trace.seconds().max(1) as f64
                } else {
                    1.0
                };
                rows * counts * repeats.max(1.0)
            }
            Kind::Job { objects, every, .. } => {
                let runs = every.map_or(1.0, |every| horizon / every.max(1) as f64);
                f64::from(*objects) * runs.max(1.0)
            }
        };
        let of_each = w.actions.iter().map(|a| {
            let requests = a.requests.iter().map(|r| f64::from(r.1));
            requests.sum::<f64>()
        });
        arrivals * of_each.fold(1.0, f64::max) * f64::from(w.retry.max_attempts.clamp(1, 50))
    };
    plan.workloads.iter().map(of).sum()
}

/// Whether runs of it are over soon, counted and simulated.
pub fn is_small(loaded: &Loaded, most: f64) -> bool {
    let variants = || loaded.variants.iter().map(|v| &v.plan);
    let seconds: f64 = variants()
        .map(|p| p.horizon_s as f64 * p.components.len() as f64)
        .sum();
    let replications = f64::from(loaded.replications);
    // Whatever is asked for, what it takes can be told, so that the limits of the command line hold.
    let efforts: Vec<Effort> = variants()
        .map(|plan| Effort::of(plan, loaded.replications))
        .collect();
    for effort in &efforts {
        let told = [effort.events, effort.seconds, effort.bytes];
        assert!(told.iter().all(|x| x.is_finite()), "{effort:?}");
    }
    seconds * replications < most * 10.0
        && variants().map(requests).sum::<f64>() * replications < most
        && efforts.iter().all(|e| e.bytes < 100e6 && e.events < most)
}

/// Whether something else than a call may meet a need: what is missed is drawn in counted seconds, so that counting and
/// simulating agree in distribution only.
fn has_caches(loaded: &Loaded) -> bool {
    loaded.variants.iter().map(|v| &v.plan).any(|plan| {
        plan.kms_steps.iter().any(|step| !step.source.is_call())
            || plan.workloads.iter().any(|w| w.client_cache.is_some())
    })
}

/// Requests that arrived, of each open workload that waits for no other.
fn arrived(loaded: &Loaded, results: &RunResults) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (variant, found) in loaded.variants.iter().zip(&results.variants) {
        for (name, workload) in &variant.scenario.workload {
            let waits = matches!(workload.arrivals, Arrivals::Job(_)) || workload.after.is_some();
            let Some(metrics) = found.by_workload.get(name).filter(|_| !waits) else {
                continue;
            };
            let counts = ["s3_requests", "app_requests"].map(|id| &metrics[id].values);
            all.push((format!("{}: {name}", found.name), format!("{counts:?}")));
        }
    }
    all
}

/// Runs it counted and simulated: the same results, of which each figure is one.
pub fn ran(loaded: &Loaded, what: &str) {
    let found = |simulate_all| {
        let options = RunOptions {
            simulate_all,
            ..RunOptions::default()
        };
        match run(loaded, options) {
            Ok((results, _)) => {
                assert_eq!(bounds::fault(&results), None, "{what}");
                Some(results)
            }
            Err(fault) => {
                let said = fault.to_string();
                assert!(
                    said.contains("write `[price."),
                    "no way out: {said}\n{what}"
                );
                None
            }
        }
    };
    let (Some(counted), Some(simulated)) = (found(false), found(true)) else {
        return;
    };
    if has_caches(loaded) {
        let came = arrived(loaded, &counted);
        assert_eq!(came, arrived(loaded, &simulated), "{what}");
        return;
    }
    let text = |results| json::text(results).expect("JSON");
    let (counted, simulated) = (text(&counted), text(&simulated));
    if counted != simulated {
        let lines = counted.lines().zip(simulated.lines());
        let differ = lines.filter(|(a, b)| a != b).take(5);
        let differ: Vec<String> = differ
            .map(|(a, b)| format!("{a}\n  simulated: {b}"))
            .collect();
        panic!(
            "counted and simulated differ:\n{}\n{what}",
            differ.join("\n")
        );
    }
}
