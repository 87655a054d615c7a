//! Bills: Cost and Usage Reports 1 and 2 as CSV, FOCUS, and Cost Explorer's JSON.
//!
//! BillColumns are found by their names, for they vary between months. Only usage counts, not tax, credit or fees. A bill counts what is
//! paid for in an hour: no throttles, nothing below the hour. Rows that another file has too count once.

use super::evidence::fact::Fact;
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::series::{BilledAs, CountedAs, LoadOrigin, RecordKind, SeriesKey, Via};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::time;
use super::window::Window;
use std::collections::HashMap;

/// Whether a file that begins so is a bill as CSV.
pub fn recognises(head: &Head) -> bool {
    let line = String::from_utf8_lossy(head.first_line()).to_ascii_lowercase();
    line.contains("lineitem/usagetype")
        || line.contains("line_item_usage_type")
        || (line.contains("consumedquantity") && line.contains("chargeperiodstart"))
}

/// Whether it is Cost Explorer's output.
pub fn is_explorer(head: &Head) -> bool {
    head.has_any(&["ResultsByTime"])
}

/// Where the columns are.
struct BillColumns {
    service: Option<usize>,
    usage_type: Option<usize>,
    operation: Option<usize>,
    amount: usize,
    unit: Option<usize>,
    start: usize,
    kind: Option<usize>,
    class: Option<usize>,
    resource: Option<usize>,
    account: Option<usize>,
    region: Option<usize>,
    description: Option<usize>,
}

impl BillColumns {
    fn of(header: &csv::StringRecord) -> Option<BillColumns> {
        let at = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| header.iter().position(|h| h.eq_ignore_ascii_case(name)))
        };
        Some(BillColumns {
            service: at(&[
                "lineItem/ProductCode",
                "line_item_product_code",
                "x_ServiceCode",
                "ServiceName",
            ]),
            usage_type: at(&[
                "lineItem/UsageType",
                "line_item_usage_type",
                "x_UsageType",
                "SkuMeter",
            ]),
            operation: at(&["lineItem/Operation", "line_item_operation", "x_Operation"]),
            amount: at(&[
                "lineItem/UsageAmount",
                "line_item_usage_amount",
                "ConsumedQuantity",
                "UsageQuantity",
            ])?,
            unit: at(&["ConsumedUnit", "pricing/unit", "pricing_unit"]),
            start: at(&[
                "lineItem/UsageStartDate",
                "line_item_usage_start_date",
                "ChargePeriodStart",
            ])?,
            kind: at(&[
                "lineItem/LineItemType",
                "line_item_line_item_type",
                "ChargeCategory",
            ]),
            class: at(&["ChargeClass"]),
            resource: at(&["lineItem/ResourceId", "line_item_resource_id", "ResourceId"]),
            account: at(&[
                "lineItem/UsageAccountId",
                "line_item_usage_account_id",
                "SubAccountId",
            ]),
            region: at(&[
                "product/region",
                "product_region",
                "RegionId",
                "product/regionCode",
                "product_region_code",
            ]),
            description: at(&[
                "lineItem/LineItemDescription",
                "line_item_line_item_description",
                "ChargeDescription",
            ]),
        })
    }
}

/// Reads a bill as CSV.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(lines::Through(window));
    let columns = match reader.headers() {
        Ok(header) => BillColumns::of(header),
        Err(_) => None,
    };
    let Some(columns) = columns else {
        return FileEnd::Broken("has no columns of a bill".to_owned(), 0);
    };
    // Two equal rows of one file are two; those of another file are the same ones.
    let mut times: HashMap<u64, u32> = HashMap::new();
    let mut row = csv::StringRecord::new();
    loop {
        let at = reader.position().byte();
        match reader.read_record(&mut row) {
            Ok(true) => one(&columns, &row, at, &mut times, findings),
            Ok(false) => return FileEnd::Whole,
            Err(e) if e.is_io_error() => {
                return FileEnd::Broken("cannot be decompressed or read further".to_owned(), at);
            }
            Err(_) => {
                findings.seen += 1;
                findings.skip(SkipReason::Malformed, || format!("byte {at}"));
            }
        }
    }
}

fn one(
    columns: &BillColumns,
    row: &csv::StringRecord,
    at: u64,
    times: &mut HashMap<u64, u32>,
    findings: &mut Findings<'_>,
) {
    let cell = |i: Option<usize>| i.and_then(|i| row.get(i)).unwrap_or_default();
    let place = || format!("byte {at}");
    findings.seen += 1;
    let service = cell(columns.service);
    let (usage, description) = (cell(columns.usage_type), cell(columns.description));
    let is_usage = matches!(
        cell(columns.kind),
        "Usage" | "DiscountedUsage" | "SavingsPlanCoveredUsage" | ""
    );
    if cell(columns.class) == "Correction" {
        findings.fact(Fact::Note(
            "a bill has corrections, which replace rows of an earlier month".to_owned(),
        ));
        return findings.skip(SkipReason::NotUsage, place);
    }
    let billed = billed_as(service, usage, description, cell(columns.unit));
    let Some(second) = time::of_table(cell(Some(columns.start))) else {
        return findings.skip(SkipReason::NoTime, place);
    };
    let amount: f64 = cell(Some(columns.amount)).parse().unwrap_or(0.0);
    let is_request = is_usage
        && !matches!(
            billed,
            BilledAs::KmsOther | BilledAs::S3Other | BilledAs::Other
        );
    // What is no usage is none of the requests, but a row all the same.
    let billed = match billed {
        BilledAs::KmsRequests if !is_usage => BilledAs::KmsOther,
        BilledAs::S3Tier1 | BilledAs::S3Tier2 if !is_usage => BilledAs::S3Other,
        other => other,
    };
    let mut text = String::new();
    for part in [
        service,
        usage,
        cell(columns.operation),
        cell(columns.resource),
        cell(columns.account),
        cell(columns.kind),
        description,
    ] {
        text.push_str(part);
        text.push('\n');
    }
    let series = is_request.then(|| series(columns, row, billed, usage));
    let key = format!("{billed:?} {series:?}");
    let kind = findings.kind(key.as_bytes(), || RecordKind {
        tally: CountedAs::Row(billed),
        series,
    });
    let same = fingerprint(format!("{text} {second} {amount}").as_bytes());
    let nth = times.entry(same).or_default();
    *nth += 1;
    findings.item(Item {
        at: second,
        n: if is_request {
            amount.round().max(0.0) as u64
        } else {
            0
        },
        id: fingerprint(&[same.to_le_bytes(), u64::from(*nth).to_le_bytes()].concat()),
        shared: 0,
        session: 0,
        kind,
    });
}

/// What a row is of: by its usage type, and where a bill has none by its unit and description.
fn billed_as(service: &str, usage: &str, description: &str, unit: &str) -> BilledAs {
    let is_kms = matches!(service, "awskms" | "AWS Key Management Service");
    let is_s3 = matches!(
        service,
        "AmazonS3" | "Amazon Simple Storage Service" | "Amazon S3"
    );
    let no_type = usage.is_empty() || !usage.contains(['-', ':']);
    if is_kms {
        return match (
            usage.ends_with("-KMS-Requests"),
            no_type && unit == "Requests",
        ) {
            (false, false) => BilledAs::KmsOther,
            (_, _) => BilledAs::KmsRequests,
        };
    }
    if !is_s3 {
        return BilledAs::Other;
    }
    match usage {
        u if u.ends_with("Requests-Tier1") => BilledAs::S3Tier1,
        u if u.ends_with("Requests-Tier2") => BilledAs::S3Tier2,
        _ if no_type && unit == "Requests" && description.contains("PUT, COPY, POST") => {
            BilledAs::S3Tier1
        }
        _ if no_type && unit == "Requests" && description.contains("GET and all other") => {
            BilledAs::S3Tier2
        }
        _ => BilledAs::S3Other,
    }
}

fn series(
    columns: &BillColumns,
    row: &csv::StringRecord,
    billed: BilledAs,
    usage: &str,
) -> SeriesKey {
    let cell = |i: Option<usize>| i.and_then(|i| row.get(i)).unwrap_or_default().to_owned();
    // KMS's usage types begin with the Region's whole name.
    let named = usage.strip_suffix("-KMS-Requests").unwrap_or_default();
    let region = if named.is_empty() {
        cell(columns.region)
    } else {
        named.to_owned()
    };
    let (key, bucket) = match billed {
        BilledAs::KmsRequests => (cell(columns.resource), String::new()),
        BilledAs::KmsOther
        | BilledAs::S3Tier1
        | BilledAs::S3Tier2
        | BilledAs::S3Other
        | BilledAs::Other => (String::new(), cell(columns.resource)),
    };
    SeriesKey {
        account: cell(columns.account),
        region,
        operation: cell(columns.operation),
        key,
        bucket,
        // Which price it has: KMS's, or one of S3's tiers.
        via: match billed {
            BilledAs::KmsRequests => Via::Direct,
            BilledAs::S3Tier1 => Via::S3Object,
            BilledAs::S3Tier2 => Via::S3BucketKey,
            BilledAs::KmsOther | BilledAs::S3Other | BilledAs::Other => Via::Unknown,
        },
        period: 3_600,
        ..SeriesKey::of(LoadOrigin::Bill)
    }
}

/// Reads Cost Explorer's output.
pub fn explorer(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |page, findings| {
        let order: Vec<&str> = page["GroupDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|g| g["Key"].as_str().unwrap_or_default())
            .collect();
        for period in page["ResultsByTime"].as_array().into_iter().flatten() {
            if period["Estimated"] == true {
                findings.fact(Fact::Note(
                    "Cost Explorer's figures are estimated: they are still growing".to_owned(),
                ));
            }
            for group in period["Groups"].as_array().into_iter().flatten() {
                findings.seen += 1;
                let of = |name: &str| {
                    let i = order.iter().position(|o| *o == name)?;
                    group["Keys"][i].as_str()
                };
                let usage = of("USAGE_TYPE").unwrap_or_default();
                if !usage.ends_with("-KMS-Requests") {
                    findings.skip(SkipReason::NotARecord, || "a group".to_owned());
                    continue;
                }
                let amount = group["Metrics"]["UsageQuantity"]["Amount"].as_str();
                let amount = amount.and_then(|a| a.parse::<f64>().ok()).unwrap_or(0.0);
                let Some(second) = period["TimePeriod"]["Start"]
                    .as_str()
                    .and_then(time::of_table)
                else {
                    findings.skip(SkipReason::NoTime, || "a group".to_owned());
                    continue;
                };
                let series = SeriesKey {
                    region: usage.trim_end_matches("-KMS-Requests").to_owned(),
                    operation: of("OPERATION").unwrap_or_default().to_owned(),
                    via: Via::Direct,
                    period: 86_400,
                    ..SeriesKey::of(LoadOrigin::Bill)
                };
                let kind = findings.kind(format!("{series:?}").as_bytes(), || RecordKind {
                    tally: CountedAs::Sample,
                    series: Some(series.clone()),
                });
                findings.item(Item {
                    at: second,
                    n: amount.round().max(0.0) as u64,
                    id: fingerprint(format!("{series:?} {second}").as_bytes()),
                    shared: 0,
                    session: 0,
                    kind,
                });
            }
        }
    })
}
