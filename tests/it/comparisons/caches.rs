//! What client-side caches and bucket keys meet: counted by hand, by formula, or by a simulation of a few lines each.

use crate::common::{Rng, Sample, T, run, values};
use kmsim::results::VariantResults;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// KMS and S3 answer at once.
const AT_ONCE: &str = "replications = 1\nregion = \"us-east-1\"\nretry = \"none\"\nassumption.kms_latency.constant.value = \"0s\"\nassumption.s3_latency.constant.value = \"0s\"\nassumption.bucket_key_fanout = 1\nassumption.";

fn result(horizon: &str, assumption: &str, tables: &str) -> VariantResults {
    let head = AT_ONCE.strip_suffix("assumption.").expect("the end");
    let text = format!("horizon = \"{horizon}\"\n{head}{assumption}\n[key.k]\n{tables}");
    run(&text).variants.swap_remove(0)
}

fn one(v: &VariantResults, id: &str) -> f64 {
    values(&v.metrics, id)[0]
}

/// Messages, one a second, of one client; the rest of its table.
fn messages(name: &str, rest: &str) -> String {
    format!("[workload.{name}]\nkey = \"k\"\narrivals.constant.rate = \"1/s\"\n{rest}\n")
}

/// A workload's table whose messages are rows of a trace; `rows` with their header.
fn of_rows(folder: &tempfile::TempDir, rows: &str, rest: &str) -> String {
    let file = folder.path().join("t.csv");
    std::fs::write(&file, rows).expect("a file");
    format!(
        "[workload.w]\nkey = \"k\"\nclients = 1\ntrace.file = \"{}\"\n{rest}\n",
        file.display()
    )
}

/// As executed with aws-encryption-sdk-python 4.0.7: messages and their size against a limit, and the calls to KMS.
#[test]
fn a_data_key_encrypts_so_many_bytes() {
    for (size, messages_sent, expected) in [
        (10, 100, 10.0),
        (100, 10, 10.0),
        (99, 10, 10.0),
        (50, 10, 5.0),
    ] {
        let w = messages(
            "w",
            &format!(
                "clients = 1\noperations.GenerateDataKey = 1\nmessage_size.constant.value = {size}\ndata_key_cache = {{ max_age = \"1h\", max_bytes = 100, capacity = 10 }}"
            ),
        );
        let v = result(&format!("{messages_sent}s"), "", &w);
        assert_eq!(one(&v, "kms_calls"), expected, "{size}");
    }
    // 10, 500 and 10 bytes: Python looks the large one up, which spends the entry; Java does not.
    let folder = tempfile::tempdir().expect("a folder");
    for (sdk, expected) in [("python", 3.0), ("java", 2.0), ("javascript", 3.0)] {
        let w = of_rows(
            &folder,
            "time,size\n0,10\n1,500\n2,10\n",
            &format!(
                "operations.GenerateDataKey = 1\ndata_key_cache = {{ max_age = \"1h\", max_bytes = 100, capacity = 10, sdk = \"{sdk}\" }}"
            ),
        );
        assert_eq!(one(&result("9s", "", &w), "kms_calls"), expected, "{sdk}");
    }
    // Of unknown length, or under a suite without key derivation, nothing comes from the cache.
    for (more, cache, expected) in [
        ("", "", 1.0),
        ("message_size = \"unknown\"\n", "", 60.0),
        ("", ", algorithm_suite = \"AES_256_GCM_IV12_TAG16\"", 60.0),
        (
            "",
            ", algorithm_suite = \"AES_256_GCM_IV12_TAG16_HKDF_SHA256\"",
            1.0,
        ),
    ] {
        let w = messages(
            "w",
            &format!(
                "clients = 1\noperations.GenerateDataKey = 1\n{more}data_key_cache = {{ max_age = \"1h\", capacity = 10{cache} }}"
            ),
        );
        assert_eq!(
            one(&result("60s", "", &w), "kms_calls"),
            expected,
            "{more}{cache}"
        );
    }
}

/// Sizes are drawn: a data key goes on while the bytes of all its messages stay within the limit, and is not kept where the first
/// reaches it.
#[test]
fn a_data_key_encrypts_so_many_bytes_of_drawn_sizes() {
    let (limit, n) = (5_000.0, 400);
    for (median, sigma) in [(300.0, 0.5), (300.0, 1.5), (2_000.0, 1.0)] {
        let text = format!(
            "horizon = \"{n}s\"\nreplications = 60\nregion = \"us-east-1\"\n[assumption]\nkms_latency.constant.value = \"0s\"\n[key.k]\n{}",
            messages(
                "w",
                &format!(
                    "clients = 1\noperations.GenerateDataKey = 1\nmessage_size.lognormal = {{ median = {median}, sigma = {sigma} }}\ndata_key_cache = {{ max_age = \"1d\", max_bytes = {limit}, capacity = 10 }}"
                )
            )
        );
        let found = Sample::of(&values(&run(&text).variants[0].metrics, "kms_calls"));
        let mut r = Rng::new(7);
        let mut normal = move || {
            let (u, v) = (r.unit(), r.unit());
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        let mut ours = Vec::new();
        for _ in 0..400 {
            let (mut calls, mut kept) = (0, None::<f64>);
            for _ in 0..n {
                let size = (median * libm::exp(sigma * normal())).round();
                kept = kept
                    .map(|bytes| bytes + size)
                    .filter(|bytes| *bytes <= limit);
                if kept.is_none() {
                    calls += 1;
                    kept = (size < limit).then_some(size);
                }
            }
            ours.push(f64::from(calls));
        }
        let ours = Sample::of(&ours);
        let margin = T * (found.se().powi(2) + ours.se().powi(2)).sqrt() + 0.005 * ours.mean;
        println!(
            "{median} {sigma}: {} and {} ± {margin}",
            found.mean, ours.mean
        );
        assert!(
            (found.mean - ours.mean).abs() <= margin,
            "{median} {sigma}: {found:?} {ours:?}"
        );
    }
}

#[test]
fn over_its_capacity_a_cache_drops_what_its_sdk_drops() {
    let folder = tempfile::tempdir().expect("a folder");
    // a is used again before c comes: the first put in, or the least recently used, is another.
    let rows = "time,key\n0,a\n1,b\n2,a\n3,c\n4,a\n5,b\n";
    for (cache, capacity, expected) in [
        (
            "data",
            2,
            [("python", 5.0), ("java", 4.0), ("javascript", 4.0)],
        ),
        (
            "data",
            3,
            [("python", 3.0), ("java", 3.0), ("javascript", 3.0)],
        ),
        (
            "data",
            1,
            [("python", 6.0), ("java", 6.0), ("javascript", 6.0)],
        ),
        (
            "branch",
            2,
            [
                ("default", 4.0),
                ("multi-threaded", 4.0),
                ("storm-tracking", 4.0),
            ],
        ),
        (
            "branch",
            3,
            [
                ("default", 3.0),
                ("multi-threaded", 3.0),
                ("storm-tracking", 3.0),
            ],
        ),
        (
            "branch",
            1,
            [
                ("default", 6.0),
                ("multi-threaded", 6.0),
                ("storm-tracking", 6.0),
            ],
        ),
    ] {
        for (kind, calls) in expected {
            let rest = match cache {
                "data" => format!(
                    "operations.GenerateDataKey = 1\ndata_key_cache = {{ max_age = \"1h\", capacity = {capacity}, sdk = \"{kind}\" }}"
                ),
                _ => format!(
                    "operations.Decrypt = 1\nbranch_key_cache = {{ ttl = \"1h\", cache.{kind}.capacity = {capacity} }}"
                ),
            };
            let v = result("9s", "", &of_rows(&folder, rows, &rest));
            assert_eq!(one(&v, "kms_calls"), calls, "{cache} {kind} of {capacity}");
        }
    }
}

#[test]
fn an_entry_serves_to_its_age() {
    // Messages at 0, 1, 2, …: at 10 s it is as old as it may be, at 11 s too old.
    for (cache, horizon, expected) in [
        (
            "operations.GenerateDataKey = 1\ndata_key_cache = { max_age = \"10s\", capacity = 3 }",
            "60s",
            6.0,
        ),
        (
            "operations.GenerateDataKey = 1\ndata_key_cache = { max_age = \"10500ms\", capacity = 3 }",
            "60s",
            6.0,
        ),
        (
            "operations.GenerateDataKey = 1\ndata_key_cache = { max_age = \"20s\", capacity = 3 }",
            "60s",
            3.0,
        ),
        // So many messages each, whatever the age.
        (
            "operations.GenerateDataKey = 1\ndata_key_cache = { max_age = \"20s\", max_messages = 4, capacity = 3 }",
            "60s",
            15.0,
        ),
        // 25 s hold two whole lives of ten seconds, and less than three of eleven.
        (
            "operations.Decrypt = 1\nbranch_key_cache = { ttl = \"10s\", cache = \"multi-threaded\" }",
            "25s",
            3.0,
        ),
        (
            "operations.Decrypt = 1\nbranch_key_cache = { ttl = \"15m\" }",
            "10m",
            1.0,
        ),
    ] {
        let v = result(
            horizon,
            "",
            &messages("w", &format!("clients = 1\n{cache}")),
        );
        assert_eq!(one(&v, "kms_calls"), expected, "{cache}");
    }
}

/// Messages go to clients in turn; who shares a cache, asks once together.
#[test]
fn who_shares_a_cache_asks_once() {
    for (kind, capacity) in [
        ("data_key_cache = { max_age = \"1h\", capacity = 9", ""),
        ("branch_key_cache = { ttl = \"1h\"", ""),
    ] {
        let operation = if kind.starts_with("data") {
            "GenerateDataKey"
        } else {
            "Decrypt"
        };
        for (scope, expected) in [
            ("", 12.0),
            (", scope = \"client\"", 12.0),
            (", scope.process.clients = 3", 4.0),
            (", scope.process.clients = 12", 1.0),
            // Each client has ten messages: made anew for each, or for five.
            (", scope = \"invocation\"", 120.0),
            (", scope.invocation.messages = 5", 24.0),
        ] {
            let w = messages(
                "w",
                &format!("clients = 12\noperations.{operation} = 1\n{kind}{capacity}{scope} }}"),
            );
            assert_eq!(
                one(&result("120s", "", &w), "kms_calls"),
                expected,
                "{kind}{scope}"
            );
        }
    }
}

#[test]
fn caches_of_another_workload_are_shared_by_partition() {
    for kind in ["data", "branch"] {
        let (operation, own, other) = match kind {
            "data" => (
                "GenerateDataKey",
                "data_key_cache = { max_age = \"1h\", capacity = CAP",
                "data_key_cache = { max_age = \"AGEs\", shared_with = \"a\"",
            ),
            _ => (
                "Decrypt",
                "branch_key_cache = { ttl = \"1h\", cache.multi-threaded.capacity = CAP",
                "branch_key_cache = { ttl = \"AGEs\", shared_with = \"a\"",
            ),
        };
        let calls = |capacity: u32, age: u32, partitions: [&str; 2]| {
            let table = |name: &str, cache: &str, partition: &str| {
                let cache = cache
                    .replace("CAP", &capacity.to_string())
                    .replace("AGE", &age.to_string());
                let partition = match partition {
                    "" => String::new(),
                    named => format!(", partition = \"{named}\""),
                };
                messages(
                    name,
                    &format!("clients = 2\noperations.{operation} = 1\n{cache}{partition} }}"),
                )
            };
            let tables = table("a", own, partitions[0]) + &table("b", other, partitions[1]);
            let v = result("60s", "", &tables);
            ["a", "b"].map(|w| values(&v.by_workload[w], "kms_calls")[0])
        };
        // Two clients, one entry each, which `a` has put in at the same instant before.
        assert_eq!(calls(9, 3_600, ["p", "p"]), [2.0, 0.0], "{kind}");
        assert_eq!(calls(9, 3_600, ["p", "q"]), [2.0, 2.0], "{kind}");
        assert_eq!(calls(9, 3_600, ["", ""]), [2.0, 2.0], "{kind}");
        // Both in turn for the only place.
        assert_eq!(calls(1, 3_600, ["p", "q"]), [60.0, 60.0], "{kind}");
        assert_eq!(calls(1, 3_600, ["p", "p"]), [2.0, 0.0], "{kind}");
        // A limit of its own: what is older is fetched anew, at 16, 32 and 48 s by each client. A branch key expires by the
        // keyring that has put it in: that of 16 s is gone at 32 s, when `a` comes first.
        let expected = if kind == "data" {
            [2.0, 6.0]
        } else {
            [4.0, 4.0]
        };
        assert_eq!(calls(9, 15, ["p", "p"]), expected, "{kind}");
    }
}

/// Every version of a branch key that messages lie under is an entry.
#[test]
fn versions_of_branch_keys_are_decrypted_one_by_one() {
    for (versions, keys) in [(1, 1), (3, 1), (3, 4)] {
        let w = messages(
            "w",
            &format!(
                "clients = 1\noperations.Decrypt = 1\npopularity.uniform.objects = {keys}\nbranch_key_cache = {{ ttl = \"1d\", decryption.versions = {versions} }}"
            ),
        );
        // A message has not met one of twelve in 600 with a probability of 12 · (11 ÷ 12)^600, under 10⁻²¹.
        assert_eq!(
            one(&result("600s", "", &w), "kms_calls"),
            f64::from(versions * keys),
            "{versions} {keys}"
        );
    }
}

/// A storm tracker by its description: times in ms, which never meet. Calls, failures, and the longest wait of what succeeded.
fn storm(
    arrivals: &[(u64, u64)],
    latency: u64,
    (sleep, interval, ttl, fan_out): (u64, u64, u64, usize),
) -> (u64, u64, u64) {
    let mut due: BinaryHeap<Reverse<(u64, u64, u64)>> = arrivals
        .iter()
        .map(|(at, key)| Reverse((*at, *at, *key)))
        .collect();
    let (mut in_flight, mut answers): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) = Default::default();
    let (mut calls, mut failed, mut longest, mut looked) = (0, 0, 0, 0);
    while let Some(Reverse((at, since, key))) = due.pop() {
        // A key is there from its first answer on, and no longer in flight.
        if answers.get(&key).is_some_and(|ready| *ready <= at) {
            longest = longest.max(at - since);
            continue;
        }
        in_flight.retain(|key, _| answers.get(key).is_none_or(|ready| *ready > at));
        // Once a second those that have been in flight too long make room, where there is none.
        if in_flight.len() >= fan_out && at >= looked + 1_000 {
            looked = at;
            in_flight.retain(|_, began| at < *began + ttl);
        }
        // One fetch of a key in each grace interval.
        let may_fetch = in_flight.len() < fan_out
            && in_flight
                .get(&key)
                .is_none_or(|began| at >= began + interval);
        if may_fetch {
            in_flight.insert(key, at);
            let ready = answers.entry(key).or_insert(at + latency);
            *ready = (*ready).min(at + latency);
            calls += 1;
            longest = longest.max(at - since);
        } else if at - since > ttl {
            failed += 1;
        } else {
            due.push(Reverse((at + sleep, since, key)));
        }
    }
    (calls, failed, longest)
}

#[test]
fn a_storm_tracker_lets_messages_wait_for_one_fetch() {
    let folder = tempfile::tempdir().expect("a folder");
    for (latency, sleep, interval, ttl, fan_out) in [
        (1_013, 350, 5_000, 5_000, 20),
        (1_013, 350, 440, 5_000, 20),
        (1_013, 110, 500, 500, 20),
        (1_013, 110, 130, 500, 20),
        (1_013, 30, 500, 500, 2),
        (307, 50, 600, 600, 1),
        (307, 50, 250, 250, 3),
        (2_003, 190, 900, 900, 2),
    ] {
        // A message each 70 ms and 1, 2, 3 … ms more, of six keys in turn; the sums of sleeps meet none of them.
        let arrivals: Vec<(u64, u64)> = (0..60).map(|i| (70 * i + i * i % 7, i % 6)).collect();
        let mut rows = "time,key\n".to_owned();
        for (at, key) in &arrivals {
            rows += &format!("{:.3},k{key}\n", *at as f64 / 1_000.0);
        }
        let w = of_rows(
            &folder,
            &rows,
            &format!(
                "operations.Decrypt = 1\nbranch_key_cache = {{ ttl = \"1h\", cache.storm-tracking = {{ fan_out = {fan_out}, in_flight_ttl = \"{ttl}ms\", sleep = \"{sleep}ms\", grace_period = \"10s\", grace_interval = \"{interval}ms\" }} }}"
            ),
        );
        let text = format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\nkms_latency.constant.value = \"{latency}ms\"\n[key.k]\n{w}"
        );
        let v = run(&text).variants.swap_remove(0);
        let (calls, failed, longest) = storm(&arrivals, latency, (sleep, interval, ttl, fan_out));
        let found = (
            one(&v, "kms_calls"),
            one(&v, "app_requests_failed"),
            (one(&v, "added_delay_s_max") * 1_000.0).round(),
        );
        assert_eq!(
            found,
            (calls as f64, failed as f64, longest as f64),
            "{latency} {sleep} {interval} {ttl} {fan_out}"
        );
    }
}

/// An entry of 40 s is fetched anew from 40 − g s on, by one message in each grace interval, as long as KMS takes to answer.
#[test]
fn a_storm_tracker_renews_entries_in_their_grace_period() {
    for (period, interval, latency, expected) in [
        // At 0, 30, 60, 90, …, 270.
        (10_000, 1_000, 1, 10.0),
        // At 0, 20, 40, …, 280.
        (20_000, 1_000, 1, 15.0),
        // Answers after 3.5 s: at 0, 33, 66, …, 264, or a second later each time.
        (10_000, 9_500, 3_500, 9.0),
    ] {
        let w = messages(
            "w",
            &format!(
                "clients = 1\noperations.Decrypt = 1\nbranch_key_cache = {{ ttl = \"40s\", cache.storm-tracking = {{ grace_period = \"{period}ms\", grace_interval = \"{interval}ms\", in_flight_ttl = \"9500ms\" }} }}"
            ),
        );
        let assumption = format!("assumption.kms_latency.constant.value = \"{latency}ms\"");
        let head = AT_ONCE.replace(
            "assumption.kms_latency.constant.value = \"0s\"",
            &assumption,
        );
        let head = head.strip_suffix("assumption.").expect("the end");
        let v = run(&format!("horizon = \"290s\"\n{head}\n[key.k]\n{w}"))
            .variants
            .swap_remove(0);
        assert_eq!(
            one(&v, "kms_calls"),
            expected,
            "{period} {interval} {latency}"
        );
    }
}

// ----- bucket keys -------------------------------------------------------------------------------------

/// Requests on a bucket `b` under bucket keys, one a second.
fn requests(bucket: &str, rest: &str) -> String {
    format!(
        "[bucket.b]\nkey = \"k\"\nbucket_key = true\n{bucket}\n[workload.w]\nbucket = \"b\"\narrivals.constant.rate = \"1/s\"\n{rest}\n"
    )
}

#[test]
fn bucket_keys_are_counted_exactly() {
    let put = "operations.PutObject = 1";
    let get = "operations.GetObject = 1";
    for (assumption, bucket, rest, horizon, expected) in [
        // Requests in turn to each of four partitions.
        (
            "assumption.bucket_key_lifetime = \"1h\"",
            "",
            put,
            "60s",
            1.0,
        ),
        // Each write before the switch is a call, then one for all.
        ("", "bucket_key_since = \"30s\"", put, "60s", 31.0),
        (
            "",
            "bucket_key_since = \"30s\"\narchived_bucket_keys = 1",
            get,
            "60s",
            31.0,
        ),
        // Every read of an object from before the switch is a call.
        (
            "",
            "older_objects = 1\narchived_bucket_keys = 1",
            get,
            "60s",
            60.0,
        ),
        // One object is under one key, named or not; nine objects under nine keys.
        (
            "",
            "archived_bucket_keys = 9",
            "operations.GetObject = 1\nobject = \"one\"",
            "60s",
            1.0,
        ),
        (
            "",
            "archived_bucket_keys = 9",
            "operations.GetObject = 1\npopularity.uniform.objects = 9",
            "10m",
            18.0,
        ),
        (
            "",
            "archived_bucket_keys = 9",
            "operations.GetObject = 1\npopularity.uniform.objects = 900",
            "4m",
            9.0,
        ),
        (
            "",
            "archived_bucket_keys = 3",
            "operations.GetObject = 1\npopularity.uniform.objects = 9",
            "4m",
            3.0,
        ),
        // A life of 10 s from the fetch at 0 on; the next read after it is at 10 or 11 s: six in a minute either way.
        (
            "assumption.bucket_key_lifetime = \"9500ms\"",
            "archived_bucket_keys = 1",
            get,
            "59s",
            6.0,
        ),
        (
            "assumption.bucket_key_lifetime = \"9500ms\"\nassumption.bucket_key_renewal = \"sliding\"",
            "archived_bucket_keys = 1",
            get,
            "59s",
            1.0,
        ),
    ] {
        let v = result(horizon, assumption, &requests(bucket, rest));
        assert_eq!(
            one(&v, "kms_calls"),
            expected,
            "{assumption} {bucket} {rest}"
        );
    }
    let four = AT_ONCE.replace("bucket_key_fanout = 1", "bucket_key_fanout = 4");
    let head = four.strip_suffix("assumption.").expect("the end");
    let v = run(&format!(
        "horizon = \"60s\"\n{head}[key.k]\n{}",
        requests("", put)
    ));
    assert_eq!(one(&v.variants[0], "kms_calls"), 4.0);
}

/// Objects written in the run are under the bucket key of their writer's moment: whoever reads them needs that.
#[test]
fn who_reads_what_was_written_needs_its_bucket_keys() {
    // A key to write under each 10 s of a minute, then reads of all of it by the writer, or by another role.
    for (reader, expected) in [("writer", 0.0), ("reader", 6.0)] {
        let tables = format!(
            "[requester.writer]\n[requester.reader]\n[bucket.b]\nkey = \"k\"\nbucket_key = true\n[workload.w]\nbucket = \"b\"\nrequester = \"writer\"\noperations.PutObject = 1\njob = {{ workers = 1, objects = 60, within = \"60s\" }}\n[workload.r]\nbucket = \"b\"\nrequester = \"{reader}\"\nreads = \"w\"\npopularity.uniform.objects = 60\nafter = \"w\"\noperations.GetObject = 1\narrivals.constant.rate = \"20/s\"\n"
        );
        let v = result(
            "100s",
            "assumption.bucket_key_lifetime = \"1h\"\nassumption.bucket_key_write_lifetime = \"9500ms\"",
            &tables,
        );
        assert_eq!(values(&v.by_workload["w"], "kms_calls"), [6.0]);
        // 800 reads leave one of six keys out with a probability of 10⁻⁶².
        assert_eq!(
            values(&v.by_workload["r"], "kms_calls"),
            [expected],
            "{reader}"
        );
    }
}

/// Of m reads, Σ 1 − (1 − p)^m keys are met at least once.
fn met(shares: impl Iterator<Item = f64>, reads: f64) -> f64 {
    shares.map(|p| 1.0 - libm::pow(1.0 - p, reads)).sum()
}

/// Calls of 500 reads within a bucket key's life, over sixty replications.
fn of_reads(bucket: &str, popularity: &str) -> Sample {
    let head = AT_ONCE.replace("replications = 1", "replications = 60");
    let head = head.strip_suffix("assumption.").expect("the end");
    let text = format!(
        "horizon = \"50s\"\n{head}[key.k]\n[bucket.b]\nkey = \"k\"\nbucket_key = true\n{bucket}\n[workload.w]\nbucket = \"b\"\noperations.GetObject = 1\n{popularity}\narrivals.constant.rate = \"10/s\"\n"
    );
    Sample::of(&values(&run(&text).variants[0].metrics, "kms_calls"))
}

#[test]
fn popular_objects_meet_few_bucket_keys() {
    for (exponent, objects) in [(1.0, 2_000_u32), (0.6, 500), (2.0, 2_000)] {
        let weights = || (1..=objects).map(move |k| libm::pow(f64::from(k), -exponent));
        let all: f64 = weights().sum();
        let theory = met(weights().map(|w| w / all), 500.0);
        let found = of_reads(
            &format!("archived_bucket_keys = {objects}"),
            &format!("popularity.zipf = {{ objects = {objects}, exponent = {exponent:?} }}"),
        );
        println!(
            "{exponent}: {} ± {} of {theory}",
            found.mean,
            T * found.se()
        );
        assert!(
            found.holds(theory, 0.0),
            "{exponent}: {found:?} of {theory}"
        );
    }
    let found = of_reads(
        "archived_bucket_keys = 300",
        "popularity.uniform.objects = 3_000",
    );
    let theory = met((0..300).map(|_| 1.0 / 300.0), 500.0);
    assert!(found.holds(theory, 0.0), "{found:?} of {theory}");
}

/// Of a million objects hardly one is read twice: keys are met as often as objects are that old.
#[test]
fn an_archives_age_decides_how_many_bucket_keys_are_met() {
    let normal = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    for (median, sigma) in [(86_400.0, 1.0), (3_600.0, 0.5), (600.0, 2.0)] {
        let below = |age: f64| {
            if age <= 0.0 {
                0.0
            } else {
                normal(libm::log(age / median) / sigma)
            }
        };
        let shares =
            (0..200_000).map(|k| below(300.0 * f64::from(k + 1)) - below(300.0 * f64::from(k)));
        let theory = met(shares, 500.0);
        let found = of_reads(
            &format!("archive_age.lognormal = {{ median = \"{median}s\", sigma = {sigma:?} }}"),
            "popularity.uniform.objects = 1_000_000",
        );
        println!(
            "{median} {sigma}: {} ± {} of {theory}",
            found.mean,
            T * found.se()
        );
        assert!(
            found.holds(theory, 0.005 * theory),
            "{median} {sigma}: {found:?} of {theory}"
        );
    }
    for days in [0.5, 7.0] {
        let keys = days * 288.0;
        let theory = met((0..keys as u32).map(|_| 1.0 / keys), 500.0);
        let found = of_reads(
            &format!("archive_age.uniform.longest = \"{}s\"", days * 86_400.0),
            "popularity.uniform.objects = 1_000_000",
        );
        assert!(
            found.holds(theory, 0.005 * theory),
            "{days}: {found:?} of {theory}"
        );
    }
}

/// A lake of 34,560 bucket keys and a thousand reads a second for ten minutes. Each of two partitions fetches a key when it is first asked for,
/// after a time that is exponential with μ, and again when its life of 300 s is over: so many times before the end. As many objects
/// as keys meet all of them, and so does a million.
#[test]
fn a_lake_meets_its_bucket_keys_again_and_again() {
    let (keys, life, end) = (34_560.0, 300.0, 600.0);
    let mu = 1_000.0 / keys / 2.0;
    // P(first before the end) + P(life and two gaps before it).
    let rest = mu * (end - life);
    let each = 1.0 - libm::exp(-mu * end) + 1.0 - libm::exp(-rest) * (1.0 + rest);
    let theory = 2.0 * keys * each;
    for objects in [34_560, 1_000_000] {
        let results = run(&format!(
            "horizon = \"10m\"\nregion = \"eu-west-3\"\nreplications = 40\n[key.lake]\n[bucket.lake]\nkey = \"lake\"\nbucket_key = true\narchived_bucket_keys = 34560\n[workload.readers]\nbucket = \"lake\"\noperations = {{ GetObject = 1 }}\narrivals.poisson.rate = \"1000/s\"\nclients = 50\npopularity.uniform.objects = {objects}\n"
        ));
        let calls = Sample::of(&values(&results.variants[0].metrics, "kms_calls"));
        println!("{objects}: {} ± {} of {theory}", calls.mean, T * calls.se());
        // KMS's answer takes some 4.5 ms of each life; a key of a million has 28 or 29 objects.
        assert!(
            calls.holds(theory, 2e-4 * theory),
            "{objects}: {calls:?} of {theory}"
        );
    }
}
