//! Near misses of refusals, and what the policies rest on that no request says: the same questions as in `decided`,
//! asked again for what is shown.

use super::attached::ResourceSettings;
use super::decided::{Access, Check};
use crate::access::condition::Condition;
use crate::access::near_miss::{KeyMissed, NearMiss, keys_missed, near_misses};
use crate::access::{Policies, Policy, Principal, Request, decide};
use crate::catalog;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics};
use std::collections::BTreeMap;

impl Access<'_> {
    /// The statements behind a refusal, be it one that begins in the run.
    pub fn near_misses(&self, check: &Check) -> Vec<NearMiss> {
        let from = check.denied_between.first().map_or(0, |range| range.start);
        let near = |policies: Policies<'_>| {
            let decision = decide(&check.request, policies);
            near_misses(&check.request, policies, &decision)
        };
        self.again(check, from, near).unwrap_or_default()
    }

    /// The context keys that the answer rests on and the request does not carry.
    pub fn keys_missed(&self, check: &Check) -> Vec<KeyMissed> {
        let missed = |policies: Policies<'_>| {
            let anything = |_: &str| true;
            keys_missed(
                &check.request,
                policies,
                &check.decision,
                anything,
                |_, _| true,
            )
        };
        self.again(check, 0, missed).unwrap_or_default()
    }

    /// Asks something else about what was checked, under the policies in force at an instant \[ns\].
    fn again<R>(&self, check: &Check, at: u64, ask: impl FnOnce(Policies<'_>) -> R) -> Option<R> {
        let resource = self.resource(&check.on)?;
        let changes = resource.policy_changes().iter();
        let in_force = changes.rev().find(|change| change.at.as_ns() <= at);
        let policy = match in_force {
            Some(change) => Some(change.policy.policy.as_ref()),
            None => resource.policy(),
        };
        let asked = self
            .attached
            .ask(&check.caller, resource, policy, &check.request, ask);
        Some(asked)
    }

    /// What a check is on: `bucket.media`, `key.main`.
    fn resource(&self, on: &str) -> Option<ResourceSettings<'_>> {
        if let Some(name) = on.strip_prefix("bucket.") {
            let (name, bucket) = self.scenario.bucket.get_key_value(name)?;
            return Some(ResourceSettings::Bucket(name, bucket));
        }
        let (name, key) = self.scenario.key.get_key_value(on.strip_prefix("key.")?)?;
        Some(ResourceSettings::Key(name, key))
    }

    /// Warns of every context key that a statement of the file rests on and that a request might carry but does
    /// not, once for each statement. What kmsim derives of a request by itself is absent where the request has no
    /// such thing, and no reason to warn.
    pub fn warn_of_missed_keys(&self, faults: &Diagnostics) {
        let mut open = self.open_statements();
        if open.is_empty() {
            return;
        }
        for (caller, on, request, decision) in self.all_decided() {
            let Some(resource) = self.resource(&on) else {
                continue;
            };
            let looks_at =
                |policy: &Policy, i: usize| open.contains_key(&(std::ptr::from_ref(policy), i));
            let missed = |policies: Policies<'_>| {
                let may_carry = |key: &str| might_carry(&request, key);
                keys_missed(&request, policies, &decision, may_carry, looks_at)
            };
            let policy = resource.policy();
            let missed = self
                .attached
                .ask(&caller, resource, policy, &request, missed);
            for missed in &missed {
                faults.push(warning(missed, &request, &caller.requester, &on));
            }
            let is_told = |(policy, statement): &(String, String)| {
                let mut told = missed.iter();
                told.any(|m| (&m.policy, &m.statement) == (policy, statement))
            };
            if !missed.is_empty() {
                open.retain(|_, named| !is_told(named));
            }
        }
    }
}

/// Statements of the file by policy and position, with the names of both.
type OpenStatements = BTreeMap<(*const Policy, usize), (String, String)>;

impl<'a> Access<'a> {
    /// The statements of the file that have a condition on a key that kmsim does not derive by itself.
    fn open_statements(&self) -> OpenStatements {
        let mut open = BTreeMap::new();
        let is_open = |condition: &Condition| !is_derived(&condition.key);
        for policy in self.scenario.policies() {
            for (i, statement) in policy.statements.iter().enumerate() {
                if statement.conditions.iter().any(is_open) {
                    let at = (std::ptr::from_ref(policy), i);
                    open.insert(at, (policy.name.clone(), policy.label(i)));
                }
            }
        }
        open
    }
}

/// What the keys that kmsim derives of a request by itself begin with: where a request has none of them, there is
/// nothing for it to carry.
const DERIVED: [&str; 24] = [
    "aws:CalledVia",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:username",
    "aws:ViaAWSService",
    "kms:CallerAccount",
    "kms:EncryptionAlgorithm",
    "kms:EncryptionContext",
    "kms:KeySpec",
    "kms:ViaService",
    "s3:authType",
    "s3:ResourceAccount",
    "s3:signatureversion",
    "s3:TlsVersion",
    "s3:x-amz-",
    "s3express:",
];

/// What the keys begin with that only AWS services have.
const OF_SERVICES: [&str; 2] = ["aws:SourceArn", "aws:SourceAccount"];

/// What the keys begin with that no AWS service has.
const OF_PRINCIPALS: [&str; 4] = [
    "aws:PrincipalOrg",
    "aws:PrincipalTag/",
    "aws:MultiFactorAuth",
    "aws:userid",
];

fn is_derived(key: &str) -> bool {
    begins(key, &DERIVED)
}

fn begins(key: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| {
        let start = key.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })
}

/// Whether a request might carry a key that it does not.
fn might_carry(request: &Request, key: &str) -> bool {
    let is_among = |keys: &[String]| keys.iter().any(|other| other.eq_ignore_ascii_case(key));
    let forwarded = catalog::forwarded_context_keys();
    let is_forwarded = request.context.single("aws:ViaAWSService") == Some("true");
    if is_derived(key) || is_forwarded && is_among(&forwarded.of_vpc_endpoints) {
        return false;
    }
    match request.principal {
        Principal::Service(_) => {
            !begins(key, &OF_PRINCIPALS) && !is_among(&forwarded.redacted_of_services)
        }
        Principal::Aws(_) => !begins(key, &OF_SERVICES),
    }
}

/// "statement Vpce of the bucket policy bp.json rests on aws:SourceVpce, …".
fn warning(missed: &KeyMissed, request: &Request, requester: &str, on: &str) -> Diagnostic {
    let way_out = if missed.key.eq_ignore_ascii_case("aws:PrincipalOrgID") {
        "write the account's `organization`"
    } else {
        "write it in the `context` of the workload"
    };
    Diagnostic::warning(
        Code::BadPolicy,
        format!(
            "{} of the {} {} rests on {}, which requests of requester.{requester} for {} on {on} do not carry: {way_out}",
            missed.statement,
            missed.kind.name(),
            missed.policy,
            missed.key,
            request.action,
        ),
    )
}
