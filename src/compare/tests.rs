//! Comparisons worked by hand.

use super::*;
use crate::results::{
    DelayHistogram, Difference, Estimate, ResolvedScenario, RunResults, ScenarioRecord, Series,
    VariantResults, Verdict,
};
use indexmap::IndexMap;

type MetricValues<'a> = &'a [(&'a str, &'a [Option<f64>])];

pub(super) fn variant(name: &str, arrivals: &str, metrics: MetricValues) -> VariantResults {
    let estimate = |(id, values): &(&str, &[Option<f64>])| {
        ((*id).to_owned(), Estimate::over(values.to_vec(), "1"))
    };
    VariantResults {
        name: name.to_owned(),
        arrivals_id: arrivals.to_owned(),
        without_data: IndexMap::new(),
        metrics: metrics.iter().map(estimate).collect(),
        by_quota: IndexMap::new(),
        by_s3_request_rate: IndexMap::new(),
        by_workload: IndexMap::new(),
        by_bucket: IndexMap::new(),
        by_key: IndexMap::new(),
        by_requester: IndexMap::new(),
        by_group: IndexMap::new(),
        others: IndexMap::new(),
        by_operation: IndexMap::new(),
        by_kms_operation: IndexMap::new(),
        by_statement: IndexMap::new(),
        by_trail: IndexMap::new(),
        bill: Vec::new(),
        series: Series {
            bin_s: 1,
            t_s: Vec::new(),
            added_delay: DelayHistogram::default(),
            quotas: IndexMap::new(),
        },
        decisive_seconds: IndexMap::new(),
    }
}

pub(super) fn run(seed: u64, variants: Vec<VariantResults>) -> RunResults {
    RunResults {
        schema_version: 1,
        kmsim_version: String::new(),
        scenario: ScenarioRecord {
            name: String::new(),
            text_sha256: String::new(),
            resolved: ResolvedScenario::default(),
        },
        seed,
        replications: 3,
        horizon_s: 1,
        measured_s: 1,
        warnings: Vec::new(),
        costs_left_out: Vec::new(),
        variants,
        comparisons: Vec::new(),
        thresholds: Vec::new(),
        precision: None,
        assumption_effects: Vec::new(),
        verdict: crate::results::RunVerdict::default(),
    }
}

fn one(id: &str, a: &[Option<f64>], b: &[Option<f64>], arrivals_of_b: &str) -> Difference {
    let a = variant("a", "x", &[(id, a)]);
    let b = variant("b", arrivals_of_b, &[(id, b)]);
    compare(&a, &b, true).metrics[id].clone()
}

const A: &[Option<f64>] = &[Some(10.0), Some(20.0), Some(30.0)];

#[test]
fn paired_differences_by_hand() {
    // Differences −1, −2, −3: mean −2, variance 1, half-width 4.302653 / √3 = 2.484138.
    let b = &[Some(9.0), Some(18.0), Some(27.0)];
    let d = one("kms_throttled", A, b, "x");
    assert_eq!(
        (d.baseline, d.variant, d.mean),
        (Some(20.0), Some(18.0), Some(-2.0))
    );
    assert!((d.ci_low.unwrap() + 4.484138).abs() < 1e-5);
    assert!((d.ci_high.unwrap() - 0.484138).abs() < 1e-5);
    assert_eq!(d.verdict, Verdict::NoDifferenceShown);
    // Differences −2, −2.1, −1.9: mean −2, variance 0.01, half-width 0.2484138.
    let b = &[Some(8.0), Some(17.9), Some(28.1)];
    let d = one("kms_throttled", A, b, "x");
    assert!((d.ci_high.unwrap() + 1.7515862).abs() < 1e-5);
    assert_eq!(d.verdict, Verdict::Better);
}

#[test]
fn unpaired_by_welch() {
    // Variances 100 and 0: standard error √(100/3), 2 degrees of freedom, half-width 4.302653 × 5.773503.
    let d = one("kms_throttled", A, &[Some(18.0); 3], "y");
    assert_eq!(d.mean, Some(-2.0));
    assert!((d.ci_high.unwrap() - (4.302653 * 5.773503 - 2.0)).abs() < 1e-4);
    assert_eq!(d.verdict, Verdict::NoDifferenceShown);
}

#[test]
fn pairing_needs_equal_arrivals_seeds_and_replications() {
    let a = variant("a", "x", &[("kms_calls", A)]);
    let same = variant("b", "x", &[("kms_calls", A)]);
    let other = variant("c", "y", &[("kms_calls", A)]);
    let fewer = variant("d", "x", &[("kms_calls", &A[..2])]);
    assert!(compare(&a, &same, true).paired);
    assert!(!compare(&a, &same, false).paired);
    assert!(!compare(&a, &other, true).paired);
    assert!(!compare(&a, &fewer, true).paired);
}

#[test]
fn verdicts_follow_the_registry() {
    let up = &[Some(15.0), Some(25.0), Some(35.0)]; // +5 in every replication
    assert_eq!(one("kms_throttled", A, up, "x").verdict, Verdict::Worse);
    assert_eq!(one("quota_headroom", A, up, "x").verdict, Verdict::Better);
    assert_eq!(one("s3_requests", A, up, "x").verdict, Verdict::Different);
    assert_eq!(one("kms_throttled", A, A, "x").verdict, Verdict::Same);
    // Equal, but of other arrivals: nothing is shown.
    assert_eq!(
        one("kms_throttled", A, A, "y").verdict,
        Verdict::NoDifferenceShown
    );
    let constant = &[Some(1.0); 3];
    assert_eq!(
        one("kms_throttled", constant, constant, "y").verdict,
        Verdict::Same
    );
}

#[test]
fn missing_values_are_no_data() {
    let d = one("kms_throttled", A, &[Some(1.0), None, Some(2.0)], "x");
    assert_eq!(
        (d.baseline, d.variant, d.mean, d.verdict),
        (Some(20.0), None, None, Verdict::NoData)
    );
    // One replication: a difference without interval.
    let d = one("kms_throttled", &[Some(4.0)], &[Some(3.0)], "x");
    assert_eq!(
        (d.mean, d.ci_low, d.verdict),
        (Some(-1.0), None, Verdict::NoData)
    );
    let a = variant("a", "x", &[("kms_calls", A)]);
    let b = variant("b", "x", &[("kms_attempts", A)]);
    let comparison = compare(&a, &b, true);
    assert_eq!(
        comparison.metrics.keys().collect::<Vec<_>>(),
        ["kms_calls", "kms_attempts"]
    );
    assert!(
        comparison
            .metrics
            .values()
            .all(|d| d.verdict == Verdict::NoData)
    );
}

#[test]
fn all_variants_against_the_first() {
    let v = |name| variant(name, "x", &[("kms_calls", A)]);
    let all = compare_all(&[v("base"), v("b"), v("c")]);
    let names: Vec<_> = all
        .iter()
        .map(|c| (c.baseline.as_str(), c.variant.as_str()))
        .collect();
    assert_eq!(names, [("base", "b"), ("base", "c")]);
    assert!(compare_all(&[v("base")]).is_empty() && compare_all(&[]).is_empty());
}

#[test]
fn files_are_matched_by_variant_name_or_by_the_first() {
    let v = |name| variant(name, "x", &[("kms_calls", A)]);
    let files = [
        ("one".to_owned(), run(1, vec![v("base"), v("key")])),
        ("two".to_owned(), run(1, vec![v("key"), v("new")])),
        ("three".to_owned(), run(2, vec![v("base")])),
    ];
    let shown: Vec<_> = across(&files)
        .into_iter()
        .map(|c| (c.baseline, c.variant, c.paired))
        .collect();
    let expected = [
        ("one:key", "two:key", true),
        ("one:base", "two:new", true),
        ("one:base", "three:base", false),
    ];
    assert_eq!(
        shown,
        expected.map(|(a, b, p)| (a.to_owned(), b.to_owned(), p))
    );
    assert!(across(&files[..1]).is_empty());
}
