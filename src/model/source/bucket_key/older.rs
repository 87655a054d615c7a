//! Objects from before bucket keys were switched on: the share of reads that still goes to them, second by second.

use crate::engine::narrow::whole;
use std::fmt;

/// The share of reads that goes to objects without a bucket key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OlderObjects {
    /// At t = 0.
    pub share: f64,
    /// How it falls.
    pub decline: Decline,
}

/// How a share falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decline {
    /// Nobody rewrites such objects.
    Never,
    /// Each is as likely as any other to be rewritten or deleted at any time: half of them are gone after so many seconds.
    HalfLife(f64),
    /// They are rewritten one after another at one rate: the last of them after so many seconds.
    Within(f64),
}

impl OlderObjects {
    /// None: every object has a bucket key.
    pub const NONE: OlderObjects = OlderObjects {
        share: 0.0,
        decline: Decline::Never,
    };

    /// Whether there are any at all.
    pub fn is_some(&self) -> bool {
        self.share > 0.0
    }

    /// Whether every read is of one, for ever.
    pub fn are_all(&self) -> bool {
        self.share >= 1.0 && self.decline == Decline::Never
    }

    /// The share of all reads at all times; `None` where it falls.
    pub fn constant(&self) -> Option<f64> {
        (self.decline == Decline::Never).then_some(self.share)
    }

    /// The share in a second, as at its start: one number for all of its reads.
    #[inline]
    pub fn share_in(&self, second: u64) -> f64 {
        self.share * self.decline.left_at(second as f64)
    }
}

impl Decline {
    /// What is left of the first share at t \[s\].
    #[inline]
    pub fn left_at(self, t: f64) -> f64 {
        match self {
            Decline::Never => 1.0,
            Decline::HalfLife(half) => libm::exp2(-t / half),
            Decline::Within(end) => (1.0 - t / end).max(0.0),
        }
    }

    /// When only `left` of the first share is left \[s\]; `None`: never.
    pub fn time_until(self, left: f64) -> Option<f64> {
        match self {
            Decline::Never => None,
            Decline::HalfLife(half) => (left > 0.0).then(|| -half * libm::log2(left)),
            Decline::Within(end) => Some((1.0 - left) * end),
        }
    }

    /// What is left of the first share, added up over `from..to` \[s\].
    pub fn sum(self, from: f64, to: f64) -> f64 {
        match self {
            Decline::Never => to - from,
            Decline::HalfLife(half) => {
                (self.left_at(from) - self.left_at(to)) * half / std::f64::consts::LN_2
            }
            Decline::Within(end) => {
                let until = |t: f64| t - t * t / (2.0 * end);
                until(to.min(end)) - until(from.min(end))
            }
        }
    }

    /// When the sum from `from` on has reached `sum` \[s\]; `None`: never.
    pub fn time_of_sum(self, from: f64, sum: f64) -> Option<f64> {
        match self {
            Decline::Never => Some(from + sum),
            Decline::HalfLife(half) => {
                let left = self.left_at(from) - sum * std::f64::consts::LN_2 / half;
                self.time_until(left)
            }
            Decline::Within(end) => {
                let left = (end - from).max(0.0);
                let square = left * left - 2.0 * end * sum;
                (square >= 0.0).then(|| end - square.sqrt())
            }
        }
    }
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |s: f64| crate::units::Span::from_ns(whole((s * 1e9).round()));
        match self {
            Decline::Never => f.write_str("for ever"),
            Decline::HalfLife(half) => write!(f, "half of them gone every {}", span(*half)),
            Decline::Within(end) => write!(f, "all of them gone after {}", span(*end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_falls_as_it_is_written() {
        let of = |decline, second| {
            let older = OlderObjects {
                share: 0.4,
                decline,
            };
            older.share_in(second)
        };
        for (decline, second, share) in [
            (Decline::Never, 1_000_000, 0.4),
            (Decline::HalfLife(100.0), 0, 0.4),
            (Decline::HalfLife(100.0), 300, 0.05),
            (Decline::Within(100.0), 75, 0.1),
            (Decline::Within(100.0), 101, 0.0),
        ] {
            assert!((of(decline, second) - share).abs() < 1e-15, "{decline:?}");
        }
    }

    #[test]
    fn times_and_sums_are_those_of_small_steps() {
        for decline in [
            Decline::Never,
            Decline::HalfLife(70.0),
            Decline::Within(90.0),
        ] {
            let (from, to) = (10.0, 60.0);
            let steps = 100_000;
            let width = (to - from) / f64::from(steps);
            let middle = |i: u32| from + (f64::from(i) + 0.5) * width;
            let sum: f64 = (0..steps).map(|i| decline.left_at(middle(i)) * width).sum();
            assert!((decline.sum(from, to) - sum).abs() < 1e-6, "{decline:?}");
            let end = decline.time_of_sum(from, sum).expect("a time");
            assert!((end - to).abs() < 1e-4, "{decline:?}: {end}");
            if let Some(t) = decline.time_until(0.25) {
                assert!((decline.left_at(t) - 0.25).abs() < 1e-12, "{decline:?}");
            }
        }
        // More than there is to come.
        assert_eq!(Decline::HalfLife(70.0).time_of_sum(0.0, 101.0), None);
        assert_eq!(Decline::Within(90.0).time_of_sum(0.0, 46.0), None);
        assert_eq!(Decline::Within(90.0).sum(0.0, 900.0), 45.0);
    }
}
