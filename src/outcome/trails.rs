//! What trails delivered: counted once for the bill and for each trail.

use super::tally::events;
use super::values::{Values, estimates};
use crate::billing::{self, BillError, Charge, Cost, Months, Payer, Usage};
use crate::model::{Delivery, Plan};
use crate::results::TrailResults;
use crate::simulation::record::Record;
use indexmap::IndexMap;

/// Copies of one kind of event that one trail delivered of one account and Region.
pub(super) struct Delivered {
    trail: usize,
    account: usize,
    region: usize,
    charge: Charge,
    copies: u64,
    billed: u64,
}

/// What every trail delivered in a replication.
pub(super) fn delivered(plan: &Plan, record: &Record) -> Vec<Delivered> {
    let mut all = Vec::new();
    let mut add = |charge, events: u64, (account, region), delivery: Delivery| {
        all.push(Delivered {
            trail: delivery.trail,
            account,
            region,
            charge,
            copies: events * delivery.copies,
            billed: events * delivery.billed,
        });
    };
    for (kms_step, n) in plan.kms_steps.iter().zip(&record.kms_steps) {
        for account in plan.loggers(kms_step) {
            let (events, at) = (
                events(plan, kms_step, n, account),
                (account, kms_step.region),
            );
            for delivery in plan.kms_deliveries(kms_step, account) {
                add(Charge::CLOUDTRAIL_COPIES, events, at, delivery);
            }
        }
    }
    for (class, n) in plan.classes.iter().zip(&record.classes) {
        let denial = class.denial.map(|d| &plan.denials[d]);
        if let Some(call) = denial.and_then(|d| d.call_without_quota) {
            for delivery in plan.denial_deliveries(&call) {
                let at = (call.account, call.region);
                add(Charge::CLOUDTRAIL_COPIES, n.succeeded, at, delivery);
            }
        }
        if let Some(b) = class.bucket {
            let at = (plan.buckets[b].account, plan.buckets[b].region);
            for delivery in plan.data_deliveries(class) {
                add(Charge::DATA_EVENTS, n.requests, at, delivery);
            }
        }
    }
    all
}

/// Adds what is charged of it to what is used.
pub(super) fn charge<'d>(
    plan: &Plan,
    delivered: impl IntoIterator<Item = &'d Delivered>,
    usage: &mut Usage,
) {
    for d in delivered.into_iter().filter(|d| d.billed > 0) {
        let payer = Payer::new(&plan.accounts[d.account], &plan.regions[d.region]);
        usage.add(d.charge, payer, d.billed);
    }
}

/// What each trail delivered and costs; nothing where the scenario declares none.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub(super) fn by_trail(
    plan: &Plan,
    records: &[Record],
) -> Result<IndexMap<String, TrailResults>, BillError> {
    let all = plan.trails.all.iter().enumerate();
    let all = all.filter(|_| plan.trails.declared);
    let of_replications: Vec<Vec<Delivered>> = records
        .iter()
        .map(|record| delivered(plan, record))
        .collect();
    let results = all.map(|(t, trail)| {
        let mut billed = 0;
        let values: Result<Vec<Values>, BillError> = of_replications
            .iter()
            .map(|all| {
                let own: Vec<&Delivered> = all.iter().filter(|d| d.trail == t).collect();
                let copies = |charge: Charge| -> u64 {
                    let of_kind = own.iter().filter(|d| d.charge == charge);
                    of_kind.map(|d| d.copies).sum()
                };
                billed += own.iter().map(|d| d.billed).sum::<u64>();
                let mut usage = Usage::of(&Months::default(), 0..1);
                charge(plan, own.iter().copied(), &mut usage);
                let cost = billing::bill(&usage, &plan.prices)?.cost(Cost::CloudTrail);
                Ok(Values::from([
                    (
                        "cloudtrail_kms_copies",
                        copies(Charge::CLOUDTRAIL_COPIES) as f64,
                    ),
                    ("cloudtrail_data_events", copies(Charge::DATA_EVENTS) as f64),
                    (Cost::CloudTrail.metric(), billing::usd_f64(&cost)),
                ]))
            })
            .collect();
        let values = values?;
        let known = values.first().cloned().unwrap_or_default();
        let found = TrailResults {
            account: plan.accounts[trail.account].clone(),
            events_billed: billed as f64 / (records.len().max(1)) as f64,
            metrics: estimates(&values, |m| known.get(m.id).is_some()),
        };
        Ok((trail.name.clone(), found))
    });
    results.collect()
}
