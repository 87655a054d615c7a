//! The verdict on a run: which variant keeps what it is held to, loses no more work than any other, and costs least.
//!
//! In this order: the scenario's thresholds, or, where a variant has none, that nothing is throttled; then that no
//! larger share of the work is lost than by the variant that loses least, beyond the interval of the difference
//! (a threshold on a kind of loss takes its place); then cost in one unit; within its interval, fewer settings
//! changed. Left out: preferences between a month's cost and the delay that it buys, which are thresholds.

use super::difference::difference;
use super::loss::{Loss, REQUESTS, exceeds, loses_more, losses_of};
use super::settings::settings;
use super::variants::obstacle;
use crate::metrics::estimate::{TOTAL_COSTS, total_cost};
use crate::metrics::number;
use crate::results::{
    RunResults, RunVerdict, ThresholdResult, ThresholdVerdict, VariantResults, VariantVerdict,
    Verdict,
};
use std::collections::{BTreeMap, HashMap};

/// Variants whose fault a sentence names before it counts the others.
const NAMED: usize = 3;

/// The verdict on all variants of a run.
pub fn verdict(results: &RunResults) -> RunVerdict {
    let mut thresholds: HashMap<&str, Vec<&ThresholdResult>> = HashMap::new();
    for t in &results.thresholds {
        thresholds.entry(&t.variant).or_default().push(t);
    }
    let mut judge = Judge {
        results,
        thresholds,
        least: BTreeMap::new(),
    };
    let judged: Vec<VariantVerdict> = results.variants.iter().map(|v| judge.judge(v)).collect();
    let kept = results.variants.iter().zip(&judged);
    let kept: Vec<&VariantResults> = kept
        .filter(|(_, judged)| judged.keeps == Some(true))
        .map(|(v, _)| v)
        .collect();
    let best = best(results, &kept);
    RunVerdict {
        question: question(results),
        answer: answer(results, &judged, &kept, best),
        best: best.map(|b| b.name.clone()),
        variants: judged,
    }
}

/// What variants are held to.
struct Judge<'a> {
    results: &'a RunResults,
    /// By variant.
    thresholds: HashMap<&'a str, Vec<&'a ThresholdResult>>,
    /// Of each kind of work the variant that loses least and what it loses, by the metrics that thresholds judge.
    least: BTreeMap<Vec<&'a str>, Vec<(&'a VariantResults, Loss)>>,
}

impl<'a> Judge<'a> {
    /// What speaks against a variant, or that nothing does.
    fn judge(&mut self, v: &'a VariantResults) -> VariantVerdict {
        let mut against = Vec::new();
        let mut unknown = Vec::new();
        let own = self.thresholds.remove(v.name.as_str()).unwrap_or_default();
        for t in &own {
            match t.verdict {
                ThresholdVerdict::Met | ThresholdVerdict::MetNotShown => {}
                ThresholdVerdict::Crossed => against.push(format!("crosses `{}`", t.name)),
                ThresholdVerdict::NoData => unknown.push(format!("no data for `{}`", t.name)),
            }
        }
        if own.is_empty() {
            against.extend(throttled(v));
        }
        let mut judged: Vec<&str> = own.iter().map(|t| t.metric.as_str()).collect();
        judged.sort_unstable();
        judged.dedup();
        let least = self.least(&judged);
        for (loss, (other, at_least)) in losses_of(v, &judged).iter().zip(least) {
            if exceeds(&loss.share, &at_least.share, paired(other, v)) {
                against.push(format!("{}, more than of {}", lost(loss), other.name));
            }
        }
        let keeps = match (against.is_empty(), unknown.is_empty()) {
            (false, _) => Some(false),
            (true, false) => None,
            (true, true) => Some(true),
        };
        against.extend(unknown);
        let why = match keeps {
            Some(true) => kept(v, own.len()),
            Some(false) | None => against.join("; "),
        };
        VariantVerdict {
            name: v.name.clone(),
            keeps,
            why,
        }
    }

    fn least(&mut self, judged: &[&'a str]) -> &[(&'a VariantResults, Loss)] {
        let variants = &self.results.variants;
        self.least.entry(judged.to_vec()).or_insert_with(|| {
            let mut least: Vec<(&VariantResults, Loss)> = Vec::new();
            for v in variants {
                for (kind, loss) in losses_of(v, judged).into_iter().enumerate() {
                    match least.get_mut(kind) {
                        None => least.push((v, loss)),
                        Some(so_far) if loss.share.mean < so_far.1.share.mean => {
                            *so_far = (v, loss)
                        }
                        Some(_) => {}
                    }
                }
            }
            least
        })
    }
}

fn mean(v: &VariantResults, id: &str) -> Option<f64> {
    v.metrics.get(id)?.mean
}

fn question(results: &RunResults) -> String {
    let wish = match results.thresholds.is_empty() {
        true => "is never throttled",
        false => "keeps the thresholds",
    };
    match results.variants.as_slice() {
        [only] => match results.thresholds.is_empty() {
            true => format!("Does the quota hold for {}?", only.name),
            false => format!("Does {} keep its thresholds?", only.name),
        },
        _ => format!("Which variant {wish}, loses no work that another does, and costs least?"),
    }
}

/// That a variant is throttled, and how much.
fn throttled(v: &VariantResults) -> Vec<String> {
    let by = [
        ("kms_throttled", "throttle_rate", "KMS attempts"),
        ("s3_throttled", "s3_throttle_rate", "S3 attempts"),
    ];
    let found = by.into_iter().filter_map(|(count, rate, what)| {
        let any = mean(v, count).is_some_and(|n| n > 0.0);
        let rate = v.metrics.get(rate).filter(|_| any)?;
        Some(format!(
            "{} of its {what} are throttled",
            number::estimate("throttle_rate", rate)
        ))
    });
    found.collect()
}

/// Why a variant keeps what it is held to.
fn kept(v: &VariantResults, thresholds: usize) -> String {
    let held = match thresholds {
        0 if mean(v, "kms_attempts").is_none_or(|a| a == 0.0) => "no KMS attempt".to_owned(),
        0 => "nothing is throttled".to_owned(),
        1 => "its threshold is met".to_owned(),
        2 => "both thresholds are met".to_owned(),
        n => format!("all {n} thresholds are met"),
    };
    match even_so(v) {
        Some(lost) => format!("{held}; {lost}"),
        None => held,
    }
}

fn lost(loss: &Loss) -> String {
    format!(
        "{} {}",
        number::estimate("throttle_rate", &loss.share),
        loss.what
    )
}

/// What a variant loses, no more than any other.
fn even_so(v: &VariantResults) -> Option<String> {
    let some = losses_of(v, &[])
        .into_iter()
        .filter(|l| l.share.mean.is_some_and(|m| m > 0.0));
    let some: Vec<String> = some.map(|l| lost(&l)).collect();
    (!some.is_empty()).then(|| some.join(" and "))
}

/// Whether two variants of one run can be compared replication by replication.
fn paired(a: &VariantResults, b: &VariantResults) -> bool {
    obstacle(a, b, true).is_none()
}

/// Whether two variants are asked for the same work: the same arrivals, or as many requests as far as is shown.
fn same_work(a: &VariantResults, b: &VariantResults) -> bool {
    let as_many = |id: &&str| {
        let d = difference(None, a.metrics.get(id), b.metrics.get(id), false);
        match (d.ci_low.zip(d.ci_high), d.mean) {
            (Some((low, high)), _) => low <= 0.0 && high >= 0.0,
            (None, mean) => mean.is_none_or(|mean| mean == 0.0),
        }
    };
    paired(a, b) || REQUESTS.iter().all(as_many)
}

/// The cheapest of those that keep what they are held to; within the interval the one with fewer settings changed.
/// `None` where none does, or several do whose costs say nothing about each other.
fn best<'a>(results: &RunResults, kept: &[&'a VariantResults]) -> Option<&'a VariantResults> {
    if let [only] = kept {
        return Some(only);
    }
    let first = kept.first()?;
    if !kept.iter().all(|v| same_work(first, v)) {
        return None;
    }
    let id = cost(kept)?;
    let price = |v: &VariantResults| mean(v, id).unwrap_or(f64::INFINITY);
    let by_price = |a: &&&VariantResults, b: &&&VariantResults| price(a).total_cmp(&price(b));
    let cheapest = kept.iter().min_by(by_price)?;
    let ties = kept.iter().filter(|v| !dearer(v, cheapest, id));
    ties.min_by_key(|v| changes(results, v)).copied()
}

/// Whether all others cost more, beyond the interval of the difference.
fn alone(kept: &[&VariantResults], best: &VariantResults) -> bool {
    let mut others = kept.iter().filter(|v| v.name != best.name);
    cost(kept).is_some_and(|id| others.all(|v| dearer(v, best, id)))
}

/// The cost that all of them have.
fn cost(of: &[&VariantResults]) -> Option<&'static str> {
    let all_have = |id: &&str| of.iter().all(|v| mean(v, id).is_some());
    TOTAL_COSTS.into_iter().find(all_have)
}

/// Whether one costs more than the other, beyond the interval of the difference where there is one.
fn dearer(v: &VariantResults, than: &VariantResults, id: &str) -> bool {
    match (v.metrics.get(id), than.metrics.get(id)) {
        (Some(a), Some(b)) => exceeds(a, b, paired(v, than)),
        (_, _) => false,
    }
}

/// How many settings of a variant differ from the first's.
fn changes(results: &RunResults, v: &VariantResults) -> usize {
    let first = results.variants.first();
    first.map_or(0, |first| {
        settings((results, &first.name), (results, &v.name)).len()
    })
}

/// What variants are held to, for one and for several.
fn held(results: &RunResults) -> (&'static str, &'static str) {
    let any_lost = results.variants.iter().any(|v| even_so(v).is_some());
    match (results.thresholds.is_empty(), any_lost) {
        (true, false) => ("is never throttled", "are never throttled"),
        (true, true) => (
            "is never throttled and loses no more work than another",
            "are never throttled and lose no more work than another",
        ),
        (false, false) => ("keeps its thresholds", "keep their thresholds"),
        (false, true) => (
            "keeps its thresholds and loses no more work than another",
            "keep their thresholds and lose no more work than another",
        ),
    }
}

/// The verdict in a sentence or two.
fn answer(
    results: &RunResults,
    judged: &[VariantVerdict],
    kept: &[&VariantResults],
    best: Option<&VariantResults>,
) -> String {
    let total = results.variants.len();
    let free = results.thresholds.is_empty();
    let idle = |v: &VariantResults| mean(v, "kms_attempts").is_none_or(|a| a == 0.0);
    if free && kept.len() == total && results.variants.iter().all(idle) {
        return "No variant made a KMS attempt, so the quota does not matter.".to_owned();
    }
    let (one, several) = held(results);
    let Some(best) = best else {
        let Some(first) = kept.first() else {
            return nobody(results, judged);
        };
        let why = match kept.iter().all(|v| same_work(first, v)) {
            true => "not all have a cost",
            false => "they serve different requests, so their costs say nothing about each other",
        };
        let n = kept.len();
        return format!("{n} of {total} variants {several}, but {why}: none is called the best.");
    };
    let name = &best.name;
    let mut out = match (total, kept.len()) {
        (1, _) if free => format!("The quota holds: {name} is never throttled."),
        (1, _) => format!("{name} keeps its thresholds."),
        (_, 1) => format!(
            "{name}: of {total} variants only it {one}{}.",
            saving(results, best)
        ),
        (_, n) => format!(
            "{name}: of the {n} of {total} variants that {several} it {}{}.",
            match alone(kept, best) {
                true => "costs least",
                false => "changes least, and none is shown to cost less",
            },
            saving(results, best)
        ),
    };
    if let Some(lost) = even_so(best) {
        out += &format!(" Even so {lost}.");
    }
    out
}

/// What the best costs, and what that is against the first variant.
fn saving(results: &RunResults, best: &VariantResults) -> String {
    let Some((id, price, at)) = total_cost(&best.metrics) else {
        return String::new();
    };
    let price_text = number::value(id, &price.unit, at);
    let mut first = results.variants.first().into_iter();
    let shown = first.find_map(|first| {
        let pairs = paired(first, best);
        // What a variant saves by losing more work is no saving.
        if first.name == best.name || !same_work(first, best) || loses_more(best, first, pairs) {
            return None;
        }
        let d = difference(Some(true), first.metrics.get(id), Some(price), pairs);
        if d.verdict == Verdict::Same {
            return Some(format!(", the same as {}", first.name));
        }
        let (mean, low, high) = (d.mean?, d.ci_low?, d.ci_high?);
        let word = match (low > 0.0, high < 0.0) {
            (true, _) => "more",
            (false, true) => "less",
            (false, false) => return Some(format!(", no difference from {} shown", first.name)),
        };
        let by = number::spread(id, &price.unit, mean.abs(), (high - low) / 2.0);
        Some(format!(", {by} {word} than {}", first.name))
    });
    format!(" ({price_text}{})", shown.unwrap_or_default())
}

/// Why no variant will do.
fn nobody(results: &RunResults, judged: &[VariantVerdict]) -> String {
    let what = match (results.variants.len(), results.thresholds.is_empty()) {
        (1, true) => "The quota does not hold",
        (1, false) => "The thresholds are not kept",
        (_, _) => "No variant holds",
    };
    let named = judged.iter().take(NAMED);
    let mut faults: Vec<String> = named.map(|v| format!("{}: {}", v.name, v.why)).collect();
    let more = judged.len().saturating_sub(NAMED);
    if more > 0 {
        faults.push(format!("So for {more} more"));
    }
    format!("{what}. {}.", faults.join(". "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::{run, variant};
    use crate::results::Estimate;

    type Values<'a> = [(&'a str, &'a [Option<f64>])];

    /// A variant of 1,000 requests: how many are throttled and denied, and its dollars, in two replications.
    fn v(name: &str, throttled: f64, denied: [f64; 2], usd: [f64; 2]) -> VariantResults {
        let both = |x: f64| [Some(x); 2];
        let pair = |x: [f64; 2]| x.map(Some);
        let values: &Values<'_> = &[
            ("s3_requests", &both(1_000.0)),
            ("s3_requests_denied", &pair(denied)),
            ("kms_attempts", &both(500.0)),
            ("kms_throttled", &both(throttled)),
            ("throttle_rate", &both(throttled / 500.0)),
            ("cost_total_usd", &pair(usd)),
        ];
        variant(name, "same", values)
    }

    fn of(variants: Vec<VariantResults>) -> RunVerdict {
        verdict(&run(1, variants))
    }

    #[test]
    fn a_variant_that_loses_work_is_not_the_best_however_cheap() {
        let found = of(vec![
            v("as-is", 50.0, [0.0; 2], [9.0, 9.5]),
            v("denied", 0.0, [1_000.0; 2], [1.0, 1.0]),
            v("mended", 0.0, [0.0; 2], [8.0, 8.5]),
        ]);
        assert_eq!(found.best.as_deref(), Some("mended"));
        let keeps: Vec<Option<bool>> = found.variants.iter().map(|v| v.keeps).collect();
        assert_eq!(keeps, [Some(false), Some(false), Some(true)]);
        assert!(
            found.answer.contains("1 less than as-is"),
            "{}",
            found.answer
        );
    }

    #[test]
    fn what_even_the_best_loses_is_said() {
        let found = of(vec![
            v("worse", 0.0, [580.0, 580.0], [1.0, 1.0]),
            v("least", 0.0, [210.0, 210.0], [2.0, 2.0]),
        ]);
        assert_eq!(found.best.as_deref(), Some("least"));
        assert!(
            found.answer.contains("21 % of its requests"),
            "{}",
            found.answer
        );
        // Within the interval of the difference both lose as much.
        let found = of(vec![
            v("a", 0.0, [200.0, 220.0], [1.0, 1.0]),
            v("b", 0.0, [190.0, 225.0], [2.0, 2.0]),
        ]);
        assert_eq!(found.best.as_deref(), Some("a"));
    }

    #[test]
    fn nobody_is_best_where_all_are_throttled_or_their_work_differs() {
        let found = of(vec![
            v("a", 5.0, [0.0; 2], [1.0, 1.0]),
            v("b", 1.0, [0.0; 2], [1.0, 1.0]),
        ]);
        assert_eq!(found.best, None);
        assert!(
            found.answer.contains("a: 1 % of its KMS attempts"),
            "{}",
            found.answer
        );
        let mut other = v("b", 0.0, [0.0; 2], [1.0, 1.0]);
        other.arrivals_id = "other".to_owned();
        other.metrics["s3_requests"] = Estimate::over(vec![Some(2_000.0); 2], "1");
        let found = of(vec![v("a", 0.0, [0.0; 2], [2.0, 2.0]), other]);
        assert_eq!(found.best, None);
        assert!(
            found.answer.contains("different requests"),
            "{}",
            found.answer
        );
    }

    fn threshold(variant: &str, metric: &str, verdict: ThresholdVerdict) -> ThresholdResult {
        ThresholdResult {
            name: "t".to_owned(),
            variant: variant.to_owned(),
            workload: None,
            metric: metric.to_owned(),
            comparison: "<".to_owned(),
            limit: 1.0,
            mean: None,
            ci_low: None,
            ci_high: None,
            unit: "1".to_owned(),
            verdict,
        }
    }

    #[test]
    fn thresholds_take_the_place_of_throttling_and_of_the_loss_that_they_judge() {
        let mut results = run(
            1,
            vec![
                v("as-is", 5.0, [0.0; 2], [1.0, 1.0]),
                v("denies", 5.0, [300.0; 2], [2.0, 2.0]),
            ],
        );
        results.thresholds = vec![
            threshold("as-is", "s3_requests_denied", ThresholdVerdict::Crossed),
            threshold("denies", "s3_requests_denied", ThresholdVerdict::Met),
        ];
        assert_eq!(verdict(&results).best.as_deref(), Some("denies"));
        // A threshold on something else leaves the loss as it is, and what has no data is no pass.
        results.thresholds = vec![
            threshold("as-is", "added_delay_s_max", ThresholdVerdict::NoData),
            threshold("denies", "added_delay_s_max", ThresholdVerdict::Met),
        ];
        let found = verdict(&results);
        let keeps: Vec<Option<bool>> = found.variants.iter().map(|v| v.keeps).collect();
        assert_eq!((keeps, found.best), (vec![None, Some(false)], None));
    }

    #[test]
    fn of_equal_costs_the_one_that_changes_least() {
        let mut results = run(
            1,
            vec![
                v("as-is", 5.0, [0.0; 2], [1.0, 1.0]),
                v("two", 0.0, [0.0; 2], [2.0, 2.0]),
                v("one", 0.0, [0.0; 2], [2.0, 2.0]),
            ],
        );
        results.scenario.resolved = serde_json::json!({"variant": {
            "as-is": {"a": 1, "b": 1}, "two": {"a": 2, "b": 2}, "one": {"a": 2, "b": 1}}})
        .into();
        assert_eq!(verdict(&results).best.as_deref(), Some("one"));
    }
}
