use super::super::context::Context;
use super::super::decision::{Level, decide};
use super::super::policy;
use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

fn request(context: Context) -> Request {
    Request {
        principal: SESSION.parse().expect("a principal"),
        action: "kms:Decrypt".to_owned(),
        resource: KEY.parse().expect("an ARN"),
        resource_account: "111122223333".to_owned(),
        context,
    }
}

fn key_policy(statements: &str) -> Policy {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let (policy, _) = policy::read(PolicyKind::Key, "key.json", &text).expect("a policy");
    policy
}

/// An Allow for the role under a condition, and what a request with that context lacks of it.
fn misses(condition: &str, context: Context) -> Vec<NearMiss> {
    let policy = key_policy(&format!(
        r#"{{"Sid":"S","Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:*","Resource":"*","Condition":{condition}}}"#
    ));
    let policies = Policies {
        resource: Some(&policy),
        ..Policies::default()
    };
    let request = request(context);
    near_misses(&request, policies, &decide(&request, policies))
}

#[test]
fn the_condition_that_failed_is_named_with_what_it_wants_and_what_it_gets() {
    let single = |text: &str| Some(ContextValue::Single(text.to_owned()));
    let several = |texts: &[&str]| {
        let texts = texts.iter().map(|&t| t.to_owned());
        Some(ContextValue::Several(texts.collect()))
    };
    let none: Option<ContextValue> = None;
    for (operator, key, wanted, actual) in [
        (
            "StringEquals",
            "kms:CallerAccount",
            r#"["a","b"]"#,
            single("c"),
        ),
        (
            "StringLike",
            "kms:ViaService",
            r#""s3.*.amazonaws.com""#,
            single("ec2.eu-west-1.amazonaws.com"),
        ),
        (
            "StringNotEquals",
            "aws:PrincipalTag/team",
            r#""finance""#,
            single("finance"),
        ),
        (
            "ArnEquals",
            "kms:EncryptionContext:aws:s3:arn",
            r#""arn:aws:s3:::b/o""#,
            single("arn:aws:s3:::b"),
        ),
        (
            "ArnLike",
            "aws:SourceArn",
            r#""arn:aws:logs:*:*:*""#,
            none.clone(),
        ),
        ("Bool", "aws:SecureTransport", r#""true""#, single("false")),
        (
            "IpAddress",
            "aws:SourceIp",
            r#""192.0.2.0/24""#,
            single("198.51.100.1"),
        ),
        (
            "NotIpAddress",
            "aws:SourceIp",
            r#""192.0.2.0/24""#,
            single("192.0.2.1"),
        ),
        (
            "DateGreaterThan",
            "aws:CurrentTime",
            r#""2030-01-01T00:00:00Z""#,
            single("2026-11-30T00:00:00Z"),
        ),
        (
            "NumericLessThan",
            "aws:MultiFactorAuthAge",
            r#""3600""#,
            single("4000"),
        ),
        ("Null", "aws:SourceVpce", r#""false""#, none.clone()),
        ("Null", "aws:SourceVpce", r#""true""#, single("vpce-1")),
        (
            "StringEquals",
            "aws:SourceVpce",
            r#""vpce-1""#,
            none.clone(),
        ),
        (
            "ForAllValues:StringEquals",
            "kms:EncryptionContextKeys",
            r#"["aws:s3:arn"]"#,
            several(&["aws:s3:arn", "team"]),
        ),
        (
            "ForAnyValue:StringEquals",
            "kms:EncryptionContextKeys",
            r#"["team"]"#,
            several(&["aws:s3:arn"]),
        ),
    ] {
        let mut context = Context::from([("aws:PrincipalType", "AssumedRole")]);
        if let Some(value) = &actual {
            context.put(key, value.clone());
        }
        let holds = r#""StringEquals":{"aws:principaltype":"AssumedRole"}"#;
        let condition = format!(r#"{{"{operator}":{{"{key}":{wanted}}},{holds}}}"#).replace(
            r#"},"StringEquals":{"aws:principaltype"#,
            r#"},"StringEqualsIgnoreCase":{"aws:principaltype"#,
        );
        let found = misses(&condition, context);
        assert_eq!(found.len(), 1, "{operator}");
        let near = &found[0];
        assert_eq!(
            (near.statement.as_str(), near.failed()),
            ("S", 1),
            "{operator}"
        );
        assert!(near.principal_matches && near.resource_matches);
        assert_eq!(near.conditions.len(), 2);
        let failed = near
            .conditions
            .iter()
            .find(|c| !c.holds)
            .expect("one that failed");
        let wanted: serde_json::Value = serde_json::from_str(wanted).expect("JSON");
        let wanted: Vec<String> = match wanted {
            serde_json::Value::Array(all) => all
                .iter()
                .filter_map(|v| v.as_str())
                .map(str::to_owned)
                .collect(),
            one => vec![one.as_str().expect("a text").to_owned()],
        };
        let expected = ConditionAsked {
            operator: operator.to_owned(),
            key: key.to_owned(),
            wanted,
            actual,
            holds: false,
        };
        assert_eq!(*failed, expected);
    }
}

#[test]
fn what_has_less_in_the_way_comes_first_and_what_is_about_something_else_not_at_all() {
    let policy = key_policy(
        r#"{"Sid":"OtherRole","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/other"},"Action":"kms:*","Resource":"*"},
           {"Sid":"OtherAction","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"kms:Encrypt","Resource":"*"},
           {"Sid":"Two","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:a":"1","aws:b":"2"}}},
           {"Sid":"OtherKey","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:111122223333:key/other"},
           {"Sid":"Deny","Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Bool":{"aws:c":"true"}}},
           {"Sid":"OtherKeyToo","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:111122223333:key/other","Condition":{"StringEquals":{"aws:a":"1"}}}"#,
    );
    let policies = Policies {
        resource: Some(&policy),
        ..Policies::default()
    };
    let of = |context: Context| {
        let request = request(context);
        let found = near_misses(&request, policies, &decide(&request, policies));
        let names = found.iter().map(|n| (n.statement.clone(), n.failed()));
        names.collect::<Vec<_>>()
    };
    let named = |all: &[(&str, usize)]| {
        let names = all.iter().map(|&(name, failed)| (name.to_owned(), failed));
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        of(Context::new()),
        named(&[("OtherKey", 1), ("Two", 2), ("OtherRole", 1)])
    );
    // Of an explicit Deny it is the statement that denies.
    assert_eq!(
        of(Context::from([("aws:c", "true")])),
        named(&[("Deny", 0)])
    );
    // What is allowed has none.
    assert_eq!(of(Context::from([("aws:a", "1"), ("aws:b", "2")])), []);
}

#[test]
fn only_the_levels_that_are_silent_are_searched() {
    let scp = |effect: &str, condition: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S","Effect":"{effect}","Action":"*","Resource":"*"{condition}}}]}}"#
        );
        let (policy, _) =
            policy::read(PolicyKind::ServiceControl, "scp.json", &text).expect("a policy");
        policy
    };
    let full = scp("Allow", "");
    let regional = scp(
        "Allow",
        r#","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}"#,
    );
    let all = key_policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:*","Resource":"*"}}"#
    ));
    let (both, one) = ([&full, &regional], [&regional]);
    let levels = [
        Level {
            name: "root",
            policies: &both,
        },
        Level {
            name: "account",
            policies: &one,
        },
    ];
    let policies = Policies {
        service_control: &levels,
        resource: Some(&all),
        ..Policies::default()
    };
    let request = request(Context::from([("aws:RequestedRegion", "us-east-1")]));
    let found = near_misses(&request, policies, &decide(&request, policies));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, PolicyKind::ServiceControl);
}

#[test]
fn a_key_that_the_request_does_not_carry_is_missed_where_it_would_turn_the_answer() {
    let vpce = |effect: &str, operator: &str| {
        format!(
            r#"{{"Sid":"Vpce","Effect":"{effect}","Principal":"*","Action":"kms:*","Resource":"*","Condition":{{"{operator}":{{"aws:SourceVpce":"vpce-1"}},"StringEquals":{{"aws:PrincipalType":"AssumedRole"}}}}}}"#
        )
    };
    let role = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:*","Resource":"*"}}"#
    );
    let missed = |statements: &str, principal_type: &str, open: bool| {
        let policy = key_policy(statements);
        let policies = Policies {
            resource: Some(&policy),
            ..Policies::default()
        };
        let request = request(Context::from([("aws:PrincipalType", principal_type)]));
        let decision = decide(&request, policies);
        let found = keys_missed(&request, policies, &decision, |_| open, |_, _| true);
        found.iter().map(|m| m.key.clone()).collect::<Vec<_>>()
    };
    let both = |effect: &str, operator: &str| format!("{},{role}", vpce(effect, operator));
    // An Allow that is needed, a Deny that would deny, a Deny that denies for want of the key.
    for statements in [
        vpce("Allow", "StringLike"),
        both("Deny", "StringLike"),
        both("Deny", "StringNotLike"),
        vpce("Allow", "ForAllValues:StringLike"),
    ] {
        assert_eq!(
            missed(&statements, "AssumedRole", true),
            ["aws:SourceVpce"],
            "{statements}"
        );
        // Absent for good.
        assert_eq!(
            missed(&statements, "AssumedRole", false),
            [""; 0],
            "{statements}"
        );
        // Another of its conditions fails, whatever the key would hold.
        assert_eq!(missed(&statements, "User", true), [""; 0], "{statements}");
    }
    // Allowed all the same.
    assert_eq!(
        missed(&both("Allow", "StringLike"), "AssumedRole", true),
        [""; 0]
    );
}
