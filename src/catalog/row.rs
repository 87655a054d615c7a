//! One line of `kmsim catalog`.

use num_rational::BigRational;
use num_traits::ToPrimitive;
use serde::Serialize;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogRow {
    /// `region`, `quota`, `price`, `free-tier`, `cost-left-out`, `s3-operation`, `retry-profile`, `retry-limiter`,
    /// `retry-classification`, `throttled-answer`, `sdk-default`, `algorithm-suite`, `branch-key-cache`,
    /// `directory-bucket`, `delivery`, `service`, `service-operation`, `s3-request-rate` or `policy-limit`.
    pub kind: &'static str,
    /// Identifier, with the quota code where there is one.
    pub id: String,
    /// Region; empty where the row holds in all of them or Regions mean nothing.
    pub region: String,
    /// The value.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Whether it is an assumption: AWS does not document it, or not for this Region.
    pub assumed: bool,
    /// What else there is to know.
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// As of, `YYYY-MM-DD`.
    pub as_of: String,
}

/// A catalog value as it was written, without trailing zeros: all of them are short decimals.
pub(super) fn plain(value: &BigRational) -> String {
    match value.to_f64() {
        Some(float) => float.to_string(),
        None => value.to_string(),
    }
}
