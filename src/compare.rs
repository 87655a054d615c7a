//! A variant against a baseline: differences of every metric, of each workload's and of the bill, with their
//! 95 % intervals.
//!
//! Where both saw the same arrivals, differences are taken replication by replication (paired), which takes
//! the noise of the arrivals out; otherwise the two means are compared by Welch's interval. Metrics come in
//! the order of the baseline. Left out: corrections for looking at many metrics at once.

mod merged;
mod regression;
mod settings;

use crate::metrics::estimate::{Moments, t_quantile};
use crate::metrics::registry::metric;
use crate::results::{
    Comparison, Difference, Estimate, Metrics, RunResults, VariantResults, Verdict,
};
use indexmap::IndexMap;
pub use merged::merged;
pub use regression::{Regressions, regressions};
pub use settings::settings;

/// The variant against the baseline; `same_seed` tells whether both were run with one master seed.
///
/// Paired where the seeds, the arrivals and the number of replications are equal.
pub fn compare(baseline: &VariantResults, variant: &VariantResults, same_seed: bool) -> Comparison {
    let unpaired_because = obstacle(baseline, variant, same_seed);
    let paired = unpaired_because.is_none();
    let workloads = union(&baseline.by_workload, &variant.by_workload);
    let by_workload = workloads.map(|name| {
        let of = |v: &VariantResults| v.by_workload.get(name).cloned().unwrap_or_default();
        let metrics = differences(&of(baseline), &of(variant), paired);
        (name.clone(), metrics)
    });
    Comparison {
        baseline: baseline.name.clone(),
        variant: variant.name.clone(),
        paired,
        unpaired_because,
        settings: Vec::new(),
        metrics: differences(&baseline.metrics, &variant.metrics, paired),
        by_workload: by_workload.collect(),
        bill: bill(baseline, variant, paired),
    }
}

/// Why two variants' replications are no pairs.
fn obstacle(a: &VariantResults, b: &VariantResults, same_seed: bool) -> Option<String> {
    let replications = |v: &VariantResults| v.metrics.values().map(|e| e.values.len()).max();
    let (n, m) = (replications(a).unwrap_or(0), replications(b).unwrap_or(0));
    if !same_seed {
        Some("the seeds differ".to_owned())
    } else if a.arrivals_id != b.arrivals_id {
        Some("the arrivals differ".to_owned())
    } else if n != m {
        Some(format!("{n} replications against {m}"))
    } else {
        None
    }
}

/// The keys of both maps, those of the first before those that only the second has.
fn union<'a, T>(
    a: &'a IndexMap<String, T>,
    b: &'a IndexMap<String, T>,
) -> impl Iterator<Item = &'a String> {
    a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)))
}

fn differences(a: &Metrics, b: &Metrics, paired: bool) -> IndexMap<String, Difference> {
    let better = |id: &str| metric(id).and_then(|m| m.smaller_is_better);
    union(a, b)
        .map(|id| {
            let found = difference(better(id), a.get(id), b.get(id), paired);
            (id.clone(), found)
        })
        .collect()
}

/// Differences of the bill's lines; a line that is not there is an amount of zero.
fn bill(a: &VariantResults, b: &VariantResults, paired: bool) -> IndexMap<String, Difference> {
    let (lines_a, lines_b) = (amounts(a), amounts(b));
    let zeros = |v: &VariantResults| {
        let n = v.metrics.values().map(|e| e.values.len()).max();
        Estimate::over(vec![Some(0.0); n.unwrap_or(0)], "USD")
    };
    let (zeros_a, zeros_b) = (zeros(a), zeros(b));
    union(&lines_a, &lines_b)
        .map(|name| {
            let pair = (
                lines_a.get(name).unwrap_or(&zeros_a),
                lines_b.get(name).unwrap_or(&zeros_b),
            );
            let found = difference(Some(true), Some(pair.0), Some(pair.1), paired);
            (name.clone(), found)
        })
        .collect()
}

/// The bill's amounts as estimates.
fn amounts(v: &VariantResults) -> Metrics {
    let lines = v.bill.iter().map(|line| {
        let values = line.values_usd.iter().copied().map(Some).collect();
        let name = format!("{} {}/{}", line.item, line.account, line.region);
        (name, Estimate::over(values, "USD"))
    });
    lines.collect()
}

/// Every other variant of one run against the first.
pub fn compare_all(variants: &[VariantResults]) -> Vec<Comparison> {
    match variants.split_first() {
        Some((first, others)) => others.iter().map(|v| compare(first, v, true)).collect(),
        None => Vec::new(),
    }
}

/// Every variant of the other results against the first results' variant of the same name, or their first
/// variant where there is none; named `file:variant`.
pub fn across(results: &[(String, RunResults)]) -> Vec<Comparison> {
    let Some(((file, first), others)) = results.split_first() else {
        return Vec::new();
    };
    let mut comparisons = Vec::new();
    for (other_file, other) in others {
        for variant in &other.variants {
            let namesake = first.variants.iter().find(|v| v.name == variant.name);
            let Some(baseline) = namesake.or(first.variants.first()) else {
                continue;
            };
            let mut comparison = compare(baseline, variant, first.seed == other.seed);
            comparison.settings = settings((first, &baseline.name), (other, &variant.name));
            comparison.baseline = format!("{file}:{}", baseline.name);
            comparison.variant = format!("{other_file}:{}", variant.name);
            comparisons.push(comparison);
        }
    }
    comparisons
}

fn difference(
    smaller_is_better: Option<bool>,
    baseline: Option<&Estimate>,
    variant: Option<&Estimate>,
    paired: bool,
) -> Difference {
    let unit = baseline
        .or(variant)
        .map_or_else(String::new, |e| e.unit.clone());
    let mut difference = Difference {
        baseline: baseline.and_then(|e| e.mean),
        variant: variant.and_then(|e| e.mean),
        mean: None,
        ci_low: None,
        ci_high: None,
        unit,
        verdict: Verdict::NoData,
    };
    let (Some(a), Some(b)) = (baseline.and_then(complete), variant.and_then(complete)) else {
        return difference;
    };
    let (mean, interval) = if paired && a.len() == b.len() {
        by_pairs(&a, &b)
    } else {
        welch(&a, &b)
    };
    difference.mean = mean;
    difference.ci_low = interval.map(|i| i.0);
    difference.ci_high = interval.map(|i| i.1);
    difference.verdict = verdict(smaller_is_better, interval, all_equal(&a, &b, paired));
    difference
}

/// The values, if no replication lacks one.
fn complete(estimate: &Estimate) -> Option<Vec<f64>> {
    estimate.mean?;
    estimate.values.iter().copied().collect()
}

fn by_pairs(a: &[f64], b: &[f64]) -> (Option<f64>, Option<(f64, f64)>) {
    let differences: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
    let moments = Moments::of(&differences);
    (moments.map(|m| m.mean), moments.and_then(|m| m.interval()))
}

fn welch(a: &[f64], b: &[f64]) -> (Option<f64>, Option<(f64, f64)>) {
    let (Some(a), Some(b)) = (Moments::of(a), Moments::of(b)) else {
        return (None, None);
    };
    let mean = b.mean - a.mean;
    let interval = || {
        let (va, vb) = (a.variance? / a.n as f64, b.variance? / b.n as f64);
        if va + vb == 0.0 {
            return Some((mean, mean));
        }
        let weight = va * va / (a.n - 1) as f64 + vb * vb / (b.n - 1) as f64;
        let half = t_quantile((va + vb) * (va + vb) / weight) * (va + vb).sqrt();
        Some((mean - half, mean + half))
    };
    (Some(mean), interval())
}

/// Whether the variant changed nothing: pair by pair, or one value throughout.
fn all_equal(a: &[f64], b: &[f64], paired: bool) -> bool {
    if paired {
        a == b
    } else {
        a.iter().chain(b).all(|x| *x == a[0])
    }
}

fn verdict(
    smaller_is_better: Option<bool>,
    interval: Option<(f64, f64)>,
    all_equal: bool,
) -> Verdict {
    if all_equal {
        return Verdict::Same;
    }
    let Some((low, high)) = interval else {
        return Verdict::NoData;
    };
    if low <= 0.0 && high >= 0.0 {
        return Verdict::NoDifferenceShown;
    }
    match smaller_is_better {
        Some(smaller_is_better) if (high < 0.0) == smaller_is_better => Verdict::Better,
        Some(_) => Verdict::Worse,
        None => Verdict::Different,
    }
}

#[cfg(test)]
mod tests;
