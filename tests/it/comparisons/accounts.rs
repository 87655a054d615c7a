//! Who may, who pays, what it costs and when: whole runs whose every request has the same fate, counted by hand.

use crate::common::{run, values};
use kmsim::input::Input;
use kmsim::results::{RunResults, VariantResults};
use kmsim::run::RunOptions;
use serde_json::{Value, json};
use std::fs;

fn one(v: &VariantResults, id: &str) -> f64 {
    values(&v.metrics, id)[0]
}

/// Runs a scenario with files beside it.
fn with_files(text: &str, files: &[(&str, String)]) -> RunResults {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    let input = Input::from_text("test", text).in_folder(folder.path());
    let loaded = kmsim::scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    kmsim::run::run(&loaded, RunOptions::default())
        .expect("a run")
        .0
}

/// Quantity and amount of what is charged under an item to an account; `""`: to all.
fn billed(v: &VariantResults, item: &str, account: &str) -> (f64, f64) {
    let lines = v
        .bill
        .iter()
        .filter(|l| l.item == item && (account.is_empty() || l.account == account));
    lines.fold((0.0, 0.0), |(q, usd), l| {
        (q + l.quantity, usd + l.amount_usd)
    })
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn deny(action: &str) -> Value {
    json!({"Effect": "Deny", "Action": action, "Resource": "*"})
}

fn of_everybody(effect: &str, action: &str, condition: &Value) -> Value {
    json!({"Effect": effect, "Principal": "*", "Action": action, "Resource": "*", "Condition": condition})
}

/// Twenty requests, ten reads and ten writes, or as `operations` says; the documents under `d0.json`, `d1.json` …
fn asked(tables: &str, workload: &str, documents: &[Value]) -> VariantResults {
    let files: Vec<(String, String)> = documents
        .iter()
        .enumerate()
        .map(|(i, d)| {
            (
                format!("d{i}.json"),
                json!({"Version": "2012-10-17", "Statement": d}).to_string(),
            )
        })
        .collect();
    let files: Vec<(&str, String)> = files.iter().map(|(n, c)| (n.as_str(), c.clone())).collect();
    let own = if workload.contains("operations") {
        ""
    } else {
        "bucket = \"b\"\noperations = { GetObject = 1, PutObject = 1 }\n"
    };
    let text = format!(
        "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n{tables}\n[workload.w]\nrequester = \"r\"\nclients = 1\n{own}arrivals.constant.rate = \"2/s\"\n{workload}\n"
    );
    with_files(&text, &files).variants.swap_remove(0)
}

/// Who denies all twenty requests: S3, KMS, or nobody.
#[test]
fn every_request_has_the_fate_of_its_policies() {
    let base = "[account.main]\n[key.k]\n[bucket.b]\nkey = \"k\"\n[requester.r]\n";
    let account =
        |more: &str| base.replace("[account.main]\n", &format!("[account.main]\n{more}\n"));
    let key = |more: &str| base.replace("[key.k]\n", &format!("[key.k]\n{more}\n"));
    let bucket = |more: &str| base.replace("[bucket.b]\n", &format!("[bucket.b]\n{more}\n"));
    let requester = |more: &str| format!("{base}{more}\n");
    let units = |root: &str, unit: &str, of_account: &str| {
        account(of_account)
            + &format!(
                "[organizational_unit.root]\n{root}\n[organizational_unit.u]\nparent = \"root\"\n{unit}\n"
            )
    };
    let of_account = |id: &str| json!({"Effect": "Deny", "Principal": {"AWS": format!("arn:aws:iam::{id}:root")}, "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]});
    let (s3, kms, nobody) = ("S3", "KMS", "nobody");
    let s3_only = allow("s3:*", "*");
    let on_key = |id: &str| {
        json!([
            allow("s3:*", "*"),
            allow(
                "kms:*",
                &format!("arn:aws:kms:us-east-1:111122223333:key/{id}")
            )
        ])
    };
    let bucket_policy = bucket("policy = \"d0.json\"");
    let scp = "service_control_policies = [\"d0.json\"]";
    let rcp = "resource_control_policies = [\"d0.json\"]";
    let detached = "full_aws_access = false\nservice_control_policies = [\"d0.json\"]";
    let rows: Vec<(String, &str, Vec<Value>, &str)> = vec![
        (base.to_owned(), "", vec![], nobody),
        // ARNs hold the account's number.
        (
            bucket_policy.replace("[account.main]", "[account.main]\nid = \"999900001111\""),
            "",
            vec![of_account("999900001111")],
            s3,
        ),
        (
            bucket_policy.clone(),
            "",
            vec![of_account("999900001111")],
            nobody,
        ),
        (
            bucket_policy.clone(),
            "",
            vec![of_account("111122223333")],
            s3,
        ),
        // Control policies of the account, of its organizational unit and of what that lies in.
        (account(scp), "", vec![deny("kms:*")], kms),
        (
            account(rcp),
            "",
            vec![of_everybody("Deny", "s3:*", &json!({}))],
            s3,
        ),
        (account(detached), "", vec![s3_only.clone()], kms),
        (
            account(&format!("{scp}\nfull_aws_access = true")),
            "",
            vec![s3_only.clone()],
            nobody,
        ),
        (
            units(scp, "", "organizational_unit = \"u\""),
            "",
            vec![deny("kms:*")],
            kms,
        ),
        (
            units(
                scp,
                "",
                "organizational_unit = \"u\"\nmanagement_account = true",
            ),
            "",
            vec![deny("kms:*")],
            nobody,
        ),
        (units(scp, "", ""), "", vec![deny("kms:*")], nobody),
        (
            units("", scp, "organizational_unit = \"u\""),
            "",
            vec![deny("s3:*")],
            s3,
        ),
        (
            units("", scp, "organizational_unit = \"root\""),
            "",
            vec![deny("s3:*")],
            nobody,
        ),
        (
            units("", rcp, "organizational_unit = \"u\""),
            "",
            vec![of_everybody("Deny", "kms:*", &json!({}))],
            kms,
        ),
        (
            units("", detached, "organizational_unit = \"u\""),
            "",
            vec![s3_only.clone()],
            kms,
        ),
        // Key and bucket policies.
        (
            key("policy = \"d0.json\""),
            "",
            vec![
                json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/admin"}, "Action": "kms:*", "Resource": "*"}),
            ],
            kms,
        ),
        (
            key("policy = \"d0.json\""),
            "",
            vec![of_everybody("Allow", "kms:*", &json!({}))],
            nobody,
        ),
        (
            bucket_policy.clone(),
            "",
            vec![of_everybody("Deny", "s3:*", &json!({}))],
            s3,
        ),
        // The requester's own.
        (
            requester("identity_policies = [\"d0.json\"]"),
            "",
            vec![s3_only.clone()],
            kms,
        ),
        (requester("identity_policies = []"), "", vec![], s3),
        (
            requester("identity_policies = [\"d0.json\"]"),
            "",
            vec![on_key("k")],
            nobody,
        ),
        (
            requester("identity_policies = [\"d0.json\"]"),
            "",
            vec![on_key("other")],
            kms,
        ),
        (
            requester("identity_policies = [\"d0.json\"]")
                .replace("[key.k]", "[key.k]\nid = \"other\""),
            "",
            vec![on_key("other")],
            nobody,
        ),
        (
            requester(
                "identity_policies = [\"d0.json\", \"d1.json\"]\npermissions_boundary = \"d0.json\"",
            ),
            "",
            vec![s3_only.clone(), allow("kms:*", "*")],
            kms,
        ),
        (
            requester(
                "identity_policies = [\"d0.json\", \"d1.json\"]\nsession_policy_document = \"d0.json\"",
            ),
            "",
            vec![s3_only.clone(), allow("kms:*", "*")],
            kms,
        ),
        (
            requester("principal = \"arn:aws:iam::111122223333:user/alice\"")
                .replace("[bucket.b]", "[bucket.b]\npolicy = \"d0.json\""),
            "",
            vec![
                json!({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}),
            ],
            s3,
        ),
        (
            bucket_policy.clone(),
            "",
            vec![
                json!({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}),
            ],
            nobody,
        ),
        // Aliases of the key.
        (
            requester("identity_policies = [\"d0.json\"]")
                .replace("[key.k]", "[key.k]\naliases = [\"alias/a\"]"),
            "",
            vec![
                json!([allow("s3:*", "*"), {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}}]),
            ],
            nobody,
        ),
        (
            requester("identity_policies = [\"d0.json\"]")
                .replace("[key.k]", "[key.k]\naliases = [\"alias/b\"]"),
            "",
            vec![
                json!([allow("s3:*", "*"), {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}}]),
            ],
            kms,
        ),
        // What a request brings along.
        (
            bucket_policy.clone(),
            "tls = \"1.2\"",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"NumericLessThan": {"s3:TlsVersion": "1.3"}}),
            )],
            s3,
        ),
        (
            bucket_policy.clone(),
            "",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"NumericLessThan": {"s3:TlsVersion": "1.3"}}),
            )],
            nobody,
        ),
        (
            bucket_policy.clone(),
            "context = { \"aws:SourceIp\" = \"203.0.113.9\" }",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            )],
            s3,
        ),
        (
            bucket_policy.clone(),
            "context = { \"aws:SourceIp\" = \"198.51.100.9\" }",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            )],
            nobody,
        ),
        (
            bucket_policy.clone(),
            "bucket = \"b\"\noperations.PutObject = 1",
            vec![of_everybody(
                "Deny",
                "s3:PutObject",
                &json!({"Null": {"s3:x-amz-server-side-encryption": "true"}}),
            )],
            s3,
        ),
        (
            bucket_policy.clone(),
            "bucket = \"b\"\noperations.PutObject = 1\nencryption_header = \"aws:kms\"\nencryption_header_key = \"k\"",
            vec![of_everybody(
                "Deny",
                "s3:PutObject",
                &json!({"Null": {"s3:x-amz-server-side-encryption": "true"}}),
            )],
            nobody,
        ),
        (
            format!("[assumption]\nencryption_condition = \"effective\"\n{bucket_policy}"),
            "bucket = \"b\"\noperations.PutObject = 1",
            vec![of_everybody(
                "Deny",
                "s3:PutObject",
                &json!({"Null": {"s3:x-amz-server-side-encryption": "true"}}),
            )],
            nobody,
        ),
        // One object's name.
        (
            bucket_policy.clone(),
            "object = \"secret\"",
            vec![
                json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret"}),
            ],
            s3,
        ),
        (
            bucket_policy.clone(),
            "object = \"open\"",
            vec![
                json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret"}),
            ],
            nobody,
        ),
        // A day of the calendar.
        (
            format!("start = \"2026-11-24T18:00:00[UTC]\"\n{bucket_policy}"),
            "",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-01T00:00:00Z"}}),
            )],
            s3,
        ),
        (
            format!("start = \"2026-10-24T18:00:00[UTC]\"\n{bucket_policy}"),
            "",
            vec![of_everybody(
                "Deny",
                "s3:*",
                &json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-01T00:00:00Z"}}),
            )],
            nobody,
        ),
    ];
    for (tables, workload, documents, who) in rows {
        // What stands before the tables of the file.
        let v = asked(&tables, workload, &documents);
        let [requests, calls] = match who {
            "S3" => [20.0, 0.0],
            "KMS" => [20.0, 20.0],
            _ => [0.0, 20.0],
        };
        assert_eq!(
            one(&v, "s3_requests_denied"),
            requests,
            "{tables}\n{workload}\n{documents:?}"
        );
        assert_eq!(
            one(&v, "kms_attempts"),
            calls,
            "{tables}\n{workload}\n{documents:?}"
        );
        // 403s of an account's own requests are billed.
        let s3 = billed(&v, "s3-tier1", "").0 + billed(&v, "s3-tier2", "").0;
        assert_eq!(s3, 20.0, "{tables}");
    }
}

/// Keys that AWS manages serve one service, in their own account, without a monthly price; those that it owns cost nothing at all.
#[test]
fn whose_key_it_is_decides_who_may_and_what_it_costs() {
    let s3 = "bucket = \"b\"\noperations.GetObject = 1";
    let table = "key = \"k\"\nservice.name = \"dynamodb\"\nservice.requests_per_connection = 1\noperations.GetItem = 1";
    let secret = "key = \"k\"\nservice.name = \"secretsmanager\"\noperations.GetSecretValue = 1";
    for (key, workload, [denied, calls, keys]) in [
        ("", s3, [0.0, 20.0, 1.0]),
        ("managed_by = \"customer\"", s3, [0.0, 20.0, 1.0]),
        ("managed_by = \"aws\"", s3, [0.0, 20.0, 0.0]),
        (
            "managed_by = \"aws\"\nservice = \"s3\"",
            s3,
            [0.0, 20.0, 0.0],
        ),
        ("managed_by = \"aws-owned\"", s3, [0.0, 0.0, 0.0]),
        (
            "managed_by = \"aws\"\nservice = \"dynamodb\"",
            table,
            [0.0, 20.0, 0.0],
        ),
        (
            "managed_by = \"aws\"\nservice = \"secretsmanager\"",
            secret,
            [0.0, 20.0, 0.0],
        ),
    ] {
        let bucket = if workload == s3 {
            "[bucket.b]\nkey = \"k\"\n"
        } else {
            ""
        };
        let v = asked(
            &format!("[key.k]\n{key}\n{bucket}[requester.r]\n"),
            workload,
            &[],
        );
        let of_denied = one(&v, "s3_requests_denied") + one(&v, "app_requests_denied");
        assert_eq!(of_denied, denied, "{key}");
        assert_eq!(one(&v, "kms_attempts"), calls, "{key}");
        // Ten seconds of a month of thirty days, to ten decimals.
        let month = (keys * 10.0 / 2_592_000.0 * 1e10_f64).round() / 1e10;
        assert_eq!(billed(&v, "kms-keys", "").1, month, "{key}");
    }
    // No service can use another's.
    let text = format!(
        "horizon = \"10s\"\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\nmanaged_by = \"aws\"\nservice = \"dynamodb\"\n[workload.w]\n{secret}\narrivals.constant.rate = \"2/s\"\n"
    );
    let refused = kmsim::scenario::load(&Input::from_text("test", &text), &[]);
    assert!(refused.is_err_and(|e| e.to_string().contains("AWS Secrets Manager cannot use")));
    // Another account may not use S3's key of this one.
    let v = asked(
        "[account.main]\n[account.other]\n[key.k]\nmanaged_by = \"aws\"\n[bucket.b]\nkey = \"k\"\n[requester.r]\naccount = \"other\"\n",
        s3,
        &[],
    );
    assert_eq!(one(&v, "s3_requests_denied"), 20.0);
}

/// Two accounts: a bucket and a key of one, and who reads of the other. Each pays for its own: S3's requests the bucket's, KMS's
/// the caller's, the key its owner; a 403 the bucket's account if both are of one organization.
#[test]
fn each_account_pays_for_its_own() {
    let accounts =
        |main: &str, other: &str| format!("[account.main]\n{main}\n[account.other]\n{other}\n");
    let tables = |bucket: &str, key: &str, requester: &str| {
        format!(
            "[key.k]\naccount = \"{key}\"\n[bucket.b]\nkey = \"k\"\naccount = \"{bucket}\"\npolicy = \"d0.json\"\n[requester.r]\naccount = \"{requester}\"\n"
        )
    };
    let open = of_everybody("Allow", "s3:*", &json!({}));
    let shut = of_everybody("Deny", "s3:*", &json!({}));
    let reads = "bucket = \"b\"\noperations.GetObject = 1";
    for (bucket, key, requester) in [
        ("main", "main", "main"),
        ("main", "main", "other"),
        ("other", "main", "main"),
        ("main", "other", "other"),
        ("other", "other", "main"),
    ] {
        let text = accounts("", "") + &tables(bucket, key, requester);
        let v = asked(&text, reads, std::slice::from_ref(&open));
        assert_eq!(one(&v, "kms_admitted"), 20.0);
        for account in ["main", "other"] {
            let pays = |of: &str, n: f64| if of == account { n } else { 0.0 };
            let what = format!("{account} of {bucket} {key} {requester}");
            assert_eq!(
                billed(&v, "s3-tier2", account).0,
                pays(bucket, 20.0),
                "{what}"
            );
            assert_eq!(
                billed(&v, "kms-requests", account).0,
                pays(requester, 20.0),
                "{what}"
            );
            assert_eq!(
                billed(&v, "kms-keys", account).0 > 0.0,
                key == account,
                "{what}"
            );
        }
    }
    for (main, other, paid) in [
        ("", "", 0.0),
        ("organization = \"o-a1b2c3d4e5\"", "", 0.0),
        (
            "organization = \"o-a1b2c3d4e5\"",
            "organization = \"o-a1b2c3d4e5\"",
            20.0,
        ),
        (
            "organization = \"o-a1b2c3d4e5\"",
            "organization = \"o-f1g2h3i4j5\"",
            0.0,
        ),
    ] {
        let text = accounts(main, other) + &tables("main", "main", "other");
        let v = asked(&text, reads, std::slice::from_ref(&shut));
        assert_eq!(one(&v, "s3_requests_denied"), 20.0);
        assert_eq!(billed(&v, "s3-tier2", "").0, paid, "{main} {other}");
    }
}

/// A million of anything an hour would do: prices of Regions and prices of one's own, to the digit.
#[test]
fn things_lie_in_their_region_and_cost_what_is_written() {
    let text = |file: &str, account: &str, bucket: &str, key: &str, more: &str| {
        format!(
            "horizon = \"100s\"\nreplications = 1\n{file}retry = \"none\"\n{more}\n[account.main]\n{account}\n[key.k]\n{key}\n[bucket.b]\nkey = \"k\"\n{bucket}\n[workload.w]\nbucket = \"b\"\nclients = 1\noperations.PutObject = 1\narrivals.constant.rate = \"10/s\"\n"
        )
    };
    // $0.005 per 1,000 in Virginia and Ireland, $0.007 in São Paulo; a quota of 100,000, 20,000 or 10,000/s.
    for (file, account, own, usd, region) in [
        ("region = \"us-east-1\"\n", "", "", 0.005, "us-east-1"),
        ("region = \"sa-east-1\"\n", "", "", 0.007, "sa-east-1"),
        (
            "region = \"us-east-1\"\n",
            "region = \"sa-east-1\"",
            "",
            0.007,
            "sa-east-1",
        ),
        (
            "region = \"us-east-1\"\n",
            "region = \"eu-west-1\"",
            "region = \"sa-east-1\"",
            0.007,
            "sa-east-1",
        ),
        ("", "", "region = \"eu-west-3\"", 0.0053, "eu-west-3"),
    ] {
        let v = run(&text(file, account, own, own, ""))
            .variants
            .swap_remove(0);
        assert_eq!(
            billed(&v, "s3-tier1", ""),
            (1_000.0, usd),
            "{file} {account} {own}"
        );
        assert!(
            v.by_quota.keys().all(|q| q.contains(region)),
            "{file} {account} {own}"
        );
    }
    let file = "region = \"eu-west-3\"\n";
    for (price, usd) in [
        ("usd = \"7\"\nper = 1000", 7.0),
        ("usd = \"0.25\"\nper = 100", 2.5),
        ("usd = \"0.001\"", 1.0),
        ("usd = \"7\"\nper = 1000\nregion = \"eu-west-3\"", 7.0),
        ("usd = \"7\"\nper = 1000\nregion = \"eu-west-1\"", 0.0053),
    ] {
        let v = run(&(text(file, "", "", "", "") + &format!("[price.s3-tier1]\n{price}\n")))
            .variants
            .swap_remove(0);
        assert_eq!(billed(&v, "s3-tier1", ""), (1_000.0, usd), "{price}");
    }
}

/// A log group's data keys: streams ÷ lifetime, from when the key is in effect; a query's Decrypts; what is paid for what comes in.
#[test]
fn log_groups_call_kms_stream_by_stream() {
    let policy = "policy = \"everybody.json\"";
    let everybody = [("everybody.json", json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}).to_string())];
    let text = |assumption: &str, group: &str| {
        format!(
            "horizon = \"1000s\"\nreplications = 1\nregion = \"us-east-1\"\n[account.main]\n[account.other]\n[assumption]\n{assumption}\n[key.k]\n{policy}\n[key.eu]\nregion = \"eu-west-1\"\n{policy}\n[log_group.g]\nkey = \"k\"\n{group}\n"
        )
    };
    let calls = |v: &VariantResults, part: &str| {
        v.by_workload
            .get(&format!("log_group.g.{part}"))
            .map_or(0.0, |m| values(m, "kms_calls")[0])
    };
    for (assumption, group, expected) in [
        // One each 7.5 s, the first at once.
        ("", "log_streams = 40", 134.0),
        ("", "", 4.0),
        (
            "log_stream_data_key_lifetime = \"100s\"",
            "log_streams = 40",
            400.0,
        ),
        (
            "log_stream_data_key_lifetime = \"600s\"",
            "log_streams = 4",
            7.0,
        ),
        // Five minutes after 100 s, or at once, or after a minute: 600, 900 and 840 s in steps of 7.5 s.
        ("", "log_streams = 40\nassociated_at = \"100s\"", 80.0),
        (
            "log_group_association_delay = \"0s\"",
            "log_streams = 40\nassociated_at = \"100s\"",
            120.0,
        ),
        (
            "log_group_association_delay = \"1m\"",
            "log_streams = 40\nassociated_at = \"100s\"",
            112.0,
        ),
        ("", "log_streams = 40\nregion = \"eu-west-1\"", 134.0),
        ("", "log_streams = 40\naccount = \"other\"", 134.0),
    ] {
        let group = format!("{group}\nincoming_bytes_per_second = \"2 MB\"");
        let mut scenario = text(assumption, &group);
        let (mut region, mut account) = ("us-east-1", "main");
        if group.contains("eu-west-1") {
            scenario =
                scenario.replace("[log_group.g]\nkey = \"k\"", "[log_group.g]\nkey = \"eu\"");
            region = "eu-west-1";
        }
        if group.contains("other") {
            account = "other";
        }
        let v = with_files(&scenario, &everybody).variants.swap_remove(0);
        assert_eq!(calls(&v, "ingestion"), expected, "{assumption} {group}");
        // 2 MB a second are 2 GB, wherever the key stands.
        let line = v
            .bill
            .iter()
            .find(|l| l.item == "logs-ingestion")
            .expect("a line");
        assert_eq!(
            (line.quantity, line.account.as_str(), line.region.as_str()),
            (2.0, account, region),
            "{group}"
        );
        assert!(
            v.by_quota
                .keys()
                .any(|q| q.starts_with(&format!("{account}/{region}/"))),
            "{:?}",
            v.by_quota.keys()
        );
    }
    // Queries are a Poisson process: forty replications of 500, each with its Decrypts at once.
    for (more, each) in [("data_keys_per_query = 7", 7.0), ("log_streams = 5", 5.0)] {
        let scenario = text(
            "",
            &format!("incoming_bytes_per_second = \"1 KB\"\nqueries = \"30/min\"\n{more}"),
        )
        .replace("replications = 1", "replications = 40");
        let v = with_files(&scenario, &everybody).variants.swap_remove(0);
        let decrypts = values(&v.by_workload["log_group.g.queries"], "kms_calls");
        assert!(decrypts.iter().all(|n| n % each == 0.0), "{more}");
        let sample = crate::common::Sample::of(&decrypts);
        assert!(sample.holds(500.0 * each, 0.0), "{more}: {sample:?}");
    }
}

/// Things by template, from a table, in a group, and in a variant of others: as many calls as if each were written out.
#[test]
fn what_is_like_another_does_what_that_does() {
    let everybody = ("everybody.json", json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}).to_string());
    let base = r#"
horizon = "10s"
replications = 1
region = "us-east-1"
retry = "none"
[key.k]
disabled_at = "4s"
[key.sound]
[key.logs]
policy = "everybody.json"
[requester.r]
access_revoked_at = "7s"
[requester.free]
[bucket.b]
key = "sound"
[workload.w]
key = "sound"
requester = "free"
clients = 1
operations.Decrypt = 1
arrivals.constant.rate = "3/s"
growth = 2
[log_group.g]
key = "logs"
log_streams = 30
incoming_bytes_per_second = "1 MB"
"#;
    let users = r#"
[workload.of-key]
key = "k2"
requester = "free"
clients = 1
operations.Decrypt = 1
arrivals.constant.rate = "1/s"
[workload.of-bucket]
bucket = "b2"
requester = "r2"
clients = 1
operations.GetObject = 1
arrivals.constant.rate = "1/s"
[group.all]
buckets = ["b*"]
keys = ["logs"]
workloads = ["w*"]
except = ["b"]
[group.keys]
keys = ["k*"]
[group.requesters]
requesters = ["r*"]
[group.groups]
log_groups = ["*"]
"#;
    let by_template = "[key.k2]\nlike = \"k\"\n[requester.r2]\nlike = \"r\"\n[bucket.b2]\nlike = \"b\"\n[workload.w2]\nlike = \"w\"\n[log_group.g2]\nlike = \"g\"\n";
    let by_table = "buckets.file = \"buckets.csv\"\nkeys.file = \"keys.csv\"\nworkloads.file = \"workloads.csv\"\nrequesters.file = \"requesters.csv\"\nlog_groups.file = \"log_groups.csv\"\n";
    let files = [
        everybody,
        ("buckets.csv", "name,key\nb2,sound\n".to_owned()),
        ("keys.csv", "name,disabled_at\nk2,4s\n".to_owned()),
        ("workloads.csv", "name,key,requester,clients,operations.Decrypt,arrivals.constant.rate,growth\nw2,sound,free,1,1,3/s,2\n".to_owned()),
        ("requesters.csv", "name,access_revoked_at\nr2,7s\n".to_owned()),
        ("log_groups.csv", "name,key,log_streams,incoming_bytes_per_second\ng2,logs,30,1 MB\n".to_owned()),
    ];
    for text in [
        format!("{base}{by_template}{users}"),
        format!("{by_table}{base}{users}"),
    ] {
        let v = with_files(&text, &files).variants.swap_remove(0);
        let of = |workload: &str, id: &str| values(&v.by_workload[workload], id)[0];
        assert_eq!(of("w2", "app_requests"), 60.0);
        // From 4 s on it fails; from 7 s on it is denied.
        assert_eq!(of("of-key", "app_requests_failed"), 6.0);
        assert_eq!(of("of-bucket", "s3_requests_denied"), 3.0);
        assert_eq!(of("of-bucket", "kms_calls"), 10.0);
        assert_eq!(one(&v, "log_bytes_ingested"), 20e6);
        // One each 10 s of 30 streams and 300 s, the first at once.
        assert_eq!(of("log_group.g2.ingestion", "kms_calls"), 1.0);
        let group = |name: &str| values(&v.by_group[name], "kms_calls")[0];
        // `b` is left out, and has no calls; 120 of `w` and `w2`, 10 on `b2`, and the log groups' two on their key.
        assert_eq!(group("all"), 120.0 + 10.0 + 2.0);
        assert_eq!(group("keys"), 10.0);
        assert_eq!(group("requesters"), 10.0);
        assert_eq!(group("groups"), 2.0);
    }
}

/// A variant has the changes of those that it extends, in their order, then its own.
#[test]
fn a_variant_extends_others_in_their_order() {
    let results = run(r#"
        horizon = "10s"
        replications = 1
        region = "us-east-1"
        retry = "none"
        [key.k]
        [workload.a]
        key = "k"
        operations.Decrypt = 1
        arrivals.constant.rate = "1/s"
        [workload.b]
        key = "k"
        operations.Decrypt = 1
        arrivals.constant.rate = "1/s"
        [variant.base]
        [variant.two.workload.a]
        growth = 2
        [variant.three.workload]
        a.growth = 3
        b.growth = 4
        [variant.both]
        extends = ["two", "three"]
        [variant.round]
        extends = ["three", "two"]
        [variant.own]
        extends = "both"
        workload.b.growth = 9
        "#);
    let calls = |v: &VariantResults| ["a", "b"].map(|w| values(&v.by_workload[w], "kms_calls")[0]);
    let found: Vec<[f64; 2]> = results.variants.iter().map(calls).collect();
    let expected = [
        [10.0, 10.0],
        [20.0, 10.0],
        [30.0, 40.0],
        [30.0, 40.0],
        [20.0, 40.0],
        [30.0, 90.0],
    ];
    assert_eq!(found, expected);
}

/// Sessions of one role have bucket keys of their own if their policy is another one.
#[test]
fn who_shares_a_role_and_a_policy_shares_bucket_keys() {
    let calls = |second: &str| {
        let text = format!(
            "horizon = \"60s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\nbucket_key_fanout = 1\n[account.main]\n[account.other]\n[key.k]\n[bucket.b]\nkey = \"k\"\nbucket_key = true\n[requester.first]\nrole = \"etl\"\nsession_policy = \"tenant-a\"\n[requester.second]\n{second}\n[workload.\"*\"]\nbucket = \"b\"\nclients = 1\noperations.PutObject = 1\n[workload.one]\nrequester = \"first\"\narrivals.constant.rate = \"1/s\"\n[workload.two]\nrequester = \"second\"\nstart = \"5s\"\narrivals.constant.rate = \"1/s\"\n"
        );
        one(&run(&text).variants[0], "kms_calls")
    };
    for (second, expected) in [
        ("role = \"etl\"\nsession_policy = \"tenant-a\"", 1.0),
        ("role = \"etl\"\nsession_policy = \"tenant-b\"", 2.0),
        ("role = \"etl\"", 2.0),
        ("role = \"other\"\nsession_policy = \"tenant-a\"", 2.0),
        (
            "role = \"etl\"\nsession_policy = \"tenant-a\"\naccount = \"other\"",
            2.0,
        ),
    ] {
        assert_eq!(calls(second), expected, "{second}");
    }
}

/// Two accounts that call KMS; a second copy is charged to the account whose trails make it.
#[test]
fn trails_are_of_their_account() {
    for (trails, [main, other]) in [
        ("", [0.0, 0.0]),
        ("[trail.t]\ncopies = 3", [40.0, 0.0]),
        ("[trail.t]\naccount = \"main\"\ncopies = 2", [20.0, 0.0]),
        ("[trail.t]\naccount = \"other\"\ncopies = 2", [0.0, 10.0]),
    ] {
        let text = format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[account.main]\n[account.other]\n[key.k]\n[key.theirs]\naccount = \"other\"\n[requester.r]\n[requester.s]\naccount = \"other\"\n{trails}\n[workload.w]\nkey = \"k\"\nrequester = \"r\"\noperations.Decrypt = 1\narrivals.constant.rate = \"2/s\"\n[workload.v]\nkey = \"theirs\"\nrequester = \"s\"\noperations.Decrypt = 1\narrivals.constant.rate = \"1/s\"\n"
        );
        let v = run(&text).variants.swap_remove(0);
        let copies = ["main", "other"].map(|account| billed(&v, "cloudtrail-copies", account).0);
        assert_eq!(copies, [main, other], "{trails}");
    }
}
