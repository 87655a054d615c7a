//! A policy: its statements, and which of them have to do with a request.

use super::kind::PolicyKind;
use crate::access::arn::ResourcePattern;
use crate::access::condition::Condition;
use crate::access::context::Context;
use crate::access::pattern::{Pattern, Syntax};
use crate::access::principal::{Meant, Principal, PrincipalEntry};
use crate::access::request::Request;
use std::ops::Range;

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it is attached to.
    pub kind: PolicyKind,
    /// What it is called in explanations: its file.
    pub name: String,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// `Sid`, if it has one.
    pub sid: Option<String>,
    /// Allows or denies.
    pub effect: Effect,
    /// Place in the document \[bytes\].
    pub range: Range<usize>,
    pub(super) principals: Option<Not<Vec<PrincipalEntry>>>,
    pub(super) actions: Not<Vec<Pattern>>,
    pub(super) resources: Not<Vec<Resource>>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Not<T> {
    pub(super) not: bool,
    pub(super) of: T,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resource {
    All,
    Arn(Box<ResourcePattern>),
}

impl Statement {
    /// Whether it has to do with a request, and how it means its principal: `None` if not, and
    /// [`Meant::ByName`] where a policy has no principals.
    ///
    /// `bounded`: the principal has a permissions boundary. A Deny with `NotPrincipal` then hits it
    /// whomever it excepts (IAM User Guide, permissions boundaries).
    pub fn applies(&self, request: &Request, bounded: bool) -> Option<Meant> {
        if !self.is_about_action(request) {
            return None;
        }
        let meant = self.means(&request.principal, bounded)?;
        if !self.is_about_resource(request) {
            return None;
        }
        let mut conditions = self.conditions.iter();
        conditions
            .all(|c| c.holds(&request.context))
            .then(|| self.directly(meant))
    }

    /// How it means whom it means as `meant`, once its conditions hold: what `*` grants under a condition on
    /// `aws:PrincipalArn` neither boundaries nor session policies limit (IAM User Guide, how enforcement code
    /// evaluates requests).
    fn directly(&self, meant: Meant) -> Meant {
        let by_element = self.principals.as_ref().is_some_and(|p| !p.not);
        let names = self.conditions.iter().any(Condition::names_principals);
        if meant == Meant::ByWildcard && by_element && names {
            Meant::ByName
        } else {
            meant
        }
    }

    /// Whether `Action` or `NotAction` means what is asked for.
    pub fn is_about_action(&self, request: &Request) -> bool {
        self.means_action(&request.action)
    }

    /// Whether `Action` or `NotAction` means an action; neither has variables.
    pub(super) fn means_action(&self, action: &str) -> bool {
        let context = Context::new();
        let means = |pattern: &Pattern| pattern.matches(action, &context);
        self.actions.of.iter().any(means) != self.actions.not
    }

    /// Whether `Resource` or `NotResource` means what it is asked of.
    pub fn is_about_resource(&self, request: &Request) -> bool {
        let resource = |resource: &Resource| match resource {
            Resource::All => true,
            Resource::Arn(arn) => arn.matches(&request.resource, &request.context),
        };
        self.resources.of.iter().any(resource) != self.resources.not
    }

    /// Whom `Principal` names, or `NotPrincipal` after `not `; empty where a policy has no principals.
    pub fn principals_written(&self) -> Vec<String> {
        let not = |p: &Not<Vec<PrincipalEntry>>| if p.not { "not " } else { "" };
        let of = |p: &Not<Vec<PrincipalEntry>>| {
            let entries = p.of.iter();
            entries.map(|entry| format!("{}{entry}", not(p))).collect()
        };
        self.principals.as_ref().map(of).unwrap_or_default()
    }

    /// What `Resource` names, or `NotResource` after `not `.
    pub fn resources_written(&self) -> Vec<String> {
        let not = if self.resources.not { "not " } else { "" };
        let resources = self.resources.of.iter();
        let written = resources.map(|resource| match resource {
            Resource::All => format!("{not}*"),
            Resource::Arn(arn) => format!("{not}{arn}"),
        });
        written.collect()
    }

    /// Whether it allows everything to everybody, whatever the request brings along.
    pub(super) fn allows_all_to_anyone(&self) -> bool {
        let all = |pattern: &Pattern| pattern.is_any();
        let anyone =
            |of: &Not<Vec<PrincipalEntry>>| !of.not && of.of.contains(&PrincipalEntry::Anyone);
        self.effect == Effect::Allow
            && self.conditions.is_empty()
            && self.principals.as_ref().is_none_or(anyone)
            && !self.actions.not
            && self.actions.of.iter().any(all)
            && !self.resources.not
            && self.resources.of.contains(&Resource::All)
    }

    /// Whether and how `Principal` or `NotPrincipal` means a principal; `bounded` as of [`Statement::applies`].
    pub fn means(&self, principal: &Principal, bounded: bool) -> Option<Meant> {
        let Some(principals) = &self.principals else {
            return Some(Meant::ByName);
        };
        let meant = principals.of.iter().filter_map(|e| e.means(principal));
        if !principals.not {
            return meant.max();
        }
        let excepted = match self.effect {
            Effect::Allow => meant.max().is_some(),
            // The root of an account among the exceptions excepts nobody else of that account.
            Effect::Deny => !bounded && meant.max() > Some(Meant::ByAccount),
        };
        (!excepted).then_some(Meant::ByWildcard)
    }
}

impl Policy {
    /// Whether one of its statements allows anything to anyone.
    pub fn allows_something(&self) -> bool {
        self.statements.iter().any(|s| s.effect == Effect::Allow)
    }

    /// A policy that allows everything, to these accounts where the kind has principals.
    pub fn allow_all(kind: PolicyKind, accounts: &[&str]) -> Policy {
        let entries = accounts
            .iter()
            .map(|&id| PrincipalEntry::Account(id.to_owned()));
        let any = Syntax {
            wildcards: true,
            variables: false,
            fold: true,
        };
        Policy {
            kind,
            name: "default".to_owned(),
            statements: vec![Statement {
                sid: None,
                effect: Effect::Allow,
                range: 0..0,
                principals: kind.has_principals().then(|| Not {
                    not: false,
                    of: entries.collect(),
                }),
                actions: Not {
                    not: false,
                    of: vec![Pattern::new("*", any)],
                },
                resources: Not {
                    not: false,
                    of: vec![Resource::All],
                },
                conditions: Vec::new(),
            }],
        }
    }

    /// What a statement is called: its `Sid`, else `statement 3`.
    pub fn label(&self, statement: usize) -> String {
        let sid = self.statements.get(statement).and_then(|s| s.sid.clone());
        sid.unwrap_or_else(|| format!("statement {}", statement + 1))
    }
}
