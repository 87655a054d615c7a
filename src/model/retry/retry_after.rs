//! What a server's `x-amz-retry-after` changes.

use crate::engine::SECOND;

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

    /// What a header's text asks for \[ns\]: whole milliseconds; anything else is ignored.
    pub fn parse(header: &str) -> Option<u64> {
        let ms: u64 = header.trim().parse().ok()?;
        Some(ms.saturating_mul(SECOND / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

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
