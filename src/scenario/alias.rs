//! Aliases of KMS keys, and the keys that requests name by them.
//!
//! KMS looks an alias up in the account and Region of the principal that asks; S3 does so for the key of a bucket's
//! default encryption too, so that a requester of another account finds another key or none (KMS Developer Guide,
//! aliases; S3 User Guide, default bucket encryption, 2026-11).

use super::key::{KmsKeySettings, ManagedBy};
use crate::input::declared::Declared;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use std::collections::HashMap;

/// What an alias begins with.
const ALIAS: &str = "alias/";
/// What AWS's own aliases begin with.
const OF_AWS: &str = "alias/aws/";
/// The alias of the key that AWS manages for S3.
const OF_S3: &str = "alias/aws/s3";

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

/// `key.NAME.aliases`.
pub(super) fn aliases(r: &mut Reader<'_>, managed_by: ManagedBy) -> Vec<String> {
    let written: Vec<String> = r.or("aliases", Vec::new());
    for alias in &written {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
        let name = alias.strip_prefix(ALIAS).unwrap_or_default();
        let fault = if name.is_empty() || !name.chars().all(allowed) {
            "is not an alias: expected `alias/` and letters, digits, `/`, `_` or `-`"
        } else if alias.starts_with(OF_AWS) && managed_by == ManagedBy::Customer {
            "is an alias of a key that AWS manages"
        } else {
            continue;
        };
        r.fault(
            Code::OutOfRange,
            r.place_of("aliases"),
            format!("`{alias}` in `{}` {fault}", r.path_of("aliases")),
            "write for example [\"alias/app\"]",
        );
    }
    if written.is_empty() && managed_by == ManagedBy::Aws {
        vec![OF_S3.to_owned()]
    } else {
        written
    }
}

/// Records aliases that two keys of one account and Region have.
pub(super) fn unique(r: &Reader<'_>, keys: &Declared<KmsKeySettings>) {
    let mut of = HashMap::new();
    for (name, key) in keys.iter() {
        for alias in key.aliases.iter().filter(|alias| *alias != OF_S3) {
            let Some(other) = of.insert((&key.account, &key.region, alias), name) else {
                continue;
            };
            r.fault(
                Code::Contradiction,
                key.place.clone(),
                format!(
                    "`key.{other}` and `key.{name}` both have the alias `{alias}` in account {} and {}",
                    key.account, key.region
                ),
                "an alias stands for one key: drop it from one of them",
            );
        }
    }
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
