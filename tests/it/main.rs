//! kmsim as its users meet it, in one binary with a module for each subject. Recorded vectors are a
//! binary of their own, `tests/vectors.rs`.

mod access;
mod bucket_keys;
mod cancel;
mod cli;
mod cloudtrail;
mod common;
mod comparisons;
mod decisive;
mod deliveries;
mod docs;
mod effort;
mod errors;
mod fleet;
mod folders;
mod gates;
mod house;
mod iam;
mod idle;
mod implicit_policies;
mod import;
mod kms_calls;
mod law;
mod log_groups;
mod money;
mod named_files;
mod near_misses;
mod planning;
mod raw_text;
mod request_rates;
mod retry;
mod scenarios;
mod services;
mod theory;
mod traces;
mod uploads;
