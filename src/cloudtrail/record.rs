//! What all records have in common: who is named how, and the identifiers that AWS gives out.

use crate::access::arn::Arn;
use crate::access::{Context, Principal};
use crate::engine::random::Key;
use serde_json::{Map, Value, json};

/// Who sends a request: whoever it is, a role only by way of a session.
pub(super) fn sender(principal: &Principal) -> Principal {
    match principal {
        Principal::Aws(arn) => {
            let role = arn.resource.strip_prefix("role/");
            let role = role.filter(|_| arn.service == "iam");
            Principal::Aws(match role {
                // The ARN of a session leaves out the path of its role.
                Some(role) => Arn {
                    service: "sts".to_owned(),
                    resource: format!("assumed-role/{}/{SESSION}", last(role)),
                    ..arn.clone()
                },
                None => arn.clone(),
            })
        }
        Principal::Service(_) => principal.clone(),
    }
}

/// A session of a role that is named itself as the principal.
const SESSION: &str = "kmsim";

/// A principal, as an account's record of an instant names it.
pub(super) fn identity(
    principal: &Principal,
    recipient: &str,
    at: jiff::Timestamp,
) -> Map<String, Value> {
    let principal = sender(principal);
    let arn = match &principal {
        Principal::Service(name) => {
            return object([("type", json!("AWSService")), ("invokedBy", json!(name))]);
        }
        Principal::Aws(arn) => arn,
    };
    let who = Who::of(arn);
    let account = ("accountId", json!(arn.account));
    // The owner of a key is not told more of a stranger than the account.
    if recipient != arn.account {
        let id = ("principalId", json!(who.id(arn)));
        return object([("type", json!("AWSAccount")), id, account]);
    }
    let mut identity = object([
        ("type", json!(who.kind())),
        ("principalId", json!(who.id(arn))),
        ("arn", json!(arn.to_string())),
        account,
        ("accessKeyId", json!(who.access_key(arn))),
    ]);
    let mut put = |name: &str, value: Value| identity.insert(name.to_owned(), value);
    // A session as it may have begun: at the full hour, without MFA.
    let attributes = || {
        let hour = at.as_second().div_euclid(3_600) * 3_600;
        let begun = jiff::Timestamp::from_second(hour).unwrap_or(at);
        json!({"creationDate": event_time(begun), "mfaAuthenticated": "false"})
    };
    match who {
        Who::Root => {}
        Who::User(name) => {
            put("userName", json!(name));
        }
        Who::Session { role, .. } => {
            let role_arn = principal.arn().map(|arn| arn.to_string());
            let issuer = json!({
                "type": "Role",
                "principalId": unique_id("AROA", role),
                "arn": role_arn,
                "accountId": arn.account,
                "userName": role,
            });
            put(
                "sessionContext",
                json!({"sessionIssuer": issuer, "attributes": attributes()}),
            );
        }
        Who::Federated(_) => {
            put("sessionContext", json!({"attributes": attributes()}));
        }
    }
    identity
}

/// What kind of principal of an account it is.
enum Who<'a> {
    Root,
    User(&'a str),
    Session { role: &'a str, session: &'a str },
    Federated(&'a str),
}

impl<'a> Who<'a> {
    fn of(arn: &'a Arn) -> Who<'a> {
        let of_role = arn.resource.strip_prefix("assumed-role/");
        if let Some((role, session)) = of_role.and_then(|of| of.split_once('/')) {
            Who::Session { role, session }
        } else if let Some(name) = arn.resource.strip_prefix("federated-user/") {
            Who::Federated(name)
        } else if arn.resource == "root" {
            Who::Root
        } else {
            Who::User(last(&arn.resource))
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Who::Root => "Root",
            Who::User(_) => "IAMUser",
            Who::Session { .. } => "AssumedRole",
            Who::Federated(_) => "FederatedUser",
        }
    }

    fn id(&self, arn: &Arn) -> String {
        match self {
            Who::Root => arn.account.clone(),
            Who::User(_) => unique_id("AIDA", &arn.resource),
            Who::Session { role, session } => format!("{}:{session}", unique_id("AROA", role)),
            Who::Federated(name) => format!("{}:{name}", arn.account),
        }
    }

    /// An access key that says itself that it is none: those of sessions begin with ASIA, lasting ones with AKIA.
    fn access_key(&self, arn: &Arn) -> String {
        let prefix = match self {
            Who::Root | Who::User(_) => "AKIA",
            Who::Session { .. } | Who::Federated(_) => "ASIA",
        };
        let drawn = unique_id(prefix, &arn.to_string());
        format!("{}{EXAMPLE}", &drawn[..ACCESS_KEY - EXAMPLE.len()])
    }
}

/// Characters of an access key's identifier.
const ACCESS_KEY: usize = 20;

/// How AWS marks identifiers that are made up.
const EXAMPLE: &str = "EXAMPLE";

/// What follows the last stroke.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Version of the records' form.
pub(super) const EVENT_VERSION: &str = "1.11";

/// An instant to the second, as records hold it.
pub(super) fn event_time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Where a request of the requester's own comes from: what its context says, as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its address.
    pub address: &'a str,
    /// The VPC endpoint that it comes through.
    pub vpc_endpoint: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Of requests with these context keys.
    pub fn of(context: &'a Context) -> Origin<'a> {
        let mut addresses = ["aws:SourceIp", "aws:VpcSourceIp"].into_iter();
        Origin {
            address: addresses
                .find_map(|key| context.single(key))
                .unwrap_or(SOURCE_IP),
            vpc_endpoint: context.single("aws:SourceVpce"),
        }
    }
}

impl Default for Origin<'_> {
    fn default() -> Self {
        Origin {
            address: SOURCE_IP,
            vpc_endpoint: None,
        }
    }
}

/// Where a request comes from that does not say so: an address for documentation (RFC 5737).
const SOURCE_IP: &str = "192.0.2.1";

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

    /// CloudTrail User Guide, userIdentity element: the types and what each has.
    #[test]
    fn principals_are_named_as_cloudtrail_names_them() {
        let at = "2026-11-24T18:23:45Z".parse().expect("an instant");
        let named = |principal: &str, recipient: &str| {
            let principal = principal.parse().expect("a principal");
            Value::Object(identity(&principal, recipient, at))
        };
        let own = |principal: &str| named(principal, "111122223333");
        let root = own("arn:aws:iam::111122223333:root");
        assert_eq!(
            (&root["type"], &root["principalId"]),
            (&json!("Root"), &json!("111122223333"))
        );
        assert!(root.get("userName").is_none() && root.get("sessionContext").is_none());
        let user = own("arn:aws:iam::111122223333:user/team/alice");
        assert_eq!(
            (&user["type"], &user["userName"]),
            (&json!("IAMUser"), &json!("alice"))
        );
        let federated = own("arn:aws:sts::111122223333:federated-user/bob");
        assert_eq!(federated["type"], "FederatedUser");
        assert_eq!(federated["principalId"], "111122223333:bob");
        let began = |who: &Value| who["sessionContext"]["attributes"]["creationDate"].clone();
        assert_eq!(began(&federated), "2026-11-24T18:00:00Z");
        let session = own("arn:aws:sts::111122223333:assumed-role/app/s1");
        let issuer = &session["sessionContext"]["sessionIssuer"];
        assert_eq!(issuer["arn"], "arn:aws:iam::111122223333:role/app");
        let id = issuer["principalId"].as_str().expect("an identifier");
        assert_eq!(session["principalId"], format!("{id}:s1"));
        assert_eq!(began(&session), "2026-11-24T18:00:00Z");
        // A role calls in a session.
        let role = own("arn:aws:iam::111122223333:role/team/app");
        assert_eq!(role["type"], "AssumedRole");
        assert_eq!(
            role["arn"],
            "arn:aws:sts::111122223333:assumed-role/app/kmsim"
        );
        assert_eq!(role["sessionContext"]["sessionIssuer"], *issuer);
        for (who, prefix) in [
            (&root, "AKIA"),
            (&user, "AKIA"),
            (&session, "ASIA"),
            (&federated, "ASIA"),
        ] {
            let key = who["accessKeyId"].as_str().expect("a key");
            assert!(
                key.len() == 20 && key.starts_with(prefix) && key.ends_with("EXAMPLE"),
                "{key}"
            );
        }
        // Strangers are told of by account.
        let stranger = named("arn:aws:iam::111122223333:user/alice", "444455556666");
        let fields: Vec<&String> = stranger.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["type", "principalId", "accountId"]);
        assert_eq!(stranger["type"], "AWSAccount");
        let service = own("logs.eu-west-3.amazonaws.com");
        assert_eq!(
            service,
            json!({"type": "AWSService", "invokedBy": "logs.eu-west-3.amazonaws.com"})
        );
    }
}
