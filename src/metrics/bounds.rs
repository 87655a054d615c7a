//! What the figures of any run keep: every one is a finite number that can be read back, and no share is more than 1.

use super::registry::{Form, metric};
use crate::results::{Metrics, RunResults, VariantResults};

/// What of a run's results is no figure at all, where anything is; the first of it.
///
/// A run of whatever scenario has none: debug builds make sure of it after each.
pub fn fault(results: &RunResults) -> Option<String> {
    // A scenario that is only explained has no traffic, and so no figures to hang together.
    let has_figures = |v: &VariantResults| {
        v.metrics
            .values()
            .any(|e| e.values.iter().any(Option::is_some))
    };
    let together = if results.variants.iter().all(has_figures) {
        results.fault()
    } else {
        None
    };
    together.or_else(|| {
        let mut variants = results.variants.iter();
        variants.find_map(|v| of_variant(v).map(|what| format!("variant `{}`: {what}", v.name)))
    })
}

fn of_variant(v: &VariantResults) -> Option<String> {
    let things = v.breakdowns().into_iter().flat_map(|(_, all)| all);
    let quotas = v.by_quota.iter().chain(&v.by_s3_request_rate);
    let named = things
        .chain(quotas.map(|(name, quota)| (name, &quota.metrics)))
        .chain(
            v.by_trail
                .iter()
                .map(|(name, trail)| (name, &trail.metrics)),
        )
        .chain(
            v.others
                .iter()
                .map(|(name, others)| (name, &others.metrics)),
        );
    let mut parts = named.map(|(name, metrics)| (name.as_str(), metrics));
    beyond_one(&v.metrics).or_else(|| {
        parts
            .find_map(|(name, metrics)| beyond_one(metrics).map(|what| format!("`{name}`: {what}")))
    })
}

/// A share of more than all.
fn beyond_one(metrics: &Metrics) -> Option<String> {
    metrics.iter().find_map(|(id, estimate)| {
        let is_share = metric(id).is_some_and(|m| m.form == Form::Share);
        let mut values = estimate
            .values
            .iter()
            .copied()
            .chain([estimate.mean])
            .flatten();
        let large = values.find(|value| is_share && *value > 1.0)?;
        Some(format!("`{id}` is a share and {large}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_share_above_one_and_what_is_no_number_are_faults() {
        let good = fixture::variants(2);
        assert_eq!(fault(&good), None);
        for (id, value) in [
            ("throttle_rate", 1.5),
            ("quota_headroom", 2.0),
            ("kms_calls", f64::NAN),
            ("cost_total_usd", f64::INFINITY),
        ] {
            let mut results = good.clone();
            let estimate = results.variants[1].metrics.get_mut(id);
            estimate.expect("a metric").values[0] = Some(value);
            let what = fault(&results).expect("a fault");
            assert!(what.contains(id), "{what}");
        }
    }
}
