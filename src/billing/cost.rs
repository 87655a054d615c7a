//! Usage × prices, line by line.

use super::charge::Cost;
use super::price_book::{BillError, PriceBook};
use super::round::usd_f64;
use super::usage::{Payer, Usage};
use crate::catalog::MONTH_S;
use crate::results::BillLine;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{ToPrimitive, Zero};
use std::collections::BTreeMap;

/// What a line is about; lines are ordered by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineKey {
    /// The metric it belongs to.
    pub cost: Cost,
    /// Who pays, and where.
    pub payer: Payer,
    /// Price item, or that of the free tier.
    pub item: String,
}

/// One exact line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactLine {
    /// Quantity; negative for a free tier.
    pub quantity: BigRational,
    /// Unit of the quantity.
    pub unit: String,
    /// Price of one unit \[USD\].
    pub unit_price: BigRational,
}

impl ExactLine {
    /// Quantity × price \[USD\].
    pub fn amount(&self) -> BigRational {
        &self.quantity * &self.unit_price
    }
}

/// The bill of one replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// The lines, in order.
    pub lines: BTreeMap<LineKey, ExactLine>,
}

impl Bill {
    /// Sum of the lines of one metric \[USD\].
    pub fn cost(&self, cost: Cost) -> BigRational {
        let of_cost = self.lines.iter().filter(|(key, _)| key.cost == cost);
        of_cost.map(|(_, line)| line.amount()).sum()
    }

    /// Sum of all lines \[USD\].
    pub fn total(&self) -> BigRational {
        self.lines.values().map(ExactLine::amount).sum()
    }
}

/// The bill of the measured time.
///
/// # Errors
/// [`BillError::NoPrice`] where an item was used in a Region without a known price.
pub fn bill(usage: &Usage, prices: &PriceBook) -> Result<Bill, BillError> {
    let kms = |counts: &[u64]| counts.iter().map(|&n| whole(n)).collect();
    price_usage(usage, prices, &whole(1), &usage.measured_months, kms)
}

/// The bill of a 30-day month of the same traffic: counters scaled, then the free tier applied once.
///
/// # Errors
/// As [`bill`], and [`BillError::NoTime`] where the measured time is zero.
pub fn bill_of_month(usage: &Usage, prices: &PriceBook) -> Result<Bill, BillError> {
    if usage.measured_s == 0 {
        return Err(BillError::NoTime);
    }
    let scale = BigRational::new(MONTH_S.into(), usage.measured_s.into());
    let kms = |counts: &[u64]| {
        let all: BigInt = counts.iter().map(|&n| BigInt::from(n)).sum();
        vec![BigRational::from_integer(all) * &scale]
    };
    price_usage(usage, prices, &scale, &whole(1), kms)
}

/// Total of [`bill_of_month`] \[USD/month\].
///
/// # Errors
/// As [`bill_of_month`].
pub fn per_month(usage: &Usage, prices: &PriceBook) -> Result<BigRational, BillError> {
    Ok(bill_of_month(usage, prices)?.total())
}

fn whole(n: u64) -> BigRational {
    BigRational::from_integer(n.into())
}

fn price_usage(
    usage: &Usage,
    prices: &PriceBook,
    scale: &BigRational,
    months: &BigRational,
    periods_of: impl Fn(&[u64]) -> Vec<BigRational>,
) -> Result<Bill, BillError> {
    let mut bill = Bill::default();
    let mut kms = BTreeMap::new();
    for ((payer, item), counts) in &usage.kms_requests {
        let periods = periods_of(counts);
        let all: BigRational = periods.iter().sum();
        bill.add(prices, Cost::KmsRequests, payer, item, all)?;
        kms.insert((payer, item.as_str()), periods);
    }
    bill.add_free_tier(prices, &kms)?;

    for ((charge, payer), &count) in &usage.counters {
        let quantity = charge.quantity(count, prices, scale, months);
        bill.add(prices, charge.cost, payer, charge.item, quantity)?;
    }
    Ok(bill)
}

impl Bill {
    fn add(
        &mut self,
        prices: &PriceBook,
        cost: Cost,
        payer: &Payer,
        item: &str,
        quantity: BigRational,
    ) -> Result<(), BillError> {
        let price = prices.price(item, &payer.region)?;
        let key = LineKey {
            cost,
            payer: payer.clone(),
            item: item.to_owned(),
        };
        let line = ExactLine {
            quantity,
            unit: price.unit.to_owned(),
            unit_price: price.usd,
        };
        self.lines.insert(key, line);
        Ok(())
    }

    /// A negative line for each account, Region and free tier that was made use of.
    fn add_free_tier(
        &mut self,
        prices: &PriceBook,
        kms: &BTreeMap<(&Payer, &str), Vec<BigRational>>,
    ) -> Result<(), BillError> {
        // What an account asked for of one free tier, by period, over all its Regions.
        let mut asked: BTreeMap<(&str, &str), Vec<BigRational>> = BTreeMap::new();
        for ((payer, item), periods) in kms {
            let Some((tier, _)) = prices.free_tier(item) else {
                continue;
            };
            let sums = asked.entry((payer.account.as_str(), tier)).or_default();
            if sums.len() < periods.len() {
                sums.resize(periods.len(), BigRational::zero());
            }
            for (sum, count) in sums.iter_mut().zip(periods) {
                *sum += count;
            }
        }
        for ((payer, item), periods) in kms {
            let Some((tier, free)) = prices.free_tier(item) else {
                continue;
            };
            let sums = &asked[&(payer.account.as_str(), tier)];
            let share = |(count, sum): (&BigRational, &BigRational)| {
                if *sum <= free {
                    count.clone()
                } else {
                    count * &free / sum
                }
            };
            let given: BigRational = periods.iter().zip(sums).map(share).sum();
            if given.is_zero() {
                continue;
            }
            let price = prices.price(item, &payer.region)?;
            let key = LineKey {
                cost: Cost::KmsRequests,
                payer: (*payer).clone(),
                item: tier.to_owned(),
            };
            let line = self.lines.entry(key).or_insert_with(|| ExactLine {
                quantity: BigRational::zero(),
                unit: price.unit.to_owned(),
                unit_price: price.usd,
            });
            line.quantity -= given;
        }
        Ok(())
    }
}

/// The lines of several replications as their exact means, then rounded.
///
/// A line that one replication lacks counts as zero there. No bills, no lines.
pub fn mean_lines(bills: &[Bill]) -> Vec<BillLine> {
    let mut sums: BTreeMap<&LineKey, (BigRational, BigRational, &ExactLine)> = BTreeMap::new();
    for (key, line) in bills.iter().flat_map(|b| &b.lines) {
        let sum = sums
            .entry(key)
            .or_insert_with(|| (BigRational::zero(), BigRational::zero(), line));
        sum.0 += &line.quantity;
        sum.1 += line.amount();
    }
    let n = BigRational::from_integer(bills.len().into());
    sums.into_iter()
        .map(|(key, (quantity, amount, line))| BillLine {
            item: key.item.clone(),
            account: key.payer.account.clone(),
            region: key.payer.region.clone(),
            quantity: usd_f64(&(quantity / &n)),
            unit: line.unit.clone(),
            unit_price_usd: line.unit_price.to_f64().unwrap_or(f64::NAN),
            amount_usd: usd_f64(&(amount / &n)),
            values_usd: bills
                .iter()
                .map(|b| b.lines.get(key).map_or(0.0, |l| usd_f64(&l.amount())))
                .collect(),
        })
        .collect()
}
