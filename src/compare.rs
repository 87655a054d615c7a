//! A variant against a baseline: differences of every metric with their 95 % intervals.
//!
//! Where both saw the same arrivals, differences are taken replication by replication (paired), which takes
//! the noise of the arrivals out; otherwise the two means are compared by Welch's interval. Metrics come in
//! the order of the baseline. Left out: corrections for looking at many metrics at once.

use crate::metrics::estimate::{Moments, t_quantile};
use crate::metrics::registry::metric;
use crate::results::{Comparison, Difference, Estimate, RunResults, VariantResults, Verdict};
use indexmap::IndexMap;

/// The variant against the baseline; `same_seed` tells whether both were run with one master seed.
///
/// Paired where the seeds, the arrivals and the number of replications are equal.
pub fn compare(baseline: &VariantResults, variant: &VariantResults, same_seed: bool) -> Comparison {
    let replications = |v: &VariantResults| v.metrics.values().map(|e| e.values.len()).max();
    let paired = same_seed
        && baseline.arrivals_id == variant.arrivals_id
        && replications(baseline) == replications(variant);
    let only_variant = variant
        .metrics
        .keys()
        .filter(|id| !baseline.metrics.contains_key(*id));
    let metrics: IndexMap<String, Difference> = baseline
        .metrics
        .keys()
        .chain(only_variant)
        .map(|id| {
            let pair = (baseline.metrics.get(id), variant.metrics.get(id));
            (id.clone(), difference(id, pair.0, pair.1, paired))
        })
        .collect();
    Comparison {
        baseline: baseline.name.clone(),
        variant: variant.name.clone(),
        paired,
        metrics,
    }
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
            comparison.baseline = format!("{file}:{}", baseline.name);
            comparison.variant = format!("{other_file}:{}", variant.name);
            comparisons.push(comparison);
        }
    }
    comparisons
}

fn difference(
    id: &str,
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
    difference.verdict = verdict(id, interval, all_equal(&a, &b, paired));
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

fn verdict(id: &str, interval: Option<(f64, f64)>, all_equal: bool) -> Verdict {
    if all_equal {
        return Verdict::Same;
    }
    let Some((low, high)) = interval else {
        return Verdict::NoData;
    };
    if low <= 0.0 && high >= 0.0 {
        return Verdict::NoDifferenceShown;
    }
    match metric(id).and_then(|m| m.smaller_is_better) {
        Some(smaller_is_better) if (high < 0.0) == smaller_is_better => Verdict::Better,
        Some(_) => Verdict::Worse,
        None => Verdict::Different,
    }
}

#[cfg(test)]
mod tests;
