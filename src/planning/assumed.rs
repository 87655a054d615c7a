//! What the assumptions in force are worth in one scenario: each at the ends of its range, run again.
//!
//! Only those that the scenario leaves at their default and that can act in it. Both sides see the same random numbers, in
//! the same replications. What is tried is a row here; docs/MODEL.md says why, and has the same for media-library.

use super::study::{Study, StudyError};
use crate::input::document::{Node, Table};
use crate::metrics::estimate::TOTAL_COSTS;
use crate::results::{
    AssumedChange, AssumptionEffect, AssumptionTrial, RunResults, VariantResults,
};
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::HashSet;

/// Most replications of each run: a ranking needs no narrow intervals.
const REPLICATIONS: u32 = 2;

/// What has to be so that an assumption can change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ActsWith {
    /// Any request.
    Requests,
    /// A bucket with bucket keys.
    BucketKeys,
    /// Throttled attempts.
    Throttling,
    /// Denied requests.
    Denials,
    /// Objects under DSSE-KMS.
    Dsse,
    /// Log groups.
    LogGroups,
}

/// An assumption with a key of `[assumption]`, and what is tried in place of its default.
struct AssumptionRange {
    /// Its number in docs/MODEL.md.
    number: &'static str,
    key: &'static str,
    tried: &'static [&'static str],
    acts: ActsWith,
    /// How far it moved media-library, by docs/MODEL.md.
    stated: &'static str,
}

const fn range(
    number: &'static str,
    key: &'static str,
    tried: &'static [&'static str],
    acts: ActsWith,
    stated: &'static str,
) -> AssumptionRange {
    AssumptionRange {
        number,
        key,
        tried,
        acts,
        stated,
    }
}

/// Every key of `[assumption]` that changes attempts or costs; those first that moved most where docs/MODEL.md tried them.
#[rustfmt::skip]
const RANGES: [AssumptionRange; 18] = [
    range("M29", "encryption_condition", &["effective"], ActsWith::Denials, "decides whether a Deny on the header matches: all of a workload's writes or none"),
    range("M18", "dsse_kms_calls", &["2"], ActsWith::Dsse, "attempts +40 %, cost +28 %"),
    range("M6", "bucket_key_requester", &["session"], ActsWith::BucketKeys, "attempts +18 %, cost +12 % with 60 sessions"),
    range("M28", "denied_calls_consume_quota", &["false"], ActsWith::Denials, "attempts −10 %, throttled ones −77 %, cost −7 %"),
    range("M41", "retry_after", &["1s", "4s"], ActsWith::Throttling, "throttled attempts −58 % and −76 %"),
    range("M13", "s3_latency", &["{lognormal={median=\"15ms\",sigma=0.5}}", "{lognormal={median=\"60ms\",sigma=0.5}}"], ActsWith::Requests, "throttled attempts +38 % and −22 %, where jobs set the pace"),
    range("M47", "log_stream_data_key_lifetime", &["150s", "600s"], ActsWith::LogGroups, "throttled attempts +5 % and −2 %, in encrypted-log-group"),
    range("M46", "log_group_association_delay", &["2m", "10m"], ActsWith::LogGroups, "throttled attempts +14 % and −25 %, in encrypted-log-group"),
    range("M4", "bucket_key_renewal", &["sliding"], ActsWith::BucketKeys, "attempts −0.7 %, cost −0.4 %"),
    range("M4", "bucket_key_lifetime", &["150s", "600s"], ActsWith::BucketKeys, "attempts +0.7 % and −0.3 %, cost +0.4 % and −0.2 %"),
    range("M5", "bucket_key_fanout", &["1", "4"], ActsWith::BucketKeys, "attempts −0.3 % and +0.7 %, cost −0.2 % and +0.4 %"),
    range("M37", "bucket_key_write_lifetime", &["150s", "600s"], ActsWith::BucketKeys, "attempts +0.6 % and −0.3 %, cost +0.4 % and −0.2 %"),
    range("M16", "throttled_attempts_logged", &["false"], ActsWith::Throttling, "cost −0.09 %, with two trails"),
    range("M15", "throttled_attempts_billed", &["true"], ActsWith::Throttling, "cost +0.08 %"),
    range("M14", "throttled_latency", &["{constant={value=\"2ms\"}}", "{constant={value=\"8ms\"}}"], ActsWith::Throttling, "throttled attempts ±1 %"),
    range("M8", "bucket_key_single_flight", &["true"], ActsWith::BucketKeys, "nothing that shows"),
    range("M38", "bucket_key_verification", &["false"], ActsWith::BucketKeys, "nothing that shows"),
    range("M12", "kms_latency", &["{lognormal={median=\"2ms\",sigma=0.5}}", "{lognormal={median=\"8ms\",sigma=0.5}}"], ActsWith::Requests, "nothing that shows"),
];

/// What of a variant, of which `table` has the resolved tables, can make assumptions act.
fn acting(table: impl Fn(&str) -> Value, present: &VariantResults) -> HashSet<ActsWith> {
    let any = |id: &str| {
        let mean = present.metrics.get(id).and_then(|e| e.mean);
        mean.is_some_and(|v| v > 0.0)
    };
    let buckets = table("bucket");
    let buckets = buckets.as_object().into_iter().flat_map(|all| all.values());
    let has = |key: &str, value: &str| {
        let text = |v: &Value| v[key].to_string().trim_matches('"') == value;
        buckets.clone().any(text)
    };
    let groups = table("log_group");
    let all = [
        (ActsWith::Requests, true),
        (ActsWith::BucketKeys, has("bucket_key", "true")),
        (ActsWith::Dsse, has("encryption", "DSSE-KMS")),
        (
            ActsWith::Throttling,
            any("kms_throttled") || any("s3_throttled"),
        ),
        (ActsWith::Denials, any("s3_requests_denied")),
        (
            ActsWith::LogGroups,
            groups.as_object().is_some_and(|g| !g.is_empty()),
        ),
    ];
    let acts = all.into_iter().filter(|(_, acts)| *acts);
    acts.map(|(with, _)| with).collect()
}

/// An assumption, and how far it moved another scenario.
#[derive(Clone, Copy, Debug)]
pub struct StatedEffect {
    /// Its number in docs/MODEL.md.
    pub number: &'static str,
    /// Its key in `[assumption]`.
    pub key: &'static str,
    /// How far, in words.
    pub stated: &'static str,
}

/// The assumptions that can act in any of a run's variants, those first that moved most where docs/MODEL.md tried them.
pub fn stated(results: &RunResults) -> Vec<StatedEffect> {
    let of = |v| acting(|kind| results.scenario.resolved.table(&v.name, kind), v);
    let acts: HashSet<ActsWith> = results.variants.iter().flat_map(of).collect();
    let rows = RANGES.iter().filter(|row| acts.contains(&row.acts));
    let stated = rows.map(|row| StatedEffect {
        number: row.number,
        key: row.key,
        stated: row.stated,
    });
    stated.collect()
}

/// Whether the scenario sets an assumption itself.
fn is_set(table: &Table, key: &str) -> bool {
    match table.get("assumption").map(|v| &v.node) {
        Some(Node::Table(assumptions)) => assumptions.get(key).is_some(),
        Some(_) | None => false,
    }
}

/// The assumptions of a variant that are worth trying.
#[derive(Debug)]
pub struct AssumedQuestion {
    study: Study,
    rows: Vec<&'static AssumptionRange>,
    resolved: Value,
}

impl std::fmt::Debug for AssumptionRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

impl AssumedQuestion {
    /// Those in force in the study's variant, whose results are `present`.
    ///
    /// # Errors
    /// None but those that [`Study::new`] would have reported.
    pub fn new(mut study: Study, present: &VariantResults) -> Result<AssumedQuestion, StudyError> {
        let variant = study.with(&[], &[])?;
        let table = study.table()?;
        let resolved = serde_json::to_value(&variant.scenario).unwrap_or_default();
        let acts = acting(|kind| resolved[kind].clone(), present);
        let in_force =
            |row: &&AssumptionRange| acts.contains(&row.acts) && !is_set(&table, row.key);
        let rows = RANGES.iter().filter(in_force).collect();
        study.replications = study.replications.min(REPLICATIONS);
        Ok(AssumedQuestion {
            study,
            rows,
            resolved,
        })
    }

    /// Runs that an answer takes.
    pub fn runs(&self) -> usize {
        self.rows.iter().map(|row| row.tried.len()).sum()
    }

    /// Its study, with as many replications as are run.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// What each is worth, the one that moves the variant most first; those that move nothing are left out.
    ///
    /// # Errors
    /// A price that is not known; the run was cancelled.
    pub fn answer(&self, present: &VariantResults) -> Result<Vec<AssumptionEffect>, StudyError> {
        let mut effects = Vec::new();
        for row in &self.rows {
            let mut trials = Vec::new();
            for value in row.tried {
                let set = format!("assumption.{}={value}", row.key);
                let found = match self.study.run(&[], &[set], self.study.seed) {
                    Ok(found) => found,
                    // A key that would change nothing here is refused.
                    Err(StudyError::Scenario(_)) => continue,
                    Err(other) => return Err(other),
                };
                let metrics = changes(present, &found, self.study.replications as usize);
                trials.push(AssumptionTrial {
                    value: (*value).to_owned(),
                    moves: metrics
                        .iter()
                        .map(|(id, c)| moves(id, c))
                        .fold(0.0, f64::max),
                    metrics,
                });
            }
            let moves = trials.iter().map(|t| t.moves).fold(0.0, f64::max);
            if moves > 0.0 {
                effects.push(AssumptionEffect {
                    number: row.number.to_owned(),
                    key: format!("assumption.{}", row.key),
                    variant: self.study.variant.clone(),
                    in_force: self.resolved["assumption"][row.key].clone(),
                    replications: self.study.replications,
                    moves,
                    trials,
                });
            }
        }
        effects.sort_by(|a, b| b.moves.total_cmp(&a.moves));
        Ok(effects)
    }
}

/// The share of the tightest quota that the busiest second takes.
pub const PEAK_OF_QUOTA: &str = "peak_of_quota";

/// The share of S3's requests that fail for good.
pub const FAILED_SHARE: &str = "s3_requests_failed_share";

/// What decides about a variant, by metric, over its first so many replications.
fn figures(v: &VariantResults, replications: usize) -> IndexMap<String, Option<f64>> {
    let mean = |values: &[Option<f64>]| -> Option<f64> {
        let some = values.get(..replications.min(values.len()))?;
        let known: Option<Vec<f64>> = some.iter().copied().collect();
        let known = known.filter(|k| !k.is_empty())?;
        Some(known.iter().sum::<f64>() / known.len() as f64)
    };
    let of = |id: &str| v.metrics.get(id).and_then(|e| mean(&e.values));
    let headroom = v
        .tightest_quota()
        .and_then(|(_, q)| q.metrics.get("quota_headroom"));
    let peak = headroom.and_then(|e| mean(&e.values)).map(|h| 1.0 - h);
    let cost = TOTAL_COSTS.into_iter().find(|id| of(id).is_some());
    let requests = of("s3_requests").filter(|n| *n > 0.0);
    let failed = of("s3_requests_failed").zip(requests);
    let mut all = IndexMap::from([
        (PEAK_OF_QUOTA.to_owned(), peak),
        (FAILED_SHARE.to_owned(), failed.map(|(f, n)| f / n)),
    ]);
    for id in ["throttle_rate"].into_iter().chain(cost) {
        all.insert(id.to_owned(), of(id));
    }
    all
}

fn changes(
    before: &VariantResults,
    after: &VariantResults,
    replications: usize,
) -> IndexMap<String, AssumedChange> {
    let after = figures(after, replications);
    let before = figures(before, replications);
    let pairs = before.into_iter().map(|(id, before)| {
        let after = after.get(&id).copied().flatten();
        (id, AssumedChange { before, after })
    });
    pairs.collect()
}

/// How far a metric moves: in points for shares, in shares of itself for all else.
fn moves(id: &str, change: &AssumedChange) -> f64 {
    let (Some(before), Some(after)) = (change.before, change.after) else {
        return 0.0;
    };
    match id {
        PEAK_OF_QUOTA | FAILED_SHARE | "throttle_rate" => (after - before).abs(),
        _ if before != 0.0 => ((after - before) / before).abs(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;

    const SCENARIO: &str = "horizon = \"2m\"\nreplications = 3\nregion = \"eu-west-3\"\nretry.none = {}\n\
        key.k = {}\nbucket.b = { key = \"k\", bucket_key = true }\n[workload.w]\nbucket = \"b\"\n\
        operations.PutObject = 1\narrivals.poisson.rate = \"50/s\"\n";

    #[test]
    fn what_is_tried_is_a_default_that_acts() {
        let input = Input::from_text("t", SCENARIO);
        let (study, _) = Study::new(&input, &[], None).unwrap_or_else(|e| panic!("{e}"));
        let present = study.run(&[], &[], study.seed).expect("results");
        let question = AssumedQuestion::new(study, &present).expect("a question");
        let keys: Vec<&str> = question.rows.iter().map(|r| r.key).collect();
        assert!(keys.contains(&"bucket_key_fanout"), "{keys:?}");
        assert!(
            !keys.contains(&"retry_after"),
            "nothing is throttled: {keys:?}"
        );
        let effects = question.answer(&present).expect("an answer");
        let in_order = effects.windows(2).all(|w| w[0].moves >= w[1].moves);
        assert!(in_order && !effects.is_empty(), "{effects:?}");
        // The figures are those of a run with the key set.
        let fanout = effects
            .iter()
            .find(|e| e.number == "M5")
            .expect("fan-out moves it");
        let (again, _) = Study::new(
            &input,
            &[
                "assumption.bucket_key_fanout=4".to_owned(),
                "replications=2".to_owned(),
            ],
            None,
        )
        .expect("a study");
        let run = again.run(&[], &[], again.seed).expect("results");
        let cost = TOTAL_COSTS
            .into_iter()
            .find(|id| run.metrics.get(id).is_some_and(|e| e.mean.is_some()));
        let cost = cost.expect("a cost");
        let four = fanout
            .trials
            .iter()
            .find(|t| t.value == "4")
            .expect("tried");
        assert_eq!(four.metrics[cost].after, run.metrics[cost].mean);
    }

    #[test]
    fn every_key_has_its_range_and_its_number() {
        let input = Input::from_text("t", SCENARIO);
        let (study, _) = Study::new(&input, &[], None).unwrap_or_else(|e| panic!("{e}"));
        let variant = study.with(&[], &[]).expect("a variant");
        let all = serde_json::to_value(&variant.scenario.assumption).expect("JSON");
        for key in all.as_object().expect("a table").keys() {
            // It decides about the alarm alone.
            let is_known = RANGES.iter().any(|row| row.key == key);
            assert!(
                is_known || key == "throttled_attempts_in_call_count",
                "{key}"
            );
        }
        let model = include_str!("../../docs/MODEL.md");
        for row in &RANGES {
            let key = format!("`assumption.{}`", row.key);
            let number = format!("| {} |", row.number);
            let tells = |l: &str| l.starts_with(&number) && l.contains(&key);
            assert!(model.lines().any(tells), "{number} {key}");
            for value in row.tried {
                let set = format!("assumption.{}={value}", row.key);
                let tried = study.with(&[], std::slice::from_ref(&set));
                assert!(
                    tried.is_ok(),
                    "{set}: {}",
                    tried.err().map_or_else(String::new, |e| e.to_string())
                );
            }
        }
    }

    #[test]
    fn a_key_that_is_set_is_no_assumption() {
        let input = Input::from_text("t", SCENARIO);
        let sets = ["assumption.bucket_key_fanout=4".to_owned()];
        let (study, _) = Study::new(&input, &sets, None).unwrap_or_else(|e| panic!("{e}"));
        let present = study.run(&[], &[], study.seed).expect("results");
        let question = AssumedQuestion::new(study, &present).expect("a question");
        assert!(question.rows.iter().all(|r| r.key != "bucket_key_fanout"));
    }
}
