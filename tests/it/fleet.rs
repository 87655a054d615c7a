//! Fleets: what groups count, what is gone without a thing, and the cheapest of too many mitigations.

use crate::common::{run, values};
use indexmap::IndexMap;
use kmsim::compare::{across, merged, shortened};
use kmsim::input::Input;
use kmsim::metrics::target::Target;
use kmsim::planning::Study;
use kmsim::planning::attribution::attribution;
use kmsim::planning::cheapest::{SetSearch, cheapest, cheapest_by};
use kmsim::planning::choice::{MitigationFilter, choice};
use kmsim::results::{Metrics, VariantResults, Verdict, json, parse};
use kmsim::scenario::load;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// Buckets `b0`, `b1`, … of two Regions, a workload of reads and writes for each, and an application beside them.
fn fleet(buckets: usize) -> String {
    let mut text = "horizon = \"12s\"\nreplications = 2\nregion = \"us-east-1\"\n[key.us]\n[key.eu]\nregion = \"eu-west-1\"\n\
        [requester.reader]\n[requester.app]\n[retry.fixed]\ndelay = \"300ms\"\nmax_attempts = 3\n\
        [quota.us]\nlimit = \"60/s\"\n[quota.eu]\nregion = \"eu-west-1\"\nlimit = \"200/s\"\n\
        [bucket.\"*\"]\nkey = \"us\"\n[workload.\"w*\"]\nrequester = \"reader\"\nclients = 2\noperations = { GetObject = 2, PutObject = 1 }\n\
        popularity.uniform.objects = 50\n[workload.app]\nrequester = \"app\"\nkey = \"us\"\nclients = 1\noperations.Decrypt = 1\n\
        arrivals.poisson.rate = 20\n"
        .to_owned();
    for i in 0..buckets {
        writeln!(text, "[bucket.b{i}]").unwrap();
        if i % 3 == 2 {
            writeln!(text, "region = \"eu-west-1\"\nkey = \"eu\"").unwrap();
        }
        let rate = 3 + 7 * i % 11;
        writeln!(
            text,
            "[workload.w{i}]\nbucket = \"b{i}\"\narrivals.poisson.rate = {rate}"
        )
        .unwrap();
    }
    text
}

fn sum(members: &[&Metrics], id: &str) -> Vec<f64> {
    let mut sum = vec![0.0; 2];
    for member in members {
        sum.iter_mut()
            .zip(values(member, id))
            .for_each(|(s, v)| *s += v);
    }
    sum
}

#[test]
fn a_group_is_the_sum_of_what_it_gathers_each_once() {
    let text = fleet(7)
        + "[group.odd]\nbuckets = [\"b1\", \"b3\", \"b5\"]\n[group.most]\nbuckets = [\"b*\"]\nexcept = [\"b2\"]\n\
           [group.both]\nbuckets = [\"b1\"]\nworkloads = [\"w1\", \"app\"]\n[group.keys]\nkeys = [\"*\"]\n\
           [group.everybody]\nrequesters = [\"*\"]\n";
    let results = run(&text);
    let v: &VariantResults = &results.variants[0];
    assert!(values(&v.metrics, "kms_throttled").iter().all(|n| *n > 0.0));
    let bucket = |name: &str| &v.by_bucket[name];
    let odd = ["b1", "b3", "b5"].map(bucket);
    let most = ["b0", "b1", "b3", "b4", "b5", "b6"].map(bucket);
    let both = [bucket("b1"), &v.by_workload["app"]];
    let keys: Vec<&Metrics> = v.by_key.values().collect();
    let everybody = [&v.metrics];
    for (group, members) in [
        ("odd", &odd[..]),
        ("most", &most[..]),
        ("both", &both[..]),
        ("keys", &keys[..]),
        ("everybody", &everybody[..]),
    ] {
        for id in [
            "kms_needs",
            "kms_calls",
            "kms_attempts",
            "kms_throttled",
            "cloudtrail_kms_events",
        ] {
            assert_eq!(
                values(&v.by_group[group], id),
                sum(members, id),
                "{group} {id}"
            );
        }
    }
    for id in ["s3_requests", "s3_requests_failed"] {
        assert_eq!(values(&v.by_group["most"], id), sum(&most, id));
        assert_eq!(values(&v.by_group["everybody"], id), values(&v.metrics, id));
    }
}

#[test]
fn of_many_things_results_keep_the_largest_and_the_exact_sum_of_the_others() {
    // A bucket may be called as it likes.
    let text = fleet(40)
        + "[bucket.others]\n[bucket.like]\n[bucket.same_as]\n[workload.w_others]\nbucket = \"others\"\n\
           arrivals.poisson.rate = 1\n[threshold]\nnamed = \"workload.w3.throttle_rate < 100%\"\n\
           [variant.as-is]\n[variant.keys.bucket.\"*\"]\nbucket_key = true\narchived_bucket_keys = 3\n";
    let whole = run(&text);
    let short = shortened(whole.clone());
    for (all, some) in whole.variants.iter().zip(&short.variants) {
        for ((breakdown, all_rows), (_, rows)) in all.breakdowns().iter().zip(some.breakdowns()) {
            let Some(others) = some.others.get(*breakdown) else {
                assert_eq!(*all_rows, rows, "{breakdown}");
                continue;
            };
            let row = others.row.as_ref().expect("a row");
            // A bucket is called so.
            let expected = if *breakdown == "by_bucket" {
                "others (2)"
            } else {
                "others"
            };
            assert_eq!(row, expected);
            assert_eq!(
                others.things + rows.len() - 1,
                all_rows.len(),
                "{breakdown}"
            );
            let mut kept = rows.iter().filter(|(name, _)| *name != row);
            assert!(kept.all(|(name, row)| all_rows[name] == *row));
            let every: Vec<&Metrics> = all_rows.values().collect();
            let kept: Vec<&Metrics> = rows.values().collect();
            for id in ["s3_requests", "kms_calls", "kms_attempts", "kms_throttled"] {
                assert_eq!(sum(&every, id), sum(&kept, id), "{breakdown} {id}");
            }
            let least = |m: &Metrics| m["kms_attempts"].mean.expect("attempts");
            let largest = |rows: &IndexMap<String, Metrics>| {
                let things = rows.iter().filter(|(name, _)| *name != row);
                things.map(|(_, m)| least(m)).fold(0.0, f64::max)
            };
            assert_eq!(largest(all_rows), largest(rows), "{breakdown}");
        }
        assert_eq!(some.by_bucket.len(), 21);
        // The largest twenty, the one that a threshold names, and the others.
        assert!(some.by_workload.len() <= 22 && some.by_workload.contains_key("w3"));
    }
    let names = |v: &VariantResults| v.by_bucket.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&short.variants[0]), names(&short.variants[1]));
    // Written and read back, and once more, they are the same.
    let written = json::text(&short).expect("written");
    let back = parse(&written, Path::new("results.json")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(back, short);
    assert_eq!(shortened(back.clone()), short);
    // What was added up is not taken for gone where it is compared with what was not.
    let pair = [("a".to_owned(), back), ("b".to_owned(), whole.clone())];
    let merged = merged(&pair).map(shortened).expect("two runs");
    for c in across(&pair).iter().chain(&merged.comparisons) {
        let all = c.by_workload.values().flatten().chain(&c.other_workloads);
        let counted = all.filter(|(id, _)| *id == "kms_calls" || *id == "kms_throttled");
        let mut verdicts = counted.map(|(_, d)| d.verdict);
        assert!(verdicts.all(|v| v == Verdict::Same), "{c:?}");
        assert!(c.by_workload.contains_key("w3"));
    }
    let differences = &short.comparisons[0];
    let things = short.variants[0].by_workload.len() - 1;
    assert_eq!(differences.by_workload.len(), things);
    assert_eq!(differences.metrics, whole.comparisons[0].metrics);
    let all: f64 = whole.comparisons[0]
        .by_workload
        .values()
        .filter_map(|w| w["kms_calls"].mean)
        .sum();
    let kept = differences
        .by_workload
        .values()
        .chain([&differences.other_workloads]);
    let kept: f64 = kept.filter_map(|w| w["kms_calls"].mean).sum();
    assert_eq!(all, kept);
}

#[test]
fn what_is_gone_without_a_thing_is_what_a_run_without_it_lacks() {
    let text = fleet(6);
    let study = Study::new(&Input::from_text("fleet", text.clone()), &[], None);
    let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
    let found = attribution(&study, &[]).unwrap_or_else(|e| panic!("{e}"));
    let whole = &run(&text).variants[0].metrics;
    let without = |names: &[&str]| {
        let off = names.iter().fold(String::new(), |mut off, name| {
            // The key of another Region has no caller left, and stays.
            write!(off, "[variant.off.workload.{name}]\nenabled = false\n").unwrap();
            off
        });
        run(&format!("{text}{off}")).variants[0].metrics.clone()
    };
    for (kind, name, off) in [
        ("workload", "w0", &["w0"][..]),
        ("workload", "w1", &["w1"]),
        ("workload", "w2", &["w2"]),
        ("workload", "app", &["app"]),
        ("bucket", "b4", &["w4"]),
        ("bucket", "b5", &["w5"]),
        ("key", "us", &["w0", "w1", "w3", "w4", "app"]),
        ("key", "eu", &["w2", "w5"]),
        ("requester", "app", &["app"]),
        ("operation", "Decrypt", &["app"]),
    ] {
        let entry = found.by[kind].iter().find(|e| e.name == name).expect(name);
        let rest = without(off);
        for (part, id) in [
            (&entry.caused, "kms_throttled"),
            (&entry.peak, "kms_attempts_per_s_max"),
            (&entry.bill, "cost_total_usd"),
        ] {
            let share = part.as_ref().expect(id).values.clone();
            let expected = values(whole, id).into_iter().zip(values(&rest, id));
            let expected: Vec<Option<f64>> = expected
                .map(|(all, rest)| Some((all - rest) / all))
                .collect();
            assert_eq!(share, expected, "{kind} {name} {id}");
        }
    }
}

#[test]
fn bucket_keys_are_ranked_by_runs_with_them_until_they_are_enough() {
    let text = fleet(6);
    let study = Study::new(&Input::from_text("fleet", text.clone()), &[], None);
    let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
    let targets: Vec<Target> = vec!["throttle_rate < 1%".parse().expect("a target")];
    let found = attribution(&study, &targets).unwrap_or_else(|e| panic!("{e}"));
    let with = |buckets: &[String]| {
        let on = buckets.iter().fold(String::new(), |mut on, name| {
            write!(
                on,
                "[variant.on.bucket.{name}]\nbucket_key = true\narchived_bucket_keys = 576\n"
            )
            .unwrap();
            on
        });
        run(&format!("{text}{on}")).variants[0].metrics.clone()
    };
    let whole = &run(&text).variants[0].metrics;
    assert_eq!(found.switch_on.len(), 6);
    for on in &found.switch_on {
        let rest = with(std::slice::from_ref(&on.bucket));
        for (saved, id) in [(&on.calls, "kms_calls"), (&on.throttled, "kms_throttled")] {
            let expected = values(whole, id).into_iter().zip(values(&rest, id));
            let expected: Vec<Option<f64>> = expected.map(|(a, b)| Some(a - b)).collect();
            assert_eq!(saved.values, expected, "{} {id}", on.bucket);
        }
    }
    let enough = found.enough.expect("targets are given");
    assert!(enough.is_met && !enough.buckets.is_empty());
    // Those of the quota that throttles, in the order of the ranking; b2 and b5 draw on another.
    let ranked = found.switch_on.iter().map(|on| &on.bucket);
    let ranked: Vec<&String> = ranked
        .filter(|b| !["b2", "b5"].contains(&b.as_str()))
        .collect();
    assert_eq!(enough.not_needed, 2);
    assert!(
        enough
            .buckets
            .iter()
            .eq(ranked[..enough.buckets.len()].iter().copied())
    );
    let rate = |n: usize| with(&enough.buckets[..n])["throttle_rate"].clone();
    let n = enough.buckets.len();
    assert_eq!(Some(&rate(n)), enough.trial.found[0].as_ref());
    assert!(rate(n).ci_high < Some(0.01));
    assert!(n == 1 || rate(n - 1).ci_high >= Some(0.01));
}

#[test]
fn of_many_buckets_those_that_save_most_are_ranked_not_those_that_call_most() {
    let mut text = fleet(26);
    // Most calls of all, but of objects so many that hardly any bucket key is found again: each was written under its own.
    text += "[bucket.wide]\narchived_bucket_keys = 1_000_000\n[workload.reads-wide]\nrequester = \"reader\"\nclients = 2\n\
             bucket = \"wide\"\narrivals.poisson.rate = 40\npopularity.uniform.objects = 1_000_000\n\
             operations.GetObject = 1\n";
    let study = Study::new(&Input::from_text("fleet", text.clone()), &[], None);
    let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
    let found = attribution(&study, &[]).unwrap_or_else(|e| panic!("{e}"));
    let calls = |b: &str| run(&text).variants[0].by_bucket[b]["kms_calls"].mean;
    assert!(calls("wide") > calls("b0"));
    assert_eq!((found.switch_on.len(), found.further.len()), (20, 7));
    assert!(found.further.contains(&"wide".to_owned()));
    let saved = |n: usize| found.switch_on[n].calls.mean.expect("calls");
    assert!((1..20).all(|n| saved(n - 1) >= saved(n)));
}

#[test]
fn what_is_left_where_nobody_is_throttled_is_what_a_run_without_counts() {
    // Quotas that never refuse: nothing is simulated again but what goes.
    let text = fleet(12).replace("60/s", "900/s").replace("200/s", "900/s")
        + "[workload.later]\nrequester = \"app\"\nkey = \"us\"\nclients = 1\noperations.Decrypt = 1\n\
           after = \"batch\"\njob = { objects = 20, workers = 1 }\n[workload.batch]\nrequester = \"app\"\nkey = \"us\"\n\
           clients = 2\noperations.Decrypt = 1\njob = { objects = 30, workers = 2 }\n";
    let study = Study::new(&Input::from_text("fleet", text.clone()), &[], None);
    let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
    let found = attribution(&study, &[]).unwrap_or_else(|e| panic!("{e}"));
    let whole = &run(&text).variants[0].metrics;
    assert_eq!(sum(&[whole], "kms_throttled"), [0.0, 0.0]);
    for name in ["w0", "w5", "w11", "app", "later"] {
        let off = format!("[variant.off.workload.{name}]\nenabled = false\n");
        let rest = run(&format!("{text}{off}")).variants[0].metrics.clone();
        let entry = found.by["workload"]
            .iter()
            .find(|e| e.name == name)
            .expect(name);
        for (part, id) in [
            (&entry.peak, "kms_attempts_per_s_max"),
            (&entry.bill, "cost_total_usd"),
        ] {
            let share = part.as_ref().expect(id).values.clone();
            let expected = values(whole, id).into_iter().zip(values(&rest, id));
            let expected: Vec<Option<f64>> = expected
                .map(|(all, rest)| Some((all - rest) / all))
                .collect();
            assert_eq!(share, expected, "{name} {id}");
        }
    }
}

/// A small fleet at random: rates, sizes, templates of objects, quotas and a limit for the calls.
fn random_fleet(seed: u64) -> (String, String) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |from: u64, to: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from + state % (to - from + 1)
    };
    let buckets = draw(3, 4);
    let quota = draw(30, 200);
    let mut text = format!(
        "horizon = \"4s\"\nreplications = 2\nseed = {seed}\nregion = \"us-east-1\"\n[key.us]\n[quota.us]\nlimit = \"{quota}/s\"\n\
         [bucket.\"*\"]\nkey = \"us\"\n[workload.\"*\"]\nclients = 2\nretry = \"none\"\noperations = {{ GetObject = 2, PutObject = 1 }}\n\
         [variant.as-is]\n[variant.on.bucket.\"*\"]\nbucket_key = true\n"
    );
    let mut most = 0;
    for i in 0..buckets {
        let (rate, objects, keys) = (draw(2, 40), draw(5, 400), draw(1, 60));
        most += rate * 4;
        writeln!(
            text,
            "[bucket.b{i}]\narchived_bucket_keys = {keys}\n[workload.w{i}]\nbucket = \"b{i}\"\narrivals.poisson.rate = {rate}\n\
             popularity.uniform.objects = {objects}"
        )
        .unwrap();
    }
    let limit = most * draw(15, 90) / 100;
    (text, format!("kms_calls < {limit}"))
}

#[test]
fn a_greedy_search_finds_what_running_every_set_finds() {
    let (mut off, mut answered) = (Vec::new(), 0);
    for seed in 1..=100 {
        let (text, target) = random_fleet(seed);
        let study = Study::new(&Input::from_text("fleet", text), &[], None);
        let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
        let choice = choice(&study, &MitigationFilter::default()).unwrap_or_else(|e| panic!("{e}"));
        let targets: Vec<Target> = vec![target.parse().expect("a target")];
        let by = |search| {
            let done = AtomicU64::new(0);
            let found = cheapest_by(&study, &choice, &targets, &done, search);
            let found = found.unwrap_or_else(|e| panic!("{seed}: {e}"));
            let best = found.cheapest.map(|i| &found.combinations[i]);
            (best.map(|c| c.cost.mean.expect("a cost")), found.method)
        };
        let (every, greedy) = (by(SetSearch::Fitting), by(SetSearch::Greedy));
        assert!(every.1.contains("every one of"), "{}", every.1);
        assert!(greedy.1.contains("greedy"), "{}", greedy.1);
        answered += usize::from(every.0.is_some());
        match (every.0, greedy.0) {
            (Some(a), Some(b)) if b <= a * 1.000_001 => {}
            (None, None) => {}
            pair => off.push((seed, pair, greedy.1)),
        }
    }
    assert!(off.is_empty(), "{off:#?}");
    assert!(answered > 30, "{answered}");
}

#[test]
fn too_many_mitigations_for_every_set_are_searched_one_by_one() {
    let text = fleet(10)
        + "[variant.as-is]\n[variant.on.bucket.\"*\"]\nbucket_key = true\narchived_bucket_keys = 3\n";
    let study = Study::new(&Input::from_text("fleet", text), &[], None);
    let (study, _) = study.unwrap_or_else(|e| panic!("{e}"));
    let choice = choice(&study, &MitigationFilter::default()).unwrap_or_else(|e| panic!("{e}"));
    let targets: Vec<Target> = vec!["kms_calls < 600".parse().expect("a target")];
    let done = AtomicU64::new(0);
    let found = cheapest(&study, &choice, &targets, &done).unwrap_or_else(|e| panic!("{e}"));
    let answer = found
        .cheapest
        .unwrap_or_else(|| panic!("{:?}", found.notes));
    let best = &found.combinations[answer];
    assert!(!best.mitigations.is_empty());
    assert!(found.check.is_some());
    let method = &found.method;
    assert!(
        method.contains("greedy search by targets, KMS calls and cost among 10 mitigations"),
        "{method}"
    );
    assert!(method.contains("differ from"), "{method}");
    // A dollar is saved in every bucket, so nothing that is left out would pay for itself.
    let costs = found.combinations.iter().filter_map(|c| c.cost.mean);
    assert!(costs.fold(f64::INFINITY, f64::min) <= best.cost.mean.expect("a cost"));
}

#[test]
fn long_chains_are_followed_and_a_long_circle_is_one_short_fault() {
    let base = "horizon = \"5s\"\nregion = \"us-east-1\"\n[key.k]\n[workload.w]\nbucket = \"b0\"\nclients = 1\n\
                operations.PutObject = 1\narrivals.poisson.rate = 1\n";
    let faults = |text: String| match load(&Input::from_text("fleet", text), &[]) {
        Ok(_) => String::new(),
        Err(e) => e.to_string(),
    };
    // Each before the one that it is like, so that the first leads down the whole chain.
    let links = |table: &str, key: &str, n: usize| {
        (1..n).rev().fold(String::new(), |mut text, i| {
            writeln!(
                text,
                "[{table}{i}]\n{key} = \"{}{}\"",
                &table[table.len() - 1..],
                i - 1
            )
            .unwrap();
            text
        })
    };
    let buckets = links("bucket.b", "like", 20_000);
    assert_eq!(
        faults(format!("{base}{buckets}[bucket.b0]\nkey = \"k\"\n")),
        ""
    );
    let circle = faults(format!("{base}{buckets}[bucket.b0]\nlike = \"b19999\"\n"));
    assert!(circle.contains("19994 more is like"), "{circle}");
    assert!(
        circle.contains("has 1 error") && circle.len() < 3_000,
        "{circle}"
    );
    let buckets = "[bucket.b0]\nkey = \"k\"\n";
    let variants = links("variant.v", "extends", 1_000);
    assert_eq!(
        faults(format!("{base}{buckets}{variants}[variant.v0]\n")),
        ""
    );
    let circle = faults(format!(
        "{base}{buckets}{variants}[variant.v0]\nextends = \"v999\"\n"
    ));
    assert!(circle.contains("994 more builds on"), "{circle}");
    assert!(
        circle.contains("has 1 error") && circle.len() < 3_000,
        "{circle}"
    );
    let variants = links("variant.v", "extends", 4_100);
    let high = faults(format!("{base}{buckets}{variants}[variant.v0]\n"));
    assert!(
        high.contains("`variant.v2001` builds on more than 2000 variants"),
        "{high}"
    );
    assert!(high.contains("has 2 errors"), "{high}");
}
