//! Why requests are refused, as `explain` tells it, and what a scenario is warned of because its answers rest on it.

use crate::common::load;
use kmsim::access::ContextValue;
use kmsim::explain::{Explanation, explain, text};
use serde_json::{Value, json};

/// A reader of a bucket under a key; the key's policy and the reader's own lead to `k.json` and `id.json`.
fn scenario(dir: &tempfile::TempDir, workload: &str, documents: &[(&str, Value)]) -> String {
    for (name, statement) in documents {
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        std::fs::write(dir.path().join(name), document.to_string()).expect("write");
    }
    let given = |name: &str, line: &str| {
        let is_given = documents.iter().any(|(given, _)| *given == name);
        if is_given { line } else { "" }.to_owned()
    };
    let (key, id, bucket) = (
        given("k.json", "policy = 'DIR/k.json'"),
        given("id.json", "identity_policies = ['DIR/id.json']"),
        given("bp.json", "policy = 'DIR/bp.json'"),
    );
    let text = format!(
        r#"
horizon = "1m"
region = "eu-west-3"
replications = 2
[key.k]
{key}
[bucket.b]
key = "k"
{bucket}
[requester.r]
{id}
[workload.w]
bucket = "b"
operations.GetObject = 1
arrivals.poisson.rate = "5/s"
clients = 1
{workload}
"#
    );
    text.replace("DIR", &dir.path().display().to_string())
}

fn explained(workload: &str, documents: &[(&str, Value)]) -> Explanation {
    let dir = tempfile::tempdir().expect("a folder");
    let loaded = load(&scenario(&dir, workload, documents));
    let mut explained = explain(&loaded.variants[0], Some("w"), None).remove(0);
    // The folder has another name each time.
    let folder = format!("{}/", dir.path().display());
    for near in explained
        .permissions
        .iter_mut()
        .flat_map(|p| &mut p.near_misses)
    {
        near.policy = near.policy.replace(&folder, "");
    }
    for p in &mut explained.permissions {
        p.rests_on
            .iter_mut()
            .for_each(|k| k.policy = k.policy.replace(&folder, ""));
        p.statements
            .iter_mut()
            .for_each(|s| s.policy = s.policy.replace(&folder, ""));
    }
    explained
}

fn warnings(workload: &str, documents: &[(&str, Value)]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a folder");
    load(&scenario(&dir, workload, documents)).warnings
}

const ROLE: &str = "arn:aws:iam::111122223333:role/r";

fn allow_role(sid: &str, condition: Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:*", "Resource": "*", "Condition": condition})
}

#[test]
fn a_refusal_names_the_condition_that_failed_and_the_whole_context() {
    let object = json!({"StringEquals": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::b"}});
    let elsewhere = json!({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:CallerAccount": "111122223333"}});
    let other = json!({"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/admin"}, "Action": "kms:*", "Resource": "*"});
    let policy = json!([
        other,
        allow_role("Bucket", object),
        allow_role("Elsewhere", elsewhere)
    ]);
    let e = explained("", &[("k.json", policy)]);
    assert_eq!(e.decision, "implicit deny");
    let refused = e.permissions.last().expect("a permission");
    let names: Vec<&str> = refused
        .near_misses
        .iter()
        .map(|n| n.statement.as_str())
        .collect();
    assert_eq!(names, ["Bucket", "Elsewhere", "Admin"]);
    let bucket = &refused.near_misses[0];
    assert_eq!(
        (bucket.kind, bucket.policy.as_str()),
        ("key policy", "k.json")
    );
    assert!(bucket.principal_matches && bucket.resource_matches);
    let condition = &bucket.conditions[0];
    assert_eq!(condition.operator, "StringEquals");
    assert_eq!(condition.key, "kms:EncryptionContext:aws:s3:arn");
    assert_eq!(condition.wanted, ["arn:aws:s3:::b"]);
    let actual = ContextValue::Single("arn:aws:s3:::b/w/object".to_owned());
    assert_eq!(condition.actual, Some(actual));
    assert!(!condition.holds);
    let elsewhere = &refused.near_misses[1].conditions;
    let held: Vec<(&str, bool)> = elsewhere
        .iter()
        .map(|c| (c.key.as_str(), c.holds))
        .collect();
    assert_eq!(
        held,
        [("kms:ViaService", false), ("kms:CallerAccount", true)]
    );
    assert!(!refused.near_misses[2].principal_matches);
    assert_eq!(
        refused.near_misses[2].principals,
        ["arn:aws:iam::111122223333:role/admin"]
    );
    // Every key of the request, spelled as AWS spells it.
    let context = refused.context.as_ref().expect("a context");
    for (key, value) in [
        ("aws:PrincipalArn", ROLE),
        ("kms:ViaService", "s3.eu-west-3.amazonaws.com"),
        (
            "kms:EncryptionContext:aws:s3:arn",
            "arn:aws:s3:::b/w/object",
        ),
        ("aws:ViaAWSService", "true"),
        ("aws:SecureTransport", "true"),
    ] {
        assert_eq!(
            context.get(key),
            Some(&ContextValue::Single(value.to_owned())),
            "{key}"
        );
    }
    // What is allowed has neither.
    let allowed = &e.permissions[0];
    assert!(
        allowed.near_misses.is_empty() && allowed.context.is_none(),
        "{allowed:?}"
    );
    // For people: what stands in the way, and no condition that holds.
    let shown = text(std::slice::from_ref(&e));
    for line in [
        "near miss     Bucket of the key policy k.json\n",
        "                StringEquals of kms:EncryptionContext:aws:s3:arn fails\n",
        "                  wants arn:aws:s3:::b; gets arn:aws:s3:::b/w/object\n",
        "                  wants s3.us-east-1.amazonaws.com\n                  gets  s3.eu-west-3.amazonaws.com\n",
        "                does not mean the principal, but\n",
        "aws:PrincipalArn = arn:aws:iam::111122223333:role/r\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(!shown.contains("kms:CallerAccount holds"), "{shown}");
    // At 80 columns, but for what is a name itself.
    let told = shown
        .lines()
        .skip_while(|line| !line.starts_with("near miss"));
    let told = told.take_while(|line| !line.starts_with("KMS calls"));
    let wide: Vec<&str> = told.filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    // For programs: the same.
    let value = serde_json::to_value(&e).expect("JSON");
    let told = &value["permissions"][1]["near_misses"][0]["conditions"][0];
    assert_eq!(told["actual"], "arn:aws:s3:::b/w/object");
    assert_eq!(told["holds"], false);
}

#[test]
fn an_explicit_deny_names_the_conditions_that_made_it_apply() {
    let deny = json!({"Sid": "OnlyOffice", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {
        "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "198.51.100.0/24"]},
        "Bool": {"aws:ViaAWSService": "false"},
    }});
    let e = explained(
        "context = { \"aws:SourceIp\" = \"203.0.113.9\" }",
        &[("bp.json", deny.clone())],
    );
    assert_eq!(e.decision, "explicit deny");
    let near = &e.permissions.last().expect("a permission").near_misses;
    assert_eq!(near.len(), 1);
    assert_eq!(
        (near[0].effect, near[0].statement.as_str()),
        ("Deny", "OnlyOffice")
    );
    assert!(near[0].conditions.iter().all(|c| c.holds));
    let shown = text(std::slice::from_ref(&e));
    assert!(
        shown.contains("denied by     OnlyOffice of the bucket policy bp.json\n"),
        "{shown}"
    );
    assert!(
        shown.contains("wants 192.0.2.0/24, 198.51.100.0/24; gets 203.0.113.9\n"),
        "{shown}"
    );
    // For want of the key it denies as well, and the answer rests on that.
    let e = explained("", &[("bp.json", deny.clone())]);
    let refused = e.permissions.last().expect("a permission");
    let ip = refused.near_misses[0]
        .conditions
        .iter()
        .find(|c| c.key == "aws:SourceIp");
    assert_eq!(ip.expect("a condition").actual, None);
    let rests: Vec<(&str, &str)> = refused
        .rests_on
        .iter()
        .map(|k| (k.key.as_str(), k.statement.as_str()))
        .collect();
    assert_eq!(rests, [("aws:SourceIp", "OnlyOffice")]);
    let shown = text(std::slice::from_ref(&e));
    assert!(
        shown.contains("rests on      aws:SourceIp, which the request does not carry\n"),
        "{shown}"
    );
    assert!(
        shown.contains("gets  nothing: the request has no such key\n"),
        "{shown}"
    );
}

#[test]
fn a_near_miss_on_another_resource_names_what_it_means() {
    for (element, resources, written) in [
        (
            "Resource",
            json!(["arn:aws:s3:::other/*"]),
            vec!["arn:aws:s3:::other/*"],
        ),
        (
            "NotResource",
            json!(["arn:aws:s3:::b/*", "arn:aws:s3:::c"]),
            vec!["not arn:aws:s3:::b/*", "not arn:aws:s3:::c"],
        ),
    ] {
        let statement = json!({"Sid": "Elsewhere", "Effect": "Allow", "Action": "s3:GetObject", element: resources});
        let e = explained("", &[("id.json", statement)]);
        let near = &e.permissions[0].near_misses[0];
        assert!(!near.resource_matches);
        assert_eq!(near.resources, written);
        let shown = text(std::slice::from_ref(&e));
        let mut lines = "                does not mean the resource, but\n".to_owned();
        for name in written {
            lines += &format!("                  {name}\n");
        }
        assert!(shown.contains(&lines), "{lines}\n{shown}");
    }
}

#[test]
fn a_refusal_that_begins_in_the_run_is_explained_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let documents = [
        ("k.json", allow_role("All", json!({}))),
        (
            "later.json",
            allow_role(
                "Later",
                json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            ),
        ),
    ];
    let toml = scenario(&dir, "", &documents);
    let changes = format!(
        "[key.k]\npolicy_changes = [{{ at = \"30s\", policy = '{}/later.json' }}]",
        dir.path().display()
    );
    let loaded = load(&toml.replace("[key.k]", &changes));
    let e = explain(&loaded.variants[0], Some("w"), None).remove(0);
    assert_eq!(e.decision, "allow");
    let near = &e.permissions.last().expect("a permission").near_misses;
    assert_eq!(near.len(), 1, "{near:?}");
    assert_eq!(
        (
            near[0].statement.as_str(),
            near[0].conditions[0].actual.clone()
        ),
        ("Later", None)
    );
}

#[test]
fn keys_that_only_the_file_could_say_are_warned_of() {
    let deny = |condition: Value| json!({"Sid": "Perimeter", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition});
    let key = |e: &Explanation| {
        e.permissions
            .iter()
            .flat_map(|p| &p.rests_on)
            .map(|k| k.key.clone())
            .collect::<Vec<_>>()
    };
    for (condition, name) in [
        (
            json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
            "aws:SourceVpce",
        ),
        (
            json!({"StringEquals": {"aws:PrincipalTag/team": "x"}}),
            "aws:PrincipalTag/team",
        ),
        (
            json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
            "aws:PrincipalOrgID",
        ),
        (
            json!({"Null": {"aws:MultiFactorAuthAge": "true"}}),
            "aws:MultiFactorAuthAge",
        ),
        (
            json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"}}),
            "aws:PrincipalOrgPaths",
        ),
        (
            json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}, "Bool": {"aws:PrincipalIsAWSService": "false"}}),
            "aws:SourceIp",
        ),
    ] {
        let documents = [("bp.json", deny(condition))];
        let found = warnings("", &documents);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        for words in [
            "Perimeter of the bucket policy",
            name,
            "requester.r",
            "s3:GetObject on bucket.b",
        ] {
            assert!(found[0].contains(words), "{words}: {found:?}");
        }
        assert_eq!(key(&explained("", &documents)), [name]);
        // Written out, it is known.
        let written = format!("context = {{ \"{name}\" = \"v\" }}");
        assert_eq!(warnings(&written, &documents), [""; 0]);
    }
    // What kmsim knows by itself is no reason to warn: what a request does not carry, it does not carry.
    for condition in [
        json!({"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}),
        json!({"StringEquals": {"kms:ViaService": "s3.eu-west-3.amazonaws.com"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:logs:*:*:*"}}),
        // Another condition fails, whatever the key would hold.
        json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}, "Bool": {"aws:PrincipalIsAWSService": "true"}}),
    ] {
        assert_eq!(
            warnings("", &[("bp.json", deny(condition.clone()))]),
            [""; 0],
            "{condition}"
        );
    }
    // S3's calls to KMS carry no endpoint, whatever the file says: that is a refusal, and no question.
    let endpoint = json!([allow_role(
        "Vpce",
        json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    )]);
    let workload = "context = { \"aws:SourceVpce\" = \"vpce-1\" }";
    assert_eq!(warnings(workload, &[("k.json", endpoint.clone())]), [""; 0]);
    let e = explained(workload, &[("k.json", endpoint)]);
    let near = &e.permissions.last().expect("a permission").near_misses;
    assert_eq!(near[0].conditions[0].actual, None);
}

#[test]
fn a_deny_that_excepts_somebody_without_the_account_is_warned_of() {
    let deny = |principals: Value| json!({"Effect": "Deny", "NotPrincipal": {"AWS": principals}, "Action": "s3:*", "Resource": "*"});
    let found = warnings("", &[("bp.json", deny(json!([ROLE])))]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(ROLE) && found[0].contains("111122223333:root"),
        "{found:?}"
    );
    let both = deny(json!([ROLE, "arn:aws:iam::111122223333:root"]));
    assert_eq!(warnings("", &[("bp.json", both)]), [""; 0]);
}

#[test]
fn statements_that_are_about_no_request_are_no_reason_to_warn() {
    let statements: Vec<Value> = (0..200)
        .map(|n| {
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": format!("arn:aws:s3:::b/{n}/*"), "Condition": {
                "StringNotEquals": {format!("aws:PrincipalTag/t{n}"): "x"},
            }})
        })
        .collect();
    let dir = tempfile::tempdir().expect("a folder");
    let mut toml = scenario(&dir, "", &[("bp.json", Value::Array(statements))]);
    for n in 0..300 {
        toml += &format!(
            "[workload.w{n}]\nbucket = \"b\"\noperations.GetObject = 1\narrivals.constant.rate = \"1/h\"\nclients = 1\n"
        );
    }
    // One request each, none of which a statement is about: nothing is told of any key. The document is too large.
    let warnings = load(&toml).warnings;
    assert!(
        warnings.iter().all(|w| !w.contains("rests on")),
        "{warnings:?}"
    );
}
