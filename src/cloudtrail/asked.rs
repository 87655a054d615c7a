//! The KMS call of a step, as its class's list of calls has it.

use super::kms_call::{Call, KmsAnswer};
use super::record::Origin;
use crate::access::ContextValue;
use crate::access::arn::Arn;
use crate::catalog::KeySpec;
use crate::model::{Class, KmsStep};
use crate::scenario::Variant;
use crate::scenario::access::{Access, CallMade};
use std::collections::BTreeMap;

/// The encryption context of a call, with an object that was drawn in place of the one that policies see: both by name.
fn encryption_context(
    call: &CallMade,
    object: Option<(&str, String)>,
) -> BTreeMap<String, ContextValue> {
    let mut pairs = call.encryption_context.clone();
    if let Some((seen, drawn)) = object.filter(|_| call.names_object) {
        for value in pairs.values_mut() {
            if let ContextValue::Single(arn) = value
                && let Some(bucket) = arn.strip_suffix(seen).and_then(|b| b.strip_suffix('/'))
            {
                *arn = format!("{bucket}/{drawn}");
            }
        }
    }
    pairs
}

/// The kind of a key, by its name.
fn spec_of(variant: &Variant, key: &str) -> KeySpec {
    let key = variant.scenario.key.get(key);
    key.map(|settings| settings.spec).unwrap_or_default()
}

/// Where the requests of a class come from.
pub(super) fn origin_of<'v>(variant: &'v Variant, class: &Class) -> Origin<'v> {
    let workload = variant.scenario.workload.get_index(class.workload);
    workload.map_or_else(Origin::default, |(_, s)| Origin::of(&s.context))
}

/// A call of a KMS step on a key; `object`: that which policies see, and that which it is for.
pub(crate) fn call_of<'k>(
    access: &Access<'_>,
    variant: &'k Variant,
    kms_step: &KmsStep,
    key: &'k Arn,
    object: Option<(&str, String)>,
    answer: KmsAnswer,
) -> Call<'k> {
    let kind = &variant.requests()[kms_step.class];
    let call = &kind.calls[kms_step.call];
    Call {
        operation: call.operation,
        principal: &kind.principal,
        caller: access.account_id(&kind.caller.account),
        key,
        key_alias: call.key_alias.as_deref(),
        spec: call
            .pair_spec
            .unwrap_or_else(|| spec_of(variant, &call.key)),
        origin: origin_of(variant, &variant.plan.classes[kms_step.class]),
        invoked_by: call.invoked_by(),
        encryption_context: encryption_context(call, object),
        answer,
    }
}

/// The KMS call for which all requests of a class are denied, where it draws on no quota and so has no KMS step;
/// `object` as of [`call_of`].
pub(crate) fn call_without_quota<'v>(
    access: &Access<'_>,
    variant: &'v Variant,
    class: usize,
    object: Option<(&str, String)>,
) -> Option<Call<'v>> {
    let denial = variant.plan.classes[class].denial?;
    variant.plan.denials[denial].call_without_quota?;
    let kind = &variant.requests()[class];
    let check = kind.checks.last()?;
    let made = kind.calls.get(check.call?)?;
    Some(Call {
        operation: made.operation,
        principal: &kind.principal,
        caller: access.account_id(&kind.caller.account),
        key: &check.request.resource,
        key_alias: made.key_alias.as_deref(),
        spec: made
            .pair_spec
            .unwrap_or_else(|| spec_of(variant, &made.key)),
        origin: origin_of(variant, &variant.plan.classes[class]),
        invoked_by: made.invoked_by(),
        encryption_context: encryption_context(made, object),
        answer: KmsAnswer::Denied,
    })
}
