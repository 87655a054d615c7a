//! The difference of two estimates with its 95 % interval, paired or by Welch, and what it shows.

use crate::metrics::estimate::{Moments, t_quantile};
use crate::results::{Difference, Estimate, Verdict};

/// Variant − baseline; paired by replication if wanted and if both have as many.
pub(super) fn difference(
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
