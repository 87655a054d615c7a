//! From counters to results: rates, percentiles, breakdowns, money.
//!
//! Each replication's [`Record`] gives one value of each metric; [`variant_results`] puts the
//! replications together. Nothing here is random but the split of undelayed requests over service
//! latencies, one multinomial for each kind of request, keyed by the replication.

use crate::billing::{self, Bill, BillError, Cost, Payer, PriceBook, Usage};
use crate::catalog::{self, RequestRate};
use crate::engine::SECOND;
use crate::engine::limiter::Limiter;
use crate::metrics::estimate::Moments;
use crate::metrics::registry::{METRICS, Metric};
use crate::model::retry::Service;
use crate::model::{Class, Kind, Lane, Plan, Quota};
use crate::results::{
    BinSeries, DelayHistogram, Estimate, Metrics, QuotaResults, QuotaSeries, Series, VariantResults,
};
use crate::simulation::record::{LaneCount, QuotaRecord, Record, histogram, record_ns};
use crate::simulation::replication_key;
use hdrhistogram::Histogram;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Share of the quota above which AWS suggests an alarm.
const ALARM: f64 = 0.8;

/// Results of one variant from its replications' records, in order.
///
/// # Errors
/// [`BillError`] where a price is not known.
pub fn variant_results(
    plan: &Plan,
    seed: u64,
    prices: &PriceBook,
    records: &[Record],
) -> Result<VariantResults, BillError> {
    let bills: Vec<Bill> = records
        .iter()
        .map(|r| billing::bill(&usage(plan, r), prices))
        .collect::<Result<_, _>>()?;
    let months: Vec<Option<f64>> = records
        .iter()
        .map(|r| {
            if is_one_off(plan) {
                return Ok(None);
            }
            billing::per_month(&usage(plan, r), prices).map(|usd| Some(billing::usd_f64(&usd)))
        })
        .collect::<Result<_, BillError>>()?;
    let everything = Selection {
        classes: &|_| true,
        lanes: &|_, _| true,
    };
    let mut per_replication: Vec<BTreeMap<&'static str, f64>> = records
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
    let breakdown = |classes: &dyn Fn(&Class) -> bool, lanes: &dyn Fn(&Class, &Lane) -> bool| {
        let selection = Selection { classes, lanes };
        let values: Vec<_> = records.iter().map(|r| tally(plan, r, &selection)).collect();
        estimates(&values, |m| m.scope.has_breakdown())
    };
    // All lanes of the classes that `f` picks.
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
            &|class| plan.lanes_of(class).iter().any(|l| l.key == k),
            &|_, lane| lane.key == k,
        );
        (key.name.clone(), metrics)
    });
    // KMS operations, with the requests of applications that call them, then S3 operations.
    let kms: BTreeSet<&str> = plan.lanes.iter().map(|l| l.operation.name()).collect();
    let s3: BTreeSet<&str> = plan
        .classes
        .iter()
        .filter(|c| c.tier.is_some())
        .map(|c| c.operation.as_str())
        .collect();
    let kms = kms.into_iter().map(|name| {
        let metrics = breakdown(
            &|class| class.tier.is_none() && class.operation == name,
            &|_, lane| lane.operation.name() == name,
        );
        (name.to_owned(), metrics)
    });
    let s3 = s3.into_iter().map(|name| {
        (
            name.to_owned(),
            whole(&|class| class.tier.is_some() && class.operation == name),
        )
    });
    let statements: BTreeSet<&str> = plan.denials.iter().map(|d| d.name.as_str()).collect();
    let by_statement = statements.into_iter().map(|name| {
        let metrics = whole(&|class| class.denial.is_some_and(|d| plan.denials[d].name == name));
        (name.to_owned(), metrics)
    });
    Ok(VariantResults {
        name: plan.name.clone(),
        arrivals_id: plan.arrivals_id.clone(),
        metrics: estimates(&per_replication, |_| true),
        by_quota: by_quota(plan, records),
        by_s3_request_rate: by_request_rate(plan, records),
        by_workload,
        by_bucket,
        by_key: by_key.collect(),
        by_requester,
        by_operation: kms.chain(s3).collect(),
        by_statement: by_statement.collect(),
        bill: billing::mean_lines(&bills),
        series: series(plan, records),
    })
}

/// What a reader of a variant's results should know.
pub fn warnings(plan: &Plan, prices: &PriceBook, results: &VariantResults) -> Vec<String> {
    let mut told = Vec::new();
    let name = &plan.name;
    let has_job = plan
        .workloads
        .iter()
        .any(|w| matches!(w.kind, Kind::Job { .. }));
    if has_job && results.metrics["job_completion_s"].mean.is_none() {
        told.push(format!("variant `{name}`: a job is unfinished at the horizon; raise `horizon` to see when it completes"));
    }
    let measured = plan.horizon_s - plan.warm_up_s;
    if !is_one_off(plan) && !measured.is_multiple_of(86_400) {
        told.push(format!(
            "cost per month scales a measured time of {measured} s, which is no whole number of days, to 30 days: it takes these {measured} s for the whole month"
        ));
    }
    for line in &results.bill {
        if let Ok(price) = prices.price(&line.item, &line.region)
            && let Some(why) = price.assumed
        {
            told.push(format!(
                "price of `{}` in {} is an assumption: {why}",
                line.item, line.region
            ));
        }
    }
    told.extend(unlimited_rates(plan));
    told
}

/// Buckets whose open workloads may ask for more than S3 serves from one prefix, where the scenario does not say how
/// many prefixes they spread over.
fn unlimited_rates(plan: &Plan) -> Vec<String> {
    let mut peaks: IndexMap<(usize, RequestRate), f64> = IndexMap::new();
    for workload in &plan.workloads {
        let Kind::Open { process, .. } = &workload.kind else {
            continue;
        };
        let requests = workload.actions.iter().flat_map(|action| {
            let each = action.requests.iter();
            each.map(|&(class, n)| (&plan.classes[class], action.weight * f64::from(n)))
        });
        for (class, each) in requests.filter(|(class, _)| class.request_rate.is_none()) {
            let row = catalog::s3_operation(&class.operation).filter(|_| class.tier.is_some());
            if let (Some(bucket), Some(rate)) = (class.bucket, row.and_then(|r| r.request_rate)) {
                *peaks.entry((bucket, rate)).or_default() += process.peak() * each;
            }
        }
    }
    let over = peaks.into_iter().filter_map(|((bucket, rate), peak)| {
        let served = catalog::request_rates().per_s(rate) as f64;
        let (bucket, what) = (&plan.buckets[bucket], rate.name());
        (peak > served && !bucket.is_directory).then(|| {
            format!(
                "bucket `{name}` is asked for up to {peak:.0} {what}/s, and S3 serves {served}/s from a prefix: that limit is left out, for nothing says over how many prefixes they spread; write `prefixes` in `[bucket.{name}]`, {:.0} at least",
                (peak / served).ceil(),
                name = bucket.name,
            )
        })
    });
    over.collect()
}

/// Whether the traffic is one of a kind, so that a monthly bill has no meaning.
fn is_one_off(plan: &Plan) -> bool {
    plan.workloads.iter().any(|w| match &w.kind {
        Kind::Job { .. } => true,
        Kind::Trace { trace, .. } => trace.period.is_none(),
        Kind::Open { .. } => false,
    })
}

/// Which classes and lanes a breakdown is about.
struct Selection<'a> {
    classes: &'a dyn Fn(&Class) -> bool,
    lanes: &'a dyn Fn(&Class, &Lane) -> bool,
}

/// One replication's values of a selection; a metric without data is left out.
fn tally(plan: &Plan, record: &Record, selection: &Selection<'_>) -> BTreeMap<&'static str, f64> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
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
        if let Some(call) = class.denial.and_then(|d| plan.denials[d].unlaned) {
            add("cloudtrail_kms_events", denied);
            let copies = plan.kms_copies(call.account, call.operation);
            add("cloudtrail_kms_copies", denied * copies);
        }
        if class.request_rate.is_some() {
            add("s3_attempts", n.tries);
            add("s3_throttled", n.tries_throttled);
        }
        let data_copies = class.bucket.map_or(0, |b| plan.data_copies(b));
        add("cloudtrail_data_events", n.requests * data_copies);
        if may_be_delayed(class) {
            with_need += n.succeeded;
            record.delays[c].add_to(&mut delayed);
            longest = longest.max(record.delays[c].longest());
        }
    }
    for id in [
        "s3_requests",
        "s3_requests_succeeded",
        "s3_requests_denied",
        "s3_requests_failed",
        "app_requests",
        "app_requests_denied",
        "app_requests_failed",
    ] {
        add(id, 0);
    }
    for id in [
        "kms_needs",
        "kms_needs_met_by_bucket_key",
        "kms_needs_met_by_data_key_cache",
        "kms_calls",
        "kms_attempts",
        "kms_admitted",
        "kms_throttled",
        "kms_retries",
        "cloudtrail_kms_events",
        "cloudtrail_kms_copies",
        "cloudtrail_data_events",
    ] {
        add(id, 0);
    }
    for (l, lane) in plan
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| (selection.lanes)(&plan.classes[lane.class], lane))
    {
        use crate::model::Source;
        let n = &record.lanes[l];
        add("kms_needs", n.needs);
        match lane.source {
            Source::BucketKeyWrite(_) | Source::BucketKeyRead(_) | Source::BucketKeyVerified(_) => {
                add("kms_needs_met_by_bucket_key", n.met)
            }
            _ => add("kms_needs_met_by_data_key_cache", n.met),
        }
        add("kms_calls", n.calls);
        add("kms_attempts", n.attempts);
        add("kms_admitted", n.admitted());
        add("kms_throttled", n.throttled());
        add("kms_retries", n.attempts - n.calls);
        for account in plan.loggers(lane) {
            let events = events(plan, lane, n, account);
            add("cloudtrail_kms_events", events);
            let copies = plan.kms_copies(account, lane.operation);
            add("cloudtrail_kms_copies", events * copies);
        }
    }
    let mut values: BTreeMap<&'static str, f64> =
        counts.iter().map(|(&id, &n)| (id, n as f64)).collect();
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

/// Whether requests of a class that end well may have been throttled: by KMS or by S3's request rate.
fn may_be_delayed(class: &Class) -> bool {
    (class.lanes > 0 || class.request_rate.is_some()) && class.denial.is_none()
}

/// KMS events of a lane's attempts in an account that logs them; the key's owner hears of none that was denied.
fn events(plan: &Plan, lane: &Lane, n: &LaneCount, account: usize) -> u64 {
    let all = if plan.counting.throttled_attempts_logged {
        n.attempts
    } else {
        n.admitted()
    };
    if account == lane.account {
        all
    } else {
        all - n.denied
    }
}

/// The q-quantile of `total` durations of which those in `h` are above zero \[ns\]: the smallest value
/// with at least q · total at or below it, to the middle of its bucket.
fn quantile(h: &Histogram<u64>, total: u64, q: f64) -> u64 {
    let rank = ((q * total as f64).ceil() as u64).clamp(1, total);
    let Some(mut rank) = rank.checked_sub(total - h.len()).filter(|&r| r > 0) else {
        return 0;
    };
    for bucket in h.iter_recorded() {
        let n = bucket.count_since_last_iteration();
        if rank <= n {
            return h.median_equivalent(bucket.value_iterated_to());
        }
        rank -= n;
    }
    h.max()
}

fn quota_extremes(plan: &Plan, record: &Record, values: &mut BTreeMap<&'static str, f64>) {
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
        let (mut peak, mut fired) = (0.0_f64, false);
        for (q, quota) in record.quotas.iter().enumerate() {
            if let Some(quota) = quota
                && plan.quotas[q].service == Service::Kms
            {
                let (p, f) = cloudwatch(plan, q, quota);
                peak = peak.max(p);
                fired |= f;
            }
        }
        values.insert("cloudwatch_attempts_per_s_max", peak);
        values.insert("cloudwatch_alarm_80_percent", f64::from(u8::from(fired)));
    }
}

/// Most attempts in a second that any of these quotas saw.
fn busiest<'r>(quotas: impl Iterator<Item = &'r QuotaRecord>) -> u64 {
    let busiest = quotas
        .filter_map(|q| q.busiest)
        .map(|(_, attempts)| attempts);
    busiest.max().unwrap_or(0)
}

/// The busiest minute as CloudWatch shows it \[1/s\], and whether an 80 % alarm would have fired.
fn cloudwatch(plan: &Plan, q: usize, record: &QuotaRecord) -> (f64, bool) {
    let limiter = Limiter::new(plan.quotas[q].shape, &plan.quotas[q].steps);
    let (mut peak, mut fired) = (0.0_f64, false);
    for (m, &n) in record
        .minutes
        .iter()
        .enumerate()
        .skip(plan.warm_up_s.div_ceil(60) as usize)
    {
        let per_s = n as f64 / 60.0;
        peak = peak.max(per_s);
        fired |= per_s > ALARM * limiter.per_second(m as u64 * 60);
    }
    (peak, fired)
}

/// Added delay + service latency of all requests that ended well.
///
/// Requests that were never throttled are one multinomial for each kind and number of calls; those
/// that were, one for each bucket of their delays, as with a call for each of their needs.
fn latencies(
    plan: &Plan,
    record: &Record,
    seed: u64,
    replication: u64,
    values: &mut BTreeMap<&'static str, f64>,
) {
    let mut all = histogram();
    let key = replication_key(seed, replication).named("service latency");
    for (kind, distributions) in [&plan.s3_latency, &plan.app_latency]
        .into_iter()
        .enumerate()
    {
        for (calls, distribution) in distributions.iter().enumerate() {
            let mut stream = key.with(kind as u64).with(calls as u64).stream();
            let classes = || {
                let all = plan.classes.iter().zip(&record.classes).enumerate();
                all.filter(|(_, (c, _))| {
                    usize::from(c.tier.is_none()) == kind && c.denial.is_none()
                })
            };
            let undelayed: u64 = classes().map(|(_, (_, n))| n.undelayed[calls]).sum();
            if undelayed > 0 {
                distribution.count(undelayed, &mut stream, |ns, n| record_ns(&mut all, ns, n));
            }
            let mut delays = histogram();
            for (c, _) in classes().filter(|(_, (c, _))| c.lanes == calls) {
                record.delays[c].add_to(&mut delays);
            }
            if !delays.is_empty() {
                let coarse = distribution.quantiles(QUANTILES);
                for bucket in delays.iter_recorded() {
                    let delay = delays.median_equivalent(bucket.value_iterated_to());
                    let n = bucket.count_since_last_iteration();
                    coarse.count(n, &mut stream, |ns, n| record_ns(&mut all, delay + ns, n));
                }
            }
        }
    }
    if !all.is_empty() {
        for (id, q) in [
            ("latency_s_p50", 0.5),
            ("latency_s_p90", 0.9),
            ("latency_s_p99", 0.99),
        ] {
            values.insert(id, quantile(&all, all.len(), q) as f64 / SECOND as f64);
        }
    }
}

/// Parts of equal probability into which a service latency is cut when it is added to a delay.
const QUANTILES: usize = 64;

/// Estimates of the registry's metrics that `keep` lets through.
fn estimates(values: &[BTreeMap<&'static str, f64>], keep: impl Fn(&Metric) -> bool) -> Metrics {
    METRICS
        .iter()
        .filter(|m| keep(m))
        .map(|m| {
            let over = values.iter().map(|v| v.get(m.id).copied()).collect();
            (m.id.to_owned(), Estimate::over(over, m.unit))
        })
        .collect()
}

fn by_quota(plan: &Plan, records: &[Record]) -> IndexMap<String, QuotaResults> {
    let mut out = IndexMap::new();
    for (q, quota) in of_service(plan, Service::Kms) {
        let values: Vec<BTreeMap<&'static str, f64>> = records
            .iter()
            .map(|record| {
                let (mut attempts, mut throttled) = (0, 0);
                for (l, lane) in plan.lanes.iter().enumerate() {
                    if let Some(i) = lane.quotas.iter().position(|&x| x == q) {
                        let n = &record.lanes[l];
                        // An attempt that another quota refused counts at that one only.
                        attempts += n.admitted() + n.throttled_by[i];
                        throttled += n.throttled_by[i];
                    }
                }
                let mut values = BTreeMap::from([
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
                let (peak, fired) = cloudwatch(plan, q, seen);
                values.insert("cloudwatch_attempts_per_s_max", peak);
                values.insert("cloudwatch_alarm_80_percent", f64::from(u8::from(fired)));
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

fn of_service(plan: &Plan, service: Service) -> impl Iterator<Item = (usize, &Quota)> {
    let all = plan.quotas.iter().enumerate();
    all.filter(move |(_, quota)| quota.service == service)
}

fn by_request_rate(plan: &Plan, records: &[Record]) -> IndexMap<String, QuotaResults> {
    let mut out = IndexMap::new();
    for (q, quota) in of_service(plan, Service::S3) {
        let values: Vec<BTreeMap<&'static str, f64>> = records
            .iter()
            .map(|record| {
                let classes = plan.classes.iter().zip(&record.classes);
                let (mut attempts, mut throttled) = (0, 0);
                for (_, n) in classes.filter(|(c, _)| c.request_rate == Some(q)) {
                    attempts += n.tries;
                    throttled += n.tries_throttled;
                }
                let mut values = BTreeMap::from([
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
        metrics,
    }
}

/// What a replication used, for the bill.
fn usage(plan: &Plan, record: &Record) -> Usage {
    let payer =
        |account: usize, region: usize| Payer::new(&plan.accounts[account], &plan.regions[region]);
    let mut usage = Usage {
        measured_s: plan.horizon_s - plan.warm_up_s,
        ..Usage::default()
    };
    for (l, lane) in plan.lanes.iter().enumerate() {
        let caller = payer(lane.account, lane.region);
        let billed = |n: &LaneCount| {
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
            .map(|lanes| &lanes[l])
            .chain([&record.lanes[l]]);
        for (period, cumulated) in ends.enumerate() {
            let n = billed(cumulated);
            usage.add_kms_requests(
                &caller,
                lane.price_item,
                period as u64 * billing::MONTH_S,
                n - before,
            );
            before = n;
        }
        for account in plan.loggers(lane) {
            let further = plan.kms_copies(account, lane.operation).saturating_sub(1);
            *usage
                .cloudtrail_copies
                .entry(payer(account, lane.region))
                .or_insert(0) += events(plan, lane, &record.lanes[l], account) * further;
        }
    }
    for (class, n) in plan.classes.iter().zip(&record.classes) {
        if let Some(call) = class.denial.and_then(|d| plan.denials[d].unlaned) {
            let further = plan
                .kms_copies(call.account, call.operation)
                .saturating_sub(1);
            *usage
                .cloudtrail_copies
                .entry(payer(call.account, call.region))
                .or_insert(0) += n.succeeded * further;
        }
        if let Some(b) = class.bucket {
            let bucket = &plan.buckets[b];
            *usage
                .cloudtrail_data_events
                .entry(payer(bucket.account, bucket.region))
                .or_insert(0) += n.requests * plan.data_copies(b);
        }
    }
    usage.cloudtrail_data_events.retain(|_, n| *n > 0);
    usage.cloudtrail_copies.retain(|_, n| *n > 0);
    for group in &plan.log_groups {
        let (ingested, _) = group.bytes(plan.warm_up_s, plan.horizon_s);
        let payer = payer(group.account, group.region);
        let sum = usage.log_bytes.entry(payer).or_insert(0);
        *sum = sum.saturating_add(ingested);
    }
    for key in plan.keys.iter().filter(|k| k.charged) {
        *usage
            .key_seconds
            .entry(payer(key.account, key.region))
            .or_insert(0) += usage.measured_s;
    }
    for (c, class) in plan.classes.iter().enumerate() {
        if let (Some(tier), Some(bucket)) = (class.tier, class.bucket) {
            let bucket = &plan.buckets[bucket];
            // 5xx answers and KMS's 400 are not billed, 403s are within the owner's organization.
            let n = &record.classes[c];
            let lanes = plan.lanes_of(class);
            let refused = lanes.iter().flat_map(|l| &l.refusals).any(|r| r.billed);
            let billed = class.denial.is_none_or(|d| plan.denials[d].billed);
            let n = u64::from(billed) * n.succeeded + u64::from(refused) * n.denied;
            let counts = match tier.item() {
                Some("s3-tier1") => &mut usage.s3_tier1,
                Some(_) => &mut usage.s3_tier2,
                None => continue,
            };
            *counts
                .entry(payer(bucket.account, bucket.region))
                .or_insert(0) += n;
        }
    }
    usage
}

fn series(plan: &Plan, records: &[Record]) -> Series {
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
            let of = |f: &dyn Fn(&crate::simulation::record::Bin) -> (u64, u64)| {
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

fn delay_histogram(plan: &Plan, records: &[Record]) -> DelayHistogram {
    let mut buckets: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut undelayed = 0;
    for record in records {
        let classes = plan.classes.iter().enumerate();
        for (c, _) in classes.filter(|(_, class)| may_be_delayed(class)) {
            undelayed += record.classes[c].succeeded;
            if record.delays[c].is_empty() {
                continue;
            }
            let mut h = histogram();
            record.delays[c].add_to(&mut h);
            undelayed -= h.len();
            for bucket in h.iter_recorded() {
                let value = bucket.value_iterated_to();
                let entry = buckets
                    .entry(h.lowest_equivalent(value))
                    .or_insert((h.next_non_equivalent(value), 0));
                entry.1 += bucket.count_since_last_iteration();
            }
        }
    }
    let n = records.len().max(1) as f64;
    let mut out = DelayHistogram::default();
    let mut push = |low: f64, high: f64, count: u64| {
        out.lower_s.push(low);
        out.upper_s.push(high);
        out.count.push(count as f64 / n);
    };
    if undelayed > 0 {
        push(0.0, 0.0, undelayed);
    }
    for (low, (high, count)) in buckets {
        push(
            low as f64 / SECOND as f64,
            high as f64 / SECOND as f64,
            count,
        );
    }
    out
}
