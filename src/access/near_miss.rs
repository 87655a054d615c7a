//! Why a request is refused, statement by statement: what denies it, and what nearly allowed it; and the context
//! keys that an answer rests on though the request does not carry them.
//!
//! Asked only for what is shown: a decision needs none of it.

use super::condition::Condition;
use super::context::ContextValue;
use super::decision::{Decision, Outcome, Policies};
use super::policy::{Effect, Policy, PolicyKind, Statement};
use super::principal::Principal;
use super::request::Request;

/// A condition, put to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionAsked {
    /// `StringEquals`, `ForAnyValue:ArnLike`, …
    pub operator: String,
    /// Context key, as the policy writes it.
    pub key: String,
    /// What the policy compares it with, any of them.
    pub wanted: Vec<String>,
    /// What the request has under the key; `None`: it has no such key.
    pub actual: Option<ContextValue>,
    /// Whether it holds.
    pub holds: bool,
}

/// A statement that has to do with a refusal: a Deny that applies, or an Allow on what was asked that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Kind of its policy.
    pub kind: PolicyKind,
    /// Name of its policy.
    pub policy: String,
    /// Its `Sid`, else `statement 3`.
    pub statement: String,
    /// Denies, or would have allowed.
    pub effect: Effect,
    /// Whether it means the principal.
    pub principal_matches: bool,
    /// Whom it means, as far as it has principals: as written, `not …` under `NotPrincipal`.
    pub principals: Vec<String>,
    /// Whether it means the resource.
    pub resource_matches: bool,
    /// What it means, as written: `not …` under `NotResource`.
    pub resources: Vec<String>,
    /// All of its conditions.
    pub conditions: Vec<ConditionAsked>,
}

impl NearMiss {
    /// How many of its parts stand between it and the request.
    pub fn failed(&self) -> usize {
        let conditions = self.conditions.iter().filter(|c| !c.holds).count();
        usize::from(!self.principal_matches) + usize::from(!self.resource_matches) + conditions
    }
}

/// A context key that decides whether a statement applies, and that the request does not carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMissed {
    /// Kind of the policy.
    pub kind: PolicyKind,
    /// Name of the policy.
    pub policy: String,
    /// `Sid`, else `statement 3`.
    pub statement: String,
    /// Allows or denies.
    pub effect: Effect,
    /// The key, as the policy writes it.
    pub key: String,
}

impl<'a> Policies<'a> {
    /// The policies that are asked about a request, each with its kind; of an organization only the levels that
    /// `level` chooses.
    fn asked(
        &self,
        request: &Request,
        level: impl Fn(PolicyKind, &str) -> bool,
    ) -> Vec<(PolicyKind, &'a Policy)> {
        let is_service = matches!(request.principal, Principal::Service(_));
        let mut all = Vec::new();
        let control = [
            (PolicyKind::ResourceControl, self.resource_control),
            (PolicyKind::ServiceControl, self.service_control),
        ];
        for (kind, levels) in control {
            if kind == PolicyKind::ServiceControl && is_service {
                continue;
            }
            let levels = levels.iter().filter(|l| level(kind, l.name));
            all.extend(levels.flat_map(|l| l.policies.iter().map(move |&p| (kind, p))));
        }
        let resource = PolicyKind::of_resource(&request.resource.service);
        all.extend(self.resource.map(|p| (resource, p)));
        all.extend(self.identity.iter().map(|&p| (PolicyKind::Identity, p)));
        all.extend(self.boundary.map(|p| (PolicyKind::Boundary, p)));
        all.extend(self.session.map(|p| (PolicyKind::Session, p)));
        all
    }
}

/// The statements behind a refusal: of an explicit one the Denies that apply, else the Allows on the same action
/// that would have mattered, those with the least in the way first. Empty for what is allowed.
pub fn near_misses(
    request: &Request,
    policies: Policies<'_>,
    decision: &Decision,
) -> Vec<NearMiss> {
    let effect = match decision.outcome {
        Outcome::Allow => return Vec::new(),
        Outcome::ExplicitDeny => Effect::Deny,
        Outcome::ImplicitDeny => Effect::Allow,
    };
    let bounded = policies.boundary.is_some();
    let is_silent = |kind: PolicyKind, level: &str| {
        let mut silent = decision.silent_levels.iter();
        effect == Effect::Deny || silent.any(|(k, name)| *k == kind && name == level)
    };
    let resource = PolicyKind::of_resource(&request.resource.service);
    let matters = |kind: PolicyKind| {
        effect == Effect::Deny
            || decision.lacking.contains(&kind)
            // In one account a grant by the resource policy would do as well.
            || kind == resource && decision.lacking.contains(&PolicyKind::Identity)
    };
    let mut found = Vec::new();
    for (kind, policy) in policies.asked(request, is_silent) {
        if !matters(kind) {
            continue;
        }
        for (i, statement) in policy.statements.iter().enumerate() {
            if statement.effect != effect || !statement.is_about_action(request) {
                continue;
            }
            let near = near_miss(kind, policy, i, request, bounded);
            let is_near = match effect {
                Effect::Deny => near.failed() == 0,
                Effect::Allow => near.failed() > 0 && (near.resource_matches || near.failed() == 1),
            };
            if is_near {
                found.push(near);
            }
        }
    }
    found.sort_by_key(|near| (!near.principal_matches, near.failed()));
    found
}

fn near_miss(
    kind: PolicyKind,
    policy: &Policy,
    index: usize,
    request: &Request,
    bounded: bool,
) -> NearMiss {
    let statement = &policy.statements[index];
    NearMiss {
        kind,
        policy: policy.name.clone(),
        statement: policy.label(index),
        effect: statement.effect,
        principal_matches: statement.means(&request.principal, bounded).is_some(),
        principals: statement.principals_written(),
        resource_matches: statement.is_about_resource(request),
        resources: statement.resources_written(),
        conditions: asked(statement, request),
    }
}

/// The conditions of a statement, put to a request.
fn asked(statement: &Statement, request: &Request) -> Vec<ConditionAsked> {
    let conditions = statement.conditions.iter();
    let asked = conditions.map(|condition| ConditionAsked {
        operator: condition.operator.to_string(),
        key: condition.key.clone(),
        wanted: condition.values.clone(),
        actual: request.context.get(&condition.key).cloned(),
        holds: condition.holds(&request.context),
    });
    asked.collect()
}

/// The keys that a request does not carry and on which its answer rests: those of a statement on its action,
/// resource and principal of which all other conditions hold, and that would turn the answer if they brought the
/// statement to apply, or to apply no longer. `open`: whether a key that the request does not carry might have
/// a value; what it says no to is absent for good. `looks_at`: the statements of a policy that are looked at.
pub fn keys_missed(
    request: &Request,
    policies: Policies<'_>,
    decision: &Decision,
    open: impl Fn(&str) -> bool,
    looks_at: impl Fn(&Policy, usize) -> bool,
) -> Vec<KeyMissed> {
    let bounded = policies.boundary.is_some();
    let is_open = |c: &&Condition| request.context.get(&c.key).is_none() && open(&c.key);
    let mut found = Vec::new();
    for (kind, policy) in policies.asked(request, |_, _| true) {
        for (i, statement) in policy.statements.iter().enumerate() {
            let conditions = || statement.conditions.iter();
            // What is cheap and mostly says no comes first.
            if !looks_at(policy, i)
                || !statement.is_about_action(request)
                || statement.means(&request.principal, bounded).is_none()
                || !statement.is_about_resource(request)
                || !conditions().any(|c| is_open(&c))
            {
                continue;
            }
            let holds = |c: &Condition| c.holds(&request.context);
            if !conditions().filter(|c| !is_open(c)).all(holds) {
                continue;
            }
            let would_turn = match (statement.effect, conditions().all(holds)) {
                (Effect::Allow, true) | (Effect::Deny, false) => Outcome::Allow,
                (Effect::Allow, false) => Outcome::ImplicitDeny,
                (Effect::Deny, true) => Outcome::ExplicitDeny,
            };
            if decision.outcome != would_turn {
                continue;
            }
            for condition in conditions().filter(is_open) {
                let missed = KeyMissed {
                    kind,
                    policy: policy.name.clone(),
                    statement: policy.label(i),
                    effect: statement.effect,
                    key: condition.key.clone(),
                };
                // Several conditions may be on one key.
                if !found.contains(&missed) {
                    found.push(missed);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
