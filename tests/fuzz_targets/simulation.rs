//! Small scenarios put together from bytes: counted and simulated, with the same results.

use super::checks::{is_small, ran, refused};
use kmsim::input::Input;
use kmsim::scenario::load;
use std::fmt::Write;

/// Requests of a run at most.
const MOST: f64 = 20_000.0;

/// Bytes as choices; when they are used up, always the first.
struct Choices<'b> {
    bytes: &'b [u8],
}

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    fn among<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    fn is(&mut self, one_in: u8) -> bool {
        let byte = self.byte();
        byte > 0 && byte.is_multiple_of(one_in)
    }

    /// From 1 to about `most`, small ones as likely as large ones.
    fn number(&mut self, most: f64) -> f64 {
        let share = f64::from(self.byte()) / 255.0;
        most.powf(share).round().max(1.0)
    }
}

/// A small scenario.
pub fn simulation(bytes: &[u8]) {
    let text = written(&mut Choices { bytes });
    match load(&Input::from_text("fuzzed", text.as_str()), &[]) {
        Err(error) => refused(&error),
        Ok(loaded) if is_small(&loaded, MOST) => ran(&loaded, &text),
        Ok(_) => {}
    }
}

/// Whether bytes are a scenario that is run.
pub fn is_run(bytes: &[u8]) -> bool {
    let text = written(&mut Choices { bytes });
    load(&Input::from_text("fuzzed", text), &[]).is_ok_and(|loaded| is_small(&loaded, MOST))
}

fn written(c: &mut Choices<'_>) -> String {
    let horizon = 3 + c.number(40.0) as u64;
    let mut t = format!(
        "seed = {}\nhorizon = \"{horizon}s\"\nreplications = {}\nregion = \"us-east-1\"\n",
        c.byte(),
        c.among(&[1, 2])
    );
    if c.is(3) {
        t += "warm_up = \"2s\"\n";
    }
    if c.is(4) {
        t += "start = \"2026-03-29T00:59:50+01:00[Europe/Berlin]\"\n";
    }
    let limit = c.number(300.0);
    let limiter = c.among(&[
        "fixed-window = {}",
        "token-bucket = { burst = 1 }",
        "token-bucket = { burst = 0.2 }",
        "sliding-window = {}",
    ]);
    let changes = c.among(&[
        "",
        "changes = [{ at = \"2s\", limit = \"3/s\" }]\n",
        "changes = [{ at = \"1s\", limit = \"1/s\" }, { at = \"4s\", limit = \"1000/s\" }]\n",
    ]);
    let latency = c.among(&[
        "constant = { value = \"5ms\" }",
        "constant = { value = \"900ms\" }",
        "constant = { value = \"0s\" }",
        "lognormal = { median = \"20ms\", sigma = 1.0 }",
    ]);
    write!(
        t,
        "[account.a]\n[account.b]\n[key_store.h]\nkind = \"cloudhsm\"\n[key.k]\n[key.far]\naccount = \"b\"\n[key.stored]\nkey_store = \"h\"\n\
         [quota.q]\naccount = \"a\"\nlimit = \"{limit}/s\"\nlimiter = {{ {limiter} }}\n{changes}\
         [requester.r]\naccount = \"a\"\n[requester.f]\naccount = \"b\"\n\
         [assumption]\nbucket_key_lifetime = \"{}\"\nbucket_key_fanout = {}\nkms_latency = {{ {latency} }}\ns3_latency = {{ constant = {{ value = \"30ms\" }} }}\n",
        c.among(&["4s", "1s", "1m"]),
        c.among(&[1, 2, 7])
    )
    .expect("a text");
    for bucket in ["plain", "held"] {
        let key = c.among(&["k", "stored"]);
        write!(t, "[bucket.{bucket}]\naccount = \"a\"\nkey = \"{key}\"\n").expect("a text");
        if bucket == "held" {
            let archived = c.among(&[1, 3, 40]);
            write!(t, "bucket_key = true\narchived_bucket_keys = {archived}\n").expect("a text");
        }
    }
    let workloads = 1 + c.byte() % 4;
    let mut ends = false;
    for w in 0..workloads {
        ends = workload(c, w, ends, horizon, &mut t);
    }
    t
}

/// Whether another can come after it: a job that runs once.
fn workload(c: &mut Choices<'_>, w: u8, follows: bool, horizon: u64, t: &mut String) -> bool {
    let s3 = c.is(2);
    write!(t, "[workload.w{w}]\nclients = {}\n", c.among(&[1, 2, 30])).expect("a text");
    if follows && c.is(2) {
        writeln!(t, "after = \"w{}\"", w - 1).expect("a text");
    } else if c.is(5) {
        writeln!(t, "start = \"{}s\"", c.byte() % 4).expect("a text");
    }
    let is_job = c.is(3);
    let mut ends = is_job;
    if s3 {
        let operations = c.among(&[
            "GetObject = 3, PutObject = 1",
            "GetObject = 1",
            "PutObject = 1",
            "CopyObject = 1, HeadObject = 1",
            "MultipartUpload = 1",
            "DeleteObject = 1, GetObject = 1",
        ]);
        let bucket = c.among(&["plain", "held"]);
        let requester = c.among(&["r", "f"]);
        write!(
            t,
            "bucket = \"{bucket}\"\nrequester = \"{requester}\"\noperations = {{ {operations} }}\n"
        )
        .expect("a text");
        if operations.contains("Multipart") {
            writeln!(t, "parts = {}", c.among(&[2, 9])).expect("a text");
        }
        if operations.contains("Get") || operations.contains("Copy") || operations.contains("Head")
        {
            let objects = c.number(50.0);
            let popularity = c.among(&[
                "uniform = { objects = N }",
                "zipf = { objects = N, exponent = 0.9 }",
            ]);
            let popularity = popularity.replace('N', &objects.to_string());
            writeln!(t, "popularity = {{ {popularity} }}").expect("a text");
        }
    } else {
        app(c, t);
    }
    if is_job {
        let (workers, objects) = (c.number(20.0), c.number(200.0));
        let more = c.among(&[
            "",
            ", think_time = { constant = { value = \"20ms\" } }",
            ", every = \"5s\"",
            ", every = \"9s\", within = \"3s\"",
            ", on_failure = \"fail-job\"",
        ]);
        ends = !more.contains("every");
        writeln!(
            t,
            "job = {{ workers = {workers}, objects = {objects}{more} }}"
        )
        .expect("a text");
    } else {
        let rate = c.number(200.0);
        let arrivals = c.among(&[
            "constant = { rate = \"R/s\" }",
            "poisson = { rate = \"R/s\" }",
            "piecewise-linear = { points = [{ at = \"0s\", rate = \"1/s\" }, { at = \"3s\", rate = \"R/s\" }] }",
            "on-off = { on = \"R/s\", off = \"0/s\", mean_on = \"1s\", mean_off = \"2s\" }",
            "flash-crowd = { base = \"1/s\", peak = \"R/s\", at = \"2s\", rise = \"1s\", decay = \"3s\" }",
            "diurnal = { mean = \"1/s\", peak = \"1.5/s\", peak_at = \"20:00\" }",
            "constant = { rate = \"1/7s\" }",
        ]);
        writeln!(
            t,
            "arrivals = {{ {} }}",
            arrivals.replace('R', &rate.to_string())
        )
        .expect("a text");
        if c.is(6) {
            writeln!(t, "growth = {}", c.among(&["0.001", "2.5", "0.01"])).expect("a text");
        }
        if c.is(7) {
            writeln!(t, "stop = \"{}s\"", horizon - 1).expect("a text");
        }
    }
    retry(c, t);
    ends
}

fn app(c: &mut Choices<'_>, t: &mut String) {
    let key = c.among(&["k", "far", "stored"]);
    writeln!(t, "key = \"{key}\"\nrequester = \"r\"").expect("a text");
    let caches = [
        "operations = { Decrypt = 2, GenerateDataKey = 1 }\n",
        "operations = { Encrypt = 1 }\n",
        "operations = { GenerateDataKey = 1 }\npopularity = { uniform = { objects = 6 } }\ndata_key_cache = { max_age = \"AGE\", capacity = CAP, max_messages = USE }\n",
        "operations = { Decrypt = 1 }\ndata_key_cache = { max_age = \"AGE\", capacity = CAP }\nencrypted_by = { producers = 3, messages_per_data_key = USE }\n",
        "operations = { Decrypt = 1 }\nbranch_key_cache = { ttl = \"AGE\" }\n",
        "operations = { Decrypt = 1 }\nbranch_key_cache = { ttl = \"AGE\", cache = { storm-tracking = { fan_out = USE } } }\n",
    ];
    let chosen = c.among(&caches);
    let (age, capacity) = (c.among(&["5s", "1s", "10m"]), c.number(50.0));
    let text = chosen
        .replace("AGE", age)
        .replace("CAP", &capacity.to_string())
        .replace("USE", &c.number(20.0).to_string());
    *t += &text;
}

fn retry(c: &mut Choices<'_>, t: &mut String) {
    let policies = [
        "none = {}",
        "fixed = { delay = \"D\", max_attempts = N }",
        "exponential = { initial_backoff = \"D\", max_backoff = \"2s\", max_attempts = N, jitter = \"full\" }",
        "exponential = { initial_backoff = \"D\", max_attempts = N, jitter = \"decorrelated\" }",
        "fixed = { delay = \"D\", max_attempts = N, retry_quota = { capacity = 40 } }",
        "fixed = { delay = \"D\", max_attempts = N, circuit_breaker = { open_time = \"700ms\", window = 5, blocks = \"requests\" } }",
        "exponential = { initial_backoff = \"D\", max_attempts = N, send_brake = { hold_time = \"1s\", window = 9, refused_threshold = 0.2 } }",
        "exponential = { initial_backoff = \"D\", max_attempts = N, retry_token_bucket = { capacity = 5, shared = true } }",
        "standard = {}",
        "adaptive = {}",
        "legacy = {}",
        "s3a = { max_attempts = 20 }",
    ];
    let (delay, attempts) = (c.among(&["300ms", "1ms", "1s", "0s"]), c.number(8.0));
    let policy = c.among(&policies).replace("\"D\"", &format!("\"{delay}\""));
    let policy = policy.replace("= N", &format!("= {attempts}"));
    writeln!(t, "retry.{policy}").expect("a text");
}
