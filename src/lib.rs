//! kmsim: a simulator of S3 workloads against the AWS KMS request quota.
//!
//! One direction: text → [`scenario`] → [`model::Plan`] → [`simulation`] → [`simulation::record::Record`] →
//! [`outcome`] → [`results::RunResults`] → [`report`]. The rooms are described in docs/ARCHITECTURE.md, what
//! is assumed in docs/MODEL.md, the scenario file in docs/SCENARIO.md.
//!
//! | to … | look at |
//! |---|---|
//! | read a scenario, with every fault reported at once | [`load`](fn@scenario::load) |
//! | simulate its variants | [`run::run`] |
//! | read what was found, or read it back from a directory | [`results::RunResults`], [`results::read`] |
//! | follow one request through the chain | [`explain`](fn@explain::explain) |
//! | compare runs | [`compare::across`] |
//! | look up quotas, prices, S3 operations, retry profiles | [`catalog`] |
//! | see every metric with its unit | [`metrics`] |
//!
//! The library never prints, exits or looks at the clock; only the command line, `src/cli`, does.
//!
//! ```
//! use kmsim::input::Input;
//! use kmsim::run::{RunOptions, run};
//! use kmsim::scenario::load;
//!
//! let input = Input::from_text(
//!     "example",
//!     r#"
//!         horizon = "20s"
//!         replications = 2
//!         region = "eu-west-3"
//!         key.main = {}
//!         quota.shared.limit = "100/s"
//!         [workload.readers]
//!         key = "main"
//!         operations.Decrypt = 1
//!         arrivals.constant.rate = "125/s"
//!         retry.none = {}
//!     "#,
//! );
//! let scenario = load(&input, &[])?;
//! let (results, _) = run(&scenario, RunOptions::default())?;
//! // 25 of 125 requests a second find the quota used up.
//! assert_eq!(results.variants[0].metrics["throttle_rate"].mean, Some(0.2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Checks that tests of the outside share call the library by its name.
#[cfg(test)]
extern crate self as kmsim;

pub mod access;
#[cfg(feature = "import")]
pub mod backtest;
pub mod billing;
pub mod catalog;
pub mod cloudtrail;
pub mod compare;
pub mod effort;
pub mod engine;
pub mod explain;
#[cfg(feature = "import")]
pub mod import;
pub mod input;
pub mod metrics;
pub mod model;
pub mod outcome;
pub mod planning;
#[cfg(feature = "report")]
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod simulation;
pub mod sweep;
pub mod units;
