//! What S3 charges for requests on objects of each storage class.
//!
//! Data: `s3_prices.toml`, which has the prices themselves too.

use super::built_in::built_in;
use super::s3::{ClassPrice, S3OperationRow, S3Tier};
use serde::Deserialize;
use std::sync::LazyLock;

/// The file with S3's prices.
pub(super) const S3_PRICES: &str = include_str!("s3_prices.toml");

/// Storage class of objects that name none.
pub const STANDARD: &str = "STANDARD";
/// Storage class of directory buckets.
pub const EXPRESS: &str = "EXPRESS_ONEZONE";

/// A storage class, with the items of the requests on its objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageClass {
    /// S3's name for it.
    pub id: String,
    tier1: String,
    tier2: Option<String>,
    parts: String,
    transitions: Option<String>,
}

#[derive(Deserialize)]
struct StorageClassFile {
    storage_class: Vec<StorageClass>,
}

static CLASSES: LazyLock<Vec<StorageClass>> = LazyLock::new(|| {
    let file: StorageClassFile = built_in("s3_prices.toml", S3_PRICES);
    file.storage_class
});

/// Every storage class.
pub fn storage_classes() -> &'static [StorageClass] {
    &CLASSES
}

/// The storage class of this name.
pub fn storage_class(id: &str) -> Option<&'static StorageClass> {
    storage_classes().iter().find(|c| c.id == id)
}

impl StorageClass {
    /// Whether its objects can be read without being restored.
    pub fn is_readable(&self) -> bool {
        self.tier2.is_some()
    }

    /// Whether lifecycle rules move objects there.
    pub fn takes_transitions(&self) -> bool {
        self.transitions.is_some()
    }

    /// Whether every request on its buckets has its prices, not only those on objects.
    fn has_buckets_of_its_own(&self) -> bool {
        self.id == EXPRESS
    }

    /// Item of a request on an object of this class; for a transition, into it. `None` where S3 charges nothing.
    pub fn item(&'static self, row: &S3OperationRow) -> Option<&'static str> {
        let of_class = match row.class_price {
            _ if self.has_buckets_of_its_own() => Some(ClassPrice::Object),
            own => own,
        };
        let standard = row.billing.item();
        match (row.billing, of_class) {
            (S3Tier::Free, _) => None,
            (S3Tier::Transition, _) => self.transitions.as_deref(),
            (S3Tier::Tier1, Some(ClassPrice::Object)) => Some(&self.tier1),
            (S3Tier::Tier1, Some(ClassPrice::Parts)) => Some(&self.parts),
            (S3Tier::Tier2, Some(_)) => self.tier2.as_deref().or(standard),
            (S3Tier::Tier1 | S3Tier::Tier2, None) => standard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{price, s3_operation, s3_operations};
    use super::*;

    fn item(class: &str, operation: &str) -> Option<&'static str> {
        storage_class(class)
            .unwrap()
            .item(s3_operation(operation).unwrap())
    }

    #[test]
    fn requests_are_charged_by_class() {
        for (class, operation, expected) in [
            ("STANDARD", "PutObject", Some("s3-tier1")),
            ("STANDARD", "GetObject", Some("s3-tier2")),
            ("STANDARD_IA", "PutObject", Some("s3-standard-ia-tier1")),
            ("STANDARD_IA", "HeadObject", Some("s3-standard-ia-tier2")),
            // Lists and tags cost the same in all classes, and so does a change of encryption.
            ("STANDARD_IA", "ListObjects", Some("s3-tier1")),
            ("GLACIER_IR", "PutObjectTagging", Some("s3-tier1")),
            ("GLACIER_IR", "UpdateObjectEncryption", Some("s3-tier1")),
            ("INTELLIGENT_TIERING", "GetObject", Some("s3-tier2")),
            (
                "INTELLIGENT_TIERING",
                "LifecycleTransition",
                Some("s3-transitions-intelligent-tiering"),
            ),
            ("DEEP_ARCHIVE", "UploadPart", Some("s3-tier1")),
            (
                "DEEP_ARCHIVE",
                "CompleteMultipartUpload",
                Some("s3-deep-archive-tier1"),
            ),
            (
                "DEEP_ARCHIVE",
                "LifecycleTransition",
                Some("s3-deep-archive-tier1"),
            ),
            ("EXPRESS_ONEZONE", "ListObjects", Some("s3-express-tier1")),
            ("EXPRESS_ONEZONE", "GetObject", Some("s3-express-tier2")),
            ("EXPRESS_ONEZONE", "DeleteObject", None),
            ("STANDARD_IA", "DeleteObject", None),
            ("STANDARD", "LifecycleTransition", None),
        ] {
            assert_eq!(item(class, operation), expected, "{class} {operation}");
        }
    }

    #[test]
    fn every_item_has_a_price() {
        for class in storage_classes() {
            for row in s3_operations() {
                if let Some(item) = class.item(row) {
                    assert!(
                        price(item, "us-east-1").is_some(),
                        "{} {}",
                        class.id,
                        row.id
                    );
                }
            }
        }
    }
}
