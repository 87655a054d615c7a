//! What stands behind a refusal, statement by statement, and which context keys an answer rests on: as fields, and
//! as lines of at most [`WIDTH`] columns where names allow it.

use super::explanation::{ConditionPut, KeyMissing, NearStatement, Permission};
use crate::access::near_miss::{ConditionAsked, KeyMissed, NearMiss};
use crate::access::{ContextValue, Effect};
use crate::catalog;

/// Most statements that the text shows; JSON has all.
const SHOWN: usize = 3;

/// Columns that a line has, from the heading on.
const WIDTH: usize = 66;

pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    }
}

pub(super) fn near_statement(near: NearMiss) -> NearStatement {
    let condition = |asked: ConditionAsked| ConditionPut {
        operator: asked.operator,
        key: asked.key,
        wanted: asked.wanted,
        actual: asked.actual,
        holds: asked.holds,
    };
    NearStatement {
        effect: effect(near.effect),
        kind: near.kind.name(),
        policy: near.policy,
        statement: near.statement,
        principal_matches: near.principal_matches,
        principals: near.principals,
        resource_matches: near.resource_matches,
        resources: near.resources,
        conditions: near.conditions.into_iter().map(condition).collect(),
    }
}

pub(super) fn key_missing(missed: KeyMissed) -> KeyMissing {
    KeyMissing {
        key: missed.key,
        effect: effect(missed.effect),
        kind: missed.kind.name(),
        policy: missed.policy,
        statement: missed.statement,
    }
}

/// Whether a policy is one that AWS attaches, whose statements go without saying.
pub(super) fn is_of_aws(policy: &str) -> bool {
    policy.starts_with("aws/") || catalog::implicit_policy(policy).is_some()
}

/// The lines on a permission: heading and text.
pub(super) fn lines(p: &Permission) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for near in p.near_misses.iter().take(SHOWN) {
        let heading = if near.effect == "Deny" {
            "denied by"
        } else {
            "near miss"
        };
        let mut texts = statement(near).into_iter();
        lines.extend(texts.next().map(|text| (heading, text)));
        lines.extend(texts.map(|text| ("", text)));
    }
    if let more @ 1.. = p.near_misses.len().saturating_sub(SHOWN) {
        lines.push(("", format!("and {more} more: --format json has them all")));
    }
    for (i, missing) in p.rests_on.iter().enumerate() {
        let heading = if i == 0 { "rests on" } else { "" };
        lines.push((
            heading,
            format!("{}, which the request does not carry", missing.key),
        ));
        lines.push((
            "",
            format!(
                "  {} of the {} {}",
                missing.statement, missing.kind, missing.policy
            ),
        ));
    }
    for (i, (key, value)) in p.context.iter().flatten().enumerate() {
        let heading = if i == 0 { "context" } else { "" };
        lines.push((heading, format!("{key} = {}", shown(value))));
    }
    lines
}

/// A statement and why it does not apply; for a Deny, why it does.
fn statement(near: &NearStatement) -> Vec<String> {
    let named = if is_of_aws(&near.policy) {
        format!("{} {}, AWS's own", near.kind, near.policy)
    } else {
        format!("{} of the {} {}", near.statement, near.kind, near.policy)
    };
    let mut lines = vec![named];
    if !near.principal_matches {
        lines.push("  does not mean the principal, but".to_owned());
        lines.extend(few(&near.principals));
    }
    if !near.resource_matches {
        lines.push("  does not mean the resource, but".to_owned());
        lines.extend(few(&near.resources));
    }
    let of_deny = near.effect == "Deny";
    let asked = near.conditions.iter().filter(|c| of_deny || !c.holds);
    lines.extend(asked.flat_map(condition));
    lines
}

/// The first of a list, and how many more there are.
fn few(names: &[String]) -> impl Iterator<Item = String> {
    let more = names.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("    and {more} more"));
    let first = names.iter().take(SHOWN);
    first.map(|name| format!("    {name}")).chain(rest)
}

/// A condition: what it wants of the key, and what the request has.
fn condition(c: &ConditionPut) -> Vec<String> {
    let wanted = c.wanted.join(", ");
    let actual = match &c.actual {
        Some(value) => shown(value),
        None => "nothing: the request has no such key".to_owned(),
    };
    let verb = if c.holds { "holds" } else { "fails" };
    let mut lines = vec![format!("  {} of {} {verb}", c.operator, c.key)];
    let both = format!("    wants {wanted}; gets {actual}");
    if both.len() <= WIDTH {
        lines.push(both);
    } else {
        lines.push(format!("    wants {wanted}"));
        lines.push(format!("    gets  {actual}"));
    }
    lines
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Single(value) if value.is_empty() => "(an empty text)".to_owned(),
        ContextValue::Single(value) => value.clone(),
        ContextValue::Several(values) => format!("[{}]", values.join(", ")),
    }
}
