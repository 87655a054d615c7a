//! What is used, by whom: the counters that are priced.

use super::charge::Charge;
use crate::catalog::MONTH_S;
use std::collections::BTreeMap;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Measured time \[s\].
    pub measured_s: u64,
    /// KMS requests of the calling account by price item
    /// ([`charged_as`](crate::catalog::charged_as)), one count for each 30 days from t = 0.
    pub kms_requests: BTreeMap<(Payer, String), Vec<u64>>,
    /// Everything else that is charged, by who pays.
    pub counters: BTreeMap<(Charge, Payer), u64>,
}

impl Usage {
    /// Adds KMS requests that arrived at a time \[s since t = 0\], which decides the free-tier period.
    pub fn add_kms_requests(&mut self, payer: &Payer, item: &str, at_s: u64, count: u64) {
        let key = (payer.clone(), item.to_owned());
        let periods = self.kms_requests.entry(key).or_default();
        let period = (at_s / MONTH_S) as usize;
        if periods.len() <= period {
            periods.resize(period + 1, 0);
        }
        periods[period] += count;
    }

    /// Adds to a counter; a count of 0 makes a line of the bill too.
    pub fn add(&mut self, charge: Charge, payer: Payer, count: u64) {
        let sum = self.counters.entry((charge, payer)).or_insert(0);
        *sum = sum.saturating_add(count);
    }
}
