//! The files of this folder, which are part of the program.

use serde::de::DeserializeOwned;

/// What a file holds.
///
/// # Panics
/// A file that cannot be read. Its text is compiled in, and the tests read every file.
pub(super) fn built_in<T: DeserializeOwned>(file: &str, text: &str) -> T {
    match toml::from_str(text) {
        Ok(facts) => facts,
        Err(fault) => panic!("the built-in catalog does not parse, {file}: {fault}"),
    }
}
