//! min(cap, initial · 2^(n−1)) with jitter. Full jitter multiplies after the cap.

use super::kind::{BackoffKind, LONGEST_WAIT};
use crate::engine::random::Key;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use crate::units::Span;
use serde::Serialize;

/// min(cap, initial · 2^(n−1)) with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExponentialBackoff {
    /// Bound of the first delay.
    pub initial_backoff: Span,
    /// Cap of the bound, `None` without one.
    pub max_backoff: Option<Span>,
    /// How the delay is drawn below the bound.
    pub jitter: Jitter,
    /// What the cap holds down; written by no scenario.
    #[serde(skip_serializing_if = "Capped::is_default")]
    pub capped: Capped,
}

/// What the cap of a backoff holds down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capped {
    /// The bound.
    #[default]
    Bound,
    /// The delay that was drawn below a bound without a cap.
    Delay,
    /// The bound; where it is held down, there is no jitter.
    BoundAndJitter,
}

impl Capped {
    fn is_default(&self) -> bool {
        *self == Capped::default()
    }
}

keywords! {
    /// How a delay is drawn below its bound v.
    pub enum Jitter {
        /// v itself.
        None = "none",
        /// U(0, v).
        Full = "full",
        /// v/2 + U(0, v/2).
        Equal = "equal",
        /// v/2 + U(0, v).
        Around = "around",
        /// min(cap, U(initial, 3 · previous delay)), where the delay before the first is `initial`.
        Decorrelated = "decorrelated",
    }
}

impl ExponentialBackoff {
    /// The bound of the delay after failed attempt `n` \[ns\].
    #[inline(always)]
    fn bound(&self, n: u16) -> u64 {
        bound(self.initial_backoff.as_ns(), self.cap(), n)
    }

    /// The bound without a cap, which may be too large to tell apart \[ns\].
    fn free_bound(&self, n: u16) -> u64 {
        bound(self.initial_backoff.as_ns(), u64::MAX, n)
    }

    /// Whether the delay after failed attempt `n` is drawn below its bound and nothing more.
    #[inline(always)]
    fn is_plain(&self, n: u16) -> bool {
        match self.capped {
            Capped::Bound => true,
            Capped::Delay | Capped::BoundAndJitter => self.free_bound(n) <= self.cap(),
        }
    }
}

impl BackoffKind for ExponentialBackoff {
    const TRANSIENT_BASE: &'static str = "transient_initial_backoff";

    fn with_base(&self, initial_backoff: Span) -> ExponentialBackoff {
        ExponentialBackoff {
            initial_backoff,
            ..*self
        }
    }

    fn read(r: &mut Reader<'_>) -> Option<ExponentialBackoff> {
        let initial_backoff = r.required_in("initial_backoff", ..=LONGEST_WAIT);
        let max_backoff = r.or_in("max_backoff", Span::from_secs(20), ..=LONGEST_WAIT);
        let jitter = r.keyword("jitter").unwrap_or(Jitter::Full);
        Some(ExponentialBackoff {
            initial_backoff: initial_backoff?,
            max_backoff: Some(max_backoff),
            jitter,
            capped: Capped::Bound,
        })
    }

    /// All kinds of jitter but the decorrelated one ask for the n-th number only.
    #[inline(always)]
    fn delay_drawn(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64 {
        let up_to = |n: u16, most: u64| Key::from_bits(draw(n)).below(most.saturating_add(1));
        let bound = match self.capped {
            Capped::Bound => self.bound(n),
            Capped::Delay => self.free_bound(n),
            Capped::BoundAndJitter if self.is_plain(n) => self.bound(n),
            Capped::BoundAndJitter => return self.cap(),
        };
        let delay = match self.jitter {
            Jitter::None => bound,
            Jitter::Full => up_to(n, bound),
            Jitter::Equal => bound / 2 + up_to(n, bound - bound / 2),
            Jitter::Around => (bound / 2).saturating_add(up_to(n, bound)),
            Jitter::Decorrelated => {
                // The chain of earlier delays is drawn again from the request's own numbers.
                let (initial, cap) = (self.initial_backoff.as_ns(), self.cap());
                let mut previous = initial;
                for k in 1..=n {
                    let high = previous.saturating_mul(3).max(initial);
                    previous = (initial + up_to(k, high - initial)).min(cap);
                }
                previous
            }
        };
        match self.capped {
            Capped::Bound | Capped::BoundAndJitter => delay,
            Capped::Delay => delay.min(self.cap()),
        }
    }

    fn uniform_below(&self, n: u16) -> Option<u64> {
        (self.jitter == Jitter::Full && self.is_plain(n)).then(|| self.bound(n).saturating_add(1))
    }

    #[inline(always)]
    fn cap(&self) -> u64 {
        self.max_backoff.map_or(u64::MAX, Span::as_ns)
    }
}

/// min(cap, initial · 2^(n−1)).
#[inline(always)]
fn bound(initial_backoff: u64, max_backoff: u64, n: u16) -> u64 {
    let doubled = u32::from(n - 1);
    if doubled >= initial_backoff.leading_zeros() {
        max_backoff
    } else {
        (initial_backoff << doubled).min(max_backoff)
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{APP, Cases, RETRY};

    pub(crate) fn add(cases: &mut Cases) {
        for (path, key) in RETRY {
            let before =
                format!("{path}={{exponential={{initial_backoff=\"50ms\",max_attempts=5}}}}");
            for (inside, value) in [
                ("initial_backoff", "900ms"),
                ("max_backoff", "60ms"),
                ("max_attempts", "2"),
                ("jitter", "none"),
            ] {
                cases.key(
                    format!("{key}.exponential.{inside}"),
                    APP,
                    &[&before],
                    &[&format!("{path}.exponential.{inside}={value}")],
                    "kms_attempts",
                );
            }
        }
        cases.broken(
            Code::UnknownKey,
            "max_attempts = 3",
            "max_attempts = 3\nretries = 3",
            "retries",
            &["unknown key `retries` in `retry.exponential`", "known keys"],
        );
        cases.broken(
            Code::MissingKey,
            "initial_backoff = \"50ms\"\n",
            "",
            "[retry.exponential]",
            &["`retry.exponential.initial_backoff` is missing"],
        );
        cases.broken(
            Code::OutOfRange,
            "max_attempts = 3",
            "max_attempts = 0",
            "0\njitter",
            &["but is 0"],
        );
        cases.broken(
            Code::OutOfRange,
            "max_attempts = 3",
            "max_attempts = 70000",
            "70000",
            &["65535", "70000"],
        );
        cases.broken(
            Code::OutOfRange,
            "initial_backoff = \"50ms\"",
            "initial_backoff = \"100d\"",
            "\"100d\"",
            &["1d", "100d"],
        );
        cases.broken(
            Code::OutOfRange,
            "max_backoff = \"2s\"",
            "max_backoff = \"2d\"",
            "\"2d\"",
            &["1d", "2d"],
        );
        cases.broken(
            Code::UnknownName,
            "jitter = \"full\"",
            "jitter = \"ful\"",
            "\"ful\"",
            &["did you mean `full`?"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn mean(jitter: Jitter, n: u16) -> f64 {
        let b = ExponentialBackoff {
            initial_backoff: Span::from_ns(50 * MS),
            max_backoff: Some(Span::from_ns(300 * MS)),
            jitter,
            capped: Capped::Bound,
        };
        let runs = 40_000;
        (0..runs)
            .map(|i| {
                let key = Key::root(8, i);
                b.delay_drawn(n, |k| key.with(u64::from(k)).bits()) as f64
            })
            .sum::<f64>()
            / runs as f64
            / MS as f64
    }

    #[test]
    fn delays_have_the_means_of_their_formulas() {
        // Bounds 50, 100, 200 and then the cap of 300 ms.
        for (n, v) in [(1, 50.0), (2, 100.0), (3, 200.0), (4, 300.0), (60, 300.0)] {
            assert_eq!(mean(Jitter::None, n), v);
            assert!((mean(Jitter::Full, n) / (v / 2.0) - 1.0).abs() < 0.015);
            assert!((mean(Jitter::Equal, n) / (v * 0.75) - 1.0).abs() < 0.01);
        }
        // First U(50, 150); then U(50, 3 × it), mean (50 + 3 · 100)/2 below the cap: capped a little.
        assert!((mean(Jitter::Decorrelated, 1) / 100.0 - 1.0).abs() < 0.01);
        assert!(mean(Jitter::Decorrelated, 2) < 175.0 && mean(Jitter::Decorrelated, 2) > 160.0);
    }
}
