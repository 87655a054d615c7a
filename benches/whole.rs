//! What users wait for: whole processes of kmsim, each held to what docs/PERFORMANCE.md asks of it.
//!
//! `cargo bench --bench whole`; `cargo bench --bench whole -- NAME` runs the rows whose name contains NAME. With
//! `KMSIM_OTHER=PATH` each case runs in turn with that program, for comparison.
//!
//! **To add a row**, add it to [`ROWS`] and write its function: it writes its input with [`Row::file`], takes the
//! time of the binary with [`Row::case`], and holds what that took to a limit with [`Row::at_most`] and
//! [`Row::growth`]. Then add its line to the table of docs/PERFORMANCE.md, with what was found and the date. Say
//! `--threads 1`, unless the row is about threads.

mod process;

use kmsim::effort::Effort;
use kmsim::input::Input;
use kmsim::planning::Study;
use kmsim::results::Manifest;
use process::Taken;
use std::fmt::Write as _;
use std::path::Path;
use tempfile::TempDir;

/// What measures a row.
type Measure = fn(&Row);

/// Every row: its name, and what measures it.
const ROWS: &[(&str, Measure)] = &[
    ("workloads", |row| things(row, workloads)),
    ("buckets", |row| things(row, buckets)),
    ("requesters", |row| things(row, requesters)),
    ("keys", |row| things(row, keys)),
    ("islands", islands),
    ("day", day),
    ("idle", idle),
    ("variants", variants),
    ("settings", settings),
    ("policies", policies),
    ("charts", charts),
    ("plan", plan),
    ("trace", trace),
    ("rate", rate),
    ("precision", precision),
    ("adaptive", adaptive),
    ("effort", effort),
];

/// A run with 10,000 of something.
fn things(row: &Row, scenario: fn(u32) -> String) {
    let [few, many] = [1_000, 10_000].map(|n| {
        let file = row.file(&format!("{n}.toml"), &scenario(n));
        row.case(&n.to_string(), &run(&file))
    });
    row.at_most("CPU time", many.cpu_s, 3.0, "s");
    row.growth(few, many, 12.0);
}

/// One replication of the media library's day: variants, of which `all` has caches of every kind.
fn day(row: &Row) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/media-library.toml");
    let took = ["as-is", "data-key-cache", "bucket-keys", "all"].map(|variant| {
        let one = ["--variant", variant, "--set", "replications=1"];
        row.case(variant, &[&run(file)[..], &one].concat())
    });
    row.at_most("CPU time", took[3].cpu_s, 1.5, "s");
}

/// Components that share no quota: each has an account of its own.
fn islands(row: &Row) {
    let [few, many] = [400, 4_000].map(|n| {
        let mut text = HEAD.to_owned();
        for i in 0..n {
            _ = write!(
                text,
                "[account.a{i}]\n[requester.r{i}]\naccount = \"a{i}\"\n[key.k{i}]\naccount = \"a{i}\"\n\
                 [workload.w{i}]\nkey = \"k{i}\"\nrequester = \"r{i}\"\noperations = {{ Decrypt = 1 }}\n\
                 arrivals.poisson.rate = \"2/s\"\n"
            );
        }
        row.case(&n.to_string(), &run(&row.file(&format!("{n}.toml"), &text)))
    });
    row.at_most("CPU time", many.cpu_s, 3.0, "s");
    row.at_most("memory", many.peak_mb, 200.0, "MB");
    row.growth(few, many, 12.0);
}

/// Ten years with a request a day.
fn idle(row: &Row) {
    let text = "horizon = \"3650d\"\nregion = \"us-east-1\"\nretry = \"none\"\nreplications = 1\n[key.k]\n\
                [workload.w]\nkey = \"k\"\noperations = { Decrypt = 1 }\narrivals.poisson.rate = \"1/d\"\n";
    let taken = row.case("ten years", &run(&row.file("years.toml", text)));
    row.at_most("CPU time", taken.cpu_s, 2.0, "s");
}

/// A check of 20,000 variants.
fn variants(row: &Row) {
    let [few, many] = [2_000, 20_000].map(|n| {
        let mut text = format!("{HEAD}[key.k]\n");
        workload(&mut text, 0, 1, "key = \"k\"\noperations = { Decrypt = 1 }");
        for i in 0..n {
            _ = write!(
                text,
                "[variant.v{i}.workload.w0.arrivals.poisson]\nrate = \"{}/s\"\n",
                100 + i
            );
        }
        let file = row.file(&format!("{n}.toml"), &text);
        row.case(&n.to_string(), &["check", &file])
    });
    row.at_most("CPU time", many.cpu_s, 2.0, "s");
    row.at_most("memory", many.peak_mb, 500.0, "MB");
    row.growth(few, many, 12.0);
}

/// Settings of a sweep that are read before it begins: in this process, for a process does more than that.
fn settings(row: &Row) {
    const SETTINGS: u32 = 1_000;
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for name in ["media-library", "quota-retry", "shared-quota"] {
        let input = Input::from_path(scenarios.join(format!("{name}.toml"))).expect("a file");
        let (study, _) = Study::new(&input, &[], None).unwrap_or_else(|e| panic!("{e}"));
        let started = process::own_cpu_s();
        for i in 0..SETTINGS {
            // Another price each time: nothing but the plan's prices changes.
            let sets = [format!(
                "price.kms-requests={{usd=\"0.0{}\",per=10000}}",
                10 + i
            )];
            let read = study.with(&[], &sets);
            read.unwrap_or_else(|e| panic!("{e}"));
        }
        let each_ms = (process::own_cpu_s() - started) * 1e3 / f64::from(SETTINGS);
        row.at_most(name, each_ms, 0.5, "ms");
    }
}

/// `check` of 10,000 workloads, two permissions each, under an identity policy of 200 statements.
fn policies(row: &Row) {
    let statements: Vec<String> = (0..200)
        .map(|i| {
            let of = if i == 199 {
                String::new()
            } else {
                i.to_string()
            };
            format!(
                "{{\"Effect\": \"Allow\", \"Action\": [\"s3:GetObject\", \"kms:Decrypt\"], \"Resource\": [\"arn:aws:s3:::b{of}/*\", \"arn:aws:kms:*:*:key/k{of}\"]}}"
            )
        })
        .collect();
    let policy = format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": [{}]}}",
        statements.join(", ")
    );
    row.file("policy.json", &policy);
    let mut text = format!(
        "{HEAD}[key.k]\nid = \"k\"\n[bucket.b]\nkey = \"k\"\n[requester.r]\nidentity_policies = [\"policy.json\"]\n"
    );
    for i in 0..10_000 {
        workload(
            &mut text,
            i,
            10_000,
            "bucket = \"b\"\nrequester = \"r\"\noperations = { GetObject = 1 }",
        );
    }
    let file = row.file("policies.toml", &text);
    let taken = row.case("10000 × 200", &["check", &file, "--quiet"]);
    row.at_most("CPU time", taken.cpu_s, 2.0, "s");
}

/// A small scenario with all that a run writes, on as many threads as there are.
fn charts(row: &Row) {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/bucket-key-poc.toml");
    for charts in ["none", "svg", "svg,png"] {
        let args = [
            "run", scenario, "--quiet", "--out", "results", "--charts", charts,
        ];
        let taken = row.case(charts, &args);
        if charts == "svg,png" {
            row.at_most("CPU time", taken.cpu_s, 0.06, "s");
        }
    }
}

/// What five runs of the media library's as-is took at 39a09ec, where docs/PERFORMANCE.md was measured.
const FIVE_RUNS_S: f64 = 8.9;

/// The smallest quota of the media library's day. At most five runs of it by commit 39a09ec are asked: with `KMSIM_OTHER`,
/// a build of that commit, they are measured in turn; without, what they once took is the limit.
fn plan(row: &Row) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/media-library.toml");
    let scenario = path.display().to_string();
    let variant = ["--variant", "as-is"];
    let once = row.cases("run", &[&run(&scenario)[..], &variant].concat());
    let mut args = vec!["plan", &scenario, "--target", "throttle_rate < 0.1%"];
    args.extend(["--threads", "1", "--quiet", "--out", "plan"]);
    let planned = row.case("plan", &[&args[..], &variant].concat());
    match once.get(1) {
        Some(before) => {
            let ratio = planned.cpu_s / before.cpu_s.max(0.01);
            row.at_most("plan ÷ run by the other program", ratio, 5.0, "×");
        }
        None => row.at_most("CPU time", planned.cpu_s, FIVE_RUNS_S, "s"),
    }
}

/// A trace with a requester for every hundred rows, replayed.
fn trace(row: &Row) {
    let [few, many] = [1_000_000, 10_000_000]
        .map(|n: u32| row.case(&n.to_string(), &run(&trace_of(row, n, n / 100))));
    // What ten times as many rows and requesters would take.
    row.at_most("10⁸ rows", 10.0 * many.cpu_s, 30.0, "s");
    let each = (many.peak_mb - few.peak_mb) / 9.0;
    row.at_most(
        "memory of 10⁸ rows",
        many.peak_mb + 90.0 * each,
        2_500.0,
        "MB",
    );
    row.growth(few, many, 12.0);
}

/// A scenario that replays a trace of so many rows of so many requesters, with its trace.
fn trace_of(row: &Row, n: u32, requesters: u32) -> String {
    let mut rows = "time,operation,requester\n".to_owned();
    for i in 0..n {
        let ms = u64::from(i) * 1_000_000 / u64::from(n);
        let requester = u64::from(i) * 7_919 % u64::from(requesters);
        let (s, ms) = (ms / 1_000, ms % 1_000);
        _ = writeln!(rows, "{s}.{ms:03},Decrypt,r{requester}");
    }
    row.file(&format!("{n}.csv"), &rows);
    let workload = format!(
        "[key.k]\n[workload.w]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\nclients = 10\ntrace.file = \"{n}.csv\"\n"
    );
    let text = HEAD.replace("1m", "1000s") + &workload;
    row.file(&format!("{n}.toml"), &text)
}

/// Evenly spaced arrivals at the highest rates there are.
fn rate(row: &Row) {
    for rate in ["1e6", "5e7", "1e9"] {
        let text = HEAD.replace("1m", "1s")
            + "[key.k]\n[workload.w]\nkey = \"k\"\noperations = { Decrypt = 1 }\n"
            + &format!("arrivals.constant.rate = \"{rate}/s\"\n");
        let taken = row.case(rate, &run(&row.file(&format!("{rate}.toml"), &text)));
        row.at_most("memory", taken.peak_mb, 100.0, "MB");
    }
}

/// A precision that is asked of a metric without data, of a run without jobs; and one that is never reached.
fn precision(row: &Row) {
    let file = row.file("none.toml", &workloads(10));
    let precise = |metric: &'static str, most: &str| {
        let mut args = run(&file);
        args.extend(["--precision", "0.00001%", "--precision-metric", metric]);
        args.extend(["--max-replications", most]);
        row.case(&format!("{metric}, {most}"), &args)
    };
    let none = precise("job_completion_s", "100000");
    row.at_most("CPU time without data", none.cpu_s, 0.5, "s");
    let [few, many] = ["300", "3000"].map(|most| precise("kms_attempts", most));
    row.growth(few, many, 12.0);
}

/// Adaptive clients at 20 % over a quota: each attempt waits for its client's rate limiter.
fn adaptive(row: &Row) {
    let text = HEAD.replace("1m", "5m").replace("\"none\"", "\"adaptive\"")
        + "[key.k]\n[quota.q]\nlimit = \"10000/s\"\n[workload.w]\nkey = \"k\"\nclients = 1000\n\
           operations = { Decrypt = 1 }\narrivals.poisson.rate = \"12000/s\"\n";
    let taken = row.case("1000 clients", &run(&row.file("adaptive.toml", &text)));
    let each_us = taken.cpu_s * 1e6 / row.attempts();
    row.at_most("an attempt", each_us, 0.3, "µs");
}

/// What users are told before they wait, and what comes: events, time and memory.
fn effort(row: &Row) {
    let mut worst = [1.0_f64; 3];
    for (name, text) in efforts(row) {
        let file = row.file(&format!("{name}.toml"), &text);
        let input = Input::from_path(row.dir().join(&file)).expect("a file");
        let loaded = kmsim::scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}"));
        let told = Effort::of(&loaded.variants[0].plan, loaded.replications);
        let mut args = run(&file);
        args.extend(["--charts", "none"]);
        if let [_, _, ..] = loaded.variants.as_slice() {
            args.extend(["--variant", &loaded.variants[0].plan.name]);
        }
        let came = row.case(&name, &args);
        let pairs = [
            ("events", told.events, row.attempts()),
            ("s", told.seconds, came.cpu_s),
            ("MB", told.bytes / 1e6, came.peak_mb * 1.048_576),
        ];
        let mut line = String::new();
        for ((unit, told, came), worst) in pairs.into_iter().zip(&mut worst) {
            _ = write!(line, "  {told:.3e} {unit} told, {came:.3e} came;");
            // What is soon over is not told.
            let least = match unit {
                "events" => 1e6,
                "s" => 1.0,
                _ => 1.0,
            };
            if told.max(came) >= least {
                let off = told.max(1e-9) / came.max(1e-9);
                *worst = worst.max(off.max(1.0 / off));
            }
        }
        println!("{:<16} {name:<22}{line}", row.name);
    }
    for (worst, what) in worst.into_iter().zip(["events", "time", "memory"]) {
        row.at_most(&format!("{what} off by"), worst, 3.0, "×");
    }
}

/// Scenarios of many kinds, each of a few seconds.
fn efforts(row: &Row) -> Vec<(String, String)> {
    let one = |head: &str, workload: &str| {
        format!(
            "{head}[key.k]\n[quota.q]\nlimit = \"10000/s\"\n[bucket.b]\nkey = \"k\"\n[requester.r]\n\
             [workload.w]\n{workload}"
        )
    };
    let hours = |h: u32, retry: &str| {
        HEAD.replace("1m", &format!("{h}h"))
            .replace("\"none\"", retry)
    };
    let over = |rate: u32| {
        format!(
            "key = \"k\"\nclients = 1000\noperations = {{ Decrypt = 1 }}\narrivals.poisson.rate = \"{rate}/s\"\n"
        )
    };
    let bucket_keys = "bucket = \"b\"\nrequester = \"r\"\noperations = { GetObject = 1, PutObject = 1 }\n\
                       arrivals.poisson.rate = \"5000/s\"\n";
    let curve = "key = \"k\"\noperations = { Decrypt = 1 }\narrivals.diurnal = { mean = \"6000/s\", peak = \"11000/s\" }\n";
    let switched = "key = \"k\"\noperations = { Decrypt = 1 }\n\
                    arrivals.on-off = { on = \"14000/s\", off = \"10/s\", mean_on = \"20s\", mean_off = \"80s\" }\n";
    let bucket = |text: String, limiter: &str| {
        text.replace(
            "limit = \"10000/s\"",
            &format!("limit = \"10000/s\"\n{limiter}"),
        )
    };
    let mut all = vec![
        (
            "quiet-month".to_owned(),
            one(&hours(720, "\"standard-2.1\""), &over(5_000)),
        ),
        (
            "over".to_owned(),
            one(&hours(1, "\"standard-2.1\""), &over(10_500)),
        ),
        (
            "far-over".to_owned(),
            one(&hours(1, "\"legacy\""), &over(14_000)),
        ),
        (
            "token-bucket".to_owned(),
            bucket(
                one(&hours(1, "\"legacy\""), &over(12_000)),
                "limiter.token-bucket = {}\n",
            ),
        ),
        (
            "adaptive-hour".to_owned(),
            one(&hours(1, "\"adaptive\""), &over(10_500)),
        ),
        (
            "diurnal-week".to_owned(),
            one(&hours(168, "\"legacy\""), curve),
        ),
        ("on-off".to_owned(), one(&hours(24, "\"none\""), switched)),
        (
            "bucket-keys-day".to_owned(),
            one(&hours(24, "\"none\""), bucket_keys)
                .replace("[bucket.b]\n", "[bucket.b]\nbucket_key = true\n"),
        ),
        ("workloads-3000".to_owned(), workloads(3_000)),
        ("buckets-3000".to_owned(), buckets(3_000)),
        (
            "job".to_owned(),
            one(
                &hours(4, "\"legacy\""),
                "key = \"k\"\noperations = { Decrypt = 1 }\njob = { workers = 200, objects = 10000000 }\n",
            ),
        ),
    ];
    let trace = trace_of(row, 3_000_000, 30_000);
    let text = std::fs::read_to_string(row.dir().join(trace)).expect("it was written");
    all.push(("trace-3e6".to_owned(), text));
    all
}

const HEAD: &str = "horizon = \"1m\"\nregion = \"us-east-1\"\nretry = \"none\"\nreplications = 1\n";

/// So many workloads of one key, 20,000 requests/s among them.
fn workloads(n: u32) -> String {
    let mut text = format!("{HEAD}[key.k]\n");
    for i in 0..n {
        workload(&mut text, i, n, "key = \"k\"\noperations = { Decrypt = 1 }");
    }
    text
}

/// A workload for each bucket.
fn buckets(n: u32) -> String {
    let mut text = format!("{HEAD}[key.k]\n[requester.r]\n");
    for i in 0..n {
        _ = write!(text, "[bucket.b{i}]\nkey = \"k\"\nbucket_key = true\n");
        let of = format!("bucket = \"b{i}\"\nrequester = \"r\"\noperations = {{ PutObject = 1 }}");
        workload(&mut text, i, n, &of);
    }
    text
}

/// A workload for each requester.
fn requesters(n: u32) -> String {
    let mut text = format!("{HEAD}[key.k]\n[bucket.b]\nkey = \"k\"\nbucket_key = true\n");
    for i in 0..n {
        _ = writeln!(text, "[requester.r{i}]");
        let of = format!("bucket = \"b\"\nrequester = \"r{i}\"\noperations = {{ PutObject = 1 }}");
        workload(&mut text, i, n, &of);
    }
    text
}

/// A workload for each key.
fn keys(n: u32) -> String {
    let mut text = HEAD.to_owned();
    for i in 0..n {
        _ = writeln!(text, "[key.k{i}]");
        let of = format!("key = \"k{i}\"\noperations = {{ Decrypt = 1 }}");
        workload(&mut text, i, n, &of);
    }
    text
}

fn workload(text: &mut String, i: u32, of: u32, keys: &str) {
    let rate = 20_000.0 / f64::from(of);
    _ = write!(
        text,
        "[workload.w{i}]\n{keys}\narrivals.poisson.rate = \"{rate}/s\"\n"
    );
}

/// The arguments of a run on one thread, with all that it writes.
fn run(scenario: &str) -> Vec<&str> {
    vec![
        "run",
        scenario,
        "--threads",
        "1",
        "--quiet",
        "--out",
        "results",
    ]
}

/// Times each case is run; what is slow only once.
const RUNS: usize = 3;
const SLOW_S: f64 = 5.0;

/// A row under way.
struct Row {
    name: &'static str,
    dir: TempDir,
}

impl Row {
    fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file where the row's processes run; returns its name.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir().join(name);
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        name.to_owned()
    }

    /// Runs one case several times and says what it took; returns the median by CPU time.
    fn case(&self, case: &str, args: &[&str]) -> Taken {
        self.cases(case, args)[0]
    }

    /// The same of each program: kmsim, and the other one where there is one.
    fn cases(&self, case: &str, args: &[&str]) -> Vec<Taken> {
        let programs = process::programs();
        let mut taken = vec![Vec::new(); programs.len()];
        for _ in 0..RUNS {
            for (program, taken) in programs.iter().zip(&mut taken) {
                if taken.first().is_none_or(|t: &Taken| t.cpu_s < SLOW_S) {
                    taken.push(process::run(program, args, self.dir()));
                }
            }
        }
        let medians: Vec<Taken> = taken.into_iter().map(median).collect();
        for (program, t) in programs.iter().zip(&medians) {
            let other = if program == &programs[0] {
                ""
            } else {
                " (other)"
            };
            let failed = if t.succeeded { "" } else { "   FAILED" };
            println!(
                "{:<16} {:<22} {:>8.2} s CPU {:>8.2} s {:>8.0} MB{failed}",
                self.name,
                format!("{case}{other}"),
                t.cpu_s,
                t.wall_s,
                t.peak_mb
            );
        }
        // What was refused takes no time.
        assert!(medians[0].succeeded, "{} {case} failed", self.name);
        medians
    }

    /// Attempts that the last run looked at one by one, as its manifest has them.
    fn attempts(&self) -> f64 {
        let manifest = self.dir().join("results/manifest.json");
        let text = std::fs::read_to_string(&manifest).unwrap_or_default();
        let manifest: Manifest = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
        let variants = manifest.variants.iter();
        variants.map(|v| v.attempts_expanded as f64).sum()
    }

    /// Says whether a limit is kept.
    fn at_most(&self, what: &str, found: f64, limit: f64, unit: &str) {
        let verdict = if found <= limit { "reached" } else { "MISSED" };
        println!(
            "{:<16} {what}: {found:.3} {unit}, at most {limit} {unit} asked: {verdict}",
            self.name
        );
    }

    /// Says whether ten times as many things take at most so many times the CPU time.
    fn growth(&self, few: Taken, many: Taken, limit: f64) {
        self.at_most("growth", many.cpu_s / few.cpu_s.max(0.01), limit, "×");
    }
}

fn median(mut taken: Vec<Taken>) -> Taken {
    taken.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
    taken[taken.len() / 2]
}

fn main() {
    let filter: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    for &(name, measure) in ROWS {
        if filter.is_empty() || filter.iter().any(|f| name.contains(f.as_str())) {
            let dir = TempDir::new().expect("a temporary directory");
            measure(&Row { name, dir });
        }
    }
}
