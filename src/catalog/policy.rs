//! How large a policy document may be.
//!
//! Data: `policy_limits.toml`. Left out: how many policies may be attached.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

/// The largest document of one kind of policy, or of several.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLimit {
    /// `bucket-policy`, `key-policy`, …
    pub id: String,
    /// The kinds of policies that it holds for, in words.
    pub kinds: Vec<String>,
    /// What AWS calls them: `customer managed policies`.
    pub holds_for: String,
    /// Most bytes.
    pub bytes: u64,
    /// Blanks and line ends do not count.
    pub without_white_space: bool,
    /// What may be larger all the same, in words.
    pub larger: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    limit: Vec<PolicyLimit>,
}

static LIMITS: LazyLock<PolicyFile> =
    LazyLock::new(|| built_in("policy_limits.toml", include_str!("policy_limits.toml")));

/// Every limit on the size of a policy document.
pub fn policy_limits() -> &'static [PolicyLimit] {
    &LIMITS.limit
}

/// The limits on a kind of policy, `bucket policy`, in the order of the catalog.
pub fn policy_limits_of(kind: &str) -> impl Iterator<Item = &'static PolicyLimit> {
    let holds = move |limit: &&PolicyLimit| limit.kinds.iter().any(|k| k == kind);
    policy_limits().iter().filter(holds)
}

/// Each limit.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    policy_limits().iter().map(policy_row)
}

fn policy_row(limit: &PolicyLimit) -> CatalogRow {
    CatalogRow {
        kind: "policy-limit",
        id: limit.id.clone(),
        region: String::new(),
        value: limit.bytes.to_string(),
        unit: "bytes".to_owned(),
        assumed: false,
        note: if limit.without_white_space {
            "white space does not count".to_owned()
        } else {
            String::new()
        },
        source: limit.source.clone(),
        as_of: limit.as_of.clone(),
    }
}
