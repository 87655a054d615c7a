//! The functions that are fuzzed: those of the tests.

#[path = "../../tests/fuzz_targets/mod.rs"]
pub mod fuzz_targets;

use fuzz_targets::{Depth, FuzzTarget};

thread_local! {
    static ALL: Vec<FuzzTarget> = fuzz_targets::all();
}

/// Runs a target by its name.
///
/// # Panics
/// Where something is not as promised, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    ALL.with(|all| {
        let target = all.iter().find(|target| target.0 == name);
        let (_, run) = target.unwrap_or_else(|| panic!("no fuzz target `{name}`"));
        run(bytes, Depth::Sampled);
    });
}
