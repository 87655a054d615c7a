//! How large a policy document may be.
//!
//! Data: `policy_limits.toml`. Left out: how many policies may be attached.

use serde::Deserialize;

/// The largest document of one kind of policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLimit {
    /// `bucket-policy`, `key-policy`, …
    pub id: String,
    /// Most bytes.
    pub bytes: u64,
    /// Blanks and line ends do not count.
    pub without_white_space: bool,
    /// Where it comes from.
    pub source: String,
    /// When it was read or published, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    pub limit: Vec<PolicyLimit>,
}
