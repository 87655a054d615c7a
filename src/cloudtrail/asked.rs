//! What the requests of a class are asked for, by whom, and what their KMS calls have in common.

use super::kms_call::{Call, KmsAnswer};
use crate::access::Principal;
use crate::access::arn::Arn;
use crate::catalog::{KeySpec, KmsOperation};
use crate::model::{Class, KmsStep};
use crate::scenario::Variant;
use crate::scenario::access::{Access, Check, REQUESTER};

/// What the requests of a class are asked for.
pub(crate) fn checks<'a>(access: &Access<'a>, variant: &'a Variant, class: &Class) -> Vec<Check> {
    let plan = &variant.plan;
    if let Some((_, settings)) = variant.scenario.workload.get_index(class.workload) {
        let requester = plan.requesters.get(class.requester);
        let requester = requester.map_or(REQUESTER, String::as_str);
        return access.checks(settings, &class.operation, requester);
    }
    let mut groups = plan.log_groups.iter();
    let group = groups.find(|g| g.workloads.contains(&class.workload));
    let settings = group.and_then(|g| variant.scenario.log_group.get_key_value(&g.name));
    let mut checks = settings.map_or_else(Vec::new, |(name, s)| access.log_group(name, s));
    checks.retain(|c| c.operation.is_some_and(|o| o.name() == class.operation));
    checks
}

/// Who sends the requests of a class.
pub(crate) fn principal(
    access: &Access<'_>,
    variant: &Variant,
    class: &Class,
    checks: &[Check],
) -> Principal {
    // Operations that no policy is asked about have a caller all the same.
    if let Some(check) = checks.iter().rfind(|c| c.need.is_none()).or(checks.first()) {
        return check.request.principal.clone();
    }
    let plan = &variant.plan;
    let requester = plan.requesters.get(class.requester);
    let kms_steps = plan.kms_steps_of(class);
    let account = kms_steps
        .first()
        .map(|l| l.account)
        .or(class.bucket.map(|b| plan.buckets[b].account));
    let account = account.map_or("", |a| plan.accounts[a].as_str());
    access.principal(requester.map_or(REQUESTER, String::as_str), account, "")
}

/// The encryption context that a service adds to an operation, as policies see it.
pub(super) fn encryption_context(
    checks: &[Check],
    operation: KmsOperation,
) -> Option<(&'static str, String)> {
    let of = |check: &Check| {
        ["aws:s3:arn", "aws:logs:arn"].into_iter().find_map(|name| {
            let context = &check.request.context;
            let value = context.single(&format!("kms:EncryptionContext:{name}"))?;
            Some((name, value.to_owned()))
        })
    };
    let same = |c: &&Check| c.operation == Some(operation);
    let own = checks.iter().filter(same).find_map(of);
    own.or_else(|| checks.iter().find_map(of))
}

/// A context for an object that was drawn in place of the one that policies see.
pub(super) fn of_object(
    (name, arn): (&'static str, String),
    object: Option<(&str, String)>,
) -> (&'static str, String) {
    let drawn = object.and_then(|(seen, drawn)| {
        let bucket = arn.strip_suffix(seen)?.strip_suffix('/')?;
        Some(format!("{bucket}/{drawn}"))
    });
    (name, drawn.unwrap_or(arn))
}

/// What is the same in all calls of a KMS step.
pub(crate) struct CallOf<'k> {
    operation: KmsOperation,
    caller: String,
    key: &'k Arn,
    spec: KeySpec,
    by_s3: bool,
    encryption_context: Option<(&'static str, String)>,
}

impl<'k> CallOf<'k> {
    /// One of them; `object`: that which policies see, and that which it is for.
    pub fn with(
        self,
        principal: &'k Principal,
        object: Option<(&str, String)>,
        answer: KmsAnswer,
    ) -> Call<'k> {
        Call {
            operation: self.operation,
            principal,
            caller: self.caller,
            key: self.key,
            spec: self.spec,
            by_s3: self.by_s3,
            encryption_context: self.encryption_context.map(|c| of_object(c, object)),
            answer,
        }
    }
}

/// The kind of a key, by its number in the plan.
fn spec_of(variant: &Variant, key: usize) -> KeySpec {
    let key = variant.scenario.key.get_index(key);
    key.map(|(_, settings)| settings.spec).unwrap_or_default()
}

/// The calls of a KMS step on a key.
pub(crate) fn call_of<'k>(
    access: &Access<'_>,
    variant: &Variant,
    kms_step: &KmsStep,
    key: &'k Arn,
    checks: &[Check],
) -> CallOf<'k> {
    CallOf {
        operation: kms_step.operation,
        caller: access.account_id(&variant.plan.accounts[kms_step.account]),
        key,
        spec: spec_of(variant, kms_step.key),
        by_s3: variant.plan.classes[kms_step.class].bucket.is_some(),
        encryption_context: encryption_context(checks, kms_step.operation),
    }
}
