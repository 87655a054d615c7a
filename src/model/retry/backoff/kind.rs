//! What every kind of backoff answers: how it is written, and how long it waits.

use crate::input::reader::Reader;
use crate::units::Span;

/// A kind of backoff as written, which is also what is simulated.
///
/// `n` is the number of the attempt that just failed, 1 for the first.
pub trait BackoffKind: Sized {
    /// The key of another base after errors of which only the status is known.
    const TRANSIENT_BASE: &'static str;

    /// The same with another first delay, or bound of it.
    fn with_base(&self, base: Span) -> Self;

    /// Its own keys of the policy's table; `None` after recording what is wrong.
    fn read(r: &mut Reader<'_>) -> Option<Self>;

    /// The delay \[ns\] after failed attempt `n`, where `draw(k)` is the k-th uniform number of the
    /// request, scaled to 2⁶⁴.
    fn delay_drawn(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64;

    /// Where the delay after failed attempt `n` is uniform in 0..x \[ns\] and takes the n-th number only, that x.
    fn uniform_below(&self, n: u16) -> Option<u64> {
        let _ = n;
        None
    }

    /// The longest that a delay can be \[ns\].
    fn cap(&self) -> u64;
}

/// The longest wait that may be written. What is under way is followed to its end, second by second: a wait must be
/// one that a client would sit out.
pub(in crate::model::retry) const LONGEST_WAIT: Span = Span::from_secs(86_400);
