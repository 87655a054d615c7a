//! Bills worked out by hand, in exact decimals: by Region, by storage class, by month.

use kmsim::input::Input;
use kmsim::report::format::{Markdown, TextTable};
use kmsim::report::summary;
use kmsim::results::{RunResults, VariantResults};
use kmsim::run::{RunOptions, run};
use kmsim::scenario::load;

fn results(text: &str) -> RunResults {
    let loaded = load(&Input::from_text("money", text), &[]).unwrap_or_else(|e| panic!("{e}"));
    run(&loaded, RunOptions::default()).expect("results").0
}

fn faults(text: &str) -> String {
    let loaded = load(&Input::from_text("money", text), &[]);
    loaded.map(drop).expect_err("a fault").to_string()
}

/// Lines of a bill: item, quantity, amount.
fn lines(variant: &VariantResults) -> Vec<(&str, f64, f64)> {
    let lines = variant.bill.iter();
    lines
        .map(|l| (l.item.as_str(), l.quantity, l.amount_usd))
        .collect()
}

/// Ten requests of an operation in each second of an hour, 36,000 in all, on a bucket that is not encrypted with KMS.
fn requests(region: &str, operation: &str, more: &str) -> String {
    format!(
        "horizon = \"1h\"\nreplications = 1\nregion = \"{region}\"\n[bucket.b]\n[workload.w]\nbucket = \"b\"\noperations.{operation} = 1\nclients = 1\narrivals.constant.rate = \"10/s\"\n{more}\n"
    )
}

#[test]
fn requests_cost_what_their_region_asks() {
    for (region, operation, usd) in [
        ("us-east-1", "PutObject", 0.18),
        ("af-south-1", "PutObject", 0.216),
        ("ap-northeast-2", "PutObject", 0.162),
        ("ap-northeast-2", "GetObject", 0.0126),
        ("ap-southeast-5", "GetObject", 0.01296),
        ("eu-south-1", "PutObject", 0.1908),
        ("eu-south-1", "GetObject", 0.0144),
        ("us-gov-west-1", "PutObject", 0.18),
        ("me-central-1", "ListObjects", 0.198),
        ("sa-east-1", "HeadObject", 0.02016),
    ] {
        let found = results(&requests(region, operation, ""));
        assert_eq!(
            found.variants[0].bill[0].amount_usd, usd,
            "{region} {operation}"
        );
        let assumed = found
            .warnings
            .iter()
            .any(|w| w.contains("is an assumption"));
        assert!(!assumed, "{region}: {:?}", found.warnings);
    }
    // A guess is said to be one.
    let guessed = results(&requests("ap-southeast-6", "PutObject", ""));
    assert_eq!(guessed.variants[0].bill[0].amount_usd, 0.2079);
    assert!(
        guessed
            .warnings
            .iter()
            .any(|w| w.contains("ap-southeast-6 is an assumption"))
    );
}

#[test]
fn requests_cost_what_their_storage_class_asks() {
    for (region, operation, class, item, usd) in [
        (
            "eu-west-3",
            "PutObject",
            "STANDARD_IA",
            "s3-standard-ia-tier1",
            0.36,
        ),
        (
            "eu-west-3",
            "GetObject",
            "STANDARD_IA",
            "s3-standard-ia-tier2",
            0.036,
        ),
        (
            "eu-west-3",
            "GetObject",
            "ONEZONE_IA",
            "s3-one-zone-ia-tier2",
            0.036,
        ),
        (
            "eu-west-3",
            "CopyObject",
            "GLACIER_IR",
            "s3-glacier-ir-tier1",
            0.72,
        ),
        (
            "eu-west-3",
            "GetObjectRange",
            "GLACIER_IR",
            "s3-glacier-ir-tier2",
            0.36,
        ),
        (
            "eu-west-3",
            "PutObject",
            "INTELLIGENT_TIERING",
            "s3-tier1",
            0.1908,
        ),
        (
            "eu-west-3",
            "PutObject",
            "GLACIER",
            "s3-glacier-tier1",
            1.1448,
        ),
        (
            "eu-west-3",
            "PutObject",
            "DEEP_ARCHIVE",
            "s3-deep-archive-tier1",
            2.16,
        ),
        (
            "eu-west-3",
            "UploadPart",
            "DEEP_ARCHIVE",
            "s3-tier1",
            0.1908,
        ),
    ] {
        let more = format!("storage_class = \"{class}\"");
        let found = results(&requests(region, operation, &more));
        assert_eq!(
            lines(&found.variants[0]),
            [(item, 36_000.0, usd)],
            "{operation} {class}"
        );
    }
    let archived = faults(&requests(
        "eu-west-3",
        "GetObject",
        "storage_class = \"GLACIER\"",
    ));
    assert!(archived.contains("restored"), "{archived}");
}

#[test]
fn transitions_cost_what_their_target_asks() {
    for (region, class, usd) in [
        ("us-east-1", "STANDARD_IA", 0.36),
        ("sa-east-1", "ONEZONE_IA", 0.36),
        ("us-east-1", "INTELLIGENT_TIERING", 0.36),
        ("us-east-1", "GLACIER_IR", 0.72),
        ("us-east-1", "GLACIER", 1.08),
        ("ap-northeast-2", "GLACIER", 1.17288),
        ("us-east-1", "DEEP_ARCHIVE", 1.8),
        ("sa-east-1", "DEEP_ARCHIVE", 3.6),
    ] {
        let more = format!("transition_to = \"{class}\"");
        let found = results(&requests(region, "LifecycleTransition", &more));
        assert_eq!(
            found.variants[0].bill[0].amount_usd, usd,
            "{region} {class}"
        );
    }
    let untold = faults(&requests("us-east-1", "LifecycleTransition", ""));
    assert!(untold.contains("transition_to"), "{untold}");
    let standard = faults(&requests(
        "us-east-1",
        "LifecycleTransition",
        "transition_to = \"STANDARD\"",
    ));
    assert!(standard.contains("STANDARD_IA"), "{standard}");
}

#[test]
fn directory_buckets_have_prices_of_their_own() {
    let bucket = "\n[bucket.b]\nkind = \"directory\"\n";
    for (operation, item, usd) in [
        ("PutObject", "s3-express-tier1", 0.04068),
        ("GetObject", "s3-express-tier2", 0.00108),
        ("ListObjects", "s3-express-tier1", 0.04068),
    ] {
        let text = requests("us-east-1", operation, "").replace("\n[bucket.b]\n", bucket);
        let found = results(&text);
        assert_eq!(
            lines(&found.variants[0]),
            [(item, 36_000.0, usd)],
            "{operation}"
        );
    }
    let moved = requests("us-east-1", "LifecycleTransition", "").replace("\n[bucket.b]\n", bucket);
    assert!(faults(&moved).contains("directory bucket"));
}

#[test]
fn cloudtrails_own_kms_calls_are_free_and_their_readers_are_not() {
    let text = r#"
horizon = "10h"
replications = 1
region = "us-east-1"
[key.k]
[bucket.trail]
key = "k"
[workload.delivery]
bucket = "trail"
operations.DeliverLogFile = 1
clients = 1
arrivals.constant.rate = "1/s"
[workload.readers]
bucket = "trail"
operations.GetObject = 1
clients = 1
arrivals.constant.rate = "1/s"
"#;
    let found = results(text);
    let variant = &found.variants[0];
    assert_eq!(
        lines(variant),
        [
            ("kms-requests", 36_000.0, 0.108),
            ("kms-requests-cloudtrail", 36_000.0, 0.0),
            ("kms-requests-free-tier", -20_000.0, -0.06),
            ("kms-keys", 0.0138888889, 0.0138888889),
            ("s3-tier1", 36_000.0, 0.18),
            ("s3-tier2", 36_000.0, 0.0144),
        ]
    );
    // Both draw on the quota.
    assert_eq!(variant.metrics["kms_attempts"].mean, Some(72_000.0));
}

/// 10,000 Decrypts a day, evenly spaced, for three days.
fn three_days(start: &str) -> String {
    format!(
        "horizon = \"3d\"\nreplications = 1\nregion = \"us-east-1\"\n{start}\n[key.k]\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\nclients = 1\narrivals.constant.rate = \"10000/1d\"\n"
    )
}

#[test]
fn with_a_date_months_are_those_of_the_calendar() {
    // Free: 20,000 of February's two days and 10,000 of March's one; key: 2 of 28 days and 1 of 31.
    let calendar = "start = \"2026-02-27T00:00:00[UTC]\"";
    // The same, begun at noon: 15,000 and 15,000; 1.5 days of 28, and of March with its 743 hours.
    let noon = "start = \"2026-02-27T12:00:00[America/New_York]\"";
    // Berlin's March has 743 hours: 25,000 of 2.5 days, of which 20,000 are free, and 5,000 of April's half day.
    let berlin = "start = \"2026-03-29T12:00:00[Europe/Berlin]\"";
    for (start, free, key, total) in [
        ("", 20_000.0, 0.1, 0.13),
        (calendar, 30_000.0, 0.1036866359, 0.1036866359),
        (noon, 30_000.0, 0.1020236493, 0.1020236493),
        (berlin, 25_000.0, 0.0974203679, 0.1124203679),
    ] {
        let text = three_days(start);
        let found = results(&text);
        let variant = &found.variants[0];
        assert_eq!(
            lines(variant),
            [
                ("kms-requests", 30_000.0, 0.09),
                ("kms-requests-free-tier", -free, -free * 3.0 / 1_000_000.0),
                ("kms-keys", key, key),
            ],
            "{start}"
        );
        let mean = |id: &str| variant.metrics[id].mean;
        assert_eq!(mean("cost_total_usd"), Some(total), "{start}");
        // A month has 30 days: 300,000 requests less 20,000, and one key.
        assert_eq!(mean("cost_total_usd_per_month"), Some(1.84), "{start}");
    }
}

#[test]
fn a_month_that_ends_in_the_run_is_counted_as_it_is_simulated() {
    // In February's last half hour 21,600 requests, of which 20,000 are free, and 10,800 free ones in March's first.
    let text = "horizon = \"1h\"\nreplications = 1\nregion = \"us-east-1\"\nstart = \"2026-02-28T23:30:00[Europe/Paris]\"\n[key.k]\n[workload.february]\nkey = \"k\"\nstop = \"30m\"\noperations.Decrypt = 1\nclients = 1\narrivals.constant.rate = \"12/s\"\n[workload.march]\nkey = \"k\"\nstart = \"30m\"\noperations.Decrypt = 1\nclients = 1\narrivals.constant.rate = \"6/s\"\n";
    let loaded = load(&Input::from_text("money", text), &[]).expect("a scenario");
    let [counted, simulated] = [false, true].map(|simulate_all| {
        let options = RunOptions {
            simulate_all,
            ..RunOptions::default()
        };
        run(&loaded, options).expect("results").0
    });
    assert_eq!(counted, simulated);
    let lines = lines(&counted.variants[0]);
    assert_eq!(
        lines[..2],
        [
            ("kms-requests", 32_400.0, 0.0972),
            ("kms-requests-free-tier", -30_800.0, -0.0924),
        ]
    );
}

/// Objects re-encrypted by S3 Batch Operations each night at two, over ten minutes.
fn nightly(horizon: &str, job: &str) -> String {
    format!(
        "horizon = \"{horizon}\"\nreplications = 1\nregion = \"us-east-1\"\n[key.k]\n[bucket.b]\nkey = \"k\"\n[workload.nightly]\nbucket = \"b\"\noperations.UpdateObjectEncryption = 1\nstart = \"2h\"\njob = {{ workers = 20, objects = 10_000, batch_operations = true{job} }}\n"
    )
}

#[test]
fn a_nightly_job_has_a_monthly_cost() {
    let found = results(&nightly("1d", ", every = \"1d\", within = \"10m\""));
    let variant = &found.variants[0];
    assert_eq!(
        lines(variant),
        [
            ("kms-requests", 10_000.0, 0.03),
            ("kms-requests-free-tier", -10_000.0, -0.03),
            ("kms-keys", 0.0333333333, 0.0333333333),
            ("s3-tier1", 10_000.0, 0.05),
            ("s3-batch-jobs", 1.0, 0.25),
            ("s3-batch-objects", 10_000.0, 0.01),
        ]
    );
    let mean = |id: &str| variant.metrics[id].mean;
    assert_eq!(mean("cost_s3_batch_operations_usd"), Some(0.26));
    assert_eq!(mean("cost_total_usd"), Some(0.3433333333));
    // 280,000 of 300,000 KMS requests $0.84, S3 $1.50, 30 runs $7.50, 300,000 objects $0.30, the key $1.
    assert_eq!(mean("cost_total_usd_per_month"), Some(11.14));
    assert!(variant.without_data.is_empty());
    // Two nights cost a month the same, but for the free tier of the whole.
    let two = results(&nightly("2d", ", every = \"1d\", within = \"10m\""));
    let two = &two.variants[0];
    assert_eq!(two.metrics["cost_total_usd_per_month"].mean, Some(11.14));
    assert!(lines(two).contains(&("s3-batch-jobs", 2.0, 0.5)));
}

#[test]
fn where_there_is_no_monthly_cost_the_reason_stands() {
    for (horizon, job, reason) in [
        (
            "1d",
            "",
            "`workload.nightly` is a job that runs once; write `every`",
        ),
        (
            "1d 12h",
            ", every = \"1d\"",
            "the measured time (1d 12h) is not a multiple of the 1d",
        ),
        ("2h 10s", ", every = \"10s\"", "unfinished at the horizon"),
        (
            "1d",
            ", every = \"1h\", on_failure = \"fail-job\" }\nretry = \"none\"\n[quota]\nq = { limit = \"1/s\"",
            "a run of the job `workload.nightly` has failed; see what it is throttled by",
        ),
        (
            "3h",
            ", every = \"1h\"",
            "of the 3 runs of the job `workload.nightly` that the measured time has room for, 1 begin in it",
        ),
    ] {
        let found = results(&nightly(horizon, job));
        let variant = &found.variants[0];
        assert_eq!(variant.metrics["cost_total_usd_per_month"].mean, None);
        let why = &variant.without_data["cost_total_usd_per_month"];
        assert!(why.contains(reason), "{why}");
        let said = |text: String| {
            let text = text.replace('\\', "");
            let words: Vec<&str> = text.split_whitespace().collect();
            assert!(words.join(" ").contains(reason), "{text}");
        };
        said(summary::text(&TextTable, &found).expect("text"));
        said(summary::text(&Markdown, &found).expect("text"));
        let json = serde_json::to_value(&found).expect("JSON");
        let in_json = &json["variants"][0]["without_data"]["cost_total_usd_per_month"];
        assert!(in_json.as_str().is_some_and(|why| why.contains(reason)));
    }
}

#[test]
fn what_is_not_in_the_costs_is_named() {
    let found = results(&nightly("3h", ""));
    let ids: Vec<&str> = found.costs_left_out.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "s3-storage",
            "data-transfer",
            "s3-batch-manifest",
            "kms-key-rotations",
            "compute",
            "contract"
        ]
    );
    let text = summary::text(&TextTable, &found).expect("text");
    assert!(
        text.contains("Not in the costs: S3 storage; data transfer;"),
        "{text}"
    );
    let express = requests("us-east-1", "PutObject", "")
        .replace("\n[bucket.b]\n", "\n[bucket.b]\nkind = \"directory\"\n");
    let found = results(&express);
    let express = found
        .costs_left_out
        .iter()
        .find(|c| c.id == "s3-express-data");
    let items = &express.expect("named").items;
    assert_eq!(*items, ["s3-express-upload", "s3-express-retrieval"]);
}
