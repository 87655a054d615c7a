//! The seconds that decide: which are recorded, that they add up to what was counted, and that neither counting nor the
//! number of threads changes them.

use crate::common::{run, run_with, values};
use kmsim::results::{DecisiveReplication, RunResults, VariantResults};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A quiet stretch, a flash crowd over the quota, quiet again; 23 workloads, one of whose buckets may have bucket keys
/// (what those miss is drawn in a counted second and looked up in a simulated one).
fn crowd(replications: u32, keyed: bool) -> String {
    let mut t = format!(
        "seed = 5\nhorizon = \"400s\"\nwarm_up = \"20s\"\nreplications = {replications}\nregion = \"us-east-1\"\nretry.fixed = {{ delay = \"300ms\", max_attempts = 3 }}\n[key.k]\n[quota.q]\nlimit = \"500/s\"\n[bucket.b]\nkey = \"k\"\nprefixes = 1\n[bucket.keyed]\nkey = \"k\"\nbucket_key = {keyed}\narchived_bucket_keys = 288\n[workload.crowd]\nbucket = \"b\"\noperations.GetObject = 1\narrivals.flash-crowd = {{ base = \"20/s\", peak = \"900/s\", at = \"200s\", rise = \"5s\", decay = \"4s\" }}\n[workload.keyed]\nbucket = \"keyed\"\noperations = {{ GetObject = 3, PutObject = 1 }}\npopularity.uniform.objects = 1000\narrivals.poisson.rate = \"30/s\"\n[workload.others]\nbucket = \"b\"\noperations.CopyObject = 1\narrivals.poisson.rate = \"1/s\"\n"
    );
    for w in 0..20 {
        let _ = write!(
            t,
            "[workload.w{w}]\nbucket = \"b\"\noperations.PutObject = 1\narrivals.poisson.rate = \"{}/s\"\n",
            2 + w % 5
        );
    }
    t
}

/// By second: attempts and throttled ones, of all workloads.
fn seconds(replication: &DecisiveReplication) -> BTreeMap<u64, (u64, u64)> {
    let mut all = BTreeMap::new();
    for stretch in &replication.stretches {
        for i in 0..stretch.seconds {
            let mut sum = (0, 0);
            for counts in stretch.by_workload.values() {
                assert_eq!(counts.attempts.len(), stretch.seconds);
                sum.0 += counts.attempts[i];
                sum.1 += counts.throttled.get(i).unwrap_or(&0);
            }
            assert_eq!(all.insert(stretch.from_s + i as u64, sum), None);
        }
    }
    all
}

fn only_quota(v: &VariantResults) -> (&String, &Vec<DecisiveReplication>) {
    let mut all = v.decisive_seconds.iter();
    all.next().expect("a quota that anyone asks")
}

/// Which seconds are wanted is told from the series, whose bins are one second here.
fn wanted(results: &RunResults, quota: &str) -> Vec<u64> {
    let v = &results.variants[0];
    let (series, warm_up) = (
        &v.series.quotas[quota],
        results.horizon_s - results.measured_s,
    );
    assert_eq!(v.series.bin_s, 1);
    let attempts = &series.kms_attempts_per_s.mean;
    let throttled = &series.kms_throttled_per_s.mean;
    let measured = || (warm_up..attempts.len() as u64).filter(|&s| attempts[s as usize] > 0.0);
    let mut busiest: Vec<u64> = measured().collect();
    busiest.sort_by(|&a, &b| attempts[b as usize].total_cmp(&attempts[a as usize]));
    busiest.truncate(10);
    let around = measured().filter(|&s| throttled[s as usize] > 0.0 || busiest.contains(&s));
    let mut all: Vec<u64> = around
        .flat_map(|s| s.saturating_sub(60)..=(s + 60).min(attempts.len() as u64 - 1))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn seconds_around_busy_and_throttled_ones_add_up_to_what_was_counted() {
    let results = run(&crowd(1, true));
    let v = &results.variants[0];
    let (quota, replications) = only_quota(v);
    let [one] = &replications[..] else {
        panic!("one replication is the first and the busiest: {replications:?}")
    };
    assert_eq!((one.replication, one.has_busiest_second), (1, true));
    assert_eq!(
        one.busiest_second_at_s,
        v.by_quota[quota].busiest_second_at_s
    );
    assert_eq!(one.seconds_throttled_left_out, 0);
    let found = seconds(one);
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        wanted(&results, quota)
    );
    // A run of one replication: the series' means are its counts.
    let series = &v.series.quotas[quota];
    for (&second, &(attempts, throttled)) in &found {
        let bin = second as usize;
        assert_eq!(series.kms_attempts_per_s.mean[bin], attempts as f64);
        assert_eq!(series.kms_throttled_per_s.mean[bin], throttled as f64);
    }
    let throttled: u64 = found.values().map(|s| s.1).sum();
    assert!(throttled > 0, "the crowd exceeds the quota");
    assert_eq!(
        values(&v.by_quota[quota].metrics, "kms_throttled"),
        [throttled as f64]
    );
    for stretch in &one.stretches {
        assert_eq!(stretch.quota_per_s, [(stretch.from_s, 500.0)]);
        assert!(stretch.by_workload.len() <= 21, "20 and others");
        assert_eq!(
            stretch.by_workload.keys().next().map(String::as_str),
            Some("crowd")
        );
    }
}

#[test]
fn counting_threads_and_replications_change_no_decisive_second() {
    let (counted, _) = run_with(&crowd(3, false), false);
    let (simulated, _) = run_with(&crowd(3, false), true);
    let one = &counted.variants[0];
    assert_eq!(one.decisive_seconds, simulated.variants[0].decisive_seconds);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    let alone = pool.install(|| run(&crowd(3, false)));
    assert_eq!(alone.variants[0].decisive_seconds, one.decisive_seconds);
    let (quota, replications) = only_quota(one);
    let busiest = values(&one.by_quota[quota].metrics, "kms_attempts_per_s_max");
    let most = busiest.iter().copied().fold(0.0, f64::max);
    let first = busiest.iter().position(|&n| n == most).expect("some") as u32 + 1;
    let named: Vec<(u32, bool)> = replications
        .iter()
        .map(|r| (r.replication, r.has_busiest_second))
        .collect();
    let expected = match first {
        1 => vec![(1, true)],
        other => vec![(1, false), (other, true)],
    };
    assert_eq!(named, expected);
    for r in replications {
        let at = r.busiest_second_at_s.expect("attempts");
        let counted = seconds(r)[&at].0 as f64;
        assert_eq!(counted, busiest[r.replication as usize - 1]);
    }
}

#[test]
fn request_rates_of_s3_have_decisive_seconds_and_long_throttling_is_cut() {
    let text = "horizon = \"3h\"\nreplications = 1\nregion = \"us-east-1\"\n[key.k]\n[quota.q]\nlimit = \"1/s\"\n[bucket.b]\nkey = \"k\"\nprefixes = 1\n[workload.steady]\nretry = \"none\"\nbucket = \"b\"\noperations.GetObject = 1\narrivals.constant.rate = \"2/s\"\n[workload.burst]\nretry = \"none\"\nbucket = \"b\"\noperations.PutObject = 1\narrivals.piecewise-linear.points = [{ at = \"0s\", rate = \"0/s\" }, { at = \"10000s\", rate = \"0/s\" }, { at = \"10000s\", rate = \"4000/s\" }, { at = \"10002s\", rate = \"4000/s\" }, { at = \"10002s\", rate = \"0/s\" }]\n";
    let results = run(text);
    let v = &results.variants[0];
    let of = |part: &str| {
        let mut all = v.decisive_seconds.iter();
        &all.find(|(name, _)| name.contains(part)).expect(part).1[0]
    };
    // Every second is throttled: those around the busiest, then the first ones, as many as there is room for.
    let kms = of("/L-");
    let found = seconds(kms);
    assert_eq!(found.len(), 7_200);
    assert!(found.contains_key(&0) && found.contains_key(&10_001));
    assert!(!found.contains_key(&9_000));
    assert_eq!(kms.seconds_throttled_left_out, 3 * 3_600 - 7_200);
    let writes = of("s3-writes");
    let throttled: u64 = seconds(writes).values().map(|s| s.1).sum();
    assert_eq!(
        [throttled as f64],
        values(&v.metrics, "s3_throttled")[..],
        "S3's request rate refuses in the burst only"
    );
}
