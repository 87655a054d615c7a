//! The decision on a request, from all policies that have a say.
//!
//! 1. An explicit Deny in any policy ends it.
//! 2. Resource and service control policies, where there are any, must allow on every level: root,
//!    organizational units, account.
//! 3. In one account an Allow of the bucket policy or of the identity policies will do; across accounts it
//!    takes both. KMS trusts IAM only where the key policy says so: identity policies count if the key policy
//!    allows the account, and nothing counts without the key policy.
//! 4. Permissions boundary and session policy must allow as well, but for what a resource policy of the same
//!    account grants to a user or session by name, or to `*` under a condition on `aws:PrincipalArn`; a grant to
//!    `*` without one is limited by the session policy.
//! 5. A service is let in by the resource policy alone. The root user of an account needs no identity policy.
//!    A federated user has what the session policy allows: without one, only what is granted to it by name.
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
    /// Service control policies over the principal's account, level by level.
    pub service_control: &'a [Level<'a>],
    /// Resource control policies over the resource's account, level by level.
    pub resource_control: &'a [Level<'a>],
    /// Bucket policy or key policy.
    pub resource: Option<&'a Policy>,
}

/// The root of an organization, an organizational unit or an account: one of the policies attached to it must
/// allow what is asked. Nothing is added: FullAWSAccess is in the list where it is attached.
#[derive(Clone, Copy, Debug)]
pub struct Level<'a> {
    /// What it is called in explanations.
    pub name: &'a str,
    /// Attached to it.
    pub policies: &'a [&'a Policy],
}

impl<'a> Level<'a> {
    /// An account as the only level that has policies; `None` without policies.
    pub fn account(policies: &'a [&'a Policy]) -> Option<Level<'a>> {
        let name = "account";
        (!policies.is_empty()).then_some(Level { name, policies })
    }
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
    /// The levels of an organization on which no policy of a kind allows it.
    pub silent_levels: Vec<(PolicyKind, String)>,
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
        silent_levels: Vec::new(),
        granted: None,
    }
    .decide()
}

struct Deciding<'a> {
    request: &'a Request,
    policies: Policies<'a>,
    matched: Vec<Matched>,
    verdicts: Vec<(PolicyKind, PolicyVerdict)>,
    silent_levels: Vec<(PolicyKind, String)>,
    /// How the resource policy's most direct Allow means the principal.
    granted: Option<Meant>,
}

impl Deciding<'_> {
    fn decide(mut self) -> Decision {
        let p = self.policies;
        let is_service = matches!(self.request.principal, Principal::Service(_));
        let resource_kind = PolicyKind::of_resource(&self.request.resource.service);
        self.ask_levels(PolicyKind::ResourceControl, p.resource_control);
        if !is_service {
            self.ask_levels(PolicyKind::ServiceControl, p.service_control);
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
            silent_levels: self.silent_levels,
        }
    }

    /// What the policies of one kind say.
    fn ask(&mut self, kind: PolicyKind, policies: &[&Policy]) {
        let verdict = self.verdict(kind, policies);
        self.verdicts.push((kind, verdict));
    }

    /// What the policies of one kind say that limit an organization: a Deny on any level, else the least that
    /// one of the levels says.
    fn ask_levels(&mut self, kind: PolicyKind, levels: &[Level<'_>]) {
        let mut least = None;
        let mut denies = false;
        for level in levels {
            let before = self.matched.len();
            let verdict = self.verdict(kind, level.policies);
            denies |= verdict == PolicyVerdict::Denies;
            let mut matched = self.matched[before..].iter();
            if !matched.any(|m| m.effect == Effect::Allow) {
                self.silent_levels.push((kind, level.name.to_owned()));
            }
            let verdict = verdict.max(PolicyVerdict::Silent);
            least = Some(least.map_or(verdict, |least: PolicyVerdict| least.min(verdict)));
        }
        let verdict = if denies {
            PolicyVerdict::Denies
        } else {
            least.unwrap_or(PolicyVerdict::Absent)
        };
        self.verdicts.push((kind, verdict));
    }

    /// What policies of one kind say together.
    fn verdict(&mut self, kind: PolicyKind, policies: &[&Policy]) -> PolicyVerdict {
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
        verdict
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
        if matches!(
            kind,
            PolicyKind::ServiceControl | PolicyKind::ResourceControl
        ) {
            return self.silent_levels.iter().all(|(silent, _)| *silent != kind);
        }
        // A session of a role may do without a session policy, one of a federated user may not.
        let needed = kind == PolicyKind::Session && self.request.principal.is_federated_user();
        let absent = (kind, PolicyVerdict::Absent);
        self.allows(kind) || (self.verdicts.contains(&absent) && !needed)
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
