//! KMS calls as CloudTrail logs them.
//!
//! Every KMS call is a management event, read-only for cryptographic operations; plaintext, ciphertext and
//! response are left out. A call that S3 makes for a requester names that requester, invoked by S3's forward access
//! session. A call on another account's key is logged in both accounts, with one `sharedEventID`, and in the
//! caller's alone if it is denied. Sources: KMS Developer Guide, logging; CloudTrail record contents; public
//! samples of 2026.

mod log_file;

pub use log_file::{LogFile, log_file};
pub(crate) use log_file::{call_of, checks, principal};

use crate::access::Principal;
use crate::access::arn::Arn;
use crate::catalog::KmsOperation;
use crate::engine::random::Key;
use serde_json::{Map, Value, json};

/// A KMS call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The operation.
    pub operation: KmsOperation,
    /// Who calls, or for whom S3 does.
    pub principal: &'a Principal,
    /// The calling account, twelve digits.
    pub caller: String,
    /// The key.
    pub key: &'a Arn,
    /// Whether S3 makes the call.
    pub by_s3: bool,
    /// The pair of the encryption context that the service adds: `aws:s3:arn` or `aws:logs:arn`.
    pub encryption_context: Option<(&'static str, String)>,
    /// How KMS answers.
    pub answer: Answer,
}

/// How KMS answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
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
        let shared = (self.caller != self.key.account && self.answer != Answer::Denied)
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
            Principal::Aws(_) => self.by_s3.then_some(S3_FORWARD_ACCESS),
        };
        put("eventVersion", json!(EVENT_VERSION));
        put("userIdentity", self.identity(recipient));
        put("eventTime", json!(event_time(at)));
        put("eventSource", json!("kms.amazonaws.com"));
        put("eventName", json!(self.operation.name()));
        put("awsRegion", json!(self.key.region));
        put("sourceIPAddress", json!(service.unwrap_or(SOURCE_IP)));
        put("userAgent", json!(service.unwrap_or(AGENT)));
        if let Some((code, message)) = self.error() {
            put("errorCode", json!(code));
            put("errorMessage", json!(message));
        }
        put("requestParameters", self.parameters());
        put("responseElements", Value::Null);
        put("requestID", json!(uuid(key.named("requestID"))));
        put(
            "eventID",
            json!(uuid(key.named("eventID").named(recipient))),
        );
        put("readOnly", json!(self.operation.is_read()));
        put(
            "resources",
            json!([{"accountId": self.key.account, "type": "AWS::KMS::Key", "ARN": self.key.to_string()}]),
        );
        put("eventType", json!("AwsApiCall"));
        put("managementEvent", json!(true));
        put("recipientAccountId", json!(recipient));
        if let Some(id) = shared {
            put("sharedEventID", json!(id));
        }
        put("eventCategory", json!("Management"));
        Value::Object(record)
    }

    fn error(&self) -> Option<(&'static str, String)> {
        let (operation, key) = (self.operation.name(), self.key);
        Some(match self.answer {
            Answer::Granted => return None,
            Answer::Denied => (
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: kms:{operation} on resource: {key}",
                    self.principal
                ),
            ),
            Answer::Disabled => ("DisabledException", format!("{key} is disabled.")),
            Answer::PendingDeletion => (
                "KMSInvalidStateException",
                format!("{key} is pending deletion."),
            ),
            Answer::Throttled => ("ThrottlingException", "Rate exceeded".to_owned()),
        })
    }

    fn parameters(&self) -> Value {
        let mut parameters = Map::new();
        let mut put = |name: &str, value: Value| {
            parameters.insert(name.to_owned(), value);
        };
        if let Some((name, arn)) = &self.encryption_context {
            put("encryptionContext", json!({*name: arn}));
        }
        match self.operation {
            KmsOperation::Decrypt | KmsOperation::Encrypt => {
                put("encryptionAlgorithm", json!("SYMMETRIC_DEFAULT"));
                if self.operation == KmsOperation::Encrypt {
                    put("keyId", json!(self.key.to_string()));
                }
            }
            KmsOperation::GenerateDataKey | KmsOperation::GenerateDataKeyWithoutPlaintext => {
                put("keySpec", json!("AES_256"));
                put("keyId", json!(self.key.to_string()));
            }
            _ => put("keyId", json!(self.key.to_string())),
        }
        Value::Object(parameters)
    }

    /// The caller, as an account's record names it.
    fn identity(&self, recipient: &str) -> Value {
        let mut identity = identity(self.principal, recipient);
        if self.by_s3 && matches!(self.principal, Principal::Aws(_)) {
            identity.insert("invokedBy".to_owned(), json!(S3_FORWARD_ACCESS));
        }
        Value::Object(identity)
    }
}

/// A request for an object, which S3 logs as a data event.
#[derive(Clone, Debug)]
pub struct DataEvent<'a> {
    /// The API operation: `GetObject`.
    pub operation: &'a str,
    /// Who sends it.
    pub principal: &'a Principal,
    /// The bucket.
    pub bucket: &'a Arn,
    /// Key of the object, `None`: the operation is on the bucket.
    pub object: Option<String>,
    /// Region of the bucket.
    pub region: &'a str,
    /// Its owner, twelve digits, who records it.
    pub owner: String,
    /// Whether it only reads.
    pub reads: bool,
    /// TLS version, `None`: plain HTTP.
    pub tls: Option<&'a str>,
    /// The error's code and message, `None`: it succeeded.
    pub error: Option<(&'a str, String)>,
}

impl DataEvent<'_> {
    /// Its record in the account of the bucket's owner; numbers that AWS gives out are drawn from `key`.
    pub fn record(&self, at: jiff::Timestamp, key: Key) -> Value {
        let mut record = Map::new();
        let mut put = |name: &str, value: Value| {
            record.insert(name.to_owned(), value);
        };
        let bucket = self.bucket.resource.as_str();
        let service = match self.principal {
            Principal::Service(name) => Some(name.as_str()),
            Principal::Aws(_) => None,
        };
        put("eventVersion", json!(EVENT_VERSION));
        put(
            "userIdentity",
            Value::Object(identity(self.principal, &self.owner)),
        );
        put("eventTime", json!(event_time(at)));
        put("eventSource", json!("s3.amazonaws.com"));
        put("eventName", json!(self.operation));
        put("awsRegion", json!(self.region));
        put("sourceIPAddress", json!(service.unwrap_or(SOURCE_IP)));
        put("userAgent", json!(service.unwrap_or(AGENT)));
        if let Some((code, message)) = &self.error {
            put("errorCode", json!(code));
            put("errorMessage", json!(message));
        }
        let mut parameters = json!({"bucketName": bucket});
        let mut resources = vec![
            json!({"accountId": self.owner, "type": "AWS::S3::Bucket", "ARN": self.bucket.to_string()}),
        ];
        if let Some(object) = &self.object {
            parameters["key"] = json!(object);
            let arn = format!("{}/{object}", self.bucket);
            resources.insert(0, json!({"type": "AWS::S3::Object", "ARN": arn}));
        }
        put("requestParameters", parameters);
        put("responseElements", Value::Null);
        put("requestID", json!(uuid(key.named("requestID"))));
        put("eventID", json!(uuid(key.named("eventID"))));
        put("readOnly", json!(self.reads));
        put("resources", Value::Array(resources));
        put("eventType", json!("AwsApiCall"));
        put("managementEvent", json!(false));
        put("recipientAccountId", json!(self.owner));
        put("eventCategory", json!("Data"));
        if let Some(version) = self.tls {
            put(
                "tlsDetails",
                json!({"tlsVersion": format!("TLSv{version}")}),
            );
        }
        Value::Object(record)
    }
}

/// A principal, as an account's record names it.
fn identity(principal: &Principal, recipient: &str) -> Map<String, Value> {
    let mut identity = Map::new();
    let mut put = |name: &str, value: Value| {
        identity.insert(name.to_owned(), value);
    };
    let arn = match principal {
        Principal::Service(name) => {
            put("type", json!("AWSService"));
            put("invokedBy", json!(name));
            return identity;
        }
        Principal::Aws(arn) => arn,
    };
    let session = arn
        .resource
        .strip_prefix("assumed-role/")
        .and_then(|r| r.split_once('/'));
    let (kind, id) = match session {
        Some((role, session)) => (
            "AssumedRole",
            format!("{}:{session}", unique_id("AROA", role)),
        ),
        None => ("IAMUser", unique_id("AIDA", &arn.resource)),
    };
    // The owner of a key is not told more of a stranger than the account.
    if recipient != arn.account {
        put("type", json!("AWSAccount"));
        put("principalId", json!(id));
        put("accountId", json!(arn.account));
    } else {
        put("type", json!(kind));
        put("principalId", json!(id));
        put("arn", json!(arn.to_string()));
        put("accountId", json!(arn.account));
        match (session, principal.arn()) {
            (Some((role, _)), Some(role_arn)) => put(
                "sessionContext",
                json!({"sessionIssuer": {
                    "type": "Role",
                    "principalId": unique_id("AROA", role),
                    "arn": role_arn.to_string(),
                    "accountId": arn.account,
                    "userName": role,
                }}),
            ),
            _ => put(
                "userName",
                json!(arn.resource.rsplit('/').next().unwrap_or_default()),
            ),
        }
    }
    identity
}

/// The service that calls for whoever asks S3, in a session of theirs.
const S3_FORWARD_ACCESS: &str = "fas.s3.amazonaws.com";

/// Version of the records' form.
const EVENT_VERSION: &str = "1.11";

/// An instant to the second, as records hold it.
fn event_time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Where a direct call comes from: an address for documentation (RFC 5737).
const SOURCE_IP: &str = "192.0.2.1";

/// Who made the records.
const AGENT: &str = concat!("kmsim/", env!("CARGO_PKG_VERSION"));

/// A version-4 UUID.
fn uuid(key: Key) -> String {
    let bits = (u128::from(key.with(0).bits()) << 64) | u128::from(key.with(1).bits());
    let bits = bits & !(0xF000 << 64) & !(0xC000 << 48) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// An identifier as IAM gives them out, the same for the same name.
fn unique_id(prefix: &str, name: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let key = Key::root(0, 0).named(prefix).named(name);
    let digit = |i: u64| char::from(DIGITS[key.with(i).below(32) as usize]);
    prefix.chars().chain((0..17).map(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, answer: Answer) -> Vec<Value> {
        let principal = format!("arn:aws:sts::{caller}:assumed-role/app/s1");
        let key = "arn:aws:kms:us-east-1:111122223333:key/k"
            .parse()
            .expect("an ARN");
        Call {
            operation: KmsOperation::Decrypt,
            principal: &principal.parse().expect("a principal"),
            caller: caller.to_owned(),
            key: &key,
            by_s3: true,
            encryption_context: Some(("aws:s3:arn", "arn:aws:s3:::b/x".to_owned())),
            answer,
        }
        .records(jiff::Timestamp::UNIX_EPOCH, Key::root(1, 0))
    }

    #[test]
    fn both_accounts_log_a_call_across_accounts() {
        let own = call("111122223333", Answer::Granted);
        assert_eq!(own.len(), 1);
        assert_eq!(own[0]["userIdentity"]["invokedBy"], "fas.s3.amazonaws.com");
        assert_eq!(own[0]["eventTime"], "1970-01-01T00:00:00Z");
        assert!(own[0].get("sharedEventID").is_none() && own[0].get("errorCode").is_none());
        let both = call("444455556666", Answer::Granted);
        assert_eq!(both.len(), 2);
        assert_eq!(both[0]["sharedEventID"], both[1]["sharedEventID"]);
        assert_ne!(both[0]["eventID"], both[1]["eventID"]);
        let recipients = [&both[0], &both[1]].map(|r| r["recipientAccountId"].clone());
        assert_eq!(recipients, ["444455556666", "111122223333"]);
        assert!(both[1]["userIdentity"].get("arn").is_none());
        // Denied, it is logged in the caller's account alone.
        let denied = call("444455556666", Answer::Denied);
        assert_eq!(denied.len(), 1);
        assert_eq!(denied[0]["errorCode"], "AccessDenied");
    }

    #[test]
    fn identifiers_have_the_form_of_those_of_aws() {
        let id = uuid(Key::root(1, 2));
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_eq!(unique_id("AROA", "app").len(), 21);
    }
}
