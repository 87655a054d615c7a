//! What belongs together: the things of an account and Region, what variants change at once.

use super::places::{BucketPlace, Places};
use super::thing;
use super::workload::{Imported, LoadStretch};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Whether bucket keys can be switched on.
fn lacks_bucket_keys(bucket: &BucketPlace) -> bool {
    bucket.key.is_some() && !bucket.bucket_key && !bucket.dsse
}

/// Things that variants change together.
#[derive(Clone, Debug, Default)]
pub struct ChangedTogether {
    /// Buckets under KMS without bucket keys.
    pub without_bucket_keys: Vec<String>,
    /// Workloads of which only sums of longer periods are known.
    pub counted_by_periods: Vec<String>,
    /// Applications that take and decrypt data keys themselves.
    pub own_data_keys: Vec<String>,
    /// Those of them that decrypt some.
    pub own_decrypts: Vec<String>,
}

impl ChangedTogether {
    /// Of a stretch.
    pub fn of(stretch: &LoadStretch, places: &Places) -> ChangedTogether {
        let named = |is: fn(&Imported) -> bool| {
            let all = stretch.workloads.iter().zip(&places.workloads);
            all.filter(|(w, _)| is(w))
                .map(|(_, place)| place.name.clone())
                .collect()
        };
        ChangedTogether {
            without_bucket_keys: {
                let all = places.buckets.iter().filter(|(_, b)| lacks_bucket_keys(b));
                all.map(|(name, _)| name.clone()).collect()
            },
            counted_by_periods: named(|w| w.at.period > 1),
            own_data_keys: named(Imported::takes_data_keys),
            own_decrypts: named(|w| w.takes_data_keys() && w.demand.contains_key("Decrypt")),
        }
    }
}

/// How variants name them: the thing's name, or the group's.
pub fn named(group: &str, all: &[String]) -> Option<String> {
    match all {
        [] => None,
        [one] => Some(one.clone()),
        [_, ..] => Some(format!("\"@{group}\"")),
    }
}

/// Names of groups that variants use.
pub const WITHOUT_BUCKET_KEYS: &str = "without-bucket-keys";
/// Of workloads counted by longer periods.
pub const COUNTED_BY_PERIODS: &str = "counted-by-periods";
/// Of applications with data keys.
pub const OWN_DATA_KEYS: &str = "own-data-keys";
/// Of those that decrypt some.
pub const OWN_DECRYPTS: &str = "own-decrypts";

/// The groups' text.
pub fn text(stretch: &LoadStretch, places: &Places, together: &ChangedTogether) -> String {
    let mut all = String::new();
    for (group, what, names) in [
        (
            WITHOUT_BUCKET_KEYS,
            "buckets",
            &together.without_bucket_keys,
        ),
        (
            COUNTED_BY_PERIODS,
            "workloads",
            &together.counted_by_periods,
        ),
        (OWN_DATA_KEYS, "workloads", &together.own_data_keys),
        (OWN_DECRYPTS, "workloads", &together.own_decrypts),
    ] {
        if names.len() > 1 {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let _ = write!(
                all,
                "\n[group.{group}]\n{what} = {}\n",
                thing::names(&names)
            );
        }
    }
    // Each account's Region by itself, where there are several.
    let mut by_place: BTreeMap<(&str, &str), [BTreeSet<&str>; 2]> = BTreeMap::new();
    for (workload, place) in stretch.workloads.iter().zip(&places.workloads) {
        let account = places.accounts[&workload.at.account].as_str();
        let names = by_place.entry((account, &workload.at.region)).or_default();
        names[0].insert(&place.name);
        if place.kind == "bucket" {
            names[1].insert(&place.target);
        }
    }
    if by_place.len() > 1 {
        for ((account, region), [workloads, buckets]) in by_place {
            let _ = writeln!(all, "\n[group.{account}-{region}]");
            for (what, names) in [("workloads", workloads), ("buckets", buckets)] {
                let names: Vec<&str> = names.into_iter().collect();
                if !names.is_empty() {
                    let _ = writeln!(all, "{what} = {}", thing::names(&names));
                }
            }
        }
    }
    if all.is_empty() {
        return all;
    }
    format!("\n# ----- what belongs together\n{all}")
}
