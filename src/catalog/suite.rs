//! Algorithm suites of the AWS Encryption SDK, as far as caching looks at them.
//!
//! Data: `algorithm_suites.toml`.

use serde::Deserialize;

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
pub(super) struct SuiteFile {
    pub(super) source: String,
    pub(super) as_of: String,
    pub(super) suite: Vec<AlgorithmSuite>,
}

#[cfg(test)]
mod tests {
    use super::super::{algorithm_suite, algorithm_suites};

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
