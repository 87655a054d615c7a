//! Time series of the quotas on a common time axis, and the distribution of the added delay.

use super::delay::delay_histogram;
use super::quotas::of_service;
use crate::engine::limiter::Limiter;
use crate::metrics::estimate::Moments;
use crate::model::Plan;
use crate::model::retry::Service;
use crate::results::{BinSeries, QuotaSeries, Series};
use crate::simulation::record::{QuotaBin, QuotaRecord, Record};

pub(super) fn series(plan: &Plan, records: &[Record]) -> Series {
    let base = QuotaRecord::new(plan.horizon_s).bin_s;
    let bin_s = records
        .iter()
        .flat_map(|r| r.quotas.iter().flatten())
        .map(|q| q.bin_s)
        .max()
        .unwrap_or(base);
    let widened: Vec<Vec<QuotaRecord>> = records
        .iter()
        .map(|r| {
            r.quotas
                .iter()
                .map(|q| {
                    let mut q = q
                        .clone()
                        .unwrap_or_else(|| QuotaRecord::new(plan.horizon_s));
                    q.widen(bin_s);
                    q
                })
                .collect()
        })
        .collect();
    let used = widened
        .iter()
        .flatten()
        .map(|q| q.bins.len())
        .max()
        .unwrap_or(0);
    let bins = used.max(plan.horizon_s.div_ceil(bin_s) as usize);
    // The last bin and minute are as wide as the run goes on in them.
    let ends = widened.iter().flatten().map(|q| q.end_s);
    let end = ends.fold(plan.horizon_s, u64::max);
    let width = |i: usize, each: u64| {
        let from = i as u64 * each;
        (from + each).min(end).saturating_sub(from).max(1) as f64
    };
    let quotas = of_service(plan, Service::Kms)
        .map(|(q, quota)| {
            let of = |f: &dyn Fn(&QuotaBin) -> (u64, u64)| {
                let mut s = BinSeries::default();
                for b in 0..bins {
                    let bins: Vec<(u64, u64)> = widened
                        .iter()
                        .map(|r| r[q].bins.get(b).map_or((0, 0), f))
                        .collect();
                    let rates: Vec<f64> = bins
                        .iter()
                        .map(|&(sum, _)| sum as f64 / width(b, bin_s))
                        .collect();
                    let moments = Moments::of(&rates);
                    let interval = moments.and_then(|m| m.interval());
                    s.mean.push(moments.map_or(0.0, |m| m.mean));
                    s.max
                        .push(bins.iter().map(|b| b.1).max().unwrap_or(0) as f64);
                    s.ci_low.push(interval.map(|i| i.0));
                    s.ci_high.push(interval.map(|i| i.1));
                }
                s
            };
            let limiter = Limiter::new(quota.shape, &quota.steps);
            let quota_per_s = (0..bins as u64)
                .map(|b| {
                    // The rate changes at most at the steps, and at most a window later.
                    let (from, to) = (b * bin_s, (b + 1) * bin_s);
                    let changes = quota
                        .steps
                        .iter()
                        .flat_map(|s| [s.from_s, s.from_s + s.den]);
                    std::iter::once(from)
                        .chain(changes.filter(|&s| from < s && s < to))
                        .map(|s| limiter.per_second(s))
                        .fold(f64::INFINITY, f64::min)
                })
                .collect();
            let cloudwatch_per_s = (0..bins as u64)
                .map(|b| {
                    let first = (b * bin_s / 60) as usize;
                    let last = (((b + 1) * bin_s - 1) / 60) as usize;
                    let sum: f64 = widened
                        .iter()
                        .map(|r| {
                            let minutes = r[q].minutes.iter().enumerate();
                            let minutes = minutes.skip(first).take(last - first + 1);
                            let per_s = minutes.map(|(m, &n)| n as f64 / width(m, 60));
                            per_s.fold(0.0, f64::max)
                        })
                        .sum();
                    sum / records.len().max(1) as f64
                })
                .collect();
            let series = QuotaSeries {
                kms_attempts_per_s: of(&|b| (b.attempts, b.attempts_max)),
                kms_throttled_per_s: of(&|b| (b.throttled, b.throttled_max)),
                quota_per_s,
                cloudwatch_per_s,
            };
            (quota.name.clone(), series)
        })
        .collect();
    Series {
        bin_s,
        t_s: (0..bins as u64).map(|b| b * bin_s).collect(),
        added_delay: delay_histogram(plan, records),
        quotas,
    }
}
