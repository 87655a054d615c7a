//! A request for an object as a data event.

use super::record::{AGENT, EVENT_VERSION, Origin, event_time, identity, uuid};
use crate::access::Principal;
use crate::access::arn::Arn;
use crate::engine::random::Key;
use crate::scenario::workload::TlsVersion;
use serde_json::{Map, Value, json};

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
    /// Where it comes from, where a requester sends it.
    pub origin: Origin<'a>,
    /// Whether it only reads.
    pub reads: bool,
    /// TLS version, `None`: plain HTTP.
    pub tls: Option<TlsVersion>,
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
            Value::Object(identity(self.principal, &self.owner, at)),
        );
        put("eventTime", json!(event_time(at)));
        put("eventSource", json!("s3.amazonaws.com"));
        put("eventName", json!(self.operation));
        put("awsRegion", json!(self.region));
        put(
            "sourceIPAddress",
            json!(service.unwrap_or(self.origin.address)),
        );
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
        if let Some(endpoint) = self.origin.vpc_endpoint.filter(|_| service.is_none()) {
            put("vpcEndpointId", json!(endpoint));
        }
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
