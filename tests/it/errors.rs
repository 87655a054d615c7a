//! Bad input through the real binary: one broken scenario or more for each diagnostic code.
//!
//! Every fault must end with exit status 2, name its place, the values concerned and a way out, and
//! leave nothing behind. Mutated scenarios must be read or refused, never panic.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kmsim::input::Input;
use kmsim::input::diagnostic::Code;
use kmsim::input::keyword::Keyword;
use kmsim::model::arrivals::Arrivals;
use kmsim::report;
use kmsim::report::format::{Markdown, TextTable};
use kmsim::results;
use kmsim::run::{RunOptions, run};
use kmsim::scenario::{Loaded, load};

/// A scenario that is right, with something of everything, to break in one place at a time.
const GOOD: &str = r#"horizon = "20s"
warm_up = "5s"
seed = 7
replications = 2
start = "2026-01-05T00:00:00[UTC]"
region = "us-east-1"

[account.main]
trail_copies = 1

[account.other]
region = "us-east-1"

[key_store.hsm]
kind = "cloudhsm"

[key.main]

[key.far]
region = "eu-west-1"

[key.rsa]
spec = "RSA_2048"

[bucket.logs]
key = "main"
bucket_key = true
archived_bucket_keys = 3
older_objects = 0.5

[requester.app]
role = "app"
sessions = 2

[quota.own]
limit = "100/s"
limiter = { token-bucket = { burst = 2 } }
changes = [{ at = "10s", limit = "200/s" }]

[retry.exponential]
initial_backoff = "50ms"
max_backoff = "2s"
max_attempts = 3
jitter = "full"

[assumption]
bucket_key_fanout = 2
bucket_key_lifetime = "5m"
kms_latency = { lognormal = { median = "4ms", sigma = 0.5 } }

[price.kms-keys]
usd = "1"
per = 1

[workload.reads]
bucket = "logs"
operations = { GetObject = 1 }
arrivals = { poisson = { rate = "50/s" } }
popularity = { zipf = { objects = 100, exponent = 0.9 } }

[workload.app]
key = "main"
operations = { Decrypt = 1 }
arrivals = { constant = { rate = "20/s" } }
clients = 3

[workload.day]
key = "main"
operations = { Decrypt = 1 }
arrivals = { diurnal = { mean = "5/s", peak = "9/s", peak_at = "20:00", weekly = [1, 1, 1, 1, 1, 0.5, 0.5] } }

[workload.crowd]
key = "main"
operations = { Decrypt = 1 }
arrivals = { flash-crowd = { base = "1/s", peak = "6/s", at = "4s", rise = "2s", decay = "5s" } }

[workload.pieces]
key = "main"
operations = { Decrypt = 1 }
arrivals = { piecewise-linear = { points = [{ at = "0s", rate = "1/s" }, { at = "6s", rate = "2/s" }], every = "8s" } }
start = "1s"
stop = "15s"

[workload.bursts]
key = "main"
operations = { Decrypt = 1 }
arrivals = { on-off = { on = "9/s", off = "0/s", mean_on = "2s", mean_off = "3s" } }

[workload.batch]
bucket = "logs"
operations = { MultipartUpload = 1 }
parts = 3
job = { workers = 2, objects = 4, think_time = { constant = { value = "10ms" } } }

[workload.then]
key = "main"
after = "batch"
operations = { GenerateDataKey = 1 }
arrivals = { poisson = { rate = "5/s" } }
clients = 2
data_key_cache = { max_age = "60s", capacity = 10, max_messages = 100, max_bytes = "1 MiB" }
message_size = { constant = { value = "1 KiB" } }

[workload.replay]
key = "main"
operations = { Decrypt = 1 }
trace = { file = "trace.csv", time_scale = 1.0, rate_scale = 2.0, repeat = true }

[variant.today]

[variant.more.workload.reads]
arrivals.poisson.rate = "80/s"
"#;

/// A folder with a scenario `bad.toml` and a good trace.
fn folder(text: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("bad.toml"), text).expect("write");
    fs::write(dir.path().join("trace.csv"), "time\n0\n0.5\n1.5\n").expect("write");
    dir
}

fn kmsim(dir: &Path, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(args)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kmsim starts");
    // A command that fails early closes its input.
    let _ = child.stdin.take().expect("stdin").write_all(stdin);
    child.wait_with_output().expect("kmsim ends")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `check` and `run` with `args`; both must refuse with status 2 and the same text, which is
/// returned, and leave the folder as it was.
fn refused_in(dir: &Path, args: &[&str], stdin: &[u8]) -> String {
    let before = names(dir);
    let mut said = Vec::new();
    for verb in ["check", "run"] {
        let mut all = vec![verb];
        all.extend(args);
        if verb == "run" {
            all.extend(["--out", "out"]);
        }
        let output = kmsim(dir, &all, stdin);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{all:?}: {text}");
        assert!(!text.contains("panicked"), "{all:?}: {text}");
        assert!(output.stdout.is_empty(), "{all:?} wrote to stdout: {text}");
        assert_eq!(names(dir), before, "{all:?} left something behind");
        let errors = text.lines().filter(|l| l.starts_with("error[")).count();
        let helps = text
            .lines()
            .filter(|l| l.trim_start().starts_with("= help: "))
            .count();
        assert!(
            errors > 0 && errors == helps,
            "{all:?}: a way out is missing: {text}"
        );
        said.push(text);
    }
    assert_eq!(said[0], said[1]);
    said.swap_remove(0)
}

fn refused(text: &str, args: &[&str]) -> String {
    let dir = folder(text.as_bytes());
    let mut all = vec!["bad.toml"];
    all.extend(args);
    refused_in(dir.path(), &all, b"")
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .expect("folder")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect()
}

/// `line:column` of the last place in `text` where `part` starts.
fn place(text: &str, part: &str) -> String {
    let at = text
        .rfind(part)
        .unwrap_or_else(|| panic!("no `{part}` in the text"));
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{line}:{column}")
}

fn codes(said: &str) -> BTreeSet<&str> {
    said.lines()
        .filter_map(|l| l.strip_prefix("error["))
        .filter_map(|l| l.split_once(']'))
        .map(|(code, _)| code)
        .collect()
}

#[test]
fn the_good_scenario_is_good() {
    let dir = folder(GOOD.as_bytes());
    let output = kmsim(dir.path(), &["check", "bad.toml"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("error").count(), 0);
}

/// (code, what stands in [`GOOD`], what is put there, where the fault must point, words it must say).
type Broken = (
    Code,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const BROKEN: &[Broken] = &[
    // Access.
    (
        Code::OutOfRange,
        "trail_copies = 1",
        "trail_copies = 1\nid = \"1234\"",
        "\"1234\"",
        &["twelve-digit"],
    ),
    (
        Code::DuplicateName,
        "trail_copies = 1\n\n[account.other]",
        "id = \"111122223333\"\n\n[account.other]\nid = \"111122223333\"",
        "\"111122223333\"\nregion",
        &["`main`", "`other`"],
    ),
    (
        Code::OutOfRange,
        "role = \"app\"",
        "role = \"app\"\nprincipal = \"alice\"",
        "\"alice\"",
        &["is not a principal"],
    ),
    (
        Code::Contradiction,
        "role = \"app\"",
        "role = \"app\"\nprincipal = \"arn:aws:iam::444455556666:user/alice\"",
        "\"arn:aws",
        &["444455556666", "111122223333"],
    ),
    (
        Code::Contradiction,
        "popularity = { zipf",
        "encryption_header = \"aws:kms\"\npopularity = { zipf",
        "\"aws:kms\"",
        &["writes an object"],
    ),
    (
        Code::NoDefault,
        "parts = 3",
        "parts = 3\nencryption_header = \"aws:kms\"",
        "\"aws:kms\"",
        &["aws/s3", "account main"],
    ),
    (
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nencryption_header_key = \"main\"",
        "\"main\"\njob",
        &["only along with"],
    ),
    (
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nencryption_header = \"aws:kms\"\nencryption_header_key = \"far\"",
        "\"far\"",
        &["eu-west-1", "us-east-1"],
    ),
    (
        Code::Contradiction,
        "start = \"1s\"\n",
        "start = \"1s\"\ntls = \"none\"\n",
        "\"none\"",
        &["calls KMS itself"],
    ),
    (
        Code::UnknownKey,
        "parts = 3",
        "parts = 3\ncontext = { SourceIp = \"192.0.2.7\" }",
        "SourceIp",
        &["aws:SourceIp"],
    ),
    // Not TOML.
    (Code::Syntax, "seed = 7", "seed = 7 7", "7 7", &[]),
    (
        Code::Syntax,
        "seed = 7",
        "seed = ",
        "\nreplications",
        &["missing value"],
    ),
    (
        Code::Syntax,
        "warm_up = \"5s\"",
        "warm_up = 5s",
        "5s\nseed",
        &["`5s` is not a value", "\"5s\""],
    ),
    (
        Code::Syntax,
        "\"us-east-1\"\n\n[account.main]",
        "\"us-east-1\n\n[account.main]",
        "\n\n[account.main]",
        &[],
    ),
    (
        Code::Syntax,
        "[account.main]",
        "[account.main",
        "\ntrail_copies",
        &[],
    ),
    (
        Code::Syntax,
        "seed = 7",
        "seed = 99999999999999999999999999999999999999999999",
        "99999999999999999999999999999999999999999999",
        &["too many digits"],
    ),
    // A name twice.
    (
        Code::DuplicateName,
        "[key.far]",
        "[key.main]",
        "main]\nregion",
        &["`main` is there twice"],
    ),
    (
        Code::DuplicateName,
        "seed = 7",
        "seed = 7\nseed = 8",
        "seed = 8",
        &["`seed`"],
    ),
    (
        Code::DuplicateName,
        "[retry.exponential]",
        "[quota.again]\nlimit = 5\n[retry.exponential]",
        "[quota.again]",
        &["`quota.again`", "`quota.own`"],
    ),
    // Keys that mean nothing, at every level.
    (
        Code::UnknownKey,
        "seed = 7",
        "sed = 7",
        "sed",
        &["`sed`", "did you mean `seed`?"],
    ),
    (
        Code::UnknownKey,
        "trail_copies",
        "trail_copys",
        "trail_copys",
        &[
            "unknown key `trail_copys` in `account.main`",
            "did you mean `trail_copies`?",
        ],
    ),
    (
        Code::UnknownKey,
        "kind = \"cloudhsm\"",
        "kind = \"cloudhsm\"\nacount = \"main\"",
        "acount",
        &["did you mean `account`?"],
    ),
    (
        Code::UnknownKey,
        "spec = \"RSA_2048\"",
        "specs = \"RSA_2048\"",
        "specs",
        &["did you mean `spec`?"],
    ),
    (
        Code::UnknownKey,
        "bucket_key = true",
        "bucketkey = true",
        "bucketkey",
        &["did you mean `bucket_key`?"],
    ),
    (
        Code::UnknownKey,
        "role = \"app\"",
        "rol = \"app\"",
        "rol ",
        &["did you mean `role`?"],
    ),
    (
        Code::UnknownKey,
        "limit = \"100/s\"",
        "limits = \"100/s\"",
        "limits",
        &["did you mean `limit`?"],
    ),
    (
        Code::UnknownKey,
        "burst = 2",
        "brust = 2",
        "brust",
        &[
            "unknown key `brust` in `quota.own.limiter.token-bucket`",
            "did you mean `burst`?",
        ],
    ),
    (
        Code::UnknownKey,
        "{ at = \"10s\", limit",
        "{ att = \"10s\", at = \"10s\", limit",
        "att = ",
        &["unknown key `att` in `quota.own.changes[0]`"],
    ),
    (
        Code::UnknownKey,
        "max_attempts = 3",
        "max_attempts = 3\nretries = 3",
        "retries",
        &["unknown key `retries` in `retry.exponential`", "known keys"],
    ),
    (
        Code::UnknownKey,
        "bucket_key_fanout = 2",
        "bucket_key_fan_out = 2",
        "bucket_key_fan_out",
        &["did you mean `bucket_key_fanout`?"],
    ),
    (
        Code::UnknownKey,
        "per = 1",
        "pre = 1",
        "pre ",
        &["did you mean `per`?"],
    ),
    (
        Code::UnknownKey,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poison = { rate = \"50/s\" } }",
        "poison",
        &["did you mean `poisson`?"],
    ),
    (
        Code::UnknownKey,
        "rate = \"50/s\"",
        "raet = \"50/s\"",
        "raet",
        &["did you mean `rate`?"],
    ),
    (
        Code::UnknownKey,
        "exponent = 0.9",
        "exponet = 0.9",
        "exponet",
        &["did you mean `exponent`?"],
    ),
    (
        Code::UnknownKey,
        "operations = { GetObject = 1 }",
        "operations = { GetObjct = 1 }",
        "GetObjct",
        &["did you mean `GetObject`?"],
    ),
    (
        Code::UnknownKey,
        "operations = { GenerateDataKey = 1 }",
        "operations = { PutObject = 1 }",
        "PutObject",
        &["unknown key `PutObject` in `workload.then.operations`"],
    ),
    (
        Code::UnknownKey,
        "think_time",
        "thinktime",
        "thinktime",
        &["did you mean `think_time`?"],
    ),
    (
        Code::UnknownKey,
        "repeat = true",
        "repeats = true",
        "repeats",
        &["did you mean `repeat`?"],
    ),
    (
        Code::UnknownKey,
        "[variant.more.workload.reads]",
        "[variant.more.workload.reads]\nclint = 4",
        "clint",
        &["unknown key `clint` in `workload.reads`"],
    ),
    // Keys that are missing.
    (
        Code::MissingKey,
        "horizon = \"20s\"\n",
        "",
        "",
        &["`horizon` is missing", "horizon = \"15m\""],
    ),
    (
        Code::MissingKey,
        "kind = \"cloudhsm\"",
        "",
        "[key_store.hsm]",
        &["`key_store.hsm.kind` is missing"],
    ),
    (
        Code::MissingKey,
        "region = \"us-east-1\"\n\n[account.main]",
        "[account.main]",
        "[key_store.hsm]",
        &["missing Region of `key_store.hsm`"],
    ),
    (
        Code::MissingKey,
        "key = \"main\"\nbucket_key = true",
        "encryption = \"SSE-KMS\"\nbucket_key = true",
        "\"SSE-KMS\"",
        &["its key is missing"],
    ),
    (
        Code::MissingKey,
        "initial_backoff = \"50ms\"\n",
        "",
        "[retry.exponential]",
        &["`retry.exponential.initial_backoff` is missing"],
    ),
    (
        Code::MissingKey,
        "usd = \"1\"\n",
        "",
        "[price.kms-keys]",
        &["`price.kms-keys.usd` is missing"],
    ),
    (
        Code::MissingKey,
        "operations = { GetObject = 1 }\n",
        "",
        "[workload.reads]",
        &["`workload.reads.operations` is missing"],
    ),
    (
        Code::MissingKey,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = 0 }",
        "{ GetObject = 0 }",
        &["no operation with a share above 0"],
    ),
    (
        Code::MissingKey,
        "points = [{ at = \"0s\", rate = \"1/s\" }, { at = \"6s\", rate = \"2/s\" }]",
        "points = []",
        "[], every",
        &["no points"],
    ),
    (
        Code::MissingKey,
        "[requester.app]",
        "[requester.second]\n[requester.app]",
        "[workload.reads]",
        &["does not say who sends", "second, app"],
    ),
    (
        Code::MissingKey,
        "file = \"trace.csv\", ",
        "",
        "{ time_scale",
        &["`workload.replay.trace.file` is missing"],
    ),
    // Values of another type.
    (
        Code::WrongType,
        "replications = 2",
        "replications = \"two\"",
        "\"two\"",
        &["an integer", "\"two\""],
    ),
    (
        Code::WrongType,
        "replications = 2",
        "replications = 2.0",
        "2.0\nstart",
        &["write 2 instead"],
    ),
    (
        Code::WrongType,
        "bucket_key = true",
        "bucket_key = \"yes\"",
        "\"yes\"",
        &["true or false", "\"yes\""],
    ),
    (
        Code::WrongType,
        "role = \"app\"",
        "role = 5",
        "5\nsessions",
        &["a string", "the integer 5"],
    ),
    (
        Code::WrongType,
        "operations = { GetObject = 1 }",
        "operations = \"GetObject\"",
        "\"GetObject\"",
        &["a table"],
    ),
    (
        Code::WrongType,
        "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
        "weekly = 1",
        "1 } }",
        &["an array"],
    ),
    (
        Code::WrongType,
        "points = [{ at = \"0s\", rate = \"1/s\" }, ",
        "points = [5, ",
        "5, {",
        &["points[0]", "a table"],
    ),
    (
        Code::WrongType,
        "[account.main]\ntrail_copies = 1",
        "[account]\nmain = 1",
        "1\n\n[account.other]",
        &["`account.main`", "a table"],
    ),
    (
        Code::WrongType,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = 50",
        "50\npop",
        &["a table with one alternative", "the integer 50"],
    ),
    (
        Code::WrongType,
        "[variant.today]",
        "[variant]\ntoday = 1",
        "1\n\n[variant.more",
        &["`variant.today`", "the integer 1"],
    ),
    (
        Code::WrongType,
        "horizon = \"20s\"",
        "horizon = true",
        "true\nwarm",
        &["a length of time"],
    ),
    // Texts that are not the quantity.
    (
        Code::BadUnit,
        "horizon = \"20s\"",
        "horizon = 20",
        "20\nwarm",
        &["without a unit of time", "\"20s\""],
    ),
    (
        Code::BadUnit,
        "horizon = \"20s\"",
        "horizon = \"20 parsecs\"",
        "\"20 parsecs\"",
        &["20 parsecs"],
    ),
    (
        Code::BadUnit,
        "rate = \"50/s\"",
        "rate = \"many\"",
        "\"many\"",
        &["many"],
    ),
    (
        Code::BadUnit,
        "max_bytes = \"1 MiB\"",
        "max_bytes = \"1 MX\"",
        "\"1 MX\"",
        &["1 MX"],
    ),
    (
        Code::BadUnit,
        "peak_at = \"20:00\"",
        "peak_at = \"26:00\"",
        "\"26:00\"",
        &["26:00", "not a valid time of day"],
    ),
    (
        Code::BadUnit,
        "start = \"2026-01-05T00:00:00[UTC]\"",
        "start = \"yesterday\"",
        "\"yesterday\"",
        &["yesterday"],
    ),
    (
        Code::BadUnit,
        "start = \"2026-01-05T00:00:00[UTC]\"",
        "start = \"2026-01-05T00:00:00[Mars/Olympus]\"",
        "\"2026-01-05T00:00:00[Mars",
        &["Mars/Olympus"],
    ),
    (
        Code::BadUnit,
        "usd = \"1\"",
        "usd = \"1e3\"",
        "\"1e3\"",
        &["1e3", "dollars"],
    ),
    (
        Code::BadUnit,
        "usd = \"1\"",
        "usd = \"-1\"",
        "\"-1\"",
        &["-1"],
    ),
    // Values outside their limits.
    (
        Code::OutOfRange,
        "rate = \"50/s\"",
        "rate = \"-50/s\"",
        "\"-50/s\"",
        &["-50/s", "negative"],
    ),
    (
        Code::OutOfRange,
        "rate = \"50/s\"",
        "rate = nan",
        "nan",
        &["NaN"],
    ),
    (
        Code::OutOfRange,
        "rate = \"50/s\"",
        "rate = inf",
        "inf",
        &["inf"],
    ),
    (
        Code::OutOfRange,
        "rate = \"50/s\"",
        "rate = \"2000000000/s\"",
        "\"2000000000/s\"",
        &["1000000000/s", "2000000000/s"],
    ),
    (
        Code::OutOfRange,
        "replications = 2",
        "replications = 0",
        "0\nstart",
        &["at least 1", "but is 0"],
    ),
    (
        Code::OutOfRange,
        "replications = 2",
        "replications = -3",
        "-3",
        &["-3"],
    ),
    (Code::OutOfRange, "seed = 7", "seed = -7", "-7", &["-7"]),
    (
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"0s\"",
        "\"0s\"\nwarm",
        &["at least 1s", "0s"],
    ),
    (
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"20.5s\"",
        "\"20.5s\"",
        &["20.5s", "20s 500ms", "whole"],
    ),
    (
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"5000d\"",
        "\"5000d\"",
        &["at most", "5000d"],
    ),
    (
        Code::OutOfRange,
        "warm_up = \"5s\"",
        "warm_up = \"500ms\"",
        "\"500ms\"",
        &["500ms"],
    ),
    (
        Code::OutOfRange,
        "older_objects = 0.5",
        "older_objects = 1.5",
        "1.5",
        &["1.5", "between 0 and 1"],
    ),
    (
        Code::OutOfRange,
        "limit = \"100/s\"",
        "limit = \"0/s\"",
        "\"0/s\"\nlimiter",
        &["admits nobody"],
    ),
    (
        Code::OutOfRange,
        "limit = \"200/s\"",
        "limit = 0",
        "0 }]",
        &["admits nobody"],
    ),
    (
        Code::OutOfRange,
        "burst = 2",
        "burst = 0",
        "0 } }\nchanges",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "clients = 3",
        "clients = 0",
        "0\n\n[workload.day]",
        &["at least 1", "but is 0"],
    ),
    (
        Code::OutOfRange,
        "exponent = 0.9",
        "exponent = -1",
        "-1 } }",
        &["-1"],
    ),
    (
        Code::OutOfRange,
        "objects = 100,",
        "objects = 0,",
        "0, exponent",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
        "weekly = [1, 1, 1, 1, 1, 0.5]",
        "[1, 1, 1, 1, 1, 0.5]",
        &["6 values", "seven"],
    ),
    (
        Code::OutOfRange,
        "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
        "weekly = [1, 1, 1, 1, 1, 1, -2]",
        "[1, 1, 1, 1, 1, 1, -2]",
        &["-2", "seven"],
    ),
    (
        Code::OutOfRange,
        "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
        "weekly = [1, 1, 1, 1, 1, 1, 1e300]",
        "[1, 1, 1, 1, 1, 1, 1e300]",
        &["seven factors from 0 to 1000"],
    ),
    (
        Code::OutOfRange,
        "mean = \"5/s\", peak = \"9/s\", peak_at = \"20:00\", weekly = [1, 1,",
        "mean = \"500000000/s\", peak = \"900000000/s\", peak_at = \"20:00\", weekly = [2, 1,",
        "[2, 1,",
        &["900000000/s", "1800000000/s", "1000000000/s"],
    ),
    (
        Code::OutOfRange,
        "peak = \"9/s\"",
        "peak = \"11/s\"",
        "\"11/s\"",
        &["11/s", "5/s", "twice its mean"],
    ),
    (
        Code::OutOfRange,
        "peak = \"9/s\"",
        "peak = \"4/s\"",
        "\"4/s\"",
        &["4/s", "5/s"],
    ),
    (
        Code::OutOfRange,
        "max_attempts = 3",
        "max_attempts = 0",
        "0\njitter",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "max_attempts = 3",
        "max_attempts = 70000",
        "70000",
        &["65535", "70000"],
    ),
    (
        Code::OutOfRange,
        "initial_backoff = \"50ms\"",
        "initial_backoff = \"100000d\"",
        "\"100000d\"",
        &["1d", "100000d"],
    ),
    (
        Code::OutOfRange,
        "max_backoff = \"2s\"",
        "max_backoff = \"2d\"",
        "\"2d\"",
        &["1d", "2d"],
    ),
    (
        Code::OutOfRange,
        "bucket_key_fanout = 2",
        "bucket_key_fanout = 0",
        "0\nbucket_key_lifetime",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "bucket_key_lifetime = \"5m\"",
        "bucket_key_lifetime = 0",
        "0\nkms_lat",
        &["0s"],
    ),
    (
        Code::OutOfRange,
        "median = \"4ms\"",
        "median = \"2h\"",
        "\"2h\"",
        &["1h", "2h"],
    ),
    (
        Code::OutOfRange,
        "sigma = 0.5",
        "sigma = 9",
        "9 } }\n\n[price",
        &["at most 3", "9"],
    ),
    (
        Code::OutOfRange,
        "parts = 3",
        "parts = 0",
        "0\njob",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "workers = 2",
        "workers = 0",
        "0, objects",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "capacity = 10",
        "capacity = 0",
        "0, max_m",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "start = \"1s\"",
        "start = \"1500ms\"",
        "\"1500ms\"",
        &["not a whole number of seconds"],
    ),
    (
        Code::OutOfRange,
        "time_scale = 1.0",
        "time_scale = 0",
        "0, rate_scale",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "rate_scale = 2.0",
        "rate_scale = -1",
        "-1, repeat",
        &["-1"],
    ),
    (
        Code::OutOfRange,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = -1 }",
        "-1 }",
        &["-1"],
    ),
    (
        Code::OutOfRange,
        "per = 1",
        "per = 0",
        "0\n\n[workload.reads]",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "sessions = 2",
        "sessions = 0",
        "0\n\n[quota.own]",
        &["but is 0"],
    ),
    (
        Code::OutOfRange,
        "limit = \"100/s\"\nlimiter = { token-bucket = { burst = 2 } }",
        "limit = \"33.3333/s\"",
        "\"33.3333/s\"",
        &["333333 in windows of 10000 s", "whole number per second"],
    ),
    (
        Code::OutOfRange,
        "limit = \"100/s\"",
        "limit = \"1/300000d\"",
        "\"1/300000d\"",
        &["1/300000d", "token bucket", "10⁹"],
    ),
    (
        Code::OutOfRange,
        "{ at = \"10s\", limit",
        "{ at = \"200000d\", limit",
        "\"200000d\"",
        &["3660d", "200000d"],
    ),
    (
        Code::OutOfRange,
        "changes = [{ at = \"10s\", limit = \"200/s\" }]",
        "changes = [{ at = \"1s\", limit = \"59/59s\" }, { at = \"1s\", limit = \"99/53s\" }, { at = \"2s\", limit = \"99/47s\" }, { at = \"3s\", limit = \"99/43s\" }, { at = \"4s\", limit = \"99/41s\" }, { at = \"5s\", limit = \"99/37s\" }, { at = \"6s\", limit = \"99/31s\" }]",
        "[{ at = \"1s\", limit = \"59/59s\"",
        &["100/s", "token bucket", "10⁹"],
    ),
    // Settings that exclude each other.
    (
        Code::Contradiction,
        "warm_up = \"5s\"",
        "warm_up = \"20s\"",
        "\"20s\"\nseed",
        &["`warm_up` (20s)", "`horizon` (20s)"],
    ),
    (
        Code::Contradiction,
        "bucket_key = true",
        "bucket_key = true\nencryption = \"DSSE-KMS\"",
        "true\nenc",
        &["SSE-KMS only"],
    ),
    (
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true",
        "key = \"far\"\nbucket_key = true",
        "\"far\"",
        &["us-east-1", "eu-west-1"],
    ),
    (
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true",
        "key = \"main\"\nencryption = \"SSE-S3\"",
        "\"main\"\nencryption",
        &["has a KMS key"],
    ),
    (
        Code::Contradiction,
        "[key.far]",
        "[key.far]\nkey_store = \"hsm\"",
        "\"hsm\"",
        &["us-east-1", "eu-west-1"],
    ),
    (
        Code::Contradiction,
        "[quota.own]",
        "[quota.store]\nstore = \"hsm\"\nregion = \"eu-west-1\"\n[quota.own]",
        "\"eu-west-1\"\n[quota.own]",
        &["us-east-1", "eu-west-1"],
    ),
    (
        Code::Contradiction,
        "[quota.own]",
        "[quota.store]\nstore = \"hsm\"\naccount = \"other\"\n[quota.own]",
        "\"other\"\n[quota.own]",
        &["other", "main"],
    ),
    (
        Code::Contradiction,
        "bucket = \"logs\"\noperations = { GetObject",
        "bucket = \"logs\"\nkey = \"main\"\noperations = { Decrypt",
        "[workload.reads]",
        &["both a bucket and a key"],
    ),
    (
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poisson = { rate = 1 }, constant = { rate = 1 } }",
        "constant = { rate = 1 }",
        &["both `poisson` and `constant`"],
    ),
    (
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poisson = { rate = 1 } }\njob = { workers = 1, objects = 1 }",
        "[workload.reads]",
        &["more than one of"],
    ),
    (
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }\n",
        "",
        "[workload.reads]",
        &["when its requests come"],
    ),
    (
        Code::Contradiction,
        "peak = \"6/s\"",
        "peak = \"0.5/s\"",
        "\"0.5/s\"",
        &["0.5/s", "1/s"],
    ),
    (
        Code::Contradiction,
        "{ at = \"6s\"",
        "{ at = \"0s\", rate = 1 }, { at = \"6s\", rate = 1 }, { at = \"5s\"",
        "[{ at = \"0s\", rate = \"1/s\"",
        &["5s", "6s"],
    ),
    (
        Code::Contradiction,
        "every = \"8s\"",
        "every = \"4s\"",
        "\"4s\"",
        &["4s", "6s"],
    ),
    (
        Code::Contradiction,
        "stop = \"15s\"",
        "stop = \"1s\"",
        "\"1s\"\n\n",
        &["`stop` (1s)", "`start` (1s)"],
    ),
    (
        Code::Contradiction,
        "start = \"1s\"\nstop = \"15s\"",
        "start = \"30s\"",
        "\"30s\"",
        &["30s", "20s"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nparts = 3",
        "3\n\n[workload.day]",
        &["no effect", "MultipartUpload"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nmessage_size = \"unknown\"",
        "\"unknown\"",
        &["no effect"],
    ),
    (
        Code::Contradiction,
        "job = { workers = 2",
        "stop = \"4s\"\njob = { workers = 2",
        "\"4s\"",
        &["no effect"],
    ),
    (
        Code::Contradiction,
        "trace = {",
        "after = \"batch\"\ntrace = {",
        "\"batch\"\ntrace",
        &["a trace"],
    ),
    (
        Code::Contradiction,
        "parts = 3",
        "parts = 3\nafter = \"then\"",
        "[workload.batch]",
        &["waits for itself", "batch → then → batch"],
    ),
    (
        Code::Contradiction,
        "after = \"batch\"",
        "after = \"reads\"",
        "[workload.then]",
        &["never ends"],
    ),
    (
        Code::Contradiction,
        "popularity = {",
        "reads = \"app\"\npopularity = {",
        "[workload.reads]",
        &["not a job"],
    ),
    (
        Code::Contradiction,
        "[variant.today]",
        "[variant.today]\nseed = 8",
        "seed = 8",
        &["`variant.today` sets `seed`"],
    ),
    // Names that stand for nothing.
    (
        Code::UnknownName,
        "region = \"us-east-1\"\n\n[account.main]",
        "region = \"us-east-11\"\n\n[account.main]",
        "\"us-east-11\"",
        &["us-east-11", "did you mean `us-east-1`?"],
    ),
    (
        Code::UnknownName,
        "bucket = \"logs\"\noperations = { GetObject",
        "bucket = \"lgos\"\noperations = { GetObject",
        "\"lgos\"",
        &["did you mean `logs`?"],
    ),
    (
        Code::UnknownName,
        "spec = \"RSA_2048\"",
        "spec = \"RSA_2049\"",
        "\"RSA_2049\"",
        &["did you mean `RSA_2048`?"],
    ),
    (
        Code::UnknownName,
        "kind = \"cloudhsm\"",
        "kind = \"cloudhms\"",
        "\"cloudhms\"",
        &["did you mean `cloudhsm`?"],
    ),
    (
        Code::UnknownName,
        "[quota.own]",
        "[quota.own]\ncode = \"symetric\"",
        "\"symetric\"",
        &["did you mean `symmetric`?"],
    ),
    (
        Code::UnknownName,
        "jitter = \"full\"",
        "jitter = \"ful\"",
        "\"ful\"",
        &["did you mean `full`?"],
    ),
    (
        Code::UnknownName,
        "[price.kms-keys]",
        "[price.kms-kys]",
        "[price.kms-kys]",
        &["kms-kys", "did you mean `kms-keys`?"],
    ),
    (
        Code::UnknownName,
        "after = \"batch\"",
        "after = \"bacth\"",
        "\"bacth\"",
        &["did you mean `batch`?"],
    ),
    (
        Code::UnknownName,
        "parts = 3",
        "parts = 3\nenabled = false",
        "[workload.then]",
        &["`workload.then.after` names `batch`", "switched off"],
    ),
    // Traces.
    (
        Code::MissingFile,
        "file = \"trace.csv\"",
        "file = \"trcae.csv\"",
        "\"trcae.csv\"",
        &["trcae.csv"],
    ),
    (
        Code::MissingFile,
        "file = \"trace.csv\"",
        "file = \".\"",
        "\".\"",
        &["directory"],
    ),
    // Operations that cannot occur.
    (
        Code::Contradiction,
        "[key.far]",
        "[key.hers]\naccount = \"other\"\nkey_store = \"hsm\"\n[key.far]",
        "\"hsm\"",
        &["account other", "to main"],
    ),
    (
        Code::ImpossibleOperation,
        "spec = \"RSA_2048\"",
        "spec = \"RSA_2048\"\nkey_store = \"hsm\"",
        "\"hsm\"",
        &["symmetric keys only", "RSA_2048"],
    ),
    (
        Code::ImpossibleOperation,
        "key = \"main\"\noperations = { Decrypt = 1 }\narrivals = { constant",
        "key = \"main\"\noperations = { Sign = 1 }\narrivals = { constant",
        "[workload.app]",
        &["Sign", "SYMMETRIC_DEFAULT"],
    ),
    (
        Code::ImpossibleOperation,
        "key = \"main\"\noperations = { Decrypt = 1 }\narrivals = { constant",
        "key = \"rsa\"\noperations = { GenerateDataKey = 1 }\narrivals = { constant",
        "[workload.app]",
        &["GenerateDataKey", "RSA_2048"],
    ),
    (
        Code::ImpossibleOperation,
        "key = \"main\"\nbucket_key = true",
        "key = \"rsa\"\nbucket_key = true",
        "\"rsa\"",
        &["symmetric keys only", "RSA_2048"],
    ),
    (
        Code::ImpossibleOperation,
        "operations = { GenerateDataKey = 1 }",
        "operations = { GenerateDataKey = 1, Encrypt = 1 }",
        "[workload.then]",
        &["data-key cache", "Encrypt"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, retry_quota = {}, retry_token_bucket = {} }",
        "{} }",
        &["`workload.app.retry.fixed.retry_quota`", "keep one"],
    ),
    (
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", failure_threshold = 0 } }",
        "0 } }",
        &["`workload.app.retry.fixed.circuit_breaker.failure_threshold` is 0"],
    ),
    (
        Code::MissingKey,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { window = 5 } }",
        "{ window = 5 }",
        &["`workload.app.retry.fixed.circuit_breaker.open_time` is missing"],
    ),
    (
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", window = 65 } }",
        "65",
        &["`workload.app.retry.fixed.circuit_breaker.window`", "64"],
    ),
    (
        Code::UnknownName,
        "clients = 3",
        "clients = 3\nretry.fixed = { delay = \"1s\", max_attempts = 2, circuit_breaker = { open_time = \"1s\", blocks = \"all\" } }",
        "\"all\"",
        &[
            "`workload.app.retry.fixed.circuit_breaker.blocks`",
            "`requests`",
        ],
    ),
    (
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, partition = \"p\", max",
        "[workload.then]",
        &["partition", "nobody shares"],
    ),
    (
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, shared_with = \"app\", max",
        "10, shared_with",
        &["no effect", "shared_with"],
    ),
    (
        Code::Contradiction,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", shared_with = \"app\", max",
        "[workload.then]",
        &["`app`, which has no data-key cache", "shares no other"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\n\n[workload.also]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 3\ndata_key_cache = { shared_with = \"then\", max_age = \"1s\" }",
        "[workload.also]",
        &["has 3 clients", "has 2"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\n\n[workload.also]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 4\ndata_key_cache = { shared_with = \"moment\", max_age = \"1s\" }\n\n[workload.moment]\nkey = \"main\"\noperations = { GenerateDataKey = 1 }\narrivals.poisson.rate = 1\nclients = 4\ndata_key_cache = { max_age = \"1s\", capacity = 1, scope = \"invocation\" }",
        "[workload.also]",
        &["`moment`", "for an invocation"],
    ),
    (
        Code::UnknownName,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, sdk = \"rust\", max",
        "\"rust\"",
        &["\"rust\"", "python"],
    ),
    (
        Code::UnknownName,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, algorithm_suite = \"AES_256_GCM_HKDF\", max",
        "\"AES_256_GCM_HKDF\"",
        &["AES_256_GCM_HKDF_SHA512_COMMIT_KEY"],
    ),
    (
        Code::OutOfRange,
        "max_age = \"60s\", capacity = 10, max",
        "max_age = \"60s\", capacity = 10, scope = { process = { clients = 0 } }, max",
        "0 } }",
        &["but is 0"],
    ),
    (
        Code::Contradiction,
        "max_bytes = \"1 MiB\" }",
        "max_bytes = \"1 MiB\" }\nbranch_key_cache = { ttl = \"15m\" }",
        "{ ttl",
        &["both", "hierarchical keyring"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"15m\", cache = { storm-tracking = { grace_interval = \"11s\" } } }",
        "\"11s\"",
        &["`grace_interval` (11s)", "`in_flight_ttl` (10s)"],
    ),
    (
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"1500ms\" }",
        "\"1500ms\"",
        &["not a whole number of seconds"],
    ),
    (
        Code::OutOfRange,
        "clients = 3",
        "clients = 3\nbranch_key_cache = { ttl = \"15m\", cache = { storm-tracking = { sleep = \"1500us\" } } }",
        "\"1500us\"",
        &["not a whole number of milliseconds"],
    ),
    (
        Code::ImpossibleOperation,
        "operations = { Decrypt = 1 }\narrivals = { constant",
        "operations = { Encrypt = 1 }\nbranch_key_cache = { ttl = \"15m\" }\narrivals = { constant",
        "[workload.app]",
        &["branch-key cache", "Encrypt"],
    ),
    (
        Code::Contradiction,
        "archived_bucket_keys = 3",
        "archived_bucket_keys = 3\narchive_age = { uniform = { longest = \"9d\" } }",
        "{ uniform = { longest",
        &["both", "archive_age"],
    ),
    (
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "kind = \"directory\"\nkey = \"main\"\nprefixes = 4\n",
        "4\n",
        &["no effect", "directory bucket"],
    ),
    (
        Code::Contradiction,
        "bucket_key = true\n",
        "kind = \"directory\"\nbucket_key = true\n",
        "true\narch",
        &["no effect", "directory bucket"],
    ),
    (
        Code::Contradiction,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "kind = \"directory\"\nkey = \"main\"\nencryption = \"DSSE-KMS\"\n",
        "\"DSSE-KMS\"",
        &["directory bucket", "SSE-KMS only"],
    ),
    (
        Code::Contradiction,
        "operations = { GetObject = 1 }",
        "operations = { GetObject = 1 }\nbucket_key_header = true",
        "true\narrivals",
        &["none of its operations writes"],
    ),
    (
        Code::Contradiction,
        "clients = 3",
        "clients = 3\nbucket_key_header = true",
        "true\n\n[workload.day]",
        &["SSE-KMS", "general purpose"],
    ),
    (
        Code::NoDefault,
        "key = \"main\"\nbucket_key = true\narchived_bucket_keys = 3\nolder_objects = 0.5\n",
        "key = \"main\"\nkind = \"directory\"\n",
        "[workload.reads]",
        &["how many clients", "session of its own"],
    ),
    // No sensible default.
    (
        Code::NoDefault,
        "jitter = \"full\"",
        "jitter = \"full\"\ncircuit_breaker = { open_time = \"1s\" }",
        "[workload.reads]",
        &["how many clients", "a circuit breaker"],
    ),
    (
        Code::NoDefault,
        "max_attempts = 3",
        "max_attempts = 3\nretry_quota = { capacity = 5 }",
        "[workload.reads]",
        &["how many clients", "clients = …"],
    ),
    (
        Code::NoDefault,
        "archived_bucket_keys = 3\n",
        "",
        "[bucket.logs]",
        &["how many bucket keys", "archived_bucket_keys = …"],
    ),
    (
        Code::NoDefault,
        "operations = { GenerateDataKey = 1 }",
        "operations = { Decrypt = 1 }",
        "[workload.then]",
        &["encrypted_by"],
    ),
    (
        Code::NoDefault,
        "region = \"us-east-1\"\n\n[account.main]",
        "region = \"cn-north-1\"\n\n[account.main]",
        "[workload.reads]",
        &["unknown price of `", "in cn-north-1", "[price."],
    ),
];

#[test]
fn every_fault_names_its_place_and_a_way_out() {
    let mut failures = Vec::new();
    for (code, from, to, at, words) in BROKEN {
        let start = GOOD.find(from).unwrap_or_else(|| panic!("no `{from}`"));
        let text = format!("{}{to}{}", &GOOD[..start], &GOOD[start + from.len()..]);
        let dir = folder(text.as_bytes());
        if kmsim(dir.path(), &["check", "bad.toml"], b"").status.code() != Some(2) {
            failures.push(format!("{code}: {from:?} became {to:?} and is accepted"));
            continue;
        }
        let said = refused(&text, &[]);
        let place = if at.is_empty() {
            "1:1".to_owned()
        } else {
            place(&text, at)
        };
        let header = format!("error[{code}]: ");
        // One block a fault, up to the empty line after its help.
        let found = said.split("\n\n").any(|block| {
            block.contains(&header)
                && (block.contains(&format!("--> bad.toml:{place}\n")))
                && words.iter().all(|w| block.contains(w))
        });
        if !found {
            failures.push(format!(
                "{code} at {place} with {words:?} after {from:?} became {to:?}:\n{said}"
            ));
        }
        // One fault was put in, so one is reported: nothing follows from it. Some must be put right in several
        // places, each of which is named.
        let several = [
            "does not say who sends",
            "how many clients",
            "unknown price of `",
            "directory bucket",
        ];
        let in_several_places = words.iter().any(|w| several.contains(w));
        let blocks = || said.split("\n\n").filter(|b| b.contains("error["));
        let reported = blocks().count();
        let others = blocks().filter(|b| {
            !b.contains(&header) || in_several_places && !words.iter().all(|w| b.contains(w))
        });
        if others.count() > 0 || reported != 1 && !in_several_places {
            failures.push(format!(
                "{reported} faults after {from:?} became {to:?}:\n{said}"
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_code_has_a_bad_scenario() {
    let here: BTreeSet<&str> = BROKEN.iter().map(|b| b.0.name()).collect();
    // These two have tests of their own below.
    let elsewhere = [
        Code::BadTraceRow.name(),
        Code::BadSet.name(),
        Code::BadPolicy.name(),
    ];
    for &code in Code::ALL {
        assert!(
            here.contains(code.name()) || elsewhere.contains(&code.name()),
            "no bad scenario for {code}"
        );
    }
}

#[test]
fn several_faults_are_told_in_one_go() {
    let text = GOOD
        .replace("seed = 7", "sed = 7")
        .replace("rate = \"50/s\"", "rate = -1")
        .replace("clients = 3", "clients = 0")
        .replace("after = \"batch\"", "after = \"nobody\"")
        .replace("spec = \"RSA_2048\"", "spec = 5")
        .replace("mean_on = \"2s\"", "mean_on = 2");
    let said = refused(&text, &["--set", "warm_up=1h"]);
    for code in [
        "unknown-key",
        "out-of-range",
        "unknown-name",
        "wrong-type",
        "bad-unit",
        "contradiction",
    ] {
        assert!(codes(&said).contains(code), "{code}: {said}");
    }
    assert!(said.contains("--set 'warm_up=1h'"), "{said}");
    // The base's faults are there in both variants and told once.
    assert_eq!(said.matches("workload.app.clients").count(), 1, "{said}");

    let said = refused("a = 1 1\nb = \n[c\nd = \"\n", &[]);
    assert!(said.matches("error[syntax]").count() >= 3, "{said}");
}

#[test]
fn the_faults_of_several_files_are_told_in_one_go() {
    let dir = folder(GOOD.replace("seed = 7", "sed = 7").as_bytes());
    fs::write(dir.path().join("worse.toml"), "horizon = 5\n").expect("write");
    let said = refused_in(dir.path(), &["bad.toml", "worse.toml", "none.toml"], b"");
    for part in ["bad.toml:3:1", "worse.toml:1:11", "`none.toml`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn traces_are_checked_row_by_row() {
    for (csv, words) in [
        (
            "when\n1\n",
            &["trace.csv:1:", "no time column", "`when`"][..],
        ),
        ("time\n", &["trace.csv:1:", "at least one arrival"]),
        ("", &["trace.csv:1:", "no time column"]),
        (
            "time,size\n1,5\nnever,5\n2,big\n3\n",
            &[
                "trace.csv:3: time `never`",
                "trace.csv:4: size `big`",
                "trace.csv:5: 1 fields where the header has 2",
            ],
        ),
        (
            "time,operation\n1,GetObject\n",
            &["`GetObject` is not a KMS operation"],
        ),
        (
            "time\n1\nNaN\ninf\n-inf\n1e300\n",
            &["trace.csv:3:", "trace.csv:4:", "trace.csv:6:"],
        ),
    ] {
        let dir = folder(GOOD.as_bytes());
        fs::write(dir.path().join("trace.csv"), csv).expect("write");
        let said = refused_in(dir.path(), &["bad.toml"], b"");
        assert_eq!(codes(&said), BTreeSet::from(["bad-trace-row"]), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(said.contains("--> bad.toml:"), "{said}");
    }
    let dir = folder(GOOD.as_bytes());
    fs::write(dir.path().join("trace.csv"), b"time\n\xff\xfe\n1\n").expect("write");
    let said = refused_in(dir.path(), &["bad.toml"], b"");
    assert!(said.contains("trace.csv:2:"), "{said}");
}

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
    let dir = folder(text.as_bytes());
    fs::write(dir.path().join("policy.json"), policy).expect("write");
    refused_in(dir.path(), &["bad.toml"], b"")
}

#[test]
fn policies_are_checked_where_they_stand() {
    // (what stands in the policy, what is put there, where the fault must point, words it must say)
    let large = format!("\"Action\": \"s3:{}\"", "x".repeat(1 << 20));
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
        (
            "\"Action\": \"s3:*\"",
            &large,
            "{\n      \"Sid",
            "AWS's limit of 20480 bytes",
        ),
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
    // Wrong everywhere: some are told, and how many there are, at once.
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
    let said = refused(
        &GOOD.replace("[bucket.logs]", "[bucket.logs]\npolicy = \"none.json\""),
        &[],
    );
    assert_eq!(codes(&said), BTreeSet::from(["missing-file"]), "{said}");
    let said = refused(
        &GOOD.replace("[bucket.logs]", "[bucket.logs]\npolicy = \".\""),
        &[],
    );
    assert_eq!(codes(&said), BTreeSet::from(["missing-file"]), "{said}");
}

#[test]
fn log_groups_are_checked() {
    let group = |lines: &str| {
        let incoming = "incoming_bytes_per_second = \"1 MB\"\n";
        format!("{GOOD}\n[log_group.\"/app\"]\n{incoming}{lines}\n")
    };
    for (lines, code, words) in [
        ("", "missing-key", "key"),
        ("key = \"mian\"", "unknown-name", "did you mean `main`"),
        ("key = \"rsa\"", "contradiction", "symmetric"),
        ("key = \"far\"", "contradiction", "eu-west-1"),
        (
            "key = \"main\"\ndata_keys_per_query = 3",
            "contradiction",
            "nobody queries",
        ),
        (
            "key = \"main\"\nqueries = \"0/s\"",
            "out-of-range",
            "never come",
        ),
        (
            "key = \"main\"\nqueries = \"1/s\"\nlog_streams = 20_000",
            "no-default",
            "data_keys_per_query",
        ),
        (
            "key = \"main\"\nqueries = \"1000000/s\"\ndata_keys_per_query = 10_000",
            "out-of-range",
            "a second",
        ),
        (
            "key = \"main\"\nlog_streams = 0",
            "out-of-range",
            "log_streams",
        ),
        (
            "key = \"main\"\nretention = \"1d\"",
            "unknown-key",
            "retention",
        ),
    ] {
        let said = refused(&group(lines), &[]);
        assert_eq!(codes(&said), BTreeSet::from([code]), "{lines}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    let changes = "[key.main]\npolicy_changes = [{ at = \"0s\", policy = \"x.json\" }]";
    let said = refused(&GOOD.replace("[key.main]", changes), &[]);
    assert_eq!(
        codes(&said),
        BTreeSet::from(["missing-file", "out-of-range"]),
        "{said}"
    );
}

#[test]
fn overrides_are_checked() {
    let long = format!("{}=1", vec!["a"; 20_000].join("."));
    let digits = format!("seed={}", "9".repeat(400));
    for (set, code, words) in [
        (
            "warm_up",
            "bad-set",
            &["`warm_up` does not begin with a path of keys and `=`"][..],
        ),
        ("=5", "bad-set", &[]),
        ("", "bad-set", &[]),
        (
            "warm_up.x=5",
            "bad-set",
            &["`warm_up` is the string \"5s\""],
        ),
        (
            "quota.own.limit.x=5",
            "bad-set",
            &["`quota.own.limit` is the string \"100/s\""],
        ),
        (
            "workload.app.arrivals={ constant = ",
            "bad-set",
            &["not a TOML value"],
        ),
        (&long, "bad-set", &["more than 80 keys"]),
        (&digits, "bad-set", &["too many digits"]),
        (
            "workload.app.clints=5",
            "unknown-key",
            &["did you mean `clients`?"],
        ),
        (
            "workload.nobody.clients=5",
            "missing-key",
            &["workload.nobody"],
        ),
        ("seed=1e400", "wrong-type", &["inf"]),
        ("horizon=1e400s", "bad-unit", &["1e400s"]),
        ("workload=5", "wrong-type", &["the integer 5"]),
        ("variant=5", "wrong-type", &["the integer 5"]),
        ("variant={}", "missing-key", &["`variant` is empty"]),
        ("variant.today=5", "wrong-type", &["the integer 5"]),
        (
            "retry.exponential.max_attempts=many",
            "wrong-type",
            &["\"many\""],
        ),
        ("key.main.region=mars", "unknown-name", &["`mars`"]),
    ] {
        let said = refused(GOOD, &["--set", set]);
        assert!(codes(&said).contains(code), "{set}: {said}");
        assert!(said.contains("--> --set '"), "{set}: {said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(
            said.len() < 20_000,
            "{} bytes about `--set {:.40}`",
            said.len(),
            set
        );
    }
    let said = refused(GOOD, &["--set", "a", "--set", "b"]);
    assert_eq!(said.matches("error[bad-set]").count(), 2, "{said}");
    let said = refused(GOOD, &["--replications", "0"]);
    assert!(said.contains("but is 0"), "{said}");
}

#[test]
fn unknown_variants_are_refused() {
    let said = refused(
        GOOD,
        &["--variant", "tody", "--variant", "zzz", "--variant", "more"],
    );
    assert!(said.contains("did you mean `today`?"), "{said}");
    assert!(said.contains("its variants: today, more"), "{said}");
}

#[test]
fn files_that_are_no_scenarios() {
    for (bytes, code, words) in [
        (
            b"".to_vec(),
            "missing-key",
            &["--> bad.toml:1:1", "`horizon` is missing"][..],
        ),
        (
            b"\n\n# nothing\n".to_vec(),
            "missing-key",
            &["`horizon` is missing"],
        ),
        (
            b"horizon = \"5s\"\nregion = \"us-east-1\"\n".to_vec(),
            "missing-key",
            &["lacks a workload"],
        ),
        (
            b"horizon = \"5s\"\n[workload]\n".to_vec(),
            "missing-key",
            &["lacks a workload"],
        ),
        (
            b"horizon = \"5s\"\n[variant]\n".to_vec(),
            "missing-key",
            &["`variant` is empty", "bad.toml:2:1"],
        ),
        (
            b"horizon = \"5s\"\nname = \"caf\xe9\"\n".to_vec(),
            "syntax",
            &["0xe9", "--> bad.toml:2:12", "UTF-8"],
        ),
        ((0..=255).collect(), "syntax", &["bad.toml:"]),
        (vec![0; 1000], "syntax", &["bad.toml:1:1"]),
        (
            format!("a = {}", "[".repeat(50_000)).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("a = {}1{}", "{ a = ".repeat(5_000), " }".repeat(5_000)).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("[{}]\n", vec!["a"; 20_000].join(".")).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("{GOOD}{} = 1\n", "x".repeat(1_000_000)).into_bytes(),
            "unknown-key",
            &["xxx … xxx"],
        ),
    ] {
        let dir = folder(&bytes);
        let said = refused_in(dir.path(), &["bad.toml"], b"");
        assert!(codes(&said).contains(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(said.len() < 30_000, "{} bytes", said.len());
        // The same from standard input, but for its name.
        let piped = refused_in(dir.path(), &["-"], &bytes);
        assert_eq!(piped.replace("stdin", "bad.toml"), said);
    }
    let dir = folder(b"");
    let said = refused_in(dir.path(), &["."], b"");
    assert!(
        said.contains("error[missing-file]") && said.contains("directory"),
        "{said}"
    );
    let said = refused_in(dir.path(), &["nowhere/none.toml"], b"");
    assert!(said.contains("`nowhere/none.toml`"), "{said}");
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let dir = folder(GOOD.as_bytes());
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).expect("folder");
    fs::write(sub.join("bad.toml"), GOOD).expect("write");
    fs::write(sub.join("trace.csv"), "time\n0\n").expect("write");
    let output = kmsim(
        dir.path(),
        &["run", "bad.toml", "sub/bad.toml", "--out", "out"],
        b"",
    );
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("error[duplicate-name]") && said.contains("`bad`"),
        "{said}"
    );
    assert!(!dir.path().join("out").exists());
    let said = refused_in(dir.path(), &["-", "-"], GOOD.as_bytes());
    assert!(said.contains("read only once"), "{said}");
}

#[test]
fn odd_but_right_files_are_read() {
    let bom = format!("\u{feff}{GOOD}").into_bytes();
    let crlf = GOOD.replace('\n', "\r\n").into_bytes();
    let large = format!("{GOOD}# {}\n", "x".repeat(1_000_000)).into_bytes();
    let unquoted = GOOD
        .replace("\"2026-01-05T00:00:00[UTC]\"", "2026-01-05T00:00:00Z")
        .into_bytes();
    for bytes in [bom, crlf, large, unquoted] {
        let dir = folder(&bytes);
        let output = kmsim(dir.path(), &["check", "bad.toml"], b"");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    // A trace with a byte-order mark and CRLF, as spreadsheets write it.
    let dir = folder(GOOD.as_bytes());
    fs::write(dir.path().join("trace.csv"), "\u{feff}time\r\n0\r\n1\r\n").expect("write");
    let output = kmsim(dir.path(), &["check", "bad.toml"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

// ----- mutations ---------------------------------------------------------------------------------

/// A small generator of its own: the same mutations on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "nan",
    "inf",
    "1e300",
    "18446744073709551615",
    "18446744073709551616",
    "0.001",
    "2",
    "1e-9",
    "\"0s\"",
    "\"1/300000d\"",
    "9007199254740993",
];

/// Values that many keys take.
const TAME: [&str; 10] = ["0", "1", "2", "3", "5", "7", "19", "100", "0.5", "1000"];

/// One to three changes: bytes gone, added or doubled, a number or a word for another. Every other
/// mutant has only numbers of its own, so that many are right.
fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let tame = dice.below(2) == 0;
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        let word = |bytes: &[u8], good: fn(u8) -> bool| {
            let from = (at..bytes.len()).find(|&i| good(bytes[i]))?;
            let to = (from..bytes.len())
                .find(|&i| !good(bytes[i]))
                .unwrap_or(bytes.len());
            Some(from..to)
        };
        match if tame { 7 } else { dice.below(7) } {
            0 => drop(bytes.drain(at..(at + 1 + dice.below(9)).min(bytes.len()))),
            1 => bytes.insert(at, b"\"'[]{}=.,#\n0x\\"[dice.below(14)]),
            2 | 3 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_digit() || b == b'.') {
                    bytes.splice(range, dice.pick(&NUMBERS).bytes());
                }
            }
            7 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_digit()) {
                    bytes.splice(range, dice.pick(&TAME).bytes());
                }
            }
            4 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_lowercase() || b == b'_') {
                    let keys = [
                        "rate", "key", "poisson", "limit", "w", "clients", "after", "none",
                    ];
                    bytes.splice(range, dice.pick(&keys).bytes());
                }
            }
            5 => {
                // A line twice, or a line gone.
                let from = bytes[..at]
                    .iter()
                    .rposition(|b| *b == b'\n')
                    .map_or(0, |i| i + 1);
                let to = bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |i| at + i + 1);
                let line = bytes[from..to].to_vec();
                if dice.below(2) == 0 {
                    bytes.splice(to..to, line);
                } else {
                    bytes.drain(from..to);
                }
            }
            _ => bytes[at] ^= 1 << dice.below(7),
        }
        if bytes.is_empty() {
            bytes.push(b'#');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Requests in the first two seconds, about: runs that would take long are left out.
fn size(loaded: &Loaded) -> f64 {
    let workloads = loaded
        .variants
        .iter()
        .flat_map(|v| v.scenario.workload.values());
    let of = |w: &kmsim::scenario::workload::WorkloadSettings| {
        let rate = match &w.arrivals {
            Arrivals::Open(open) => open.peak(),
            Arrivals::Trace(trace) => trace.recording.rows.len() as f64 * trace.rate_scale,
            Arrivals::Job(job) => f64::from(job.workers.min(job.objects)) * 100.0,
        };
        rate * f64::from(w.parts + 2) * f64::from(w.retry.max_attempts)
            + f64::from(w.clients) / 100.0
    };
    workloads.map(of).sum()
}

/// Every shipped scenario, and [`GOOD`].
fn scenarios() -> Vec<(String, String, std::path::PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut all: Vec<_> = fs::read_dir(&folder)
        .expect("scenarios")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .map(|p| {
            let text = fs::read_to_string(&p).expect("text");
            (p.display().to_string(), text, folder.clone())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn mutated_scenarios_are_read_or_refused() {
    let dir = folder(GOOD.as_bytes());
    let mut all = scenarios();
    assert!(!all.is_empty());
    let shipped = (300 / all.len()).max(10);
    all.push(("good".to_owned(), GOOD.to_owned(), dir.path().to_owned()));
    let (mut refused, mut ran) = (0, 0);
    for (name, text, folder) in &all {
        let mut dice = Dice(name.len() as u64 * 7_919);
        let rounds = if name == "good" { 400 } else { shipped };
        for _ in 0..rounds {
            let text = mutated(text, &mut dice);
            let input = Input::from_text("mutant", text).in_folder(folder.clone());
            let sets = ["horizon=2s", "warm_up=0s", "replications=1"].map(str::to_owned);
            match load(&input, &sets) {
                Err(error) => {
                    let (faults, sources) = (&error.faults, &error.sources);
                    refused += 1;
                    assert!(
                        !faults.is_empty(),
                        "refused without a reason:\n{}",
                        input.text
                    );
                    let told = error.to_string();
                    assert!(told.contains("error["), "{told}");
                    for fault in faults {
                        assert!(
                            fault.help.is_some(),
                            "no way out:\n{}",
                            fault.one_line(sources)
                        );
                    }
                }
                Ok(loaded) if size(&loaded) < 150_000.0 => {
                    ran += 1;
                    let results = run(&loaded, RunOptions::default());
                    let (results, _) = results.unwrap_or_else(|e| panic!("{e}:\n{}", input.text));
                    let json = results::json::text(&results).expect("JSON");
                    assert!(!json.contains("NaN"), "{}", input.text);
                    let shown = report::summary::text(&TextTable, &results).expect("text")
                        + &report::csv::summary(&results).expect("CSV")
                        + &report::csv::time_series(&results).expect("CSV")
                        + &report::csv::bill(&results).expect("CSV");
                    for nonsense in ["NaN", " -0 ", "-0 %", ",-0,", "inf"] {
                        assert!(
                            !shown.contains(nonsense),
                            "{nonsense}:\n{shown}\n{}",
                            input.text
                        );
                    }
                }
                Ok(_) => {}
            }
        }
    }
    // Both ends were looked at, not only one.
    assert!(refused > 50 && ran > 50, "{refused} refused, {ran} ran");
}

#[test]
fn mutated_results_are_drawn_or_refused() {
    let dir = folder(GOOD.as_bytes());
    let input = Input::from_text("good", GOOD).in_folder(dir.path());
    let loaded = load(&input, &[]).expect("good");
    let (results, _) = run(&loaded, RunOptions::default()).expect("results");
    let text = results::json::text(&results).expect("JSON");
    let mut dice = Dice(11);
    let mut drawn = 0;
    for round in 0..150 {
        // Numbers, and keys or lines that are gone: what a script that edits results may do.
        let mut text = text.clone();
        for _ in 0..=dice.below(3) {
            let at = (0..)
                .map(|_| dice.below(text.len()))
                .find(|&i| text.is_char_boundary(i));
            let at = at.unwrap_or(0);
            let from = text[..at].rfind('\n').map_or(0, |i| i + 1);
            let to = text[at..].find('\n').map_or(text.len(), |i| at + i + 1);
            let line = text[from..to].to_owned();
            let line = match dice.below(3) {
                0 => String::new(),
                1 => line.repeat(2),
                _ => {
                    let digit = |c: char| c.is_ascii_digit();
                    match line.find(digit) {
                        Some(i) => {
                            let value =
                                dice.pick(&["null", "-1", "1e300", "0", "18446744073709551615"]);
                            let end = line[i..]
                                .find(|c: char| !digit(c) && c != '.')
                                .map_or(line.len(), |n| i + n);
                            format!("{}{value}{}", &line[..i], &line[end..])
                        }
                        None => line,
                    }
                }
            };
            text.replace_range(from..to, &line);
        }
        let Ok(results) = results::parse(&text, Path::new("results.json")) else {
            continue;
        };
        drawn += 1;
        let _ = report::summary::text(&TextTable, &results);
        let _ = report::summary::text(&Markdown, &results);
        let _ = report::csv::summary(&results);
        let _ = report::csv::time_series(&results);
        let _ = report::csv::bill(&results);
        let _ = kmsim::compare::across(&[
            ("a".to_owned(), results.clone()),
            ("b".to_owned(), results.clone()),
        ]);
        if round % 5 == 0
            && let Ok(figures) = report::chart::all(&results)
        {
            let _ = report::html::report(&results, &figures);
        }
    }
    assert!(drawn > 10, "{drawn}");
}
