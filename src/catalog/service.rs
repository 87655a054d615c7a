//! How other services call KMS for what is sent to them.
//!
//! Data: `services.toml`.

use super::built_in::built_in;
use super::operation::KmsOperation;
use super::row::CatalogRow;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A service that calls KMS for what is sent to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRow {
    /// What a scenario calls it.
    pub id: String,
    /// What AWS calls it.
    pub name: String,
    /// What CloudTrail names as `invokedBy`; `None`: whoever sends the request calls KMS itself.
    pub principal: Option<String>,
    /// Its endpoint as `kms:ViaService` names it, without Region.
    pub via: Option<String>,
    /// Whether `aws:CalledVia` names it.
    #[serde(default)]
    pub called_via: bool,
    /// What its requests are on: `queue`.
    pub resource: String,
    /// Its name in ARNs and actions.
    pub prefix: String,
    /// The end of its resources' ARNs, with `{name}`.
    pub arn: String,
    /// Pairs of the encryption context of its KMS calls.
    #[serde(default)]
    pub encryption_context: BTreeMap<String, String>,
    /// How long it keeps a data key; `None`: each request calls KMS.
    pub reuse: Option<DataKeyReuse>,
    /// Whether AWS publishes no figure.
    #[serde(default)]
    pub assumed: bool,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

/// How long a service keeps a data key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKeyReuse {
    /// From when on that time counts.
    pub renewal: DataKeyRenewal,
    /// The time by default \[s\].
    pub default_s: u64,
    /// The least that it may be set to \[s\]; `None`: it cannot be set.
    pub least_s: Option<u64>,
    /// The most \[s\].
    pub most_s: Option<u64>,
    /// Who has a data key of its own, in words.
    pub holder: String,
    /// Whether that is a connection, which may be closed.
    #[serde(default)]
    pub connections: bool,
}

/// From when on the time counts for which a data key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataKeyRenewal {
    /// From KMS's answer.
    Fixed,
    /// From the last use.
    Sliding,
}

/// What can be asked of a service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceOperation {
    /// The service's identifier.
    pub service: String,
    /// Its name.
    pub id: String,
    /// The action that policies know, where that is called otherwise.
    action: Option<String>,
    /// KMS operations that it needs, in order.
    pub needs: Vec<KmsOperation>,
    /// Which of the data keys that the service keeps meets them; `None`: each request calls KMS.
    pub holds: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServicesFile {
    service: Vec<ServiceRow>,
    operation: Vec<ServiceOperation>,
}

static SERVICES: LazyLock<ServicesFile> =
    LazyLock::new(|| built_in("services.toml", include_str!("services.toml")));

/// Every service.
pub fn services() -> &'static [ServiceRow] {
    &SERVICES.service
}

/// The service of an identifier.
pub fn service(id: &str) -> Option<&'static ServiceRow> {
    services().iter().find(|row| row.id == id)
}

/// What can be asked of any service.
pub fn service_operations() -> &'static [ServiceOperation] {
    &SERVICES.operation
}

impl ServiceRow {
    /// What can be asked of it.
    pub fn operations(&self) -> impl Iterator<Item = &'static ServiceOperation> {
        let all = service_operations().iter();
        all.filter(|operation| operation.service == self.id)
    }

    /// One of its operations.
    pub fn operation(&self, id: &str) -> Option<&'static ServiceOperation> {
        self.operations().find(|operation| operation.id == id)
    }

    /// The action that policies know an operation by.
    pub fn action_of(&self, operation: &ServiceOperation) -> String {
        let action = operation.action.as_ref().unwrap_or(&operation.id);
        format!("{}:{action}", self.prefix)
    }
}

impl DataKeyReuse {
    /// In words: `for 300 s (60 to 86400 s) from the last use`.
    fn words(&self) -> String {
        let range = match (self.least_s, self.most_s) {
            (Some(least), Some(most)) => format!(" ({least} to {most} s)"),
            _ => String::new(),
        };
        let from = match self.renewal {
            DataKeyRenewal::Fixed => "from KMS's answer",
            DataKeyRenewal::Sliding => "from the last use",
        };
        format!(
            "a data key for each {} serves for {} s{range} {from}",
            self.holder, self.default_s
        )
    }
}

/// A row for each service, and one for each of its operations.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    services().iter().flat_map(|row| {
        let context: Vec<&str> = row.encryption_context.keys().map(String::as_str).collect();
        let catalog_row = |kind, id: String, value: String, unit: &str, note: String| CatalogRow {
            kind,
            id,
            region: String::new(),
            value,
            unit: unit.to_owned(),
            assumed: row.assumed,
            note,
            source: row.source.clone(),
            as_of: row.as_of.clone(),
        };
        let calls = match &row.reuse {
            Some(reuse) => reuse.words(),
            None => "each request calls KMS".to_owned(),
        };
        let of_service = catalog_row(
            "service",
            row.id.clone(),
            calls,
            "data keys of other services",
            format!(
                "{}; encryption context: {}",
                row.name,
                match context.as_slice() {
                    [] => "none".to_owned(),
                    names => names.join(", "),
                }
            ),
        );
        let of_operation = move |operation: &'static ServiceOperation| {
            let needs: Vec<&str> = operation.needs.iter().map(|need| need.name()).collect();
            let per = match operation.holds {
                Some(_) => "only without a data key at hand",
                None => "each time",
            };
            let id = format!("{}:{}", row.id, operation.id);
            catalog_row(
                "service-operation",
                id,
                needs.join(", "),
                "KMS calls of other services",
                per.to_owned(),
            )
        };
        std::iter::once(of_service).chain(row.operations().map(of_operation))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_belongs_to_a_service_that_can_do_what_it_says() {
        for operation in service_operations() {
            let row = service(&operation.service).unwrap_or_else(|| panic!("{operation:?}"));
            assert!(
                !operation.needs.is_empty() && operation.needs.len() <= crate::model::MAX_NEEDS
            );
            assert!(
                operation.holds.is_none() || row.reuse.is_some(),
                "{operation:?}"
            );
        }
        for row in services() {
            assert!(row.operations().next().is_some(), "{row:?}");
            let (least, most) = row
                .reuse
                .as_ref()
                .map_or((None, None), |r| (r.least_s, r.most_s));
            assert_eq!(least.is_some(), most.is_some(), "{row:?}");
        }
    }

    /// The estimate of the SQS guide: R = (B ÷ D) · (2P + C).
    #[test]
    fn a_producer_of_sqs_makes_two_calls_in_a_period_and_a_consumer_one() {
        let sqs = service("sqs").unwrap();
        let calls = |id| sqs.operation(id).unwrap().needs.len();
        assert_eq!((calls("SendMessage"), calls("ReceiveMessage")), (2, 1));
        let reuse = sqs.reuse.as_ref().unwrap();
        assert_eq!(
            (reuse.default_s, reuse.least_s, reuse.most_s),
            (300, Some(60), Some(86_400))
        );
    }
}
