//! Kinds of requests and the KMS calls that each of them needs.

use super::refusal::{Cause, Refusal};
use super::retry::AnswerForm;
use super::source::{OnlyFor, Source};
use crate::catalog::{KmsOperation, S3Tier};

/// A kind of request.
#[derive(Clone, Debug)]
pub struct Class {
    /// Index of [`Plan::workloads`](crate::model::Plan::workloads).
    pub workload: usize,
    /// `PutObject`, another service's `SendMessage`, or a KMS operation's name for applications.
    pub operation: String,
    /// The bucket; `None` for applications.
    pub bucket: Option<usize>,
    /// Index of [`Plan::requesters`](crate::model::Plan::requesters).
    pub requester: usize,
    /// Price tier of the S3 request; `None` for applications.
    pub tier: Option<S3Tier>,
    /// Whether its client sends it to S3 or another service, which calls KMS: where that is throttled, the whole request is
    /// tried again, and looks all that it needs up anew.
    pub by_service: bool,
    /// Storage class by which S3 charges for it; `None` for applications.
    pub storage_class: Option<&'static str>,
    /// Price item of the S3 request; `None` where S3 charges nothing, and for applications.
    pub price_item: Option<&'static str>,
    /// S3's request rate that each try draws on before KMS is called, index of [`Plan::quotas`](crate::model::Plan::quotas); `None`: it is
    /// not limited.
    pub request_rate: Option<usize>,
    /// What its client can read in an answer that throttles it.
    pub answer: AnswerForm,
    /// First of the class's KMS steps.
    pub first_kms_step: usize,
    /// Number of KMS steps; steps for objects of either kind share a need.
    pub kms_steps: usize,
    /// Number of needs, 0 to [`MAX_NEEDS`]: the most KMS calls that one of its requests makes in a try.
    pub needs: usize,
    /// Why all its requests are denied, index of [`Plan::denials`](crate::model::Plan::denials); `None`: they are allowed. S3 decides before
    /// it calls KMS, so that they have no KMS steps; where KMS denies a call, that call is the last KMS step.
    pub denial: Option<usize>,
}

impl Class {
    /// Its KMS steps, indices of [`Plan::kms_steps`](crate::model::Plan::kms_steps).
    pub fn kms_step_range(&self) -> std::ops::Range<usize> {
        self.first_kms_step..self.first_kms_step + self.kms_steps
    }
}

/// Why requests are denied.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The statement that denies them, or the permission that is missing.
    pub name: String,
    /// Whether S3 bills them; an application's are none of S3's business.
    pub billed: bool,
    /// The KMS call that was denied, where it draws on no quota and so has no KMS step: CloudTrail logs it.
    pub call_without_quota: Option<CallWithoutQuota>,
}

/// A KMS call that draws on no quota.
#[derive(Clone, Copy, Debug)]
pub struct CallWithoutQuota {
    /// The operation.
    pub operation: KmsOperation,
    /// The calling account, index of [`Plan::accounts`](crate::model::Plan::accounts).
    pub account: usize,
    /// Index of [`Plan::regions`](crate::model::Plan::regions).
    pub region: usize,
}

/// Most KMS operations that one request may need.
pub const MAX_NEEDS: usize = 4;

/// One KMS operation that the requests of a class need, or those of them that are for objects of one kind.
#[derive(Clone, Debug)]
pub struct KmsStep {
    /// Index of [`Plan::classes`](crate::model::Plan::classes).
    pub class: usize,
    /// Which of the class's needs it is for: two steps of one need are for objects of different kinds.
    pub need: usize,
    /// Which of the calls on the class's list it is.
    pub call: usize,
    /// The requests that it is for; `None`: all.
    pub only_for: Option<OnlyFor>,
    /// The operation.
    pub operation: KmsOperation,
    /// Index of [`Plan::keys`](crate::model::Plan::keys).
    pub key: usize,
    /// The calling account, which is charged; index of [`Plan::accounts`](crate::model::Plan::accounts).
    pub account: usize,
    /// Index of [`Plan::regions`](crate::model::Plan::regions).
    pub region: usize,
    /// Quotas an attempt needs room in, the store's own before the account's.
    pub quotas: Vec<usize>,
    /// What can meet the need without a call.
    pub source: Source,
    /// Price item of an admitted attempt.
    pub price_item: &'static str,
    /// Whether the key belongs to another account, so that both log the call.
    pub crosses_account: bool,
    /// Whether KMS answers AccessDenied, and its class is denied; only the caller's account logs that.
    pub denied: bool,
    /// Why KMS denies it while requests for objects of another kind go on: what they are counted under, index of
    /// [`Plan::denials`](crate::model::Plan::denials).
    pub denial: Option<usize>,
    /// When KMS refuses it for the time being, or from some time on; at one instant the first of them that
    /// is in force is the answer.
    pub refusals: Vec<Refusal>,
}

impl KmsStep {
    /// Whether a request waits for a bucket key that another one fetches.
    pub fn has_single_flight(&self) -> bool {
        let bucket_keys = self.source.bucket_keys();
        bucket_keys.is_some_and(|uses| uses.single_flight)
    }

    /// Whether the key's owner logs its calls too.
    pub fn both_log(&self) -> bool {
        self.crosses_account && !self.denied
    }

    /// Whether what becomes of a need depends on the time or on which requests came before, so that
    /// the requests of its class cannot simply be counted.
    pub fn has_memory(&self) -> bool {
        self.only_for.is_some() || !self.refusals.is_empty() || !self.source.is_call()
    }

    /// Whether its calls draw on no quota, are not charged and are none that counts: denied ones, where a scenario
    /// chooses that. CloudTrail logs them.
    pub fn is_only_logged(&self) -> bool {
        self.denial.is_some() && self.quotas.is_empty()
    }

    /// Why KMS refuses it at an instant \[ns\].
    pub fn refused_at(&self, at: u64) -> Option<Cause> {
        let in_force = |r: &&Refusal| (r.from..r.until).contains(&at);
        self.refusals.iter().find(in_force).map(|r| r.cause)
    }
}
