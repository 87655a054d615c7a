//! What a reader of a variant's results should know.

use super::usage::{NoEnd, why_no_end};
use crate::catalog::{self, RequestRate};
use crate::model::{Kind, Plan};
use crate::results::VariantResults;
use crate::simulation::record::Record;
use indexmap::IndexMap;

/// What a reader of a variant's results should know.
pub fn warnings(plan: &Plan, results: &VariantResults) -> Vec<String> {
    let mut warnings = Vec::new();
    let name = &plan.name;
    if let Some(why) = results.without_data.get(JOB_COMPLETION) {
        let help = if why.ends_with(NoEnd::Unfinished.says()) {
            "; raise `horizon` to see when it completes"
        } else {
            ""
        };
        warnings.push(format!("variant `{name}`: {why}{help}"));
    }
    let measured = plan.horizon_s - plan.warm_up_s;
    let has_month = !results
        .without_data
        .contains_key("cost_total_usd_per_month");
    if has_month && !measured.is_multiple_of(86_400) {
        warnings.push(format!(
            "cost per month: the measured time of {measured} s is not a whole number of days; scaling it to 30 days assumes that the rest of the month looks the same"
        ));
    }
    for line in &results.bill {
        if let Ok(price) = plan.prices.price(&line.item, &line.region)
            && let Some(why) = price.assumed
        {
            warnings.push(format!(
                "price of `{}` in {} is an assumption: {why}",
                line.item, line.region
            ));
        }
    }
    warnings.extend(unlimited_rates(plan));
    warnings
}

/// The metric that has no data where a job does not end.
const JOB_COMPLETION: &str = "job_completion_s";

/// Says that a job does not end in every replication; `None` where all do, or there is none.
pub(super) fn unfinished_job(plan: &Plan, records: &[Record]) -> Option<(String, String)> {
    let has_no_end = |w: &usize| records.iter().any(|r| r.jobs[*w] == Some(None));
    let without_end = (0..plan.workloads.len()).filter(has_no_end);
    let mut whys = without_end.map(|w| why_no_end(plan, w, records));
    let first = whys.next()?;
    // One that has failed says more than those that would have followed it.
    let why = if whys.any(|why| why == NoEnd::Failed) {
        NoEnd::Failed
    } else {
        first
    };
    Some((JOB_COMPLETION.to_owned(), format!("a job {}", why.says())))
}

/// Buckets whose open workloads may ask for more than S3 serves from one prefix, where the scenario does not say how
/// many prefixes they spread over.
fn unlimited_rates(plan: &Plan) -> Vec<String> {
    let mut peaks: IndexMap<(usize, RequestRate), f64> = IndexMap::new();
    for workload in &plan.workloads {
        let Kind::Open { arrivals, .. } = &workload.kind else {
            continue;
        };
        let requests = workload.actions.iter().flat_map(|action| {
            let each = action.requests.iter();
            each.map(|&(class, n)| (&plan.classes[class], action.weight * f64::from(n)))
        });
        for (class, each) in requests.filter(|(class, _)| class.request_rate.is_none()) {
            let row = catalog::s3_operation(&class.operation).filter(|_| class.tier.is_some());
            if let (Some(bucket), Some(rate)) = (class.bucket, row.and_then(|r| r.request_rate)) {
                *peaks.entry((bucket, rate)).or_default() += arrivals.peak() * each;
            }
        }
    }
    let over = peaks.into_iter().filter_map(|((bucket, rate), peak)| {
        let served = catalog::request_rates().per_s(rate) as f64;
        let (bucket, what) = (&plan.buckets[bucket], rate.name());
        (peak > served && !bucket.is_directory).then(|| {
            format!(
                "bucket `{name}` receives up to {peak:.0} {what}/s, and S3 serves {served}/s per prefix: that limit is not simulated, because the scenario does not say how many prefixes they use; write `prefixes` in `[bucket.{name}]`, at least {:.0}",
                (peak / served).ceil(),
                name = bucket.name,
            )
        })
    });
    over.collect()
}
