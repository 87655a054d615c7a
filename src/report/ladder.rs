//! The variants side by side in one line each: how each stands, how far it fills its quota, what it loses, what it costs.

use super::page::{Course, Fit, Grid};
use super::verdict;
use crate::compare::lost_share;
use crate::metrics::estimate::total_cost;
use crate::metrics::number;
use crate::results::{Estimate, RunResults, VariantResults};

const HEADER: [&str; 6] = [
    "variant",
    "verdict",
    "peak of quota",
    "throttled",
    "work lost",
    "cost",
];

/// The share of its tightest quota that a variant's busiest second asks for.
pub(super) fn peak(v: &VariantResults) -> Option<Estimate> {
    let (_, quota) = v.tightest_quota()?;
    let headroom = quota.metrics.get("quota_headroom")?;
    let used = headroom.values.iter().map(|h| h.map(|h| 1.0 - h));
    Some(Estimate::over(used.collect(), "1"))
}

/// Attempts throttled, by KMS or by S3, whichever share is larger.
fn throttled(v: &VariantResults) -> Option<(&'static str, &Estimate)> {
    let of = |id: &'static str| Some((id, v.metrics.get(id).filter(|e| e.mean.is_some())?));
    let both = [of("throttle_rate"), of("s3_throttle_rate")];
    let both = both.into_iter().flatten();
    both.max_by(|a, b| a.1.mean.unwrap_or(0.0).total_cmp(&b.1.mean.unwrap_or(0.0)))
}

/// A line for each variant.
pub(super) fn grid(results: &RunResults) -> Grid {
    let verdicts = verdict::rows(results);
    let rows = results.variants.iter().map(|v| {
        let stands = verdicts.iter().find(|row| row[0] == v.name);
        let none = || number::NO_DATA.to_owned();
        let share =
            |e: Option<&Estimate>| e.map_or_else(none, |e| number::rounded("throttle_rate", e));
        [
            v.name.clone(),
            stands.map_or_else(String::new, |row| row[1].clone()),
            share(peak(v).as_ref()),
            throttled(v).map_or_else(none, |(id, e)| number::rounded(id, e)),
            share(Some(&lost_share(v))),
            total_cost(&v.metrics).map_or_else(none, |(id, e, _)| number::rounded(id, e)),
        ]
    });
    Grid {
        numbers: vec![false, false, true, true, true, true],
        fit: Fit::Bare,
        ..Grid::new(HEADER, rows.collect())
    }
}

/// How each variant uses its tightest quota over time, in at most so many steps.
pub(super) fn courses(results: &RunResults) -> Vec<Course> {
    let courses = results.variants.iter().filter_map(|v| {
        let (name, _) = v.tightest_quota()?;
        let series = v.series.quotas.get(name)?;
        let bins = series
            .kms_attempts_per_s
            .max
            .iter()
            .zip(&series.quota_per_s);
        let peaks: Vec<f64> = bins
            .map(|(attempts, quota)| match *quota > 0.0 {
                true => attempts / quota,
                false => 0.0,
            })
            .collect();
        let most = peaks.iter().copied().fold(0.0, f64::max);
        (most > 0.0).then(|| Course {
            name: v.name.clone(),
            note: number::whole_percent(most),
            peaks,
        })
    });
    courses.collect()
}
