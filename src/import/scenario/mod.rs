//! The scenario of what was found: a commented TOML file, and the files that it reads.
//!
//! [`workload`] makes workloads of loads (which seconds, how many, which retries), [`samples`] what to do where some are missing,
//! [`places`] the accounts, keys and buckets that they need, [`thing`] tables or rows of all of them, [`groups`] what belongs
//! together, [`variants`] what the account could do next, [`written`] the text.

pub mod groups;
pub mod places;
pub mod samples;
pub mod thing;
pub mod variants;
pub mod workload;
pub mod written;
