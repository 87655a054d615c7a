//! From counters to results: rates, percentiles, breakdowns, money.
//!
//! Each replication's [`Record`] gives one value of each metric; [`variant_results`] puts the
//! replications together. Nothing here is random but the split of undelayed requests over service
//! latencies, one multinomial for each kind of request, keyed by the replication.

mod decisive;
mod delay;
mod left_out;
mod quotas;
mod series;
mod tally;
mod trails;
mod usage;
mod values;
mod warnings;

pub use left_out::costs_left_out;
pub use warnings::warnings;

use crate::billing::{self, Bill, BillError, Cost};
use crate::model::{Class, KmsStep, Plan};
use crate::results::{Metrics, VariantResults};
use crate::simulation::record::Record;
use decisive::decisive_seconds;
use delay::latencies;
use indexmap::IndexMap;
use quotas::{by_quota, by_request_rate, quota_extremes};
use series::series;
use std::collections::BTreeSet;
use tally::Groups;
use trails::by_trail;
use usage::{no_month, usage};
use values::{Values, estimates};
use warnings::unfinished_job;

/// Metrics of a whole variant from its replications' records, all but those of delays.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub fn metrics_but_delays(plan: &Plan, records: &[Record]) -> Result<Metrics, BillError> {
    let counts = WholeCounts::of(plan, records, 0)?;
    Ok(estimates(&counts.per_replication, |_| true))
}

/// What is counted and billed of a whole variant.
struct WholeCounts {
    bills: Vec<Bill>,
    no_month: Option<String>,
    per_replication: Vec<Values>,
}

impl WholeCounts {
    /// Of the replications from the `first` on; `records` are those of all.
    fn of(plan: &Plan, records: &[Record], first: usize) -> Result<WholeCounts, BillError> {
        let no_month = no_month(plan, records);
        let everything = Groups::whole(plan);
        let (mut bills, mut per_replication) = (Vec::new(), Vec::new());
        for record in &records[first..] {
            let usage = usage(plan, record);
            let bill = billing::bill(&usage, &plan.prices)?;
            let mut values = everything.tally_whole(plan, record);
            quota_extremes(plan, record, &mut values);
            for &cost in Cost::ALL {
                values.insert(cost.metric(), billing::usd_f64(&bill.cost(cost)));
            }
            let groups = plan.log_groups.iter();
            let bytes = groups.map(|g| g.bytes(plan.warm_up_s, plan.horizon_s));
            let (ingested, lost) = bytes.fold((0.0, 0.0), |sum, b| {
                (sum.0 + b.0 as f64, sum.1 + b.1 as f64)
            });
            values.insert("log_bytes_ingested", ingested);
            values.insert("log_bytes_lost", lost);
            values.insert("cost_total_usd", billing::usd_f64(&bill.total()));
            if no_month.is_none() {
                let month = billing::per_month(&usage, &plan.prices)?;
                values.insert("cost_total_usd_per_month", billing::usd_f64(&month));
            }
            bills.push(bill);
            per_replication.push(values);
        }
        Ok(WholeCounts {
            bills,
            no_month,
            per_replication,
        })
    }

    /// Adds how long requests took in the replications from the `first` on.
    fn add_latencies(&mut self, plan: &Plan, records: &[Record], first: usize, seed: u64) {
        let values = self.per_replication.iter_mut();
        for (i, (record, values)) in (first..).zip(records[first..].iter().zip(values)) {
            latencies(plan, record, seed, i as u64, values);
        }
    }
}

/// A metric's values of one variant's replications from the `first` on; `records` are those of all.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub fn metric_values(
    plan: &Plan,
    seed: u64,
    records: &[Record],
    first: usize,
    metric: &str,
) -> Result<Vec<Option<f64>>, BillError> {
    let mut counts = WholeCounts::of(plan, records, first)?;
    counts.add_latencies(plan, records, first, seed);
    let values = counts.per_replication.iter();
    Ok(values.map(|v| v.get(metric)).collect())
}

/// Results of one variant from its replications' records, in order; without how long requests took unless `with_latencies`.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub fn variant_results(
    plan: &Plan,
    seed: u64,
    records: &[Record],
    with_latencies: bool,
) -> Result<VariantResults, BillError> {
    let mut counts = WholeCounts::of(plan, records, 0)?;
    if with_latencies {
        counts.add_latencies(plan, records, 0, seed);
    }
    let WholeCounts {
        bills,
        no_month,
        per_replication,
    } = counts;
    let by_class = |names: Vec<String>, of: &dyn Fn(&Class) -> Option<usize>| {
        Groups::of_classes(names, plan, of).metrics(plan, records)
    };
    let by_kms_step = |names: Vec<String>, of: &dyn Fn(&KmsStep) -> Option<usize>| {
        Groups::of_kms_steps(names, plan, of).metrics(plan, records)
    };
    let workloads = plan.workloads.iter().map(|w| w.name.clone());
    let by_workload = by_class(workloads.collect(), &|class| Some(class.workload));
    let buckets = plan.buckets.iter().map(|b| b.name.clone());
    let by_bucket = by_class(buckets.collect(), &|class| class.bucket);
    let by_requester = by_class(plan.requesters.clone(), &|class| Some(class.requester));
    let keys = plan.keys.iter().map(|key| key.name.clone());
    let by_key = by_kms_step(keys.collect(), &|kms_step| Some(kms_step.key));
    let asked: BTreeSet<&str> = plan.classes.iter().map(|c| c.operation.as_str()).collect();
    let asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
    let by_operation = by_class(asked.clone(), &|class| {
        asked.binary_search(&class.operation).ok()
    });
    let called: BTreeSet<&str> = plan.kms_steps.iter().map(|l| l.operation.name()).collect();
    let called: Vec<&str> = called.into_iter().collect();
    let names = called.iter().map(|&name| name.to_owned());
    let by_kms_operation = by_kms_step(names.collect(), &|kms_step| {
        called.binary_search(&kms_step.operation.name()).ok()
    });
    Ok(VariantResults {
        name: plan.name.clone(),
        arrivals_id: plan.arrivals_id.clone(),
        metrics: estimates(&per_replication, |_| true),
        without_data: no_month
            .map(|why| ("cost_total_usd_per_month".to_owned(), why))
            .into_iter()
            .chain(unfinished_job(plan, records))
            .collect(),
        by_quota: by_quota(plan, records),
        by_s3_request_rate: by_request_rate(plan, records),
        by_workload,
        by_bucket,
        by_key,
        by_group: Groups::of_plan(plan).metrics(plan, records),
        by_requester,
        by_operation,
        by_kms_operation,
        by_statement: Groups::of_denials(plan).metrics(plan, records),
        others: IndexMap::new(),
        by_trail: by_trail(plan, records)?,
        bill: billing::mean_lines(&bills),
        series: series(plan, records),
        decisive_seconds: decisive_seconds(plan, records),
    })
}
