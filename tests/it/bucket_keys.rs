//! Bucket keys through whole scenarios: who shares them, what expires when, what a refused call does,
//! and what the rarer operations need.

use crate::common::{Sample, run, run_with, values};
use kmsim::results::VariantResults;

/// KMS and S3 answer at once, one cache, nothing left to chance; buckets with and without bucket keys.
const EXACT: &str = r#"
replications = 1
region = "us-east-1"
[account.main]
[account.other]
[key.k]
[bucket.keyed]
key = "k"
bucket_key = true
archived_bucket_keys = 1
[bucket.unkeyed]
key = "k"
[assumption]
bucket_key_fanout = 1
kms_latency.constant.value = 0
s3_latency.constant.value = 0
"#;

/// The results of `horizon`, what is added under `[assumption]`, and further tables.
fn simulated(horizon: &str, assumption: &str, tables: &str) -> VariantResults {
    let text = format!("horizon = \"{horizon}\"\n{EXACT}{assumption}\n{tables}");
    run(&text).variants.swap_remove(0)
}

fn metric(r: &VariantResults, id: &str) -> f64 {
    values(&r.metrics, id)[0]
}

/// Calls of GenerateDataKey, Encrypt and Decrypt.
fn calls(r: &VariantResults) -> [f64; 3] {
    ["GenerateDataKey", "Encrypt", "Decrypt"].map(|operation| {
        let of = r.by_kms_operation.get(operation);
        of.map_or(0.0, |m| values(m, "kms_calls")[0])
    })
}

/// A workload at constant intervals.
fn workload(name: &str, rate: &str, rest: &str) -> String {
    format!("[workload.{name}]\nretry.none = {{}}\narrivals.constant.rate = \"{rate}\"\n{rest}\n")
}

/// A bucket key of 300 s, always busy, for 30 days.
#[test]
fn a_busy_requester_fetches_8640_keys_in_a_month() {
    let put = workload("w", "1/s", "bucket = \"keyed\"\noperations.PutObject = 1");
    let r = simulated("30d", "", &put);
    assert_eq!(metric(&r, "kms_calls"), 8_640.0);
}

/// Ten sessions of one role have 10 keys by the rule until 2023, and one by today's.
#[test]
fn sessions_of_a_role_share_a_bucket_key_since_2023() {
    let body = "[requester.r]\nsessions = 10\n[requester.other]\nrole = \"s\"\n";
    let w = |who: &str| {
        let put = format!(
            "bucket = \"keyed\"\nrequester = \"{who}\"\nclients = 10\noperations.PutObject = 1"
        );
        workload(who, "50/s", &put)
    };
    let one = format!("{body}{}", w("r"));
    let both = format!("{one}{}", w("other"));
    let session = "bucket_key_requester = \"session\"";
    for (assumption, tables, expected) in [("", &one, 1.0), ("", &both, 2.0), (session, &one, 10.0)]
    {
        let r = simulated("4m", assumption, tables);
        assert_eq!(metric(&r, "kms_calls"), expected, "{assumption}");
    }
}

/// Keys of 10 s, fetched at 0, 10, 20: what is disabled at 15 s serves until 20 s.
#[test]
fn a_disabled_key_or_a_revoked_permission_takes_effect_when_the_bucket_key_expires() {
    let put = |bucket: &str| {
        let rest = format!("bucket = \"{bucket}\"\nrequester = \"r\"\noperations.PutObject = 1");
        workload("w", "1/s", &rest)
    };
    for (table, id) in [
        (
            "[requester.r]\naccess_revoked_at = \"15s\"\n",
            "s3_requests_denied",
        ),
        ("[requester.r]\n", "s3_requests_failed"),
    ] {
        for (bucket, ended_badly) in [("keyed", 10.0), ("unkeyed", 15.0)] {
            let mut text = format!("horizon = \"30s\"\n{EXACT}bucket_key_lifetime = \"10s\"\n");
            if id == "s3_requests_failed" {
                text = text.replace("[key.k]", "[key.k]\ndisabled_at = \"15s\"");
            }
            let r = run(&format!("{text}{table}{}", put(bucket)));
            let v = &r.variants[0];
            assert_eq!(metric(v, id), ended_badly, "{bucket}");
            assert_eq!(metric(v, "s3_requests_succeeded"), 30.0 - ended_badly);
            // Refused calls have reached the quota.
            let admitted = metric(v, "kms_admitted");
            assert_eq!(admitted, if bucket == "keyed" { 12.0 } else { 30.0 });
        }
    }
}

#[test]
fn reading_an_archive_gains_as_little_as_its_age_says() {
    let get = |age: &str| {
        let bucket = format!(
            "[bucket.old]\nkey = \"k\"\nbucket_key = true\narchive_age.uniform.longest = \"{age}\"\n"
        );
        let rest =
            "bucket = \"old\"\npopularity.uniform.objects = 1_000_000\noperations.GetObject = 1";
        let r = simulated(
            "100s",
            "",
            &format!("{bucket}{}", workload("w", "100/s", rest)),
        );
        metric(&r, "kms_calls") / metric(&r, "kms_needs")
    };
    // Written within one lifetime: one key. Over a year of 105,120 keys: hardly one is used twice.
    assert_eq!(get("300s"), 1.0 / 10_000.0);
    assert!(get("365d") > 0.94, "{}", get("365d"));
    // Ten thousand reads of 2,016 keys touch them all: 2,016 · (1 − e^−4.96).
    let week = get("7d") * 10_000.0;
    assert!((week - 2_001.9).abs() < 15.0, "{week}");
}

#[test]
fn sliding_renewal_keeps_a_busy_key_for_good() {
    let put = workload("w", "1/s", "bucket = \"keyed\"\noperations.PutObject = 1");
    let r = simulated("1h", "bucket_key_renewal = \"sliding\"", &put);
    assert_eq!(metric(&r, "kms_calls"), 1.0);
    // A key for new objects that lives longer than its copies for reading.
    let r = simulated("1h", "bucket_key_write_lifetime = \"30m\"", &put);
    assert_eq!(metric(&r, "kms_calls"), 2.0);
}

#[test]
fn a_header_overrides_the_bucket() {
    for (bucket, header, expected) in [
        ("keyed", "", 1.0),
        ("keyed", "bucket_key_header = false", 60.0),
        ("unkeyed", "", 60.0),
        ("unkeyed", "bucket_key_header = true", 1.0),
    ] {
        let rest = format!("bucket = \"{bucket}\"\n{header}\noperations.PutObject = 1");
        let r = simulated("60s", "", &workload("w", "1/s", &rest));
        assert_eq!(metric(&r, "kms_calls"), expected, "{bucket} {header}");
    }
}

/// n + 2 without bucket keys; with them one GenerateDataKey and one Decrypt that verifies it.
#[test]
fn a_multipart_upload_has_its_bucket_key_verified() {
    let upload = |bucket: &str| {
        let rest = format!("bucket = \"{bucket}\"\nparts = 8\noperations.MultipartUpload = 1");
        workload("w", "1/s", &rest)
    };
    let r = simulated("60s", "", &upload("unkeyed"));
    assert_eq!(calls(&r), [60.0, 0.0, 9.0 * 60.0]);
    let r = simulated("60s", "", &upload("keyed"));
    assert_eq!(calls(&r), [1.0, 0.0, 1.0]);
    let r = simulated("60s", "bucket_key_verification = false", &upload("keyed"));
    assert_eq!(calls(&r), [1.0, 0.0, 0.0]);
}

#[test]
fn replication_is_charged_to_its_role_and_keeps_the_sources_bucket_key() {
    let role = "[requester.replicator]\naccount = \"other\"\n";
    let replicate = |from: &str, to: &str| {
        let rest = format!(
            "bucket = \"{to}\"\ncopy_source = \"{from}\"\nrequester = \"replicator\"\noperations.ReplicateObject = 1"
        );
        format!("{role}{}", workload("w", "1/s", &rest))
    };
    let r = simulated("60s", "", &replicate("unkeyed", "keyed"));
    assert_eq!(calls(&r), [0.0, 60.0, 60.0]);
    let used = |r: &VariantResults| -> Vec<String> {
        let used = |q: &&String| values(&r.by_quota[*q].metrics, "kms_attempts")[0] > 0.0;
        r.by_quota.keys().filter(used).cloned().collect()
    };
    assert_eq!(used(&r), ["other/us-east-1/L-6E3AF000"]);
    // The source's one key is decrypted once, the replica's made by an Encrypt and verified once.
    let r = simulated("60s", "", &replicate("keyed", "unkeyed"));
    assert_eq!(calls(&r), [0.0, 1.0, 2.0]);
}

/// S3 Express: a session of five minutes for each client; copies call KMS every time.
#[test]
fn directory_buckets_call_kms_for_sessions_only() {
    let bucket = "[bucket.express]\nkey = \"k\"\nkind = \"directory\"\n";
    let rest = "bucket = \"express\"\nclients = 5\noperations = { GetObject = 1, PutObject = 1 }";
    let r = simulated(
        "11m",
        "",
        &format!("{bucket}{}", workload("w", "10/s", rest)),
    );
    assert_eq!(calls(&r), [15.0, 0.0, 15.0]);
    let rest = "bucket = \"express\"\nclients = 5\noperations.CopyObject = 1";
    let r = simulated(
        "60s",
        "",
        &format!("{bucket}{}", workload("w", "1/s", rest)),
    );
    assert_eq!(calls(&r), [60.0, 0.0, 60.0]);
}

#[test]
fn a_key_in_a_custom_key_store_draws_on_both_quotas_of_s3_too() {
    let tables = "[key_store.hsm]\nkind = \"external\"\n[key.stored]\nkey_store = \"hsm\"\n[bucket.stored]\nkey = \"stored\"\n";
    let put = workload(
        "w",
        "2000/s",
        "bucket = \"stored\"\noperations.PutObject = 1",
    );
    let r = simulated("10s", "", &format!("{tables}{put}"));
    assert_eq!(metric(&r, "kms_throttled"), 10.0 * 200.0);
}

/// A cold key, asked for 200 times before KMS answers.
#[test]
fn requests_during_a_fetch_fetch_too_unless_single_flight_is_chosen() {
    let latency = "kms_latency.constant.value = \"200ms\"\n";
    let base = EXACT.replace("kms_latency.constant.value = 0\n", latency);
    let put = workload(
        "w",
        "1000/s",
        "bucket = \"keyed\"\noperations.PutObject = 1",
    );
    for (single_flight, expected) in [(false, 200.0), (true, 1.0)] {
        let text =
            format!("horizon = \"4m\"\n{base}bucket_key_single_flight = {single_flight}\n{put}");
        let r = run(&text).variants.swap_remove(0);
        assert_eq!(metric(&r, "kms_calls"), expected);
        let waited = if single_flight { 0.199 } else { 0.0 };
        assert_eq!(metric(&r, "added_delay_s_max"), waited);
    }
}

/// A key of T = 2 s, KMS answers after L = 50 ms, Poisson arrivals of λ = 400/s: a fetch every T + L + 1/λ, with λL
/// more requests during each, which fetch too, or wait for U(0, L).
#[test]
fn fetches_for_each_expiry_in_closed_form() {
    let (lifetime, latency, rate, horizon) = (2.0, 0.05, 400.0, 1_000.0);
    let cycles = horizon / (lifetime + latency + 1.0 / rate);
    let during = rate * latency;
    let simulated = |single_flight: bool| {
        let text = format!(
            r#"
            horizon = "{horizon}s"
            replications = 1
            region = "us-east-1"
            [key.k]
            [bucket.b]
            key = "k"
            bucket_key = true
            [assumption]
            bucket_key_fanout = 1
            bucket_key_lifetime = "{lifetime}s"
            bucket_key_single_flight = {single_flight}
            kms_latency.constant.value = "50ms"
            [workload.w]
            bucket = "b"
            operations.PutObject = 1
            arrivals.poisson.rate = "{rate}/s"
            retry = "none"
            "#
        );
        run(&text).variants.swap_remove(0)
    };
    let each = simulated(false);
    let expected = cycles * (1.0 + during);
    let calls = metric(&each, "kms_calls");
    assert!(
        (calls / expected - 1.0).abs() < 0.03,
        "{calls} of {expected}"
    );
    assert_eq!(metric(&each, "added_delay_s_max"), 0.0);

    let one = simulated(true);
    let calls = metric(&one, "kms_calls");
    assert!((calls - cycles).abs() < 1.5, "{calls} of {cycles}");
    assert!(metric(&one, "added_delay_s_max") <= latency);
    // The 99th percentile lies where a hundredth of all waits longer.
    let waiting = during / (1.0 + during + rate * lifetime);
    let expected = latency * (1.0 - 0.01 / waiting);
    let p99 = metric(&one, "added_delay_s_p99");
    assert!((p99 / expected - 1.0).abs() < 0.05, "{p99} of {expected}");
}

/// One data key for a thousand messages; another workload takes the only call of the first second. The fetch that is
/// throttled stays under way while its SDK client tries again; where it gives up the next message fetches.
#[test]
fn a_throttled_fetch_of_a_data_key_is_one_flight() {
    let simulated = |attempts: u32| {
        let text = format!(
            r#"
            horizon = "5s"
            replications = 1
            region = "us-east-1"
            retry.fixed = {{ delay = "300ms", max_attempts = {attempts} }}
            [key.k]
            [quota.q]
            limit = "1/s"
            [assumption]
            throttled_latency.constant.value = "4ms"
            kms_latency.constant.value = "50ms"
            [workload.first]
            key = "k"
            operations.Decrypt = 1
            arrivals.constant.rate = "1/s"
            stop = "1s"
            [workload.w]
            key = "k"
            operations.GenerateDataKey = 1
            arrivals.constant.rate = "1000/s"
            stop = "1s"
            clients = 1
            data_key_cache = {{ max_age = "1m", capacity = 10, single_flight = true }}
            "#
        );
        let r = run(&text).variants.swap_remove(0);
        let of = &r.by_workload["w"];
        [
            "kms_attempts",
            "kms_calls",
            "app_requests_failed",
            "added_delay_s_max",
        ]
        .map(|id| values(of, id)[0])
    };
    // Tries at 0, 304, 608, 912 and 1,216 ms; the key is there 50 ms later, for whoever came at 1 ms.
    assert_eq!(simulated(5), [5.0, 1.0, 0.0, 1.265]);
    // Messages give up at 308, 616 and 924 ms; the fourth, of 3 ms, has it at its second try, at 1,228 ms.
    assert_eq!(simulated(2), [8.0, 4.0, 3.0, 1.274]);
}

/// Older objects that grow fewer: of λ reads a second the share in force calls KMS each time. Counted and simulated runs
/// agree with that sum, and with one another where a quota is short of it in the first minute.
#[test]
fn a_share_of_older_objects_that_falls_is_counted_as_it_is_simulated() {
    for (decline, left) in [
        (
            "older_objects_half_life = \"60s\"",
            (|t: f64| libm::exp2(-t / 60.0)) as fn(f64) -> f64,
        ),
        ("older_objects_rewritten_in = \"150s\"", |t| {
            (1.0 - t / 150.0).max(0.0)
        }),
    ] {
        // At 28/s some 40 % of the seconds have no more reads than that, so that none can be refused.
        for (limit, least) in [(1_000, 190), (28, 50)] {
            let text = |seed: u64| {
                format!(
                    r#"
                    seed = {seed}
                    horizon = "200s"
                    replications = 60
                    region = "us-east-1"
                    retry = "none"
                    [key.k]
                    [quota.q]
                    limit = "{limit}/s"
                    [bucket.b]
                    key = "k"
                    bucket_key = true
                    archived_bucket_keys = 1
                    older_objects = 0.8
                    {decline}
                    [workload.r]
                    bucket = "b"
                    operations.GetObject = 1
                    popularity.uniform.objects = 50
                    arrivals.poisson.rate = "30/s"
                    "#
                )
            };
            let (counted, manifest) = run_with(&text(1), false);
            let (simulated, _) = run_with(&text(2), true);
            let seconds = manifest[0].seconds_counted;
            assert!(seconds > 60 * least, "{limit}: {seconds}");
            for id in ["kms_calls", "kms_throttled"] {
                let of = |results: &kmsim::results::RunResults| {
                    Sample::of(&values(&results.variants[0].metrics, id))
                };
                let (a, b) = (of(&counted), of(&simulated));
                let error = (a.se() * a.se() + b.se() * b.se()).sqrt();
                assert!(
                    (a.mean - b.mean).abs() <= 4.0 * error,
                    "{decline} {id}: {a:?}, {b:?}"
                );
                if id == "kms_calls" {
                    let older: f64 = (0..200).map(|t| 30.0 * 0.8 * left(f64::from(t))).sum();
                    // And one Decrypt for the bucket key in each partition, or two while it is on its way.
                    assert!(a.holds(older + 2.0, 1.0), "{decline}: {a:?}, {older}");
                }
            }
        }
    }
}
