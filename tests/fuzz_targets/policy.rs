//! Policy documents: refused with places and a way out, or asked.

use kmsim::access::near_miss::near_misses;
use kmsim::access::policy::read;
use kmsim::access::{
    Context, Effect, Level, Outcome, Policies, Policy, PolicyKind, Request, decide,
};

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
    PolicyKind::Bucket,
    PolicyKind::Key,
];

/// A document as a policy of each kind.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for kind in KINDS {
        let (policy, faults) = match read(kind, "p.json", text) {
            Ok((policy, faults)) => (Some(policy), faults),
            Err(faults) => {
                assert!(
                    faults.iter().any(|f| !f.is_warning),
                    "refused without a reason"
                );
                (None, faults)
            }
        };
        for fault in &faults {
            let message = &fault.message;
            assert!(!fault.help.is_empty(), "no way out: {message}");
            let cut = text.get(fault.range.clone());
            assert!(cut.is_some(), "{message} at {:?}", fault.range);
        }
        if let Some(policy) = policy {
            asked(kind, &policy);
        }
    }
}

/// Requests of a role for an object and for a key.
fn requests() -> [Request; 2] {
    let mut context = Context::new();
    context.set("aws:PrincipalArn", "arn:aws:iam::111122223333:role/app");
    context.set("aws:SourceIp", "10.0.0.1");
    context.set("aws:CurrentTime", "2026-03-02T03:00:00Z");
    context.set("kms:EncryptionContextKeys", "aws:s3:arn");
    let request = |action: &str, resource: &str| Request {
        principal: "arn:aws:sts::111122223333:assumed-role/app/s"
            .parse()
            .expect("a principal"),
        action: action.to_owned(),
        resource: resource.parse().expect("an ARN"),
        resource_account: "111122223333".to_owned(),
        context: context.clone(),
    };
    [
        request("s3:GetObject", "arn:aws:s3:::lake/a/b"),
        request("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/k"),
    ]
}

fn asked(kind: PolicyKind, policy: &Policy) {
    let all = Policy::allow_all(PolicyKind::Identity, &["111122223333"]);
    let (own, everything) = ([policy], [&all]);
    let level = Level {
        name: "root",
        policies: &own,
    };
    let levels = [level];
    for request in requests() {
        let mut policies = Policies {
            identity: &everything,
            boundary: None,
            session: None,
            service_control: &[],
            resource_control: &[],
            resource: None,
        };
        match kind {
            PolicyKind::Identity => policies.identity = &own,
            PolicyKind::Boundary => policies.boundary = Some(policy),
            PolicyKind::Session => policies.session = Some(policy),
            PolicyKind::ServiceControl => policies.service_control = &levels,
            PolicyKind::ResourceControl => policies.resource_control = &levels,
            PolicyKind::Bucket | PolicyKind::Key => policies.resource = Some(policy),
        }
        let decision = decide(&request, policies);
        let misses = near_misses(&request, policies, &decision);
        match decision.outcome {
            Outcome::Allow => assert!(misses.is_empty() && decision.denied_by().is_none()),
            Outcome::ExplicitDeny => {
                let denies = policy.statements.iter().any(|s| s.effect == Effect::Deny);
                assert!(
                    denies && decision.denied_by().is_some(),
                    "denied by nothing"
                );
            }
            Outcome::ImplicitDeny => assert!(decision.denied_by().is_none()),
        }
    }
}
