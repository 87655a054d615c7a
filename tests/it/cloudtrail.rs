//! CloudTrail: what each trail delivers and costs.

use crate::common::{load, run, values};
use kmsim::cloudtrail::log_file;
use kmsim::results::{RunResults, TrailResults, VariantResults};
use kmsim::run::{RunOptions, sampled};

fn variant<'r>(results: &'r RunResults, name: &str) -> &'r VariantResults {
    let found = results.variants.iter().find(|v| v.name == name);
    found.unwrap_or_else(|| panic!("no variant {name}"))
}

fn usd(v: &VariantResults) -> f64 {
    values(&v.metrics, "cost_cloudtrail_usd")[0]
}

/// Copies of KMS events, copies that are charged, dollars.
fn told(trail: &TrailResults) -> (f64, f64, f64) {
    let of = |id: &str| values(&trail.metrics, id)[0];
    (
        of("cloudtrail_kms_copies"),
        trail.events_billed,
        of("cost_cloudtrail_usd"),
    )
}

/// hashicorp/terraform-provider-aws, pull request 17203: a second trail pays for 100 million Decrypt events until it can
/// exclude them; aws-solutions/dynamic-image-transformation, issue 437: 7 million paid events, $140.
const SECOND_TRAIL: &str = r#"
horizon = "30d"
replications = 1
region = "eu-west-1"
[account.main]
[key.lake]
[trail.first]
[trail.second]
[workload.reader]
key = "lake"
operations.Decrypt = 1
arrivals.constant.rate = "100000000/30d"
clients = 1
[variant.two-trails]
[variant.second-excludes-kms.trail.second]
kms_events = false
[variant.first-excludes-kms.trail.first]
kms_events = false
[variant.second-writes-only.trail.second]
events = "write"
[variant.second-of-another-region.trail.second]
regions = ["us-east-1", "us-west-2"]
[variant.second-of-this-region.trail.second]
regions = ["us-east-1", "eu-west-1"]
[variant.third]
trail.third = {}
[variant.second-thrice.trail.second]
copies = 3
[variant.none-of-kms.trail]
first.kms_events = false
second.kms_events = false
[variant.image-handler.workload.reader]
arrivals.constant.rate = "7000000/30d"
"#;

#[test]
fn a_second_trail_that_excludes_kms_costs_nothing() {
    let r = run(SECOND_TRAIL);
    for (name, dollars) in [
        ("two-trails", 2_000.0),
        ("second-excludes-kms", 0.0),
        ("first-excludes-kms", 0.0),
        ("second-writes-only", 0.0),
        ("second-of-another-region", 0.0),
        ("second-of-this-region", 2_000.0),
        ("third", 4_000.0),
        ("second-thrice", 6_000.0),
        ("none-of-kms", 0.0),
        ("image-handler", 140.0),
    ] {
        let v = variant(&r, name);
        assert_eq!(usd(v), dollars, "{name}");
        let of_trails: f64 = v.by_trail.values().map(|t| told(t).2).sum();
        assert_eq!(of_trails, dollars, "{name}");
        // Whatever trails deliver, CloudTrail records each call.
        let events = values(&v.metrics, "cloudtrail_kms_events")[0];
        assert_eq!(events, values(&v.metrics, "kms_attempts")[0], "{name}");
        let copies: f64 = v.by_trail.values().map(|t| told(t).0).sum();
        assert_eq!(
            copies,
            values(&v.metrics, "cloudtrail_kms_copies")[0],
            "{name}"
        );
        let billed: f64 = v
            .bill
            .iter()
            .filter(|l| l.item == "cloudtrail-copies")
            .map(|l| l.quantity)
            .sum();
        let of_trails: f64 = v.by_trail.values().map(|t| t.events_billed).sum();
        assert_eq!(billed, of_trails, "{name}");
    }
    let hundred_million = 1e8;
    let of = |name: &str, trail: &str| told(&variant(&r, name).by_trail[trail]);
    assert_eq!(of("two-trails", "first"), (hundred_million, 0.0, 0.0));
    assert_eq!(
        of("two-trails", "second"),
        (hundred_million, hundred_million, 2_000.0)
    );
    assert_eq!(of("second-excludes-kms", "second"), (0.0, 0.0, 0.0));
    // Where the first leaves them out, the second delivers the first copy.
    assert_eq!(
        of("first-excludes-kms", "second"),
        (hundred_million, 0.0, 0.0)
    );
}

/// The short form and the trails that it stands for are the same, to the digit.
#[test]
fn the_short_form_is_short_for_trails() {
    let scenario = |account: &str, trails: &str| {
        format!(
            "horizon = \"60s\"\nreplications = 3\nregion = \"us-east-1\"\n[account.main]\n{account}\n[account.other]\n\
             [key.k]\n[bucket.b]\nkey = \"k\"\n{trails}\n[workload.w]\nbucket = \"b\"\n\
             operations = {{ GetObject = 3, PutObject = 1 }}\narrivals.poisson.rate = \"20/s\"\nclients = 1\n"
        )
    };
    for (account, trails) in [
        ("trail_copies = 1", "[trail.a]"),
        ("trail_copies = 3", "[trail.a]\n[trail.b]\n[trail.c]"),
        ("trail_copies = 3", "[trail.a]\n[trail.b]\ncopies = 2"),
        (
            "trail_copies = 2\ntrail_kms_events = false",
            "[trail.a]\nkms_events = false\n[trail.b]\nkms_events = false",
        ),
        (
            "trail_copies = 2\ntrail_events = \"write\"",
            "[trail.a]\nevents = \"write\"\ncopies = 2",
        ),
        ("trail_copies = 0", "[trail.a]\ncopies = 0"),
        (
            "trail_copies = 2\ntrail_data_copies = 1",
            "[trail.a]\ndata_events = \"all\"\n[trail.b]",
        ),
        (
            "trail_copies = 0\ntrail_data_copies = 2",
            "[trail.a]\nevents = \"none\"\ndata_events = \"all\"\ncopies = 2",
        ),
    ] {
        let of = |text: &str| {
            let v = run(text).variants.remove(0);
            (v.metrics, v.bill, v.by_workload, v.by_bucket)
        };
        assert_eq!(
            of(&scenario(account, "")),
            of(&scenario("", trails)),
            "{account} is {trails}"
        );
    }
}

#[test]
fn data_events_are_selected_by_kind_and_bucket() {
    let scenario = |trail: &str| {
        format!(
            "horizon = \"10s\"\nreplications = 1\nregion = \"us-east-1\"\n[account.main]\n[key.k]\n[bucket.a]\nkey = \"k\"\n\
             [bucket.b]\nkey = \"k\"\n[trail.t]\n{trail}\n[workload.reads]\nbucket = \"a\"\noperations.GetObject = 1\n\
             arrivals.constant.rate = \"5/s\"\nclients = 1\n[workload.writes]\nbucket = \"b\"\noperations.PutObject = 1\n\
             arrivals.constant.rate = \"3/s\"\nclients = 1\n"
        )
    };
    for (trail, events) in [
        ("", 0.0),
        ("data_events = \"all\"", 80.0),
        ("data_events = \"read\"", 50.0),
        ("data_events = \"write\"", 30.0),
        ("data_events = \"all\"\ndata_buckets = [\"b\"]", 30.0),
        ("data_events = \"read\"\ndata_buckets = [\"b\"]", 0.0),
        ("data_events = \"all\"\ncopies = 2", 160.0),
    ] {
        let text = scenario(trail);
        let r = run(&text);
        let v = &r.variants[0];
        assert_eq!(
            values(&v.metrics, "cloudtrail_data_events")[0],
            events,
            "{trail}"
        );
        let data: f64 = v
            .bill
            .iter()
            .filter(|l| l.item == "cloudtrail-data-events")
            .map(|l| l.quantity)
            .sum();
        assert_eq!(data, events, "{trail}");
        // A log file has each event once, however many trails deliver it.
        let loaded = load(&text);
        let records = sampled(&loaded, 1_000, RunOptions::default()).expect("records");
        let file = log_file(&loaded.variants[0], &records[0], loaded.seed);
        let in_file = file
            .records
            .iter()
            .filter(|r| r["eventCategory"] == "Data")
            .count();
        let each = if trail.contains("copies") {
            events / 2.0
        } else {
            events
        };
        assert_eq!(in_file as f64, each, "{trail}");
    }
}
