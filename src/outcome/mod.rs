//! From counters to results: rates, percentiles, breakdowns, money.
//!
//! Each replication's [`Record`] gives one value of each metric; [`variant_results`] puts the
//! replications together. Nothing here is random but the split of undelayed requests over service
//! latencies, one multinomial for each kind of request, keyed by the replication.

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
use delay::latencies;
use indexmap::IndexMap;
use quotas::{by_quota, by_request_rate, quota_extremes};
use series::series;
use std::collections::BTreeSet;
use tally::{Subset, tally};
use trails::by_trail;
use usage::{no_month, usage};
use values::{Values, estimates};

/// Results of one variant from its replications' records, in order.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub fn variant_results(
    plan: &Plan,
    seed: u64,
    records: &[Record],
) -> Result<VariantResults, BillError> {
    let bills: Vec<Bill> = records
        .iter()
        .map(|r| billing::bill(&usage(plan, r), &plan.prices))
        .collect::<Result<_, _>>()?;
    let no_month = no_month(plan, records);
    let months: Vec<Option<f64>> = records
        .iter()
        .map(|r| {
            if no_month.is_some() {
                return Ok(None);
            }
            billing::per_month(&usage(plan, r), &plan.prices)
                .map(|usd| Some(billing::usd_f64(&usd)))
        })
        .collect::<Result<_, BillError>>()?;
    let everything = Subset {
        classes: &|_| true,
        kms_steps: &|_, _| true,
        denials: &|_| false,
    };
    let mut per_replication: Vec<Values> = records
        .iter()
        .map(|r| tally(plan, r, &everything))
        .collect();
    for (i, values) in per_replication.iter_mut().enumerate() {
        let record = &records[i];
        quota_extremes(plan, record, values);
        latencies(plan, record, seed, i as u64, values);
        for &cost in Cost::ALL {
            values.insert(cost.metric(), billing::usd_f64(&bills[i].cost(cost)));
        }
        let groups = plan.log_groups.iter();
        let bytes = groups.map(|g| g.bytes(plan.warm_up_s, plan.horizon_s));
        let (ingested, lost) = bytes.fold((0.0, 0.0), |sum, b| {
            (sum.0 + b.0 as f64, sum.1 + b.1 as f64)
        });
        values.insert("log_bytes_ingested", ingested);
        values.insert("log_bytes_lost", lost);
        values.insert("cost_total_usd", billing::usd_f64(&bills[i].total()));
        if let Some(month) = months[i] {
            values.insert("cost_total_usd_per_month", month);
        }
    }
    let breakdown = |classes: &dyn Fn(&Class) -> bool,
                     kms_steps: &dyn Fn(&Class, &KmsStep) -> bool| {
        let selection = Subset {
            classes,
            kms_steps,
            denials: &|_| false,
        };
        of_subset(plan, records, &selection)
    };
    // All KMS steps of the classes that `f` picks.
    let whole = |f: &dyn Fn(&Class) -> bool| breakdown(f, &|class, _| f(class));
    let numbered = |names: &mut dyn Iterator<Item = &String>,
                    of: &dyn Fn(&Class) -> Option<usize>| {
        let names = names.cloned().enumerate();
        names
            .map(|(i, name)| (name, whole(&|class| of(class) == Some(i))))
            .collect::<IndexMap<_, _>>()
    };
    let by_workload = numbered(&mut plan.workloads.iter().map(|w| &w.name), &|c| {
        Some(c.workload)
    });
    let by_bucket = numbered(&mut plan.buckets.iter().map(|b| &b.name), &|c| c.bucket);
    let by_requester = numbered(&mut plan.requesters.iter(), &|c| Some(c.requester));
    let by_key = plan.keys.iter().enumerate().map(|(k, key)| {
        let metrics = breakdown(
            &|class| plan.kms_steps_of(class).iter().any(|l| l.key == k),
            &|_, kms_step| kms_step.key == k,
        );
        (key.name.clone(), metrics)
    });
    let asked: BTreeSet<&str> = plan.classes.iter().map(|c| c.operation.as_str()).collect();
    let by_operation = asked.into_iter().map(|name| {
        let metrics = whole(&|class| class.operation == name);
        (name.to_owned(), metrics)
    });
    let called: BTreeSet<&str> = plan.kms_steps.iter().map(|l| l.operation.name()).collect();
    let by_kms_operation = called.into_iter().map(|name| {
        let of = |kms_step: &KmsStep| kms_step.operation.name() == name;
        let metrics = breakdown(
            &|class| plan.kms_steps_of(class).iter().any(of),
            &|_, kms_step| of(kms_step),
        );
        (name.to_owned(), metrics)
    });
    let statements: BTreeSet<&str> = plan.denials.iter().map(|d| d.name.as_str()).collect();
    let by_statement = statements.into_iter().map(|name| {
        let of_name = |denial: usize| plan.denials[denial].name == name;
        let of_class = |class: &Class| class.denial.is_some_and(of_name);
        let selection = Subset {
            classes: &of_class,
            kms_steps: &|class, kms_step| of_class(class) || kms_step.denial.is_some_and(of_name),
            denials: &of_name,
        };
        (name.to_owned(), of_subset(plan, records, &selection))
    });
    Ok(VariantResults {
        name: plan.name.clone(),
        arrivals_id: plan.arrivals_id.clone(),
        metrics: estimates(&per_replication, |_| true),
        without_data: no_month
            .map(|why| ("cost_total_usd_per_month".to_owned(), why))
            .into_iter()
            .collect(),
        by_quota: by_quota(plan, records),
        by_s3_request_rate: by_request_rate(plan, records),
        by_workload,
        by_bucket,
        by_key: by_key.collect(),
        by_requester,
        by_operation: by_operation.collect(),
        by_kms_operation: by_kms_operation.collect(),
        by_statement: by_statement.collect(),
        by_trail: by_trail(plan, records)?,
        bill: billing::mean_lines(&bills),
        series: series(plan, records),
    })
}

/// The metrics of a breakdown's row.
fn of_subset(plan: &Plan, records: &[Record], selection: &Subset<'_>) -> Metrics {
    let values: Vec<_> = records.iter().map(|r| tally(plan, r, selection)).collect();
    estimates(&values, |m| m.scope.has_breakdown())
}
