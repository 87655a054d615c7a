use super::super::context::Context;
use super::super::policy;
use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";
const USER: &str = "arn:aws:iam::111122223333:user/alice";
const OBJECT: &str = "arn:aws:s3:::data/x";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

/// A policy of one statement for everything, `Principal` where the kind has one.
fn policy(kind: PolicyKind, effect: &str, principal: &str) -> Policy {
    let principal = match (kind.has_principals(), principal) {
        (false, _) => String::new(),
        (true, "*") => r#""Principal":"*","#.to_owned(),
        (true, service) if service.ends_with(".com") => {
            format!(r#""Principal":{{"Service":"{service}"}},"#)
        }
        (true, arn) => format!(r#""Principal":{{"AWS":"{arn}"}},"#),
    };
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"Only","Effect":"{effect}",{principal}"Action":"*","Resource":"*"}}}}"#
    );
    policy::read(kind, "policy.json", &text)
        .expect("a policy")
        .0
}

/// What becomes of a request of `principal` on `resource` under policies written as (kind, effect, principal).
fn decided(principal: &str, resource: &str, policies: &[(PolicyKind, &str, &str)]) -> Decision {
    let request = Request {
        principal: principal.parse().expect("a principal"),
        action: if resource == KEY {
            "kms:Decrypt"
        } else {
            "s3:GetObject"
        }
        .to_owned(),
        resource: resource.parse().expect("an ARN"),
        resource_account: "111122223333".to_owned(),
        context: Context::new(),
    };
    let all: Vec<Policy> = policies
        .iter()
        .map(|&(kind, e, p)| super::tests::policy(kind, e, p))
        .collect();
    let of = |kind: PolicyKind| all.iter().filter(|p| p.kind == kind).collect::<Vec<_>>();
    let (service, resource_control) = (
        of(PolicyKind::ServiceControl),
        of(PolicyKind::ResourceControl),
    );
    decide(
        &request,
        Policies {
            identity: &of(PolicyKind::Identity),
            boundary: of(PolicyKind::Boundary).first().copied(),
            session: of(PolicyKind::Session).first().copied(),
            service_control: Level::account(&service).as_slice(),
            resource_control: Level::account(&resource_control).as_slice(),
            resource: all
                .iter()
                .find(|p| matches!(p.kind, PolicyKind::Bucket | PolicyKind::Key)),
        },
    )
}

/// What it lacks; empty if it is allowed.
fn lacking(
    principal: &str,
    resource: &str,
    policies: &[(PolicyKind, &str, &str)],
) -> Vec<PolicyKind> {
    let decision = decided(principal, resource, policies);
    let expected = if decision.lacking.is_empty() {
        Outcome::Allow
    } else {
        Outcome::ImplicitDeny
    };
    assert_eq!(decision.outcome, expected);
    decision.lacking
}

const IDENTITY: (PolicyKind, &str, &str) = (PolicyKind::Identity, "Allow", "");

#[test]
fn one_allow_will_do_in_one_account_for_s3() {
    assert_eq!(lacking(SESSION, OBJECT, &[]), [PolicyKind::Identity]);
    assert_eq!(lacking(SESSION, OBJECT, &[IDENTITY]), []);
    assert_eq!(
        lacking(SESSION, OBJECT, &[(PolicyKind::Bucket, "Allow", ROLE)]),
        []
    );
    let root = (PolicyKind::Bucket, "Allow", "111122223333");
    assert_eq!(lacking(SESSION, OBJECT, &[root]), [PolicyKind::Identity]);
}

#[test]
fn across_accounts_it_takes_both() {
    let other = "arn:aws:sts::444455556666:assumed-role/remote/s1";
    let bucket = (
        PolicyKind::Bucket,
        "Allow",
        "arn:aws:iam::444455556666:role/remote",
    );
    assert_eq!(lacking(other, OBJECT, &[IDENTITY]), [PolicyKind::Bucket]);
    assert_eq!(lacking(other, OBJECT, &[bucket]), [PolicyKind::Identity]);
    assert_eq!(lacking(other, OBJECT, &[bucket, IDENTITY]), []);
    let root = (PolicyKind::Key, "Allow", "444455556666");
    assert_eq!(lacking(other, KEY, &[root, IDENTITY]), []);
    assert!(decided(other, KEY, &[root]).crosses_account);
}

#[test]
fn kms_asks_the_key_policy_first() {
    let root = (PolicyKind::Key, "Allow", "111122223333");
    let direct = (PolicyKind::Key, "Allow", ROLE);
    let foreign = (
        PolicyKind::Key,
        "Allow",
        "arn:aws:iam::111122223333:role/other",
    );
    assert_eq!(lacking(SESSION, KEY, &[IDENTITY]), [PolicyKind::Key]);
    assert_eq!(
        lacking(SESSION, KEY, &[IDENTITY, foreign]),
        [PolicyKind::Key]
    );
    assert_eq!(lacking(SESSION, KEY, &[root]), [PolicyKind::Identity]);
    assert_eq!(lacking(SESSION, KEY, &[root, IDENTITY]), []);
    assert_eq!(lacking(SESSION, KEY, &[direct]), []);
    let decision = decided(SESSION, KEY, &[root]);
    assert_eq!(
        decision.verdict(PolicyKind::Key),
        PolicyVerdict::AllowsAccount
    );
    assert_eq!(
        decision.verdict(PolicyKind::Identity),
        PolicyVerdict::Absent
    );
}

#[test]
fn a_deny_anywhere_ends_it_and_is_named() {
    for kind in [
        PolicyKind::Identity,
        PolicyKind::Boundary,
        PolicyKind::Session,
        PolicyKind::ServiceControl,
        PolicyKind::ResourceControl,
        PolicyKind::Bucket,
    ] {
        let decision = decided(SESSION, OBJECT, &[IDENTITY, (kind, "Deny", "*")]);
        assert_eq!(decision.outcome, Outcome::ExplicitDeny, "{kind:?}");
        assert_eq!(
            decision.denied_by().map(|m| (m.kind, m.statement.as_str())),
            Some((kind, "Only"))
        );
    }
}

/// A request of a principal for the object.
fn request(principal: &str) -> Request {
    Request {
        principal: principal.parse().expect("a principal"),
        action: "s3:GetObject".to_owned(),
        resource: OBJECT.parse().expect("an ARN"),
        resource_account: "111122223333".to_owned(),
        context: Context::new(),
    }
}

/// A policy of the kind that is there and has nothing to say.
fn silent(kind: PolicyKind) -> Policy {
    let mut policy = policy(kind, "Allow", "*");
    policy.statements.clear();
    policy
}

#[test]
fn what_limits_must_allow_too() {
    let allow = policy(PolicyKind::Identity, "Allow", "");
    for kind in [
        PolicyKind::Boundary,
        PolicyKind::Session,
        PolicyKind::ServiceControl,
        PolicyKind::ResourceControl,
    ] {
        let limit = silent(kind);
        let policies = [&limit];
        let control = Level::account(&policies);
        let given = |bucket: Option<&Policy>, principal: &str| {
            let is = |k: PolicyKind| kind == k;
            let decision = decide(
                &request(principal),
                Policies {
                    identity: &[&allow],
                    boundary: is(PolicyKind::Boundary).then_some(&limit),
                    session: is(PolicyKind::Session).then_some(&limit),
                    service_control: if is(PolicyKind::ServiceControl) {
                        control.as_slice()
                    } else {
                        &[]
                    },
                    resource_control: if is(PolicyKind::ResourceControl) {
                        control.as_slice()
                    } else {
                        &[]
                    },
                    resource: bucket,
                },
            );
            decision.lacking
        };
        assert_eq!(given(None, SESSION), [kind]);
        // A grant to the role is limited as the role is, one to the session or user is not.
        let bounds = matches!(kind, PolicyKind::Boundary | PolicyKind::Session);
        let to_role = policy(PolicyKind::Bucket, "Allow", ROLE);
        assert_eq!(given(Some(&to_role), SESSION), [kind]);
        let to_session = policy(PolicyKind::Bucket, "Allow", SESSION);
        assert_eq!(given(Some(&to_session), SESSION).is_empty(), bounds);
        let to_user = policy(PolicyKind::Bucket, "Allow", USER);
        assert_eq!(given(Some(&to_user), USER).is_empty(), bounds);
    }
}

#[test]
fn a_service_needs_the_resource_policy() {
    let logs = "logs.us-east-1.amazonaws.com";
    let root = (PolicyKind::Key, "Allow", "111122223333");
    assert_eq!(lacking(logs, KEY, &[root]), [PolicyKind::Key]);
    assert_eq!(lacking(logs, KEY, &[(PolicyKind::Key, "Allow", logs)]), []);
    assert_eq!(lacking(logs, KEY, &[(PolicyKind::Key, "Allow", "*")]), []);
    assert_eq!(
        lacking(
            logs,
            KEY,
            &[(PolicyKind::Key, "Allow", "cloudtrail.amazonaws.com")]
        ),
        [PolicyKind::Key]
    );
}

#[test]
fn every_level_of_an_organization_must_allow() {
    let allow = policy(PolicyKind::Identity, "Allow", "");
    let full = policy(PolicyKind::ServiceControl, "Allow", "");
    let silent = silent(PolicyKind::ServiceControl);
    let deny = policy(PolicyKind::ServiceControl, "Deny", "");
    let (full, both, silent, deny) = ([&full], [&silent, &full], [&silent], [&full, &deny]);
    let decided = |root, unit, account| {
        let level = |name, policies| Level { name, policies };
        decide(
            &request(SESSION),
            Policies {
                identity: &[&allow],
                service_control: &[
                    level("root", root),
                    level("unit", unit),
                    level("account", account),
                ],
                ..Policies::default()
            },
        )
    };
    let kind = PolicyKind::ServiceControl;
    assert_eq!(decided(&full, &both, &full).outcome, Outcome::Allow);
    assert_eq!(
        decided(&full, &both, &full).verdict(kind),
        PolicyVerdict::Allows
    );
    for (levels, name) in [
        ([&silent[..], &full, &full], "root"),
        ([&full, &silent, &full], "unit"),
        ([&full, &full, &silent], "account"),
        ([&full, &[], &full], "unit"),
    ] {
        let decision = decided(levels[0], levels[1], levels[2]);
        assert_eq!(decision.lacking, [kind], "{name}");
        assert_eq!(decision.silent_levels, [(kind, name.to_owned())]);
        assert_eq!(decision.verdict(kind), PolicyVerdict::Silent);
    }
    let decision = decided(&silent, &deny, &full);
    assert_eq!(decision.outcome, Outcome::ExplicitDeny);
    assert_eq!(decision.verdict(kind), PolicyVerdict::Denies);
}
