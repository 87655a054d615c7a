//! How long a client waits before it tries again, and how that is written.
//!
//! Each kind of backoff has a file of its own ([`BackoffKind`]) and one line in the list below.

pub mod exponential;
pub mod fixed;
pub mod kind;

pub use exponential::{Capped, ExponentialBackoff, Jitter};
pub use fixed::FixedBackoff;
pub use kind::BackoffKind;
pub(super) use kind::LONGEST_WAIT;

use crate::engine::random::Key;
use crate::input::reader::Reader;
#[cfg(test)]
use crate::scenario::cases::Cases;
use crate::units::Span;
use serde::Serialize;

/// The list of backoffs: what a policy with it is called in a scenario, and its type.
macro_rules! backoffs {
    ($($(#[$doc:meta])* $name:literal => $kind:ident($type:ident) in $file:ident,)*) => {
        /// Wait before a retry.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Backoff {
            $($(#[$doc])* $kind($file::$type),)*
        }

        $(impl From<$file::$type> for Backoff {
            fn from(kind: $file::$type) -> Backoff {
                Backoff::$kind(kind)
            }
        })*

        impl Backoff {
            /// The names of policies with a backoff of their own.
            pub(super) const NAMES: &[&str] = &[$($name),*];

            /// What is known of each one's keys.
            #[cfg(test)]
            pub(super) const CASES: &[fn(&mut Cases)] =
                &[$($file::cases::add),*];

            /// Reads the keys of each, in that order.
            pub(super) const READ: &[fn(&mut Reader<'_>) -> Option<Backoff>] =
                &[$(|r| $file::$type::read(r).map(Backoff::$kind)),*];

            /// The key of each one's base after errors of which only the status is known.
            pub(super) const TRANSIENT_BASES: &[&str] = &[$($file::$type::TRANSIENT_BASE),*];

            /// The same with another first delay, or bound of it.
            pub fn with_base(&self, base: Span) -> Backoff {
                match self { $(Backoff::$kind(kind) => Backoff::$kind(kind.with_base(base)),)* }
            }

            /// The delay \[ns\] after failed attempt `n` ≥ 1, where `draw(k)` is the k-th uniform number of
            /// the request, scaled to 2⁶⁴.
            #[inline(always)]
            pub fn delay_drawn(&self, n: u16, draw: impl Fn(u16) -> u64) -> u64 {
                match self { $(Backoff::$kind(kind) => kind.delay_drawn(n, draw),)* }
            }

            /// Where the delay after failed attempt `n` ≥ 1 is uniform in 0..x \[ns\], that x.
            pub fn uniform_below(&self, n: u16) -> Option<u64> {
                match self { $(Backoff::$kind(kind) => kind.uniform_below(n),)* }
            }

            /// The longest that a delay can be \[ns\].
            pub fn cap(&self) -> u64 {
                match self { $(Backoff::$kind(kind) => kind.cap(),)* }
            }
        }
    };
}

backoffs! {
    /// The same delay each time.
    "fixed" => Fixed(FixedBackoff) in fixed,
    /// Doubled from one retry to the next, with jitter.
    "exponential" => Exponential(ExponentialBackoff) in exponential,
}

impl Backoff {
    /// The delay \[ns\] after failed attempt `n` ≥ 1 of the request whose draws are under `key`.
    #[inline(always)]
    pub fn delay(&self, n: u16, key: Key) -> u64 {
        self.delay_drawn(n, |k| key.with(u64::from(k)).bits())
    }
}
