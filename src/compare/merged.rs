//! Several runs as one, so that their comparison is drawn and kept like a run.

use super::variants::across;
use super::verdict::verdict;
use crate::input::files::sha256_hex;
use crate::results::{ResolvedScenario, RunResults, RunVerdict, SCHEMA_VERSION, ScenarioRecord};
use serde_json::Map;

/// All variants of all runs, named `file:variant`, with [`across`]'s comparisons; `None` without a run.
///
/// Horizon and measured time are those of the first; where another's differ, a warning says so.
pub fn merged(results: &[(String, RunResults)]) -> Option<RunResults> {
    let (_, first) = results.first()?;
    let names: Vec<&str> = results.iter().map(|(name, _)| name.as_str()).collect();
    let (mut variants, mut warnings) = (Vec::new(), Vec::new());
    let mut resolved = ResolvedScenario::new(Map::new());
    let mut thresholds = Vec::new();
    for (name, run) in results {
        for variant in &run.variants {
            let mut variant = variant.clone();
            let full = format!("{name}:{}", variant.name);
            resolved.add(&full, &run.scenario.resolved.variant(&variant.name));
            variant.name = full;
            variants.push(variant);
        }
        thresholds.extend(run.thresholds.iter().cloned().map(|mut t| {
            t.variant = format!("{name}:{}", t.variant);
            t
        }));
        if (run.horizon_s, run.measured_s) != (first.horizon_s, first.measured_s) {
            warnings.push(format!(
                "{name} measures {} s of {} s, {} {} s of {} s: totals cover different times",
                run.measured_s, run.horizon_s, names[0], first.measured_s, first.horizon_s
            ));
        }
        if run.seed != first.seed {
            warnings.push(format!(
                "{name} has seed {}, {} seed {}",
                run.seed, names[0], first.seed
            ));
        }
        for warning in &run.warnings {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
    }
    let mut costs_left_out = Vec::new();
    for cost in results.iter().flat_map(|(_, r)| &r.costs_left_out) {
        if !costs_left_out.contains(cost) {
            costs_left_out.push(cost.clone());
        }
    }
    let hashes: Vec<&str> = results
        .iter()
        .map(|(_, r)| r.scenario.text_sha256.as_str())
        .collect();
    let mut merged = RunResults {
        schema_version: SCHEMA_VERSION,
        kmsim_version: first.kmsim_version.clone(),
        scenario: ScenarioRecord {
            name: names.join(" against "),
            text_sha256: sha256_hex(hashes.join(" ").as_bytes()),
            resolved,
        },
        seed: first.seed,
        replications: first.replications,
        horizon_s: first.horizon_s,
        measured_s: first.measured_s,
        warnings,
        costs_left_out,
        variants,
        comparisons: across(results),
        thresholds,
        precision: None,
        assumption_effects: Vec::new(),
        verdict: RunVerdict::default(),
    };
    merged.verdict = verdict(&merged);
    Some(merged)
}
