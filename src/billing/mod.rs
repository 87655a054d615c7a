//! The bill: counters × prices, exact to the last fraction of a cent.
//!
//! [`Usage`] holds what one replication used, as integers; [`bill`] prices it, [`per_month`] prices a 30-day
//! month of the same traffic, [`mean_lines`] averages bills over replications. Everything is a rational
//! number; [`round_usd`] rounds once, half to even, to 10 decimals.
//!
//! Months are those of the calendar where the scenario has a date, else of 30 days ([`Months`]). Free tier: per account,
//! summed over its Regions, whole from t = 0 and again with every month. An account that uses several Regions has
//! its free requests of a month spread over them in proportion to the requests of that month, as exact fractions.
//!
//! Left out: taxes, discounts, support plans, storage and data transfer. Whether throttled attempts are
//! billed is decided by whoever fills the counters.

mod charge;
mod cost;
mod months;
mod price_book;
mod round;
mod usage;

pub use charge::{Charge, Cost};
pub use cost::{Bill, ExactLine, LineKey, bill, bill_of_month, mean_lines, per_month};
pub use months::Months;
pub use price_book::{BillError, PriceBook, PriceKeyError};
pub use round::{round_usd, usd_f64};
pub use usage::{Payer, Usage};

#[cfg(test)]
mod tests;
