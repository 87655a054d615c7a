//! What was not used, and why.

use serde::Serialize;
use std::collections::BTreeMap;

/// Why a record, a line or a row was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It breaks the rules of its format.
    Malformed,
    /// It is larger than a reader holds.
    TooLarge,
    /// It has no time that can be read.
    NoTime,
    /// A text in it cannot be decoded.
    Text,
    /// An Insights event: a finding about other events.
    Insight,
    /// One record for many requests of five minutes.
    Aggregated,
    /// A control message of a subscription.
    Control,
    /// Not a record of this format.
    NotARecord,
    /// Its number is not a count.
    NotACount,
    /// A value is missing.
    NoValue,
    /// A row that is no usage: tax, credit, fee.
    NotUsage,
    /// A mark that an object was deleted.
    DeleteMarker,
    /// A comment line.
    Comment,
    /// Its end could not be told from what the requester wrote.
    Ambiguous,
}

impl SkipReason {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            SkipReason::Malformed => "malformed",
            SkipReason::TooLarge => "larger than 16 MiB",
            SkipReason::NoTime => "without a valid time",
            SkipReason::Text => "with text that cannot be decoded",
            SkipReason::Insight => "an Insights event",
            SkipReason::Aggregated => "an aggregated event, which stands for many requests",
            SkipReason::Control => "a control message",
            SkipReason::NotARecord => "not a record of this format",
            SkipReason::NotACount => "not a count",
            SkipReason::NoValue => "without a value",
            SkipReason::NotUsage => "not usage (tax, credit, fee)",
            SkipReason::DeleteMarker => "a delete marker",
            SkipReason::Comment => "a comment",
            SkipReason::Ambiguous => "ambiguous: the requester's text could be its end",
        }
    }
}

/// Most requests of a second in a sample: a thousand times the largest quota of KMS, a tenth of what is simulated, so that several add up.
const MOST_A_SECOND: f64 = 1e8;

/// Whether a number can be how many requests came in so many seconds.
pub fn is_count(n: f64, period_s: i64) -> bool {
    (0.0..=MOST_A_SECOND * period_s as f64).contains(&n) && n.fract() == 0.0
}

/// How many were skipped, and where the first one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// File and byte of the first.
    pub first: String,
}

/// Skips by reason.
pub type Skips = BTreeMap<SkipReason, Skipped>;
