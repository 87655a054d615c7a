//! A key that is held for a time: from KMS's answer on, until its lifetime ends.

/// A plaintext key, or the place for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldKey {
    /// From when on it serves \[ns\].
    pub from: u64,
    /// From when on it no longer does \[ns\].
    pub until: u64,
}

impl HeldKey {
    /// None.
    pub const NEVER: HeldKey = HeldKey {
        from: u64::MAX,
        until: 0,
    };

    /// Whether it serves at an instant.
    #[inline]
    pub fn serves(&self, at: u64) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether it serves in the whole of `from..to`.
    #[inline]
    pub fn serves_through(&self, from: u64, to: u64) -> bool {
        self.from <= from && self.until >= to
    }

    /// As `serves`, and with `renewed` the lifetime starts over.
    #[inline]
    pub fn uses(&mut self, at: u64, renewed: Option<u64>) -> bool {
        let serves = self.serves(at);
        if serves && let Some(lifetime) = renewed {
            self.until = at.saturating_add(lifetime);
        }
        serves
    }

    /// A fetch begun at a miss at `at` answers at `ready`. The first answer counts; those of
    /// requests that looked before it came are dropped.
    /// Whether this is the one.
    pub fn fetched(&mut self, at: u64, ready: u64, lifetime: u64) -> bool {
        let first = self.until <= at || ready < self.from;
        if first {
            *self = HeldKey {
                from: ready,
                until: ready.saturating_add(lifetime),
            };
        }
        first
    }
}
