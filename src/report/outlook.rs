//! What the answer rests on: what each variant changes and saves, what would change the answer, and the assumptions
//! and facts in force with their source.

use super::compare;
use crate::catalog::{item_label, limit_name, price, quota_by_name, region_name};
use crate::compare::settings;
use crate::metrics::estimate::TOTAL_COSTS;
use crate::metrics::number;
use crate::metrics::registry;
use crate::planning::assumed::{FAILED_SHARE, PEAK_OF_QUOTA, stated};
use crate::report::ladder;
use crate::report::page::Grid;
use crate::results::{AssumedChange, RunResults, ScenarioRecord, VariantResults};
use serde_json::Value;

/// Things that a line names before it counts the others.
const NAMED: usize = 4;

/// Most words of an answer at the head of a page.
pub(super) const ANSWER: usize = 60;

/// The answer in at most so many words: as many of its sentences as fit.
pub(super) fn within_words(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() <= most {
        return words.join(" ");
    }
    // "(N. Virginia)" goes on.
    let ends = |w: &&str| w.ends_with('.') && w.trim_start_matches('(').chars().count() > 2;
    let kept = (1..=most).rev().find(|n| ends(&words[n - 1]));
    match kept {
        Some(n) => words[..n].join(" "),
        None => format!("{} …", words[..most].join(" ")),
    }
}

/// What a variant sets differently from the first one: the one setting with both values, or of several which they are of.
pub(super) fn adds(results: &RunResults, v: &VariantResults) -> String {
    let Some(first) = results
        .variants
        .first()
        .filter(|first| first.name != v.name)
    else {
        return "the baseline".to_owned();
    };
    let differences = settings((results, &first.name), (results, &v.name));
    if let [d] = &differences[..] {
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        return format!("{}: {} → {}", d.path, of(&d.baseline), of(&d.variant));
    }
    // `bucket.videos.bucket_key` is of `bucket.videos`, `retry.max_attempts` of `retry`.
    let mut of: Vec<String> = Vec::new();
    for d in &differences {
        let mut parts = d.path.split('.');
        let name = match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(name), Some(_)) if kind != "retry" => format!("{kind}.{name}"),
            (Some(kind), ..) => kind.to_owned(),
            (None, ..) => continue,
        };
        if !of.contains(&name) {
            of.push(name);
        }
    }
    let more = of.len().saturating_sub(NAMED);
    of.truncate(NAMED);
    match (of.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => of.join(", "),
        (false, more) => format!("{} and {more} more", of.join(", ")),
    }
}

/// What a variant saves against the first one, with its interval and in words.
pub(super) fn saves(results: &RunResults, v: &VariantResults) -> (String, String) {
    let against = results.comparisons.iter().find(|c| c.variant == v.name);
    let ids = ["cost_total_usd_per_month", "cost_total_usd"];
    let cost = against.and_then(|c| {
        let mut known = ids.iter().filter_map(|id| Some((*id, c.metrics.get(*id)?)));
        known.find(|(_, d)| d.mean.is_some())
    });
    match cost {
        None => (String::new(), String::new()),
        Some((id, d)) => {
            let row = compare::row(id, d);
            (row.difference, row.verdict.to_owned())
        }
    }
}

/// Sentences on what would change the answer, and what to run to know.
pub(super) fn changes(results: &RunResults) -> Vec<String> {
    let mut out = Vec::new();
    let verdict = &results.verdict;
    let best = results
        .variants
        .iter()
        .find(|v| verdict.best.as_ref() == Some(&v.name));
    for v in results.variants.first().into_iter().chain(best) {
        let (Some(peak), Some((limit, quota))) = (ladder::peak(v), v.tightest_quota()) else {
            continue;
        };
        // The unfavourable end of the interval.
        let Some(most) = peak.ci_high.or(peak.mean).filter(|most| *most > 0.0) else {
            continue;
        };
        let sentence = match most > 1.0 {
            true => {
                let most = quota.busiest_second_attempts.map(|n| n as f64);
                let needed = most.map_or(String::new(), |n| {
                    format!(
                        " A quota of {} would have admitted every second.",
                        number::value("", "1/s", n)
                    )
                });
                format!(
                    "{}: its busiest seconds exceed the quota of {} ({}).{needed}",
                    v.name,
                    number::value("", "1/s", quota.quota),
                    limit_name(limit),
                )
            }
            false => format!(
                "{}: where all traffic grows alike, its busiest second reaches the quota of {} ({}) at about × {} of today's.",
                v.name,
                number::value("", "1/s", quota.quota),
                limit_name(limit),
                number::grouped((100.0 / most).floor() / 100.0, 2),
            ),
        };
        if !out.contains(&sentence) {
            out.push(sentence);
        }
    }
    out
}

/// Commands that answer what would change it, each with what it is for.
pub(super) fn commands(results: &RunResults) -> Vec<(String, String)> {
    let name = &results.scenario.name;
    let v = results.verdict.best.as_ref();
    let v = v.or(results.variants.first().map(|v| &v.name));
    let variant = v.map_or(String::new(), |v| format!(" --variant {v}"));
    let file = format!("{name}.toml");
    [
        (
            "The smallest quota that is enough",
            format!("kmsim plan {file}{variant} --quota --target 'throttle_rate <= 0'"),
        ),
        (
            "How far traffic can grow",
            format!("kmsim plan {file}{variant} --growth --target 'throttle_rate <= 0'"),
        ),
        (
            "What each assumption in force is worth here",
            format!("kmsim run {file} --sensitivity"),
        ),
        (
            "The same run again",
            format!(
                "kmsim run {file} --seed {} --replications {}",
                results.seed, results.replications
            ),
        ),
    ]
    .map(|(what, command)| (what.to_owned(), command))
    .to_vec()
}

/// Assumptions that are told of.
const TOLD: usize = 3;

/// The assumptions that move the answer most.
pub(super) struct Sensitivity {
    /// What the rows are of, in a sentence.
    pub note: String,
    /// The rows.
    pub grid: Grid,
}

/// The three that move it most: found by running again where that was asked for, else as docs/MODEL.md states.
pub(super) fn sensitivity(results: &RunResults) -> Sensitivity {
    if results.assumption_effects.is_empty() {
        let rows = stated(results).into_iter().take(TOLD).map(|row| {
            let key = format!("{}: {}", row.number, row.key);
            vec![key, row.stated.to_owned()]
        });
        let header = [
            "assumption",
            "what halving, doubling or turning it did there",
        ];
        return Sensitivity {
            note: "The three assumptions in force that moved most where docs/MODEL.md tried them: in media-library, not in this scenario. To try them here, run it with --sensitivity.".to_owned(),
            grid: Grid::named(2, header.map(str::to_owned).to_vec(), rows.collect()),
        };
    }
    let mut keys: Vec<&str> = Vec::new();
    for effect in &results.assumption_effects {
        if !keys.contains(&effect.key.as_str()) {
            keys.push(&effect.key);
        }
    }
    let told = &keys[..keys.len().min(TOLD)];
    let mut rows = Vec::new();
    let mut cost = "cost_total_usd_per_month";
    for key in told {
        let of = results.assumption_effects.iter().filter(|e| e.key == *key);
        for effect in of {
            let in_force = match &effect.in_force {
                Value::Null => "none".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            for trial in &effect.trials {
                let change = |id: &str, unit: &str| match trial.metrics.get(id) {
                    Some(AssumedChange {
                        before: Some(a),
                        after: Some(b),
                    }) => {
                        let of = |v: f64| number::value(id, unit, v);
                        match a == b {
                            true => of(*a),
                            false => format!("{} → {}", of(*a), of(*b)),
                        }
                    }
                    Some(_) | None => number::NO_DATA.to_owned(),
                };
                let share = |id: &str| match trial.metrics.get(id) {
                    Some(AssumedChange {
                        before: Some(a),
                        after: Some(b),
                    }) => match a == b {
                        true => number::percent(*a),
                        false => format!("{} → {}", number::percent(*a), number::percent(*b)),
                    },
                    Some(_) | None => number::NO_DATA.to_owned(),
                };
                if let Some(id) = TOTAL_COSTS
                    .into_iter()
                    .find(|id| trial.metrics.contains_key(*id))
                {
                    cost = id;
                }
                let unit = registry::metric(cost).map_or("USD", |m| m.unit);
                rows.push(vec![
                    format!("{}: {}", effect.number, effect.key),
                    effect.variant.clone(),
                    in_force.clone(),
                    trial.value.clone(),
                    share(PEAK_OF_QUOTA),
                    share("throttle_rate"),
                    share(FAILED_SHARE),
                    change(cost, unit),
                ]);
            }
        }
    }
    let replications = results.assumption_effects.iter().map(|e| e.replications);
    let replications = replications.max().unwrap_or(0);
    let header = [
        "assumption",
        "variant",
        "in force",
        "tried",
        "peak of quota",
        "throttled",
        "failed",
        registry::metric(cost).map_or(cost, |m| m.label),
    ];
    Sensitivity {
        note: format!(
            "The three assumptions in force that move it most, of {}: each run again at the ends of its range, with the same random numbers in {replications} replication(s).",
            keys.len()
        ),
        grid: Grid::named(4, header.map(str::to_owned).to_vec(), rows),
    }
}

/// Assumptions in force: key, and value by variant where variants differ.
pub(super) fn assumptions(scenario: &ScenarioRecord, variants: &[&str]) -> Vec<[String; 2]> {
    let of = |name: &str| -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        let all = scenario.resolved.table(name, "assumption");
        flatten(&all, "", &mut leaves);
        leaves
    };
    let Some((first, others)) = variants.split_first() else {
        return Vec::new();
    };
    let others: Vec<_> = others.iter().map(|name| (name, of(name))).collect();
    let rows = of(first).into_iter().map(|(key, value)| {
        let mut text = value.clone();
        for (name, leaves) in &others {
            let own = leaves.iter().find(|(k, _)| *k == key);
            if let Some((_, own)) = own.filter(|(_, own)| *own != value) {
                text += &format!("; {name}: {own}");
            }
        }
        [key, text]
    });
    rows.collect()
}

fn flatten(value: &Value, path: &str, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                flatten(value, &path, leaves);
            }
        }
        Value::Null => leaves.push((path.to_owned(), "not set".to_owned())),
        Value::String(text) => leaves.push((path.to_owned(), text.clone())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            leaves.push((path.to_owned(), value.to_string()));
        }
    }
}

/// Facts of AWS that the answer rests on: what, value, source, date.
pub(super) fn facts(results: &RunResults) -> Vec<[String; 4]> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut add = |row: [String; 4]| {
        if !rows.contains(&row) {
            rows.push(row);
        }
    };
    for v in &results.variants {
        for name in v.by_quota.keys() {
            let mut parts = name.split('/').skip(1);
            let (Some(region), Some(code)) = (parts.next(), parts.next()) else {
                continue;
            };
            let Some(row) = quota_by_name(code) else {
                continue;
            };
            let limit = row.default_limit(region);
            add([
                format!("Default quota: {}", limit_name(name)),
                limit.map_or(number::NO_DATA.to_owned(), |l| {
                    number::value("", "1/s", l.per_s())
                }),
                row.source.clone(),
                row.as_of.clone(),
            ]);
        }
        for line in &v.bill {
            let Some(found) = price(&line.item, &line.region) else {
                continue;
            };
            let place = region_name(&line.region).unwrap_or(&line.region);
            add([
                format!("Price: {}, {place}", item_label(&line.item)),
                format!(
                    "{} a {}",
                    number::unit_price(line.unit_price_usd),
                    line.unit
                ),
                found.source.to_owned(),
                found.as_of.to_owned(),
            ]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_a_sentence() {
        assert_eq!(within_words("aa bb. c d e", 5), "aa bb. c d e");
        assert_eq!(within_words("aa bb. c (N. Virginia) e", 5), "aa bb.");
        assert_eq!(within_words("a b c d", 3), "a b c …");
    }
}
