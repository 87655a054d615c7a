//! Engine time as ratios within one run: against a plain heap program, and against itself where one
//! thing is varied. `cargo bench`; `cargo bench -- NAME` runs what contains NAME.
//!
//! Times are medians of alternating runs, so that a drift of the machine hits both sides alike.

mod plain_heap;

use kmsim::input::Input;
use kmsim::model::Plan;
use kmsim::scenario::load;
use kmsim::simulation::{Rehearsal, SimulationOptions, simulate};
use std::path::Path;
use std::time::Instant;

/// Plans of the variants of a scenario text.
fn plans(text: &str, sets: &[&str]) -> Vec<Plan> {
    let input = Input::from_text("bench", text);
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    let loaded = load(&input, &sets).unwrap_or_else(|error| panic!("{error}"));
    loaded.variants.into_iter().map(|v| v.plan).collect()
}

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Engine time of one replication \[s\], its attempts, and those admitted.
fn engine(plan: &Plan) -> (f64, u64, u64) {
    let options = SimulationOptions {
        decisive: true,
        lost_at: None,
        every_second: false,
        rehearsal: Rehearsal::None,
        sample: 0,
        seed: 1,
        replication: 0,
        simulate_all: false,
        progress: None,
        cancel: None,
    };
    let started = Instant::now();
    let (mut attempts, mut admitted) = (0, 0);
    for component in &plan.components {
        let record = simulate(plan, component, options).expect("nobody cancels it");
        attempts += record.kms_steps.iter().map(|l| l.attempts).sum::<u64>();
        admitted += record.kms_steps.iter().map(|l| l.admitted()).sum::<u64>();
    }
    (started.elapsed().as_secs_f64(), attempts, admitted)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// kmsim and the plain heap alternately on `quota-retry`.
fn quota_retry(variant: usize, load: f64, horizon_s: u64, runs: usize) {
    let plan = &plans(
        &shipped("quota-retry.toml"),
        &[&format!("horizon={horizon_s}s")],
    )[variant];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut attempts, mut outcome) = (0, plain_heap::Outcome::default());
    for run in 0..runs {
        let (time, n, _) = engine(plan);
        ours.push(time);
        attempts = n;
        let started = Instant::now();
        outcome = plain_heap::run(load, 10_000.0, horizon_s, run as u64 + 1);
        theirs.push(started.elapsed().as_secs_f64());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "quota-retry/{:<6} {horizon_s:>5} s  kmsim {:>9.4} s ({:>6.1} ns/attempt)  plain heap {:>8.3} s ({:>5.1} ns/event)  ratio {:>7.2}   attempts {attempts} against {}",
        plan.name,
        ours,
        ours * 1e9 / attempts as f64,
        theirs,
        theirs * 1e9 / outcome.events as f64,
        theirs / ours,
        outcome.attempts
    );
}

/// One thing varied, times relative to the first.
fn scaling(name: &str, cases: &[(&str, Vec<Plan>)]) {
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..5 {
        for (t, (_, plans)) in times.iter_mut().zip(cases) {
            t.push(plans.iter().map(|p| engine(p).0).sum());
        }
    }
    let times: Vec<f64> = times.into_iter().map(median).collect();
    for ((case, _), time) in cases.iter().zip(&times) {
        println!(
            "{name:<12} {case:>8}  {:>9.5} s  × {:.3}",
            time,
            time / times[0]
        );
    }
}

/// Engine time of 130 billion requests, one thread.
fn month() {
    for plan in plans(&shipped("month.toml"), &[]) {
        let (time, attempts, _) = engine(&plan);
        println!("month/{:<12} {time:>8.1} s  {attempts} attempts", plan.name);
    }
}

fn main() {
    let filter: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    if let Some(case) = filter.iter().find_map(|f| f.strip_prefix("peers=")) {
        return peers(case);
    }
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|f| name.contains(f.as_str()));
    if wanted("quota-retry") {
        quota_retry(0, 12_000.0, 600, 5);
        quota_retry(1, 8_000.0, 600, 5);
        quota_retry(1, 8_000.0, 6_000, 3);
    }
    // Minutes: only where it is asked for by name.
    if filter.iter().any(|f| f == "month") {
        month();
    }
    if wanted("rate") {
        // Under quota, the cost does not grow with the rate.
        let text = |factor: u32| {
            format!(
                "horizon = \"1h\"\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[quota.q]\nlimit = \"1000000/s\"\n\
                 [workload.a]\nkey = \"k\"\noperations = {{ Decrypt = 0.8, GenerateDataKey = 0.2 }}\narrivals.poisson.rate = \"{}/s\"\n",
                500 * factor
            )
        };
        let case = |factor| plans(&text(factor), &[]);
        scaling(
            "rate",
            &[("×1", case(1)), ("×10", case(10)), ("×100", case(100))],
        );
    }
    if wanted("clients") {
        // The SDK's retry quota runs dry sooner the fewer clients there are; a large one makes the attempts the same.
        let large = "retry.exponential = { initial_backoff = \"500ms\", max_attempts = 3, retry_quota = { capacity = 1_000_000, throttling_cost = 1 } }\n";
        for (name, retry) in [("clients", ""), ("clients, same attempts", large)] {
            let text = |clients: u32| {
                format!(
                    "horizon = \"2m\"\nregion = \"eu-west-3\"\n{retry}[key.k]\n\
                     [workload.a]\nkey = \"k\"\nclients = {clients}\noperations = {{ Decrypt = 1 }}\narrivals.poisson.rate = \"10500/s\"\n"
                )
            };
            let case = |clients| plans(&text(clients), &[]);
            scaling(
                name,
                &[
                    ("10", case(10)),
                    ("1000", case(1_000)),
                    ("10000", case(10_000)),
                ],
            );
        }
    }
    if wanted("adaptive") {
        adaptive();
    }
    if wanted("workloads") {
        // The same load, cut into more workloads.
        let text = |n: u32| {
            let mut text =
                "horizon = \"2m\"\nregion = \"eu-west-3\"\nretry = \"none\"\n[key.k]\n".to_owned();
            for i in 0..n {
                text.push_str(&format!(
                    "[workload.w{i}]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\narrivals.poisson.rate = \"{}/s\"\n",
                    10_500.0 / f64::from(n)
                ));
            }
            text
        };
        let case = |n| plans(&text(n), &[]);
        scaling(
            "workloads",
            &[("1", case(1)), ("100", case(100)), ("1000", case(1_000))],
        );
    }
    if wanted("pending") {
        // Retries that wait: a fixed delay times the rate of throttled attempts.
        let text = |delay: u32| {
            format!(
                "horizon = \"5m\"\nregion = \"eu-west-3\"\n[key.k]\n[retry.fixed]\ndelay = \"{delay}s\"\nmax_attempts = 2\n\
                 [workload.a]\nkey = \"k\"\noperations = {{ Decrypt = 1 }}\narrivals.poisson.rate = \"11000/s\"\n"
            )
        };
        let case = |delay| plans(&text(delay), &[]);
        scaling(
            "pending",
            &[("10³", case(1)), ("10⁵", case(100)), ("10⁶", case(1_000))],
        );
    }
    for (what, keys) in [("buckets", "bucket"), ("requesters", "requester")] {
        if wanted(what) {
            // Bucket keys of more and more buckets or requesters, under the same load.
            let case = |n| plans(&bucket_keys(keys, n), &[]);
            scaling(
                what,
                &[
                    ("10", case(10)),
                    ("1000", case(1_000)),
                    ("10000", case(10_000)),
                ],
            );
        }
    }
    if wanted("replications") {
        replications();
    }
}

/// Clients with rate limiters at 20 % over the quota: time of an attempt.
fn adaptive() {
    for limiter in ["fixed-window", "token-bucket"] {
        for clients in [10, 1_000, 10_000] {
            let text = format!(
                "horizon = \"2m\"\nregion = \"eu-west-3\"\nretry = \"adaptive\"\n[key.k]\n\
                 [quota.q]\nlimit = \"10000/s\"\nlimiter.{limiter} = {{}}\n\
                 [workload.a]\nkey = \"k\"\nclients = {clients}\noperations = {{ Decrypt = 1 }}\narrivals.poisson.rate = \"12000/s\"\n"
            );
            let plans = plans(&text, &[]);
            let runs: Vec<(f64, u64, u64)> = (0..5).map(|_| engine(&plans[0])).collect();
            let attempts = runs[0].1;
            let time = median(runs.iter().map(|run| run.0).collect());
            println!(
                "adaptive     {clients:>8} {limiter:<12}  {:>6.1} ns/attempt   attempts {attempts}",
                time * 1e9 / attempts as f64
            );
        }
    }
}

/// kmsim and the plain heap on `quota-retry`, as lines of JSON for `benches/peers/run`. `case`:
/// requests a second and seconds, with a comma between.
fn peers(case: &str) {
    let mut numbers = case.split(',').map(|n| n.parse::<u32>().expect("a number"));
    let (load, seconds) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(60));
    let variant = usize::from(load <= 10_000);
    let horizon = format!("horizon={seconds}s");
    let plan = &plans(&shipped("quota-retry.toml"), &[&horizon])[variant];
    let line = |engine: &str, events: u64, seconds: f64| {
        println!("{{\"engine\":\"{engine}\",\"events\":{events},\"seconds\":{seconds:.6}}}");
    };
    let started = Instant::now();
    let outcome = plain_heap::run(f64::from(load), 10_000.0, u64::from(seconds), 1);
    line(
        "plain heap",
        outcome.events,
        started.elapsed().as_secs_f64(),
    );
    // Attempts and completions, whether or not an engine queues them.
    let (time, attempts, admitted) = engine(plan);
    line("kmsim", attempts + admitted, time);
}

/// One workload for each bucket or requester, all with bucket keys on.
fn bucket_keys(what: &str, n: u32) -> String {
    let mut text =
        "horizon = \"1m\"\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n".to_owned();
    let by_bucket = what == "bucket";
    for b in 0..if by_bucket { n } else { 1 } {
        text.push_str(&format!("[bucket.b{b}]\nkey = \"k\"\nbucket_key = true\n"));
    }
    for i in 0..n {
        let (bucket, requester) = if by_bucket { (i, 0) } else { (0, i) };
        if i == requester {
            text.push_str(&format!("[requester.r{i}]\n"));
        }
        text.push_str(&format!(
            "[workload.w{i}]\nbucket = \"b{bucket}\"\nrequester = \"r{requester}\"\noperations = {{ PutObject = 1 }}\n\
             arrivals.poisson.rate = \"{}/s\"\n",
            20_000.0 / f64::from(n)
        ));
    }
    text
}

/// Eight replications on one thread and on two.
fn replications() {
    let plan = &plans(&shipped("quota-retry.toml"), &["horizon=2m"])[0];
    let on = |threads: usize| {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for t in 0..threads as u64 {
                scope.spawn(move || {
                    for replication in (t..8).step_by(threads) {
                        for component in &plan.components {
                            simulate(
                                plan,
                                component,
                                SimulationOptions {
                                    decisive: true,
                                    lost_at: None,
                                    every_second: false,
                                    rehearsal: Rehearsal::None,
                                    sample: 0,
                                    seed: 1,
                                    replication,
                                    simulate_all: false,
                                    progress: None,
                                    cancel: None,
                                },
                            )
                            .expect("nobody cancels it");
                        }
                    }
                });
            }
        });
        started.elapsed().as_secs_f64()
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        one.push(on(1));
        two.push(on(2));
    }
    let (one, two) = (median(one), median(two));
    println!(
        "replications 1 thread {one:.3} s, 2 threads {two:.3} s, ratio {:.2}",
        one / two
    );
}
