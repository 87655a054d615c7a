//! The formats, and which one a file is of: told by its content.
//!
//! A new format is one file with a reader, and one line in [`FORMATS`].

use super::access_log;
use super::bill;
use super::cloudformation;
use super::cloudtrail;
use super::evidence::finding::{FileEnd, Findings};
use super::head::Head;
use super::inventory;
use super::metric;
use super::parquet;
use super::settings;
use super::table;
use super::terraform;
use super::window::Window;

/// A format of files.
#[derive(Clone, Copy, Debug)]
pub struct SourceFormat {
    /// Its name, for `--format`.
    pub name: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// Whether a file that begins so is of this format.
    pub recognises: fn(&Head) -> bool,
    /// Reads a file.
    pub read: fn(&mut Window, &mut Findings<'_>) -> FileEnd,
}

/// All formats; the first that recognises a file reads it.
pub const FORMATS: &[SourceFormat] = &[
    SourceFormat {
        name: "cloudtrail-digest",
        help: "CloudTrail digest file: recognised, and left out",
        recognises: |head| head.has_all(&["digestEndTime"]) || head.has_all(&["digestStartTime"]),
        read: |_, _| FileEnd::LeftOut("digest"),
    },
    SourceFormat {
        name: "parquet",
        help: "Parquet: CUR 2, FOCUS, S3 Inventory, tables",
        recognises: parquet::recognises,
        read: parquet::read,
    },
    SourceFormat {
        name: "orc",
        help: "ORC: recognised, and left out; S3 Inventory also comes as CSV and Parquet",
        recognises: parquet::is_orc,
        read: |_, _| FileEnd::LeftOut("ORC, which is not read: choose Parquet or CSV"),
    },
    SourceFormat {
        name: "inventory-manifest",
        help: "manifest.json of S3 Inventory: the columns of its lists",
        recognises: inventory::is_manifest,
        read: inventory::manifest,
    },
    SourceFormat {
        name: "s3-access-log-json",
        help: "S3 server access log, JSON as in CloudWatch Logs",
        recognises: access_log::recognises_json,
        read: cloudtrail::container::read,
    },
    SourceFormat {
        name: "cloudtrail",
        help: "CloudTrail records: delivered files, arrays, JSON lines, subscriptions, EventBridge, lookup-events",
        recognises: cloudtrail::recognises,
        read: cloudtrail::container::read,
    },
    SourceFormat {
        name: "cloudtrail-csv",
        help: "CloudTrail records as CSV: Athena, CloudTrail Lake, CloudWatch Logs Insights",
        recognises: cloudtrail::csv::recognises,
        read: cloudtrail::csv::read,
    },
    SourceFormat {
        name: "cloudtrail-results",
        help: "aws cloudtrail get-query-results, aws logs get-query-results",
        recognises: cloudtrail::csv::is_results,
        read: cloudtrail::csv::results,
    },
    SourceFormat {
        name: "s3-access-log",
        help: "S3 server access log, text",
        recognises: access_log::recognises,
        read: access_log::read,
    },
    SourceFormat {
        name: "metric-data",
        help: "aws cloudwatch get-metric-data",
        recognises: metric::is_data,
        read: metric::data,
    },
    SourceFormat {
        name: "metric-statistics",
        help: "aws cloudwatch get-metric-statistics",
        recognises: metric::is_statistics,
        read: metric::statistics,
    },
    SourceFormat {
        name: "metric-stream",
        help: "CloudWatch metric stream, JSON",
        recognises: metric::is_stream,
        read: metric::stream,
    },
    SourceFormat {
        name: "service-quotas",
        help: "aws service-quotas list-service-quotas --service-code kms",
        recognises: settings::is_quotas,
        read: settings::quotas,
    },
    SourceFormat {
        name: "bucket-encryption",
        help: "aws s3api get-bucket-encryption",
        recognises: settings::is_encryption,
        read: settings::encryption,
    },
    SourceFormat {
        name: "event-selectors",
        help: "aws cloudtrail get-event-selectors",
        recognises: settings::is_selectors,
        read: settings::selectors,
    },
    SourceFormat {
        name: "terraform",
        help: "terraform show -json of a plan or a state",
        recognises: terraform::recognises,
        read: terraform::read,
    },
    SourceFormat {
        name: "cloudformation",
        help: "CloudFormation template, JSON or YAML; aws cloudformation get-template; what CDK writes",
        recognises: cloudformation::recognises,
        read: cloudformation::read,
    },
    SourceFormat {
        name: "cost-explorer",
        help: "aws ce get-cost-and-usage, grouped by USAGE_TYPE and OPERATION",
        recognises: bill::is_explorer,
        read: bill::explorer,
    },
    SourceFormat {
        name: "bill",
        help: "Cost and Usage Report 1 or 2, or FOCUS, as CSV",
        recognises: bill::recognises,
        read: bill::read,
    },
    SourceFormat {
        name: "table",
        help: "CSV with columns time and operation, and bucket, key, requester, account, region, count where known",
        recognises: table::recognises,
        read: table::read,
    },
    SourceFormat {
        name: "inventory",
        help: "S3 Inventory as CSV",
        recognises: inventory::recognises,
        read: inventory::read,
    },
    SourceFormat {
        name: "metric-csv",
        help: "CloudWatch console's CSV",
        recognises: metric::is_console,
        read: metric::csv,
    },
    SourceFormat {
        name: "time-value",
        help: "CSV of timestamp,value",
        recognises: metric::is_values,
        read: metric::csv,
    },
];

/// The format of that name.
pub fn named(name: &str) -> Option<&'static SourceFormat> {
    FORMATS.iter().find(|f| f.name == name)
}

/// The format of a file that begins so.
pub fn recognised(head: &Head) -> Option<&'static SourceFormat> {
    FORMATS.iter().find(|f| (f.recognises)(head))
}

/// Whether files of a format hold CloudTrail records.
pub fn is_trail(format: &str) -> bool {
    matches!(
        format,
        "cloudtrail" | "cloudtrail-csv" | "cloudtrail-results"
    )
}
