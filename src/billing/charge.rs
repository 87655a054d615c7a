//! What is charged by a counter: one row each. KMS requests, which have a free tier, are priced apart (`cost`).

use super::price_book::PriceBook;
use num_rational::BigRational;

/// The metric under which a line is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// KMS requests less the free tier.
    KmsRequests,
    /// Key-months.
    KmsKeys,
    /// S3 request fees.
    S3Requests,
    /// Fees of S3 Batch Operations, beside the requests that it makes.
    BatchOperations,
    /// CloudTrail copies.
    CloudTrail,
    /// Log ingestion.
    Logs,
}

impl Cost {
    /// Every one, in registry order.
    pub const ALL: &'static [Cost] = &[
        Cost::KmsRequests,
        Cost::KmsKeys,
        Cost::S3Requests,
        Cost::BatchOperations,
        Cost::CloudTrail,
        Cost::Logs,
    ];

    /// Identifier in the registry of metrics.
    pub const fn metric(self) -> &'static str {
        match self {
            Cost::KmsRequests => "cost_kms_requests_usd",
            Cost::KmsKeys => "cost_kms_keys_usd",
            Cost::S3Requests => "cost_s3_requests_usd",
            Cost::BatchOperations => "cost_s3_batch_operations_usd",
            Cost::CloudTrail => "cost_cloudtrail_usd",
            Cost::Logs => "cost_logs_usd",
        }
    }
}

/// How many counts make one unit of the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Per {
    One,
    /// So many for each month.
    Monthly,
    /// Bytes in the unit of log ingestion.
    LogUnit,
}

/// A counter with its price item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Charge {
    /// Item of the price list.
    pub item: &'static str,
    /// The metric it belongs to.
    pub cost: Cost,
    per: Per,
}

const fn charge(item: &'static str, cost: Cost, per: Per) -> Charge {
    Charge { item, cost, per }
}

impl Charge {
    /// Customer-managed keys, of the account that owns them: charged by the month.
    pub const KEYS: Charge = charge("kms-keys", Cost::KmsKeys, Per::Monthly);
    /// Jobs of S3 Batch Operations, of the account that owns the bucket.
    pub const BATCH_JOBS: Charge = charge("s3-batch-jobs", Cost::BatchOperations, Per::One);
    /// Objects of such jobs.
    pub const BATCH_OBJECTS: Charge = charge("s3-batch-objects", Cost::BatchOperations, Per::One);
    /// CloudTrail events × copies beyond the first.
    pub const CLOUDTRAIL_COPIES: Charge = charge("cloudtrail-copies", Cost::CloudTrail, Per::One);
    /// CloudTrail data events × copies.
    pub const DATA_EVENTS: Charge = charge("cloudtrail-data-events", Cost::CloudTrail, Per::One);
    /// Bytes ingested by CloudWatch Logs.
    pub const LOG_BYTES: Charge = charge("logs-ingestion", Cost::Logs, Per::LogUnit);

    /// S3 requests that are charged as an item, of the account that owns the bucket.
    pub const fn s3_requests(item: &'static str) -> Charge {
        charge(item, Cost::S3Requests, Per::One)
    }

    /// Units of the price in a count, of which `scale` times as many are charged as were counted, or of `months` as many
    /// for each month.
    pub(super) fn quantity(
        self,
        count: u64,
        prices: &PriceBook,
        scale: &BigRational,
        months: &BigRational,
    ) -> BigRational {
        let count = BigRational::from_integer(count.into());
        match self.per {
            Per::One => count * scale,
            Per::Monthly => count * months,
            Per::LogUnit => count * scale / prices.bytes_per_log_unit(),
        }
    }
}
