//! The whole catalog as one flat table, for people to read.

use super::{
    Evidence, NeedSide, Partition, PolicyLimit, RequestRate, catalog, partition, policy_limits,
    prices, quotas, regions, request_rates, retry, s3_operations,
};
use num_rational::BigRational;
use num_traits::ToPrimitive;
use serde::Serialize;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogRow {
    /// `region`, `quota`, `price`, `free-tier`, `s3-operation`, `retry-profile`, `retry-limiter`,
    /// `retry-classification`, `throttled-answer`, `sdk-default`, `algorithm-suite`, `branch-key-cache`,
    /// `directory-bucket`, `s3-request-rate` or `policy-limit`.
    pub kind: &'static str,
    /// Identifier, with the quota code where there is one.
    pub id: String,
    /// Region; empty where the row holds in all of them or Regions mean nothing.
    pub region: String,
    /// The value.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Whether it is an assumption: AWS does not document it, or not for this Region.
    pub assumed: bool,
    /// What else there is to know.
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// As of, `YYYY-MM-DD`.
    pub as_of: String,
}

/// Every row: Regions, quotas (one a Region where they differ), prices, free tier, S3 operations, retry profiles,
/// algorithm suites, caches of branch keys, sizes of policies.
pub fn table() -> Vec<CatalogRow> {
    let mut rows = region_rows();
    rows.extend(quota_rows());
    rows.extend(price_rows());
    rows.extend(s3_rows());
    rows.extend(retry::rows());
    rows.extend(suite_rows());
    rows.push(directory_bucket_row());
    rows.extend(request_rate_rows());
    rows.extend(branch_key_cache_rows());
    rows.extend(policy_limits().iter().map(policy_row));
    rows
}

fn policy_row(limit: &PolicyLimit) -> CatalogRow {
    CatalogRow {
        kind: "policy-limit",
        id: limit.id.clone(),
        region: String::new(),
        value: limit.bytes.to_string(),
        unit: "bytes".to_owned(),
        assumed: false,
        note: if limit.without_white_space {
            "white space does not count".to_owned()
        } else {
            String::new()
        },
        source: limit.source.clone(),
        as_of: limit.as_of.clone(),
    }
}

fn region_rows() -> Vec<CatalogRow> {
    let list = &catalog().regions;
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
        note: String::new(),
        source: list.source.clone(),
        as_of: list.as_of.clone(),
    };
    regions().map(row).collect()
}

fn quota_rows() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for q in quotas() {
        let id = match &q.code {
            Some(code) => format!("{} ({code})", q.id),
            None => q.id.clone(),
        };
        let limits: Vec<_> = regions()
            .filter_map(|r| Some((r, q.default_limit(r)?)))
            .collect();
        let one_value = limits.len() == regions().count()
            && limits
                .iter()
                .all(|(_, l)| Some(l) == limits.first().map(|(_, l)| l));
        for (region, limit) in limits.iter().take(if one_value { 1 } else { limits.len() }) {
            rows.push(CatalogRow {
                kind: "quota",
                id: id.clone(),
                region: if one_value {
                    String::new()
                } else {
                    (*region).to_owned()
                },
                value: plain(&BigRational::new(limit.num.into(), limit.den.into())),
                unit: "1/s".to_owned(),
                assumed: limit.is_assumption(),
                note: limit.assumed.unwrap_or(&q.note).to_owned(),
                source: q.source.clone(),
                as_of: q.as_of.clone(),
            });
        }
    }
    rows
}

fn price_rows() -> Vec<CatalogRow> {
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
    rows.extend(catalog().prices.free_tier.iter().map(|f| CatalogRow {
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

fn s3_rows() -> Vec<CatalogRow> {
    let need = |n: &super::S3Need| match n.on {
        NeedSide::Object => n.operation.to_string(),
        NeedSide::Source => format!("{} (source)", n.operation),
        NeedSide::Destination => format!("{} (destination)", n.operation),
        NeedSide::Upload => format!("{} (upload)", n.operation),
        NeedSide::Replica => format!("{} (replica)", n.operation),
    };
    s3_operations()
        .iter()
        .map(|o| CatalogRow {
            kind: "s3-operation",
            id: o.id.clone(),
            region: String::new(),
            value: match o.needs.as_slice() {
                [] => "none".to_owned(),
                needs => needs.iter().map(need).collect::<Vec<_>>().join(", "),
            },
            unit: format!(
                "KMS calls/request ({})",
                o.billing.item().unwrap_or("free of charge")
            ),
            assumed: o.evidence == Evidence::Undocumented,
            note: o.because.clone(),
            source: o.source.clone(),
            as_of: o.as_of.clone(),
        })
        .collect()
}

fn directory_bucket_row() -> CatalogRow {
    let d = &catalog().s3.directory_bucket;
    CatalogRow {
        kind: "directory-bucket",
        id: "session_lifetime".to_owned(),
        region: String::new(),
        value: d.session_lifetime_s.to_string(),
        unit: "s".to_owned(),
        assumed: false,
        note: "CreateSession needs GenerateDataKey and Decrypt".to_owned(),
        source: d.source.clone(),
        as_of: d.as_of.clone(),
    }
}

fn request_rate_rows() -> impl Iterator<Item = CatalogRow> {
    let rates = request_rates();
    [RequestRate::Reads, RequestRate::Writes]
        .map(|rate| CatalogRow {
            kind: "s3-request-rate",
            id: rate.name().to_owned(),
            region: String::new(),
            value: rates.per_s(rate).to_string(),
            unit: "1/s from a prefix".to_owned(),
            assumed: false,
            note: match rate {
                RequestRate::Reads => "GET and HEAD of objects, at least so many",
                RequestRate::Writes => "PUT, COPY, POST and DELETE, at least so many",
            }
            .to_owned(),
            source: rates.source.clone(),
            as_of: rates.as_of.clone(),
        })
        .into_iter()
}

fn suite_rows() -> impl Iterator<Item = CatalogRow> {
    let file = &catalog().suites;
    file.suite.iter().map(|s| CatalogRow {
        kind: "algorithm-suite",
        id: format!("{} ({:#06x})", s.name, s.id),
        region: String::new(),
        value: if s.key_derivation { "yes" } else { "no" }.to_owned(),
        unit: "key derivation".to_owned(),
        assumed: false,
        note: "without key derivation data keys are not cached for encryption".to_owned(),
        source: file.source.clone(),
        as_of: file.as_of.clone(),
    })
}

fn branch_key_cache_rows() -> Vec<CatalogRow> {
    let file = &catalog().branch_key_caches;
    let (s, m) = (&file.storm_tracking, &file.multi_threaded);
    let of_storm = [
        ("capacity", u64::from(s.capacity), "entry"),
        ("grace_period", s.grace_period_s, "s"),
        ("grace_interval", s.grace_interval_s, "s"),
        ("fan_out", u64::from(s.fan_out), "key"),
        ("in_flight_ttl", s.in_flight_ttl_s, "s"),
        ("sleep", s.sleep_ms, "ms"),
    ];
    let of_multi = [("capacity", u64::from(m.capacity), "entry")];
    let row =
        |cache: &str, (figure, value, unit): &(&str, u64, &str), source: &str, as_of: &str| {
            CatalogRow {
                kind: "branch-key-cache",
                id: format!("{cache}.{figure}"),
                region: String::new(),
                value: value.to_string(),
                unit: (*unit).to_owned(),
                assumed: false,
                note: String::new(),
                source: source.to_owned(),
                as_of: as_of.to_owned(),
            }
        };
    of_storm
        .iter()
        .map(|f| row("storm-tracking", f, &s.source, &s.as_of))
        .chain(
            of_multi
                .iter()
                .map(|f| row("multi-threaded", f, &m.source, &m.as_of)),
        )
        .collect()
}

/// A catalog value as it was written, without trailing zeros: all of them are short decimals.
pub(super) fn plain(value: &BigRational) -> String {
    match value.to_f64() {
        Some(float) => float.to_string(),
        None => value.to_string(),
    }
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
    use super::*;

    #[test]
    fn every_row_has_a_value_a_source_and_a_valid_date() {
        let rows = table();
        assert!(rows.len() > 100);
        for row in &rows {
            assert!(!row.value.is_empty() && !row.unit.is_empty(), "{row:?}");
            assert!(row.source.len() > 10, "{row:?}");
            assert!(row.as_of.parse::<jiff::civil::Date>().is_ok(), "{row:?}");
        }
    }

    #[test]
    fn values_read_as_written() {
        let rows = table();
        let value = |id: &str, region: &str| {
            rows.iter()
                .find(|r| r.id == id && r.region == region)
                .map(|r| (&*r.value, &*r.unit))
        };
        assert_eq!(
            value("symmetric (L-6E3AF000)", "us-east-1"),
            Some(("100000", "1/s"))
        );
        assert_eq!(
            value("data-key-pair-rsa-4096 (L-FCE4492D)", "cn-north-1"),
            Some(("0.1", "1/s"))
        );
        assert_eq!(value("rsa (L-2AC98190)", ""), Some(("1000", "1/s")));
        assert_eq!(
            value("kms-requests", ""),
            Some(("0.03", "USD/10000 requests"))
        );
        assert_eq!(
            value("s3-tier1", "eu-central-1"),
            Some(("0.0054", "USD/1000 requests"))
        );
        assert_eq!(
            value("CopyObject", "").map(|v| v.0),
            Some("Decrypt (source), GenerateDataKey (destination)")
        );
    }
}
