//! What a scenario has several of side by side, a column for each variant: request quotas of Regions and accounts, and
//! groups.

use super::page::{Fit, Grid};
use crate::catalog::limit_name;
use crate::metrics::number;
use crate::metrics::top::TOP;
use crate::results::{Metrics, QuotaResults, RunResults, VariantResults};
use indexmap::IndexMap;

/// A table, and how many of its rows a terminal is spared.
pub(super) struct SideBySide {
    /// Every row.
    pub grid: Grid,
    /// What the rows are, for the line that says how many are not shown.
    pub what: &'static str,
}

impl SideBySide {
    /// The first rows, and a line about the others where there are any.
    pub fn shortened(mut self) -> (Grid, Option<String>) {
        let left = self.grid.rows.len().saturating_sub(TOP);
        self.grid.rows.truncate(TOP);
        let line = format!("… and {left} more {} in report.html.", self.what);
        (self.grid, (left > 0).then_some(line))
    }
}

fn cell(of: &Metrics, id: &str) -> String {
    of.get(id)
        .map_or_else(|| number::NO_DATA.to_owned(), |e| number::estimate(id, e))
}

fn grid(title: &str, results: &RunResults, rows: Vec<Vec<String>>) -> Grid {
    let names = results.variants.iter().map(|v| v.name.clone());
    Grid {
        header: std::iter::once(title.to_owned()).chain(names).collect(),
        rows,
        numbers: (0..=results.variants.len()).map(|i| i > 0).collect(),
        fit: Fit::InBlocks,
    }
}

/// Each quota's headroom, the tightest in any variant first; `None` where there are not several.
pub(super) fn quotas(results: &RunResults) -> Option<SideBySide> {
    let mut all: IndexMap<&String, (f64, Vec<f64>)> = IndexMap::new();
    for (name, quota) in results.variants.iter().flat_map(|v| &v.by_quota) {
        let headroom = quota.metrics.get("quota_headroom").and_then(|e| e.mean);
        let headroom = headroom.unwrap_or(f64::INFINITY);
        let (least, limits) = all.entry(name).or_insert((headroom, Vec::new()));
        *least = least.min(headroom);
        limits.push(quota.quota);
    }
    if all.len() < 2 {
        return None;
    }
    // Stable: of equal ones those first that come first.
    all.sort_by(|_, a, _, b| a.0.total_cmp(&b.0));
    let limit = |limits: &[f64]| {
        let text = |v: f64| number::value("", "1/s", v);
        let (low, high) = limits
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), &l| {
                (low.min(l), high.max(l))
            });
        match low < high {
            true => format!("{} to {}", text(low), text(high)),
            false => text(low),
        }
    };
    let rows = all.iter().map(|(name, (_, limits))| {
        let of = |v: &VariantResults| {
            let quota: Option<&QuotaResults> = v.by_quota.get(*name);
            quota.map_or_else(String::new, |q| cell(&q.metrics, "quota_headroom"))
        };
        let title = format!("{}: {}", limit_name(name), limit(limits));
        let cells = results.variants.iter().map(of);
        std::iter::once(title).chain(cells).collect()
    });
    Some(SideBySide {
        grid: grid("headroom of each quota", results, rows.collect()),
        what: "quotas",
    })
}

/// The KMS calls of each group; `None` without groups.
pub(super) fn groups(results: &RunResults) -> Option<SideBySide> {
    let mut names: Vec<&String> = Vec::new();
    for name in results.variants.iter().flat_map(|v| v.by_group.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    let rows = names.iter().map(|name| {
        let of = |v: &VariantResults| {
            let group: Option<&Metrics> = v.by_group.get(*name);
            group.map_or_else(String::new, |m| cell(m, "kms_calls"))
        };
        let cells = results.variants.iter().map(of);
        std::iter::once((*name).clone()).chain(cells).collect()
    });
    Some(SideBySide {
        grid: grid("KMS calls of each group", results, rows.collect()),
        what: "groups",
    })
}
