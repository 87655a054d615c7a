//! The prices in force: the catalog's, with the scenario's own in front.

use crate::catalog::{self, Price};
use num_rational::BigRational;
use num_traits::Signed;
use std::collections::BTreeMap;

/// Why there is no bill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// The price is unknown; the scenario must set one.
    #[error("unknown price of `{item}` in {region}")]
    NoPrice {
        /// The item.
        item: String,
        /// The Region.
        region: String,
    },
    /// A month cannot be made from no time at all.
    #[error("the measured time is zero: there is nothing to scale to a month")]
    NoTime,
}

/// Why a price cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceKeyError {
    /// The catalog has no such item.
    #[error("unknown price item `{0}`")]
    UnknownItem(String),
    /// No such Region.
    #[error("unknown AWS Region `{0}`")]
    UnknownRegion(String),
    /// A price below zero.
    #[error("the price of `{0}` is negative")]
    Negative(String),
}

/// Prices by item and Region. The default holds the catalog's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    overrides: BTreeMap<String, BigRational>,
    free_requests: Option<u64>,
}

impl PriceBook {
    /// Sets the price of one unit \[USD\] of `item` everywhere, or of `item/region` in one Region (which wins).
    ///
    /// # Errors
    /// [`PriceKeyError`] for an unknown item or Region, or a negative price; the book is unchanged.
    pub fn set(&mut self, key: &str, usd: BigRational) -> Result<(), PriceKeyError> {
        let (item, region) = match key.split_once('/') {
            Some((item, region)) => (item, Some(region)),
            None => (key, None),
        };
        if !catalog::prices().iter().any(|p| p.item == item) {
            return Err(PriceKeyError::UnknownItem(item.to_owned()));
        }
        if let Some(region) = region.filter(|r| catalog::partition(r).is_none()) {
            return Err(PriceKeyError::UnknownRegion(region.to_owned()));
        }
        if usd.is_negative() {
            return Err(PriceKeyError::Negative(key.to_owned()));
        }
        self.overrides.insert(key.to_owned(), usd);
        Ok(())
    }

    /// Sets how many KMS requests are free per account and month; 0 turns the free tier off.
    pub fn set_free_requests(&mut self, requests: u64) {
        self.free_requests = Some(requests);
    }

    /// The price of an item in a Region.
    ///
    /// # Errors
    /// [`BillError::NoPrice`] where neither an override nor the catalog has one.
    pub fn price(&self, item: &str, region: &str) -> Result<Price, BillError> {
        let own = self
            .overrides
            .get(&format!("{item}/{region}"))
            .or_else(|| self.overrides.get(item));
        if let Some(usd) = own {
            let unit = catalog::prices()
                .iter()
                .find(|p| p.item == item)
                .map_or("", |p| &p.unit);
            return Ok(Price {
                usd: usd.clone(),
                unit,
                source: "the scenario",
                as_of: "",
                assumed: None,
            });
        }
        let no_price = || BillError::NoPrice {
            item: item.to_owned(),
            region: region.to_owned(),
        };
        catalog::price(item, region).ok_or_else(no_price)
    }

    /// Item of the free tier that applies to a price item, and its size per account and month.
    pub(super) fn free_tier(&self, item: &str) -> Option<(&'static str, BigRational)> {
        let tier = catalog::free_tier(item)?;
        let quantity = self.free_requests.unwrap_or(tier.quantity);
        Some((&tier.id, BigRational::from_integer(quantity.into())))
    }

    /// Bytes in the unit by which log ingestion is priced.
    pub(super) fn bytes_per_log_unit(&self) -> BigRational {
        BigRational::from_integer(catalog::bytes_per_unit("logs-ingestion").into())
    }
}
