//! Policy documents that are broken, as a scenario's bucket names them.

use crate::scenario::cases::{GOOD, codes, folder, place, refused};
use std::collections::BTreeSet;
use std::fs;

/// A policy document that is right, to break in one place at a time.
const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "DenyInsecureTransport",
      "Effect": "Deny",
      "Principal": "*",
      "Action": "s3:*",
      "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
      "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    }
  ]
}
"#;

/// What kmsim says of a bucket policy; the text of the scenario names it.
fn policy_refused(policy: &[u8]) -> String {
    let text = GOOD.replace("[bucket.logs]", "[bucket.logs]\npolicy = \"policy.json\"");
    let dir = folder();
    fs::write(dir.path().join("policy.json"), policy).expect("write");
    refused(dir.path(), &text)
}

#[test]
fn policies_are_checked_where_they_stand() {
    // (what stands in the policy, what is put there, where the fault must point, words it must say)
    let broken = [
        (
            "\"Deny\",",
            "\"Deny\"",
            "\n      \"Principal",
            "not valid JSON",
        ),
        ("\"Bool\"", "\"Boole\"", "\"Boole", "did you mean `Bool`?"),
        (
            "\"Bool\"",
            "\"ForSomeValue:Bool\"",
            "\"ForSome",
            "unknown condition operator",
        ),
        (
            "arn:aws:s3:::logs/*",
            "arn:aws:s3:logs",
            "\"arn:aws:s3:logs",
            "4 of 6 parts",
        ),
        (
            "\"Principal\": \"*\"",
            "\"Principal\": { \"AWS\": \"alice\" }",
            "\"alice",
            "is not a principal",
        ),
        ("\"Sid\"", "\"Side\"", "\"Side", "did you mean `Sid`?"),
        (
            "\"Sid\": \"DenyInsecureTransport\"",
            "\"Effect\": \"Deny\"",
            "\"Effect\": \"Deny\",\n      \"Principal",
            "duplicate key",
        ),
        ("2012-10-17", "2012-10-18", "\"2012", "unknown `Version`"),
    ];
    for (part, instead, at, words) in broken {
        let policy = POLICY.replace(part, instead);
        let said = policy_refused(policy.as_bytes());
        assert_eq!(codes(&said), BTreeSet::from(["bad-policy"]), "{said}");
        let where_ = format!("policy.json:{}", place(&policy, at));
        assert!(said.contains(&where_), "{where_}: {said}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(said.len() < 10_000, "{} bytes", said.len());
    }
    // All at once, and with the place that names the document.
    let policy = POLICY
        .replace("Bool", "Boole")
        .replace("\"s3:*\"", "\"s3\"");
    let said = policy_refused(policy.as_bytes());
    assert_eq!(said.matches("error[bad-policy]").count(), 2, "{said}");
    assert!(said.contains("bad.toml:26:10"), "{said}");
    // Wrong everywhere: some are reported, and how many more there are.
    let policy = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{}{{}}]}}",
        "{\"a\":1},".repeat(80_000)
    );
    let started = std::time::Instant::now();
    let said = policy_refused(policy.as_bytes());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert!(said.contains("more faults in the bucket policy"), "{said}");
    assert!(said.len() < 20_000, "{} bytes", said.len());
    let nobody = POLICY.replace("\"Principal\": \"*\"", "\"Principal\": {}");
    let said = policy_refused(nobody.as_bytes());
    assert!(said.contains("this principal is empty"), "{said}");
    // Never as if it were empty.
    for nothing in [&b""[..], b" ", b"{}", b"[]", b"null", b"\xff\xfe", b"\0"] {
        let said = policy_refused(nothing);
        assert_eq!(codes(&said), BTreeSet::from(["bad-policy"]), "{said}");
    }
    for (absent, code) in [("none.json", "missing-file"), (".", "refused-file")] {
        let text = GOOD.replace(
            "[bucket.logs]",
            &format!("[bucket.logs]\npolicy = \"{absent}\""),
        );
        let said = refused(folder().path(), &text);
        assert_eq!(codes(&said), BTreeSet::from([code]), "{said}");
    }
}

#[test]
fn a_policy_that_comes_later_is_read_too() {
    let changes = "[key.main]\npolicy_changes = [{ at = \"0s\", policy = \"x.json\" }]";
    let said = refused(folder().path(), &GOOD.replace("[key.main]", changes));
    let both = BTreeSet::from(["missing-file", "out-of-range"]);
    assert_eq!(codes(&said), both, "{said}");
}
