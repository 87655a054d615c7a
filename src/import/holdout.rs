//! The last part of what the files hold kept apart: what the first part says of it, and what is true.
//!
//! Split in time, not at random. The load, the quotas read off it and what buckets hold are learnt from the first part alone;
//! settings that files state hold for both.

use super::evidence::collected::AccountEvidence;
use super::evidence::counts::Counts;
use super::evidence::series::{LoadOrigin, RequestOutcome};
use super::fit::forecast::{CountedSeries, Forecaster, MEMBERS, MemberSeries};
use super::fit::trend::Trend;
use super::load::{self, Loads};
use super::privacy::Names;
use super::scenario::places::{self, Places};
use super::scenario::samples;
use super::scenario::workload::{self, Imported, LoadStretch};
use super::scenario::written::{self, WritingOptions};
use crate::catalog;
use crate::engine::random::Key;
use std::collections::BTreeMap;

const DAY: i64 = 86_400;

/// What is compared, of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallFigures {
    /// All of them.
    pub total: f64,
    /// Of the busiest second, or period.
    pub busiest: f64,
    /// Count that 99.9 % of them do not exceed.
    pub p999: f64,
    /// Throttled ones; `None`: the files do not say.
    pub throttled: Option<f64>,
}

impl CallFigures {
    /// Of counts of `span` seconds in periods of `width`, by what they are counted apart of: its busiest one's largest counts.
    pub fn of<'a>(
        all: impl Iterator<Item = &'a [(i64, u64)]>,
        from: i64,
        span: i64,
        width: i64,
    ) -> CallFigures {
        let mut figures = CallFigures::default();
        for counts in all {
            let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
            for &(at, n) in counts {
                *sums.entry((at - from).div_euclid(width)).or_default() += n;
                figures.total += n as f64;
            }
            let mut sums: Vec<u64> = sums.into_values().collect();
            sums.sort_unstable_by(|a, b| b.cmp(a));
            let at = |rank: usize| sums.get(rank).copied().unwrap_or(0) as f64;
            figures.busiest = figures.busiest.max(at(0));
            figures.p999 = figures.p999.max(at(rare(span, width)));
        }
        figures
    }
}

/// How many periods of a span are more than 99.9 % of them.
pub fn rare(span: i64, width: i64) -> usize {
    (span / width) as usize / 1_000
}

/// A scenario without variants, and the files that it reads.
#[derive(Clone, Debug)]
pub struct BareScenario {
    /// The TOML text; `None`: there is no load in it.
    pub toml: Option<String>,
    /// Files beside it: name and text.
    pub files: Vec<(String, String)>,
    /// What is asked for in it, before retries.
    pub requests: CallFigures,
}

/// What the held-out part is compared with.
#[derive(Clone, Debug)]
pub struct Holdout {
    /// First second that is learnt from, the first that is held out, and behind the last.
    pub span: (i64, i64, i64),
    /// Length of what the largest counts are of \[s\].
    pub width: i64,
    /// KMS calls of the held-out part, and of the last period before it, repeated; `None`: no file lists or counts KMS calls.
    pub calls: Option<(CallFigures, CallFigures)>,
    /// What may come: so many scenarios, each as likely.
    pub members: Vec<BareScenario>,
    /// What came, as it would be imported.
    pub held_out: BareScenario,
    /// The last period, repeated.
    pub naive: BareScenario,
    /// How long that is \[s\].
    pub naive_period: i64,
}

/// What is needed beside the evidence.
#[derive(Clone, Copy, Debug)]
pub struct HoldoutOptions<'a> {
    /// Part of the time that is held out, 0 to 1.
    pub share: f64,
    /// Region of files that name none.
    pub region: Option<&'a str>,
    /// How names are written.
    pub names: &'a Names,
    /// As of the scenario itself.
    pub writing: &'a WritingOptions,
}

/// The last part held out; the reason where that cannot be.
///
/// # Errors
/// Too little time or load on one side.
pub fn held_out(
    evidence: &AccountEvidence,
    options: HoldoutOptions<'_>,
) -> Result<Holdout, String> {
    let retry = options.writing.retry.as_deref();
    let stretch_of = |loads: &Loads| workload::workloads(loads, retry, options.writing.clients);
    let loads = load::loads(evidence, options.region);
    let whole = stretch_of(&loads);
    let width = whole.workloads.iter().map(|w| i64::from(w.at.period)).max();
    let Some(width) = width else {
        return Err("no load is known".to_owned());
    };
    let (from, to) = (whole.from, whole.to);
    let cut =
        from + ((to - from) as f64 * (1.0 - options.share) / width as f64).round() as i64 * width;
    if (to - cut) / width < 10 || (cut - from) / width < 20 {
        return Err(format!(
            "the files hold {} s of load in periods of {width} s: too few to learn from one part and to compare with the other",
            to - from
        ));
    }
    let first = evidence.between(from, cut);
    let first_loads = load::loads(&first, options.region);
    let mut known = stretch_of(&first_loads);
    if known.workloads.is_empty() {
        return Err("no load is known of the part before".to_owned());
    }
    (known.from, known.to) = (from, cut);
    let known_places = places::places(&known, &first_loads, &first, options.names);
    let rest = evidence.between(cut, to);
    let mut came = stretch_of(&load::loads(&rest, options.region));
    (came.from, came.to) = (cut, to);
    let came_places = places::places(&came, &loads, evidence, options.names);

    let period = match cut - from {
        length if length >= 7 * DAY => 7 * DAY,
        length if length >= DAY => DAY,
        length => length.min(to - cut),
    };
    let period = (period / width).max(1) * width;
    let repeated = |counts: &[(i64, u64)]| repeated(counts, cut, to, period);
    let naive = of_known(&known, &known_places, (cut, to), |w| {
        each_operation(w, repeated);
    });
    let writing = options.writing;
    let bare = |(stretch, places): (LoadStretch, Places)| bare(&stretch, &places, writing, width);
    let calls = calls(evidence, &loads, options.region, width).map(|all| {
        let counts = |of: &Picked<'_>| {
            let each: Vec<Vec<(i64, u64)>> = all.attempts.values().map(|c| of(c)).collect();
            let mut figures = CallFigures::of(each.iter().map(Vec::as_slice), cut, to - cut, width);
            let throttled = all.throttled.as_deref();
            figures.throttled = throttled.map(|t| of(t).iter().map(|s| s.1).sum::<u64>() as f64);
            figures
        };
        let later = |counts: &[(i64, u64)]| -> Vec<(i64, u64)> {
            counts
                .iter()
                .copied()
                .filter(|c| (cut..to).contains(&c.0))
                .collect()
        };
        (counts(&later), counts(&|c| repeated(c)))
    });

    let series = known.workloads.iter().map(|w| CountedSeries {
        counts: w.seconds(),
        period: w.at.period.into(),
        poisson: w.trend.as_ref().map(|t| t.curve.clone()),
    });
    let forecaster = Forecaster::new(series.collect(), from, cut, to);
    let members = (0..MEMBERS).map(|number| {
        let mut member = forecaster.member(number).into_iter();
        bare(of_known(
            &known,
            &known_places,
            (cut, to),
            |w| match member.next() {
                Some(MemberSeries::Rate(curve)) => {
                    if let Some(trend) = &w.trend {
                        w.trend = Some(Trend {
                            from,
                            curve,
                            likeness: trend.likeness.clone(),
                        });
                    }
                }
                Some(MemberSeries::Counts(resampling)) => {
                    each_operation(w, |counts| resampling.of(counts));
                }
                None => {}
            },
        ))
    });
    Ok(Holdout {
        span: (from, cut, to),
        width,
        calls,
        members: members.collect(),
        held_out: bare((came, came_places)),
        naive: bare(naive),
        naive_period: period,
    })
}

/// Counts in place of those of each operation, which no trend describes any more.
fn each_operation(workload: &mut Imported, new: impl Fn(&[(i64, u64)]) -> Vec<(i64, u64)>) {
    for counts in workload.demand.values_mut() {
        *counts = new(counts);
    }
    workload.demand.retain(|_, counts| !counts.is_empty());
    workload.trend = None;
}

/// The workloads that are known, changed, at another time; without those that nothing is left of.
fn of_known(
    known: &LoadStretch,
    places: &Places,
    (from, to): (i64, i64),
    mut change: impl FnMut(&mut Imported),
) -> (LoadStretch, Places) {
    let mut stretch = LoadStretch {
        from,
        to,
        ..known.clone()
    };
    let mut places = places.clone();
    stretch.workloads.iter_mut().for_each(&mut change);
    let mut stays = stretch.workloads.iter().map(|w| !w.demand.is_empty());
    places.workloads.retain(|_| stays.next().unwrap_or(false));
    stretch.workloads.retain(|w| !w.demand.is_empty());
    (stretch, places)
}

/// The last `period` before `cut`, again and again until `to`.
fn repeated(counts: &[(i64, u64)], cut: i64, to: i64, period: i64) -> Vec<(i64, u64)> {
    let last = counts.iter().filter(|c| (cut - period..cut).contains(&c.0));
    let mut all: Vec<(i64, u64)> = Vec::new();
    for turn in 1..=(to - cut + period - 1) / period {
        let moved = last.clone().map(|(at, n)| (at + turn * period, *n));
        all.extend(moved.filter(|c| c.0 < to));
    }
    all
}

fn bare(
    stretch: &LoadStretch,
    places: &Places,
    writing: &WritingOptions,
    width: i64,
) -> BareScenario {
    let span = stretch.to - stretch.from;
    let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
    for (i, workload) in stretch.workloads.iter().enumerate() {
        match &workload.trend {
            Some(trend) => {
                let key = Key::root(stretch.from as u64, i as u64).named("requests of a forecast");
                let mut stream = key.stream();
                for second in stretch.from..stretch.to {
                    let rate = trend.curve.rate((second - trend.from) as f64 + 0.5);
                    *sums.entry(second).or_default() += stream.poisson(rate);
                }
            }
            None => {
                for (at, n) in workload.seconds() {
                    *sums.entry(at).or_default() += n;
                }
            }
        }
    }
    let sums: Vec<(i64, u64)> = sums.into_iter().collect();
    let requests = CallFigures::of([sums.as_slice()].into_iter(), stretch.from, span, width);
    let (toml, files) = written::bare(stretch, places, writing);
    BareScenario {
        toml: (!stretch.workloads.is_empty()).then_some(toml),
        files,
        requests,
    }
}

/// Seconds (or periods) and their counts.
type SecondCounts = Vec<(i64, u64)>;

/// What is made of counts.
type Picked<'a> = dyn Fn(&[(i64, u64)]) -> SecondCounts + 'a;

/// Account, Region and quota.
type QuotaOf = (String, String, &'static str);

/// KMS calls as the files tell them.
struct ToldCalls {
    /// Attempts, by what shares a quota.
    attempts: BTreeMap<QuotaOf, SecondCounts>,
    /// Throttled ones of all; `None`: it is not told which are.
    throttled: Option<Vec<(i64, u64)>>,
}

/// The KMS calls that the scenario makes, too: one by one where files list them, else as they are counted.
fn calls(
    evidence: &AccountEvidence,
    loads: &Loads,
    region: Option<&str>,
    width: i64,
) -> Option<ToldCalls> {
    let origins = match load::calls_are_listed(evidence) {
        Some(true) => [LoadOrigin::KmsEvent].as_slice(),
        Some(false) => &[LoadOrigin::CallCount],
        None => &[
            LoadOrigin::KmsEvent,
            LoadOrigin::CallCount,
            LoadOrigin::Table,
        ],
    };
    let mut attempts: BTreeMap<QuotaOf, Counts> = BTreeMap::new();
    let mut throttled = Counts::default();
    let mut listed = false;
    for (key, counts) in &evidence.series {
        if !origins.contains(&key.origin)
            || (key.origin == LoadOrigin::Table && !key.bucket.is_empty())
        {
            continue;
        }
        let place = |own: &str, home: &str| {
            if own.is_empty() {
                home.to_owned()
            } else {
                own.to_owned()
            }
        };
        let at = place(&key.region, region.unwrap_or(&loads.home.1));
        let Some(spec) = workload::spec_for(&key.operation, &key.spec) else {
            continue;
        };
        let quota = key
            .operation
            .parse()
            .ok()
            .and_then(|o| catalog::quota_for(o, spec));
        let (Some(quota), Some(_)) = (quota, catalog::partition(&at)) else {
            continue;
        };
        let account = place(&key.account, &loads.home.0);
        let of = attempts
            .entry((account, at, quota.id.as_str()))
            .or_default();
        of.merge(counts);
        listed |= key.origin == LoadOrigin::KmsEvent;
        if key.outcome == RequestOutcome::Throttled {
            throttled.merge(counts);
        }
    }
    (!attempts.is_empty()).then(|| ToldCalls {
        attempts: {
            // Samples that are missing are filled here as they are in the scenario.
            let filled = |counts: Counts| samples::filled(counts.seconds(), width).0;
            attempts.into_iter().map(|(k, c)| (k, filled(c))).collect()
        },
        throttled: listed.then(|| throttled.seconds().to_vec()),
    })
}
