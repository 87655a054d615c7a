//! Files that AWS services deliver to buckets: which requesters are such services, and what they call their objects.

use super::requester::Requester;
use crate::access::Principal;
use crate::catalog::{self, DeliveryRow};

/// What a requester sends along, `None`: it is no service whose deliveries AWS documents.
pub(super) fn delivery(requester: &Requester) -> Option<&'static DeliveryRow> {
    match &requester.principal {
        Some(Principal::Service(name)) => catalog::delivery(name),
        Some(Principal::Aws(_)) | None => None,
    }
}

/// The key of an object that a service delivers on behalf of an account, from a Region.
pub(super) fn object(row: &DeliveryRow, account: &str, region: &str, name: &str) -> String {
    let begins = row.objects.as_deref().unwrap_or_default();
    let begins = begins
        .replace("{account}", account)
        .replace("{region}", region);
    format!("{begins}{name}")
}
