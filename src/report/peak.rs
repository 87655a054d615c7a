//! The busiest second of a variant: when it is, and whose requests fill it.

use crate::catalog::limit_name;
use crate::metrics::number;
use crate::results::{DecisiveReplication, DecisiveStretch, VariantResults};

/// Workloads that a sentence names before it counts the others.
const NAMED: usize = 4;

/// What the busiest second of a quota held.
pub(super) struct Peak<'v> {
    /// The quota, `account/region/quota-code`.
    pub limit: &'v str,
    /// In which replication, counted from 1.
    pub replication: u32,
    /// Its start \[s\].
    pub at_s: u64,
    /// Attempts.
    pub attempts: u64,
    /// Of them throttled.
    pub throttled: u64,
    /// The quota in force \[1/s\].
    pub quota: f64,
    /// Attempts and throttled ones by workload, the most first.
    pub by_workload: Vec<(&'v str, u64, u64)>,
}

/// Where the busiest second of a variant's tightest quota is recorded.
pub(in crate::report) struct Moment<'v> {
    /// The quota, `account/region/quota-code`.
    pub limit: &'v str,
    /// The replication.
    pub replication: &'v DecisiveReplication,
    /// The stretch of seconds around it.
    pub stretch: &'v DecisiveStretch,
    /// The second \[s\].
    pub at_s: u64,
}

/// Where it is; `None` without attempts, or where it was not recorded.
pub(in crate::report) fn moment(v: &VariantResults) -> Option<Moment<'_>> {
    let (name, _) = v.tightest_quota()?;
    let (limit, replications) = v.decisive_seconds.get_key_value(name)?;
    let replication = replications.iter().find(|r| r.has_busiest_second)?;
    let at_s = replication.busiest_second_at_s?;
    let mut stretches = replication.stretches.iter();
    let stretch = stretches.find(|s| (s.from_s..s.from_s + s.seconds as u64).contains(&at_s))?;
    Some(Moment {
        limit,
        replication,
        stretch,
        at_s,
    })
}

/// The quota in force in a second of a stretch \[1/s\].
pub(in crate::report) fn quota_in_force(stretch: &DecisiveStretch, second: u64) -> f64 {
    let mut steps = stretch.quota_per_s.iter().rev();
    steps.find(|(from, _)| *from <= second).map_or(0.0, |q| q.1)
}

/// The busiest second of the variant's tightest quota, as it is recorded.
pub(super) fn peak(v: &VariantResults) -> Option<Peak<'_>> {
    let Moment {
        limit,
        replication,
        stretch,
        at_s,
    } = moment(v)?;
    let i = (at_s - stretch.from_s) as usize;
    let all = stretch.by_workload.iter().map(|(name, counts)| {
        let at = |all: &[u64]| all.get(i).copied().unwrap_or(0);
        (name.as_str(), at(&counts.attempts), at(&counts.throttled))
    });
    let mut by_workload: Vec<_> = all.filter(|w| w.1 > 0).collect();
    by_workload.sort_by_key(|w| std::cmp::Reverse(w.1));
    Some(Peak {
        limit,
        replication: replication.replication,
        at_s,
        attempts: by_workload.iter().map(|w| w.1).sum(),
        throttled: by_workload.iter().map(|w| w.2).sum(),
        quota: quota_in_force(stretch, at_s),
        by_workload,
    })
}

/// When the busiest second is and who fills it, in two sentences.
pub(super) fn sentence(v: &VariantResults) -> Option<String> {
    let peak = peak(v)?;
    let per_s = |n: f64| number::value("", "1/s", n);
    let share = |n: u64| number::whole_percent(n as f64 / peak.attempts.max(1) as f64);
    let named = peak.by_workload.iter().take(NAMED);
    let mut by: Vec<String> = named.map(|w| format!("{} {}", w.0, share(w.1))).collect();
    let others: u64 = peak.by_workload.iter().skip(NAMED).map(|w| w.1).sum();
    if others > 0 {
        by.push(format!("others {}", share(others)));
    }
    let (at, rest) = (number::clock(peak.at_s), peak.throttled);
    let refused = match rest {
        0 => "none throttled".to_owned(),
        n => format!("{} throttled", number::grouped(n as f64, 0)),
    };
    Some(format!(
        "Busiest second of {}: {} at {at} (replication {}), against {} for {}; {refused}. Asked for by {}.",
        v.name,
        per_s(peak.attempts as f64),
        peak.replication,
        per_s(peak.quota),
        limit_name(peak.limit),
        by.join(", "),
    ))
}
