//! KMS calls as CloudTrail logs them.
//!
//! Every KMS call is a management event, read-only for cryptographic operations; plaintext, ciphertext and
//! response are left out. A call that S3 makes for a requester names that requester, invoked by S3's forward access
//! session. A call on another account's key is logged in both accounts, with one `sharedEventID`, and in the
//! caller's alone if it is denied. Sources: KMS Developer Guide, logging; CloudTrail record contents; public
//! samples of 2026.

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
    /// `aws:s3:arn` of the encryption context.
    pub s3_arn: Option<String>,
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
        let service = if self.by_s3 {
            "fas.s3.amazonaws.com"
        } else {
            SOURCE_IP
        };
        put("eventVersion", json!("1.11"));
        put("userIdentity", self.identity(recipient));
        put(
            "eventTime",
            json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        );
        put("eventSource", json!("kms.amazonaws.com"));
        put("eventName", json!(self.operation.name()));
        put("awsRegion", json!(self.key.region));
        put("sourceIPAddress", json!(service));
        put("userAgent", json!(if self.by_s3 { service } else { AGENT }));
        match self.answer {
            Answer::Granted => {}
            Answer::Denied => {
                put("errorCode", json!("AccessDenied"));
                put(
                    "errorMessage",
                    json!(format!(
                        "User: {} is not authorized to perform: kms:{} on resource: {}",
                        self.principal,
                        self.operation.name(),
                        self.key
                    )),
                );
            }
            Answer::Throttled => {
                put("errorCode", json!("ThrottlingException"));
                put("errorMessage", json!("Rate exceeded"));
            }
        }
        put("requestParameters", self.parameters());
        put("responseElements", Value::Null);
        put("requestID", json!(uuid(key.named("requestID"))));
        put(
            "eventID",
            json!(uuid(key.named("eventID").named(recipient))),
        );
        put("readOnly", json!(true));
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

    fn identity(&self, recipient: &str) -> Value {
        let arn = match self.principal {
            Principal::Service(name) => return json!({"type": "AWSService", "invokedBy": name}),
            Principal::Aws(arn) => arn,
        };
        let mut identity = Map::new();
        let mut put = |name: &str, value: Value| {
            identity.insert(name.to_owned(), value);
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
            match (session, self.principal.arn()) {
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
        if self.by_s3 {
            put("invokedBy", json!("fas.s3.amazonaws.com"));
        }
        Value::Object(identity)
    }

    fn parameters(&self) -> Value {
        let mut parameters = Map::new();
        let mut put = |name: &str, value: Value| {
            parameters.insert(name.to_owned(), value);
        };
        if let Some(arn) = &self.s3_arn {
            put("encryptionContext", json!({"aws:s3:arn": arn}));
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
            s3_arn: Some("arn:aws:s3:::b/x".to_owned()),
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
