//! A KMS call and its records, one for each account that logs it.

use super::parameters::{parameters, resources};
use super::record::{AGENT, EVENT_VERSION, Origin, event_time, identity, sender, uuid};
use crate::access::arn::Arn;
use crate::access::{ContextValue, Principal};
use crate::catalog::{KeySpec, KmsOperation};
use crate::engine::random::Key;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What KMS tells whom it throttles (KMS Developer Guide, throttling).
const THROTTLED: &str =
    "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

/// A KMS call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The operation.
    pub operation: KmsOperation,
    /// Who calls, or for whom a service does.
    pub principal: &'a Principal,
    /// The calling account, twelve digits.
    pub caller: String,
    /// The key.
    pub key: &'a Arn,
    /// The alias by which the caller names it; `None`: by its ARN.
    pub key_alias: Option<&'a str>,
    /// What kind of key it is.
    pub spec: KeySpec,
    /// Where it comes from, where nobody makes it for somebody.
    pub origin: Origin<'a>,
    /// The service that makes the call for somebody, as `invokedBy` names it.
    pub invoked_by: Option<&'a str>,
    /// The pairs of its encryption context.
    pub encryption_context: BTreeMap<String, ContextValue>,
    /// How KMS answers.
    pub answer: KmsAnswer,
}

/// How KMS answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsAnswer {
    /// With what was asked for.
    Granted,
    /// The caller may not.
    Denied,
    /// The key is disabled.
    Disabled,
    /// The key is pending deletion.
    PendingDeletion,
    /// The request quota is used up.
    Throttled,
}

impl Call<'_> {
    /// Its records, the caller's first; numbers that AWS gives out are drawn from `key`.
    pub fn records(&self, at: jiff::Timestamp, key: Key) -> Vec<Value> {
        let is_foreign = self.operation.is_on_key() && self.caller != self.key.account;
        let shared = (is_foreign && self.answer != KmsAnswer::Denied)
            .then(|| uuid(key.named("sharedEventID")));
        let mut records = vec![self.record(at, key, &self.caller, shared.as_deref())];
        if shared.is_some() {
            records.push(self.record(at, key, &self.key.account, shared.as_deref()));
        }
        records
    }

    fn record(
        &self,
        at: jiff::Timestamp,
        key: Key,
        recipient: &str,
        shared: Option<&str>,
    ) -> Value {
        let mut record = Map::new();
        let mut put = |name: &str, value: Value| {
            record.insert(name.to_owned(), value);
        };
        let service = match self.principal {
            Principal::Service(name) => Some(name.as_str()),
            Principal::Aws(_) => self.invoked_by,
        };
        put("eventVersion", json!(EVENT_VERSION));
        put("userIdentity", self.identity(recipient, at));
        put("eventTime", json!(event_time(at)));
        put("eventSource", json!("kms.amazonaws.com"));
        put("eventName", json!(self.operation.name()));
        put("awsRegion", json!(self.key.region));
        put(
            "sourceIPAddress",
            json!(service.unwrap_or(self.origin.address)),
        );
        put("userAgent", json!(service.unwrap_or(AGENT)));
        if let Some((code, message)) = self.error() {
            put("errorCode", json!(code));
            put("errorMessage", json!(message));
        }
        // A throttled call is turned away before anything of it is looked at.
        let is_read = self.answer != KmsAnswer::Throttled;
        let key_id = self
            .key_alias
            .map_or_else(|| self.key.to_string(), str::to_owned);
        let of_key = (key_id, self.spec);
        put(
            "requestParameters",
            if is_read {
                parameters(self.operation, of_key, self.encryption_context())
            } else {
                Value::Null
            },
        );
        put("responseElements", Value::Null);
        put("requestID", json!(uuid(key.named("requestID"))));
        put(
            "eventID",
            json!(uuid(key.named("eventID").named(recipient))),
        );
        put("readOnly", json!(self.operation.is_read()));
        if is_read {
            put("resources", resources(self.operation, self.key));
        }
        put("eventType", json!("AwsApiCall"));
        put("managementEvent", json!(true));
        put("recipientAccountId", json!(recipient));
        if let Some(id) = shared {
            put("sharedEventID", json!(id));
        }
        if let Some(endpoint) = self.origin.vpc_endpoint.filter(|_| service.is_none()) {
            put("vpcEndpointId", json!(endpoint));
        }
        put("eventCategory", json!("Management"));
        Value::Object(record)
    }

    fn error(&self) -> Option<(&'static str, String)> {
        let (operation, key) = (self.operation.name(), self.key);
        Some(match self.answer {
            KmsAnswer::Granted => return None,
            KmsAnswer::Denied => (
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: kms:{operation} on resource: {key}",
                    sender(self.principal)
                ),
            ),
            KmsAnswer::Disabled => ("DisabledException", format!("{key} is disabled.")),
            KmsAnswer::PendingDeletion => (
                "KMSInvalidStateException",
                format!("{key} is pending deletion."),
            ),
            KmsAnswer::Throttled => ("ThrottlingException", THROTTLED.to_owned()),
        })
    }

    fn encryption_context(&self) -> Option<Value> {
        (!self.encryption_context.is_empty()).then(|| json!(self.encryption_context))
    }

    /// The caller, as an account's record names it.
    fn identity(&self, recipient: &str, at: jiff::Timestamp) -> Value {
        let mut identity = identity(self.principal, recipient, at);
        if let (Some(service), Principal::Aws(_)) = (self.invoked_by, self.principal) {
            identity.insert("invokedBy".to_owned(), json!(service));
        }
        Value::Object(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, answer: KmsAnswer) -> Vec<Value> {
        let principal = format!("arn:aws:sts::{caller}:assumed-role/app/s1");
        let key = "arn:aws:kms:us-east-1:111122223333:key/k"
            .parse()
            .expect("an ARN");
        Call {
            operation: KmsOperation::Decrypt,
            principal: &principal.parse().expect("a principal"),
            caller: caller.to_owned(),
            key: &key,
            key_alias: None,
            spec: KeySpec::SymmetricDefault,
            origin: Origin::default(),
            invoked_by: Some("fas.s3.amazonaws.com"),
            encryption_context: [(
                "aws:s3:arn".to_owned(),
                ContextValue::Single("arn:aws:s3:::b/x".to_owned()),
            )]
            .into(),
            answer,
        }
        .records(jiff::Timestamp::UNIX_EPOCH, Key::root(1, 0))
    }

    #[test]
    fn both_accounts_log_a_call_across_accounts() {
        let own = call("111122223333", KmsAnswer::Granted);
        assert_eq!(own.len(), 1);
        assert_eq!(own[0]["userIdentity"]["invokedBy"], "fas.s3.amazonaws.com");
        assert_eq!(own[0]["eventTime"], "1970-01-01T00:00:00Z");
        assert!(own[0].get("sharedEventID").is_none() && own[0].get("errorCode").is_none());
        let both = call("444455556666", KmsAnswer::Granted);
        assert_eq!(both.len(), 2);
        assert_eq!(both[0]["sharedEventID"], both[1]["sharedEventID"]);
        assert_ne!(both[0]["eventID"], both[1]["eventID"]);
        let recipients = [&both[0], &both[1]].map(|r| r["recipientAccountId"].clone());
        assert_eq!(recipients, ["444455556666", "111122223333"]);
        assert!(both[1]["userIdentity"].get("arn").is_none());
        // Denied, it is logged in the caller's account alone.
        let denied = call("444455556666", KmsAnswer::Denied);
        assert_eq!(denied.len(), 1);
        assert_eq!(denied[0]["errorCode"], "AccessDenied");
    }
}
