//! Evenly spaced arrivals that are too many to list are found when they come, and change no counter.

use super::state::spread::Spread;
use super::world::World;
use super::{Rehearsal, SimulationOptions, law};
use crate::input::Input;
use crate::model::PlanPart;
use crate::scenario;

/// What a simulation counts that lists at most so many evenly spaced arrivals of a second.
fn counted(text: &str, simulate_all: bool, most_listed: usize) -> Vec<String> {
    let input = Input::from_text("t", text);
    let loaded = scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let plan = &loaded.variants[0].plan;
    let options = SimulationOptions {
        decisive: true,
        lost_at: None,
        every_second: false,
        rehearsal: Rehearsal::None,
        seed: 5,
        simulate_all,
        replication: 0,
        progress: None,
        sample: 0,
        cancel: None,
    };
    let components = plan.components.iter().map(|component| {
        let copies = PlanPart::copies(plan, component);
        let part = PlanPart::new(plan, component, copies.as_ref());
        let mut world = World::new(&part, options);
        world.arrivals.spread = Spread::listing_at_most(most_listed);
        law::run(&mut world).expect("not cancelled");
        let mut record = world.counters.into_record();
        // How a second was passed is not a counter.
        (record.seconds_counted, record.attempts_expanded) = (0, 0);
        format!("{record:?}")
    });
    components.collect()
}

#[test]
fn arrivals_that_are_not_listed_change_no_counter() {
    const RETRIES: [&str; 8] = [
        "\"none\"",
        "\"standard\"",
        "\"legacy\"",
        "\"adaptive\"",
        // At the very instant of the refusal.
        "{ fixed = { delay = \"0s\", max_attempts = 3 } }",
        "{ fixed = { delay = \"0s\", max_attempts = 3, retry_quota = { capacity = 40 } } }",
        "{ fixed = { delay = \"700us\", max_attempts = 4, retry_quota = { capacity = 9, shared = true } } }",
        "{ exponential = { initial_backoff = \"1ms\", max_attempts = 5, retry_token_bucket = { capacity = 30 } } }",
    ];
    for limiter in [
        "fixed-window",
        "token-bucket = { burst = 0.1 }",
        "sliding-window",
    ] {
        let limiter = match limiter.split_once(" = ") {
            Some(_) => limiter.to_owned(),
            None => format!("{limiter} = {{}}"),
        };
        for (i, retry) in RETRIES.iter().enumerate() {
            for limit in [700, 1_500] {
                // Two of them at the same instants, one that comes at random, and a mix whose arrivals make
                // different numbers of calls.
                let text = format!(
                    r#"
                    horizon = "5s"
                    warm_up = "1s"
                    replications = 1
                    region = "us-east-1"
                    retry = {retry}
                    key.k = {{}}
                    bucket.b.key = "k"
                    quota.q = {{ limit = "{limit}/s", limiter = {{ {limiter} }} }}
                    assumption.kms_latency.constant.value = "5ms"
                    assumption.s3_latency.constant.value = "30ms"
                    assumption.throttled_latency.constant.value = "{throttled}"
                    [workload.a]
                    key = "k"
                    operations = {{ Decrypt = 0.7, Encrypt = 0.3 }}
                    clients = 7
                    arrivals.constant.rate = "500/s"
                    [workload.at-random]
                    key = "k"
                    operations.Decrypt = 1
                    clients = 2
                    arrivals.poisson.rate = "150/s"
                    [workload.c]
                    key = "k"
                    operations.Decrypt = 1
                    clients = 3
                    arrivals.constant.rate = "250/s"
                    [workload.d]
                    bucket = "b"
                    operations = {{ GetObject = 0.8, CopyObject = 0.2 }}
                    clients = 3
                    start = "2s"
                    arrivals.constant.rate = "97/s"
                    "#,
                    throttled = ["0s", "2ms"][i % 2],
                );
                let listed = counted(&text, false, usize::MAX);
                for most in [0, 300] {
                    for simulate_all in [false, true] {
                        let found = counted(&text, simulate_all, most);
                        assert_eq!(listed, found, "{limiter} {retry} {most} {simulate_all}");
                    }
                }
            }
        }
    }
}
