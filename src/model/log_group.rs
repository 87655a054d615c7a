//! Log groups of CloudWatch Logs under a KMS key: what is sent to them, and what of it is lost.

use super::refusal::Refusal;
use crate::engine::SECOND;

/// A log group of CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct LogGroup {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`](crate::model::Plan::accounts).
    pub account: usize,
    /// Index of [`Plan::regions`](crate::model::Plan::regions).
    pub region: usize,
    /// What is sent to it \[bytes/s\].
    pub bytes_per_second: u64,
    /// Whether its key is in use.
    pub association: Association,
    /// When KMS refuses it a data key: what is sent then is lost.
    pub refusals: Vec<Refusal>,
    /// Its workloads, indices of [`Plan::workloads`](crate::model::Plan::workloads).
    pub workloads: std::ops::Range<usize>,
}

/// Whether the key of a log group is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Association {
    /// From an instant on \[ns\].
    InEffect {
        /// The instant.
        from: u64,
    },
    /// AWS refused it: the log group goes on without the key, or was never made.
    Refused {
        /// Whether there is a log group all the same.
        exists: bool,
    },
}

impl LogGroup {
    /// Bytes that are ingested and bytes that are lost in the seconds `from..to`.
    pub fn bytes(&self, from: u64, to: u64) -> (u64, u64) {
        let bytes = |ns: u64| {
            let bytes = u128::from(self.bytes_per_second) * u128::from(ns) / u128::from(SECOND);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let all = (to - from) * SECOND;
        let lost = match self.association {
            Association::Refused { exists: true } => 0,
            Association::Refused { exists: false } => return (0, 0),
            Association::InEffect { from: in_effect } => {
                self.refused((from * SECOND).max(in_effect), to * SECOND)
            }
        };
        (bytes(all - lost), bytes(all) - bytes(all - lost))
    }

    /// How much of the time from one instant to another a data key is refused \[ns\].
    fn refused(&self, from: u64, to: u64) -> u64 {
        let mut refusals: Vec<&Refusal> = self.refusals.iter().collect();
        refusals.sort_by_key(|r| r.from);
        let (mut at, mut sum) = (from, 0);
        for refusal in refusals {
            let end = refusal.until.min(to);
            sum += end.saturating_sub(refusal.from.max(at));
            at = at.max(end);
        }
        sum
    }
}
