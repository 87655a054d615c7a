//! What is used, by whom: the counters that are priced.

use super::charge::Charge;
use super::months::Months;
use num_rational::BigRational;
use std::collections::BTreeMap;
use std::ops::Range;

/// Who pays, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
}

impl Payer {
    /// A payer.
    pub fn new(account: &str, region: &str) -> Payer {
        Payer {
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }
}

/// What one replication used in its measured time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Measured time \[s\].
    pub measured_s: u64,
    /// The same in months, by which keys are charged.
    pub measured_months: BigRational,
    /// KMS requests of the calling account by price item
    /// ([`charged_as`](crate::catalog::charged_as)), one count for each month from that of t = 0 on.
    pub kms_requests: BTreeMap<(Payer, String), Vec<u64>>,
    /// Everything else that is charged, by who pays.
    pub counters: BTreeMap<(Charge, Payer), u64>,
}

impl Usage {
    /// Nothing yet, in measured seconds since t = 0.
    pub fn of(months: &Months, seconds: Range<u64>) -> Usage {
        Usage {
            measured_s: seconds.end - seconds.start,
            measured_months: months.in_seconds(seconds),
            kms_requests: BTreeMap::new(),
            counters: BTreeMap::new(),
        }
    }

    /// Adds KMS requests of a month, counted from that of t = 0, which decides whose free tier they draw on.
    pub fn add_kms_requests(&mut self, payer: &Payer, item: &str, month: usize, count: u64) {
        let key = (payer.clone(), item.to_owned());
        let months = self.kms_requests.entry(key).or_default();
        if months.len() <= month {
            months.resize(month + 1, 0);
        }
        months[month] += count;
    }

    /// Adds to a counter; a count of 0 makes a line of the bill too.
    pub fn add(&mut self, charge: Charge, payer: Payer, count: u64) {
        let sum = self.counters.entry((charge, payer)).or_insert(0);
        *sum = sum.saturating_add(count);
    }
}
