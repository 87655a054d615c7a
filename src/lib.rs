//! kmsim: a simulator of S3 workloads against the AWS KMS request quota.
//!
//! One direction: text → [`scenario`] → [`model::Plan`] → [`simulation`] → [`simulation::record::Record`] →
//! [`outcome`] → [`results::RunResults`] → [`report`]. See docs/ARCHITECTURE.md.

pub mod billing;
pub mod catalog;
pub mod cli;
pub mod compare;
pub mod engine;
pub mod metrics;
pub mod model;
pub mod outcome;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod simulation;
pub mod units;
