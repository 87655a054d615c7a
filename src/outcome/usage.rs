//! What a replication used, for the bill.

use super::trails::{charge, delivered};
use crate::billing::{Charge, Payer, Usage};
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
    let mut usage = Usage::of(&plan.months, plan.warm_up_s..plan.horizon_s);
    for (l, kms_step) in plan.kms_steps.iter().enumerate() {
        let caller = payer(kms_step.account, kms_step.region);
        let billed = |n: &KmsStepCount| {
            if kms_step.is_only_logged() {
                0
            } else if plan.counting.throttled_attempts_billed {
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
        for (month, cumulated) in ends.enumerate() {
            let n = billed(cumulated);
            usage.add_kms_requests(&caller, kms_step.price_item, month, n - before);
            before = n;
        }
    }
    charge(plan, &delivered(plan, record), &mut usage);
    for group in &plan.log_groups {
        let (ingested, _) = group.bytes(plan.warm_up_s, plan.horizon_s);
        usage.add(
            Charge::LOG_BYTES,
            payer(group.account, group.region),
            ingested,
        );
    }
    for key in plan.keys.iter().filter(|k| k.charged) {
        usage.add(Charge::KEYS, payer(key.account, key.region), 1);
    }
    for (c, class) in plan.classes.iter().enumerate() {
        if let (Some(item), Some(bucket)) = (class.price_item, class.bucket) {
            let bucket = &plan.buckets[bucket];
            // 5xx answers and KMS's 400 are not billed, 403s are within the owner's organization.
            let n = &record.classes[c];
            let kms_steps = plan.kms_steps_of(class);
            let refused = kms_steps.iter().flat_map(|l| &l.refusals).any(|r| r.billed);
            let billed = class.denial.is_none_or(|d| plan.denials[d].billed);
            let n = u64::from(billed) * n.succeeded + u64::from(refused) * n.denied;
            usage.add(
                Charge::s3_requests(item),
                payer(bucket.account, bucket.region),
                n,
            );
        }
    }
    usage
}
