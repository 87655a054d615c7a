//! The seconds that decide, of the first replication and of the one with the busiest second.

use super::quotas::of_service;
use crate::engine::limiter::Limiter;
use crate::model::retry::Service;
use crate::model::{Plan, Quota};
use crate::results::{DecisiveReplication, DecisiveStretch, WorkloadSecondCounts};
use crate::simulation::decisive::{DecisiveSeconds, SecondsStretch};
use crate::simulation::record::Record;
use indexmap::IndexMap;

/// What stands for the workloads that are not told apart.
const OTHERS: &str = "others";

/// By quota and request rate, of those whose seconds were recorded.
pub(super) fn decisive_seconds(
    plan: &Plan,
    records: &[Record],
) -> IndexMap<String, Vec<DecisiveReplication>> {
    let mut out = IndexMap::new();
    let quotas = of_service(plan, Service::Kms).chain(of_service(plan, Service::S3));
    for (q, quota) in quotas {
        let busiest = busiest_replication(records, q);
        let mut wanted = vec![0];
        wanted.extend(busiest.filter(|&replication| replication != 0));
        let of = |&replication: &usize| {
            let seen = records.get(replication)?.quotas[q].as_ref()?;
            let decisive = seen.decisive.as_ref()?;
            Some(DecisiveReplication {
                replication: replication as u32 + 1,
                has_busiest_second: busiest == Some(replication),
                busiest_second_at_s: seen.busiest.map(|(second, _)| second),
                seconds_throttled_left_out: decisive.left_out,
                stretches: stretches(plan, quota, decisive),
            })
        };
        let replications: Vec<DecisiveReplication> = wanted.iter().filter_map(of).collect();
        if replications.iter().any(|r| !r.stretches.is_empty()) {
            out.insert(quota.name.clone(), replications);
        }
    }
    out
}

/// The first of the replications with the busiest second of a quota; `None` without attempts.
fn busiest_replication(records: &[Record], q: usize) -> Option<usize> {
    let seen = records.iter().enumerate();
    let busiest = seen.filter_map(|(r, record)| Some((r, record.quotas[q].as_ref()?.busiest?.1)));
    let first = busiest.reduce(|a, b| if b.1 > a.1 { b } else { a });
    first.map(|(replication, _)| replication)
}

fn stretches(plan: &Plan, quota: &Quota, decisive: &DecisiveSeconds) -> Vec<DecisiveStretch> {
    let limiter = Limiter::new(quota.shape, &quota.steps);
    let mut first = 0;
    let each = decisive
        .stretches
        .iter()
        .map(|&SecondsStretch { from_s, seconds }| {
            let range = first..first + seconds;
            first += seconds;
            let mut quota_per_s: Vec<(u64, f64)> = Vec::new();
            for second in from_s..from_s + seconds as u64 {
                let per_s = limiter.per_second(second);
                if quota_per_s.last().is_none_or(|last| last.1 != per_s) {
                    quota_per_s.push((second, per_s));
                }
            }
            let mut by_workload: IndexMap<String, WorkloadSecondCounts> = IndexMap::new();
            for of in &decisive.workloads {
                let (attempts, throttled) =
                    (&of.attempts[range.clone()], &of.throttled[range.clone()]);
                if attempts.iter().all(|&n| n == 0) {
                    continue;
                }
                // A workload may have the name that stands for all others.
                let name = of.workload.map_or(OTHERS, |w| &plan.workloads[w].name);
                let counts = by_workload.entry(name.to_owned()).or_default();
                add(&mut counts.attempts, attempts);
                if throttled.iter().any(|&n| n > 0) {
                    add(&mut counts.throttled, throttled);
                }
            }
            DecisiveStretch {
                from_s,
                seconds,
                quota_per_s,
                by_workload,
            }
        });
    each.collect()
}

fn add(sums: &mut Vec<u64>, counts: &[u64]) {
    sums.resize(counts.len(), 0);
    sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
}
