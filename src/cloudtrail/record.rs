//! What all records have in common: who is named how, and the identifiers that AWS gives out.

use crate::access::Principal;
use crate::engine::random::Key;
use serde_json::{Map, Value, json};

/// A principal, as an account's record names it.
pub(super) fn identity(principal: &Principal, recipient: &str) -> Map<String, Value> {
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
            (None, _) | (_, None) => put(
                "userName",
                json!(arn.resource.rsplit('/').next().unwrap_or_default()),
            ),
        }
    }
    identity
}

/// The service that calls for whoever asks S3, in a session of theirs.
pub(super) const S3_FORWARD_ACCESS: &str = "fas.s3.amazonaws.com";

/// Version of the records' form.
pub(super) const EVENT_VERSION: &str = "1.11";

/// An instant to the second, as records hold it.
pub(super) fn event_time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Where a direct call comes from: an address for documentation (RFC 5737).
pub(super) const SOURCE_IP: &str = "192.0.2.1";

/// Who made the records.
pub(super) const AGENT: &str = concat!("kmsim/", env!("CARGO_PKG_VERSION"));

/// A version-4 UUID.
pub(super) fn uuid(key: Key) -> String {
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
