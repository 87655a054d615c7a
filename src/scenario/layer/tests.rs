use crate::input::Input;
use crate::scenario::{Changeable, Loaded, ScenarioError, load};
use std::fmt::Write;

const BASE: &str = "horizon = \"5s\"\nregion = \"us-east-1\"\n[key.k]\n[key.k2]\n";

fn read(text: &str, sets: &[&str]) -> Result<Loaded, ScenarioError> {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    load(&Input::from_text("t", format!("{BASE}{text}")), &sets)
}

fn loaded(text: &str, sets: &[&str]) -> Loaded {
    read(text, sets).unwrap_or_else(|error| panic!("{error}"))
}

/// `NAME KEY PREFIXES` of each bucket of a variant.
fn buckets(loaded: &Loaded, variant: usize) -> Vec<String> {
    let buckets = loaded.variants[variant].scenario.bucket.iter();
    buckets
        .map(|(name, b)| {
            let key = b.key.as_deref().unwrap_or("-");
            format!("{name} {key} {}", b.prefixes.unwrap_or(0))
        })
        .collect()
}

const READS: &str = "[workload.w]\nbucket = \"a\"\noperations.PutObject = 1\nclients = 1\narrivals.poisson.rate = 1\n";

#[test]
fn a_name_wins_over_a_pattern_and_a_template_hands_on_what_either_says() {
    let text = format!(
        "{READS}[bucket.a]\n[bucket.a1]\nprefixes = 3\n[bucket.c]\nlike = \"a1\"\n[bucket.d]\nlike = \"c\"\nprefixes = 9\n\
         [bucket.\"a*\"]\nkey = \"k\"\nprefixes = 2\n"
    );
    let all = loaded(&text, &[]);
    assert_eq!(buckets(&all, 0), ["a k 2", "a1 k 3", "c k 3", "d k 9"]);
    // What a pattern says of a thing wins over what another one says of its template.
    let text = format!("{text}[bucket.\"c*\"]\nkey = \"k2\"\nprefixes = 7\n");
    let all = loaded(&text, &[]);
    assert_eq!(buckets(&all, 0), ["a k 2", "a1 k 3", "c k2 3", "d k2 9"]);
}

#[test]
fn a_set_wins_over_all_that_is_written_whatever_it_stands_for() {
    let text = format!(
        "{READS}[bucket.a]\nprefixes = 1\n[bucket.b]\n[bucket.\"*\"]\nkey = \"k\"\nprefixes = 2\n\
         [group.g]\nbuckets = [\"b\"]\n[variant.x]\n[variant.y.bucket.\"*\"]\nprefixes = 5\n[variant.z]\nextends = \"y\"\nbucket.c.key = \"k\"\n"
    );
    let all = |sets: &[&str], i: usize| buckets(&loaded(&text, sets), i);
    assert_eq!(all(&[], 0), ["a k 1", "b k 2"]);
    assert_eq!(all(&[], 1), ["a k 5", "b k 5"]);
    assert_eq!(all(&[], 2), ["a k 5", "b k 5", "c k 0"]);
    let many = "bucket.\"*\".prefixes=8";
    assert_eq!(all(&[many], 0), ["a k 8", "b k 8"]);
    assert_eq!(all(&[many], 1), ["a k 5", "b k 5"]);
    assert_eq!(all(&[many, "bucket.a.prefixes=9"], 0), ["a k 9", "b k 8"]);
    assert_eq!(all(&["bucket.a.prefixes=9", many], 0), ["a k 8", "b k 8"]);
    assert_eq!(all(&["bucket.\"@g\".prefixes=9"], 0), ["a k 1", "b k 9"]);
    let of_variant = "variant.z.bucket.\"*\".prefixes=4";
    assert_eq!(all(&[of_variant], 2), ["a k 4", "b k 4", "c k 4"]);
    // Changes come after all of it.
    let sets = [many.to_owned(), "bucket.\"@g\".key=k2".to_owned()];
    let input = Input::from_text("t", format!("{BASE}{text}"));
    let changed = Changeable::new(&input, &[], "z").and_then(|z| z.with(&[], &sets));
    let changed = changed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(buckets(&changed, 0), ["a k 8", "b k2 8", "c k 8"]);
    let error = read(&text, &["bucket.\"x*\".prefixes=8"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("`x*` matches no bucket"), "{error}");
}

#[test]
fn a_variant_has_what_it_builds_on_each_once_and_the_last_word() {
    let text = format!(
        "{READS}[bucket.a]\nkey = \"k\"\n[variant.low.bucket.a]\nprefixes = 1\n\
         [variant.left]\nextends = \"low\"\nbucket.a.prefixes = 2\n\
         [variant.right]\nextends = [\"low\"]\nbucket.a.key = \"k2\"\n\
         [variant.both]\nextends = [\"left\", \"right\"]\n\
         [variant.more]\nextends = \"both\"\nbucket.a.prefixes = 6\n"
    );
    let all = loaded(&text, &[]);
    let found: Vec<String> = (0..5).flat_map(|i| buckets(&all, i)).collect();
    // `right` brings back nothing of `low`, which lies below `left` already.
    assert_eq!(found, ["a k 1", "a k 2", "a k2 1", "a k2 2", "a k2 6"]);
}

#[test]
fn five_hundred_buckets_take_ten_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "name,prefixes\n".to_owned();
    for i in 0..500 {
        writeln!(table, "b{i},{}", i % 3 + 1).unwrap();
    }
    std::fs::write(folder.path().join("b.csv"), table).unwrap();
    let variant = "[group.kms]\nbuckets = [\"b*\"]\nexcept = [\"b7\"]\n[variant.as-is]\n\
                   [variant.keys.bucket.\"@kms\"]\nbucket_key = true\n";
    assert!(variant.lines().count() <= 10);
    let reads = READS.replace("\"a\"", "\"b3\"");
    let text =
        format!("buckets.file = \"b.csv\"\n{BASE}{reads}[bucket.\"*\"]\nkey = \"k\"\n{variant}");
    let input = Input::from_text("t", text).in_folder(folder.path());
    let all = load(&input, &[]).unwrap_or_else(|error| panic!("{error}"));
    let on = |v: usize| {
        let buckets = all.variants[v].scenario.bucket.values();
        buckets.filter(|b| b.bucket_key).count()
    };
    assert_eq!((on(0), on(1)), (0, 499));
    assert_eq!(buckets(&all, 1)[4], "b4 k 2");
}

#[test]
fn faults_of_two_thousand_things_are_all_told_and_nothing_that_follows() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "name,key,prefixes,colour\n".to_owned();
    for i in 0..2000 {
        writeln!(table, "b{i},kk,0,red").unwrap();
    }
    table.push_str("b5,k,1,red\nb2001,k\n");
    std::fs::write(folder.path().join("b.csv"), table).unwrap();
    let text = format!(
        "buckets.file = \"b.csv\"\n{BASE}{}",
        READS.replace("\"a\"", "\"b2001\"")
    );
    let input = Input::from_text("t", text).in_folder(folder.path());
    let error = load(&input, &[]).unwrap_err();
    let lines: Vec<String> = error
        .faults
        .iter()
        .map(|f| f.one_line(&error.sources))
        .collect();
    let count = |part: &str| lines.iter().filter(|l| l.contains(part)).count();
    assert_eq!(
        count("b.csv:2:7: error[out-of-range]: `bucket.b0.prefixes`"),
        1,
        "{}",
        lines[0]
    );
    assert_eq!(count("error[out-of-range]"), 2000);
    assert_eq!(
        count(
            "b.csv:1:19: error[unknown-key]: unknown key `colour` in `bucket.b0`; likewise of 1999 more"
        ),
        1
    );
    assert_eq!(count("b.csv:2002:1: error[duplicate-name]"), 1);
    assert_eq!(count("b.csv:2003:1: error[syntax]: the row has 2 cells"), 1);
    // That no bucket is called `b2001` and no key `kk` may follow from what is lost.
    assert_eq!(lines.len(), 2003);
}

#[test]
fn a_threshold_of_many_workloads_is_one_of_each() {
    let text = format!(
        "{READS}[workload.w2]\nbucket = \"a\"\noperations.PutObject = 1\nclients = 1\narrivals.poisson.rate = 1\n\
         [workload.off]\nlike = \"w\"\nenabled = false\n[bucket.a]\n[group.g]\nworkloads = [\"w2\"]\n[threshold]\n\
         all = \"workload.*.kms_calls < 3\"\none = \"workload.@g.kms_calls < 3\"\n"
    );
    let all = loaded(&text, &[]);
    let targets = all.variants[0].scenario.threshold.iter();
    let texts: Vec<String> = targets.map(|(name, t)| format!("{name}: {t}")).collect();
    assert_eq!(
        texts,
        [
            "all.w: workload.w.kms_calls < 3",
            "all.w2: workload.w2.kms_calls < 3",
            "one.w2: workload.w2.kms_calls < 3"
        ]
    );
    let error = read(&text.replace("workload.*", "workload.x*"), &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("`x*` matches no workload"), "{error}");
    let error = read(&text.replace("@g", "@h"), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("unknown group `h` in `threshold.one`"),
        "{error}"
    );
}

#[test]
fn a_list_of_names_takes_patterns_and_groups() {
    let text = |list: &str| {
        format!(
            "{READS}[bucket.a]\n[bucket.b1]\n[bucket.b2]\n[group.g]\nbuckets = [\"a\"]\n\
             [trail.t]\ndata_events = \"all\"\ndata_buckets = {list}\n"
        )
    };
    let buckets = |list: &str| {
        let all = loaded(&text(list), &[]);
        all.variants[0].scenario.trail["t"]
            .data_buckets
            .clone()
            .unwrap()
    };
    assert_eq!(buckets("[\"b*\", \"@g\", \"b1\"]"), ["b1", "b2", "a"]);
    let error = read(&text("[\"x*\", \"a\", \"@h\", \"c\"]"), &[]).unwrap_err();
    assert_eq!(error.faults.len(), 3, "{error}");
}
