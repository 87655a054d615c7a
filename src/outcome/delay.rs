//! How long requests take: percentiles of the added delay, and the latency of which it is a part.

use super::values::Values;
use crate::engine::SECOND;
use crate::model::{Class, Plan};
use crate::results::DelayHistogram;
use crate::simulation::record::{Record, histogram, record_ns};
use crate::simulation::replication_key;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Parts of equal probability into which a service latency is cut when it is added to a delay.
const QUANTILES: usize = 64;

/// Whether requests of a class that end well may have been throttled: by KMS or by S3's request rate.
pub(super) fn may_be_delayed(class: &Class) -> bool {
    (class.kms_steps > 0 || class.request_rate.is_some()) && class.denial.is_none()
}

/// The q-quantile of `total` durations of which those in `h` are above zero \[ns\]: the smallest value
/// with at least q · total at or below it, to the middle of its bucket.
pub(super) fn quantile(h: &Histogram<u64>, total: u64, q: f64) -> u64 {
    let rank = ((q * total as f64).ceil() as u64).clamp(1, total);
    let Some(mut rank) = rank.checked_sub(total - h.len()).filter(|&r| r > 0) else {
        return 0;
    };
    for bucket in h.iter_recorded() {
        let n = bucket.count_since_last_iteration();
        if rank <= n {
            return h.median_equivalent(bucket.value_iterated_to());
        }
        rank -= n;
    }
    h.max()
}

/// Added delay + service latency of all requests that ended well.
///
/// Requests that were never throttled are one multinomial for each kind and number of calls; those
/// that were, one for each bucket of their delays, as with a call for each of their needs.
pub(super) fn latencies(
    plan: &Plan,
    record: &Record,
    seed: u64,
    replication: u64,
    values: &mut Values,
) {
    let mut all = histogram();
    let key = replication_key(seed, replication).named("service latency");
    for (kind, distributions) in [&plan.s3_latency, &plan.app_latency]
        .into_iter()
        .enumerate()
    {
        for (calls, distribution) in distributions.iter().enumerate() {
            let mut stream = key.with(kind as u64).with(calls as u64).stream();
            let classes = || {
                let all = plan.classes.iter().zip(&record.classes).enumerate();
                all.filter(|(_, (c, _))| {
                    usize::from(c.tier.is_none()) == kind && c.denial.is_none()
                })
            };
            let undelayed: u64 = classes().map(|(_, (_, n))| n.undelayed[calls]).sum();
            if undelayed > 0 {
                distribution.count(undelayed, &mut stream, |ns, n| record_ns(&mut all, ns, n));
            }
            let mut delays = histogram();
            for (c, _) in classes().filter(|(_, (c, _))| c.needs == calls) {
                record.delays[c].add_to(&mut delays);
            }
            if !delays.is_empty() {
                let coarse = distribution.quantiles(QUANTILES);
                for bucket in delays.iter_recorded() {
                    let delay = delays.median_equivalent(bucket.value_iterated_to());
                    let n = bucket.count_since_last_iteration();
                    coarse.count(n, &mut stream, |ns, n| record_ns(&mut all, delay + ns, n));
                }
            }
        }
    }
    if !all.is_empty() {
        for (id, q) in [
            ("latency_s_p50", 0.5),
            ("latency_s_p90", 0.9),
            ("latency_s_p99", 0.99),
        ] {
            values.insert(id, quantile(&all, all.len(), q) as f64 / SECOND as f64);
        }
    }
}

pub(super) fn delay_histogram(plan: &Plan, records: &[Record]) -> DelayHistogram {
    let mut buckets: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut undelayed = 0;
    for record in records {
        let classes = plan.classes.iter().enumerate();
        for (c, _) in classes.filter(|(_, class)| may_be_delayed(class)) {
            undelayed += record.classes[c].succeeded;
            if record.delays[c].is_empty() {
                continue;
            }
            let mut h = histogram();
            record.delays[c].add_to(&mut h);
            undelayed -= h.len();
            for bucket in h.iter_recorded() {
                let value = bucket.value_iterated_to();
                let entry = buckets
                    .entry(h.lowest_equivalent(value))
                    .or_insert((h.next_non_equivalent(value), 0));
                entry.1 += bucket.count_since_last_iteration();
            }
        }
    }
    let n = records.len().max(1) as f64;
    let mut out = DelayHistogram::default();
    let mut push = |low: f64, high: f64, count: u64| {
        out.lower_s.push(low);
        out.upper_s.push(high);
        out.count.push(count as f64 / n);
    };
    if undelayed > 0 {
        push(0.0, 0.0, undelayed);
    }
    for (low, (high, count)) in buckets {
        push(
            low as f64 / SECOND as f64,
            high as f64 / SECOND as f64,
            count,
        );
    }
    out
}
