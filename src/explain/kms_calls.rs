//! The KMS calls of a request: what could serve them, which quotas they draw on, what CloudTrail logs of them.

use super::case::Case;
use super::explanation::{KmsCall, QuotaDrawnOn, RefusedCall};
use crate::access::arn::Arn;
use crate::catalog::KmsOperation;
use crate::cloudtrail::{KmsAnswer, call_of, call_without_quota};
use crate::engine::limiter::Limiter;
use crate::engine::random::Key;
use crate::model::{Cause, KmsStep, Refusal};
use crate::scenario::Variant;
use crate::scenario::access::Access;
use crate::scenario::workload::WorkloadSettings;
use crate::units::Span;
use serde_json::Value;

/// A variant, and whom to ask what its requests may do.
pub(super) struct Explainer<'a> {
    pub(super) variant: &'a Variant,
    pub(super) access: Access<'a>,
}

impl Explainer<'_> {
    fn key_arn(&self, kms_step: &KmsStep) -> Option<Arn> {
        let key = self.variant.scenario.key.get_index(kms_step.key)?.1;
        Some(self.access.key_arn(key))
    }

    /// The KMS calls of a class of a workload, or of a log group, in a case.
    pub(super) fn calls(
        &self,
        s: Option<&WorkloadSettings>,
        class_index: usize,
        case: &Case,
    ) -> Vec<KmsCall> {
        let plan = &self.variant.plan;
        let class = &plan.classes[class_index];
        let refused = |r: &Refusal| RefusedCall {
            from: Span::from_ns(r.from),
            until: (r.until < u64::MAX).then(|| Span::from_ns(r.until)),
            answer: r.cause.kms_error(),
            client_gets: match (class.tier, s.map(|s| &s.service)) {
                (Some(_), _) => r.cause.s3_answer().to_owned(),
                (None, Some(Some(of))) => {
                    format!("what {} makes of {}", of.row.name, r.cause.kms_error())
                }
                (None, Some(None)) => format!("400 {}", r.cause.kms_error()),
                (None, None) if class.operation == KmsOperation::Decrypt.name() => {
                    "no log events: the query fails".to_owned()
                }
                (None, None) => "nothing: log events are lost".to_owned(),
            },
        };
        let call = |kms_step: &KmsStep| KmsCall {
            operation: kms_step.operation.name().to_owned(),
            kms_key: self
                .key_arn(kms_step)
                .map(|arn| arn.to_string())
                .unwrap_or_default(),
            encryption_context: self.variant.requests()[kms_step.class].calls[kms_step.call]
                .encryption_context
                .clone(),
            account: plan.accounts[kms_step.account].clone(),
            cache: match s {
                Some(s) => {
                    let settings = &self.variant.plan.bucket_key_caches;
                    kms_step.source.words(settings, &s.client_caches)
                }
                None if kms_step.operation == KmsOperation::GenerateDataKey => {
                    let lifetime = self
                        .variant
                        .scenario
                        .assumption
                        .log_stream_data_key_lifetime;
                    Some(format!("the log stream's data key, for {lifetime}"))
                }
                None => None,
            },
            quotas: kms_step
                .quotas
                .iter()
                .map(|&q| self.quota(q, class.workload))
                .collect(),
            answer: match kms_step.refused_at(0) {
                _ if kms_step.denied => Cause::NoPermission.kms_error(),
                Some(cause) => cause.kms_error(),
                None => "success",
            },
            refusals: kms_step
                .refusals
                .iter()
                .filter(|_| kms_step.denial.is_none())
                .map(refused)
                .collect(),
        };
        let kms_steps = case.kms_steps(plan.kms_steps_of(class));
        let denied = call_without_quota(&self.access, self.variant, class_index, None);
        let kind = &self.variant.requests()[class_index];
        let denied = denied.map(|call| KmsCall {
            operation: call.operation.name().to_owned(),
            kms_key: call.key.to_string(),
            encryption_context: call.encryption_context,
            account: kind.caller.account.clone(),
            cache: None,
            quotas: Vec::new(),
            answer: Cause::NoPermission.kms_error(),
            refusals: Vec::new(),
        });
        kms_steps.into_iter().map(call).chain(denied).collect()
    }

    pub(super) fn quota(&self, q: usize, workload: usize) -> QuotaDrawnOn {
        let plan = &self.variant.plan;
        let quota = &plan.quotas[q];
        let draws = |w: usize| {
            let mut classes = plan.classes.iter().filter(|c| c.workload == w);
            classes.any(|c| {
                let mut kms_steps = self.variant.plan.kms_steps_of(c).iter();
                c.request_rate == Some(q) || kms_steps.any(|kms_step| kms_step.quotas.contains(&q))
            })
        };
        let others = (0..plan.workloads.len()).filter(|&w| w != workload && draws(w));
        QuotaDrawnOn {
            name: quota.name.clone(),
            per_second: Limiter::new(quota.shape, &quota.steps).per_second(0),
            shared_with: others.map(|w| plan.workloads[w].name.clone()).collect(),
        }
    }

    /// What CloudTrail logs of its KMS calls in a case, at the start of the scenario.
    pub(super) fn events(&self, class_index: usize, case: &Case) -> Vec<Value> {
        let class = &self.variant.plan.classes[class_index];
        let start = self.variant.scenario.start.parse::<jiff::ZonedDateTime>();
        let Ok(at) = start.map(|zoned| zoned.timestamp()) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        let kms_steps = case.kms_steps(self.variant.plan.kms_steps_of(class));
        for (i, kms_step) in kms_steps.into_iter().enumerate() {
            let Some(key) = self.key_arn(kms_step) else {
                continue;
            };
            let answer = if kms_step.denied {
                KmsAnswer::Denied
            } else {
                match kms_step.refused_at(0) {
                    None => KmsAnswer::Granted,
                    Some(Cause::NoPermission) => KmsAnswer::Denied,
                    Some(Cause::Disabled) => KmsAnswer::Disabled,
                    Some(Cause::PendingDeletion) => KmsAnswer::PendingDeletion,
                }
            };
            let call = call_of(&self.access, self.variant, kms_step, &key, None, answer);
            records.extend(call.records(at, Key::root(0, i as u64).named(&class.operation)));
        }
        let denied = call_without_quota(&self.access, self.variant, class_index, None);
        records.extend(denied.into_iter().flat_map(|call| {
            let key = Key::root(0, u64::MAX).named(&class.operation);
            call.records(at, key)
        }));
        records
    }
}
