//! Algorithm suites of the AWS Encryption SDK, as far as caching looks at them.
//!
//! Data: `algorithm_suites.toml`.

use super::built_in::built_in;
use super::row::CatalogRow;
use serde::Deserialize;
use std::sync::LazyLock;

/// An algorithm suite.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlgorithmSuite {
    /// The SDK's name.
    pub name: String,
    /// Identifier in messages.
    pub id: u16,
    /// Whether it derives a key for each message, so that one data key may serve several.
    pub key_derivation: bool,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteFile {
    source: String,
    as_of: String,
    suite: Vec<AlgorithmSuite>,
}

static SUITES: LazyLock<SuiteFile> = LazyLock::new(|| {
    built_in(
        "algorithm_suites.toml",
        include_str!("algorithm_suites.toml"),
    )
});

/// Every algorithm suite of the AWS Encryption SDK.
pub fn algorithm_suites() -> &'static [AlgorithmSuite] {
    &SUITES.suite
}

/// The algorithm suite of this name.
pub fn algorithm_suite(name: &str) -> Option<&'static AlgorithmSuite> {
    algorithm_suites().iter().find(|s| s.name == name)
}

/// Each suite.
pub(super) fn rows() -> impl Iterator<Item = CatalogRow> {
    let file = &*SUITES;
    file.suite.iter().map(|s| CatalogRow {
        kind: "algorithm-suite",
        id: format!("{} ({:#06x})", s.name, s.id),
        region: String::new(),
        value: if s.key_derivation { "yes" } else { "no" }.to_owned(),
        unit: "key derivation".to_owned(),
        assumed: false,
        note: "without key derivation data keys are not cached for encryption".to_owned(),
        source: file.source.clone(),
        as_of: file.as_of.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_suites_named_after_hkdf_derive_keys() {
        for suite in algorithm_suites() {
            assert_eq!(suite.key_derivation, suite.name.contains("HKDF"));
            let found = algorithm_suite(&suite.name).map(|s| s.id);
            assert_eq!(found, Some(suite.id));
        }
        assert!(algorithm_suite("AES_512").is_none());
    }
}
