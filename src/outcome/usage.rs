//! What a replication used, for the bill.

use super::tally::events;
use crate::billing::{Charge, Payer, Usage};
use crate::catalog::{MONTH_S, S3Tier};
use crate::model::{Kind, Plan};
use crate::simulation::record::{KmsStepCount, Record};

/// Whether the traffic is one of a kind, so that a monthly bill has no meaning.
pub(super) fn is_one_off(plan: &Plan) -> bool {
    plan.workloads.iter().any(|w| match &w.kind {
        Kind::Job { .. } => true,
        Kind::Trace { trace, .. } => !trace.repeat,
        Kind::Open { .. } => false,
    })
}

/// What a replication used, for the bill.
pub(super) fn usage(plan: &Plan, record: &Record) -> Usage {
    let payer =
        |account: usize, region: usize| Payer::new(&plan.accounts[account], &plan.regions[region]);
    let mut usage = Usage {
        measured_s: plan.horizon_s - plan.warm_up_s,
        ..Usage::default()
    };
    for (l, kms_step) in plan.kms_steps.iter().enumerate() {
        let caller = payer(kms_step.account, kms_step.region);
        let billed = |n: &KmsStepCount| {
            if plan.counting.throttled_attempts_billed {
                n.attempts
            } else {
                n.admitted()
            }
        };
        let mut before = 0;
        let ends = record
            .periods
            .iter()
            .map(|kms_steps| &kms_steps[l])
            .chain([&record.kms_steps[l]]);
        for (period, cumulated) in ends.enumerate() {
            let n = billed(cumulated);
            usage.add_kms_requests(
                &caller,
                kms_step.price_item,
                period as u64 * MONTH_S,
                n - before,
            );
            before = n;
        }
        for account in plan.loggers(kms_step) {
            let further = plan
                .kms_copies(account, kms_step.operation)
                .saturating_sub(1);
            let copies = events(plan, kms_step, &record.kms_steps[l], account) * further;
            if copies > 0 {
                usage.add(
                    Charge::CLOUDTRAIL_COPIES,
                    payer(account, kms_step.region),
                    copies,
                );
            }
        }
    }
    for (class, n) in plan.classes.iter().zip(&record.classes) {
        if let Some(call) = class
            .denial
            .and_then(|d| plan.denials[d].call_without_quota)
        {
            let further = plan
                .kms_copies(call.account, call.operation)
                .saturating_sub(1);
            let copies = n.succeeded * further;
            if copies > 0 {
                usage.add(
                    Charge::CLOUDTRAIL_COPIES,
                    payer(call.account, call.region),
                    copies,
                );
            }
        }
        if let Some(b) = class.bucket {
            let bucket = &plan.buckets[b];
            let copies = n.requests * plan.data_copies(b);
            if copies > 0 {
                usage.add(
                    Charge::DATA_EVENTS,
                    payer(bucket.account, bucket.region),
                    copies,
                );
            }
        }
    }
    for group in &plan.log_groups {
        let (ingested, _) = group.bytes(plan.warm_up_s, plan.horizon_s);
        usage.add(
            Charge::LOG_BYTES,
            payer(group.account, group.region),
            ingested,
        );
    }
    for key in plan.keys.iter().filter(|k| k.charged) {
        usage.add(
            Charge::KEY_SECONDS,
            payer(key.account, key.region),
            usage.measured_s,
        );
    }
    for (c, class) in plan.classes.iter().enumerate() {
        if let (Some(tier), Some(bucket)) = (class.tier, class.bucket) {
            let bucket = &plan.buckets[bucket];
            // 5xx answers and KMS's 400 are not billed, 403s are within the owner's organization.
            let n = &record.classes[c];
            let kms_steps = plan.kms_steps_of(class);
            let refused = kms_steps.iter().flat_map(|l| &l.refusals).any(|r| r.billed);
            let billed = class.denial.is_none_or(|d| plan.denials[d].billed);
            let n = u64::from(billed) * n.succeeded + u64::from(refused) * n.denied;
            let charge = match tier {
                S3Tier::Tier1 => Charge::S3_TIER_1,
                S3Tier::Tier2 => Charge::S3_TIER_2,
                S3Tier::Free => continue,
            };
            usage.add(charge, payer(bucket.account, bucket.region), n);
        }
    }
    usage
}
