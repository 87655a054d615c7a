//! kmsim: a simulator of S3 workloads against the AWS KMS request quota.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod catalog;
pub mod engine;
pub mod metrics;
pub mod model;
pub mod results;
pub mod scenario;
pub mod simulation;
pub mod units;
