//! Prices, the free tier, and which KMS call is charged as which item.
//!
//! Data: `prices.toml` and `s3_prices.toml`. Left out: CloudTrail Lake, storage, data transfer, taxes and private rates; every
//! price can be overridden by a scenario.

use super::built_in::built_in;
use super::decimal;
use super::operation::{KeySpec, KmsOperation};
use super::quota::Calls;
use super::region::{Partition, partition};
use super::row::{CatalogRow, plain};
use super::storage_class::S3_PRICES;
use num_rational::BigRational;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Length of a month and of a free-tier period \[s\]: 30 days of 24 hours.
pub const MONTH_S: u64 = 30 * 24 * 3600;

/// Region whose price stands in where another Region's is not known.
const FALLBACK: &str = "us-east-1";
/// A row that holds in every Region of the commercial partition.
const EVERYWHERE: &str = "*";

/// A price in one Region, or in every commercial one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// What is charged: `kms-requests`, `kms-keys`, `s3-tier1`, …
    pub item: String,
    /// Region, or `*` for every commercial Region.
    #[serde(skip)]
    pub region: String,
    /// Those of the file's row, which stands for one of each.
    regions: Vec<String>,
    /// Price of `per` units \[USD\].
    #[serde(deserialize_with = "decimal::deserialize")]
    pub price: BigRational,
    /// How many units `price` buys.
    #[serde(deserialize_with = "decimal::deserialize")]
    pub per: BigRational,
    /// `request`, `key-month`, `event`, `GB`, …
    pub unit: String,
    /// Bytes in a unit, where the unit measures data.
    pub bytes_per_unit: Option<u64>,
    /// Why the row itself is an assumption, `None` where it was read.
    pub assumed: Option<String>,
    /// What else there is to know, or empty.
    #[serde(default)]
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

/// Units that cost nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeTier {
    /// Item of the bill's negative line.
    pub id: String,
    /// Units per account and month, over all Regions.
    pub quantity: u64,
    /// Their unit.
    pub unit: String,
    /// Items it applies to.
    pub items: Vec<String>,
    /// What else there is to know, or empty.
    #[serde(default)]
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargedAs {
    item: String,
    operations: Vec<KmsOperation>,
    key_specs: Vec<KeySpec>,
}

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    price: Vec<PriceRow>,
    free_tier: Vec<FreeTier>,
    charged_as: Vec<ChargedAs>,
    charged_otherwise_as: String,
    label: BTreeMap<String, String>,
}

/// Prices of S3; the file has storage classes too.
#[derive(Clone, Debug, Deserialize)]
struct S3PriceFile {
    price: Vec<PriceRow>,
    label: BTreeMap<String, String>,
}

/// The price of an item in a Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Price of one unit \[USD\], exact.
    pub usd: BigRational,
    /// The unit.
    pub unit: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: &'static str,
    /// Why it is only an assumption for this Region, `None` where it was read for it.
    pub assumed: Option<String>,
}

impl PriceFile {
    fn charged_as(&self, operation: KmsOperation, spec: KeySpec) -> &str {
        self.charged_as
            .iter()
            .find(|c| {
                Calls {
                    operations: c.operations.clone(),
                    key_specs: c.key_specs.clone(),
                }
                .hold(operation, spec)
            })
            .map_or(&self.charged_otherwise_as, |c| &c.item)
    }
}

impl PriceRow {
    /// Price of one unit \[USD\], exact.
    pub fn usd(&self) -> BigRational {
        &self.price / &self.per
    }

    fn to_price(&'static self, assumed: Option<String>) -> Price {
        Price {
            usd: self.usd(),
            unit: &self.unit,
            source: &self.source,
            as_of: &self.as_of,
            assumed,
        }
    }
}

static PRICES: LazyLock<PriceFile> =
    LazyLock::new(|| built_in("prices.toml", include_str!("prices.toml")));

static OF_S3: LazyLock<S3PriceFile> = LazyLock::new(|| built_in("s3_prices.toml", S3_PRICES));

static ROWS: LazyLock<Vec<PriceRow>> = LazyLock::new(|| {
    let of_file = PRICES.price.iter().chain(&OF_S3.price);
    let rows = of_file.flat_map(|row| {
        row.regions.iter().map(|region| PriceRow {
            region: region.clone(),
            ..row.clone()
        })
    });
    rows.collect()
});

/// Every price row.
pub fn prices() -> &'static [PriceRow] {
    &ROWS
}

/// What an item of the bill is called where people read it, `KMS free tier`; the item itself where it has no label.
pub fn item_label(item: &str) -> &str {
    let label = PRICES.label.get(item).or_else(|| OF_S3.label.get(item));
    label.map_or(item, String::as_str)
}

/// The price of an item in a Region: the row of the Region; else of every Region; else, as an assumption, that of
/// us-east-1.
///
/// `None` for an unknown item or Region, and in China, where no defaults are known. Where only another
/// Region's price is known, that one with [`Price::assumed`] set.
pub fn price(item: &str, region: &str) -> Option<Price> {
    let row = |r: &str| prices().iter().find(|p| p.item == item && p.region == r);
    let partition = partition(region)?;
    if let Some(found) = row(region) {
        return Some(found.to_price(found.assumed.clone()));
    }
    match (partition, row(EVERYWHERE)) {
        (Partition::China, _) => None,
        (Partition::Commercial, Some(found)) => Some(found.to_price(found.assumed.clone())),
        (_, everywhere) => {
            let found = row(FALLBACK).or(everywhere)?;
            let why = format!("its own is not known, so that of {FALLBACK} is used");
            Some(found.to_price(Some(why)))
        }
    }
}

/// The price item of a KMS call.
pub fn charged_as(operation: KmsOperation, spec: KeySpec) -> &'static str {
    PRICES.charged_as(operation, spec)
}

/// Bytes in the unit by which an item is priced; 1 where that unit is not a size.
pub fn bytes_per_unit(item: &str) -> u64 {
    let rows = prices().iter().filter(|p| p.item == item);
    rows.filter_map(|p| p.bytes_per_unit).next().unwrap_or(1)
}

/// The free tier that applies to a price item, `None` without one.
pub fn free_tier(item: &str) -> Option<&'static FreeTier> {
    PRICES
        .free_tier
        .iter()
        .find(|f| f.items.iter().any(|i| i == item))
}

/// Each price, and the free tier.
pub(super) fn rows() -> Vec<CatalogRow> {
    let mut rows: Vec<_> = prices()
        .iter()
        .map(|p| CatalogRow {
            kind: "price",
            id: p.item.clone(),
            region: if p.region == "*" {
                String::new()
            } else {
                p.region.clone()
            },
            value: plain(&p.price),
            unit: format!("USD/{}", counted(&plain(&p.per), &p.unit)),
            assumed: p.assumed.is_some(),
            note: p.assumed.clone().unwrap_or_else(|| p.note.clone()),
            source: p.source.clone(),
            as_of: p.as_of.clone(),
        })
        .collect();
    rows.extend(PRICES.free_tier.iter().map(|f| CatalogRow {
        kind: "free-tier",
        id: f.id.clone(),
        region: String::new(),
        value: f.quantity.to_string(),
        unit: format!("{}/month", f.unit),
        assumed: false,
        note: f.note.clone(),
        source: f.source.clone(),
        as_of: f.as_of.clone(),
    }));
    rows
}

fn counted(per: &str, unit: &str) -> String {
    if per == "1" {
        unit.to_owned()
    } else {
        format!("{per} {unit}s")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{charged_as, free_tier, item_label, price, prices, regions};
    use super::*;
    use std::collections::BTreeSet;

    fn usd(item: &str, region: &str, units: i64) -> BigRational {
        price(item, region).unwrap().usd * BigRational::from_integer(units.into())
    }

    fn dollars(text: &str) -> BigRational {
        decimal::exact(text).unwrap()
    }

    #[test]
    fn every_item_has_one_label_and_every_label_an_item() {
        let of_free_tiers = PRICES.free_tier.iter().map(|f| &f.id);
        let items: BTreeSet<&String> = prices()
            .iter()
            .map(|p| &p.item)
            .chain(of_free_tiers)
            .collect();
        let labels = || PRICES.label.iter().chain(&OF_S3.label);
        assert_eq!(items, labels().map(|(item, _)| item).collect());
        let labels: BTreeSet<&String> = labels().map(|(_, label)| label).collect();
        assert_eq!(labels.len(), items.len(), "two items have one label");
        assert_eq!(item_label("kms-requests-free-tier"), "KMS free tier");
        assert_eq!(item_label("of-an-older-file"), "of-an-older-file");
    }

    #[test]
    fn kms_prices() {
        for region in ["us-east-1", "eu-central-1", "eu-west-3"] {
            assert_eq!(usd("kms-requests", region, 1_000_000), dollars("3"));
            assert_eq!(price("kms-requests", region).unwrap().assumed, None);
        }
        assert_eq!(usd("kms-keys", "us-east-1", 1), dollars("1"));
        assert_eq!(
            usd("kms-requests-rsa-2048", "us-east-1", 10_000),
            dollars("0.03")
        );
        assert_eq!(
            usd("kms-requests-asymmetric", "us-east-1", 10_000),
            dollars("0.15")
        );
        assert_eq!(
            usd("kms-requests-data-key-pair-rsa", "us-east-1", 10_000),
            dollars("12")
        );
        assert_eq!(
            usd("kms-requests-data-key-pair-ecc", "us-east-1", 10_000),
            dollars("0.10")
        );
        assert_eq!(free_tier("kms-requests").unwrap().quantity, 20_000);
        assert!(free_tier("kms-requests-asymmetric").is_none());
    }

    #[test]
    fn s3_prices() {
        assert_eq!(usd("s3-tier1", "eu-central-1", 1000), dollars("0.0054"));
        assert_eq!(usd("s3-tier2", "eu-central-1", 1000), dollars("0.00043"));
        assert_eq!(usd("s3-tier1", "us-east-1", 1000), dollars("0.005"));
        assert_eq!(usd("s3-tier2", "sa-east-1", 1000), dollars("0.00056"));
        assert_eq!(price("s3-tier1", "us-east-1").unwrap().assumed, None);
    }

    /// Requests of S3 Standard, per 1,000, as tabulated from the feed of 2024-09-25.
    #[test]
    fn s3_standard_in_every_region() {
        let table = [
            (
                "0.005",
                "0.0004",
                "us-east-1 us-east-2 us-west-2 eu-west-1 eu-north-1 ap-southeast-1 ap-southeast-3 ap-south-1 ap-south-2 ap-east-1 us-gov-east-1 us-gov-west-1",
            ),
            (
                "0.0055",
                "0.00044",
                "us-west-1 ca-central-1 ca-west-1 ap-southeast-2 ap-southeast-4 il-central-1 me-south-1 me-central-1",
            ),
            ("0.0054", "0.00043", "eu-central-1 eu-central-2"),
            ("0.0053", "0.00042", "eu-west-2 eu-west-3"),
            ("0.0053", "0.0004", "eu-south-1 eu-south-2"),
            ("0.0047", "0.00037", "ap-northeast-1 ap-northeast-3"),
            ("0.0045", "0.00035", "ap-northeast-2"),
            ("0.0045", "0.00036", "ap-southeast-5"),
            ("0.006", "0.0004", "af-south-1"),
            ("0.007", "0.00056", "sa-east-1"),
        ];
        let mut known = Vec::new();
        for (tier1, tier2, regions) in table {
            for region in regions.split(' ') {
                assert_eq!(usd("s3-tier1", region, 1000), dollars(tier1), "{region}");
                assert_eq!(usd("s3-tier2", region, 1000), dollars(tier2), "{region}");
                for item in [
                    "s3-tier1",
                    "s3-tier2",
                    "s3-glacier-tier1",
                    "s3-deep-archive-tier1",
                ] {
                    assert_eq!(price(item, region).unwrap().assumed, None, "{region}");
                }
                known.push(region);
            }
        }
        // The other Regions have guesses, each said to be one.
        for region in regions().filter(|r| !known.contains(r)) {
            for item in [
                "s3-tier1",
                "s3-tier2",
                "s3-glacier-tier1",
                "s3-deep-archive-tier1",
            ] {
                let found = price(item, region);
                match partition(region) {
                    Some(Partition::China) => assert_eq!(found, None, "{region}"),
                    _ => assert!(found.unwrap().assumed.is_some(), "{region}"),
                }
            }
        }
        assert_eq!(usd("s3-tier1", "mx-central-1", 1000), dollars("0.00525"));
        assert_eq!(usd("s3-tier2", "ap-southeast-6", 1000), dollars("0.000462"));
    }

    #[test]
    fn archives_in_some_regions() {
        for (item, region, per_1000) in [
            ("s3-glacier-tier1", "us-east-1", "0.03"),
            ("s3-glacier-tier1", "eu-west-3", "0.0318"),
            ("s3-glacier-tier1", "ap-northeast-2", "0.03258"),
            ("s3-glacier-tier1", "ap-northeast-1", "0.03426"),
            ("s3-glacier-tier1", "eu-central-1", "0.036"),
            ("s3-glacier-tier1", "us-gov-west-1", "0.039"),
            ("s3-deep-archive-tier1", "us-west-2", "0.05"),
            ("s3-deep-archive-tier1", "eu-central-1", "0.06"),
            ("s3-deep-archive-tier1", "il-central-1", "0.0605"),
            ("s3-deep-archive-tier1", "ap-south-1", "0.07"),
            ("s3-deep-archive-tier1", "sa-east-1", "0.1"),
            ("s3-transitions-glacier-ir", "sa-east-1", "0.02"),
            ("s3-transitions-standard-ia", "af-south-1", "0.01"),
        ] {
            assert_eq!(
                usd(item, region, 1000),
                dollars(per_1000),
                "{item} {region}"
            );
        }
    }

    #[test]
    fn unknown_regions_prices_are_assumed_or_missing() {
        let paris = price("s3-express-tier1", "eu-west-3").unwrap();
        assert_eq!(paris.usd, dollars("0.00000113"));
        assert!(paris.assumed.is_some());
        assert!(
            price("kms-requests", "us-gov-west-1")
                .unwrap()
                .assumed
                .is_some()
        );
        assert_eq!(price("kms-requests", "cn-north-1"), None);
        assert_eq!(price("kms-requests", "eu-atlantis-1"), None);
        assert_eq!(price("kms-rquests", "us-east-1"), None);
    }

    #[test]
    fn trail_and_logs() {
        assert_eq!(usd("cloudtrail-copies", "us-east-1", 100_000), dollars("2"));
        assert_eq!(
            usd("cloudtrail-data-events", "us-east-1", 100_000),
            dollars("0.1")
        );
        assert_eq!(usd("logs-ingestion", "us-east-1", 1), dollars("0.5"));
    }

    #[test]
    fn calls_are_charged_by_kind_of_key() {
        use KmsOperation as Op;
        assert_eq!(
            charged_as(Op::Decrypt, KeySpec::SymmetricDefault),
            "kms-requests"
        );
        assert_eq!(
            charged_as(Op::GenerateMac, KeySpec::Hmac256),
            "kms-requests"
        );
        assert_eq!(
            charged_as(Op::DescribeKey, KeySpec::Rsa3072),
            "kms-requests"
        );
        assert_eq!(
            charged_as(Op::Sign, KeySpec::Rsa2048),
            "kms-requests-rsa-2048"
        );
        assert_eq!(
            charged_as(Op::Sign, KeySpec::Rsa3072),
            "kms-requests-asymmetric"
        );
        assert_eq!(
            charged_as(Op::Verify, KeySpec::MlDsa44),
            "kms-requests-asymmetric"
        );
        let pair = |spec| charged_as(Op::GenerateDataKeyPairWithoutPlaintext, spec);
        assert_eq!(pair(KeySpec::Rsa2048), "kms-requests-data-key-pair-rsa");
        assert_eq!(pair(KeySpec::EccNistP521), "kms-requests-data-key-pair-ecc");
        for &op in Op::ALL {
            for &spec in KeySpec::ALL {
                assert!(
                    price(charged_as(op, spec), "us-east-1").is_some(),
                    "{op} {spec}"
                );
            }
        }
    }

    #[test]
    fn one_row_an_item_and_region() {
        let keys: std::collections::BTreeSet<_> =
            prices().iter().map(|p| (&p.item, &p.region)).collect();
        assert_eq!(keys.len(), prices().len());
    }
}
