//! The largest rows of a breakdown, and all others as one.
//!
//! The one place that decides which rows are kept: results, tables and figures show the same. A run's variants keep
//! the same rows. Left out: quotas, all of which are kept, and trails, of which there are few.

use super::registry::METRICS;
use crate::results::{
    BY_S3_REQUEST_RATE, Estimate, Metrics, OthersResults, QuotaResults, VariantResults,
};
use indexmap::{IndexMap, IndexSet};

/// So many rows of a breakdown are kept, beside those that are named.
pub const TOP: usize = 20;

/// The name of the row of all others, unless something is called so.
const OTHERS: &str = "others";

/// Keeps the largest rows of each breakdown, the same ones in every variant and the largest first, and adds the rest up in
/// one more row. The metrics of that are sums of what is counted, ratios of these, and the largest added delay.
///
/// Largest is what has most KMS attempts in any variant, then most requests; of S3's request rates that with the least
/// headroom. Workloads that are `named` are kept too. One row is never replaced by a sum of one.
pub fn shorten(variants: &mut [VariantResults], named: &[&str]) {
    let breakdowns = variants.first().map_or(0, |v| v.breakdowns().len());
    for i in 0..breakdowns {
        let (name, named) = match variants[0].breakdowns()[i].0 {
            "by_workload" => ("by_workload", named),
            name => (name, &[][..]),
        };
        let apart = variants.iter_mut().map(|v| ApartRows::taken(v, i, name));
        let apart: Vec<ApartRows> = apart.collect();
        let Some(keep) = largest(apart.iter().map(|a| &a.rows), named, weight) else {
            for (v, apart) in variants.iter_mut().zip(apart) {
                if apart.others.is_none() {
                    *v.breakdowns_mut()[i].1 = apart.rows;
                }
            }
            continue;
        };
        let taken = |row: &str| apart.iter().any(|a| a.rows.contains_key(row));
        let row = std::iter::once(OTHERS.to_owned())
            .chain((2..).map(|n| format!("{OTHERS} ({n})")))
            .find(|row| !taken(row))
            .unwrap_or_default();
        for (v, apart) in variants.iter_mut().zip(apart) {
            let ApartRows { mut rows, others } = apart.keeping(&keep);
            v.others.shift_remove(name);
            if let Some(others) = others {
                rows.insert(row.clone(), others.metrics);
                let found = OthersResults {
                    things: others.things,
                    row: Some(row.clone()),
                    metrics: Metrics::new(),
                };
                v.others.insert(name.to_owned(), found);
            }
            *v.breakdowns_mut()[i].1 = rows;
        }
    }
    let rows = variants.iter().map(|v| &v.by_s3_request_rate);
    let tightness = |rate: &QuotaResults| {
        let headroom = rate.metrics.get("s3_headroom").and_then(|e| e.mean);
        [headroom.map_or(f64::NEG_INFINITY, |h| -h), 0.0]
    };
    if let Some(keep) = largest(rows, &[], tightness) {
        for v in variants {
            let (kept, rest) = halves(std::mem::take(&mut v.by_s3_request_rate), &keep);
            v.by_s3_request_rate = kept;
            let rest = rest.into_iter().map(|rate| rate.metrics).collect();
            let others = together(v.others.shift_remove(BY_S3_REQUEST_RATE), rest);
            v.others
                .extend(others.map(|others| (BY_S3_REQUEST_RATE.to_owned(), others)));
        }
    }
}

/// The rows of a variant's breakdown, those of things apart from the one of all others.
#[derive(Clone, Debug, Default)]
pub struct ApartRows {
    /// One for each thing that has its own.
    pub rows: IndexMap<String, Metrics>,
    /// All other things.
    pub others: Option<OthersResults>,
}

impl ApartRows {
    /// Of the breakdown of this name.
    pub fn of(v: &VariantResults, breakdown: &str) -> ApartRows {
        let found = v.breakdowns().into_iter().find(|b| b.0 == breakdown);
        let mut rows = found.map(|(_, rows)| rows.clone()).unwrap_or_default();
        let others = v.others.get(breakdown).map(|others| {
            let row = others.row.as_ref();
            OthersResults {
                things: others.things,
                row: None,
                metrics: row
                    .and_then(|row| rows.shift_remove(row))
                    .unwrap_or_default(),
            }
        });
        ApartRows { rows, others }
    }

    /// Of the i-th breakdown, which is called so. Rows of things only are taken, not copied: there may be a million.
    fn taken(v: &mut VariantResults, i: usize, breakdown: &str) -> ApartRows {
        if v.others.contains_key(breakdown) {
            return ApartRows::of(v, breakdown);
        }
        ApartRows {
            rows: std::mem::take(v.breakdowns_mut()[i].1),
            others: None,
        }
    }

    /// The rows to keep, in their order; the rest is added to the others.
    #[must_use]
    pub fn keeping(self, keep: &IndexSet<String>) -> ApartRows {
        let (rows, rest) = halves(self.rows, keep);
        ApartRows {
            rows,
            others: together(self.others, rest),
        }
    }
}

fn halves<T>(
    mut rows: IndexMap<String, T>,
    keep: &IndexSet<String>,
) -> (IndexMap<String, T>, Vec<T>) {
    let rest: Vec<T> = rows
        .extract_if(.., |name, _| !keep.contains(name))
        .map(|(_, row)| row)
        .collect();
    rows.sort_by_cached_key(|name, _| keep.get_index_of(name));
    (rows, rest)
}

fn mean(of: &Metrics, id: &str) -> f64 {
    of.get(id).and_then(|e| e.mean).unwrap_or(0.0)
}

/// How large a row is.
fn weight(of: &Metrics) -> [f64; 2] {
    let requests = mean(of, "s3_requests") + mean(of, "app_requests");
    [mean(of, "kms_attempts"), requests]
}

/// The names of the rows to keep of some variants, the largest first; `None` where nothing would be gained.
fn largest<'r, T: 'r>(
    variants: impl Iterator<Item = &'r IndexMap<String, T>>,
    named: &[&str],
    weight: impl Fn(&T) -> [f64; 2],
) -> Option<IndexSet<String>> {
    let mut rows: IndexMap<&str, [f64; 2]> = IndexMap::new();
    for (name, row) in variants.flatten() {
        let own = weight(row);
        let most = rows.entry(name).or_insert(own);
        for (most, own) in most.iter_mut().zip(own) {
            *most = most.max(own);
        }
    }
    if rows.len() <= TOP + 1 {
        return None;
    }
    // Stable: of equal ones those first that come first.
    rows.sort_by(|_, a, _, b| b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1])));
    let mut keep: IndexSet<String> = rows
        .keys()
        .take(TOP)
        .map(|name| (*name).to_owned())
        .collect();
    let more = named.iter().filter(|name| rows.contains_key(*name));
    keep.extend(more.map(|name| (*name).to_owned()));
    (rows.len() > keep.len() + 1).then_some(keep)
}

/// The larger or smaller of two.
type Extreme = fn(f64, f64) -> f64;

/// What is a maximum over things, and what a minimum.
const EXTREMES: [(&str, Extreme); 3] = [
    ("added_delay_s_max", f64::max),
    ("s3_attempts_per_s_max", f64::max),
    ("s3_headroom", f64::min),
];

/// Ratios, with what is divided by what.
const RATIOS: [(&str, &str, &str); 2] = [
    ("throttle_rate", "kms_throttled", "kms_attempts"),
    ("s3_throttle_rate", "s3_throttled", "s3_attempts"),
];

/// Some rows, and those that are one already, as one; `None` of none.
fn together(others: Option<OthersResults>, rows: Vec<Metrics>) -> Option<OthersResults> {
    if rows.is_empty() {
        return others;
    }
    let before = others.unwrap_or_default();
    let things = before.things + rows.len();
    let all: Vec<&Metrics> = rows.iter().chain(Some(&before.metrics)).collect();
    let replications = all.iter().map(|m| crate::results::replications(m));
    let replications = replications.max().unwrap_or(0);
    let mut sums = Metrics::new();
    for m in METRICS {
        let extreme = EXTREMES.iter().find(|(id, _)| *id == m.id);
        let fold: fn(f64, f64) -> f64 = match extreme {
            Some((_, fold)) => *fold,
            None if m.adds_up() => |a, b| a + b,
            None => continue,
        };
        let parts: Vec<&Estimate> = all.iter().filter_map(|row| row.get(m.id)).collect();
        if parts.is_empty() {
            continue;
        }
        // What has no data of a thing is none of it.
        let value = |i: usize| {
            let values = parts
                .iter()
                .filter_map(|e| e.values.get(i).copied().flatten());
            values.reduce(fold)
        };
        let values = (0..replications).map(value).collect();
        sums.insert(m.id.to_owned(), Estimate::over(values, m.unit));
    }
    for (id, part, all) in RATIOS {
        let Some((part, all)) = sums.get(part).zip(sums.get(all)) else {
            continue;
        };
        let pairs = part.values.iter().zip(&all.values);
        let ratios = pairs.map(|(part, all)| Some((*part)? / (*all).filter(|n| *n > 0.0)?));
        let ratio = Estimate::over(ratios.collect(), "1");
        sums.insert(id.to_owned(), ratio);
    }
    Some(OthersResults {
        things,
        row: None,
        metrics: sums,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attempts: f64, throttled: f64) -> Metrics {
        let of = |n: f64| Estimate::over(vec![Some(n), Some(n + 1.0)], "1");
        [
            ("kms_attempts", of(attempts)),
            ("kms_throttled", of(throttled)),
            ("throttle_rate", of(0.5)),
            ("added_delay_s_p99", of(attempts)),
            ("added_delay_s_max", of(attempts)),
        ]
        .map(|(id, e)| (id.to_owned(), e))
        .into()
    }

    fn rows(n: u32) -> IndexMap<String, Metrics> {
        let all = (0..n).map(|i| (format!("b{i}"), row(f64::from(i * 7 % 30), 1.0)));
        all.collect()
    }

    #[test]
    fn of_many_rows_the_last_are_one_whose_sums_are_exact() {
        let all = rows(30);
        let keep = largest([&all].into_iter(), &["b0", "nobody"], weight).expect("many");
        assert_eq!(keep.len(), TOP + 1);
        assert!(keep.contains("b0"));
        let apart = ApartRows {
            rows: all.clone(),
            others: None,
        };
        let ApartRows { rows: kept, others } = apart.keeping(&keep);
        assert_eq!(kept[0]["kms_attempts"].mean, Some(29.5));
        assert_eq!(kept.keys().last().map(String::as_str), Some("b0"));
        let others = others.expect("others");
        assert_eq!(others.things, 9);
        // 1 + … + 9, and one more of each in the second replication.
        let metrics = &others.metrics;
        assert_eq!(metrics["kms_attempts"].values, [Some(45.0), Some(54.0)]);
        assert_eq!(
            metrics["throttle_rate"].values,
            [Some(9.0 / 45.0), Some(18.0 / 54.0)]
        );
        assert_eq!(metrics["added_delay_s_max"].values, [Some(9.0), Some(10.0)]);
        assert!(!metrics.contains_key("added_delay_s_p99"));
        // Again with fewer rows: the sums grow by those that go.
        let keep: IndexSet<String> = ["b0".to_owned()].into();
        let apart = ApartRows {
            rows: kept,
            others: Some(others),
        };
        let ApartRows {
            rows: kept,
            others: more,
        } = apart.keeping(&keep);
        let more = more.expect("others");
        assert_eq!((kept.len(), more.things), (1, 29));
        assert_eq!(
            more.metrics["kms_attempts"].values,
            [Some(435.0), Some(464.0)]
        );
    }

    #[test]
    fn one_row_is_not_replaced_by_a_sum_of_one() {
        let few = rows(TOP as u32 + 1);
        assert_eq!(largest([&few].into_iter(), &[], weight), None);
        let some = rows(TOP as u32 + 2);
        let keep = largest([&some].into_iter(), &[], weight).expect("two are left");
        let last = some
            .keys()
            .find(|name| !keep.contains(*name))
            .expect("left");
        assert_eq!(largest([&some].into_iter(), &[last], weight), None);
    }

    #[test]
    fn what_is_largest_in_any_variant_is_kept_in_all() {
        let (a, mut b) = (rows(30), rows(30));
        b.insert("b0".to_owned(), row(99.0, 0.0));
        let keep = largest([&a, &b].into_iter(), &[], weight).expect("many");
        assert_eq!(keep.first().map(String::as_str), Some("b0"));
    }
}
