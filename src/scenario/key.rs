//! `[key.NAME]` and `[key_store.NAME]`: KMS keys and the custom key stores that hold some of them.

use super::account::Placement;
use super::policy::PolicySettings;
use crate::access::PolicyKind;
use crate::catalog::{self, KeySpec};
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Place};
use crate::input::files::Files;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use crate::units::Span;
use serde::Serialize;
use std::collections::HashMap;

/// What an alias begins with.
pub(super) const ALIAS: &str = "alias/";
/// What AWS's own aliases begin with.
const OF_AWS: &str = "alias/aws/";
/// The alias of the key that AWS manages for S3.
const OF_S3: &str = "alias/aws/s3";

/// A custom key store.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStore {
    /// What holds its key material.
    pub kind: KeyStoreKind,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
}

keywords! {
    /// What holds the key material of a custom key store.
    pub enum KeyStoreKind {
        /// An AWS CloudHSM cluster.
        CloudHsm = "cloudhsm",
        /// A key manager outside AWS.
        External = "external",
    }
}

/// A KMS key.
#[derive(Clone, Debug, Serialize)]
pub struct KmsKeySettings {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who manages it.
    pub managed_by: ManagedBy,
    /// The service whose AWS managed key it is; of AWS managed keys only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Kind of key.
    pub spec: KeySpec,
    /// Custom key store, `None` for KMS's own.
    pub key_store: Option<String>,
    /// When it is disabled; `None`: never.
    pub disabled_at: Option<Span>,
    /// When its deletion is scheduled, so that it is pending deletion from then on; `None`: never.
    pub pending_deletion_at: Option<Span>,
    /// Key ID, as ARNs name it.
    pub id: String,
    /// Its aliases, `alias/app`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Key policy, `None`: the default one.
    pub policy: Option<PolicySettings>,
    /// Key policies that replace it in the run, in order of time.
    pub policy_changes: Vec<PolicyChange>,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

impl KmsKeySettings {
    /// The service whose AWS managed key it is, if that is not S3.
    pub fn other_service(&self) -> Option<&str> {
        self.service.as_deref().filter(|service| *service != S3)
    }
}

/// A key policy from a time on.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyChange {
    /// When PutKeyPolicy is called.
    pub at: Span,
    /// The new policy.
    pub policy: PolicySettings,
}

/// The service whose AWS managed key it is where a file does not say otherwise: `aws/s3`.
const S3: &str = "s3";

keywords! {
    /// Who manages a key.
    pub enum ManagedBy {
        /// Customer-managed: charged by the month, calls count and are charged.
        Customer = "customer",
        /// AWS-managed (`aws/s3`): calls count and are charged.
        Aws = "aws",
        /// AWS-owned: counts and costs nothing.
        AwsOwned = "aws-owned",
    }
}

pub(super) fn key_stores(r: &mut Reader<'_>, placement: &Placement<'_>) -> Declared<KeyStore> {
    r.declared("key_store", |_, r| {
        let kind = r.required_keyword("kind");
        let account = placement.account(r);
        let region = placement.region(r, account.as_deref());
        Some(KeyStore {
            kind: kind?,
            account: account?,
            region: region?,
        })
    })
}

pub(super) fn keys(
    r: &mut Reader<'_>,
    placement: &Placement<'_>,
    stores: &Declared<KeyStore>,
) -> Declared<KmsKeySettings> {
    let keys = r.declared("key", |name, r| {
        let account = placement.account(r);
        let region = placement.region(r, account.as_deref());
        let managed_by = r.keyword("managed_by").unwrap_or(ManagedBy::Customer);
        let service = r.reference("service", catalog::managed_key_services());
        r.reject_without_effect(
            managed_by != ManagedBy::Aws,
            "service",
            "only AWS managed keys belong to a service",
            "drop it, or write `managed_by = \"aws\"`",
        );
        let service = (managed_by == ManagedBy::Aws).then(|| {
            let s3 = || S3.to_owned();
            service.unwrap_or_else(s3)
        });
        let mut spec = KeySpec::SymmetricDefault;
        if let Some(name) = r.reference("spec", KeySpec::ALL.iter().map(|s| s.name()))
            && let Ok(known) = name.parse()
        {
            spec = known;
        }
        let key_store = r.name_among("key_store", stores);
        let disabled_at = r.optional_in("disabled_at", ..=Span::LONGEST);
        let pending_deletion_at = r.optional_in("pending_deletion_at", ..=Span::LONGEST);
        let id = r.or("id", name.to_owned());
        let aliases = aliases(r, managed_by);
        let policy = PolicySettings::read(r, "policy", PolicyKind::Key, placement.files);
        let policy_changes = policy_changes(r, placement.files);
        for key in [
            "policy",
            "policy_changes",
            "disabled_at",
            "pending_deletion_at",
        ] {
            if managed_by != ManagedBy::Customer && r.has(key) {
                r.fault(
                    Code::Contradiction,
                    r.place_of(key),
                    "AWS controls the policy and the state of the keys that it manages",
                    format!("drop `{key}`, or `managed_by`"),
                );
            }
        }
        let (account, region) = (account?, region?);
        if let Some(store) = key_store.as_ref().and_then(|s| stores.get(s)) {
            if store.region != region {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key_store"),
                    format!("the key is in {region}, its key store in {}", store.region),
                    "a custom key store holds keys of its own Region",
                );
            }
            if store.account != account {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key_store"),
                    format!(
                        "the key belongs to account {account}, its key store to {}",
                        store.account
                    ),
                    "a custom key store holds keys of its own account",
                );
            }
            if spec != KeySpec::SymmetricDefault {
                r.fault(
                    Code::ImpossibleOperation,
                    r.place_of("key_store"),
                    format!(
                        "custom key stores hold symmetric keys only; this key is {}",
                        spec.name()
                    ),
                    "drop `key_store`, or `spec`",
                );
            }
        }
        Some(KmsKeySettings {
            account,
            region,
            managed_by,
            service,
            spec,
            key_store,
            disabled_at,
            pending_deletion_at,
            id,
            aliases,
            policy,
            policy_changes,
            place: r.place(),
        })
    });
    unique_aliases(r, &keys);
    keys
}

/// `key.NAME.aliases`.
fn aliases(r: &mut Reader<'_>, managed_by: ManagedBy) -> Vec<String> {
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
fn unique_aliases(r: &Reader<'_>, keys: &Declared<KmsKeySettings>) {
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

/// Key policies that replace the first, in order of time.
fn policy_changes(r: &mut Reader<'_>, files: &Files) -> Vec<PolicyChange> {
    let changes = r.list("policy_changes", |_, r| {
        let at = r.required_in("at", Span::from_ns(1)..=Span::LONGEST);
        let policy = PolicySettings::read(r, "policy", PolicyKind::Key, files);
        if !r.has("policy") {
            let _: Option<String> = r.required("policy");
        }
        Some(PolicyChange {
            at: at?,
            policy: policy?,
        })
    });
    let mut changes: Vec<PolicyChange> = changes.into_iter().flatten().collect();
    changes.sort_by_key(|c| c.at);
    changes
}

#[cfg(test)]
pub(crate) mod cases;
