//! The keys that requests name by an alias.
//!
//! KMS looks an alias up in the account and Region of the principal that asks; S3 does so for the key of a bucket's
//! default encryption too, so that a requester of another account finds another key or none (KMS Developer Guide,
//! aliases; S3 User Guide, default bucket encryption, 2026-11).

use super::key::{ALIAS, KmsKeySettings};
use crate::input::declared::Declared;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;

/// A key that a request names, and the alias by which it does.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedKey {
    /// Its name in the file.
    pub key: Option<String>,
    /// `None`: it is named by its ARN.
    pub alias: Option<String>,
}

/// Who looks an alias up, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookedUp<'a> {
    /// By whom, for messages: `the requester's account`.
    pub by: &'a str,
    /// That account; `None`: the only one that has it.
    pub account: Option<&'a str>,
    /// `None`: the only Region in which the account has it.
    pub region: Option<&'a str>,
}

/// The key that a setting names, by its name in the file or by an alias.
pub(super) fn named_key(
    r: &mut Reader<'_>,
    setting: &str,
    keys: &Declared<KmsKeySettings>,
    looked_up: LookedUp<'_>,
) -> NamedKey {
    let written: Option<String> = r.optional(setting);
    let Some(alias) = written.as_ref().filter(|name| name.starts_with(ALIAS)) else {
        return NamedKey {
            key: written.and_then(|_| r.name_among(setting, keys)),
            alias: None,
        };
    };
    let has = |key: &KmsKeySettings| key.aliases.contains(alias);
    let LookedUp {
        by,
        account,
        region,
    } = looked_up;
    let here = |key: &KmsKeySettings| {
        account.is_none_or(|a| a == key.account) && region.is_none_or(|region| region == key.region)
    };
    let found: Vec<_> = keys.iter().filter(|(_, k)| has(k) && here(k)).collect();
    if let [(name, _)] = found[..] {
        return NamedKey {
            key: Some(name.to_owned()),
            alias: Some(alias.clone()),
        };
    }
    let place = r.place_of(setting);
    let path = r.path_of(setting);
    let at = match (account, region) {
        (Some(account), Some(region)) => format!("{by} {account} and in {region}"),
        (Some(account), None) => format!("{by} {account}"),
        (None, _) => by.to_owned(),
    };
    if let [(one, _), (other, _), ..] = found[..] {
        r.fault(
            Code::Contradiction,
            place,
            format!(
                "`{path}` is the alias `{alias}`, which both `key.{one}` and `key.{other}` have in {at}"
            ),
            format!("write the name of the key that is meant, for example `{one}`"),
        );
    } else if keys.is_complete() {
        let elsewhere = keys.iter().find(|(_, key)| has(key));
        let elsewhere = elsewhere.map(|(name, key)| {
            format!(
                "; that of `key.{name}` belongs to account {} and {}",
                key.account, key.region
            )
        });
        r.fault(
            Code::UnknownName,
            place,
            format!(
                "`{path}` is the alias `{alias}`, which KMS looks up in {at}, where no key has it{}",
                elsewhere.unwrap_or_default()
            ),
            "write the name of a [key.NAME], which stands for its ARN, or give a key there this alias with `aliases`",
        );
    }
    NamedKey::default()
}
