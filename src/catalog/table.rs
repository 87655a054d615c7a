//! The whole catalog as one flat table, for people to read.

use super::row::CatalogRow;
use super::{
    branch_key_cache, delivery, implicit_policy, left_out, policy, price, quota, region,
    retry_rows, s3, service, suite,
};

/// Every row: Regions, quotas (one a Region where they differ), prices, free tier, S3 operations, retry profiles,
/// other services, algorithm suites, caches of branch keys, sizes of policies, policies that AWS attaches.
pub fn table() -> Vec<CatalogRow> {
    let mut rows = region::rows();
    rows.extend(quota::rows());
    rows.extend(price::rows());
    rows.extend(left_out::rows());
    rows.extend(s3::rows());
    rows.extend(retry_rows::rows());
    rows.extend(suite::rows());
    rows.push(s3::directory_bucket_row());
    rows.extend(s3::request_rate_rows());
    rows.extend(s3::context_key_rows());
    rows.extend(delivery::rows());
    rows.extend(service::rows());
    rows.extend(branch_key_cache::rows());
    rows.extend(policy::rows());
    rows.extend(implicit_policy::rows());
    rows
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
