//! What IAM's text says of principals, ARNs and conditions, in scenarios; decisions against a second reading of
//! its evaluation logic, and what holds of every decision.

mod random;
mod reference;

use crate::common::{Rng, input, load};
use kmsim::access::{self, Context, Level, Outcome, Policies, Policy, PolicyKind, Request};
use kmsim::explain::explain;
use kmsim::input::Input;
use random::Kind;
use serde_json::{Value, json};

// ----- in scenarios -----------------------------------------------------------------------------------

/// A scenario of one reader; each document is written as the file that the keys name.
fn scenario(
    dir: &tempfile::TempDir,
    requester: &str,
    bucket: &str,
    documents: &[(&str, Value)],
) -> String {
    for (name, statement) in documents {
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        std::fs::write(dir.path().join(name), document.to_string()).expect("write");
    }
    let text = format!(
        r#"
horizon = "1m"
region = "eu-west-3"
replications = 2
[key.k]
[bucket.b]
{bucket}
[requester.r]
{requester}
[workload.w]
bucket = "b"
operations.GetObject = 1
arrivals.poisson.rate = "5/s"
clients = 1
"#
    );
    text.replace("DIR", &dir.path().display().to_string())
}

/// What becomes of the reader's requests.
fn explained(requester: &str, bucket: &str, documents: &[(&str, Value)]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let loaded = load(&scenario(&dir, requester, bucket, documents));
    let explanation = explain(&loaded.variants[0], Some("w"), None).remove(0);
    explanation.decision.to_string()
}

/// The faults of a scenario, as shown.
fn faults(requester: &str, bucket: &str, documents: &[(&str, Value)]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let text = scenario(&dir, requester, bucket, documents);
    let loaded = kmsim::scenario::load(&input(&text), &[]);
    loaded.expect_err("faults").to_string()
}

const BY_IDENTITY: &str = "identity_policies = ['DIR/id.json']";

#[test]
fn an_identity_policy_completes_an_arn_with_stars() {
    for (resource, decision) in [
        ("arn:aws:s3", "allow"),
        ("arn:aws", "allow"),
        ("arn:aws:s3::", "allow"),
        ("arn:aws:kms", "implicit deny"),
        ("arn:aws:s3:eu-west-3", "implicit deny"),
    ] {
        let id = json!({"Effect": "Allow", "Action": "s3:*", "Resource": resource});
        assert_eq!(
            explained(BY_IDENTITY, "", &[("id.json", id)]),
            decision,
            "{resource}"
        );
    }
    // STS refuses a session policy with such an ARN, S3 such a bucket policy.
    let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3"});
    let session = "session_policy_document = 'DIR/sp.json'";
    let found = faults(session, "", &[("sp.json", statement)]);
    assert!(
        found.contains("\"arn:aws:s3\" is not an ARN: it has 3 of 6 parts"),
        "{found}"
    );
    let statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3"});
    let found = faults("", "policy = 'DIR/bp.json'", &[("bp.json", statement)]);
    assert!(
        found.contains("\"arn:aws:s3\" is not an ARN: it has 3 of 6 parts"),
        "{found}"
    );
}

#[test]
fn a_star_at_the_end_of_a_part_reaches_beyond_colons() {
    for (resource, decision) in [
        ("arn:aws:kms:*:key/k", "allow"),
        ("arn:aws:kms:eu-*:key/k", "allow"),
        ("arn:aws:kms:*", "allow"),
        ("arn:aws:kms:us-*:key/k", "implicit deny"),
        ("arn:aws:kms:*:key/other", "implicit deny"),
        ("arn:aws:kms:EU-WEST-3:*:key/k", "implicit deny"),
        ("arn:aws:KMS:*:*:key/k", "implicit deny"),
        ("arn:AWS:kms:*:*:key/k", "implicit deny"),
    ] {
        let id = json!([
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource},
        ]);
        let got = explained(BY_IDENTITY, "key = 'k'", &[("id.json", id)]);
        assert_eq!(got, decision, "{resource}");
    }
}

/// Lets a principal read the bucket, under a condition.
fn grant(principal: Value, condition: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
        "Condition": condition,
    })
}

#[test]
fn a_star_under_another_kind_than_aws_lets_no_role_in() {
    for kind in ["Service", "Federated", "CanonicalUser"] {
        let bucket_policy = grant(json!({kind: "*"}), json!({}));
        let documents = [("bp.json", bucket_policy)];
        let got = explained(
            "identity_policies = []",
            "policy = 'DIR/bp.json'",
            &documents,
        );
        assert_eq!(got, "implicit deny", "{kind}");
    }
    for anyone in [json!("*"), json!({"AWS": "*"})] {
        let documents = [("bp.json", grant(anyone, json!({})))];
        let got = explained(
            "identity_policies = []",
            "policy = 'DIR/bp.json'",
            &documents,
        );
        assert_eq!(got, "allow");
    }
}

#[test]
fn boundaries_and_session_policies_do_not_limit_what_a_wildcard_grants_by_principal_arn() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/r";
    let limit = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
    let limits = "identity_policies = []\nsession_policy_document = 'DIR/l.json'\npermissions_boundary = 'DIR/l.json'";
    let got = |principal, condition| {
        let documents = [
            ("bp.json", grant(principal, condition)),
            ("l.json", limit.clone()),
        ];
        explained(limits, "policy = 'DIR/bp.json'", &documents)
    };
    let anyone = || json!("*");
    for condition in [
        json!({"ArnEquals": {"aws:PrincipalArn": ROLE}}),
        json!({"StringLike": {"AWS:principalarn": [ROLE, "arn:aws:iam::111122223333:role/other"]}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}, "Bool": {"aws:SecureTransport": "true"}}),
    ] {
        assert_eq!(got(anyone(), condition.clone()), "allow", "{condition}");
        assert_eq!(got(json!({"AWS": "*"}), condition), "allow");
    }
    // A grant to the role is limited, and so is one to everybody without such a condition.
    let by_arn = json!({"ArnEquals": {"aws:PrincipalArn": ROLE}});
    assert_eq!(got(json!({"AWS": ROLE}), by_arn), "implicit deny");
    assert_eq!(got(anyone(), json!({})), "implicit deny");
    let of_others =
        json!({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/other"}});
    assert_eq!(got(anyone(), of_others), "implicit deny");
    // An explicit Deny is one, whoever grants.
    let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let by_arn = json!({"ArnEquals": {"aws:PrincipalArn": ROLE}});
    let documents = [("bp.json", grant(anyone(), by_arn)), ("id.json", deny)];
    let got = explained(BY_IDENTITY, "policy = 'DIR/bp.json'", &documents);
    assert_eq!(got, "explicit deny");
}

#[test]
fn the_root_user_needs_no_identity_policy() {
    let root = "principal = 'arn:aws:iam::111122223333:root'\nidentity_policies = []";
    assert_eq!(explained(root, "key = 'k'", &[]), "allow");
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"});
    let got = explained(root, "policy = 'DIR/bp.json'", &[("bp.json", deny)]);
    assert_eq!(got, "explicit deny");
}

#[test]
fn a_federated_user_may_do_what_its_session_policy_allows() {
    let federated = "principal = 'arn:aws:sts::111122223333:federated-user/bob'";
    assert_eq!(explained(federated, "key = 'k'", &[]), "allow");
    let session = format!("{federated}\nsession_policy_document = 'DIR/sp.json'");
    let other = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
    assert_eq!(
        explained(&session, "", &[("sp.json", other)]),
        "implicit deny"
    );
}

/// A scenario of two accounts, in which `alias/app` is the alias of a key of each.
fn of_two_accounts(requester: &str, workload: &str) -> String {
    format!(
        r#"
horizon = "10s"
region = "eu-west-3"
replications = 2
[account.main]
[account.other]
[key.own]
aliases = ["alias/app"]
[key.theirs]
account = "other"
aliases = ["alias/app", "alias/theirs"]
[bucket.b]
key = "alias/app"
[requester.r]
account = "{requester}"
[workload.w]
clients = 1
arrivals.constant.rate = "1/s"
{workload}
"#
    )
}

#[test]
fn an_alias_stands_for_the_key_of_the_account_that_asks() {
    let calls = |requester, workload: &str| {
        let loaded = load(&of_two_accounts(requester, workload));
        loaded.variants[0].scenario.workload["w"].key.clone()
    };
    let direct = "key = 'alias/app'\noperations.Decrypt = 1";
    assert_eq!(calls("main", direct).as_deref(), Some("own"));
    assert_eq!(calls("other", direct).as_deref(), Some("theirs"));
    let refused = |requester, workload: &str| {
        let input = Input::from_text("test", of_two_accounts(requester, workload));
        let loaded = kmsim::scenario::load(&input, &[]);
        loaded.expect_err("a fault").to_string()
    };
    let theirs = "key = 'alias/theirs'\noperations.Decrypt = 1";
    let found = refused("main", theirs);
    assert!(
        found.contains("the requester's account main, where no key has it; that of `key.theirs`"),
        "{found}"
    );
    // The default encryption of a bucket names another key for each account that writes.
    let writes = "bucket = 'b'\noperations.PutObject = 1";
    load(&of_two_accounts("main", writes));
    let found = refused("other", writes);
    assert!(
        found.contains("`alias/app`, which S3 looks up in the requester's account other"),
        "{found}"
    );
    load(&of_two_accounts(
        "other",
        "bucket = 'b'\noperations.GetObject = 1",
    ));
    let header = "encryption_header = 'aws:kms'\nencryption_header_key = 'alias/theirs'";
    load(&of_two_accounts("other", &format!("{writes}\n{header}")));
}

#[test]
fn policies_see_aliases_of_keys_and_requests_and_an_alias_arn_is_no_key() {
    let decision = |statement: Value, key: &str| {
        let dir = tempfile::tempdir().expect("a folder");
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        std::fs::write(dir.path().join("id.json"), document.to_string()).expect("write");
        let text = of_two_accounts("main", &format!("key = '{key}'\noperations.Decrypt = 1"));
        let policies = format!(
            "[requester.r]\nidentity_policies = ['{}/id.json']",
            dir.path().display()
        );
        let loaded = load(&text.replace("[requester.r]", &policies));
        let explanation = explain(&loaded.variants[0], Some("w"), None).remove(0);
        explanation.decision.to_string()
    };
    let allow = |condition: Value| json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition});
    let of_key =
        || allow(json!({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/app"}}));
    let of_request = || allow(json!({"StringLike": {"kms:RequestAlias": "alias/a*"}}));
    assert_eq!(decision(of_key(), "own"), "allow");
    assert_eq!(decision(of_key(), "alias/app"), "allow");
    assert_eq!(decision(of_request(), "own"), "implicit deny");
    assert_eq!(decision(of_request(), "alias/app"), "allow");
    let by_arn = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:eu-west-3:111122223333:alias/app"});
    assert_eq!(decision(by_arn, "alias/app"), "implicit deny");
}

// ----- random decisions -------------------------------------------------------------------------------

/// What `kmsim::access` decides; `None` if it does not read a document or request.
fn decided(case: &Value) -> Option<Outcome> {
    let asked = &case["request"];
    let text = |field: &str| asked[field].as_str();
    let mut context = Context::new();
    for (key, value) in asked["context"].as_object()? {
        match value {
            Value::Array(values) => {
                let texts = values
                    .iter()
                    .map(|v| v.as_str().unwrap_or_default().to_owned());
                context.set_several(key, texts.collect());
            }
            value => context.set(key, value.as_str()?),
        }
    }
    let request = Request {
        principal: text("principal")?.parse().ok()?,
        action: text("action")?.to_owned(),
        resource: text("resource")?.parse().ok()?,
        resource_account: text("resource_account")?.to_owned(),
        context,
    };
    let read = |kind, document: &Value| -> Option<Policy> {
        let read = access::policy::read(kind, "case", &document.to_string());
        read.ok().map(|(policy, _)| policy)
    };
    let all = |kind, documents: &Value| -> Option<Vec<Policy>> {
        let documents = match documents {
            Value::Array(documents) => documents.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        documents
            .into_iter()
            .map(|document| read(kind, document))
            .collect()
    };
    let levels = |kind, field: &str| -> Option<Vec<Vec<Policy>>> {
        let levels = case[field].as_array()?;
        levels.iter().map(|level| all(kind, level)).collect()
    };
    let resource_kind = if request.resource.service == "kms" {
        PolicyKind::Key
    } else {
        PolicyKind::Bucket
    };
    let identity = all(PolicyKind::Identity, &case["identity"])?;
    let boundary = all(PolicyKind::Boundary, &case["boundary"])?;
    let session = all(PolicyKind::Session, &case["session"])?;
    let resource = all(resource_kind, &case["resource"])?;
    let service_control = levels(PolicyKind::ServiceControl, "service_control")?;
    let resource_control = levels(PolicyKind::ResourceControl, "resource_control")?;
    let (service_control, resource_control) =
        (attached(&service_control), attached(&resource_control));
    let (service_control, resource_control) = (named(&service_control), named(&resource_control));
    let policies = Policies {
        identity: &identity.iter().collect::<Vec<_>>(),
        boundary: boundary.first(),
        session: session.first(),
        service_control: &service_control,
        resource_control: &resource_control,
        resource: resource.first(),
    };
    Some(access::decide(&request, policies).outcome)
}

/// The policies of each level.
fn attached(levels: &[Vec<Policy>]) -> Vec<Vec<&Policy>> {
    levels.iter().map(|level| level.iter().collect()).collect()
}

/// The levels, all of one name.
fn named<'a>(levels: &'a [Vec<&'a Policy>]) -> Vec<Level<'a>> {
    let level = |policies: &'a Vec<&'a Policy>| Level {
        name: "level",
        policies,
    };
    levels.iter().map(level).collect()
}

#[test]
fn decisions_agree_with_a_second_reading_of_iam() {
    let mut rng = Rng::new(15);
    let mut counted = [0; 3];
    let differs =
        |case: &Value| decided(case).is_some_and(|o| o.to_string() != reference::evaluate(case));
    for n in 0..12_000 {
        let case = random::case(&mut rng);
        let outcome = decided(&case).unwrap_or_else(|| panic!("case {n} is not read: {case:#}"));
        counted[outcome as usize] += 1;
        if differs(&case) {
            let case = random::shrunk(case, differs);
            panic!(
                "case {n}: kmsim decides {}, by IAM's text it is {}: {case:#}",
                decided(&case).expect("a decision"),
                reference::evaluate(&case)
            );
        }
    }
    // Each outcome is tried often enough to mean something.
    assert!(counted.iter().all(|n| *n > 1_500), "{counted:?}");
}

/// The case with one more statement somewhere, where a policy of that kind is there: one that is missing may
/// let everything through.
fn with_statement(rng: &mut Rng, case: &Value, effect: &str) -> Value {
    let mut case = case.clone();
    let places: &[(&str, Kind)] = &[
        ("/identity/0", Kind::Identity),
        ("/boundary", Kind::Boundary),
        ("/session", Kind::Session),
        ("/service_control/0/0", Kind::ServiceControl),
        ("/resource_control/0/0", Kind::ResourceControl),
        ("/resource", Kind::Resource),
    ];
    loop {
        let (place, kind) = *rng.pick(places);
        let statement = random::statement(rng, kind, effect, &case["request"]);
        // Resource control policies only deny, and a resource without a policy can always get one.
        if kind == Kind::ResourceControl && effect == "Allow" {
            continue;
        }
        if kind == Kind::Resource && case["resource"].is_null() {
            case["resource"] = json!({"Version": "2012-10-17", "Statement": [statement]});
            return case;
        }
        if let Some(Value::Array(statements)) = case.pointer_mut(&format!("{place}/Statement")) {
            statements.push(statement);
            return case;
        }
    }
}

#[test]
fn an_allow_added_never_denies_and_a_deny_added_never_allows() {
    let mut rng = Rng::new(16);
    let (mut allowed, mut denied) = (0, 0);
    for n in 0..12_000 {
        let case = random::case(&mut rng);
        let before = decided(&case).expect("a decision") == Outcome::Allow;
        let effect = if before { "Allow" } else { "Deny" };
        let more = with_statement(&mut rng, &case, effect);
        let after = decided(&more).expect("a decision") == Outcome::Allow;
        assert_eq!(before, after, "case {n}, {effect}: {case:#} {more:#}");
        *(if before { &mut allowed } else { &mut denied }) += 1;
    }
    assert!(allowed > 1_500 && denied > 1_500, "{allowed} {denied}");
}
