//! Vectors recorded from software that this project did not write: every `*.json` of the folder in
//! `KMSIM_VECTORS` (default: `tests/vectors`). The leading words of a file's name tell its schema,
//! see the README there.

#[path = "it/common/mod.rs"]
mod common;
mod retry_vectors;

use common::{Rng, Sample};
use kmsim::access::{self, Context, Level, Outcome, Policies, Policy, PolicyKind, Request};
use kmsim::engine::SECOND;
use kmsim::engine::calendar::Calendar;
use kmsim::engine::limiter::{Limiter, Shape, Step};
use kmsim::engine::random::{Key, Stream};
use kmsim::model::retry::{Backoff, Capped, ExponentialBackoff, Jitter, RetryPolicy};
use kmsim::model::source::bucket_key::{BucketKeyCache, BucketKeyRules};
use kmsim::model::source::data_key_cache::{Cmm, DataKeyCache, Message, Sdk, Suite};
use kmsim::units::Span;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;

/// Checks a file's cases and tells how many there were.
type Check = fn(&Value) -> usize;

/// Leading words of file names; `None`: no issue has asked for that so far.
const KINDS: [(&str, Option<Check>); 15] = [
    ("retry_kinds", Some(retry_vectors::kinds_file)),
    ("retry_sequential", Some(retry_vectors::sequential)),
    ("retry_quota_exhaustion", Some(retry_vectors::sequential)),
    ("retry_long_adaptive", Some(retry_vectors::long_adaptive)),
    ("retry_fleet", Some(retry_vectors::fleet)),
    ("retry_smithy_rust", Some(retry_vectors::smithy)),
    ("cache_boundary", Some(data_key_cache)),
    ("cache_random", Some(data_key_cache)),
    ("cache_stream", Some(data_key_cache_stream)),
    ("cache_js_lru", Some(data_key_cache)),
    ("policy", Some(policy)),
    ("limiter_token_bucket", Some(token_bucket)),
    ("limiter_fixed_window", Some(fixed_window)),
    ("backoff_occ", Some(backoff_occ)),
    ("queueing", Some(queueing)),
];

/// Where the vectors are.
fn folder() -> PathBuf {
    std::env::var_os("KMSIM_VECTORS").map_or_else(own_folder, PathBuf::from)
}

fn own_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

#[test]
fn every_file_agrees() {
    let folder = folder();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no *.json in {}", folder.display());
    // Straight to standard output: the harness keeps what `println!` writes to itself, and scripts
    // read these lines.
    let mut out = std::io::stdout();
    writeln!(out).expect("standard output");
    let mut faults = Vec::new();
    for path in files {
        let file = path.file_name().expect("a file").to_string_lossy();
        let stem = file.trim_end_matches(".json");
        let kind = KINDS.iter().find(|(words, _)| {
            stem.strip_prefix(words)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        });
        let Some((_, check)) = kind else {
            faults.push(format!("{file}: no schema has this name"));
            continue;
        };
        let Some(check) = check else {
            writeln!(out, "{file}: not covered yet").expect("standard output");
            continue;
        };
        let checked = std::panic::catch_unwind(|| {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            check(&serde_json::from_str(&text).expect("JSON"))
        });
        match checked {
            Ok(n) => {
                writeln!(out, "{file}: {n} cases").expect("standard output");
                if n == 0 {
                    faults.push(format!("{file}: no cases"));
                }
            }
            Err(fault) => {
                let text = fault
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| fault.downcast_ref::<&str>().map(|t| (*t).to_owned()));
                faults.push(format!("{file}: {}", text.unwrap_or_default()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// ----- reading ---------------------------------------------------------------------------------

fn list(v: &Value) -> &[Value] {
    v.as_array().expect("a list")
}

fn text<'a>(v: &'a Value, name: &str) -> &'a str {
    v[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {v} is no text"))
}

fn number(v: &Value, name: &str) -> f64 {
    v[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} in {v} is no number"))
}

fn whole(v: &Value, name: &str) -> u64 {
    v[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {v} is no whole number"))
}

fn instants(case: &Value) -> Vec<u64> {
    list(&case["arrivals_ns"])
        .iter()
        .map(|t| t.as_u64().expect("nanoseconds"))
        .collect()
}

fn steady(num: u64, den: u64) -> [Step; 1] {
    let (mut a, mut b) = (num, den);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    [Step {
        from_s: 0,
        num: num / a,
        den: den / a,
    }]
}

// ----- limiters --------------------------------------------------------------------------------

fn token_bucket(cases: &Value) -> usize {
    for case in list(cases) {
        let id = text(case, "id");
        assert_eq!(text(case, "initial"), "full", "{id}");
        // One token each period: 10⁹ ÷ period a second, so that no nanosecond is rounded.
        let period = whole(case, "period_ns");
        let tokens = whole(case, "burst") as f64;
        let shape = Shape::TokenBucket {
            burst: tokens * period as f64 / SECOND as f64,
        };
        let mut limiter = Limiter::new(shape, &steady(SECOND, period));
        let mut waits = list(&case["wait_ns_of_denied"]).iter();
        let mut got = String::new();
        for at in instants(case) {
            if limiter.has_room(at) {
                limiter.take(at);
                got.push('1');
                continue;
            }
            got.push('0');
            // It would pass after this wait and not a nanosecond before.
            if let Some(wait) = waits.next() {
                let until = at + wait.as_u64().expect("nanoseconds");
                assert!(!limiter.clone().has_room(until - 1), "{id} at {at}");
                assert!(limiter.clone().has_room(until), "{id} at {at}");
            }
        }
        assert_eq!(got, text(case, "admit"), "{id}");
    }
    list(cases).len()
}

fn fixed_window(cases: &Value) -> usize {
    for case in list(cases) {
        let steps = [Step {
            from_s: 0,
            num: whole(case, "quota"),
            den: whole(case, "window_s"),
        }];
        let mut limiter = Limiter::new(Shape::FixedWindow, &steps);
        let got: String = instants(case)
            .into_iter()
            .map(|at| {
                let room = limiter.has_room(at);
                if room {
                    limiter.take(at);
                }
                if room { '1' } else { '0' }
            })
            .collect();
        // KMS counts by the clock's seconds; the rule of `first_hit` is another limiter's.
        assert_eq!(got, text(&case["aligned"], "admit"), "{}", text(case, "id"));
    }
    list(cases).len()
}

// ----- data-key caches -------------------------------------------------------------------------

/// A recorded cache, with the CMMs that share it and what it cost so far.
struct Recorded {
    cache: DataKeyCache,
    cmms: Vec<Cmm>,
    /// Names of encryption contexts, partitions.
    contexts: Vec<String>,
    generated: u64,
    decrypted: u64,
}

/// A message and the data key that it was encrypted under.
type Encrypted = (Message, u64);

impl Recorded {
    fn new(case: &Value) -> Recorded {
        let package = text(&case["engine"], "package");
        let sdk = match package {
            "aws-encryption-sdk (Python)" => Sdk::Python,
            "@aws-crypto/cache-material" => Sdk::JavaScript,
            "aws-encryption-sdk-java" => Sdk::Java,
            other => panic!("no data-key cache of {other}"),
        };
        let mut partitions = Vec::new();
        let limit = |v: &Value, name: &str, otherwise| match &v[name] {
            Value::Null => otherwise,
            _ => whole(v, name),
        };
        let cmms = list(&case["cmms"]).iter().map(|c| Cmm {
            partition: number_of(&mut partitions, text(c, "partition")) as u32,
            max_age: ns(number(c, "max_age")),
            max_messages: limit(c, "max_messages", 1 << 32),
            max_bytes: limit(c, "max_bytes", i64::MAX as u64),
        });
        Recorded {
            cmms: cmms.collect(),
            cache: DataKeyCache::new(sdk, whole(case, "capacity") as usize),
            contexts: Vec::new(),
            generated: 0,
            decrypted: 0,
        }
    }

    fn encrypt(&mut self, cmm: usize, message: &Message, at: u64) -> u64 {
        let cmm = &self.cmms[cmm];
        self.cache.encrypt(cmm, message, at).unwrap_or_else(|| {
            self.generated += 1;
            self.cache.generated(cmm, message, self.generated, at);
            self.generated
        })
    }

    fn decrypt(&mut self, cmm: usize, (message, data_key): &Encrypted, at: u64) {
        let cmm = &self.cmms[cmm];
        if !self.cache.decrypt(cmm, message, *data_key, at) {
            self.decrypted += 1;
            self.cache.decrypted(cmm, message, *data_key, at);
        }
    }

    fn message(&mut self, request: &Value) -> Message {
        // Without key derivation; which suite it is tells nothing more.
        let plain = Suite {
            id: 0x0078,
            key_derivation: false,
        };
        let context = request["ec"].as_object().expect("an encryption context");
        let mut pairs: Vec<_> = context.iter().collect();
        pairs.sort_by_key(|pair| pair.0);
        let length = &request["len"];
        Message {
            context: number_of(&mut self.contexts, &format!("{pairs:?}")),
            length: (!length.is_null()).then(|| length.as_u64().expect("a length in bytes")),
            suite: request["unsafe"]
                .as_bool()
                .unwrap_or(false)
                .then_some(plain),
        }
    }

    fn check_totals(&self, case: &Value, requests: u64) {
        let id = text(case, "id");
        for (name, total) in case["totals"].as_object().expect("totals") {
            let ours = match name.as_str() {
                "COUNT_GDK" => self.generated,
                "COUNT_DEC" => self.decrypted,
                "requests" => requests,
                other => panic!("{id}: no total {other}"),
            };
            assert_eq!(Some(ours), total.as_u64(), "{id}: {name}");
        }
    }
}

/// The number of a name, in the order in which they are met.
fn number_of(names: &mut Vec<String>, name: &str) -> u64 {
    let found = names.iter().position(|n| n == name);
    found.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) as u64
}

fn ns(seconds: f64) -> u64 {
    (seconds * SECOND as f64).round() as u64
}

fn data_key_cache(cases: &Value) -> usize {
    for case in list(cases) {
        let id = text(case, "id");
        let mut run = Recorded::new(case);
        let (requests, expected) = (list(&case["requests"]), list(&case["expect"]));
        assert_eq!(requests.len(), expected.len(), "{id}");
        let mut encrypted: Vec<Encrypted> = Vec::new();
        for (i, (request, row)) in requests.iter().zip(expected).enumerate() {
            let (at, before) = (ns(number(request, "t")), (run.generated, run.decrypted));
            let cmm = request["cmm"].as_u64().unwrap_or(0) as usize;
            let of = match text(request, "op") {
                "enc" => {
                    let message = run.message(request);
                    (message, run.encrypt(cmm, &message, at))
                }
                "dec" => {
                    let of = encrypted[whole(request, "of") as usize];
                    run.decrypt(cmm, &of, at);
                    of
                }
                other => panic!("{id}: no operation {other}"),
            };
            encrypted.push(of);
            for (column, value) in list(&case["expect_columns"]).iter().zip(list(row)) {
                let ours = match column.as_str().expect("a column") {
                    "generate_data_key_calls" => run.generated - before.0,
                    "decrypt_calls" => run.decrypted - before.1,
                    "data_key_serial" => of.1,
                    "cache_entries_after" => run.cache.entries(at) as u64,
                    other => panic!("{id}: no column {other}"),
                };
                assert_eq!(Some(ours), value.as_u64(), "{id}: request {i}, {column}");
            }
        }
        run.check_totals(case, requests.len() as u64);
    }
    list(cases).len()
}

fn data_key_cache_stream(cases: &Value) -> usize {
    for case in list(cases) {
        let (id, stream) = (text(case, "id"), &case["stream"]);
        let generator = text(stream, "generator");
        assert!(
            generator.starts_with("xorshift64*: x^=x>>12; x^=x<<25; x^=x>>27 (u64); out=(x*2685821657736338717 mod 2^64)>>11"),
            "{id}: no generator {generator}"
        );
        let rule = text(stream, "per_request");
        let moduli: Vec<u64> = rule
            .split("out % ")
            .skip(1)
            .map(|rest| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().expect("a modulus")
            })
            .collect();
        let [tick, keys, lengths] = moduli[..] else {
            panic!("{id}: no stream {rule}")
        };
        assert_eq!(
            rule,
            format!(
                "tick_ms += out % {tick} ; key = out % {keys} ; len = out % {lengths} (in that order); t = tick_ms/1000; encryption context {{\"k\": str(key)}}; encrypt"
            ),
            "{id}"
        );
        let mut x = whole(stream, "seed");
        let mut out = || {
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            x.wrapping_mul(2_685_821_657_736_338_717) >> 11
        };
        let (mut run, mut ms) = (Recorded::new(case), 0);
        let requests = whole(stream, "requests");
        for _ in 0..requests {
            ms += out() % tick;
            let message = Message {
                context: out() % keys,
                length: Some(out() % lengths),
                suite: None,
            };
            run.encrypt(0, &message, ms * 1_000_000);
        }
        run.check_totals(case, requests);
    }
    list(cases).len()
}

// ----- access ----------------------------------------------------------------------------------

fn policy(cases: &Value) -> usize {
    let mut faults = Vec::new();
    let mut judged = 0;
    for case in list(cases) {
        if case["disputed"] == true {
            continue;
        }
        judged += 1;
        let got = match outcome(case) {
            Outcome::Allow => "allow",
            Outcome::ExplicitDeny => "explicit_deny",
            Outcome::ImplicitDeny => "implicit_deny",
        };
        let expected = text(case, "expected");
        if got != expected {
            faults.push(format!("{}: {got} for {expected}", text(case, "id")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    judged
}

fn outcome(case: &Value) -> Outcome {
    let asked = &case["request"];
    let mut context = Context::new();
    for (key, value) in asked["context"].as_object().expect("context keys") {
        match value {
            Value::Array(values) => {
                let texts = values.iter().map(|v| v.as_str().expect("text").to_owned());
                context.set_several(key, texts.collect());
            }
            Value::String(text) => context.set(key, text),
            other => context.set(key, other.to_string()),
        }
    }
    let request = Request {
        principal: text(asked, "principal").parse().expect("a principal"),
        action: text(asked, "action").to_owned(),
        resource: text(asked, "resource").parse().expect("an ARN"),
        resource_account: text(asked, "resource_account").to_owned(),
        context,
    };
    let read = |kind, document: &Value| -> Policy {
        let text = serde_json::to_string_pretty(document).expect("JSON");
        let read = access::policy::read(kind, "case", &text);
        read.unwrap_or_else(|faults| panic!("{text}: {faults:?}")).0
    };
    let identity = list(&case["identity_policies"]).iter();
    let identity: Vec<Policy> = identity.map(|p| read(PolicyKind::Identity, p)).collect();
    let kind = if request.resource.service == "kms" {
        PolicyKind::Key
    } else {
        PolicyKind::Bucket
    };
    let resource = &case["resource_policy"];
    let resource = (!resource.is_null()).then(|| read(kind, resource));
    let one = |field: &str, kind| {
        let document = &case[field];
        (!document.is_null()).then(|| read(kind, document))
    };
    let several = |field: &str, kind| -> Vec<Policy> {
        let documents = case[field].as_array().into_iter().flatten();
        documents.map(|document| read(kind, document)).collect()
    };
    let boundary = one("permissions_boundary", PolicyKind::Boundary);
    let session = one("session_policy", PolicyKind::Session);
    let service_control = several("service_control_policies", PolicyKind::ServiceControl);
    let resource_control = several("resource_control_policies", PolicyKind::ResourceControl);
    let service_control: Vec<&Policy> = service_control.iter().collect();
    let resource_control: Vec<&Policy> = resource_control.iter().collect();
    let (service_control, resource_control) = (
        Level::account(&service_control),
        Level::account(&resource_control),
    );
    let policies = Policies {
        identity: &identity.iter().collect::<Vec<_>>(),
        boundary: boundary.as_ref(),
        session: session.as_ref(),
        service_control: service_control.as_slice(),
        resource_control: resource_control.as_slice(),
        resource: resource.as_ref(),
    };
    access::decide(&request, policies).outcome
}

// ----- backoff ---------------------------------------------------------------------------------

fn backoff_occ(file: &Value) -> usize {
    const RUNS: u64 = 120;
    for row in list(&file["results"]) {
        let name = text(row, "backoff");
        let clients = whole(row, "clients") as u32;
        let backoff = common::occ::backoff(name);
        let runs: Vec<(f64, f64)> = (0..RUNS)
            .map(|r| common::occ::contend(clients, &backoff, Key::root(77 + u64::from(clients), r)))
            .collect();
        let column =
            |f: fn(&(f64, f64)) -> f64| Sample::of(&runs.iter().map(f).collect::<Vec<_>>());
        for (what, ours) in [("time", column(|r| r.1)), ("calls", column(|r| r.0))] {
            let theirs = number(row, &format!("{what}_mean"));
            let ci = number(row, &format!("{what}_ci95"));
            let margin = 4.0 * (ci * ci + (1.96 * ours.se()).powi(2)).sqrt() / 1.96;
            // The recorded means are rounded to four decimals.
            assert!(
                (ours.mean - theirs).abs() <= margin + 1e-4,
                "{name}, {clients} clients: {what} {} for {theirs} ± {margin}",
                ours.mean
            );
        }
    }
    list(&file["results"]).len()
}

// ----- queueing --------------------------------------------------------------------------------

/// Replications behind each figure.
const RUNS: u64 = 48;

/// Samples of `f` over replications with keys of their own.
fn sample(id: &str, mut f: impl FnMut(Key) -> f64) -> Sample {
    let runs: Vec<f64> = (0..RUNS).map(|r| f(Key::root(91, r).named(id))).collect();
    Sample::of(&runs)
}

/// Four standard errors of our own, and what the row says of its own inaccuracy.
fn agrees(sample: Sample, theory: f64, slack: f64, what: &str) {
    let margin = 4.0 * sample.se() + slack;
    assert!(
        (sample.mean - theory).abs() <= margin,
        "{what}: {} for {theory} ± {margin}",
        sample.mean
    );
}

fn queueing(rows: &Value) -> usize {
    for row in list(rows) {
        let (id, kind) = (text(row, "id"), text(row, "kind"));
        let what = format!("{id} ({kind})");
        let p = &row["params"];
        let of = |name: &str| number(p, name);
        let value = || number(row, "value");
        let slack = row["numeric_error"].as_f64().unwrap_or(1e-9);
        match kind {
            "fixed_window_poisson_throttle_fraction" => {
                let window = of("window_s");
                let steps = [Step {
                    from_s: 0,
                    num: whole(p, "quota"),
                    den: window as u64,
                }];
                let limiter = Limiter::new(Shape::FixedWindow, &steps);
                agrees(
                    sample(id, |k| {
                        throttled(limiter.clone(), of("lam"), (window, 1), k, value())
                    }),
                    0.0,
                    slack,
                    &what,
                );
            }
            "token_bucket_poisson_throttle_fraction"
            | "token_bucket_ticked_poisson_throttle_fraction" => {
                let rate = whole(p, "rate");
                let shape = Shape::TokenBucket {
                    burst: of("burst") / rate as f64,
                };
                let limiter = Limiter::new(shape, &steady(rate, 1));
                // A bucket that is only looked at on the ticks gains one token at each.
                let tick = if kind.contains("ticked") {
                    SECOND / rate
                } else {
                    1
                };
                agrees(
                    sample(id, |k| {
                        throttled(limiter.clone(), of("lam"), (1.0, tick), k, value())
                    }),
                    0.0,
                    slack,
                    &what,
                );
            }
            "ttl_cache_poisson_miss_rate" => {
                let (rate, ttl) = (of("lam"), of("ttl"));
                agrees(
                    sample(id, |k| bucket_key_misses(rate, ttl, k) - value()),
                    0.0,
                    slack,
                    &what,
                );
            }
            "ttl_cache_uniform_keys_total_fetch_rate" | "ttl_cache_zipf_keys_total_fetch_rate" => {
                let keys = whole(p, "keys");
                let exponent = p["zipf_s"].as_f64();
                let draw = |s: &mut Stream| match exponent {
                    Some(e) => kmsim::engine::random::Zipf::new(keys, e).draw(s),
                    None => s.below(keys),
                };
                let (rate, age) = (of("lam_total"), of("ttl"));
                agrees(
                    sample(id, |k| fetches(rate, age, keys, exponent, draw, k)),
                    value(),
                    slack,
                    &what,
                );
            }
            "caching_cmm_poisson_calls_per_message" => {
                let (rate, age, most) = (of("lam"), of("max_age"), whole(p, "max_messages"));
                // Messages that a key serves come to an end: whole keys would be exact, the last
                // one of a run is not whole.
                let run = |k| {
                    let (messages, per_s, span) = cache_misses(rate, age, most, 1, |_| 0, k);
                    per_s * span - value() * messages
                };
                let per_run = sample(id, run);
                agrees(per_run, 0.0, 1.0, &what);
            }
            "expected_distinct_partitions_touched" => {
                let keys = whole(p, "partitions");
                let run = |k: Key| {
                    let (mut cache, mut s) = (cache(f64::INFINITY, u64::MAX, keys), k.stream());
                    let n = whole(p, "requests");
                    (0..n)
                        .filter(|_| !look_up(&mut cache, s.below(keys), 0))
                        .count() as f64
                };
                // One run is one draw: many, to be worth an interval.
                let mean = sample(id, |k| (0..50).map(|i| run(k.with(i))).sum::<f64>() / 50.0);
                agrees(mean, value(), slack, &what);
            }
            "poisson_thinning" => {
                let (rate, share) = (of("lam"), of("p"));
                let thinned = |k: Key| {
                    let mut s = k.stream();
                    let n: Vec<f64> = (0..2_000)
                        .map(|_| {
                            let all = s.poisson(rate);
                            s.binomial(all, share) as f64
                        })
                        .collect();
                    Sample::of(&n)
                };
                agrees(sample(id, |k| thinned(k).mean), value(), slack, &what);
                let variance = sample(id, |k| thinned(k).sd.powi(2));
                agrees(variance, number(row, "variance_per_second"), slack, &what);
            }
            "md1_mean_wait" => {
                let (rate, service) = (of("lam"), of("service"));
                agrees(
                    sample(id, |k| queue(rate, |_| service, k).0),
                    value(),
                    slack,
                    &what,
                );
            }
            "mm1_mean_sojourn" => {
                let (rate, mean) = (of("lam"), of("mean_service"));
                agrees(
                    sample(id, |k| queue(rate, |s| mean * s.exponential(), k).1),
                    value(),
                    slack,
                    &what,
                );
            }
            "erlang_b_loss" => {
                let (rate, mean, servers) = (of("lam"), of("service_mean"), of("servers"));
                agrees(
                    sample(id, |k| lost(rate, mean, servers as usize, k)),
                    value(),
                    slack,
                    &what,
                );
            }
            "expected_total_backoff" => {
                let jitter = match text(p, "jitter") {
                    "full" => Jitter::Full,
                    "equal" => Jitter::Equal,
                    other => panic!("{what}: no jitter {other}"),
                };
                let backoff = exponential(of("base"), of("cap"), jitter);
                let retries = whole(p, "attempts") as u16 - 1;
                let total = |k: Key| -> f64 { (1..=retries).map(|n| delay(&backoff, n, k)).sum() };
                agrees(sample(id, |k| over(500, k, total)), value(), slack, &what);
            }
            "decorrelated_jitter_mean_sleep" => {
                let backoff = exponential(of("base"), of("cap"), Jitter::Decorrelated);
                for (i, (mean, se)) in list(&row["value"])
                    .iter()
                    .zip(list(&row["standard_error"]))
                    .enumerate()
                {
                    let n = i as u16 + 1;
                    let ours = sample(id, |k| over(500, k, |k| delay(&backoff, n, k)));
                    let slack = 4.0 * se.as_f64().expect("a number");
                    agrees(
                        ours,
                        mean.as_f64().expect("a number"),
                        slack,
                        &format!("{what}, delay {n}"),
                    );
                }
            }
            "retry_amplification_iid" => {
                let policy = RetryPolicy {
                    max_attempts: whole(p, "max_attempts") as u16,
                    ..RetryPolicy::none()
                };
                let refused = of("throttle_p");
                // Attempts, and whether the last was refused as well.
                let request = |k: Key| {
                    let mut s = k.stream();
                    let mut n = 1;
                    while s.unit() < refused {
                        if n >= policy.max_attempts {
                            return (f64::from(n), 1.0);
                        }
                        n += 1;
                    }
                    (f64::from(n), 0.0)
                };
                agrees(
                    sample(id, |k| over(500, k, |k| request(k).0)),
                    value(),
                    slack,
                    &what,
                );
                let failed = sample(id, |k| over(500, k, |k| request(k).1));
                agrees(failed, number(row, "fail_fraction"), slack, &what);
            }
            other => panic!("{id}: no check for {other}"),
        }
    }
    list(rows).len()
}

/// The mean of `f` over `n` keys.
fn over(n: u64, key: Key, f: impl Fn(Key) -> f64) -> f64 {
    (0..n).map(|i| f(key.with(i))).sum::<f64>() / n as f64
}

fn exponential(base: f64, cap: f64, jitter: Jitter) -> Backoff {
    let span = |seconds: f64| Span::from_ns((seconds * SECOND as f64).round() as u64);
    Backoff::from(ExponentialBackoff {
        initial_backoff: span(base),
        max_backoff: Some(span(cap)),
        jitter,
        capped: Capped::Bound,
    })
}

fn delay(backoff: &Backoff, n: u16, key: Key) -> f64 {
    backoff.delay(n, key) as f64 / SECOND as f64
}

/// Refused − theory · arrivals, per arrival, of Poisson arrivals: zero on average if the theory holds.
fn throttled(
    mut limiter: Limiter,
    rate: f64,
    (window, tick): (f64, u64),
    key: Key,
    theory: f64,
) -> f64 {
    let mut gaps = key.stream();
    let (mut now, mut refused, mut counted) = (0.0, 0.0, 0.0);
    // Whole windows from the clock's own start; a bucket forgets in ten seconds that it was full.
    let start = (200.0_f64.min(20_000.0 / rate) / window).ceil() * window;
    let end = start + (20_000.0 / rate / window).ceil() * window;
    loop {
        now += gaps.exponential() / rate;
        if now >= end {
            return (refused - theory * counted) / (rate * (end - start));
        }
        let at = (now * SECOND as f64) as u64 / tick * tick;
        let room = limiter.has_room(at);
        if room {
            limiter.take(at);
        }
        if now >= start {
            counted += 1.0;
            refused += f64::from(u8::from(!room));
        }
    }
}

/// Fetches a second of a bucket key with a lifetime, from renewal to renewal: their number over
/// the time they took.
fn bucket_key_misses(rate: f64, ttl: f64, key: Key) -> f64 {
    let mut gaps = key.stream();
    let lifetime = (ttl * SECOND as f64) as u64;
    let mut cache = BucketKeyCache::new(BucketKeyRules {
        fanout: 1,
        lifetime,
        write_lifetime: lifetime,
        sliding: false,
    });
    let (mut now, mut fetches, mut first, mut last) = (0.0, 0_u64, 0.0, 0.0);
    while fetches < 300 {
        now += gaps.exponential() / rate;
        let at = (now * SECOND as f64) as u64;
        if cache.write(0, at).is_none() {
            cache.generated(0, at, at);
            if fetches == 0 {
                first = now;
            }
            last = now;
            fetches += 1;
        }
    }
    (fetches - 1) as f64 / (last - first)
}

/// A cache with the one CMM that uses it.
struct Cached {
    cache: DataKeyCache,
    cmm: Cmm,
}

fn cache(max_age: f64, max_messages: u64, contexts: u64) -> Cached {
    Cached {
        cache: DataKeyCache::new(Sdk::Python, contexts as usize),
        cmm: Cmm {
            partition: 0,
            max_age: (max_age * SECOND as f64) as u64,
            max_messages,
            max_bytes: u64::MAX,
        },
    }
}

impl Cached {
    fn put(&mut self, context: u64, at: u64) {
        let message = one_byte(context);
        self.cache.generated(&self.cmm, &message, 0, at);
    }
}

fn one_byte(context: u64) -> Message {
    Message {
        context,
        length: Some(1),
        suite: None,
    }
}

/// Whether a message of that context finds a data key; if not, it fetches one.
fn look_up(cached: &mut Cached, context: u64, at: u64) -> bool {
    let message = one_byte(context);
    let found = cached.cache.encrypt(&cached.cmm, &message, at).is_some();
    if !found {
        cached.put(context, at);
    }
    found
}

/// Fetches a second for many keys. Each key's renewals are nearly periodic and would take ages to
/// forget a common start, so the cache begins in its long-run state: key by key empty, or with an
/// entry of uniform age.
fn fetches(
    rate: f64,
    ttl: f64,
    keys: u64,
    exponent: Option<f64>,
    draw: impl Fn(&mut Stream) -> u64,
    key: Key,
) -> f64 {
    let (mut gaps, mut what) = (key.named("gaps").stream(), key.named("context").stream());
    let mut state = key.named("state").stream();
    let mut cache = cache(ttl, u64::MAX, keys);
    let weight = |r: u64| ((r + 1) as f64).powf(-exponent.unwrap_or(0.0));
    let total: f64 = (0..keys).map(weight).sum();
    let start = ttl;
    for k in 0..keys {
        let own = rate * weight(k) / total;
        if state.unit() < ttl / (ttl + 1.0 / own) {
            let from = start - state.unit() * ttl;
            cache.put(k, (from * SECOND as f64) as u64);
        }
    }
    let span = (40_000.0 / rate).max(2.5 * ttl);
    let (mut now, mut misses) = (start, 0_u64);
    loop {
        now += gaps.exponential() / rate;
        if now >= start + span {
            return misses as f64 / span;
        }
        let found = look_up(&mut cache, draw(&mut what), (now * SECOND as f64) as u64);
        misses += u64::from(!found);
    }
}

/// Messages, misses a second, and seconds, after the cache has forgotten its empty start.
fn cache_misses(
    rate: f64,
    max_age: f64,
    max_messages: u64,
    contexts: u64,
    draw: impl Fn(&mut Stream) -> u64,
    key: Key,
) -> (f64, f64, f64) {
    let (mut gaps, mut what) = (key.named("gaps").stream(), key.named("context").stream());
    let mut cache = cache(max_age, max_messages, contexts);
    let (mut now, mut misses, mut messages) = (0.0, 0.0, 0.0);
    // Thirty lifetimes, or an age that never comes.
    let start = (30.0 * max_age).min(3_000.0);
    let end = start + (20_000.0 / rate).max(10.0 * max_age.min(300.0));
    loop {
        now += gaps.exponential() / rate;
        if now >= end {
            return (messages, misses / (end - start), end - start);
        }
        let found = look_up(&mut cache, draw(&mut what), (now * SECOND as f64) as u64);
        if now >= start {
            messages += 1.0;
            misses += f64::from(u8::from(!found));
        }
    }
}

/// Mean wait and mean time in system of a single server, on the event list.
fn queue(rate: f64, service: impl Fn(&mut Stream) -> f64, key: Key) -> (f64, f64) {
    let (mut gaps, mut work) = (key.named("gaps").stream(), key.named("work").stream());
    let ns = |s: f64| (s * SECOND as f64) as u64;
    let mut calendar = Calendar::new();
    let mut line = VecDeque::new();
    let (mut served, mut waits, mut stays) = (0_u64, 0.0, 0.0);
    let (skip, end) = (2_000, 42_000);
    calendar.push(ns(gaps.exponential() / rate), false);
    let mut begin = |line: &VecDeque<u64>, at: u64, served: u64| {
        if served >= skip {
            waits += (at - line[0]) as f64 / SECOND as f64;
        }
        at + ns(service(&mut work))
    };
    while let Some((at, ends)) = calendar.pop_any() {
        if ends {
            let came: u64 = line.pop_front().expect("someone is served");
            if served >= skip {
                stays += (at - came) as f64 / SECOND as f64;
            }
            served += 1;
            if served == end {
                break;
            }
            if !line.is_empty() {
                calendar.push(begin(&line, at, served), true);
            }
        } else {
            line.push_back(at);
            if line.len() == 1 {
                calendar.push(begin(&line, at, served), true);
            }
            calendar.push(at + ns(gaps.exponential() / rate), false);
        }
    }
    let n = (end - skip) as f64;
    (waits / n, stays / n)
}

/// Share of arrivals that find all servers busy, on the event list.
fn lost(rate: f64, mean: f64, servers: usize, key: Key) -> f64 {
    let (mut gaps, mut work) = (key.named("gaps").stream(), key.named("work").stream());
    let ns = |s: f64| (s * SECOND as f64) as u64;
    let mut calendar = Calendar::new();
    calendar.push(ns(gaps.exponential() / rate), false);
    let (mut busy, mut arrivals, mut refused) = (0, 0_u64, 0_u64);
    let (skip, end) = (1_000, 21_000);
    while let Some((at, ends)) = calendar.pop_any() {
        if ends {
            busy -= 1;
            continue;
        }
        arrivals += 1;
        if busy < servers {
            busy += 1;
            calendar.push(at + ns(mean * work.exponential()), true);
        } else if arrivals > skip {
            refused += 1;
        }
        if arrivals == end {
            break;
        }
        calendar.push(at + ns(gaps.exponential() / rate), false);
    }
    refused as f64 / (end - skip) as f64
}

#[test]
fn a_fractional_period_is_kept_to_the_nanosecond() {
    // Three tokens a second by a period of whole nanoseconds: as governor counts them.
    let shape = Shape::TokenBucket {
        burst: 100.0 * 333_333_333.0 / SECOND as f64,
    };
    let mut limiter = Limiter::new(shape, &steady(SECOND, 333_333_333));
    assert_eq!(
        (0..200)
            .filter(|_| {
                let room = limiter.has_room(0);
                if room {
                    limiter.take(0)
                };
                room
            })
            .count(),
        100
    );
    assert!(!limiter.clone().has_room(333_333_332) && limiter.has_room(333_333_333));
    // The generator of the tests is not the engine's.
    assert_ne!(Rng::new(1).bits(), Key::root(1, 0).stream().bits());
}
