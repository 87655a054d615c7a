//! What a quota admits, what is counted of what it refuses, and which quota it is: by hand.

use crate::common::{Sample, T, ratio_holds, run, values};
use kmsim::results::{Metrics, RunResults};

fn one(metrics: &Metrics, id: &str) -> f64 {
    values(metrics, id)[0]
}

/// KMS's request quotas for its operations in us-east-1, in a second: developer guide, requests-per-second.
const OF_OPERATIONS: [(u32, &[&str]); 9] = [
    (2_000, &["DescribeKey", "GetPublicKey", "ListResourceTags"]),
    (1_000, &["GetKeyPolicy", "GetKeyRotationStatus"]),
    (500, &["ListAliases", "ListKeys"]),
    (
        100,
        &[
            "ListGrants",
            "ListKeyPolicies",
            "ListKeyRotations",
            "ListRetirableGrants",
        ],
    ),
    (50, &["CreateGrant", "RetireGrant", "RevokeGrant"]),
    (
        15,
        &[
            "DeleteAlias",
            "DeleteImportedKeyMaterial",
            "EnableKeyRotation",
            "ImportKeyMaterial",
            "PutKeyPolicy",
            "ScheduleKeyDeletion",
        ],
    ),
    (10, &["TagResource"]),
    (
        5,
        &[
            "CancelKeyDeletion",
            "ConnectCustomKeyStore",
            "CreateAlias",
            "CreateCustomKeyStore",
            "CreateKey",
            "DeleteCustomKeyStore",
            "DescribeCustomKeyStores",
            "DisableKey",
            "DisableKeyRotation",
            "DisconnectCustomKeyStore",
            "EnableKey",
            "GetKeyLastUsage",
            "ReplicateKey",
            "RotateKeyOnDemand",
            "UntagResource",
            "UpdateAlias",
            "UpdateCustomKeyStore",
            "UpdateKeyDescription",
            "UpdatePrimaryRegion",
        ],
    ),
    (1, &["GetParametersForImport"]),
];

/// Operations of keys, with their specs: all of one row draw on one quota together.
const OF_KEYS: [(u32, &str, &[&str]); 6] = [
    (
        100_000,
        "SYMMETRIC_DEFAULT",
        &[
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncrypt",
            "GenerateRandom",
        ],
    ),
    (1_000, "RSA_2048", &["Sign", "Verify"]),
    (1_000, "RSA_4096", &["Decrypt", "Encrypt", "ReEncrypt"]),
    (1_000, "ECC_SECG_P256K1", &["Sign", "Verify"]),
    (1_000, "ECC_NIST_P256", &["DeriveSharedSecret"]),
    (1_000, "ML_DSA_44", &["Sign", "Verify"]),
];

/// Each operation by itself, at twice what its quota admits: half of its calls are refused.
#[test]
fn each_operation_has_the_quota_that_aws_documents() {
    let seconds = 10;
    let mut text = format!(
        "horizon = \"{seconds}s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n"
    );
    let all = || {
        OF_OPERATIONS
            .iter()
            .flat_map(|(q, of)| of.iter().map(move |o| (*q, *o)))
    };
    for (quota, operation) in all() {
        text += &format!(
            "[workload.{operation}]\nkey = \"k\"\noperations.{operation} = 1\narrivals.constant.rate = \"{}/s\"\n",
            2 * quota
        );
    }
    let results = run(&text);
    let v = &results.variants[0];
    for (quota, operation) in all() {
        let m = &v.by_workload[operation];
        assert_eq!(
            one(m, "kms_attempts"),
            f64::from(2 * quota * seconds),
            "{operation}"
        );
        assert_eq!(
            one(m, "kms_throttled"),
            f64::from(quota * seconds),
            "{operation}"
        );
    }
    // They are charged as all requests are, but for those that are refused.
    let calls: f64 = all().map(|(q, _)| f64::from(2 * q * seconds)).sum();
    let lines: Vec<_> = v.bill.iter().filter(|l| l.item == "kms-requests").collect();
    assert_eq!(lines[0].quantity, calls / 2.0);
}

#[test]
fn keys_of_each_kind_share_their_quota() {
    for (quota, spec, operations) in OF_KEYS {
        let mix: Vec<String> = operations.iter().map(|o| format!("{o} = 1")).collect();
        let key = if spec == "SYMMETRIC_DEFAULT" {
            String::new()
        } else {
            format!("spec = \"{spec}\"\n")
        };
        let text = format!(
            "horizon = \"2s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n{key}[workload.w]\nkey = \"k\"\noperations = {{ {} }}\narrivals.constant.rate = \"{}/s\"\n",
            mix.join(", "),
            2 * quota
        );
        let m = &run(&text).variants[0].metrics;
        assert!(
            values(m, "kms_throttled")
                .iter()
                .all(|t| *t == f64::from(2 * quota)),
            "{spec}"
        );
    }
    // HMAC keys draw on the symmetric quota.
    let text = "horizon = \"1s\"\nreplications = 1\nregion = \"eu-west-3\"\nretry = \"none\"\n[key.k]\n[key.mac]\nspec = \"HMAC_256\"\n[workload.a]\nkey = \"mac\"\noperations = { GenerateMac = 1, VerifyMac = 1 }\narrivals.constant.rate = \"9000/s\"\n[workload.b]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.constant.rate = \"9000/s\"\n";
    assert_eq!(
        one(&run(text).variants[0].metrics, "kms_throttled"),
        8_000.0
    );
}

/// A pair's kind has the quota, and the KMS key is symmetric: 100/s of elliptic curves, 20, 4 and 1/s of RSA.
#[test]
fn data_key_pairs_have_the_quota_of_their_kind() {
    for (kind, quota) in [
        ("ECC_NIST_P256", 100.0),
        ("ECC_NIST_P521", 100.0),
        ("ECC_SECG_P256K1", 100.0),
        ("RSA_2048", 20.0),
        ("RSA_3072", 4.0),
        ("RSA_4096", 1.0),
    ] {
        for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
            let text = format!(
                "horizon = \"5s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[workload.w]\nkey = \"k\"\nkey_pair_spec = \"{kind}\"\noperations.{operation} = 1\narrivals.constant.rate = \"{}/s\"\n",
                3.0 * quota
            );
            let m = &run(&text).variants[0].metrics;
            assert_eq!(one(m, "kms_throttled"), 10.0 * quota, "{kind}");
        }
    }
}

/// A signer plans with 5,500/s where its curve's quota admits 1,000: 81.8 % are refused.
#[test]
fn a_signer_meets_the_quota_of_its_curve() {
    let text = "horizon = \"1m\"\nreplications = 1\nregion = \"us-east-1\"\n[key.signer]\nspec = \"ECC_SECG_P256K1\"\n[workload.sign]\nkey = \"signer\"\noperations.Sign = 1\narrivals.constant.rate = \"5500/s\"\nclients = 20\nretry = \"none\"\n";
    let results = run(text);
    let v = &results.variants[0];
    assert_eq!(one(&v.metrics, "throttle_rate"), 4_500.0 / 5_500.0);
    // $0.15 per 10,000, and no free tier.
    assert_eq!(
        one(&v.metrics, "cost_kms_requests_usd"),
        60_000.0 * 0.000_015
    );
}

/// 20/s for three seconds on quotas of two accounts and two Regions.
#[test]
fn a_quota_is_of_its_account_region_and_code() {
    let text = |quotas: &str| {
        format!(
            r#"
            horizon = "3s"
            replications = 1
            region = "us-east-1"
            retry = "none"
            [account.main]
            [account.other]
            [key_store.hsm]
            kind = "external"
            [key.us]
            [key.eu]
            region = "eu-west-1"
            [key.rsa]
            spec = "RSA_2048"
            [key.stored]
            key_store = "hsm"
            [requester.main]
            [requester.other]
            account = "other"
            {quotas}
            [workload.us]
            key = "us"
            requester = "main"
            operations.Decrypt = 1
            arrivals.constant.rate = "20/s"
            [workload.eu]
            key = "eu"
            requester = "main"
            operations.Decrypt = 1
            arrivals.constant.rate = "20/s"
            [workload.rsa]
            key = "rsa"
            requester = "main"
            operations.Decrypt = 1
            arrivals.constant.rate = "20/s"
            [workload.other]
            key = "us"
            requester = "other"
            operations.Decrypt = 1
            arrivals.constant.rate = "20/s"
            [workload.stored]
            key = "stored"
            requester = "main"
            operations.Decrypt = 1
            arrivals.constant.rate = "20/s"
            "#
        )
    };
    for (quota, throttled) in [
        ("limit = \"100/s\"", [0.0; 5]),
        (
            "region = \"eu-west-1\"\nlimit = \"5/s\"",
            [0.0, 45.0, 0.0, 0.0, 0.0],
        ),
        (
            "account = \"other\"\nlimit = \"5/s\"",
            [0.0, 0.0, 0.0, 45.0, 0.0],
        ),
        (
            "code = \"rsa\"\nlimit = \"5/s\"",
            [0.0, 0.0, 45.0, 0.0, 0.0],
        ),
        (
            "code = \"L-2AC98190\"\nlimit = \"5/s\"",
            [0.0, 0.0, 45.0, 0.0, 0.0],
        ),
        (
            "store = \"hsm\"\nlimit = \"5/s\"",
            [0.0, 0.0, 0.0, 0.0, 45.0],
        ),
        // In force from the next whole second after 1.2 s: 60 and 2 × 5.
        (
            "account = \"other\"\nlimit = \"100/s\"\nchanges = [{ at = \"1200ms\", limit = \"5/s\" }]",
            [0.0, 0.0, 0.0, 15.0, 0.0],
        ),
        (
            "account = \"other\"\nlimit = \"5/s\"\nchanges = [{ at = \"1s\", limit = \"8/s\" }, { at = \"2s\", limit = \"11/s\" }]",
            [0.0, 0.0, 0.0, 36.0, 0.0],
        ),
    ] {
        let results = run(&text(&format!("[quota.q]\n{quota}")));
        let by = &results.variants[0].by_workload;
        let found = ["us", "eu", "rsa", "other", "stored"].map(|w| one(&by[w], "kms_throttled"));
        assert_eq!(found, throttled, "{quota}");
    }
    // A store of its account and Region: its own 1,800/s, whatever the account has.
    let stored = r#"
        horizon = "1s"
        replications = 1
        region = "us-east-1"
        retry = "none"
        [account.main]
        [account.other]
        [key_store.hsm]
        kind = "cloudhsm"
        account = "other"
        region = "eu-west-1"
        [key.k]
        account = "other"
        region = "eu-west-1"
        key_store = "hsm"
        [workload.w]
        key = "k"
        operations.Decrypt = 1
        arrivals.constant.rate = "3000/s"
        "#;
    let v = &run(stored).variants[0];
    assert_eq!(one(&v.metrics, "kms_throttled"), 1_200.0);
    let names: Vec<&String> = v.by_quota.keys().collect();
    assert!(names.iter().any(|n| n.contains("hsm")), "{names:?}");
}

/// One row at 0, nine at 0.9 s, ten at 1.1 s, ten at 1.85 s, of 10/s: each limiter by hand.
#[test]
fn limiters_admit_what_their_rules_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.csv");
    let mut rows = "time\n0\n".to_owned();
    for (at, n) in [("0.9", 9), ("1.1", 10), ("1.85", 10)] {
        rows += &format!("{at}\n").repeat(n);
    }
    std::fs::write(&file, rows).expect("a file");
    for (limiter, throttled) in [
        ("fixed-window", 10.0),
        // (0.1, 1.1] has room for one, (0.85, 1.85] for none.
        ("sliding-window", 19.0),
        // Five tokens: 4 of the nine are refused; 2 tokens for ten; 5, as it holds no more, for ten.
        ("token-bucket = { burst = 0.5 }", 4.0 + 8.0 + 5.0),
        // Ten: one left of the nine, and 2 more; then 7.5 more, one of which is there in part only.
        ("token-bucket = { burst = 1 }", 7.0 + 3.0),
        ("token-bucket = { burst = 2 }", 0.0),
    ] {
        let limiter = match limiter.strip_suffix("window") {
            Some(_) => format!("\"{limiter}\""),
            None => format!("{{ {limiter} }}"),
        };
        let text = format!(
            "horizon = \"4s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"10/s\"\nlimiter = {limiter}\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\ntrace.file = \"{}\"\n",
            file.display()
        );
        let m = &run(&text).variants[0].metrics;
        assert_eq!(one(m, "kms_attempts"), 30.0);
        assert_eq!(one(m, "kms_throttled"), throttled, "{limiter}");
    }
}

/// 20/s for two minutes on a quota of 10/s.
fn half_refused(assumption: &str) -> RunResults {
    run(&format!(
        "horizon = \"2m\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[account.main]\ntrail_copies = 2\n[assumption]\n{assumption}\n[key.k]\n[quota.q]\nlimit = \"10/s\"\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.constant.rate = \"20/s\"\n"
    ))
}

#[test]
fn refused_attempts_are_billed_logged_and_measured_as_assumed() {
    for (assumption, [billed, logged, call_count]) in [
        ("", [1_200.0, 2_400.0, 20.0]),
        ("throttled_attempts_billed = true", [2_400.0, 2_400.0, 20.0]),
        (
            "throttled_attempts_logged = false",
            [1_200.0, 1_200.0, 20.0],
        ),
        (
            "throttled_attempts_in_call_count = false",
            [1_200.0, 2_400.0, 10.0],
        ),
    ] {
        let results = half_refused(assumption);
        let v = &results.variants[0];
        let quantity = |item: &str| {
            v.bill
                .iter()
                .find(|l| l.item == item)
                .map_or(0.0, |l| l.quantity)
        };
        assert_eq!(quantity("kms-requests"), billed, "{assumption}");
        // The second copy is charged.
        assert_eq!(quantity("cloudtrail-copies"), logged, "{assumption}");
        assert_eq!(
            one(&v.metrics, "cloudtrail_kms_events"),
            logged,
            "{assumption}"
        );
        assert_eq!(
            one(&v.metrics, "cloudwatch_attempts_per_s_max"),
            call_count,
            "{assumption}"
        );
        assert_eq!(one(&v.metrics, "kms_attempts"), 2_400.0, "{assumption}");
    }
}

/// A worker whose calls are refused takes its next object when that is answered: its job takes as long as all refusals together.
#[test]
fn a_refused_attempt_is_answered_after_its_own_time() {
    for (latency, mean) in [
        ("constant.value = \"50ms\"", 0.05),
        (
            "lognormal = { median = \"50ms\", sigma = 0.8 }",
            0.05 * libm::exp(0.32),
        ),
        ("lognormal = { median = \"20ms\", sigma = 0 }", 0.02),
    ] {
        let results = run(&format!(
            "horizon = \"10m\"\nreplications = 60\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\nkms_latency.constant.value = \"0s\"\nthrottled_latency.{latency}\n[key.k]\n[quota.q]\nlimit = \"1/s\"\n[workload.w]\nkey = \"k\"\nclients = 1\noperations.Decrypt = 1\njob = {{ workers = 1, objects = 400 }}\n"
        ));
        let m = &results.variants[0].metrics;
        // Latencies are drawn to 1 %. The last object's own refusal ends the job.
        ratio_holds(
            &values(m, "job_completion_s"),
            &values(m, "kms_throttled"),
            mean,
            0.01 * mean,
            latency,
        );
    }
}

/// Denied by KMS alone: a fixed number of requests, each with a call that is logged, and draws on the quota unless told otherwise.
#[test]
fn denied_calls_draw_on_the_quota_as_assumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("id.json");
    let statement =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    std::fs::write(&file, statement).expect("a file");
    for (assumption, more, [requests, attempts, billed]) in [
        ("", "", [600.0, 600.0, 600.0]),
        ("denied_calls_consume_quota = false", "", [600.0, 0.0, 0.0]),
        // An upload of three parts that is denied at once is one request; whoever sends two is denied twice.
        ("", "requests_when_denied = 2", [1_200.0, 1_200.0, 1_200.0]),
    ] {
        let text = format!(
            "horizon = \"1m\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\n{assumption}\n[key.k]\n[bucket.b]\nkey = \"k\"\n[requester.r]\nidentity_policies = [\"{}\"]\n[workload.w]\nbucket = \"b\"\nclients = 1\noperations.MultipartUpload = 1\nparts = 3\narrivals.constant.rate = \"10/s\"\n{more}\n",
            file.display()
        );
        let v = &run(&text).variants[0];
        assert_eq!(
            one(&v.metrics, "s3_requests_denied"),
            requests,
            "{assumption}{more}"
        );
        assert_eq!(
            one(&v.metrics, "kms_attempts"),
            attempts,
            "{assumption}{more}"
        );
        let kms = v.bill.iter().find(|l| l.item == "kms-requests");
        assert_eq!(
            kms.map_or(0.0, |l| l.quantity),
            billed,
            "{assumption}{more}"
        );
    }
}

/// Seconds with more than they may have, of Poisson arrivals: each by itself, so that warm-up and horizon count seconds.
#[test]
fn what_is_measured_lies_between_warm_up_and_horizon() {
    let results = run(
        "seed = 5\nhorizon = \"100s\"\nwarm_up = \"60s\"\nreplications = 60\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"10/s\"\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.poisson.rate = \"10/s\"\n",
    );
    assert_eq!(results.measured_s, 40);
    let m = &results.variants[0].metrics;
    let attempts = Sample::of(&values(m, "kms_attempts"));
    assert!(attempts.holds(400.0, 0.0), "{attempts:?}");
    // E[(N − 10)⁺] of a Poisson N of mean 10 is 10 · P(N = 10).
    let log = 10.0 * 10_f64.ln() - 10.0 - libm::lgamma(11.0);
    let theory = 40.0 * 10.0 * libm::exp(log);
    let throttled = Sample::of(&values(m, "kms_throttled"));
    assert!(throttled.holds(theory, 0.0), "{throttled:?} {theory} {T}");
}

/// From 1/s on a quota is one of whole seconds, and its fraction is not admitted; below, its window is as long as one call.
#[test]
fn a_fraction_of_a_quota_is_no_call() {
    for (limit, of_a_second) in [
        ("1000.1/s", 1_000.0),
        ("87 million/day", 1_006.0),
        ("1.9/s", 1.0),
    ] {
        let text = format!(
            "horizon = \"3s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"{limit}\"\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.constant.rate = \"2000/s\"\n"
        );
        assert_eq!(
            one(&run(&text).variants[0].metrics, "kms_admitted"),
            3.0 * of_a_second,
            "{limit}"
        );
    }
    // A call each four seconds, of two a second for a minute.
    let text = "horizon = \"60s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"0.25/s\"\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\narrivals.constant.rate = \"2/s\"\n";
    assert_eq!(one(&run(text).variants[0].metrics, "kms_admitted"), 15.0);
}
