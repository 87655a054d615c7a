//! One replication's counters, summed over the classes and KMS steps of a breakdown.

use super::delay::{may_be_delayed, quantile};
use super::values::Values;
use crate::engine::SECOND;
use crate::metrics::registry::METRICS;
use crate::model::{Class, Delivery, KmsStep, Plan};
use crate::simulation::record::{KmsStepCount, Record, histogram};
use std::collections::BTreeMap;

/// Which classes and KMS steps a breakdown is about.
pub(super) struct Subset<'a> {
    pub(super) classes: &'a dyn Fn(&Class) -> bool,
    pub(super) kms_steps: &'a dyn Fn(&Class, &KmsStep) -> bool,
    /// Of the other classes, the requests that are denied for these reasons: indices of [`Plan::denials`].
    pub(super) denials: &'a dyn Fn(usize) -> bool,
}

/// One replication's values of a selection; a metric without data is left out.
pub(super) fn tally(plan: &Plan, record: &Record, selection: &Subset<'_>) -> Values {
    let zeros = METRICS.iter().filter(|m| m.is_count()).map(|m| (m.id, 0));
    let mut counts: BTreeMap<&'static str, u64> = zeros.collect();
    let mut add = |id: &'static str, n: u64| *counts.entry(id).or_insert(0) += n;
    let (mut delayed, mut longest, mut with_need) = (histogram(), 0, 0);
    for (c, class) in plan
        .classes
        .iter()
        .enumerate()
        .filter(|(_, class)| (selection.classes)(class))
    {
        let n = &record.classes[c];
        // The simulation follows a denied request to its answer like any other: that answer is 403.
        let (succeeded, denied) = match class.denial {
            None => (n.succeeded, 0),
            Some(_) => (0, n.succeeded),
        };
        if class.tier.is_some() {
            add("s3_requests", n.requests);
            add("s3_requests_succeeded", succeeded);
            add("s3_requests_denied", denied + n.denied);
            add("s3_requests_failed", n.failed);
        } else {
            add("app_requests", n.requests);
            add("app_requests_denied", denied + n.denied);
            add("app_requests_failed", n.failed);
        }
        if let Some(call) = class
            .denial
            .and_then(|d| plan.denials[d].call_without_quota)
        {
            add("cloudtrail_kms_events", denied);
            let copies = copies(plan.denial_deliveries(&call));
            add("cloudtrail_kms_copies", denied * copies);
        }
        if class.request_rate.is_some() {
            add("s3_attempts", n.tries);
            add("s3_throttled", n.tries_throttled);
        }
        let data_copies = copies(plan.data_deliveries(class));
        add("cloudtrail_data_events", n.requests * data_copies);
        if may_be_delayed(class) {
            with_need += n.succeeded;
            record.delays[c].add_to(&mut delayed);
            longest = longest.max(record.delays[c].longest());
        }
    }
    for (l, kms_step) in plan
        .kms_steps
        .iter()
        .enumerate()
        .filter(|(_, kms_step)| (selection.kms_steps)(&plan.classes[kms_step.class], kms_step))
    {
        let n = &record.kms_steps[l];
        if kms_step.denial.is_some_and(selection.denials) {
            let of_s3 = plan.classes[kms_step.class].tier.is_some();
            let [requests, denied] = match of_s3 {
                true => ["s3_requests", "s3_requests_denied"],
                false => ["app_requests", "app_requests_denied"],
            };
            add(requests, n.denied);
            add(denied, n.denied);
        }
        if !kms_step.is_only_logged() {
            add("kms_needs", n.needs);
            add(kms_step.source.metric(), n.met);
            add("kms_calls", n.calls);
            add("kms_attempts", n.attempts);
            add("kms_admitted", n.admitted());
            add("kms_throttled", n.throttled());
            add("kms_retries", n.attempts - n.calls);
        }
        for account in plan.loggers(kms_step) {
            let events = events(plan, kms_step, n, account);
            add("cloudtrail_kms_events", events);
            let copies = copies(plan.kms_deliveries(kms_step, account));
            add("cloudtrail_kms_copies", events * copies);
        }
    }
    let mut values: Values = counts.iter().map(|(&id, &n)| (id, n as f64)).collect();
    let count = |id: &str| counts.get(id).copied().unwrap_or(0);
    if count("kms_attempts") > 0 {
        values.insert(
            "throttle_rate",
            count("kms_throttled") as f64 / count("kms_attempts") as f64,
        );
    }
    if count("s3_attempts") > 0 {
        values.insert(
            "s3_throttle_rate",
            count("s3_throttled") as f64 / count("s3_attempts") as f64,
        );
    }
    if with_need > 0 {
        let seconds = |ns: u64| ns as f64 / SECOND as f64;
        values.insert(
            "added_delay_s_p50",
            seconds(quantile(&delayed, with_need, 0.5).min(longest)),
        );
        values.insert(
            "added_delay_s_p99",
            seconds(quantile(&delayed, with_need, 0.99).min(longest)),
        );
        values.insert("added_delay_s_max", seconds(longest));
    }
    // The longest of the selection's jobs; none where one is unfinished.
    let jobs: Vec<Option<u64>> = (0..plan.workloads.len())
        .filter(|&w| {
            plan.classes
                .iter()
                .any(|class| class.workload == w && (selection.classes)(class))
        })
        .filter_map(|w| record.jobs[w])
        .collect();
    if let Some(longest) = jobs
        .iter()
        .copied()
        .collect::<Option<Vec<u64>>>()
        .and_then(|j| j.into_iter().max())
    {
        values.insert("job_completion_s", longest as f64 / SECOND as f64);
    }
    values
}

/// Copies that are delivered.
fn copies(deliveries: impl Iterator<Item = Delivery>) -> u64 {
    deliveries.map(|d| d.copies).sum()
}

/// KMS events of a KMS step's attempts in an account that logs them; the key's owner hears of none that was denied.
pub(super) fn events(plan: &Plan, kms_step: &KmsStep, n: &KmsStepCount, account: usize) -> u64 {
    let all = if plan.counting.throttled_attempts_logged {
        n.attempts
    } else {
        n.admitted()
    };
    if account == kms_step.account {
        all
    } else {
        all - n.denied
    }
}
