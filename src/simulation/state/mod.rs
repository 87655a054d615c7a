//! The state of a simulation, part by part: data and its own methods.

pub mod action;
pub mod arriving;
pub mod class;
pub mod counters;
pub mod decisive;
pub mod drawn;
pub mod evenly;
pub mod flights;
pub mod guards;
pub mod held;
pub mod idle;
pub mod job;
pub mod loser;
pub mod lost;
pub mod misses;
pub mod piece;
pub mod quota;
pub mod request;
pub mod retries;
pub mod sampler;
pub mod spread;
pub mod stream;
pub mod uploads;
pub mod workload;
