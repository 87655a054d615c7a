//! A permission that was asked for, and why it is missing.

use super::explanation::{Permission, StatementMatched};
use super::refusal::{effect, key_missing, near_statement};
use crate::access::decision::{Matched, PolicyVerdict};
use crate::access::principal::Meant;
use crate::access::{Decision, Outcome, PolicyKind, Principal};
use crate::scenario::access::{Access, Check};

pub(super) fn permission(access: &Access<'_>, check: &Check) -> Permission {
    let decision = &check.decision;
    let said = decision.verdicts.iter().filter_map(|&(kind, verdict)| {
        let says = match verdict {
            PolicyVerdict::Absent => return None,
            PolicyVerdict::Silent => "silent",
            PolicyVerdict::AllowsAccount => "allows the account",
            PolicyVerdict::Allows => "allows",
            PolicyVerdict::Denies => "denies",
        };
        Some((kind.name(), says))
    });
    let statement = |m: &Matched| StatementMatched {
        effect: effect(m.effect),
        kind: m.kind.name(),
        policy: m.policy.clone(),
        statement: m.statement.clone(),
        principal: match m.meant {
            Meant::ByName => "by name",
            Meant::ByRole => "by its role",
            Meant::ByAccount => "by its account",
            Meant::ByWildcard => "as anyone",
        },
    };
    let is_refused = decision.outcome != Outcome::Allow || !check.denied_between.is_empty();
    Permission {
        action: check.request.action.clone(),
        resource: check.request.resource.to_string(),
        outcome: decision.outcome.to_string(),
        crosses_account: decision.crosses_account,
        policies: said.collect(),
        statements: decision.matched.iter().map(statement).collect(),
        near_misses: access
            .near_misses(check)
            .into_iter()
            .map(near_statement)
            .collect(),
        rests_on: access
            .keys_missed(check)
            .into_iter()
            .map(key_missing)
            .collect(),
        silent_levels: decision
            .silent_levels
            .iter()
            .map(|(_, name)| name.clone())
            .collect(),
        context: is_refused.then(|| {
            let keys = check.request.context.as_written();
            keys.map(|(key, value)| (key.to_owned(), value.clone()))
                .collect()
        }),
    }
}

/// "role reports needs kms:Decrypt on key ledger: key policy allows, identity policy does not".
pub(super) fn reason(check: &Check) -> String {
    let (decision, action): (&Decision, &str) = (&check.decision, &check.request.action);
    let on = check.on.replacen('.', " ", 1);
    if let Some(by) = decision.denied_by() {
        return format!(
            "{action} on {on} is denied by {} of the {} {}",
            by.statement,
            by.kind.name(),
            by.policy
        );
    }
    let says = |&(kind, verdict): &(PolicyKind, PolicyVerdict)| {
        let says = match verdict {
            _ if decision.lacking.contains(&kind) => {
                return Some(format!(
                    "{}{} does not",
                    kind.name(),
                    silent_at(decision, kind)
                ));
            }
            PolicyVerdict::Absent | PolicyVerdict::Silent | PolicyVerdict::Denies => return None,
            PolicyVerdict::AllowsAccount => "leaves it to IAM policies",
            PolicyVerdict::Allows => "allows",
        };
        Some(format!("{} {says}", kind.name()))
    };
    let said: Vec<String> = decision.verdicts.iter().filter_map(says).collect();
    format!(
        "{} needs {action} on {on}: {}",
        who(&check.request.principal),
        said.join(", ")
    )
}

/// " of organizational unit sandbox": the levels on which no policy of a kind allows it.
fn silent_at(decision: &Decision, kind: PolicyKind) -> String {
    let silent = decision.silent_levels.iter().filter(|(k, _)| *k == kind);
    let names: Vec<&str> = silent.map(|(_, name)| name.as_str()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" of {}", names.join(", of "))
    }
}

/// "role reports", "user alice", "logging.s3.amazonaws.com".
fn who(principal: &Principal) -> String {
    match principal.arn() {
        Some(arn) => arn.resource.replacen('/', " ", 1),
        None => principal.to_string(),
    }
}
