//! Which policies have a say on a request: those that the file attaches, and those that AWS attaches by itself.
//!
//! What the file does not write stands open: a requester without identity policies may do everything, and a bucket or
//! customer managed key without a policy lets other accounts in (docs/MODEL.md).
//!
//! FullAWSAccess is attached on every level of an organization unless the file says that it was detached, and
//! RCPFullAWSAccess always. Neither service nor resource control policies reach the management account and
//! service-linked roles, and the latter neither AWS managed keys nor kms:RetireGrant.

use super::super::account::Account;
use super::super::bucket::BucketSettings;
use super::super::key::{KmsKeySettings, ManagedBy, PolicyChange};
use super::super::organizational_unit::{ControlPolicies, units_above};
use super::super::requester::Requester;
use super::super::settings::Scenario;
use crate::access::policy;
use crate::access::{Level, Policies, Policy, PolicyKind, Principal, Request};
use crate::catalog::{self, ImplicitPolicy, Partition};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// Who sends requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name as a requester.
    pub requester: String,
    /// The account, a name of the scenario, that its calls are charged to.
    pub account: String,
}

/// The policies of a scenario by what they are attached to.
#[derive(Debug)]
pub(super) struct Attached<'a> {
    scenario: &'a Scenario,
    everything: Policy,
    /// By account; accounts that nothing limits are left out.
    service_control: BTreeMap<&'a str, Vec<AttachedLevel<'a>>>,
    resource_control: BTreeMap<&'a str, Vec<AttachedLevel<'a>>>,
    /// Of keys whose policy the file does not have, once they are asked; `None`: it has one.
    of_keys: HashMap<&'a str, OnceCell<Option<Policy>>>,
    /// Whether the file has any policy.
    has_policies: bool,
}

/// A level of an organization.
#[derive(Debug)]
struct AttachedLevel<'a> {
    name: String,
    policies: Vec<&'a Policy>,
}

/// The resource of a request, with its name.
#[derive(Clone, Copy)]
pub(super) enum ResourceSettings<'a> {
    Bucket(&'a str, &'a BucketSettings),
    Key(&'a str, &'a KmsKeySettings),
    /// KMS itself in an account, for operations that name no key; or another service's resource, which has no policy.
    Account(&'a str),
}

impl<'a> ResourceSettings<'a> {
    /// `bucket.media`, `key.main`.
    pub(super) fn path(self) -> String {
        match self {
            ResourceSettings::Bucket(name, _) => format!("bucket.{name}"),
            ResourceSettings::Key(name, _) => format!("key.{name}"),
            ResourceSettings::Account(name) => format!("account.{name}"),
        }
    }

    /// The account that owns it.
    fn account(self) -> &'a str {
        match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.account,
            ResourceSettings::Key(_, key) => &key.account,
            ResourceSettings::Account(name) => name,
        }
    }

    /// The policies that replace its own in the run, in order of time.
    pub(super) fn policy_changes(self) -> &'a [PolicyChange] {
        match self {
            ResourceSettings::Bucket(..) | ResourceSettings::Account(_) => &[],
            ResourceSettings::Key(_, key) => &key.policy_changes,
        }
    }

    /// Its policy in the file, at the start.
    pub(super) fn policy(self) -> Option<&'a Policy> {
        let written = match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.policy,
            ResourceSettings::Key(_, key) => &key.policy,
            ResourceSettings::Account(_) => return None,
        };
        written.as_ref().map(|p| p.policy.as_ref())
    }
}

/// What an AWS managed key's policy is called in explanations.
fn managed_name(service: &str) -> String {
    format!("aws/{service}")
}

/// A policy that AWS attaches, for what lies in an account and Region.
///
/// # Panics
/// One that cannot be read. It is compiled in, and the tests read every one.
fn read(of: &ImplicitPolicy, kind: PolicyKind, name: &str, account: &str, region: &str) -> Policy {
    let (partition, suffix) = match catalog::partition(region) {
        Some(Partition::China) => ("aws-cn", "amazonaws.com.cn"),
        Some(Partition::GovCloud) => ("aws-us-gov", "amazonaws.com"),
        Some(Partition::Commercial) | None => ("aws", "amazonaws.com"),
    };
    let document = of.document(account, region, partition, suffix);
    match policy::read(kind, name, &document) {
        Ok((policy, _)) => policy,
        Err(faults) => panic!("the built-in policy {} cannot be read: {faults:?}", of.name),
    }
}

/// The one of a name that is the same everywhere.
fn everywhere(kind: PolicyKind, name: &str) -> Policy {
    match catalog::implicit_policy(name) {
        Some(of) => read(of, kind, name, "", ""),
        None => Policy::allow_all(kind, &[]),
    }
}

static FULL_AWS_ACCESS: LazyLock<Policy> =
    LazyLock::new(|| everywhere(PolicyKind::ServiceControl, "FullAWSAccess"));
static RCP_FULL_AWS_ACCESS: LazyLock<Policy> =
    LazyLock::new(|| everywhere(PolicyKind::ResourceControl, "RCPFullAWSAccess"));

impl<'a> Attached<'a> {
    /// Of a variant.
    pub(super) fn new(scenario: &'a Scenario) -> Attached<'a> {
        let accounts = || scenario.account.iter();
        let levels = |of: fn(&'a ControlPolicies) -> AttachedPolicies<'a>| {
            let account = |(name, account): (&'a String, &'a Account)| {
                let levels = levels(scenario, name, account, of);
                (!levels.is_empty()).then_some((name.as_str(), levels))
            };
            accounts().filter_map(account).collect()
        };
        let of_keys = scenario.key.keys();
        let of_keys = of_keys.map(|name| (name.as_str(), OnceCell::new()));
        Attached {
            scenario,
            everything: Policy::allow_all(PolicyKind::Identity, &[]),
            service_control: levels(service_control),
            resource_control: levels(resource_control),
            of_keys: of_keys.collect(),
            has_policies: scenario.policies().next().is_some(),
        }
    }

    /// Whether the file has any policy.
    pub(super) fn has_policies(&self) -> bool {
        self.has_policies
    }

    /// Whether a requester may do everything with a resource, without a look at policies: the file has none, and what AWS
    /// attaches by itself lets the roles of an account use its own buckets and customer managed keys.
    pub(super) fn is_open(&self, caller: &Caller, resource: ResourceSettings<'_>) -> bool {
        let is_managed_by_customer = match resource {
            ResourceSettings::Bucket(..) => true,
            ResourceSettings::Key(_, key) => key.managed_by == ManagedBy::Customer,
            ResourceSettings::Account(_) => false,
        };
        let account = caller.account.as_str();
        let who = self.scenario.requester.get(&caller.requester);
        !self.has_policies
            && is_managed_by_customer
            && account == resource.account()
            // An empty list of policies says something: nothing is allowed.
            && who.is_none_or(|who| who.principal.is_none() && who.identity_policies.is_none())
            && !self.service_control.contains_key(account)
            && !self.resource_control.contains_key(account)
    }

    /// Puts the policies that have a say on a request to `ask`; `policy` is that of the resource in the file, if
    /// there is one.
    pub(super) fn ask<R>(
        &self,
        caller: &Caller,
        resource: ResourceSettings<'_>,
        policy: Option<&Policy>,
        request: &Request,
        ask: impl FnOnce(Policies<'_>) -> R,
    ) -> R {
        let who = self.scenario.requester.get(&caller.requester);
        let identity = self.identity(who, request);
        let reached = !request.principal.is_service_linked();
        let service_control = self.service_control.get(caller.account.as_str());
        let service_control = service_control.filter(|_| reached);
        let resource_control = self.resource_control.get(resource.account());
        let resource_control =
            resource_control.filter(|_| reached && is_limited(&resource, &request.action));
        let unwritten = match policy {
            Some(_) => None,
            None => self.unwritten(resource, caller, request),
        };
        let session = who.and_then(|r| r.session_policy_document.as_ref());
        // IAM lets a federated user without a session policy do nothing; one that the file does not write stands open.
        let open_session = request.principal.is_federated_user();
        let session = session
            .map(|p| p.policy.as_ref())
            .or(open_session.then_some(&self.everything));
        ask(Policies {
            identity: &identity,
            boundary: who
                .and_then(|r| r.permissions_boundary.as_ref())
                .map(|p| p.policy.as_ref()),
            session,
            service_control: &named(service_control),
            resource_control: &named(resource_control),
            resource: policy.or(unwritten.as_ref()),
        })
    }

    /// Attached to the requester; who has none in the file may do everything.
    fn identity<'s>(&'s self, who: Option<&'s Requester>, request: &Request) -> Vec<&'s Policy> {
        match who.and_then(|r| r.identity_policies.as_ref()) {
            Some(policies) => policies.iter().map(|p| p.policy.as_ref()).collect(),
            // A service has no identity policies.
            None if matches!(request.principal, Principal::Service(_)) => Vec::new(),
            None => vec![&self.everything],
        }
    }

    /// The policy of a resource to which the file gives none: that of an AWS managed key, or the default one of a
    /// key, and of both bucket and key what lets another account of the file in (docs/MODEL.md).
    fn unwritten(
        &self,
        resource: ResourceSettings<'_>,
        caller: &Caller,
        request: &Request,
    ) -> Option<Policy> {
        let caller_id = || id(self.scenario, &caller.account);
        let crosses_account = caller.account != resource.account();
        match resource {
            ResourceSettings::Bucket(..) => {
                let open = || Policy::allow_all(PolicyKind::Bucket, &[caller_id()]);
                crosses_account.then(open)
            }
            ResourceSettings::Key(name, key) => {
                let implicit = self.of_keys.get(name);
                let implicit = implicit.and_then(|policy| {
                    let read = || implicit_key_policy(self.scenario, key);
                    policy.get_or_init(read).as_ref()
                });
                let mut policy = implicit.cloned();
                // It is for principals of the account, none of which a service is that delivers by itself.
                if let (ManagedBy::Aws, Principal::Service(_)) =
                    (key.managed_by, &request.principal)
                    && let Some(policy) = &mut policy
                {
                    policy.statements.clear();
                }
                if let Some(policy) = &mut policy
                    && crosses_account
                    && key.managed_by == ManagedBy::Customer
                {
                    let open = Policy::allow_all(PolicyKind::Key, &[caller_id()]);
                    policy.statements.extend(open.statements);
                }
                policy
            }
            // Nothing but the caller's own policies is asked: of KMS too, where every key has a policy.
            ResourceSettings::Account(_) => {
                let open = || Policy::allow_all(PolicyKind::Key, &[caller_id()]);
                request.action.starts_with("kms:").then(open)
            }
        }
    }
}

/// Twelve digits.
fn id<'a>(scenario: &'a Scenario, account: &str) -> &'a str {
    let account = scenario.account.get(account);
    account.map(|a| a.id.as_str()).unwrap_or_default()
}

/// What is attached of one kind: the file's policies, whether AWS's own is attached beside them, and which that is.
struct AttachedPolicies<'a> {
    written: Vec<&'a Policy>,
    is_full: bool,
    full: &'static Policy,
}

fn service_control(control: &ControlPolicies) -> AttachedPolicies<'_> {
    let written = control.service_control_policies.iter();
    AttachedPolicies {
        written: written.map(|p| p.policy.as_ref()).collect(),
        is_full: control.full_aws_access,
        full: &FULL_AWS_ACCESS,
    }
}

fn resource_control(control: &ControlPolicies) -> AttachedPolicies<'_> {
    let written = control.resource_control_policies.iter();
    AttachedPolicies {
        written: written.map(|p| p.policy.as_ref()).collect(),
        is_full: true,
        full: &RCP_FULL_AWS_ACCESS,
    }
}

/// The levels over an account, from the root down; none where nothing but AWS's own policies is attached, which
/// let everything through, and none over the management account.
fn levels<'a>(
    scenario: &'a Scenario,
    name: &str,
    account: &'a Account,
    of: fn(&'a ControlPolicies) -> AttachedPolicies<'a>,
) -> Vec<AttachedLevel<'a>> {
    let units = units_above(
        &scenario.organizational_unit,
        account.organizational_unit.as_deref(),
    );
    let units = units
        .into_iter()
        .map(|(name, unit)| (format!("organizational unit {name}"), &unit.control));
    let all = units.chain([(format!("account {name}"), &account.control)]);
    let all: Vec<_> = all.map(|(name, control)| (name, of(control))).collect();
    let limits = |a: &AttachedPolicies<'_>| !a.is_full || !a.written.is_empty();
    if account.management_account || !all.iter().any(|(_, attached)| limits(attached)) {
        return Vec::new();
    }
    let level = |(name, attached): (String, AttachedPolicies<'a>)| {
        let full = attached.is_full.then_some(attached.full);
        AttachedLevel {
            name,
            policies: full.into_iter().chain(attached.written).collect(),
        }
    };
    all.into_iter().map(level).collect()
}

/// The levels as they are asked.
fn named<'s>(levels: Option<&'s Vec<AttachedLevel<'s>>>) -> Vec<Level<'s>> {
    let level = |level: &'s AttachedLevel<'s>| Level {
        name: &level.name,
        policies: &level.policies,
    };
    levels.into_iter().flatten().map(level).collect()
}

/// Whether resource control policies limit an action on a resource.
fn is_limited(resource: &ResourceSettings<'_>, action: &str) -> bool {
    let exempt = catalog::implicit_policy("RCPFullAWSAccess").map(|p| p.exempt_actions.as_slice());
    let is_customers = match resource {
        ResourceSettings::Bucket(..) => true,
        ResourceSettings::Key(_, key) => key.managed_by == ManagedBy::Customer,
        ResourceSettings::Account(_) => false,
    };
    is_customers && !exempt.unwrap_or_default().iter().any(|a| a == action)
}

/// The policy that AWS gives a key: its own to an AWS managed key, the default one to others; `None` where the
/// file has one.
fn implicit_key_policy(scenario: &Scenario, key: &KmsKeySettings) -> Option<Policy> {
    let account = id(scenario, &key.account);
    let (of, name) = match (&key.service, &key.policy) {
        (Some(service), _) => (catalog::managed_key_policy(service)?, managed_name(service)),
        (None, Some(_)) => return None,
        (None, None) => (
            catalog::implicit_policy("default key policy")?,
            "default".to_owned(),
        ),
    };
    Some(read(of, PolicyKind::Key, &name, account, &key.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_that_aws_attaches_can_be_read() {
        for of in catalog::implicit_policies() {
            let kind = match of.kind.as_str() {
                "service-control-policy" => PolicyKind::ServiceControl,
                "resource-control-policy" => PolicyKind::ResourceControl,
                "key-policy" => PolicyKind::Key,
                other => panic!("{other}"),
            };
            for region in ["eu-west-3", "cn-north-1", "us-gov-west-1"] {
                let policy = read(of, kind, &of.name, "111122223333", region);
                assert!(policy.allows_something(), "{}", of.name);
            }
        }
    }
}
