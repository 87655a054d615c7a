//! Has a variant got worse than an earlier run of it? For builds that must not.
//!
//! Only metrics of which one side is better count, and only differences that the 95 % interval shows and that are
//! larger than the noise, a share of the baseline's mean. A value that the baseline had and the variant lacks is
//! worse. Left out: corrections for looking at many metrics at once, which the noise stands in for.

use super::variants::compare;
use crate::metrics::registry::metric;
use crate::results::{Comparison, Difference, RunResults, Verdict};

/// A run held against an earlier one.
#[derive(Clone, Debug)]
pub struct Regressions {
    /// Each variant that both have, the earlier one as the baseline.
    pub comparisons: Vec<Comparison>,
    /// Variant and metric that got worse.
    pub worse: Vec<(String, String)>,
    /// Variants that the earlier run lacks.
    pub new: Vec<String>,
    /// Variants that only the earlier run has.
    pub gone: Vec<String>,
}

/// Holds every variant against its namesake in `baseline`; `noise` is a share of the baseline's mean.
pub fn regressions(baseline: &RunResults, results: &RunResults, noise: f64) -> Regressions {
    let mut out = Regressions {
        comparisons: Vec::new(),
        worse: Vec::new(),
        new: Vec::new(),
        gone: Vec::new(),
    };
    let has = |r: &RunResults, name: &str| r.variants.iter().any(|v| v.name == name);
    for variant in &results.variants {
        let Some(earlier) = baseline.variants.iter().find(|v| v.name == variant.name) else {
            out.new.push(variant.name.clone());
            continue;
        };
        let mut comparison = compare(earlier, variant, baseline.seed == results.seed);
        for (id, d) in &comparison.metrics {
            if is_worse(id, d, noise) {
                out.worse.push((variant.name.clone(), id.clone()));
            }
        }
        comparison.baseline = format!("earlier {}", earlier.name);
        out.comparisons.push(comparison);
    }
    let names = baseline.variants.iter().map(|v| &v.name);
    out.gone = names.filter(|n| !has(results, n)).cloned().collect();
    out
}

fn is_worse(id: &str, d: &Difference, noise: f64) -> bool {
    if metric(id).and_then(|m| m.smaller_is_better).is_none() {
        return false;
    }
    let Some(before) = d.baseline else {
        return false;
    };
    if d.variant.is_none() {
        return true;
    }
    let (Some(low), Some(high)) = (d.ci_low, d.ci_high) else {
        return false;
    };
    // The end of the interval that is nearer to zero: what the difference is at least.
    let least = if low > 0.0 { low } else { -high };
    d.verdict == Verdict::Worse && least > noise * before.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::{run, variant};

    #[test]
    fn only_what_got_worse_beyond_the_noise_counts() {
        let values = |x: f64| vec![Some(x), Some(x + 1.0), Some(x + 2.0)];
        let (ten, eleven, hundred) = (values(10.0), values(11.0), values(100.0));
        let none = vec![None; 3];
        let before = run(
            1,
            vec![variant(
                "a",
                "x",
                &[
                    ("kms_throttled", &ten),
                    ("kms_needs", &ten),
                    ("quota_headroom", &hundred),
                    ("job_completion_s", &ten),
                ],
            )],
        );
        let after = run(
            1,
            vec![
                variant(
                    "a",
                    "x",
                    &[
                        ("kms_throttled", &eleven),
                        ("kms_needs", &hundred),
                        ("quota_headroom", &ten),
                        ("job_completion_s", &none),
                    ],
                ),
                variant("b", "x", &[("kms_throttled", &ten)]),
            ],
        );
        let worse = |noise| -> Vec<String> {
            let found = regressions(&before, &after, noise).worse;
            found.into_iter().map(|(_, id)| id).collect()
        };
        // The paired difference is 1 of a mean of 11, exactly.
        assert_eq!(
            worse(0.0),
            ["kms_throttled", "quota_headroom", "job_completion_s"]
        );
        assert_eq!(worse(0.1), ["quota_headroom", "job_completion_s"]);
        let found = regressions(&before, &after, 0.0);
        assert_eq!(
            (found.new.as_slice(), found.gone.len()),
            (&["b".to_owned()][..], 0)
        );
        assert_eq!(regressions(&after, &before, 0.0).gone, ["b"]);
        assert!(regressions(&before, &before, 0.0).worse.is_empty());
    }
}
