//! What costs money and is in no bill.
//!
//! Data: `left_out.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

/// What a scenario must have for a cost that is left out to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutWith {
    /// Nothing particular.
    Anything,
    /// A bucket that is asked something.
    Bucket,
    /// Requests on objects of another class than S3 Standard, or transitions.
    StorageClass,
    /// A directory bucket that is asked something.
    DirectoryBucket,
    /// A job of S3 Batch Operations.
    BatchOperations,
    /// Deliveries of S3 Inventory.
    Inventory,
    /// Replication.
    Replication,
    /// A KMS key of a customer.
    CustomerKey,
    /// A custom key store.
    KeyStore,
    /// A log group.
    LogGroup,
    /// Requests to another service than S3.
    OtherService,
    /// A trail beyond the one that each account is taken to have.
    Trail,
}

/// A cost that no bill holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOutRow {
    /// Identifier.
    pub id: String,
    /// What it is.
    pub what: String,
    /// When it is named.
    pub with: LeftOutWith,
    /// Its price items, where their prices are known.
    #[serde(default)]
    pub items: Vec<String>,
    /// Where it is said that it costs.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOutFile {
    left_out: Vec<LeftOutRow>,
}

static LEFT_OUT: LazyLock<LeftOutFile> =
    LazyLock::new(|| built_in("left_out.toml", include_str!("left_out.toml")));

/// Every cost that no bill holds.
pub fn costs_left_out() -> &'static [LeftOutRow] {
    &LEFT_OUT.left_out
}

/// Each of them.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    costs_left_out().iter().map(|row| CatalogRow {
        kind: "cost-left-out",
        id: row.id.clone(),
        region: String::new(),
        value: "not in the costs".to_owned(),
        unit: match row.items.as_slice() {
            [] => "no price known".to_owned(),
            items => items.join(", "),
        },
        assumed: false,
        note: row.what.clone(),
        source: row.source.clone(),
        as_of: row.as_of.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_that_are_named_are_known() {
        for row in costs_left_out() {
            for item in &row.items {
                assert!(super::super::price(item, "us-east-1").is_some(), "{item}");
            }
        }
    }
}
