//! Every metric, every workload's and the bill of one variant against another's.

use super::difference::difference;
use super::loss::{loses_more, part_loses_more};
use super::settings::settings;
use crate::metrics::registry::metric;
use crate::metrics::top::ApartRows;
use crate::results::{
    Comparison, Difference, Estimate, Metrics, RunResults, VariantResults, Verdict, replications,
};
use indexmap::{IndexMap, IndexSet};
use std::borrow::Cow;

/// The breakdown that comparisons have.
const BY_WORKLOAD: &str = "by_workload";

/// The variant against the baseline; `same_seed` tells whether both were run with one master seed.
///
/// Paired where the seeds, the arrivals and the number of replications are equal.
pub fn compare(baseline: &VariantResults, variant: &VariantResults, same_seed: bool) -> Comparison {
    let unpaired_because = obstacle(baseline, variant, same_seed);
    let paired = unpaired_because.is_none();
    let part = |a: &Metrics, b: &Metrics| {
        let lost = part_loses_more(b, a, paired);
        discounted(differences(a, b, paired), lost)
    };
    let rows = ComparableRows::of(baseline, variant);
    let workloads = union(&rows.baseline, &rows.variant);
    let by_workload = workloads.map(|name| {
        let of = |rows: &IndexMap<String, Metrics>| rows.get(name).cloned().unwrap_or_default();
        (name.clone(), part(&of(&rows.baseline), &of(&rows.variant)))
    });
    let lost = loses_more(variant, baseline, paired);
    let metrics = differences(&baseline.metrics, &variant.metrics, paired);
    Comparison {
        baseline: baseline.name.clone(),
        variant: variant.name.clone(),
        paired,
        unpaired_because,
        settings: Vec::new(),
        metrics: discounted(metrics, lost),
        by_workload: by_workload.collect(),
        other_workloads: match &rows.others {
            Some([a, b]) => part(a, b),
            None => IndexMap::new(),
        },
        bill: discounted(bill(baseline, variant, paired), lost),
    }
}

/// The workloads of two variants that can be compared one by one.
struct ComparableRows<'v> {
    baseline: Cow<'v, IndexMap<String, Metrics>>,
    variant: Cow<'v, IndexMap<String, Metrics>>,
    /// All others of each, where either has some that it does not tell apart.
    others: Option<[Metrics; 2]>,
}

/// Whether either has workloads that it does not tell apart.
pub(super) fn fewer_rows(baseline: &VariantResults, variant: &VariantResults) -> bool {
    [baseline, variant]
        .iter()
        .any(|v| v.others.contains_key(BY_WORKLOAD))
}

impl<'v> ComparableRows<'v> {
    fn of(baseline: &'v VariantResults, variant: &'v VariantResults) -> ComparableRows<'v> {
        if !fewer_rows(baseline, variant) {
            return ComparableRows {
                baseline: Cow::Borrowed(&baseline.by_workload),
                variant: Cow::Borrowed(&variant.by_workload),
                others: None,
            };
        }
        let (a, b) = (
            ApartRows::of(baseline, BY_WORKLOAD),
            ApartRows::of(variant, BY_WORKLOAD),
        );
        // What only one has a row of may be among the others of the other.
        let may_be_hidden =
            |of: &ApartRows, name: &String| of.others.is_some() && !of.rows.contains_key(name);
        let keep: IndexSet<String> = union(&a.rows, &b.rows)
            .filter(|name| ![&a, &b].iter().any(|of| may_be_hidden(of, name)))
            .cloned()
            .collect();
        let split = |of: ApartRows| {
            let kept = of.keeping(&keep);
            (kept.rows, kept.others.unwrap_or_default().metrics)
        };
        let ((a, a_others), (b, b_others)) = (split(a), split(b));
        ComparableRows {
            baseline: Cow::Owned(a),
            variant: Cow::Owned(b),
            others: Some([a_others, b_others]),
        }
    }
}

/// Differences, of which none is called better where the variant loses more of its work.
fn discounted(
    mut differences: IndexMap<String, Difference>,
    loses_more: bool,
) -> IndexMap<String, Difference> {
    if loses_more {
        let better = differences
            .values_mut()
            .filter(|d| d.verdict == Verdict::Better);
        better.for_each(|d| d.verdict = Verdict::WorkLost);
    }
    differences
}

/// Why two variants' replications cannot be paired.
pub(super) fn obstacle(a: &VariantResults, b: &VariantResults, same_seed: bool) -> Option<String> {
    let (n, m) = (replications(&a.metrics), replications(&b.metrics));
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
    let only_b = b.keys().filter(|id| !a.contains_key(id));
    a.keys()
        .chain(only_b)
        .map(|id| {
            let found = difference(better(id), a.get(id), b.get(id), paired);
            (id.clone(), found)
        })
        .collect()
}

/// Differences of the bill's lines; a line that is not there is an amount of zero.
fn bill(a: &VariantResults, b: &VariantResults, paired: bool) -> IndexMap<String, Difference> {
    let (lines_a, lines_b) = (amounts(a), amounts(b));
    let zeros =
        |v: &VariantResults| Estimate::over(vec![Some(0.0); replications(&v.metrics)], "USD");
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
fn amounts(v: &VariantResults) -> IndexMap<String, Estimate> {
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
