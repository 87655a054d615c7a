//! `[price.ITEM]`: prices in place of the catalog's.

use super::account::region;
use crate::billing::PriceBook;
use crate::catalog;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::input::spelling::did_you_mean;
use indexmap::IndexMap;
use num_rational::BigRational;
use serde::Serialize;

/// A price in place of the catalog's.
#[derive(Clone, Debug, Serialize)]
pub struct PriceSettings {
    /// Region, `None`: every Region.
    pub region: Option<String>,
    /// Dollars, a decimal number.
    pub usd: String,
    /// For so many units.
    pub per: u64,
}

pub(super) fn prices(r: &mut Reader<'_>) -> IndexMap<String, PriceSettings> {
    r.declared("price", |item, r| {
        if !catalog::prices().iter().any(|p| p.item == item) {
            let known: Vec<&str> = catalog::prices().iter().map(|p| p.item.as_str()).collect();
            let near = did_you_mean(item, known.iter().copied());
            let help = near.map_or_else(
                || format!("items: {}", known.join(", ")),
                |n| format!("did you mean `{n}`?"),
            );
            r.fault(
                Code::UnknownName,
                r.place(),
                format!("no price item is called `{item}`"),
                help,
            );
        }
        let region = region(r);
        let usd: Option<String> = r.required("usd");
        let per = r.or_in("per", 1, 1..=u64::MAX);
        if let Some(usd) = &usd
            && !catalog::decimal::exact(usd).is_ok_and(|v| v >= num_traits::Zero::zero())
        {
            r.fault(
                Code::BadUnit,
                r.place_of("usd"),
                format!("`{usd}` is not an amount in dollars"),
                "write a decimal number of dollars as text, `usd = \"0.03\"`",
            );
        }
        Some(PriceSettings {
            region,
            usd: usd?,
            per,
        })
    })
    .into_read()
}

/// The catalog's prices with the scenario's in front.
pub(super) fn price_book(prices: &IndexMap<String, PriceSettings>) -> PriceBook {
    let mut book = PriceBook::default();
    for (item, price) in prices {
        let key = price
            .region
            .as_ref()
            .map_or_else(|| item.clone(), |r| format!("{item}/{r}"));
        if let Ok(usd) = catalog::decimal::exact(&price.usd) {
            let per = BigRational::from_integer(price.per.into());
            // The reader has refused unknown items, Regions and negative prices.
            let _ = book.set(&key, usd / per);
        }
    }
    book
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{APP, Cases};

    pub(crate) fn add(cases: &mut Cases) {
        cases.key(
            "price.NAME.usd",
            APP,
            &["price.kms-keys.usd=\"1\""],
            &["price.kms-keys.usd=\"2\""],
            "cost_kms_keys_usd",
        );
        cases.key(
            "price.NAME.per",
            APP,
            &["price.kms-keys.usd=\"1\""],
            &["price.kms-keys.per=7"],
            "cost_kms_keys_usd",
        );
        cases.key(
            "price.NAME.region",
            APP,
            &["price.kms-keys.usd=\"2\""],
            &["price.kms-keys.region=eu-west-1"],
            "cost_kms_keys_usd",
        );
        cases.broken(
            Code::UnknownKey,
            "per = 1",
            "pre = 1",
            "pre ",
            &["did you mean `per`?"],
        );
        cases.broken(
            Code::MissingKey,
            "usd = \"1\"\n",
            "",
            "[price.kms-keys]",
            &["`price.kms-keys.usd` is missing"],
        );
        cases.broken(
            Code::BadUnit,
            "usd = \"1\"",
            "usd = \"1e3\"",
            "\"1e3\"",
            &["1e3", "dollars"],
        );
        cases.broken(
            Code::BadUnit,
            "usd = \"1\"",
            "usd = \"-1\"",
            "\"-1\"",
            &["-1"],
        );
        cases.broken(
            Code::OutOfRange,
            "per = 1",
            "per = 0",
            "0\n\n[workload.reads]",
            &["but is 0"],
        );
        cases.broken(
            Code::UnknownName,
            "[price.kms-keys]",
            "[price.kms-kys]",
            "[price.kms-kys]",
            &["kms-kys", "did you mean `kms-keys`?"],
        );
        cases.broken_in_several_places(
            Code::NoDefault,
            "region = \"us-east-1\"\n\n[account.main]",
            "region = \"cn-north-1\"\n\n[account.main]",
            "[workload.reads]",
            &["unknown price of `", "in cn-north-1", "[price."],
        );
    }
}
