//! Answers instead of runs: the smallest quota, the largest growth, the cheapest mitigations that keep a target.
//!
//! ```text
//! Study (one variant, what may change in it) ── run ──► Trial ──search──► Solution ──► report
//! ```
//!
//! Every trial of a search has the same seed, so that settings are compared on the same random numbers; the answer
//! is run once more with a fresh one. Left out: searches over two settings at once (`sweep`), and printing.

pub mod answer;
mod apart;
pub mod assumed;
pub mod attribution;
pub mod cheapest;
pub mod choice;
mod enough;
mod greedy;
pub mod growth;
pub mod migration;
pub mod mitigation;
pub mod quota;
pub mod recovery;
pub mod search;
mod set_run;
pub mod study;
pub mod suggestion;

pub use answer::{SearchOutcome, Solution};
pub use study::{Study, StudyError, Trial};
