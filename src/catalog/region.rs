//! Regions with a KMS endpoint, and the partition of each.
//!
//! Data: `regions.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use indexmap::IndexMap;
use serde::Deserialize;
use std::sync::LazyLock;

/// A group of Regions under contracts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// `aws`.
    Commercial,
    /// `aws-us-gov`.
    GovCloud,
    /// `aws-cn`.
    China,
}

/// The Regions with a KMS endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RegionList {
    aws: Vec<String>,
    aws_us_gov: Vec<String>,
    aws_cn: Vec<String>,
    source: String,
    #[serde(rename = "as_of")]
    as_of: String,
    name: RegionNames,
}

/// What people call the Regions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionNames {
    of: IndexMap<String, String>,
    source: String,
    as_of: String,
}

static REGIONS: LazyLock<RegionList> =
    LazyLock::new(|| built_in("regions.toml", include_str!("regions.toml")));

/// Every Region with a KMS endpoint: commercial, GovCloud, China.
pub fn regions() -> impl Iterator<Item = &'static str> {
    let list = &*REGIONS;
    list.aws
        .iter()
        .chain(&list.aws_us_gov)
        .chain(&list.aws_cn)
        .map(String::as_str)
}

/// The partition of a Region; `None` for a name that is not a Region.
pub fn partition(region: &str) -> Option<Partition> {
    let list = &*REGIONS;
    let holds = |names: &[String]| names.iter().any(|n| n == region);
    [
        (&list.aws, Partition::Commercial),
        (&list.aws_us_gov, Partition::GovCloud),
        (&list.aws_cn, Partition::China),
    ]
    .into_iter()
    .find(|(names, _)| holds(names))
    .map(|(_, partition)| partition)
}

/// What people call a Region, `Europe (Paris)`; `None` for a name that is not a Region.
pub fn region_name(region: &str) -> Option<&'static str> {
    REGIONS.name.of.get(region).map(String::as_str)
}

/// A row for each Region.
pub(super) fn rows() -> Vec<CatalogRow> {
    let list = &*REGIONS;
    let row = |region: &str| CatalogRow {
        kind: "region",
        id: region.to_owned(),
        region: region.to_owned(),
        value: match partition(region) {
            Some(Partition::GovCloud) => "aws-us-gov",
            Some(Partition::China) => "aws-cn",
            Some(Partition::Commercial) | None => "aws",
        }
        .to_owned(),
        unit: "partition".to_owned(),
        assumed: false,
        note: region_name(region).unwrap_or_default().to_owned(),
        source: format!("{} and {}", list.source, list.name.source),
        as_of: list.as_of.clone().min(list.name.as_of.clone()),
    };
    regions().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prices;
    use super::*;

    #[test]
    fn regions_are_unique_and_every_region_named_anywhere_is_known() {
        let known: std::collections::BTreeSet<_> = regions().collect();
        assert_eq!(known.len(), regions().count());
        assert_eq!(partition("eu-west-3"), Some(Partition::Commercial));
        assert_eq!(partition("us-gov-east-1"), Some(Partition::GovCloud));
        assert_eq!(partition("cn-northwest-1"), Some(Partition::China));
        assert_eq!(partition("us-east-9"), None);
        assert_eq!(known, REGIONS.name.of.keys().map(String::as_str).collect());
        for row in prices().iter().filter(|p| p.region != "*") {
            assert!(known.contains(row.region.as_str()), "{}", row.region);
        }
    }
}
