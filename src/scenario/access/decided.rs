//! Permissions asked for: each put to [`crate::access`] once, however many requests need it.
//!
//! Which policies have a say is said in `attached`.

use super::super::settings::Scenario;
use super::attached::{Attached, Caller, ResourceSettings};
use crate::access::{Decision, Effect, Outcome, Policies, Policy, PolicyKind, Request, decide};
use crate::catalog::KmsOperation;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// What a requester whom the file does not declare is called.
pub const REQUESTER: &str = "default";

/// One permission that a request needs, and whether it has it.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was asked.
    pub request: Arc<Request>,
    /// Who asked.
    pub caller: Caller,
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

/// Who may do what in one variant.
#[derive(Debug)]
pub struct Access<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) attached: Attached<'a>,
    decided: RefCell<DecidedRequests>,
    /// Whether nobody asks for more than refusals.
    only_refusals: bool,
}

/// What was decided so far, in the order in which it was asked.
#[derive(Debug, Default)]
struct DecidedRequests {
    all: Vec<(AccessQuestion, Decided)>,
    places: HashMap<AccessQuestion, usize>,
}

/// Requester, what is asked of, and the request.
type AccessQuestion = (String, String, Arc<Request>);

/// The decision at the start, and when it is denied.
#[derive(Clone, Debug)]
struct Decided {
    caller: Caller,
    decision: Arc<Decision>,
    denied_between: Arc<[Range<u64>]>,
}

impl<'a> Access<'a> {
    /// Of a variant.
    pub fn new(scenario: &'a Scenario) -> Access<'a> {
        Access {
            scenario,
            attached: Attached::new(scenario),
            decided: RefCell::default(),
            only_refusals: false,
        }
    }

    /// The same, of which only refusals are asked: what is allowed without a look at policies is no check.
    pub fn only_refusals(scenario: &'a Scenario) -> Access<'a> {
        Access {
            only_refusals: true,
            ..Access::new(scenario)
        }
    }

    /// Whether the file has any policy.
    pub fn has_policies(&self) -> bool {
        self.attached.has_policies()
    }

    /// Whether a permission need not be asked for.
    pub(super) fn goes_without_saying(
        &self,
        caller: &Caller,
        resource: ResourceSettings<'_>,
    ) -> bool {
        self.only_refusals && self.attached.is_open(caller, resource)
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
        let question = (caller.requester.clone(), on.clone(), Arc::new(request));
        let decide = |request: &Request| self.decide_over_time(caller, resource, request);
        let ((_, _, request), answer) = self.decided(question, decide);
        let Decided {
            decision,
            denied_between,
            ..
        } = answer;
        let allowed = decision.outcome == Outcome::Allow || !denied_between.is_empty();
        let refusal =
            (!allowed).then(|| refusal(&decision, &request.action, &caller.requester, &on));
        checks.push(Check {
            request,
            caller: caller.clone(),
            on,
            call: call.map(|c| c.0),
            operation: call.map(|c| c.1),
            decision,
            refusal,
            denied_between,
        });
        allowed
    }

    /// The answer to a question, which is looked for only once.
    fn decided(
        &self,
        question: AccessQuestion,
        decide: impl FnOnce(&Request) -> Decided,
    ) -> (AccessQuestion, Decided) {
        let mut known = self.decided.borrow_mut();
        if let Some(&place) = known.places.get(&question) {
            return known.all[place].clone();
        }
        let answer = decide(&question.2);
        let place = known.all.len();
        known.places.insert(question.clone(), place);
        known.all.push((question.clone(), answer.clone()));
        (question, answer)
    }

    /// Every request that was decided on, in their own order: who asked, on what, and the decision at the start.
    pub(super) fn all_decided(&self) -> Vec<(Caller, String, Arc<Request>, Arc<Decision>)> {
        let decided = self.decided.borrow();
        let mut all: Vec<&(AccessQuestion, Decided)> = decided.all.iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let each = all.into_iter().map(|((_, on, request), decided)| {
            let decision = Arc::clone(&decided.decision);
            (
                decided.caller.clone(),
                on.clone(),
                Arc::clone(request),
                decision,
            )
        });
        each.collect()
    }

    /// The decision at the start, and when changes of the key policy make it another.
    fn decide_over_time(
        &self,
        caller: &Caller,
        resource: ResourceSettings<'_>,
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
            caller: caller.clone(),
            decision,
            denied_between: denied.into(),
        }
    }

    /// The decision under a policy of the resource; `None`: it has none of its own.
    fn decide(
        &self,
        caller: &Caller,
        resource: ResourceSettings<'_>,
        policy: Option<&Policy>,
        request: &Request,
    ) -> Decision {
        let decide = |policies: Policies<'_>| decide(request, policies);
        self.attached.ask(caller, resource, policy, request, decide)
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
