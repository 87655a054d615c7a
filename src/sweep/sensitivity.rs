//! Which key moves a metric most: the means at each of its values, over everything else that was run.
//!
//! With more than [`PARTS`] distinct numbers a key's values are taken together in as many parts of equal count. Left
//! out: effects of two keys together, which the heat map shows.

use super::axis::Quantity;
use super::run::{Run, Sweep};
use serde::Serialize;

/// Most values of a key that stand for themselves.
pub const PARTS: usize = 12;

/// Parts that more values are taken together in.
const GROUPS: usize = 5;

/// What a key does to a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyEffect {
    /// The key.
    pub key: String,
    /// Its value, or span of values, with the lowest mean, and that mean.
    pub low: (String, f64),
    /// That with the highest.
    pub high: (String, f64),
    /// Mean over all runs.
    pub overall: f64,
}

impl KeyEffect {
    /// How far the key moves the metric.
    pub fn reach(&self) -> f64 {
        self.high.1 - self.low.1
    }
}

/// The mean of a metric over a run's replications; `None` where one has no data.
pub fn mean(run: &Run, metric: &str) -> Option<f64> {
    let values: Option<Vec<f64>> = run.metrics.get(metric)?.iter().copied().collect();
    let values = values.filter(|v| !v.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Every key's effect on a metric of one variant, the largest first; empty without data.
pub fn effects(sweep: &Sweep, runs: &[Run], variant: &str, metric: &str) -> Vec<KeyEffect> {
    let known: Vec<(usize, f64)> = runs
        .iter()
        .filter(|r| r.variant == variant)
        .filter_map(|r| Some((r.setting, mean(r, metric)?)))
        .collect();
    let average = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let overall = average(&known.iter().map(|k| k.1).collect::<Vec<_>>());
    let mut out = Vec::new();
    for (k, key) in sweep.keys.iter().enumerate() {
        let means: Vec<(String, f64)> = groups(sweep, k, &known)
            .into_iter()
            .map(|(name, values)| (name, average(&values)))
            .collect();
        let low = means.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = means.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let (Some(low), Some(high)) = (low, high) {
            out.push(KeyEffect {
                key: key.clone(),
                low: low.clone(),
                high: high.clone(),
                overall,
            });
        }
    }
    out.sort_by(|a, b| b.reach().total_cmp(&a.reach()));
    out
}

/// The metric's values by the key's value, or part of its values.
fn groups(sweep: &Sweep, k: usize, known: &[(usize, f64)]) -> Vec<(String, Vec<f64>)> {
    let text = |setting: usize| sweep.settings[setting][k].as_str();
    let mut distinct: Vec<&str> = Vec::new();
    for (setting, _) in known {
        if !distinct.contains(&text(*setting)) {
            distinct.push(text(*setting));
        }
    }
    let numbers = Quantity::all(known.iter().map(|(s, _)| text(*s)));
    if let (true, Some((numbers, _))) = (distinct.len() > PARTS, numbers) {
        let mut order: Vec<usize> = (0..known.len()).collect();
        order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        return order
            .chunks(order.len().div_ceil(GROUPS))
            .map(|part| {
                let ends = (text(known[part[0]].0), text(known[part[part.len() - 1]].0));
                let values = part.iter().map(|&i| known[i].1).collect();
                (format!("{} to {}", ends.0, ends.1), values)
            })
            .collect();
    }
    distinct
        .into_iter()
        .map(|value| {
            let of = known.iter().filter(|(s, _)| text(*s) == value);
            (value.to_owned(), of.map(|(_, v)| *v).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    #[test]
    fn the_key_that_moves_most_stands_first() {
        // y = 10 a + b over a grid.
        let settings: Vec<Vec<String>> = (0..6)
            .map(|i| vec![(i / 3).to_string(), (i % 3).to_string()])
            .collect();
        let runs: Vec<Run> = (0..6)
            .map(|i| Run {
                setting: i,
                variant: "v".to_owned(),
                metrics: IndexMap::from([(
                    "y".to_owned(),
                    vec![Some(10.0 * (i / 3) as f64 + (i % 3) as f64); 2],
                )]),
                thresholds: IndexMap::new(),
            })
            .collect();
        let sweep = Sweep {
            kmsim_version: String::new(),
            scenario: String::new(),
            text_sha256: String::new(),
            files: std::collections::BTreeMap::new(),
            sets: vec![],
            keys: vec!["b".to_owned(), "a".to_owned()],
            settings: settings
                .iter()
                .map(|s| vec![s[1].clone(), s[0].clone()])
                .collect(),
            variants: vec!["v".to_owned()],
            seed: 1,
            replications: 2,
        };
        let found = effects(&sweep, &runs, "v", "y");
        let reached: Vec<_> = found.iter().map(|e| (e.key.as_str(), e.reach())).collect();
        assert_eq!(reached, [("a", 10.0), ("b", 2.0)]);
        assert_eq!(found[0].high, ("1".to_owned(), 11.0));
        assert!(effects(&sweep, &runs, "other", "y").is_empty());
    }
}
