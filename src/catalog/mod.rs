//! The catalog: what AWS documents (or does not) about KMS quotas, prices, S3 operations and SDK retries.
//!
//! Every fact is a row of a TOML file of this folder, with unit, source and date; code only looks rows up.
//! Values are exact: integers, or decimals read as rationals. Each is a default that a scenario may override.
//!
//! ```text
//! regions.toml ────► regions, partition
//! kms_quotas.toml ─► quota_for, quota_by_name, custom_key_store_quota
//! left_out.toml ───► costs_left_out
//! prices.toml ─────► price, charged_as, free_tier
//! s3_prices.toml ──► price, storage_class
//! s3_operations.toml ► s3_operation, request_rates
//! retry_profiles.toml ► retry_profile
//! algorithm_suites.toml ► algorithm_suite
//! branch_key_caches.toml ► branch_key_caches
//! deliveries.toml ─► delivery
//! services.toml ───► services, service
//! policy_limits.toml ─► policy_limits_of
//! implicit_policies.toml ─► implicit_policy, managed_key_policy
//!                         └── all of them ─► table
//! ```
//!
//! Not here: what the model assumes beyond AWS's words (`docs/MODEL.md`), and access to the network: the
//! files are part of the program.

mod branch_key_cache;
mod built_in;
pub mod decimal;
mod delivery;
mod implicit_policy;
mod left_out;
mod limit_name;
mod operation;
mod policy;
mod price;
mod quota;
mod region;
mod retry;
mod retry_rows;
mod row;
mod s3;
mod service;
mod storage_class;
mod suite;
mod table;

pub use branch_key_cache::{
    BranchKeyCaches, MultiThreadedDefaults, StormTrackingDefaults, branch_key_caches,
};
pub use delivery::{DeliveryRow, DeliverySource, delivery};
pub use implicit_policy::{
    ImplicitPolicy, implicit_policies, implicit_policy, managed_key_policy, managed_key_services,
};
pub use left_out::{LeftOutRow, LeftOutWith, costs_left_out};
pub use limit_name::{limit_name, payer_name};
pub use operation::{KeySpec, KmsOperation, UnknownName};
pub use policy::{PolicyLimit, policy_limits, policy_limits_of};
pub use price::{
    FreeTier, MONTH_S, Price, PriceRow, bytes_per_unit, charged_as, free_tier, item_label, price,
    prices,
};
pub use quota::{
    Calls, DefaultLimit, QuotaRow, QuotaScope, custom_key_store_quota, quota_by_name, quota_for,
    quotas,
};
pub use region::{Partition, partition, region_name, regions};
pub use retry::{
    Classification, RateLimiterProfile, RetryAfterRule, RetryCap, RetryJitter, RetryLayer,
    RetryMode, RetryProfile, RetryQuotaProfile, RetryRefund, SdkDefault, StatusWithCode,
    ThrottledAnswer, retry_profile, retry_profiles, sdk_defaults, throttled_answer, unnamed_sdk,
};
pub use row::CatalogRow;
pub use s3::{
    ClassPrice, Evidence, ForwardedContextKeys, NeedSide, PermissionSide, RequestRate,
    RequestRates, S3Need, S3OperationRow, S3Permission, S3Tier, forwarded_context_keys,
    request_rates, s3_operation, s3_operations, sends_in_session, session_action,
    session_lifetime_s,
};
pub use service::{
    DataKeyRenewal, DataKeyReuse, ServiceOperation, ServiceRow, service, service_operations,
    services,
};
pub use storage_class::{EXPRESS, STANDARD, StorageClass, storage_class, storage_classes};
pub use suite::{AlgorithmSuite, algorithm_suite, algorithm_suites};
pub use table::table;
