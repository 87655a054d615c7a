//! A run's results with the largest rows of each breakdown only, and all others as one.

use super::variants::{compare, fewer_rows};
use crate::metrics::top;
use crate::results::{RunResults, ThresholdResult};
use indexmap::IndexSet;

/// The results as they are written and shown. Results of few things stay as they are.
///
/// Workloads that a threshold names are kept, as far as these are no more than the largest are; those first whose threshold
/// fails.
#[must_use]
pub fn shortened(mut results: RunResults) -> RunResults {
    let (failing, others): (Vec<&ThresholdResult>, Vec<&ThresholdResult>) =
        results.thresholds.iter().partition(|t| t.verdict.fails());
    let named = failing.into_iter().chain(others);
    let named: IndexSet<&str> = named.filter_map(|t| t.workload.as_deref()).collect();
    let named: Vec<&str> = named.into_iter().take(top::TOP).collect();
    top::shorten(&mut results.variants, &named);
    for c in &mut results.comparisons {
        let find = |name: &str| results.variants.iter().find(|v| v.name == name);
        if let Some((baseline, variant)) = find(&c.baseline).zip(find(&c.variant))
            && fewer_rows(baseline, variant)
        {
            // By the rows that are left; all else of the comparison stays.
            let again = compare(baseline, variant, c.paired);
            c.by_workload = again.by_workload;
            c.other_workloads = again.other_workloads;
        }
    }
    results
}
