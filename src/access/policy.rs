//! A policy: its statements, and which of them have to do with a request. [`read()`] makes one of a document.

use super::arn::ArnPattern;
use super::condition::Condition;
use super::pattern::{Pattern, Syntax};
use super::principal::{Entry, Meant, Principal};
use super::request::Request;
use std::ops::Range;

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A user or role: what it may do.
    Identity,
    /// A user or role: the most it may do.
    Boundary,
    /// A session: the most it may do.
    Session,
    /// An account or its organizational units: the most that its principals may do.
    ServiceControl,
    /// An account or its organizational units: the most that may be done to its resources.
    ResourceControl,
    /// An S3 bucket.
    Bucket,
    /// A KMS key.
    Key,
}

impl Kind {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Identity => "identity policy",
            Kind::Boundary => "permissions boundary",
            Kind::Session => "session policy",
            Kind::ServiceControl => "service control policy",
            Kind::ResourceControl => "resource control policy",
            Kind::Bucket => "bucket policy",
            Kind::Key => "key policy",
        }
    }

    /// In words, with its article.
    pub fn a(self) -> String {
        let article = if self == Kind::Identity { "an" } else { "a" };
        format!("{article} {}", self.name())
    }

    /// Its row in the catalog.
    const fn id(self) -> &'static str {
        match self {
            Kind::Identity | Kind::Boundary => "managed-policy",
            Kind::Session => "session-policy",
            Kind::ServiceControl => "service-control-policy",
            Kind::ResourceControl => "resource-control-policy",
            Kind::Bucket => "bucket-policy",
            Kind::Key => "key-policy",
        }
    }

    /// Whether its statements say whom they mean.
    pub const fn has_principals(self) -> bool {
        matches!(self, Kind::Bucket | Kind::Key | Kind::ResourceControl)
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it is attached to.
    pub kind: Kind,
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
    principals: Option<Not<Vec<Entry>>>,
    actions: Not<Vec<Pattern>>,
    resources: Not<Vec<Resource>>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq)]
struct Not<T> {
    not: bool,
    of: T,
}

#[derive(Clone, Debug, PartialEq)]
enum Resource {
    All,
    Arn(ArnPattern),
}

impl Statement {
    /// Whether it has to do with a request, and how it means its principal: `None` if not, and
    /// [`Meant::ByName`] where a policy has no principals.
    ///
    /// `bounded`: the principal has a permissions boundary. A Deny with `NotPrincipal` then hits it
    /// whomever it excepts (IAM User Guide, permissions boundaries).
    pub fn applies(&self, request: &Request, bounded: bool) -> Option<Meant> {
        let action = |pattern: &Pattern| pattern.matches(&request.action, &request.context);
        if self.actions.of.iter().any(action) == self.actions.not {
            return None;
        }
        let meant = self.means(&request.principal, bounded)?;
        let resource = |resource: &Resource| match resource {
            Resource::All => true,
            Resource::Arn(arn) => arn.matches(&request.resource, &request.context),
        };
        if self.resources.of.iter().any(resource) == self.resources.not {
            return None;
        }
        let mut conditions = self.conditions.iter();
        conditions
            .all(|c| c.holds(&request.context))
            .then_some(meant)
    }

    fn means(&self, principal: &Principal, bounded: bool) -> Option<Meant> {
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
    /// A policy that allows everything, to these accounts where the kind has principals.
    pub fn allow_all(kind: Kind, accounts: &[&str]) -> Policy {
        let entries = accounts.iter().map(|&id| Entry::Account(id.to_owned()));
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

mod reading;

pub use reading::{Fault, read};

#[cfg(test)]
mod tests;
