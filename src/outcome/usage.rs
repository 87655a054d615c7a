//! What a replication used, for the bill.

use super::trails::{charge, delivered};
use crate::billing::{Charge, Payer, Usage};
use crate::model::{Kind, Plan};
use crate::simulation::record::{KmsStepCount, Record};
use crate::units::Span;

/// Why the measured time says nothing of a month; `None` where it does.
pub(super) fn no_month(plan: &Plan, records: &[Record]) -> Option<String> {
    let measured = plan.horizon_s - plan.warm_up_s;
    plan.workloads.iter().enumerate().find_map(|(w, workload)| {
        let name = &workload.name;
        match &workload.kind {
            Kind::Job { .. } => match plan.recurs(w) {
                None => Some(format!(
                    "`workload.{name}` is a job that runs once; write `every` in its `job` if it recurs"
                )),
                Some(every) if !measured.is_multiple_of(every) => Some(format!(
                    "the measured time ({}) is not a multiple of the {} after which the job `workload.{name}` recurs; change `horizon` or `warm_up`",
                    Span::from_secs(measured),
                    Span::from_secs(every)
                )),
                Some(every) => rhythm(plan, measured / every, w, records),
            },
            Kind::Trace { trace, .. } => (!trace.repeat).then(|| {
                format!("`workload.{name}` replays its trace once; write `repeat = true` in its `trace` if the traffic recurs")
            }),
            Kind::Open { .. } => None,
        }
    })
}

/// Why a job has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEnd {
    /// It is unfinished at the horizon.
    Unfinished,
    /// A request of it has failed it.
    Failed,
}

impl NoEnd {
    /// What stands after the job's name.
    pub(super) fn says(self) -> &'static str {
        match self {
            NoEnd::Unfinished => "is unfinished at the horizon",
            NoEnd::Failed => "has failed",
        }
    }
}

/// Why a job without an end in one of these records has none.
pub(super) fn why_no_end(plan: &Plan, w: usize, records: &[Record]) -> NoEnd {
    let failed = |record: &Record| {
        let mut classes = plan.classes.iter().zip(&record.classes);
        classes.any(|(class, n)| class.workload == w && n.runs_failed > 0)
    };
    if records.iter().any(failed) {
        NoEnd::Failed
    } else {
        NoEnd::Unfinished
    }
}

/// Why the runs of a job that recurs are not those of any such time; `None` where they are as many as are due in it, and
/// done.
fn rhythm(plan: &Plan, due: u64, w: usize, records: &[Record]) -> Option<String> {
    let name = &plan.workloads[w].name;
    if records.iter().any(|r| r.jobs[w] == Some(None)) {
        let why = why_no_end(plan, w, records);
        let help = match why {
            NoEnd::Unfinished => "let it start earlier, or give it more time",
            NoEnd::Failed => {
                "see what it is throttled by, or let it go on with another `on_failure`"
            }
        };
        let what = why.says();
        return Some(format!("a run of the job `workload.{name}` {what}; {help}"));
    }
    let other = records
        .iter()
        .map(|r| r.runs[w])
        .find(|&runs| runs != due)?;
    Some(format!(
        "of the {due} runs of the job `workload.{name}` that the measured time has room for, {other} begin in it; let it start within its first period"
    ))
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
    // Objects of each workload, and a bucket of theirs.
    let mut worked_on = vec![(0, None); plan.workloads.len()];
    for (class, n) in plan.classes.iter().zip(&record.classes) {
        let (objects, bucket) = &mut worked_on[class.workload];
        *objects += n.requests;
        *bucket = bucket.or(class.bucket);
    }
    for (w, workload) in plan.workloads.iter().enumerate() {
        if !matches!(
            workload.kind,
            Kind::Job {
                batch_operations: true,
                ..
            }
        ) {
            continue;
        }
        // All work on one bucket, whose owner pays.
        if let (objects, Some(bucket)) = worked_on[w] {
            let bucket = &plan.buckets[bucket];
            let owner = payer(bucket.account, bucket.region);
            usage.add(Charge::BATCH_JOBS, owner.clone(), record.runs[w]);
            usage.add(Charge::BATCH_OBJECTS, owner, objects);
        }
    }
    usage
}
