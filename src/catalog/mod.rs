//! The catalog: what AWS documents (or does not) about KMS quotas, prices, S3 operations and SDK retries.
//!
//! Every fact is a row of a TOML file of this folder, with unit, source and date; code only looks rows up.
//! Values are exact: integers, or decimals read as rationals. Each is a default that a scenario may override.
//!
//! ```text
//! kms_quotas.toml ─► quota_for, quota_by_name, custom_key_store_quota, partition
//! prices.toml ─────► price, charged_as, free_tier
//! s3_operations.toml ► s3_operation, request_rates
//! retry_profiles.toml ► retry_profile
//! algorithm_suites.toml ► algorithm_suite
//! branch_key_caches.toml ► branch_key_caches
//! policy_limits.toml ─► policy_limit
//!                         └── all of them ─► table
//! ```
//!
//! Not here: what the model assumes beyond AWS's words (`docs/MODEL.md`), and access to the network: the
//! files are part of the program.

mod branch_key_cache;
pub mod decimal;
mod operation;
mod policy;
mod price;
mod quota;
mod retry;
mod s3;
mod suite;
mod table;

pub use branch_key_cache::{BranchKeyCaches, MultiThreadedDefaults, StormTrackingDefaults};
pub use operation::{KeySpec, KmsOperation, UnknownName};
pub use policy::PolicyLimit;
pub use price::{FreeTier, MONTH_S, Price, PriceRow};
pub use quota::{Calls, Limit, QuotaRow, QuotaScope};
pub use retry::{
    Classification, RateLimiterProfile, RetryAfter, RetryJitter, RetryMode, RetryProfile,
    RetryQuota, RetryRefund, SdkDefault, StatusWithCode, ThrottledAnswer,
};
pub use s3::{
    Evidence, NeedSide, PermissionSide, RequestRate, RequestRates, S3Need, S3OperationRow,
    S3Permission, S3Tier,
};
pub use suite::AlgorithmSuite;
pub use table::{CatalogRow, table};

use serde::de::DeserializeOwned;
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

struct Catalog {
    regions: quota::RegionList,
    quotas: Vec<QuotaRow>,
    prices: price::PriceFile,
    s3: s3::S3File,
    retry: retry::RetryFile,
    suites: suite::SuiteFile,
    branch_key_caches: BranchKeyCaches,
    policies: policy::PolicyFile,
}

static CATALOG: LazyLock<Result<Catalog, toml::de::Error>> = LazyLock::new(|| {
    let quotas: quota::QuotaFile = read(include_str!("kms_quotas.toml"))?;
    let s3: s3::S3File = read(include_str!("s3_operations.toml"))?;
    Ok(Catalog {
        regions: quotas.regions.clone(),
        quotas: quotas.into_rows(),
        prices: read(include_str!("prices.toml"))?,
        s3,
        retry: read(include_str!("retry_profiles.toml"))?,
        suites: read(include_str!("algorithm_suites.toml"))?,
        branch_key_caches: read(include_str!("branch_key_caches.toml"))?,
        policies: read(include_str!("policy_limits.toml"))?,
    })
});

fn read<T: DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    toml::from_str(text)
}

fn catalog() -> &'static Catalog {
    match &*CATALOG {
        Ok(catalog) => catalog,
        // The text is compiled in and every unit test below reads it: a program that got here was never tested.
        Err(fault) => panic!("the built-in catalog does not parse: {fault}"),
    }
}

/// Every Region with a KMS endpoint: commercial, GovCloud, China.
pub fn regions() -> impl Iterator<Item = &'static str> {
    let list = &catalog().regions;
    list.aws
        .iter()
        .chain(&list.aws_us_gov)
        .chain(&list.aws_cn)
        .map(String::as_str)
}

/// The partition of a Region; `None` for a name that is no Region.
pub fn partition(region: &str) -> Option<Partition> {
    let list = &catalog().regions;
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

/// Every limit on the size of a policy document.
pub fn policy_limits() -> &'static [PolicyLimit] {
    &catalog().policies.limit
}

/// The limit on a kind of policy, `bucket-policy`.
pub fn policy_limit(id: &str) -> Option<&'static PolicyLimit> {
    policy_limits().iter().find(|limit| limit.id == id)
}

/// Every request quota, the shared ones first.
pub fn quotas() -> &'static [QuotaRow] {
    &catalog().quotas
}

/// The account's quota that a call draws on; `None` where KMS has no such call (Sign with a symmetric key).
///
/// `spec` is the kind of the KMS key, but for GenerateDataKeyPair that of the pair; operations that name no
/// key (GenerateRandom) or any key (DescribeKey) take any. A call on a custom key store draws on
/// [`custom_key_store_quota`] as well.
pub fn quota_for(operation: KmsOperation, spec: KeySpec) -> Option<&'static QuotaRow> {
    quotas()
        .iter()
        .find(|q| q.scope == QuotaScope::Account && q.takes(operation, spec))
}

/// The quota with this identifier (`symmetric`, `DescribeKey`) or Service Quotas code (`L-6E3AF000`).
pub fn quota_by_name(id_or_code: &str) -> Option<&'static QuotaRow> {
    quotas()
        .iter()
        .find(|q| q.id == id_or_code || q.code.as_deref() == Some(id_or_code))
}

/// The quota of one custom key store of a kind: `cloudhsm` or `external`.
pub fn custom_key_store_quota(kind: &str) -> Option<&'static QuotaRow> {
    let of_kind = |q: &&QuotaRow| q.id.strip_prefix("custom-key-store-") == Some(kind);
    quotas()
        .iter()
        .filter(|q| q.scope == QuotaScope::Store)
        .find(of_kind)
}

/// Every price row.
pub fn prices() -> &'static [PriceRow] {
    &catalog().prices.price
}

/// The price of an item in a Region.
///
/// `None` for an unknown item or Region, and in China, where no defaults are known. Where only another
/// Region's price is known, that one with [`Price::assumed`] set.
pub fn price(item: &str, region: &str) -> Option<Price> {
    catalog().prices.price(item, region)
}

/// The price item of a KMS call.
pub fn charged_as(operation: KmsOperation, spec: KeySpec) -> &'static str {
    catalog().prices.charged_as(operation, spec)
}

/// Bytes in the unit by which an item is priced; 1 where that unit is no measure of data.
pub fn bytes_per_unit(item: &str) -> u64 {
    catalog().prices.bytes_per_unit(item)
}

/// The free tier that applies to a price item, `None` without one.
pub fn free_tier(item: &str) -> Option<&'static FreeTier> {
    catalog()
        .prices
        .free_tier
        .iter()
        .find(|f| f.items.iter().any(|i| i == item))
}

/// Every S3 operation.
pub fn s3_operations() -> &'static [S3OperationRow] {
    &catalog().s3.operation
}

/// Life of a session of a directory bucket \[s\].
pub fn session_lifetime_s() -> u64 {
    catalog().s3.directory_bucket.session_lifetime_s
}

/// The S3 operation with this identifier (`PutObject`, `GetObjectRange`).
pub fn s3_operation(id: &str) -> Option<&'static S3OperationRow> {
    s3_operations().iter().find(|o| o.id == id)
}

/// Every retry profile.
pub fn retry_profiles() -> &'static [RetryProfile] {
    &catalog().retry.profile
}

/// How a service, by botocore's name, answers a request that it throttles.
pub fn throttled_answer(service: &str) -> Option<&'static ThrottledAnswer> {
    let rows = &catalog().retry.throttled_answer;
    rows.iter().find(|a| a.service == service)
}

/// The retry profile with this identifier or alias (`standard`, `legacy`).
pub fn retry_profile(name: &str) -> Option<&'static RetryProfile> {
    retry_profiles()
        .iter()
        .find(|p| p.id == name || p.aliases.iter().any(|a| a == name))
}

/// What S3 serves from one partitioned prefix.
pub fn request_rates() -> &'static RequestRates {
    &catalog().s3.request_rate
}

/// Every algorithm suite of the AWS Encryption SDK.
pub fn algorithm_suites() -> &'static [AlgorithmSuite] {
    &catalog().suites.suite
}

/// The algorithm suite of this name.
pub fn algorithm_suite(name: &str) -> Option<&'static AlgorithmSuite> {
    algorithm_suites().iter().find(|s| s.name == name)
}

/// Defaults of the caches behind a hierarchical keyring.
pub fn branch_key_caches() -> &'static BranchKeyCaches {
    &catalog().branch_key_caches
}

/// What the SDKs do by default, by version.
pub fn sdk_defaults() -> &'static [SdkDefault] {
    &catalog().retry.sdk_default
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_parse() {
        assert!(CATALOG.as_ref().is_ok(), "{:?}", CATALOG.as_ref().err());
    }

    #[test]
    fn regions_are_unique_and_every_region_named_anywhere_is_known() {
        let known: std::collections::BTreeSet<_> = regions().collect();
        assert_eq!(known.len(), regions().count());
        assert_eq!(partition("eu-west-3"), Some(Partition::Commercial));
        assert_eq!(partition("us-gov-east-1"), Some(Partition::GovCloud));
        assert_eq!(partition("cn-northwest-1"), Some(Partition::China));
        assert_eq!(partition("us-east-9"), None);
        for row in prices().iter().filter(|p| p.region != "*") {
            assert!(known.contains(row.region.as_str()), "{}", row.region);
        }
    }
}
