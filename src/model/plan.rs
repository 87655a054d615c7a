//! Everything that the simulation of one variant needs to know, and what of it is only accounted for.

use super::arrivals::LocalClock;
use super::log_group::LogGroup;
use super::request::{CallWithoutQuota, Class, Denial, KmsStep};
use super::retry;
use super::source::bucket_key;
use super::trail::{Delivery, Trails};
use super::workload::{Workload, recurs};
use crate::billing::{Months, PriceBook};
use crate::catalog::{S3OperationRow, s3_operation};
use crate::engine::distribution::Distribution;
use crate::engine::limiter::{Shape, Step};
use std::sync::Arc;

/// Everything the simulation of one variant needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The variant's name.
    pub name: String,
    /// Equal for variants that see the same arrivals.
    pub arrivals_id: String,
    /// How local time follows simulated time.
    pub clock: LocalClock,
    /// Arrivals stop here \[s\].
    pub horizon_s: u64,
    /// Requests that arrive before this are not counted \[s\].
    pub warm_up_s: u64,
    /// Request quotas of KMS, and S3's request rates where they are limited.
    pub quotas: Vec<Quota>,
    /// Kinds of requests.
    pub classes: Vec<Class>,
    /// Needs of the classes.
    pub kms_steps: Vec<KmsStep>,
    /// Why requests of some classes are denied.
    pub denials: Vec<Denial>,
    /// Workloads in file order, then those of log groups.
    pub workloads: Vec<Workload>,
    /// Log groups under a KMS key, in file order.
    pub log_groups: Vec<LogGroup>,
    /// Bucket-key caches, one for each (bucket, KMS key, requester).
    pub bucket_key_caches: Vec<bucket_key::BucketKeyRules>,
    /// Time from a call to KMS's answer.
    pub kms_latency: Arc<Distribution>,
    /// Time from an attempt to its answer when it is throttled.
    pub throttled_latency: Arc<Distribution>,
    /// Time of an S3 request with 0, 1, 2, … KMS calls.
    pub s3_latency: Vec<Arc<Distribution>>,
    /// Time of an application's message with 0, 1, 2, … KMS calls.
    pub app_latency: Vec<Arc<Distribution>>,
    /// Account names.
    pub accounts: Vec<String>,
    /// Region codes.
    pub regions: Vec<String>,
    /// Buckets.
    pub buckets: Vec<BucketInfo>,
    /// KMS keys.
    pub keys: Vec<KmsKey>,
    /// Requester names.
    pub requesters: Vec<String>,
    /// Groups of what is counted together.
    pub groups: Vec<CountedGroup>,
    /// Workloads that share no quota, cache or order with others: simulated apart.
    pub components: Vec<Component>,
    /// How CloudTrail and CloudWatch count.
    pub counting: Counting,
    /// CloudTrail's trails.
    pub trails: Trails,
    /// Prices in force.
    pub prices: PriceBook,
    /// Months by which AWS charges.
    pub months: Months,
}

/// What a group of the scenario gathers: what any of it has to do with counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountedGroup {
    /// Name in the scenario.
    pub name: String,
    /// Indices of [`Plan::buckets`].
    pub buckets: Vec<usize>,
    /// Indices of [`Plan::keys`].
    pub keys: Vec<usize>,
    /// Indices of [`Plan::workloads`], those of log groups among them.
    pub workloads: Vec<usize>,
    /// Indices of [`Plan::requesters`].
    pub requesters: Vec<usize>,
}

/// Workloads that share nothing with others, and what they use: indices of the plan's lists, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Indices of [`Plan::workloads`].
    pub workloads: Vec<usize>,
    /// Their classes, indices of [`Plan::classes`].
    pub classes: Vec<usize>,
    /// What those ask, indices of [`Plan::quotas`].
    pub quotas: Vec<usize>,
    /// What those look up, indices of [`Plan::bucket_key_caches`].
    pub bucket_key_caches: Vec<usize>,
}

impl Component {
    /// The KMS steps of its classes, indices of [`Plan::kms_steps`].
    pub fn kms_steps<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = usize> + 'a {
        let classes = self.classes.iter();
        classes.flat_map(|&c| plan.classes[c].kms_step_range())
    }
}

/// Assumptions about what others count and bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// KMS bills throttled attempts.
    pub throttled_attempts_billed: bool,
    /// CloudTrail logs throttled attempts.
    pub throttled_attempts_logged: bool,
    /// CloudWatch's CallCount holds throttled attempts.
    pub throttled_attempts_in_call_count: bool,
}

impl Plan {
    /// After how many seconds a job recurs: by itself, or with the one that it follows; `None` for one that runs once, and
    /// for what is no job.
    pub fn recurs(&self, workload: usize) -> Option<u64> {
        recurs(&self.workloads, workload)
    }

    /// The KMS steps of a class.
    pub fn kms_steps_of(&self, class: &Class) -> &[KmsStep] {
        &self.kms_steps[class.kms_step_range()]
    }

    /// Accounts that log a KMS step's calls: the caller's, and the key's where it is another.
    pub fn loggers(&self, kms_step: &KmsStep) -> impl Iterator<Item = usize> + use<> {
        let owner = self.keys[kms_step.key].account;
        std::iter::once(kms_step.account).chain(kms_step.both_log().then_some(owner))
    }

    /// Who delivers the KMS events of a KMS step in an account that logs them.
    pub fn kms_deliveries(
        &self,
        kms_step: &KmsStep,
        account: usize,
    ) -> impl Iterator<Item = Delivery> {
        let (region, operation) = (kms_step.region, kms_step.operation);
        self.trails.of_kms(account, region, operation)
    }

    /// Who delivers the event of a denied call that draws on no quota.
    pub fn denial_deliveries(&self, call: &CallWithoutQuota) -> impl Iterator<Item = Delivery> {
        self.trails
            .of_kms(call.account, call.region, call.operation)
    }

    /// Who delivers the data events of a class.
    pub fn data_deliveries(&self, class: &Class) -> impl Iterator<Item = Delivery> {
        let bucket = class.bucket.map(|b| {
            let bucket = &self.buckets[b];
            (b, bucket.account, bucket.region)
        });
        let reads = || s3_operation(&class.operation).is_some_and(S3OperationRow::is_read);
        let deliveries = bucket.map(|bucket| self.trails.of_data(bucket, reads()));
        deliveries.into_iter().flatten()
    }
}

/// One request quota, or a request rate of S3.
#[derive(Clone, Debug)]
pub struct Quota {
    /// `account/region/quota-code[/store]`, or `account/region/s3-reads/bucket[/workload]` and
    /// `…/s3-writes/…`.
    pub name: String,
    /// Who enforces it.
    pub service: retry::Service,
    /// How it is enforced.
    pub shape: Shape,
    /// The limit over time.
    pub steps: Vec<Step>,
}

/// A bucket, for accounting.
#[derive(Clone, Debug)]
pub struct BucketInfo {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// S3 Express One Zone: S3 limits its requests by other rules than by prefix.
    pub is_directory: bool,
}

/// A KMS key, for accounting.
#[derive(Clone, Debug)]
pub struct KmsKey {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// Whether the key itself is charged by the month.
    pub charged: bool,
    /// Whether it lies in a custom key store.
    pub in_key_store: bool,
}
