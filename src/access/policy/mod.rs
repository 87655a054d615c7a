//! A policy: what it is attached to, its statements, and how it is read. [`read()`] makes one of a document.

mod json;
mod kind;
mod reading;
mod remarks;
mod statement;
#[cfg(test)]
mod tests;

pub use json::Fault;
pub use kind::PolicyKind;
pub use reading::read;
pub use statement::{Effect, Policy, Statement};
