//! Requests to another service: the KMS calls that it makes for them, and what its own permission is asked of.

use super::super::service::ServiceSettings;
use super::super::workload::WorkloadSettings;
use super::asked::RequestKind;
use super::attached::{Caller, ResourceSettings};
use super::calls::{CallMade, HeldByS3, Made};
use super::decided::Access;
use super::names::partition;
use crate::access::arn::Arn;
use crate::access::{ContextValue, Request};
use crate::catalog::ServiceOperation;

impl<'a> Access<'a> {
    /// The KMS calls that a service makes for a workload's requests.
    pub(super) fn service_calls(
        &self,
        s: &WorkloadSettings,
        service: &ServiceSettings,
        operation: &ServiceOperation,
        caller: &Caller,
    ) -> Vec<CallMade> {
        let (Some(key), Some(arn)) = (&s.key, self.service_arn(s, service, caller)) else {
            return Vec::new();
        };
        let account = self.account_id(&caller.account);
        let pair = |(name, value): (&String, &String)| {
            let value = match value.as_str() {
                "{arn}" => arn.to_string(),
                value => value
                    .replace("{account}", &account)
                    .replace("{name}", &service.resource),
            };
            (name.clone(), ContextValue::Single(value))
        };
        let own = service.row.encryption_context.iter().map(pair);
        let mut encryption_context = s.encryption_context.clone();
        encryption_context.extend(own);
        let made = match service.row.via {
            Some(_) => Made::ForRequester,
            None => Made::ByRequester,
        };
        let needs = operation.needs.iter().enumerate();
        needs
            .map(|(need, &of)| CallMade {
                need,
                operation: of,
                key: key.clone(),
                key_alias: s.key_alias.clone().filter(|_| of.is_on_key()),
                bucket: None,
                service: Some(service.row),
                made,
                only_for: None,
                held: HeldByS3::Nothing,
                encryption_context: match of.has_encryption_context() {
                    true => encryption_context.clone(),
                    false => Default::default(),
                },
                pair_spec: None,
                charged_as: None,
                names_object: false,
            })
            .collect()
    }

    /// The queue, table, … of a workload: it lies in the account of whoever asks, in the key's Region.
    fn service_arn(
        &self,
        s: &WorkloadSettings,
        service: &ServiceSettings,
        caller: &Caller,
    ) -> Option<Arn> {
        let key = self.scenario.key.get(s.key.as_ref()?)?;
        let row = service.row;
        Some(Arn {
            partition: partition(&key.region).to_owned(),
            service: row.prefix.clone(),
            region: key.region.clone(),
            account: self.account_id(&caller.account),
            resource: row.arn.replace("{name}", &service.resource),
        })
    }

    /// Asks for the service's own permission.
    pub(super) fn ask_service(
        &self,
        kind: &mut RequestKind,
        s: &WorkloadSettings,
        service: &ServiceSettings,
        operation: &ServiceOperation,
    ) {
        let Some(resource) = self.service_arn(s, service, &kind.caller) else {
            return;
        };
        let (caller, region) = (kind.caller.clone(), resource.region.clone());
        let request = Request {
            principal: self.principal(&caller, &region),
            action: service.row.action_of(operation),
            resource_account: resource.account.clone(),
            context: self.service_context(s, &caller, &region),
            resource,
        };
        let on = ResourceSettings::Account(&caller.account);
        self.ask(&mut kind.checks, &caller, on, request, None);
    }
}
