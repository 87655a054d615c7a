use super::*;
use crate::engine::random::{Key, Stream};

const GOOD: &str = r#"{
  "Version": "2012-10-17",
  "Id": "example",
  "Statement": [
    {
      "Sid": "DenyInsecureTransport",
      "Effect": "Deny",
      "Principal": "*",
      "Action": "s3:*",
      "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
      "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    },
    {
      "Effect": "Allow",
      "Principal": { "AWS": ["111122223333", "arn:aws:iam::111122223333:role/app"], "Service": "logs.us-east-1.amazonaws.com" },
      "NotAction": ["s3:Delete*"],
      "NotResource": "arn:aws:s3:::data/${aws:username}/*",
      "Condition": {
        "ForAllValues:StringLike": { "aws:TagKeys": ["a*", "b"] },
        "NumericLessThanEquals": { "s3:max-keys": 100 },
        "Null": { "aws:MultiFactorAuthAge": true }
      }
    }
  ]
}"#;

/// `line:column: message (help)` of each fault, warnings marked.
fn faults(kind: PolicyKind, text: &str) -> Vec<String> {
    let faults = match read(kind, "policy.json", text) {
        Ok((_, warnings)) => warnings,
        Err(faults) => faults,
    };
    let line = |fault: &Fault| {
        let before = &text[..fault.range.start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        let warning = if fault.is_warning { "warning: " } else { "" };
        assert!(!fault.help.is_empty());
        format!("{line}:{column}: {warning}{}", fault.message)
    };
    faults.iter().map(line).collect()
}

#[test]
fn a_good_policy_has_no_faults() {
    let (policy, warnings) = read(PolicyKind::Bucket, "policy.json", GOOD).expect("a policy");
    assert_eq!(warnings, []);
    assert_eq!(policy.statements.len(), 2);
    assert_eq!(policy.label(0), "DenyInsecureTransport");
    assert_eq!(policy.label(1), "statement 2");
    // One statement needs no array.
    let one = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    assert!(read(PolicyKind::Identity, "policy.json", one).is_ok());
}

#[test]
fn what_is_not_json() {
    for (text, fault) in [
        ("", "1:1: this key policy is not valid JSON: it is empty"),
        (
            "[",
            "1:1: this key policy is not valid JSON: Unterminated array",
        ),
        (
            "{\n  \"Version\": 'x'\n}",
            "2:14: this key policy is not valid JSON: Single-quoted strings are not allowed",
        ),
        (
            "{} // a comment",
            "1:4: this key policy is not valid JSON: Comments are not allowed",
        ),
        (
            "{\"Statement\": [1,]}",
            "1:17: this key policy is not valid JSON: Trailing commas are not allowed",
        ),
        (
            "[]",
            "1:1: a policy must be an object, but this is an array",
        ),
        ("{}", "1:1: this key policy has no `Statement`"),
        ("{\"Statement\":[]}", "1:14: `Statement` is empty"),
        ("null", "1:1: a policy must be an object, but this is null"),
    ] {
        assert_eq!(faults(PolicyKind::Key, text), [fault], "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(faults(PolicyKind::Key, &deep).len(), 1);
}

#[test]
fn every_fault_at_once() {
    let text = r#"{
  "Version": "2013-10-17",
  "Statment": [],
  "Statement": [
    {
      "Sid": "a",
      "Effect": "deny",
      "Principal": { "AWS": "arn:aws:iam::111122223333:role/*", "Servce": "x" },
      "Action": ["s3:GetObject", "GetObject", 7],
      "Resource": "arn:aws:s3:data",
      "Condition": {
        "StringEqual": { "aws:username": "x" },
        "Bool": { "SecureTransport": "false", "aws:SecureTransport": "no" },
        "IpAddress": { "aws:SourceIp": "10.0.0.0/33" },
        "NullIfExists": { "aws:username": null }
      }
    },
    { "Effect": "Allow", "Principal": "*", "Action": [], "Resource": "*", "Resource": "*" },
    { "Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*" },
    "x"
  ]
}"#;
    assert_eq!(
        faults(PolicyKind::Bucket, text),
        [
            "2:14: unknown `Version` \"2013-10-17\"",
            "3:3: unknown key `Statment` in a policy",
            "7:17: `Effect` is \"deny\", neither \"Allow\" nor \"Deny\"",
            "8:29: \"arn:aws:iam::111122223333:role/*\" is not a principal: AWS does not allow wildcards in it",
            "8:65: unknown key `Servce` in a principal",
            "9:34: the action \"GetObject\" has no service",
            "9:47: an action must be a string, but this is the number 7",
            "10:19: the resource \"arn:aws:s3:data\" is not an ARN: it has 4 of 6 parts (arn:partition:service:region:account:resource)",
            "12:9: unknown condition operator `StringEqual`",
            "13:19: `SecureTransport` is not a context key",
            "13:70: warning: `Bool` expects true or false: \"no\" never matches",
            "14:40: warning: `IpAddress` expects an address or block (192.0.2.0/24): \"10.0.0.0/33\" never matches",
            "15:9: unknown condition operator `NullIfExists`",
            "15:43: the value of `aws:username` must be a string, number or boolean, but this is null",
            "18:54: an action is missing: the array is empty",
            "18:75: duplicate key `Resource`",
            "19:5: this statement has neither `Principal` nor `NotPrincipal`",
            "19:5: this statement has neither `Resource` nor `NotResource`",
            "19:57: this statement has both `Action` and `NotAction`",
            "20:5: a statement must be an object, but this is the string \"x\"",
        ]
    );
}

#[test]
fn what_belongs_to_the_kind_of_policy() {
    let principal =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
    let found = faults(PolicyKind::Identity, principal);
    assert_eq!(
        found,
        ["1:44: a statement of an identity policy cannot have `Principal`"]
    );
    let sid = r#"{"Statement":{"Sid":"a b","Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let found = faults(PolicyKind::Session, sid);
    assert_eq!(
        found,
        ["1:21: `Sid` is \"a b\"; IAM allows only letters and digits"]
    );
}

#[test]
fn aliases_stand_for_no_key() {
    let statement = |action: &str, resource: &str| {
        let statement = r#"{"Statement":{"Effect":"Allow","Action":ACTION,"Resource":RESOURCE}}"#;
        let text = statement.replace("ACTION", action);
        faults(PolicyKind::Identity, &text.replace("RESOURCE", resource))
    };
    let alias = r#""arn:aws:kms:*:*:alias/app""#;
    for action in [r#""kms:Decrypt""#, r#"["s3:*","kms:Gen*"]"#, r#""*""#] {
        let found = statement(action, alias);
        assert_eq!(found.len(), 1, "{action}");
        assert!(found[0].contains("warning: an alias in `Resource`"));
    }
    let with_key = r#"["arn:aws:kms:*:*:alias/app","arn:aws:kms:*:*:key/k"]"#;
    for (action, resource) in [
        (r#""kms:*""#, with_key),
        (r#""kms:CreateAlias""#, alias),
        (r#""*""#, r#""arn:aws:s3:::alias/x""#),
    ] {
        assert_eq!(statement(action, resource), [] as [String; 0]);
    }
}

#[test]
fn what_aws_stores_though_it_never_matches_is_a_warning() {
    let old = r#"{"Statement":{"Effect":"Allow","Action":"s3:Get Object","Resource":"arn:aws:s3:::b/${aws:username}"}}"#;
    assert_eq!(
        faults(PolicyKind::Identity, old),
        [
            "1:41: warning: the action \"s3:Get Object\" matches no request",
            "1:68: warning: \"arn:aws:s3:::b/${aws:username}\" has a policy variable, which only version 2012-10-17 supports: it is taken literally",
        ]
    );
}

#[test]
fn a_document_beyond_a_limit_is_a_warning_that_names_it() {
    let statement = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#;
    let of = |kind: PolicyKind, bytes: usize| {
        let statement = if kind.has_principals() {
            statement.replace("\"Action", "\"Principal\":\"*\",\"Action")
        } else {
            statement.to_owned()
        };
        let statement = statement.replace("Allow", "Deny");
        let bare = format!(r#"{{"Version":"2012-10-17","Id":"","Statement":[{statement}]}}"#);
        let id = format!(r#""Id":"{}""#, "x".repeat(bytes - bare.len()));
        faults(kind, &bare.replace("\"Id\":\"\"", &id))
    };
    for (kind, bytes, limits) in [
        (
            PolicyKind::Bucket,
            20_480,
            "20480 bytes for bucket policies",
        ),
        (PolicyKind::Key, 32_768, "32768 bytes for key policies"),
        (
            PolicyKind::Session,
            2_048,
            "2048 bytes for session policies passed as JSON",
        ),
        (
            PolicyKind::Boundary,
            6_144,
            "6144 bytes for customer managed policies",
        ),
        (
            PolicyKind::Identity,
            6_144,
            "6144 bytes for customer managed policies",
        ),
        (
            PolicyKind::ServiceControl,
            10_240,
            "10240 bytes for service control policies",
        ),
        (
            PolicyKind::ResourceControl,
            5_120,
            "5120 bytes for resource control policies",
        ),
    ] {
        assert_eq!(of(kind, bytes), [] as [String; 0], "{kind:?}");
        let found = of(kind, bytes + 1);
        assert_eq!(found.len(), 1, "{found:?}");
        let said = &found[0];
        let size = format!("1:1: warning: this {} has {} bytes", kind.name(), bytes + 1);
        assert!(said.starts_with(&size), "{said}");
        assert!(
            said.ends_with(&format!("more than AWS's limit of {limits}")),
            "{said}"
        );
    }
    // One role's inline policies may have more than a managed policy; beyond that there are AWS's own only.
    let found = of(PolicyKind::Identity, 46_000);
    let both = "6144 bytes for customer managed policies and of 10240 bytes for all inline policies of a role together";
    assert!(found[0].ends_with(both), "{found:?}");
    // Blanks do not count in IAM's policies.
    let blank = format!(
        r#"{{"Statement":{{"Effect":"Allow",{}"Action":"*","Resource":"*"}}}}"#,
        " ".repeat(10_000)
    );
    assert_eq!(faults(PolicyKind::Identity, &blank), [] as [String; 0]);
    assert_eq!(faults(PolicyKind::Session, &blank).len(), 1);
}

#[test]
fn a_resource_control_policy_only_denies() {
    let of = |effect: &str, principal: &str, action: &str, more: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":"{action}","Resource":"*"{more}}}]}}"#
        );
        faults(PolicyKind::ResourceControl, &text)
    };
    let account = r#"{"AWS":"111122223333"}"#;
    let tls = r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#;
    for (principal, action, more) in [
        ("\"*\"", "s3:*", ""),
        ("\"*\"", "*", tls),
        (account, "*", ""),
    ] {
        let found = of("Allow", principal, action, more);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("can only deny: RCPFullAWSAccess"),
            "{found:?}"
        );
    }
    for more in ["", tls] {
        assert_eq!(of("Deny", "\"*\"", "s3:*", more), [] as [String; 0]);
    }
    // RCPFullAWSAccess itself, written out.
    assert_eq!(of("Allow", "\"*\"", "*", ""), [] as [String; 0]);
    assert_eq!(of("Allow", r#"{"AWS":"*"}"#, "*", ""), [] as [String; 0]);
}

#[test]
fn what_aws_does_not_store_in_a_resource_control_policy_is_a_warning() {
    let of = |kind: PolicyKind, statement: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Resource":"*",{statement}}}]}}"#
        );
        match read(kind, "p.json", &text) {
            Ok((_, warnings)) => warnings,
            Err(faults) => panic!("{statement}: {faults:?}"),
        }
    };
    let role = r#"{"AWS":"arn:aws:iam::111122223333:role/app"}"#;
    for (statement, expected) in [
        (
            format!(r#""Principal":{role},"Action":"s3:*""#),
            "a `Principal` other than `*`",
        ),
        (
            r#""Principal":{"Service":"s3.amazonaws.com"},"Action":"s3:*""#.to_owned(),
            "a `Principal` other than `*`",
        ),
        (
            r#""Principal":{"AWS":["*","111122223333"]},"Action":"s3:*""#.to_owned(),
            "a `Principal` other than `*`",
        ),
        (
            r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"s3:*""#.to_owned(),
            "`NotPrincipal`",
        ),
        (
            r#""Principal":"*","NotAction":"kms:*""#.to_owned(),
            "`NotAction`",
        ),
        (
            r#""Principal":"*","Action":["s3:*","*"]"#.to_owned(),
            "the action `*` of every service",
        ),
    ] {
        let found = of(PolicyKind::ResourceControl, &statement);
        assert_eq!(found.len(), 1, "{statement}: {found:?}");
        let message = format!("AWS does not store {expected} in a resource control policy");
        assert_eq!(found[0].message, message, "{statement}");
        assert_eq!(of(PolicyKind::Bucket, &statement), [], "{statement}");
    }
    for fine in [
        r#""Principal":"*","Action":"s3:*""#,
        r#""Principal":{"AWS":"*"},"Action":["s3:*Object","kms:?ecrypt"]"#,
    ] {
        assert_eq!(of(PolicyKind::ResourceControl, fine), [], "{fine}");
    }
}

#[test]
fn control_policies_need_the_version_of_today() {
    for version in ["", r#""Version":"2008-10-17","#] {
        let text = format!(
            r#"{{{version}"Statement":[{{"Effect":"Deny","Action":"s3:*","Resource":"*"}}]}}"#
        );
        let found = faults(PolicyKind::ServiceControl, &text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("only with `\"Version\": \"2012-10-17\"`"));
        assert_eq!(faults(PolicyKind::Identity, &text), [] as [String; 0]);
    }
}

#[test]
fn a_deny_that_excepts_a_principal_without_its_account_is_a_warning() {
    let of = |effect: &str, key: &str, principals: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","{key}":{{"AWS":[{principals}]}},"Action":"s3:*","Resource":"*"}}]}}"#
        );
        faults(PolicyKind::Bucket, &text)
    };
    let role = r#""arn:aws:iam::111122223333:role/app""#;
    let user = r#""arn:aws:iam::444455556666:user/bob""#;
    let found = of(
        "Deny",
        "NotPrincipal",
        &format!("{role},{user},\"111122223333\""),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("warning: this Deny excepts `arn:aws:iam::444455556666:user/bob` but not its account 444455556666"), "{found:?}");
    let root = r#""arn:aws:iam::111122223333:root""#;
    for (effect, key, principals) in [
        ("Deny", "NotPrincipal", format!("{role},{root}")),
        ("Deny", "NotPrincipal", root.to_owned()),
        ("Deny", "Principal", role.to_owned()),
        ("Allow", "NotPrincipal", role.to_owned()),
    ] {
        assert_eq!(
            of(effect, key, &principals),
            [] as [String; 0],
            "{effect} {key} {principals}"
        );
    }
}

#[test]
fn principals_that_aws_stores_and_no_scenario_has_mean_nobody() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{
        "AWS":["arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC","AROAJQABLZS4A3QDU576Q","AIDAJQABLZS4A3QDU576Q"],
        "CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
        "Federated":["cognito-identity.amazonaws.com","arn:aws:iam::111122223333:saml-provider/idp"],
        "Service":["logs.cn-north-1.amazonaws.com.cn","s3.amazonaws.eu","states.aws.internal"]
    },"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#;
    assert_eq!(faults(PolicyKind::Bucket, text), [] as [String; 0]);
    let (policy, _) = read(PolicyKind::Bucket, "p", text).expect("a policy");
    for principal in [
        "arn:aws:sts::111122223333:assumed-role/app/s1",
        "arn:aws:iam::111122223333:user/CloudFront",
        "cloudfront.amazonaws.com",
    ] {
        let principal = principal.parse().expect("a principal");
        assert_eq!(policy.statements[0].means(&principal, false), None);
    }
    for (text, kind) in [
        ("arn:aws:iam::cloudfront:role/x", "AWS"),
        ("arn:aws:s3::cloudfront:user/x", "AWS"),
        ("arn:aws:iam::elsewhere:user/x", "AWS"),
        ("logs.example.com", "Service"),
    ] {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"{kind}":"{text}"}},"Action":"s3:*","Resource":"*"}}}}"#
        );
        assert_eq!(faults(PolicyKind::Bucket, &text).len(), 1, "{text}");
    }
}

/// Texts one or several changes away from a good policy: read or refused with places inside the text,
/// never a panic.
#[test]
fn no_text_makes_it_panic() {
    const BITS: [&str; 22] = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "*",
        "?",
        "${",
        "null",
        "1e999",
        "\\u0000",
        "é",
        "\\",
        "arn:",
        "aws",
        "Deny",
        "NotPrincipal",
        "ForAnyValue:",
        "IfExists",
        "\u{1F511}",
    ];
    let below = |stream: &mut Stream, n: usize| stream.below(n as u64) as usize;
    let mut read_well = 0;
    for case in 0..20_000_u64 {
        let mut stream = Key::root(7, case).named("mutations").stream();
        let mut text: Vec<char> = GOOD.chars().collect();
        for _ in 0..=below(&mut stream, 4) {
            let at = below(&mut stream, text.len());
            let to = (at + below(&mut stream, 40)).min(text.len());
            match below(&mut stream, 4) {
                0 => drop(text.drain(at..to)),
                1 => {
                    let bit = BITS[below(&mut stream, BITS.len())];
                    text.splice(at..at, bit.chars());
                }
                2 => {
                    let copy = text[at..to].to_vec();
                    text.splice(at..at, copy);
                }
                _ => {
                    let bit = BITS[below(&mut stream, BITS.len())];
                    text.splice(at..to, bit.chars());
                }
            }
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        for kind in [PolicyKind::Bucket, PolicyKind::Identity] {
            match read(kind, "policy.json", &text) {
                Ok((policy, _)) => {
                    read_well += 1;
                    assert!(!policy.statements.is_empty(), "{text}");
                }
                Err(faults) => {
                    assert!(faults.iter().any(|f| !f.is_warning), "{text}");
                    for fault in faults {
                        assert!(text.get(fault.range.clone()).is_some(), "{fault:?} {text}");
                    }
                }
            }
        }
    }
    assert!(read_well > 100, "{read_well}");
}
