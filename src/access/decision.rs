//! The decision on a request, from all policies that have a say.
//!
//! 1. An explicit Deny in any policy ends it.
//! 2. Resource and service control policies, where there are any, must allow.
//! 3. In one account an Allow of the bucket policy or of the identity policies will do; across accounts it
//!    takes both. KMS trusts IAM only where the key policy says so: identity policies count if the key policy
//!    allows the account, and nothing counts without the key policy.
//! 4. Permissions boundary and session policy must allow as well, but for what a resource policy of the same
//!    account grants to a user or session by name, or to `*` under a condition on `aws:PrincipalArn`; a grant to
//!    `*` without one is limited by the session policy.
//! 5. A service is let in by the resource policy alone. The root user of an account needs no identity policy.
//!
//! Source: IAM User Guide, policy evaluation logic; KMS Developer Guide, key policies (2026-11).

use super::policy::{Effect, Policy, PolicyKind};
use super::principal::{Meant, Principal};
use super::request::Request;
use std::fmt;

/// The policies that have a say. `None` and empty lists are policies that do not exist, which is not the
/// same as policies that allow nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Attached to the user or role.
    pub identity: &'a [&'a Policy],
    /// Permissions boundary of the user or role.
    pub boundary: Option<&'a Policy>,
    /// Of the session.
    pub session: Option<&'a Policy>,
    /// Service control policies of the principal's account.
    pub service_control: &'a [&'a Policy],
    /// Resource control policies of the resource's account.
    pub resource_control: &'a [&'a Policy],
    /// Bucket policy or key policy.
    pub resource: Option<&'a Policy>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It is allowed.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing denies it, but an Allow that it needs is missing.
    ImplicitDeny,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Allow => "allow",
            Outcome::ExplicitDeny => "explicit deny",
            Outcome::ImplicitDeny => "implicit deny",
        })
    }
}

/// What the policies of one kind say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyVerdict {
    /// There are none.
    Absent,
    /// None has a statement on the request.
    Silent,
    /// A statement allows the account of the principal: whom its identity policies let.
    AllowsAccount,
    /// A statement allows it.
    Allows,
    /// A statement denies it.
    Denies,
}

/// A statement that has to do with the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// PolicyKind of its policy.
    pub kind: PolicyKind,
    /// Name of its policy.
    pub policy: String,
    /// Its `Sid`, else `statement 3`.
    pub statement: String,
    /// Allows or denies.
    pub effect: Effect,
    /// How it means the principal.
    pub meant: Meant,
}

/// The decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub outcome: Outcome,
    /// Whether principal and resource belong to different accounts.
    pub crosses_account: bool,
    /// What each kind of policy says, in the order in which AWS asks.
    pub verdicts: Vec<(PolicyKind, PolicyVerdict)>,
    /// Statements that have to do with it, in the same order.
    pub matched: Vec<Matched>,
    /// The policies that would have to allow it and do not; empty if it is allowed or denied explicitly.
    pub lacking: Vec<PolicyKind>,
}

impl Decision {
    /// The first statement that denies it.
    pub fn denied_by(&self) -> Option<&Matched> {
        self.matched.iter().find(|m| m.effect == Effect::Deny)
    }

    /// What policies of a kind say.
    pub fn verdict(&self, kind: PolicyKind) -> PolicyVerdict {
        let found = self.verdicts.iter().find(|(k, _)| *k == kind);
        found.map_or(PolicyVerdict::Absent, |(_, verdict)| *verdict)
    }
}

/// Decides on a request.
pub fn decide(request: &Request, policies: Policies<'_>) -> Decision {
    Deciding {
        request,
        policies,
        matched: Vec::new(),
        verdicts: Vec::new(),
        granted: None,
    }
    .decide()
}

struct Deciding<'a> {
    request: &'a Request,
    policies: Policies<'a>,
    matched: Vec<Matched>,
    verdicts: Vec<(PolicyKind, PolicyVerdict)>,
    /// How the resource policy's most direct Allow means the principal.
    granted: Option<Meant>,
}

impl Deciding<'_> {
    fn decide(mut self) -> Decision {
        let p = self.policies;
        let is_service = matches!(self.request.principal, Principal::Service(_));
        let resource_kind = if self.request.resource.service == "kms" {
            PolicyKind::Key
        } else {
            PolicyKind::Bucket
        };
        self.ask(PolicyKind::ResourceControl, p.resource_control);
        if !is_service {
            self.ask(PolicyKind::ServiceControl, p.service_control);
        }
        self.ask(resource_kind, p.resource.as_slice());
        self.ask(PolicyKind::Identity, p.identity);
        self.ask(PolicyKind::Boundary, p.boundary.as_slice());
        self.ask(PolicyKind::Session, p.session.as_slice());
        let lacking = if is_service {
            self.service(resource_kind)
        } else {
            self.identity(resource_kind)
        };
        let denied = self.matched.iter().any(|m| m.effect == Effect::Deny);
        let outcome = match (denied, lacking.is_empty()) {
            (true, _) => Outcome::ExplicitDeny,
            (false, true) => Outcome::Allow,
            (false, false) => Outcome::ImplicitDeny,
        };
        Decision {
            outcome,
            crosses_account: self.crosses_account(),
            verdicts: self.verdicts,
            matched: self.matched,
            lacking: if denied { Vec::new() } else { lacking },
        }
    }

    /// What the policies of one kind say.
    fn ask(&mut self, kind: PolicyKind, policies: &[&Policy]) {
        let bounded = self.policies.boundary.is_some();
        let mut verdict = if policies.is_empty() {
            PolicyVerdict::Absent
        } else {
            PolicyVerdict::Silent
        };
        for policy in policies {
            for (i, statement) in policy.statements.iter().enumerate() {
                let Some(meant) = statement.applies(self.request, bounded) else {
                    continue;
                };
                verdict = verdict.max(match (statement.effect, meant) {
                    (Effect::Deny, _) => PolicyVerdict::Denies,
                    (Effect::Allow, Meant::ByAccount) => PolicyVerdict::AllowsAccount,
                    (Effect::Allow, _) => PolicyVerdict::Allows,
                });
                if statement.effect == Effect::Allow
                    && matches!(kind, PolicyKind::Bucket | PolicyKind::Key)
                {
                    self.granted = self.granted.max(Some(meant));
                }
                self.matched.push(Matched {
                    kind,
                    policy: policy.name.clone(),
                    statement: policy.label(i),
                    effect: statement.effect,
                    meant,
                });
            }
        }
        self.verdicts.push((kind, verdict));
    }

    fn crosses_account(&self) -> bool {
        let account = self.request.principal.account();
        account.is_some_and(|account| account != self.request.resource_account)
    }

    /// Whether policies of a kind allow it, as far as Denies elsewhere are no matter.
    fn allows(&self, kind: PolicyKind) -> bool {
        let allows = |m: &Matched| m.kind == kind && m.effect == Effect::Allow;
        self.matched.iter().any(allows)
    }

    /// Whether policies that can only limit let it through.
    fn lets(&self, kind: PolicyKind) -> bool {
        let absent = (kind, PolicyVerdict::Absent);
        self.allows(kind) || self.verdicts.contains(&absent)
    }

    fn limits(&self, kinds: &[PolicyKind]) -> Vec<PolicyKind> {
        kinds
            .iter()
            .copied()
            .filter(|&kind| !self.lets(kind))
            .collect()
    }

    /// What a service lacks.
    fn service(&self, resource: PolicyKind) -> Vec<PolicyKind> {
        let mut lacking = self.limits(&[PolicyKind::ResourceControl]);
        // The root of an account stands for no service, so that an Allow means it by name or by `*`.
        if self.granted.is_none() {
            lacking.push(resource);
        }
        lacking
    }

    /// What an AWS principal lacks.
    fn identity(&self, resource: PolicyKind) -> Vec<PolicyKind> {
        let mut lacking = self.limits(&[PolicyKind::ResourceControl, PolicyKind::ServiceControl]);
        let directly = self.granted.is_some_and(|meant| meant > Meant::ByAccount);
        let mut by_identity = Vec::new();
        if !self.allows(PolicyKind::Identity) && !self.request.principal.is_root() {
            by_identity.push(PolicyKind::Identity);
        }
        by_identity.extend(self.limits(&[PolicyKind::Boundary, PolicyKind::Session]));
        if self.crosses_account() {
            if self.granted.is_none() {
                lacking.push(resource);
            }
            lacking.extend(by_identity);
            return lacking;
        }
        if resource == PolicyKind::Key && self.granted.is_none() {
            by_identity.insert(0, PolicyKind::Key);
        }
        if directly {
            let by_resource = self.limits(self.limits_of_a_grant());
            // Two ways in: that with less in the way.
            if by_resource.len() < by_identity.len() {
                by_identity = by_resource;
            }
        }
        lacking.extend(by_identity);
        lacking
    }

    /// The policies that limit what a resource policy of the same account grants; the more directly it means
    /// the principal, the fewer.
    fn limits_of_a_grant(&self) -> &'static [PolicyKind] {
        match self.granted {
            Some(Meant::ByName) => &[],
            Some(Meant::ByWildcard) => &[PolicyKind::Session],
            Some(Meant::ByRole | Meant::ByAccount) | None => {
                &[PolicyKind::Boundary, PolicyKind::Session]
            }
        }
    }
}

#[cfg(test)]
mod tests;
