//! Random requests with the policies that have a say, as JSON, and their smallest part that still shows a fault.

use crate::common::Rng;
use serde_json::{Map, Value, json};

const OWN: &str = "111122223333";
const PRINCIPALS: [&str; 10] = [
    "arn:aws:sts::111122223333:assumed-role/app/s1",
    "arn:aws:sts::111122223333:assumed-role/app/s1",
    "arn:aws:sts::444455556666:assumed-role/App/s2",
    "arn:aws:iam::111122223333:role/team/app",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::444455556666:user/alice",
    "arn:aws:sts::111122223333:federated-user/alice",
    "arn:aws:iam::111122223333:root",
    "logs.eu-west-3.amazonaws.com",
    "cloudtrail.amazonaws.com",
];
const RESOURCES: [&str; 5] = [
    "arn:aws:s3:::data/a/b.txt",
    "arn:aws:s3:::data/a:b:c",
    "arn:aws:s3:::data",
    "arn:aws:kms:eu-west-3:111122223333:key/k1",
    "arn:aws:kms:us-east-1:111122223333:key/k2",
];

/// A request and its policies.
pub fn case(rng: &mut Rng) -> Value {
    let principal = *rng.pick(&PRINCIPALS);
    let resource = *rng.pick(&RESOURCES);
    let actions: &[&str] = if resource.contains(":kms:") {
        &["kms:Decrypt", "kms:GenerateDataKey"]
    } else {
        &["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
    };
    let request = json!({
        "principal": principal,
        "action": *rng.pick(actions),
        "resource": resource,
        "resource_account": OWN,
        "context": context(rng, principal),
    });
    let is_service = !principal.starts_with("arn:");
    let some = |rng: &mut Rng, kind: Kind, p: f64| {
        if rng.chance(p) {
            document(rng, kind, &request)
        } else {
            Value::Null
        }
    };
    let by_principal = if is_service || principal.ends_with(":root") {
        0.0
    } else {
        1.0
    };
    let identity = some(rng, Kind::Identity, 0.8 * by_principal);
    let boundary = some(rng, Kind::Boundary, 0.3 * by_principal);
    let session = some(rng, Kind::Session, 0.3 * by_principal);
    let resource_policy = some(rng, Kind::Resource, 0.8);
    let levels = |rng: &mut Rng, kind: Kind| -> Value {
        if rng.chance(0.75) {
            return json!([]);
        }
        let level = |rng: &mut Rng| -> Value {
            let principal = matches!(kind, Kind::ResourceControl).then_some(json!("*"));
            let mut full = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            if let Some(principal) = principal {
                full["Principal"] = principal;
            }
            let mut documents = vec![document(rng, kind, &request)];
            if rng.chance(0.7) {
                documents.push(json!({"Version": "2012-10-17", "Statement": full}));
            }
            Value::Array(documents)
        };
        let n = 1 + rng.below(2);
        (0..n).map(|_| level(rng)).collect()
    };
    let service_control = levels(rng, Kind::ServiceControl);
    let resource_control = levels(rng, Kind::ResourceControl);
    json!({
        "request": request,
        "identity": if identity.is_null() { json!([]) } else { json!([identity]) },
        "boundary": boundary,
        "session": session,
        "service_control": service_control,
        "resource_control": resource_control,
        "resource": resource_policy,
    })
}

/// What a document is attached to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Identity,
    Boundary,
    Session,
    ServiceControl,
    ResourceControl,
    Resource,
}

fn context(rng: &mut Rng, principal: &str) -> Value {
    let mut context = Map::new();
    if let Some((head, role)) = principal.split_once(":assumed-role/") {
        let role = role.split('/').next().unwrap_or_default();
        let arn = format!("{}:role/{role}", head.replace(":sts:", ":iam:"));
        context.insert("aws:PrincipalArn".to_owned(), arn.into());
    } else if principal.starts_with("arn:") {
        context.insert("aws:PrincipalArn".to_owned(), principal.into());
    }
    for (key, values) in VALUES {
        if rng.chance(0.5) {
            context.insert(key.to_owned(), (*rng.pick(values)).into());
        }
    }
    if rng.chance(0.5) {
        let tags = ["", "a", "b", "Team"];
        let n = rng.below(3);
        let tags: Value = (0..n).map(|_| Value::from(*rng.pick(&tags))).collect();
        context.insert("aws:TagKeys".to_owned(), tags);
    }
    Value::Object(context)
}

/// Context keys and the values that a request has under them.
const VALUES: [(&str, &[&str]); 8] = [
    ("aws:SecureTransport", &["true", "false"]),
    (
        "aws:SourceIp",
        &["192.0.2.7", "198.51.100.1", "2001:db8::1"],
    ),
    ("aws:username", &["alice", "al*ce", "b.txt"]),
    ("aws:PrincipalTag/team", &["a", "data", ""]),
    ("s3:max-keys", &["1", "10", "x"]),
    ("s3:prefix", &["", "a/", "home/alice"]),
    ("aws:CurrentTime", &["2026-11-24T18:00:00Z"]),
    (
        "aws:SourceArn",
        &[
            "arn:aws:s3:::data",
            "arn:aws:logs:eu-west-3:111122223333:log-group:/a:x",
        ],
    ),
];

/// A document with up to three statements.
pub fn document(rng: &mut Rng, kind: Kind, request: &Value) -> Value {
    let n = 1 + rng.below(3);
    let statements: Vec<Value> = (0..n)
        .map(|_| {
            // Organizations stores no Allow in a resource control policy but that of everything.
            let denies = rng.chance(if kind == Kind::ResourceControl {
                1.0
            } else {
                0.15
            });
            statement(rng, kind, if denies { "Deny" } else { "Allow" }, request)
        })
        .collect();
    let version = if rng.chance(0.9) {
        "2012-10-17"
    } else {
        "2008-10-17"
    };
    json!({"Version": version, "Statement": statements})
}

/// A statement that often has to do with the request.
pub fn statement(rng: &mut Rng, kind: Kind, effect: &str, request: &Value) -> Value {
    let mut statement = json!({"Effect": effect});
    if matches!(kind, Kind::Resource | Kind::ResourceControl) {
        let any = kind == Kind::ResourceControl;
        let element = if !any && rng.chance(0.1) {
            "NotPrincipal"
        } else {
            "Principal"
        };
        statement[element] = if any {
            json!("*")
        } else {
            principal(rng, request)
        };
    }
    let action = request["action"].as_str().unwrap_or_default();
    let actions = [
        "*",
        "s3:*",
        "kms:*",
        "S3:get*",
        "s3:?etObject",
        "kms:Decrypt",
        action,
        action,
    ];
    let element = if rng.chance(0.1) {
        "NotAction"
    } else {
        "Action"
    };
    statement[element] = some(rng, &actions);
    let resource = request["resource"].as_str().unwrap_or_default();
    let mut resources = vec![
        "*",
        "*",
        resource,
        resource,
        "arn:aws:s3:::data/*",
        "arn:aws:s3:::data",
        "arn:aws:s3:::*",
        "arn:*:s3:*:*:data/a*",
        "arn:aws:s3:::data/${aws:username}",
        "arn:aws:s3:::DATA/*",
        "arn:aws:s3:::${aws:PrincipalTag/team, 'data'}/a/*",
        "arn:aws:S3:::data/*",
        "arn:aws:s3:::data/?:b:c",
        "arn:aws:kms:*:*:key/*",
        "arn:aws:kms:*:111122223333:key/k1",
        "arn:aws:kms:EU-WEST-3:*:key/*",
        "arn:aws:kms:eu-*-3:*:key/k?",
        "arn:aws:kms:*:*:alias/*",
        "arn:aws:s3:::data/a/${*}",
    ];
    if kind != Kind::Session {
        resources.extend([
            "arn:aws:kms:*:key/k1",
            "arn:aws:kms:*",
            "arn:aws:s*",
            "arn:aws*:b:c",
            "arn:aws:s3:*:c",
        ]);
    }
    if matches!(kind, Kind::Identity | Kind::Boundary) {
        resources.extend([
            "arn:aws:s3",
            "arn:aws:kms:eu-west-3",
            "arn:aws",
            "arn:aws:s3:::data/a",
        ]);
    }
    let element = if rng.chance(0.1) {
        "NotResource"
    } else {
        "Resource"
    };
    statement[element] = some(rng, &resources);
    if rng.chance(0.4) {
        statement["Condition"] = condition(rng, request);
    }
    statement
}

fn some(rng: &mut Rng, of: &[&str]) -> Value {
    let n = 1 + rng.below(2);
    if n == 1 {
        return (*rng.pick(of)).into();
    }
    (0..n).map(|_| Value::from(*rng.pick(of))).collect()
}

fn principal(rng: &mut Rng, request: &Value) -> Value {
    let asks = request["principal"].as_str().unwrap_or_default();
    let aws = [
        "*",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "444455556666",
        "arn:aws:iam::444455556666:root",
        "arn:aws:iam::111122223333:role/app",
        "arn:aws:iam::111122223333:role/team/app",
        "arn:aws:iam::444455556666:role/app",
        "arn:aws:iam::111122223333:user/alice",
        "arn:aws:sts::111122223333:assumed-role/app/s1",
        "arn:aws:sts::111122223333:assumed-role/app/other",
        "arn:aws:sts::111122223333:federated-user/alice",
        "AROAJQABLZS4A3QDU576Q",
    ];
    match rng.below(8) {
        0 => json!("*"),
        1 => {
            json!({"Service": some(rng, &["logs.eu-west-3.amazonaws.com", "cloudtrail.amazonaws.com", "*"])})
        }
        2 => json!({"AWS": some(rng, &aws), "Service": "cloudtrail.amazonaws.com"}),
        3 if asks.starts_with("arn:") => json!({"AWS": asks}),
        4 => json!({"Federated": "accounts.example.com", "AWS": some(rng, &aws)}),
        5 => json!({"CanonicalUser": "79a59df900b949e5"}),
        _ => json!({"AWS": some(rng, &aws)}),
    }
}

fn condition(rng: &mut Rng, request: &Value) -> Value {
    let mut condition = Map::new();
    for _ in 0..=rng.below(2) {
        let arn = request["context"]["aws:PrincipalArn"]
            .as_str()
            .unwrap_or("x");
        let texts = [
            "a",
            "A",
            "",
            "a*",
            "${aws:username}",
            "home/${aws:username}",
            "data",
            "b?txt",
            "*",
            "x",
        ];
        let arns = [
            arn,
            arn,
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:*",
            "arn:aws:iam:*:user/alice",
            "arn:aws:s3:::data",
            "arn:aws:s3:::*",
            "arn:aws:logs:*:*:log-group:*",
            "arn:AWS:iam::*:*",
            "arn:aws:iam::${aws:username}:*",
            "arn:aws:iam::*:user/${aws:username}",
        ];
        let (operators, key, values): (&[&str], &str, &[&str]) = match rng.below(8) {
            0 => (&["Bool"], "aws:SecureTransport", &["true", "false", "True"]),
            1 => (
                &["IpAddress", "NotIpAddress"],
                "aws:SourceIp",
                &["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0"],
            ),
            2 => (
                &[
                    "NumericEquals",
                    "NumericNotEquals",
                    "NumericLessThan",
                    "NumericLessThanEquals",
                    "NumericGreaterThan",
                    "NumericGreaterThanEquals",
                ],
                "s3:max-keys",
                &["1", "5", "10.0"],
            ),
            3 => (
                &[
                    "DateEquals",
                    "DateNotEquals",
                    "DateLessThan",
                    "DateLessThanEquals",
                    "DateGreaterThan",
                    "DateGreaterThanEquals",
                ],
                "aws:CurrentTime",
                &[
                    "2026-11-24T18:00:00Z",
                    "2026-01-01T00:00:00Z",
                    "1795543200",
                    "2027-03-01T00:00:00Z",
                ],
            ),
            4 => (
                &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
                "aws:PrincipalArn",
                &arns,
            ),
            5 => (
                &["ArnLike", "StringLike", "StringNotLike"],
                *rng.pick(&["aws:SourceArn", "AWS:principalARN"]),
                &arns,
            ),
            6 => (
                &["Null"],
                *rng.pick(&["aws:SourceArn", "aws:TagKeys", "aws:username"]),
                &["true", "false"],
            ),
            _ => (
                &[
                    "StringEquals",
                    "StringNotEquals",
                    "StringEqualsIgnoreCase",
                    "StringNotEqualsIgnoreCase",
                    "StringLike",
                    "StringNotLike",
                ],
                *rng.pick(&[
                    "aws:TagKeys",
                    "AWS:tagkeys",
                    "aws:username",
                    "s3:prefix",
                    "aws:PrincipalTag/TEAM",
                ]),
                &texts,
            ),
        };
        let mut operator = (*rng.pick(operators)).to_owned();
        let set = if key.eq_ignore_ascii_case("aws:TagKeys") {
            0.8
        } else {
            0.15
        };
        if operator != "Null" && rng.chance(0.2) {
            operator += "IfExists";
        }
        if operator != "Null" && rng.chance(set) {
            operator = format!("{}:{operator}", rng.pick(&["ForAllValues", "ForAnyValue"]));
        }
        let values = some(rng, values);
        let keys = condition.entry(operator).or_insert_with(|| json!({}));
        keys[key] = values;
    }
    Value::Object(condition)
}

/// The least that is left of a case if everything is taken out without which it still shows the fault.
pub fn shrunk(mut case: Value, shows: impl Fn(&Value) -> bool) -> Value {
    loop {
        let smaller = without_one(&case)
            .into_iter()
            .find(|smaller| shows(smaller));
        match smaller {
            Some(smaller) => case = smaller,
            None => return case,
        }
    }
}

/// The value with one element, key or document left out, in every place.
fn without_one(value: &Value) -> Vec<Value> {
    let mut smaller = Vec::new();
    match value {
        Value::Array(values) => {
            for i in 0..values.len() {
                let mut fewer = values.clone();
                fewer.remove(i);
                smaller.push(Value::Array(fewer));
            }
            for (i, inner) in values.iter().enumerate() {
                for less in without_one(inner) {
                    let mut changed = values.clone();
                    changed[i] = less;
                    smaller.push(Value::Array(changed));
                }
            }
        }
        Value::Object(keys) => {
            for (key, inner) in keys {
                let mut fewer = keys.clone();
                fewer.remove(key);
                smaller.push(Value::Object(fewer));
                for less in without_one(inner) {
                    let mut changed = keys.clone();
                    changed[key] = less;
                    smaller.push(Value::Object(changed));
                }
            }
        }
        _ => {}
    }
    smaller
}
