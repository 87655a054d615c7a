//! What AWS attaches by itself: FullAWSAccess and RCPFullAWSAccess on every level of an organization, and the
//! policies of AWS managed keys.

use crate::common::{input, load};
use kmsim::explain::explain;
use serde_json::{Value, json};

/// A scenario of one reader, with documents beside it under the names that `DIR/` leads to.
fn with_documents(text: &str, documents: &[(&str, Value)]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, statement) in documents {
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        std::fs::write(dir.path().join(name), document.to_string()).expect("write");
    }
    let text = text.replace("DIR", &dir.path().display().to_string());
    (dir, text)
}

fn scenario(tables: &str) -> String {
    format!(
        r#"
horizon = "1m"
region = "eu-west-3"
replications = 2
{tables}
[workload.w]
bucket = "b"
requester = "r"
operations = {{ GetObject = 1, PutObject = 1 }}
arrivals.poisson.rate = "5/s"
clients = 1
"#
    )
}

/// What becomes of reads and writes.
fn decisions(tables: &str, documents: &[(&str, Value)]) -> [String; 2] {
    let (_dir, text) = with_documents(&scenario(tables), documents);
    let explained = explain(&load(&text).variants[0], None, None);
    let of = |operation: &str| {
        let e = explained.iter().find(|e| e.operation == operation);
        e.expect("an explanation").decision.clone()
    };
    [of("GetObject"), of("PutObject")]
}

fn warnings(tables: &str, documents: &[(&str, Value)]) -> Vec<String> {
    let (_dir, text) = with_documents(&scenario(tables), documents);
    load(&text).warnings
}

fn faults(tables: &str, documents: &[(&str, Value)]) -> String {
    let (_dir, text) = with_documents(&scenario(tables), documents);
    let loaded = kmsim::scenario::load(&input(&text), &[]);
    loaded.expect_err("faults").to_string()
}

const ALLOWED: [&str; 2] = ["allow", "allow"];
const REFUSED: [&str; 2] = ["implicit deny", "implicit deny"];

fn statement(effect: &str, action: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": "*"})
}

fn of_anyone(effect: &str, action: &str) -> Value {
    json!({"Effect": effect, "Principal": "*", "Action": action, "Resource": "*"})
}

// ----- organizations ----------------------------------------------------------------------------------

#[test]
fn control_policies_that_only_deny_deny_no_more_than_they_say() {
    let tables = |key: &str| {
        format!(
            "[account.main]\n{key} = ['DIR/p.json']\n[key.k]\n[bucket.b]\nkey = \"k\"\n[requester.r]"
        )
    };
    let (scp, rcp) = (
        tables("service_control_policies"),
        tables("resource_control_policies"),
    );
    for (action, decision) in [
        ("s3:DeleteBucket", "allow"),
        ("kms:Decrypt", "explicit deny"),
    ] {
        let got = decisions(&scp, &[("p.json", statement("Deny", action))]);
        assert_eq!(got, [decision, "allow"], "{action}");
        let got = decisions(&rcp, &[("p.json", of_anyone("Deny", action))]);
        assert_eq!(got, [decision, "allow"], "{action}");
    }
    // Organizations stores no resource control policy of a customer's that allows.
    let said = faults(&rcp, &[("p.json", of_anyone("Allow", "s3:*"))]);
    assert!(said.contains("can only deny"), "{said}");
}

#[test]
fn every_level_must_allow() {
    let tables = |root: &str, unit: &str, account: &str| {
        format!(
            "[organizational_unit.root]\n{root}\n[organizational_unit.u]\nparent = \"root\"\n{unit}\n[account.main]\norganizational_unit = \"u\"\n{account}\n[key.k]\n[bucket.b]\nkey = \"k\"\n[requester.r]"
        )
    };
    let only =
        |file: &str| format!("service_control_policies = ['DIR/{file}']\nfull_aws_access = false");
    let beside = |file: &str| format!("service_control_policies = ['DIR/{file}']");
    let documents = [
        (
            "all.json",
            json!([statement("Allow", "s3:*"), statement("Allow", "kms:*")]),
        ),
        ("s3.json", statement("Allow", "s3:*")),
        (
            "reads.json",
            json!([
                statement("Allow", "s3:Get*"),
                statement("Allow", "kms:Decrypt")
            ]),
        ),
        ("deny.json", statement("Deny", "ec2:*")),
        ("none.json", statement("Deny", "kms:GenerateDataKey")),
    ];
    for (root, unit, account, expected) in [
        (
            only("all.json"),
            only("all.json"),
            only("all.json"),
            ALLOWED,
        ),
        (
            only("reads.json"),
            only("all.json"),
            String::new(),
            ["allow", "implicit deny"],
        ),
        (
            only("all.json"),
            only("reads.json"),
            only("all.json"),
            ["allow", "implicit deny"],
        ),
        (
            String::new(),
            String::new(),
            only("reads.json"),
            ["allow", "implicit deny"],
        ),
        (String::new(), only("s3.json"), String::new(), REFUSED),
        (
            beside("deny.json"),
            beside("s3.json"),
            beside("deny.json"),
            ALLOWED,
        ),
        (
            beside("none.json"),
            String::new(),
            String::new(),
            ["allow", "explicit deny"],
        ),
        (String::new(), only("deny.json"), String::new(), REFUSED),
    ] {
        let got = decisions(&tables(&root, &unit, &account), &documents);
        assert_eq!(got, expected, "{root} | {unit} | {account}");
    }
    // The refusal says on which level.
    let (_dir, text) = with_documents(&scenario(&tables("", &only("s3.json"), "")), &documents);
    let explained = explain(&load(&text).variants[0], None, Some("GetObject"));
    let reason = explained[0].reason.clone().expect("a reason");
    assert!(reason.contains("organizational unit u"), "{reason}");
    // And the file is warned of before that.
    let found = warnings(&tables("", "", &only("deny.json")), &documents);
    assert!(
        found.iter().any(
            |w| w.contains("FullAWSAccess is detached from `account.main`")
                && w.contains("only deny")
        ),
        "{found:?}"
    );
    assert_eq!(
        warnings(&tables("", "", &only("s3.json")), &documents),
        [""; 0]
    );
}

#[test]
fn whom_control_policies_do_not_reach() {
    let root = "[organizational_unit.root]\nservice_control_policies = ['DIR/scp.json']\nresource_control_policies = ['DIR/rcp.json']\n";
    let account = "[account.main]\norganizational_unit = \"root\"\n";
    let rest = "[key.k]\n[bucket.b]\nkey = \"k\"\n[requester.r]\n";
    let denied = ["explicit deny"; 2];
    let documents = |scp: &str, rcp: &str| {
        [
            ("scp.json", statement("Deny", scp)),
            ("rcp.json", of_anyone("Deny", rcp)),
        ]
    };
    for (scp, rcp) in [("*", "ec2:*"), ("ec2:*", "*")] {
        let tables = format!("{root}{account}{rest}");
        assert_eq!(decisions(&tables, &documents(scp, rcp)), denied);
        // The management account.
        let tables = format!("{root}{account}management_account = true\n{rest}");
        assert_eq!(decisions(&tables, &documents(scp, rcp)), ALLOWED);
        // Service-linked roles.
        let role = "principal = \"arn:aws:iam::111122223333:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup\"";
        let tables = format!("{root}{account}{rest}{role}");
        assert_eq!(decisions(&tables, &documents(scp, rcp)), ALLOWED);
    }
    // An account of another root.
    let tables = format!("{root}[account.main]\n{rest}");
    assert_eq!(decisions(&tables, &documents("*", "*")), ALLOWED);
    // AWS managed keys: their calls are limited by service control policies only.
    let managed = format!(
        "{root}{account}[key.k]\nmanaged_by = \"aws\"\n[bucket.b]\nkey = \"k\"\n[requester.r]"
    );
    assert_eq!(decisions(&managed, &documents("ec2:*", "kms:*")), ALLOWED);
    assert_eq!(decisions(&managed, &documents("kms:*", "ec2:*")), denied);
}

// ----- AWS managed keys -------------------------------------------------------------------------------

#[test]
fn aws_s3_needs_no_permission_of_the_callers_in_its_own_account() {
    let tables = |key: &str| {
        format!(
            "[key.k]\n{key}\n[bucket.b]\nkey = \"k\"\n[requester.r]\nidentity_policies = ['DIR/id.json']"
        )
    };
    let s3_only = [("id.json", statement("Allow", "s3:*"))];
    assert_eq!(
        decisions(&tables("managed_by = \"aws\""), &s3_only),
        ALLOWED
    );
    assert_eq!(decisions(&tables(""), &s3_only), REFUSED);
    // A Deny of the caller's holds all the same.
    let denied = [(
        "id.json",
        json!([statement("Allow", "s3:*"), statement("Deny", "kms:Decrypt")]),
    )];
    assert_eq!(
        decisions(&tables("managed_by = \"aws\""), &denied),
        ["explicit deny", "allow"]
    );
}

#[test]
fn aws_s3_is_of_no_use_to_other_accounts() {
    let tables = |key: &str, bucket: &str| {
        format!(
            "[account.tools]\nid = \"111122223333\"\n[account.member]\nid = \"444455556666\"\n[key.k]\n{key}\n[bucket.b]\nkey = \"k\"\n{bucket}\n[requester.r]\naccount = \"member\"\nidentity_policies = ['DIR/id.json']"
        )
    };
    let grant = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]});
    let documents = [
        (
            "id.json",
            json!([statement("Allow", "s3:*"), statement("Allow", "kms:*")]),
        ),
        ("bp.json", grant),
    ];
    for bucket in ["", "policy = 'DIR/bp.json'"] {
        assert_eq!(
            decisions(&tables("managed_by = \"aws\"", bucket), &documents),
            REFUSED
        );
        // The key of a customer, whose policy the file does not have, lets other accounts of the file in.
        assert_eq!(decisions(&tables("", bucket), &documents), ALLOWED);
    }
}

#[test]
fn aws_s3_is_of_no_use_to_services_that_deliver() {
    let tables = |key: &str| {
        format!(
            "[key.k]\n{key}\n[bucket.b]\nkey = \"k\"\npolicy = 'DIR/bp.json'\n[requester.r]\nprincipal = \"config.amazonaws.com\""
        )
    };
    let lets_in = |action: &str| json!({"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": action, "Resource": "*"});
    let bucket = json!({"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"});
    let documents = [("bp.json", bucket), ("k.json", lets_in("kms:*"))];
    assert_eq!(
        decisions(&tables("managed_by = \"aws\""), &documents),
        REFUSED
    );
    assert_eq!(
        decisions(&tables("policy = 'DIR/k.json'"), &documents),
        ALLOWED
    );
}

#[test]
fn aws_managed_keys_are_used_through_their_service_only() {
    let decided = |service: &str, via: &str, operation: &str| {
        let text = format!(
            r#"
horizon = "1m"
region = "eu-west-3"
replications = 2
[key.k]
managed_by = "aws"
{service}
[workload.w]
key = "k"
operations.{operation} = 1
arrivals.poisson.rate = "5/s"
clients = 1
{via}
"#
        );
        explain(&load(&text).variants[0], None, None)[0]
            .decision
            .clone()
    };
    let via = |service: &str| {
        format!("context = {{ \"kms:ViaService\" = \"{service}.eu-west-3.amazonaws.com\" }}")
    };
    let of = |service: &str| format!("service = \"{service}\"");
    for (service, through) in [
        ("s3", "s3"),
        ("ebs", "ec2"),
        ("rds", "rds"),
        ("dynamodb", "dynamodb"),
        ("secretsmanager", "secretsmanager"),
    ] {
        assert_eq!(decided(&of(service), &via(through), "Decrypt"), "allow");
        assert_eq!(
            decided(&of(service), &via("lambda"), "Decrypt"),
            "implicit deny"
        );
        // No application uses it by itself; what describes the key is left to IAM.
        assert_eq!(decided(&of(service), "", "Decrypt"), "implicit deny");
        assert_eq!(decided(&of(service), "", "DescribeKey"), "allow");
    }
    assert_eq!(decided("", &via("s3"), "GenerateDataKey"), "allow");
    let said = faults(
        "[key.k]\nmanaged_by = \"aws\"\nservice = \"ebs\"\n[bucket.b]\nkey = \"k\"\n[requester.r]",
        &[],
    );
    assert!(
        said.contains("S3 cannot use the AWS managed key aws/ebs"),
        "{said}"
    );
}

// ----- what AWS stores --------------------------------------------------------------------------------

#[test]
fn an_origin_access_identity_is_nobody_of_the_file() {
    let grant = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Principal": {
        "AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC",
    }});
    let tables =
        "[bucket.b]\npolicy = 'DIR/bp.json'\n[requester.r]\nidentity_policies = ['DIR/id.json']";
    let documents = |id: Value| [("bp.json", grant.clone()), ("id.json", id)];
    assert_eq!(
        decisions(tables, &documents(statement("Allow", "s3:*"))),
        ALLOWED
    );
    assert_eq!(
        decisions(tables, &documents(statement("Allow", "ec2:*"))),
        REFUSED
    );
}

#[test]
fn a_document_of_the_size_of_aws_managed_policies_is_a_warning() {
    let actions: Vec<String> = (0..2_300)
        .map(|n| format!("ec2:DescribeThing{n:04}"))
        .collect();
    let large = json!([statement("Allow", "s3:*"), {"Effect": "Allow", "Action": actions, "Resource": "*"}]);
    let tables = "[bucket.b]\n[requester.r]\nidentity_policies = ['DIR/id.json']";
    let documents = [("id.json", large)];
    assert_eq!(decisions(tables, &documents), ALLOWED);
    let found = warnings(tables, &documents);
    assert_eq!(found.len(), 1, "{found:?}");
    for words in [
        "identity policy",
        "6144 bytes for customer managed policies",
        "AWS managed policies",
    ] {
        assert!(found[0].contains(words), "{found:?}");
    }
}
