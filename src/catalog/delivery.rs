//! What services send along when they deliver files to a bucket.
//!
//! Data: `deliveries.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

/// A service that delivers files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRow {
    /// Our identifier.
    pub id: String,
    /// The service, as policies name it.
    pub principal: String,
    /// The canned ACL that it asks for.
    pub acl: Option<String>,
    /// What it delivers for.
    pub source_arn: DeliverySource,
    /// The pair of the encryption context that holds the source's ARN.
    pub encryption_context: Option<String>,
    /// How the keys of its objects begin, with `{account}` (that of the source) and `{region}`.
    pub objects: Option<String>,
    /// Whether it delivers to buckets whose default is SSE-KMS.
    pub sse_kms: bool,
    /// Whether its KMS calls are charged.
    pub kms_charged: bool,
    /// What is delivered.
    pub because: String,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

/// What a service delivers files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverySource {
    /// A trail of CloudTrail.
    Trail,
    /// A bucket.
    Bucket,
    /// Log deliveries of an account.
    Deliveries,
    /// An account, of which no ARN is documented.
    Account,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveriesFile {
    delivery: Vec<DeliveryRow>,
}

static DELIVERIES: LazyLock<DeliveriesFile> =
    LazyLock::new(|| built_in("deliveries.toml", include_str!("deliveries.toml")));

/// What a service sends along, by its principal; `None`: AWS documents no deliveries of it.
pub fn delivery(principal: &str) -> Option<&'static DeliveryRow> {
    let mut all = DELIVERIES.delivery.iter();
    all.find(|row| row.principal == principal)
}

/// Each service with what it sends.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    DELIVERIES.delivery.iter().map(|row| {
        let sends = [
            row.acl.as_ref().map(|_| "s3:x-amz-acl".to_owned()),
            (row.source_arn != DeliverySource::Account).then(|| "aws:SourceArn".to_owned()),
            Some("aws:SourceAccount".to_owned()),
            row.encryption_context
                .as_ref()
                .map(|pair| format!("kms:EncryptionContext:{pair}")),
        ];
        let not_to = match (row.sse_kms, row.kms_charged) {
            (false, _) => "; to SSE-S3 buckets only",
            (true, false) => "; its KMS calls are not charged",
            (true, true) => "",
        };
        CatalogRow {
            kind: "delivery",
            id: row.principal.clone(),
            region: String::new(),
            value: sends.into_iter().flatten().collect::<Vec<_>>().join(", "),
            unit: "context keys".to_owned(),
            assumed: false,
            note: format!("{}{not_to}", row.because),
            source: row.source.clone(),
            as_of: row.as_of.clone(),
        }
    })
}
