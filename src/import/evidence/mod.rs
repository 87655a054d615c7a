//! The one thing between the readers and everything after: what the files hold, counted.
//!
//! ```text
//! files ──walk, format, reader──► Findings (chunks of one file) ──gather──► AccountEvidence ──► fit, demand, scenario, summary
//! ```
//!
//! [`collected`] is the whole; [`series`] says what is counted apart, [`counts`] when, [`fact`] what is known of keys,
//! buckets, quotas and trails, [`objects`] what is in buckets, [`periods`] which samples are of one time, [`skip`] what was not used and why. A reader hands in [`finding`]s.

pub mod collected;
pub mod counts;
pub mod fact;
pub mod finding;
pub mod objects;
pub mod periods;
pub mod series;
pub mod skip;
