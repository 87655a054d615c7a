//! kmsim: a simulator of S3 workloads against the AWS KMS request quota.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
pub mod metrics;
pub mod report;
pub mod results;
