//! The same delay each time.

use super::kind::{BackoffKind, LONGEST_WAIT};
use crate::input::reader::Reader;
use crate::units::Span;
use serde::{Serialize, Serializer};

/// The same delay each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedBackoff {
    /// The delay.
    pub delay: Span,
}

impl BackoffKind for FixedBackoff {
    const TRANSIENT_BASE: &'static str = "transient_delay";

    fn with_base(&self, delay: Span) -> FixedBackoff {
        FixedBackoff { delay }
    }

    fn read(r: &mut Reader<'_>) -> Option<FixedBackoff> {
        let delay = r.required_in("delay", ..=LONGEST_WAIT)?;
        Some(FixedBackoff { delay })
    }

    #[inline(always)]
    fn delay_drawn(&self, _: u16, _: impl Fn(u16) -> u64) -> u64 {
        self.delay.as_ns()
    }

    fn cap(&self) -> u64 {
        self.delay.as_ns()
    }
}

/// As an exponential backoff is shown, of a first delay only.
impl Serialize for FixedBackoff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown {
            initial_backoff: Span,
            max_backoff: Option<Span>,
            jitter: &'static str,
        }
        let shown = Shown {
            initial_backoff: self.delay,
            max_backoff: None,
            jitter: "none",
        };
        shown.serialize(serializer)
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::scenario::cases::{APP, Cases, RETRY};

    pub(crate) fn add(cases: &mut Cases) {
        for (path, key) in RETRY {
            let before = format!("{path}={{fixed={{delay=\"50ms\",max_attempts=3}}}}");
            for (inside, value) in [("delay", "900ms"), ("max_attempts", "5")] {
                cases.key(
                    format!("{key}.fixed.{inside}"),
                    APP,
                    &[&before],
                    &[&format!("{path}.fixed.{inside}={value}")],
                    "kms_attempts",
                );
            }
        }
    }
}
