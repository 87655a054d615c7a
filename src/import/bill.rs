//! Bills: Cost and Usage Reports 1 and 2 as CSV, FOCUS, and Cost Explorer's JSON.
//!
//! Columns are found by their names, for they vary between months. Only usage counts, not tax, credit or fees. A bill counts what is
//! paid for in an hour: no throttles, nothing below the hour. Rows that another file has too count once.

use super::evidence::fact::Fact;
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::series::{BilledAs, CountedAs, LoadOrigin, RecordKind, SeriesKey, Via, word};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::rows::{CellRow, CellRows};
use super::time;
use super::window::Window;
use serde_json::Value;
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
    fn of(header: &CellRow) -> Option<BillColumns> {
        let at = |names: &[&str]| {
            names.iter().find_map(|name| {
                header
                    .iter()
                    .position(|h| h.trim().eq_ignore_ascii_case(name))
            })
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
    let mut rows = CellRows::of(window);
    let mut row = CellRow::default();
    let reader = match rows.next(&mut row, findings) {
        Ok(_) => BillReader::of(&row),
        Err(FileEnd::Whole | FileEnd::LeftOut(_)) => None,
        Err(broken @ FileEnd::Broken(..)) => return broken,
    };
    let Some(mut reader) = reader else {
        return FileEnd::Broken("has no columns of a bill".to_owned(), 0);
    };
    loop {
        match rows.next(&mut row, findings) {
            Ok(at) => reader.one(&row, at, findings),
            Err(end) => return end,
        }
    }
}

/// Rows that are told apart within a file where they are equal.
const EQUAL_ROWS: usize = 400_000;

/// Reads the rows of one bill.
pub struct BillReader {
    columns: BillColumns,
    /// Two equal rows of one file are two; those of another file are the same ones.
    times: HashMap<u64, u32>,
    /// The last time the memory of equal rows was full.
    forgotten: u32,
}

impl BillReader {
    /// Of a bill with that header; `None`: it is not one.
    pub fn of(header: &CellRow) -> Option<BillReader> {
        Some(BillReader {
            columns: BillColumns::of(header)?,
            times: HashMap::new(),
            forgotten: 0,
        })
    }

    /// Reads a row.
    pub fn one(&mut self, row: &CellRow, at: u64, findings: &mut Findings<'_>) {
        findings.seen += 1;
        match self.row(row, findings) {
            Ok(item) => findings.item(item),
            Err(reason) => findings.skip(reason, || format!("byte {at}")),
        }
    }

    fn row(&mut self, row: &CellRow, findings: &mut Findings<'_>) -> Result<Item, SkipReason> {
        let columns = &self.columns;
        let cell = |i: Option<usize>| row.cell(i);
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
            return Err(SkipReason::NotUsage);
        }
        let billed = billed_as(service, usage, description, cell(columns.unit));
        let second = time::of_table(cell(Some(columns.start))).ok_or(SkipReason::NoTime)?;
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
        let amount: f64 = match cell(Some(columns.amount)) {
            "" => 0.0,
            text => text.parse().map_err(|_| SkipReason::NotACount)?,
        };
        if is_request && (!amount.is_finite() || !(0.0..1e15).contains(&amount)) {
            return Err(SkipReason::NotACount);
        }
        let series = is_request.then(|| series(columns, row, billed, usage));
        let key = format!("{billed:?} {series:?}");
        let kind = findings.kind(key.as_bytes(), || RecordKind {
            tally: CountedAs::Row(billed),
            series,
        });
        // The same hour in another export has the same rows, whatever its columns are called. What is not ours is not added up.
        let is_ours = billed != BilledAs::Other;
        let same = fingerprint(
            format!(
                "{billed:?} {} {} {second} {amount}",
                cell(columns.account),
                cell(columns.resource)
            )
            .as_bytes(),
        );
        if self.times.len() >= EQUAL_ROWS {
            self.times.clear();
            self.forgotten += 1;
        }
        let nth = self.times.entry(same).or_default();
        *nth += u32::from(is_ours);
        let id = [same, u64::from(*nth), u64::from(self.forgotten)].map(u64::to_le_bytes);
        Ok(Item {
            at: second,
            n: if is_request { amount.round() as u64 } else { 0 },
            id: if is_ours {
                fingerprint(&id.concat())
            } else {
                0
            },
            shared: 0,
            session: 0,
            kind,
        })
    }
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

fn series(columns: &BillColumns, row: &CellRow, billed: BilledAs, usage: &str) -> SeriesKey {
    let cell = |i: Option<usize>| row.cell(i).to_owned();
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
        region: word(&region).to_owned(),
        operation: word(&cell(columns.operation)).to_owned(),
        key,
        bucket,
        via: Via::Billed(billed),
        period: 3_600,
        ..SeriesKey::of(LoadOrigin::Bill)
    }
}

/// Reads Cost Explorer's output.
pub fn explorer(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut n = 0;
    lines::documents(window, findings, |page: Value, findings| {
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
            if !period["Groups"].is_array() {
                findings.seen += 1;
                findings.skip(SkipReason::NoValue, || {
                    format!("what follows its group {n}")
                });
            }
            for group in period["Groups"].as_array().into_iter().flatten() {
                findings.seen += 1;
                n += 1;
                let of = |name: &str| {
                    let i = order.iter().position(|o| *o == name)?;
                    group["Keys"][i].as_str()
                };
                let usage = of("USAGE_TYPE").unwrap_or_default();
                if !usage.ends_with("-KMS-Requests") {
                    findings.skip(SkipReason::NotARecord, || format!("its group {n}"));
                    continue;
                }
                let amount = group["Metrics"]["UsageQuantity"]["Amount"].as_str();
                let amount = amount.and_then(|a| a.parse::<f64>().ok());
                let Some(amount) = amount.filter(|a| (0.0..1e15).contains(a)) else {
                    findings.skip(SkipReason::NotACount, || format!("its group {n}"));
                    continue;
                };
                let Some(second) = period["TimePeriod"]["Start"]
                    .as_str()
                    .and_then(time::of_table)
                else {
                    findings.skip(SkipReason::NoTime, || format!("its group {n}"));
                    continue;
                };
                let series = SeriesKey {
                    region: word(usage.trim_end_matches("-KMS-Requests")).to_owned(),
                    operation: word(of("OPERATION").unwrap_or_default()).to_owned(),
                    via: Via::Billed(BilledAs::KmsRequests),
                    period: 86_400,
                    ..SeriesKey::of(LoadOrigin::Bill)
                };
                let kind = findings.kind(format!("{series:?}").as_bytes(), || RecordKind {
                    tally: CountedAs::Sample,
                    series: Some(series.clone()),
                });
                findings.item(Item {
                    at: second,
                    n: amount.round() as u64,
                    id: fingerprint(format!("{series:?} {second}").as_bytes()),
                    shared: 0,
                    session: 0,
                    kind,
                });
            }
        }
    })
}
