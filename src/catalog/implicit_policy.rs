//! The policies that AWS attaches by itself: FullAWSAccess, RCPFullAWSAccess, the default key policy and the
//! policies of AWS managed keys.
//!
//! Data: `implicit_policies.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

/// A policy that AWS attaches by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImplicitPolicy {
    /// `FullAWSAccess`, `auto-s3-2`, …
    pub name: String,
    /// `service-control-policy`, `key-policy`, …
    pub kind: String,
    /// What has it, in words.
    pub attached_to: String,
    /// The service whose AWS managed key has it: `s3`.
    pub service: Option<String>,
    /// Actions that policies of its kind do not limit.
    #[serde(default)]
    pub exempt_actions: Vec<String>,
    /// JSON, with `{account}`, `{region}`, `{partition}` and `{suffix}`.
    document: String,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImplicitPolicyFile {
    policy: Vec<ImplicitPolicy>,
}

static POLICIES: LazyLock<ImplicitPolicyFile> = LazyLock::new(|| {
    built_in(
        "implicit_policies.toml",
        include_str!("implicit_policies.toml"),
    )
});

impl ImplicitPolicy {
    /// The document for what lies in an account and Region: `partition` is that of ARNs, `suffix` that of the
    /// names of services.
    pub fn document(&self, account: &str, region: &str, partition: &str, suffix: &str) -> String {
        self.document
            .replace("{account}", account)
            .replace("{region}", region)
            .replace("{partition}", partition)
            .replace("{suffix}", suffix)
    }
}

/// Every one of them.
pub fn implicit_policies() -> &'static [ImplicitPolicy] {
    &POLICIES.policy
}

/// The one of a name.
pub fn implicit_policy(name: &str) -> Option<&'static ImplicitPolicy> {
    implicit_policies().iter().find(|p| p.name == name)
}

/// That of the AWS managed key of a service, `s3`.
pub fn managed_key_policy(service: &str) -> Option<&'static ImplicitPolicy> {
    let of_service = |p: &&ImplicitPolicy| p.service.as_deref() == Some(service);
    implicit_policies().iter().find(of_service)
}

/// The services whose AWS managed keys are known.
pub fn managed_key_services() -> impl Iterator<Item = &'static str> {
    implicit_policies()
        .iter()
        .filter_map(|p| p.service.as_deref())
}

/// Each of them.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    implicit_policies().iter().map(policy_row)
}

fn policy_row(policy: &ImplicitPolicy) -> CatalogRow {
    let words = policy.document.split_whitespace();
    CatalogRow {
        kind: "implicit-policy",
        id: policy.name.clone(),
        region: String::new(),
        value: policy.attached_to.clone(),
        unit: policy.kind.clone(),
        assumed: false,
        note: words.collect::<Vec<_>>().join(" "),
        source: policy.source.clone(),
        as_of: policy.as_of.clone(),
    }
}
