//! The scenario file: from text to checked settings, with every fault found at once.

pub mod diagnostic;
pub mod document;
pub mod reader;
