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
                        .map(|&(sum, _)| sum as f64 / bin_s as f64)
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
                            let minutes = r[q].minutes.iter().skip(first).take(last - first + 1);
                            minutes.max().map_or(0.0, |&n| n as f64 / 60.0)
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
