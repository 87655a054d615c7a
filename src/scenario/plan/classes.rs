//! Classes of requests that need the same, and what denies them.

use super::super::access::{Check, RequestKind, SSE_S3_ONLY};
use super::super::bucket::BucketKind;
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, S3OperationRow, S3Tier, StorageClass};
use crate::input::diagnostic::Code;
use crate::model::retry::AnswerForm;
use crate::model::{CallWithoutQuota, Cause, Class, Denial, KmsStep, MAX_NEEDS};

impl<'a> PlanBuilder<'a> {
    pub(super) fn class(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> usize {
        let first_kms_step = self.kms_steps.len();
        let kind = self.request_kind(w, s, operation, requester);
        let (mut tier, mut storage_class, mut request_rate) = (None, None, None);
        let mut price_item = None;
        let mut answer = AnswerForm::WithCode;
        if s.bucket.is_some()
            && let Some(row) = catalog::s3_operation(operation)
        {
            tier = Some(row.billing);
            answer = AnswerForm::of(row);
            storage_class = self.storage_class(w, s, row);
            price_item = storage_class.and_then(|c| c.item(row));
            request_rate = row
                .request_rate
                .and_then(|rate| self.request_rate(w, s, rate));
        }
        // S3 asks KMS for nothing that it denies itself.
        let denial = match kind.s3_refusal() {
            Some(check) => Some(self.denial(s, &kind, check)),
            None => match kind.refused {
                Some(why) => Some(self.refused_by_s3(why, s, &kind)),
                None => self.kms_steps_of(w, s, &kind, operation),
            },
        };
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
            by_service: s.bucket.is_some() || s.service.is_some(),
            storage_class: storage_class.map(|c| c.id.as_str()),
            price_item,
            request_rate,
            answer,
            first_kms_step,
            kms_steps: self.kms_steps.len() - first_kms_step,
            needs: needs(&self.kms_steps[first_kms_step..]),
            denial,
        };
        debug_assert!(class.needs <= MAX_NEEDS);
        self.classes.push(class);
        self.keep_open(operation, kind);
        self.classes.len() - 1
    }

    /// What a workload's requests for an operation are. Requesters that only a trace names differ in nothing but their
    /// names where the file has no policies, and a trace may have a million of them: then it is found once.
    fn request_kind(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> RequestKind {
        let (of, kinds) = &mut self.open_kinds;
        if *of != w {
            (*of, *kinds) = (w, Vec::new());
        }
        let is_open = !self.scenario.requester.contains_key(requester);
        let known = kinds.iter().position(|(known, _)| known == operation);
        if let Some(known) = known.filter(|_| is_open) {
            let mut kind = kinds.swap_remove(known).1;
            requester.clone_into(&mut kind.caller.requester);
            return kind;
        }
        self.access.request_kind(s, operation, requester)
    }

    /// Keeps what requests are for another requester whom no policy tells from this one.
    fn keep_open(&mut self, operation: &str, kind: RequestKind) {
        let is_open = !self.scenario.requester.contains_key(&kind.caller.requester)
            && kind.checks.iter().all(|check| check.refusal.is_none())
            && !self.access.has_policies();
        if is_open {
            self.open_kinds.1.push((operation.to_owned(), kind));
        }
    }

    /// What S3 refuses by itself; of what it does not even deliver, nobody is billed.
    fn refused_by_s3(&mut self, why: &str, s: &WorkloadSettings, kind: &RequestKind) -> usize {
        let denial = self.named_denial(why.to_owned(), s, kind, None);
        if why == SSE_S3_ONLY {
            self.denials[denial].billed = false;
        }
        denial
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

    /// The KMS steps of a kind of request, up to the need that all of its requests are denied; the denial where that
    /// is one for all of them.
    fn kms_steps_of(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        kind: &RequestKind,
        operation: &str,
    ) -> Option<usize> {
        let draws = self.scenario.assumption.denied_calls_consume_quota;
        let mut some_denied = false;
        for need in 0..kind.needs() {
            let calls: Vec<usize> = kind.calls_of(need).collect();
            let refusals: Vec<&Check> = calls.iter().filter_map(|&c| kind.refusal(c)).collect();
            let all_denied = refusals.len() == calls.len();
            let one_reason = refusals.windows(2).all(|r| r[0].refusal == r[1].refusal);
            let one_step = draws || calls.len() == 1;
            if all_denied
                && let Some(check) = refusals.first()
                && one_reason
                && one_step
                && !some_denied
            {
                if draws {
                    for &call in &calls {
                        self.denied_kms_step(&s.place, kind, call);
                    }
                }
                return Some(self.denial(s, kind, check));
            }
            for &call in &calls {
                match kind.refusal(call) {
                    None => self.allowed_kms_step((w, s), kind, operation, call),
                    Some(check) => {
                        let name = check.refusal.clone().unwrap_or_default();
                        let denial = self.named_denial(name, s, kind, None);
                        self.denied_for_some(&s.place, kind, call, denial);
                        some_denied = true;
                    }
                }
            }
            if all_denied && !calls.is_empty() {
                return None;
            }
        }
        None
    }

    /// What refused requests are counted under.
    pub(super) fn denial(
        &mut self,
        s: &WorkloadSettings,
        kind: &RequestKind,
        check: &Check,
    ) -> usize {
        let name = check.refusal.clone().unwrap_or_default();
        let draws = self.scenario.assumption.denied_calls_consume_quota;
        let call = (!draws)
            .then(|| self.call_without_quota(kind, check))
            .flatten();
        self.named_denial(name, s, kind, call)
    }

    /// A KMS call that is denied and draws on no quota.
    fn call_without_quota(
        &mut self,
        kind: &RequestKind,
        check: &Check,
    ) -> Option<CallWithoutQuota> {
        let call = kind.calls.get(check.call?)?;
        let key = self.scenario.key.get(&call.key)?;
        Some(CallWithoutQuota {
            operation: call.operation,
            account: self.accounts.insert_full(kind.caller.account.clone()).0,
            region: self.regions.insert_full(key.region.clone()).0,
        })
    }

    /// S3 bills what it denies to the owner's own organization (S3 User Guide, billing of error codes).
    pub(super) fn bills_denials(&self, s: &WorkloadSettings, caller: &str) -> bool {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        bucket.is_some_and(|b| self.access.same_organization(caller, &b.account))
    }

    /// The denial of that name, of the workload's requests; `call`: the KMS call that was denied, where it draws on no
    /// quota.
    pub(super) fn named_denial(
        &mut self,
        name: String,
        s: &WorkloadSettings,
        kind: &RequestKind,
        call: Option<CallWithoutQuota>,
    ) -> usize {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        let billed = bucket.is_some() && self.bills_denials(s, &kind.caller.account);
        let denial = Denial {
            name: name.clone(),
            billed,
            call_without_quota: call,
        };
        // One statement can deny those inside and outside of the organization, some by S3 and some by KMS.
        let key = format!("{name} {billed} {call:?}");
        let entry = self.denials.entry(key);
        let index = entry.index();
        entry.or_insert(denial);
        index
    }
}

/// How many needs there are among the KMS steps of a class.
fn needs(kms_steps: &[KmsStep]) -> usize {
    kms_steps.last().map_or(0, |kms_step| kms_step.need + 1)
}
