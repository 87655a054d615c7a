//! Quantities as people write them: [`Span`] "1h 30m", [`Rate`] "4000/s", [`Bytes`] "256 KiB",
//! [`Share`] "25%".
//!
//! Times, rates and sizes are exact (integers and reduced fractions); only [`Share`] is a float.
//! Each type reads text with `FromStr`, prints text that reads back as the same value with
//! `Display`, and serialises as that text, so that a number never travels without its unit.
//!
//! [`visible`] is about any text from outside: what of it may be shown.
//!
//! Not here: calendar months and years, which have no fixed length, and money.

mod bytes;
mod decimal;
mod error;
mod rate;
mod share;
mod span;
#[cfg(test)]
mod tests;
pub mod visible;

pub use bytes::Bytes;
pub use error::UnitError;
pub use rate::Rate;
pub use share::Share;
pub use span::Span;
