//! KMS steps: the KMS calls that requests make, with their quotas and what refuses them for a time.

use super::super::access::{CallMade, Caller, Check, RequestKind};
use super::super::key::{KmsKeySettings, ManagedBy};
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, KeySpec, KmsOperation};
use crate::input::diagnostic::{Code, Place};
use crate::input::keyword::Keyword;
use crate::model::{Cause, KmsStep, Refusal, Source};
use crate::units::Span;

impl<'a> PlanBuilder<'a> {
    /// The KMS step of a call that policies allow, be it for some time.
    pub(super) fn allowed_kms_step(
        &mut self,
        (w, s): (usize, &'a WorkloadSettings),
        kind: &RequestKind,
        operation: &str,
        index: usize,
    ) {
        let call = &kind.calls[index];
        let source = if s.service.is_some() {
            self.held_by_service((w, s), kind, (operation, call.need))
        } else if call.bucket.is_some() {
            self.held_by_s3(w, s, call, &kind.caller)
        } else {
            self.client_side(w, s, call.operation)
        };
        let before = self.kms_steps.len();
        self.kms_step(&s.place, (index, call), &kind.caller, source);
        for kms_step in before..self.kms_steps.len() {
            let checks = kind.checks.iter().filter(|c| c.call == Some(index));
            self.refuse_for_a_time(kms_step, checks);
        }
    }

    /// The KMS step of a call that KMS denies, whose class is denied with it; nothing can meet its need, and no cache
    /// comes of it.
    pub(super) fn denied_kms_step(&mut self, place: &Place, kind: &RequestKind, index: usize) {
        let before = self.kms_steps.len();
        let call = (index, &kind.calls[index]);
        self.kms_step(place, call, &kind.caller, Source::Call);
        let added = self.kms_steps[before..].iter_mut();
        added.for_each(|kms_step| kms_step.denied = true);
    }

    /// The KMS step of a call that KMS denies while requests for objects of another kind go on.
    pub(super) fn denied_for_some(
        &mut self,
        place: &Place,
        kind: &RequestKind,
        index: usize,
        denial: usize,
    ) {
        let draws = self.scenario.assumption.denied_calls_consume_quota;
        let before = self.kms_steps.len();
        let call = (index, &kind.calls[index]);
        self.kms_step(place, call, &kind.caller, Source::Call);
        for kms_step in &mut self.kms_steps[before..] {
            kms_step.denial = Some(denial);
            if !draws {
                kms_step.quotas.clear();
            }
            let refusal = Refusal {
                from: 0,
                until: u64::MAX,
                cause: Cause::NoPermission,
                billed: false,
            };
            kms_step.refusals.insert(0, refusal);
        }
    }

    /// Adds a KMS step, unless the key is AWS-owned and counts nothing.
    pub(super) fn kms_step(
        &mut self,
        place: &Place,
        (number, call): (usize, &CallMade),
        caller: &Caller,
        source: Source,
    ) {
        let (operation, key, account) = (call.operation, &call.key, &caller.account);
        let Some((index, _, settings)) = self.scenario.key.get_full(key) else {
            return;
        };
        if settings.managed_by == ManagedBy::AwsOwned {
            return;
        }
        if operation.makes_key_pair() && !self.key_for_pair(place, operation, key, settings) {
            return;
        }
        let spec = call.pair_spec.unwrap_or(settings.spec);
        let Some(row) = catalog::quota_for(operation, spec) else {
            self.fault(
                place,
                Code::ImpossibleOperation,
                format!(
                    "KMS does not support {} with keys of spec {} (`key.{key}`)",
                    operation.name(),
                    spec.name()
                ),
                "name an operation that such a key supports, or another key",
            );
            return;
        };
        let mut quotas = Vec::new();
        if let Some(store) = &settings.key_store
            && let Some(of_store) = self.scenario.key_store.get(store)
            && let Some(store_row) = catalog::custom_key_store_quota(of_store.kind.name())
            && store_row.takes(operation, spec)
        {
            let name = format!(
                "{}/{}/{}/{store}",
                of_store.account,
                of_store.region,
                row.code_or_id()
            );
            quotas.push(self.pool(place, name, store_row, &of_store.region));
        }
        let name = format!("{account}/{}/{}", settings.region, row.code_or_id());
        quotas.push(self.pool(place, name, row, &settings.region));
        let by_operation = || catalog::charged_as(operation, spec);
        let price_item = call.charged_as.unwrap_or_else(by_operation);
        self.kms_steps.push(KmsStep {
            // KMS steps come before their class.
            class: self.classes.len(),
            need: call.need,
            call: number,
            only_for: call.only_for,
            operation,
            key: index,
            account: self.accounts.insert_full(account.clone()).0,
            region: self.regions.insert_full(settings.region.clone()).0,
            quotas,
            source,
            price_item,
            crosses_account: operation.is_on_key() && *account != settings.account,
            denied: false,
            denial: None,
            refusals: self.refusals(settings, &caller.requester),
        });
    }

    /// Whether a key can encrypt the private key of a data key pair: a symmetric one that is in no custom key store (API
    /// reference, GenerateDataKeyPair).
    fn key_for_pair(
        &self,
        place: &Place,
        operation: KmsOperation,
        key: &str,
        settings: &KmsKeySettings,
    ) -> bool {
        let is = match (&settings.key_store, settings.spec) {
            (None, KeySpec::SymmetricDefault) => return true,
            (Some(store), _) => format!("is in the custom key store `{store}`"),
            (None, spec) => format!("is of spec {}", spec.name()),
        };
        self.fault(
            place,
            Code::ImpossibleOperation,
            format!("`key.{key}` {is}, and KMS makes {} under symmetric keys only, in no custom key store", operation.name()),
            "name a symmetric key; the kind of the pair is `key_pair_spec` of the workload",
        );
        false
    }

    /// When KMS refuses a requester's calls on a key: first for lack of permission, then for the key's state.
    pub(super) fn refusals(&self, key: &KmsKeySettings, requester: &str) -> Vec<Refusal> {
        let requester = self.scenario.requester.get(requester);
        let revoked = requester.and_then(|r| r.access_revoked_at);
        let from = |at: Option<Span>, cause| {
            at.map(|at| Refusal {
                from: at.as_ns(),
                until: u64::MAX,
                cause,
                billed: false,
            })
        };
        [
            from(revoked, Cause::NoPermission),
            from(key.pending_deletion_at, Cause::PendingDeletion),
            from(key.disabled_at, Cause::Disabled),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Adds to a KMS step when permissions that it needs are denied.
    pub(super) fn refuse_for_a_time<'c>(
        &mut self,
        kms_step: usize,
        checks: impl Iterator<Item = &'c Check>,
    ) {
        let denied = checks.flat_map(|check| check.denied_between.iter());
        let refusals = denied.map(|range| Refusal {
            from: range.start,
            until: range.end,
            cause: Cause::NoPermission,
            billed: false,
        });
        self.kms_steps[kms_step].refusals.splice(0..0, refusals);
    }
}
