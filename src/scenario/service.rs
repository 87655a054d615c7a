//! `workload.NAME.service`: another service than S3, which calls KMS for what the workload sends it.

use super::assumption::Renewal;
use super::key::KmsKeySettings;
use crate::catalog::{self, DataKeyRenewal, DataKeyReuse, KeySpec, ServiceRow};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::model::source::ServiceKeyRules;
use crate::units::Span;
use serde::Serialize;

/// A service as a workload asks it.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceSettings {
    /// Which one, as the catalog calls it.
    pub name: String,
    /// Its queue, table, stream, …
    pub resource: String,
    /// Those for each of whom it keeps data keys, `None`: every client is one.
    pub callers: Option<u32>,
    /// How long a data key serves, `None`: it keeps none.
    pub data_key_reuse_period: Option<Span>,
    /// From when on that time counts.
    pub renewal: Option<Renewal>,
    /// Requests after which a client opens another connection.
    pub requests_per_connection: Option<u32>,
    /// What AWS documents of it.
    #[serde(skip)]
    pub row: &'static ServiceRow,
}

/// The table `service` of a workload; `None` where there is none or it is at fault.
pub(super) fn service(workload: &str, r: &mut Reader<'_>) -> Option<ServiceSettings> {
    r.table("service", |r| {
        let ids = catalog::services().iter().map(|row| row.id.as_str());
        let name = r.required_reference("name", ids);
        let resource = r.or("resource", workload.to_owned());
        let callers = r.optional_in("callers", 1..=1_000_000);
        let period = r.whole_seconds("data_key_reuse_period");
        let renewal = r.keyword("renewal");
        let requests_per_connection = r.optional_in("requests_per_connection", 1..=u32::MAX);
        let row = catalog::service(&name?)?;
        without_effect(r, row);
        let reuse = row.reuse.as_ref();
        if let (Some(reuse), Some(period)) = (reuse, period) {
            in_range(r, row, reuse, period);
        }
        let by_default = |reuse: &DataKeyReuse| match reuse.renewal {
            DataKeyRenewal::Fixed => Renewal::Fixed,
            DataKeyRenewal::Sliding => Renewal::Sliding,
        };
        Some(ServiceSettings {
            name: row.id.clone(),
            resource,
            callers,
            data_key_reuse_period: reuse
                .map(|reuse| period.unwrap_or(Span::from_secs(reuse.default_s))),
            renewal: reuse.map(|reuse| renewal.unwrap_or(by_default(reuse))),
            requests_per_connection,
            row,
        })
    })
    .flatten()
}

/// Records keys of the table that change nothing of that service.
fn without_effect(r: &mut Reader<'_>, row: &ServiceRow) {
    let keeps_none = format!("{} keeps no data key: each request calls KMS", row.name);
    for key in ["callers", "data_key_reuse_period", "renewal"] {
        r.reject_without_effect(row.reuse.is_none(), key, &keeps_none, "drop it");
    }
    if let Some(reuse) = &row.reuse {
        let fixed = format!(
            "{} keeps a data key for {}, which cannot be set",
            row.name,
            Span::from_secs(reuse.default_s)
        );
        let is_setting = reuse.least_s.is_some();
        let is_known = !is_setting && !row.assumed;
        r.reject_without_effect(is_known, "data_key_reuse_period", &fixed, "drop it");
        let counted = format!(
            "the period of {} counts from KMS's answer, as AWS documents it",
            row.name
        );
        r.reject_without_effect(is_setting, "renewal", &counted, "drop it");
    }
    let connects = row.reuse.as_ref().is_some_and(|reuse| reuse.connections);
    let of_callers = format!("{} keeps nothing for a connection", row.name);
    r.reject_without_effect(
        !connects,
        "requests_per_connection",
        &of_callers,
        "drop it, or name a service that does: dynamodb",
    );
}

/// Whether a service takes a reuse period.
fn in_range(r: &Reader<'_>, row: &ServiceRow, reuse: &DataKeyReuse, period: Span) {
    // Where AWS says nothing, an assumption may be anything up to a day.
    let least = Span::from_secs(reuse.least_s.unwrap_or(1));
    let most = Span::from_secs(reuse.most_s.unwrap_or(86_400));
    if !(least..=most).contains(&period) {
        r.fault(
            Code::OutOfRange,
            r.place_of("data_key_reuse_period"),
            format!(
                "`{}` is {period}, and {} takes {least} to {most}",
                r.path_of("data_key_reuse_period"),
                row.name
            ),
            "write a period in that range",
        );
    }
}

/// Records what does not fit a workload's service: a bucket, no key, or a key that the service cannot use.
pub(super) fn fits_workload(
    r: &mut Reader<'_>,
    service: &ServiceSettings,
    key: Option<&KmsKeySettings>,
) {
    let name = &service.row.name;
    if r.has("bucket") {
        r.fault(
            Code::Contradiction,
            r.place_of("service"),
            format!(
                "`{}` sends requests to S3, and names {name} as well",
                r.path()
            ),
            "drop `bucket`: with `key` and `service` it is requests to that service",
        );
        return;
    }
    let Some(key) = key else { return };
    let (what, help) = if key.spec != KeySpec::SymmetricDefault {
        (
            format!(
                "is of spec {}, and {name} takes symmetric keys only",
                key.spec.name()
            ),
            "name a symmetric key",
        )
    } else if let Some(of) = key.service.as_ref().filter(|of| **of != service.name) {
        (
            format!("is the AWS managed key aws/{of}, which {name} cannot use"),
            "name a customer managed key, or the AWS managed key of the service",
        )
    } else {
        return;
    };
    r.fault(
        Code::Contradiction,
        r.place_of("key"),
        format!("the key that `{}` names {what}", r.path_of("key")),
        help,
    );
}

/// Records more callers than clients.
pub(super) fn fits_clients(r: &Reader<'_>, service: &ServiceSettings, clients: u32) {
    let callers = service.callers.unwrap_or(clients);
    if callers > clients {
        r.fault(
            Code::Contradiction,
            r.place_of("service"),
            format!(
                "`{}` has {clients} clients for {callers} callers of its service",
                r.path()
            ),
            format!("raise `clients` to {callers} or more, or lower `service.callers`"),
        );
    }
}

impl ServiceSettings {
    /// What each client has of its own there, so that their number matters.
    pub(super) fn of_each_client(&self) -> Option<String> {
        let of_caller = || format!("each client has a data key of its own at {}", self.row.name);
        self.row.reuse.is_some().then(of_caller)
    }

    /// How data keys are kept for a workload of so many clients; `None`: none serves twice.
    pub(super) fn rules(&self, clients: u32) -> Option<ServiceKeyRules> {
        // A connection for each request finds no data key.
        let serves = self.requests_per_connection != Some(1);
        let lifetime = self.data_key_reuse_period.filter(|_| serves)?;
        Some(ServiceKeyRules {
            callers: self.callers.unwrap_or(clients),
            lifetime: lifetime.as_ns(),
            sliding: self.renewal == Some(Renewal::Sliding),
            requests_per_connection: self.requests_per_connection,
        })
    }
}

#[cfg(test)]
pub(crate) mod cases;
