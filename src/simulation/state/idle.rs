//! When it is worth looking for seconds in which nothing can happen.

/// Most seconds after which it is worth another try where no second was idle.
const LONGEST_WAIT: u64 = 64;

/// When it is worth looking for them.
#[derive(Debug, Default)]
pub struct Idle {
    /// The second from which on.
    again: u64,
    /// How long the last wait was.
    wait: u64,
}

impl Idle {
    /// Whether it is worth looking at a second and those after it.
    #[inline(always)]
    pub fn may_begin(&self, second: u64) -> bool {
        second >= self.again
    }

    /// From `second` on the first that is not idle was `next`. Where traffic is steady it is asked ever more rarely.
    pub fn found(&mut self, second: u64, next: u64) {
        if next > second {
            self.wait = 0;
        } else {
            self.wait = (2 * self.wait).clamp(1, LONGEST_WAIT);
            self.again = second + self.wait;
        }
    }
}
