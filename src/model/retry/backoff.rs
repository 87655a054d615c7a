//! How long a client waits before it tries again.
//!
//! `n` is the number of the attempt that just failed, 1 for the first. Full jitter multiplies after the cap.

use crate::engine::SECOND;
use crate::engine::random::Key;

/// Wait before a retry.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// The same delay \[ns\] each time.
    Fixed(u64),
    /// min(cap, initial · 2^(n−1)) with jitter.
    Exponential {
        /// Bound of the first delay \[ns\].
        initial_backoff: u64,
        /// Cap of the bound \[ns\].
        max_backoff: u64,
        /// How the delay is drawn below the bound.
        jitter: Jitter,
    },
}

/// How a delay is drawn below its bound v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// v itself.
    None,
    /// U(0, v).
    Full,
    /// v/2 + U(0, v/2).
    Equal,
    /// min(cap, U(initial, 3 · previous delay)), where the delay before the first is `initial`.
    Decorrelated,
}

impl Backoff {
    /// The delay \[ns\] after failed attempt `n` ≥ 1 of the request whose draws are under `key`.
    #[inline(always)]
    pub fn delay(&self, n: u16, key: Key) -> u64 {
        self.delay_drawn(n, |k| key.with(u64::from(k)).bits())
    }

    /// The delay \[ns\] after failed attempt `n` ≥ 1, where `draw(k)` is the k-th uniform number of
    /// the request, scaled to 2⁶⁴. All kinds of jitter but the decorrelated one ask for the n-th only.
    #[inline(always)]
    pub fn delay_drawn(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64 {
        match *self {
            Backoff::Fixed(ns) => ns,
            Backoff::Exponential {
                initial_backoff,
                max_backoff,
                jitter,
            } => {
                let bound = |n: u16| bound(initial_backoff, max_backoff, n);
                let up_to =
                    |n: u16, most: u64| Key::from_bits(draw(n)).below(most.saturating_add(1));
                match jitter {
                    Jitter::None => bound(n),
                    Jitter::Full => up_to(n, bound(n)),
                    Jitter::Equal => bound(n) / 2 + up_to(n, bound(n) - bound(n) / 2),
                    Jitter::Decorrelated => {
                        // The chain of earlier delays is drawn again from the request's own numbers.
                        let mut previous = initial_backoff;
                        for k in 1..=n {
                            let high = previous.saturating_mul(3).max(initial_backoff);
                            previous = (initial_backoff + up_to(k, high - initial_backoff))
                                .min(max_backoff);
                        }
                        previous
                    }
                }
            }
        }
    }

    /// Where the delay after failed attempt `n` ≥ 1 is uniform in 0..x \[ns\], that x.
    pub fn uniform_below(&self, n: u16) -> Option<u64> {
        match *self {
            Backoff::Exponential {
                initial_backoff,
                max_backoff,
                jitter: Jitter::Full,
            } => Some(bound(initial_backoff, max_backoff, n).saturating_add(1)),
            Backoff::Fixed(_) | Backoff::Exponential { .. } => None,
        }
    }

    /// The longest that a delay can be \[ns\].
    pub fn cap(&self) -> u64 {
        match *self {
            Backoff::Fixed(ns) => ns,
            Backoff::Exponential { max_backoff, .. } => max_backoff,
        }
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

/// What a server's `x-amz-retry-after` does to a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Nothing.
    Ignored,
    /// Raises a shorter delay to the header's, by at most so much \[ns\].
    Raises(u64),
    /// Takes the delay's place, up to the backoff's cap.
    Replaces,
}

impl RetryAfter {
    /// The delay \[ns\] where the backoff says `delay`, with the cap `cap`, and the answer asks for
    /// `asked`.
    #[inline]
    pub fn apply(self, delay: u64, cap: u64, asked: Option<u64>) -> u64 {
        match (self, asked) {
            (RetryAfter::Ignored, _) | (_, None) => delay,
            (RetryAfter::Raises(most), Some(asked)) => {
                delay.max(asked.min(delay.saturating_add(most)))
            }
            (RetryAfter::Replaces, Some(asked)) => asked.min(cap),
        }
    }

    /// What a header's text asks for \[ns\]: whole milliseconds; anything else is no header.
    pub fn parse(header: &str) -> Option<u64> {
        let ms: u64 = header.trim().parse().ok()?;
        Some(ms.saturating_mul(SECOND / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn mean(jitter: Jitter, n: u16) -> f64 {
        let b = Backoff::Exponential {
            initial_backoff: 50 * MS,
            max_backoff: 300 * MS,
            jitter,
        };
        let runs = 40_000;
        (0..runs)
            .map(|i| b.delay(n, Key::root(8, i)) as f64)
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

    #[test]
    fn the_server_may_ask_for_more_time() {
        let raises = RetryAfter::Raises(5_000 * MS);
        assert_eq!(raises.apply(300 * MS, u64::MAX, Some(200 * MS)), 300 * MS);
        assert_eq!(raises.apply(300 * MS, u64::MAX, Some(900 * MS)), 900 * MS);
        assert_eq!(
            raises.apply(300 * MS, u64::MAX, Some(9_000 * MS)),
            5_300 * MS
        );
        assert_eq!(RetryAfter::Replaces.apply(300, 2_000, Some(100)), 100);
        assert_eq!(RetryAfter::Replaces.apply(300, 2_000, Some(9_000)), 2_000);
        assert_eq!(RetryAfter::Ignored.apply(300, 2_000, Some(9_000)), 300);
        assert_eq!(RetryAfter::parse("1500"), Some(1_500 * MS));
        assert_eq!(
            (RetryAfter::parse("-5"), RetryAfter::parse("soon")),
            (None, None)
        );
    }
}
