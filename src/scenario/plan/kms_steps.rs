//! KMS steps: the KMS operations that a request needs, with their quotas and what refuses them for a time.

use super::super::access::Check;
use super::super::key::{KmsKeySettings, ManagedBy};
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, KmsOperation};
use crate::input::diagnostic::{Code, Place};
use crate::input::keyword::Keyword;
use crate::model::{Cause, KmsStep, Refusal, Source};
use crate::units::Span;

impl PlanBuilder<'_> {
    /// A call that KMS denies; nothing can meet its need, and no cache comes of it.
    pub(super) fn denied_kms_step(
        &mut self,
        s: &WorkloadSettings,
        operation: KmsOperation,
        key: &str,
        caller: (&str, &str),
    ) {
        if self.scenario.assumption.denied_calls_consume_quota {
            let before = self.kms_steps.len();
            self.kms_step(&s.place, operation, key, caller, Source::Call);
            self.kms_steps[before..]
                .iter_mut()
                .for_each(|kms_step| kms_step.denied = true);
        }
    }

    pub(super) fn direct_kms_step(
        &mut self,
        w: usize,
        s: &WorkloadSettings,
        operation: KmsOperation,
        requester: &str,
        denied: bool,
    ) {
        let Some(key) = s.key.clone() else { return };
        let Some(settings) = self.scenario.key.get(&key) else {
            return;
        };
        let account = self.caller(requester, &settings.account);
        let caller = (account.as_str(), requester);
        if denied {
            self.denied_kms_step(s, operation, &key, caller);
            return;
        }
        let source = self.client_side(w, s, operation);
        self.kms_step(&s.place, operation, &key, caller, source);
    }

    /// Adds a KMS step, unless the key is AWS-owned and counts nothing.
    pub(super) fn kms_step(
        &mut self,
        place: &Place,
        operation: KmsOperation,
        key: &str,
        (account, requester): (&str, &str),
        source: Source,
    ) {
        let Some((index, _, settings)) = self.scenario.key.get_full(key) else {
            return;
        };
        if settings.managed_by == ManagedBy::AwsOwned {
            return;
        }
        let Some(row) = catalog::quota_for(operation, settings.spec) else {
            self.fault(
                place,
                Code::ImpossibleOperation,
                format!(
                    "KMS does not support {} with keys of spec {} (`key.{key}`)",
                    operation.name(),
                    settings.spec.name()
                ),
                "name an operation that such a key supports, or another key",
            );
            return;
        };
        let mut quotas = Vec::new();
        if let Some(store) = &settings.key_store
            && let Some(of_store) = self.scenario.key_store.get(store)
            && let Some(store_row) = catalog::custom_key_store_quota(of_store.kind.name())
            && store_row.takes(operation, settings.spec)
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
        let price_item = catalog::charged_as(operation, settings.spec);
        self.kms_steps.push(KmsStep {
            // KMS steps come before their class.
            class: self.classes.len(),
            operation,
            key: index,
            account: self.accounts.insert_full(account.to_owned()).0,
            region: self.regions.insert_full(settings.region.clone()).0,
            quotas,
            source,
            price_item,
            crosses_account: account != settings.account,
            denied: false,
            refusals: self.refusals(settings, requester),
        });
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
