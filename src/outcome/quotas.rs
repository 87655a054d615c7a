//! Request quotas of KMS and request rates of S3: what each saw, and the extremes over all of them.

use super::values::{Values, estimates};
use crate::engine::limiter::Limiter;
use crate::model::retry::Service;
use crate::model::{Plan, Quota};
use crate::results::{Metrics, QuotaResults};
use crate::simulation::record::{QuotaRecord, Record};
use indexmap::IndexMap;

/// Share of the quota above which AWS suggests an alarm.
const ALARM: f64 = 0.8;

pub(super) fn quota_extremes(plan: &Plan, record: &Record, values: &mut Values) {
    let of = |service: Service| {
        let all = plan.quotas.iter().zip(&record.quotas);
        all.filter(move |(quota, _)| quota.service == service)
            .filter_map(|(_, record)| record.as_ref())
    };
    let all = || of(Service::S3);
    if plan.quotas.iter().any(|q| q.service == Service::S3) {
        values.insert("s3_attempts_per_s_max", busiest(all()) as f64);
        values.insert("s3_headroom", all().map(|q| q.headroom).fold(1.0, f64::min));
        values.insert(
            "s3_seconds_throttled_count",
            all().map(|q| q.seconds_throttled).max().unwrap_or(0) as f64,
        );
    }
    let all = || of(Service::Kms);
    if plan.quotas.iter().any(|q| q.service == Service::Kms) {
        values.insert("kms_attempts_per_s_max", busiest(all()) as f64);
        values.insert(
            "quota_headroom",
            all().map(|q| q.headroom).fold(1.0, f64::min),
        );
        values.insert(
            "seconds_throttled_count",
            all().map(|q| q.seconds_throttled).max().unwrap_or(0) as f64,
        );
        let minutes: Vec<BusiestMinute> = of_service(plan, Service::Kms)
            .map(|(q, _)| match &record.quotas[q] {
                Some(seen) => cloudwatch(plan, q, seen),
                None => cloudwatch(plan, q, &QuotaRecord::new(plan.horizon_s)),
            })
            .collect();
        // Silent are they only if each is known to be.
        let all: Option<Vec<bool>> = minutes.iter().map(|m| m.fired).collect();
        let any = minutes.iter().any(|m| m.fired == Some(true));
        let peaks: Option<Vec<f64>> = minutes.iter().map(|m| m.per_s).collect();
        let busiest = BusiestMinute {
            per_s: peaks.map(|p| p.into_iter().fold(0.0, f64::max)),
            fired: if any { Some(true) } else { all.map(|_| false) },
        };
        busiest.insert_into(values);
    }
}

/// Most attempts in a second that any of these quotas saw.
fn busiest<'r>(quotas: impl Iterator<Item = &'r QuotaRecord>) -> u64 {
    let busiest = quotas
        .filter_map(|q| q.busiest)
        .map(|(_, attempts)| attempts);
    busiest.max().unwrap_or(0)
}

/// The busiest minute as CloudWatch shows it.
struct BusiestMinute {
    /// Its mean \[1/s\]; `None` without a whole minute.
    per_s: Option<f64>,
    /// Whether an 80 % alarm would have fired; `None` where no whole minute shows that it would not.
    fired: Option<bool>,
}

impl BusiestMinute {
    fn insert_into(&self, values: &mut Values) {
        if let Some(per_s) = self.per_s {
            values.insert("cloudwatch_attempts_per_s_max", per_s);
        }
        if let Some(fired) = self.fired {
            values.insert("cloudwatch_alarm_80_percent", f64::from(u8::from(fired)));
        }
    }
}

/// The busiest minute since the end of the warm-up. A minute that the horizon cuts, or that lies after it, holds less
/// than it would in traffic that goes on: it can show that the alarm fires, but not that it is silent.
fn cloudwatch(plan: &Plan, q: usize, record: &QuotaRecord) -> BusiestMinute {
    let limiter = Limiter::new(plan.quotas[q].shape, &plan.quotas[q].steps);
    let first = plan.warm_up_s.div_ceil(60) as usize;
    let has_whole = first < (plan.horizon_s / 60) as usize;
    let (mut peak, mut fired) = (0.0_f64, false);
    for (m, &n) in record.minutes.iter().enumerate().skip(first) {
        let per_s = n as f64 / 60.0;
        peak = peak.max(per_s);
        fired |= per_s > ALARM * limiter.per_second(m as u64 * 60);
    }
    BusiestMinute {
        per_s: has_whole.then_some(peak),
        fired: (fired || has_whole).then_some(fired),
    }
}

pub(super) fn by_quota(plan: &Plan, records: &[Record]) -> IndexMap<String, QuotaResults> {
    let mut out = IndexMap::new();
    // The KMS steps that draw on each, and which of their quotas it is.
    let mut asking = vec![Vec::new(); plan.quotas.len()];
    for (l, kms_step) in plan.kms_steps.iter().enumerate() {
        for (i, &q) in kms_step.quotas.iter().enumerate() {
            asking[q].push((l, i));
        }
    }
    for (q, quota) in of_service(plan, Service::Kms) {
        let values: Vec<Values> = records
            .iter()
            .map(|record| {
                let (mut attempts, mut throttled) = (0, 0);
                for &(l, i) in &asking[q] {
                    let n = &record.kms_steps[l];
                    // An attempt that another quota refused counts at that one only.
                    attempts += n.admitted() + n.throttled_by[i];
                    throttled += n.throttled_by[i];
                }
                let mut values = Values::from([
                    ("kms_attempts", attempts as f64),
                    ("kms_throttled", throttled as f64),
                    ("kms_admitted", (attempts - throttled) as f64),
                ]);
                if attempts > 0 {
                    values.insert("throttle_rate", throttled as f64 / attempts as f64);
                }
                let empty = QuotaRecord::new(plan.horizon_s);
                let seen = record.quotas[q].as_ref().unwrap_or(&empty);
                values.insert(
                    "kms_attempts_per_s_max",
                    seen.busiest.map_or(0, |b| b.1) as f64,
                );
                values.insert("quota_headroom", seen.headroom);
                values.insert("seconds_throttled_count", seen.seconds_throttled as f64);
                cloudwatch(plan, q, seen).insert_into(&mut values);
                values
            })
            .collect();
        let metrics = estimates(&values, |m| m.scope.of_quotas());
        let seconds_throttled = metrics["seconds_throttled_count"].mean;
        out.insert(
            quota.name.clone(),
            quota_results(plan, records, q, seconds_throttled, metrics),
        );
    }
    out
}

pub(super) fn of_service(plan: &Plan, service: Service) -> impl Iterator<Item = (usize, &Quota)> {
    let all = plan.quotas.iter().enumerate();
    all.filter(move |(_, quota)| quota.service == service)
}

pub(super) fn by_request_rate(plan: &Plan, records: &[Record]) -> IndexMap<String, QuotaResults> {
    let mut out = IndexMap::new();
    // The classes that draw on each.
    let mut asking = vec![Vec::new(); plan.quotas.len()];
    for (c, class) in plan.classes.iter().enumerate() {
        class.request_rate.iter().for_each(|&q| asking[q].push(c));
    }
    for (q, quota) in of_service(plan, Service::S3) {
        let values: Vec<Values> = records
            .iter()
            .map(|record| {
                let (mut attempts, mut throttled) = (0, 0);
                for &c in &asking[q] {
                    let n = &record.classes[c];
                    attempts += n.tries;
                    throttled += n.tries_throttled;
                }
                let mut values = Values::from([
                    ("s3_attempts", attempts as f64),
                    ("s3_throttled", throttled as f64),
                ]);
                if attempts > 0 {
                    values.insert("s3_throttle_rate", throttled as f64 / attempts as f64);
                }
                let empty = QuotaRecord::new(plan.horizon_s);
                let seen = record.quotas[q].as_ref().unwrap_or(&empty);
                values.insert("s3_attempts_per_s_max", busiest([seen].into_iter()) as f64);
                values.insert("s3_headroom", seen.headroom);
                values.insert("s3_seconds_throttled_count", seen.seconds_throttled as f64);
                values
            })
            .collect();
        let metrics = estimates(&values, |m| m.scope.of_request_rates());
        let seconds_throttled = metrics["s3_seconds_throttled_count"].mean;
        out.insert(
            quota.name.clone(),
            quota_results(plan, records, q, seconds_throttled, metrics),
        );
    }
    out
}

fn quota_results(
    plan: &Plan,
    records: &[Record],
    q: usize,
    seconds_throttled: Option<f64>,
    metrics: Metrics,
) -> QuotaResults {
    let seen = || records.iter().filter_map(|r| r.quotas[q].as_ref());
    // The first of the busiest, in the order of replications.
    let busiest = seen()
        .filter_map(|seen| seen.busiest)
        .reduce(|a, b| if b.1 > a.1 { b } else { a });
    let quota = &plan.quotas[q];
    QuotaResults {
        quota: Limiter::new(quota.shape, &quota.steps).per_second(plan.warm_up_s),
        seconds_throttled: seconds_throttled.unwrap_or(0.0),
        first_throttled_at_s: seen().filter_map(|seen| seen.first_throttled).min(),
        busiest_second_at_s: busiest.map(|(second, _)| second),
        busiest_second_attempts: busiest.map(|(_, attempts)| attempts),
        metrics,
    }
}
