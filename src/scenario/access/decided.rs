//! Permissions asked for: each put to [`crate::access`] once, however many requests need it.
//!
//! What the file does not write stands open: a requester without identity policies may do everything, and a bucket or
//! key without a policy lets other accounts in (docs/MODEL.md).

use super::super::account::Account;
use super::super::bucket::BucketSettings;
use super::super::key::{KmsKeySettings, PolicyChange};
use super::super::policy::PolicySettings;
use super::super::settings::Scenario;
use crate::access::{
    Decision, Effect, Level, Outcome, Policies, Policy, PolicyKind, Principal, Request, decide,
};
use crate::catalog::KmsOperation;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a requester whom the file does not declare is called.
pub const REQUESTER: &str = "default";

/// One permission that a request needs, and whether it has it.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was asked.
    pub request: Request,
    /// On what: `bucket.media`, `key.main`.
    pub on: String,
    /// Which KMS call of the list needs it; `None` for a permission of S3.
    pub call: Option<usize>,
    /// That call's operation.
    pub operation: Option<KmsOperation>,
    /// The answer.
    pub decision: Arc<Decision>,
    /// What a refusal is counted under; `None` where it is allowed, be it for some time only.
    pub refusal: Option<String>,
    /// When it is denied, where a change of the key policy makes that a matter of time: from, and until \[ns\].
    pub denied_between: Arc<[Range<u64>]>,
}

/// Who sends requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name as a requester.
    pub requester: String,
    /// The account, a name of the scenario, that its calls are charged to.
    pub account: String,
}

/// Who may do what in one variant.
#[derive(Debug)]
pub struct Access<'a> {
    pub(super) scenario: &'a Scenario,
    everything: Policy,
    decided: RefCell<BTreeMap<(String, String, Request), Decided>>,
}

/// The decision at the start, and when it is denied.
#[derive(Clone, Debug)]
struct Decided {
    decision: Arc<Decision>,
    denied_between: Arc<[Range<u64>]>,
}

impl<'a> Access<'a> {
    /// Of a variant.
    pub fn new(scenario: &'a Scenario) -> Access<'a> {
        Access {
            scenario,
            everything: Policy::allow_all(PolicyKind::Identity, &[]),
            decided: RefCell::new(BTreeMap::new()),
        }
    }

    /// Asks for one permission; false where it is refused.
    pub(super) fn ask(
        &self,
        checks: &mut Vec<Check>,
        caller: &Caller,
        resource: ResourceSettings<'_>,
        request: Request,
        call: Option<(usize, KmsOperation)>,
    ) -> bool {
        let on = resource.path();
        let key = (caller.requester.clone(), on.clone(), request.clone());
        let known = self.decided.borrow().get(&key).cloned();
        let Decided {
            decision,
            denied_between,
        } = known.unwrap_or_else(|| {
            let decided = self.decide_over_time(caller, &resource, &request);
            self.decided.borrow_mut().insert(key, decided.clone());
            decided
        });
        let allowed = decision.outcome == Outcome::Allow || !denied_between.is_empty();
        let refusal =
            (!allowed).then(|| refusal(&decision, &request.action, &caller.requester, &on));
        checks.push(Check {
            request,
            on,
            call: call.map(|c| c.0),
            operation: call.map(|c| c.1),
            decision,
            refusal,
            denied_between,
        });
        allowed
    }

    /// The decision at the start, and when changes of the key policy make it another.
    fn decide_over_time(
        &self,
        caller: &Caller,
        resource: &ResourceSettings<'_>,
        request: &Request,
    ) -> Decided {
        let decision = Arc::new(self.decide(caller, resource, resource.policy(), request));
        let mut denied = Vec::new();
        let (mut from, mut allowed) = (0, decision.outcome == Outcome::Allow);
        let mut ever_allowed = false;
        let changes = resource.policy_changes().iter();
        let ends = changes.map(|c| (c.at.as_ns(), Some(c.policy.policy.as_ref())));
        for (at, policy) in ends.chain([(u64::MAX, None)]) {
            if at > from {
                ever_allowed |= allowed;
                if !allowed {
                    denied.push(from..at);
                }
            }
            from = at;
            if policy.is_some() {
                allowed = self.decide(caller, resource, policy, request).outcome == Outcome::Allow;
            }
        }
        // What is denied all the time is no matter of time.
        denied.retain(|_| ever_allowed);
        Decided {
            decision,
            denied_between: denied.into(),
        }
    }

    /// The decision under a policy of the resource; `None`: it has none of its own.
    fn decide(
        &self,
        caller: &Caller,
        resource: &ResourceSettings<'_>,
        policy: Option<&Policy>,
        request: &Request,
    ) -> Decision {
        let who = self.scenario.requester.get(&caller.requester);
        let attached = who.and_then(|r| r.identity_policies.as_ref());
        let identity: Vec<&Policy> = match attached {
            Some(policies) => policies.iter().map(|p| p.policy.as_ref()).collect(),
            // A service has no identity policies.
            None if matches!(request.principal, Principal::Service(_)) => Vec::new(),
            None => vec![&self.everything],
        };
        let limits = |account: &str, of: fn(&Account) -> &Vec<PolicySettings>| -> Vec<&Policy> {
            let policies = self.scenario.account.get(account).map(of);
            policies
                .into_iter()
                .flatten()
                .map(|p| p.policy.as_ref())
                .collect()
        };
        let session = who.and_then(|r| r.session_policy_document.as_ref());
        // IAM lets a federated user without a session policy do nothing; one that the file does not write stands open.
        let open_session = request.principal.is_federated_user();
        let session = session
            .map(|p| p.policy.as_ref())
            .or(open_session.then_some(&self.everything));
        let open = self.unwritten(resource, &caller.account);
        let (service, resource_control) = (
            limits(&caller.account, |a| &a.service_control_policies),
            limits(resource.account(), |a| &a.resource_control_policies),
        );
        decide(
            request,
            Policies {
                identity: &identity,
                boundary: who
                    .and_then(|r| r.permissions_boundary.as_ref())
                    .map(|p| p.policy.as_ref()),
                session,
                service_control: Level::account(&service).as_slice(),
                resource_control: Level::account(&resource_control).as_slice(),
                resource: policy.or(open.as_ref()),
            },
        )
    }

    /// The policy of a resource to which the file gives none: of a key the default one, and of both what lets
    /// another account in.
    fn unwritten(&self, resource: &ResourceSettings<'_>, caller: &str) -> Option<Policy> {
        let (caller_id, owner_id) = (self.account_id(caller), self.account_id(resource.account()));
        match resource {
            ResourceSettings::Bucket(..) if caller == resource.account() => None,
            ResourceSettings::Bucket(..) => {
                Some(Policy::allow_all(PolicyKind::Bucket, &[&caller_id]))
            }
            ResourceSettings::Key(..) => {
                Some(Policy::allow_all(PolicyKind::Key, &[&owner_id, &caller_id]))
            }
        }
    }
}

/// The resource of a request, with its name.
pub(super) enum ResourceSettings<'a> {
    Bucket(&'a str, &'a BucketSettings),
    Key(&'a str, &'a KmsKeySettings),
}

impl ResourceSettings<'_> {
    fn path(&self) -> String {
        match self {
            ResourceSettings::Bucket(name, _) => format!("bucket.{name}"),
            ResourceSettings::Key(name, _) => format!("key.{name}"),
        }
    }

    fn account(&self) -> &str {
        match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.account,
            ResourceSettings::Key(_, key) => &key.account,
        }
    }

    fn policy_changes(&self) -> &[PolicyChange] {
        match self {
            ResourceSettings::Bucket(..) => &[],
            ResourceSettings::Key(_, key) => &key.policy_changes,
        }
    }

    fn policy(&self) -> Option<&Policy> {
        let written = match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.policy,
            ResourceSettings::Key(_, key) => &key.policy,
        };
        written.as_ref().map(|p| p.policy.as_ref())
    }
}

/// What a refused request is counted under: the statement that denies it, with its file; or which policy does not
/// allow what.
fn refusal(decision: &Decision, action: &str, requester: &str, on: &str) -> String {
    if let Some(matched) = decision.denied_by() {
        return format!("{}/{}", matched.policy, matched.statement);
    }
    debug_assert!(decision.matched.iter().all(|m| m.effect == Effect::Allow));
    let missing = |kind: &PolicyKind| match kind {
        PolicyKind::Bucket | PolicyKind::Key => {
            format!("{on} does not allow requester.{requester} to call {action}")
        }
        PolicyKind::Identity => {
            format!("no identity policy allows requester.{requester} to call {action} on {on}")
        }
        other => format!(
            "the {} of requester.{requester} does not allow {action} on {on}",
            other.name()
        ),
    };
    decision.lacking.first().map(missing).unwrap_or_default()
}
