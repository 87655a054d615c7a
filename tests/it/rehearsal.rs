//! What one run counts in quiet time serves others with other limits: not a digit changes.

use crate::common::load;
use kmsim::simulation::record::Record;
use kmsim::simulation::{QuietTime, Rehearsal, SimulationOptions, simulate};

/// Traffic of every shape around a peak, retries and a job, over the end of a month.
fn scenario(limit: u64, seed: u64) -> String {
    let retry = ["none", "standard", "legacy"][seed as usize % 3];
    // Without copies each request needs one call at most.
    let copies = [", CopyObject = 1", ""][seed as usize % 2];
    let warm_up = [0, 64, 200][seed as usize / 3 % 3];
    format!(
        r#"
        horizon = "900s"
        warm_up = "{warm_up}s"
        region = "us-east-1"
        start = "2026-01-31T23:55:00[UTC]"
        retry = "{retry}"
        price.kms-requests = {{ usd = "0.03", per = 10000 }}
        assumption.kms_latency.constant.value = "5ms"
        assumption.s3_latency.constant.value = "30ms"
        key.k.account = "own"
        bucket.b = {{ key = "k", account = "own" }}
        [account.own]
        [account.other]
        [requester.us]
        account = "own"
        [requester.them]
        account = "other"
        [key.theirs]
        account = "other"
        [quota.q]
        account = "own"
        limit = "{limit}/s"
        changes = [{{ at = "500s", limit = "{}/s" }}]
        [quota.slow]
        account = "other"
        limit = "{limit}/s"
        changes = [{{ at = "3m", limit = "{}/4s" }}]
        [workload.steady]
        requester = "us"
        key = "k"
        clients = 9
        operations.Decrypt = 1
        arrivals.poisson.rate = "60/s"
        [workload.even]
        requester = "us"
        key = "k"
        clients = 2
        operations = {{ Decrypt = 2, GenerateDataKey = 1 }}
        stop = "700s"
        arrivals.constant.rate = "7/s"
        [workload.switched]
        requester = "us"
        bucket = "b"
        clients = 3
        start = "30s"
        operations = {{ GetObject = 3{copies} }}
        arrivals.on-off = {{ on = "20/s", off = "2/s", mean_on = "4s", mean_off = "11s" }}
        [workload.crowd]
        requester = "us"
        key = "k"
        clients = 9
        operations.Decrypt = 1
        arrivals.flash-crowd = {{ base = "5/s", peak = "90/s", at = "400s", rise = "5s", decay = "9s" }}
        [workload.job]
        requester = "us"
        bucket = "b"
        clients = 2
        operations.CopyObject = 1
        start = "610s"
        job = {{ workers = 3, objects = 40, every = "130s" }}
        [workload.theirs]
        clients = 4
        key = "theirs"
        requester = "them"
        operations.Decrypt = 1
        arrivals.piecewise-linear.points = [{{ at = "0s", rate = "9/s" }}, {{ at = "5m", rate = "60/s" }}]
        "#,
        limit + 30,
        3 * limit
    )
}

fn simulated(
    text: &str,
    component: usize,
    replication: u64,
    rehearsal: Rehearsal<'_>,
    lost_at: Option<u64>,
) -> Record {
    let plan = &load(text).variants[0].plan;
    let options = SimulationOptions {
        seed: 5,
        replication,
        simulate_all: false,
        progress: None,
        sample: 0,
        lost_at,
        decisive: false,
        every_second: false,
        rehearsal,
        cancel: None,
    };
    simulate(plan, &plan.components[component], options).expect("no end before its time")
}

#[test]
fn what_is_repeated_is_what_would_be_counted() {
    let (mut stretches, mut foretold) = ([0; 2], 0);
    for seed in 0..9 {
        for (component, stretches) in stretches.iter_mut().enumerate() {
            // Kept where there is no limit to speak of, and where there is contention.
            for kept_at in [1_000_000, 130] {
                let text = scenario(kept_at, seed);
                let kept: QuietTime =
                    simulated(&text, component, seed, Rehearsal::Keep(500), None).quiet;
                *stretches += (0..900).filter(|&s| kept.stretch(s).is_some()).count();
                for limit in [90, 110, 150, 100_000] {
                    let text = scenario(limit, seed);
                    let [again, whole] = [Rehearsal::Repeat(&kept), Rehearsal::None]
                        .map(|rehearsal| simulated(&text, component, seed, rehearsal, None));
                    let at = format!("{seed}, component {component}, {limit}/s after {kept_at}/s");
                    assert_eq!(again.classes, whole.classes, "{at}");
                    assert_eq!(again.kms_steps, whole.kms_steps, "{at}");
                    assert_eq!(again.periods, whole.periods, "{at}");
                    assert_eq!(again.delays, whole.delays, "{at}");
                    assert_eq!(again.quotas, whole.quotas, "{at}");
                    assert_eq!((again.jobs, again.runs), (whole.jobs, whole.runs), "{at}");
                    assert_eq!(again.seconds_counted, whole.seconds_counted, "{at}");
                    assert_eq!(again.attempts_expanded, whole.attempts_expanded, "{at}");
                    // It is given up if as many are refused in the end, and not otherwise.
                    let throttled = whole.quotas.iter().flatten().map(|q| q.throttled);
                    let most = throttled.max().expect("a quota");
                    for lost_at in [1 + most / 2, most.max(1), most + 1] {
                        let again = Rehearsal::Repeat(&kept);
                        let cut = simulated(&text, component, seed, again, Some(lost_at));
                        assert_eq!(cut.is_lost, lost_at <= most, "{at}: {lost_at} of {most}");
                        let foreseen = cut.quotas.iter().flatten().all(|q| q.throttled < lost_at);
                        foretold += u32::from(cut.is_lost && foreseen);
                    }
                }
            }
        }
    }
    println!("{stretches:?} stretches are kept, {foretold} losses foretold");
    assert!(foretold > 20, "{foretold}");
    assert!(stretches.iter().all(|&kept| kept > 40), "{stretches:?}");
}
