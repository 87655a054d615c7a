//! Has a variant got worse than an earlier run of it? For builds that must not.
//!
//! Only metrics of which one side is better count, and only differences that the 95 % interval shows and that are
//! larger than the metric's tolerance: its own, else the noise, a share of the baseline's mean. A value that the baseline
//! had and the variant lacks is worse; what cannot be told, for want of a value or an interval, has not been shown to be
//! as good, and neither has what is lower where more of the work is lost. Where replications are paired, what is worse in
//! several of them and better in none has got worse, though the interval of few replications reach zero. There is no correction for comparing many metrics at once; the
//! tolerance has to allow for that.

use super::difference::difference;
use super::loss::more_lost;
use super::variants::compare;
use crate::metrics::registry::metric;
use crate::metrics::target::{TargetError, subject};
use crate::results::{Comparison, Difference, RunResults, VariantResults, Verdict};
use crate::units::Share;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::str::FromStr;

/// What must not get worse, as it is written: `all`, or `[workload.NAME.]METRIC[=SHARE]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Gated {
    /// Every metric of the whole variant of which one side is better.
    All,
    /// One metric.
    One {
        /// The workload whose metric it is; `None` for the whole variant's.
        workload: Option<String>,
        /// Identifier of the metric.
        metric: &'static str,
        /// Share of the baseline's mean by which it may be worse; `None`: the noise.
        tolerance: Option<f64>,
    },
}

impl FromStr for Gated {
    type Err = String;

    fn from_str(text: &str) -> Result<Gated, String> {
        if text == "all" {
            return Ok(Gated::All);
        }
        let (name, tolerance) = match text.split_once('=') {
            Some((name, share)) => {
                let share = share.trim().parse::<Share>();
                let share = share.map_err(|e| format!("{e}; {}", e.help()))?;
                (name.trim(), Some(share.get()))
            }
            None => (text.trim(), None),
        };
        let said = |e: TargetError| format!("{e}; {}", e.help());
        let (workload, row) = subject(name).map_err(said)?;
        if row.smaller_is_better.is_none() {
            return Err(format!(
                "`{name}` cannot get worse: neither more nor less of it is better; write `[threshold]` for a limit"
            ));
        }
        Ok(Gated::One {
            workload,
            metric: row.id,
            tolerance,
        })
    }
}

/// What is noise, and what must not get worse.
#[derive(Clone, Debug, Default)]
pub struct RegressionGate {
    /// Share of the baseline's mean up to which a difference is noise.
    pub noise: f64,
    /// What must not get worse; nothing, if empty.
    pub gated: Vec<Gated>,
}

impl RegressionGate {
    /// What was written of a metric.
    fn own(&self, workload: Option<&str>, id: &str) -> Option<Option<f64>> {
        self.gated.iter().rev().find_map(|gated| match gated {
            Gated::One {
                workload: of,
                metric,
                tolerance,
            } if of.as_deref() == workload && *metric == id => Some(*tolerance),
            Gated::One { .. } | Gated::All => None,
        })
    }

    fn tolerance(&self, workload: Option<&str>, id: &str) -> f64 {
        self.own(workload, id).flatten().unwrap_or(self.noise)
    }

    /// Metrics of a workload, or of the whole variant, that are gated by name.
    fn judged(&self, workload: Option<&str>) -> Vec<&'static str> {
        let named = self.gated.iter().filter_map(|gated| match gated {
            Gated::One {
                workload: of,
                metric,
                ..
            } if of.as_deref() == workload => Some(*metric),
            Gated::One { .. } | Gated::All => None,
        });
        named.collect()
    }

    /// Calls each difference that is no more than noise so.
    fn weigh(&self, workload: Option<&str>, differences: &mut IndexMap<String, Difference>) {
        for (id, d) in differences {
            let one_sided = matches!(
                d.verdict,
                Verdict::Better | Verdict::WorkLost | Verdict::Worse | Verdict::Different
            );
            let Some((low, high)) = d.ci_low.zip(d.ci_high).filter(|_| one_sided) else {
                continue;
            };
            // The end of the interval that is nearer to zero: what the difference is at least.
            let least = if low > 0.0 { low } else { -high };
            let before = d.baseline.unwrap_or(0.0).abs();
            if least <= self.tolerance(workload, id) * before {
                d.verdict = Verdict::WithinNoise;
            }
        }
    }
}

/// A metric that fails the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// The variant.
    pub variant: String,
    /// The workload whose metric it is; `None` for the whole variant's.
    pub workload: Option<String>,
    /// Identifier of the metric.
    pub metric: String,
    /// Share of the baseline's mean by which it might have been worse.
    pub tolerance: f64,
    /// The difference.
    pub difference: Difference,
    /// Why it fails.
    pub because: RegressionKind,
}

/// Why a metric fails the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RegressionKind {
    /// It is worse by more than its tolerance.
    Worse,
    /// It is worse by more than its tolerance, in this many paired replications, and better in none; the interval includes zero.
    WorseThroughout {
        /// Replications in which it is worse.
        replications: usize,
    },
    /// It is no better than it was, as more of the work is lost.
    WorkLost {
        /// What is lost, after a share.
        what: &'static str,
        /// Share that the baseline loses.
        before: f64,
        /// Share that the variant loses.
        now: f64,
    },
    /// The variant has no value of it any more.
    Lost,
    /// The baseline has no value of it.
    Unknown,
    /// The baseline, or the run, has the workload's values only in the sum of several workloads.
    AddedUp,
    /// Its difference has no interval.
    NoInterval,
}

/// A run held against an earlier one.
#[derive(Clone, Debug)]
pub struct Regressions {
    /// Each variant that both have, the earlier one as the baseline.
    pub comparisons: Vec<Comparison>,
    /// What fails the gate.
    pub failures: Vec<Regression>,
    /// Variants that the earlier run lacks.
    pub new: Vec<String>,
    /// Variants that only the earlier run has.
    pub gone: Vec<String>,
    /// The measured times in seconds, earlier and now, where they differ.
    pub measured_s: Option<(u64, u64)>,
}

/// Holds every variant against its namesake in `baseline`.
pub fn regressions(
    baseline: &RunResults,
    results: &RunResults,
    gate: &RegressionGate,
) -> Regressions {
    let measured_s = (baseline.measured_s, results.measured_s);
    let mut out = Regressions {
        comparisons: Vec::new(),
        failures: Vec::new(),
        new: Vec::new(),
        gone: Vec::new(),
        measured_s: (measured_s.0 != measured_s.1).then_some(measured_s),
    };
    let has = |r: &RunResults, name: &str| r.variants.iter().any(|v| v.name == name);
    for variant in &results.variants {
        let Some(earlier) = baseline.variants.iter().find(|v| v.name == variant.name) else {
            out.new.push(variant.name.clone());
            continue;
        };
        let mut comparison = compare(earlier, variant, baseline.seed == results.seed);
        gate.weigh(None, &mut comparison.metrics);
        for (workload, metrics) in &mut comparison.by_workload {
            gate.weigh(Some(workload), metrics);
        }
        gate.weigh(None, &mut comparison.bill);
        let is_added_up = |name: &str| {
            let is_one_of_others = |v: &VariantResults| {
                v.others.contains_key("by_workload") && !v.by_workload.contains_key(name)
            };
            [earlier, variant].into_iter().any(is_one_of_others)
        };
        let mut failures = failures(gate, &comparison, (earlier, variant));
        for r in &mut failures {
            if r.because == RegressionKind::Unknown
                && r.workload.as_deref().is_some_and(is_added_up)
            {
                r.because = RegressionKind::AddedUp;
            }
        }
        out.failures.extend(failures);
        comparison.baseline = format!("earlier {}", earlier.name);
        out.comparisons.push(comparison);
    }
    let names = baseline.variants.iter().map(|v| &v.name);
    out.gone = names.filter(|n| !has(results, n)).cloned().collect();
    out
}

/// What of a variant fails the gate: whole variant first, in the order of the registry, then named metrics of workloads.
fn failures(
    gate: &RegressionGate,
    comparison: &Comparison,
    (earlier, variant): (&VariantResults, &VariantResults),
) -> Vec<Regression> {
    let mut out = Vec::new();
    let fails = |workload: Option<&str>, id: &str, d: &Difference| {
        if d.verdict == Verdict::NoDifferenceShown && comparison.paired {
            let tolerance = gate.tolerance(workload, id);
            return worse_throughout(workload, id, d, (earlier, variant), tolerance);
        }
        let lost = || {
            let judged = gate.judged(workload);
            let beyond = (gate.noise, judged.as_slice());
            more_lost(variant, earlier, workload, comparison.paired, beyond)
        };
        fails(d, lost)
    };
    let mut add = |workload: Option<&String>, id: &str, d: Difference, why: RegressionKind| {
        out.push(Regression {
            variant: comparison.variant.clone(),
            tolerance: gate.tolerance(workload.map(String::as_str), id),
            workload: workload.cloned(),
            metric: id.to_owned(),
            difference: d,
            because: why,
        });
    };
    let one_sided = |id: &str| metric(id).is_some_and(|m| m.smaller_is_better.is_some());
    if gate.gated.contains(&Gated::All) {
        for (id, d) in comparison.metrics.iter().filter(|(id, _)| one_sided(id)) {
            // A value that the earlier run lacked, and nobody asked for, cannot have got worse.
            if let Some(why) = fails(None, id, d).filter(|_| d.baseline.is_some()) {
                add(None, id, d.clone(), why);
            }
        }
    }
    for gated in &gate.gated {
        let Gated::One {
            workload, metric, ..
        } = gated
        else {
            continue;
        };
        let known = match workload {
            Some(name) => comparison.by_workload.get(name),
            None => Some(&comparison.metrics),
        };
        let found = known.and_then(|metrics| metrics.get(*metric)).cloned();
        let d = found.unwrap_or_else(|| difference(None, None, None, false));
        if let Some(why) = fails(workload.as_deref(), metric, &d) {
            add(workload.as_ref(), metric, d, why);
        }
    }
    // What is named, and one of `all` too, fails once.
    let mut seen = BTreeSet::new();
    out.retain(|r| seen.insert((r.workload.clone(), r.metric.clone())));
    out
}

/// Whether paired replications tell what their interval does not: several are worse, none is better, by more than a
/// tolerance on average.
fn worse_throughout(
    workload: Option<&str>,
    id: &str,
    d: &Difference,
    (earlier, variant): (&VariantResults, &VariantResults),
    tolerance: f64,
) -> Option<RegressionKind> {
    let smaller_is_better = metric(id)?.smaller_is_better?;
    let sign = if smaller_is_better { 1.0 } else { -1.0 };
    let values = |v| values(v, workload, id);
    let pairs = values(earlier)?.iter().zip(values(variant)?);
    let changes = pairs.map(|(a, b)| Some(sign * ((*b)? - (*a)?)));
    let changes = changes.collect::<Option<Vec<f64>>>()?;
    let replications = changes.iter().filter(|c| **c > 0.0).count();
    let is_told = replications > 1 && changes.iter().all(|c| *c >= 0.0);
    let is_beyond = sign * d.mean? > tolerance * d.baseline?.abs();
    (is_told && is_beyond).then_some(RegressionKind::WorseThroughout { replications })
}

/// A metric's values by replication.
fn values<'v>(
    variant: &'v VariantResults,
    workload: Option<&str>,
    id: &str,
) -> Option<&'v [Option<f64>]> {
    let metrics = match workload {
        Some(name) => variant.by_workload.get(name)?,
        None => &variant.metrics,
    };
    metrics.get(id).map(|e| e.values.as_slice())
}

/// Why a difference fails the gate; `lost`: what is lost beyond the noise, and how much of it before and now.
fn fails(
    d: &Difference,
    lost: impl Fn() -> Option<(&'static str, f64, f64)>,
) -> Option<RegressionKind> {
    match (d.baseline, d.variant, d.verdict) {
        (None, _, _) => Some(RegressionKind::Unknown),
        (Some(_), None, _) => Some(RegressionKind::Lost),
        (Some(_), Some(_), Verdict::Worse) => Some(RegressionKind::Worse),
        (Some(_), Some(_), Verdict::NoData) => Some(RegressionKind::NoInterval),
        (Some(_), Some(_), Verdict::WorkLost) => {
            lost().map(|(what, before, now)| RegressionKind::WorkLost { what, before, now })
        }
        (
            Some(_),
            Some(_),
            Verdict::Better
            | Verdict::Different
            | Verdict::Same
            | Verdict::NoDifferenceShown
            | Verdict::WithinNoise,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::{run, variant};

    fn values(x: f64) -> Vec<Option<f64>> {
        vec![Some(x), Some(x + 1.0), Some(x + 2.0)]
    }

    fn gate(noise: f64, gated: &[&str]) -> RegressionGate {
        RegressionGate {
            noise,
            gated: gated.iter().map(|g| g.parse().unwrap()).collect(),
        }
    }

    fn failing(before: &RunResults, after: &RunResults, gate: &RegressionGate) -> Vec<String> {
        let found = regressions(before, after, gate).failures;
        found.into_iter().map(|r| r.metric).collect()
    }

    #[test]
    fn only_what_got_worse_beyond_the_noise_counts() {
        let (ten, eleven, hundred) = (values(10.0), values(11.0), values(100.0));
        let none = vec![None; 3];
        let before = run(
            1,
            vec![variant(
                "a",
                "x",
                &[
                    ("kms_throttled", &ten),
                    ("kms_needs", &ten),
                    ("quota_headroom", &hundred),
                    ("job_completion_s", &ten),
                ],
            )],
        );
        let after = run(
            1,
            vec![
                variant(
                    "a",
                    "x",
                    &[
                        ("kms_throttled", &eleven),
                        ("kms_needs", &hundred),
                        ("quota_headroom", &ten),
                        ("job_completion_s", &none),
                    ],
                ),
                variant("b", "x", &[("kms_throttled", &ten)]),
            ],
        );
        let worse = |noise| failing(&before, &after, &gate(noise, &["all"]));
        // The paired difference is 1 of a mean of 11, exactly.
        assert_eq!(
            worse(0.0),
            ["kms_throttled", "quota_headroom", "job_completion_s"]
        );
        assert_eq!(worse(0.1), ["quota_headroom", "job_completion_s"]);
        // What nobody gates does not fail, and the words of the table know the noise.
        assert!(failing(&before, &after, &gate(0.1, &[])).is_empty());
        let found = regressions(&before, &after, &gate(0.1, &["all"]));
        let verdict = |id: &str| found.comparisons[0].metrics[id].verdict;
        assert_eq!(verdict("kms_throttled"), Verdict::WithinNoise);
        assert_eq!(verdict("quota_headroom"), Verdict::Worse);
        assert_eq!(
            (found.new.as_slice(), found.gone.len()),
            (&["b".to_owned()][..], 0)
        );
        let nothing = gate(0.0, &["all"]);
        assert_eq!(regressions(&after, &before, &nothing).gone, ["b"]);
        assert!(failing(&before, &before, &nothing).is_empty());
    }

    #[test]
    fn named_metrics_have_their_own_tolerance() {
        let (ten, eleven) = (values(10.0), values(11.0));
        let both = |x: &[Option<f64>]| {
            let metrics: &[(&str, &[Option<f64>])] = &[
                ("kms_throttled", x),
                ("cost_total_usd", x),
                ("kms_needs", x),
            ];
            run(1, vec![variant("a", "x", metrics)])
        };
        let (before, after) = (both(&ten), both(&eleven));
        // 1 of 11 is 9.1 %.
        for (gated, expected) in [
            (&["cost_total_usd=9%"][..], &["cost_total_usd"][..]),
            (&["cost_total_usd=10%"], &[]),
            (&["cost_total_usd"], &["cost_total_usd"]),
            (&["all", "cost_total_usd=10%"], &["kms_throttled"]),
            (
                &["kms_throttled=0.05", "all"],
                &["kms_throttled", "cost_total_usd"],
            ),
        ] {
            let found = failing(&before, &after, &gate(0.01, gated));
            assert_eq!(found, expected, "{gated:?}");
        }
        for (text, part) in [
            ("kms_needs", "cannot get worse"),
            ("kms_throtled", "did you mean `kms_throttled`?"),
            ("kms_throttled=much", "much"),
            ("workload.w.cost_total_usd", "whole variant"),
        ] {
            let fault = text.parse::<Gated>().unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }

    #[test]
    fn what_cannot_be_told_fails() {
        let one = |x: f64| {
            let value = [Some(x)];
            run(1, vec![variant("a", "x", &[("kms_throttled", &value)])])
        };
        let kinds = |before: &RunResults, after: &RunResults, gated: &str| {
            let found = regressions(before, after, &gate(0.01, &[gated])).failures;
            found.into_iter().map(|r| r.because).collect::<Vec<_>>()
        };
        // One replication shows no difference, however large, unless there is none.
        assert_eq!(
            kinds(&one(1.0), &one(9.0), "all"),
            [RegressionKind::NoInterval]
        );
        assert_eq!(kinds(&one(1.0), &one(1.0), "all"), []);
        let without = run(1, vec![variant("a", "x", &[])]);
        assert_eq!(
            kinds(&one(1.0), &without, "kms_throttled"),
            [RegressionKind::Lost]
        );
        assert_eq!(
            kinds(&without, &one(1.0), "kms_throttled"),
            [RegressionKind::Unknown]
        );
        assert_eq!(kinds(&without, &one(1.0), "all"), []);
        assert_eq!(
            kinds(&one(1.0), &one(1.0), "workload.w.kms_throttled"),
            [RegressionKind::Unknown]
        );
        // Worse in each of three, though their interval reaches zero; better in one of them is chance.
        let skewed = |last: f64| {
            let values = [Some(1.01), Some(1.01), Some(last)];
            run(1, vec![variant("a", "x", &[("kms_throttled", &values)])])
        };
        let level = run(
            1,
            vec![variant("a", "x", &[("kms_throttled", &[Some(1.0); 3])])],
        );
        assert_eq!(
            kinds(&level, &skewed(9.0), "all"),
            [RegressionKind::WorseThroughout { replications: 3 }]
        );
        assert_eq!(kinds(&level, &skewed(0.9), "all"), []);
        assert_eq!(kinds(&skewed(9.0), &level, "all"), []);
        // Fewer attempts, as half of the requests fail.
        let (many, few) = (values(10.0), values(5.0));
        let failing_too = |attempts: &[Option<f64>], failed: &[Option<f64>]| {
            let metrics: &[(&str, &[Option<f64>])] = &[
                ("kms_throttled", attempts),
                ("s3_requests", &many),
                ("s3_requests_failed", failed),
            ];
            run(1, vec![variant("a", "x", metrics)])
        };
        let (before, after) = (failing_too(&many, &[Some(0.0); 3]), failing_too(&few, &few));
        assert!(matches!(
            kinds(&before, &after, "kms_throttled")[..],
            [RegressionKind::WorkLost { before: 0.0, .. }]
        ));
        assert_eq!(kinds(&after, &before, "s3_requests_failed"), []);
        let mut longer = one(1.0);
        longer.measured_s = 60;
        let found = regressions(&one(1.0), &longer, &RegressionGate::default());
        assert_eq!(found.measured_s, Some((1, 60)));
    }
}
