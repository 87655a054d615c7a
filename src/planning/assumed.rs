//! What the assumptions in force are worth in one scenario: each at the ends of its range, run again.
//!
//! Only those that the scenario leaves at their default and that can act in it. Both sides see the same random numbers, in
//! the same replications. What is tried is a row here; docs/MODEL.md says why, and has the same for media-library.
//! Long because it holds what is tried of every assumption, wherever its key is.

use super::quota::{Pool, pools};
use super::study::{Study, StudyError};
use crate::catalog::{price, quota_by_name};
use crate::input::document::{Node, Table, key_text};
use crate::metrics::estimate::TOTAL_COSTS;
use crate::results::{
    AssumedChange, AssumptionEffect, AssumptionTrial, BillLine, RunResults, VariantResults,
};
use crate::units::Share;
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
    /// A busiest second that takes most of a quota.
    FullQuota,
    /// Throttled attempts.
    Throttling,
    /// Denied requests.
    Denials,
    /// Objects under DSSE-KMS.
    Dsse,
    /// Log groups.
    LogGroups,
}

/// What an assumption's key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyOf {
    /// `[assumption]`.
    Assumption,
    /// Every request quota in use.
    Quota,
    /// Every request quota in use whose limit the catalog assumes.
    AssumedQuota,
    /// Every bucket.
    Bucket,
    /// Every workload.
    Workload,
    /// Every price of the bill that the catalog assumes.
    Price,
}

/// An assumption that has a key, and what is tried in place of its default.
struct AssumptionRange {
    /// Its number in docs/MODEL.md.
    number: &'static str,
    of: KeyOf,
    key: &'static str,
    /// Values, or factors on the value in force.
    tried: &'static [&'static str],
    acts: ActsWith,
    /// How far it moved media-library, by docs/MODEL.md.
    stated: &'static str,
}

const fn range(
    number: &'static str,
    of: KeyOf,
    key: &'static str,
    tried: &'static [&'static str],
    acts: ActsWith,
    stated: &'static str,
) -> AssumptionRange {
    AssumptionRange {
        number,
        of,
        key,
        tried,
        acts,
        stated,
    }
}

/// What is tried of a number that has no default of its own.
const FACTORS: &[&str] = &["half", "double"];

impl AssumptionRange {
    /// The key as docs/MODEL.md writes it.
    fn path(&self) -> String {
        match self.of {
            KeyOf::Assumption => format!("assumption.{}", self.key),
            KeyOf::Quota | KeyOf::AssumedQuota => format!("quota.NAME.{}", self.key),
            KeyOf::Bucket => format!("bucket.NAME.{}", self.key),
            KeyOf::Workload => format!("workload.NAME.{}", self.key),
            KeyOf::Price => "price.ITEM".to_owned(),
        }
    }
}

/// Every assumption that changes attempts or costs and has a key: all of `[assumption]`, and those of other tables whose value is a
/// guess of ours or must be one of the scenario's; those first that moved most where docs/MODEL.md tried them.
#[rustfmt::skip]
const RANGES: [AssumptionRange; 30] = [
    range("M29", KeyOf::Assumption, "encryption_condition", &["effective"], ActsWith::Denials, "decides whether a Deny on the header matches: all of a workload's writes or none"),
    range("M24", KeyOf::Price, "usd", FACTORS, ActsWith::Requests, "cost −38 % and +76 %, the price of KMS requests"),
    range("M18", KeyOf::Assumption, "dsse_kms_calls", &["2"], ActsWith::Dsse, "attempts +40 %, cost +28 %"),
    range("M24", KeyOf::AssumedQuota, "limit", FACTORS, ActsWith::Requests, "attempts +18 % and −0.1 %, throttled ones 270 times as many and none"),
    range("M6", KeyOf::Assumption, "bucket_key_requester", &["session"], ActsWith::BucketKeys, "attempts +18 %, cost +12 % with 60 sessions"),
    range("M9", KeyOf::Bucket, "older_objects", FACTORS, ActsWith::BucketKeys, "attempts −8 % and +17 %, cost −5 % and +11 %"),
    range("M28", KeyOf::Assumption, "denied_calls_consume_quota", &["false"], ActsWith::Denials, "attempts −10 %, throttled ones −77 %, cost −7 %"),
    range("M41", KeyOf::Assumption, "retry_after", &["1s", "4s"], ActsWith::Throttling, "throttled attempts −58 % and −76 %"),
    range("M60", KeyOf::Bucket, "prefixes", &["1", "2"], ActsWith::Requests, "throttled attempts −66 % and none, with one prefix S3 refuses instead"),
    range("M1", KeyOf::Quota, "limiter", &["sliding-window", "{token-bucket={burst=1}}"], ActsWith::FullQuota, "throttled attempts −14 % and −40 %"),
    range("M103", KeyOf::Workload, "job.on_failure", &["fail-job"], ActsWith::Throttling, "throttled attempts −47 %"),
    range("M13", KeyOf::Assumption, "s3_latency", &["{lognormal={median=\"15ms\",sigma=0.5}}", "{lognormal={median=\"60ms\",sigma=0.5}}"], ActsWith::Requests, "throttled attempts +38 % and −22 %, where jobs set the pace"),
    range("M47", KeyOf::Assumption, "log_stream_data_key_lifetime", &["150s", "600s"], ActsWith::LogGroups, "throttled attempts +5 % and −2 %, in encrypted-log-group"),
    range("M46", KeyOf::Assumption, "log_group_association_delay", &["2m", "10m"], ActsWith::LogGroups, "throttled attempts +14 % and −25 %, in encrypted-log-group"),
    range("M101", KeyOf::Workload, "trace.dispersion", &["1.3", "13.2"], ActsWith::Requests, "throttled attempts +5 % at most"),
    range("M102", KeyOf::Workload, "client_lifetime.requests", &["1000", "10000"], ActsWith::Throttling, "throttled attempts +3 % and +0.6 %"),
    range("M94", KeyOf::Workload, "encrypted_by.read_by", &["client"], ActsWith::Requests, "attempts −1.3 %, cost −0.9 %, with a data-key cache"),
    range("M4", KeyOf::Assumption, "bucket_key_renewal", &["sliding"], ActsWith::BucketKeys, "attempts −0.7 %, cost −0.4 %"),
    range("M4", KeyOf::Assumption, "bucket_key_lifetime", &["150s", "600s"], ActsWith::BucketKeys, "attempts +0.7 % and −0.3 %, cost +0.4 % and −0.2 %"),
    range("M9", KeyOf::Bucket, "archived_bucket_keys", FACTORS, ActsWith::BucketKeys, "attempts −0.3 % and +0.6 %, cost −0.2 % and +0.4 %"),
    range("M5", KeyOf::Assumption, "bucket_key_fanout", &["1", "4"], ActsWith::BucketKeys, "attempts −0.3 % and +0.7 %, cost −0.2 % and +0.4 %"),
    range("M37", KeyOf::Assumption, "bucket_key_write_lifetime", &["150s", "600s"], ActsWith::BucketKeys, "attempts +0.6 % and −0.3 %, cost +0.4 % and −0.2 %"),
    range("M16", KeyOf::Assumption, "throttled_attempts_logged", &["false"], ActsWith::Throttling, "cost −0.09 %, with two trails"),
    range("M15", KeyOf::Assumption, "throttled_attempts_billed", &["true"], ActsWith::Throttling, "cost +0.08 %"),
    range("M14", KeyOf::Assumption, "throttled_latency", &["{constant={value=\"2ms\"}}", "{constant={value=\"8ms\"}}"], ActsWith::Throttling, "throttled attempts ±1 %"),
    range("M8", KeyOf::Assumption, "bucket_key_single_flight", &["true"], ActsWith::BucketKeys, "nothing that shows"),
    range("M38", KeyOf::Assumption, "bucket_key_verification", &["false"], ActsWith::BucketKeys, "nothing that shows"),
    range("M98", KeyOf::Workload, "service.data_key_reuse_period", &["150s", "600s"], ActsWith::Requests, "nothing that shows"),
    range("M99", KeyOf::Workload, "service.renewal", &["fixed"], ActsWith::Requests, "nothing that shows"),
    range("M12", KeyOf::Assumption, "kms_latency", &["{lognormal={median=\"2ms\",sigma=0.5}}", "{lognormal={median=\"8ms\",sigma=0.5}}"], ActsWith::Requests, "nothing that shows"),
];

/// Headroom below which a quota is nearly full.
const FULL: f64 = 0.3;

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
    let quotas = present.by_quota.values();
    let headrooms = quotas.filter_map(|q| q.metrics.get("quota_headroom")?.mean);
    let is_full = headrooms.fold(1.0, f64::min) < FULL;
    let all = [
        (ActsWith::FullQuota, is_full),
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
#[derive(Clone, Debug)]
pub struct StatedEffect {
    /// Its number in docs/MODEL.md.
    pub number: &'static str,
    /// Its key, as docs/MODEL.md writes it.
    pub key: String,
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
        key: row.path(),
        stated: row.stated,
    });
    stated.collect()
}

/// Whether the scenario sets a key itself.
fn is_set(table: &Table, path: &[&str]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return true;
    };
    match table.get(name).map(|v| &v.node) {
        Some(Node::Table(inner)) => is_set(inner, rest),
        Some(_) => rest.is_empty(),
        None => false,
    }
}

/// One assumption of a variant: what is in force, and the settings of each trial.
struct AssumptionTrials {
    row: &'static AssumptionRange,
    in_force: serde_json::Value,
    /// What is tried, as people read it, and what is set for it.
    tried: Vec<(String, Vec<String>)>,
}

/// A variant as assumptions look at it.
struct AssumedVariant<'a> {
    table: &'a Table,
    resolved: &'a serde_json::Value,
    present: &'a VariantResults,
    pools: Vec<Pool>,
}

impl AssumedVariant<'_> {
    /// The trials of an assumption; `None` where the scenario says the value itself, or nothing has it.
    fn trials(&self, row: &'static AssumptionRange) -> Option<AssumptionTrials> {
        let mut values = Vec::new();
        let mut tried: Vec<(String, Vec<String>)> = row
            .tried
            .iter()
            .map(|v| ((*v).to_owned(), Vec::new()))
            .collect();
        for (value, sets) in self.things(row) {
            values.push(value);
            for ((_, all), set) in tried.iter_mut().zip(sets) {
                all.extend(set);
            }
        }
        let first = values.first()?.clone();
        let in_force = match values.iter().all(|v| *v == first) {
            true => first,
            false => "several values".into(),
        };
        Some(AssumptionTrials {
            row,
            in_force,
            tried,
        })
    }

    /// The value in force of each thing that has the key, and what sets each value that is tried.
    fn things(&self, row: &AssumptionRange) -> Vec<(serde_json::Value, Vec<Vec<String>>)> {
        let each = |set: &dyn Fn(&str) -> Vec<String>| row.tried.iter().map(|v| set(v)).collect();
        match row.of {
            KeyOf::Assumption => {
                if is_set(self.table, &["assumption", row.key]) {
                    return Vec::new();
                }
                let set = |v: &str| vec![format!("assumption.{}={v}", row.key)];
                vec![(self.resolved["assumption"][row.key].clone(), each(&set))]
            }
            KeyOf::Quota => {
                let unset = |p: &&Pool| !is_set(self.table, &["quota", p.key(), row.key]);
                let pools = self.pools.iter().filter(unset);
                let of = |p: &Pool| {
                    let set = |v: &str| p.with(&format!("{}={v}", row.key));
                    ("fixed-window".into(), each(&set))
                };
                pools.map(of).collect()
            }
            KeyOf::AssumedQuota => {
                let assumed = self.pools.iter().filter(|p| {
                    let mut parts = p.name.split('/').skip(1);
                    let (region, code) = (parts.next(), parts.next());
                    let row = code.and_then(quota_by_name);
                    let limit = row.zip(region).and_then(|(row, r)| row.default_limit(r));
                    limit.is_some_and(|l| l.assumed.is_some())
                        && !is_set(self.table, &["quota", p.key(), "limit"])
                });
                let of = |p: &Pool| {
                    let set = |v: &str| p.limited((p.present * factor(v)).max(1.0) as u64);
                    (p.present.into(), each(&set))
                };
                assumed.map(of).collect()
            }
            KeyOf::Bucket | KeyOf::Workload => {
                let kind = match row.of {
                    KeyOf::Bucket => "bucket",
                    _ => "workload",
                };
                let all = self.resolved[kind].as_object().into_iter().flatten();
                let of = |(name, thing): (&String, &serde_json::Value)| {
                    let path: Vec<&str> = row.key.split('.').collect();
                    let value = path.iter().fold(thing, |v, part| &v[*part]);
                    let parent = path[..path.len() - 1]
                        .iter()
                        .fold(thing, |v, part| &v[*part]);
                    let written = [&[kind, name.as_str()], &path[..]].concat();
                    let key = format!("{kind}.{}.{}", key_text(name), row.key);
                    if row.tried == FACTORS {
                        // What the scenario had to say is a guess of its own.
                        let share = value.as_str().and_then(|v| v.parse::<Share>().ok());
                        let number = value.as_f64().or(share.map(Share::get));
                        let number = number.filter(|n| *n > 0.0)?;
                        let set = |v: &str| match row.key {
                            "older_objects" => {
                                vec![format!("{key}={}", (number * factor(v)).min(1.0))]
                            }
                            _ => vec![format!("{key}={}", (number * factor(v)).max(1.0) as u64)],
                        };
                        return Some((value.clone(), each(&set)));
                    }
                    let has =
                        path.len() == 1 || !parent.is_null() || row.key.starts_with("client_");
                    let set = |v: &str| vec![format!("{key}={v}")];
                    (has && !is_set(self.table, &written)).then(|| (value.clone(), each(&set)))
                };
                all.filter_map(of).collect()
            }
            KeyOf::Price => {
                let assumed = self.present.bill.iter().filter(|line| {
                    price(&line.item, &line.region).is_some_and(|p| p.assumed.is_some())
                        && !is_set(self.table, &["price", &line.item])
                        && line.unit_price_usd > 0.0
                });
                let mut seen = HashSet::new();
                let once = assumed.filter(|line| seen.insert(line.item.clone()));
                let of = |line: &BillLine| {
                    let usd = line.unit_price_usd;
                    let set = |v: &str| {
                        vec![format!(
                            "price.{}={{usd=\"{}\"}}",
                            line.item,
                            usd * factor(v)
                        )]
                    };
                    (usd.into(), each(&set))
                };
                once.map(of).collect()
            }
        }
    }
}

/// What is tried of a number, as a factor.
fn factor(tried: &str) -> f64 {
    match tried {
        "half" => 0.5,
        _ => 2.0,
    }
}

/// The assumptions of a variant that are worth trying.
#[derive(Debug)]
pub struct AssumedQuestion {
    study: Study,
    all: Vec<AssumptionTrials>,
}

impl std::fmt::Debug for AssumptionTrials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.row.path())
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
        let seen = AssumedVariant {
            table: &table,
            resolved: &resolved,
            present,
            pools: pools(&variant, present, &[])?,
        };
        let rows = RANGES.iter().filter(|row| acts.contains(&row.acts));
        let all = rows.filter_map(|row| seen.trials(row)).collect();
        study.replications = study.replications.min(REPLICATIONS);
        Ok(AssumedQuestion { study, all })
    }

    /// Runs that an answer takes.
    pub fn runs(&self) -> usize {
        self.all.iter().map(|one| one.tried.len()).sum()
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
        for one in &self.all {
            let mut trials = Vec::new();
            for (value, sets) in &one.tried {
                let found = match self.study.run(&[], sets, self.study.seed) {
                    Ok(found) => found,
                    // A key that would change nothing here is refused.
                    Err(StudyError::Scenario(_)) => continue,
                    Err(other) => return Err(other),
                };
                let metrics = changes(present, &found, self.study.replications as usize);
                trials.push(AssumptionTrial {
                    value: value.clone(),
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
                    number: one.row.number.to_owned(),
                    key: one.row.path(),
                    variant: self.study.variant.clone(),
                    in_force: one.in_force.clone(),
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
        let keys: Vec<&str> = question.all.iter().map(|one| one.row.key).collect();
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
            let of = |row: &&AssumptionRange| row.of == KeyOf::Assumption && row.key == key;
            let is_known = RANGES.iter().any(|row| of(&row));
            assert!(
                is_known || key == "throttled_attempts_in_call_count",
                "{key}"
            );
        }
        let model = include_str!("../../docs/MODEL.md");
        for row in &RANGES {
            let key = format!("`{}`", row.path());
            let number = format!("| {} |", row.number);
            let tells = |l: &str| l.starts_with(&number) && l.contains(&key);
            // A lifetime is by time or by requests: one key in the table of assumptions.
            let tells = |l: &str| {
                tells(l) || row.key == "client_lifetime.requests" && l.starts_with(&number)
            };
            assert!(model.lines().any(tells), "{number} {key}");
            for value in row.tried.iter().filter(|_| row.of == KeyOf::Assumption) {
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
        assert!(
            question
                .all
                .iter()
                .all(|one| one.row.key != "bucket_key_fanout")
        );
    }

    #[test]
    fn what_other_tables_leave_open_is_tried_where_it_acts() {
        // A full quota in a Region whose price and quota the catalog assumes; half of the objects have older keys.
        let text = SCENARIO
            .replace("eu-west-3", "ap-southeast-6")
            .replace(
                "bucket_key = true",
                "bucket_key = true, older_objects = 0.5, archived_bucket_keys = 4",
            )
            .replace(
                "operations.PutObject = 1",
                "operations.GetObject = 1\npopularity.uniform.objects = 100",
            )
            + "[quota.q]\nlimit = \"20/s\"\n";
        let input = Input::from_text("t", &text);
        let (study, _) = Study::new(&input, &[], None).unwrap_or_else(|e| panic!("{e}"));
        let present = study.run(&[], &[], study.seed).expect("results");
        let question = AssumedQuestion::new(study.clone(), &present).expect("a question");
        let of = |path: &str| question.all.iter().find(|one| one.row.path() == path);
        for (path, half) in [
            ("quota.NAME.limiter", "quota.q.limiter=sliding-window"),
            ("bucket.NAME.older_objects", "bucket.b.older_objects=0.25"),
            (
                "bucket.NAME.archived_bucket_keys",
                "bucket.b.archived_bucket_keys=2",
            ),
            ("bucket.NAME.prefixes", "bucket.b.prefixes=1"),
        ] {
            let one = of(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(one.tried[0].1, [half], "{path}");
        }
        let prices = of("price.ITEM").expect("prices that are assumed");
        assert!(
            prices.tried[0]
                .1
                .iter()
                .all(|set| set.starts_with("price."))
        );
        // Its limit is the scenario's own.
        assert!(of("quota.NAME.limit").is_none());
        let effects = question.answer(&present).expect("an answer");
        for number in ["M1", "M9", "M24"] {
            assert!(
                effects.iter().any(|e| e.number == number),
                "{number}: {effects:?}"
            );
        }
        // What the scenario says itself is no assumption.
        let sets = ["quota.q.limiter=sliding-window".to_owned()];
        let (study, _) = Study::new(&input, &sets, None).unwrap_or_else(|e| panic!("{e}"));
        let present = study.run(&[], &[], study.seed).expect("results");
        let question = AssumedQuestion::new(study, &present).expect("a question");
        assert!(question.all.iter().all(|one| one.row.key != "limiter"));
    }
}
