//! Whether results that were read back hang together: one value for each replication, one for each bin, numbers that
//! can be drawn.
//!
//! A `results.json` may come from anywhere. What draws and compares results takes these things for granted, so they
//! are looked at once, where results are read. Left out: whether the numbers are right.

use super::metrics::Metrics;
use super::schema::{BinSeries, DecisiveStretch, RunResults, Series, VariantResults, replications};
use std::collections::HashSet;

/// Beyond this no figure of a run can be: the largest counters are bytes and attempts of a year.
const LARGEST: f64 = 1e30;

/// Seconds: some three thousand years.
const LONGEST_S: u64 = 100_000_000_000;

/// Most seconds that are kept one by one.
const DECISIVE: usize = 7_200;

/// Beyond this no count of a second can be; the sum of many is still a number.
const MOST_A_SECOND: u64 = 1_000_000_000_000;

/// Most bins of a series.
const BINS: usize = 2_000;

impl RunResults {
    /// What does not hang together in them, where anything does not; the first of it.
    pub fn fault(&self) -> Option<String> {
        check(self).err()
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn check(results: &RunResults) -> Result<(), String> {
    ensure(!results.variants.is_empty(), || {
        "there is no variant".to_owned()
    })?;
    let (horizon_s, measured_s) = (results.horizon_s, results.measured_s);
    ensure(
        (1..=horizon_s).contains(&measured_s) && horizon_s <= LONGEST_S,
        || format!("`measured_s` is {measured_s} and `horizon_s` {horizon_s}"),
    )?;
    let mut names = HashSet::new();
    for v in &results.variants {
        ensure(names.insert(&v.name), || {
            format!("two variants are named `{}`", v.name)
        })?;
        of_variant(v).map_err(|what| format!("variant `{}`: {what}", v.name))?;
    }
    let differences = results.comparisons.iter().flat_map(|c| {
        let parts = c.by_workload.values().flatten().chain(&c.other_workloads);
        c.metrics.iter().chain(parts).chain(&c.bill)
    });
    for (id, d) in differences {
        let all = [d.baseline, d.variant, d.mean, d.ci_low, d.ci_high];
        ensure(all.into_iter().flatten().all(sane), || {
            format!("the difference of `{id}` is beyond 1e30")
        })?;
    }
    for t in &results.thresholds {
        let all = [Some(t.limit), t.mean, t.ci_low, t.ci_high];
        ensure(all.into_iter().flatten().all(sane), || {
            format!("threshold `{}` is beyond 1e30", t.name)
        })?;
    }
    Ok(())
}

fn sane(value: f64) -> bool {
    value.abs() <= LARGEST
}

fn of_variant(v: &VariantResults) -> Result<(), String> {
    let replications = replications(&v.metrics);
    ensure(replications > 0, || "no metric has a value".to_owned())?;
    metrics(&v.metrics, replications)?;
    let named = v.breakdowns().into_iter().flat_map(|(group, all)| {
        let parts = all.iter();
        parts.map(move |(name, of)| (group, name, of))
    });
    for (group, name, of) in named {
        metrics(of, replications).map_err(|what| format!("`{group}`, `{name}`: {what}"))?;
    }
    for (group, others) in &v.others {
        metrics(&others.metrics, replications)
            .map_err(|what| format!("others of `{group}`: {what}"))?;
        let rows = v.breakdowns().into_iter().find(|(name, _)| name == group);
        let missing = others
            .row
            .as_ref()
            .filter(|row| !rows.is_some_and(|(_, rows)| rows.contains_key(*row)));
        ensure(missing.is_none(), || {
            format!("`{group}` has no row for the others")
        })?;
    }
    for (name, q) in v.by_quota.iter().chain(&v.by_s3_request_rate) {
        metrics(&q.metrics, replications).map_err(|what| format!("quota `{name}`: {what}"))?;
        ensure(sane(q.quota) && sane(q.seconds_throttled), || {
            format!("quota `{name}` is beyond 1e30")
        })?;
        let instants = [q.first_throttled_at_s, q.busiest_second_at_s];
        ensure(
            instants.into_iter().flatten().all(|t| t <= LONGEST_S),
            || format!("quota `{name}`: an instant is beyond {LONGEST_S} s"),
        )?;
    }
    for (name, trail) in &v.by_trail {
        metrics(&trail.metrics, replications).map_err(|what| format!("trail `{name}`: {what}"))?;
    }
    for line in &v.bill {
        let amounts = line.values_usd.len();
        // Older versions wrote none.
        ensure(amounts == 0 || amounts == replications, || {
            format!(
                "`{}` of the bill has {amounts} amounts for {replications} replications",
                line.item
            )
        })?;
        let figures = [line.quantity, line.unit_price_usd, line.amount_usd];
        let all = line.values_usd.iter().copied().chain(figures);
        ensure(all.into_iter().all(sane), || {
            format!("`{}` of the bill is beyond 1e30", line.item)
        })?;
    }
    for (name, replications) in &v.decisive_seconds {
        let stretches = replications.iter().flat_map(|r| &r.stretches);
        let mut instants = replications.iter().filter_map(|r| r.busiest_second_at_s);
        let whole = instants.all(|t| t <= LONGEST_S) && stretches.clone().all(whole_stretch);
        ensure(whole, || {
            format!("the decisive seconds of `{name}` do not have one count for each")
        })?;
    }
    series(&v.series)
}

/// Whether each workload has one count for each second.
fn whole_stretch(s: &DecisiveStretch) -> bool {
    let mut counts = s.by_workload.values();
    s.from_s <= LONGEST_S
        && s.seconds <= DECISIVE
        && s.quota_per_s.iter().all(|(_, quota)| sane(*quota))
        && counts.all(|c| {
            let mut all = c.attempts.iter().chain(&c.throttled);
            c.attempts.len() == s.seconds
                && [0, s.seconds].contains(&c.throttled.len())
                && all.all(|n| *n <= MOST_A_SECOND)
        })
}

fn metrics(of: &Metrics, replications: usize) -> Result<(), String> {
    for (id, e) in of {
        let n = e.values.len();
        ensure(n == replications, || {
            format!("`{id}` has {n} values for {replications} replications")
        })?;
        let figures = [e.mean, e.ci_low, e.ci_high];
        let mut all = e.values.iter().copied().chain(figures).flatten();
        ensure(all.all(sane), || format!("`{id}` is beyond 1e30"))?;
        let complete = e.values.iter().all(Option::is_some);
        ensure(complete == e.mean.is_some(), || {
            format!("`{id}` has a mean where values are missing, or none where all are there")
        })?;
    }
    Ok(())
}

fn series(s: &Series) -> Result<(), String> {
    let bins = s.t_s.len();
    ensure(s.bin_s > 0 && s.bin_s <= LONGEST_S && bins <= BINS, || {
        format!("series have {bins} bins of {} s", s.bin_s)
    })?;
    let ascending = s.t_s.windows(2).all(|pair| pair[0] < pair[1]);
    let within = s.t_s.last().is_none_or(|t| *t <= LONGEST_S);
    ensure(ascending && within, || {
        "`t_s` of the series does not ascend".to_owned()
    })?;
    let h = &s.added_delay;
    let (low, high, count) = (h.lower_s.len(), h.upper_s.len(), h.count.len());
    ensure(low == high && high == count, || {
        format!("the added delay has {low} lower ends, {high} upper ends and {count} counts")
    })?;
    let mut all = h.lower_s.iter().chain(&h.upper_s).chain(&h.count);
    ensure(all.all(|x| sane(*x) && *x >= 0.0), || {
        "the added delay is negative or beyond 1e30".to_owned()
    })?;
    for (name, q) in &s.quotas {
        let plain = [&q.quota_per_s, &q.cloudwatch_per_s];
        let whole = plain
            .iter()
            .all(|values| values.len() == bins && values.iter().all(|v| sane(*v)));
        let whole = whole
            && [&q.kms_attempts_per_s, &q.kms_throttled_per_s]
                .into_iter()
                .all(|b| of_bins(b, bins));
        ensure(whole, || {
            format!("the series of `{name}` do not have one number for each of {bins} bins")
        })?;
    }
    Ok(())
}

fn of_bins(b: &BinSeries, bins: usize) -> bool {
    let known = b.mean.len() == bins && b.max.len() == bins;
    let ends = b.ci_low.len() == bins && b.ci_high.len() == bins;
    let mut numbers = b.mean.iter().chain(&b.max).copied();
    let mut more = b.ci_low.iter().chain(&b.ci_high).flatten().copied();
    known && ends && numbers.all(sane) && more.all(sane)
}
