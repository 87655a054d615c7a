//! Classes of requests that need the same, and what denies them.

use super::super::access::{Check, NO_TLS};
use super::super::bucket::BucketKind;
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, KmsOperation, S3OperationRow, S3Tier, StorageClass};
use crate::input::diagnostic::Code;
use crate::model::{CallWithoutQuota, Cause, Class, Denial, MAX_KMS_STEPS};

impl<'a> PlanBuilder<'a> {
    pub(super) fn class(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> usize {
        let first_kms_step = self.kms_steps.len();
        let (mut tier, mut price_item, mut request_rate) = (None, None, None);
        let checks = self.access.checks(s, operation, requester);
        let refused = checks.last().filter(|check| check.refusal.is_some());
        let mut denial = refused.map(|check| self.denial(s, check, requester));
        if s.bucket.is_some() {
            if let Some(row) = catalog::s3_operation(operation) {
                tier = Some(row.billing);
                price_item = self.storage_class(w, s, row).and_then(|c| c.item(row));
                request_rate = row
                    .request_rate
                    .and_then(|rate| self.request_rate(w, s, rate));
                if refused.is_none() && self.access.needs_tls(s, row) {
                    denial = Some(self.named_denial(NO_TLS.to_owned(), s, requester));
                }
                // Needs before the one that KMS denies are met; S3 asks KMS for nothing that it denies itself.
                let upto = match (refused, denial) {
                    (None, None) => row.needs.len(),
                    (Some(check), _) => check.need.map_or(0, |need| need + 1),
                    (None, Some(_)) => 0,
                };
                let denied = refused.and_then(|c| c.need);
                for (need, kms_steps) in self.s3_kms_steps(w, s, row, requester, upto, denied) {
                    for kms_step in kms_steps {
                        let of_need = checks.iter().filter(|c| c.need == Some(need));
                        self.refuse_for_a_time(kms_step, of_need);
                        if let Some(item) = &row.kms_charged_as {
                            self.kms_steps[kms_step].price_item = item;
                        }
                    }
                }
            }
        } else if let Ok(op) = operation.parse::<KmsOperation>() {
            self.direct_kms_step(w, s, op, requester, denial.is_some());
            for kms_step in first_kms_step..self.kms_steps.len() {
                self.refuse_for_a_time(kms_step, checks.iter());
            }
        }
        for kms_step in first_kms_step..self.kms_steps.len() {
            let caller = self.accounts[self.kms_steps[kms_step].account].clone();
            let billed = self.bills_denials(s, &caller);
            let refusals = self.kms_steps[kms_step].refusals.iter_mut();
            refusals
                .filter(|r| r.cause == Cause::NoPermission)
                .for_each(|r| r.billed = billed);
        }
        let class = Class {
            workload: w,
            operation: operation.to_owned(),
            bucket: s
                .bucket
                .as_ref()
                .and_then(|b| self.scenario.bucket.get_index_of(b)),
            requester: self.requesters.insert_full(requester.to_owned()).0,
            tier,
            price_item,
            request_rate,
            first_kms_step,
            kms_steps: self.kms_steps.len() - first_kms_step,
            denial,
        };
        debug_assert!(class.kms_steps <= MAX_KMS_STEPS);
        self.classes.push(class);
        self.classes.len() - 1
    }

    /// The storage class by which S3 charges for a request: that of its object, for a transition the one it leads to.
    fn storage_class(
        &self,
        w: usize,
        s: &WorkloadSettings,
        row: &S3OperationRow,
    ) -> Option<&'static StorageClass> {
        let bucket = self.scenario.bucket.get(s.bucket.as_deref()?)?;
        let name = self.workload_name(w);
        let moves = row.billing == S3Tier::Transition;
        if bucket.kind == BucketKind::Directory {
            if moves {
                self.fault(
                    &s.place,
                    Code::ImpossibleOperation,
                    format!("`workload.{name}` moves objects of a directory bucket to another storage class: lifecycle rules do not"),
                    "name a general purpose bucket, or drop LifecycleTransition",
                );
            }
            return catalog::storage_class(catalog::EXPRESS);
        }
        if moves {
            let to = s.transition_to.as_deref();
            if to.is_none() {
                self.fault(
                    &s.place,
                    Code::NoDefault,
                    format!("`workload.{name}` moves objects without saying into which storage class, and one costs up to ten times as much as another"),
                    "write `transition_to = \"…\"`, for example \"STANDARD_IA\" or \"DEEP_ARCHIVE\"",
                );
            }
            return catalog::storage_class(to?);
        }
        let class =
            catalog::storage_class(s.storage_class.as_deref().unwrap_or(catalog::STANDARD))?;
        if row.billing == S3Tier::Tier2 && row.class_price.is_some() && !class.is_readable() {
            self.fault(
                &s.place,
                Code::ImpossibleOperation,
                format!("`workload.{name}` has {} on objects of storage class {}, which S3 serves only once they are restored", row.id, class.id),
                "name another `storage_class`; restored copies are read at the prices of STANDARD",
            );
        }
        Some(class)
    }

    /// What a refused request is counted under.
    pub(super) fn denial(&mut self, s: &WorkloadSettings, check: &Check, requester: &str) -> usize {
        let name = check.refusal.clone().unwrap_or_default();
        let denial = self.named_denial(name, s, requester);
        if !self.scenario.assumption.denied_calls_consume_quota {
            self.denials[denial].call_without_quota = self.call_without_quota(check, requester);
        }
        denial
    }

    /// A KMS call that is denied and draws on no quota.
    pub(super) fn call_without_quota(
        &mut self,
        check: &Check,
        requester: &str,
    ) -> Option<CallWithoutQuota> {
        let key = self.scenario.key.get(check.on.strip_prefix("key.")?)?;
        let account = self.caller(requester, &key.account);
        Some(CallWithoutQuota {
            operation: check.operation?,
            account: self.accounts.insert_full(account).0,
            region: self.regions.insert_full(key.region.clone()).0,
        })
    }

    /// S3 bills what it denies to the owner's own organization (S3 User Guide, billing of error codes).
    pub(super) fn bills_denials(&self, s: &WorkloadSettings, caller: &str) -> bool {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        bucket.is_some_and(|b| self.access.same_organization(caller, &b.account))
    }

    /// The denial of that name, of the workload's requests.
    pub(super) fn named_denial(
        &mut self,
        name: String,
        s: &WorkloadSettings,
        requester: &str,
    ) -> usize {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        let billed = bucket.is_some_and(|bucket| {
            let caller = self.caller(requester, &bucket.account);
            self.bills_denials(s, &caller)
        });
        let denial = Denial {
            name: name.clone(),
            billed,
            call_without_quota: None,
        };
        // One statement can deny those inside and outside of the organization.
        let key = format!("{name} {billed}");
        let entry = self.denials.entry(key);
        let index = entry.index();
        entry.or_insert(denial);
        index
    }
}
