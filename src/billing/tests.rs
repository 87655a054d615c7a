//! Published amounts (`docs`: cases D1 to D8) and the rules of the free tier, worked by hand.

use super::*;
use crate::catalog::MONTH_S;
use crate::catalog::decimal::exact;
use num_rational::BigRational;

const DAY_S: u64 = 86_400;

fn us() -> Payer {
    Payer::new("111111111111", "us-east-1")
}

fn month() -> Usage {
    Usage::of(&Months::default(), 0..MONTH_S)
}

fn requests(usage: &mut Usage, payer: &Payer, n: u64) {
    usage.add_kms_requests(payer, "kms-requests", 0, n);
}

fn total(usage: &Usage) -> String {
    round_usd(&bill(usage, &PriceBook::default()).unwrap().total())
}

fn monthly(usage: &Usage) -> String {
    round_usd(&per_month(usage, &PriceBook::default()).unwrap())
}

fn line(bill: &Bill, payer: &Payer, item: &str) -> ExactLine {
    let found = bill
        .lines
        .iter()
        .find(|(k, _)| k.payer == *payer && k.item == item);
    found.unwrap().1.clone()
}

#[test]
fn one_key_for_a_month() {
    let mut usage = month();
    usage.add(Charge::KEYS, us(), 1);
    requests(&mut usage, &us(), 15_000);
    assert_eq!(total(&usage), "1");
    assert_eq!(monthly(&usage), "1");
    requests(&mut usage, &us(), 85_000); // 100,000 in all
    assert_eq!(total(&usage), "1.24");
    assert_eq!(monthly(&usage), "1.24");
}

#[test]
fn a_million_objects_a_day() {
    let mut day = Usage::of(&Months::default(), 0..DAY_S);
    requests(&mut day, &us(), 1_000_000);
    assert_eq!(total(&day), "2.94");
    assert_eq!(
        monthly(&day),
        "89.94",
        "counters are scaled, dollars are not"
    );
    let mut whole_month = month();
    requests(&mut whole_month, &us(), 30_000_000);
    assert_eq!(total(&whole_month), "89.94");
}

#[test]
fn one_key_hour() {
    let mut usage = Usage::of(&Months::default(), 0..3600);
    usage.add(Charge::KEYS, us(), 1);
    assert_eq!(total(&usage), "0.0013888889");
    assert_eq!(monthly(&usage), "1");
    let line = line(
        &bill(&usage, &PriceBook::default()).unwrap(),
        &us(),
        "kms-keys",
    );
    assert_eq!(
        (line.quantity, line.unit.as_str()),
        (exact("1").unwrap() / exact("720").unwrap(), "key-month")
    );
}

#[test]
fn a_month_at_quota() {
    for (rate, dollars, after_free_tier) in [
        (10_000, "77760", "77759.94"),
        (20_000, "155520", "155519.94"),
        (100_000, "777600", "777599.94"),
    ] {
        let mut usage = month();
        requests(&mut usage, &us(), rate * MONTH_S);
        let mut list_price = PriceBook::default();
        list_price.set_free_requests(0);
        assert_eq!(
            round_usd(&bill(&usage, &list_price).unwrap().total()),
            dollars
        );
        assert_eq!(total(&usage), after_free_tier);
    }
}

#[test]
fn the_free_tier_is_whole_again_every_30_days() {
    let mut usage = Usage::of(&Months::default(), 0..2 * MONTH_S);
    usage.add_kms_requests(&us(), "kms-requests", 0, 30_000);
    usage.add_kms_requests(&us(), "kms-requests", 1, 5_000);
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    // 20,000 of the first period, 5,000 of the second.
    let free = line(&bill, &us(), "kms-requests-free-tier");
    assert_eq!(
        (free.quantity.clone(), free.amount()),
        (exact("-25000").unwrap(), exact("-0.075").unwrap())
    );
    assert_eq!(bill.total(), exact("0.03").unwrap());
    // A month of it: 17,500 requests, all free.
    assert_eq!(monthly(&usage), "0");
}

#[test]
fn the_free_tier_is_shared_by_an_accounts_regions_and_not_by_accounts() {
    let (ohio, other) = (
        Payer::new("111111111111", "us-east-2"),
        Payer::new("222222222222", "us-east-1"),
    );
    let mut usage = month();
    requests(&mut usage, &us(), 30_000);
    requests(&mut usage, &ohio, 10_000);
    requests(&mut usage, &other, 20_000);
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    let free = |payer: &Payer| line(&bill, payer, "kms-requests-free-tier").quantity;
    assert_eq!(free(&us()), exact("-15000").unwrap());
    assert_eq!(free(&ohio), exact("-5000").unwrap());
    assert_eq!(free(&other), exact("-20000").unwrap());
    assert_eq!(bill.total(), exact("0.06").unwrap());
}

#[test]
fn asymmetric_calls_are_never_free() {
    let mut usage = month();
    usage.add_kms_requests(&us(), "kms-requests-asymmetric", 0, 10_000);
    usage.add_kms_requests(&us(), "kms-requests-data-key-pair-rsa", 0, 10_000);
    usage.add_kms_requests(&us(), "kms-requests-data-key-pair-ecc", 0, 10_000);
    assert_eq!(total(&usage), "12.25");
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    assert!(
        bill.lines
            .keys()
            .all(|k| k.item != "kms-requests-free-tier")
    );
    assert_eq!(bill.cost(Cost::KmsRequests), bill.total());
}

#[test]
fn s3_trail_and_logs_by_region() {
    let frankfurt = Payer::new("111111111111", "eu-central-1");
    let mut usage = Usage::of(&Months::default(), 0..MONTH_S / 2);
    usage.add(
        Charge::s3_requests("s3-tier1"),
        frankfurt.clone(),
        1_000_000,
    );
    usage.add(Charge::s3_requests("s3-tier2"), frankfurt, 1_000_000);
    usage.add(Charge::CLOUDTRAIL_COPIES, us(), 50_000);
    usage.add(Charge::LOG_BYTES, us(), 3_000_000_000);
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    let costs: Vec<_> = Cost::ALL
        .iter()
        .map(|&c| round_usd(&bill.cost(c)))
        .collect();
    assert_eq!(costs, ["0", "0", "5.83", "0", "1", "1.5"]);
    assert_eq!(round_usd(&bill.total()), "8.33");
    assert_eq!(monthly(&usage), "16.66");
}

#[test]
fn overrides_win_and_the_region_wins_over_the_item() {
    let paris = Payer::new("111111111111", "eu-west-3");
    let mut usage = month();
    usage.add(Charge::s3_requests("s3-tier1"), us(), 1000);
    usage.add(Charge::s3_requests("s3-tier1"), paris, 1000);
    let mut book = PriceBook::default();
    book.set("s3-tier1", exact("0.001").unwrap()).unwrap();
    book.set("s3-tier1/eu-west-3", exact("0.002").unwrap())
        .unwrap();
    assert_eq!(bill(&usage, &book).unwrap().total(), exact("3").unwrap());
    assert_eq!(
        book.set("s3-tier9", exact("1").unwrap()),
        Err(PriceKeyError::UnknownItem("s3-tier9".to_owned()))
    );
    assert!(
        book.set("s3-tier1/eu-west-33", exact("1").unwrap())
            .is_err()
    );
    assert!(book.set("s3-tier1", exact("-1").unwrap()).is_err());
}

#[test]
fn china_needs_a_price_of_its_own() {
    let beijing = Payer::new("111111111111", "cn-north-1");
    let mut usage = month();
    requests(&mut usage, &beijing, 100_000);
    let mut book = PriceBook::default();
    assert!(matches!(
        bill(&usage, &book),
        Err(BillError::NoPrice { .. })
    ));
    book.set("kms-requests/cn-north-1", exact("0.00001").unwrap())
        .unwrap();
    assert_eq!(bill(&usage, &book).unwrap().total(), exact("0.8").unwrap());
    assert_eq!(
        per_month(&Usage::of(&Months::default(), 0..0), &book),
        Err(BillError::NoTime)
    );
}

#[test]
fn mean_lines_count_a_missing_line_as_zero() {
    let (mut some, none) = (month(), month());
    requests(&mut some, &us(), 40_000);
    let bills = [some, none].map(|u| bill(&u, &PriceBook::default()).unwrap());
    let lines = mean_lines(&bills);
    let shown: Vec<_> = lines
        .iter()
        .map(|l| (l.item.as_str(), l.quantity, l.amount_usd))
        .collect();
    assert_eq!(
        shown,
        [
            ("kms-requests", 20_000.0, 0.06),
            ("kms-requests-free-tier", -10_000.0, -0.03)
        ]
    );
    assert_eq!(
        (lines[0].unit_price_usd, lines[0].unit.as_str()),
        (0.000003, "request")
    );
    assert_eq!(mean_lines(&[]), []);
}

#[test]
fn a_quarter_of_calendar_months() {
    // 15 January to 15 April 2028, a leap year, in Berlin, where March has 743 hours: 91 days less an hour.
    let start = "2028-01-15T00:00:00[Europe/Berlin]".parse().unwrap();
    let seconds = 91 * DAY_S - 3600;
    let months = Months::calendar(&start, seconds);
    let mut usage = Usage::of(&months, 0..seconds);
    usage.add(Charge::KEYS, us(), 2);
    for (day, requests) in [(0, 15_000), (17, 50_000), (46, 20_001), (77, 1)] {
        let month = months.of(day * DAY_S);
        usage.add_kms_requests(&us(), "kms-requests", month, requests);
    }
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    // 17 of 31 days, February, March, 14 of 30 days.
    let keys = line(&bill, &us(), "kms-keys").quantity;
    let month = |days: i64, of: i64| BigRational::new(days.into(), of.into());
    assert_eq!(
        keys,
        (month(17, 31) + month(2, 1) + month(14, 30)) * month(2, 1)
    );
    // Free: 15,000, 20,000, 20,000 and 1.
    let free = line(&bill, &us(), "kms-requests-free-tier").quantity;
    assert_eq!(free, exact("-55001").unwrap());
    assert_eq!(bill.cost(Cost::KmsRequests), exact("0.090003").unwrap());
}

#[test]
fn a_hundred_million_objects_encrypted_by_batch_operations() {
    // AWS Storage Blog, "Encrypting objects with Amazon S3 Batch Operations": $500 of requests, $100.25 of Batch
    // Operations, $300 of KMS at list price; each copy is one PUT and one GenerateDataKey.
    let mut usage = Usage::of(&Months::default(), 0..DAY_S);
    usage.add(Charge::s3_requests("s3-tier1"), us(), 100_000_000);
    usage.add(Charge::BATCH_JOBS, us(), 1);
    usage.add(Charge::BATCH_OBJECTS, us(), 100_000_000);
    requests(&mut usage, &us(), 100_000_000);
    let bill = bill(&usage, &PriceBook::default()).unwrap();
    let costs = [Cost::S3Requests, Cost::BatchOperations, Cost::KmsRequests];
    assert_eq!(
        costs.map(|cost| round_usd(&bill.cost(cost))),
        ["500", "100.25", "299.94"]
    );
    assert_eq!(round_usd(&bill.total()), "900.19");
}
