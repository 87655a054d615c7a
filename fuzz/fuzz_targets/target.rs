//! The target that this program is called.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kmsim_fuzz::run(env!("CARGO_BIN_NAME"), bytes));
